//! Writes a run into a file, as a whole or not at all.

use super::MAGIC;
use super::lines::{
    BlobLine, EndLine, HostLine, Line, MachineLine, PastFinding, RunLine, SightingLine,
};
use crate::model::{CredentialId, Date, MachineId, RunId, UtcTime, hex};
use crate::os;
use crate::store::db::{Address, Db, Fault, Time, from_json};
use crate::store::{Digest, RunState, StoreError, blobs, keys, lists, report, runs, sightings};
use flate2::Compression;
use flate2::write::ZlibEncoder;
use rusqlite::{Connection, Row, params};
use serde_json::value::RawValue;
use sha2::{Digest as _, Sha256};
use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, File, OpenOptions};
use std::io::{self, BufWriter, Write as _};
use std::net::IpAddr;
use std::path::{Path, PathBuf};

/// Writes a run that has ended into a file that is not there yet.
pub(in crate::store) fn export(db: &mut Db, id: &RunId, path: &Path) -> Result<(), StoreError> {
    let failed = |source| StoreError::File {
        doing: "write",
        path: path.to_path_buf(),
        source,
    };
    if path.exists() {
        return Err(failed(io::ErrorKind::AlreadyExists.into()));
    }
    let run = runs::load(db, id)?;
    if run.summary.state == RunState::Running {
        return Err(StoreError::NotEnded { id: id.to_string() });
    }
    let (state, stopped_by) = runs::words(run.summary.state);
    let head = Line::Run(Box::new(RunLine {
        state: state.to_owned(),
        stopped_by: stopped_by.to_owned(),
        summary: run.summary,
        settings: run.settings,
        seed: run.seed,
        mark: run.mark,
    }));
    let lists = lists::of(db, id)?;
    let sightings = sightings::all(db, id)?;
    let draft = beside(path);
    let written = db.read(|tx| {
        let mut out = Out::open(&draft).map_err(|error| Fault::Other(failed(error)))?;
        let mut put = |line: &Line| out.put(line).map_err(|error| Fault::Other(failed(error)));
        put(&head)?;
        for list in lists {
            put(&Line::List(Box::new(list)))?;
        }
        let number = runs::key(tx, id)?.number;
        machines(tx, number, &mut put)?;
        for seen in &sightings {
            put(&Line::Sighting(SightingLine {
                address: seen.address,
                probe: seen.probe.as_str().to_owned(),
                port: seen.probe.port().unwrap_or(0),
                answer: seen.answer.as_str().to_owned(),
                round_trip_us: seen.round_trip_us,
                tries: seen.tries,
                seen_at: seen.seen_at,
                trace: seen
                    .trace
                    .map(|trace| (trace.ttl, trace.window, trace.options)),
                mac: seen.mac,
                banner: seen.banner.clone(),
            }))?;
        }
        hosts(tx, number, &mut put)?;
        out.close().map_err(|error| Fault::Other(failed(error)))
    });
    let placed = written.and_then(|()| fs::rename(&draft, path).map_err(failed));
    if placed.is_err() {
        fs::remove_file(&draft).ok();
    }
    placed
}

fn beside(path: &Path) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(".part");
    PathBuf::from(name)
}

/// The file while it is written.
struct Out {
    packer: ZlibEncoder<BufWriter<File>>,
    hash: Sha256,
    lines: u64,
}

impl Out {
    /// What a network lacks is nobody else's business: readable by the owner only.
    fn open(path: &Path) -> io::Result<Self> {
        // What a killed export left, or somebody else put there, is no file of ours to write into.
        match fs::remove_file(path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        let mut options = OpenOptions::new();
        options.write(true).create_new(true);
        let mut file = BufWriter::new(os::owner_only(&mut options).open(path)?);
        file.write_all(MAGIC)?;
        Ok(Self {
            packer: ZlibEncoder::new(file, Compression::default()),
            hash: Sha256::new(),
            lines: 0,
        })
    }

    fn put(&mut self, line: &Line) -> io::Result<()> {
        let mut text = serde_json::to_vec(line)?;
        text.push(b'\n');
        self.hash.update(&text);
        self.lines += 1;
        self.packer.write_all(&text)
    }

    fn close(mut self) -> io::Result<()> {
        let end = Line::End(EndLine {
            lines: self.lines,
            sha256: hex(&self.hash.clone().finalize()),
        });
        self.put(&end)?;
        let file = self.packer.finish()?;
        let file = file.into_inner().map_err(io::IntoInnerError::into_error)?;
        file.sync_all()
    }
}

type Put<'a> = dyn FnMut(&Line) -> Result<(), Fault> + 'a;

fn machines(conn: &Connection, run: i64, put: &mut Put<'_>) -> Result<(), Fault> {
    let believed = report::believed(conn, run)?;
    let mut numbers = conn.prepare_cached("SELECT DISTINCT machine FROM outcome WHERE run = ?1")?;
    let numbers = numbers.query_map([run], |row| row.get::<_, i64>(0))?;
    let numbers: Vec<i64> = numbers.collect::<Result<_, _>>()?;
    let mut now: BTreeSet<i64> = believed.into_values().collect();
    for number in numbers {
        now.insert(keys::now(conn, number)?);
    }
    let mut machine = conn.prepare_cached(
        "SELECT id, founded_kind, founded_value, first_seen FROM machine WHERE number = ?1",
    )?;
    let mut past = conn.prepare_cached(
        "SELECT product, bulletin, first_seen
         FROM finding_history JOIN matter ON matter.number = finding_history.matter
         WHERE machine = ?1 ORDER BY product, bulletin",
    )?;
    for number in now {
        let history = past.query_and_then([number], |row| {
            let first: String = row.get(2)?;
            let day = Date::parse(&first);
            let damaged = || Fault::damaged(format!("a finding first seen on {first:?}"));
            Ok::<_, Fault>(PastFinding {
                product: row.get(0)?,
                bulletin: row.get(1)?,
                first_seen: day.ok_or_else(damaged)?,
            })
        })?;
        let history = history.collect::<Result<Vec<_>, Fault>>()?;
        let line = machine.query_row([number], |row| {
            Ok(MachineLine {
                id: MachineId::new(row.get::<_, String>(0)?),
                founded_kind: row.get(1)?,
                founded_value: row.get(2)?,
                first_seen: row.get::<_, Time>(3)?.0,
                history,
            })
        })?;
        put(&Line::Machine(Box::new(line)))?;
    }
    Ok(())
}

fn hosts(conn: &Connection, run: i64, put: &mut Put<'_>) -> Result<(), Fault> {
    let mut query = conn.prepare_cached(
        "SELECT address, machine, failure, credential, key_algorithm, key_fingerprint, inventory, findings,
                catalog_digest, end_of_life, services, clues, target_name, tags, open_ports, round_trip_us,
                elapsed_ms, finished
         FROM outcome WHERE run = ?1 ORDER BY address",
    )?;
    let mut rows = query.query([run])?;
    let believed = report::believed(conn, run)?;
    let mut told = BTreeSet::new();
    while let Some(row) = rows.next()? {
        for (column, kind) in [
            ("inventory", blobs::Kind::Inventory),
            ("findings", blobs::Kind::Findings),
        ] {
            let digest = row.get::<_, Option<[u8; 32]>>(column)?.map(Digest);
            if let Some(digest) = digest.filter(|digest| told.insert(*digest)) {
                put(&blob(conn, kind, digest)?)?;
            }
        }
        put(&Line::Host(Box::new(host(conn, run, (row, &believed))?)))?;
    }
    Ok(())
}

fn blob(conn: &Connection, kind: blobs::Kind, digest: Digest) -> Result<Line, Fault> {
    let json = blobs::json(conn, kind, &digest)?;
    let damaged = |error: &dyn std::error::Error| Fault::damaged(format!("blob {digest}: {error}"));
    let json = String::from_utf8(json).map_err(|error| damaged(&error))?;
    Ok(Line::Blob(BlobLine {
        kind: kind.as_str().to_owned(),
        digest: digest.to_string(),
        body: RawValue::from_string(json).map_err(|error| damaged(&error))?,
    }))
}

fn host(
    conn: &Connection,
    run: i64,
    (row, believed): (&Row<'_>, &BTreeMap<IpAddr, i64>),
) -> Result<HostLine, Fault> {
    let text = |column| row.get::<_, Option<String>>(column);
    let json = |column| row.get::<_, String>(column);
    let Address(address) = row.get("address")?;
    let machine = match believed.get(&address) {
        Some(claimed) => *claimed,
        None => keys::now(conn, row.get("machine")?)?,
    };
    let failure = text("failure")?;
    let failure = failure
        .map(|json| from_json("a failure", &json))
        .transpose()?;
    let digest = |column| {
        let digest = row.get::<_, Option<[u8; 32]>>(column)?;
        Ok::<_, Fault>(digest.map(|digest| Digest(digest).to_string()))
    };
    let mut access = conn.prepare_cached(
        "SELECT protocol, port, credential, attempted, code, detail, trust, elapsed_ms
         FROM access WHERE run = ?1 AND address = ?2 ORDER BY position",
    )?;
    let access = access.query_and_then(params![run, Address(address)], report::read_access)?;
    let number =
        |column| Ok::<_, Fault>(row.get::<_, Option<i64>>(column)?.map(i64::cast_unsigned));
    Ok(HostLine {
        address,
        machine: keys::id_of(conn, machine)?,
        failure,
        credential: text("credential")?.map(CredentialId::new),
        host_key: text("key_algorithm")?.zip(text("key_fingerprint")?),
        inventory: digest("inventory")?,
        findings: digest("findings")?,
        catalog_digest: text("catalog_digest")?,
        end_of_life: text("end_of_life")?.and_then(|day| Date::parse(&day)),
        services: from_json("services", &json("services")?)?,
        clues: from_json("clues", &json("clues")?)?,
        target_name: text("target_name")?,
        tags: from_json("tags", &json("tags")?)?,
        open_ports: from_json("ports", &json("open_ports")?)?,
        round_trip_us: number("round_trip_us")?,
        elapsed_ms: number("elapsed_ms")?.unwrap_or_default(),
        finished: row
            .get::<_, Time>("finished")
            .map(|time: Time| -> UtcTime { time.0 })?,
        access: access.collect::<Result<_, _>>()?,
    })
}
