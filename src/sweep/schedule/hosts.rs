//! What each host is asked, one after another: at most so many connections at once, and so many probes a
//! second. Pure: the time is an argument.

use super::Work;
use std::collections::{HashMap, VecDeque};
use std::time::Duration;

/// The hosts that are being asked, by the index of their address.
#[derive(Debug)]
pub(super) struct Hosts {
    every: Duration,
    at_once: usize,
    busy: HashMap<u64, Host>,
    /// How many hosts there may be until the forgotten ones are dropped.
    crowd: usize,
    waiting: usize,
}

#[derive(Debug, Default)]
struct Host {
    open: usize,
    /// When the next connection may begin.
    next: Duration,
    waiting: VecDeque<Work>,
    /// Whether somebody else remembers to come back to it.
    has_turn: bool,
}

impl Hosts {
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

    /// Lines a probe up.
    pub(super) fn line_up(&mut self, work: Work, now: Duration) {
        self.forget(now);
        let host = self.busy.entry(work.index).or_default();
        host.waiting.push_back(work);
        self.waiting += 1;
    }

    /// The probe that is next in the line.
    pub(super) fn front(&self, index: u64) -> Option<&Work> {
        self.busy.get(&index)?.waiting.front()
    }

    /// Takes the probe that is next in the line.
    pub(super) fn pop(&mut self, index: u64) -> Option<Work> {
        let work = self.busy.get_mut(&index)?.waiting.pop_front()?;
        self.waiting -= 1;
        Some(work)
    }

    /// Whether nothing is open to a host, nothing waits for it, and it may be asked now.
    pub(super) fn is_idle(&self, index: u64, now: Duration) -> bool {
        let host = self.busy.get(&index);
        host.is_none_or(|host| host.open == 0 && host.waiting.is_empty() && host.next <= now)
    }

    /// When a further connection may be opened, as far as can be told; `None` while too many are open.
    /// `alone` is for a host that may have only one.
    pub(super) fn next(&self, index: u64, alone: bool) -> Option<Duration> {
        let most = if alone { 1 } else { self.at_once };
        let host = self.busy.get(&index);
        host.map_or(Some(Duration::ZERO), |host| {
            (host.open < most).then_some(host.next)
        })
    }

    /// Whether somebody has already promised to come back to a host.
    pub(super) fn has_turn(&self, index: u64) -> bool {
        self.busy.get(&index).is_some_and(|host| host.has_turn)
    }

    /// Remembers whether somebody has promised to come back to a host.
    pub(super) fn set_turn(&mut self, index: u64, has_turn: bool) {
        if has_turn {
            self.busy.entry(index).or_default().has_turn = true;
        } else if let Some(host) = self.busy.get_mut(&index) {
            host.has_turn = false;
        }
    }

    /// A connection to a host begins.
    pub(super) fn begin(&mut self, index: u64, now: Duration) {
        self.forget(now);
        let host = self.busy.entry(index).or_default();
        host.open += 1;
        host.next = now + self.every;
    }

    /// A connection to a host has ended.
    pub(super) fn end(&mut self, index: u64) {
        if let Some(host) = self.busy.get_mut(&index) {
            host.open = host.open.saturating_sub(1);
        }
    }

    /// How many probes wait for their host.
    pub(super) fn waiting(&self) -> usize {
        self.waiting
    }

    /// Drops hosts of which nothing needs to be remembered, now and then.
    fn forget(&mut self, now: Duration) {
        if self.busy.len() < self.crowd {
            return;
        }
        self.busy.retain(|_, host| {
            host.open > 0 || host.next > now || host.has_turn || !host.waiting.is_empty()
        });
        self.crowd = (self.busy.len() * 2).max(1024);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: Duration = Duration::from_millis(1);

    #[test]
    fn a_host_gets_its_probes_one_after_another() {
        let mut hosts = Hosts::new(20, 2);
        assert!(hosts.is_idle(7, MS));
        hosts.begin(7, MS);
        assert_eq!(hosts.next(7, false), Some(MS * 51));
        assert_eq!(hosts.next(7, true), None);
        hosts.begin(7, MS * 51);
        assert_eq!(hosts.next(7, false), None);
        hosts.end(7);
        assert_eq!(hosts.next(7, false), Some(MS * 101));
        hosts.end(7);
        assert!(!hosts.is_idle(7, MS * 100));
        assert!(hosts.is_idle(7, MS * 101));
    }

    #[test]
    fn only_hosts_in_flight_are_remembered() {
        let mut hosts = Hosts::new(20, 2);
        for index in 0..100_000 {
            hosts.begin(index, MS * u32::try_from(index).unwrap());
            hosts.end(index);
        }
        assert!(hosts.busy.len() <= 1024);
    }
}
