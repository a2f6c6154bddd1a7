//! The loop of a run: from the sweep's sightings to the hosts' tasks.

use super::{Context, Event, RunEnd, RunError, RunKind, host, outstanding, save};
use crate::credentials;
use crate::identify;
use crate::model::{
    AccessRecord, HostFailure, HostOutcome, HostTrust, LiveHost, Protocol, ResultCode, Stage,
};
use crate::store::{self, HostCommit, SightingRow};
use crate::sweep::{Answer, EndReason, Probe, Sighting, SweepEnd, SweepEvent, SweepPlan, Sweeper};
use crate::targets::TargetSet;
use std::collections::{BTreeMap, BTreeSet, HashMap, VecDeque};
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::mpsc;
use tokio::task::{self, JoinError, JoinSet};
use tokio_util::sync::CancellationToken;

/// How long running hosts may go on after the operator stopped the run.
const GRACE: Duration = Duration::from_secs(5);
/// How many sightings wait for the store at most.
const BATCH: usize = 2_000;
/// How many unclaimed ports are listened to at once.
const GREETINGS: usize = 256;

pub(super) struct Runner {
    cx: Arc<Context>,
    targets: Arc<TargetSet>,
    plan: SweepPlan,
    stop: CancellationToken,
    mark: u64,
    finished: BTreeSet<IpAddr>,
    live: BTreeMap<IpAddr, Live>,
    /// Live hosts with a way in, that wait until every SSH port of theirs is settled.
    undecided: BTreeSet<IpAddr>,
    waiting: VecDeque<IpAddr>,
    tasks: JoinSet<Result<IpAddr, RunError>>,
    begun: HashMap<task::Id, IpAddr>,
    unheard: VecDeque<Probe>,
    /// The ports that were or will be listened to.
    listened: BTreeSet<(IpAddr, u16)>,
    greetings: JoinSet<(Probe, Option<String>)>,
    unsaved: Vec<SightingRow>,
}

/// What is known of a live host.
#[derive(Debug, Default)]
struct Live {
    answers: BTreeMap<u16, Answer>,
    /// Ports beside the SSH ports on which SSH is spoken.
    found_ssh: BTreeSet<u16>,
    round_trip: Option<Duration>,
    is_begun: bool,
}

impl Runner {
    /// Takes up the run where it is: the store knows what was seen and done.
    pub(super) async fn begin(
        cx: Arc<Context>,
        targets: Arc<TargetSet>,
        stop: CancellationToken,
    ) -> Result<Self, RunError> {
        let plan = cx.plan.sweep(&targets)?;
        let mark = cx.store.mark(&cx.run).await?;
        let finished = cx.store.finished_addresses(&cx.run).await?;
        let seen = cx.store.sightings(&cx.run).await?;
        cx.tell(Event::RunStarted {
            run: cx.run.clone(),
            addresses: u64::try_from(targets.len()).unwrap_or(u64::MAX),
            finished: finished.len() as u64,
        });
        let mut runner = Self {
            cx,
            targets,
            plan,
            stop,
            mark,
            finished,
            live: BTreeMap::new(),
            undecided: BTreeSet::new(),
            waiting: VecDeque::new(),
            tasks: JoinSet::new(),
            begun: HashMap::new(),
            unheard: VecDeque::new(),
            listened: BTreeSet::new(),
            greetings: JoinSet::new(),
            unsaved: Vec::new(),
        };
        runner.recall(seen);
        Ok(runner)
    }

    /// What an earlier part of the run saw.
    fn recall(&mut self, seen: Vec<SightingRow>) {
        let met = outstanding(seen.iter().map(|row| row.address), &self.finished);
        let met: BTreeSet<IpAddr> = met.into_iter().collect();
        for row in seen {
            let answer = match row.answer {
                store::Answer::Open => Answer::Open,
                store::Answer::Closed => Answer::Closed,
                store::Answer::Unreachable => Answer::Unreachable,
            };
            let probe = Probe {
                address: row.address,
                port: row.port,
            };
            if met.contains(&row.address) {
                let round_trip = row.round_trip_us;
                let round_trip = round_trip.map(|us| Duration::from_micros(us.into()));
                self.note(probe, answer, round_trip);
            }
            match row.banner {
                Some(banner) => {
                    self.listened.insert((row.address, row.port));
                    self.heard(probe, &banner);
                }
                None if answer == Answer::Open => self.listen_to(probe),
                None => {}
            }
        }
        self.decide();
    }

    /// Runs until everything is done or the run is stopped.
    pub(super) async fn go(mut self, sweeper: Arc<dyn Sweeper>) -> Result<RunEnd, RunError> {
        let (out, mut sightings) = mpsc::channel(1_024);
        let mut sweeping = JoinSet::new();
        let (plan, from, stop) = (self.plan.clone(), self.mark, self.stop.clone());
        sweeping.spawn(async move { sweeper.sweep(&plan, from, out, stop).await });
        let mut end: Option<SweepEnd> = None;
        loop {
            self.start_hosts();
            self.start_greetings();
            if end.is_some() && self.is_idle() {
                break;
            }
            tokio::select! {
                event = sightings.recv(), if end.is_none() => match event {
                    Some(event) => self.sweep_event(event).await?,
                    None => end = Some(self.sweep_ended(sweeping.join_next().await).await?),
                },
                Some(joined) = self.tasks.join_next_with_id() => self.host_ended(joined).await?,
                Some(joined) = self.greetings.join_next() => self.greeted(joined),
                () = self.stop.cancelled() => return self.wind_up().await,
            }
        }
        match end.map(|end| end.reason) {
            Some(EndReason::Starved(why)) => Err(RunError::Starved(why)),
            // The sweep may be the first to hear of it.
            Some(EndReason::Stopped) => self.wind_up().await,
            Some(EndReason::Complete) | None => {
                self.save_the_rest().await?;
                Ok(RunEnd::Complete)
            }
        }
    }

    fn is_idle(&self) -> bool {
        self.tasks.is_empty()
            && self.waiting.is_empty()
            && self.greetings.is_empty()
            && self.unheard.is_empty()
    }

    async fn sweep_event(&mut self, event: SweepEvent) -> Result<(), RunError> {
        match event {
            SweepEvent::Sighting(sighting) => self.sighted(sighting),
            SweepEvent::Passed(mark) => {
                self.mark = self.mark.max(mark);
                self.flush().await?;
                self.decide();
                self.cx.tell(Event::SweepProgress {
                    passed: self.mark,
                    total: self.plan.len(),
                });
            }
        }
        if self.unsaved.len() >= BATCH {
            self.flush().await?;
        }
        Ok(())
    }

    fn sighted(&mut self, sighting: Sighting) {
        let probe = Probe {
            address: sighting.address,
            port: sighting.port,
        };
        self.unsaved.push(SightingRow {
            address: sighting.address,
            port: sighting.port,
            answer: match sighting.answer {
                Answer::Open => store::Answer::Open,
                Answer::Closed => store::Answer::Closed,
                Answer::Unreachable => store::Answer::Unreachable,
            },
            round_trip_us: u32::try_from(sighting.round_trip.as_micros()).ok(),
            tries: sighting.tries,
            seen_at: (self.cx.clock)(),
            banner: None,
        });
        // Also of a host that is done: the login may have been quicker than the sweep.
        if sighting.answer == Answer::Open {
            self.listen_to(probe);
        }
        if self.finished.contains(&sighting.address) {
            return;
        }
        self.note(probe, sighting.answer, Some(sighting.round_trip));
        self.decide_one(sighting.address);
    }

    fn note(&mut self, probe: Probe, answer: Answer, round_trip: Option<Duration>) {
        if answer.is_life() && !self.live.contains_key(&probe.address) {
            let address = probe.address;
            self.cx.tell(Event::HostFound { address });
        }
        if !answer.is_life() && !self.live.contains_key(&probe.address) {
            return;
        }
        let live = self.live.entry(probe.address).or_default();
        live.answers.insert(probe.port, answer);
        let is_way_in = answer == Answer::Open && self.cx.plan.protocol_of(probe.port).is_some();
        if is_way_in && !live.is_begun {
            self.undecided.insert(probe.address);
        }
        live.round_trip = match (live.round_trip, round_trip) {
            (Some(a), Some(b)) => Some(a.min(b)),
            (a, b) => a.or(b),
        };
    }

    /// Queues every host whose SSH ports are all settled.
    fn decide(&mut self) {
        let undecided: Vec<IpAddr> = self.undecided.iter().copied().collect();
        for address in undecided {
            self.decide_one(address);
        }
    }

    /// Queues a host once all its SSH ports are settled, so that the operator's order of ports
    /// counts and not the order of answers.
    fn decide_one(&mut self, address: IpAddr) {
        if !self.undecided.contains(&address) || self.cx.plan.kind == RunKind::Local {
            return;
        }
        let Some(live) = self.live.get_mut(&address) else {
            return;
        };
        let mark = self.mark;
        let settled = |(_, port)| {
            let passed = || position(&self.plan, address, port).is_none_or(|at| at < mark);
            live.answers.contains_key(&port) || passed()
        };
        if live.is_begun || !self.cx.plan.ways_in().all(settled) {
            return;
        }
        live.is_begun = true;
        self.undecided.remove(&address);
        self.waiting.push_back(address);
    }

    /// On a port that no protocol claims nothing is written: what it says first is read.
    /// Once: a resumed run meets a port again that it knows.
    fn listen_to(&mut self, probe: Probe) {
        if self.cx.plan.protocol_of(probe.port).is_some() || identify::is_claimed(probe.port) {
            return;
        }
        if self.listened.insert((probe.address, probe.port)) {
            self.unheard.push_back(probe);
        }
    }

    fn start_greetings(&mut self) {
        while self.greetings.len() < GREETINGS && !self.stop.is_cancelled() {
            let Some(probe) = self.unheard.pop_front() else {
                break;
            };
            self.greetings.spawn(async move {
                let greeting = identify::grab_greeting(probe.address, probe.port).await;
                (probe, greeting)
            });
        }
    }

    fn greeted(&mut self, joined: Result<(Probe, Option<String>), JoinError>) {
        let Ok((probe, greeting)) = joined else {
            return;
        };
        let banner = greeting.unwrap_or_default();
        self.heard(probe, &banner);
        self.unsaved.push(SightingRow {
            address: probe.address,
            port: probe.port,
            answer: store::Answer::Open,
            round_trip_us: None,
            tries: 1,
            seen_at: (self.cx.clock)(),
            banner: Some(banner),
        });
    }

    /// SSH on a port where nobody expected it is as good a way in.
    fn heard(&mut self, probe: Probe, banner: &str) {
        let Some(live) = self.live.get_mut(&probe.address) else {
            return;
        };
        if !banner.starts_with("SSH-") {
            return;
        }
        live.found_ssh.insert(probe.port);
        if !live.is_begun {
            self.undecided.insert(probe.address);
            self.decide_one(probe.address);
        }
    }

    fn start_hosts(&mut self) {
        while self.tasks.len() < self.cx.plan.hands && !self.stop.is_cancelled() {
            let Some(address) = self.waiting.pop_front() else {
                break;
            };
            let (host, ports) = (self.host(address), self.ways_in(address));
            let cx = Arc::clone(&self.cx);
            let task = self.tasks.spawn(async move {
                let commit = host::scan(&cx, host, &ports).await?;
                save(&cx, commit).await?;
                Ok(address)
            });
            self.begun.insert(task.id(), address);
        }
    }

    fn host(&self, address: IpAddr) -> LiveHost {
        let said = self.targets.describe(address);
        let live = self.live.get(&address);
        let answers = live.into_iter().flat_map(|live| &live.answers);
        let open = answers.filter(|(_, answer)| **answer == Answer::Open);
        LiveHost {
            address,
            name: said.name,
            tags: said.tags,
            open_ports: open.map(|(port, _)| *port).collect(),
            round_trip: live.and_then(|live| live.round_trip),
        }
    }

    /// The open ports that one can log in on; SSH also where nobody expected it.
    fn ways_in(&self, address: IpAddr) -> Vec<(Protocol, u16)> {
        let Some(live) = self.live.get(&address) else {
            return Vec::new();
        };
        let is_open = |way: &(Protocol, u16)| live.answers.get(&way.1) == Some(&Answer::Open);
        let named = self.cx.plan.ways_in().filter(is_open);
        let found = live.found_ssh.iter().map(|port| (Protocol::Ssh, *port));
        named.chain(found).collect()
    }

    async fn host_ended(
        &mut self,
        joined: Result<(task::Id, Result<IpAddr, RunError>), JoinError>,
    ) -> Result<(), RunError> {
        let (id, ended) = match joined {
            Ok((id, ended)) => (id, Some(ended)),
            Err(error) => (error.id(), None),
        };
        let address = self.begun.remove(&id);
        match (ended, address) {
            (Some(ended), _) => drop(ended?),
            // A panic is a bug of ours, and one host's bug is not the end of the run.
            (None, Some(address)) => self.save_failed(address).await?,
            (None, None) => {}
        }
        if let Some(address) = address {
            self.finished.insert(address);
            self.live.remove(&address);
        }
        Ok(())
    }

    async fn save_failed(&mut self, address: IpAddr) -> Result<(), RunError> {
        let failure = HostFailure {
            stage: Stage::Collect,
            code: ResultCode::ProtocolError,
            detail: "a bug of this program ended the work on this host; please report it"
                .to_owned(),
            retryable: false,
        };
        let mut commit = self.untouched(address);
        for row in &mut commit.outcome.access {
            row.code = failure.code;
            row.detail.clone_from(&failure.detail);
        }
        commit.outcome.failure = Some(failure);
        save(&self.cx, commit).await
    }

    async fn sweep_ended(
        &mut self,
        joined: Option<Result<SweepEnd, JoinError>>,
    ) -> Result<SweepEnd, RunError> {
        let stopped = SweepEnd {
            mark: self.mark,
            reason: EndReason::Starved("the sweep broke off".to_owned()),
            tries: 0,
            requeued: 0,
        };
        let end = joined.and_then(Result::ok).unwrap_or(stopped);
        self.mark = self.mark.max(end.mark);
        self.flush().await?;
        self.decide();
        self.cx.tell(Event::SweepFinished);
        Ok(end)
    }

    async fn flush(&mut self) -> Result<(), RunError> {
        let rows = std::mem::take(&mut self.unsaved);
        self.cx
            .store
            .record_sightings(&self.cx.run, rows, self.mark)
            .await?;
        Ok(())
    }

    /// Live hosts that nobody could log in to get their rows, too.
    async fn save_the_rest(&mut self) -> Result<(), RunError> {
        self.flush().await?;
        let rest: Vec<IpAddr> = self.live.keys().copied().collect();
        for address in rest {
            let commit = self.untouched(address);
            save(&self.cx, commit).await?;
        }
        Ok(())
    }

    /// The outcome of a live host that was not worked on, with the reason.
    fn untouched(&self, address: IpAddr) -> HostCommit {
        let host = self.host(address);
        let access = match self.cx.plan.kind {
            RunKind::Sweep => Vec::new(),
            _ => self.no_way_in(&host),
        };
        HostCommit {
            outcome: HostOutcome {
                host,
                host_key: None,
                inventory: None,
                credential: None,
                failure: None,
                access,
                services: Vec::new(),
                elapsed_ms: 0,
            },
            matched: None,
            pins: Vec::new(),
            finished: (self.cx.clock)(),
        }
    }

    /// Why nobody could log in: a row for each protocol of which a credential covers the host.
    fn no_way_in(&self, host: &LiveHost) -> Vec<AccessRecord> {
        let live = self.live.get(&host.address);
        let answer = |port: u16| live.and_then(|live| live.answers.get(&port).copied());
        let row = |protocol, port, code| AccessRecord {
            protocol,
            port,
            credential: None,
            attempted: false,
            code,
            detail: String::new(),
            trust: HostTrust::None,
            elapsed_ms: 0,
        };
        let mut rows = Vec::new();
        for protocol in [Protocol::Ssh, Protocol::Winrm] {
            let all = self.cx.keyring.credentials();
            if credentials::plan(host, protocol, all, None).is_empty() {
                continue;
            }
            let ways = self.cx.plan.ways_in().filter(|way| way.0 == protocol);
            let ports: Vec<u16> = ways.map(|way| way.1).collect();
            let is_closed = |port: &u16| answer(*port) == Some(Answer::Closed);
            // One port that refuses says that the host is there and which service is not.
            let closed = ports.iter().copied().find(is_closed);
            let code = match closed {
                Some(_) => ResultCode::PortClosed,
                None => ResultCode::Filtered,
            };
            rows.push(row(protocol, closed.or(ports.first().copied()), code));
        }
        if rows.is_empty() {
            rows.push(row(Protocol::Ssh, None, ResultCode::NoCredentialInScope));
        }
        rows
    }

    /// The operator stopped the run: hosts under way may finish, for a moment.
    async fn wind_up(mut self) -> Result<RunEnd, RunError> {
        self.flush().await?;
        let finish = async {
            while let Some(joined) = self.tasks.join_next_with_id().await {
                if let Ok((_, Err(error))) = joined {
                    return Err(error);
                }
            }
            Ok(())
        };
        let finished = tokio::time::timeout(GRACE, finish).await;
        self.tasks.shutdown().await;
        finished.unwrap_or(Ok(()))?;
        Ok(RunEnd::Interrupted)
    }
}

/// A probe's place in the order.
fn position(plan: &SweepPlan, address: IpAddr, port: u16) -> Option<u64> {
    let index = plan.addresses().index_of(address)?;
    let place = plan.ports().binary_search(&port).ok()?;
    plan.positions_of(index).nth(place)
}
