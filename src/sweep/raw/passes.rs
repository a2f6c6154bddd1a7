//! Which position is asked when: pass after pass over one stretch of the order after the other. Pure.
//!
//! Nothing is remembered of a position but how far each stretch has come. A stretch is asked; when every
//! answer to it must have come, it is asked again, all of it or a sample, or it is settled. Meanwhile the
//! next stretches are asked.

use std::collections::VecDeque;
use std::ops::Range;
use std::time::Duration;

/// The stretches of a range of positions.
#[derive(Debug)]
pub(super) struct Passes {
    range: Range<u64>,
    /// How many positions a stretch has, but for the first.
    length: u64,
    /// The first position that was never asked.
    next: u64,
    /// The stretches that are not settled, in order.
    stretches: VecDeque<Stretch>,
    /// The number of the first of them.
    first: u64,
    /// The one that is being asked.
    active: Option<u64>,
    /// How many addresses first showed life in each pass, and how many positions have gone through it.
    found: [u64; 16],
    through: [u64; 16],
}

#[derive(Debug)]
struct Stretch {
    range: Range<u64>,
    /// How often it was asked before.
    pass: u8,
    share: Share,
    /// The next position to ask.
    cursor: u64,
    /// Not asked again, or settled, before this moment; only of one that has come to its end.
    until: Option<Duration>,
    begun: Duration,
    /// How many addresses first showed life in this pass.
    found: u32,
    /// Whether any packet was sent for it in this pass.
    is_asked: bool,
    /// Up to where it was asked at which moment, in this pass and the one before.
    times: [Vec<(u64, Duration)>; 2],
}

/// How much of a stretch is asked in a pass.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Share {
    /// Every position.
    All,
    /// One in twenty, at random.
    Sample,
}

/// A stretch whose answers have come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Asked {
    /// How often it was asked, less one.
    pub(super) pass: u8,
    /// How much of it.
    pub(super) share: Share,
    /// How many addresses first showed life in this pass.
    pub(super) found: u32,
    /// When it was asked.
    pub(super) begun: Duration,
    /// Until when.
    pub(super) ended: Duration,
}

/// What becomes of a stretch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// It is settled.
    Settled,
    /// It is asked again.
    Again(Share),
    /// It is judged again at this moment: too little is known yet.
    Later(Duration),
}

/// One position in so many is in a sample.
const ONE_IN: u64 = 20;
/// How many positions the first stretch has at most: what goes wrong at the start, before it is known how fast the
/// network bears it, is asked again, and little besides.
const FIRST: u64 = 8_192;

impl Passes {
    /// Walks a range in stretches of a length.
    pub(super) fn new(range: Range<u64>, length: u64) -> Self {
        Self {
            next: range.start,
            range,
            length: length.max(1),
            stretches: VecDeque::new(),
            first: 0,
            active: None,
            found: [0; 16],
            through: [0; 16],
        }
    }

    /// Whether every position is settled.
    pub(super) fn is_done(&self) -> bool {
        self.next >= self.range.end && self.stretches.is_empty()
    }

    /// Whether every position was asked once.
    pub(super) fn is_through(&self) -> bool {
        self.next >= self.range.end
    }

    /// Whether there is one to ask again now.
    pub(super) fn is_asking(&self) -> bool {
        let is_due = |stretch: &Stretch| stretch.until.is_none() && !stretch.is_finished();
        self.stretches.iter().any(is_due)
    }

    /// Every position of a lower number is settled.
    pub(super) fn mark(&self) -> u64 {
        let first = self.stretches.front();
        first.map_or(self.next, |stretch| stretch.range.start)
    }

    /// When a stretch must be judged next.
    pub(super) fn due(&self) -> Option<Duration> {
        let waiting = self.stretches.iter().filter_map(|stretch| stretch.until);
        waiting.min()
    }

    /// When the last of them is judged that wait.
    pub(super) fn last_due(&self) -> Option<Duration> {
        let waiting = self.stretches.iter().filter_map(|stretch| stretch.until);
        waiting.max()
    }

    /// Judges the stretches whose answers have come: how much of each is asked again, if any.
    pub(super) fn judge(&mut self, now: Duration, mut judge: impl FnMut(&Self, Asked) -> Verdict) {
        for place in 0..self.stretches.len() {
            let Some(stretch) = self.stretches.get(place) else {
                break;
            };
            let Some(until) = stretch.until.filter(|until| *until <= now) else {
                continue;
            };
            let asked = Asked {
                pass: stretch.pass,
                share: stretch.share,
                found: stretch.found,
                begun: stretch.begun,
                ended: stretch.ended().unwrap_or(until),
            };
            let length = stretch.range.end - stretch.range.start;
            let verdict = judge(self, asked);
            let Some(stretch) = self.stretches.get_mut(place) else {
                break;
            };
            match verdict {
                Verdict::Again(share) => stretch.again(share, now),
                Verdict::Settled => stretch.settle(),
                Verdict::Later(at) => {
                    stretch.until = Some(at);
                    continue;
                }
            }
            if let Some(through) = self.through.get_mut(usize::from(asked.pass)) {
                *through += length * u64::from(asked.share == Share::All);
            }
        }
        self.drop_settled();
    }

    /// How many addresses the last pass has found that were silent before, and how many there are in all,
    /// if every stretch had gone through it.
    pub(super) fn yields(&self, pass: u8) -> (f64, f64) {
        let number = |list: &[u64; 16], pass: usize| estimate(list.get(pass).copied().unwrap_or(0));
        let one = estimate(self.length);
        let pass = usize::from(pass);
        let all = estimate(self.found.iter().sum());
        let share = (number(&self.through, 0) + one) / (number(&self.through, pass) + one);
        (number(&self.found, pass) * share, all)
    }

    /// The next position to ask, and how often it was asked before. Second looks go first: they settle.
    pub(super) fn next(&mut self, now: Duration) -> Option<(u64, u8)> {
        loop {
            let place = self.place_of_active().or_else(|| self.activate(now))?;
            let stretch = self.stretches.get_mut(place)?;
            while stretch.cursor < stretch.range.end {
                let position = stretch.cursor;
                stretch.cursor += 1;
                if stretch.share == Share::All || is_sampled(position) {
                    self.next = self.next.max(position + 1);
                    return Some((position, stretch.pass));
                }
            }
            self.active = None;
        }
    }

    /// What was given out until now is sent now. Answers must have come after a wait.
    pub(super) fn sent(&mut self, now: Duration, wait: Duration) {
        for stretch in &mut self.stretches {
            if stretch.until.is_some() || stretch.is_settled() {
                continue;
            }
            let [times, _] = &mut stretch.times;
            let last = times.last().map_or(stretch.range.start, |(to, _)| *to);
            if stretch.cursor > last {
                times.push((stretch.cursor, now));
            }
            if stretch.cursor >= stretch.range.end {
                stretch.until = Some(now + wait);
                if !stretch.is_asked {
                    // All of it was known before.
                    stretch.settle();
                }
            }
        }
        self.drop_settled();
    }

    /// The last position that was given out was really asked.
    pub(super) fn ask(&mut self) {
        let place = self.place_of_active();
        if let Some(stretch) = place.and_then(|place| self.stretches.get_mut(place)) {
            stretch.is_asked = true;
        }
    }

    fn drop_settled(&mut self) {
        while self.stretches.front().is_some_and(Stretch::is_settled) {
            self.stretches.pop_front();
            self.first += 1;
        }
    }

    /// When a position was last asked, and how often; `None` for one that was not.
    pub(super) fn asked(&self, position: u64) -> Option<(Duration, u8)> {
        let stretch = self.stretches.get(self.place(position)?)?;
        let [now, before] = &stretch.times;
        let at = |times: &[(u64, Duration)]| {
            let place = times.partition_point(|(to, _)| *to <= position);
            times.get(place).map(|(_, at)| *at)
        };
        let counts = stretch.share == Share::All || is_sampled(position);
        if let Some(at) = at(now).filter(|_| counts) {
            return Some((at, stretch.pass + 1));
        }
        at(before).map(|at| (at, stretch.pass))
    }

    /// An address first showed life, at a position.
    pub(super) fn found(&mut self, position: u64) {
        let place = self.place(position);
        let Some(stretch) = place.and_then(|place| self.stretches.get_mut(place)) else {
            return;
        };
        stretch.found += 1;
        if let Some(found) = self.found.get_mut(usize::from(stretch.pass)) {
            *found += 1;
        }
    }

    fn place(&self, position: u64) -> Option<usize> {
        let place = self
            .stretches
            .partition_point(|stretch| stretch.range.end <= position);
        let stretch = self.stretches.get(place)?;
        stretch.range.contains(&position).then_some(place)
    }

    fn place_of_active(&self) -> Option<usize> {
        usize::try_from(self.active?.checked_sub(self.first)?).ok()
    }

    /// Chooses which stretch is asked now, a new one if no other is due.
    fn activate(&mut self, now: Duration) -> Option<usize> {
        let is_due = |stretch: &Stretch| stretch.until.is_none() && !stretch.is_finished();
        let mut place = self.stretches.iter().position(is_due);
        if place.is_none() && self.next < self.range.end {
            let is_first = self.next == self.range.start;
            let most = if is_first { FIRST } else { u64::MAX };
            let length = self.length.min(most);
            let end = self.range.end.min(self.next.saturating_add(length));
            self.stretches.push_back(Stretch::new(self.next..end, now));
            place = Some(self.stretches.len() - 1);
        }
        let place = place?;
        self.active = Some(self.first + place as u64);
        Some(place)
    }
}

impl Stretch {
    fn new(range: Range<u64>, now: Duration) -> Self {
        Self {
            cursor: range.start,
            range,
            pass: 0,
            share: Share::All,
            until: None,
            begun: now,
            found: 0,
            is_asked: false,
            times: [Vec::new(), Vec::new()],
        }
    }

    /// It is done with, though one before it may not be.
    fn settle(&mut self) {
        self.cursor = u64::MAX;
        self.until = None;
    }

    fn again(&mut self, share: Share, now: Duration) {
        self.until = None;
        self.pass = (self.pass + 1).min(15);
        self.share = share;
        self.cursor = self.range.start;
        self.begun = now;
        self.found = 0;
        self.is_asked = false;
        let [times, before] = &mut self.times;
        *before = std::mem::take(times);
    }

    fn ended(&self) -> Option<Duration> {
        let [times, _] = &self.times;
        times.last().map(|(_, at)| *at)
    }

    fn is_finished(&self) -> bool {
        self.cursor >= self.range.end
    }

    fn is_settled(&self) -> bool {
        self.cursor == u64::MAX
    }
}

fn estimate(count: u64) -> f64 {
    #[expect(clippy::cast_precision_loss, reason = "shares are estimated")]
    let count = count as f64;
    count
}

/// The same ones each time, but in no order.
fn is_sampled(position: u64) -> bool {
    // Fibonacci hashing: the golden ratio spreads neighbours.
    (position.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 32).is_multiple_of(ONE_IN)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const MS: Duration = Duration::from_millis(1);

    proptest! {
        #[test]
        fn every_position_is_asked_as_often_as_it_was_judged(start in 0_u64..100, count in 1_u64..300, length in 1_u64..70, batch in 1_usize..40, more in 0_u8..3) {
            let mut passes = Passes::new(start..start + count, length);
            let mut asked = vec![Vec::new(); usize::try_from(count).unwrap()];
            let mut now = MS;
            let mut mark = start;
            while !passes.is_done() {
                passes.judge(now, |_, asked| if asked.pass < more { Verdict::Again(Share::All) } else { Verdict::Settled });
                prop_assert!(passes.mark() >= mark);
                mark = passes.mark();
                for _ in 0..batch {
                    let Some((position, pass)) = passes.next(now) else { break };
                    let times: &mut Vec<(Duration, u8)> = &mut asked[usize::try_from(position - start).unwrap()];
                    times.push((now, pass));
                    passes.ask();
                    prop_assert!(position >= mark);
                }
                passes.sent(now, MS * 10);
                for (place, times) in asked.iter().enumerate() {
                    let position = start + place as u64;
                    let expected = times.last().map(|(at, pass)| (*at, pass + 1));
                    prop_assert!(position < passes.mark() || passes.asked(position) == expected || passes.is_settled_at(position));
                }
                now += MS;
            }
            prop_assert_eq!(passes.mark(), start + count);
            for times in asked {
                prop_assert_eq!(times.len(), usize::from(more) + 1);
                prop_assert!(times.windows(2).all(|pair| pair[1].0 >= pair[0].0 + MS * 10));
                prop_assert!(times.iter().enumerate().all(|(number, (_, pass))| number == usize::from(*pass)));
            }
        }
    }

    impl Passes {
        fn is_settled_at(&self, position: u64) -> bool {
            let place = self.place(position);
            place
                .and_then(|place| self.stretches.get(place))
                .is_none_or(Stretch::is_settled)
        }
    }

    #[test]
    fn a_sample_is_a_twentieth() {
        let sampled = (0..100_000)
            .filter(|position| is_sampled(*position))
            .count();
        assert!((4_500..5_500).contains(&sampled), "{sampled}");
        let mut passes = Passes::new(0..1_000, 1_000);
        while passes.next(MS).is_some() {
            passes.ask();
        }
        passes.sent(MS, MS);
        passes.judge(MS * 2, |_, _| Verdict::Again(Share::Sample));
        let again = std::iter::from_fn(|| passes.next(MS * 2)).count();
        assert!((20..90).contains(&again), "{again}");
    }

    #[test]
    fn what_was_known_before_is_not_waited_for() {
        let mut passes = Passes::new(0..100, 10);
        while let Some((position, _)) = passes.next(MS) {
            if position == 55 {
                passes.ask();
            }
        }
        passes.sent(MS, MS);
        assert_eq!((passes.mark(), passes.due()), (50, Some(MS * 2)));
        passes.judge(MS * 2, |_, _| Verdict::Settled);
        assert!(passes.is_done());
    }

    #[test]
    fn the_first_stretch_is_short() {
        let mut passes = Passes::new(100..50_100, 16_384);
        while passes.next(MS).is_some() {
            passes.ask();
        }
        passes.sent(MS, MS);
        assert!((100..50_100).all(|position| passes.asked(position).is_some()));
        let ends: Vec<u64> = passes.stretches.iter().map(|one| one.range.end).collect();
        assert_eq!(ends, [8_292, 24_676, 41_060, 50_100]);
    }

    #[test]
    fn what_a_pass_finds_is_counted_for_all() {
        let mut passes = Passes::new(0..100, 10);
        while passes.next(MS).is_some() {
            passes.ask();
        }
        passes.sent(MS, MS);
        for position in 0..50 {
            passes.found(position);
        }
        let mut judged = 0;
        passes.judge(MS * 2, |_, asked| {
            judged += 1;
            if asked.found > 0 && judged <= 5 {
                Verdict::Again(Share::All)
            } else {
                Verdict::Settled
            }
        });
        assert_eq!(passes.yields(0), (50.0, 50.0));
    }
}
