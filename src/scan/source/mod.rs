//! A stored run, as the exporters read it.

mod identities;
mod intermediaries;
mod left;
mod left_out;
mod machines;
mod seen;
mod shared_keys;

pub(super) use intermediaries::artefacts;
pub(super) use left::left_in;
pub use left_out::LeftOut;
pub(super) use left_out::Notice;

use super::priorities::Priorities;
use super::standings::{Standings, Swept};
use super::{RunError, RunKind, RunPlan};
use crate::classify::MachineFacts;
use crate::identify;
use crate::matching::Knowledge;
use crate::model::{
    Changes, Comparison, CoverageRow, Decision, Exception, ExceptionCount, Finding, FirstTold,
    MachineRecord, ManagedState, ResultCode, RunState, RunSummary, Severity, Trail, TrendPoint,
};
use crate::report::ReportSource;
use crate::store::{ReportOptions, RunReport, Store};
use crate::sweep::coverage::{self, Progress};
use crate::targets::Unresolved;
use identities::Identities;
use intermediaries::Intermediaries;
use seen::Seen;
use shared_keys::SharedKeys;
use std::io;
use std::iter;
use std::net::IpAddr;
use std::sync::OnceLock;

/// A stored run with its coverage, and what the sweep saw beside what the logins saw.
#[derive(Debug)]
pub struct RunSource {
    pub(super) report: RunReport,
    coverage: Vec<CoverageRow>,
    seen: Seen,
    intermediaries: Intermediaries,
    shared_keys: SharedKeys,
    /// Names among the targets that have no address, and blocks in which none was found.
    unresolved: usize,
    /// By what closed findings are found again; they are not stored.
    closed: Option<Knowledge>,
    /// What was swept, where the run swept anything.
    pub(super) swept: Option<Swept>,
    /// How the machines stand to the lists, and which records are one machine.
    pub(super) standings: Option<Standings>,
    /// What the policy makes of the findings.
    pub(super) priorities: Option<Priorities>,
    pub(super) no_merge: bool,
    /// What changed since an earlier run, where somebody asked.
    changes: Option<Changes>,
    /// The runs before it, where somebody asked.
    trend: Vec<TrendPoint>,
    /// What tells what was left out, once somebody has seen all machines: looking at all of them again takes long.
    pub(super) notice: OnceLock<Notice>,
}

/// What a stored run swept; `None` where it swept nothing. A recorded host has no settings.
fn stored(settings: serde_json::Value, mark: u64) -> Result<Option<Swept>, RunError> {
    let plan: Option<RunPlan> = serde_json::from_value(settings)
        .map_err(|error| RunError::Read(io::Error::new(io::ErrorKind::InvalidData, error)))?;
    let plan = plan.filter(|plan| !plan.scope.targets.is_empty());
    plan.map(|plan| Swept::of(plan, mark)).transpose()
}

impl RunSource {
    /// Reads a run from the store. Blocks.
    pub fn open(
        store: &Store,
        run: &crate::model::RunId,
        no_merge: bool,
    ) -> Result<Self, RunError> {
        let mut source = Self::read(store, run, no_merge)?;
        if let Some(swept) = source.swept.take() {
            source.coverage = source.cover(&swept)?;
            source.swept = Some(swept);
        }
        Ok(source)
    }

    /// [`Self::open`] without the coverage, which takes a walk over all machines.
    pub(super) fn read(
        store: &Store,
        run: &crate::model::RunId,
        no_merge: bool,
    ) -> Result<Self, RunError> {
        let record = store.load_run(run).wait()?;
        let options = ReportOptions { no_merge };
        let mut report = store.report(run, options).wait()?;
        let seen = Seen::of(store.sightings(run).wait()?);
        // Better no files than files without coverage.
        let swept = stored(record.settings, record.mark)?;
        if let Some(swept) = swept
            .as_ref()
            .filter(|_| record.summary.state != RunState::Complete)
        {
            let done = report.addresses().collect();
            report = report.with_unsaved(left::left(swept, &seen, &done), options)?;
        }
        let mut source = Self {
            report,
            coverage: Vec::new(),
            seen,
            intermediaries: Intermediaries::default(),
            shared_keys: SharedKeys::default(),
            unresolved: 0,
            closed: None,
            swept: None,
            standings: None,
            priorities: None,
            no_merge,
            changes: None,
            trend: Vec::new(),
            notice: OnceLock::new(),
        };
        if let Some(swept) = swept {
            source.find_intermediaries(&swept)?;
            source.swept = Some(swept);
        }
        Ok(source)
    }

    fn cover(&mut self, swept: &Swept) -> Result<Vec<CoverageRow>, RunError> {
        let targets = &swept.targets;
        let blocks = targets.searched_blocks().into_iter();
        let nobody = blocks.filter(|block| block.in_scope == 0).count();
        self.unresolved = targets.unresolved().len() + nobody;
        let run = self.report.run();
        let progress = Progress {
            plan: &swept.sweep,
            mark: swept.mark,
            started: Some(run.started),
            finished: run.finished,
        };
        let mut assessed = Vec::new();
        let seen = self.seen.sightings();
        let mut names: Vec<&Unresolved> = targets.unresolved().iter().collect();
        names.sort_by(|one, other| one.name.cmp(&other.name));
        names.dedup_by(|one, other| one.name == other.name);
        let names = names
            .into_iter()
            .map(|name| CoverageRow::of_no_address(&name.name, &name.why));
        // A sweep reads nobody.
        if swept.plan.kind == RunKind::Sweep {
            let mut rows = coverage::rows(&targets.parts(), &progress, seen, assessed);
            rows.extend(names);
            return Ok(rows);
        }
        let walk = self.report.skim(&mut |machine, is_read| {
            if is_read {
                // Where a login lacked something it is not called a success, and the machine was read all the same.
                let is_one = machine.addresses.len() == 1;
                let read = machine
                    .access
                    .iter()
                    .filter(|(_, row)| row.code.is_success() || (is_one && row.attempted));
                assessed.extend(read.map(|(address, _)| *address));
            }
            Ok(())
        });
        walk.map_err(RunError::Read)?;
        let mut rows = coverage::rows(&targets.parts(), &progress, seen, assessed);
        rows.extend(names);
        Ok(rows)
    }

    /// Who answers for others is found in what all addresses answered, and in what they showed.
    fn find_intermediaries(&mut self, swept: &Swept) -> Result<(), RunError> {
        let plan = &swept.plan;
        let mut answers = self.seen.answers();
        // What somebody shows of himself only speaks against it: where there is nobody, it need not be read.
        let is_anybody = !Intermediaries::among(&answers, swept).are_none();
        let looked = plan.kind != RunKind::Sweep || !plan.look.off;
        if !looked && !is_anybody {
            return Ok(());
        }
        if !is_anybody {
            answers = Vec::new();
        }
        let Identities { mut shown, keys } = Identities::read(&self.report, is_anybody)?;
        for host in &mut answers {
            host.identities = shown.remove(&host.address).unwrap_or_default();
        }
        self.intermediaries = Intermediaries::among(&answers, swept);
        self.shared_keys = SharedKeys::among(keys, &self.intermediaries);
        Ok(())
    }

    /// Shows closed findings as well, by what the run was judged by.
    #[must_use]
    pub fn with_closed(self, knowledge: Knowledge) -> Self {
        let closed = Some(knowledge);
        Self { closed, ..self }
    }

    /// Lays over the run what changed since an earlier one.
    #[must_use]
    pub fn with_changes(self, changes: Changes) -> Self {
        let changes = Some(changes);
        Self { changes, ..self }
    }

    /// Lays the runs before it beside the run.
    #[must_use]
    pub fn with_trend(self, trend: Vec<TrendPoint>) -> Self {
        Self { trend, ..self }
    }

    /// Whether any machine has an open finding of a severity or worse, by the policy where it was weighed;
    /// `None` is any severity. A bulletin without a stated severity counts as worst; what is only seen from
    /// outside has no publisher who could state one, and counts where any does. What an exception holds for
    /// does not count.
    pub fn has_open_finding(&self, threshold: Option<Severity>) -> bool {
        let mut found = false;
        let walk = self.machines(&mut |machine| {
            found |= machine
                .judged()
                .any(|(finding, decision)| is_at_least(finding, decision, threshold));
            Ok(())
        });
        // A store that cannot be read is no reason to call a run clean.
        found || walk.is_err()
    }

    /// Whether every probe of an address is settled, and no intermediary answers there.
    pub(super) fn has_swept(&self, address: IpAddr) -> bool {
        let swept = self.swept.as_ref();
        swept.is_some_and(|swept| swept.has(address)) && !self.is_artefact(address)
    }

    /// Whether somebody answers at an address for others.
    pub(super) fn is_artefact(&self, address: IpAddr) -> bool {
        self.intermediaries.answer_at(address)
    }

    /// Whether hosts were asked from outside who they are.
    pub(super) fn asks(&self) -> bool {
        self.swept
            .as_ref()
            .is_some_and(|swept| !swept.plan.look.off)
    }

    /// The exceptions that hold for a finding, the one that counts first; none before [`Self::prioritise`].
    pub fn holding(&self, finding: &Finding, facts: &MachineFacts<'_>) -> Vec<Exception> {
        let priorities = self.priorities.iter();
        let holding = priorities.flat_map(|all| all.holding(finding, facts));
        holding.cloned().collect()
    }
}

fn is_unassessed(machine: &MachineRecord) -> bool {
    let standing = machine.standing.as_ref().map(|standing| standing.state);
    // Whoever is on the operator's allow list needs no reading.
    if standing == Some(ManagedState::Expected) {
        return false;
    }
    let covered = |code| code != ResultCode::NoCredentialInScope;
    let is_covered = machine.access.iter().any(|(_, row)| covered(row.code));
    let services = machine.services.iter().map(|(_, service)| service);
    machine.inventory.is_none()
        && (machine.failure.is_some() || is_covered || identify::looks_like_a_computer(services))
}

fn is_at_least(
    finding: &Finding,
    decision: Option<&Decision>,
    threshold: Option<Severity>,
) -> bool {
    let state = finding.state;
    let is_excepted = decision.is_some_and(|decision| decision.exception.is_some());
    if state.is_closed() || state.counts_as_unknown() || is_excepted {
        return false;
    }
    let severity = decision.map_or_else(|| finding.rating(), |decision| decision.my_severity);
    match (severity, threshold) {
        (Some(severity), Some(threshold)) => severity >= threshold,
        (None, Some(_)) => !identify::is_exposure(finding),
        (_, None) => true,
    }
}

impl ReportSource for RunSource {
    fn run(&self) -> &RunSummary {
        self.report.run()
    }

    fn coverage(&self) -> &[CoverageRow] {
        &self.coverage
    }

    fn machines(&self, visit: &mut dyn FnMut(&MachineRecord) -> io::Result<()>) -> io::Result<()> {
        self.walk(RunReport::visit, visit)
    }

    fn comparison(&self) -> Option<&Comparison> {
        Some(&self.standings.as_ref()?.comparison)
    }

    fn changes(&self) -> Option<&Changes> {
        self.changes.as_ref()
    }

    fn trend(&self) -> &[TrendPoint] {
        &self.trend
    }

    fn exceptions(&self) -> &[ExceptionCount] {
        self.priorities.as_ref().map_or(&[], Priorities::exceptions)
    }

    fn trail(&self, machine: &MachineRecord) -> io::Result<Trail> {
        let mut all = Trail::default();
        let mut is_kept = false;
        for id in iter::once(&machine.id).chain(&machine.also) {
            let trail = self.report.trail(id).map_err(io::Error::other)?;
            is_kept |= trail.is_some();
            all.merge(trail.unwrap_or_default());
        }
        // A run of an earlier version was not listened to when it was written down.
        if let Some(read) = machine.inventory.as_deref().filter(|_| !is_kept) {
            let first = FirstTold {
                at: self.run().started,
                run: self.run().id.clone(),
            };
            all.merge(Trail::told(read, &first));
        }
        Ok(all)
    }
}

#[cfg(test)]
mod tests;
