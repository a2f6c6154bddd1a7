//! `drift.csv`: what is not as a baseline of the policy says, one row per machine and rule; with `--all` also what is.
//!
//! `state` is `drift`, `unknown` (nobody can say, and `reason` names the question that would tell) or `ok`.

use super::super::ReportError;
use super::super::cell::Cell;
use super::{Emit, Rows, Table, View, machine_columns};
use crate::model::DriftState;

pub(super) const TABLE: Table = Table {
    name: "drift",
    says: "one row per machine and rule of a baseline that it does not meet, or of which nobody can say; with --all also what it meets",
    kind: "drift",
    columns: machine_columns![
        Text "baseline" = "the baseline of your policy",
        Text "rule" = "its rule",
        Text "object" = "what the rule is about",
        Text "expected" = "what the baseline wants",
        Text "found" = "what the machine has",
        Text "state" = "drift, unknown or ok",
        Text "reason" = "of drift: why the baseline wants it; of an unknown: the question that would tell",
    ],
    rows: Rows::Machine(rows),
};

fn rows(view: &View<'_>, emit: &mut Emit<'_>) -> Result<(), ReportError> {
    let [run, machine, name, ip] = view.lead(view.first_address());
    let decided = view.machine.decided.iter();
    let rows = decided.flat_map(|decided| &decided.drift);
    for row in rows.filter(|row| view.options.all_findings || row.state != DriftState::Ok) {
        emit(&[
            run.clone(),
            machine.clone(),
            name.clone(),
            ip.clone(),
            (&row.baseline).into(),
            row.rule.as_str().into(),
            (&row.object).into(),
            (&row.expected).into(),
            Cell::known(row.found.as_deref()),
            row.state.as_str().into(),
            (&row.reason).into(),
        ])?;
    }
    Ok(())
}
