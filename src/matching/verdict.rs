//! One version against what the catalogue says of one flaw.

use crate::catalog::Entry;
use crate::model::{FindingState, FixStatus, VersionRange};
use crate::version::DpkgVersion;

/// An installed version, with its place in the order: `None` where it has none.
#[derive(Clone, Copy, Debug)]
pub(super) struct Version<'a> {
    pub(super) text: &'a str,
    pub(super) place: Option<DpkgVersion<'a>>,
}

impl<'a> Version<'a> {
    pub(super) fn new(text: &'a str) -> Self {
        Self {
            text,
            place: DpkgVersion::parse(text),
        }
    }
}

/// A verdict about one version and one flaw.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Verdict<'a> {
    pub(super) state: FindingState,
    /// The fixed version that decided, or that is to be installed.
    pub(super) fixed: Option<&'a str>,
    /// The rule, in words that hold for any versions.
    pub(super) rule: &'static str,
}

impl Verdict<'_> {
    pub(super) fn is_open(&self) -> bool {
        !self.state.is_closed()
    }
}

/// What one record says of a version.
enum Standing<'a> {
    /// Outside every vulnerable range, and beyond this fixed version.
    Fixed(&'a str),
    /// Outside every vulnerable range.
    Clear,
    /// Inside a vulnerable range, with the version that ends it where one is stated.
    Open(Option<&'a str>),
    /// The publisher says that it is not affected.
    NotAffected,
    /// A version that has no order.
    Unreadable,
}

/// Whether a record alone leaves a version open or undecided.
pub(super) fn may_be_open(version: Version<'_>, entry: &Entry) -> bool {
    let standing = standing(version, entry);
    matches!(standing, Standing::Open(_) | Standing::Unreadable)
}

/// The verdict over all records of one flaw, from whichever feeds.
///
/// One record that says "fixed" settles it: publishers add fixed versions late, and never take one
/// back without withdrawing the record. Then a stated fix, then the reason for there being none.
pub(super) fn verdict<'a>(version: Version<'_>, entries: &[&'a Entry]) -> Verdict<'a> {
    let of = |state, fixed, rule| Verdict { state, fixed, rule };
    let (one, several);
    let standings: &[Standing<'a>] = if let [entry] = entries {
        one = [standing(version, entry)];
        &one
    } else {
        several = entries
            .iter()
            .map(|entry| standing(version, entry))
            .collect::<Vec<_>>();
        &several
    };
    let find = |pick: &dyn Fn(&Standing<'a>) -> Option<&'a str>| standings.iter().find_map(pick);
    if let Some(fixed) = find(&|standing| match standing {
        Standing::Fixed(fixed) => Some(fixed),
        _ => None,
    }) {
        return of(
            FindingState::Fixed,
            Some(fixed),
            "dpkg order: installed >= fixed",
        );
    }
    if standings
        .iter()
        .any(|one| matches!(one, Standing::NotAffected))
    {
        let rule = "the publisher says that it is not affected";
        return of(FindingState::NotApplicable, None, rule);
    }
    if let Some(fixed) = find(&|standing| match standing {
        Standing::Open(fixed) => *fixed,
        _ => None,
    }) {
        return of(
            FindingState::Missing,
            Some(fixed),
            "dpkg order: installed < fixed",
        );
    }
    if standings.iter().any(|one| matches!(one, Standing::Open(_))) {
        return unfixed(entries);
    }
    if standings
        .iter()
        .any(|one| matches!(one, Standing::Unreadable))
    {
        let rule = "a version here has no place in dpkg's order: compare by hand";
        return of(FindingState::Unverified, None, rule);
    }
    let rule = "outside every vulnerable range";
    of(FindingState::NotApplicable, None, rule)
}

/// Vulnerable, without a fix: why. The record that gives a reason refines the one that gives none.
fn unfixed<'a>(entries: &[&'a Entry]) -> Verdict<'a> {
    let says = |status| entries.iter().any(|entry| entry.status == status);
    let ended = |entry: &&&Entry| entry.urgency.as_deref() == Some("end-of-life");
    let (state, rule) = if says(FixStatus::EndOfLife) || entries.iter().any(|one| ended(&one)) {
        let rule = "vulnerable, and the package gets no fixes any more";
        (FindingState::EndOfLife, rule)
    } else if says(FixStatus::WontFix) {
        (
            FindingState::WontFix,
            "vulnerable, and the publisher will not fix it",
        )
    } else if says(FixStatus::Postponed) {
        (FindingState::NoFixYet, "vulnerable, and the fix is put off")
    } else if says(FixStatus::Undetermined) {
        (
            FindingState::Unknown,
            "the publisher does not know yet whether it is vulnerable",
        )
    } else {
        (
            FindingState::NoFixYet,
            "vulnerable, and no fixed version is stated",
        )
    };
    Verdict {
        state,
        fixed: None,
        rule,
    }
}

fn standing<'a>(version: Version<'_>, entry: &'a Entry) -> Standing<'a> {
    if entry.status == FixStatus::NotAffected {
        return Standing::NotAffected;
    }
    let Some(installed) = version.place else {
        return Standing::Unreadable;
    };
    if entry.ranges.is_empty() {
        // A record that names no version is about all of them, or says too little.
        return match entry.status {
            FixStatus::Stated => Standing::Unreadable,
            _ => Standing::Open(None),
        };
    }
    let mut best = Standing::Clear;
    for range in &entry.ranges {
        match within(installed, range) {
            Some(true) => return Standing::Open(range.fixed.as_deref()),
            Some(false) => {}
            None => {
                best = Standing::Unreadable;
                continue;
            }
        }
        let beyond = range
            .fixed
            .as_deref()
            .filter(|fixed| DpkgVersion::parse(fixed).is_some_and(|fixed| fixed <= installed));
        best = match (best, beyond) {
            (Standing::Clear, Some(fixed)) => Standing::Fixed(fixed),
            (best, _) => best,
        };
    }
    best
}

/// Whether a version lies in a range; `None` when a bound has no order.
fn within(installed: DpkgVersion<'_>, range: &VersionRange) -> Option<bool> {
    // "0" is OSV's word for "from the beginning"; `0~beta` is before version 0.
    let introduced = range.introduced.as_deref().filter(|text| *text != "0");
    if let Some(introduced) = introduced
        && installed < DpkgVersion::parse(introduced)?
    {
        return Some(false);
    }
    if let Some(fixed) = &range.fixed {
        return Some(installed < DpkgVersion::parse(fixed)?);
    }
    if let Some(last) = &range.last_affected {
        return Some(installed <= DpkgVersion::parse(last)?);
    }
    Some(true)
}
