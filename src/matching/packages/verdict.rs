//! One build against what the catalogue says of one flaw.

use super::Access;
use super::claim::{Claim, Flaw};
use super::scope::Concern;
use super::subject::{Build, Version};
use crate::catalog::Entry;
use crate::model::{FindingState, FixStatus, VersionRange};
use crate::version::Place;
use std::cmp::Ordering;

/// A verdict about one build and one flaw.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Verdict<'a> {
    pub(super) state: FindingState,
    /// The fixed version that decided, or that is to be installed.
    pub(super) fixed: Option<&'a str>,
    /// The rule, in words that hold for any versions.
    pub(super) rule: String,
    /// The installed version that was compared.
    pub(super) installed: &'a str,
    /// What the host may install of what decided.
    pub(super) access: Access,
    /// Whether a repository that the host uses holds the fix, as far as that is known.
    pub(super) is_offered: bool,
    /// Whether it is about a module that may not be the build's.
    pub(super) is_unlabelled: bool,
    /// What makes it less than sure.
    pub(super) doubts: Vec<&'static str>,
}

impl Verdict<'_> {
    pub(super) fn is_open(&self) -> bool {
        !self.state.is_closed()
    }
}

/// What one record says of a version.
#[derive(Clone, Copy, PartialEq, Eq)]
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

/// Whether a record alone says that a version has its fix.
pub(super) fn has_fix(version: Version<'_>, entry: &Entry) -> bool {
    matches!(standing(version, entry), Standing::Fixed(_))
}

/// The verdict over all records of one flaw that concern a build, from whichever feeds and parts of the
/// catalogue; `None` where none does.
///
/// One record that says "fixed" settles it: publishers add fixed versions late, and never take one
/// back without withdrawing the record. Then a stated fix, one that the host may install before one that it
/// may not; then the reason for there being none.
pub(super) fn verdict<'a>(build: &Build<'a>, flaw: &Flaw<'a>) -> Option<Verdict<'a>> {
    let concerning = flaw.claims.iter().filter_map(|claim| {
        let how = claim.concerns(build)?;
        let version = build.version(claim.entry.scope.spoken);
        let standing = standing(version, claim.entry);
        Some(Judged {
            claim: *claim,
            version,
            standing,
            how,
        })
    });
    let mut judged: Vec<Judged<'a>> = concerning.collect();
    judged.sort_by_key(|one| one.claim.access);
    decide(&judged)
}

/// A record, and what it says of a build.
#[derive(Clone, Copy)]
struct Judged<'a> {
    claim: Claim<'a>,
    version: Version<'a>,
    standing: Standing<'a>,
    how: Concern,
}

impl<'a> Judged<'a> {
    fn verdict(&self, state: FindingState, fixed: Option<&'a str>, rule: String) -> Verdict<'a> {
        let mut doubts = Vec::new();
        if self.how == Concern::SameContext {
            doubts.push("the advisory does not say which stream of the module it is about");
        }
        if self.version.is_epochless {
            doubts.push("epochs were left out, as the source's is not known");
        }
        Verdict {
            state,
            fixed,
            rule,
            installed: self.version.text,
            access: self.claim.access,
            is_offered: self.claim.is_offered,
            is_unlabelled: self.how == Concern::Unlabelled,
            doubts,
        }
    }

    fn order(&self, sign: &str) -> String {
        format!(
            "{} order: installed {sign} fixed",
            self.version.order.as_str()
        )
    }
}

fn decide<'a>(judged: &[Judged<'a>]) -> Option<Verdict<'a>> {
    let first = judged.first()?;
    let find = |pick: &dyn Fn(&Judged<'a>) -> bool| judged.iter().find(|one| pick(one));
    for one in judged {
        if let Standing::Fixed(fixed) = one.standing {
            let rule = one.order(">=");
            return Some(one.verdict(FindingState::Fixed, Some(fixed), rule));
        }
    }
    if let Some(one) = find(&|one| one.standing == Standing::NotAffected) {
        let rule = "the publisher says that it is not affected".to_owned();
        return Some(one.verdict(FindingState::NotApplicable, None, rule));
    }
    for one in judged {
        if let Standing::Open(Some(fixed)) = one.standing {
            let (state, note) = match one.claim.access {
                Access::NeedsSubscription => (
                    FindingState::MissingNeedsSubscription,
                    "; the fix is for subscribers, which this host is not known to be",
                ),
                _ => (FindingState::Missing, ""),
            };
            let rule = format!("{}{note}", one.order("<"));
            return Some(one.verdict(state, Some(fixed), rule));
        }
    }
    if let Some(one) = find(&|one| matches!(one.standing, Standing::Open(_))) {
        let (state, rule) = unfixed(judged);
        return Some(one.verdict(state, None, rule.to_owned()));
    }
    if let Some(one) = find(&|one| one.standing == Standing::Unreadable) {
        let rule = format!(
            "a version here has no place in {}'s order: compare by hand",
            one.version.order.as_str()
        );
        return Some(one.verdict(FindingState::Unverified, None, rule));
    }
    let rule = "outside every vulnerable range".to_owned();
    Some(first.verdict(FindingState::NotApplicable, None, rule))
}

/// Vulnerable, without a fix: why. The record that gives a reason refines the one that gives none.
fn unfixed(judged: &[Judged<'_>]) -> (FindingState, &'static str) {
    let entries = || judged.iter().map(|one| one.claim.entry);
    let says = |status| entries().any(|entry| entry.status == status);
    let ended = |entry: &Entry| entry.urgency.as_deref() == Some("end-of-life");
    if says(FixStatus::EndOfLife) || entries().any(ended) {
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
    let installed = Installed {
        version,
        place: installed,
    };
    let mut best = Standing::Clear;
    for range in &entry.ranges {
        match installed.within(range) {
            Some(true) => return Standing::Open(range.fixed.as_deref()),
            Some(false) => {}
            None => {
                best = Standing::Unreadable;
                continue;
            }
        }
        let beyond = range.fixed.as_deref().filter(|fixed| {
            let order = installed.against(fixed);
            order.is_some_and(Ordering::is_ge)
        });
        best = match (best, beyond) {
            (Standing::Clear, Some(fixed)) => Standing::Fixed(fixed),
            (best, _) => best,
        };
    }
    best
}

/// An installed version that has a place.
struct Installed<'a> {
    version: Version<'a>,
    place: Place<'a>,
}

impl Installed<'_> {
    /// Where it stands against a bound; `None` when that has no place.
    fn against(&self, bound: &str) -> Option<Ordering> {
        let bound = if self.version.is_epochless {
            super::subject::epoch_free(bound)
        } else {
            bound
        };
        let repaired = self.repaired(bound);
        let bound = repaired.as_deref().unwrap_or(bound);
        self.place
            .against(&Place::parse(self.version.order, bound)?)
    }

    /// Rocky Linux's records in OSV have lost digits of epochs: `2:9.16.23-1` for bind's
    /// `32:9.16.23-1`. Where the installed epoch has two digits and ends with the one that is stated,
    /// the installed one is meant.
    fn repaired(&self, bound: &str) -> Option<String> {
        if !self.version.mends_epochs {
            return None;
        }
        let (own, _) = self.version.text.split_once(':')?;
        if own.len() < 2 {
            return None;
        }
        let (stated, rest) = bound.split_once(':')?;
        let is_lost = stated.len() == 1 && own.ends_with(stated);
        is_lost.then(|| format!("{own}:{rest}"))
    }

    /// Whether it lies in a range; `None` when a bound has no order.
    fn within(&self, range: &VersionRange) -> Option<bool> {
        // "0" is OSV's word for "from the beginning"; `0~beta` is before version 0.
        let introduced = range.introduced.as_deref().filter(|text| *text != "0");
        if let Some(introduced) = introduced
            && self.against(introduced)?.is_lt()
        {
            return Some(false);
        }
        if let Some(fixed) = &range.fixed {
            return Some(self.against(fixed)?.is_lt());
        }
        if let Some(last) = &range.last_affected {
            return Some(self.against(last)?.is_le());
        }
        Some(true)
    }
}
