//! How new what a feed says is.

use super::UtcTime;

/// When what a feed says was last met as the publisher has it: fetched, or imported. The oldest is the least.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct FeedAge {
    /// When.
    pub met: UtcTime,
    /// The feed, and after a blank what of it: `osv Debian:12`, `msrc-cvrf`.
    pub feed: String,
}
