//! The facts of one host, as they are passed on in a file.

use super::{Inventory, MachineId};
use serde::{Deserialize, Serialize};
use std::net::IpAddr;
use std::sync::Arc;

/// One host's facts: what `export --format facts` prints and `match --facts` reads, described in
/// `docs/facts.md`.
///
/// Whatever a person leaves out is unknown, and never empty: `"known": []` says that there is nothing.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct HostFacts {
    /// [`HostFacts::FORMAT`]: what this object is.
    pub format: String,
    /// [`HostFacts::VERSION`]: which keys it may have.
    pub version: u32,
    /// The machine in the run that it was exported from; nothing is read from it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub machine_id: Option<MachineId>,
    /// What the operator calls the host.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Its addresses; the first that no other host has taken is the one it is listed by.
    #[serde(default)]
    pub addresses: Vec<IpAddr>,
    /// The operator's tags.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tags: Vec<String>,
    /// What was read from it.
    pub inventory: Arc<Inventory>,
}

impl HostFacts {
    /// The word that every object begins with.
    pub const FORMAT: &str = "underdesk-facts";

    /// The version that is written. A version more is a key that older programs do not know.
    pub const VERSION: u32 = 1;

    /// Facts without a name or an address.
    pub fn of(inventory: impl Into<Arc<Inventory>>) -> Self {
        Self {
            format: Self::FORMAT.to_owned(),
            version: Self::VERSION,
            machine_id: None,
            name: None,
            addresses: Vec::new(),
            tags: Vec::new(),
            inventory: inventory.into(),
        }
    }
}
