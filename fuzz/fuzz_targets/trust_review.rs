//! A table of host keys that came back from a spreadsheet: no key is taken twice from one row.

#![no_main]

use libfuzzer_sys::fuzz_target;
use underdesk::session::{is_review, parse_review, review_text};

fuzz_target!(|bytes: &[u8]| {
    let text = review_text(bytes);
    let _ = is_review(&text);
    let Some(read) = parse_review(&text) else {
        return;
    };
    // A table's lines may end as they did on old Macs.
    let rows = text.split(['\n', '\r']).count();
    assert!(read.pins.len() + read.unticked + read.problems.len() <= rows * 2 + 1);
});
