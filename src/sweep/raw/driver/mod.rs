//! The thread that sends, hears and decides. Talks.
//!
//! One thread does all of it: sending is the bottleneck, answers wait in the socket's buffer, and nothing
//! is shared. It never waits for an answer only: each wait has an end.

mod asking;
mod hearing;
mod neighbours;
mod sending;

use super::super::budget::HalfOpen;
use super::super::descriptors;
use super::super::{EndReason, Leg, Profile, SweepEnd, SweepEvent, SweepPlan};
use super::canary::Canaries;
use super::connects::Connects;
use super::control::Control;
use super::cookie::Secret;
use super::courier::Courier;
use super::host::{Host, Rules};
use super::losses::Losses;
use super::open_ports::OpenPorts;
use super::pacing::Pacing;
use super::passes::{Asked, Passes, Share, Verdict};
use super::paths::Paths;
use super::seen::Seen;
use super::socket::{Batch, Inbox, Link};
use crate::traffic::Allowance;
use std::cmp::Reverse;
use std::collections::{BTreeSet, BinaryHeap, HashMap, VecDeque};
use std::io;
use std::net::IpAddr;
use std::ops::Range;
use std::time::{Duration, Instant};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

/// What a sweep is made from.
pub(super) struct Job<'a> {
    pub(super) plan: SweepPlan,
    pub(super) range: Range<u64>,
    pub(super) profile: Profile,
    pub(super) allowance: Allowance,
    pub(super) links: &'a [Link],
    /// The ports that packets are sent from: probes, and canaries.
    pub(super) ports: [u16; 2],
    pub(super) secret: Secret,
    pub(super) out: mpsc::Sender<SweepEvent>,
    pub(super) stop: CancellationToken,
}

/// From which rate on this machine is the limit, and not the network. Then a second thread sends, and hosts are
/// asked by packets only: a connection costs ten times as much.
pub(super) const AT_FULL_SPEED: u32 = 200_000;

/// Why it goes no further.
enum Halt {
    /// Nobody reads any more, or the sweep was asked to stop.
    Stop,
    /// The machine or the network does not let us, and says this.
    Broken(String),
}

impl From<io::Error> for Halt {
    fn from(error: io::Error) -> Self {
        Self::Broken(error.to_string())
    }
}

pub(super) struct Driver<'a> {
    job: Job<'a>,
    leg: Leg,
    paths: Paths,
    begun: Instant,
    control: Control,
    pacing: Pacing,
    budget: HalfOpen,
    losses: Losses,
    passes: Passes,
    /// Addresses that are not asked in passes any more: they showed life, or nobody can be there.
    seen: Seen,
    /// Which ports hosts of each kind have open.
    ports: OpenPorts,
    /// Addresses that a router called unreachable.
    refused: Seen,
    hosts: HashMap<u64, Host>,
    /// When to look at which host again.
    wakes: BinaryHeap<Reverse<(Duration, u64)>>,
    /// Positions that are not settled until their host is.
    held: BTreeSet<(u64, u64)>,
    canaries: Canaries,
    canary_credit: f64,
    connects: Connects,
    search: neighbours::Search,
    neighbour_slots: neighbours::Slots,
    batches: Vec<Batch>,
    courier: Option<Courier>,
    inbox: Inbox,
    outbox: VecDeque<SweepEvent>,
    mark_sent: u64,
    /// When to say next how far it is.
    mark_due: Duration,
    /// When to look at the rate, the marks and the losses next.
    look_at: Duration,
    count: Count,
}

#[derive(Debug, Default)]
struct Count {
    /// Packets, those of connections estimated.
    packets: u64,
    /// How many of them the pacing knows of.
    paced: u64,
    tries: u64,
    requeued: u64,
    dropped: u64,
}

/// How long answers are waited for at least.
const WAIT: Duration = Duration::from_secs(1);
/// How long nothing is looked at: a fraction of what the controller needs.
const LOOK_EVERY: Duration = Duration::from_millis(2);
/// How often it is said how far the sweep is.
const MARK_EVERY: Duration = Duration::from_millis(200);
/// How many events may wait to be read until nothing new is asked.
const OUTBOX: usize = 4_096;
/// How many hosts may be unsettled until no new ones are looked for.
const HOSTS: usize = 65_536;
/// How many connections there are at once at most.
const CONNECTIONS: usize = 4_096;
/// How many positions a stretch has at most, and how many seconds it takes.
const STRETCH: f64 = 16_384.0;
const STRETCH_TIME: f64 = 1.5;

impl<'a> Driver<'a> {
    pub(super) fn new(
        job: Job<'a>,
        leg: Leg,
        paths: Paths,
        courier: Option<Courier>,
    ) -> io::Result<Self> {
        let most = descriptors::budget().min(CONNECTIONS);
        let connects = Connects::new(most)?;
        for link in job.links {
            connects.watch(link)?;
        }
        let profile = job.profile;
        // Spread over all addresses, none gets more than a host may.
        let addresses: u64 = leg
            .indices()
            .iter()
            .map(|range| range.end - range.start)
            .sum();
        let fair = u64::from(profile.host_rate.max(1)).saturating_mul(addresses);
        let rate = profile
            .rate
            .min(u32::try_from(fair).unwrap_or(u32::MAX))
            .max(1);
        let length = (f64::from(rate) * STRETCH_TIME).clamp(1_024.0, STRETCH);
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "from 1,024 to 16,384"
        )]
        let length = length as u64;
        let every = Duration::from_secs(1) / profile.host_rate.max(1);
        let batches = job.links.iter().map(|_| Batch::new()).collect();
        Ok(Self {
            passes: Passes::new(job.range.clone(), length),
            mark_sent: job.range.start,
            leg,
            paths,
            begun: Instant::now(),
            control: Control::new(rate),
            pacing: Pacing::new(),
            budget: HalfOpen::new(profile.half_open),
            losses: Losses::default(),
            seen: Seen::default(),
            ports: OpenPorts::default(),
            refused: Seen::default(),
            hosts: HashMap::new(),
            wakes: BinaryHeap::new(),
            held: BTreeSet::new(),
            canaries: Canaries::new(every * 2),
            canary_credit: 0.0,
            connects,
            search: neighbours::Search::default(),
            neighbour_slots: neighbours::Slots::read(job.plan.addresses()),
            batches,
            courier,
            inbox: Inbox::new(),
            outbox: VecDeque::new(),
            mark_due: MARK_EVERY,
            look_at: Duration::ZERO,
            count: Count::default(),
            job,
        })
    }

    pub(super) fn run(mut self) -> SweepEnd {
        let reason = match self.work() {
            Ok(()) => EndReason::Complete,
            Err(Halt::Stop) => EndReason::Stopped,
            Err(Halt::Broken(error)) => EndReason::Starved(error),
        };
        for link in self.job.links {
            link.close_ears();
        }
        // What was seen is said, unless it was to be stopped.
        while !self.outbox.is_empty() && self.flush().is_ok() {
            std::thread::sleep(LOOK_EVERY);
        }
        SweepEnd {
            mark: self.mark(),
            reason,
            tries: self.count.tries,
            requeued: self.count.requeued + self.courier.as_ref().map_or(0, |one| one.refused),
            canaries: super::super::Canaries {
                asked: self.canaries.asked,
                lost: self.canaries.lost,
            },
        }
    }

    fn work(&mut self) -> Result<(), Halt> {
        for link in self.job.links {
            link.listen(self.job.ports, &mut self.inbox)?;
        }
        self.leave_out_nobodys();
        self.find_routers()?;
        self.seek_neighbours();
        while !self.is_done() {
            let now = self.now();
            self.hear()?;
            self.hear_connections(now)?;
            self.look(now)?;
            let sent = self.send(now)?;
            self.flush()?;
            let may_send = self.job.allowance.wait().is_none();
            let is_busy = may_send && self.pacing.is_behind() && self.has_work();
            if sent == 0 && !is_busy && !self.is_done() {
                self.pause()?;
            }
        }
        self.own_up();
        self.report();
        Ok(())
    }

    fn now(&self) -> Duration {
        self.begun.elapsed()
    }

    fn is_done(&self) -> bool {
        self.passes.is_done() && self.hosts.is_empty() && !self.search.is_on()
    }

    /// Whether something is to be sent as soon as the rate allows.
    fn has_work(&mut self) -> bool {
        let now = self.now();
        let positions = !self.passes.is_through() || self.passes.is_asking();
        let is_due = |Reverse((at, _)): &Reverse<(Duration, u64)>| *at <= now;
        let can = self.outbox.len() < OUTBOX;
        let can_probe = can && self.has_room(now);
        can && self.search.is_asking()
            || can_probe
                && (self.wakes.peek().is_some_and(is_due) || positions && self.hosts.len() < HOSTS)
    }

    fn mark(&self) -> u64 {
        let held = self
            .held
            .first()
            .map_or(u64::MAX, |(position, _)| *position);
        // Who is on the link is not known before the search has ended.
        let sought = if self.search.is_on() {
            self.job.range.start
        } else {
            u64::MAX
        };
        self.passes.mark().min(held).min(sought)
    }

    /// Packets a second. Neighbours are asked for at the full rate: there is no router on the way.
    fn rate(&self) -> f64 {
        if self.search.is_asking() {
            self.control.asked()
        } else {
            self.control.rate()
        }
    }

    /// How many packets may be sent now.
    fn due(&mut self, now: Duration) -> usize {
        let rate = self.rate();
        self.pacing.due(now, rate, rate >= self.control.asked())
    }

    /// How long after a packet its answer must have come.
    fn wait(&self) -> Duration {
        match self.control.round_trip() {
            Some(_) => WAIT.max(self.control.time_out() * 2),
            // Where nobody answers at all, as long as the profile says.
            None => WAIT.max(self.job.profile.timeout),
        }
    }

    fn rules(&self) -> Rules {
        let profile = &self.job.profile;
        Rules {
            every: Duration::from_secs(1) / profile.host_rate.max(1),
            at_once: profile.host_connections.max(1),
            retries: profile.retries,
            most_retries: self
                .losses
                .retries()
                .clamp(profile.retries, profile.most_retries.max(profile.retries)),
            longest: profile.timeout,
            queued: self.control.queued(),
            by_connection: !self.budget.is_limited() && profile.rate < AT_FULL_SPEED,
        }
    }

    /// What is looked at now and then: the rate, losses, stretches whose answers have come, the mark.
    fn look(&mut self, now: Duration) -> Result<(), Halt> {
        if self.job.stop.is_cancelled() {
            return Err(Halt::Stop);
        }
        if now < self.look_at {
            return Ok(());
        }
        self.look_at = now + LOOK_EVERY;
        self.losses.ripen(now);
        let time_out = self.control.time_out();
        while let Some(asked) = self.canaries.expired(now, time_out) {
            self.outcome(asked, true);
        }
        self.look_at_neighbours(now);
        // What is owed so far is owed at the old rate.
        self.due(now);
        if let Some(lowered) = self.control.look(now, self.count.packets) {
            self.outbox
                .push_back(SweepEvent::Notice(lowered.to_string()));
        }
        for link in self.job.links {
            let dropped = link.dropped()?;
            self.count.dropped += u64::from(dropped);
            // Nobody knows which answers these were.
            for _ in 0..dropped.min(100) {
                self.losses.outcome(now, true);
            }
        }
        if self.passes.due().is_some_and(|due| due <= now) {
            self.judge(now);
        }
        // Whoever hears it saves it: not more often than is of use.
        if now >= self.mark_due {
            self.mark_due = now + MARK_EVERY;
            self.report();
        }
        Ok(())
    }

    fn judge(&mut self, now: Duration) {
        let Self {
            passes,
            losses,
            control,
            job,
            ..
        } = self;
        let baseline = control.baseline();
        passes.judge(now, |passes, asked| {
            verdict(passes, losses, &job.profile, (now, baseline), asked)
        });
    }

    fn outcome(&mut self, sent: Duration, is_lost: bool) {
        self.control.outcome(sent, is_lost);
        self.losses.outcome(sent, is_lost);
    }

    /// Says how far it is.
    fn report(&mut self) {
        let mark = self.mark();
        if mark > self.mark_sent {
            self.mark_sent = mark;
            self.outbox.push_back(SweepEvent::Passed(mark));
        }
    }

    /// Hands over what there is to say, as far as somebody reads.
    fn flush(&mut self) -> Result<(), Halt> {
        if self.job.stop.is_cancelled() {
            return Err(Halt::Stop);
        }
        while let Some(event) = self.outbox.pop_front() {
            match self.job.out.try_send(event) {
                Ok(()) => {}
                Err(mpsc::error::TrySendError::Full(event)) => {
                    self.outbox.push_front(event);
                    return Ok(());
                }
                Err(mpsc::error::TrySendError::Closed(_)) => return Err(Halt::Stop),
            }
        }
        Ok(())
    }

    /// Waits until something is heard or due.
    fn pause(&mut self) -> Result<(), Halt> {
        const LONGEST: Duration = Duration::from_millis(50);
        let now = self.now();
        let wakes = self.wakes.peek().map(|Reverse((at, _))| *at);
        let next = self.pacing.next(now, self.rate());
        let next = match self.job.allowance.wait() {
            Some(wait) => next.max(now + wait),
            None => next,
        };
        // Whatever is to be sent cannot be sent before the next packet is due.
        let is_open = self.hosts.len() < HOSTS;
        let positions = !self.passes.is_through() || self.passes.is_asking();
        let positions = positions && is_open || self.search.is_asking();
        let positions = positions.then_some(now);
        let sends = wakes.into_iter().chain(positions);
        let room = if self.has_room(now) {
            None
        } else {
            self.budget.next_end()
        };
        let next = room.map_or(next, |room| room.max(next));
        let sends = sends.map(|at| at.max(next));
        let others = self.passes.due().into_iter();
        let others = others.chain(self.canaries.due(self.control.time_out()));
        let others = others.chain(self.search.due());
        let until = sends.chain(others).chain(self.connects.due()).min();
        let time = until.map_or(LONGEST, |until| until.saturating_sub(now).min(LONGEST));
        let time = if self.outbox.is_empty() {
            time
        } else {
            time.min(LOOK_EVERY)
        };
        // A handful of packets at a time is enough.
        Ok(self.connects.wait(time.max(Duration::from_millis(1)))?)
    }

    /// The index of an address of this leg.
    fn index_of(&self, address: std::net::Ipv4Addr) -> Option<u64> {
        let index = self.job.plan.addresses().index_of(IpAddr::V4(address))?;
        let ranges = self.leg.indices();
        let place = ranges.partition_point(|range| range.end <= index);
        ranges
            .get(place)
            .filter(|range| range.contains(&index))
            .map(|_| index)
    }
}

/// What becomes of a stretch whose answers have come.
fn verdict(
    passes: &Passes,
    losses: &Losses,
    profile: &Profile,
    (now, baseline): (Duration, f64),
    asked: Asked,
) -> Verdict {
    let next = asked.pass + 1;
    if next <= profile.retries {
        return Verdict::Again(Share::All);
    }
    if next > profile.most_retries {
        return Verdict::Settled;
    }
    if losses.was_lossy(asked.begun, asked.ended, baseline) {
        return Verdict::Again(Share::All);
    }
    // While there is something else to do, it costs nothing to wait until more is known. Nor while others are waited
    // for, where that is on its way.
    let later = match passes.last_due() {
        Some(last) if passes.is_through() && losses.will_be_sure() => last.min(now + WAIT / 4),
        _ if passes.is_through() => now,
        _ => now + WAIT / 4,
    };
    let has_time = later > now && now < asked.ended + WAIT * 3;
    if has_time && !losses.is_sure() {
        return Verdict::Later(later);
    }
    let (found, all) = passes.yields(asked.pass);
    let is_worth_it = asked.pass == 0 || losses.is_worth_it(found, all);
    if next <= losses.retries() && is_worth_it {
        return Verdict::Again(Share::All);
    }
    if asked.share == Share::Sample && asked.found > 0 {
        return Verdict::Again(Share::All);
    }
    // A second look at some, though nothing seems to get lost, while it costs no time.
    if asked.pass == 0 && !passes.is_through() {
        return Verdict::Again(Share::Sample);
    }
    Verdict::Settled
}
