//! A host's share of the traffic, and its clock.

use super::{Metered, Traffic, size};
use std::pin::pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::time::error::Elapsed;
use tokio::time::{Instant, sleep_until, timeout_at};

/// A host's share. Clones are the same host's.
///
/// Moments that bound what a host may take are in its own time: [`Share::now`], which stands still while the host
/// is held up by us. Where nothing is limited that is the time of everybody.
#[derive(Clone, Debug, Default)]
pub struct Share {
    traffic: Traffic,
    watch: Watch,
    /// Who is talked to in between, where somebody is: his time is not this host's either.
    through: Option<Arc<Behind>>,
}

/// A share that another one waits for as well.
#[derive(Debug)]
struct Behind {
    share: Share,
    before: Duration,
}

/// How long somebody was held up.
#[derive(Clone, Debug, Default)]
struct Watch(Arc<Mutex<State>>);

#[derive(Debug, Default)]
struct State {
    /// Waits are known until when they last: until this moment, at present.
    until: Option<Instant>,
    /// All of them, each moment once, those that are not over included.
    total: Duration,
}

/// How long it may take at most until it is noticed that nobody is held up any more.
const STEP: Duration = Duration::from_millis(10);

impl Share {
    pub(super) fn of(traffic: Traffic) -> Self {
        Self {
            traffic,
            ..Self::default()
        }
    }

    /// The traffic that it is a share of.
    pub fn traffic(&self) -> &Traffic {
        &self.traffic
    }

    /// The host's time.
    pub fn now(&self) -> Instant {
        let now = Instant::now();
        now.checked_sub(self.held()).unwrap_or(now)
    }

    /// When a moment of the host's time is, unless it is kept waiting yet.
    pub fn moment(&self, own: Instant) -> Instant {
        own + self.held()
    }

    /// The same host, spoken to through another one.
    #[must_use]
    pub fn behind(&self, other: &Self) -> Self {
        let (share, before) = (other.clone(), other.held());
        Self {
            through: Some(Arc::new(Behind { share, before })),
            ..self.clone()
        }
    }

    /// [`tokio::time::timeout_at`] a moment of the host's time.
    ///
    /// # Errors
    /// When the moment has come.
    pub async fn timeout_at<F: Future>(
        &self,
        until: Instant,
        future: F,
    ) -> Result<F::Output, Elapsed> {
        let mut future = pin!(future);
        loop {
            let mut at = until + self.held();
            if self.is_held() {
                at = at.max(Instant::now() + STEP);
            }
            match timeout_at(at, future.as_mut()).await {
                Ok(done) => return Ok(done),
                Err(elapsed) if self.now() >= until => return Err(elapsed),
                // It was held up meanwhile, and has some time left.
                Err(_) => {}
            }
        }
    }

    /// Waits until so many bytes on the wire may go.
    pub async fn pass(&self, bytes: u64) {
        if let Some(at) = self.traffic.take(bytes) {
            self.waits(at);
            sleep_until(at).await;
        }
    }

    /// Counts bytes that have come: what goes next waits for them.
    pub fn came(&self, bytes: u64) {
        self.traffic.take(bytes);
    }

    /// Stops the host's clock until a moment: we keep it waiting.
    pub(super) fn waits(&self, at: Instant) {
        let mut state = self.watch.lock();
        let now = Instant::now();
        let from = state.until.map_or(now, |until| until.max(now));
        state.total += at.saturating_duration_since(from);
        state.until = state.until.max(Some(at));
    }

    /// A stream to the host, held to its share.
    pub fn meter<S>(&self, stream: S, is_v6: bool) -> Metered<S> {
        Metered::new(stream, self.clone(), is_v6)
    }

    pub(super) fn cost(is_v6: bool, bytes: usize) -> u64 {
        size::stream(is_v6, bytes)
    }

    /// How long we have kept the host waiting on account of those in between.
    pub fn held_on_the_way(&self) -> Duration {
        let through = self.through.as_ref();
        let through = through.map(|other| other.share.held().saturating_sub(other.before));
        through.unwrap_or_default()
    }

    fn held(&self) -> Duration {
        self.watch.held() + self.held_on_the_way()
    }

    fn is_held(&self) -> bool {
        let through = self.through.as_ref();
        self.watch.is_running() || through.is_some_and(|other| other.share.is_held())
    }
}

impl Watch {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn held(&self) -> Duration {
        let state = self.lock();
        let to_come = state
            .until
            .map(|until| until.saturating_duration_since(Instant::now()));
        state.total.saturating_sub(to_come.unwrap_or_default())
    }

    fn is_running(&self) -> bool {
        self.lock()
            .until
            .is_some_and(|until| until > Instant::now())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::num::NonZeroU64;
    use tokio::time::{advance, sleep};

    const S: Duration = Duration::from_secs(1);

    fn slow() -> Traffic {
        Traffic::limited(NonZeroU64::new(80_000))
    }

    #[tokio::test(start_paused = true)]
    async fn a_hosts_clock_stands_still_while_it_waits_for_the_bucket() {
        let share = slow().share();
        let (began, own) = (Instant::now(), share.now());
        share.pass(50_000).await;
        share.pass(1).await;
        assert!(began.elapsed() >= S * 5);
        assert_eq!(share.now(), own);
        sleep(S).await;
        assert_eq!(share.now(), own + S);
    }

    #[tokio::test(start_paused = true)]
    async fn two_waits_at_once_count_once() {
        let share = Share::default();
        let (own, began) = (share.now(), Instant::now());
        share.waits(began + S * 3);
        share.waits(began + S * 2);
        advance(S).await;
        assert_eq!(share.now(), own);
        share.waits(began + S * 4);
        advance(S * 4).await;
        assert_eq!(share.now(), own + S);
        share.waits(began + S * 6);
        advance(S * 2).await;
        assert_eq!(share.now(), own + S * 2);
    }

    #[tokio::test(start_paused = true)]
    async fn a_deadline_waits_for_whoever_we_keep_waiting_and_for_nobody_else() {
        let share = slow().share();
        let until = share.now() + S;
        let slow = async {
            // Ten seconds of the bucket.
            for _ in 0..100 {
                share.pass(1_000).await;
            }
            "done"
        };
        assert_eq!(share.timeout_at(until, slow).await.ok(), Some("done"));
        let until = share.now() + S;
        let began = Instant::now();
        let asleep = sleep(S * 60);
        assert!(share.timeout_at(until, asleep).await.is_err());
        assert!(began.elapsed() < S + S / 10);
    }

    #[tokio::test(start_paused = true)]
    async fn time_of_a_host_on_the_way_is_not_that_of_the_host_behind_it() {
        let jump = Share::default();
        let share = Share::default();
        let own = share.now();
        jump.waits(Instant::now() + S);
        advance(S * 2).await;
        let behind = share.behind(&jump);
        jump.waits(Instant::now() + S * 9);
        advance(S * 9).await;
        assert_eq!(behind.now(), own + S * 2);
        assert_eq!(share.now(), own + S * 11);
    }

    #[tokio::test(start_paused = true)]
    async fn without_a_limit_nobody_waits_and_nothing_is_counted() {
        let share = Traffic::unlimited().share();
        let began = Instant::now();
        share.pass(u64::MAX).await;
        assert_eq!(began.elapsed(), Duration::ZERO);
        assert_eq!(share.traffic().counted(), 0);
    }
}
