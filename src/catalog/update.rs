//! From what was fetched to a newer catalogue: what is new is read, and what does not read is left out.

use super::fetch::Document;
use super::import::{Given, Job, run};
use super::outcome::{ImportError, ImportReport};
use super::unpack::Limits;
use crate::model::UtcTime;
use std::collections::BTreeSet;
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
/// where another version of this program read it. `failed` are the sources of which something did not come: what they say
/// is as old as it was.
///
/// # Errors
///
/// When the catalogue cannot be used or written. What is wrong with a document is in [`Updated::left_out`].
pub fn update(
    documents: &[Document],
    into: &Path,
    now: UtcTime,
    again: bool,
    failed: &BTreeSet<String>,
) -> Result<Updated, ImportError> {
    let given = documents.iter().map(|document| Given {
        path: &document.file,
        name: document.name.clone(),
        source: &document.source,
        sha256: (!again).then_some(document.sha256.as_str()),
        only: document.only,
        may_fail: true,
    });
    let given: Vec<Given<'_>> = given.collect();
    let done = run(&Job {
        given: &given,
        into,
        now,
        limits: Limits::default(),
        is_update: true,
        failed,
    })?;
    let left_out = done.failed.into_iter().filter_map(|(at, error)| {
        let document = documents.get(at)?;
        Some(LeftOut {
            source: document.source.clone(),
            name: document.name.clone(),
            error,
        })
    });
    Ok(Updated {
        report: done.report,
        unchanged: done.unchanged,
        left_out: left_out.collect(),
    })
}
