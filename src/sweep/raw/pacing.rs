//! When packets are due. Pure: the time is an argument, counted from the beginning of the sweep.

use std::time::Duration;

/// Owes packets at a rate. What is late is caught up, at twice the rate at most.
#[derive(Debug)]
pub(super) struct Pacing {
    owed: f64,
    at: Duration,
    /// Nothing is sent before.
    next: Duration,
}

/// How many packets go at once at most.
const BURST: f64 = 128.0;
/// How long sending may have stood still until what is late is given up.
const LATEST: f64 = 0.1;
/// The same while the rate is a guess at what the network bears: what comes all at once fills a queue, and looks as if
/// the rate did.
const LATEST_OF_A_GUESS: f64 = 0.005;

impl Pacing {
    pub(super) fn new() -> Self {
        Self {
            owed: 1.0,
            at: Duration::ZERO,
            next: Duration::ZERO,
        }
    }

    /// How many packets may be sent now. To be asked before each change of the rate, too.
    pub(super) fn due(&mut self, now: Duration, rate: f64, is_promised: bool) -> usize {
        let passed = now.saturating_sub(self.at).as_secs_f64();
        self.at = self.at.max(now);
        let latest = if is_promised {
            LATEST
        } else {
            LATEST_OF_A_GUESS
        };
        self.owed = (self.owed + passed * rate).min((rate * latest).max(1.0) + 1.0);
        if now < self.next {
            return 0;
        }
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "from 0 to the burst"
        )]
        let due = self.owed.clamp(0.0, BURST) as usize;
        due
    }

    /// So many packets were sent.
    pub(super) fn sent(&mut self, now: Duration, count: usize, rate: f64) {
        let count = f64::from(u32::try_from(count).unwrap_or(u32::MAX));
        self.owed -= count;
        if count >= BURST {
            self.next = now + Duration::from_secs_f64(BURST / rate / 2.0);
        }
    }

    /// Whether so much is late that there is no time to sleep.
    pub(super) fn is_behind(&self) -> bool {
        self.owed >= BURST
    }

    /// When the next packet, or a handful of them where they are many, is due.
    pub(super) fn next(&self, now: Duration, rate: f64) -> Duration {
        let missing = (1.0 - self.owed).max(0.0) / rate;
        (now + Duration::from_secs_f64(missing.min(60.0))).max(self.next)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn what_is_late_is_not_made_up_for_while_the_rate_is_a_guess() {
        let sent = |is_promised| {
            let mut pacing = Pacing::new();
            let mut now = Duration::from_secs(1);
            let (until, mut sent) = (now + Duration::from_millis(20), 0);
            while now < until {
                let due = pacing.due(now, 20_000.0, is_promised);
                pacing.sent(now, due, 20_000.0);
                sent += due;
                now += Duration::from_micros(100);
            }
            sent
        };
        // In this time 400 are due, and as many again may be made up for.
        assert!(sent(true) > 700, "{}", sent(true));
        assert!((400..=510).contains(&sent(false)), "{}", sent(false));
    }

    proptest! {
        #[test]
        fn the_rate_is_kept_within_a_percent_though_the_clock_stumbles(rate in prop::sample::select(vec![500.0_f64, 10_000.0, 100_000.0]), steps in prop::collection::vec(100_u64..3_000, 3_000)) {
            let mut pacing = Pacing::new();
            let mut now = Duration::ZERO;
            let mut sent = 0_usize;
            for step in steps {
                now += Duration::from_micros(step);
                // One batch after another, as long as any is due.
                for _ in 0..4 {
                    let due = pacing.due(now, rate, true);
                    prop_assert!(due <= 128);
                    pacing.sent(now, due, rate);
                    sent += due;
                    if due < 128 {
                        break;
                    }
                    now += Duration::from_micros(700);
                }
            }
            let wanted = rate * now.as_secs_f64();
            let error = (f64::from(u32::try_from(sent).unwrap()) - wanted).abs() / wanted;
            prop_assert!(error < 0.01, "{sent} of {wanted}");
        }
    }
}
