//! What became of the findings of an earlier run, in words: how many are in each state first, then host by host.

use super::columns;
use crate::model::{FindingState, Verification, Verified, VerifiedState, plural};
use std::collections::BTreeMap;
use std::fmt::Write as _;

/// The states that are told also where there is none.
const ALWAYS: [VerifiedState; 6] = [
    VerifiedState::Judged(FindingState::Fixed),
    VerifiedState::Judged(FindingState::PendingReboot),
    VerifiedState::Judged(FindingState::Inconsistent),
    VerifiedState::Judged(FindingState::Missing),
    VerifiedState::Judged(FindingState::Unknown),
    VerifiedState::Unreachable,
];

/// What a run that verified comes to, as text for a terminal.
pub fn verified(verification: &Verification) -> String {
    let mut text = String::new();
    let counts = verification.counts();
    let total = verification.rows.len();
    let _ = writeln!(
        text,
        "Verified {} of {} ({})",
        plural(total, "finding"),
        verification.base,
        verification.began
    );
    let _ = writeln!(text, "  {}", said(&counts));
    let left = &verification.left_out;
    let others = [
        (
            left.exposures,
            "seen from outside only: a sweep or scan sees them",
        ),
        (
            left.without_fix,
            "without a fix, or undecided before (--all)",
        ),
        (left.not_asked, "not asked for (--kb, --my-severity)"),
    ];
    for (count, what) in others.iter().filter(|(count, _)| *count > 0) {
        let _ = writeln!(text, "  left out   {count} {what}");
    }
    if verification.is_other_catalog {
        let _ = writeln!(
            text,
            "  catalogue  another than judged {}: what it does not hold against what was read then is unverified",
            verification.base
        );
    }
    if total > 0 {
        text.push('\n');
        text.push_str(&columns(
            &["IP", "NAME", "STATES", "WHY"],
            &hosts(verification),
        ));
    }
    text
}

/// `9 fixed, 1 pending_reboot, …`: they add up to all.
fn said(counts: &BTreeMap<VerifiedState, u64>) -> String {
    let count = |state: VerifiedState| counts.get(&state).copied().unwrap_or_default();
    let others = counts.keys().filter(|state| !ALWAYS.contains(state));
    let states = ALWAYS.iter().chain(others);
    let parts = states.map(|state| format!("{} {}", count(*state), state.as_str()));
    parts.collect::<Vec<_>>().join(", ")
}

/// A row for each machine; its rows stand together.
fn hosts(verification: &Verification) -> Vec<Vec<String>> {
    let machines = verification
        .rows
        .chunk_by(|one, other| one.machine == other.machine);
    machines.map(host).collect()
}

fn host(rows: &[Verified]) -> Vec<String> {
    let mut counts: BTreeMap<VerifiedState, u64> = BTreeMap::new();
    for row in rows {
        *counts.entry(row.state()).or_default() += 1;
    }
    let states = counts.iter();
    let states = states.map(|(state, count)| format!("{count} {}", state.as_str()));
    let first = rows.first();
    let address = first.and_then(|row| row.address);
    // What kept us from telling says most.
    let mut undecided = rows.iter().filter(|row| row.state().is_undecided());
    let why = undecided.next().map(|row| row.verdict.detail.as_str());
    vec![
        address.map(|at| at.to_string()).unwrap_or_default(),
        first
            .and_then(|row| row.hostname.as_deref())
            .unwrap_or_default()
            .to_owned(),
        states.collect::<Vec<_>>().join(", "),
        why.unwrap_or_default().to_owned(),
    ]
}
