//! `findings.csv`: one row per machine and bulletin, open and undecided; closed ones on request.

use super::super::ReportError;
use super::super::cell::Cell;
use super::{Emit, Rows, Table, View, machine_columns};
use crate::model::{Evidence, Finding, FindingState, Severity};

pub(super) const TABLE: Table = Table {
    name: "findings",
    kind: "finding",
    columns: machine_columns![
        "finding_id",
        "bulletin_id",
        "title",
        "fix",
        "product",
        "installed_version",
        "fixed_version",
        "state",
        "confidence",
        "vendor_severity",
        "my_severity",
        "policy_rule",
        "cvss",
        "cve_count",
        "cves",
        "kev",
        "kev_due_date",
        "epss",
        "due_date",
        "days_left",
        "rank",
        "first_seen_date",
        "times_seen",
        "evidence",
        "exception_id",
    ],
    rows: Rows::Machine(rows),
};

fn rows(view: &View<'_>, emit: &mut Emit<'_>) -> Result<(), ReportError> {
    let [run, machine, name, ip] = view.lead(view.first_address());
    for (id, finding) in &view.findings {
        let history = view.machine.history.get(id);
        let seen = history.map(|history| Cell::Count(history.times_seen.into()));
        let first = history.map(|history| Cell::Day(history.first_seen));
        emit(&[
            run.clone(),
            machine.clone(),
            name.clone(),
            ip.clone(),
            id.as_str().into(),
            finding.bulletin.as_str().into(),
            (&finding.title).into(),
            fix(finding),
            (&finding.product).into(),
            (&finding.installed).into(),
            Cell::maybe(finding.fixed.as_deref()),
            finding.state.as_str().into(),
            finding.confidence.as_str().into(),
            Cell::maybe(finding.severity.map(Severity::as_str)),
            // my_severity and policy_rule come with the policy.
            Cell::Empty,
            Cell::Empty,
            finding.cvss_tenths.map_or(Cell::Empty, Cell::Tenths),
            Cell::Count(finding.cves.len() as u128),
            finding.cves.as_slice().into(),
            exploited(finding),
            finding.kev_due.map_or(Cell::Empty, Cell::Day),
            // epss, due_date, days_left and rank come with priorities.
            Cell::Empty,
            Cell::Empty,
            Cell::Empty,
            Cell::Empty,
            first.unwrap_or(Cell::Empty),
            seen.unwrap_or(Cell::Empty),
            evidence(&finding.evidence).into(),
            // exception_id comes with exceptions.
            Cell::Empty,
        ])?;
    }
    Ok(())
}

/// What would close it, in words; the version is the publisher's, verbatim.
fn fix(finding: &Finding) -> Cell<'static> {
    let upgrade = |fixed: &String| format!("upgrade {} to {fixed}", finding.product);
    let upgrade = finding.fixed.as_ref().map(upgrade);
    match finding.state {
        FindingState::PendingReboot => "reboot".into(),
        FindingState::MissingNeedsSubscription => upgrade.map_or(Cell::Empty, |upgrade| {
            format!("{upgrade} (needs a subscription)").into()
        }),
        FindingState::Missing | FindingState::Inconsistent | FindingState::Unverified => {
            upgrade.map_or(Cell::Empty, Cell::from)
        }
        _ => Cell::Empty,
    }
}

/// Whether a flaw of it is known to be exploited; nothing to say without a CVE, unknown without a
/// list of such flaws.
fn exploited(finding: &Finding) -> Cell<'static> {
    if finding.cves.is_empty() && finding.kev.is_empty() {
        return Cell::Empty;
    }
    finding.is_exploited().map_or(Cell::Unknown, Cell::Flag)
}

/// The proof on one line: what was seen, where, by which rule, against which record.
fn evidence(evidence: &Evidence) -> String {
    let parts = [
        ("", &evidence.observed),
        ("read by ", &evidence.question),
        ("rule ", &evidence.rule),
        ("record ", &evidence.record),
    ];
    let mut text = String::new();
    for (label, part) in parts.iter().filter(|(_, part)| !part.is_empty()) {
        if !text.is_empty() {
            text.push_str("; ");
        }
        text.push_str(label);
        text.push_str(part);
    }
    text
}
