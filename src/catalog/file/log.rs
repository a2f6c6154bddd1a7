//! The log of imports: what was read when, of which path, and what it spoke of.

use super::{CatalogFile, Writer, collect, database};
use crate::catalog::age::{Import, Imports};
use crate::catalog::error::CatalogError;
use crate::catalog::feeds::month_of;
use crate::model::{Date, ProductKey, UtcTime};
use rusqlite::params;
use std::collections::BTreeMap;
use std::fmt::Write as _;

/// How many statements were made, by feed and what they are about.
#[derive(Default)]
pub(super) struct Spoke(BTreeMap<String, BTreeMap<String, u64>>);

impl Spoke {
    /// Counts a statement.
    pub(super) fn count(&mut self, feed: &str, about: &str) {
        let known = self.0.get_mut(feed).and_then(|all| all.get_mut(about));
        if let Some(count) = known {
            *count += 1;
            return;
        }
        let all = self.0.entry(feed.to_owned()).or_default();
        all.insert(about.to_owned(), 1);
    }

    /// As the log has it.
    pub(super) fn text(&self) -> String {
        let mut text = String::new();
        for (feed, all) in &self.0 {
            for (about, count) in all {
                let _ = writeln!(text, "{feed}\t{about}\t{count}");
            }
        }
        text
    }
}

/// The newest months that feeds speak of whose documents are called by months.
#[derive(Default)]
pub(super) struct Months {
    /// Of those that were met, before the path that is being read.
    known: BTreeMap<String, Option<Date>>,
    /// Of that path.
    here: BTreeMap<String, Date>,
}

/// What of the log tells; lines that do not read tell nothing.
fn spoke(text: &str) -> BTreeMap<(String, String), u64> {
    let lines = text.lines().filter_map(|line| {
        let mut parts = line.split('\t');
        let (feed, about, count) = (parts.next()?, parts.next()?, parts.next()?);
        Some(((feed.to_owned(), about.to_owned()), count.parse().ok()?))
    });
    lines.collect()
}

impl CatalogFile {
    /// The last import of each path.
    pub(in crate::catalog) fn imports(&self) -> Result<Imports, CatalogError> {
        let more = if self.format >= 5 {
            "coalesce(met, at), spoke"
        } else {
            "at, ''"
        };
        let sql = format!(
            "SELECT feeds, {more} FROM import WHERE key IN (SELECT max(key) FROM import GROUP BY path) ORDER BY key"
        );
        let imports = collect(&self.db, &sql, |row| {
            let feeds: String = row.get(0)?;
            Ok(Import {
                met: UtcTime::from_unix(row.get(1)?),
                feeds: feeds.split("; ").map(str::to_owned).collect(),
                spoke: spoke(row.get_ref(2)?.as_str()?),
            })
        });
        imports.map(Imports::new).map_err(self.failed("read"))
    }

    /// The feeds that speak of an ecosystem, and how much each says of it.
    pub(in crate::catalog) fn feeds_of_slice(
        &self,
        ecosystem: &str,
    ) -> Result<Vec<(String, u64)>, CatalogError> {
        let sql = "SELECT feed, count(*) FROM affected WHERE ecosystem = ?1 GROUP BY feed";
        let read = || -> rusqlite::Result<Vec<_>> {
            let mut statement = self.db.prepare(sql)?;
            let rows = statement.query_map([ecosystem], |row| {
                Ok((row.get(0)?, row.get::<_, i64>(1)?.unsigned_abs()))
            })?;
            rows.collect()
        };
        read().map_err(self.failed("read"))
    }

    /// The time of the newest record of a feed about the ecosystems from one to another, as far as records have times,
    /// and none after another: nobody knows what is to come.
    pub(in crate::catalog) fn newest_record(
        &self,
        feed: &str,
        (from, to): (&str, &str),
        until: UtcTime,
    ) -> Result<Option<UtcTime>, CatalogError> {
        let sql = "SELECT max(coalesce(bulletin.modified, bulletin.published)) FROM affected \
                   JOIN bulletin ON bulletin.key = affected.bulletin \
                   WHERE ecosystem BETWEEN ?1 AND ?2 AND affected.feed = ?3 \
                   AND coalesce(bulletin.modified, bulletin.published) <= ?4";
        self.newest(sql, params![from, to, feed, until.unix()])
    }

    /// The same of advisories about products: when the newest was published, for old ones are changed at any time.
    pub(in crate::catalog) fn newest_advisory(
        &self,
        feed: &str,
        until: UtcTime,
    ) -> Result<Option<UtcTime>, CatalogError> {
        let sql = "SELECT max(published) FROM advisory WHERE feed = ?1 AND published <= ?2";
        self.newest(sql, params![feed, until.unix()])
    }

    fn newest(
        &self,
        sql: &str,
        values: impl rusqlite::Params,
    ) -> Result<Option<UtcTime>, CatalogError> {
        let read = || self.db.query_row(sql, values, |row| row.get(0));
        let newest: Option<i64> = read().map_err(self.failed("read"))?;
        Ok(newest.map(UtcTime::from_unix))
    }

    /// The feeds that speak of a product.
    pub(in crate::catalog) fn feeds_of_product(
        &self,
        product: &ProductKey,
    ) -> Result<Vec<String>, CatalogError> {
        if self.format < 2 {
            return Ok(Vec::new());
        }
        let sql = "SELECT DISTINCT feed FROM said WHERE product = ?1";
        let read = || -> rusqlite::Result<Vec<_>> {
            let mut statement = self.db.prepare(sql)?;
            let rows = statement.query_map([product.as_str()], |row| row.get(0))?;
            rows.collect()
        };
        read().map_err(self.failed("read"))
    }
}

impl Writer {
    /// The last entry of the log.
    pub(super) fn last_entry(&self) -> rusqlite::Result<i64> {
        let sql = "SELECT coalesce(max(key), 0) FROM import";
        self.db.query_row(sql, [], |row| row.get(0))
    }

    /// Notes which month a document of a feed is of, before it is laid down.
    pub(super) fn note_month(&mut self, feed: &str, document: &str) -> rusqlite::Result<()> {
        let Some(month) = month_of(document) else {
            return Ok(());
        };
        if let Some(newest) = self.months.here.get_mut(feed) {
            *newest = month.max(*newest);
            return Ok(());
        }
        if !self.months.known.contains_key(feed) {
            let sql = "SELECT DISTINCT document FROM advisory WHERE feed = ?1";
            let mut documents = self.db.prepare(sql)?;
            let rows = documents.query_map([feed], |row| {
                let document: String = row.get(0)?;
                Ok(month_of(&document))
            })?;
            let newest = rows.collect::<rusqlite::Result<Vec<_>>>()?;
            let newest = newest.into_iter().flatten().max();
            self.months.known.insert(feed.to_owned(), newest);
        }
        self.months.here.insert(feed.to_owned(), month);
        Ok(())
    }

    /// When what the path that was read speaks of was met, where that is not now: its months are older than what its feed
    /// has, and make that no younger.
    pub(super) fn met_before(&mut self) -> rusqlite::Result<Option<i64>> {
        let sql = "SELECT max(coalesce(met, at)) FROM import WHERE instr('; ' || feeds || ';', '; ' || ?1 || ';')";
        let mut before = None;
        for (feed, month) in std::mem::take(&mut self.months.here) {
            let newest = self.months.known.entry(feed.clone()).or_default();
            if newest.is_none_or(|newest| newest <= month) {
                *newest = Some(month);
                continue;
            }
            let mut statement = self.db.prepare_cached(sql)?;
            let met: Option<i64> = statement.query_row([feed], |row| row.get(0))?;
            before = [before, met].into_iter().flatten().min();
        }
        Ok(before)
    }

    /// Notes that a document was met as the publisher has it. Where others of its source were not, it is no younger than
    /// it was, unless it says itself what it is about: a month of bulletins may be among those that did not come.
    pub(in crate::catalog) fn note_met(
        &self,
        path: &str,
        is_whole: bool,
    ) -> Result<(), CatalogError> {
        let met = "UPDATE import SET met = ?2 WHERE key = (SELECT max(key) FROM import WHERE path = ?1) \
                   AND (?3 OR spoke <> '')";
        let as_before = "UPDATE import SET met = coalesce((SELECT max(coalesce(old.met, old.at)) FROM import AS old \
                         WHERE old.feeds = import.feeds AND old.key <= ?2), at) \
                         WHERE key > ?2 AND path = ?1 AND spoke = ''";
        let write = || -> rusqlite::Result<()> {
            let mut statement = self.db.prepare_cached(met)?;
            statement.execute(params![path, self.now.unix(), is_whole])?;
            if !is_whole {
                let mut statement = self.db.prepare_cached(as_before)?;
                statement.execute(params![path, self.begun_after])?;
            }
            Ok(())
        };
        write().map_err(|source| database(&self.path, "write", source))
    }
}
