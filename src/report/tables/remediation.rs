//! `remediation.csv`: what to install, over all machines; the most useful first.
//!
//! `findings_closed` counts rows of `findings.csv`, `cves_closed` and `kev_closed` each flaw once,
//! on however many machines it is. A `restart` row has the machines that wait for one, also those of
//! which no finding does.

use super::super::cell::Cell;
use super::super::remediation::Step;
use super::super::{Counts, ReportError};
use super::{Emit, Rows, Table};
use crate::model::{KbId, Restart, RunSummary};
use std::collections::BTreeSet;

pub(super) const TABLE: Table = Table {
    name: "remediation",
    kind: "remediation",
    columns: &[
        "run_id",
        "fix_id",
        "title",
        "product",
        "machines",
        "findings_closed",
        "cves_closed",
        "kev_closed",
        "reboot",
        "prerequisites",
        "supersedes",
        "catalogue_url",
        "download",
    ],
    rows: Rows::Sum(rows),
};

fn rows(run: &RunSummary, counts: &Counts, emit: &mut Emit<'_>) -> Result<(), ReportError> {
    for (id, step) in counts.remediation.steps() {
        emit(&[
            run.id.as_str().into(),
            id.as_str().into(),
            joined(&step.titles).into(),
            list(&step.products),
            Cell::Count(step.machines.into()),
            Cell::Count(step.findings.into()),
            Cell::Count(step.cves() as u128),
            exploited(step),
            Cell::known(step.restart.map(Restart::as_str)),
            list(&step.prerequisites),
            list(&step.supersedes),
            step.kb.map_or(Cell::Empty, |kb| catalogue_url(kb).into()),
            list(&step.downloads),
        ])?;
    }
    Ok(())
}

fn joined(titles: &BTreeSet<String>) -> String {
    let titles: Vec<&str> = titles.iter().map(String::as_str).collect();
    titles.join("; ")
}

fn list(items: &BTreeSet<String>) -> Cell<'static> {
    items.iter().cloned().collect::<Vec<_>>().into()
}

/// How many of its flaws are known to be exploited. No list of such flaws, no zero.
fn exploited(step: &Step) -> Cell<'static> {
    match step.exploited() {
        0 if !step.kev_checked => Cell::Unknown,
        count => Cell::Count(count as u128),
    }
}

/// Where Microsoft's catalogue lists the packages of an article.
fn catalogue_url(kb: KbId) -> String {
    format!("https://www.catalog.update.microsoft.com/Search.aspx?q={kb}")
}
