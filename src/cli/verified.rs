//! The files of a run that verified what another had found, and what its exit code says.

use super::args::OutputArguments;
use super::beliefs::{self, Given};
use super::{Exit, Stop, complain, config::Settings, knowledge, output};
use crate::matching::Knowledge;
use crate::model::{Marks, RunId, Severity, Verification};
use crate::report::{self, Destination, Options, ReportSource as _};
use crate::scan::Beliefs;
use crate::scan::{RunKind, RunPlan, RunSource, Verify, VerifySource, verification};
use crate::store::{RunRecord, Store, StoreError};

/// Refuses formats that cannot show such a run, before it begins.
pub(super) fn check(output: &OutputArguments) -> Result<(), Stop> {
    for format in &output.format {
        let exporter = report::exporter(format).map_err(|error| Stop::configuration(&error))?;
        report::fits_verified(exporter).map_err(|error| Stop::configuration(&error))?;
    }
    Ok(())
}

/// Whether a run verified what another had found.
pub(super) fn is_of(run: &RunRecord) -> bool {
    run.summary.kind == RunKind::Verify.as_str()
}

/// What a stored run verified.
pub(super) fn plan(run: &RunRecord) -> Result<(RunPlan, Verify), Stop> {
    let plan: Result<RunPlan, _> = serde_json::from_value(run.settings.clone());
    let plan = plan
        .ok()
        .and_then(|plan| Some((plan.clone(), plan.verify?)));
    plan.ok_or_else(|| {
        Stop::usage(format!(
            "run {} was made by another version, and what it verified cannot be read",
            run.summary.id
        ))
    })
}

/// By what the findings of such a run are judged: the present catalogue, and the rules that it began with.
pub(super) fn knowledge(settings: &Settings, run: &RunRecord) -> Result<Knowledge, Stop> {
    let (plan, _) = plan(run)?;
    let catalog = output::open_catalog_of(settings, &run.summary);
    Ok(Knowledge {
        rules: knowledge::rules(&plan.programs)?,
        catalog: std::sync::Arc::new(catalog?),
    })
}

/// Writes the documents of such a run, prints its summary, and says how the command ends.
pub(super) fn write(
    store: &Store,
    run: &RunRecord,
    output: &OutputArguments,
    known: &Knowledge,
    given: Given,
) -> Result<Vec<Exit>, Stop> {
    let by = given.clone();
    let source = source(store, run, output, known, given)?;
    let (files, base) = (by.marks().clone(), &source.told().base);
    let beliefs = by.of_run(store, base)?;
    let marks = Marks {
        judged_by: judged_by(store, base, known)?,
        ..beliefs::all_marks_of(store, run, &files, (&beliefs, output.no_merge))?
    };
    let to_stdout = output.output.is_some();
    let options = Options {
        dialect: output.csv.into(),
        destination: if to_stdout {
            Destination::Stdout
        } else {
            Destination::Folder
        },
        no_users: output.no_users,
        marks,
        ..Options::default()
    };
    let formats: Vec<&str> = output.format.iter().map(String::as_str).collect();
    let id = &run.summary.id;
    let written = if to_stdout {
        output::to_stdout(&source, &formats, &options)
    } else {
        let folder = output::folder(output, id);
        output::to_folder(&source, &formats, &options, &folder).map(Some)
    };
    if let Some(warning) = report::unfinished(source.run()) {
        super::tell(&format!("NOT COMPLETE: {warning}\n"));
    }
    let text = report::verified(source.told());
    super::tell(text.trim_end());
    let counts = output::counts(
        &source,
        written.map_err(|stop| output::again(stop, output, &run.summary))?,
    )?;
    if !to_stdout {
        let folder = output::folder(output, id);
        super::tell(&format!("\nFiles: {}", folder.display()));
    }
    let mut exits = vec![Exit::Clean];
    if counts.safety_stops > 0 {
        exits.push(Exit::SafetyStop);
    }
    let rows = &source.told().rows;
    let is_undecided = rows.iter().any(|row| row.state().is_undecided());
    if is_undecided || output::is_unfinished(source.run()) {
        exits.push(Exit::Incomplete);
    }
    let threshold = output.fail_on.as_deref().map(output::threshold);
    if has_open(source.told(), threshold.transpose()?.flatten()) {
        exits.push(Exit::Findings);
    }
    exits.extend(output::age(source.run(), output.max_catalog_age));
    Ok(exits)
}

/// The digests of what the earlier run is judged by, and of what the findings are judged by now.
fn judged_by(store: &Store, base: &RunId, known: &Knowledge) -> Result<Vec<String>, Stop> {
    let base = store.load_run(base).wait();
    let base = base.map_err(|error| Stop::failed(&error))?.summary;
    let now = [known.catalog.digest(), known.rules.digest()].map(str::to_owned);
    Ok([base.catalog_digest, base.programs_digest]
        .into_iter()
        .chain(now)
        .collect())
}

/// The run with what became of the findings.
fn source(
    store: &Store,
    run: &RunRecord,
    output: &OutputArguments,
    known: &Knowledge,
    given: Given,
) -> Result<VerifySource, Stop> {
    let (_, verify) = plan(run)?;
    let base = store.load_run(&verify.base).wait();
    let base = base.map_err(|error| match error {
        StoreError::NoSuchRun { .. } => Stop::usage(format!(
            "run {} verified what run {} had found, and that one is not stored any more",
            run.summary.id, verify.base
        )),
        other => Stop::failed(&other),
    })?;
    let summary = &base.summary;
    let judged_by = (
        summary.catalog_digest.clone(),
        summary.programs_digest.clone(),
    );
    if judged_by != verify.base_judged_by {
        complain(&format!(
            "run {} was judged again since it was verified: the rows are its present findings",
            verify.base
        ));
    }
    if let Some(changed) = knowledge::changed(known, &run.summary) {
        complain(&format!(
            "{changed} since run {} was made: what it read is judged anew",
            run.summary.id
        ));
    }
    let beliefs = given.of_run(store, &verify.base)?;
    let before = RunSource::open(store, &verify.base, output.no_merge)?;
    let before = before.compare(store, &beliefs)?;
    let before = before.prioritise(store, &beliefs, run.summary.started.date())?;
    // Who is one machine is told by the machines; lists were asked when the earlier run was made.
    let without_lists = Beliefs {
        lists: Vec::new(),
        ..beliefs
    };
    let now = RunSource::open(store, &run.summary.id, output.no_merge)?;
    let now = now
        .with_closed(known.clone())
        .compare(store, &without_lists)?;
    let told = verification(&before, &now, &verify, known)?;
    Ok(VerifySource::new(now, told))
}

/// Whether something is open that is at least so severe, or that nobody has rated; all that is open, where no
/// severity is named. What an exception holds for does not count.
fn has_open(told: &Verification, threshold: Option<Severity>) -> bool {
    told.rows.iter().any(|row| {
        let state = row.state();
        let is_open = !state.is_closed() && !state.is_undecided() && !row.is_excepted;
        is_open
            && threshold.is_none_or(|least| row.severity.is_none_or(|severity| severity >= least))
    })
}
