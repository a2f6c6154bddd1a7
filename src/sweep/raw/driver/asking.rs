//! Hosts that showed life: each is asked everything, and then settled.

use super::super::super::{Answer, ProbeKind, Sighting, SweepEvent, Trace};
use super::super::connects::{Outcome, Whose};
use super::super::host::{Ask, Host, State, Turn};
use super::sending::kept;
use super::{Driver, Halt};
use crate::traffic::size;
use std::cmp::Reverse;
use std::net::{IpAddr, Ipv4Addr};
use std::time::Duration;

/// What an answer says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Said {
    /// A connection was accepted; to be confirmed.
    Open,
    /// It was refused.
    Closed,
    /// An echo came back.
    Alive,
}

/// How long after a full house it is tried again.
const FULL_HOUSE: Duration = Duration::from_millis(10);

impl Driver<'_> {
    /// A host answered a probe.
    pub(super) fn heard(
        &mut self,
        index: u64,
        probe: (Ipv4Addr, ProbeKind),
        (said, trace): (Said, Trace),
        arrived: Duration,
    ) {
        let (address, kind) = probe;
        if !self.hosts.contains_key(&index) {
            let position = self.position_of(index, kind);
            let Some(position) = position.filter(|_| !self.seen.contains(index)) else {
                return;
            };
            self.passes.found(position);
            self.meet(index, address, position, arrived);
        }
        let Some(host) = self.hosts.get_mut(&index) else {
            return;
        };
        let place = host.find(kind);
        let Some(ask) = place.and_then(|place| host.asks.get_mut(place)) else {
            return;
        };
        if matches!(
            ask.state,
            State::Answered | State::Doubted { .. } | State::Confirming { .. }
        ) {
            return;
        }
        let (sent, is_lost) = ask.answered(arrived, host.trip);
        let [first, _] = ask.sent;
        let trip = arrived.saturating_sub(sent);
        host.trip = host.trip.min(trip);
        ask.trace = Some(trace);
        let tries = ask.tries.max(1);
        let position = ask.position;
        ask.state = State::Answered;
        let answer = match said {
            Said::Open => {
                ask.state = State::Doubted {
                    trip,
                    at: arrived,
                    tries: 0,
                };
                // The system refuses a connection that it knows nothing of.
                self.count.packets += 1;
                None
            }
            Said::Closed => Some(Answer::Closed),
            Said::Alive => Some(Answer::Alive),
        };
        self.control.answered(address, sent, trip);
        if is_lost {
            self.outcome(first, true);
        }
        self.outcome(sent, false);
        self.give_back(address, kind, said, (sent, arrived));
        if let Some(answer) = answer {
            self.canaries.add(address, kind, arrived);
            self.emit(
                (position, address, kind),
                answer,
                (trip, tries),
                Some(trace),
            );
            self.learn(index, kind, answer);
        }
        self.wake(index, arrived);
    }

    /// An address shows life for the first time. Its position stays unsettled as long as the host.
    pub(super) fn meet(&mut self, index: u64, address: Ipv4Addr, position: u64, now: Duration) {
        self.seen.insert(index);
        self.held.insert((position, index));
        let mut host = Host::new(address, position, now);
        host.is_near = self.is_near(address);
        host.trip = self
            .control
            .round_trip()
            .unwrap_or(Duration::from_millis(200));
        let rules = self.rules();
        let time_out = host.time_out(&rules);
        let kinds = self.leg.first().iter().copied();
        for (kind, at) in kinds.zip(self.job.plan.positions_of(index)) {
            let asked = self.passes.asked(at).filter(|_| !host.is_near);
            let mut ask = Ask::new(kind, at, asked);
            if let Some((sent, _)) = asked {
                ask.state = State::Asked(sent + time_out);
            }
            host.asks.push(ask);
        }
        let further = self.job.plan.further().iter();
        host.asks
            .extend(further.map(|port| Ask::new(ProbeKind::Tcp(*port), position, None)));
        self.hosts.insert(index, host);
        self.wake(index, now);
    }

    /// Looks at a host at a moment.
    pub(super) fn wake(&mut self, index: u64, at: Duration) {
        let Some(host) = self.hosts.get_mut(&index) else {
            return;
        };
        if host.wake.is_none_or(|wake| at < wake) {
            host.wake = Some(at);
            self.wakes.push(Reverse((at, index)));
        }
    }

    /// A host's moment has come.
    pub(super) fn ask_host(&mut self, index: u64, due: Duration, now: Duration) {
        let rules = self.rules();
        let Some(host) = self.hosts.get_mut(&index) else {
            return;
        };
        // Only the earliest of its alarms counts.
        if host.wake != Some(due) {
            return;
        }
        host.wake = None;
        let (ports, lost) = (&self.ports, self.losses.share());
        let count = self.job.plan.ports().len();
        let is_worth_it =
            |kind, refuses, tries| ports.is_worth_it(kind, refuses, (tries, count), lost);
        match host.turn(now, &rules, is_worth_it) {
            Turn::Wait(at) => self.wake(index, at),
            Turn::Settled => self.finish(index),
            Turn::Send(place) => {
                let (address, is_near) = (host.address, host.is_near);
                let ask = host.asks.get(place);
                let asked = ask.map(|ask| (ask.kind, ask.tries, ask.sent));
                host.sent(place, now, &rules);
                if let Some((kind, tries, [_, sent])) = asked {
                    self.push(address, kind, 0);
                    if !is_near {
                        if tries > 0 {
                            // The same packet again takes no further place in a router's table.
                            self.budget.ended(sent, kept(kind), now);
                        }
                        self.budget.begin(now, kept(kind));
                    }
                }
                self.wake(index, now);
            }
            Turn::Connect(place) => self.connect(index, place, now),
        }
    }

    fn connect(&mut self, index: u64, place: usize, now: Duration) {
        let rules = self.rules();
        let is_full = self.connects.is_full();
        let Some(host) = self.hosts.get_mut(&index) else {
            return;
        };
        if is_full || host.is_near && !self.neighbour_slots.take(index, now) {
            self.wake(index, now + FULL_HOUSE);
            return;
        }
        let port = host.asks.get(place).and_then(|ask| ask.kind.port());
        host.connecting(place, now, &rules);
        let patience = match host.asks.get(place).map(|ask| ask.state) {
            Some(State::Confirming { tries, .. }) => u32::from(tries),
            _ => 1,
        };
        let (address, is_near) = (host.address, host.is_near);
        let until = now + host.time_out(&rules) * patience;
        let whose = Whose { index, ask: place };
        self.count.packets += 1;
        self.count.tries += 1;
        self.job.allowance.spend(size::syn(false));
        if !is_near {
            self.budget.begin(now, super::super::super::budget::SYN);
        }
        let to = (address, port.unwrap_or_default());
        if let Some(outcome) = self.connects.begin(to, whose, now, until) {
            self.connected(whose, &outcome, Duration::ZERO, now);
        }
        self.wake(index, now);
    }

    /// Draws the consequences of connections that have ended.
    pub(super) fn hear_connections(&mut self, now: Duration) -> Result<(), Halt> {
        if self.connects.due().is_some() {
            self.connects.wait(Duration::ZERO)?;
            while let Some((whose, outcome, time)) = self.connects.ended(now) {
                self.connected(whose, &outcome, time, now);
            }
        }
        Ok(())
    }

    #[expect(
        clippy::too_many_lines,
        reason = "an arm for each way a connection ends"
    )]
    fn connected(&mut self, whose: Whose, outcome: &Outcome, time: Duration, now: Duration) {
        let rules = self.rules();
        let Some(host) = self.hosts.get_mut(&whose.index) else {
            return;
        };
        let (address, is_near, refuses) = (host.address, host.is_near, host.refuses);
        let Some(ask) = host.asks.get_mut(whose.ask) else {
            return;
        };
        let (position, kind, tries, trace) = (ask.position, ask.kind, ask.tries, ask.trace);
        let [first, sent] = ask.sent;
        let is_confirming = matches!(ask.state, State::Confirming { .. });
        let trip = match ask.state {
            State::Confirming { trip, .. } => trip,
            _ => time,
        };
        let answer = match outcome {
            Outcome::Exhausted => {
                ask.put_back(now);
                self.count.requeued += 1;
                None
            }
            Outcome::Open => Some(Answer::Open),
            _ if is_confirming => {
                let is_refused = matches!(outcome, Outcome::Refused);
                let none = ask.unconfirmed(now, is_refused).is_none();
                none.then_some(Answer::Unconfirmed)
            }
            Outcome::Refused => Some(Answer::Closed),
            Outcome::Unreachable => Some(Answer::Unreachable),
            Outcome::Silent => {
                let (lost, count) = (self.losses.share(), self.job.plan.ports().len());
                let worth = self.ports.is_worth_it(kind, refuses, (tries, count), lost);
                ask.silent(now, &rules, worth);
                None
            }
        };
        if let Some(answer) = answer {
            ask.state = State::Answered;
            if answer == Answer::Open {
                // The last part of the handshake, and the reset.
                self.count.packets += 2;
                self.job.allowance.spend(2 * size::bare_segment(false));
            }
            if !is_confirming {
                if tries > 1 {
                    self.outcome(first, true);
                }
                self.outcome(sent, false);
            }
            if !is_near && answer != Answer::Unconfirmed {
                let said = match answer {
                    Answer::Closed => Said::Closed,
                    _ => Said::Open,
                };
                self.give_back(address, kind, said, (now.saturating_sub(time), now));
            }
            self.emit(
                (position, address, kind),
                answer,
                (trip, tries.max(1)),
                trace,
            );
            self.learn(whose.index, kind, answer);
        }
        self.wake(whose.index, now);
    }

    /// What the packet looked like that a connection of ours was accepted with.
    pub(super) fn note_trace(&mut self, from: Ipv4Addr, port: u16, trace: Trace) {
        let index = self.index_of(from);
        let Some(host) = index.and_then(|index| self.hosts.get_mut(&index)) else {
            return;
        };
        let place = host.find(ProbeKind::Tcp(port));
        if let Some(ask) = place.and_then(|place| host.asks.get_mut(place))
            && ask.state == State::Connecting
        {
            ask.trace = Some(trace);
        }
    }

    /// What an answer says about its host.
    pub(super) fn learn(&mut self, index: u64, kind: ProbeKind, answer: Answer) {
        let Some(host) = self.hosts.get_mut(&index) else {
            return;
        };
        host.lives |= answer.is_life();
        host.refuses |= answer == Answer::Closed;
        if answer == Answer::Open {
            self.ports.found(kind, host.refuses);
        }
    }

    fn finish(&mut self, index: u64) {
        let Some(host) = self.hosts.remove(&index) else {
            return;
        };
        self.held.remove(&(host.position, index));
        if host.lives {
            let address = IpAddr::V4(host.address);
            self.outbox.push_back(SweepEvent::Settled(address));
        }
    }

    /// An answer frees a place in a router's table.
    pub(super) fn give_back(
        &mut self,
        address: Ipv4Addr,
        kind: ProbeKind,
        said: Said,
        (sent, now): (Duration, Duration),
    ) {
        if !self.budget.is_limited() || self.is_near(address) {
            return;
        }
        match said {
            Said::Open => self.budget.answered(sent, kept(kind), now),
            Said::Closed => self.budget.ended(sent, kept(kind), now),
            // An echo is kept for as long whether it was answered or not.
            Said::Alive => {}
        }
    }

    /// Where a first probe of an address is in the order.
    pub(super) fn position_of(&self, index: u64, kind: ProbeKind) -> Option<u64> {
        let kinds = self.leg.first().iter();
        let mut kinds = kinds.zip(self.job.plan.positions_of(index));
        kinds.find_map(|(other, position)| (*other == kind).then_some(position))
    }

    pub(super) fn emit(
        &mut self,
        probe: (u64, Ipv4Addr, ProbeKind),
        answer: Answer,
        (round_trip, tries): (Duration, u8),
        trace: Option<Trace>,
    ) {
        let (index, address, probe) = probe;
        let mac = self.paths.of(address).filter(|path| path.gateway.is_none());
        let mac = mac.and_then(|path| self.paths.mac(path.ifindex, address));
        self.outbox.push_back(SweepEvent::Sighting(Sighting {
            index,
            address: IpAddr::V4(address),
            probe,
            answer,
            round_trip,
            tries,
            trace,
            mac,
        }));
    }
}
