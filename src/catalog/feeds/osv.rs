//! OSV records: the common form in which most Linux distributions publish.
//!
//! <https://ossf.github.io/osv-schema/>. Debian, Ubuntu, Alpine, Wolfi, `AlmaLinux`, Rocky Linux,
//! SUSE and others share one shape: `affected[]` with an ecosystem and ranges of type `ECOSYSTEM`.
//! What else a record holds (source commits, language packages, lists of versions) is left out.

use super::osv_record::{OsvAffected, OsvEvent, OsvPackage, OsvRecord, OsvSeverity};
use super::stream::each_value;
use super::{Feed, FeedError, FeedReport, OSV, Record};
use crate::catalog::outline::{Outline, Shape};
use crate::model::{
    Affected, Bulletin, BulletinId, FixStatus, PackageScope, Severity, UtcTime, VersionRange,
};
use serde_json::Value;
use std::io::{BufRead, Read as _};

/// A dump of <https://osv.dev>, or any file of OSV records: one object, an array, or JSON Lines.
#[derive(Debug)]
pub(super) struct Osv;

/// Documents up to this size are read at once, which is twice as fast as reading from a stream.
const AT_ONCE: u64 = 8 << 20;

/// The distributions whose packages we match, and whether their ecosystem must name a release.
const DISTRIBUTIONS: &[(&str, bool)] = &[
    ("AlmaLinux", true),
    ("Alpaquita", false),
    ("Alpine", true),
    ("Azure Linux", true),
    ("Chainguard", false),
    ("Debian", true),
    ("Echo", false),
    ("Mageia", true),
    ("MinimOS", false),
    ("openEuler", true),
    ("openSUSE", true),
    ("Photon OS", true),
    ("Red Hat", true),
    ("Rocky Linux", true),
    ("SUSE", true),
    ("Ubuntu", true),
    ("Wolfi", false),
];

/// Advisories of these are no security matter: `AlmaLinux`'s bug fixes and enhancements.
const NOT_SECURITY: &[&str] = &["ALBA-", "ALEA-"];

/// Since 2025 osv.dev writes `DEBIAN-CVE-2024-1` for what it called `CVE-2024-1` before. One matter
/// keeps one id, so that a newer dump updates the older one's records.
const ID_PREFIXES: &[&str] = &["DEBIAN-", "ALPINE-"];

impl Feed for Osv {
    fn name(&self) -> &'static str {
        OSV
    }

    fn seeds(&self) -> &'static [&'static str] {
        &[
            "https://osv-vulnerabilities.storage.googleapis.com/Debian/all.zip",
            "https://osv-vulnerabilities.storage.googleapis.com/Ubuntu/all.zip",
            "https://osv-vulnerabilities.storage.googleapis.com/Alpine/all.zip",
        ]
    }

    fn recognises(&self, outline: &Outline) -> bool {
        const KEYS: &[&str] = &[
            "id",
            "modified",
            "published",
            "withdrawn",
            "affected",
            "schema_version",
            "aliases",
            "related",
            "upstream",
            "summary",
            "details",
        ];
        let depth = match outline.shape {
            Shape::Object => 1,
            Shape::Array => 2,
            _ => return false,
        };
        KEYS.iter().filter(|key| outline.has(depth, key)).count() >= 2
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
        reading.document(doc).map_err(|source| FeedError::Json {
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
    fn document(&mut self, doc: &mut dyn BufRead) -> serde_json::Result<()> {
        let mut start = Vec::new();
        (&mut *doc)
            .take(AT_ONCE)
            .read_to_end(&mut start)
            .map_err(serde_json::Error::io)?;
        // The usual case: one file, one record. Whatever is unusual is read again, more slowly.
        if let Ok(record) = serde_json::from_slice::<OsvRecord>(&start) {
            self.record(record);
            return Ok(());
        }
        each_value(start.chain(doc), &mut |value| self.value(value))
    }

    fn value(&mut self, value: Value) {
        let id = value.get("id").and_then(Value::as_str);
        let id = id.unwrap_or("without an id").to_owned();
        match serde_json::from_value::<OsvRecord>(value) {
            Ok(record) => self.record(record),
            Err(what) => self.report.skip(&id, what),
        }
    }

    fn record(&mut self, record: OsvRecord) {
        if NOT_SECURITY.iter().any(|kind| record.id.starts_with(kind)) {
            self.report.irrelevant += 1;
            return;
        }
        let id = record.id.clone();
        match bulletin(record, &mut self.report) {
            Err(what) => self.report.skip(&id, what),
            Ok(bulletin) if bulletin.affected.is_empty() => self.report.irrelevant += 1,
            Ok(bulletin) => {
                self.report.read += 1;
                (self.out)(Record::Bulletin(bulletin));
            }
        }
    }
}

fn bulletin(record: OsvRecord, report: &mut FeedReport) -> Result<Bulletin, String> {
    let id = canonical_id(&record.id);
    if id.is_empty() || id.len() > 200 || id.contains(|c: char| c.is_whitespace() || c.is_control())
    {
        return Err("the id is empty, too long or has blanks in it".to_owned());
    }
    let cves = cves(id, &record);
    let title = [&record.summary.0, &record.details.0];
    let title = title.into_iter().find(|text| !text.is_empty());
    let stated = record.affected.iter().flat_map(|one| &one.severity);
    let severities: Vec<_> = record.severity.iter().chain(stated).collect();
    let head = Bulletin {
        id: BulletinId::new(id),
        feed: OSV.to_owned(),
        title: title.map_or_else(|| id.to_owned(), Clone::clone),
        cves,
        severity: severity(&severities, &record.summary.0),
        cvss_tenths: severities.iter().filter_map(|one| one.tenths()).max(),
        published: time("published", record.published.as_deref())?,
        modified: time("modified", record.modified.as_deref())?,
        withdrawn: time("withdrawn", record.withdrawn.as_deref())?,
        references: record.references.into_iter().map(|one| one.url).collect(),
        affected: Vec::new(),
    };
    let affected = record.affected.into_iter();
    Ok(Bulletin {
        affected: affected
            .filter_map(|one| affected_package(one, &record.id, report))
            .collect(),
        ..head
    })
}

fn canonical_id(id: &str) -> &str {
    let bare = ID_PREFIXES
        .iter()
        .find_map(|prefix| id.strip_prefix(prefix));
    bare.filter(|bare| bare.starts_with("CVE-")).unwrap_or(id)
}

/// The CVEs a record is about. A record that is itself a CVE's names others only as neighbours; an
/// advisory's CVEs are its `aliases`, `upstream` or, in older dumps, `related`.
fn cves(id: &str, record: &OsvRecord) -> Vec<String> {
    if id.starts_with("CVE-") {
        return vec![id.to_owned()];
    }
    let named = record.upstream.iter().chain(&record.aliases);
    let mut cves: Vec<_> = named.chain(&record.related).cloned().collect();
    cves.retain(|name| name.starts_with("CVE-"));
    cves.extend(
        id.split_once("-CVE-")
            .map(|(_, rest)| format!("CVE-{rest}")),
    );
    cves.sort_unstable();
    cves.dedup();
    cves
}

/// A severity in words: Ubuntu's own, or the word before the colon in the summary, where `AlmaLinux`,
/// Rocky Linux and SUSE put it.
fn severity(stated: &[&OsvSeverity], summary: &str) -> Option<Severity> {
    let word = stated.iter().find_map(|one| Severity::parse(&one.score));
    word.or_else(|| Severity::parse(summary.split_once(':')?.0))
}

fn time(field: &str, text: Option<&str>) -> Result<Option<UtcTime>, String> {
    let Some(text) = text else {
        return Ok(None);
    };
    let time = UtcTime::parse(text);
    let wrong = || format!("{field} is no RFC 3339 time: `{}`", text.escape_debug());
    time.map(Some).ok_or_else(wrong)
}

/// One affected package, if it is one of a distribution's release.
fn affected_package(one: OsvAffected, id: &str, report: &mut FeedReport) -> Option<Affected> {
    let OsvPackage { ecosystem, name } = one.package?;
    if name.is_empty() || !is_distribution(&ecosystem) {
        return None;
    }
    let ours: Vec<_> = one
        .ranges
        .into_iter()
        .filter(|range| range.kind == "ECOSYSTEM")
        .collect();
    if ours.is_empty() {
        if one.versions.is_some() {
            let what = format!("{ecosystem} {name} has a list of versions and no range: left out");
            report.problem(id, what);
        }
        return None;
    }
    let mut ranges: Vec<_> = ours
        .into_iter()
        .flat_map(|range| spans(range.events))
        .collect();
    ranges.sort_unstable();
    ranges.dedup();
    let specific = one.ecosystem_specific.unwrap_or_default();
    let urgency = specific.urgency.or(specific.ubuntu_priority);
    let unfixed = ranges.iter().any(|range| range.fixed.is_none());
    let status = match urgency.as_deref() {
        _ if ranges.is_empty() => FixStatus::NotAffected,
        Some("end-of-life") if unfixed => FixStatus::EndOfLife,
        _ => FixStatus::Stated,
    };
    Some(Affected {
        ecosystem,
        package: name,
        scope: PackageScope::default(),
        ranges,
        status,
        urgency,
    })
}

fn is_distribution(ecosystem: &str) -> bool {
    let (name, release) = ecosystem.split_once(':').unwrap_or((ecosystem, ""));
    let mut known = DISTRIBUTIONS.iter();
    known.any(|(known, needs_release)| *known == name && !(*needs_release && release.is_empty()))
}

/// Cuts the events of a range into spans. A `fixed` or `last_affected` ends what an `introduced`
/// began, and a second one in a row says nothing new. Spans that hold no version are left out, so
/// `introduced 0, fixed 0` (Alpine's "never affected") gives none.
fn spans(events: Vec<OsvEvent>) -> Vec<VersionRange> {
    let open = VersionRange {
        introduced: None,
        fixed: None,
        last_affected: None,
    };
    let mut spans = Vec::new();
    let mut current = None;
    let mut begun = false;
    for event in events {
        if let Some(version) = event.introduced {
            spans.extend(current.take());
            begun = true;
            current = Some(VersionRange {
                introduced: (version != "0").then_some(version),
                ..open.clone()
            });
        } else if event.fixed.is_some() || event.last_affected.is_some() {
            // A range that does not say where it begins begins at the beginning.
            let span = current.take().or_else(|| (!begun).then(|| open.clone()));
            begun = true;
            spans.extend(span.map(|span| VersionRange {
                fixed: event.fixed,
                last_affected: event.last_affected,
                ..span
            }));
        }
    }
    spans.extend(current);
    spans.retain(|span| match &span.fixed {
        Some(fixed) => fixed != "0" && span.introduced.as_ref() != Some(fixed),
        None => true,
    });
    spans
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(doc: &str) -> Result<(FeedReport, Vec<Bulletin>), FeedError> {
        let mut bulletins = Vec::new();
        let report = Osv.read(&mut doc.as_bytes(), &mut |record| match record {
            Record::Bulletin(bulletin) => bulletins.push(bulletin),
            other => panic!("{other:?}"),
        })?;
        Ok((report, bulletins))
    }

    fn fixture(name: &str) -> (FeedReport, Vec<Bulletin>) {
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/feeds/osv/");
        read(&std::fs::read_to_string(format!("{folder}{name}")).unwrap()).unwrap()
    }

    fn range(introduced: Option<&str>, fixed: Option<&str>) -> VersionRange {
        VersionRange {
            introduced: introduced.map(str::to_owned),
            fixed: fixed.map(str::to_owned),
            last_affected: None,
        }
    }

    #[test]
    fn a_debian_record_gives_a_fix_for_each_release() {
        let (report, bulletins) = fixture("DEBIAN-CVE-2023-5363.json");
        assert_eq!((report.read, report.skipped), (1, 0));
        let bulletin = &bulletins[0];
        assert_eq!(bulletin.id.as_str(), "CVE-2023-5363");
        assert_eq!(bulletin.cves, ["CVE-2023-5363"]);
        assert_eq!(bulletin.cvss_tenths, Some(75));
        let found = bulletin.affected.iter();
        let found: Vec<_> = found.map(|one| (&*one.ecosystem, &*one.package)).collect();
        assert_eq!(found, [("Debian:12", "openssl"), ("Debian:13", "openssl")]);
        let fixed = range(None, Some("3.0.11-1~deb12u2"));
        assert_eq!(bulletin.affected[0].ranges, [fixed]);
        assert_eq!(
            bulletin.affected[0].urgency.as_deref(),
            Some("not yet assigned")
        );
    }

    #[test]
    fn old_dumps_mix_ecosystems_and_source_commits() {
        let (_, bulletins) = fixture("CVE-2021-3156.json");
        let ecosystems = bulletins[0].affected.iter().map(|one| &*one.ecosystem);
        assert_eq!(
            ecosystems.collect::<Vec<_>>(),
            ["Alpine:v3.13", "Debian:11"]
        );
    }

    #[test]
    fn an_advisory_names_its_cves_and_severity() {
        let (report, bulletins) = fixture("alma.jsonl");
        assert_eq!((report.read, report.irrelevant), (2, 1));
        assert_eq!(bulletins[0].cves, ["CVE-2024-6387"]);
        assert_eq!(bulletins[0].severity, Some(Severity::High));
        assert_eq!(bulletins[0].id, bulletins[1].id);
        assert_ne!(
            bulletins[0].affected[0].ecosystem,
            bulletins[1].affected[0].ecosystem
        );
    }

    fn record(affected: &str) -> String {
        format!(r#"{{"id":"X-1","modified":"2024-01-01T00:00:00Z","affected":[{affected}]}}"#)
    }

    fn affected(events: &str, more: &str) -> String {
        let package = r#""package":{"ecosystem":"Debian:12","name":"a"}"#;
        record(&format!(
            r#"{{{package},"ranges":[{{"type":"ECOSYSTEM","events":[{events}]}}]{more}}}"#
        ))
    }

    fn ranges(events: &str) -> Vec<VersionRange> {
        let (_, bulletins) = read(&affected(events, "")).unwrap();
        bulletins[0].affected[0].ranges.clone()
    }

    #[test]
    fn several_spans_come_from_one_range() {
        let found = ranges(r#"{"introduced":"0"},{"fixed":"1"},{"introduced":"3"},{"fixed":"4"}"#);
        assert_eq!(found, [range(None, Some("1")), range(Some("3"), Some("4"))]);
        let found = ranges(r#"{"introduced":"2"}"#);
        assert_eq!(found, [range(Some("2"), None)]);
        let found = ranges(r#"{"introduced":"0"},{"fixed":"1"},{"fixed":"2"}"#);
        assert_eq!(found, [range(None, Some("1"))]);
        let found = ranges(r#"{"introduced":"0"},{"last_affected":"7"}"#);
        assert_eq!(found[0].last_affected.as_deref(), Some("7"));
    }

    #[test]
    fn fixed_in_zero_means_never_affected() {
        let doc = affected(r#"{"introduced":"0"},{"fixed":"0"}"#, "");
        let (_, bulletins) = read(&doc).unwrap();
        assert_eq!(bulletins[0].affected[0].status, FixStatus::NotAffected);
        assert!(bulletins[0].affected[0].ranges.is_empty());
    }

    #[test]
    fn end_of_life_without_a_fix_is_a_status() {
        let more = r#","ecosystem_specific":{"urgency":"end-of-life"}"#;
        let (_, bulletins) = read(&affected(r#"{"introduced":"0"}"#, more)).unwrap();
        assert_eq!(bulletins[0].affected[0].status, FixStatus::EndOfLife);
    }

    #[test]
    fn a_package_that_is_not_named_costs_neither_the_record_nor_the_other_packages() {
        let source = r#"{"package":{},"ranges":[{"type":"GIT","events":[{"introduced":"0"}]}]}"#;
        let named = r#"{"package":{"ecosystem":"Wolfi","name":"a"},"ranges":[{"type":"ECOSYSTEM","events":[{"introduced":"0"}]}]}"#;
        let (report, bulletins) = read(&record(&format!("{source},{named}"))).unwrap();
        assert_eq!((report.read, report.skipped), (1, 0));
        assert_eq!(bulletins[0].affected.len(), 1);
    }

    #[test]
    fn a_list_of_versions_without_a_range_is_reported_and_not_silently_lost() {
        let doc = r#"{"package":{"ecosystem":"Debian:12","name":"a"},"versions":["1"]}"#;
        let (report, _) = read(&record(doc)).unwrap();
        assert_eq!((report.read, report.irrelevant), (0, 1));
        assert!(report.problems[0].contains("no range"), "{report:?}");
    }

    #[test]
    fn a_bad_record_costs_one_record() {
        let good = affected(r#"{"introduced":"0"}"#, "");
        let doc = format!(r#"[{{"id":7}},{good},{{"id":"X-2","modified":"May"}}]"#);
        let (report, bulletins) = read(&doc).unwrap();
        assert_eq!((report.read, report.skipped, bulletins.len()), (1, 2, 1));
        assert!(report.problems[1].contains("X-2"), "{report:?}");
    }

    #[test]
    fn a_document_cut_short_is_an_error() {
        let doc = affected(r#"{"introduced":"0"}"#, "");
        for length in 1..doc.len() {
            assert!(read(doc.get(..length).unwrap()).is_err(), "{length}");
        }
    }
}
