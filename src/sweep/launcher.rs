//! Begins connections on a thread of its own, where there are many: that is most of what one costs, and the other
//! core may as well do it. Talks.

use super::connect::{self, Begun};
use super::schedule::{Outcome, Work};
use mio::Waker;
use std::sync::mpsc::{Receiver, Sender, SyncSender, TrySendError, channel, sync_channel};
use std::thread;
use std::time::{Duration, Instant};

/// What is to be begun: each with the time that it may take.
pub(super) type Batch = Vec<(Work, Duration)>;

/// A connection that was begun.
pub(super) struct Launched {
    pub(super) work: Work,
    pub(super) timeout: Duration,
    /// When, counted from the moment that the launcher was given.
    pub(super) since: Duration,
    pub(super) begun: Begun,
}

impl Launched {
    /// Begins a connection.
    pub(super) fn now((work, timeout): (Work, Duration), clock: Instant) -> Self {
        let since = clock.elapsed();
        let begun = match connect::begin(work.to()) {
            Begun::Ended(Outcome::Answered(answer, _)) => {
                let after = clock.elapsed().saturating_sub(since);
                Begun::Ended(Outcome::Answered(answer, after))
            }
            begun => begun,
        };
        Self {
            work,
            timeout,
            since,
            begun,
        }
    }
}

/// The thread, which ends with this.
pub(super) struct Launcher {
    to: SyncSender<Batch>,
    from: Receiver<Vec<Launched>>,
}

impl Launcher {
    /// Fewer than so many are not worth waking a thread for.
    const FEW: usize = 16;

    /// Starts the thread, which wakes the poller whenever it has begun a batch. `None` where there is no second
    /// core, or no thread to be had: then who asks does without.
    pub(super) fn start(clock: Instant, waker: Waker) -> Option<Self> {
        if thread::available_parallelism().map_or(1, usize::from) < 2 {
            return None;
        }
        let (to, asked) = sync_channel::<Batch>(1);
        let (done, from) = channel();
        let work = move || launch(&asked, &done, clock, &waker);
        let started = thread::Builder::new()
            .name("sweep-launch".to_owned())
            .spawn(work);
        started.ok().map(|_| Self { to, from })
    }

    /// Takes a batch, unless it is a small one or the thread is behind: then it is handed back.
    pub(super) fn take(&self, batch: Batch) -> Option<Batch> {
        if batch.len() < Self::FEW {
            return Some(batch);
        }
        match self.to.try_send(batch) {
            Ok(()) => None,
            Err(TrySendError::Full(batch) | TrySendError::Disconnected(batch)) => Some(batch),
        }
    }

    /// What was begun since this was asked last.
    pub(super) fn begun(&self) -> impl Iterator<Item = Launched> {
        self.from.try_iter().flatten()
    }
}

fn launch(asked: &Receiver<Batch>, done: &Sender<Vec<Launched>>, clock: Instant, waker: &Waker) {
    for batch in asked {
        let begun = batch.into_iter().map(|one| Launched::now(one, clock));
        if done.send(begun.collect()).is_err() {
            return;
        }
        // Where the poller cannot be woken, it looks by itself before long.
        waker.wake().ok();
    }
}
