//! Comma-separated values: one file a table, for spreadsheets and for other programs.
//!
//! Quoting is RFC 4180's; what a cell may hold is [`super::escape`]'s business. Never a `sep=`
//! line: it makes Excel ignore the byte-order mark.

use super::cell::Cell;
use super::output::{Document, FileEntry, Guards};
use super::projection::{self, Projection};
use super::tables;
use super::{
    Destination, Dialect, Exporter, Options, ReportError, ReportSource, Sink, Written, swar,
};
use ::csv::{Terminator, Writer, WriterBuilder};
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
        let projections = projection::of(&tables, &options.columns)?;
        let opened = projections.into_iter();
        let opened = opened.map(|projection| Sheet::open(projection, shape, sink));
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

    fn line_end(&self) -> &'static str {
        match self.terminator {
            Terminator::CRLF => "\r\n",
            _ => "\n",
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
    projection: Projection,
    shape: Shape,
    page: Page,
    full: Vec<FileEntry>,
}

impl Sheet {
    fn open(
        projection: Projection,
        shape: Shape,
        sink: &mut dyn Sink,
    ) -> Result<Self, ReportError> {
        let name = format!("{}.csv", projection.table().name);
        Ok(Self {
            shape,
            page: Page::begin(&name, &projection, shape, sink)?,
            projection,
            full: Vec::new(),
        })
    }

    fn row(&mut self, cells: &[Cell<'_>], sink: &mut dyn Sink) -> Result<(), ReportError> {
        if self.page.rows == self.shape.rows {
            self.turn_page(sink)?;
        }
        self.page.row(&self.projection, cells)
    }

    /// Goes on in the next file: `findings-2.csv` after `findings.csv`.
    fn turn_page(&mut self, sink: &mut dyn Sink) -> Result<(), ReportError> {
        let table = self.projection.table().name;
        let name = format!("{table}-{}.csv", self.full.len() + 2);
        let next = Page::begin(&name, &self.projection, self.shape, sink)?;
        let page = mem::replace(&mut self.page, next);
        self.full.push(page.close()?);
        Ok(())
    }

    fn finish(mut self) -> Result<Vec<FileEntry>, ReportError> {
        self.full.push(self.page.close()?);
        Ok(self.full)
    }
}

/// One file. Cells are written where they go out from: what copies each a few times before costs as
/// much as making it.
struct Page {
    shape: Shape,
    document: Document,
    /// What has not gone out yet.
    block: String,
    rows: u64,
    /// What was done to its cells.
    guards: Guards,
}

impl Page {
    /// Opens a file and writes its header.
    fn begin(
        name: &str,
        projection: &Projection,
        shape: Shape,
        sink: &mut dyn Sink,
    ) -> Result<Self, ReportError> {
        let mut document = Document::open(name, sink)?;
        let marked = document.write_all(shape.mark);
        marked.map_err(ReportError::writing(name))?;
        let mut page = Self {
            shape,
            document,
            block: String::new(),
            rows: 0,
            guards: Guards::default(),
        };
        let header: Vec<Cell<'_>> = projection
            .columns()
            .map(|column| Cell::from(column.name))
            .collect();
        page.line(header.iter());
        Ok(page)
    }

    fn row(&mut self, projection: &Projection, cells: &[Cell<'_>]) -> Result<(), ReportError> {
        self.line(projection.cells(cells));
        self.rows += 1;
        if self.block.len() < BLOCK {
            return Ok(());
        }
        self.send()
    }

    fn line<'c, 'a: 'c>(&mut self, cells: impl Iterator<Item = &'c Cell<'a>>) {
        let separator = char::from(self.shape.separator);
        for (place, cell) in cells.enumerate() {
            if place > 0 {
                self.block.push(separator);
            }
            let start = self.block.len();
            cell.write_csv(self.shape.foreign, &mut self.block, &mut self.guards);
            if cell.is_text() {
                quote(&mut self.block, start, self.shape.separator);
            }
        }
        self.block.push_str(self.shape.line_end());
    }

    fn send(&mut self) -> Result<(), ReportError> {
        let sent = self.document.write_all(self.block.as_bytes());
        self.block.clear();
        sent.map_err(|error| ReportError::writing(self.document.name())(error))
    }

    fn close(mut self) -> Result<FileEntry, ReportError> {
        self.send()?;
        self.document.close_guarded(self.rows, self.guards)
    }
}

/// Quotes what was written from `start` on, where RFC 4180 wants it. No cell has a line break by now.
fn quote(block: &mut String, start: usize, separator: u8) {
    let cell = block.get(start..).unwrap_or_default();
    if !swar::marks(cell.as_bytes(), [separator, b'"']).is_named {
        return;
    }
    let cell = block.split_off(start);
    block.push('"');
    for (place, part) in cell.split('"').enumerate() {
        if place > 0 {
            block.push_str("\"\"");
        }
        block.push_str(part);
    }
    block.push('"');
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_file_splits_at_a_million_rows_and_standard_output_never() {
        let options = Options::default();
        assert_eq!(Shape::of(&options).rows, 1_000_000);
        let options = Options {
            destination: Destination::Stdout,
            rows_per_file: Some(1),
            ..options
        };
        assert_eq!(Shape::of(&options).rows, u64::MAX);
    }

    proptest! {
        #[test]
        fn cells_are_quoted_as_the_library_quotes_them(
            cells in prop::collection::vec("[a,;\" é]{0,20}", 2..6),
            separator in prop_oneof![Just(b','), Just(b';')],
        ) {
            let mut block = String::new();
            for (place, cell) in cells.iter().enumerate() {
                if place > 0 {
                    block.push(char::from(separator));
                }
                let start = block.len();
                block.push_str(cell);
                quote(&mut block, start, separator);
            }
            block.push('\n');
            let mut writer = WriterBuilder::new().delimiter(separator).from_writer(Vec::new());
            writer.write_record(&cells).unwrap();
            prop_assert_eq!(block.into_bytes(), writer.into_inner().unwrap());
        }
    }
}
