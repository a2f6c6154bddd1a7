//! Findings as vulnerabilities with an analysis (VEX): one for each finding and CVE, as in `findings_cve.csv`, and
//! one under the bulletin's own name for a finding without a CVE.

use super::super::Options;
use super::super::cell::Cell;
use super::super::tables::{self, Shown};
use super::components::Components;
use super::{Property, version};
use crate::model::{Decision, Finding, FindingState, MachineRecord, RunSummary, Severity};
use serde::Serialize;

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Vulnerability<'a> {
    #[serde(rename = "bom-ref")]
    bom_ref: String,
    id: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    source: Option<Source<'a>>,
    ratings: Vec<Rating<'a>>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    cwes: Vec<u32>,
    description: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    recommendation: Option<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    advisories: Vec<Advisory<'a>>,
    analysis: Analysis,
    affects: Vec<Affects>,
    properties: Vec<Property<'a>>,
}

#[derive(Serialize)]
struct Source<'a> {
    name: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    url: Option<String>,
}

#[derive(Serialize)]
struct Rating<'a> {
    source: Source<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    score: Option<f64>,
    severity: &'static str,
    method: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    justification: Option<&'a str>,
}

#[derive(Serialize)]
struct Advisory<'a> {
    title: &'a str,
    url: String,
}

#[derive(Clone, Serialize)]
#[serde(rename_all = "camelCase")]
struct Analysis {
    state: &'static str,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    response: Vec<&'static str>,
    detail: String,
    last_updated: String,
}

#[derive(Clone, Serialize)]
struct Affects {
    #[serde(rename = "ref")]
    of: String,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    versions: Vec<Version>,
}

#[derive(Clone, Serialize)]
struct Version {
    version: String,
    status: &'static str,
}

/// The vulnerabilities of a machine, in the order of `findings.csv`.
pub(super) fn of<'a>(
    run: &RunSummary,
    options: &Options,
    machine: &'a MachineRecord,
    parts: &Components,
) -> Vec<Vulnerability<'a>> {
    let mut all = Vec::new();
    for shown in Shown::of(machine, options) {
        let finding = shown.finding;
        let analysis = analysis(run, options, &shown);
        let affects = affects(finding, parts);
        let mut names: Vec<&str> = finding.cves.iter().map(String::as_str).collect();
        names.sort_unstable();
        names.dedup();
        let is_alone = names.len() < 2;
        if names.is_empty() {
            names.push(finding.bulletin.as_str());
        }
        all.extend(names.into_iter().map(|name| Vulnerability {
            bom_ref: format!("{} {name}", shown.id),
            id: name,
            source: source(name),
            ratings: ratings(&shown, is_alone),
            cwes: finding.cwes.iter().filter_map(|cwe| number(cwe)).collect(),
            description: &finding.title,
            recommendation: match tables::fix(finding) {
                Cell::Text(text) => Some(text.into_owned()),
                _ => None,
            },
            advisories: advisories(finding),
            analysis: analysis.clone(),
            affects: affects.clone(),
            properties: properties(machine, &shown, name, is_alone),
        }));
    }
    all
}

/// Of our states and those of the format's `impactAnalysisState`; `docs/formats.md` says why. `exploitable` is
/// there defined as "may be directly or indirectly exploitable": that the machine has the flaw, not that anybody
/// tried.
fn state(state: FindingState) -> &'static str {
    match state {
        FindingState::Unknown | FindingState::Unverified => "in_triage",
        FindingState::Fixed | FindingState::Superseded => "resolved",
        FindingState::NotApplicable => "not_affected",
        FindingState::Missing
        | FindingState::MissingNeedsSubscription
        | FindingState::PendingReboot
        | FindingState::Inconsistent
        | FindingState::NoFixYet
        | FindingState::WontFix
        | FindingState::EndOfLife => "exploitable",
    }
}

/// What the *publisher* does about it, which is what the format's `response` means: an exception of the operator is
/// none.
fn response(finding: &Finding) -> Vec<&'static str> {
    match finding.state {
        FindingState::Missing
        | FindingState::MissingNeedsSubscription
        | FindingState::PendingReboot
        | FindingState::Inconsistent => vec!["update"],
        FindingState::WontFix | FindingState::EndOfLife => vec!["will_not_fix"],
        _ => Vec::new(),
    }
}

fn analysis(run: &RunSummary, options: &Options, shown: &Shown<'_>) -> Analysis {
    let Shown {
        finding, decision, ..
    } = shown;
    let evidence = tables::evidence(&finding.evidence, options.no_users);
    let mut detail = format!(
        "{} ({} confidence): judged by what is installed, not by trying it. {evidence}",
        finding.state.as_str(),
        finding.confidence.as_str()
    );
    if let Some(exception) = decision.and_then(|one| one.exception.as_ref()) {
        let until = decision.and_then(|one| one.until);
        let until = until.map_or(String::new(), |day| format!(" until {day}"));
        detail = format!("left as it is{until} by exception {exception}. {detail}");
    }
    Analysis {
        state: state(finding.state),
        response: response(finding),
        detail,
        last_updated: run.finished.unwrap_or(run.started).to_string(),
    }
}

fn affects(finding: &Finding, parts: &Components) -> Vec<Affects> {
    let status = match state(finding.state) {
        "in_triage" => "unknown",
        "exploitable" => "affected",
        _ => "unaffected",
    };
    let versions: Vec<Version> = Some(&finding.installed)
        .filter(|installed| !installed.is_empty())
        .map(|installed| Version {
            version: version(installed),
            status,
        })
        .into_iter()
        .collect();
    let refs = parts.affected(finding);
    refs.into_iter()
        .map(|of| Affects {
            of: of.to_owned(),
            versions: versions.clone(),
        })
        .collect()
}

/// The publisher's word, the CVSS base score where the finding has one flaw, and what the policy says.
fn ratings<'a>(shown: &Shown<'a>, is_alone: bool) -> Vec<Rating<'a>> {
    let finding = shown.finding;
    let rating = |name, score, severity, justification| Rating {
        source: Source { name, url: None },
        score,
        severity,
        method: "other",
        justification,
    };
    let stated = finding
        .severity
        .map(|one| rating("publisher", None, word(Some(one)), None));
    let score = finding.cvss_tenths.filter(|_| is_alone);
    let score = score.map(|tenths| {
        let band = Finding {
            severity: None,
            ..finding.clone()
        }
        .rating();
        let band = if tenths == 0 { "none" } else { word(band) };
        rating(
            "CVSS base score",
            Some(f64::from(tenths) / 10.0),
            band,
            None,
        )
    });
    let mine = shown.decision.and_then(|decision| {
        let rule = Some(decision.rule.as_str()).filter(|rule| !rule.is_empty());
        let severity = word(Some(decision.my_severity?));
        Some(rating("policy", None, severity, rule))
    });
    let mut all: Vec<Rating<'a>> = [stated, score, mine].into_iter().flatten().collect();
    if all.is_empty() {
        all.push(rating("publisher", None, word(None), None));
    }
    all
}

/// A severity in the format's words.
fn word(severity: Option<Severity>) -> &'static str {
    match severity {
        None => "unknown",
        Some(Severity::Negligible) => "info",
        Some(known) => known.as_str(),
    }
}

/// The number of `CWE-416`.
fn number(cwe: &str) -> Option<u32> {
    let number = cwe.strip_prefix("CWE-").unwrap_or(cwe).parse().ok()?;
    Some(number).filter(|number| *number > 0)
}

/// Who keeps the record of a CVE: readers go by that name.
fn source(id: &str) -> Option<Source<'_>> {
    is_cve(id).then(|| Source {
        name: "NVD",
        url: Some(format!("https://nvd.nist.gov/vuln/detail/{id}")),
    })
}

fn is_cve(id: &str) -> bool {
    let parts = id
        .strip_prefix("CVE-")
        .and_then(|rest| rest.split_once('-'));
    let are_digits =
        |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    parts.is_some_and(|(year, number)| are_digits(year) && are_digits(number))
}

/// Where the update is told of, where its name says so.
fn advisories(finding: &Finding) -> Vec<Advisory<'_>> {
    let remedy = finding.remedy.as_deref();
    let article = remedy.and_then(|remedy| Some((&*remedy.update, remedy.kb?)));
    article
        .map(|(title, kb)| Advisory {
            title,
            url: format!("https://support.microsoft.com/help/{}", kb.0),
        })
        .into_iter()
        .collect()
}

fn properties<'a>(
    machine: &'a MachineRecord,
    shown: &Shown<'a>,
    name: &str,
    is_alone: bool,
) -> Vec<Property<'a>> {
    let finding = shown.finding;
    let first = machine.finding_first_seen(&finding.product, &finding.bulletin);
    let decision = |of: fn(&Decision) -> Option<String>| shown.decision.and_then(of);
    let is_exploited = if finding.kev.iter().any(|one| one == name) {
        Some(true)
    } else {
        finding.kev_checked.then_some(false)
    };
    let texts = [
        ("finding_id", Some(shown.id.to_string())),
        ("bulletin_id", Some(finding.bulletin.to_string())),
        ("product", Some(finding.product.clone())),
        ("state", Some(finding.state.as_str().to_owned())),
        ("confidence", Some(finding.confidence.as_str().to_owned())),
        ("fixed_version", finding.fixed.clone()),
        (
            "kev",
            is_exploited.map(|flag| if flag { "yes" } else { "no" }.to_owned()),
        ),
        ("kev_due_date", finding.kev_due.map(|day| day.to_string())),
        (
            "epss",
            finding
                .epss
                .filter(|_| is_alone)
                .map(|score| score.to_string()),
        ),
        ("due_date", decision(|one| Some(one.due?.to_string()))),
        ("rank", decision(|one| Some(one.rank?.to_string()))),
        (
            "exception_id",
            decision(|one| Some(one.exception.as_ref()?.to_string())),
        ),
        (
            "exception_until",
            decision(|one| Some(one.until?.to_string())),
        ),
        ("first_seen_date", first.map(|day| day.to_string())),
    ];
    let texts = texts.into_iter();
    texts
        .filter_map(|(name, text)| Some(Property::new(name, text?)))
        .collect()
}
