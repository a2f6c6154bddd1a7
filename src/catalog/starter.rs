//! The catalogue that is built in: lifecycle dates, and the bulletins that the demo needs.
//!
//! Ids, versions and dates are the publishers' facts; the titles are our own words. It is far too small
//! to judge a real machine by.

use super::error::CatalogError;
use super::feeds::{FEEDS, Record};
use super::file::{CatalogFile, Writer};
use super::outline::Outline;
use crate::model::{Lifecycle, UtcTime};

/// The day of the facts in it.
const AS_OF: &str = "2026-11-22T00:00:00Z";

/// How many of the documents, the first ones, hold lifecycle dates.
const LIFECYCLES: usize = 4;

/// The documents, each in its publisher's format.
const DOCUMENTS: &[(&str, &str)] = &[
    (
        "debian.csv",
        include_str!("../../fixtures/catalog/debian.csv"),
    ),
    (
        "ubuntu.csv",
        include_str!("../../fixtures/catalog/ubuntu.csv"),
    ),
    (
        "others.json",
        include_str!("../../fixtures/catalog/others.json"),
    ),
    (
        "microsoft.json",
        include_str!("../../fixtures/catalog/microsoft.json"),
    ),
    ("kev.json", include_str!("../../fixtures/catalog/kev.json")),
    (
        "debian-osv.jsonl",
        include_str!("../../fixtures/catalog/debian-osv.jsonl"),
    ),
    (
        "debian-tracker.json",
        include_str!("../../fixtures/catalog/debian-tracker.json"),
    ),
    (
        "msrc-2023-sep.xml",
        include_str!("../../fixtures/catalog/msrc-2023-sep.xml"),
    ),
    (
        "msrc-2023-oct.xml",
        include_str!("../../fixtures/catalog/msrc-2023-oct.xml"),
    ),
    (
        "msrc-2024-may.xml",
        include_str!("../../fixtures/catalog/msrc-2024-may.xml"),
    ),
    (
        "msrc-2024-aug.xml",
        include_str!("../../fixtures/catalog/msrc-2024-aug.xml"),
    ),
    (
        "msrc-2025-aug.xml",
        include_str!("../../fixtures/catalog/msrc-2025-aug.xml"),
    ),
    (
        "msrc-2025-dec.xml",
        include_str!("../../fixtures/catalog/msrc-2025-dec.xml"),
    ),
    (
        "msrc-2026-may.xml",
        include_str!("../../fixtures/catalog/msrc-2026-may.xml"),
    ),
    (
        "msrc-2026-jun.xml",
        include_str!("../../fixtures/catalog/msrc-2026-jun.xml"),
    ),
];

/// The built-in catalogue, in memory.
pub(super) fn catalog() -> Result<CatalogFile, CatalogError> {
    let now = UtcTime::parse(AS_OF).unwrap_or(UtcTime::from_unix(0));
    let mut writer = Writer::in_memory(&lifecycles()?, now)?;
    for (name, text) in DOCUMENTS {
        let mut failed = Ok(());
        read(name, text, &mut |feed, record| {
            if failed.is_ok() {
                failed = writer.put(feed, record).map(drop);
            }
        })?;
        failed?;
    }
    writer.finish().map(|(_, file)| file)
}

/// The built-in lifecycle dates.
pub(super) fn lifecycles() -> Result<Vec<Lifecycle>, CatalogError> {
    let mut rows = Vec::new();
    for (name, text) in DOCUMENTS.iter().take(LIFECYCLES) {
        read(name, text, &mut |_, record| {
            if let Record::Lifecycle(row) = record {
                rows.push(row);
            }
        })?;
    }
    Ok(rows)
}

fn read(
    name: &str,
    text: &str,
    out: &mut dyn FnMut(&'static dyn super::feeds::Feed, Record),
) -> Result<(), CatalogError> {
    let defect = |what: String| CatalogError::Starter {
        what: format!("{name}: {what}"),
    };
    let outline = Outline::of(text.as_bytes());
    let feed = FEEDS.iter().find(|feed| feed.recognises(&outline));
    let feed = *feed.ok_or_else(|| defect("whose is it?".to_owned()))?;
    let report = feed
        .read(&mut text.as_bytes(), &mut |record| out(feed, record))
        .map_err(|error| defect(format!("{error:?}")))?;
    match report.problems.first() {
        Some(problem) => Err(defect(problem.clone())),
        None => Ok(()),
    }
}
