//! Laptops: on docking stations, on the VPN, on the way, and installed anew.

use super::cast::{List, Machine, Reading, Shown};
use super::network::{HOME, Leases, OFFICE_A, OFFICE_B, RUNS, Subnet, VPN};
use super::office::{DEPARTMENTS, EVERY_RUN, number};
use super::studio::{DOCK, LENOVO, Studio};
use std::net::Ipv4Addr;
use underdesk::model::ManagedState;

pub(super) fn make(studio: &mut Studio) {
    docked(studio);
    travelling(studio);
    reimaged(studio);
    away(studio);
}

/// A laptop of the domain, nowhere yet and on no list.
fn laptop(studio: &mut Studio, kind: &'static str) -> Machine {
    let department = *studio.dice.pick(DEPARTMENTS);
    let name = studio.name(&format!("nb-{department}-"), 3);
    let system = studio.client();
    let mut machine = studio.machine(kind, name, system);
    machine.hardware = studio.bought("LENOVO", &["21HES0UL00", "21HM004JGE"]);
    machine.wireless = Some(studio.mac(LENOVO));
    let mut face = studio.windows_face();
    face.push(Shown::Winrm);
    machine.showing(face).always(Reading::Read)
}

/// Laptops on docking stations, whose hardware addresses they show: on another one in every run. `ConfigMgr` has the
/// dock of some other day.
fn docked(studio: &mut Studio) {
    let live = studio.count("laptop_docked");
    let away = studio.count("laptop_seen_before");
    let docks: Vec<String> = (0..live + away).map(|_| studio.mac(DOCK)).collect();
    let mut laptops: Vec<Machine> = (0..live).map(|_| laptop(studio, "laptop_docked")).collect();
    laptops.extend((0..away).map(|_| laptop(studio, "laptop_seen_before")));
    let last: Vec<usize> = (0..live + away)
        .map(|at| {
            if at < live {
                0
            } else {
                1 + studio.dice.below(2)
            }
        })
        .collect();
    let mut before: Vec<Option<Ipv4Addr>> = vec![None; live + away];
    for run in (0..RUNS).rev() {
        let mut order: Vec<usize> = (0..docks.len()).collect();
        studio.dice.shuffle(&mut order);
        for (at, machine) in laptops.iter_mut().enumerate() {
            if run < last[at] || (run != last[at] && studio.dice.chance(40)) {
                continue;
            }
            let address = studio
                .leases
                .lease(&mut studio.dice, OFFICE_A, run, before[at]);
            before[at] = Some(address);
            machine.presence[run].push((address, docks[order[at]].clone()));
        }
    }
    for (mut machine, last) in laptops.into_iter().zip(last) {
        on_lists(studio, &mut machine, &docks);
        if last == 0 {
            let what = "a laptop on a docking station";
            studio
                .machines
                .push(machine.stands(what, ManagedState::Managed, ""));
            continue;
        }
        let days = studio.calendar.runs[last];
        let what = "a laptop that was there weeks ago and is on the way";
        let reason = format!("last_seen_{days}_days_ago");
        studio
            .machines
            .push(machine.stands(what, ManagedState::Unseen, reason));
    }
}

/// A laptop on the lists, with its wireless card, and the dock on which it was when `ConfigMgr` looked.
fn on_lists(studio: &mut Studio, machine: &mut Machine, docks: &[String]) {
    studio.in_directory(machine);
    studio.in_config_mgr(machine);
    let wireless = machine.wireless.clone().into_iter();
    let dock =
        (!docks.is_empty() && studio.dice.chance(60)).then(|| studio.dice.pick(docks).clone());
    let before = machine
        .presence
        .iter()
        .flatten()
        .next()
        .map(|(address, _)| *address);
    if let Some(row) = machine.listed.last_mut() {
        row.macs = wireless.chain(dock).collect();
        row.address = before;
    }
    if machine.address().is_some() {
        studio.in_leases(machine);
    }
    let owner = studio.person();
    studio.in_assets(machine, &owner);
    let wireless = machine.wireless.clone();
    if let Some(row) = machine.listed.last_mut() {
        row.address = None;
        row.macs = wireless.into_iter().collect();
    }
}

fn travelling(studio: &mut Studio) {
    number(studio, "laptop_on_vpn", |studio| {
        let mut machine = laptop(studio, "laptop_on_vpn");
        studio.lease(&mut machine, VPN, "", EVERY_RUN);
        on_lists(studio, &mut machine, &[]);
        machine.listed.retain(|row| row.list != List::Leases);
        studio
            .machines
            .push(machine.stands("a laptop on the VPN", ManagedState::Managed, ""));
    });
    number(studio, "laptop_at_home", |studio| {
        let mut machine = laptop(studio, "laptop_at_home");
        on_lists(studio, &mut machine, &[]);
        let home = Leases::stale(&mut studio.dice, HOME);
        for row in &mut machine.listed {
            row.address = (row.list == List::ConfigMgr).then_some(home);
        }
        let what = "a laptop that lives at somebody's home and reports from there";
        studio
            .machines
            .push(machine.stands(what, ManagedState::OutOfScope, ""));
    });
}

/// Laptops that were installed anew under a new name: the record of the former installation is still there, with
/// the same serial number and uuid; of some its object in the directory as well, which has nothing but a name.
fn reimaged(studio: &mut Studio) {
    number(studio, "laptop_reimaged", |studio| {
        let mut machine = laptop(studio, "laptop_reimaged");
        machine.hardware.serial = studio.dice.serial(8);
        machine.hardware.uuid = studio.dice.uuid();
        let mac = studio.mac(LENOVO);
        studio.lease(&mut machine, OFFICE_B, &mac, EVERY_RUN);
        on_lists(studio, &mut machine, &[]);
        let former = studio.name("nb-old-", 3);
        let mut record = studio.row(&machine, List::ConfigMgr, (100, 300));
        record.name.clone_from(&former);
        record.macs = machine.wireless.clone().into_iter().collect();
        machine.listed.push(record);
        if studio.dice.chance(50) {
            let mut object = studio.row(&machine, List::Directory, (100, 300));
            object.name.clone_from(&former);
            object.address = None;
            machine.listed.push(object);
        }
        machine.former.push(former);
        let what = "a laptop that was installed anew; its former record is still on a list";
        studio
            .machines
            .push(machine.stands(what, ManagedState::Managed, ""));
    });
}

/// Laptops that no run has met, and that report by other ways; their lease is still running.
fn away(studio: &mut Studio) {
    number(studio, "laptop_never_met", |studio| {
        let mut machine = laptop(studio, "laptop_never_met");
        on_lists(studio, &mut machine, &[]);
        let subnet: Subnet = *studio.dice.pick(&[OFFICE_A, OFFICE_B]);
        let address = Leases::stale(&mut studio.dice, subnet);
        for row in machine
            .listed
            .iter_mut()
            .filter(|row| row.list == List::ConfigMgr)
        {
            row.address = Some(address);
        }
        let what = "a laptop that reports and was in no sweep";
        studio
            .machines
            .push(machine.stands(what, ManagedState::Unseen, "no_answer_in_3_sweeps"));
    });
}
