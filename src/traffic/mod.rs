//! How much the whole program sends and receives: one bucket for the sweep, the questions who a host is, and
//! logins, where the operator sets a bandwidth.
//!
//! What is sent waits for its turn. What is received cannot be: it is not read until what came before is
//! paid for, and so the sender is held up by its own protocol. Time for which a host waits for the bucket is
//! not the host's: [`Share`] has a clock of its own, which stands still meanwhile.

mod allowance;
mod bucket;
mod share;
pub mod size;
mod stream;

pub use allowance::Allowance;
pub use share::Share;
pub use stream::Metered;

use bucket::Bucket;
use std::num::NonZeroU64;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::time::Instant;

/// The traffic of a run: limited, or not. Clones share the limit.
#[derive(Clone, Debug, Default)]
pub struct Traffic(Option<Arc<Shared>>);

#[derive(Debug)]
struct Shared {
    bits: NonZeroU64,
    bucket: Mutex<Bucket>,
    counted: AtomicU64,
}

/// How much goes at once: what the bandwidth carries in this time, and from one to sixteen KiB.
const AT_ONCE: Duration = Duration::from_millis(20);

impl Traffic {
    /// As much as this machine and the network can.
    pub fn unlimited() -> Self {
        Self(None)
    }

    /// At most so many bits a second, sent and received together; `None` is without a limit.
    pub fn limited(bits: Option<NonZeroU64>) -> Self {
        Self(bits.map(|bits| {
            Arc::new(Shared {
                bits,
                bucket: Mutex::new(Bucket::new(bits)),
                counted: AtomicU64::new(0),
            })
        }))
    }

    /// Whether there is a limit.
    pub fn is_limited(&self) -> bool {
        self.0.is_some()
    }

    /// How many bytes were counted so far, as they are on the wire; none where there is no limit.
    pub fn counted(&self) -> u64 {
        let counted = self.0.as_ref();
        counted.map_or(0, |shared| shared.counted.load(Ordering::Relaxed))
    }

    /// A host's share, with a clock of its own.
    pub fn share(&self) -> Share {
        Share::of(self.clone())
    }

    /// Takes bytes out of the bucket, and says when they may go; `None` is at once.
    fn take(&self, bytes: u64) -> Option<Instant> {
        let shared = self.0.as_ref()?;
        shared.counted.fetch_add(bytes, Ordering::Relaxed);
        let now = Instant::now();
        let mut bucket = shared.bucket.lock().unwrap_or_else(PoisonError::into_inner);
        Some(bucket.take(now, bytes)).filter(|at| *at > now)
    }

    /// How many bytes go at once at most.
    fn piece(&self) -> usize {
        const LEAST: u64 = 1 << 10;
        const MOST: u64 = 16 << 10;
        let Some(shared) = &self.0 else {
            return usize::MAX;
        };
        let milliseconds = u64::try_from(AT_ONCE.as_millis()).unwrap_or(1);
        let bytes = shared.bits.get() / 8 / 1_000 * milliseconds;
        usize::try_from(bytes.clamp(LEAST, MOST)).unwrap_or(1 << 10)
    }

    /// How much a socket should take in that nobody has read yet; `None` is as the system likes. A sender
    /// fills this at full speed, whatever we read.
    pub fn receive_buffer(&self) -> Option<u32> {
        self.0.as_ref().map(|_| 32 << 10)
    }
}
