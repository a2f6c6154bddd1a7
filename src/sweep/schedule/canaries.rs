//! Hosts that are known to live are asked again while the sweep goes on: when they fall silent, so may others
//! that nobody knows. Pure: the time is an argument, counted from the beginning of the sweep.

use super::super::Canaries as Count;
use super::Work;
use std::time::Duration;

/// The hosts that are asked again, and what became of that.
#[derive(Debug, Default)]
pub(super) struct Canaries {
    birds: Vec<Bird>,
    /// Which is looked at next, and which is replaced next when there are too many.
    turn: usize,
    oldest: usize,
    /// How many hosts came when there were enough.
    further: usize,
    count: Count,
    /// When the first one came.
    since: Option<Duration>,
    /// What was first measured, as a share; `None` until enough of them were asked.
    base: Option<f64>,
    /// What was measured where the sweep was not too fast: of late, older answers counting for less and less,
    /// and in all.
    late: Share,
    all: Share,
}

/// How many were asked, and how many of them were lost.
#[derive(Clone, Copy, Debug, Default)]
struct Share {
    asked: f64,
    lost: f64,
}

impl Share {
    /// Whether a probe that nobody answered may well have been lost.
    fn is_notable(self) -> bool {
        self.lost >= 2.0 && self.lost > self.asked * NOTABLE
    }
}

/// A host that answered.
#[derive(Debug)]
struct Bird {
    work: Work,
    closed: bool,
    next: Duration,
    pause: Duration,
    lost_in_a_row: u8,
}

/// How many hosts are asked again at most.
const MOST: usize = 512;
/// How soon a host is asked again, and how seldom in the end: the pause doubles.
const SOON: Duration = Duration::from_millis(250);
const SELDOM: Duration = Duration::from_secs(4);
/// When there are enough, one host in so many that come later replaces an older one.
const REPLACE: usize = 16;
/// A host that did not answer so often in a row has gone.
const GONE: u8 = 3;
/// How many are looked at for one that may be asked.
const LOOK: usize = 16;
/// How many must have been asked until the first measurement counts.
const FIRST: u64 = 100;
/// How long the first measurement is waited for.
const FIRST_TIME: Duration = Duration::from_secs(3);
/// More loss than this is never taken for what the line loses by itself.
const MOST_BASE: f64 = 0.1;
/// How much more loss than was first measured is too much.
const MARGIN: f64 = 0.02;
/// From this share on, answers get lost.
const NOTABLE: f64 = 0.01;
/// How much of what was measured counts still after the next slice.
const MEMORY: f64 = 0.8;
/// Fewer lost ones prove nothing.
const FEW: f64 = 3.0;

impl Canaries {
    /// A host answered a probe. Closed ports are preferred: nobody logs a connection to them.
    pub(super) fn add(&mut self, work: Work, closed: bool, now: Duration) {
        self.since.get_or_insert(now);
        let bird = Bird {
            work,
            closed,
            next: now + SOON,
            pause: SOON,
            lost_in_a_row: 0,
        };
        let known = self.birds.iter_mut().rev().take(LOOK);
        let known = known.into_iter().find(|bird| bird.work.index == work.index);
        if let Some(known) = known {
            if closed && !known.closed {
                *known = bird;
            }
            return;
        }
        if self.birds.len() < MOST {
            self.birds.push(bird);
            return;
        }
        self.further += 1;
        if self.further.is_multiple_of(REPLACE) {
            self.oldest = (self.oldest + 1) % MOST;
            if let Some(oldest) = self.birds.get_mut(self.oldest) {
                *oldest = bird;
            }
        }
    }

    /// A probe of a host that may be asked again now.
    pub(super) fn next(&mut self, now: Duration, may: impl Fn(u64) -> bool) -> Option<Work> {
        for _ in 0..self.birds.len().min(LOOK) {
            self.turn = (self.turn + 1) % self.birds.len();
            let bird = self.birds.get_mut(self.turn)?;
            if bird.next <= now && may(bird.work.index) {
                bird.pause = (bird.pause * 2).min(SELDOM);
                bird.next = now + bird.pause;
                return Some(bird.work);
            }
        }
        None
    }

    /// A host that was asked again answered, or did not.
    pub(super) fn ended(&mut self, index: u64, lost: bool) {
        self.count.asked += 1;
        self.count.lost += u64::from(lost);
        let bird = self.birds.iter().position(|bird| bird.work.index == index);
        let Some((place, bird)) = bird.and_then(|at| Some((at, self.birds.get_mut(at)?))) else {
            return;
        };
        bird.lost_in_a_row = if lost { bird.lost_in_a_row + 1 } else { 0 };
        if bird.lost_in_a_row >= GONE {
            self.birds.swap_remove(place);
        }
    }

    /// One connection in so many should be to a host that is known to live: at first more, so that there is a
    /// first measurement soon.
    pub(super) fn share(&self) -> u32 {
        if self.count.asked < FIRST { 20 } else { 100 }
    }

    /// Whether there are some, but too new to tell anything.
    pub(super) fn are_new(&self, now: Duration) -> bool {
        let is_new = self.since.is_some_and(|since| now < since + FIRST_TIME);
        is_new && self.count.asked < FIRST
    }

    /// What was asked in all, and what was lost.
    pub(super) fn count(&self) -> Count {
        self.count
    }

    /// Whether so many lost ones of so many show that the sweep is too fast: more than was first measured, and
    /// more than chance explains.
    pub(super) fn is_too_fast(&mut self, asked: u32, lost: u32) -> bool {
        if asked == 0 {
            return false;
        }
        let (asked, lost) = (f64::from(asked), f64::from(lost));
        if self.base.is_none() && self.count.asked >= FIRST {
            #[expect(clippy::cast_precision_loss, reason = "a share, of small numbers")]
            let share = self.count.lost as f64 / self.count.asked as f64;
            self.base = Some(if share > MOST_BASE { 0.0 } else { share });
        }
        let allowed = asked * (self.base.unwrap_or(MOST_BASE) + MARGIN);
        let is_too_fast = lost >= FEW && lost > allowed + 2.0 * allowed.sqrt();
        if !is_too_fast {
            for (share, memory) in [(&mut self.late, MEMORY), (&mut self.all, 1.0)] {
                share.asked = share.asked * memory + asked;
                share.lost = share.lost * memory + lost;
            }
        }
        is_too_fast
    }

    /// Whether answers get lost although the sweep is not too fast: of late, or all the time.
    pub(super) fn shows_loss(&self) -> bool {
        self.late.is_notable() || self.all.is_notable()
    }
}

/// The rate, lowered where answers get lost and raised where they do not: by halves, and by small steps (Chiu
/// and Jain, "Analysis of the Increase and Decrease Algorithms", 1989).
#[derive(Debug)]
pub(super) struct Throttle {
    top: u32,
    rate: u32,
    /// When it was last lowered.
    lowered: Duration,
    /// The rate at which answers got lost: below it, the rate grows faster.
    was: u32,
}

/// The rate is never lowered below this part of what was asked for.
const LEAST_PART: u32 = 32;
/// One part in so many is added after a second without loss; after each slice, and of the rate at which answers
/// got lost, as long as that is far away.
const STEP: u32 = 20;
const BIG_STEP: u32 = 10;

impl Throttle {
    /// At most so many probes a second.
    pub(super) fn new(rate: u32) -> Self {
        Self {
            top: rate,
            rate,
            lowered: Duration::ZERO,
            was: rate,
        }
    }

    /// Whether it is lower than asked for.
    pub(super) fn is_low(&self) -> bool {
        self.rate < self.top
    }

    /// Answers got lost in a slice that began at a moment, in which so many were sent in a second. The rate that
    /// is kept from now on; `None` where the slice knows nothing of the present rate.
    pub(super) fn lower(&mut self, since: Duration, sent: f64, now: Duration) -> Option<u32> {
        if since < self.lowered {
            return None;
        }
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "a cast saturates, and the number is not negative"
        )]
        let sent = sent as u32;
        self.was = self.rate.min(sent.max(1));
        self.rate = (self.was / 2).max(self.top.min(20_000) / LEAST_PART).max(1);
        self.lowered = now;
        Some(self.rate)
    }

    /// Nothing got lost in a slice that began at a moment and lasted so long: the rate that is kept from now on,
    /// where it changes.
    pub(super) fn raise(&mut self, since: Duration, length: Duration) -> Option<u32> {
        if since < self.lowered || !self.is_low() {
            return None;
        }
        let far = self.was - self.was / 4;
        self.rate = if self.rate < far {
            self.rate.saturating_add(self.was / BIG_STEP + 1).min(far)
        } else {
            let millis = u32::try_from(length.as_millis()).unwrap_or(u32::MAX);
            let step = u64::from(self.rate / STEP) * u64::from(millis.min(1_000)) / 1_000;
            let step = u32::try_from(step).unwrap_or(u32::MAX);
            self.rate.saturating_add(step + 1)
        };
        self.rate = self.rate.min(self.top);
        Some(self.rate)
    }
}

#[cfg(test)]
mod tests {
    use super::super::Reach;
    use super::*;
    use std::net::{IpAddr, Ipv4Addr};

    const S: Duration = Duration::from_secs(1);

    fn work(index: u64) -> Work {
        let address = IpAddr::V4(Ipv4Addr::from(u32::try_from(index).unwrap()));
        Work::new(0, index, (address, 22), Reach::Routed)
    }

    #[test]
    fn a_host_is_asked_less_and_less_often_and_forgotten_when_it_has_gone() {
        let mut canaries = Canaries::default();
        canaries.add(work(1), false, S);
        canaries.add(work(1), true, S);
        assert_eq!(canaries.next(S, |_| true), None);
        assert_eq!(canaries.next(S * 2, |_| false), None);
        for second in [2, 3, 4, 6, 10, 14] {
            assert_eq!(canaries.next(S * second, |_| true), Some(work(1)));
            assert_eq!(canaries.next(S * second, |_| true), None);
        }
        assert_eq!(canaries.next(S * 17, |_| true), None);
        for _ in 0..3 {
            canaries.ended(1, true);
        }
        assert_eq!(canaries.next(S * 99, |_| true), None);
        assert_eq!(canaries.count(), Count { asked: 3, lost: 3 });
    }

    #[test]
    fn there_are_never_too_many() {
        let mut canaries = Canaries::default();
        (0..10_000).for_each(|index| canaries.add(work(index), true, S));
        assert_eq!(canaries.birds.len(), MOST);
    }

    fn measured(asked: u64, lost: u64) -> Canaries {
        let mut canaries = Canaries::default();
        (0..asked).for_each(|number| canaries.ended(0, number < lost));
        canaries
    }

    #[test]
    fn what_a_line_always_loses_does_not_slow_the_sweep_down() {
        let mut canaries = measured(200, 8);
        assert!(!canaries.is_too_fast(200, 8));
        assert!(canaries.shows_loss());
        assert!(!canaries.is_too_fast(200, 14));
        assert!(canaries.is_too_fast(200, 40));
        // Half of everything is never the line's own.
        assert!(measured(200, 100).is_too_fast(200, 100));
    }

    #[test]
    fn one_lost_canary_proves_nothing() {
        let mut canaries = measured(2_000, 0);
        assert!(!canaries.is_too_fast(10, 1));
        assert!(!canaries.shows_loss());
        assert!(!canaries.is_too_fast(400, 2));
        assert!(!canaries.shows_loss());
        assert!(canaries.is_too_fast(200, 20));
        assert!(canaries.is_too_fast(10, 5));
        // What the rate has cured needs no more patience.
        assert!(!canaries.shows_loss());
    }

    #[test]
    fn the_rate_is_halved_at_once_and_comes_back_slowly() {
        let mut throttle = Throttle::new(10_000);
        assert_eq!(throttle.raise(S, S), None);
        assert_eq!(throttle.lower(S, 8_000.0, S * 2), Some(4_000));
        // A slice from before that knows nothing of it.
        assert_eq!(throttle.lower(S, 8_000.0, S * 2), None);
        assert_eq!(throttle.raise(S, S), None);
        assert_eq!(throttle.raise(S * 3, S), Some(4_801));
        for _ in 0..40 {
            throttle.raise(S * 3, S);
        }
        assert!(!throttle.is_low());
        for second in 10..40 {
            throttle.lower(S * second, 1.0, S * second);
        }
        assert_eq!(throttle.rate, 312);
    }
}
