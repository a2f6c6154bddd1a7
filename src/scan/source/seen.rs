//! What the sweep of a run saw.

use crate::identify;
use crate::model::{Answer, Clue, MachineRecord, SeenBy, Service, UtcTime};
use crate::store::SightingRow;
use crate::sweep::Sighting;
use crate::sweep::intermediary::Answers;
use std::collections::BTreeSet;
use std::net::IpAddr;
use std::time::Duration;

/// What was seen, sorted by address.
#[derive(Debug)]
pub(super) struct Seen(Vec<SightingRow>);

impl Seen {
    pub(super) fn of(mut rows: Vec<SightingRow>) -> Self {
        // Of one address they stay as they are.
        rows.sort_by_key(|row| row.address);
        rows.shrink_to_fit();
        Self(rows)
    }

    /// What was seen of each address.
    fn each(&self) -> impl Iterator<Item = (IpAddr, &[SightingRow])> {
        let same = self.0.chunk_by(|one, other| one.address == other.address);
        same.filter_map(|rows| Some((rows.first()?.address, rows)))
    }

    /// What was seen of an address.
    fn at(&self, address: IpAddr) -> &[SightingRow] {
        let from = self.0.partition_point(|row| row.address < address);
        let rows = self.0.get(from..).unwrap_or_default();
        let count = rows.partition_point(|row| row.address == address);
        rows.get(..count).unwrap_or_default()
    }

    /// The addresses that answered, each with when it did last.
    pub(super) fn alive(&self) -> impl Iterator<Item = (IpAddr, UtcTime)> + '_ {
        self.each().filter_map(|(address, rows)| {
            let life = rows.iter().filter(|row| row.answer.is_life());
            Some((address, life.map(|row| row.seen_at).max()?))
        })
    }

    /// Everything that was seen.
    pub(super) fn sightings(&self) -> impl Iterator<Item = Sighting> + '_ {
        self.0.iter().map(sighting)
    }

    /// What tells where intermediaries answer, but for what anybody showed of himself.
    pub(super) fn answers(&self) -> Vec<Answers> {
        self.each().map(answered).collect()
    }

    /// A port that the sweep found open is a service, whether or not anybody knows which; what a machine
    /// showed makes it what it seems to be.
    pub(super) fn add_to(&self, machine: &mut MachineRecord) {
        let mut open_ports = BTreeSet::new();
        // Of an intermediary one address speaks for all.
        let shown = match machine.intermediary {
            Some(_) => 1,
            None => machine.addresses.len(),
        };
        for address in machine.addresses.iter().take(shown) {
            let rows = self.at(*address).iter();
            let open = rows.filter(|row| row.answer == Answer::Open);
            let open: Vec<(u16, &str)> = open
                .filter_map(|row| {
                    Some((row.probe.port()?, row.banner.as_deref().unwrap_or_default()))
                })
                .collect();
            open_ports.extend(open.iter().map(|(port, _)| *port));
            let clues = machine.clues.iter().filter(|(at, _)| at == address);
            let clues: Vec<Clue> = clues.map(|(_, clue)| clue.clone()).collect();
            for service in identify::services(&open, &clues) {
                let is_same = |known: &&(IpAddr, Service)| {
                    known.0 == *address
                        && known.1.port == service.port
                        && known.1.proto == service.proto
                        && known.1.seen_by == SeenBy::Scan
                };
                if !machine.services.iter().any(|known| is_same(&known)) {
                    machine.services.push((*address, service));
                }
            }
        }
        machine.services.sort();
        let clues: Vec<Clue> = machine.clues.iter().map(|(_, clue)| clue.clone()).collect();
        let open: Vec<u16> = open_ports.into_iter().collect();
        machine.fingerprint = identify::fingerprint(&clues, &open, machine.last_seen.date());
        let own = machine.inventory.as_ref();
        let own = own
            .map(|inventory| inventory.identity.macs())
            .unwrap_or_default();
        if machine.fingerprint.mac_vendor.is_none() {
            let mut makers = own.iter().filter_map(|mac| identify::read_mac(mac));
            let maker = makers.next().map(|mac| identify::mac_facts(mac).label());
            machine.fingerprint.mac_vendor = maker.filter(|label| !label.is_empty());
        }
    }
}

fn sighting(row: &SightingRow) -> Sighting {
    Sighting {
        index: 0,
        address: row.address,
        probe: row.probe,
        answer: row.answer,
        round_trip: Duration::from_micros(row.round_trip_us.unwrap_or(0).into()),
        tries: row.tries,
        trace: row.trace,
        mac: row.mac,
    }
}

fn answered((address, rows): (IpAddr, &[SightingRow])) -> Answers {
    let open = rows.iter().filter(|row| row.answer == Answer::Open);
    Answers {
        address,
        answers: rows.iter().map(|row| (row.probe, row.answer)).collect(),
        traces: open.filter_map(|row| row.trace).collect(),
        identities: BTreeSet::new(),
    }
}
