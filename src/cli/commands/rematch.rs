//! `match`: stored facts, or given ones, against the present catalogue, offline.

use super::super::args::MatchArguments;
use super::super::asked::Asked;
use super::super::config::Settings;
use super::super::{Exit, Stop, beliefs, complain, knowledge, output, runtime};
use super::given;
use super::scan::run_id;
use crate::credentials::Holder;
use crate::matching::Knowledge;
use crate::model::{Canaries, Date, RunState, RunSummary, UtcTime};
use crate::scan::{
    self, Awaited, Clock, Connectors, Context, GivenHost, Keyring, Look, Pace, Parts, RunKind,
    RunPlan, Scope,
};
use crate::store::{NewRun, Store};
use crate::sweep::Profile;
use std::path::PathBuf;
use std::sync::Arc;

/// Judges the inventories of a run again, or those of recorded hosts.
pub(in crate::cli) fn run(settings: &Settings, command: &MatchArguments) -> Result<Exit, Stop> {
    output::check(&command.output)?;
    let asked = Asked::read(&command.selection, &command.tables)?;
    asked.check(&command.output.format, command.output.output.is_some())?;
    if let Some(day) = &command.as_of {
        return as_of(settings, (command, &asked), day);
    }
    if !command.given.is_empty() {
        return given(settings, (command, &asked));
    }
    let beliefs = beliefs::read(settings, &command.beliefs)?;
    let store = output::open_store(&settings.store)?;
    let run = output::find_run(&store, command.run.as_deref())?;
    let before = store.load_run(&run).wait();
    let before = before.map_err(|error| Stop::failed(&error))?.summary;
    needs_a_catalogue(settings, &before)?;
    let known = knowledge::open_for(settings, &command.verdicts, &before)?;
    warn_of_rules(&before, &known);
    let today = output::present(&before).date();
    let judged = runtime::block_on(scan::rematch(&store, &run, &known, today))?;
    judged.map_err(|error| Stop::failed(&error))?;
    let exits = output::write_asked(
        &store,
        &run,
        (&command.output, &asked),
        Some(known),
        beliefs,
    )?;
    Ok(Exit::worst(exits))
}

/// What a catalogue has judged, the built-in one would judge worse: it knows a few bulletins.
fn needs_a_catalogue(settings: &Settings, run: &RunSummary) -> Result<(), Stop> {
    if run.simulated || run.catalog_imported.is_none() || output::has_catalog(settings)? {
        return Ok(());
    }
    Err(Stop {
        exit: Exit::CatalogUnfit,
        text: format!(
            "run {} was judged by an imported catalogue, and there is none at {} (where --catalog, UNDERDESK_CATALOG, the \
             configuration or XDG_DATA_HOME say): its verdicts stay as they are; name it with --catalog FILE, or get one: \
             underdesk catalog update",
            run.id,
            settings.catalog.display()
        ),
    })
}

/// What only a rule of the operator's own finds would go without a word where it is not named again.
fn warn_of_rules(before: &RunSummary, known: &Knowledge) {
    if !before.programs_digest.is_empty() && before.programs_digest != known.rules.digest() {
        complain(&format!(
            "run {} was judged by other rules for programs before; --programs FILE names rules of your own",
            before.id
        ));
    }
}

/// What a run read, judged as of a past day.
fn as_of(
    settings: &Settings,
    (command, asked): (&MatchArguments, &Asked),
    day: &str,
) -> Result<Exit, Stop> {
    let (day, end) = past(day)?;
    let store = output::open_store(&settings.store)?;
    let run = super::past::run(settings, &store, (command.run.as_deref(), day))?;
    needs_a_catalogue(settings, &run)?;
    let known = knowledge::open_as_of(settings, &command.verdicts, (&run, day))?;
    let id = &run.id;
    complain(&format!(
        "as of {day}: what run {id} read on {}, bulletins that were published by then (and those without a date), \
         fixes and severities as this catalogue knows them now; nothing is kept",
        run.started.date()
    ));
    let hosts = super::past::hosts(&store, id, command.output.no_merge)?;
    let given = Given {
        hosts,
        targets: vec![
            format!("as of {day}, fixes as known now"),
            format!("run {id}"),
        ],
        known,
        clock: Arc::new(move || end),
    };
    judge(settings, (command, asked), given)
}

/// A day that is over or is today, and its last second.
fn past(day: &str) -> Result<(Date, UtcTime), Stop> {
    let wanted = || Stop::usage(format!("--as-of {day}: expected a past day, YYYY-MM-DD"));
    let date = Date::parse(day).ok_or_else(wanted)?;
    let end = UtcTime::parse(&format!("{date}T23:59:59Z")).ok_or_else(wanted)?;
    if date > runtime::now().date() {
        return Err(wanted());
    }
    Ok((date, end))
}

/// Given hosts are a run of their own, kept nowhere.
fn given(settings: &Settings, (command, asked): (&MatchArguments, &Asked)) -> Result<Exit, Stop> {
    let known = knowledge::open(settings, &command.verdicts)?;
    let given = Given {
        hosts: given::hosts(&command.given)?,
        targets: given::sources(&command.given),
        known,
        clock: runtime::clock(),
    };
    judge(settings, (command, asked), given)
}

/// Hosts that are judged as if each had just answered.
struct Given<H> {
    hosts: H,
    targets: Vec<String>,
    known: Knowledge,
    clock: Clock,
}

fn judge(
    settings: &Settings,
    (command, asked): (&MatchArguments, &Asked),
    given: Given<impl Iterator<Item = Result<GivenHost, Stop>>>,
) -> Result<Exit, Stop> {
    let beliefs = beliefs::read(settings, &command.beliefs)?;
    let Given { hosts, known, .. } = given;
    let store = Store::in_memory().map_err(|error| Stop::failed(&error))?;
    let now = (given.clock)();
    let summary = RunSummary {
        id: run_id(now),
        kind: RunKind::Recorded.as_str().to_owned(),
        started: now,
        finished: None,
        operator: settings.operator.clone(),
        authorised_by: None,
        targets: given.targets,
        guards_lifted: Vec::new(),
        site: settings.site.clone(),
        catalog_digest: known.catalog.digest().to_owned(),
        catalog_imported: known.catalog.imported(),
        catalog_feed: String::new(),
        programs_digest: known.rules.digest().to_owned(),
        simulated: false,
        canaries: Canaries::default(),
        state: RunState::Running,
    };
    let run = summary.id.clone();
    let new = NewRun {
        summary,
        settings: serde_json::Value::Null,
        plan_fingerprint: RunKind::Recorded.as_str().to_owned(),
        seed: 0,
    };
    let (events, _) = tokio::sync::mpsc::unbounded_channel();
    let cx = Context::new(Parts {
        store: store.clone(),
        run: run.clone(),
        site: settings.site.clone(),
        plan: plan(),
        knowledge: known.clone(),
        keyring: Keyring::default(),
        connectors: Connectors::nobody(),
        events,
        clock: given.clock,
        holder: Holder::new("recorded"),
    });
    runtime::block_on(async {
        let begun = store.begin_run(new).await;
        begun.map_err(|error| Stop::failed(&error))?;
        scan::run_given(Arc::new(cx), hosts).await
    })??;
    let exits = output::write_asked(&store, &run, (&command.output, asked), Some(known), beliefs)?;
    Ok(Exit::worst(exits))
}

/// A plan that goes nowhere.
fn plan() -> RunPlan {
    RunPlan {
        kind: RunKind::Recorded,
        scope: Scope::default(),
        ports: Vec::new(),
        ssh_ports: Vec::new(),
        winrm_tls_ports: Vec::new(),
        winrm_ports: Vec::new(),
        first_ports: Vec::new(),
        echo: false,
        engines: Vec::new(),
        look: Look::default(),
        seed: 0,
        pace: Pace::from(Profile::NORMAL),
        host_seconds: 1,
        hands: 1,
        limits: scan::RunLimits::default(),
        accept_new_host_keys: false,
        max_changed_keys: scan::MAX_CHANGED_KEYS,
        credentials: None::<PathBuf>,
        known_hosts: Vec::new(),
        key_names: std::collections::BTreeMap::new(),
        tls_ca: Vec::new(),
        programs: Vec::new(),
        policy: None,
        record: None,
        receipts: None,
        verify: None,
        awaited: Awaited::default(),
    }
}
