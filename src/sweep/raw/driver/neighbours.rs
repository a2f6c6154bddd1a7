//! The own link: routers and hosts are asked for their hardware addresses first. Nobody can be at an
//! address that has none.

use super::super::super::{Answer, ProbeKind, SweepEvent};
use super::super::frame::{self, BROADCAST};
use super::super::pacing::Pacing;
use super::{Driver, Halt};
use crate::sweep::AddressSpace;
use crate::sweep::routes::{self, Neighbour};
use std::collections::{HashMap, VecDeque};
use std::net::{IpAddr, Ipv4Addr};
use std::ops::Range;
use std::time::Duration;

/// How long an answer on the own link is waited for.
const WAIT: Duration = Duration::from_millis(200);
/// How often every silent neighbour is asked.
const PASSES: u8 = 2;
/// How often a router is asked.
const ROUTER_TRIES: u8 = 5;
/// What share of the answers a pass may have found so that no further one is needed.
const FEW: f64 = 0.005;

/// Neighbours that are asked for now.
#[derive(Debug, Default)]
pub(super) struct Asked {
    /// Who has not answered, by index.
    silent: HashMap<Ipv4Addr, (u64, Duration)>,
    found: Vec<(Ipv4Addr, u64, Duration)>,
}

/// Places in the kernel's own table of neighbours, which connections to hosts on the link take, each for
/// some seconds. Where it is full, nobody on this machine reaches a new neighbour.
#[derive(Debug)]
pub(super) struct Slots {
    most: usize,
    taken: VecDeque<(Duration, u64)>,
}

impl Slots {
    /// Leaves a sixteenth of the table to others. Who is in it keeps a place for a while.
    pub(super) fn read(addresses: &dyn AddressSpace) -> Self {
        let limit = std::fs::read_to_string("/proc/sys/net/ipv4/neigh/default/gc_thresh3");
        let limit = limit.ok().and_then(|limit| limit.trim().parse().ok());
        let limit: usize = limit.unwrap_or(1024);
        let known = routes::neighbours().unwrap_or_default().into_iter();
        let index = |known: Neighbour| addresses.index_of(IpAddr::V4(known.address));
        // A number that no host of ours has stands for others.
        let known = known.map(|known| (Duration::ZERO, index(known).unwrap_or(u64::MAX)));
        Self {
            most: (limit - limit / 16).max(1),
            taken: known.collect(),
        }
    }

    /// Takes a place for a host, if there is one; a host needs no second one.
    pub(super) fn take(&mut self, index: u64, now: Duration) -> bool {
        /// The kernel throws nothing out that is younger than five seconds.
        const KEPT: Duration = Duration::from_secs(6);
        while self.taken.front().is_some_and(|(at, _)| *at + KEPT <= now) {
            self.taken.pop_front();
        }
        if self.taken.iter().any(|(_, other)| *other == index) {
            return true;
        }
        let has_room = self.taken.len() < self.most;
        if has_room {
            self.taken.push_back((now, index));
        }
        has_room
    }
}

impl Driver<'_> {
    /// No other machine has our own addresses, or a network's first and last one.
    pub(super) fn leave_out_nobodys(&mut self) {
        for address in self.paths.nobodys().to_vec() {
            if let Some(index) = self.index_of(address) {
                self.seen.insert(index);
            }
        }
    }

    /// Finds the hardware address of each router on the way.
    pub(super) fn find_routers(&mut self) -> Result<(), Halt> {
        let addresses = self.job.plan.addresses();
        let parts = self.paths.parts(addresses, self.leg.indices());
        let mut routers: Vec<(u32, Ipv4Addr, String)> = Vec::new();
        for (range, path) in parts {
            let Some(path) = path else {
                // Our own addresses are on no link.
                if range.clone().all(|index| self.seen.contains(index)) {
                    continue;
                }
                return Err(Halt::Broken("the routes have changed".to_owned()));
            };
            routers.extend(
                path.gateway
                    .map(|gateway| (path.ifindex, gateway, path.device.clone())),
            );
        }
        routers.sort();
        routers.dedup();
        let known = routes::neighbours().unwrap_or_default();
        for (ifindex, gateway, device) in &routers {
            let mut known = known.iter();
            let known = known
                .find(|one| one.is_complete && one.address == *gateway && *one.device == **device);
            if let Some(known) = known {
                self.paths.learn(*ifindex, *gateway, known.mac);
            }
        }
        for _ in 0..ROUTER_TRIES {
            let silent = |(ifindex, gateway, _): &&(u32, Ipv4Addr, String)| {
                self.paths.mac(*ifindex, *gateway).is_none()
            };
            let silent: Vec<_> = routers.iter().filter(silent).cloned().collect();
            if silent.is_empty() {
                return Ok(());
            }
            for (ifindex, gateway, _) in &silent {
                self.who_has(*ifindex, *gateway);
            }
            self.deliver()?;
            self.listen_for(WAIT, |driver| {
                let mut silent = silent.iter();
                silent.all(|(ifindex, gateway, _)| driver.paths.mac(*ifindex, *gateway).is_some())
            })?;
        }
        let silent = |(ifindex, gateway, _): &&(u32, Ipv4Addr, String)| {
            self.paths.mac(*ifindex, *gateway).is_none()
        };
        match routers.iter().find(silent) {
            None => Ok(()),
            Some((_, gateway, device)) => Err(Halt::Broken(format!(
                "the router {gateway} on {device} does not answer"
            ))),
        }
    }

    /// Finds who is on the own link, and settles everybody else there.
    pub(super) fn find_neighbours(&mut self) -> Result<(), Halt> {
        let parts = self
            .paths
            .parts(self.job.plan.addresses(), self.leg.indices());
        let near = |path: Option<&super::super::paths::Path>| {
            path.is_some_and(|path| path.gateway.is_none())
        };
        let parts: Vec<Range<u64>> = parts
            .into_iter()
            .filter(|(_, path)| near(*path))
            .map(|(range, _)| range)
            .collect();
        let range = self.job.range.clone();
        let mut silent: Vec<(u64, Ipv4Addr)> = Vec::new();
        for index in parts.into_iter().flatten() {
            let is_new = self.seen.insert(index);
            let mut positions = self.job.plan.positions_of(index);
            let is_left = is_new && positions.any(|position| range.contains(&position));
            let address = self.job.plan.addresses().nth(index);
            if let Some(IpAddr::V4(address)) = address.filter(|_| is_left) {
                silent.push((index, address));
            }
        }
        let mut found = 0_usize;
        for pass in 0..PASSES.max(self.job.profile.most_retries + 1) {
            if silent.is_empty() {
                break;
            }
            let asked = silent.len();
            self.ask_neighbours(&silent, pass + 1)?;
            silent.retain(|(index, _)| !self.hosts.contains_key(index));
            let new = asked - silent.len();
            found += new;
            let few = f64::from(u32::try_from(found).unwrap_or(u32::MAX)) * FEW;
            if pass + 1 >= PASSES && f64::from(u32::try_from(new).unwrap_or(u32::MAX)) <= few {
                break;
            }
        }
        Ok(())
    }

    fn ask_neighbours(&mut self, silent: &[(u64, Ipv4Addr)], tries: u8) -> Result<(), Halt> {
        let rate = f64::from(self.job.profile.rate);
        let mut pacing = Pacing::new();
        let mut silent_left = silent.iter();
        let begun = self.now();
        loop {
            let now = self.now();
            let due = pacing.due(now.saturating_sub(begun), rate);
            let some: Vec<_> = silent_left.by_ref().take(due).collect();
            if due > 0 && some.is_empty() {
                break;
            }
            for (index, address) in &some {
                self.asked.silent.insert(*address, (*index, now));
                if let Some(path) = self.paths.of(*address) {
                    self.who_has(path.ifindex, *address);
                }
            }
            self.deliver()?;
            pacing.sent(now.saturating_sub(begun), some.len(), rate);
            self.hear()?;
            self.greet(tries)?;
            if some.is_empty() {
                let next = pacing.next(now.saturating_sub(begun), rate) + begun;
                self.connects
                    .wait(next.saturating_sub(now).max(Duration::from_millis(1)))?;
            }
        }
        let until = self.now() + WAIT;
        loop {
            let left = until.saturating_sub(self.now());
            self.hear()?;
            self.greet(tries)?;
            if left.is_zero() || self.asked.silent.is_empty() {
                return Ok(());
            }
            self.connects.wait(left.min(Duration::from_millis(20)))?;
        }
    }

    /// Takes those in that have answered.
    fn greet(&mut self, tries: u8) -> Result<(), Halt> {
        for (address, index, trip) in std::mem::take(&mut self.asked.found) {
            let range = self.job.range.clone();
            let positions = self.job.plan.positions_of(index);
            let Some(position) = positions.filter(|position| range.contains(position)).min() else {
                continue;
            };
            let now = self.now();
            self.meet(index, address, position, now);
            self.learn(index, ProbeKind::Neighbour, Answer::Alive);
            let probe = (position, address, ProbeKind::Neighbour);
            self.emit(probe, Answer::Alive, (trip, tries), None);
        }
        self.flush()
    }

    /// A machine on a link says which hardware address it has.
    pub(super) fn neighbour(
        &mut self,
        ifindex: u32,
        address: Ipv4Addr,
        mac: [u8; 6],
        arrived: Duration,
    ) {
        if self.paths.mac(ifindex, address).is_some() {
            // A router that has changed, or two machines with one address: the last one stands.
            self.paths.learn(ifindex, address, mac);
            return;
        }
        let is_here =
            |path: &super::super::paths::Path| path.ifindex == ifindex && path.gateway.is_none();
        if self.paths.is_gateway(ifindex, address) {
            self.paths.learn(ifindex, address, mac);
        }
        if self.paths.of(address).is_some_and(is_here)
            && let Some((index, sent)) = self.asked.silent.remove(&address)
        {
            self.paths.learn(ifindex, address, mac);
            self.asked
                .found
                .push((address, index, arrived.saturating_sub(sent)));
        }
    }

    /// Whether an address is on the own link.
    pub(super) fn is_near(&self, address: Ipv4Addr) -> bool {
        let path = self.paths.of(address);
        path.is_some_and(|path| path.gateway.is_none())
    }

    fn who_has(&mut self, ifindex: u32, address: Ipv4Addr) {
        let path = self.paths.on(ifindex, address);
        if let Some(ends) = path.map(|path| path.ends(address, BROADCAST)) {
            self.push_frame(ifindex, frame::who_has(&ends));
        }
    }

    fn listen_for(
        &mut self,
        time: Duration,
        is_enough: impl Fn(&Self) -> bool,
    ) -> Result<(), Halt> {
        let until = self.now() + time;
        while self.now() < until && !is_enough(self) {
            self.connects.wait(Duration::from_millis(10))?;
            self.hear()?;
            if self.job.stop.is_cancelled() {
                return Err(Halt::Stop);
            }
        }
        Ok(())
    }

    /// Says that answers were lost on this machine.
    pub(super) fn own_up(&mut self) {
        if self.count.dropped > 0 {
            let dropped = self.count.dropped;
            let notice = format!(
                "this machine was too slow to read {dropped} answers; they were asked for again"
            );
            self.outbox.push_back(SweepEvent::Notice(notice));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_in_the_table_is_free_again_after_a_while() {
        let second = Duration::from_secs(1);
        let mut slots = Slots {
            most: 2,
            taken: VecDeque::new(),
        };
        assert!(slots.take(1, second) && slots.take(2, second));
        assert!(slots.take(1, second * 2) && !slots.take(3, second * 2));
        assert!(slots.take(3, second * 7));
    }
}
