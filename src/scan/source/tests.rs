//! What of a run counts as left out.

use super::*;
use crate::model::{
    AccessRecord, Canaries, HostOutcome, HostTrust, LiveHost, Protocol, RunId, Service, UtcTime,
};
use crate::model::{Answer, ProbeKind};
use crate::store::{HostCommit, NewRun, SightingRow};
use std::sync::Arc;

pub(super) fn summary(kind: RunKind) -> RunSummary {
    RunSummary {
        id: RunId::new("r-1"),
        kind: kind.as_str().to_owned(),
        started: UtcTime::from_unix(0),
        finished: None,
        operator: "op".to_owned(),
        authorised_by: None,
        targets: Vec::new(),
        guards_lifted: Vec::new(),
        site: "default".to_owned(),
        catalog_digest: String::new(),
        catalog_imported: None,
        catalog_feed: String::new(),
        programs_digest: String::new(),
        simulated: false,
        canaries: Canaries::default(),
        state: RunState::Running,
    }
}

pub(super) fn host(code: ResultCode, services: Vec<Service>) -> HostCommit {
    let address = IpAddr::from([192, 0, 2, 1]);
    let access = AccessRecord {
        protocol: Protocol::Ssh,
        port: Some(22),
        credential: None,
        attempted: false,
        code,
        detail: String::new(),
        trust: HostTrust::None,
        elapsed_ms: 0,
    };
    let outcome = HostOutcome {
        host: LiveHost {
            address,
            name: None,
            tags: Arc::default(),
            open_ports: Vec::new(),
            round_trip: None,
        },
        host_key: None,
        inventory: None,
        credential: None,
        failure: None,
        access: vec![access],
        services,
        clues: Vec::new(),
        elapsed_ms: 0,
    };
    HostCommit {
        outcome,
        matched: None,
        exposures: Vec::new(),
        pins: Vec::new(),
        finished: UtcTime::from_unix(0),
    }
}

fn has_unassessed(kind: RunKind, commit: HostCommit) -> bool {
    let store = Store::in_memory().unwrap();
    let new = NewRun {
        summary: summary(kind),
        settings: serde_json::Value::Null,
        plan_fingerprint: String::new(),
        seed: 0,
    };
    store.begin_run(new).wait().unwrap();
    let run = RunId::new("r-1");
    store.commit_host(&run, commit).wait().unwrap();
    let source = RunSource::open(&store, &run, false).unwrap();
    source.left_out().has_unassessed
}

#[test]
fn a_covered_host_or_a_computer_that_was_not_read_is_missed_and_a_device_is_not() {
    let ssh = |banner| vec![identify::open_service(22, banner)];
    let no = ResultCode::NoCredentialInScope;
    let missed = |code, services| has_unassessed(RunKind::Scan, host(code, services));
    assert!(missed(ResultCode::Filtered, Vec::new()));
    assert!(missed(
        ResultCode::HostkeyUnknown,
        ssh("SSH-2.0-Cisco-1.25")
    ));
    assert!(missed(no, ssh("SSH-2.0-OpenSSH_9.2p1 Debian-2+deb12u7")));
    assert!(!missed(no, ssh("SSH-2.0-Cisco-1.25")));
    assert!(!missed(no, Vec::new()));
    let swept = host(no, ssh("SSH-2.0-OpenSSH_9.2p1 Debian-2+deb12u7"));
    assert!(!has_unassessed(RunKind::Sweep, swept));
}

/// The outcomes of a run's machines with the codes of their rows, by address. Of four that were swept the first has
/// an outcome, the second refused, of the third a router spoke, and the fourth, which answered, was taken out since.
fn left(kind: RunKind, state: RunState) -> Vec<(String, String, Vec<ResultCode>)> {
    let store = Store::in_memory().unwrap();
    let mut plan = crate::scan::tests::plan_of("192.0.2.1-4", &[22]);
    plan.kind = kind;
    plan.scope.taken_out = vec!["192.0.2.4".to_owned()];
    let new = NewRun {
        summary: summary(kind),
        settings: serde_json::to_value(plan).unwrap(),
        plan_fingerprint: String::new(),
        seed: 0,
    };
    store.begin_run(new).wait().unwrap();
    let run = RunId::new("r-1");
    let answers = [
        Answer::Open,
        Answer::Closed,
        Answer::Unreachable,
        Answer::Open,
    ];
    let seen = (1..).zip(answers).map(|(last, answer)| SightingRow {
        address: [192, 0, 2, last].into(),
        probe: ProbeKind::Tcp(22),
        answer,
        round_trip_us: None,
        tries: 1,
        seen_at: UtcTime::from_unix(0),
        trace: None,
        mac: None,
        banner: None,
    });
    store
        .record_sightings(&run, seen.collect(), 4)
        .wait()
        .unwrap();
    let commit = host(ResultCode::Filtered, Vec::new());
    store.commit_host(&run, commit).wait().unwrap();
    let end = UtcTime::from_unix(9);
    store.finish_run(&run, state, end).wait().unwrap();
    let source = RunSource::open(&store, &run, false).unwrap();
    let answered: u128 = source.coverage().iter().map(|row| row.answered).sum();
    let mut shown = Vec::new();
    let walk = source.machines(&mut |machine| {
        let codes = machine.access.iter().map(|(_, row)| row.code);
        let address = machine.addresses[0].to_string();
        shown.push((address, machine.outcome.clone(), codes.collect()));
        Ok(())
    });
    walk.unwrap();
    if state != RunState::Complete {
        assert_eq!(shown.len(), usize::try_from(answered).unwrap());
        let trend = crate::scan::trend(&store, &run).unwrap();
        assert_eq!(trend[0].sums.as_ref().unwrap().machines, 2);
        let place = source.places_by_id().len();
        assert_eq!(place, 2, "each has an id of its own");
    }
    shown
}

#[test]
fn whoever_answered_and_has_no_outcome_is_not_begun_as_long_as_the_run_is_not_complete() {
    let first = |codes| ("192.0.2.1".to_owned(), "network_only".to_owned(), codes);
    let second = |codes| ("192.0.2.2".to_owned(), "not_begun".to_owned(), codes);
    for state in [
        RunState::Running,
        RunState::Interrupted,
        RunState::CutOff,
        RunState::SafetyStop,
    ] {
        let of_scan = [
            first(vec![ResultCode::Filtered]),
            second(vec![ResultCode::Interrupted]),
        ];
        assert_eq!(left(RunKind::Scan, state), of_scan);
        let of_sweep = [first(vec![ResultCode::Filtered]), second(Vec::new())];
        assert_eq!(left(RunKind::Sweep, state), of_sweep);
    }
    let complete = [first(vec![ResultCode::Filtered])];
    assert_eq!(left(RunKind::Scan, RunState::Complete), complete);
}
