//! Arch Linux's security tracker: one JSON array of groups, each some packages of one upstream with the
//! flaws that were found in them.
//!
//! | tracker | here |
//! |---|---|
//! | `Fixed`, `Testing`, a fixed version | [`FixStatus::Stated`], fixed in it |
//! | `Vulnerable` | [`FixStatus::Stated`], no fix |
//! | `Not affected` | [`FixStatus::NotAffected`] |
//! | `Unknown`, or a status that is new to us | [`FixStatus::Undetermined`] |
//!
//! `affected` is the version that the distribution had when the flaw was found, not the first that has
//! it: every version before the fix is vulnerable, as `arch-audit` reads it too. A fixed version in a group
//! that is `Vulnerable` is one that is not out yet.

use super::records::{RawRecord, each_record, stated_id};
use super::stream::or_default;
use super::text::is_cve;
use super::{ARCH, Feed, FeedError, FeedReport, Record};
use crate::catalog::outline::{Outline, Shape};
use crate::model::{
    Affected, Bulletin, BulletinId, FixStatus, Nature, PackageScope, Severity, Spoken, VersionRange,
};
use serde::Deserialize;
use std::io::BufRead;

/// <https://security.archlinux.org/json>
#[derive(Debug)]
pub(super) struct ArchTracker;

const ECOSYSTEM: &str = "Arch Linux";

impl Feed for ArchTracker {
    fn name(&self) -> &'static str {
        ARCH
    }

    fn recognises(&self, outline: &Outline) -> bool {
        let keys = ["name", "packages", "status", "issues", "advisories"];
        outline.shape == Shape::Array && keys.iter().all(|key| outline.has(2, key))
    }

    fn read(
        &self,
        doc: &mut dyn BufRead,
        out: &mut dyn FnMut(Record),
    ) -> Result<FeedReport, FeedError> {
        let mut report = FeedReport::default();
        let end = each_record(doc, &mut |raw| {
            let bytes = match raw {
                RawRecord::Whole(bytes) => bytes,
                RawRecord::TooLong(bytes) => {
                    return report.skip(&stated_id(bytes, &["name"]), "it is too long");
                }
            };
            match serde_json::from_slice::<Group>(bytes) {
                Err(what) => report.skip(&stated_id(bytes, &["name"]), what),
                Ok(group) if group.is_bad() => {
                    report.skip(&group.name, "the group has no name or no packages");
                }
                Ok(group) => {
                    if group.status().is_none() {
                        let status = group.status.escape_debug();
                        report.problem(&group.name, format!("status `{status}` is new to us"));
                    }
                    report.read += 1;
                    out(Record::Bulletin(group.into_bulletin()));
                }
            }
        });
        end.map_err(|source| FeedError::Json {
            feed: self.name(),
            source,
        })?;
        Ok(report)
    }
}

/// The tracker's own shape. It never leaves this file.
#[derive(Deserialize)]
struct Group {
    name: String,
    packages: Vec<String>,
    status: String,
    severity: Option<String>,
    #[serde(rename = "type")]
    kind: Option<String>,
    fixed: Option<String>,
    #[serde(default, deserialize_with = "or_default")]
    issues: Vec<String>,
    #[serde(default, deserialize_with = "or_default")]
    advisories: Vec<String>,
}

impl Group {
    fn is_bad(&self) -> bool {
        let is_word = |text: &String| {
            !text.is_empty()
                && text.len() <= 200
                && !text.contains(|char: char| char.is_whitespace() || char.is_control())
        };
        !is_word(&self.name) || self.packages.is_empty() || !self.packages.iter().all(is_word)
    }

    fn status(&self) -> Option<FixStatus> {
        match &*self.status {
            "Fixed" | "Testing" | "Vulnerable" => Some(FixStatus::Stated),
            "Not affected" => Some(FixStatus::NotAffected),
            "Unknown" => Some(FixStatus::Undetermined),
            _ => None,
        }
    }

    fn into_bulletin(self) -> Bulletin {
        let status = self.status().unwrap_or(FixStatus::Undetermined);
        let is_out = matches!(&*self.status, "Fixed" | "Testing");
        let fixed = self.fixed.filter(|fixed| is_out && !fixed.is_empty());
        let range = VersionRange {
            introduced: None,
            fixed,
            last_affected: None,
        };
        let ranges = match status {
            FixStatus::NotAffected => Vec::new(),
            _ => vec![range],
        };
        let affected = |package: &String| Affected {
            ecosystem: ECOSYSTEM.to_owned(),
            package: package.clone(),
            scope: PackageScope {
                spoken: Spoken::Binary,
                ..PackageScope::default()
            },
            ranges: ranges.clone(),
            status,
            urgency: self.severity.clone(),
        };
        let mut cves = self.issues;
        cves.retain(|issue| is_cve(issue));
        cves.sort_unstable();
        cves.dedup();
        let names = self.packages.join(", ");
        let title = match &self.kind {
            Some(kind) if kind != "unknown" => format!("{names}: {kind}"),
            _ => names,
        };
        let pages = [&self.name].into_iter().chain(&self.advisories);
        Bulletin {
            feed: ARCH.to_owned(),
            title: super::stream::opening(&title),
            cves,
            severity: self.severity.as_deref().and_then(Severity::parse),
            cvss_tenths: None,
            nature: Nature::default(),
            published: None,
            modified: None,
            withdrawn: None,
            references: pages
                .map(|name| format!("https://security.archlinux.org/{name}"))
                .collect(),
            affected: self.packages.iter().map(affected).collect(),
            id: BulletinId::new(self.name),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn read(mut doc: &[u8]) -> Result<(FeedReport, Vec<Bulletin>), FeedError> {
        let mut bulletins = Vec::new();
        let report = ArchTracker.read(&mut doc, &mut |record| match record {
            Record::Bulletin(bulletin) => bulletins.push(bulletin),
            other => panic!("{other:?}"),
        })?;
        Ok((report, bulletins))
    }

    const DOC: &[u8] = include_bytes!("../../../fixtures/feeds/arch/all.json");

    #[test]
    fn every_word_of_the_tracker_becomes_a_status() {
        let (report, bulletins) = read(DOC).unwrap();
        assert_eq!((report.read, report.skipped), (6, 1), "{report:?}");
        let found = bulletins.iter().map(|bulletin| {
            let one = &bulletin.affected[0];
            let fixed = one.ranges.first().map(|range| range.fixed.as_deref());
            (bulletin.id.as_str(), one.status, fixed)
        });
        let expected = [
            ("AVG-2858", FixStatus::Stated, Some(Some("3.4.0-1"))),
            ("AVG-2850", FixStatus::Stated, Some(None)),
            ("AVG-2737", FixStatus::NotAffected, None),
            ("AVG-2843", FixStatus::Undetermined, Some(None)),
            ("AVG-2900", FixStatus::Stated, Some(None)),
            ("AVG-2901", FixStatus::Undetermined, Some(None)),
        ];
        assert_eq!(found.collect::<Vec<_>>(), expected);
        let kind = "status `…` is new to us";
        assert_eq!(report.problem_counts.get(kind), Some(&1), "{report:?}");
    }

    #[test]
    fn a_group_has_its_flaws_severity_and_every_package() {
        let (_, bulletins) = read(DOC).unwrap();
        let rsync = &bulletins[0];
        assert_eq!(rsync.severity, Some(Severity::Critical));
        assert_eq!(rsync.cves, ["CVE-2024-12084", "CVE-2024-12085"]);
        assert_eq!(rsync.title, "rsync, lib32-rsync: multiple issues");
        let packages = rsync
            .affected
            .iter()
            .map(|one| (&*one.package, one.scope.spoken));
        let expected = [("rsync", Spoken::Binary), ("lib32-rsync", Spoken::Binary)];
        assert_eq!(packages.collect::<Vec<_>>(), expected);
    }

    #[test]
    fn a_document_cut_short_is_an_error() {
        let whole = DOC.trim_ascii_end();
        for length in 1..whole.len() {
            assert!(read(&whole[..length]).is_err(), "{length}");
        }
    }

    proptest! {
        #[test]
        fn no_bytes_make_it_panic(bytes in proptest::collection::vec(any::<u8>(), 0..9), at in 0..DOC.len()) {
            let mut doc = DOC.to_vec();
            doc.splice(at..(at + 3).min(DOC.len()), bytes);
            let _ = read(&doc);
        }
    }
}
