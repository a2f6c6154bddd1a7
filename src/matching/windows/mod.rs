//! Which updates a Windows lacks.

mod components;
mod programs;
mod row;

pub use programs::{Rules, RulesError};

use super::Which;
use super::known::{Known, Wanted};
use crate::model::{Date, Finding, Inventory, ProductKey, WindowsFacts, WindowsRelease};

/// The products and tables that a host is judged by, of those that the catalogue has (`index`, sorted).
/// Nothing for a host that is no Windows.
pub fn wanted(inventory: &Inventory, index: &[ProductKey]) -> Wanted {
    let _ = (inventory, index);
    Wanted::default()
}

/// What every rule looks at.
pub(super) struct Case<'a> {
    pub(super) inventory: &'a Inventory,
    pub(super) facts: &'a WindowsFacts,
    pub(super) release: &'a WindowsRelease,
    pub(super) known: &'a Known<'a>,
    pub(super) today: Date,
    pub(super) which: Which,
}

/// All verdicts on a Windows.
pub(super) fn judge(case: &Case<'_>) -> Vec<Finding> {
    let _ = case;
    Vec::new()
}
