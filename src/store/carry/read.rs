//! Takes a run from a file, wholly or not at all. Every field is checked: the file may come from anybody.

use super::lines::{BlobLine, EndLine, HostLine, Line, MachineLine, RunLine, SightingLine};
use super::{LONGEST, MAGIC, MOST, NAME, PLAN_OF_IMPORTED, shown};
use crate::model::{
    Answer, Finding, HostKey, HostOutcome, Inventory, LiveHost, MachineId, ProbeKind, RunId, Trace,
    hex,
};
use crate::store::blobs::{self, Blob, Kind, KnownBlobs};
use crate::store::db::{Db, Fault};
use crate::store::identity::Founding;
use crate::store::keys::{self, Hint};
use crate::store::runs::{self, RunKey};
use crate::store::{
    Digest, HostCommit, Matched, RunRecord, RunState, SightingRow, StoreError, delete, hosts,
    lists, sightings,
};
use flate2::read::ZlibDecoder;
use rusqlite::Connection;
use serde_json::value::RawValue;
use sha2::{Digest as _, Sha256};
use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::io::{self, BufRead as _, BufReader, Read as _};
use std::net::IpAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

/// What became of a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Imported {
    /// The run is in the store now, with so many hosts.
    Taken {
        /// The run.
        run: RunId,
        /// Its site.
        site: String,
        /// Its addresses that answered.
        hosts: u64,
    },
    /// The run was there already; nothing was changed.
    Known {
        /// The run.
        run: RunId,
    },
}

/// Looks at a run's settings, which the store does not understand.
type Check<'a> = dyn Fn(&RunRecord) -> Result<(), String> + 'a;

/// Takes a run.
pub(in crate::store) fn import(
    db: &mut Db,
    path: &Path,
    check: &Check<'_>,
    known: &KnownBlobs,
) -> Result<Imported, StoreError> {
    let mut lines = Lines::open(path)?;
    let done = db.write(|tx| {
        let taken = take(tx, &mut lines, check);
        // Nothing of the store's own is at fault: which line it was is said.
        taken.map_err(|wrong| match wrong {
            Wrong::Store(fault) => fault,
            Wrong::File(what) => Fault::Other(StoreError::NotImported {
                path: shown(path),
                line: lines.number,
                what,
            }),
        })
    });
    known.clear();
    done
}

/// What went wrong: with the file, or with the store.
enum Wrong {
    File(String),
    Store(Fault),
}

impl From<Fault> for Wrong {
    fn from(fault: Fault) -> Self {
        match fault {
            // Values that cannot be written down as they are.
            Fault::Damaged(what) => Self::File(what),
            other => Self::Store(other),
        }
    }
}

impl From<rusqlite::Error> for Wrong {
    fn from(error: rusqlite::Error) -> Self {
        Self::Store(error.into())
    }
}

impl From<StoreError> for Wrong {
    fn from(error: StoreError) -> Self {
        Self::Store(Fault::Other(error))
    }
}

fn wrong<T>(what: impl Into<String>) -> Result<T, Wrong> {
    Err(Wrong::File(what.into()))
}

/// The file while it is read.
struct Lines {
    from: BufReader<io::Take<ZlibDecoder<BufReader<File>>>>,
    hash: Sha256,
    number: u64,
    line: Vec<u8>,
}

impl Lines {
    fn open(path: &Path) -> Result<Self, StoreError> {
        let failed = |source| StoreError::File {
            doing: "read",
            path: path.to_path_buf(),
            source,
        };
        let mut file = BufReader::new(File::open(path).map_err(failed)?);
        let mut first = Vec::new();
        let head = file.by_ref().take(64).read_until(b'\n', &mut first);
        head.map_err(failed)?;
        if first != MAGIC {
            let what = if first.starts_with(NAME) {
                "it was written by a later version of underdesk; use that one"
            } else {
                "it is no file of runs export"
            };
            return Err(StoreError::NotImported {
                path: shown(path),
                line: 0,
                what: what.to_owned(),
            });
        }
        Ok(Self {
            from: BufReader::new(ZlibDecoder::new(file).take(MOST)),
            hash: Sha256::new(),
            number: 0,
            line: Vec::new(),
        })
    }

    /// The next line, and the SHA-256 of those before it.
    fn next(&mut self) -> Result<(Line, String), Wrong> {
        let before = hex(&self.hash.clone().finalize());
        self.line.clear();
        self.number += 1;
        let read = self
            .from
            .by_ref()
            .take(LONGEST)
            .read_until(b'\n', &mut self.line);
        if let Err(error) = read {
            return wrong(format!("the file is damaged or cut: {error}"));
        }
        match self.line.last() {
            None => return wrong("the file ends too early: copy it again"),
            Some(b'\n') => {}
            Some(_) => return wrong("a line is cut, or longer than any of ours"),
        }
        self.hash.update(&self.line);
        let line = serde_json::from_slice(&self.line);
        match line {
            Ok(line) => Ok((line, before)),
            Err(error) => wrong(error.to_string()),
        }
    }

    fn is_at_end(&mut self) -> bool {
        self.from.fill_buf().is_ok_and(<[u8]>::is_empty)
    }
}

fn take(tx: &Connection, lines: &mut Lines, check: &Check<'_>) -> Result<Imported, Wrong> {
    let (Line::Run(head), _) = lines.next()? else {
        return wrong("the first line is not a run");
    };
    let run = run_of(*head)?;
    let id = run.summary.id.clone();
    check(&run).or_else(wrong)?;
    if let Some(there) = runs::find(tx, &id)? {
        let same = (&there.summary.site, there.summary.started)
            == (&run.summary.site, run.summary.started);
        return if same {
            Ok(Imported::Known { run: id })
        } else {
            wrong(format!("another run is called {id} here"))
        };
    }
    let mut into = Arriving {
        number: runs::insert_whole(tx, &run)?,
        run,
        machines: BTreeMap::new(),
        blobs: BTreeMap::new(),
        addresses: BTreeSet::new(),
        seen: BTreeSet::new(),
        lists: Vec::new(),
        fresh: KnownBlobs::default(),
    };
    loop {
        let (line, before) = lines.next()?;
        match line {
            Line::Run(_) => return wrong("a second run"),
            Line::List(list) => into.lists.push(*list),
            Line::Machine(machine) => into.machine(*machine)?,
            Line::Sighting(seen) => into.sighting(tx, &seen)?,
            Line::Blob(blob) => into.blob(tx, &blob)?,
            Line::Host(host) => into.host(tx, *host)?,
            Line::End(end) => {
                check_end(&end, lines.number, &before)?;
                break;
            }
        }
    }
    if !lines.is_at_end() {
        return wrong("something comes behind the end");
    }
    lists::replace(tx, into.number, &into.lists)?;
    delete::sweep_out(tx)?;
    Ok(Imported::Taken {
        run: id,
        site: into.run.summary.site,
        hosts: u64::try_from(into.addresses.len()).unwrap_or(u64::MAX),
    })
}

fn check_end(end: &EndLine, number: u64, sha256: &str) -> Result<(), Wrong> {
    if end.lines + 1 != number || end.sha256 != sha256 {
        return wrong("the lines before are not those that were written: copy the file again");
    }
    Ok(())
}

/// A run as it may stand in a store.
fn run_of(head: RunLine) -> Result<RunRecord, Wrong> {
    let mut summary = head.summary;
    let id = summary.id.as_str();
    let is_word = |c: char| c.is_ascii_alphanumeric() || c == '-';
    if !id.starts_with("r-") || id.len() > 80 || !id.chars().all(is_word) {
        return wrong("the run's id is none of ours");
    }
    let texts = [
        ("site", &summary.site),
        ("kind", &summary.kind),
        ("operator", &summary.operator),
    ];
    for (what, text) in texts {
        plain(what, text, 1_000)?;
    }
    if summary.site.trim().is_empty() {
        return wrong("the run has no site");
    }
    for target in summary
        .targets
        .iter()
        .chain(&summary.guards_lifted)
        .chain(&summary.authorised_by)
    {
        plain("a target, guard or permission", target, 100_000)?;
    }
    for digest in [&summary.catalog_digest, &summary.programs_digest] {
        plain("a catalogue's digest", digest, 200)?;
    }
    plain("a feed of the catalogue", &summary.catalog_feed, 200)?;
    let state = runs::state_of(&head.state, &head.stopped_by);
    let Some(state) = state.filter(|state| *state != RunState::Running) else {
        return wrong(format!("the run's state is {:?}", head.state));
    };
    summary.state = state;
    let Some(end) = summary.finished else {
        return wrong("the run has no end");
    };
    if end < summary.started {
        return wrong("the run ends before it begins");
    }
    summary.catalog_imported = summary
        .catalog_imported
        .filter(|_| !summary.catalog_digest.is_empty());
    Ok(RunRecord {
        summary,
        settings: head.settings,
        plan_fingerprint: PLAN_OF_IMPORTED.to_owned(),
        seed: head.seed,
        mark: head.mark,
    })
}

/// A text of at most so many bytes, without what would play with a terminal.
fn plain(what: &str, text: &str, most: usize) -> Result<(), Wrong> {
    if text.len() > most || text.chars().any(char::is_control) {
        return wrong(format!("{what} is too long, or has control characters"));
    }
    Ok(())
}

fn from_hex(text: &str) -> Option<[u8; 32]> {
    let digit = |byte: &u8| {
        char::from(*byte)
            .to_digit(16)
            .filter(|_| !byte.is_ascii_uppercase())
    };
    let digits: Option<Vec<u32>> = text.as_bytes().iter().map(digit).collect();
    let bytes = digits?;
    let pairs = bytes.chunks(2).map(|pair| match pair {
        [high, low] => u8::try_from(high * 16 + low).ok(),
        _ => None,
    });
    let bytes: Option<Vec<u8>> = pairs.collect();
    bytes?.try_into().ok()
}

/// The run on its way into the store.
struct Arriving {
    run: RunRecord,
    number: i64,
    machines: BTreeMap<MachineId, MachineLine>,
    /// What each of the file's blobs is called here.
    blobs: BTreeMap<([u8; 32], &'static str), Digest>,
    addresses: BTreeSet<IpAddr>,
    seen: BTreeSet<(IpAddr, String, u16)>,
    lists: Vec<crate::model::KnownList>,
    fresh: KnownBlobs,
}

impl Arriving {
    fn key(&self) -> RunKey {
        RunKey {
            number: self.number,
            site: self.run.summary.site.clone(),
            started: self.run.summary.started,
            is_second_look: self.run.summary.kind == runs::SECOND_LOOK,
        }
    }

    fn machine(&mut self, mut machine: MachineLine) -> Result<(), Wrong> {
        /// A value that was founded on so often has a number no larger.
        const MOST: u32 = 10_000;
        let site = &self.run.summary.site;
        let (kind, value) = (&machine.founded_kind, &machine.founded_value);
        if value.len() > 4_096 || !Founding::ALL.iter().any(|one| one.as_str() == kind) {
            return wrong("a machine is founded on nothing that we know");
        }
        let plain = MachineId::from_key(site, kind, value);
        let is_own = machine.id == plain
            || (2..=MOST)
                .any(|n| machine.id == MachineId::from_key(site, kind, &format!("{value}#{n}")));
        if !is_own {
            return wrong(format!(
                "machine {} is not what its id is made of",
                shorten(machine.id.as_str())
            ));
        }
        let started = self.run.summary.started;
        if machine.first_seen > started {
            return wrong("a machine is first seen after the run");
        }
        // What later runs of the other store saw, this one did not.
        let day = started.date();
        machine.history.retain(|past| past.first_seen <= day);
        match self.machines.insert(machine.id.clone(), machine) {
            None => Ok(()),
            Some(twice) => wrong(format!("machine {} comes twice", twice.id)),
        }
    }

    fn sighting(&mut self, tx: &Connection, seen: &SightingLine) -> Result<(), Wrong> {
        let probe = ProbeKind::parse(&seen.probe, seen.port);
        let answer = Answer::parse(&seen.answer);
        let (Some(probe), Some(answer)) = (probe, answer) else {
            return wrong("a probe or an answer is none that we know");
        };
        if !self
            .seen
            .insert((seen.address, seen.probe.clone(), seen.port))
        {
            return wrong("an answer comes twice");
        }
        let row = SightingRow {
            address: seen.address,
            probe,
            answer,
            round_trip_us: seen.round_trip_us,
            tries: seen.tries,
            seen_at: seen.seen_at,
            trace: seen.trace.map(|(ttl, window, options)| Trace {
                ttl,
                window,
                options,
            }),
            mac: seen.mac,
            banner: seen.banner.clone(),
        };
        Ok(sightings::insert(tx, self.number, &row)?)
    }

    fn blob(&mut self, tx: &Connection, line: &BlobLine) -> Result<(), Wrong> {
        let json = line.body.get();
        let Some(digest) = from_hex(&line.digest) else {
            return wrong("a digest is not one");
        };
        if Sha256::digest(json).as_slice() != digest {
            return wrong(format!(
                "{} {} is not what was written",
                shorten(&line.kind),
                shorten(&line.digest)
            ));
        }
        // Read and written again: what stands in the store is always ours.
        let (kind, blob) = match line.kind.as_str() {
            "inventory" => {
                let read: Inventory = parse(&line.body)?;
                (
                    Kind::Inventory,
                    Blob::of(Kind::Inventory, &read, &self.fresh)?,
                )
            }
            "findings" => {
                let read: Vec<Finding> = parse(&line.body)?;
                (
                    Kind::Findings,
                    Blob::of(Kind::Findings, &read, &self.fresh)?,
                )
            }
            _ => return wrong("a blob is of no kind that we know"),
        };
        blob.insert(tx)?;
        self.fresh.insert(blob.digest);
        self.blobs.insert((digest, kind.as_str()), blob.digest);
        Ok(())
    }

    fn host(&mut self, tx: &Connection, line: HostLine) -> Result<(), Wrong> {
        if !self.addresses.insert(line.address) {
            return wrong(format!("{} comes twice", line.address));
        }
        let Some(machine) = self.machines.get(&line.machine) else {
            return wrong(format!(
                "{} is of a machine that is not there",
                line.address
            ));
        };
        let hint = Hint {
            id: machine.id.clone(),
            kind: machine.founded_kind.clone(),
            value: machine.founded_value.clone(),
            first_seen: machine.first_seen,
        };
        let history: Vec<(String, String, String)> = machine
            .history
            .iter()
            .map(|past| {
                (
                    past.product.clone(),
                    past.bulletin.clone(),
                    past.first_seen.to_string(),
                )
            })
            .collect();
        let commit = self.commit(tx, line)?;
        let host = hosts::encode(commit, &self.fresh)?;
        let run = self.key();
        keys::claim(tx, &run, host.evidence(), &hint)?;
        let id = hosts::write(tx, &run, &host)?;
        keys::remember_carried(tx, &run, &id, &hint, &history)?;
        Ok(())
    }

    fn commit(&self, tx: &Connection, line: HostLine) -> Result<HostCommit, Wrong> {
        for tag in line.tags.iter().chain(&line.target_name) {
            plain("a tag or a name", tag, 10_000)?;
        }
        if line.access.len() > 100_000 || line.tags.len() > 10_000 {
            return wrong("a host has more ways in, or tags, than any of ours");
        }
        let inventory = self.known(line.inventory.as_deref(), Kind::Inventory)?;
        let inventory: Option<Inventory> = inventory
            .map(|at| blobs::decode(tx, Kind::Inventory, &at))
            .transpose()?;
        let findings = self.known(line.findings.as_deref(), Kind::Findings)?;
        let findings: Option<Vec<Finding>> = findings
            .map(|at| blobs::decode(tx, Kind::Findings, &at))
            .transpose()?;
        let catalog_digest = line.catalog_digest.unwrap_or_default();
        plain("a catalogue's digest", &catalog_digest, 200)?;
        let end_of_life = line.end_of_life;
        let matched = findings.map(|findings| Matched {
            findings: Arc::new(findings),
            catalog_digest,
            end_of_life,
            age: None,
        });
        let outcome = HostOutcome {
            host: LiveHost {
                address: line.address,
                name: line.target_name.map(Arc::from),
                tags: Arc::from(line.tags),
                open_ports: line.open_ports,
                round_trip: line.round_trip_us.map(Duration::from_micros),
            },
            host_key: line.host_key.map(|(algorithm, fingerprint)| HostKey {
                algorithm,
                fingerprint,
            }),
            inventory,
            credential: line.credential,
            failure: line.failure,
            access: line.access,
            services: line.services,
            clues: line.clues,
            elapsed_ms: line.elapsed_ms,
        };
        Ok(HostCommit {
            outcome,
            matched,
            exposures: Vec::new(),
            pins: Vec::new(),
            finished: line.finished,
        })
    }

    fn known(&self, digest: Option<&str>, kind: Kind) -> Result<Option<Digest>, Wrong> {
        let Some(digest) = digest else {
            return Ok(None);
        };
        let found = from_hex(digest).and_then(|bytes| self.blobs.get(&(bytes, kind.as_str())));
        match found {
            Some(found) => Ok(Some(*found)),
            None => wrong(format!(
                "{} {} is not there",
                kind.as_str(),
                shorten(digest)
            )),
        }
    }
}

fn parse<T: serde::de::DeserializeOwned>(body: &RawValue) -> Result<T, Wrong> {
    serde_json::from_str(body.get()).or_else(|error| wrong(error.to_string()))
}

/// The beginning of a text from the file, for an error.
fn shorten(text: &str) -> String {
    text.chars().filter(|c| !c.is_control()).take(80).collect()
}
