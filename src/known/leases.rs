//! Leases of DHCP servers on Unix: ISC's `dhcpd.leases` (dhcpd.leases(5)) and dnsmasq's `dnsmasq.leases`.

use super::draft::Draft;
use super::{Field, cells};
use crate::model::{Date, KnownRecord, ListKind};
use crate::tabular::days::{self, Day, Order};
use std::collections::BTreeMap;
use std::net::IpAddr;

/// Whether a text is ISC's: it declares a lease.
pub(super) fn is_isc(text: &str) -> bool {
    text.lines().take(5000).any(|line| lease(line).is_some())
}

/// The address of `lease 10.0.0.5 {`.
fn lease(line: &str) -> Option<IpAddr> {
    let rest = line.trim().strip_prefix("lease ")?;
    rest.trim().strip_suffix('{')?.trim().parse().ok()
}

/// Reads ISC's leases. The file is a log: of one address the last declaration counts.
pub(super) fn read_isc(text: &str) -> Draft {
    let uses = [
        ("lease", Field::Address),
        ("hardware ethernet", Field::Mac),
        ("client-hostname", Field::Name),
        ("starts, cltt", Field::LastSeen),
        ("binding state", Field::Status),
    ];
    let mut draft = Draft::of_form(ListKind::Dhcp, "ISC dhcpd leases", &uses);
    let mut leases: BTreeMap<IpAddr, KnownRecord> = BTreeMap::new();
    let mut open: Option<(IpAddr, KnownRecord)> = None;
    for (number, line) in (1..).zip(text.lines()) {
        let line = line.split("; #").next().unwrap_or_default().trim();
        if let Some(address) = lease(line) {
            let record = KnownRecord {
                row: number,
                addresses: vec![address],
                ..KnownRecord::default()
            };
            open = Some((address, record));
        } else if line == "}" {
            leases.extend(open.take());
        } else if let Some((_, record)) = &mut open
            && let Err(what) = statement(record, line)
        {
            draft.problem(number, "", what);
        }
    }
    let mut records: Vec<_> = leases.into_values().collect();
    records.sort_by_key(|record| record.row);
    for record in records {
        draft.take(record);
    }
    draft
}

/// A statement of a lease.
fn statement(record: &mut KnownRecord, line: &str) -> Result<(), String> {
    let line = line.trim_end_matches(';');
    let (word, rest) = line.split_once(' ').unwrap_or((line, ""));
    let value = || rest.trim().trim_matches('"');
    let wrong = |what: &str| format!("`{}` {what}", cells::shown(line));
    match word {
        "hardware" => match rest.split_once(' ') {
            Some(("ethernet", mac)) => {
                let mac = cells::mac(mac).ok_or_else(|| wrong("has no hardware address"))?;
                record.macs = vec![mac];
            }
            _ => return Err(wrong("is no hardware address of Ethernet")),
        },
        "client-hostname" => {
            let named = cells::name(value());
            record.name = named.name;
            record.fqdn = named.fqdn;
        }
        "starts" | "cltt" => {
            let day = moment(rest).map_err(|()| wrong("has no day"))?;
            record.last_seen = record.last_seen.max(day);
        }
        "binding" => {
            let state = value().strip_prefix("state ").unwrap_or_default();
            record.is_disabled = state != "active";
            record.state = record.is_disabled.then(|| cells::kept(line));
        }
        _ => {}
    }
    Ok(())
}

/// `2 2026/11/03 14:05:00`, behind the day of the week; `epoch 1762178700`; `never`.
fn moment(text: &str) -> Result<Option<Date>, ()> {
    let text = text.trim();
    if text == "never" {
        return Ok(None);
    }
    let (_, day) = text.split_once(' ').ok_or(())?;
    match days::read(day, Order::default()) {
        Day::On(day) => Ok(Some(day)),
        Day::Never => Ok(None),
        Day::No => Err(()),
    }
}

/// Whether a text is dnsmasq's: its first line is a lease, or the DUID of the server before those of IPv6.
pub(super) fn is_dnsmasq(text: &str) -> bool {
    let mut lines = text.lines().filter(|line| !line.trim().is_empty());
    lines.next().is_some_and(|line| dnsmasq(1, line).is_some())
}

/// A line: when it ends, the hardware address (of IPv6 an id), the address, the name or `*`, the client's id.
fn dnsmasq(row: u64, line: &str) -> Option<KnownRecord> {
    let mut words = line.split_whitespace();
    let end = words.next()?;
    let mac = words.next()?;
    let address = cells::address(words.next()?)?;
    let name = words.next()?;
    words.next()?;
    let is_number = end.bytes().all(|digit| digit.is_ascii_digit());
    let is_id = |text: &str| {
        text.bytes()
            .all(|digit| digit.is_ascii_digit() || digit == b'T')
    };
    // A hardware address of another type than Ethernet has its number before it.
    let mac = cells::mac(mac.rsplit('-').next().unwrap_or(mac)).or_else(|| cells::mac(mac));
    if !is_number || (mac.is_none() && !is_id(line.split_whitespace().nth(1)?)) {
        return None;
    }
    let named = cells::text(name).filter(|name| *name != "*");
    let named = named.map(cells::name).unwrap_or_default();
    Some(KnownRecord {
        row,
        name: named.name,
        fqdn: named.fqdn,
        addresses: vec![address],
        macs: mac.into_iter().collect(),
        ..KnownRecord::default()
    })
}

/// Reads dnsmasq's leases. When a lease ends says nothing of when its machine was seen.
pub(super) fn read_dnsmasq(text: &str) -> Draft {
    let uses = [("2", Field::Mac), ("3", Field::Address), ("4", Field::Name)];
    let mut draft = Draft::of_form(ListKind::Dhcp, "dnsmasq leases", &uses);
    for (number, line) in (1..).zip(text.lines()) {
        if line.trim().is_empty() || line.starts_with("duid ") {
            continue;
        }
        match dnsmasq(number, line) {
            Some(record) => draft.take(record),
            None => draft.problem(number, "", format!("`{}` is no lease", cells::shown(line))),
        }
    }
    draft
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_word_on_an_address_counts() {
        let text = "lease 10.0.0.5 {\n  starts 2 2026/11/03 10:00:00;\n  binding state active;\n  \
                    hardware ethernet 00:15:5d:00:00:01;\n  client-hostname \"old\";\n}\n\
                    lease 10.0.0.5 {\n  starts epoch 1793700000; # Tue\n  ends never;\n  \
                    binding state free;\n  hardware ethernet 00:15:5d:00:00:02;\n}\n";
        let draft = read_isc(text);
        let [record] = &draft.records[..] else {
            panic!("{draft:?}")
        };
        assert_eq!(record.macs, ["00:15:5d:00:00:02"]);
        assert_eq!(record.last_seen, Date::parse("2026-11-03"));
        assert!(record.is_disabled);
        assert_eq!(record.name, None);
    }

    #[test]
    fn a_lease_of_dnsmasq_may_have_no_name() {
        let text = "1793700000 00:15:5d:00:00:01 10.0.0.5 pc-1 01:00:15:5d:00:00:01\n\
                    0 00:15:5d:00:00:02 10.0.0.6 * *\nduid 00:01\n\
                    1793700000 123456 2001:db8::5 pc-1 00:01:00:01\nnonsense\n";
        assert!(is_dnsmasq(text));
        let draft = read_dnsmasq(text);
        let names: Vec<_> = draft
            .records
            .iter()
            .map(|one| one.name.as_deref())
            .collect();
        assert_eq!(names, [Some("pc-1"), None, Some("pc-1")]);
        assert_eq!(draft.unread[0].row, 5);
    }
}
