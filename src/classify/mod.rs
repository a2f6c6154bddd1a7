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

use crate::model::{Comparison, Date, KnownList};
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

/// Compares the network as it is with the lists.
pub fn compare(_world: &World<'_>) -> Comparison {
    Comparison::default()
}
