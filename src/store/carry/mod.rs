//! A run as one file to carry to another store.
//!
//! The file is a line that names the format and its version, and behind it a zlib stream of JSON objects, one
//! a line: the run, its machines, its lists, what the sweep saw, and its hosts, each behind the inventory and
//! the findings that it is the first to have. The last line counts those before and has their SHA-256, so
//! that a file that was cut says so. Nothing in it is believed: it may come from anybody.
//!
//! No secret is in a store, so there is none here. Pins, the breaker's tries and what earlier runs know of a
//! machine stay where they are.

mod lines;
mod read;
mod write;

pub use read::Imported;
pub(super) use read::import;
pub(super) use write::export;

use std::path::Path;

/// The first line.
const MAGIC: &[u8] = b"underdesk-run 1\n";
/// What the first line of any version begins with.
const NAME: &[u8] = b"underdesk-run ";
/// The longest line; an inventory is at most 256 MiB.
const LONGEST: u64 = 257 << 20;
/// The longest file, unpacked.
const MOST: u64 = 16 << 30;
/// The plan of a run that came from elsewhere: it is never resumed, for its targets and settings are not this
/// operator's.
pub const PLAN_OF_IMPORTED: &str = "imported";

/// Whether a file begins as one that carries a run, of this or any later format.
pub fn is_carried(start: &[u8]) -> bool {
    start.starts_with(NAME)
}

/// A file's name for an error.
fn shown(path: &Path) -> String {
    path.display().to_string()
}
