//! What is kept of the updates of machines.

use super::*;
use crate::model::{
    PackageAction, PackageChange, PackageLog, Trail, TrailAction, TrailEvent, TrailSource,
    UnixFacts, When,
};
use proptest::prelude::*;

/// A host that was read, with one package at a version and a log of changes.
fn host(machine: u8, version: u8, log: &[i64]) -> HostOutcome {
    let mut host = read(machine.into(), machine, 1, Some(machine));
    let inventory = host.inventory.as_mut().unwrap();
    let mut bash = package("bash");
    bash.version = version.to_string();
    inventory.packages = Observed::Known(vec![bash]);
    let changes = log.iter().map(|day| PackageChange {
        at: UtcTime::from_unix(1_790_000_000 + day * 86_400),
        package: format!("p{day}"),
        action: PackageAction::Upgraded,
        from: Some("1".into()),
        to: Some("2".into()),
        by: Some("ada".into()),
        command: None,
        log: Some(PackageLog::Apt),
    });
    inventory.unix = Some(Box::new(UnixFacts {
        history: Observed::Known(changes.collect()),
        ..UnixFacts::default()
    }));
    host
}

/// Reads a host in a run of its own, an hour after it began.
fn add(store: &Store, number: u32, host: HostOutcome) -> MachineId {
    if store.load_run(&run_id(number)).wait().is_err() {
        store.begin_run(new_run(number)).wait().unwrap();
    }
    let began = new_run(number).summary.started.unix();
    let commit = HostCommit {
        finished: UtcTime::from_unix(began + 3_600),
        ..commit(host)
    };
    store.commit_host(&run_id(number), commit).wait().unwrap()
}

fn trail(store: &Store, number: u32, machine: &MachineId) -> Trail {
    let report = store.report(&run_id(number), ReportOptions::default());
    report
        .wait()
        .unwrap()
        .trail(machine)
        .unwrap()
        .unwrap_or_default()
}

fn words(trail: &Trail) -> Vec<String> {
    let word = |event: &TrailEvent| {
        let versions = [&event.before, &event.after];
        let versions = versions.map(|one| one.clone().unwrap_or_default());
        format!(
            "{} {} {} {}",
            event.update,
            versions.join(">"),
            event.source.as_str(),
            event.first.run
        )
    };
    trail.events().iter().map(word).collect()
}

#[test]
fn what_was_told_outlives_the_log_and_the_runs() {
    let store = Store::in_memory().unwrap();
    let machine = add(&store, 1, host(1, 1, &[1, 2]));
    add(&store, 2, host(1, 1, &[2, 3]));
    // The log was cut, and the package came without a word in it.
    add(&store, 3, host(1, 2, &[]));
    let expected = [
        "p1 1>2 apt r-1",
        "p2 1>2 apt r-1",
        "p3 1>2 apt r-2",
        "bash 1>2 runs r-3",
    ];
    let told = trail(&store, 3, &machine);
    assert_eq!(words(&told), expected);
    let last = told.events().last().unwrap();
    let [from, to] = [2, 3].map(|run| {
        let began = new_run(run).summary.started.unix();
        UtcTime::from_unix(began + 3_600)
    });
    assert_eq!(last.when, When::Between(from, to));
    assert_eq!(last.action, TrailAction::Upgraded);
    assert_eq!(last.source, TrailSource::Runs);
    let at = time("2027-02-01T00:00:00Z");
    for run in [1, 2] {
        let finished = store.finish_run(&run_id(run), RunState::Complete, at);
        finished.wait().unwrap();
    }
    store
        .delete_runs(vec![run_id(1), run_id(2)])
        .wait()
        .unwrap();
    assert_eq!(words(&trail(&store, 3, &machine)), expected);
    // A run shows what was known when it began.
    assert_eq!(
        trail(&store, 3, &machine)
            .shown(new_run(2).summary.started)
            .len(),
        3
    );
}

#[test]
fn machines_that_turn_out_to_be_one_have_one_trail() {
    let store = Store::in_memory().unwrap();
    let booted = |boot: &str, log: &[i64]| {
        let mut host = host(7, 1, log);
        let identity = &mut host.inventory.as_mut().unwrap().identity;
        identity.interfaces = Observed::Known(Vec::new());
        identity.boot_id = Observed::Known(boot.repeat(16));
        host
    };
    let machine = add(&store, 1, booted("a1", &[1]));
    // Rebooted, its other address ends first, and is taken for a clone until the first one ends.
    let mut other = booted("b2", &[2]);
    other.host.address = address(99);
    other.host_key = Some(key("other"));
    let clone = add(&store, 2, other);
    assert_ne!(machine, clone);
    assert_eq!(add(&store, 2, booted("b2", &[3])), machine);
    let told = ["p1 1>2 apt r-1", "p2 1>2 apt r-2", "p3 1>2 apt r-2"];
    assert_eq!(words(&trail(&store, 2, &machine)), told);
}

#[test]
fn a_run_that_is_carried_brings_what_it_read() {
    let store = Store::in_memory().unwrap();
    let machine = add(&store, 1, host(1, 1, &[1, 2]));
    let at = time("2027-02-01T00:00:00Z");
    store
        .finish_run(&run_id(1), RunState::Complete, at)
        .wait()
        .unwrap();
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("one.run");
    store.export_run(&run_id(1), &file).wait().unwrap();
    let there = Store::in_memory().unwrap();
    add(&there, 2, host(1, 2, &[3]));
    for _ in 0..2 {
        there.import_run(&file, |_| Ok(())).wait().unwrap();
    }
    // The earlier run came later: what differs between the two is told all the same.
    let told = words(&trail(&there, 2, &machine));
    assert_eq!(
        told,
        [
            "p1 1>2 apt r-1",
            "p2 1>2 apt r-1",
            "p3 1>2 apt r-2",
            "bash 1>2 runs r-2"
        ]
    );
}

#[test]
fn a_store_of_before_is_told_what_its_runs_had() {
    let store = Store::in_memory().unwrap();
    let machine = add(&store, 1, host(1, 1, &[1]));
    add(&store, 2, host(1, 2, &[2]));
    let emptied = store
        .thread
        .ask(|db| db.write(|tx| Ok(tx.execute("DELETE FROM trail", [])?)));
    assert_eq!(emptied.wait().unwrap(), 1);
    add(&store, 3, host(1, 2, &[]));
    assert_eq!(
        words(&trail(&store, 3, &machine)),
        ["p1 1>2 apt r-1", "p2 1>2 apt r-2", "bash 1>2 runs r-2"]
    );
}

#[test]
fn a_damaged_reading_of_before_keeps_no_machine_from_being_read() {
    let store = Store::in_memory().unwrap();
    let machine = add(&store, 1, host(1, 1, &[1]));
    let damaged = store.thread.ask(|db| {
        db.write(|tx| {
            let damage = "UPDATE blob SET body = zeroblob(10) WHERE kind = 'inventory'";
            Ok(tx.execute(damage, [])?)
        })
    });
    assert_eq!(damaged.wait().unwrap(), 1);
    assert_eq!(add(&store, 2, host(1, 2, &[2])), machine);
    assert_eq!(
        words(&trail(&store, 2, &machine)),
        ["p1 1>2 apt r-1", "p2 1>2 apt r-2"]
    );
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]
    #[test]
    fn the_order_of_runs_does_not_matter(
        (runs, order) in proptest::collection::vec(
            (0..3_u8, proptest::collection::vec(0..6_i64, 0..4)), 1..6,
        ).prop_flat_map(|runs| {
            let order: Vec<usize> = (0..runs.len()).collect();
            (Just(runs), Just(order).prop_shuffle())
        }),
    ) {
        let (one, other) = (Store::in_memory().unwrap(), Store::in_memory().unwrap());
        let add = |store: &Store, place: usize| {
            let (version, log) = &runs[place];
            add(store, u32::try_from(place).unwrap() + 1, host(1, *version, log))
        };
        for place in 0..runs.len() {
            add(&one, place);
        }
        let mut machine = None;
        for place in order {
            machine = Some(add(&other, place));
            add(&other, place);
        }
        let machine = machine.unwrap();
        prop_assert_eq!(trail(&one, 1, &machine), trail(&other, 1, &machine));
    }
}
