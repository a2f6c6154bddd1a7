//! The files that an import is given.

use super::outcome::ImportError;
use sha2::{Digest as _, Sha256};
use std::fs::{self, File};
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};

/// Folders inside folders that are followed.
const DEEPEST_FOLDER: usize = 16;

/// The files of a folder and of the folders in it, sorted. Hidden ones are left out, and links to
/// folders are not followed.
pub(super) fn walk(folder: &Path, files: &mut Vec<PathBuf>) -> Result<(), ImportError> {
    below(folder, DEEPEST_FOLDER, files)
}

fn below(folder: &Path, depth: usize, files: &mut Vec<PathBuf>) -> Result<(), ImportError> {
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
            below(&path, depth - 1, files)?;
        } else if path.is_file() {
            files.push(path);
        }
    }
    Ok(())
}

/// The first bytes of a file, and the SHA-256 of all of it.
pub(super) fn head_and_sum(file: &mut File) -> io::Result<(Vec<u8>, Vec<u8>)> {
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
