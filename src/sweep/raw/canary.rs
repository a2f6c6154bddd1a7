//! Hosts that are known to answer, asked again and again: they say how the network does. Pure.

use super::super::ProbeKind;
use std::collections::{HashMap, VecDeque};
use std::net::Ipv4Addr;
use std::time::Duration;

/// The canaries of a sweep.
#[derive(Debug)]
pub(super) struct Canaries {
    list: Vec<Canary>,
    places: HashMap<Ipv4Addr, usize>,
    turn: usize,
    every: Duration,
    /// When each was asked, in order.
    flights: VecDeque<(Duration, usize)>,
    pub(super) asked: u64,
    pub(super) lost: u64,
}

#[derive(Debug)]
struct Canary {
    address: Ipv4Addr,
    kind: ProbeKind,
    /// Not asked before.
    next: Duration,
    /// When it was asked, if it has not answered.
    asked: Option<Duration>,
    /// How often in a row it did not answer.
    silent: u32,
}

/// More are not needed.
const MOST: usize = 1024;
/// One that was silent so often in a row has gone, or will not be asked any more.
const GONE: u32 = 5;

impl Canaries {
    /// None yet; each is to be asked so often at most.
    pub(super) fn new(every: Duration) -> Self {
        Self {
            list: Vec::new(),
            places: HashMap::new(),
            turn: 0,
            every,
            flights: VecDeque::new(),
            asked: 0,
            lost: 0,
        }
    }

    /// A host that answered this: an echo or a refusal, which leave nothing behind.
    pub(super) fn add(&mut self, address: Ipv4Addr, kind: ProbeKind, now: Duration) {
        if self.list.len() >= MOST || self.places.contains_key(&address) {
            return;
        }
        self.places.insert(address, self.list.len());
        self.list.push(Canary {
            address,
            kind,
            next: now + self.every,
            asked: None,
            silent: 0,
        });
    }

    /// One that may be asked now, in turn; it counts as asked.
    pub(super) fn next(&mut self, now: Duration) -> Option<(Ipv4Addr, ProbeKind)> {
        // Where all are busy, looking for one must not take long.
        for _ in 0..self.list.len().min(16) {
            self.turn = (self.turn + 1) % self.list.len();
            let canary = self.list.get_mut(self.turn)?;
            if canary.asked.is_none() && canary.next <= now && canary.silent < GONE {
                canary.asked = Some(now);
                canary.next = now + self.every * (1 << canary.silent);
                self.flights.push_back((now, self.turn));
                self.asked += 1;
                return Some((canary.address, canary.kind));
            }
        }
        None
    }

    /// One has answered; says when it was asked.
    pub(super) fn answered(&mut self, address: Ipv4Addr) -> Option<Duration> {
        let place = self.places.get(&address)?;
        let canary = self.list.get_mut(*place)?;
        canary.silent = 0;
        canary.asked.take()
    }

    /// When one was asked that has not answered after a time; it is free again.
    pub(super) fn expired(&mut self, now: Duration, time_out: Duration) -> Option<Duration> {
        while let Some((asked, place)) = self.flights.front().copied() {
            if asked + time_out > now {
                return None;
            }
            self.flights.pop_front();
            let Some(canary) = self.list.get_mut(place) else {
                continue;
            };
            if canary.asked == Some(asked) {
                canary.asked = None;
                canary.silent += 1;
                self.lost += 1;
                return Some(asked);
            }
        }
        None
    }

    /// When the next one counts as lost, if it does not answer.
    pub(super) fn due(&self, time_out: Duration) -> Option<Duration> {
        self.flights.front().map(|(asked, _)| *asked + time_out)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: Duration = Duration::from_millis(1);

    #[test]
    fn a_canary_is_asked_in_turn_and_counts_as_lost_in_time() {
        let mut canaries = Canaries::new(MS * 40);
        let [one, other] = [1, 2].map(|last| Ipv4Addr::new(10, 0, 0, last));
        canaries.add(one, ProbeKind::Echo, Duration::ZERO);
        canaries.add(other, ProbeKind::Tcp(22), Duration::ZERO);
        canaries.add(one, ProbeKind::Tcp(22), Duration::ZERO);
        assert_eq!(canaries.next(MS * 39), None);
        assert!(canaries.next(MS * 40).is_some());
        assert!(canaries.next(MS * 41).is_some());
        assert_eq!(canaries.next(MS * 90), None);
        assert_eq!(canaries.answered(one), Some(MS * 41));
        assert_eq!(canaries.answered(one), None);
        assert_eq!(canaries.expired(MS * 139, MS * 100), None);
        assert_eq!(canaries.expired(MS * 140, MS * 100), Some(MS * 40));
        assert_eq!(canaries.expired(MS * 500, MS * 100), None);
        assert_eq!((canaries.asked, canaries.lost), (2, 1));
    }

    #[test]
    fn one_that_has_gone_is_left_in_peace() {
        let mut canaries = Canaries::new(MS);
        canaries.add(Ipv4Addr::LOCALHOST, ProbeKind::Echo, Duration::ZERO);
        let mut now = MS;
        for _ in 0..1_000 {
            canaries.next(now);
            now += MS * 100;
            canaries.expired(now, MS * 100);
        }
        assert_eq!(canaries.asked, 5);
    }
}
