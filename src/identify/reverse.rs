//! What DNS calls an address, by the system's resolver, and whether that name leads back to it. A name that does
//! not is old news as often as not.

use super::clean;
use crate::model::{Clue, Fact};
use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;
use tokio::sync::Semaphore;
use tokio::task::spawn_blocking;
use tokio::time::{Instant, timeout_at};

/// Looks names up, a few at a time.
#[derive(Clone, Debug)]
pub struct ReverseNames {
    /// Held by the lookup itself, which goes on when nobody waits for it any more.
    permits: Arc<Semaphore>,
    patience: Duration,
    /// How many lookups in a row came to no end.
    unanswered: Arc<AtomicUsize>,
}

/// After so many a resolver is taken to be out of order, and not waited for any more.
const GIVEN_UP_AFTER: usize = 16;

impl ReverseNames {
    /// At most so many lookups at once, each of which is waited for so long.
    pub fn new(at_once: usize, patience: Duration) -> Self {
        Self {
            permits: Arc::new(Semaphore::new(at_once)),
            patience,
            unanswered: Arc::default(),
        }
    }

    /// The name of an address; `None` where it has none, or where that was not to be learnt by `deadline`.
    pub async fn of(&self, address: IpAddr, deadline: Instant) -> Option<Clue> {
        let found = self.ask(deadline, move || dns_lookup::lookup_addr(&address).ok());
        let name = found.await??;
        // Without a name, the resolver may say the address.
        if name.parse::<IpAddr>().is_ok() {
            return None;
        }
        let asked = name.clone();
        let forward = move || dns_lookup::lookup_host(&asked).ok().map(Iterator::collect);
        let addresses: Option<Vec<IpAddr>> = self.ask(deadline, forward).await.flatten();
        let is_confirmed = addresses.is_some_and(|found| found.contains(&address));
        Some(Clue {
            source: "reverse-dns".to_owned(),
            proto: String::new(),
            port: 0,
            fact: clean::fact(Fact::ReverseName { name, is_confirmed })?,
        })
    }

    /// Runs a lookup on a thread of its own. The resolver cannot be stopped, so its place is only free again when it
    /// has ended: a resolver that hangs costs that many threads and no more.
    async fn ask<T: Send + 'static>(
        &self,
        deadline: Instant,
        lookup: impl FnOnce() -> T + Send + 'static,
    ) -> Option<T> {
        if self.unanswered.load(Ordering::Relaxed) >= GIVEN_UP_AFTER {
            return None;
        }
        let until = deadline.min(Instant::now() + self.patience);
        let permits = Arc::clone(&self.permits);
        let unanswered = Arc::clone(&self.unanswered);
        let found = timeout_at(until, async move {
            let permit = permits.acquire_owned().await.ok()?;
            let task = spawn_blocking(move || {
                let found = lookup();
                drop(permit);
                // Late or not, it answers.
                unanswered.store(0, Ordering::Relaxed);
                found
            });
            task.await.ok()
        });
        let found = found.await;
        if found.is_err() {
            self.unanswered.fetch_add(1, Ordering::Relaxed);
        }
        found.ok().flatten()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn soon() -> Instant {
        Instant::now() + Duration::from_secs(5)
    }

    #[tokio::test]
    async fn this_host_is_called_what_its_hosts_file_says() {
        let names = ReverseNames::new(2, Duration::from_secs(5));
        let clue = names.of([127, 0, 0, 1].into(), soon()).await;
        let Some(Fact::ReverseName { name, is_confirmed }) = clue.map(|clue| clue.fact) else {
            // A machine may have no name for itself.
            return;
        };
        assert!(!name.is_empty());
        assert!(is_confirmed || name != "localhost");
    }

    #[tokio::test]
    async fn a_resolver_that_hangs_costs_its_places_and_no_time() {
        let names = ReverseNames::new(1, Duration::from_millis(50));
        let slow = || std::thread::sleep(Duration::from_millis(400));
        let began = Instant::now();
        assert_eq!(names.ask(soon(), slow).await, None);
        // The place is still taken.
        let next = Instant::now() + Duration::from_millis(50);
        assert_eq!(names.ask(next, || ()).await, None);
        assert!(began.elapsed() < Duration::from_millis(350));
        tokio::time::sleep(Duration::from_millis(500)).await;
        assert_eq!(names.ask(soon(), || ()).await, Some(()));
    }

    #[tokio::test]
    async fn a_resolver_that_never_answers_is_given_up_and_one_that_is_late_is_not() {
        let names = ReverseNames::new(64, Duration::from_millis(5));
        let slow = || std::thread::sleep(Duration::from_millis(400));
        for _ in 0..GIVEN_UP_AFTER {
            assert_eq!(names.ask(soon(), slow).await, None);
        }
        assert_eq!(names.ask(soon(), || ()).await, None, "given up");
        tokio::time::sleep(Duration::from_millis(600)).await;
        let names = ReverseNames {
            patience: Duration::from_secs(5),
            ..names
        };
        assert_eq!(names.ask(soon(), || ()).await, Some(()), "it did answer");
    }
}
