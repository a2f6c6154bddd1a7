//! Which finding of a run comes first.

use super::can_be_fixed;
use super::machine::MachineFacts;
use crate::model::{Date, Decision, Finding, FindingId, Severity};
use std::collections::BTreeMap;

/// Where a finding stands among the others; the lower, the earlier. In this order: what no exception holds for ·
/// what somebody can fix, then what has no fix, then what is undecided · overdue · known to be exploited · my
/// severity (what nobody rates is like medium) · the machine's tag `criticality` (none is like medium) · its
/// exposure (internet, then DMZ, then the rest) · EPSS · due date · CVSS · finding id, which makes the order a
/// total one that is the same from run to run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[expect(clippy::struct_excessive_bools, reason = "each is a step of the order")]
pub struct RankKey {
    is_excepted: bool,
    class: u8,
    is_in_time: bool,
    is_unexploited: bool,
    severity: u8,
    criticality: u8,
    exposure: u8,
    epss: u32,
    due: i32,
    cvss: u8,
    id: u64,
}

impl RankKey {
    /// Where an open or undecided finding stands.
    pub fn of(
        finding: &Finding,
        facts: &MachineFacts<'_>,
        decision: &Decision,
        id: &FindingId,
    ) -> Self {
        let class = match finding.state {
            state if can_be_fixed(state) => 0,
            state if state.counts_as_no_fix() => 1,
            _ => 2,
        };
        let severity = match decision.my_severity {
            Some(Severity::Critical) => 0,
            Some(Severity::High) => 1,
            Some(Severity::Medium) | None => 2,
            Some(Severity::Low) => 3,
            Some(Severity::Negligible) => 4,
        };
        let digits = id.as_str().trim_start_matches("f-");
        Self {
            is_excepted: decision.exception.is_some(),
            class,
            is_in_time: !decision.is_overdue(),
            is_unexploited: finding.is_exploited() != Some(true),
            severity,
            criticality: facts.criticality(),
            exposure: facts.exposure(),
            epss: u32::MAX - finding.epss.map_or(0, |epss| epss.0),
            due: decision.due.map_or(i32::MAX, days),
            cvss: u8::MAX - finding.cvss_tenths.unwrap_or_default(),
            id: u64::from_str_radix(digits, 16).unwrap_or(u64::MAX),
        }
    }
}

impl RankKey {
    fn without_id(self) -> Self {
        Self { id: 0, ..self }
    }
}

/// A day as a number, in the order of time.
fn days(day: Date) -> i32 {
    let first = Date::parse("2000-01-01");
    let days = first.map_or(0, |first| first.days_until(day));
    i32::try_from(days).unwrap_or(i32::MAX)
}

/// All findings of a run, in order. A large run has millions of them, which differ in few things but their ids: only
/// these are kept of each.
#[derive(Clone, Debug, Default)]
pub struct Ranks {
    /// By a key without id.
    alike: BTreeMap<RankKey, Alike>,
}

/// Findings that only their ids tell apart.
#[derive(Clone, Debug, Default)]
struct Alike {
    /// How many others come before all of these.
    before: usize,
    /// Their ids, so many in each piece but the last: one list of all of them would be moved again and again as it
    /// grows, and leave its room behind each time.
    pieces: Vec<Vec<u64>>,
}

/// How many ids are in a piece.
const PIECE: usize = 1_024;

impl Alike {
    fn len(&self) -> usize {
        self.pieces.iter().map(Vec::len).sum()
    }

    fn add(&mut self, id: u64) {
        match self.pieces.last_mut() {
            Some(last) if last.len() < PIECE => last.push(id),
            Some(_) => {
                let mut next = Vec::with_capacity(PIECE);
                next.push(id);
                self.pieces.push(next);
            }
            None => self.pieces.push(vec![id]),
        }
    }

    fn sort(&mut self) {
        let mut all = self.pieces.concat();
        all.sort_unstable();
        for (piece, ids) in self.pieces.iter_mut().zip(all.chunks(PIECE)) {
            piece.clear();
            piece.extend_from_slice(ids);
            piece.shrink_to_fit();
        }
    }

    /// How many come before one, once they are sorted.
    fn before(&self, id: u64) -> usize {
        let whole = self
            .pieces
            .partition_point(|piece| piece.last().is_some_and(|last| *last < id));
        let rest = self.pieces.get(whole);
        whole * PIECE + rest.map_or(0, |piece| piece.partition_point(|one| *one < id))
    }
}

impl Ranks {
    /// Puts them in order; in whichever they come.
    pub fn new(keys: impl IntoIterator<Item = RankKey>) -> Self {
        let mut ranks = Self::default();
        for key in keys {
            ranks.add(&key);
        }
        ranks.sorted()
    }

    /// Takes one more, which has its place once all are [`Self::sorted`].
    pub fn add(&mut self, key: &RankKey) {
        let alike = self.alike.entry(key.without_id()).or_default();
        alike.add(key.id);
    }

    /// Puts in order what was added.
    #[must_use]
    pub fn sorted(mut self) -> Self {
        let mut before = 0;
        for alike in self.alike.values_mut() {
            alike.sort();
            alike.before = before;
            before += alike.len();
        }
        self
    }

    /// The place of a finding, from 1.
    pub fn place(&self, key: &RankKey) -> u64 {
        let up_to = self.alike.range(..=key.without_id()).next_back();
        let before = up_to.map_or(0, |(alike, all)| {
            let among = if *alike == key.without_id() {
                all.before(key.id)
            } else {
                all.len()
            };
            all.before + among
        });
        u64::try_from(before).unwrap_or(u64::MAX).saturating_add(1)
    }
}
