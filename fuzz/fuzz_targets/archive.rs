//! A run that is carried from another store: taken wholly or not at all. The bytes are its lines, packed and
//! closed as the format wants it, so that more than the check of its hash is tried.

#![no_main]

use flate2::Compression;
use flate2::write::ZlibEncoder;
use libfuzzer_sys::fuzz_target;
use sha2::{Digest as _, Sha256};
use std::cell::OnceCell;
use std::fs;
use std::io::Write as _;
use std::path::PathBuf;
use underdesk::store::Store;

struct Place {
    store: Store,
    file: PathBuf,
}

impl Place {
    fn new() -> Self {
        let folder = std::env::temp_dir().join(format!("underdesk-fuzz-{}", std::process::id()));
        let _ = fs::remove_dir_all(&folder);
        fs::create_dir_all(&folder).expect("a folder for the store");
        Self {
            store: Store::open(&folder.join("runs.db")).expect("a store"),
            file: folder.join("run"),
        }
    }
}

thread_local!(static PLACE: OnceCell<Place> = const { OnceCell::new() });

fuzz_target!(|bytes: &[u8]| {
    PLACE.with(|place| {
        let Place { store, file } = place.get_or_init(Place::new);
        fs::write(file, packed(bytes)).expect("the file can be written");
        let before = store.list_runs().wait().expect("the store is whole").len();
        let taken = store.import_run(file, |_| Ok(())).wait();
        let runs = store.list_runs().wait().expect("the store is whole");
        match taken {
            Ok(_) => {
                let ids = runs.into_iter().map(|run| run.summary.id).collect();
                let gone = store.delete_runs(ids).wait();
                gone.expect("what was taken can be taken away");
            }
            Err(_) => assert_eq!(runs.len(), before),
        }
    });
});

/// A file of these lines, with the last line that they need.
fn packed(bytes: &[u8]) -> Vec<u8> {
    let mut lines = bytes.to_vec();
    if !lines.ends_with(b"\n") {
        lines.push(b'\n');
    }
    let count = lines.iter().filter(|byte| **byte == b'\n').count();
    let digest = Sha256::digest(&lines);
    let digest: String = digest.iter().map(|byte| format!("{byte:02x}")).collect();
    let end = format!("{{\"end\":{{\"lines\":{count},\"sha256\":\"{digest}\"}}}}\n");
    lines.extend(end.into_bytes());
    let mut packer = ZlibEncoder::new(b"underdesk-run 1\n".to_vec(), Compression::fast());
    packer.write_all(&lines).expect("memory takes all");
    packer.finish().expect("memory takes all")
}
