//! `trust scan`: every host key and certificate of a range, for a person to check. A sweep without any
//! credential that asks for keys; nothing of it is kept but the table.

use super::super::super::config::Settings;
use super::super::super::progress::{self, Display};
use super::super::super::trust_args::TrustScanArguments;
use super::super::super::{Exit, Stop, complain, hints, knowledge, output, peers, runtime, stdout};
use super::super::scan::{self as job, run_id};
use super::review::{self, OnRecord};
use crate::credentials::Holder;
use crate::matching::Knowledge;
use crate::model::{Canaries, RunId, RunState, RunSummary};
use crate::os;
use crate::report::{self, Destination, Dialect, Options, ReviewRow};
use crate::scan::{self, Connectors, Context, Keyring, Parts, RunEnd, RunKind, RunPlan, RunSource};
use crate::session::KnownKeys;
use crate::store::{NewRun, Store};
use crate::targets::TargetSet;
use std::fs::{self, File};
use std::io::{self, Write as _};
use std::path::Path;
use std::sync::Arc;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

/// Where WinRM listens over HTTPS, unless the operator says otherwise.
const WINRM_TLS: &str = "5986";

pub(super) fn run(settings: &Settings, command: &TrustScanArguments) -> Result<Exit, Stop> {
    if command.sweep.no_identify {
        return Err(Stop::usage(
            "--no-identify: trust scan has nothing to list where no host is asked for its keys",
        ));
    }
    let file = command
        .output
        .as_deref()
        .filter(|path| *path != Path::new("-"));
    if let Some(path) = file.filter(|path| path.exists()) {
        return Err(Stop::usage(format!(
            "{} is there already, perhaps with your ticks in it; name a new file",
            path.display()
        )));
    }
    let plan = plan(settings, command)?;
    if command.targets.dry_run {
        return job::preview(&plan, settings.verbose);
    }
    let store = output::open_store(&settings.store)?;
    let (known, scratch, end) = runtime::block_on(look(settings, &store, &plan))??;
    let failed = |error: &dyn std::error::Error| Stop::failed(error);
    let pins = store
        .pins(&settings.site)
        .wait()
        .map_err(|error| failed(&error))?;
    let seen = store
        .host_keys(&settings.site)
        .wait()
        .map_err(|error| failed(&error))?;
    let source = RunSource::open(&scratch.0, &scratch.1, true).map_err(|error| failed(&error))?;
    let on_record = OnRecord {
        known,
        pins,
        seen,
        today: runtime::now().date(),
    };
    let listed = review::list(&source, &on_record, &plan).map_err(|error| failed(&error))?;
    write(&listed.rows, command, file)?;
    for line in listed.complaints.iter().chain([&listed.counts.said()]) {
        complain(line);
    }
    let mut exits = Vec::new();
    exits.extend((listed.counts.changed > 0).then_some(Exit::SafetyStop));
    exits.extend((end != RunEnd::Complete).then_some(Exit::Interrupted));
    if end != RunEnd::Complete {
        complain("interrupted: only what was seen so far is in the table");
    }
    Ok(Exit::worst(exits))
}

fn plan(settings: &Settings, command: &TrustScanArguments) -> Result<RunPlan, Stop> {
    let mut pace = command.sweep.clone();
    let tls = pace
        .winrm_tls_port
        .get_or_insert_with(|| WINRM_TLS.to_owned());
    let tls = tls.clone();
    pace.ports.get_or_insert(tls);
    pace.winrm_port = None;
    // Whoever answers on one of a few ports is looked for on each of them.
    pace.thorough = true;
    let mut plan = job::plan(RunKind::Sweep, settings, &command.targets, &pace)?;
    plan.limits = plan.limits.but(command.limits.limits());
    plan.look.every_key = true;
    plan.known_hosts = job::known_hosts(settings, &command.known_hosts);
    plan.tls_ca = job::authorities(settings, &command.tls_ca);
    Ok(plan)
}

/// Sweeps, and asks whoever answers for keys. What was seen is in a store of its own, which is gone with the
/// command.
async fn look(
    settings: &Settings,
    store: &Store,
    plan: &RunPlan,
) -> Result<(KnownKeys, (Store, RunId), RunEnd), Stop> {
    let (targets, fingerprint) = job::targets(plan)?;
    let targets = targets.ok_or_else(|| Stop::usage("no targets"))?;
    job::warn_of_names(&targets);
    let known = peers::known_keys(store, &settings.site, plan).await?;
    let connectors = peers::connectors(plan, &Keyring::default(), known.clone(), false)?;
    let scratch = Store::in_memory().map_err(|error| Stop::failed(&error))?;
    let summary = summary(settings, plan);
    let run = summary.id.clone();
    let new = NewRun {
        summary,
        settings: serde_json::to_value(plan).map_err(|error| Stop::failed(&error))?,
        plan_fingerprint: fingerprint,
        seed: plan.seed,
    };
    let begun = scratch.begin_run(new).await;
    begun.map_err(|error| Stop::failed(&error))?;
    let place = (scratch.clone(), run.clone());
    let end = Box::pin(sweep(settings, plan, (targets, connectors), place)).await?;
    Ok((known, (scratch, run), end))
}

async fn sweep(
    settings: &Settings,
    plan: &RunPlan,
    (targets, connectors): (Arc<TargetSet>, Connectors),
    (store, run): (Store, RunId),
) -> Result<RunEnd, Stop> {
    let (events, receiver) = mpsc::unbounded_channel();
    let cx = Arc::new(Context::new(Parts {
        store,
        run,
        site: settings.site.clone(),
        plan: plan.clone(),
        knowledge: Knowledge {
            rules: knowledge::rules(&[])?,
            catalog: Arc::new(output::no_catalog()?),
        },
        keyring: Keyring::default(),
        connectors,
        events,
        clock: runtime::clock(),
        // No try is ever reserved.
        holder: Holder::new("trust scan"),
    }));
    let stop = CancellationToken::new();
    let sweeper = Arc::new(job::engines(plan, cx.traffic()));
    let work = scan::run(cx, targets, sweeper, stop.clone());
    let show = progress::show(receiver, Display::choose(false));
    match Box::pin(job::watched(work, show, stop)).await {
        Some(Ok(end)) => Ok(end),
        None => Ok(RunEnd::Interrupted),
        Some(Err(error)) => Err(Stop {
            exit: Exit::Failed,
            text: hints::chain(&error),
        }),
    }
}

fn summary(settings: &Settings, plan: &RunPlan) -> RunSummary {
    let now = runtime::now();
    RunSummary {
        id: run_id(now),
        kind: plan.kind.as_str().to_owned(),
        started: now,
        finished: None,
        operator: settings.operator.clone(),
        authorised_by: None,
        targets: plan.scope.targets.clone(),
        guards_lifted: Vec::new(),
        site: settings.site.clone(),
        catalog_digest: String::new(),
        catalog_imported: None,
        catalog_feed: String::new(),
        programs_digest: String::new(),
        simulated: false,
        canaries: Canaries::default(),
        state: RunState::Running,
    }
}

fn write(
    rows: &[ReviewRow],
    command: &TrustScanArguments,
    file: Option<&Path>,
) -> Result<(), Stop> {
    let options = Options {
        dialect: Dialect::from(command.csv),
        destination: match file {
            Some(_) => Destination::Folder,
            None => Destination::Stdout,
        },
        ..Options::default()
    };
    let mut text = Vec::new();
    report::review(rows, &options, &mut text).map_err(|error| Stop::failed(&error))?;
    let Some(path) = file else {
        return stdout::print(&text);
    };
    let written = create(path).and_then(|mut file| {
        let written = file.write_all(&text);
        // Half a table would be taken for a whole one.
        written.inspect_err(|_| drop(fs::remove_file(path)))
    });
    written.map_err(|error| Stop {
        exit: Exit::Failed,
        text: format!("cannot write {}: {error}", path.display()),
    })
}

/// Never over a file that somebody has ticked meanwhile.
fn create(path: &Path) -> io::Result<File> {
    let mut options = File::options();
    options.write(true).create_new(true);
    os::owner_only(&mut options).open(path)
}
