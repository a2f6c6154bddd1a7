//! What of a run counts as left out.

use super::*;
use crate::model::{
    AccessRecord, Canaries, HostOutcome, HostTrust, LiveHost, Protocol, RunId, Service, UtcTime,
};
use crate::store::{HostCommit, NewRun};
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
        programs_digest: String::new(),
        simulated: false,
        canaries: Canaries::default(),
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
    source.has_unassessed()
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
