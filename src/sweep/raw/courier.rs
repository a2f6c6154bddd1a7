//! A second thread that sends full batches: one alone does not keep a fast interface busy. Talks.

use super::socket::{Batch, Link};
use std::io;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread::{Builder, Scope};
use std::time::{Duration, Instant};
use tokio_util::sync::CancellationToken;

/// Takes batches, and gives the empty ones back. Ends when it is dropped, with what it was given.
#[derive(Debug)]
pub(super) struct Courier {
    to: Sender<(usize, Batch)>,
    back: Receiver<(Batch, io::Result<u64>)>,
    /// How many it has.
    lent: usize,
    spare: Vec<Batch>,
    /// How often an interface had no room.
    pub(super) refused: u64,
}

/// How many batches it has at most: the one that it sends, and the next.
const LENT: usize = 2;
/// How long the interface may have no room.
const NO_ROOM: Duration = Duration::from_secs(10);

impl Courier {
    /// Starts the thread.
    ///
    /// # Errors
    /// When this machine has no thread left.
    pub(super) fn start<'scope>(
        scope: &'scope Scope<'scope, '_>,
        links: &'scope [Link],
        stop: CancellationToken,
    ) -> io::Result<Self> {
        let (to, loads) = channel::<(usize, Batch)>();
        let (done, back) = channel();
        let work = move || {
            while let Ok((link, mut batch)) = loads.recv() {
                let link = links.get(link);
                let sent = link.map_or(Ok(0), |link| send_all(link, &batch, &stop));
                batch.clear();
                if done.send((batch, sent)).is_err() {
                    return;
                }
            }
        };
        Builder::new()
            .name("sweep-send".to_owned())
            .spawn_scoped(scope, work)?;
        Ok(Self {
            to,
            back,
            lent: 0,
            spare: (0..LENT).map(|_| Batch::new()).collect(),
            refused: 0,
        })
    }

    /// Takes what is in a batch for the n-th link, unless it has enough to do: whether it did.
    ///
    /// # Errors
    /// Where an earlier one could not be sent.
    pub(super) fn take(&mut self, link: usize, batch: &mut Batch) -> io::Result<bool> {
        while let Ok((empty, sent)) = self.back.try_recv() {
            self.lent -= 1;
            self.spare.push(empty);
            self.refused += sent?;
        }
        if self.lent >= LENT {
            return Ok(false);
        }
        let empty = self.spare.pop().unwrap_or_else(Batch::new);
        let full = std::mem::replace(batch, empty);
        self.lent += 1;
        match self.to.send((link, full)) {
            Ok(()) => Ok(true),
            Err(_) => Err(io::Error::other("the thread that sends has ended")),
        }
    }
}

/// Sends all of a batch, and says how often the interface had no room; not all of it once it is to stop.
///
/// # Errors
/// Where the interface cannot send, or has had no room for long.
pub(super) fn send_all(link: &Link, batch: &Batch, stop: &CancellationToken) -> io::Result<u64> {
    let begun = Instant::now();
    let (mut from, mut refused) = (0, 0);
    while from < batch.len() && !stop.is_cancelled() {
        match link.send(batch, from) {
            Ok(sent) => from += sent,
            Err(error) if is_passing(&error) && begun.elapsed() < NO_ROOM => {
                refused += 1;
                std::thread::sleep(Duration::from_micros(200));
            }
            Err(error) => return Err(error),
        }
    }
    Ok(refused)
}

/// Whether an interface has no room only for the moment.
fn is_passing(error: &io::Error) -> bool {
    let passing = [libc::ENOBUFS, libc::EAGAIN, libc::EINTR, libc::ENOMEM];
    error
        .raw_os_error()
        .is_some_and(|code| passing.contains(&code))
}
