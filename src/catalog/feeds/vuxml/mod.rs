//! `FreeBSD`'s `VuXML`: flaws of ports and of the base system.
//!
//! <https://www.vuxml.org/> and the Porter's Handbook, section "Security". One document holds every entry;
//! a year's own file (`vuln-2026.xml`), which has no outermost element, reads as well. An entry names packages
//! as `pkg` does, each with all flavours it has (`py311-django`), and the base system as `FreeBSD`
//! (userland) and `FreeBSD-kernel`, whose versions are a release with its patch level: `14.1_4`.
//!
//! | range | here |
//! |---|---|
//! | `<ge>1</ge>` | introduced in 1 |
//! | `<gt>1_2</gt>` | introduced in `1_3`: nothing lies between them, as a revision is a whole number |
//! | `<lt>2</lt>` | fixed in 2 |
//! | `<le>2</le>` | last affected is 2 |
//! | `<eq>2</eq>` | from 2 to 2 |
//! | none | all versions |
//!
//! A version that ends with `*` (`1.8.*`) is lower than any that goes on from there, and stays as it is.
//! A cancelled entry takes back what it said before.

use super::elements::{Element, Walk, each_element};
use super::stream::opening;
use super::{Feed, FeedError, FeedReport, Record};
use crate::catalog::outline::Outline;
use crate::model::{
    Affected, Bulletin, BulletinId, Date, FixStatus, Nature, PackageScope, Spoken, UtcTime,
    VersionRange,
};
use std::io::BufRead;

const NAME: &str = "freebsd-vuxml";
const ECOSYSTEM: &str = "FreeBSD";

/// Stands for what a cancelled entry no longer affects. No package has this name.
const NONE: &str = "*";

/// <https://vuxml.freebsd.org/freebsd/vuln.xml.bz2>
#[derive(Debug)]
pub(super) struct VuXml;

impl Feed for VuXml {
    fn name(&self) -> &'static str {
        NAME
    }

    fn recognises(&self, outline: &Outline) -> bool {
        matches!(outline.root.as_deref(), Some("vuxml" | "vuln"))
    }

    fn read(
        &self,
        doc: &mut dyn BufRead,
        out: &mut dyn FnMut(Record),
    ) -> Result<FeedReport, FeedError> {
        let mut reading = Reading {
            report: FeedReport::default(),
            out,
            entry: Entry::default(),
            package: Package::default(),
            range: None,
        };
        each_element(NAME, doc, &mut reading)?;
        Ok(reading.report)
    }
}

struct Reading<'a> {
    report: FeedReport,
    out: &'a mut dyn FnMut(Record),
    entry: Entry,
    package: Package,
    range: Option<VersionRange>,
}

/// What an entry says.
#[derive(Default)]
struct Entry {
    vid: String,
    topic: String,
    is_cancelled: bool,
    packages: Vec<Package>,
    cves: Vec<String>,
    urls: Vec<String>,
    published: Option<UtcTime>,
    modified: Option<UtcTime>,
    /// What is wrong with it.
    wrong: Option<String>,
}

/// Packages that share their ranges.
#[derive(Default)]
struct Package {
    names: Vec<String>,
    ranges: Vec<VersionRange>,
}

impl Walk for Reading<'_> {
    fn open(&mut self, path: &[String], start: &Element<'_>) {
        let parent = path.last().map(String::as_str);
        match (parent, start.name()) {
            (None | Some("vuxml"), "vuln") => {
                self.entry = Entry {
                    vid: start.attribute("vid").unwrap_or_default(),
                    ..Entry::default()
                };
            }
            (Some("vuln"), "cancelled") => {
                self.entry.is_cancelled = true;
                let by = start.attribute("superseded");
                let by = by.map(|vid| address(&vid));
                self.entry.urls.extend(by);
            }
            (Some("affects"), "package" | "system") => self.package = Package::default(),
            (Some("package" | "system"), "range") => {
                self.range = Some(VersionRange {
                    introduced: None,
                    fixed: None,
                    last_affected: None,
                });
            }
            _ => {}
        }
    }

    fn close(&mut self, path: &[String], text: &str) {
        let [.., parent, name] = path else {
            if path.first().is_some_and(|name| name == "vuln") {
                self.end_of_entry();
            }
            return;
        };
        match (&**parent, &**name) {
            ("vuxml", "vuln") => self.end_of_entry(),
            ("vuln", "topic") => self.entry.topic = opening(text),
            ("affects", "package" | "system") => {
                let package = std::mem::take(&mut self.package);
                self.entry.packages.push(package);
            }
            ("package" | "system", "name") => self.package.names.push(text.to_owned()),
            ("package" | "system", "range") => self.package.ranges.extend(self.range.take()),
            ("range", bound) => self.bound(bound, text),
            ("references", "cvename") => self.entry.cves.push(text.to_owned()),
            ("references", "url") => self.entry.urls.push(text.to_owned()),
            ("dates", "entry") => self.entry.published = self.day("entry", text),
            ("dates", "modified") => self.entry.modified = self.day("modified", text),
            _ => {}
        }
    }

    fn unexplained(&mut self, name: &str) {
        // The ports tree keeps the entries in a file a year, which the published document has in it.
        if name.starts_with("vuln-") {
            let what =
                "the entries of a year are in another file: import the published vuln.xml.bz2";
            self.report.problem(name, what);
        }
    }
}

impl Reading<'_> {
    fn bound(&mut self, bound: &str, version: &str) {
        let Some(range) = &mut self.range else {
            return;
        };
        let is_version = |char: char| char.is_ascii_alphanumeric() || "._,+*~-".contains(char);
        if version.is_empty() || version.len() > 100 || !version.chars().all(is_version) {
            let what = format!("`{}` is no version", version.escape_debug());
            self.entry.wrong.get_or_insert(what);
            return;
        }
        let mended = revision_first(version);
        if let Some(mended) = &mended {
            let what = format!("`{version}` has its epoch before its revision: read as `{mended}`");
            self.report.problem(&self.entry.vid, what);
        }
        let version = mended.unwrap_or_else(|| version.to_owned());
        match bound {
            "lt" => range.fixed = Some(version),
            "le" => range.last_affected = Some(version),
            "ge" => range.introduced = Some(version).filter(|version| version != "0"),
            "gt" => range.introduced = Some(next(&version)).filter(|_| version != "0"),
            "eq" => {
                range.introduced = Some(version.clone());
                range.last_affected = Some(version);
            }
            _ => {
                let what = format!("range bound `{}` is new to us", bound.escape_debug());
                self.entry.wrong.get_or_insert(what);
            }
        }
    }

    fn day(&mut self, what: &str, text: &str) -> Option<UtcTime> {
        let day = Date::parse(text).and_then(|day| UtcTime::parse(&format!("{day}T00:00:00Z")));
        if day.is_none() {
            let what = format!("{what} is no day: `{}`", text.escape_debug());
            self.report.problem(&self.entry.vid, what);
        }
        day
    }

    fn end_of_entry(&mut self) {
        let mut entry = std::mem::take(&mut self.entry);
        let is_word = |char: char| char.is_ascii_alphanumeric() || char == '-';
        if entry.vid.is_empty() || entry.vid.len() > 100 || !entry.vid.chars().all(is_word) {
            return self.report.skip("entry", "its vid is missing or no word");
        }
        if let Some(what) = entry.wrong.take() {
            return self.report.skip(&entry.vid, what);
        }
        let has_packages = entry.packages.iter().any(|one| !one.names.is_empty());
        if !has_packages && !entry.is_cancelled {
            return self.report.skip(&entry.vid, "it names no package");
        }
        self.report.read += 1;
        (self.out)(Record::Bulletin(entry.into_bulletin()));
    }
}

impl Entry {
    fn into_bulletin(self) -> Bulletin {
        let affected = if self.is_cancelled {
            vec![affected(
                NONE.to_owned(),
                Vec::new(),
                FixStatus::NotAffected,
            )]
        } else {
            self.packages
                .into_iter()
                .flat_map(Package::affected)
                .collect()
        };
        let mut cves = self.cves;
        cves.retain(|cve| cve.starts_with("CVE-") && !cve.contains(char::is_whitespace));
        cves.sort_unstable();
        cves.dedup();
        let mut references = vec![address(&self.vid)];
        references.extend(self.urls);
        Bulletin {
            title: match self.topic {
                topic if topic.is_empty() => self.vid.clone(),
                topic => topic,
            },
            id: BulletinId::new(self.vid),
            feed: NAME.to_owned(),
            cves,
            severity: None,
            cvss_tenths: None,
            nature: Nature::default(),
            published: self.published,
            modified: self.modified.or(self.published),
            withdrawn: None,
            references,
            affected,
        }
    }
}

impl Package {
    fn affected(self) -> impl Iterator<Item = Affected> {
        let Self { names, mut ranges } = self;
        if ranges.is_empty() {
            ranges.push(VersionRange {
                introduced: None,
                fixed: None,
                last_affected: None,
            });
        }
        let each = move |name| affected(name, ranges.clone(), FixStatus::Stated);
        names.into_iter().filter(|name| !name.is_empty()).map(each)
    }
}

fn affected(package: String, ranges: Vec<VersionRange>, status: FixStatus) -> Affected {
    Affected {
        ecosystem: ECOSYSTEM.to_owned(),
        package,
        scope: PackageScope {
            spoken: Spoken::Binary,
            ..PackageScope::default()
        },
        ranges,
        status,
        urgency: None,
    }
}

fn address(vid: &str) -> String {
    format!("https://vuxml.freebsd.org/freebsd/{vid}.html")
}

/// `1.1.1t_1,1` for `1.1.1t,1_1`, as two entries have it: as it stands it would have no epoch, and be lower than
/// every version that has one.
fn revision_first(version: &str) -> Option<String> {
    let (upstream, rest) = version.rsplit_once(',')?;
    let (epoch, revision) = rest.split_once('_')?;
    let is_number = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    (is_number(epoch) && is_number(revision)).then(|| format!("{upstream}_{revision},{epoch}"))
}

/// The lowest version that is higher than this one: its next revision. What ends with `*` is lower than
/// any version that exists, so it is its own.
fn next(version: &str) -> String {
    if version.contains('*') {
        return version.to_owned();
    }
    let (version, epoch) = match version.split_once(',') {
        Some((version, epoch)) => (version, format!(",{epoch}")),
        None => (version, String::new()),
    };
    let (version, revision) = match version.rsplit_once('_') {
        Some((rest, revision)) if revision.parse::<u32>().is_ok() => (rest, revision),
        _ => (version, "0"),
    };
    let revision = revision.parse().unwrap_or(0u32).saturating_add(1);
    format!("{version}_{revision}{epoch}")
}

#[cfg(test)]
mod tests;
