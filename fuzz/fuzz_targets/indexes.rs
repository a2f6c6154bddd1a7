//! What leads to a publisher's documents: an index, or `feeds.toml`. Nothing leads out of the folder of a mirror.

#![no_main]

use libfuzzer_sys::fuzz_target;
use std::path::Path;
use underdesk::catalog::sources::{Wanted, index, own_sources, sources};

fuzz_target!(|text: &str| {
    for first in sources().iter().filter_map(|source| source.first()) {
        for wanted in index::read(&first, text).into_iter().flatten() {
            stays_inside(&wanted);
        }
    }
    let _ = own_sources(text, Path::new("feeds.toml"), &|_| Some("value".to_owned()));
});

fn stays_inside(wanted: &Wanted) {
    assert!(wanted.path.split('/').all(|part| !part.is_empty() && !part.starts_with('.')));
}
