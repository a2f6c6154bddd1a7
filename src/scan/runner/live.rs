//! What is known of a live host.

use crate::model::{Answer, ProbeKind, Trace};
use crate::store::SightingRow;
use crate::sweep::intermediary::Answers;
use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::time::Duration;

/// A host that answered the sweep, or in whose name somebody did.
#[derive(Debug, Default)]
pub(super) struct Live {
    answers: BTreeMap<ProbeKind, Answer>,
    traces: BTreeSet<Trace>,
    pub(super) mac: Option<[u8; 6]>,
    pub(super) round_trip: Option<Duration>,
    pub(super) is_begun: bool,
}

impl Live {
    /// Adds what was seen of it.
    pub(super) fn note(&mut self, row: &SightingRow) {
        self.answers.insert(row.probe, row.answer);
        self.traces
            .extend(row.trace.filter(|_| row.answer == Answer::Open));
        self.mac = row.mac.or(self.mac);
        let took = row
            .round_trip_us
            .filter(|us| *us > 0 && row.answer.is_life());
        let took = took.map(|us| Duration::from_micros(us.into()));
        self.round_trip = match (self.round_trip, took) {
            (Some(a), Some(b)) => Some(a.min(b)),
            (a, b) => a.or(b),
        };
    }

    /// How a probe was answered; `None` where it was not.
    pub(super) fn answer(&self, probe: ProbeKind) -> Option<Answer> {
        self.answers.get(&probe).copied()
    }

    pub(super) fn open_ports(&self) -> Vec<u16> {
        let open = self.answers.iter();
        let open = open.filter(|(_, answer)| **answer == Answer::Open);
        open.filter_map(|(probe, _)| probe.port()).collect()
    }

    pub(super) fn shows_life(&self) -> bool {
        self.answers.values().any(|answer| answer.is_life())
    }

    /// What tells whether an intermediary answers there.
    pub(super) fn answers(&self, address: IpAddr) -> Answers {
        Answers {
            address,
            answers: self.answers.clone(),
            traces: self.traces.clone(),
            identities: BTreeSet::new(),
        }
    }

    /// What was probed, and how it answered.
    pub(super) fn probed(&self, ports: &[u16]) -> Vec<(ProbeKind, Option<Answer>)> {
        let answered = self.answers.iter();
        let answered = answered.map(|(probe, answer)| (*probe, Some(*answer)));
        let probes = ports.iter().map(|port| ProbeKind::Tcp(*port));
        let silent = probes.filter(|probe| !self.answers.contains_key(probe));
        answered.chain(silent.map(|probe| (probe, None))).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::UtcTime;

    fn seen(port: u16, answer: Answer, round_trip_us: u32) -> SightingRow {
        SightingRow {
            address: [192, 0, 2, 1].into(),
            probe: ProbeKind::Tcp(port),
            answer,
            round_trip_us: Some(round_trip_us),
            tries: 1,
            seen_at: UtcTime::from_unix(0),
            trace: None,
            mac: None,
            banner: None,
        }
    }

    #[test]
    fn a_refusal_is_life_and_what_somebody_else_says_of_a_host_is_none() {
        let mut live = Live::default();
        live.note(&seen(22, Answer::Unreachable, 5));
        assert!(!live.shows_life());
        assert_eq!(live.round_trip, None, "that was the way to somebody else");
        live.note(&seen(80, Answer::Closed, 900));
        live.note(&seen(443, Answer::Open, 700));
        assert!(live.shows_life());
        assert_eq!(live.open_ports(), [443]);
        assert_eq!(live.round_trip, Some(Duration::from_micros(700)));
    }

    #[test]
    fn a_port_that_stayed_silent_was_probed_too() {
        let mut live = Live::default();
        live.note(&seen(80, Answer::Closed, 900));
        let probed = [
            (ProbeKind::Tcp(80), Some(Answer::Closed)),
            (ProbeKind::Tcp(22), None),
        ];
        assert_eq!(live.probed(&[22, 80]), probed);
    }
}
