//! What gets lost on the way, by subnet, and how much patience that asks for. Pure.
//!
//! Retries cure lost packets, not an overloaded peer or router; there only waiting helps. So
//! silence where retries have been finding something is not believed at once: the probe goes
//! again, each time after twice the wait. Where nothing gets lost, nothing is sent more often.

use super::pace::subnet;
use std::collections::HashMap;
use std::net::IpAddr;
use std::time::Duration;

/// Who answered in each subnet, and who only when asked again.
#[derive(Debug)]
pub(super) struct Losses {
    retries: u8,
    answers: HashMap<u64, Answers>,
}

#[derive(Clone, Copy, Debug, Default)]
struct Answers {
    all: u32,
    late: u32,
}

/// How many subnets are remembered; in further ones nothing counts as lost.
const SUBNETS_LIMIT: usize = 65_536;
/// How long after its time-out an unanswered probe is tried again at the earliest.
const RETRY_AFTER: Duration = Duration::from_millis(500);
/// How long the first of the further tries waits.
const PATIENCE: Duration = Duration::from_secs(1);
/// How many further tries there are where probes get lost.
const FURTHER_TRIES: u8 = 4;
/// A subnet is lossy where more than one answer in so many came late. Random loss of a few per
/// cent is below that, and cured by the ordinary retry.
const ONE_IN: u32 = 10;

impl Losses {
    /// Every unanswered probe is tried again so often.
    pub(super) fn new(retries: u8) -> Self {
        Self {
            retries,
            answers: HashMap::new(),
        }
    }

    /// Learns from an answer to a probe that was sent so many times.
    pub(super) fn answered(&mut self, address: IpAddr, tries: u8) {
        let full = self.answers.len() >= SUBNETS_LIMIT;
        let subnet = subnet(address);
        if full && !self.answers.contains_key(&subnet) {
            return;
        }
        let answers = self.answers.entry(subnet).or_default();
        answers.all = answers.all.saturating_add(1);
        answers.late = answers.late.saturating_add((tries > 1).into());
    }

    /// How long to wait before a probe that was sent so many times, and is at this position of the
    /// order, is sent again. `None` where its silence is believed.
    pub(super) fn again(&self, address: IpAddr, tries: u8, position: u64) -> Option<Duration> {
        if tries <= self.retries {
            return Some(RETRY_AFTER);
        }
        let further = tries - self.retries - 1;
        if further >= FURTHER_TRIES || !self.is_lossy(address) {
            return None;
        }
        let wait = PATIENCE * 2_u32.pow(further.into());
        // Those that were lost together should not come together again.
        let eighths = u32::try_from(position % 8).unwrap_or_default();
        Some(wait + wait * eighths / 8)
    }

    fn is_lossy(&self, address: IpAddr) -> bool {
        let answers = self.answers.get(&subnet(address));
        answers.is_some_and(|answers| answers.late.saturating_mul(ONE_IN) > answers.all)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HALF: Duration = Duration::from_millis(500);
    const SECOND: Duration = Duration::from_secs(1);

    fn ip(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    #[test]
    fn where_nothing_gets_lost_silence_is_believed_after_the_retry() {
        let mut losses = Losses::new(1);
        losses.answered(ip("10.0.0.1"), 1);
        assert_eq!(losses.again(ip("10.0.0.2"), 1, 0), Some(HALF));
        assert_eq!(losses.again(ip("10.0.0.2"), 2, 0), None);
        assert_eq!(Losses::new(0).again(ip("10.0.0.2"), 1, 0), None);
    }

    #[test]
    fn where_retries_find_something_patience_doubles_and_ends() {
        let mut losses = Losses::new(1);
        losses.answered(ip("10.0.0.1"), 2);
        let waits: Vec<_> = (2..8)
            .map(|tries| losses.again(ip("10.0.0.2"), tries, 0))
            .collect();
        let seconds = [Some(1), Some(2), Some(4), Some(8), None, None];
        assert_eq!(waits, seconds.map(|wait| wait.map(|n: u32| SECOND * n)));
        assert_eq!(losses.again(ip("10.0.1.2"), 2, 0), None, "another subnet");
        assert!(losses.again(ip("10.0.0.2"), 2, 7) > losses.again(ip("10.0.0.2"), 2, 1));
    }

    #[test]
    fn a_few_per_cent_of_loss_cost_nothing_more() {
        let mut losses = Losses::new(1);
        for number in 0..100_u8 {
            losses.answered(ip("10.0.0.1"), if number % 20 == 0 { 2 } else { 1 });
        }
        assert_eq!(losses.again(ip("10.0.0.2"), 2, 0), None);
    }
}
