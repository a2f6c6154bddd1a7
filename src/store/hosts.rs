//! Hosts that are done with: written down wholly or not at all.

use super::blobs::{Blob, Kind, KnownBlobs};
use super::db::{Address, Db, Fault, Time, to_json};
use super::evidence::Evidence;
use super::keys::Identified;
use super::runs::RunKey;
use super::verdicts::{self, EncodedVerdict};
use super::{Digest, HostCommit, Pin, StoreError, keys, pins, runs, trails};
use crate::model::{
    AccessRecord, CredentialId, Finding, FirstTold, HostKey, Inventory, MachineId, Reading, RunId,
    Trail, UtcTime,
};
use rusqlite::{Connection, OptionalExtension as _, named_params, params};
use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

/// A host ready to be written: what takes long is done, and the inventory itself let go.
pub(super) struct EncodedHost {
    evidence: Evidence,
    word: &'static str,
    failure: Option<String>,
    failure_code: Option<&'static str>,
    credential: Option<CredentialId>,
    host_key: Option<HostKey>,
    inventory: Option<Blob>,
    told: Option<Told>,
    verdict: Option<EncodedVerdict>,
    exposures: Vec<Finding>,
    services: String,
    clues: String,
    target_name: Option<String>,
    tags: String,
    open_ports: String,
    round_trip_us: Option<i64>,
    elapsed_ms: i64,
    finished: UtcTime,
    access: Vec<AccessRecord>,
    pins: Vec<Pin>,
}

/// What an inventory tells of what was done to its updates.
pub(super) struct Told {
    pub(super) digest: Digest,
    /// When it was read.
    pub(super) at: UtcTime,
    /// By whichever run: that is known when it is written.
    pub(super) trail: Trail,
    pub(super) reading: Reading,
}

impl Told {
    fn of(inventory: &Inventory, digest: Digest, at: UtcTime) -> Self {
        let nobody = FirstTold {
            at,
            run: RunId::new(""),
        };
        Self {
            digest,
            at,
            trail: Trail::told(inventory, &nobody),
            reading: Reading::of(inventory),
        }
    }
}

impl EncodedHost {
    pub(super) fn evidence(&self) -> &Evidence {
        &self.evidence
    }

    fn digests(&self) -> impl Iterator<Item = Digest> {
        let verdict = self.verdict.as_ref().map(|verdict| verdict.blob.digest);
        let inventory = self.inventory.as_ref().map(|blob| blob.digest);
        inventory.into_iter().chain(verdict)
    }
}

/// Encodes a host, on the caller's thread.
pub(super) fn encode(commit: HostCommit, known: &KnownBlobs) -> Result<EncodedHost, StoreError> {
    let outcome = commit.outcome;
    let inventory = outcome
        .inventory
        .as_ref()
        .map(|inventory| Blob::of(Kind::Inventory, inventory, known))
        .transpose()?;
    let told = outcome.inventory.as_ref().zip(inventory.as_ref());
    let told = told.map(|(inventory, blob)| Told::of(inventory, blob.digest, commit.finished));
    let matched = commit.matched.as_ref();
    let verdict = matched.map(|matched| verdicts::encode(matched, known));
    let failure = outcome.failure.as_ref();
    let round_trip = outcome.host.round_trip;
    Ok(EncodedHost {
        evidence: Evidence::of(&outcome),
        word: outcome.word(),
        failure: failure
            .map(|failure| to_json("a failure", failure))
            .transpose()?,
        failure_code: failure.map(|failure| failure.code.as_str()),
        inventory,
        told,
        verdict: verdict.transpose()?,
        exposures: commit.exposures,
        services: to_json("services", &outcome.services)?,
        clues: to_json("clues", &outcome.clues)?,
        target_name: outcome.host.name.as_deref().map(str::to_owned),
        tags: to_json("tags", &*outcome.host.tags)?,
        open_ports: to_json("ports", &outcome.host.open_ports)?,
        round_trip_us: round_trip.and_then(|time| i64::try_from(time.as_micros()).ok()),
        elapsed_ms: i64::try_from(outcome.elapsed_ms).unwrap_or(i64::MAX),
        credential: outcome.credential,
        host_key: outcome.host_key,
        access: outcome.access,
        finished: commit.finished,
        pins: commit.pins,
    })
}

/// Writes a host down, in one transaction.
pub(super) fn commit(
    db: &mut Db,
    run: &RunId,
    host: &EncodedHost,
    known: &KnownBlobs,
) -> Result<MachineId, StoreError> {
    let id = db.write(|tx| write(tx, &runs::key(tx, run)?, host))?;
    // Only now are they surely there.
    host.digests().for_each(|digest| known.insert(digest));
    Ok(id)
}

/// Writes many hosts down, in one transaction.
pub(super) fn commit_all(
    db: &mut Db,
    run: &RunId,
    hosts: &[EncodedHost],
    known: &KnownBlobs,
) -> Result<(), StoreError> {
    db.write(|tx| {
        let run = runs::key(tx, run)?;
        for host in hosts {
            write(tx, &run, host)?;
        }
        Ok(())
    })?;
    let digests = hosts.iter().flat_map(EncodedHost::digests);
    digests.for_each(|digest| known.insert(digest));
    Ok(())
}

/// Writes a host down, within a transaction.
pub(super) fn write(tx: &Connection, run: &RunKey, host: &EncodedHost) -> Result<MachineId, Fault> {
    let identified = keys::identify(tx, run, &host.evidence)?;
    let machine = identified.machine;
    if let Some(blob) = &host.inventory {
        blob.insert(tx)?;
    }
    insert_outcome(tx, run, &identified, host)?;
    insert_access(tx, run, host)?;
    if let Some(told) = &host.told {
        trails::learn(tx, run, machine, told)?;
    }
    if let Some(verdict) = &host.verdict {
        let addresses = [host.evidence.address];
        verdicts::write(tx, run, &addresses, verdict)?;
    }
    let seen = verdicts::matters(tx, &host.exposures)?;
    verdicts::remember(tx, run, machine, &seen)?;
    pins::insert(tx, &host.pins)?;
    Ok(identified.id)
}

fn insert_outcome(
    conn: &Connection,
    run: &RunKey,
    identified: &Identified,
    host: &EncodedHost,
) -> Result<(), Fault> {
    let address = Address(host.evidence.address);
    let mut delete = conn.prepare_cached("DELETE FROM outcome WHERE run = ?1 AND address = ?2")?;
    delete.execute(params![run.number, address])?;
    let mut insert = conn.prepare_cached(
        "INSERT INTO outcome (run, address, machine, claimed, word, failure, failure_code, credential,
             key_algorithm, key_fingerprint, inventory, services, clues, target_name, tags, open_ports,
             round_trip_us, elapsed_ms, finished)
         VALUES (:run, :address, :machine, :claimed, :word, :failure, :failure_code, :credential,
             :key_algorithm, :key_fingerprint, :inventory, :services, :clues, :target_name, :tags, :open_ports,
             :round_trip_us, :elapsed_ms, :finished)",
    )?;
    let key = host.host_key.as_ref();
    insert.execute(named_params! {
        ":run": run.number,
        ":address": address,
        ":machine": identified.machine,
        ":claimed": identified.claimed,
        ":word": host.word,
        ":failure": host.failure,
        ":failure_code": host.failure_code,
        ":credential": host.credential.as_ref().map(CredentialId::as_str),
        ":key_algorithm": key.map(|key| &key.algorithm),
        ":key_fingerprint": key.map(|key| &key.fingerprint),
        ":inventory": host.inventory.as_ref().map(|blob| blob.digest.0),
        ":services": host.services,
        ":clues": host.clues,
        ":target_name": host.target_name,
        ":tags": host.tags,
        ":open_ports": host.open_ports,
        ":round_trip_us": host.round_trip_us,
        ":elapsed_ms": host.elapsed_ms,
        ":finished": Time(host.finished),
    })?;
    Ok(())
}

fn insert_access(conn: &Connection, run: &RunKey, host: &EncodedHost) -> Result<(), Fault> {
    let mut insert = conn.prepare_cached(
        "INSERT INTO access (run, address, position, protocol, port, credential, attempted, code,
             detail, trust, elapsed_ms)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)",
    )?;
    for (position, access) in (0_i64..).zip(&host.access) {
        insert.execute(params![
            run.number,
            Address(host.evidence.address),
            position,
            access.protocol.as_str(),
            access.port,
            access.credential.as_ref().map(CredentialId::as_str),
            access.attempted,
            access.code.as_str(),
            access.detail,
            access.trust.as_str(),
            i64::try_from(access.elapsed_ms).unwrap_or(i64::MAX),
        ])?;
    }
    Ok(())
}

/// The addresses that are done with. A key that has changed may be right by now: whoever resumes has
/// looked at it.
pub(super) fn finished(db: &mut Db, run: &RunId) -> Result<BTreeSet<IpAddr>, StoreError> {
    addresses(
        db,
        run,
        "SELECT address FROM outcome
         WHERE run = ?1 AND word <> 'not_begun' AND failure_code IS NOT 'hostkey_changed'",
    )
}

/// The addresses at which a key has changed.
pub(super) fn changed(db: &mut Db, run: &RunId) -> Result<BTreeSet<IpAddr>, StoreError> {
    addresses(
        db,
        run,
        "SELECT address FROM outcome WHERE run = ?1 AND failure_code = 'hostkey_changed'",
    )
}

fn addresses(db: &mut Db, run: &RunId, query: &str) -> Result<BTreeSet<IpAddr>, StoreError> {
    db.read(|tx| {
        let run = runs::key(tx, run)?.number;
        let mut query = tx.prepare_cached(query)?;
        let rows = query.query_map([run], |row| Ok(row.get::<_, Address>(0)?.0))?;
        Ok(rows.collect::<Result<_, _>>()?)
    })
}

/// Where each host key was seen.
pub(super) fn host_keys(
    db: &mut Db,
    site: &str,
) -> Result<BTreeMap<String, BTreeSet<IpAddr>>, StoreError> {
    db.read(|tx| {
        let mut query = tx.prepare_cached(
            "SELECT DISTINCT outcome.key_fingerprint, outcome.address
             FROM outcome JOIN run ON run.number = outcome.run
             WHERE run.site = ?1 AND outcome.key_fingerprint <> ''",
        )?;
        let mut rows = query.query([site])?;
        let mut keys = BTreeMap::<String, BTreeSet<IpAddr>>::new();
        while let Some(row) = rows.next()? {
            let Address(address) = row.get(1)?;
            keys.entry(row.get(0)?).or_default().insert(address);
        }
        Ok(keys)
    })
}

/// The credential that last worked, in a run before this one.
pub(super) fn remembered(
    db: &mut Db,
    run: &RunId,
    address: IpAddr,
    host_key: Option<&HostKey>,
) -> Result<Option<CredentialId>, StoreError> {
    const SELECT: &str =
        "SELECT outcome.credential FROM outcome JOIN run ON run.number = outcome.run
        WHERE outcome.credential IS NOT NULL AND outcome.run < ?1 AND run.site = ?2 AND ";
    const LATEST: &str = " ORDER BY outcome.run DESC, outcome.address DESC LIMIT 1";
    db.read(|tx| {
        let run = runs::key(tx, run)?;
        let (address, site) = (Address(address), run.site.as_str());
        let Some(key) = host_key.map(|key| key.fingerprint.as_str()) else {
            let query = format!("{SELECT} outcome.address = ?3 {LATEST}");
            return latest(tx, &query, params![run.number, site, address]);
        };
        let here =
            format!("{SELECT} outcome.address = ?3 AND +outcome.key_fingerprint = ?4 {LATEST}");
        let found = latest(tx, &here, params![run.number, site, address, key])?;
        if found.is_some() {
            return Ok(found);
        }
        let anywhere = format!("{SELECT} outcome.key_fingerprint = ?3 {LATEST}");
        latest(tx, &anywhere, params![run.number, site, key])
    })
}

/// The credential that last worked at an address, in any run.
pub(super) fn last_credential(
    db: &mut Db,
    site: &str,
    address: IpAddr,
) -> Result<Option<CredentialId>, StoreError> {
    const QUERY: &str =
        "SELECT outcome.credential FROM outcome JOIN run ON run.number = outcome.run
        WHERE outcome.credential IS NOT NULL AND run.site = ?1 AND outcome.address = ?2
        ORDER BY outcome.run DESC LIMIT 1";
    db.read(|tx| latest(tx, QUERY, params![site, Address(address)]))
}

fn latest(
    conn: &Connection,
    query: &str,
    values: impl rusqlite::Params,
) -> Result<Option<CredentialId>, Fault> {
    let mut query = conn.prepare_cached(query)?;
    let found = query.query_row(values, |row| row.get::<_, String>(0));
    Ok(found.optional()?.map(CredentialId::new))
}
