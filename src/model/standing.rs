//! How a machine stands to the lists that the organisation has.

use super::Certainty;
use serde::{Deserialize, Serialize};

/// How a machine, or an entry of a list, stands: exactly one state, and why.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Standing {
    /// The state.
    pub state: ManagedState,
    /// Why, as a stable word for scripts: `no_credential_works`, `domain_member`; empty where the state
    /// says it all.
    pub reason: String,
    /// How sure it is.
    pub confidence: Certainty,
    /// What it rests on, each with its source and day, in the order of weight.
    pub evidence: Vec<String>,
    /// The lists that know it, as `name` or `name (last seen 2026-11-01)`, sorted.
    pub lists: Vec<String>,
    /// Who of the known machines is nearest, and by what; the nearest first.
    pub nearest: Vec<String>,
    /// What makes one look twice, as `word: particulars`; sorted.
    pub rogue_hints: Vec<String>,
    /// One thing to do.
    pub suggestion: String,
    /// Why several records are taken to be this one machine, and what speaks against it.
    pub merged: Vec<String>,
    /// Evidence that contradicts itself, and was left as it is: `same uuid as db-2 …`.
    pub conflicts: Vec<String>,
}

/// How the network as found compares with the lists. The first that holds, in this order.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize,
)]
#[serde(rename_all = "snake_case")]
pub enum ManagedState {
    /// An intermediary answered: not a machine.
    Artefact,
    /// On the operator's allow list.
    Expected,
    /// No list was given.
    #[default]
    NotCompared,
    /// Live, without a strong identity.
    Unidentified,
    /// Live, with a strong identity, on no list.
    Unmanaged,
    /// On a list and live, and somebody should look.
    Overlooked,
    /// On a list, assessed, and in order.
    Managed,
    /// Fresh on a list, in swept scope, and it does not answer.
    Unseen,
    /// Old on every list, and it has not answered for as many sweeps as it takes.
    StaleEntry,
    /// On a list, in no swept subnet.
    OutOfScope,
}

impl ManagedState {
    /// All of them, in order.
    pub const ALL: &'static [Self] = &[
        Self::Artefact,
        Self::Expected,
        Self::NotCompared,
        Self::Unidentified,
        Self::Unmanaged,
        Self::Overlooked,
        Self::Managed,
        Self::Unseen,
        Self::StaleEntry,
        Self::OutOfScope,
    ];

    /// The word used in exports.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Artefact => "artefact",
            Self::Expected => "expected",
            Self::NotCompared => "not_compared",
            Self::Unidentified => "unidentified",
            Self::Unmanaged => "unmanaged",
            Self::Overlooked => "overlooked",
            Self::Managed => "managed",
            Self::Unseen => "unseen",
            Self::StaleEntry => "stale_entry",
            Self::OutOfScope => "out_of_scope",
        }
    }

    /// Whether it is a live machine that somebody should look at: what the headline counts.
    pub fn is_headline(self) -> bool {
        matches!(
            self,
            Self::Unidentified | Self::Unmanaged | Self::Overlooked
        )
    }

    /// Whether only a list knows it: nobody answered.
    pub fn is_of_list(self) -> bool {
        matches!(self, Self::Unseen | Self::StaleEntry | Self::OutOfScope)
    }
}
