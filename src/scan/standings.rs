//! How the machines of a run stand to the lists that people believe: that run and those before it are read,
//! and `classify` compares them.

use super::formerly::formerly;
use super::{RunError, RunKind, RunPlan, RunSource};
use crate::classify::{self, MergeRules, Policy, Sighted, World};
use crate::model::{Compared, Comparison, KnownList, MachineId, MachineRecord, RunId, Standing};
use crate::report::ReportSource as _;
use crate::store::{RunRecord, RunReport, Store};
use crate::sweep::SweepPlan;
use crate::sweep::coverage::{self, Progress};
use crate::targets::TargetSet;
use std::collections::BTreeSet;
use std::net::IpAddr;
use std::sync::{Arc, OnceLock};

/// How many earlier runs are looked at in full: enough to tell usual hours, few enough to be read in seconds.
const EARLIER: usize = 7;

/// What the operator believes of the network.
#[derive(Clone, Debug, Default)]
pub struct Beliefs {
    /// The lists.
    pub lists: Vec<KnownList>,
    /// Thresholds and the allow list.
    pub policy: Policy,
    /// Who is one machine, and who is not.
    pub rules: MergeRules,
}

impl Beliefs {
    /// Whether the operator believes nothing.
    fn are_none(&self) -> bool {
        let none = Self::default();
        self.lists.is_empty() && self.policy == none.policy && self.rules == none.rules
    }
}

/// What a run swept.
#[derive(Debug)]
pub(super) struct Swept {
    pub(super) plan: RunPlan,
    pub(super) targets: Arc<TargetSet>,
    pub(super) sweep: SweepPlan,
    pub(super) mark: u64,
}

impl Swept {
    pub(super) fn of(plan: RunPlan, mark: u64) -> Result<Self, RunError> {
        let targets = Arc::new(plan.scope.targets()?);
        let sweep = plan.sweep(&targets)?;
        Ok(Self {
            plan,
            targets,
            sweep,
            mark,
        })
    }

    /// Whether every probe of an address is settled.
    pub(super) fn has(&self, address: IpAddr) -> bool {
        let progress = Progress {
            plan: &self.sweep,
            mark: self.mark,
            started: None,
            finished: None,
        };
        coverage::is_swept(&progress, address)
    }
}

/// The comparison of a run, ready to be laid over its machines.
#[derive(Debug)]
pub(super) struct Standings {
    pub(super) comparison: Comparison,
    /// By the place of each record in the report, where its machine stands in the comparison.
    machine_of: Vec<Option<u32>>,
}

/// What becomes of a record.
pub(super) enum Taken {
    /// It is a machine of its own.
    Alone,
    /// It stands for a machine that has other records, at these places.
    With(Vec<usize>),
    /// Another record stands for its machine.
    Other,
}

impl Standings {
    fn new(comparison: Comparison, report: &RunReport) -> Self {
        let mut machine_of = vec![None; report.machine_ids().len()];
        for (at, machine) in (0..).zip(&comparison.machines) {
            for place in machine.records.iter().filter_map(|id| report.place(id)) {
                if let Some(own) = machine_of.get_mut(place) {
                    *own = Some(at);
                }
            }
        }
        Self {
            comparison,
            machine_of,
        }
    }

    fn machine(&self, place: usize) -> Option<&Compared> {
        let at = self.machine_of.get(place).copied().flatten()?;
        self.comparison.machines.get(at as usize)
    }

    /// Where a record's machine has its first record.
    pub(super) fn first_place(&self, report: &RunReport, record: &MachineId) -> Option<usize> {
        let records = self.machine(report.place(record)?)?.records.iter();
        records.filter_map(|id| report.place(id)).min()
    }

    pub(super) fn take(&self, report: &RunReport, record: &MachineRecord) -> Taken {
        let own = report.place(&record.id);
        let Some(machine) = own.and_then(|own| self.machine(own)) else {
            return Taken::Alone;
        };
        let places = machine.records.iter();
        let places: BTreeSet<usize> = places.filter_map(|id| report.place(id)).collect();
        let mut places = places.into_iter();
        match places.next() {
            Some(first) if own == Some(first) => {
                let others: Vec<usize> = places.collect();
                if others.is_empty() {
                    Taken::Alone
                } else {
                    Taken::With(others)
                }
            }
            Some(_) => Taken::Other,
            None => Taken::Alone,
        }
    }

    /// Says of a machine how it stands, given all records of the run that are it.
    pub(super) fn place(
        &self,
        report: &RunReport,
        record: &mut MachineRecord,
        records: &[Sighted],
    ) {
        let own = report.place(&record.id);
        let Some(machine) = own.and_then(|own| self.machine(own)) else {
            return;
        };
        let others = machine.records.iter().filter(|id| **id != machine.id);
        record.also = others.cloned().collect();
        record.id = machine.id.clone();
        record.first_seen = machine.first_seen.min(record.first_seen);
        record.listed_name.clone_from(&machine.name);
        record.listed_owner.clone_from(&machine.owner);
        record.usual_hours.clone_from(&machine.usual_hours);
        let mut standing = Standing::clone(&machine.standing);
        let shown = classify::shown(records, &self.comparison.shared);
        let at = usize::try_from(machine.shown_at).unwrap_or(usize::MAX);
        let at = at.min(standing.evidence.len());
        standing.evidence.splice(at..at, shown);
        standing.conflicts = machine.conflicts.iter().map(ToString::to_string).collect();
        record.standing = Some(standing);
    }
}

impl RunSource {
    /// Whether the run asked nobody who he is: then no two records can be told to be one machine, and nothing
    /// is known of any that could be weighed.
    pub fn shows_nobody(&self) -> bool {
        let plan = self.swept.as_ref().map(|swept| &swept.plan);
        plan.is_some_and(|plan| plan.kind == RunKind::Sweep && plan.look.off)
    }

    /// Compares the machines with what the operator believes, and with the runs before. Blocks.
    pub fn compare(mut self, store: &Store, beliefs: &Beliefs) -> Result<Self, RunError> {
        if self.shows_nobody() && beliefs.are_none() {
            return Ok(self);
        }
        let mut sighted = Vec::with_capacity(self.report.machine_ids().len());
        let mut scopes = vec![self.swept.take()];
        gather(&self, 0, &mut sighted)?;
        // Without lists the past decides nothing.
        let earlier = if beliefs.lists.is_empty() {
            Vec::new()
        } else {
            earlier(store, &self.run().id)?
        };
        let mut unread = Vec::new();
        for (number, record) in (1..).zip(&earlier) {
            // A run that an earlier version wrote otherwise is no reason to write no files of this one.
            match Self::read(store, &record.summary.id, self.no_merge) {
                Ok(mut source) => {
                    gather(&source, number, &mut sighted)?;
                    scopes.push(source.swept.take());
                }
                Err(error) => {
                    unread.push(format!("run {} is left out: {error}", record.summary.id));
                    scopes.push(None);
                }
            }
        }
        let runs = u32::try_from(scopes.len()).unwrap_or(u32::MAX);
        if let Some(oldest) = earlier.get(EARLIER - 1) {
            let oldest = &oldest.summary.id;
            let how = (&beliefs.policy, self.no_merge);
            match formerly(store, self.run(), (oldest, runs), how) {
                Ok(more) => sighted.extend(more),
                Err(error) => unread.push(format!("runs before {oldest} are left out: {error}")),
            }
        }
        let was_swept = |run: u32, address: IpAddr| {
            let scope = usize::try_from(run).ok().and_then(|run| scopes.get(run));
            scope
                .and_then(Option::as_ref)
                .is_some_and(|swept| swept.has(address))
        };
        let mut comparison = classify::compare(&World {
            lists: &beliefs.lists,
            sighted: &sighted,
            policy: &beliefs.policy,
            rules: &beliefs.rules,
            was_swept: &was_swept,
            runs,
            today: self.run().started.date(),
            no_merge: self.no_merge,
        });
        comparison.warnings.extend(unread);
        // Who swept nothing has not looked for anybody.
        if scopes.first().is_none_or(Option::is_none) {
            comparison.entries.clear();
        }
        self.standings = Some(Standings::new(comparison, &self.report));
        // Whoever is expected needs no reading.
        self.notice = OnceLock::new();
        self.swept = scopes.swap_remove(0);
        Ok(self)
    }
}

/// The machines of a run.
fn gather(source: &RunSource, number: u32, into: &mut Vec<Sighted>) -> Result<(), RunError> {
    let walk = source.records(&mut |record| {
        into.push(classify::sighted(record, number));
        Ok(())
    });
    walk.map_err(RunError::Read)
}

/// The sweeps and scans of the same site before a run, the latest first.
fn earlier(store: &Store, run: &RunId) -> Result<Vec<RunRecord>, RunError> {
    let all = store.list_runs().wait()?;
    let Some(place) = all.iter().position(|one| one.summary.id == *run) else {
        return Ok(Vec::new());
    };
    let (before, rest) = all.split_at(place);
    let Some(this) = rest.first().map(|record| &record.summary) else {
        return Ok(Vec::new());
    };
    let sweeps = [RunKind::Scan.as_str(), RunKind::Sweep.as_str()];
    let same = before.iter().rev().filter(|one| {
        let one = &one.summary;
        one.site == this.site
            && one.simulated == this.simulated
            && sweeps.contains(&one.kind.as_str())
    });
    Ok(same.take(EARLIER).cloned().collect())
}

/// Makes one record of several that are one machine: the best read speaks for it.
pub(super) fn fold(first: MachineRecord, others: Vec<MachineRecord>) -> MachineRecord {
    let mut all = vec![first];
    all.extend(others);
    // Of equals the first stays.
    let best = all.iter().enumerate().min_by_key(|(_, one)| rank(one));
    let best = best.map_or(0, |(place, _)| place);
    let mut machine = all.remove(best);
    for other in all {
        machine.addresses.extend(other.addresses);
        machine.target_name = machine.target_name.or(other.target_name);
        machine.host_key = machine.host_key.or(other.host_key);
        machine.credential = machine.credential.or(other.credential);
        machine.access.extend(other.access);
        machine.services.extend(other.services);
        machine.clues.extend(other.clues);
        machine.history.extend(other.history);
        machine.first_seen = machine.first_seen.min(other.first_seen);
        machine.last_seen = machine.last_seen.max(other.last_seen);
        for tag in other.tags {
            if !machine.tags.contains(&tag) {
                machine.tags.push(tag);
            }
        }
    }
    machine.addresses.sort_unstable();
    machine.addresses.dedup();
    machine.access.sort_by_key(|(address, _)| *address);
    machine.clues.sort_by_key(|(address, _)| *address);
    machine
}

/// The better a machine was read, the lower.
fn rank(record: &MachineRecord) -> (bool, usize) {
    const BEST_FIRST: [&str; 4] = ["scanned_full", "scanned_partial", "failed", "network_only"];
    let place = BEST_FIRST.iter().position(|word| *word == record.outcome);
    (
        record.inventory.is_none(),
        place.unwrap_or(BEST_FIRST.len()),
    )
}
