//! Small tables for the terminal.

use super::escape::for_terminal;
use std::fmt::Write as _;

/// The widest column, in characters.
const WIDEST: usize = 60;

/// Lays rows out in columns under a header: left-aligned, cut at 60 characters, each cell harmless
/// to a terminal. Rows may be short; lines end without blanks.
pub fn columns(header: &[&str], rows: &[Vec<String>]) -> String {
    let header: Vec<String> = header.iter().map(|title| (*title).to_owned()).collect();
    let rows = [&header].into_iter().chain(rows).map(|row| shown(row));
    let rows: Vec<Vec<String>> = rows.collect();
    let mut widths = vec![0; rows.iter().map(Vec::len).max().unwrap_or(0)];
    for row in &rows {
        for (width, cell) in widths.iter_mut().zip(row) {
            *width = cell.chars().count().max(*width);
        }
    }
    let mut text = String::new();
    for row in &rows {
        let mut line = String::new();
        for (width, cell) in widths.iter().zip(row) {
            let _ = write!(line, "{cell:<width$}  ");
        }
        text.push_str(line.trim_end());
        text.push('\n');
    }
    text
}

fn shown(row: &[String]) -> Vec<String> {
    let cut = |cell: &String| {
        let safe = for_terminal(cell);
        if safe.chars().count() <= WIDEST {
            return safe.into_owned();
        }
        let kept: String = safe.chars().take(WIDEST - 1).collect();
        kept + "…"
    };
    row.iter().map(cut).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_line_up_and_hostile_cells_stay_in_place() {
        let rows = vec![
            vec!["10.0.0.1".to_owned(), "web\u{1b}[2J\nx".to_owned()],
            vec!["10.0.0.20".to_owned(), "a".repeat(100)],
        ];
        let text = columns(&["IP", "NAME"], &rows);
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(lines[0], "IP         NAME");
        assert_eq!(lines[1], "10.0.0.1   web␛[2J⏎x");
        assert_eq!(lines[2].chars().count(), 11 + WIDEST);
    }
}
