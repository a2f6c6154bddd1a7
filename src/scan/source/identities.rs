//! What the addresses of a run showed that only they can be.

use crate::identify;
use crate::scan::RunError;
use crate::store::RunReport;
use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

/// The addresses of each machine that showed an SSH host key, by the key's fingerprint.
pub(super) type KeysShown = BTreeMap<String, Vec<Vec<IpAddr>>>;

/// What identifies who answers.
#[derive(Debug, Default)]
pub(super) struct Identities {
    /// By address.
    pub(super) shown: BTreeMap<IpAddr, BTreeSet<String>>,
    /// The SSH host keys among it.
    pub(super) keys: KeysShown,
}

impl Identities {
    /// Reads what each address showed that only it can be, and the addresses of each machine by its host key.
    pub(super) fn read(report: &RunReport) -> Result<Self, RunError> {
        let mut all = Self::default();
        let Self { shown, keys } = &mut all;
        let walk = report.skim(&mut |machine, is_read| {
            for (address, clue) in &machine.clues {
                let identities = identify::identities(std::slice::from_ref(clue));
                shown.entry(*address).or_default().extend(identities);
            }
            // What a login met is not among the clues.
            if let Some(key) = &machine.host_key {
                if key.algorithm != "x509" {
                    let own = keys.entry(key.fingerprint.clone()).or_default();
                    own.push(machine.addresses.clone());
                }
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
