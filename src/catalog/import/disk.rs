//! Files and folders, as they are given to an import.

use super::ImportError;
use crate::catalog::hashes::is_hash_file;
use sha2::{Digest as _, Sha256};
use std::fs::{self, File};
use std::io::{self, Read as _, Seek as _, SeekFrom};
use std::path::{Path, PathBuf};

/// Folders inside folders that are followed.
pub(super) const DEEPEST_FOLDER: usize = 16;

/// A file, to be read from its beginning.
pub(super) struct Opened {
    pub(super) file: File,
    /// Its first bytes.
    pub(super) head: Vec<u8>,
    /// The SHA-256 of all of it.
    pub(super) sum: Vec<u8>,
}

/// Opens a file.
pub(super) fn open(path: &Path) -> io::Result<Opened> {
    let mut file = File::open(path)?;
    let (head, sum) = head_and_sum(&mut file)?;
    file.seek(SeekFrom::Start(0))?;
    Ok(Opened { file, head, sum })
}

/// The files of a folder and of the folders in it, sorted. Hidden ones and what only
/// vouches for others are left out, and links to folders are not followed.
pub(super) fn walk(
    folder: &Path,
    depth: usize,
    files: &mut Vec<PathBuf>,
) -> Result<(), ImportError> {
    let failed = |source| ImportError::Read {
        path: folder.to_owned(),
        source,
    };
    let entries = fs::read_dir(folder).map_err(failed)?;
    let entries: io::Result<Vec<_>> = entries.collect();
    let mut entries = entries.map_err(failed)?;
    entries.sort_by_key(fs::DirEntry::file_name);
    for entry in entries {
        if entry.file_name().as_encoded_bytes().starts_with(b".") {
            continue;
        }
        let path = entry.path();
        let kind = entry.file_type().map_err(failed)?;
        if kind.is_dir() && depth > 0 {
            walk(&path, depth - 1, files)?;
        } else if path.is_file() && !is_hash_file(&path) {
            files.push(path);
        }
    }
    Ok(())
}

/// The first bytes of a file, and the SHA-256 of all of it.
fn head_and_sum(file: &mut File) -> io::Result<(Vec<u8>, Vec<u8>)> {
    let mut head = Vec::new();
    let mut sum = Sha256::new();
    let mut buffer = vec![0; 64 << 10];
    loop {
        let read = file.read(&mut buffer)?;
        let bytes = buffer.get(..read).unwrap_or_default();
        if bytes.is_empty() {
            return Ok((head, sum.finalize().to_vec()));
        }
        if head.is_empty() {
            head.extend(bytes.iter().take(512));
        }
        sum.update(bytes);
    }
}
