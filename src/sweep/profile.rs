//! How hard a sweep leans on the network.

use crate::traffic::size;
use std::num::NonZeroU64;
use std::time::Duration;

/// How hard a sweep leans on the network.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Profile {
    /// Probes sent in a second, in the whole run; [`Profile::UNLIMITED`] is as many as this machine can.
    pub rate: u32,
    /// Probes sent in a second, to one host.
    pub host_rate: u32,
    /// Connections to one host at the same time.
    pub host_connections: usize,
    /// How often every unanswered probe is tried again.
    pub retries: u8,
    /// How often an unanswered probe is tried again at most, where answers turn out to get lost.
    pub most_retries: u8,
    /// How many connections routers and firewalls on the way may be left half open; `None` is without a
    /// limit. Each unanswered probe counts for the three minutes that Linux' connection tracking may keep it.
    pub half_open: Option<u32>,
    /// The longest wait for an answer.
    pub timeout: Duration,
}

impl Profile {
    /// The rate that is no limit.
    pub const UNLIMITED: u32 = u32::MAX;
    /// `--gentle`: for links and devices that are known to be weak.
    pub const GENTLE: Self = Self {
        rate: 500,
        host_rate: 5,
        host_connections: 1,
        retries: 1,
        most_retries: 4,
        half_open: Some(4_000),
        timeout: Duration::from_secs(3),
    };
    /// `--normal`, the default.
    pub const NORMAL: Self = Self {
        rate: 5_000,
        host_rate: 20,
        host_connections: 2,
        retries: 1,
        most_retries: 4,
        // Seven eighths of the 16,384 that small routers track.
        half_open: Some(14_336),
        timeout: Duration::from_millis(1_500),
    };
    /// `--fast`: for a network that is known to bear it.
    pub const FAST: Self = Self {
        rate: 100_000,
        host_rate: 50,
        host_connections: 4,
        retries: 0,
        most_retries: 3,
        half_open: None,
        timeout: Duration::from_millis(500),
    };
    /// All of them, with the words for them.
    pub const ALL: &'static [(&'static str, Self)] = &[
        ("gentle", Self::GENTLE),
        ("normal", Self::NORMAL),
        ("fast", Self::FAST),
    ];

    /// The same within so many bits a second, were every probe a small packet that nobody answers.
    #[must_use]
    pub fn within(self, bits: NonZeroU64) -> Self {
        let probes = bits.get() / 8 / size::packet(false, 0);
        let probes = u32::try_from(probes).unwrap_or(Self::UNLIMITED).max(1);
        Self {
            rate: self.rate.min(probes),
            ..self
        }
    }
}

impl Default for Profile {
    fn default() -> Self {
        Self::NORMAL
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bandwidth_lowers_the_rate_and_never_raises_it() {
        let within = |bits| Profile::NORMAL.within(NonZeroU64::new(bits).unwrap()).rate;
        assert_eq!(within(500_000), 976);
        assert_eq!(within(100_000_000), 5_000);
        assert_eq!(within(1), 1);
    }
}
