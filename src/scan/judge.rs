//! Verdicts on an inventory, with the catalogue of the run.

use super::{Context, RunError};
use crate::catalog::{Catalog, Slice};
use crate::matching;
use crate::model::{Date, Finding, Inventory, Lifecycle};
use crate::store::Matched;
use std::sync::Arc;

/// The verdicts on what a host of this run has.
pub(super) fn judge(cx: &Context, inventory: &Inventory) -> Result<Matched, RunError> {
    of(&cx.catalog, inventory, cx.today)
}

/// The verdicts on an inventory, as of a day.
///
/// # Errors
/// A catalogue that cannot be read: better no verdict than a wrong one.
pub fn of(catalog: &Catalog, inventory: &Inventory, today: Date) -> Result<Matched, RunError> {
    let (slice, lifecycle) = known(catalog, inventory)?;
    let findings = matching::findings(inventory, slice.as_deref(), lifecycle, today);
    Ok(Matched {
        findings: Arc::new(findings),
        catalog_digest: catalog.digest().to_owned(),
        end_of_life: lifecycle.and_then(|lifecycle| lifecycle.end_of_life),
    })
}

/// All findings on an inventory, those that are closed included.
pub(super) fn with_closed(
    catalog: &Catalog,
    inventory: &Inventory,
    today: Date,
) -> Result<Vec<Finding>, RunError> {
    let (slice, lifecycle) = known(catalog, inventory)?;
    let slice = slice.as_deref();
    Ok(matching::findings_with_closed(
        inventory, slice, lifecycle, today,
    ))
}

/// What the catalogue knows of a system.
fn known<'a>(
    catalog: &'a Catalog,
    inventory: &Inventory,
) -> Result<(Option<Arc<Slice>>, Option<&'a Lifecycle>), RunError> {
    let platform = &inventory.platform;
    let slice = match &platform.ecosystem {
        Some(ecosystem) => catalog.slice(ecosystem)?,
        None => None,
    };
    let release = matching::lifecycle_of(platform);
    let lifecycle = release.and_then(|(id, version)| catalog.lifecycle(&id, &version));
    Ok((slice, lifecycle))
}
