//! The search of IPv6 blocks that are too large to be swept: whoever is known there, or answers to a question
//! to all nodes of an own link, is then swept like an address that was named. Talks in [`Search::prepare`] and
//! [`Search::ask`].
//!
//! Nobody can say of such a block that all of its hosts were found. What was done is said instead.

mod gather;
#[cfg_attr(
    not(target_os = "linux"),
    expect(dead_code, reason = "only Linux is asked")
)]
pub mod icmp;
#[cfg(target_os = "linux")]
mod kernel;
#[cfg_attr(
    not(target_os = "linux"),
    expect(dead_code, reason = "only Linux is asked")
)]
mod links;
#[cfg_attr(
    not(target_os = "linux"),
    expect(dead_code, reason = "only Linux is asked")
)]
mod neighbours;

use gather::Gathered;
use kernel::Asked;
use links::{Link, Own};
use neighbours::Neighbour;
use std::collections::BTreeSet;
use std::io;
use std::net::Ipv6Addr;
use std::ops::RangeInclusive;
use std::time::Duration;

/// Addresses without a gap.
pub type Block = RangeInclusive<Ipv6Addr>;

/// How many addresses a search finds at most.
pub const MOST: usize = 65_536;
/// How long answers to a question to all nodes are waited for: on a link, even slow devices need no second.
pub const WAIT: Duration = Duration::from_millis(1_500);

/// A search of some blocks, before anybody was asked.
#[derive(Debug)]
pub struct Search {
    wanted: Vec<Block>,
    own: Vec<Own>,
    links: Vec<Link>,
    neighbours: Option<Vec<Neighbour>>,
    /// The links that the blocks are on, also those where nobody may be asked.
    interfaces: Vec<u32>,
    /// What was announced, where somebody listens.
    announced: Option<Vec<Ipv6Addr>>,
    notices: Vec<String>,
}

/// What a search came to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Found {
    /// The addresses inside the blocks.
    pub addresses: BTreeSet<Ipv6Addr>,
    /// By what each of the blocks was searched, in their order: `neighbours`, `mdns`, `multicast on eth0`.
    pub by: Vec<Vec<String>>,
    /// What the operator should know, a sentence each.
    pub notices: Vec<String>,
}

impl Search {
    /// Reads this machine's tables. No packet is sent. `excluded` names an address of a block that must not be
    /// sent anything: on a link with one, nobody is asked by multicast.
    pub fn prepare(wanted: Vec<Block>, excluded: &dyn Fn(&Block) -> Option<Ipv6Addr>) -> Self {
        let mut notices = Vec::new();
        let (own, on_link) = kernel::links().unwrap_or_else(|error| {
            notices.push(format!(
                "nobody is asked by multicast: this machine's links cannot be read ({error})"
            ));
            (Vec::new(), Vec::new())
        });
        let neighbours = kernel::neighbours();
        let neighbours = neighbours.map_err(|error| {
            notices.push(format!("the table of neighbours cannot be read ({error})"));
        });
        let mut links = links::choose(&own, &on_link, &wanted);
        let interfaces = links.iter().map(|link| link.ifindex).collect();
        links.retain(|link| {
            let spared = link.prefixes.iter().find_map(excluded);
            if let Some(spared) = spared {
                notices.push(format!(
                    "nobody is asked by multicast on {}: {spared} is excluded, and would be asked like all others there",
                    link.device
                ));
            }
            spared.is_none()
        });
        Self {
            links,
            interfaces,
            announced: None,
            neighbours: neighbours.ok(),
            own,
            wanted,
            notices,
        }
    }

    /// The numbers of the interfaces that the blocks are behind.
    pub fn interfaces(&self) -> &[u32] {
        &self.interfaces
    }

    /// Takes addresses that were announced on the links; none, where that is yet to come.
    pub fn hear(&mut self, announced: Vec<Ipv6Addr>) {
        self.announced = Some(announced);
    }

    /// What is known without asking; `by` says by what the blocks would be searched.
    pub fn known(&self) -> Found {
        let gathered = self.gathered();
        let links: Vec<&Link> = self.links.iter().collect();
        Found {
            by: self.by(&links),
            notices: self.notices.clone(),
            addresses: gathered.addresses,
        }
    }

    /// Asks all nodes of the links that the blocks are on, and waits [`WAIT`] for them to answer. Blocks.
    pub fn ask(&self) -> Found {
        let mut gathered = self.gathered();
        let mut notices = self.notices.clone();
        let mut asked = Vec::new();
        if !self.links.is_empty() {
            let token = rand::random();
            // Some links bring our own question back, and this machine answers it.
            let is_own = |address| self.own.iter().any(|own| own.address == address);
            let mut heard = |address, ifindex| {
                if !is_own(address) {
                    gathered.answered(address, ifindex);
                }
            };
            let done = kernel::ask(&self.links, &token, WAIT, &mut heard);
            let pairs = self.links.iter().zip(&done);
            asked.extend(pairs.filter(|(_, done)| done.is_ok()).map(|(link, _)| link));
            notices.extend(said(&self.links, &done));
            self.look_again(&mut gathered, &mut notices);
        }
        if gathered.is_full {
            notices.push(format!(
                "more than {MOST} addresses answered to a search: the others are left out"
            ));
        }
        Found {
            by: self.by(&asked),
            addresses: gathered.addresses,
            notices,
        }
    }

    /// Whoever answered came into the kernel's table by that, with other addresses, too.
    fn look_again(&self, gathered: &mut Gathered<'_>, notices: &mut Vec<String>) {
        let Some(table) = self
            .neighbours
            .as_ref()
            .and_then(|_| kernel::neighbours().ok())
        else {
            return;
        };
        for neighbour in &table {
            gathered.add(neighbour.address);
        }
        let hidden = gathered.hidden(&table);
        if hidden > 0 {
            notices.push(format!(
                "{hidden} machines answered by their link-local address only: their other addresses are not known, and they are not swept"
            ));
        }
    }

    fn gathered(&self) -> Gathered<'_> {
        let mut gathered = Gathered::new(&self.wanted);
        let own = self.own.iter().map(|own| own.address);
        let neighbours = self.neighbours.iter().flatten();
        let announced = self.announced.iter().flatten().copied();
        let known = own.chain(neighbours.map(|neighbour| neighbour.address));
        for address in known.chain(announced) {
            gathered.add(address);
        }
        gathered
    }

    /// By what each block is searched, given the links that are asked on.
    fn by(&self, links: &[&Link]) -> Vec<Vec<String>> {
        let of = |block: usize| {
            let table = self.neighbours.iter().map(|_| "neighbours".to_owned());
            let heard = self.announced.iter().map(|_| "mdns".to_owned());
            let links = links
                .iter()
                .filter(|link| link.blocks.binary_search(&block).is_ok());
            table
                .chain(heard)
                .chain(links.map(|link| format!("multicast on {}", link.device)))
                .collect()
        };
        (0..self.wanted.len()).map(of).collect()
    }
}

/// What could not be asked, and why.
fn said(links: &[Link], done: &[io::Result<Asked>]) -> Vec<String> {
    let mut said = Vec::new();
    for (link, done) in links.iter().zip(done) {
        let device = &link.device;
        match done {
            Ok(Asked::InFull) => {}
            Ok(Asked::ByEcho) => said.push(format!(
                "on {device} only machines that answer to an echo request were asked, which Windows does not: the other question needs root or the capability CAP_NET_RAW"
            )),
            Err(error) if error.kind() == io::ErrorKind::PermissionDenied => said.push(format!(
                "nobody was asked by multicast on {device}: that needs root, the capability CAP_NET_RAW, or a group of net.ipv4.ping_group_range"
            )),
            Err(error) => said.push(format!("nobody was asked by multicast on {device}: {error}")),
        }
    }
    said
}

/// There is nothing to ask the kernel for on this system.
#[cfg(not(target_os = "linux"))]
mod kernel {
    use super::icmp::Token;
    use super::links::{Link, OnLink, Own};
    use super::neighbours::Neighbour;
    use std::io;
    use std::net::Ipv6Addr;
    use std::time::Duration;

    /// How a link was asked.
    #[expect(dead_code, reason = "no link is")]
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub(super) enum Asked {
        InFull,
        ByEcho,
    }

    pub(super) fn links() -> io::Result<(Vec<Own>, Vec<OnLink>)> {
        Err(io::ErrorKind::Unsupported.into())
    }

    pub(super) fn neighbours() -> io::Result<Vec<Neighbour>> {
        Err(io::ErrorKind::Unsupported.into())
    }

    pub(super) fn ask(
        _: &[Link],
        _: &Token,
        _: Duration,
        _: &mut dyn FnMut(Ipv6Addr, u32),
    ) -> Vec<io::Result<Asked>> {
        Vec::new()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn search() -> Search {
        let block = |text: &str| {
            let first: Ipv6Addr = text.parse().unwrap();
            first..=Ipv6Addr::from_bits(first.to_bits() | u128::from(u64::MAX))
        };
        let own = "fd000001000000000000000000000001 04 40 00 80 eth0\n";
        let routes = "fd000001000000000000000000000000 40 00000000000000000000000000000000 00 \
            00000000000000000000000000000000 00000100 00000001 00000000 00000001 eth0\n";
        let wanted = vec![block("fd00:1::"), block("fd00:2::")];
        let own = links::own(own);
        let neighbour = |text: &str| Neighbour {
            address: text.parse().unwrap(),
            ifindex: 4,
            mac: vec![2; 6],
        };
        Search {
            links: links::choose(&own, &links::on_link(routes), &wanted),
            neighbours: Some(vec![neighbour("fd00:2::5"), neighbour("fd00:3::5")]),
            interfaces: vec![4],
            announced: None,
            own,
            wanted,
            notices: Vec::new(),
        }
    }

    #[test]
    fn what_is_known_without_asking_are_neighbours_and_this_machine_inside_the_blocks() {
        let search = search();
        let found = search.known();
        let addresses: Vec<String> = found.addresses.iter().map(ToString::to_string).collect();
        assert_eq!(addresses, ["fd00:1::1", "fd00:2::5"]);
        assert_eq!(
            found.by,
            [
                vec!["neighbours".to_owned(), "multicast on eth0".to_owned()],
                vec!["neighbours".to_owned()],
            ]
        );
    }

    #[test]
    fn what_could_not_be_asked_is_said() {
        let links = search().links;
        let denied = Err(io::Error::from(io::ErrorKind::PermissionDenied));
        assert!(said(&links, &[denied])[0].contains("net.ipv4.ping_group_range"));
        assert!(said(&links, &[Ok(Asked::ByEcho)])[0].contains("CAP_NET_RAW"));
        assert!(said(&links, &[Ok(Asked::InFull)]).is_empty());
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn this_machines_own_tables_are_read_without_a_packet() {
        let nowhere = "fd00:dead:beef::".parse::<Ipv6Addr>().unwrap();
        let search = Search::prepare(vec![nowhere..=nowhere], &|_| None);
        assert!(search.links.is_empty() && search.known().addresses.is_empty());
    }
}
