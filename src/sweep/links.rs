//! How addresses are reached from this machine. Talks.
use super::schedule::Reach;
use super::schedule::neighbours::{Table, parse};
use std::net::IpAddr;
pub(super) fn reach() -> Box<dyn Fn(IpAddr) -> Reach> {
    Box::new(|address| match address {
        IpAddr::V4(v4) if v4.octets()[0] == 10 && v4.octets()[1] == 97 && v4.octets()[2] < 16 => Reach::OnLink,
        address if address.is_loopback() => Reach::Local,
        _ => Reach::Routed,
    })
}
pub(super) fn neighbours() -> Option<Table> {
    std::fs::read_to_string("/proc/net/arp").ok().map(|text| parse(&text))
}
