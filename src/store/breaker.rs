//! The breaker's memory. Its rules are `credentials::breaker`; what is here is that no two
//! processes ever decide on the same tries.

use super::db::{Db, Fault, Time};
use super::{Reservation, StopRow, StoreError, TryId, TryRequest, TryRow, TryState, Verdict};
use crate::model::{RunId, UtcTime};
use rusqlite::{Connection, Row, params};

pub(super) fn reserve(
    db: &mut Db,
    request: &TryRequest,
    decide: impl FnOnce(&[TryRow], &[StopRow]) -> Verdict,
) -> Result<Reservation, StoreError> {
    db.write(|tx| {
        let tries = tries_since(tx, request.horizon)?;
        let stops = stops_since(tx, request.horizon)?;
        match decide(&tries, &stops) {
            Verdict::Wait => Ok(Reservation::Wait),
            Verdict::Refuse(code, why) => Ok(Reservation::Refused(code, why)),
            Verdict::Grant => {
                let mut insert = tx.prepare_cached(
                    "INSERT INTO breaker_try (account, record, run, at, state)
                     VALUES (?1, ?2, ?3, ?4, 'reserved')",
                )?;
                let number = insert.insert(params![
                    request.account,
                    request.record,
                    request.run.as_str(),
                    Time(request.now)
                ])?;
                Ok(Reservation::Granted(TryId(number)))
            }
        }
    })
}

/// A try that was counted as wrong is never given back.
pub(super) fn give_back(db: &mut Db, id: TryId) -> Result<(), StoreError> {
    db.write(|tx| {
        let mut delete =
            tx.prepare_cached("DELETE FROM breaker_try WHERE number = ?1 AND state = 'reserved'")?;
        delete.execute([id.0])?;
        Ok(())
    })
}

pub(super) fn mark_wrong(db: &mut Db, id: TryId, at: UtcTime) -> Result<(), StoreError> {
    db.write(|tx| {
        let mut update = tx.prepare_cached(
            "UPDATE breaker_try SET state = 'wrong', at = max(at, ?2) WHERE number = ?1",
        )?;
        update.execute(params![id.0, Time(at)])?;
        Ok(())
    })
}

pub(super) fn stop(db: &mut Db, stop: &StopRow) -> Result<(), StoreError> {
    db.write(|tx| {
        tx.execute(
            "INSERT INTO breaker_stop (account, record, at) VALUES (?1, ?2, ?3)
             ON CONFLICT DO UPDATE SET at = max(at, excluded.at)",
            params![stop.account, stop.record, Time(stop.at)],
        )?;
        Ok(())
    })
}

pub(super) fn all(db: &mut Db) -> Result<(Vec<TryRow>, Vec<StopRow>), StoreError> {
    let ever = UtcTime::from_unix(i64::MIN);
    db.read(|tx| Ok((tries_since(tx, ever)?, stops_since(tx, ever)?)))
}

/// Also older ones that nobody settled: this process's own may still be on their way.
fn tries_since(conn: &Connection, horizon: UtcTime) -> Result<Vec<TryRow>, Fault> {
    let mut query = conn.prepare_cached(
        "SELECT number, account, record, run, at, state FROM breaker_try
         WHERE at >= ?1 OR state = 'reserved' ORDER BY number",
    )?;
    let rows = query.query_and_then([Time(horizon)], read_try)?;
    rows.collect()
}

fn stops_since(conn: &Connection, horizon: UtcTime) -> Result<Vec<StopRow>, Fault> {
    let mut query = conn.prepare_cached(
        "SELECT account, record, at FROM breaker_stop
         WHERE at >= ?1 ORDER BY at, account, record",
    )?;
    let rows = query.query_and_then([Time(horizon)], read_stop)?;
    rows.collect()
}

fn read_try(row: &Row<'_>) -> Result<TryRow, Fault> {
    let state: String = row.get(5)?;
    Ok(TryRow {
        id: TryId(row.get(0)?),
        account: row.get(1)?,
        record: row.get(2)?,
        run: RunId::new(row.get::<_, String>(3)?),
        at: row.get::<_, Time>(4)?.0,
        state: match state.as_str() {
            "reserved" => TryState::Reserved,
            _ => TryState::Wrong,
        },
    })
}

fn read_stop(row: &Row<'_>) -> Result<StopRow, Fault> {
    Ok(StopRow {
        account: row.get(0)?,
        record: row.get(1)?,
        at: row.get::<_, Time>(2)?.0,
    })
}
