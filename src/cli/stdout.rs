//! Standard output. Whoever reads only the beginning of it, as head(1) does, is no reason to fail.

use super::{Exit, Stop};
use crate::report::{ReportError, Sink};
use std::io::{self, Write};

/// Writes to standard output, as far as somebody reads it.
pub(super) fn print(text: impl AsRef<[u8]>) -> Result<(), Stop> {
    let mut out = io::stdout().lock();
    let written = out.write_all(text.as_ref()).and_then(|()| out.flush());
    match written {
        Err(error) if !is_closed(&error) => Err(stop(&error)),
        _ => Ok(()),
    }
}

/// Standard output as the place of a document.
pub(super) struct Stdout;

impl Sink for Stdout {
    fn file(&mut self, _name: &str) -> io::Result<Box<dyn Write>> {
        Ok(Box::new(io::stdout()))
    }
}

/// Whether an export to standard output ended because nobody reads that any more.
pub(super) fn is_left(error: &ReportError) -> bool {
    error.io().is_some_and(is_closed)
}

/// What there is to say of an export to standard output, where it ended because that did not take it.
pub(super) fn failed(error: &ReportError) -> Option<Stop> {
    error.io().map(stop)
}

fn is_closed(error: &io::Error) -> bool {
    error.kind() == io::ErrorKind::BrokenPipe
}

fn stop(error: &io::Error) -> Stop {
    Stop {
        exit: Exit::Failed,
        text: format!("cannot write to standard output: {error}"),
    }
}
