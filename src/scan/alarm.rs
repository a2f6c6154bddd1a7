//! Changed keys: one is an alarm about a host, many are an alarm about the network. Past a limit the run
//! gives nobody anything more.
//!
//! What holds: a host whose key has changed hears nothing, whatever the limit. Once one host more than the
//! limit has shown a changed key, no login begins any more. Each login asks [`Alarm::is_raised`] last of
//! all, behind its host's key, its account's turn and its reserved try; so what may still be under way are
//! logins that began before, at most as many as hosts are worked on at once, each to a host whose own key
//! was right.

use crate::model::plural;
use std::collections::BTreeSet;
use std::net::IpAddr;
use std::sync::{Mutex, PoisonError};
use tokio_util::sync::CancellationToken;

/// The changed keys of a run, and whether they are too many.
#[derive(Debug)]
pub(super) struct Alarm {
    most: u32,
    changed: Mutex<BTreeSet<IpAddr>>,
    raised: CancellationToken,
}

impl Alarm {
    /// With a limit: how many hosts may show a changed key before the run stops.
    pub(super) fn new(most: u32) -> Self {
        Self {
            most,
            changed: Mutex::default(),
            raised: CancellationToken::new(),
        }
    }

    /// Takes note of a host with a changed key, and says how many there are now. Each address counts once.
    pub(super) fn note(&self, address: IpAddr) -> u64 {
        let mut changed = self.changed.lock().unwrap_or_else(PoisonError::into_inner);
        changed.insert(address);
        let count = u64::try_from(changed.len()).unwrap_or(u64::MAX);
        // Under the lock: nobody reads the count before the alarm is raised.
        if count > u64::from(self.most) {
            self.raised.cancel();
        }
        count
    }

    /// Whether no login may begin any more.
    pub(super) fn is_raised(&self) -> bool {
        self.raised.is_cancelled()
    }

    /// Waits until it is raised.
    pub(super) async fn raised(&self) {
        self.raised.cancelled().await;
    }

    /// Why it was raised.
    pub(super) fn why(&self) -> String {
        format!(
            "safety stop: more than {} with changed keys (--max-changed-keys)",
            plural(self.most, "host")
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(last: u8) -> IpAddr {
        [192, 0, 2, last].into()
    }

    #[test]
    fn it_is_raised_by_one_more_than_the_limit_and_counts_each_host_once() {
        let alarm = Alarm::new(2);
        for (last, count) in [(1, 1), (1, 1), (2, 2), (2, 2)] {
            assert_eq!(alarm.note(at(last)), count);
            assert!(!alarm.is_raised());
        }
        assert_eq!(alarm.note(at(3)), 3);
        assert!(alarm.is_raised());
    }

    #[test]
    fn with_a_limit_of_none_the_first_one_raises_it() {
        let alarm = Alarm::new(0);
        assert!(!alarm.is_raised());
        alarm.note(at(1));
        assert!(alarm.is_raised());
    }

    #[tokio::test]
    async fn who_waits_for_it_hears_it_whenever_he_began() {
        let alarm = Alarm::new(0);
        let ((), count) = tokio::join!(alarm.raised(), async { alarm.note(at(1)) });
        assert_eq!(count, 1);
        alarm.raised().await;
    }
}
