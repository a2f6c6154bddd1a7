//! The sweep's share: taken in blocks, by a thread that looks at the clock and does not sleep.

use super::Traffic;
use std::time::Duration;
use tokio::time::Instant;

/// What may be sent now.
#[derive(Debug)]
pub struct Allowance {
    traffic: Traffic,
    /// Bytes of the present block; below zero where more was sent or heard than that.
    left: i64,
    opens: Option<Instant>,
}

impl Allowance {
    /// Nothing at first.
    pub fn new(traffic: Traffic) -> Self {
        Self {
            traffic,
            left: 0,
            opens: None,
        }
    }

    /// How long nothing may be sent; `None` if something may.
    pub fn wait(&mut self) -> Option<Duration> {
        if !self.traffic.is_limited() {
            return None;
        }
        // One block at a time: whoever else wants some stands between it and the next.
        if self.left <= 0 {
            let block = i64::try_from(self.traffic.piece()).unwrap_or(i64::MAX);
            let bytes = block.saturating_sub(self.left);
            self.opens = self.traffic.take(u64::try_from(bytes).unwrap_or(0));
            self.left = block;
        }
        let opens = self.opens?;
        let wait = opens.saturating_duration_since(Instant::now());
        if wait.is_zero() {
            self.opens = None;
            return None;
        }
        Some(wait)
    }

    /// How many packets of a size may go now: at least one, if any.
    pub fn packets(&mut self, size: u64) -> usize {
        if !self.traffic.is_limited() {
            return usize::MAX;
        }
        if self.wait().is_some() {
            return 0;
        }
        let left = u64::try_from(self.left).unwrap_or(0);
        usize::try_from((left / size.max(1)).max(1)).unwrap_or(usize::MAX)
    }

    /// So many bytes went, or came.
    pub fn spend(&mut self, bytes: u64) {
        if self.traffic.is_limited() {
            self.left = self.left.saturating_sub_unsigned(bytes);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::num::NonZeroU64;
    use tokio::time::{advance, sleep};

    #[tokio::test(start_paused = true)]
    async fn a_sweep_keeps_to_the_bandwidth_with_its_answers_counted() {
        // 100 kB a second.
        let traffic = Traffic::limited(NonZeroU64::new(800_000));
        let mut allowance = Allowance::new(traffic.clone());
        let began = Instant::now();
        let mut bytes = 0;
        while began.elapsed() < Duration::from_secs(20) {
            if let Some(wait) = allowance.wait() {
                sleep(wait).await;
                continue;
            }
            allowance.spend(64);
            bytes += 64;
            // Every fourth is answered.
            if bytes % 256 == 0 {
                allowance.spend(64);
                bytes += 64;
            }
        }
        let wanted = 100_000.0 * began.elapsed().as_secs_f64();
        let ratio = f64::from(bytes) / wanted;
        assert!((0.98..=1.01).contains(&ratio), "{ratio}");
    }

    #[tokio::test(start_paused = true)]
    async fn it_takes_no_more_than_its_turn_beside_others() {
        let traffic = Traffic::limited(NonZeroU64::new(800_000));
        let mut allowance = Allowance::new(traffic.clone());
        assert_eq!(allowance.wait(), None);
        allowance.spend(2_000);
        let share = traffic.share();
        share.came(50_000);
        // Half a second of another one's bytes come first.
        let wait = allowance.wait().unwrap();
        assert!(wait > Duration::from_millis(400), "{wait:?}");
        advance(wait).await;
        assert_eq!(allowance.wait(), None);
        assert!(allowance.packets(64) > 1);
    }

    #[test]
    fn without_a_limit_everything_goes() {
        let mut allowance = Allowance::new(Traffic::unlimited());
        allowance.spend(u64::MAX);
        assert_eq!(allowance.wait(), None);
        assert_eq!(allowance.packets(64), usize::MAX);
    }
}
