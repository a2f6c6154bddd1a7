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

/// The numbers of Debian's codenames.
pub(super) struct Codenames(HashMap<String, String>);

impl Codenames {
    pub(super) fn of<'a>(lifecycles: impl Iterator<Item = &'a Lifecycle>) -> Self {
        let debian = lifecycles.filter(|row| row.product == "debian");
        let pair = |row: &Lifecycle| Some((row.codename.clone()?, row.version.clone()));
        Self(debian.filter_map(pair).collect())
    }

    /// `Debian:bookworm` becomes `Debian:12`; other ecosystems stay as they are.
    fn resolve(&self, ecosystem: String) -> Option<String> {
        let codename = ecosystem.strip_prefix("Debian:").filter(|release| {
            let first = release.chars().next();
            first.is_some_and(|first| first.is_ascii_alphabetic())
        });
        let Some(codename) = codename else {
            return Some(ecosystem);
        };
        let version = self.0.get(codename)?;
        Some(format!("Debian:{version}"))
    }
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
