//! Comma-separated values: one file a table, for spreadsheets and for other programs.
//!
//! Quoting is RFC 4180's; what a cell may hold is [`super::escape`]'s business. Never a `sep=`
//! line: it makes Excel ignore the byte-order mark.

mod crew;
mod form;
mod lines;
mod sheet;

pub(super) use form::FormSheet;

use super::cell::{Cell, Locale};
use super::projection::{self, Projection};
use super::tables::{self, OfMachines, Walk};
use super::{Destination, Dialect, Exporter, Options, ReportError, ReportSource, Sink, Written};
use crate::model::{MachineRecord, Trail};
use ::csv::{Terminator, Writer, WriterBuilder};
use lines::Lines;
use sheet::Sheets;
use std::cell::RefCell;
use std::io;

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
        let mut sheets = Sheets::open(&projections, shape, sink)?;
        let walk = Walk {
            source,
            options,
            tables: &tables,
        };
        walk.run_rows(&mut |_, at, cells| sheets.row(at, cells))?;
        let layout = Layout {
            of_machines: walk.of_machines(),
            projections: &projections,
            shape,
        };
        // What is written is written over: lines are long, and making room for them costs more than filling it.
        let spare = RefCell::new(Vec::<Vec<Lines>>::new());
        let counts = crew::in_order(
            |(machine, trail, lines)| layout.lines(&machine, &trail, lines),
            |give| {
                walk.machines(&mut |machine, trail| {
                    let lines = spare.borrow_mut().pop();
                    let lines = lines.unwrap_or_else(|| layout.no_lines());
                    give((machine.clone(), trail, lines))
                })
            },
            |lines: Result<Vec<Lines>, _>| {
                let mut lines = lines?;
                sheets.add(&lines)?;
                lines.iter_mut().for_each(Lines::clear);
                spare.borrow_mut().push(lines);
                Ok(())
            },
        )?;
        walk.sum_rows(&counts, &mut |_, at, cells| sheets.row(at, cells))?;
        let files = sheets.finish()?;
        Ok(Written { files, counts })
    }
}

/// What lays out the rows of a machine, on any thread.
struct Layout<'a> {
    of_machines: OfMachines<'a>,
    projections: &'a [Projection],
    shape: Shape,
}

impl Layout<'_> {
    /// Of each table nothing.
    fn no_lines(&self) -> Vec<Lines> {
        self.projections.iter().map(|_| Lines::default()).collect()
    }

    /// Appends the rows of a machine, table by table.
    fn lines(
        &self,
        machine: &MachineRecord,
        trail: &Trail,
        mut all: Vec<Lines>,
    ) -> Result<Vec<Lines>, ReportError> {
        let emit = &mut |at: usize, cells: &[Cell<'_>]| {
            if let Some((lines, projection)) = all.get_mut(at).zip(self.projections.get(at)) {
                lines.push(self.shape, projection.cells(cells));
            }
            Ok(())
        };
        self.of_machines.rows(machine, trail, emit)?;
        Ok(all)
    }
}

/// How bytes are laid out.
#[derive(Clone, Copy)]
struct Shape {
    separator: u8,
    locale: Locale,
    /// What a file begins with.
    mark: &'static [u8],
    terminator: Terminator,
    rows: u64,
}

impl Shape {
    fn of(options: &Options) -> Self {
        let (separator, locale) = match options.dialect {
            Dialect::Default | Dialect::Plain => (b',', Locale::ENGLISH),
            Dialect::ExcelEu => (b';', Locale::EUROPEAN),
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
            locale,
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
    fn writer<W: io::Write>(&self, to: W) -> Writer<W> {
        WriterBuilder::new()
            .delimiter(self.separator)
            .terminator(self.terminator)
            .buffer_capacity(BLOCK)
            .from_writer(to)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

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
}
