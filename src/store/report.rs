//! A run and its machines, read for export.

use super::db::{Address, Columns, Db, Fault, Time, from_json, from_word};
use super::{Digest, Pending, Store, StoreError, blobs, keys, runs, trails, verdicts};
use crate::model::{
    AccessRecord, Clue, CredentialId, Date, FindingHistory, FindingId, Fingerprint, HostFailure,
    HostKey, HostOutcome, MachineId, MachineRecord, ResultCode, RunId, RunSummary, Service, Trail,
    UtcTime,
};
use rusqlite::{Connection, OptionalExtension as _, Row, Transaction, params};
use std::collections::{BTreeMap, HashMap, HashSet};
use std::io;
use std::net::IpAddr;
use std::sync::Arc;

/// How a run is read for export.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ReportOptions {
    /// One record for every address, with a machine id made from the address.
    pub no_merge: bool,
}

/// A run, ready for export: its machines are read one at a time.
#[derive(Clone, Debug)]
pub struct RunReport {
    store: Store,
    run: RunSummary,
    number: i64,
    machines: Vec<Group>,
    /// Their places, in the order of their ids: a fleet's ids are not kept twice.
    by_id: Vec<u32>,
    /// Hosts that the run has no rows of; see [`Self::with_unsaved`].
    unsaved: Arc<BTreeMap<IpAddr, Unsaved>>,
    /// What several of them have: it is read once.
    common: Arc<HashSet<Digest>>,
    /// The fingerprints of SSH host keys that several of its addresses showed.
    keys: Arc<HashSet<String>>,
    /// Whether anything was ever told of the updates of any machine of the store.
    has_trails: bool,
    /// Whether any finding of any machine of the store is remembered.
    has_history: bool,
}

/// A host that the run has no row of.
#[derive(Clone, Debug)]
struct Unsaved {
    outcome: HostOutcome,
    at: UtcTime,
    first_seen: UtcTime,
}

/// The addresses that make one record.
#[derive(Clone, Debug)]
pub(super) struct Group {
    pub(super) machine: i64,
    pub(super) id: MachineId,
    /// Sorted.
    pub(super) addresses: Vec<IpAddr>,
}

impl RunReport {
    /// The run with hosts that it met and has no rows of, each with the time at which it was met: records of their own,
    /// known by their addresses only. Blocks.
    ///
    /// # Errors
    /// The store cannot be read.
    pub fn with_unsaved(
        mut self,
        hosts: Vec<(HostOutcome, UtcTime)>,
        options: ReportOptions,
    ) -> Result<Self, StoreError> {
        if hosts.is_empty() {
            return Ok(self);
        }
        let (site, run, began) = (self.run.site.clone(), self.number, self.run.started);
        let read = move |db: &mut Db| {
            db.read(|tx| {
                let mut machine =
                    tx.prepare_cached("SELECT first_seen, named_run FROM machine WHERE id = ?1")?;
                let mut unsaved = Vec::with_capacity(hosts.len());
                for (outcome, at) in hosts {
                    let address = outcome.host.address;
                    let value = address.to_string();
                    let mut id = MachineId::from_key(&site, ADDRESS, &value);
                    let known = machine.query_row([id.as_str()], |row| {
                        Ok((row.get::<_, Time>(0)?, row.get::<_, Option<i64>>(1)?))
                    });
                    let mut first_seen = began;
                    match known.optional()? {
                        // Whoever told his name is known by more than his address: this may be anybody.
                        Some((_, named))
                            if !options.no_merge && named.is_some_and(|at| at <= run) =>
                        {
                            id = MachineId::from_key(&site, UNREAD, &value);
                        }
                        Some((first, _)) => first_seen = first_seen.min(first.0),
                        None => {}
                    }
                    let group = Group {
                        machine: NO_ROW,
                        id,
                        addresses: vec![address],
                    };
                    let host = Unsaved {
                        outcome,
                        at,
                        first_seen,
                    };
                    unsaved.push((group, address, host));
                }
                Ok(unsaved)
            })
        };
        let mut all = BTreeMap::new();
        for (group, address, host) in self.store.thread.ask(read).wait()? {
            self.machines.push(group);
            all.insert(address, host);
        }
        self.machines
            .sort_by_key(|group| group.addresses.first().copied());
        self.by_id = by_id(&self.machines);
        self.unsaved = Arc::new(all);
        Ok(self)
    }

    /// What exports see of the run.
    pub fn run(&self) -> &RunSummary {
        &self.run
    }

    /// The ids of its machines, sorted by each one's first address in the run.
    pub fn machine_ids(&self) -> impl ExactSizeIterator<Item = &MachineId> {
        self.machines.iter().map(|group| &group.id)
    }

    /// Whether there is an SSH host key that several addresses of the run showed.
    pub fn has_common_keys(&self) -> bool {
        !self.keys.is_empty()
    }

    /// Whether several addresses of the run showed an SSH host key.
    pub fn is_key_common(&self, key: &HostKey) -> bool {
        key.algorithm != "x509" && self.keys.contains(&key.fingerprint)
    }

    /// The place of a machine in that order.
    pub fn place(&self, machine: &MachineId) -> Option<usize> {
        let id = |at: &u32| Some(&self.machines.get(*at as usize)?.id);
        let found = self.by_id.binary_search_by(|at| id(at).cmp(&Some(machine)));
        let place = self.by_id.get(found.ok()?)?;
        usize::try_from(*place).ok()
    }

    /// The addresses of all of them.
    pub fn addresses(&self) -> impl Iterator<Item = IpAddr> {
        let groups = self.machines.iter();
        groups.flat_map(|group| group.addresses.iter().copied())
    }

    /// All of them, each with the id of its machine.
    pub fn whose(&self) -> impl Iterator<Item = (IpAddr, &MachineId)> {
        let groups = self.machines.iter();
        groups.flat_map(|group| group.addresses.iter().map(|at| (*at, &group.id)))
    }

    /// Reads the machine at a place in that order; `None` behind the last.
    pub fn machine(&self, place: usize) -> Result<Option<MachineRecord>, StoreError> {
        let Some(group) = self.machines.get(place) else {
            return Ok(None);
        };
        let (group, run) = (group.clone(), self.number);
        if let Some(facts) = self.unsaved_facts(&group) {
            let nothing = HashSet::new();
            let record = move |db: &mut Db| record_of(db, &nothing, (group, facts), Depth::Whole);
            let record = self.store.thread.ask(record);
            return record.wait().map(|(record, _)| Some(record));
        }
        let record = self.store.thread.ask(move |db| record(db, run, group));
        record.wait().map(Some)
    }

    /// What was ever told of the updates of a machine of this run; `None` where nobody told anything, or the store
    /// was not kept then. Blocks.
    pub fn trail(&self, machine: &MachineId) -> Result<Option<Trail>, StoreError> {
        // A sweep meets thousands of whom nobody will ever tell anything.
        if !self.has_trails {
            return Ok(None);
        }
        let group = self.place(machine).and_then(|at| self.machines.get(at));
        let Some(number) = group.map(|group| group.machine) else {
            return Ok(None);
        };
        let read = move |db: &mut Db| db.read(|tx| trails::of(tx, number));
        self.store.thread.ask(read).wait()
    }

    /// Reads the machines in that order and shows each to `visit`; a few are in memory at a time, and the next
    /// few are read while these are shown. Blocks. Errors of the store come out as [`io::Error`]s of kind
    /// `Other`.
    pub fn visit(&self, visit: &mut dyn FnMut(&MachineRecord) -> io::Result<()>) -> io::Result<()> {
        self.each(Depth::Whole, &mut |record, _| visit(record))
    }

    /// As [`Self::visit`], but of the packages of each inventory only the one that came in last is there: for those
    /// who want verdicts, and to know whose they are. What is left out takes most of the time.
    pub fn visit_sketched(
        &self,
        visit: &mut dyn FnMut(&MachineRecord) -> io::Result<()>,
    ) -> io::Result<()> {
        self.each(Depth::Judged, &mut |record, _| visit(record))
    }

    /// As [`Self::visit_sketched`], without verdicts and what is remembered of them: for those who only want to know
    /// who the machines are.
    pub fn visit_unjudged(
        &self,
        visit: &mut dyn FnMut(&MachineRecord) -> io::Result<()>,
    ) -> io::Result<()> {
        self.each(Depth::Sketch, &mut |record, _| visit(record))
    }

    /// As [`Self::visit_unjudged`], without inventories as well: `visit` hears only whether there is one. Nothing is
    /// unpacked, so that this takes a small part of the time.
    pub fn skim(
        &self,
        visit: &mut dyn FnMut(&MachineRecord, bool) -> io::Result<()>,
    ) -> io::Result<()> {
        self.each(Depth::Outline, visit)
    }

    fn each(
        &self,
        depth: Depth,
        visit: &mut dyn FnMut(&MachineRecord, bool) -> io::Result<()>,
    ) -> io::Result<()> {
        let (mut place, mut next) = (0, self.read(0, depth));
        while let Some(records) = next {
            let records = records.wait().map_err(io::Error::other)?;
            place += records.len();
            next = self.read(place, depth);
            for (record, is_read) in &records {
                visit(record, *is_read)?;
            }
            // They go where they came from: the room of what is let go elsewhere is given to what stays, piece by
            // piece, and then none of it is ever free as a whole.
            drop(self.store.thread.ask(move |_| {
                drop(records);
                Ok(())
            }));
        }
        Ok(())
    }

    /// What there is of a host without rows; `None` of others.
    fn unsaved_facts(&self, group: &Group) -> Option<Facts> {
        if group.machine != NO_ROW {
            return None;
        }
        let address = *group.addresses.first()?;
        let Unsaved {
            outcome,
            at,
            first_seen,
        } = self.unsaved.get(&address)?;
        Some(Facts {
            parts: vec![Part::of_unsaved(outcome, *at)],
            access: outcome
                .access
                .iter()
                .map(|row| (address, row.clone()))
                .collect(),
            history: BTreeMap::new(),
            first_seen: first_seen.date(),
            is_claimed: false,
        })
    }

    /// Begins to read the machines from a place on, each with whether it has an inventory; `None` where there is
    /// none.
    fn read(&self, from: usize, depth: Depth) -> Option<Pending<Vec<(MachineRecord, bool)>>> {
        // A handful costs hardly more than one; but whole machines are large, and as many again wait to be shown.
        let together = if depth == Depth::Whole { 2 } else { 8 };
        let groups = self.machines.get(from..)?.iter().take(together);
        let groups = groups.map(|group| (group.clone(), self.unsaved_facts(group)));
        let (groups, run): (Vec<_>, i64) = (groups.collect(), self.number);
        let common = Arc::clone(&self.common);
        let how = (depth, self.has_history);
        let read = move |db: &mut Db| {
            db.walk(run);
            let facts = |tx: &Transaction<'_>| {
                let facts = groups.into_iter().map(|(group, unsaved)| {
                    let facts = unsaved.map_or_else(|| facts(tx, run, &group, how), Ok);
                    Ok((group, facts?))
                });
                facts.collect::<Result<Vec<(Group, Facts)>, Fault>>()
            };
            let records = db.read(facts)?.into_iter();
            records
                .map(|(group, facts)| record_of(db, &common, (group, facts), depth))
                .collect()
        };
        (from < self.machines.len()).then(|| self.store.thread.ask(read))
    }

    pub(super) fn plan(
        db: &mut Db,
        store: Store,
        run: &RunId,
        options: ReportOptions,
    ) -> Result<Self, StoreError> {
        db.read(|tx| {
            let run = runs::record(tx, run)?.summary;
            let number = runs::key(tx, &run.id)?.number;
            let machines = groups(tx, number, &run.site, options)?;
            Ok(Self {
                store,
                run,
                number,
                by_id: by_id(&machines),
                unsaved: Arc::default(),
                common: Arc::new(blobs::common(tx, number)?),
                keys: Arc::new(common_keys(tx, number)?),
                machines,
                has_trails: trails::is_any(tx)?,
                has_history: verdicts::is_any(tx)?,
            })
        })
    }
}

/// No machine of the store has this number.
const NO_ROW: i64 = 0;
/// What the id of a machine is made of that is known by its address only, and of one at an address whose machine is
/// known by more.
const ADDRESS: &str = "address";
const UNREAD: &str = "address-unread";

/// The places of machines, in the order of their ids.
fn by_id(machines: &[Group]) -> Vec<u32> {
    let mut places: Vec<u32> = (0..).take(machines.len()).collect();
    places.sort_by_key(|at| machines.get(*at as usize).map(|group| &group.id));
    places
}

/// The fingerprints of SSH host keys that several addresses of a run showed.
fn common_keys(conn: &Connection, run: i64) -> Result<HashSet<String>, Fault> {
    let mut query = conn.prepare_cached(
        "SELECT key_fingerprint FROM outcome
         WHERE run = ?1 AND key_fingerprint IS NOT NULL AND key_algorithm <> 'x509'
         GROUP BY key_fingerprint HAVING count(*) > 1",
    )?;
    let rows = query.query_map([run], |row| row.get(0))?;
    Ok(rows.collect::<Result<_, _>>()?)
}

/// Groups the run's addresses by machine, in the order of each one's first address. Who was nothing but an
/// address in this run stays apart: whoever logged in there in a later run had its address by then, and
/// may have been elsewhere in this one. Who only claims to be a machine, by its name, is taken for it where nothing
/// else of the run is that machine.
pub(super) fn groups(
    conn: &Connection,
    run: i64,
    site: &str,
    options: ReportOptions,
) -> Result<Vec<Group>, Fault> {
    let mut query = conn.prepare_cached(
        "SELECT outcome.address, machine.number, machine.id
         FROM outcome JOIN machine AS own ON own.number = outcome.machine
         LEFT JOIN machine_alias ON machine_alias.old = own.number
             AND (own.founded_kind <> 'address' OR own.named_run <= outcome.run)
         JOIN machine ON machine.number = coalesce(machine_alias.new, outcome.machine)
         WHERE outcome.run = ?1 ORDER BY outcome.address",
    )?;
    let mut rows = query.query([run])?;
    let mut groups: Vec<Group> = Vec::new();
    let mut places: HashMap<i64, usize> = HashMap::new();
    let believed = believed(conn, run)?;
    while let Some(row) = rows.next()? {
        let Address(address) = row.get(0)?;
        let claimed = believed.get(&address).copied();
        let machine: i64 = claimed.map_or_else(|| row.get(1), Ok)?;
        let place = if options.no_merge {
            groups.len()
        } else {
            *places.entry(machine).or_insert(groups.len())
        };
        if let Some(group) = groups.get_mut(place) {
            group.addresses.push(address);
            continue;
        }
        let id = if options.no_merge {
            MachineId::from_key(site, ADDRESS, &address.to_string())
        } else if claimed.is_some() {
            keys::id_of(conn, machine)?
        } else {
            MachineId::new(row.get::<_, String>(2)?)
        };
        groups.push(Group {
            machine,
            id,
            addresses: vec![address],
        });
    }
    Ok(groups)
}

/// The addresses of a run that claim to be a machine which the run met nowhere else, and that machine.
pub(super) fn believed(conn: &Connection, run: i64) -> Result<BTreeMap<IpAddr, i64>, Fault> {
    let mut query = conn.prepare_cached(
        "SELECT outcome.address, coalesce(machine_alias.new, outcome.claimed)
         FROM outcome LEFT JOIN machine_alias ON machine_alias.old = outcome.claimed
         WHERE outcome.run = ?1 AND outcome.claimed IS NOT NULL",
    )?;
    let claims = query.query_map([run], |row| {
        let Address(address) = row.get(0)?;
        Ok((address, row.get::<_, i64>(1)?))
    })?;
    let mut claims: BTreeMap<IpAddr, i64> = claims.collect::<Result<_, _>>()?;
    if claims.is_empty() {
        return Ok(claims);
    }
    let mut query = conn.prepare_cached(
        "SELECT DISTINCT coalesce(machine_alias.new, outcome.machine)
         FROM outcome JOIN machine AS own ON own.number = outcome.machine
         LEFT JOIN machine_alias ON machine_alias.old = own.number
             AND (own.founded_kind <> 'address' OR own.named_run <= outcome.run)
         WHERE outcome.run = ?1 AND outcome.claimed IS NULL",
    )?;
    let met = query.query_map([run], |row| row.get(0))?;
    let met: HashSet<i64> = met.collect::<Result<_, _>>()?;
    claims.retain(|_, machine| !met.contains(machine));
    Ok(claims)
}

/// What one address adds to its machine's record.
struct Part {
    address: IpAddr,
    /// Its row's machine, and whether it claims to be another.
    machine: i64,
    is_claimed: bool,
    word: String,
    failure: Option<HostFailure>,
    credential: Option<CredentialId>,
    host_key: Option<HostKey>,
    inventory: Option<Digest>,
    findings: Option<Digest>,
    end_of_life: Option<Date>,
    services: Vec<Service>,
    clues: Vec<Clue>,
    target_name: Option<String>,
    tags: Vec<String>,
    finished: UtcTime,
}

impl Part {
    fn of_unsaved(outcome: &HostOutcome, at: UtcTime) -> Self {
        Self {
            address: outcome.host.address,
            machine: NO_ROW,
            is_claimed: false,
            word: outcome.word().to_owned(),
            failure: outcome.failure.clone(),
            credential: None,
            host_key: None,
            inventory: None,
            findings: None,
            end_of_life: None,
            services: Vec::new(),
            clues: Vec::new(),
            target_name: outcome.host.name.as_deref().map(str::to_owned),
            tags: outcome.host.tags.to_vec(),
            finished: at,
        }
    }

    /// The better it is, the lower.
    fn rank(&self) -> usize {
        rank(&self.word)
    }
}

/// How much an outcome says of a machine: the better it is, the lower.
pub(super) fn rank(outcome: &str) -> usize {
    const BEST_FIRST: [&str; 4] = ["scanned_full", "scanned_partial", "failed", "network_only"];
    let place = BEST_FIRST.iter().position(|word| *word == outcome);
    place.unwrap_or(BEST_FIRST.len())
}

/// What is read of a machine besides its blobs.
struct Facts {
    parts: Vec<Part>,
    access: Vec<(IpAddr, AccessRecord)>,
    history: BTreeMap<FindingId, FindingHistory>,
    first_seen: Date,
    is_claimed: bool,
}

/// How much is read of a machine.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Depth {
    /// What stands in the rows of the run.
    Outline,
    /// Its inventory too, with the last of its packages.
    Sketch,
    /// The same, with its verdicts, and what is remembered of them.
    Judged,
    /// All.
    Whole,
}

impl Depth {
    fn has_verdicts(self) -> bool {
        matches!(self, Self::Judged | Self::Whole)
    }
}

/// Reads a machine as a run met it.
pub(super) fn record(db: &mut Db, run: i64, group: Group) -> Result<MachineRecord, StoreError> {
    let depth = Depth::Whole;
    let facts = db.read(|tx| facts(tx, run, &group, (depth, true)))?;
    let nothing = HashSet::new();
    record_of(db, &nothing, (group, facts), depth).map(|(record, _)| record)
}

/// A machine as a run met it, given its rows, and whether it has an inventory. Several machines of the run have what
/// is `common`.
fn record_of(
    db: &mut Db,
    common: &HashSet<Digest>,
    (group, facts): (Group, Facts),
    depth: Depth,
) -> Result<(MachineRecord, bool), StoreError> {
    // The best outcome speaks for the machine; among equals, that at the lowest address.
    let best = facts.parts.iter().min_by_key(|part| part.rank());
    let gone = || Fault::damaged(format!("machine {} has lost its addresses", group.id));
    let best = best.ok_or_else(|| gone().at(db.path()))?;
    let is_read = best.inventory.is_some();
    let inventory = best.inventory.filter(|_| depth != Depth::Outline);
    let inventory = inventory.map(|digest| match depth {
        Depth::Whole => db.inventory(&digest, common.contains(&digest)),
        _ => db.sketch(&digest, common.contains(&digest)),
    });
    let findings = best.findings.filter(|_| depth.has_verdicts());
    let findings = findings.map(|digest| db.findings(&digest, common.contains(&digest)));
    let parts = &facts.parts;
    let mut tags: Vec<String> = Vec::new();
    for tag in parts.iter().flat_map(|part| &part.tags) {
        if !tags.contains(tag) {
            tags.push(tag.clone());
        }
    }
    let name = parts.iter().find_map(|part| part.target_name.clone());
    let key = parts.iter().find_map(|part| part.host_key.clone());
    let last = parts.iter().map(|part| part.finished).max();
    let services = parts.iter().flat_map(|part| {
        let services = part.services.iter();
        services.map(|service| (part.address, service.clone()))
    });
    let clues = parts.iter().flat_map(|part| {
        let clues = part.clues.iter();
        clues.map(|clue| (part.address, clue.clone()))
    });
    let findings = findings.transpose()?.unwrap_or_default();
    let record = MachineRecord {
        id: group.id,
        addresses: group.addresses,
        target_name: best.target_name.clone().or(name),
        tags,
        outcome: best.word.clone(),
        failure: best.failure.clone(),
        credential: best.credential.clone(),
        host_key: best.host_key.clone().or(key),
        // Seen by whoever has read all of the run.
        same_key: Vec::new(),
        inventory: inventory.transpose()?,
        findings,
        decided: None,
        history: facts.history,
        services: services.collect(),
        clues: clues.collect(),
        // Judged by whoever reads the run.
        fingerprint: Fingerprint::default(),
        intermediary: None,
        also: Vec::new(),
        listed_name: String::new(),
        listed_owner: String::new(),
        is_claimed: facts.is_claimed,
        standing: None,
        usual_hours: String::new(),
        access: facts.access,
        end_of_life: best.end_of_life,
        first_seen: facts.first_seen,
        last_seen: last.unwrap_or(best.finished),
    };
    Ok((record, is_read))
}

/// Of a machine what stands in the rows of a run, and what is remembered of its findings, where the store `has_history`.
fn facts(
    conn: &Connection,
    run: i64,
    group: &Group,
    (depth, has_history): (Depth, bool),
) -> Result<Facts, Fault> {
    let mut outcome = conn.prepare_cached(
        "SELECT machine, claimed IS NOT NULL AS is_claimed, word, failure, credential, key_algorithm, key_fingerprint, inventory, findings,
                end_of_life, services, clues, target_name, tags, finished
         FROM outcome WHERE run = ?1 AND address = ?2",
    )?;
    let mut access = conn.prepare_cached(
        "SELECT protocol, port, credential, attempted, code, detail, trust, elapsed_ms
         FROM access WHERE run = ?1 AND address = ?2 ORDER BY position",
    )?;
    let mut seen = conn.prepare_cached("SELECT first_seen FROM machine WHERE number = ?1")?;
    let first_seen: Time = seen.query_row([group.machine], |row| row.get(0))?;
    let mut facts = Facts {
        parts: Vec::new(),
        access: Vec::new(),
        history: BTreeMap::new(),
        first_seen: first_seen.0.date(),
        is_claimed: false,
    };
    for address in &group.addresses {
        let values = params![run, Address(*address)];
        for part in outcome.query_and_then(values, |row| read_part(row, *address))? {
            facts.parts.push(part?);
        }
        for row in access.query_and_then(values, read_access)? {
            facts.access.push((*address, row?));
        }
    }
    // Who claims to be it has a row of his own, until he logs in there.
    let is_another = |part: &&Part| part.is_claimed && part.machine != group.machine;
    facts.is_claimed = facts.parts.iter().any(|part| is_another(&part));
    if !depth.has_verdicts() || !has_history {
        return Ok(facts);
    }
    let machine = keys::now(conn, group.machine)?;
    facts.history = verdicts::history(conn, machine, &group.id)?;
    for part in facts.parts.iter().filter(is_another) {
        let own = keys::now(conn, part.machine)?;
        if own != machine {
            for (id, past) in verdicts::history(conn, own, &group.id)? {
                let known = facts.history.entry(id).or_insert(past);
                known.first_seen = known.first_seen.min(past.first_seen);
                known.times_seen = known.times_seen.max(past.times_seen);
            }
        }
    }
    Ok(facts)
}

fn read_part(row: &Row<'_>, address: IpAddr) -> Result<Part, Fault> {
    let mut columns = Columns::of(row);
    let machine = columns.read()?;
    let is_claimed = columns.read()?;
    let word = columns.read()?;
    let failure: Option<String> = columns.read()?;
    let failure = failure.map(|json| from_json("a failure", &json));
    let credential: Option<String> = columns.read()?;
    let algorithm: Option<String> = columns.read()?;
    let fingerprint: Option<String> = columns.read()?;
    let host_key = algorithm.zip(fingerprint);
    let inventory: Option<[u8; 32]> = columns.read()?;
    let findings: Option<[u8; 32]> = columns.read()?;
    let day: Option<String> = columns.read()?;
    let services: String = columns.read()?;
    let clues: String = columns.read()?;
    let target_name = columns.read()?;
    let tags: String = columns.read()?;
    let Time(finished) = columns.read()?;
    Ok(Part {
        address,
        machine,
        is_claimed,
        word,
        failure: failure.transpose()?,
        credential: credential.map(CredentialId::new),
        host_key: host_key.map(|(algorithm, fingerprint)| HostKey {
            algorithm,
            fingerprint,
        }),
        inventory: inventory.map(Digest),
        findings: findings.map(Digest),
        end_of_life: day.and_then(|day| Date::parse(&day)),
        services: from_json("services", &services)?,
        clues: from_json("clues", &clues)?,
        target_name,
        tags: from_json("tags", &tags)?,
        finished,
    })
}

pub(super) fn read_access(row: &Row<'_>) -> Result<AccessRecord, Fault> {
    let word = |column| row.get::<_, String>(column);
    let elapsed: i64 = row.get("elapsed_ms")?;
    let credential = row.get::<_, Option<String>>("credential")?;
    let attempted: bool = row.get("attempted")?;
    let code = match from_word("a result code", &word("code")?)? {
        // Earlier versions called a credential that was not needed so.
        ResultCode::Ok if credential.is_some() && !attempted => ResultCode::NotNeeded,
        code => code,
    };
    Ok(AccessRecord {
        protocol: from_word("a protocol", &word("protocol")?)?,
        port: row.get("port")?,
        credential: credential.map(CredentialId::new),
        attempted,
        code,
        detail: word("detail")?,
        trust: from_word("a host's trust", &word("trust")?)?,
        elapsed_ms: u64::try_from(elapsed).unwrap_or_default(),
    })
}
