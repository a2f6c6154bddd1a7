//! Hosts that answered, and that a run which is not complete has no outcome of: it was stopped or killed, or goes on.
//! They are no silence, and no machine that is gone.

use super::super::behind::described;
use super::super::standings::Swept;
use super::seen::Seen;
use super::stored;
use crate::model::{
    AccessRecord, HostFailure, HostOutcome, HostTrust, Protocol, ResultCode, RunState, UtcTime,
};
use crate::scan::{RunError, RunKind};
use crate::store::{RunRecord, Store};
use std::collections::BTreeSet;
use std::net::IpAddr;

/// What is said of each. How the run ended makes no difference to a host.
const WHY: &str = "the run ended, or has not got so far, before this host was done";

/// Such hosts, given the addresses that have an outcome: each with what is said of it, and when it answered last.
pub(super) fn left(
    swept: &Swept,
    seen: &Seen,
    done: &BTreeSet<IpAddr>,
) -> Vec<(HostOutcome, UtcTime)> {
    let alive = seen.alive();
    let alive =
        alive.filter(|(address, _)| !done.contains(address) && is_in_scope(swept, *address));
    alive
        .map(|(address, at)| (outcome(swept, address), at))
        .collect()
}

/// The addresses of such hosts in a stored run, given those that have an outcome.
pub(in crate::scan) fn left_in(
    store: &Store,
    run: &RunRecord,
    done: &BTreeSet<IpAddr>,
) -> Result<BTreeSet<IpAddr>, RunError> {
    if run.summary.state == RunState::Complete {
        return Ok(BTreeSet::new());
    }
    let Some(swept) = stored(run.settings.clone(), run.mark)? else {
        return Ok(BTreeSet::new());
    };
    let seen = Seen::of(store.sightings(&run.summary.id).wait()?);
    let hosts = left(&swept, &seen, done).into_iter();
    Ok(hosts.map(|(outcome, _)| outcome.host.address).collect())
}

/// Whether an address was not taken out of the run since it began.
fn is_in_scope(swept: &Swept, address: IpAddr) -> bool {
    let index = swept.sweep.addresses().index_of(address);
    index.is_some_and(|index| !swept.sweep.is_excluded(index))
}

fn outcome(swept: &Swept, address: IpAddr) -> HostOutcome {
    let access = AccessRecord {
        protocol: Protocol::Ssh,
        port: None,
        credential: None,
        attempted: false,
        code: ResultCode::Interrupted,
        detail: WHY.to_owned(),
        trust: HostTrust::None,
        elapsed_ms: 0,
    };
    HostOutcome {
        host: described(&swept.targets, address, Vec::new()),
        host_key: None,
        inventory: None,
        credential: None,
        failure: Some(HostFailure::not_begun(
            ResultCode::Interrupted,
            WHY.to_owned(),
        )),
        access: match swept.plan.kind {
            RunKind::Sweep => Vec::new(),
            _ => vec![access],
        },
        services: Vec::new(),
        clues: Vec::new(),
        elapsed_ms: 0,
    }
}
