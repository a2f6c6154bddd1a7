//! What a form's reader makes of a file, before the list is named and dated.

use super::{ColumnUse, Field, MOST_PROBLEMS, RowProblem, Why};
use crate::model::{KnownRecord, ListKind};

/// The most records that a list may have: four times the machines of the largest organisations.
pub(super) const MOST_RECORDS: usize = 2_000_000;

/// A list as it comes out of its form.
#[derive(Debug, Default)]
pub(super) struct Draft {
    pub(super) records: Vec<KnownRecord>,
    pub(super) columns: Vec<ColumnUse>,
    pub(super) kind: ListKind,
    pub(super) kind_by: String,
    pub(super) form: String,
    pub(super) rows: u64,
    pub(super) notes: Vec<String>,
    pub(super) unread: Vec<RowProblem>,
    pub(super) problems: u64,
    /// How many there were when the last row was done.
    pub(super) settled: u64,
}

impl Draft {
    /// An empty list of a form that only one kind has.
    pub(super) fn of_form(kind: ListKind, form: &str, uses: &[(&str, Field)]) -> Self {
        let columns = uses.iter().map(|(header, field)| ColumnUse {
            header: (*header).to_owned(),
            used_as: Some(*field),
            why: Why::Form,
            hint: None,
        });
        Self {
            kind,
            kind_by: "by its form".to_owned(),
            form: form.to_owned(),
            columns: columns.collect(),
            ..Self::default()
        }
    }

    /// Says that something in a row was not understood.
    pub(super) fn problem(&mut self, row: u64, column: &str, what: impl Into<String>) {
        self.problems += 1;
        if self.unread.len() < MOST_PROBLEMS {
            self.unread.push(RowProblem {
                row,
                column: column.to_owned(),
                what: what.into(),
            });
        }
    }

    /// Leaves a row out, and says why.
    pub(super) fn refuse(&mut self, row: u64, what: impl Into<String>) {
        self.rows += 1;
        self.problem(row, "", what);
        self.settled = self.problems;
    }

    /// Takes a row's machine in, or says that nothing tells which one it is.
    pub(super) fn take(&mut self, record: KnownRecord) {
        // A cell of it that did not read has been said already. Rows may share a number: it is that of the line.
        let is_its_own = |last: &RowProblem| last.row == record.row;
        let is_said = self.problems > self.settled && self.unread.last().is_some_and(is_its_own);
        self.rows += 1;
        if !is_somebody(&record) {
            if !is_said {
                let what = "nothing tells which machine this is: no name, address, MAC, serial number, uuid or key";
                self.problem(record.row, "", what);
            }
        } else if self.records.len() < MOST_RECORDS {
            self.records.push(record);
        } else {
            let what = format!("more than {MOST_RECORDS} machines in one list: left out");
            self.problem(record.row, "", what);
        }
        self.settled = self.problems;
    }
}

fn is_somebody(record: &KnownRecord) -> bool {
    let texts = [&record.name, &record.fqdn, &record.serial, &record.uuid];
    texts.iter().any(|text| text.is_some())
        || !record.addresses.is_empty()
        || !record.macs.is_empty()
        || !record.host_keys.is_empty()
}
