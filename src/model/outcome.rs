//! How the scan of one address ended.

use super::{AccessRecord, Clue, CredentialId, HostKey, Inventory, LiveHost, ResultCode, Service};
use serde::{Deserialize, Serialize};
use std::error::Error;

/// How the scan of one live address ended. Never an `Err`: a host that fails is a result.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HostOutcome {
    /// Which host.
    pub host: LiveHost,
    /// The machine's name as the network tells it without a login, where it does.
    pub host_key: Option<HostKey>,
    /// What was collected: `None` for a host that was not read.
    pub inventory: Option<Inventory>,
    /// The credential that worked.
    pub credential: Option<CredentialId>,
    /// Where it stopped, when it did.
    pub failure: Option<HostFailure>,
    /// Every way in that was tried or ruled out.
    pub access: Vec<AccessRecord>,
    /// What the network showed.
    pub services: Vec<Service>,
    /// What it showed without a login.
    pub clues: Vec<Clue>,
    /// How long its own stages took, in milliseconds.
    pub elapsed_ms: u64,
}

impl HostOutcome {
    /// The one word for it, as in the `outcome` column.
    pub fn word(&self) -> &'static str {
        match (&self.inventory, &self.failure) {
            (Some(inventory), None) if inventory.gaps.is_empty() => "scanned_full",
            (Some(_), _) => "scanned_partial",
            (None, Some(failure)) if failure.stage == Stage::Wait => "not_begun",
            (None, Some(_)) => "failed",
            (None, None) => "network_only",
        }
    }
}

/// Where and why a host stopped.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct HostFailure {
    /// The stage that failed.
    pub stage: Stage,
    /// A stable word for scripts.
    pub code: ResultCode,
    /// The whole error chain on one line, for people. Attacker-controlled in part.
    pub detail: String,
    /// Whether another try may end better.
    pub retryable: bool,
}

impl HostFailure {
    /// Why a host was not begun although its turn would have come: nothing of a credential was used.
    pub fn not_begun(code: ResultCode, why: String) -> Self {
        Self {
            stage: Stage::Wait,
            code,
            detail: why,
            retryable: true,
        }
    }

    /// What is said of a host on which this program failed. What it failed of may hold anything, and is not told here.
    pub fn defect(stage: Stage) -> Self {
        let stage_word = stage.as_str();
        Self {
            stage,
            code: ResultCode::Defect,
            detail: format!(
                "a defect of this program ended the work on this host in its stage {stage_word}; please report it"
            ),
            retryable: false,
        }
    }

    /// Turns a module's error into data, at the border of the stage.
    pub fn at(stage: Stage, error: &dyn Failure) -> Self {
        let mut detail = error.to_string();
        let mut source = error.source();
        while let Some(cause) = source {
            detail.push_str(": ");
            detail.push_str(&cause.to_string());
            source = cause.source();
        }
        Self {
            stage,
            code: error.code(),
            detail,
            retryable: error.retryable(),
        }
    }
}

/// An error that can end the scan of a host.
pub trait Failure: Error {
    /// A stable word for scripts.
    fn code(&self) -> ResultCode;

    /// Whether another try may end better.
    fn retryable(&self) -> bool;
}

/// A stage of the pipeline, in order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Stage {
    /// Waiting for its turn: nothing was begun.
    Wait,
    /// Asking who it is, before any login.
    Identify,
    /// Connecting, and finding out whether we know who answers.
    Meet,
    /// Logging in.
    Login,
    /// Asking what the host is and what is installed.
    Collect,
    /// Searching the catalogue.
    Match,
}

impl Stage {
    /// The word used in progress and exports.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Wait => "wait",
            Self::Identify => "identify",
            Self::Meet => "meet",
            Self::Login => "login",
            Self::Collect => "collect",
            Self::Match => "match",
        }
    }
}
