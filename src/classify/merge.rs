//! Which records are one machine: strong evidence first, joined unless something of the same weight speaks against
//! it, so that the order of the input decides nothing. Every join can say why, and every refusal is told.

use super::clusters::{Against, Clusters};
use super::demote::demote;
use super::edges::{Edge, Rank, edges, shared_words};
use super::gather::gather;
use super::keys::{KeyKind, Keys, Node};
use super::names::join_by_name;
use super::places::join_by_place;
use super::sighted::NameSource;
use super::{World, apply};
use crate::model::{Certainty, Conflict};
use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::sync::Arc;

/// Every record, and which are one machine.
pub(super) struct Merged<'a> {
    pub(super) nodes: Vec<Node<'a>>,
    pub(super) keys: Keys,
    /// The groups, each by its records, ascending.
    pub(super) groups: Vec<Group>,
    pub(super) warnings: Vec<String>,
}

/// The records of one machine.
#[derive(Debug, Default)]
pub(super) struct Group {
    pub(super) nodes: Vec<u32>,
    /// Why they are taken to be one.
    pub(super) merged: Vec<String>,
    /// What contradicts itself, sorted.
    pub(super) conflicts: Vec<Conflict>,
    /// How sure it is that the lists mean this machine.
    pub(super) listed: Certainty,
    /// Those of its records that nothing but an address connects with what the run that is judged met, ascending:
    /// somebody is expected there, and what they call him says nothing of who is there.
    pub(super) placed: Vec<u32>,
}

/// So many joins and so many conflicts of a machine are told.
const TOLD: usize = 40;

impl Group {
    /// Takes a conflict, if it is one of the first: others are not told.
    fn contradict(&mut self, conflict: Conflict) {
        if let Err(place) = self.conflicts.binary_search(&conflict)
            && place < TOLD
        {
            self.conflicts.truncate(TOLD - 1);
            self.conflicts.insert(place, conflict);
        }
    }
}

/// A join, and its ground.
pub(super) struct Join {
    pub(super) a: u32,
    pub(super) b: u32,
    pub(super) ground: String,
    pub(super) certainty: Certainty,
    /// Whether they have no more than an address in common.
    pub(super) is_of_place: bool,
}

/// What grows while records are joined.
pub(super) struct Work<'w, 'a> {
    pub(super) world: &'w World<'a>,
    pub(super) nodes: &'w [Node<'a>],
    pub(super) keys: &'w Keys,
    pub(super) clusters: Clusters<'w, 'a>,
    pub(super) joins: Vec<Join>,
    /// Two records, and why they were not joined.
    refusals: Vec<(u32, u32, Arc<str>)>,
    /// The reasons of these, each once.
    reasons: HashSet<Arc<str>>,
    pub(super) warnings: BTreeSet<String>,
}

impl Work<'_, '_> {
    /// Joins the groups of two records.
    pub(super) fn join(&mut self, a: u32, b: u32, ground: String, certainty: Certainty) {
        self.take(Join {
            a,
            b,
            ground,
            certainty,
            is_of_place: false,
        });
    }

    /// Joins the groups of two records that have no more than an address in common.
    pub(super) fn join_by_place(&mut self, a: u32, b: u32, ground: String) {
        self.take(Join {
            a,
            b,
            ground,
            certainty: Certainty::Guess,
            is_of_place: true,
        });
    }

    fn take(&mut self, join: Join) {
        let (one, other) = (self.clusters.root(join.a), self.clusters.root(join.b));
        if one != other {
            self.clusters.join(one, other);
            self.joins.push(join);
        }
    }

    /// Notes why two records were not joined.
    pub(super) fn refuse(&mut self, a: u32, b: u32, why: &str) {
        let known = self.reasons.get(why).cloned();
        let why = known.unwrap_or_else(|| {
            let new: Arc<str> = why.into();
            self.reasons.insert(Arc::clone(&new));
            new
        });
        self.refusals.push((a, b, why));
    }

    /// What speaks against the groups of two records being one; `None` where they are one already.
    pub(super) fn against(&mut self, a: u32, b: u32) -> Option<Against> {
        let (one, other) = (self.clusters.root(a), self.clusters.root(b));
        (one != other).then(|| self.clusters.against(one, other))
    }

    /// Whether joining two groups would make one of two records of the run that is judged, which the operator
    /// does not want.
    pub(super) fn is_forbidden(&mut self, a: u32, b: u32) -> bool {
        let roots = [self.clusters.root(a), self.clusters.root(b)];
        let live = |root: &u32| {
            let summary = self.clusters.summary(*root);
            summary.is_some_and(|summary| summary.runs.contains(&0))
        };
        self.world.no_merge && roots.iter().all(live)
    }
}

/// Finds out which records are one machine.
pub(super) fn merge<'a>(world: &World<'a>) -> Merged<'a> {
    let (nodes, mut keys) = gather(world);
    let clones = demote(&nodes, &mut keys);
    let shared = keys
        .all
        .iter()
        .filter(|key| key.demoted.is_some() && key.kind.is_copied());
    let shared = shared.map(|key| key.value.clone()).collect::<HashSet<_>>();
    let clusters = Clusters::of(&nodes, shared);
    let mut work = Work {
        world,
        nodes: &nodes,
        keys: &keys,
        clusters,
        joins: Vec::new(),
        refusals: Vec::new(),
        reasons: HashSet::new(),
        warnings: clones.into_iter().collect(),
    };
    apply::keep_apart(&mut work);
    let fresh = fresh_names(world, &nodes);
    for edge in edges(&nodes, &keys, world.today) {
        take(&mut work, edge, &fresh);
    }
    join_by_name(&mut work);
    join_by_place(&mut work);
    apply::join_same(&mut work);
    let (groups, warnings) = finish(work);
    Merged {
        nodes,
        keys,
        groups,
        warnings,
    }
}

/// Names that a list has heard of lately: their machines live on.
fn fresh_names(world: &World<'_>, nodes: &[Node<'_>]) -> HashSet<String> {
    let rows = nodes.iter().filter_map(|node| Some((node, node.row()?)));
    let fresh = rows.filter(|(_, (_, list, row))| {
        let days = row.last_seen.map(|day| day.days_until(world.today));
        let limit = world.policy.fresh_days_of(list.kind);
        list.vouches_for_care() && !row.is_disabled && days.is_some_and(|days| days <= limit)
    });
    let names = fresh.flat_map(|(node, _)| node.names.iter());
    names.map(|name| name.short.clone()).collect()
}

/// Joins what an edge shows to be one, or says why not.
fn take(work: &mut Work<'_, '_>, edge: Edge, fresh: &HashSet<String>) {
    let Some(against) = work.against(edge.a, edge.b) else {
        return;
    };
    let (Some(a), Some(b)) = (
        work.nodes.get(edge.a as usize),
        work.nodes.get(edge.b as usize),
    ) else {
        return;
    };
    if work.is_forbidden(edge.a, edge.b) {
        return;
    }
    let met_at_once = a.run().is_some() && a.run() == b.run();
    if met_at_once && !suffices_at_once(edge) {
        return;
    }
    let is_rename = || may_be_renamed(work, edge, fresh);
    let verdict = if met_at_once {
        is_refused_at_once(edge, against)
    } else {
        is_refused(edge, against, (a, b), &is_rename)
    };
    if edge.is_of_place() {
        if !verdict && !announces_another(a, b) {
            let listed = [a, b].into_iter().find(|node| node.row().is_some());
            let name = listed.and_then(|node| node.names.first());
            let called = name.map(|name| format!("; only the list calls it {}", name.short));
            let ground = shared_words(a, b, work.keys);
            let called = called.unwrap_or_default();
            work.join_by_place(
                edge.a,
                edge.b,
                format!("{ground}, and nothing else{called}"),
            );
        }
        return;
    }
    if !verdict {
        let ground = shared_words(a, b, work.keys);
        let certainty = match edge.rank {
            Rank::Nothing | Rank::TwoWeak => Certainty::Guess,
            Rank::Strong if !edge.has(KeyKind::FullName) => Certainty::Likely,
            _ => Certainty::Sure,
        };
        work.join(edge.a, edge.b, ground, certainty);
    } else if edge.rank >= Rank::Strong {
        let shared = shared_words(a, b, work.keys);
        let text = format!("{shared}, but {}", against.words());
        work.refuse(edge.a, edge.b, &text);
    }
}

/// Whether a machine calls out another name than a list has for its address.
fn announces_another(a: &Node<'_>, b: &Node<'_>) -> bool {
    let differs = |seen: &Node<'_>, row: &Node<'_>| {
        let called = seen.seen().into_iter().flat_map(|seen| &seen.traits.names);
        let called = called.filter(|one| one.by == NameSource::Announced);
        let mut called = called.map(|one| one.name.split('.').next().unwrap_or_default());
        let is_row = |name: &str| {
            row.names
                .iter()
                .any(|one| one.short == name || one.short.starts_with(name) && name.len() == 15)
        };
        row.row().is_some()
            && !row.names.is_empty()
            && called.clone().next().is_some()
            && !called.any(is_row)
    };
    differs(a, b) || differs(b, a)
}

/// Whether two records of one run may be one machine by this: a key alone is what a clone shows too.
fn suffices_at_once(edge: Edge) -> bool {
    match edge.rank {
        Rank::Hardware => edge.has(KeyKind::ShortName),
        rank => rank >= Rank::StrongAndWeak,
    }
}

fn is_refused_at_once(edge: Edge, against: Against) -> bool {
    // Whoever only calls himself like a machine that was read would hide behind it; a key is proved.
    let is_proved = edge.has(KeyKind::HostKey) || edge.has(KeyKind::Certificate);
    let grave = against.rule || against.serial || against.uuid || against.name;
    let grave = grave || against.read || (against.elsewhere && !is_proved);
    let light = against.domain || against.install || against.family;
    grave || (edge.rank < Rank::TwoStrong && light)
}

fn is_refused(
    edge: Edge,
    against: Against,
    (a, b): (&Node<'_>, &Node<'_>),
    is_rename: &dyn Fn() -> bool,
) -> bool {
    if against.rule || against.serial || against.uuid || against.read || against.elsewhere {
        return true;
    }
    if against.live {
        // A third record may not make one of two that one run met, unless they are hardly to be told apart.
        let both_seen = a.run().is_some() && b.run().is_some();
        if !both_seen || edge.rank < Rank::TwoStrong || against.name {
            return true;
        }
    }
    match edge.rank {
        Rank::Authoritative | Rank::TwoStrong | Rank::Hardware => false,
        Rank::StrongAndWeak | Rank::Strong => {
            let has_card = edge.has(KeyKind::Mac);
            (against.name && !(has_card && is_rename()))
                || against.domain
                || (against.install && !has_card)
                || (against.family && !edge.has(KeyKind::FullName))
        }
        Rank::TwoWeak | Rank::Nothing => {
            against.name || against.domain || against.install || against.family
        }
    }
}

/// Whether one card under two names is a machine that was renamed: not where both names live on.
fn may_be_renamed(work: &Work<'_, '_>, edge: Edge, fresh: &HashSet<String>) -> bool {
    let lives = |at: u32| {
        let names = work
            .nodes
            .get(at as usize)
            .into_iter()
            .flat_map(|node| &node.names);
        names.into_iter().any(|name| fresh.contains(&name.short))
    };
    !(lives(edge.a) && lives(edge.b))
}

fn finish(mut work: Work<'_, '_>) -> (Vec<Group>, Vec<String>) {
    let mut groups: BTreeMap<u32, Group> = BTreeMap::new();
    let mut first: BTreeMap<u32, u32> = BTreeMap::new();
    for at in (0..).take(work.nodes.len()) {
        let root = work.clusters.root(at);
        // A group goes by its first record, so that its place does not depend on how it was joined.
        let name = *first.entry(root).or_insert(at);
        groups.entry(name).or_default().nodes.push(at);
    }
    let joins = std::mem::take(&mut work.joins);
    placed(&mut work, &joins, &first, &mut groups);
    for join in joins {
        let root = work.clusters.root(join.a);
        let Some(group) = first.get(&root).and_then(|name| groups.get_mut(name)) else {
            continue;
        };
        let (Some(a), Some(b)) = (
            work.nodes.get(join.a as usize),
            work.nodes.get(join.b as usize),
        ) else {
            continue;
        };
        if [a, b].into_iter().any(|node| {
            node.row()
                .is_some_and(|(_, list, _)| list.vouches_for_care())
        }) {
            group.listed = group.listed.max(join.certainty);
        }
        group
            .merged
            .push(match (a.row().is_some(), b.row().is_some()) {
                (true, true) => format!("{}: {} as {}", b.label(), join.ground, a.label()),
                _ => format!("{}: {}", b.label(), join.ground),
            });
    }
    let mut labels: BTreeMap<u32, Arc<str>> = BTreeMap::new();
    for (a, b, why) in std::mem::take(&mut work.refusals) {
        let roots = [work.clusters.root(a), work.clusters.root(b)];
        if roots.first() == roots.last() {
            continue;
        }
        for (root, at) in roots.into_iter().zip([b, a]) {
            let group = first.get(&root).and_then(|name| groups.get_mut(name));
            if let (Some(group), Some(other)) = (group, work.nodes.get(at as usize)) {
                let label = labels.entry(at).or_insert_with(|| other.label().into());
                let (with, why) = (Arc::clone(label), Arc::clone(&why));
                group.contradict(Conflict { with, why });
            }
        }
    }
    let nobody: Arc<str> = "".into();
    for group in groups.values_mut() {
        for key in copied_keys(group, work.nodes, work.keys) {
            let (with, why) = (Arc::clone(&nobody), key.into());
            group.contradict(Conflict { with, why });
        }
        group.merged.sort_unstable();
        group.merged.dedup();
        group.merged.truncate(TOLD);
    }
    let warnings = work.warnings.into_iter().collect();
    (groups.into_values().collect(), warnings)
}

/// Notes which records of each group nothing but an address connects with what the run that is judged met.
fn placed(
    work: &mut Work<'_, '_>,
    joins: &[Join],
    first: &BTreeMap<u32, u32>,
    groups: &mut BTreeMap<u32, Group>,
) {
    let mut name = |join: &Join| first.get(&work.clusters.root(join.a)).copied();
    let of_place = joins.iter().filter(|join| join.is_of_place);
    let names: BTreeSet<u32> = of_place.filter_map(&mut name).collect();
    if names.is_empty() {
        return;
    }
    let mut links: BTreeMap<u32, Vec<(u32, u32)>> = BTreeMap::new();
    for join in joins.iter().filter(|join| !join.is_of_place) {
        if let Some(name) = name(join).filter(|name| names.contains(name)) {
            links.entry(name).or_default().push((join.a, join.b));
        }
    }
    for name in names {
        let Some(group) = groups.get_mut(&name) else {
            continue;
        };
        let is_live = |at: &u32| {
            let node = work.nodes.get(*at as usize);
            node.is_some_and(|node| node.run() == Some(0))
        };
        let mut met: BTreeSet<u32> = group.nodes.iter().copied().filter(is_live).collect();
        if met.is_empty() {
            continue;
        }
        let links = links.remove(&name).unwrap_or_default();
        loop {
            let before = met.len();
            for (a, b) in &links {
                if met.contains(a) || met.contains(b) {
                    met.extend([*a, *b]);
                }
            }
            if met.len() == before {
                break;
            }
        }
        let nodes = group.nodes.iter().copied();
        group.placed = nodes.filter(|at| !met.contains(at)).collect();
    }
}

/// Keys that a group shows and that others show as well.
fn copied_keys(group: &Group, nodes: &[Node<'_>], keys: &Keys) -> BTreeSet<String> {
    let shown = group.nodes.iter().filter_map(|at| nodes.get(*at as usize));
    let shown = shown.filter(|node| node.run() == Some(0));
    let shown = shown
        .flat_map(|node| node.keys.iter())
        .filter_map(|key| keys.at(*key));
    let copied = shown.filter(|key| key.kind.is_copied() || key.kind == KeyKind::Mac);
    copied
        .filter_map(|key| {
            let why = key.demoted.as_ref()?;
            let kind = key.kind.as_str();
            Some(format!(
                "same {kind} {} at {why}; it tells none of them apart",
                key.value
            ))
        })
        .collect()
}
