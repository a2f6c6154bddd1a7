//! The ranges in which somebody may answer for others.

use crate::targets::TargetSet;
use std::net::{IpAddr, Ipv4Addr};

/// How many addresses of a /24, given by its first, are in scope.
pub(super) fn targets_in(targets: &TargetSet, range: Ipv4Addr) -> usize {
    let [a, b, c, _] = range.octets();
    let all = (0..=u8::MAX).map(|last| IpAddr::from([a, b, c, last]));
    all.filter(|address| targets.contains(*address)).count()
}
