//! `verify.csv`: what became of the open findings of an earlier run, each once.
//!
//! `state` is a verdict as in `findings.csv`, the closed ones (`fixed`, `superseded`, `not_applicable`) among them, or
//! `unreachable`: nobody answered, nobody could log in, or another machine answers there; `detail` says which.
//! `finding_id` is that of the earlier run, `base_run_id`.

use super::super::cell::Cell;
use super::super::{Options, ReportError, ReportSource};
use super::findings::evidence;
use super::{Emit, Rows, Table, machine_columns};
use crate::model::Evidence;

pub(super) const TABLE: Table = Table {
    name: "verify",
    says: "of verify: one row per open finding of an earlier run, with what it is by now",
    kind: "verify",
    columns: machine_columns![
        Text "finding_id" = "the finding, the same in every run",
        Text "bulletin_id" = "the update or bulletin",
        Text "title" = "what it is about",
        Text "product" = "the product or package",
        Text "state_before" = "its state in the earlier run",
        Text "state" = "its state now: as in findings.csv, or unreachable",
        Text "installed_before" = "the version that was installed",
        Text "installed_version" = "the version that is installed now",
        Text "fixed_version" = "the first version without the flaw",
        Text "detail" = "why, where the state does not say it",
        Text "evidence" = "what was observed now, where, by which rule, against which record",
        Text "base_run_id" = "the earlier run",
    ],
    rows: Rows::RunFor(rows),
};

fn rows(
    source: &dyn ReportSource,
    options: &Options,
    emit: &mut Emit<'_>,
) -> Result<(), ReportError> {
    let Some(verification) = source.verification() else {
        return Ok(());
    };
    for row in &verification.rows {
        let verdict = &row.verdict;
        let proof = |one: &Evidence| evidence(one, options.no_users);
        emit(&[
            source.run().id.as_str().into(),
            row.machine.as_str().into(),
            Cell::known(row.hostname.as_deref()),
            row.address.map_or(Cell::Unknown, Cell::Address),
            row.finding.as_str().into(),
            row.bulletin.as_str().into(),
            (&row.title).into(),
            (&row.product).into(),
            row.before.as_str().into(),
            verdict.state.as_str().into(),
            (&row.installed_before).into(),
            (&verdict.installed).into(),
            Cell::maybe(verdict.fixed.as_deref()),
            (&verdict.detail).into(),
            Cell::maybe(verdict.evidence.as_ref().map(proof).as_deref()),
            verification.base.as_str().into(),
        ])?;
    }
    Ok(())
}
