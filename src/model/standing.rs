//! How a machine stands to the lists that the organisation has.

use super::{Certainty, Date, DeviceKind, ListKind, MachineId, UtcTime, Vouch};
use serde::{Deserialize, Serialize};
use std::cmp::Ordering;
use std::collections::HashSet;
use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;

/// How a machine, or an entry of a list, stands: exactly one state, and why.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Standing {
    /// The state.
    pub state: ManagedState,
    /// Why, as a stable word for scripts: `no_credential_works`, `domain_member`; empty where the state
    /// says it all.
    pub reason: String,
    /// How sure it is.
    pub confidence: Certainty,
    /// What it rests on, each with its source and day, in the order of weight.
    pub evidence: Vec<String>,
    /// The lists that know it, as `name` or `name (last seen 2026-11-01)`, sorted.
    pub lists: Vec<String>,
    /// Who of the known machines is nearest, and by what; the nearest first.
    pub nearest: Vec<String>,
    /// What makes one look twice, as `word: particulars`; sorted.
    pub rogue_hints: Vec<String>,
    /// One thing to do.
    pub suggestion: String,
    /// Why several records are taken to be this one machine, and what speaks against it.
    pub merged: Vec<String>,
    /// Evidence that contradicts itself, and was left as it is: `same uuid as db-2 …`.
    pub conflicts: Vec<String>,
}

/// How the network as found compares with the lists. The first that holds, in this order.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize,
)]
#[serde(rename_all = "snake_case")]
pub enum ManagedState {
    /// An intermediary answered: not a machine.
    Artefact,
    /// On the operator's allow list.
    Expected,
    /// No list was given.
    #[default]
    NotCompared,
    /// Live, without a strong identity.
    Unidentified,
    /// Live, with a strong identity, on no list.
    Unmanaged,
    /// On a list and live, and somebody should look.
    Overlooked,
    /// On a list, assessed, and in order.
    Managed,
    /// Fresh on a list, in swept scope, and it does not answer.
    Unseen,
    /// Old on every list, and it has not answered for as many sweeps as it takes.
    StaleEntry,
    /// On a list, in no swept subnet.
    OutOfScope,
}

impl ManagedState {
    /// All of them, in order.
    pub const ALL: &'static [Self] = &[
        Self::Artefact,
        Self::Expected,
        Self::NotCompared,
        Self::Unidentified,
        Self::Unmanaged,
        Self::Overlooked,
        Self::Managed,
        Self::Unseen,
        Self::StaleEntry,
        Self::OutOfScope,
    ];

    /// The word used in exports.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Artefact => "artefact",
            Self::Expected => "expected",
            Self::NotCompared => "not_compared",
            Self::Unidentified => "unidentified",
            Self::Unmanaged => "unmanaged",
            Self::Overlooked => "overlooked",
            Self::Managed => "managed",
            Self::Unseen => "unseen",
            Self::StaleEntry => "stale_entry",
            Self::OutOfScope => "out_of_scope",
        }
    }

    /// Whether it is a live machine that somebody should look at: what the headline counts.
    pub fn is_headline(self) -> bool {
        matches!(
            self,
            Self::Unidentified | Self::Unmanaged | Self::Overlooked
        )
    }

    /// Whether only a list knows it: nobody answered.
    pub fn is_of_list(self) -> bool {
        matches!(self, Self::Unseen | Self::StaleEntry | Self::OutOfScope)
    }
}

/// What a comparison comes to.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Comparison {
    /// The machines of the run that is judged, sorted by first address.
    pub machines: Vec<Compared>,
    /// What only lists know, sorted by name and address.
    pub entries: Vec<Entry>,
    /// Each list, in the order given.
    pub lists: Vec<ListCount>,
    /// Each subnet with a live machine or a list's entry, sorted.
    pub subnets: Vec<SubnetCount>,
    /// What contradicts itself, each said once: clones, one name at two machines. Sorted.
    pub warnings: Vec<String>,
    /// Values of keys that more than one machine shows: they tell none of them apart.
    pub shared: HashSet<String>,
}

/// A machine of the run, however many records it had there.
#[derive(Clone, Debug, PartialEq)]
pub struct Compared {
    /// The id it goes by: that of the record that was first seen.
    pub id: MachineId,
    /// The ids of all records of the run that are this machine, `id` included, sorted.
    pub records: Vec<MachineId>,
    /// The name that it shows, else the one that lists have for it; empty where there is none, or where only its
    /// address connects it with them.
    pub name: String,
    /// Who answers for it, by the first list that says so; empty where none does.
    pub owner: String,
    /// The rows of lists that are it, sorted.
    pub rows: Vec<ListRow>,
    /// How it stands, the same text for all who stand alike. What it shows of itself is not among the evidence:
    /// whoever has the machine at hand adds it, for of a large network this is kept for all machines at once. Of what
    /// contradicts itself see [`Self::conflicts`].
    pub standing: Arc<Standing>,
    /// Where in the evidence what it shows of itself comes.
    pub shown_at: u32,
    /// What [`Standing::conflicts`] says of it: of a large network this is kept for all machines at once.
    pub conflicts: Vec<Conflict>,
    /// The day on which any run first met it, at whatever address.
    pub first_seen: Date,
    /// When it tends to be there, by the runs that met it: `Mon-Fri 08-10 UTC, 3 of 4 runs`; empty where
    /// there are too few to tell.
    pub usual_hours: String,
}

/// Evidence that contradicts itself, and was left as it is. Its texts are shared by all machines of which they hold,
/// for one name that a hundred machines have makes as many of each.
#[derive(Clone, Debug)]
pub struct Conflict {
    /// The record that it is with, as an explanation names it; empty where it is with nobody in particular.
    pub with: Arc<str>,
    /// What it is.
    pub why: Arc<str>,
}

impl Conflict {
    fn parts(&self) -> [&str; 3] {
        let between = if self.with.is_empty() { "" } else { ": " };
        [&self.with, between, &self.why]
    }
}

impl fmt::Display for Conflict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.parts().iter().try_for_each(|part| f.write_str(part))
    }
}

/// As the texts that they make.
impl Ord for Conflict {
    fn cmp(&self, other: &Self) -> Ordering {
        let (one, other) = (self.parts(), other.parts());
        let one = one.iter().flat_map(|part| part.bytes());
        one.cmp(other.iter().flat_map(|part| part.bytes()))
    }
}

impl PartialOrd for Conflict {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Conflict {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl Eq for Conflict {}

/// A row of a list.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct ListRow {
    /// The list's name.
    pub list: String,
    /// See [`super::KnownRecord::row`].
    pub row: u64,
}

/// A machine that lists know and nobody met.
#[derive(Clone, Debug, PartialEq)]
pub struct Entry {
    /// Its machine id, where an earlier run met it.
    pub id: Option<MachineId>,
    /// What it is called; empty where no list has a name for it.
    pub name: String,
    /// The addresses that lists and earlier runs have for it, sorted.
    pub addresses: Vec<IpAddr>,
    /// What it seems to be, by the lists and earlier runs: `Windows 10 Enterprise`.
    pub seems_to_be: String,
    /// What kind of device it seems to be.
    pub device: DeviceKind,
    /// The rows of lists that are it, sorted.
    pub rows: Vec<ListRow>,
    /// How it stands.
    pub standing: Standing,
    /// The day on which any run first met it.
    pub first_seen: Option<Date>,
    /// When any run last met it.
    pub last_seen: Option<UtcTime>,
    /// As in [`Compared::usual_hours`].
    pub usual_hours: String,
}

/// What a list comes to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ListCount {
    /// Its name.
    pub name: String,
    /// What wrote it.
    pub kind: ListKind,
    /// What it vouches for.
    pub vouches: Vec<Vouch>,
    /// The day it tells of.
    pub as_of: Option<Date>,
    /// Its machines, each once however many rows it has.
    pub machines: u64,
    /// How many of them are live in the run.
    pub live: u64,
    /// How many of them no other list knows.
    pub alone: u64,
    /// Live machines (artefacts left out) that it does not know.
    pub lacks: u64,
    /// For each list, in the order given: machines that this one knows and that one does not.
    pub unknown_to: Vec<u64>,
}

/// What a subnet comes to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SubnetCount {
    /// The /24 or /64.
    pub subnet: String,
    /// Live machines, artefacts left out.
    pub live: u64,
    /// Of these, on at least one list that vouches for more than that it exists.
    pub known: u64,
    /// Machines by state, states without any left out.
    pub states: Vec<(ManagedState, u64)>,
}
