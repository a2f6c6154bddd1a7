//! One connection: begun, looked at, and closed with a reset. Talks.

use super::Answer;
use super::schedule::Outcome;
use mio::net::TcpStream as Watched;
use rustix::io::Errno;
use socket2::{Domain, Protocol, SockAddr, Socket, Type};
use std::io;
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

/// What became of a connection at once.
#[derive(Debug)]
pub(super) enum Begun {
    /// It ended.
    Ended(Outcome),
    /// It is on its way.
    Pending(TcpStream),
    /// This machine had nothing left to connect with.
    Exhausted(io::Error),
}

/// Begins a connection.
///
/// The source port is left to the system: Linux gives one out anew for each destination, and keeps to one half of
/// its range for connections, so that a sweep takes no port from anybody (`__inet_hash_connect`). A range of our
/// own would be smaller, and might be another program's.
pub(super) fn begin(to: SocketAddr) -> Begun {
    let socket = match socket(to) {
        Ok(socket) => socket,
        Err(error) => return Begun::Exhausted(error),
    };
    match socket.connect(&to.into()) {
        Ok(()) => Begun::Ended(Outcome::Answered(of_socket(&socket), Duration::ZERO)),
        Err(error) if is_pending(&error) => Begun::Pending(socket.into()),
        Err(error) => match classify(&error, Duration::ZERO) {
            Outcome::Exhausted => Begun::Exhausted(error),
            outcome => Begun::Ended(outcome),
        },
    }
}

/// A socket that never blocks, and that resets the connection when it is closed: neither side
/// keeps anything of it.
fn socket(to: SocketAddr) -> io::Result<Socket> {
    #[cfg(target_os = "linux")]
    let (kind, blocks) = (Type::STREAM.nonblocking(), false);
    #[cfg(not(target_os = "linux"))]
    let (kind, blocks) = (Type::STREAM, true);
    let socket = Socket::new(Domain::for_address(to), kind, Some(Protocol::TCP))?;
    if blocks {
        socket.set_nonblocking(true)?;
    }
    socket.set_linger(Some(Duration::ZERO))?;
    Ok(socket)
}

fn is_pending(error: &io::Error) -> bool {
    Errno::from_io_error(error).is_some_and(|errno| words::PENDING.contains(&errno))
}

/// What a connection means that was accepted at once.
fn of_socket(socket: &Socket) -> Answer {
    let of = |end: io::Result<SockAddr>| end.ok()?.as_socket();
    accepted(of(socket.local_addr()), of(socket.peer_addr()))
}

/// What an accepted connection between two ends means. A port of this machine from which connections are made can
/// by chance be connected to itself; then nobody listens there.
fn accepted(here: Option<SocketAddr>, there: Option<SocketAddr>) -> Answer {
    if here.is_some() && here == there {
        Answer::Closed
    } else {
        Answer::Open
    }
}

/// What the kernel knows of a connection that was begun so long ago; `None` while it waits for an answer.
pub(super) fn state(stream: &Watched, since: Duration) -> Option<Outcome> {
    match stream.take_error() {
        Ok(Some(error)) | Err(error) => Some(classify(&error, since)),
        Ok(None) => {
            let there = stream.peer_addr().ok()?;
            let answer = accepted(stream.local_addr().ok(), Some(there));
            Some(Outcome::Answered(answer, since))
        }
    }
}

/// The errors that systems have different words for.
#[cfg(not(windows))]
mod words {
    use rustix::io::Errno;

    pub(super) const PENDING: &[Errno] = &[Errno::INPROGRESS, Errno::INTR];
    pub(super) const RESET: &[Errno] = &[Errno::CONNRESET, Errno::PIPE];
    pub(super) const EXHAUSTED: &[Errno] = &[
        Errno::MFILE,
        Errno::NFILE,
        Errno::NOBUFS,
        Errno::NOMEM,
        Errno::AGAIN,
    ];
}

/// As Winsock has them: a connection on its way "would block".
#[cfg(windows)]
mod words {
    use rustix::io::Errno;

    pub(super) const PENDING: &[Errno] = &[Errno::WOULDBLOCK, Errno::INPROGRESS, Errno::INTR];
    pub(super) const RESET: &[Errno] = &[Errno::CONNRESET, Errno::CONNABORTED];
    pub(super) const EXHAUSTED: &[Errno] = &[Errno::MFILE, Errno::NOBUFS];
}

/// What an error says, as connect(2) and tcp(7) of Linux have it.
fn classify(error: &io::Error, since: Duration) -> Outcome {
    let answer = match Errno::from_io_error(error) {
        Some(Errno::CONNREFUSED) => Answer::Closed,
        // The connection stood, and was reset before we looked.
        Some(errno) if words::RESET.contains(&errno) => Answer::Open,
        Some(Errno::TIMEDOUT) => return Outcome::Silent,
        Some(Errno::HOSTUNREACH | Errno::HOSTDOWN) => return Outcome::NoHost(since),
        Some(Errno::ADDRNOTAVAIL | Errno::ADDRINUSE) => return Outcome::NoSource,
        Some(errno) if words::EXHAUSTED.contains(&errno) => return Outcome::Exhausted,
        // A router's word, no route, a local firewall: nothing that the host itself said.
        _ => Answer::Unreachable,
    };
    Outcome::Answered(answer, since)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn word(errno: Errno) -> String {
        match classify(&errno.into(), Duration::ZERO) {
            Outcome::Answered(answer, _) => answer.as_str().to_owned(),
            other => format!("{other:?}").split('(').next().unwrap().to_owned(),
        }
    }

    #[test]
    fn closed_silent_unreachable_and_exhausted_are_four_things() {
        assert_eq!(word(Errno::CONNREFUSED), "closed");
        assert_eq!(word(Errno::CONNRESET), "open");
        assert_eq!(word(Errno::TIMEDOUT), "Silent");
        assert_eq!(word(Errno::HOSTUNREACH), "NoHost");
        for errno in [Errno::NETUNREACH, Errno::ACCESS, Errno::INVAL] {
            assert_eq!(word(errno), "unreachable");
        }
        for errno in [Errno::MFILE, Errno::NFILE, Errno::NOBUFS, Errno::AGAIN] {
            assert_eq!(word(errno), "Exhausted");
        }
        assert_eq!(word(Errno::ADDRNOTAVAIL), "NoSource");
    }
}
