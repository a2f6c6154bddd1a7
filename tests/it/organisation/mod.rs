//! A simulated organisation with its truth: see `fixtures/organisation/ORIGIN.md`.
//!
//! [`generate`] makes it from a seed, [`score`](score::score) says how near a comparison comes.

mod calendar;
mod cast;
mod devices;
pub(crate) mod dice;
pub(crate) mod digests;
mod entries;
mod inventories;
mod judge;
mod laptops;
mod looks;
mod network;
mod oddities;
mod office;
mod papers;
mod rows;
mod runs;
mod score;
mod score_tests;
mod servers;
mod strangers;
mod studio;
mod systems;
mod tests;
mod truth;

pub(crate) use runs::{RunFacts, run_id};
pub(crate) use score::{JudgedRow, Score, Tally, score};
pub(crate) use truth::{RowAt, TrueMachine};

use cast::{List, Machine};
use network::RUNS;
use std::net::IpAddr;
use studio::Studio;
use underdesk::model::Date;
use underdesk::store::Store;

/// Seeds to look at while the comparison is made.
pub(crate) const SEEDS_DEVELOP: [u64; 3] = [1, 2, 3];

/// Seeds to judge it by. They are not used while it is made: what is fitted to them proves nothing. Nobody looks at
/// their errors and then changes a rule; a rule is changed by what [`SEEDS_DEVELOP`] show.
pub(crate) const SEEDS_JUDGE: [u64; 10] = [
    7_919, 104_729, 224_737, 350_377, 479_909, 611_953, 746_773, 882_377, 1_020_379, 1_159_523,
];

/// See the module.
pub(crate) struct Organisation {
    /// The machines and entries, in no order.
    pub(crate) machines: Vec<TrueMachine>,
    /// The lists.
    pub(crate) lists: Vec<ListFile>,
    /// The operator's `policy.toml`.
    pub(crate) policy: String,
    /// The runs, the judged one first.
    pub(crate) runs: Vec<RunFacts>,
    /// The day of the judged run.
    pub(crate) today: Date,
}

/// A list, as somebody exported it.
pub(crate) struct ListFile {
    /// Its name: `ad`, `wsus`, `configmgr`, `dhcp`, `cmdb`.
    pub(crate) name: &'static str,
    /// What wrote it, in the words of `ListKind::as_str`.
    pub(crate) kind: &'static str,
    /// Its file's name.
    pub(crate) file: String,
    pub(crate) bytes: Vec<u8>,
}

/// Makes the organisation of a seed: the same for the same seed, always.
pub(crate) fn generate(seed: u64) -> Organisation {
    let mut studio = Studio::new(seed);
    office::make(&mut studio);
    laptops::make(&mut studio);
    servers::make(&mut studio);
    devices::make(&mut studio);
    strangers::make(&mut studio);
    entries::make(&mut studio);
    oddities::make(&mut studio);
    let runs = (0..RUNS).map(|run| runs::make(&mut studio, run)).collect();
    let mut machines: Vec<TrueMachine> = studio.machines.iter().map(truth).collect();
    let mut lists = Vec::new();
    for list in List::ALL {
        let paper = papers::write(&mut studio, list);
        for (row, owner) in paper.owners {
            machines[owner].rows.push(row);
        }
        lists.push(ListFile {
            name: list.name(),
            kind: kind(list),
            file: format!(
                "{}.{}",
                list.name(),
                if list == List::Wsus { "txt" } else { "csv" }
            ),
            bytes: paper.bytes,
        });
    }
    Organisation {
        machines,
        lists,
        policy: papers::policy(&studio),
        runs,
        today: Date::parse(&studio.calendar.date(0)).unwrap(),
    }
}

impl Organisation {
    /// Writes all runs into a store, the oldest first.
    pub(crate) fn fill(&self, store: &Store) {
        for run in self.runs.iter().rev() {
            run.fill(store);
        }
    }
}

fn kind(list: List) -> &'static str {
    match list {
        List::Directory => "active_directory",
        List::Wsus => "wsus",
        List::ConfigMgr => "config_mgr",
        List::Leases => "dhcp",
        List::Assets => "cmdb",
    }
}

fn truth(machine: &Machine) -> TrueMachine {
    let [now, before @ ..] = &machine.presence;
    let v4 = |(address, _): &(std::net::Ipv4Addr, String)| IpAddr::V4(*address);
    let listed = machine
        .listed
        .iter()
        .filter_map(|row| row.address)
        .map(IpAddr::V4);
    let mut known_at: Vec<IpAddr> = before.iter().flatten().map(v4).chain(listed).collect();
    known_at.sort_unstable();
    known_at.dedup();
    let mut addresses: Vec<IpAddr> = now.iter().map(v4).collect();
    addresses.sort_unstable();
    let mut names = vec![machine.name.clone()];
    names.extend(machine.former.iter().cloned());
    TrueMachine {
        what: machine.what.clone(),
        kind: machine.kind,
        state: machine.state,
        reason: machine.reason.clone(),
        addresses,
        names,
        known_at,
        rows: Vec::new(),
    }
}
