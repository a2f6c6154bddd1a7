//! The runs, as the store takes them.

use super::cast::{Machine, Reading};
use super::inventories::inventory;
use super::looks::{self, PORTS};
use super::network::{RUNS, Subnet, targets};
use super::studio::Studio;
use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;
use underdesk::identify::open_service;
use underdesk::model::{
    AccessRecord, Answer, Canaries, CredentialId, Date, Family, HostFailure, HostOutcome,
    HostTrust, LiveHost, ProbeKind, Protocol, ResultCode, RunId, RunSummary, Stage, Trace, UtcTime,
};
use underdesk::scan::{Awaited, Look, Pace, RunKind, RunLimits, RunPlan, Scope};
use underdesk::store::{HostCommit, Matched, NewRun, RunState, SightingRow, Store};
use underdesk::sweep::Profile;

/// One run with all that it found.
#[derive(Clone, Debug)]
pub(crate) struct RunFacts {
    pub(crate) new: NewRun,
    pub(crate) finished: UtcTime,
    /// The hosts, in the order in which they were done.
    pub(crate) hosts: Vec<HostCommit>,
    pub(crate) sightings: Vec<SightingRow>,
    /// How far the sweep came: to its end.
    pub(crate) mark: u64,
}

impl RunFacts {
    /// Writes the run into a store.
    pub(crate) fn fill(&self, store: &Store) {
        let run = &self.new.summary.id;
        store.begin_run(self.new.clone()).wait().unwrap();
        store
            .record_sightings(run, self.sightings.clone(), self.mark)
            .wait()
            .unwrap();
        store.commit_hosts(run, self.hosts.clone()).wait().unwrap();
        store
            .finish_run(run, RunState::Complete, self.finished)
            .wait()
            .unwrap();
    }
}

/// The morning on which a run begins, and how long it takes, in seconds.
const BEGINS: i64 = 7 * 3_600;
const TAKES: i64 = 2 * 3_600;

pub(super) fn make(studio: &mut Studio, run: usize) -> RunFacts {
    let plan = plan(run, studio.dice.next());
    let scope = Arc::new(plan.scope.targets().unwrap());
    let mark = plan.sweep(&scope).unwrap().len();
    let days = studio.calendar.runs[run];
    let started = studio.calendar.moment(days, BEGINS);
    let (mut hosts, mut sightings) = (Vec::new(), Vec::new());
    for number in 0..studio.machines.len() {
        for at in 0..studio.machines[number].presence[run].len() {
            let second = BEGINS + studio.dice.between(60, TAKES - 60);
            let finished = studio.calendar.moment(days, second);
            let machine = &studio.machines[number];
            hosts.push(commit(studio, machine, (run, at), (started, finished)));
            sightings.extend(seen(machine, (run, at), finished));
        }
    }
    studio.dice.shuffle(&mut hosts);
    RunFacts {
        new: new_run(run, started, &plan),
        finished: studio.calendar.moment(days, BEGINS + TAKES),
        hosts,
        sightings,
        mark,
    }
}

fn plan(run: usize, seed: u64) -> RunPlan {
    RunPlan {
        kind: RunKind::Scan,
        scope: Scope {
            targets: targets(run),
            ..Scope::default()
        },
        ports: PORTS.to_vec(),
        ssh_ports: vec![22],
        winrm_tls_ports: Vec::new(),
        winrm_ports: vec![5985],
        first_ports: Vec::new(),
        echo: false,
        engines: Vec::new(),
        // Seeds are kept as what fits into an integer of SQLite.
        seed: seed >> 1,
        pace: Pace::from(Profile::FAST),
        look: Look {
            deep: true,
            udp: vec![161],
            dns: true,
            ..Look::default()
        },
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

fn new_run(run: usize, started: UtcTime, plan: &RunPlan) -> NewRun {
    NewRun {
        summary: RunSummary {
            id: run_id(run),
            kind: RunKind::Scan.as_str().to_owned(),
            started,
            finished: None,
            operator: "ann".to_owned(),
            authorised_by: None,
            targets: plan.scope.targets.clone(),
            guards_lifted: Vec::new(),
            site: "default".to_owned(),
            catalog_digest: String::new(),
            catalog_imported: None,
            catalog_feed: String::new(),
            programs_digest: String::new(),
            simulated: true,
            canaries: Canaries::default(),
            state: RunState::Running,
        },
        settings: serde_json::to_value(plan).unwrap(),
        plan_fingerprint: "organisation".to_owned(),
        seed: plan.seed,
    }
}

/// What a run is called; 0 is the judged one, the last.
pub(crate) fn run_id(run: usize) -> RunId {
    RunId::new(format!("r-organisation-{}", RUNS - run))
}

fn commit(
    studio: &Studio,
    machine: &Machine,
    (run, at): (usize, usize),
    (started, finished): (UtcTime, UtcTime),
) -> HostCommit {
    let (address, _) = &machine.presence[run][at];
    let reading = machine.reading[run];
    let inventory = (reading == Reading::Read).then(|| inventory(studio, machine, run));
    let way = way(machine);
    let key = looks::host_key(machine);
    let banner = key
        .as_ref()
        .map(|_| open_service(22, machine.system.banner));
    let ended = machine.system.ended.and_then(Date::parse);
    let matched = inventory.is_some().then(|| Matched {
        findings: Arc::default(),
        catalog_digest: String::new(),
        end_of_life: ended,
        age: None,
    });
    let outcome = HostOutcome {
        host: LiveHost {
            address: IpAddr::V4(*address),
            name: None,
            tags: Arc::default(),
            open_ports: looks::open_ports(machine),
            round_trip: None,
        },
        host_key: key,
        credential: inventory.is_some().then(|| CredentialId::new(way.2)),
        inventory,
        failure: (reading == Reading::Rejected).then(|| HostFailure {
            stage: Stage::Login,
            code: ResultCode::AuthRejected,
            detail: "the host refuses this account".to_owned(),
            retryable: false,
        }),
        access: vec![access(reading, way)],
        services: banner.into_iter().collect(),
        clues: looks::clues(machine, run, at, started),
        elapsed_ms: 900,
    };
    HostCommit {
        outcome,
        matched,
        exposures: Vec::new(),
        pins: Vec::new(),
        finished,
    }
}

fn way(machine: &Machine) -> (Protocol, u16, &'static str) {
    match machine.system.family {
        Family::Windows => (Protocol::Winrm, 5985, "corp-winrm"),
        _ => (Protocol::Ssh, 22, "unix-ssh"),
    }
}

fn access(reading: Reading, (protocol, port, credential): (Protocol, u16, &str)) -> AccessRecord {
    let (code, attempted) = match reading {
        Reading::Read => (ResultCode::Ok, true),
        Reading::Rejected => (ResultCode::AuthRejected, true),
        Reading::NotTried(code) => (code, false),
    };
    let trust = match (attempted, protocol) {
        (true, Protocol::Ssh) => HostTrust::KnownHosts,
        (true, _) => HostTrust::Kerberos,
        (false, _) => HostTrust::None,
    };
    let is_covered = code != ResultCode::NoCredentialInScope;
    AccessRecord {
        protocol,
        port: Some(port),
        credential: is_covered.then(|| CredentialId::new(credential)),
        attempted,
        code,
        detail: String::new(),
        trust,
        elapsed_ms: 120,
    }
}

/// What the sweep saw at an address: open ports, and on a Unix a refused one.
fn seen(machine: &Machine, (run, at): (usize, usize), when: UtcTime) -> Vec<SightingRow> {
    let (address, mac) = &machine.presence[run][at];
    let open = looks::open_ports(machine);
    let refuses = machine.system.family != Family::Windows && machine.kind != "firewall";
    let closed = PORTS
        .iter()
        .filter(|port| refuses && !open.contains(port))
        .take(1);
    let answers = open.iter().map(|port| (*port, Answer::Open));
    let answers = answers.chain(closed.map(|port| (*port, Answer::Closed)));
    let row = |(port, answer)| SightingRow {
        address: IpAddr::V4(*address),
        probe: ProbeKind::Tcp(port),
        answer,
        round_trip_us: Some(700),
        tries: 1,
        seen_at: when,
        trace: (machine.kind == "firewall").then_some(Trace {
            ttl: 254,
            window: 8_192,
            options: 7,
        }),
        mac: own_link(*address, mac),
        banner: None,
    };
    answers.map(row).collect()
}

fn own_link(address: Ipv4Addr, mac: &str) -> Option<[u8; 6]> {
    let is_own = Subnet::of(address).is_some_and(|subnet| subnet.is_own);
    underdesk::identify::read_mac(mac).filter(|_| is_own)
}
