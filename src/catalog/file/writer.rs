//! Writing a catalogue, on a copy that nobody reads yet.

use super::gather::Gathered;
use super::log::{Months, Spoke};
use super::{
    APPLICATION, CatalogFile, FORMAT, Predictions, SCHEMAS, check_format, database, each_affected,
    kev_digest, kev_rows, lifecycle_digest, lifecycle_rows, sections_digest, steady,
};
use crate::catalog::error::CatalogError;
use crate::catalog::feeds::{Feed, Record};
use crate::catalog::intake::Codenames;
use crate::catalog::said::Change;
use crate::model::{Date, ExploitPrediction, KnownExploited, Lifecycle, UtcTime};
use rusqlite::{Connection, params};
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

/// A catalogue that is being written, in one transaction.
///
/// It keeps no journal: whoever gives up throws the file away.
pub(in crate::catalog) struct Writer {
    pub(super) db: Connection,
    pub(super) path: PathBuf,
    pub(super) codenames: Codenames,
    pub(super) touched: BTreeSet<String>,
    pub(super) gathered: Gathered,
    /// Once there is any.
    predictions: Option<Predictions>,
    /// What the path that is being read speaks of.
    pub(super) spoke: Spoke,
    pub(super) months: Months,
    /// The last entry of the log before this import.
    pub(super) begun_after: i64,
    pub(super) now: UtcTime,
}

/// A line of the import log.
pub(in crate::catalog) struct ImportRow<'a> {
    pub(in crate::catalog) path: &'a str,
    pub(in crate::catalog) sha256: &'a str,
    pub(in crate::catalog) feeds: &'a str,
    /// Documents, read, skipped, irrelevant, added, changed.
    pub(in crate::catalog) counts: [u64; 6],
    pub(in crate::catalog) problems: &'a str,
}

impl Writer {
    /// Begins to write a file, which is empty or a catalogue. `known` are lifecycle dates from
    /// elsewhere, for the codenames of releases.
    pub(in crate::catalog) fn begin(
        path: &Path,
        known: &[Lifecycle],
        now: UtcTime,
    ) -> Result<Self, CatalogError> {
        let db = Connection::open(path).map_err(|source| database(path, "write", source))?;
        Self::on(db, path, known, now)
    }

    /// Begins to write a catalogue in memory.
    pub(in crate::catalog) fn in_memory(
        known: &[Lifecycle],
        now: UtcTime,
    ) -> Result<Self, CatalogError> {
        let path = Path::new("built in");
        let db = Connection::open_in_memory();
        let db = db.map_err(|source| database(path, "write", source))?;
        Self::on(db, path, known, now)
    }

    fn on(
        db: Connection,
        path: &Path,
        known: &[Lifecycle],
        now: UtcTime,
    ) -> Result<Self, CatalogError> {
        let failed = |source| database(path, "write", source);
        let db = steady(db).map_err(failed)?;
        let tables = "SELECT count(*) FROM sqlite_schema";
        let tables: i64 = db.query_row(tables, [], |row| row.get(0)).map_err(failed)?;
        let begin = "PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF; \
                     PRAGMA cache_size = -65536; BEGIN;";
        db.execute_batch(begin).map_err(failed)?;
        let found = match tables {
            0 => 0,
            _ => check_format(&db, path)?,
        };
        let missing = SCHEMAS
            .iter()
            .skip(usize::try_from(found).unwrap_or_default());
        for schema in missing {
            db.execute_batch(schema).map_err(failed)?;
        }
        let mark =
            format!("PRAGMA application_id = {APPLICATION}; PRAGMA user_version = {FORMAT};");
        db.execute_batch(&mark).map_err(failed)?;
        let own = lifecycle_rows(&db).map_err(failed)?;
        let mut writer = Self {
            codenames: Codenames::of(known.iter().chain(&own)),
            db,
            path: path.to_owned(),
            touched: BTreeSet::new(),
            gathered: Gathered::default(),
            predictions: None,
            spoke: Spoke::default(),
            months: Months::default(),
            begun_after: 0,
            now,
        };
        writer.begun_after = writer.last_entry().map_err(failed)?;
        Ok(writer)
    }

    /// Lays a record down. `None` where [`Writer::end_document`] tells what became of it.
    pub(in crate::catalog) fn put(
        &mut self,
        feed: &dyn Feed,
        record: Record,
    ) -> Result<Option<Change>, CatalogError> {
        let change = match record {
            Record::Bulletin(bulletin) => self.put_bulletin(feed, bulletin).map(Some),
            Record::KnownExploited(known) => self.put_kev(&known).map(Some),
            Record::Lifecycle(row) => self.put_lifecycle(&row).map(Some),
            Record::Advisory(advisory) => self.put_advisory(advisory).map(|()| None),
            Record::Build(row) => {
                self.spoke
                    .count(feed.name(), &format!("builds {}", row.product));
                self.put_build(&row).map(Some)
            }
            Record::Prediction(prediction) => self.put_prediction(&prediction).map(Some),
            Record::ContentSet(set) => self.put_content_set(&set).map(Some),
        };
        change.map_err(|source| database(&self.path, "write", source))
    }

    /// Ends a document: what its advisories say in several places is one statement. Returns what
    /// became of them.
    pub(in crate::catalog) fn end_document(&mut self) -> Result<Vec<Change>, CatalogError> {
        let changes = self.end_gathering();
        changes.map_err(|source| database(&self.path, "write", source))
    }

    fn put_prediction(&mut self, prediction: &ExploitPrediction) -> rusqlite::Result<Change> {
        let known = match self.predictions.take() {
            Some(known) => known,
            None => Predictions::read(&self.db)?.0,
        };
        let known = self.predictions.insert(known);
        // What is no CVE id is nobody's.
        Ok(known.put(prediction).unwrap_or(Change::Same))
    }

    fn put_kev(&self, known: &KnownExploited) -> rusqlite::Result<Change> {
        let sql = "INSERT INTO kev VALUES (?1, ?2, ?3, ?4, ?5) ON CONFLICT DO UPDATE SET \
                   added = excluded.added, due = excluded.due, ransomware = excluded.ransomware \
                   WHERE (added, due, ransomware) IS NOT (excluded.added, excluded.due, excluded.ransomware)";
        let text = |day: Option<Date>| day.map(|day| day.to_string());
        let now = self.now.unix();
        let values = params![
            known.cve,
            text(known.added),
            text(known.due),
            known.ransomware,
            now
        ];
        self.upsert(
            "SELECT 1 FROM kev WHERE cve = ?1",
            &[&known.cve],
            sql,
            values,
        )
    }

    fn put_lifecycle(&self, row: &Lifecycle) -> rusqlite::Result<Change> {
        let sql = "INSERT INTO lifecycle VALUES (?1, ?2, ?3, ?4, ?5, ?6) ON CONFLICT DO UPDATE SET \
                   codename = excluded.codename, released = excluded.released, \
                   end_of_life = excluded.end_of_life, end_of_extended = excluded.end_of_extended \
                   WHERE (codename, released, end_of_life, end_of_extended) IS NOT \
                   (excluded.codename, excluded.released, excluded.end_of_life, excluded.end_of_extended)";
        let text = |day: Option<Date>| day.map(|day| day.to_string());
        let values = params![
            row.product,
            row.version,
            row.codename,
            text(row.released),
            text(row.end_of_life),
            text(row.end_of_extended),
        ];
        let find = "SELECT 1 FROM lifecycle WHERE product = ?1 AND version = ?2";
        self.upsert(find, &[&row.product, &row.version], sql, values)
    }

    pub(super) fn upsert(
        &self,
        find: &str,
        key: &[&String],
        sql: &str,
        values: &[&dyn rusqlite::ToSql],
    ) -> rusqlite::Result<Change> {
        let mut find = self.db.prepare_cached(find)?;
        let existed = find.exists(rusqlite::params_from_iter(key))?;
        let written = self.db.prepare_cached(sql)?.execute(values)?;
        Ok(match (written, existed) {
            (0, _) => Change::Same,
            (_, true) => Change::Changed,
            (_, false) => Change::Added,
        })
    }

    /// Writes a line of the import log.
    pub(in crate::catalog) fn log(&mut self, row: &ImportRow<'_>) -> Result<(), CatalogError> {
        let sql = "INSERT INTO import (at, path, sha256, feeds, documents, read, skipped, irrelevant, \
                   added, changed, problems, spoke, met) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13)";
        let spoke = std::mem::take(&mut self.spoke).text();
        let met = self.met_before();
        let met = met.map_err(|source| database(&self.path, "write", source))?;
        let [documents, read, skipped, irrelevant, added, changed] =
            row.counts.map(u64::cast_signed);
        let values = params![
            self.now.unix(),
            row.path,
            row.sha256,
            row.feeds,
            documents,
            read,
            skipped,
            irrelevant,
            added,
            changed,
            row.problems,
            spoke,
            met,
        ];
        let written = self.db.execute(sql, values);
        written.map_err(|source| database(&self.path, "write", source))?;
        Ok(())
    }

    /// Computes the digests and ends the transaction. Returns the catalogue's digest, and what was
    /// written as a catalogue to read.
    pub(in crate::catalog) fn finish(mut self) -> Result<(String, CatalogFile), CatalogError> {
        let digest = self.seal();
        let digest = digest.map_err(|source| database(&self.path, "write", source))?;
        let file = CatalogFile {
            db: self.db,
            path: self.path,
            format: FORMAT,
        };
        Ok((digest, file))
    }

    fn seal(&mut self) -> rusqlite::Result<String> {
        self.end_gathering()?;
        self.seal_gathered()?;
        if let Some(predictions) = &self.predictions {
            let (digest, count) = predictions.write(&self.db)?;
            self.put_section("epss", "", &digest, count)?;
        }
        self.seal_content_sets()?;
        let orphans = "DELETE FROM bulletin WHERE key NOT IN (SELECT bulletin FROM affected)";
        self.db.execute(orphans, [])?;
        for ecosystem in &self.touched {
            let (digest, count) = each_affected((&self.db, FORMAT), ecosystem, &mut |_, _| Ok(()))?;
            self.put_section("slice", ecosystem, &digest, count)?;
        }
        let rows = kev_rows(&self.db)?;
        self.put_section(
            "kev",
            "",
            &kev_digest(&rows),
            (rows.len() as u64).cast_signed(),
        )?;
        let rows = lifecycle_rows(&self.db)?;
        self.put_section(
            "lifecycle",
            "",
            &lifecycle_digest(&rows),
            (rows.len() as u64).cast_signed(),
        )?;
        let digest = sections_digest(&self.db)?;
        let sql = "INSERT OR REPLACE INTO meta VALUES ('digest', ?1), ('imported', ?2)";
        self.db
            .execute(sql, params![digest, self.now.unix().to_string()])?;
        self.db.execute_batch("COMMIT")?;
        Ok(digest)
    }

    pub(super) fn put_section(
        &self,
        kind: &str,
        name: &str,
        digest: &str,
        records: i64,
    ) -> rusqlite::Result<()> {
        let sql = "INSERT OR REPLACE INTO section VALUES (?1, ?2, ?3, ?4)";
        self.db.execute(sql, params![kind, name, digest, records])?;
        Ok(())
    }
}
