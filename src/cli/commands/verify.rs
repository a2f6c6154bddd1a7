//! `verify`: back to the machines with open findings, to see what became of these.

use super::super::args::{EngineArgument, PaceArguments, TargetArguments, VerifyArguments};
use super::super::beliefs;
use super::super::config::{Environment, Settings};
use super::super::selection_args::update;
use super::super::{Exit, Stop, answered, complain, output, resolver, runtime, stdout, verified};
use super::scan::{self as job, Job};
use super::{probes, scope};
use crate::model::{RunId, Severity, plural};
use crate::report::for_terminal;
use crate::scan::{self, Look, RunKind, RunPlan, RunSource, Verify, Visits, Wanted};
use crate::store::{PLAN_OF_IMPORTED, RunRecord, RunState, Store};
use crate::sweep::Engine;
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::net::IpAddr;

/// How many hosts are listed without `-v`.
const LISTED: usize = 20;

/// Visits the machines of a run on which something is open, and tells what became of it.
pub(in crate::cli) fn run(
    settings: &Settings,
    environment: &Environment,
    command: &VerifyArguments,
) -> Result<Exit, Stop> {
    output::check(&command.output)?;
    verified::check(&command.output)?;
    let given = beliefs::read(settings, &command.beliefs)?;
    let wanted = wanted(command)?;
    let mut job = Job {
        settings,
        environment,
        output: &command.output,
        authorised_by: command.authorised_by.clone(),
        simulated: false,
        clock: runtime::clock(),
        wants_receipts: command.receipt,
        beliefs: given.clone(),
    };
    if let Some(run) = &command.resume {
        let most = command.login.max_changed_keys;
        let again = (&targets(command, Vec::new()), most, &command.limits);
        return job.resume(&RunId::new(run), again);
    }
    let store = output::open_store(&settings.store)?;
    let base = base(&store, settings, command.run.as_deref())?;
    let plan: RunPlan = serde_json::from_value(base.settings.clone()).map_err(|error| {
        Stop::usage(format!(
            "run {} was made by another version and cannot be verified: {error}",
            base.summary.id
        ))
    })?;
    let beliefs = given.of_run(&store, &base.summary.id)?;
    let source = RunSource::open(&store, &base.summary.id, false)?.compare(&store, &beliefs)?;
    let began = base.summary.started.date();
    let source = source.prioritise(&store, &beliefs, began)?;
    answered::check_machines((&command.host, &command.tag), (&source, &store))?;
    let visits = Visits::of(&source, &wanted)?;
    drop(source);
    if !has_something(&visits, &base.summary.id)? {
        return Ok(Exit::Clean);
    }
    if command.dry_run {
        return preview(&visits, &base, settings.verbose);
    }
    drop(store);
    let plan = planned(settings, command, (plan, &base), (&visits, wanted))?;
    let settings = Settings {
        site: base.summary.site.clone(),
        ..settings.clone()
    };
    job.settings = &settings;
    job.simulated = base.summary.simulated;
    job.begin(plan)
}

fn wanted(command: &VerifyArguments) -> Result<Wanted, Stop> {
    let severity = command.my_severity.as_deref().map(|word| {
        Severity::parse(word).ok_or_else(|| {
            Stop::usage(format!(
                "--my-severity {word}: expected low, medium, high or critical"
            ))
        })
    });
    let only = command.kb.iter().map(|name| update("kb", name));
    Ok(Wanted {
        hosts: command.host.clone(),
        tags: command.tag.clone(),
        only: only.collect::<Result<_, _>>()?,
        severity: severity.transpose()?,
        all: command.output.all,
    })
}

/// The run that is verified: the one that is named, else the latest finished scan of the site.
fn base(store: &Store, settings: &Settings, named: Option<&str>) -> Result<RunRecord, Stop> {
    let scan = RunKind::Scan.as_str();
    let run = if let Some(named) = named {
        let id = output::find_run(store, Some(named))?;
        let run = store.load_run(&id).wait();
        run.map_err(|error| Stop::failed(&error))?
    } else {
        let all = store.list_runs().wait();
        let all = all.map_err(|error| Stop::failed(&error))?;
        let latest = all.into_iter().rev().find(|run| {
            run.summary.kind == scan
                && run.summary.site == settings.site
                && run.summary.state == RunState::Complete
        });
        latest.ok_or_else(|| {
            Stop::usage(format!(
                "no finished scan of site {} is stored: there is nothing to verify",
                settings.site
            ))
        })?
    };
    let (id, kind) = (&run.summary.id, &run.summary.kind);
    if kind != scan {
        return Err(Stop::usage(format!(
            "run {id} is of kind {kind}; only what a scan found is verified: nobody was logged in to over the network"
        )));
    }
    if run.plan_fingerprint == PLAN_OF_IMPORTED {
        return Err(Stop::usage(format!(
            "run {id} came from another store: its addresses and credentials are not yours; scan there, or begin a scan here"
        )));
    }
    Ok(run)
}

/// Says what is left out; whether there is anything to verify.
fn has_something(visits: &Visits, base: &RunId) -> Result<bool, Stop> {
    if visits.unread > 0 {
        complain(&format!(
            "{} of {} not read in run {base}: nothing of them is verified",
            visits.unread,
            plural(visits.meant, "machine")
        ));
    }
    let left = &visits.left_out;
    if left.exposures > 0 {
        complain(&format!(
            "{} seen from outside only, and not verified: a scan or sweep sees such",
            plural(left.exposures, "finding")
        ));
    }
    if !visits.machines.is_empty() {
        return Ok(true);
    }
    if left.not_asked > 0 {
        return Err(Stop::usage(format!(
            "run {base} has {} to verify, and none that --kb and --my-severity ask for",
            plural(left.not_asked, "finding")
        )));
    }
    let more = match left.without_fix {
        0 => String::new(),
        count => format!("; {count} have no fix or were undecided (--all asks after them)"),
    };
    complain(&format!(
        "run {base} has no open finding that a fix closes: there is nothing to verify{more}"
    ));
    Ok(false)
}

fn targets(command: &VerifyArguments, targets: Vec<String>) -> TargetArguments {
    TargetArguments {
        targets,
        exclude: command.exclude.clone(),
        exclude_file: command.exclude_file.clone(),
        // Their number is that of machines which a scan has met.
        yes: true,
        ..TargetArguments::default()
    }
}

/// The plan of the earlier run, for these machines only.
fn planned(
    settings: &Settings,
    command: &VerifyArguments,
    (before, base): (RunPlan, &RunRecord),
    (visits, wanted): (&Visits, Wanted),
) -> Result<RunPlan, Stop> {
    let mut targets = targets(command, visits.targets.clone());
    targets.allow_public = before.scope.allow_public;
    let known = |name: &str| match visits.names.get(name) {
        Some(addresses) => Ok(addresses.clone()),
        None => resolver::look_up(name),
    };
    let mut scope = scope::read_with(&targets, settings, &known)?;
    let addresses = visits.machines.iter().map(|visit| visit.addresses.len());
    scope.yes = before.scope.yes || addresses.sum::<usize>() > 65_536;
    let look = Look {
        deep: false,
        udp: Vec::new(),
        mdns_seconds: 0,
        every_key: false,
        ..before.look.clone()
    };
    let summary = &base.summary;
    let mut plan = RunPlan {
        kind: RunKind::Verify,
        scope,
        look,
        seed: rand::random(),
        first_ports: Vec::new(),
        record: None,
        receipts: None,
        verify: Some(Verify {
            base: summary.id.clone(),
            base_judged_by: (
                summary.catalog_digest.clone(),
                summary.programs_digest.clone(),
            ),
            wanted,
            asks: visits.asks(),
        }),
        awaited: scan::Awaited::default(),
        ..before.clone()
    };
    logins(&mut plan, settings, command, &before);
    let is_raw = before
        .engines
        .iter()
        .any(|(engine, _)| *engine == Engine::Raw);
    let pace = PaceArguments {
        engine: if is_raw {
            EngineArgument::Auto
        } else {
            EngineArgument::Connect
        },
        thorough: true,
        ..PaceArguments::default()
    };
    let ssh_ports = plan.ssh_ports.clone();
    probes::stage(&mut plan, &pace, &ssh_ports)?;
    Ok(plan)
}

/// How hosts are logged in to: as the flags say, else as the earlier run did. Whose key is not known by now was
/// not met then, so that nobody's is pinned unless a flag says so.
fn logins(plan: &mut RunPlan, settings: &Settings, command: &VerifyArguments, before: &RunPlan) {
    let login = &command.login;
    job::login(plan, settings, login);
    if login.credentials.is_none() && before.credentials.is_some() {
        plan.credentials.clone_from(&before.credentials);
    }
    if login.known_hosts.is_empty() {
        plan.known_hosts.clone_from(&before.known_hosts);
    }
    if login.tls_ca.is_empty() {
        plan.tls_ca.clone_from(&before.tls_ca);
    }
    if login.max_changed_keys.is_none() {
        plan.max_changed_keys = before.max_changed_keys;
    }
    if login.hands.is_none() {
        plan.hands = before.hands;
    }
    let limits = std::mem::take(&mut plan.limits);
    plan.limits = limits
        .and(before.limits.clone())
        .but(command.limits.limits());
}

/// Whom it would visit and what it would ask, without a packet.
fn preview(visits: &Visits, base: &RunRecord, in_full: bool) -> Result<Exit, Stop> {
    let mut text = format!(
        "{} of run {} would be verified on {}\n\n",
        plural(visits.findings(), "finding"),
        base.summary.id,
        plural(visits.machines.len(), "machine")
    );
    let most = if in_full { usize::MAX } else { LISTED };
    for visit in visits.machines.iter().take(most) {
        let addresses: Vec<String> = visit.addresses.iter().map(IpAddr::to_string).collect();
        let name = visit.hostname.as_deref().unwrap_or_default();
        let _ = writeln!(
            text,
            "  {}  {}  {}",
            addresses.join(" "),
            for_terminal(name),
            plural(visit.findings, "finding")
        );
    }
    if let Some(more) = visits
        .machines
        .len()
        .checked_sub(most)
        .filter(|more| *more > 0)
    {
        let _ = writeln!(text, "  … and {more} more (-v)");
    }
    let mut sets: BTreeMap<(&str, Vec<&str>), u64> = BTreeMap::new();
    for visit in &visits.machines {
        let set = visit.questions;
        let ids = set.questions.iter().map(|question| question.id).collect();
        *sets.entry((set.name, ids)).or_default() += 1;
    }
    for ((set, ids), machines) in sets {
        let _ = writeln!(
            text,
            "\n{machines} of them would be asked {} ({set}): {}",
            plural(ids.len(), "question"),
            ids.join(", ")
        );
    }
    text.push_str("\nwhat they say: underdesk explain questions\n");
    stdout::print(text)?;
    Ok(Exit::Clean)
}
