//! Which machines a run has, and which verdicts, without reading either: enough to count them.

use super::db::{Address, Db};
use super::report::{groups, rank};
use super::{Digest, ReportOptions, StoreError, runs};
use crate::model::RunId;
use std::collections::HashMap;
use std::net::IpAddr;

/// One machine of a run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MachineTally {
    /// Where the run met it, sorted.
    pub addresses: Vec<IpAddr>,
    /// Whether its inventory was read.
    pub is_read: bool,
    /// Its verdicts; `None` where it was not judged. Identical machines have the same.
    pub findings: Option<Digest>,
}

/// What an address came to.
struct Part {
    rank: usize,
    is_read: bool,
    findings: Option<Digest>,
}

pub(super) fn of(db: &mut Db, run: &RunId) -> Result<Vec<MachineTally>, StoreError> {
    db.read(|tx| {
        let key = runs::key(tx, run)?;
        let groups = groups(tx, key.number, &key.site, ReportOptions::default())?;
        let mut query = tx.prepare_cached(
            "SELECT address, word, inventory IS NOT NULL, findings FROM outcome WHERE run = ?1",
        )?;
        let mut rows = query.query([key.number])?;
        let mut parts = HashMap::new();
        while let Some(row) = rows.next()? {
            let Address(address) = row.get(0)?;
            let part = Part {
                rank: rank(&row.get::<_, String>(1)?),
                is_read: row.get(2)?,
                findings: row.get::<_, Option<[u8; 32]>>(3)?.map(Digest),
            };
            parts.insert(address, part);
        }
        let machines = groups.into_iter().map(|group| {
            let own = group
                .addresses
                .iter()
                .filter_map(|address| parts.get(address));
            // The best outcome speaks for the machine; among equals, that at the lowest address.
            let best = own.min_by_key(|part| part.rank);
            MachineTally {
                is_read: best.is_some_and(|part| part.is_read),
                findings: best.and_then(|part| part.findings),
                addresses: group.addresses,
            }
        });
        Ok(machines.collect())
    })
}
