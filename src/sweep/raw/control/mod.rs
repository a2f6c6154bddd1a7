//! How fast the network bears it: congestion control. Pure: the time is an argument, counted from the
//! beginning of the sweep.
//!
//! Hosts that are known to live say how the network does: how long their answers take beyond the shortest
//! time ever seen, which is how full the queues are, and whether answers get lost. The rate doubles from a
//! modest start while all is well, as in TCP's slow start (RFC 5681); a filling queue takes it down to what
//! comes through, loss halves it. Loss that does not fall with the rate is no congestion (a bad radio
//! link loses as much at any rate): it becomes the baseline.

use std::collections::HashMap;
use std::fmt;
use std::net::Ipv4Addr;
use std::time::Duration;

/// The rate, and what it is made from.
#[derive(Debug)]
pub struct Control {
    asked: f64,
    rate: f64,
    /// What came through when it was last too much.
    ceiling: f64,
    phase: Phase,
    /// The share of answers that gets lost at any rate.
    baseline: f64,
    /// The rate and the loss before the last halving, until it is known whether that helped.
    suspicion: Option<(f64, f64)>,
    shortest: HashMap<u32, Duration>,
    /// A round trip through empty queues, smoothed.
    base: Option<Duration>,
    smoothed: Option<Duration>,
    window: Window,
    outcomes: Outcomes,
    sent: u64,
    /// How full the queues were at the last look.
    queued: Duration,
    /// What came through while the queues were seen to be empty, in packets a second.
    proven: f64,
    /// The round trip through empty queues, as far as it was known at the last look of the start.
    reached: Option<Duration>,
    /// How often in a row all was well above the ceiling.
    calm: u32,
    /// Whether the ceiling was found by losses, of which one hears late.
    is_blind: bool,
    is_lowered: bool,
    /// How often this machine stood still at the start.
    stalls: u32,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    Starting,
    Steady,
    /// The rate was lowered, and the queues drain.
    Draining,
}

/// How long answers took to packets that were sent since the rate was last changed.
#[derive(Debug, Default)]
struct Window {
    since: Duration,
    looked: Duration,
    /// When each packet was sent, and how much longer than the shortest time its answer took.
    excess: Vec<(Duration, Duration)>,
    /// How many packets of any kind were sent until when.
    course: Vec<(Duration, u64)>,
}

/// What became of packets to hosts that are known to live, sent since the rate was last lowered.
#[derive(Debug, Default)]
struct Outcomes {
    since: Duration,
    /// When each was sent, and whether no answer came.
    fresh: Vec<(Duration, bool)>,
    /// Of those whose answer must have come by now.
    asked: u32,
    lost: u32,
}

/// Something that the operator should know.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lowered {
    /// Round trips grow: queues fill.
    Queues {
        /// Packets a second from now on.
        to: u32,
    },
    /// Answers get lost.
    Losses {
        /// Packets a second from now on.
        to: u32,
    },
}

impl fmt::Display for Lowered {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (why, to) = match self {
            Self::Queues { to } => ("answers take ever longer", to),
            Self::Losses { to } => ("answers get lost", to),
        };
        write!(
            f,
            "{why}: the sweep slows down to {to} packets a second for now"
        )
    }
}

/// More than any machine sends.
const UNLIMITED: f64 = 4e6;
/// The rate at the start, but no more than a fifth of what was asked for. What a router hardly bears would keep a
/// queue full that a hiccup has filled, and a queue that was never seen empty looks like a long way.
const MODEST: f64 = 10_000.0;
/// Who asks for so much wants all that goes. There the start is quicker: at a modest one, a network that bears a
/// million would be idle for a third of the time that sending takes.
const ALL_THAT_GOES: f64 = 1e6;
const LESS_MODEST: f64 = 40_000.0;
/// How many packets are sent faster than modestly before the first answer: it may be a long way to a router
/// that bears no more.
const UNANSWERED: u64 = 1_000;
/// The rate never falls below this, unless less was asked for.
const SLOWEST: f64 = 200.0;
/// How much loss above the baseline is congestion.
const LOSS: f64 = 0.02;
/// More than this is not taken for the nature of the link.
const MOST_BASELINE: f64 = 0.3;
/// How full a queue counts as filling, at least.
const QUEUE: Duration = Duration::from_millis(8);
const SHORTEST_LOOK: Duration = Duration::from_millis(10);
/// The same at the start where all that goes was asked for.
const QUICK_LOOK: Duration = Duration::from_millis(3);
/// A machine that has not looked for so long stood still; so often that counts.
const STOOD_STILL: Duration = Duration::from_millis(5);
const MOST_STALLS: u32 = 8;
/// How long the rate stays as it is while nobody has answered yet.
const UNHEARD: Duration = Duration::from_millis(100);
/// How many answers, and how many moments, are enough to see how the queues do of late.
const LATEST: usize = 1_024;
/// How many subnets' round trips are remembered.
const SUBNETS: usize = 65_536;

impl Control {
    /// Never more than so many packets a second.
    pub fn new(asked: u32) -> Self {
        let asked = f64::from(asked).clamp(1.0, UNLIMITED);
        Self {
            asked,
            rate: first(asked),
            ceiling: asked,
            phase: Phase::Starting,
            baseline: 0.0,
            suspicion: None,
            shortest: HashMap::new(),
            base: None,
            smoothed: None,
            window: Window::default(),
            outcomes: Outcomes::default(),
            sent: 0,
            queued: Duration::ZERO,
            proven: 0.0,
            reached: None,
            calm: 0,
            is_blind: false,
            is_lowered: false,
            stalls: 0,
        }
    }

    /// Packets a second that were asked for.
    pub fn asked(&self) -> f64 {
        self.asked
    }

    /// Packets a second.
    pub fn rate(&self) -> f64 {
        self.rate
    }

    /// Whether the rate was taken below what was asked for, and has not come back.
    pub fn is_lowered(&self) -> bool {
        self.is_lowered
    }

    /// The share of answers that gets lost at any rate.
    pub fn baseline(&self) -> f64 {
        self.baseline
    }

    /// A round trip, smoothed as TCP does (RFC 6298); `None` before the first.
    pub fn round_trip(&self) -> Option<Duration> {
        self.smoothed
    }

    /// How full the queues on the way were at the last look, in time.
    pub fn queued(&self) -> Duration {
        self.queued
    }

    /// Somebody answered a packet that was sent at a moment.
    pub fn answered(&mut self, by: Ipv4Addr, sent: Duration, trip: Duration) {
        let smoothed = self.smoothed.get_or_insert(trip);
        *smoothed = (*smoothed * 7 + trip) / 8;
        let subnet = u32::from(by) >> 8;
        let full = self.shortest.len() >= SUBNETS;
        let Some(shortest) = self.shortest.get_mut(&subnet) else {
            if !full {
                self.shortest.insert(subnet, trip);
            }
            return;
        };
        *shortest = trip.min(*shortest);
        let excess = trip.saturating_sub(*shortest);
        let base = self.base.get_or_insert(*shortest);
        *base = (*base * 7 + *shortest) / 8;
        if sent >= self.window.since {
            self.window.excess.push((sent, excess));
        }
    }

    /// A host that is known to live answered a packet that was sent at a moment, or did not.
    pub fn outcome(&mut self, sent: Duration, is_lost: bool) {
        if sent >= self.outcomes.since {
            self.outcomes.fresh.push((sent, is_lost));
        }
    }

    /// How long the answer of a host that is known to live is waited for.
    pub fn time_out(&self) -> Duration {
        let smoothed = self.smoothed.unwrap_or(Duration::from_millis(200));
        let wanted = smoothed * 3 + Duration::from_millis(100);
        wanted.clamp(Duration::from_millis(150), Duration::from_secs(1))
    }

    /// Looks whether the rate should change. `sent` is how many packets were sent so far.
    pub fn look(&mut self, now: Duration, sent: u64) -> Option<Lowered> {
        let stood_still = self.stood_still(now);
        self.window.course.push((now, sent));
        if stood_still {
            self.stalls += 1;
            self.rate = self.rate.min(self.proven.max(first(self.asked)));
            self.window.begin(now);
            self.window.looked = now;
            self.sent = sent;
            return None;
        }
        let span = now.saturating_sub(self.window.looked);
        if self.smoothed.is_none() && now < UNHEARD && sent >= UNANSWERED {
            self.rate = self.rate.min(MODEST);
        }
        if span < self.shortest_look() {
            return None;
        }
        self.outcomes.ripen(now.saturating_sub(self.time_out()));
        self.window.trim();
        let queued = self.window.queued(self.enough());
        let is_bad = self.loss_is_plain() || queued.is_some_and(|queued| self.fills(queued));
        if !is_bad && span < self.patience(queued.is_some()) {
            return None;
        }
        let used = per_second(sent - self.sent, span);
        let lowered = self.judge(now, used, queued);
        self.window.looked = now;
        self.sent = sent;
        if self.rate >= self.asked * 0.9 || self.rate > used * 2.0 && self.ceiling >= self.asked {
            self.is_lowered = false;
        }
        let first = lowered.filter(|_| !self.is_lowered);
        self.is_lowered |= lowered.is_some();
        first
    }

    /// Whether this machine stood still since the last look. What was sent before says nothing of the queue that it
    /// fills when it goes on, and what came of the last doubling is not known; but where that happens all the time there
    /// is nothing better.
    fn stood_still(&self, now: Duration) -> bool {
        let last = self.window.course.last().map_or(now, |(at, _)| *at);
        // Where nobody has answered, nothing was learnt that could be wrong.
        self.smoothed.is_some()
            && self.phase == Phase::Starting
            && self.stalls < MOST_STALLS
            && now.saturating_sub(last) >= STOOD_STILL
    }

    fn shortest_look(&self) -> Duration {
        if self.phase == Phase::Starting && self.asked >= ALL_THAT_GOES {
            QUICK_LOOK
        } else {
            SHORTEST_LOOK
        }
    }

    /// How many answers are enough to tell.
    fn enough(&self) -> usize {
        if self.phase == Phase::Starting { 2 } else { 5 }
    }

    /// How long to wait until the rate may grow.
    fn patience(&self, is_known: bool) -> Duration {
        let Some(base) = self.base.or(self.smoothed) else {
            return UNHEARD;
        };
        let wait = self.shortest_look() + base.min(Duration::from_millis(500));
        match (self.is_blind, is_known) {
            (true, _) => wait.max(self.time_out()),
            (false, true) => wait,
            (false, false) => self.time_out(),
        }
    }

    fn judge(&mut self, now: Duration, used: f64, queued: Option<Duration>) -> Option<Lowered> {
        // A rate that is not used proves nothing.
        let in_use = used >= self.rate / 4.0;
        self.queued = queued.unwrap_or_default();
        let (filling, fills) = (self.filling(), self.fills(self.queued));
        self.resolve(now);
        // While the queue is full, it tells more than what it lost, of which one hears when it drains.
        if in_use && self.loss_is_plain() && self.queued <= filling {
            return Some(self.lose(now, used));
        }
        if fills && in_use {
            let is_early =
                self.phase == Phase::Draining && self.window.length() < SHORTEST_LOOK * 2;
            let drains = is_early || self.window.slope() < -0.02;
            if drains && !is_early {
                self.raise_ceiling();
            }
            return (!drains).then(|| self.back_off(now, used));
        }
        if self.queued < filling / 4 {
            if queued.is_some() {
                self.proven = self.rate.min(used);
            }
            // Twice as much, when a queue has begun to grow, would soon fill it.
            let grows = self.window.slope() > 0.1;
            if self.phase == Phase::Starting && (self.still_falls() || grows) {
                self.window.begin(now);
            } else {
                self.grow(now, used);
            }
        }
        None
    }

    /// Whether the first answers came through a queue that still drains: then an empty one was not seen yet.
    fn still_falls(&mut self) -> bool {
        let Some(base) = self.base else {
            return false;
        };
        let before = self.reached.replace(base);
        before.is_none_or(|before| base + before / 16 + Duration::from_millis(1) < before)
    }

    /// How much longer than the shortest round trip means that a queue fills.
    fn filling(&self) -> Duration {
        self.base
            .map_or(QUEUE, |trip| QUEUE.max(trip / 2).min(QUEUE * 4))
    }

    /// Whether a queue fills. At the start, when the rate is still doubled, a quarter is enough where it grows fast: as much
    /// again is on its way, and answers to that come late.
    fn fills(&self, queued: Duration) -> bool {
        let is_fast = || self.phase == Phase::Starting && self.window.slope() > 0.5;
        let filling = self.filling();
        queued > filling || queued > filling / 4 && is_fast()
    }

    /// Whether more than can be chance, and more than the baseline, was lost.
    fn loss_is_plain(&self) -> bool {
        let (asked, lost) = (
            f64::from(self.outcomes.asked),
            f64::from(self.outcomes.lost),
        );
        asked >= 8.0 && (lost - 2.0 * lost.sqrt()) / asked > self.baseline + LOSS
    }

    /// Answers get lost: half the rate, and the question whether that helps.
    fn lose(&mut self, now: Duration, used: f64) -> Lowered {
        let loss = f64::from(self.outcomes.lost) / f64::from(self.outcomes.asked.max(1));
        let rate = self.rate.min(used);
        // Where it is known roughly what comes through, a handful of losses is no reason to forget it.
        let most = if self.ceiling < self.asked { 0.5 } else { 0.9 };
        let through = rate * (1.0 - (loss - self.baseline).clamp(0.0, most));
        self.suspicion = Some((rate, loss));
        self.ceiling = through * 0.95;
        self.is_blind = true;
        self.set(now, (through * 0.8).min(rate / 2.0));
        Lowered::Losses { to: self.whole() }
    }

    /// Decides whether the last halving helped.
    fn resolve(&mut self, now: Duration) {
        let Some((rate, loss)) = self.suspicion else {
            return;
        };
        // While the queues drain, it is too early to tell.
        if self.queued > self.filling() {
            (self.outcomes.asked, self.outcomes.lost) = (0, 0);
            return;
        }
        let asked = f64::from(self.outcomes.asked);
        if asked < (3.0 / loss).clamp(20.0, 400.0) {
            return;
        }
        self.suspicion = None;
        let still = f64::from(self.outcomes.lost) / asked;
        // Were it congestion, as much as before would come through.
        let through = rate * (1.0 - loss);
        let congested = (1.0 - through / self.rate).max(self.baseline);
        if still > f64::midpoint(loss, congested) && still < MOST_BASELINE {
            self.baseline = self.baseline.max(f64::midpoint(loss, still));
            self.ceiling = self.asked;
            self.is_blind = false;
            self.set(now, rate);
            self.phase = Phase::Steady;
        }
    }

    /// A queue fills: somewhat less than what comes through.
    fn back_off(&mut self, now: Duration, used: f64) -> Lowered {
        // What fills it is what was sent in the very time that the answers tell of.
        let filled = self.window.inflow().unwrap_or(used);
        let rate = self.rate.min(filled);
        let slope = self.window.slope();
        if slope > 0.02 {
            // Once it is known roughly what comes through, a steeper rise than that is a hiccup on the way.
            let least = if self.ceiling < self.asked { 2.0 } else { 8.0 };
            // At the start, half of it has just come through.
            let proven = if self.phase == Phase::Starting {
                self.proven * 0.85
            } else {
                0.0
            };
            let through = (filled / (1.0 + slope)).max(proven);
            let through = through.clamp(filled / least, filled * 0.98);
            self.lower_ceiling(through);
            self.set(now, (through * 0.8).min(self.rate));
        } else {
            // It is full, and tells no more than that.
            self.lower_ceiling(rate * 0.9);
            self.set(now, self.ceiling.min(rate / 2.0));
        }
        self.is_blind = false;
        Lowered::Queues { to: self.whole() }
    }

    /// Queues say that less comes through than was thought; where that was known, it is taken back by a tenth at a
    /// time. A machine on the way, or this one, that stands still for some milliseconds looks like a router that has
    /// become slow, and one hiccup after another would make the sweep crawl.
    fn lower_ceiling(&mut self, through: f64) {
        let least = if self.ceiling < self.asked {
            self.ceiling * 0.9
        } else {
            0.0
        };
        self.ceiling = through.min(self.ceiling).max(least);
    }

    /// A queue that drains tells what comes through as well as one that fills; after a hiccup it drains fast.
    fn raise_ceiling(&mut self) {
        if let Some(inflow) = self.window.inflow() {
            let through = inflow / (1.0 + self.window.slope().max(-0.9));
            let most = (self.ceiling * 1.2).min(self.asked);
            self.ceiling = self.ceiling.max((through * 0.9).min(most));
        }
    }

    fn set(&mut self, now: Duration, rate: f64) {
        self.rate = rate.clamp(SLOWEST.min(self.asked), self.asked);
        self.phase = Phase::Draining;
        self.calm = 0;
        self.window.begin(now);
        self.outcomes = Outcomes {
            since: now,
            ..Outcomes::default()
        };
    }

    fn grow(&mut self, now: Duration, used: f64) {
        if self.rate >= self.asked || used < self.rate / 2.0 {
            return;
        }
        // What comes through without a queue was no ceiling.
        self.ceiling = self.ceiling.max(self.rate.min(used));
        let below = self.rate < self.ceiling * 0.94;
        let factor = match self.phase {
            Phase::Starting => 2.0,
            _ if below => 1.25,
            _ => {
                self.calm = (self.calm + 1).min(5);
                // Carefully first: what came through the last time may still be the limit.
                1.0 + 0.0025 * f64::from(1_u32 << self.calm)
            }
        };
        self.rate = (self.rate * factor).min(self.asked);
        if below && self.phase != Phase::Starting {
            self.rate = self.rate.min(self.ceiling * 0.95);
        }
        if self.rate >= self.asked || self.phase == Phase::Draining {
            self.phase = Phase::Steady;
        }
        self.window.begin(now);
    }

    fn whole(&self) -> u32 {
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "a rate is positive and below four million"
        )]
        let whole = self.rate.round() as u32;
        whole
    }
}

impl Outcomes {
    /// Counts what became of the packets that were sent until a moment.
    fn ripen(&mut self, until: Duration) {
        self.fresh.retain(|(sent, is_lost)| {
            let ripe = *sent <= until;
            self.asked += u32::from(ripe);
            self.lost += u32::from(ripe && *is_lost);
            !ripe
        });
    }
}

impl Window {
    fn begin(&mut self, now: Duration) {
        self.since = now;
        self.excess.clear();
        let last = self.course.pop();
        self.course.clear();
        self.course.extend(last);
    }

    /// Forgets all but the latest.
    fn trim(&mut self) {
        let many = self.excess.len().saturating_sub(LATEST);
        self.excess.drain(..many);
        let many = self.course.len().saturating_sub(LATEST);
        self.course.drain(..many);
    }

    /// By how much every answer to the later packets was late; `None` where too few came to tell.
    fn queued(&self, enough: usize) -> Option<Duration> {
        let (first, last) = self.span()?;
        // One hiccup of this machine delays everything that it sends at one moment.
        let spread = last.saturating_sub(first) >= SHORTEST_LOOK / 5;
        let shortest = self.shortest(midpoint(first, last), true);
        shortest.filter(|_| spread && self.excess.len() >= enough)
    }

    fn span(&self) -> Option<(Duration, Duration)> {
        let sent = self.excess.iter().map(|(sent, _)| *sent);
        Some((sent.clone().min()?, sent.max()?))
    }

    fn length(&self) -> Duration {
        let span = self.span();
        span.map_or(Duration::ZERO, |(first, last)| last.saturating_sub(first))
    }

    /// Packets a second while those were sent whose answers are here; `None` where that is not known.
    fn inflow(&self) -> Option<f64> {
        let (from, to) = self.span()?;
        let before = self.course.iter().rev().find(|(at, _)| *at <= from);
        let (first, already) = before.or(self.course.first())?;
        let after = self.course.iter().find(|(at, _)| *at >= to);
        let (last, sent) = after.or(self.course.last())?;
        let span = last.saturating_sub(*first);
        (span >= SHORTEST_LOOK / 5).then(|| per_second(sent - already, span))
    }

    fn shortest(&self, middle: Duration, late: bool) -> Option<Duration> {
        let half = self.excess.iter();
        let half = half.filter(|(sent, _)| (*sent > middle) == late);
        half.map(|(_, excess)| *excess).min()
    }

    /// By how much the queues grow in a second, in seconds; 0 where too few answers came to tell.
    fn slope(&self) -> f64 {
        let Some((first, last)) = self.span() else {
            return 0.0;
        };
        let middle = midpoint(first, last);
        let halves = self
            .shortest(middle, false)
            .zip(self.shortest(middle, true));
        let Some((early, late)) = halves else {
            return 0.0;
        };
        let time = last.saturating_sub(first).as_secs_f64() / 2.0;
        (late.as_secs_f64() - early.as_secs_f64()) / time.max(0.001)
    }
}

/// The rate at the start.
fn first(asked: f64) -> f64 {
    let modest = if asked < ALL_THAT_GOES {
        MODEST
    } else {
        LESS_MODEST
    };
    modest.min(asked / 5.0).max(SLOWEST * 5.0).min(asked)
}

fn midpoint(first: Duration, last: Duration) -> Duration {
    first + last.saturating_sub(first) / 2
}

fn per_second(count: u64, span: Duration) -> f64 {
    #[expect(
        clippy::cast_precision_loss,
        reason = "counts of some milliseconds are small"
    )]
    let count = count as f64;
    count / span.as_secs_f64().max(1e-6)
}

#[cfg(test)]
mod tests;
