//! The sheet `dictionary`: every column of the workbook, from the definitions that its sheets are written by.

use super::super::ReportError;
use super::super::tables::Table;
use super::cells::{done, link};
use super::look::Look;
use super::sheets::set_up_print;
use rust_xlsxwriter::Worksheet;

/// The name of the sheet.
pub(super) const NAME: &str = "dictionary";
/// The headers, and how wide they are.
const COLUMNS: [(&str, f64); 4] = [
    ("table", 18.0),
    ("column", 26.0),
    ("cells", 16.0),
    ("what it tells", 110.0),
];

/// How many letters of the last column fit in a line.
const LETTERS: usize = 120;

/// Makes the sheet.
pub(super) fn sheet(
    tables: &[&'static Table],
    look: &Look,
    footer: &str,
) -> Result<Worksheet, ReportError> {
    let mut sheet = Worksheet::new();
    done(sheet.set_name(NAME))?;
    done(sheet.set_row_height(0, 20))?;
    for (at, (name, width)) in (0u16..).zip(COLUMNS) {
        done(sheet.set_column_width(at, width))?;
        done(sheet.write_string_with_format(0, at, name, &look.header))?;
    }
    let columns = tables
        .iter()
        .flat_map(|table| table.columns.iter().map(move |column| (table.name, column)));
    let mut row = 0;
    for (table, column) in columns {
        row += 1;
        let lines = column.says.chars().count() / LETTERS + 1;
        if lines > 1 {
            let height = u32::try_from(lines).unwrap_or(1) * 15;
            done(sheet.set_row_height(row, height))?;
        }
        let to = format!("internal:'{table}'!A1");
        link(&mut sheet, (row, 0), (table, to), &look.contents)?;
        done(sheet.write_string_with_format(row, 1, column.name, &look.plain))?;
        done(sheet.write_string_with_format(row, 2, column.kind.as_str(), &look.plain))?;
        done(sheet.write_string_with_format(row, 3, column.says, &look.wrapped))?;
    }
    done(sheet.autofilter(0, 0, row, 3))?;
    done(sheet.set_freeze_panes(1, 0))?;
    let digits = COLUMNS.iter().map(|(_, width)| width).sum();
    set_up_print(&mut sheet, digits, footer)?;
    Ok(sheet)
}
