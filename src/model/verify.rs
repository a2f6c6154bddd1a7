//! What became of the open findings of an earlier run.

use super::{BulletinId, Evidence, FindingId, FindingState, MachineId, RunId, Severity, UtcTime};
use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::Arc;

/// The findings of an earlier run, each with what it is by now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verification {
    /// The earlier run.
    pub base: RunId,
    /// When it began.
    pub began: UtcTime,
    /// Whether its verdicts were made by another catalogue or other rules than these.
    pub is_other_catalog: bool,
    /// Findings that were not asked after.
    pub left_out: LeftUnverified,
    /// Every finding that was to be verified, once; sorted by address, machine, product and bulletin.
    pub rows: Vec<Verified>,
}

impl Verification {
    /// How many findings are in each state.
    pub fn counts(&self) -> BTreeMap<VerifiedState, u64> {
        let mut counts = BTreeMap::new();
        for row in &self.rows {
            *counts.entry(row.state()).or_default() += 1;
        }
        counts
    }
}

/// How many findings of the earlier run were not asked after, on the machines that were.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LeftUnverified {
    /// What is seen from outside: a sweep sees it.
    pub exposures: u64,
    /// What has no fix, and what was undecided already (`--all` asks after them).
    pub without_fix: u64,
    /// Those that the operator did not ask for.
    pub not_asked: u64,
}

/// What became of one finding.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verified {
    /// The machine, by its id in the earlier run.
    pub machine: MachineId,
    /// What it is called.
    pub hostname: Option<Arc<str>>,
    /// The first of its addresses.
    pub address: Option<IpAddr>,
    /// The finding's id in the earlier run.
    pub finding: FindingId,
    /// The bulletin.
    pub bulletin: BulletinId,
    /// One line for people.
    pub title: String,
    /// The source package or product.
    pub product: String,
    /// The verdict of the earlier run.
    pub before: FindingState,
    /// The version that the earlier run judged; empty when unknown.
    pub installed_before: String,
    /// How bad it is, by the operator's policy where it was weighed.
    pub severity: Option<Severity>,
    /// Whether somebody was allowed to leave it.
    pub is_excepted: bool,
    /// What it is by now.
    pub verdict: Verdict,
}

impl Verified {
    /// What it is by now.
    pub fn state(&self) -> VerifiedState {
        self.verdict.state
    }
}

/// What a finding is by now, and the proof.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verdict {
    /// The state.
    pub state: VerifiedState,
    /// The version that was met; empty where none was.
    pub installed: String,
    /// The first version without the flaw, where one is stated.
    pub fixed: Option<String>,
    /// What is to be said of it: of `unreachable` the result code and what to do, of `unknown` the question.
    pub detail: String,
    /// Why we say so; `None` where nobody told anything.
    pub evidence: Option<Evidence>,
}

/// A verdict, or that the machine was not met. The words are those of the `state` column of `verify.csv`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum VerifiedState {
    /// The machine was read, and this is the verdict.
    Judged(FindingState),
    /// Nobody answered, nobody could log in, or another machine answers there.
    Unreachable,
}

impl VerifiedState {
    /// The word used in exports.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Judged(state) => state.as_str(),
            Self::Unreachable => "unreachable",
        }
    }

    /// Whether nothing is left to do about it.
    pub fn is_closed(self) -> bool {
        matches!(self, Self::Judged(state) if state.is_closed())
    }

    /// Whether nobody could tell.
    pub fn is_undecided(self) -> bool {
        match self {
            Self::Judged(state) => state.counts_as_unknown(),
            Self::Unreachable => true,
        }
    }
}
