//! What a search has found so far: bounded, and nothing outside what was wanted. Pure.

use super::neighbours::Neighbour;
use super::{Block, MOST};
use std::collections::{BTreeMap, BTreeSet};
use std::net::Ipv6Addr;

/// What was found.
#[derive(Debug)]
pub(super) struct Gathered<'a> {
    wanted: &'a [Block],
    pub(super) addresses: BTreeSet<Ipv6Addr>,
    /// Who answered by an address that means nothing without its link: the interface, and the address.
    local: BTreeSet<(u32, Ipv6Addr)>,
    /// Whether more answered than are kept.
    pub(super) is_full: bool,
}

impl<'a> Gathered<'a> {
    pub(super) fn new(wanted: &'a [Block]) -> Self {
        Self {
            wanted,
            addresses: BTreeSet::new(),
            local: BTreeSet::new(),
            is_full: false,
        }
    }

    /// Keeps an address of the wanted blocks. Where somebody floods us, the first are kept.
    pub(super) fn add(&mut self, address: Ipv6Addr) {
        let is_wanted = self.wanted.iter().any(|block| block.contains(&address));
        let is_local = address.is_unicast_link_local();
        if !is_wanted || is_local || self.addresses.contains(&address) {
            return;
        }
        if self.addresses.len() < MOST {
            self.addresses.insert(address);
        } else {
            self.is_full = true;
        }
    }

    /// Somebody answered on a link.
    pub(super) fn answered(&mut self, address: Ipv6Addr, ifindex: u32) {
        if !address.is_unicast_link_local() {
            self.add(address);
        } else if self.local.len() < MOST {
            self.local.insert((ifindex, address));
        }
    }

    /// How many machines answered by their link-local address and have no address among those found, as far as
    /// the table tells: one hardware address is one machine.
    pub(super) fn hidden(&self, table: &[Neighbour]) -> usize {
        let macs: BTreeMap<(u32, Ipv6Addr), &[u8]> = table
            .iter()
            .map(|one| ((one.ifindex, one.address), &one.mac[..]))
            .collect();
        let found = macs.iter();
        let found = found.filter(|((_, address), _)| self.addresses.contains(address));
        let found: BTreeSet<(u32, &[u8])> =
            found.map(|((ifindex, _), mac)| (*ifindex, *mac)).collect();
        let is_found = |one: &&(u32, Ipv6Addr)| {
            let mac = macs.get(*one);
            mac.is_some_and(|mac| found.contains(&(one.0, *mac)))
        };
        self.local.iter().filter(|one| !is_found(one)).count()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ip(text: &str) -> Ipv6Addr {
        text.parse().unwrap()
    }

    fn wanted() -> Vec<Block> {
        vec![
            ip("fd00:1::")..=ip("fd00:1::ffff:ffff:ffff:ffff"),
            ip("fe80::")..=ip("fe80::ffff"),
        ]
    }

    #[test]
    fn answers_from_elsewhere_are_not_kept() {
        let wanted = wanted();
        let mut gathered = Gathered::new(&wanted);
        for text in [
            "fd00:1::5",
            "fd00:1::5",
            "fd00:2::5",
            "2001:db8::1",
            "fe80::5",
        ] {
            gathered.answered(ip(text), 3);
        }
        let found: Vec<_> = gathered.addresses.iter().collect();
        assert_eq!(found, [&ip("fd00:1::5")]);
        assert!(!gathered.is_full);
    }

    #[test]
    fn a_flood_is_bounded_and_said() {
        let wanted = wanted();
        let mut gathered = Gathered::new(&wanted);
        let first = ip("fd00:1::").to_bits();
        for at in 0..70_000_u128 {
            gathered.answered(Ipv6Addr::from_bits(first + at), 3);
        }
        for at in 0..70_000_u32 {
            gathered.answered(
                Ipv6Addr::from_bits(ip("fe80::").to_bits() + u128::from(at)),
                3,
            );
        }
        assert_eq!(
            (gathered.addresses.len(), gathered.local.len()),
            (MOST, MOST)
        );
        assert!(gathered.is_full && gathered.addresses.contains(&ip("fd00:1::5")));
    }

    #[test]
    fn machines_of_which_only_the_link_local_address_is_known_are_counted() {
        let wanted = wanted();
        let mut gathered = Gathered::new(&wanted);
        for text in ["fd00:1::5", "fe80::5", "fe80::6", "fe80::7"] {
            gathered.answered(ip(text), 3);
        }
        let neighbour = |text, mac| Neighbour {
            address: ip(text),
            ifindex: 3,
            mac: vec![mac; 6],
        };
        let table = [
            neighbour("fd00:1::5", 5),
            neighbour("fe80::5", 5),
            neighbour("fe80::6", 6),
        ];
        assert_eq!(gathered.hidden(&table), 2);
    }
}
