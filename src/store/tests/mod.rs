//! The store from its front door, and what the tests share.

mod annotations;
mod breaker;
mod carry;
mod crash;
mod delete;
mod exceptions;
mod file;
mod identity;
mod lists;
mod readings;
mod report;
mod runs;
mod stored;
mod trails;

use super::*;
use crate::model::{
    AccessRecord, Answer, BulletinId, Confidence, Evidence, Family, Finding, FindingState,
    GapCause, HostIdentity, HostOutcome, HostTrust, Kernel, LiveHost, NetworkInterface, Observed,
    Package, PackageManager, PackageState, Platform, ProbeKind, Protocol, Reboot, ResultCode,
    RunSummary, SeenBy, Service, SourcePackage, Trace,
};

pub(super) fn time(text: &str) -> UtcTime {
    UtcTime::parse(text).unwrap()
}

pub(super) fn run_id(number: u32) -> RunId {
    RunId::new(format!("r-{number}"))
}

/// The `number`th run, a day after the one before.
pub(super) fn new_run(number: u32) -> NewRun {
    NewRun {
        summary: RunSummary {
            id: run_id(number),
            kind: "scan".into(),
            started: UtcTime::from_unix(1_800_000_000 + i64::from(number) * 86_400),
            finished: None,
            operator: "ann".into(),
            authorised_by: Some("the board".into()),
            targets: vec!["192.0.2.0/24".into()],
            guards_lifted: vec!["yes".into()],
            site: "default".into(),
            catalog_digest: String::new(),
            catalog_imported: None,
            catalog_feed: String::new(),
            programs_digest: String::new(),
            simulated: false,
            canaries: crate::model::Canaries::default(),
            state: RunState::Running,
        },
        settings: serde_json::json!({ "ports": [22] }),
        plan_fingerprint: "p".into(),
        seed: u64::MAX,
    }
}

/// A store in memory with one run.
pub(super) fn store() -> (Store, RunId) {
    let store = Store::in_memory().unwrap();
    store.begin_run(new_run(1)).wait().unwrap();
    (store, run_id(1))
}

pub(super) fn address(last: u16) -> IpAddr {
    let [high, low] = last.to_be_bytes();
    [10, 0, high, low].into()
}

/// A host that nobody logged in to.
pub(super) fn bare(last: u16) -> HostOutcome {
    HostOutcome {
        host: LiveHost {
            address: address(last),
            name: None,
            tags: Arc::from(["tier=1".to_owned()]),
            open_ports: vec![22],
            round_trip: Some(std::time::Duration::from_micros(1500)),
        },
        host_key: None,
        inventory: None,
        credential: None,
        failure: None,
        access: vec![access(ResultCode::NoCredentialInScope)],
        services: vec![service()],
        clues: Vec::new(),
        elapsed_ms: 12,
    }
}

pub(super) fn access(code: ResultCode) -> AccessRecord {
    AccessRecord {
        protocol: Protocol::Ssh,
        port: Some(22),
        credential: None,
        attempted: false,
        code,
        detail: "d".into(),
        trust: HostTrust::Unknown,
        elapsed_ms: 3,
    }
}

fn service() -> Service {
    Service {
        proto: "tcp".into(),
        port: 22,
        bind: String::new(),
        state: "open".into(),
        service: "ssh".into(),
        product: String::new(),
        version: String::new(),
        program: String::new(),
        user: String::new(),
        banner: "SSH-2.0-x".into(),
        seen_by: SeenBy::Scan,
        tls: None,
        certainty: crate::model::Certainty::None,
    }
}

pub(super) fn key(name: &str) -> HostKey {
    HostKey {
        algorithm: "ssh-ed25519".into(),
        fingerprint: format!("SHA256:{name}"),
    }
}

/// A host that was read: machine, boot and MAC are made of small numbers.
pub(super) fn read(last: u16, machine: u8, boot: u8, mac: Option<u8>) -> HostOutcome {
    HostOutcome {
        host_key: Some(key(&format!("k{machine}"))),
        inventory: Some(inventory(machine, boot, mac)),
        credential: Some(CredentialId::new("c")),
        access: vec![access(ResultCode::AuthRejected), access(ResultCode::Ok)],
        ..bare(last)
    }
}

pub(super) fn inventory(machine: u8, boot: u8, mac: Option<u8>) -> Inventory {
    let mac = mac.map(|mac| NetworkInterface {
        name: "eth0".into(),
        mac: format!("00:15:5d:00:00:{mac:02x}"),
        addresses: Vec::new(),
    });
    let unknown = || Observed::gap_of("dmi", GapCause::Denied);
    Inventory {
        collector: "debian".into(),
        platform: Platform {
            family: Family::Debian,
            id: "debian".into(),
            name: "Debian".into(),
            version: Some("12".into()),
            codename: None,
            ecosystem: Some("Debian:12".into()),
            arch: None,
            windows: None,
            kernel: Kernel::default(),
        },
        identity: HostIdentity {
            machine_guid: Observed::default(),
            machine_id: Observed::Known(format!("{machine:02x}").repeat(15) + "77"),
            boot_id: Observed::Known(format!("{boot:02x}").repeat(15) + "88"),
            product_uuid: unknown(),
            serial: unknown(),
            vendor: unknown(),
            interfaces: Observed::Known(mac.into_iter().collect()),
            hostname: Observed::Known("h".into()),
            fqdn: unknown(),
        },
        packages: Observed::Known(vec![package("bash")]),
        services: Observed::Known(Vec::new()),
        windows: None,
        unix: None,
        reboot: Observed::Known(Reboot::default()),
        gaps: Vec::new(),
    }
}

pub(super) fn package(name: &str) -> Package {
    Package {
        manager: PackageManager::Dpkg,
        name: name.into(),
        version: "1".into(),
        arch: "amd64".into(),
        source: SourcePackage {
            name: name.into(),
            version: "1".into(),
        },
        state: PackageState::Installed,
        held: false,
        installed_at: None,
        vendor: None,
        module: None,
        repository: None,
    }
}

pub(super) fn finding(bulletin: &str, state: FindingState) -> Finding {
    Finding {
        bulletin: BulletinId::new(bulletin),
        title: "t".into(),
        product: "bash".into(),
        packages: vec!["bash".into()],
        installed: "1".into(),
        fixed: Some("2".into()),
        state,
        confidence: Confidence::High,
        severity: None,
        cvss_tenths: None,
        impacts: Vec::new(),
        cwes: Vec::new(),
        cves: Vec::new(),
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

pub(super) fn matched(bulletins: &[&str]) -> Matched {
    let findings = bulletins.iter();
    let findings = findings.map(|bulletin| finding(bulletin, FindingState::Missing));
    Matched {
        findings: Arc::new(findings.collect()),
        catalog_digest: "cat".into(),
        end_of_life: crate::model::Date::parse("2028-06-30"),
        age: None,
    }
}

pub(super) fn commit(outcome: HostOutcome) -> HostCommit {
    let matched = outcome.inventory.as_ref().map(|_| matched(&["CVE-1"]));
    HostCommit {
        outcome,
        matched,
        exposures: Vec::new(),
        pins: Vec::new(),
        finished: time("2026-11-22T18:00:00Z"),
    }
}
