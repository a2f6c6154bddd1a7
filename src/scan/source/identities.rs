//! What the addresses of a run showed that only they can be.

use crate::identify;
use crate::scan::RunError;
use crate::store::RunReport;
use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

/// The addresses of each machine that showed an SSH host key which others may show as well, by the key's fingerprint.
pub(super) type KeysShown = BTreeMap<String, Vec<Vec<IpAddr>>>;

/// What identifies who answers.
#[derive(Debug, Default)]
pub(super) struct Identities {
    /// By address, where anybody wants to know.
    pub(super) shown: BTreeMap<IpAddr, BTreeSet<String>>,
    /// The SSH host keys among it.
    pub(super) keys: KeysShown,
}

impl Identities {
    /// Reads what each address showed that only it can be, where that `is_wanted`, and the addresses of each machine
    /// by its host key.
    pub(super) fn read(report: &RunReport, is_wanted: bool) -> Result<Self, RunError> {
        let mut all = Self::default();
        if !is_wanted && !report.has_common_keys() {
            return Ok(all);
        }
        let Self { shown, keys } = &mut all;
        let walk = report.skim(&mut |machine, is_read| {
            let key = machine.host_key.as_ref();
            if let Some(key) = key.filter(|key| report.is_key_common(key)) {
                let own = keys.entry(key.fingerprint.clone()).or_default();
                own.push(machine.addresses.clone());
            }
            if !is_wanted {
                return Ok(());
            }
            for (address, clue) in &machine.clues {
                let identities = identify::identities(std::slice::from_ref(clue));
                shown.entry(*address).or_default().extend(identities);
            }
            // What a login met is not among the clues.
            if let Some(key) = key {
                for address in &machine.addresses {
                    let own = shown.entry(*address).or_default();
                    own.insert(key.fingerprint.clone());
                }
            }
            // Whoever let us in is a machine.
            if is_read {
                let own = machine.id.to_string();
                for address in &machine.addresses {
                    shown.entry(*address).or_default().insert(own.clone());
                }
            }
            Ok(())
        });
        walk.map_err(RunError::Read)?;
        Ok(all)
    }
}
