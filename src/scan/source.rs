//! A stored run, as the exporters read it.

use super::priorities::Priorities;
use super::standings::{self, Standings, Swept, Taken};
use super::{RunError, RunKind, RunPlan, judge};
use crate::classify::MachineFacts;
use crate::identify;
use crate::matching::Knowledge;
use crate::model::{
    Answer, Changes, Clue, Comparison, CoverageRow, Decision, Exception, ExceptionCount, Finding,
    FirstTold, MachineId, MachineRecord, ManagedState, ResultCode, RunSummary, SeenBy, Service,
    Severity, Trail, TrendPoint,
};
use crate::report::ReportSource;
use crate::store::{ReportOptions, RunRecord, RunReport, SightingRow, Store};
use crate::sweep::Sighting;
use crate::sweep::coverage::{self, Progress};
use crate::sweep::intermediary::{self, Answers, Intermediary};
use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::iter;
use std::net::{IpAddr, Ipv4Addr};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

/// What identifies who answers, by address.
type Shown = BTreeMap<IpAddr, BTreeSet<String>>;

/// The addresses of each machine that showed an SSH host key, by the key's fingerprint.
type KeysShown = BTreeMap<String, Vec<Vec<IpAddr>>>;

/// A stored run with its coverage, and what the sweep saw beside what the logins saw.
#[derive(Debug)]
pub struct RunSource {
    pub(super) report: RunReport,
    coverage: Vec<CoverageRow>,
    seen: BTreeMap<IpAddr, Vec<SightingRow>>,
    /// Those who answer for others, by their first address, and all of their addresses.
    intermediaries: BTreeMap<IpAddr, Intermediary>,
    artefacts: BTreeSet<IpAddr>,
    /// Host keys that several machines showed, with the addresses of all.
    shared_keys: BTreeMap<String, BTreeSet<IpAddr>>,
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
    /// Whether anything was left out, once somebody has seen all machines: looking at all of them again takes long.
    pub(super) unassessed: OnceLock<bool>,
}

/// The addresses of a run at which somebody answers for others. Its machines are read only where what the sweep saw
/// leaves that open.
pub(super) fn artefacts(store: &Store, run: &RunRecord) -> Result<BTreeSet<IpAddr>, RunError> {
    let plan: Option<RunPlan> = serde_json::from_value(run.settings.clone())
        .map_err(|error| RunError::Read(io::Error::new(io::ErrorKind::InvalidData, error)))?;
    let Some(plan) = plan.filter(|plan| !plan.scope.targets.is_empty()) else {
        return Ok(BTreeSet::new());
    };
    let swept = Swept::of(plan, run.mark)?;
    let mut seen = BTreeMap::<IpAddr, Vec<SightingRow>>::new();
    for row in store.sightings(&run.summary.id).wait()? {
        seen.entry(row.address).or_default().push(row);
    }
    let answers: Vec<Answers> = seen.iter().map(answered).collect();
    let in_scope = |range| asked_in(&swept, range);
    // What somebody shows of himself only speaks against it.
    if intermediary::intermediaries(&answers, &swept.plan.ports, in_scope).is_empty() {
        return Ok(BTreeSet::new());
    }
    Ok(RunSource::read(store, &run.summary.id, false)?.artefacts)
}

/// How many addresses of a /24 were in scope.
fn asked_in(swept: &Swept, range: Ipv4Addr) -> usize {
    let [a, b, c, _] = range.octets();
    let all = (0..=u8::MAX).map(|last| IpAddr::from([a, b, c, last]));
    all.filter(|at| swept.targets.contains(*at)).count()
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
        let report = store.report(run, ReportOptions { no_merge }).wait()?;
        let sightings = store.sightings(run).wait()?;
        // Better no files than files without coverage. A recorded host has no settings.
        let plan: Option<RunPlan> = serde_json::from_value(record.settings)
            .map_err(|error| RunError::Read(io::Error::new(io::ErrorKind::InvalidData, error)))?;
        let mut source = Self {
            report,
            coverage: Vec::new(),
            seen: BTreeMap::new(),
            intermediaries: BTreeMap::new(),
            artefacts: BTreeSet::new(),
            shared_keys: BTreeMap::new(),
            unresolved: 0,
            closed: None,
            swept: None,
            standings: None,
            priorities: None,
            no_merge,
            changes: None,
            trend: Vec::new(),
            unassessed: OnceLock::new(),
        };
        for row in sightings {
            source.seen.entry(row.address).or_default().push(row);
        }
        if let Some(plan) = plan.filter(|plan| !plan.scope.targets.is_empty()) {
            let swept = Swept::of(plan, record.mark)?;
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
        let seen = self.seen.values().flatten().map(sighting);
        // A sweep reads nobody.
        if swept.plan.kind == RunKind::Sweep {
            return Ok(coverage::rows(&targets.parts(), &progress, seen, assessed));
        }
        let walk = self.report.skim(&mut |machine, is_read| {
            if is_read {
                let read = machine
                    .access
                    .iter()
                    .filter(|(_, row)| row.code.is_success());
                assessed.extend(read.map(|(address, _)| *address));
            }
            Ok(())
        });
        walk.map_err(RunError::Read)?;
        Ok(coverage::rows(&targets.parts(), &progress, seen, assessed))
    }

    /// Who answers for others is found in what all addresses answered, and in what they showed.
    fn find_intermediaries(&mut self, swept: &Swept) -> Result<(), RunError> {
        let plan = &swept.plan;
        let swept = |range| asked_in(swept, range);
        let mut answers: Vec<Answers> = self.seen.iter().map(answered).collect();
        // What somebody shows of himself only speaks against it: where there is nobody, it need not be read.
        let looked = plan.kind != RunKind::Sweep || !plan.look.off;
        if !looked && intermediary::intermediaries(&answers, &plan.ports, swept).is_empty() {
            return Ok(());
        }
        let (mut shown, keys) = self.identities()?;
        for host in &mut answers {
            host.identities = shown.remove(&host.address).unwrap_or_default();
        }
        for found in intermediary::intermediaries(&answers, &plan.ports, swept) {
            self.artefacts.extend(&found.addresses);
            if let Some(first) = found.addresses.first() {
                self.intermediaries.insert(*first, found);
            }
        }
        self.share_keys(keys);
        Ok(())
    }

    /// What each address showed that only it can be, and the addresses of each machine by its host key.
    fn identities(&self) -> Result<(Shown, KeysShown), RunError> {
        let mut shown = Shown::new();
        let mut keys = KeysShown::new();
        let walk = self.report.skim(&mut |machine, is_read| {
            for (address, clue) in &machine.clues {
                let identities = identify::identities(std::slice::from_ref(clue));
                shown.entry(*address).or_default().extend(identities);
            }
            // What a login met is not among the clues.
            if let Some(key) = &machine.host_key {
                if key.algorithm != "x509" {
                    let own = keys.entry(key.fingerprint.clone()).or_default();
                    own.push(machine.addresses.clone());
                }
                for address in &machine.addresses {
                    let own = shown.entry(*address).or_default();
                    own.insert(key.fingerprint.clone());
                }
            }
            // Whoever let us in is a machine.
            if is_read {
                let own = machine.id.to_string();
                for address in &machine.addresses {
                    shown.entry(*address).or_default().insert(own.clone());
                }
            }
            Ok(())
        });
        walk.map_err(RunError::Read)?;
        Ok((shown, keys))
    }

    /// Which SSH host keys are shown by more than one machine, as far as identities tell. (A certificate
    /// may be meant for many.)
    fn share_keys(&mut self, keys: KeysShown) {
        for (key, mut machines) in keys {
            let is_artefact = |at: &IpAddr| self.artefacts.contains(at);
            machines.retain(|addresses| !addresses.iter().all(is_artefact));
            if machines.len() > 1 {
                let addresses = machines.into_iter().flatten().collect();
                self.shared_keys.insert(key, addresses);
            }
        }
    }

    /// Shows closed findings as well, by what the run was judged by.
    #[must_use]
    pub fn with_closed(self, knowledge: Knowledge) -> Self {
        let closed = Some(knowledge);
        Self { closed, ..self }
    }

    /// Whether anything was left out that the operator counts on: a host that a credential covers or
    /// that looks like a computer and was not read, or a target name without an address. A sweep
    /// reads nothing, and leaves nothing out.
    pub fn has_unassessed(&self) -> bool {
        if self.run().kind == RunKind::Sweep.as_str() {
            return false;
        }
        if self.unassessed.get().is_none() {
            self.machines(&mut |_| Ok(())).ok();
        }
        // A store that cannot be read is no reason to call a run complete.
        self.unresolved > 0 || self.unassessed.get() != Some(&false)
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

/// What can be seen from outside to be wrong stands beside the verdicts on what was read.
fn add_exposures(machine: &mut MachineRecord) {
    if machine.intermediary.is_some() {
        return;
    }
    let exposures = identify::exposures(&machine.fingerprint, machine.inventory.is_some());
    if !exposures.is_empty() {
        let mut findings = machine.findings.to_vec();
        findings.extend(exposures);
        findings.sort_by(|one, other| {
            (&one.product, &one.bulletin).cmp(&(&other.product, &other.bulletin))
        });
        machine.findings = Arc::new(findings);
    }
}

fn sighting(row: &SightingRow) -> Sighting {
    Sighting {
        index: 0,
        address: row.address,
        probe: row.probe,
        answer: row.answer,
        round_trip: Duration::from_micros(row.round_trip_us.unwrap_or(0).into()),
        tries: row.tries,
        trace: row.trace,
        mac: row.mac,
    }
}

fn answered((address, rows): (&IpAddr, &Vec<SightingRow>)) -> Answers {
    let open = rows.iter().filter(|row| row.answer == Answer::Open);
    Answers {
        address: *address,
        answers: rows.iter().map(|row| (row.probe, row.answer)).collect(),
        traces: open.filter_map(|row| row.trace).collect(),
        identities: BTreeSet::new(),
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

/// Reads the machines of a report.
type Walk = fn(&RunReport, &mut dyn FnMut(&MachineRecord) -> io::Result<()>) -> io::Result<()>;

impl RunSource {
    fn walk(
        &self,
        walk: Walk,
        visit: &mut dyn FnMut(&MachineRecord) -> io::Result<()>,
    ) -> io::Result<()> {
        let mut unassessed = false;
        let visit = &mut |machine: &mut MachineRecord| {
            if let Some(priorities) = &self.priorities {
                priorities.place(machine);
            }
            unassessed |= is_unassessed(machine);
            visit(machine)
        };
        walk(&self.report, &mut |record| {
            let machine = match &self.standings {
                Some(standings) => self.whole(record, standings)?,
                None => self.prepare(record.clone())?,
            };
            machine.map_or(Ok(()), |mut machine| visit(&mut machine))
        })?;
        self.unassessed.set(unassessed).ok();
        Ok(())
    }

    /// The machines with their findings; of the packages that were read it may show no more than the one that came
    /// in last.
    pub(super) fn judged(
        &self,
        visit: &mut dyn FnMut(&MachineRecord) -> io::Result<()>,
    ) -> io::Result<()> {
        // Closed findings are found again in what is installed.
        let walk: Walk = match &self.closed {
            Some(_) => RunReport::visit,
            None => RunReport::visit_sketched,
        };
        self.walk(walk, visit)
    }

    /// The machines as the store tells them apart, without their findings, and with no more of their packages than
    /// the one that came in last.
    pub(super) fn records(
        &self,
        visit: &mut dyn FnMut(&MachineRecord) -> io::Result<()>,
    ) -> io::Result<()> {
        self.report
            .visit_unjudged(&mut |record| match self.recognised(record.clone()) {
                Some(machine) => visit(&machine),
                None => Ok(()),
            })
    }

    /// The machine that a record stands for; `None` where another record stands for it.
    fn whole(
        &self,
        record: &MachineRecord,
        standings: &Standings,
    ) -> io::Result<Option<MachineRecord>> {
        let machine = match standings.take(&self.report, record) {
            // The record at the lowest address stands for all of them.
            Taken::Other => return Ok(None),
            Taken::Alone => self.prepare(record.clone())?,
            Taken::With(places) => {
                let others = places.iter().filter_map(|place| {
                    let other = self.report.machine(*place).transpose()?;
                    Some(other.map_err(io::Error::other))
                });
                let others = others.collect::<io::Result<Vec<_>>>()?;
                self.prepare(standings::fold(record.clone(), others))?
            }
        };
        Ok(machine.map(|mut machine| {
            standings.place(&self.report, &mut machine);
            machine
        }))
    }

    /// The machine whose first record is at a place of the report.
    pub(super) fn machine_at(&self, place: usize) -> io::Result<Option<MachineRecord>> {
        let record = self.report.machine(place).map_err(io::Error::other)?;
        let Some(record) = record else {
            return Ok(None);
        };
        match &self.standings {
            Some(standings) => self.whole(&record, standings),
            None => self.prepare(record),
        }
    }

    /// Where each machine's first record is, by every id that the run has for it.
    pub(super) fn places_by_id(&self) -> BTreeMap<MachineId, usize> {
        let ids = self.report.machine_ids().cloned().enumerate();
        let first = |id: &MachineId| self.standings.as_ref()?.first_place(&self.report, id);
        ids.map(|(place, id)| {
            let first = first(&id).unwrap_or(place);
            (id, first)
        })
        .collect()
    }

    /// Whether every probe of an address is settled, and no intermediary answers there.
    pub(super) fn has_swept(&self, address: IpAddr) -> bool {
        let swept = self.swept.as_ref();
        swept.is_some_and(|swept| swept.has(address)) && !self.is_artefact(address)
    }

    /// Whether somebody answers at an address for others.
    pub(super) fn is_artefact(&self, address: IpAddr) -> bool {
        self.artefacts.contains(&address)
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

    /// Adds to a record what all of the run tells of it; `None` where another record stands for it.
    fn prepare(&self, machine: MachineRecord) -> io::Result<Option<MachineRecord>> {
        let Some(mut machine) = self.recognised(machine) else {
            return Ok(None);
        };
        self.add_closed(&mut machine).map_err(io::Error::other)?;
        add_exposures(&mut machine);
        Ok(Some(machine))
    }

    /// Adds to a record what all of the run tells of it, but for findings; `None` where another record stands for
    /// it.
    fn recognised(&self, mut machine: MachineRecord) -> Option<MachineRecord> {
        let is_artefact = |address: &IpAddr| self.artefacts.contains(address);
        if machine.addresses.iter().all(is_artefact) {
            let first = machine.addresses.first();
            let found = first.and_then(|first| self.intermediaries.get(first))?;
            machine.addresses.clone_from(&found.addresses);
            machine.intermediary = Some(format!("{}: {}", found.range, found.why));
            machine.access.clear();
        }
        self.add_what_was_seen(&mut machine);
        self.add_same_key(&mut machine);
        Some(machine)
    }

    fn add_closed(&self, machine: &mut MachineRecord) -> Result<(), RunError> {
        if let (Some(knowledge), Some(inventory)) = (&self.closed, &machine.inventory) {
            let day = machine.last_seen.date();
            machine.findings = Arc::new(judge::with_closed(knowledge, inventory, day)?);
        }
        Ok(())
    }

    fn add_same_key(&self, machine: &mut MachineRecord) {
        let key = machine.host_key.as_ref();
        let shared = key.and_then(|key| self.shared_keys.get(&key.fingerprint));
        let others = shared.into_iter().flatten().copied();
        machine.same_key = others
            .filter(|address| !machine.addresses.contains(address))
            .collect();
    }

    /// A port that the sweep found open is a service, whether or not anybody knows which; what a machine
    /// showed makes it what it seems to be.
    fn add_what_was_seen(&self, machine: &mut MachineRecord) {
        let mut open_ports = BTreeSet::new();
        // Of an intermediary one address speaks for all.
        let shown = match machine.intermediary {
            Some(_) => 1,
            None => machine.addresses.len(),
        };
        for address in machine.addresses.iter().take(shown) {
            let rows = self.seen.get(address).into_iter().flatten();
            let open = rows.filter(|row| row.answer == Answer::Open);
            let open: Vec<(u16, &str)> = open
                .filter_map(|row| {
                    Some((row.probe.port()?, row.banner.as_deref().unwrap_or_default()))
                })
                .collect();
            open_ports.extend(open.iter().map(|(port, _)| *port));
            let clues = machine.clues.iter().filter(|(at, _)| at == address);
            let clues: Vec<Clue> = clues.map(|(_, clue)| clue.clone()).collect();
            for service in identify::services(&open, &clues) {
                let is_same = |known: &&(IpAddr, Service)| {
                    known.0 == *address
                        && known.1.port == service.port
                        && known.1.proto == service.proto
                        && known.1.seen_by == SeenBy::Scan
                };
                if !machine.services.iter().any(|known| is_same(&known)) {
                    machine.services.push((*address, service));
                }
            }
        }
        machine.services.sort();
        let clues: Vec<Clue> = machine.clues.iter().map(|(_, clue)| clue.clone()).collect();
        let open: Vec<u16> = open_ports.into_iter().collect();
        machine.fingerprint = identify::fingerprint(&clues, &open, machine.last_seen.date());
        let own = machine.inventory.as_ref();
        let own = own
            .map(|inventory| inventory.identity.macs())
            .unwrap_or_default();
        if machine.fingerprint.mac_vendor.is_none() {
            let mut makers = own.iter().filter_map(|mac| identify::read_mac(mac));
            let maker = makers.next().map(|mac| identify::mac_facts(mac).label());
            machine.fingerprint.mac_vendor = maker.filter(|label| !label.is_empty());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{
        AccessRecord, Canaries, HostKey, HostOutcome, HostTrust, LiveHost, ProbeKind, Protocol,
        RunId, UtcTime,
    };
    use crate::store::{HostCommit, NewRun};

    fn summary(kind: RunKind) -> RunSummary {
        RunSummary {
            id: RunId::new("r-1"),
            kind: kind.as_str().to_owned(),
            started: UtcTime::from_unix(0),
            finished: None,
            operator: "op".to_owned(),
            authorised_by: None,
            targets: Vec::new(),
            guards_lifted: Vec::new(),
            site: "default".to_owned(),
            catalog_digest: String::new(),
            catalog_imported: None,
            programs_digest: String::new(),
            simulated: false,
            canaries: Canaries::default(),
        }
    }

    fn host(code: ResultCode, services: Vec<Service>) -> HostCommit {
        let address = IpAddr::from([192, 0, 2, 1]);
        let access = AccessRecord {
            protocol: Protocol::Ssh,
            port: Some(22),
            credential: None,
            attempted: false,
            code,
            detail: String::new(),
            trust: HostTrust::None,
            elapsed_ms: 0,
        };
        let outcome = HostOutcome {
            host: LiveHost {
                address,
                name: None,
                tags: Arc::default(),
                open_ports: Vec::new(),
                round_trip: None,
            },
            host_key: None,
            inventory: None,
            credential: None,
            failure: None,
            access: vec![access],
            services,
            clues: Vec::new(),
            elapsed_ms: 0,
        };
        HostCommit {
            outcome,
            matched: None,
            exposures: Vec::new(),
            pins: Vec::new(),
            finished: UtcTime::from_unix(0),
        }
    }

    fn has_unassessed(kind: RunKind, commit: HostCommit) -> bool {
        let store = Store::in_memory().unwrap();
        let new = NewRun {
            summary: summary(kind),
            settings: serde_json::Value::Null,
            plan_fingerprint: String::new(),
            seed: 0,
        };
        store.begin_run(new).wait().unwrap();
        let run = RunId::new("r-1");
        store.commit_host(&run, commit).wait().unwrap();
        let source = RunSource::open(&store, &run, false).unwrap();
        source.has_unassessed()
    }

    /// How many machines a run shows in which every address of a /24 accepts on three ports and lets
    /// nobody in, and each shows the key that it is given.
    fn shown(key: impl Fn(u8) -> String) -> usize {
        let store = Store::in_memory().unwrap();
        let plan = crate::scan::tests::plan_of("192.0.2.0/24", &[22, 80, 443]);
        let new = NewRun {
            summary: summary(RunKind::Scan),
            settings: serde_json::to_value(plan).unwrap(),
            plan_fingerprint: String::new(),
            seed: 0,
        };
        store.begin_run(new).wait().unwrap();
        let run = RunId::new("r-1");
        for last in 1..=254 {
            let address = IpAddr::from([192, 0, 2, last]);
            let mut commit = host(ResultCode::AuthRejected, Vec::new());
            commit.outcome.host.address = address;
            commit.outcome.host_key = Some(HostKey {
                algorithm: "ssh-ed25519".to_owned(),
                fingerprint: key(last),
            });
            store.commit_host(&run, commit).wait().unwrap();
            let open = [22, 80, 443].map(|port| SightingRow {
                address,
                probe: ProbeKind::Tcp(port),
                answer: Answer::Open,
                round_trip_us: None,
                tries: 1,
                seen_at: UtcTime::from_unix(0),
                trace: None,
                mac: None,
                banner: None,
            });
            store
                .record_sightings(&run, open.to_vec(), 0)
                .wait()
                .unwrap();
        }
        let mut count = 0;
        let source = RunSource::open(&store, &run, true).unwrap();
        let visit = &mut |_: &MachineRecord| {
            count += 1;
            Ok(())
        };
        source.machines(visit).unwrap();
        count
    }

    #[test]
    fn machines_that_let_nobody_in_are_not_hidden_behind_an_intermediary() {
        assert_eq!(shown(|last| format!("SHA256:{last}")), 254);
        assert_eq!(shown(|_| "SHA256:one".to_owned()), 1);
    }

    #[test]
    fn a_covered_host_or_a_computer_that_was_not_read_is_missed_and_a_device_is_not() {
        let ssh = |banner| vec![identify::open_service(22, banner)];
        let no = ResultCode::NoCredentialInScope;
        let missed = |code, services| has_unassessed(RunKind::Scan, host(code, services));
        assert!(missed(ResultCode::Filtered, Vec::new()));
        assert!(missed(
            ResultCode::HostkeyUnknown,
            ssh("SSH-2.0-Cisco-1.25")
        ));
        assert!(missed(no, ssh("SSH-2.0-OpenSSH_9.2p1 Debian-2+deb12u7")));
        assert!(!missed(no, ssh("SSH-2.0-Cisco-1.25")));
        assert!(!missed(no, Vec::new()));
        let swept = host(no, ssh("SSH-2.0-OpenSSH_9.2p1 Debian-2+deb12u7"));
        assert!(!has_unassessed(RunKind::Sweep, swept));
    }
}
