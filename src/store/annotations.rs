//! What the people of a site write down about findings, and the exceptions that go with it.

use super::db::{Db, Fault, Time};
use super::{StoreError, exceptions};
use crate::model::{Annotation, Exception, ExceptionId, FindingId, Severity, UtcTime, WorkStatus};
use rusqlite::{Row, Transaction, params};

/// What is written down at once.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Decisions {
    /// What is said of findings from now on; one that says nothing takes back what was said before.
    pub annotations: Vec<Annotation>,
    /// Exceptions that hold no more.
    pub taken_back: Vec<ExceptionId>,
    /// Exceptions that are granted.
    pub granted: Vec<Exception>,
}

/// Writes all of it down, or nothing.
pub(super) fn write(
    db: &mut Db,
    site: &str,
    decisions: &Decisions,
    at: UtcTime,
) -> Result<(), StoreError> {
    db.write(|tx| {
        for annotation in &decisions.annotations {
            keep(tx, site, annotation)?;
        }
        for id in &decisions.taken_back {
            exceptions::end(tx, site, id, at)?;
        }
        for exception in &decisions.granted {
            exceptions::grant(tx, site, exception)?;
        }
        Ok(())
    })
}

fn keep(tx: &Transaction<'_>, site: &str, annotation: &Annotation) -> Result<(), Fault> {
    if annotation.is_empty() {
        tx.execute(
            "DELETE FROM annotation WHERE site = ?1 AND finding_id = ?2",
            params![site, annotation.finding.as_str()],
        )?;
        return Ok(());
    }
    tx.execute(
        "INSERT INTO annotation (site, finding_id, owner, status, my_severity, written_by, written)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)
         ON CONFLICT DO UPDATE SET owner = excluded.owner, status = excluded.status,
             my_severity = excluded.my_severity, written_by = excluded.written_by, written = excluded.written",
        params![
            site,
            annotation.finding.as_str(),
            annotation.owner,
            annotation.status.map(WorkStatus::as_str),
            annotation.my_severity.map(Severity::as_str),
            annotation.written_by,
            Time(annotation.written),
        ],
    )?;
    Ok(())
}

/// What is written down at a site, sorted by finding.
pub(super) fn of_site(db: &mut Db, site: &str) -> Result<Vec<Annotation>, StoreError> {
    db.read(|tx| {
        let mut query = tx.prepare_cached(
            "SELECT finding_id, owner, status, my_severity, written_by, written
             FROM annotation WHERE site = ?1 ORDER BY finding_id",
        )?;
        let rows = query.query_and_then([site], read)?;
        rows.collect()
    })
}

fn read(row: &Row<'_>) -> Result<Annotation, Fault> {
    let status: Option<String> = row.get("status")?;
    let severity: Option<String> = row.get("my_severity")?;
    Ok(Annotation {
        finding: FindingId::new(row.get::<_, String>("finding_id")?),
        owner: row.get("owner")?,
        status: word("status", status, WorkStatus::parse)?,
        my_severity: word("severity", severity, Severity::parse)?,
        written_by: row.get("written_by")?,
        written: row.get::<_, Time>("written")?.0,
    })
}

fn word<T>(
    what: &str,
    word: Option<String>,
    read: impl Fn(&str) -> Option<T>,
) -> Result<Option<T>, Fault> {
    let Some(word) = word else {
        return Ok(None);
    };
    let found = read(&word);
    let found = found.ok_or_else(|| Fault::damaged(format!("an annotation of {what} {word:?}")))?;
    Ok(Some(found))
}
