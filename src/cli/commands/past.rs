//! What a run read, to be judged as of a past day.

use super::super::config::Settings;
use super::super::{Stop, complain, output};
use crate::model::{Date, MachineRecord, RunId, RunSummary};
use crate::scan::{GivenHost, RunKind};
use crate::store::{ReportOptions, RunReport, Store};
use std::net::Ipv4Addr;
use std::sync::Arc;

/// The run that tells what was installed on a day: the named one, else the latest scan of the site that began by
/// then.
pub(super) fn run(
    settings: &Settings,
    store: &Store,
    (named, day): (Option<&str>, Date),
) -> Result<RunSummary, Stop> {
    if named.is_some() {
        let id = output::find_whole_run(store, named)?;
        let run = store.load_run(&id).wait();
        let run = run.map_err(|error| Stop::failed(&error))?.summary;
        if run.started.date() > day {
            complain(&format!(
                "run {id} read its machines on {}, after {day}: what was installed in between shows as installed, \
                 and what was there before does not show",
                run.started.date()
            ));
        }
        return Ok(run);
    }
    let runs = store.list_runs().wait();
    let runs = runs.map_err(|error| Stop::failed(&error))?;
    let mut runs = runs.into_iter().rev().map(|run| run.summary);
    let found = runs.find(|run| {
        run.kind == RunKind::Scan.as_str() && run.site == settings.site && run.started.date() <= day
    });
    found.ok_or_else(|| {
        Stop::usage(format!(
            "no scan of site {} began by {day}, so nobody knows what was installed then; name a RUN to take what it \
             read instead",
            settings.site
        ))
    })
}

/// The machines that a run read, one after another.
pub(super) fn hosts(
    store: &Store,
    run: &RunId,
    no_merge: bool,
) -> Result<impl Iterator<Item = Result<GivenHost, Stop>> + use<>, Stop> {
    let report: RunReport = store
        .report(run, ReportOptions { no_merge })
        .wait()
        .map_err(|error| Stop::failed(&error))?;
    let machines = 0..report.machine_ids().len();
    Ok(
        machines.filter_map(move |place| match report.machine(place) {
            Ok(machine) => host(machine?).map(Ok),
            Err(error) => Some(Err(Stop::failed(&error))),
        }),
    )
}

/// A machine with what was read from it; `None` where nothing was.
fn host(machine: MachineRecord) -> Option<GivenHost> {
    let inventory = machine.inventory?;
    let address = machine.addresses.first().copied();
    Some(GivenHost {
        address: address.unwrap_or(Ipv4Addr::UNSPECIFIED.into()),
        name: machine.target_name.map(Arc::from),
        tags: machine.tags.into(),
        inventory: Arc::unwrap_or_clone(inventory),
    })
}
