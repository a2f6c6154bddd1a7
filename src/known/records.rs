//! From the rows of a table to machines.

use super::columns::{Columns, recognise};
use super::draft::Draft;
use super::table::{MOST_COLUMNS, Row, Table};
use super::{Field, KnownError, ReadOptions, cells, headers};
use crate::model::{Date, KnownRecord, ListKind};
use crate::tabular::days::{self, Day};
use std::cmp::Reverse;
use std::collections::HashMap;

/// Reads a table.
pub(super) fn read(table: Table, options: &ReadOptions) -> Result<Draft, KnownError> {
    if table.rows.is_empty() {
        return Err(KnownError::Empty);
    }
    let (kind, kind_by) = kind(&table, options);
    let columns = recognise(&table, kind, options)?;
    let mut draft = Draft {
        kind,
        kind_by,
        ..Draft::default()
    };
    let usual = usual_width(&table);
    for row in &table.rows {
        if is_shifted(row, table.headers.len(), usual) {
            let (cells, headers) = (row.cells.len(), table.headers.len());
            let what = format!(
                "{cells} cells under {headers} headers: a separator stands in a cell without quotation marks"
            );
            draft.refuse(row.number, what);
            continue;
        }
        let record = Reading {
            row,
            kind,
            columns: &columns,
            draft: &mut draft,
            record: KnownRecord {
                row: row.number,
                ..KnownRecord::default()
            },
        };
        let record = record.read();
        draft.take(record);
    }
    draft.columns = columns.uses;
    draft.form = table.form;
    draft.notes = table.notes;
    draft.notes.extend(columns.notes);
    Ok(draft)
}

/// How many cells most rows have: some programs write a separator behind the last.
fn usual_width(table: &Table) -> usize {
    let mut counts: HashMap<usize, usize> = HashMap::new();
    for row in &table.rows {
        *counts.entry(row.cells.len()).or_default() += 1;
    }
    let most = counts
        .into_iter()
        .max_by_key(|(width, count)| (*count, Reverse(*width)));
    most.map_or(0, |(width, _)| width)
}

/// Whether a row has more cells than there are columns: then nothing in it need be where it should be.
fn is_shifted(row: &Row, columns: usize, usual: usize) -> bool {
    let mut behind = row.cells.iter().skip(columns);
    let is_more = row.cells.len() > columns.max(usual);
    columns < MOST_COLUMNS && (is_more || behind.any(|cell| !cell.trim().is_empty()))
}

/// What wrote a table, and how that is known.
fn kind(table: &Table, options: &ReadOptions) -> (ListKind, String) {
    if let Some(kind) = options.kind {
        return (kind, super::BY_OPERATOR.to_owned());
    }
    let Some((kind, marks)) = headers::kind(&table.headers) else {
        return (ListKind::Plain, "no column tells who wrote it".to_owned());
    };
    let marks: Vec<_> = marks.iter().take(3).copied().collect();
    let word = if marks.len() == 1 {
        "column"
    } else {
        "columns"
    };
    (kind, format!("by the {word} {}", marks.join(", ")))
}

/// A row that is being read.
struct Reading<'a> {
    row: &'a Row,
    kind: ListKind,
    columns: &'a Columns,
    draft: &'a mut Draft,
    record: KnownRecord,
}

impl Reading<'_> {
    fn read(mut self) -> KnownRecord {
        let columns = self.columns;
        for (at, field) in &columns.used {
            let Some(cell) = self.row.cells.get(*at).and_then(cells::text) else {
                continue;
            };
            let header = columns.uses.get(*at).map_or("", |one| one.header.as_str());
            self.cell(*field, header, cell);
        }
        self.record
    }

    fn cell(&mut self, field: Field, header: &str, cell: &str) {
        let record = &mut self.record;
        match field {
            Field::Name | Field::Fqdn => self.name(cell),
            Field::Domain => set(&mut record.domain, cells::domain(cell)),
            Field::Address => self.addresses(header, cell),
            Field::Mac => self.macs(header, cell),
            Field::Serial => self.serial(header, cell),
            Field::Uuid => match cells::uuid(cell) {
                Some(uuid) => set(&mut record.uuid, is_not_zero(&uuid).then_some(uuid)),
                None => self.problem(header, cell, "is no uuid"),
            },
            Field::OwnId => set(&mut record.own_id, Some(own_id(cell))),
            Field::HostKey => self.host_keys(header, cell),
            Field::Maker | Field::Model => join(&mut record.model, cell),
            Field::Os => join(&mut record.os, cell),
            Field::Owner => set(&mut record.owner, cells::owner(cell)),
            Field::LastSeen | Field::FirstSeen | Field::LastPatched => {
                self.day(field, header, cell);
            }
            Field::Status => self.switch_off(headers::is_off(self.kind, cell), header, cell),
            Field::Disabled => self.switch_off(headers::is_yes(cell), header, cell),
            Field::AccountControl => self.account_control(header, cell),
            Field::Switch | Field::Port => join(&mut record.switch, cell),
        }
    }

    /// A name may be an address or a hardware address where nothing else was known.
    fn name(&mut self, cell: &str) {
        if let Some(address) = cells::address(cell) {
            if !self.record.addresses.contains(&address) {
                self.record.addresses.push(address);
            }
            return;
        }
        for value in names(cell) {
            let named = cells::name(value);
            set(&mut self.record.name, named.name);
            set(&mut self.record.fqdn, named.fqdn);
            set(&mut self.record.domain, named.domain);
        }
    }

    fn addresses(&mut self, header: &str, cell: &str) {
        let (found, bad) = cells::addresses(cell);
        for address in found {
            if !self.record.addresses.contains(&address) {
                self.record.addresses.push(address);
            }
        }
        if let Some(bad) = bad {
            self.problem(header, bad, "is no address");
        }
    }

    /// A DHCP client may name itself by what it likes (RFC 2132 section 9.14).
    fn macs(&mut self, header: &str, cell: &str) {
        let (found, bad) = cells::macs(cell);
        for mac in found {
            if !self.record.macs.contains(&mac) {
                self.record.macs.push(mac);
            }
        }
        match bad {
            Some(_) if self.kind == ListKind::Dhcp => {
                set(&mut self.record.own_id, Some(cells::kept(cell)));
            }
            Some(bad) => self.problem(header, bad, "is no hardware address"),
            None => {}
        }
    }

    fn serial(&mut self, header: &str, cell: &str) {
        if is_rounded(cell) {
            self.problem(
                header,
                cell,
                "was rounded by a spreadsheet: export it as text",
            );
        } else {
            set(&mut self.record.serial, Some(cells::kept(cell)));
        }
    }

    fn host_keys(&mut self, header: &str, cell: &str) {
        for value in cells::values(cell) {
            match cells::host_key(value) {
                Some(key) if self.record.host_keys.contains(&key) => {}
                Some(key) => self.record.host_keys.push(key),
                None => self.problem(header, value, "is no SSH key and no SHA256 fingerprint"),
            }
        }
    }

    /// Of several days the latest, but of when it was first seen the first.
    fn day(&mut self, field: Field, header: &str, cell: &str) {
        let day = match days::read(cell, self.columns.order) {
            Day::On(day) => day,
            Day::Never => return,
            Day::No => return self.problem(header, cell, "is no day"),
        };
        let record = &mut self.record;
        let later = |known: Option<Date>| known.is_none_or(|known| known < day);
        match field {
            Field::FirstSeen if record.first_seen.is_none_or(|known| known > day) => {
                record.first_seen = Some(day);
            }
            Field::LastSeen if later(record.last_seen) => record.last_seen = Some(day),
            Field::LastPatched if later(record.last_patched) => record.last_patched = Some(day),
            _ => {}
        }
    }

    /// Bit 2 is `ADS_UF_ACCOUNTDISABLE`.
    fn account_control(&mut self, header: &str, cell: &str) {
        match cell.parse::<i64>() {
            Ok(bits) => self.switch_off(bits & 2 != 0, header, cell),
            Err(_) => self.problem(header, cell, "is no number"),
        }
    }

    fn switch_off(&mut self, is_off: bool, header: &str, cell: &str) {
        if is_off {
            self.record.is_disabled = true;
            let said = format!("{header}: {}", cells::shown(cell));
            set(&mut self.record.state, Some(said));
        }
    }

    fn problem(&mut self, header: &str, cell: &str, what: &str) {
        let what = format!("`{}` {what}", cells::shown(cell));
        self.draft.problem(self.row.number, header, what);
    }
}

/// The first that says anything counts.
fn set<T>(place: &mut Option<T>, found: Option<T>) {
    if place.is_none() {
        *place = found;
    }
}

/// Joins what stands in several columns: maker and model, system and version.
fn join(place: &mut Option<String>, cell: &str) {
    let cell = cells::kept(cell);
    match place {
        Some(text) if text.contains(&cell) => {}
        Some(text) if cell.starts_with(text.as_str()) => *text = cell,
        Some(text) => *text = cells::kept(&format!("{text} {cell}")),
        None => *place = Some(cell),
    }
}

/// The names in a cell. A comma separates them only where each is one: it also stands in distinguished names and in
/// the names of people.
fn names(cell: &str) -> Vec<&str> {
    let parts = |separators: &'static [char]| {
        let parts = cell.split(separators).filter_map(cells::text);
        parts.take(16).collect::<Vec<_>>()
    };
    let by_comma = parts(&[';', '\n', '\r', '\t', '|', ',']);
    if by_comma.iter().all(|part| cells::is_hostname(part)) {
        return by_comma;
    }
    parts(&[';', '\n', '\r', '\t', '|'])
}

fn own_id(cell: &str) -> String {
    cells::uuid(cell).unwrap_or_else(|| cells::kept(cell))
}

fn is_not_zero(uuid: &str) -> bool {
    uuid.bytes().any(|one| one != b'0' && one != b'-')
}

/// Whether a spreadsheet has made a number of it: `8.1E+11`.
fn is_rounded(cell: &str) -> bool {
    let Some((number, power)) = cell.split_once("E+") else {
        return false;
    };
    let is_number = |text: &str| {
        text.bytes()
            .all(|one| one.is_ascii_digit() || b".,".contains(&one))
    };
    number.contains(['.', ',']) && is_number(number) && is_number(power)
}
