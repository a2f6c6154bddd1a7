//! What gets lost, when, and how often silence must be asked again because of it. Pure.

use std::collections::VecDeque;
use std::time::Duration;

/// What became of packets to hosts that are known to live.
#[derive(Debug, Default)]
pub(super) struct Losses {
    asked: f64,
    lost: f64,
    /// Asked and lost in each span of time, from `first` on.
    log: VecDeque<(u32, u32)>,
    first: u64,
    /// Spans before this one count: what got lost of them is known.
    ripe: u64,
}

const SPAN: Duration = Duration::from_millis(50);
/// After this time it is known what became of a packet.
const RIPE: Duration = Duration::from_millis(900);
/// How many spans are remembered: ten minutes.
const SPANS: usize = 12_000;
/// After so many, the older half counts half.
const MEMORY: f64 = 8_192.0;
/// As if half of so many had been lost: two per cent, before anything is known.
const PRIOR: f64 = 25.0;
/// From how many on it can be told that next to nothing gets lost.
const SURE: f64 = 1_000.0;
/// How many answers may be missed, as a share.
const MISSED: f64 = 0.0005;
/// How much more than usual must be lost for a moment to count as lossy.
const LOSSY: f64 = 0.02;

impl Losses {
    /// A packet that was sent at a moment was answered, or was not. It counts when what became of all
    /// that was sent then is known: answers come at once, losses are noticed late.
    pub(super) fn outcome(&mut self, sent: Duration, is_lost: bool) {
        let span = span(sent);
        if self.log.is_empty() {
            self.first = span.saturating_sub(100);
        }
        let Some(place) = span.checked_sub(self.first) else {
            return;
        };
        let place = usize::try_from(place).unwrap_or(usize::MAX).min(SPANS * 2);
        while self.log.len() <= place {
            self.log.push_back((0, 0));
        }
        if let Some((asked, lost)) = self.log.get_mut(place) {
            *asked += 1;
            *lost += u32::from(is_lost);
        }
        if span < self.ripe {
            self.count(1, u32::from(is_lost));
        }
        while self.log.len() > SPANS {
            self.log.pop_front();
            self.first += 1;
        }
    }

    /// Time goes on.
    pub(super) fn ripen(&mut self, now: Duration) {
        let ripe = span(now.saturating_sub(RIPE));
        while self.ripe < ripe {
            let place = self.ripe.checked_sub(self.first);
            let place = place.and_then(|place| usize::try_from(place).ok());
            if let Some((asked, lost)) = place.and_then(|place| self.log.get(place).copied()) {
                self.count(asked, lost);
            }
            self.ripe += 1;
        }
    }

    fn count(&mut self, asked: u32, lost: u32) {
        if self.asked >= MEMORY {
            self.asked /= 2.0;
            self.lost /= 2.0;
        }
        self.asked += f64::from(asked);
        self.lost += f64::from(lost);
    }

    /// Whether enough is known to tell that next to nothing gets lost.
    pub(super) fn is_sure(&self) -> bool {
        self.asked >= SURE
    }

    /// Whether enough was asked to be sure as soon as it is known what became of it.
    pub(super) fn will_be_sure(&self) -> bool {
        let ripe = usize::try_from(self.ripe.saturating_sub(self.first)).unwrap_or(usize::MAX);
        let unripe: u32 = self.log.iter().skip(ripe).map(|(asked, _)| asked).sum();
        self.asked + f64::from(unripe) >= SURE
    }

    /// The share that gets lost, as far as can be told: not nothing before many were asked.
    pub(super) fn share(&self) -> f64 {
        (self.lost + 0.5) / (self.asked + PRIOR)
    }

    /// How often what is silent must be asked again, so that hardly anything is missed.
    pub(super) fn retries(&self) -> u8 {
        let mut missed = self.share();
        let mut retries = 0;
        while missed > MISSED && retries < 10 {
            missed *= self.share();
            retries += 1;
        }
        retries
    }

    /// Whether, after a round of asking again that found so many of so many, another one may find what
    /// counts.
    pub(super) fn is_worth_it(&self, found: f64, of: f64) -> bool {
        // Three more than were found is what chance may have hidden.
        (found + 3.0) * self.share() > MISSED * of
    }

    /// Whether more than usual got lost at some moment of a time.
    pub(super) fn was_lossy(&self, from: Duration, to: Duration, baseline: f64) -> bool {
        let first = span(from).max(self.first);
        let spans = (first..=span(to)).filter_map(|span| {
            let place = usize::try_from(span - self.first).ok()?;
            self.log.get(place).copied()
        });
        let spans: Vec<(u32, u32)> = spans.collect();
        let is_lossy = |(asked, lost): (u32, u32)| {
            let (asked, lost) = (f64::from(asked), f64::from(lost));
            lost >= 2.0 && (lost - lost.sqrt()) / asked > baseline + LOSSY
        };
        let sum = |spans: &[(u32, u32)]| {
            let sum = |part: fn(&(u32, u32)) -> u32| spans.iter().map(part).sum();
            (sum(|span| span.0), sum(|span| span.1))
        };
        is_lossy(sum(&spans)) || spans.windows(3).any(|spans| is_lossy(sum(spans)))
    }
}

fn span(moment: Duration) -> u64 {
    u64::try_from(moment.as_millis() / SPAN.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: Duration = Duration::from_millis(1);

    fn losses(asked: u32, one_in: u32) -> Losses {
        let mut losses = Losses::default();
        for number in 0..asked {
            losses.outcome(MS * number, one_in > 0 && number % one_in == 0);
        }
        losses.ripen(MS * (asked + 2_000));
        losses
    }

    #[test]
    fn four_per_cent_ask_for_two_retries_and_nothing_for_none() {
        assert_eq!(losses(0, 0).retries(), 1);
        assert_eq!(losses(100, 0).retries(), 1);
        assert_eq!(losses(2_000, 0).retries(), 0);
        assert_eq!(losses(2_000, 25).retries(), 2);
        assert_eq!(losses(2_000, 5).retries(), 4);
    }

    #[test]
    fn answers_do_not_count_before_losses_are_known() {
        let mut losses = Losses::default();
        for number in 0..5_000_u32 {
            losses.outcome(MS * number / 10, false);
        }
        losses.ripen(MS * 600);
        assert_eq!((losses.retries(), losses.is_sure()), (1, false));
        assert!(losses.will_be_sure());
        losses.ripen(MS * 1_500);
        assert_eq!((losses.retries(), losses.is_sure()), (0, true));
        assert!(losses.will_be_sure());
        assert!(!Losses::default().will_be_sure());
    }

    #[test]
    fn where_hardly_anything_was_found_nothing_is_left_to_find() {
        let losses = losses(2_000, 25);
        assert!(!losses.is_worth_it(10.0, 3_683.0));
        assert!(losses.is_worth_it(100.0, 3_683.0));
        assert!(losses.is_worth_it(0.0, 50.0));
    }

    #[test]
    fn a_lossy_moment_is_remembered() {
        let mut losses = losses(1_000, 0);
        for number in 0..20 {
            losses.outcome(MS * (500 + number), number % 2 == 0);
        }
        assert!(losses.was_lossy(MS * 480, MS * 600, 0.0));
        assert!(losses.was_lossy(Duration::ZERO, MS * 900, 0.0));
        assert!(!losses.was_lossy(MS * 700, MS * 900, 0.0));
        assert!(!losses.was_lossy(MS * 480, MS * 600, 0.3));
    }
}
