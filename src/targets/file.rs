//! Reads target lists from disk. The only file of this module that talks.

use super::Lists;
use std::fs::File;
use std::io::{self, Read as _};
use std::path::Path;

/// The largest target list, in bytes.
const FILE_LIMIT: u64 = 64 << 20;

/// Target lists on disk, and what came on standard input.
#[derive(Clone, Debug, Default)]
pub struct Disk {
    input: Option<String>,
}

impl Disk {
    /// Lists on disk. `input` is all of standard input, for the target `-`.
    pub fn new(input: Option<String>) -> Self {
        Self { input }
    }
}

impl Lists for Disk {
    fn file(&self, path: &Path) -> io::Result<String> {
        let mut text = String::new();
        let mut file = File::open(path)?.take(FILE_LIMIT + 1);
        file.read_to_string(&mut text)?;
        if text.len() as u64 > FILE_LIMIT {
            let message = "larger than 64 MiB: write blocks instead of addresses";
            return Err(io::Error::new(io::ErrorKind::FileTooLarge, message));
        }
        Ok(text)
    }

    fn input(&self) -> io::Result<String> {
        let missing = || io::Error::new(io::ErrorKind::NotFound, "nothing was piped in");
        self.input.clone().ok_or_else(missing)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write as _;

    #[test]
    fn a_list_that_is_not_text_is_an_error() {
        let mut file = tempfile::NamedTempFile::new().unwrap();
        file.write_all(b"10.0.0.1\n\xff\xfe\n").unwrap();
        let error = Disk::default().file(file.path()).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::InvalidData);
    }

    #[test]
    fn standard_input_is_what_was_passed_in() {
        assert_eq!(Disk::new(Some("a".into())).input().unwrap(), "a");
        assert!(Disk::default().input().is_err());
    }
}
