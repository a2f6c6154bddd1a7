//! A large store, judged again as a batch.

use super::hosts::{Files, Recorded};
use super::process::{Cost, Watched, own};
use super::{FILL, Outcome, REMATCH};
use std::collections::BTreeMap;
use std::io::{Error, ErrorKind, Read as _};
use std::net::IpAddr;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;
use underdesk::catalog::Catalog;
use underdesk::collect;
use underdesk::matching::Knowledge;
use underdesk::model::{
    AccessRecord, Canaries, CredentialId, Date, HostIdentity, HostKey, HostOutcome, HostTrust,
    Inventory, LiveHost, Protocol, ResultCode, RunId, RunSummary, UtcTime,
};
use underdesk::scan;
use underdesk::store::{HostCommit, NewRun, RunState, Store};

const RUN: &str = "r-scale";
/// Of ten inventories these are of a Windows.
const WINDOWS: [usize; 3] = [2, 5, 8];
/// How many machines are committed at once.
const TOGETHER: usize = 500;

/// What the batch has come to.
pub(crate) struct Batch {
    pub(crate) machines: usize,
    pub(crate) inventories: usize,
    /// Bytes of the store before and after.
    pub(crate) before: u64,
    pub(crate) after: u64,
    pub(crate) first: Judged,
    pub(crate) again: Judged,
    /// The command, which also writes the findings.
    pub(crate) command: Cost,
}

/// One pass of verdicts.
#[derive(Clone, Copy, Default)]
pub(crate) struct Judged {
    pub(crate) cost: Cost,
    pub(crate) findings: u64,
}

/// Fills a store, judges it, and judges it again, each in a process of its own.
pub(crate) fn run(
    machines: usize,
    inventories: usize,
    catalog: &Path,
    folder: &Path,
) -> Outcome<Batch> {
    let store = folder.join("store.db");
    let mut command = Command::new(std::env::current_exe()?);
    command
        .args([FILL, &machines.to_string(), &inventories.to_string()])
        .arg(&store);
    let (code, _) = Watched::start(&mut command)?.end(|_| {})?;
    if code != Some(0) {
        return Err("the store was not filled".into());
    }
    let size = || std::fs::metadata(&store).map(|file| file.len());
    let before = size()?;
    let first = judge(&store, catalog)?;
    let after = size()?;
    let again = judge(&store, catalog)?;
    if first.findings != again.findings || first.findings == 0 {
        return Err("the same catalogue has two minds".into());
    }
    let mut command = Command::new(env!("CARGO_BIN_EXE_underdesk"));
    command
        .current_dir(folder)
        .args(["match", RUN, "-o", "-", "--no-input"])
        .args(["--max-catalog-age", "100000"])
        .arg("--store")
        .arg(&store)
        .arg("--catalog")
        .arg(catalog)
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    let (code, command) = Watched::start(&mut command)?.end(|_| {})?;
    if !matches!(code, Some(0 | 3)) {
        return Err(format!("match ended with {code:?}").into());
    }
    Ok(Batch {
        machines,
        inventories,
        before,
        after,
        first,
        again,
        command,
    })
}

fn judge(store: &Path, catalog: &Path) -> Outcome<Judged> {
    let mut command = Command::new(std::env::current_exe()?);
    command
        .arg(REMATCH)
        .args([store, catalog])
        .stdout(Stdio::piped());
    let mut process = Watched::start(&mut command)?;
    let mut text = String::new();
    let mut out = process.child().stdout.take().ok_or("no output")?;
    out.read_to_string(&mut text)?;
    let (code, _) = process.end(|_| {})?;
    let words: Vec<&str> = text.split_whitespace().collect();
    let (Some(0), [cpu, wall, peak, findings]) = (code, words.as_slice()) else {
        return Err(format!("the batch ended with {code:?}").into());
    };
    Ok(Judged {
        cost: Cost {
            cpu: std::time::Duration::from_millis(cpu.parse()?),
            wall: std::time::Duration::from_millis(wall.parse()?),
            peak: peak.parse()?,
        },
        findings: findings.parse()?,
    })
}

/// What a process of its own does: judges all of the store, and says what that cost and how many findings there are.
pub(crate) fn rematch(store: &Path, catalog: &Path) -> Outcome<()> {
    let runtime = tokio::runtime::Runtime::new()?;
    let (store, run) = (Store::open(store)?, RunId::new(RUN));
    let knowledge = Knowledge::from(Catalog::layered(catalog)?);
    let today = Date::parse("2026-12-01").ok_or("no day")?;
    let clock = std::time::Instant::now();
    runtime.block_on(scan::rematch(&store, &run, &knowledge, today))?;
    let (wall, cost) = (clock.elapsed(), own()?);
    let mut digests = BTreeMap::new();
    for machine in store.tally(&run).wait()? {
        let digest = machine.findings.ok_or("a machine was not judged")?;
        *digests.entry(digest).or_insert(0_u64) += 1;
    }
    let mut findings = 0;
    for (digest, machines) in digests {
        findings += u64::try_from(store.findings(digest).wait()?.len())? * machines;
    }
    let (cpu, wall) = (cost.cpu.as_millis(), wall.as_millis());
    super::say(&format!("{cpu} {wall} {} {findings}", cost.peak));
    Ok(())
}

/// What a process of its own does: commits so many machines, as a scan would have. Those of one inventory are of one
/// image, and tell nothing by which they could be told apart but their keys and addresses.
pub(crate) fn fill(machines: usize, inventories: usize, store: &Path) -> Outcome<()> {
    let recorded = Recorded::read()?;
    let all = (0..inventories).map(|number| inventory(&recorded, number));
    let all = all.collect::<Outcome<Vec<Inventory>>>()?;
    let store = Store::open(store)?;
    let run = RunId::new(RUN);
    store
        .begin_run(NewRun {
            summary: summary(),
            settings: serde_json::Value::Null,
            plan_fingerprint: String::new(),
            seed: 0,
        })
        .wait()?;
    for first in (0..machines).step_by(TOGETHER) {
        let numbers = first..machines.min(first + TOGETHER);
        let commits = numbers.map(|number| {
            let inventory = all.get(number % all.len()).cloned();
            commit(number, inventory)
        });
        let commits = commits.collect::<Outcome<Vec<HostCommit>>>()?;
        store.commit_hosts(&run, commits).wait()?;
    }
    let end = UtcTime::from_unix(1_790_003_600);
    Ok(store.finish_run(&run, RunState::Complete, end).wait()?)
}

fn inventory(recorded: &Recorded, number: usize) -> Outcome<Inventory> {
    let files: Files = if WINDOWS.contains(&(number % 10)) {
        recorded.windows(number, "image", "192.0.2.1")?
    } else {
        recorded.unix(number)?
    };
    let file = |name: &str| {
        let found = files.get(name).cloned();
        found.ok_or_else(|| Error::from(ErrorKind::NotFound))
    };
    let (set, answers) = collect::from_files(Path::new("made"), file)?;
    let inventory = collect::read(set, &answers).ok_or("nobody knows what it is")?;
    Ok(Inventory {
        identity: HostIdentity::default(),
        ..inventory
    })
}

fn commit(number: usize, inventory: Option<Inventory>) -> Outcome<HostCommit> {
    let address = IpAddr::from((0x0a00_0000 + u32::try_from(number)?).to_be_bytes());
    let credential = CredentialId::new("audit");
    let access = AccessRecord {
        protocol: Protocol::Ssh,
        port: Some(22),
        credential: Some(credential.clone()),
        attempted: true,
        code: ResultCode::Ok,
        detail: String::new(),
        trust: HostTrust::KnownHosts,
        elapsed_ms: 400,
    };
    Ok(HostCommit {
        outcome: HostOutcome {
            host: LiveHost {
                address,
                name: None,
                tags: Arc::default(),
                open_ports: vec![22],
                round_trip: None,
            },
            host_key: Some(HostKey {
                algorithm: "ssh-ed25519".to_owned(),
                fingerprint: format!("SHA256:{number:043}"),
            }),
            inventory,
            credential: Some(credential),
            failure: None,
            access: vec![access],
            services: Vec::new(),
            clues: Vec::new(),
            elapsed_ms: 400,
        },
        matched: None,
        exposures: Vec::new(),
        pins: Vec::new(),
        finished: UtcTime::from_unix(1_790_000_000 + i64::try_from(number / 30)?),
    })
}

fn summary() -> RunSummary {
    RunSummary {
        id: RunId::new(RUN),
        kind: "scan".to_owned(),
        started: UtcTime::from_unix(1_790_000_000),
        finished: None,
        operator: "ada".to_owned(),
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
