//! How new what machines are judged by is: by feed and release, not by the last import of anything.

use super::sources::source_of;
use super::{Catalog, CatalogError, lock};
use crate::model::{FeedAge, ProductKey, UtcTime};
use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};

/// Feeds by whose age no verdict is older: a user's own bulletins, what is told once and for all of updates before 2017,
/// and tables that rate flaws and tell of none.
const TIMELESS: &[&str] = &["bulletins-csv", "csaf", "bulletin-search", "wesng"];

/// Feeds whose publishers say something new at least every month, and say when. Others may well be silent for longer.
const MONTHLY: &[&str] = &[
    "alma-errata",
    "amazon-updateinfo",
    "apollo",
    "freebsd-vuxml",
    "msrc-csaf",
    "msrc-cvrf",
    "msrc-sug",
    "oracle-oval",
    "osv",
    "redhat-csaf",
    "ubuntu-tracker",
    "updateinfo",
];

/// For how many days such a feed may have been silent when it was met. Microsoft publishes every 35 days at the latest; of
/// others the longest silence since 2022 was as long (Rocky Linux).
const MOST_SILENT: i64 = 45;

/// What is in the log of imports, the last of each path, the latest first.
#[derive(Debug, Default)]
pub(super) struct Imports(Vec<Import>);

/// The last import of a path.
#[derive(Debug)]
pub(super) struct Import {
    /// When it was last met as it is.
    pub(super) met: UtcTime,
    /// The feeds of its documents.
    pub(super) feeds: BTreeSet<String>,
    /// How many statements it made, by feed and what they are about: an ecosystem, `builds` and a product. Empty where it
    /// made none of these, and where nobody counted.
    pub(super) spoke: BTreeMap<(String, String), u64>,
}

impl Imports {
    pub(super) fn new(mut imports: Vec<Import>) -> Self {
        imports.sort_by_key(|import| Reverse(import.met));
        Self(imports)
    }

    /// When at least half of all that a feed says of something was met. A few bulletins that came in later make it no
    /// younger.
    fn of(&self, feed: &str, about: &str, all: u64) -> Option<UtcTime> {
        let key = (feed.to_owned(), about.to_owned());
        let (mut sum, mut last) = (0_u64, None);
        for import in &self.0 {
            if let Some(count) = import.spoke.get(&key) {
                sum = sum.saturating_add(*count);
                last = Some(import.met);
                if sum.saturating_mul(2) >= all {
                    return last;
                }
            }
        }
        // What was imported before anybody counted.
        let mut uncounted = self.0.iter().filter(|import| import.spoke.is_empty());
        let uncounted = uncounted.find(|import| import.feeds.contains(feed));
        uncounted.map(|import| import.met).or(last)
    }

    /// When a document of a feed was last met; one of an old month makes it no younger (`Writer::met_before`).
    pub(super) fn of_feed(&self, feed: &str) -> Option<UtcTime> {
        let mut imports = self.0.iter();
        let latest = imports.find(|import| import.feeds.contains(feed));
        latest.map(|import| import.met)
    }
}

impl Catalog {
    /// How old what it says of a release is: of the feeds that speak of it, the one that was not met for longest. `None`
    /// where nothing is known of it, and of the built-in catalogue.
    ///
    /// # Errors
    ///
    /// When the file does not read.
    pub fn age_of_slice(&self, ecosystem: &str) -> Result<Option<FeedAge>, CatalogError> {
        self.aged(ecosystem, || {
            let feeds = lock(&self.file).feeds_of_slice(ecosystem)?.into_iter();
            let feeds = feeds.filter(|(feed, _)| !TIMELESS.contains(&&**feed));
            let ages = feeds.filter_map(|(feed, all)| {
                let met = self.imports.of(&feed, ecosystem, all)?;
                Some((met, format!("{feed} {ecosystem}")))
            });
            Ok(ages.collect())
        })
    }

    /// The same of a product.
    ///
    /// # Errors
    ///
    /// When the file does not read.
    pub fn age_of_product(&self, product: &ProductKey) -> Result<Option<FeedAge>, CatalogError> {
        self.aged(&format!("product {product}"), || {
            let feeds = lock(&self.file).feeds_of_product(product)?.into_iter();
            let feeds = feeds.filter(|feed| !TIMELESS.contains(&&**feed));
            let ages = feeds.filter_map(|feed| Some((self.imports.of_feed(&feed)?, feed)));
            Ok(ages.collect())
        })
    }

    /// The same of a product's table of builds.
    ///
    /// # Errors
    ///
    /// None that a catalogue which opens has.
    pub fn age_of_builds(&self, product: &str) -> Result<Option<FeedAge>, CatalogError> {
        let about = format!("builds {product}");
        self.aged(&about, || {
            let imports = self.imports.0.iter();
            let spoke = imports.flat_map(|import| {
                let own = import.spoke.keys().filter(|(_, what)| *what == about);
                own.map(|(feed, _)| (import.met, feed.clone()))
            });
            // The latest first: one feed has one age.
            let mut feeds = BTreeMap::new();
            for (met, feed) in spoke {
                feeds.entry(feed).or_insert(met);
            }
            Ok(feeds.into_iter().map(|(feed, met)| (met, feed)).collect())
        })
    }

    /// The oldest of some, asked for once. Nothing is newer than the last import.
    fn aged(
        &self,
        key: &str,
        ages: impl FnOnce() -> Result<Vec<(UtcTime, String)>, CatalogError>,
    ) -> Result<Option<FeedAge>, CatalogError> {
        let Some(imported) = self.imported else {
            return Ok(None);
        };
        if let Some(known) = lock(&self.ages).get(key) {
            return Ok(known.clone());
        }
        let ages = ages()?.into_iter().map(|(met, feed)| {
            let met = met.min(imported);
            let outdated = self.outdated(met, &feed)?;
            Ok(outdated.unwrap_or(FeedAge { met, feed }))
        });
        let oldest = ages.collect::<Result<Vec<_>, CatalogError>>()?;
        let oldest = oldest.into_iter().min();
        lock(&self.ages).insert(key.to_owned(), oldest.clone());
        Ok(oldest)
    }

    /// How old a feed is that was out of date already when it was met, as what was carried by hand may be: its publisher
    /// must have said more by then than is in it. A release says nothing new after its end, so all of the publisher's count.
    fn outdated(&self, met: UtcTime, feed: &str) -> Result<Option<FeedAge>, CatalogError> {
        let (name, about) = feed.split_once(' ').unwrap_or((feed, ""));
        // OSV has a source for each publisher; of another one nothing is known.
        let is_monthly = MONTHLY.contains(&name) && !(name == "osv" && source_of(feed) == name);
        // What is built in is all there is.
        if !is_monthly || self.path.is_none() {
            return Ok(None);
        }
        let family = about.split(':').next().unwrap_or_default();
        let feed = format!("{name} {family}");
        let feed = feed.trim_end();
        let key = format!("records of {feed} on {}", met.date());
        if let Some(known) = lock(&self.ages).get(&key) {
            return Ok(known.clone());
        }
        // Of a past day it may know all there is to know.
        let until = self.as_of.or_before(met.date());
        let is_late = |newest: &UtcTime| newest.date().days_until(until) > MOST_SILENT;
        let file = lock(&self.file);
        let mut newest = match about {
            "" => file.newest_advisory(name, met)?,
            release => file.newest_record(name, (release, release), met)?,
        };
        if newest.as_ref().is_none_or(is_late) && !family.is_empty() {
            newest = file.newest_record(name, (family, &format!("{family}:\u{10ffff}")), met)?;
        }
        drop(file);
        let outdated = newest.filter(is_late);
        let outdated = outdated.map(|newest| FeedAge::of_record(newest, feed));
        lock(&self.ages).insert(key, outdated.clone());
        Ok(outdated)
    }
}
