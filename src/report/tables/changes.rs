//! `changes.csv`: what differs from an earlier run. Empty where there is none to compare with.
//!
//! `change` is a word of [`ChangeKind`](crate::model::ChangeKind), `object` what it is about, `before` and
//! `after` how it was and is, empty where there was or is nothing. `since` is the last day on which it was
//! known to be as `before`. `run_id` is the later run, `since_run` the earlier one.

use super::super::cell::Cell;
use super::super::{Options, ReportError, ReportSource};
use super::{Emit, Rows, Table, machine_columns};
use crate::model::{FindingId, LEFT_OUT};

pub(super) const TABLE: Table = Table {
    name: "changes",
    says: "one row per thing that is not as it was in the run before",
    kind: "change",
    columns: machine_columns![
        Text "change" = "what sort of change: machine_new, finding_fixed, …",
        Text "object" = "what it is about",
        Text "before" = "how it was; empty where there was nothing",
        Text "after" = "how it is; empty where there is nothing",
        Day "since" = "the last day on which it was known to be as before",
        Text "finding_id" = "the finding, where it is about one",
        Text "since_run" = "the earlier run",
    ],
    rows: Rows::RunFor(rows),
};

fn rows(
    source: &dyn ReportSource,
    options: &Options,
    emit: &mut Emit<'_>,
) -> Result<(), ReportError> {
    let Some(changes) = source.changes() else {
        return Ok(());
    };
    for row in &changes.rows {
        let finding = row.finding.as_ref().map(FindingId::as_str);
        // A list may name an account for an owner.
        let is_hidden = options.no_users && row.object == "owner";
        let value = |text: &Option<String>| {
            text.clone()
                .map(|text| if is_hidden { LEFT_OUT.to_owned() } else { text })
        };
        let (before, after) = (value(&row.before), value(&row.after));
        emit(&[
            source.run().id.as_str().into(),
            row.machine.as_str().into(),
            Cell::known(row.hostname.as_deref()),
            row.address.map_or(Cell::Unknown, Cell::Address),
            row.kind.as_str().into(),
            row.object.as_str().into(),
            Cell::maybe(before.as_deref()),
            Cell::maybe(after.as_deref()),
            row.since.map_or(Cell::Unknown, Cell::Day),
            Cell::maybe(finding),
            changes.before.as_str().into(),
        ])?;
    }
    Ok(())
}
