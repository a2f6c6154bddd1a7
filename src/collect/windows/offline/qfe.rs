//! The output of `wmic qfe` (as a table, `list full` or `/format:csv`) and of `Get-HotFix` (as a table, a
//! list, or by `Export-Csv`).
//!
//! The names of columns are WMI's and in no language; cells are. An update is the cell of a row that
//! names one and nothing else: the widths of columns are not to be trusted where letters are wide.

use super::super::text::{MOST_ROWS, NAME, certain_day, clip};
use super::{Updates, is_no_update, update};
use crate::collect::windows::hotfixes::QfeRow;
use crate::model::KbId;

const ID: &str = "hotfixid";

/// The updates of a list, and the host that it says it is of.
pub(super) struct List {
    pub(super) host: Option<String>,
    pub(super) updates: Updates,
}

/// Reads a list; `None` where no column or property is called `HotFixID`.
pub(super) fn read(text: &str) -> Option<List> {
    let lines: Vec<&str> = text
        .split(['\r', '\n'])
        .filter(|line| !line.trim().is_empty())
        .take(MOST_ROWS * 12)
        .collect();
    let head = lines
        .iter()
        .position(|line| line.to_ascii_lowercase().contains(ID))?;
    let (before, rest) = lines.split_at(head);
    let (first, rows) = rest.split_first()?;
    let mut list = List {
        host: None,
        updates: Updates {
            is_told: true,
            ..Updates::default()
        },
    };
    if property(first).is_some() {
        list.properties(before.iter().chain(rest));
    } else if let Some(mark) = separator(first) {
        list.cells(first, rows, mark);
    } else {
        list.table(first, rows);
    }
    Some(list)
}

/// `HotFixID=KB5034122`, `HotFixID : KB5034122`.
fn property(line: &str) -> Option<(String, &str)> {
    let (name, value) = line.split_once(['=', ':'])?;
    let name = name.trim();
    let is_name = !name.is_empty()
        && name
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
    is_name.then(|| (name.to_ascii_lowercase(), value.trim()))
}

/// What stands between the cells of a header, where it is no blanks.
fn separator(header: &str) -> Option<u8> {
    let counts = [b',', b';', b'\t'].map(|mark| {
        let count = header.bytes().filter(|byte| *byte == mark).count();
        (count, mark)
    });
    counts
        .into_iter()
        .max()
        .filter(|(count, _)| *count > 0)
        .map(|(_, mark)| mark)
}

impl List {
    fn properties<'a>(&mut self, lines: impl Iterator<Item = &'a &'a str>) {
        let mut row: Vec<(String, &str)> = Vec::new();
        for line in lines {
            let Some((name, value)) = property(line) else {
                continue;
            };
            // Every instance has the same properties: the first again is the next one's.
            if row.iter().any(|(known, _)| *known == name) {
                self.named(&row);
                row.clear();
            }
            row.push((name, value));
        }
        self.named(&row);
    }

    /// Cells between commas, which `wmic` does not quote: those of the last column may hold more.
    fn cells(&mut self, header: &str, rows: &[&str], mark: u8) {
        let mut text = header.trim_start_matches("#TYPE").to_owned();
        for row in rows {
            text.push('\n');
            text.push_str(row);
        }
        let mut reader = csv::ReaderBuilder::new()
            .delimiter(mark)
            .flexible(true)
            .from_reader(text.as_bytes());
        let Ok(names) = reader.headers().cloned() else {
            return;
        };
        for record in reader.records().filter_map(Result::ok) {
            let cells = names.iter().zip(record.iter());
            let row: Vec<(String, &str)> = cells
                .map(|(name, value)| (name.trim().to_ascii_lowercase(), value.trim()))
                .collect();
            self.named(&row);
        }
    }

    fn table(&mut self, header: &str, rows: &[&str]) {
        let is_wmi = header.contains("ServicePackInEffect") || header.contains("FixComments");
        let host = ["CSName", "Source", "PSComputerName"];
        let has_host = header.split_whitespace().any(|name| host.contains(&name));
        for row in rows {
            if row.trim().bytes().all(|byte| matches!(byte, b'-' | b' ')) {
                continue;
            }
            let cells: Vec<&str> = cells_of(row);
            let first = cells.iter().find(|cell| !cell.contains("://"));
            if has_host && self.host.is_none() {
                let name = first.filter(|cell| !cell.contains(' '));
                self.host = name.map(|cell| clip(cell, NAME));
            }
            let Some((name, kb)) = named_in(row, &cells) else {
                self.updates.is_cut |= !cells.iter().any(|cell| is_no_update(cell));
                continue;
            };
            let behind = row.split_once(name).map_or("", |(_, behind)| behind);
            let mut days = cells_of(behind).into_iter();
            let mut entry = QfeRow::of(kb);
            entry.installed_on = days.find(|cell| is_day(cell, is_wmi)).map(str::to_owned);
            self.updates.rows.push(entry);
        }
    }

    /// One instance, by the names of its properties.
    fn named(&mut self, row: &[(String, &str)]) {
        let value = |name: &str| {
            let found = row.iter().find(|(known, _)| known == name);
            found
                .map(|(_, value)| *value)
                .filter(|value| !value.is_empty())
        };
        let host = ["csname", "pscomputername", "source", "node", "__server"];
        if self.host.is_none() {
            let name = host.into_iter().find_map(value);
            self.host = name
                .filter(|name| *name != ".")
                .map(|name| clip(name, NAME));
        }
        let Some(id) = value(ID) else { return };
        let kb = update(id).or_else(|| value("servicepackineffect").and_then(update));
        let Some(kb) = kb else {
            self.updates.is_cut |= !is_no_update(id);
            return;
        };
        let is_wmi = is_wmic(row);
        let day = value("installedon").filter(|day| is_day(day, is_wmi));
        self.updates.rows.push(QfeRow {
            kind: value("description").map(str::to_owned),
            installed_by: value("installedby").map(str::to_owned),
            installed_on: day.map(str::to_owned),
            ..QfeRow::of(kb)
        });
    }
}

/// Whether an instance is in `wmic`'s words; PowerShell adds properties of its own.
fn is_wmic(row: &[(String, &str)]) -> bool {
    let has = |names: &[&str]| row.iter().any(|(name, _)| names.contains(&name.as_str()));
    has(&["fixcomments", "node"]) && !has(&["pscomputername", "__server"])
}

/// The update that a row names: a cell, or a word where one blank is all that is between two cells.
fn named_in<'a>(row: &'a str, cells: &[&'a str]) -> Option<(&'a str, KbId)> {
    let words = row.split_whitespace();
    let kbs = words.filter(|word| word.to_ascii_uppercase().starts_with("KB"));
    let mut names = cells.iter().copied().chain(kbs);
    names.find_map(|name| Some((name, update(name)?)))
}

/// The cells of a row: blanks between them, at least two.
fn cells_of(row: &str) -> Vec<&str> {
    let cells = row.split("  ").map(str::trim);
    cells.filter(|cell| !cell.is_empty()).collect()
}

/// Whether a cell is a day that can be read: WMI's own dates begin with the month, those that
/// PowerShell writes are in the order of the host's language, unless only one order is possible.
fn is_day(cell: &str, is_wmi: bool) -> bool {
    let is_hex = cell.len() == 16 && cell.bytes().all(|byte| byte.is_ascii_hexdigit());
    let numbers = super::super::text::three(cell);
    is_hex || certain_day(cell).is_some() || (is_wmi && numbers.is_some())
}
