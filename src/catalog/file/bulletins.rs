//! Bulletins on their way into the file: what is new of each, and what it said before.

use super::Writer;
use crate::catalog::feeds::{Feed, Grain};
use crate::catalog::intake::{Cut, CutRow, Digest, cut};
use crate::catalog::said::Change;
use crate::catalog::slice::BulletinHead;
use crate::model::{Bulletin, UtcTime};
use rusqlite::{OptionalExtension as _, params};

impl Writer {
    pub(super) fn put_bulletin(
        &mut self,
        feed: &dyn Feed,
        bulletin: Bulletin,
    ) -> rusqlite::Result<Change> {
        let Cut {
            head,
            references,
            rows,
        } = cut(bulletin, feed.grain(), &self.codenames);
        for row in &rows {
            self.spoke.count(&head.feed, &row.ecosystem);
        }
        let mut digest = Digest::default();
        digest.head(&head, &references);
        let hash = digest.finish();
        let mut outcome = Change::Same;
        if feed.grain() == Grain::Record {
            outcome = self.take_back(&head, &rows)?;
            if outcome == Change::Older {
                return Ok(outcome);
            }
        }
        let mut key = None;
        for row in rows {
            let id = head.id.as_str();
            let known = self.known(&head.feed, id, &row)?;
            let change = match &known {
                None => Change::Added,
                Some(known) if known.hash == hash && known.packages == row.packages => continue,
                Some(known) if is_older(&head, known) => Change::Older,
                Some(_) => Change::Changed,
            };
            outcome = outcome.max(change);
            if change == Change::Older {
                continue;
            }
            let withdrawn = head.withdrawn.map(UtcTime::unix);
            if let Some(known) = known
                && (known.packages != row.packages || known.withdrawn != withdrawn)
            {
                self.remember(&head.feed, id, &row, &known)?;
            }
            let key = match key {
                Some(key) => key,
                None => *key.insert(self.intern(&hash, &head, &references)?),
            };
            self.replace(&head.feed, id, &row, key)?;
            self.touched.insert(row.ecosystem);
        }
        Ok(outcome)
    }

    /// Takes back what a record said of releases that it no longer speaks of. Nothing of it counts where a
    /// newer one is known.
    fn take_back(&mut self, head: &BulletinHead, rows: &[CutRow]) -> rusqlite::Result<Change> {
        // The feed stands in the text, so that its index is used.
        let sql = format!(
            "SELECT a.ecosystem, a.part, a.packages, b.hash, b.modified, b.withdrawn \
             FROM affected a JOIN bulletin b ON b.key = a.bulletin \
             WHERE a.feed = '{}' AND a.id = ?1",
            head.feed
        );
        let id = head.id.as_str();
        let mut statement = self.db.prepare_cached(&sql)?;
        let said = statement.query_map([id], |row| {
            let ecosystem: String = row.get(0)?;
            let known = Known {
                packages: row.get(2)?,
                hash: row.get(3)?,
                modified: row.get(4)?,
                withdrawn: row.get(5)?,
            };
            Ok((ecosystem, row.get::<_, String>(1)?, known))
        })?;
        let said: Vec<_> = said.collect::<rusqlite::Result<_>>()?;
        drop(statement);
        if said.iter().any(|(_, _, known)| is_older(head, known)) {
            return Ok(Change::Older);
        }
        let mut outcome = Change::Same;
        for (ecosystem, part, known) in said {
            let is_said = rows
                .iter()
                .any(|row| row.ecosystem == ecosystem && row.part == part);
            if is_said {
                continue;
            }
            let row = CutRow {
                ecosystem,
                part,
                packages: String::new(),
            };
            self.remember(&head.feed, id, &row, &known)?;
            let sql =
                "DELETE FROM affected WHERE ecosystem = ?1 AND feed = ?2 AND id = ?3 AND part = ?4";
            let mut statement = self.db.prepare_cached(sql)?;
            statement.execute(params![row.ecosystem, head.feed, id, row.part])?;
            self.touched.insert(row.ecosystem);
            outcome = Change::Changed;
        }
        Ok(outcome)
    }

    fn known(&self, feed: &str, id: &str, row: &CutRow) -> rusqlite::Result<Option<Known>> {
        let sql = "SELECT b.hash, b.modified, b.withdrawn, a.packages \
                   FROM affected a JOIN bulletin b ON b.key = a.bulletin \
                   WHERE a.ecosystem = ?1 AND a.feed = ?2 AND a.id = ?3 AND a.part = ?4";
        let mut statement = self.db.prepare_cached(sql)?;
        let known = statement.query_row(params![row.ecosystem, feed, id, row.part], |row| {
            Ok(Known {
                hash: row.get(0)?,
                modified: row.get(1)?,
                withdrawn: row.get(2)?,
                packages: row.get(3)?,
            })
        });
        known.optional()
    }

    fn remember(&self, feed: &str, id: &str, row: &CutRow, known: &Known) -> rusqlite::Result<()> {
        let sql = "INSERT INTO history VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)";
        let mut statement = self.db.prepare_cached(sql)?;
        statement.execute(params![
            row.ecosystem,
            feed,
            id,
            row.part,
            self.now.unix(),
            known.modified,
            known.withdrawn,
            known.packages,
        ])?;
        Ok(())
    }

    /// The key of a bulletin's own words, which are stored once.
    fn intern(&self, hash: &str, head: &BulletinHead, references: &str) -> rusqlite::Result<i64> {
        let find = "SELECT key FROM bulletin WHERE hash = ?1";
        let mut find = self.db.prepare_cached(find)?;
        if let Some(key) = find.query_row([hash], |row| row.get(0)).optional()? {
            return Ok(key);
        }
        let sql = "INSERT INTO bulletin (hash, feed, id, title, cves, severity, cvss, published, \
                   modified, withdrawn, reference, nature) \
                   VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12)";
        let mut statement = self.db.prepare_cached(sql)?;
        statement.insert(params![
            hash,
            head.feed,
            head.id.as_str(),
            head.title,
            head.cves.join(" "),
            head.severity.map_or("", |severity| severity.as_str()),
            head.cvss_tenths,
            head.published.map(UtcTime::unix),
            head.modified.map(UtcTime::unix),
            head.withdrawn.map(UtcTime::unix),
            references,
            head.nature.as_str(),
        ])
    }

    fn replace(&self, feed: &str, id: &str, row: &CutRow, key: i64) -> rusqlite::Result<()> {
        let sql = "INSERT INTO affected VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7) \
                   ON CONFLICT DO UPDATE SET bulletin = excluded.bulletin, packages = excluded.packages";
        let mut statement = self.db.prepare_cached(sql)?;
        let now = self.now.unix();
        let values = params![row.ecosystem, feed, id, row.part, key, row.packages, now];
        statement.execute(values)?;
        Ok(())
    }
}

/// Whether the publisher has said something newer already: then the order of imports plays no part.
fn is_older(head: &BulletinHead, known: &Known) -> bool {
    let times = head.modified.map(UtcTime::unix).zip(known.modified);
    times.is_some_and(|(this, known)| this < known)
}

/// What the catalogue says already.
struct Known {
    hash: String,
    modified: Option<i64>,
    withdrawn: Option<i64>,
    packages: String,
}
