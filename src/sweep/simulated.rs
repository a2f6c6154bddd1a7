//! A sweep of a network that exists only in a table: for tests of whoever reads the events.

use super::{
    Answer, Canaries, EndReason, Probe, ProbeKind, Sighting, SweepEnd, SweepEvent, SweepPlan,
    Sweeper,
};
use async_trait::async_trait;
use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::time::Duration;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

/// Answers from a table at once; what is not in it is silent.
#[derive(Clone, Debug, Default)]
pub struct SimulatedSweeper {
    answers: BTreeMap<Probe, Answer>,
}

/// How many positions there are between two marks.
const MARK_EVERY: u64 = 1_000;

impl SimulatedSweeper {
    /// A network with these answers.
    pub fn new(answers: impl IntoIterator<Item = (Probe, Answer)>) -> Self {
        Self {
            answers: answers.into_iter().collect(),
        }
    }
}

#[async_trait]
impl Sweeper for SimulatedSweeper {
    async fn sweep(
        &self,
        plan: &SweepPlan,
        from: u64,
        out: mpsc::Sender<SweepEvent>,
        stop: CancellationToken,
    ) -> SweepEnd {
        let mut end = SweepEnd {
            mark: from,
            reason: EndReason::Stopped,
            tries: 0,
            requeued: 0,
            canaries: Canaries::default(),
        };
        let mut asked = BTreeSet::new();
        for index in from..plan.len() {
            let sent = stop
                .run_until_cancelled(self.probe(plan, index, &mut asked, &out))
                .await;
            if sent != Some(true) {
                return end;
            }
            end.mark = index + 1;
            end.tries += 1;
        }
        end.reason = EndReason::Complete;
        end
    }
}

impl SimulatedSweeper {
    /// Whether somebody still listens.
    async fn probe(
        &self,
        plan: &SweepPlan,
        index: u64,
        asked: &mut BTreeSet<IpAddr>,
        out: &mpsc::Sender<SweepEvent>,
    ) -> bool {
        let probe = plan.probe(index);
        let events = match probe.filter(|probe| !asked.contains(&probe.address)) {
            Some(probe) => self.events(plan, index, probe),
            None => Vec::new(),
        };
        let passed = index + 1;
        let due = passed.is_multiple_of(MARK_EVERY) || passed == plan.len();
        let mark = due.then_some(SweepEvent::Passed(passed));
        for event in events.into_iter().chain(mark) {
            if let SweepEvent::Settled(address) = event {
                asked.insert(address);
            }
            if out.send(event).await.is_err() {
                return false;
            }
        }
        true
    }

    /// What a probe brings: at the first sign of life all that the host answers.
    fn events(&self, plan: &SweepPlan, index: u64, probe: Probe) -> Vec<SweepEvent> {
        let address = probe.address;
        let sighting = |kind: ProbeKind| {
            let answer = self.answers.get(&Probe { address, kind })?;
            Some(SweepEvent::Sighting(Sighting {
                index,
                address,
                probe: kind,
                answer: *answer,
                round_trip: Duration::from_millis(1),
                tries: 1,
                trace: None,
                mac: None,
            }))
        };
        if !self
            .answers
            .get(&probe)
            .is_some_and(|answer| answer.is_life())
        {
            return sighting(probe.kind).into_iter().collect();
        }
        let place = plan.addresses().index_of(address);
        let first = place.into_iter().flat_map(|place| plan.positions_of(place));
        let first = first.filter_map(|position| Some(plan.probe(position)?.kind));
        let further = plan.further().iter().map(|port| ProbeKind::Tcp(*port));
        let sightings = first.chain(further).filter_map(sighting);
        sightings.chain([SweepEvent::Settled(address)]).collect()
    }
}
