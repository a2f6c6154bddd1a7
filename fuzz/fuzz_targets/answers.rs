//! What a host sends: frames, and everything that is read out of them.

#![no_main]

use libfuzzer_sys::fuzz_target;
use underdesk::collect;
use underdesk::session::{Limits, Nonce};

fuzz_target!(|bytes: &[u8]| {
    let nonce = Nonce::from_bytes([7; 16]);
    let limits = Limits::default();
    // Byte 0xff stands for the marker, which a fuzzer would not guess.
    let mut stream = Vec::new();
    for byte in bytes {
        match byte {
            0xff => stream.extend(format!("\n{nonce} ").bytes()),
            byte => stream.push(*byte),
        }
    }
    let parsed = collect::UNIX.parse_frames(&nonce, &stream, &limits);
    let _ = collect::read(&collect::UNIX, &parsed.answers);

    // The same bytes as the answer to every question at once.
    let framed = |id: &str| {
        let text = String::from_utf8_lossy(bytes);
        format!("\n{nonce} B {id}\n{text}\n{nonce} E {id} 0\n")
    };
    let questions = collect::UNIX.questions.iter();
    let whole: String = questions.map(|question| framed(question.id)).collect();
    let parsed = collect::UNIX.parse_frames(&nonce, whole.as_bytes(), &limits);
    let _ = collect::read(&collect::UNIX, &parsed.answers);
    // And to the one about the account.
    let whole = framed(collect::UNIX_ACCOUNT.questions[0].id);
    let parsed = collect::UNIX_ACCOUNT.parse_frames(&nonce, whole.as_bytes(), &limits);
    let _ = collect::account(&parsed.answers);
});
