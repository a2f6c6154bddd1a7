//! `underdesk.xlsx`: the whole run as one workbook, for people.
//!
//! First comes a summary with charts, then a sheet for each table, then a dictionary of every column. Cells have
//! types: numbers are numbers, days are days, and whatever a host says is text and nothing else. No cell holds a
//! formula. The dates in the file's properties are the run's, so that the same run gives the same bytes.
//!
//! Rows go to a temporary file of each sheet as they come (nameless where the system can do that, else readable by
//! the owner only and unlinked at once; `TMPDIR` says where), so that a million findings cost no more memory than a
//! thousand. What grows with the rows is bounded: a sheet goes on in the next one where Excel's rows end, and links
//! end where Excel's do.

mod book;
mod cells;
mod charts;
mod dictionary;
mod front;
mod links;
mod look;
mod paper;
mod pipe;
mod sheets;
mod tally;

#[cfg(test)]
mod tests;

use super::output::Document;
use super::{Exporter, Options, ReportError, ReportSource, Sink, Written, tables};
use book::Book;
use rust_xlsxwriter::XlsxError;
use std::io;

/// The file.
const NAME: &str = "underdesk.xlsx";

#[derive(Debug)]
pub(super) struct Xlsx;

impl Exporter for Xlsx {
    fn format(&self) -> &'static str {
        "xlsx"
    }

    fn write(
        &self,
        source: &dyn ReportSource,
        options: &Options,
        sink: &mut dyn Sink,
    ) -> Result<Written, ReportError> {
        write_within(Bounds::EXCEL, source, options, sink)
    }
}

/// How much a workbook takes.
#[derive(Clone, Copy, Debug)]
struct Bounds {
    /// Rows of a sheet, its header left out.
    rows: u32,
    /// Links of the findings; further cells are plain text.
    links: u32,
    /// Links of each other table: each costs memory until the file is written.
    links_elsewhere: u32,
}

impl Bounds {
    /// What Excel takes of rows and links, and of other links so many that all together cost some 60 MB.
    const EXCEL: Self = Self {
        rows: 1_048_575,
        links: 65_530,
        links_elsewhere: 5_000,
    };

    /// How many links a table has.
    fn links_of(&self, table: &str) -> u32 {
        match table {
            "findings" => self.links,
            _ => self.links_elsewhere,
        }
    }
}

fn write_within(
    bounds: Bounds,
    source: &dyn ReportSource,
    options: &Options,
    sink: &mut dyn Sink,
) -> Result<Written, ReportError> {
    let tables = tables::chosen(options.table.as_deref(), source)?;
    let mut document = Document::open(NAME, sink)?;
    let mut book = Book::open(source.run(), &tables, bounds)?;
    let counts = tables::each_row(source, options, &tables, &mut |at, cells| {
        book.row(at, cells)
    })?;
    let rows = book.rows();
    let mut workbook = book.finish(source, &counts)?;
    pipe::save(&mut workbook, &mut document)?;
    let files = vec![document.close(rows)?];
    Ok(Written { files, counts })
}

fn fault(error: XlsxError) -> ReportError {
    ReportError::writing(NAME)(io::Error::other(error))
}
