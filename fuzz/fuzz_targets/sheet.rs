//! An edited table in any form: each finding is there once, and each id is one.

#![no_main]

use libfuzzer_sys::fuzz_target;
use std::collections::BTreeSet;
use underdesk::classify::sheet;
use underdesk_fuzz::{catch_panics, escapes};

fuzz_target!(init: catch_panics(), |bytes: &[u8]| escapes(|| read(bytes)));

fn read(bytes: &[u8]) {
    let Ok(read) = sheet::read(bytes, &[]) else {
        return;
    };
    let ids: BTreeSet<_> = read.rows.iter().map(|row| &row.finding).collect();
    assert_eq!(ids.len(), read.rows.len());
    assert!(ids.iter().all(|id| id.as_str().len() == 18));
}
