//! What a person is shown of each key: whose it seems to be, and how it stands to what is on record. Pure,
//! but for reading the sweep.

use super::FIRST_USE;
use crate::model::{
    Certificate, Clue, Date, Fact, HostKey, HostTrust, MachineRecord, SeenBy, UtcTime,
};
use crate::report::{ReportSource as _, ReviewRow, for_terminal};
use crate::scan::{RunPlan, RunSource};
use crate::session::{
    Judgement, KnownKeys, Place, Source, certificate_key, public_key_bits, read_public_key,
};
use crate::store::Pin;
use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};

/// RSA keys below this length can be forged by those who have the means (NIST SP 800-131A).
const SHORTEST_RSA: usize = 2_048;

/// What was known before.
pub(super) struct OnRecord {
    pub(super) known: KnownKeys,
    pub(super) pins: Vec<Pin>,
    /// Where earlier runs saw each key.
    pub(super) seen: BTreeMap<String, BTreeSet<IpAddr>>,
    pub(super) today: Date,
}

/// The table, and what is said beside it.
#[derive(Debug, Default)]
pub(super) struct Listed {
    pub(super) rows: Vec<ReviewRow>,
    pub(super) complaints: Vec<String>,
    pub(super) counts: Counts,
}

/// What the table comes to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Counts {
    pub(super) new: usize,
    pub(super) changed: usize,
    pub(super) known: usize,
    pub(super) first_use: usize,
    pub(super) unreachable: usize,
}

impl Counts {
    fn add(&mut self, status: &str) {
        match status {
            "new" | "new_kind" => self.new += 1,
            "changed" | "revoked" => self.changed += 1,
            FIRST_USE => self.first_use += 1,
            _ => self.known += 1,
        }
    }

    pub(super) fn said(&self) -> String {
        let Self {
            new,
            changed,
            known,
            first_use,
            unreachable,
        } = self;
        format!(
            "{new} new, {changed} changed, {known} known, {first_use} pinned at first sight and never checked, \
             {unreachable} unreachable (ports that are open and show no key)"
        )
    }
}

/// Every key that was shown, sorted by address, port and kind.
pub(super) fn list(source: &RunSource, on: &OnRecord, plan: &RunPlan) -> io::Result<Listed> {
    let mut listed = Listed::default();
    source.machines(&mut |machine| {
        match &machine.intermediary {
            Some(why) => listed.complaints.push(format!(
                "left out, no machine answers there: {}",
                for_terminal(why)
            )),
            None => list_machine(machine, on, plan, &mut listed),
        }
        Ok(())
    })?;
    listed
        .rows
        .sort_by(|a, b| (a.address, a.port, &a.algorithm).cmp(&(b.address, b.port, &b.algorithm)));
    note_same_keys(&mut listed.rows, on);
    Ok(listed)
}

/// A key, with what goes with it.
struct Shown {
    port: u16,
    protocol: &'static str,
    key: HostKey,
    public_key: String,
    certificate: Option<Certificate>,
}

fn list_machine(machine: &MachineRecord, on: &OnRecord, plan: &RunPlan, listed: &mut Listed) {
    let Some(address) = machine.addresses.first().copied() else {
        return;
    };
    let (shown, silent, partly) = shown(machine, plan);
    for (port, why) in partly {
        let place = SocketAddr::new(address, port);
        let why = for_terminal(&why).into_owned();
        let complaint =
            format!("{place} may have keys of other kinds, which it did not show: {why}");
        listed.complaints.push(complaint);
    }
    for (port, why) in silent {
        listed.counts.unreachable += 1;
        let place = SocketAddr::new(address, port);
        let why = for_terminal(&why).into_owned();
        listed
            .complaints
            .push(format!("{place} shows no key: {why}"));
    }
    for shown in shown {
        let place = Place {
            name: machine.target_name.as_deref(),
            address,
            port: shown.port,
        };
        let named = shown.key.to_string();
        let is_certified = machine.access.iter().any(|(_, row)| {
            let by_authority = matches!(row.trust, HostTrust::TlsCa | HostTrust::HostCa);
            by_authority && row.port == Some(shown.port) && row.detail == named
        });
        let (status, mut notes) = status(on, &place, &shown.key, is_certified);
        listed.counts.add(status);
        if matches!(status, "changed" | "revoked") {
            let place = SocketAddr::new(address, shown.port);
            let notes = notes.join("; ");
            let complaint = format!("KEY CHANGED: {place} shows {}; {notes}", shown.key);
            listed
                .complaints
                .push(for_terminal(&complaint).into_owned());
        }
        notes.extend(weaknesses(&shown, on.today));
        listed
            .rows
            .push(row(machine, &place, shown, (status, notes), on));
    }
}

/// Ports, and why a key is missing there.
type Missing = Vec<(u16, String)>;

/// The keys that a machine shows, the ports on which it should and shows none, and those where it may have more.
fn shown(machine: &MachineRecord, plan: &RunPlan) -> (Vec<Shown>, Missing, Missing) {
    let (mut keys, mut silent, mut partly) = (Vec::new(), Vec::new(), Vec::new());
    let clues = || machine.clues.iter().map(|(_, clue)| clue);
    let services = machine.services.iter().map(|(_, service)| service);
    let open = services.filter(|service| service.seen_by == SeenBy::Scan && service.proto == "tcp");
    let open: BTreeSet<u16> = open.map(|service| service.port).collect();
    for port in open {
        let here = || clues().filter(move |clue| clue.port == port);
        let before = keys.len();
        keys.extend(here().filter_map(ssh_key));
        let is_tls = plan.winrm_tls_ports.contains(&port);
        if is_tls {
            keys.extend(here().find_map(certificate));
        }
        let is_expected = is_tls || plan.ssh_ports.contains(&port);
        let no_key = here().find_map(|clue| match &clue.fact {
            Fact::NoKey(why) => Some(why.clone()),
            _ => None,
        });
        let has_shown = keys.len() > before;
        if let Some(why) = no_key.clone().filter(|_| has_shown) {
            partly.push((port, why));
        }
        if !has_shown && (is_expected || no_key.is_some()) {
            let usual = if is_tls { "no TLS" } else { "no answer" };
            silent.push((port, no_key.unwrap_or_else(|| usual.to_owned())));
        }
    }
    (keys, silent, partly)
}

fn ssh_key(clue: &Clue) -> Option<Shown> {
    let Fact::PublicKey(text) = &clue.fact else {
        return None;
    };
    let (key, public_key) = read_public_key(text)?;
    Some(Shown {
        port: clue.port,
        protocol: "ssh",
        key,
        public_key,
        certificate: None,
    })
}

fn certificate(clue: &Clue) -> Option<Shown> {
    let Fact::Certificate(certificate) = &clue.fact else {
        return None;
    };
    Some(Shown {
        port: clue.port,
        protocol: "winrm",
        key: certificate_key(&certificate.sha256)?,
        public_key: String::new(),
        certificate: Some(certificate.clone()),
    })
}

/// How a key stands to what is on record, and what is to be said of that.
fn status(
    on: &OnRecord,
    place: &Place<'_>,
    key: &HostKey,
    is_certified: bool,
) -> (&'static str, Vec<String>) {
    match on.known.judge(place, key) {
        Judgement::Known(Source::Pin) if on.is_unchecked(place, key) => (FIRST_USE, Vec::new()),
        Judgement::Known(Source::Pin) => ("pinned", Vec::new()),
        Judgement::Known(Source::KnownHosts) => ("known_hosts", Vec::new()),
        Judgement::Changed { revoked: true, .. } => (
            "revoked",
            vec!["a known_hosts file revokes this key".to_owned()],
        ),
        _ if is_certified => ("ca", Vec::new()),
        Judgement::Changed { known, .. } => {
            let known: Vec<&str> = known.iter().map(|key| key.fingerprint.as_str()).collect();
            ("changed", vec![format!("on record: {}", known.join(", "))])
        }
        Judgement::Unknown {
            known_otherwise: true,
        } => (
            "new_kind",
            vec!["a key of another kind is on record for this host".to_owned()],
        ),
        Judgement::Unknown { .. } => ("new", Vec::new()),
    }
}

impl OnRecord {
    /// Whether a pin was only ever taken at its word.
    fn is_unchecked(&self, place: &Place<'_>, key: &HostKey) -> bool {
        let address = place.address.to_string();
        let name = place.name.map(str::to_lowercase);
        let is_here = |pin: &&Pin| {
            let is_host = pin.host == address || Some(&pin.host) == name.as_ref();
            is_host && pin.port == place.port && pin.key == *key
        };
        self.pins
            .iter()
            .filter(is_here)
            .all(|pin| pin.source == FIRST_USE)
    }

    /// By what a host is pinned: by the operator's name where any key is on record for that, since the name
    /// alone decides then.
    fn host(&self, place: &Place<'_>) -> String {
        let by_name = Place {
            // No host has this one: only the name can be found.
            address: Ipv4Addr::UNSPECIFIED.into(),
            ..*place
        };
        let name = place.name.filter(|_| self.known.knows(&by_name));
        name.map_or_else(|| place.address.to_string(), str::to_lowercase)
    }
}

fn weaknesses(shown: &Shown, today: Date) -> Vec<String> {
    let mut notes = Vec::new();
    let bits = public_key_bits(&shown.public_key);
    if let Some(bits) = bits.filter(|bits| *bits < SHORTEST_RSA) {
        notes.push(format!("RSA {bits}: weak"));
    }
    if let Some(certificate) = &shown.certificate {
        let until = certificate.not_after.map(UtcTime::date);
        if let Some(until) = until.filter(|until| *until < today) {
            notes.push(format!("expired {until}"));
        }
        if certificate.is_self_signed {
            notes.push("self-signed".to_owned());
        }
    }
    notes
}

fn row(
    machine: &MachineRecord,
    place: &Place<'_>,
    shown: Shown,
    (status, notes): (&'static str, Vec<String>),
    on: &OnRecord,
) -> ReviewRow {
    let here = || machine.clues.iter().map(|(_, clue)| clue);
    let at_port = || here().filter(|clue| clue.port == place.port);
    let banner = at_port().find_map(|clue| match &clue.fact {
        Fact::Banner(banner) => Some(banner.clone()),
        _ => None,
    });
    let name = |of: fn(&Fact) -> Option<&String>| here().find_map(|clue| of(&clue.fact)).cloned();
    let dns = name(|fact| match fact {
        Fact::DnsComputer(name) => Some(name),
        _ => None,
    });
    let netbios = name(|fact| match fact {
        Fact::NetbiosComputer(name) => Some(name),
        _ => None,
    });
    ReviewRow {
        address: place.address,
        host: on.host(place),
        name: place.name.unwrap_or_default().to_owned(),
        port: place.port,
        protocol: shown.protocol,
        algorithm: shown.key.algorithm,
        fingerprint: shown.key.fingerprint,
        public_key: shown.public_key,
        status,
        notes,
        same_key: Vec::new(),
        banner: banner.unwrap_or_default(),
        seems_to_be: seems_to_be(machine, place.port),
        own_name: dns.or(netbios).unwrap_or_default(),
        certificate: shown.certificate,
    }
}

/// Product, system and device, as far as they show.
fn seems_to_be(machine: &MachineRecord, port: u16) -> String {
    let product = machine.clues.iter().find_map(|(_, clue)| match &clue.fact {
        Fact::Product { name, version } if clue.port == port => Some(format!("{name} {version}")),
        _ => None,
    });
    let seen = &machine.fingerprint;
    let system = seen.os.as_ref().map(|os| os.value.clone());
    let device = Some(seen.device.as_str().to_owned());
    let parts = [product, system, device].into_iter().flatten();
    let parts = parts.map(|part| part.trim().to_owned());
    parts
        .filter(|part| !part.is_empty())
        .collect::<Vec<_>>()
        .join(", ")
}

/// Says of each key where else it is: in this sweep, and in earlier runs.
fn note_same_keys(rows: &mut [ReviewRow], on: &OnRecord) {
    let mut now = BTreeMap::<String, BTreeSet<IpAddr>>::new();
    for row in rows.iter() {
        let addresses = now.entry(row.fingerprint.clone()).or_default();
        addresses.insert(row.address);
    }
    for row in rows {
        let now = now.get(&row.fingerprint).into_iter().flatten();
        let now: BTreeSet<IpAddr> = now.copied().filter(|at| *at != row.address).collect();
        let earlier = on.seen.get(&row.fingerprint).into_iter().flatten();
        let earlier = earlier.filter(|at| **at != row.address && !now.contains(at));
        let earlier: Vec<String> = earlier.map(|at| format!("{at} (earlier)")).collect();
        row.same_key = now.iter().map(ToString::to_string).collect();
        row.same_key.extend(earlier);
        let all = row.same_key.len() + 1;
        if all > 1 {
            row.notes.push(format!(
                "the key is shown by {all} addresses: a cloned image, or one machine"
            ));
        }
    }
}
