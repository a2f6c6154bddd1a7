//! Pairs of records that share keys, and how much that proves.

use super::hearsay;
use super::keys::{KeyKind, Keys, Node, Source};
use crate::model::{Date, DeviceKind, ListKind};
use std::cmp::Reverse;
use std::collections::HashMap;

/// More holders of one key than are compared with each other: what so many have tells nobody apart.
const CROWD: usize = 96;

/// How much a pair's shared keys prove.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum Rank {
    /// Nothing.
    Nothing,
    /// Two weak keys of different kinds.
    TwoWeak,
    /// One strong key.
    Strong,
    /// One strong key, and a weak one of another kind.
    StrongAndWeak,
    /// A key of the hardware.
    Hardware,
    /// Two strong keys of different kinds.
    TwoStrong,
    /// Serial number and uuid, or the id that a directory gave.
    Authoritative,
}

/// Two records that share something. The first comes before the second.
#[derive(Clone, Copy, Debug)]
pub(super) struct Edge {
    pub(super) a: u32,
    pub(super) b: u32,
    /// The kinds of keys that they share: see [`KeyKind::bit`].
    pub(super) kinds: u16,
    pub(super) rank: Rank,
}

impl Edge {
    pub(super) fn has(self, kind: KeyKind) -> bool {
        self.kinds & kind.bit() != 0
    }

    /// Whether a list has no more for a machine than its address and what kind of system it is.
    pub(super) fn is_of_place(self) -> bool {
        let by_name = self.has(KeyKind::ShortName) || self.has(KeyKind::LocalMac);
        self.rank == Rank::TwoWeak && !by_name
    }
}

/// All pairs that prove anything, the strongest first; among equals those of the run that is judged.
pub(super) fn edges(nodes: &[Node<'_>], keys: &Keys, today: Date) -> Vec<Edge> {
    let mut shares: Vec<(u64, u16)> = Vec::new();
    for key in &keys.all {
        if key.demoted.is_some() || !(2..=CROWD).contains(&key.holders.len()) {
            continue;
        }
        for (at, a) in key.holders.iter().enumerate() {
            let rest = key.holders.iter().skip(at.saturating_add(1));
            shares.extend(rest.map(|b| (pair(*a, *b), key.kind.bit())));
        }
    }
    mentions(nodes, keys, &mut shares);
    shares.sort_unstable();
    let groups = shares.chunk_by(|one, other| one.0 == other.0);
    let edges = groups.filter_map(|group| {
        let (pair, _) = *group.first()?;
        let kinds = group.iter().fold(0, |kinds, (_, kind)| kinds | kind);
        edge(pair, kinds, nodes, today)
    });
    let mut edges = edges.collect::<Vec<_>>();
    let runs = |edge: &Edge| {
        let run = |at: u32| {
            nodes
                .get(at as usize)
                .and_then(Node::run)
                .unwrap_or(u32::MAX)
        };
        run(edge.a).min(run(edge.b))
    };
    edges.sort_by_key(|edge| (Reverse(edge.rank), runs(edge), edge.a, edge.b));
    edges
}

fn pair(a: u32, b: u32) -> u64 {
    (u64::from(a.min(b)) << 32) | u64::from(a.max(b))
}

/// What machines say of their other addresses, where the same run met somebody there.
fn mentions(nodes: &[Node<'_>], keys: &Keys, shares: &mut Vec<(u64, u16)>) {
    /// What more machines than this call their own is the inside of each of them.
    const OWNERS: u32 = 2;
    let mut owners: HashMap<(u32, String), (u32, Vec<u64>)> = HashMap::new();
    for (at, node) in (0..).zip(nodes) {
        let Some(seen) = node.seen().filter(|_| !node.is_artefact) else {
            continue;
        };
        for address in &seen.traits.other_addresses {
            if seen.addresses.contains(address) {
                continue;
            }
            let address = address.to_string();
            let Some(key) = keys
                .find(KeyKind::Address, &address)
                .and_then(|key| keys.at(key))
            else {
                continue;
            };
            let met = key.holders.iter().filter(|other| {
                let other = nodes.get(**other as usize);
                other.is_some_and(|other| other.run() == Some(seen.run) && !other.is_artefact)
            });
            let place = owners.entry((seen.run, address)).or_default();
            place.0 = place.0.saturating_add(1);
            place.1.extend(
                met.filter(|other| **other != at)
                    .map(|other| pair(at, *other)),
            );
        }
    }
    let believed = owners.into_values().filter(|(count, _)| *count <= OWNERS);
    let pairs = believed.flat_map(|(_, pairs)| pairs);
    shares.extend(pairs.map(|pair| (pair, KeyKind::Mention.bit())));
}

fn edge(pair: u64, kinds: u16, nodes: &[Node<'_>], today: Date) -> Option<Edge> {
    let a = u32::try_from(pair >> 32).ok()?;
    let b = u32::try_from(pair & u64::from(u32::MAX)).ok()?;
    let (one, other) = (nodes.get(a as usize)?, nodes.get(b as usize)?);
    let rank = rank(one, other, kinds, today);
    (rank > Rank::Nothing).then_some(Edge { a, b, kinds, rank })
}

fn rank(a: &Node<'_>, b: &Node<'_>, kinds: u16, today: Date) -> Rank {
    use KeyKind as K;
    let has = |kind: K| kinds & kind.bit() != 0;
    if has(K::OwnId) || (has(K::Serial) && has(K::Uuid)) {
        return Rank::Authoritative;
    }
    let hardware = has(K::Serial) || has(K::Uuid);
    let install = [
        K::MachineId,
        K::HostKey,
        K::Certificate,
        K::ServerGuid,
        K::Engine,
    ];
    let install = install.into_iter().any(has);
    let groups = [
        hardware,
        install,
        has(K::Mac),
        has(K::FullName),
        has(K::Mention),
    ];
    let strong = groups.into_iter().filter(|holds| *holds).count();
    let met_at_once = a.run().is_some() && a.run() == b.run();
    // What runs on a machine shows which system that is: the two are one kind.
    let looks = agree(a, b) && !(install && met_at_once);
    let short = has(K::ShortName) && !has(K::FullName);
    let address = has(K::Address) && !met_at_once;
    match strong {
        0 => weak(
            a,
            b,
            &Weak {
                short,
                address,
                looks,
                local: has(K::LocalMac),
            },
            today,
        ),
        1 if hardware => Rank::Hardware,
        1 if short || address || looks || has(K::LocalMac) => Rank::StrongAndWeak,
        1 => Rank::Strong,
        _ => Rank::TwoStrong,
    }
}

#[expect(
    clippy::struct_excessive_bools,
    reason = "each is a kind of weak evidence, and several can be there"
)]
struct Weak {
    short: bool,
    address: bool,
    looks: bool,
    local: bool,
}

/// Two weak keys count only where a list is one side: two addresses of two days are nobody's identity.
fn weak(a: &Node<'_>, b: &Node<'_>, weak: &Weak, today: Date) -> Rank {
    let rows = usize::from(a.row().is_some()).saturating_add(usize::from(b.row().is_some()));
    let named = weak.short && (weak.address || weak.local);
    let carded = weak.local && weak.address;
    // Where a list has an address that is given to somebody else by now, the system may still agree by chance.
    let placed = rows == 1 && weak.address && weak.looks && holds_its_address(a, b, today);
    let called = rows == 1 && weak.short && weak.looks;
    if rows > 0 && (named || carded || placed || called) {
        Rank::TwoWeak
    } else {
        Rank::Nothing
    }
}

/// Whether a row's address is as good as now: never dated, or dated within two days of when the machine was met.
/// An inventory has addresses that somebody gave to machines: they hold for a month.
fn holds_its_address(a: &Node<'_>, b: &Node<'_>, today: Date) -> bool {
    const DAYS: i64 = 2;
    const DAYS_OF_INVENTORY: i64 = 30;
    let when = [a, b]
        .into_iter()
        .find_map(Node::seen)
        .map_or(today, |seen| seen.seen.date());
    let row = [a, b].into_iter().find_map(Node::row);
    row.is_some_and(|(_, list, row)| match row.last_seen {
        Some(day) => {
            let days = match list.kind {
                ListKind::Cmdb | ListKind::Ansible | ListKind::Plain => DAYS_OF_INVENTORY,
                _ => DAYS,
            };
            day.days_until(when).abs() <= days
        }
        None => list.vouches_for_care(),
    })
}

/// Whether both run what one machine can run, or are one kind of device.
fn agree(a: &Node<'_>, b: &Node<'_>) -> bool {
    let family = match (a.family, b.family) {
        (Some(a), Some(b)) => return hearsay::can_be_one(a, b),
        _ => false,
    };
    let thing = !matches!(a.device, DeviceKind::Unknown | DeviceKind::Computer);
    family || (thing && hearsay::agree(a.device, b.device))
}

/// The values of the keys that two records share, in words: `same MAC 00:…, same name ws-1`.
pub(super) fn shared_words(a: &Node<'_>, b: &Node<'_>, keys: &Keys) -> String {
    let shared = a
        .keys
        .iter()
        .filter(|key| b.keys.binary_search(key).is_ok());
    let shared = shared.filter_map(|key| keys.at(*key));
    let mut shared = shared
        .filter(|key| key.demoted.is_none())
        .collect::<Vec<_>>();
    shared.sort_by_key(|key| (key.kind, &key.value));
    let has_full = shared.iter().any(|key| key.kind == KeyKind::FullName);
    let mut words: Vec<String> = Vec::new();
    let mut kinds = Vec::new();
    for key in shared {
        let is_said = kinds.contains(&key.kind) || (has_full && key.kind == KeyKind::ShortName);
        // An address of another day is no ground by itself, and is not worth a word beside others.
        if !is_said {
            kinds.push(key.kind);
            words.push(format!("same {} {}", key.kind.as_str(), key.value));
        }
    }
    for (one, other) in [(a, b), (b, a)] {
        if let (Source::Seen(one), Source::Seen(other)) = (one.source, other.source) {
            let named = |address: &&std::net::IpAddr| one.traits.other_addresses.contains(address);
            if let Some(address) = other.addresses.iter().find(named)
                && one.run == other.run
            {
                words.push(format!("one names the other's address {address}"));
                break;
            }
        }
    }
    if words.is_empty() {
        words.push("same kind of system".to_owned());
    }
    words.join(", ")
}
