//! Host keys that the operator vouches for.

use super::db::{Db, Fault, Time};
use super::{FirstPin, Pin, PinImport, StoreError};
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
         ON CONFLICT DO UPDATE SET source = excluded.source, at = excluded.at,
             public_key = CASE excluded.public_key WHEN '' THEN public_key ELSE excluded.public_key END
         WHERE source = 'first_use' AND excluded.source <> 'first_use'",
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

/// Pins keys that a person has checked. Where a host has a pin of another key of the same kind nothing at all
/// is changed, unless the new one is to replace it; nor is anything where this is only a rehearsal.
pub(super) fn import(
    db: &mut Db,
    pins: &[Pin],
    (replace, rehearse): (bool, bool),
) -> Result<PinImport, StoreError> {
    db.write(|tx| {
        let mut import = PinImport::default();
        for pin in pins {
            let known = on(tx, &pin.site, &pin.host, pin.port)?;
            // There may be several authorities for the same hosts.
            let is_authority = pin.host.starts_with('@');
            let is_other = |old: &Pin| {
                // Two keys of a kind in one import do not replace each other.
                let is_new = pins
                    .iter()
                    .any(|new| is_same_place(new, old) && new.key == old.key);
                old.key.algorithm == pin.key.algorithm
                    && old.key != pin.key
                    && !is_new
                    && !is_authority
            };
            let old = known.into_iter().filter(is_other);
            import.replaced.extend(old.map(|old| (old, pin.clone())));
        }
        if !rehearse && (replace || import.replaced.is_empty()) {
            for (old, _) in &import.replaced {
                delete(tx, old)?;
            }
            import.added = insert(tx, pins)?;
        } else {
            for pin in pins {
                let known = on(tx, &pin.site, &pin.host, pin.port)?;
                let is_it = |old: &Pin| old.key == pin.key && old.source != FIRST_USE;
                import.added += usize::from(!known.iter().any(is_it));
            }
        }
        Ok(import)
    })
}

fn is_same_place(one: &Pin, other: &Pin) -> bool {
    (&one.site, &one.host, one.port) == (&other.site, &other.host, other.port)
}

/// The source of a pin that nobody has checked.
const FIRST_USE: &str = "first_use";

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
    db.write(|tx| delete(tx, pin))
}

fn delete(conn: &Connection, pin: &Pin) -> Result<bool, Fault> {
    let mut delete = conn.prepare_cached(
        "DELETE FROM pin WHERE site = ?1 AND host = ?2 AND port = ?3
                          AND algorithm = ?4 AND fingerprint = ?5",
    )?;
    let removed = delete.execute(params![
        pin.site,
        pin.host,
        pin.port,
        pin.key.algorithm,
        pin.key.fingerprint
    ])?;
    Ok(removed > 0)
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
