//! What a publisher says of a flaw.

use super::{BulletinId, Date, Nature, Severity, UtcTime};
use serde::{Deserialize, Serialize};

/// One published security notice.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Bulletin {
    /// The publisher's id.
    pub id: BulletinId,
    /// The feed it came from: `osv`, `debian-tracker`.
    pub feed: String,
    /// One line for people.
    pub title: String,
    /// The CVE ids it is about, sorted.
    pub cves: Vec<String>,
    /// The publisher's severity, where it states one.
    pub severity: Option<Severity>,
    /// The CVSS base score in tenths (98 is 9.8), where one is stated.
    pub cvss_tenths: Option<u8>,
    /// What sort of flaw it is, where the publisher says.
    #[serde(default, skip_serializing_if = "Nature::is_empty")]
    pub nature: Nature,
    /// When it was first published.
    pub published: Option<UtcTime>,
    /// When it was last changed.
    pub modified: Option<UtcTime>,
    /// When it was withdrawn. A withdrawn bulletin is kept and matches nothing.
    pub withdrawn: Option<UtcTime>,
    /// Where to read more.
    pub references: Vec<String>,
    /// What it affects, and what fixes it.
    pub affected: Vec<Affected>,
}

/// A package of a release that a bulletin speaks of.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Affected {
    /// The catalogue slice it belongs to, as OSV names ecosystems: `Debian:12`.
    pub ecosystem: String,
    /// The package: for Debian the source package. See [`PackageScope::spoken`].
    pub package: String,
    /// Which of the packages of that name it concerns.
    pub scope: PackageScope,
    /// The vulnerable ranges; several where a fix came, went and came again.
    pub ranges: Vec<VersionRange>,
    /// What the publisher says about a fix.
    pub status: FixStatus,
    /// The publisher's own word for the urgency here: `unimportant`, `not yet assigned`.
    pub urgency: Option<String>,
}

/// Which of the packages of a name an advisory concerns. The default is every one built from the source of
/// that name.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(default)]
pub struct PackageScope {
    /// Whose name it is.
    #[serde(skip_serializing_if = "is_source")]
    pub spoken: Spoken,
    /// The architectures, sorted, as the package manager writes them; empty for all. `noarch` packages
    /// belong to every one.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub arches: Vec<String>,
    /// The module stream, `perl:5.32`; `None` for packages of no module. An empty text is a module that
    /// the publisher does not name: the build is some module's, never a stock one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub module: Option<String>,
    /// The repository that its builds are in, where that decides: `amzn2extra-kernel-5.10`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub repository: Option<String>,
}

/// Whose name and version an advisory states.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize,
)]
#[serde(rename_all = "snake_case")]
pub enum Spoken {
    /// The source package's: Debian, Ubuntu, Alpine, Wolfi, Rocky Linux in OSV.
    #[default]
    Source,
    /// The binary package's: Red Hat's family, Amazon, SUSE, Arch, FreeBSD.
    Binary,
}

#[expect(
    clippy::trivially_copy_pass_by_ref,
    reason = "serde hands out references"
)]
fn is_source(spoken: &Spoken) -> bool {
    *spoken == Spoken::Source
}

/// A half-open range of vulnerable versions.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct VersionRange {
    /// The first vulnerable version; `None` for all from the beginning.
    pub introduced: Option<String>,
    /// The first version that is no longer vulnerable; `None` while there is no fix.
    pub fixed: Option<String>,
    /// The last vulnerable version, where that is all the publisher says.
    pub last_affected: Option<String>,
}

/// What a publisher says about a fix.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum FixStatus {
    /// A fixed version is out, for the ranges that name one; no statement for the others.
    Stated,
    /// Vulnerable; the fix is put off (Debian's `postponed`).
    Postponed,
    /// Vulnerable; there will be no fix (Debian's `ignored`).
    WontFix,
    /// Vulnerable, and the package or release gets no fixes any more.
    EndOfLife,
    /// The publisher does not know yet whether it is vulnerable.
    Undetermined,
    /// The publisher says that it is not vulnerable.
    NotAffected,
}

/// A CVE in CISA's catalogue of known exploited vulnerabilities.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct KnownExploited {
    /// The CVE.
    pub cve: String,
    /// When CISA added it.
    pub added: Option<Date>,
    /// The day by which US agencies must have fixed it.
    pub due: Option<Date>,
    /// Whether ransomware is known to use it.
    pub ransomware: bool,
}

/// A repository of Red Hat's, and what is in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ContentSet {
    /// Its id on a host that has it enabled: `rhel-9-for-x86_64-baseos-rpms`.
    pub repository: String,
    /// The ecosystems of its packages, sorted: `Red Hat:enterprise_linux:9::baseos`. Several where one repository
    /// serves the point release that a host is held at.
    pub ecosystems: Vec<String>,
}
