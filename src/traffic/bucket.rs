//! The bucket itself. Pure: the time is an argument.

use std::num::NonZeroU64;
use std::time::Duration;
use tokio::time::Instant;

/// Gives each byte its moment, in the order in which they are asked for.
#[derive(Debug)]
pub(super) struct Bucket {
    bits: u128,
    /// When the next byte may go; before the first is asked for, any time.
    next: Option<Instant>,
}

/// How far what was not used may be caught up.
const BURST: Duration = Duration::from_millis(50);

impl Bucket {
    /// So many bits a second.
    pub(super) fn new(bits: NonZeroU64) -> Self {
        Self {
            bits: bits.get().into(),
            next: None,
        }
    }

    /// Takes bytes out, and says when they may go.
    pub(super) fn take(&mut self, now: Instant, bytes: u64) -> Instant {
        let earliest = now.checked_sub(BURST).unwrap_or(now);
        let start = self.next.map_or(now, |next| next.max(earliest));
        self.next = Some(start + self.time(bytes));
        start
    }

    fn time(&self, bytes: u64) -> Duration {
        const NANOSECONDS: u128 = 1_000_000_000;
        let time = u128::from(bytes) * 8 * NANOSECONDS / self.bits;
        // Nobody waits for years.
        Duration::from_nanos(u64::try_from(time).unwrap_or(u64::MAX)).min(Duration::from_hours(24))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn in_no_stretch_of_time_more_goes_than_the_rate_a_burst_and_one_piece(
            kbits in 64_u64..100_000,
            asked in prop::collection::vec((0_u64..200, 1_u64..20_000), 1..80),
        ) {
            let bits = NonZeroU64::new(kbits * 1_000).unwrap();
            let (mut bucket, begun) = (Bucket::new(bits), Instant::now());
            let mut now = begun;
            let mut went = Vec::new();
            for (wait, bytes) in asked {
                now += Duration::from_millis(wait);
                let at = bucket.take(now, bytes);
                // Whoever must wait asks for nothing meanwhile.
                now = now.max(at);
                went.push((now, bytes));
            }
            for (first, (from, _)) in went.iter().enumerate() {
                let mut bytes = 0;
                for (until, more) in went.iter().skip(first) {
                    let time = (*until - *from + BURST).as_secs_f64();
                    // The last piece may only have begun.
                    #[expect(clippy::cast_precision_loss, reason = "far below what f64 holds")]
                    let (before, rate) = (bytes as f64, bits.get() as f64 / 8.0);
                    prop_assert!(before <= time * rate + 1.0, "{before} bytes in {time} s");
                    bytes += more;
                }
            }
        }

        #[test]
        fn the_whole_rate_is_used_where_there_is_enough_to_send(kbits in 64_u64..1_000_000, piece in 100_u64..20_000) {
            let bits = NonZeroU64::new(kbits * 1_000).unwrap();
            let (mut bucket, begun) = (Bucket::new(bits), Instant::now());
            let mut last = begun;
            for _ in 0..1_000 {
                last = bucket.take(last, piece);
            }
            let time = u32::try_from(999 * piece * 8 / kbits).unwrap();
            let took = last - begun;
            let wanted = Duration::from_millis(1) * time;
            prop_assert!(took + Duration::from_millis(2) >= wanted && took <= wanted + Duration::from_millis(2));
        }
    }
}
