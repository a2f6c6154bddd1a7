//! Finding which addresses answer.
//!
//! A sweep walks a [`SweepPlan`] and reports [`Sighting`]s as they come, and now and then a mark:
//! every probe of a lower position is settled, and its sighting, if there was one, was sent
//! before. So silence is what the mark has passed without a sighting, and a run that stopped goes
//! on from its last mark. What lies between the mark and the end of the last run is probed again,
//! so a sighting may come twice; the later one stands.

mod connect;
pub mod coverage;
mod descriptors;
mod loss;
pub mod manners;
mod pace;
mod plan;
pub mod preview;
mod profile;
mod simulated;
mod tcp;
mod window;

pub use plan::{AddressList, AddressSpace, PlanError, Probe, SweepPlan};
pub use profile::Profile;
pub use simulated::SimulatedSweeper;
pub use tcp::TcpSweeper;

use async_trait::async_trait;
use std::net::IpAddr;
use std::time::Duration;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

/// Finds which addresses answer.
#[async_trait]
pub trait Sweeper: Send + Sync {
    /// Sweeps a plan from a position on, until its end or until it is stopped.
    ///
    /// Never faster than `out` is read. Once stopped it sends nothing more.
    async fn sweep(
        &self,
        plan: &SweepPlan,
        from: u64,
        out: mpsc::Sender<SweepEvent>,
        stop: CancellationToken,
    ) -> SweepEnd;
}

/// What a sweep reports.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum SweepEvent {
    /// An answer.
    Sighting(Sighting),
    /// Every probe of a lower position is settled, and all their sightings were sent before this.
    Passed(u64),
}

/// An answer to a probe.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sighting {
    /// The probe's position in the plan.
    pub index: u64,
    /// The address that was probed.
    pub address: IpAddr,
    /// The port that was probed.
    pub port: u16,
    /// The answer.
    pub answer: Answer,
    /// From the connection's first packet to the answer.
    pub round_trip: Duration,
    /// How many times it was tried, the answered time included; at least 1.
    pub tries: u8,
}

/// How a probe was answered. No answer is silence, and is not reported.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Answer {
    /// A connection was accepted.
    Open,
    /// A connection was refused: nothing listens there, but the host lives.
    Closed,
    /// A router, or this machine, says that there is no way there. No sign of life.
    Unreachable,
}

impl Answer {
    /// The word used in the store and in exports.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Closed => "closed",
            Self::Unreachable => "unreachable",
        }
    }

    /// Reads the word used in the store and in exports.
    pub fn parse(word: &str) -> Option<Self> {
        let all = [Self::Open, Self::Closed, Self::Unreachable];
        all.into_iter().find(|answer| answer.as_str() == word)
    }

    /// Whether the host itself answered.
    pub fn is_life(self) -> bool {
        matches!(self, Self::Open | Self::Closed)
    }
}

/// How a sweep ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SweepEnd {
    /// Where it can be resumed: every probe of a lower position is settled.
    pub mark: u64,
    /// Why it ended.
    pub reason: EndReason,
    /// How many connections were begun, tries counted one by one.
    pub tries: u64,
    /// How often this machine had no socket, port or buffer left, and the probe was put back.
    pub requeued: u64,
}

/// Why a sweep ended.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum EndReason {
    /// Everything was probed.
    Complete,
    /// It was asked to stop, or nobody reads what it finds.
    Stopped,
    /// This machine had no socket left for a long time, although the sweep held none. Says what
    /// the system said.
    Starved(String),
}

#[cfg(test)]
mod tests;
