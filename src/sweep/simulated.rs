//! A sweep of a network that exists only in a table: for tests of whoever reads the events.

use super::{
    Answer, Canaries, EndReason, Probe, Sighting, SweepEnd, SweepEvent, SweepPlan, Sweeper,
};
use async_trait::async_trait;
use std::collections::BTreeMap;
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
        for index in from..plan.len() {
            let sent = stop
                .run_until_cancelled(self.probe(plan, index, &out))
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
    async fn probe(&self, plan: &SweepPlan, index: u64, out: &mpsc::Sender<SweepEvent>) -> bool {
        let Some(probe) = plan.probe(index) else {
            return true;
        };
        if let Some(answer) = self.answers.get(&probe) {
            let sighting = Sighting {
                index,
                address: probe.address,
                probe: probe.kind,
                answer: *answer,
                round_trip: Duration::from_millis(1),
                tries: 1,
                trace: None,
                mac: None,
            };
            if out.send(SweepEvent::Sighting(sighting)).await.is_err() {
                return false;
            }
        }
        let passed = index + 1;
        let due = passed.is_multiple_of(MARK_EVERY) || passed == plan.len();
        !due || out.send(SweepEvent::Passed(passed)).await.is_ok()
    }
}
