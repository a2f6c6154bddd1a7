//! What a search of the catalogue finds.

use super::{Date, FixStatus, Severity};

/// What one advisory says of one product, or of one package of a release. All of it is as hostile as it came.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AdvisoryHit {
    /// The publisher's id: `CVE-2025-54100`, `DSA-5678-1`, `MS17-010`.
    pub id: String,
    /// The CVE ids that it is about.
    pub cves: Vec<String>,
    /// The product, or the package by the publisher's name.
    pub product: String,
    /// The release that the package is of: `Debian:12`; empty for a product.
    pub release: String,
    /// The versions or updates that fix it; any one does.
    pub fixes: Vec<String>,
    /// What a publisher of packages says about a fix; `None` where it speaks of updates.
    pub status: Option<FixStatus>,
    /// Whether it was withdrawn: then it matches no machine.
    pub is_withdrawn: bool,
    /// The publisher's severity.
    pub severity: Option<Severity>,
    /// The CVSS base score, in tenths.
    pub cvss_tenths: Option<u8>,
    /// Whether one of its CVEs is known to be exploited; `None` where nobody looked.
    pub exploited: Option<bool>,
    /// When it was first published.
    pub published: Option<Date>,
    /// The feed that it is of.
    pub feed: String,
    /// The publisher's document that it stands in, where documents have names: `2026-Jun`.
    pub document: String,
    /// One line for people.
    pub title: String,
}

impl AdvisoryHit {
    /// What helps, in words where no version and no update does.
    pub fn fix(&self) -> String {
        if self.is_withdrawn {
            return "withdrawn".to_owned();
        }
        if !self.fixes.is_empty() {
            return self.fixes.join("; ");
        }
        match self.status {
            Some(FixStatus::NotAffected) => "not affected",
            Some(FixStatus::WontFix) => "will not be fixed",
            Some(FixStatus::Postponed) => "put off",
            Some(FixStatus::EndOfLife) => "no more fixes",
            Some(FixStatus::Undetermined) => "not yet known whether affected",
            Some(FixStatus::Stated) | None => "no fix stated",
        }
        .to_owned()
    }
}
