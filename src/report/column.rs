//! A column of a table: its name, what sort of cells it has, and what it tells.
//!
//! What is said here is what the formats and the documents say of it: the types of a workbook, the published
//! schema, the dictionary.

use super::cell::Cell;

/// The table of a command that writes no run: a plan, what is overdue, keys to look at.
#[derive(Debug)]
pub(super) struct Form {
    /// Its file's name; what of it is the user's to choose stands in capitals.
    pub(super) file: &'static str,
    /// The command that writes it.
    pub(super) command: &'static str,
    /// What its rows are, as a fragment.
    pub(super) says: &'static str,
    /// Its columns; every row has as many cells.
    pub(super) columns: &'static [Column],
}

impl Form {
    /// Whether a row is one of it: as many cells as columns, each of its column's sort.
    pub(super) fn takes(&self, cells: &[Cell<'_>]) -> bool {
        let is_of = |(column, cell): (&Column, &Cell<'_>)| {
            cell.kind().is_none_or(|kind| kind == column.kind)
        };
        cells.len() == self.columns.len() && self.columns.iter().zip(cells).all(is_of)
    }
}

/// One column.
#[derive(Debug)]
pub(super) struct Column {
    /// Its header.
    pub(super) name: &'static str,
    /// What sort of cells it has; each may be empty or unknown instead.
    pub(super) kind: Kind,
    /// What it tells, as a fragment.
    pub(super) says: &'static str,
}

/// What sort of cells a column has.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Kind {
    /// A text.
    Text,
    /// Several texts.
    List,
    /// A whole number from 0 on.
    Count,
    /// A whole number, ahead or behind.
    Signed,
    /// A number with one decimal place.
    Tenths,
    /// From 0 to 1, with five decimal places.
    Probability,
    /// From 0 to 100, with two decimal places.
    Percent,
    /// Yes or no.
    Flag,
    /// A day.
    Day,
    /// A moment.
    Time,
    /// An address.
    Address,
}

impl Kind {
    /// How such cells are written in CSV, in words.
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::Text => "text",
            Self::List => "list",
            Self::Count | Self::Signed => "integer",
            Self::Tenths => "decimal",
            Self::Probability => "probability",
            Self::Percent => "percent",
            Self::Flag => "yes/no",
            Self::Day => "date",
            Self::Time => "time (UTC)",
            Self::Address => "IP address",
        }
    }
}
