//! What a record affects, package by package.

use super::gates::{self, Distribution};
use super::record::{OsvAffected, OsvEvent, OsvPackage, OsvRange};
use crate::catalog::feeds::records::Text;
use crate::catalog::feeds::{FeedReport, rpm};
use crate::model::{Affected, FixStatus, PackageScope, Spoken, VersionRange};
use std::collections::{BTreeMap, BTreeSet};

/// Collects what one record affects.
pub(super) struct Collector<'a> {
    id: &'a str,
    /// The module streams that its summary names.
    streams: Vec<String>,
    report: &'a mut FeedReport,
    /// SUSE's lists of binaries that were read already, by ecosystem: each of a record's source packages
    /// has them all.
    lists: BTreeSet<(String, String)>,
    pub(super) found: Vec<Affected>,
}

impl<'a> Collector<'a> {
    pub(super) fn new(id: &'a str, summary: &str, report: &'a mut FeedReport) -> Self {
        Self {
            id,
            streams: rpm::streams(summary),
            report,
            lists: BTreeSet::new(),
            found: Vec::new(),
        }
    }

    fn problem(&mut self, what: impl std::fmt::Display) {
        self.report.problem(self.id, what);
    }

    /// Takes one affected package, if it is one of a distribution's release.
    pub(super) fn add(&mut self, one: OsvAffected<'_>) {
        let Some(package) = self.package(one.package) else {
            return;
        };
        let Some(distribution) = gates::distribution_of(&package.ecosystem) else {
            return;
        };
        let spans = self.spans(&package, one.ranges, one.versions.is_some());
        let Some(spans) = spans else {
            return;
        };
        let specific = one.ecosystem_specific.unwrap_or_default();
        let urgency = specific.urgency.or(specific.ubuntu_priority);
        if distribution.is_rpm && rpm::is_debug(&package.name) {
            return;
        }
        let Some(spans) = self.checked(&package, distribution, spans) else {
            return;
        };
        if let Some(list) = specific.binaries
            && distribution.spoken == Spoken::Binary
            && self.binaries(&package, list.get())
        {
            return;
        }
        let unfixed = spans.iter().any(|span| span.fixed.is_none());
        let status = match urgency.as_deref() {
            _ if spans.is_empty() => FixStatus::NotAffected,
            Some("end-of-life") if unfixed => FixStatus::EndOfLife,
            _ => FixStatus::Stated,
        };
        let scope = scope(&package, distribution);
        let ecosystem = package.ecosystem.into_owned();
        let affected = Affected {
            ecosystem: gates::pocket(ecosystem, specific.availability.as_deref()),
            package: package.name.into_owned(),
            scope,
            ranges: spans,
            status,
            urgency,
        };
        if distribution.is_rpm {
            self.push(affected);
        } else {
            self.found.push(affected);
        }
    }

    /// The package, when an entry names one. Old dumps have entries that are a repository of sources.
    fn package<'b>(&mut self, package: Option<OsvPackage<'b>>) -> Option<OsvPackage<'b>> {
        let package = package.filter(|package| !package.name.is_empty());
        let Some(package) = package else {
            self.problem("an entry names no package: left out");
            return None;
        };
        if package.ecosystem.is_empty() {
            self.problem("an entry names no ecosystem: left out");
            return None;
        }
        Some(package)
    }

    /// The spans of the ranges that are in the distribution's own versions; `None` where there are none.
    fn spans(
        &mut self,
        package: &OsvPackage<'_>,
        ranges: Vec<OsvRange<'_>>,
        has_versions: bool,
    ) -> Option<Vec<VersionRange>> {
        let all = ranges.len();
        let is_ours = |range: &OsvRange<'_>| &*range.kind == "ECOSYSTEM";
        let ours: Vec<_> = ranges.into_iter().filter(is_ours).collect();
        let (ecosystem, name) = (&*package.ecosystem, &*package.name);
        if ours.is_empty() && has_versions {
            self.problem(format_args!(
                "`{ecosystem} {name}` has a list of versions and no range: left out"
            ));
        } else if ours.len() < all {
            self.problem("a range is one of source commits: left out");
        }
        if ours.is_empty() {
            return None;
        }
        let mut spans: Vec<_> = ours
            .into_iter()
            .flat_map(|range| spans(range.events))
            .collect();
        spans.sort_unstable();
        spans.dedup();
        Some(spans)
    }

    /// The spans of a package of rpm's, mended; `None` where a bound is no version.
    fn checked(
        &mut self,
        package: &OsvPackage<'_>,
        distribution: &Distribution,
        mut spans: Vec<VersionRange>,
    ) -> Option<Vec<VersionRange>> {
        if !distribution.is_rpm {
            return Some(spans);
        }
        let (ecosystem, name) = (&*package.ecosystem, &*package.name);
        let is_rocky = ecosystem.starts_with("Rocky Linux:");
        for span in &mut spans {
            let bounds = [
                &mut span.introduced,
                &mut span.fixed,
                &mut span.last_affected,
            ];
            for bound in bounds.into_iter().flatten() {
                if !rpm::is_evr(bound) {
                    let bound = bound.escape_debug();
                    self.problem(format_args!(
                        "`{bound}` is no version of a package: `{ecosystem} {name}` is left out"
                    ));
                    return None;
                }
                if is_rocky && let Some(whole) = gates::whole_epoch(name, bound) {
                    self.problem(format_args!(
                        "the epoch of `{name}` has lost a digit: read as `{whole}`"
                    ));
                    *bound = whole;
                }
            }
        }
        Some(spans)
    }

    /// Takes SUSE's list of binaries with the version that fixes each. Whether it is one.
    fn binaries(&mut self, package: &OsvPackage<'_>, list: &str) -> bool {
        let ecosystem = &*package.ecosystem;
        if self
            .lists
            .contains(&(ecosystem.to_owned(), list.to_owned()))
        {
            return true;
        }
        let read: Result<Vec<BTreeMap<Text<'_>, Text<'_>>>, _> = serde_json::from_str(list);
        let Ok(maps) = read else {
            let name = &*package.name;
            self.problem(format_args!(
                "the binaries of `{ecosystem} {name}` do not read: its source package stands for them"
            ));
            return false;
        };
        let mut is_empty = true;
        for (name, fixed) in maps.into_iter().flatten() {
            is_empty = false;
            if rpm::is_debug(&name) {
                continue;
            }
            if !rpm::is_evr(&fixed) {
                let fixed = fixed.escape_debug();
                self.problem(format_args!(
                    "`{fixed}` is no version of a package: `{ecosystem} {}` is left out",
                    &*name
                ));
                continue;
            }
            let span = VersionRange {
                introduced: None,
                fixed: Some(fixed.into_owned()),
                last_affected: None,
            };
            self.push(Affected {
                ecosystem: ecosystem.to_owned(),
                package: name.into_owned(),
                scope: PackageScope {
                    spoken: Spoken::Binary,
                    ..PackageScope::default()
                },
                ranges: vec![span],
                status: FixStatus::Stated,
                urgency: None,
            });
        }
        if !is_empty {
            self.lists.insert((ecosystem.to_owned(), list.to_owned()));
        }
        !is_empty
    }

    /// Keeps a package of rpm's, once for each module that it may belong to.
    fn push(&mut self, affected: Affected) {
        let fixed = affected
            .ranges
            .iter()
            .find_map(|range| range.fixed.as_deref());
        let modules = rpm::modules_of(fixed.unwrap_or_default(), &self.streams);
        if modules.iter().any(|module| module.as_deref() == Some("")) {
            let name = &affected.package;
            let what = format!("the module of `{name}` is not stated");
            self.problem(what);
        }
        if modules == [None] {
            self.found.push(affected);
            return;
        }
        for module in modules {
            let scope = PackageScope {
                module,
                ..affected.scope.clone()
            };
            self.found.push(Affected {
                scope,
                ..affected.clone()
            });
        }
    }
}

/// Which packages of its name an entry is about, but for the module.
fn scope(package: &OsvPackage<'_>, distribution: &Distribution) -> PackageScope {
    // Of SUSE the entries themselves name sources, and only their lists binaries.
    let family = package.ecosystem.split(':').next();
    let spoken = match family {
        Some("SUSE" | "openSUSE") => Spoken::Source,
        _ => distribution.spoken,
    };
    PackageScope {
        spoken,
        arches: gates::arch(&package.purl).into_iter().collect(),
        module: None,
        repository: gates::interest_group(&package.purl),
    }
}

/// Cuts the events of a range into spans. A `fixed` or `last_affected` ends what an `introduced`
/// began, and a second one in a row says nothing new. Spans that hold no version are left out, so
/// `introduced 0, fixed 0` (Alpine's "never affected") gives none.
fn spans(events: Vec<OsvEvent<'_>>) -> Vec<VersionRange> {
    let open = VersionRange {
        introduced: None,
        fixed: None,
        last_affected: None,
    };
    let mut spans = Vec::new();
    let mut current = None;
    let mut begun = false;
    for event in events {
        if let Some(version) = event.introduced {
            spans.extend(current.take());
            begun = true;
            current = Some(VersionRange {
                introduced: (&*version != "0").then(|| version.into_owned()),
                ..open.clone()
            });
        } else if event.fixed.is_some() || event.last_affected.is_some() {
            // A range that does not say where it begins begins at the beginning.
            let span = current.take().or_else(|| (!begun).then(|| open.clone()));
            begun = true;
            spans.extend(span.map(|span| VersionRange {
                fixed: event.fixed.map(Text::into_owned),
                last_affected: event.last_affected.map(Text::into_owned),
                ..span
            }));
        }
    }
    spans.extend(current);
    spans.retain(|span| match &span.fixed {
        Some(fixed) => fixed != "0" && span.introduced.as_ref() != Some(fixed),
        None => true,
    });
    spans
}
