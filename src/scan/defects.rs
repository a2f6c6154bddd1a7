//! A defect of ours that is met on one host, in each stage: it costs that host, which says so, and no other. What was
//! read is never lost to one.

use super::tests::{context, plan_of};
use super::*;
use crate::credentials;
use crate::lab::{Lab, Network, Recordings, Running};
use crate::model::{Finding, MachineRecord, ResultCode};
use crate::session::{Key, KnownKeys};
use crate::store::{ReportOptions, RunReport};
use crate::sweep::{Answer, Probe, ProbeKind, SimulatedSweeper};
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::path::Path;

const SYSTEM: &str = "debian-12";
const EVERY: &str = r#"
schema = 1
name = "defects"
[every.set]
names = "uname\t{name}\n"
identity = "machine-id\t{machine-id}\nboot-id\t{boot-id}\n"
interfaces = "link\tens3\tdevice\t{mac}\n"
"#;
/// The host that is met with a defect, among three.
const BROKEN: IpAddr = IpAddr::V4(Ipv4Addr::new(127, 86, 0, 2));

async fn network() -> Running {
    serve("127.86.0", 3).await
}

/// Serves so many hosts of a /24, which the account `audit` may log in to.
pub(super) async fn serve(range: &str, hosts: u8) -> Running {
    let mut text = EVERY.to_owned();
    for last in 1..=hosts {
        let logins = "logins = [{ user = \"audit\", key = \"demo\" }, { user = \"audit\", password = \"right\" }]";
        let host = format!("name = \"h{last}\"\naddresses = [\"{range}.{last}\"]");
        write!(
            text,
            "[[host]]\n{host}\nrecording = \"{SYSTEM}\"\n{logins}\n"
        )
        .unwrap();
    }
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/hosts");
    let files = fs::read_dir(folder.join(SYSTEM)).unwrap().map(|entry| {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_str().unwrap();
        (format!("{SYSTEM}/{name}"), fs::read(&path).unwrap())
    });
    let files: Vec<(String, Vec<u8>)> = files.collect();
    let files = files
        .iter()
        .map(|(name, bytes)| (name.as_str(), &bytes[..]));
    let recordings = Recordings::read(files).unwrap();
    let network = Network::parse(&text).unwrap();
    Lab::start(&network, &recordings, 0).await.unwrap()
}

/// What a run amounts to in which one host meets a defect in a stage.
async fn run_with(network: &Running, stage: Stage) -> (Arc<Context>, RunReport) {
    let port = network.port(22).unwrap();
    let mut plan = plan_of("127.86.0.1-3", &[port]);
    plan.ssh_ports = vec![port];
    let (mut cx, targets) = context(&plan).await;
    let own = Arc::get_mut(&mut cx).unwrap();
    own.broken = Some((BROKEN, stage));
    let text = "[[credential]]\nid = 'audit'\ntype = 'ssh-key'\nuser = 'audit'\n\
                key = { file = 'demo.key' }\nscope = ['127.86.0.0/24']\n";
    let credentials = credentials::parse(text).unwrap().credentials;
    let key = Key::parse(&network.user_key("demo").into(), None).unwrap();
    let proof = StoredProof::Keys(vec![Arc::new(key)]);
    let proofs = BTreeMap::from([(credentials[0].id.clone(), proof)]);
    own.keyring = Keyring::new(credentials, proofs);
    let mut known = KnownKeys::default();
    let _ = known.add_known_hosts(&network.known_hosts());
    own.connectors.ssh = Arc::new(SshConnector::new(Arc::new(known)));
    let sweeper = Arc::new(sweep::TcpSweeper::new(sweep::Profile::NORMAL));
    let stop = CancellationToken::new();
    let end = run(Arc::clone(&cx), targets, sweeper, stop).await;
    assert_eq!(end.unwrap(), RunEnd::Complete);
    let report = cx.store.report(&cx.run, ReportOptions::default());
    let report = report.await.unwrap();
    (cx, report)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_defect_costs_one_host_and_is_told_with_its_stage() {
    let network = network().await;
    for stage in [Stage::Identify, Stage::Meet, Stage::Login, Stage::Collect] {
        let (_, report) = run_with(&network, stage).await;
        for machine in machines(&report) {
            if machine.addresses != [BROKEN] {
                assert_eq!(machine.outcome, "scanned_full", "{stage:?}");
                continue;
            }
            assert_eq!(machine.outcome, "failed", "{stage:?}");
            let failure = machine.failure.unwrap();
            assert_eq!((failure.stage, failure.code), (stage, ResultCode::Defect));
            let word = format!("stage {}", stage.as_str());
            assert!(failure.detail.contains(&word), "{}", failure.detail);
            let telling = AccessRecord::telling(machine.access.iter().map(|row| &row.1));
            assert_eq!(telling.unwrap().code, ResultCode::Defect);
        }
    }
}

/// The three of them.
fn machines(report: &RunReport) -> Vec<MachineRecord> {
    let machines = (0..).map_while(|at| report.machine(at).unwrap());
    let machines: Vec<MachineRecord> = machines.collect();
    assert_eq!(machines.len(), 3);
    machines
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_defect_in_judging_costs_no_inventory_and_is_made_good_by_judging_again() {
    let network = network().await;
    let (cx, report) = run_with(&network, Stage::Match).await;
    let is_defect = |one: &Finding| one.bulletin.as_str() == "unknown:match";
    let undone = |one: &MachineRecord| one.findings.iter().any(is_defect);
    let mut packages = Vec::new();
    for machine in machines(&report) {
        let is_broken = machine.addresses == [BROKEN];
        assert_eq!(machine.outcome, "scanned_full");
        let inventory = machine.inventory.as_ref().unwrap();
        packages.push(inventory.packages.known().unwrap().len());
        assert_eq!(undone(&machine), is_broken);
        if is_broken {
            let [finding] = machine.findings.as_slice() else {
                panic!("{:?}", machine.findings);
            };
            assert!(finding.leaves_machine_unjudged());
            let why = &finding.evidence.rule;
            assert!(
                why.contains("defect") && why.contains("stage match"),
                "{why}"
            );
        }
    }
    assert!(packages[0] > 0 && packages.iter().all(|count| *count == packages[0]));
    let judged = rematch(&cx.store, &cx.run, &cx.knowledge, cx.today).await;
    assert!(judged.unwrap() > 0);
    let report = cx.store.report(&cx.run, ReportOptions::default());
    let again = machines(&report.await.unwrap());
    assert!(again.iter().all(|machine| !undone(machine)));
    assert!(
        again
            .iter()
            .all(|machine| machine.findings.len() == again[0].findings.len())
    );
}

/// Everybody in a range accepts everything: some of them are asked who they are, and that meets a defect.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_defect_in_asking_a_range_who_it_is_leaves_nobody_in_it_unasked() {
    let ports = [1, 2, 3];
    let mut plan = plan_of("127.86.1.0/24", &ports);
    (plan.kind, plan.host_seconds) = (RunKind::Sweep, 1);
    let (mut cx, targets) = context(&plan).await;
    let first = IpAddr::from([127, 86, 1, 1]);
    Arc::get_mut(&mut cx).unwrap().broken = Some((first, Stage::Identify));
    let swept = (1..=254).map(|last| IpAddr::from([127, 86, 1, last]));
    let open = swept.clone().flat_map(|address| {
        ports.map(|port| {
            let probe = Probe {
                address,
                kind: ProbeKind::Tcp(port),
            };
            (probe, Answer::Open)
        })
    });
    let sweeper = Arc::new(SimulatedSweeper::new(open));
    let end = run(Arc::clone(&cx), targets, sweeper, CancellationToken::new()).await;
    assert_eq!(end.unwrap(), RunEnd::Complete);
    let finished = cx.store.finished_addresses(&cx.run).await.unwrap();
    assert!(swept.clone().all(|address| finished.contains(&address)));
    let report = cx
        .store
        .report(&cx.run, ReportOptions::default())
        .await
        .unwrap();
    let machines = (0..).map_while(|at| report.machine(at).unwrap());
    let failed = machines.filter(|machine| machine.outcome == "failed");
    let failed: Vec<MachineRecord> = failed.collect();
    let [failed] = failed.as_slice() else {
        panic!("{} failed", failed.len());
    };
    let failure = failed.failure.as_ref().unwrap();
    assert_eq!(failed.addresses, [first]);
    assert_eq!(
        (failure.stage, failure.code),
        (Stage::Identify, ResultCode::Defect)
    );
}
