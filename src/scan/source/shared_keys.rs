//! SSH host keys that several machines of a run showed.

use super::identities::KeysShown;
use super::intermediaries::Intermediaries;
use crate::model::MachineRecord;
use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

/// The addresses of all machines that showed a key, by the key's fingerprint.
#[derive(Debug, Default)]
pub(super) struct SharedKeys(BTreeMap<String, BTreeSet<IpAddr>>);

impl SharedKeys {
    /// Which SSH host keys are shown by more than one machine, as far as identities tell. (A certificate
    /// may be meant for many.) Who answers for others is no machine.
    pub(super) fn among(keys: KeysShown, nobody: &Intermediaries) -> Self {
        let mut shared = BTreeMap::new();
        for (key, mut machines) in keys {
            machines.retain(|addresses| !addresses.iter().all(|at| nobody.answer_at(*at)));
            if machines.len() > 1 {
                let addresses = machines.into_iter().flatten().collect();
                shared.insert(key, addresses);
            }
        }
        Self(shared)
    }

    /// The addresses of the other machines that showed a machine's key, sorted.
    pub(super) fn others(&self, machine: &MachineRecord) -> Vec<IpAddr> {
        let key = machine.host_key.as_ref();
        let shared = key.and_then(|key| self.0.get(&key.fingerprint));
        let others = shared.into_iter().flatten().copied();
        others
            .filter(|address| !machine.addresses.contains(address))
            .collect()
    }
}
