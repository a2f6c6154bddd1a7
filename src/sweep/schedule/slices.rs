//! The sweep's time in slices: what was sent in one, and what nobody answered. Pure.
//!
//! Silence means something only where answers arrive. So an unanswered probe waits until everything that was
//! sent in its slice has ended; then the slice is judged by what became of its canaries, and of the retries in
//! it.

use super::Work;
use std::collections::VecDeque;
use std::time::Duration;

/// The slices that were not judged yet.
#[derive(Debug, Default)]
pub(super) struct Slices {
    /// The number of the first one in the list.
    first: u64,
    list: VecDeque<Slice>,
}

/// A piece of the sweep's time.
#[derive(Debug, Default)]
pub(super) struct Slice {
    /// When it began.
    pub(super) since: Duration,
    /// When it ended; `None` while it goes on.
    pub(super) until: Option<Duration>,
    /// How many packets were sent in it.
    pub(super) sent: u32,
    /// How many of them have not ended.
    open: u32,
    /// How many canaries that were asked in it have ended.
    pub(super) canaries: u32,
    /// How many of them did not answer.
    pub(super) lost: u32,
    /// What nobody answered and is not to be asked again without a reason.
    pub(super) silent: Vec<Work>,
    is_judged: bool,
}

/// How long a slice is.
const LONG: Duration = Duration::from_secs(1);
/// How long it is where there are many canaries, or nothing new to ask.
const SHORT: Duration = Duration::from_millis(250);
/// How many canaries are enough to judge by.
const ENOUGH: u32 = 100;
/// How many lost ones need no waiting for more.
const MANY_LOST: u32 = 10;

impl Slices {
    /// A probe is sent now: the number of its slice.
    pub(super) fn begin(&mut self, now: Duration) -> u64 {
        if self.list.back().is_none_or(|slice| slice.until.is_some()) {
            self.list.push_back(Slice {
                since: now,
                ..Slice::default()
            });
        }
        if let Some(slice) = self.list.back_mut() {
            slice.sent += 1;
            slice.open += 1;
        }
        self.first + self.list.len() as u64 - 1
    }

    /// A probe of a slice has ended, and was followed by so many further packets.
    pub(super) fn end(&mut self, number: u64, further: u32) {
        if let Some(slice) = self.at(number) {
            slice.open = slice.open.saturating_sub(1);
            slice.sent += further;
        }
    }

    /// A canary of a slice has ended.
    pub(super) fn canary(&mut self, number: u64, lost: bool) {
        if let Some(slice) = self.at(number) {
            slice.canaries += 1;
            slice.lost += u32::from(lost);
        }
    }

    /// Nobody answered a probe; its slice will be judged after this.
    pub(super) fn silent(&mut self, work: Work) {
        if let Some(slice) = self.at(work.slice) {
            slice.silent.push(work);
        }
    }

    /// Ends the slice that goes on if its time is over. `quiet` says that there is nothing new to ask.
    pub(super) fn close_if_due(&mut self, now: Duration, quiet: bool) {
        let Some(slice) = self.list.back().filter(|slice| slice.until.is_none()) else {
            return;
        };
        let is_short = quiet || slice.canaries >= ENOUGH || slice.lost >= MANY_LOST;
        let due = slice.since + if is_short { SHORT } else { LONG };
        if now >= due || quiet && slice.open == 0 {
            self.close(now);
        }
    }

    /// Ends the slice that goes on.
    pub(super) fn close(&mut self, now: Duration) {
        if let Some(slice) = self.list.back_mut() {
            slice.until.get_or_insert(now);
        }
    }

    /// When the slice that goes on should be ended; `None` where none goes on.
    pub(super) fn due(&self, quiet: bool) -> Option<Duration> {
        let slice = self.list.back().filter(|slice| slice.until.is_none())?;
        Some(slice.since + if quiet { SHORT } else { LONG })
    }

    /// A slice that ended, with everything that was sent in it.
    pub(super) fn take(&mut self) -> Option<Slice> {
        let is_ripe =
            |slice: &&mut Slice| slice.until.is_some() && slice.open == 0 && !slice.is_judged;
        let slice = self.list.iter_mut().find(is_ripe)?;
        let ripe = std::mem::take(slice);
        slice.until = ripe.until;
        slice.is_judged = true;
        while self.list.front().is_some_and(|slice| slice.is_judged) {
            self.list.pop_front();
            self.first += 1;
        }
        Some(ripe)
    }

    fn at(&mut self, number: u64) -> Option<&mut Slice> {
        let place = usize::try_from(number.checked_sub(self.first)?).ok()?;
        self.list.get_mut(place)
    }
}
