//! Runs, sightings, pins, verdicts, and the thread.

use super::*;
use crate::model::RunId;

#[test]
fn a_run_comes_back_as_it_was_begun() {
    let (store, id) = store();
    let run = store.load_run(&id).wait().unwrap();
    let begun = new_run(1);
    assert_eq!(run.summary, begun.summary);
    assert_eq!((run.seed, run.settings), (begun.seed, begun.settings));
    assert_eq!((run.summary.state, run.mark), (RunState::Running, 0));

    let end = time("2027-01-16T19:00:00Z");
    store
        .finish_run(&id, RunState::Interrupted, end)
        .wait()
        .unwrap();
    let run = store.latest_run().wait().unwrap().unwrap();
    assert_eq!(
        (run.summary.state, run.summary.finished),
        (RunState::Interrupted, Some(end))
    );
    for state in [RunState::CutOff, RunState::SafetyStop, RunState::Complete] {
        store.finish_run(&id, state, end).wait().unwrap();
        let run = store.load_run(&id).wait().unwrap().summary;
        assert_eq!((run.state, run.finished), (state, Some(end)));
    }
    let before = UtcTime::from_unix(begun.summary.started.unix() - 1);
    store
        .finish_run(&id, RunState::Complete, before)
        .wait()
        .unwrap();
    let run = store.load_run(&id).wait().unwrap().summary;
    assert_eq!(run.finished, Some(run.started));
    store
        .finish_run(&id, RunState::Running, end)
        .wait()
        .unwrap();
    assert_eq!(store.load_run(&id).wait().unwrap().summary.finished, None);

    store
        .set_judged_by(
            &id,
            JudgedBy {
                catalog_digest: "abc".into(),
                catalog_imported: Some(end),
                programs_digest: "def".into(),
            },
        )
        .wait()
        .unwrap();
    let run = store.load_run(&id).wait().unwrap().summary;
    assert_eq!(
        (run.catalog_digest.as_str(), run.catalog_imported),
        ("abc", Some(end))
    );
    assert_eq!(run.programs_digest, "def");
}

#[test]
fn runs_are_listed_in_the_order_they_began_and_unknown_ones_are_named() {
    let (store, _) = store();
    store.begin_run(new_run(2)).wait().unwrap();
    let ids = store
        .list_runs()
        .wait()
        .unwrap()
        .into_iter()
        .map(|run| run.summary.id);
    assert_eq!(ids.collect::<Vec<_>>(), [run_id(1), run_id(2)]);
    let error = store.load_run(&RunId::new("r-x")).wait().unwrap_err();
    assert!(error.to_string().contains("r-x"), "{error}");
    let error = store.begin_run(new_run(1)).wait().unwrap_err();
    assert!(matches!(error, StoreError::RunExists { .. }));
}

#[test]
fn sightings_and_mark_are_one() {
    let (store, run) = store();
    let seen = |last, port| SightingRow {
        address: address(last),
        probe: ProbeKind::Tcp(port),
        answer: Answer::Closed,
        round_trip_us: Some(7),
        tries: 2,
        seen_at: time("2026-11-22T18:00:00Z"),
        trace: None,
        mac: None,
        banner: None,
    };
    let six = SightingRow {
        address: "2001:db8::1".parse().unwrap(),
        ..seen(1, 22)
    };
    let echo = SightingRow {
        probe: ProbeKind::Echo,
        answer: Answer::Alive,
        trace: Some(Trace {
            ttl: 128,
            window: 0,
            options: 0,
        }),
        mac: Some([0, 0x15, 0x5d, 1, 2, 3]),
        ..seen(2, 0)
    };
    // Of two answers to a probe the later one stays.
    let before = SightingRow {
        answer: Answer::Unreachable,
        ..seen(2, 80)
    };
    let rows = vec![
        before,
        six.clone(),
        seen(300, 22),
        seen(2, 80),
        seen(2, 22),
        echo.clone(),
    ];
    store
        .record_sightings(&run, rows, u64::MAX - 1)
        .wait()
        .unwrap();
    store
        .record_sightings(&run, vec![seen(2, 22)], 5)
        .wait()
        .unwrap();
    assert_eq!(store.mark(&run).wait().unwrap(), u64::MAX - 1);
    let sorted = [echo, seen(2, 22), seen(2, 80), seen(300, 22), six];
    assert_eq!(store.sightings(&run).wait().unwrap(), sorted);

    let nowhere = store.record_sightings(&run_id(9), vec![seen(4, 22)], 9);
    assert!(matches!(nowhere.wait(), Err(StoreError::NoSuchRun { .. })));
    assert_eq!(store.sightings(&run).wait().unwrap().len(), 5);
}

fn pin(host: &str, name: &str) -> Pin {
    Pin {
        site: "default".into(),
        host: host.into(),
        port: 22,
        key: key(name),
        public_key: "ssh-ed25519 AAAA".into(),
        source: "import".into(),
        at: time("2026-11-22T18:00:00Z"),
    }
}

#[test]
fn a_second_stranger_is_not_pinned_over_the_first() {
    let (store, _) = store();
    let (first, second) = (pin("10.0.0.1", "a"), pin("10.0.0.1", "b"));
    assert_eq!(
        store.pin_first_use(first.clone()).wait().unwrap(),
        FirstPin::Pinned
    );
    let refused = store.pin_first_use(second.clone()).wait().unwrap();
    assert_eq!(refused, FirstPin::Known(vec![first.clone()]));

    let added = store.add_pins(vec![first.clone(), second.clone(), pin("web", "c")]);
    assert_eq!(added.wait().unwrap(), 2);
    let both = store.pins_of("default", vec!["web".into(), "10.0.0.1".into()], 22);
    assert_eq!(
        both.wait().unwrap(),
        [pin("web", "c"), first.clone(), second]
    );
    assert!(store.remove_pin(first.clone()).wait().unwrap());
    assert!(!store.remove_pin(first).wait().unwrap());
    assert_eq!(store.pins("default").wait().unwrap().len(), 2);
    assert!(store.pins("elsewhere").wait().unwrap().is_empty());
}

#[test]
fn a_panic_in_the_thread_hangs_nobody_and_spoils_nothing() {
    let (store, run) = store();
    let request = TryRequest {
        account: "ann".into(),
        record: "10.0.0.1".into(),
        run,
        now: time("2026-11-22T18:00:00Z"),
        horizon: time("2026-11-21T18:00:00Z"),
    };
    let answer = store
        .reserve_try(request, |_, _| panic!("on purpose"))
        .wait();
    assert!(matches!(answer, Err(StoreError::Stopped)));
    assert_eq!(store.list_runs().wait().unwrap().len(), 1);
    assert!(store.breaker().wait().unwrap().0.is_empty());
}

#[tokio::test]
async fn answers_can_be_awaited_and_waited_for_inside_a_runtime() {
    let (store, run) = store();
    assert_eq!(store.mark(&run).await.unwrap(), 0);
    // Far more than a task's budget for one poll.
    for _ in 0..500 {
        assert_eq!(store.mark(&run).wait().unwrap(), 0);
    }
}

#[test]
fn the_credential_that_worked_is_remembered_for_later_runs_only() {
    let (store, run) = store();
    let _ = store
        .commit_host(&run, commit(read(1, 1, 1, None)))
        .wait()
        .unwrap();
    let ask = |run: &RunId, last, host_key| {
        let answer = store.remembered_credential(run, address(last), host_key);
        answer.wait().unwrap().map(|id| id.to_string())
    };
    let c = Some("c".to_owned());
    assert_eq!(ask(&run, 1, Some(key("k1"))), None);
    store.begin_run(new_run(2)).wait().unwrap();
    let next = run_id(2);
    assert_eq!(ask(&next, 1, Some(key("k1"))), c);
    assert_eq!(ask(&next, 9, Some(key("k1"))), c);
    assert_eq!(ask(&next, 1, None), c);
    assert_eq!(ask(&next, 1, Some(key("other"))), None);
    assert_eq!(ask(&next, 9, None), None);
}

#[test]
fn each_distinct_inventory_is_matched_once() {
    let (store, run) = store();
    for outcome in [
        read(3, 1, 1, None),
        read(1, 2, 2, None),
        read(2, 1, 1, None),
        bare(4),
    ] {
        let _ = store.commit_host(&run, commit(outcome)).wait().unwrap();
    }
    let found = store.inventories(&run).wait().unwrap();
    let addresses: Vec<_> = found.iter().map(|found| found.addresses.clone()).collect();
    assert_eq!(addresses, [vec![address(1)], vec![address(2), address(3)]]);
    let read = store.inventory(found[0].digest).wait().unwrap();
    assert_eq!(*read, inventory(2, 2, None));

    let newer = matched(&["CVE-1", "CVE-2"]);
    let done = store.store_verdict(&run, found[1].addresses.clone(), &newer);
    done.wait().unwrap();
    let report = store.report(&run, ReportOptions::default()).wait().unwrap();
    let counts = (0..3).map(|place| report.machine(place).unwrap().unwrap().findings.len());
    assert_eq!(counts.collect::<Vec<_>>(), [1, 2, 0]);
}

#[test]
fn what_known_hosts_answered_adds_up_over_the_parts_of_a_run() {
    let (store, run) = store();
    store.record_canaries(&run, 100, 2).wait().unwrap();
    store.record_canaries(&run, 10, 1).wait().unwrap();
    let canaries = store.load_run(&run).wait().unwrap().summary.canaries;
    assert_eq!((canaries.asked, canaries.lost), (110, 3));
}

#[test]
fn a_key_pinned_at_first_sight_is_vouched_for_by_an_import_and_not_the_other_way() {
    let (store, _) = store();
    let seen = |source: &str| Pin {
        site: "default".into(),
        host: "10.0.0.1".into(),
        port: 22,
        key: HostKey {
            algorithm: "ssh-ed25519".into(),
            fingerprint: "SHA256:a".into(),
        },
        public_key: String::new(),
        source: source.into(),
        at: time("2026-11-22T18:00:00Z"),
    };
    for source in ["first_use", "import", "first_use"] {
        store.add_pins(vec![seen(source)]).wait().unwrap();
    }
    assert_eq!(store.pins("default").wait().unwrap(), [seen("import")]);
}

#[test]
fn an_import_is_whole_or_nothing_and_replaces_only_what_it_contradicts() {
    let (store, _) = store();
    let pin = |host: &str, algorithm: &str, fingerprint: &str, source: &str| Pin {
        site: "default".into(),
        host: host.into(),
        port: 22,
        key: HostKey {
            algorithm: algorithm.into(),
            fingerprint: fingerprint.into(),
        },
        public_key: String::new(),
        source: source.into(),
        at: time("2026-11-22T18:00:00Z"),
    };
    let old = pin("a", "ssh-ed25519", "SHA256:old", "first_use");
    let other_kind = pin("a", "ssh-rsa", "SHA256:rsa", "import");
    let before = vec![old.clone(), other_kind.clone()];
    store.add_pins(before.clone()).wait().unwrap();
    let new = pin("a", "ssh-ed25519", "SHA256:new", "review");
    let more = pin("b", "ssh-ed25519", "SHA256:b", "review");
    let pins = || vec![new.clone(), more.clone()];
    let pinned = || store.pins("default").wait().unwrap();
    for (replace, rehearse) in [(false, false), (true, true)] {
        let import = store.import_pins(pins(), replace, rehearse).wait().unwrap();
        assert_eq!(import.replaced, [(old.clone(), new.clone())]);
        assert_eq!((import.added, pinned()), (2, before.clone()));
    }
    let import = store.import_pins(pins(), true, false).wait().unwrap();
    assert_eq!(import.added, 2);
    assert_eq!(pinned(), [new.clone(), other_kind, more.clone()]);
    let again = store.import_pins(pins(), false, false).wait().unwrap();
    assert_eq!((again.added, again.replaced.len()), (0, 0));
    // There may be several authorities for the same hosts.
    for key in ["SHA256:one", "SHA256:two"] {
        let authority = pin("@cert-authority *", "ssh-ed25519", key, "import");
        let import = store.import_pins(vec![authority], false, false);
        assert_eq!(import.wait().unwrap().replaced.len(), 0);
    }
}
