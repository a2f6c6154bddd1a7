//! What a run comes to, counted while its machines go by.

use super::{Remediation, Tally};
use crate::model::{
    AccessRecord, Drift, DriftState, Finding, FindingState, Hotfix, HotfixState, MachineRecord,
    ManagedState, ResultCode, UpdatePolicy, UpdateSource, WindowsFacts,
};
use std::collections::{BTreeMap, BTreeSet};

/// The sums over the machines of a run.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// All machines.
    pub machines: u64,
    /// Who answers for others, and is no machine: the range, and why.
    pub intermediaries: Vec<String>,
    /// What is wrong with machines as seen from outside, by kind: each machine once a particular.
    pub weaknesses: BTreeMap<String, u64>,
    /// Machines by how they stand to the lists, where somebody compared.
    pub standings: BTreeMap<ManagedState, u64>,
    /// Machines by outcome.
    pub outcomes: BTreeMap<String, u64>,
    /// Machines whose inventory was read.
    pub assessed: u64,
    /// Machines whose inventory was not read, by the result code that says why; `network_only`
    /// and the like where no way in was tried or ruled out.
    pub not_assessed: BTreeMap<&'static str, u64>,
    /// Machines that were read, and whose updates nobody can state, or not fully.
    pub unjudged: u64,
    /// Of the other machines that were read those with a product that no catalogue covers.
    pub uncovered: u64,
    /// Machines on which a safety rule held a secret back: a host key had changed, or an account's
    /// wrong tries were spent. Also those that another credential could read.
    pub safety_stops: u64,
    /// Machines that showed another key than the one on record.
    pub changed_keys: u64,
    /// Host keys that several machines showed, and at how many addresses.
    pub shared_keys: BTreeMap<String, u64>,
    /// Findings by state; closed ones where they are shown.
    pub states: BTreeMap<&'static str, u64>,
    /// Machines with at least one missing update.
    pub lacking: u64,
    /// Machines of which at least one question is undecided.
    pub undecided: u64,
    /// Open findings with a flaw that is known to be exploited.
    pub exploited: u64,
    /// Machines on a release that is out of support.
    pub end_of_life: u64,
    /// What else is out of support, besides their systems: findings by product.
    pub ended_software: BTreeMap<String, u64>,
    /// Machines that wait for a reboot.
    pub reboots: u64,
    /// The updates that Windows machines list, by state.
    pub hotfixes: BTreeMap<&'static str, u64>,
    /// Machines that obey an update server without TLS.
    pub unsafe_sources: u64,
    /// Findings with CVEs that were judged without a list of exploited flaws.
    pub unchecked: u64,
    /// What would have to be installed.
    pub remediation: Remediation,
    /// Whether the policy allows days at all.
    pub has_due_dates: bool,
    /// Findings that should have been fixed by now.
    pub overdue: u64,
    /// Machines with at least one of these.
    pub late: u64,
    /// Open and undecided findings that an exception holds for.
    pub excepted: u64,
    /// Machines that are not as a baseline says.
    pub drifting: u64,
    /// Machines that a baseline is for, of which it cannot be told in full whether they are as it says.
    pub drift_unknown: u64,
    /// Machines that a baseline is for.
    pub with_baseline: u64,
    /// The baselines that at least one machine is not as.
    pub drifted_from: BTreeSet<String>,
}

impl Counts {
    /// Counts one machine. Findings that are closed, an end of support that is still to come among them, count by state
    /// where all are shown.
    pub fn add(&mut self, machine: &MachineRecord, all_findings: bool) {
        if let Some(standing) = &machine.standing {
            *self.standings.entry(standing.state).or_default() += 1;
        }
        if let Some(why) = no_machine(machine) {
            self.intermediaries.push(why);
            return;
        }
        for weakness in &machine.fingerprint.weaknesses {
            *self.weaknesses.entry(weakness.kind.clone()).or_default() += 1;
        }
        self.machines += 1;
        let outcome = self.outcomes.entry(machine.outcome.clone());
        *outcome.or_default() += 1;
        match &machine.inventory {
            Some(_) => self.assessed += 1,
            None => *self.not_assessed.entry(reason(machine)).or_default() += 1,
        }
        let unjudged = machine
            .findings
            .iter()
            .any(Finding::leaves_machine_unjudged);
        let is_read = machine.inventory.is_some();
        self.unjudged += u64::from(unjudged && is_read);
        let uncovered = machine.findings.iter().any(Finding::is_uncovered);
        self.uncovered += u64::from(uncovered && !unjudged && is_read);
        self.add_access(machine);
        self.add_shared_key(machine);
        self.add_decisions(machine);
        for finding in machine.findings.iter() {
            self.add_finding(finding, all_findings);
            let system = machine.inventory.as_ref().map(|read| &read.platform.id);
            if finding.is_end_of_support() && system != Some(&finding.product) {
                let product = finding.product.clone();
                *self.ended_software.entry(product).or_default() += 1;
            }
        }
        let lacks = |one: &Finding| one.state.counts_as_missing();
        self.lacking += u64::from(machine.findings.iter().any(lacks));
        self.remediation.add(machine);
        let has = |state: FindingState| machine.findings.iter().any(|one| one.state == state);
        let undecided = machine.findings.iter();
        let undecided = undecided
            .filter(|one| one.state.counts_as_unknown())
            .count()
            > 0;
        self.undecided += u64::from(undecided);
        let past = |end| end < machine.last_seen.date();
        let end_of_life = machine.end_of_life.is_some_and(past) || has(FindingState::EndOfLife);
        self.end_of_life += u64::from(end_of_life);
        self.reboots += u64::from(waits_for_reboot(machine) == Some(true));
        let inventory = machine.inventory.as_ref();
        if let Some(windows) = inventory.and_then(|inventory| inventory.windows.as_deref()) {
            self.add_windows(windows, &machine.findings);
        }
        let unix = inventory.and_then(|inventory| inventory.unix.as_deref());
        let sources = unix.and_then(|unix| unix.sources.known());
        let mut sources = sources.into_iter().flatten();
        self.unsafe_sources += u64::from(sources.any(UpdateSource::is_unsafe));
    }

    /// Whether nothing overdue says nothing: none of the machines that were read was judged in full.
    pub(super) fn tells_nothing_overdue(&self) -> bool {
        self.overdue == 0 && self.unjudged > 0 && self.unjudged >= self.assessed
    }

    /// Of the machines that were read those that answered every question.
    pub fn read_in_full(&self) -> u64 {
        let full = self.outcomes.get("scanned_full");
        full.copied().unwrap_or_default()
    }

    /// Machines that were read and not judged, or not in full: what is missing there may be more than was found.
    pub fn not_in_full(&self) -> u64 {
        self.unjudged + self.uncovered
    }

    /// The same machines, with what is counted of findings taken from `asked`, which has seen those only that are
    /// asked for.
    pub(super) fn with_findings_of(self, asked: Self) -> Self {
        Self {
            states: asked.states,
            lacking: asked.lacking,
            undecided: asked.undecided,
            exploited: asked.exploited,
            end_of_life: asked.end_of_life,
            ended_software: asked.ended_software,
            unchecked: asked.unchecked,
            remediation: asked.remediation,
            overdue: asked.overdue,
            late: asked.late,
            excepted: asked.excepted,
            ..self
        }
    }

    /// Of the machines that a question is about, also of those that have nothing of what was asked for.
    pub(super) fn of_part(self, part: &Tally) -> Self {
        Self {
            machines: part.machines,
            assessed: part.read,
            unjudged: part.unjudged,
            uncovered: part.uncovered,
            ..self
        }
    }

    fn add_access(&mut self, machine: &MachineRecord) {
        let stops = |code| matches!(code, ResultCode::BreakerOpen | ResultCode::HostkeyChanged);
        let stopped = machine.access.iter().any(|(_, access)| stops(access.code));
        self.safety_stops += u64::from(stopped);
        let changed = |code| code == ResultCode::HostkeyChanged;
        let changed = machine
            .access
            .iter()
            .any(|(_, access)| changed(access.code));
        self.changed_keys += u64::from(changed);
    }

    fn add_decisions(&mut self, machine: &MachineRecord) {
        let Some(decided) = &machine.decided else {
            return;
        };
        self.has_due_dates |= decided.has_due_dates;
        let decisions = || decided.decisions.iter();
        let count = |count: usize| u64::try_from(count).unwrap_or(u64::MAX);
        let overdue = count(decisions().filter(|one| one.is_overdue()).count());
        self.overdue += overdue;
        self.late += u64::from(overdue > 0);
        self.add_drift(&decided.drift);
        self.excepted += count(decisions().filter(|one| one.exception.is_some()).count());
    }

    fn add_drift(&mut self, rows: &[Drift]) {
        let of = |state: DriftState| rows.iter().filter(move |row| row.state == state);
        self.with_baseline += u64::from(!rows.is_empty());
        self.drifting += u64::from(of(DriftState::Drift).next().is_some());
        self.drift_unknown += u64::from(of(DriftState::Unknown).next().is_some());
        let from = of(DriftState::Drift).map(|row| row.baseline.clone());
        self.drifted_from.extend(from);
    }

    fn add_shared_key(&mut self, machine: &MachineRecord) {
        let shared = machine.host_key.as_ref();
        let Some(key) = shared.filter(|_| !machine.same_key.is_empty()) else {
            return;
        };
        let addresses = u64::try_from(machine.addresses.len()).unwrap_or(u64::MAX);
        *self.shared_keys.entry(key.fingerprint.clone()).or_default() += addresses;
    }

    fn add_windows(&mut self, windows: &WindowsFacts, findings: &[Finding]) {
        for hotfix in windows.hotfixes.known().into_iter().flatten() {
            let state = state_of(hotfix, findings);
            *self.hotfixes.entry(state.as_str()).or_default() += 1;
        }
        let policy = windows.update_policy.known();
        self.unsafe_sources += u64::from(policy.is_some_and(UpdatePolicy::is_unsafe));
    }

    /// How many findings are in one of these states.
    pub fn in_state(&self, of: impl Fn(FindingState) -> bool) -> u64 {
        let states = FindingState::ALL.iter().filter(|state| of(**state));
        let counts = states.filter_map(|state| self.states.get(state.as_str()));
        counts.sum()
    }

    fn add_finding(&mut self, finding: &Finding, all_findings: bool) {
        let state = finding.state;
        if all_findings || !state.is_closed() {
            *self.states.entry(state.as_str()).or_default() += 1;
        }
        self.unchecked += u64::from(finding.is_exploited().is_none() && !finding.cves.is_empty());
        let open = !state.is_closed() && !state.counts_as_unknown();
        self.exploited += u64::from(!finding.kev.is_empty() && open);
    }
}

/// How far an update is installed: what the host's records say, unless a verdict about the same
/// update found that its files say no.
pub(super) fn state_of(hotfix: &Hotfix, findings: &[Finding]) -> HotfixState {
    let mut belied = findings
        .iter()
        .filter(|finding| finding.state == FindingState::Inconsistent);
    let is_it = |finding: &Finding| finding.bulletin.as_str() == hotfix.id;
    match hotfix.state {
        HotfixState::Installed if belied.any(is_it) => HotfixState::Inconsistent,
        state => state,
    }
}

/// Why it is no machine, where it is none: it answers for others, or is an address that machines hand on.
fn no_machine(machine: &MachineRecord) -> Option<String> {
    let standing = machine.standing.as_ref();
    let standing = standing.filter(|standing| standing.state == ManagedState::Artefact);
    let shared = standing.map(|standing| {
        let addresses = machine.addresses.iter().map(ToString::to_string);
        let addresses: Vec<String> = addresses.collect();
        format!("{}: {}", addresses.join(" "), standing.evidence.join("; "))
    });
    machine.intermediary.clone().or(shared)
}

/// Why a machine was not read.
fn reason(machine: &MachineRecord) -> &'static str {
    if let Some(failure) = &machine.failure {
        return failure.code.as_str();
    }
    let rows = machine.access.iter().map(|(_, access)| access);
    let bad = rows.filter(|row| !row.code.is_success());
    match AccessRecord::telling(bad) {
        Some(row) => row.code.as_str(),
        None => "network_only",
    }
}

/// Whether a machine waits for a reboot; `None` where nobody knows.
pub(super) fn waits_for_reboot(machine: &MachineRecord) -> Option<bool> {
    let mut findings = machine.findings.iter();
    if findings.any(|finding| finding.state == FindingState::PendingReboot) {
        return Some(true);
    }
    let inventory = machine.inventory.as_ref()?;
    inventory.reboot.known().map(|reboot| reboot.required)
}
