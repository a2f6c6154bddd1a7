//! Archives and compressed documents, as they are given to an import: all of it or nothing. And what lies beside them and
//! says what they hash to.

#![no_main]

use libfuzzer_sys::fuzz_target;
use std::cell::OnceCell;
use std::fs;
use std::path::PathBuf;
use underdesk::catalog::{self, Limits, fuzzing};
use underdesk::model::UtcTime;
use underdesk_fuzz::{catch_panics, escapes};

/// Little, so that a bomb is one.
const LIMITS: Limits = Limits {
    document_bytes: 1 << 20,
    total_bytes: 4 << 20,
    documents: 64,
};

thread_local!(static PLACE: OnceCell<PathBuf> = const { OnceCell::new() });

fuzz_target!(init: catch_panics(), |bytes: &[u8]| escapes(|| {
    vouch(&String::from_utf8_lossy(bytes));
    import(bytes);
}));

/// What a list says of a document, a file with the same words says, too.
fn vouch(text: &str) {
    let both = fuzzing::of_file(text, "a.json").into_iter().zip(fuzzing::of_list(text, "a.json"));
    for (alone, listed) in both {
        assert!(listed.is_none() || alone == listed, "{listed:?} in a list, and {alone:?}");
    }
}

fn import(bytes: &[u8]) {
    PLACE.with(|place| {
        let folder = place.get_or_init(|| {
            let folder = std::env::temp_dir().join(format!("underdesk-fuzz-{}", std::process::id()));
            let _ = fs::remove_dir_all(&folder);
            fs::create_dir_all(&folder).expect("a folder");
            folder
        });
        let (given, catalog) = (folder.join("given"), folder.join("catalog.db"));
        fs::write(&given, bytes).expect("the file can be written");
        let taken = catalog::import_within(&[given], &catalog, UtcTime::from_unix(0), LIMITS);
        assert_eq!(taken.is_ok(), catalog.exists());
        let _ = fs::remove_file(&catalog);
        let left = fs::read_dir(folder).expect("the folder").count();
        assert_eq!(left, 1, "something is left beside the catalogue");
    });
}
