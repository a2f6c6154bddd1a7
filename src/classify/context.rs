//! What is true of all machines of a comparison together, computed once.

use super::World;
use super::domains::Domains;
use super::keys::KeyKind;
use super::machine::Machine;
use super::merge::Merged;
use crate::model::{KnownList, ListKind};
use std::collections::{BTreeSet, HashMap, HashSet};
use std::net::IpAddr;

/// What the standing of each machine is judged by.
pub(super) struct Context<'w, 'a> {
    pub(super) world: &'w World<'a>,
    /// Domains that lists vouch for.
    domains: BTreeSet<String>,
    /// Whether a machine without an owner is overlooked.
    pub(super) wants_owner: bool,
    /// The WSUS lists.
    pub(super) wsus: Vec<&'a KnownList>,
    /// That every list that vouches is old, in words.
    pub(super) old_registers: Option<String>,
    /// Who answers at each address in the run that is judged: its name, empty where it shows none.
    answering: HashMap<IpAddr, String>,
    /// Host keys that more than one machine of the run shows, and values that tell nobody apart.
    pub(super) shared: HashSet<String>,
}

impl<'w, 'a> Context<'w, 'a> {
    pub(super) fn of(world: &'w World<'a>, merged: &Merged<'a>, machines: &[Machine<'_>]) -> Self {
        let rows = merged
            .nodes
            .iter()
            .filter_map(|node| Some((node, node.row()?)));
        let care = rows.filter(|(_, (_, list, _))| list.vouches_for_care());
        let domains = care
            .flat_map(|(node, _)| node.domains.iter().cloned())
            .collect();
        let owners = || {
            let mut rows = world.lists.iter().flat_map(|list| &list.records);
            rows.any(|row| {
                row.owner
                    .as_deref()
                    .is_some_and(|owner| !owner.trim().is_empty())
            })
        };
        let wsus = world
            .lists
            .iter()
            .filter(|list| list.kind == ListKind::Wsus);
        Self {
            world,
            domains,
            wants_owner: world.policy.require_owner.unwrap_or_else(owners),
            wsus: wsus.collect(),
            old_registers: old_registers(world),
            // Nobody asks but for what lists have.
            answering: match world.lists {
                [] => HashMap::new(),
                _ => answering(machines),
            },
            shared: shared(merged, machines),
        }
    }

    /// Who answers at an address in the run that is judged: its name, empty where it shows none.
    pub(super) fn who_answers(&self, address: &IpAddr) -> Option<&str> {
        self.answering.get(address).map(String::as_str)
    }

    /// Whether lists know a domain, or one above or below it.
    pub(super) fn knows(&self, domain: &str) -> bool {
        let below = |one: &str, other: &str| {
            let rest = one.strip_suffix(other);
            rest.is_some_and(|rest| rest.ends_with('.')) && other.contains('.')
        };
        self.domains.iter().any(|known| {
            Domains::can_be_one(known, domain) || below(domain, known) || below(known, domain)
        })
    }

    /// Whether lists say of any machine which domain it is in.
    pub(super) fn knows_domains(&self) -> bool {
        !self.domains.is_empty()
    }
}

fn answering(machines: &[Machine<'_>]) -> HashMap<IpAddr, String> {
    let live = machines.iter().filter(|machine| !machine.live.is_empty());
    let addresses = live.flat_map(|machine| {
        let own = machine.live.iter().flat_map(|seen| &seen.addresses);
        own.map(|address| (*address, machine.short_name()))
    });
    addresses.collect()
}

fn old_registers(world: &World<'_>) -> Option<String> {
    let vouching = world.lists.iter().filter(|list| list.vouches_for_care());
    let vouching = vouching.collect::<Vec<_>>();
    let is_old = |list: &&KnownList| {
        let days = list.as_of.map(|day| day.days_until(world.today));
        days.is_some_and(|days| days > world.policy.list_days)
    };
    if vouching.is_empty() || !vouching.iter().all(is_old) {
        return None;
    }
    let days = vouching
        .iter()
        .filter_map(|list| Some((list.as_of?, &list.name)));
    let days = days.map(|(day, name)| format!("{name} is of {day}"));
    let days = days.collect::<Vec<_>>().join(", ");
    Some(format!("register old: {days}"))
}

fn shared(merged: &Merged<'_>, machines: &[Machine<'_>]) -> HashSet<String> {
    let demoted = merged.keys.all.iter().filter(|key| key.demoted.is_some());
    let mut shared = demoted.map(|key| key.value.clone()).collect::<HashSet<_>>();
    let keys = merged
        .keys
        .all
        .iter()
        .filter(|key| key.kind == KeyKind::HostKey && key.holders.len() > 1);
    let mut group_of: HashMap<u32, usize> = HashMap::new();
    for (place, machine) in machines.iter().enumerate() {
        group_of.extend(machine.group.nodes.iter().map(|node| (*node, place)));
    }
    for key in keys {
        let live = key.holders.iter().filter(|at| {
            let node = merged.nodes.get(**at as usize);
            node.is_some_and(|node| node.run() == Some(0))
        });
        let groups = live
            .filter_map(|at| group_of.get(at))
            .collect::<BTreeSet<_>>();
        if groups.len() > 1 {
            shared.insert(key.value.clone());
        }
    }
    shared
}
