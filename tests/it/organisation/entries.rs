//! What lists believe in, and nobody answers for.

use super::cast::{List, Machine};
use super::network::{LABORATORY, Leases, OFFICE_A, OFFICE_B, OFFICE_NEW, PLANT, SERVERS, Subnet};
use super::studio::{DELL, Studio};
use super::systems;
use std::net::Ipv4Addr;
use underdesk::model::ManagedState;

pub(super) fn make(studio: &mut Studio) {
    dead(studio);
    asleep(studio);
    switched_off(studio);
    assets(studio);
    elsewhere(studio);
    leases(studio);
    replaced(studio);
}

/// A workstation that is nowhere, and its card.
fn absent(studio: &mut Studio, kind: &'static str) -> Machine {
    let start = *studio
        .dice
        .pick(&["pc-fin-", "pc-sal-", "pc-eng-", "pc-log-"]);
    let name = studio.name(start, 3);
    let mut machine = studio.machine(kind, name, &systems::WINDOWS_10);
    machine.hardware = studio.bought("Dell Inc.", &["OptiPlex 3050", "OptiPlex 7050"]);
    machine.wireless = Some(studio.mac(DELL));
    machine
}

fn office(studio: &mut Studio) -> Ipv4Addr {
    let subnet = *studio.dice.pick(&[OFFICE_A, OFFICE_B]);
    Leases::stale(&mut studio.dice, subnet)
}

/// Rows of a machine in the directory and in `ConfigMgr`, heard of so many days before the exports, with an address in
/// one or both.
fn listed(studio: &mut Studio, machine: &mut Machine, seen: (i64, i64), address: Option<Ipv4Addr>) {
    let mut object = studio.row(machine, List::Directory, seen);
    let mut record = studio.row(machine, List::ConfigMgr, seen);
    let is_in_dns = studio.dice.chance(60);
    object.address = address.filter(|_| is_in_dns);
    record.address = address;
    machine.listed.push(object);
    if address.is_some() || studio.dice.chance(50) {
        machine.listed.push(record);
    }
}

fn dead(studio: &mut Studio) {
    for _ in 0..studio.count("dead") {
        let mut machine = absent(studio, "dead");
        let address = office(studio);
        listed(studio, &mut machine, (105, 600), Some(address));
        if studio.dice.chance(30) {
            studio.in_assets(&mut machine, "");
            if let Some(row) = machine.listed.last_mut() {
                row.status = "Retired";
                row.address = None;
            }
        }
        let what = "a workstation that was thrown away";
        studio
            .machines
            .push(machine.stands(what, ManagedState::StaleEntry, ""));
    }
    for _ in 0..studio.count("dead_and_disabled") {
        let mut machine = absent(studio, "dead_and_disabled");
        let address = office(studio);
        listed(studio, &mut machine, (40, 200), Some(address));
        for row in &mut machine.listed {
            row.status = "Disabled";
            if row.list == List::ConfigMgr {
                // Whether an obsolete record is one that is switched off can be argued.
                row.seen = row.seen.map(|days| days + 70);
            }
        }
        let what = "a workstation that was thrown away and switched off on paper";
        studio
            .machines
            .push(machine.stands(what, ManagedState::StaleEntry, ""));
    }
    for _ in 0..studio.count("dead_in_new_subnet") {
        let mut machine = absent(studio, "dead_in_new_subnet");
        let address = Leases::stale(&mut studio.dice, OFFICE_NEW);
        listed(studio, &mut machine, (105, 400), Some(address));
        let what = "a workstation that was thrown away, in a subnet that was swept only twice";
        studio
            .machines
            .push(machine.stands(what, ManagedState::Unseen, "old_and_too_few_sweeps"));
    }
    for _ in 0..studio.count("dead_without_address") {
        let mut machine = absent(studio, "dead_without_address");
        listed(studio, &mut machine, (105, 900), None);
        let what = "an object that is old and has no address";
        studio
            .machines
            .push(machine.stands(what, ManagedState::OutOfScope, "no_address"));
    }
}

/// Neither fresh nor old.
fn asleep(studio: &mut Studio) {
    for _ in 0..studio.count("asleep") {
        let mut machine = absent(studio, "asleep");
        let address = office(studio);
        listed(studio, &mut machine, (52, 62), Some(address));
        // The password is older than the logon, and not old either.
        for row in &mut machine.listed {
            row.password = row.seen.unwrap_or_default() + 8;
        }
        let what = "a workstation whose owner is ill";
        studio
            .machines
            .push(machine.stands(what, ManagedState::Unseen, "no_answer_in_3_sweeps"));
    }
}

fn switched_off(studio: &mut Studio) {
    let kinds = [
        ("switched_off", SERVERS, "no_answer_in_3_sweeps"),
        (
            "switched_off_in_new_subnet",
            OFFICE_NEW,
            "no_answer_in_2_sweeps",
        ),
    ];
    for (kind, subnet, reason) in kinds {
        for _ in 0..studio.count(kind) {
            let (name, system) = (studio.name("srv-off-", 2), studio.server());
            let mut machine = studio.machine(kind, name, system);
            machine.hardware = studio.virtual_hardware();
            machine.wireless = Some(studio.mac("00:50:56"));
            let address = studio.leases.fixed(&mut studio.dice, subnet);
            studio.in_directory(&mut machine);
            studio.in_wsus(&mut machine);
            let owner = studio.person();
            studio.in_assets(&mut machine, &owner);
            for row in &mut machine.listed {
                row.address = Some(address);
            }
            let what = "a server that runs when it is needed";
            studio
                .machines
                .push(machine.stands(what, ManagedState::Unseen, reason));
        }
    }
}

fn assets(studio: &mut Studio) {
    let kinds = [
        (
            "asset_only",
            "In use",
            ManagedState::Unseen,
            "no_answer_in_3_sweeps",
            "an asset that nobody has met",
        ),
        (
            "asset_retired",
            "Retired",
            ManagedState::StaleEntry,
            "",
            "an asset that was sold",
        ),
    ];
    for (kind, status, state, reason, what) in kinds {
        for _ in 0..studio.count(kind) {
            let mut machine = absent(studio, kind);
            machine.name = studio.name("lx-lab-", 2);
            machine.system = &systems::DEBIAN_12;
            let address = studio.leases.fixed(&mut studio.dice, SERVERS);
            let owner = studio.person();
            studio.in_assets(&mut machine, &owner);
            if let Some(row) = machine.listed.last_mut() {
                row.seen = None;
                row.status = status;
                row.address = Some(address);
            }
            studio.machines.push(machine.stands(what, state, reason));
        }
    }
}

/// In use, in subnets that no run sweeps.
fn elsewhere(studio: &mut Studio) {
    for _ in 0..studio.count("never_swept") {
        let subnet: Subnet = *studio.dice.pick(&[LABORATORY, PLANT]);
        let (name, system) = (studio.name("pc-lab-", 3), studio.client());
        let mut machine = studio.machine("never_swept", name, system);
        machine.hardware = studio.bought("Dell Inc.", &["OptiPlex 7010"]);
        machine.wireless = Some(studio.mac(DELL));
        let address = Leases::stale(&mut studio.dice, subnet);
        studio.in_directory(&mut machine);
        studio.in_config_mgr(&mut machine);
        for row in &mut machine.listed {
            row.address = Some(address);
        }
        let what = "a workstation in a subnet that is never swept";
        studio
            .machines
            .push(machine.stands(what, ManagedState::OutOfScope, ""));
    }
}

/// A lease of somebody who is gone: nothing is to be said.
fn leases(studio: &mut Studio) {
    for _ in 0..studio.count("lease_only") {
        let start = *studio
            .dice
            .pick(&["iphone-", "galaxy-s24-", "desktop-guest"]);
        let name = studio.name(start, 2);
        let mut machine = studio.machine("lease_only", name, &systems::FIRMWARE);
        // A telephone makes up a hardware address for each network.
        let second = *studio.dice.pick(&["2", "6", "a", "e"]);
        let maker = format!(
            "{}{second}:{}:{}",
            studio.dice.hex(1),
            studio.dice.hex(2),
            studio.dice.hex(2)
        );
        machine.wireless = Some(studio.mac(&maker));
        let subnet = *studio.dice.pick(&[OFFICE_A, OFFICE_B]);
        let address = studio.leases.lease(&mut studio.dice, subnet, 0, None);
        studio.in_leases(&mut machine);
        if let Some(row) = machine.listed.last_mut() {
            row.address = Some(address);
        }
        machine.what = "somebody's telephone that had a lease".to_owned();
        studio.machines.push(machine);
    }
}

/// Hardware that was replaced by other hardware of the same name: the asset list still has the former one.
fn replaced(studio: &mut Studio) {
    for _ in 0..studio.count("replaced_under_its_name") {
        let is_heir = |machine: &Machine| {
            machine.kind == "workstation" && !super::office::is_junk(&machine.hardware)
        };
        let heirs: Vec<usize> = (0..studio.machines.len())
            .filter(|at| is_heir(&studio.machines[*at]))
            .collect();
        let heir = *studio.dice.pick(&heirs);
        let mut machine = absent(studio, "replaced_under_its_name");
        machine.name.clone_from(&studio.machines[heir].name);
        machine.hardware.serial = studio.dice.serial(7);
        studio.in_assets(&mut machine, "");
        let serial = machine.hardware.serial.clone();
        if let Some(row) = machine.listed.last_mut() {
            row.hardware.serial = serial;
            row.seen = None;
            row.status = "Retired";
            row.address = None;
        }
        // The heir's own row says which hardware it means.
        let hardware = studio.machines[heir].hardware.clone();
        for row in &mut studio.machines[heir].listed {
            row.hardware = hardware.clone();
        }
        let what = "hardware that was replaced by other hardware of the same name";
        studio
            .machines
            .push(machine.stands(what, ManagedState::OutOfScope, "no_address"));
    }
}
