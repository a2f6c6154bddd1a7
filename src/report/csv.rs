//! Comma-separated values: one file a table, for spreadsheets and for other programs.
//!
//! Quoting is RFC 4180's; what a cell may hold is [`super::escape`]'s business. Never a `sep=`
//! line: it makes Excel ignore the byte-order mark.

use super::cell::Cell;
use super::output::{Document, FileEntry, Guards};
use super::tables::{self, Table};
use super::{Destination, Dialect, Exporter, Options, ReportError, ReportSource, Sink, Written};
use ::csv::{ByteRecord, Terminator, Writer, WriterBuilder};
use std::io::{self, Write as _};
use std::mem;

/// What a spreadsheet takes is 1,048,576; a round number leaves room for the header.
const ROWS_PER_FILE: u64 = 1_000_000;
/// What goes out in one write.
const BLOCK: usize = 1 << 18;

#[derive(Debug)]
pub(super) struct Csv;

impl Exporter for Csv {
    fn format(&self) -> &'static str {
        "csv"
    }

    fn write(
        &self,
        source: &dyn ReportSource,
        options: &Options,
        sink: &mut dyn Sink,
    ) -> Result<Written, ReportError> {
        let default = match options.destination {
            Destination::Folder => None,
            Destination::Stdout if source.verification().is_some() => Some("verify"),
            Destination::Stdout => Some("findings"),
        };
        let tables = tables::chosen(options.table.as_deref().or(default), source)?;
        let shape = Shape::of(options);
        let opened = tables.iter().map(|table| Sheet::open(table, shape, sink));
        let mut sheets = opened.collect::<Result<Vec<_>, _>>()?;
        let counts = tables::each_row(source, options, &tables, &mut |at, cells| match sheets
            .get_mut(at)
        {
            Some(sheet) => sheet.row(cells, sink),
            None => Ok(()),
        })?;
        let mut files = Vec::new();
        for sheet in sheets {
            files.extend(sheet.finish()?);
        }
        Ok(Written { files, counts })
    }
}

/// How bytes are laid out.
#[derive(Clone, Copy)]
pub(super) struct Shape {
    separator: u8,
    /// The separator of the other locale.
    pub(super) foreign: char,
    /// What a file begins with.
    pub(super) mark: &'static [u8],
    terminator: Terminator,
    rows: u64,
}

impl Shape {
    pub(super) fn of(options: &Options) -> Self {
        let (separator, foreign) = match options.dialect {
            Dialect::Default | Dialect::Plain => (b',', ';'),
            Dialect::ExcelEu => (b';', ','),
        };
        let plain = options.dialect == Dialect::Plain || options.destination == Destination::Stdout;
        let (mark, terminator) = if plain {
            (&b""[..], Terminator::Any(b'\n'))
        } else {
            (&b"\xef\xbb\xbf"[..], Terminator::CRLF)
        };
        let rows = match options.destination {
            Destination::Folder => options.rows_per_file.unwrap_or(ROWS_PER_FILE).max(1),
            Destination::Stdout => u64::MAX,
        };
        Self {
            separator,
            foreign,
            mark,
            terminator,
            rows,
        }
    }

    /// Lays out what it is given.
    pub(super) fn writer<W: io::Write>(&self, to: W) -> Writer<W> {
        WriterBuilder::new()
            .delimiter(self.separator)
            .terminator(self.terminator)
            .buffer_capacity(BLOCK)
            .from_writer(to)
    }
}

/// One table while it is written: the file at hand, and those that are full.
struct Sheet {
    table: &'static Table,
    shape: Shape,
    writer: Writer<Document>,
    name: String,
    rows: u64,
    /// What was done to the cells of the file at hand.
    guards: Guards,
    full: Vec<FileEntry>,
    // Kept between rows for their memory only.
    record: ByteRecord,
    cell: String,
}

impl Sheet {
    fn open(table: &'static Table, shape: Shape, sink: &mut dyn Sink) -> Result<Self, ReportError> {
        let name = format!("{}.csv", table.name);
        Ok(Self {
            table,
            shape,
            writer: begin(&name, table, shape, sink)?,
            name,
            rows: 0,
            guards: Guards::default(),
            full: Vec::new(),
            record: ByteRecord::new(),
            cell: String::new(),
        })
    }

    fn row(&mut self, cells: &[Cell<'_>], sink: &mut dyn Sink) -> Result<(), ReportError> {
        if self.rows == self.shape.rows {
            self.turn_page(sink)?;
        }
        self.record.clear();
        for cell in cells {
            self.cell.clear();
            cell.write_csv(self.shape.foreign, &mut self.cell, &mut self.guards);
            self.record.push_field(self.cell.as_bytes());
        }
        self.rows += 1;
        let written = self.writer.write_byte_record(&self.record);
        written.map_err(|error| ReportError::writing(&self.name)(error.into()))
    }

    /// Goes on in the next file: `findings-2.csv` after `findings.csv`.
    fn turn_page(&mut self, sink: &mut dyn Sink) -> Result<(), ReportError> {
        let name = format!("{}-{}.csv", self.table.name, self.full.len() + 2);
        let next = begin(&name, self.table, self.shape, sink)?;
        let writer = mem::replace(&mut self.writer, next);
        let guards = mem::take(&mut self.guards);
        self.full.push(close(writer, self.rows, guards)?);
        self.name = name;
        self.rows = 0;
        Ok(())
    }

    fn finish(mut self) -> Result<Vec<FileEntry>, ReportError> {
        self.full.push(close(self.writer, self.rows, self.guards)?);
        Ok(self.full)
    }
}

/// Opens a file and writes its header.
fn begin(
    name: &str,
    table: &Table,
    shape: Shape,
    sink: &mut dyn Sink,
) -> Result<Writer<Document>, ReportError> {
    let mut document = Document::open(name, sink)?;
    if !shape.mark.is_empty() {
        let marked = document.write_all(shape.mark);
        marked.map_err(ReportError::writing(name))?;
    }
    let mut writer = shape.writer(document);
    let header = writer.write_record(table.columns.iter().map(|column| column.name));
    header.map_err(|error| ReportError::writing(name)(error.into()))?;
    Ok(writer)
}

fn close(writer: Writer<Document>, rows: u64, guards: Guards) -> Result<FileEntry, ReportError> {
    let document = writer.into_inner().map_err(|failed| {
        let cause = failed.error();
        let cause = io::Error::new(cause.kind(), cause.to_string());
        ReportError::writing(failed.into_inner().get_ref().name())(cause)
    })?;
    document.close_guarded(rows, guards)
}
