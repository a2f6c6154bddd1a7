//! OSV's own shape: what we read of a record. It never leaves the feed.

use crate::catalog::feeds::records::Text;
use crate::catalog::feeds::stream::{Opening, Weaknesses, or_default};
use crate::model::Nature;
use serde::Deserialize;
use serde::de::IgnoredAny;
use serde_json::value::RawValue;

#[derive(Deserialize)]
pub(super) struct OsvRecord<'a> {
    #[serde(borrow)]
    pub(super) id: Text<'a>,
    #[serde(default)]
    pub(super) summary: Opening,
    #[serde(default)]
    pub(super) details: Opening,
    #[serde(borrow)]
    pub(super) published: Option<Text<'a>>,
    #[serde(borrow)]
    pub(super) modified: Option<Text<'a>>,
    #[serde(borrow)]
    pub(super) withdrawn: Option<Text<'a>>,
    #[serde(borrow, default, deserialize_with = "or_default")]
    pub(super) aliases: Vec<Text<'a>>,
    #[serde(borrow, default, deserialize_with = "or_default")]
    pub(super) upstream: Vec<Text<'a>>,
    #[serde(borrow, default, deserialize_with = "or_default")]
    pub(super) related: Vec<Text<'a>>,
    #[serde(borrow, default, deserialize_with = "or_default")]
    pub(super) severity: Vec<OsvSeverity<'a>>,
    #[serde(borrow, default, deserialize_with = "or_default")]
    pub(super) references: Vec<OsvReference<'a>>,
    #[serde(borrow, default, deserialize_with = "or_default")]
    pub(super) affected: Vec<OsvAffected<'a>>,
    /// The publisher's own: only GitHub's weaknesses matter.
    #[serde(borrow)]
    pub(super) database_specific: Option<&'a RawValue>,
}

/// What GitHub's advisories add.
#[derive(Default, Deserialize)]
#[serde(default)]
struct OsvDatabase {
    cwe_ids: Weaknesses,
}

impl OsvRecord<'_> {
    /// The sort of flaw, where the record says.
    pub(super) fn nature(&self) -> Nature {
        let own = self.database_specific.map(RawValue::get);
        let own = own.filter(|text| text.contains("\"cwe_ids\""));
        let read = own.and_then(|text| serde_json::from_str::<OsvDatabase>(text).ok());
        Nature::of([], read.unwrap_or_default().cwe_ids.ids())
    }
}

#[derive(Deserialize)]
pub(super) struct OsvSeverity<'a> {
    #[serde(borrow)]
    pub(super) score: Text<'a>,
}

impl OsvSeverity<'_> {
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
pub(super) struct OsvReference<'a> {
    #[serde(borrow)]
    pub(super) url: Text<'a>,
}

#[derive(Deserialize)]
pub(super) struct OsvAffected<'a> {
    #[serde(borrow)]
    pub(super) package: Option<OsvPackage<'a>>,
    #[serde(borrow, default, deserialize_with = "or_default")]
    pub(super) ranges: Vec<OsvRange<'a>>,
    /// Most of the bytes of a record, and of no use where there are ranges.
    pub(super) versions: Option<IgnoredAny>,
    #[serde(borrow)]
    pub(super) ecosystem_specific: Option<OsvSpecific<'a>>,
    #[serde(borrow, default, deserialize_with = "or_default")]
    pub(super) severity: Vec<OsvSeverity<'a>>,
}

#[derive(Deserialize)]
pub(super) struct OsvPackage<'a> {
    /// Old dumps have packages that are only a repository, and name neither.
    #[serde(borrow, default, deserialize_with = "or_default")]
    pub(super) ecosystem: Text<'a>,
    #[serde(borrow, default, deserialize_with = "or_default")]
    pub(super) name: Text<'a>,
    #[serde(borrow, default, deserialize_with = "or_default")]
    pub(super) purl: Text<'a>,
}

#[derive(Deserialize)]
pub(super) struct OsvRange<'a> {
    #[serde(rename = "type", borrow)]
    pub(super) kind: Text<'a>,
    #[serde(borrow, default, deserialize_with = "or_default")]
    pub(super) events: Vec<OsvEvent<'a>>,
}

#[derive(Deserialize)]
pub(super) struct OsvEvent<'a> {
    #[serde(borrow)]
    pub(super) introduced: Option<Text<'a>>,
    #[serde(borrow)]
    pub(super) fixed: Option<Text<'a>>,
    #[serde(borrow)]
    pub(super) last_affected: Option<Text<'a>>,
}

#[derive(Default, Deserialize)]
pub(super) struct OsvSpecific<'a> {
    pub(super) urgency: Option<String>,
    pub(super) ubuntu_priority: Option<String>,
    /// Ubuntu's words for who gets the fix.
    #[serde(borrow)]
    pub(super) availability: Option<Text<'a>>,
    /// Unread: only SUSE's matter, and Ubuntu's kernels have thousands.
    #[serde(borrow)]
    pub(super) binaries: Option<&'a RawValue>,
}
