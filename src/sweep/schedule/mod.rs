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
mod window;

use super::budget::{HalfOpen, SYN};
use super::pace::{Pacer, RoundTrips, Width};
use super::{Profile, SweepEvent, SweepPlan};
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
/// How many positions are looked at in a row that have nothing to ask.
const SKIP_LIMIT: usize = 4_096;

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
            let served = match self.due(now) {
                Some(Due::Host(index)) => {
                    self.hosts.set_turn(index, false);
                    self.serve(index, now)
                }
                Some(Due::Again(work)) => self.offer(work, now),
                Some(Due::Confirmed(work)) => {
                    self.confirmed(work, now);
                    None
                }
                None => {
                    let work = self.turn(now)?;
                    self.offer(work, now)
                }
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

    /// Takes what was put aside and is due.
    fn due(&mut self, now: Duration) -> Option<Due> {
        let Reverse((at, _)) = self.aside.peek()?;
        if *at > now {
            return None;
        }
        self.aside.pop().map(|Reverse((_, due))| due)
    }

    /// Whether new positions may be begun.
    fn has_turn(&self, now: Duration) -> bool {
        let aside = self.aside.len() + self.hosts.waiting();
        self.window.next() < self.end
            && !self.window.is_full()
            && aside < ASIDE_LIMIT
            && self.living.len() < ASIDE_LIMIT
            && self.held_back <= now
    }

    /// The next position that has something to ask.
    fn turn(&mut self, now: Duration) -> Option<Work> {
        for _ in 0..SKIP_LIMIT {
            if !self.has_turn(now) {
                return None;
            }
            let position = self.window.next();
            self.window.begin();
            let asks = self.plan.at(position).and_then(|(index, kind)| {
                let port = kind.port().filter(|_| !self.passed.has(index))?;
                Some((index, self.plan.addresses().nth(index)?, port))
            });
            if let Some((index, address, port)) = asks {
                let reach = (self.reach)(address);
                return Some(Work::new(position, index, (address, port), reach));
            }
            self.window.settle(position);
        }
        None
    }

    /// A host that is known to live is asked again, if it is time for that.
    fn canary(&mut self, now: Duration) -> Option<Work> {
        if self.since_canary < self.canaries.share() {
            return None;
        }
        let hosts = &self.hosts;
        let work = self.canaries.next(now, |index| hosts.is_idle(index, now))?;
        if self.is_shut(work.index, work.reach, now) {
            return None;
        }
        self.since_canary = 0;
        Some(work.with_role(Role::Canary))
    }

    /// Lines a probe up at its host.
    fn offer(&mut self, work: Work, now: Duration) -> Option<Work> {
        if self.is_over(&work) {
            self.settle(&work);
            return None;
        }
        self.hosts.line_up(work, now);
        if self.hosts.has_turn(work.index) {
            return None;
        }
        self.serve(work.index, now)
    }

    /// The probe that a host can be asked now; otherwise the host is remembered.
    fn serve(&mut self, index: u64, now: Duration) -> Option<Work> {
        while let Some(over) = self.hosts.front(index).filter(|work| self.is_over(work)) {
            let over = *over;
            self.hosts.pop(index);
            self.settle(&over);
        }
        let reach = self.reach_of_next(index)?;
        let at = self.hosts.next(index, self.is_unresolved(index, reach))?;
        if at > now {
            self.come_back(index, at);
            return None;
        }
        if self.is_shut(index, reach, now) {
            self.wait_outside(index, reach, now);
            return None;
        }
        let further = self.plan.further();
        let work = self.hosts.pop(index);
        work.or_else(|| self.living.next(index, further))
    }

    /// How the host is reached, if there is something to ask it.
    fn reach_of_next(&self, index: u64) -> Option<Reach> {
        let front = self.hosts.front(index).map(|work| work.reach);
        front.or_else(|| self.living.left(index, self.plan.further()))
    }

    /// Whether a probe has become pointless: its turn came when its host was settled.
    fn is_over(&self, work: &Work) -> bool {
        self.passed.has(work.index) && !self.living.has(work.index)
    }

    /// Whether the kernel does not know yet who is at an address of the own link.
    fn is_unresolved(&self, index: u64, reach: Reach) -> bool {
        reach == Reach::OnLink && !self.living.has(index)
    }

    /// Whether nobody may be asked where an address is.
    fn is_shut(&mut self, index: u64, reach: Reach, now: Duration) -> bool {
        match reach {
            Reach::Local => false,
            Reach::OnLink => self.is_unresolved(index, reach) && !self.neighbours.has_room(now),
            Reach::Routed => self.half_open.room(now) == 0,
        }
    }

    fn wait_outside(&mut self, index: u64, reach: Reach, now: Duration) {
        self.hosts.set_turn(index, true);
        if reach == Reach::OnLink {
            self.neighbours.line_up(index);
            return;
        }
        let at = self.half_open.next_end();
        let at = at.unwrap_or(now).max(now + Duration::from_millis(100));
        self.aside.push(Reverse((at, Due::Host(index))));
        self.held_back = at;
        if !std::mem::replace(&mut self.was_held_back, true) {
            let most = self.profile.half_open.unwrap_or_default();
            let notice = format!(
                "slowed down so that routers on the way keep at most {most} connections half open: \
                 --half-open 0 or --fast lifts that"
            );
            self.events.push_back(SweepEvent::Notice(notice));
        }
    }

    /// Comes back to a host at a moment, unless somebody will anyway.
    fn come_back(&mut self, index: u64, at: Duration) {
        if !self.hosts.has_turn(index) {
            self.hosts.set_turn(index, true);
            self.aside.push(Reverse((at, Due::Host(index))));
        }
    }

    /// Comes back to a host as soon as it may be asked, if there is something to ask it.
    fn go_on_with(&mut self, index: u64, now: Duration) {
        let Some(reach) = self.reach_of_next(index) else {
            return;
        };
        let at = self.hosts.next(index, self.is_unresolved(index, reach));
        if let Some(at) = at {
            self.come_back(index, at.max(now));
        }
    }

    /// Counts a connection that begins now.
    fn begin(&mut self, mut work: Work, now: Duration) -> (Work, Duration) {
        self.pacer.take(now);
        self.open += 1;
        self.hosts.begin(work.index, now);
        if work.reach == Reach::Routed {
            self.half_open.begin(now, SYN);
        }
        work.begun = now;
        work.slice = self.slices.begin(now);
        work.tries = work.tries.saturating_add(1);
        if work.role != Role::Canary {
            self.tries += 1;
            self.since_canary += 1;
        }
        let timeout = self.timeout(&work);
        if self.is_unresolved(work.index, work.reach) && work.role != Role::Canary {
            let Work { index, address, .. } = work;
            self.neighbours.ask(index, address, work.position);
        }
        self.go_on_with(work.index, now);
        (work, timeout)
    }

    fn timeout(&self, work: &Work) -> Duration {
        if work.role == Role::Canary {
            return self.trips.timeout(work.address, true);
        }
        if self.is_unresolved(work.index, work.reach) {
            return neighbours::PATIENCE.max(self.profile.timeout);
        }
        if self.losses.is_further(work.tries) {
            return self.profile.timeout;
        }
        let last = self.losses.is_last(work.tries);
        self.trips.timeout(work.address, last)
    }
}

#[cfg(test)]
mod tests;
