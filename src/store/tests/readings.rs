//! The last reading of a machine that no recent run has read.

use super::*;
use crate::store::LastRead;

/// A machine that is read in the first run, and meets every login after it with a refusal.
fn refused(runs: u32) -> (Store, MachineId) {
    let store = Store::in_memory().unwrap();
    store.begin_run(new_run(1)).wait().unwrap();
    let reads = read(1, 1, 1, Some(3));
    let id = store.commit_host(&run_id(1), commit(reads)).wait().unwrap();
    for number in 2..=runs {
        store.begin_run(new_run(number)).wait().unwrap();
        let refuses = HostOutcome {
            host_key: Some(key("k1")),
            ..bare(1)
        };
        let met = store.commit_host(&run_id(number), commit(refuses));
        assert_eq!(met.wait().unwrap(), id);
    }
    (store, id)
}

/// The ids and runs of those that were read before a run, and not in it or later.
fn last(store: &Store, (run, before): (u32, u32), days: i64, no_merge: bool) -> Vec<MachineId> {
    let since = new_run(run).summary.started.unix() - days * 86_400;
    let asked = LastRead {
        run: run_id(run),
        before: run_id(before),
        since: UtcTime::from_unix(since),
        options: ReportOptions { no_merge },
    };
    let readings = store.last_readings(asked).wait().unwrap();
    let records = store.last_read(readings).wait().unwrap();
    assert!(records.iter().all(|record| record.inventory.is_some()));
    records.into_iter().map(|record| record.id).collect()
}

#[test]
fn whoever_was_read_before_the_runs_that_are_looked_at_is_found_however_many_they_are() {
    let (store, id) = refused(20);
    assert_eq!(last(&store, (20, 13), 90, false), std::slice::from_ref(&id));
    assert_eq!(last(&store, (9, 2), 90, false), [id]);
    let at = MachineId::from_key("default", "address", "10.0.0.1");
    assert_eq!(last(&store, (20, 13), 90, true), [at]);
    // The first run is among those that are looked at, or too long ago.
    assert!(last(&store, (8, 1), 90, false).is_empty());
    assert!(last(&store, (20, 13), 18, false).is_empty());
    // Read again, it needs nobody's word.
    store.begin_run(new_run(21)).wait().unwrap();
    let again = store.commit_host(&run_id(21), commit(read(1, 1, 2, Some(3))));
    again.wait().unwrap();
    assert!(last(&store, (21, 14), 90, false).is_empty());
    assert_eq!(last(&store, (20, 13), 90, false).len(), 1);
}
