//! `exceptions.csv`: what somebody was allowed to leave for a while, and how each exception stands in this run.
//!
//! `state` is `active`, `expired` (its day is over, or it was taken back), `version_changed` (all that it is about
//! has another version by now than those in `version`) or `unused` (the run shows nothing that it is about).
//! `findings` are those that it holds for, of an expired one those that it held for; `other_version_count` those
//! that it would hold for if their version had not changed.

use super::super::cell::Cell;
use super::super::{ReportError, ReportSource};
use super::{Emit, Rows, Table, columns};
use crate::model::{ExceptionCount, FindingId};

pub(super) const TABLE: Table = Table {
    name: "exceptions",
    says: "one row per exception that you granted, and how it stands in this run",
    kind: "exception",
    columns: columns![
        Text "run_id" = "the run that the row is of",
        Text "exception_id" = "the exception",
        Text "bulletin" = "the bulletin, CVE or finding that it is for",
        List "scope" = "the machines that it is for",
        Text "owner" = "who answers for it",
        Text "reason" = "why it was granted",
        Day "granted_date" = "the day on which it was granted",
        Text "granted_by" = "who granted it",
        Day "until_date" = "its last day",
        List "version" = "the installed versions that it was granted for",
        Text "state" = "active, expired, version_changed or unused",
        Count "findings" = "findings that it holds for; of an expired one those that it held for",
        Count "other_version_count" = "findings that it would hold for if their version had not changed",
    ],
    rows: Rows::Run(rows),
};

fn rows(source: &dyn ReportSource, emit: &mut Emit<'_>) -> Result<(), ReportError> {
    let run = source.run().id.as_str();
    for count in source.exceptions() {
        emit(&row(run, count))?;
    }
    Ok(())
}

fn row<'a>(run: &'a str, count: &'a ExceptionCount) -> [Cell<'a>; 13] {
    let exception = &count.exception;
    let scope = &exception.scope;
    let finding = scope.finding.as_ref().map(FindingId::as_str);
    let hosts = scope.host.iter().map(|host| format!("host {host}"));
    let tags = scope.tag.iter().map(|tag| format!("tag {tag}"));
    let places: Vec<String> = hosts.chain(tags).collect();
    [
        run.into(),
        exception.id.as_str().into(),
        Cell::maybe(scope.bulletin.as_deref().or(finding)),
        if places.is_empty() {
            "all".into()
        } else {
            places.into()
        },
        (&exception.owner).into(),
        (&exception.reason).into(),
        Cell::Day(exception.granted.date()),
        (&exception.granted_by).into(),
        Cell::Day(exception.until),
        exception.versions.as_slice().into(),
        count.state.as_str().into(),
        Cell::Count(count.findings.into()),
        Cell::Count(count.other_version.into()),
    ]
}
