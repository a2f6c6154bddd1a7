//! A host that showed life, until everything about it is settled: what it was asked, what it is to be asked
//! next, and when. Pure: the time is an argument.

use super::super::{ProbeKind, Trace};
use std::net::Ipv4Addr;
use std::time::Duration;

/// A host that showed life.
#[expect(
    clippy::struct_excessive_bools,
    reason = "three facts that do not depend on each other"
)]
#[derive(Debug)]
pub(super) struct Host {
    pub(super) address: Ipv4Addr,
    /// The position of its first sign of life, which stays unsettled as long as the host.
    pub(super) position: u64,
    /// Whether it answered itself, beyond doubt.
    pub(super) lives: bool,
    /// Whether it is on the own link.
    pub(super) is_near: bool,
    /// Whether it refuses connections to ports where nothing listens, and does not keep silent.
    pub(super) refuses: bool,
    /// The shortest round trip seen.
    pub(super) trip: Duration,
    pub(super) asks: Vec<Ask>,
    /// When it is looked at next.
    pub(super) wake: Option<Duration>,
    /// When its rate lets it be asked next.
    next: Duration,
}

/// One probe of a host.
#[derive(Debug)]
pub(super) struct Ask {
    pub(super) kind: ProbeKind,
    /// The position that its sighting belongs to.
    pub(super) position: u64,
    pub(super) tries: u8,
    pub(super) state: State,
    /// When it was first and last sent.
    pub(super) sent: [Duration; 2],
    /// What the packet that accepted a connection looked like.
    pub(super) trace: Option<Trace>,
}

/// How far a probe is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum State {
    /// To be asked, at this moment at the earliest.
    Due(Duration),
    /// Asked by a packet of ours; silent from this moment on.
    Asked(Duration),
    /// Asked by a connection.
    Connecting,
    /// A packet says that it is open, after this round trip; a connection is to confirm it, at this moment
    /// at the earliest.
    Doubted {
        trip: Duration,
        at: Duration,
        tries: u8,
    },
    /// A connection is on its way to confirm it.
    Confirming { trip: Duration, tries: u8 },
    /// Answered.
    Answered,
    /// Silent.
    Done,
}

/// How hosts are asked.
#[derive(Clone, Copy, Debug)]
pub(super) struct Rules {
    /// The time between two probes.
    pub(super) every: Duration,
    /// How many connections at once.
    pub(super) at_once: usize,
    /// How often silence is asked again in any case.
    pub(super) retries: u8,
    /// How often where it is worth it.
    pub(super) most_retries: u8,
    /// The longest wait for an answer.
    pub(super) longest: Duration,
    /// How full the queues on the way are.
    pub(super) queued: Duration,
    /// Whether hosts behind a router are asked by connections: each is a probe and its confirmation in
    /// one. Not where routers' tables count, for each takes a place of its own there, nor where this machine
    /// is what limits the rate.
    pub(super) by_connection: bool,
}

/// What is to be done about a host.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Turn {
    /// Send a packet for the n-th probe.
    Send(usize),
    /// Connect for the n-th probe.
    Connect(usize),
    /// Nothing before this moment.
    Wait(Duration),
    /// Nothing ever.
    Settled,
}

/// How often a connection is tried until nobody is believed to accept it.
const CONFIRM_TRIES: u8 = 3;
/// How long a refused confirmation is left in peace.
const CONFIRM_AGAIN: Duration = Duration::from_millis(500);

impl Host {
    pub(super) fn new(address: Ipv4Addr, position: u64, now: Duration) -> Self {
        Self {
            address,
            position,
            lives: false,
            is_near: false,
            refuses: false,
            trip: Duration::from_millis(1),
            asks: Vec::new(),
            wake: None,
            next: now,
        }
    }

    /// The probe of a kind, if it is part of the plan.
    pub(super) fn find(&self, kind: ProbeKind) -> Option<usize> {
        self.asks.iter().position(|ask| ask.kind == kind)
    }

    /// How long to wait for an answer.
    pub(super) fn time_out(&self, rules: &Rules) -> Duration {
        let wanted = self.trip * 3 + rules.queued * 2 + Duration::from_millis(100);
        // On the own link there is nobody on the way who may be slow.
        let least = if self.is_near { 150 } else { 250 };
        wanted
            .clamp(Duration::from_millis(least), Duration::from_millis(950))
            .min(rules.longest)
    }

    /// What is to be done now. `is_worth_it` says whether a silent probe should be tried again beyond what
    /// every one is, by its kind, its host's way and its tries.
    pub(super) fn turn(
        &mut self,
        now: Duration,
        rules: &Rules,
        is_worth_it: impl Fn(ProbeKind, bool, u8) -> bool,
    ) -> Turn {
        let refuses = self.refuses;
        let mut wake: Option<Duration> = None;
        let mut is_settled = true;
        let mut chosen = None;
        let open = self.asks.iter().filter(|ask| ask.is_connected()).count();
        for (place, ask) in self.asks.iter_mut().enumerate() {
            if let State::Asked(until) = ask.state {
                if until <= now {
                    let is_worth_it = is_worth_it(ask.kind, refuses, ask.tries);
                    ask.silent(now, rules, is_worth_it);
                } else {
                    wake = Some(wake.map_or(until, |wake| wake.min(until)));
                }
            }
            is_settled &= matches!(ask.state, State::Done | State::Answered);
            let (at, connects) = match ask.state {
                State::Due(at) => (
                    at,
                    rules.by_connection && !self.is_near && ask.kind.port().is_some(),
                ),
                State::Doubted { at, .. } => (at, true),
                _ => continue,
            };
            // A connection that ends wakes the host.
            if connects && open >= rules.at_once {
                continue;
            }
            let at = at.max(self.next);
            if at <= now && chosen.is_none() {
                chosen = Some((place, connects));
            }
            wake = Some(wake.map_or(at, |wake| wake.min(at)));
        }
        match chosen {
            Some((place, true)) => Turn::Connect(place),
            Some((place, false)) => Turn::Send(place),
            None if is_settled => Turn::Settled,
            None => Turn::Wait(wake.unwrap_or(now + rules.longest)),
        }
    }

    /// A probe is sent now, by a packet.
    pub(super) fn sent(&mut self, place: usize, now: Duration, rules: &Rules) {
        let until = now + self.time_out(rules);
        self.spend(now, rules);
        if let Some(ask) = self.asks.get_mut(place) {
            ask.try_now(now);
            ask.state = State::Asked(until);
        }
    }

    /// A connection for a probe is begun now.
    pub(super) fn connecting(&mut self, place: usize, now: Duration, rules: &Rules) {
        self.spend(now, rules);
        let Some(ask) = self.asks.get_mut(place) else {
            return;
        };
        if let State::Doubted { trip, tries, .. } = ask.state {
            let tries = tries + 1;
            ask.state = State::Confirming { trip, tries };
        } else {
            ask.try_now(now);
            ask.state = State::Connecting;
        }
    }

    fn spend(&mut self, now: Duration, rules: &Rules) {
        self.next = now.max(self.next) + rules.every;
    }
}

impl Ask {
    /// One that was asked so often already, last at a moment.
    pub(super) fn new(kind: ProbeKind, position: u64, asked: Option<(Duration, u8)>) -> Self {
        let (sent, tries) = asked.unwrap_or_default();
        Self {
            kind,
            position,
            tries,
            state: State::Due(Duration::ZERO),
            sent: [sent, sent],
            trace: None,
        }
    }

    /// Which of its packets an answer answers, by when it was sent, and whether the one before got lost.
    pub(super) fn answered(&self, arrived: Duration, shortest: Duration) -> (Duration, bool) {
        let [first, last] = self.sent;
        // Nobody answers in half the time.
        let is_late = arrived.saturating_sub(last) < shortest / 2;
        if self.tries > 1 && is_late {
            (first, false)
        } else {
            (last, self.tries > 1)
        }
    }

    pub(super) fn is_connected(&self) -> bool {
        matches!(self.state, State::Connecting | State::Confirming { .. })
    }

    fn try_now(&mut self, now: Duration) {
        let [first, last] = &mut self.sent;
        if self.tries == 0 {
            *first = now;
        }
        *last = now;
        self.tries = self.tries.saturating_add(1);
    }

    /// Nobody answered.
    pub(super) fn silent(&mut self, now: Duration, rules: &Rules, is_worth_it: bool) {
        // That the host lives is known; an echo would say no more.
        let retries = match self.kind {
            ProbeKind::Echo => 0,
            _ if is_worth_it => rules.most_retries,
            _ => rules.retries,
        };
        self.state = if self.tries > retries {
            State::Done
        } else {
            // What gets lost together should not come again together.
            State::Due(now + Duration::from_millis(100) * u32::from(self.tries))
        };
    }

    /// The connection that was to confirm it did not come about; `None` if no further one is tried.
    pub(super) fn unconfirmed(&mut self, now: Duration, is_refused: bool) -> Option<()> {
        let State::Confirming { trip, tries } = self.state else {
            return Some(());
        };
        if tries >= CONFIRM_TRIES || is_refused && tries > 1 {
            self.state = State::Done;
            return None;
        }
        let at = if is_refused { now + CONFIRM_AGAIN } else { now };
        self.state = State::Doubted { trip, at, tries };
        Some(())
    }

    /// This machine had nothing to connect with: as if it had not been tried.
    pub(super) fn put_back(&mut self, now: Duration) {
        const LATER: Duration = Duration::from_millis(100);
        let at = now + LATER;
        if let State::Confirming { trip, tries } = self.state {
            let tries = tries.saturating_sub(1);
            self.state = State::Doubted { trip, at, tries };
        } else {
            self.tries = self.tries.saturating_sub(1);
            self.state = State::Due(at);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: Duration = Duration::from_millis(1);

    fn rules(by_connection: bool) -> Rules {
        Rules {
            every: MS * 50,
            at_once: 1,
            retries: 1,
            most_retries: 1,
            longest: MS * 500,
            queued: Duration::ZERO,
            by_connection,
        }
    }

    fn host(kinds: &[ProbeKind]) -> Host {
        let mut host = Host::new(Ipv4Addr::LOCALHOST, 7, Duration::ZERO);
        host.asks = kinds.iter().map(|kind| Ask::new(*kind, 7, None)).collect();
        host
    }

    #[test]
    fn a_host_is_asked_at_its_rate_and_settled_when_all_is_said() {
        let mut host = host(&[ProbeKind::Tcp(22), ProbeKind::Tcp(80), ProbeKind::Echo]);
        let rules = rules(false);
        assert_eq!(host.turn(MS, &rules, |_, _, _| true), Turn::Send(0));
        host.sent(0, MS, &rules);
        assert_eq!(host.turn(MS, &rules, |_, _, _| true), Turn::Wait(MS * 51));
        assert_eq!(host.turn(MS * 51, &rules, |_, _, _| true), Turn::Send(1));
        host.sent(1, MS * 51, &rules);
        host.asks[0].state = State::Done;
        host.sent(2, MS * 101, &rules);
        // Silence: the port is asked once more, the echo is not.
        assert_eq!(
            host.turn(MS * 400, &rules, |_, _, _| true),
            Turn::Wait(MS * 500)
        );
        assert_eq!(host.turn(MS * 500, &rules, |_, _, _| true), Turn::Send(1));
        host.sent(1, MS * 500, &rules);
        assert_eq!(host.turn(MS * 2_000, &rules, |_, _, _| true), Turn::Settled);
        assert_eq!(host.asks[1].tries, 2);
    }

    #[test]
    fn connections_to_a_host_come_one_after_another() {
        let mut host = host(&[ProbeKind::Tcp(22), ProbeKind::Tcp(80)]);
        let rules = rules(true);
        assert_eq!(host.turn(MS, &rules, |_, _, _| true), Turn::Connect(0));
        host.connecting(0, MS, &rules);
        assert!(matches!(
            host.turn(MS * 60, &rules, |_, _, _| true),
            Turn::Wait(_)
        ));
        host.asks[0].state = State::Done;
        assert_eq!(host.turn(MS * 60, &rules, |_, _, _| true), Turn::Connect(1));
        // On the own link a packet goes first.
        host.is_near = true;
        assert_eq!(host.turn(MS * 60, &rules, |_, _, _| true), Turn::Send(1));
    }

    #[test]
    fn what_is_refused_is_confirmed_no_third_time() {
        let mut host = host(&[ProbeKind::Tcp(22)]);
        let rules = rules(false);
        let doubted = State::Doubted {
            trip: MS,
            at: MS,
            tries: 0,
        };
        host.asks[0].state = doubted;
        assert_eq!(host.turn(MS, &rules, |_, _, _| true), Turn::Connect(0));
        host.connecting(0, MS, &rules);
        assert_eq!(host.asks[0].unconfirmed(MS * 2, true), Some(()));
        assert_eq!(
            host.turn(MS * 500, &rules, |_, _, _| true),
            Turn::Wait(MS * 502)
        );
        host.connecting(0, MS * 502, &rules);
        assert_eq!(host.asks[0].unconfirmed(MS * 503, true), None);
        assert_eq!(host.turn(MS * 503, &rules, |_, _, _| true), Turn::Settled);
    }
}
