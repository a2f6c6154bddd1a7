//! Verdicts, apart from the facts they are about.

use super::blobs::{Blob, Kind, KnownBlobs};
use super::db::{Address, Db, Fault, Time};
use super::runs::RunKey;
use super::{Digest, InventoryRef, Matched, StoreError, keys, runs};
use crate::model::{
    BulletinId, Date, FeedAge, Finding, FindingHistory, FindingId, MachineId, RunId,
};
use rusqlite::{Connection, OptionalExtension as _, params};
use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::Arc;

/// Verdicts ready to be written.
pub(super) struct EncodedVerdict {
    pub(super) blob: Blob,
    findings: Arc<Vec<Finding>>,
    catalog_digest: String,
    end_of_life: Option<String>,
    age: Option<FeedAge>,
}

/// Encodes verdicts, on the caller's thread.
pub(super) fn encode(matched: &Matched, known: &KnownBlobs) -> Result<EncodedVerdict, StoreError> {
    Ok(EncodedVerdict {
        blob: Blob::of(Kind::Findings, matched.findings.as_slice(), known)?,
        findings: Arc::clone(&matched.findings),
        catalog_digest: matched.catalog_digest.clone(),
        end_of_life: matched.end_of_life.map(|day| day.to_string()),
        age: matched.age.clone(),
    })
}

/// The distinct inventories of a run, by the first address that gave each.
pub(super) fn inventories(db: &mut Db, run: &RunId) -> Result<Vec<InventoryRef>, StoreError> {
    db.read(|tx| {
        let run = runs::key(tx, run)?.number;
        let mut query = tx.prepare_cached(
            "SELECT inventory, address FROM outcome
             WHERE run = ?1 AND inventory IS NOT NULL ORDER BY address",
        )?;
        let rows = query.query_map([run], |row| {
            Ok((Digest(row.get(0)?), row.get::<_, Address>(1)?.0))
        })?;
        let mut found: Vec<InventoryRef> = Vec::new();
        let mut places: BTreeMap<Digest, usize> = BTreeMap::new();
        for row in rows {
            let (digest, address) = row?;
            let place = *places.entry(digest).or_insert(found.len());
            match found.get_mut(place) {
                Some(known) => known.addresses.push(address),
                None => found.push(InventoryRef {
                    digest,
                    addresses: vec![address],
                }),
            }
        }
        Ok(found)
    })
}

/// Replaces the verdicts on some addresses, in one transaction.
pub(super) fn replace(
    db: &mut Db,
    run: &RunId,
    addresses: &[IpAddr],
    verdict: &EncodedVerdict,
    known: &KnownBlobs,
) -> Result<(), StoreError> {
    db.write(|tx| {
        let run = runs::key(tx, run)?;
        write(tx, &run, addresses, verdict)
    })?;
    known.insert(verdict.blob.digest);
    Ok(())
}

/// Writes verdicts on addresses that have an outcome, and remembers their findings.
pub(super) fn write(
    conn: &Connection,
    run: &RunKey,
    addresses: &[IpAddr],
    verdict: &EncodedVerdict,
) -> Result<(), Fault> {
    verdict.blob.insert(conn)?;
    let matters = matters(conn, &verdict.findings)?;
    for address in addresses {
        let mut query =
            conn.prepare_cached("SELECT machine FROM outcome WHERE run = ?1 AND address = ?2")?;
        let values = params![run.number, Address(*address)];
        let machine = query.query_row(values, |row| row.get(0)).optional()?;
        let Some(machine) = machine else {
            continue;
        };
        let machine = keys::now(conn, machine)?;
        // Many addresses of one machine give the same verdicts; they are counted once anyway.
        if !counted(conn, run, machine, verdict)? {
            remember(conn, run, machine, &matters)?;
        }
        let mut update = conn.prepare_cached(
            "UPDATE outcome SET findings = ?3, catalog_digest = ?4, end_of_life = ?5, feed = ?6, feed_met = ?7
             WHERE run = ?1 AND address = ?2",
        )?;
        update.execute(params![
            run.number,
            Address(*address),
            verdict.blob.digest.0,
            verdict.catalog_digest,
            verdict.end_of_life,
            verdict.age.as_ref().map(|age| age.feed.as_str()),
            verdict.age.as_ref().map(|age| Time(age.met)),
        ])?;
    }
    Ok(())
}

/// Whether another address of the machine gave the same findings in this run.
fn counted(
    conn: &Connection,
    run: &RunKey,
    machine: i64,
    verdict: &EncodedVerdict,
) -> Result<bool, Fault> {
    let mut query = conn.prepare_cached(
        "SELECT 1 FROM outcome WHERE run = ?1 AND findings = ?2 AND machine IN
             (SELECT ?3 UNION ALL SELECT old FROM machine_alias WHERE new = ?3)",
    )?;
    Ok(query.exists(params![run.number, verdict.blob.digest.0, machine])?)
}

/// What open and undecided findings are about, sorted: looked up once for all machines that have them.
pub(super) fn matters(conn: &Connection, findings: &[Finding]) -> Result<Vec<i64>, Fault> {
    let open = findings.iter().filter(|one| !one.state.is_closed());
    let matters = open.map(|one| matter(conn, &one.product, one.bulletin.as_str()));
    let mut matters = matters.collect::<Result<Vec<i64>, Fault>>()?;
    matters.sort_unstable();
    matters.dedup();
    Ok(matters)
}

/// The number of what a finding is about; it gets one if it has none.
pub(super) fn matter(conn: &Connection, product: &str, bulletin: &str) -> Result<i64, Fault> {
    let mut find =
        conn.prepare_cached("SELECT number FROM matter WHERE product = ?1 AND bulletin = ?2")?;
    let found = find.query_row([product, bulletin], |row| row.get(0));
    if let Some(number) = found.optional()? {
        return Ok(number);
    }
    let mut insert =
        conn.prepare_cached("INSERT INTO matter (product, bulletin) VALUES (?1, ?2)")?;
    Ok(insert.insert([product, bulletin])?)
}

/// Notes that a run saw findings on a machine. A run is counted once; one that is older than the
/// latest counted (`match` on an old run) only moves the first day back. One that only verified what another had
/// seen counts not at all. Where nothing is new, nothing is written.
pub(super) fn remember(
    conn: &Connection,
    run: &RunKey,
    machine: i64,
    matters: &[i64],
) -> Result<(), Fault> {
    if run.is_second_look {
        return Ok(());
    }
    let day = run.started.date().to_string();
    let mut insert = conn.prepare_cached(
        "INSERT INTO finding_history (machine, matter, first_seen, last_run, times_seen)
         VALUES (?1, ?2, ?3, ?4, 1)
         ON CONFLICT DO UPDATE SET first_seen = min(first_seen, excluded.first_seen),
             times_seen = times_seen + (excluded.last_run > last_run),
             last_run = max(last_run, excluded.last_run)
         WHERE excluded.first_seen < first_seen OR excluded.last_run > last_run",
    )?;
    for matter in matters {
        insert.execute(params![machine, matter, day, run.number])?;
    }
    Ok(())
}

/// Whether any finding of any machine is remembered.
pub(super) fn is_any(conn: &Connection) -> Result<bool, Fault> {
    Ok(conn
        .prepare_cached("SELECT 1 FROM finding_history LIMIT 1")?
        .exists([])?)
}

/// What is remembered of a machine's findings, under the ids that they have on a machine called
/// `id` (which is another than its own with `--no-merge`).
pub(super) fn history(
    conn: &Connection,
    machine: i64,
    id: &MachineId,
) -> Result<BTreeMap<FindingId, FindingHistory>, Fault> {
    let mut query = conn.prepare_cached(
        "SELECT product, bulletin, first_seen, times_seen
         FROM finding_history JOIN matter ON matter.number = finding_history.matter
         WHERE machine = ?1",
    )?;
    let mut rows = query.query([machine])?;
    let mut history = BTreeMap::new();
    while let Some(row) = rows.next()? {
        let (product, bulletin): (String, String) = (row.get(0)?, row.get(1)?);
        let first: String = row.get(2)?;
        let day = Date::parse(&first);
        let damaged = || Fault::damaged(format!("a finding first seen on {first:?}"));
        let remembered = FindingHistory {
            first_seen: day.ok_or_else(damaged)?,
            times_seen: row.get::<_, i64>(3)?.cast_unsigned(),
        };
        let finding = FindingId::of(id, &product, &BulletinId::new(bulletin));
        history.insert(finding, remembered);
    }
    Ok(history)
}
