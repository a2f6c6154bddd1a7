//! Workstations.

use super::cast::{Hardware, List, Machine, Reading, Shown, Updates};
use super::network::{Leases, OFFICE_A, OFFICE_B, OFFICE_NEW, RUNS};
use super::studio::{DELL, HP, LENOVO, Studio};
use super::systems;
use underdesk::model::{ManagedState, ResultCode};

pub(super) const DEPARTMENTS: &[&str] = &["fin", "hr", "sal", "eng", "log", "leg"];
pub(super) const EVERY_RUN: &[usize] = &[0, 1, 2, 3];

pub(super) fn make(studio: &mut Studio) {
    workstations(studio);
    overlooked(studio);
    read_before(studio);
}

/// Makes as many of a kind as the parameters say.
pub(super) fn number(studio: &mut Studio, kind: &'static str, mut make: impl FnMut(&mut Studio)) {
    for _ in 0..studio.count(kind) {
        make(studio);
    }
}

/// The block of the card, the maker, its models.
const MAKERS: &[(&str, &str, &[&str])] = &[
    (DELL, "Dell Inc.", &["OptiPlex 7010", "OptiPlex 5090"]),
    (HP, "HP", &["ProDesk 400 G9", "EliteDesk 800 G6"]),
    (LENOVO, "LENOVO", &["11T3S04400", "12E3CTO1WW"]),
];

/// A workstation of the domain: leased address, read in every run, up to date, on no list yet.
fn workstation(studio: &mut Studio, kind: &'static str) -> Machine {
    let department = *studio.dice.pick(DEPARTMENTS);
    let name = studio.name(&format!("pc-{department}-"), 3);
    let system = studio.client();
    let mut machine = studio.machine(kind, name, system);
    let (block, maker, models) = *studio.dice.pick(MAKERS);
    machine.hardware = studio.bought(maker, models);
    let mac = studio.mac(block);
    let subnet = *studio
        .dice
        .pick(&[OFFICE_A, OFFICE_A, OFFICE_B, OFFICE_B, OFFICE_NEW]);
    studio.lease(&mut machine, subnet, &mac, EVERY_RUN);
    let mut face = studio.windows_face();
    face.push(Shown::Winrm);
    machine.showing(face).always(Reading::Read)
}

/// The lists that a workstation is on: the directory, `ConfigMgr`, a lease; of some WSUS, which those obey.
fn paper(studio: &mut Studio, machine: &mut Machine) {
    studio.in_directory(machine);
    studio.in_config_mgr(machine);
    studio.in_leases(machine);
    if studio.dice.chance(30) {
        machine.updates = Updates::Wsus;
        studio.in_wsus(machine);
    }
}

/// As [`paper`], and somebody answers for it. The asset list has no leased address, or one of long ago.
fn paper_and_owner(studio: &mut Studio, machine: &mut Machine) {
    paper(studio, machine);
    owner(studio, machine);
}

fn owner(studio: &mut Studio, machine: &mut Machine) {
    let owner = studio.person();
    studio.in_assets(machine, &owner);
    let address = studio
        .dice
        .chance(20)
        .then(|| Leases::stale(&mut studio.dice, OFFICE_B));
    if let Some(row) = machine.listed.last_mut() {
        row.address = address;
    }
}

fn workstations(studio: &mut Studio) {
    number(studio, "workstation", |studio| {
        let mut machine = workstation(studio, "workstation");
        paper_and_owner(studio, &mut machine);
        let mut what = "a workstation in order";
        if !is_junk(&machine.hardware) && studio.dice.chance(7) {
            what = "a workstation that was renamed; the asset list has its former name";
            let former = studio.name("pc-old-", 3);
            rename(&mut machine, List::Assets, &former);
        } else if studio.dice.chance(4) {
            what = "a workstation that the asset list has twice";
            owner(studio, &mut machine);
        }
        studio
            .machines
            .push(machine.stands(what, ManagedState::Managed, ""));
    });
}

/// Lets a list have a former name, and surely the serial number.
fn rename(machine: &mut Machine, list: List, former: &str) {
    let hardware = machine.hardware.clone();
    for row in machine.listed.iter_mut().filter(|row| row.list == list) {
        row.name = former.to_uppercase();
        row.hardware = hardware.clone();
    }
    machine.former.push(former.to_owned());
}

pub(super) fn is_junk(hardware: &Hardware) -> bool {
    !hardware.uuid.contains("-4") || hardware.serial.len() < 7 || hardware.serial.contains(' ')
}

fn overlooked(studio: &mut Studio) {
    number(studio, "workstation_rejected", |studio| {
        let mut machine = workstation(studio, "workstation_rejected").always(Reading::Rejected);
        paper_and_owner(studio, &mut machine);
        let what = "a workstation on which the scanner's account is refused";
        studio
            .machines
            .push(machine.stands(what, ManagedState::Overlooked, "no_credential_works"));
    });
    number(studio, "workstation_never_read", |studio| {
        let mut machine = workstation(studio, "workstation_never_read");
        machine.face.retain(|shown| *shown != Shown::Winrm);
        let mut machine = machine.always(Reading::NotTried(ResultCode::Filtered));
        paper_and_owner(studio, &mut machine);
        let what = "a workstation whose firewall lets no login in";
        studio
            .machines
            .push(machine.stands(what, ManagedState::Overlooked, "never_assessed"));
    });
    number(studio, "workstation_unpatched", |studio| {
        let mut machine = workstation(studio, "workstation_unpatched");
        paper_and_owner(studio, &mut machine);
        machine.patched = studio.dice.between(70, 240);
        let what = "a workstation that reports and installs nothing";
        studio.machines.push(machine.stands(
            what,
            ManagedState::Overlooked,
            "not_patched_for_60_days",
        ));
    });
    number(studio, "workstation_silent", silent);
    number(studio, "workstation_ended", |studio| {
        let mut machine = workstation(studio, "workstation_ended");
        machine.system = &systems::WINDOWS_10;
        paper_and_owner(studio, &mut machine);
        let what = "a workstation with a Windows 10 past its end";
        studio
            .machines
            .push(machine.stands(what, ManagedState::Overlooked, "end_of_life"));
    });
    number(studio, "workstation_unowned", |studio| {
        let mut machine = workstation(studio, "workstation_unowned");
        paper(studio, &mut machine);
        if studio.dice.chance(50) {
            studio.in_assets(&mut machine, "");
        }
        let what = "a workstation for which nobody answers";
        studio
            .machines
            .push(machine.stands(what, ManagedState::Overlooked, "no_owner"));
    });
    number(studio, "workstation_unfed", unfed);
    number(studio, "workstation_walled", walled);
}

/// Its firewall lets nothing in, so that only its card tells who it is: its lease and `ConfigMgr` have that.
fn walled(studio: &mut Studio) {
    let mut machine = workstation(studio, "workstation_walled");
    for (run, met) in machine.presence.iter_mut().enumerate() {
        met.clear();
        machine.reading[run] = Reading::NotTried(ResultCode::Filtered);
    }
    let mac = studio.mac(DELL);
    studio.lease(&mut machine, OFFICE_A, &mac, EVERY_RUN);
    studio.in_directory(&mut machine);
    studio.in_leases(&mut machine);
    let mut record = studio.row(&machine, List::ConfigMgr, (0, 6));
    record.macs = vec![mac];
    machine.listed.push(record);
    owner(studio, &mut machine);
    let machine = machine.showing(vec![Shown::Mute(135)]);
    let what = "a workstation that shows nothing but its card";
    studio
        .machines
        .push(machine.stands(what, ManagedState::Overlooked, "never_assessed"));
}

/// Its trust in the domain is broken and its client dead: nobody has heard of it for long, and it is there.
fn silent(studio: &mut Studio) {
    let mut machine = workstation(studio, "workstation_silent");
    let logon = studio.row(&machine, List::Directory, (52, 80));
    let client = studio.row(&machine, List::ConfigMgr, (24, 80));
    machine.listed.extend([logon, client]);
    studio.in_leases(&mut machine);
    owner(studio, &mut machine);
    for row in machine
        .listed
        .iter_mut()
        .filter(|row| row.list == List::Assets)
    {
        row.seen = None;
    }
    let what = "a workstation whose agents have gone silent";
    studio
        .machines
        .push(machine.stands(what, ManagedState::Overlooked, "agent_stale"));
}

/// It obeys a WSUS server that does not know it, or has not heard of it for long, or never.
fn unfed(studio: &mut Studio) {
    let mut machine = workstation(studio, "workstation_unfed");
    studio.in_directory(&mut machine);
    studio.in_config_mgr(&mut machine);
    studio.in_leases(&mut machine);
    owner(studio, &mut machine);
    machine.updates = Updates::Wsus;
    let mut client = studio.row(&machine, List::Wsus, (38, 80));
    match studio.dice.below(3) {
        0 => {}
        1 => {
            client.seen = None;
            machine.listed.push(client);
        }
        _ => machine.listed.push(client),
    }
    let what = "a workstation that obeys a WSUS server which has not heard of it";
    studio
        .machines
        .push(machine.stands(what, ManagedState::Overlooked, "update_source_dead"));
}

fn read_before(studio: &mut Studio) {
    number(studio, "workstation_read_before", |studio| {
        let mut machine = workstation(studio, "workstation_read_before");
        machine.reading[0] = if studio.dice.chance(50) {
            Reading::Rejected
        } else {
            Reading::NotTried(ResultCode::PortClosed)
        };
        // What the last run but one read tells when it was patched.
        machine.patched = studio.dice.between(machine_age(studio) + 2, 50);
        paper_and_owner(studio, &mut machine);
        let what = "a workstation that was read two weeks ago and not today";
        studio
            .machines
            .push(machine.stands(what, ManagedState::Managed, ""));
    });
    number(studio, "workstation_read_long_ago", |studio| {
        let mut machine =
            workstation(studio, "workstation_read_long_ago").always(Reading::Rejected);
        machine.reading[RUNS - 1] = Reading::Read;
        paper_and_owner(studio, &mut machine);
        let what = "a workstation that was last read more than a month ago";
        studio
            .machines
            .push(machine.stands(what, ManagedState::Overlooked, "no_credential_works"));
    });
}

fn machine_age(studio: &Studio) -> i64 {
    studio.calendar.runs[1]
}
