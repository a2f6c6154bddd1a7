//! Advisories on their way into the file: gathered by product for one document, then laid down.

use super::products::{each_page, each_title, not_json};
use super::writer::Writer;
use crate::catalog::said::{Change, Page, Statement};
use crate::model::{Advisory, AffectedProduct, BuildRow, BulletinId, ProductKey, UtcTime};
use rusqlite::{OptionalExtension as _, params};
use std::collections::{BTreeMap, BTreeSet, HashMap};

/// How many statements are gathered at most before they are laid down.
const MOST_GATHERED: usize = 100_000;

/// What is gathered, and what has to be sealed anew.
#[derive(Default)]
pub(super) struct Gathered {
    /// By feed, document and product.
    pages: BTreeMap<(String, String, ProductKey), NewPage>,
    /// By feed, document and id, without what they affect; with the places in `outcomes`.
    titles: BTreeMap<(String, String, BulletinId), (Advisory, usize)>,
    outcomes: Vec<Change>,
    statements: usize,
    /// Products whose names were read already.
    keys: HashMap<String, ProductKey>,
    products: BTreeSet<ProductKey>,
    feeds: BTreeSet<String>,
    builds: BTreeSet<String>,
}

/// By the id of the flaw; with each statement the place of its advisory in `outcomes`.
type NewPage = BTreeMap<String, (Statement, usize)>;

impl Gathered {
    fn key(&mut self, name: &str) -> ProductKey {
        if let Some(key) = self.keys.get(name) {
            return key.clone();
        }
        let key = ProductKey::of(name);
        self.keys.insert(name.to_owned(), key.clone());
        key
    }

    fn add(&mut self, advisory: &Advisory, affected: AffectedProduct, place: usize) {
        let key = self.key(&affected.product);
        let statement = Statement::of(advisory, affected);
        let page = (advisory.feed.clone(), advisory.document.clone(), key);
        let page = self.pages.entry(page).or_default();
        if let Some((known, _)) = page.get_mut(advisory.id.as_str()) {
            known.join(statement);
            return;
        }
        page.insert(advisory.id.as_str().to_owned(), (statement, place));
        self.statements += 1;
    }
}

impl Gathered {
    /// Keeps an advisory's own words. Of two with one id in one document, both are kept as one.
    fn title(&mut self, advisory: Advisory, place: usize) {
        let (feed, document) = (advisory.feed.clone(), advisory.document.clone());
        let key = (feed, document, advisory.id.clone());
        let Some((known, _)) = self.titles.get_mut(&key) else {
            self.titles.insert(key, (advisory, place));
            return;
        };
        if known.title.is_empty() {
            known.title = advisory.title;
        }
        known.cves.extend(advisory.cves);
        known.cves.sort_unstable();
        known.cves.dedup();
        known.published = match (known.published, advisory.published) {
            (Some(one), Some(two)) => Some(one.min(two)),
            (one, two) => one.or(two),
        };
        known.modified = known.modified.max(advisory.modified);
    }

    fn note(&mut self, place: usize, change: Change) {
        if let Some(outcome) = self.outcomes.get_mut(place) {
            *outcome = change.max(*outcome);
        }
    }
}

impl Writer {
    /// Gathers an advisory. What becomes of it, [`Writer::end_document`] knows.
    pub(super) fn put_advisory(&mut self, mut advisory: Advisory) -> rusqlite::Result<()> {
        self.note_month(&advisory.feed, &advisory.document)?;
        let place = self.gathered.outcomes.len();
        self.gathered.outcomes.push(Change::Same);
        for affected in std::mem::take(&mut advisory.affected) {
            self.gathered.add(&advisory, affected, place);
        }
        self.gathered.title(advisory, place);
        if self.gathered.statements > MOST_GATHERED {
            self.lay_down()?;
        }
        Ok(())
    }

    /// Lays down what was gathered. Returns what became of the advisories.
    pub(super) fn end_gathering(&mut self) -> rusqlite::Result<Vec<Change>> {
        self.lay_down()?;
        self.gathered.keys.clear();
        Ok(std::mem::take(&mut self.gathered.outcomes))
    }

    fn put_title(&mut self, advisory: &Advisory) -> rusqlite::Result<Change> {
        let find = "SELECT title, cves, published, modified FROM advisory \
                    WHERE feed = ?1 AND document = ?2 AND id = ?3";
        let (feed, document) = (&advisory.feed, &advisory.document);
        let id = advisory.id.as_str();
        let published = advisory.published.map(UtcTime::unix);
        let modified = advisory.modified.map(UtcTime::unix);
        let words = (advisory.title.clone(), advisory.cves.join(" "), published);
        let mut find = self.db.prepare_cached(find)?;
        let known = find.query_row(params![feed, document, id], |row| {
            let words = (row.get(0)?, row.get(1)?, row.get(2)?);
            Ok((words, row.get::<_, Option<i64>>(3)?))
        });
        let change = match known.optional()? {
            None => Change::Added,
            Some((_, known)) if known.zip(modified).is_some_and(|(known, new)| new < known) => {
                return Ok(Change::Older);
            }
            Some((known, date)) if known == words && date == modified => return Ok(Change::Same),
            Some((known, _)) if known == words => Change::Same,
            Some(_) => Change::Changed,
        };
        let sql = "INSERT INTO advisory VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8) ON CONFLICT DO UPDATE SET \
                   title = excluded.title, cves = excluded.cves, published = excluded.published, \
                   modified = excluded.modified";
        let (title, cves, _) = words;
        let now = self.now.unix();
        let values = params![feed, document, id, title, cves, published, modified, now];
        self.db.prepare_cached(sql)?.execute(values)?;
        self.gathered.feeds.insert(feed.clone());
        Ok(change)
    }

    fn lay_down(&mut self) -> rusqlite::Result<()> {
        self.gathered.statements = 0;
        for (advisory, place) in std::mem::take(&mut self.gathered.titles).into_values() {
            let change = self.put_title(&advisory)?;
            self.gathered.note(place, change);
        }
        for ((feed, document, product), said) in std::mem::take(&mut self.gathered.pages) {
            let page = (&*feed, &*document, product.as_str());
            if self.merge(page, said)? {
                self.gathered.products.insert(product);
            }
        }
        Ok(())
    }

    /// Writes what a document says of a product into what it said before. Returns whether that changed
    /// anything.
    fn merge(
        &mut self,
        (feed, document, product): (&str, &str, &str),
        said: NewPage,
    ) -> rusqlite::Result<bool> {
        let find = "SELECT page FROM said WHERE product = ?1 AND feed = ?2 AND document = ?3";
        let mut find = self.db.prepare_cached(find)?;
        let known = find.query_row([product, feed, document], |row| row.get::<_, String>(0));
        let known = known.optional()?;
        let mut page = match &known {
            Some(json) => Page::read(json).map_err(not_json)?,
            None => Page::default(),
        };
        for (id, (statement, place)) in said {
            let change = match page.0.get_mut(&id) {
                None => {
                    page.0.insert(id, statement);
                    Change::Added
                }
                Some(known) => {
                    let (change, before) = known.replace(statement);
                    if let Some(before) = before {
                        self.remember_said((feed, document, product), &id, &before)?;
                    }
                    change
                }
            };
            self.gathered.note(place, change);
        }
        let json = page.write();
        if known.as_deref() == Some(&*json) {
            return Ok(false);
        }
        let sql = "INSERT INTO said (product, feed, document, page) VALUES (?1, ?2, ?3, ?4) \
                   ON CONFLICT DO UPDATE SET page = excluded.page";
        let mut statement = self.db.prepare_cached(sql)?;
        statement.execute([product, feed, document, &*json])?;
        Ok(true)
    }

    fn remember_said(
        &self,
        (feed, document, product): (&str, &str, &str),
        id: &str,
        before: &Statement,
    ) -> rusqlite::Result<()> {
        let sql = "INSERT INTO said_before VALUES (?1, ?2, ?3, ?4, ?5, ?6)";
        // Strings, numbers and lists always serialise.
        let fixes = serde_json::to_string(&before.fixes).unwrap_or_default();
        let values = params![product, feed, document, id, self.now.unix(), fixes];
        self.db.prepare_cached(sql)?.execute(values)?;
        Ok(())
    }

    pub(super) fn put_build(&mut self, row: &BuildRow) -> rusqlite::Result<Change> {
        let find = "SELECT entry FROM build WHERE product = ?1 AND branch = ?2 AND build = ?3";
        let sql = "INSERT INTO build VALUES (?1, ?2, ?3, ?4) ON CONFLICT DO UPDATE SET \
                   entry = excluded.entry WHERE entry <> excluded.entry";
        // Strings, numbers and lists always serialise.
        let key = [&row.product, &row.branch, &row.build];
        let mut known = self.db.prepare_cached(find)?;
        let known: Option<String> = known.query_row(key, |row| row.get(0)).optional()?;
        let known = known.and_then(|entry| serde_json::from_str(&entry).ok());
        let row = &row.clone().with_what_is_known(known);
        let entry = serde_json::to_string(row).unwrap_or_default();
        let values = params![row.product, row.branch, row.build, entry];
        let change = self.upsert(find, &key, sql, values)?;
        self.gathered.builds.insert(row.product.clone());
        Ok(change)
    }

    /// Computes the digests of what has changed.
    pub(super) fn seal_gathered(&mut self) -> rusqlite::Result<()> {
        for product in std::mem::take(&mut self.gathered.products) {
            let count = &mut |_: &str, page: &str| Page::read(page).map(|page| page.0.len());
            let each = &mut |document: &str, page: &str| count(document, page).map_err(not_json);
            let (digest, flaws) = each_page(&self.db, product.as_str(), each)?;
            let flaws = (flaws as u64).cast_signed();
            self.put_section("product", product.as_str(), &digest, flaws)?;
        }
        for feed in std::mem::take(&mut self.gathered.feeds) {
            let (digest, count) = each_title(&self.db, &feed, &mut |_| {})?;
            self.put_section("titles", &feed, &digest, count)?;
        }
        for product in std::mem::take(&mut self.gathered.builds) {
            let (digest, count) = super::products::each_build(&self.db, &product, &mut |_| Ok(()))?;
            self.put_section("builds", &product, &digest, count)?;
        }
        Ok(())
    }
}
