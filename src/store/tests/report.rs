//! Reading a run for export.

use super::*;
use crate::model::{FindingId, HostFailure, MachineRecord, Stage};
use std::time::Instant;

fn put(store: &Store, run: &RunId, outcome: HostOutcome) {
    let _ = store.commit_host(run, commit(outcome)).wait().unwrap();
}

fn records(store: &Store, run: &RunId, no_merge: bool) -> Vec<MachineRecord> {
    let options = ReportOptions { no_merge };
    let report = store.report(run, options).wait().unwrap();
    let mut records = Vec::new();
    let mut visit = |record: &MachineRecord| {
        records.push(record.clone());
        Ok(())
    };
    report.visit(&mut visit).unwrap();
    let ids: Vec<_> = report.machine_ids().collect();
    assert_eq!(
        ids,
        records.iter().map(|record| &record.id).collect::<Vec<_>>()
    );
    records
}

fn failed(last: u16) -> HostOutcome {
    HostOutcome {
        failure: Some(HostFailure {
            stage: Stage::Login,
            code: ResultCode::AuthRejected,
            detail: "no".into(),
            retryable: true,
        }),
        host_key: Some(key("f")),
        ..bare(last)
    }
}

#[test]
fn a_machine_comes_back_as_it_was_committed() {
    let (store, run) = store();
    let mut outcome = read(1, 1, 1, Some(3));
    outcome.host.name = Some("web".into());
    put(&store, &run, outcome.clone());
    put(&store, &run, failed(2));
    let records = records(&store, &run, false);
    let [web, other] = records.as_slice() else {
        panic!("{records:?}");
    };
    assert_eq!(web.addresses, [address(1)]);
    assert_eq!(web.target_name.as_deref(), Some("web"));
    assert_eq!(web.tags, ["tier=1"]);
    assert_eq!(web.outcome, "scanned_full");
    assert_eq!(web.credential, outcome.credential);
    assert_eq!(web.host_key, outcome.host_key);
    assert_eq!(web.inventory.as_deref(), outcome.inventory.as_ref());
    assert_eq!(web.findings, matched(&["CVE-1"]).findings);
    assert_eq!(web.end_of_life, matched(&[]).end_of_life);
    let access: Vec<_> = web
        .access
        .iter()
        .map(|(_, access)| access.clone())
        .collect();
    assert_eq!(access, outcome.access);
    assert_eq!(web.services, [(address(1), outcome.services[0].clone())]);
    assert_eq!(web.first_seen, new_run(1).summary.started.date());
    assert_eq!(web.last_seen, time("2026-11-22T18:00:00Z"));
    assert_eq!(
        (other.outcome.as_str(), &other.failure),
        ("failed", &failed(2).failure)
    );
    assert!(other.inventory.is_none() && other.findings.is_empty());
}

#[test]
fn a_sketch_of_a_machine_lacks_nothing_but_packages() {
    let (store, run) = store();
    let mut outcome = read(1, 1, 1, Some(3));
    let at = |text| Some(time(text));
    let came = [None, at("2026-03-01T00:00:00Z"), at("2026-02-01T00:00:00Z")];
    let packages = came.into_iter().zip(["a", "b", "c"]);
    let packages = packages.map(|(installed_at, name)| Package {
        installed_at,
        ..package(name)
    });
    let inventory = outcome.inventory.as_mut().unwrap();
    inventory.packages = Observed::Known(packages.collect());
    put(&store, &run, outcome);
    put(&store, &run, read(2, 2, 1, None));
    let whole = records(&store, &run, false);
    let report = store.report(&run, ReportOptions::default()).wait().unwrap();
    let mut sketches = Vec::new();
    let mut visit = |record: &MachineRecord| {
        sketches.push(record.clone());
        Ok(())
    };
    report.visit_sketched(&mut visit).unwrap();
    let read = |record: &MachineRecord| record.inventory.clone().unwrap();
    let names = |record| {
        let packages = read(record).packages.known().cloned().unwrap();
        packages.into_iter().map(|one| one.name).collect::<Vec<_>>()
    };
    assert_eq!(names(&sketches[0]), ["b"]);
    for (sketch, whole) in sketches.iter_mut().zip(&whole) {
        let last = read(sketch).last_update();
        assert_eq!(last, read(whole).last_update());
        sketch.inventory = Some(Arc::new(Inventory {
            packages: read(whole).packages.clone(),
            ..Inventory::clone(&read(sketch))
        }));
    }
    assert_eq!(format!("{sketches:?}"), format!("{whole:?}"));
}

#[test]
fn what_several_machines_have_is_in_memory_once_whoever_comes_between() {
    let (store, run) = store();
    for last in 1..=30 {
        let mut read = inventory(1, 1, None);
        read.identity = HostIdentity::default();
        if (2..30).contains(&last) {
            read.packages = Observed::Known(vec![package(&format!("p{last}"))]);
        }
        let outcome = HostOutcome {
            host_key: Some(key(&format!("k{last}"))),
            inventory: Some(read),
            ..bare(last)
        };
        put(&store, &run, outcome);
    }
    let records = records(&store, &run, false);
    assert_eq!(records.len(), 30);
    let of = |place: usize| records[place].inventory.as_ref().unwrap();
    assert!(Arc::ptr_eq(of(0), of(29)));
    assert_ne!(of(0), of(1));
}

#[test]
fn the_best_outcome_speaks_for_the_machine_and_all_addresses_are_listed() {
    let (store, run) = store();
    let mut partial = read(1, 1, 1, None);
    let gap = Observed::<()>::gap_of("x", GapCause::Denied)
        .gap()
        .cloned()
        .unwrap();
    partial.inventory.as_mut().unwrap().gaps = vec![gap];
    put(&store, &run, partial);
    put(&store, &run, read(3, 1, 1, None));
    put(&store, &run, read(2, 1, 1, None));
    let records = records(&store, &run, false);
    assert_eq!(records.len(), 1);
    let record = &records[0];
    assert_eq!(record.outcome, "scanned_full");
    assert_eq!(record.addresses, [address(1), address(2), address(3)]);
    assert_eq!((record.access.len(), record.services.len()), (6, 3));
    assert!(record.inventory.as_ref().unwrap().gaps.is_empty());
}

#[test]
fn without_merging_every_address_has_an_id_of_its_own_and_its_history() {
    let (store, run) = store();
    put(&store, &run, read(1, 1, 1, None));
    put(&store, &run, read(2, 1, 1, None));
    let records = records(&store, &run, true);
    assert_eq!(records.len(), 2);
    for (last, record) in (1..).zip(&records) {
        let text = address(last).to_string();
        assert_eq!(record.id, MachineId::from_key("default", "address", &text));
        assert_eq!(record.history.len(), 1);
        assert_eq!(record.addresses, [address(last)]);
    }
}

#[test]
fn a_walk_that_unpacks_less_meets_the_same_machines() {
    let (store, run) = store();
    let mut host = commit(read(1, 1, 1, None));
    host.matched = Some(matched(&["CVE-1"]));
    let _ = store.commit_host(&run, host).wait().unwrap();
    put(&store, &run, bare(2));
    let whole = records(&store, &run, false);
    assert!(!whole[0].findings.is_empty() && !whole[0].history.is_empty());
    // Nobody knows when its packages came in, so that none is the last.
    let sketched = |read: &Arc<Inventory>| Inventory {
        packages: Observed::Known(Vec::new()),
        ..Inventory::clone(read)
    };
    let unjudged: Vec<MachineRecord> = whole
        .iter()
        .map(|record| MachineRecord {
            findings: Arc::default(),
            history: BTreeMap::new(),
            inventory: record.inventory.as_ref().map(sketched).map(Arc::new),
            ..record.clone()
        })
        .collect();
    let report = store.report(&run, ReportOptions::default()).wait().unwrap();
    let mut seen = Vec::new();
    let walk = report.visit_unjudged(&mut |record| {
        seen.push(record.clone());
        Ok(())
    });
    walk.unwrap();
    let text = |records: &dyn std::fmt::Debug| format!("{records:?}");
    assert_eq!(text(&seen), text(&unjudged));
    let mut skimmed = Vec::new();
    let walk = report.skim(&mut |record, is_read| {
        skimmed.push((record.clone(), is_read));
        Ok(())
    });
    walk.unwrap();
    let outlines = unjudged.into_iter().map(|record| {
        let is_read = record.inventory.is_some();
        let inventory = None;
        (
            MachineRecord {
                inventory,
                ..record
            },
            is_read,
        )
    });
    assert_eq!(text(&skimmed), text(&outlines.collect::<Vec<_>>()));
}

#[test]
fn findings_are_counted_once_a_run_and_closed_ones_not_at_all() {
    let (store, run) = store();
    let mut host = commit(read(1, 1, 1, None));
    let mut findings = matched(&["CVE-1"]);
    Arc::make_mut(&mut findings.findings).push(finding("CVE-9", FindingState::Fixed));
    host.matched = Some(findings.clone());
    let _ = store.commit_host(&run, host.clone()).wait().unwrap();
    let again = store.store_verdict(&run, vec![address(1)], &matched(&["CVE-1", "CVE-2"]));
    again.wait().unwrap();
    store.begin_run(new_run(2)).wait().unwrap();
    let _ = store.commit_host(&run_id(2), host).wait().unwrap();
    // An old run, matched again, is not a new sight.
    store
        .store_verdict(&run, vec![address(1)], &matched(&["CVE-1"]))
        .wait()
        .unwrap();

    let records = records(&store, &run_id(2), false);
    let first = new_run(1).summary.started.date();
    let of = |bulletin: &str| {
        let one = finding(bulletin, FindingState::Missing);
        let id = FindingId::of(&records[0].id, &one.product, &one.bulletin);
        records[0].history.get(&id).copied()
    };
    let seen = of("CVE-1").unwrap();
    assert_eq!((seen.first_seen, seen.times_seen), (first, 2));
    assert_eq!(of("CVE-9"), None, "closed");
}

#[test]
fn five_hundred_addresses_are_one_machine_with_one_inventory() {
    let (store, run) = store();
    let begun = Instant::now();
    for last in 0..500 {
        put(&store, &run, read(last, 1, 1, Some(1)));
    }
    let merged = records(&store, &run, false);
    assert_eq!((merged.len(), merged[0].addresses.len()), (1, 500));
    let apart = records(&store, &run, true);
    assert_eq!(apart.len(), 500);
    let first = apart[0].inventory.as_ref().unwrap();
    let shared = apart
        .iter()
        .all(|record| Arc::ptr_eq(first, record.inventory.as_ref().unwrap()));
    assert!(shared, "decoded more than once");
    assert_eq!(store.inventories(&run).wait().unwrap().len(), 1);
    assert!(begun.elapsed().as_secs() < 30, "{:?}", begun.elapsed());
}

#[test]
fn a_big_inventory_comes_back_whole() {
    let (store, run) = store();
    let mut outcome = read(1, 1, 1, None);
    let packages = (0..20_000).map(|number| package(&format!("package-{number}")));
    outcome.inventory.as_mut().unwrap().packages = Observed::Known(packages.collect());
    put(&store, &run, outcome.clone());
    let record = records(&store, &run, false).remove(0);
    assert_eq!(record.inventory.as_deref(), outcome.inventory.as_ref());
}

#[test]
fn an_error_of_the_visitor_ends_the_visit() {
    let (store, run) = store();
    put(&store, &run, bare(1));
    put(&store, &run, bare(2));
    let report = store.report(&run, ReportOptions::default()).wait().unwrap();
    let mut seen = 0;
    let mut visit = |_: &MachineRecord| {
        seen += 1;
        Err(std::io::Error::other("full"))
    };
    assert!(report.visit(&mut visit).is_err());
    assert_eq!(seen, 1);
}

#[test]
#[ignore = "measures; say `--nocapture`"]
fn how_many_hosts_a_second_are_committed() {
    for (packages, findings) in [(400, 300), (400, 0), (0, 300), (0, 0)] {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(&folder.path().join("store.db")).unwrap();
        store.begin_run(new_run(1)).wait().unwrap();
        let findings: Vec<String> = (0..findings)
            .map(|number| format!("CVE-{number}"))
            .collect();
        let findings: Vec<&str> = findings.iter().map(String::as_str).collect();
        let hosts = (0..300_u16).map(|last| {
            let [high, low] = last.to_be_bytes();
            let mut outcome = read(last, low, high, None);
            let packages = (0..packages).map(|number| package(&format!("p{number}-{last}")));
            outcome.inventory.as_mut().unwrap().packages = Observed::Known(packages.collect());
            let matched = Some(matched(&findings));
            HostCommit {
                matched,
                ..commit(outcome)
            }
        });
        let hosts: Vec<HostCommit> = hosts.collect();
        let begun = Instant::now();
        for host in hosts {
            let _ = store.commit_host(&run_id(1), host).wait().unwrap();
        }
        let rate = 300.0 / begun.elapsed().as_secs_f64();
        println!(
            "{packages} packages, {} findings: {rate:.0} hosts a second",
            findings.len()
        );
    }
}

#[test]
fn a_login_that_an_earlier_version_did_not_need_is_not_ok() {
    let (store, run) = store();
    let ok = |credential: Option<&str>, attempted| AccessRecord {
        credential: credential.map(CredentialId::new),
        attempted,
        ..access(ResultCode::Ok)
    };
    let outcome = HostOutcome {
        access: vec![
            ok(Some("key"), true),
            ok(Some("other"), false),
            ok(None, false),
        ],
        ..read(1, 1, 1, Some(3))
    };
    put(&store, &run, outcome);
    let records = records(&store, &run, false);
    let codes: Vec<ResultCode> = records
        .iter()
        .flat_map(|one| one.access.iter().map(|row| row.1.code))
        .collect();
    assert_eq!(
        codes,
        [ResultCode::Ok, ResultCode::NotNeeded, ResultCode::Ok]
    );
}
