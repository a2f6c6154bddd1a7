//! Where bulletins come from: who publishes what, in which format.
//!
//! A feed reads one document; it opens nothing and keeps nothing. To add a feed, write one file, add one
//! line to [`FEEDS`], and one to `sources/table.csv` for where its documents are.

mod arch;
mod builds;
mod bulletins;
mod bulletins_csv;
mod content_sets;
mod csaf;
mod dbatools;
mod debian_tracker;
mod dotnet;
mod edge;
mod elements;
mod endoflife;
mod epss;
mod errata;
mod exchange;
mod kev;
mod lifecycle;
mod markdown;
mod month;
mod msrc_clean;
mod msrc_cvrf;
mod msrc_sug;
mod office;
mod office_words;
mod oracle;
mod osv;
mod records;
mod redhat;
mod rpm;
mod secdb;
mod stream;
mod text;
mod ubuntu;
mod updateinfo;
mod vuxml;

pub(super) use month::month_of;

use super::outline::Outline;
use super::problems;
use crate::model::{
    Advisory, BuildRow, Bulletin, ContentSet, ExploitPrediction, KnownExploited, Lifecycle,
};
use std::collections::BTreeMap;
use std::io::BufRead;

/// Every feed, in the order in which they are asked whether a document is theirs.
pub const FEEDS: &[&dyn Feed] = &[
    &kev::Kev,
    &epss::Epss,
    &debian_tracker::DebianTracker,
    &ubuntu::UbuntuTracker,
    &lifecycle::DistroInfo,
    &msrc_cvrf::MsrcCvrf,
    &vuxml::VuXml,
    &oracle::OracleOval,
    &endoflife::EndOfLifeDate,
    &dbatools::DbatoolsBuilds,
    &exchange::ExchangeBuilds,
    &dotnet::DotnetReleases,
    &edge::EdgeUpdates,
    &office::OfficeClickToRun,
    &bulletins_csv::BulletinsCsv,
    &redhat::RedHatCsaf,
    &content_sets::RedHatContentSets,
    &csaf::MsrcCsaf,
    &csaf::MsrcVex,
    &csaf::Csaf,
    &msrc_sug::MsrcSug,
    &bulletins::search::BulletinSearch,
    &bulletins::wesng::Wesng,
    &secdb::AlpineSecdb,
    &arch::ArchTracker,
    &updateinfo::AmazonUpdateinfo,
    &updateinfo::Updateinfo,
    &errata::Apollo,
    &errata::AlmaErrata,
    &osv::Osv,
];

/// The name of the OSV feed, whose records others fill in for.
pub(super) const OSV: &str = "osv";
/// The name of the Debian tracker's feed.
pub(super) const DEBIAN_TRACKER: &str = "debian-tracker";
/// The name of the feed of Alpine's secdb.
pub(super) const ALPINE_SECDB: &str = "alpine-secdb";
/// The name of Arch Linux's tracker's feed.
pub(super) const ARCH: &str = "arch";
/// The name of the feed of Rocky Linux's errata.
pub(super) const APOLLO: &str = "apollo";
/// The name of the feed of `AlmaLinux`'s errata.
pub(super) const ALMA_ERRATA: &str = "alma-errata";

/// The name of Red Hat's feed of CSAF documents.
pub(super) const REDHAT_CSAF: &str = "redhat-csaf";
/// The name of Microsoft's feed of monthly documents.
pub(super) const MSRC_CVRF: &str = "msrc-cvrf";

/// Knows how one publisher publishes.
pub trait Feed: Send + Sync {
    /// The name in the catalogue, in reports and in evidence.
    fn name(&self) -> &'static str;

    /// What one record states the whole truth about.
    fn grain(&self) -> Grain {
        Grain::Release
    }

    /// Whether a document is this feed's, by what it holds. A file's name says nothing.
    fn recognises(&self, outline: &Outline) -> bool;

    /// Reads one document as a stream, and hands out each record as soon as it is read.
    ///
    /// A record that does not read costs that record: it is counted, and described if it is one of
    /// the first. A document that does not read is an error, and the records handed out before it
    /// are void: a caller that stores them does so in one transaction.
    fn read(
        &self,
        doc: &mut dyn BufRead,
        out: &mut dyn FnMut(Record),
    ) -> Result<FeedReport, FeedError>;
}

/// What one record of a feed states the whole truth about, and so what a newer one replaces.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Grain {
    /// All packages of a release: a package that the newer record leaves out is no longer affected.
    Release,
    /// One package of a release: nothing is said of the others.
    Package,
    /// One package of a release, for the architectures and the module that it names: another document
    /// has the others.
    Build,
    /// Every release: one that the newer record leaves out is no longer affected.
    Record,
}

/// One thing that a document holds.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Record {
    /// A bulletin. An ecosystem may name a release by its codename (`Debian:bookworm`).
    Bulletin(Bulletin),
    /// A CVE that is known to be exploited.
    KnownExploited(KnownExploited),
    /// The dates of a release.
    Lifecycle(Lifecycle),
    /// A flaw, with the updates that fix it.
    Advisory(Advisory),
    /// A release of a product with a patch level of its own.
    Build(BuildRow),
    /// How likely a CVE is to be exploited.
    Prediction(ExploitPrediction),
    /// A repository, and what is in it.
    ContentSet(ContentSet),
}

/// How the reading of a document went, in records.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FeedReport {
    /// How many were handed out.
    pub read: u64,
    /// How many did not read. Each may hide a finding, so the user is told.
    pub skipped: u64,
    /// How many read well and speak of nothing that we match: other ecosystems, source commits,
    /// bug-fix advisories.
    pub irrelevant: u64,
    /// What was wrong: which record, and what. The same thing is described once, and at most
    /// [`MAX_PROBLEMS`] of a kind are.
    pub problems: Vec<String>,
    /// How many problems there were, by kind: the words without what differs between records.
    pub problem_counts: BTreeMap<String, u64>,
}

/// How many problems of a kind are described; the others are only counted.
pub const MAX_PROBLEMS: usize = 20;

impl FeedReport {
    /// Notes that something about a record is wrong. What differs between records stands in
    /// backquotes: `FixedBuild `x` is no build`.
    pub(super) fn problem(&mut self, record: &str, what: impl std::fmt::Display) {
        let what = what.to_string();
        let kind = problems::kind(&what);
        if problems::count(&mut self.problem_counts, &kind, 1) {
            let is_kind = |line: &&String| problems::kind_of_line(line) == kind;
            let ending = format!(": {what}");
            let is_known = self.problems.iter().any(|line| line.ends_with(&ending));
            if !is_known && self.problems.iter().filter(is_kind).count() < MAX_PROBLEMS {
                let record: String = record.chars().take(80).collect();
                self.problems.push(format!("record {record}: {what}"));
            }
        }
    }

    /// Counts a record that does not read.
    pub(super) fn skip(&mut self, record: &str, what: impl std::fmt::Display) {
        self.skipped += 1;
        self.problem(record, what);
    }
}

/// A document that does not read as a whole. The source says in which line and column.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum FeedError {
    /// Not JSON, cut short, or of another shape.
    #[error("no readable {feed} document")]
    Json {
        /// The feed.
        feed: &'static str,
        /// What the parser said.
        #[source]
        source: serde_json::Error,
    },
    /// Not XML, or cut short.
    #[error("no readable {feed} document, at byte {at}")]
    Xml {
        /// The feed.
        feed: &'static str,
        /// How far it reads.
        at: u64,
        /// What the parser said.
        #[source]
        source: quick_xml::Error,
    },
    /// It reads, and is not what it should be.
    #[error("no readable {feed} document: {what}")]
    Shape {
        /// The feed.
        feed: &'static str,
        /// What is wrong.
        what: String,
    },
    /// Not a readable table.
    #[error("no readable {feed} table")]
    Table {
        /// The feed.
        feed: &'static str,
        /// What the parser said.
        #[source]
        source: csv::Error,
    },
    /// Not a readable page of text.
    #[error("no readable {feed} page")]
    Page {
        /// The feed.
        feed: &'static str,
        /// What is wrong with it.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// More than any document of its kind has.
    #[error(
        "the {feed} document has more than {most} records that belong together, which is more than any of its kind has"
    )]
    TooMany {
        /// The feed.
        feed: &'static str,
        /// How many are read.
        most: usize,
    },
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::path::Path;

    /// Documents that are packed show their outline only when unpacked.
    fn is_packed(document: &[u8]) -> bool {
        [&b"PK"[..], b"\x1f\x8b", b"\x28\xb5\x2f\xfd"]
            .iter()
            .any(|magic| document.starts_with(magic))
    }

    #[test]
    fn each_document_is_taken_by_its_feed_alone_and_every_record_is_counted() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/feeds");
        for folder in std::fs::read_dir(root).unwrap() {
            let folder = folder.unwrap();
            let name = folder.file_name().into_string().unwrap();
            for file in std::fs::read_dir(folder.path()).unwrap() {
                let path = file.unwrap().path();
                let document = std::fs::read(&path).unwrap();
                if is_packed(&document) {
                    continue;
                }
                let outline = Outline::of(&document);
                let takers = FEEDS.iter().filter(|feed| feed.recognises(&outline));
                let takers: Vec<_> = takers.map(|feed| feed.name()).collect();
                assert_eq!(takers, [&*name], "{}", path.display());
                let feed = FEEDS.iter().find(|feed| feed.name() == name).unwrap();
                let mut handed_out = 0;
                let report = feed.read(&mut &document[..], &mut |_| handed_out += 1);
                assert_eq!(report.unwrap().read, handed_out, "{}", path.display());
            }
        }
    }
}
