//! `machines.csv`: one row per machine.
//!
//! `worst_severity` is the publishers' word, else the rating of the CVSS base score, over all open findings: also those
//! for which there is no fix, so that a machine with nothing missing may have one. `my_worst_severity` and `overdue_count` are what the operator's policy
//! says. What an exception holds for is not overdue, and counts otherwise.
//!
//! What was not read is `unknown`, counts included: a machine that was not judged has no
//! "0 missing". What a system has not got (a build of Linux, a domain without one) is empty.
//!
//! `update_source` is `microsoft`, or the address of the WSUS server that the host obeys, followed
//! by `(unsafe: http)` where anybody on the way could answer in its place; `automatic updates off`
//! where policy says so. Of a Unix it is a list: each place that packages come from, and what is worst
//! about it: `(unsafe: unsigned)`, `(unsafe: http)`, or `(http, signed)` where signatures protect what is
//! fetched in the open. `last_update_date` is the day on which the last package came in. `join_state` is `domain` or `workgroup`.
//!
//! Of a machine that was not read, names, system and kind are what it shows without a login, with `system_confidence`
//! (`sure`, `likely`, `guess`) and `seen_evidence`: which exchange said what. No update can be seen that way.
//! `confidence` is that of `managed_state`, as in `unmanaged.csv`. `managed_state` is `artefact` where no machine
//! answered but somebody who answers for others; how a machine stands to the lists that were given is told in
//! `unmanaged.csv` in full, and `merged` says why several records are taken for one machine. `same_key_elsewhere` lists
//! the other machines of this run that show the same host key: a cloned image, or one machine that nobody has logged in
//! to at each of its addresses. They are rows of their own: a key alone merges nobody.

use super::super::ReportError;
use super::super::cell::Cell;
use super::super::counts::waits_for_reboot;
use super::{Emit, Rows, Table, View, machine_columns, unix};
use crate::model::{
    Claim, CredentialId, Family, Finding, FindingState, Fingerprint, HostIdentity, Hotfix,
    Inventory, LEFT_OUT, MachineRecord, ManagedState, Platform, Severity, Standing, UpdatePolicy,
    Weakness, WindowsFacts, WindowsRelease,
};

pub(super) const TABLE: Table = Table {
    name: "machines",
    says: "one row per machine, however many addresses it has",
    kind: "machine",
    columns: machine_columns![
        Text "fqdn" = "its full name in DNS",
        List "all_ips" = "every address that it was seen at or says that it has",
        List "macs" = "hardware addresses of its interfaces",
        Text "mac_vendor" = "who the hardware address is registered to, or what kind of virtual address it is",
        Text "serial" = "serial number by the firmware",
        Text "uuid" = "SMBIOS UUID",
        Text "join_state" = "domain or workgroup; empty for systems that know neither",
        Text "domain" = "the domain that it is joined to",
        Text "os_family" = "windows, debian, redhat, …",
        Text "os_name" = "the system in its own words",
        Text "os_version" = "its release",
        Count "build" = "build of Windows",
        Count "ubr" = "revision of the build: what a cumulative update raises",
        Text "arch" = "architecture of the processor that the system is built for",
        Text "edition" = "edition of Windows",
        Day "eol_date" = "the day on which its publisher's support ends",
        Text "criticality" = "the tag criticality= of its target or rule",
        Text "exposure" = "the tag exposure=",
        Text "owner" = "who answers for it: the tag owner=, else whom a list names",
        Text "site" = "the site that the run was made at",
        Text "device_kind" = "computer, printer, switch, …; whoever was read is a computer",
        Text "managed_state" =
            "how it stands to the lists that were given: artefact, expected, not_compared, unidentified, \
             unmanaged, overlooked or managed",
        Text "managed_reason" = "why, in a word or sentence",
        Text "confidence" = "how sure managed_state is (sure, likely, guess); empty where nothing was compared",
        Text "outcome" = "scanned_full, scanned_partial, network_only, failed or not_begun",
        Text "credential_id" = "the credential that it was read with",
        Count "missing_count" =
            "findings in the states missing, missing_needs_subscription and inconsistent; unknown where nobody \
             judged it",
        Count "no_fix_count" = "findings in the states no_fix_yet and wont_fix",
        Count "unknown_count" = "findings in the states unknown and unverified",
        Text "worst_severity" =
            "the worst of its open findings, also of those without a fix: the publisher's word, else the rating of the \
             CVSS base score",
        Count "kev_count" = "open findings with a flaw that is known to be exploited",
        Flag "reboot_pending" = "whether it waits for a restart",
        List "update_source" =
            "where it takes its updates from, with (unsafe: …) where anybody on the way could answer instead",
        Day "last_update_date" = "the day on which the last update or package came in",
        Day "first_seen_date" = "the day of the run that first met it",
        Time "last_seen_utc" = "when it was last met",
        List "tags" = "its tags, as name=value",
        List "roles" = "what it seems to do: domain_controller, iis, sql_server, …",
        List "weaknesses" = "what is wrong with it as seen without a login: smb1, old_tls, certificate_expired, …",
        Signed "clock_skew_s" = "seconds that its clock is ahead of ours",
        List "seen_evidence" = "which exchange said what, of what is known without a login",
        List "same_key_elsewhere" = "addresses of other machines that show the same SSH host key",
        List "lists" = "the lists that it is on",
        List "rogue_hint" = "what speaks for its being there without leave; your policy decides",
        Text "usual_hours" = "when it was there in earlier runs",
        List "merged" = "why several records are taken for one machine",
        List "conflicts" = "what contradicts itself and was left as it is",
        Text "my_worst_severity" = "the worst of its open findings, also of those without a fix, as your policy rates them",
        Count "overdue_count" = "findings past their due date; unknown where none is known and the machine was not read or not judged in full; empty where the policy allows no days at all",
        Text "system_confidence" = "of a machine that was not read: how sure its system is (sure, likely, guess)",
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
        end_of_life(machine),
        tag(&machine.tags, "criticality"),
        tag(&machine.tags, "exposure"),
        owner(view),
        (&view.run.site).into(),
        view.device_kind(),
        match (&machine.standing, &machine.intermediary) {
            (_, Some(_)) => ManagedState::Artefact.as_str().into(),
            (Some(standing), None) => standing.state.as_str().into(),
            (None, None) => ManagedState::NotCompared.as_str().into(),
        },
        match (&machine.standing, &machine.intermediary) {
            (_, Some(why)) => why.into(),
            (Some(standing), None) => word(&standing.reason),
            (None, None) => Cell::Empty,
        },
        match (&machine.standing, &machine.intermediary) {
            (Some(standing), _) => word(standing.confidence.as_str()),
            (None, _) => Cell::Empty,
        },
        (&machine.outcome).into(),
        Cell::maybe(machine.credential.as_ref().map(CredentialId::as_str)),
    ]);
    row.extend(verdicts(view));
    row.extend([
        waits_for_reboot(machine).map_or(Cell::Unknown, Cell::Flag),
        of_system(
            view,
            |windows| match windows.update_policy.known() {
                Some(policy) => update_source(policy).into(),
                None => Cell::Unknown,
            },
            |inventory| unix::update_source(inventory.unix.as_deref()),
        ),
        of_system(
            view,
            |windows| last_update(view, windows),
            unix::last_update,
        ),
        Cell::Day(machine.first_seen),
        Cell::Time(machine.last_seen),
        machine.tags.as_slice().into(),
    ]);
    row.extend(seen(machine));
    let others = machine.same_key.iter().map(ToString::to_string);
    row.push(others.collect::<Vec<_>>().into());
    row.extend(compared(machine));
    row.extend(weighed(view));
    row.push(system_confidence(machine));
    emit(&row)
}

/// Who answers for it. What a list has may be an account's name; a tag is what the operator wrote.
fn owner<'a>(view: &View<'a>) -> Cell<'a> {
    let (machine, tagged) = (view.machine, view.machine.tagged_owner());
    match machine.owner() {
        Some(_) if view.options.no_users && tagged.is_none() => LEFT_OUT.into(),
        owner => Cell::maybe(owner),
    }
}

/// From `my_worst_severity` on: what the policy makes of its findings. Where the policy allows no days nothing
/// can be overdue, and nothing is said of it.
fn weighed(view: &View<'_>) -> [Cell<'static>; 2] {
    let Some(decided) = &view.machine.decided else {
        return [Cell::Empty, Cell::Empty];
    };
    let is_judged = is_judged(view);
    let open = view.machine.judged();
    let open = open.filter(|(one, _)| !one.state.is_closed() && !one.state.counts_as_unknown());
    let mine = open.filter_map(|(_, decision)| decision);
    let worst = match mine.clone().filter_map(|one| one.my_severity).max() {
        Some(worst) => Severity::as_str(worst).into(),
        None if !is_judged || mine.clone().next().is_some() => Cell::Unknown,
        None => Cell::Empty,
    };
    let overdue = match mine.filter(|one| one.is_overdue()).count() {
        _ if !decided.has_due_dates => Cell::Empty,
        0 if !is_judged => Cell::Unknown,
        count => Cell::Count(count as u128),
    };
    [worst, overdue]
}

/// From `lists` on: how it stands to the lists.
fn compared(machine: &MachineRecord) -> [Cell<'_>; 5] {
    let list = |of: fn(&Standing) -> &Vec<String>| match &machine.standing {
        Some(standing) => of(standing).as_slice().into(),
        None => Cell::Empty,
    };
    [
        list(|standing| &standing.lists),
        list(|standing| &standing.rogue_hints),
        word(&machine.usual_hours),
        list(|standing| &standing.merged),
        list(|standing| &standing.conflicts),
    ]
}

/// From `roles` on: what the machine shows without a login.
fn seen(machine: &MachineRecord) -> [Cell<'_>; 4] {
    let seen = &machine.fingerprint;
    let roles = seen.roles.iter().map(|role| role.as_str().to_owned());
    let weaknesses = seen.weaknesses.iter().map(|weakness| {
        let Weakness { kind, detail } = weakness;
        if detail.is_empty() {
            kind.clone()
        } else {
            format!("{kind}: {detail}")
        }
    });
    let claims = [
        ("name", &seen.hostname),
        ("fqdn", &seen.fqdn),
        ("domain", &seen.domain),
        ("os", &seen.os),
    ];
    let claims = claims.into_iter().filter_map(|(what, claim)| {
        let claim = claim.as_ref()?;
        let sources = claim.sources.join(" + ");
        Some(format!(
            "{what} by {sources} ({})",
            claim.certainty.as_str()
        ))
    });
    let by_name = "machine_id by its full name at the address where it was last read (likely)";
    let claims = claims.chain(machine.is_claimed.then(|| by_name.to_owned()));
    [
        roles.collect::<Vec<_>>().into(),
        weaknesses.collect::<Vec<_>>().into(),
        match seen.clock_skew {
            Some(seconds) => Cell::Signed(seconds),
            None => Cell::Empty,
        },
        claims.collect::<Vec<_>>().into(),
    ]
}

fn joined(is_domain: bool) -> Cell<'static> {
    if is_domain { "domain" } else { "workgroup" }.into()
}

/// How sure the operating system is, of a machine that was not read.
fn system_confidence(machine: &MachineRecord) -> Cell<'_> {
    let seen = &machine.fingerprint;
    let os = seen.os.as_ref().map(|claim| claim.certainty);
    match machine.inventory {
        Some(_) => Cell::Empty,
        None => word(os.unwrap_or(seen.device_certainty).as_str()),
    }
}

fn end_of_life(machine: &MachineRecord) -> Cell<'_> {
    let of_read = machine.end_of_life;
    let seen = machine.fingerprint.end_of_life;
    Cell::day(of_read.or(seen.filter(|_| machine.inventory.is_none())))
}

/// A word, where there is one.
fn word(text: &str) -> Cell<'_> {
    Cell::maybe(Some(text).filter(|text| !text.is_empty()))
}

/// From `fqdn` to `domain`.
fn identity<'a>(view: &View<'a>) -> [Cell<'a>; 8] {
    let identity = view.inventory().map(|inventory| &inventory.identity);
    let macs = identity.filter(|identity| identity.interfaces.known().is_some());
    let membership = |of: fn(bool, &'a str) -> Cell<'a>| {
        of_windows(view, |windows| match windows.membership.known() {
            Some(membership) => of(membership.is_domain, &membership.name),
            None => Cell::Unknown,
        })
    };
    let seen = &view.machine.fingerprint;
    let join_state = match (view.inventory(), seen.is_domain_member) {
        (None, Some(is_domain)) => joined(is_domain),
        _ => membership(|is_domain, _| joined(is_domain)),
    };
    let domain = match (view.inventory(), &seen.domain) {
        (None, Some(domain)) if seen.is_domain_member == Some(true) => domain.value.as_str().into(),
        (None, _) if seen.is_domain_member == Some(false) => Cell::Empty,
        _ => membership(|is_domain, name| Cell::maybe(Some(name).filter(|_| is_domain))),
    };
    let claimed = |claim: &'a Option<Claim>| match view.inventory() {
        None => claim.as_ref().map(|claim| claim.value.as_str()),
        Some(_) => None,
    };
    [
        match claimed(&seen.fqdn) {
            Some(name) => name.into(),
            None => Cell::observed(identity.map(|identity| &identity.fqdn)),
        },
        all_addresses(view),
        match macs {
            Some(identity) => identity.macs().into(),
            None if !seen.macs.is_empty() => seen.macs.as_slice().into(),
            None => Cell::Unknown,
        },
        Cell::maybe(seen.mac_vendor.as_deref()),
        Cell::observed(identity.map(|identity| &identity.serial)),
        Cell::observed(identity.map(|identity| &identity.product_uuid)),
        join_state,
        domain,
    ]
}

/// A cell that only Windows has: empty for other systems, unknown where nobody knows what it is.
fn of_windows<'a>(view: &View<'a>, cell: impl FnOnce(&'a WindowsFacts) -> Cell<'a>) -> Cell<'a> {
    match (view.inventory(), view.windows()) {
        (_, Some(windows)) => cell(windows),
        (Some(inventory), None) if inventory.platform.family != Family::Windows => Cell::Empty,
        _ => Cell::Unknown,
    }
}

/// A cell that each kind of system has in its own way.
fn of_system<'a>(
    view: &View<'a>,
    windows: impl FnOnce(&'a WindowsFacts) -> Cell<'a>,
    unix: impl FnOnce(&'a Inventory) -> Cell<'a>,
) -> Cell<'a> {
    match (view.inventory(), view.windows()) {
        (_, Some(facts)) => windows(facts),
        (Some(inventory), None) if inventory.platform.family != Family::Windows => unix(inventory),
        _ => Cell::Unknown,
    }
}

/// Which update source a host obeys, and what is wrong with that.
fn update_source(policy: &UpdatePolicy) -> Vec<String> {
    let source = match policy.obeyed_wsus() {
        Some(address) if policy.is_unsafe() => format!("{address} (unsafe: http)"),
        Some(address) => address.to_owned(),
        None => "microsoft".to_owned(),
    };
    let off = policy.is_off.then(|| "automatic updates off".to_owned());
    [source].into_iter().chain(off).collect()
}

/// The day of the newest update that is in.
fn last_update<'a>(view: &View<'a>, windows: &WindowsFacts) -> Cell<'a> {
    match windows.hotfixes.known() {
        None => Cell::Unknown,
        Some(hotfixes) if !hotfixes.iter().any(Hotfix::went_in) => Cell::Empty,
        Some(_) => Cell::day(view.inventory().and_then(Inventory::last_update)),
    }
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
        return seen_system(&view.machine.fingerprint);
    };
    [
        platform.family.as_str().into(),
        (&platform.name).into(),
        Cell::maybe(platform.version.as_deref()),
        of_release(platform, |release| Cell::Count(release.build.build.into())),
        of_release(platform, ubr),
        Cell::known(platform.arch.as_deref()),
        of_release(platform, |release| Cell::known(release.edition.as_deref())),
    ]
}

/// What can be seen of the system from outside: never its update build revision.
fn seen_system(seen: &Fingerprint) -> [Cell<'_>; 7] {
    let of_windows = match seen.family {
        Some(Family::Windows) | None => Cell::Unknown,
        Some(_) => Cell::Empty,
    };
    [
        Cell::known(seen.family.map(Family::as_str)),
        Cell::known(seen.os.as_ref().map(|os| os.value.as_str())),
        Cell::known(seen.os_version.as_deref()),
        match seen.build {
            Some(build) => Cell::Count(build.into()),
            None => of_windows.clone(),
        },
        of_windows.clone(),
        Cell::Unknown,
        of_windows,
    ]
}

fn of_release<'a>(
    platform: &'a Platform,
    cell: impl FnOnce(&'a WindowsRelease) -> Cell<'a>,
) -> Cell<'a> {
    match &platform.windows {
        Some(release) => cell(release),
        None if platform.family == Family::Windows => Cell::Unknown,
        None => Cell::Empty,
    }
}

/// The first build that has an update build revision: Windows 8.1 and Server 2012 R2.
const FIRST_WITH_UBR: u32 = 9_600;

fn ubr<'a>(release: &WindowsRelease) -> Cell<'a> {
    match release.build.ubr {
        Some(ubr) => Cell::Count(ubr.into()),
        None if release.build.build < FIRST_WITH_UBR => Cell::Empty,
        None => Cell::Unknown,
    }
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
    let exploited = open
        .clone()
        .filter(|one| one.is_exploited() == Some(true))
        .count();
    let unchecked = open
        .clone()
        .any(|one| !one.cves.is_empty() && one.is_exploited().is_none());
    let exploited = match exploited {
        0 if unchecked => Cell::Unknown,
        count => shown(count),
    };
    [
        count(&FindingState::counts_as_missing),
        count(&FindingState::counts_as_no_fix),
        count(&FindingState::counts_as_unknown),
        worst,
        exploited,
    ]
}

/// Whether a count of no findings means anything: what is installed was read, a catalogue speaks of
/// it, and no row says otherwise.
fn is_judged(view: &View<'_>) -> bool {
    let Some(inventory) = view.inventory() else {
        return false;
    };
    let was_read = match &inventory.windows {
        Some(windows) => inventory.platform.windows.is_some() && windows.hotfixes.known().is_some(),
        None => inventory.packages.known().is_some() && inventory.platform.ecosystem.is_some(),
    };
    was_read
        && !view.run.catalog_digest.is_empty()
        && !view
            .machine
            .findings
            .iter()
            .any(Finding::leaves_machine_unjudged)
}
