//! Where hosts are read: what is made of their answers takes far more memory than the answers, so that no more
//! of them are read, judged and saved at once than there is room for.

use crate::session::Answers;
use std::sync::Arc;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// The room for all hosts of a run.
#[derive(Debug)]
pub(super) struct Desk(Arc<Semaphore>);

/// A host's place, given back when it is dropped: when the host is saved.
#[derive(Debug, Default)]
pub(super) struct Seat(#[expect(dead_code, reason = "held")] Option<OwnedSemaphorePermit>);

/// How much room there is, in KiB. An ordinary host takes up some four thousand: sixty of them fit.
const ROOM: u32 = 256 << 10;

impl Desk {
    pub(super) fn new() -> Self {
        Self(Arc::new(Semaphore::new(
            usize::try_from(ROOM).unwrap_or(Semaphore::MAX_PERMITS),
        )))
    }

    /// Waits for a place that is large enough; a host that needs more than there is has all of it for itself.
    pub(super) async fn seat(&self, answers: &Answers) -> Seat {
        let wanted = u32::try_from(answers.weight() >> 10).unwrap_or(ROOM);
        let wanted = wanted.clamp(1, ROOM);
        // Nobody ever closes it.
        let seat = Arc::clone(&self.0).acquire_many_owned(wanted).await;
        Seat(seat.ok())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::session::{Limits, Reply};
    use std::time::Duration;
    use tokio::time::timeout;

    fn answers(lines: usize) -> Answers {
        let mut answers = Answers::default();
        let stdout = b"a package\n".repeat(lines);
        answers.record("list", &Reply { exit: 0, stdout }, &Limits::default());
        answers
    }

    #[tokio::test(start_paused = true)]
    async fn many_ordinary_hosts_are_read_at_once_and_one_that_fills_the_desk_alone() {
        let desk = Desk::new();
        let ordinary = answers(5_000);
        let mut seats = Vec::new();
        while let Ok(seat) = timeout(Duration::from_secs(1), desk.seat(&ordinary)).await {
            seats.push(seat);
        }
        assert!(seats.len() >= 64, "{}", seats.len());
        let huge = answers(400_000);
        let alone = desk.seat(&huge);
        tokio::pin!(alone);
        assert!(timeout(Duration::from_secs(1), &mut alone).await.is_err());
        seats.clear();
        let alone = timeout(Duration::from_secs(1), &mut alone).await.unwrap();
        let other = timeout(Duration::from_secs(1), desk.seat(&huge)).await;
        assert!(other.is_err());
        drop(alone);
    }
}
