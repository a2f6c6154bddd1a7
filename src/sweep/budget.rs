//! How much state a sweep leaves in the routers and firewalls on its way. Pure: the time is an argument,
//! counted from the beginning of the sweep.
//!
//! A router that tracks connections keeps an unanswered SYN for two minutes and an echo for half a minute
//! (Linux' `nf_conntrack_tcp_timeout_syn_sent` and `nf_conntrack_icmp_timeout`), a connection that was
//! reset for ten seconds (`nf_conntrack_tcp_timeout_close`). One that is refused is forgotten at once
//! (`nf_conntrack_tcp_packet`: "if only reply is a RST"). What has expired keeps its place until
//! it is swept out, up to a minute later (`GC_SCAN_INTERVAL_MAX` of `nf_conntrack_core.c`). Small ones hold a few
//! thousand, and then drop what others send.

use std::collections::VecDeque;
use std::time::Duration;

/// How long an unanswered SYN holds its place.
pub(super) const SYN: Duration = Duration::from_mins(3);
/// How long an echo holds its place.
pub(super) const ECHO: Duration = Duration::from_secs(90);
/// How long a connection that was accepted and then reset holds its place.
pub(super) const CLOSED: Duration = Duration::from_secs(70);

/// The connections that are half open on the way, as far as can be told.
#[derive(Debug)]
pub(super) struct HalfOpen {
    most: Option<u64>,
    now: u64,
    /// How many end in each second, from `first` on.
    ends: VecDeque<u64>,
    first: u64,
}

impl HalfOpen {
    /// No more than so many; `None` is without a limit.
    pub(super) fn new(most: Option<u32>) -> Self {
        Self {
            most: most.map(u64::from),
            now: 0,
            ends: VecDeque::new(),
            first: 0,
        }
    }

    /// Whether there is a limit at all.
    pub(super) fn is_limited(&self) -> bool {
        self.most.is_some()
    }

    /// How many more may be begun now.
    pub(super) fn room(&mut self, now: Duration) -> u64 {
        let Some(most) = self.most else {
            return u64::MAX;
        };
        self.forget(now);
        most.saturating_sub(self.now)
    }

    /// When the next of them ends; `None` where there is none.
    pub(super) fn next_end(&self) -> Option<Duration> {
        let place = self.ends.iter().position(|ends| *ends > 0)?;
        Some(Duration::from_secs(self.first + place as u64))
    }

    /// One was begun that is kept so long if nobody answers.
    pub(super) fn begin(&mut self, now: Duration, kept: Duration) {
        if self.most.is_none() {
            return;
        }
        self.forget(now);
        if let Some(ends) = self.at(now + kept) {
            *ends += 1;
            self.now += 1;
        }
    }

    /// One that was begun then, to be kept so long, was answered: it is kept for a short while from now.
    pub(super) fn answered(&mut self, begun: Duration, kept: Duration, now: Duration) {
        if self.most.is_none() || begun + kept <= now + CLOSED {
            return;
        }
        self.forget(now);
        let moved = self.at(begun + kept).filter(|ends| **ends > 0);
        if let Some(ends) = moved {
            *ends -= 1;
            if let Some(ends) = self.at(now + CLOSED) {
                *ends += 1;
            }
        }
    }

    /// One that was begun then, to be kept so long, holds no place any more: it was refused, or the same packet
    /// is sent again and takes its place.
    pub(super) fn ended(&mut self, begun: Duration, kept: Duration, now: Duration) {
        if self.most.is_none() {
            return;
        }
        self.forget(now);
        if let Some(ends) = self.at(begun + kept).filter(|ends| **ends > 0) {
            *ends -= 1;
            self.now -= 1;
        }
    }

    /// The count of the second after a moment, so that none is taken for ended too early.
    fn at(&mut self, end: Duration) -> Option<&mut u64> {
        let place = (end.as_secs() + 1).checked_sub(self.first)?;
        let place = usize::try_from(place).ok()?;
        if self.ends.len() <= place {
            self.ends.resize(place + 1, 0);
        }
        self.ends.get_mut(place)
    }

    fn forget(&mut self, now: Duration) {
        while self.first <= now.as_secs() {
            let ended = self.ends.pop_front();
            if ended.is_none() {
                self.first = now.as_secs() + 1;
                return;
            }
            self.now -= ended.unwrap_or(0);
            self.first += 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const S: Duration = Duration::from_secs(1);

    #[test]
    fn an_unanswered_probe_counts_for_minutes_and_an_answered_one_for_less() {
        let mut budget = HalfOpen::new(Some(2));
        budget.begin(S, SYN);
        budget.begin(S, SYN);
        assert_eq!(budget.room(S), 0);
        budget.answered(S, SYN, S * 2);
        assert_eq!(budget.room(S * 72), 0);
        assert_eq!(budget.next_end(), Some(S * 73));
        assert_eq!(budget.room(S * 73), 1);
        assert_eq!(budget.room(S * 181), 1);
        assert_eq!(budget.room(S * 182), 2);
        assert_eq!(budget.next_end(), None);
    }

    #[test]
    fn what_is_refused_or_sent_again_holds_no_place() {
        let mut budget = HalfOpen::new(Some(2));
        budget.begin(S, SYN);
        budget.begin(S * 2, SYN);
        budget.ended(S, SYN, S * 3);
        assert_eq!(budget.room(S * 3), 1);
        // It is gone already.
        budget.ended(S, SYN, S * 3);
        budget.ended(S * 2, SYN, S * 190);
        assert_eq!(budget.room(S * 190), 2);
    }

    #[test]
    fn without_a_limit_nothing_is_counted() {
        let mut budget = HalfOpen::new(None);
        budget.begin(S, SYN);
        assert_eq!(budget.room(S), u64::MAX);
        assert!(!budget.is_limited());
    }

    proptest! {
        #[test]
        fn it_agrees_with_a_list_of_ends(steps in prop::collection::vec((0_u64..40, prop::bool::ANY, prop::bool::ANY), 1..200)) {
            let mut budget = HalfOpen::new(Some(10_000));
            let mut list: Vec<(u64, u64)> = Vec::new();
            let mut now = 0;
            for (wait, echo, answer) in steps {
                now += wait;
                let kept = if echo { ECHO } else { SYN };
                let at = S * u32::try_from(now).unwrap();
                budget.begin(at, kept);
                list.push((now, now + kept.as_secs() + 1));
                if answer {
                    budget.answered(at, kept, at);
                    list.last_mut().unwrap().1 = now + CLOSED.as_secs() + 1;
                }
                let left = list.iter().filter(|(_, end)| *end > now).count() as u64;
                prop_assert_eq!(budget.room(at), 10_000 - left);
            }
        }
    }
}
