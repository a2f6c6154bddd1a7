//! The catalogue's file: one `SQLite` database, read in whole slices. The only SQL of the catalogue.
//!
//! Readers never write. Writing is [`writer`]'s business, on a copy that replaces the file when it is
//! complete, so a reader's slices all come from one state of the catalogue.

mod bulletins;
mod content_sets;
mod draft;
mod gather;
mod log;
mod portable;
mod predictions;
mod products;
mod reader;
mod search;
mod survey;
mod writer;

pub(super) use draft::Draft;
pub use portable::{Portable, PortableError, export, is_portable, take};
pub(super) use predictions::Predictions;
pub(super) use writer::{ImportRow, Writer};

use super::as_of::AsOf;
use super::error::CatalogError;
use super::intake::{Digest, PackageRow};
use super::slice::{BulletinHead, Entry, Kev, Slice, SliceBuilder};
use crate::model::{BulletinId, Date, KnownExploited, Lifecycle, Nature, Severity, UtcTime};
use rusqlite::config::DbConfig;
use rusqlite::{Connection, OpenFlags, OptionalExtension as _, Row, params};
use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// What each format adds, from the first on.
const SCHEMAS: [&str; 5] = [
    include_str!("schema.sql"),
    include_str!("schema_2.sql"),
    include_str!("schema_3.sql"),
    include_str!("schema_4.sql"),
    include_str!("schema_5.sql"),
];
/// The newest format: that of all `SCHEMAS`.
pub const FORMAT: i64 = 5;
/// Marks the file as ours, among `SQLite` files.
const APPLICATION: i64 = 0x5564_6361;

/// A catalogue file, open for reading.
#[derive(Debug)]
pub(super) struct CatalogFile {
    db: Connection,
    path: PathBuf,
    format: i64,
}

/// What is true of the whole file.
pub(super) struct Header {
    pub(super) digest: String,
    pub(super) imported: Option<UtcTime>,
}

impl CatalogFile {
    /// Opens a file and sees that it is one of ours. What is in it is checked when it is loaded.
    pub(super) fn open(path: &Path) -> Result<Self, CatalogError> {
        let path = path.to_owned();
        if !path.is_file() {
            return Err(CatalogError::NotFound { path });
        }
        let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let db = Connection::open_with_flags(&path, flags);
        let db = db.and_then(steady);
        let db = db.map_err(|source| database(&path, "open", source))?;
        let format = check_format(&db, &path)?;
        Ok(Self { db, path, format })
    }

    fn failed(&self, doing: &'static str) -> impl Fn(rusqlite::Error) -> CatalogError + '_ {
        move |source| database(&self.path, doing, source)
    }

    fn corrupt(&self, part: impl Into<String>) -> CatalogError {
        CatalogError::Corrupt {
            path: self.path.clone(),
            part: part.into(),
        }
    }

    /// The catalogue's digest, once it has been found to agree with the digests of its parts.
    pub(super) fn header(&self) -> Result<Header, CatalogError> {
        let read = || -> rusqlite::Result<_> {
            Ok((
                meta(&self.db, "digest")?,
                meta(&self.db, "imported")?,
                sections_digest(&self.db)?,
            ))
        };
        let (digest, imported, found) = read().map_err(self.failed("read"))?;
        let Some(digest) = digest.filter(|digest| *digest == found) else {
            return Err(self.corrupt("its list of parts"));
        };
        let imported = imported.and_then(|seconds| seconds.parse().ok());
        Ok(Header {
            digest,
            imported: imported.map(UtcTime::from_unix),
        })
    }

    /// Loads a slice and checks its digest. `None` when nothing is known of the ecosystem.
    pub(super) fn slice(
        &self,
        ecosystem: &str,
        kev: &Arc<Kev>,
        as_of: AsOf,
    ) -> Result<Option<Slice>, CatalogError> {
        let stated = section(&self.db, "slice", ecosystem).map_err(self.failed("read"))?;
        let Some(stated) = stated else {
            return Ok(None);
        };
        let part = || format!("the slice {ecosystem}");
        let mut builder = SliceBuilder::default();
        let digest = each_affected((&self.db, self.format), ecosystem, &mut |head, packages| {
            let head = as_of.head(head);
            head.map_or(Ok(()), |head| add(&mut builder, head, packages))
        });
        // What does not read has been damaged as well.
        match digest {
            Ok((found, _)) if found == stated => {
                Ok(Some(builder.build(ecosystem, Arc::clone(kev))))
            }
            Ok(_) => Err(self.corrupt(part())),
            Err(source) => Err(self.failed("read a slice of")(source)),
        }
    }

    /// All known exploited CVEs, digest checked.
    pub(super) fn kev(&self) -> Result<Vec<KnownExploited>, CatalogError> {
        let rows = kev_rows(&self.db).map_err(self.failed("read"))?;
        self.verify("kev", &kev_digest(&rows))?;
        Ok(rows)
    }

    /// All lifecycle dates, digest checked.
    pub(super) fn lifecycles(&self) -> Result<Vec<Lifecycle>, CatalogError> {
        let rows = lifecycle_rows(&self.db).map_err(self.failed("read"))?;
        self.verify("lifecycle", &lifecycle_digest(&rows))?;
        Ok(rows)
    }

    fn verify(&self, kind: &str, found: &str) -> Result<(), CatalogError> {
        let stated = section(&self.db, kind, "").map_err(self.failed("read"))?;
        match stated {
            Some(stated) if stated == found => Ok(()),
            _ => Err(self.corrupt(format!("its {kind} table"))),
        }
    }

    /// What a bulletin said of an ecosystem before, oldest first: when we learned otherwise, and the
    /// packages with their fixes.
    pub(super) fn history(
        &self,
        ecosystem: &str,
        id: &str,
    ) -> Result<Vec<(UtcTime, Vec<PackageRow>)>, CatalogError> {
        let sql = "SELECT replaced, packages FROM history WHERE ecosystem = ?1 AND id = ?2 \
                   ORDER BY replaced, rowid";
        let read = || -> rusqlite::Result<Vec<_>> {
            let mut statement = self.db.prepare(sql)?;
            let rows = statement.query_map(params![ecosystem, id], |row| {
                let packages: String = row.get(1)?;
                Ok((UtcTime::from_unix(row.get(0)?), packages_of(&packages)?))
            })?;
            rows.collect()
        };
        read().map_err(self.failed("read the history of"))
    }
}

/// Keeps plans as they are. Otherwise a statement is parsed and planned anew whenever it is given other
/// values, in case that they make another plan better: half of the time of an import.
fn steady(db: Connection) -> rusqlite::Result<Connection> {
    db.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true)?;
    // The file may come from anybody, and ours holds nothing but tables: what would run something when it is read, does
    // not.
    db.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_VIEW, false)?;
    db.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_TRIGGER, false)?;
    db.set_db_config(DbConfig::SQLITE_DBCONFIG_TRUSTED_SCHEMA, false)?;
    Ok(db)
}

fn database(path: &Path, doing: &'static str, source: rusqlite::Error) -> CatalogError {
    use rusqlite::ErrorCode::{DatabaseCorrupt, NotADatabase};
    let path = path.to_owned();
    match source.sqlite_error_code() {
        Some(NotADatabase) => CatalogError::NotACatalog { path },
        Some(DatabaseCorrupt) => CatalogError::Corrupt {
            path,
            part: "its pages".to_owned(),
        },
        _ => CatalogError::Database {
            path,
            doing,
            source: source.into(),
        },
    }
}

/// Sees that a file is a catalogue that we can read. Returns its format.
fn check_format(db: &Connection, path: &Path) -> Result<i64, CatalogError> {
    let pragma = |name: &str| -> Result<i64, CatalogError> {
        db.pragma_query_value(None, name, |row| row.get(0))
            .map_err(|source| database(path, "open", source))
    };
    let path = path.to_owned();
    if pragma("application_id")? != APPLICATION {
        return Err(CatalogError::NotACatalog { path });
    }
    match pragma("user_version")? {
        found @ 1..=FORMAT => Ok(found),
        found if found > FORMAT => Err(CatalogError::Newer {
            path,
            found,
            known: FORMAT,
        }),
        _ => Err(CatalogError::NotACatalog { path }),
    }
}

fn add(builder: &mut SliceBuilder, head: BulletinHead, packages: &str) -> rusqlite::Result<()> {
    let head = Arc::new(head);
    for mut row in packages_of(packages)? {
        let ranges = row.ranges();
        let PackageRow(package, status, urgency, _, scope) = row;
        let entry = Entry {
            scope,
            bulletin: Arc::clone(&head),
            ranges,
            status,
            urgency,
        };
        builder.add(package, entry);
    }
    Ok(())
}

fn packages_of(json: &str) -> rusqlite::Result<Vec<PackageRow>> {
    serde_json::from_str(json).map_err(|error| {
        rusqlite::Error::FromSqlConversionFailure(0, rusqlite::types::Type::Text, error.into())
    })
}

/// Visits what an ecosystem's bulletins say, in a fixed order. Returns the digest and the count.
fn each_affected(
    (db, format): (&Connection, i64),
    ecosystem: &str,
    each: &mut dyn FnMut(BulletinHead, &str) -> rusqlite::Result<()>,
) -> rusqlite::Result<(String, i64)> {
    let nature = if format >= 4 { "b.nature" } else { "''" };
    let sql = format!(
        "SELECT b.feed, b.id, b.title, b.cves, b.severity, b.cvss, b.published, b.modified, \
         b.withdrawn, b.reference, a.part, a.packages, {nature} \
         FROM affected a JOIN bulletin b ON b.key = a.bulletin \
         WHERE a.ecosystem = ?1 ORDER BY a.feed, a.id, a.part"
    );
    let mut statement = db.prepare_cached(&sql)?;
    let mut rows = statement.query([ecosystem])?;
    let mut natures = HashMap::new();
    let mut digest = Digest::default();
    let mut count = 0i64;
    while let Some(row) = rows.next()? {
        let mut head = head(row)?;
        head.nature = nature_of(&mut natures, row.get_ref(12)?.as_str()?);
        let packages = row.get_ref(11)?.as_str()?;
        digest.head(&head, row.get_ref(9)?.as_str()?);
        digest.text(row.get_ref(10)?.as_str()?);
        digest.text(packages);
        each(head, packages)?;
        count += 1;
    }
    Ok((digest.finish(), count))
}

/// What a text says, read once.
fn nature_of(known: &mut HashMap<String, Nature>, text: &str) -> Nature {
    if text.is_empty() {
        return Nature::default();
    }
    if let Some(nature) = known.get(text) {
        return nature.clone();
    }
    let nature = Nature::parse(text);
    known.insert(text.to_owned(), nature.clone());
    nature
}

/// All of it but the sort of flaw.
fn head(row: &Row<'_>) -> rusqlite::Result<BulletinHead> {
    let time = |column| -> rusqlite::Result<_> {
        Ok(row.get::<_, Option<i64>>(column)?.map(UtcTime::from_unix))
    };
    let cves = row.get_ref(3)?.as_str()?.split(' ');
    Ok(BulletinHead {
        feed: row.get(0)?,
        id: BulletinId::new(row.get_ref(1)?.as_str()?),
        title: row.get(2)?,
        cves: cves
            .filter(|cve| !cve.is_empty())
            .map(str::to_owned)
            .collect(),
        severity: Severity::parse(row.get_ref(4)?.as_str()?),
        cvss_tenths: row.get(5)?,
        nature: Nature::default(),
        published: time(6)?,
        modified: time(7)?,
        withdrawn: time(8)?,
    })
}

fn kev_rows(db: &Connection) -> rusqlite::Result<Vec<KnownExploited>> {
    let sql = "SELECT cve, added, due, ransomware FROM kev ORDER BY cve";
    collect(db, sql, |row| {
        Ok(KnownExploited {
            cve: row.get(0)?,
            added: day(row, 1)?,
            due: day(row, 2)?,
            ransomware: row.get(3)?,
        })
    })
}

fn kev_digest(rows: &[KnownExploited]) -> String {
    let mut digest = Digest::default();
    for row in rows {
        digest.kev(row);
    }
    digest.finish()
}

fn lifecycle_rows(db: &Connection) -> rusqlite::Result<Vec<Lifecycle>> {
    let sql = "SELECT product, version, codename, released, end_of_life, end_of_extended \
               FROM lifecycle ORDER BY product, version";
    collect(db, sql, |row| {
        Ok(Lifecycle {
            product: row.get(0)?,
            version: row.get(1)?,
            codename: row.get(2)?,
            released: day(row, 3)?,
            end_of_life: day(row, 4)?,
            end_of_extended: day(row, 5)?,
        })
    })
}

fn lifecycle_digest(rows: &[Lifecycle]) -> String {
    let mut digest = Digest::default();
    for row in rows {
        digest.lifecycle(row);
    }
    digest.finish()
}

/// A day that does not read is left out here and found by the digest.
fn day(row: &Row<'_>, column: usize) -> rusqlite::Result<Option<Date>> {
    let text: Option<String> = row.get(column)?;
    Ok(text.as_deref().and_then(Date::parse))
}

fn meta(db: &Connection, name: &str) -> rusqlite::Result<Option<String>> {
    let sql = "SELECT value FROM meta WHERE name = ?1";
    db.query_row(sql, [name], |row| row.get(0)).optional()
}

fn section(db: &Connection, kind: &str, name: &str) -> rusqlite::Result<Option<String>> {
    let sql = "SELECT digest FROM section WHERE kind = ?1 AND name = ?2";
    db.query_row(sql, [kind, name], |row| row.get(0)).optional()
}

/// The digest of the whole: over the digests of the parts.
fn sections_digest(db: &Connection) -> rusqlite::Result<String> {
    let sql = "SELECT kind, name, digest FROM section ORDER BY kind, name";
    let rows: Vec<[String; 3]> =
        collect(db, sql, |row| Ok([row.get(0)?, row.get(1)?, row.get(2)?]))?;
    let mut digest = Digest::default();
    for text in rows.iter().flatten() {
        digest.text(text);
    }
    Ok(digest.finish())
}

fn collect<T>(
    db: &Connection,
    sql: &str,
    read: impl FnMut(&Row<'_>) -> rusqlite::Result<T>,
) -> rusqlite::Result<Vec<T>> {
    let mut statement = db.prepare(sql)?;
    let rows = statement.query_map([], read)?;
    rows.collect()
}
