//! Addresses that a credential reaches through a jump host: where the sweep hears nothing there, they are
//! tried through it.

use super::Keyring;
use crate::credentials::Credential;
use crate::model::LiveHost;
use crate::targets::TargetSet;
use std::net::IpAddr;
use std::sync::Arc;

/// How many addresses a run tries through jump hosts at most: each silent one takes seconds of the few
/// connections that go through them.
pub const MOST: usize = 4_096;

/// The addresses among the targets that a credential with a jump host covers, at most one more than
/// [`MOST`].
pub fn behind(targets: &TargetSet, keyring: &Keyring) -> Vec<IpAddr> {
    let credentials = keyring.credentials().iter();
    let by_jump: Vec<&Credential> = credentials.filter(|it| it.jump.is_some()).collect();
    if by_jump.is_empty() {
        return Vec::new();
    }
    let all = (0..targets.len()).filter_map(|at| targets.nth(at));
    let covered = all.filter(|address| {
        let host = described(targets, *address, Vec::new());
        by_jump.iter().any(|it| it.scope.covers(&host))
    });
    covered.take(MOST + 1).collect()
}

/// The credentials that may be used on the way to a few targets: those that cover one of them, and those of the jump
/// hosts that these name.
pub fn concerned<'a>(targets: &TargetSet, keyring: &'a Keyring) -> Vec<&'a Credential> {
    let all = (0..targets.len()).filter_map(|at| targets.nth(at));
    let hosts: Vec<LiveHost> = all
        .map(|address| described(targets, address, Vec::new()))
        .collect();
    let covers = |it: &&Credential| hosts.iter().any(|host| it.scope.covers(host));
    let covering: Vec<&Credential> = keyring.credentials().iter().filter(covers).collect();
    let goes_on = covering.iter().any(|it| it.jump.is_some());
    let on_the_way = |it: &Credential| {
        let mut jumps = keyring.jumps().iter();
        goes_on && jumps.any(|jump| jump.credential == it.id)
    };
    let is_concerned = |it: &&Credential| covers(it) || on_the_way(it);
    let all = keyring.credentials().iter();
    all.filter(is_concerned).collect()
}

/// A host as the operator describes it, with the ports on which it is tried.
pub(super) fn described(targets: &TargetSet, address: IpAddr, ports: Vec<u16>) -> LiveHost {
    let said = targets.describe(address);
    LiveHost {
        address,
        name: said.name,
        tags: Arc::clone(&said.tags),
        open_ports: ports,
        round_trip: None,
    }
}
