//! The sweep that needs no privileges: it connects, and looks who answers. Talks.
//!
//! One loop decides what is begun and hears what ended; a connection that does not end at once
//! waits in a task of its own. A probe that cannot go now (its host is busy, its second try is
//! not due, the machine has run out of sockets) is put aside, and the others go on.

use super::connect::{self, Begun, Outcome, Pending};
use super::loss::{Losses, Silence};
use super::pace::{Admission, Hosts, Pacer, RoundTrips, Width};
use super::window::Window;
use super::{
    Answer, Canaries, EndReason, Probe, Profile, Sighting, SweepEnd, SweepEvent, SweepPlan,
    Sweeper, descriptors,
};
use async_trait::async_trait;
use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::io;
use std::net::SocketAddr;
use std::time::Duration;
use tokio::sync::mpsc;
use tokio::task::{JoinError, JoinSet};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

/// Sweeps by ordinary TCP connections.
#[derive(Clone, Copy, Debug)]
pub struct TcpSweeper {
    profile: Profile,
    max_sockets: Option<usize>,
}

impl TcpSweeper {
    /// Leans on the network as a profile says, with as many sockets as this process may hold.
    pub fn new(profile: Profile) -> Self {
        Self {
            profile,
            max_sockets: None,
        }
    }

    /// Holds no more than so many sockets at once.
    #[must_use]
    pub fn with_max_sockets(self, sockets: usize) -> Self {
        Self {
            max_sockets: Some(sockets),
            ..self
        }
    }

    /// How many connections may be on their way at once: no more than sockets, and no more than
    /// the rate can keep busy.
    fn width(&self) -> usize {
        const MOST: usize = 20_000;
        let busy = f64::from(self.profile.rate) * self.profile.timeout.as_secs_f64();
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "a cast saturates, and the product is not negative"
        )]
        let busy = busy.ceil() as usize;
        let sockets = self.max_sockets.unwrap_or(MOST);
        descriptors::budget().min(sockets).min(MOST).min(busy)
    }
}

#[async_trait]
impl Sweeper for TcpSweeper {
    async fn sweep(
        &self,
        plan: &SweepPlan,
        from: u64,
        out: mpsc::Sender<SweepEvent>,
        stop: CancellationToken,
    ) -> SweepEnd {
        let from = from.min(plan.len());
        let sweep = Sweep {
            plan,
            profile: self.profile,
            out,
            stop,
            begun: Instant::now(),
            window: Window::new(from),
            pacer: Pacer::new(self.profile.rate),
            width: Width::new(self.width()),
            trips: RoundTrips::new(self.profile.timeout),
            losses: Losses::new(self.profile.retries),
            hosts: Hosts::new(self.profile.host_rate, self.profile.host_connections),
            aside: BinaryHeap::new(),
            flights: JoinSet::new(),
            mark_sent: from,
            mark_due: MARK_EVERY,
            shortage: None,
            tries: 0,
            requeued: 0,
        };
        sweep.run().await
    }
}

/// How long a mark is kept back, unless many probes passed.
const MARK_EVERY: Duration = Duration::from_millis(200);
const MARK_PROBES: u64 = 1_000;
/// How many probes may be put aside until no new ones are begun.
const ASIDE_LIMIT: usize = 65_536;
/// How many probes are begun before ended ones are heard.
const BATCH: usize = 256;
/// How often a probe without a source port is put back until the host counts as out of reach.
const SOURCE_TRIES: u8 = 8;
/// From how many connections on they may have used up this machine's ports.
const MANY_PORTS: usize = 1_000;
/// How long nothing is begun after this machine had run out of something.
const HOLD: Duration = Duration::from_millis(20);
/// How long the machine may have no socket for a sweep that holds none.
const STARVED_AFTER: Duration = Duration::from_secs(30);

/// A probe on its way through the sweep.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Work {
    position: u64,
    probe: Probe,
    /// How many connections were begun for it.
    tries: u8,
    /// How often it was put back because this machine had run out of something.
    shortages: u8,
    /// Whether its moment was given out by its host's rate.
    kept: bool,
    /// Whether it is not to be sent again, but its silence to be judged again.
    doubted: bool,
}

/// Nobody reads any more, or the sweep was asked to stop.
struct Stop;

struct Sweep<'a> {
    plan: &'a SweepPlan,
    profile: Profile,
    out: mpsc::Sender<SweepEvent>,
    stop: CancellationToken,
    /// Moments are counted from here.
    begun: Instant,
    window: Window,
    pacer: Pacer,
    width: Width,
    trips: RoundTrips,
    losses: Losses,
    hosts: Hosts<Work>,
    aside: BinaryHeap<Reverse<(Duration, Work)>>,
    flights: JoinSet<(Work, Outcome)>,
    mark_sent: u64,
    mark_due: Duration,
    /// Since when the machine has had no socket for us, and what it says.
    shortage: Option<(Duration, String)>,
    tries: u64,
    requeued: u64,
}

impl Sweep<'_> {
    async fn run(mut self) -> SweepEnd {
        let reason = self.work().await.unwrap_or(EndReason::Stopped);
        SweepEnd {
            mark: self.window.mark(),
            reason,
            tries: self.tries,
            requeued: self.requeued,
            canaries: Canaries::default(),
        }
    }

    async fn work(&mut self) -> Result<EndReason, Stop> {
        loop {
            if self.stop.is_cancelled() {
                return Err(Stop);
            }
            while let Some(ended) = self.flights.try_join_next() {
                self.land(ended).await?;
            }
            self.launch().await?;
            self.report().await?;
            if self.is_done() {
                return Ok(EndReason::Complete);
            }
            if let Some(error) = self.starved() {
                return Ok(EndReason::Starved(error));
            }
            self.pause().await?;
        }
    }

    fn now(&self) -> Duration {
        self.begun.elapsed()
    }

    fn is_done(&self) -> bool {
        self.window.mark() >= self.plan.len()
    }

    /// Begins what may be begun now.
    async fn launch(&mut self) -> Result<(), Stop> {
        for _ in 0..BATCH {
            let now = self.now();
            if self.flights.len() >= self.width.at(now) || self.pacer.next() > now {
                return Ok(());
            }
            let Some(work) = self.next(now) else {
                return Ok(());
            };
            match self
                .hosts
                .admit(work.probe.address, work.kept, now, || work)
            {
                Admission::Now => self.begin(work, now).await?,
                Admission::At(at) => self.put_aside(at, Work { kept: true, ..work }),
                Admission::Waiting => {}
            }
        }
        Ok(())
    }

    /// The probe whose turn it is: one that was put aside and is due, or else a new one.
    fn next(&mut self, now: Duration) -> Option<Work> {
        while self.aside_due().is_some_and(|at| at <= now) {
            match self.aside.pop() {
                Some(Reverse((_, work))) if work.doubted => self.silent(work, now),
                other => return other.map(|Reverse((_, work))| work),
            }
        }
        while self.has_new() {
            let position = self.window.next();
            self.window.begin();
            let probe = self.plan.probe(position);
            if let Some(probe) = probe.filter(|probe| probe.kind.port().is_some()) {
                return Some(Work {
                    position,
                    probe,
                    tries: 0,
                    shortages: 0,
                    kept: false,
                    doubted: false,
                });
            }
            self.window.settle(position);
        }
        None
    }

    fn aside_due(&self) -> Option<Duration> {
        self.aside.peek().map(|Reverse((at, _))| *at)
    }

    fn has_new(&self) -> bool {
        let aside = self.aside.len() + self.hosts.waiting();
        self.window.next() < self.plan.len() && !self.window.is_full() && aside < ASIDE_LIMIT
    }

    fn put_aside(&mut self, at: Duration, work: Work) {
        self.aside.push(Reverse((at, work)));
    }

    async fn begin(&mut self, mut work: Work, now: Duration) -> Result<(), Stop> {
        self.pacer.take(now);
        self.tries += 1;
        work.tries = work.tries.saturating_add(1);
        let Probe { address, kind } = work.probe;
        let port = kind.port().unwrap_or_default();
        match connect::begin(SocketAddr::new(address, port)) {
            Begun::Ended(outcome) => self.settle(work, outcome).await,
            Begun::Pending(pending) => {
                let timeout = if self.losses.is_further(work.tries) {
                    self.profile.timeout
                } else {
                    self.trips.timeout(address)
                };
                self.flights.spawn(fly(work, pending, timeout));
                Ok(())
            }
        }
    }

    async fn land(&mut self, ended: Result<(Work, Outcome), JoinError>) -> Result<(), Stop> {
        // A task is never cancelled while we listen, and has nothing that panics.
        let (work, outcome) = ended.map_err(|_| Stop)?;
        self.settle(work, outcome).await
    }

    /// Draws the consequences of an outcome. A position is settled only after its sighting is sent.
    async fn settle(&mut self, work: Work, outcome: Outcome) -> Result<(), Stop> {
        let now = self.now();
        if let Some(waiting) = self.hosts.done(work.probe.address) {
            let kept = false;
            self.put_aside(now, Work { kept, ..waiting });
        }
        match outcome {
            Outcome::Exhausted(error) => {
                self.short_of(&error, now);
                self.put_back(work, now);
                return Ok(());
            }
            Outcome::NoSource if work.shortages < SOURCE_TRIES => {
                // Linux shares out ports by destination, so fewer connections elsewhere free none;
                // other systems have some ten thousand for all.
                if self.flights.len() >= MANY_PORTS {
                    self.width.shrink(now, self.flights.len());
                }
                self.put_back(work, now);
                return Ok(());
            }
            Outcome::Silent => self.silent(work, now),
            Outcome::NoSource => {
                self.sight(work, Answer::Unreachable, Duration::ZERO)
                    .await?;
            }
            Outcome::Answered(answer, round_trip) => self.sight(work, answer, round_trip).await?,
        }
        self.shortage = None;
        Ok(())
    }

    /// Nobody answered: the probe goes again, or that is the answer.
    fn silent(&mut self, work: Work, now: Duration) {
        let silence = self
            .losses
            .silence(work.probe.address, work.tries, work.position);
        let (wait, doubted) = match silence {
            Silence::AskAgain(wait) => (wait, false),
            Silence::Doubted(wait) if !work.doubted => (wait, true),
            Silence::Doubted(_) | Silence::Believed => return self.window.settle(work.position),
        };
        let kept = false;
        let work = Work {
            kept,
            doubted,
            ..work
        };
        self.put_aside(now + wait, work);
    }

    /// Puts a probe back that was not really tried.
    fn put_back(&mut self, work: Work, now: Duration) {
        self.requeued += 1;
        let wait = Duration::from_millis(100) * 2_u32.pow(work.shortages.min(5).into());
        let work = Work {
            tries: work.tries.saturating_sub(1),
            shortages: work.shortages.saturating_add(1),
            kept: false,
            ..work
        };
        self.put_aside(now + wait, work);
    }

    /// Asks the machine for less, and remembers since when there has been no socket although we
    /// hold none.
    fn short_of(&mut self, error: &io::Error, now: Duration) {
        self.width.shrink(now, self.flights.len());
        self.pacer.hold(now + HOLD);
        if self.flights.is_empty() {
            self.shortage
                .get_or_insert_with(|| (now, error.to_string()));
        }
    }

    fn starved(&self) -> Option<String> {
        let (since, error) = self.shortage.as_ref()?;
        let long = self.now().saturating_sub(*since) >= STARVED_AFTER;
        long.then(|| error.clone())
    }

    async fn sight(
        &mut self,
        work: Work,
        answer: Answer,
        round_trip: Duration,
    ) -> Result<(), Stop> {
        let Probe { address, kind } = work.probe;
        if answer.is_life() {
            self.trips.sample(address, round_trip);
            self.losses.answered(address, work.tries);
        }
        let sighting = Sighting {
            index: work.position,
            address,
            probe: kind,
            answer,
            round_trip,
            tries: work.tries,
            trace: None,
            mac: None,
        };
        self.send(SweepEvent::Sighting(sighting)).await?;
        self.window.settle(work.position);
        Ok(())
    }

    /// Sends the mark when it is due.
    async fn report(&mut self) -> Result<(), Stop> {
        let (mark, now) = (self.window.mark(), self.now());
        let passed = mark - self.mark_sent;
        let due = now >= self.mark_due || passed >= MARK_PROBES || self.is_done();
        if passed == 0 || !due {
            return Ok(());
        }
        self.send(SweepEvent::Passed(mark)).await?;
        self.mark_sent = mark;
        self.mark_due = now + MARK_EVERY;
        Ok(())
    }

    async fn send(&self, event: SweepEvent) -> Result<(), Stop> {
        let sent = self.stop.run_until_cancelled(self.out.send(event)).await;
        sent.and_then(Result::ok).ok_or(Stop)
    }

    /// Waits until something ends, or something may be begun, or the mark is due.
    async fn pause(&mut self) -> Result<(), Stop> {
        let now = self.now();
        let until = self.wake(now);
        if until <= now {
            tokio::task::yield_now().await;
            return Ok(());
        }
        let alarm = tokio::time::sleep_until(self.begun + until);
        let ended = tokio::select! {
            biased;
            () = self.stop.cancelled() => return Err(Stop),
            ended = self.flights.join_next(), if !self.flights.is_empty() => ended,
            () = alarm => None,
        };
        match ended {
            Some(ended) => self.land(ended).await,
            None => Ok(()),
        }
    }

    /// The next moment at which there is something to do even if nothing ends.
    fn wake(&mut self, now: Duration) -> Duration {
        const LONGEST: Duration = Duration::from_secs(1);
        let mut until = now + LONGEST;
        if self.window.mark() > self.mark_sent {
            until = until.min(self.mark_due);
        }
        if self.flights.len() >= self.width.at(now) {
            return until;
        }
        let work = if self.has_new() {
            Some(now)
        } else {
            self.aside_due()
        };
        work.map_or(until, |at| until.min(at.max(self.pacer.next())))
    }
}

/// One connection's task.
async fn fly(work: Work, pending: Pending, timeout: Duration) -> (Work, Outcome) {
    (work, pending.wait(timeout).await)
}
