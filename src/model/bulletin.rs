//! What a publisher says of a flaw.

use super::{BulletinId, Date, Severity, UtcTime};
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
    /// The package: for Debian the source package.
    pub package: String,
    /// The vulnerable ranges; several where a fix came, went and came again.
    pub ranges: Vec<VersionRange>,
    /// What the publisher says about a fix.
    pub status: FixStatus,
    /// The publisher's own word for the urgency here: `unimportant`, `not yet assigned`.
    pub urgency: Option<String>,
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
