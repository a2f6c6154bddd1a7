//! How a record is laid down: cut by release, in a form that is the same for the same content.

use super::feeds::Grain;
use super::slice::{BulletinHead, split};
use crate::model::{
    Bulletin, FixStatus, KnownExploited, Lifecycle, PackageScope, Severity, UtcTime, VersionRange,
    hex,
};
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use std::collections::{BTreeMap, HashMap};

/// How many references a bulletin keeps.
const MOST_REFERENCES: usize = 3;

/// A bulletin, cut by release.
pub(super) struct Cut {
    pub(super) head: BulletinHead,
    pub(super) references: String,
    pub(super) rows: Vec<CutRow>,
}

/// What one record says of one release: the unit that a newer record replaces.
pub(super) struct CutRow {
    pub(super) ecosystem: String,
    /// The package, when the feed speaks of one package at a time; else empty.
    pub(super) part: String,
    /// The packages, as canonical JSON: see [`PackageRow`].
    pub(super) packages: String,
}

/// One affected package: name, status, urgency, ranges (introduced, fixed, last affected), and its scope where
/// that is not the usual one.
#[derive(Serialize, Deserialize, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct PackageRow(
    pub(super) String,
    pub(super) FixStatus,
    pub(super) Option<String>,
    pub(super) Vec<(Option<String>, Option<String>, Option<String>)>,
    #[serde(default, skip_serializing_if = "is_usual")] pub(super) PackageScope,
);

fn is_usual(scope: &PackageScope) -> bool {
    *scope == PackageScope::default()
}

impl PackageRow {
    /// The ranges, as the model has them.
    pub(super) fn ranges(&mut self) -> Vec<VersionRange> {
        let ranges = std::mem::take(&mut self.3).into_iter();
        let range = |(introduced, fixed, last_affected)| VersionRange {
            introduced,
            fixed,
            last_affected,
        };
        ranges.map(range).collect()
    }
}

/// Cuts a bulletin by release. Releases whose codename nobody knows (`sid`) are left out.
pub(super) fn cut(bulletin: Bulletin, grain: Grain, codenames: &Codenames) -> Cut {
    let mut references = bulletin.references.clone();
    references.retain(|url| !url.contains('\n'));
    references.truncate(MOST_REFERENCES);
    let (head, affected) = split(bulletin);
    let mut rows: BTreeMap<(String, String), Vec<PackageRow>> = BTreeMap::new();
    for one in affected {
        let Some(ecosystem) = codenames.resolve(one.ecosystem) else {
            continue;
        };
        let part = match grain {
            Grain::Release | Grain::Record => String::new(),
            Grain::Package => one.package.clone(),
            Grain::Build => build(&one.package, &one.scope),
        };
        let ranges = one.ranges.into_iter();
        let ranges = ranges.map(|range| (range.introduced, range.fixed, range.last_affected));
        let row = PackageRow(
            one.package,
            one.status,
            one.urgency,
            ranges.collect(),
            one.scope,
        );
        rows.entry((ecosystem, part)).or_default().push(row);
    }
    let rows = rows.into_iter().map(|((ecosystem, part), mut packages)| {
        packages.sort_unstable();
        packages.dedup();
        CutRow {
            ecosystem,
            part,
            // Strings, options and lists always serialise.
            packages: serde_json::to_string(&packages).unwrap_or_default(),
        }
    });
    Cut {
        head,
        references: references.join("\n"),
        rows: rows.collect(),
    }
}

/// The part of a release that a statement about builds is about.
fn build(package: &str, scope: &PackageScope) -> String {
    let arches = scope.arches.join(",");
    let module = scope.module.as_deref().unwrap_or_default();
    format!("{package} {arches} {module}")
}

/// The numbers of Debian's and Ubuntu's codenames, by the ecosystem that has them (`Debian:bookworm`), as they
/// stand in its place.
pub(super) struct Codenames(HashMap<String, String>);

/// Who names releases: the product of the lifecycle dates, and the beginning of its ecosystems.
const NAMERS: [(&str, &str); 2] = [("debian", "Debian"), ("ubuntu", "Ubuntu")];

impl Codenames {
    pub(super) fn of<'a>(lifecycles: impl Iterator<Item = &'a Lifecycle>) -> Self {
        let pair = |row: &Lifecycle| {
            let (_, namer) = NAMERS.iter().find(|(product, _)| *product == row.product)?;
            let codename = row.codename.as_ref()?;
            let is_lts = row.product == "ubuntu" && is_lts(&row.version);
            let end = if is_lts { ":LTS" } else { "" };
            Some((
                format!("{namer}:{codename}"),
                format!("{}{end}", row.version),
            ))
        };
        Self(lifecycles.filter_map(pair).collect())
    }

    /// `Debian:bookworm` becomes `Debian:12`, `Ubuntu:Pro:xenial` becomes `Ubuntu:Pro:16.04:LTS`; other ecosystems
    /// stay as they are.
    fn resolve(&self, ecosystem: String) -> Option<String> {
        let Some((start, release)) = ecosystem.rsplit_once(':') else {
            return Some(ecosystem);
        };
        let namer = start.split(':').next().unwrap_or_default();
        let is_named = NAMERS.iter().any(|(_, known)| *known == namer);
        // `LTS` ends the number of a release, and is no codename.
        let is_codename = release.starts_with(|first: char| first.is_ascii_lowercase());
        if !is_named || !is_codename {
            return Some(ecosystem);
        }
        let version = self.0.get(&format!("{namer}:{release}"))?;
        Some(format!("{start}:{version}"))
    }
}

/// Whether a release of Ubuntu is one of long-term support: the April ones of even years, and the first.
fn is_lts(version: &str) -> bool {
    let Some((year, month)) = version.split_once('.') else {
        return false;
    };
    let is_even = year.parse::<u32>().is_ok_and(|year| year % 2 == 0);
    version == "6.06" || (month == "04" && is_even)
}

/// SHA-256 over fields, each preceded by its length, so that the borders between them count.
#[derive(Default)]
pub(super) struct Digest(Sha256);

impl Digest {
    pub(super) fn text(&mut self, text: &str) {
        self.bytes(text.as_bytes());
    }

    pub(super) fn bytes(&mut self, bytes: &[u8]) {
        self.0.update((bytes.len() as u64).to_le_bytes());
        self.0.update(bytes);
    }

    pub(super) fn number(&mut self, number: Option<i64>) {
        match number {
            None => self.0.update([0]),
            Some(number) => {
                self.0.update([1]);
                self.0.update(number.to_le_bytes());
            }
        }
    }

    pub(super) fn head(&mut self, head: &BulletinHead, references: &str) {
        self.text(&head.feed);
        self.text(head.id.as_str());
        self.text(&head.title);
        self.text(&head.cves.join(" "));
        self.text(head.severity.map_or("", Severity::as_str));
        self.number(head.cvss_tenths.map(i64::from));
        for time in [head.published, head.modified, head.withdrawn] {
            self.number(time.map(UtcTime::unix));
        }
        self.text(references);
        // Bulletins without have the digest that they had before there was any.
        if !head.nature.is_empty() {
            self.text(head.nature.as_str());
        }
    }

    pub(super) fn kev(&mut self, known: &KnownExploited) {
        self.text(&known.cve);
        for day in [known.added, known.due] {
            self.text(&day.map(|day| day.to_string()).unwrap_or_default());
        }
        self.number(Some(known.ransomware.into()));
    }

    pub(super) fn lifecycle(&mut self, row: &Lifecycle) {
        self.text(&row.product);
        self.text(&row.version);
        self.text(row.codename.as_deref().unwrap_or_default());
        for day in [row.released, row.end_of_life, row.end_of_extended] {
            self.text(&day.map(|day| day.to_string()).unwrap_or_default());
        }
    }

    /// In hex.
    pub(super) fn finish(self) -> String {
        hex(&self.0.finalize())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn named(product: &str, version: &str, codename: &str) -> Lifecycle {
        Lifecycle {
            product: product.to_owned(),
            version: version.to_owned(),
            codename: Some(codename.to_owned()),
            released: None,
            end_of_life: None,
            end_of_extended: None,
        }
    }

    #[test]
    fn a_codename_becomes_its_number_and_an_unknown_one_is_left_out() {
        let rows = [
            named("debian", "12", "bookworm"),
            named("ubuntu", "6.06", "dapper"),
            named("ubuntu", "16.04", "xenial"),
            named("ubuntu", "25.10", "questing"),
            named("linuxmint", "21.3", "virginia"),
        ];
        let codenames = Codenames::of(rows.iter());
        let cases = [
            ("Debian:bookworm", Some("Debian:12")),
            ("Debian:13", Some("Debian:13")),
            ("Debian:sid", None),
            ("Ubuntu:dapper", Some("Ubuntu:6.06:LTS")),
            ("Ubuntu:Pro:xenial", Some("Ubuntu:Pro:16.04:LTS")),
            (
                "Ubuntu:Pro:FIPS-updates:xenial",
                Some("Ubuntu:Pro:FIPS-updates:16.04:LTS"),
            ),
            ("Ubuntu:questing", Some("Ubuntu:25.10")),
            ("Ubuntu:Pro:16.04:LTS", Some("Ubuntu:Pro:16.04:LTS")),
            ("Ubuntu:virginia", None),
            ("Alpine:edge", Some("Alpine:edge")),
            ("FreeBSD", Some("FreeBSD")),
        ];
        for (ecosystem, expected) in cases {
            assert_eq!(codenames.resolve(ecosystem.to_owned()).as_deref(), expected);
        }
    }
}
