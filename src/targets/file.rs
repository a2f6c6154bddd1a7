//! Reads target lists from disk. The only file of this module that talks.

use super::Lists;
use crate::tabular::encoding::shown_or_western;
use crate::tabular::no_text;
use std::fs::File;
use std::io::{self, Read};
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
        read(File::open(path)?)
    }

    fn input(&self) -> io::Result<String> {
        let missing = || io::Error::new(io::ErrorKind::NotFound, "nothing was piped in");
        self.input.clone().ok_or_else(missing)
    }
}

/// Reads a list as text: UTF-8, UTF-16 (as `>` of Windows PowerShell writes), or the Windows code page of western
/// Europe.
///
/// # Errors
/// What the system says; a list of more than 64 MiB; one that is no text at all.
pub fn read(from: impl Read) -> io::Result<String> {
    let mut bytes = Vec::new();
    from.take(FILE_LIMIT + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > FILE_LIMIT {
        let message = "larger than 64 MiB: write blocks instead of addresses";
        return Err(io::Error::new(io::ErrorKind::FileTooLarge, message));
    }
    if let Some((what, advice)) = no_text(&bytes) {
        let message = format!("it is {what}: {advice}");
        return Err(io::Error::new(io::ErrorKind::InvalidData, message));
    }
    Ok(shown_or_western(&bytes).0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write as _;

    #[test]
    fn a_list_that_is_not_text_is_an_error() {
        let mut file = tempfile::NamedTempFile::new().unwrap();
        file.write_all(b"PK\x03\x04\xff").unwrap();
        let error = Disk::default().file(file.path()).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::InvalidData);
        assert!(error.to_string().contains("a zip archive"), "{error}");
    }

    #[test]
    fn a_list_as_windows_writes_it_is_read() {
        let text = "10.0.0.1 # B\u{fc}ro\r\n10.0.0.2\r\n";
        let wide = |order: fn(u16) -> [u8; 2]| -> Vec<u8> {
            let marked = "\u{feff}".encode_utf16().chain(text.encode_utf16());
            marked.flat_map(order).collect()
        };
        for bytes in [
            text.as_bytes().to_vec(),
            wide(u16::to_le_bytes),
            wide(u16::to_be_bytes),
            wide(u16::to_le_bytes).split_off(2),
            b"10.0.0.1 # B\xfcro\r\n10.0.0.2\r\n".to_vec(),
        ] {
            assert_eq!(read(&*bytes).unwrap(), text);
        }
    }

    #[test]
    fn standard_input_is_what_was_passed_in() {
        assert_eq!(Disk::new(Some("a".into())).input().unwrap(), "a");
        assert!(Disk::default().input().is_err());
    }
}
