//! What a run came to, in a few figures, to be set beside those of other runs.

use super::{Finding, RunId, Severity, UtcTime};
use std::collections::BTreeMap;

/// A run among those that are set beside each other.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TrendPoint {
    /// The run.
    pub run: RunId,
    /// When it began.
    pub started: UtcTime,
    /// What it came to; `None` where it cannot be read any more.
    pub sums: Option<TrendSums>,
}

/// What a run came to, by what the store has of it.
///
/// Severities are the publishers' ([`Finding::rating`]): verdicts are stored once for all identical machines, and a
/// policy of today was not that of the day. What is only seen from outside is no stored verdict, and is not in it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TrendSums {
    /// Machines that were met.
    pub machines: u64,
    /// Those that were read.
    pub read: u64,
    /// Open findings on them, by severity; `None` where nobody states one. Of a run that was judged by no
    /// catalogue this is empty and says nothing.
    pub open: BTreeMap<Option<Severity>, u64>,
    /// Those of them that lack an update that is out.
    pub missing: u64,
    /// Those of them with a flaw that is known to be exploited.
    pub exploited: u64,
    /// Findings with CVEs of which nobody looked whether they are exploited.
    pub unchecked: u64,
    /// Whether there was a catalogue to judge by.
    pub is_judged: bool,
}

impl TrendSums {
    /// What one list of findings comes to, apart from machines.
    pub fn of(findings: &[Finding]) -> Self {
        let mut sums = Self::default();
        for finding in findings {
            let is_open = !finding.state.is_closed() && !finding.state.counts_as_unknown();
            let is_unchecked = finding.is_exploited().is_none() && !finding.cves.is_empty();
            sums.unchecked += u64::from(is_unchecked);
            if !is_open {
                continue;
            }
            *sums.open.entry(finding.rating()).or_default() += 1;
            sums.missing += u64::from(finding.state.counts_as_missing());
            sums.exploited += u64::from(!finding.kev.is_empty());
        }
        sums
    }

    /// Adds the same list of findings on so many machines.
    pub fn add(&mut self, of_one: &Self, machines: u64) {
        for (severity, count) in &of_one.open {
            *self.open.entry(*severity).or_default() += count * machines;
        }
        self.missing += of_one.missing * machines;
        self.exploited += of_one.exploited * machines;
        self.unchecked += of_one.unchecked * machines;
    }

    /// Whether anything can be said of findings: a run that read nobody, or had nothing to judge by, says nothing.
    pub fn says_findings(&self) -> bool {
        self.read > 0 && self.is_judged
    }

    /// All open findings.
    pub fn all_open(&self) -> u64 {
        self.open.values().sum()
    }
}
