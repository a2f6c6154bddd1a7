//! The network as it is against the lists that people believe: which records are one machine, and how
//! each machine stands. Pure: facts and lists in, verdicts with their evidence out.

mod policy;
mod rules;
mod sighted;

pub use policy::{Expected, Policy, PolicyError};
pub use rules::{MergeRule, MergeRules, Named, RulesError};
pub use sighted::{
    Care, Looks, NameSource, Sighted, SightedName, Traits, UpdatesFrom, WayIn, sighted,
};

use crate::model::{Date, DeviceKind, KnownList, MachineId, ManagedState, Standing, UtcTime};
use std::net::IpAddr;

/// All that a comparison looks at.
pub struct World<'a> {
    /// The lists.
    pub lists: &'a [KnownList],
    /// The machines of the run that is judged and of those before it, in any order.
    pub sighted: &'a [Sighted],
    /// The operator's thresholds and allow list.
    pub policy: &'a Policy,
    /// The operator's word on who is one machine.
    pub rules: &'a MergeRules,
    /// Whether an address was really swept in a run (by number, as in [`Sighted::run`]).
    pub was_swept: &'a dyn Fn(u32, IpAddr) -> bool,
    /// How many runs there are: the judged one, and those before it.
    pub runs: u32,
    /// The day on which the run that is judged began.
    pub today: Date,
    /// Every record of the network stays a machine of its own.
    pub no_merge: bool,
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
}

/// A machine of the run, however many records it had there.
#[derive(Clone, Debug, PartialEq)]
pub struct Compared {
    /// The id it goes by: that of the record that was first seen.
    pub id: MachineId,
    /// The ids of all records of the run that are this machine, `id` included, sorted.
    pub records: Vec<MachineId>,
    /// How it stands.
    pub standing: Standing,
    /// The day on which any run first met it, at whatever address.
    pub first_seen: Date,
    /// When it tends to be there, by the runs that met it: `Mon-Fri 08-10 UTC, 3 of 4 runs`; empty where
    /// there are too few to tell.
    pub usual_hours: String,
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

/// Compares the network as it is with the lists.
pub fn compare(_world: &World<'_>) -> Comparison {
    Comparison::default()
}
