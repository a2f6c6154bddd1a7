//! What builds, lists and files leave open, and the question that would settle it.

use crate::model::FindingState;

/// Why nothing tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) enum Doubt {
    /// The list of updates is not known.
    NoList,
    /// The host's UBR is older than the builds that the documents state.
    BeforeBuilds,
    /// Neither UBR nor a listed cumulative update.
    NoBuild,
    /// A single update from before the rollups that are in.
    UnderRollup,
    /// Only for machines with Secure Boot, on which it is not told whether it is in.
    SecureBoot,
    /// The servicing stack's version is not known.
    ServicingStack,
    /// The recovery environment's version is not known.
    Recovery,
    /// Flash Player's version is not known.
    Flash,
}

impl Doubt {
    /// Its id, the verdict, the question that would settle it, and why.
    pub(super) fn words(self) -> (&'static str, FindingState, &'static str, &'static str) {
        use FindingState::{Unknown, Unverified};
        match self {
            Self::NoList => (
                "hotfixes",
                Unknown,
                "hotfixes",
                "the list of installed updates is not known",
            ),
            Self::NoBuild => (
                "current-version",
                Unknown,
                "current-version",
                "no cumulative update of the catalogue is listed, and the UBR, which would settle it, is not known",
            ),
            Self::BeforeBuilds => (
                "before-builds",
                Unverified,
                "hotfixes",
                "the UBR is from before the builds that the documents state, and no cumulative update is listed",
            ),
            Self::UnderRollup => (
                "under-rollup",
                Unverified,
                "files",
                "single updates from before the monthly rollups: the rollup that is in may or may not contain them; the versions of their files would settle it",
            ),
            Self::SecureBoot => (
                "secure-boot",
                Unverified,
                "hotfixes",
                "updates of the Secure Boot list are for UEFI machines only, and none is listed; the list itself (dbx) would settle it",
            ),
            Self::ServicingStack => (
                "servicing-stack",
                Unverified,
                "cbs-packages",
                "the version of the servicing stack would settle it",
            ),
            Self::Recovery => (
                "recovery",
                Unverified,
                "files",
                "the version of the recovery environment on its own partition would settle it",
            ),
            Self::Flash => (
                "flash",
                Unverified,
                "files",
                "the version of Adobe Flash Player, where it is there at all, would settle it",
            ),
        }
    }
}
