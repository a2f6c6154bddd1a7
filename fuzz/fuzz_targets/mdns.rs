//! What is announced by multicast DNS, by anybody on the link.

#![no_main]

use libfuzzer_sys::fuzz_target;
use underdesk::identify::announcement;

fuzz_target!(|datagram: &[u8]| {
    let clues = announcement(datagram, [192, 0, 2, 7].into());
    assert!(clues.len() <= 64);
});
