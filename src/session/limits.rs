//! How much of our time and memory a host may take.

use super::Room;
use crate::traffic::Share;
use std::time::Duration;
use tokio::time::Instant;
use tokio::time::error::Elapsed;

/// What one host may cost. The durations bound single steps; [`Limits::deadline`] bounds them all.
#[derive(Clone, Debug)]
pub struct Limits {
    /// The moment at which we are done with the host, whatever it does; of its own time: [`Share::now`].
    pub deadline: Instant,
    /// The host's share of the bandwidth, and its clock.
    pub share: Share,
    /// The most bytes of one answer; a longer one is a gap (half a package list would read as a
    /// whole one).
    pub answer_bytes: usize,
    /// The most bytes of all answers together; the connection is dropped beyond.
    pub total_bytes: usize,
    /// The most lines of all answers together: each costs far more than its bytes once it is read. An answer
    /// beyond is a gap.
    pub total_lines: usize,
    /// The host's part of the memory for the answers of all hosts.
    pub room: Room,
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
            share: Share::default(),
            answer_bytes: 16 << 20,
            total_bytes: 48 << 20,
            total_lines: 400_000,
            room: Room::default(),
            connect: Duration::from_secs(5),
            banner: Duration::from_secs(5),
            login: Duration::from_secs(30),
        }
    }

    /// The earlier of the deadline and `step` from now.
    pub(super) fn within(&self, step: Duration) -> Instant {
        self.deadline.min(self.share.now() + step)
    }

    /// Waits for something until a moment of the host's time.
    pub(super) async fn timeout_at<F: Future>(
        &self,
        until: Instant,
        future: F,
    ) -> Result<F::Output, Elapsed> {
        self.share.timeout_at(until, future).await
    }
}

impl Default for Limits {
    /// The usual limits, and two minutes from now.
    fn default() -> Self {
        Self::until(Instant::now() + Duration::from_mins(2))
    }
}
