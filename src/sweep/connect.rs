//! One connection: begun, waited for, and closed with a reset. Talks.

use super::Answer;
use rustix::io::Errno;
use socket2::{Domain, Protocol, Socket, Type};
use std::io;
use std::net::SocketAddr;
use std::time::Duration;
use tokio::net::TcpStream;
use tokio::time::{Instant, sleep, timeout_at};

/// What became of a connection.
#[derive(Debug)]
pub(super) enum Outcome {
    /// Somebody answered, after this long.
    Answered(Answer, Duration),
    /// Nobody answered in time.
    Silent,
    /// This machine had nothing left to connect with. It says nothing about the host.
    Exhausted(io::Error),
    /// This machine has no free port, or no address of its own, for this host.
    NoSource,
}

/// A connection that was begun.
pub(super) enum Begun {
    /// It ended at once.
    Ended(Outcome),
    /// It is on its way.
    Pending(Pending),
}

/// A connection on its way.
pub(super) struct Pending {
    stream: TcpStream,
    begun: Instant,
}

/// Begins a connection.
pub(super) fn begin(to: SocketAddr) -> Begun {
    let begun = Instant::now();
    let socket = match socket(to) {
        Ok(socket) => socket,
        Err(error) => return Begun::Ended(Outcome::Exhausted(error)),
    };
    match socket.connect(&to.into()) {
        Ok(()) => Begun::Ended(Outcome::Answered(accepted(&socket), begun.elapsed())),
        Err(error) if is_pending(&error) => match TcpStream::from_std(socket.into()) {
            Ok(stream) => Begun::Pending(Pending { stream, begun }),
            Err(error) => Begun::Ended(Outcome::Exhausted(error)),
        },
        Err(error) => Begun::Ended(classify(error, begun)),
    }
}

/// A socket that never blocks, and that resets the connection when it is closed: neither side
/// keeps anything of it.
fn socket(to: SocketAddr) -> io::Result<Socket> {
    let socket = Socket::new(Domain::for_address(to), Type::STREAM, Some(Protocol::TCP))?;
    socket.set_nonblocking(true)?;
    socket.set_linger(Some(Duration::ZERO))?;
    Ok(socket)
}

fn is_pending(error: &io::Error) -> bool {
    let pending = [Errno::INPROGRESS, Errno::INTR];
    Errno::from_io_error(error).is_some_and(|errno| pending.contains(&errno))
}

/// What an accepted connection means. A port of this machine from which connections are made can
/// by chance be connected to itself; then nobody listens there.
fn accepted(socket: &Socket) -> Answer {
    let ends = socket.local_addr().ok().zip(socket.peer_addr().ok());
    match ends {
        Some((here, there)) if here.as_socket() == there.as_socket() => Answer::Closed,
        _ => Answer::Open,
    }
}

impl Pending {
    /// Waits for the answer, so long from the beginning of the connection.
    pub(super) async fn wait(self, timeout: Duration) -> Outcome {
        let deadline = self.begun + timeout;
        loop {
            let ready = timeout_at(deadline, self.stream.writable()).await;
            // Asked of the kernel itself, also when time is up: the answer may be there while the
            // news of it still waits its turn.
            if let Some(outcome) = self.state() {
                return outcome;
            }
            if ready.is_err() {
                return Outcome::Silent;
            }
            sleep(Duration::from_millis(1)).await;
        }
    }

    /// What the kernel knows; `None` while it waits for an answer.
    fn state(&self) -> Option<Outcome> {
        let socket = socket2::SockRef::from(&self.stream);
        match socket.take_error() {
            Ok(Some(error)) | Err(error) => Some(classify(error, self.begun)),
            Ok(None) if socket.peer_addr().is_err() => None,
            Ok(None) => Some(Outcome::Answered(accepted(&socket), self.begun.elapsed())),
        }
    }
}

/// What an error says, as connect(2) and tcp(7) of Linux have it.
fn classify(error: io::Error, begun: Instant) -> Outcome {
    let answer = match Errno::from_io_error(&error) {
        Some(Errno::CONNREFUSED) => Answer::Closed,
        // The connection stood, and was reset before we looked.
        Some(Errno::CONNRESET | Errno::PIPE) => Answer::Open,
        Some(Errno::TIMEDOUT) => return Outcome::Silent,
        Some(Errno::ADDRNOTAVAIL | Errno::ADDRINUSE) => return Outcome::NoSource,
        Some(Errno::MFILE | Errno::NFILE | Errno::NOBUFS | Errno::NOMEM | Errno::AGAIN) => {
            return Outcome::Exhausted(error);
        }
        // A router's word, no route, a local firewall: nothing that the host itself said.
        _ => Answer::Unreachable,
    };
    Outcome::Answered(answer, begun.elapsed())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn word(errno: Errno) -> String {
        match classify(errno.into(), Instant::now()) {
            Outcome::Answered(answer, _) => answer.as_str().to_owned(),
            other => format!("{other:?}").split('(').next().unwrap().to_owned(),
        }
    }

    #[test]
    fn closed_silent_unreachable_and_exhausted_are_four_things() {
        assert_eq!(word(Errno::CONNREFUSED), "closed");
        assert_eq!(word(Errno::CONNRESET), "open");
        assert_eq!(word(Errno::TIMEDOUT), "Silent");
        for errno in [
            Errno::HOSTUNREACH,
            Errno::NETUNREACH,
            Errno::ACCESS,
            Errno::INVAL,
        ] {
            assert_eq!(word(errno), "unreachable");
        }
        for errno in [Errno::MFILE, Errno::NFILE, Errno::NOBUFS, Errno::AGAIN] {
            assert_eq!(word(errno), "Exhausted");
        }
        assert_eq!(word(Errno::ADDRNOTAVAIL), "NoSource");
    }
}
