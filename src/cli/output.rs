//! Where the documents of a run go, and what the exit code says of it.

use super::args::{CsvArgument, OutputArguments};
use super::asked::{self, Asked};
use super::beliefs::{self, Given};
use super::config::Settings;
use super::folder::{Folder, is_further_part};
use super::stdout::{self, Stdout};
use super::{Exit, Stop, complain, hints, knowledge, runtime, tell, verified};
use crate::catalog::sources::source_of;
use crate::catalog::{Catalog, CatalogError};
use crate::matching::Knowledge;
use crate::model::{
    Changes, MachineRecord, RunId, RunState, RunSummary, Severity, UtcTime, plural,
};
use crate::report::{
    self, Counts, Destination, Dialect, Options, PlanFile, ReportError, ReportSource, Sink as _,
    Written, for_terminal,
};
use crate::scan::{self, Beliefs, LeftOut, RunError, RunKind, RunSource};
use crate::store::{Store, StoreError};
use std::io::{self, IsTerminal as _, Write as _};
use std::path::{Path, PathBuf};

/// Looks at the flags before the work begins: hours later is late for a misspelt one.
pub(super) fn check(output: &OutputArguments) -> Result<(), Stop> {
    for format in &output.format {
        report::exporter(format).map_err(|error| Stop::configuration(&error))?;
    }
    if output.output.is_some() && output.format.len() > 1 {
        return Err(Stop::usage(
            "standard output takes one format; name one with --format",
        ));
    }
    let is_book = output.format.iter().any(|format| format == "xlsx");
    if output.output.is_some() && is_book && io::stdout().is_terminal() {
        return Err(Stop::usage(
            "a workbook is nothing for a terminal: send it into a file, or name a folder with --out",
        ));
    }
    output.fail_on.as_deref().map(threshold).transpose()?;
    Ok(())
}

/// Writes the documents of a run, prints its summary, and says how the command ends. With `--all`
/// closed findings are found again by `known`.
pub(super) fn write(
    store: &Store,
    run: &RunId,
    output: &OutputArguments,
    known: Option<Knowledge>,
    beliefs: Given,
) -> Result<Vec<Exit>, Stop> {
    write_asked(store, run, (output, &Asked::default()), known, beliefs)
}

/// [`write`] of what is asked for only. The summary and the end are those of the whole run.
pub(super) fn write_asked(
    store: &Store,
    run: &RunId,
    (output, asked): (&OutputArguments, &Asked),
    known: Option<Knowledge>,
    beliefs: Given,
) -> Result<Vec<Exit>, Stop> {
    let record = store.load_run(run).wait();
    let record = record.map_err(|error| match error {
        StoreError::NoSuchRun { .. } => Stop::configuration(&error),
        other => Stop::failed(&other),
    })?;
    if let (true, Some(known)) = (verified::is_of(&record), &known) {
        asked.must_be_all(run)?;
        return verified::write(store, &record, output, known, beliefs);
    }
    let given = beliefs.clone();
    let beliefs = beliefs.of_run(store, run)?;
    let by = (&beliefs, output.no_merge);
    let marks = beliefs::all_marks_of(store, &record, given.marks(), by)?;
    let all = output.all || asked.selection.wants_closed();
    let how = (output.no_merge, known.filter(|_| all));
    let source = open_weighed(store, run, how, &beliefs, |source| {
        let source = since_last(store, source, given, output.no_merge);
        beside_others(store, source, &output.format)
    })?;
    let threshold = output.fail_on.as_deref().map(threshold).transpose()?;
    let to_stdout = output.output.is_some();
    let options = Options {
        dialect: output.csv.into(),
        destination: if to_stdout {
            Destination::Stdout
        } else {
            Destination::Folder
        },
        all_findings: all,
        no_users: output.no_users,
        table: asked
            .table
            .clone()
            .or_else(|| only_table(source.run(), output)),
        columns: asked.columns.clone(),
        marks,
        selection: asked::settle(
            asked.selection.clone(),
            (&source, store),
            &beliefs,
            (true, output.no_users),
        )?,
        ..Options::default()
    };
    let counts = write_and_sum_up(&source, output, &options)?;
    if !options.selection.is_whole() {
        let told = asked::told(&source, &options)?;
        tell(&format!("\n{}", told.trim_end()));
    }
    say_where(source.run(), output);
    let mut exits = vec![judge(&source, &counts)];
    if threshold.is_some_and(|threshold| source.has_open_finding(threshold)) {
        exits.push(Exit::Findings);
    }
    exits.extend(age(source.run(), output.max_catalog_age));
    Ok(exits)
}

/// Says where the files of a run are, or how it is looked at without files.
fn say_where(run: &RunSummary, output: &OutputArguments) {
    if output.output.is_none() {
        let folder = folder(output, &run.id);
        tell(&format!("\nFiles: {}", folder.display()));
    } else if run.kind != RunKind::Recorded.as_str() {
        let is_sweep = run.kind == RunKind::Sweep.as_str();
        let show = if is_sweep { "machines" } else { "findings" };
        tell(&format!("\nLook at it: underdesk {show} {}", run.id));
    }
}

/// Writes the documents of a run and prints its summary, which can be said also where they cannot be written.
fn write_and_sum_up(
    source: &RunSource,
    output: &OutputArguments,
    options: &Options,
) -> Result<Counts, Stop> {
    let formats: Vec<&str> = output.format.iter().map(String::as_str).collect();
    let written = match options.destination {
        Destination::Stdout => to_stdout(source, &formats, options),
        Destination::Folder => {
            let folder = folder(output, &source.run().id);
            to_folder(source, &formats, options, &folder).map(Some)
        }
    };
    let (written, failed) = match written {
        Ok(written) => (written, None),
        Err(stop) if stop.exit == Exit::Failed => (None, Some(again(stop, output, source.run()))),
        Err(stop) => return Err(stop),
    };
    let counts = counts(source, written)?;
    let text = report::summary(source, &counts);
    tell(text.trim_end());
    failed.map_or(Ok(counts), Err)
}

/// Lays over a run what changed since the one before it of the same scope, where there is one.
fn since_last(store: &Store, source: RunSource, given: Given, no_merge: bool) -> RunSource {
    // An address is nobody's identity.
    if source.shows_nobody() {
        return source;
    }
    // A run before that cannot be read is no reason to write no files of this one.
    match changes_since(store, &source, given, no_merge) {
        Ok(Some(changes)) => source.with_changes(changes),
        Ok(None) => source,
        Err(stop) => {
            complain(&format!(
                "what has changed since the run before cannot be told: {}",
                stop.text
            ));
            source
        }
    }
}

/// Lays the runs before a run beside it, where a format shows them.
fn beside_others(store: &Store, source: RunSource, formats: &[String]) -> RunSource {
    if !formats.iter().any(|format| report::shows_trend(format)) {
        return source;
    }
    let trend = match scan::trend(store, &source.run().id) {
        Ok(trend) => trend,
        Err(error) => {
            complain(&format!(
                "the runs before cannot be set beside this one: {}",
                hints::chain(&error)
            ));
            Vec::new()
        }
    };
    for point in trend.iter().filter(|point| point.sums.is_none()) {
        complain(&format!(
            "run {} cannot be read, and is left out of the trend",
            point.run
        ));
    }
    source.with_trend(trend)
}

fn changes_since(
    store: &Store,
    source: &RunSource,
    given: Given,
    no_merge: bool,
) -> Result<Option<Changes>, Stop> {
    let Some(before) = scan::previous(store, &source.run().id)? else {
        return Ok(None);
    };
    let before = open_compared(store, &before, given, no_merge)?;
    Ok(Some(scan::changes(store, &before, source)?))
}

/// A stored run, its machines put together as they are in its files.
pub(super) fn open_compared(
    store: &Store,
    run: &RunId,
    given: Given,
    no_merge: bool,
) -> Result<RunSource, Stop> {
    let beliefs = given.of_run(store, run)?;
    let source = RunSource::open(store, run, no_merge)?;
    Ok(source.compare(store, &beliefs)?)
}

impl From<CsvArgument> for Dialect {
    fn from(word: CsvArgument) -> Self {
        match word {
            CsvArgument::Default => Self::Default,
            CsvArgument::ExcelEu => Self::ExcelEu,
            CsvArgument::Plain => Self::Plain,
        }
    }
}

/// As CSV standard output takes one table. Of a sweep the findings would be empty.
fn only_table(run: &RunSummary, output: &OutputArguments) -> Option<String> {
    let is_csv = output.format.iter().all(|format| format == "csv");
    let is_sweep = run.kind == RunKind::Sweep.as_str();
    (output.output.is_some() && is_csv && is_sweep).then(|| "machines".to_owned())
}

/// A stored run as its files show it: its machines put together and compared with the lists, its findings weighed by
/// the policy on the day it began, for a run tells how it was on its day. With knowledge closed findings are found
/// again; `between` adds what is to be known of the run before it is weighed.
pub(super) fn open_weighed(
    store: &Store,
    run: &RunId,
    (no_merge, known): (bool, Option<Knowledge>),
    beliefs: &Beliefs,
    between: impl FnOnce(RunSource) -> RunSource,
) -> Result<RunSource, Stop> {
    let source = open_source(store, run, no_merge, known)?;
    let source = between(source.compare(store, beliefs)?);
    let today = source.run().started.date();
    Ok(source.prioritise(store, beliefs, today)?)
}

fn open_source(
    store: &Store,
    run: &RunId,
    no_merge: bool,
    known: Option<Knowledge>,
) -> Result<RunSource, Stop> {
    let source = RunSource::open(store, run, no_merge).map_err(|error| match error {
        RunError::Store(error @ StoreError::NoSuchRun { .. }) => Stop::configuration(&error),
        error => Stop::failed(&error),
    })?;
    let Some(known) = known else {
        return Ok(source);
    };
    let Some(changed) = knowledge::changed(&known, source.run()) else {
        return Ok(source.with_closed(known));
    };
    complain(&format!(
        "--all: closed findings are left out, as {changed} since this run was judged; underdesk match {run} judges it anew"
    ));
    Ok(source)
}

pub(super) fn folder(output: &OutputArguments, run: &RunId) -> PathBuf {
    output
        .out
        .clone()
        .unwrap_or_else(|| PathBuf::from(format!("underdesk-{run}")))
}

/// What a run comes to: as it was counted while it was written, else counted now.
pub(super) fn counts(source: &dyn ReportSource, written: Option<Written>) -> Result<Counts, Stop> {
    match written {
        Some(written) => Ok(written.counts),
        None => report::counted(source).map_err(|error| Stop::failed(&error)),
    }
}

/// Says of a run whose files could not be written how they come to be.
pub(super) fn again(stop: Stop, output: &OutputArguments, run: &RunSummary) -> Stop {
    // What was judged from files is kept nowhere.
    if run.kind == RunKind::Recorded.as_str() {
        return stop;
    }
    let run = &run.id;
    let formats = output.format.join(",");
    Stop {
        text: format!(
            "{}; the run is stored: underdesk export {run} --format {formats} --out DIR writes its files",
            stop.text
        ),
        ..stop
    }
}

/// Writes documents to standard output; `None` where nobody reads them any more.
pub(super) fn to_stdout(
    source: &dyn ReportSource,
    formats: &[&str],
    options: &Options,
) -> Result<Option<Written>, Stop> {
    match report::export(source, formats, options, &mut Stdout) {
        Ok(written) => Ok(Some(written)),
        Err(error) if stdout::is_left(&error) => Ok(None),
        Err(error) => Err(stdout::failed(&error).unwrap_or_else(|| refused(&error))),
    }
}

/// Writes beside the folder's old files and moves each into place when all are whole, so that a
/// spreadsheet never opens half a file.
pub(super) fn to_folder(
    source: &dyn ReportSource,
    formats: &[&str],
    options: &Options,
    folder: &Path,
) -> Result<Written, Stop> {
    let fault = |error: io::Error| unwritten(folder, &error);
    let mut sink = Folder::open(folder).map_err(fault)?;
    let has = |format| formats.contains(&format);
    let mut kept = sink.kept(source.run(), options);
    kept.retain(|entry| {
        let is_written_anew = has("csv") && is_further_part(&entry.name)
            || has("cyclonedx") && report::is_machine_document(&entry.name);
        !is_written_anew
    });
    let options = Options {
        kept,
        ..options.clone()
    };
    let written = report::export(source, formats, &options, &mut sink);
    let written = written.map_err(|error| refused(&error))?;
    // Machines come and go: a document of one that is not in this run would be taken for one of it.
    let is_old: fn(&str) -> bool = if has("cyclonedx") {
        |name| is_further_part(name) || report::is_machine_document(name)
    } else {
        is_further_part
    };
    sink.settle(&options.kept, is_old).map_err(fault)?;
    Ok(written)
}

fn refused(error: &ReportError) -> Stop {
    match error {
        ReportError::NoSuchTable { .. }
        | ReportError::NoSuchColumn { .. }
        | ReportError::NoColumns { .. }
        | ReportError::ManyDocuments { .. }
        | ReportError::NotOfVerified { .. } => Stop::configuration(error),
        error => Stop::failed(error),
    }
}

fn unwritten(folder: &Path, error: &io::Error) -> Stop {
    Stop {
        exit: Exit::Failed,
        text: format!("cannot write to {}: {error}", folder.display()),
    }
}

/// Writes files that are ready into a folder, all or none.
pub(super) fn files_to_folder(files: &[PlanFile], folder: &Path) -> Result<(), Stop> {
    let write = || {
        let mut sink = Folder::open(folder)?;
        for file in files {
            let mut to = sink.file(&file.name)?;
            to.write_all(&file.bytes)?;
            to.flush()?;
        }
        sink.place()
    };
    write().map_err(|error| unwritten(folder, &error))
}

/// Writes one table of a source into a folder, and nothing else of it.
pub(super) fn table_to_folder(
    source: &dyn ReportSource,
    options: &Options,
    folder: &Path,
) -> Result<(), Stop> {
    let fault = |error: io::Error| unwritten(folder, &error);
    let mut sink = Folder::open(folder).map_err(fault)?;
    let csv = report::exporter("csv").map_err(|error| Stop::failed(&error))?;
    let written = csv.write(source, options, &mut sink);
    written.map_err(|error| Stop::failed(&error))?;
    sink.place().map_err(fault)
}

/// A safety stop when a breaker held a secret back or a host key changed, incomplete when a host
/// that a credential covers, or that looks like a computer, was not assessed, or the run has not come to its end.
fn judge(source: &RunSource, counts: &Counts) -> Exit {
    let left = source.left_out();
    say_left_out(&left);
    if counts.safety_stops > 0 {
        Exit::SafetyStop
    } else if counts.unjudged > 0 || !left.is_nothing() || is_unfinished(source.run()) {
        Exit::Incomplete
    } else {
        Exit::Clean
    }
}

/// Whether a run has not come to its end: whom it did not come to, nobody has counted.
pub(super) fn is_unfinished(run: &RunSummary) -> bool {
    run.state != RunState::Complete
}

/// Names whom no row of the files speaks of.
fn say_left_out(left: &LeftOut) {
    if left.is_nobody_read {
        complain("there were credentials, and no machine was read with them");
    }
    let named: Vec<String> = left.named.iter().map(ToString::to_string).collect();
    for (hosts, what) in [(&named, "among the targets"), (&left.listed, "on a list")] {
        if !hosts.is_empty() {
            complain(&format!(
                "not met, though named {what} and covered by a credential: {}",
                in_short(hosts)
            ));
        }
    }
}

/// The first few of many names, and how many more there are.
fn in_short(names: &[String]) -> String {
    const SHOWN: usize = 5;
    let shown = names.iter().take(SHOWN);
    let shown: Vec<_> = shown.map(|name| for_terminal(name)).collect();
    let more = match names.len().saturating_sub(SHOWN) {
        0 => String::new(),
        more => format!(" and {more} more"),
    };
    format!("{}{more}", shown.join(", "))
}

pub(super) fn threshold(word: &str) -> Result<Option<Severity>, Stop> {
    if word == "any" {
        return Ok(None);
    }
    let severity = Severity::parse(word).map(Some);
    severity.ok_or_else(|| {
        Stop::usage(format!(
            "--fail-on {word}: expected low, medium, high, critical or any"
        ))
    })
}

/// Whether the catalogue that judged a run is too old to know what is missing, or there was none.
pub(super) fn age(run: &RunSummary, most: u32) -> Option<Exit> {
    if run.simulated || run.kind == RunKind::Sweep.as_str() {
        return None;
    }
    let Some(age) = run.catalog_age() else {
        complain(&format!(
            "no catalogue was ever imported, so nearly nothing can be said of what is missing: underdesk catalog update, then underdesk match {}",
            run.id
        ));
        return Some(Exit::CatalogUnfit);
    };
    let days = age.days(runtime::now());
    if days <= i64::from(most) {
        return None;
    }
    if age.is_of_record {
        complain(&for_terminal(&format!(
            "the newest record of {feed}, by which machines of this run are judged, is of {day}, {} ago: what came later is not known; underdesk catalog update {}, or import a newer document, then underdesk match {}",
            plural(days, "day"),
            source_of(age.feed),
            run.id,
            feed = age.feed,
            day = age.since.date(),
        )));
        return Some(Exit::CatalogUnfit);
    }
    let (of, source) = match age.feed {
        "" => (String::new(), String::new()),
        feed => (
            format!(" as to {feed}, by which machines of this run are judged"),
            format!(" {}", source_of(feed)),
        ),
    };
    complain(&for_terminal(&format!(
        "the catalogue is {} old{of}: newer bulletins are not in it; underdesk catalog update{source}, then underdesk match {}",
        plural(days, "day"),
        run.id
    )));
    Some(Exit::CatalogUnfit)
}

/// Opens the catalogue, or the built-in one where there is none. One that `--catalog` names has to be there.
pub(super) fn open_catalog(settings: &Settings) -> Result<Catalog, Stop> {
    let path = &settings.catalog;
    if has_catalog(settings)? {
        return Catalog::layered(path).map_err(|error| unfit(&error));
    }
    complain(&format!(
        "there is no catalogue at {}: the built-in one knows a few bulletins only, and no machine is clean by it; underdesk catalog update",
        path.display()
    ));
    Catalog::starter().map_err(|error| unfit(&error))
}

/// Opens the catalogue for hosts that are simulated: where there is none, the built-in one knows all about them.
pub(super) fn open_demo_catalog(settings: &Settings) -> Result<Catalog, Stop> {
    if has_catalog(settings)? {
        return open_catalog(settings);
    }
    Catalog::for_demo().map_err(|error| unfit(&error))
}

/// Opens the catalogue for the hosts of a stored run. The demo's are judged by the built-in one as before: what a
/// publisher says today would make another story of them every month.
pub(super) fn open_catalog_of(settings: &Settings, run: &RunSummary) -> Result<Catalog, Stop> {
    if !run.simulated {
        return open_catalog(settings);
    }
    let demo = Catalog::for_demo().map_err(|error| unfit(&error))?;
    if demo.digest() == run.catalog_digest && !settings.is_catalog_named {
        return Ok(demo);
    }
    open_demo_catalog(settings)
}

/// The time by which a stored run is looked at: now, and of simulated hosts when they were scanned, for that is the
/// day where they are.
pub(super) fn present(run: &RunSummary) -> UtcTime {
    if run.simulated {
        run.started
    } else {
        runtime::now()
    }
}

/// A catalogue for runs that judge nothing.
pub(super) fn no_catalog() -> Result<Catalog, Stop> {
    Catalog::starter().map_err(|error| unfit(&error))
}

/// A folder that may not be looked into is not the same as no catalogue.
fn is_there(path: &Path) -> Result<bool, Stop> {
    path.try_exists().map_err(|error| Stop {
        exit: Exit::CatalogUnfit,
        text: format!("cannot look for the catalogue {}: {error}", path.display()),
    })
}

/// Whether there is a catalogue. One that `--catalog` names, and that is not there, is wrong usage.
pub(super) fn has_catalog(settings: &Settings) -> Result<bool, Stop> {
    let path = &settings.catalog;
    let is_there = is_there(path)?;
    if settings.is_catalog_named && !is_there {
        return Err(Stop::usage(format!(
            "no catalogue at {}, which --catalog names: underdesk catalog import and catalog update make one",
            path.display()
        )));
    }
    Ok(is_there)
}

fn unfit(error: &CatalogError) -> Stop {
    Stop {
        exit: Exit::CatalogUnfit,
        text: hints::chain(error),
    }
}

/// Opens the store.
pub(super) fn open_store(path: &Path) -> Result<Store, Stop> {
    // Its thread outlives the opening of raw sockets, and needs none of the privileges for them.
    super::process::without_privileges(|| Store::open(path)).map_err(|error| Stop::failed(&error))
}

/// [`find_run`], for what speaks of whole machines: not a run that only verified some findings of another.
pub(super) fn find_whole_run(store: &Store, named: Option<&str>) -> Result<RunId, Stop> {
    let id = find_run(store, named)?;
    let run = store.load_run(&id).wait();
    let run = run.map_err(|error| Stop::failed(&error))?;
    if verified::is_of(&run) {
        let (_, verify) = verified::plan(&run)?;
        return Err(Stop::usage(format!(
            "run {id} only verified what run {base} had found, and asked nothing else: name {base}, or scan again; underdesk export {id} writes what it found",
            base = verify.base
        )));
    }
    if let Some(warning) = report::unfinished(&run.summary) {
        complain(&warning);
    }
    Ok(id)
}

/// The run that is meant: the named one, else the latest.
pub(super) fn find_run(store: &Store, named: Option<&str>) -> Result<RunId, Stop> {
    if let Some(named) = named.map(RunId::new) {
        let run = store.load_run(&named).wait();
        let run = run.map_err(|error| match error {
            StoreError::NoSuchRun { .. } => Stop::configuration(&error),
            other => Stop::failed(&other),
        })?;
        if ["doctor", "login"].contains(&run.summary.kind.as_str()) {
            let id = run.summary.id;
            return Err(Stop::usage(format!(
                "run {id} only looked whether a host can be read, and keeps nothing of it; underdesk runs list shows the others"
            )));
        }
        return Ok(run.summary.id);
    }
    let latest = store
        .latest_run()
        .wait()
        .map_err(|error| Stop::failed(&error))?;
    let latest = latest.ok_or_else(|| Stop::usage("no run is stored yet; underdesk scan"))?;
    if let Some(warning) = report::ahead(&latest.summary, present(&latest.summary)) {
        complain(&warning);
    }
    Ok(latest.summary.id)
}

/// Of the runs before one, the latest that has a machine: what was asked of the latest run may be about an earlier one.
pub(super) fn earlier_with(
    store: &Store,
    run: &RunId,
    is_it: impl Fn(&MachineRecord) -> bool,
) -> Result<Option<RunId>, Stop> {
    /// How many are looked through: each is read from the disk.
    const MOST: usize = 10;
    let runs = store.list_runs().wait();
    let runs = runs.map_err(|error| Stop::failed(&error))?;
    let whole = runs.iter().rev().filter(|one| {
        !["doctor", "login", "verify"].contains(&one.summary.kind.as_str())
            && one.summary.id != *run
    });
    for one in whole.take(MOST) {
        let source = RunSource::open(store, &one.summary.id, false)?;
        let mut has = false;
        let walk = source.machines(&mut |machine| {
            has |= is_it(machine);
            Ok(())
        });
        walk.map_err(|error| Stop::failed(&error))?;
        if has {
            return Ok(Some(one.summary.id.clone()));
        }
    }
    Ok(None)
}
