//! `lists.csv`: the lists that the run was compared with, and what each of them knows.
//!
//! `live` is how many of its machines answered, `coverage_percent` their share of all live machines;
//! `known_here_only` are machines that no other list has, `lacks` live machines that it does not have.
//! `not_on` says for each other list how many machines this one has and that one has not.

use super::super::cell::Cell;
use super::super::{ReportError, ReportSource};
use super::{Emit, Rows, Table, columns};
use crate::model::{ListCount, Vouch};

pub(super) const TABLE: Table = Table {
    name: "lists",
    says: "one row per list that was given: how much of the network it knows",
    kind: "list",
    columns: columns![
        Text "run_id" = "the run that the row is of",
        Text "list" = "its name",
        Text "kind" = "what it is an export of",
        List "vouches" = "what being on it says of a machine",
        Day "as_of_date" = "the day that it tells of",
        Signed "age_days" = "days from then to the beginning of the run",
        Count "machines" = "machines on it",
        Count "live" = "those of them that answered",
        Percent "coverage_percent" = "their share of all live machines",
        Count "known_here_only" = "machines that no other list has",
        Count "lacks" = "live machines that it does not have",
        List "not_on" = "for each other list, how many machines this one has and that one has not",
    ],
    rows: Rows::Run(rows),
};

fn rows(source: &dyn ReportSource, emit: &mut Emit<'_>) -> Result<(), ReportError> {
    let Some(comparison) = source.comparison() else {
        return Ok(());
    };
    let run = source.run();
    for list in &comparison.lists {
        let vouches = list.vouches.iter().copied().map(Vouch::as_str);
        let age = list.as_of.map(|day| day.days_until(run.started.date()));
        emit(&[
            run.id.as_str().into(),
            list.name.as_str().into(),
            list.kind.as_str().into(),
            vouches.map(str::to_owned).collect::<Vec<_>>().into(),
            Cell::day(list.as_of),
            age.map_or(Cell::Unknown, Cell::Signed),
            Cell::Count(list.machines.into()),
            Cell::Count(list.live.into()),
            share(list.live, list.live + list.lacks),
            Cell::Count(list.alone.into()),
            Cell::Count(list.lacks.into()),
            not_on(list, &comparison.lists).into(),
        ])?;
    }
    Ok(())
}

/// Of nothing there is no share.
pub(super) fn share(part: u64, whole: u64) -> Cell<'static> {
    #[expect(clippy::cast_precision_loss, reason = "a share to two places")]
    match whole {
        0 => Cell::Empty,
        whole => Cell::Percent(part as f64 * 100.0 / whole as f64),
    }
}

/// How many of a list's machines each other list does not have.
pub fn not_on(list: &ListCount, all: &[ListCount]) -> Vec<String> {
    let others = all.iter().zip(&list.unknown_to);
    let others = others.filter(|(other, _)| other.name != list.name);
    others
        .map(|(other, count)| format!("{} {count}", other.name))
        .collect()
}
