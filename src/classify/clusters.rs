//! Records joined so far, and what speaks against joining more.

use super::hearsay;
use super::keys::{Name, Node};
use super::sighted::Sighted;
use crate::model::Family;
use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::net::IpAddr;

/// What speaks against two groups of records being one machine, the gravest first.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is a ground of its own, and several can hold"
)]
pub(super) struct Against {
    /// The operator says so.
    pub(super) rule: bool,
    /// One run read both: the store has told them apart, and the findings of both count.
    pub(super) read: bool,
    /// One was read, and does not have the address at which the same run met the other.
    pub(super) elsewhere: bool,
    /// Two serial numbers.
    pub(super) serial: bool,
    /// Two uuids.
    pub(super) uuid: bool,
    /// One run met both.
    pub(super) live: bool,
    /// Two names.
    pub(super) name: bool,
    /// Two domains, or one and none.
    pub(super) domain: bool,
    /// Two installations: machine-ids, or host keys of one algorithm.
    pub(super) install: bool,
    /// Two kinds of operating system.
    pub(super) family: bool,
}

impl Against {
    /// In words; empty where nothing does.
    pub(super) fn words(self) -> String {
        let words = [
            (self.rule, "merge.toml keeps them apart"),
            (self.read, "both were read"),
            (
                self.elsewhere,
                "the one that was read does not have that address",
            ),
            (self.serial, "another serial number"),
            (self.uuid, "another uuid"),
            (self.name, "another name"),
            (self.domain, "another domain"),
            (self.install, "another host key or machine-id"),
            (self.family, "another operating system"),
            (self.live, "both answered in one run"),
        ];
        let words = words.into_iter().filter(|(holds, _)| *holds);
        words.map(|(_, word)| word).collect::<Vec<_>>().join(", ")
    }
}

/// What is known of a group of records.
#[derive(Clone, Debug, Default)]
pub(super) struct Summary {
    /// How many records it has.
    size: usize,
    pub(super) serials: BTreeSet<String>,
    pub(super) uuids: BTreeSet<String>,
    /// Serial numbers and uuids that runs met, shared ones too: a clone is like its original, and still unlike others.
    met_serials: BTreeSet<String>,
    met_uuids: BTreeSet<String>,
    /// Both together, of each record that has both: a record between two must not make one of them.
    met_hardware: BTreeSet<(String, String)>,
    machine_ids: BTreeSet<String>,
    host_keys: BTreeSet<(String, String)>,
    pub(super) names: BTreeSet<Name>,
    pub(super) domains: BTreeSet<String>,
    pub(super) families: BTreeSet<Ordered>,
    /// The runs that met it.
    pub(super) runs: BTreeSet<u32>,
    /// Where each run met it.
    at: BTreeMap<u32, BTreeSet<IpAddr>>,
    /// What addresses it has, by the runs that read it.
    has: BTreeMap<u32, BTreeSet<IpAddr>>,
    is_in_no_domain: bool,
    is_of_a_directory: bool,
    /// Which machine of which rule it is.
    pub(super) apart: BTreeSet<(usize, usize)>,
}

/// A family with an order, for sets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Ordered(pub(super) Family);

impl PartialOrd for Ordered {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Ordered {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.0.as_str().cmp(other.0.as_str())
    }
}

impl Summary {
    /// Of one record. Values that are shown to be shared tell nothing, and contradict nothing.
    fn of(node: &Node<'_>, is_shared: &dyn Fn(&str) -> bool) -> Self {
        let own = |value: &Option<String>| {
            let value = value.iter().filter(|value| !is_shared(value));
            value.cloned().collect::<BTreeSet<_>>()
        };
        let machine_ids = node.machine_ids.iter().filter(|id| !is_shared(id));
        let host_keys = node.host_keys.iter().filter(|(_, key)| !is_shared(key));
        Self {
            size: 1,
            serials: own(&node.serial),
            uuids: own(&node.uuid),
            met_serials: node
                .serial
                .iter()
                .filter(|_| node.is_seen())
                .cloned()
                .collect(),
            met_uuids: node
                .uuid
                .iter()
                .filter(|_| node.is_seen())
                .cloned()
                .collect(),
            met_hardware: node
                .serial
                .clone()
                .zip(node.uuid.clone())
                .filter(|_| node.is_seen())
                .into_iter()
                .collect(),
            machine_ids: machine_ids.cloned().collect(),
            host_keys: host_keys.cloned().collect(),
            names: node.names.clone(),
            domains: node.domains.clone(),
            families: node.family.map(Ordered).into_iter().collect(),
            runs: node.run().into_iter().collect(),
            at: node
                .seen()
                .map(|seen| (seen.run, met(seen)))
                .into_iter()
                .collect(),
            has: node.seen().and_then(had).into_iter().collect(),
            is_in_no_domain: node.is_in_no_domain,
            is_of_a_directory: node.is_of_a_directory,
            apart: BTreeSet::new(),
        }
    }

    fn take(&mut self, other: Self) {
        self.size = self.size.saturating_add(other.size);
        self.serials.extend(other.serials);
        self.uuids.extend(other.uuids);
        self.met_serials.extend(other.met_serials);
        self.met_uuids.extend(other.met_uuids);
        self.met_hardware.extend(other.met_hardware);
        self.machine_ids.extend(other.machine_ids);
        self.host_keys.extend(other.host_keys);
        self.names.extend(other.names);
        self.domains.extend(other.domains);
        self.families.extend(other.families);
        self.runs.extend(other.runs);
        for (run, addresses) in other.at {
            self.at.entry(run).or_default().extend(addresses);
        }
        for (run, addresses) in other.has {
            self.has.entry(run).or_default().extend(addresses);
        }
        self.is_in_no_domain |= other.is_in_no_domain;
        self.is_of_a_directory |= other.is_of_a_directory;
        self.apart.extend(other.apart);
        // A name that was cut says no more once the whole name is known.
        let whole = |cut: &Name, names: &BTreeSet<Name>| {
            names.iter().any(|name| !name.is_cut && name.agrees(cut))
        };
        if self.names.len() > 1 && self.names.iter().any(|name| name.is_cut) {
            let names = self.names.clone();
            self.names
                .retain(|name| !name.is_cut || !whole(name, &names));
        }
    }

    /// What speaks against both being one.
    pub(super) fn against(&self, other: &Self) -> Against {
        let (a, b) = (self, other);
        let differ = |a: &BTreeSet<String>, b: &BTreeSet<String>| {
            !a.is_empty() && !b.is_empty() && a.is_disjoint(b)
        };
        let names_agree = || {
            a.names
                .iter()
                .any(|one| b.names.iter().any(|other| one.agrees(other)))
        };
        let families_agree = || {
            let mut pairs = a
                .families
                .iter()
                .flat_map(|a| b.families.iter().map(move |b| (a, b)));
            pairs.any(|(a, b)| hearsay::can_be_one(a.0, b.0))
        };
        let rule = a.apart.iter().any(|(rule, one)| {
            b.apart
                .iter()
                .any(|(same, other)| rule == same && one != other)
        });
        let is_other = || {
            let mut pairs = a
                .met_hardware
                .iter()
                .flat_map(|one| b.met_hardware.iter().map(move |other| (one, other)));
            pairs.any(|(one, other)| one.0 != other.0 && one.1 != other.1)
        };
        let hardware = (differ(&a.met_serials, &b.met_serials)
            && differ(&a.met_uuids, &b.met_uuids))
            || is_other();
        Against {
            rule,
            read: a.has.keys().any(|run| b.has.contains_key(run)),
            elsewhere: a.is_elsewhere(b) || b.is_elsewhere(a),
            serial: hardware || differ(&a.serials, &b.serials),
            uuid: differ(&a.uuids, &b.uuids),
            live: !a.runs.is_disjoint(&b.runs),
            name: !a.names.is_empty() && !b.names.is_empty() && !names_agree(),
            domain: self.domains_differ(other),
            install: differ(&a.machine_ids, &b.machine_ids) || a.host_keys_differ(b),
            family: !a.families.is_empty() && !b.families.is_empty() && !families_agree(),
        }
    }

    /// Whether a run that read this met the other at an address that this does not have.
    fn is_elsewhere(&self, other: &Self) -> bool {
        self.has.iter().any(|(run, own)| {
            let met = other.at.get(run);
            met.is_some_and(|met| !met.is_subset(own))
        })
    }

    fn domains_differ(&self, other: &Self) -> bool {
        use super::domains::Domains;
        let (a, b) = (self, other);
        let agree = || {
            let mut pairs = a
                .domains
                .iter()
                .flat_map(|a| b.domains.iter().map(move |b| (a, b)));
            pairs.any(|(a, b)| Domains::can_be_one(a, b))
        };
        let member = |one: &Self| one.is_of_a_directory;
        (!a.domains.is_empty() && !b.domains.is_empty() && !agree())
            || (a.is_in_no_domain && member(b))
            || (b.is_in_no_domain && member(a))
    }

    fn host_keys_differ(&self, other: &Self) -> bool {
        let mut shared = false;
        let mut same = false;
        for (algorithm, key) in &self.host_keys {
            for (other_algorithm, other_key) in &other.host_keys {
                shared |= algorithm == other_algorithm;
                same |= key == other_key;
            }
        }
        shared && !same
    }
}

fn met(seen: &Sighted) -> BTreeSet<IpAddr> {
    seen.addresses.iter().copied().collect()
}

/// The addresses of a machine that was read, where it told them.
fn had(seen: &Sighted) -> Option<(u32, BTreeSet<IpAddr>)> {
    seen.care.last_assessed?;
    let own = seen.traits.other_addresses.iter().copied();
    Some((seen.run, own.chain(met(seen)).collect()))
}

/// Groups of records. What is known of one is put together when it is asked for: most records have nothing that
/// another has, and nobody asks about them.
pub(super) struct Clusters<'n, 'a> {
    nodes: &'n [Node<'a>],
    /// Values that are shown to be shared.
    shared: HashSet<String>,
    parents: Vec<u32>,
    summaries: HashMap<u32, Summary>,
}

impl<'n, 'a> Clusters<'n, 'a> {
    /// Each record by itself. Values that are `shared` tell nothing, and contradict nothing.
    pub(super) fn of(nodes: &'n [Node<'a>], shared: HashSet<String>) -> Self {
        let count = u32::try_from(nodes.len()).unwrap_or(u32::MAX);
        Self {
            nodes,
            shared,
            parents: (0..count).collect(),
            summaries: HashMap::new(),
        }
    }

    /// The record that stands for a record's group.
    pub(super) fn root(&mut self, node: u32) -> u32 {
        let mut root = node;
        while let Some(parent) = self.parents.get(root as usize).copied()
            && parent != root
        {
            root = parent;
        }
        let mut at = node;
        while at != root {
            let Some(parent) = self.parents.get_mut(at as usize) else {
                break;
            };
            at = std::mem::replace(parent, root);
        }
        root
    }

    /// What is known of the group that a record stands for.
    pub(super) fn summary(&mut self, root: u32) -> Option<&Summary> {
        self.known(root).map(|summary| &*summary)
    }

    fn known(&mut self, root: u32) -> Option<&mut Summary> {
        let node = self.nodes.get(root as usize)?;
        let shared = &self.shared;
        let of_one = || Summary::of(node, &|value| shared.contains(value));
        Some(self.summaries.entry(root).or_insert_with(of_one))
    }

    /// Notes that a record is one machine of a rule that keeps several apart.
    pub(super) fn keep_apart(&mut self, node: u32, rule: usize, machine: usize) {
        if let Some(summary) = self.known(node) {
            summary.apart.insert((rule, machine));
        }
    }

    /// What speaks against joining the groups that two records stand for.
    pub(super) fn against(&mut self, one: u32, other: u32) -> Against {
        for root in [one, other] {
            self.known(root);
        }
        match (self.summaries.get(&one), self.summaries.get(&other)) {
            (Some(a), Some(b)) => a.against(b),
            _ => Against::default(),
        }
    }

    /// Joins the groups that two records stand for.
    pub(super) fn join(&mut self, one: u32, other: u32) {
        let mut size = |root: u32| self.summary(root).map_or(0, |summary| summary.size);
        // The larger takes in the smaller, so that every record moves seldom.
        let (to, from) = if size(one) >= size(other) {
            (one, other)
        } else {
            (other, one)
        };
        let Some(parent) = self.parents.get_mut(from as usize) else {
            return;
        };
        *parent = to;
        let taken = self.summaries.remove(&from);
        if let (Some(summary), Some(taken)) = (self.summaries.get_mut(&to), taken) {
            summary.take(taken);
        }
    }
}
