//! `machines.csv`: one row per machine.
//!
//! What was not read is `unknown`, counts included: a machine that was not judged has no
//! "0 missing".

use super::super::ReportError;
use super::super::cell::Cell;
use super::super::counts::waits_for_reboot;
use super::{Emit, Rows, Table, View, machine_columns};
use crate::model::{CredentialId, Finding, FindingState, HostIdentity, Severity};

pub(super) const TABLE: Table = Table {
    name: "machines",
    kind: "machine",
    columns: machine_columns![
        "fqdn",
        "all_ips",
        "macs",
        "mac_vendor",
        "serial",
        "uuid",
        "join_state",
        "domain",
        "os_family",
        "os_name",
        "os_version",
        "build",
        "ubr",
        "arch",
        "edition",
        "eol_date",
        "criticality",
        "exposure",
        "owner",
        "site",
        "device_kind",
        "managed_state",
        "managed_reason",
        "confidence",
        "outcome",
        "credential_id",
        "missing_count",
        "no_fix_count",
        "unknown_count",
        "worst_severity",
        "kev_count",
        "reboot_pending",
        "update_source",
        "last_update_date",
        "first_seen_date",
        "last_seen_utc",
        "tags",
    ],
    rows: Rows::Machine(rows),
};

fn rows(view: &View<'_>, emit: &mut Emit<'_>) -> Result<(), ReportError> {
    let machine = view.machine;
    let mut row = Vec::with_capacity(TABLE.columns.len());
    row.extend(view.lead(view.first_address()));
    row.extend(identity(view));
    row.extend(system(view));
    row.extend([
        Cell::day(machine.end_of_life),
        tag(&machine.tags, "criticality"),
        tag(&machine.tags, "exposure"),
        tag(&machine.tags, "owner"),
        (&view.run.site).into(),
        match machine.inventory {
            Some(_) => "computer".into(),
            None => Cell::Empty,
        },
        // No list to compare with can be given yet; reason and confidence come with the lists.
        "not_compared".into(),
        Cell::Empty,
        Cell::Empty,
        (&machine.outcome).into(),
        Cell::maybe(machine.credential.as_ref().map(CredentialId::as_str)),
    ]);
    row.extend(verdicts(view));
    row.extend([
        waits_for_reboot(machine).map_or(Cell::Unknown, Cell::Flag),
        // update_source and last_update_date come with the reading of update histories.
        Cell::Empty,
        Cell::Empty,
        Cell::Day(machine.first_seen),
        Cell::Time(machine.last_seen),
        machine.tags.as_slice().into(),
    ]);
    emit(&row)
}

/// From `fqdn` to `domain`.
fn identity<'a>(view: &View<'a>) -> [Cell<'a>; 8] {
    let identity = view.inventory().map(|inventory| &inventory.identity);
    let macs = identity.filter(|identity| identity.interfaces.known().is_some());
    [
        Cell::observed(identity.map(|identity| &identity.fqdn)),
        all_addresses(view),
        macs.map_or(Cell::Unknown, |identity| identity.macs().into()),
        Cell::Empty,
        Cell::observed(identity.map(|identity| &identity.serial)),
        Cell::observed(identity.map(|identity| &identity.product_uuid)),
        Cell::Empty,
        Cell::Empty,
    ]
}

/// Where the run met it, and what it says of itself.
fn all_addresses(view: &View<'_>) -> Cell<'static> {
    let own = |identity: &HostIdentity| {
        let interfaces = identity.interfaces.known().map_or(&[][..], Vec::as_slice);
        let addresses = interfaces
            .iter()
            .flat_map(|one| one.addresses.iter().copied());
        addresses.collect::<Vec<_>>()
    };
    let mut all = view.machine.addresses.clone();
    all.extend(
        view.inventory()
            .into_iter()
            .flat_map(|read| own(&read.identity)),
    );
    all.sort_unstable();
    all.dedup();
    let all = all.iter().map(ToString::to_string);
    all.collect::<Vec<_>>().into()
}

/// From `os_family` to `edition`.
fn system<'a>(view: &View<'a>) -> [Cell<'a>; 7] {
    let Some(platform) = view.inventory().map(|inventory| &inventory.platform) else {
        return [
            Cell::Unknown,
            Cell::Unknown,
            Cell::Unknown,
            Cell::Empty,
            Cell::Empty,
            Cell::Unknown,
            Cell::Empty,
        ];
    };
    [
        platform.family.as_str().into(),
        (&platform.name).into(),
        Cell::maybe(platform.version.as_deref()),
        // build, ubr and edition are Windows' own.
        Cell::Empty,
        Cell::Empty,
        Cell::known(platform.arch.as_deref()),
        Cell::Empty,
    ]
}

/// The value of a `name=value` tag.
fn tag<'a>(tags: &'a [String], name: &str) -> Cell<'a> {
    let value = |tag: &'a String| tag.strip_prefix(name)?.strip_prefix('=');
    Cell::maybe(tags.iter().find_map(value))
}

/// From `missing_count` to `kev_count`. Of a machine that was not judged, or not fully, what was
/// found counts, and what was not found is `unknown`.
fn verdicts(view: &View<'_>) -> [Cell<'static>; 5] {
    let is_judged = is_judged(view);
    let shown = |count: usize| match count {
        0 if !is_judged => Cell::Unknown,
        count => Cell::Count(count as u128),
    };
    let count = |of: &dyn Fn(FindingState) -> bool| {
        let findings = view.machine.findings.iter();
        shown(findings.filter(|finding| of(finding.state)).count())
    };
    let open = view.machine.findings.iter();
    let open = open.filter(|one| !one.state.is_closed() && !one.state.counts_as_unknown());
    let worst = match open.clone().filter_map(Finding::rating).max() {
        Some(worst) => Severity::as_str(worst).into(),
        None if !is_judged || open.clone().next().is_some() => Cell::Unknown,
        None => Cell::Empty,
    };
    [
        count(&FindingState::counts_as_missing),
        count(&FindingState::counts_as_no_fix),
        count(&FindingState::counts_as_unknown),
        worst,
        shown(open.filter(|finding| !finding.kev.is_empty()).count()),
    ]
}

/// Whether a count of no findings means anything: the packages were read, a catalogue speaks of
/// them, and no row says otherwise.
fn is_judged(view: &View<'_>) -> bool {
    let Some(inventory) = view.inventory() else {
        return false;
    };
    inventory.packages.known().is_some()
        && inventory.platform.ecosystem.is_some()
        && !view.run.catalog_digest.is_empty()
        && !view
            .machine
            .findings
            .iter()
            .any(Finding::leaves_machine_unjudged)
}
