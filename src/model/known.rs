//! Lists that the organisation has of its machines: what somebody believes is there.

use super::Date;
use serde::{Deserialize, Serialize};
use std::net::IpAddr;

/// A list of machines, as it was read from one file.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct KnownList {
    /// What it is called: the operator's name for it, else the file's without extension. Unique among the
    /// lists of a run.
    pub name: String,
    /// What wrote it.
    pub kind: ListKind,
    /// What it vouches for: sorted, without repeats.
    pub vouches: Vec<Vouch>,
    /// The day it tells of: the operator's word, else the newest day that it holds, else the file's own.
    pub as_of: Option<Date>,
    /// Its machines, in the order of the file.
    pub records: Vec<KnownRecord>,
}

impl KnownList {
    /// Whether who is on it is believed to be looked after. A list that only says that something exists (a
    /// lease, a scan) knows the machine and makes nobody responsible for it.
    pub fn vouches_for_care(&self) -> bool {
        self.vouches.iter().any(|vouch| *vouch != Vouch::Exists)
    }
}

/// One row of a list. All texts are as written there, trimmed; attacker-controlled where a machine can name
/// itself (leases, agents).
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct KnownRecord {
    /// Its line in the file (its row in a sheet), from 1.
    pub row: u64,
    /// The short name.
    pub name: Option<String>,
    /// The full DNS name.
    pub fqdn: Option<String>,
    /// The domain or workgroup, DNS or NetBIOS.
    pub domain: Option<String>,
    /// Its addresses.
    pub addresses: Vec<IpAddr>,
    /// Its hardware addresses, `aa:bb:cc:dd:ee:ff`.
    pub macs: Vec<String>,
    /// The hardware's serial number.
    pub serial: Option<String>,
    /// The SMBIOS uuid, lower case with hyphens.
    pub uuid: Option<String>,
    /// What the list itself tells its machines apart by: an objectGUID, a device id, an asset number.
    pub own_id: Option<String>,
    /// Fingerprints of SSH host keys, `SHA256:…`.
    pub host_keys: Vec<String>,
    /// The hardware's maker and model.
    pub model: Option<String>,
    /// The operating system, as written.
    pub os: Option<String>,
    /// Who answers for it.
    pub owner: Option<String>,
    /// When the machine last reported, logged on, or was seen, by the list.
    pub last_seen: Option<Date>,
    /// When it was made or first seen, by the list.
    pub first_seen: Option<Date>,
    /// When updates were last installed, by the list.
    pub last_patched: Option<Date>,
    /// Switched off there, retired, in stock: the list knows it and does not vouch for it.
    pub is_disabled: bool,
    /// The switch and port behind which it is.
    pub switch: Option<String>,
}

/// What wrote a list.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize,
)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
#[expect(missing_docs, reason = "the words are the field's own")]
pub enum ListKind {
    /// Addresses or names, or a table of which nothing more is known.
    #[default]
    Plain,
    ActiveDirectory,
    Wsus,
    ConfigMgr,
    Intune,
    /// Microsoft Defender for Endpoint, or the agents of another endpoint protection.
    Edr,
    Dhcp,
    Cmdb,
    #[serde(rename = "runzero")]
    RunZero,
    Lansweeper,
    Nmap,
    Ansible,
    /// Which hardware address is behind which port of which switch.
    Switch,
}

impl ListKind {
    /// All of them.
    pub const ALL: &'static [Self] = &[
        Self::Plain,
        Self::ActiveDirectory,
        Self::Wsus,
        Self::ConfigMgr,
        Self::Intune,
        Self::Edr,
        Self::Dhcp,
        Self::Cmdb,
        Self::RunZero,
        Self::Lansweeper,
        Self::Nmap,
        Self::Ansible,
        Self::Switch,
    ];

    /// The word in files and flags.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Plain => "plain",
            Self::ActiveDirectory => "active_directory",
            Self::Wsus => "wsus",
            Self::ConfigMgr => "config_mgr",
            Self::Intune => "intune",
            Self::Edr => "edr",
            Self::Dhcp => "dhcp",
            Self::Cmdb => "cmdb",
            Self::RunZero => "runzero",
            Self::Lansweeper => "lansweeper",
            Self::Nmap => "nmap",
            Self::Ansible => "ansible",
            Self::Switch => "switch",
        }
    }

    /// Reads the word in files and flags.
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|one| one.as_str() == word)
    }

    /// What such a list vouches for where the operator says nothing.
    pub fn vouches(self) -> &'static [Vouch] {
        match self {
            Self::Plain | Self::ActiveDirectory | Self::Cmdb | Self::Ansible => &[Vouch::Managed],
            Self::Wsus => &[Vouch::Patched],
            Self::ConfigMgr | Self::Intune => &[Vouch::Managed, Vouch::Patched],
            Self::Edr => &[Vouch::Protected],
            Self::Dhcp | Self::RunZero | Self::Lansweeper | Self::Nmap | Self::Switch => {
                &[Vouch::Exists]
            }
        }
    }
}

/// What being on a list says of a machine.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[expect(missing_docs, reason = "the words are the field's own")]
pub enum Vouch {
    Exists,
    Managed,
    Patched,
    Protected,
}

impl Vouch {
    /// All of them.
    pub const ALL: &'static [Self] = &[Self::Exists, Self::Managed, Self::Patched, Self::Protected];

    /// The word in files and flags.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Exists => "exists",
            Self::Managed => "managed",
            Self::Patched => "patched",
            Self::Protected => "protected",
        }
    }

    /// Reads the word in files and flags.
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|one| one.as_str() == word)
    }
}
