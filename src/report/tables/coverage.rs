//! `coverage.csv`: what became of every address in scope. Its sums equal the scope.

use super::super::cell::Cell;
use super::super::{ReportError, ReportSource};
use super::{Emit, Rows, Table};
use crate::model::CoverageRow;
use std::net::IpAddr;

pub(super) const TABLE: Table = Table {
    name: "coverage",
    kind: "coverage",
    columns: &[
        "run_id",
        "subnet",
        "in_scope",
        "excluded",
        "swept",
        "answered",
        "silent",
        "not_begun",
        "assessed",
        "probes_lost_percent",
        "started_utc",
        "finished_utc",
        "searched_by",
    ],
    rows: Rows::Run(rows),
};

fn rows(source: &dyn ReportSource, emit: &mut Emit<'_>) -> Result<(), ReportError> {
    let run = source.run();
    let mut sorted: Vec<&CoverageRow> = source.coverage().iter().collect();
    sorted.sort_by_key(|row| order(row));
    for row in sorted {
        emit(&[
            run.id.as_str().into(),
            (&row.subnet).into(),
            Cell::Count(row.in_scope),
            Cell::Count(row.excluded),
            Cell::Count(row.swept),
            Cell::Count(row.answered),
            Cell::Count(row.silent),
            Cell::Count(row.not_begun),
            Cell::Count(row.assessed),
            Cell::Percent(row.probes_lost_percent),
            Cell::time(row.started),
            Cell::time(row.finished),
            searched_by(row),
        ])?;
    }
    Ok(())
}

/// Empty where every address was in scope.
fn searched_by(row: &CoverageRow) -> Cell<'_> {
    let by = row.searched_by.as_deref();
    by.map_or(Cell::Empty, Cell::from)
}

/// By address where it begins with one, so that .2 comes before .10; names behind.
fn order(row: &CoverageRow) -> (bool, Option<IpAddr>, &str) {
    let start = row.subnet.split(['/', '-']).next().unwrap_or_default();
    let address = start.parse().ok();
    (address.is_none(), address, &row.subnet)
}
