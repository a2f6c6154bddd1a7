//! How near a comparison comes to the truth: precision and recall of each class and of merging.

use super::truth::{RowAt, TrueMachine};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::net::IpAddr;
use underdesk::model::ManagedState;

/// One row of what is to be judged: a machine, or an entry of lists.
#[derive(Clone, Debug)]
pub(crate) struct JudgedRow {
    /// The addresses at which the judged run met it; of an entry, those that are known.
    pub(crate) addresses: Vec<IpAddr>,
    /// What it is called: decides which entry is meant, with the rows.
    pub(crate) name: String,
    /// The rows of lists that were taken to be it, where that is told.
    pub(crate) rows: Vec<RowAt>,
    /// Its state.
    pub(crate) state: ManagedState,
    /// Its reason.
    pub(crate) reason: String,
}

/// Hits, and the two ways to miss.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Tally {
    pub(crate) right: u64,
    /// Said, and not so.
    pub(crate) wrong: u64,
    /// So, and not said.
    pub(crate) missed: u64,
}

impl Tally {
    /// Of what was said, the share that is so; 1 where nothing was said.
    pub(crate) fn precision(self) -> f64 {
        share(self.right, self.wrong)
    }

    /// Of what is so, the share that was said; 1 where nothing is so.
    pub(crate) fn recall(self) -> f64 {
        share(self.right, self.missed)
    }

    fn add(&mut self, other: Self) {
        self.right += other.right;
        self.wrong += other.wrong;
        self.missed += other.missed;
    }
}

fn share(part: u64, rest: u64) -> f64 {
    if part + rest == 0 {
        return 1.0;
    }
    #[expect(clippy::cast_precision_loss, reason = "counts are far below 2^52")]
    let share = part as f64 / (part + rest) as f64;
    share
}

/// What a comparison is worth.
#[derive(Clone, Debug, Default)]
pub(crate) struct Score {
    /// By state.
    pub(crate) classes: BTreeMap<ManagedState, Tally>,
    /// Reasons, where the state is right and the truth has a reason: `missed` stays 0.
    pub(crate) reasons: Tally,
    /// Pairs of addresses and rows that are one machine.
    pub(crate) merges: Tally,
    /// What is wrong, each in a line.
    pub(crate) errors: Vec<String>,
}

impl Score {
    /// Adds the score of another seed.
    pub(crate) fn add(&mut self, other: &Self) {
        for (state, tally) in &other.classes {
            self.classes.entry(*state).or_default().add(*tally);
        }
        self.reasons.add(other.reasons);
        self.merges.add(other.merges);
        self.errors.extend_from_slice(&other.errors);
    }

    /// The lowest of all precisions and recalls, of classes and merging.
    pub(crate) fn worst(&self) -> f64 {
        let tallies = self.classes.values().chain([&self.merges]);
        let shares = tallies.flat_map(|tally| [tally.precision(), tally.recall()]);
        shares.fold(1.0, f64::min)
    }
}

impl fmt::Display for Score {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "{:<14} {:>5} {:>5} {:>5} {:>9} {:>6}",
            "", "right", "wrong", "missed", "precision", "recall"
        )?;
        let classes = self
            .classes
            .iter()
            .map(|(state, tally)| (state.as_str(), tally));
        for (name, tally) in
            classes.chain([("(reasons)", &self.reasons), ("(merges)", &self.merges)])
        {
            let (precision, recall) = (tally.precision(), tally.recall());
            let Tally {
                right,
                wrong,
                missed,
            } = tally;
            writeln!(
                f,
                "{name:<14} {right:>5} {wrong:>5} {missed:>6} {precision:>9.3} {recall:>6.3}"
            )?;
        }
        Ok(())
    }
}

/// Compares what was judged with the truth.
///
/// A judged row is taken for the true machine with which it shares most addresses and rows, an entry for the one of
/// its name. A true machine that several rows are taken for has one that counts; the others are wrong, as is a row
/// that means nobody. Of several machines in one row all but one are missed.
pub(crate) fn score(truth: &[TrueMachine], judged: &[JudgedRow]) -> Score {
    let meant = meant(truth, judged);
    let mut score = Score::default();
    for (row, meant) in judged.iter().zip(&meant) {
        if meant.is_none() {
            score.classes.entry(row.state).or_default().wrong += 1;
            score
                .errors
                .push(format!("{}: means nobody, or somebody twice", said(row)));
        }
    }
    for (at, machine) in truth.iter().enumerate() {
        let row = meant
            .iter()
            .position(|one| *one == Some(at))
            .map(|row| &judged[row]);
        score.judge(machine, row);
    }
    score.merges = merges(truth, judged);
    score
}

impl Score {
    fn judge(&mut self, machine: &TrueMachine, row: Option<&JudgedRow>) {
        let Some(state) = machine.state else {
            if let Some(row) = row {
                self.classes.entry(row.state).or_default().wrong += 1;
                self.errors.push(format!(
                    "{}: nothing is to be said of {}",
                    said(row),
                    machine.what
                ));
            }
            return;
        };
        let Some(row) = row else {
            self.classes.entry(state).or_default().missed += 1;
            self.errors
                .push(format!("missed {}: {}", state.as_str(), told(machine)));
            return;
        };
        if row.state != state {
            self.classes.entry(state).or_default().missed += 1;
            self.classes.entry(row.state).or_default().wrong += 1;
            let (state, reason) = (state.as_str(), &machine.reason);
            self.errors.push(format!(
                "{}: is {state} {reason}: {}",
                said(row),
                told(machine)
            ));
            return;
        }
        self.classes.entry(state).or_default().right += 1;
        if machine.reason.is_empty() {
            return;
        }
        if row.reason == machine.reason {
            self.reasons.right += 1;
        } else {
            self.reasons.wrong += 1;
            self.errors.push(format!(
                "{}: because {}: {}",
                said(row),
                machine.reason,
                told(machine)
            ));
        }
    }
}

fn said(row: &JudgedRow) -> String {
    let addresses: Vec<String> = row
        .addresses
        .iter()
        .take(4)
        .map(ToString::to_string)
        .collect();
    format!(
        "{} {} [{} {}]",
        row.state.as_str(),
        row.reason,
        row.name,
        addresses.join(" ")
    )
}

fn told(machine: &TrueMachine) -> String {
    let addresses: Vec<String> = machine
        .addresses
        .iter()
        .take(4)
        .map(ToString::to_string)
        .collect();
    let names = machine.names.join(" ");
    format!(
        "{} ({}; {names}; {})",
        machine.what,
        machine.kind,
        addresses.join(" ")
    )
}

/// The first label of a name, lower case.
pub(crate) fn short(name: &str) -> String {
    let name = name.trim().to_lowercase();
    name.split('.').next().unwrap_or_default().to_owned()
}

/// Which true machine each judged row counts for: none twice.
fn meant(truth: &[TrueMachine], judged: &[JudgedRow]) -> Vec<Option<usize>> {
    let by_address: BTreeMap<IpAddr, usize> = truth
        .iter()
        .enumerate()
        .flat_map(|(at, machine)| machine.addresses.iter().map(move |address| (*address, at)))
        .collect();
    let by_row: BTreeMap<&RowAt, usize> = truth
        .iter()
        .enumerate()
        .flat_map(|(at, machine)| machine.rows.iter().map(move |row| (row, at)))
        .collect();
    // (overlap, judged row, true machine): the largest overlap first.
    let mut pairs = Vec::new();
    for (number, row) in judged.iter().enumerate() {
        let mut overlap: BTreeMap<usize, usize> = BTreeMap::new();
        if !row.state.is_of_list() {
            for at in row
                .addresses
                .iter()
                .filter_map(|address| by_address.get(address))
            {
                *overlap.entry(*at).or_default() += 1_000;
            }
        }
        for at in row.rows.iter().filter_map(|row| by_row.get(row)) {
            *overlap.entry(*at).or_default() += 10;
        }
        if row.state.is_of_list() {
            for (at, weight) in named(truth, row) {
                *overlap.entry(at).or_default() += weight;
            }
        }
        pairs.extend(overlap.into_iter().map(|(at, weight)| (weight, number, at)));
    }
    pairs.sort_by_key(|(weight, row, at)| (std::cmp::Reverse(*weight), *row, *at));
    let mut meant = vec![None; judged.len()];
    let mut taken = BTreeSet::new();
    for (_, row, at) in pairs {
        if meant[row].is_none() && taken.insert(at) {
            meant[row] = Some(at);
        }
    }
    meant
}

/// The machines that an entry may mean by its name or, without one, by its addresses; who is live is meant last.
fn named(truth: &[TrueMachine], row: &JudgedRow) -> Vec<(usize, usize)> {
    let name = short(&row.name);
    let mut found = Vec::new();
    for (at, machine) in truth.iter().enumerate() {
        let same_address = row
            .addresses
            .iter()
            .any(|address| machine.known_at.contains(address));
        let same_name = !name.is_empty() && machine.names.contains(&name);
        if same_name || (name.is_empty() && same_address) {
            let own = usize::from(machine.names.first() == Some(&name));
            let weight =
                1 + own + 2 * usize::from(same_address) + 4 * usize::from(!machine.is_live());
            found.push((at, weight));
        }
    }
    found
}

#[derive(Clone, PartialEq, Eq, PartialOrd, Ord)]
enum Thing<'a> {
    Address(IpAddr),
    Row(&'a RowAt),
}

/// Every pair of things is one machine or not, and taken to be or not. What an intermediary answers for is left out:
/// it is a range, and would outweigh all else.
fn merges(truth: &[TrueMachine], judged: &[JudgedRow]) -> Tally {
    let mut owners: BTreeMap<Thing<'_>, usize> = BTreeMap::new();
    for (at, machine) in truth.iter().enumerate() {
        if machine.addresses.len() > 16 {
            continue;
        }
        owners.extend(
            machine
                .addresses
                .iter()
                .map(|address| (Thing::Address(*address), at)),
        );
        owners.extend(machine.rows.iter().map(|row| (Thing::Row(row), at)));
    }
    let mut taken: BTreeMap<Thing<'_>, usize> = BTreeMap::new();
    for (number, row) in judged.iter().enumerate() {
        if !row.state.is_of_list() {
            taken.extend(
                row.addresses
                    .iter()
                    .map(|address| (Thing::Address(*address), number)),
            );
        }
        taken.extend(row.rows.iter().map(|row| (Thing::Row(row), number)));
    }
    let (mut of_both, mut of_truth, mut of_judged) =
        (BTreeMap::new(), BTreeMap::new(), BTreeMap::new());
    for (thing, owner) in &owners {
        // Where no rows are told, only addresses are compared.
        let Some(row) = taken.get(thing) else {
            continue;
        };
        *of_both.entry((*owner, *row)).or_insert(0) += 1;
        *of_truth.entry(*owner).or_insert(0) += 1;
        *of_judged.entry(*row).or_insert(0) += 1;
    }
    let right = pairs(of_both.values());
    Tally {
        right,
        wrong: pairs(of_judged.values()) - right,
        missed: pairs(of_truth.values()) - right,
    }
}

fn pairs<'a>(counts: impl Iterator<Item = &'a u64>) -> u64 {
    counts.map(|count| count * (count - 1) / 2).sum()
}
