//! Where machines are made: the dice, the calendar, the network, and what all kinds have in common.

use super::calendar::Calendar;
use super::cast::{Hardware, List, Listed, Machine, Membership, Reading, Shown, Updates};
use super::dice::Dice;
use super::digests::number;
use super::network::{Leases, OFFICE_A, OFFICE_B, RUNS, Subnet};
use super::systems::{self, System};
use serde::Deserialize;
use std::collections::{BTreeMap, BTreeSet};
use std::net::Ipv4Addr;
use underdesk::model::ResultCode;

/// See the module.
pub(super) struct Studio {
    pub(super) dice: Dice,
    pub(super) calendar: Calendar,
    pub(super) leases: Leases,
    pub(super) machines: Vec<Machine>,
    /// How many days before the judged run each list was exported.
    pub(super) exported: BTreeMap<List, i64>,
    counts: BTreeMap<String, [i64; 2]>,
    names: BTreeSet<String>,
    numbers: BTreeMap<String, u32>,
    macs: BTreeSet<String>,
}

#[derive(Deserialize)]
struct Parameters {
    counts: BTreeMap<String, [i64; 2]>,
}

/// Which maker's block a card is of.
pub(super) const DELL: &str = "f8:b1:56";
pub(super) const LENOVO: &str = "54:e1:ad";
pub(super) const HP: &str = "3c:52:82";
pub(super) const VIRTUAL: &str = "00:50:56";
pub(super) const DOCK: &str = "00:e0:4c";

impl Studio {
    pub(super) fn new(seed: u64) -> Self {
        let mut dice = Dice::new(seed);
        let after = dice.between(0, 24);
        let gaps = [
            dice.between(9, 13),
            dice.between(10, 14),
            dice.between(12, 17),
        ];
        let exported = List::ALL.map(|list| (list, dice.between(1, 3)));
        let text = include_str!("../../../fixtures/organisation/parameters.toml");
        let Parameters { counts } = toml::from_str(text).unwrap();
        Self {
            calendar: Calendar::new(after, gaps),
            exported: exported.into(),
            dice,
            leases: Leases::default(),
            machines: Vec::new(),
            counts,
            names: BTreeSet::new(),
            numbers: BTreeMap::new(),
            macs: BTreeSet::new(),
        }
    }

    /// How many of a kind there are.
    pub(super) fn count(&mut self, kind: &str) -> usize {
        let [first, last] = self.counts[kind];
        usize::try_from(self.dice.between(first, last)).unwrap()
    }

    /// The next name of a pattern: `pc-fin-` and a number.
    pub(super) fn name(&mut self, start: &str, digits: usize) -> String {
        loop {
            let step = u32::try_from(self.dice.between(1, 3)).unwrap();
            let number = self.numbers.entry(start.to_owned()).or_default();
            *number += step;
            let name = format!("{start}{number:0digits$}");
            if self.names.insert(name.clone()) {
                return name;
            }
        }
    }

    /// A card of a maker.
    pub(super) fn mac(&mut self, maker: &str) -> String {
        loop {
            let rest = [2, 2, 2].map(|digits| self.dice.hex(digits));
            let mac = format!("{maker}:{}", rest.join(":"));
            if self.macs.insert(mac.clone()) {
                return mac;
            }
        }
    }

    /// A computer as it is bought: one in twelve says nothing of itself.
    pub(super) fn bought(&mut self, maker: &'static str, models: &[&str]) -> Hardware {
        let model = (*self.dice.pick(models)).to_owned();
        let maker = maker.to_owned();
        if self.dice.chance(8) {
            let serials = [
                "To be filled by O.E.M.",
                "Default string",
                "System Serial Number",
                "0",
            ];
            let uuids = [
                "03000200-0400-0500-0006-000700080009",
                "00000000-0000-0000-0000-000000000000",
            ];
            return Hardware {
                maker,
                model,
                serial: (*self.dice.pick(&serials)).to_owned(),
                uuid: (*self.dice.pick(&uuids)).to_owned(),
            };
        }
        Hardware {
            maker,
            model,
            serial: self.dice.serial(7),
            uuid: self.dice.uuid(),
        }
    }

    /// A virtual machine: its serial number is made of its uuid.
    pub(super) fn virtual_hardware(&mut self) -> Hardware {
        let uuid = self.dice.uuid();
        Hardware {
            maker: "VMware, Inc.".to_owned(),
            model: "VMware7,1".to_owned(),
            serial: format!("VMware-{uuid}"),
            uuid,
        }
    }

    /// A machine that is nowhere yet and on no list.
    pub(super) fn machine(
        &mut self,
        kind: &'static str,
        name: String,
        system: &'static System,
    ) -> Machine {
        let key = self.dice.hex(64);
        Machine {
            what: String::new(),
            kind,
            state: None,
            reason: String::new(),
            name,
            former: Vec::new(),
            membership: Membership::Domain,
            system,
            hardware: Hardware::default(),
            os_id: self.dice.hex(32),
            host_key: fingerprint(&key),
            presence: Default::default(),
            wireless: None,
            face: Vec::new(),
            reading: [Reading::NotTried(ResultCode::NoCredentialInScope); RUNS],
            patched: self.dice.between(4, 50),
            updates: Updates::Vendor,
            reverse: None,
            listed: Vec::new(),
        }
    }

    /// Puts it at one address for good, in every run that sweeps there.
    pub(super) fn settle(&mut self, machine: &mut Machine, subnet: Subnet, mac: &str) -> Ipv4Addr {
        let address = self.leases.fixed(&mut self.dice, subnet);
        for run in 0..subnet.swept {
            machine.presence[run].push((address, mac.to_owned()));
        }
        address
    }

    /// Puts it at leased addresses in some runs.
    pub(super) fn lease(
        &mut self,
        machine: &mut Machine,
        subnet: Subnet,
        mac: &str,
        runs: &[usize],
    ) {
        let mut before = None;
        for run in (0..subnet.swept).rev().filter(|run| runs.contains(run)) {
            let address = self.leases.lease(&mut self.dice, subnet, run, before);
            before = Some(address);
            machine.presence[run].push((address, mac.to_owned()));
        }
    }

    /// A row of a list as a careful registrar would write it, heard of within `seen` days of the export.
    pub(super) fn row(&mut self, machine: &Machine, list: List, seen: (i64, i64)) -> Listed {
        let exported = self.exported[&list];
        let days = exported + self.dice.between(seen.0, seen.1);
        Listed {
            list,
            name: machine.name.clone(),
            address: machine.address(),
            macs: vec![machine.mac()],
            hardware: machine.hardware.clone(),
            system: machine.system,
            owner: String::new(),
            status: "In use",
            seen: Some(days),
            password: days + self.dice.between(0, 18),
            created: days + self.dice.between(120, 1_500),
        }
    }

    /// Its object in the directory, of a machine that is there: the logon lags up to two weeks.
    pub(super) fn in_directory(&mut self, machine: &mut Machine) {
        let mut row = self.row(machine, List::Directory, (0, 14));
        if machine.address().is_none() || self.dice.chance(6) {
            row.address = None;
        }
        self.let_age(&mut row);
        machine.listed.push(row);
    }

    /// Its record in `ConfigMgr`: active within days.
    pub(super) fn in_config_mgr(&mut self, machine: &mut Machine) {
        let mut row = self.row(machine, List::ConfigMgr, (0, 6));
        let cards = machine.wireless.iter().cloned();
        row.macs.extend(
            cards
                .filter(|card| *card != row.macs[0])
                .collect::<Vec<_>>(),
        );
        self.let_age(&mut row);
        machine.listed.push(row);
    }

    /// One leased address in seven is that of some other day: by now somebody else's, as often as not.
    fn let_age(&mut self, row: &mut Listed) {
        let is_of_office = |address: &Ipv4Addr| {
            let subnet = Subnet::of(*address);
            subnet.is_some_and(|subnet| [OFFICE_A, OFFICE_B].contains(&subnet))
        };
        if row.address.as_ref().is_some_and(is_of_office) && self.dice.chance(15) {
            let subnet = *self.dice.pick(&[OFFICE_A, OFFICE_B]);
            row.address = Some(Leases::stale(&mut self.dice, subnet));
        }
    }

    /// Its client in WSUS.
    pub(super) fn in_wsus(&mut self, machine: &mut Machine) {
        let row = self.row(machine, List::Wsus, (0, 18));
        machine.listed.push(row);
    }

    /// Its lease, where it has one.
    pub(super) fn in_leases(&mut self, machine: &mut Machine) {
        let row = self.row(machine, List::Leases, (0, 0));
        machine.listed.push(row);
    }

    /// Its row in the asset list, in somebody's handwriting: names in any case, serial numbers missing.
    pub(super) fn in_assets(&mut self, machine: &mut Machine, owner: &str) {
        let mut row = self.row(machine, List::Assets, (0, 14));
        row.owner = owner.to_owned();
        row.name = self.handwritten(&machine.fqdn(), &machine.name);
        if self.dice.chance(15) {
            row.hardware.serial = String::new();
        }
        if self.dice.chance(60) {
            row.seen = None;
        }
        if self.dice.chance(50) {
            row.macs.clear();
        }
        machine.listed.push(row);
    }

    fn handwritten(&mut self, fqdn: &str, name: &str) -> String {
        match self.dice.below(6) {
            0 => name.to_owned(),
            1 => fqdn.to_owned(),
            2 => {
                let (first, rest) = name.split_at(1);
                format!("{}{rest}", first.to_uppercase())
            }
            3 => format!("{} ", name.to_uppercase()),
            _ => name.to_uppercase(),
        }
    }

    /// Somebody who answers for machines.
    pub(super) fn person(&mut self) -> String {
        const FIRST: &[&str] = &[
            "Ada", "Björn", "Chloé", "Dilek", "Emil", "Færdig", "Greta", "Hana", "Ivo", "Jürgen",
        ];
        const LAST: &[&str] = &[
            "Arendt", "Bauer", "Çelik", "Dvořák", "Eklund", "Fischer", "García", "Hoffmann", "Ito",
            "Jensen",
        ];
        format!("{} {}", self.dice.pick(FIRST), self.dice.pick(LAST))
    }

    pub(super) fn client(&mut self) -> &'static System {
        if self.dice.chance(60) {
            &systems::WINDOWS_11_24H2
        } else {
            &systems::WINDOWS_11_25H2
        }
    }

    pub(super) fn server(&mut self) -> &'static System {
        const ALL: [&System; 3] = [
            &systems::SERVER_2019,
            &systems::SERVER_2022,
            &systems::SERVER_2025,
        ];
        self.dice.pick::<&System>(&ALL)
    }

    pub(super) fn linux(&mut self) -> &'static System {
        const ALL: [&System; 3] = [&systems::DEBIAN_12, &systems::UBUNTU_24, &systems::ROCKY_9];
        self.dice.pick::<&System>(&ALL)
    }

    /// What a Windows shows besides WinRM: its firewall lets some of it through, at least SMB or remote desktop.
    pub(super) fn windows_face(&mut self) -> Vec<Shown> {
        let mut face = vec![if self.dice.chance(75) {
            Shown::Smb
        } else {
            Shown::Rdp
        }];
        if self.dice.chance(50) {
            face.push(Shown::Rpc);
        }
        if self.dice.chance(40) && face[0] == Shown::Smb {
            face.push(Shown::Rdp);
        }
        face
    }
}

/// A fingerprint as OpenSSH prints it: base64 without padding. 256 bits are 42 digits and two thirds of one.
fn fingerprint(text: &str) -> String {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let digit = |at: i64| {
        let drawn = number(&format!("{text} {at}"), 64);
        let drawn = if at == 42 { drawn & 0b11_1100 } else { drawn };
        char::from(DIGITS[usize::try_from(drawn).unwrap()])
    };
    format!("SHA256:{}", (0..43).map(digit).collect::<String>())
}
