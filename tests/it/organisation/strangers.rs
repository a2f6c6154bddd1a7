//! Machines that no list has, or only as switched off.

use super::cast::{List, Machine, Membership, Reading, Shown};
use super::network::{OFFICE_A, OFFICE_B, SERVERS, Subnet};
use super::servers::linux_server;
use super::studio::{DELL, HP, Studio};
use super::systems::{self, System};
use underdesk::model::{ManagedState, ResultCode};

pub(super) fn make(studio: &mut Studio) {
    linux(studio);
    boxes(studio);
    quiet(studio);
    forgotten_iis(studio);
    members(studio);
    foreign(studio);
    workgroup(studio);
    switched_off_on_paper(studio);
    visitors(studio);
}

fn linux(studio: &mut Studio) {
    let kinds = [
        (
            "linux_unlisted",
            Reading::NotTried(ResultCode::NoCredentialInScope),
            "a Linux that somebody set up",
        ),
        (
            "linux_read_unlisted",
            Reading::Read,
            "a Linux from the template that never came onto a list",
        ),
    ];
    for (kind, reading, what) in kinds {
        for _ in 0..studio.count(kind) {
            let system = studio.linux();
            let machine = linux_server(studio, kind, system).always(reading);
            studio
                .machines
                .push(machine.stands(what, ManagedState::Unmanaged, "unknown_computer"));
        }
    }
    for _ in 0..studio.count("raspberry_pi") {
        let name = studio.name("raspberrypi", 1);
        let mut machine = studio.machine("raspberry_pi", name, &systems::RASPBERRY_PI_OS);
        let mac = studio.mac("b8:27:eb");
        studio.lease(&mut machine, OFFICE_A, &mac, &[0, 1, 2]);
        studio.in_leases(&mut machine);
        let machine = machine.showing(vec![Shown::Ssh]);
        let what = "a Raspberry Pi below a desk";
        studio
            .machines
            .push(machine.stands(what, ManagedState::Unmanaged, "unknown_computer"));
    }
}

fn boxes(studio: &mut Studio) {
    let kinds = [
        (
            "consumer_router",
            "3c:a6:2f",
            "",
            "FRITZ!Box",
            "a router for homes",
        ),
        (
            "storage_box",
            "00:11:32",
            "nginx",
            "Synology DiskStation",
            "a storage box from a shop",
        ),
    ];
    for (kind, maker, server, title, what) in kinds {
        for _ in 0..studio.count(kind) {
            let name = studio.name("box-", 2);
            let mut machine = studio.machine(kind, name, &systems::FIRMWARE);
            let mac = studio.mac(maker);
            studio.lease(&mut machine, OFFICE_A, &mac, &[0, 1]);
            studio.in_leases(&mut machine);
            let machine = machine.showing(vec![Shown::Http {
                port: 80,
                server,
                title,
            }]);
            studio
                .machines
                .push(machine.stands(what, ManagedState::Unmanaged, "device"));
        }
    }
}

/// Somebody who shows nothing but a card that no list has, or only that of leases.
fn quiet(studio: &mut Studio) {
    for _ in 0..studio.count("quiet_stranger") {
        let name = studio.name("thing-", 2);
        let mut machine = studio.machine("quiet_stranger", name, &systems::FIRMWARE);
        let mac = studio.mac(HP);
        studio.lease(&mut machine, OFFICE_A, &mac, &[0, 1]);
        if studio.dice.chance(50) {
            studio.in_leases(&mut machine);
        }
        let machine = machine.showing(vec![Shown::Mute(8_080)]);
        let what = "something that shows nothing but a card that nobody knows";
        studio
            .machines
            .push(machine.stands(what, ManagedState::Unmanaged, ""));
    }
}

/// A Windows of the domain at a leased address, unread and on no list.
fn windows(
    studio: &mut Studio,
    kind: &'static str,
    name: String,
    system: &'static System,
    subnet: Subnet,
) -> Machine {
    let mut machine = studio.machine(kind, name, system);
    machine.hardware = studio.bought("Dell Inc.", &["OptiPlex 3020"]);
    let maker = *studio.dice.pick(&[DELL, HP]);
    let mac = studio.mac(maker);
    studio.lease(&mut machine, subnet, &mac, &[0, 1, 2, 3]);
    machine.showing(studio.windows_face())
}

/// A member of the domain that still serves a page, and whose object somebody has tidied away.
fn forgotten_iis(studio: &mut Studio) {
    for _ in 0..studio.count("forgotten_iis") {
        let name = studio.name("intranet-old", 1);
        let mut machine = studio.machine("forgotten_iis", name, &systems::SERVER_2008_R2);
        machine.hardware = studio.virtual_hardware();
        let mac = studio.mac(DELL);
        studio.settle(&mut machine, SERVERS, &mac);
        let secure = Shown::Https {
            port: 443,
            server: "Microsoft-IIS/7.5",
            title: "IIS7",
            name: machine.fqdn(),
            is_self_signed: true,
        };
        let face = vec![
            Shown::Iis {
                version: "7.5",
                title: "IIS7",
            },
            secure,
            Shown::Smb,
            Shown::Rdp,
        ];
        let machine = machine.showing(face).always(Reading::Rejected);
        let what = "a forgotten IIS whose object was deleted from the directory";
        studio
            .machines
            .push(machine.stands(what, ManagedState::Unmanaged, "domain_member"));
    }
}

fn members(studio: &mut Studio) {
    for _ in 0..studio.count("member_deleted") {
        let (name, system) = (studio.name("pc-tmp-", 3), studio.client());
        let subnet = *studio.dice.pick(&[OFFICE_A, OFFICE_B]);
        let mut machine = windows(studio, "member_deleted", name, system, subnet);
        if studio.dice.chance(60) {
            studio.in_leases(&mut machine);
        }
        let what = "a member of the domain that is on no list";
        studio
            .machines
            .push(machine.stands(what, ManagedState::Unmanaged, "domain_member"));
    }
}

fn foreign(studio: &mut Studio) {
    for _ in 0..studio.count("foreign_laptop") {
        let (name, system) = (studio.name("ptn-lap-", 4), studio.client());
        let mut machine = windows(studio, "foreign_laptop", name, system, OFFICE_A);
        machine.membership = Membership::Foreign;
        studio.in_leases(&mut machine);
        let what = "a contractor's laptop from another domain";
        studio
            .machines
            .push(machine.stands(what, ManagedState::Unmanaged, "foreign_domain"));
    }
}

fn workgroup(studio: &mut Studio) {
    for _ in 0..studio.count("workgroup") {
        let start = format!("desktop-{}", studio.dice.serial(5).to_lowercase());
        let (name, system) = (studio.name(&start, 2), studio.client());
        let subnet = *studio.dice.pick(&[OFFICE_A, OFFICE_B]);
        let mut machine = windows(studio, "workgroup", name, system, subnet);
        machine.membership = Membership::Workgroup;
        if studio.dice.chance(60) {
            studio.in_leases(&mut machine);
        }
        let what = "a Windows in no domain";
        studio
            .machines
            .push(machine.stands(what, ManagedState::Unmanaged, "workgroup"));
    }
}

/// Somebody wrote on paper that it is gone, and nobody pulled the plug.
fn switched_off_on_paper(studio: &mut Studio) {
    for _ in 0..studio.count("disabled_and_live") {
        let (name, system) = (studio.name("pc-out-", 3), studio.client());
        let mut machine = windows(studio, "disabled_and_live", name, system, OFFICE_B);
        let mut object = studio.row(&machine, List::Directory, (60, 200));
        object.status = "Disabled";
        machine.listed.push(object);
        studio.in_leases(&mut machine);
        let what = "a workstation whose object is disabled and which is there every day";
        studio
            .machines
            .push(machine.stands(what, ManagedState::Unmanaged, "disabled_on_list"));
    }
    for _ in 0..studio.count("retired_and_live") {
        let system = studio.linux();
        let mut machine = linux_server(studio, "retired_and_live", system);
        studio.in_assets(&mut machine, "");
        if let Some(row) = machine.listed.last_mut() {
            row.status = "Retired";
        }
        let what = "a server that the asset list calls retired";
        studio
            .machines
            .push(machine.stands(what, ManagedState::Unmanaged, "disabled_on_list"));
    }
}

/// Who was there weeks ago, is on no list, and is gone: nothing is to be said.
fn visitors(studio: &mut Studio) {
    for _ in 0..studio.count("visitor_before") {
        let (name, system) = (studio.name("ptn-vis-", 4), studio.client());
        let mut machine = studio.machine("visitor_before", name, system);
        machine.membership = Membership::Foreign;
        let mac = studio.mac(HP);
        studio.lease(&mut machine, OFFICE_A, &mac, &[2]);
        machine.what = "a visitor of some weeks ago".to_owned();
        studio.machines.push(machine.showing(vec![Shown::Smb]));
    }
}
