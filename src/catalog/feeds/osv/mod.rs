//! OSV records: the common form in which most Linux distributions publish.
//!
//! <https://ossf.github.io/osv-schema/>. Debian, Ubuntu, Alpine, Wolfi, `AlmaLinux`, Rocky Linux,
//! SUSE and others share one shape: `affected[]` with an ecosystem and ranges of type `ECOSYSTEM`.
//! What else a record holds (source commits, language packages, lists of versions) is left out. What
//! each publisher does in its own way is in [`gates`].

mod affected;
mod gates;
mod record;

use super::records::{MOST_RECORD, RawRecord, Text, each_record, stated_id};
use super::{Feed, FeedError, FeedReport, OSV, Record};
use crate::catalog::outline::{Outline, Shape};
use crate::model::{Bulletin, BulletinId, Severity, UtcTime};
use affected::Collector;
use record::{OsvRecord, OsvSeverity};
use std::io::{BufRead, Read as _};

/// A dump of <https://osv.dev>, or any file of OSV records: one object, an array, or JSON Lines.
#[derive(Debug)]
pub(super) struct Osv;

/// Documents up to this size are read at once, which is the fastest.
const AT_ONCE: u64 = MOST_RECORD as u64;

impl Feed for Osv {
    fn name(&self) -> &'static str {
        OSV
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
        let first = match serde_json::from_slice::<OsvRecord<'_>>(&start) {
            Ok(record) => {
                self.record(record);
                return Ok(());
            }
            Err(first) => first,
        };
        let mut is_any = false;
        let end = each_record(start.chain(doc), &mut |raw| {
            is_any = true;
            self.raw(raw);
        });
        // Of a document that is no records at all, the parser knows in which line; of one that is not read to its end it
        // has seen no more than the start.
        end.map_err(|cut| if is_any || cut.is_io() { cut } else { first })
    }

    fn raw(&mut self, raw: RawRecord<'_>) {
        match raw {
            RawRecord::Whole(bytes) => match serde_json::from_slice::<OsvRecord<'_>>(bytes) {
                Ok(record) => self.record(record),
                Err(what) => self.report.skip(&stated_id(bytes, &["id"]), what),
            },
            RawRecord::TooLong(bytes) => {
                let what = format!("longer than {MOST_RECORD} bytes");
                self.report.skip(&stated_id(bytes, &["id"]), what);
            }
        }
    }

    fn record(&mut self, record: OsvRecord<'_>) {
        if !gates::is_security(&record.id) {
            let what = "a bug fix or an enhancement, no matter of security: left out";
            self.report.problem(&record.id, what);
            self.report.irrelevant += 1;
            return;
        }
        let id = record.id.clone();
        // An index of records has nothing but their ids.
        let is_empty = record.affected.is_empty() && record.withdrawn.is_none();
        if is_empty && !(record.summary.0.is_empty() && record.details.0.is_empty()) {
            self.report
                .problem(&id, "it names no affected package: left out");
        }
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

/// How many of a record's references are handed on.
const MOST_REFERENCES: usize = 8;

fn bulletin(record: OsvRecord<'_>, report: &mut FeedReport) -> Result<Bulletin, String> {
    let id = gates::canonical_id(&record.id);
    if id.is_empty() || id.len() > 200 || id.contains(|c: char| c.is_whitespace() || c.is_control())
    {
        return Err("the id is empty, too long or has blanks in it".to_owned());
    }
    let cves = cves(id, &record);
    let title = [&record.summary.0, &record.details.0];
    let title = title.into_iter().find(|text| !text.is_empty());
    let stated = record.affected.iter().flat_map(|one| &one.severity);
    let severities: Vec<_> = record.severity.iter().chain(stated).collect();
    let urls = record.references.iter().take(MOST_REFERENCES);
    let head = Bulletin {
        id: BulletinId::new(id),
        feed: OSV.to_owned(),
        title: title.map_or_else(|| id.to_owned(), Clone::clone),
        cves,
        severity: severity(&severities, &record),
        cvss_tenths: severities.iter().filter_map(|one| one.tenths()).max(),
        nature: record.nature(),
        published: time("published", record.published.as_deref())?,
        modified: time("modified", record.modified.as_deref())?,
        withdrawn: time("withdrawn", record.withdrawn.as_deref())?,
        references: urls.map(|one| one.url.to_string()).collect(),
        affected: Vec::new(),
    };
    let mut collector = Collector::new(&record.id, &record.summary.0, report);
    for one in record.affected {
        collector.add(one);
    }
    Ok(Bulletin {
        affected: collector.found,
        ..head
    })
}

/// The CVEs a record is about. A record that is itself a CVE's names others only as neighbours; an
/// advisory's CVEs are its `aliases`, `upstream` or, in older dumps, `related`.
fn cves(id: &str, record: &OsvRecord<'_>) -> Vec<String> {
    if id.starts_with("CVE-") {
        return vec![id.to_owned()];
    }
    let named = record.upstream.iter().chain(&record.aliases);
    let named = named.chain(&record.related);
    let named = named.filter(|name| name.starts_with("CVE-"));
    let mut cves: Vec<_> = named.map(|name| name.to_string()).collect();
    cves.extend(
        id.split_once("-CVE-")
            .map(|(_, rest)| format!("CVE-{rest}")),
    );
    cves.sort_unstable();
    cves.dedup();
    cves
}

/// A severity in words: Ubuntu's own; the word before the colon in the summary, where `AlmaLinux`,
/// Rocky Linux and SUSE put it; or the one in the address of Red Hat's page about severities.
fn severity(stated: &[&OsvSeverity<'_>], record: &OsvRecord<'_>) -> Option<Severity> {
    let word = stated.iter().find_map(|one| Severity::parse(&one.score));
    let summary = || Severity::parse(record.summary.0.split_once(':')?.0);
    let page = |url: &Text<'_>| {
        let (page, word) = url.rsplit_once('#')?;
        let is_page = page.trim_end_matches('/').ends_with("/classification");
        is_page.then(|| Severity::parse(word)).flatten()
    };
    let references = || record.references.iter().find_map(|one| page(&one.url));
    word.or_else(summary).or_else(references)
}

fn time(field: &str, text: Option<&str>) -> Result<Option<UtcTime>, String> {
    let Some(text) = text else {
        return Ok(None);
    };
    let time = UtcTime::parse(text);
    let wrong = || format!("{field} is no RFC 3339 time: `{}`", text.escape_debug());
    time.map(Some).ok_or_else(wrong)
}

#[cfg(test)]
mod tests;
