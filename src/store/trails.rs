//! What was ever told of the updates of each machine, kept when its runs go.

use super::blobs::{self, Kind};
use super::db::{Fault, Time};
use super::hosts::Told;
use super::runs::RunKey;
use super::{Digest, keys};
use crate::model::{FirstTold, Inventory, Reading, RunId, Trail, UtcTime, between};
use rusqlite::{Connection, params};

/// How many readings before and after one are looked at for what that one could not compare.
const NEIGHBOURS: u32 = 4;

/// How many readings are told after the fact, where a store is of an earlier version.
const EARLIER: u32 = 30;

/// The machine and all that were merged into it.
const ALL: &str = "(SELECT ?1 UNION ALL SELECT old FROM machine_alias WHERE new = ?1)";

/// Another reading of a machine.
struct Other {
    digest: Digest,
    at: UtcTime,
    first: FirstTold,
}

/// Takes in what a reading tells, and in what it differs from those before and after it.
pub(super) fn learn(
    conn: &Connection,
    run: &RunKey,
    machine: i64,
    told: &Told,
) -> Result<(), Fault> {
    let here = Other {
        digest: told.digest,
        at: told.at,
        first: first(conn, run)?,
    };
    let before = others(conn, machine, &here, ("<", "DESC"), NEIGHBOURS)?;
    let after = others(conn, machine, &here, (">", "ASC"), NEIGHBOURS)?;
    // The very same was read before: it tells nothing new, and nothing changed.
    let is_same = |other: &Other| other.digest == here.digest && other.first <= here.first;
    if after.is_empty() && before.first().is_some_and(is_same) && is_kept(conn, machine)? {
        return Ok(());
    }
    let known = of(conn, machine)?;
    let mut grew = known.is_none();
    let mut trail = match known {
        Some(known) => known,
        None => earlier(conn, machine, &here)?,
    };
    grew |= trail.merge(told.trail.clone().told_by(&here.first));
    for other in &before {
        // Between readings that are the same nothing happened.
        if other.digest == here.digest {
            break;
        }
        let Some(inventory) = read(conn, &other.digest)? else {
            continue;
        };
        let reading = Reading::of(&inventory);
        grew |= trail.merge(between(
            (&reading, other.at),
            (&told.reading, here.at),
            &here.first,
        ));
        if reading.knows_all_of(&told.reading) {
            break;
        }
    }
    for other in &after {
        if other.digest == here.digest {
            break;
        }
        let Some(inventory) = read(conn, &other.digest)? else {
            continue;
        };
        let reading = Reading::of(&inventory);
        grew |= trail.merge(between(
            (&told.reading, here.at),
            (&reading, other.at),
            &other.first,
        ));
        if reading.knows_all_of(&told.reading) {
            break;
        }
    }
    if grew {
        write(conn, machine, &trail)?;
    }
    Ok(())
}

/// Whether anything is known of any machine.
pub(super) fn is_any(conn: &Connection) -> Result<bool, Fault> {
    Ok(conn
        .prepare_cached("SELECT 1 FROM trail LIMIT 1")?
        .exists([])?)
}

/// Whether anything is known of a machine; without reading it.
fn is_kept(conn: &Connection, machine: i64) -> Result<bool, Fault> {
    let mut query = conn.prepare_cached(&format!(
        "SELECT 1 FROM trail WHERE machine IN {ALL} LIMIT 1"
    ))?;
    Ok(query.exists([machine])?)
}

/// What is known of a machine, and of those that were merged into it; `None` where nobody told anything yet.
pub(super) fn of(conn: &Connection, machine: i64) -> Result<Option<Trail>, Fault> {
    let machine = keys::now(conn, machine)?;
    let mut query = conn.prepare_cached(&format!(
        "SELECT body FROM trail WHERE machine IN {ALL} ORDER BY machine"
    ))?;
    let mut rows = query.query([machine])?;
    let mut all: Option<Trail> = None;
    while let Some(row) = rows.next()? {
        let damaged = |error: &dyn std::fmt::Display| {
            Fault::damaged(format!("the trail of a machine: {error}"))
        };
        let json = blobs::unpack_any(&row.get::<_, Vec<u8>>(0)?);
        let json = json.map_err(|error| damaged(&error))?;
        let trail: Trail = serde_json::from_slice(&json).map_err(|error| damaged(&error))?;
        match &mut all {
            Some(all) => {
                all.merge(trail);
            }
            None => all = Some(trail),
        }
    }
    Ok(all)
}

fn write(conn: &Connection, machine: i64, trail: &Trail) -> Result<(), Fault> {
    let unfit = |error: &dyn std::fmt::Display| Fault::damaged(format!("a trail: {error}"));
    let json = serde_json::to_vec(trail).map_err(|error| unfit(&error))?;
    let body = blobs::compress(&json).map_err(|error| unfit(&error))?;
    let mut delete = conn.prepare_cached(&format!("DELETE FROM trail WHERE machine IN {ALL}"))?;
    delete.execute([machine])?;
    let mut insert = conn.prepare_cached("INSERT INTO trail (machine, body) VALUES (?1, ?2)")?;
    insert.execute(params![machine, body])?;
    Ok(())
}

/// What earlier readings tell that were committed before trails were kept.
fn earlier(conn: &Connection, machine: i64, here: &Other) -> Result<Trail, Fault> {
    let mut before = others(conn, machine, here, ("<", "DESC"), EARLIER)?;
    before.reverse();
    let mut trail = Trail::default();
    let mut last: Option<(Reading, UtcTime)> = None;
    for other in before {
        let Some(inventory) = read(conn, &other.digest)? else {
            continue;
        };
        trail.merge(Trail::told(&inventory, &other.first));
        let reading = Reading::of(&inventory);
        if let Some((was, at)) = &last {
            trail.merge(between((was, *at), (&reading, other.at), &other.first));
        }
        last = Some((reading, other.at));
    }
    Ok(trail)
}

/// What was read then. One that is damaged is not compared: it must not keep a machine from being read today.
fn read(conn: &Connection, digest: &Digest) -> Result<Option<Inventory>, Fault> {
    match blobs::decode(conn, Kind::Inventory, digest) {
        Ok(inventory) => Ok(Some(inventory)),
        Err(Fault::Damaged(_)) => Ok(None),
        Err(error) => Err(error),
    }
}

fn first(conn: &Connection, run: &RunKey) -> Result<FirstTold, Fault> {
    let mut query = conn.prepare_cached("SELECT id FROM run WHERE number = ?1")?;
    let id: String = query.query_row([run.number], |row| row.get(0))?;
    Ok(FirstTold {
        at: run.started,
        run: RunId::new(id),
    })
}

/// The readings of a machine before or after one, the nearest first.
fn others(
    conn: &Connection,
    machine: i64,
    here: &Other,
    (side, order): (&str, &str),
    most: u32,
) -> Result<Vec<Other>, Fault> {
    let mut query = conn.prepare_cached(&format!(
        "SELECT outcome.inventory, outcome.finished, run.started, run.id
         FROM outcome JOIN run ON run.number = outcome.run
         WHERE outcome.machine IN {ALL} AND outcome.inventory IS NOT NULL AND outcome.finished {side} ?2
         ORDER BY outcome.finished {order}, run.started {order}, run.id {order} LIMIT ?3"
    ))?;
    let rows = query.query_map(params![machine, Time(here.at), most], |row| {
        Ok(Other {
            digest: Digest(row.get(0)?),
            at: row.get::<_, Time>(1)?.0,
            first: FirstTold {
                at: row.get::<_, Time>(2)?.0,
                run: RunId::new(row.get::<_, String>(3)?),
            },
        })
    })?;
    Ok(rows.collect::<Result<_, _>>()?)
}
