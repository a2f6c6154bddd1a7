//! LDIF (RFC 2849), as `ldifde` and `ldapsearch` write it: each entry becomes a row.

use super::table::{MOST_COLUMNS, Table};
use super::{KnownError, cells};
use crate::wire::base64;
use csv::StringRecord;
use std::collections::HashMap;

/// Whether a text is LDIF: its first words are a version or a distinguished name.
pub(super) fn is_ldif(text: &str) -> bool {
    let mut lines = text
        .lines()
        .filter(|line| !line.trim().is_empty() && !line.starts_with('#'));
    let first = lines.next().unwrap_or_default().to_ascii_lowercase();
    let is_entry = |line: &str| line.starts_with("dn: ") || line.starts_with("dn:: ");
    is_entry(&first) || first.starts_with("version: 1")
}

/// Reads LDIF.
pub(super) fn read(text: &str) -> Result<Table, KnownError> {
    let mut entries = Entries::default();
    let mut unfolded = String::new();
    let mut first = 0;
    for (number, line) in (1..).zip(text.lines()) {
        if let Some(rest) = line.strip_prefix(' ') {
            unfolded.push_str(rest);
            continue;
        }
        entries.line(first, &unfolded);
        unfolded.clear();
        unfolded.push_str(line);
        first = number;
    }
    entries.line(first, &unfolded);
    entries.line(first, "");
    entries.into_table()
}

#[derive(Default)]
struct Entries {
    headers: Vec<String>,
    places: HashMap<String, usize>,
    current: HashMap<usize, String>,
    start: u64,
    rows: Vec<(u64, HashMap<usize, String>)>,
}

impl Entries {
    /// An attribute of the entry at hand; an empty line ends it.
    fn line(&mut self, number: u64, line: &str) {
        if line.trim().is_empty() {
            if !self.current.is_empty() {
                self.rows
                    .push((self.start, std::mem::take(&mut self.current)));
            }
            return;
        }
        let Some((name, value)) = line.split_once(':') else {
            return;
        };
        let is_nothing = name.starts_with('#') || name == "version" || name == "changetype";
        let Some(value) = value_of(name, value).filter(|_| !is_nothing) else {
            return;
        };
        let Some(place) = self.place(name) else {
            return;
        };
        if self.current.is_empty() {
            self.start = number;
        }
        let cell = self.current.entry(place).or_default();
        if !cell.is_empty() {
            cell.push_str("; ");
        }
        // One attribute with a thousand members is a group's.
        if cell.len() < 8192 {
            cell.push_str(&value);
        }
    }

    fn place(&mut self, name: &str) -> Option<usize> {
        let key = name.to_ascii_lowercase();
        if let Some(place) = self.places.get(&key) {
            return Some(*place);
        }
        let place = self.headers.len();
        if place >= MOST_COLUMNS {
            return None;
        }
        self.headers.push(cells::kept(name));
        self.places.insert(key, place);
        Some(place)
    }

    fn into_table(self) -> Result<Table, KnownError> {
        let mut table = Table::new("LDIF".to_owned(), None);
        let width = self.headers.len();
        table.headers = self.headers;
        for (number, mut cells) in self.rows {
            let row = (0..width).map(|place| cells.remove(&place).unwrap_or_default());
            table.push(number, row.collect::<StringRecord>())?;
        }
        Ok(table)
    }
}

/// The value behind the colon; behind two, base 64. An object's id is 16 bytes.
fn value_of(name: &str, value: &str) -> Option<String> {
    let Some(encoded) = value.strip_prefix(':') else {
        return Some(value.trim().to_owned());
    };
    let bytes = base64::decode(encoded.trim())?;
    if name.eq_ignore_ascii_case("objectGUID") {
        return cells::uuid_of_bytes(&bytes);
    }
    String::from_utf8(bytes).ok()
}
