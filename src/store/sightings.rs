//! What the sweep saw, and how far it is.

use super::db::{Address, Db, Fault, Time};
use super::{Answer, SightingRow, StoreError, runs};
use crate::model::RunId;
use rusqlite::{Row, params};

pub(super) fn record(
    db: &mut Db,
    run: &RunId,
    sightings: &[SightingRow],
    mark: u64,
) -> Result<(), StoreError> {
    db.write(|tx| {
        let run = runs::key(tx, run)?.number;
        let mut insert = tx.prepare_cached(
            // A banner comes in a row of its own, after the answer; a second answer keeps it.
            "INSERT INTO sighting (run, address, port, answer, round_trip_us, tries, seen_at, banner)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)
             ON CONFLICT DO UPDATE SET answer = excluded.answer,
                 round_trip_us = coalesce(excluded.round_trip_us, round_trip_us),
                 tries = iif(excluded.banner IS NULL, excluded.tries, tries),
                 seen_at = iif(excluded.banner IS NULL, excluded.seen_at, seen_at),
                 banner = coalesce(excluded.banner, banner)",
        )?;
        for seen in sightings {
            insert.execute(params![
                run,
                Address(seen.address),
                seen.port,
                seen.answer.as_str(),
                seen.round_trip_us,
                seen.tries,
                Time(seen.seen_at),
                seen.banner
            ])?;
        }
        let before: i64 =
            tx.query_row("SELECT mark FROM run WHERE number = ?1", [run], |row| row.get(0))?;
        let mark = mark.max(before.cast_unsigned());
        let mut update = tx.prepare_cached("UPDATE run SET mark = ?2 WHERE number = ?1")?;
        update.execute(params![run, mark.cast_signed()])?;
        Ok(())
    })
}

pub(super) fn all(db: &mut Db, run: &RunId) -> Result<Vec<SightingRow>, StoreError> {
    db.read(|tx| {
        let run = runs::key(tx, run)?.number;
        let mut query = tx.prepare_cached(
            "SELECT address, port, answer, round_trip_us, tries, seen_at, banner
             FROM sighting WHERE run = ?1 ORDER BY address, port",
        )?;
        let rows = query.query_and_then([run], read)?;
        rows.collect()
    })
}

fn read(row: &Row<'_>) -> Result<SightingRow, Fault> {
    let answer: String = row.get(2)?;
    Ok(SightingRow {
        address: row.get::<_, Address>(0)?.0,
        port: row.get(1)?,
        answer: match answer.as_str() {
            "open" => Answer::Open,
            "closed" => Answer::Closed,
            _ => Answer::Unreachable,
        },
        round_trip_us: row.get(3)?,
        tries: row.get(4)?,
        seen_at: row.get::<_, Time>(5)?.0,
        banner: row.get(6)?,
    })
}
