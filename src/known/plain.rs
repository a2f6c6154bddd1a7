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
            match machine(number, said) {
                Ok(record) => draft.take(record),
                Err(what) => draft.refuse(number, what),
            }
        }
    }
    draft
}

/// The machine of a line: its words in any order, the first name counts. A line with a word that is no name is a
/// sentence.
fn machine(row: u64, line: &str) -> Result<KnownRecord, String> {
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
                return Err(format!(
                    "`{}` is no name and no address",
                    cells::shown(word)
                ));
            }
            record.name = record.name.or(named.name);
            record.fqdn = record.fqdn.or(named.fqdn);
            record.domain = record.domain.or(named.domain);
        }
    }
    Ok(record)
}
