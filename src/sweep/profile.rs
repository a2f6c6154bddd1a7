//! How hard a sweep leans on the network.

use std::time::Duration;

/// How hard a sweep leans on the network.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Profile {
    /// Connections begun in a second, in the whole run.
    pub rate: u32,
    /// Connections begun in a second, to one host.
    pub host_rate: u32,
    /// Connections to one host at the same time.
    pub host_connections: usize,
    /// How often an unanswered probe is tried again.
    pub retries: u8,
    /// The longest wait for an answer.
    pub timeout: Duration,
}

impl Profile {
    /// `--gentle`: for links and devices that are known to be weak.
    pub const GENTLE: Self = Self {
        rate: 500,
        host_rate: 5,
        host_connections: 1,
        retries: 1,
        timeout: Duration::from_secs(3),
    };
    /// `--normal`, the default.
    pub const NORMAL: Self = Self {
        rate: 5_000,
        host_rate: 20,
        host_connections: 2,
        retries: 1,
        timeout: Duration::from_millis(1_500),
    };
    /// `--fast`: for a network that is known to bear it.
    pub const FAST: Self = Self {
        rate: 20_000,
        host_rate: 50,
        host_connections: 4,
        retries: 1,
        timeout: Duration::from_secs(1),
    };
    /// All of them, with the words for them.
    pub const ALL: &'static [(&'static str, Self)] = &[
        ("gentle", Self::GENTLE),
        ("normal", Self::NORMAL),
        ("fast", Self::FAST),
    ];
}

impl Default for Profile {
    fn default() -> Self {
        Self::NORMAL
    }
}
