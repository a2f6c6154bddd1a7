//! What a catalogue's file holds, how new it is and what did not read, for `catalog info`.

use super::{CatalogFile, collect};
use crate::catalog::error::CatalogError;
use crate::catalog::info::{FeedInfo, SliceInfo};
use crate::model::{Date, UtcTime};
use rusqlite::Row;

impl CatalogFile {
    /// What of a kind it holds, by name.
    pub(in crate::catalog) fn sections(&self, kind: &str) -> Result<Vec<SliceInfo>, CatalogError> {
        let sql = "SELECT name, records, digest FROM section WHERE kind = ?1 ORDER BY name";
        let read = || -> rusqlite::Result<Vec<_>> {
            let mut statement = self.db.prepare(sql)?;
            let rows = statement.query_map([kind], |row| {
                Ok(SliceInfo {
                    ecosystem: row.get(0)?,
                    records: row.get::<_, i64>(1)?.unsigned_abs(),
                    digest: row.get(2)?,
                    age: None,
                })
            })?;
            rows.collect()
        };
        read().map_err(self.failed("read"))
    }

    /// The ecosystems that bulletins speak of, sorted.
    pub(in crate::catalog) fn ecosystems(&self) -> Result<Vec<String>, CatalogError> {
        let sections = self.sections("slice")?.into_iter();
        Ok(sections.map(|section| section.ecosystem).collect())
    }

    /// What it holds, by feed: bulletins that concern some release, advisories, and the tables.
    pub(in crate::catalog) fn feeds(&self) -> Result<Vec<FeedInfo>, CatalogError> {
        let old = "SELECT feed, records, newest, NULL FROM \
             (SELECT feed, count(DISTINCT id) AS records FROM affected GROUP BY feed) \
             LEFT JOIN (SELECT feed, max(coalesce(modified, published)) AS newest \
                        FROM bulletin GROUP BY feed) USING (feed) \
             UNION ALL SELECT 'kev', count(*), max(added), NULL FROM kev HAVING count(*) > 0 \
             UNION ALL SELECT 'lifecycle', count(*), NULL, NULL FROM lifecycle HAVING count(*) > 0";
        // Where `max` is asked for, the document beside it is that of the row that has it.
        let new = "SELECT feed, count(*), max(published), document FROM advisory GROUP BY feed \
             UNION ALL SELECT 'builds', count(*), max(json_extract(entry, '$.released')), NULL \
             FROM build HAVING count(*) > 0";
        let row = |row: &Row<'_>| {
            let newest = match row.get_ref(2)? {
                rusqlite::types::ValueRef::Integer(time) => Some(UtcTime::from_unix(time).date()),
                rusqlite::types::ValueRef::Text(_) => Date::parse(row.get_ref(2)?.as_str()?),
                _ => None,
            };
            Ok(FeedInfo {
                feed: row.get(0)?,
                records: row.get::<_, i64>(1)?.unsigned_abs(),
                newest,
                met: None,
                document: row.get(3)?,
            })
        };
        let mut feeds = collect(&self.db, old, row).map_err(self.failed("read"))?;
        if self.format >= 2 {
            feeds.extend(collect(&self.db, new, row).map_err(self.failed("read"))?);
            for section in self.sections("epss")? {
                feeds.push(FeedInfo {
                    feed: "epss".to_owned(),
                    records: section.records,
                    newest: self.predictions()?.newest(),
                    met: None,
                    document: None,
                });
            }
        }
        Ok(feeds)
    }

    /// What was wrong in the last import of each path: a line with the path, then what it was.
    pub(in crate::catalog) fn problems(&self) -> Result<Vec<String>, CatalogError> {
        let sql = "SELECT path, at, problems FROM import \
                   WHERE key IN (SELECT max(key) FROM import GROUP BY path) AND problems <> '' ORDER BY key";
        let row = |row: &Row<'_>| {
            let at = UtcTime::from_unix(row.get(1)?);
            Ok((row.get::<_, String>(0)?, at, row.get::<_, String>(2)?))
        };
        let rows = collect(&self.db, sql, row).map_err(self.failed("read"))?;
        let lines = rows.into_iter().flat_map(|(path, at, problems)| {
            let head = format!("{path}, imported {}:", at.date());
            let lines = problems.lines().map(|line| format!("  {line}"));
            [head].into_iter().chain(lines).collect::<Vec<_>>()
        });
        Ok(lines.collect())
    }
}
