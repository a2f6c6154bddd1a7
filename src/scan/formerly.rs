//! Machines that a run and those before it met and did not read: who they are is known by whoever read them last.

use super::RunError;
use crate::classify::{self, Policy, Sighted};
use crate::identify;
use crate::model::{Clue, MachineRecord, RunId, RunSummary, UtcTime};
use crate::store::{LastRead, ReportOptions, Store};

/// How many readings are in memory at a time.
const TOGETHER: usize = 64;

/// The last readings of machines that were not read in the run `before` or after it, numbered on from the runs
/// that were looked at. As long ago as any day of the policy's classes counts.
pub(super) fn formerly(
    store: &Store,
    run: &RunSummary,
    (before, looked_at): (&RunId, u32),
    (policy, no_merge): (&Policy, bool),
) -> Result<Vec<Sighted>, RunError> {
    let days = policy.assessed_days.max(policy.patched_days);
    let days = days.max(policy.stale_days).saturating_mul(86_400);
    let asked = LastRead {
        run: run.id.clone(),
        before: before.clone(),
        since: UtcTime::from_unix(run.started.unix().saturating_sub(days)),
        options: ReportOptions { no_merge },
    };
    let readings = store.last_readings(asked).wait()?;
    let mut sighted = Vec::with_capacity(readings.len());
    let (mut number, mut age) = (looked_at, None);
    for some in readings.chunks(TOGETHER) {
        let records = store.last_read(some.to_vec()).wait()?;
        for (reading, mut record) in some.iter().zip(records) {
            // Each run that read any of them has a number.
            if age.is_some_and(|age| age != reading.age) {
                number = number.saturating_add(1);
            }
            age = Some(reading.age);
            show(&mut record);
            sighted.push(classify::sighted(&record, number));
        }
    }
    Ok(sighted)
}

/// What it showed makes it what it seems to be.
fn show(machine: &mut MachineRecord) {
    let clues: Vec<Clue> = machine.clues.iter().map(|(_, clue)| clue.clone()).collect();
    let mut open: Vec<u16> = machine.services.iter().map(|(_, one)| one.port).collect();
    open.sort_unstable();
    open.dedup();
    machine.fingerprint = identify::fingerprint(&clues, &open, machine.last_seen.date());
}
