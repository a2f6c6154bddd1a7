//! What is really there: what the comparison is measured by.

use std::net::IpAddr;
use underdesk::model::ManagedState;

/// A row of a list: the list's name, and the line of the file on which the row stands, from 1.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct RowAt {
    pub(crate) list: &'static str,
    pub(crate) line: u64,
}

/// A machine as it is, or what only lists believe in.
#[derive(Clone, Debug)]
pub(crate) struct TrueMachine {
    /// What it is, in a sentence.
    pub(crate) what: String,
    /// Of which kind of the parameters it is.
    pub(crate) kind: &'static str,
    /// How it stands; `None` where nothing is to be said of it: neither live nor on a list that vouches.
    pub(crate) state: Option<ManagedState>,
    /// Why; empty where that is left open.
    pub(crate) reason: String,
    /// Where the judged run meets it: each address is one machine's only.
    pub(crate) addresses: Vec<IpAddr>,
    /// All the names that any list or run has for it, short, lower case, its own first.
    pub(crate) names: Vec<String>,
    /// Where lists and runs before the judged one have it.
    pub(crate) known_at: Vec<IpAddr>,
    /// The rows of the lists that are its own.
    pub(crate) rows: Vec<RowAt>,
}

impl TrueMachine {
    /// Whether it answers for itself or, as an intermediary, for others in the judged run.
    pub(crate) fn is_live(&self) -> bool {
        !self.addresses.is_empty()
    }
}
