//! One table out of a file, in whichever of its forms a spreadsheet saved it: the first that has the headers that
//! are wanted.

use super::separated::{self, SEPARATORS};
use super::workbook::{Limits, Sheet, WorkbookError, is_workbook, sheets};
use super::{encoding, no_text};
use csv::{ReaderBuilder, StringRecord};
use std::collections::BTreeMap;
use std::io::Cursor;

/// How much of a workbook is read.
const LIMITS: Limits = Limits {
    bytes: 256 << 20,
    sheets: 100,
};
/// The most cells of one table.
const MOST_CELLS: usize = 60_000_000;

/// Rows under headers.
#[derive(Debug, Default)]
pub(crate) struct Grid {
    /// What it came in, in words.
    pub(crate) form: String,
    /// Whether it is in a code page, in which letters may have been lost.
    pub(crate) is_lossy: bool,
    /// The headers, as they are written.
    pub(crate) headers: Vec<String>,
    /// The rows behind them, without empty ones.
    pub(crate) rows: Vec<GridRow>,
    cells: usize,
}

/// A row.
#[derive(Debug)]
pub(crate) struct GridRow {
    /// Of a table that goes on in further sheets the sheet: 1, 2, …
    pub(crate) part: u32,
    /// Its line, or its number in its sheet, from 1.
    pub(crate) number: u64,
    cells: StringRecord,
}

impl GridRow {
    /// A cell without blanks around it; empty where the row is shorter.
    pub(crate) fn cell(&self, column: usize) -> &str {
        let cell = self.cells.get(column).unwrap_or_default();
        cell.trim_matches(|one: char| one.is_whitespace() || one == '\u{feff}')
    }
}

/// Why a file is not such a table.
#[derive(Debug, thiserror::Error)]
pub(crate) enum GridError {
    /// It is something else.
    #[error("it is {what}: {advice}")]
    NoTable {
        /// What it is.
        what: &'static str,
        /// What to do.
        advice: &'static str,
    },
    /// No row has the headers.
    #[error("none of its first rows has the columns that are wanted (found: {found})")]
    NoHeader {
        /// The first row.
        found: String,
    },
    /// A further sheet of the table is not like the first.
    #[error(
        "sheet `{sheet}` goes on with what `{first}` begins and has other columns: give it the same header row, or another name"
    )]
    OtherColumns {
        /// The sheet.
        sheet: String,
        /// The first of the table.
        first: String,
    },
    /// A cell has no end.
    #[error(
        "line {line}: a quotation mark that opens there is never closed, and {lines} lines are behind it"
    )]
    Unclosed {
        /// Where.
        line: u64,
        /// How many lines.
        lines: usize,
    },
    /// It has more cells than any table.
    #[error("it has more than {MOST_CELLS} cells: give it in parts")]
    TooLarge,
    /// The workbook does not read.
    #[error(transparent)]
    Workbook(#[from] WorkbookError),
}

/// Tells how well a row fits as the header: 0 where it is none.
pub(crate) type Fit<'a> = dyn Fn(&[&str]) -> usize + 'a;

/// Reads the table of a file.
pub(crate) fn read(bytes: &[u8], fit: &Fit<'_>) -> Result<Grid, GridError> {
    if is_workbook(Cursor::new(bytes)) {
        return of_workbook(bytes, fit);
    }
    if let Some((what, advice)) = no_text(bytes) {
        return Err(GridError::NoTable { what, advice });
    }
    let shown = encoding::shown(bytes);
    let is_lossy = shown.is_none();
    let (text, _) = shown.unwrap_or_else(|| encoding::shown_or_western(bytes));
    let mut grid = of_text(text.trim_start_matches('\u{feff}'), fit)?;
    grid.is_lossy = is_lossy;
    Ok(grid)
}

fn of_text(text: &str, fit: &Fit<'_>) -> Result<Grid, GridError> {
    let (start, stated) = separated::preamble(text);
    let body = text.get(start..).unwrap_or_default();
    let tried = stated.map_or(SEPARATORS.to_vec(), |one| vec![one]);
    let scored = tried.into_iter().filter_map(|separator| {
        let rows = separated::first_rows(body, separator);
        let best = rows.iter().map(|row| score(row, fit)).max()?;
        (best > 0).then_some((best, separator))
    });
    // Of equally good ones the first.
    let best = scored.rev().max_by_key(|(score, _)| *score);
    let Some((_, separator)) = best else {
        let first: String = body
            .lines()
            .next()
            .unwrap_or_default()
            .chars()
            .take(200)
            .collect();
        return Err(GridError::NoHeader { found: first });
    };
    let mut grid = Grid {
        form: separated::form(separator),
        ..Grid::default()
    };
    separated::each_row(text, (start, separator), |line, row| {
        grid.push((1, line), row)
    })?;
    if let Some(last) = grid.rows.last()
        && let Some(lines) = separated::swallowed(&last.cells)
    {
        let line = last.number;
        return Err(GridError::Unclosed { line, lines });
    }
    grid.behead(fit);
    Ok(grid)
}

fn of_workbook(bytes: &[u8], fit: &Fit<'_>) -> Result<Grid, GridError> {
    let (mut found, mut first) = (None::<Parts>, None);
    sheets(bytes, LIMITS, &mut |sheet| {
        let (table, part) = part_of(sheet.name);
        if found.as_ref().is_some_and(|parts| parts.table != table) {
            return Ok(());
        }
        let mut grid = of_sheet(sheet, part)?;
        let fits = grid.behead(fit);
        match &mut found {
            Some(parts) => parts.add(shortened(sheet.name), grid, part)?,
            None if fits => found = Some(Parts::begin(table, shortened(sheet.name), grid, part)),
            None if first.is_none() => {
                first = grid.rows.first().map(|row| words(&row.cells).join(", "));
            }
            None => {}
        }
        Ok::<_, GridError>(())
    })?;
    let found = found.ok_or_else(|| GridError::NoHeader {
        found: first.unwrap_or_default().chars().take(200).collect(),
    })?;
    Ok(found.whole())
}

/// The table that a sheet is of, and which of its sheets it is: what does not fit in `findings` goes on in
/// `findings 2`.
fn part_of(sheet: &str) -> (&str, u32) {
    let further = sheet.rsplit_once(' ').and_then(|(table, number)| {
        let number = number.parse().ok().filter(|number| *number > 1)?;
        Some((table, number))
    });
    further.unwrap_or((sheet, 1))
}

fn shortened(sheet: &str) -> String {
    sheet.chars().take(60).collect()
}

/// The sheets of one table.
struct Parts {
    table: String,
    /// The first one that was met: its name.
    first: String,
    grid: Grid,
    /// The names of all, by their numbers.
    names: BTreeMap<u32, String>,
}

impl Parts {
    fn begin(table: &str, sheet: String, grid: Grid, part: u32) -> Self {
        Self {
            table: table.to_owned(),
            first: sheet.clone(),
            grid,
            names: BTreeMap::from([(part, sheet)]),
        }
    }

    /// Takes the rows of a further sheet, whichever order the sheets are in.
    fn add(&mut self, sheet: String, further: Grid, part: u32) -> Result<(), GridError> {
        if further.headers != self.grid.headers {
            let first = self.first.clone();
            return Err(GridError::OtherColumns { sheet, first });
        }
        self.grid.cells += further.cells;
        if self.grid.cells > MOST_CELLS {
            return Err(GridError::TooLarge);
        }
        self.grid.rows.extend(further.rows);
        self.names.insert(part, sheet);
        Ok(())
    }

    fn whole(mut self) -> Grid {
        self.grid.rows.sort_by_key(|row| (row.part, row.number));
        let names: Vec<String> = self.names.into_values().collect();
        let sheets = if names.len() == 1 { "sheet" } else { "sheets" };
        self.grid.form = format!("workbook, {sheets} `{}`", names.join("`, `"));
        self.grid
    }
}

fn of_sheet(sheet: &Sheet<'_>, part: u32) -> Result<Grid, GridError> {
    let mut grid = Grid::default();
    let reader = ReaderBuilder::new()
        .has_headers(false)
        .flexible(true)
        .from_reader(sheet.table);
    for (record, number) in reader.into_records().zip(sheet.rows) {
        let Ok(record) = record else { continue };
        grid.push((part, u64::from(*number)), record)?;
    }
    Ok(grid)
}

impl Grid {
    fn push(&mut self, (part, number): (u32, u64), cells: StringRecord) -> Result<(), GridError> {
        if cells.iter().all(|cell| cell.trim().is_empty()) {
            return Ok(());
        }
        self.cells += cells.len();
        if self.cells > MOST_CELLS {
            return Err(GridError::TooLarge);
        }
        self.rows.push(GridRow {
            part,
            number,
            cells,
        });
        Ok(())
    }

    /// Takes the row that fits best for the header; what stands before it says nothing. Says whether there is one.
    fn behead(&mut self, fit: &Fit<'_>) -> bool {
        let rows = self.rows.iter().take(separated::HEAD_ROWS).enumerate();
        let scored = rows.map(|(at, row)| (score(&row.cells, fit), at));
        // The first of equal ones.
        let best = scored.max_by_key(|(score, at)| (*score, usize::MAX - at));
        let Some((1.., at)) = best else {
            return false;
        };
        let header = self.rows.drain(..=at).next_back();
        let words = header.map(|row| words(&row.cells).into_iter().map(str::to_owned).collect());
        self.headers = words.unwrap_or_default();
        true
    }
}

fn score(row: &StringRecord, fit: &Fit<'_>) -> usize {
    fit(&words(row))
}

fn words(row: &StringRecord) -> Vec<&str> {
    row.iter().map(str::trim).collect()
}

#[cfg(test)]
mod tests {
    use super::super::workbook::tests::book;
    use super::*;

    fn fit(headers: &[&str]) -> usize {
        headers.iter().filter(|one| **one == "id").count()
    }

    fn read_text(text: &[u8]) -> Grid {
        read(text, &fit).unwrap()
    }

    #[test]
    fn a_table_is_read_however_a_spreadsheet_saved_it() {
        let text = "id;owner\r\n1;\"Müller; A\"\r\n\r\n2;b\r\n";
        let utf16 = text
            .replace(';', "\t")
            .replace("\"Müller\t A\"", "Müller; A");
        let utf16 = utf16.encode_utf16().flat_map(u16::to_le_bytes);
        let utf16: Vec<u8> = b"\xff\xfe".iter().copied().chain(utf16).collect();
        let western = b"sep=;\r\nid;owner\r\n1;\"M\xfcller; A\"\r\n2;b\r\n".to_vec();
        let marked = [b"\xef\xbb\xbf", text.as_bytes()].concat();
        let cells = r#"<row r="1"><c t="inlineStr"><is><t>title</t></is></c></row>
            <row r="3"><c r="A3" t="inlineStr"><is><t>id</t></is></c><c r="B3" t="inlineStr"><is><t>owner</t></is></c></row>
            <row r="4"><c r="A4"><v>1</v></c><c r="B4" t="inlineStr"><is><t>Müller; A</t></is></c></row>
            <row r="5"><c r="A5"><v>2</v></c><c r="B5" t="inlineStr"><is><t>b</t></is></c></row>"#;
        for (bytes, first) in [
            (text.as_bytes().to_vec(), 2),
            (marked, 2),
            (utf16, 2),
            (western, 3),
            (book(cells, ""), 4),
        ] {
            let grid = read_text(&bytes);
            assert_eq!(grid.headers, ["id", "owner"], "{}", grid.form);
            let cells: Vec<_> = grid
                .rows
                .iter()
                .map(|row| (row.cell(0), row.cell(1)))
                .collect();
            assert_eq!(cells, [("1", "Müller; A"), ("2", "b")], "{}", grid.form);
            assert_eq!(grid.rows[0].number, first, "{}", grid.form);
            assert_eq!(grid.rows[0].cell(9), "");
        }
    }

    #[test]
    fn what_is_no_such_table_is_told() {
        let error = |bytes: &[u8]| read(bytes, &fit).unwrap_err().to_string();
        assert!(error(b"name,owner\nx,y\n").contains("found: name,owner"));
        assert!(error(b"").contains("found: )"));
        assert!(error(b"%PDF-1.7").contains("a PDF"));
        let open = format!("id,owner\n1,\"x\n{}", "2,y\n".repeat(30));
        assert!(error(open.as_bytes()).starts_with("line 2: a quotation mark"));
    }

    proptest::proptest! {
        #[test]
        fn nothing_makes_it_panic(bytes in proptest::collection::vec(proptest::num::u8::ANY, 0..300)) {
            let _ = read(&bytes, &fit);
            let _ = read(&[b"id,b\n", &bytes[..]].concat(), &fit);
        }
    }
}
