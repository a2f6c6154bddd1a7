//! Rows that have no more than a short name: they are the machine that is called so, where only one can be meant.

use super::clusters::Against;
use super::keys::{KeyKind, Node, Source};
use super::merge::Work;
use super::sighted::{NameSource, Sighted};
use crate::model::{Certainty, KnownList};
use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::net::IpAddr;

/// What is known of names and places before rows are joined by name.
struct Ground {
    /// Domains that lists vouch for.
    domains: HashSet<String>,
    /// The /24 and /64 in which addresses are leased: whoever has one today had another one yesterday, and reverse
    /// names lag behind.
    leased: HashSet<String>,
    /// The names that lists have for an address.
    names_at: HashMap<IpAddr, BTreeSet<String>>,
}

/// Joins what only a short name connects.
pub(super) fn join_by_name(work: &mut Work<'_, '_>) {
    let ground = Ground::of(work.nodes, work.world.lists);
    let keys = work.keys;
    let mut names = keys
        .all
        .iter()
        .filter(|key| key.kind == KeyKind::ShortName)
        .collect::<Vec<_>>();
    names.sort_by_key(|key| &key.value);
    for key in names {
        const CROWD: usize = 96;
        if key.demoted.is_some() || !(2..=CROWD).contains(&key.holders.len()) {
            continue;
        }
        join_one_name(work, &ground, &key.value, &key.holders);
    }
}

/// A group that is called by the name: one of its records that shows so, and how sure that is.
#[derive(Clone, Copy)]
struct Bearer {
    node: u32,
    root: u32,
    trust: Certainty,
    is_live: bool,
}

/// The groups that are called so: whoever is there comes first, then what lists and earlier runs know.
fn bearers(work: &mut Work<'_, '_>, ground: &Ground, name: &str, holders: &[u32]) -> Vec<Bearer> {
    let mut bearers: BTreeMap<u32, Bearer> = BTreeMap::new();
    for at in holders {
        let Some(node) = work.nodes.get(*at as usize) else {
            continue;
        };
        let trust = ground.trust(node, name);
        if trust == Certainty::None {
            continue;
        }
        let root = work.clusters.root(*at);
        let summary = work.clusters.summary(root);
        let bearer = Bearer {
            node: *at,
            root,
            trust,
            is_live: summary.is_some_and(|summary| summary.runs.contains(&0)),
        };
        let place = bearers.entry(root).or_insert(bearer);
        if trust > place.trust {
            *place = bearer;
        }
    }
    let mut bearers = bearers.into_values().collect::<Vec<_>>();
    bearers.sort_by_key(|bearer| (!bearer.is_live, bearer.node));
    bearers
}

fn join_one_name(work: &mut Work<'_, '_>, ground: &Ground, name: &str, holders: &[u32]) {
    let bearers = bearers(work, ground, name, holders);
    if bearers.len() < 2 {
        return;
    }
    let mut bases: Vec<Bearer> = Vec::new();
    let (with_domain, without): (Vec<_>, Vec<_>) = bearers.into_iter().partition(|bearer| {
        let summary = work.clusters.summary(bearer.root);
        bearer.is_live || summary.is_some_and(|summary| !summary.domains.is_empty())
    });
    for bearer in with_domain.into_iter().chain(without) {
        if bearer.is_live {
            bases.push(bearer);
            continue;
        }
        match choose(work, ground, bearer, &bases) {
            Choice::One(base) => {
                let trust = bearer.trust.min(base.trust);
                let heard = if trust == Certainty::Guess {
                    "reverse name"
                } else {
                    "name"
                };
                let text = format!("same {heard} {name}, which nobody else has");
                work.join(base.node, bearer.node, text, trust);
            }
            Choice::None => bases.push(bearer),
            Choice::Several(count) => {
                let text = format!("same name {name}, but {count} machines are called so");
                for base in &bases {
                    work.refuse(base.node, bearer.node, &text);
                }
                work.warnings.insert(format!(
                    "{name}: {count} machines are called so, and {} does not say which it means",
                    work.nodes
                        .get(bearer.node as usize)
                        .map(Node::label)
                        .unwrap_or_default()
                ));
            }
        }
    }
}

enum Choice {
    None,
    One(Bearer),
    Several(usize),
}

/// Which of the groups that are called so a group without more than the name belongs to.
fn choose(work: &mut Work<'_, '_>, ground: &Ground, bearer: Bearer, bases: &[Bearer]) -> Choice {
    let fits = |work: &mut Work<'_, '_>, base: &Bearer| {
        let against = work.against(base.node, bearer.node);
        against.is_none_or(|against| against == Against::default())
    };
    let fitting = bases.iter().filter(|base| fits(work, base)).copied();
    let fitting = fitting.collect::<Vec<_>>();
    let (live, listed): (Vec<_>, Vec<_>) = fitting.into_iter().partition(|base| base.is_live);
    for candidates in [live, listed] {
        match candidates.as_slice() {
            [] => {}
            [one] => return Choice::One(*one),
            several => {
                // A list means a machine of its own domain before one of a stranger's.
                let known = several.iter().filter(|base| {
                    let root = work.clusters.root(base.node);
                    let summary = work.clusters.summary(root);
                    summary.is_some_and(|summary| {
                        summary
                            .domains
                            .iter()
                            .any(|domain| ground.domains.contains(domain))
                    })
                });
                let known = known.collect::<Vec<_>>();
                return match known.as_slice() {
                    [one] => Choice::One(**one),
                    _ => Choice::Several(several.len()),
                };
            }
        }
    }
    Choice::None
}

impl Ground {
    fn of(nodes: &[Node<'_>], lists: &[KnownList]) -> Self {
        let mut ground = Self {
            domains: HashSet::new(),
            leased: HashSet::new(),
            names_at: HashMap::new(),
        };
        let leases = lists
            .iter()
            .filter(|list| list.kind == crate::model::ListKind::Dhcp);
        let leases = leases
            .flat_map(|list| &list.records)
            .flat_map(|row| &row.addresses);
        ground.leased.extend(leases.map(super::counts::subnet_of));
        for node in nodes {
            let Some((_, list, row)) = node.row() else {
                continue;
            };
            if list.vouches_for_care() {
                ground.domains.extend(node.domains.iter().cloned());
            }
            for address in &row.addresses {
                let names = ground.names_at.entry(*address).or_default();
                names.extend(node.names.iter().map(|name| name.short.clone()));
            }
        }
        ground
    }

    /// How sure it is that a record's machine is called so.
    fn trust(&self, node: &Node<'_>, name: &str) -> Certainty {
        if node
            .names
            .iter()
            .any(|one| one.short == name || (!one.is_cut && one.short.starts_with(name)))
        {
            return Certainty::Likely;
        }
        let Source::Seen(seen) = node.source else {
            return Certainty::None;
        };
        let mut by = seen.traits.names.iter().filter(|one| {
            let short = one.name.split('.').next().unwrap_or_default();
            short == name
        });
        let says = |sources: &[NameSource]| by.any(|one| sources.contains(&one.by));
        let mut says = says;
        if says(&[NameSource::Announced, NameSource::Given]) {
            return Certainty::Likely;
        }
        let confirmed =
            seen.traits.names.iter().any(|one| {
                one.by == NameSource::Confirmed && one.name.split('.').next() == Some(name)
            });
        // A machine that says its own name goes by that.
        if confirmed && node.names.is_empty() && self.is_settled(seen, name) {
            return Certainty::Guess;
        }
        Certainty::None
    }

    /// Whether addresses stay with their machines there, and no list has another name for this one.
    fn is_settled(&self, seen: &Sighted, name: &str) -> bool {
        seen.addresses.iter().all(|address| {
            let others = self.names_at.get(address);
            let other = others.is_some_and(|names| !names.is_empty() && !names.contains(name));
            !other && !self.leased.contains(&super::counts::subnet_of(address))
        })
    }
}
