//! What is read from a machine that lets the scanner in.

use super::cast::{DOMAIN, FOREIGN, Machine, Membership, Updates};
use super::digests::{digest, hyphenated};
use super::studio::Studio;
use std::net::IpAddr;
use underdesk::model::{
    Date, Family, HostIdentity, Hotfix, HotfixSource, HotfixState, Inventory, KbId, Kernel,
    Membership as Joined, NetworkInterface, Observed, Package, PackageAction, PackageChange,
    PackageLog, PackageManager, PackageState, Platform, Reboot, SourcePackage, UnixFacts,
    UpdatePolicy, UpdateSource, UtcTime, WindowsBuild, WindowsFacts, WindowsRelease, WindowsRole,
};

/// The inventory of a machine in a run.
pub(super) fn inventory(studio: &Studio, machine: &Machine, run: usize) -> Inventory {
    let is_windows = machine.system.family == Family::Windows;
    // What a run reads is no younger than the run; updates come every 28 days.
    let mut patched = machine.patched;
    while patched < studio.calendar.runs[run] + 1 {
        patched += 28;
    }
    let at = studio.calendar.moment(patched, 3 * 3_600 + 1_234);
    Inventory {
        collector: collector(machine).to_owned(),
        platform: platform(machine),
        identity: identity(machine, run),
        packages: if is_windows {
            Observed::default()
        } else {
            Observed::Known(packages(machine, at))
        },
        windows: is_windows.then(|| Box::new(windows(machine, at))),
        unix: (!is_windows).then(|| Box::new(unix(machine, at))),
        services: Observed::Known(Vec::new()),
        reboot: Observed::Known(Reboot::default()),
        gaps: Vec::new(),
    }
}

fn collector(machine: &Machine) -> &'static str {
    match machine.system.family {
        Family::Windows => "windows",
        Family::Debian => "debian",
        _ => "redhat",
    }
}

fn platform(machine: &Machine) -> Platform {
    let system = machine.system;
    let mut platform = Platform {
        family: system.family,
        id: system.release.0.to_owned(),
        name: system.name.to_owned(),
        version: Some(system.release.1.to_owned()),
        codename: None,
        ecosystem: None,
        arch: Some("x86_64".to_owned()),
        kernel: Kernel::default(),
        windows: None,
    };
    if system.family != Family::Windows {
        return platform;
    }
    "windows".clone_into(&mut platform.id);
    platform.version = None;
    let (build, revision) = system.build;
    let is_controller = machine.kind == "domain_controller";
    platform.windows = Some(WindowsRelease {
        build: WindowsBuild {
            build,
            ubr: Some(revision),
        },
        product_name: Some(system.name.to_owned()),
        edition: Some(
            if system.is_server {
                "ServerStandard"
            } else {
                "Enterprise"
            }
            .to_owned(),
        ),
        installation: Some(if system.is_server { "Server" } else { "Client" }.to_owned()),
        display_version: None,
        service_pack: None,
        role: Some(match (system.is_server, is_controller) {
            (false, _) => WindowsRole::Workstation,
            (true, true) => WindowsRole::DomainController,
            (true, false) => WindowsRole::Server,
        }),
        sku: None,
        language: Some(1033),
        build_lab: None,
    });
    platform
}

fn identity(machine: &Machine, run: usize) -> HostIdentity {
    let id = &machine.os_id;
    let guid = hyphenated(id);
    let is_windows = machine.system.family == Family::Windows;
    let known = |text: &str| Observed::Known(text.to_owned());
    let boot = hyphenated(&digest(&format!("boot {} {run}", machine.name)));
    let hardware = &machine.hardware;
    HostIdentity {
        machine_id: if is_windows {
            Observed::default()
        } else {
            known(id)
        },
        machine_guid: if is_windows {
            known(&guid)
        } else {
            Observed::default()
        },
        boot_id: if is_windows {
            Observed::default()
        } else {
            known(&boot)
        },
        product_uuid: known(&hardware.uuid),
        serial: known(&hardware.serial),
        vendor: known(&format!("{} {}", hardware.maker, hardware.model)),
        interfaces: Observed::Known(interfaces(machine, run)),
        hostname: known(&machine.name),
        fqdn: known(&machine.fqdn()),
    }
}

fn interfaces(machine: &Machine, run: usize) -> Vec<NetworkInterface> {
    let is_windows = machine.system.family == Family::Windows;
    let mut all = Vec::new();
    for (number, (address, mac)) in machine.presence[run].iter().enumerate() {
        all.push(NetworkInterface {
            name: if is_windows {
                format!("Ethernet {number}")
            } else {
                format!("ens{}", 192 + number)
            },
            mac: mac.clone(),
            addresses: vec![IpAddr::V4(*address)],
        });
    }
    if let Some(card) = &machine.wireless {
        // Who works from home has the address of home there.
        let is_at_home = machine.kind == "laptop_on_vpn";
        all.push(NetworkInterface {
            name: "Wi-Fi".to_owned(),
            mac: card.clone(),
            addresses: if is_at_home {
                vec![IpAddr::from([192, 168, 178, 23])]
            } else {
                Vec::new()
            },
        });
    }
    all.sort();
    all
}

fn windows(machine: &Machine, at: UtcTime) -> WindowsFacts {
    let (build, revision) = machine.system.build;
    let update = Hotfix {
        id: "KB5068861".to_owned(),
        kb: Some(KbId(5_068_861)),
        title: None,
        kind: Some("Security Update".to_owned()),
        state: HotfixState::Installed,
        build: Some(format!("{build}.{revision}")),
        installed_on: Date::parse(&at.date().to_string()),
        installed_at: None,
        installed_by: Some("NT AUTHORITY\\SYSTEM".to_owned()),
        seen_in: vec![HotfixSource::Qfe],
    };
    let obeys = machine.updates == Updates::Wsus;
    let server = obeys.then(|| "https://wsus.corp.example:8531".to_owned());
    let (name, is_domain) = match machine.membership {
        Membership::Domain => (DOMAIN, true),
        Membership::Foreign => (FOREIGN, true),
        Membership::Workgroup => ("WORKGROUP", false),
    };
    WindowsFacts {
        hotfixes: Observed::Known(vec![update]),
        programs: Observed::Known(Vec::new()),
        update_policy: Observed::Known(UpdatePolicy {
            wsus: server.clone(),
            wsus_status: server,
            uses_wsus: obeys,
            group: None,
            automatic: Some(4),
            is_off: false,
            last_install: Some(at),
            last_search: Some(at),
        }),
        membership: Observed::Known(Joined {
            name: name.to_owned(),
            is_domain,
        }),
        ..WindowsFacts::default()
    }
}

fn manager(machine: &Machine) -> PackageManager {
    match machine.system.family {
        Family::Debian => PackageManager::Dpkg,
        _ => PackageManager::Rpm,
    }
}

fn packages(machine: &Machine, at: UtcTime) -> Vec<Package> {
    let package = Package {
        manager: manager(machine),
        name: "openssh-server".to_owned(),
        version: "1:9.2p1-2".to_owned(),
        arch: "amd64".to_owned(),
        source: SourcePackage {
            name: "openssh".to_owned(),
            version: "1:9.2p1-2".to_owned(),
        },
        state: PackageState::Installed,
        held: false,
        installed_at: Some(at),
        vendor: None,
        module: None,
        repository: None,
    };
    vec![package]
}

fn unix(machine: &Machine, at: UtcTime) -> UnixFacts {
    let source = UpdateSource {
        manager: manager(machine),
        id: "main".to_owned(),
        url: "https://mirror.corp.example/main".to_owned(),
        enabled: machine.updates != Updates::Nowhere,
        dangers: Vec::new(),
    };
    let change = PackageChange {
        at,
        package: "openssh-server".to_owned(),
        action: PackageAction::Upgraded,
        from: None,
        to: Some("1:9.2p1-2".to_owned()),
        by: None,
        command: None,
        log: Some(PackageLog::Apt),
    };
    UnixFacts {
        sources: Observed::Known(vec![source]),
        refreshed: Observed::Known(at),
        history: Observed::Known(vec![change]),
        ..UnixFacts::default()
    }
}
