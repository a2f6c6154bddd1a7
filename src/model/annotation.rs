//! What the people of a site write down about a finding.

use super::{FindingId, Severity, UtcTime};

/// What somebody wrote about a finding. It belongs to the site, and outlives the run that showed it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Annotation {
    /// The finding.
    pub finding: FindingId,
    /// Who sees to it, where that is not simply the machine's owner.
    pub owner: Option<String>,
    /// How far the work is.
    pub status: Option<WorkStatus>,
    /// How bad it is here, over what the policy says.
    pub my_severity: Option<Severity>,
    /// Who wrote it last.
    pub written_by: String,
    /// When.
    pub written: UtcTime,
}

impl Annotation {
    /// Whether it says nothing any more.
    pub fn is_empty(&self) -> bool {
        self.owner.is_none() && self.status.is_none() && self.my_severity.is_none()
    }
}

/// What stands for a name that was left out of an export.
pub const LEFT_OUT: &str = "…";

/// How far the work on a finding is, as the team says. It changes no verdict.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum WorkStatus {
    /// Nobody has looked at it.
    New,
    /// Somebody is to see to it.
    Assigned,
    /// Somebody is at it.
    InProgress,
    /// It is done, as they say: the next scan tells.
    Done,
    /// It may stay as it is until a day.
    Accepted,
    /// They hold it for a mistake.
    FalsePositive,
}

impl WorkStatus {
    /// Every word, in the order of the work.
    pub const ALL: &'static [Self] = &[
        Self::New,
        Self::Assigned,
        Self::InProgress,
        Self::Done,
        Self::Accepted,
        Self::FalsePositive,
    ];

    /// The word used in exports.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::New => "new",
            Self::Assigned => "assigned",
            Self::InProgress => "in_progress",
            Self::Done => "done",
            Self::Accepted => "accepted",
            Self::FalsePositive => "false_positive",
        }
    }

    /// Reads a word in any case, with blanks or lines between its parts.
    pub fn parse(word: &str) -> Option<Self> {
        let word = word.trim().to_lowercase().replace([' ', '-'], "_");
        Self::ALL.iter().copied().find(|one| one.as_str() == word)
    }

    /// Whether it leaves the finding as it is: somebody must say until when.
    pub fn wants_a_day(self) -> bool {
        matches!(self, Self::Accepted | Self::FalsePositive)
    }
}
