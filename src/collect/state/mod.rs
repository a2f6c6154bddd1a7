//! The state of a Unix beside its packages: where its updates come from and how safe that is, what
//! it is entitled to, what runs that should have been restarted, and what was changed when by whom.
//!
//! One function serves every collector: the questions are the same for all. A missing log or tool is
//! unknown because it is missing, one that may not be read because it is denied; neither is empty.

mod entitlement;
mod history;
mod owners;
pub(super) mod questions;
mod restart;
mod running;
mod sources;

pub(super) use owners::with_versions;
pub(super) use restart::{Signs, reboot};

use crate::model::{Observed, Platform, UnixFacts};
use crate::session::Answers;

/// What a Unix says of its state. Snaps, flatpaks and applications are left to whoever reads packages.
pub(super) fn facts(answers: &Answers, platform: &Platform) -> UnixFacts {
    UnixFacts {
        sources: Observed::from(sources::sources(answers)),
        refreshed: Observed::from(entitlement::refreshed(answers)),
        subscription: Observed::from(entitlement::subscription(answers)),
        products: Observed::from(entitlement::products(answers)),
        modules: Observed::from(entitlement::modules(answers)),
        live_patches: Observed::from(running::live_patches(answers, platform)),
        stale: Observed::from(running::stale(answers)),
        history: Observed::from(history::history(answers)),
        containers: Observed::from(running::containers(answers)),
        ..UnixFacts::default()
    }
}
