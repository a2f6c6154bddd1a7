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
    let mut left_out = LeftOut::new();
    for _ in 1..MOST_ATTEMPTS {
        match attempt(paths, (into, now), limits, &left_out)? {
            Attempt::Whole(report) => return Ok(report),
            Attempt::Tainted(found) => left_out.extend(found),
        }
    }
    match attempt(paths, (into, now), limits, &left_out)? {
        Attempt::Whole(report) => Ok(report),
        Attempt::Tainted(found) => {
            let place = found.into_keys().next().unwrap_or_default();
            Err(ImportError::Changing { place })
        }
    }
}

/// How often an import begins anew because of what has to be left out. Twice is enough, unless somebody
/// changes the documents meanwhile.
const MOST_ATTEMPTS: usize = 3;

/// What came of an attempt.
enum Attempt {
    /// All that reads is in its place.
    Whole(ImportReport),
    /// Of documents that turned out not to read, records were laid down already. Those documents.
    Tainted(LeftOut),
}

fn attempt(
    paths: &[PathBuf],
    (into, now): (&Path, UtcTime),
    limits: Limits,
    left_out: &LeftOut,
) -> Result<Attempt, ImportError> {
    let draft = Draft::of(into)?;
    let lifecycles = starter::lifecycles()?;
    let writer = Writer::begin(&draft.path, &lifecycles, now)?;
    let (desk, orders) = desk();
    let mut intake = Intake::new(desk, left_out);
    let (taken, laid) = thread::scope(|scope| {
        let scribe = scope.spawn(move || lay_down(writer, orders));
        let end = intake.all(paths, limits);
        let (desk, taken) = intake.into_parts();
        // A desk that is dropped without having been finished ends the other side as well.
        if end.is_ok() && taken.tainted.is_empty() {
            desk.finish();
        } else {
            drop(desk);
        }
        (end.map(|()| taken), scribe.join())
    });
    let laid = laid.unwrap_or_else(|panic| std::panic::resume_unwind(panic))?;
    let mut taken = taken?;
    let Some(digest) = laid.digest else {
        return Ok(Attempt::Tainted(taken.tainted));
    };
    draft.publish()?;
    for (feed, changes) in laid.changes {
        let count = taken.counts.entry(feed).or_default();
        count.added = changes.added;
        count.changed = changes.changed;
        count.unchanged = changes.unchanged;
        count.older = changes.older;
    }
    Ok(Attempt::Whole(ImportReport {
        documents: taken.documents,
        feeds: taken.counts.into_values().collect(),
        problems: taken.problems,
        digest,
    }))
}
