//! The Debian security tracker: one JSON document, `source package -> issue -> releases`.
//!
//! It knows what OSV's Debian records leave out: whether the security team will fix an issue, and
//! why not. How its words are read:
//!
//! | tracker | here |
//! |---|---|
//! | `resolved`, `fixed_version` `0` | [`FixStatus::NotAffected`] |
//! | `resolved`, a version | [`FixStatus::Stated`], fixed in it |
//! | `open`, urgency `end-of-life` | [`FixStatus::EndOfLife`] |
//! | `open`, `nodsa_reason` `ignored` | [`FixStatus::WontFix`] |
//! | `open`, `nodsa_reason` `postponed` | [`FixStatus::Postponed`] |
//! | `open`, `nodsa` without a reason: no advisory of its own, perhaps a fix with a point release | [`FixStatus::Stated`], no fix; urgency `no-dsa: …` where none was assigned |
//! | `open` | [`FixStatus::Stated`], no fix |
//! | `undetermined`, or a status that is new to us | [`FixStatus::Undetermined`] |
//!
//! Releases are codenames: a record's ecosystem is `Debian:bookworm`, and the import looks the number
//! up in the lifecycle dates. `sid` has no number and no slice.

use super::stream::{Opening, opening};
use super::{DEBIAN_TRACKER, Feed, FeedError, FeedReport, Grain, Record};
use crate::catalog::outline::{Outline, Shape};
use crate::model::{Affected, Bulletin, BulletinId, FixStatus, Nature, PackageScope, VersionRange};
use serde::Deserialize;
use serde::de::{DeserializeSeed, Deserializer, MapAccess, Visitor};
use serde_json::Value;
use std::collections::BTreeMap;
use std::fmt;
use std::io::BufRead;

/// <https://security-tracker.debian.org/tracker/data/json>
#[derive(Debug)]
pub(super) struct DebianTracker;

impl Feed for DebianTracker {
    fn name(&self) -> &'static str {
        DEBIAN_TRACKER
    }

    fn grain(&self) -> Grain {
        Grain::Package
    }

    fn recognises(&self, outline: &Outline) -> bool {
        outline.shape == Shape::Object
            && outline.any(2, |key| key.starts_with("CVE-") || key.starts_with("TEMP-"))
            && (outline.has(3, "releases") || outline.has(3, "description"))
    }

    fn read(
        &self,
        doc: &mut dyn BufRead,
        out: &mut dyn FnMut(Record),
    ) -> Result<FeedReport, FeedError> {
        let mut reading = Reading {
            report: FeedReport::default(),
            out,
        };
        let mut json = serde_json::Deserializer::from_reader(doc);
        let end = json.deserialize_map(Packages(&mut reading));
        end.and_then(|()| json.end())
            .map_err(|source| FeedError::Json {
                feed: self.name(),
                source,
            })?;
        Ok(reading.report)
    }
}

struct Reading<'a> {
    report: FeedReport,
    out: &'a mut dyn FnMut(Record),
}

impl Reading<'_> {
    fn issue(&mut self, package: &str, id: &str, value: Value) {
        let record = format!("{package} {id}");
        let issue = match Issue::deserialize(value) {
            Ok(issue) => issue,
            Err(what) => return self.report.skip(&record, what),
        };
        if issue.releases.is_empty() {
            self.report.irrelevant += 1;
            return;
        }
        for release in issue.releases.values() {
            if !matches!(&*release.status, "open" | "resolved" | "undetermined") {
                let what = format!("status `{}` is new to us", release.status.escape_debug());
                self.report.problem(&record, what);
            }
        }
        self.report.read += 1;
        (self.out)(Record::Bulletin(issue.into_bulletin(package, id)));
    }
}

/// The outer object. One issue is in memory at a time: the document is tens of megabytes, and a
/// single package, the kernel, several.
struct Packages<'a, 'b>(&'a mut Reading<'b>);

impl<'de> Visitor<'de> for Packages<'_, '_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object of packages")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut packages: A) -> Result<(), A::Error> {
        while let Some(package) = packages.next_key::<String>()? {
            packages.next_value_seed(Issues {
                reading: self.0,
                package,
            })?;
        }
        Ok(())
    }
}

/// The issues of one package.
struct Issues<'a, 'b> {
    reading: &'a mut Reading<'b>,
    package: String,
}

impl<'de> DeserializeSeed<'de> for Issues<'_, '_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, json: D) -> Result<(), D::Error> {
        json.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for Issues<'_, '_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object of issues")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut issues: A) -> Result<(), A::Error> {
        while let Some((id, value)) = issues.next_entry::<String, Value>()? {
            self.reading.issue(&self.package, &id, value);
        }
        Ok(())
    }
}

/// The tracker's own shape. It never leaves this file.
#[derive(Deserialize)]
struct Issue {
    #[serde(default)]
    description: Opening,
    releases: BTreeMap<String, Release>,
}

#[derive(Deserialize)]
struct Release {
    status: String,
    fixed_version: Option<String>,
    urgency: Option<String>,
    nodsa: Option<String>,
    nodsa_reason: Option<String>,
}

impl Issue {
    fn into_bulletin(self, package: &str, id: &str) -> Bulletin {
        let affected = |(codename, release): (String, Release)| Affected {
            ecosystem: format!("Debian:{codename}"),
            package: package.to_owned(),
            scope: PackageScope::default(),
            ranges: release.ranges(),
            status: release.status(),
            urgency: release.urgency(),
        };
        let title = self.description.0;
        Bulletin {
            id: BulletinId::new(id),
            feed: DEBIAN_TRACKER.to_owned(),
            title: if title.is_empty() {
                id.to_owned()
            } else {
                title
            },
            cves: id
                .starts_with("CVE-")
                .then(|| id.to_owned())
                .into_iter()
                .collect(),
            severity: None,
            cvss_tenths: None,
            nature: Nature::default(),
            published: None,
            modified: None,
            withdrawn: None,
            references: vec![format!("https://security-tracker.debian.org/tracker/{id}")],
            affected: self.releases.into_iter().map(affected).collect(),
        }
    }
}

impl Release {
    fn status(&self) -> FixStatus {
        let reason = self.nodsa_reason.as_deref();
        match (&*self.status, self.fixed_version.as_deref()) {
            ("resolved", Some("0")) => FixStatus::NotAffected,
            ("open", _) if self.urgency.as_deref() == Some("end-of-life") => FixStatus::EndOfLife,
            ("open", _) if reason == Some("ignored") => FixStatus::WontFix,
            ("open", _) if reason == Some("postponed") => FixStatus::Postponed,
            ("resolved", Some(_)) | ("open", _) => FixStatus::Stated,
            _ => FixStatus::Undetermined,
        }
    }

    fn ranges(&self) -> Vec<VersionRange> {
        let fixed = match self.status() {
            FixStatus::NotAffected => return Vec::new(),
            _ if self.status == "resolved" => self.fixed_version.clone(),
            _ => None,
        };
        vec![VersionRange {
            introduced: None,
            fixed,
            last_affected: None,
        }]
    }

    /// The urgency in the tracker's word; where none was assigned, why there is no advisory.
    fn urgency(&self) -> Option<String> {
        let unassigned = self
            .urgency
            .as_deref()
            .is_none_or(|word| word == "not yet assigned");
        match &self.nodsa {
            Some(text) if unassigned => Some(format!("no-dsa: {}", opening(text))),
            _ => self.urgency.clone(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(mut doc: &[u8]) -> Result<(FeedReport, Vec<Bulletin>), FeedError> {
        let mut bulletins = Vec::new();
        let report = DebianTracker.read(&mut doc, &mut |record| match record {
            Record::Bulletin(bulletin) => bulletins.push(bulletin),
            other => panic!("{other:?}"),
        })?;
        Ok((report, bulletins))
    }

    const DOC: &[u8] = include_bytes!("../../../fixtures/feeds/debian-tracker/tracker.json");

    #[test]
    fn every_word_of_the_tracker_becomes_a_status() {
        let (report, bulletins) = read(DOC).unwrap();
        assert_eq!((report.read, report.skipped), (7, 1), "{report:?}");
        let mut found = Vec::new();
        for bulletin in &bulletins {
            let bookworm = bulletin
                .affected
                .iter()
                .find(|one| one.ecosystem == "Debian:bookworm");
            let one = bookworm.unwrap();
            let fixed = one.ranges.first().and_then(|range| range.fixed.as_deref());
            found.push((
                bulletin.id.as_str(),
                one.status,
                fixed,
                one.urgency.as_deref(),
            ));
        }
        let expected = [
            (
                "CVE-2023-5363",
                FixStatus::Stated,
                Some("3.0.11-1~deb12u2"),
                Some("not yet assigned"),
            ),
            (
                "CVE-2024-2511",
                FixStatus::Postponed,
                None,
                Some("no-dsa: Minor issue, fix along with the next update"),
            ),
            (
                "CVE-2024-4603",
                FixStatus::NotAffected,
                None,
                Some("unimportant"),
            ),
            ("CVE-2025-27587", FixStatus::WontFix, None, Some("low")),
            (
                "CVE-2023-45853",
                FixStatus::Stated,
                None,
                Some("no-dsa: Minor issue"),
            ),
            (
                "CVE-2024-0001",
                FixStatus::Undetermined,
                None,
                Some("not yet assigned"),
            ),
            (
                "TEMP-0000001-ABCDEF",
                FixStatus::EndOfLife,
                None,
                Some("end-of-life"),
            ),
        ];
        assert_eq!(found, expected);
        assert!(bulletins[6].cves.is_empty());
    }

    #[test]
    fn a_status_that_is_new_to_us_is_undetermined_and_reported() {
        let doc = br#"{"a":{"CVE-1":{"releases":{"bookworm":{"status":"maybe"}}}}}"#;
        let (report, bulletins) = read(doc).unwrap();
        assert_eq!(bulletins[0].affected[0].status, FixStatus::Undetermined);
        assert_eq!(
            report.problems,
            ["record a CVE-1: status `maybe` is new to us"]
        );
    }

    #[test]
    fn a_document_cut_short_is_an_error() {
        let whole = DOC.trim_ascii_end();
        for length in (1..whole.len()).step_by(7) {
            assert!(read(&whole[..length]).is_err(), "{length}");
        }
    }
}
