//! Findings by severity, counted from the rows of their table as they go by.

use super::super::cell::Cell;
use super::super::tables::Table;
use std::collections::BTreeMap;

/// What a row of the summary counts.
pub(super) const CLASSES: [&str; 7] = [
    "to install",
    "restart",
    "no fix",
    "out of support",
    "undecided",
    "in all",
    "exploited",
];
/// The states of each class but the last two.
const STATES: [&[&str]; 5] = [
    &["missing", "missing_needs_subscription", "inconsistent"],
    &["pending_reboot"],
    &["no_fix_yet", "wont_fix"],
    &["end_of_life"],
    &["unknown", "unverified"],
];
/// Where `in all` and `exploited` are.
const IN_ALL: usize = 5;
const EXPLOITED: usize = 6;
/// The words for severity, the worst first.
const WORDS: [&str; 5] = ["critical", "high", "medium", "low", "negligible"];
/// Of what nobody rated.
const UNRATED: &str = "not rated";

/// Open and undecided findings.
#[derive(Debug, Default)]
pub(super) struct Tally {
    places: Option<Places>,
    sums: BTreeMap<usize, [u64; 7]>,
}

/// Where the columns are.
#[derive(Debug)]
struct Places {
    mine: usize,
    vendor: usize,
    state: usize,
    kev: usize,
}

impl Tally {
    /// Counts rows of this table.
    pub(super) fn of(table: &Table) -> Self {
        let at = |name: &str| table.columns.iter().position(|column| column.name == name);
        let places = || {
            Some(Places {
                mine: at("my_severity")?,
                vendor: at("vendor_severity")?,
                state: at("state")?,
                kev: at("kev")?,
            })
        };
        Self {
            places: places(),
            sums: BTreeMap::new(),
        }
    }

    /// Counts one row; closed findings count for nothing.
    pub(super) fn add(&mut self, cells: &[Cell<'_>]) {
        let Some(places) = &self.places else { return };
        let word = |at: usize| match cells.get(at) {
            Some(Cell::Text(text)) => text,
            _ => "",
        };
        let state = word(places.state);
        let Some(class) = STATES.iter().position(|all| all.contains(&state)) else {
            return;
        };
        let mine = Some(word(places.mine)).filter(|word| !word.is_empty());
        let severity = mine.unwrap_or_else(|| word(places.vendor));
        let rank = WORDS.iter().position(|word| *word == severity);
        let sums = self.sums.entry(rank.unwrap_or(WORDS.len())).or_default();
        let undecided = class == 4;
        let exploited = matches!(cells.get(places.kev), Some(Cell::Flag(true))) && !undecided;
        for (at, sum) in sums.iter_mut().enumerate() {
            let counts = match at {
                IN_ALL => true,
                EXPLOITED => exploited,
                at => at == class,
            };
            *sum += u64::from(counts);
        }
    }

    /// The sums by severity, the worst first: also of those that no finding has.
    pub(super) fn rows(&self) -> Vec<(&'static str, [u64; 7])> {
        let words = WORDS.iter().chain([&UNRATED]).enumerate();
        let rows = words.map(|(at, word)| (*word, self.sums.get(&at).copied().unwrap_or_default()));
        rows.collect()
    }
}
