//! What `catalog info` shows.

use crate::model::UtcTime;
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
    /// What was wrong in the last import, each with its place.
    pub problems: Vec<String>,
}

/// How much comes from a feed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FeedInfo {
    /// The feed; `kev` and `lifecycle` for those two tables.
    pub feed: String,
    /// Bulletins, CVEs or releases.
    pub records: u64,
}

/// What is known of a release.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SliceInfo {
    /// The ecosystem: `Debian:12`.
    pub ecosystem: String,
    /// How many bulletins speak of it.
    pub records: u64,
    /// The digest over them: 64 hex digits.
    pub digest: String,
}
