//! Runs made by hand, for tests.

use super::{ReportSource, Sink};
use crate::model::{
    AccessRecord, BulletinId, Comparison, Confidence, CoverageRow, CredentialId, Date, Evidence,
    Family, Finding, FindingHistory, FindingId, FindingState, GapCause, HostIdentity, HostTrust,
    Inventory, Kernel, MachineId, MachineRecord, NetworkInterface, Observed, Package,
    PackageAction, PackageChange, PackageLog, PackageManager, PackageState, Platform, Protocol,
    Reboot, Remedy, ResultCode, RunId, RunState, RunSummary, SeenBy, Service, Severity,
    SourceDanger, SourcePackage, UnixFacts, UpdateSource, UtcTime, Witness, WitnessKind,
};
use std::cell::RefCell;
use std::collections::BTreeMap;
use std::io::{self, Write};
use std::net::IpAddr;
use std::rc::Rc;
use std::sync::Arc;

/// A run in memory.
#[derive(Clone)]
pub(super) struct Run {
    pub(super) summary: RunSummary,
    pub(super) coverage: Vec<CoverageRow>,
    pub(super) machines: Vec<MachineRecord>,
    pub(super) comparison: Option<Comparison>,
}

impl ReportSource for Run {
    fn run(&self) -> &RunSummary {
        &self.summary
    }

    fn coverage(&self) -> &[CoverageRow] {
        &self.coverage
    }

    fn machines(&self, visit: &mut dyn FnMut(&MachineRecord) -> io::Result<()>) -> io::Result<()> {
        self.machines.iter().try_for_each(visit)
    }

    fn comparison(&self) -> Option<&Comparison> {
        self.comparison.as_ref()
    }
}

/// Documents in memory.
#[derive(Clone, Default)]
pub(super) struct Memory(Rc<RefCell<BTreeMap<String, Vec<u8>>>>);

impl Memory {
    pub(super) fn names(&self) -> Vec<String> {
        self.0.borrow().keys().cloned().collect()
    }

    pub(super) fn bytes(&self, name: &str) -> Vec<u8> {
        self.0.borrow()[name].clone()
    }

    pub(super) fn text(&self, name: &str) -> String {
        String::from_utf8(self.bytes(name)).unwrap()
    }
}

impl Sink for Memory {
    fn file(&mut self, name: &str) -> io::Result<Box<dyn Write>> {
        let old = self.0.borrow_mut().insert(name.to_owned(), Vec::new());
        assert!(old.is_none(), "{name} is opened twice");
        Ok(Box::new(Page(self.clone(), name.to_owned())))
    }
}

struct Page(Memory, String);

impl Write for Page {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let mut files = self.0.0.borrow_mut();
        files.get_mut(&self.1).unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn time(text: &str) -> UtcTime {
    UtcTime::parse(text).unwrap()
}

pub(super) fn day(text: &str) -> Date {
    Date::parse(text).unwrap()
}

pub(super) fn run(machines: Vec<MachineRecord>) -> Run {
    let row = |subnet: &str, answered: u128| CoverageRow {
        subnet: subnet.to_owned(),
        in_scope: 254,
        excluded: 2,
        swept: 250,
        answered,
        silent: 250 - answered,
        not_begun: 4,
        assessed: 1,
        probes_lost_percent: 0.25,
        started: Some(time("2026-11-22T18:00:00Z")),
        finished: Some(time("2026-11-22T18:01:00Z")),
        searched_by: None,
        no_address: None,
    };
    Run {
        summary: RunSummary {
            id: RunId::new("r-20261122T180000Z-4f2a"),
            kind: "scan".to_owned(),
            started: time("2026-11-22T18:00:00Z"),
            finished: Some(time("2026-11-22T18:02:00Z")),
            operator: "ada".to_owned(),
            authorised_by: Some("ticket 42".to_owned()),
            targets: vec!["10.0.2.0/24".to_owned(), "10.0.10.0/24".to_owned()],
            guards_lifted: vec!["yes".to_owned()],
            site: "default".to_owned(),
            catalog_digest: "c0ffee".to_owned(),
            catalog_imported: Some(time("2026-11-01T00:00:00Z")),
            catalog_feed: String::new(),
            programs_digest: String::new(),
            simulated: false,
            canaries: crate::model::Canaries::default(),
            state: RunState::Complete,
        },
        coverage: vec![row("10.0.10.0/24", 1), row("10.0.2.0/24", 2)],
        machines,
        comparison: None,
    }
}

/// A machine that was met and not read.
pub(super) fn unread(address: &str) -> MachineRecord {
    let address: IpAddr = address.parse().unwrap();
    MachineRecord {
        id: MachineId::from_key("default", "address", &address.to_string()),
        addresses: vec![address],
        target_name: None,
        tags: Vec::new(),
        outcome: "network_only".to_owned(),
        failure: None,
        credential: None,
        host_key: None,
        same_key: Vec::new(),
        inventory: None,
        findings: Arc::default(),
        decided: None,
        history: BTreeMap::new(),
        access: vec![(address, access(ResultCode::NoCredentialInScope))],
        services: vec![(address, service(SeenBy::Scan))],
        clues: Vec::new(),
        fingerprint: crate::model::Fingerprint::default(),
        intermediary: None,
        also: Vec::new(),
        listed_name: String::new(),
        listed_owner: String::new(),
        is_claimed: false,
        standing: None,
        usual_hours: String::new(),
        end_of_life: None,
        first_seen: day("2026-11-22"),
        last_seen: time("2026-11-22T18:01:30Z"),
    }
}

/// A machine that was read in full.
pub(super) fn read(address: &str, name: &str, findings: Vec<Finding>) -> MachineRecord {
    let mut machine = unread(address);
    let address = machine.addresses[0];
    "scanned_full".clone_into(&mut machine.outcome);
    let mut ok = access(ResultCode::Ok);
    ok.credential = Some(CredentialId::new("linux-key"));
    ok.attempted = true;
    ok.trust = HostTrust::Pinned;
    machine.credential = ok.credential.clone();
    machine.access = vec![(address, ok)];
    machine.inventory = Some(Arc::new(inventory(name)));
    machine.end_of_life = Some(day("2028-06-30"));
    let history = FindingHistory {
        first_seen: day("2026-11-01"),
        times_seen: 3,
    };
    let ids = findings
        .iter()
        .map(|one| FindingId::of(&machine.id, &one.product, &one.bulletin));
    machine.history = ids.map(|id| (id, history)).collect();
    machine.findings = Arc::new(findings);
    machine
}

pub(super) fn access(code: ResultCode) -> AccessRecord {
    AccessRecord {
        protocol: Protocol::Ssh,
        port: Some(22),
        credential: None,
        attempted: false,
        code,
        detail: "a detail".to_owned(),
        trust: HostTrust::None,
        elapsed_ms: 12,
    }
}

pub(super) fn service(seen_by: SeenBy) -> Service {
    Service {
        proto: "tcp".to_owned(),
        port: 22,
        bind: String::new(),
        state: "open".to_owned(),
        service: "ssh".to_owned(),
        product: "OpenSSH".to_owned(),
        version: "9.2p1".to_owned(),
        program: "sshd".to_owned(),
        user: "root".to_owned(),
        banner: "SSH-2.0-OpenSSH_9.2p1".to_owned(),
        seen_by,
        tls: None,
        certainty: crate::model::Certainty::None,
    }
}

pub(super) fn inventory(name: &str) -> Inventory {
    let known = |text: &str| Observed::Known(text.to_owned());
    let denied = |question: &str| Observed::gap_of(question, GapCause::Denied);
    Inventory {
        collector: "debian".to_owned(),
        platform: platform(),
        identity: HostIdentity {
            machine_guid: Observed::default(),
            machine_id: known("0123456789abcdef0123456789abcdef"),
            boot_id: known("b"),
            product_uuid: denied("dmi"),
            serial: denied("dmi"),
            vendor: known(""),
            interfaces: Observed::Known(vec![NetworkInterface {
                name: "eth0".to_owned(),
                mac: "02:00:00:00:00:01".to_owned(),
                addresses: vec!["192.168.7.7".parse().unwrap()],
            }]),
            hostname: known(name),
            fqdn: known(""),
        },
        packages: Observed::Known(vec![
            package("openssl", PackageState::Installed),
            package("bash", PackageState::Incomplete),
            package("gone", PackageState::ConfigFiles),
        ]),
        services: Observed::Known(vec![service(SeenBy::Host)]),
        windows: None,
        unix: Some(Box::new(unix())),
        reboot: Observed::Known(Reboot::default()),
        gaps: Vec::new(),
    }
}

fn unix() -> UnixFacts {
    let source = |id: &str, url: &str, danger| UpdateSource {
        manager: PackageManager::Dpkg,
        id: id.to_owned(),
        url: url.to_owned(),
        enabled: true,
        dangers: vec![danger],
    };
    UnixFacts {
        sources: Observed::Known(vec![
            source(
                "bookworm main",
                "http://deb.debian.org/debian",
                SourceDanger::PlainText,
            ),
            source("=cmd", "https://apt.corp.example/", SourceDanger::Unsigned),
        ]),
        history: Observed::Known(vec![PackageChange {
            at: time("2026-05-02T10:00:00Z"),
            package: "openssl".to_owned(),
            action: PackageAction::Upgraded,
            from: Some("3.0.8-1".to_owned()),
            to: Some("3.0.9-1+b1".to_owned()),
            by: Some("=anna".to_owned()),
            command: Some("apt upgrade".to_owned()),
            log: Some(PackageLog::Apt),
        }]),
        ..UnixFacts::default()
    }
}

pub(super) fn platform() -> Platform {
    Platform {
        family: Family::Debian,
        id: "debian".to_owned(),
        name: "Debian GNU/Linux 12 (bookworm)".to_owned(),
        version: Some("12".to_owned()),
        codename: Some("bookworm".to_owned()),
        ecosystem: Some("Debian:12".to_owned()),
        arch: Some("x86_64".to_owned()),
        windows: None,
        kernel: Kernel::default(),
    }
}

pub(super) fn package(name: &str, state: PackageState) -> Package {
    Package {
        manager: PackageManager::Dpkg,
        name: name.to_owned(),
        version: "3.0.9-1+b1".to_owned(),
        arch: "amd64".to_owned(),
        source: SourcePackage {
            name: name.to_owned(),
            version: "3.0.9-1".to_owned(),
        },
        state,
        held: false,
        installed_at: Some(time("2026-05-01T00:00:00Z")),
        vendor: Some("Debian OpenSSL Team".to_owned()),
        module: None,
        repository: None,
    }
}

pub(super) fn finding(product: &str, bulletin: &str, state: FindingState) -> Finding {
    Finding {
        bulletin: BulletinId::new(bulletin),
        title: format!("{product}: a flaw"),
        product: product.to_owned(),
        packages: vec![product.to_owned()],
        installed: "3.0.9-1".to_owned(),
        fixed: Some("3.0.11-1~deb12u2".to_owned()),
        state,
        confidence: Confidence::High,
        severity: Some(Severity::High),
        cvss_tenths: Some(75),
        impacts: Vec::new(),
        cwes: Vec::new(),
        cves: vec![bulletin.to_owned()],
        kev: Vec::new(),
        kev_checked: true,
        kev_due: None,
        support_ends: None,
        epss: None,
        remedy: None,
        evidence: Evidence {
            observed: format!("{product}:amd64 3.0.9-1"),
            question: "dpkg-packages".to_owned(),
            rule: "dpkg: installed < fixed".to_owned(),
            record: format!("osv {bulletin}"),
            witnesses: Vec::new(),
        },
    }
}

/// A run in which every text that a host, a feed or an operator may choose is one of `texts`.
pub(super) fn filled(texts: &[String]) -> Run {
    let mut supply = texts.iter().cycle();
    let mut next = move || supply.next().cloned().unwrap_or_default();
    let findings = vec![filled_finding(&mut next), filled_remedy(&mut next)];
    let mut machine = read("10.0.2.1", &next(), findings);
    machine.id = MachineId::new(next());
    machine.target_name = Some(next());
    machine.tags = vec![next(), format!("owner={}", next())];
    machine.outcome = next();
    machine.credential = Some(CredentialId::new(next()));
    machine.access[0].1.detail = next();
    let mut inventory = inventory(&next());
    let identity = &mut inventory.identity;
    identity.fqdn = Observed::Known(next());
    identity.serial = Observed::Known(next());
    identity.interfaces = Observed::Known(vec![NetworkInterface {
        name: next(),
        mac: next(),
        addresses: Vec::new(),
    }]);
    inventory.platform.name = next();
    inventory.platform.version = Some(next());
    let mut package = package(&next(), PackageState::Installed);
    (package.version, package.arch, package.vendor) = (next(), next(), Some(next()));
    inventory.packages = Observed::Known(vec![package]);
    for seen in machine.services.iter_mut().map(|(_, seen)| seen) {
        (seen.banner, seen.program, seen.user) = (next(), next(), next());
        (seen.product, seen.bind, seen.version) = (next(), next(), next());
    }
    machine.inventory = Some(Arc::new(inventory));
    let mut run = run(vec![machine, super::sample_windows::filled(&mut next)]);
    run.coverage[0].subnet = next();
    run.summary.operator = next();
    run.summary.targets = vec![next()];
    run.summary.site = next();
    run
}

fn filled_finding(next: &mut impl FnMut() -> String) -> Finding {
    let mut finding = finding(&next(), &next(), FindingState::Missing);
    finding.title = next();
    finding.installed = next();
    finding.fixed = Some(next());
    finding.cves = vec![next(), next()];
    finding.kev = vec![next()];
    finding.evidence = Evidence {
        observed: next(),
        question: next(),
        rule: next(),
        record: next(),
        witnesses: vec![Witness {
            kind: WitnessKind::File,
            source: next(),
            value: next(),
            says_fixed: Some(false),
        }],
    };
    finding
}

fn filled_remedy(next: &mut impl FnMut() -> String) -> Finding {
    let mut finding = filled_finding(next);
    finding.remedy = Some(Box::new(Remedy {
        update: next(),
        kb: None,
        title: next(),
        build: Some(next()),
        restart: None,
        prerequisites: vec![next(), next()],
        supersedes: vec![next(), next()],
        download: Some(next()),
        download_size: None,
        download_hash: None,
        silent_switch: None,
    }));
    finding
}
