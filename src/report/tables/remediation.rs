//! `remediation.csv`: what to install, over all machines; the most useful first.
//!
//! By exploited flaws, then flaws, then machines, of the machines on which a step can be done as things are. Where
//! packages are held or a subscription is needed, `prerequisites` says so; what can be done nowhere as things are
//! comes last. An update that another one of the same machine replaces is not asked for there.
//!
//! `findings_closed` counts rows of `findings.csv`, `cves_closed` and `kev_closed` each flaw once,
//! on however many machines it is. A `restart` row has the machines that wait for one, also those of
//! which no finding does. `download_size`, `download_hash` and `silent_switch` are in the order of `download`.

use super::super::cell::Cell;
use super::super::remediation::Step;
use super::super::{Counts, ReportError};
use super::{Emit, Rows, Table, columns};
use crate::model::{KbId, RemedyFile, Restart, RunSummary};
use std::collections::BTreeSet;

pub(super) const TABLE: Table = Table {
    name: "remediation",
    says: "one row per update to install, over all machines; the most useful first",
    kind: "remediation",
    columns: columns![
        Text "run_id" = "the run that the row is of",
        Text "fix_id" = "the update, package or restart",
        Text "title" = "what it is",
        List "product" = "the products that it is for",
        Count "machines" = "machines that need it",
        Count "findings_closed" = "findings that it would close",
        Count "cves_closed" = "flaws that it would close, each once",
        Count "kev_closed" = "those of them that are known to be exploited",
        Text "reboot" = "whether it needs a restart",
        List "prerequisites" =
            "what must be there or be done before: updates, a subscription, the release of packages that are held",
        List "supersedes" = "what it replaces",
        Text "catalogue_url" = "where the publisher's catalogue lists its packages",
        List "download" = "addresses of its files, or of the page that has them (then there is no size or hash)",
        List "download_size" = "their sizes in bytes, in the order of download",
        List "download_hash" = "their hashes, in the order of download",
        List "silent_switch" = "what makes their installers ask nothing, in the order of download",
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
            Cell::Count(step.machines().into()),
            Cell::Count(step.findings().into()),
            Cell::Count(step.cves() as u128),
            exploited(step),
            Cell::known(step.restart.map(Restart::as_str)),
            step.needs().into(),
            list(&step.supersedes),
            step.kb.map_or(Cell::Empty, |kb| catalogue_url(kb).into()),
            list(&step.downloads),
            sizes(&step.downloads, &step.files),
            hashes(&step.downloads, &step.files),
            switches(&step.downloads, &step.files),
        ])?;
    }
    Ok(())
}

/// The bytes of the files at some addresses, in their order.
pub(in crate::report) fn sizes<'a>(
    urls: impl IntoIterator<Item = &'a String>,
    files: &BTreeSet<RemedyFile>,
) -> Cell<'static> {
    beside(urls, files, |file| file.size.map(|size| size.to_string()))
}

/// Their hashes.
pub(in crate::report) fn hashes<'a>(
    urls: impl IntoIterator<Item = &'a String>,
    files: &BTreeSet<RemedyFile>,
) -> Cell<'static> {
    beside(urls, files, |file| file.hash.clone())
}

/// What makes their installers ask nothing.
pub(in crate::report) fn switches<'a>(
    urls: impl IntoIterator<Item = &'a String>,
    files: &BTreeSet<RemedyFile>,
) -> Cell<'static> {
    beside(urls, files, |file| file.silent.clone())
}

fn beside<'a>(
    urls: impl IntoIterator<Item = &'a String>,
    files: &BTreeSet<RemedyFile>,
    what: impl Fn(&RemedyFile) -> Option<String>,
) -> Cell<'static> {
    let said = RemedyFile::beside(urls, files, what);
    if said.is_empty() {
        return Cell::Empty;
    }
    said.into()
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
