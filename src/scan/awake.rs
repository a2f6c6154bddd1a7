//! Whether this machine slept while a run was under way, or the program was stopped for a while: a host that was being
//! asked then could not be heard, and is asked again.

use super::Clock;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::time::{Instant, sleep};

/// How often it is looked at.
const TICK: Duration = Duration::from_secs(1);
/// What is not a busy machine any more.
const SLEEP: Duration = Duration::from_secs(5);
/// How long a network takes to come back after that.
const SETTLE: Duration = Duration::from_secs(5);

/// Knows how often we slept, since somebody [`Awake::watch`]es.
pub(super) struct Awake {
    clock: Clock,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    sleeps: u32,
    last: Option<Moment>,
}

/// A moment by both clocks: the steady one stands still while the machine sleeps, and goes on while the program is
/// stopped. The one of the day is also set by people; then nothing worse comes of it than that a host is asked once more.
#[derive(Clone, Copy, Debug)]
struct Moment {
    steady: Instant,
    /// In Unix seconds.
    of_day: i64,
}

impl Moment {
    /// Whether more time went by until `now` than a busy machine needs to come to its next tick.
    fn is_long_before(&self, now: &Self) -> bool {
        let of_day = u64::try_from(now.of_day.saturating_sub(self.of_day)).unwrap_or(0);
        let steady = now.steady.duration_since(self.steady);
        steady.max(Duration::from_secs(of_day)) > TICK + SLEEP
    }
}

/// How often we had slept at a moment.
#[derive(Clone, Copy, Debug)]
pub(super) struct Sleeps(u32);

impl Awake {
    /// By this clock of the day.
    pub(super) fn by(clock: Clock) -> Self {
        let state = Mutex::default();
        Self { clock, state }
    }

    /// Watches the clocks, and says each time that we slept.
    pub(super) async fn watch(&self, mut say: impl FnMut()) {
        let mut told = self.look(self.moment());
        loop {
            sleep(TICK).await;
            let sleeps = self.look(self.moment());
            if sleeps != told {
                told = sleeps;
                say();
            }
        }
    }

    /// How often we have slept so far.
    pub(super) fn now(&self) -> Sleeps {
        Sleeps(self.state().sleeps)
    }

    /// Whether we slept since.
    pub(super) fn slept_since(&self, before: Sleeps) -> bool {
        // Whoever asks may be awake before the watch is.
        let is_watched = self.state().last.is_some();
        let sleeps = if is_watched {
            self.look(self.moment())
        } else {
            0
        };
        sleeps != before.0
    }

    /// Waits until the network may be there again.
    pub(super) async fn settle(&self) {
        sleep(SETTLE).await;
    }

    fn look(&self, now: Moment) -> u32 {
        let mut state = self.state();
        if state.last.is_some_and(|last| last.is_long_before(&now)) {
            state.sleeps += 1;
        }
        state.last = Some(now);
        state.sleeps
    }

    fn moment(&self) -> Moment {
        Moment {
            steady: Instant::now(),
            of_day: (self.clock)().unix(),
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::UtcTime;
    use std::sync::Arc;

    fn awake() -> Awake {
        Awake::by(Arc::new(|| UtcTime::from_unix(100_000)))
    }

    #[test]
    fn a_pause_by_either_clock_is_a_sleep_and_a_clock_that_is_set_back_is_none() {
        let awake = awake();
        let mut at = awake.moment();
        let steps = [
            (1, 1, 0),
            (3, 3, 0),
            (40, 40, 1),
            (1, 1, 1),
            (1, 3_600, 2),
            (1, -86_400, 2),
            (1, 1, 2),
        ];
        awake.look(at);
        for (steady, of_day, sleeps) in steps {
            at.steady += Duration::from_secs(steady);
            at.of_day += of_day;
            assert_eq!(awake.look(at), sleeps, "{steady} {of_day}");
        }
    }

    #[test]
    fn who_asks_before_the_watch_has_ticked_is_told() {
        let awake = awake();
        let before = awake.now();
        assert!(!awake.slept_since(before), "nobody watches");
        let long_ago = awake.moment().of_day - 60;
        awake.look(Moment {
            of_day: long_ago,
            ..awake.moment()
        });
        assert!(awake.slept_since(before));
        assert!(!awake.slept_since(awake.now()));
    }
}
