//! OSV's own shape: what we read of a record. It never leaves the feed.

use super::stream::{Opening, or_default};
use serde::Deserialize;
use serde::de::IgnoredAny;

#[derive(Deserialize)]
pub(super) struct OsvRecord {
    pub(super) id: String,
    #[serde(default)]
    pub(super) summary: Opening,
    #[serde(default)]
    pub(super) details: Opening,
    pub(super) published: Option<String>,
    pub(super) modified: Option<String>,
    pub(super) withdrawn: Option<String>,
    #[serde(default, deserialize_with = "or_default")]
    pub(super) aliases: Vec<String>,
    #[serde(default, deserialize_with = "or_default")]
    pub(super) upstream: Vec<String>,
    #[serde(default, deserialize_with = "or_default")]
    pub(super) related: Vec<String>,
    #[serde(default, deserialize_with = "or_default")]
    pub(super) severity: Vec<OsvSeverity>,
    #[serde(default, deserialize_with = "or_default")]
    pub(super) references: Vec<OsvReference>,
    #[serde(default, deserialize_with = "or_default")]
    pub(super) affected: Vec<OsvAffected>,
}

#[derive(Deserialize)]
pub(super) struct OsvSeverity {
    pub(super) score: String,
}

impl OsvSeverity {
    /// The base score in tenths, of a CVSS vector of any version.
    pub(super) fn tenths(&self) -> Option<u8> {
        let vector: cvss::Cvss = self.score.parse().ok()?;
        let tenths = (vector.score() * 10.0).round();
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "a score is clamped to 0 to 10"
        )]
        Some(tenths.clamp(0.0, 100.0) as u8)
    }
}

#[derive(Deserialize)]
pub(super) struct OsvReference {
    pub(super) url: String,
}

#[derive(Deserialize)]
pub(super) struct OsvAffected {
    pub(super) package: Option<OsvPackage>,
    #[serde(default, deserialize_with = "or_default")]
    pub(super) ranges: Vec<OsvRange>,
    pub(super) versions: Option<IgnoredAny>,
    pub(super) ecosystem_specific: Option<OsvSpecific>,
    #[serde(default, deserialize_with = "or_default")]
    pub(super) severity: Vec<OsvSeverity>,
}

#[derive(Deserialize)]
pub(super) struct OsvPackage {
    /// Old dumps have packages that are only a repository, and name neither.
    #[serde(default, deserialize_with = "or_default")]
    pub(super) ecosystem: String,
    #[serde(default, deserialize_with = "or_default")]
    pub(super) name: String,
}

#[derive(Deserialize)]
pub(super) struct OsvRange {
    #[serde(rename = "type")]
    pub(super) kind: String,
    #[serde(default, deserialize_with = "or_default")]
    pub(super) events: Vec<OsvEvent>,
}

#[derive(Deserialize)]
pub(super) struct OsvEvent {
    pub(super) introduced: Option<String>,
    pub(super) fixed: Option<String>,
    pub(super) last_affected: Option<String>,
}

#[derive(Default, Deserialize)]
pub(super) struct OsvSpecific {
    pub(super) urgency: Option<String>,
    pub(super) ubuntu_priority: Option<String>,
}
