//! `coverage.csv`: what became of every address in scope. Its sums equal the scope.

use super::super::cell::Cell;
use super::super::{ReportError, ReportSource};
use super::{Emit, Rows, Table, columns};
use crate::model::CoverageRow;
use std::net::IpAddr;

pub(super) const TABLE: Table = Table {
    name: "coverage",
    says: "what became of every address in scope, one row per subnet; the sums equal the scope",
    kind: "coverage",
    columns: columns![
        Text "run_id" = "the run that the row is of",
        Text "subnet" = "the /24, /64 or line of the targets; a name among them that has no address",
        Count "in_scope" = "addresses that the targets name",
        Count "excluded" = "addresses left out because an exclusion or never_scan names them, or because they are the network or broadcast address of an IPv4 block",
        Count "swept" = "addresses that were asked whether they are there",
        Count "answered" = "swept addresses that answered",
        Count "silent" = "swept addresses that did not answer",
        Count "not_begun" = "addresses that the run did not come to",
        Count "assessed" = "addresses whose machine was logged in to and read",
        Percent "probes_lost_percent" =
            "how many in a hundred probes to hosts known to live went unanswered while the subnet was swept",
        Time "started_utc" = "when its sweep began",
        Time "finished_utc" = "when its sweep ended",
        List "searched_by" = "of a block too large to be swept: how its machines were looked for",
        Text "no_address" = "of a name among the targets: why it has no address; nobody was looked for there",
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
            row.no_address.as_deref().map_or(Cell::Empty, Cell::from),
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
