//! What the operator's policy makes of a run: every finding is weighed, and has its place among all others.

use super::{Beliefs, RunError, RunSource};
use crate::classify::{
    Annotations, Baseline, Exceptions, MachineFacts, Measures, Places, RankKey, Ranks, Subject,
    decide,
};
use crate::model::{Date, Decided, Decision, Exception, ExceptionCount, Finding, MachineRecord};
use crate::report::ReportSource as _;
use crate::store::Store;

/// What the policy makes of a run, ready to be laid over its machines.
#[derive(Debug)]
pub(super) struct Priorities {
    measures: Measures,
    baselines: Vec<Baseline>,
    exceptions: Exceptions,
    annotations: Annotations,
    counts: Vec<ExceptionCount>,
    ranks: Ranks,
    today: Date,
}

impl Priorities {
    pub(super) fn exceptions(&self) -> &[ExceptionCount] {
        &self.counts
    }

    /// The exceptions that hold for a finding, the one that counts first.
    pub(super) fn holding(
        &self,
        finding: &Finding,
        facts: &MachineFacts<'_>,
    ) -> impl Iterator<Item = &Exception> {
        self.exceptions.all_holding(finding, facts)
    }

    /// The places of all findings, for one who meets all machines in their order.
    pub(super) fn places(&self) -> Places {
        self.ranks.places()
    }

    /// Says of the next machine what the policy makes of its findings.
    pub(super) fn place(&self, machine: &mut MachineRecord, places: &mut Places) {
        let mut decisions = self.decisions(machine);
        let facts = MachineFacts::of(machine);
        for (finding, decision) in machine.findings.iter().zip(&mut decisions) {
            let key = key(finding, &facts, decision);
            decision.rank = key.map(|key| places.take(&key));
        }
        let meant = self.baselines.iter().filter(|one| one.fits(&facts));
        let drift = meant.flat_map(|one| one.judge(&facts)).collect();
        machine.decided = Some(Decided {
            has_due_dates: self.measures.due.is_some(),
            decisions,
            drift,
        });
    }

    /// What the policy makes of a machine's findings, without their places.
    fn decisions(&self, machine: &MachineRecord) -> Vec<Decision> {
        let facts = MachineFacts::of(machine);
        let decisions = machine.findings.iter().map(|finding| {
            let written = self.annotations.of(finding, &facts);
            let subject = Subject::new(finding, &facts, self.today).with(written);
            let exception = self.exceptions.holding(finding, &facts);
            Decision {
                exception: exception.map(|exception| exception.id.clone()),
                until: exception.map(|exception| exception.until),
                ..decide(&self.measures, &subject, self.today)
            }
        });
        decisions.collect()
    }

    /// Looks at a machine before any has its place.
    fn gather(&mut self, machine: &MachineRecord) {
        let decisions = self.decisions(machine);
        let facts = MachineFacts::of(machine);
        for (finding, decision) in machine.findings.iter().zip(&decisions) {
            self.exceptions.count(finding, &facts);
            if let Some(key) = key(finding, &facts, decision) {
                self.ranks.add(key);
            }
        }
    }
}

/// Where an open or undecided finding stands.
fn key(finding: &Finding, facts: &MachineFacts<'_>, decision: &Decision) -> Option<RankKey> {
    (!finding.state.is_closed()).then(|| RankKey::of(finding, facts, decision))
}

impl RunSource {
    /// Weighs all findings by the operator's policy as of a day, and looks which exceptions of its site hold.
    /// After [`Self::compare`], which says who is one machine. Blocks.
    pub fn prioritise(
        mut self,
        store: &Store,
        beliefs: &Beliefs,
        today: Date,
    ) -> Result<Self, RunError> {
        let exceptions = store.exceptions(&self.run().site).wait()?;
        let annotations = store.annotations(&self.run().site).wait()?;
        let mut priorities = Priorities {
            annotations: Annotations::new(annotations),
            measures: beliefs.policy.measures.clone(),
            baselines: beliefs.policy.baselines.clone(),
            exceptions: Exceptions::new(exceptions, today),
            counts: Vec::new(),
            ranks: Ranks::default(),
            today,
        };
        if !self.shows_nobody() {
            let walk = self.judged(&mut |machine| {
                priorities.gather(machine);
                Ok(())
            });
            walk.map_err(RunError::Read)?;
        }
        priorities.counts = priorities.exceptions.counts();
        self.priorities = Some(priorities);
        Ok(self)
    }
}
