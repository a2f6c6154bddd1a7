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
const FURTHER_TRIES: u8 = 5;
/// How long the answers to other retries are waited for: the first retry to go unanswered knows
/// of no other.
const DOUBT: Duration = Duration::from_secs(1);
/// A subnet is lossy where more than one answer in so many came late. Random loss of a few per
/// cent is below that, and cured by the ordinary retry.
const ONE_IN: u32 = 10;

/// What the silence after a probe means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Silence {
    /// Nothing yet: the probe goes again after this wait.
    AskAgain(Duration),
    /// Nobody there, if nothing turns out to get lost within this time.
    Doubted(Duration),
    /// Nobody there.
    Believed,
}

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

    /// What to make of the silence after a probe that was sent so many times, and is at this
    /// position of the order.
    pub(super) fn silence(&self, address: IpAddr, tries: u8, position: u64) -> Silence {
        if tries <= self.retries {
            return Silence::AskAgain(RETRY_AFTER);
        }
        let further = tries - self.retries - 1;
        if !self.is_lossy(address) {
            let may_be = self.retries > 0 && self.answers.contains_key(&subnet(address));
            return if may_be && further == 0 {
                Silence::Doubted(DOUBT)
            } else {
                Silence::Believed
            };
        }
        if further >= FURTHER_TRIES {
            return Silence::Believed;
        }
        let wait = PATIENCE * 2_u32.pow(further.min(3).into());
        // Those that were lost together should not come together again.
        let eighths = u32::try_from(position % 8).unwrap_or_default();
        Silence::AskAgain(wait + wait * eighths / 8)
    }

    /// Whether a probe's next try is one that only loss has called for. Such a try deserves the
    /// longest time-out: the system itself asks twice within it.
    pub(super) fn is_further(&self, tries: u8) -> bool {
        tries > self.retries.saturating_add(1)
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

    fn seconds(seconds: u64) -> Silence {
        Silence::AskAgain(Duration::from_secs(seconds))
    }

    #[test]
    fn where_nothing_gets_lost_silence_is_believed_after_the_retry() {
        let mut losses = Losses::new(1);
        let address = ip("10.0.0.2");
        let ask_again = Silence::AskAgain(RETRY_AFTER);
        assert_eq!(losses.silence(address, 1, 0), ask_again);
        assert_eq!(losses.silence(address, 2, 0), Silence::Believed);
        assert_eq!(Losses::new(0).silence(address, 1, 0), Silence::Believed);
        losses.answered(ip("10.0.0.1"), 1);
        assert_eq!(losses.silence(address, 2, 0), Silence::Doubted(DOUBT));
        assert_eq!(losses.silence(address, 3, 0), Silence::Believed);
    }

    #[test]
    fn where_retries_find_something_patience_doubles_and_ends() {
        let mut losses = Losses::new(1);
        losses.answered(ip("10.0.0.1"), 2);
        let address = ip("10.0.0.2");
        let waits: Vec<Silence> = (2..8)
            .map(|tries| losses.silence(address, tries, 0))
            .collect();
        let mut expected = [1, 2, 4, 8, 8, 0].map(seconds);
        expected[5] = Silence::Believed;
        assert_eq!(waits, expected);
        assert_eq!(
            losses.silence(address, 2, 4),
            Silence::AskAgain(PATIENCE * 3 / 2)
        );
        let elsewhere = losses.silence(ip("10.0.1.2"), 2, 0);
        assert_eq!(elsewhere, Silence::Believed);
    }

    #[test]
    fn a_few_per_cent_of_loss_cost_nothing_more() {
        let mut losses = Losses::new(1);
        for number in 0..100_u8 {
            losses.answered(ip("10.0.0.1"), if number % 20 == 0 { 2 } else { 1 });
        }
        let silence = losses.silence(ip("10.0.0.2"), 2, 0);
        assert_eq!(silence, Silence::Doubted(DOUBT));
        assert_eq!(losses.silence(ip("10.0.0.2"), 3, 0), Silence::Believed);
    }
}
