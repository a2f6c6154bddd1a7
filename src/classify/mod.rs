//! The network as it is against the lists that people believe: which records are one machine, and how
//! each machine stands; and what the operator's policy makes of findings. Pure: facts, lists and policy in, verdicts
//! with their evidence out.

mod apply;
mod baseline;
mod care;
pub mod changes;
mod clusters;
mod context;
mod counts;
mod demote;
mod domains;
mod edges;
mod entries;
mod gather;
mod glob;
mod hearsay;
mod hours;
mod identity;
mod junk;
mod keys;
mod machine;
mod merge;
mod names;
mod neighbours;
mod places;
mod plan;
mod policy;
mod policy_windows;
mod priority;
mod rules;
pub mod sheet;
mod sighted;
mod standing;
#[cfg(test)]
mod tests;
mod verify;

pub use baseline::Baseline;
pub(crate) use identity::shown;
pub use plan::{MachineNeeds, PlanRules, Planner, plan};
pub use policy::{Expected, Policy, PolicyError};
pub use policy_windows::{Schedule, TaggedWindow, Wave, Window};
pub use priority::{
    Allowance, Annotations, Assumed, Calendar, Due, Effect, Exceptions, HostPattern, MachineFacts,
    Measures, NamePattern, Places, Preset, RankKey, Ranks, SeverityRule, Subject, decide, explain,
    names_bulletin, rules_that_fit,
};
pub use rules::{MergeRule, MergeRules, Named, RulesError};
pub use sighted::{
    Care, Looks, NameSource, Sighted, SightedName, Traits, UpdatesFrom, WayIn, sighted,
};
pub use verify::{Catalog, Now, is_to_be_verified, verified};

use crate::model::{Compared, Comparison, Date, KnownList, ManagedState, Standing};
use std::collections::HashSet;
use std::net::IpAddr;
use std::sync::Arc;

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

/// Compares the network as it is with the lists. The order of runs, machines and rows decides nothing but the order
/// of [`Comparison::lists`].
pub fn compare(world: &World<'_>) -> Comparison {
    let merged = merge::merge(world);
    let machines = machine::machines(&merged);
    let context = context::Context::of(world, &merged, &machines);
    let near = neighbours::Neighbours::of(&machines);
    let lists = counts::lists(world.lists, &machines);
    let met = machines.iter().filter(|machine| !machine.live.is_empty());
    let mut live = Vec::with_capacity(met.count());
    let mut standings = HashSet::new();
    let mut entries = Vec::new();
    for machine in machines {
        if machine.live.is_empty() {
            entries.extend(entries::entry(&machine, &context));
            continue;
        }
        let Some(address) = machine.addresses().into_iter().next() else {
            continue;
        };
        if let Some(one) = compared(&machine, &context, &near, &mut standings) {
            live.push((one, address, machine.is_known()));
        }
    }
    // No two have one id; what keeps the order of equals takes as much room again.
    live.sort_unstable_by(|(one, address, _), (other, next, _)| {
        (address, &one.id).cmp(&(next, &other.id))
    });
    entries.sort_by(|one, other| {
        (&one.name, &one.addresses, &one.standing.lists).cmp(&(
            &other.name,
            &other.addresses,
            &other.standing.lists,
        ))
    });
    Comparison {
        lists,
        subnets: counts::subnets(&live, &entries),
        machines: live.into_iter().map(|(one, ..)| one).collect(),
        entries,
        warnings: merged.warnings.clone(),
        shared: context.shared,
    }
}

fn compared(
    machine: &machine::Machine<'_>,
    context: &context::Context<'_, '_>,
    near: &neighbours::Neighbours,
    standings: &mut HashSet<Arc<Standing>>,
) -> Option<Compared> {
    let first = machine
        .live
        .iter()
        .min_by_key(|seen| (seen.first_seen, &seen.id))?;
    let mut records = machine
        .live
        .iter()
        .map(|seen| seen.id.clone())
        .collect::<Vec<_>>();
    records.sort_unstable();
    records.dedup();
    let (mut standing, shown_at) = standing::judge(machine, context);
    if matches!(
        standing.state,
        ManagedState::Unmanaged | ManagedState::Unidentified
    ) {
        standing.nearest = near.nearest(machine);
    }
    standing.rogue_hints = near.hints(machine);
    let known = standings.get(&standing).cloned();
    let standing = known.unwrap_or_else(|| {
        let new = Arc::new(standing);
        standings.insert(Arc::clone(&new));
        new
    });
    Some(Compared {
        id: first.id.clone(),
        records,
        name: machine.short_name(),
        owner: machine.listed_owner().to_owned(),
        rows: machine.list_rows(),
        standing,
        shown_at: u32::try_from(shown_at).unwrap_or(u32::MAX),
        conflicts: machine.group.conflicts.clone(),
        first_seen: machine.first_seen().unwrap_or(first.first_seen),
        usual_hours: hours::usual_hours(machine.seen(), context.world.runs),
    })
}
