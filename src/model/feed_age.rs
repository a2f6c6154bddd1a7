//! How new what a feed says is.

use super::{RunSummary, UtcTime};

/// Stands before the name of a feed that is as old as its newest record.
const OF_RECORD: &str = "newest record of ";

/// When what a feed says was last met as the publisher has it: fetched, or imported. The oldest is the least.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct FeedAge {
    /// When.
    pub met: UtcTime,
    /// The feed, and after a blank what of it: `osv Debian:12`, `msrc-cvrf`.
    pub feed: String,
}

impl FeedAge {
    /// Of a feed whose newest record was old already when it was met: it is as old as that record.
    pub fn of_record(newest: UtcTime, feed: &str) -> Self {
        Self {
            met: newest,
            feed: format!("{OF_RECORD}{feed}"),
        }
    }

    /// The feed, and whether it is as old as its newest record.
    pub fn name(&self) -> (&str, bool) {
        name(&self.feed)
    }
}

fn name(feed: &str) -> (&str, bool) {
    match feed.strip_prefix(OF_RECORD) {
        Some(feed) => (feed, true),
        None => (feed, false),
    }
}

/// How new the catalogue is that a run was judged by: as the oldest of the feeds that judged a machine of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CatalogAge<'a> {
    /// When that feed was last met; where `is_of_record`, the time of its newest record.
    pub since: UtcTime,
    /// The feed, and what of it; empty where none is known.
    pub feed: &'a str,
    /// Whether its newest record was old already when it was met, so that nobody knows what came later.
    pub is_of_record: bool,
}

impl RunSummary {
    /// How new what judged its machines is; `None` where no catalogue was ever imported.
    pub fn catalog_age(&self) -> Option<CatalogAge<'_>> {
        let since = self.catalog_imported?;
        let (feed, is_of_record) = name(&self.catalog_feed);
        Some(CatalogAge {
            since,
            feed,
            is_of_record,
        })
    }
}

impl CatalogAge<'_> {
    /// How old it is at a time, in whole days.
    pub fn days(&self, at: UtcTime) -> i64 {
        self.since.date().days_until(at.date())
    }
}
