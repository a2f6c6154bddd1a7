//! Printers, cameras, phones, switches, and what shows next to nothing.

use super::cast::{Machine, Shown};
use super::network::{GEAR, OFFICE_A, OFFICE_B, PRINTERS, Subnet, VOICE};
use super::studio::Studio;
use super::systems;
use underdesk::model::ManagedState;

/// Who makes printers: the block of the card, the number of the maker (SNMP), the server and the title of the page.
const PRINTER_MAKERS: &[(&str, u32, &str, &str)] = &[
    (
        "3c:52:82",
        11,
        "HP HTTP Server; HP Color LaserJet MFP M480",
        "HP Color LaserJet MFP M480",
    ),
    ("00:25:36", 367, "", "Web Image Monitor"),
    ("00:1b:a9", 2435, "debut/1.30", "Brother HL-L6400DW series"),
    (
        "00:c0:ee",
        1347,
        "KM-MFP-http/V0.0.1",
        "Kyocera Command Center RX",
    ),
];

/// The block of cameras that the allow list has, and the file with it.
pub(super) const CAMERAS: &str = "ac:cc:8e";

pub(super) fn make(studio: &mut Studio) {
    printers(studio);
    cameras_and_phones(studio);
    switches(studio);
    mute(studio);
}

fn device(studio: &mut Studio, kind: &'static str, start: &str) -> Machine {
    let name = studio.name(start, 2);
    studio.machine(kind, name, &systems::FIRMWARE)
}

/// A printer: what it shows is a page, and the engine id of its SNMP agent.
fn printer(studio: &mut Studio, kind: &'static str, subnet: Subnet) -> Machine {
    let mut machine = device(studio, kind, "prn-");
    let (maker, enterprise, server, title) = *studio.dice.pick(PRINTER_MAKERS);
    machine.hardware.serial = studio.dice.serial(10);
    machine.hardware.model = title.to_owned();
    let mac = studio.mac(maker);
    studio.settle(&mut machine, subnet, &mac);
    machine.showing(vec![
        Shown::Http {
            port: 80,
            server,
            title,
        },
        Shown::Snmp { enterprise },
    ])
}

fn printers(studio: &mut Studio) {
    for _ in 0..studio.count("printer_expected") {
        let mut machine = printer(studio, "printer_expected", PRINTERS);
        if studio.dice.chance(30) {
            studio.in_assets(&mut machine, "Facilities");
        }
        let what = "a printer on the allow list";
        studio
            .machines
            .push(machine.stands(what, ManagedState::Expected, ""));
    }
    for _ in 0..studio.count("printer_on_asset_list") {
        let subnet = *studio.dice.pick(&[OFFICE_A, OFFICE_B]);
        let mut machine = printer(studio, "printer_on_asset_list", subnet);
        studio.in_assets(&mut machine, "Facilities");
        let mac = machine.mac();
        if let Some(row) = machine.listed.last_mut() {
            row.macs = vec![mac];
        }
        let what = "a printer on the asset list, which nobody can read";
        studio
            .machines
            .push(machine.stands(what, ManagedState::Overlooked, "never_assessed"));
    }
    for (kind, what) in [
        (
            "printer_expired",
            "a printer whose entry on the allow list has expired",
        ),
        ("printer_unlisted", "a printer that somebody bought"),
    ] {
        for _ in 0..studio.count(kind) {
            let machine = printer(studio, kind, OFFICE_B);
            studio
                .machines
                .push(machine.stands(what, ManagedState::Unmanaged, "device"));
        }
    }
}

fn cameras_and_phones(studio: &mut Studio) {
    for _ in 0..studio.count("camera_expected") {
        let mut machine = device(studio, "camera_expected", "cam-");
        let mac = studio.mac(CAMERAS);
        studio.settle(&mut machine, OFFICE_A, &mac);
        let face = vec![Shown::Http {
            port: 80,
            server: "Apache/2.4.54 (Unix)",
            title: "AXIS",
        }];
        let what = "a camera of a maker on the allow list";
        studio.machines.push(
            machine
                .showing(face)
                .stands(what, ManagedState::Expected, ""),
        );
    }
    for _ in 0..studio.count("phone_expected") {
        let mut machine = device(studio, "phone_expected", "tel-");
        let mac = studio.mac("80:5e:c0");
        studio.settle(&mut machine, VOICE, &mac);
        let face = vec![Shown::Http {
            port: 80,
            server: "yealink embed httpd",
            title: "Yealink T54W Phone",
        }];
        let what = "a telephone in the telephones' subnet";
        studio.machines.push(
            machine
                .showing(face)
                .stands(what, ManagedState::Expected, ""),
        );
    }
}

fn switches(studio: &mut Studio) {
    for kind in ["switch_on_asset_list", "switch_unlisted"] {
        for _ in 0..studio.count(kind) {
            let mut machine = device(studio, kind, "sw-");
            machine.system = &systems::IOS;
            machine.hardware.serial = studio.dice.serial(11);
            machine.hardware.model = "Catalyst 9200L".to_owned();
            let mac = studio.mac("00:1b:54");
            studio.settle(&mut machine, GEAR, &mac);
            let mut machine = machine.showing(vec![Shown::Ssh, Shown::Snmp { enterprise: 9 }]);
            let made = if kind == "switch_unlisted" {
                machine.stands("a switch on no list", ManagedState::Unmanaged, "device")
            } else {
                studio.in_assets(&mut machine, "Team Network");
                let mac = machine.mac();
                if let Some(row) = machine.listed.last_mut() {
                    row.macs = vec![mac];
                }
                machine.stands(
                    "a switch on the asset list",
                    ManagedState::Overlooked,
                    "never_assessed",
                )
            };
            studio.machines.push(made);
        }
    }
}

/// Live, and nothing that would tell one from another: an open port, a page that thousands show.
fn mute(studio: &mut Studio) {
    for _ in 0..studio.count("mute") {
        let mut machine = device(studio, "mute", "mute-");
        let subnet = *studio.dice.pick(&[VOICE, OFFICE_B, GEAR]);
        studio.settle(&mut machine, subnet, "");
        let port = *studio.dice.pick(&[22, 80, 443, 8080]);
        let machine = machine.showing(vec![Shown::Mute(port)]);
        let what = "something with an open port that says nothing";
        studio
            .machines
            .push(machine.stands(what, ManagedState::Unidentified, ""));
    }
    for _ in 0..studio.count("page_only") {
        let mut machine = device(studio, "page_only", "page-");
        let subnet = *studio.dice.pick(&[VOICE, OFFICE_B]);
        studio.settle(&mut machine, subnet, "");
        let page = Shown::Http {
            port: 80,
            server: "GoAhead-Webs",
            title: "Login",
        };
        let secure = Shown::Https {
            port: 443,
            server: "lighttpd/1.4.59",
            title: "Status",
            name: "device.local".to_owned(),
            is_self_signed: true,
        };
        let camera = Shown::Http {
            port: 80,
            server: "Hikvision-Webs",
            title: "index",
        };
        let face = [page, secure, camera][studio.dice.below(3)].clone();
        if studio.dice.chance(40) {
            machine.reverse = Some((format!("dyn-{}.corp.example", studio.dice.hex(4)), true));
        }
        let what = "something that shows a page and nothing of its own";
        studio.machines.push(machine.showing(vec![face]).stands(
            what,
            ManagedState::Unidentified,
            "",
        ));
    }
}
