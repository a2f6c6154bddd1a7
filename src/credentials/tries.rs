//! What the breaker remembers: plain data, which the store keeps as JSON or in columns.

use super::{AccountKey, Ask, HostLabel};
use crate::model::{ResultCode, RunId, UtcTime};
use serde::{Deserialize, Serialize};

/// A process that reserves tries: a random word, new at every start. A resumed run is another
/// holder, since the tries of the one that crashed will never come back.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Holder(String);

impl Holder {
    /// Takes a word that no other process has.
    pub fn new(word: impl Into<String>) -> Self {
        Self(word.into())
    }
}

/// A secret that was, or may have been, sent.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Try {
    /// The account.
    pub account: AccountKey,
    /// The host.
    pub host: HostLabel,
    /// The run.
    pub run: RunId,
    /// When it was reserved, or when it ended.
    pub at: UtcTime,
    /// How it stands.
    pub state: TryState,
}

/// How a try stands.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TryState {
    /// Its holder has not said how it ended.
    Reserved {
        /// The process.
        holder: Holder,
    },
    /// It did not succeed, so far as we know.
    Wrong,
}

impl Try {
    /// The try that a [`Decision::Go`] allows.
    pub fn reserve(ask: &Ask<'_>, run: RunId) -> Self {
        Self {
            account: ask.account.clone(),
            host: ask.host.clone(),
            run,
            at: ask.now,
            state: TryState::Reserved {
                holder: ask.holder.clone(),
            },
        }
    }

    /// The try after an end that is not a proven success.
    #[must_use]
    pub fn spent(self, now: UtcTime) -> Self {
        Self {
            at: self.at.max(now),
            state: TryState::Wrong,
            ..self
        }
    }

    pub(super) fn is_held_by(&self, who: &Holder) -> bool {
        matches!(&self.state, TryState::Reserved { holder } if holder == who)
    }
}

/// An account that a host called unfit to log in: no secret is sent anywhere.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stop {
    /// The account.
    pub account: AccountKey,
    /// The host that said so.
    pub host: HostLabel,
    /// What it said.
    pub why: StopReason,
    /// When.
    pub at: UtcTime,
}

/// Why an account is stopped.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[expect(missing_docs, reason = "the result codes of the same names say it")]
pub enum StopReason {
    Locked,
    Disabled,
    Expired,
    PasswordExpired,
}

impl StopReason {
    /// The reason in a result; `None` for results that stop no account. (Logon hours pass by
    /// themselves, so that one is only a try.)
    pub fn from_code(code: ResultCode) -> Option<Self> {
        Self::ALL.into_iter().find(|reason| reason.code() == code)
    }

    /// The result code of it.
    pub fn code(self) -> ResultCode {
        match self {
            Self::Locked => ResultCode::AccountLocked,
            Self::Disabled => ResultCode::AccountDisabled,
            Self::Expired => ResultCode::AccountExpired,
            Self::PasswordExpired => ResultCode::PasswordExpired,
        }
    }

    const ALL: [Self; 4] = [
        Self::Locked,
        Self::Disabled,
        Self::Expired,
        Self::PasswordExpired,
    ];
}
