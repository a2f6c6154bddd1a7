//! The sheets of one table: the one at hand, and those that are full.

use super::super::cell::Cell;
use super::super::links::bulletin;
use super::super::tables::Table;
use super::super::{ReportError, escape};
use super::cells::{Pen, done};
use super::look::{self, Look};
use super::{Bounds, fault, links};
use rust_xlsxwriter::{IgnoreError, Note, Workbook, Worksheet};
use std::mem;

/// How many digits are legible side by side on a page.
const PAGE_DIGITS: f64 = 200.0;
/// The width and height of what explains a column, in pixels, and how many letters fit in a line.
const NOTE: (u32, u32, usize) = (260, 17, 40);
/// The pages that no bulletin's id leads to.
const CATALOGUE: &str = "catalogue_url";
/// The columns whose cells lead to a page of a publisher.
const PAGES: &[&str] = &[
    "bulletin_id",
    "update_id",
    "superseded_by",
    "cve",
    "bulletin",
    "update",
];

/// A machine's row.
#[derive(Clone, Debug)]
pub(super) struct Place {
    /// The machine.
    pub(super) id: String,
    /// The sheet.
    pub(super) sheet: String,
    /// The row, from 0.
    pub(super) row: u32,
}

/// What sheets are written with.
pub(super) struct Desk<'a> {
    pub(super) workbook: &'a mut Workbook,
    pub(super) look: &'a Look,
    pub(super) pen: &'a mut Pen,
    pub(super) bounds: Bounds,
    /// The run's id as a page's footer shows it.
    pub(super) footer: &'a str,
}

/// The sheets of one table.
pub(super) struct Sheets {
    table: &'static Table,
    full: Vec<Worksheet>,
    open: Worksheet,
    /// In the open sheet.
    rows: u32,
    /// How many links it still takes.
    links_left: u32,
    /// In all of them.
    written: u64,
    /// Letters in the open sheet, and in the largest.
    letters: u64,
    most_letters: u64,
}

impl Sheets {
    /// Begins the first sheet.
    pub(super) fn open(table: &'static Table, desk: &mut Desk<'_>) -> Result<Self, ReportError> {
        Ok(Self {
            table,
            full: Vec::new(),
            open: begin(table, 1, desk)?,
            rows: 0,
            links_left: desk.bounds.links_of(table.name),
            written: 0,
            letters: 0,
            most_letters: 0,
        })
    }

    /// The table.
    pub(super) fn table(&self) -> &'static Table {
        self.table
    }

    /// All rows, without headers.
    pub(super) fn written(&self) -> u64 {
        self.written
    }

    /// About how many bytes the largest sheet has.
    pub(super) fn bytes(&self) -> u64 {
        self.most_letters.max(self.letters)
    }

    /// Whether its rows begin with a machine.
    pub(super) fn is_about_machines(&self) -> bool {
        let second = self.table.columns.get(1);
        second.is_some_and(|column| column.name == "machine_id")
    }

    /// Where the next row goes.
    pub(super) fn place(&self, id: String, bounds: Bounds) -> Place {
        let (number, row) = if self.rows < bounds.rows {
            (self.full.len() + 1, self.rows + 1)
        } else {
            (self.full.len() + 2, 1)
        };
        Place {
            id,
            sheet: name(self.table, number),
            row,
        }
    }

    /// Writes a row; `machine` is where its machine's own row is.
    pub(super) fn row(
        &mut self,
        cells: &[Cell<'_>],
        machine: Option<&Place>,
        desk: &mut Desk<'_>,
    ) -> Result<(), ReportError> {
        if self.rows == desk.bounds.rows {
            self.turn_page(desk)?;
        }
        self.rows += 1;
        self.written += 1;
        for ((at, cell), column) in (0u16..).zip(cells).zip(self.table.columns) {
            let place = (self.rows, at);
            self.letters += 50 + letters(cell);
            let to = (&mut self.open, desk.look);
            let link = match self.links_left {
                0 => None,
                _ => target(column.name, cell, machine),
            };
            let Some(link) = link else {
                desk.pen.put(to, place, cell)?;
                continue;
            };
            self.links_left -= 1;
            desk.pen.put_link(to, place, (cell, link))?;
        }
        Ok(())
    }

    /// Goes on in the next sheet: `findings 2` after `findings`.
    fn turn_page(&mut self, desk: &mut Desk<'_>) -> Result<(), ReportError> {
        let next = begin(self.table, self.full.len() + 2, desk)?;
        let mut sheet = mem::replace(&mut self.open, next);
        end(&mut sheet, self.table, self.rows)?;
        self.full.push(sheet);
        self.most_letters = self.bytes();
        (self.rows, self.letters) = (0, 0);
        Ok(())
    }

    /// Ends the last sheet, and hands all of them over.
    pub(super) fn finish(mut self) -> Result<Vec<Worksheet>, ReportError> {
        end(&mut self.open, self.table, self.rows)?;
        self.full.push(self.open);
        Ok(self.full)
    }
}

fn letters(cell: &Cell<'_>) -> u64 {
    let count = match cell {
        Cell::Text(text) => text.len(),
        Cell::List(items) => items.iter().map(String::len).sum(),
        _ => 0,
    };
    u64::try_from(count).unwrap_or(u64::MAX)
}

/// Where a cell leads to.
fn target(column: &str, cell: &Cell<'_>, machine: Option<&Place>) -> Option<String> {
    let Cell::Text(text) = cell else { return None };
    if column == "hostname" {
        let place = machine?;
        return Some(format!("internal:'{}'!C{}", place.sheet, place.row + 1));
    }
    if column == CATALOGUE {
        return links::catalogue(text);
    }
    PAGES.contains(&column).then(|| bulletin(text)).flatten()
}

fn name(table: &Table, number: usize) -> String {
    match number {
        1 => table.name.to_owned(),
        more => format!("{} {more}", table.name),
    }
}

/// Begins a sheet: its header, which says of every column what it tells, and how its cells look.
fn begin(
    table: &'static Table,
    number: usize,
    desk: &mut Desk<'_>,
) -> Result<Worksheet, ReportError> {
    let made = desk.workbook.new_worksheet_with_constant_memory();
    let mut sheet = made.map_err(fault)?;
    done(sheet.set_name(name(table, number)))?;
    sheet.set_default_note_author("underdesk");
    let mut digits = 0.0;
    for (at, column) in (0u16..).zip(table.columns) {
        let width = look::width(column);
        digits += width;
        done(sheet.set_column_width(at, width))?;
        done(sheet.set_column_format(at, &look::of_kind(column.kind)))?;
    }
    done(sheet.set_row_height(0, 20))?;
    for (at, column) in (0u16..).zip(table.columns) {
        done(sheet.write_string_with_format(0, at, column.name, &desk.look.header))?;
        let says = format!("{} ({})", column.says, column.kind.as_str());
        let (width, line, letters) = NOTE;
        let lines = u32::try_from(says.len() / letters + 1).unwrap_or(1);
        let note = Note::new(says).add_author_prefix(false).set_width(width);
        done(sheet.insert_note(0, at, &note.set_height(lines * line + 10)))?;
    }
    // What a row is about stays in sight.
    let named = table.columns.iter().position(|column| column.name == "ip");
    let frozen = named.map_or(2, |ip| ip + 1);
    let frozen = u16::try_from(frozen).unwrap_or(2);
    done(sheet.set_freeze_panes(1, frozen))?;
    set_up_print(&mut sheet, digits, desk.footer)?;
    done(sheet.set_repeat_columns(0, frozen.saturating_sub(1)))?;
    Ok(sheet)
}

/// Ends a sheet of so many rows.
fn end(sheet: &mut Worksheet, table: &Table, rows: u32) -> Result<(), ReportError> {
    let last = u16::try_from(table.columns.len().saturating_sub(1)).unwrap_or(u16::MAX);
    done(sheet.autofilter(0, 0, rows, last))?;
    // Versions and ids that look like numbers are text, and no mistake.
    done(sheet.ignore_error_range(0, 0, rows, last, IgnoreError::NumberStoredAsText))?;
    for (at, column) in (0u16..).zip(table.columns) {
        look::mark(sheet, (at, column), rows)?;
    }
    Ok(())
}

/// A page of a table: with the header on each, and what a row is about.
pub(super) fn set_up_print(
    sheet: &mut Worksheet,
    digits: f64,
    footer: &str,
) -> Result<(), ReportError> {
    set_up_page(sheet, digits, footer);
    done(sheet.set_repeat_rows(0, 0))
}

/// Landscape A4, as many pages wide as it takes to read it.
pub(super) fn set_up_page(sheet: &mut Worksheet, digits: f64, footer: &str) {
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a handful of pages"
    )]
    let pages = (digits / PAGE_DIGITS).ceil().clamp(1.0, 20.0) as u16;
    sheet.set_landscape().set_paper_size(9);
    sheet.set_print_fit_to_pages(pages, 0);
    sheet.set_margins(0.4, 0.4, 0.5, 0.6, 0.3, 0.3);
    sheet.set_header("&L&B&A");
    sheet.set_footer(format!("&L{footer}&R&P / &N"));
}

/// A text in a page's footer, where `&` begins an order.
pub(super) fn in_footer(text: &str) -> String {
    let mut shown = String::new();
    escape::for_workbook(text, &mut shown);
    let short: String = shown.chars().take(100).collect();
    short.replace('&', "&&")
}
