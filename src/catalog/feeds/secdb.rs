//! Alpine's secdb: one JSON document for each branch and repository, `package -> version -> flaws fixed in
//! it`. Wolfi and Chainguard publish the same shape.
//!
//! It is what OSV's Alpine records are made from, without their gaps: a fix in version `0` says that the
//! package never had the flaw.

use super::records::{RawRecord, Text, each_element, stated_id};
use super::stream::or_default;
use super::text::is_cve;
use super::{ALPINE_SECDB, Feed, FeedError, FeedReport, Grain, Record};
use crate::catalog::outline::{Outline, Shape};
use crate::model::{Affected, Bulletin, BulletinId, FixStatus, Nature, PackageScope, VersionRange};
use serde::Deserialize;
use std::collections::BTreeMap;
use std::io::{BufRead, Read as _};

/// <https://secdb.alpinelinux.org/>, <https://packages.wolfi.dev/os/security.json>,
/// <https://packages.cgr.dev/chainguard/security.json>
#[derive(Debug)]
pub(super) struct AlpineSecdb;

/// The most bytes of a document. Alpine's are under 1 MB, Wolfi's some 10.
const MOST_BYTES: u64 = 128 << 20;

impl Feed for AlpineSecdb {
    fn name(&self) -> &'static str {
        ALPINE_SECDB
    }

    /// A flaw's packages stand in two documents of a branch, `main` and `community`.
    fn grain(&self) -> Grain {
        Grain::Package
    }

    fn recognises(&self, outline: &Outline) -> bool {
        outline.shape == Shape::Object
            && ["apkurl", "reponame", "urlprefix"]
                .iter()
                .filter(|key| outline.has(1, key))
                .count()
                >= 2
    }

    fn read(
        &self,
        doc: &mut dyn BufRead,
        out: &mut dyn FnMut(Record),
    ) -> Result<FeedReport, FeedError> {
        let failed = |source| FeedError::Json {
            feed: ALPINE_SECDB,
            source,
        };
        // Whose it is may stand behind the packages.
        let mut whole = Vec::new();
        let read = doc.take(MOST_BYTES + 1).read_to_end(&mut whole);
        read.map_err(|error| failed(serde_json::Error::io(error)))?;
        if whole.len() as u64 > MOST_BYTES {
            return Err(shape(format!("it is longer than {MOST_BYTES} bytes")));
        }
        let head: Head = serde_json::from_slice(&whole).map_err(failed)?;
        let Some(ecosystem) = head.ecosystem() else {
            return Err(shape(
                "it does not say of which distribution it is".to_owned(),
            ));
        };
        let mut reading = Reading {
            ecosystem,
            report: FeedReport::default(),
            out,
        };
        each_element(&*whole, "packages", &mut |raw| reading.raw(raw)).map_err(failed)?;
        Ok(reading.report)
    }
}

fn shape(what: String) -> FeedError {
    FeedError::Shape {
        feed: ALPINE_SECDB,
        what,
    }
}

/// What a document says of itself.
#[derive(Deserialize)]
struct Head {
    /// `v3.19`, `edge`; Wolfi and Chainguard have none.
    distroversion: Option<String>,
    reponame: Option<String>,
    urlprefix: Option<String>,
}

impl Head {
    fn ecosystem(&self) -> Option<String> {
        let branch = self.distroversion.as_deref().unwrap_or_default();
        if !branch.is_empty() {
            let is_ours = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'.';
            return branch
                .bytes()
                .all(is_ours)
                .then(|| format!("Alpine:{branch}"));
        }
        let prefix = self.urlprefix.as_deref().unwrap_or_default();
        match self.reponame.as_deref() {
            Some("chainguard" | "extra-packages" | "enterprise-packages") => Some("Chainguard"),
            Some("wolfi") => Some("Wolfi"),
            _ if prefix.contains("wolfi") => Some("Wolfi"),
            _ => None,
        }
        .map(str::to_owned)
    }
}

#[derive(Deserialize)]
struct Entry<'a> {
    #[serde(borrow)]
    pkg: Package<'a>,
}

#[derive(Deserialize)]
struct Package<'a> {
    #[serde(borrow)]
    name: Text<'a>,
    /// By the version that has the fixes. Some have `null`.
    #[serde(borrow, default, deserialize_with = "or_default")]
    secfixes: BTreeMap<Text<'a>, Option<Vec<Text<'a>>>>,
}

struct Reading<'a> {
    ecosystem: String,
    report: FeedReport,
    out: &'a mut dyn FnMut(Record),
}

impl Reading<'_> {
    fn raw(&mut self, raw: RawRecord<'_>) {
        match raw {
            RawRecord::Whole(bytes) => match serde_json::from_slice::<Entry<'_>>(bytes) {
                Ok(entry) => self.package(&entry.pkg),
                Err(what) => self.report.skip(&stated_id(bytes, &["name"]), what),
            },
            RawRecord::TooLong(bytes) => {
                self.report
                    .skip(&stated_id(bytes, &["name"]), "it is too long");
            }
        }
    }

    fn package(&mut self, package: &Package<'_>) {
        if package.name.is_empty() {
            return self
                .report
                .skip("without a name", "the package has no name");
        }
        let mut flaws: BTreeMap<&str, (Vec<&str>, Vec<&str>)> = BTreeMap::new();
        for (version, names) in &package.secfixes {
            for line in names.iter().flatten() {
                let mut names = line.split_whitespace();
                let Some(id) = names.next() else {
                    self.report
                        .problem(&package.name, "a fix without a flaw: left out");
                    continue;
                };
                let (versions, others) = flaws.entry(id).or_default();
                versions.push(version);
                others.extend(names);
            }
        }
        for (id, (versions, others)) in flaws {
            if id.len() > 200 || id.chars().any(char::is_control) {
                self.report.skip(
                    &package.name,
                    "a flaw's name is too long or has control characters",
                );
                continue;
            }
            self.report.read += 1;
            let affected = self.affected(package, &versions);
            let bulletin = bulletin(id, &others, affected);
            (self.out)(Record::Bulletin(bulletin));
        }
    }

    /// The later of two fixes completes the earlier, so each of them is the end of a range.
    fn affected(&self, package: &Package<'_>, versions: &[&str]) -> Affected {
        let fixed = versions.iter().filter(|version| **version != "0");
        let mut ranges: Vec<_> = fixed.map(|version| fixed_in(version)).collect();
        ranges.dedup();
        Affected {
            ecosystem: self.ecosystem.clone(),
            package: package.name.to_string(),
            scope: PackageScope::default(),
            status: if ranges.is_empty() {
                FixStatus::NotAffected
            } else {
                FixStatus::Stated
            },
            ranges,
            urgency: None,
        }
    }
}

fn fixed_in(version: &str) -> VersionRange {
    VersionRange {
        introduced: None,
        fixed: Some(version.to_owned()),
        last_affected: None,
    }
}

/// A flaw is a CVE, or a publisher's own (`XSA-200`, `GHSA-…`) with the CVE beside it, if it has one.
fn bulletin(id: &str, others: &[&str], affected: Affected) -> Bulletin {
    let named = others.iter().filter(|name| is_cve(name) && !is_cve(id));
    let mut cves: Vec<_> = named.map(|name| (*name).to_owned()).collect();
    cves.extend(is_cve(id).then(|| id.to_owned()));
    cves.sort_unstable();
    cves.dedup();
    Bulletin {
        id: BulletinId::new(id),
        feed: ALPINE_SECDB.to_owned(),
        title: id.to_owned(),
        cves,
        severity: None,
        cvss_tenths: None,
        nature: Nature::default(),
        published: None,
        modified: None,
        withdrawn: None,
        references: Vec::new(),
        affected: vec![affected],
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn read(mut doc: &[u8]) -> Result<(FeedReport, Vec<Bulletin>), FeedError> {
        let mut bulletins = Vec::new();
        let report = AlpineSecdb.read(&mut doc, &mut |record| match record {
            Record::Bulletin(bulletin) => bulletins.push(bulletin),
            other => panic!("{other:?}"),
        })?;
        Ok((report, bulletins))
    }

    const MAIN: &[u8] = include_bytes!("../../../fixtures/feeds/alpine-secdb/main.json");
    const CHAINGUARD: &[u8] = include_bytes!("../../../fixtures/feeds/alpine-secdb/security.json");

    fn found(bulletin: &Bulletin) -> (&str, &str, Vec<&str>, FixStatus) {
        let one = &bulletin.affected[0];
        let fixed = one.ranges.iter().filter_map(|range| range.fixed.as_deref());
        (
            bulletin.id.as_str(),
            &one.package,
            fixed.collect(),
            one.status,
        )
    }

    #[test]
    fn every_flaw_of_a_package_has_the_versions_that_fix_it() {
        let (report, bulletins) = read(MAIN).unwrap();
        assert_eq!((report.read, report.skipped), (5, 1), "{report:?}");
        let bulletins: Vec<_> = bulletins.iter().map(found).collect();
        let stated = FixStatus::Stated;
        let expected = [
            ("CVE-2021-30473", "aom", vec!["3.1.1-r0"], stated),
            (
                "CVE-2018-12126",
                "intel-ucode",
                vec!["20190514a-r0", "20191112-r0"],
                stated,
            ),
            ("CVE-2019-5443", "curl", vec![], FixStatus::NotAffected),
            ("CVE-2016-9932", "xen", vec!["4.7.1-r1"], stated),
            ("XSA-207", "xen", vec!["4.7.1-r4"], stated),
        ];
        assert_eq!(bulletins, expected);
    }

    #[test]
    fn the_ecosystem_is_the_branch_or_the_distribution() {
        let ecosystem = |doc: &[u8]| read(doc).unwrap().1[0].affected[0].ecosystem.clone();
        assert_eq!(ecosystem(MAIN), "Alpine:v3.19");
        assert_eq!(ecosystem(CHAINGUARD), "Chainguard");
        let text = std::str::from_utf8(CHAINGUARD).unwrap();
        let wolfi = text.replace("\"chainguard\"", "\"os\"");
        let wolfi = wolfi.replace("packages.cgr.dev", "packages.wolfi.dev");
        assert_eq!(ecosystem(wolfi.as_bytes()), "Wolfi");
        let nobodys = text.replace("\"chainguard\"", "\"os\"");
        assert!(read(nobodys.as_bytes()).is_err());
    }

    #[test]
    fn a_document_cut_short_is_an_error() {
        let whole = MAIN.trim_ascii_end();
        for length in 1..whole.len() {
            assert!(read(&whole[..length]).is_err(), "{length}");
        }
    }

    proptest! {
        #[test]
        fn no_bytes_make_it_panic(bytes in proptest::collection::vec(any::<u8>(), 0..9), at in 0..MAIN.len()) {
            let mut doc = MAIN.to_vec();
            doc.splice(at..(at + 3).min(MAIN.len()), bytes);
            let _ = read(&doc);
        }
    }
}
