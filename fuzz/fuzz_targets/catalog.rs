//! A catalogue's file that somebody made or damaged: what differs from a good one is said or does no harm. The
//! input is of pieces, each with the place that it goes to.

#![no_main]

use libfuzzer_sys::fuzz_target;
use std::cell::OnceCell;
use std::fs;
use std::path::{Path, PathBuf};
use underdesk::catalog::{self, Catalog};
use underdesk::model::UtcTime;

struct Place {
    file: PathBuf,
    good: Vec<u8>,
}

impl Place {
    fn new() -> Self {
        let folder = std::env::temp_dir().join(format!("underdesk-fuzz-{}", std::process::id()));
        let _ = fs::remove_dir_all(&folder);
        fs::create_dir_all(&folder).expect("a folder");
        let file = folder.join("catalog.db");
        let fixtures = Path::new(env!("CARGO_MANIFEST_DIR")).join("../fixtures/catalog");
        catalog::import(&[fixtures], &file, UtcTime::from_unix(0)).expect("good documents");
        let good = fs::read(&file).expect("the catalogue");
        Self { file, good }
    }
}

thread_local!(static PLACE: OnceCell<Place> = const { OnceCell::new() });

fuzz_target!(|bytes: &[u8]| {
    PLACE.with(|place| {
        let Place { file, good } = place.get_or_init(Place::new);
        fs::write(file, changed(good, bytes)).expect("the file can be written");
        let Ok(catalog) = Catalog::open(file) else {
            return;
        };
        let _ = catalog.info();
        for ecosystem in catalog.ecosystems() {
            let _ = catalog.slice(ecosystem);
        }
        for product in catalog.products().iter().take(8) {
            let _ = catalog.product(product);
        }
    });
});

/// The good file with pieces of it replaced: three bytes of place, one of length, then the piece.
fn changed(good: &[u8], mut bytes: &[u8]) -> Vec<u8> {
    let mut file = good.to_vec();
    while let Some(([a, b, c, length], rest)) = bytes.split_first_chunk::<4>() {
        let at = u32::from_be_bytes([0, *a, *b, *c]) as usize % file.len();
        let (piece, rest) = rest.split_at(rest.len().min(usize::from(*length)));
        let end = file.len().min(at + piece.len());
        file[at..end].copy_from_slice(&piece[..end - at]);
        bytes = rest;
    }
    file
}
