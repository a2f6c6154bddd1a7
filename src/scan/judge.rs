//! Verdicts on an inventory, with what the run knows.

use super::{Context, RunError};
use crate::matching::{self, Knowledge, Known};
use crate::model::{Date, Finding, Inventory};
use crate::store::Matched;
use std::sync::Arc;

/// The verdicts on what a host of this run has; the inventory is handed back. Loading a slice and
/// matching take long enough to keep them away from the threads that talk.
pub(super) async fn judge(
    cx: &Context,
    inventory: Inventory,
) -> Result<(Inventory, Matched), RunError> {
    let (knowledge, today) = (cx.knowledge.clone(), cx.today);
    let work = move || {
        let matched = of(&knowledge, &inventory, today);
        matched.map(|matched| (inventory, matched))
    };
    match tokio::task::spawn_blocking(work).await {
        Ok(judged) => judged,
        Err(error) => match error.try_into_panic() {
            // A bug met here is that of this host's task, like any other.
            Ok(panic) => std::panic::resume_unwind(panic),
            // The program is shutting down.
            Err(_) => std::future::pending().await,
        },
    }
}

/// The verdicts on an inventory, as of a day.
///
/// # Errors
/// A catalogue that cannot be read: better no verdict than a wrong one.
pub fn of(knowledge: &Knowledge, inventory: &Inventory, today: Date) -> Result<Matched, RunError> {
    let known = Known::load(knowledge, inventory)?;
    let findings = matching::findings(inventory, &known, today);
    Ok(Matched {
        findings: Arc::new(findings),
        catalog_digest: knowledge.catalog.digest().to_owned(),
        end_of_life: known.lifecycle.and_then(|lifecycle| lifecycle.end_of_life),
    })
}

/// All findings on an inventory, those that are closed included.
pub(super) fn with_closed(
    knowledge: &Knowledge,
    inventory: &Inventory,
    today: Date,
) -> Result<Vec<Finding>, RunError> {
    let known = Known::load(knowledge, inventory)?;
    Ok(matching::findings_with_closed(inventory, &known, today))
}
