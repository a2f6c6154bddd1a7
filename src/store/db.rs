//! The database file: opening, migrating, transactions, and how values are written.

use super::StoreError;
use super::blobs::Recent;
use crate::model::{Finding, Inventory, UtcTime};
use crate::os;
use rusqlite::types::{FromSql, FromSqlError, FromSqlResult, ToSql, ToSqlOutput, ValueRef};
use rusqlite::{Connection, OpenFlags, Row, Transaction, TransactionBehavior};
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::fs::OpenOptions;
use std::io;
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::thread::sleep;
use std::time::Duration;

/// The schema, a step a file; the version in the file is the number of steps done.
const MIGRATIONS: &[&str] = &[
    include_str!("migrations/0001.sql"),
    include_str!("migrations/0002.sql"),
    include_str!("migrations/0003.sql"),
    include_str!("migrations/0004.sql"),
    include_str!("migrations/0005.sql"),
    include_str!("migrations/0006.sql"),
    include_str!("migrations/0007.sql"),
    include_str!("migrations/0008.sql"),
    include_str!("migrations/0009.sql"),
    include_str!("migrations/0010.sql"),
    include_str!("migrations/0011.sql"),
    include_str!("migrations/0012.sql"),
];

/// The version of the schema that this program writes: the number of its steps.
pub const SCHEMA: usize = MIGRATIONS.len();

/// "unde": tells our files from other programs' databases.
const APPLICATION_ID: i64 = 0x756e_6465;

/// How long another process may hold the file.
const PATIENCE: Duration = Duration::from_secs(15);

/// The connection, and what was read through it lately.
pub(super) struct Db {
    conn: Connection,
    path: PathBuf,
    pub(super) inventories: Recent<Inventory>,
    pub(super) sketches: Recent<Inventory>,
    pub(super) findings: Recent<Vec<Finding>>,
    /// The run whose common values are kept.
    walked: Option<i64>,
}

impl Db {
    pub(super) fn open(path: &Path) -> Result<Self, StoreError> {
        let failed = |source| StoreError::Open {
            path: path.to_path_buf(),
            source,
        };
        prepare_file(path).map_err(failed)?;
        let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let conn = Connection::open_with_flags(path, flags)
            .map_err(|source| StoreError::sql(path, source))?;
        Self::set_up(conn, path)
    }

    pub(super) fn in_memory() -> Result<Self, StoreError> {
        let path = Path::new(":memory:");
        let conn = Connection::open_in_memory().map_err(|source| StoreError::sql(path, source))?;
        Self::set_up(conn, path)
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// The machines of a run are read from here on.
    pub(super) fn walk(&mut self, run: i64) {
        if self.walked.replace(run) != Some(run) {
            self.inventories.forget_common();
            self.sketches.forget_common();
            self.findings.forget_common();
        }
    }

    /// Closing moves the log into the file; a failure leaves both, which is as good.
    pub(super) fn close(self) {
        drop(self.conn.close());
    }

    fn set_up(conn: Connection, path: &Path) -> Result<Self, StoreError> {
        let mut db = Self {
            conn,
            path: path.to_path_buf(),
            inventories: Recent::default(),
            sketches: Recent::default(),
            findings: Recent::default(),
            walked: None,
        };
        let failed = |source| StoreError::sql(path, source);
        db.conn.busy_timeout(PATIENCE).map_err(failed)?;
        // Before anything is written: a file that is not ours stays as it is.
        db.read(|tx| version(tx, MIGRATIONS.len()))?;
        db.configure().map_err(failed)?;
        db.write(|tx| migrate(tx, MIGRATIONS))?;
        Ok(db)
    }

    fn configure(&mut self) -> rusqlite::Result<()> {
        self.conn.set_prepared_statement_cache_capacity(64);
        self.conn.pragma_update(None, "trusted_schema", false)?;
        self.conn.pragma_update(None, "foreign_keys", true)?;
        self.conn.pragma_update(None, "temp_store", "memory")?;
        // An answer means that the change survives a power cut: a spent try must.
        self.conn.pragma_update(None, "synchronous", "full")?;
        write_ahead(&self.conn)
    }

    /// Does something in a transaction that no other writer can come between; all of it or, on an
    /// error, nothing.
    pub(super) fn write<T>(
        &mut self,
        job: impl FnOnce(&Transaction<'_>) -> Result<T, Fault>,
    ) -> Result<T, StoreError> {
        self.transact(TransactionBehavior::Immediate, job)
    }

    /// Reads one consistent state.
    pub(super) fn read<T>(
        &mut self,
        job: impl FnOnce(&Transaction<'_>) -> Result<T, Fault>,
    ) -> Result<T, StoreError> {
        self.transact(TransactionBehavior::Deferred, job)
    }

    fn transact<T>(
        &mut self,
        behaviour: TransactionBehavior,
        job: impl FnOnce(&Transaction<'_>) -> Result<T, Fault>,
    ) -> Result<T, StoreError> {
        let done = self
            .conn
            .transaction_with_behavior(behaviour)
            .map_err(Fault::Sql)
            .and_then(|tx| {
                let answer = job(&tx)?;
                tx.commit()?;
                Ok(answer)
            });
        done.map_err(|fault| fault.at(&self.path))
    }
}

/// Makes the folder for its owner alone, and an empty file likewise; its log gets the same mode.
fn prepare_file(path: &Path) -> io::Result<()> {
    if let Some(folder) = path
        .parent()
        .filter(|folder| !folder.as_os_str().is_empty())
    {
        os::make_private_folder(folder)?;
    }
    let mut options = OpenOptions::new();
    options.read(true).append(true).create(true);
    os::owner_only(&mut options).open(path).map(drop)
}

/// Turns the write-ahead log on. `SQLite` does not wait here when another process does the same
/// at the same moment, so we do.
fn write_ahead(conn: &Connection) -> rusqlite::Result<()> {
    let mut tries = 50;
    loop {
        let done = conn.pragma_update(None, "journal_mode", "wal");
        let busy = matches!(&done, Err(error) if error.sqlite_error_code() == Some(rusqlite::ErrorCode::DatabaseBusy));
        if !busy || tries == 0 {
            return done;
        }
        tries -= 1;
        sleep(Duration::from_millis(20));
    }
}

/// How many steps were done on the file; an error when it is not ours, or of a later program.
fn version(tx: &Transaction<'_>, known: usize) -> Result<usize, Fault> {
    let pragma = |name| tx.pragma_query_value(None, name, |row| row.get::<_, i64>(0));
    let (found, application) = (pragma("user_version")?, pragma("application_id")?);
    let tables: i64 = tx.query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0))?;
    if application != APPLICATION_ID && (tables > 0 || application != 0) {
        return Err(Fault::Foreign);
    }
    let done = usize::try_from(found).map_err(|_| Fault::damaged("a negative schema version"))?;
    if done > known {
        let known = i64::try_from(known).unwrap_or(i64::MAX);
        return Err(Fault::Newer { found, known });
    }
    Ok(done)
}

/// Brings the schema up to date, from whichever version it has.
fn migrate(tx: &Transaction<'_>, steps: &[&str]) -> Result<(), Fault> {
    let done = version(tx, steps.len())?;
    if done == steps.len() {
        return Ok(());
    }
    for step in steps.iter().skip(done) {
        tx.execute_batch(step)?;
    }
    let now = i64::try_from(steps.len()).unwrap_or(i64::MAX);
    tx.pragma_update(None, "user_version", now)?;
    tx.pragma_update(None, "application_id", APPLICATION_ID)?;
    Ok(())
}

/// What goes wrong in a transaction, before the file's name is known.
#[derive(Debug)]
pub(super) enum Fault {
    Sql(rusqlite::Error),
    Damaged(String),
    Foreign,
    Newer { found: i64, known: i64 },
    Other(StoreError),
}

impl Fault {
    pub(super) fn damaged(detail: impl Into<String>) -> Self {
        Self::Damaged(detail.into())
    }

    pub(super) fn at(self, path: &Path) -> StoreError {
        let here = path.to_path_buf();
        match self {
            Self::Sql(source) => StoreError::sql(path, source),
            Self::Damaged(detail) => StoreError::Corrupt { path: here, detail },
            Self::Foreign => StoreError::Foreign { path: here },
            Self::Newer { found, known } => StoreError::Newer {
                path: here,
                found,
                known,
            },
            Self::Other(error) => error,
        }
    }
}

impl From<rusqlite::Error> for Fault {
    fn from(error: rusqlite::Error) -> Self {
        match error {
            // A value that is not what the schema says was not written by us.
            rusqlite::Error::FromSqlConversionFailure(..)
            | rusqlite::Error::InvalidColumnType(..)
            | rusqlite::Error::IntegralValueOutOfRange(..) => Self::Damaged(error.to_string()),
            other => Self::Sql(other),
        }
    }
}

impl From<StoreError> for Fault {
    fn from(error: StoreError) -> Self {
        Self::Other(error)
    }
}

/// An address as a key that sorts as addresses do: a family byte, then its octets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Address(pub(super) IpAddr);

impl ToSql for Address {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        let bytes = match self.0 {
            IpAddr::V4(v4) => [&[4][..], &v4.octets()].concat(),
            IpAddr::V6(v6) => [&[6][..], &v6.octets()].concat(),
        };
        Ok(bytes.into())
    }
}

impl FromSql for Address {
    fn column_result(value: ValueRef<'_>) -> FromSqlResult<Self> {
        let bytes = value.as_blob()?;
        match bytes {
            [4, rest @ ..] => <[u8; 4]>::try_from(rest).map(|octets| Self(octets.into())),
            [6, rest @ ..] => <[u8; 16]>::try_from(rest).map(|octets| Self(octets.into())),
            _ => return Err(FromSqlError::InvalidType),
        }
        .map_err(|_| FromSqlError::InvalidType)
    }
}

/// The columns of a row, one after the other, as they were asked for: to find one by its name takes as long as to read
/// it.
pub(super) struct Columns<'a> {
    row: &'a Row<'a>,
    next: usize,
}

impl<'a> Columns<'a> {
    /// From the first on.
    pub(super) fn of(row: &'a Row<'a>) -> Self {
        Self { row, next: 0 }
    }

    /// The next one.
    pub(super) fn read<T: FromSql>(&mut self) -> Result<T, Fault> {
        let value = self.row.get(self.next)?;
        self.next += 1;
        Ok(value)
    }
}

/// A moment, as seconds since 1970.
#[derive(Clone, Copy, Debug)]
pub(super) struct Time(pub(super) UtcTime);

impl ToSql for Time {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(self.0.unix().into())
    }
}

impl FromSql for Time {
    fn column_result(value: ValueRef<'_>) -> FromSqlResult<Self> {
        value.as_i64().map(|unix| Self(UtcTime::from_unix(unix)))
    }
}

/// Writes a value as JSON text.
pub(super) fn to_json<T: Serialize + ?Sized>(
    what: &'static str,
    value: &T,
) -> Result<String, StoreError> {
    serde_json::to_string(value).map_err(|source| StoreError::Encode { what, source })
}

/// Reads what [`to_json`] wrote.
pub(super) fn from_json<T: DeserializeOwned>(what: &str, text: &str) -> Result<T, Fault> {
    let damaged = |error| Fault::Damaged(format!("{what}: {error}"));
    serde_json::from_str(text).map_err(damaged)
}

/// Reads a stable word by asking which value writes it.
pub(super) fn from_word<T: DeserializeOwned>(what: &str, word: &str) -> Result<T, Fault> {
    let damaged = |error| Fault::Damaged(format!("{what}: {error}"));
    serde_json::from_value(serde_json::Value::String(word.to_owned())).map_err(damaged)
}

#[cfg(test)]
mod tests {
    use super::*;

    const NEXT: &str = "CREATE TABLE later (a INTEGER) STRICT;";
    const BROKEN: &str = "CREATE TABLE half (a INTEGER) STRICT; nonsense;";

    fn found(db: &mut Db) -> (i64, i64) {
        let count = "SELECT count(*) FROM sqlite_schema WHERE name IN ('half', 'later')";
        let read = db.read(|tx| {
            let version = tx.pragma_query_value(None, "user_version", |row| row.get(0))?;
            Ok((version, tx.query_row(count, [], |row| row.get(0))?))
        });
        read.unwrap()
    }

    #[test]
    fn a_step_is_taken_once_and_a_broken_one_leaves_the_version_before() {
        let known = i64::try_from(MIGRATIONS.len()).unwrap();
        let with = |next| [MIGRATIONS, &[next]].concat();
        let mut db = Db::in_memory().unwrap();
        assert_eq!(found(&mut db), (known, 0));
        db.write(|tx| migrate(tx, &with(BROKEN))).unwrap_err();
        assert_eq!(found(&mut db), (known, 0));
        for _ in 0..2 {
            db.write(|tx| migrate(tx, &with(NEXT))).unwrap();
            assert_eq!(found(&mut db), (known + 1, 1));
        }
        let error = db.write(|tx| migrate(tx, MIGRATIONS)).unwrap_err();
        assert!(
            matches!(error, StoreError::Newer { found, known: own, .. } if found == known + 1 && own == known)
        );
    }

    #[test]
    fn addresses_sort_in_the_file_as_they_do_in_memory() {
        let mut all: Vec<IpAddr> = [
            "::1",
            "10.0.0.2",
            "9.255.0.1",
            "2001:db8::",
            "0.0.0.0",
            "10.0.0.10",
        ]
        .map(|text| text.parse().unwrap())
        .into();
        let key = |address: &IpAddr| match Address(*address).to_sql().unwrap() {
            ToSqlOutput::Owned(rusqlite::types::Value::Blob(bytes)) => bytes,
            other => panic!("{other:?}"),
        };
        let mut by_key = all.clone();
        by_key.sort_by_key(key);
        all.sort();
        assert_eq!(by_key, all);
        for address in all {
            let bytes = key(&address);
            let read = Address::column_result(ValueRef::Blob(&bytes)).unwrap();
            assert_eq!(read, Address(address));
        }
    }
}
