//! The operator's word on who is one machine, applied.

use super::junk;
use super::keys::{KeyKind, Node};
use super::merge::Work;
use super::rules::{MergeRule, Named};
use crate::model::Certainty;
use std::collections::BTreeSet;

/// Marks the records of machines that are to stay apart.
pub(super) fn keep_apart(work: &mut Work<'_, '_>) {
    let rules = &work.world.rules.rules;
    for (place, rule) in rules.iter().enumerate().filter(|(_, rule)| !rule.is_same) {
        let mut marked = BTreeSet::new();
        for (machine, named) in rule.machines.iter().enumerate() {
            let nodes = meant(work, named);
            if nodes.is_empty() {
                nobody(work, rule, named);
            }
            for node in nodes {
                // What two of the names fit says nothing about either.
                if marked.insert(node) {
                    work.clusters.keep_apart(node, place, machine);
                }
            }
        }
    }
}

/// Joins what the operator says is one machine.
pub(super) fn join_same(work: &mut Work<'_, '_>) {
    let world = work.world;
    for rule in world.rules.rules.iter().filter(|rule| rule.is_same) {
        let mut first = None;
        for named in &rule.machines {
            let nodes = meant(work, named);
            let roots = nodes.iter().map(|node| work.clusters.root(*node));
            let roots = roots.collect::<BTreeSet<_>>();
            let Some(node) = nodes.first().copied() else {
                nobody(work, rule, named);
                continue;
            };
            if roots.len() > 1 {
                work.warnings.insert(format!(
                    "merge.toml line {}: {} names {} machines, and is left out; name it by its id or address",
                    rule.line,
                    text(named),
                    roots.len()
                ));
                continue;
            }
            let Some(base) = first else {
                first = Some(node);
                continue;
            };
            let is_apart = work.against(base, node).is_some_and(|against| against.rule);
            if is_apart {
                work.warnings.insert(format!(
                    "merge.toml line {}: another rule keeps {} apart",
                    rule.line,
                    text(named)
                ));
                continue;
            }
            if !work.is_forbidden(base, node) {
                let ground = format!("merge.toml line {} says so {}", rule.line, rule.reason);
                work.join(base, node, ground.trim_end().to_owned(), Certainty::Sure);
            }
        }
    }
}

fn nobody(work: &mut Work<'_, '_>, rule: &MergeRule, named: &Named) {
    work.warnings.insert(format!(
        "merge.toml line {}: no machine and no list has {}",
        rule.line,
        text(named)
    ));
}

fn text(named: &Named) -> String {
    match named {
        Named::Address(address) => address.to_string(),
        Named::Id(text) | Named::Mac(text) | Named::Word(text) => text.clone(),
    }
}

/// The records that a rule means: of those that fit, the ones of the run that is judged, else all.
fn meant(work: &Work<'_, '_>, named: &Named) -> Vec<u32> {
    let holders = |kind: KeyKind, value: &str| {
        let key = work
            .keys
            .find(kind, value)
            .and_then(|key| work.keys.at(key));
        key.map(|key| key.holders.clone()).unwrap_or_default()
    };
    let mut nodes = match named {
        Named::Id(id) => {
            let fits = |at: &u32| {
                let node = work.nodes.get(*at as usize).and_then(Node::seen);
                node.is_some_and(|seen| seen.id.as_str() == id)
            };
            (0..).take(work.nodes.len()).filter(fits).collect()
        }
        Named::Address(address) => holders(KeyKind::Address, &address.to_string()),
        Named::Mac(mac) => [KeyKind::Mac, KeyKind::LocalMac]
            .into_iter()
            .flat_map(|kind| holders(kind, mac))
            .collect(),
        Named::Word(word) => {
            let mut nodes = holders(KeyKind::ShortName, word);
            nodes.extend(holders(KeyKind::FullName, word));
            nodes.extend(
                junk::serial(word)
                    .iter()
                    .flat_map(|word| holders(KeyKind::Serial, word)),
            );
            nodes.extend(
                junk::uuid(word)
                    .iter()
                    .flat_map(|word| holders(KeyKind::Uuid, word)),
            );
            nodes
        }
    };
    nodes.sort_unstable();
    nodes.dedup();
    let is_live = |at: &u32| {
        work.nodes
            .get(*at as usize)
            .is_some_and(|node| node.run() == Some(0))
    };
    if nodes.iter().any(is_live) {
        nodes.retain(is_live);
    }
    nodes
}
