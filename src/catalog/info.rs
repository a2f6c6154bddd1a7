//! What `catalog info` shows.

use crate::model::{Date, FeedAge, UtcTime};
use std::path::PathBuf;

/// What a catalogue holds, and how old it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CatalogInfo {
    /// The file; `None` for the built-in catalogue.
    pub path: Option<PathBuf>,
    /// The digest over everything in it: 64 hex digits.
    pub digest: String,
    /// When something was last imported.
    pub imported: Option<UtcTime>,
    /// How much comes from which feed, sorted by feed.
    pub feeds: Vec<FeedInfo>,
    /// What is known of which release, sorted by ecosystem.
    pub slices: Vec<SliceInfo>,
    /// What is known of which product, sorted by product; the records are flaws, those of two documents
    /// counted twice.
    pub products: Vec<SliceInfo>,
    /// The tables of builds, by product.
    pub builds: Vec<SliceInfo>,
    /// What was wrong in the last import of each path: a line with the path, then each kind of problem
    /// with its count, and what of it is described.
    pub problems: Vec<String>,
}

/// How much comes from a feed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FeedInfo {
    /// The feed; `kev`, `lifecycle`, `builds` and `epss` for those tables.
    pub feed: String,
    /// Bulletins, advisories, CVEs, releases or builds.
    pub records: u64,
    /// The day of the newest of them, where they have days: of the last change of a bulletin, of the
    /// publication of an advisory. Far from today, documents are missing.
    pub newest: Option<Date>,
    /// The day on which a document of it was last fetched or imported, where that is known.
    pub met: Option<Date>,
    /// The publisher's name of the document that holds it, where documents have names: `2026-Jul`.
    pub document: Option<String>,
}

/// What is known of a release or a product.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SliceInfo {
    /// The ecosystem (`Debian:12`) or the product.
    pub ecosystem: String,
    /// How many bulletins, flaws or builds there are.
    pub records: u64,
    /// The digest over them: 64 hex digits.
    pub digest: String,
    /// Of a release, the feed about it that was not met for longest, and when that was.
    pub age: Option<FeedAge>,
}
