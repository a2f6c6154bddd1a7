//! Looking through all that publishers say, for `catalog search`: one walk over the tables, in which a row is only
//! taken apart when its text has all the words.

use super::products::not_json;
use super::{CatalogFile, packages_of};
use crate::catalog::error::CatalogError;
use crate::catalog::intake::PackageRow;
use crate::catalog::product::Said;
use crate::catalog::said::Page;
use crate::catalog::search::{Voices, Words};
use crate::model::{AdvisoryHit, Severity, UtcTime};
use std::collections::{BTreeMap, HashMap, HashSet};

/// What is called for each hit.
type Each<'a> = &'a mut dyn FnMut(AdvisoryHit);

impl CatalogFile {
    /// Visits what publishers of packages say, where all words hold.
    pub(in crate::catalog) fn search_packages(
        &self,
        words: &Words,
        voices: &mut Voices,
        each: Each<'_>,
    ) -> Result<(), CatalogError> {
        self.packages(words, voices, each)
            .map_err(self.failed("search"))
    }

    fn packages(&self, words: &Words, voices: &mut Voices, each: Each<'_>) -> rusqlite::Result<()> {
        let sql = "SELECT b.feed, b.id, b.title, b.cves, b.severity, b.cvss, b.published, \
                   b.withdrawn, a.ecosystem, a.packages \
                   FROM affected a JOIN bulletin b ON b.key = a.bulletin";
        let mut statement = self.db.prepare(sql)?;
        let mut rows = statement.query([])?;
        while let Some(row) = rows.next()? {
            let text = |column| -> rusqlite::Result<&str> { Ok(row.get_ref(column)?.as_str()?) };
            let (feed, id, title, cves) = (text(0)?, text(1)?, text(2)?, text(3)?);
            let (release, packages) = (text(8)?, text(9)?);
            voices.hear(feed, release);
            let heads = [id, title, cves, release];
            let left = words.each().iter();
            let left: Vec<_> = left
                .filter(|word| !heads.iter().any(|head| word.is_in(head)))
                .collect();
            if !left.iter().all(|word| word.may_be_in(packages)) {
                continue;
            }
            let time = |column| -> rusqlite::Result<Option<UtcTime>> {
                Ok(row.get::<_, Option<i64>>(column)?.map(UtcTime::from_unix))
            };
            for mut package in packages_of(packages)? {
                if !left.iter().all(|word| word.is_in(&package.0)) {
                    continue;
                }
                let mut fixes = Vec::new();
                for fixed in package.ranges().into_iter().filter_map(|range| range.fixed) {
                    if !fixes.contains(&fixed) {
                        fixes.push(fixed);
                    }
                }
                let PackageRow(product, status, ..) = package;
                each(AdvisoryHit {
                    id: id.to_owned(),
                    cves: cves.split_whitespace().map(str::to_owned).collect(),
                    product,
                    release: release.to_owned(),
                    fixes,
                    status: Some(status),
                    is_withdrawn: time(7)?.is_some(),
                    severity: Severity::parse(text(4)?),
                    cvss_tenths: row.get(5)?,
                    exploited: None,
                    published: time(6)?.map(UtcTime::date),
                    feed: feed.to_owned(),
                    document: String::new(),
                    title: title.to_owned(),
                });
            }
        }
        Ok(())
    }

    /// Visits what publishers of updates say, where all words hold.
    pub(in crate::catalog) fn search_products(
        &self,
        words: &Words,
        voices: &mut Voices,
        each: Each<'_>,
    ) -> Result<(), CatalogError> {
        if self.format < 2 {
            return Ok(());
        }
        self.pages(words, voices, each)
            .map_err(self.failed("search"))
    }

    fn pages(&self, words: &Words, voices: &mut Voices, each: Each<'_>) -> rusqlite::Result<()> {
        let titles = self.titles_by_document()?;
        // The documents in which some title has a word.
        let titled = words.each().iter().map(|word| {
            let has = |titles: &BTreeMap<String, String>| {
                let mut titles = titles.values();
                titles.any(|title| word.is_in(title))
            };
            let documents = titles.iter().filter(|(_, titles)| has(titles));
            documents.map(|(place, _)| place).collect()
        });
        let titled: Vec<HashSet<&(String, String)>> = titled.collect();
        let sql = "SELECT product, feed, document, page FROM said";
        let mut statement = self.db.prepare(sql)?;
        let mut rows = statement.query([])?;
        let untitled = BTreeMap::new();
        while let Some(row) = rows.next()? {
            let text = |column| -> rusqlite::Result<&str> { Ok(row.get_ref(column)?.as_str()?) };
            let (product, feed, document, page) = (text(0)?, text(1)?, text(2)?, text(3)?);
            voices.hear(feed, "");
            let place = (feed.to_owned(), document.to_owned());
            let mut wanted = words.each().iter().zip(&titled);
            let is_possible = wanted.all(|(word, titled)| {
                word.is_in(product) || word.may_be_on(page) || titled.contains(&place)
            });
            if !is_possible {
                continue;
            }
            let titles = titles.get(&place).unwrap_or(&untitled);
            let place = (product, feed, document);
            let read = Page::each(page, document, &mut |said| {
                if let Some(hit) = hit_of(place, said, titles, words) {
                    each(hit);
                }
            });
            read.map_err(not_json)?;
        }
        Ok(())
    }

    /// What advisories are called, by id, by feed and document.
    fn titles_by_document(
        &self,
    ) -> rusqlite::Result<HashMap<(String, String), BTreeMap<String, String>>> {
        let sql = "SELECT feed, document, id, title FROM advisory";
        let mut statement = self.db.prepare(sql)?;
        let mut rows = statement.query([])?;
        let mut titles: HashMap<_, BTreeMap<String, String>> = HashMap::new();
        while let Some(row) = rows.next()? {
            let place = (row.get(0)?, row.get(1)?);
            let document = titles.entry(place).or_default();
            document.insert(row.get(2)?, row.get(3)?);
        }
        Ok(titles)
    }
}

/// What an advisory says of a product, where all words hold.
fn hit_of(
    (product, feed, document): (&str, &str, &str),
    said: &Said<'_>,
    titles: &BTreeMap<String, String>,
    words: &Words,
) -> Option<AdvisoryHit> {
    let id = said.id.as_str();
    let title = titles.get(id).map(String::as_str).unwrap_or_default();
    let mut fixes = Vec::new();
    for fix in said.fixes {
        let name = fix.update.to_string();
        if !fixes.contains(&name) {
            fixes.push(name);
        }
    }
    let is_meant = words.each().iter().all(|word| {
        let own = [product, id, title].into_iter();
        let others = said.cves.iter().chain(&fixes).map(String::as_str);
        own.chain(others).any(|text| word.is_in(text))
    });
    if !is_meant {
        return None;
    }
    let is_its_own = said.cves.is_empty() && id.starts_with("CVE-");
    Some(AdvisoryHit {
        id: id.to_owned(),
        cves: if is_its_own {
            vec![id.to_owned()]
        } else {
            said.cves.to_vec()
        },
        product: product.to_owned(),
        release: String::new(),
        fixes,
        status: None,
        is_withdrawn: false,
        severity: said.severity,
        cvss_tenths: said.cvss_tenths,
        exploited: None,
        published: said.published.map(UtcTime::date),
        feed: feed.to_owned(),
        document: document.to_owned(),
        title: title.to_owned(),
    })
}
