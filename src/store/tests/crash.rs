//! Killed at any moment, the store holds a host wholly or not at all.

use super::*;
use std::env;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

const FILE: &str = "UNDERDESK_TEST_STORE";

/// Not a test of its own: the process that is killed.
#[test]
#[ignore = "run by the test below, which kills it"]
fn commits_hosts_until_it_is_killed() {
    let Some(file) = env::var_os(FILE).map(PathBuf::from) else {
        return;
    };
    let store = Store::open(&file).unwrap();
    let finished = store.finished_addresses(&run_id(1)).wait().unwrap();
    for last in (0..5000).filter(|last| !finished.contains(&address(*last))) {
        let mut outcome = read(last, 1, 1, None);
        let packages = (0..50).map(|number| package(&format!("p{number}-{last}")));
        outcome.inventory.as_mut().unwrap().packages = Observed::Known(packages.collect());
        let _ = store
            .commit_host(&run_id(1), commit(outcome))
            .wait()
            .unwrap();
    }
}

#[test]
fn a_host_is_there_wholly_or_not_at_all_after_kill_9() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("store.db");
    let store = Store::open(&file).unwrap();
    store.begin_run(new_run(1)).wait().unwrap();
    let mut before = 0;
    for round in 0..4_u64 {
        let mut child = Command::new(env::current_exe().unwrap())
            .args([
                "--ignored",
                "--exact",
                "store::tests::crash::commits_hosts_until_it_is_killed",
            ])
            .env(FILE, &file)
            .stdout(Stdio::null())
            .spawn()
            .unwrap();
        let begun = Instant::now();
        while store.finished_addresses(&run_id(1)).wait().unwrap().len() < before + 5 {
            assert!(begun.elapsed() < Duration::from_mins(1), "it does nothing");
            std::thread::sleep(Duration::from_millis(3 + round));
        }
        child.kill().unwrap();
        child.wait().unwrap();
        before = whole(&file);
    }
    let report = store
        .report(&run_id(1), ReportOptions::default())
        .wait()
        .unwrap();
    assert_eq!(report.machine_ids().len(), 1);
}

/// Reads everything; says how many hosts there are.
fn whole(file: &Path) -> usize {
    let store = Store::open(file).unwrap();
    let options = ReportOptions { no_merge: true };
    let report = store.report(&run_id(1), options).wait().unwrap();
    let mut hosts = 0;
    let mut visit = |record: &crate::model::MachineRecord| {
        let packages = record.inventory.as_ref().unwrap().packages.known().unwrap();
        assert_eq!(packages.len(), 50);
        assert_eq!((record.access.len(), record.findings.len()), (2, 1));
        assert_eq!(record.history.values().next().unwrap().times_seen, 1);
        hosts += 1;
        Ok(())
    };
    report.visit(&mut visit).unwrap();
    assert_eq!(
        store.finished_addresses(&run_id(1)).wait().unwrap().len(),
        hosts
    );
    hosts
}

#[test]
fn a_host_that_cannot_be_written_whole_leaves_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("store.db");
    let store = Store::open(&file).unwrap();
    store.begin_run(new_run(1)).wait().unwrap();
    let other = rusqlite::Connection::open(&file).unwrap();
    // The last thing that a commit writes.
    other
        .execute_batch(
            "CREATE TRIGGER t BEFORE INSERT ON pin BEGIN SELECT raise(abort, 'no'); END;",
        )
        .unwrap();
    let mut host = commit(read(1, 1, 1, None));
    host.pins = vec![Pin {
        site: "default".into(),
        host: "h".into(),
        port: 22,
        key: key("k"),
        public_key: String::new(),
        source: "first_use".into(),
        at: host.finished,
    }];
    assert!(store.commit_host(&run_id(1), host.clone()).wait().is_err());
    for table in [
        "outcome",
        "access",
        "blob",
        "machine",
        "machine_key",
        "finding_history",
    ] {
        let count: i64 = other
            .query_row(&format!("SELECT count(*) FROM {table}"), [], |row| {
                row.get(0)
            })
            .unwrap();
        assert_eq!(count, 0, "{table}");
    }
    other.execute_batch("DROP TRIGGER t").unwrap();
    let _ = store.commit_host(&run_id(1), host).wait().unwrap();
    assert_eq!(store.pins("default").wait().unwrap().len(), 1);
}
