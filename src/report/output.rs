//! A document on its way out: counted and hashed while it is written.

use super::{ReportError, Sink};
use crate::model::hex;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use std::io::{self, Write};

/// One document that was written.
#[derive(Clone, Debug, PartialEq, Eq, JsonSchema, Serialize, Deserialize)]
pub struct FileEntry {
    /// Its file name.
    pub name: String,
    /// Its rows, without the header; for JSON Lines its lines.
    pub rows: u64,
    /// Its length in bytes.
    pub bytes: u64,
    /// SHA-256 over all of it, in hex.
    pub sha256: String,
    /// What had to be done to its cells; of formats without cells nothing.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub guards: Option<Guards>,
}

/// How many cells of a document do not show what was read as it was, and why.
#[derive(JsonSchema, Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Guards {
    /// Cells that would begin a formula, and got an apostrophe.
    pub formula: u64,
    /// Cells that were longer than a spreadsheet takes, and were cut.
    pub cut: u64,
    /// Cells with characters that act instead of being seen, and that are shown by a sign or a number.
    pub shown: u64,
    /// Cells that name only the first items of a list, and how many more there are.
    pub shortened: u64,
}

impl Guards {
    /// These and others.
    pub(super) fn and(self, other: Self) -> Self {
        Self {
            formula: self.formula + other.formula,
            cut: self.cut + other.cut,
            shown: self.shown + other.shown,
            shortened: self.shortened + other.shortened,
        }
    }
}

/// An open document.
pub(super) struct Document {
    name: String,
    out: Box<dyn Write>,
    hash: Sha256,
    bytes: u64,
}

impl Document {
    /// Opens a document of a sink.
    pub(super) fn open(name: &str, sink: &mut dyn Sink) -> Result<Self, ReportError> {
        let out = sink.file(name).map_err(ReportError::writing(name))?;
        Ok(Self {
            name: name.to_owned(),
            out,
            hash: Sha256::new(),
            bytes: 0,
        })
    }

    /// Its file name.
    pub(super) fn name(&self) -> &str {
        &self.name
    }

    /// Flushes it, and says what it has become.
    pub(super) fn close(self, rows: u64) -> Result<FileEntry, ReportError> {
        self.finish(rows, None)
    }

    /// The same, of a document with cells.
    pub(super) fn close_guarded(self, rows: u64, guards: Guards) -> Result<FileEntry, ReportError> {
        self.finish(rows, Some(guards))
    }

    fn finish(mut self, rows: u64, guards: Option<Guards>) -> Result<FileEntry, ReportError> {
        self.out.flush().map_err(ReportError::writing(&self.name))?;
        Ok(FileEntry {
            name: self.name,
            rows,
            bytes: self.bytes,
            sha256: hex(&self.hash.finalize()),
            guards,
        })
    }
}

impl Write for Document {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let count = self.out.write(bytes)?;
        let written = bytes.get(..count).unwrap_or(bytes);
        self.hash.update(written);
        self.bytes += u64::try_from(written.len()).unwrap_or(u64::MAX);
        Ok(count)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }
}
