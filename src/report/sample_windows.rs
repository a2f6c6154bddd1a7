//! A Windows made by hand, for tests.

use super::sample::{day, finding, inventory, platform, read, service};
use crate::model::{
    BulletinId, Component, ComponentKind, CredentialId, Epss, Evidence, Family, FileHash, Finding,
    FindingState, HostTrust, Hotfix, HotfixSource, HotfixState, KbId, MachineRecord, Membership,
    Observed, Platform, Program, ProgramScope, Protocol, Remedy, Restart, SeenBy, UpdatePolicy,
    WindowsBuild, WindowsFacts, WindowsRelease, WindowsRole, Witness, WitnessKind,
};
use std::collections::BTreeMap;
use std::sync::Arc;

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

/// A Windows Server 2019 that was read and judged: it had the cumulative update of May 2026, whose
/// files did not all get in, and an older Edge.
pub(super) fn judged(address: &str, name: &str) -> MachineRecord {
    let findings = vec![cumulative_update(), inconsistent(), restarts(), edge()];
    let mut machine = windows(address, name);
    let mut read = machine.inventory.as_deref().cloned().unwrap();
    "Windows Server 2019 Standard".clone_into(&mut read.platform.name);
    if let Some(release) = &mut read.platform.windows {
        (release.build.build, release.build.ubr) = (17_763, Some(8_755));
    }
    if let Some(facts) = &mut read.windows {
        let rollup = |build: &str, state| {
            let mut rollup = hotfix(1, state, None);
            (rollup.id, rollup.kb) = (format!("RollupFix {build}"), None);
            (rollup.kind, rollup.build) = (Some("RollupFix".to_owned()), Some(build.to_owned()));
            rollup
        };
        facts.hotfixes = Observed::Known(vec![
            hotfix(5_087_538, HotfixState::Installed, Some("2026-05-14")),
            hotfix(4_589_208, HotfixState::Superseded, None),
            rollup("17763.8511.1.9", HotfixState::Superseded),
            rollup("17763.8644.1.2", HotfixState::Superseded),
            rollup("17763.8755.1.4", HotfixState::Installed),
            rollup("17763.8880.1.3", HotfixState::Staged),
        ]);
    }
    machine.inventory = Some(Arc::new(read));
    machine.findings = Arc::new(findings);
    machine
}

/// What closes the findings about cumulative updates.
fn june() -> Box<Remedy> {
    Box::new(Remedy {
        update: "KB5094123".to_owned(),
        kb: Some(KbId(5_094_123)),
        title: "2026-06 cumulative update for Windows Server 2019".to_owned(),
        build: Some("10.0.17763.8880".to_owned()),
        restart: Some(Restart::Yes),
        prerequisites: vec!["KB5005112".to_owned()],
        supersedes: vec!["KB5087538".to_owned()],
        download: None,
        download_size: None,
        download_hash: None,
        silent_switch: None,
    })
}

fn cumulative_update() -> Finding {
    let mut finding = finding("Windows Server 2019", "KB5094123", FindingState::Missing);
    "2026-06 cumulative update".clone_into(&mut finding.title);
    "10.0.17763.8755".clone_into(&mut finding.installed);
    finding.fixed = Some("10.0.17763.8880".to_owned());
    finding.cves = (0..22).map(|n| format!("CVE-2026-4{n:04}")).collect();
    finding.kev = vec!["CVE-2026-40007".to_owned()];
    finding.impacts = ["remote_code_execution", "spoofing"]
        .map(str::to_owned)
        .to_vec();
    finding.cwes = vec!["CWE-416".to_owned()];
    finding.epss = Some(Epss(12_345));
    finding.remedy = Some(june());
    let witness = |kind, source: &str, value: &str, says_fixed| Witness {
        kind,
        source: source.to_owned(),
        value: value.to_owned(),
        says_fixed,
    };
    finding.evidence = Evidence {
        observed: "build 17763.8755".to_owned(),
        question: "current-version".to_owned(),
        rule: "windows: build < that of the update".to_owned(),
        record: "msrc-cvrf 2026-Jun".to_owned(),
        witnesses: vec![
            witness(
                WitnessKind::File,
                r"C:\Windows\System32\ntoskrnl.exe",
                "10.0.17763.8755",
                Some(false),
            ),
            witness(
                WitnessKind::Registry,
                r"C:\Users\ada\update.log",
                "KB5094123 not listed",
                None,
            ),
        ],
    };
    finding
}

fn inconsistent() -> Finding {
    let mut finding = cumulative_update();
    (finding.bulletin, finding.state) = (BulletinId::new("KB5087538"), FindingState::Inconsistent);
    "2026-05 cumulative update".clone_into(&mut finding.title);
    finding.cves = vec!["CVE-2026-30001".to_owned(), "CVE-2026-40007".to_owned()];
    finding.evidence.witnesses.clear();
    finding
}

fn restarts() -> Finding {
    let mut finding = finding(
        "Windows Server 2019 servicing stack",
        "KB5101001",
        FindingState::PendingReboot,
    );
    finding.cves = vec!["CVE-2026-30002".to_owned()];
    finding.epss = Some(Epss(52));
    finding
}

/// A program whose updates have no article, and for which no list of exploited flaws was at hand.
fn edge() -> Finding {
    let mut finding = finding("Microsoft Edge", "CVE-2026-5001", FindingState::Missing);
    finding.fixed = Some("143.0.3650.66".to_owned());
    finding.kev_checked = false;
    finding.remedy = Some(Box::new(Remedy {
        update: "Microsoft Edge 143.0.3650.66".to_owned(),
        kb: None,
        title: String::new(),
        build: None,
        restart: None,
        prerequisites: Vec::new(),
        supersedes: Vec::new(),
        download: Some("https://www.microsoft.com/edge".to_owned()),
        download_size: Some(189_000_000),
        download_hash: FileHash::parse("sha256", &"0f".repeat(32)),
        silent_switch: Some("/quiet".to_owned()),
    }));
    finding
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
            program(
                "Microsoft .NET Runtime - 8.0.6 (x64)",
                Some("64.24.1"),
                "{D}",
            ),
            program(
                "Microsoft Office Standard 2016",
                Some("16.0.4266.1001"),
                "Office16.STANDARD",
            ),
            own,
        ]),
        components: components(),
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

fn components() -> BTreeMap<ComponentKind, Observed<Vec<Component>>> {
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
    let mut office = component("Office Click-to-Run", "16.0.17328.20162");
    office.edition = Some("O365ProPlusRetail,VisioProRetail".to_owned());
    office.channel = Some("MonthlyEnterprise".to_owned());
    let components = [
        (ComponentKind::SqlServer, vec![sql]),
        (ComponentKind::OfficeClickToRun, vec![office]),
        (ComponentKind::Exchange, Vec::new()),
        (
            ComponentKind::DotNetFramework,
            vec![component(".NET Framework 4.8", "4.8.04161")],
        ),
    ];
    let mut runtime = component(".NET Runtime", "8.0.6");
    runtime.source = r"Uninstall\{D}".to_owned();
    let mut suite = component("Microsoft Office Standard 2016", "16.0.4266.1001");
    suite.source = r"Uninstall\Office16.STANDARD".to_owned();
    let more = [
        (ComponentKind::DotNetRuntime, vec![runtime]),
        (
            ComponentKind::OfficeMsi,
            vec![suite, component("Microsoft Word", "16.0.5443.1000")],
        ),
    ];
    let components = components.into_iter().chain(more);
    let components = components.map(|(kind, found)| (kind, Observed::Known(found)));
    components.collect()
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

/// One in which every text that a host may choose is the next of a supply.
pub(super) fn filled(next: &mut impl FnMut() -> String) -> MachineRecord {
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
