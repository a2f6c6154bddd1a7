//! What the breaker remembers, and its form in a database.
//!
//! A database keeps a try as the [`AccountKey::bucket`] to search by, a [`Try::record`], the run, the
//! time, and whether it is wrong; a stop as the bucket, a [`Stop::record`] and the time. A record that
//! does not read back has to be taken for an open breaker: it is a try that nobody can count.

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
#[derive(Clone, Debug, PartialEq, Eq)]
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
#[derive(Clone, Debug, PartialEq, Eq)]
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
    /// The try that [`Decision::Go`](super::Decision::Go) allows.
    pub fn reserve(ask: &Ask<'_>) -> Self {
        Self {
            account: ask.account.clone(),
            host: ask.host.clone(),
            run: ask.run.clone(),
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

    /// Account, host and holder as one text. It stays the same when the try turns out wrong.
    pub fn record(&self) -> String {
        let holder = match &self.state {
            TryState::Reserved { holder } => Some(holder.clone()),
            TryState::Wrong => None,
        };
        text(&TryRecord {
            account: self.account.clone(),
            host: self.host.clone(),
            holder,
        })
    }

    /// Reads a record back; `None` where it is not one.
    pub fn from_record(record: &str, run: RunId, at: UtcTime, is_wrong: bool) -> Option<Self> {
        let record: TryRecord = serde_json::from_str(record).ok()?;
        let state = match (is_wrong, record.holder) {
            (false, Some(holder)) => TryState::Reserved { holder },
            _ => TryState::Wrong,
        };
        Some(Self {
            account: record.account,
            host: record.host,
            run,
            at,
            state,
        })
    }

    pub(super) fn is_held_by(&self, who: &Holder) -> bool {
        matches!(&self.state, TryState::Reserved { holder } if holder == who)
    }
}

/// An account that a host called unfit to log in: no secret is sent anywhere.
#[derive(Clone, Debug, PartialEq, Eq)]
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

impl Stop {
    /// Account, host and reason as one text.
    pub fn record(&self) -> String {
        text(&StopRecord {
            account: self.account.clone(),
            host: self.host.clone(),
            why: self.why,
        })
    }

    /// Reads a record back; `None` where it is not one.
    pub fn from_record(record: &str, at: UtcTime) -> Option<Self> {
        let StopRecord { account, host, why } = serde_json::from_str(record).ok()?;
        Some(Self {
            account,
            host,
            why,
            at,
        })
    }
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

#[derive(Serialize, Deserialize)]
struct TryRecord {
    account: AccountKey,
    host: HostLabel,
    holder: Option<Holder>,
}

#[derive(Serialize, Deserialize)]
struct StopRecord {
    account: AccountKey,
    host: HostLabel,
    why: StopReason,
}

/// Plain data always has a text; should it not, the empty one reads as an open breaker.
fn text(record: &impl Serialize) -> String {
    serde_json::to_string(record).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::super::account::tests::{account, label};
    use super::*;

    #[test]
    fn tries_and_stops_survive_their_trip_through_the_store() {
        let host = label(1, "k");
        let (run, at) = (RunId::new("r"), UtcTime::from_unix(1_800_000_000));
        let reserved = Try {
            account: account("user = 'root'\naccount = 'local'", &host),
            host: host.clone(),
            run: run.clone(),
            at,
            state: TryState::Reserved {
                holder: Holder::new("me"),
            },
        };
        let record = reserved.record();
        let read = |wrong| Try::from_record(&record, run.clone(), at, wrong);
        assert_eq!(read(false), Some(reserved.clone()));
        assert_eq!(read(true), Some(reserved.clone().spent(at)));
        assert_eq!(Try::from_record("", run.clone(), at, false), None);

        let stop = Stop {
            account: reserved.account,
            host,
            why: StopReason::PasswordExpired,
            at,
        };
        assert_eq!(Stop::from_record(&stop.record(), at), Some(stop));
    }
}
