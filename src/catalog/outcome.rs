//! How an import went, or why it did not happen.

use super::error::CatalogError;
use super::feeds::FeedError;
use super::hashes::HashError;
use super::unpack::UnpackError;
use std::io;
use std::path::PathBuf;

/// How an import went.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ImportReport {
    /// How many documents were read.
    pub documents: u64,
    /// What came of which feed, sorted by feed.
    pub feeds: Vec<FeedCount>,
    /// What was wrong, by path and kind: the first of each kind with their places, under a line with their
    /// number where there are more. [`super::CatalogInfo::problems`] has more of them.
    pub problems: Vec<String>,
    /// The catalogue's digest now.
    pub digest: String,
}

/// What came of a feed, in records.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FeedCount {
    /// The feed.
    pub feed: String,
    /// How many were read: the sum of the four below.
    pub read: u64,
    /// How many were not known before.
    pub added: u64,
    /// How many replaced what was known.
    pub changed: u64,
    /// How many say what is known already.
    pub unchanged: u64,
    /// How many were older than what is known, and were left out.
    pub older: u64,
    /// How many did not read. Each may hide a finding.
    pub skipped: u64,
    /// How many speak of nothing that we match.
    pub irrelevant: u64,
}

/// Why nothing was imported.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ImportError {
    /// No path was given.
    #[error("nothing to import: name files or folders")]
    NothingGiven,
    /// A given path cannot be read.
    #[error("cannot read {}", path.display())]
    Read {
        /// The path.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// An archive or compressed file does not unpack.
    #[error("cannot unpack {place}")]
    Unpack {
        /// The file, and the member in it.
        place: String,
        /// Why.
        #[source]
        source: UnpackError,
    },
    /// There is nothing in it.
    #[error("{place} is empty")]
    Empty {
        /// The file, folder or member.
        place: String,
    },
    /// It is no document of any feed.
    #[error("{place} is no document of a feed we know ({known})")]
    Unrecognised {
        /// The file.
        place: String,
        /// The feeds.
        known: String,
    },
    /// It is a document of another feed than it should be.
    #[error("{place} is a document of the feed {feed} and should be one of {expected}")]
    Unexpected {
        /// The file, and the member in it.
        place: String,
        /// The feed that it is of.
        feed: &'static str,
        /// The feeds that it may be of.
        expected: String,
    },
    /// A document does not read.
    #[error("{place} does not read")]
    Document {
        /// The file, and the member in it.
        place: String,
        /// Why, with line and column.
        #[source]
        source: FeedError,
    },
    /// It is not what the files beside it say, or these do not say what they should.
    #[error("{place} is refused")]
    Hash {
        /// The file.
        place: String,
        /// Why.
        #[source]
        source: HashError,
    },
    /// Documents read, but nothing in them can be used.
    #[error("{place} has nothing in it that this catalogue can use: {why}")]
    NothingUsable {
        /// The path as it was given.
        place: String,
        /// The first thing that was wrong, or what it speaks of instead.
        why: String,
    },
    /// An exported catalogue among other things.
    #[error("{} is an exported catalogue, which replaces the one that is there: import it alone", path.display())]
    NotAlone {
        /// The file.
        path: PathBuf,
    },
    /// A document reads now and then.
    #[error("{place} changes while it is read")]
    Changing {
        /// The file, and the member in it.
        place: String,
    },
    /// Somebody else is at it.
    #[error("another import into {} is running: wait for it to end", path.display())]
    Busy {
        /// The catalogue.
        path: PathBuf,
    },
    /// The catalogue cannot be written.
    #[error("cannot write {}", path.display())]
    Write {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// The catalogue that is there cannot be used.
    #[error(transparent)]
    Catalog(#[from] CatalogError),
}

impl ImportError {
    /// Whether one given path is what is wrong, and not the catalogue or its place.
    pub(super) fn is_of_a_path(&self) -> bool {
        !matches!(
            self,
            Self::Busy { .. } | Self::Write { .. } | Self::Catalog(_) | Self::NothingGiven
        )
    }
}
