//! `import`: what somebody decided in a spreadsheet comes back; and runs of other stores.

use super::super::args::BeliefArguments;
use super::super::config::Settings;
use super::super::decision_args::ImportArguments;
use super::super::{Exit, Stop, beliefs, complain, output, runtime, stdout};
use super::credentials::ask::Operator;
use super::runs;
use crate::classify::MachineFacts;
use crate::classify::sheet::{
    self, Comparer, Complaint, Sheet, SheetField, SheetMap, ShownFinding, Terms, Wanted,
};
use crate::model::{MachineRecord, RunId, plural};
use crate::report::{ReportSource as _, columns, for_terminal};
use crate::scan::RunSource;
use crate::store::{Decisions, Store, is_carried};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::fs::File;
use std::io::{self, Read as _};
use std::path::Path;

/// The largest table, in bytes.
const MOST_BYTES: u64 = 256 << 20;
/// How many complaints are shown.
const TOLD: usize = 50;

/// Shows what an edited table changes, and changes it.
pub(in crate::cli) fn run(settings: &Settings, command: &ImportArguments) -> Result<Exit, Stop> {
    let store = output::open_store(&settings.store)?;
    let bytes = bytes(&command.file)?;
    if is_carried(&bytes) {
        if command.dry_run {
            return Err(Stop::usage(
                "this file carries a run, which is taken wholly or not at all: there is nothing to show before",
            ));
        }
        runs::import(&store, &command.file)?;
        return Ok(Exit::Clean);
    }
    let sheet = read(command, &bytes)?;
    let source = open(settings, &store, (command, &sheet))?;
    complain(&understood(&sheet, &source));
    let wanted = compare(settings, command, sheet, &source)?;
    show(&wanted)?;
    refuse(&wanted.complaints, command.skip_bad)?;
    if command.dry_run || wanted.changes.is_empty() {
        let why = match wanted.changes.len() {
            0 => "nothing differs; nothing was changed",
            _ => "--dry-run: nothing was changed",
        };
        complain(why);
        return Ok(Exit::Clean);
    }
    if !command.yes {
        let operator = Operator::new(settings.no_input);
        if !operator.is_there() {
            return Err(Stop::usage(
                "nothing was changed: nobody can be asked here whether to; --yes says so",
            ));
        }
        if !operator.agrees(&format!(
            "Apply {}?",
            plural(wanted.changes.len(), "change")
        )) {
            complain("nothing was changed");
            return Ok(Exit::Clean);
        }
    }
    apply(settings, &store, wanted)?;
    Ok(Exit::Clean)
}

fn bytes(path: &Path) -> Result<Vec<u8>, Stop> {
    let read = || {
        let mut bytes = Vec::new();
        let file = File::open(path)?;
        file.take(MOST_BYTES + 1).read_to_end(&mut bytes)?;
        Ok(bytes)
    };
    let bytes: io::Result<Vec<u8>> = read();
    let bytes =
        bytes.map_err(|error| Stop::usage(format!("cannot read {}: {error}", path.display())))?;
    let is_carried = is_carried(&bytes);
    if bytes.len() as u64 > MOST_BYTES && !is_carried {
        return Err(Stop::usage(format!(
            "{} has more than {} MiB, which no table has: give it in parts",
            path.display(),
            MOST_BYTES >> 20
        )));
    }
    Ok(bytes)
}

fn read(command: &ImportArguments, bytes: &[u8]) -> Result<Sheet, Stop> {
    let maps = command.map.iter().map(|flag| {
        SheetMap::parse(flag).ok_or_else(|| {
            let known: Vec<&str> = SheetField::ALL.iter().map(|one| one.as_str()).collect();
            Stop::usage(format!(
                "--map {flag}: expected COLUMN=HEADER, and a column is one of {}",
                known.join(", ")
            ))
        })
    });
    let maps: Vec<SheetMap> = maps.collect::<Result<_, _>>()?;
    sheet::read(bytes, &maps).map_err(|error| {
        let what = for_terminal(&error.to_string()).into_owned();
        Stop::usage(format!("{}: {what}", command.file.display()))
    })
}

/// The run that the table is of, as an export would show it now.
fn open(
    settings: &Settings,
    store: &Store,
    (command, sheet): (&ImportArguments, &Sheet),
) -> Result<RunSource, Stop> {
    let runs: BTreeSet<&RunId> = sheet
        .rows
        .iter()
        .filter_map(|row| row.run.as_ref())
        .collect();
    let mut runs = runs.into_iter();
    let named = match (&command.run, runs.next(), runs.next()) {
        (Some(run), ..) => Some(run.as_str()),
        (None, Some(one), Some(other)) => {
            return Err(Stop::usage(format!(
                "the table has rows of several runs ({}, {}): give each by itself, or say with --run which to compare \
                 all of them with",
                for_terminal(one.as_str()),
                for_terminal(other.as_str())
            )));
        }
        (None, one, _) => one.map(RunId::as_str),
    };
    let run = output::find_run(store, named).map_err(|stop| match named {
        Some(_) if command.run.is_none() => Stop {
            text: format!(
                "{}: the table was exported of it; --run RUN compares with another",
                stop.text
            ),
            ..stop
        },
        _ => stop,
    })?;
    let arguments = BeliefArguments {
        known: command.known.clone(),
        policy: command.policy.clone(),
        merge_rules: command.merge_rules.clone(),
        ..BeliefArguments::default()
    };
    let beliefs = beliefs::read(settings, &arguments)?.of_run(store, &run)?;
    let source = RunSource::open(store, &run, false)?;
    let site = &source.run().site;
    if *site != settings.site {
        return Err(Stop::usage(format!(
            "run {run} is of site {site}, and what is decided is written down for {}; --site {site} is the other",
            settings.site
        )));
    }
    let today = source.run().started.date();
    let source = source.compare(store, &beliefs)?;
    Ok(source.prioritise(store, &beliefs, today)?)
}

/// How the table was read, in one line.
fn understood(sheet: &Sheet, source: &RunSource) -> String {
    let columns = sheet.columns.iter();
    let columns: Vec<String> = columns
        .map(|(field, header)| match field.as_str() {
            name if name == header => name.to_owned(),
            name => format!("{header} as {name}"),
        })
        .collect();
    let mut text = format!(
        "{}, {} about findings of {}; read are {}",
        sheet.form,
        plural(sheet.rows.len(), "row"),
        source.run().id,
        columns.join(", ")
    );
    if sheet.closed > 0 {
        let _ = write!(
            text,
            "; {} of closed findings {} passed over",
            plural(sheet.closed, "row"),
            if sheet.closed == 1 { "is" } else { "are" }
        );
    }
    for_terminal(&text).into_owned()
}

fn compare(
    settings: &Settings,
    command: &ImportArguments,
    sheet: Sheet,
    source: &RunSource,
) -> Result<Wanted, Stop> {
    let reason = command.reason.as_deref().map(str::trim);
    let terms = Terms {
        site: settings.site.clone(),
        operator: settings.operator.clone(),
        now: runtime::now(),
        reason: reason.filter(|text| !text.is_empty()).map(str::to_owned),
    };
    let mut comparer = Comparer::new(sheet, terms);
    let walk = source.machines(&mut |machine: &MachineRecord| {
        let facts = MachineFacts::of(machine);
        for (finding, decision) in machine.judged() {
            let Some(decision) = decision.filter(|_| !finding.state.is_closed()) else {
                continue;
            };
            if comparer.is_about(&facts, finding) {
                comparer.look(&ShownFinding {
                    facts: &facts,
                    finding,
                    decision,
                    holding: &source.holding(finding, &facts),
                });
            }
        }
        Ok(())
    });
    walk.map_err(|error| Stop::failed(&error))?;
    Ok(comparer.finish())
}

/// The difference, on standard output; what is wrong and what else there is to know beside.
fn show(wanted: &Wanted) -> Result<(), Stop> {
    let rows = wanted.changes.iter().map(|change| {
        let short = |text: &str| for_terminal(text).chars().take(40).collect::<String>();
        vec![
            change.row.to_string(),
            change.finding.to_string(),
            short(&change.machine),
            short(&change.about),
            change.column.as_str().to_owned(),
            short(&change.before),
            short(&change.after),
        ]
    });
    let rows: Vec<Vec<String>> = rows.collect();
    if !rows.is_empty() {
        let header = [
            "ROW", "FINDING", "MACHINE", "ABOUT", "COLUMN", "BEFORE", "AFTER",
        ];
        let table = columns(&header, &rows);
        stdout::print(format!("{}\n", table.trim_end()))?;
    }
    for complaint in wanted.complaints.iter().take(TOLD) {
        complain(&for_terminal(&in_words(complaint)));
    }
    if let Some(more @ 1..) = wanted.complaints.len().checked_sub(TOLD) {
        complain(&format!("and {more} more rows that cannot be understood"));
    }
    complain(&counted(wanted));
    for note in &wanted.notes {
        complain(note);
    }
    Ok(())
}

fn in_words(complaint: &Complaint) -> String {
    let Complaint { row, column, what } = complaint;
    if column.is_empty() {
        format!("row {row}: {what}")
    } else {
        format!("row {row}, {column}: {what}")
    }
}

/// `5 changes on 3 findings: 2 owner, 3 status; 117 rows unchanged`.
fn counted(wanted: &Wanted) -> String {
    let mut by_column: BTreeMap<SheetField, u64> = BTreeMap::new();
    for change in &wanted.changes {
        *by_column.entry(change.column).or_default() += 1;
    }
    let parts = by_column.iter();
    let parts: Vec<String> = parts
        .map(|(field, count)| format!("{count} {}", field.as_str()))
        .collect();
    let by_column = match parts.as_slice() {
        [] => String::new(),
        parts => format!(": {}", parts.join(", ")),
    };
    format!(
        "{} on {}{by_column}; {} unchanged",
        plural(wanted.changes.len(), "change"),
        plural(wanted.findings(), "finding"),
        plural(wanted.unchanged, "row")
    )
}

fn refuse(complaints: &[Complaint], skip_bad: bool) -> Result<(), Stop> {
    if complaints.is_empty() {
        return Ok(());
    }
    let rows: BTreeSet<_> = complaints.iter().map(|one| one.row).collect();
    if skip_bad {
        complain(&format!(
            "--skip-bad: {} left out",
            plural(rows.len(), "row")
        ));
        return Ok(());
    }
    Err(Stop::usage(format!(
        "nothing was changed: {} cannot be understood; mend what is wrong, or leave it out with --skip-bad",
        plural(rows.len(), "row")
    )))
}

fn apply(settings: &Settings, store: &Store, wanted: Wanted) -> Result<(), Stop> {
    let said = format!(
        "{} applied: {} granted, {} taken back",
        plural(wanted.changes.len(), "change"),
        plural(wanted.granted.len(), "exception"),
        wanted.taken_back.len()
    );
    let decisions = Decisions {
        annotations: wanted.annotations,
        taken_back: wanted.taken_back,
        granted: wanted.granted,
    };
    let done = store.write_decisions(&settings.site, decisions, runtime::now());
    done.wait().map_err(|error| Stop::failed(&error))?;
    complain(&said);
    Ok(())
}
