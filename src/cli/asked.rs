//! What of a stored run is asked for, and the run as its files show it.

use super::answered::{self, Crowd};
use super::args::{BeliefArguments, VerdictArguments};
use super::asked_args::{ListingArguments, TableArguments};
use super::config::Settings;
use super::selection_args::SelectionArguments;
use super::{Exit, Stop, beliefs, complain, knowledge, output, stdout};
use crate::model::{RunId, Selection};
use crate::report::{self, Destination, Options, ReportSource as _, asked, tally};
use crate::scan::{Beliefs, RunSource};
use crate::store::Store;

/// What of a run is written.
#[derive(Clone, Debug, Default)]
pub(super) struct Asked {
    /// Which findings and machines.
    pub(super) selection: Selection,
    /// Which tables, as [`Options::table`] has them.
    pub(super) table: Option<String>,
    /// Which columns of them.
    pub(super) columns: Vec<String>,
}

impl Asked {
    /// Reads the flags before the work begins.
    pub(super) fn read(
        selection: &SelectionArguments,
        tables: &TableArguments,
    ) -> Result<Self, Stop> {
        for name in &tables.table {
            if !report::table_names().any(|known| known == name) {
                let known: Vec<&str> = report::table_names().collect();
                return Err(Stop::usage(format!(
                    "--table {name}: expected one of {}",
                    known.join(", ")
                )));
            }
        }
        let table = (!tables.table.is_empty()).then(|| tables.table.join(","));
        Ok(Self {
            selection: selection.read()?,
            table,
            columns: tables.columns.clone(),
        })
    }

    /// Refuses to show a part of a run that only verified another.
    pub(super) fn must_be_all(&self, run: &RunId) -> Result<(), Stop> {
        if self.selection.is_whole() && self.table.is_none() && self.columns.is_empty() {
            return Ok(());
        }
        Err(Stop::usage(format!(
            "run {run} only verified findings of another run, and is written whole; underdesk verify takes --kb, --my-severity, --host and --tag"
        )))
    }

    /// Whether the formats and the place can show it.
    pub(super) fn check(&self, formats: &[String], to_stdout: bool) -> Result<(), Stop> {
        let is_csv = formats.iter().all(|format| format == "csv");
        let has_several = self.table.as_ref().is_some_and(|names| names.contains(','));
        if to_stdout && is_csv && has_several {
            return Err(Stop::usage(
                "standard output takes one table as CSV: name one with --table, or use --format jsonl or --out DIR",
            ));
        }
        let mut whole = formats
            .iter()
            .filter(|one| !["csv", "json", "jsonl"].contains(&one.as_str()));
        if let Some(format) = whole.next().filter(|_| !self.columns.is_empty()) {
            complain(&format!(
                "--columns does not change {format}: it has all columns"
            ));
        }
        Ok(())
    }
}

/// Lays over a selection what only the run and its lists know, and sees that somebody answers to it. Whoever shows files
/// (`tells_of_absent`) also answers for machines that were not met.
pub(super) fn settle(
    selection: Selection,
    (source, store): (&RunSource, &Store),
    beliefs: &Beliefs,
    (tells_of_absent, no_users): (bool, bool),
) -> Result<Selection, Stop> {
    if selection.overdue && beliefs.policy.measures.due.is_none() {
        return Err(Stop::usage(
            "nothing has a due date: the policy needs a [due] (see policy.example.toml)",
        ));
    }
    let crowd = Crowd {
        source,
        store,
        tells_of_absent,
        no_users,
    };
    answered::check(&selection, &crowd)?;
    Ok(selection)
}

/// What was asked for, and what it comes to, behind the summary of the whole run.
pub(super) fn told(source: &RunSource, options: &Options) -> Result<String, Stop> {
    let tally = tally(source, options).map_err(|error| Stop::failed(&error))?;
    Ok(format!(
        "Only what was asked for was written ({}); the summary above is of the whole run\n{}",
        report::for_terminal(&tally.asked.join(" ")),
        asked(&tally)
    ))
}

/// A stored run of which a part is listed.
pub(super) struct Listed {
    /// The run, weighed by the policy on its day.
    pub(super) source: RunSource,
    /// What is listed of it, and how.
    pub(super) options: Options,
}

/// What is to be listed.
pub(super) struct Wanted<'a> {
    /// The run, where one is named.
    pub(super) run: Option<&'a str>,
    /// Which findings and machines.
    pub(super) selection: Selection,
    /// Closed findings too.
    pub(super) all: bool,
    /// The table.
    pub(super) table: &'a str,
    /// What finds closed findings again, where they are wanted.
    pub(super) verdicts: &'a VerdictArguments,
    /// What the run is compared with and weighed by.
    pub(super) beliefs: &'a BeliefArguments,
    /// How it is shown.
    pub(super) listing: &'a ListingArguments,
}

/// Lists a part of a stored run: for other programs as a file, for people as `page` has it.
pub(super) fn list(
    settings: &Settings,
    wanted: Wanted<'_>,
    page: impl FnOnce(&Listed) -> Result<String, Stop>,
) -> Result<Exit, Stop> {
    let listing = wanted.listing;
    let listed = Listed::open(settings, wanted)?;
    if listing.output.is_some() {
        listed.write(&listing.format)?;
    } else {
        stdout::print(page(&listed)?)?;
    }
    Ok(Exit::Clean)
}

impl Listed {
    fn open(settings: &Settings, wanted: Wanted<'_>) -> Result<Self, Stop> {
        let all = wanted.all || wanted.selection.wants_closed();
        let given = beliefs::read(settings, wanted.beliefs)?;
        let store = output::open_store(&settings.store)?;
        let run: RunId = output::find_whole_run(&store, wanted.run)?;
        let record = store.load_run(&run).wait();
        let record = record.map_err(|error| Stop::failed(&error))?;
        let known = if all {
            let known = knowledge::open_for(settings, wanted.verdicts, &record.summary);
            Some(known?)
        } else {
            None
        };
        let marks = given.marks().clone();
        let beliefs = given.of_run(&store, &run)?;
        let marks = beliefs::marks_of(&record, &marks, &beliefs);
        let how = (wanted.listing.no_merge, known);
        let source = output::open_weighed(&store, &run, how, &beliefs, |source| source)?;
        let options = Options {
            dialect: wanted.listing.csv.into(),
            destination: Destination::Stdout,
            all_findings: all,
            no_users: wanted.listing.no_users,
            table: Some(wanted.table.to_owned()),
            columns: wanted.listing.columns.clone(),
            marks,
            selection: settle(
                wanted.selection,
                (&source, &store),
                &beliefs,
                (false, wanted.listing.no_users),
            )?,
            ..Options::default()
        };
        Ok(Self { source, options })
    }

    /// Writes the table for other programs.
    fn write(&self, format: &str) -> Result<(), Stop> {
        let written = output::to_stdout(&self.source, &[format], &self.options)?;
        if written.is_some() {
            complain(asked(&self.tally()?).trim_end());
        }
        Ok(())
    }

    /// What the question comes to.
    pub(super) fn tally(&self) -> Result<report::Tally, Stop> {
        tally(&self.source, &self.options).map_err(|error| Stop::failed(&error))
    }

    /// Why nothing can be said of what machines lack, where that is so.
    pub(super) fn blind(&self) -> Option<String> {
        let run = self.source.run();
        if run.kind == crate::scan::RunKind::Sweep.as_str() {
            return Some(format!(
                "run {} is a sweep: it read no machine, and nothing is known of what they lack",
                run.id
            ));
        }
        run.catalog_digest.is_empty().then(|| {
            format!(
                "run {id} was judged by no catalogue: nothing can be said of what is missing; underdesk catalog update, then underdesk match {id}",
                id = run.id
            )
        })
    }
}

/// The header of a column: its name in words.
pub(super) fn title(column: &str) -> String {
    const SHORT: [(&str, &str); 11] = [
        ("my_severity", "SEVERITY"),
        ("hostname", "HOST"),
        ("bulletin_id", "BULLETIN"),
        ("due_date", "DUE"),
        ("os_name", "SYSTEM"),
        ("missing_count", "MISSING"),
        ("no_fix_count", "NO FIX"),
        ("worst_severity", "WORST"),
        ("kev_count", "KEV"),
        ("reboot_pending", "REBOOT"),
        ("managed_state", "MANAGED"),
    ];
    let short = SHORT.iter().find(|(name, _)| *name == column);
    short.map_or_else(
        || column.to_uppercase().replace('_', " "),
        |(_, title)| (*title).to_owned(),
    )
}
