//! Verdicts on an inventory, with what the run knows.

use super::{Context, Event, RunError};
use crate::matching::{self, Knowledge, Known};
use crate::model::{Date, Finding, Inventory};
use crate::store::Matched;
use std::net::IpAddr;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

/// The verdicts on what a host of this run has; the inventory is handed back. Loading a slice and
/// matching take long enough to keep them away from the threads that talk. No more are judged at once than there
/// are processors: more threads are no faster, and each keeps memory to itself until the run ends.
pub(super) async fn judge(
    cx: &Context,
    address: IpAddr,
    inventory: Inventory,
) -> Result<(Inventory, Matched), RunError> {
    let (knowledge, today) = (cx.knowledge.clone(), cx.today);
    #[cfg(test)]
    let broken = cx.broken;
    let work = move || {
        let judged = || {
            #[cfg(test)]
            super::broken_at(broken, (address, crate::model::Stage::Match));
            of(&knowledge, &inventory, today)
        };
        let matched = sound(judged, &inventory, &knowledge);
        matched.map(|matched| (inventory, matched))
    };
    // Nobody ever closes it.
    let _turn = cx.judges.acquire().await.ok();
    // Only a program that shuts down leaves it undone.
    let Ok(judged) = tokio::task::spawn_blocking(work).await else {
        return std::future::pending().await;
    };
    let (inventory, matched) = judged?;
    if matching::is_defect(&matched.findings) {
        let text = format!(
            "{address}: a defect of this program ended the judging of what was read; that is kept, and underdesk match \
             judges it again; please report it"
        );
        cx.tell(Event::Warning { text });
    }
    Ok((inventory, matched))
}

/// The verdicts on an inventory, as of a day.
///
/// # Errors
/// A catalogue that cannot be read: better no verdict than a wrong one.
pub fn of(knowledge: &Knowledge, inventory: &Inventory, today: Date) -> Result<Matched, RunError> {
    let known = Known::load(knowledge, inventory)?;
    let findings = matching::remembered(inventory, &known, today);
    Ok(Matched {
        findings: Arc::new(findings),
        catalog_digest: knowledge.catalog.digest().to_owned(),
        end_of_life: known.lifecycle.and_then(|lifecycle| lifecycle.end_of_life),
        age: known.age,
    })
}

/// What judging an inventory gives. Where it ends in a panic, a defect of ours, the verdict is that there is none: the
/// inventory is worth keeping, and another catalogue or a mended program may judge it.
pub(super) fn sound(
    judged: impl FnOnce() -> Result<Matched, RunError>,
    inventory: &Inventory,
    knowledge: &Knowledge,
) -> Result<Matched, RunError> {
    // What it borrows it only reads.
    catch_unwind(AssertUnwindSafe(judged)).unwrap_or_else(|_| {
        Ok(Matched {
            findings: Arc::new(vec![matching::defect(&inventory.platform)]),
            catalog_digest: knowledge.catalog.digest().to_owned(),
            end_of_life: None,
            age: None,
        })
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
