//! The connections on their way, and whose time is over. Talks.
//!
//! One poller for all of them, instead of a task and a timer for each: of what a probe costs, only the kernel's
//! part is left. Everything that is ready is heard before anything is declared silent, so a slow moment of this
//! machine makes no host fall silent.

use super::connect::{self, Begun};
use super::launcher::{Batch, Launched, Launcher};
use super::schedule::{Outcome, Work};
use mio::net::TcpStream;
use mio::{Events, Interest, Poll, Token, Waker};
use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::io;
use std::sync::mpsc::{SyncSender, TrySendError, sync_channel};
use std::thread;
use std::time::{Duration, Instant};

/// The connections on their way.
pub(super) struct Flights {
    poll: Poll,
    events: Events,
    /// Moments are counted from here.
    begun: Instant,
    slots: Vec<Option<Flight>>,
    free: Vec<usize>,
    /// When each one's time is over, with its slot and number; of those that have ended as well.
    deadlines: BinaryHeap<Reverse<(Duration, usize, u64)>>,
    number: u64,
    /// Connections that have ended and are to be closed.
    spent: Vec<TcpStream>,
    closer: Closer,
    launcher: Option<Launcher>,
    /// What this machine said when it had nothing left to connect with.
    shortage: Option<String>,
}

struct Flight {
    work: Work,
    stream: TcpStream,
    number: u64,
    since: Duration,
}

/// How many events are read at once.
const EVENTS: usize = 1_024;
/// What the launcher wakes the poller by: no connection has it.
const WAKE: Token = Token(usize::MAX);

impl Flights {
    /// None yet.
    ///
    /// # Errors
    /// When this machine has no descriptor left for the poller.
    pub(super) fn new() -> io::Result<Self> {
        let (poll, begun) = (Poll::new()?, Instant::now());
        let waker = Waker::new(poll.registry(), WAKE).ok();
        Ok(Self {
            launcher: waker.and_then(|waker| Launcher::start(begun, waker)),
            poll,
            events: Events::with_capacity(EVENTS),
            begun,
            slots: Vec::new(),
            free: Vec::new(),
            deadlines: BinaryHeap::new(),
            number: 0,
            spent: Vec::new(),
            closer: Closer::start(),
            shortage: None,
        })
    }

    /// The moment.
    pub(super) fn now(&self) -> Duration {
        self.begun.elapsed()
    }

    /// Begins connections that may take so long each, and tells which ended at once.
    pub(super) fn begin(&mut self, batch: Batch, ended: &mut Vec<(Work, Outcome)>) {
        let rest = match &self.launcher {
            Some(launcher) => launcher.take(batch),
            None => Some(batch),
        };
        for one in rest.into_iter().flatten() {
            let launched = Launched::now(one, self.begun);
            self.take_off(launched, ended);
        }
    }

    /// What this machine said when it had nothing left to connect with, since this was asked last.
    pub(super) fn take_shortage(&mut self) -> Option<String> {
        self.shortage.take()
    }

    /// A connection was begun: it is waited for, unless it has ended.
    fn take_off(&mut self, launched: Launched, ended: &mut Vec<(Work, Outcome)>) {
        let work = launched.work;
        let error = match launched.begun {
            Begun::Ended(outcome) => return ended.push((work, outcome)),
            Begun::Exhausted(error) => error,
            Begun::Pending(stream) => {
                let due = launched.since + launched.timeout;
                match self.watch(work, stream, (launched.since, due)) {
                    Ok(()) => return,
                    Err(error) => error,
                }
            }
        };
        self.shortage = Some(error.to_string());
        ended.push((work, Outcome::Exhausted));
    }

    /// Waits for a connection from a moment until another.
    fn watch(
        &mut self,
        work: Work,
        stream: std::net::TcpStream,
        (since, due): (Duration, Duration),
    ) -> io::Result<()> {
        let mut stream = TcpStream::from_std(stream);
        let slot = self.free.pop().unwrap_or(self.slots.len());
        let registry = self.poll.registry();
        if let Err(error) = registry.register(&mut stream, Token(slot), Interest::WRITABLE) {
            self.free.push(slot);
            return Err(error);
        }
        self.number += 1;
        let number = self.number;
        let flight = Flight {
            work,
            stream,
            number,
            since,
        };
        if slot >= self.slots.len() {
            self.slots.resize_with(slot + 1, || None);
        }
        if let Some(place) = self.slots.get_mut(slot) {
            *place = Some(flight);
        }
        self.deadlines.push(Reverse((due, slot, number)));
        Ok(())
    }

    /// Waits until a connection ends or a moment has come, and tells what has ended.
    ///
    /// # Errors
    /// When the system refuses to wait.
    pub(super) fn wait(
        &mut self,
        until: Duration,
        ended: &mut Vec<(Work, Outcome)>,
    ) -> io::Result<()> {
        // Before the poller is asked, so that all of them are heard before any is declared silent.
        let begun: Vec<Launched> = self.launcher.iter().flat_map(Launcher::begun).collect();
        for launched in begun {
            self.take_off(launched, ended);
        }
        let until = self.next_deadline().map_or(until, |at| at.min(until));
        let mut wait = until.saturating_sub(self.now());
        loop {
            let looked = self.now();
            match self.poll.poll(&mut self.events, Some(wait)) {
                Err(error) if error.kind() != io::ErrorKind::Interrupted => return Err(error),
                _ => {}
            }
            let now = self.now();
            let count = self.events.iter().count();
            let slots: Vec<usize> = self.events.iter().map(|event| event.token().0).collect();
            for slot in slots {
                self.hear(slot, now, ended);
            }
            wait = Duration::ZERO;
            if count < EVENTS {
                self.expire(looked, ended);
                self.closer.close(&mut self.spent);
                return Ok(());
            }
        }
    }

    /// Something happened to a connection.
    fn hear(&mut self, slot: usize, now: Duration, ended: &mut Vec<(Work, Outcome)>) {
        let flight = self.slots.get(slot).and_then(Option::as_ref);
        let Some(flight) = flight else { return };
        let after = now.saturating_sub(flight.since);
        if let Some(outcome) = connect::state(&flight.stream, after) {
            self.end(slot, outcome, ended);
        }
    }

    /// Ends those whose time was over at a moment after which everything that was ready was heard.
    fn expire(&mut self, moment: Duration, ended: &mut Vec<(Work, Outcome)>) {
        while let Some(Reverse((at, slot, number))) = self.deadlines.peek().copied() {
            let is_over = !self.is_on_its_way(slot, number);
            if !is_over && at > moment {
                return;
            }
            self.deadlines.pop();
            if !is_over {
                self.end(slot, Outcome::Silent, ended);
            }
        }
    }

    fn end(&mut self, slot: usize, outcome: Outcome, ended: &mut Vec<(Work, Outcome)>) {
        let flight = self.slots.get_mut(slot).and_then(Option::take);
        if let Some(flight) = flight {
            self.free.push(slot);
            self.spent.push(flight.stream);
            ended.push((flight.work, outcome));
        }
    }

    fn next_deadline(&mut self) -> Option<Duration> {
        while let Some(Reverse((at, slot, number))) = self.deadlines.peek().copied() {
            if self.is_on_its_way(slot, number) {
                return Some(at);
            }
            self.deadlines.pop();
        }
        None
    }

    fn is_on_its_way(&self, slot: usize, number: u64) -> bool {
        let flight = self.slots.get(slot).and_then(Option::as_ref);
        flight.is_some_and(|flight| flight.number == number)
    }
}

/// Closes connections, on a thread of its own where there are many: that is a fifth of what one costs.
struct Closer(Option<SyncSender<Vec<TcpStream>>>);

impl Closer {
    /// Fewer than so many are not worth waking a thread for.
    const FEW: usize = 32;
    /// More are not left to it at once: they are descriptors that nobody has counted.
    const MANY: usize = 128;

    /// Starts the thread, which ends with this; where there is none, it goes without.
    fn start() -> Self {
        let (to, spent) = sync_channel::<Vec<TcpStream>>(1);
        let work = move || spent.into_iter().for_each(drop);
        let started = thread::Builder::new()
            .name("sweep-close".to_owned())
            .spawn(work);
        Self(started.ok().map(|_| to))
    }

    fn close(&self, spent: &mut Vec<TcpStream>) {
        let to = self.0.as_ref().filter(|_| spent.len() >= Self::FEW);
        if let Some(to) = to {
            let many = spent.split_off(spent.len().saturating_sub(Self::MANY));
            // If it is behind, they are closed here.
            if let Err(TrySendError::Full(many) | TrySendError::Disconnected(many)) =
                to.try_send(many)
            {
                drop(many);
            }
        }
        spent.clear();
    }
}
