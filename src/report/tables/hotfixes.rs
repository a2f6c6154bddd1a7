//! `hotfixes.csv`: the updates that a Windows knows of, in whatever state, with who says so. One row
//! per machine and update; other systems have none.
//!
//! A row is what the host's own records say, not a verdict: what is missing is in `findings.csv`.
//! Only where a verdict found that the files belie the record is the state `inconsistent`.
//!
//! `superseded_by` is the newest installed package of the same series (`RollupFix`,
//! `ServicingStack`, …), of which each holds all that the earlier ones brought. The package store
//! says of any other only that it was replaced, and not by which: that is `unknown`.

use super::super::ReportError;
use super::super::cell::Cell;
use super::super::counts::state_of;
use super::{Emit, Rows, Table, View, machine_columns};
use crate::model::{Hotfix, HotfixSource, HotfixState};
use crate::version::DpkgVersion;

pub(super) const TABLE: Table = Table {
    name: "hotfixes",
    says: "one row per Windows machine and update that it knows of, as its own records say",
    kind: "hotfix",
    columns: machine_columns![
        Text "update_id" = "KB number or name of the package",
        Text "title" = "what it is, in words",
        Text "kind" = "what sort of update it is",
        Text "state" = "installed, staged, pending_reboot, superseded, inconsistent or removed",
        Day "installed_on_date" = "the day on which it was installed",
        Text "installed_by" = "the account that installed it",
        List "seen_in" = "which records know of it: qfe, cbs, wua, …",
        Text "superseded_by" = "the newest installed package of the same series",
    ],
    rows: Rows::Machine(rows),
};

fn rows(view: &View<'_>, emit: &mut Emit<'_>) -> Result<(), ReportError> {
    let windows = view.windows();
    let hotfixes = windows.and_then(|windows| windows.hotfixes.known());
    let mut hotfixes: Vec<&Hotfix> = hotfixes.into_iter().flatten().collect();
    hotfixes.sort_by_key(|hotfix| (hotfix.kb, &hotfix.id, hotfix.state.as_str()));
    let [run, machine, name, ip] = view.lead(view.first_address());
    for hotfix in &hotfixes {
        emit(&[
            run.clone(),
            machine.clone(),
            name.clone(),
            ip.clone(),
            (&hotfix.id).into(),
            Cell::known(hotfix.title.as_deref()),
            Cell::known(hotfix.kind.as_deref()),
            state_of(hotfix, &view.machine.findings).as_str().into(),
            installed_on(hotfix),
            installed_by(view, hotfix),
            seen_in(&hotfix.seen_in).into(),
            superseded_by(hotfix, &hotfixes),
        ])?;
    }
    Ok(())
}

/// Whether it has been put in, and so has a day and an author, known or not.
fn went_in(hotfix: &Hotfix) -> bool {
    !matches!(hotfix.state, HotfixState::Staged | HotfixState::Removed)
}

fn installed_on(hotfix: &Hotfix) -> Cell<'static> {
    match hotfix.day() {
        None if !went_in(hotfix) => Cell::Empty,
        day => Cell::day(day),
    }
}

fn installed_by<'a>(view: &View<'_>, hotfix: &'a Hotfix) -> Cell<'a> {
    match &hotfix.installed_by {
        _ if view.options.no_users => Cell::Empty,
        None if !went_in(hotfix) => Cell::Empty,
        account => Cell::known(account.as_deref()),
    }
}

fn seen_in(sources: &[HotfixSource]) -> Vec<String> {
    let words = sources.iter().map(|source| source.as_str().to_owned());
    words.collect()
}

fn superseded_by<'a>(hotfix: &Hotfix, all: &[&'a Hotfix]) -> Cell<'a> {
    if hotfix.state != HotfixState::Superseded {
        return Cell::Empty;
    }
    let Some((series, build)) = place_in_series(hotfix) else {
        return Cell::Unknown;
    };
    let installed = all
        .iter()
        .filter(|one| one.state == HotfixState::Installed)
        .filter_map(|one| Some((place_in_series(one)?, one)));
    let later = installed.filter(|((other, later), _)| *other == series && *later > build);
    let newest = later.max_by_key(|((_, build), _)| *build);
    Cell::known(newest.map(|(_, one)| one.id.as_str()))
}

/// The name that a package shares with those that follow it, and its build, in the order of dotted
/// numbers. `None` for an update that is known by its article: that names no series.
fn place_in_series(hotfix: &Hotfix) -> Option<(&str, DpkgVersion<'_>)> {
    let build = hotfix.build.as_deref().filter(|_| hotfix.kb.is_none())?;
    let (series, _) = hotfix.id.rsplit_once(' ')?;
    Some((series, DpkgVersion::parse(build)?))
}
