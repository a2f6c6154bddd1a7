//! The loop of a run: from the sweep's sightings to the hosts' tasks.

mod backlog;
mod ending;
mod hearing;
mod live;
mod suspects;
mod tasks;
mod turns;
mod untouched;
mod work;

use super::behind::{behind, described};
use super::network::Standing;
use super::range::targets_in;
use super::sweeping::{Heard, Marks, Sweeping};
use super::{Context, Event, RunEnd, RunError, outstanding, save};
use crate::credentials;
use crate::model::{Answer, Clue, HostFailure, LiveHost, ProbeKind, Stage};
use crate::store::{HostCommit, SightingRow};
use crate::sweep::intermediary::Answers;
use crate::sweep::{EndReason, SweepEnd, SweepPlan, Sweeper};
use crate::targets::TargetSet;
use backlog::Backlog;
use live::Live;
use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;
use suspects::Suspects;
use tasks::{About, Ended, Tasks, Worked};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use turns::Turns;
use work::Job;

/// How long further events of the sweep are waited for when some were heard.
const BREATH: Duration = Duration::from_millis(1);
/// To how many addresses the way is looked at.
const LOOKED_AT: u64 = 64;

pub(super) struct Runner {
    cx: Arc<Context>,
    targets: Arc<TargetSet>,
    plan: SweepPlan,
    stop: CancellationToken,
    marks: Marks,
    finished: BTreeSet<IpAddr>,
    live: BTreeMap<IpAddr, Live>,
    /// Live addresses that an earlier part of the run saw, and may have seen in full.
    recalled: BTreeSet<IpAddr>,
    suspects: Suspects,
    turns: Turns,
    /// Those that answered nobody directly, and are tried through jump hosts.
    behind: BTreeSet<IpAddr>,
    tasks: Tasks,
    backlog: Backlog,
}

/// Watches what may be wrong with this machine rather than with a host.
async fn watch(cx: Arc<Context>) {
    let network = cx.network.watch(|text| cx.tell(Event::Warning { text }));
    let slept = || {
        let text = "this machine slept, or the program was stopped for a while: hosts that were being asked and did not \
                    answer are asked again"
            .to_owned();
        cx.tell(Event::Warning { text });
    };
    let awake = cx.awake.watch(slept);
    tokio::join!(awake, network);
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
        let alarming = cx.store.changed_hosts(&cx.run).await?;
        let seen = cx.store.sightings(&cx.run).await?;
        cx.tell(Event::RunStarted {
            run: cx.run.clone(),
            addresses: u64::try_from(targets.len()).unwrap_or(u64::MAX),
            finished: finished.len() as u64,
        });
        let mut runner = Self {
            backlog: Backlog::new(Arc::clone(&cx)),
            cx,
            targets,
            plan,
            stop,
            marks: Marks::from(mark),
            finished,
            live: BTreeMap::new(),
            recalled: BTreeSet::new(),
            suspects: Suspects::default(),
            turns: Turns::default(),
            behind: BTreeSet::new(),
            tasks: Tasks::default(),
        };
        runner.look_around();
        runner.recall(&seen, alarming);
        Ok(runner)
    }

    /// Looks where this machine has a way to, of some addresses that the run is about.
    fn look_around(&self) {
        let space = self.plan.addresses();
        let step = space.len().div_ceil(LOOKED_AT).max(1);
        let indices = (0..space.len()).step_by(usize::try_from(step).unwrap_or(usize::MAX));
        let asked = indices.filter(|index| !self.plan.is_excluded(*index));
        let asked = asked.filter_map(|index| space.nth(index));
        let jumps = self.cx.keyring.jumps();
        let first = jumps.iter().filter(|jump| jump.jump.is_none());
        let first = first.filter_map(credentials::Jump::address);
        self.cx.network.begin(asked.chain(first), !jumps.is_empty());
    }

    /// What an earlier part of the run saw, and which hosts showed a changed key then.
    fn recall(&mut self, seen: &[SightingRow], mut alarming: BTreeSet<IpAddr>) {
        let met = outstanding(seen.iter().map(|row| row.address), &self.finished);
        let met: BTreeSet<IpAddr> = met.into_iter().collect();
        for row in seen.iter().filter(|row| met.contains(&row.address)) {
            self.note(row);
        }
        self.recalled = self.live.keys().copied().collect();
        // What has been taken out since is asked nothing.
        alarming.retain(|address| self.live.contains_key(address));
        self.turns = Turns::after(alarming.clone());
        for address in alarming {
            if let Some(live) = self.live.get_mut(&address) {
                live.is_begun = true;
                self.recalled.remove(&address);
                self.enqueue(address);
            }
        }
        self.settle_recalled();
    }

    /// Runs until everything is done or the run is stopped.
    pub(super) async fn go(mut self, sweeper: Arc<dyn Sweeper>) -> Result<RunEnd, RunError> {
        let mut sweeping = Sweeping::new(sweeper, self.plan.clone(), self.stop.clone());
        let mut end: Option<SweepEnd> = None;
        let cx = Arc::clone(&self.cx);
        let mut standing = cx.network.standing();
        if cx.network.is_up() {
            sweeping.go_on(self.marks.forget());
        }
        let mut watching = JoinSet::new();
        watching.spawn(watch(Arc::clone(&self.cx)));
        loop {
            self.start_hosts();
            if end.is_some() && self.is_idle() {
                break;
            }
            tokio::select! {
                heard = sweeping.next() => match heard {
                    Heard::Events(events) => {
                        self.sweep_events(events).await?;
                        // Being woken for each of thousands would cost more than what is done then.
                        tokio::time::sleep(BREATH).await;
                    }
                    Heard::Ended(ended) => end = self.sweep_ended(ended).await?,
                    Heard::Rested(ended) => self.count_canaries(ended.as_ref()).await?,
                },
                _ = standing.changed() => {}
                Some(ended) = self.tasks.next() => self.task_ended(ended?).await?,
                () = self.stop.cancelled() => return self.wind_up().await,
                () = cx.alarm.raised() => return self.stand_down().await,
            }
            let now = *standing.borrow_and_update();
            match now {
                Standing::There if end.is_none() && sweeping.is_resting() => {
                    sweeping.go_on(self.marks.forget());
                }
                Standing::There => {}
                Standing::Gone => sweeping.rest(),
                Standing::Lost => return self.cut_off().await,
            }
        }
        match end.map(|end| end.reason) {
            Some(EndReason::Starved(why)) => Err(RunError::Starved(why)),
            // The sweep may be the first to hear of it.
            Some(EndReason::Stopped) => self.wind_up().await,
            Some(EndReason::Complete) | None => self.complete().await,
        }
    }

    fn is_idle(&self) -> bool {
        self.tasks.is_empty() && self.turns.is_empty()
    }

    /// Puts a host in line to be worked on.
    fn enqueue(&mut self, address: IpAddr) {
        let tags = self.targets.describe(address).tags;
        let places = self.cx.plan.limits.places(address, &tags);
        self.turns.push(address, places);
    }

    fn start_hosts(&mut self) {
        let hands = self.cx.plan.limits.hands(self.cx.plan.hands);
        while self.tasks.len() < hands && !self.stop.is_cancelled() && self.cx.network.is_up() {
            let Some(address) = self.next() else {
                break;
            };
            let cx = Arc::clone(&self.cx);
            let about = About::Host(address);
            if self.behind.remove(&address) {
                let ports = cx.plan.ssh_ports.clone();
                let host = described(&self.targets, address, ports);
                self.tasks.spawn(about, work::behind(cx, host));
                continue;
            }
            let live = self.live.get(&address);
            let job = Job {
                host: self.host(address),
                mac: live.and_then(|live| live.mac),
                probed: live
                    .map(|live| live.probed(self.plan.ports()))
                    .unwrap_or_default(),
                rest: self.untouched(address),
            };
            self.tasks.spawn(about, work::on_host(cx, job));
        }
    }

    /// Whose turn it is.
    fn next(&mut self) -> Option<IpAddr> {
        if self.cx.alarm.is_raised() {
            return None;
        }
        self.turns.next()
    }

    /// All is seen: a few of those who accept everything in a range are asked who they are.
    fn question_held(&mut self) {
        let held = self.suspects.held();
        let seen = held.filter_map(|at| self.live.get(&at).map(|live| live.answers(at)));
        let seen: Vec<Answers> = seen.collect();
        let swept = |range| targets_in(&self.targets, range);
        let questions = self.suspects.question(&seen, self.plan.ports(), swept);
        for (first, sample) in questions.ranges {
            let sample = sample.into_iter().map(|at| self.host(at)).collect();
            let asking = work::on_range(Arc::clone(&self.cx), first, sample);
            self.tasks.spawn(About::Range(first), asking);
        }
        for address in questions.machines {
            self.enqueue(address);
        }
    }

    /// Those of a range have shown who they are: machines of their own, or one for all.
    async fn range_shown(
        &mut self,
        first: IpAddr,
        shown: Vec<(IpAddr, Vec<Clue>)>,
    ) -> Result<(), RunError> {
        let all = self.suspects.release(first);
        // Nobody shows anything where we have no network: each is asked by itself when there is one.
        let has_network = self.cx.network.look();
        if suspects::are_several(&shown) || !has_network {
            for address in all {
                self.enqueue(address);
            }
            return Ok(());
        }
        let mut shown: BTreeMap<IpAddr, Vec<Clue>> = shown.into_iter().collect();
        for address in all {
            let mut commit = self.untouched(address);
            commit.outcome.access.clear();
            commit.outcome.clues = shown.remove(&address).unwrap_or_default();
            save(&self.cx, commit).await?;
            self.finished.insert(address);
            self.live.remove(&address);
        }
        Ok(())
    }

    /// All is seen: silent addresses that a credential reaches through a jump host are tried there.
    fn go_behind(&mut self) {
        if !self.cx.plan.kind.logs_in() {
            return;
        }
        for address in behind(&self.targets, &self.cx.keyring) {
            let index = self.plan.addresses().index_of(address);
            let is_out = index.is_none_or(|index| self.plan.is_excluded(index));
            let answered = self.live.get(&address).is_some_and(Live::shows_life);
            if !is_out && !answered && !self.finished.contains(&address) {
                self.live.remove(&address);
                self.behind.insert(address);
                self.enqueue(address);
            }
        }
    }

    /// What answered a jump host is a sighting like any other.
    fn sighted_behind(&mut self, address: IpAddr, ports: Vec<u16>) {
        let seen_at = (self.cx.clock)();
        self.backlog.saw(ports.into_iter().map(|port| SightingRow {
            address,
            probe: ProbeKind::Tcp(port),
            answer: Answer::Open,
            round_trip_us: None,
            tries: 1,
            seen_at,
            trace: None,
            mac: None,
            banner: None,
        }));
    }

    fn host(&self, address: IpAddr) -> LiveHost {
        let live = self.live.get(&address);
        let open_ports = live.map(Live::open_ports).unwrap_or_default();
        LiveHost {
            round_trip: live.and_then(|live| live.round_trip),
            ..described(&self.targets, address, open_ports)
        }
    }

    /// The outcome of a live host that was not worked on, with the reason.
    fn untouched(&self, address: IpAddr) -> HostCommit {
        let live = self.live.get(&address);
        untouched::untouched(&self.cx, self.host(address), live)
    }

    async fn task_ended(&mut self, ended: Ended) -> Result<(), RunError> {
        let Ended { about, worked } = ended;
        let address = match about {
            Some(About::Host(address)) => Some(address),
            _ => None,
        };
        let stage = address.map_or(Stage::Wait, |address| self.cx.leave(address));
        match (worked, about) {
            (Some(Worked::Left), _) => return Ok(()),
            (Some(Worked::Range(first, shown)), _) => return self.range_shown(first, shown).await,
            (Some(Worked::Looked(commit)), _) => self.backlog.looked_at(*commit).await?,
            (Some(Worked::Behind(address, ports)), _) => self.sighted_behind(address, ports),
            (Some(Worked::Host), _) | (None, None) => {}
            // A panic is a defect of ours, and what is met on one host is not the end of the run.
            (None, Some(About::Host(address))) => self.save_failed(address, stage).await?,
            // Each of the range is worked on, then: the one that it was met on says so.
            (None, Some(About::Range(first))) => {
                for address in self.suspects.release(first) {
                    self.enqueue(address);
                }
            }
        }
        if let Some(address) = address {
            self.turns.left(address);
            self.finished.insert(address);
            self.live.remove(&address);
        }
        Ok(())
    }

    async fn save_failed(&mut self, address: IpAddr, stage: Stage) -> Result<(), RunError> {
        let failure = HostFailure::defect(stage);
        let text = format!("{address}: {}", failure.detail);
        self.cx.tell(Event::Warning { text });
        let mut commit = self.untouched(address);
        for row in &mut commit.outcome.access {
            row.code = failure.code;
            row.detail.clone_from(&failure.detail);
        }
        commit.outcome.failure = Some(failure);
        save(&self.cx, commit).await
    }
}
