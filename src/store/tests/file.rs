//! The file: its modes, versions, and damage.

use super::*;
use crate::model::FindingId;
use rusqlite::Connection;
use std::fs;
use std::os::unix::fs::PermissionsExt as _;

#[test]
fn folder_and_files_are_for_their_owner_alone() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("a/b/store.db");
    let store = Store::open(&file).unwrap();
    store.begin_run(new_run(1)).wait().unwrap();
    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(&folder.path().join("a")), 0o700);
    assert_eq!(mode(&folder.path().join("a/b")), 0o700);
    for entry in fs::read_dir(folder.path().join("a/b")).unwrap() {
        let path = entry.unwrap().path();
        assert_eq!(mode(&path), 0o600, "{}", path.display());
    }
}

#[test]
fn closing_the_last_handle_leaves_one_file() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("store.db");
    let store = Store::open(&file).unwrap();
    let other = store.clone();
    store.begin_run(new_run(1)).wait().unwrap();
    drop((store, other));
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    let store = Store::open(&file).unwrap();
    assert_eq!(store.list_runs().wait().unwrap().len(), 1);
}

#[test]
fn a_file_of_version_1_opens_with_everything_in_it() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("store.db");
    let conn = Connection::open(&file).unwrap();
    conn.execute_batch(include_str!("../migrations/0001.sql"))
        .unwrap();
    conn.execute_batch(
        "PRAGMA user_version = 1; PRAGMA application_id = 0x756e6465;
         INSERT INTO run (id, site, kind, state, started, operator, targets, guards, settings, plan, seed,
                          catalog_digest, simulated)
         VALUES ('r-old', 'default', 'scan', 'finished', 1800000000, 'ann', '[]', '[]', '{}', 'p', 1, '', 0);
         INSERT INTO sighting (run, address, port, answer, round_trip_us, tries, seen_at, banner)
         VALUES (1, x'040a000001', 22, 'open', 7, 1, 1800000000, 'SSH-2.0-x');",
    )
    .unwrap();
    drop(conn);
    let store = Store::open(&file).unwrap();
    let run = store.latest_run().wait().unwrap().unwrap();
    assert_eq!(run.summary.id, RunId::new("r-old"));
    assert_eq!(run.summary.programs_digest, "");
    let seen = store.sightings(&run.summary.id).wait().unwrap();
    assert_eq!(seen[0].probe, ProbeKind::Tcp(22));
    assert_eq!(seen[0].banner.as_deref(), Some("SSH-2.0-x"));
    store.begin_run(new_run(1)).wait().unwrap();
}

#[test]
fn what_a_file_of_version_1_remembers_of_findings_is_still_known() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("store.db");
    let conn = Connection::open(&file).unwrap();
    conn.execute_batch(include_str!("../migrations/0001.sql"))
        .unwrap();
    conn.execute_batch(
        "PRAGMA user_version = 1; PRAGMA application_id = 0x756e6465;
         INSERT INTO run (id, site, kind, state, started, operator, targets, guards, settings, plan, seed,
                          catalog_digest, simulated)
         VALUES ('r-old', 'default', 'scan', 'finished', 1800000000, 'ann', '[]', '[]', '{}', 'p', 1, '', 0);
         INSERT INTO machine (number, id, site, founded_kind, founded_value, founded_run, first_seen, last_seen)
         VALUES (1, 'm-1', 'default', 'address', '10.0.0.1', 1, 1800000000, 1800000000),
                (2, 'm-2', 'default', 'address', '10.0.0.2', 1, 1800000000, 1800000000);
         INSERT INTO outcome (run, address, machine, word, services, tags, open_ports, elapsed_ms, finished)
         VALUES (1, x'040a000001', 1, 'scanned_full', '[]', '[]', '[]', 1, 1800000000),
                (1, x'040a000002', 2, 'scanned_full', '[]', '[]', '[]', 1, 1800000000);
         INSERT INTO finding_history (machine, finding_id, product, bulletin, first_seen, last_run, times_seen)
         VALUES (1, 'f-1', 'openssl', 'DSA-1', '2026-01-05', 1, 3),
                (1, 'f-2', 'openssl', 'DSA-2', '2026-02-05', 1, 2),
                (2, 'f-3', 'openssl', 'DSA-1', '2026-03-05', 1, 1);",
    )
    .unwrap();
    drop(conn);
    let store = Store::open(&file).unwrap();
    let report = store.report(&RunId::new("r-old"), ReportOptions::default());
    let report = report.wait().unwrap();
    let known = |place: usize, bulletin: &str| {
        let machine = report.machine(place).unwrap().unwrap();
        let id = FindingId::of(&machine.id, "openssl", &BulletinId::new(bulletin));
        let history = machine.history.get(&id);
        history.map(|one| (one.first_seen.to_string(), one.times_seen))
    };
    let day = |text: &str, times| Some((text.to_owned(), times));
    assert_eq!(known(0, "DSA-1"), day("2026-01-05", 3));
    assert_eq!(known(0, "DSA-2"), day("2026-02-05", 2));
    assert_eq!(known(1, "DSA-1"), day("2026-03-05", 1));
    assert_eq!(known(1, "DSA-2"), None);
}

#[test]
fn many_handles_may_make_the_same_file_at_once() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("store.db");
    std::thread::scope(|scope| {
        for number in 0..8 {
            let file = &file;
            scope.spawn(move || {
                let store = Store::open(file).unwrap();
                store.begin_run(new_run(number)).wait().unwrap();
            });
        }
    });
    let store = Store::open(&file).unwrap();
    assert_eq!(store.list_runs().wait().unwrap().len(), 8);
}

fn open_error(change: impl FnOnce(&Path)) -> StoreError {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("store.db");
    change(&file);
    let before = fs::read(&file).unwrap();
    let error = Store::open(&file).unwrap_err();
    assert!(error.to_string().contains("store.db"), "{error}");
    assert_eq!(fs::read(&file).unwrap(), before, "the file was changed");
    error
}

#[test]
fn a_file_of_a_later_version_is_refused_and_left_alone() {
    let error = open_error(|file| {
        drop(Store::open(file).unwrap());
        let conn = Connection::open(file).unwrap();
        conn.pragma_update(None, "user_version", 99).unwrap();
        conn.pragma_update(None, "journal_mode", "delete").unwrap();
    });
    assert!(
        matches!(error, StoreError::Newer { found: 99, .. }),
        "{error}"
    );
}

#[test]
fn another_programs_database_is_refused_and_left_alone() {
    let error = open_error(|file| {
        let conn = Connection::open(file).unwrap();
        conn.execute_batch("CREATE TABLE t (a)").unwrap();
    });
    assert!(matches!(error, StoreError::Foreign { .. }), "{error}");
}

#[test]
fn what_is_no_database_is_refused_and_left_alone() {
    let error = open_error(|file| fs::write(file, "not a database\n".repeat(500)).unwrap());
    assert!(matches!(error, StoreError::Corrupt { .. }), "{error}");
}

#[test]
fn a_folder_that_cannot_be_made_is_named() {
    let error = Store::open(Path::new("/proc/nowhere/store.db")).unwrap_err();
    assert!(error.to_string().contains("/proc/nowhere"), "{error}");
}

/// Commits a host, lets SQL spoil the file, and reads the machine.
fn after(damage: &str) -> Result<Option<crate::model::MachineRecord>, StoreError> {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("store.db");
    let store = Store::open(&file).unwrap();
    store.begin_run(new_run(1)).wait().unwrap();
    let _ = store
        .commit_host(&run_id(1), commit(read(1, 1, 1, None)))
        .wait()
        .unwrap();
    Connection::open(&file)
        .unwrap()
        .execute_batch(damage)
        .unwrap();
    let report = store
        .report(&run_id(1), ReportOptions::default())
        .wait()
        .unwrap();
    report.machine(0)
}

#[test]
fn damaged_values_are_errors_that_name_the_file() {
    assert!(after("SELECT 1").unwrap().is_some());
    for damage in [
        "UPDATE blob SET body = zeroblob(10)",
        "UPDATE blob SET body = substr(body, 1, length(body) - 9)",
        "UPDATE blob SET size = 1 << 60",
        "UPDATE blob SET size = -1",
        "UPDATE blob SET size = 3",
        "UPDATE blob SET kind = 'findings'",
        "UPDATE outcome SET services = '{'",
        "UPDATE outcome SET failure = '[]'",
        "UPDATE access SET code = 'nonsense'",
        "UPDATE access SET port = 70000",
        "UPDATE finding_history SET first_seen = 'never'",
        "PRAGMA foreign_keys = off; UPDATE outcome SET inventory = x'00'",
        "PRAGMA foreign_keys = off; DELETE FROM blob",
    ] {
        let error = after(damage).expect_err(damage);
        assert!(
            matches!(error, StoreError::Corrupt { .. }),
            "{damage}: {error}"
        );
        assert!(error.to_string().contains("store.db"), "{error}");
    }
}
