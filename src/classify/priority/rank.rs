//! Which finding of a run comes first.

use super::can_be_fixed;
use super::machine::MachineFacts;
use crate::model::{Date, Decision, Finding, Severity};
use std::collections::BTreeMap;

/// Where a finding stands among the others; the lower, the earlier. In this order: what no exception holds for ·
/// what somebody can fix, then what has no fix, then what is undecided · overdue · known to be exploited · my
/// severity (what nobody rates is like medium) · the machine's tag `criticality` (none is like medium) · its
/// exposure (internet, then DMZ, then the rest) · EPSS · due date · CVSS. Of those that are alike the one that is met
/// first: see [`Places`].
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
}

impl RankKey {
    /// Where an open or undecided finding stands.
    pub fn of(finding: &Finding, facts: &MachineFacts<'_>, decision: &Decision) -> Self {
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
        }
    }
}

/// A day as a number, in the order of time.
fn days(day: Date) -> i32 {
    let first = Date::parse("2000-01-01");
    let days = first.map_or(0, |first| first.days_until(day));
    i32::try_from(days).unwrap_or(i32::MAX)
}

/// How many findings of a run stand alike. A large run has millions, which differ in few things: nothing is kept of
/// each.
#[derive(Clone, Debug, Default)]
pub struct Ranks(BTreeMap<RankKey, u64>);

impl Ranks {
    /// Counts one more.
    pub fn add(&mut self, key: RankKey) {
        *self.0.entry(key).or_default() += 1;
    }

    /// The places of all that were counted, to be given out from the first on.
    pub fn places(&self) -> Places {
        let mut next = 1;
        let first = self.0.iter().map(|(key, count)| {
            let first = next;
            next += count;
            (*key, first)
        });
        Places {
            next: first.collect(),
            behind: next,
        }
    }
}

/// Places that are given out: of findings that stand alike, whoever comes first has the first. Whoever meets a run's
/// machines in the order of their addresses each time, and their findings in that of products and bulletins, gives each
/// its place again.
#[derive(Debug)]
pub struct Places {
    next: BTreeMap<RankKey, u64>,
    behind: u64,
}

impl Places {
    /// The place of the next finding that stands so, from 1; of one that was never counted, the one behind all others.
    pub fn take(&mut self, key: &RankKey) -> u64 {
        let Some(next) = self.next.get_mut(key) else {
            return self.behind;
        };
        let place = *next;
        *next += 1;
        place
    }
}
