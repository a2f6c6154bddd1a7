//! How new the catalogue is that a run was judged by.

use super::for_terminal;
use crate::model::{RunSummary, plural};

/// What is to be known of a catalogue that was out of date already when it came, before anything is called clean by it;
/// `None` of another.
pub(super) fn outdated(run: &RunSummary) -> Option<String> {
    let age = run.catalog_age().filter(|age| age.is_of_record)?;
    Some(format!(
        "{}: newest record {}, {} before this run: what came later is not known",
        for_terminal(age.feed),
        age.since.date(),
        plural(age.days(run.started).max(0), "day")
    ))
}

/// How new it is, in words; `None` where none was ever imported.
pub(super) fn how_new(run: &RunSummary) -> Option<String> {
    let age = run.catalog_age()?;
    if let Some(outdated) = outdated(run) {
        return Some(outdated);
    }
    let before = plural(age.days(run.started).max(0), "day");
    let of = match age.feed {
        "" => String::new(),
        feed => format!(" (of its feeds, {feed} is the oldest)"),
    };
    Some(format!(
        "imported {}, {before} before the run{of}",
        age.since.date()
    ))
}
