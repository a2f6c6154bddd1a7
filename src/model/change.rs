//! What differs between two runs.

use super::{Date, FindingId, MachineId, RunId, UtcTime};
use serde::{Deserialize, Serialize};
use std::net::IpAddr;
use std::sync::Arc;

/// One difference between an earlier run and a later one, about one machine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    /// The machine: by its id in the later run, or in the earlier one where the later has it not.
    pub machine: MachineId,
    /// What it is called.
    pub hostname: Option<Arc<str>>,
    /// The first of its addresses.
    pub address: Option<IpAddr>,
    /// What happened.
    pub kind: ChangeKind,
    /// To what: `machine`, the name of what changed about it, a piece of software, an update, or a bulletin
    /// with its product.
    pub object: String,
    /// What the earlier run has; `None` where it has nothing.
    pub before: Option<String>,
    /// What the later run has; `None` where it has nothing.
    pub after: Option<String>,
    /// The last day before the later run on which it was known to be as `before`; `None` where nobody knows.
    pub since: Option<Date>,
    /// The finding's id, where it is about one.
    pub finding: Option<FindingId>,
}

/// What happened between two runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ChangeKind {
    /// A machine that no run has met before, where the earlier run looked.
    MachineNew,
    /// A machine that no run has met before, where the earlier run did not look.
    MachineNewlySwept,
    /// Its addresses were swept, and it did not answer.
    MachineGone,
    /// It was not met in the earlier run, but in one before that.
    MachineBack,
    /// The later run did not sweep all of its addresses: nothing can be said.
    MachineNotSwept,
    /// Somebody answers at its address, or did so in the earlier run, of whom nobody can tell whether he is it.
    MachineUnrecognised,
    /// Something about a machine that both runs met.
    MachineChanged,
    /// Software that was not there.
    SoftwareAdded,
    /// Software that is not there any more.
    SoftwareRemoved,
    /// A later version, in the order of its package manager.
    SoftwareUpgraded,
    /// An earlier version.
    SoftwareDowngraded,
    /// Another version, and nobody knows which is later.
    SoftwareChanged,
    /// An update that the host did not know of.
    UpdateAdded,
    /// An update that the host does not know of any more.
    UpdateRemoved,
    /// An update in another state.
    UpdateChanged,
    /// A finding that no run has seen before on this machine.
    FindingNew,
    /// The question that showed it was answered, and it is not there any more.
    FindingFixed,
    /// The earlier run saw that it was not there, one before that saw it, and it is there again.
    FindingReopened,
    /// A run before the earlier one saw it; the earlier one could not tell.
    FindingSeenAgain,
    /// The later run could not tell.
    FindingUnobserved,
    /// Another catalogue does not report it any more; on the machine nothing changed that it speaks of.
    FindingWithdrawn,
    /// A finding in another state.
    FindingChanged,
    /// What could be told before and cannot now.
    QuestionOpen,
    /// What could not be told before and can now.
    QuestionSettled,
}

impl ChangeKind {
    /// All of them, in order.
    pub const ALL: &'static [Self] = &[
        Self::MachineNew,
        Self::MachineNewlySwept,
        Self::MachineGone,
        Self::MachineBack,
        Self::MachineNotSwept,
        Self::MachineUnrecognised,
        Self::MachineChanged,
        Self::SoftwareAdded,
        Self::SoftwareRemoved,
        Self::SoftwareUpgraded,
        Self::SoftwareDowngraded,
        Self::SoftwareChanged,
        Self::UpdateAdded,
        Self::UpdateRemoved,
        Self::UpdateChanged,
        Self::FindingNew,
        Self::FindingFixed,
        Self::FindingReopened,
        Self::FindingSeenAgain,
        Self::FindingUnobserved,
        Self::FindingWithdrawn,
        Self::FindingChanged,
        Self::QuestionOpen,
        Self::QuestionSettled,
    ];

    /// The word used in exports.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::MachineNew => "machine_new",
            Self::MachineNewlySwept => "machine_newly_swept",
            Self::MachineGone => "machine_gone",
            Self::MachineBack => "machine_back",
            Self::MachineNotSwept => "machine_not_swept",
            Self::MachineUnrecognised => "machine_unrecognised",
            Self::MachineChanged => "machine_changed",
            Self::SoftwareAdded => "software_added",
            Self::SoftwareRemoved => "software_removed",
            Self::SoftwareUpgraded => "software_upgraded",
            Self::SoftwareDowngraded => "software_downgraded",
            Self::SoftwareChanged => "software_changed",
            Self::UpdateAdded => "update_added",
            Self::UpdateRemoved => "update_removed",
            Self::UpdateChanged => "update_changed",
            Self::FindingNew => "finding_new",
            Self::FindingFixed => "finding_fixed",
            Self::FindingReopened => "finding_reopened",
            Self::FindingSeenAgain => "finding_seen_again",
            Self::FindingUnobserved => "finding_unobserved",
            Self::FindingWithdrawn => "finding_withdrawn",
            Self::FindingChanged => "finding_changed",
            Self::QuestionOpen => "question_open",
            Self::QuestionSettled => "question_settled",
        }
    }
}

/// All differences between two runs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Changes {
    /// The earlier run.
    pub before: RunId,
    /// When it began.
    pub began: UtcTime,
    /// Sorted by address, machine, kind and object.
    pub rows: Vec<Change>,
}

impl Changes {
    /// How many there are of a kind.
    pub fn count(&self, kind: ChangeKind) -> u64 {
        let rows = self.rows.iter();
        u64::try_from(rows.filter(|row| row.kind == kind).count()).unwrap_or(u64::MAX)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_has_the_word_that_serde_writes() {
        for kind in ChangeKind::ALL {
            let json = serde_json::to_value(kind).unwrap();
            assert_eq!(json, kind.as_str());
        }
    }
}
