//! Host keys that the operator vouches for.

use super::db::{Db, Fault, Time};
use super::{FirstPin, Pin, StoreError};
use crate::model::HostKey;
use rusqlite::{Connection, Row, params};

pub(super) fn add(db: &mut Db, pins: &[Pin]) -> Result<usize, StoreError> {
    db.write(|tx| insert(tx, pins))
}

/// Adds pins within a transaction; says how many were not there, or were there without anybody's
/// having checked them.
pub(super) fn insert(conn: &Connection, pins: &[Pin]) -> Result<usize, Fault> {
    let mut insert = conn.prepare_cached(
        "INSERT INTO pin (site, host, port, algorithm, fingerprint, public_key, source, at)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)
         ON CONFLICT DO UPDATE SET source = excluded.source, at = excluded.at
         WHERE source = 'first_use' AND excluded.source = 'import'",
    )?;
    let mut added = 0;
    for pin in pins {
        added += insert.execute(params![
            pin.site,
            pin.host,
            pin.port,
            pin.key.algorithm,
            pin.key.fingerprint,
            pin.public_key,
            pin.source,
            Time(pin.at)
        ])?;
    }
    Ok(added)
}

pub(super) fn first_use(db: &mut Db, pin: &Pin) -> Result<FirstPin, StoreError> {
    db.write(|tx| {
        let known = on(tx, &pin.site, &pin.host, pin.port)?;
        if !known.is_empty() {
            return Ok(FirstPin::Known(known));
        }
        insert(tx, std::slice::from_ref(pin))?;
        Ok(FirstPin::Pinned)
    })
}

pub(super) fn list(db: &mut Db, site: &str) -> Result<Vec<Pin>, StoreError> {
    db.read(|tx| {
        let mut query = tx.prepare_cached(
            "SELECT site, host, port, algorithm, fingerprint, public_key, source, at FROM pin
             WHERE site = ?1 ORDER BY host, port, algorithm, fingerprint",
        )?;
        let rows = query.query_and_then([site], read)?;
        rows.collect()
    })
}

pub(super) fn of(
    db: &mut Db,
    site: &str,
    hosts: &[String],
    port: u16,
) -> Result<Vec<Pin>, StoreError> {
    db.read(|tx| {
        let mut pins = Vec::new();
        for host in hosts {
            pins.append(&mut on(tx, site, host, port)?);
        }
        Ok(pins)
    })
}

fn on(conn: &Connection, site: &str, host: &str, port: u16) -> Result<Vec<Pin>, Fault> {
    let mut query = conn.prepare_cached(
        "SELECT site, host, port, algorithm, fingerprint, public_key, source, at FROM pin
         WHERE site = ?1 AND host = ?2 AND port = ?3 ORDER BY algorithm, fingerprint",
    )?;
    let rows = query.query_and_then(params![site, host, port], read)?;
    rows.collect()
}

pub(super) fn remove(db: &mut Db, pin: &Pin) -> Result<bool, StoreError> {
    db.write(|tx| {
        let removed = tx.execute(
            "DELETE FROM pin WHERE site = ?1 AND host = ?2 AND port = ?3
                              AND algorithm = ?4 AND fingerprint = ?5",
            params![
                pin.site,
                pin.host,
                pin.port,
                pin.key.algorithm,
                pin.key.fingerprint
            ],
        )?;
        Ok(removed > 0)
    })
}

fn read(row: &Row<'_>) -> Result<Pin, Fault> {
    Ok(Pin {
        site: row.get(0)?,
        host: row.get(1)?,
        port: row.get(2)?,
        key: HostKey {
            algorithm: row.get(3)?,
            fingerprint: row.get(4)?,
        },
        public_key: row.get(5)?,
        source: row.get(6)?,
        at: row.get::<_, Time>(7)?.0,
    })
}
