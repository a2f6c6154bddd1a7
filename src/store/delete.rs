//! Runs that are taken away, and which are old enough for that.

use super::blobs::KnownBlobs;
use super::db::{Db, Fault};
use super::{RunRecord, RunState, StoreError, runs};
use crate::model::{RunId, UtcTime};
use rusqlite::Connection;
use std::collections::{BTreeMap, BTreeSet};

/// What went with runs that were deleted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Deleted {
    /// The runs.
    pub runs: usize,
    /// Inventories and lists of findings that no other run has.
    pub blobs: usize,
    /// Lists of machines that no other run is compared with.
    pub lists: usize,
}

/// How many runs are kept. What one of the two lets go, goes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Retention {
    /// The latest so many of each site and kind.
    pub runs: Option<usize>,
    /// Those that began within so many days.
    pub days: Option<u32>,
}

/// The finished runs that are not kept, the oldest first. One that runs or can be resumed is always kept, and so
/// is the latest finished one of each site and kind: what was fixed is told by comparing with it. What a run that is kept
/// has verified is kept too: without it there is nothing to tell.
pub fn outdated(all: &[RunRecord], retention: Retention, now: UtcTime) -> Vec<RunId> {
    let mut finished: Vec<&RunRecord> = all
        .iter()
        .filter(|run| run.summary.state == RunState::Complete)
        .collect();
    finished.sort_by_key(|run| (run.summary.started, run.summary.id.clone()));
    let mut later: BTreeMap<(&str, &str), usize> = BTreeMap::new();
    let mut old = Vec::new();
    for run in finished.iter().rev() {
        let run = &run.summary;
        let count = later.entry((&run.site, &run.kind)).or_default();
        let is_surplus = retention.runs.is_some_and(|most| *count >= most);
        let age = now.unix().saturating_sub(run.started.unix());
        let is_old = retention
            .days
            .is_some_and(|days| age > i64::from(days) * 86_400);
        if *count > 0 && (is_surplus || is_old) {
            old.push(run.id.clone());
        }
        *count += 1;
    }
    let gone: BTreeSet<&RunId> = old.iter().collect();
    let kept = all.iter().filter(|run| !gone.contains(&run.summary.id));
    let bases: BTreeSet<String> = kept.filter_map(base).map(str::to_owned).collect();
    old.retain(|id| !bases.contains(id.as_str()));
    old.reverse();
    old
}

/// The run whose findings a run verified.
fn base(run: &RunRecord) -> Option<&str> {
    run.settings.pointer("/verify/base")?.as_str()
}

/// Takes runs away: all of them or none. What is remembered of machines, their findings, accounts and pins
/// stays.
pub(super) fn delete(
    db: &mut Db,
    ids: &[RunId],
    known: &KnownBlobs,
) -> Result<Deleted, StoreError> {
    let deleted = db.write(|tx| {
        let ids: BTreeSet<&RunId> = ids.iter().collect();
        for id in &ids {
            let run = runs::key(tx, id)?.number;
            tx.execute("DELETE FROM run WHERE number = ?1", [run])?;
        }
        Ok(Deleted {
            runs: ids.len(),
            ..sweep_out(tx)?
        })
    })?;
    known.clear();
    Ok(deleted)
}

/// Takes away what no run needs any more. Not blobs while a run goes on: its process may count on one that it knows to
/// be there, and would not write it again.
pub(super) fn sweep_out(conn: &Connection) -> Result<Deleted, Fault> {
    let blobs = conn.execute(
        "DELETE FROM blob WHERE NOT EXISTS (SELECT 1 FROM outcome WHERE inventory = digest)
             AND NOT EXISTS (SELECT 1 FROM outcome WHERE findings = digest)
             AND NOT EXISTS (SELECT 1 FROM run WHERE state = 'running')",
        [],
    )?;
    let lists = conn.execute(
        "DELETE FROM known_list WHERE digest NOT IN (SELECT digest FROM run_known)",
        [],
    )?;
    Ok(Deleted {
        runs: 0,
        blobs,
        lists,
    })
}
