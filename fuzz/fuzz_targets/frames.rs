//! What a hostile network puts on the wire must not make the privileged sweep panic.
#![no_main]

use libfuzzer_sys::fuzz_target;
use underdesk::sweep::raw::frame::{self, SNAP};

fuzz_target!(|bytes: &[u8]| {
    let whole = frame::parse(bytes);
    // The kernel hands over the beginning of a long frame: that must say the same.
    if let Some(start) = bytes.get(..SNAP) {
        assert_eq!(frame::parse(start), whole);
    }
});
