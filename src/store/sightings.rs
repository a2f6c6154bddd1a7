//! What the sweep saw, and how far it is.

use super::db::{Address, Columns, Db, Fault, Time};
use super::{SightingRow, StoreError, runs};
use crate::model::{Answer, ProbeKind, RunId, Trace};
use rusqlite::{CachedStatement, Connection, Row, params};

pub(super) fn record(
    db: &mut Db,
    run: &RunId,
    sightings: &[SightingRow],
    mark: u64,
) -> Result<(), StoreError> {
    db.write(|tx| {
        let run = runs::key(tx, run)?.number;
        // The table is kept in this order; of two answers to a probe the later one stays.
        let mut sightings: Vec<&SightingRow> = sightings.iter().collect();
        sightings.sort_by_key(|seen| seen.address);
        let mut statement = statement(tx)?;
        for seen in sightings {
            write(&mut statement, run, seen)?;
        }
        let before: i64 = tx.query_row("SELECT mark FROM run WHERE number = ?1", [run], |row| {
            row.get(0)
        })?;
        let mark = mark.max(before.cast_unsigned());
        let mut update = tx.prepare_cached("UPDATE run SET mark = ?2 WHERE number = ?1")?;
        update.execute(params![run, mark.cast_signed()])?;
        Ok(())
    })
}

/// Writes down an answered probe, in place of what was there.
pub(super) fn insert(conn: &Connection, run: i64, seen: &SightingRow) -> Result<(), Fault> {
    write(&mut statement(conn)?, run, seen)
}

fn statement(conn: &Connection) -> Result<CachedStatement<'_>, Fault> {
    Ok(conn.prepare_cached(
        "INSERT OR REPLACE INTO sighting (run, address, probe, port, answer, round_trip_us, tries,
             seen_at, ttl, tcp_window, tcp_options, mac, banner)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13)",
    )?)
}

fn write(insert: &mut CachedStatement<'_>, run: i64, seen: &SightingRow) -> Result<(), Fault> {
    insert.execute(params![
        run,
        Address(seen.address),
        seen.probe.as_str(),
        seen.probe.port().unwrap_or(0),
        seen.answer.as_str(),
        seen.round_trip_us,
        seen.tries,
        Time(seen.seen_at),
        seen.trace.map(|trace| trace.ttl),
        seen.trace.map(|trace| trace.window),
        seen.trace.map(|trace| trace.options),
        seen.mac,
        seen.banner
    ])?;
    Ok(())
}

pub(super) fn all(db: &mut Db, run: &RunId) -> Result<Vec<SightingRow>, StoreError> {
    db.read(|tx| {
        let run = runs::key(tx, run)?.number;
        let mut query = tx.prepare_cached(
            "SELECT address, probe, port, answer, round_trip_us, tries, seen_at, ttl, tcp_window,
                 tcp_options, mac, banner
             FROM sighting WHERE run = ?1 ORDER BY address, probe, port",
        )?;
        let rows = query.query_and_then([run], read)?;
        rows.collect()
    })
}

fn read(row: &Row<'_>) -> Result<SightingRow, Fault> {
    let mut columns = Columns::of(row);
    let Address(address) = columns.read()?;
    let (probe, port): (String, u16) = (columns.read()?, columns.read()?);
    let answer: String = columns.read()?;
    let (round_trip_us, tries) = (columns.read()?, columns.read()?);
    let Time(seen_at) = columns.read()?;
    let ttl: Option<u8> = columns.read()?;
    let (window, options): (Option<u16>, Option<u16>) = (columns.read()?, columns.read()?);
    let (mac, banner) = (columns.read()?, columns.read()?);
    Ok(SightingRow {
        address,
        // The table's own rules allow no other words.
        probe: ProbeKind::parse(&probe, port).unwrap_or(ProbeKind::Tcp(port)),
        answer: Answer::parse(&answer).unwrap_or(Answer::Unreachable),
        round_trip_us,
        tries,
        seen_at,
        trace: ttl.map(|ttl| Trace {
            ttl,
            window: window.unwrap_or(0),
            options: options.unwrap_or(0),
        }),
        mac,
        banner,
    })
}

pub(super) fn record_canaries(
    db: &mut Db,
    run: &RunId,
    (asked, lost): (u64, u64),
) -> Result<(), StoreError> {
    db.write(|tx| {
        let run = runs::key(tx, run)?.number;
        // A resumed run adds to what was counted before.
        let mut update = tx.prepare_cached(
            "UPDATE run SET canaries_asked = canaries_asked + ?2, canaries_lost = canaries_lost + ?3
             WHERE number = ?1",
        )?;
        update.execute(params![run, asked.cast_signed(), lost.cast_signed()])?;
        Ok(())
    })
}
