//! Connections that confirm what packets say, or ask themselves: begun, waited for all at once, and closed
//! with a reset. Talks.
//!
//! They are not tasks of a runtime, because the thread that sends also waits for them.

use rustix::buffer::spare_capacity;
use rustix::event::{Timespec, epoll};
use rustix::io::Errno;
use socket2::{Domain, Protocol, Socket, Type};
use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap};
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::os::fd::{AsFd, OwnedFd};
use std::time::Duration;

/// The connections on their way.
pub(super) struct Connects {
    epoll: OwnedFd,
    flights: HashMap<u64, Flight>,
    deadlines: BinaryHeap<Reverse<(Duration, u64)>>,
    next: u64,
    most: usize,
    events: Vec<epoll::Event>,
}

#[derive(Debug)]
struct Flight {
    socket: Socket,
    whose: Whose,
    begun: Duration,
}

/// Which probe of which host a connection is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Whose {
    /// The host's index in the plan.
    pub(super) index: u64,
    /// The probe's place among the host's.
    pub(super) ask: usize,
}

/// What became of a connection.
#[derive(Debug)]
pub(super) enum Outcome {
    /// It was accepted.
    Open,
    /// It was refused.
    Refused,
    /// Somebody on the way, or this machine, says that there is no way there.
    Unreachable,
    /// Nobody answered in time.
    Silent,
    /// This machine had nothing to connect with.
    Exhausted,
}

/// A number that no connection has: something else was heard.
const OTHER: u64 = u64::MAX;

impl Connects {
    /// At most so many at once.
    pub(super) fn new(most: usize) -> io::Result<Self> {
        Ok(Self {
            epoll: epoll::create(epoll::CreateFlags::CLOEXEC)?,
            flights: HashMap::new(),
            deadlines: BinaryHeap::new(),
            next: 0,
            most,
            events: Vec::with_capacity(256),
        })
    }

    /// Lets [`Connects::wait`] end when there is something to read here, too.
    pub(super) fn watch(&self, other: &impl AsFd) -> io::Result<()> {
        let data = epoll::EventData::new_u64(OTHER);
        Ok(epoll::add(&self.epoll, other, data, epoll::EventFlags::IN)?)
    }

    /// Whether no more can be begun now.
    pub(super) fn is_full(&self) -> bool {
        self.flights.len() >= self.most
    }

    /// Begins a connection; `Some` if it ended at once.
    pub(super) fn begin(
        &mut self,
        to: (Ipv4Addr, u16),
        whose: Whose,
        now: Duration,
        until: Duration,
    ) -> Option<Outcome> {
        let begun = socket().map(|socket| {
            let connected = socket.connect(&SocketAddr::from(to).into());
            (socket, connected)
        });
        let Ok((socket, connected)) = begun else {
            return Some(Outcome::Exhausted);
        };
        match connected {
            Ok(()) => return Some(accepted(&socket)),
            Err(error) if is_pending(&error) => {}
            Err(error) => return Some(classify(&error)),
        }
        let number = self.next;
        self.next += 1;
        let data = epoll::EventData::new_u64(number);
        if epoll::add(&self.epoll, &socket, data, epoll::EventFlags::OUT).is_err() {
            return Some(Outcome::Exhausted);
        }
        let begun = now;
        self.flights.insert(
            number,
            Flight {
                socket,
                whose,
                begun,
            },
        );
        self.deadlines.push(Reverse((until, number)));
        None
    }

    /// Waits until a connection ends, or something can be read, or some time has passed; not at all for a
    /// time of zero.
    pub(super) fn wait(&mut self, time: Duration) -> io::Result<()> {
        let time = Timespec {
            tv_sec: i64::try_from(time.as_secs()).unwrap_or(1),
            tv_nsec: time.subsec_nanos().into(),
        };
        self.events.clear();
        match epoll::wait(&self.epoll, spare_capacity(&mut self.events), Some(&time)) {
            Ok(_) | Err(Errno::INTR) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }

    /// A connection that has ended, with its time.
    pub(super) fn ended(&mut self, now: Duration) -> Option<(Whose, Outcome, Duration)> {
        while let Some(event) = self.events.pop() {
            let number = event.data.u64();
            let outcome = self.flights.get(&number).and_then(Flight::state);
            if let Some(outcome) = outcome {
                return self.end(number, outcome, now);
            }
        }
        // Only those that the kernel knows nothing of are silent.
        while let Some(Reverse((until, number))) = self.deadlines.peek().copied() {
            if until > now {
                return None;
            }
            self.deadlines.pop();
            let state = self.flights.get(&number).map(Flight::state);
            if let Some(state) = state {
                return self.end(number, state.unwrap_or(Outcome::Silent), now);
            }
        }
        None
    }

    /// When the next one ends that nobody answers.
    pub(super) fn due(&self) -> Option<Duration> {
        self.deadlines.peek().map(|Reverse((until, _))| *until)
    }

    fn end(
        &mut self,
        number: u64,
        outcome: Outcome,
        now: Duration,
    ) -> Option<(Whose, Outcome, Duration)> {
        let flight = self.flights.remove(&number)?;
        if self.flights.is_empty() {
            self.deadlines.clear();
        }
        Some((flight.whose, outcome, now.saturating_sub(flight.begun)))
    }
}

impl Flight {
    /// What the kernel knows; `None` while it waits for an answer.
    fn state(&self) -> Option<Outcome> {
        match self.socket.take_error() {
            Ok(Some(error)) | Err(error) => Some(classify(&error)),
            Ok(None) if self.socket.peer_addr().is_err() => None,
            Ok(None) => Some(accepted(&self.socket)),
        }
    }
}

/// A socket that never blocks, and that resets the connection when it is closed: neither side keeps
/// anything of it.
fn socket() -> io::Result<Socket> {
    let socket = Socket::new(Domain::IPV4, Type::STREAM, Some(Protocol::TCP))?;
    socket.set_nonblocking(true)?;
    socket.set_linger(Some(Duration::ZERO))?;
    Ok(socket)
}

/// A port of this machine from which connections are made can by chance be connected to itself.
fn accepted(socket: &Socket) -> Outcome {
    let ends = socket.local_addr().ok().zip(socket.peer_addr().ok());
    match ends {
        Some((here, there)) if here.as_socket() == there.as_socket() => Outcome::Refused,
        _ => Outcome::Open,
    }
}

fn is_pending(error: &io::Error) -> bool {
    let pending = [Errno::INPROGRESS, Errno::INTR];
    Errno::from_io_error(error).is_some_and(|errno| pending.contains(&errno))
}

/// What an error says, as connect(2) and tcp(7) of Linux have it.
fn classify(error: &io::Error) -> Outcome {
    match Errno::from_io_error(error) {
        Some(Errno::CONNREFUSED) => Outcome::Refused,
        // The connection stood, and was reset before we looked.
        Some(Errno::CONNRESET | Errno::PIPE) => Outcome::Open,
        Some(Errno::TIMEDOUT) => Outcome::Silent,
        Some(Errno::HOSTUNREACH | Errno::NETUNREACH | Errno::ACCESS | Errno::PERM) => {
            Outcome::Unreachable
        }
        // No socket, port, buffer or neighbour entry left.
        _ => Outcome::Exhausted,
    }
}
