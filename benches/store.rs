//! How long it takes to open a run after a night in which nobody could log in: each machine claims to be the one that was
//! read at its address before. It grows with the machines, not with their square.

#![expect(
    clippy::unwrap_used,
    reason = "a bench may stop at what it did not expect"
)]

use divan::Bencher;
use divan::counter::ItemsCount;
use serde_json::Value;
use std::net::IpAddr;
use std::sync::Arc;
use underdesk::model::{
    Canaries, Clue, Fact, Family, HostIdentity, HostOutcome, Inventory, Kernel, LiveHost, Observed,
    Platform, Reboot, RunId, RunSummary, UtcTime,
};
use underdesk::store::{HostCommit, NewRun, ReportOptions, RunState, Store};

fn main() {
    divan::main();
}

const SIZES: [u32; 2] = [1_000, 5_000];

#[divan::bench(args = SIZES, sample_count = 10)]
fn a_run_whose_machines_claim_to_be_those_of_a_run_before(bencher: Bencher<'_, '_>, count: u32) {
    let store = Store::in_memory().unwrap();
    night(&store, "r-1", count, true);
    let run = night(&store, "r-2", count, false);
    let opened = || {
        let report = store.report(&run, ReportOptions::default());
        report.wait().unwrap().machine_ids().len()
    };
    bencher.counter(ItemsCount::new(count)).bench_local(opened);
    let report = store.report(&run, ReportOptions::default()).wait().unwrap();
    let last = report.machine(opened() - 1).unwrap().unwrap();
    assert!(last.is_claimed, "nobody claims to be anybody");
}

/// A run over Windows machines, which are read or not.
fn night(store: &Store, id: &str, count: u32, is_read: bool) -> RunId {
    let id = RunId::new(id);
    let at = UtcTime::parse("2026-11-22T18:00:00Z").unwrap();
    let summary = RunSummary {
        id: id.clone(),
        kind: "scan".to_owned(),
        started: at,
        finished: None,
        operator: "ada".to_owned(),
        authorised_by: None,
        targets: vec!["10.0.0.0/16".to_owned()],
        guards_lifted: Vec::new(),
        site: "default".to_owned(),
        catalog_digest: String::new(),
        catalog_imported: None,
        catalog_feed: String::new(),
        programs_digest: String::new(),
        simulated: true,
        canaries: Canaries::default(),
        state: RunState::Running,
    };
    let new = NewRun {
        summary,
        settings: Value::Null,
        plan_fingerprint: String::new(),
        seed: 1,
    };
    store.begin_run(new).wait().unwrap();
    let commits = (1..=count).map(|number| HostCommit {
        outcome: host(number, is_read),
        matched: None,
        exposures: Vec::new(),
        pins: Vec::new(),
        finished: at,
    });
    store.commit_hosts(&id, commits.collect()).wait().unwrap();
    store
        .finish_run(&id, RunState::Complete, at)
        .wait()
        .unwrap();
    id
}

/// A Windows of a domain, as it shows itself to whoever asks.
fn host(number: u32, is_read: bool) -> HostOutcome {
    let clue = |fact| Clue {
        source: "smb2".to_owned(),
        proto: "tcp".to_owned(),
        port: 445,
        fact,
    };
    let facts = [
        Fact::NetbiosComputer(format!("WS-{number}")),
        Fact::NetbiosDomain("CORP".to_owned()),
        Fact::DnsComputer(format!("ws-{number}.corp.example")),
        Fact::ServerGuid(format!("{number:08x}-0000-4000-8000-000000000001")),
    ];
    let address = IpAddr::from((0x0a00_0000 + number).to_be_bytes());
    HostOutcome {
        host: LiveHost {
            address,
            name: None,
            tags: Arc::from([]),
            open_ports: vec![445],
            round_trip: None,
        },
        host_key: None,
        inventory: is_read.then(|| inventory(number)),
        credential: None,
        failure: None,
        access: Vec::new(),
        services: Vec::new(),
        clues: facts.map(clue).into(),
        elapsed_ms: 1,
    }
}

fn inventory(number: u32) -> Inventory {
    Inventory {
        collector: "windows".to_owned(),
        platform: Platform {
            family: Family::Windows,
            id: "windows".to_owned(),
            name: "Windows Server 2019".to_owned(),
            version: None,
            codename: None,
            ecosystem: None,
            arch: None,
            kernel: Kernel::default(),
            windows: None,
        },
        identity: HostIdentity {
            machine_guid: Observed::Known(format!("{number:08x}-0000-4000-8000-00000000cafe")),
            product_uuid: Observed::Known(format!("4C4C4544-0044-3510-8051-B4C0{number:08X}")),
            ..HostIdentity::default()
        },
        packages: Observed::default(),
        services: Observed::default(),
        windows: None,
        unix: None,
        reboot: Observed::Known(Reboot::default()),
        gaps: Vec::new(),
    }
}
