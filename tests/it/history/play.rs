//! Plays a history: the runs, as a scan would have put them into the store on their days.

use super::days::{self, Day};
use super::made::inventory;
use super::truth::{Sight, sights};
use super::world::{Machine, Run, World, folder};
use crate::organisation::digests::digest;
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::net::{IpAddr, Ipv4Addr};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, OnceLock};
use tempfile::TempDir;
use underdesk::catalog::{self, Catalog};
use underdesk::matching::Knowledge;
use underdesk::model::{
    AccessRecord, Answer, Canaries, CredentialId, Date, Exception, ExceptionId, ExceptionScope,
    HostFailure, HostKey, HostOutcome, HostTrust, LiveHost, ProbeKind, Protocol, ResultCode, RunId,
    RunSummary, Stage, UtcTime,
};
use underdesk::scan::{
    self, Asked as Ask, Awaited, Look, Pace, RunKind, RunLimits, RunPlan, Scope, Verify, Wanted,
};
use underdesk::store::{HostCommit, NewRun, RunState, SightingRow, Store};
use underdesk::sweep::Profile;

/// What a catalogue knew on each day, made once.
#[derive(Default)]
struct Shelf {
    folder: Option<TempDir>,
    known: BTreeMap<Day, Knowledge>,
}

/// The catalogue as it was on a day: with the documents that were published by then.
pub(super) fn knowledge(day: Day) -> Knowledge {
    static SHELF: OnceLock<Mutex<Shelf>> = OnceLock::new();
    let mut shelf = SHELF.get_or_init(Mutex::default).lock().unwrap();
    let root = shelf
        .folder
        .get_or_insert_with(|| tempfile::tempdir().unwrap());
    let path = root.path().join(format!("{day}.db"));
    let make = || {
        let text = format!("{}T03:00:00Z", days::text(day));
        import(day, &path, UtcTime::parse(&text).unwrap());
        Knowledge::from(Catalog::open(&path).unwrap())
    };
    shelf.known.entry(day).or_insert_with(make).clone()
}

/// Imports what was published by a day.
pub(super) fn import(day: Day, into: &Path, now: UtcTime) {
    let documents = documents(day);
    let report = catalog::import(&[documents.path().to_owned()], into, now);
    report.unwrap();
}

/// A folder with the documents as they were on a day.
pub(super) fn documents(day: Day) -> TempDir {
    let documents = tempfile::tempdir().unwrap();
    for entry in fs::read_dir(folder().join("feeds")).unwrap() {
        let path = entry.unwrap().path();
        let text = fs::read_to_string(&path).unwrap();
        let name = path.file_name().unwrap().to_str().unwrap();
        let then = match path.extension().unwrap().to_str().unwrap() {
            "jsonl" => records(&text, day),
            "json" => Some(listed(&text, day)),
            _ => Some(text).filter(|text| released(text) <= day),
        };
        if let Some(then) = then {
            fs::write(documents.path().join(name), then).unwrap();
        }
    }
    documents
}

/// The records of a file that were published by a day, as they were.
fn records(text: &str, day: Day) -> Option<String> {
    let mut then = String::new();
    for line in text.lines() {
        let mut record: serde_json::Value = serde_json::from_str(line).unwrap();
        let of = |key: &str| record[key].as_str().map(days::day);
        if of("published").unwrap() > day {
            continue;
        }
        if of("withdrawn").is_some_and(|gone| gone > day) {
            let published = record["published"].clone();
            let record = record.as_object_mut().unwrap();
            record.remove("withdrawn");
            record.insert("modified".to_owned(), published);
        }
        then += &record.to_string();
        then.push('\n');
    }
    (!then.is_empty()).then_some(then)
}

/// The exploited flaws that were listed by a day.
fn listed(text: &str, day: Day) -> String {
    let mut list: serde_json::Value = serde_json::from_str(text).unwrap();
    let text = days::text(day);
    let entries = list["vulnerabilities"].as_array_mut().unwrap();
    entries.retain(|entry| entry["dateAdded"].as_str().unwrap() <= text.as_str());
    list["count"] = entries.len().into();
    list["dateReleased"] = format!("{text}T02:00:00.0000Z").into();
    list["catalogVersion"] = text.replace('-', ".").into();
    list.to_string()
}

/// The day of one of Microsoft's documents.
fn released(text: &str) -> Day {
    let (_, after) = text.split_once("<cvrf:InitialReleaseDate>").unwrap();
    days::day(after)
}

/// Plays all runs into a store, and the exceptions.
pub(super) fn play(world: &World, store: &Store) {
    for run in &world.runs {
        play_run(world, run, None, store);
    }
    for one in &world.exceptions {
        let time = |text: &str| UtcTime::parse(text).unwrap();
        let word = |text: &str| (!text.is_empty()).then(|| text.to_owned());
        let exception = Exception {
            id: ExceptionId::new(one.id.clone()),
            scope: ExceptionScope {
                bulletin: word(&one.bulletin),
                finding: None,
                host: word(&one.host),
                tag: word(&one.tag),
            },
            versions: vec![one.version.clone()],
            owner: one.owner.clone(),
            reason: "so it was decided".to_owned(),
            granted: time(&one.granted),
            granted_by: "ann".to_owned(),
            until: Date::parse(&days::text(one.until)).unwrap(),
            taken_back: one.taken_back.as_deref().map(time),
        };
        let added = store.add_exception("default", exception).wait();
        assert!(added.unwrap());
    }
}

/// Plays a run: a scan, or one that verifies what another found.
pub(super) fn play_run(world: &World, run: &Run, base: Option<&Run>, store: &Store) {
    let id = RunId::new(run.id.clone());
    let knowledge = knowledge(run.catalogue);
    let started = UtcTime::parse(&run.started).unwrap();
    let seen: Vec<Sight> = sights(world, run);
    let plan = match base {
        None => plan(run),
        Some(base) => again(run, base, &seen),
    };
    let seen: Vec<&Sight> = seen.iter().filter(|one| one.is_met).collect();
    let begun = store.begin_run(new_run((world, run), started, &plan, &knowledge));
    begun.wait().unwrap();
    let targets = Arc::new(plan.scope.targets().unwrap());
    let all = plan.sweep(&targets).unwrap().len();
    let mark = if run.is_finished { all } else { 0 };
    let when = UtcTime::from_unix(started.unix() + 600);
    let rows = seen.iter().map(|one| sighting(one, when)).collect();
    store.record_sightings(&id, rows, mark).wait().unwrap();
    let commits = seen.iter().map(|one| {
        let machine = world.machine(&one.machine);
        commit(world, machine, one, (&knowledge, when))
    });
    store.commit_hosts(&id, commits.collect()).wait().unwrap();
    let (state, at) = if run.is_finished {
        (RunState::Complete, UtcTime::parse(&run.finished).unwrap())
    } else {
        (RunState::Interrupted, when)
    };
    store.finish_run(&id, state, at).wait().unwrap();
}

fn plan(run: &Run) -> RunPlan {
    let net = if run.site == "branch" {
        "10.99.0.0/26"
    } else {
        "10.23.0.0/26"
    };
    RunPlan {
        kind: RunKind::Scan,
        scope: Scope {
            targets: vec![net.to_owned()],
            ..Scope::default()
        },
        ports: vec![22, 5985],
        ssh_ports: vec![22],
        winrm_tls_ports: Vec::new(),
        winrm_ports: vec![5985],
        first_ports: Vec::new(),
        echo: false,
        engines: Vec::new(),
        seed: 7,
        pace: Pace::from(Profile::FAST),
        look: Look::default(),
        host_seconds: 60,
        hands: 64,
        limits: RunLimits::default(),
        accept_new_host_keys: false,
        max_changed_keys: 3,
        credentials: None,
        known_hosts: Vec::new(),
        key_names: BTreeMap::new(),
        tls_ca: Vec::new(),
        programs: Vec::new(),
        policy: None,
        record: None,
        receipts: None,
        verify: None,
        awaited: Awaited::default(),
    }
}

/// The plan of a run that verifies: the machines that it means to meet, and what they were asked about.
fn again(run: &Run, base: &Run, seen: &[Sight]) -> RunPlan {
    let then = knowledge(base.catalogue);
    let meant = run.meets.iter().flatten();
    let meant = meant.filter_map(|name| seen.iter().find(|one| one.machine == *name));
    let addresses: Vec<IpAddr> = meant.map(address).collect();
    let all = Ask {
        evidence: BTreeSet::new(),
        addresses: addresses.clone(),
    };
    RunPlan {
        kind: RunKind::Verify,
        scope: Scope {
            targets: addresses.iter().map(ToString::to_string).collect(),
            ..Scope::default()
        },
        verify: Some(Verify {
            base: RunId::new(base.id.clone()),
            base_judged_by: (then.catalog.digest().to_owned(), String::new()),
            wanted: Wanted::default(),
            asks: vec![all],
        }),
        ..plan(run)
    }
}

fn new_run(
    (world, run): (&World, &Run),
    started: UtcTime,
    plan: &RunPlan,
    knowledge: &Knowledge,
) -> NewRun {
    NewRun {
        summary: RunSummary {
            id: RunId::new(run.id.clone()),
            kind: plan.kind.as_str().to_owned(),
            started,
            finished: None,
            operator: "ann".to_owned(),
            authorised_by: None,
            targets: plan.scope.targets.clone(),
            guards_lifted: Vec::new(),
            site: run.site.clone(),
            catalog_digest: knowledge.catalog.digest().to_owned(),
            catalog_imported: knowledge.catalog.imported(),
            catalog_feed: String::new(),
            programs_digest: String::new(),
            // A catalogue of 2023 is not too old for what is not real.
            simulated: !world.is_real,
            canaries: Canaries::default(),
            state: RunState::Running,
        },
        settings: serde_json::to_value(plan).unwrap(),
        plan_fingerprint: "history".to_owned(),
        seed: plan.seed,
    }
}

pub(super) fn address(sight: &Sight) -> IpAddr {
    IpAddr::V4(sight.now.address.parse::<Ipv4Addr>().unwrap())
}

fn port(machine: &str) -> u16 {
    let is_windows = ["files", "sql", "ws", "lap"];
    let kind = machine.split('-').next().unwrap();
    if is_windows.contains(&kind) { 5985 } else { 22 }
}

fn sighting(sight: &Sight, when: UtcTime) -> SightingRow {
    SightingRow {
        address: address(sight),
        probe: ProbeKind::Tcp(port(&sight.machine)),
        answer: Answer::Open,
        round_trip_us: Some(700),
        tries: 1,
        seen_at: when,
        trace: None,
        mac: None,
        banner: None,
    }
}

/// What tells a machine in one of its lives from any other.
pub(super) fn mark(sight: &Sight, what: &str) -> String {
    digest(&format!("{what} {} {}", sight.machine, sight.now.life))
}

fn credential(port: u16) -> CredentialId {
    CredentialId::new(format!("audit-{port}"))
}

fn access(machine: &Machine, sight: &Sight, port: u16) -> AccessRecord {
    let code = match (machine.is_computer(), sight.is_read) {
        (false, _) => ResultCode::NoCredentialInScope,
        (true, true) => ResultCode::Ok,
        (true, false) => ResultCode::AuthRejected,
    };
    let (protocol, trust) = match (port, machine.is_computer()) {
        (22, true) => (Protocol::Ssh, HostTrust::KnownHosts),
        (22, false) => (Protocol::Ssh, HostTrust::None),
        _ => (Protocol::Winrm, HostTrust::KnownHosts),
    };
    AccessRecord {
        protocol,
        port: Some(port),
        credential: machine.is_computer().then(|| credential(port)),
        attempted: machine.is_computer(),
        code,
        detail: String::new(),
        trust,
        elapsed_ms: 120,
    }
}

fn commit(
    world: &World,
    machine: &Machine,
    sight: &Sight,
    (knowledge, when): (&Knowledge, UtcTime),
) -> HostCommit {
    let inventory = sight.is_read.then(|| inventory(world, machine, sight));
    let matched = inventory
        .as_ref()
        .map(|one| scan::judge(knowledge, one, when.date()).unwrap());
    let port = port(&machine.name);
    let shows_key = port == 22 && machine.is_computer();
    let outcome = HostOutcome {
        host: LiveHost {
            address: address(sight),
            name: None,
            tags: machine.tags.clone().into(),
            open_ports: vec![port],
            round_trip: None,
        },
        host_key: shows_key.then(|| HostKey {
            algorithm: "ssh-ed25519".to_owned(),
            fingerprint: format!("SHA256:{}", mark(sight, "key").get(..43).unwrap()),
        }),
        credential: sight.is_read.then(|| credential(port)),
        inventory,
        failure: (machine.is_computer() && !sight.is_read).then(|| HostFailure {
            stage: Stage::Login,
            code: ResultCode::AuthRejected,
            detail: "the host refuses this account".to_owned(),
            retryable: false,
        }),
        access: vec![access(machine, sight, port)],
        services: Vec::new(),
        clues: Vec::new(),
        elapsed_ms: 900,
    };
    HostCommit {
        outcome,
        matched,
        exposures: Vec::new(),
        pins: Vec::new(),
        finished: when,
    }
}

/// Where the program keeps its catalogue on a desk.
pub(super) fn shelf(desk: &crate::support::Desk) -> PathBuf {
    let folder = desk.path("home/.local/share/underdesk");
    fs::create_dir_all(&folder).unwrap();
    folder.join("catalog.db")
}
