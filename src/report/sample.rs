//! Runs made by hand, for tests.

use super::{ReportSource, Sink};
use crate::model::{
    AccessRecord, BulletinId, Component, ComponentKind, Confidence, CoverageRow, CredentialId,
    Date, Evidence, Family, Finding, FindingHistory, FindingId, FindingState, GapCause,
    HostIdentity, HostTrust, Hotfix, HotfixSource, HotfixState, Inventory, KbId, Kernel, MachineId,
    MachineRecord, Membership, NetworkInterface, Observed, Package, PackageManager, PackageState,
    Platform, Program, ProgramScope, Protocol, Reboot, ResultCode, RunId, RunSummary, SeenBy,
    Service, Severity, SourcePackage, UpdatePolicy, UtcTime, WindowsBuild, WindowsFacts,
    WindowsRelease, WindowsRole,
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

fn day(text: &str) -> Date {
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
            simulated: false,
        },
        coverage: vec![row("10.0.10.0/24", 1), row("10.0.2.0/24", 2)],
        machines,
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
        inventory: None,
        findings: Arc::default(),
        history: BTreeMap::new(),
        access: vec![(address, access(ResultCode::NoCredentialInScope))],
        services: vec![(address, service(SeenBy::Scan))],
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
        reboot: Observed::Known(Reboot::default()),
        gaps: Vec::new(),
    }
}

fn platform() -> Platform {
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
        cves: vec![bulletin.to_owned()],
        kev: Vec::new(),
        kev_checked: true,
        kev_due: None,
        evidence: Evidence {
            observed: format!("{product}:amd64 3.0.9-1"),
            question: "dpkg-packages".to_owned(),
            rule: "dpkg: installed < fixed".to_owned(),
            record: format!("osv {bulletin}"),
        },
    }
}

/// A Windows server that was read.
pub(super) fn windows(address: &str, name: &str) -> MachineRecord {
    let mut unjudged = finding("windows", "unknown:catalogue", FindingState::Unknown);
    unjudged.cves.clear();
    let mut machine = read(address, name, vec![unjudged]);
    machine.end_of_life = None;
    let mut read = inventory(name);
    "windows".clone_into(&mut read.collector);
    read.platform = windows_platform();
    let known = |text: &str| Observed::Known(text.to_owned());
    let identity = &mut read.identity;
    identity.machine_id = Observed::default();
    identity.boot_id = Observed::default();
    identity.machine_guid = known("0a1b2c3d-0000-4000-8000-00000000cafe");
    identity.product_uuid = known("4c4c4544-0044-3510-8051-b4c04f4d3132");
    identity.serial = known("SN-1234");
    identity.fqdn = known("srv1.corp.example");
    read.packages = Observed::default();
    let mut service = service(SeenBy::Host);
    (service.port, service.service) = (1433, String::new());
    (service.product, service.version) = (String::new(), String::new());
    service.banner.clear();
    "sqlservr.exe".clone_into(&mut service.program);
    r"NT Service\MSSQLSERVER".clone_into(&mut service.user);
    "listening".clone_into(&mut service.state);
    "0.0.0.0".clone_into(&mut service.bind);
    read.services = Observed::Known(vec![service]);
    read.windows = Some(Box::new(windows_facts()));
    machine.inventory = Some(Arc::new(read));
    machine.services.clear();
    let access = &mut machine.access[0].1;
    (access.protocol, access.port) = (Protocol::Winrm, Some(5986));
    access.trust = HostTrust::TlsCa;
    access.credential = Some(CredentialId::new("windows-audit"));
    machine.credential = access.credential.clone();
    machine
}

fn windows_platform() -> Platform {
    let mut platform = platform();
    platform.family = Family::Windows;
    "windows".clone_into(&mut platform.id);
    "Windows Server 2022 Standard".clone_into(&mut platform.name);
    platform.version = Some("21H2".to_owned());
    (platform.codename, platform.ecosystem) = (None, None);
    platform.arch = Some("x64".to_owned());
    platform.windows = Some(WindowsRelease {
        build: WindowsBuild {
            build: 20_348,
            ubr: Some(2_402),
        },
        product_name: Some(platform.name.clone()),
        edition: Some("ServerStandard".to_owned()),
        installation: Some("Server".to_owned()),
        display_version: Some("21H2".to_owned()),
        service_pack: None,
        role: Some(WindowsRole::Server),
        sku: Some(7),
        language: Some(1031),
        build_lab: None,
    });
    platform
}

fn windows_facts() -> WindowsFacts {
    let component = |name: &str, version: &str| Component {
        name: name.to_owned(),
        version: version.to_owned(),
        arch: Some("x64".to_owned()),
        source: r"HKLM\SOFTWARE\Microsoft".to_owned(),
        ..Component::default()
    };
    let mut sql = component("SQL Server (MSSQLSERVER)", "15.0.4430.1");
    sql.instance = Some("MSSQLSERVER".to_owned());
    sql.edition = Some("Standard Edition".to_owned());
    let mut office = component("Microsoft 365 Apps for enterprise", "16.0.17328.20162");
    office.edition = Some("O365ProPlusRetail".to_owned());
    office.channel = Some("MonthlyEnterprise".to_owned());
    let components = [
        (ComponentKind::SqlServer, vec![sql]),
        (ComponentKind::OfficeClickToRun, vec![office]),
        (ComponentKind::Exchange, Vec::new()),
        (
            ComponentKind::DotNetFramework,
            vec![component(".NET Framework 4.8", "528449")],
        ),
    ];
    let components = components.map(|(kind, found)| (kind, Observed::Known(found)));
    let mut own = program("Chat", Some("1.2"), "Chat");
    own.scope = ProgramScope::User("S-1-5-21-1-2-3-1001".to_owned());
    own.arch = None;
    WindowsFacts {
        hotfixes: Observed::Known(vec![
            hotfix(5_034_122, HotfixState::Installed, Some("2024-04-10")),
            hotfix(5_034_123, HotfixState::Superseded, None),
            hotfix(5_034_124, HotfixState::Staged, None),
            hotfix(890_830, HotfixState::PendingReboot, Some("2026-11-11")),
        ]),
        programs: Observed::Known(vec![
            program("7-Zip 23.01 (x64)", Some("23.01"), "7-Zip"),
            program(
                "Microsoft SQL Server 2019 (64-bit)",
                None,
                "Microsoft SQL Server SQL2019",
            ),
            program("SQL Server 2019 Client Tools", Some("15.0.2000.5"), "{A}"),
            program(
                "Microsoft 365 Apps for enterprise - de-de",
                Some("16.0.1"),
                "O365ProPlusRetail - de-de",
            ),
            own,
        ]),
        components: components.into(),
        update_policy: Observed::Known(UpdatePolicy {
            wsus: Some("http://wsus.corp.example:8530".to_owned()),
            uses_wsus: true,
            ..UpdatePolicy::default()
        }),
        membership: Observed::Known(Membership {
            name: "corp.example".to_owned(),
            is_domain: true,
        }),
        ..WindowsFacts::default()
    }
}

fn hotfix(kb: u32, state: HotfixState, installed: Option<&str>) -> Hotfix {
    Hotfix {
        id: KbId(kb).to_string(),
        kb: Some(KbId(kb)),
        title: None,
        kind: Some("Security Update".to_owned()),
        state,
        build: None,
        installed_on: installed.map(day),
        installed_at: None,
        installed_by: installed.map(|_| r"CORP\patcher".to_owned()),
        seen_in: vec![HotfixSource::Qfe, HotfixSource::Cbs],
    }
}

fn program(name: &str, version: Option<&str>, key: &str) -> Program {
    Program {
        name: name.to_owned(),
        version: version.map(str::to_owned),
        publisher: Some("Some Publisher".to_owned()),
        arch: Some("x64".to_owned()),
        scope: ProgramScope::Machine,
        installed_on: Some(day("2025-02-03")),
        location: None,
        key: key.to_owned(),
    }
}

/// A run in which every text that a host, a feed or an operator may choose is one of `texts`.
pub(super) fn filled(texts: &[String]) -> Run {
    let mut supply = texts.iter().cycle();
    let mut next = move || supply.next().cloned().unwrap_or_default();
    let mut machine = read("10.0.2.1", &next(), vec![filled_finding(&mut next)]);
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
    let mut run = run(vec![machine, filled_windows(&mut next)]);
    run.coverage[0].subnet = next();
    run.summary.operator = next();
    run.summary.targets = vec![next()];
    run.summary.site = next();
    run
}

fn filled_windows(next: &mut impl FnMut() -> String) -> MachineRecord {
    let mut machine = windows("10.0.2.2", &next());
    let mut read = machine.inventory.as_deref().cloned().unwrap();
    let mut facts = windows_facts();
    let mut hotfix = hotfix(1, HotfixState::Installed, None);
    (hotfix.id, hotfix.title, hotfix.kind) = (next(), Some(next()), Some(next()));
    hotfix.installed_by = Some(next());
    facts.hotfixes = Observed::Known(vec![hotfix]);
    let mut own = program(&next(), Some(&next()), &next());
    (own.publisher, own.arch) = (Some(next()), Some(next()));
    own.scope = ProgramScope::User(next());
    facts.programs = Observed::Known(vec![own]);
    let component = Component {
        name: next(),
        version: next(),
        instance: Some(next()),
        edition: Some(next()),
        channel: Some(next()),
        arch: Some(next()),
        path: Some(next()),
        source: next(),
    };
    let components = Observed::Known(vec![component]);
    facts.components = [(ComponentKind::SqlServer, components)].into();
    facts.update_policy = Observed::Known(UpdatePolicy {
        wsus: Some(next()),
        uses_wsus: true,
        ..UpdatePolicy::default()
    });
    let (name, is_domain) = (next(), true);
    facts.membership = Observed::Known(Membership { name, is_domain });
    read.windows = Some(Box::new(facts));
    if let Some(release) = &mut read.platform.windows {
        release.edition = Some(next());
    }
    machine.inventory = Some(Arc::new(read));
    machine
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
    };
    finding
}
