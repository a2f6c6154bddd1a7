//! Runs that go.

use super::*;
use crate::model::KnownList;

fn list(name: &str) -> KnownList {
    KnownList {
        name: name.into(),
        kind: crate::model::ListKind::Cmdb,
        vouches: Vec::new(),
        as_of: None,
        records: Vec::new(),
    }
}

fn counts(store: &Store) -> [i64; 6] {
    const TABLES: [&str; 6] = [
        "blob",
        "known_list",
        "outcome",
        "access",
        "finding_history",
        "pin",
    ];
    let count = store.thread.ask(|db| {
        db.read(|tx| {
            let count = |table| {
                tx.query_row(&format!("SELECT count(*) FROM {table}"), [], |row| {
                    row.get(0)
                })
            };
            let counts: Result<Vec<i64>, _> = TABLES.iter().map(count).collect();
            Ok(counts?)
        })
    });
    count.wait().unwrap().try_into().unwrap()
}

#[test]
fn what_only_a_deleted_run_had_goes_and_what_others_need_stays() {
    let (store, first) = store();
    store.begin_run(new_run(2)).wait().unwrap();
    let second = run_id(2);
    for (run, machine) in [(&first, 1), (&first, 2), (&second, 1)] {
        let done = store.commit_host(run, commit(read(machine.into(), machine, 1, Some(machine))));
        let _ = done.wait().unwrap();
    }
    store
        .keep_lists(&first, vec![list("both"), list("first")])
        .wait()
        .unwrap();
    store
        .keep_lists(&second, vec![list("both")])
        .wait()
        .unwrap();
    // Two inventories, and one list of findings that all have.
    assert_eq!(counts(&store), [3, 2, 3, 6, 2, 0]);
    for run in [&first, &second] {
        let at = time("2027-02-01T00:00:00Z");
        store
            .finish_run(run, RunState::Complete, at)
            .wait()
            .unwrap();
    }
    let deleted = store.delete_runs(vec![first.clone()]).wait().unwrap();
    assert_eq!(
        deleted,
        Deleted {
            runs: 1,
            blobs: 1,
            lists: 1
        }
    );
    // Of both machines it is remembered since when their findings are known.
    assert_eq!(counts(&store), [2, 1, 1, 2, 2, 0]);
    assert!(store.load_run(&first).wait().is_err());
    let report = store
        .report(&second, ReportOptions::default())
        .wait()
        .unwrap();
    let machine = report.machine(0).unwrap().unwrap();
    assert_eq!(machine.history.values().next().unwrap().times_seen, 2);
    assert_eq!(machine.first_seen, new_run(1).summary.started.date());
    // What was taken away can be written again by the same process.
    let again = store.commit_host(&second, commit(read(2, 2, 1, Some(2))));
    let _ = again.wait().unwrap();
    assert_eq!(counts(&store)[0], 3);
}

#[test]
fn where_one_run_is_not_there_none_is_deleted() {
    let (store, first) = store();
    let both = vec![first.clone(), run_id(9)];
    assert!(matches!(
        store.delete_runs(both).wait(),
        Err(StoreError::NoSuchRun { .. })
    ));
    assert!(store.load_run(&first).wait().is_ok());
}

fn run(number: u32, site: &str, kind: &str, state: RunState) -> RunRecord {
    let new = new_run(number);
    RunRecord {
        summary: RunSummary {
            site: site.into(),
            kind: kind.into(),
            state,
            ..new.summary
        },
        settings: new.settings,
        plan_fingerprint: String::new(),
        seed: 0,
        mark: 0,
    }
}

#[test]
fn old_runs_go_and_the_latest_of_each_site_and_kind_and_what_can_be_resumed_stay() {
    use RunState::{Complete, Interrupted, Running};
    let all = [
        run(1, "a", "scan", Complete),
        run(2, "a", "scan", Interrupted),
        run(3, "a", "scan", Complete),
        run(4, "b", "scan", Complete),
        run(5, "a", "sweep", Complete),
        run(6, "a", "scan", Complete),
        run(7, "a", "scan", Running),
    ];
    let now = new_run(100).summary.started;
    let old = |runs, days| -> Vec<String> {
        let gone = outdated(&all, Retention { runs, days }, now);
        gone.iter().map(ToString::to_string).collect()
    };
    assert!(old(None, None).is_empty());
    assert_eq!(old(Some(1), None), ["r-1", "r-3"]);
    assert_eq!(old(Some(2), None), ["r-1"]);
    assert_eq!(old(None, Some(98)), ["r-1"]);
    assert_eq!(old(None, Some(0)), ["r-1", "r-3"]);
    assert_eq!(old(Some(5), Some(97)), ["r-1"]);
    assert_eq!(old(Some(0), None), ["r-1", "r-3"]);
}
