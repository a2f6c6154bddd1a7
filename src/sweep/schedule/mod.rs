//! What is asked when, and what follows from the answers. Pure: the time is an argument, counted from the
//! beginning of the sweep, and whoever holds a [`Schedule`] opens the connections.
//!
//! Every position has its turn in the order. An address that shows life is asked everything else at once,
//! within its host's limits, and its later turns are passed over; the position of its first sign of life stays
//! unsettled until the whole host is settled, so that a sweep that is resumed asks such a host again. A probe
//! that cannot go now is put aside, and the others go on.

mod answers;
mod bitmap;
mod canaries;
mod hosts;
mod living;
mod loss;
pub(super) mod neighbours;
mod slices;
mod turns;
mod window;

use super::budget::HalfOpen;
use super::pace::{Pacer, RoundTrips, Width};
use super::{Answer, Profile, SweepEvent, SweepPlan};
use crate::traffic::size;
pub(super) use answers::Outcome;
use bitmap::Bitmap;
use canaries::{Canaries, Throttle};
use hosts::Hosts;
use living::Living;
use loss::Losses;
use neighbours::Neighbours;
use slices::Slices;
use std::cmp::Reverse;
use std::collections::{BinaryHeap, VecDeque};
use std::net::{IpAddr, SocketAddr};
use std::ops::Range;
use std::time::Duration;
use window::Window;

/// How an address is reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Reach {
    /// It is this machine's own.
    Local,
    /// It is a neighbour on the own link.
    OnLink,
    /// By way of a router.
    Routed,
}

/// Why a probe is sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Role {
    /// It is its position's turn.
    Turn,
    /// Its host showed life.
    Extra,
    /// To see whether answers still arrive.
    Canary,
}

/// A probe on its way through the sweep.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Work {
    position: u64,
    /// The index of the address.
    index: u64,
    address: IpAddr,
    port: u16,
    reach: Reach,
    role: Role,
    /// How many connections were begun for it.
    tries: u8,
    /// How many of them were in vain because the sweep was too fast.
    excused: u8,
    /// How often it was put back because this machine had run out of something.
    shortages: u8,
    /// When the last connection was begun, and in which slice of the sweep.
    begun: Duration,
    slice: u64,
}

impl Work {
    fn new(position: u64, index: u64, to: (IpAddr, u16), reach: Reach) -> Self {
        Self {
            position,
            index,
            address: to.0,
            port: to.1,
            reach,
            role: Role::Turn,
            tries: 0,
            excused: 0,
            shortages: 0,
            begun: Duration::ZERO,
            slice: 0,
        }
    }

    fn with_role(self, role: Role) -> Self {
        Self { role, ..self }
    }

    /// How many bytes on the wire it takes to begin it.
    pub(super) fn cost(&self) -> u64 {
        size::syn(self.address.is_ipv6())
    }

    /// How many bytes its end takes: the answer, and what the system sends in return; or what it has sent again
    /// while there was none.
    pub(super) fn cost_of(&self, outcome: &Outcome, now: Duration) -> u64 {
        // RFC 6298, section 2.1.
        const REPEATED_AFTER: Duration = Duration::from_secs(1);
        let is_v6 = self.address.is_ipv6();
        let (syn, bare) = (size::syn(is_v6), size::bare_segment(is_v6));
        match outcome {
            Outcome::Answered(Answer::Open, _) => syn + 2 * bare,
            Outcome::Answered(..) => bare,
            // Time-outs are shorter than what the system waits before the next.
            Outcome::Silent if now >= self.begun + REPEATED_AFTER => syn,
            _ => 0,
        }
    }

    /// Where the connection goes.
    pub(super) fn to(&self) -> SocketAddr {
        SocketAddr::new(self.address, self.port)
    }
}

/// What is put aside until a moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Due {
    /// A host may be asked again.
    Host(u64),
    /// A probe goes again.
    Again(Work),
    /// A neighbour's old entry in the kernel's table has been confirmed, or has gone.
    Confirmed(Work),
}

/// How long a mark is kept back, unless many probes passed.
const MARK_EVERY: Duration = Duration::from_millis(200);
const MARK_PROBES: u64 = 1_000;
/// How many probes, or hosts, may be put aside until no new positions are begun.
const ASIDE_LIMIT: usize = 65_536;

/// A sweep in progress.
pub(super) struct Schedule<'a> {
    plan: &'a SweepPlan,
    end: u64,
    profile: Profile,
    reach: &'a dyn Fn(IpAddr) -> Reach,
    window: Window,
    /// Addresses whose later turns are passed over: they showed life, or nobody can be there.
    passed: Bitmap,
    living: Living,
    hosts: Hosts,
    aside: BinaryHeap<Reverse<(Duration, Due)>>,
    open: usize,
    pacer: Pacer,
    throttle: Throttle,
    width: Width,
    trips: RoundTrips,
    losses: Losses,
    slices: Slices,
    /// What nobody answered while there was nothing to judge it by.
    unjudged: Vec<Work>,
    canaries: Canaries,
    since_canary: u32,
    neighbours: Neighbours,
    half_open: HalfOpen,
    /// No new positions are begun until then: too much is half open.
    held_back: Duration,
    was_held_back: bool,
    events: VecDeque<SweepEvent>,
    mark_sent: u64,
    mark_due: Duration,
    tries: u64,
    requeued: u64,
}

impl<'a> Schedule<'a> {
    /// Begins a sweep of some of a plan's positions, with so many connections at once, given how each address
    /// is reached, and the neighbours that the kernel knows.
    pub(super) fn new(
        (plan, positions): (&'a SweepPlan, Range<u64>),
        profile: Profile,
        width: usize,
        reach: &'a dyn Fn(IpAddr) -> Reach,
        neighbours: Neighbours,
    ) -> Self {
        let end = positions.end.min(plan.len());
        let start = positions.start.min(end);
        Self {
            plan,
            end,
            profile,
            reach,
            window: Window::new(start),
            passed: Bitmap::default(),
            living: Living::default(),
            hosts: Hosts::new(profile.host_rate, profile.host_connections),
            aside: BinaryHeap::new(),
            open: 0,
            pacer: Pacer::new(profile.rate),
            throttle: Throttle::new(profile.rate),
            width: Width::new(width),
            trips: RoundTrips::new(profile.timeout),
            losses: Losses::new(profile.retries, profile.most_retries),
            slices: Slices::default(),
            unjudged: Vec::new(),
            canaries: Canaries::default(),
            since_canary: 0,
            neighbours,
            half_open: HalfOpen::new(profile.half_open),
            held_back: Duration::ZERO,
            was_held_back: false,
            events: VecDeque::new(),
            mark_sent: start,
            mark_due: MARK_EVERY,
            tries: 0,
            requeued: 0,
        }
    }

    /// The probe to begin now, and how long to wait for its answer; `None` if there is none, for now.
    pub(super) fn next(&mut self, now: Duration) -> Option<(Work, Duration)> {
        if self.open >= self.width.at(now) || self.pacer.next() > now {
            return None;
        }
        if let Some(canary) = self.canary(now) {
            return Some(self.begin(canary, now));
        }
        loop {
            let is_last = self.is_last_stretch(now);
            let due = if is_last { None } else { self.due(now) };
            let served = match due {
                Some(Due::Host(index)) => {
                    self.hosts.set_turn(index, false);
                    self.serve(index, now)
                }
                Some(Due::Again(work)) => self.offer(work, now),
                Some(Due::Confirmed(work)) => {
                    self.confirmed(work, now);
                    None
                }
                None => match self.turn(now) {
                    Some(work) => self.offer(work, now),
                    None if is_last => continue,
                    None => return None,
                },
            };
            if let Some(work) = served {
                return Some(self.begin(work, now));
            }
        }
    }

    /// The next moment at which there is something to do even if nothing ends.
    pub(super) fn wake(&mut self, now: Duration) -> Option<Duration> {
        let mut until = self.slices.due(!self.has_turn(now));
        let mut at =
            |moment: Duration| until = Some(until.map_or(moment, |until| until.min(moment)));
        if self.window.mark() > self.mark_sent {
            at(self.mark_due);
        }
        if self.open < self.width.at(now) {
            let ready = self.pacer.next();
            if self.has_turn(now) {
                at(ready);
            } else if self.held_back > now {
                at(self.held_back);
            }
            if let Some(Reverse((due, _))) = self.aside.peek() {
                at(ready.max(*due));
            }
        }
        until
    }

    /// What has happened since the last call, in this order.
    pub(super) fn events(&mut self, now: Duration) -> VecDeque<SweepEvent> {
        let mark = self.window.mark();
        let passed = mark - self.mark_sent;
        let due = now >= self.mark_due || passed >= MARK_PROBES || self.is_done();
        if passed > 0 && due {
            self.events.push_back(SweepEvent::Passed(mark));
            self.mark_sent = mark;
            self.mark_due = now + MARK_EVERY;
        }
        std::mem::take(&mut self.events)
    }

    /// Where the sweep can be resumed, once all events up to now have been read.
    pub(super) fn mark(&self) -> u64 {
        self.window.mark()
    }

    /// Whether everything is settled.
    pub(super) fn is_done(&self) -> bool {
        self.window.mark() >= self.end
    }

    /// How many connections are open.
    pub(super) fn open(&self) -> usize {
        self.open
    }

    /// How many probes were sent, canaries not counted.
    pub(super) fn tries(&self) -> u64 {
        self.tries
    }

    /// How many probes were put back because this machine had run out of something.
    pub(super) fn requeued(&self) -> u64 {
        self.requeued
    }

    /// What became of the canaries.
    pub(super) fn canary_count(&self) -> super::Canaries {
        self.canaries.count()
    }
}

#[cfg(test)]
mod tests;
#[cfg(test)]
mod wire;
