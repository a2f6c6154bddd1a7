//! Lists that know nothing but addresses, and addresses that machines share.

use super::gather::has_only_shared_macs;
use super::keys::{KeyKind, Node};
use super::merge::Work;
use crate::model::{Certainty, KnownList, KnownRecord};

/// Joins rows to whoever has their address, where that is all that there is to go by.
pub(super) fn join_by_place(work: &mut Work<'_, '_>) {
    let only = work
        .world
        .lists
        .iter()
        .map(has_only_addresses)
        .collect::<Vec<_>>();
    for at in (0..).take(work.nodes.len()) {
        let Some(node) = work.nodes.get(at as usize) else {
            continue;
        };
        let Some((list, _, row)) = node.row() else {
            continue;
        };
        let knows_addresses = only.get(list).copied().unwrap_or_default();
        for address in &row.addresses {
            let key = work.keys.find(KeyKind::Address, &address.to_string());
            let Some(key) = key.and_then(|key| work.keys.at(key)) else {
                continue;
            };
            let live = key.holders.iter().find(|holder| {
                let node = work.nodes.get(**holder as usize);
                node.is_some_and(|node| {
                    let is_shared = node.seen().is_some_and(has_only_shared_macs);
                    node.run() == Some(0) && (knows_addresses || is_shared)
                })
            });
            let listed = key.holders.iter().find(|holder| {
                let node = work.nodes.get(**holder as usize);
                knows_addresses && **holder != at && node.is_some_and(|node| node.row().is_some())
            });
            let Some(other) = live.or(listed) else {
                continue;
            };
            join(work, *other, at, &format!("address {address}"));
        }
    }
}

fn join(work: &mut Work<'_, '_>, other: u32, row: u32, ground: &str) {
    let Some(against) = work.against(other, row) else {
        return;
    };
    // A row that stands for a machine already met elsewhere is not moved by an address.
    let is_met = |work: &mut Work<'_, '_>, node: u32| {
        let root = work.clusters.root(node);
        let summary = work.clusters.summary(root);
        summary.is_some_and(|summary| summary.runs.contains(&0))
    };
    if against.live || against.rule || is_met(work, row) {
        return;
    }
    let is_shared = work
        .nodes
        .get(other as usize)
        .and_then(Node::seen)
        .is_some_and(has_only_shared_macs);
    if is_shared {
        let ground = format!("same {ground}, which machines share");
        work.join(other, row, ground, Certainty::Guess);
    } else {
        let ground = format!("same {ground}; the list knows nothing else");
        work.join_by_place(other, row, ground);
    }
}

/// Whether all that a list's rows hold is addresses.
fn has_only_addresses(list: &KnownList) -> bool {
    let is_bare = |row: &KnownRecord| {
        let texts = [&row.name, &row.fqdn, &row.serial, &row.uuid, &row.own_id];
        texts.into_iter().all(Option::is_none) && row.macs.is_empty() && row.host_keys.is_empty()
    };
    !list.records.is_empty() && list.records.iter().all(is_bare)
}
