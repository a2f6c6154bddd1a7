//! How addresses are reached from this machine, and its neighbours. Talks.

use super::routes::{self, Routes};
use super::schedule::Reach;
use super::schedule::neighbours::{PLACES, Table};
use std::net::IpAddr;

/// How each address is reached, as far as is known: where the routes cannot be read, and with IPv6, by way of a
/// router, but for this machine and its link-local neighbours.
pub(super) fn reach() -> impl Fn(IpAddr) -> Reach {
    let routes = Routes::read().unwrap_or_default();
    move |address| match address {
        _ if address.is_loopback() => Reach::Local,
        IpAddr::V4(address) => match routes.of(address) {
            Some(route) if route.is_loopback() => Reach::Local,
            Some(route) if route.is_on_link() => Reach::OnLink,
            _ => Reach::Routed,
        },
        // No router is on the way, and the table of neighbours is not read.
        IpAddr::V6(address) if address.is_unicast_link_local() => Reach::Local,
        IpAddr::V6(_) => Reach::Routed,
    }
}

/// The neighbours whose hardware address the kernel knows; `None` where it does not tell.
pub(super) fn neighbours() -> Option<Table> {
    let neighbours = routes::neighbours().ok()?.into_iter();
    let complete = neighbours.filter(|neighbour| neighbour.is_complete && !neighbour.is_permanent);
    Some(
        complete
            .map(|neighbour| (neighbour.address.into(), neighbour.mac))
            .collect(),
    )
}

/// How many neighbours the kernel keeps.
pub(super) fn places() -> usize {
    let text = std::fs::read_to_string("/proc/sys/net/ipv4/neigh/default/gc_thresh3");
    let places = text.ok().and_then(|text| text.trim().parse().ok());
    places.unwrap_or(PLACES)
}
