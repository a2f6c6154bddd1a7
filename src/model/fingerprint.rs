//! What a host seems to be, judged from what it shows without a login.

use super::{Date, Family, UtcTime};
use serde::{Deserialize, Serialize};

/// What a host seems to be. Never more than a family and its end of life: no update can be seen from
/// outside, so nothing here is a verdict.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Fingerprint {
    /// Its short name.
    pub hostname: Option<Claim>,
    /// Its full name.
    pub fqdn: Option<Claim>,
    /// The domain or workgroup that it belongs to.
    pub domain: Option<Claim>,
    /// Whether that is a domain.
    pub is_domain_member: Option<bool>,
    /// The kind of operating system.
    pub family: Option<Family>,
    /// The operating system as far as it is known: `Windows Server 2019 or Windows 10 1809`,
    /// `Debian 12`, `Windows, unknown build 29000`.
    pub os: Option<Claim>,
    /// Its version or release, where only one can be meant.
    pub os_version: Option<String>,
    /// The build of a Windows.
    pub build: Option<u32>,
    /// The last day of support, where every system that it can be has ended by then.
    pub end_of_life: Option<Date>,
    /// What kind of device it is.
    pub device: DeviceKind,
    /// How sure that is.
    pub device_certainty: Certainty,
    /// What it does: sorted, without repeats.
    pub roles: Vec<Role>,
    /// Its hardware addresses, sorted.
    pub macs: Vec<String>,
    /// Who made its network card, or what the address marks: `Dell`, `VMware (virtual)`, `VRRP (shared)`.
    pub mac_vendor: Option<String>,
    /// What is wrong with it that can be seen from outside: sorted.
    pub weaknesses: Vec<Weakness>,
    /// How many seconds its clock is off; positive when it is ahead.
    pub clock_skew: Option<i64>,
}

/// Something that is claimed of a host, by whom, and how sure it is.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Claim {
    /// What is claimed.
    pub value: String,
    /// How sure it is.
    pub certainty: Certainty,
    /// The exchanges that say so: `smb2 445`, sorted.
    pub sources: Vec<String>,
}

/// How sure a claim is.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(rename_all = "snake_case")]
pub enum Certainty {
    /// Nothing is claimed.
    #[default]
    None,
    /// It often is so where this is seen.
    Guess,
    /// One exchange says so, and nothing speaks against it.
    Likely,
    /// The protocol states it, or several exchanges agree.
    Sure,
}

impl Certainty {
    #[expect(
        clippy::trivially_copy_pass_by_ref,
        reason = "serde hands out a reference"
    )]
    pub(super) fn is_none(&self) -> bool {
        *self == Self::None
    }

    /// The word used in exports; empty where nothing is claimed.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::None => "",
            Self::Guess => "guess",
            Self::Likely => "likely",
            Self::Sure => "sure",
        }
    }
}

/// A kind of device.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
#[expect(missing_docs, reason = "the words are the field's own")]
pub enum DeviceKind {
    #[default]
    Unknown,
    /// A server, workstation or virtual machine.
    Computer,
    Hypervisor,
    Printer,
    Switch,
    Router,
    Firewall,
    AccessPoint,
    /// A switch, router, firewall or access point.
    Network,
    Nas,
    Camera,
    Phone,
    Ups,
    /// An industrial controller.
    Plc,
    /// A management board: iDRAC, iLO, IPMI.
    ManagementBoard,
    /// Something small with a fixed purpose.
    Embedded,
}

impl DeviceKind {
    /// The word used in exports; empty when it is not to be told.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Unknown => "",
            Self::Computer => "computer",
            Self::Hypervisor => "hypervisor",
            Self::Printer => "printer",
            Self::Switch => "switch",
            Self::Router => "router",
            Self::Firewall => "firewall",
            Self::AccessPoint => "access_point",
            Self::Network => "network",
            Self::Nas => "nas",
            Self::Camera => "camera",
            Self::Phone => "phone",
            Self::Ups => "ups",
            Self::Plc => "plc",
            Self::ManagementBoard => "management_board",
            Self::Embedded => "embedded",
        }
    }

    /// Whether it gets no further probe once it is known: what it does may end with one.
    pub fn is_fragile(self) -> bool {
        matches!(self, Self::Printer | Self::Plc | Self::Ups | Self::Camera)
    }
}

/// What a machine does for others.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
#[expect(missing_docs, reason = "the words are the field's own")]
pub enum Role {
    DomainController,
    Exchange,
    FileServer,
    Hypervisor,
    Iis,
    SqlServer,
    WebServer,
}

impl Role {
    /// The word used in exports.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::DomainController => "domain_controller",
            Self::Exchange => "exchange",
            Self::FileServer => "file_server",
            Self::Hypervisor => "hypervisor",
            Self::Iis => "iis",
            Self::SqlServer => "sql_server",
            Self::WebServer => "web_server",
        }
    }
}

/// Something that is wrong, and can be seen from outside.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Weakness {
    /// What it is, as a stable word: `smb1`, `smb_signing_optional`, `old_tls`, `no_nla`,
    /// `certificate_expired`, `end_of_life`.
    pub kind: String,
    /// The particulars: `TLS 1.0 on port 443`.
    pub detail: String,
}

/// A TLS certificate, as far as it tells who a host is.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Certificate {
    /// The subject, as RFC 4514 writes it.
    pub subject: String,
    /// The issuer.
    pub issuer: String,
    /// The subject's common name.
    pub common_name: String,
    /// DNS names and addresses of the subject alternative name, at most 20.
    pub names: Vec<String>,
    /// When it begins to be valid.
    pub not_before: Option<UtcTime>,
    /// When it ceases to be valid.
    pub not_after: Option<UtcTime>,
    /// Whether it vouches for itself.
    pub is_self_signed: bool,
    /// SHA-256 of the certificate, hex.
    pub sha256: String,
}
