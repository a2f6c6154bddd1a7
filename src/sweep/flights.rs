//! The connections on their way, and whose time is over. Talks.
//!
//! One poller for all of them, instead of a task and a timer for each: of what a probe costs, only the kernel's
//! part is left. Everything that is ready is heard before anything is declared silent, so a slow moment of this
//! machine makes no host fall silent.

use super::connect::{self, Begun};
use super::schedule::{Outcome, Work};
use mio::net::TcpStream;
use mio::{Events, Interest, Poll, Token};
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
}

struct Flight {
    work: Work,
    stream: TcpStream,
    number: u64,
    since: Duration,
}

/// How many events are read at once.
const EVENTS: usize = 1_024;

impl Flights {
    /// None yet.
    ///
    /// # Errors
    /// When this machine has no descriptor left for the poller.
    pub(super) fn new() -> io::Result<Self> {
        Ok(Self {
            poll: Poll::new()?,
            events: Events::with_capacity(EVENTS),
            begun: Instant::now(),
            slots: Vec::new(),
            free: Vec::new(),
            deadlines: BinaryHeap::new(),
            number: 0,
            spent: Vec::new(),
            closer: Closer::start(),
        })
    }

    /// The moment.
    pub(super) fn now(&self) -> Duration {
        self.begun.elapsed()
    }

    /// Begins a connection that may take so long: how it ended if it did at once.
    ///
    /// # Errors
    /// When this machine has nothing left to connect with.
    pub(super) fn begin(&mut self, work: Work, timeout: Duration) -> io::Result<Option<Outcome>> {
        let since = self.now();
        let stream = match connect::begin(work.to()) {
            Begun::Ended(Outcome::Answered(answer, _)) => {
                let after = self.now().saturating_sub(since);
                return Ok(Some(Outcome::Answered(answer, after)));
            }
            Begun::Ended(outcome) => return Ok(Some(outcome)),
            Begun::Exhausted(error) => return Err(error),
            Begun::Pending(stream) => stream,
        };
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
        let deadline = Reverse((since + timeout, slot, number));
        self.deadlines.push(deadline);
        Ok(None)
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
