//! The state of a Unix beside its packages: where its updates come from and how safe that is, what
//! it is entitled to, what runs that should have been restarted, and what was changed when by whom.
//!
//! One function serves every collector: the questions are the same for all.

pub(super) mod questions;

use crate::model::{Platform, UnixFacts};
use crate::session::Answers;

/// What a Unix says of its state. Snaps, flatpaks and applications are left to whoever reads packages.
pub(super) fn facts(_answers: &Answers, _platform: &Platform) -> UnixFacts {
    UnixFacts::default()
}
