//! The own link: routers and hosts are asked for their hardware addresses first. Nobody can be at an
//! address that has none.

use super::super::super::{Answer, ProbeKind, SweepEvent};
use super::super::frame::{self, BROADCAST};
use super::{Driver, Halt};
use crate::sweep::AddressSpace;
use crate::sweep::routes::{self, Neighbour};
use std::collections::{HashMap, VecDeque};
use std::net::{IpAddr, Ipv4Addr};
use std::ops::Range;
use std::time::Duration;

/// How long an answer on the own link is waited for at least: in the first pass, and in those after it, of
/// which little is expected.
const WAIT: Duration = Duration::from_millis(200);
const WAIT_AGAIN: Duration = Duration::from_millis(100);
/// How much longer than the slowest answer so far, and how long at most.
const TIMES: u32 = 3;
const LONGEST_WAIT: Duration = Duration::from_secs(1);
/// How often every silent neighbour is asked.
const PASSES: u8 = 2;
/// How often a router is asked.
const ROUTER_TRIES: u8 = 5;
/// What share of the answers a pass may have found so that no further one is needed.
const FEW: f64 = 0.005;

/// The search for neighbours, pass after pass over those that are silent. What answers is asked further
/// meanwhile.
#[derive(Debug, Default)]
pub(super) struct Search {
    /// Who has not answered, by index, and when each was last asked.
    silent: HashMap<Ipv4Addr, (u64, Duration)>,
    found: Vec<(Ipv4Addr, u64, Duration)>,
    /// Who is to be asked in this pass.
    to_ask: VecDeque<(u64, Ipv4Addr)>,
    pass: u8,
    /// When the answers to this pass must have come, once everybody was asked.
    until: Option<Duration>,
    /// How many answered in this pass, and in all.
    new: u32,
    all: u32,
    slowest: Duration,
}

impl Search {
    /// Whether it goes on.
    pub(super) fn is_on(&self) -> bool {
        self.is_asking() || self.until.is_some() || !self.found.is_empty()
    }

    /// Whether somebody is to be asked now.
    pub(super) fn is_asking(&self) -> bool {
        !self.to_ask.is_empty()
    }

    /// When the pass is over.
    pub(super) fn due(&self) -> Option<Duration> {
        self.until
    }

    /// Everybody was asked who is asked in this pass.
    fn asked(&mut self, now: Duration) {
        let least = if self.pass == 0 { WAIT } else { WAIT_AGAIN };
        let wait = (self.slowest * TIMES).clamp(least, LONGEST_WAIT);
        self.until = Some(now + wait);
    }

    /// The pass is over: those who are silent are asked again, or not.
    fn judge(&mut self, most: u8) {
        self.until = None;
        let few = f64::from(self.all) * FEW;
        self.pass += 1;
        let is_enough = self.pass >= PASSES && f64::from(self.new) <= few;
        if is_enough || self.pass >= PASSES.max(most) {
            return;
        }
        self.new = 0;
        let silent = self.silent.iter();
        let mut silent: Vec<_> = silent.map(|(at, (index, _))| (*index, *at)).collect();
        silent.sort_unstable();
        self.to_ask = silent.into();
    }
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

    /// Begins to look who is on the own link. Nothing is asked of anybody else there.
    pub(super) fn seek_neighbours(&mut self) {
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
        for index in parts.into_iter().flatten() {
            let is_new = self.seen.insert(index);
            let mut positions = self.job.plan.positions_of(index);
            let is_left = is_new && positions.any(|position| range.contains(&position));
            let address = self.job.plan.addresses().nth(index);
            if let Some(IpAddr::V4(address)) = address.filter(|_| is_left) {
                self.search.to_ask.push_back((index, address));
            }
        }
    }

    /// Asks the next neighbours.
    pub(super) fn ask_neighbours(&mut self, now: Duration, until: u64) {
        if !self.search.is_asking() {
            return;
        }
        while self.count.packets < until {
            let Some((index, address)) = self.search.to_ask.pop_front() else {
                break;
            };
            self.search.silent.insert(address, (index, now));
            let before = self.count.packets;
            if let Some(path) = self.paths.of(address) {
                self.who_has(path.ifindex, address);
            }
            if self.count.packets == before {
                // There is no way there any more.
                self.search.silent.remove(&address);
            }
        }
        if !self.search.is_asking() {
            self.search.asked(now);
        }
    }

    /// Takes in who has answered, and ends a pass whose time is over.
    pub(super) fn look_at_neighbours(&mut self, now: Duration) {
        let tries = self.search.pass + 1;
        self.greet(tries);
        let is_over = self
            .search
            .due()
            .is_some_and(|due| due <= now || self.search.silent.is_empty());
        if is_over {
            self.search.judge(self.job.profile.most_retries + 1);
        }
    }

    /// Takes those in that have answered.
    fn greet(&mut self, tries: u8) {
        for (address, index, trip) in std::mem::take(&mut self.search.found) {
            let range = self.job.range.clone();
            let positions = self.job.plan.positions_of(index);
            let Some(position) = positions.filter(|position| range.contains(position)).min() else {
                continue;
            };
            let now = self.now();
            self.meet(index, address, position, now);
            if let Some(host) = self.hosts.get_mut(&index) {
                host.trip = trip;
            }
            self.learn(index, ProbeKind::Neighbour, Answer::Alive);
            let probe = (position, address, ProbeKind::Neighbour);
            self.emit(probe, Answer::Alive, (trip, tries), None);
        }
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
            && let Some((index, sent)) = self.search.silent.remove(&address)
        {
            self.paths.learn(ifindex, address, mac);
            let trip = arrived.saturating_sub(sent);
            self.search.found.push((address, index, trip));
            self.search.slowest = self.search.slowest.max(trip);
            self.search.new += 1;
            self.search.all += 1;
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

    const MS: Duration = Duration::from_millis(1);

    fn search(count: u8) -> Search {
        let address = |last| (u64::from(last), Ipv4Addr::new(10, 0, 0, last));
        let mut search = Search::default();
        for (index, address) in (0..count).map(address) {
            search.silent.insert(address, (index, MS));
        }
        search
    }

    #[test]
    fn the_silent_are_asked_twice_and_again_only_where_that_found_somebody() {
        let mut search = search(3);
        search.judge(4);
        assert!(search.is_asking() && search.pass == 1);
        search.to_ask.clear();
        (search.all, search.new) = (100, 1);
        search.judge(4);
        assert!(search.is_asking() && search.pass == 2);
        search.to_ask.clear();
        search.all = 300;
        search.judge(4);
        assert!(!search.is_on());
    }

    #[test]
    fn a_slow_link_is_waited_for() {
        let mut search = search(1);
        search.asked(MS);
        assert_eq!(search.due(), Some(MS * 201));
        search.pass = 1;
        search.asked(MS);
        assert_eq!(search.due(), Some(MS * 101));
        search.slowest = MS * 150;
        search.asked(MS);
        assert_eq!(search.due(), Some(MS * 451));
    }

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
