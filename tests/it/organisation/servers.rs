//! Servers of the computing centre: Windows, Linux, and pools of clones.

use super::cast::{List, Machine, Reading, Shown, Updates};
use super::network::{BACKUP, DESKTOPS, PRINTERS, SERVERS};
use super::studio::{DELL, Studio, VIRTUAL};
use super::systems::{self, System};
use underdesk::model::{ManagedState, ResultCode};

const ROLES: &[&str] = &["app", "sql", "file", "web", "rds", "bkp"];

pub(super) fn make(studio: &mut Studio) {
    windows(studio);
    several_cards(studio);
    windows_overlooked(studio);
    linux(studio);
    linux_overlooked(studio);
    linux_without_login(studio);
    linux_clones(studio);
    virtual_desktops(studio);
}

/// A Windows server: fixed address, read in every run, obeys WSUS, on all lists but that of leases.
fn windows_server(
    studio: &mut Studio,
    kind: &'static str,
    name: String,
    system: &'static System,
) -> Machine {
    let mut machine = studio.machine(kind, name, system);
    let is_virtual = studio.dice.chance(75);
    machine.hardware = if is_virtual {
        studio.virtual_hardware()
    } else {
        studio.bought("Dell Inc.", &["PowerEdge R650", "PowerEdge R740"])
    };
    let mac = studio.mac(if is_virtual { VIRTUAL } else { DELL });
    studio.settle(&mut machine, SERVERS, &mac);
    machine.reverse = Some((machine.fqdn(), true));
    machine.updates = Updates::Wsus;
    let mut face = vec![Shown::Smb, Shown::Rpc, Shown::Winrm];
    if studio.dice.chance(70) {
        face.push(Shown::Rdp);
    }
    machine.showing(face).always(Reading::Read)
}

fn named(studio: &mut Studio) -> String {
    let role = *studio.dice.pick(ROLES);
    studio.name(&format!("srv-{role}-"), 2)
}

fn on_lists(studio: &mut Studio, machine: &mut Machine) {
    studio.in_directory(machine);
    studio.in_wsus(machine);
    if studio.dice.chance(40) {
        studio.in_config_mgr(machine);
    }
    let owner = studio.person();
    studio.in_assets(machine, &owner);
}

fn windows(studio: &mut Studio) {
    for _ in 0..studio.count("windows_server") {
        let (name, system) = (named(studio), studio.server());
        let mut machine = windows_server(studio, "windows_server", name, system);
        on_lists(studio, &mut machine);
        studio.machines.push(machine.stands(
            "a Windows server in order",
            ManagedState::Managed,
            "",
        ));
    }
    // NetBIOS and ConfigMgr know no more than the first 15 letters.
    for _ in 0..studio.count("windows_server_long_name") {
        let (start, system) = (studio.name("srv-shp", 2), studio.server());
        let name = format!("{start}-production");
        let mut machine = windows_server(studio, "windows_server_long_name", name, system);
        machine.hardware = studio.virtual_hardware();
        studio.in_directory(&mut machine);
        studio.in_wsus(&mut machine);
        studio.in_config_mgr(&mut machine);
        let owner = studio.person();
        studio.in_assets(&mut machine, &owner);
        let what = "a server whose name is longer than NetBIOS can say";
        studio
            .machines
            .push(machine.stands(what, ManagedState::Managed, ""));
    }
    for _ in 0..studio.count("domain_controller") {
        let (name, system) = (studio.name("dc", 2), studio.server());
        let mut machine = windows_server(studio, "domain_controller", name, system);
        machine.face.push(Shown::Ldap);
        on_lists(studio, &mut machine);
        studio
            .machines
            .push(machine.stands("a domain controller", ManagedState::Managed, ""));
    }
}

/// Servers with a leg in two or three subnets: one machine at several addresses.
fn several_cards(studio: &mut Studio) {
    for kind in ["multi_homed", "multi_homed_rejected"] {
        for _ in 0..studio.count(kind) {
            let (name, system) = (named(studio), studio.server());
            let mut machine = windows_server(studio, kind, name, system);
            let mac = studio.mac(VIRTUAL);
            studio.settle(&mut machine, BACKUP, &mac);
            if studio.dice.chance(30) {
                let mac = studio.mac(VIRTUAL);
                studio.settle(&mut machine, PRINTERS, &mac);
            }
            on_lists(studio, &mut machine);
            let made = match kind {
                "multi_homed" => {
                    machine.stands("a server with several cards", ManagedState::Managed, "")
                }
                _ => machine.always(Reading::Rejected).stands(
                    "a server with several cards that lets the scanner in at none",
                    ManagedState::Overlooked,
                    "no_credential_works",
                ),
            };
            studio.machines.push(made);
        }
    }
}

fn windows_overlooked(studio: &mut Studio) {
    for _ in 0..studio.count("server_ended") {
        let name = named(studio);
        let mut machine = windows_server(studio, "server_ended", name, &systems::SERVER_2012_R2);
        on_lists(studio, &mut machine);
        let what = "a server past its end that still gets paid updates";
        studio
            .machines
            .push(machine.stands(what, ManagedState::Overlooked, "end_of_life"));
    }
    for _ in 0..studio.count("server_unpatched") {
        let (name, system) = (named(studio), studio.server());
        let mut machine = windows_server(studio, "server_unpatched", name, system);
        on_lists(studio, &mut machine);
        machine.patched = studio.dice.between(70, 400);
        let what = "a server that nobody dares to restart";
        studio.machines.push(machine.stands(
            what,
            ManagedState::Overlooked,
            "not_patched_for_60_days",
        ));
    }
}

/// A Linux server: fixed address, read by SSH in every run, on no list yet.
pub(super) fn linux_server(
    studio: &mut Studio,
    kind: &'static str,
    system: &'static System,
) -> Machine {
    let role = *studio.dice.pick(&["web", "db", "ci", "log", "k8s"]);
    let name = studio.name(&format!("lx-{role}-"), 2);
    let mut machine = studio.machine(kind, name, system);
    machine.hardware = studio.virtual_hardware();
    let mac = studio.mac(VIRTUAL);
    studio.settle(&mut machine, SERVERS, &mac);
    machine.reverse = Some((machine.fqdn(), true));
    let mut face = vec![Shown::Ssh];
    if studio.dice.chance(40) {
        face.push(Shown::Http {
            port: 80,
            server: "nginx",
            title: "Welcome to nginx!",
        });
    }
    machine.showing(face).always(Reading::Read)
}

/// The asset list has a Linux server's address and surely its own name.
fn in_assets(studio: &mut Studio, machine: &mut Machine) {
    let owner = studio.person();
    studio.in_assets(machine, &owner);
}

fn linux(studio: &mut Studio) {
    for _ in 0..studio.count("linux_server") {
        let system = studio.linux();
        let mut machine = linux_server(studio, "linux_server", system);
        in_assets(studio, &mut machine);
        studio
            .machines
            .push(machine.stands("a Linux server in order", ManagedState::Managed, ""));
    }
}

fn linux_overlooked(studio: &mut Studio) {
    for _ in 0..studio.count("linux_ended") {
        let system = *studio
            .dice
            .pick(&[&systems::DEBIAN_10, &systems::UBUNTU_18]);
        let mut machine = linux_server(studio, "linux_ended", system);
        in_assets(studio, &mut machine);
        let what =
            "a Linux server past its end, to which a maker's repository still brings something";
        studio
            .machines
            .push(machine.stands(what, ManagedState::Overlooked, "end_of_life"));
    }
    for _ in 0..studio.count("linux_unfed") {
        let system = studio.linux();
        let mut machine = linux_server(studio, "linux_unfed", system);
        machine.updates = Updates::Nowhere;
        in_assets(studio, &mut machine);
        let what = "a Linux server all of whose package sources are switched off";
        studio
            .machines
            .push(machine.stands(what, ManagedState::Overlooked, "update_source_dead"));
    }
    for _ in 0..studio.count("linux_unpatched") {
        let system = studio.linux();
        let mut machine = linux_server(studio, "linux_unpatched", system);
        machine.patched = studio.dice.between(70, 500);
        in_assets(studio, &mut machine);
        let what = "a Linux server that nobody updates";
        studio.machines.push(machine.stands(
            what,
            ManagedState::Overlooked,
            "not_patched_for_60_days",
        ));
    }
}

/// Known by its key, and by the name that DNS has for it; the asset list has that name and the address.
fn linux_without_login(studio: &mut Studio) {
    let kinds = [
        ("linux_rejected", Reading::Rejected, "no_credential_works"),
        (
            "linux_never_read",
            Reading::NotTried(ResultCode::NoCredentialInScope),
            "never_assessed",
        ),
    ];
    for (kind, reading, reason) in kinds {
        for _ in 0..studio.count(kind) {
            let system = studio.linux();
            let mut machine = linux_server(studio, kind, system).always(reading);
            in_assets(studio, &mut machine);
            let what = "a Linux server that is known by its address and its name in DNS";
            studio
                .machines
                .push(machine.stands(what, ManagedState::Overlooked, reason));
        }
    }
}

/// Copies of one image: one machine-id and one host key, and names and cards of their own.
fn linux_clones(studio: &mut Studio) {
    let mut image: Option<(String, String)> = None;
    for _ in 0..studio.count("linux_clone") {
        let mut machine = linux_server(studio, "linux_clone", &systems::UBUNTU_24);
        let own = (machine.os_id.clone(), machine.host_key.clone());
        (machine.os_id, machine.host_key) = image.get_or_insert(own).clone();
        in_assets(studio, &mut machine);
        let what = "a Linux server that was copied with its machine-id and its host key";
        studio
            .machines
            .push(machine.stands(what, ManagedState::Managed, ""));
    }
}

/// Linked clones of one desktop: one uuid, one serial number and one `MachineGuid`. `ConfigMgr` takes them for one
/// machine, and has the one that reported last.
fn virtual_desktops(studio: &mut Studio) {
    let hardware = studio.virtual_hardware();
    let guid = studio.dice.hex(32);
    let count = studio.count("virtual_desktop");
    let reported = studio.dice.below(count);
    for at in 0..count {
        let name = studio.name("vdi-w11-", 3);
        let mut machine = studio.machine("virtual_desktop", name, &systems::WINDOWS_11_24H2);
        machine.hardware = hardware.clone();
        machine.os_id.clone_from(&guid);
        let mac = studio.mac(VIRTUAL);
        studio.lease(&mut machine, DESKTOPS, &mac, &[0, 1, 2, 3]);
        studio.in_directory(&mut machine);
        if at == reported {
            studio.in_config_mgr(&mut machine);
        }
        studio.in_leases(&mut machine);
        studio.in_assets(&mut machine, "Team Virtual Desktops");
        for row in machine
            .listed
            .iter_mut()
            .filter(|row| row.list == List::Assets)
        {
            row.hardware.serial = String::new();
            row.address = None;
        }
        let machine = machine
            .showing(vec![Shown::Smb, Shown::Winrm])
            .always(Reading::Read);
        studio.machines.push(machine.stands(
            "a linked clone of a desktop",
            ManagedState::Managed,
            "",
        ));
    }
}
