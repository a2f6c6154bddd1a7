//! Tables in text: what separates the cells, and where the header is.

use super::table::Table;
use super::{KnownError, ReadOptions, cells, headers};
use crate::tabular::days;
use crate::tabular::separated::{self, HEAD_ROWS, SEPARATORS};
use csv::StringRecord;

/// Reads a text as a table. `None` where it is none: no line of it has two cells, and its first is no header.
pub(super) fn read(text: &str, options: &ReadOptions) -> Result<Option<Table>, KnownError> {
    let (start, stated) = separated::preamble(text);
    let body = text.get(start..).unwrap_or_default();
    let Some(separator) = stated.or_else(|| separator(separated::head(body), options)) else {
        return Ok(None);
    };
    if separated::is_too_wide(body, separator) {
        return Err(KnownError::Unsupported {
            what: format!("a table of more than {} columns", separated::MOST_COLUMNS),
            advice: "export fewer columns".to_owned(),
        });
    }
    let mut table = Table::new(separated::form(separator), Some(char::from(separator)));
    separated::each_row(text, (start, separator), |line, row| table.push(line, row))?;
    unclosed(&table)?;
    let found = header(&table, options);
    table.behead(found);
    Ok(Some(table))
}

/// Sees that no quotation mark, never closed, makes one cell of the rest of the file.
fn unclosed(table: &Table) -> Result<(), KnownError> {
    let last = table.rows.last();
    let Some(swallowed) = last.and_then(|row| separated::swallowed(&row.cells)) else {
        return Ok(());
    };
    Err(KnownError::Malformed {
        form: "table",
        line: last.map_or(0, |row| row.number),
        what: format!(
            "a quotation mark that opens there is never closed, and {swallowed} lines are behind it"
        ),
    })
}

/// What separates the cells: with what a line has the most known headers, else with what most lines have equally
/// many cells.
fn separator(head: &str, options: &ReadOptions) -> Option<u8> {
    let mut best = None;
    for separator in SEPARATORS {
        let rows = separated::first_rows(head, *separator);
        let known = rows.iter().map(|row| known(row, options)).max();
        let widths: Vec<usize> = rows.iter().map(StringRecord::len).collect();
        let same = |wanted: usize| widths.iter().filter(|width| **width == wanted).count();
        let wide = widths.iter().filter(|width| **width > 1);
        let usual = wide.map(|width| (same(*width), *width)).max();
        let (lines, width) = usual.unwrap_or((0, 0));
        let is_table = known.unwrap_or(0) > 1 || (lines * 2 > rows.len() && width > 1);
        let score = (known.unwrap_or(0), lines, width);
        if is_table && best.is_none_or(|(most, _)| score > most) {
            best = Some((score, *separator));
        }
    }
    let single = || is_single(head, options).then_some(b',');
    best.map(|(_, separator)| separator).or_else(single)
}

/// Whether a list of single words begins with a header.
fn is_single(head: &str, options: &ReadOptions) -> bool {
    let mut lines = head.lines().map(str::trim).filter(|line| !line.is_empty());
    let first = lines.next().unwrap_or_default();
    let mut row = StringRecord::new();
    row.push_field(first.trim_matches('"'));
    known(&row, options) == 1 && !first.starts_with('#')
}

/// How many cells of a row are known headers, or those that the operator names.
fn known(row: &StringRecord, options: &ReadOptions) -> usize {
    let is_mapped = |cell: &str| {
        let mut map = options.map.iter();
        map.any(|one| headers::folded(&one.header) == headers::folded(cell))
    };
    let cells = row.iter().filter_map(cells::text);
    cells
        .filter(|cell| headers::is_known(cell) || is_mapped(cell))
        .count()
}

/// Where the header is: the row with the most known headers, if it has two or hardly more cells than that; else the
/// first row, if it holds nothing that only a machine's row would.
pub(super) fn header(table: &Table, options: &ReadOptions) -> Option<usize> {
    let rows = table.rows.iter().take(HEAD_ROWS).enumerate();
    let scored = rows.map(|(at, row)| (known(&row.cells, options), at));
    // The first of equal ones.
    let best = scored.max_by_key(|(known, at)| (*known, usize::MAX - at));
    let (count, at) = best?;
    let cells = table.rows.get(at)?.cells.iter().filter_map(cells::text);
    if count >= 2 || (count == 1 && cells.count() <= 2) {
        return Some(at);
    }
    let first = table.rows.first()?.cells.iter().filter_map(cells::text);
    let first: Vec<&str> = first.collect();
    let is_header = !first.is_empty() && !first.iter().any(|cell| is_value(cell));
    is_header.then_some(0)
}

/// Whether a cell holds what no header does.
fn is_value(cell: &str) -> bool {
    cells::address(cell).is_some()
        || cells::mac(cell).is_some()
        || cells::uuid(cell).is_some()
        || cells::is_fqdn(cell)
        || cell.bytes().all(|byte| byte.is_ascii_digit())
        || matches!(days::read(cell, days::Order::default()), days::Day::On(_))
}
