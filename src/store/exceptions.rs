//! Findings that somebody was allowed to leave for a while.

use super::StoreError;
use super::db::{Db, Fault, Time, from_json};
use crate::model::{Date, Exception, ExceptionId, UtcTime};
use rusqlite::{Row, Transaction, params};
use serde::Serialize;

/// Keeps an exception of a site. One that is there already stays as it is; says whether it is new.
pub(super) fn add(db: &mut Db, site: &str, exception: &Exception) -> Result<bool, StoreError> {
    db.write(|tx| Ok(insert(tx, site, exception, "DO NOTHING")? > 0))
}

fn insert(
    tx: &Transaction<'_>,
    site: &str,
    exception: &Exception,
    on_conflict: &str,
) -> Result<usize, Fault> {
    let scope = json("what an exception is about", &exception.scope)?;
    let versions = json("the versions of an exception", &exception.versions)?;
    let query = format!(
        "INSERT INTO exception (id, site, scope, versions, owner, reason, granted, granted_by, until, taken_back)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10) ON CONFLICT {on_conflict}"
    );
    let added = tx.execute(
        &query,
        params![
            exception.id.as_str(),
            site,
            scope,
            versions,
            exception.owner,
            exception.reason,
            Time(exception.granted),
            exception.granted_by,
            exception.until.to_string(),
            exception.taken_back.map(Time),
        ],
    )?;
    Ok(added)
}

fn json(what: &'static str, value: &impl Serialize) -> Result<String, StoreError> {
    serde_json::to_string(value).map_err(|source| StoreError::Encode { what, source })
}

/// The exceptions of a site, the first granted first.
pub(super) fn of_site(db: &mut Db, site: &str) -> Result<Vec<Exception>, StoreError> {
    db.read(|tx| {
        let mut query = tx.prepare_cached(
            "SELECT id, scope, versions, owner, reason, granted, granted_by, until, taken_back
             FROM exception WHERE site = ?1 ORDER BY granted, id",
        )?;
        let rows = query.query_and_then([site], read)?;
        rows.collect()
    })
}

fn read(row: &Row<'_>) -> Result<Exception, Fault> {
    let word = |column| row.get::<_, String>(column);
    let until = word("until")?;
    let day = Date::parse(&until);
    Ok(Exception {
        id: ExceptionId::new(word("id")?),
        scope: from_json("what an exception is about", &word("scope")?)?,
        versions: from_json("the versions of an exception", &word("versions")?)?,
        owner: word("owner")?,
        reason: word("reason")?,
        granted: row.get::<_, Time>("granted")?.0,
        granted_by: word("granted_by")?,
        until: day.ok_or_else(|| Fault::damaged(format!("an exception until {until:?}")))?,
        taken_back: row.get::<_, Option<Time>>("taken_back")?.map(|time| time.0),
    })
}

/// Keeps an exception; one that was granted in the same second and taken back since holds again.
pub(super) fn grant(tx: &Transaction<'_>, site: &str, exception: &Exception) -> Result<(), Fault> {
    insert(tx, site, exception, "DO UPDATE SET taken_back = NULL")?;
    Ok(())
}

/// Takes an exception back, where it was not before.
pub(super) fn end(
    tx: &Transaction<'_>,
    site: &str,
    id: &ExceptionId,
    at: UtcTime,
) -> Result<bool, Fault> {
    let changed = tx.execute(
        "UPDATE exception SET taken_back = ?3 WHERE site = ?1 AND id = ?2 AND taken_back IS NULL",
        params![site, id.as_str(), Time(at)],
    )?;
    Ok(changed > 0)
}

/// Takes an exception of a site back. `None` where there is none of this id; else whether it had not been
/// before.
pub(super) fn take_back(
    db: &mut Db,
    site: &str,
    id: &ExceptionId,
    at: UtcTime,
) -> Result<Option<bool>, StoreError> {
    db.write(|tx| {
        let known = "SELECT 1 FROM exception WHERE site = ?1 AND id = ?2";
        if !tx
            .prepare_cached(known)?
            .exists(params![site, id.as_str()])?
        {
            return Ok(None);
        }
        Ok(Some(end(tx, site, id, at)?))
    })
}
