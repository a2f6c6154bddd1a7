//! A host that answered, and who it is.

use super::Observed;
use serde::{Deserialize, Serialize};
use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

/// An address that answered, with what the operator said of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LiveHost {
    /// The address.
    pub address: IpAddr,
    /// The name by which the operator gave it as a target. Never a name that the host or a
    /// reverse look-up claims: it chooses which secrets may be used.
    pub name: Option<Arc<str>>,
    /// The operator's tags, `key=value` or bare words, in the target file's order.
    pub tags: Arc<[String]>,
    /// Ports that accepted a connection so far.
    pub open_ports: Vec<u16>,
    /// The shortest round trip measured.
    pub round_trip: Option<Duration>,
}

/// Who a machine is, by what outlives its address.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct HostIdentity {
    /// machine-id(5): 32 hex digits, lower case.
    pub machine_id: Observed<String>,
    /// Windows' `MachineGuid`, lower case; a clone shares it with its original.
    #[serde(skip_serializing_if = "Observed::is_unheard_of")]
    pub machine_guid: Observed<String>,
    /// The running kernel's `boot_id`: new at every boot, shared by containers with their host.
    pub boot_id: Observed<String>,
    /// The SMBIOS uuid.
    pub product_uuid: Observed<String>,
    /// The SMBIOS serial number.
    pub serial: Observed<String>,
    /// The hardware's maker and model.
    pub vendor: Observed<String>,
    /// The network interfaces, without loopback.
    pub interfaces: Observed<Vec<NetworkInterface>>,
    /// The host's own short name.
    pub hostname: Observed<String>,
    /// The host's own full name.
    pub fqdn: Observed<String>,
}

impl HostIdentity {
    /// The MAC addresses that can tell machines apart: no zeros, no broadcast, lower case, sorted.
    pub fn macs(&self) -> Vec<String> {
        let interfaces = self.interfaces.known().map_or(&[][..], Vec::as_slice);
        let real =
            |mac: &&String| !matches!(mac.as_str(), "" | "00:00:00:00:00:00" | "ff:ff:ff:ff:ff:ff");
        let macs = interfaces.iter().map(|interface| &interface.mac);
        let mut macs: Vec<String> = macs.filter(real).cloned().collect();
        macs.sort_unstable();
        macs.dedup();
        macs
    }
}

/// A network interface.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(default)]
pub struct NetworkInterface {
    /// Its name.
    pub name: String,
    /// Its hardware address, `aa:bb:cc:dd:ee:ff`; empty where it has none.
    pub mac: String,
    /// Its addresses, without prefix lengths and without link-local ones, sorted.
    pub addresses: Vec<IpAddr>,
}

/// A host's public key.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct HostKey {
    /// The algorithm: `ssh-ed25519`.
    pub algorithm: String,
    /// The fingerprint as OpenSSH prints it: `SHA256:` and base64 without padding.
    pub fingerprint: String,
}

impl fmt::Display for HostKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.algorithm, self.fingerprint)
    }
}
