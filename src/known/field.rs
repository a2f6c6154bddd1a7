//! What a column of a list may tell of a machine.

use serde::{Deserialize, Serialize};

/// What a column tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Field {
    /// A name: short, `DOMAIN\NAME`, `NAME$`, or a full one.
    Name,
    /// A full DNS name.
    Fqdn,
    /// The domain or workgroup.
    Domain,
    /// One or several addresses.
    Address,
    /// One or several hardware addresses.
    Mac,
    /// The hardware's serial number.
    Serial,
    /// The SMBIOS uuid.
    Uuid,
    /// What the list itself tells its machines apart by.
    OwnId,
    /// An SSH host key or its fingerprint.
    HostKey,
    /// The hardware's maker.
    Maker,
    /// The hardware's model.
    Model,
    /// The operating system.
    Os,
    /// Who answers for it.
    Owner,
    /// When it last reported.
    LastSeen,
    /// When it was made or first seen.
    FirstSeen,
    /// When updates were last installed.
    LastPatched,
    /// Whether the list vouches for it: a word such as `Retired` or `Onboarded`, or yes and no.
    Status,
    /// Yes where it is switched off.
    Disabled,
    /// Active Directory's `userAccountControl`, whose bit 2 switches an account off.
    AccountControl,
    /// The switch behind which it is.
    Switch,
    /// The port of that switch.
    Port,
}

impl Field {
    /// All of them, in the order of help texts.
    pub const ALL: &'static [Self] = &[
        Self::Name,
        Self::Fqdn,
        Self::Domain,
        Self::Address,
        Self::Mac,
        Self::Serial,
        Self::Uuid,
        Self::OwnId,
        Self::HostKey,
        Self::Maker,
        Self::Model,
        Self::Os,
        Self::Owner,
        Self::LastSeen,
        Self::FirstSeen,
        Self::LastPatched,
        Self::Status,
        Self::Disabled,
        Self::AccountControl,
        Self::Switch,
        Self::Port,
    ];

    /// The word in flags, files and messages.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Name => "name",
            Self::Fqdn => "fqdn",
            Self::Domain => "domain",
            Self::Address => "address",
            Self::Mac => "mac",
            Self::Serial => "serial",
            Self::Uuid => "uuid",
            Self::OwnId => "own_id",
            Self::HostKey => "host_key",
            Self::Maker => "maker",
            Self::Model => "model",
            Self::Os => "os",
            Self::Owner => "owner",
            Self::LastSeen => "last_seen",
            Self::FirstSeen => "first_seen",
            Self::LastPatched => "last_patched",
            Self::Status => "status",
            Self::Disabled => "disabled",
            Self::AccountControl => "account_control",
            Self::Switch => "switch",
            Self::Port => "port",
        }
    }

    /// Reads the word in flags and files.
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|one| one.as_str() == word)
    }

    /// Whether a column of it, alone, can tell which machine a row is of.
    pub fn identifies(self) -> bool {
        matches!(
            self,
            Self::Name
                | Self::Fqdn
                | Self::Address
                | Self::Mac
                | Self::Serial
                | Self::Uuid
                | Self::HostKey
        )
    }

    /// Whether it is a day.
    pub(super) fn is_day(self) -> bool {
        matches!(self, Self::LastSeen | Self::FirstSeen | Self::LastPatched)
    }
}
