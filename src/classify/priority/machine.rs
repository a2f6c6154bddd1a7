//! A machine, as the rules of the policy look at it.

use crate::classify::glob::Pattern;
use crate::model::{Finding, FindingId, MachineRecord, Severity};
use ipnetwork::IpNetwork;
use std::net::IpAddr;

/// What the rules ask of a machine.
#[derive(Debug)]
pub struct MachineFacts<'a> {
    machine: &'a MachineRecord,
    /// Lower case, full and short.
    names: Vec<String>,
    /// Those of the operator, and `role=…` for each role that it shows; lower case.
    tags: Vec<String>,
}

/// The tags that say that a machine can be reached by anybody.
const EXPOSED: &[&str] = &["internet", "public", "external", "yes"];

impl<'a> MachineFacts<'a> {
    /// Looks at a machine.
    pub fn of(machine: &'a MachineRecord) -> Self {
        let identity = machine.inventory.as_ref().map(|read| &read.identity);
        let own = identity.into_iter().flat_map(|identity| {
            let names = [identity.hostname.known(), identity.fqdn.known()];
            names.into_iter().flatten().map(String::as_str)
        });
        let seen = [&machine.fingerprint.hostname, &machine.fingerprint.fqdn];
        let seen = seen.into_iter().flatten().map(|claim| claim.value.as_str());
        let given = machine.target_name.as_deref().into_iter();
        let listed = machine.listed_name.as_str();
        let mut names = Vec::new();
        for name in own.chain(seen).chain(given).chain([listed]) {
            let name = name.trim_end_matches('.').to_lowercase();
            let short = name.split('.').next().unwrap_or_default().to_owned();
            names.extend([name, short]);
        }
        names.retain(|name| !name.is_empty());
        names.sort_unstable();
        names.dedup();
        let roles = machine.fingerprint.roles.iter();
        let roles = roles.map(|role| format!("role={}", role.as_str()));
        let tags = machine.tags.iter().map(|tag| tag.to_lowercase());
        let tags = tags.chain(roles).collect();
        Self {
            machine,
            names,
            tags,
        }
    }

    /// The machine.
    pub fn machine(&self) -> &'a MachineRecord {
        self.machine
    }

    /// What it is called; its address where nobody calls it anything.
    pub fn name(&self) -> String {
        let longest = self.names.iter().max_by_key(|name| name.len());
        let address = || self.machine.addresses.first().map(ToString::to_string);
        longest.cloned().or_else(address).unwrap_or_default()
    }

    /// The ids under which a finding of it may be remembered; its own first.
    pub fn finding_ids(&self, finding: &Finding) -> impl Iterator<Item = FindingId> {
        let machine = self.machine;
        let ids = std::iter::once(&machine.id).chain(&machine.also);
        ids.map(|own| FindingId::of(own, &finding.product, &finding.bulletin))
    }

    /// The operator's tags, and `role=…` for each role that it shows.
    pub(in crate::classify) fn tags(&self) -> impl Iterator<Item = &str> {
        self.tags.iter().map(String::as_str)
    }

    /// The value of a `name=value` tag, lower case.
    fn tag(&self, name: &str) -> Option<&str> {
        let value = |tag: &'_ String| {
            let (key, value) = tag.split_once('=')?;
            (key == name).then_some(value.len())
        };
        let found = self.tags.iter().find(|tag| value(tag).is_some())?;
        found.split_once('=').map(|(_, value)| value)
    }

    /// Whether anybody can reach it, as its tag `exposure` says, else one of its addresses; `None` where neither
    /// tells.
    pub fn is_exposed(&self) -> Option<bool> {
        if let Some(word) = self.tag("exposure") {
            return Some(EXPOSED.contains(&word));
        }
        let mut addresses = self.machine.addresses.iter();
        addresses.any(|at| is_public(*at)).then_some(true)
    }

    /// How much depends on it: 0 is the most. Without a tag it is like `medium`.
    pub(super) fn criticality(&self) -> u8 {
        let word = self.tag("criticality").map(Severity::parse);
        match word.flatten() {
            Some(Severity::Critical) => 0,
            Some(Severity::High) => 1,
            Some(Severity::Medium) | None => 2,
            Some(Severity::Low | Severity::Negligible) => 3,
        }
    }

    /// How far it can be reached from: 0 is the farthest.
    pub(super) fn exposure(&self) -> u8 {
        match (self.is_exposed(), self.tag("exposure")) {
            (Some(true), _) => 0,
            (_, Some("dmz" | "partner")) => 1,
            _ => 2,
        }
    }
}

/// Whether an address is one of the public internet.
fn is_public(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(v4) => {
            let [a, b, ..] = v4.octets();
            // 100.64.0.0/10 is what providers share among their customers (RFC 6598).
            let is_shared = a == 100 && (64..128).contains(&b);
            !(v4.is_private()
                || v4.is_loopback()
                || v4.is_link_local()
                || v4.is_documentation()
                || v4.is_unspecified()
                || v4.is_multicast()
                || a == 0
                || a >= 240
                || is_shared)
        }
        IpAddr::V6(v6) => {
            let first = v6.segments().first().copied().unwrap_or_default();
            let is_documentation = v6.segments().get(..2) == Some(&[0x2001, 0x0db8]);
            // 2000::/3 is all that is given out (RFC 4291).
            first & 0xe000 == 0x2000 && !is_documentation
        }
    }
}

/// Which machines are meant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum HostPattern {
    /// Those with an address in a network.
    Network(IpNetwork),
    /// The one of an id, whichever of its ids it is.
    Id(String),
    /// Those with a name that fits.
    Name(NamePattern),
}

/// A pattern for the short or full name of a machine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NamePattern(Pattern);

impl HostPattern {
    /// Reads `10.0.0.0/24`, `10.0.0.7`, `m-0123456789ab`, `web-*`; `None` for an empty text.
    pub fn parse(text: &str) -> Option<Self> {
        let text = text.trim();
        if let Ok(network) = text.parse() {
            return Some(Self::Network(network));
        }
        let digits = text.strip_prefix("m-").unwrap_or_default();
        if digits.len() == 12 && digits.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            return Some(Self::Id(text.to_lowercase()));
        }
        let name = text.trim_end_matches('.');
        (!name.is_empty()).then(|| Self::Name(NamePattern(Pattern::new(name))))
    }

    /// Whether a machine is meant.
    pub fn fits(&self, facts: &MachineFacts<'_>) -> bool {
        let machine = facts.machine;
        match self {
            Self::Network(network) => machine.addresses.iter().any(|at| network.contains(*at)),
            Self::Id(id) => {
                machine.id.as_str() == id || machine.also.iter().any(|one| one.as_str() == id)
            }
            // `*` is everybody, whom nobody calls anything too.
            Self::Name(NamePattern(pattern)) => {
                pattern.fits("") || facts.names.iter().any(|name| pattern.fits(name))
            }
        }
    }
}
