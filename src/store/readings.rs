//! The last reading of each machine that no recent run has read.

use super::db::{Address, Db, Fault, Time};
use super::report::{self, Group};
use super::{ReportOptions, StoreError, keys, runs};
use crate::model::{MachineId, MachineRecord, RunId, UtcTime};
use rusqlite::{Connection, params};
use std::collections::BTreeMap;
use std::net::IpAddr;

/// Where to find the last reading of a machine.
#[derive(Clone, Debug)]
pub struct LastReading {
    /// How many scans of the site, before the one that was asked about, began after it.
    pub age: u32,
    run: i64,
    group: Group,
}

/// Which machines are meant.
#[derive(Clone, Debug)]
pub struct LastRead {
    /// The run that is asked about.
    pub run: RunId,
    /// Whoever was read in this run or a later one is left out.
    pub before: RunId,
    /// Runs that began earlier are not looked at.
    pub since: UtcTime,
    /// One reading for every address, as in reports.
    pub options: ReportOptions,
}

/// A scan of the site.
struct Scan {
    number: i64,
    is_recent: bool,
}

/// The last readings, the latest run first.
pub(super) fn last(db: &mut Db, asked: &LastRead) -> Result<Vec<LastReading>, StoreError> {
    db.read(|tx| {
        let run = runs::key(tx, &asked.run)?;
        let scans = scans(tx, &run, asked)?;
        let mut read = tx.prepare_cached(
            "SELECT address FROM outcome WHERE machine = ?1 AND run = ?2 AND inventory IS NOT NULL
             ORDER BY address",
        )?;
        let mut found = Vec::new();
        for (machine, all) in machines(tx, &run.site, asked.since)? {
            for (age, scan) in (0..).zip(&scans) {
                let mut addresses: Vec<IpAddr> = Vec::new();
                for number in &all {
                    let rows = read.query_map(params![number, scan.number], |row| {
                        Ok(row.get::<_, Address>(0)?.0)
                    })?;
                    addresses.extend(rows.collect::<Result<Vec<_>, _>>()?);
                }
                if addresses.is_empty() {
                    continue;
                }
                if !scan.is_recent {
                    let groups = grouped(tx, machine, addresses, (&run.site, asked.options))?;
                    let run = scan.number;
                    found.extend(groups.map(|group| LastReading { age, run, group }));
                }
                break;
            }
        }
        found.sort_by_key(|one| one.age);
        Ok(found)
    })
}

/// The machines as they were read.
pub(super) fn records(
    db: &mut Db,
    readings: Vec<LastReading>,
) -> Result<Vec<MachineRecord>, StoreError> {
    let records = readings.into_iter();
    records
        .map(|one| report::record(db, one.run, one.group))
        .collect()
}

/// The scans of the same site up to a run, the latest first.
fn scans(conn: &Connection, run: &runs::RunKey, asked: &LastRead) -> Result<Vec<Scan>, Fault> {
    let before = runs::key(conn, &asked.before)?;
    let mut query = conn.prepare_cached(
        "SELECT number, (started, number) >= (?4, ?5) FROM run
         WHERE site = ?1 AND kind = 'scan' AND simulated = (SELECT simulated FROM run WHERE number = ?3)
             AND (started, number) <= (?2, ?3) AND started >= ?6
         ORDER BY started DESC, number DESC",
    )?;
    let values = params![
        run.site,
        Time(run.started),
        run.number,
        Time(before.started),
        before.number,
        Time(asked.since),
    ];
    let rows = query.query_map(values, |row| {
        Ok(Scan {
            number: row.get(0)?,
            is_recent: row.get(1)?,
        })
    })?;
    Ok(rows.collect::<Result<_, _>>()?)
}

/// The machines that ever said who they are, each with those that were merged into it.
fn machines(
    conn: &Connection,
    site: &str,
    since: UtcTime,
) -> Result<BTreeMap<i64, Vec<i64>>, Fault> {
    let mut query = conn.prepare_cached(
        "SELECT coalesce(machine_alias.new, machine.number), machine.number
         FROM machine LEFT JOIN machine_alias ON machine_alias.old = machine.number
         WHERE machine.site = ?1 AND machine.named_run IS NOT NULL AND machine.last_seen >= ?2",
    )?;
    let mut rows = query.query(params![site, Time(since)])?;
    let mut all: BTreeMap<i64, Vec<i64>> = BTreeMap::new();
    while let Some(row) = rows.next()? {
        all.entry(row.get(0)?).or_default().push(row.get(1)?);
    }
    Ok(all)
}

fn grouped(
    conn: &Connection,
    machine: i64,
    addresses: Vec<IpAddr>,
    (site, options): (&str, ReportOptions),
) -> Result<impl Iterator<Item = Group>, Fault> {
    let groups: Vec<Group> = if options.no_merge {
        let one = |address: IpAddr| Group {
            machine,
            id: MachineId::from_key(site, "address", &address.to_string()),
            addresses: vec![address],
        };
        addresses.into_iter().map(one).collect()
    } else {
        let id = keys::id_of(conn, machine)?;
        vec![Group {
            machine,
            id,
            addresses,
        }]
    };
    Ok(groups.into_iter())
}
