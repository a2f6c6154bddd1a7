//! Tables in text: what separates the cells, and in which line a row begins.

use super::lines::Lines;
use csv::{ReaderBuilder, StringRecord};

/// What may separate cells. Of equally good ones the first.
pub(crate) const SEPARATORS: &[u8] = b",;\t|";
/// How many rows are looked at to find the header: reports have a title and what they were filtered by before it.
pub(crate) const HEAD_ROWS: usize = 60;
/// How much of a text is looked at for that.
const HEAD_BYTES: usize = 256 << 10;
/// How many lines the last cell may have before the quotation mark that opened it counts as a mistake.
const MOST_LINES: usize = 20;

/// How many columns a table may have; Excel has 16,384.
pub(crate) const MOST_COLUMNS: usize = 1_000_000;

/// The form in words.
pub(crate) fn form(separator: u8) -> String {
    let word = match separator {
        b'\t' => "tabs".to_owned(),
        other => format!("`{}`", char::from(other)),
    };
    format!("table separated by {word}")
}

/// Where the table begins, and what it says of its separator: Excel's `sep=;`, PowerShell's `#TYPE …`.
pub(crate) fn preamble(text: &str) -> (usize, Option<u8>) {
    let mut at = 0;
    let mut separator = None;
    for line in text.split_inclusive('\n').take(5) {
        let plain = line.trim_end_matches(['\r', '\n']).trim_matches('"');
        let lower = plain.get(..4).unwrap_or_default().to_ascii_lowercase();
        if lower == "sep=" {
            separator = plain.as_bytes().get(4).copied().or(separator);
        } else if !plain.starts_with("#TYPE ") {
            break;
        }
        at += line.len();
    }
    (at, separator.filter(|one| SEPARATORS.contains(one)))
}

/// The first rows, by a separator.
pub(crate) fn first_rows(text: &str, separator: u8) -> Vec<StringRecord> {
    let rows = reader(head(text), separator).into_records();
    rows.take(HEAD_ROWS).filter_map(Result::ok).collect()
}

/// The beginning of a text.
pub(crate) fn head(text: &str) -> &str {
    let mut end = text.len().min(HEAD_BYTES);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    text.get(..end).unwrap_or_default()
}

/// Calls `each` with every row of the table that begins at `start`, and with the line it begins in, from 1.
pub(crate) fn each_row<E>(
    text: &str,
    (start, separator): (usize, u8),
    mut each: impl FnMut(u64, StringRecord) -> Result<(), E>,
) -> Result<(), E> {
    let body = text.get(start..).unwrap_or_default();
    let mut lines = Lines::new(text);
    let mut end_of_last = start;
    for record in reader(body, separator).into_records() {
        // A reader of text that is told to be flexible has no other error than that of the text.
        let Ok(record) = record else { continue };
        let at = record.position().map_or(0, csv::Position::byte);
        let at = start + usize::try_from(at).unwrap_or(usize::MAX);
        let line = lines.of(at.max(end_of_last));
        end_of_last = at;
        each(line, record)?;
    }
    Ok(())
}

/// Whether a line has more cells than there is room for: a row is kept in memory as a whole.
pub(crate) fn is_too_wide(text: &str, separator: u8) -> bool {
    let cells = |line: &[u8]| line.split(|byte| *byte == separator).count();
    let mut lines = text.as_bytes().split(|byte| *byte == b'\n');
    lines.any(|line| line.len() > MOST_COLUMNS && cells(line) > MOST_COLUMNS)
}

/// How many lines a quotation mark that is never closed makes one cell of, by the last row; `None` where there is
/// no such mark.
pub(crate) fn swallowed(last: &StringRecord) -> Option<usize> {
    let lines = last.iter().map(|cell| cell.matches('\n').count());
    lines.max().filter(|lines| *lines > MOST_LINES)
}

fn reader(text: &str, separator: u8) -> csv::Reader<&[u8]> {
    ReaderBuilder::new()
        .delimiter(separator)
        .has_headers(false)
        .flexible(true)
        .from_reader(text.as_bytes())
}
