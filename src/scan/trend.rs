//! The runs before a run, in a few figures each.
//!
//! Verdicts of identical machines are stored once, and those of a machine that has not changed are the same in every
//! run: each is read once, however many machines of however many runs have it.

use super::source::artefacts;
use super::{RunError, changes};
use crate::model::{RunId, RunSummary, TrendPoint, TrendSums};
use crate::store::{Digest, RunRecord, RunState, Store};
use std::collections::{BTreeMap, BTreeSet};

/// How many runs are told of, with the one in question.
const RUNS: usize = 12;

/// What lists of verdicts come to.
type Known = BTreeMap<Digest, TrendSums>;

/// A run and those before it that can be set beside it: finished, of the same site, kind and targets. The earliest
/// comes first. One that cannot be read is there without figures. Blocks.
pub fn trend(store: &Store, run: &RunId) -> Result<Vec<TrendPoint>, RunError> {
    let all = store.list_runs().wait()?;
    let Some(this) = all.iter().find(|one| one.summary.id == *run) else {
        return Ok(Vec::new());
    };
    let own = targets(&this.summary);
    let same = changes::earlier(&all, &this.summary).filter(|one| {
        one.state == RunState::Finished
            && one.summary.kind == this.summary.kind
            && targets(&one.summary) == own
    });
    let mut runs: Vec<&RunRecord> = std::iter::once(this).chain(same).take(RUNS).collect();
    runs.reverse();
    let mut known = Known::new();
    let points = runs.into_iter().map(|run| TrendPoint {
        run: run.summary.id.clone(),
        started: run.summary.started,
        sums: sums(store, run, &mut known).ok(),
    });
    Ok(points.collect())
}

/// What was to be looked at, in whatever order it was given.
fn targets(run: &RunSummary) -> BTreeSet<&str> {
    run.targets.iter().map(String::as_str).collect()
}

fn sums(store: &Store, run: &RunRecord, known: &mut Known) -> Result<TrendSums, RunError> {
    let machines = store.tally(&run.summary.id).wait()?;
    let nobody = artefacts(store, run)?;
    let mut sums = TrendSums {
        is_judged: !run.summary.catalog_digest.is_empty(),
        ..TrendSums::default()
    };
    let mut times = BTreeMap::<Digest, u64>::new();
    for machine in machines {
        if machine
            .addresses
            .iter()
            .all(|address| nobody.contains(address))
        {
            continue;
        }
        sums.machines += 1;
        sums.read += u64::from(machine.is_read);
        if let Some(digest) = machine.findings {
            *times.entry(digest).or_default() += 1;
        }
    }
    for (digest, machines) in times {
        if !known.contains_key(&digest) {
            let findings = store.findings(digest).wait()?;
            known.insert(digest, TrendSums::of(&findings));
        }
        if let Some(of_one) = known.get(&digest) {
            sums.add(of_one, machines);
        }
    }
    Ok(sums)
}
