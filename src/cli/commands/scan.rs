//! `scan` and `sweep`: the main job.

use super::super::args::{
    EventsArgument, LoginArguments, OutputArguments, PaceArguments, ScanArguments, SweepArguments,
    TargetArguments,
};
use super::super::beliefs::Given;
use super::super::config::{Environment, Settings};
use super::super::limits_args::LimitArguments;
use super::super::progress::{self, Display};
use super::super::{
    Exit, Stop, beliefs, complain, folder, hints, knowledge, output, peers, process, resolver,
    runtime, secrets, ssh_config,
};
use super::probes::{self, Ports};
use super::{dry_run, runs, scope, search, unmanaged};
use crate::credentials::{self, Credential, Holder, Past};
use crate::matching::Knowledge;
use crate::model::{Canaries, RunId, RunSummary, UtcTime, hex, plural};
use crate::scan::{
    self, Clock, Connectors, Context, Keyring, Parts, Receipts, RunEnd, RunKind, RunLimits,
    RunPlan, Scope,
};
use crate::store::{NewRun, PLAN_OF_IMPORTED, RunRecord, RunState, Store};
use crate::sweep::{Engine, Engines};
use crate::targets::TargetSet;
use crate::traffic::Traffic;
use std::collections::BTreeMap;
use std::future::Future;
use std::path::PathBuf;
use std::sync::Arc;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

/// How many seconds a host may take, unless the operator says otherwise.
const HOST_SECONDS: u64 = 120;
/// The longest that a host may be given: the breaker counts on it.
const MOST_HOST_SECONDS: u64 = 3_000;
/// How many hosts are worked on at once, unless the operator says otherwise: as `--gentle`, `--normal` and `--fast`
/// have it, where hosts are logged in to and where they are only looked at.
const HANDS: [usize; 3] = [8, 64, 128];
const LOOKS: [usize; 3] = [16, 256, 256];

/// What a job is made of, besides its plan.
pub(super) struct Job<'a> {
    pub(super) settings: &'a Settings,
    pub(super) environment: &'a Environment,
    pub(super) output: &'a OutputArguments,
    pub(super) authorised_by: Option<String>,
    pub(super) simulated: bool,
    /// What time it is where the hosts are.
    pub(super) clock: Clock,
    /// Whether each host gets a receipt beside the files.
    pub(super) wants_receipts: bool,
    /// What the run is compared with.
    pub(super) beliefs: Given,
}

/// What a run needs besides its plan, once all of it has been read.
struct Means {
    site: String,
    targets: Option<Arc<TargetSet>>,
    knowledge: Knowledge,
    keyring: Keyring,
    connectors: Connectors,
}

/// Sweeps, logs in, collects, matches, saves and exports.
pub(in crate::cli) fn run(
    settings: &Settings,
    environment: &Environment,
    command: &ScanArguments,
) -> Result<Exit, Stop> {
    run_at(settings, environment, command, None)
}

/// [`run`], of real hosts, or of simulated ones by their own time.
pub(in crate::cli) fn run_at(
    settings: &Settings,
    environment: &Environment,
    command: &ScanArguments,
    simulated: Option<Clock>,
) -> Result<Exit, Stop> {
    output::check(&command.output)?;
    nameless(command.record.is_some(), &command.output)?;
    let mut job = Job {
        settings,
        environment,
        output: &command.output,
        authorised_by: command.targets.authorised_by.clone(),
        simulated: simulated.is_some(),
        clock: simulated.unwrap_or_else(runtime::clock),
        wants_receipts: command.receipt,
        beliefs: beliefs::read(settings, &command.beliefs)?,
    };
    if let Some(run) = &command.resume {
        let most = command.login.max_changed_keys;
        let again = (&command.targets, most, &command.limits);
        return job.resume(&RunId::new(run), again);
    }
    let kind = if command.local {
        RunKind::Local
    } else {
        RunKind::Scan
    };
    let mut targets = command.targets.clone();
    if let Some(run) = &command.retry_unseen {
        targets.targets = unmanaged::unseen(settings, run, &mut job.beliefs)?;
    }
    let mut plan = unstaged(kind, settings, &targets, &command.sweep)?;
    login(&mut plan, settings, &command.login);
    plan.limits = plan.limits.but(command.limits.limits());
    plan.programs = knowledge::rule_files(settings, &command.verdicts)?;
    knowledge::rules(&plan.programs)?;
    plan.record = command.record.as_deref().map(absolute);
    place(&mut plan, environment)?;
    stage(&mut plan, &targets, &command.sweep)?;
    if command.targets.dry_run {
        return preview(&plan, settings.verbose);
    }
    job.begin(plan)
}

/// Only sweeps.
pub(in crate::cli) fn sweep(
    settings: &Settings,
    environment: &Environment,
    command: &SweepArguments,
) -> Result<Exit, Stop> {
    output::check(&command.output)?;
    let job = Job {
        settings,
        environment,
        output: &command.output,
        authorised_by: command.targets.authorised_by.clone(),
        simulated: false,
        clock: runtime::clock(),
        wants_receipts: false,
        beliefs: beliefs::read(settings, &command.beliefs)?,
    };
    if let Some(run) = &command.resume {
        let again = (&command.targets, None, &command.limits);
        return job.resume(&RunId::new(run), again);
    }
    let mut plan = plan(RunKind::Sweep, settings, &command.targets, &command.sweep)?;
    plan.limits = plan.limits.but(command.limits.limits());
    if command.targets.dry_run {
        return preview(&plan, settings.verbose);
    }
    job.begin(plan)
}

pub(super) fn plan(
    kind: RunKind,
    settings: &Settings,
    targets: &TargetArguments,
    pace: &PaceArguments,
) -> Result<RunPlan, Stop> {
    let mut plan = unstaged(kind, settings, targets, pace)?;
    stage(&mut plan, targets, pace)?;
    Ok(plan)
}

/// Divides the sweep into stages, once it is known where every target is.
pub(super) fn stage(
    plan: &mut RunPlan,
    targets: &TargetArguments,
    pace: &PaceArguments,
) -> Result<(), Stop> {
    if plan.kind == RunKind::Local {
        return Ok(());
    }
    search::fill(&mut plan.scope, plan.look.mdns_seconds, targets.dry_run)?;
    probes::stage(plan, pace, &Ports::of(pace)?.0.named_ssh)
}

/// [`plan`], of targets that may yet turn out to be elsewhere: [`place`] and [`stage`] follow.
pub(super) fn unstaged(
    kind: RunKind,
    settings: &Settings,
    targets: &TargetArguments,
    pace: &PaceArguments,
) -> Result<RunPlan, Stop> {
    let scope = match kind {
        RunKind::Local => Scope::default(),
        RunKind::Scan if targets.targets.is_empty() => {
            return Err(Stop::usage(
                "no targets: name addresses, ranges, host names or @FILE, or read this machine with --local",
            ));
        }
        _ => scope::read(targets, settings)?,
    };
    let ports = Ports::read(pace)?;
    let profile = probes::profile(pace)?;
    let look = probes::look(pace)?;
    let host_seconds = pace.timeout.unwrap_or(HOST_SECONDS);
    if !(1..=MOST_HOST_SECONDS).contains(&host_seconds) {
        return Err(Stop::usage(format!(
            "--timeout {host_seconds}: expected 1 to {MOST_HOST_SECONDS} seconds"
        )));
    }
    Ok(RunPlan {
        kind,
        scope,
        ports: ports.all,
        first_ports: Vec::new(),
        echo: false,
        engines: Vec::new(),
        look,
        ssh_ports: ports.ssh,
        winrm_tls_ports: ports.winrm_tls,
        winrm_ports: ports.winrm,
        seed: pace.seed.unwrap_or_else(rand::random),
        pace: profile.into(),
        host_seconds,
        hands: hands(kind, pace),
        limits: limits(settings, pace),
        accept_new_host_keys: false,
        max_changed_keys: scan::MAX_CHANGED_KEYS,
        credentials: None,
        known_hosts: Vec::new(),
        key_names: BTreeMap::new(),
        tls_ca: Vec::new(),
        programs: Vec::new(),
        policy: None,
        record: None,
        receipts: None,
        verify: None,
        awaited: scan::Awaited::default(),
    })
}

/// Refuses to record answers where names of accounts are to be left out: what a host answers is kept as it came, and
/// nobody can tell where in it a name stands.
fn nameless(records: bool, output: &OutputArguments) -> Result<(), Stop> {
    if records && output.no_users {
        return Err(Stop::usage(
            "--record keeps what hosts answer as it came, with the names of accounts in it, and --no-users leaves these out: take one of them",
        ));
    }
    Ok(())
}

/// How many hosts are worked on at once.
fn hands(kind: RunKind, pace: &PaceArguments) -> usize {
    let [gentle, normal, fast] = match kind {
        RunKind::Sweep => LOOKS,
        _ => HANDS,
    };
    match (pace.gentle, pace.fast) {
        (true, _) => gentle,
        (_, true) => fast,
        _ => normal,
    }
}

/// What a run may do at once: as the configuration says, and with `--gentle` no more than that allows.
fn limits(settings: &Settings, pace: &PaceArguments) -> RunLimits {
    let gentle = pace.gentle.then(RunLimits::gentle).unwrap_or_default();
    gentle.and(settings.limits.clone())
}

pub(super) fn login(plan: &mut RunPlan, settings: &Settings, login: &LoginArguments) {
    plan.accept_new_host_keys = login.accept_new_host_keys;
    let most = login.max_changed_keys.or(settings.max_changed_keys);
    plan.max_changed_keys = most.unwrap_or(scan::MAX_CHANGED_KEYS);
    plan.hands = login.hands.unwrap_or(plan.hands).clamp(1, 4_096);
    let named = login.credentials.clone();
    let usual = || {
        settings
            .credentials
            .iter()
            .find(|path| path.exists())
            .cloned()
    };
    plan.credentials = named.or_else(usual).as_deref().map(absolute);
    plan.tls_ca = authorities(settings, &login.tls_ca);
    plan.known_hosts = known_hosts(settings, &login.known_hosts);
}

/// The files of certificate authorities: those that are named, else the usual ones.
pub(super) fn authorities(settings: &Settings, named: &[PathBuf]) -> Vec<PathBuf> {
    let files = if named.is_empty() {
        &settings.tls_ca
    } else {
        named
    };
    files.iter().map(|path| absolute(path)).collect()
}

/// The files of known hosts: those that are named, else those of the usual ones that are there.
pub(super) fn known_hosts(settings: &Settings, named: &[PathBuf]) -> Vec<PathBuf> {
    if !named.is_empty() {
        return named.iter().map(|path| absolute(path)).collect();
    }
    let usual = settings.known_hosts.iter();
    usual.filter(|path| path.exists()).cloned().collect()
}

/// What would be done.
pub(super) fn preview(plan: &RunPlan, in_full: bool) -> Result<Exit, Stop> {
    let credentials = match &plan.credentials {
        Some(path) => {
            credentials::file::load(path)
                .map_err(|error| Stop::configuration(&error))?
                .credentials
        }
        None => Vec::new(),
    };
    dry_run::print(plan, &credentials, in_full)
}

/// Puts targets that OpenSSH's configuration knows where it says, if the credentials file names it.
pub(super) fn place(plan: &mut RunPlan, environment: &Environment) -> Result<(), Stop> {
    let Some(path) = plan.credentials.clone().filter(|_| plan.kind.logs_in()) else {
        return Ok(());
    };
    let file = credentials::file::load(&path).map_err(|error| Stop::configuration(&error))?;
    if let Some(own) = ssh_config::Own::read(&file, &path, environment)? {
        own.place(plan, &resolver::look_up);
    }
    Ok(())
}

/// What is reached through jump hosts only is tried one by one.
pub(super) fn check_behind(keyring: &Keyring, targets: Option<&TargetSet>) -> Result<(), Stop> {
    let most = scan::MOST_BEHIND;
    match targets {
        Some(targets) if scan::behind(targets, keyring).len() > most => Err(Stop::usage(format!(
            "more than {most} addresses are covered by credentials with a jump host, and each would be tried through it; name fewer targets, or narrow the scopes"
        ))),
        _ => Ok(()),
    }
}

/// A resumed run may be started from another folder.
pub(super) fn absolute(path: &std::path::Path) -> PathBuf {
    std::path::absolute(path).unwrap_or_else(|_| path.to_owned())
}

impl Job<'_> {
    pub(super) fn begin(&self, plan: RunPlan) -> Result<Exit, Stop> {
        let mut plan = plan;
        plan.policy = Some(self.beliefs.marks().policy.clone());
        let (targets, fingerprint) = targets(&plan)?;
        let knowledge = self.knowledge(&plan)?;
        let store = output::open_store(&self.settings.store)?;
        let now = (self.clock)();
        let summary = self.summary(&plan, now, &knowledge);
        let run = summary.id.clone();
        must_be_writable(self.output, &run)?;
        if self.wants_receipts {
            plan.receipts = Some(receipts(self.output, &run)?);
        }
        // Secrets first: a run that cannot log in anywhere should not begin.
        runtime::block_on(async {
            let keyring = self.keyring(&plan).await?;
            check_behind(&keyring, targets.as_deref())?;
            if let (RunKind::Scan, Some(targets)) = (plan.kind, &targets) {
                plan.awaited = scan::awaited(targets, &keyring, self.beliefs.lists());
            }
            let known = peers::known_keys(&store, &self.settings.site, &plan).await?;
            let means = Means {
                connectors: peers::connectors(&plan, &keyring, known, self.simulated)?,
                keyring,
                site: self.settings.site.clone(),
                targets,
                knowledge,
            };
            let settings = serde_json::to_value(&plan).map_err(|error| Stop::failed(&error))?;
            let new = NewRun {
                summary,
                settings,
                plan_fingerprint: fingerprint,
                seed: plan.seed,
            };
            store
                .begin_run(new)
                .await
                .map_err(|error| Stop::failed(&error))?;
            let lists = self.beliefs.lists();
            if !lists.is_empty() {
                let kept = store.keep_lists(&run, lists.to_vec()).await;
                kept.map_err(|error| Stop::failed(&error))?;
            }
            complain(&format!("run {run}"));
            Box::pin(self.work(store, run, plan, means)).await
        })?
    }

    pub(super) fn resume(
        &self,
        run: &RunId,
        (arguments, max_changed_keys, limits): (&TargetArguments, Option<u32>, &LimitArguments),
    ) -> Result<Exit, Stop> {
        let store = output::open_store(&self.settings.store)?;
        let record = store
            .load_run(run)
            .wait()
            .map_err(|error| Stop::configuration(&error))?;
        let mut plan = check(&record)?;
        must_be_writable(self.output, run)?;
        nameless(plan.record.is_some(), self.output)?;
        let is_local = plan.kind == RunKind::Local;
        let wants = self.wants_receipts && plan.receipts.is_none();
        if wants {
            plan.receipts = Some(receipts(self.output, run)?);
        }
        let most = max_changed_keys.unwrap_or(plan.max_changed_keys);
        let mut has_changed = wants || most != plan.max_changed_keys;
        plan.max_changed_keys = most;
        let limits = plan.limits.clone().but(limits.limits());
        has_changed |= limits != plan.limits;
        plan.limits = limits;
        has_changed |= !is_local && scope::take_out(&mut plan.scope, arguments, self.settings)?;
        if has_changed {
            let settings = serde_json::to_value(&plan).map_err(|error| Stop::failed(&error))?;
            store
                .set_settings(run, settings)
                .wait()
                .map_err(|error| Stop::failed(&error))?;
        }
        // What the run is stays what it was, whatever the flags say now.
        let settings = Settings {
            site: record.summary.site.clone(),
            ..self.settings.clone()
        };
        let job = Job {
            settings: &settings,
            simulated: record.summary.simulated,
            authorised_by: None,
            clock: Clock::clone(&self.clock),
            beliefs: self.beliefs.clone(),
            ..*self
        };
        job.go_on(store, &record, plan)
    }

    fn go_on(&self, store: Store, record: &RunRecord, plan: RunPlan) -> Result<Exit, Stop> {
        let run = &record.summary.id;
        let (targets, fingerprint) = targets(&plan)?;
        if fingerprint != record.plan_fingerprint {
            return Err(Stop::usage(format!(
                "run {run} cannot be resumed: this version reads its targets differently; begin a new run"
            )));
        }
        let knowledge = self.knowledge(&plan)?;
        if let Some(changed) = knowledge::changed(&knowledge, &record.summary) {
            complain(&format!(
                "{changed} since the run began; underdesk match judges all of its hosts by the same"
            ));
        }
        // The pins and machines are those of the site where the run began.
        let site = record.summary.site.clone();
        runtime::block_on(async {
            let keyring = self.keyring(&plan).await?;
            check_behind(&keyring, targets.as_deref())?;
            let known = peers::known_keys(&store, &site, &plan).await?;
            let means = Means {
                connectors: peers::connectors(&plan, &keyring, known, self.simulated)?,
                keyring,
                site,
                targets,
                knowledge,
            };
            let (state, now) = (RunState::Running, (self.clock)());
            store
                .finish_run(run, state, now)
                .await
                .map_err(|error| Stop::failed(&error))?;
            Box::pin(self.work(store, run.clone(), plan, means)).await
        })?
    }

    /// What the run's hosts are judged by: the present catalogue, and the rules that the run began with.
    fn knowledge(&self, plan: &RunPlan) -> Result<Knowledge, Stop> {
        let catalog = match plan.kind {
            RunKind::Sweep => output::no_catalog(),
            _ if self.simulated => output::open_demo_catalog(self.settings),
            _ => output::open_catalog(self.settings),
        };
        Ok(Knowledge {
            rules: knowledge::rules(&plan.programs)?,
            catalog: Arc::new(catalog?),
        })
    }

    pub(super) async fn keyring(&self, plan: &RunPlan) -> Result<Keyring, Stop> {
        match &plan.credentials {
            Some(path) if plan.kind.logs_in() => {
                secrets::keyring(plan, path, self.environment, self.settings.no_input).await
            }
            _ => Ok(Keyring::default()),
        }
    }

    #[expect(
        clippy::too_many_lines,
        reason = "the steps of a run, one after the other"
    )]
    async fn work(
        &self,
        store: Store,
        run: RunId,
        plan: RunPlan,
        means: Means,
    ) -> Result<Exit, Stop> {
        let targets = means.targets;
        if let Some(targets) = &targets {
            warn_of_names(targets);
            if matches!(plan.kind, RunKind::Scan | RunKind::Verify) {
                let credentials: Vec<_> = means.keyring.credentials().iter().collect();
                say_worst_case((&store, (self.clock)()), &credentials, targets).await?;
            }
        }
        let left_out = targets.as_deref().map_or(0, |all| all.unresolved().len());
        let (events, receiver) = mpsc::unbounded_channel();
        let knowledge = means.knowledge;
        let cx = Arc::new(Context::new(Parts {
            store: store.clone(),
            run: run.clone(),
            site: means.site,
            connectors: means.connectors,
            knowledge: knowledge.clone(),
            keyring: means.keyring,
            events,
            clock: Clock::clone(&self.clock),
            holder: Holder::new(hex(&rand::random::<[u8; 16]>())),
            plan: plan.clone(),
        }));
        let display = Display::choose(self.output.events == Some(EventsArgument::Jsonl));
        let stop = CancellationToken::new();
        let job = async {
            match targets {
                Some(targets) => {
                    let sweeper = Arc::new(engines(&plan, cx.traffic()));
                    scan::run(cx, targets, sweeper, stop.clone()).await
                }
                None => scan::run_local(cx).await,
            }
        };
        let show = progress::show(receiver, display);
        let end = Box::pin(watched(job, show, stop.clone())).await;
        let again = match plan.kind {
            RunKind::Verify => "underdesk verify --resume",
            _ => "underdesk scan --resume",
        };
        let mut exits = Vec::new();
        let is_complete = matches!(end, Some(Ok(RunEnd::Complete)));
        match end {
            Some(Ok(RunEnd::Complete)) => {}
            None => {
                complain(&format!("stopped; go on with: {again} {run}"));
                return Ok(Exit::Interrupted);
            }
            Some(Ok(RunEnd::Interrupted)) => {
                exits.push(Exit::Interrupted);
                complain(&format!("interrupted; go on with: {again} {run}"));
            }
            Some(Ok(RunEnd::CutOff)) => {
                exits.push(Exit::Interrupted);
                complain(&format!(
                    "interrupted, for this machine has no network; when it is back, go on with: {again} {run}"
                ));
            }
            Some(Ok(RunEnd::SafetyStop)) => {
                exits.push(Exit::SafetyStop);
                complain(&format!(
                    "more than {} with changed keys, and nobody was logged in to after that; ask their owners, then \
                     underdesk trust import --replace for those that are right, and {again} {run} \
                     (with a higher --max-changed-keys where the others must wait)",
                    plural(plan.max_changed_keys, "host")
                ));
            }
            Some(Err(error)) => {
                exits.push(Exit::Failed);
                complain(&format!(
                    "{}; go on with: {again} {run}",
                    hints::chain(&error)
                ));
            }
        }
        if left_out > 0 {
            exits.push(Exit::Incomplete);
        }
        let is_written = self
            .export(store.clone(), run.clone(), knowledge, &mut exits)
            .await;
        // What the files are compared with must be there while they are written.
        if is_complete && is_written {
            runs::keep_to(&store, self.settings.retention, &run).await?;
        }
        Ok(Exit::worst(exits))
    }

    /// Writes the files, and adds how that ends to how the run did. Says whether they are written.
    async fn export(
        &self,
        store: Store,
        run: RunId,
        knowledge: Knowledge,
        exits: &mut Vec<Exit>,
    ) -> bool {
        let (output, of) = (self.output.clone(), run.clone());
        let beliefs = self.beliefs.clone();
        let export = move || output::write(&store, &of, &output, Some(knowledge), beliefs);
        let export = tokio::task::spawn_blocking(export);
        // Who has asked once already need not ask twice more.
        let asked = exits.contains(&Exit::Interrupted);
        let Some(written) = runtime::until_insisted(export, asked).await else {
            complain(&format!(
                "stopped; the files are not complete, underdesk export {run} writes them"
            ));
            exits.push(Exit::Interrupted);
            return false;
        };
        let written = written.map_err(|error| Stop::failed(&error));
        match written.and_then(|written| written) {
            Ok(more) => {
                exits.extend(more);
                true
            }
            // That the run was interrupted still comes first.
            Err(stop) => {
                complain(&stop.text);
                exits.push(stop.exit);
                false
            }
        }
    }

    pub(super) fn summary(&self, plan: &RunPlan, now: UtcTime, known: &Knowledge) -> RunSummary {
        let lifted = [
            ("allow_public", plan.scope.allow_public),
            ("yes", plan.scope.yes),
        ];
        let lifted = lifted.iter().filter(|(_, lifted)| *lifted);
        RunSummary {
            id: run_id(now),
            kind: plan.kind.as_str().to_owned(),
            started: now,
            finished: None,
            operator: self.settings.operator.clone(),
            authorised_by: self.authorised_by.clone(),
            targets: plan.scope.targets.clone(),
            guards_lifted: lifted.map(|(word, _)| (*word).to_owned()).collect(),
            site: self.settings.site.clone(),
            catalog_digest: known.catalog.digest().to_owned(),
            catalog_imported: known.catalog.imported(),
            catalog_feed: String::new(),
            programs_digest: known.rules.digest().to_owned(),
            simulated: self.simulated,
            canaries: Canaries::default(),
            state: RunState::Running,
        }
    }
}

/// Sees, before anything is sent, that the files can be written where they are to go.
fn must_be_writable(output: &OutputArguments, run: &RunId) -> Result<(), Stop> {
    match output.output {
        Some(_) => Ok(()),
        None => folder::must_be_writable(&output::folder(output, run)),
    }
}

/// Where a run's receipts go. The folder is made at once: a run whose receipts cannot be written should
/// not begin.
pub(super) fn receipts(output: &OutputArguments, run: &RunId) -> Result<Receipts, Stop> {
    let folder = absolute(&output::folder(output, run)).join("receipts");
    std::fs::create_dir_all(&folder).map_err(|error| {
        Stop::usage(format!(
            "receipts cannot be written to {}: {error}",
            folder.display()
        ))
    })?;
    Ok(Receipts {
        folder,
        no_users: output.no_users,
    })
}

/// The engines that a plan's addresses were given to. The privileges that opening them needs are given up with
/// that, before anybody answers.
pub(super) fn engines(plan: &RunPlan, traffic: &Traffic) -> Engines {
    let profile = plan.profile();
    let mut legs = plan.engines.iter();
    let engines = if legs.any(|(engine, _)| *engine == Engine::Raw) {
        Engines::open(profile)
    } else {
        Engines::connect_only(profile)
    };
    if let Err(error) = process::give_up_privileges() {
        complain(&format!("privileges cannot be given up: {error}"));
    }
    engines.with_traffic(traffic)
}

/// The plan of a run that can be resumed.
fn check(record: &RunRecord) -> Result<RunPlan, Stop> {
    let run = &record.summary.id;
    if record.summary.state == RunState::Complete {
        return Err(Stop::usage(format!(
            "run {run} is finished; underdesk export {run} writes its files"
        )));
    }
    if record.plan_fingerprint == PLAN_OF_IMPORTED {
        return Err(Stop::usage(format!(
            "run {run} came from another store: its targets and settings are not yours, so it is not resumed; begin a new run"
        )));
    }
    let plan: RunPlan = serde_json::from_value(record.settings.clone()).map_err(|error| {
        Stop::usage(format!(
            "run {run} was begun by another version and cannot be resumed: {error}"
        ))
    })?;
    if plan.kind.is_examination() {
        return Err(Stop::usage(format!(
            "run {run} only looked whether a host can be read; look again instead"
        )));
    }
    Ok(plan)
}

/// `r-20261122T180000Z-4f2a`
pub(super) fn run_id(now: UtcTime) -> RunId {
    let compact: String = now
        .to_string()
        .chars()
        .filter(|c| !matches!(c, '-' | ':'))
        .collect();
    RunId::new(format!("r-{compact}-{}", hex(&rand::random::<[u8; 2]>())))
}

/// The targets, where the run has any, and the fingerprint of the plan.
pub(super) fn targets(plan: &RunPlan) -> Result<(Option<Arc<TargetSet>>, String), Stop> {
    if plan.kind == RunKind::Local {
        return Ok((None, "local".to_owned()));
    }
    let targets = plan
        .scope
        .targets()
        .map_err(|error| Stop::configuration(&error))?;
    let ports: Vec<String> = plan.ports.iter().map(ToString::to_string).collect();
    let fingerprint = format!(
        "{} {} {}",
        targets.fingerprint(),
        ports.join(","),
        plan.seed
    );
    Ok((Some(Arc::new(targets)), fingerprint))
}

pub(super) fn warn_of_names(targets: &TargetSet) {
    for name in targets.unresolved() {
        complain(&format!(
            "{}: {} is left out: {}",
            name.origin, name.name, name.why
        ));
    }
}

/// Runs a job beside its display; the display ends when the job's events do.
pub(super) async fn watched<T>(
    job: impl Future<Output = T>,
    show: impl Future<Output = ()>,
    stop: CancellationToken,
) -> Option<T> {
    let job = runtime::until_interrupted(job, stop);
    let (end, ()) = tokio::join!(job, show);
    end
}

/// What the run can do to accounts at worst, after what earlier ones have done.
pub(super) async fn say_worst_case(
    (store, now): (&Store, UtcTime),
    credentials: &[&Credential],
    targets: &TargetSet,
) -> Result<(), Stop> {
    let credentials = || credentials.iter().copied();
    let hosts = u64::try_from(targets.len()).unwrap_or(u64::MAX);
    let limits = credentials::Limits::default();
    let remembered = scan::remembered_tries(store).await;
    match remembered.map_err(|error| Stop::failed(&error))? {
        Some((tries, stops)) => {
            let past = Past {
                tries: &tries,
                stops: &stops,
                now,
            };
            for line in credentials::worst_case_after(&past, credentials(), hosts, &limits) {
                complain(&format!("wrong passwords: {line}"));
            }
        }
        None => complain(
            "wrong passwords: none: the record of earlier tries cannot be read, so none is told",
        ),
    }
    for line in credentials::exposures(credentials()) {
        complain(&line);
    }
    Ok(())
}
