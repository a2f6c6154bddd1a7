//! What several parts of the catalogue, or an advisory and a flaw's own record, tell only together.
//!
//! A part for subscribers (EUS, LTSS, Pro) has advisories of its own for flaws that the base release's
//! advisories are about as well, with other fixed versions. Whichever fix is installed closes the flaw, and of
//! two that are missing the one that the host may install is the one to report.

use super::claim::List;
use super::doubt::Row;
use super::subject::{Build, Subject};
use super::verdict::has_fix;
use super::{Access, Context};
use crate::model::FindingState;
use crate::version::Order;
use std::borrow::Borrow;
use std::collections::BTreeSet;

/// Drops the rows of one subject that another part of the catalogue closes or words better.
pub(super) fn settle(
    context: &Context<'_>,
    subject: &Subject<'_>,
    lists: &[List<'_>],
    rows: &mut Vec<Row>,
) {
    let is_rpm = subject
        .builds
        .iter()
        .any(|build| build.shown().order == Order::Rpm);
    if rows.is_empty() || !(is_rpm || context.pockets.len() > 1) {
        return;
    }
    if context
        .pockets
        .iter()
        .any(|pocket| pocket.access != Access::Open)
    {
        let closed = closed_elsewhere(lists, &subject.builds);
        rows.retain(|row| !(is_base(row) && are_in(&row.finding.cves, &closed)));
        prefer(rows);
    }
    if is_rpm {
        let stated = with_a_fix(lists, &subject.builds);
        let is_unfixed = |row: &Row| {
            row.finding.fixed.is_none()
                && (row.finding.state.counts_as_no_fix()
                    || row.finding.state == FindingState::Unknown)
        };
        rows.retain(|row| !(is_unfixed(row) && are_in(&row.finding.cves, &stated)));
        one_row_a_flaw(rows);
    }
}

fn is_base(row: &Row) -> bool {
    row.access == Access::Open && !row.finding.state.is_closed()
}

fn are_in<S: Ord + Borrow<str>>(cves: &[String], set: &BTreeSet<S>) -> bool {
    !cves.is_empty() && cves.iter().all(|cve| set.contains(cve.as_str()))
}

/// The CVEs whose fix from a part for subscribers is installed in every build that it names.
fn closed_elsewhere<'a>(lists: &[List<'a>], builds: &[Build<'_>]) -> BTreeSet<&'a str> {
    let mut closed = BTreeSet::new();
    let mut open = BTreeSet::new();
    let claims = lists.iter().flat_map(List::claims);
    for claim in claims.filter(|claim| claim.access != Access::Open) {
        for build in builds
            .iter()
            .filter(|build| claim.concerns(build).is_some())
        {
            let version = build.version(claim.entry.scope.spoken);
            let set = if has_fix(version, claim.entry) {
                &mut closed
            } else {
                &mut open
            };
            set.extend(claim.entry.bulletin.cves.iter().map(String::as_str));
        }
    }
    closed.retain(|cve| !open.contains(cve));
    closed
}

/// The CVEs for which some record states a fix in some build.
fn with_a_fix<'a>(lists: &[List<'a>], builds: &[Build<'_>]) -> BTreeSet<&'a str> {
    let claims = lists.iter().flat_map(List::claims);
    let fixes = claims.filter(|claim| {
        claim.entry.ranges.iter().any(|range| range.fixed.is_some())
            && builds.iter().any(|build| claim.concerns(build).is_some())
    });
    let cves = fixes.flat_map(|claim| claim.entry.bulletin.cves.iter());
    cves.map(String::as_str).collect()
}

/// Of the fixes that are missing, those that the host may install: a subscriber's own before the base
/// release's, and that before one which would need a subscription.
fn prefer(rows: &mut Vec<Row>) {
    for (better, worse) in [
        (Access::Subscribed, Access::Open),
        (Access::Open, Access::NeedsSubscription),
        (Access::Subscribed, Access::NeedsSubscription),
    ] {
        let covered: BTreeSet<String> = rows
            .iter()
            .filter(|row| {
                row.access == better
                    && row.finding.fixed.is_some()
                    && !row.finding.state.is_closed()
            })
            .flat_map(|row| row.finding.cves.iter().cloned())
            .collect();
        rows.retain(|row| {
            row.access != worse
                || row.finding.state.is_closed()
                || !are_in(&row.finding.cves, &covered)
        });
    }
    // Without a free fix the subscriber's is the news; that there is no free one goes without saying.
    let for_subscribers: BTreeSet<String> = rows
        .iter()
        .filter(|row| row.finding.state == FindingState::MissingNeedsSubscription)
        .flat_map(|row| row.finding.cves.iter().cloned())
        .collect();
    rows.retain(|row| {
        let is_unfixed = row.access == Access::Open && row.finding.fixed.is_none();
        !is_unfixed || row.finding.state.is_closed() || !are_in(&row.finding.cves, &for_subscribers)
    });
}

/// Leaves out an advisory each of whose flaws has a row of its own with the same packages.
fn one_row_a_flaw(rows: &mut Vec<Row>) {
    let is_own = |row: &Row| {
        let finding = &row.finding;
        matches!(finding.cves.as_slice(), [cve] if finding.bulletin.as_str().ends_with(cve.as_str()))
    };
    let own: BTreeSet<String> = rows
        .iter()
        .filter(|row| is_own(row) && row.finding.fixed.is_some() && !row.finding.state.is_closed())
        .flat_map(|row| row.finding.cves.iter().cloned())
        .collect();
    rows.retain(|row| {
        is_own(row) || row.finding.state.is_closed() || !are_in(&row.finding.cves, &own)
    });
}
