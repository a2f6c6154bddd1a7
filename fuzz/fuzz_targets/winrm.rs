//! A WinRM service that answers anything to whatever it is asked: status, then a body, in pieces of the bytes.

#![no_main]

use libfuzzer_sys::fuzz_target;
use underdesk::collect;
use underdesk::session::fuzzing;

fuzz_target!(|bytes: &[u8]| {
    let mut answers = Vec::new();
    // A line is the body of one answer, and its first byte chooses the status.
    for line in bytes.split(|byte| *byte == b'\n').take(64) {
        let status = match line.first() {
            Some(b'5') => 500,
            Some(b'4') => 400,
            _ => 200,
        };
        answers.push((status, line.get(1..).unwrap_or_default().to_vec()));
    }
    if let Some(answers) = fuzzing::ask_over_winrm(&collect::WINDOWS, answers) {
        let _ = collect::read(&collect::WINDOWS, &answers);
    }
});
