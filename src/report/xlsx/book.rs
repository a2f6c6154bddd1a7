//! The workbook while rows come in.

use super::super::cell::Cell;
use super::super::tables::Table;
use super::super::{Counts, ReportError, ReportSource};
use super::cells::Pen;
use super::front::{self, Front};
use super::look::Look;
use super::pipe::no_room;
use super::sheets::{Desk, Place, Sheets, in_footer};
use super::tally::Tally;
use super::{Bounds, NAME, dictionary, fault};
use crate::model::RunSummary;
use rust_xlsxwriter::{DocProperties, ExcelDateTime, Workbook};
use std::panic::{AssertUnwindSafe, catch_unwind};

/// The sheets that people open first; the others follow in the order of the tables.
const FIRST: [&str; 6] = [
    "findings",
    "verify",
    "machines",
    "remediation",
    "unmanaged",
    "access",
];
/// A sheet of more bytes needs an archive that some old programs cannot read: only where there is one.
const LARGE: u64 = 3_000_000_000;

/// A workbook, row by row.
pub(super) struct Book {
    workbook: Workbook,
    look: Look,
    pen: Pen,
    bounds: Bounds,
    footer: String,
    sheets: Vec<Sheets>,
    /// The machine whose rows come in.
    machine: Option<Place>,
    tally: Tally,
}

impl Book {
    /// Begins a sheet for each table.
    pub(super) fn open(
        run: &RunSummary,
        tables: &[&'static Table],
        bounds: Bounds,
    ) -> Result<Self, ReportError> {
        let mut workbook = Workbook::new();
        workbook.set_properties(&properties(run)?);
        let findings = tables.iter().find(|table| table.name == "findings");
        let mut book = Self {
            workbook,
            look: Look::new(),
            pen: Pen::new(),
            bounds,
            footer: in_footer(run.id.as_str()),
            sheets: Vec::with_capacity(tables.len()),
            machine: None,
            tally: findings.map_or_else(Tally::default, |table| Tally::of(table)),
        };
        for table in tables {
            let sheets = Sheets::open(table, &mut book.desk().0)?;
            book.sheets.push(sheets);
        }
        Ok(book)
    }

    fn desk(&mut self) -> (Desk<'_>, &mut [Sheets], &mut Option<Place>) {
        let desk = Desk {
            workbook: &mut self.workbook,
            look: &self.look,
            pen: &mut self.pen,
            bounds: self.bounds,
            footer: &self.footer,
        };
        (desk, &mut self.sheets, &mut self.machine)
    }

    /// Writes a row of the table at a place.
    pub(super) fn row(&mut self, at: usize, cells: &[Cell<'_>]) -> Result<(), ReportError> {
        // What is half written is never used after a panic.
        let written = catch_unwind(AssertUnwindSafe(|| self.write(at, cells)));
        written.unwrap_or_else(|_| Err(ReportError::writing(NAME)(no_room())))
    }

    fn write(&mut self, at: usize, cells: &[Cell<'_>]) -> Result<(), ReportError> {
        let bounds = self.bounds;
        if self
            .sheets
            .get(at)
            .is_some_and(|one| one.table().name == "findings")
        {
            self.tally.add(cells);
        }
        let (mut desk, sheets, machine) = self.desk();
        let Some(sheets) = sheets.get_mut(at) else {
            return Ok(());
        };
        let id = match cells.get(1) {
            Some(Cell::Text(id)) if sheets.is_about_machines() => id.as_ref(),
            _ => "",
        };
        if sheets.table().name == "machines" {
            *machine = Some(sheets.place(id.to_owned(), bounds));
            return sheets.row(cells, None, &mut desk);
        }
        let place = machine.as_ref().filter(|place| place.id == id);
        sheets.row(cells, place, &mut desk)
    }

    /// The rows of all tables.
    pub(super) fn rows(&self) -> u64 {
        self.sheets.iter().map(Sheets::written).sum()
    }

    /// Puts the sheets in order, behind the summary and before the dictionary.
    pub(super) fn finish(
        mut self,
        source: &dyn ReportSource,
        counts: &Counts,
    ) -> Result<Workbook, ReportError> {
        let rank = |sheets: &Sheets| {
            let name = sheets.table().name;
            let first = FIRST.iter().position(|first| *first == name);
            first.unwrap_or(FIRST.len())
        };
        self.sheets.sort_by_key(rank);
        let listed = self.sheets.iter();
        let listed: Vec<_> = listed.map(|one| (one.table(), one.written())).collect();
        let front = Front {
            source,
            counts,
            tally: &self.tally,
            sheets: &listed,
            footer: &self.footer,
        };
        let summary = front::sheet(&front, &self.look)?;
        self.workbook.push_worksheet(summary);
        let largest = self.sheets.iter().map(Sheets::bytes).max();
        self.workbook
            .use_zip_large_file(largest.is_some_and(|bytes| bytes > LARGE));
        for sheets in self.sheets {
            for sheet in sheets.finish()? {
                self.workbook.push_worksheet(sheet);
            }
        }
        let tables: Vec<_> = listed.iter().map(|(table, _)| *table).collect();
        let sheet = dictionary::sheet(&tables, &self.look, &self.footer)?;
        self.workbook.push_worksheet(sheet);
        Ok(self.workbook)
    }
}

fn properties(run: &RunSummary) -> Result<DocProperties, ReportError> {
    let made = ExcelDateTime::from_timestamp(run.finished.unwrap_or(run.started).unix());
    // A clock that is centuries off makes no document.
    let made = made.or_else(|_| ExcelDateTime::from_ymd(2000, 1, 1));
    let made = made.map_err(fault)?;
    let shown = |text: &str| in_footer(text).replace("&&", "&");
    Ok(DocProperties::new()
        .set_title(format!("underdesk: run {}", shown(run.id.as_str())))
        .set_subject(format!("site {}", shown(&run.site)))
        .set_author(shown(&run.operator))
        .set_comment(format!("underdesk {}", env!("CARGO_PKG_VERSION")))
        .set_creation_datetime(&made))
}
