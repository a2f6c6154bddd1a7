//! How fast: for the run, for a host, for the machine this runs on. Pure: the time is an argument,
//! counted from the beginning of the sweep.

use std::collections::{HashMap, VecDeque};
use std::net::IpAddr;
use std::time::Duration;

/// How many probes may be late and are then sent at once.
const BURST: u32 = 128;

/// The run's rate: each probe has its moment, and late ones catch up, but not by more than a
/// short burst.
#[derive(Debug)]
pub(super) struct Pacer {
    every: Duration,
    next: Duration,
}

impl Pacer {
    /// At most so many probes a second.
    pub(super) fn new(rate: u32) -> Self {
        Self {
            every: Duration::from_secs(1) / rate.max(1),
            next: Duration::ZERO,
        }
    }

    /// When the next probe may go.
    pub(super) fn next(&self) -> Duration {
        self.next
    }

    /// Keeps every probe back until a moment.
    pub(super) fn hold(&mut self, until: Duration) {
        self.next = self.next.max(until);
    }

    /// Whether a probe may go now; if so it is counted.
    pub(super) fn take(&mut self, now: Duration) -> bool {
        if now < self.next {
            return false;
        }
        // A rate below 1,000 would otherwise save up for a burst that lasts too long.
        let late = (self.every * BURST).min(Duration::from_millis(50));
        self.next = self.next.max(now.saturating_sub(late)) + self.every;
        true
    }
}

/// Round trips by /24 or /64, and the time-outs that follow from them.
#[derive(Debug)]
pub(super) struct RoundTrips {
    longest: Duration,
    smoothed: HashMap<u64, Duration>,
}

/// How many subnets are remembered; further ones wait as if they had no sample.
const SUBNETS_LIMIT: usize = 65_536;

impl RoundTrips {
    /// No time-out is longer than this.
    pub(super) fn new(longest: Duration) -> Self {
        Self {
            longest,
            smoothed: HashMap::new(),
        }
    }

    /// Learns from an answer: an exponential average with weight 1/8 (RFC 6298 section 2).
    pub(super) fn sample(&mut self, address: IpAddr, round_trip: Duration) {
        let full = self.smoothed.len() >= SUBNETS_LIMIT;
        let subnet = subnet(address);
        match self.smoothed.get_mut(&subnet) {
            Some(smoothed) => *smoothed = (*smoothed * 7 + round_trip) / 8,
            None if full => {}
            None => drop(self.smoothed.insert(subnet, round_trip)),
        }
    }

    /// How long to wait for an address: four smoothed round trips of its subnet and 50 ms, from
    /// 200 ms to the longest; 1 s before any sample.
    pub(super) fn timeout(&self, address: IpAddr) -> Duration {
        let shortest = Duration::from_millis(200).min(self.longest);
        let smoothed = self.smoothed.get(&subnet(address));
        let wanted = smoothed.map_or(Duration::from_secs(1), |smoothed| {
            *smoothed * 4 + Duration::from_millis(50)
        });
        wanted.clamp(shortest, self.longest)
    }
}

/// A number for the /24 or /64 of an address.
pub(super) fn subnet(address: IpAddr) -> u64 {
    match address {
        IpAddr::V4(address) => u64::from(u32::from(address) >> 8),
        // Global and private prefixes are far above every IPv4 number; the few below may share one.
        IpAddr::V6(address) => u64::try_from(u128::from(address) >> 64).unwrap_or(u64::MAX),
    }
}

/// How many connections may be open at once on this machine: shrinks when the system runs out of
/// something, and grows back slowly.
#[derive(Debug)]
pub(super) struct Width {
    most: usize,
    now: usize,
    grows: Duration,
}

/// How long it takes until the width grows again, by a tenth.
const GROWTH: Duration = Duration::from_secs(1);

impl Width {
    /// Never more than this, and never less than one.
    pub(super) fn new(most: usize) -> Self {
        let most = most.max(1);
        Self {
            most,
            now: most,
            grows: Duration::ZERO,
        }
    }

    /// How many connections may be open now.
    pub(super) fn at(&mut self, now: Duration) -> usize {
        if self.now < self.most && now >= self.grows {
            self.now = (self.now + self.now / 10 + 1).min(self.most);
            self.grows = now + GROWTH;
        }
        self.now
    }

    /// The system ran out while so many were open.
    pub(super) fn shrink(&mut self, now: Duration, open: usize) {
        self.now = self.now.min(open.saturating_sub(open / 8)).max(1);
        self.grows = now + GROWTH;
    }
}

/// What a host may be asked at the moment.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Admission {
    /// The connection may be opened, and is counted.
    Now,
    /// Not before this moment, which is kept for it.
    At(Duration),
    /// When another connection to the host has ended: [`Hosts::done`] gives it back.
    Waiting,
}

/// The hosts that are being probed: at most so many connections at once, and so many a second.
#[derive(Debug)]
pub(super) struct Hosts<T> {
    every: Duration,
    at_once: usize,
    busy: HashMap<IpAddr, Host<T>>,
    /// How many hosts there may be until the forgotten ones are dropped.
    crowd: usize,
    waiting: usize,
}

#[derive(Debug)]
struct Host<T> {
    open: usize,
    next: Duration,
    waiting: VecDeque<T>,
}

impl<T> Hosts<T> {
    /// At most so many probes a second, and connections at once, to each host.
    pub(super) fn new(rate: u32, at_once: usize) -> Self {
        Self {
            every: Duration::from_secs(1) / rate.max(1),
            at_once: at_once.max(1),
            busy: HashMap::new(),
            crowd: 1024,
            waiting: 0,
        }
    }

    /// Asks for a connection to a host. `kept` says that the moment was given out by an earlier
    /// [`Admission::At`].
    pub(super) fn admit(
        &mut self,
        address: IpAddr,
        kept: bool,
        now: Duration,
        probe: impl FnOnce() -> T,
    ) -> Admission {
        self.forget(now);
        let host = self.busy.entry(address).or_insert_with(|| Host {
            open: 0,
            next: now,
            waiting: VecDeque::new(),
        });
        if !kept && host.next > now {
            let at = host.next;
            host.next += self.every;
            return Admission::At(at);
        }
        if !kept {
            host.next = now + self.every;
        }
        if host.open >= self.at_once {
            host.waiting.push_back(probe());
            self.waiting += 1;
            return Admission::Waiting;
        }
        host.open += 1;
        Admission::Now
    }

    /// A connection to a host has ended; the probe that waited longest is given back. It must ask
    /// again, for a new moment: those that waited together may not rush in together.
    pub(super) fn done(&mut self, address: IpAddr) -> Option<T> {
        let host = self.busy.get_mut(&address)?;
        host.open = host.open.saturating_sub(1);
        let probe = host.waiting.pop_front()?;
        self.waiting -= 1;
        Some(probe)
    }

    /// How many probes wait for a connection to end.
    pub(super) fn waiting(&self) -> usize {
        self.waiting
    }

    /// Drops hosts of which nothing needs to be remembered, now and then.
    fn forget(&mut self, now: Duration) {
        if self.busy.len() < self.crowd {
            return;
        }
        let busy = |host: &Host<T>| host.open > 0 || host.next > now || !host.waiting.is_empty();
        self.busy.retain(|_, host| busy(host));
        self.crowd = (self.busy.len() * 2).max(1024);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const MS: Duration = Duration::from_millis(1);

    fn ip(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    proptest! {
        #[test]
        fn the_rate_is_never_exceeded_by_more_than_a_burst(rate in 1_u32..20_000, steps in prop::collection::vec(0_u32..40, 1..60)) {
            let mut pacer = Pacer::new(rate);
            let mut now = Duration::ZERO;
            let mut sent = 0_u32;
            for step in steps {
                now += MS * step;
                while pacer.take(now) {
                    sent += 1;
                }
                prop_assert!(f64::from(sent) <= now.as_secs_f64() * f64::from(rate) * 1.001 + f64::from(BURST) + 1.0);
            }
        }
    }

    #[test]
    fn late_probes_catch_up() {
        let mut pacer = Pacer::new(5_000);
        let mut sent = 0;
        for step in 0..=100 {
            while pacer.take(MS * 10 * step) {
                sent += 1;
            }
        }
        assert!((5_000..=5_001).contains(&sent), "{sent}");
    }

    #[test]
    fn the_time_out_follows_the_subnet() {
        let mut trips = RoundTrips::new(MS * 1_500);
        assert_eq!(trips.timeout(ip("10.0.0.1")), MS * 1_000);
        trips.sample(ip("10.0.0.1"), MS);
        assert_eq!(trips.timeout(ip("10.0.0.2")), MS * 200);
        assert_eq!(trips.timeout(ip("10.0.1.2")), MS * 1_000);
        trips.sample(ip("fd00::1"), MS * 100);
        assert_eq!(trips.timeout(ip("fd00::2")), MS * 450);
        trips.sample(ip("10.0.2.1"), MS * 5_000);
        assert_eq!(trips.timeout(ip("10.0.2.1")), MS * 1_500);
        assert_eq!(RoundTrips::new(MS * 20).timeout(ip("10.0.0.1")), MS * 20);
    }

    #[test]
    fn a_machine_that_runs_out_is_asked_for_less_and_then_slowly_for_more() {
        let mut width = Width::new(1_000);
        width.shrink(MS, 80);
        assert_eq!(width.at(MS), 70);
        assert_eq!(width.at(MS * 2_000), 78);
        assert_eq!(width.at(MS * 2_001), 78);
        width.shrink(MS, 0);
        assert_eq!(width.at(MS), 1);
    }

    #[test]
    fn a_host_gets_its_probes_one_after_another() {
        let mut hosts = Hosts::new(20, 2);
        let host = ip("10.0.0.1");
        assert_eq!(hosts.admit(host, false, MS, || 1), Admission::Now);
        assert_eq!(hosts.admit(host, false, MS, || 2), Admission::At(MS * 51));
        assert_eq!(hosts.admit(host, false, MS, || 3), Admission::At(MS * 101));
        assert_eq!(hosts.admit(ip("10.0.0.2"), false, MS, || 4), Admission::Now);
        assert_eq!(hosts.admit(host, true, MS * 51, || 2), Admission::Now);
        assert_eq!(hosts.admit(host, true, MS * 101, || 3), Admission::Waiting);
        assert_eq!(hosts.waiting(), 1);
        assert_eq!(hosts.done(host), Some(3));
        assert_eq!(
            hosts.admit(host, false, MS * 110, || 3),
            Admission::At(MS * 151)
        );
        assert_eq!(hosts.admit(host, true, MS * 151, || 3), Admission::Now);
        assert_eq!((hosts.done(host), hosts.waiting()), (None, 0));
    }

    #[test]
    fn only_hosts_in_flight_are_remembered() {
        let mut hosts: Hosts<()> = Hosts::new(20, 2);
        for n in 0..100_000_u32 {
            let host = IpAddr::from(std::net::Ipv4Addr::from(n));
            hosts.admit(host, false, MS * n, || ());
            hosts.done(host);
        }
        assert!(hosts.busy.len() <= 1024);
    }
}
