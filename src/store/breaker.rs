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
        let tries = tries_of(tx, &request.account, &request.run)?;
        let stops = stops_of(tx, &request.account)?;
        match decide(&tries, &stops) {
            Verdict::Wait => Ok(Reservation::Wait),
            Verdict::Refuse(why) => Ok(Reservation::Refused(why)),
            Verdict::Grant => {
                let mut insert = tx.prepare_cached(
                    "INSERT INTO breaker_try (account, host, run, at, state)
                     VALUES (?1, ?2, ?3, ?4, 'reserved')",
                )?;
                let number = insert.insert(params![
                    request.account,
                    request.host,
                    request.run.as_str(),
                    Time(request.now)
                ])?;
                Ok(Reservation::Granted(TryId(number)))
            }
        }
    })
}

pub(super) fn settle(db: &mut Db, id: TryId, state: TryState) -> Result<(), StoreError> {
    db.write(|tx| {
        // A try that was counted as wrong is never given back.
        let mut update = tx.prepare_cached(
            "UPDATE breaker_try SET state = ?2
             WHERE number = ?1 AND (state = 'reserved' OR ?2 = 'wrong')",
        )?;
        update.execute(params![id.0, state.as_str()])?;
        Ok(())
    })
}

pub(super) fn stop(db: &mut Db, account: &str, code: &str, at: UtcTime) -> Result<(), StoreError> {
    db.write(|tx| {
        tx.execute(
            "INSERT INTO breaker_stop (account, code, at) VALUES (?1, ?2, ?3)
             ON CONFLICT DO UPDATE SET at = max(at, excluded.at)",
            params![account, code, Time(at)],
        )?;
        Ok(())
    })
}

pub(super) fn all(db: &mut Db) -> Result<(Vec<TryRow>, Vec<StopRow>), StoreError> {
    db.read(|tx| {
        let mut tries = tx.prepare_cached(
            "SELECT number, account, host, run, at, state FROM breaker_try
             WHERE state <> 'returned' ORDER BY number",
        )?;
        let tries = tries
            .query_and_then([], read_try)?
            .collect::<Result<_, _>>()?;
        let mut stops = tx.prepare_cached(
            "SELECT account, code, at FROM breaker_stop ORDER BY at, account, code",
        )?;
        let stops = stops
            .query_and_then([], read_stop)?
            .collect::<Result<_, _>>()?;
        Ok((tries, stops))
    })
}

/// Every try of the account that counts, and the one last given back in this run. (Not all that
/// were given back: with them, a run over many hosts would read a growing list at every login.)
fn tries_of(conn: &Connection, account: &str, run: &RunId) -> Result<Vec<TryRow>, Fault> {
    let mut query = conn.prepare_cached(
        "SELECT number, account, host, run, at, state FROM breaker_try
         WHERE account = ?1 AND state IN ('reserved', 'wrong')
         UNION ALL
         SELECT * FROM (SELECT number, account, host, run, at, state FROM breaker_try
                        WHERE account = ?1 AND state = 'returned' AND run = ?2
                        ORDER BY number DESC LIMIT 1)
         ORDER BY number",
    )?;
    let rows = query.query_and_then(params![account, run.as_str()], read_try)?;
    rows.collect()
}

fn stops_of(conn: &Connection, account: &str) -> Result<Vec<StopRow>, Fault> {
    let mut query = conn.prepare_cached(
        "SELECT account, code, at FROM breaker_stop WHERE account = ?1 ORDER BY at, code",
    )?;
    let rows = query.query_and_then([account], read_stop)?;
    rows.collect()
}

fn read_try(row: &Row<'_>) -> Result<TryRow, Fault> {
    let state: String = row.get(5)?;
    Ok(TryRow {
        id: TryId(row.get(0)?),
        account: row.get(1)?,
        host: row.get(2)?,
        run: RunId::new(row.get::<_, String>(3)?),
        at: row.get::<_, Time>(4)?.0,
        state: match state.as_str() {
            "returned" => TryState::Returned,
            "reserved" => TryState::Reserved,
            _ => TryState::Wrong,
        },
    })
}

fn read_stop(row: &Row<'_>) -> Result<StopRow, Fault> {
    Ok(StopRow {
        account: row.get(0)?,
        code: row.get(1)?,
        at: row.get::<_, Time>(2)?.0,
    })
}
