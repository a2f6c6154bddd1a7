//! What we learned about a host, and what we could not learn.

use serde::{Deserialize, Serialize};

/// A fact a host was asked for.
///
/// An empty answer and a failed question must never look alike: the first means that nothing is
/// there, the second that we do not know.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Observed<T> {
    /// The host answered.
    Known(T),
    /// The host did not answer, and this is why.
    Unknown(Gap),
}

impl<T> Observed<T> {
    /// A fact that a question left open.
    pub fn gap_of(question: impl Into<String>, cause: GapCause) -> Self {
        Self::Unknown(Gap {
            question: question.into(),
            cause,
        })
    }

    /// The fact, when it is known.
    pub fn known(&self) -> Option<&T> {
        match self {
            Self::Known(fact) => Some(fact),
            Self::Unknown(_) => None,
        }
    }

    /// Whether this is no fact of this kind of host at all, so that it was never asked for.
    pub fn is_unheard_of(&self) -> bool {
        self.gap().is_some_and(|gap| gap.question.is_empty())
    }

    /// The gap, when the fact is not known.
    pub fn gap(&self) -> Option<&Gap> {
        match self {
            Self::Known(_) => None,
            Self::Unknown(gap) => Some(gap),
        }
    }
}

impl<T> Default for Observed<T> {
    /// A fact that nobody asks such a host for.
    fn default() -> Self {
        Self::gap_of("", GapCause::NotAsked)
    }
}

impl<T> From<Result<T, Gap>> for Observed<T> {
    fn from(answer: Result<T, Gap>) -> Self {
        answer.map_or_else(Self::Unknown, Self::Known)
    }
}

/// A question that went unanswered.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Gap {
    /// The question's id.
    pub question: String,
    /// Why there is no answer.
    pub cause: GapCause,
}

/// Why a question went unanswered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum GapCause {
    /// The account may not ask this.
    Denied,
    /// The answer did not parse, or was longer than we read.
    Malformed,
    /// The tool or file that answers is not there.
    Missing,
    /// The question was never sent.
    NotAsked,
    /// The host took too long.
    TimedOut,
}

impl GapCause {
    /// The word used in exports.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Denied => "denied",
            Self::Malformed => "malformed",
            Self::Missing => "missing",
            Self::NotAsked => "not_asked",
            Self::TimedOut => "timed_out",
        }
    }
}
