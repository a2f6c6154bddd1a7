//! What follows from the end of a connection.

use super::living::Host;
use super::neighbours::{self, Table};
use super::slices::Slice;
use super::{Due, Reach, Role, Schedule, Work};
use crate::sweep::budget::SYN;
use crate::sweep::{Answer, ProbeKind, Sighting, SweepEvent};
use std::cmp::Reverse;
use std::time::Duration;

/// What became of a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::sweep) enum Outcome {
    /// Somebody answered, after this long.
    Answered(Answer, Duration),
    /// Somebody, be it this machine, said that the host cannot be reached.
    NoHost(Duration),
    /// Nobody answered in time.
    Silent,
    /// This machine had nothing left to connect with. It says nothing about the host.
    Exhausted,
    /// This machine has no free port, or no address of its own, for this host.
    NoSource,
}

/// How often a probe without a source port is put back until the host counts as out of reach.
const SOURCE_TRIES: u8 = 8;
/// How often a probe is put back that the kernel could not send to a neighbour.
const NEIGHBOUR_TRIES: u8 = 3;
/// From how many connections on they may have used up this machine's ports.
const MANY_PORTS: usize = 1_000;
/// What an open port costs beside the probe: the kernel acknowledges its answer, and resets the connection
/// (RFC 9293 sections 3.5 and 3.6).
const OPEN_PACKETS: u32 = 2;
/// How long nothing is begun after this machine had run out of something.
const HOLD: Duration = Duration::from_millis(20);
/// How long after it was sent an unanswered probe is tried again at the earliest, and how long after its
/// time-out.
const RETRY_AFTER: Duration = Duration::from_secs(1);
const RETRY_PAUSE: Duration = Duration::from_millis(500);
/// How often a probe may have been in vain because the sweep was too fast.
const EXCUSES: u8 = 6;

impl Schedule<'_> {
    /// A connection has ended. A position is settled only after its sighting is among the events.
    pub(in crate::sweep) fn ended(&mut self, work: Work, outcome: Outcome, now: Duration) {
        self.open = self.open.saturating_sub(1);
        self.hosts.end(work.index);
        let further = match outcome {
            Outcome::Answered(Answer::Open, _) => OPEN_PACKETS,
            _ => 0,
        };
        self.pacer.count(further);
        self.slices.end(work.slice, further);
        if let Some(waiting) = self.neighbours.end(work.index) {
            self.aside.push(Reverse((now, Due::Host(waiting))));
        }
        if work.reach == Reach::Routed {
            match outcome {
                Outcome::Answered(Answer::Closed, _) => self.half_open.ended(work.begun, SYN, now),
                Outcome::Answered(..) => self.half_open.answered(work.begun, SYN, now),
                _ => {}
            }
        }
        if work.role == Role::Canary {
            self.canary_ended(&work, outcome);
        } else {
            self.judge_outcome(work, outcome, now);
        }
        self.go_on_with(work.index, now);
    }

    fn canary_ended(&mut self, work: &Work, outcome: Outcome) {
        let lost = match outcome {
            Outcome::Answered(..) => false,
            Outcome::Silent | Outcome::NoHost(_) => true,
            Outcome::Exhausted | Outcome::NoSource => return,
        };
        self.canaries.ended(work.index, lost);
        self.slices.canary(work.slice, lost);
    }

    fn judge_outcome(&mut self, work: Work, outcome: Outcome, now: Duration) {
        match outcome {
            Outcome::Exhausted => {
                self.width.shrink(now, self.open);
                self.pacer.hold(now + HOLD);
                self.put_back(work, now);
            }
            Outcome::NoSource if work.shortages < SOURCE_TRIES => {
                // Linux shares out ports by destination, so fewer connections elsewhere free none;
                // other systems have some ten thousand for all.
                if self.open >= MANY_PORTS {
                    self.width.shrink(now, self.open);
                }
                self.put_back(work, now);
            }
            Outcome::Silent => self.silent(work, now),
            Outcome::NoHost(after) if self.is_nobody(&work, after) => self.nobody(work),
            Outcome::NoSource => self.sight(&work, Answer::Unreachable, Duration::ZERO, now),
            Outcome::NoHost(after) => self.sight(&work, Answer::Unreachable, after, now),
            Outcome::Answered(answer, after) => self.sight(&work, answer, after, now),
        }
    }

    /// Puts a probe back that was not really tried.
    fn put_back(&mut self, work: Work, now: Duration) {
        self.requeued += 1;
        let wait = Duration::from_millis(100) * 2_u32.pow(work.shortages.min(5).into());
        let work = Work {
            tries: work.tries.saturating_sub(1),
            shortages: work.shortages.saturating_add(1),
            ..work
        };
        self.aside.push(Reverse((now + wait, Due::Again(work))));
    }

    /// Nobody answered: the probe goes again, or its slice will tell.
    fn silent(&mut self, work: Work, now: Duration) {
        let was_sent = !self.is_unresolved(work.index, work.reach)
            || !self.neighbours.has_table()
            || self.neighbours.mac(work.address).is_some();
        if !was_sent && work.shortages < NEIGHBOUR_TRIES {
            // The kernel would have said that nobody is there. It had no place to ask.
            self.put_back(work, now);
        } else if self.losses.is_ordinary(work.tries) {
            let at = (work.begun + RETRY_AFTER).max(now + RETRY_PAUSE);
            self.aside.push(Reverse((at, Due::Again(work))));
        } else {
            self.slices.silent(work);
        }
    }

    /// Whether the own link said that nobody has an address.
    fn is_nobody(&self, work: &Work, after: Duration) -> bool {
        // One that is put back joins the questions that the kernel is asking already.
        let is_answer = after >= neighbours::UNANSWERED || work.shortages > 0;
        self.is_unresolved(work.index, work.reach) && is_answer
    }

    fn nobody(&mut self, work: Work) {
        self.passed.add(work.index);
        self.settle(&work);
        while let Some(other) = self.hosts.pop(work.index) {
            self.settle(&other);
        }
    }

    fn sight(&mut self, work: &Work, answer: Answer, round_trip: Duration, now: Duration) {
        if answer.is_life() {
            self.trips.sample(work.address, round_trip);
            // What the sweep's own haste has cost says nothing of the subnet.
            let tries = work.tries.saturating_sub(work.excused);
            self.losses.answered(work.address, tries);
            self.canaries.add(*work, answer == Answer::Closed, now);
        }
        self.report(work, ProbeKind::Tcp(work.port), answer, round_trip);
        if answer.is_life() {
            self.life(work, false, now);
        }
        if self.is_unresolved(work.index, work.reach) && self.neighbours.has_table() {
            return self.doubt(*work, now);
        }
        self.settle(work);
    }

    /// No port showed life; the link may have. The next reading of the table tells, or a later one if the
    /// neighbour was in it before.
    fn doubt(&mut self, work: Work, now: Duration) {
        let next = now + neighbours::READ_EVERY * 2;
        let is_old = self.neighbours.is_old(work.address);
        let at = if is_old {
            next.max(work.begun + neighbours::CONFIRMED)
        } else {
            next
        };
        self.neighbours.doubt();
        self.aside.push(Reverse((at, Due::Confirmed(work))));
    }

    fn report(&mut self, work: &Work, probe: ProbeKind, answer: Answer, round_trip: Duration) {
        let mac = match probe {
            ProbeKind::Neighbour => self.neighbours.mac(work.address),
            _ => None,
        };
        self.events.push_back(SweepEvent::Sighting(Sighting {
            index: work.position,
            address: work.address,
            probe,
            answer,
            round_trip,
            tries: work.tries.max(1),
            trace: None,
            mac,
        }));
    }

    fn report_neighbour(&mut self, work: &Work) {
        let work = Work { tries: 1, ..*work };
        self.report(&work, ProbeKind::Neighbour, Answer::Alive, Duration::ZERO);
    }

    /// An address shows life. If it is the first sign, everything else is asked now.
    fn life(&mut self, work: &Work, has_mac: bool, now: Duration) {
        if self.living.has(work.index) || self.passed.has(work.index) {
            return;
        }
        if work.reach == Reach::OnLink {
            self.neighbours.answered(now);
        }
        self.passed.add(work.index);
        let mut host = Host {
            address: work.address,
            reach: work.reach,
            held: work.position,
            early: Vec::new(),
            further: 0,
            begun: 0,
            has_mac: has_mac || work.reach != Reach::OnLink || !self.neighbours.has_table(),
        };
        for position in self.plan.positions_of(work.index) {
            let kind = self.plan.at(position).map(|(_, kind)| kind);
            let Some(port) = kind.and_then(ProbeKind::port) else {
                continue;
            };
            if position >= self.window.next() {
                host.early.push((position, port));
            } else if self.window.is_open(position) {
                host.begun += 1;
            }
        }
        self.living.add(work.index, host);
    }

    /// A probe needs no more. Settles its position if it is the probe's own, and nobody else waits for it.
    pub(super) fn settle(&mut self, work: &Work) {
        let Some(host) = self.living.get(work.index) else {
            if work.role == Role::Turn {
                self.window.settle(work.position);
            }
            return;
        };
        host.begun = host.begun.saturating_sub(1);
        if work.role == Role::Turn && work.position != host.held {
            self.window.settle(work.position);
        }
        if host.is_settled(self.plan.further()) {
            self.settle_host(work.index);
        }
    }

    fn settle_host(&mut self, index: u64) {
        if self.living.get(index).is_some_and(|host| !host.has_mac) {
            return self.neighbours.wait_for_mac(index);
        }
        if let Some(host) = self.living.remove(index) {
            self.events.push_back(SweepEvent::Settled(host.address));
            self.window.settle(host.held);
        }
    }

    /// Draws the consequences of the slices of which everything has ended.
    pub(in crate::sweep) fn judge(&mut self, now: Duration) {
        let is_quiet = !self.has_turn(now);
        self.slices.close_if_due(now, is_quiet);
        while let Some(slice) = self.slices.take() {
            let is_too_fast = self.canaries.is_too_fast(slice.canaries, slice.lost);
            let length = slice.until.unwrap_or(now).saturating_sub(slice.since);
            if is_too_fast {
                self.slow_down(&slice, length, now);
            } else if let Some(rate) = self.throttle.raise(slice.since, length) {
                self.pacer.set(rate);
            }
            // Near the rate at which answers got lost, a single one is a reason to ask again.
            let is_near = self.throttle.is_low() && slice.lost > 0;
            if is_too_fast || is_near {
                for work in slice.silent {
                    self.judge_silence(work, u8::from(is_too_fast), true, now);
                }
            } else {
                self.unjudged.extend(slice.silent);
            }
        }
        // At first there is nothing to judge by.
        if !self.unjudged.is_empty() && (is_quiet || !self.canaries.are_new(now)) {
            let lossy = self.canaries.shows_loss();
            for work in std::mem::take(&mut self.unjudged) {
                self.judge_silence(work, 0, lossy, now);
            }
        }
    }

    fn slow_down(&mut self, slice: &Slice, length: Duration, now: Duration) {
        let sent = f64::from(slice.sent) / length.as_secs_f64().max(0.05);
        let was_low = self.throttle.is_low();
        let Some(rate) = self.throttle.lower(slice.since, sent, now) else {
            return;
        };
        self.pacer.set(rate);
        self.slices.close(now);
        if was_low {
            return;
        }
        let notice = format!(
            "slowed down to {rate} probes a second: {} of {} answers that were sure to come got lost; \
             what was asked meanwhile is asked again",
            slice.lost, slice.canaries
        );
        self.events.push_back(SweepEvent::Notice(notice));
    }

    /// `excuse` is 1 where the sweep was too fast, otherwise 0.
    fn judge_silence(&mut self, work: Work, excuse: u8, lossy: bool, now: Duration) {
        let excused = (work.excused + excuse).min(EXCUSES);
        let tries = work.tries.saturating_sub(excused);
        let patience = self
            .losses
            .patience(work.address, tries, work.position, lossy);
        if let Some(wait) = patience {
            let work = Work { excused, ..work };
            self.aside.push(Reverse((now + wait, Due::Again(work))));
        } else if self.is_unresolved(work.index, work.reach) {
            self.doubt(work, now);
        } else {
            self.settle(&work);
        }
    }

    /// The kernel's table of neighbours was read again.
    pub(in crate::sweep) fn read_neighbours(&mut self, table: Table, now: Duration) {
        for (index, position) in self.neighbours.read(table) {
            let Some(address) = self.plan.addresses().nth(index) else {
                continue;
            };
            let work = Work::new(position, index, (address, 0), Reach::OnLink);
            self.neighbour(&work, now);
            if let Some(waiting) = self.neighbours.end(index) {
                self.aside.push(Reverse((now, Due::Host(waiting))));
            }
            self.go_on_with(index, now);
        }
        let nameless = self.living.all().filter(|(_, host)| !host.has_mac);
        let named = nameless.filter_map(|(index, host)| {
            self.neighbours.mac(host.address)?;
            host.has_mac = true;
            Some((index, host.held, host.address))
        });
        let mut named: Vec<_> = named.collect();
        named.sort_unstable();
        for (index, held, address) in named {
            let work = Work::new(held, index, (address, 0), Reach::OnLink);
            self.report_neighbour(&work);
        }
        for index in self.neighbours.take_nameless() {
            if let Some(host) = self.living.get(index) {
                host.has_mac = true;
                self.settle_host(index);
            }
        }
    }

    /// A neighbour answered on the link.
    fn neighbour(&mut self, work: &Work, now: Duration) {
        if self.living.has(work.index) || self.passed.has(work.index) {
            return;
        }
        self.report_neighbour(work);
        self.life(work, true, now);
    }

    /// What the kernel's table says of a neighbour that is silent on every port.
    pub(super) fn confirmed(&mut self, work: Work, now: Duration) {
        self.neighbours.believe();
        let is_known = self.neighbours.mac(work.address).is_some();
        if is_known && self.is_unresolved(work.index, work.reach) {
            self.neighbour(&work, now);
        }
        self.settle(&work);
        self.go_on_with(work.index, now);
    }

    /// Whether somebody waits for a new reading of the kernel's table of neighbours.
    pub(in crate::sweep) fn wants_neighbours(&self) -> bool {
        self.neighbours.has_table() && self.neighbours.is_busy()
    }
}
