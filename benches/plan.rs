//! How long it takes to plan a fleet: the goal is 10,000 machines in 10 seconds.

use divan::Bencher;
use divan::counter::ItemsCount;
use std::collections::BTreeSet;
use std::net::IpAddr;
use std::sync::Arc;
use underdesk::classify::{self, MachineNeeds, PlanRules, Schedule};
use underdesk::model::{
    BulletinId, Confidence, Evidence, Finding, FindingState, KbId, MachineId, Remedy, Restart,
    Tool, UtcTime,
};

fn main() {
    divan::main();
}

const MACHINES: u32 = 10_000;
/// Findings of a machine that packages close, and those that updates with names close.
const PACKAGES: u32 = 100;
const UPDATES: u32 = 10;

fn finding(bulletin: String, product: &str) -> Finding {
    Finding {
        cves: vec![format!("CVE-2026-{bulletin}")],
        bulletin: BulletinId::new(bulletin),
        title: String::new(),
        product: product.to_owned(),
        packages: vec![product.to_owned()],
        installed: "1.2-2".to_owned(),
        fixed: Some("1.2-3".to_owned()),
        state: FindingState::Missing,
        confidence: Confidence::High,
        severity: None,
        cvss_tenths: None,
        impacts: Vec::new(),
        cwes: Vec::new(),
        kev: Vec::new(),
        kev_checked: true,
        kev_due: None,
        support_ends: None,
        epss: None,
        remedy: None,
        evidence: Evidence {
            observed: String::new(),
            question: String::new(),
            rule: String::new(),
            record: String::new(),
            witnesses: Vec::new(),
        },
    }
}

/// An update that another one replaces, so that there is something to choose.
fn lacks(number: u32) -> Finding {
    let name = |number: u32| format!("KB{}", 5_000_000 + number);
    let mut finding = finding(name(number), "windows");
    finding.remedy = Some(Box::new(Remedy {
        update: name(number),
        kb: Some(KbId(5_000_000 + number)),
        title: String::new(),
        build: None,
        restart: Some(Restart::Yes),
        prerequisites: Vec::new(),
        supersedes: vec![name(number + 1), name(number + 2)],
        download: None,
        download_size: None,
        download_hash: None,
        silent_switch: None,
    }));
    finding
}

fn machine(number: u32) -> MachineNeeds {
    let packages = (0..PACKAGES).map(|at| {
        finding(
            format!("{number}-{at}"),
            &format!("lib{}-{at}", number % 997),
        )
    });
    let address = IpAddr::from((0x0a00_0000 + number).to_be_bytes());
    MachineNeeds {
        id: MachineId::new(format!("m-{number:012x}")),
        hostname: format!("h-{number}"),
        address,
        place: address.to_string(),
        owner: String::new(),
        tags: Vec::new(),
        tool: Some(Tool::Apt),
        held: BTreeSet::new(),
        kernels: Vec::new(),
        waits: false,
        findings: Arc::new(packages.chain((0..UPDATES).map(lacks)).collect()),
        decisions: Vec::new(),
    }
}

/// No two machines are alike.
#[divan::bench(sample_count = 3, sample_size = 1)]
fn plan(bencher: Bencher<'_, '_>) {
    let machines: Vec<MachineNeeds> = (0..MACHINES).map(machine).collect();
    let rules = PlanRules {
        schedule: Schedule::default(),
        only: Vec::new(),
        severity: None,
        overdue: false,
        now: UtcTime::from_unix(0),
    };
    bencher
        .counter(ItemsCount::new(machines.len()))
        .bench(|| classify::plan(&machines, &rules));
}
