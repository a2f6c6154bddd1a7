//! What to do first: the smallest set of updates and restarts that closes what can be closed, machine by
//! machine, and when. Which update closes what, what it replaces and what it needs is known from the
//! findings; nothing of that is decided here.
//!
//! The time is linear in the findings, but for the machines on which updates really replace each other:
//! see [`cover`]. Machines in the same state are worked out once.

mod cover;
mod needs;
mod steps;
#[cfg(test)]
mod tests;

pub use needs::MachineNeeds;
pub(super) use steps::is_kernel;

use super::Schedule;
use crate::model::{MachinePlan, Plan, Severity, UtcTime, Work};
use std::collections::HashSet;
use std::sync::Arc;

/// By what a plan is made.
#[derive(Clone, Debug)]
pub struct PlanRules {
    /// Waves and maintenance windows.
    pub schedule: Schedule,
    /// Only these updates, bulletins or CVEs, whatever their case; empty for all.
    pub only: Vec<String>,
    /// Only findings of this severity or worse; those whose severity nobody states count as well.
    pub severity: Option<Severity>,
    /// Only what should have been fixed by now.
    pub overdue: bool,
    /// From when on windows are looked for.
    pub now: UtcTime,
}

/// Plans machines one at a time, so that a fleet costs no more than its steps.
#[derive(Debug)]
pub struct Planner<'a> {
    rules: &'a PlanRules,
    machines: Vec<MachinePlan>,
    works: HashSet<Arc<Work>>,
}

impl<'a> Planner<'a> {
    /// A plan without machines.
    pub fn new(rules: &'a PlanRules) -> Self {
        Self {
            rules,
            machines: Vec::new(),
            works: HashSet::new(),
        }
    }

    /// Adds a machine, unless there is nothing to say of it.
    pub fn add(&mut self, needs: &MachineNeeds) {
        let work = steps::work(needs, self.rules);
        if work.steps.is_empty() && work.findings == 0 {
            return;
        }
        let known = self.works.get(&work).cloned();
        let work = known.unwrap_or_else(|| {
            let work = Arc::new(work);
            self.works.insert(Arc::clone(&work));
            work
        });
        let schedule = &self.rules.schedule;
        let wave = schedule.wave_of(&needs.tags);
        let window = schedule.next_window(&needs.tags, wave, self.rules.now);
        self.machines.push(MachinePlan {
            id: needs.id.clone(),
            hostname: needs.hostname.clone(),
            address: needs.address,
            place: needs.place.clone(),
            owner: needs.owner.clone(),
            wave,
            window,
            tool: needs.tool,
            work,
        });
    }

    /// The plan.
    pub fn finish(self) -> Plan {
        let mut machines = self.machines;
        // Who has no window comes last in his wave.
        let start = |one: &MachinePlan| one.window.map(|(start, _)| start);
        machines.sort_by(|a, b| {
            let key = |one: &MachinePlan| (one.wave, start(one).is_none(), start(one), one.address);
            key(a).cmp(&key(b)).then_with(|| a.id.cmp(&b.id))
        });
        let waves = self.rules.schedule.waves.iter();
        Plan {
            waves: waves.map(|wave| wave.name.clone()).collect(),
            machines,
        }
    }
}

/// The plan of machines, in whatever order they come.
pub fn plan(machines: &[MachineNeeds], rules: &PlanRules) -> Plan {
    let mut planner = Planner::new(rules);
    for machine in machines {
        planner.add(machine);
    }
    planner.finish()
}
