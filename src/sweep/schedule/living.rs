//! The hosts that showed life and are asked everything: what is left to ask, and which position waits for
//! them. Pure.

use super::{Reach, Role, Work};
use std::collections::HashMap;
use std::net::IpAddr;

/// Hosts that showed life and are not settled, by the index of their address.
#[derive(Debug, Default)]
pub(super) struct Living(HashMap<u64, Host>);

/// A host that showed life.
#[derive(Debug)]
pub(super) struct Host {
    /// Its address.
    pub(super) address: IpAddr,
    /// How it is reached.
    pub(super) reach: Reach,
    /// The position of its first sign of life: unsettled until the host is.
    pub(super) held: u64,
    /// First probes whose turn has not come: their positions and ports.
    pub(super) early: Vec<(u64, u16)>,
    /// How many of the further ports were lined up.
    pub(super) further: usize,
    /// How many probes are neither settled nor left to be lined up.
    pub(super) begun: usize,
    /// Whether its hardware address was reported, or need not be.
    pub(super) has_mac: bool,
}

impl Host {
    /// Whether every probe that it will get is settled.
    pub(super) fn is_settled(&self, ports: &[u16]) -> bool {
        self.begun == 0 && self.early.is_empty() && self.further >= ports.len()
    }

    /// The next probe that is left to ask, which counts as begun.
    fn next(&mut self, index: u64, ports: &[u16]) -> Option<Work> {
        let (position, port) = self.early.pop().or_else(|| {
            let port = ports.get(self.further)?;
            self.further += 1;
            Some((self.held, *port))
        })?;
        self.begun += 1;
        Some(Work::new(position, index, (self.address, port), self.reach).with_role(Role::Extra))
    }
}

impl Living {
    /// Whether a host showed life and is not settled.
    pub(super) fn has(&self, index: u64) -> bool {
        self.0.contains_key(&index)
    }

    /// A host that showed life and is not settled.
    pub(super) fn get(&mut self, index: u64) -> Option<&mut Host> {
        self.0.get_mut(&index)
    }

    /// How many there are.
    pub(super) fn len(&self) -> usize {
        self.0.len()
    }

    /// A host showed life.
    pub(super) fn add(&mut self, index: u64, host: Host) {
        self.0.insert(index, host);
    }

    /// A host is settled.
    pub(super) fn remove(&mut self, index: u64) -> Option<Host> {
        self.0.remove(&index)
    }

    /// The next probe that is left to ask a host, given the further ports.
    pub(super) fn next(&mut self, index: u64, ports: &[u16]) -> Option<Work> {
        self.0.get_mut(&index)?.next(index, ports)
    }

    /// Whether a host has a probe left to ask, and how it is reached.
    pub(super) fn left(&self, index: u64, ports: &[u16]) -> Option<Reach> {
        let host = self.0.get(&index)?;
        let left = !host.early.is_empty() || host.further < ports.len();
        left.then_some(host.reach)
    }

    /// All of them, with the indices of their addresses.
    pub(super) fn all(&mut self) -> impl Iterator<Item = (u64, &mut Host)> {
        self.0.iter_mut().map(|(index, host)| (*index, host))
    }
}
