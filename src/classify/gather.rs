//! What each record shows, noted as keys: from a run's machine and from a list's row.

use super::domains::Domains;
use super::keys::{KeyKind, Keys, Name, Node, Source};
use super::sighted::{NameSource, Sighted, Traits, is_host_name};
use super::{World, hearsay, junk};
use crate::identify::{MacKind, mac_facts, read_mac, write_mac};
use crate::model::{KnownList, KnownRecord, ListKind};
use std::collections::hash_map::DefaultHasher;
use std::collections::{BTreeSet, HashSet};
use std::hash::{Hash as _, Hasher as _};
use std::net::IpAddr;

/// The most letters of a NetBIOS name (MS-NBTE 1.1).
const NETBIOS: usize = 15;

/// Every record, and every key that more than one of them may have, in an order that does not depend on that of the
/// input. What only one record has joins it to nobody, and contradicts nothing: on a large network that is nearly all
/// that machines show, and it is not kept. (A merge rule may name any of it.)
pub(super) fn gather<'a>(world: &World<'a>) -> (Vec<Node<'a>>, Keys) {
    let domains = Domains::learn(world.sighted, world.lists);
    let sources = sources(world);
    let common = world
        .rules
        .rules
        .is_empty()
        .then(|| common(&sources, &domains));
    let mut keys = Keys::default();
    let mut nodes = Vec::with_capacity(sources.len());
    for source in sources {
        let place = u32::try_from(nodes.len()).unwrap_or(u32::MAX);
        let mut own = Vec::new();
        let is_common = |kind: KeyKind, value: &str| {
            let all = common.as_ref();
            all.is_none_or(|all| all.contains(&hash(kind, value)))
        };
        let mut node = node(source, &domains, &mut |kind, value| {
            if is_common(kind, value) {
                own.push(keys.note(kind, value, place));
            }
        });
        // Whoever says that another's address is his is still to be told apart from him.
        let mut mentioned = mentioned(source);
        let is_met = |address: IpAddr| is_common(KeyKind::Address, &address.to_string());
        if own.is_empty() && common.is_some() && !mentioned.any(is_met) {
            node.forget();
            // Which domain it is in is asked only of what lists may know.
            if world.lists.is_empty() {
                node.domains.clear();
            }
        }
        own.sort_unstable();
        own.dedup();
        own.shrink_to_fit();
        node.keys = own;
        nodes.push(node);
    }
    (nodes, keys)
}

/// The records of runs and those of lists.
fn sources<'a>(world: &World<'a>) -> Vec<Source<'a>> {
    let mut sighted = world.sighted.iter().collect::<Vec<_>>();
    sighted.sort_by_key(|one| (one.run, &one.addresses, &one.id, one.seen));
    let rows = world.lists.iter().enumerate().flat_map(|(place, list)| {
        let rows = list.records.iter();
        rows.map(move |row| (place, list, row))
    });
    let mut rows = rows.collect::<Vec<_>>();
    // Rows without a number of their own are told apart by what they say.
    rows.sort_by_cached_key(|(_, list, row)| {
        (
            list.name.clone(),
            row.row,
            row.name.clone(),
            format!("{row:?}"),
        )
    });
    let seen = sighted.into_iter().map(Source::Seen);
    let rows = rows.into_iter();
    let rows = rows.map(|(place, list, row)| Source::Row(place, list, row));
    seen.chain(rows).collect()
}

/// The hashes of the keys that more than one record has, or that one has and another says it has. Two keys of one
/// hash are taken to be such, which costs their room and nothing else.
fn common(sources: &[Source<'_>], domains: &Domains) -> HashSet<u64> {
    let mut all = Vec::new();
    for source in sources {
        let mut own = Vec::new();
        node(*source, domains, &mut |kind, value| {
            own.push(hash(kind, value));
        });
        let others = mentioned(*source);
        own.extend(others.map(|address| hash(KeyKind::Address, &address.to_string())));
        own.sort_unstable();
        own.dedup();
        all.extend(own);
    }
    all.sort_unstable();
    let same = all.chunk_by(|one, other| one == other);
    let several = same.filter(|same| same.len() > 1);
    several.filter_map(|same| same.first().copied()).collect()
}

/// The addresses that a machine says it has, beside those at which it was met.
fn mentioned(source: Source<'_>) -> impl Iterator<Item = IpAddr> {
    let seen = match source {
        Source::Seen(seen) => Some(seen),
        Source::Row(..) => None,
    };
    seen.into_iter().flat_map(|seen| {
        let others = seen.traits.other_addresses.iter().copied();
        others.filter(|address| !seen.addresses.contains(address))
    })
}

fn hash(kind: KeyKind, value: &str) -> u64 {
    let mut hasher = DefaultHasher::new();
    (kind, value).hash(&mut hasher);
    hasher.finish()
}

/// A record; `note` is told each of its keys.
fn node<'a>(source: Source<'a>, domains: &Domains, note: &mut Note<'_>) -> Node<'a> {
    let mut node = Node::of(source);
    let mut noted = Noted {
        node: &mut node,
        note,
    };
    match source {
        Source::Seen(seen) => of_sighted(&mut noted, seen, domains),
        Source::Row(_, list, row) => of_row(&mut noted, list, row, domains),
    }
    node
}

/// Takes a key.
type Note<'n> = dyn FnMut(KeyKind, &str) + 'n;

/// A node while its keys are noted.
struct Noted<'n, 'a> {
    node: &'n mut Node<'a>,
    note: &'n mut Note<'n>,
}

impl Noted<'_, '_> {
    fn key(&mut self, kind: KeyKind, value: &str) {
        (self.note)(kind, value);
    }

    fn hardware(&mut self, serial: Option<&str>, uuid: Option<&str>) {
        self.node.serial = serial.and_then(junk::serial);
        self.node.uuid = uuid.and_then(junk::uuid);
        if let Some(serial) = self.node.serial.clone() {
            self.key(KeyKind::Serial, &serial);
        }
        if let Some(uuid) = self.node.uuid.clone() {
            self.key(KeyKind::Uuid, &uuid);
        }
    }

    fn mac(&mut self, text: &str) {
        let Some(mac) = read_mac(text) else { return };
        let plain = write_mac(mac);
        match worth(mac) {
            Worth::Strong => self.key(KeyKind::Mac, &plain),
            Worth::Weak => self.key(KeyKind::LocalMac, &plain),
            Worth::None => {}
        }
    }

    /// A name, full or short, with the domains that its holder is in. Where it is `stated`, another name
    /// contradicts it.
    fn name(&mut self, name: &str, trust: Trust, domains: &[String]) {
        let (short, suffix) = name.split_once('.').unwrap_or((name, ""));
        if junk::is_common_name(short) {
            return;
        }
        let is_cut = trust == Trust::NetBios && short.chars().count() >= NETBIOS;
        self.key(KeyKind::ShortName, short);
        if short.chars().count() > NETBIOS {
            self.key(KeyKind::ShortName, &cut(short));
        }
        if trust == Trust::Heard {
            return;
        }
        self.node.names.insert(Name {
            short: short.to_owned(),
            is_cut,
        });
        let own = (!suffix.is_empty()).then(|| suffix.to_owned());
        for domain in own.iter().chain(domains) {
            self.key(KeyKind::FullName, &format!("{short}.{domain}"));
            if short.chars().count() > NETBIOS {
                self.key(KeyKind::FullName, &format!("{}.{domain}", cut(short)));
            }
        }
    }
}

fn cut(short: &str) -> String {
    short.chars().take(NETBIOS).collect()
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Trust {
    /// Its holder is called so.
    Stated,
    /// The same, and it may be cut.
    NetBios,
    /// Somebody calls it so.
    Heard,
}

enum Worth {
    Strong,
    Weak,
    None,
}

fn worth(mac: [u8; 6]) -> Worth {
    let facts = mac_facts(mac);
    if junk::is_made_up_mac(&write_mac(mac)) {
        return Worth::None;
    }
    match facts.kind {
        MacKind::Universal => Worth::Strong,
        MacKind::Virtual if facts.name != "Docker" => Worth::Strong,
        MacKind::Local => Worth::Weak,
        _ => Worth::None,
    }
}

/// Whether a hardware address tells a machine apart from all others.
pub(super) fn is_strong_mac(text: &str) -> bool {
    read_mac(text).is_some_and(|mac| matches!(worth(mac), Worth::Strong))
}

/// Whether a hardware address is that of a group of machines.
pub(super) fn is_shared_mac(text: &str) -> bool {
    read_mac(text).is_some_and(|mac| mac_facts(mac).kind == MacKind::Shared)
}

fn of_sighted(noted: &mut Noted<'_, '_>, seen: &Sighted, domains: &Domains) {
    use KeyKind as K;
    let traits = &seen.traits;
    noted.node.family = seen.looks.family;
    noted.node.device = seen.looks.device;
    noted.node.is_in_no_domain = traits.is_domain_member == Some(false);
    noted.node.is_artefact = is_artefact(seen);
    for address in &seen.addresses {
        noted.key(K::Address, &address.to_string());
    }
    if noted.node.is_artefact {
        return;
    }
    of_traits(noted, traits);
    let own = match traits.is_domain_member {
        Some(true) => traits
            .domains
            .iter()
            .filter_map(|name| domains.one_name(name))
            .collect(),
        _ => BTreeSet::new(),
    };
    let list = own.iter().cloned().collect::<Vec<_>>();
    noted.node.domains = own;
    for (by, name) in names_of(seen) {
        noted.name(name, trust(by), &list);
        if trust(by) == Trust::Stated
            && let Some((_, suffix)) = name.split_once('.')
            && list.is_empty()
        {
            noted.node.domains.extend(domains.one_name(suffix));
        }
    }
}

/// What hardware and software show.
fn of_traits(noted: &mut Noted<'_, '_>, traits: &Traits) {
    use KeyKind as K;
    noted.hardware(traits.serial.as_deref(), traits.uuid.as_deref());
    for id in traits
        .machine_ids
        .iter()
        .filter_map(|id| junk::machine_id(id))
    {
        noted.key(K::MachineId, &id);
        noted.node.machine_ids.insert(id);
    }
    for key in &traits.host_keys {
        let (algorithm, fingerprint) = key.split_once(' ').unwrap_or(("", key));
        noted.key(K::HostKey, fingerprint);
        let pair = (algorithm.to_owned(), fingerprint.to_owned());
        noted.node.host_keys.insert(pair);
    }
    for (kind, values) in [
        (K::Certificate, &traits.certificates),
        (K::ServerGuid, &traits.server_guids),
        (K::Engine, &traits.engines),
    ] {
        for value in values.iter().filter(|value| value.len() >= 8) {
            noted.key(kind, value);
        }
    }
    for mac in &traits.macs {
        noted.mac(mac);
    }
}

fn names_of(seen: &Sighted) -> impl Iterator<Item = (NameSource, &str)> {
    seen.traits
        .names
        .iter()
        .map(|one| (one.by, one.name.as_str()))
}

fn trust(by: NameSource) -> Trust {
    match by {
        NameSource::Read | NameSource::Stated | NameSource::Certificate => Trust::Stated,
        NameSource::NetBios => Trust::NetBios,
        _ => Trust::Heard,
    }
}

/// Whether a record is of an address that machines answer for rather than of a machine.
pub(super) fn is_artefact(seen: &Sighted) -> bool {
    seen.intermediary.is_some() || has_only_shared_macs(seen)
}

/// Whether all its hardware addresses are those of groups of machines.
pub(super) fn has_only_shared_macs(seen: &Sighted) -> bool {
    let macs = &seen.traits.macs;
    !macs.is_empty() && macs.iter().all(|mac| is_shared_mac(mac))
}

fn of_row(noted: &mut Noted<'_, '_>, list: &KnownList, row: &KnownRecord, domains: &Domains) {
    use KeyKind as K;
    noted.node.family = hearsay::family(row);
    noted.node.device = hearsay::device(row);
    noted.node.is_of_a_directory = list.kind == ListKind::ActiveDirectory;
    for address in &row.addresses {
        noted.key(K::Address, &address.to_string());
    }
    noted.hardware(row.serial.as_deref(), row.uuid.as_deref());
    if let Some(id) = row.own_id.as_deref().and_then(guid) {
        noted.key(K::OwnId, &id);
    }
    for key in &row.host_keys {
        let fingerprint = key
            .split_whitespace()
            .find(|word| word.starts_with("SHA256:"));
        noted.key(K::HostKey, fingerprint.unwrap_or(key));
    }
    for mac in &row.macs {
        noted.mac(mac);
    }
    // On a switch table a name may be that of the port.
    if list.kind == ListKind::Switch {
        return;
    }
    let own = row
        .domain
        .as_deref()
        .and_then(|name| domains.one_name(name));
    let own = own.into_iter().collect::<Vec<_>>();
    noted.node.domains.extend(own.iter().cloned());
    for name in [row.name.as_deref(), row.fqdn.as_deref()]
        .into_iter()
        .flatten()
    {
        let name = plain_name(name);
        if !is_host_name(&name) {
            continue;
        }
        // The suffix that a lease has is the network's, not the machine's.
        let (short, suffix) = name.split_once('.').unwrap_or((&name, ""));
        let full = if list.vouches_for_care() {
            &name
        } else {
            short
        };
        noted.name(full, Trust::Stated, &own);
        if own.is_empty() && list.vouches_for_care() {
            noted.node.domains.extend(domains.one_name(suffix));
        }
    }
}

/// A name as lists write it: `CORP\WS-1$`, `ws-1.corp.example.`.
fn plain_name(text: &str) -> String {
    let name = text.trim().rsplit('\\').next().unwrap_or_default();
    name.trim_end_matches(['$', '.']).to_lowercase()
}

/// A GUID in one spelling; what else lists number their machines by is unique to the list.
fn guid(text: &str) -> Option<String> {
    let digits = text.chars().filter(|one| !matches!(one, '-' | '{' | '}'));
    let digits = digits.take(33).collect::<String>().to_lowercase();
    let fits = digits.len() == 32 && digits.chars().all(|one| one.is_ascii_hexdigit());
    let first = digits.chars().next()?;
    (fits && digits.chars().any(|digit| digit != first)).then_some(digits)
}
