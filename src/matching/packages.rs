//! Packages, by their source.

use super::doubt::{Doubt, Row};
use super::origin::foreign;
use super::verdict::{Verdict, Version, may_be_open, verdict};
use super::{Context, Which};
use crate::catalog::{Entry, Slice};
use crate::model::{
    BulletinId, Confidence, Date, Evidence, Finding, FindingState, Package, Severity,
};
use std::fmt::Write as _;

/// The binary packages of one source.
pub(super) struct Subject<'a> {
    /// The source, as advisories name it.
    pub(super) source: String,
    /// Its binary packages, with the version that advisories speak of, lowest first.
    pub(super) builds: Vec<Build<'a>>,
}

/// A binary package and its version as the source's advisories count it.
#[derive(Clone, Copy)]
pub(super) struct Build<'a> {
    pub(super) package: &'a Package,
    pub(super) version: Version<'a>,
    /// Who built it, when that is not the distribution.
    origin: Option<&'static str>,
}

impl<'a> Build<'a> {
    pub(super) fn new(package: &'a Package) -> Self {
        Self {
            package,
            version: Version::new(super::kernel::version(package)),
            origin: foreign(package),
        }
    }
}

impl<'a> Subject<'a> {
    pub(super) fn new(source: String, packages: Vec<&'a Package>) -> Self {
        let mut builds: Vec<_> = packages.into_iter().map(Build::new).collect();
        builds.sort_by(|a, b| {
            let order = a.version.place.cmp(&b.version.place);
            order.then_with(|| a.package.name.cmp(&b.package.name))
        });
        Self { source, builds }
    }

    pub(super) fn is_kernel(&self) -> bool {
        super::kernel::is_kernel_source(&self.source)
    }

    /// The distinct versions, lowest first.
    pub(super) fn versions(&self) -> Vec<Version<'a>> {
        let mut versions: Vec<_> = self.builds.iter().map(|build| build.version).collect();
        versions.dedup_by_key(|version| version.text);
        versions
    }
}

/// The records about one flaw (or one advisory about several).
pub(super) struct Flaw<'a> {
    pub(super) entries: Vec<&'a Entry>,
}

/// Judges the packages of one source against everything the catalogue says of it.
pub(super) fn judge(context: &Context<'_>, subject: &Subject<'_>, out: &mut Vec<Row>) {
    let versions = subject.versions();
    for flaw in flaws(context, &subject.source, &versions) {
        let verdicts: Vec<_> = versions
            .iter()
            .map(|version| (*version, verdict(*version, &flaw.entries)))
            .collect();
        // Lowest first: the first open one is the lowest vulnerable version.
        let open = verdicts.iter().find(|(_, verdict)| verdict.is_open());
        let Some((version, verdict)) = open.or(verdicts.first()) else {
            continue;
        };
        let concerned = |build: &&Build<'_>| {
            let own = verdicts
                .iter()
                .find(|(version, _)| version.text == build.version.text);
            own.is_some_and(|(_, own)| own.is_open() == verdict.is_open())
        };
        let builds: Vec<_> = subject.builds.iter().filter(concerned).copied().collect();
        let judged = Judged {
            source: &subject.source,
            version: version.text,
            builds: &builds,
            verdict,
        };
        out.push(row(context.slice, &flaw, &judged));
    }
}

/// The flaws of a source that may concern one of the versions, or all of them if those are wanted.
pub(super) fn flaws<'a>(
    context: &Context<'a>,
    source: &str,
    versions: &[Version<'_>],
) -> Vec<Flaw<'a>> {
    // The versions first: they rule out nearly everything, and what is behind a bulletin is far away.
    let is_wanted = |entry: &Entry| {
        (context.which == Which::All || versions.iter().any(|version| may_be_open(*version, entry)))
            && entry.bulletin.withdrawn.is_none()
    };
    let entries = context.slice.affecting(source);
    let mut flaws: Vec<Flaw<'a>> = Vec::new();
    let mut behind = 0;
    for (at, entry) in entries.iter().enumerate() {
        if at < behind || !is_wanted(entry) {
            continue;
        }
        // What is about one matter stands together.
        let same = |other: &&Entry| other.matter() == entry.matter();
        let (before, after) = entries.split_at(at);
        let before: Vec<&Entry> = before.iter().rev().take_while(same).collect();
        let after = after.iter().take_while(same);
        behind = at + after.clone().count();
        let all = before.into_iter().rev().chain(after);
        flaws.push(Flaw {
            entries: all
                .filter(|entry| entry.bulletin.withdrawn.is_none())
                .collect(),
        });
    }
    flaws
}

/// What was judged, and how.
pub(super) struct Judged<'a> {
    pub(super) source: &'a str,
    pub(super) version: &'a str,
    pub(super) builds: &'a [Build<'a>],
    pub(super) verdict: &'a Verdict<'a>,
}

/// The row of a verdict. Open verdicts about packages from elsewhere are left undecided.
pub(super) fn row(slice: &Slice, flaw: &Flaw<'_>, judged: &Judged<'_>) -> Row {
    let row = Row::from(finding(slice, flaw, judged));
    let mut origins = judged.builds.iter().map(|build| build.origin);
    let is_foreign = origins.clone().all(|origin| origin.is_some());
    match origins.next().flatten() {
        Some(origin) if is_foreign && !row.finding.state.is_closed() => {
            row.doubted(Doubt::ThirdParty(origin))
        }
        _ => row,
    }
}

fn finding(slice: &Slice, flaw: &Flaw<'_>, judged: &Judged<'_>) -> Finding {
    let state = judged.verdict.state;
    let heads = || flaw.entries.iter().map(|entry| &entry.bulletin);
    let mut cves: Vec<String> = heads().flat_map(|head| head.cves.iter().cloned()).collect();
    cves.sort_unstable();
    cves.dedup();
    let known: Vec<_> = cves.iter().filter_map(|cve| slice.kev(cve)).collect();
    let due: Option<Date> = known.iter().filter_map(|known| known.due).min();
    let mut packages: Vec<String> = judged
        .builds
        .iter()
        .map(|build| build.package.name.clone())
        .collect();
    packages.sort_unstable();
    packages.dedup();
    let mut records: Vec<String> = heads()
        .map(|head| format!("{} {}", head.feed, head.id))
        .collect();
    records.sort_unstable();
    records.dedup();
    Finding {
        bulletin: bulletin(flaw),
        title: heads()
            .map(|head| head.title.as_str())
            .find(|title| !title.is_empty())
            .unwrap_or_default()
            .to_owned(),
        product: judged.source.to_owned(),
        packages,
        installed: judged.version.to_owned(),
        fixed: judged.verdict.fixed.map(str::to_owned),
        state,
        confidence: confidence(state),
        severity: severity(flaw),
        cvss_tenths: heads().filter_map(|head| head.cvss_tenths).max(),
        kev: known.iter().map(|known| known.cve.clone()).collect(),
        kev_checked: slice.lists_exploited(),
        kev_due: due,
        epss: None,
        remedy: None,
        cves,
        evidence: Evidence {
            observed: observed(judged),
            question: "dpkg-packages".to_owned(),
            rule: rule(judged),
            record: match records.as_mut_slice() {
                [record] => std::mem::take(record),
                records => records.join("; "),
            },
            witnesses: Vec::new(),
        },
    }
}

/// The id under which a flaw is known. `DEBIAN-CVE-2023-5363` and `CVE-2023-5363` are one matter,
/// whichever feeds were imported.
fn bulletin(flaw: &Flaw<'_>) -> BulletinId {
    let ids = flaw.entries.iter().map(|entry| &entry.bulletin);
    let named = |head: &crate::catalog::BulletinHead| match head.cves.as_slice() {
        [cve] if head.id.as_str().ends_with(cve.as_str()) => BulletinId::new(cve.clone()),
        _ => head.id.clone(),
    };
    ids.map(|head| named(head))
        .min()
        .unwrap_or_else(|| BulletinId::new(""))
}

fn confidence(state: FindingState) -> Confidence {
    match state {
        FindingState::Unverified | FindingState::Unknown => Confidence::Low,
        _ => Confidence::High,
    }
}

/// The urgency that the publisher gives the flaw in this package, or else the bulletin's severity.
fn severity(flaw: &Flaw<'_>) -> Option<Severity> {
    let urgencies = flaw
        .entries
        .iter()
        .filter_map(|entry| entry.urgency.as_deref());
    let mut stated = urgencies.filter_map(|word| Severity::parse(word.trim_end_matches('*')));
    let general = || {
        flaw.entries
            .iter()
            .filter_map(|entry| entry.bulletin.severity)
            .max()
    };
    stated.next().or_else(general)
}

fn rule(judged: &Judged<'_>) -> String {
    let Verdict { rule, fixed, .. } = judged.verdict;
    match fixed {
        Some(fixed) => format!("{rule} ({} and {fixed})", judged.version),
        None => (*rule).to_owned(),
    }
}

/// How many packages the evidence names.
const NAMED: usize = 10;

/// `libssl3:amd64 3.0.9-1, openssl:amd64 3.0.9-1 (source openssl)`
pub(super) fn observed(judged: &Judged<'_>) -> String {
    let mut text = String::with_capacity(120);
    for (at, build) in judged.builds.iter().take(NAMED).enumerate() {
        let package = build.package;
        let comma = if at == 0 { "" } else { ", " };
        let held = if package.held { " held" } else { "" };
        let (name, arch, version) = (&package.name, &package.arch, &package.version);
        // Writing to a string cannot fail.
        let _ = write!(text, "{comma}{name}:{arch} {version}{held}");
    }
    let more = judged.builds.len().saturating_sub(NAMED);
    if more > 0 {
        let _ = write!(text, " (+{more})");
    }
    let _ = write!(text, " (source {} {})", judged.source, judged.version);
    text
}
