//! By which link, and to which hardware address, each address of a plan is reached. Pure.

use super::super::AddressSpace;
use super::super::routes::{Route, Routes, Way};
use super::frame::Ends;
use std::collections::HashMap;
use std::net::{IpAddr, Ipv4Addr};
use std::ops::Range;

/// The ways to the addresses of a sweep.
#[derive(Debug, Default)]
pub(super) struct Paths {
    /// The last address of each piece of the address range, and the way there.
    pieces: Vec<(u32, Option<usize>)>,
    ways: Vec<Path>,
    /// Hardware addresses by interface: of routers, and of hosts on the own links.
    macs: HashMap<(u32, Ipv4Addr), [u8; 6]>,
    /// Addresses that no other machine has.
    nobodys: Vec<Ipv4Addr>,
}

/// A way over an Ethernet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Path {
    /// The interface's number.
    pub(super) ifindex: u32,
    /// The interface's name.
    pub(super) device: String,
    /// The router; none for the own link.
    pub(super) gateway: Option<Ipv4Addr>,
    mac: [u8; 6],
    source: Ipv4Addr,
}

impl Paths {
    pub(super) fn new(routes: &Routes) -> Self {
        let mut paths: Vec<Path> = Vec::new();
        let mut place = |route: &Route| {
            let path = Path::of(route)?;
            let known = paths.iter().position(|other| *other == path);
            Some(known.unwrap_or_else(|| {
                paths.push(path);
                paths.len() - 1
            }))
        };
        let pieces = routes
            .pieces()
            .map(|(range, route)| (u32::from(*range.end()), route.and_then(&mut place)))
            .collect();
        Self {
            pieces,
            ways: paths,
            macs: HashMap::new(),
            nobodys: routes.nobodys(),
        }
    }

    /// The way to an address; `None` where no frame of ours can be sent there.
    pub(super) fn of(&self, address: Ipv4Addr) -> Option<&Path> {
        let number = u32::from(address);
        let piece = self.pieces.partition_point(|(last, _)| *last < number);
        let (_, path) = self.pieces.get(piece)?;
        self.ways.get((*path)?)
    }

    /// The interface and the ends of a frame to an address; `None` where its hardware address, or its
    /// router's, is not known.
    pub(super) fn ends(&self, address: Ipv4Addr) -> Option<(u32, Ends)> {
        let path = self.of(address)?;
        let hop = path.gateway.unwrap_or(address);
        let mac = self.macs.get(&(path.ifindex, hop))?;
        Some((path.ifindex, path.ends(address, *mac)))
    }

    /// Some of the addresses of a sweep in pieces that go one way each.
    pub(super) fn parts(
        &self,
        space: &dyn AddressSpace,
        ranges: &[Range<u64>],
    ) -> Vec<(Range<u64>, Option<&Path>)> {
        let mut parts = Vec::new();
        for range in ranges {
            let mut start = range.start;
            while start < range.end {
                let address = space.nth(start);
                let Some(IpAddr::V4(address)) = address else {
                    // IPv6 comes after IPv4.
                    parts.push((start..range.end, None));
                    break;
                };
                let number = u32::from(address);
                let piece = self.pieces.partition_point(|(last, _)| *last < number);
                let (last, path) = self.pieces.get(piece).copied().unwrap_or((u32::MAX, None));
                let end = first_after(space, start..range.end, Ipv4Addr::from(last));
                parts.push((start..end, path.and_then(|path| self.ways.get(path))));
                start = end;
            }
        }
        parts
    }

    /// Addresses that no other machine has.
    pub(super) fn nobodys(&self) -> &[Ipv4Addr] {
        &self.nobodys
    }

    /// Whether a machine is a router that we use.
    pub(super) fn is_gateway(&self, ifindex: u32, address: Ipv4Addr) -> bool {
        let mut paths = self.ways.iter();
        paths.any(|path| path.ifindex == ifindex && path.gateway == Some(address))
    }

    /// The way over a link to an address on it.
    pub(super) fn on(&self, ifindex: u32, address: Ipv4Addr) -> Option<&Path> {
        let here = self.of(address).filter(|path| path.ifindex == ifindex);
        here.or_else(|| self.ways.iter().find(|path| path.ifindex == ifindex))
    }

    /// A machine says which hardware address it has.
    pub(super) fn learn(&mut self, ifindex: u32, address: Ipv4Addr, mac: [u8; 6]) {
        self.macs.insert((ifindex, address), mac);
    }

    /// The hardware address of a machine on a link.
    pub(super) fn mac(&self, ifindex: u32, address: Ipv4Addr) -> Option<[u8; 6]> {
        self.macs.get(&(ifindex, address)).copied()
    }
}

/// The first index of a range, at least its second, whose address comes after one.
fn first_after(space: &dyn AddressSpace, range: Range<u64>, last: Ipv4Addr) -> u64 {
    let (mut low, mut high) = (range.start + 1, range.end);
    while low < high {
        let middle = low + (high - low) / 2;
        if space
            .nth(middle)
            .is_some_and(|address| address > IpAddr::V4(last))
        {
            high = middle;
        } else {
            low = middle + 1;
        }
    }
    low
}

impl Path {
    fn of(route: &Route) -> Option<Self> {
        let Way::Ethernet(mac) = route.way else {
            return None;
        };
        Some(Self {
            ifindex: route.ifindex,
            device: route.device.to_string(),
            gateway: route.gateway,
            mac,
            source: route.source,
        })
    }

    /// The ends of a frame to an address by this way.
    pub(super) fn ends(&self, theirs: Ipv4Addr, their_mac: [u8; 6]) -> Ends {
        Ends {
            own_mac: self.mac,
            their_mac,
            own: self.source,
            theirs,
        }
    }
}
