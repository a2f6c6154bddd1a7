//! Packages, by their source.

use super::doubt::{Doubt, Row};
use super::origin::foreign;
use super::verdict::{Verdict, may_be_open, verdict};
use super::{Context, Which};
use crate::catalog::{Entry, Slice};
use crate::model::{
    BulletinId, Confidence, Date, Evidence, Finding, FindingState, Package, Severity,
};
use crate::version::DpkgVersion;
use std::collections::{BTreeMap, BTreeSet};

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
    pub(super) version: &'a str,
}

impl<'a> Subject<'a> {
    pub(super) fn new(source: String, packages: Vec<&'a Package>) -> Self {
        let builds = packages.into_iter().map(|package| Build {
            package,
            version: super::kernel::version(package),
        });
        let mut builds: Vec<_> = builds.collect();
        builds.sort_by(|a, b| {
            let parse = |build: &Build<'a>| DpkgVersion::parse(build.version);
            let order = parse(a).cmp(&parse(b));
            order.then_with(|| a.package.name.cmp(&b.package.name))
        });
        Self { source, builds }
    }

    pub(super) fn is_kernel(&self) -> bool {
        super::kernel::is_kernel_source(&self.source)
    }

    /// The distinct versions, lowest first.
    pub(super) fn versions(&self) -> Vec<&'a str> {
        let mut versions: Vec<_> = self.builds.iter().map(|build| build.version).collect();
        versions.dedup();
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
            .map(|version| (*version, verdict(version, &flaw.entries)))
            .collect();
        // Lowest first: the first open one is the lowest vulnerable version.
        let open = verdicts.iter().find(|(_, verdict)| verdict.is_open());
        let Some((version, verdict)) = open.or(verdicts.first()) else {
            continue;
        };
        let concerned = |build: &&Build<'_>| {
            let own = verdicts
                .iter()
                .find(|(version, _)| *version == build.version);
            own.is_some_and(|(_, own)| own.is_open() == verdict.is_open())
        };
        let builds: Vec<_> = subject.builds.iter().filter(concerned).copied().collect();
        let judged = Judged {
            source: &subject.source,
            version,
            builds: &builds,
            verdict,
        };
        out.push(row(context.slice, &flaw, &judged));
    }
}

/// The flaws of a source that may concern one of the versions, or all of them if those are wanted.
pub(super) fn flaws<'a>(context: &Context<'a>, source: &str, versions: &[&str]) -> Vec<Flaw<'a>> {
    let entries = context.slice.affecting(source);
    let live = || {
        entries
            .iter()
            .filter(|entry| entry.bulletin.withdrawn.is_none())
    };
    let wanted: BTreeSet<&str> = live()
        .filter(|entry| {
            context.which == Which::All
                || versions.iter().any(|version| may_be_open(version, entry))
        })
        .map(key)
        .collect();
    let mut flaws: BTreeMap<&str, Vec<&Entry>> = BTreeMap::new();
    for entry in live() {
        if let Some(key) = wanted.get(key(entry)) {
            flaws.entry(key).or_default().push(entry);
        }
    }
    let flaws = flaws.into_values();
    flaws.map(|entries| Flaw { entries }).collect()
}

/// What makes records of several feeds one matter: the CVE, when it is about just one.
fn key(entry: &Entry) -> &str {
    match entry.bulletin.cves.as_slice() {
        [cve] => cve,
        _ => entry.bulletin.id.as_str(),
    }
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
    let mut origins = judged.builds.iter().map(|build| foreign(build.package));
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
    let records: BTreeSet<String> = heads()
        .map(|head| format!("{} {}", head.feed, head.id))
        .collect();
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
        kev_due: due,
        cves,
        evidence: Evidence {
            observed: observed(judged),
            question: "dpkg-packages".to_owned(),
            rule: rule(judged),
            record: records.into_iter().collect::<Vec<_>>().join("; "),
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
    let name = |build: &Build<'_>| {
        let Package {
            name,
            arch,
            version,
            held,
            ..
        } = build.package;
        let held = if *held { " held" } else { "" };
        format!("{name}:{arch} {version}{held}")
    };
    let names: Vec<_> = judged.builds.iter().take(NAMED).map(name).collect();
    let more = match judged.builds.len().saturating_sub(NAMED) {
        0 => String::new(),
        more => format!(" (+{more})"),
    };
    format!(
        "{}{more} (source {} {})",
        names.join(", "),
        judged.source,
        judged.version
    )
}
