//! What changed between two runs, told from what both could see. Pure.
//!
//! Nothing is called gone, fixed or new that was not looked for: a machine is gone where all of its addresses
//! were swept and nobody answered there who may be it; a finding is fixed where the later run read the
//! machine and got an answer to the question that showed it.

mod findings;
#[cfg(test)]
mod oracle;
mod snapshot;
mod software;

pub use snapshot::{FindingKey, Piece, Reported, Sight, Snapshot, snapshot};

use crate::model::{Change, ChangeKind, Date, FindingId, HotfixState, MachineId};
use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::sync::Arc;

/// What the later run found at an address at which it did not meet a machine of the earlier one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reach {
    /// It did not look there, or not with all of its probes, or somebody answers there for others.
    NotSwept,
    /// Nobody answered.
    Silent,
    /// Somebody who was not read: it may be anybody.
    Nameless,
    /// Another machine, which was read.
    Other,
}

/// What is known of the two runs besides their machines.
#[expect(missing_debug_implementations, reason = "holds functions")]
pub struct Between<'a> {
    /// The day on which the earlier run began.
    pub before: Date,
    /// Whether the earlier run swept an address.
    pub was_swept: &'a dyn Fn(IpAddr) -> bool,
    /// What the later run found at an address.
    pub reach: &'a dyn Fn(IpAddr) -> Reach,
    /// Whether the verdicts were made by different catalogues or rules.
    pub is_other_catalog: bool,
    /// Whether the later run had a catalogue, or the earlier one had none either.
    pub is_judged: bool,
}

/// Tells what changed from some machines of an earlier run to some of a later one, sorted by address,
/// machine, kind and object. Machines are the same where they share an id; where one of the runs could not read it,
/// a machine [may be](likeness) one that the other has under another id. Machines may be given in parts, as long as
/// those that share an id or may be one are given together.
pub fn changes(before: &[Snapshot], after: &[Snapshot], between: &Between<'_>) -> Vec<Change> {
    let mut places: BTreeMap<&MachineId, usize> = BTreeMap::new();
    for (place, machine) in before.iter().enumerate() {
        for id in machine.ids() {
            places.entry(id).or_insert(place);
        }
    }
    let mut taken = BTreeSet::new();
    let mut rows = Vec::new();
    let mut strange = Vec::new();
    for machine in after {
        let mut known = machine.ids().filter_map(|id| places.get(id).copied());
        // Where two of one run are one in the other, the second is compared with nobody.
        let same = known.find(|place| taken.insert(*place));
        let Some(same) = same.and_then(|place| before.get(place)) else {
            strange.push(machine);
            continue;
        };
        let mut told = Rows::of(machine, Some(same), between);
        told.compare(same, machine);
        rows.append(&mut told.told);
    }
    for machine in strange {
        let rest = before.iter().enumerate();
        let rest = rest.filter(|(place, _)| !taken.contains(place));
        let like = rest.filter_map(|(place, was)| Some((likeness(was, machine)?, place, was)));
        let like = like.min_by_key(|(likeness, ..)| *likeness);
        let mut told = Rows::of(machine, like.map(|(.., was)| was), between);
        if let Some((_, place, was)) = like {
            taken.insert(place);
            told.may_be(was, machine);
        } else {
            told.came(machine);
        }
        rows.append(&mut told.told);
    }
    for (_, machine) in before
        .iter()
        .enumerate()
        .filter(|(place, _)| !taken.contains(place))
    {
        let mut told = Rows::of(machine, None, between);
        told.went(machine);
        rows.append(&mut told.told);
    }
    sort(&mut rows);
    rows
}

/// Why a machine may be one that an earlier run has under another id; the better the reason, the lower.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Likeness {
    /// It has its name.
    Named,
    /// The earlier run did not come to ask who is there.
    Unasked,
}

/// Whether a machine may be one that an earlier run has under another id, and why: it is at the same address, one of the
/// runs could not read it, nothing that both know of it tells the two apart, and it has the same name, or the earlier run
/// did not ask for it.
pub fn likeness(before: &Snapshot, after: &Snapshot) -> Option<Likeness> {
    let (was, is) = (before.hostname.as_deref(), after.hostname.as_deref());
    let is_called = was.zip(is).is_some_and(|(was, is)| is_one_name(was, is));
    let mut addresses = before.addresses.iter();
    let key = |machine: &Snapshot| machine.traits.get("host_key").cloned();
    let other_key = key(before)
        .zip(key(after))
        .is_some_and(|(was, is)| was != is);
    let may_be = addresses.any(|at| after.addresses.contains(at))
        && !(before.sight.is_read && after.sight.is_read)
        && !other_key;
    match (may_be, is_called) {
        (true, true) => Some(Likeness::Named),
        (true, false) if before.is_unasked() => Some(Likeness::Unasked),
        _ => None,
    }
}

/// Whether two names may be one, full or short.
fn is_one_name(one: &str, other: &str) -> bool {
    let short = |name: &str| name.split('.').next().unwrap_or_default().to_lowercase();
    let is_full = |name: &str| name.contains('.');
    match (is_full(one), is_full(other)) {
        (true, true) => one.eq_ignore_ascii_case(other),
        _ => !one.is_empty() && short(one) == short(other),
    }
}

/// Puts changes into the order of [`changes`].
pub fn sort(rows: &mut [Change]) {
    rows.sort_by(|one, other| {
        let key = |row: &Change| (row.address, row.kind);
        (key(one), &one.machine, &one.object, &one.before, &one.after).cmp(&(
            key(other),
            &other.machine,
            &other.object,
            &other.before,
            &other.after,
        ))
    });
}

impl Snapshot {
    /// Every id under which its run has it.
    pub fn ids(&self) -> impl Iterator<Item = &MachineId> {
        [&self.id].into_iter().chain(&self.also)
    }

    /// Whether its run ended before anybody asked who it is: it may be anybody.
    fn is_unasked(&self) -> bool {
        let outcome = self.traits.get("outcome");
        outcome.is_some_and(|outcome| outcome == "not_begun")
    }
}

/// What a change is about, and how it was and is.
type Told = (String, Option<String>, Option<String>);

/// The rows of one machine.
struct Rows<'a> {
    between: &'a Between<'a>,
    id: MachineId,
    hostname: Option<Arc<str>>,
    address: Option<IpAddr>,
    /// When the earlier run read it.
    since: Option<Date>,
    told: Vec<Change>,
}

impl<'a> Rows<'a> {
    fn of(machine: &Snapshot, same: Option<&Snapshot>, between: &'a Between<'a>) -> Self {
        let hostname = machine.hostname.as_deref();
        let hostname = hostname.or(same.and_then(|same| same.hostname.as_deref()));
        Self {
            between,
            id: machine.id.clone(),
            hostname: hostname.map(Arc::from),
            address: machine.addresses.first().copied(),
            since: same.map(|same| same.seen),
            told: Vec::new(),
        }
    }

    fn push(&mut self, kind: ChangeKind, (object, before, after): Told) {
        self.told.push(Change {
            machine: self.id.clone(),
            hostname: self.hostname.clone(),
            address: self.address,
            kind,
            object,
            before,
            after,
            since: self.since,
            finding: None,
        });
    }

    /// A machine that only the later run met.
    fn came(&mut self, machine: &Snapshot) {
        let kind = if let Some(day) = machine.met_before {
            self.since = Some(day);
            ChangeKind::MachineBack
        } else {
            // That it was not there is known only where somebody looked.
            let addresses = machine.addresses.iter();
            let looked = addresses.filter(|address| (self.between.was_swept)(**address));
            let looked = looked.count();
            let everywhere = looked == machine.addresses.len();
            self.since = everywhere.then_some(self.between.before);
            match looked {
                0 => ChangeKind::MachineNewlySwept,
                _ => ChangeKind::MachineNew,
            }
        };
        self.push(kind, machine_told(None, Some(machine)));
        self.findings(None, Some(machine));
    }

    /// A machine that only the earlier run met.
    fn went(&mut self, machine: &Snapshot) {
        self.since = Some(machine.seen);
        let reaches: Vec<Reach> = machine
            .addresses
            .iter()
            .map(|at| (self.between.reach)(*at))
            .collect();
        // At several addresses of a machine there may have been several whom nobody asked.
        let is_unasked = machine.is_unasked() && reaches.contains(&Reach::Other);
        let kind = if is_unasked || reaches.contains(&Reach::Nameless) {
            ChangeKind::MachineUnrecognised
        } else if reaches.contains(&Reach::NotSwept) {
            ChangeKind::MachineNotSwept
        } else {
            ChangeKind::MachineGone
        };
        self.push(kind, machine_told(Some(machine), None));
        self.findings(Some(machine), None);
    }

    /// A machine that both met, as far as its name and address tell.
    fn may_be(&mut self, before: &Snapshot, after: &Snapshot) {
        let told = machine_told(Some(before), Some(after));
        self.push(ChangeKind::MachineUnrecognised, told);
        self.findings(Some(before), Some(after));
    }

    /// A machine that both met.
    fn compare(&mut self, before: &Snapshot, after: &Snapshot) {
        for (name, was) in &before.traits {
            let Some(is) = after.traits.get(name).filter(|is| *is != was) else {
                continue;
            };
            let told = ((*name).to_owned(), said(was), said(is));
            self.push(ChangeKind::MachineChanged, told);
        }
        for (list, was) in &before.software {
            if let Some(is) = after.software.get(list) {
                self.software(was, is);
            }
        }
        if let (Some(was), Some(is)) = (&before.updates, &after.updates) {
            self.updates(was, is);
        }
        self.findings(Some(before), Some(after));
    }

    fn updates(&mut self, was: &BTreeMap<String, HotfixState>, is: &BTreeMap<String, HotfixState>) {
        let ids: BTreeSet<&String> = was.keys().chain(is.keys()).collect();
        for id in ids {
            let (was, is) = (was.get(id), is.get(id));
            let kind = match (was, is) {
                (was, is) if was == is => continue,
                (None, _) => ChangeKind::UpdateAdded,
                (_, None) => ChangeKind::UpdateRemoved,
                _ => ChangeKind::UpdateChanged,
            };
            let word = |state: Option<&HotfixState>| state.map(|state| state.as_str().to_owned());
            self.push(kind, (id.clone(), word(was), word(is)));
        }
    }

    fn push_finding(
        &mut self,
        kind: ChangeKind,
        key: &FindingKey,
        (was, is): (Option<&str>, Option<&str>),
    ) {
        let object = format!("{} {}", key.bulletin, key.product);
        self.push(
            kind,
            (object, was.map(str::to_owned), is.map(str::to_owned)),
        );
        if let Some(row) = self.told.last_mut() {
            row.finding = Some(FindingId::of(&self.id, &key.product, &key.bulletin));
        }
    }
}

/// A machine in a row: by its system, else by how far it was read.
fn machine_told(before: Option<&Snapshot>, after: Option<&Snapshot>) -> Told {
    let name = |machine: &Snapshot| {
        let known = machine.traits.get("os").or(machine.traits.get("outcome"));
        known.cloned().unwrap_or_default()
    };
    ("machine".to_owned(), before.map(name), after.map(name))
}

/// Nothing is no value.
fn said(value: &str) -> Option<String> {
    Some(value.to_owned()).filter(|value| !value.is_empty())
}

#[cfg(test)]
mod tests;
