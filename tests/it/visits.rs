//! Whole runs against a simulated network, in this process: what the tests of secrets share.

use super::support::Site;
use std::collections::BTreeMap;
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicUsize, Ordering};
use std::time::Duration;
use tempfile::TempDir;
use tokio::runtime::Builder;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;
use underdesk::catalog::Catalog;
use underdesk::credentials::{self, Credential, Holder};
use underdesk::lab::Seen;
use underdesk::model::{AccessRecord, CredentialId, RunId, RunSummary, UtcTime};
use underdesk::report::ReportSource as _;
use underdesk::scan::{
    self, Awaited, Clock, Connectors, Context, Keyring, Look, MAX_CHANGED_KEYS, Pace, Parts,
    RunEnd, RunKind, RunLimits, RunPlan, RunSource, Scope, StoredProof,
};
use underdesk::session::{KnownKeys, SshConnector};
use underdesk::store::{NewRun, RunState, Store};
use underdesk::sweep::{Answer, Probe, ProbeKind, Profile, SimulatedSweeper};

/// A simulated network, with a store beside it and a clock of its own.
pub(super) struct Office {
    pub(super) folder: TempDir,
    pub(super) now: Arc<AtomicI64>,
    site: Site,
}

impl Office {
    /// Serves the hosts of a lab file.
    pub(super) fn open(hosts: &str) -> Self {
        Self {
            folder: TempDir::new().unwrap(),
            now: Arc::new(AtomicI64::new(1_800_000_000)),
            site: Site::serve(&format!("schema = 1\nname = \"office\"\n{hosts}")),
        }
    }

    pub(super) fn store_path(&self) -> PathBuf {
        self.folder.path().join("store.db")
    }

    /// What the servers have seen, once every connection has ended.
    pub(super) fn seen(&self) -> Seen {
        for _ in 0..1_000 {
            let seen = self.site.seen();
            if seen.connections.iter().all(|connection| connection.closed) {
                return seen;
            }
            std::thread::sleep(Duration::from_millis(10));
        }
        panic!("a connection stays open");
    }

    fn ports(&self) -> Vec<u16> {
        let ports = self.site.ports();
        ports.split(',').map(|port| port.parse().unwrap()).collect()
    }

    fn probes(&self) -> impl Iterator<Item = Probe> {
        let addresses = self.site.targets().into_iter();
        let addresses = addresses.map(|address| address.parse().unwrap());
        let ports = self.ports();
        addresses.flat_map(move |address: IpAddr| {
            let probe = move |port| Probe {
                address,
                kind: ProbeKind::Tcp(port),
            };
            ports.clone().into_iter().map(probe)
        })
    }
}

/// How a run ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fate {
    /// When it is done.
    Finished,
    /// The operator stops it after so many milliseconds.
    Stopped(u64),
    /// Its tasks are dropped after so many milliseconds, and settle what they can.
    Dropped(u64),
    /// It is dead after so many milliseconds, and settles nothing.
    Killed(u64),
}

/// One process that scans.
#[derive(Clone, Debug)]
pub(super) struct Visitor {
    pub(super) run: RunId,
    pub(super) is_resumed: bool,
    pub(super) hands: usize,
    pub(super) limits: RunLimits,
    pub(super) fate: Fate,
    pub(super) accept_new_host_keys: bool,
    pub(super) seed: u64,
    /// The most seconds that a login may take.
    pub(super) host_seconds: u64,
    /// How often it has looked at the clock: whoever waits for an account does so again and again.
    pub(super) looks: Arc<AtomicUsize>,
}

impl Visitor {
    pub(super) fn new(run: &str) -> Self {
        Self {
            run: RunId::new(run),
            is_resumed: false,
            hands: 8,
            limits: RunLimits::default(),
            fate: Fate::Finished,
            accept_new_host_keys: false,
            seed: 1,
            host_seconds: 10,
            looks: Arc::default(),
        }
    }

    /// Scans the office from a runtime and a store handle of its own, as a process would.
    pub(super) fn visit(
        &self,
        office: &Office,
        credentials: Vec<Credential>,
        proofs: BTreeMap<CredentialId, StoredProof>,
    ) -> Option<RunEnd> {
        let runtime = Builder::new_multi_thread()
            .worker_threads(2)
            .enable_all()
            .build()
            .unwrap();
        let store = Store::open(&office.store_path()).unwrap();
        let is_dead = Arc::new(AtomicBool::new(false));
        let keyring = Keyring::new(credentials, proofs);
        let end = runtime.block_on(self.scan(office, &store, keyring, &is_dead));
        drop(runtime);
        end
    }

    async fn scan(
        &self,
        office: &Office,
        store: &Store,
        keyring: Keyring,
        is_dead: &Arc<AtomicBool>,
    ) -> Option<RunEnd> {
        let plan = self.plan(office);
        let targets = Arc::new(plan.scope.targets().unwrap());
        if self.is_resumed {
            let state = store.finish_run(&self.run, RunState::Running, now(office));
            state.await.unwrap();
        } else {
            store.begin_run(self.new_run(office, &plan)).await.unwrap();
        }
        let mut known = KnownKeys::default();
        known.add_known_hosts(&office.site.known_hosts());
        let open = office.probes().map(|probe| (probe, Answer::Open));
        let sweeper = Arc::new(SimulatedSweeper::new(open));
        let (events, _nobody) = mpsc::unbounded_channel();
        let cx = Arc::new(Context::new(Parts {
            store: store.clone(),
            run: self.run.clone(),
            site: "default".to_owned(),
            plan,
            knowledge: Catalog::starter().unwrap().into(),
            keyring,
            connectors: Connectors {
                ssh: Arc::new(SshConnector::new(Arc::new(known))),
                ..Connectors::nobody()
            },
            events,
            clock: mortal_clock(office, is_dead, &self.looks),
            holder: Holder::new(format!("{}", rand::random::<u64>())),
        }));
        let stop = CancellationToken::new();
        let run = scan::run(cx, targets, sweeper, stop.clone());
        match self.fate {
            Fate::Finished => Some(run.await.unwrap()),
            Fate::Stopped(after) => {
                let (end, ()) = tokio::join!(run, async {
                    tokio::time::sleep(Duration::from_millis(after)).await;
                    stop.cancel();
                });
                Some(end.unwrap())
            }
            Fate::Dropped(after) | Fate::Killed(after) => {
                let mut run = Box::pin(run);
                let end = tokio::time::timeout(Duration::from_millis(after), &mut run).await;
                let is_killed = end.is_err() && matches!(self.fate, Fate::Killed(_));
                is_dead.store(is_killed, Ordering::SeqCst);
                drop(run);
                end.ok().map(Result::unwrap)
            }
        }
    }

    fn plan(&self, office: &Office) -> RunPlan {
        RunPlan {
            kind: RunKind::Scan,
            scope: Scope {
                targets: office.site.targets(),
                ..Scope::default()
            },
            ports: office.ports(),
            ssh_ports: office.ports(),

            winrm_tls_ports: Vec::new(),
            winrm_ports: Vec::new(),
            first_ports: Vec::new(),
            echo: false,
            engines: Vec::new(),
            look: Look::default(),
            seed: self.seed,
            pace: Pace::from(Profile::FAST),
            host_seconds: self.host_seconds,
            hands: self.hands,
            limits: self.limits.clone(),
            accept_new_host_keys: self.accept_new_host_keys,
            max_changed_keys: MAX_CHANGED_KEYS,
            credentials: None,
            known_hosts: Vec::new(),
            key_names: BTreeMap::new(),
            tls_ca: Vec::new(),
            programs: Vec::new(),
            policy: None,
            record: None,
            receipts: None,
            verify: None,
            awaited: Awaited::default(),
        }
    }

    fn new_run(&self, office: &Office, plan: &RunPlan) -> NewRun {
        NewRun {
            summary: RunSummary {
                id: self.run.clone(),
                kind: "scan".to_owned(),
                started: now(office),
                finished: None,
                operator: "ann".to_owned(),
                authorised_by: None,
                targets: plan.scope.targets.clone(),
                guards_lifted: Vec::new(),
                site: "default".to_owned(),
                catalog_digest: String::new(),
                catalog_imported: None,
                catalog_feed: String::new(),
                programs_digest: String::new(),
                simulated: true,
                canaries: underdesk::model::Canaries::default(),
                state: RunState::Running,
            },
            settings: serde_json::to_value(plan).unwrap(),
            plan_fingerprint: "p".to_owned(),
            seed: plan.seed,
        }
    }
}

fn now(office: &Office) -> UtcTime {
    UtcTime::from_unix(office.now.load(Ordering::SeqCst))
}

/// The office's clock, for as long as the process lives: a dead one writes nothing down, and it
/// takes a time to write down how a try ended.
fn mortal_clock(office: &Office, is_dead: &Arc<AtomicBool>, looks: &Arc<AtomicUsize>) -> Clock {
    let (now, is_dead) = (Arc::clone(&office.now), Arc::clone(is_dead));
    let looks = Arc::clone(looks);
    Arc::new(move || {
        looks.fetch_add(1, Ordering::SeqCst);
        if is_dead.load(Ordering::SeqCst) && !std::thread::panicking() {
            // Without the hook, which would print it.
            std::panic::resume_unwind(Box::new("the process is dead"));
        }
        UtcTime::from_unix(now.load(Ordering::SeqCst))
    })
}

/// The credentials of a file's text.
pub(super) fn credentials(text: &str) -> Vec<Credential> {
    credentials::parse(text).unwrap().credentials
}

/// The rows of `access.csv`, by address.
pub(super) fn access(store: &Path, run: &str) -> Vec<(IpAddr, AccessRecord)> {
    let store = Store::open(store).unwrap();
    let source = RunSource::open(&store, &RunId::new(run), true).unwrap();
    let mut rows = Vec::new();
    let walk = source.machines(&mut |machine| {
        rows.extend(machine.access.iter().cloned());
        Ok(())
    });
    walk.unwrap();
    rows
}
