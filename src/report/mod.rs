//! Turning a run into documents.
//!
//! A run is shown as `tables`, each defined once in a file of its own: its name, its columns in
//! order, and how a machine becomes rows of typed cells. The formats ([`EXPORTERS`]) only decide
//! how a cell is written, so that they never disagree about a fact. Columns are only ever appended.
//!
//! Machines come one at a time and every table is written in the same pass: a fleet costs the
//! memory of one machine and of the sums over all, behind which come the tables made of sums. Nothing here looks at a clock or opens a file; same input, same bytes.
//!
//! To add a format, write one file and add one line to [`EXPORTERS`].

mod catalogue;
mod cell;
mod column;
mod counts;
mod csv;
mod cyclonedx;
mod defectdojo;
mod dictionary;
mod error;
mod escape;
mod facts;
mod hits;
mod html;
mod json;
mod jsonl;
mod links;
mod manifest;
mod nmap;
mod output;
mod plan;
mod projection;
mod remediation;
mod review;
mod schema;
mod select;
mod stream;
mod summary;
mod swar;
mod tables;
mod terminal;
mod unfinished;
mod verified;
mod xlsx;

#[cfg(test)]
mod sample;
#[cfg(test)]
mod sample_verified;
#[cfg(test)]
mod sample_windows;
#[cfg(test)]
mod tests;
#[cfg(test)]
mod tests_windows;

pub use counts::Counts;
pub use cyclonedx::is_machine_document;
pub use dictionary::dictionary;
pub use error::ReportError;
pub use escape::{for_terminal, tame_json};
pub use hits::{hits_csv, hits_jsonl};
pub use manifest::manifest_head;
pub use output::{FileEntry, Guards};
pub use plan::{PLAN_FORMATS, PlanFile, PlanFormat, is_plan_file, plan_format, plan_page};
pub use remediation::{Remediation, Step};
pub use review::{ReviewRow, review};
pub use schema::schemas;
pub use select::{Listing, Tally, asked, listing, tally};
pub use summary::{since, summary};
pub use tables::{not_on, seems_to_be, table_names};
pub use terminal::{Fit, Paint, Screen, columns, fitted, table};
pub use unfinished::{ahead, unfinished};
pub use verified::verified;

use crate::model::{
    Changes, Comparison, CoverageRow, ExceptionCount, FirstTold, MachineRecord, Marks, RunSummary,
    Selection, Trail, TrendPoint, Verification,
};
use std::io::{self, Write};

/// Every export format.
pub const EXPORTERS: &[&dyn Exporter] = &[
    &csv::Csv,
    &xlsx::Xlsx,
    &html::Html,
    &json::Json,
    &jsonl::Jsonl,
    &facts::Facts,
    &cyclonedx::CycloneDx,
    &defectdojo::DefectDojo,
    &nmap::Nmap,
];

/// A run, as the exporters read it.
pub trait ReportSource {
    /// The run itself.
    fn run(&self) -> &RunSummary;

    /// What became of the addresses in scope.
    fn coverage(&self) -> &[CoverageRow];

    /// Shows every machine once, sorted by first address; only one need be in memory at a time.
    /// An error of `visit` ends the tour and is handed back.
    fn machines(&self, visit: &mut dyn FnMut(&MachineRecord) -> io::Result<()>) -> io::Result<()>;

    /// How the run compares with the lists that the organisation has; `None` where nobody compared.
    fn comparison(&self) -> Option<&Comparison> {
        None
    }

    /// What changed since an earlier run; `None` where there is none to compare with.
    fn changes(&self) -> Option<&Changes> {
        None
    }

    /// What became of the findings of an earlier run; `None` of a run that verified nothing.
    fn verification(&self) -> Option<&Verification> {
        None
    }

    /// The exceptions that the operator granted, and how each stands in this run.
    fn exceptions(&self) -> &[ExceptionCount] {
        &[]
    }

    /// This run and those before it of the same targets, the earliest first; empty where nobody looked.
    fn trend(&self) -> &[TrendPoint] {
        &[]
    }

    /// What was asked and what that comes to, where only a part of the run is shown; `None` of a whole run.
    fn part(&self) -> Option<&Tally> {
        None
    }

    /// What was ever told of a machine's updates, in this run or an earlier one.
    fn trail(&self, machine: &MachineRecord) -> io::Result<Trail> {
        let first = FirstTold {
            at: self.run().started,
            run: self.run().id.clone(),
        };
        let own = machine.inventory.as_deref();
        Ok(own.map_or_else(Trail::default, |read| Trail::told(read, &first)))
    }
}

/// Where documents go: a folder, or standard output.
pub trait Sink {
    /// Opens a document by its file name. Several are open at once; each is flushed before it is
    /// dropped. Writes come in large blocks, so the writer need not buffer.
    fn file(&mut self, name: &str) -> io::Result<Box<dyn Write>>;
}

/// Writes a run in one format.
pub trait Exporter: Sync {
    /// The name on the command line.
    fn format(&self) -> &'static str;

    /// Whether it can show a run that only verified what another had found.
    fn shows_verified(&self) -> bool {
        true
    }

    /// Whether it shows the runs before: they cost a look at each.
    fn shows_trend(&self) -> bool {
        false
    }

    /// Writes every document of this format, and says what was written.
    fn write(
        &self,
        source: &dyn ReportSource,
        options: &Options,
        sink: &mut dyn Sink,
    ) -> Result<Written, ReportError>;
}

/// Writes a run in several formats, and, into a folder, the `manifest.json` that lists and hashes
/// what was written.
pub fn export(
    source: &dyn ReportSource,
    formats: &[&str],
    options: &Options,
    sink: &mut dyn Sink,
) -> Result<Written, ReportError> {
    if options.selection.is_whole() {
        return export_of(source, source, formats, options, sink);
    }
    let part = tally(source, options)?;
    let limited = select::Selected::of(source, options)?.told(part);
    let written = export_of(&limited, source, formats, options, sink)?;
    // How a run ends does not depend on what is asked of it.
    let counts = counted(source)?;
    Ok(Written { counts, ..written })
}

/// Writes `shown`, which is the whole run or a part of it.
fn export_of(
    shown: &dyn ReportSource,
    whole: &dyn ReportSource,
    formats: &[&str],
    options: &Options,
    sink: &mut dyn Sink,
) -> Result<Written, ReportError> {
    let mut all = Written::default();
    for format in formats {
        let exporter = exporter(format)?;
        if whole.verification().is_some() {
            fits_verified(exporter)?;
        }
        let written = exporter.write(shown, options, sink)?;
        all.files.extend(written.files);
        all.counts = written.counts;
    }
    all.files.sort_by(|a, b| a.name.cmp(&b.name));
    if options.destination == Destination::Folder {
        manifest::write(whole, options, &all, sink)?;
    }
    Ok(all)
}

/// Refuses a format that cannot show a run that only verified.
pub fn fits_verified(exporter: &dyn Exporter) -> Result<(), ReportError> {
    if exporter.shows_verified() {
        return Ok(());
    }
    Err(ReportError::NotOfVerified {
        format: exporter.format(),
    })
}

/// The exporter of a format.
pub fn exporter(format: &str) -> Result<&'static dyn Exporter, ReportError> {
    let found = EXPORTERS.iter().find(|one| one.format() == format);
    found.copied().ok_or_else(|| {
        let known: Vec<&str> = EXPORTERS.iter().map(|one| one.format()).collect();
        ReportError::NoSuchFormat {
            name: format.to_owned(),
            known: known.join(", "),
        }
    })
}

/// Whether a format shows [`ReportSource::trend`].
pub fn shows_trend(format: &str) -> bool {
    exporter(format).is_ok_and(Exporter::shows_trend)
}

/// What an export has written.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Written {
    /// The documents; [`export`] sorts them by name.
    pub files: Vec<FileEntry>,
    /// What was counted on the way.
    pub counts: Counts,
}

/// How the user wants a run to be shown.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Options {
    /// The dialect of CSV.
    pub dialect: Dialect,
    /// Where the documents go.
    pub destination: Destination,
    /// Closed findings too (`--all`).
    pub all_findings: bool,
    /// Without account names (`--no-users`): the users that services run as. The operator stays,
    /// because somebody must answer for the run; a credential shows by its id only, always.
    pub no_users: bool,
    /// Only this table, or these, joined by commas, by the names of their files without extension. `None`: all of
    /// them in a folder, `findings` as CSV on standard output.
    pub table: Option<String>,
    /// Only these columns, in this order, of each table that has them; empty for all. CSV, JSON and JSON Lines only.
    pub columns: Vec<String>,
    /// Which findings and machines are shown. What belongs to the run as a whole (coverage, lists, exceptions) is
    /// shown whole.
    pub selection: Selection,
    /// Documents of the same run that are in the folder already and stay there: the manifest lists them on.
    pub kept: Vec<FileEntry>,
    /// What it is weighed and compared by, for the manifest.
    pub marks: Marks,
    /// After how many rows a file splits; `None` for 1,000,000, which is what a spreadsheet takes.
    pub rows_per_file: Option<u64>,
}

/// Where documents go.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Destination {
    /// Into a folder: many files, with a manifest.
    #[default]
    Folder,
    /// To standard output: one document that is never split, without byte-order mark, lines ended
    /// by LF.
    Stdout,
}

/// A dialect of CSV, all of them quoted as RFC 4180 says.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Dialect {
    /// Commas, byte-order mark, CRLF: what most spreadsheets open with a double click.
    #[default]
    Default,
    /// Semicolons, a comma before decimals, byte-order mark, CRLF: the same where the comma is the decimal mark.
    ExcelEu,
    /// Commas, no byte-order mark, LF: for other programs.
    Plain,
}

impl Dialect {
    /// Every dialect, in the order of `--help`.
    pub const ALL: &'static [Self] = &[Self::Default, Self::ExcelEu, Self::Plain];

    /// The word on the command line.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Default => "default",
            Self::ExcelEu => "excel-eu",
            Self::Plain => "plain",
        }
    }

    /// Reads the word of the command line.
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|one| one.as_str() == word)
    }
}

/// What a run comes to, without a document of it.
pub fn counted(source: &dyn ReportSource) -> Result<Counts, ReportError> {
    each_machine(source, &Options::default(), |_| Ok(()))
}

/// Walks over the machines, counts them, and keeps the error that stopped the walk: the source
/// can only carry an [`io::Error`].
fn each_machine(
    source: &dyn ReportSource,
    options: &Options,
    mut visit: impl FnMut(&MachineRecord) -> Result<(), ReportError>,
) -> Result<Counts, ReportError> {
    let mut counts = Counts::default();
    let mut stopped = None;
    let walked = source.machines(&mut |machine| {
        counts.add(machine, options.all_findings);
        visit(machine).map_err(|error| {
            stopped = Some(error);
            io::Error::other("stopped")
        })
    });
    match (stopped, walked) {
        (Some(error), _) => Err(error),
        (None, Err(error)) => Err(ReportError::Read(error)),
        (None, Ok(())) => Ok(counts),
    }
}
