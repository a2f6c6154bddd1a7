//! What is known of one release, ready to be matched.

use super::feeds::{DEBIAN_TRACKER, OSV};
use super::file::Predictions;
use crate::model::{
    Affected, Bulletin, BulletinId, Epss, FixStatus, KnownExploited, Nature, PackageScope,
    Severity, Spoken, UtcTime, VersionRange,
};
use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;

/// The CVEs that are known to be exploited, by id. All slices share it.
pub(super) type Kev = HashMap<String, KnownExploited>;

/// What is known of one release. Once shared, it never changes.
#[derive(Debug)]
pub struct Slice {
    ecosystem: String,
    by_package: HashMap<String, Vec<Entry>>,
    kev: Arc<Kev>,
    predictions: Arc<Predictions>,
    is_sample: bool,
    speaks_of_binaries: bool,
}

/// A bulletin, as it concerns one package of one release.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// What the bulletin says of itself.
    pub bulletin: Arc<BulletinHead>,
    /// Which packages of its name it concerns.
    pub scope: PackageScope,
    /// The vulnerable ranges, sorted. Empty when the publisher says that it is not affected.
    pub ranges: Vec<VersionRange>,
    /// What the publisher says about a fix.
    pub status: FixStatus,
    /// The publisher's own word for the urgency here: `unimportant`, `not yet assigned`.
    pub urgency: Option<String>,
}

impl Entry {
    /// What it is about: the CVE, when it is that one's own record, else the bulletin itself. Entries of
    /// several feeds about one matter have this in common.
    pub fn matter(&self) -> &str {
        let id = self.bulletin.id.as_str();
        match self.bulletin.cves.as_slice() {
            [cve] if id.ends_with(cve.as_str()) => cve,
            _ => id,
        }
    }
}

/// What a bulletin says of itself: [`Bulletin`] without what it affects.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BulletinHead {
    /// The publisher's id.
    pub id: BulletinId,
    /// The feed whose word counts: `osv`, `debian-tracker`.
    pub feed: String,
    /// One line for people.
    pub title: String,
    /// The CVE ids it is about, sorted.
    pub cves: Vec<String>,
    /// The publisher's severity, where it states one.
    pub severity: Option<Severity>,
    /// The CVSS base score in tenths.
    pub cvss_tenths: Option<u8>,
    /// What sort of flaw it is, where the publisher says. Bulletins of one slice share what is equal.
    pub nature: Nature,
    /// When it was first published.
    pub published: Option<UtcTime>,
    /// When it was last changed.
    pub modified: Option<UtcTime>,
    /// When it was withdrawn. A withdrawn bulletin is here to be explained, and matches nothing.
    pub withdrawn: Option<UtcTime>,
}

impl Slice {
    /// Makes a slice of bulletins: those of their packages that belong to the ecosystem.
    pub fn new(
        ecosystem: &str,
        bulletins: impl IntoIterator<Item = Bulletin>,
        kev: impl IntoIterator<Item = KnownExploited>,
    ) -> Self {
        let kev = kev.into_iter().map(|known| (known.cve.clone(), known));
        let mut builder = SliceBuilder::default();
        for bulletin in bulletins {
            let (head, affected) = split(bulletin);
            let head = Arc::new(head);
            for one in affected {
                if one.ecosystem == ecosystem {
                    let entry = Entry {
                        bulletin: Arc::clone(&head),
                        scope: one.scope,
                        ranges: one.ranges,
                        status: one.status,
                        urgency: one.urgency,
                    };
                    builder.add(one.package, entry);
                }
            }
        }
        builder.build(ecosystem, Arc::new(kev.collect()))
    }

    /// The ecosystem: `Debian:12`.
    pub fn ecosystem(&self) -> &str {
        &self.ecosystem
    }

    /// The same, as a sample: what it does not speak of may still be there.
    #[must_use]
    pub fn into_sample(self) -> Self {
        let is_sample = true;
        Self { is_sample, ..self }
    }

    /// Whether it holds only some of what is known of the release, so that no machine is clean by it.
    pub fn is_sample(&self) -> bool {
        self.is_sample
    }

    /// What is known of a package (for Debian a source package), sorted by matter and bulletin: what
    /// is about one matter stands together.
    ///
    /// One matter has one entry: where OSV and the Debian tracker both speak of a CVE, their words are
    /// merged, and an advisory is left out when each of its CVEs has an entry of its own. Withdrawn
    /// bulletins are included.
    pub fn affecting(&self, package: &str) -> &[Entry] {
        self.by_package.get(package).map_or(&[], Vec::as_slice)
    }

    /// The same, with the name as the slice has it; `None` where nothing is known of it.
    pub fn named(&self, package: &str) -> Option<(&str, &[Entry])> {
        let (name, entries) = self.by_package.get_key_value(package)?;
        Some((name, entries))
    }

    /// Whether any entry is about binary packages by name ([`crate::model::Spoken::Binary`]).
    pub fn speaks_of_binaries(&self) -> bool {
        self.speaks_of_binaries
    }

    /// The entries about a bulletin or CVE, with their packages, sorted by package.
    pub fn entries_about(&self, id: &str) -> Vec<(&str, &Entry)> {
        let is_it = |entry: &&Entry| {
            let bulletin = &entry.bulletin;
            let own = bulletin.id.as_str();
            let names = bulletin.cves.iter().map(String::as_str).chain([own]);
            names.into_iter().any(|name| name.eq_ignore_ascii_case(id))
        };
        let packages = self.by_package.iter();
        let mut found: Vec<(&str, &Entry)> = packages
            .flat_map(|(package, entries)| {
                let entries = entries.iter().filter(is_it);
                entries.map(move |entry| (package.as_str(), entry))
            })
            .collect();
        found.sort_by_key(|(package, entry)| (*package, &entry.bulletin.id));
        found
    }

    /// Whether the flaws that are known to be exploited are listed: where none is, nobody looked, and a sample's few are
    /// no list.
    pub fn lists_exploited(&self) -> bool {
        !self.kev.is_empty() && !self.is_sample
    }

    /// What CISA says of a CVE that is known to be exploited.
    pub fn kev(&self, cve: &str) -> Option<&KnownExploited> {
        self.kev.get(cve)
    }

    /// How likely a CVE is to be exploited, where somebody estimates it.
    pub fn epss(&self, cve: &str) -> Option<Epss> {
        self.predictions.of(cve)
    }

    /// The same, with estimates of how likely CVEs are to be exploited.
    #[must_use]
    pub(super) fn with_predictions(self, predictions: Arc<Predictions>) -> Self {
        Self {
            predictions,
            ..self
        }
    }

    /// How many entries there are, over all packages.
    pub fn len(&self) -> usize {
        self.by_package.values().map(Vec::len).sum()
    }

    /// Whether there is nothing in it.
    pub fn is_empty(&self) -> bool {
        self.by_package.is_empty()
    }
}

/// Takes a bulletin apart.
pub(super) fn split(bulletin: Bulletin) -> (BulletinHead, Vec<Affected>) {
    let head = BulletinHead {
        id: bulletin.id,
        feed: bulletin.feed,
        title: bulletin.title,
        cves: bulletin.cves,
        severity: bulletin.severity,
        cvss_tenths: bulletin.cvss_tenths,
        nature: bulletin.nature,
        published: bulletin.published,
        modified: bulletin.modified,
        withdrawn: bulletin.withdrawn,
    };
    (head, bulletin.affected)
}

/// A slice in the making.
#[derive(Debug, Default)]
pub(super) struct SliceBuilder {
    by_package: HashMap<String, Vec<Entry>>,
}

impl SliceBuilder {
    pub(super) fn add(&mut self, package: String, entry: Entry) {
        self.by_package.entry(package).or_default().push(entry);
    }

    pub(super) fn build(self, ecosystem: &str, kev: Arc<Kev>) -> Slice {
        let mut entries = self.by_package.values().flatten();
        let speaks_of_binaries = entries.any(|entry| entry.scope.spoken == Spoken::Binary);
        let packages = self.by_package.into_iter();
        Slice {
            ecosystem: ecosystem.to_owned(),
            by_package: packages
                .map(|(package, entries)| (package, one_entry_a_matter(entries)))
                .collect(),
            kev,
            predictions: Arc::default(),
            is_sample: false,
            speaks_of_binaries,
        }
    }
}

/// Merges what two feeds say of the same matter, and drops what is said twice.
fn one_entry_a_matter(entries: Vec<Entry>) -> Vec<Entry> {
    let mut by_id: BTreeMap<BulletinId, Vec<Entry>> = BTreeMap::new();
    for entry in entries {
        let same = by_id.entry(entry.bulletin.id.clone()).or_default();
        same.push(entry);
    }
    let mut merged: Vec<_> = by_id.into_values().flat_map(merge_feeds).collect();
    let own_record = |entry: &Entry| match &*entry.bulletin.cves {
        [cve] if entry.bulletin.withdrawn.is_none() => {
            let is_its_own = entry.bulletin.id.as_str().ends_with(cve.as_str());
            is_its_own.then(|| cve.clone())
        }
        _ => None,
    };
    let recorded: HashSet<String> = merged.iter().filter_map(own_record).collect();
    let is_covered = |entry: &Entry| {
        let cves = &entry.bulletin.cves;
        own_record(entry).is_none()
            && entry.bulletin.withdrawn.is_none()
            && !cves.is_empty()
            && cves.iter().all(|cve| recorded.contains(cve))
    };
    merged.retain(|entry| !is_covered(entry));
    merged.sort_by(|a, b| (a.matter(), &a.bulletin.id).cmp(&(b.matter(), &b.bulletin.id)));
    merged
}

/// Entries of one id. The tracker knows more about Debian than OSV, which is made from it; the rest
/// stays as it is.
fn merge_feeds(entries: Vec<Entry>) -> Vec<Entry> {
    let is_from = |feed: &'static str| move |entry: &Entry| entry.bulletin.feed == feed;
    let (tracker, rest): (Vec<_>, Vec<_>) = entries.into_iter().partition(is_from(DEBIAN_TRACKER));
    let (osv, mut rest): (Vec<_>, Vec<_>) = rest.into_iter().partition(is_from(OSV));
    match (<[Entry; 1]>::try_from(tracker), osv) {
        (Ok([tracker]), osv) if !osv.is_empty() => rest.push(merge(tracker, &osv)),
        (Ok([tracker]), _) => rest.push(tracker),
        (Err(tracker), osv) => rest.extend(tracker.into_iter().chain(osv)),
    }
    rest
}

/// The tracker's word, with OSV's dates and score. Where the tracker's copy is the older one and
/// knows of no fix yet, OSV's fix counts: a fix that is out does not go away.
fn merge(tracker: Entry, osv: &[Entry]) -> Entry {
    let Some(other) = osv.iter().find(|entry| entry.bulletin.withdrawn.is_none()) else {
        return tracker;
    };
    let is_open = |entry: &Entry| entry.ranges.iter().any(|range| range.fixed.is_none());
    let has_fix = |entry: &Entry| !entry.ranges.is_empty() && !is_open(entry);
    if is_open(&tracker) && has_fix(other) {
        return other.clone();
    }
    let theirs = &other.bulletin;
    let head = BulletinHead {
        severity: tracker.bulletin.severity.or(theirs.severity),
        cvss_tenths: tracker.bulletin.cvss_tenths.or(theirs.cvss_tenths),
        nature: Nature::union([&tracker.bulletin.nature, &theirs.nature]),
        published: tracker.bulletin.published.or(theirs.published),
        modified: tracker.bulletin.modified.or(theirs.modified),
        ..(*tracker.bulletin).clone()
    };
    Entry {
        bulletin: Arc::new(head),
        ..tracker
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bulletin(feed: &str, id: &str, cves: &[&str], fixed: Option<&str>) -> Bulletin {
        let affected = Affected {
            ecosystem: "Debian:12".to_owned(),
            package: "openssl".to_owned(),
            scope: PackageScope::default(),
            ranges: vec![VersionRange {
                introduced: None,
                fixed: fixed.map(str::to_owned),
                last_affected: None,
            }],
            status: FixStatus::Stated,
            urgency: None,
        };
        Bulletin {
            id: BulletinId::new(id),
            feed: feed.to_owned(),
            title: format!("{feed} {id}"),
            cves: cves.iter().map(|cve| (*cve).to_owned()).collect(),
            severity: None,
            cvss_tenths: (feed == OSV).then_some(75),
            nature: Nature::default(),
            published: None,
            modified: None,
            withdrawn: None,
            references: Vec::new(),
            affected: vec![affected],
        }
    }

    fn entries(bulletins: Vec<Bulletin>) -> Vec<(String, String, Option<String>)> {
        let slice = Slice::new("Debian:12", bulletins, []);
        let entries = slice.affecting("openssl").iter();
        let entries = entries.map(|entry| {
            let fixed = entry.ranges.first().and_then(|range| range.fixed.clone());
            let head = &entry.bulletin;
            (head.feed.clone(), head.id.as_str().to_owned(), fixed)
        });
        entries.collect()
    }

    #[test]
    fn an_advisory_is_left_out_when_its_cves_have_entries_of_their_own() {
        let cve = |number: &str| bulletin(OSV, number, &[number], Some("3"));
        let advisory = bulletin(OSV, "DSA-1", &["CVE-1", "CVE-2"], Some("3"));
        let ids = |bulletins| -> Vec<_> {
            entries(bulletins)
                .into_iter()
                .map(|entry| entry.1)
                .collect()
        };
        assert_eq!(
            ids(vec![cve("CVE-1"), cve("CVE-2"), advisory.clone()]),
            ["CVE-1", "CVE-2"]
        );
        assert_eq!(
            ids(vec![cve("CVE-1"), advisory.clone()]),
            ["CVE-1", "DSA-1"]
        );
        let mut withdrawn = cve("CVE-2");
        withdrawn.withdrawn = Some(UtcTime::from_unix(0));
        let all = vec![cve("CVE-1"), withdrawn, advisory];
        assert_eq!(ids(all), ["CVE-1", "CVE-2", "DSA-1"]);
    }

    #[test]
    fn the_tracker_and_osv_make_one_entry() {
        let tracker = bulletin(DEBIAN_TRACKER, "CVE-1", &["CVE-1"], None);
        let mut ignored = tracker.clone();
        ignored.affected[0].status = FixStatus::WontFix;
        let osv = bulletin(OSV, "CVE-1", &["CVE-1"], None);
        let slice = Slice::new("Debian:12", vec![osv, ignored], []);
        let [entry] = slice.affecting("openssl") else {
            panic!("{slice:?}")
        };
        assert_eq!(entry.status, FixStatus::WontFix);
        assert_eq!(entry.bulletin.feed, DEBIAN_TRACKER);
        assert_eq!(entry.bulletin.cvss_tenths, Some(75));
    }

    #[test]
    fn a_fix_that_only_the_newer_feed_knows_counts() {
        let open = bulletin(DEBIAN_TRACKER, "CVE-1", &["CVE-1"], None);
        let fixed = bulletin(OSV, "CVE-1", &["CVE-1"], Some("3"));
        let expected = (OSV.to_owned(), "CVE-1".to_owned(), Some("3".to_owned()));
        assert_eq!(entries(vec![open, fixed]), [expected]);
    }
}
