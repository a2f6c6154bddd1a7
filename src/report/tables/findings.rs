//! `findings.csv`: one row per machine and bulletin, open and undecided; closed ones on request.
//!
//! `my_severity`, `policy_rule`, `due_date`, `days_left` and `exception_id` are what the operator's policy and
//! exceptions make of it on the day the run began; `rank` is its place among all open and undecided findings of
//! the run. `owner` and `status` are what people wrote (see [`Annotation`](crate::model::Annotation)), `owner` else
//! the machine's; `exception_until` is the last day of the exception that holds.

use super::super::ReportError;
use super::super::cell::Cell;
use super::{Emit, Rows, Shown, Table, View, machine_columns, path_for};
use crate::model::{
    Decision, Evidence, ExceptionId, Finding, FindingState, LEFT_OUT, Remedy, Severity, Witness,
    WorkStatus, without_name,
};
use std::borrow::Cow;

pub(super) const TABLE: Table = Table {
    name: "findings",
    says: "one row per machine and update or bulletin, open and undecided; closed ones with --all",
    kind: "finding",
    columns: machine_columns![
        Text "finding_id" = "the finding, the same in every run",
        Text "bulletin_id" = "the update or bulletin, as its publisher names it",
        Text "title" = "what it is about",
        Text "fix" = "what would close it",
        Text "product" = "the product or package that it is about",
        Text "installed_version" = "the version that is installed",
        Text "fixed_version" = "the first version without the flaw, as the publisher writes it",
        Text "state" =
            "open: missing, missing_needs_subscription, pending_reboot, inconsistent, no_fix_yet, wont_fix, \
             end_of_life; undecided: unknown, unverified; with --all also fixed, superseded, not_applicable",
        Text "confidence" = "how sure the verdict is",
        Text "vendor_severity" = "how the publisher rates it: critical, high, medium, low, negligible",
        Text "my_severity" = "how your policy rates it",
        Text "policy_rule" = "the rules of your policy that say so",
        Tenths "cvss" = "CVSS base score, 0.0 to 10.0",
        Count "cve_count" = "how many CVEs it has",
        List "cves" = "its CVEs",
        Flag "kev" = "whether a flaw of it is known to be exploited, by CISA's catalogue; empty without a CVE",
        Day "kev_due_date" = "the day by which CISA wants it fixed",
        Probability "epss" = "the probability of exploitation within 30 days, by FIRST",
        Day "due_date" = "the day by which your policy wants it fixed",
        Signed "days_left" = "days until then, on the day the run began; negative when overdue",
        Count "rank" = "its place among all open and undecided findings of the run; 1 is the first to see to",
        Day "first_seen_date" = "the day of the run that first showed it",
        Count "times_seen" = "how many runs showed it",
        Text "evidence" = "what was observed, where it was read, by which rule, against which record",
        Text "exception_id" = "the exception that holds for it",
        Text "owner" = "who sees to it: as people wrote, else the machine's owner; edit and import",
        Text "status" = "how far that is, as people wrote; edit and import",
        Day "exception_until" = "the last day of the exception; edit and import",
        List "impact" = "what an attacker gains, as the publisher says",
        List "cwes" = "the kinds of its flaws (CWE)",
    ],
    rows: Rows::Machine(rows),
};

fn rows(view: &View<'_>, emit: &mut Emit<'_>) -> Result<(), ReportError> {
    let [run, machine, name, ip] = view.lead(view.first_address());
    for shown in &view.findings {
        let Shown { id, finding, .. } = shown;
        let history = view.machine.history.get(id);
        let [severity, rule, due, left, rank, exception] = decided(shown.decision);
        let seen = history.map(|history| Cell::Count(history.times_seen.into()));
        let first = match view.machine.also.as_slice() {
            [] => history.map(|history| history.first_seen),
            _ => view
                .machine
                .finding_first_seen(&finding.product, &finding.bulletin),
        };
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
            severity,
            rule,
            finding.cvss_tenths.map_or(Cell::Empty, Cell::Tenths),
            Cell::Count(finding.cves.len() as u128),
            finding.cves.as_slice().into(),
            exploited(finding),
            finding.kev_due.map_or(Cell::Empty, Cell::Day),
            finding.epss.map_or(Cell::Empty, Cell::Probability),
            due,
            left,
            rank,
            first.map_or(Cell::Empty, Cell::Day),
            seen.unwrap_or(Cell::Empty),
            evidence(&finding.evidence, view.options.no_users).into(),
            exception,
            owner(view, shown.decision),
            Cell::maybe(
                shown
                    .decision
                    .and_then(Decision::status)
                    .map(WorkStatus::as_str),
            ),
            shown
                .decision
                .and_then(|decision| decision.until)
                .map_or(Cell::Empty, Cell::Day),
            finding.impacts.as_slice().into(),
            finding.cwes.as_slice().into(),
        ])?;
    }
    Ok(())
}

/// Who sees to it: as people wrote, else the machine's owner. Where account names are left out a mark stands for
/// whoever it is, so that a sheet that comes back is not taken for one in which owners were deleted.
fn owner<'a>(view: &View<'a>, decision: Option<&'a Decision>) -> Cell<'a> {
    let written = decision.and_then(Decision::owner);
    match written.or_else(|| view.machine.owner()) {
        Some(_) if view.options.no_users => LEFT_OUT.into(),
        owner => Cell::maybe(owner),
    }
}

/// What the policy makes of it: `my_severity`, `policy_rule`, `due_date`, `days_left`, `rank`, `exception_id`.
fn decided(decision: Option<&Decision>) -> [Cell<'_>; 6] {
    let Some(decision) = decision else {
        return std::array::from_fn(|_| Cell::Empty);
    };
    [
        Cell::maybe(decision.my_severity.map(Severity::as_str)),
        Cell::maybe(Some(decision.rule.as_str()).filter(|rule| !rule.is_empty())),
        decision.due.map_or(Cell::Empty, Cell::Day),
        decision.days_left.map_or(Cell::Empty, Cell::Signed),
        decision
            .rank
            .map_or(Cell::Empty, |rank| Cell::Count(rank.into())),
        Cell::maybe(decision.exception.as_ref().map(ExceptionId::as_str)),
    ]
}

/// What would close it, in words; the version is the publisher's, verbatim.
pub(in crate::report) fn fix(finding: &Finding) -> Cell<'static> {
    let upgrade = |fixed: &String| ["upgrade ", &finding.product, " to ", fixed].concat();
    let action = match &finding.remedy {
        Some(remedy) => Some(install(remedy)),
        None => finding.fixed.as_ref().map(upgrade),
    };
    match finding.state {
        FindingState::PendingReboot => "reboot".into(),
        FindingState::MissingNeedsSubscription => action.map_or(Cell::Empty, |action| {
            format!("{action} (needs a subscription)").into()
        }),
        FindingState::Missing | FindingState::Inconsistent | FindingState::Unverified => {
            action.map_or(Cell::Empty, Cell::from)
        }
        _ => Cell::Empty,
    }
}

/// `install KB5094123 (2026-06 cumulative update for Windows Server 2019)`.
fn install(remedy: &Remedy) -> String {
    let mut text = ["install ", &remedy.update].concat();
    let title = without_name(&remedy.title, &remedy.update);
    if !title.is_empty() {
        text.extend([" (", title, ")"]);
    }
    if !remedy.prerequisites.is_empty() {
        text.extend([" after ", &remedy.prerequisites.join(", ")]);
    }
    text
}

/// Whether a flaw of it is known to be exploited; nothing to say without a CVE, unknown without a
/// list of such flaws.
fn exploited(finding: &Finding) -> Cell<'static> {
    if finding.cves.is_empty() && finding.kev.is_empty() {
        return Cell::Empty;
    }
    finding.is_exploited().map_or(Cell::Unknown, Cell::Flag)
}

/// The proof on one line: what was seen, where, by which rule, against which record, and what else
/// was looked at.
pub(in crate::report) fn evidence(evidence: &Evidence, no_users: bool) -> String {
    let parts = [
        ("", path_for(&evidence.observed, no_users)),
        ("read by ", Cow::from(&evidence.question)),
        ("rule ", Cow::from(&evidence.rule)),
        ("record ", Cow::from(&evidence.record)),
    ];
    let mut text = String::with_capacity(256);
    for (label, part) in parts.iter().filter(|(_, part)| !part.is_empty()) {
        next(&mut text);
        text.push_str(label);
        text.push_str(part);
    }
    for one in &evidence.witnesses {
        next(&mut text);
        push_witness(one, no_users, &mut text);
    }
    text
}

fn next(text: &mut String) {
    if !text.is_empty() {
        text.push_str("; ");
    }
}

/// `witness file C:\Windows\System32\ntoskrnl.exe 10.0.17763.8511: not fixed`.
fn push_witness(witness: &Witness, no_users: bool, text: &mut String) {
    let says = match witness.says_fixed {
        Some(true) => ": fixed",
        Some(false) => ": not fixed",
        None => "",
    };
    let (source, value) = (
        path_for(&witness.source, no_users),
        path_for(&witness.value, no_users),
    );
    for part in [
        "witness ",
        witness.kind.as_str(),
        " ",
        &source,
        " ",
        &value,
        says,
    ] {
        text.push_str(part);
    }
}
