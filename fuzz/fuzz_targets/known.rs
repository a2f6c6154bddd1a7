//! A list of machines in any form: what is read can be shown, and each row is a machine or is said.

#![no_main]

use libfuzzer_sys::fuzz_target;
use underdesk::known::{self, MOST_PROBLEMS, ReadOptions};
use underdesk_fuzz::{catch_panics, escapes};

fuzz_target!(init: catch_panics(), |bytes: &[u8]| escapes(|| read(bytes)));

fn read(bytes: &[u8]) {
    let Ok(read) = known::read("list.csv", bytes, &ReadOptions::default()) else {
        return;
    };
    assert!(!read.list.records.is_empty());
    assert!(read.unread.len() <= MOST_PROBLEMS);
    assert!(read.list.records.len() as u64 <= read.rows);
    assert!(read.list.records.len() as u64 + read.problems >= read.rows);
    for record in &read.list.records {
        for mac in &record.macs {
            assert_eq!(mac.len(), 17);
        }
    }
}
