//! Our own network goes in the middle of a run: nobody is called silent for it, and what is done stays done.

use super::defects::serve;
use super::network::{Eyes, Times};
use super::tests::{again, context, plan_of};
use super::*;
use crate::credentials;
use crate::lab::{Proof, Running};
use crate::model::{Canaries, MachineRecord, ResultCode};
use crate::session::{KnownKeys, Limits, MeetError, Met, Password};
use crate::store::{ReportOptions, SightingRow};
use crate::sweep::{
    Answer, EndReason, Probe, ProbeKind, Sighting, SimulatedSweeper, SweepEnd, SweepEvent,
    SweepPlan,
};
use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use tokio::task::JoinSet;

const HOSTS: u8 = 12;

/// A network of ours that can be cut.
#[derive(Default)]
struct Wire {
    is_cut: AtomicBool,
    /// Whether the system does not notice.
    is_silent: bool,
    /// How many hosts are met until it is cut.
    until: usize,
    met: AtomicUsize,
    /// How often the system was asked for a way.
    looks: AtomicUsize,
}

impl Wire {
    fn is_cut(&self) -> bool {
        self.is_cut.load(Ordering::SeqCst)
    }

    fn set_cut(&self, is_cut: bool) {
        self.is_cut.store(is_cut, Ordering::SeqCst);
    }
}

struct Seen(Arc<Wire>);

#[async_trait::async_trait]
impl Eyes for Seen {
    fn way(&self, _: IpAddr) -> io::Result<IpAddr> {
        self.0.looks.fetch_add(1, Ordering::SeqCst);
        if self.0.is_cut() && !self.0.is_silent {
            return Err(io::ErrorKind::NetworkUnreachable.into());
        }
        Ok(Ipv4Addr::LOCALHOST.into())
    }

    async fn answers(&self, _: SocketAddr) -> bool {
        !self.0.is_cut()
    }
}

/// Meets hosts as long as there is a network.
struct OverWire(SshConnector, Arc<Wire>);

#[async_trait::async_trait]
impl Connector for OverWire {
    async fn meet(&self, host: &LiveHost, port: u16, limits: &Limits) -> Result<Met, MeetError> {
        if self.1.met.fetch_add(1, Ordering::SeqCst) + 1 == self.1.until {
            self.1.set_cut(true);
        }
        let unreachable = || MeetError::Filtered(io::ErrorKind::NetworkUnreachable.into());
        if self.1.is_cut() {
            return Err(unreachable());
        }
        let met = self.0.meet(host, port, limits).await;
        // An answer that comes after the cut does not arrive.
        if self.1.is_cut() {
            return Err(unreachable());
        }
        met
    }

    fn knows(&self, host: &LiveHost, port: u16) -> bool {
        self.0.knows(host, port)
    }
}

fn times(patience: Duration) -> Times {
    Times {
        tick: Duration::from_millis(50),
        quiet: Duration::from_millis(200),
        settle: Duration::from_millis(50),
        patience,
    }
}

/// A scan of [`HOSTS`] hosts of a /24 whose network goes when half of them were met.
struct Scan {
    network: Running,
    wire: Arc<Wire>,
    plan: RunPlan,
    patience: Duration,
    targets: Arc<TargetSet>,
    cx: Arc<Context>,
}

impl Scan {
    async fn prepare(net: u8, is_silent: bool, patience: Duration) -> Self {
        let network = serve(&format!("127.88.{net}"), HOSTS).await;
        let port = network.port(22).unwrap();
        let mut plan = plan_of(&format!("127.88.{net}.1-{HOSTS}"), &[port]);
        (plan.ssh_ports, plan.hands) = (vec![port], 3);
        let wire = Arc::new(Wire {
            is_silent,
            until: usize::from(HOSTS) / 2,
            ..Wire::default()
        });
        let (cx, targets) = context(&plan).await;
        let mut scan = Self {
            network,
            wire,
            plan,
            patience,
            targets,
            cx,
        };
        scan.take_up();
        scan
    }

    /// Another process takes it up.
    fn take_up(&mut self) {
        let mut cx = again(self.cx.store.clone(), &self.plan);
        let text = "[[credential]]\nid = 'audit'\ntype = 'ssh-password'\nuser = 'audit'\n\
                    password = { prompt = true }\nscope = ['127.88.0.0/16']\n";
        let credentials = credentials::parse(text).unwrap().credentials;
        let proof = StoredProof::Password(Password::new("right"));
        let proofs = BTreeMap::from([(credentials[0].id.clone(), proof)]);
        cx.keyring = Keyring::new(credentials, proofs);
        let mut known = KnownKeys::default();
        let _ = known.add_known_hosts(&self.network.known_hosts());
        let ssh = SshConnector::new(Arc::new(known));
        cx.connectors.ssh = Arc::new(OverWire(ssh, Arc::clone(&self.wire)));
        let eyes = Arc::new(Seen(Arc::clone(&self.wire)));
        cx.network = Network::seen_by(eyes, times(self.patience));
        self.cx = Arc::new(cx);
    }

    async fn go(&self) -> RunEnd {
        let sweeper = Arc::new(sweep::TcpSweeper::new(sweep::Profile::NORMAL));
        let (cx, targets) = (Arc::clone(&self.cx), Arc::clone(&self.targets));
        let run = run(cx, targets, sweeper, CancellationToken::new());
        run.await.unwrap()
    }

    /// How often each host heard the password.
    fn told(&self) -> BTreeMap<SocketAddr, usize> {
        let mut told = BTreeMap::new();
        for login in self.network.seen().logins {
            if matches!(login.proof, Proof::Password(_) | Proof::Responses(_)) {
                *told.entry(login.at).or_default() += 1;
            }
        }
        told
    }

    async fn assert_each_host_is_read_and_heard_the_password_once(&self) {
        let machines = machines(&self.cx).await;
        assert_eq!(machines.len(), usize::from(HOSTS));
        for machine in machines {
            assert_eq!(machine.outcome, "scanned_full", "{:?}", machine.access);
        }
        let told = self.told();
        assert_eq!(told.len(), usize::from(HOSTS));
        assert!(told.values().all(|count| *count == 1), "{told:?}");
    }
}

async fn machines(cx: &Context) -> Vec<MachineRecord> {
    let report = cx.store.report(&cx.run, ReportOptions::default());
    let report = report.await.unwrap();
    (0..).map_while(|at| report.machine(at).unwrap()).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_network_that_comes_back_in_time_costs_nobody_anything() {
    for (net, is_silent) in [(1, false), (2, true)] {
        let scan = Scan::prepare(net, is_silent, Duration::from_mins(1)).await;
        let its = Arc::clone(&scan.wire);
        let mut mending = JoinSet::new();
        mending.spawn(async move {
            while !its.is_cut() {
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
            tokio::time::sleep(Duration::from_secs(1)).await;
            its.set_cut(false);
        });
        assert_eq!(scan.go().await, RunEnd::Complete);
        scan.assert_each_host_is_read_and_heard_the_password_once()
            .await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_network_that_stays_away_ends_the_run_and_resuming_visits_exactly_the_rest() {
    for (net, is_silent) in [(3, false), (4, true)] {
        let mut scan = Scan::prepare(net, is_silent, Duration::from_millis(400)).await;
        assert_eq!(scan.go().await, RunEnd::CutOff);
        let (mut read, mut left) = (0, 0);
        for machine in machines(&scan.cx).await {
            if machine.outcome == "scanned_full" {
                read += 1;
                continue;
            }
            left += 1;
            assert_eq!(machine.outcome, "not_begun");
            let telling = AccessRecord::telling(machine.access.iter().map(|row| &row.1));
            let telling = telling.unwrap();
            assert_eq!(telling.code, ResultCode::NoNetwork);
            assert!(!telling.attempted && telling.detail.contains("no network"));
        }
        assert!(
            read > 0 && read + left == usize::from(HOSTS),
            "{read} {left}"
        );
        let (store, run) = (&scan.cx.store, &scan.cx.run);
        let finished = store.finished_addresses(run).await.unwrap();
        assert_eq!(finished.len(), read);
        let record = store.load_run(run).await.unwrap();
        assert_eq!(record.summary.state, RunState::CutOff);
        let before = scan.told();
        assert_eq!(before.len(), read);

        // Still away: nobody is visited, and nothing is lost.
        if !is_silent {
            scan.take_up();
            assert_eq!(scan.go().await, RunEnd::CutOff);
            assert_eq!(scan.told(), before);
        }

        scan.wire.set_cut(false);
        scan.take_up();
        assert_eq!(scan.go().await, RunEnd::Complete);
        scan.assert_each_host_is_read_and_heard_the_password_once()
            .await;
    }
}

/// Finds the port open everywhere as long as there is a network, which goes in the middle.
struct Walk(Arc<Wire>);

#[async_trait::async_trait]
impl Sweeper for Walk {
    async fn sweep(
        &self,
        plan: &SweepPlan,
        from: u64,
        out: mpsc::Sender<SweepEvent>,
        stop: CancellationToken,
    ) -> SweepEnd {
        let mut mark = from;
        while mark < plan.len() && !stop.is_cancelled() {
            if self.0.met.fetch_add(1, Ordering::SeqCst) + 1 == self.0.until {
                self.0.set_cut(true);
            }
            let probe = plan.probe(mark).unwrap();
            let sighting = Sighting {
                index: mark,
                address: probe.address,
                probe: probe.kind,
                answer: if self.0.is_cut() {
                    Answer::Unreachable
                } else {
                    Answer::Open
                },
                round_trip: Duration::from_millis(1),
                tries: 1,
                trace: None,
                mac: None,
            };
            mark += 1;
            let mut events = vec![SweepEvent::Passed(mark)];
            if sighting.answer == Answer::Open {
                events.insert(0, SweepEvent::Settled(probe.address));
            }
            if sighting.answer == Answer::Open || !self.0.is_silent {
                events.insert(0, SweepEvent::Sighting(sighting));
            }
            for event in events {
                out.send(event).await.ok();
            }
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
        let reason = if stop.is_cancelled() {
            EndReason::Stopped
        } else {
            EndReason::Complete
        };
        SweepEnd {
            mark,
            reason,
            tries: 0,
            requeued: 0,
            canaries: Canaries::default(),
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_swept_without_a_network_is_swept_again() {
    for is_silent in [false, true] {
        let mut plan = plan_of("127.88.5.1-200", &[9]);
        (plan.kind, plan.look.off) = (RunKind::Sweep, true);
        let until = 40;
        let wire = Arc::new(Wire {
            is_silent,
            until,
            ..Wire::default()
        });
        let (mut cx, targets) = context(&plan).await;
        let eyes = Arc::new(Seen(Arc::clone(&wire)));
        let own = Arc::get_mut(&mut cx).unwrap();
        own.network = Network::seen_by(eyes, times(Duration::from_millis(700)));
        let sweep = |cx: &Arc<Context>| {
            let (cx, sweeper) = (Arc::clone(cx), Arc::new(Walk(Arc::clone(&wire))));
            run(cx, Arc::clone(&targets), sweeper, CancellationToken::new())
        };
        assert_eq!(sweep(&cx).await.unwrap(), RunEnd::CutOff);
        let seen = cx.store.sightings(&cx.run).await.unwrap();
        let is_open = |row: &&SightingRow| row.answer == Answer::Open;
        let open = seen.iter().filter(is_open).count();
        assert_eq!(open, seen.len(), "what the system said is no sighting");
        assert_eq!(open, until - 1);
        let mark = cx.store.mark(&cx.run).await.unwrap();
        assert!(mark < until as u64, "{mark}");

        wire.set_cut(false);
        let mut back = again(cx.store.clone(), &plan);
        let eyes = Arc::new(Seen(Arc::clone(&wire)));
        back.network = Network::seen_by(eyes, times(Duration::from_millis(700)));
        let back = Arc::new(back);
        assert_eq!(sweep(&back).await.unwrap(), RunEnd::Complete);
        let seen = back.store.sightings(&back.run).await.unwrap();
        let addresses: BTreeSet<IpAddr> =
            seen.iter().filter(is_open).map(|row| row.address).collect();
        assert_eq!(addresses.len(), 200);
        assert_eq!(machines(&back).await.len(), 200);
    }
}

#[tokio::test]
async fn the_system_is_not_asked_for_a_way_with_each_host() {
    let mut plan = plan_of("127.88.6.1-200", &[9]);
    (plan.kind, plan.look.off) = (RunKind::Sweep, true);
    let wire = Arc::new(Wire::default());
    let (mut cx, targets) = context(&plan).await;
    let own = Arc::get_mut(&mut cx).unwrap();
    let eyes = Arc::new(Seen(Arc::clone(&wire)));
    own.network = Network::seen_by(eyes, times(Duration::from_millis(700)));
    let answers = (1..=200).map(|last| {
        let (address, kind) = ([127, 88, 6, last].into(), ProbeKind::Tcp(9));
        (Probe { address, kind }, Answer::Open)
    });
    let sweeper = Arc::new(SimulatedSweeper::new(answers));
    let stop = CancellationToken::new();
    let end = run(Arc::clone(&cx), targets, sweeper, stop).await.unwrap();
    assert_eq!((end, machines(&cx).await.len()), (RunEnd::Complete, 200));
    let looks = wire.looks.load(Ordering::SeqCst);
    assert!(looks < 100, "{looks}");
}
