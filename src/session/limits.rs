//! How much of our time and memory a host may take.

use std::time::Duration;
use tokio::time::Instant;

/// What one host may cost. The durations bound single steps; [`Limits::deadline`] bounds them all.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// The moment at which we are done with the host, whatever it does.
    pub deadline: Instant,
    /// The most bytes of one answer; a longer one is a gap (half a package list would read as a
    /// whole one).
    pub answer_bytes: usize,
    /// The most bytes of all answers together; the connection is dropped beyond.
    pub total_bytes: usize,
    /// How long a TCP connection may take to open.
    pub connect: Duration,
    /// How long the peer may take to say which SSH version it speaks (RFC 4253 section 4.2).
    pub banner: Duration,
    /// How long the key exchange may take, and again each login.
    pub login: Duration,
}

impl Limits {
    /// The usual limits, with a deadline of its own.
    pub fn until(deadline: Instant) -> Self {
        Self {
            deadline,
            answer_bytes: 16 << 20,
            total_bytes: 48 << 20,
            connect: Duration::from_secs(5),
            banner: Duration::from_secs(5),
            login: Duration::from_secs(30),
        }
    }

    /// The earlier of the deadline and `step` from now.
    pub(super) fn within(&self, step: Duration) -> Instant {
        self.deadline.min(Instant::now() + step)
    }
}

impl Default for Limits {
    /// The usual limits, and two minutes from now.
    fn default() -> Self {
        Self::until(Instant::now() + Duration::from_mins(2))
    }
}
