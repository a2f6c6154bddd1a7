//! The loop of a run: from the sweep's sightings to the hosts' tasks.

use super::behind::{behind, described};
use super::desk::Seat;
use super::network::Standing;
use super::queue::Queue;
use super::sweeping::{Heard, Marks, Sweeping};
use super::{Context, Event, RunEnd, RunError, RunKind, Step, host, outstanding, save, save_all};
use crate::credentials;
use crate::identify;
use crate::model::{
    AccessRecord, Answer, Canaries, Clue, Gap, GapCause, HostFailure, HostOutcome, HostTrust,
    LiveHost, ProbeKind, Protocol, ResultCode, Stage, Trace,
};
use crate::store::{HostCommit, Pending, SightingRow};
use crate::sweep::intermediary::{Answers, intermediaries};
use crate::sweep::{EndReason, Sighting, SweepEnd, SweepEvent, SweepPlan, Sweeper};
use crate::targets::TargetSet;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;
use tokio::task::{self, JoinError, JoinSet};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

/// How long running hosts may go on after the operator stopped the run.
const GRACE: Duration = Duration::from_secs(5);
/// How many sightings wait for the store at most.
const BATCH: usize = 2_000;
/// How long further events of the sweep are waited for when some were heard.
const BREATH: Duration = Duration::from_millis(1);
/// How many hosts that were only looked at wait to be saved at most.
const LOOKED: usize = 128;
/// Of how many addresses that may be one intermediary it is asked who they are.
const SAMPLE: usize = 8;
/// To how many addresses the way is looked at.
const LOOKED_AT: u64 = 64;
/// What the receipt of a host says that was left.
const LEFT: &str = "left: this machine had no network";

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
    /// Addresses that accept everything: what they are is judged when all is seen.
    held: BTreeSet<IpAddr>,
    /// Held addresses that wait for what a few of them show.
    in_question: BTreeMap<IpAddr, Vec<IpAddr>>,
    waiting: Queue,
    /// Hosts that showed a changed key in an earlier part of the run. Until each was looked at again nobody
    /// else begins.
    alarming: BTreeSet<IpAddr>,
    /// Those who come after them.
    later: Vec<IpAddr>,
    /// Those that answered nobody directly, and are tried through jump hosts.
    behind: BTreeSet<IpAddr>,
    tasks: JoinSet<Result<Worked, RunError>>,
    begun: HashMap<task::Id, IpAddr>,
    /// The ranges that are asked who they are, by their first address.
    asking: HashMap<task::Id, IpAddr>,
    unsaved: Vec<SightingRow>,
    /// Hosts that were only looked at: saved together, for a look is soon made again.
    looked: Vec<HostCommit>,
    saving: Option<Saving>,
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

/// Works on a host: once, but for one that could not answer because we were not there to hear it. `None` where our
/// network went and did not come back.
async fn worked_on(
    cx: &Context,
    host: &LiveHost,
    mac: Option<[u8; 6]>,
    rest: &HostCommit,
) -> Result<Option<(HostCommit, Seat)>, RunError> {
    loop {
        let (awake, outages) = (cx.awake.now(), cx.network.now());
        let (mut commit, seat) = host::work(cx, host.clone(), mac, rest.clone()).await?;
        let was_cut = was_cut_short(&commit.outcome);
        if was_cut && cx.awake.slept_since(awake) {
            drop(seat);
            cx.awake.settle().await;
            continue;
        }
        // Who was only looked at may have shown less than he would have.
        let was_unseen = was_only_looked_at(&commit.outcome)
            && (showed_nothing(cx, &commit.outcome) || !cx.network.look());
        let is_undone = was_cut || was_unseen;
        if !is_undone && !was_silent(&commit.outcome) {
            return Ok(Some((commit, seat)));
        }
        let address = Some(host.address);
        if cx.network.is_there(address, outages, Instant::now()).await {
            return Ok(Some((commit, seat)));
        }
        if !is_undone {
            host::excuse(&mut commit);
            return Ok(Some((commit, seat)));
        }
        drop(seat);
        if !cx.network.back().await {
            return Ok(None);
        }
    }
}

/// Whether nothing of a credential came to an end on a host, well or badly.
fn was_only_looked_at(outcome: &HostOutcome) -> bool {
    outcome.inventory.is_none() && outcome.failure.is_none()
}

/// Whether a host showed nothing on any of its open ports.
fn showed_nothing(cx: &Context, outcome: &HostOutcome) -> bool {
    !cx.plan.look.off && !outcome.host.open_ports.is_empty() && outcome.clues.is_empty()
}

/// Whether a host was not heard any more when it may have had a secret: it is not asked again.
fn was_silent(outcome: &HostOutcome) -> bool {
    let failure = outcome.failure.as_ref();
    failure.is_some_and(|failure| {
        matches!(
            failure.code,
            ResultCode::Timeout | ResultCode::ProtocolError
        )
    })
}

/// Whether it may be that a host was not heard to its end. Never where another try may cost an account one.
fn was_cut_short(outcome: &HostOutcome) -> bool {
    let is_cut = |gap: &Gap| matches!(gap.cause, GapCause::TimedOut | GapCause::Malformed);
    match (&outcome.inventory, &outcome.failure) {
        (Some(inventory), _) => inventory.gaps.iter().any(is_cut),
        (None, Some(failure)) => failure.retryable,
        (None, None) => false,
    }
}

/// What the store writes while the run goes on, and what is said once it has.
struct Saving {
    done: Pending<()>,
    say: Vec<Event>,
}

/// What a task has done.
enum Worked {
    /// A host is saved.
    Host,
    /// A host that does not answer us was saved, having answered a jump host on some ports; or is silent
    /// there as well.
    Behind(IpAddr, Vec<u16>),
    /// A host was looked at, and is to be saved.
    Looked(Box<HostCommit>),
    /// A host was left, for our network went and did not come back.
    Left,
    /// Some addresses of a range, by its first, that may be one intermediary were asked who they are.
    Range(IpAddr, Vec<(IpAddr, Vec<Clue>)>),
}

/// What is known of a live host.
#[derive(Debug, Default)]
struct Live {
    answers: BTreeMap<ProbeKind, Answer>,
    traces: BTreeSet<Trace>,
    mac: Option<[u8; 6]>,
    round_trip: Option<Duration>,
    is_begun: bool,
}

impl Live {
    fn open_ports(&self) -> Vec<u16> {
        let open = self.answers.iter();
        let open = open.filter(|(_, answer)| **answer == Answer::Open);
        open.filter_map(|(probe, _)| probe.port()).collect()
    }

    fn shows_life(&self) -> bool {
        self.answers.values().any(|answer| answer.is_life())
    }
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
            cx,
            targets,
            plan,
            stop,
            marks: Marks::from(mark),
            finished,
            live: BTreeMap::new(),
            recalled: BTreeSet::new(),
            held: BTreeSet::new(),
            in_question: BTreeMap::new(),
            waiting: Queue::default(),
            alarming,
            later: Vec::new(),
            behind: BTreeSet::new(),
            tasks: JoinSet::new(),
            begun: HashMap::new(),
            asking: HashMap::new(),
            unsaved: Vec::new(),
            looked: Vec::new(),
            saving: None,
        };
        runner.look_around();
        runner.recall(&seen);
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

    /// What an earlier part of the run saw.
    fn recall(&mut self, seen: &[SightingRow]) {
        let met = outstanding(seen.iter().map(|row| row.address), &self.finished);
        let met: BTreeSet<IpAddr> = met.into_iter().collect();
        for row in seen.iter().filter(|row| met.contains(&row.address)) {
            self.note(row);
        }
        self.recalled = self.live.keys().copied().collect();
        // What has been taken out since is asked nothing.
        self.alarming
            .retain(|address| self.live.contains_key(address));
        for address in self.alarming.clone() {
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
                        for event in events {
                            self.sweep_event(event).await?;
                        }
                        // Being woken for each of thousands would cost more than what is done then.
                        tokio::time::sleep(BREATH).await;
                    }
                    Heard::Ended(ended) => end = self.sweep_ended(ended).await?,
                    Heard::Rested(ended) => self.count_canaries(ended.as_ref()).await?,
                },
                _ = standing.changed() => {}
                Some(joined) = self.tasks.join_next_with_id() => self.task_ended(joined).await?,
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
            Some(EndReason::Complete) | None => {
                self.save_the_rest().await?;
                Ok(RunEnd::Complete)
            }
        }
    }

    fn is_idle(&self) -> bool {
        self.tasks.is_empty() && self.waiting.is_empty() && self.later.is_empty()
    }

    /// Puts a host in line to be worked on.
    fn enqueue(&mut self, address: IpAddr) {
        if !self.alarming.is_empty() && !self.alarming.contains(&address) {
            self.later.push(address);
            return;
        }
        let tags = self.targets.describe(address).tags;
        let places = self.cx.plan.limits.places(address, &tags);
        self.waiting.push(address, places);
    }

    async fn sweep_event(&mut self, event: SweepEvent) -> Result<(), RunError> {
        match event {
            SweepEvent::Sighting(sighting) => self.sighted(&sighting),
            SweepEvent::Notice(text) => self.cx.tell(Event::Warning { text }),
            // Without a network nothing is settled; it is asked again when there is one.
            SweepEvent::Settled(_) | SweepEvent::Passed(_) if !self.cx.network.look() => {}
            SweepEvent::Settled(address) => self.settled(address),
            SweepEvent::Passed(mark) => {
                self.marks.pass(mark, Instant::now());
                self.flush().await?;
                self.settle_recalled();
                self.cx.tell(Event::SweepProgress {
                    passed: mark,
                    total: self.plan.len(),
                });
            }
        }
        if self.unsaved.len() >= BATCH {
            self.flush().await?;
        }
        Ok(())
    }

    /// Up to where silence is silence.
    fn mark(&mut self) -> u64 {
        self.marks.sure(self.cx.network.sure())
    }

    fn sighted(&mut self, sighting: &Sighting) {
        match sighting.answer {
            // That may be the system's own word.
            Answer::Unreachable if !self.cx.network.look() => return,
            answer if answer.is_life() => {
                if let Some(port) = sighting.probe.port() {
                    let at = SocketAddr::new(sighting.address, port);
                    self.cx.network.heard(at);
                }
            }
            _ => {}
        }
        let row = SightingRow {
            address: sighting.address,
            probe: sighting.probe,
            answer: sighting.answer,
            round_trip_us: u32::try_from(sighting.round_trip.as_micros()).ok(),
            tries: sighting.tries,
            seen_at: (self.cx.clock)(),
            trace: sighting.trace,
            mac: sighting.mac,
            banner: None,
        };
        if !self.finished.contains(&row.address) {
            self.note(&row);
        }
        self.unsaved.push(row);
    }

    fn note(&mut self, row: &SightingRow) {
        let address = row.address;
        // It may have been taken out since it answered.
        let index = self.plan.addresses().index_of(address);
        if index.is_none_or(|index| self.plan.is_excluded(index)) {
            return;
        }
        let is_known = self.live.contains_key(&address);
        // A hollow answer is kept, too: somebody answers there.
        if !is_known && row.answer == Answer::Unreachable {
            return;
        }
        if !is_known && row.answer.is_life() {
            self.cx.tell(Event::HostFound { address });
        }
        let live = self.live.entry(address).or_default();
        live.answers.insert(row.probe, row.answer);
        live.traces
            .extend(row.trace.filter(|_| row.answer == Answer::Open));
        live.mac = row.mac.or(live.mac);
        let took = row
            .round_trip_us
            .filter(|us| *us > 0 && row.answer.is_life());
        let took = took.map(|us| Duration::from_micros(us.into()));
        live.round_trip = match (live.round_trip, took) {
            (Some(a), Some(b)) => Some(a.min(b)),
            (a, b) => a.or(b),
        };
    }

    /// Every probe of a host is settled: it is worked on next, unless it is too good to be true.
    fn settled(&mut self, address: IpAddr) {
        self.recalled.remove(&address);
        let Some(live) = self.live.get_mut(&address) else {
            return;
        };
        if live.is_begun || !live.shows_life() {
            return;
        }
        live.is_begun = true;
        // Where nobody may be asked who he is, a login is the better question.
        let may_ask = self.cx.plan.kind == RunKind::Sweep || !self.cx.plan.look.off;
        if may_ask && self.answers(address).is_open_throughout(self.plan.ports()) {
            self.held.insert(address);
        } else {
            self.enqueue(address);
        }
    }

    /// What an earlier part of the run saw in full is not seen again.
    fn settle_recalled(&mut self) {
        let mark = self.mark();
        let plan = &self.plan;
        let is_passed = |address: &&IpAddr| {
            let index = plan.addresses().index_of(**address);
            index.is_none_or(|index| plan.positions_of(index).all(|position| position < mark))
        };
        let passed: Vec<IpAddr> = self.recalled.iter().filter(is_passed).copied().collect();
        for address in passed {
            self.settled(address);
        }
    }

    fn answers(&self, address: IpAddr) -> Answers {
        let live = self.live.get(&address);
        Answers {
            address,
            answers: live.map(|live| live.answers.clone()).unwrap_or_default(),
            traces: live.map(|live| live.traces.clone()).unwrap_or_default(),
            identities: BTreeSet::new(),
        }
    }

    /// All is seen: a few of those who accept everything in a range are asked who they are.
    fn question_held(&mut self) {
        let held = std::mem::take(&mut self.held);
        let hosts: Vec<Answers> = held.iter().map(|address| self.answers(*address)).collect();
        let found = intermediaries(&hosts, self.plan.ports(), |range| self.swept(range));
        for one in found {
            let Some(first) = one.addresses.first().copied() else {
                continue;
            };
            let sample: Vec<LiveHost> = spread(&one.addresses).map(|at| self.host(at)).collect();
            let cx = Arc::clone(&self.cx);
            let task = self.tasks.spawn(async move {
                let mut shown = Vec::new();
                for host in sample {
                    let address = host.address;
                    #[cfg(test)]
                    super::broken_at(cx.broken, (address, Stage::Identify));
                    shown.push((
                        address,
                        host::look(&cx, &host, host.open_ports.clone()).await,
                    ));
                }
                Ok(Worked::Range(first, shown))
            });
            self.asking.insert(task.id(), first);
            self.in_question.insert(first, one.addresses);
        }
        let in_question: BTreeSet<IpAddr> = self.in_question.values().flatten().copied().collect();
        let left = held
            .into_iter()
            .filter(|address| !in_question.contains(address));
        for address in left {
            self.enqueue(address);
        }
    }

    /// How many addresses of a /24 are swept.
    fn swept(&self, range: Ipv4Addr) -> usize {
        let all = (0..=u8::MAX).map(|last| {
            let [a, b, c, _] = range.octets();
            IpAddr::from([a, b, c, last])
        });
        all.filter(|address| self.targets.contains(*address))
            .count()
    }

    /// Those of a range have shown who they are: machines of their own, or one for all.
    async fn range_shown(
        &mut self,
        first: IpAddr,
        shown: Vec<(IpAddr, Vec<Clue>)>,
    ) -> Result<(), RunError> {
        let all = self.in_question.remove(&first).unwrap_or_default();
        // Nobody shows anything where we have no network: each is asked by itself when there is one.
        let has_network = self.cx.network.look();
        let identities: BTreeSet<String> = shown
            .iter()
            .flat_map(|(_, clues)| identify::identities(clues))
            .collect();
        if identities.len() > 1 || !has_network {
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

    fn start_hosts(&mut self) {
        let hands = self.cx.plan.limits.hands(self.cx.plan.hands);
        while self.tasks.len() < hands && !self.stop.is_cancelled() && self.cx.network.is_up() {
            let Some(address) = self.next() else {
                break;
            };
            if self.behind.remove(&address) {
                self.start_behind(address);
                continue;
            }
            let (host, mac) = (self.host(address), self.mac(address));
            let rest = self.untouched(address);
            let cx = Arc::clone(&self.cx);
            let probed = self.probed(address);
            let task = self.tasks.spawn(async move {
                cx.begin_receipt(address).await?;
                cx.note(address, Step::Probed(probed));
                let Some((commit, _seat)) = Box::pin(worked_on(&cx, &host, mac, &rest)).await?
                else {
                    cx.end_receipt(address, LEFT);
                    return Ok(Worked::Left);
                };
                cx.end_receipt(address, commit.outcome.word());
                if cx.plan.kind == RunKind::Sweep {
                    return Ok(Worked::Looked(Box::new(commit)));
                }
                save(&cx, commit).await?;
                Ok(Worked::Host)
            });
            self.begun.insert(task.id(), address);
        }
    }

    /// What was probed at an address, and how it answered.
    fn probed(&self, address: IpAddr) -> Vec<(ProbeKind, Option<Answer>)> {
        let live = self.live.get(&address);
        let own = live.map(|live| live.answers.clone()).unwrap_or_default();
        let silent = self.plan.ports().iter().map(|port| ProbeKind::Tcp(*port));
        let silent = silent.filter(|probe| !own.contains_key(probe));
        let silent: Vec<ProbeKind> = silent.collect();
        let answered = own.iter().map(|(probe, answer)| (*probe, Some(*answer)));
        answered
            .chain(silent.into_iter().map(|probe| (probe, None)))
            .collect()
    }

    /// Whose turn it is.
    fn next(&mut self) -> Option<IpAddr> {
        if self.cx.alarm.is_raised() {
            return None;
        }
        self.waiting.next()
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

    fn start_behind(&mut self, address: IpAddr) {
        let ports = self.cx.plan.ssh_ports.clone();
        let host = described(&self.targets, address, ports);
        let cx = Arc::clone(&self.cx);
        let task = self.tasks.spawn(async move {
            cx.begin_receipt(address).await?;
            let (commit, _seat) = loop {
                let outages = cx.network.now();
                let Some((commit, seat)) = host::work_behind(&cx, host.clone()).await? else {
                    cx.end_receipt(address, "nobody answered through the jump host");
                    return Ok(Worked::Behind(address, Vec::new()));
                };
                let was_cut = was_cut_short(&commit.outcome);
                if !was_cut || cx.network.is_there(None, outages, Instant::now()).await {
                    break (commit, seat);
                }
                drop(seat);
                if !cx.network.back().await {
                    cx.end_receipt(address, LEFT);
                    return Ok(Worked::Left);
                }
            };
            cx.end_receipt(address, commit.outcome.word());
            let services = commit.outcome.services.iter();
            let open = services.map(|service| service.port).collect();
            save(&cx, commit).await?;
            Ok(Worked::Behind(address, open))
        });
        self.begun.insert(task.id(), address);
    }

    /// What answered a jump host is a sighting like any other.
    fn sighted_behind(&mut self, address: IpAddr, ports: Vec<u16>) {
        let seen_at = (self.cx.clock)();
        let rows = ports.into_iter().map(|port| SightingRow {
            address,
            probe: ProbeKind::Tcp(port),
            answer: Answer::Open,
            round_trip_us: None,
            tries: 1,
            seen_at,
            trace: None,
            mac: None,
            banner: None,
        });
        self.unsaved.extend(rows);
    }

    fn mac(&self, address: IpAddr) -> Option<[u8; 6]> {
        self.live.get(&address).and_then(|live| live.mac)
    }

    fn host(&self, address: IpAddr) -> LiveHost {
        let said = self.targets.describe(address);
        let live = self.live.get(&address);
        LiveHost {
            address,
            name: said.name,
            tags: said.tags,
            open_ports: live.map(Live::open_ports).unwrap_or_default(),
            round_trip: live.and_then(|live| live.round_trip),
        }
    }

    async fn task_ended(
        &mut self,
        joined: Result<(task::Id, Result<Worked, RunError>), JoinError>,
    ) -> Result<(), RunError> {
        let (id, worked) = match joined {
            Ok((id, worked)) => (id, Some(worked?)),
            Err(error) => (error.id(), None),
        };
        let (address, range) = (self.begun.remove(&id), self.asking.remove(&id));
        let stage = address.map_or(Stage::Wait, |address| self.cx.leave(address));
        match (worked, address) {
            (Some(Worked::Left), _) => return Ok(()),
            (Some(Worked::Range(first, shown)), _) => return self.range_shown(first, shown).await,
            (Some(Worked::Looked(commit)), _) => {
                self.looked.push(*commit);
                if self.looked.len() >= LOOKED {
                    self.save_looked().await?;
                }
            }
            (Some(Worked::Behind(address, ports)), _) => self.sighted_behind(address, ports),
            (Some(Worked::Host), _) => {}
            // A panic is a defect of ours, and what is met on one host is not the end of the run.
            (None, Some(address)) => self.save_failed(address, stage).await?,
            // Each of the range is worked on, then: the one that it was met on says so.
            (None, None) => {
                let all = range.and_then(|first| self.in_question.remove(&first));
                for address in all.unwrap_or_default() {
                    self.enqueue(address);
                }
            }
        }
        if let Some(address) = address {
            self.waiting.left(address);
            self.finished.insert(address);
            self.live.remove(&address);
            if self.alarming.remove(&address) && self.alarming.is_empty() {
                for address in std::mem::take(&mut self.later) {
                    self.enqueue(address);
                }
            }
        }
        Ok(())
    }

    async fn save_looked(&mut self) -> Result<(), RunError> {
        let looked = std::mem::take(&mut self.looked);
        if looked.is_empty() {
            return Ok(());
        }
        let say = looked.iter().map(super::finished).collect();
        let done = self.cx.store.commit_hosts(&self.cx.run, looked);
        self.save(Saving { done, say }).await
    }

    /// Lets the store write, and goes on as soon as it has written what it was asked before: the sweep does not
    /// wait for the disk, and not much is on its way at once.
    async fn save(&mut self, saving: Saving) -> Result<(), RunError> {
        let before = self.saving.replace(saving);
        self.say_saved(before).await
    }

    /// Waits until everything is written.
    async fn saved(&mut self) -> Result<(), RunError> {
        let last = self.saving.take();
        self.say_saved(last).await
    }

    async fn say_saved(&self, saving: Option<Saving>) -> Result<(), RunError> {
        let Some(Saving { done, say }) = saving else {
            return Ok(());
        };
        done.await?;
        for event in say {
            self.cx.tell(event);
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

    /// The sweep has come to an end; `None` where it goes on when our network is back.
    async fn sweep_ended(&mut self, ended: Option<SweepEnd>) -> Result<Option<SweepEnd>, RunError> {
        let stopped = SweepEnd {
            mark: self.mark(),
            reason: EndReason::Starved("the sweep broke off".to_owned()),
            tries: 0,
            requeued: 0,
            canaries: Canaries::default(),
        };
        let end = ended.unwrap_or(stopped);
        self.count_canaries(Some(&end)).await?;
        if !self.stop.is_cancelled() && !self.cx.network.is_sound().await {
            return Ok(None);
        }
        self.marks.pass(end.mark, Instant::now());
        self.marks.sure(Instant::now());
        self.flush().await?;
        if end.reason == EndReason::Complete {
            let unsettled: Vec<IpAddr> = self.live.keys().copied().collect();
            for address in unsettled {
                self.settled(address);
            }
            self.question_held();
            self.go_behind();
        }
        self.cx.tell(Event::SweepFinished);
        Ok(Some(end))
    }

    async fn count_canaries(&self, end: Option<&SweepEnd>) -> Result<(), RunError> {
        let canaries = end.map(|end| end.canaries).unwrap_or_default();
        let Canaries { asked, lost } = canaries;
        if asked > 0 {
            let store = &self.cx.store;
            store.record_canaries(&self.cx.run, asked, lost).await?;
        }
        Ok(())
    }

    async fn flush(&mut self) -> Result<(), RunError> {
        let rows = std::mem::take(&mut self.unsaved);
        let mark = self.mark();
        let store = &self.cx.store;
        let done = store.record_sightings(&self.cx.run, rows, mark);
        let say = Vec::new();
        self.save(Saving { done, say }).await?;
        self.save_looked().await
    }

    /// Live hosts that nobody could log in to get their rows, too.
    async fn save_the_rest(&mut self) -> Result<(), RunError> {
        self.flush().await?;
        self.saved().await?;
        let rest: Vec<IpAddr> = self.live.keys().copied().collect();
        for address in rest {
            let mut commit = self.untouched(address);
            // Somebody answered in its name: there is nobody to log in to.
            if !self.live.get(&address).is_some_and(Live::shows_life) {
                commit.outcome.access.clear();
            }
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
                clues: Vec::new(),
                elapsed_ms: 0,
            },
            matched: None,
            exposures: Vec::new(),
            pins: Vec::new(),
            finished: (self.cx.clock)(),
        }
    }

    /// Why nobody could log in: a row for each credential that covers the host.
    fn no_way_in(&self, host: &LiveHost) -> Vec<AccessRecord> {
        let live = self.live.get(&host.address);
        let answer =
            |port: u16| live.and_then(|live| live.answers.get(&ProbeKind::Tcp(port)).copied());
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
            let ways = self.cx.plan.ways_in().filter(|way| way.0 == protocol);
            let ports: Vec<u16> = ways.map(|way| way.1).collect();
            let is_closed = |port: &u16| answer(*port) == Some(Answer::Closed);
            // One port that refuses says that the host is there and which service is not.
            let closed = ports.iter().copied().find(is_closed);
            let code = match closed {
                Some(_) => ResultCode::PortClosed,
                None => ResultCode::Filtered,
            };
            let port = closed.or(ports.first().copied());
            let detail = match ports.as_slice() {
                [] => "this run sweeps no port of this protocol (--ports)".to_owned(),
                [_] => String::new(),
                ports => format!("none of its ports is open: {}", listed(ports)),
            };
            let all = self.cx.keyring.credentials();
            let covering = credentials::covering(host, protocol, all);
            rows.extend(covering.map(|credential| AccessRecord {
                credential: Some(credential.id.clone()),
                detail: detail.clone(),
                ..row(protocol, port, code)
            }));
        }
        if rows.is_empty() {
            rows.push(row(Protocol::Ssh, None, ResultCode::NoCredentialInScope));
        }
        rows
    }

    /// Too many keys have changed: no host begins any more, and those that are logged in to may finish. The
    /// others say why they were not begun; `--resume` comes back to them.
    async fn stand_down(mut self) -> Result<RunEnd, RunError> {
        let why = self.cx.alarm.why();
        self.cx.tell(Event::SafetyStop { text: why.clone() });
        let stop = self.stop.clone();
        while !self.tasks.is_empty() {
            tokio::select! {
                Some(joined) = self.tasks.join_next_with_id() => self.task_ended(joined).await?,
                () = stop.cancelled() => return self.wind_up().await,
            }
        }
        self.flush().await?;
        let rest: Vec<IpAddr> = self.live.keys().copied().collect();
        for address in rest {
            if self.live.get(&address).is_some_and(Live::shows_life) {
                let code = ResultCode::NotAttemptedTrust;
                let commit = host::not_begun(self.untouched(address), code, &why);
                save(&self.cx, commit).await?;
            }
        }
        Ok(RunEnd::SafetyStop)
    }

    /// Our network went and did not come back: hosts under way may finish, for a moment. The others say why they were
    /// not begun; `--resume` comes back to them.
    async fn cut_off(mut self) -> Result<RunEnd, RunError> {
        let finish = async {
            while let Some(joined) = self.tasks.join_next_with_id().await {
                self.task_ended(joined).await?;
            }
            Ok::<(), RunError>(())
        };
        let finished = tokio::time::timeout(GRACE, finish).await;
        self.tasks.shutdown().await;
        finished.unwrap_or(Ok(()))?;
        self.flush().await?;
        self.saved().await?;
        // What was under way may have been saved in the last moment.
        let finished = self.cx.store.finished_addresses(&self.cx.run).await?;
        let why = format!("this machine had no network: {}", self.cx.network.why());
        let rest = self.live.keys().filter(|at| !finished.contains(*at));
        for address in rest.copied().collect::<Vec<IpAddr>>() {
            if self.live.get(&address).is_some_and(Live::shows_life) {
                let rest = self.untouched(address);
                save(&self.cx, host::not_begun(rest, ResultCode::NoNetwork, &why)).await?;
            }
        }
        Ok(RunEnd::CutOff)
    }

    /// The operator stopped the run: hosts under way may finish, for a moment.
    async fn wind_up(mut self) -> Result<RunEnd, RunError> {
        self.flush().await?;
        self.saved().await?;
        let finish = async {
            let mut looked = Vec::new();
            while let Some(joined) = self.tasks.join_next_with_id().await {
                match joined {
                    Ok((_, Err(error))) => return Err(error),
                    Ok((_, Ok(Worked::Looked(commit)))) => looked.push(*commit),
                    _ => {}
                }
            }
            save_all(&self.cx, looked).await
        };
        let finished = tokio::time::timeout(GRACE, finish).await;
        self.tasks.shutdown().await;
        finished.unwrap_or(Ok(()))?;
        Ok(RunEnd::Interrupted)
    }
}

fn listed(ports: &[u16]) -> String {
    let ports: Vec<String> = ports.iter().map(ToString::to_string).collect();
    ports.join(", ")
}

/// A few of many addresses, spread over all of them.
fn spread(addresses: &[IpAddr]) -> impl Iterator<Item = IpAddr> + '_ {
    let step = addresses.len().div_ceil(SAMPLE).max(1);
    addresses.iter().step_by(step).copied()
}
