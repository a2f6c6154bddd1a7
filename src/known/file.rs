//! Reads lists from disk. The only file of this module that talks.

use super::{KnownError, ReadList, ReadOptions, read as read_bytes};
use crate::model::{Date, UtcTime};
use std::fs::{File, Metadata};
use std::io::Read as _;
use std::path::Path;
use std::time::UNIX_EPOCH;

/// The largest list, in bytes.
const FILE_LIMIT: u64 = 256 << 20;

/// Reads a list from a file. Its day is the file's last change where nothing else says it.
pub fn read(path: &Path, options: &ReadOptions) -> Result<ReadList, KnownError> {
    let file = File::open(path).map_err(KnownError::Unreadable)?;
    let about = file.metadata().map_err(KnownError::Unreadable)?;
    let mut bytes = Vec::new();
    let mut file = file.take(FILE_LIMIT + 1);
    file.read_to_end(&mut bytes)
        .map_err(KnownError::Unreadable)?;
    if bytes.len() as u64 > FILE_LIMIT {
        return Err(KnownError::TooLarge(FILE_LIMIT));
    }
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let mut options = options.clone();
    options.written = options.written.or_else(|| written(&about));
    read_bytes(&name, &bytes, &options)
}

/// The day of the last change, in UTC.
fn written(about: &Metadata) -> Option<Date> {
    let since = about.modified().ok()?.duration_since(UNIX_EPOCH).ok()?;
    let seconds = i64::try_from(since.as_secs()).ok()?;
    Some(UtcTime::from_unix(seconds).date())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write as _;

    #[test]
    fn the_day_of_a_list_without_days_is_the_files() {
        let mut file = tempfile::NamedTempFile::new().unwrap();
        file.write_all(b"pc-1\npc-2\n").unwrap();
        let list = read(file.path(), &ReadOptions::default()).unwrap().list;
        let today = written(&file.as_file().metadata().unwrap());
        assert!(today.is_some());
        assert_eq!(list.as_of, today);
        assert_eq!(list.records.len(), 2);
    }

    #[test]
    fn a_file_that_is_not_there_is_an_error() {
        let error = read(Path::new("/nowhere/ad.csv"), &ReadOptions::default());
        assert!(matches!(error, Err(KnownError::Unreadable(_))));
    }
}
