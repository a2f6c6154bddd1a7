//! Who answers for others: a firewall, proxy or tarpit on the way that accepts connections for a whole
//! range. Pure.
//!
//! Its addresses are no machines. Nobody is taken for one who shows anything of his own: another open
//! port, an answer of another form, an identity.

use super::{Answer, ProbeKind, Trace};
use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, Ipv4Addr};

/// What an address answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answers {
    /// The address.
    pub address: IpAddr,
    /// Every answer.
    pub answers: BTreeMap<ProbeKind, Answer>,
    /// How the answers of its open ports looked, where that was seen.
    pub traces: BTreeSet<Trace>,
    /// What only it can be: a host key, a name, a certificate.
    pub identities: BTreeSet<String>,
}

impl Answers {
    fn open(&self) -> impl Iterator<Item = u16> + '_ {
        let open = self
            .answers
            .iter()
            .filter(|(_, answer)| **answer == Answer::Open);
        open.filter_map(|(probe, _)| probe.port())
    }

    /// Whether it accepts all that was tried, and that was enough to wonder.
    pub fn is_open_throughout(&self, ports: &[u16]) -> bool {
        ports.len() >= FEWEST_PORTS && self.open().count() == ports.len()
    }
}

/// Addresses that one intermediary answers for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Intermediary {
    /// The range, as a /24.
    pub range: String,
    /// Its addresses that are no machines, sorted.
    pub addresses: Vec<IpAddr>,
    /// Why, in a few words for people.
    pub why: String,
}

/// From how many addresses of a /24 on all of them may be one.
const FEWEST_ADDRESSES: usize = 64;
/// From how many ports on that all accept it is strange.
const FEWEST_PORTS: usize = 3;

/// Finds intermediaries among answers, given all TCP ports that were tried and how many addresses of a
/// /24 were swept.
pub fn intermediaries<'a>(
    hosts: impl IntoIterator<Item = &'a Answers>,
    ports: &[u16],
    swept: impl Fn(Ipv4Addr) -> usize,
) -> Vec<Intermediary> {
    let mut ranges: BTreeMap<Ipv4Addr, Vec<&Answers>> = BTreeMap::new();
    for host in hosts {
        if let IpAddr::V4(address) = host.address {
            ranges.entry(range(address)).or_default().push(host);
        }
    }
    let mut found = Vec::new();
    for (range, hosts) in ranges {
        found.extend(unconfirmed(range, &hosts));
        found.extend(everywhere(range, &hosts, ports, swept(range)));
    }
    found
}

/// The first address of the /24 of an address.
pub fn range(address: Ipv4Addr) -> Ipv4Addr {
    let [a, b, c, _] = address.octets();
    Ipv4Addr::new(a, b, c, 0)
}

/// Ports seemed open, no connection came about, and nothing else answered.
fn unconfirmed(range: Ipv4Addr, hosts: &[&Answers]) -> Option<Intermediary> {
    let is_hollow = |host: &&&Answers| {
        let mut answers = host.answers.values();
        answers.clone().any(|answer| *answer == Answer::Unconfirmed)
            && !answers.any(|answer| answer.is_life())
    };
    let addresses: Vec<IpAddr> = hosts
        .iter()
        .filter(is_hollow)
        .map(|host| host.address)
        .collect();
    (!addresses.is_empty()).then(|| Intermediary {
        range: format!("{range}/24"),
        addresses,
        why: "ports seem open, but no connection comes about".to_owned(),
    })
}

/// Nine in ten addresses accept on the same ports, in the same form.
fn everywhere(
    range: Ipv4Addr,
    hosts: &[&Answers],
    ports: &[u16],
    swept: usize,
) -> Option<Intermediary> {
    let swept = swept.max(hosts.len());
    if swept < FEWEST_ADDRESSES {
        return None;
    }
    let mut open: BTreeMap<u16, usize> = BTreeMap::new();
    for port in hosts.iter().flat_map(|host| host.open()) {
        *open.entry(port).or_default() += 1;
    }
    open.retain(|_, count| *count * 10 >= swept * 9);
    if open.is_empty() {
        return None;
    }
    let everything = open.len() == ports.len() && open.len() >= FEWEST_PORTS;
    // Only a few of them are asked who they are, and those speak for all.
    if everything && differ(hosts, |host| &host.identities) {
        return None;
    }
    // A few ports alone are also what a row of equal machines shows.
    if !everything && differ(hosts, |host| &host.traces) {
        return None;
    }
    let is_hollow = |host: &&&Answers| {
        let mut answers = host.answers.iter();
        let of_it = |(probe, answer): (&ProbeKind, &Answer)| match (probe.port(), answer) {
            (Some(port), Answer::Open) => open.contains_key(&port),
            (_, answer) => everything || !answer.is_life(),
        };
        let is_nobody = everything || host.identities.is_empty();
        is_nobody && answers.all(of_it) && host.open().next().is_some()
    };
    let addresses: Vec<IpAddr> = hosts
        .iter()
        .filter(is_hollow)
        .map(|host| host.address)
        .collect();
    // Beside machines that show more of themselves, those that show little are machines, too.
    if !everything && addresses.len() * 10 < swept * 9 {
        return None;
    }
    let list: Vec<String> = open.keys().map(ToString::to_string).collect();
    (!addresses.is_empty()).then(|| Intermediary {
        range: format!("{range}/24"),
        why: format!(
            "{} of {swept} addresses accept on {}",
            addresses.len(),
            if everything {
                "every port".to_owned()
            } else {
                format!("port {}", list.join(", "))
            }
        ),
        addresses,
    })
}

/// Whether two hosts show different things.
fn differ<'a, T: Ord + 'a>(
    hosts: &[&'a Answers],
    of: impl Fn(&'a Answers) -> &'a BTreeSet<T>,
) -> bool {
    let all: BTreeSet<&T> = hosts.iter().flat_map(|host| of(host)).collect();
    all.len() > 1
}

#[cfg(test)]
mod tests {
    use super::*;

    const PORTS: [u16; 4] = [22, 80, 443, 445];

    fn host(last: u8, open: &[u16], more: &[(ProbeKind, Answer)]) -> Answers {
        let open = open
            .iter()
            .map(|port| (ProbeKind::Tcp(*port), Answer::Open));
        Answers {
            address: Ipv4Addr::new(10, 101, 0, last).into(),
            answers: open.chain(more.iter().copied()).collect(),
            traces: BTreeSet::new(),
            identities: BTreeSet::new(),
        }
    }

    fn found(hosts: &[Answers]) -> Vec<Intermediary> {
        intermediaries(hosts, &PORTS, |_| 254)
    }

    #[test]
    fn a_range_that_accepts_everything_is_one_intermediary() {
        let hosts: Vec<Answers> = (1..=254).map(|last| host(last, &PORTS, &[])).collect();
        let found = found(&hosts);
        assert_eq!((found.len(), found[0].addresses.len()), (1, 254));
        assert_eq!(found[0].why, "254 of 254 addresses accept on every port");
        assert_eq!(found[0].range, "10.101.0.0/24");
    }

    #[test]
    fn a_row_of_servers_is_a_row_of_servers() {
        // They refuse the ports that they do not serve: a proxy would not.
        let refuses = [(ProbeKind::Tcp(445), Answer::Closed)];
        let hosts: Vec<Answers> = (1..=254).map(|last| host(last, &[22], &refuses)).collect();
        assert!(found(&hosts).is_empty());
        // They have names of their own.
        let mut hosts: Vec<Answers> = (1..=254).map(|last| host(last, &PORTS, &[])).collect();
        for (number, host) in hosts.iter_mut().take(2).enumerate() {
            host.identities.insert(format!("pc-{number}"));
        }
        assert!(found(&hosts).is_empty());
        // There are too few of them.
        let hosts: Vec<Answers> = (1..=200).map(|last| host(last, &PORTS, &[])).collect();
        assert!(found(&hosts).is_empty());
        assert!(intermediaries(&hosts[..20], &PORTS, |_| 20).is_empty());
    }

    #[test]
    fn a_proxy_for_one_port_hides_no_machine_behind_it() {
        let mut hosts: Vec<Answers> = (1..=252).map(|last| host(last, &[80], &[])).collect();
        hosts.push(host(253, &[22, 80], &[]));
        let mut named = host(254, &[80], &[]);
        named.identities.insert("intranet".to_owned());
        hosts.push(named);
        let found = found(&hosts);
        assert_eq!(found[0].addresses.len(), 252);
        assert!(
            found[0].why.ends_with("accept on port 80"),
            "{}",
            found[0].why
        );
        let trace = |ttl| Trace {
            ttl,
            window: 1,
            options: 1,
        };
        for (number, host) in hosts.iter_mut().enumerate() {
            host.traces
                .insert(trace(if number % 2 == 0 { 60 } else { 61 }));
        }
        assert!(intermediaries(&hosts, &PORTS, |_| 254).is_empty());
    }

    #[test]
    fn what_no_connection_confirms_is_no_machine() {
        let hollow = [(ProbeKind::Tcp(22), Answer::Unconfirmed)];
        let alive = [hollow[0], (ProbeKind::Echo, Answer::Alive)];
        let hosts = [host(1, &[], &hollow), host(2, &[], &alive)];
        let found = found(&hosts);
        assert_eq!((found.len(), found[0].addresses.len()), (1, 1));
    }
}
