//! A verdict as a row for people.

use super::claim::Flaw;
use super::doubt::{Doubt, Row};
use super::subject::Build;
use super::verdict::Verdict;
use super::{Context, Pocket};
use crate::catalog::Slice;
use crate::model::{
    Confidence, Date, Evidence, Finding, FindingState, KnownExploited, Nature, Severity,
};
use std::fmt::Write as _;

/// What was judged, and how.
pub(super) struct Judged<'a> {
    pub(super) source: &'a str,
    pub(super) builds: &'a [Build<'a>],
    pub(super) verdict: &'a Verdict<'a>,
}

/// The row of a verdict. Open verdicts about packages from elsewhere are left undecided.
pub(super) fn row(context: &Context<'_>, flaw: &Flaw<'_>, judged: &Judged<'_>) -> Row {
    let mut row = Row::from(finding(context, flaw, judged));
    row.access = judged.verdict.access;
    row.is_offered = judged.verdict.is_offered;
    let mut origins = judged.builds.iter().map(|build| build.origin);
    let is_foreign = origins.clone().all(|origin| origin.is_some());
    match origins.next().flatten() {
        Some(origin) if is_foreign && !row.finding.state.is_closed() => {
            row.doubted(Doubt::ThirdParty(origin.to_string()))
        }
        _ if judged.verdict.is_unlabelled && !row.finding.state.is_closed() => {
            row.doubted(Doubt::UnknownModule)
        }
        _ => row,
    }
}

fn finding(context: &Context<'_>, flaw: &Flaw<'_>, judged: &Judged<'_>) -> Finding {
    let verdict = judged.verdict;
    let heads = flaw.heads();
    let cves = sorted(heads.iter().flat_map(|head| head.cves.iter().cloned()));
    let known: Vec<_> = cves
        .iter()
        .filter_map(|cve| exploited(context.pockets, cve))
        .collect();
    let due: Option<Date> = known.iter().filter_map(|known| known.due).min();
    let builds = judged.builds.iter();
    let packages = sorted(builds.map(|build| build.package.name.clone()));
    let records = heads.iter();
    let records = sorted(records.map(|head| format!("{} {}", head.feed, head.id)));
    let nature = Nature::union(heads.iter().map(|head| &head.nature));
    let slices = || context.pockets.iter().map(|pocket| &*pocket.slice);
    Finding {
        bulletin: flaw.bulletin(),
        title: heads
            .iter()
            .map(|head| head.title.as_str())
            .find(|title| !title.is_empty())
            .unwrap_or_default()
            .to_owned(),
        product: judged.source.to_owned(),
        packages,
        installed: verdict.installed.to_owned(),
        fixed: verdict.fixed.map(str::to_owned),
        state: verdict.state,
        confidence: confidence(context, verdict),
        severity: severity(flaw),
        cvss_tenths: heads.iter().filter_map(|head| head.cvss_tenths).max(),
        impacts: nature.impacts(),
        cwes: nature.cwes(),
        kev: known.iter().map(|known| known.cve.clone()).collect(),
        kev_checked: slices().any(Slice::lists_exploited),
        kev_due: due,
        support_ends: None,
        epss: cves
            .iter()
            .filter_map(|cve| slices().find_map(|slice| slice.epss(cve)))
            .max(),
        remedy: None,
        cves,
        evidence: Evidence {
            observed: observed(judged),
            question: context.question.to_owned(),
            rule: rule(context, verdict),
            record: records.join("; "),
            witnesses: Vec::new(),
        },
    }
}

/// Each once.
fn sorted(words: impl Iterator<Item = String>) -> Vec<String> {
    let mut words: Vec<String> = words.collect();
    words.sort_unstable();
    words.dedup();
    words
}

fn exploited<'a>(pockets: &'a [Pocket], cve: &str) -> Option<&'a KnownExploited> {
    pockets.iter().find_map(|pocket| pocket.slice.kev(cve))
}

fn confidence(context: &Context<'_>, verdict: &Verdict<'_>) -> Confidence {
    match verdict.state {
        FindingState::Unverified | FindingState::Unknown => Confidence::Low,
        _ if !verdict.doubts.is_empty() => Confidence::Low,
        _ if context.is_rebuild => Confidence::Medium,
        _ => Confidence::High,
    }
}

/// The urgency that the publisher gives the flaw in this package, or else the bulletin's severity.
fn severity(flaw: &Flaw<'_>) -> Option<Severity> {
    let entries = || flaw.claims.iter().map(|claim| claim.entry);
    let urgencies = entries().filter_map(|entry| entry.urgency.as_deref());
    let mut stated = urgencies.filter_map(|word| Severity::parse(word.trim_end_matches('*')));
    let general = || entries().filter_map(|entry| entry.bulletin.severity).max();
    stated.next().or_else(general)
}

fn rule(context: &Context<'_>, verdict: &Verdict<'_>) -> String {
    let mut text = verdict.rule.clone();
    if let Some(fixed) = verdict.fixed {
        let _ = write!(text, " ({} and {fixed})", verdict.installed);
    }
    for doubt in &verdict.doubts {
        let _ = write!(text, "; {doubt}");
    }
    if context.is_rebuild {
        text.push_str("; judged by Red Hat's advisories, from whose sources it is built");
    }
    text
}

/// How many packages the evidence names.
const NAMED: usize = 10;

/// `libssl3:amd64 3.0.9-1, openssl:amd64 3.0.9-1 (source openssl 3.0.9-1)`
pub(super) fn observed(judged: &Judged<'_>) -> String {
    let mut text = String::with_capacity(120);
    for (at, build) in judged.builds.iter().take(NAMED).enumerate() {
        let package = build.package;
        let comma = if at == 0 { "" } else { ", " };
        let held = if package.held { " held" } else { "" };
        let (name, arch, version) = (&package.name, &package.arch, &package.version);
        // Writing to a string cannot fail.
        let _ = write!(text, "{comma}{name}:{arch} {version}{held}");
        if let Some(module) = &package.module {
            let _ = write!(text, " of module {module}");
        }
    }
    let more = judged.builds.len().saturating_sub(NAMED);
    if more > 0 {
        let _ = write!(text, " (+{more})");
    }
    let source = judged.builds.first().map(|build| build.shown().text);
    let _ = write!(
        text,
        " (source {} {})",
        judged.source,
        source.unwrap_or_default()
    );
    text
}
