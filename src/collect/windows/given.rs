//! Facts of a Windows that were not asked for, but given: what a person wrote, or tools printed.

use super::super::facts::not_told;
use super::questions::{
    CBS, CURRENT_VERSION, FILES, IIS_SITES, LISTENERS, OS, QFE, SERVICES, UNINSTALL_64,
    UPDATE_POLICY,
};
use super::text::gap;
use super::{hotfixes, release};
use crate::model::{GapCause, Inventory, Observed};

/// Fills in what follows from what is there, and says which question each missing fact answers.
pub(in crate::collect) fn complete(inventory: &mut Inventory) {
    release::complete(&mut inventory.platform);
    let gaps = &mut inventory.gaps;
    if release::is_open(&inventory.platform)
        && !gaps.iter().any(|gap| gap.question == CURRENT_VERSION)
    {
        gaps.push(gap(CURRENT_VERSION, GapCause::NotAsked));
    }
    let facts = inventory.windows.get_or_insert_default();
    not_told(&mut facts.hotfixes, QFE, gaps);
    not_told(&mut facts.programs, UNINSTALL_64, gaps);
    not_told(&mut facts.services, SERVICES, gaps);
    not_told(&mut inventory.services, LISTENERS, gaps);
    not_told(&mut inventory.reboot, CBS, gaps);
    // None of these makes a scan partial.
    let mut others = Vec::new();
    not_told(&mut facts.files, FILES, &mut others);
    not_told(&mut facts.sites, IIS_SITES, &mut others);
    not_told(&mut facts.update_policy, UPDATE_POLICY, &mut others);
    not_told(&mut facts.last_boot, OS, &mut others);
    if let Observed::Known(updates) = &mut facts.hotfixes {
        for update in updates.iter_mut().filter(|update| update.kb.is_none()) {
            update.kb = hotfixes::kb(&update.id);
            if let Some(kb) = update.kb {
                update.id = kb.to_string();
            }
        }
        updates.sort_by(|a, b| a.id.cmp(&b.id));
    }
    if let Observed::Known(programs) = &mut facts.programs {
        programs.sort_unstable();
    }
    if let Observed::Known(files) = &mut facts.files {
        for file in files.iter_mut() {
            file.path.make_ascii_lowercase();
        }
        files.sort_unstable();
    }
}
