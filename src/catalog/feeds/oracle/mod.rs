//! Oracle's OVAL definitions: the advisories of Oracle Linux (ELSA).
//!
//! <https://linux.oracle.com/security/oval/>, `com.oracle.elsa-all.xml.bz2`. Each definition has a tree of
//! criteria that says in words what a tool is to test, and these words are all that is needed:
//!
//! | comment | here |
//! |---|---|
//! | `Oracle Linux 8 is installed` | the ecosystem, `Oracle Linux:8` |
//! | `Oracle Linux arch is x86_64` | the architecture |
//! | `Module perl:5.32 is enabled` | the module |
//! | `bind is earlier than 32:9.11.4-26.P2.el7_9.15` | a binary package, and the version that fixes it |
//! | `bind is signed with the Oracle Linux 7 key` | nothing |
//!
//! Criteria hold for all that stands beside them under the same `AND`, and below it. The flavour of a build
//! (`.ksplice1.`, `_fips`) stays in its version: builds of one flavour are never compared with those of another.

use super::elements::{Element, Walk, each_element};
use super::rpm::is_evr;
use super::stream::opening;
use super::{Feed, FeedError, FeedReport, Record};
use crate::catalog::outline::Outline;
use crate::model::{
    Affected, Bulletin, BulletinId, FixStatus, Nature, PackageScope, Severity, Spoken, UtcTime,
    VersionRange,
};
use std::collections::{BTreeMap, BTreeSet};
use std::io::BufRead;

const NAME: &str = "oracle-oval";

/// <https://linux.oracle.com/security/oval/>
#[derive(Debug)]
pub(super) struct OracleOval;

impl Feed for OracleOval {
    fn name(&self) -> &'static str {
        NAME
    }

    fn recognises(&self, outline: &Outline) -> bool {
        outline.root.as_deref() == Some("oval_definitions") && outline.says("com.oracle.elsa")
    }

    fn read(
        &self,
        doc: &mut dyn BufRead,
        out: &mut dyn FnMut(Record),
    ) -> Result<FeedReport, FeedError> {
        let mut reading = Reading {
            report: FeedReport::default(),
            out,
            definition: Definition::default(),
        };
        each_element(NAME, doc, &mut reading)?;
        Ok(reading.report)
    }
}

struct Reading<'a> {
    report: FeedReport,
    out: &'a mut dyn FnMut(Record),
    definition: Definition,
}

/// What a definition says.
#[derive(Default)]
struct Definition {
    name: String,
    title: String,
    severity: String,
    issued: Option<UtcTime>,
    cves: BTreeSet<String>,
    cvss_tenths: Option<u8>,
    references: Vec<String>,
    /// The criteria that are open, from the outermost in.
    open: Vec<Criteria>,
    fixes: BTreeMap<Fix, BTreeSet<String>>,
    wrong: Option<String>,
}

/// Criteria that are open: what they ask of the host, and the packages they name.
#[derive(Default)]
struct Criteria {
    releases: Vec<String>,
    arches: Vec<String>,
    modules: Vec<String>,
    packages: Vec<(String, String)>,
    /// What the criteria in it named, for which what stands beside them holds as well.
    inner: Vec<Found>,
}

/// A package, with what is asked of the host so far.
#[derive(Clone)]
struct Found {
    release: Option<String>,
    arch: Option<String>,
    module: Option<String>,
    package: String,
    version: String,
}

#[derive(PartialEq, Eq, PartialOrd, Ord)]
struct Fix {
    release: String,
    package: String,
    module: Option<String>,
    version: String,
}

impl Walk for Reading<'_> {
    fn open(&mut self, path: &[String], start: &Element<'_>) {
        let definition = &mut self.definition;
        match start.name() {
            "definition" => {
                *definition = Definition {
                    name: start.attribute("id").unwrap_or_default(),
                    ..Definition::default()
                };
            }
            "criteria" => definition.open.push(Criteria::default()),
            "criterion" => {
                let comment = start.attribute("comment").unwrap_or_default();
                definition.criterion(&comment);
            }
            "reference" => definition.reference(start),
            "issued" => {
                let day = start.attribute("date").unwrap_or_default();
                definition.issued = UtcTime::parse(&format!("{day}T00:00:00Z"));
            }
            "cve" if path.last().is_some_and(|parent| parent == "advisory") => {
                let score = start.attribute("cvss3").unwrap_or_default();
                let score = score.split('/').next().and_then(super::msrc_clean::tenths);
                definition.cvss_tenths = definition.cvss_tenths.max(score);
            }
            _ => {}
        }
    }

    fn close(&mut self, path: &[String], text: &str) {
        let Some(name) = path.last() else { return };
        let definition = &mut self.definition;
        match &**name {
            "title" => definition.title = opening(text),
            "severity" => text.clone_into(&mut definition.severity),
            "cve" => definition.cve(text),
            "criteria" => definition.close_criteria(),
            "definition" => self.end_of_definition(),
            _ => {}
        }
    }
}

impl Definition {
    fn cve(&mut self, text: &str) {
        if text.starts_with("CVE-") && !text.contains(char::is_whitespace) {
            self.cves.insert(text.to_owned());
        }
    }

    fn reference(&mut self, start: &Element<'_>) {
        let id = start.attribute("ref_id").unwrap_or_default();
        match start.attribute("source").as_deref() {
            Some("elsa") => {
                self.references.extend(start.attribute("ref_url"));
                self.name = id;
            }
            Some("CVE") => self.cve(&id),
            _ => {}
        }
    }

    fn criterion(&mut self, comment: &str) {
        let Some(criteria) = self.open.last_mut() else {
            return;
        };
        if comment.contains(" is signed with ") {
            return;
        }
        if let Some(words) = comment.strip_prefix("Oracle Linux ") {
            let release = words.strip_suffix(" is installed");
            let arch = words.strip_prefix("arch is ");
            match (release, arch) {
                (Some(release), _) => criteria.releases.push(release.trim().to_owned()),
                (_, Some(arch)) => criteria.arches.push(arch.trim().to_owned()),
                _ => self.unknown(comment),
            }
            return;
        }
        let module = comment.strip_prefix("Module ");
        if let Some(module) = module.and_then(|rest| rest.strip_suffix(" is enabled")) {
            criteria.modules.push(module.to_owned());
        } else if let Some((package, version)) = comment.split_once(" is earlier than ") {
            let version = version.trim();
            let version = version.strip_prefix("0:").unwrap_or(version);
            let package = (package.trim().to_owned(), version.to_owned());
            criteria.packages.push(package);
        } else {
            self.unknown(comment);
        }
    }

    /// What asks for something that we do not know might narrow the advisory, and so it is not used.
    fn unknown(&mut self, comment: &str) {
        let what = format!(
            "criterion `{}` is new to us",
            opening(comment).escape_debug()
        );
        self.wrong.get_or_insert(what);
    }

    fn close_criteria(&mut self) {
        let Some(mut criteria) = self.open.pop() else {
            return;
        };
        let own = std::mem::take(&mut criteria.packages).into_iter();
        let own = own.map(|(package, version)| Found {
            release: None,
            arch: None,
            module: None,
            package,
            version,
        });
        let all = own.chain(std::mem::take(&mut criteria.inner));
        let all = all.flat_map(|found| criteria.narrow(&found));
        let all: Vec<_> = all.take(MOST_FOUND + 1).collect();
        if all.len() > MOST_FOUND {
            self.wrong
                .get_or_insert_with(|| "it names too many packages".to_owned());
            return;
        }
        match self.open.last_mut() {
            Some(outer) => outer.inner.extend(all),
            None => self.outermost(all),
        }
    }

    fn outermost(&mut self, all: Vec<Found>) {
        for found in all {
            let Some(release) = found.release else {
                self.wrong
                    .get_or_insert_with(|| "it names no release".to_owned());
                continue;
            };
            let fix = Fix {
                release,
                package: found.package,
                module: found.module,
                version: found.version,
            };
            self.fixes.entry(fix).or_default().extend(found.arch);
        }
    }

    fn affected(fixes: BTreeMap<Fix, BTreeSet<String>>) -> Vec<Affected> {
        let affected = |(fix, arches): (Fix, BTreeSet<String>)| Affected {
            ecosystem: format!("Oracle Linux:{}", fix.release),
            package: fix.package,
            scope: PackageScope {
                spoken: Spoken::Binary,
                arches: arches.into_iter().collect(),
                module: fix.module,
                repository: None,
            },
            ranges: vec![VersionRange {
                introduced: None,
                fixed: Some(fix.version),
                last_affected: None,
            }],
            status: FixStatus::Stated,
            urgency: None,
        };
        fixes.into_iter().map(affected).collect()
    }
}

impl Criteria {
    /// A package with what these criteria ask of the host: once for each release, architecture and module.
    fn narrow(&self, found: &Found) -> Vec<Found> {
        let mut all = vec![found.clone()];
        let asked: [(_, Field); 3] = [
            (&self.releases, |found| &mut found.release),
            (&self.arches, |found| &mut found.arch),
            (&self.modules, |found| &mut found.module),
        ];
        for (values, field) in asked {
            let is_open = all.first_mut().is_some_and(|found| field(found).is_none());
            if values.is_empty() || !is_open {
                continue;
            }
            let each = all.iter().flat_map(|found| {
                values.iter().map(move |value| {
                    let mut found = found.clone();
                    *field(&mut found) = Some(value.clone());
                    found
                })
            });
            all = each.take(MOST_FOUND).collect();
        }
        all
    }
}

/// What criteria can ask for.
type Field = fn(&mut Found) -> &mut Option<String>;

/// More packages, with their architectures, than any advisory names.
const MOST_FOUND: usize = 100_000;

impl Reading<'_> {
    fn end_of_definition(&mut self) {
        let mut definition = std::mem::take(&mut self.definition);
        let name = std::mem::take(&mut definition.name);
        let is_id = |char: char| char.is_ascii_alphanumeric() || "-:._".contains(char);
        if name.is_empty() || name.len() > 100 || !name.chars().all(is_id) {
            return self
                .report
                .skip("definition", "its id is missing or no word");
        }
        if let Some(what) = definition.wrong.take() {
            return self.report.skip(&name, what);
        }
        let mut fixes = std::mem::take(&mut definition.fixes);
        fixes.retain(|fix, _| {
            let is_good = is_evr(&fix.version) && fix.release.parse::<u8>().is_ok();
            if !is_good {
                let what = format!("`{}` is no version", fix.version.escape_debug());
                self.report.problem(&name, what);
            }
            is_good
        });
        if fixes.is_empty() {
            return self.report.skip(&name, "it names no package");
        }
        // The title begins with the id, and ends with the severity.
        let title = definition.title.strip_prefix(&*name);
        let title = title
            .unwrap_or(&definition.title)
            .trim_start_matches([':', ' ']);
        self.report.read += 1;
        (self.out)(Record::Bulletin(Bulletin {
            feed: NAME.to_owned(),
            title: title.to_owned(),
            cves: definition.cves.into_iter().collect(),
            severity: Severity::parse(&definition.severity),
            cvss_tenths: definition.cvss_tenths,
            nature: Nature::default(),
            published: definition.issued,
            modified: None,
            withdrawn: None,
            references: definition.references,
            affected: Definition::affected(fixes),
            id: BulletinId::new(name),
        }));
    }
}

#[cfg(test)]
mod tests;
