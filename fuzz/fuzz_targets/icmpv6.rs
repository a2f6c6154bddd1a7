//! Whatever a link answers to a question to all of its nodes: only what has our token is an answer.
#![no_main]

use libfuzzer_sys::fuzz_target;
use underdesk::sweep::search::icmp::{Token, is_answer};

fuzz_target!(|input: (Token, &[u8])| {
    let (token, message) = input;
    if is_answer(message, &token) {
        let mut parts = message.windows(token.len());
        assert!(parts.any(|part| part == token));
    }
});
