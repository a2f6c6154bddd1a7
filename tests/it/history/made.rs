//! What a collector would have read of a machine.

use super::days;
use super::play::{address, mark};
use super::trail;
use super::truth::Sight;
use super::world::{Machine, World, hand, package, release, says_when, update};
use crate::organisation::digests::hyphenated;
use underdesk::model::{
    ComponentKind, Date, Family, HostIdentity, Hotfix, HotfixSource, HotfixState, Inventory, KbId,
    Kernel, Membership, NetworkInterface, Observed, Package, PackageAction, PackageChange,
    PackageLog, PackageManager, PackageState, Platform, Reboot, SourcePackage, UnixFacts,
    UpdateSource, UtcTime, WindowsBuild, WindowsFacts, WindowsRelease, WindowsRole,
};

pub(super) fn inventory(world: &World, machine: &Machine, sight: &Sight) -> Inventory {
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
        windows: is_windows.then(|| Box::new(windows(world, machine, sight))),
        unix: (!is_windows).then(|| Box::new(unix(world, machine, sight))),
        services: Observed::Known(Vec::new()),
        reboot: Observed::Known(Reboot {
            required,
            packages: Vec::new(),
        }),
        gaps: Vec::new(),
    }
}

/// `(id, version, name, ecosystem)`.
fn release_of(system: &str) -> [&'static str; 4] {
    match system {
        "debian-12" => [
            "debian",
            "12",
            "Debian GNU/Linux 12 (bookworm)",
            "Debian:12",
        ],
        "ubuntu-22.04" => ["ubuntu", "22.04", "Ubuntu 22.04.3 LTS", "Ubuntu:22.04:LTS"],
        "alma-9" => [
            "almalinux",
            "9.2",
            "AlmaLinux 9.2 (Turquoise Kodkod)",
            "AlmaLinux:9",
        ],
        "rocky-9" => [
            "rocky",
            "9.2",
            "Rocky Linux 9.2 (Blue Onyx)",
            "Rocky Linux:9",
        ],
        "alpine-3.18" => ["alpine", "3.18.3", "Alpine Linux v3.18", "Alpine:v3.18"],
        "server-2019" => [
            "windows",
            "1809",
            "Microsoft Windows Server 2019 Standard",
            "",
        ],
        "server-2022" => [
            "windows",
            "21H2",
            "Microsoft Windows Server 2022 Standard",
            "",
        ],
        "windows-10" => ["windows", "22H2", "Microsoft Windows 10 Pro", ""],
        "windows-11" => ["windows", "22H2", "Microsoft Windows 11 Pro", ""],
        other => panic!("{other}"),
    }
}

fn family(system: &str) -> Family {
    match system.split('-').next().unwrap() {
        "debian" | "ubuntu" => Family::Debian,
        "server" | "windows" => Family::Windows,
        _ => Family::Linux,
    }
}

/// Which Windows, at the build that runs.
fn release_of_windows(machine: &Machine, running: &str) -> WindowsRelease {
    let [_, version, name, _] = release_of(&machine.system);
    let is_server = machine.system.starts_with("server");
    let (build, revision) = running.split_once('.').unwrap();
    let (edition, installation, role) = if is_server {
        ("ServerStandard", "Server", WindowsRole::Server)
    } else {
        ("Professional", "Client", WindowsRole::Workstation)
    };
    WindowsRelease {
        build: WindowsBuild {
            build: build.parse().unwrap(),
            ubr: Some(revision.parse().unwrap()),
        },
        product_name: Some(name.trim_start_matches("Microsoft ").to_owned()),
        edition: Some(edition.to_owned()),
        installation: Some(installation.to_owned()),
        display_version: Some(version.to_owned()),
        service_pack: None,
        role: Some(role),
        sku: None,
        language: Some(1033),
        build_lab: None,
    }
}

fn platform(machine: &Machine, sight: &Sight) -> Platform {
    let [id, version, name, ecosystem] = release_of(&machine.system);
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
    Platform {
        family: family(&machine.system),
        id: id.to_owned(),
        name: name.to_owned(),
        version: Some(version.to_owned()),
        codename: None,
        ecosystem: (!ecosystem.is_empty()).then(|| ecosystem.to_owned()),
        arch: Some("x86_64".to_owned()),
        kernel,
        windows: machine
            .is_windows()
            .then(|| release_of_windows(machine, &now.running)),
    }
}

fn identity(sight: &Sight, is_windows: bool) -> HostIdentity {
    let known = |text: String| Observed::Known(text);
    let id = mark(sight, "machine-id").get(..32).unwrap().to_owned();
    let mac = mark(sight, "mac");
    let pair = |from: usize| mac.get(from..from + 2).unwrap();
    let mac = format!("52:54:00:{}:{}:{}", pair(0), pair(2), pair(4));
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
        boot_id: only(!is_windows, hyphenated(&mark(sight, "boot"))),
        product_uuid: known(hyphenated(&mark(sight, "uuid"))),
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
            installed_at: says_when(&machine.system).then(|| time(now.since(product, version))),
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

fn time(minute: i64) -> UtcTime {
    UtcTime::parse(&days::moment(minute)).unwrap()
}

/// The lines of the log of a machine, as far back as it goes.
fn log(world: &World, machine: &Machine, sight: &Sight) -> Vec<PackageChange> {
    let lines = trail::logged(world, machine, (sight.now.life, sight.day));
    let lines = lines.into_iter().map(|line| PackageChange {
        at: time(line.minute),
        package: line.package,
        action: match line.action {
            "installed" => PackageAction::Installed,
            "upgraded" => PackageAction::Upgraded,
            "downgraded" => PackageAction::Downgraded,
            "removed" => PackageAction::Removed,
            other => panic!("{other}"),
        },
        from: Some(line.before).filter(|version| !version.is_empty()),
        to: Some(line.after).filter(|version| !version.is_empty()),
        by: hand(machine).map(str::to_owned),
        command: Some(trail::COMMAND.to_owned()),
        log: Some(PackageLog::Apt),
    });
    lines.collect()
}

fn unix(world: &World, machine: &Machine, sight: &Sight) -> UnixFacts {
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
        history: Observed::Known(log(world, machine, sight)),
        ..UnixFacts::default()
    }
}

fn windows(world: &World, machine: &Machine, sight: &Sight) -> WindowsFacts {
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
            installed_on: Date::parse(&days::text(now.since("windows", build) / 1_440)),
            installed_at: None,
            installed_by: hand(machine).map(str::to_owned),
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
