//! Plays a history: the runs, as a scan would have put them into the store on their days.

use super::days::{self, Day};
use super::truth::{Sight, sights};
use super::world::{Machine, Run, World, folder, package, release, update};
use crate::organisation::digests::{digest, hyphenated};
use std::collections::BTreeMap;
use std::fs;
use std::net::{IpAddr, Ipv4Addr};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, OnceLock};
use tempfile::TempDir;
use underdesk::catalog::{self, Catalog};
use underdesk::matching::Knowledge;
use underdesk::model::{
    AccessRecord, Answer, Canaries, ComponentKind, CredentialId, Date, Exception, ExceptionId,
    ExceptionScope, Family, HostFailure, HostIdentity, HostKey, HostOutcome, HostTrust, Hotfix,
    HotfixSource, HotfixState, Inventory, KbId, Kernel, LiveHost, Membership, NetworkInterface,
    Observed, Package, PackageManager, PackageState, Platform, ProbeKind, Protocol, Reboot,
    ResultCode, RunId, RunSummary, SourcePackage, Stage, UnixFacts, UpdateSource, UtcTime,
    WindowsBuild, WindowsFacts, WindowsRelease, WindowsRole,
};
use underdesk::scan::{self, Look, Pace, RunKind, RunPlan, Scope};
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
    let documents = tempfile::tempdir().unwrap();
    for entry in fs::read_dir(folder().join("feeds")).unwrap() {
        let path = entry.unwrap().path();
        let text = fs::read_to_string(&path).unwrap();
        let name = path.file_name().unwrap().to_str().unwrap();
        let then = match path.extension().unwrap().to_str().unwrap() {
            "jsonl" => records(&text, day),
            "json" => listed(&text, day),
            _ => Some(text).filter(|text| released(text) <= day),
        };
        if let Some(then) = then {
            fs::write(documents.path().join(name), then).unwrap();
        }
    }
    let report = catalog::import(&[documents.path().to_owned()], into, now);
    report.unwrap();
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
fn listed(text: &str, day: Day) -> Option<String> {
    let mut list: serde_json::Value = serde_json::from_str(text).unwrap();
    let text = days::text(day);
    let entries = list["vulnerabilities"].as_array_mut().unwrap();
    entries.retain(|entry| entry["dateAdded"].as_str().unwrap() <= text.as_str());
    list["count"] = entries.len().into();
    list["dateReleased"] = format!("{text}T02:00:00.0000Z").into();
    list["catalogVersion"] = text.replace('-', ".").into();
    Some(list.to_string())
}

/// The day of one of Microsoft's documents.
fn released(text: &str) -> Day {
    let (_, after) = text.split_once("<cvrf:InitialReleaseDate>").unwrap();
    days::day(after)
}

/// Plays all runs into a store, and the exceptions.
pub(super) fn play(world: &World, store: &Store) {
    for run in &world.runs {
        play_run(world, run, store);
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

fn play_run(world: &World, run: &Run, store: &Store) {
    let id = RunId::new(run.id.clone());
    let knowledge = knowledge(run.catalogue);
    let started = UtcTime::parse(&run.started).unwrap();
    let plan = plan(run);
    let seen: Vec<Sight> = sights(world, run);
    let seen: Vec<&Sight> = seen.iter().filter(|one| one.is_met).collect();
    let begun = store.begin_run(new_run(run, started, &plan, &knowledge));
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
        (RunState::Finished, UtcTime::parse(&run.finished).unwrap())
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
        accept_new_host_keys: false,
        max_changed_keys: 3,
        credentials: None,
        known_hosts: Vec::new(),
        key_names: BTreeMap::new(),
        tls_ca: Vec::new(),
        programs: Vec::new(),
        record: None,
        receipts: None,
    }
}

fn new_run(run: &Run, started: UtcTime, plan: &RunPlan, knowledge: &Knowledge) -> NewRun {
    NewRun {
        summary: RunSummary {
            id: RunId::new(run.id.clone()),
            kind: RunKind::Scan.as_str().to_owned(),
            started,
            finished: None,
            operator: "ann".to_owned(),
            authorised_by: None,
            targets: plan.scope.targets.clone(),
            guards_lifted: Vec::new(),
            site: run.site.clone(),
            catalog_digest: knowledge.catalog.digest().to_owned(),
            catalog_imported: knowledge.catalog.imported(),
            programs_digest: String::new(),
            simulated: true,
            canaries: Canaries::default(),
        },
        settings: serde_json::to_value(plan).unwrap(),
        plan_fingerprint: "history".to_owned(),
        seed: plan.seed,
    }
}

fn address(sight: &Sight) -> IpAddr {
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
fn mark(sight: &Sight, what: &str) -> String {
    digest(&format!("{what} {} {}", sight.machine, sight.now.life))
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
    let code = match (machine.is_computer(), sight.is_read) {
        (false, _) => ResultCode::NoCredentialInScope,
        (true, true) => ResultCode::Ok,
        (true, false) => ResultCode::AuthRejected,
    };
    let credential = machine
        .is_computer()
        .then(|| CredentialId::new(format!("audit-{port}")));
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
            fingerprint: format!("SHA256:{}", &mark(sight, "key")[..43]),
        }),
        credential: credential.clone().filter(|_| sight.is_read),
        inventory,
        failure: (machine.is_computer() && !sight.is_read).then(|| HostFailure {
            stage: Stage::Login,
            code: ResultCode::AuthRejected,
            detail: "the host refuses this account".to_owned(),
            retryable: false,
        }),
        access: vec![AccessRecord {
            protocol: if port == 22 {
                Protocol::Ssh
            } else {
                Protocol::Winrm
            },
            port: Some(port),
            credential,
            attempted: machine.is_computer(),
            code,
            detail: String::new(),
            trust: if machine.is_computer() {
                HostTrust::KnownHosts
            } else {
                HostTrust::None
            },
            elapsed_ms: 120,
        }],
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

fn inventory(world: &World, machine: &Machine, sight: &Sight) -> Inventory {
    let now = &sight.now;
    let is_windows = machine.is_windows();
    let newest = now.software.get("linux").or(now.software.get("windows"));
    let required = newest.is_some_and(|newest| *newest != now.running);
    Inventory {
        collector: machine.system.clone(),
        platform: platform(machine, sight),
        identity: identity(sight, is_windows),
        packages: if is_windows {
            Observed::default()
        } else {
            Observed::Known(packages(machine, sight))
        },
        windows: is_windows.then(|| Box::new(windows(world, sight))),
        unix: (!is_windows).then(|| Box::new(unix(machine))),
        services: Observed::Known(Vec::new()),
        reboot: Observed::Known(Reboot {
            required,
            packages: Vec::new(),
        }),
        gaps: Vec::new(),
    }
}

/// `(family, id, version, name, ecosystem)`.
fn release_of(
    system: &str,
) -> (
    Family,
    &'static str,
    &'static str,
    &'static str,
    &'static str,
) {
    match system {
        "debian-12" => (
            Family::Debian,
            "debian",
            "12",
            "Debian GNU/Linux 12 (bookworm)",
            "Debian:12",
        ),
        "ubuntu-22.04" => (
            Family::Debian,
            "ubuntu",
            "22.04",
            "Ubuntu 22.04.3 LTS",
            "Ubuntu:22.04:LTS",
        ),
        "alma-9" => (
            Family::Linux,
            "almalinux",
            "9.2",
            "AlmaLinux 9.2 (Turquoise Kodkod)",
            "AlmaLinux:9",
        ),
        "rocky-9" => (
            Family::Linux,
            "rocky",
            "9.2",
            "Rocky Linux 9.2 (Blue Onyx)",
            "Rocky Linux:9",
        ),
        "alpine-3.18" => (
            Family::Linux,
            "alpine",
            "3.18.3",
            "Alpine Linux v3.18",
            "Alpine:v3.18",
        ),
        "server-2019" => (
            Family::Windows,
            "windows",
            "1809",
            "Microsoft Windows Server 2019 Standard",
            "",
        ),
        "server-2022" => (
            Family::Windows,
            "windows",
            "21H2",
            "Microsoft Windows Server 2022 Standard",
            "",
        ),
        "windows-10" => (
            Family::Windows,
            "windows",
            "22H2",
            "Microsoft Windows 10 Pro",
            "",
        ),
        "windows-11" => (
            Family::Windows,
            "windows",
            "22H2",
            "Microsoft Windows 11 Pro",
            "",
        ),
        other => panic!("{other}"),
    }
}

fn platform(machine: &Machine, sight: &Sight) -> Platform {
    let (family, id, version, name, ecosystem) = release_of(&machine.system);
    let now = &sight.now;
    let kernels: Vec<String> = now
        .kernels
        .iter()
        .map(|one| release(one).to_owned())
        .collect();
    let kernel = if now.software.contains_key("linux") {
        Kernel {
            name: Some("Linux".to_owned()),
            running: Some(release(&now.running).to_owned()),
            build: Some(format!(
                "#1 SMP PREEMPT_DYNAMIC Debian {} (2023-09-07)",
                now.running
            )),
            installed: kernels,
        }
    } else {
        Kernel::default()
    };
    let is_server = machine.system.starts_with("server");
    let windows = || {
        let (build, revision) = now.running.split_once('.').unwrap();
        WindowsRelease {
            build: WindowsBuild {
                build: build.parse().unwrap(),
                ubr: Some(revision.parse().unwrap()),
            },
            product_name: Some(name.trim_start_matches("Microsoft ").to_owned()),
            edition: Some(
                if is_server {
                    "ServerStandard"
                } else {
                    "Professional"
                }
                .to_owned(),
            ),
            installation: Some(if is_server { "Server" } else { "Client" }.to_owned()),
            display_version: Some(version.to_owned()),
            service_pack: None,
            role: Some(if is_server {
                WindowsRole::Server
            } else {
                WindowsRole::Workstation
            }),
            sku: None,
            language: Some(1033),
            build_lab: None,
        }
    };
    Platform {
        family,
        id: id.to_owned(),
        name: name.to_owned(),
        version: Some(version.to_owned()),
        codename: None,
        ecosystem: (!ecosystem.is_empty()).then(|| ecosystem.to_owned()),
        arch: Some("x86_64".to_owned()),
        kernel,
        windows: machine.is_windows().then(windows),
    }
}

fn identity(sight: &Sight, is_windows: bool) -> HostIdentity {
    let known = |text: String| Observed::Known(text);
    let id = mark(sight, "machine-id")[..32].to_owned();
    let mac = mark(sight, "mac");
    let mac = format!("52:54:00:{}:{}:{}", &mac[..2], &mac[2..4], &mac[4..6]);
    let only = |yes: bool, text: String| {
        if yes {
            Observed::Known(text)
        } else {
            Observed::default()
        }
    };
    HostIdentity {
        machine_id: only(!is_windows, id.clone()),
        machine_guid: only(is_windows, hyphenated(&id)),
        boot_id: only(!is_windows, hyphenated(&mark(sight, "boot")[..32])),
        product_uuid: known(hyphenated(&mark(sight, "uuid")[..32])),
        serial: known(format!("HX-{}-{}", sight.machine, sight.now.life)),
        vendor: known("Example HX".to_owned()),
        interfaces: Observed::Known(vec![NetworkInterface {
            name: "ens3".to_owned(),
            mac,
            addresses: vec![address(sight)],
        }]),
        hostname: known(sight.now.name.clone()),
        fqdn: Observed::default(),
    }
}

fn manager(system: &str) -> (PackageManager, &'static str) {
    match system.split('-').next().unwrap() {
        "debian" | "ubuntu" => (PackageManager::Dpkg, "amd64"),
        "alpine" => (PackageManager::Apk, "x86_64"),
        _ => (PackageManager::Rpm, "x86_64"),
    }
}

fn packages(machine: &Machine, sight: &Sight) -> Vec<Package> {
    let now = &sight.now;
    let (manager, arch) = manager(&machine.system);
    let at = UtcTime::parse(&format!("{}T04:00:00Z", days::text(now.patched)));
    let one = |product: &str, version: &str| {
        let source = if product == "linux" {
            ("linux-signed-amd64".to_owned(), version.replace('-', "+"))
        } else {
            let bare = version.split_once(':').map_or(version, |(_, bare)| bare);
            let is_rpm = manager == PackageManager::Rpm;
            let version = if is_rpm { bare } else { version };
            (product.to_owned(), version.to_owned())
        };
        Package {
            manager,
            name: package(&machine.system, product, version),
            version: version.to_owned(),
            arch: arch.to_owned(),
            source: SourcePackage {
                name: source.0,
                version: source.1,
            },
            state: PackageState::Installed,
            held: false,
            installed_at: at,
            vendor: None,
            module: None,
            repository: None,
        }
    };
    let mut all: Vec<Package> = now
        .software
        .iter()
        .filter(|(product, _)| *product != "linux")
        .map(|(product, version)| one(product, version))
        .collect();
    all.extend(now.kernels.iter().map(|version| one("linux", version)));
    if let Some(newest) = now.software.get("linux") {
        let name = "linux-image-amd64".to_owned();
        all.push(Package {
            name,
            ..one("linux", newest)
        });
    }
    all.sort_by(|a, b| (&a.name, &a.version).cmp(&(&b.name, &b.version)));
    all
}

fn unix(machine: &Machine) -> UnixFacts {
    let source = UpdateSource {
        manager: manager(&machine.system).0,
        id: "main".to_owned(),
        url: "https://mirror.example/main".to_owned(),
        enabled: true,
        dangers: Vec::new(),
    };
    UnixFacts {
        sources: Observed::Known(vec![source]),
        products: Observed::Known(Vec::new()),
        modules: Observed::Known(Vec::new()),
        live_patches: Observed::Known(Vec::new()),
        stale: Observed::Known(Vec::new()),
        history: Observed::Known(Vec::new()),
        ..UnixFacts::default()
    }
}

fn windows(world: &World, sight: &Sight) -> WindowsFacts {
    let now = &sight.now;
    let hotfix = |build: &String, state: HotfixState| {
        let id = update(world, build);
        Hotfix {
            kb: KbId::find(&id),
            id,
            title: None,
            kind: Some("Security Update".to_owned()),
            state,
            build: Some(build.clone()),
            installed_on: Date::parse(&days::text(now.patched)),
            installed_at: None,
            installed_by: None,
            seen_in: vec![HotfixSource::Cbs],
        }
    };
    let newest = &now.software["windows"];
    let mut hotfixes = vec![hotfix(&now.running, HotfixState::Installed)];
    if *newest != now.running {
        hotfixes.push(hotfix(newest, HotfixState::PendingReboot));
    }
    hotfixes.sort_by(|a, b| a.id.cmp(&b.id));
    let none = [
        ComponentKind::DotNetFramework,
        ComponentKind::DotNetRuntime,
        ComponentKind::OfficeMsi,
        ComponentKind::OfficeClickToRun,
        ComponentKind::SqlServer,
        ComponentKind::Exchange,
        ComponentKind::Edge,
        ComponentKind::Defender,
        ComponentKind::Iis,
        ComponentKind::InternetExplorer,
    ];
    WindowsFacts {
        hotfixes: Observed::Known(hotfixes),
        programs: Observed::Known(Vec::new()),
        components: none
            .into_iter()
            .map(|kind| (kind, Observed::Known(Vec::new())))
            .collect(),
        files: Observed::Known(Vec::new()),
        services: Observed::Known(Vec::new()),
        sites: Observed::Known(Vec::new()),
        membership: Observed::Known(Membership {
            name: "WORKGROUP".to_owned(),
            is_domain: false,
        }),
        ..WindowsFacts::default()
    }
}

/// Where the program keeps its catalogue on a desk.
pub(super) fn shelf(desk: &crate::support::Desk) -> PathBuf {
    let folder = desk.path("home/.local/share/underdesk");
    fs::create_dir_all(&folder).unwrap();
    folder.join("catalog.db")
}
