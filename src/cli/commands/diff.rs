//! `diff`: what changed between two stored runs.

use super::super::args::DiffArguments;
use super::super::beliefs;
use super::super::config::{Environment, Settings};
use super::super::{Exit, Stop, output, screen, stdout};
use crate::model::{Change, ChangeKind, Changes, CoverageRow, MachineRecord, RunId, RunSummary};
use crate::report::{self, Destination, Options, ReportSource, Screen, for_terminal, table};
use crate::scan;
use crate::store::Store;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::io::{self, Write as _};

/// Tells what changed.
pub(in crate::cli) fn run(
    settings: &Settings,
    environment: &Environment,
    command: &DiffArguments,
) -> Result<Exit, Stop> {
    let kinds = kinds(&command.only)?;
    let store = output::open_store(&settings.store)?;
    let after = output::find_whole_run(&store, command.after.as_deref())?;
    let before = match &command.before {
        Some(named) => output::find_whole_run(&store, Some(named))?,
        None => before(&store, &after)?,
    };
    let given = beliefs::read(settings, &command.beliefs)?;
    let open = |run| output::open_compared(&store, run, given.clone(), command.no_merge);
    let (earlier, later) = (open(&before)?, open(&after)?);
    let mut changes = scan::changes(&store, &earlier, &later)?;
    changes.rows.retain(|row| kinds.contains(&row.kind));
    let source = Told {
        run: later.run().clone(),
        changes,
    };
    let options = Options {
        dialect: command.csv.into(),
        table: Some("changes".to_owned()),
        destination: match command.out {
            Some(_) => Destination::Folder,
            None => Destination::Stdout,
        },
        ..Options::default()
    };
    if let Some(folder) = &command.out {
        output::table_to_folder(&source, &options, folder)?;
        writeln!(io::stderr(), "{}", report::since(&source.changes)).ok();
        return Ok(Exit::Clean);
    }
    if command.output.is_some() {
        let format = [command.format.as_str()];
        output::to_stdout(&source, &format, &options)?;
        return Ok(Exit::Clean);
    }
    let text = page(earlier.run(), &source, screen::of_output(environment));
    stdout::print(text)?;
    Ok(Exit::Clean)
}

/// The run to compare with where none is named: one of the same scope, else the one before of the same site.
fn before(store: &Store, after: &RunId) -> Result<RunId, Stop> {
    if let Some(run) = scan::previous(store, after)? {
        return Ok(run);
    }
    let all = store
        .list_runs()
        .wait()
        .map_err(|error| Stop::failed(&error))?;
    let this = all.iter().find(|one| one.summary.id == *after);
    let earlier = this.and_then(|this| scan::earlier(&all, &this.summary).next());
    let earlier = earlier.ok_or_else(|| {
        Stop::usage(format!(
            "there is no run before {after} of its site to compare with; underdesk runs list shows all, and underdesk diff A B compares any two"
        ))
    })?;
    Ok(earlier.summary.id.clone())
}

/// The kinds that are meant by words, or by the first part of words.
fn kinds(named: &[String]) -> Result<BTreeSet<ChangeKind>, Stop> {
    if named.is_empty() {
        return Ok(ChangeKind::ALL.iter().copied().collect());
    }
    let mut kinds = BTreeSet::new();
    for word in named {
        let is_meant = |kind: &&ChangeKind| {
            let known = kind.as_str();
            known == word || known.split('_').next() == Some(word)
        };
        let before = kinds.len();
        let all = ChangeKind::ALL.iter();
        let mut meant = all.filter(is_meant).copied().peekable();
        let is_known = meant.peek().is_some();
        kinds.extend(meant);
        if !is_known && kinds.len() == before {
            let known: Vec<&str> = ChangeKind::ALL.iter().map(|kind| kind.as_str()).collect();
            return Err(Stop::usage(format!(
                "--only {word}: expected one of {}",
                known.join(", ")
            )));
        }
    }
    Ok(kinds)
}

/// Changes, without the machines of a run.
struct Told {
    run: RunSummary,
    changes: Changes,
}

impl ReportSource for Told {
    fn run(&self) -> &RunSummary {
        &self.run
    }

    fn coverage(&self) -> &[CoverageRow] {
        &[]
    }

    fn machines(&self, _: &mut dyn FnMut(&MachineRecord) -> io::Result<()>) -> io::Result<()> {
        Ok(())
    }

    fn changes(&self) -> Option<&Changes> {
        Some(&self.changes)
    }
}

/// Counts first, then every change.
fn page(before: &RunSummary, source: &Told, screen: Screen) -> String {
    let (after, changes) = (&source.run, &source.changes);
    let mut text = format!(
        "From {} ({}) to {} ({})\n",
        before.id, before.started, after.id, after.started
    );
    if before.site != after.site {
        let _ = writeln!(
            text,
            "of different sites, {} and {}: the same machine has another id at each",
            for_terminal(&before.site),
            for_terminal(&after.site)
        );
    }
    if changes.rows.is_empty() {
        text.push_str("Nothing has changed.\n");
        return text;
    }
    let mut counts: BTreeMap<ChangeKind, u64> = BTreeMap::new();
    for row in &changes.rows {
        *counts.entry(row.kind).or_default() += 1;
    }
    for (kind, count) in counts {
        let _ = writeln!(text, "  {count:>6}  {}", kind.as_str());
    }
    let rows: Vec<Vec<String>> = changes.rows.iter().map(row).collect();
    text.push('\n');
    text.push_str(&table(
        &["IP", "NAME", "CHANGE", "WHAT", "BEFORE", "AFTER", "SINCE"],
        &rows,
        screen,
    ));
    text
}

fn row(change: &Change) -> Vec<String> {
    vec![
        change
            .address
            .map(|address| address.to_string())
            .unwrap_or_default(),
        change.hostname.as_deref().unwrap_or_default().to_owned(),
        change.kind.as_str().to_owned(),
        change.object.clone(),
        change.before.clone().unwrap_or_default(),
        change.after.clone().unwrap_or_default(),
        change.since.map(|day| day.to_string()).unwrap_or_default(),
    ]
}
