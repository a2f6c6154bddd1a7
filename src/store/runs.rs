//! Runs: begun, listed, ended.

use super::db::{Db, Fault, Time, from_json, to_json};
use super::{JudgedBy, NewRun, RunRecord, StoreError};
use crate::model::{Canaries, RunId, RunState, RunSummary, UtcTime};
use rusqlite::{Connection, OptionalExtension as _, Row, named_params, params};

/// What the other files need to know of a run.
pub(super) struct RunKey {
    pub(super) number: i64,
    pub(super) site: String,
    pub(super) started: UtcTime,
    /// Whether it only looked again at what another run had found: nothing is counted twice.
    pub(super) is_second_look: bool,
}

/// The kind of runs that only look again at what another run has found.
pub(super) const SECOND_LOOK: &str = "verify";

/// Finds a run by its id.
pub(super) fn key(conn: &Connection, id: &RunId) -> Result<RunKey, Fault> {
    let mut query = conn
        .prepare_cached("SELECT number, site, started, kind = 'verify' FROM run WHERE id = ?1")?;
    let found = query.query_row([id.as_str()], |row| {
        Ok(RunKey {
            number: row.get(0)?,
            site: row.get(1)?,
            started: row.get::<_, Time>(2)?.0,
            is_second_look: row.get(3)?,
        })
    });
    found.optional()?.ok_or_else(|| no_such(id))
}

fn no_such(id: &RunId) -> Fault {
    let id = id.to_string();
    Fault::Other(StoreError::NoSuchRun { id })
}

/// How the store writes down how far a run is, and what stopped it.
pub(super) fn words(state: RunState) -> (&'static str, &'static str) {
    match state {
        RunState::Running => ("running", ""),
        RunState::Complete => ("finished", ""),
        RunState::Interrupted => ("interrupted", ""),
        RunState::CutOff => ("interrupted", "network"),
        RunState::SafetyStop => ("interrupted", "safety"),
    }
}

/// Reads these words; `None` where they are others.
pub(super) fn state_of(state: &str, stopped_by: &str) -> Option<RunState> {
    const ALL: [RunState; 5] = [
        RunState::Running,
        RunState::Complete,
        RunState::Interrupted,
        RunState::CutOff,
        RunState::SafetyStop,
    ];
    ALL.into_iter()
        .find(|one| words(*one) == (state, stopped_by))
}

pub(super) fn begin(db: &mut Db, new: &NewRun) -> Result<(), StoreError> {
    let run = &new.summary;
    let (targets, guards) = (
        to_json("the targets", &run.targets)?,
        to_json("the guards", &run.guards_lifted)?,
    );
    let settings = to_json("the settings", &new.settings)?;
    db.write(|tx| {
        let mut find = tx.prepare_cached("SELECT 1 FROM run WHERE id = ?1")?;
        if find.exists([run.id.as_str()])? {
            let id = run.id.to_string();
            return Err(StoreError::RunExists { id }.into());
        }
        tx.execute(
            "INSERT INTO run (id, site, kind, state, started, operator, authorised_by, targets, guards,
                              settings, plan, seed, catalog_digest, catalog_imported, catalog_feed,
                              programs_digest, simulated)
             VALUES (:id, :site, :kind, 'running', :started, :operator, :authorised_by, :targets, :guards,
                     :settings, :plan, :seed, :catalog_digest, :catalog_imported, :catalog_feed,
                     :programs_digest, :simulated)",
            named_params! {
                ":id": run.id.as_str(),
                ":site": run.site,
                ":kind": run.kind,
                ":started": Time(run.started),
                ":operator": run.operator,
                ":authorised_by": run.authorised_by,
                ":targets": targets,
                ":guards": guards,
                ":settings": settings,
                ":plan": new.plan_fingerprint,
                ":seed": new.seed.cast_signed(),
                ":catalog_digest": run.catalog_digest,
                ":catalog_imported": run.catalog_imported.map(Time),
                ":catalog_feed": run.catalog_feed,
                ":programs_digest": run.programs_digest,
                ":simulated": run.simulated,
            },
        )?;
        Ok(())
    })
}

pub(super) fn load(db: &mut Db, id: &RunId) -> Result<RunRecord, StoreError> {
    db.read(|tx| record(tx, id))
}

/// Reads one run within a transaction.
pub(super) fn record(conn: &Connection, id: &RunId) -> Result<RunRecord, Fault> {
    let mut runs = select(conn, "WHERE id = ?1", [id.as_str()])?;
    runs.pop().ok_or_else(|| no_such(id))
}

/// Looks whether a run is there.
pub(super) fn find(conn: &Connection, id: &RunId) -> Result<Option<RunRecord>, Fault> {
    Ok(select(conn, "WHERE id = ?1", [id.as_str()])?.pop())
}

/// Writes down a run that has ended elsewhere, and says its number.
pub(super) fn insert_whole(conn: &Connection, run: &RunRecord) -> Result<i64, Fault> {
    let summary = &run.summary;
    let (state, stopped_by) = words(summary.state);
    conn.execute(
        "INSERT INTO run (id, site, kind, state, stopped_by, started, finished, operator, authorised_by, targets,
                          guards, settings, plan, seed, catalog_digest, catalog_imported, catalog_feed, programs_digest,
                          simulated, mark, canaries_asked, canaries_lost)
         VALUES (:id, :site, :kind, :state, :stopped_by, :started, :finished, :operator, :authorised_by, :targets,
                 :guards, :settings, :plan, :seed, :catalog_digest, :catalog_imported, :catalog_feed, :programs_digest,
                 :simulated, :mark, :asked, :lost)",
        named_params! {
            ":id": summary.id.as_str(),
            ":site": summary.site,
            ":kind": summary.kind,
            ":state": state,
            ":stopped_by": stopped_by,
            ":started": Time(summary.started),
            ":finished": summary.finished.map(Time),
            ":operator": summary.operator,
            ":authorised_by": summary.authorised_by,
            ":targets": to_json("the targets", &summary.targets)?,
            ":guards": to_json("the guards", &summary.guards_lifted)?,
            ":settings": to_json("the settings", &run.settings)?,
            ":plan": run.plan_fingerprint,
            ":seed": run.seed.cast_signed(),
            ":catalog_digest": summary.catalog_digest,
            ":catalog_imported": summary.catalog_imported.map(Time),
            ":catalog_feed": summary.catalog_feed,
            ":programs_digest": summary.programs_digest,
            ":simulated": summary.simulated,
            ":mark": run.mark.cast_signed(),
            ":asked": summary.canaries.asked.cast_signed(),
            ":lost": summary.canaries.lost.cast_signed(),
        },
    )?;
    Ok(conn.last_insert_rowid())
}

pub(super) fn list(db: &mut Db) -> Result<Vec<RunRecord>, StoreError> {
    db.read(|tx| select(tx, "ORDER BY started, number", []))
}

pub(super) fn latest(db: &mut Db) -> Result<Option<RunRecord>, StoreError> {
    db.read(|tx| {
        let kept =
            "WHERE kind NOT IN ('doctor', 'login', 'verify') ORDER BY started DESC, number DESC LIMIT 1";
        Ok(select(tx, kept, [])?.pop())
    })
}

pub(super) fn finish(
    db: &mut Db,
    id: &RunId,
    state: RunState,
    at: UtcTime,
) -> Result<(), StoreError> {
    let end = (state != RunState::Running).then_some(Time(at));
    let (word, stopped_by) = words(state);
    db.write(|tx| {
        let changed = tx.execute(
            // No run ends before it begins, be the clock set back meanwhile. MAX has NULL where one of its arguments is.
            "UPDATE run SET state = ?2, stopped_by = ?3, finished = MAX(started, ?4) WHERE id = ?1",
            params![id.as_str(), word, stopped_by, end],
        )?;
        if end.is_some() {
            tell_age(tx, id)?;
        }
        (changed == 1).then_some(()).ok_or_else(|| no_such(id))
    })
}

pub(super) fn set_settings(
    db: &mut Db,
    id: &RunId,
    settings: &serde_json::Value,
) -> Result<(), StoreError> {
    let settings = to_json("a run's settings", settings)?;
    db.write(|tx| {
        let changed = tx.execute(
            "UPDATE run SET settings = ?2 WHERE id = ?1",
            params![id.as_str(), settings],
        )?;
        (changed == 1).then_some(()).ok_or_else(|| no_such(id))
    })
}

pub(super) fn set_judged_by(db: &mut Db, id: &RunId, by: &JudgedBy) -> Result<(), StoreError> {
    db.write(|tx| {
        let changed = tx.execute(
            "UPDATE run SET catalog_digest = ?2, catalog_imported = ?3, catalog_feed = '', programs_digest = ?4
             WHERE id = ?1",
            params![
                id.as_str(),
                by.catalog_digest,
                by.catalog_imported.map(Time),
                by.programs_digest,
            ],
        )?;
        tell_age(tx, id)?;
        (changed == 1).then_some(()).ok_or_else(|| no_such(id))
    })
}

/// Notes how new what the machines of a run were judged by is, where there was a catalogue: as the oldest of the feeds.
fn tell_age(conn: &Connection, id: &RunId) -> Result<(), Fault> {
    let oldest = "SELECT feed_met, feed FROM outcome JOIN run ON run.number = outcome.run
                  WHERE run.id = ?1 AND feed_met IS NOT NULL ORDER BY feed_met, feed LIMIT 1";
    let mut query = conn.prepare_cached(oldest)?;
    let oldest = query.query_row([id.as_str()], |row| {
        Ok((row.get::<_, Time>(0)?, row.get::<_, String>(1)?))
    });
    let Some((met, feed)) = oldest.optional()? else {
        return Ok(());
    };
    conn.execute(
        "UPDATE run SET catalog_imported = ?2, catalog_feed = ?3
         WHERE id = ?1 AND catalog_imported IS NOT NULL",
        params![id.as_str(), met, feed],
    )?;
    Ok(())
}

fn select(
    conn: &Connection,
    which: &str,
    values: impl rusqlite::Params,
) -> Result<Vec<RunRecord>, Fault> {
    let query = format!(
        "SELECT id, site, kind, state, stopped_by, started, finished, operator, authorised_by, targets, guards,
                settings, plan, seed, catalog_digest, catalog_imported, catalog_feed, programs_digest, simulated, mark,
                canaries_asked, canaries_lost
         FROM run {which}"
    );
    let mut query = conn.prepare_cached(&query)?;
    let mut rows = query.query(values)?;
    let mut runs = Vec::new();
    while let Some(row) = rows.next()? {
        runs.push(read(row)?);
    }
    Ok(runs)
}

fn read(row: &Row<'_>) -> Result<RunRecord, Fault> {
    let time = |column| Ok::<_, Fault>(row.get::<_, Option<Time>>(column)?.map(|time| time.0));
    let (state, stopped_by): (String, String) = (row.get("state")?, row.get("stopped_by")?);
    Ok(RunRecord {
        summary: RunSummary {
            id: RunId::new(row.get::<_, String>("id")?),
            kind: row.get("kind")?,
            started: row.get::<_, Time>("started")?.0,
            finished: time("finished")?,
            operator: row.get("operator")?,
            authorised_by: row.get("authorised_by")?,
            targets: from_json("a run's targets", &row.get::<_, String>("targets")?)?,
            guards_lifted: from_json("a run's guards", &row.get::<_, String>("guards")?)?,
            site: row.get("site")?,
            catalog_digest: row.get("catalog_digest")?,
            catalog_imported: time("catalog_imported")?,
            catalog_feed: row.get("catalog_feed")?,
            programs_digest: row.get("programs_digest")?,
            simulated: row.get("simulated")?,
            // The table's own rules allow no other words.
            state: state_of(&state, &stopped_by).unwrap_or(RunState::Running),
            canaries: Canaries {
                asked: row.get::<_, i64>("canaries_asked")?.cast_unsigned(),
                lost: row.get::<_, i64>("canaries_lost")?.cast_unsigned(),
            },
        },
        settings: from_json("a run's settings", &row.get::<_, String>("settings")?)?,
        plan_fingerprint: row.get("plan")?,
        seed: row.get::<_, i64>("seed")?.cast_unsigned(),
        mark: row.get::<_, i64>("mark")?.cast_unsigned(),
    })
}
