//! What an operator writes: the policy, the rules by which machines are put together, the software rules.

#![no_main]

use libfuzzer_sys::fuzz_target;
use underdesk::classify::{MergeRules, Policy};
use underdesk::matching::windows::Rules;

fuzz_target!(|text: &str| {
    let lines = text.lines().count() + 1;
    if let Err(error) = Policy::parse(text) {
        let said = error.to_string();
        assert!(!said.is_empty() && said.len() <= text.len() * 8 + 4_096, "{lines} lines");
    }
    let _ = MergeRules::parse(text);
    let _ = Rules::read(text);
});
