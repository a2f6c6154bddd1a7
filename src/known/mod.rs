//! Lists that the organisation has of its machines, read in whatever form they were exported.
//!
//! An export is a table with a header, a form of its own (leases, nmap's XML, an inventory of Ansible), or just
//! names and addresses. What wrote it is told by its columns ([`ListKind`]); what each column means by its name
//! (`columns.tsv`), else by its content, and over both by the operator's word. Nothing is dropped in silence: what
//! was recognised is shown, and what was not understood is said row by row.

mod ansible;
mod cells;
mod columns;
mod delimited;
mod draft;
mod field;
pub mod file;
mod headers;
mod json;
mod ldif;
mod leases;
mod nmap;
mod plain;
mod records;
mod sheets;
mod source;
mod table;
#[cfg(test)]
mod tests;

pub use field::Field;
pub use source::{Mapped, Mapping, Source, SourceError, parse_map};

use crate::model::{Date, KnownList, KnownRecord, ListKind, Vouch};
use crate::tabular::encoding;

/// How a list is to be read: what the operator says of it, over what it looks like.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ReadOptions {
    /// What wrote it.
    pub kind: Option<ListKind>,
    /// What to call it.
    pub name: Option<String>,
    /// What it vouches for.
    pub vouches: Option<Vec<Vouch>>,
    /// The day it tells of.
    pub as_of: Option<Date>,
    /// The day the file was last written: the list's day where it holds none itself, and a bound for what is
    /// taken for one.
    pub written: Option<Date>,
    /// Which column is what.
    pub map: Vec<Mapped>,
}

/// A list, and how it was understood.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ReadList {
    /// The list.
    pub list: KnownList,
    /// By what its kind is known: `by the columns ResourceID, SMBIOSGUID`.
    pub kind_by: String,
    /// By what its day is known: `the newest day in it`.
    pub as_of_by: String,
    /// Its columns, in order, and what each was taken for.
    pub columns: Vec<ColumnUse>,
    /// What was not understood, in the order of rows; no more than [`MOST_PROBLEMS`].
    pub unread: Vec<RowProblem>,
    /// How many problems there were in all.
    pub problems: u64,
    /// How many rows there were: each is a record, a problem, or empty.
    pub rows: u64,
    /// The encoding of the text: `UTF-16LE`; of a workbook `XLSX`.
    pub encoding: String,
    /// The form, in words: `table separated by ;`, `workbook, sheet "Devices"`.
    pub form: String,
    /// What else the operator should know: how ambiguous dates were read, sheets that were left out.
    pub notes: Vec<String>,
}

/// How many problems of one list are kept; the rest are counted.
pub const MOST_PROBLEMS: usize = 1000;

/// What a column was taken for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ColumnUse {
    /// Its header as written; `#3` where there is none.
    pub header: String,
    /// What it was taken for; nothing where it is not used.
    pub used_as: Option<Field>,
    /// Why.
    pub why: Why,
    /// What it might be, where it is not used: `looks like days: --map last_seen=…`.
    pub hint: Option<String>,
}

/// Why a column was taken for something.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Why {
    /// Its name is known.
    Name,
    /// What is in it can be only one thing.
    Content,
    /// The operator says so.
    Map,
    /// The form has only this meaning.
    Form,
    /// Nothing: it is not used.
    Unused,
}

impl Why {
    /// In words.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Name => "by name",
            Self::Content => "by content",
            Self::Map => "by --map",
            Self::Form => "by form",
            Self::Unused => "not used",
        }
    }
}

/// Something in a row that was not understood.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RowProblem {
    /// The line of the file (row of the sheet), from 1.
    pub row: u64,
    /// The column's header; empty where it is of the whole row.
    pub column: String,
    /// What is wrong, with the value.
    pub what: String,
}

/// Why a list cannot be used at all.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum KnownError {
    /// It cannot be read from disk.
    #[error("cannot be read")]
    Unreadable(#[source] std::io::Error),
    /// It is larger than any list.
    #[error("has more than {} MiB, which no list has", .0 >> 20)]
    TooLarge(u64),
    /// There is nothing in it.
    #[error("is empty: no row, no name, no address")]
    Empty,
    /// There are rows in it, and no machine.
    #[error(
        "is read as {form}, and none of its {problems} rows tells of a machine (row {row}: {what})"
    )]
    Nothing {
        /// What it was read as.
        form: String,
        /// How many problems there were.
        problems: u64,
        /// The row of the first.
        row: u64,
        /// The first.
        what: String,
    },
    /// It is a table in which nothing tells which machine a row is of.
    #[error(
        "has no column that tells which machine a row is of (found: {found}); say which one does: --map name=HEADER"
    )]
    NoColumn {
        /// The headers, as they were found.
        found: String,
    },
    /// The operator names a column that is not there.
    #[error("has no column `{header}` for {field} (found: {found})", field = .field.as_str())]
    NoSuchColumn {
        /// What it should be.
        field: Field,
        /// What was said.
        header: String,
        /// The headers, as they were found.
        found: String,
    },
    /// It is in a form that is not read.
    #[error("{what}: {advice}")]
    Unsupported {
        /// What it is.
        what: String,
        /// What to do.
        advice: String,
    },
    /// It is in a form that is read, and it is damaged.
    #[error("is no readable {form}, line {line}: {what}")]
    Malformed {
        /// What it should be.
        form: &'static str,
        /// Where, from 1; 0 where that is not known.
        line: u64,
        /// What is wrong.
        what: String,
    },
}

/// Reads a list. `name` is the file's name, by which the list is called where nothing else names it.
pub fn read(name: &str, bytes: &[u8], options: &ReadOptions) -> Result<ReadList, KnownError> {
    if let Some(draft) = sheets::read(bytes, options)? {
        return finish(name, draft, "XLSX", options);
    }
    let (text, encoding) = encoding::shown_or_western(bytes);
    let text = text.trim_start_matches('\u{feff}');
    if text.trim().is_empty() {
        return Err(KnownError::Empty);
    }
    let draft = text_form(text, options)?;
    finish(name, draft, encoding, options)
}

/// Reads a text in the form that it shows.
fn text_form(text: &str, options: &ReadOptions) -> Result<draft::Draft, KnownError> {
    let start = text.trim_start();
    if start.starts_with('<') {
        return if nmap::is_nmap(start) {
            nmap::read(text)
        } else {
            let what = "XML or a web page, and not nmap's".to_owned();
            let advice = "export it as CSV, XLSX or JSON".to_owned();
            Err(KnownError::Unsupported { what, advice })
        };
    }
    if start.starts_with('{') || json::is_array(start) {
        return match json::read(text)? {
            json::Json::Machines(table) => records::read(table, options),
            json::Json::Inventory(value) => Ok(ansible::read_list(&value)),
        };
    }
    if leases::is_isc(text) {
        return Ok(leases::read_isc(text));
    }
    if leases::is_dnsmasq(text) {
        return Ok(leases::read_dnsmasq(text));
    }
    if ldif::is_ldif(text) {
        return records::read(ldif::read(text)?, options);
    }
    if ansible::is_yaml(text) {
        return ansible::read_yaml(text);
    }
    if ansible::is_ini(text) {
        return Ok(ansible::read_ini(text));
    }
    match delimited::read(text, options)? {
        Some(table) => records::read(table, options),
        None => Ok(plain::read(text)),
    }
}

/// Names and dates a list.
fn finish(
    name: &str,
    draft: draft::Draft,
    encoding: &str,
    options: &ReadOptions,
) -> Result<ReadList, KnownError> {
    if draft.records.is_empty() {
        return Err(match draft.unread.first() {
            Some(problem) => KnownError::Nothing {
                form: draft.form,
                problems: draft.problems,
                row: problem.row,
                what: problem.what.clone(),
            },
            None => KnownError::Empty,
        });
    }
    let stem = || match name.rsplit_once('.') {
        Some((stem, _)) if !stem.is_empty() => stem.to_owned(),
        _ => name.to_owned(),
    };
    let kind = options.kind.unwrap_or(draft.kind);
    let mut vouches = options.vouches.clone();
    let vouches = vouches.get_or_insert_with(|| kind.vouches().to_vec());
    vouches.sort_unstable();
    vouches.dedup();
    let (as_of, as_of_by) = as_of(&draft.records, options);
    Ok(ReadList {
        list: KnownList {
            name: options.name.clone().unwrap_or_else(stem),
            kind,
            vouches: std::mem::take(vouches),
            as_of,
            records: draft.records,
        },
        kind_by: if options.kind.is_some() {
            BY_OPERATOR.to_owned()
        } else {
            draft.kind_by
        },
        as_of_by: as_of_by.to_owned(),
        columns: draft.columns,
        unread: draft.unread,
        problems: draft.problems,
        rows: draft.rows,
        encoding: encoding.to_owned(),
        form: draft.form,
        notes: draft.notes,
    })
}

const BY_OPERATOR: &str = "by the operator's word";

/// The day that a list tells of, and how it is known. A day behind the file's own (a clock that is wrong, a lease that
/// ends then) is none.
fn as_of(records: &[KnownRecord], options: &ReadOptions) -> (Option<Date>, &'static str) {
    if options.as_of.is_some() {
        return (options.as_of, BY_OPERATOR);
    }
    let days = records
        .iter()
        .flat_map(|one| [one.last_seen, one.last_patched]);
    // A day of the east may be one ahead.
    let is_early = |day: &Date| {
        options
            .written
            .is_none_or(|written| written.days_until(*day) <= 1)
    };
    match days.flatten().filter(is_early).max() {
        Some(newest) => (Some(newest), "the newest day in it"),
        None if options.written.is_some() => (options.written, "the file's own day"),
        None => (None, "nothing tells"),
    }
}
