//! What became of findings: fixed, or only not seen.

use super::{FindingKey, Reported, Rows, Snapshot};
use crate::classify::plan::is_kernel;
use crate::model::{ChangeKind, FindingState};
use std::collections::BTreeSet;

/// What is seen from outside.
const NETWORK: &str = "network";
/// Told only of machines that nobody has read.
const ONLY_UNREAD: &str = "exposed:end_of_life";

impl Rows<'_> {
    /// Compares the findings of a machine. Where it was not met in one of the runs, that run could tell
    /// nothing.
    pub(super) fn findings(&mut self, before: Option<&Snapshot>, after: Option<&Snapshot>) {
        let keys = |machine: Option<&Snapshot>| {
            let keys = machine.map(|machine| machine.findings.keys());
            keys.into_iter().flatten().cloned().collect::<BTreeSet<_>>()
        };
        for key in keys(before).union(&keys(after)) {
            let was = before.and_then(|machine| machine.findings.get(key));
            let is = after.and_then(|machine| machine.findings.get(key));
            let open =
                |reported: Option<&Reported>| reported.is_some_and(|one| !one.state.is_closed());
            let kind = match (open(was), open(is)) {
                (false, false) => continue,
                (true, true) if states(was) == states(is) => continue,
                (true, true) => ChangeKind::FindingChanged,
                (false, true) => came(key, (before, was), (after, is)),
                (true, false) => self.lost(key, (before, was), (after, is)),
            };
            let words = (word(was), word(is));
            self.push_finding(kind, key, words);
        }
    }

    /// What the later run does not have open any more.
    fn lost(&self, key: &FindingKey, (before, was): Side<'_>, (after, is): Side<'_>) -> ChangeKind {
        let Some(was) = was else {
            return ChangeKind::FindingUnobserved;
        };
        let (Some(before), Some(after)) = (before, after) else {
            return ChangeKind::FindingUnobserved;
        };
        // A closed verdict says it all.
        let can_tell = is.is_some() || self.between.is_judged && tells(after, before, (key, was));
        if !can_tell {
            return ChangeKind::FindingUnobserved;
        }
        if was.state.counts_as_unknown() {
            return ChangeKind::QuestionSettled;
        }
        // The end of support was put off: nobody did anything.
        if is.is_some_and(|is| is.is_to_come) {
            return ChangeKind::FindingWithdrawn;
        }
        let is_same = was.question != NETWORK && is_untouched(&was.packages, before, after);
        if is.is_none() && self.between.is_other_catalog && is_same {
            return ChangeKind::FindingWithdrawn;
        }
        ChangeKind::FindingFixed
    }
}

/// A machine in one of the runs, and what that run says of the finding.
type Side<'a> = (Option<&'a Snapshot>, Option<&'a Reported>);

/// What the earlier run did not have open.
fn came(key: &FindingKey, (before, was): Side<'_>, (after, is): Side<'_>) -> ChangeKind {
    let (Some(after), Some(is)) = (after, is) else {
        return ChangeKind::FindingNew;
    };
    if is.state.counts_as_unknown() {
        return ChangeKind::QuestionOpen;
    }
    let was_closed = was.is_some_and(|was| !was.is_to_come);
    if !was_closed && !after.seen_before.contains(key) {
        return ChangeKind::FindingNew;
    }
    let could_tell = before.is_some_and(|before| tells(before, after, (key, is)));
    if was_closed || could_tell {
        ChangeKind::FindingReopened
    } else {
        ChangeKind::FindingSeenAgain
    }
}

/// Whether one run would have shown a finding that the other shows: it asked the question, had an answer, and
/// judged all that the other judged.
fn tells(one: &Snapshot, other: &Snapshot, (key, reported): (&FindingKey, &Reported)) -> bool {
    let (sight, theirs) = (&one.sight, &other.sight);
    if reported.question == NETWORK {
        let is_hidden = key.bulletin.as_str() == ONLY_UNREAD && sight.is_read;
        // A port that does not answer any more may be filtered.
        return sight.is_asked && theirs.ports.is_subset(&sight.ports) && !is_hidden;
    }
    sight.is_read
        && !sight.gaps.contains(&reported.question)
        && sight.unjudged.is_subset(&theirs.unjudged)
}

/// Whether nothing that a finding speaks of changed on the machine.
fn is_untouched(packages: &[String], before: &Snapshot, after: &Snapshot) -> bool {
    let system = ["os", "build", "kernel"];
    if packages.is_empty() {
        let is_same = |name: &&str| before.traits.get(*name) == after.traits.get(*name);
        return before.software == after.software
            && before.updates == after.updates
            && system.iter().all(is_same);
    }
    // A kernel that comes is a package beside the old one; what counts is which of them runs.
    let is_of_kernel = packages.iter().any(|name| is_kernel(name));
    if is_of_kernel && before.traits.get("kernel") != after.traits.get("kernel") {
        return false;
    }
    let versions = |machine: &Snapshot, name: &str| {
        let pieces = machine.software.values().flatten();
        let named = pieces.filter(|(piece, _)| piece.name == name);
        let versions =
            named.flat_map(|(piece, all)| all.iter().map(|one| (piece.clone(), one.clone())));
        versions.collect::<BTreeSet<_>>()
    };
    packages.iter().all(|name| {
        let was = versions(before, name);
        !was.is_empty() && was == versions(after, name)
    })
}

fn states(reported: Option<&Reported>) -> Option<FindingState> {
    reported.map(|one| one.state)
}

fn word(reported: Option<&Reported>) -> Option<&'static str> {
    reported.map(|one| one.state.as_str())
}
