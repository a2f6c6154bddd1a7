//! `DefectDojo`'s "Generic Findings Import": `defectdojo.json`. `docs/formats.md` says how it maps.
//!
//! Only fields are written that the import has had for long: it refuses a file with one that it does not know.
//! `DefectDojo` knows a finding again by title and description (unless told to go by `unique_id_from_tool`), so
//! neither holds anything that changes from run to run. It shows descriptions as Markdown: what comes from hosts
//! stands there as code, where no link and no image works.

use super::cell::Cell;
use super::escape;
use super::stream::Stream;
use super::tables::{self, Shown};
use super::{Exporter, Options, ReportError, ReportSource, Sink, Written, each_machine};
use crate::model::{
    Confidence, Finding, FindingState, MachineRecord, RunSummary, Severity, Verified, VerifiedState,
};
use serde::Serialize;
use std::net::IpAddr;

const NAME: &str = "defectdojo.json";

#[derive(Debug)]
pub(super) struct DefectDojo;

impl Exporter for DefectDojo {
    fn format(&self) -> &'static str {
        "defectdojo"
    }

    fn write(
        &self,
        source: &dyn ReportSource,
        options: &Options,
        sink: &mut dyn Sink,
    ) -> Result<Written, ReportError> {
        let mut list = List {
            stream: Stream::open(NAME, sink)?,
            count: 0,
        };
        list.stream.open_object(&Head::of(options))?;
        list.stream.text(",\n\"findings\": [")?;
        let run = source.run();
        let counts = each_machine(source, options, |machine| {
            let mut shown = Shown::of(machine, options).into_iter();
            shown.try_for_each(|shown| list.push(&of_finding(run, options, machine, &shown)))
        })?;
        let verified = source
            .verification()
            .into_iter()
            .flat_map(|told| &told.rows);
        for row in verified {
            list.push(&of_verified(run, options, row))?;
        }
        list.stream.text("\n]}\n")?;
        let files = vec![list.stream.finish(list.count)?];
        Ok(Written { files, counts })
    }
}

struct List {
    stream: Stream,
    count: u64,
}

impl List {
    fn push(&mut self, item: &Item<'_>) -> Result<(), ReportError> {
        let before = if self.count == 0 { "\n" } else { ",\n" };
        self.count += 1;
        self.stream.text(before)?;
        self.stream.value(item)
    }
}

#[derive(Serialize)]
struct Head {
    name: &'static str,
    /// What the file was limited to, where it has not all of the run.
    #[serde(skip_serializing_if = "Option::is_none")]
    description: Option<String>,
}

impl Head {
    fn of(options: &Options) -> Self {
        let words = options.selection.words().join(" ");
        Self {
            name: "underdesk",
            description: (!words.is_empty()).then(|| format!("Part of the run: {}", code(&words))),
        }
    }
}

/// A finding, in the import's words.
#[derive(Serialize)]
struct Item<'a> {
    title: String,
    severity: &'static str,
    description: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    mitigation: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    impact: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    steps_to_reproduce: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    severity_justification: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    date: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    planned_remediation_date: Option<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    vulnerability_ids: Vec<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    cwe: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    cvssv3_score: Option<f64>,
    component_name: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    component_version: Option<String>,
    unique_id_from_tool: &'a str,
    vuln_id_from_tool: String,
    static_finding: bool,
    dynamic_finding: bool,
    #[serde(flatten)]
    status: Status,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    endpoints: Vec<Endpoint>,
    tags: Vec<&'static str>,
}

/// How it stands.
#[expect(
    clippy::struct_excessive_bools,
    reason = "the import has a field for each"
)]
#[derive(Serialize)]
struct Status {
    active: bool,
    verified: bool,
    false_p: bool,
    risk_accepted: bool,
    is_mitigated: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    mitigated: Option<String>,
}

#[derive(Serialize)]
struct Endpoint {
    host: IpAddr,
}

fn of_finding<'a>(
    run: &RunSummary,
    options: &Options,
    machine: &'a MachineRecord,
    shown: &'a Shown<'a>,
) -> Item<'a> {
    let Shown {
        id,
        finding,
        decision,
    } = shown;
    let place = Place {
        name: tables::hostname(machine),
        address: machine.addresses.first().copied(),
        machine: machine.id.as_str(),
    };
    let first = machine.finding_first_seen(&finding.product, &finding.bulletin);
    let mine = decision.and_then(|decision| decision.my_severity);
    let rating = mine.or_else(|| finding.rating());
    let is_accepted = decision.is_some_and(|decision| decision.exception.is_some());
    let due = decision.and_then(|decision| decision.due);
    let mut tags = vec![finding.state.as_str()];
    if !finding.kev.is_empty() {
        tags.push("kev");
    }
    Item {
        title: title(finding.bulletin.as_str(), &finding.title, &place),
        severity: severity(rating, finding.state.counts_as_unknown()),
        description: description(
            &place,
            finding.bulletin.as_str(),
            &finding.product,
            &finding.title,
        ),
        mitigation: mitigation(finding),
        impact: impact(finding),
        steps_to_reproduce: Some(code(&tables::evidence(&finding.evidence, options.no_users))),
        severity_justification: Some(why(finding, mine, decision.map_or("", |one| &one.rule))),
        date: Some(first.unwrap_or_else(|| run.started.date()).to_string()),
        planned_remediation_date: due.map(|day| day.to_string()),
        vulnerability_ids: ids(finding),
        cwe: cwe(finding),
        cvssv3_score: finding.cvss_tenths.map(|tenths| f64::from(tenths) / 10.0),
        component_name: line(&finding.product, 500),
        component_version: some_line(&finding.installed),
        unique_id_from_tool: id.as_str(),
        vuln_id_from_tool: line(finding.bulletin.as_str(), 500),
        static_finding: true,
        dynamic_finding: false,
        status: status(
            run,
            VerifiedState::Judged(finding.state),
            finding.confidence,
            is_accepted,
        ),
        endpoints: endpoints(machine),
        tags,
    }
}

fn mitigation(finding: &Finding) -> Option<String> {
    match tables::fix(finding) {
        Cell::Text(text) => Some(code(&text)),
        _ => None,
    }
}

fn impact(finding: &Finding) -> Option<String> {
    let has_any = !finding.impacts.is_empty();
    has_any.then(|| code(&finding.impacts.join(", ")))
}

fn ids(finding: &Finding) -> Vec<&str> {
    let cves = finding.cves.iter().map(String::as_str);
    cves.filter(|id| is_id(id)).collect()
}

fn cwe(finding: &Finding) -> Option<u32> {
    let mut cwes = finding.cwes.iter();
    cwes.find_map(|cwe| cwe.strip_prefix("CWE-")?.parse().ok())
}

fn endpoints(machine: &MachineRecord) -> Vec<Endpoint> {
    let hosts = machine.addresses.iter().copied();
    hosts.map(|host| Endpoint { host }).collect()
}

/// A finding of an earlier run with what it is by now: imported again, it closes what is closed.
fn of_verified<'a>(run: &RunSummary, options: &Options, row: &'a Verified) -> Item<'a> {
    let place = Place {
        name: row.hostname.as_deref(),
        address: row.address,
        machine: row.machine.as_str(),
    };
    let verdict = &row.verdict;
    let evidence = verdict.evidence.as_ref();
    let why = [code(verdict.state.as_str()), code(&verdict.detail)].join(" ");
    let fixed = verdict.fixed.as_deref();
    let fixed = fixed.filter(|_| !verdict.state.is_closed());
    Item {
        title: title(row.bulletin.as_str(), &row.title, &place),
        severity: severity(row.severity, verdict.state.is_undecided()),
        description: description(&place, row.bulletin.as_str(), &row.product, &row.title),
        mitigation: fixed.map(|fixed| code(&format!("upgrade {} to {fixed}", row.product))),
        impact: None,
        steps_to_reproduce: evidence.map(|one| code(&tables::evidence(one, options.no_users))),
        severity_justification: Some(why),
        date: None,
        planned_remediation_date: None,
        vulnerability_ids: [row.bulletin.as_str()]
            .into_iter()
            .filter(|id| is_id(id))
            .collect(),
        cwe: None,
        cvssv3_score: None,
        component_name: line(&row.product, 500),
        component_version: some_line(&verdict.installed),
        unique_id_from_tool: row.finding.as_str(),
        vuln_id_from_tool: line(row.bulletin.as_str(), 500),
        static_finding: true,
        dynamic_finding: false,
        status: status(run, verdict.state, Confidence::High, row.is_excepted),
        endpoints: row
            .address
            .map(|host| Endpoint { host })
            .into_iter()
            .collect(),
        tags: vec![verdict.state.as_str()],
    }
}

/// Which machine.
struct Place<'a> {
    name: Option<&'a str>,
    address: Option<IpAddr>,
    machine: &'a str,
}

impl Place<'_> {
    fn in_words(&self) -> String {
        let address = || self.address.map(|address| address.to_string());
        let name = self.name.filter(|name| !name.is_empty()).map(str::to_owned);
        name.or_else(address)
            .unwrap_or_else(|| self.machine.to_owned())
    }
}

/// One line; never longer than the import takes.
fn title(bulletin: &str, title: &str, place: &Place<'_>) -> String {
    let end = line(&format!(" on {}", place.in_words()), 150);
    format!("{}{end}", line(&format!("{bulletin}: {title}"), 350))
}

fn description(place: &Place<'_>, bulletin: &str, product: &str, title: &str) -> String {
    let rows = [
        ("Machine", place.in_words()),
        ("Machine id", place.machine.to_owned()),
        ("Bulletin", bulletin.to_owned()),
        ("Title", title.to_owned()),
        ("Product", product.to_owned()),
    ];
    let rows = rows.map(|(label, text)| format!("- {label}: {}", code(&text)));
    rows.join("\n")
}

/// The import must have a severity. What nobody has decided is `Info`, for it may be nothing; what is open and
/// rated by nobody is `Medium`, for `Info` would put it out of sight.
fn severity(rating: Option<Severity>, is_undecided: bool) -> &'static str {
    match rating {
        _ if is_undecided => "Info",
        Some(Severity::Critical) => "Critical",
        Some(Severity::High) => "High",
        Some(Severity::Medium) | None => "Medium",
        Some(Severity::Low) => "Low",
        Some(Severity::Negligible) => "Info",
    }
}

/// Who says how bad it is, how sure the verdict is, and how likely it is exploited.
fn why(finding: &Finding, mine: Option<Severity>, rule: &str) -> String {
    let mut said = vec![match (mine, finding.severity, finding.cvss_tenths) {
        (Some(mine), ..) if !rule.is_empty() => {
            format!("{} by the policy ({})", mine.as_str(), code(rule))
        }
        (_, Some(stated), _) => format!("{} by the publisher", stated.as_str()),
        (_, None, Some(_)) => "by its CVSS base score".to_owned(),
        (_, None, None) => "nobody rates it".to_owned(),
    }];
    said.push(format!("state {}", finding.state.as_str()));
    said.push(format!("confidence {}", finding.confidence.as_str()));
    if let Some(score) = finding.epss {
        said.push(format!("EPSS {score}"));
    }
    if let Some(day) = finding.kev_due {
        said.push(format!(
            "known to be exploited, to be fixed by {day} (CISA)"
        ));
    }
    said.join("; ")
}

fn status(
    run: &RunSummary,
    state: VerifiedState,
    confidence: Confidence,
    is_accepted: bool,
) -> Status {
    let is_closed = state.is_closed();
    let is_none = state == VerifiedState::Judged(FindingState::NotApplicable);
    let is_open = !is_closed && !state.is_undecided();
    let is_mitigated = is_closed && !is_none;
    // The import takes no finding that is both accepted and active.
    let risk_accepted = is_accepted && !is_closed;
    Status {
        active: !is_closed && !risk_accepted,
        verified: is_open && confidence == Confidence::High,
        false_p: is_none,
        risk_accepted,
        is_mitigated,
        mitigated: is_mitigated.then(|| run.started.to_string()),
    }
}

/// What the import takes for an id of a flaw: at most 50 characters.
fn is_id(text: &str) -> bool {
    let is_plain =
        |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b':' | b'.' | b'_');
    (1..=50).contains(&text.len()) && text.bytes().all(is_plain)
}

fn line(text: &str, most: usize) -> String {
    escape::for_terminal(text).chars().take(most).collect()
}

fn some_line(text: &str) -> Option<String> {
    Some(line(text, 100)).filter(|text| !text.is_empty())
}

/// A text as code in Markdown: nothing in it is markup.
fn code(text: &str) -> String {
    format!("`{}`", escape::for_terminal(text).replace('`', "'"))
}

#[cfg(test)]
mod tests;
