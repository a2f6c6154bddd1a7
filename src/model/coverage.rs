//! What became of every address in scope.

use super::UtcTime;
use serde::{Deserialize, Serialize};
use std::ops::Range;

/// One subnet of the scope. `in_scope = answered + silent + not_begun`, and `swept = answered +
/// silent`; excluded addresses are counted beside, not within.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct CoverageRow {
    /// A /24 or /64, or the target as written where it is smaller or larger scopes are summed.
    pub subnet: String,
    /// Addresses to sweep.
    pub in_scope: u128,
    /// Addresses of the target lines that an exclusion took out.
    pub excluded: u128,
    /// Addresses all of whose probes were sent and answered or timed out.
    pub swept: u128,
    /// Addresses that answered at least one probe, open or closed.
    pub answered: u128,
    /// Swept addresses that did not answer.
    pub silent: u128,
    /// Addresses the run did not get to.
    pub not_begun: u128,
    /// Addresses whose inventory was read.
    pub assessed: u128,
    /// Of the answered probes, how many per cent were only answered on the second try: an estimate
    /// of loss.
    pub probes_lost_percent: f64,
    /// When the run began.
    pub started: Option<UtcTime>,
    /// When the last of its addresses was done.
    pub finished: Option<UtcTime>,
    /// By what its addresses were found, where it is too large to be swept: then others may exist, and only
    /// those that were found are in scope.
    #[serde(default)]
    pub searched_by: Option<Vec<String>>,
    /// Why it is no address, where it is a name among the targets that has none: nobody was looked for there,
    /// and all counts are 0.
    #[serde(default)]
    pub no_address: Option<String>,
}

impl CoverageRow {
    /// A name among the targets that has no address, and why.
    pub fn of_no_address(name: &str, why: &str) -> Self {
        Self {
            subnet: name.to_owned(),
            no_address: Some(why.to_owned()),
            ..Self::default()
        }
    }

    /// The name and why it has no address; `None` for what has addresses.
    pub fn without_address(&self) -> Option<(&str, &str)> {
        Some((&self.subnet, self.no_address.as_deref()?))
    }

    /// What a search came to, in a sentence; `None` where every address was in scope.
    pub fn search_said(&self) -> Option<String> {
        let by = self.searched_by.as_ref()?;
        Some(search_said(&self.subnet, by, self.in_scope))
    }
}

/// What the search of a block came to, in a sentence: by what, and how many addresses it found.
pub fn search_said(block: &str, by: &[String], found: u128) -> String {
    let by = match by {
        [first @ .., last] if !first.is_empty() => format!("{} and {last}", first.join(", ")),
        few => few.concat(),
    };
    let addresses = if found == 1 { "address" } else { "addresses" };
    format!("{block} was searched through {by}: {found} {addresses}; others may exist")
}

/// A part of the scope that becomes one [`CoverageRow`]: a subnet, or a target line.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ScopePart {
    /// The /24 or /64, or the target as written.
    pub label: String,
    /// Addresses to sweep.
    pub in_scope: u128,
    /// Addresses that an exclusion took out.
    pub excluded: u128,
    /// Where its addresses stand in the order of the scope: sorted, disjoint, `in_scope` in all.
    pub indices: Vec<Range<u64>>,
    /// By what its addresses were found, where it is too large to be swept.
    pub searched_by: Option<Vec<String>>,
}

/// Hosts that are known to live were asked again and again while the sweep went on: what share of the
/// answers the sweep itself may have lost.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Canaries {
    /// How often one was asked.
    pub asked: u64,
    /// How often none answered in time.
    pub lost: u64,
}
