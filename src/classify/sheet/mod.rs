//! A table of findings that somebody edited in a spreadsheet, against what the same table would show now.
//!
//! Only a few columns are read, and only what differs is a change: so that a sheet that nobody edited changes nothing,
//! whatever a spreadsheet made of its dates and marks on the way. What cannot be understood is a complaint with its
//! row, and that row changes nothing.

mod compare;
mod read;
#[cfg(test)]
mod tests;
mod until;

pub use compare::{Comparer, ShownFinding, Terms, Wanted};
pub use read::{SheetError, read};

use crate::model::{FindingId, RunId};
use std::fmt;

/// A column that is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum SheetField {
    /// Which run the row is of.
    Run,
    /// Which finding.
    Finding,
    /// How it stands: nothing is to be decided of a closed one.
    State,
    /// Who sees to it.
    Owner,
    /// How far the work is.
    Status,
    /// How bad it is here.
    MySeverity,
    /// Until when it may stay.
    ExceptionUntil,
    /// Why it may stay.
    Reason,
}

impl SheetField {
    /// Every column.
    pub const ALL: &'static [Self] = &[
        Self::Run,
        Self::Finding,
        Self::State,
        Self::Owner,
        Self::Status,
        Self::MySeverity,
        Self::ExceptionUntil,
        Self::Reason,
    ];

    /// Its header.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Run => "run_id",
            Self::Finding => "finding_id",
            Self::State => "state",
            Self::Owner => "owner",
            Self::Status => "status",
            Self::MySeverity => "my_severity",
            Self::ExceptionUntil => "exception_until",
            Self::Reason => "reason",
        }
    }

    /// Whether an edit of it is a decision.
    pub(super) fn is_edited(self) -> bool {
        matches!(
            self,
            Self::Owner | Self::Status | Self::MySeverity | Self::ExceptionUntil
        )
    }
}

/// What the operator says of a column: which header stands for it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SheetMap {
    /// The column.
    pub field: SheetField,
    /// Its header in the file; `#3` is the third column.
    pub header: String,
}

impl SheetMap {
    /// Reads `owner=Responsible`.
    pub fn parse(flag: &str) -> Option<Self> {
        let (field, header) = flag.split_once('=')?;
        let mut all = SheetField::ALL.iter();
        let field = all.find(|one| one.as_str().eq_ignore_ascii_case(field.trim()))?;
        let header = header.trim();
        (!header.is_empty()).then(|| Self {
            field: *field,
            header: header.to_owned(),
        })
    }
}

/// A table as it was read.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Sheet {
    /// What it came in, in words.
    pub form: String,
    /// Whether it is in a code page, in which letters may have been lost.
    pub is_lossy: bool,
    /// The columns that are read, with their headers.
    pub columns: Vec<(SheetField, String)>,
    /// The rows about findings that are not closed, in the file's order, each finding once.
    pub rows: Vec<SheetRow>,
    /// How many rows are about closed findings.
    pub closed: u64,
    /// What was not understood.
    pub complaints: Vec<Complaint>,
}

/// Where a row stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct RowPlace {
    /// In which of the table's sheets: 2 is `findings 2`. A file of text has one.
    pub part: u32,
    /// Its line, or its number in the sheet, from 1.
    pub number: u64,
}

impl fmt::Display for RowPlace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.part {
            1 => write!(f, "{}", self.number),
            part => write!(f, "{} of part {part}", self.number),
        }
    }
}

/// A row. A cell is `None` where the table has no such column.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SheetRow {
    /// Where it stands.
    pub at: RowPlace,
    /// The run it was exported of.
    pub run: Option<RunId>,
    /// The finding.
    pub finding: FindingId,
    /// Who sees to it.
    pub owner: Option<String>,
    /// How far the work is.
    pub status: Option<String>,
    /// How bad it is.
    pub my_severity: Option<String>,
    /// Until when it may stay.
    pub until: Option<String>,
    /// Why it may stay.
    pub reason: Option<String>,
}

impl SheetRow {
    /// Whether two rows say the same.
    fn agrees_with(&self, other: &Self) -> bool {
        let said = |row: &Self| {
            let cells = [&row.owner, &row.status, &row.my_severity, &row.until];
            (cells.map(Clone::clone), row.reason.clone())
        };
        said(self) == said(other)
    }
}

/// What is wrong with a row, and what to do.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Complaint {
    /// The row.
    pub row: RowPlace,
    /// The column's header; empty where it is of the whole row.
    pub column: &'static str,
    /// What is wrong.
    pub what: String,
}

/// One cell that says something else than what would be shown now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SheetChange {
    /// The row.
    pub row: RowPlace,
    /// The finding.
    pub finding: FindingId,
    /// The machine's name.
    pub machine: String,
    /// The bulletin, and in which product.
    pub about: String,
    /// The column.
    pub column: SheetField,
    /// What would be shown now.
    pub before: String,
    /// What will be.
    pub after: String,
}
