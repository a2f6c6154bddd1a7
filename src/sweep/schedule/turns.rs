//! Whose turn it is: what was put aside and is due, or else the next position; each only when its host, the
//! own link and the routers on the way may be asked.

use super::{ASIDE_LIMIT, Due, Reach, Role, Schedule, Work, neighbours};
use crate::sweep::SweepEvent;
use crate::sweep::budget::SYN;
use std::cmp::Reverse;
use std::time::Duration;

/// How many positions are looked at in a row that have nothing to ask.
const SKIP_LIMIT: usize = 4_096;
/// How many positions the last stretch has at most.
const LAST: u64 = 32_768;

impl Schedule<'_> {
    /// Takes what was put aside and is due.
    pub(super) fn due(&mut self, now: Duration) -> Option<Due> {
        let Reverse((at, _)) = self.aside.peek()?;
        if *at > now {
            return None;
        }
        self.aside.pop().map(|Reverse((_, due))| due)
    }

    /// Whether new positions may be begun.
    pub(super) fn has_turn(&self, now: Duration) -> bool {
        let aside = self.aside.len() + self.hosts.waiting();
        self.window.next() < self.end
            && !self.window.is_full()
            && aside < ASIDE_LIMIT
            && self.living.len() < ASIDE_LIMIT
            && self.held_back <= now
    }

    /// Whether the last positions go before everything else, those of a second at most: who is found last is
    /// settled last, some time-outs later, and what others are still to be asked fits in between. Not where what
    /// goes first takes the others' places in routers' tables, or where answers get lost.
    pub(super) fn is_last_stretch(&self, now: Duration) -> bool {
        let left = self.end.saturating_sub(self.window.next());
        let is_free = !self.half_open.is_limited() && !self.throttle.is_low();
        is_free && left <= LAST.min(self.profile.rate.into()) && self.has_turn(now)
    }

    /// The next position that has something to ask.
    pub(super) fn turn(&mut self, now: Duration) -> Option<Work> {
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
    pub(super) fn canary(&mut self, now: Duration) -> Option<Work> {
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
    pub(super) fn offer(&mut self, work: Work, now: Duration) -> Option<Work> {
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
    pub(super) fn serve(&mut self, index: u64, now: Duration) -> Option<Work> {
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
    pub(super) fn is_unresolved(&self, index: u64, reach: Reach) -> bool {
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
    pub(super) fn go_on_with(&mut self, index: u64, now: Duration) {
        let Some(reach) = self.reach_of_next(index) else {
            return;
        };
        let at = self.hosts.next(index, self.is_unresolved(index, reach));
        if let Some(at) = at {
            self.come_back(index, at.max(now));
        }
    }

    /// Counts a connection that begins now.
    pub(super) fn begin(&mut self, mut work: Work, now: Duration) -> (Work, Duration) {
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
