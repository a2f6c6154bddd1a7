//! How fast: for the run, and for the machine this runs on. Pure: the time is an argument,
//! counted from the beginning of the sweep.

use std::collections::HashMap;
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

    /// At most so many probes a second from now on.
    pub(super) fn set(&mut self, rate: u32) {
        self.every = Duration::from_secs(1) / rate.max(1);
    }

    /// When the next probe may go.
    pub(super) fn next(&self) -> Duration {
        self.next
    }

    /// Keeps every probe back until a moment.
    pub(super) fn hold(&mut self, until: Duration) {
        self.next = self.next.max(until);
    }

    /// Counts packets that went without being asked for.
    pub(super) fn count(&mut self, packets: u32) {
        self.next += self.every * packets;
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
    /// The longest that any subnet has had.
    slowest: Duration,
}

/// How many subnets are remembered; further ones wait as if they had no sample.
const SUBNETS_LIMIT: usize = 65_536;
/// How many subnets must have been heard of until they say something about others.
const MANY_SUBNETS: usize = 16;

impl RoundTrips {
    /// No time-out is longer than this.
    pub(super) fn new(longest: Duration) -> Self {
        Self {
            longest,
            smoothed: HashMap::new(),
            slowest: Duration::ZERO,
        }
    }

    /// Learns from an answer: an exponential average with weight 1/8 (RFC 6298 section 2).
    pub(super) fn sample(&mut self, address: IpAddr, round_trip: Duration) {
        let full = self.smoothed.len() >= SUBNETS_LIMIT;
        let smoothed = match self.smoothed.get_mut(&subnet(address)) {
            Some(smoothed) => {
                *smoothed = (*smoothed * 7 + round_trip) / 8;
                *smoothed
            }
            None if full => return,
            None => {
                self.smoothed.insert(subnet(address), round_trip);
                round_trip
            }
        };
        self.slowest = self.slowest.max(smoothed);
    }

    /// How long to wait for an address: four smoothed round trips of its subnet and 50 ms, from
    /// 200 ms to the longest; 1 s before any sample.
    ///
    /// Where a subnet has no sample, the slowest of many others stands for it, but not in a probe's `last`
    /// try: the empty-looking subnet may be the far one.
    pub(super) fn timeout(&self, address: IpAddr, last: bool) -> Duration {
        let shortest = Duration::from_millis(200).min(self.longest);
        let others = !last && self.smoothed.len() >= MANY_SUBNETS;
        let smoothed = self.smoothed.get(&subnet(address)).copied();
        let smoothed = smoothed.or(others.then_some(self.slowest));
        let wanted = smoothed.map_or(Duration::from_secs(1), |smoothed| {
            smoothed * 4 + Duration::from_millis(50)
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
        assert_eq!(trips.timeout(ip("10.0.0.1"), true), MS * 1_000);
        trips.sample(ip("10.0.0.1"), MS);
        assert_eq!(trips.timeout(ip("10.0.0.2"), true), MS * 200);
        assert_eq!(trips.timeout(ip("10.0.1.2"), false), MS * 1_000);
        trips.sample(ip("fd00::1"), MS * 100);
        assert_eq!(trips.timeout(ip("fd00::2"), true), MS * 450);
        trips.sample(ip("10.0.2.1"), MS * 5_000);
        assert_eq!(trips.timeout(ip("10.0.2.1"), true), MS * 1_500);
        let trips = RoundTrips::new(MS * 20);
        assert_eq!(trips.timeout(ip("10.0.0.1"), true), MS * 20);
    }

    #[test]
    fn an_empty_subnet_waits_as_the_slowest_of_many_but_for_its_last_try() {
        let mut trips = RoundTrips::new(MS * 1_500);
        for third in 0..16_u8 {
            assert_eq!(trips.timeout(ip("10.9.9.1"), false), MS * 1_000);
            let address = std::net::Ipv4Addr::new(10, 0, third, 1);
            trips.sample(address.into(), MS * (10 + u32::from(third) * 5));
        }
        assert_eq!(trips.timeout(ip("10.9.9.1"), false), MS * 390);
        assert_eq!(trips.timeout(ip("10.9.9.1"), true), MS * 1_000);
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
}
