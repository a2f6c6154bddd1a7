//! The network as it is against the lists that people believe: which records are one machine, and how
//! each machine stands. Pure: facts and lists in, verdicts with their evidence out.

mod policy;
mod rules;

pub use policy::Policy;
pub use rules::MergeRules;

use crate::model::{Date, KnownList, MachineId, UtcTime};
use std::net::IpAddr;

/// A machine as one run met it: what tells it apart, and what its standing rests on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sighted {
    /// The machine, as the store tells machines apart.
    pub id: MachineId,
    /// Which run: 0 for the one that is judged, 1 for the one before it, and so on.
    pub run: u32,
    /// When that run was done with it.
    pub seen: UtcTime,
    /// The day on which any run first met it.
    pub first_seen: Date,
    /// Where it was met, sorted.
    pub addresses: Vec<IpAddr>,
}

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
