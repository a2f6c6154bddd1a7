//! A defect of ours that is met on one host, in each stage: it costs that host, which says so, and no other.

use super::tests::{context, plan_of};
use super::*;
use crate::credentials;
use crate::lab::{Lab, Network, Recordings, Running};
use crate::model::ResultCode;
use crate::session::{Key, KnownKeys};
use crate::store::{ReportOptions, RunReport};
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
    let mut text = EVERY.to_owned();
    for last in 1..=3 {
        let logins = "logins = [{ user = \"audit\", key = \"demo\" }]";
        let host = format!("name = \"h{last}\"\naddresses = [\"127.86.0.{last}\"]");
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
async fn run_with(network: &Running, stage: Stage) -> RunReport {
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
    report.await.unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_defect_costs_one_host_and_is_told_with_its_stage() {
    let network = network().await;
    for stage in [
        Stage::Identify,
        Stage::Meet,
        Stage::Login,
        Stage::Collect,
        Stage::Match,
    ] {
        let report = run_with(&network, stage).await;
        for at in 0..3 {
            let machine = report.machine(at).unwrap().unwrap();
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
        assert!(report.machine(3).unwrap().is_none(), "there are three");
    }
}
