//! A fleet that is made up machine by machine: the same one every time, and never all of it in memory.

pub(crate) mod plain;

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::io;
use std::net::IpAddr;
use std::sync::Arc;
use underdesk::model::{
    AccessRecord, BulletinId, Canaries, Certainty, Confidence, CoverageRow, CredentialId, Date,
    Decided, Decision, Epss, Evidence, Family, Finding, FindingHistory, FindingId, FindingState,
    Fingerprint, HostIdentity, HostTrust, Inventory, KbId, Kernel, MachineId, MachineRecord,
    Observed, Package, PackageManager, PackageState, Platform, Protocol, Reboot, Remedy, Restart,
    ResultCode, RunId, RunState, RunSummary, SeenBy, Service, Severity, SourcePackage, UtcTime,
    Witness, WitnessKind,
};
use underdesk::report::ReportSource;

/// Findings of a machine.
pub(crate) const FINDINGS: usize = 100;
/// How many different sets of findings there are; machines of one set differ by name, address and rank only.
const SETS: usize = 50;
const PACKAGES: usize = 10;

/// A run over machines that are made when they are asked for.
pub(crate) struct Fleet {
    summary: RunSummary,
    coverage: Vec<CoverageRow>,
    machines: u32,
    /// What the next machine is made of.
    sets: RefCell<Vec<MachineRecord>>,
}

impl Fleet {
    /// A fleet of so many machines.
    pub(crate) fn new(machines: u32) -> Self {
        let mut dice = Dice(0x5eed);
        let sets = (0..SETS).map(|number| machine(number, &mut dice));
        Self {
            summary: summary(),
            coverage: vec![coverage(machines)],
            machines,
            sets: RefCell::new(sets.collect()),
        }
    }
}

impl ReportSource for Fleet {
    fn run(&self) -> &RunSummary {
        &self.summary
    }

    fn coverage(&self) -> &[CoverageRow] {
        &self.coverage
    }

    fn machines(&self, visit: &mut dyn FnMut(&MachineRecord) -> io::Result<()>) -> io::Result<()> {
        let mut sets = self.sets.borrow_mut();
        let many = sets.len();
        for number in 0..self.machines {
            let at = usize::try_from(number).map_err(io::Error::other)? % many;
            if let Some(machine) = sets.get_mut(at) {
                name(machine, number);
                visit(machine)?;
            }
        }
        Ok(())
    }
}

/// Makes another machine of one.
fn name(machine: &mut MachineRecord, number: u32) {
    let address = IpAddr::from((0x0a00_0000 + number).to_be_bytes());
    machine.addresses = vec![address];
    machine.id = MachineId::from_key("default", "address", &address.to_string());
    for (at, _) in &mut machine.access {
        *at = address;
    }
    for (at, _) in &mut machine.services {
        *at = address;
    }
    if let Some(inventory) = machine.inventory.as_mut().and_then(Arc::get_mut) {
        inventory.identity.hostname = Observed::Known(format!("srv-{number:05}"));
    }
    let history = FindingHistory {
        first_seen: day("2026-11-01"),
        times_seen: 3,
    };
    let ids = machine.findings.iter();
    let ids = ids.map(|one| FindingId::of(&machine.id, &one.product, &one.bulletin));
    machine.history = ids.map(|id| (id, history)).collect();
    let decisions = machine.decided.iter_mut();
    let decisions = decisions.flat_map(|decided| &mut decided.decisions);
    for (place, decision) in (1_u64..).zip(decisions) {
        decision.rank = Some(u64::from(number) + place * 10_000);
    }
}

/// Numbers that look thrown, and are the same every time.
struct Dice(u64);

impl Dice {
    fn below(&mut self, limit: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % limit
    }

    fn of<T: Copy>(&mut self, all: &[T]) -> Option<T> {
        let count = u64::try_from(all.len()).unwrap_or(1).max(1);
        let at = usize::try_from(self.below(count)).unwrap_or_default();
        all.get(at).copied()
    }
}

fn day(text: &str) -> Date {
    let epoch = UtcTime::from_unix(0).date();
    Date::parse(text).unwrap_or(epoch)
}

fn time(text: &str) -> UtcTime {
    UtcTime::parse(text).unwrap_or(UtcTime::from_unix(0))
}

fn summary() -> RunSummary {
    RunSummary {
        id: RunId::new("r-20261122T180000Z-4f2a"),
        kind: "scan".to_owned(),
        started: time("2026-11-22T18:00:00Z"),
        finished: Some(time("2026-11-22T20:02:00Z")),
        operator: "ada".to_owned(),
        authorised_by: Some("change 42".to_owned()),
        targets: vec!["10.0.0.0/16".to_owned()],
        guards_lifted: Vec::new(),
        site: "default".to_owned(),
        catalog_digest: "c0ffee".to_owned(),
        catalog_imported: Some(time("2026-11-20T00:00:00Z")),
        catalog_feed: String::new(),
        programs_digest: String::new(),
        simulated: true,
        canaries: Canaries::default(),
        state: RunState::Complete,
    }
}

fn coverage(machines: u32) -> CoverageRow {
    let machines = u128::from(machines);
    CoverageRow {
        subnet: "10.0.0.0/16".to_owned(),
        in_scope: 65_536,
        swept: 65_536,
        answered: machines,
        silent: 65_536_u128.saturating_sub(machines),
        assessed: machines,
        started: Some(time("2026-11-22T18:00:00Z")),
        finished: Some(time("2026-11-22T20:01:00Z")),
        ..CoverageRow::default()
    }
}

/// A machine that was read, its findings sorted by product and bulletin.
fn machine(number: usize, dice: &mut Dice) -> MachineRecord {
    let is_windows = number.is_multiple_of(3);
    let findings = (0..FINDINGS).map(|place| {
        if is_windows {
            lacks(place, dice)
        } else {
            vulnerable(place, dice)
        }
    });
    let mut findings: Vec<Finding> = findings.collect();
    findings.sort_by(|one, other| {
        let key = (&one.product, &one.bulletin);
        key.cmp(&(&other.product, &other.bulletin))
    });
    let decisions = findings.iter().map(|one| decision(one, dice)).collect();
    let address = IpAddr::from([10, 0, 0, 0]);
    MachineRecord {
        id: MachineId::new(String::new()),
        addresses: vec![address],
        target_name: None,
        tags: vec!["criticality=high".to_owned(), "owner=it-ops".to_owned()],
        outcome: "scanned_full".to_owned(),
        failure: None,
        credential: Some(CredentialId::new("fleet-key")),
        host_key: None,
        same_key: Vec::new(),
        inventory: Some(Arc::new(inventory(number))),
        findings: Arc::new(findings),
        decided: Some(Decided {
            has_due_dates: true,
            decisions,
            drift: Vec::new(),
        }),
        history: BTreeMap::new(),
        access: vec![(address, access())],
        services: vec![(address, service(22)), (address, service(443))],
        clues: Vec::new(),
        fingerprint: Fingerprint::default(),
        intermediary: None,
        also: Vec::new(),
        listed_name: String::new(),
        listed_owner: String::new(),
        is_claimed: false,
        standing: None,
        usual_hours: String::new(),
        end_of_life: Some(day("2028-06-30")),
        first_seen: day("2026-11-01"),
        last_seen: time("2026-11-22T19:00:00Z"),
    }
}

const PRODUCTS: &[&str] = &[
    "bind9",
    "curl",
    "expat",
    "glibc",
    "imagemagick",
    "krb5",
    "libxml2",
    "linux",
    "openssh",
    "openssl",
    "perl",
    "postgresql-15",
    "python3.11",
    "samba",
    "sqlite3",
    "systemd",
    "vim",
    "zlib",
];
const FLAWS: &[&str] = &[
    "a crafted packet makes the server read beyond the end of a buffer",
    "an integer overflow when a long name is parsed allows remote code execution",
    "a use after free, that a local user can turn into root",
    "certificates with a crafted extension are accepted; connections can be read",
    "a quadratic parser lets one request occupy a processor for minutes (\"slow parse\")",
];

/// A finding of a distribution's bulletin.
fn vulnerable(place: usize, dice: &mut Dice) -> Finding {
    let product = dice.of(PRODUCTS).unwrap_or("linux");
    let flaw = dice.of(FLAWS).unwrap_or("a flaw");
    let bulletin = format!("DSA-{}-1", 5_000 + place * 7);
    let version = format!("{}.{}-{}", dice.below(9), dice.below(30), dice.below(5));
    Finding {
        title: format!("{product}: {flaw}"),
        packages: vec![format!("{product}-common"), product.to_owned()],
        fixed: Some(format!("{version}+deb12u{}", 1 + dice.below(9))),
        evidence: Evidence {
            observed: format!("{product}:amd64 {version} (source {product})"),
            question: "dpkg-packages".to_owned(),
            rule: "dpkg: installed < fixed".to_owned(),
            record: format!("osv {bulletin}"),
            witnesses: Vec::new(),
        },
        ..finding(bulletin, product.to_owned(), version, dice)
    }
}

/// An update that a Windows lacks.
fn lacks(place: usize, dice: &mut Dice) -> Finding {
    let kb = 5_030_000 + u32::try_from(place).unwrap_or_default() * 11;
    let name = format!("KB{kb}");
    let title = format!(
        "2026-{:02} cumulative update for Windows Server 2019",
        1 + place % 12
    );
    Finding {
        title: title.clone(),
        remedy: Some(Box::new(Remedy {
            update: name.clone(),
            kb: Some(KbId(kb)),
            title,
            build: Some("17763.8511".to_owned()),
            restart: Some(Restart::Yes),
            prerequisites: vec!["KB5005112".to_owned()],
            supersedes: vec![format!("KB{}", kb - 11)],
            download: None,
            download_size: None,
            download_hash: None,
            silent_switch: None,
        })),
        evidence: Evidence {
            observed: "17763.8000".to_owned(),
            question: "windows-build".to_owned(),
            rule: "windows: build < fixed".to_owned(),
            record: format!("msrc {name}"),
            witnesses: vec![Witness {
                kind: WitnessKind::File,
                source: r"C:\Windows\System32\ntoskrnl.exe".to_owned(),
                value: "10.0.17763.8000".to_owned(),
                says_fixed: Some(false),
            }],
        },
        ..finding(
            name,
            "Windows Server 2019".to_owned(),
            "17763.8000".to_owned(),
            dice,
        )
    }
}

/// What both have: 1 to 20 CVEs, most of them few.
fn finding(bulletin: String, product: String, installed: String, dice: &mut Dice) -> Finding {
    let most = dice.of(&[1, 1, 2, 3, 4, 6, 20]).unwrap_or(1);
    let count = 1 + dice.below(most);
    let first = 1_000 + dice.below(48_000);
    let cves = (first..).take(usize::try_from(count).unwrap_or(1));
    let cves: Vec<String> = cves.map(|number| format!("CVE-2026-{number}")).collect();
    let severities = [
        Severity::Low,
        Severity::Medium,
        Severity::High,
        Severity::Critical,
    ];
    let is_exploited = dice.below(40) == 0;
    Finding {
        bulletin: BulletinId::new(bulletin),
        title: String::new(),
        product,
        packages: Vec::new(),
        installed,
        fixed: None,
        state: FindingState::Missing,
        confidence: Confidence::High,
        severity: dice.of(&severities),
        cvss_tenths: u8::try_from(30 + dice.below(69)).ok(),
        impacts: vec!["remote_code_execution".to_owned()],
        cwes: vec!["CWE-416".to_owned(), "CWE-787".to_owned()],
        kev: cves
            .first()
            .filter(|_| is_exploited)
            .cloned()
            .into_iter()
            .collect(),
        kev_due: is_exploited.then(|| day("2026-12-12")),
        support_ends: None,
        cves,
        kev_checked: true,
        epss: u32::try_from(dice.below(100_000)).ok().map(Epss),
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

fn decision(finding: &Finding, dice: &mut Dice) -> Decision {
    Decision {
        my_severity: finding.severity,
        rule: "servers-first; kev".to_owned(),
        due: Some(day("2026-12-06")),
        days_left: Some(14 - i64::try_from(dice.below(30)).unwrap_or_default()),
        rank: Some(1),
        exception: None,
        until: None,
        annotation: None,
    }
}

fn inventory(number: usize) -> Inventory {
    let packages = PRODUCTS.iter().take(PACKAGES).map(|name| Package {
        manager: PackageManager::Dpkg,
        name: (*name).to_owned(),
        version: format!("3.{number}.9-1+b1"),
        arch: "amd64".to_owned(),
        source: SourcePackage {
            name: (*name).to_owned(),
            version: format!("3.{number}.9-1"),
        },
        state: PackageState::Installed,
        held: false,
        installed_at: Some(time("2026-05-01T00:00:00Z")),
        vendor: Some("Debian".to_owned()),
        module: None,
        repository: None,
    });
    Inventory {
        collector: "debian".to_owned(),
        platform: Platform {
            family: Family::Debian,
            id: "debian".to_owned(),
            name: "Debian GNU/Linux 12 (bookworm)".to_owned(),
            version: Some("12".to_owned()),
            codename: Some("bookworm".to_owned()),
            ecosystem: Some("Debian:12".to_owned()),
            arch: Some("x86_64".to_owned()),
            windows: None,
            kernel: Kernel::default(),
        },
        identity: HostIdentity::default(),
        packages: Observed::Known(packages.collect()),
        services: Observed::Known(vec![service(22)]),
        windows: None,
        unix: Some(Box::default()),
        reboot: Observed::Known(Reboot::default()),
        gaps: Vec::new(),
    }
}

fn access() -> AccessRecord {
    AccessRecord {
        protocol: Protocol::Ssh,
        port: Some(22),
        credential: Some(CredentialId::new("fleet-key")),
        attempted: true,
        code: ResultCode::Ok,
        detail: String::new(),
        trust: HostTrust::Pinned,
        elapsed_ms: 12,
    }
}

fn service(port: u16) -> Service {
    Service {
        proto: "tcp".to_owned(),
        port,
        bind: String::new(),
        state: "open".to_owned(),
        service: "ssh".to_owned(),
        product: "OpenSSH".to_owned(),
        version: "9.2p1".to_owned(),
        program: "sshd".to_owned(),
        user: "root".to_owned(),
        banner: "SSH-2.0-OpenSSH_9.2p1".to_owned(),
        seen_by: SeenBy::Scan,
        tls: None,
        certainty: Certainty::None,
    }
}
