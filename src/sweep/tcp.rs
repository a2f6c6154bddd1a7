//! The sweep that needs no privileges: it connects, and looks who answers. Talks.
//!
//! A thread of its own opens the connections that [`Schedule`] asks for, and tells it how they ended.

use super::flights::Flights;
use super::schedule::neighbours::{Neighbours, READ_EVERY, Table};
use super::schedule::{Outcome, Schedule, Work};
use super::{
    Canaries, EndReason, Profile, SweepEnd, SweepEvent, SweepPlan, Sweeper, descriptors, links,
};
use crate::traffic::{Allowance, Traffic};
use async_trait::async_trait;
use std::ops::Range;
use std::time::{Duration, Instant};
use tokio::runtime::Handle;
use tokio::sync::mpsc::{self, error::TrySendError};
use tokio::task::spawn_blocking;
use tokio_util::sync::CancellationToken;

/// Sweeps by ordinary TCP connections.
#[derive(Clone, Debug)]
pub struct TcpSweeper {
    profile: Profile,
    traffic: Traffic,
    max_sockets: Option<usize>,
}

impl TcpSweeper {
    /// Leans on the network as a profile says, with as many sockets as this process may hold.
    pub fn new(profile: Profile) -> Self {
        Self {
            profile,
            traffic: Traffic::unlimited(),
            max_sockets: None,
        }
    }

    /// Keeps to a bandwidth, together with whoever else does.
    #[must_use]
    pub fn with_traffic(self, traffic: Traffic) -> Self {
        Self { traffic, ..self }
    }

    /// Holds no more than so many sockets at once.
    #[must_use]
    pub fn with_max_sockets(self, sockets: usize) -> Self {
        Self {
            max_sockets: Some(sockets),
            ..self
        }
    }

    /// Sweeps some of a plan's positions, whichever engine they belong to; echoes among them are settled unasked.
    /// The events are those of [`Sweeper::sweep`], and their marks lie within the range.
    pub async fn sweep_range(
        &self,
        plan: &SweepPlan,
        range: Range<u64>,
        out: &mpsc::Sender<SweepEvent>,
        stop: &CancellationToken,
    ) -> SweepEnd {
        let end = range.end.min(plan.len());
        let range = range.start.min(end)..end;
        let stop = stop.child_token();
        // Whoever drops this future stops the thread.
        let _guard = stop.clone().drop_guard();
        let start = range.start;
        let talk = Talk {
            plan: plan.clone(),
            range,
            profile: self.profile,
            allowance: Allowance::new(self.traffic.clone()),
            width: self.width(),
            out: out.clone(),
            stop,
            handle: Handle::current(),
        };
        let ended = spawn_blocking(move || talk.run()).await;
        // The thread has nothing that panics; a runtime that shuts down does not begin it.
        ended.unwrap_or_else(|_| nothing_done(start, EndReason::Stopped, 0))
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
        self.sweep_range(plan, from..plan.len(), &out, &stop).await
    }
}

/// How long nothing is looked at, at most: whether the sweep was asked to stop, for one.
const LONGEST_WAIT: Duration = Duration::from_millis(50);
/// How many connections are begun before ended ones are heard.
const BATCH: usize = 64;
/// How long the machine may have no socket for a sweep that holds none.
const STARVED_AFTER: Duration = Duration::from_secs(30);
/// How long to wait before a poller is asked for again.
const POLLER_WAIT: Duration = Duration::from_millis(100);

/// Nobody reads any more, or the sweep was asked to stop.
struct Stop;

/// What the thread works on.
struct Talk {
    plan: SweepPlan,
    range: Range<u64>,
    profile: Profile,
    allowance: Allowance,
    width: usize,
    out: mpsc::Sender<SweepEvent>,
    stop: CancellationToken,
    handle: Handle,
}

impl Talk {
    fn run(mut self) -> SweepEnd {
        let start = self.range.start;
        let nothing = Allowance::new(Traffic::unlimited());
        let allowance = std::mem::replace(&mut self.allowance, nothing);
        let (flights, requeued) = self.flights();
        let flights = match flights {
            Ok(flights) => flights,
            Err(reason) => return nothing_done(start, reason, requeued),
        };
        let reach = links::reach();
        let neighbours = Neighbours::new(links::neighbours(), links::places());
        let schedule = Schedule::new(
            (&self.plan, self.range.clone()),
            self.profile,
            self.width,
            &reach,
            neighbours,
        );
        let mut sweep = Sweep {
            talk: &self,
            allowance,
            flights,
            schedule,
            ended: Vec::new(),
            mark: start,
            table_read: Duration::ZERO,
            shortage: None,
        };
        let reason = sweep.work().unwrap_or(EndReason::Stopped);
        SweepEnd {
            mark: sweep.mark,
            reason,
            tries: sweep.schedule.tries(),
            requeued: sweep.schedule.requeued() + requeued,
            canaries: sweep.schedule.canary_count(),
        }
    }

    /// A poller; this machine may have run out of descriptors for now. How often it had.
    fn flights(&self) -> (Result<Flights, EndReason>, u64) {
        let begun = Instant::now();
        let mut requeued = 0;
        loop {
            let error = match Flights::new() {
                Ok(flights) => return (Ok(flights), requeued),
                Err(error) => error,
            };
            requeued += 1;
            if self.is_stopped() {
                return (Err(EndReason::Stopped), requeued);
            }
            if begun.elapsed() >= STARVED_AFTER {
                return (Err(EndReason::Starved(error.to_string())), requeued);
            }
            std::thread::sleep(POLLER_WAIT);
        }
    }

    fn is_stopped(&self) -> bool {
        self.stop.is_cancelled() || self.out.is_closed()
    }

    /// Sends an event, and waits until it is taken.
    fn send(&self, event: SweepEvent) -> Result<(), Stop> {
        match self.out.try_send(event) {
            Ok(()) => Ok(()),
            Err(TrySendError::Closed(_)) => Err(Stop),
            Err(TrySendError::Full(event)) => {
                let sent = self.stop.run_until_cancelled(self.out.send(event));
                let sent = self.handle.block_on(sent);
                sent.and_then(Result::ok).ok_or(Stop)
            }
        }
    }
}

/// A sweep that did not get to begin.
fn nothing_done(mark: u64, reason: EndReason, requeued: u64) -> SweepEnd {
    SweepEnd {
        mark,
        reason,
        tries: 0,
        requeued,
        canaries: Canaries::default(),
    }
}

struct Sweep<'a> {
    talk: &'a Talk,
    allowance: Allowance,
    flights: Flights,
    schedule: Schedule<'a>,
    ended: Vec<(Work, Outcome)>,
    /// Everything below it is settled, and all of that was sent.
    mark: u64,
    table_read: Duration,
    /// Since when the machine has had no socket for us, and what it says.
    shortage: Option<(Duration, String)>,
}

impl Sweep<'_> {
    fn work(&mut self) -> Result<EndReason, Stop> {
        loop {
            if self.talk.is_stopped() {
                return Err(Stop);
            }
            self.launch();
            self.read_neighbours();
            self.schedule.judge(self.flights.now());
            self.report()?;
            if self.schedule.is_done() {
                return Ok(EndReason::Complete);
            }
            if let Some(reason) = self.starved() {
                return Ok(reason);
            }
            self.hear();
        }
    }

    /// Begins what may be begun now.
    fn launch(&mut self) {
        let mut batch = Vec::new();
        while batch.len() < BATCH && self.allowance.wait().is_none() {
            let now = self.flights.now();
            let Some(next) = self.schedule.next(now) else {
                break;
            };
            let (work, _) = &next;
            self.allowance.spend(work.cost());
            batch.push(next);
        }
        let mut ended = std::mem::take(&mut self.ended);
        self.flights.begin(batch, &mut ended);
        self.land_all(&mut ended);
        self.ended = ended;
    }

    /// Waits until something ends or is due.
    fn hear(&mut self) {
        let now = self.flights.now();
        let wake = self.schedule.wake(now);
        let latest = now + LONGEST_WAIT;
        let until = wake.map_or(latest, |wake| wake.min(latest));
        // What may not be sent need not be thought of.
        let until = match self.allowance.wait() {
            Some(wait) => until.max(now + wait.min(LONGEST_WAIT)),
            None => until,
        };
        let mut ended = std::mem::take(&mut self.ended);
        if self.flights.wait(until, &mut ended).is_err() {
            // Nothing was heard; nothing was lost.
            std::thread::sleep(POLLER_WAIT);
        }
        self.land_all(&mut ended);
        self.ended = ended;
    }

    fn land_all(&mut self, ended: &mut Vec<(Work, Outcome)>) {
        for (work, outcome) in ended.drain(..) {
            let is_short = matches!(outcome, Outcome::Exhausted | Outcome::NoSource);
            if !is_short {
                self.shortage = None;
            }
            let now = self.flights.now();
            self.allowance.spend(work.cost_of(&outcome, now));
            self.schedule.ended(work, outcome, self.flights.now());
        }
        if let Some(error) = self.flights.take_shortage()
            && self.schedule.open() == 0
        {
            let since = self.flights.now();
            self.shortage.get_or_insert((since, error));
        }
    }

    fn read_neighbours(&mut self) {
        let now = self.flights.now();
        if now < self.table_read + READ_EVERY || !self.schedule.wants_neighbours() {
            return;
        }
        self.table_read = now;
        let table: Table = links::neighbours().unwrap_or_default();
        self.schedule.read_neighbours(table, now);
    }

    /// Sends what has happened, and the mark when it is due.
    fn report(&mut self) -> Result<(), Stop> {
        for event in self.schedule.events(self.flights.now()) {
            self.talk.send(event)?;
        }
        self.mark = self.schedule.mark();
        Ok(())
    }

    fn starved(&self) -> Option<EndReason> {
        let (since, error) = self.shortage.as_ref()?;
        let is_long = self.flights.now().saturating_sub(*since) >= STARVED_AFTER;
        is_long.then(|| EndReason::Starved(error.clone()))
    }
}
