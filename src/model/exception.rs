//! Findings that somebody was allowed to leave for a while.

use super::{Date, ExceptionId, FindingId, UtcTime};
use serde::{Deserialize, Serialize};

/// The word of an owner that something may stay as it is until a day.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Exception {
    /// Its id.
    pub id: ExceptionId,
    /// What it is about. All that is given must fit.
    pub scope: ExceptionScope,
    /// The installed versions that it was granted for, sorted: it holds for no other.
    pub versions: Vec<String>,
    /// Who answers for it.
    pub owner: String,
    /// Why.
    pub reason: String,
    /// When it was granted.
    pub granted: UtcTime,
    /// Who wrote it down.
    pub granted_by: String,
    /// The last day (UTC) on which it holds.
    pub until: Date,
    /// When it was taken back before that; `None` while it was not.
    pub taken_back: Option<UtcTime>,
}

/// What an exception is about.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct ExceptionScope {
    /// A bulletin or a CVE, as it is written.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub bulletin: Option<String>,
    /// One finding.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub finding: Option<FindingId>,
    /// Machines: a pattern for names, an address or network, or a machine id.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub host: Option<String>,
    /// Machines that have this tag.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tag: Option<String>,
}

impl ExceptionScope {
    /// In words: `CVE-2024-1 on web-*`.
    pub fn in_words(&self) -> String {
        let finding = self.finding.as_ref().map(FindingId::as_str);
        let what = self.bulletin.as_deref().or(finding).unwrap_or("everything");
        let on = [&self.host, &self.tag];
        let on: Vec<&str> = on.into_iter().flatten().map(String::as_str).collect();
        match on.as_slice() {
            [] => what.to_owned(),
            on => format!("{what} on {}", on.join(" with ")),
        }
    }
}

/// How an exception stands in a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum ExceptionState {
    /// It holds for at least one finding.
    Active,
    /// Its day is over, or it was taken back: what it was about counts again.
    Expired,
    /// All that it is about has another version by now, for which it was not granted.
    VersionChanged,
    /// There is nothing in the run that it is about.
    Unused,
}

impl ExceptionState {
    /// The word used in exports.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::Expired => "expired",
            Self::VersionChanged => "version_changed",
            Self::Unused => "unused",
        }
    }
}

/// An exception as a run sees it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ExceptionCount {
    /// The exception.
    pub exception: Exception,
    /// How it stands.
    pub state: ExceptionState,
    /// The findings that it holds for; of an expired one, those that it would hold for.
    pub findings: u64,
    /// The findings that it is about and does not hold for, because another version is installed.
    pub other_version: u64,
}
