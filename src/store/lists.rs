//! The lists of machines that a run is compared with.

use super::blobs::{compress, unpack_any};
use super::db::{Db, Fault};
use super::{StoreError, runs};
use crate::model::{KnownList, RunId};
use rusqlite::{Connection, params};
use sha2::{Digest as _, Sha256};

/// Replaces the lists of a run: all of them or none.
pub(super) fn keep(db: &mut Db, run: &RunId, lists: &[KnownList]) -> Result<(), StoreError> {
    let packed = pack(lists)?;
    db.write(|tx| insert(tx, runs::key(tx, run)?.number, &packed))
}

/// [`keep`], within a transaction.
pub(super) fn replace(conn: &Connection, run: i64, lists: &[KnownList]) -> Result<(), Fault> {
    insert(conn, run, &pack(lists)?)
}

type Packed = Vec<([u8; 32], Vec<u8>)>;

fn pack(lists: &[KnownList]) -> Result<Packed, StoreError> {
    let packed = lists.iter().map(|list| {
        let failed = |source| StoreError::Encode {
            what: "a list",
            source,
        };
        let json = serde_json::to_vec(list).map_err(failed)?;
        let digest: [u8; 32] = Sha256::digest(&json).into();
        let body = compress(&json).map_err(|error| failed(serde_json::Error::io(error)))?;
        Ok((digest, body))
    });
    packed.collect()
}

fn insert(conn: &Connection, run: i64, packed: &Packed) -> Result<(), Fault> {
    conn.execute("DELETE FROM run_known WHERE run = ?1", [run])?;
    for (position, (digest, body)) in (0_i64..).zip(packed) {
        let mut insert = conn.prepare_cached(
            "INSERT INTO known_list (digest, body) VALUES (?1, ?2) ON CONFLICT DO NOTHING",
        )?;
        insert.execute(params![digest, body])?;
        let mut insert = conn
            .prepare_cached("INSERT INTO run_known (run, position, digest) VALUES (?1, ?2, ?3)")?;
        insert.execute(params![run, position, digest])?;
    }
    Ok(())
}

/// The lists of a run, in the order given.
pub(super) fn of(db: &mut Db, run: &RunId) -> Result<Vec<KnownList>, StoreError> {
    db.read(|tx| {
        let run = runs::key(tx, run)?.number;
        let mut query = tx.prepare_cached(
            "SELECT body FROM run_known JOIN known_list USING (digest) WHERE run = ?1 ORDER BY position",
        )?;
        let bodies = query.query_map([run], |row| row.get::<_, Vec<u8>>(0))?;
        let lists = bodies.map(|body| {
            let damaged = |error: String| Fault::damaged(format!("a list of a run: {error}"));
            let json = unpack_any(&body?).map_err(|error| damaged(error.to_string()))?;
            serde_json::from_slice(&json).map_err(|error| damaged(error.to_string()))
        });
        lists.collect()
    })
}
