//! What of a machine is compared between two runs.

use crate::model::{
    BulletinId, Date, FindingState, HotfixState, Inventory, MachineId, MachineRecord, Package,
    PackageState, ProgramScope, SeenBy, WindowsFacts,
};
use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

/// A machine as one run has it: small, and without what is not compared.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Snapshot {
    /// Its id.
    pub id: MachineId,
    /// Other ids under which its run has it.
    pub also: Vec<MachineId>,
    /// What it is called.
    pub hostname: Option<String>,
    /// Its addresses, sorted.
    pub addresses: Vec<IpAddr>,
    /// The day on which its run was done with it.
    pub seen: Date,
    /// What is known about it, by name. What is not known is not here, and not compared.
    pub traits: BTreeMap<&'static str, String>,
    /// The versions of each piece of software, sorted, by list. A list that could not be read is not here.
    pub software: BTreeMap<&'static str, BTreeMap<Piece, BTreeSet<String>>>,
    /// The state of each update; `None` where they could not be read.
    pub updates: Option<BTreeMap<String, HotfixState>>,
    /// What its run could tell of it.
    pub sight: Sight,
    /// Its findings.
    pub findings: BTreeMap<FindingKey, Reported>,
    /// The last day on which a run before the two that are compared met it. Filled by whoever reads those.
    pub met_before: Option<Date>,
    /// Those of its findings that a run before the two that are compared saw. Filled by whoever reads those.
    pub seen_before: BTreeSet<FindingKey>,
}

/// What a run could tell of a machine.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Sight {
    /// Whether somebody logged in and read it.
    pub is_read: bool,
    /// Whether it was asked from outside what it is. Filled by whoever knows the run.
    pub is_asked: bool,
    /// The questions that were left open.
    pub gaps: BTreeSet<String>,
    /// The rows that say that it was not, or not fully, judged.
    pub unjudged: BTreeSet<String>,
    /// The ports that are open, as the network shows them.
    pub ports: BTreeSet<u16>,
}

/// A piece of software of a machine, whatever its version.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Piece {
    /// Its name.
    pub name: String,
    /// What tells it from others of its name: architecture, account, instance.
    pub apart: String,
}

/// A finding of a machine, in whatever run.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct FindingKey {
    /// See [`crate::model::Finding::product`].
    pub product: String,
    /// The bulletin.
    pub bulletin: BulletinId,
}

/// What a run says of a finding.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reported {
    /// The verdict.
    pub state: FindingState,
    /// The question that showed it.
    pub question: String,
    /// The packages concerned.
    pub packages: Vec<String>,
    /// Whether it is the end of a product's support that is still to come: it was never there, and nobody has closed it.
    pub is_to_come: bool,
}

/// Takes of a machine what is compared; `None` for what is no machine.
pub fn snapshot(machine: &MachineRecord, is_asked: bool) -> Option<Snapshot> {
    if machine.intermediary.is_some() {
        return None;
    }
    let inventory = machine.inventory.as_deref();
    let findings = machine.findings.iter().map(|finding| {
        let key = FindingKey {
            product: finding.product.clone(),
            bulletin: finding.bulletin.clone(),
        };
        let reported = Reported {
            state: finding.state,
            question: finding.evidence.question.clone(),
            packages: finding.packages.clone(),
            is_to_come: finding.state.is_closed() && finding.support_ends.is_some(),
        };
        (key, reported)
    });
    let windows = inventory.and_then(|read| read.windows.as_deref());
    let hotfixes = windows.and_then(|windows| windows.hotfixes.known());
    let updates = hotfixes.map(|all| all.iter().map(|one| (one.id.clone(), one.state)).collect());
    Some(Snapshot {
        id: machine.id.clone(),
        also: machine.also.clone(),
        hostname: hostname(machine),
        addresses: machine.addresses.clone(),
        seen: machine.last_seen.date(),
        traits: traits(machine),
        software: inventory.map(software).unwrap_or_default(),
        updates,
        sight: sight(machine, is_asked),
        findings: findings.collect(),
        met_before: None,
        seen_before: BTreeSet::new(),
    })
}

fn sight(machine: &MachineRecord, is_asked: bool) -> Sight {
    let inventory = machine.inventory.as_deref();
    let gaps = inventory.map_or(&[][..], |read| &read.gaps);
    let unjudged = machine.findings.iter();
    let unjudged = unjudged.filter(|finding| finding.leaves_machine_unjudged());
    let services = machine.services.iter().map(|(_, service)| service);
    let seen = services.filter(|one| one.seen_by == SeenBy::Scan && one.state == "open");
    Sight {
        is_read: inventory.is_some(),
        // Whoever the run did not come to was asked nothing.
        is_asked: is_asked && machine.outcome != "not_begun",
        gaps: gaps.iter().map(|gap| gap.question.clone()).collect(),
        unjudged: unjudged.map(|one| one.bulletin.to_string()).collect(),
        ports: seen.map(|service| service.port).collect(),
    }
}

/// The host's own name for itself, else the one by which others know it.
fn hostname(machine: &MachineRecord) -> Option<String> {
    let own = machine.inventory.as_deref();
    let own = own.and_then(|read| read.identity.hostname.known());
    let own = own.filter(|name| !name.is_empty()).cloned();
    let seen = machine.fingerprint.hostname.as_ref();
    let listed = Some(&machine.listed_name).filter(|name| !name.is_empty());
    own.or_else(|| machine.target_name.clone())
        .or_else(|| seen.map(|claim| claim.value.clone()))
        .or_else(|| listed.cloned())
}

fn traits(machine: &MachineRecord) -> BTreeMap<&'static str, String> {
    let addresses: Vec<String> = machine.addresses.iter().map(ToString::to_string).collect();
    let tags = machine.tags.iter().map(String::as_str);
    let mut tags: Vec<&str> = tags.filter(|tag| !tag.starts_with("owner=")).collect();
    tags.sort_unstable();
    let key = machine.host_key.as_ref().map(|key| key.fingerprint.clone());
    let standing = machine.standing.as_ref();
    let mut known = BTreeMap::from([
        ("addresses", addresses.join("; ")),
        ("outcome", machine.outcome.clone()),
        ("owner", machine.owner().unwrap_or_default().to_owned()),
        ("tags", tags.join("; ")),
    ]);
    let facts = [
        ("host_key", key),
        (
            "managed_state",
            standing.map(|one| one.state.as_str().to_owned()),
        ),
    ];
    known.extend(
        facts
            .into_iter()
            .filter_map(|(name, value)| Some((name, value?))),
    );
    if let Some(read) = machine.inventory.as_deref() {
        known.extend(of_inventory(read));
    }
    known
}

fn of_inventory(read: &Inventory) -> impl Iterator<Item = (&'static str, String)> {
    let platform = &read.platform;
    let windows = platform.windows.as_ref();
    let reboot = read.reboot.known().map(|reboot| {
        let word = if reboot.required { "yes" } else { "no" };
        word.to_owned()
    });
    let facts = [
        ("hostname", read.identity.hostname.known().cloned()),
        ("os", Some(platform.name.clone())),
        ("build", windows.map(|release| release.build.to_string())),
        ("kernel", platform.kernel.running.clone()),
        ("reboot_pending", reboot),
    ];
    let facts = facts.into_iter();
    facts.filter_map(|(name, value)| Some((name, value.filter(|value| !value.is_empty())?)))
}

type Pieces = BTreeMap<Piece, BTreeSet<String>>;

fn software(read: &Inventory) -> BTreeMap<&'static str, Pieces> {
    let mut lists = BTreeMap::new();
    let unix = read.unix.as_deref();
    let of_unix = unix.map(|unix| {
        [
            ("snap", &unix.snaps),
            ("flatpak", &unix.flatpaks),
            ("application", &unix.applications),
        ]
    });
    // A Windows has no packages, known to be none: its programs are told below.
    let own = [("package", &read.packages)];
    for (list, packages) in own.into_iter().chain(of_unix.into_iter().flatten()) {
        if let Some(packages) = packages.known() {
            lists.insert(list, of_packages(packages));
        }
    }
    if let Some(windows) = read.windows.as_deref() {
        of_windows(windows, &mut lists);
    }
    lists
}

fn of_packages(packages: &[Package]) -> Pieces {
    let mut pieces = Pieces::new();
    // What was removed and left its configuration is not there.
    let there = packages.iter();
    for package in there.filter(|package| package.state != PackageState::ConfigFiles) {
        let piece = Piece {
            name: package.name.clone(),
            apart: format!("{} {}", package.manager.as_str(), package.arch),
        };
        pieces
            .entry(piece)
            .or_default()
            .insert(package.version.clone());
    }
    pieces
}

fn of_windows(windows: &WindowsFacts, lists: &mut BTreeMap<&'static str, Pieces>) {
    if let Some(programs) = windows.programs.known() {
        let mut pieces = Pieces::new();
        for program in programs {
            let account = match &program.scope {
                ProgramScope::Machine => "",
                ProgramScope::User(account) => account,
            };
            let arch = program.arch.as_deref().unwrap_or_default();
            let piece = Piece {
                name: program.name.clone(),
                apart: format!("registry {arch} {account}").trim_end().to_owned(),
            };
            let version = program.version.clone().unwrap_or_default();
            pieces.entry(piece).or_default().insert(version);
        }
        lists.insert("program", pieces);
    }
    for (kind, found) in &windows.components {
        let Some(found) = found.known() else {
            continue;
        };
        let mut pieces = Pieces::new();
        for component in found {
            let instance = component.instance.as_deref().unwrap_or_default();
            let arch = component.arch.as_deref().unwrap_or_default();
            let piece = Piece {
                name: component.name.clone(),
                apart: format!("{} {arch} {instance}", kind.as_str())
                    .trim_end()
                    .to_owned(),
            };
            pieces
                .entry(piece)
                .or_default()
                .insert(component.version.clone());
        }
        lists.insert(kind.as_str(), pieces);
    }
}
