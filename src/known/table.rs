//! A table, whatever it came in.

use super::{KnownError, cells};
use csv::StringRecord;

/// The most cells of one list: a million machines with twenty columns.
const MOST_CELLS: usize = 20_000_000;
/// The most columns that are looked at.
pub(super) const MOST_COLUMNS: usize = 500;

/// Rows under headers.
#[derive(Debug, Default)]
pub(super) struct Table {
    /// The headers; `#1`, `#2` where there is none.
    pub(super) headers: Vec<String>,
    /// The rows behind the header, without empty ones.
    pub(super) rows: Vec<Row>,
    /// What separates its cells, where anything does.
    pub(super) separator: Option<char>,
    /// What it came in, in words.
    pub(super) form: String,
    /// What the operator should know of it.
    pub(super) notes: Vec<String>,
    /// How many cells there are.
    cells: usize,
}

/// A row.
#[derive(Debug)]
pub(super) struct Row {
    /// Its line, or its number in a sheet, from 1.
    pub(super) number: u64,
    pub(super) cells: StringRecord,
}

impl Table {
    /// An empty table.
    pub(super) fn new(form: String, separator: Option<char>) -> Self {
        Self {
            separator,
            form,
            ..Self::default()
        }
    }

    /// Adds a row, unless it is empty.
    pub(super) fn push(&mut self, number: u64, row: StringRecord) -> Result<(), KnownError> {
        if row.iter().all(|cell| cell.trim().is_empty()) {
            return Ok(());
        }
        self.cells += row.len();
        if self.cells > MOST_CELLS {
            return Err(KnownError::Unsupported {
                what: format!("a table of more than {MOST_CELLS} cells"),
                advice: "export fewer columns, or give it in parts".to_owned(),
            });
        }
        self.rows.push(Row { number, cells: row });
        Ok(())
    }

    /// Takes the row at `header` for the header; what stands before it says nothing. Without one, columns have
    /// numbers.
    pub(super) fn behead(&mut self, header: Option<usize>) {
        let Some(at) = header else {
            let widest = self.rows.iter().map(|row| row.cells.len()).max();
            let columns = 1..=widest.unwrap_or(0).min(MOST_COLUMNS);
            self.headers = columns.map(|number| format!("#{number}")).collect();
            return;
        };
        let mut before: Vec<Row> = self.rows.drain(..=at).collect();
        let headers = before.pop();
        if let (Some(first), Some(last)) = (before.first(), before.last()) {
            let (first, last) = (first.number, last.number);
            let note = format!("rows {first} to {last}, before the header, were passed over");
            self.notes.push(note);
        }
        let cells = headers.iter().flat_map(|row| row.cells.iter().enumerate());
        let named = cells.map(|(at, cell)| match cells::text(cell) {
            Some(text) => cells::kept(text.trim_matches('"')),
            None => format!("#{}", at + 1),
        });
        self.headers = named.take(MOST_COLUMNS).collect();
    }

    /// The values of a column in the first rows: enough to tell what it holds.
    pub(super) fn sample(&self, column: usize) -> impl Iterator<Item = &str> {
        let rows = self.rows.iter().take(2000);
        rows.filter_map(move |row| cells::text(row.cells.get(column)?))
    }
}
