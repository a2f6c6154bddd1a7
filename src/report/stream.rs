//! A document of JSON that is written piece by piece, in blocks, and never as a whole in memory.

use super::output::{Document, FileEntry};
use super::{ReportError, Sink, escape};
use serde::Serialize;
use std::io::Write as _;
use std::mem;

/// What goes out in one write.
const BLOCK: usize = 1 << 18;

/// The document while it is written.
pub(super) struct Stream {
    document: Document,
    /// What has not gone out yet.
    block: String,
    /// Kept between values for its memory only.
    value: Vec<u8>,
}

impl Stream {
    /// Opens a document of a sink.
    pub(super) fn open(name: &str, sink: &mut dyn Sink) -> Result<Self, ReportError> {
        Ok(Self {
            document: Document::open(name, sink)?,
            block: String::new(),
            value: Vec::new(),
        })
    }

    /// Writes text that is JSON, or a part of it, and ours.
    pub(super) fn text(&mut self, text: &str) -> Result<(), ReportError> {
        self.block.push_str(text);
        if self.block.len() < BLOCK {
            return Ok(());
        }
        self.send()
    }

    /// Writes a value.
    pub(super) fn value(&mut self, value: &impl Serialize) -> Result<(), ReportError> {
        self.append(value)?;
        self.text("")
    }

    /// Writes an object without its last brace, so that more can go into it.
    pub(super) fn open_object(&mut self, object: &impl Serialize) -> Result<(), ReportError> {
        self.append(object)?;
        self.block.pop();
        self.text("")
    }

    fn append(&mut self, value: &impl Serialize) -> Result<(), ReportError> {
        self.value.clear();
        let written = serde_json::to_writer(&mut self.value, value);
        written.map_err(|error| ReportError::writing(self.document.name())(error.into()))?;
        escape::for_json(&String::from_utf8_lossy(&self.value), &mut self.block);
        Ok(())
    }

    fn send(&mut self) -> Result<(), ReportError> {
        let block = mem::take(&mut self.block);
        let sent = self.document.write_all(block.as_bytes());
        sent.map_err(ReportError::writing(self.document.name()))?;
        self.block = block;
        self.block.clear();
        Ok(())
    }

    /// Writes what is left, and says what the document has become.
    pub(super) fn finish(mut self, rows: u64) -> Result<FileEntry, ReportError> {
        self.send()?;
        self.document.close(rows)
    }
}
