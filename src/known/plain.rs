//! Lists of names and addresses, one machine a line; `#` begins a comment. A hosts file is one.

use super::cells;
use super::draft::Draft;
use crate::model::{KnownRecord, ListKind};

/// Reads a plain list.
pub(super) fn read(text: &str) -> Draft {
    let mut draft = Draft::of_form(ListKind::Plain, "plain list", &[]);
    for (number, line) in (1..).zip(text.lines()) {
        let said = line.split('#').next().unwrap_or_default().trim();
        if !said.is_empty() {
            let record = machine(&mut draft, number, said);
            draft.take(record);
        }
    }
    draft
}

/// The machine of a line: its words in any order, the first name counts.
fn machine(draft: &mut Draft, row: u64, line: &str) -> KnownRecord {
    let mut record = KnownRecord {
        row,
        ..KnownRecord::default()
    };
    let is_separator = |one: char| one.is_whitespace() || matches!(one, ',' | ';' | '|');
    let words = line.split(is_separator).filter_map(cells::text);
    for word in words.take(64) {
        let (addresses, bad) = cells::addresses(word);
        if bad.is_none() {
            record.addresses.extend(addresses);
        } else if let Some(mac) = cells::mac(word) {
            record.macs.push(mac);
        } else if let Some(uuid) = cells::uuid(word) {
            record.uuid = record.uuid.or(Some(uuid));
        } else {
            let named = cells::name(word);
            let plain = named.fqdn.as_deref().or(named.name.as_deref());
            if !plain.is_some_and(cells::is_hostname) {
                let what = format!("`{}` is no name and no address", cells::shown(word));
                draft.problem(row, "", what);
                continue;
            }
            record.name = record.name.or(named.name);
            record.fqdn = record.fqdn.or(named.fqdn);
            record.domain = record.domain.or(named.domain);
        }
    }
    record
}
