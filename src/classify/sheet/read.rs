//! Reads the table: which column is which, and what each row says.

use super::{Complaint, RowPlace, Sheet, SheetField, SheetMap, SheetRow};
use crate::model::{FindingId, FindingState, RunId};
use crate::tabular::folded;
use crate::tabular::grid::{self, Grid, GridError, GridRow};
use std::collections::{BTreeMap, BTreeSet, HashMap};

/// Why a file cannot be used at all.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SheetError {
    /// It is no table of findings.
    #[error(
        "{0}; wanted is findings.csv as underdesk export writes it: finding_id, and one of owner, status, \
         my_severity, exception_until"
    )]
    NotFindings(String),
    /// Two columns are called the same.
    #[error(
        "columns #{first} and #{second} are both called {header}: say which counts, --map {header}=#{second}"
    )]
    TwoColumns {
        /// The header.
        header: &'static str,
        /// The first, from 1.
        first: usize,
        /// Another.
        second: usize,
    },
}

impl From<GridError> for SheetError {
    fn from(error: GridError) -> Self {
        Self::NotFindings(error.to_string())
    }
}

/// Where each column is.
type Places = BTreeMap<SheetField, usize>;

/// Reads a table of findings.
pub fn read(bytes: &[u8], map: &[SheetMap]) -> Result<Sheet, SheetError> {
    let fit = |headers: &[&str]| {
        let found = places(headers, map);
        let is_there = |field: &SheetField| found.get(field).is_some_and(|all| !all.is_empty());
        let edited = SheetField::ALL
            .iter()
            .filter(|field| field.is_edited() && is_there(field))
            .count();
        let is_table = edited > 0 && is_there(&SheetField::Finding);
        let is_mapped = map.iter().all(|one| is_there(&one.field));
        if is_table && is_mapped {
            found.values().filter(|all| !all.is_empty()).count()
        } else {
            0
        }
    };
    let grid = grid::read(bytes, &fit)?;
    let headers: Vec<&str> = grid.headers.iter().map(String::as_str).collect();
    let mut columns = Places::new();
    for (field, all) in places(&headers, map) {
        match all.as_slice() {
            [] => {}
            [one] => {
                columns.insert(field, *one);
            }
            [first, second, ..] => {
                return Err(SheetError::TwoColumns {
                    header: field.as_str(),
                    first: first + 1,
                    second: second + 1,
                });
            }
        }
    }
    Ok(rows(&grid, &columns))
}

/// The columns that each field may be.
fn places(headers: &[&str], map: &[SheetMap]) -> BTreeMap<SheetField, Vec<usize>> {
    let of = |field: &SheetField| {
        let mapped = map.iter().find(|one| one.field == *field);
        let name = mapped.map_or(field.as_str(), |one| one.header.as_str());
        let numbered = mapped.and_then(|_| name.strip_prefix('#')?.parse::<usize>().ok());
        let wanted = folded(name);
        let all = headers.iter().enumerate();
        let all = all.filter(|(at, header)| match numbered {
            Some(number) => at + 1 == number,
            None => folded(header) == wanted,
        });
        all.map(|(at, _)| at).collect()
    };
    SheetField::ALL
        .iter()
        .map(|field| (*field, of(field)))
        .collect()
}

fn rows(grid: &Grid, columns: &Places) -> Sheet {
    let named = columns.iter().filter_map(|(field, at)| {
        let header = grid.headers.get(*at)?;
        Some((*field, header.clone()))
    });
    let mut sheet = Sheet {
        form: grid.form.clone(),
        is_lossy: grid.is_lossy,
        columns: named.collect(),
        ..Sheet::default()
    };
    for row in &grid.rows {
        match read_row(row, columns) {
            Ok(Some(row)) => sheet.rows.push(row),
            Ok(None) => sheet.closed += u64::from(is_closed(row, columns)),
            Err(complaint) => sheet.complaints.push(complaint),
        }
    }
    refuse_contradictions(&mut sheet);
    sheet
}

fn cell<'a>(row: &'a GridRow, columns: &Places, field: SheetField) -> Option<&'a str> {
    columns.get(&field).map(|at| row.cell(*at))
}

fn place(row: &GridRow) -> RowPlace {
    RowPlace {
        part: row.part,
        number: row.number,
    }
}

fn is_closed(row: &GridRow, columns: &Places) -> bool {
    let closed = [
        FindingState::Fixed,
        FindingState::Superseded,
        FindingState::NotApplicable,
    ];
    let state = cell(row, columns, SheetField::State);
    state.is_some_and(|word| closed.iter().any(|state| state.as_str() == word))
}

/// What a row says; nothing where it is about nothing, or about what is closed.
fn read_row(row: &GridRow, columns: &Places) -> Result<Option<SheetRow>, Complaint> {
    let text = |field| cell(row, columns, field).map(|text| unguarded(text).to_owned());
    let id = text(SheetField::Finding).unwrap_or_default().to_lowercase();
    let edited = SheetField::ALL.iter().filter(|field| field.is_edited());
    let is_blank = edited
        .filter_map(|field| cell(row, columns, *field))
        .all(str::is_empty);
    if is_closed(row, columns) || (id.is_empty() && is_blank) {
        return Ok(None);
    }
    let digits = id.strip_prefix("f-").unwrap_or_default();
    if digits.len() != 16 || !digits.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        let shown: String = id.chars().take(40).collect();
        return Err(Complaint {
            row: place(row),
            column: SheetField::Finding.as_str(),
            what: format!(
                "`{shown}` is no finding: f- and 16 digits, as it was exported; delete the row, or put its id back"
            ),
        });
    }
    let run = text(SheetField::Run).filter(|run| !run.is_empty());
    Ok(Some(SheetRow {
        at: place(row),
        run: run.map(RunId::new),
        finding: FindingId::new(id),
        owner: text(SheetField::Owner),
        status: text(SheetField::Status),
        my_severity: text(SheetField::MySeverity),
        until: text(SheetField::ExceptionUntil),
        reason: text(SheetField::Reason),
    }))
}

/// The apostrophe goes that our files have before what looks like a formula.
pub(super) fn unguarded(text: &str) -> &str {
    const SIGNS: &[char] = &[
        '=', '+', '-', '@', '＝', '＋', '－', '＠', '﹦', '﹢', '﹣', '﹫', '\t', '\r', '\n', '\0',
    ];
    match text.strip_prefix('\'') {
        Some(rest) if rest.starts_with(SIGNS) => rest,
        _ => text,
    }
}

/// Of rows about one finding that say the same the first counts; where they do not, none does.
fn refuse_contradictions(sheet: &mut Sheet) {
    let mut first: HashMap<FindingId, usize> = HashMap::new();
    let mut bad = BTreeSet::new();
    let mut gone = BTreeSet::new();
    for (at, row) in sheet.rows.iter().enumerate() {
        let before = *first.entry(row.finding.clone()).or_insert(at);
        let Some(earlier) = sheet.rows.get(before).filter(|_| before != at) else {
            continue;
        };
        gone.insert(at);
        if !row.agrees_with(earlier) {
            bad.insert(before);
            sheet.complaints.push(Complaint {
                row: row.at,
                column: "",
                what: format!(
                    "{} is in row {} as well, and the two say different things: delete one",
                    row.finding, earlier.at
                ),
            });
        }
    }
    let rows = std::mem::take(&mut sheet.rows).into_iter().enumerate();
    let kept = rows.filter(|(at, _)| !gone.contains(at) && !bad.contains(at));
    sheet.rows = kept.map(|(_, row)| row).collect();
}
