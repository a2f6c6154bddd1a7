//! From what was fetched to a newer catalogue: what is new is read, and what does not read is left out.

use super::fetch::Document;
use super::import::Intake;
use super::outcome::{ImportError, ImportReport};
use super::unpack::Limits;
use crate::model::UtcTime;
use std::path::Path;

/// How an update of the catalogue went.
#[derive(Debug, Default)]
pub struct Updated {
    /// What was imported.
    pub report: ImportReport,
    /// How many documents were not read again, as the catalogue has just these.
    pub unchanged: u64,
    /// What was left out, and why.
    pub left_out: Vec<LeftOut>,
}

/// A document that was fetched and does not read.
#[derive(Debug)]
pub struct LeftOut {
    /// Its source.
    pub source: String,
    /// Its name.
    pub name: String,
    /// Why.
    pub error: ImportError,
}

/// Imports documents into a catalogue file, which is made if it is not there: all that read, in one
/// transaction. A document that the catalogue has already is read again only where `again` is set, or
/// where another version of this program read it.
///
/// # Errors
///
/// When the catalogue cannot be used or written. What is wrong with a document is in [`Updated::left_out`].
pub fn update(
    documents: &[Document],
    into: &Path,
    now: UtcTime,
    again: bool,
) -> Result<Updated, ImportError> {
    let mut documents: Vec<&Document> = documents.iter().collect();
    let mut left_out: Vec<LeftOut> = Vec::new();
    let limits = Limits::default();
    loop {
        let (at, error) = match attempt(&documents, into, now, again)? {
            Attempt::Done(report, unchanged) => {
                return Ok(Updated {
                    report,
                    unchanged,
                    left_out,
                });
            }
            Attempt::Bad(at, error) => (at, error),
        };
        let bad = documents.remove(at);
        left_out.push(note(bad, error));
        // Where one is bad more may be. What is behind it is tried by itself first, so that a hundred
        // bad ones do not make a hundred imports.
        let rest = documents.split_off(at.min(documents.len()));
        for document in rest {
            match trial(document, limits, now)? {
                None => documents.push(document),
                Some(error) => left_out.push(note(document, error)),
            }
        }
    }
}

fn note(document: &Document, error: ImportError) -> LeftOut {
    LeftOut {
        source: document.source.clone(),
        name: document.name.clone(),
        error,
    }
}

enum Attempt {
    Done(ImportReport, u64),
    /// Which document is bad.
    Bad(usize, ImportError),
}

fn attempt(
    documents: &[&Document],
    into: &Path,
    now: UtcTime,
    again: bool,
) -> Result<Attempt, ImportError> {
    let mut intake = Intake::begin(into, now)?;
    let mut unchanged = 0;
    for (at, document) in documents.iter().enumerate() {
        if !again
            && intake
                .writer
                .has_imported(&document.name, &document.sha256)?
        {
            unchanged += 1;
            continue;
        }
        match one(&mut intake, document, Limits::default()) {
            Err(error) if error.is_of_a_path() => return Ok(Attempt::Bad(at, error)),
            result => result?,
        }
    }
    intake.writer.note_reader()?;
    Ok(Attempt::Done(intake.finish()?, unchanged))
}

/// Reads a document into nothing. Returns what is wrong with it.
fn trial(
    document: &Document,
    limits: Limits,
    now: UtcTime,
) -> Result<Option<ImportError>, ImportError> {
    let mut intake = Intake::trial(now)?;
    match one(&mut intake, document, limits) {
        Err(error) if error.is_of_a_path() => Ok(Some(error)),
        result => result.map(|()| None),
    }
}

fn one(intake: &mut Intake, document: &Document, limits: Limits) -> Result<(), ImportError> {
    intake.only = document.only;
    let sum = intake.path(&document.file, limits)?;
    intake.end_of_path(&document.name, &sum, false)
}
