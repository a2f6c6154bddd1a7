//! The challenge of NTLM, bare and wrapped.

#![no_main]

use libfuzzer_sys::fuzz_target;
use underdesk::wire::ntlmssp::Challenge;

const SECOND: &[u8] = b"NTLMSSP\0\x02\0\0\0";

fuzz_target!(|bytes: &[u8]| {
    let _ = Challenge::find(bytes);
    // A fuzzer would not guess the beginning.
    let message = [SECOND, bytes].concat();
    let bare = Challenge::parse(&message);
    let wrapped = [&[0xa1, 0x81, 0x90], message.as_slice()].concat();
    assert_eq!(Challenge::find(&wrapped), bare);
    for name in bare.iter().filter_map(|read| read.dns_computer.as_ref()) {
        assert!(name.chars().count() <= 255);
    }
});
