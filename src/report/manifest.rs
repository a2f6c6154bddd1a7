//! `manifest.json`: what a folder of documents is, and how to see that nobody changed it.

use super::output::Document;
use super::select::{Tally, tally};
use super::{
    Counts, FileEntry, Options, ReportError, ReportSource, Sink, Written, each_machine, escape,
};
use crate::model::{Comparison, CoverageRow, FileMark, Marks, RunState, RunSummary, Verification};
use schemars::JsonSchema;
use serde::Serialize;
use std::collections::BTreeMap;
use std::io::Write as _;

const NAME: &str = "manifest.json";

/// Writes the manifest of what an export has written.
pub(super) fn write(
    source: &dyn ReportSource,
    options: &Options,
    written: &Written,
    sink: &mut dyn Sink,
) -> Result<(), ReportError> {
    let whole;
    let (counts, asked) = if options.selection.is_whole() {
        (&written.counts, None)
    } else {
        whole = each_machine(source, options, |_| Ok(()))?;
        (&whole, Some(tally(source, options)?))
    };
    // What was written anew stands for what was there.
    let files = options.kept.iter().chain(&written.files);
    let files: BTreeMap<&str, &FileEntry> = files.map(|one| (one.name.as_str(), one)).collect();
    let files: Vec<&FileEntry> = files.into_values().collect();
    let manifest = ManifestV1 {
        schema_version: 1,
        tool: env!("CARGO_PKG_NAME"),
        tool_version: env!("CARGO_PKG_VERSION"),
        run: RunV1::of(source.run()),
        export: ExportV1::of(options),
        addresses: AddressesV1::of(source.coverage()),
        searched: SearchedV1::of(source.coverage()),
        without_address: WithoutAddressV1::of(source.coverage()),
        policy: FileV1::of(&options.marks.policy),
        policy_of_run: OtherV1::of(&options.marks),
        merge_rules: FileV1::of(&options.marks.merge_rules),
        counts: CountsV1::of(counts, source.comparison()),
        selection: asked.as_ref().map(SelectionV1::of),
        verified: source.verification().map(VerifiedV1::of),
        lists: ListV1::of(source, &options.marks),
        files: &files,
    };
    let failed = || ReportError::writing(NAME);
    let text = serde_json::to_string_pretty(&manifest).map_err(|error| failed()(error.into()))?;
    let mut safe = String::with_capacity(text.len() + 1);
    escape::for_json(&text, &mut safe);
    safe.push('\n');
    let mut document = Document::open(NAME, sink)?;
    document.write_all(safe.as_bytes()).map_err(failed())?;
    document.close(0).map(drop)
}

/// The members `run` and `export` of the manifest of a run: another manifest with the same is of the same run, judged,
/// weighed and shown in the same way.
pub fn manifest_head(run: &RunSummary, options: &Options) -> [serde_json::Value; 2] {
    [
        serde_json::to_value(RunV1::of(run)).unwrap_or_default(),
        serde_json::to_value(ExportV1::of(options)).unwrap_or_default(),
    ]
}

#[derive(JsonSchema, Serialize)]
pub(super) struct ManifestV1<'a> {
    schema_version: u32,
    tool: &'static str,
    tool_version: &'static str,
    run: RunV1<'a>,
    export: ExportV1<'a>,
    addresses: AddressesV1,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    searched: Vec<SearchedV1<'a>>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    without_address: Vec<WithoutAddressV1<'a>>,
    /// The policy that findings and standings here are weighed by; `null` for none.
    policy: Option<FileV1<'a>>,
    /// The policy that the run began with, where it is another one; `null` in it for none.
    #[serde(skip_serializing_if = "Option::is_none")]
    policy_of_run: Option<OtherV1<'a>>,
    /// The rules that say who is one machine; `null` for none.
    merge_rules: Option<FileV1<'a>>,
    /// What was counted over the machines of the whole run, whatever was asked for.
    counts: CountsV1<'a>,
    /// What the tables were limited to, and what that comes to.
    #[serde(skip_serializing_if = "Option::is_none")]
    selection: Option<SelectionV1<'a>>,
    /// What became of the findings of an earlier run, where this one verified them.
    #[serde(skip_serializing_if = "Option::is_none")]
    verified: Option<VerifiedV1<'a>>,
    /// The lists that the run was compared with.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    lists: Vec<ListV1<'a>>,
    files: &'a [&'a FileEntry],
}

/// What was asked for.
#[derive(JsonSchema, Serialize)]
struct SelectionV1<'a> {
    /// The flags.
    asked: &'a [String],
    /// Machines that the question is about, and how many the run has.
    machines: u64,
    of_machines: u64,
    /// Those of them that were read, and those of which nothing is known.
    read: u64,
    not_assessed: u64,
    /// Those that were read and could not be judged, or not in full.
    unjudged: u64,
    /// Those with a finding that is asked for.
    machines_with_findings: u64,
    findings: u64,
    /// Each update, bulletin or CVE that is named: machines by state.
    bulletins: BTreeMap<&'a str, BTreeMap<&'static str, u64>>,
}

impl<'a> SelectionV1<'a> {
    fn of(tally: &'a Tally) -> Self {
        let named = tally.named.iter().map(|(name, states)| {
            let states = states.iter().map(|(state, count)| (state.as_str(), *count));
            (name.as_str(), states.collect())
        });
        Self {
            asked: &tally.asked,
            machines: tally.machines,
            of_machines: tally.of_machines,
            read: tally.read,
            not_assessed: tally.not_assessed,
            unjudged: tally.unjudged,
            machines_with_findings: tally.with_findings,
            findings: tally.findings,
            bulletins: named.collect(),
        }
    }
}

/// What a run verified.
#[derive(JsonSchema, Serialize)]
struct VerifiedV1<'a> {
    base_run_id: &'a str,
    /// Whether the earlier run was judged by another catalogue or other rules.
    other_catalog: bool,
    findings: usize,
    /// Findings by what they are now.
    states: BTreeMap<&'static str, u64>,
}

impl<'a> VerifiedV1<'a> {
    fn of(verification: &'a Verification) -> Self {
        let states = verification.counts().into_iter();
        Self {
            base_run_id: verification.base.as_str(),
            other_catalog: verification.is_other_catalog,
            findings: verification.rows.len(),
            states: states
                .map(|(state, count)| (state.as_str(), count))
                .collect(),
        }
    }
}

/// A list that the run was compared with.
#[derive(JsonSchema, Serialize)]
struct ListV1<'a> {
    name: &'a str,
    kind: &'static str,
    as_of: Option<String>,
    machines: u64,
    live: u64,
    /// SHA-256 of what was read of it; `null` where it is not known.
    digest: Option<&'a str>,
}

/// A file of the operator's.
#[derive(JsonSchema, Serialize)]
struct FileV1<'a> {
    /// Its name, without its folder.
    file: &'a str,
    /// SHA-256 of its text.
    digest: &'a str,
}

impl<'a> FileV1<'a> {
    fn of(mark: &'a FileMark) -> Option<Self> {
        mark.is_there().then_some(Self {
            file: &mark.file,
            digest: &mark.digest,
        })
    }
}

/// Another file, or that there was none.
#[derive(JsonSchema, Serialize)]
struct OtherV1<'a> {
    policy: Option<FileV1<'a>>,
}

impl<'a> OtherV1<'a> {
    fn of(marks: &'a Marks) -> Option<Self> {
        let other = marks.policy_of_run.as_ref();
        let other = other.filter(|other| other.digest != marks.policy.digest)?;
        Some(Self {
            policy: FileV1::of(other),
        })
    }
}

impl<'a> ListV1<'a> {
    fn of(source: &'a dyn ReportSource, marks: &'a Marks) -> Vec<Self> {
        let comparison = source.comparison();
        let lists = comparison.into_iter().flat_map(|one| &one.lists);
        let lists = lists.map(|list| Self {
            name: &list.name,
            kind: list.kind.as_str(),
            as_of: list.as_of.map(|day| day.to_string()),
            machines: list.machines,
            live: list.live,
            digest: marks.lists.get(&list.name).map(String::as_str),
        });
        lists.collect()
    }
}

/// A run. Also the first line of JSON Lines.
#[derive(JsonSchema, Serialize)]
pub(super) struct RunV1<'a> {
    run_id: &'a str,
    /// What was done: `scan`, `sweep`, `match`, `verify`, …
    command: &'a str,
    /// Whether the hosts are simulated.
    simulated: bool,
    /// The site that its machines belong to.
    site: &'a str,
    started_utc: String,
    /// `complete`, `interrupted` (by the operator or an error), `cut_off` (this machine's network went), `safety_stop`
    /// (too many host keys had changed), or `running` (it goes on, or was killed).
    state: &'static str,
    /// `null` while it can be resumed.
    finished_utc: Option<String>,
    /// Who ran it.
    operator: &'a str,
    /// Who permitted it, as the operator says.
    authorised_by: Option<&'a str>,
    /// The targets as given.
    targets: &'a [String],
    /// The guards that the operator lifted: `allow_public`, `yes`.
    guards_lifted: &'a [String],
    /// SHA-256 of the catalogue that the verdicts were made with; `null` without one.
    catalog_digest: Option<&'a str>,
    /// When what its machines were judged by was last fetched or imported: of the feeds, the oldest. `null` where
    /// `catalog_newest_record_date` tells how old that is.
    catalog_imported_utc: Option<String>,
    /// The day of the newest record of that feed, where it was out of date already when it was imported: nothing is
    /// known of what came later.
    catalog_newest_record_date: Option<String>,
    /// Whole days from the one or the other to the beginning of the run; 0 for a catalogue imported
    /// since, when an old run is judged anew.
    catalog_age_days: Option<i64>,
    /// The feed that is so old, and what of it: `osv Debian:12`; `null` where none is known.
    catalog_feed: Option<&'a str>,
    /// SHA-256 of the operator's rules for programs; `null` where there were only the built-in ones.
    programs_digest: Option<&'a str>,
    /// How often hosts that are known to live were asked while the sweep went on.
    canaries_asked: u64,
    /// How often none of them answered in time.
    canaries_lost: u64,
}

impl<'a> RunV1<'a> {
    /// The frozen copy of a run.
    pub(super) fn of(run: &'a RunSummary) -> Self {
        let age = run.catalog_age();
        let imported = age.filter(|age| !age.is_of_record);
        let newest = age.filter(|age| age.is_of_record);
        Self {
            run_id: run.id.as_str(),
            command: &run.kind,
            simulated: run.simulated,
            site: &run.site,
            started_utc: run.started.to_string(),
            state: run.state.as_str(),
            finished_utc: run
                .finished
                .filter(|_| run.state == RunState::Complete)
                .map(|time| time.to_string()),
            operator: &run.operator,
            authorised_by: run.authorised_by.as_deref(),
            targets: &run.targets,
            guards_lifted: &run.guards_lifted,
            catalog_digest: digest(&run.catalog_digest),
            catalog_imported_utc: imported.map(|age| age.since.to_string()),
            catalog_newest_record_date: newest.map(|age| age.since.date().to_string()),
            catalog_age_days: age.map(|age| age.days(run.started).max(0)),
            catalog_feed: age.and_then(|age| digest(age.feed)),
            programs_digest: digest(&run.programs_digest),
            canaries_asked: run.canaries.asked,
            canaries_lost: run.canaries.lost,
        }
    }
}

fn digest(text: &str) -> Option<&str> {
    Some(text).filter(|digest| !digest.is_empty())
}

/// How the documents were asked for.
#[derive(JsonSchema, Serialize)]
struct ExportV1<'a> {
    /// SHA-256 over what findings are weighed and machines compared by: the policy, the rules that say who is one machine,
    /// the lists, `--no-merge`, exceptions, and what was written down of findings.
    weighed_by: String,
    csv: &'static str,
    closed_findings: bool,
    user_names: bool,
    only_table: Option<&'a str>,
    #[serde(skip_serializing_if = "<[String]>::is_empty")]
    only_columns: &'a [String],
}

impl<'a> ExportV1<'a> {
    fn of(options: &'a Options) -> Self {
        Self {
            weighed_by: options.marks.digest(),
            csv: options.dialect.as_str(),
            closed_findings: options.all_findings,
            user_names: !options.no_users,
            only_table: options.table.as_deref(),
            only_columns: &options.columns,
        }
    }
}

/// The sums of `coverage.csv`.
#[derive(Default, JsonSchema, Serialize)]
struct AddressesV1 {
    in_scope: u128,
    excluded: u128,
    swept: u128,
    answered: u128,
    silent: u128,
    not_begun: u128,
    assessed: u128,
}

impl AddressesV1 {
    fn of(rows: &[CoverageRow]) -> Self {
        let sum = |of: fn(&CoverageRow) -> u128| {
            rows.iter()
                .fold(0_u128, |sum, row| sum.saturating_add(of(row)))
        };
        Self {
            in_scope: sum(|row| row.in_scope),
            excluded: sum(|row| row.excluded),
            swept: sum(|row| row.swept),
            answered: sum(|row| row.answered),
            silent: sum(|row| row.silent),
            not_begun: sum(|row| row.not_begun),
            assessed: sum(|row| row.assessed),
        }
    }
}

/// A block that is too large to be swept.
#[derive(JsonSchema, Serialize)]
struct SearchedV1<'a> {
    target: &'a str,
    by: &'a [String],
    addresses: u128,
    note: String,
}

impl<'a> SearchedV1<'a> {
    fn of(rows: &'a [CoverageRow]) -> Vec<Self> {
        let searched = rows.iter().filter_map(|row| {
            Some(Self {
                target: &row.subnet,
                by: row.searched_by.as_deref()?,
                addresses: row.in_scope,
                note: row.search_said()?,
            })
        });
        searched.collect()
    }
}

/// A name among the targets that has no address: nobody was looked for there.
#[derive(JsonSchema, Serialize)]
struct WithoutAddressV1<'a> {
    target: &'a str,
    why: &'a str,
}

impl<'a> WithoutAddressV1<'a> {
    fn of(rows: &'a [CoverageRow]) -> Vec<Self> {
        let names = rows.iter().filter_map(CoverageRow::without_address);
        names.map(|(target, why)| Self { target, why }).collect()
    }
}

/// What was counted over the machines.
#[derive(JsonSchema, Serialize)]
struct CountsV1<'a> {
    machines: u64,
    /// Machines by outcome.
    outcomes: &'a BTreeMap<String, u64>,
    /// Machines that were not read, by the reason.
    not_assessed: &'a BTreeMap<&'static str, u64>,
    /// Machines that were read and could not be judged, or not fully.
    unjudged: u64,
    /// Findings by state; closed ones only with `--all`, as in the tables.
    states: &'a BTreeMap<&'static str, u64>,
    /// Updates that Windows machines list, by state.
    hotfixes: &'a BTreeMap<&'static str, u64>,
    /// Machines by how they stand to the lists, with those that only lists know.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    managed_states: BTreeMap<&'static str, u64>,
}

impl<'a> CountsV1<'a> {
    fn of(counts: &'a Counts, comparison: Option<&Comparison>) -> Self {
        let mut states: BTreeMap<&'static str, u64> = BTreeMap::new();
        for (state, count) in &counts.standings {
            *states.entry(state.as_str()).or_default() += count;
        }
        for entry in comparison.into_iter().flat_map(|one| &one.entries) {
            *states.entry(entry.standing.state.as_str()).or_default() += 1;
        }
        Self {
            managed_states: states,
            machines: counts.machines,
            outcomes: &counts.outcomes,
            not_assessed: &counts.not_assessed,
            unjudged: counts.unjudged,
            states: &counts.states,
            hotfixes: &counts.hotfixes,
        }
    }
}
