//! The workbook on its way into a document.
//!
//! The writer of workbooks packs in a thread and wants to write there; a document stays where it was opened. Between
//! them goes a short queue of blocks.

use super::super::ReportError;
use super::super::output::Document;
use super::{NAME, fault};
use rust_xlsxwriter::Workbook;
use std::io::{self, Write};
use std::sync::mpsc::{SyncSender, sync_channel};
use std::{mem, thread};

/// What goes over at once.
const BLOCK: usize = 1 << 18;
/// How many blocks wait.
const QUEUE: usize = 4;

/// Writes a workbook into a document.
pub(super) fn save(workbook: &mut Workbook, document: &mut Document) -> Result<(), ReportError> {
    thread::scope(|scope| {
        let (to, from) = sync_channel(QUEUE);
        let packer = scope.spawn(move || {
            let mut pipe = Pipe {
                block: Vec::with_capacity(BLOCK),
                to,
            };
            workbook.save_to_writer(&mut pipe).map_err(fault)?;
            pipe.flush().map_err(ReportError::writing(NAME))
        });
        let mut written = Ok(());
        for block in from {
            written = document.write_all(&block);
            if written.is_err() {
                break;
            }
        }
        // The packer's own error would only say that nobody listens any more.
        written.map_err(ReportError::writing(NAME))?;
        let packed = packer.join();
        packed.unwrap_or_else(|_| Err(ReportError::writing(NAME)(no_room())))
    })
}

/// The writer of workbooks panics where its temporary file cannot be written or read.
pub(super) fn no_room() -> io::Error {
    io::Error::other(
        "the temporary files of its sheets cannot be written: is their folder full? TMPDIR names another",
    )
}

struct Pipe {
    block: Vec<u8>,
    to: SyncSender<Vec<u8>>,
}

impl Write for Pipe {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.block.extend_from_slice(bytes);
        if self.block.len() >= BLOCK {
            self.flush()?;
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        if self.block.is_empty() {
            return Ok(());
        }
        let block = mem::replace(&mut self.block, Vec::with_capacity(BLOCK));
        let sent = self.to.send(block);
        sent.map_err(|_| io::Error::from(io::ErrorKind::BrokenPipe))
    }
}
