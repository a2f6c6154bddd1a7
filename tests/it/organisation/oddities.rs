//! What is not what it seems: virtual routers, NAT, and a firewall that answers for a range.

use super::cast::{List, Machine, Reading, Shown};
use super::network::{BEHIND_NAT, BRANCHES, Leases, OFFICE_A, RUNS, SERVERS, WALLED};
use super::studio::{HP, Studio};
use super::systems;
use std::net::Ipv4Addr;
use underdesk::model::{ManagedState, ResultCode};

pub(super) fn make(studio: &mut Studio) {
    routers(studio);
    branches(studio);
    firewall(studio);
    name_addresses(studio);
    squat(studio);
}

/// Two routers in each of the scanner's own subnets, and the address that they share: the master answers there, with
/// its own host key and the hardware address of the virtual router.
fn routers(studio: &mut Studio) {
    for (number, subnet) in [(10, SERVERS), (31, OFFICE_A)] {
        let mut keys = Vec::new();
        for _ in 0..2 {
            let name = studio.name("rt-", 2);
            let mut machine = studio.machine("router", name, &systems::IOS);
            machine.hardware.serial = studio.dice.serial(11);
            machine.hardware.model = "ISR 4331".to_owned();
            let mac = studio.mac("00:1b:54");
            studio.settle(&mut machine, subnet, &mac);
            let mut machine = machine.showing(vec![Shown::Ssh]);
            studio.in_assets(&mut machine, "Team Network");
            if let Some(row) = machine.listed.last_mut() {
                row.macs = vec![mac];
            }
            keys.push(machine.host_key.clone());
            let what = "a router of a redundant pair";
            studio
                .machines
                .push(machine.stands(what, ManagedState::Overlooked, "never_assessed"));
        }
        let name = studio.name("virtual-router-", 2);
        let mut machine = studio.machine("virtual_router", name, &systems::IOS);
        let mac = format!("00:00:5e:00:01:{number:02x}");
        for run in 0..RUNS {
            machine.presence[run].push((subnet.at(1), mac.clone()));
        }
        machine.host_key.clone_from(&keys[0]);
        let what = "the address that two routers share";
        let machine = machine.showing(vec![Shown::Ssh]);
        studio
            .machines
            .push(machine.stands(what, ManagedState::Artefact, "shared_address"));
    }
}

/// A branch behind one address, which forwards remote desktop to another machine in every run.
fn branches(studio: &mut Studio) {
    for _ in 0..studio.count("nat_box") {
        let address = studio.leases.fixed(&mut studio.dice, BRANCHES);
        // The oldest run met the same machine as the one after it.
        for run in 0..RUNS - 1 {
            let (name, system) = (studio.name("br-pc-", 3), studio.client());
            let mut machine = studio.machine("behind_nat", name, system);
            machine.hardware = studio.bought("HP", &["ProDesk 400 G6"]);
            machine.wireless = Some(studio.mac(HP));
            studio.in_directory(&mut machine);
            studio.in_config_mgr(&mut machine);
            let inside = Leases::stale(&mut studio.dice, BEHIND_NAT);
            for row in &mut machine.listed {
                row.address = Some(inside);
            }
            let owner = studio.person();
            studio.in_assets(&mut machine, &owner);
            machine.presence[run].push((address, String::new()));
            if run == RUNS - 2 {
                machine.presence[RUNS - 1].push((address, String::new()));
            }
            studio.machines.push(stands(studio, machine, run));
        }
    }
}

fn stands(studio: &Studio, machine: Machine, run: usize) -> Machine {
    let machine = machine
        .showing(vec![Shown::Rdp])
        .always(Reading::NotTried(ResultCode::PortClosed));
    let what = "a workstation of a branch, behind its router";
    let days = studio.calendar.runs[run];
    match run {
        0 => machine.stands(what, ManagedState::Overlooked, "never_assessed"),
        _ => machine.stands(
            what,
            ManagedState::Unseen,
            format!("last_seen_{days}_days_ago"),
        ),
    }
}

/// What DNS calls leased addresses: mostly the machine's own name; sometimes still that of another one, which does not
/// lead back. Only who tells its name itself has a wrong one: there is no doubt who it is.
fn name_addresses(studio: &mut Studio) {
    let kinds = [
        "workstation",
        "workstation_rejected",
        "laptop_docked",
        "laptop_reimaged",
    ];
    let names: Vec<String> = studio.machines.iter().map(Machine::fqdn).collect();
    for machine in studio
        .machines
        .iter_mut()
        .filter(|machine| kinds.contains(&machine.kind))
    {
        machine.reverse = match studio.dice.below(10) {
            0 => {
                let other = studio.dice.pick(&names).clone();
                (other != machine.fqdn()).then_some((other, false))
            }
            1..7 => Some((machine.fqdn(), true)),
            _ => None,
        };
    }
}

/// Somebody took an address that was leased to a laptop which is away.
fn squat(studio: &mut Studio) {
    let is_without_lease = |machine: &&Machine| {
        let mut rows = machine.listed.iter();
        machine.kind == "workgroup" && !rows.any(|row| row.list == List::Leases)
    };
    let taken = studio.machines.iter().filter(is_without_lease);
    let taken: Vec<Ipv4Addr> = taken.filter_map(Machine::address).take(2).collect();
    let away = |machine: &Machine| machine.kind == "laptop_never_met";
    let away: Vec<usize> = (0..studio.machines.len())
        .filter(|at| away(&studio.machines[*at]))
        .collect();
    for (at, address) in away.into_iter().zip(taken) {
        let mut row = studio.row(&studio.machines[at].clone(), List::Leases, (0, 0));
        row.address = Some(address);
        studio.machines[at].listed.push(row);
    }
}

/// A firewall that accepts connections for half a /24.
fn firewall(studio: &mut Studio) {
    let name = studio.name("firewall-", 1);
    let mut machine = studio.machine("firewall", name, &systems::FIRMWARE);
    for run in 0..RUNS {
        machine.presence[run] = (1..=126)
            .map(|last| (WALLED.at(last), String::new()))
            .collect();
    }
    let what = "a firewall that accepts connections for a whole range";
    studio
        .machines
        .push(machine.stands(what, ManagedState::Artefact, ""));
}
