//! `unmanaged.csv`: whom the lists do not know, whom nobody looks after, and whom the lists know and nobody met.
//!
//! One row for each live machine whose `managed_state` is `unmanaged`, `overlooked` or `unidentified`; behind
//! them, without a machine id where no run met it, one for each entry of a list that is `unseen`,
//! `stale_entry` or `out_of_scope`. `evidence` is what the state rests on, `merged` why several records are
//! taken for one machine, `conflicts` what contradicts itself and was left as it is.

use super::super::cell::Cell;
use super::super::{ReportError, ReportSource};
use super::{Emit, Rows, Table, View, machine_columns};
use crate::model::{
    DeviceKind, Entry, MachineId, MachineRecord, Role, SeenBy, Service, ServiceTls, Standing,
};
use std::collections::BTreeSet;
use std::fmt::Write as _;

pub(super) const TABLE: Table = Table {
    name: "unmanaged",
    says: "one row per machine that no list has, that nobody looks after, or that a list has and nobody met",
    kind: "unmanaged",
    columns: machine_columns![
        Text "managed_state" =
            "unmanaged, overlooked, unidentified; of entries of lists: unseen, stale_entry, out_of_scope",
        Text "managed_reason" = "why",
        Text "seems_to_be" = "what it seems to be",
        List "services" = "its ports, as the network shows them",
        Day "first_seen_date" = "the day of the run that first met it",
        List "nearest_known" = "the entries of lists that are most like it",
        List "lists" = "the lists that it is on",
        Text "suggestion" = "what to do about it",
        Text "device_kind" = "computer, printer, switch, …",
        Text "confidence" = "how sure that is",
        List "evidence" = "what the state rests on",
        List "rogue_hint" = "what speaks for its being there without leave; your policy decides",
        List "all_ips" = "every address that it was seen at or is listed with",
        Time "last_seen_utc" = "when it was last met",
        Text "usual_hours" = "when it was there in earlier runs",
        List "merged" = "why several records are taken for one machine",
        List "conflicts" = "what contradicts itself and was left as it is",
    ],
    rows: Rows::MachineAndEntry(machine_row, entry_rows),
};

fn machine_row(view: &View<'_>, emit: &mut Emit<'_>) -> Result<(), ReportError> {
    let machine = view.machine;
    let standing = machine.standing.as_ref();
    let Some(standing) = standing.filter(|standing| standing.state.is_headline()) else {
        return Ok(());
    };
    let mut row = Vec::with_capacity(TABLE.columns.len());
    row.extend(view.lead(view.first_address()));
    let facts = Facts {
        seems_to_be: seems_to_be(machine),
        services: services(machine),
        first_seen: Cell::Day(machine.first_seen),
        device: view.device_kind(),
        addresses: machine.addresses.iter().map(ToString::to_string).collect(),
        last_seen: Cell::Time(machine.last_seen),
        usual_hours: &machine.usual_hours,
    };
    row.extend(cells(standing, facts));
    emit(&row)
}

fn entry_rows(source: &dyn ReportSource, emit: &mut Emit<'_>) -> Result<(), ReportError> {
    let entries = source.comparison().map(|comparison| &comparison.entries);
    for entry in entries.into_iter().flatten() {
        let mut row = Vec::with_capacity(TABLE.columns.len());
        row.extend([
            source.run().id.as_str().into(),
            Cell::maybe(entry.id.as_ref().map(MachineId::as_str)),
            Cell::maybe(Some(entry.name.as_str()).filter(|name| !name.is_empty())),
            entry
                .addresses
                .first()
                .map_or(Cell::Unknown, |first| Cell::Address(*first)),
        ]);
        row.extend(cells(&entry.standing, of_entry(entry)));
        emit(&row)?;
    }
    Ok(())
}

fn of_entry(entry: &Entry) -> Facts<'_> {
    Facts {
        seems_to_be: entry.seems_to_be.clone(),
        services: Vec::new(),
        first_seen: entry.first_seen.map_or(Cell::Empty, Cell::Day),
        device: entry.device.as_str().into(),
        addresses: entry.addresses.iter().map(ToString::to_string).collect(),
        last_seen: Cell::time(entry.last_seen),
        usual_hours: &entry.usual_hours,
    }
}

/// What stands beside the standing.
struct Facts<'a> {
    seems_to_be: String,
    services: Vec<String>,
    first_seen: Cell<'a>,
    device: Cell<'a>,
    addresses: Vec<String>,
    last_seen: Cell<'a>,
    usual_hours: &'a str,
}

/// From `managed_state` on.
fn cells<'a>(standing: &'a Standing, facts: Facts<'a>) -> [Cell<'a>; 17] {
    [
        standing.state.as_str().into(),
        text(&standing.reason),
        Cell::Text(facts.seems_to_be.into()),
        facts.services.into(),
        facts.first_seen,
        standing.nearest.as_slice().into(),
        standing.lists.as_slice().into(),
        text(&standing.suggestion),
        facts.device,
        text(standing.confidence.as_str()),
        standing.evidence.as_slice().into(),
        standing.rogue_hints.as_slice().into(),
        facts.addresses.into(),
        facts.last_seen,
        text(facts.usual_hours),
        standing.merged.as_slice().into(),
        standing.conflicts.as_slice().into(),
    ]
}

fn text(text: &str) -> Cell<'_> {
    Cell::maybe(Some(text).filter(|text| !text.is_empty()))
}

/// What a machine seems to be, in a line: its system, else its kind, and what it does.
pub fn seems_to_be(machine: &MachineRecord) -> String {
    let seen = &machine.fingerprint;
    let read = machine.inventory.as_ref();
    let system = read.map(|inventory| inventory.platform.name.as_str());
    let system = system.or(seen.os.as_ref().map(|os| os.value.as_str()));
    let kind = match (read, seen.device) {
        (Some(_), _) | (None, DeviceKind::Computer) => "",
        (None, kind) => kind.as_str(),
    };
    let maker = seen.mac_vendor.as_deref().filter(|_| system.is_none());
    let mut said: Vec<&str> = [system, Some(kind), maker].into_iter().flatten().collect();
    said.retain(|word| !word.is_empty());
    let mut said = said.join(", ");
    let roles: Vec<&str> = seen.roles.iter().copied().map(Role::as_str).collect();
    if said.is_empty() && seen.device == DeviceKind::Computer {
        said.push_str("computer");
    }
    if !roles.is_empty() {
        let _ = write!(said, " ({})", roles.join(", "));
    }
    said.trim().to_owned()
}

/// Its ports as the network shows them, each once.
fn services(machine: &MachineRecord) -> Vec<String> {
    let seen = machine.services.iter().map(|(_, service)| service);
    let seen = seen.filter(|service| service.seen_by == SeenBy::Scan);
    let mut ports = BTreeSet::new();
    let mut all: Vec<&Service> = seen.collect();
    all.sort_by_key(|service| (service.port, &service.proto));
    all.retain(|service| ports.insert((service.port, service.proto.clone())));
    all.into_iter().map(service).collect()
}

fn service(service: &Service) -> String {
    let mut said = format!("{}/{}", service.port, service.proto);
    for word in [&service.service, &service.product, &service.version] {
        if !word.is_empty() {
            let _ = write!(said, " {word}");
        }
    }
    if let Some(ServiceTls {
        subject, not_after, ..
    }) = &service.tls
    {
        let end = not_after.map_or(String::new(), |end| format!(", until {}", end.date()));
        let _ = write!(said, " (certificate {subject}{end})");
    }
    said
}
