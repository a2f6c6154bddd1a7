//! What a hostile network puts on the wire must not make the privileged sweep panic.
#![no_main]

use libfuzzer_sys::fuzz_target;
use underdesk::sweep::raw::frame::{SNAP, parse};

fuzz_target!(|frame: &[u8]| {
    let whole = parse(frame);
    // The kernel hands over the beginning of a long frame: that must say the same.
    if let Some(start) = frame.get(..SNAP) {
        assert_eq!(parse(start), whole);
    }
});
