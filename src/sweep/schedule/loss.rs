//! What gets lost on the way, by subnet, and how much patience that asks for. Pure.
//!
//! Retries cure lost packets, not an overloaded peer or router; there only waiting helps. So
//! silence where retries have been finding something is not believed at once: the probe goes
//! again, each time after twice the wait. Where nothing gets lost, nothing is sent more often.

use super::super::pace::subnet;
use std::collections::HashMap;
use std::net::IpAddr;
use std::time::Duration;

/// Who answered in each subnet, and who only when asked again.
#[derive(Debug)]
pub(super) struct Losses {
    retries: u8,
    most: u8,
    answers: HashMap<u64, Answers>,
}

#[derive(Clone, Copy, Debug, Default)]
struct Answers {
    all: u32,
    late: u32,
}

/// How many subnets are remembered; in further ones nothing counts as lost.
const SUBNETS_LIMIT: usize = 65_536;
/// How long the first of the further tries waits.
const PATIENCE: Duration = Duration::from_secs(1);
/// A subnet is lossy where more than one answer in so many came late. Random loss of a few per
/// cent is below that, and cured by the ordinary retry.
const ONE_IN: u32 = 10;

impl Losses {
    /// Every unanswered probe is tried again so often, and so often at most where answers get lost.
    pub(super) fn new(retries: u8, most: u8) -> Self {
        Self {
            retries,
            most: most.max(retries),
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

    /// Whether an unanswered probe that was sent so many times goes again without any reason but that.
    pub(super) fn is_ordinary(&self, tries: u8) -> bool {
        tries <= self.retries
    }

    /// Whether a probe's next try is the last one, as long as nothing gets lost. Such a try, and those that
    /// only loss has called for, deserve patience: the system itself asks twice within the longest time-out.
    pub(super) fn is_further(&self, tries: u8) -> bool {
        tries > self.retries.saturating_add(1)
    }

    /// Whether a probe's next try is the last one, as far as is known.
    pub(super) fn is_last(&self, tries: u8) -> bool {
        tries > self.retries
    }

    /// How long to wait until an unanswered probe that was sent so many times goes once more; `None` if the
    /// silence is believed. `lossy` says that answers get lost everywhere; the position keeps apart those that
    /// were lost together.
    pub(super) fn patience(
        &self,
        address: IpAddr,
        tries: u8,
        position: u64,
        lossy: bool,
    ) -> Option<Duration> {
        let is_lossy = self.is_lossy(address);
        if !(lossy || is_lossy) || tries > self.most {
            return None;
        }
        // An overloaded peer needs time; the line does not.
        let further = tries.saturating_sub(self.retries + 1);
        let further = if is_lossy { further } else { 0 };
        let wait = PATIENCE * 2_u32.pow(further.min(3).into());
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

    fn ip(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    #[test]
    fn where_nothing_gets_lost_silence_is_believed_after_the_retry() {
        let mut losses = Losses::new(1, 4);
        assert!(losses.is_ordinary(1));
        assert!(!losses.is_ordinary(2));
        assert!(!Losses::new(0, 3).is_ordinary(1));
        let address = ip("10.0.0.2");
        assert_eq!(losses.patience(address, 2, 0, false), None);
        losses.answered(ip("10.0.0.1"), 1);
        assert_eq!(losses.patience(address, 2, 0, false), None);
    }

    #[test]
    fn where_retries_find_something_patience_doubles_and_ends() {
        let mut losses = Losses::new(1, 4);
        losses.answered(ip("10.0.0.1"), 2);
        let address = ip("10.0.0.2");
        let waits: Vec<Option<Duration>> = (2..6)
            .map(|tries| losses.patience(address, tries, 0, false))
            .collect();
        let second = |seconds| Some(Duration::from_secs(seconds));
        assert_eq!(waits, [second(1), second(2), second(4), None]);
        assert_eq!(
            losses.patience(address, 2, 4, false),
            Some(PATIENCE * 3 / 2)
        );
        assert_eq!(losses.patience(ip("10.0.1.2"), 2, 0, false), None);
        assert_eq!(losses.patience(ip("10.0.1.2"), 4, 0, true), second(1));
    }

    #[test]
    fn a_few_per_cent_of_loss_cost_nothing_more() {
        let mut losses = Losses::new(1, 4);
        for number in 0..100_u8 {
            losses.answered(ip("10.0.0.1"), if number % 20 == 0 { 2 } else { 1 });
        }
        assert_eq!(losses.patience(ip("10.0.0.2"), 2, 0, false), None);
    }
}
