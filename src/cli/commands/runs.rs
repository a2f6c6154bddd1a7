//! `runs`: what the store remembers, what of it may go, and what is carried to another.

use super::super::args::RunsCommand;
use super::super::config::Settings;
use super::super::{Exit, Stop, complain, output, runtime, stdout};
use super::credentials::ask::Operator;
use crate::model::{KnownList, RunId, plural};
use crate::report::{columns, for_terminal, tame_json};
use crate::scan::{self, RunPlan};
use crate::store::{
    Deleted, Imported, PLAN_OF_IMPORTED, Retention, RunRecord, RunState, Store, StoreError,
    outdated,
};
use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::io::{self, Write as _};
use std::path::Path;

/// Lists runs, shows one, deletes some, or carries one.
pub(in crate::cli) fn run(settings: &Settings, command: &RunsCommand) -> Result<Exit, Stop> {
    let store = output::open_store(&settings.store)?;
    let operator = Operator::new(settings.no_input);
    match command {
        RunsCommand::List => print(&list(&store)?)?,
        RunsCommand::Show { run, json } => print(&show(&store, run.as_deref(), *json)?)?,
        RunsCommand::Delete { runs, yes, running } => {
            let runs = named(&store, runs, *running)?;
            delete(&store, &runs, (operator, *yes))?;
        }
        RunsCommand::Prune {
            keep,
            older_than,
            yes,
            dry_run,
        } => {
            let retention = Retention {
                runs: keep.and_then(|count| usize::try_from(count).ok()),
                days: *older_than,
            };
            let all = stored(&store)?;
            let old = outdated(&all, retention, runtime::now());
            let old: BTreeSet<&RunId> = old.iter().collect();
            let old = all.iter().filter(|run| old.contains(&run.summary.id));
            let old: Vec<RunRecord> = old.cloned().collect();
            if *dry_run || old.is_empty() {
                print(&table(&old))?;
                complain(&format!(
                    "{} of {} would be deleted",
                    old.len(),
                    plural(all.len(), "run")
                ));
            } else {
                delete(&store, &old, (operator, *yes))?;
            }
        }
        RunsCommand::Export { run, file } => export(&store, run, file)?,
        RunsCommand::Import { file } => import(&store, file)?,
    }
    Ok(Exit::Clean)
}

fn print(text: &str) -> Result<(), Stop> {
    stdout::print(format!("{}\n", text.trim_end()))
}

fn stored(store: &Store) -> Result<Vec<RunRecord>, Stop> {
    let runs = store.list_runs().wait();
    runs.map_err(|error| Stop::failed(&error))
}

fn list(store: &Store) -> Result<String, Stop> {
    Ok(table(&stored(store)?))
}

/// The newest first.
fn table(runs: &[RunRecord]) -> String {
    let rows = runs.iter().rev().map(|run| {
        let origin = match run.plan_fingerprint.as_str() {
            PLAN_OF_IMPORTED => "imported",
            _ => "",
        };
        vec![
            run.summary.id.to_string(),
            run.summary.kind.clone(),
            run.summary.state.as_str().to_owned(),
            run.summary.started.to_string(),
            for_terminal(&run.summary.operator).into_owned(),
            for_terminal(&run.summary.targets.join(" "))
                .chars()
                .take(60)
                .collect(),
            for_terminal(&run.summary.site).into_owned(),
            origin.to_owned(),
        ]
    });
    let rows: Vec<Vec<String>> = rows.collect();
    columns(
        &[
            "run", "kind", "state", "started", "operator", "targets", "site", "",
        ],
        &rows,
    )
}

fn show(store: &Store, run: Option<&str>, json: bool) -> Result<String, Stop> {
    let id = output::find_run(store, run)?;
    let run = store
        .load_run(&id)
        .wait()
        .map_err(|error| Stop::failed(&error))?;
    if !json {
        let lists = store.lists(&id).wait();
        let lists = lists.map_err(|error| Stop::failed(&error))?;
        return Ok(in_words(&run, &lists));
    }
    let shown = serde_json::json!({
        "summary": run.summary,
        "state": run.summary.state.as_str(),
        "probes_passed": run.mark,
        "seed": run.seed,
        "settings": run.settings,
    });
    let shown = serde_json::to_string_pretty(&shown).map_err(|error| Stop::failed(&error))?;
    Ok(tame_json(&shown))
}

/// What a run is, a line for each thing that is known of it.
fn in_words(run: &RunRecord, lists: &[KnownList]) -> String {
    let mut text = String::new();
    let mut say = |name: &str, what: &str| {
        if !what.is_empty() {
            let _ = writeln!(text, "{name:<14}{}", for_terminal(what));
        }
    };
    let one = &run.summary;
    say("run", one.id.as_str());
    say("kind", &one.kind);
    say("state", one.state.as_str());
    say("site", &one.site);
    say("started", &one.started.to_string());
    let finished = one.finished.map(|time| time.to_string());
    say("finished", &finished.unwrap_or_default());
    say("operator", &one.operator);
    say(
        "permitted by",
        one.authorised_by.as_deref().unwrap_or_default(),
    );
    say("hosts", if one.simulated { "simulated" } else { "" });
    say("targets", &one.targets.join(" "));
    say("guards lifted", &one.guards_lifted.join(", "));
    // Of an imported run, or one of another version, there may be no plan that reads.
    if let Ok(plan) = serde_json::from_value::<RunPlan>(run.settings.clone()) {
        let taken_out = [&plan.scope.exclude, &plan.scope.never_scan];
        let taken_out = taken_out.into_iter().flatten().cloned();
        say("taken out", &taken_out.collect::<Vec<_>>().join(" "));
        say("ports", &listed(&plan.ports));
        say("seed", &run.seed.to_string());
        say("at once", &format!("{} hosts", plan.hands));
        say("credentials", &listed_paths(plan.credentials.iter()));
        say("known hosts", &listed_paths(plan.known_hosts.iter()));
        say("authorities", &listed_paths(plan.tls_ca.iter()));
        let rules = plan.programs.iter().map(|file| &file.path);
        say("program rules", &listed_paths(rules));
        let policy = plan.policy.as_ref().map(|mark| {
            if mark.is_there() {
                format!("{} ({})", mark.file, mark.digest)
            } else {
                "none".to_owned()
            }
        });
        say("policy", &policy.unwrap_or_default());
        say("recorded in", &listed_paths(plan.record.iter()));
    }
    let known = lists.iter().map(|list| list.name.as_str());
    say("lists", &known.collect::<Vec<_>>().join(", "));
    let catalog = match one.catalog_imported {
        Some(time) => format!("{} (of {})", one.catalog_digest, time.date()),
        None if one.catalog_digest.is_empty() => "none".to_owned(),
        None => format!("{} (built in)", one.catalog_digest),
    };
    say("catalogue", &catalog);
    text.push_str("--json prints all of it\n");
    text
}

fn listed(numbers: &[u16]) -> String {
    let numbers: Vec<String> = numbers.iter().map(u16::to_string).collect();
    numbers.join(",")
}

fn listed_paths<'a>(paths: impl Iterator<Item = &'a std::path::PathBuf>) -> String {
    let paths: Vec<String> = paths.map(|path| path.display().to_string()).collect();
    paths.join(", ")
}

/// The runs that are meant; whoever may still be at work on one is asked for by a flag.
fn named(store: &Store, ids: &[String], running: bool) -> Result<Vec<RunRecord>, Stop> {
    let mut runs: Vec<RunRecord> = Vec::new();
    for id in ids {
        let run = store.load_run(&RunId::new(id)).wait().map_err(stop)?;
        if run.summary.state == RunState::Running && !running {
            return Err(Stop::usage(format!(
                "run {id} goes on, or was killed: underdesk scan --resume {id} ends it, --running deletes it all the same; nothing was deleted"
            )));
        }
        if runs.iter().all(|known| known.summary.id != run.summary.id) {
            runs.push(run);
        }
    }
    Ok(runs)
}

fn delete(
    store: &Store,
    runs: &[RunRecord],
    (operator, yes): (Operator, bool),
) -> Result<(), Stop> {
    let what = match runs {
        [one] => format!("run {}", one.summary.id),
        many => plural(many.len(), "run"),
    };
    if !yes {
        if !operator.is_there() {
            return Err(Stop::usage(format!(
                "{what}: nobody can be asked here whether to delete; --yes says so"
            )));
        }
        writeln!(io::stderr(), "{}", table(runs).trim_end()).ok();
        if !operator.agrees(&format!("Delete {what} for good?")) {
            complain("nothing was deleted");
            return Ok(());
        }
    }
    let ids = runs.iter().map(|run| run.summary.id.clone()).collect();
    let deleted = store.delete_runs(ids).wait().map_err(stop)?;
    complain(&said(deleted));
    Ok(())
}

fn said(deleted: Deleted) -> String {
    let Deleted { runs, blobs, lists } = deleted;
    format!(
        "{} deleted, with {} and {} that no other run has",
        plural(runs, "run"),
        plural(blobs, "inventory or verdict"),
        plural(lists, "list")
    )
}

fn export(store: &Store, run: &str, file: &Path) -> Result<(), Stop> {
    let run = output::find_run(store, Some(run))?;
    store.export_run(&run, file).wait().map_err(stop)?;
    complain(&format!("run {run} is in {}", file.display()));
    Ok(())
}

/// Takes a run from a file.
pub(super) fn import(store: &Store, file: &Path) -> Result<(), Stop> {
    let imported = store.import_run(file, scan::check_carried).wait();
    match imported.map_err(stop)? {
        Imported::Taken { run, site, hosts } => complain(&format!(
            "run {run} of site {} is imported, with {}",
            for_terminal(&site),
            plural(hosts, "host")
        )),
        Imported::Known { run } => {
            complain(&format!("run {run} is here already; nothing was changed"));
        }
    }
    Ok(())
}

/// What was asked for is not there, or not so: that is for whoever asked.
fn stop(error: StoreError) -> Stop {
    match error {
        StoreError::NoSuchRun { .. }
        | StoreError::NotEnded { .. }
        | StoreError::NotImported { .. }
        | StoreError::File { .. } => Stop::configuration(&error),
        other => Stop::failed(&other),
    }
}

/// Deletes what the configuration does not keep, after a run that is done.
pub(super) async fn keep_to(store: &Store, retention: Retention, made: &RunId) -> Result<(), Stop> {
    if retention == Retention::default() {
        return Ok(());
    }
    let all = store
        .list_runs()
        .await
        .map_err(|error| Stop::failed(&error))?;
    let mut old = outdated(&all, retention, runtime::now());
    old.retain(|run| run != made);
    if old.is_empty() {
        return Ok(());
    }
    let deleted = store
        .delete_runs(old)
        .await
        .map_err(|error| Stop::failed(&error))?;
    complain(&format!("keep_runs, keep_days: {}", said(deleted)));
    Ok(())
}
