//! Reading publishers' documents into the catalogue's file: what is given, whose it is, what reads.
//!
//! The file is copied, written to beside its place in one transaction, and put in its place when
//! everything has been read. Whatever ends an import before that, a `kill -9` too, leaves the old
//! catalogue as it was.

mod disk;
mod taking;

use super::desk::{desk, lay_down};
use super::file::{Draft, Writer};
use super::outcome::{ImportError, ImportReport};
use super::starter;
use super::unpack::Limits;
use crate::model::UtcTime;
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::thread;
use taking::{Intake, LeftOut};

/// Imports files and folders into a catalogue file, which is made if it is not there.
///
/// Documents are recognised by their content: plain, .gz, .bz2, .xz, .zst, .zip, .tar under any of them, and
/// folders of them. Of files that are named, all is imported or nothing; of a folder what reads, and the
/// report says what was left out and why.
///
/// # Errors
///
/// See [`ImportError`]. After an error the catalogue is what it was.
pub fn import(paths: &[PathBuf], into: &Path, now: UtcTime) -> Result<ImportReport, ImportError> {
    import_within(paths, into, now, Limits::default())
}

/// [`import`], within other limits.
pub fn import_within(
    paths: &[PathBuf],
    into: &Path,
    now: UtcTime,
    limits: Limits,
) -> Result<ImportReport, ImportError> {
    if paths.is_empty() {
        return Err(ImportError::NothingGiven);
    }
    let given = paths.iter().map(|path| Given {
        path,
        name: path.display().to_string(),
        source: "",
        sha256: None,
        only: &[],
        may_fail: false,
    });
    let given: Vec<Given<'_>> = given.collect();
    let job = Job {
        given: &given,
        into,
        now,
        limits,
        is_update: false,
        failed: &BTreeSet::new(),
    };
    Ok(run(&job)?.report)
}

/// One thing to import.
pub(super) struct Given<'a> {
    pub(super) path: &'a Path,
    /// What the log calls it.
    pub(super) name: String,
    /// The source that it came from; empty where a person named it.
    pub(super) source: &'a str,
    /// Its SHA-256, in hex, where it is not read again if the catalogue has just this.
    pub(super) sha256: Option<&'a str>,
    /// The feeds one of which must read it; empty for any.
    pub(super) only: &'static [&'static str],
    /// Whether it is left out where it does not read. What the user named is wanted whole.
    pub(super) may_fail: bool,
}

/// What is to be imported, and whereto.
pub(super) struct Job<'a> {
    pub(super) given: &'a [Given<'a>],
    pub(super) into: &'a Path,
    pub(super) now: UtcTime,
    pub(super) limits: Limits,
    /// Whether everything is given that the catalogue is made of, so that it is noted who read it.
    pub(super) is_update: bool,
    /// Sources of which something did not come.
    pub(super) failed: &'a BTreeSet<String>,
}

/// What came of a job.
#[derive(Default)]
pub(super) struct Done {
    pub(super) report: ImportReport,
    /// How many were not read again.
    pub(super) unchanged: u64,
    /// What may fail and did, by its place among the given.
    pub(super) failed: BTreeMap<usize, ImportError>,
}

/// Imports what is given: all in one transaction.
pub(super) fn run(job: &Job<'_>) -> Result<Done, ImportError> {
    let mut without = Without::default();
    for _ in 1..MOST_ATTEMPTS {
        if let Some(done) = attempt(job, &mut without)? {
            return Ok(done);
        }
    }
    if let Some(done) = attempt(job, &mut without)? {
        return Ok(done);
    }
    let place = without.left_out.into_keys().next().unwrap_or_default();
    Err(ImportError::Changing { place })
}

/// How often an import begins anew because of what has to be left out. Twice is enough, unless somebody
/// changes the documents meanwhile.
const MOST_ATTEMPTS: usize = 3;

/// What earlier attempts found not to read.
#[derive(Default)]
struct Without {
    /// Documents of folders, and why.
    left_out: LeftOut,
    /// Of the given.
    failed: BTreeMap<usize, ImportError>,
}

/// `None` where records of documents that turned out not to read were laid down already: they are added
/// to what is done without.
fn attempt(job: &Job<'_>, without: &mut Without) -> Result<Option<Done>, ImportError> {
    let draft = Draft::of(job.into)?;
    let lifecycles = starter::lifecycles()?;
    let writer = Writer::begin(&draft.path, &lifecycles, job.now)?;
    let unchanged = unchanged(job, &writer)?;
    if job.is_update {
        writer.note_reader()?;
    }
    let (desk, orders) = desk();
    let mut intake = Intake::new(desk, &without.left_out);
    let passed = |at| unchanged.contains(&at) || without.failed.contains_key(&at);
    let (taken, laid) = thread::scope(|scope| {
        let scribe = scope.spawn(move || lay_down(writer, orders));
        let end = intake.all(job.given, job.limits, passed);
        let (desk, taken) = intake.into_parts();
        let failed = taken.failed.keys().chain(without.failed.keys());
        let met = met(job, &failed.copied().collect());
        // A desk that is dropped without having been finished ends the other side as well.
        if end.is_ok() && taken.tainted.is_empty() && !taken.is_tainted {
            desk.finish(met);
        } else {
            drop(desk);
        }
        (end.map(|()| taken), scribe.join())
    });
    let laid = laid.unwrap_or_else(|panic| std::panic::resume_unwind(panic))?;
    let mut taken = taken?;
    without.failed.append(&mut taken.failed);
    let Some(digest) = laid.digest else {
        without.left_out.append(&mut taken.tainted);
        return Ok(None);
    };
    draft.publish()?;
    for (feed, changes) in laid.changes {
        let count = taken.counts.entry(feed).or_default();
        count.added = changes.added;
        count.changed = changes.changed;
        count.unchanged = changes.unchanged;
        count.older = changes.older;
    }
    Ok(Some(Done {
        report: ImportReport {
            documents: taken.documents,
            feeds: taken.counts.into_values().collect(),
            problems: taken.problems,
            digest,
        },
        unchanged: unchanged.len() as u64,
        failed: std::mem::take(&mut without.failed),
    }))
}

/// Of the documents of an update that read, the name, and whether all of their source came and reads.
fn met(job: &Job<'_>, failed: &BTreeSet<usize>) -> Vec<(String, bool)> {
    if !job.is_update {
        return Vec::new();
    }
    let source = |at: &usize| job.given.get(*at).map(|given| given.source);
    let broken: BTreeSet<&str> = failed.iter().filter_map(source).collect();
    let is_whole = |source: &str| !broken.contains(source) && !job.failed.contains(source);
    let given = job.given.iter().enumerate();
    let read = given.filter(|(at, _)| !failed.contains(at));
    read.map(|(_, given)| (given.name.clone(), is_whole(given.source)))
        .collect()
}

/// Which of the given the catalogue has already.
fn unchanged(job: &Job<'_>, writer: &Writer) -> Result<BTreeSet<usize>, ImportError> {
    let mut unchanged = BTreeSet::new();
    for (at, given) in job.given.iter().enumerate() {
        if let Some(sha256) = given.sha256
            && writer.has_imported(&given.name, sha256)?
        {
            unchanged.insert(at);
        }
    }
    Ok(unchanged)
}
