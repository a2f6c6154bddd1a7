//! Finding which addresses answer.
//!
//! A sweep walks a [`SweepPlan`] and reports [`Sighting`]s as they come, and now and then a mark:
//! every probe of a lower position is settled, and its sighting, if there was one, was sent
//! before. So silence is what the mark has passed without a sighting, and a run that stopped goes
//! on from its last mark. What lies between the mark and the end of the last run is probed again,
//! so a sighting may come twice; the later one stands.

#[cfg_attr(
    not(target_os = "linux"),
    expect(dead_code, reason = "some of it is the raw engine's")
)]
mod budget;
mod connect;
pub mod coverage;
mod descriptors;
pub mod engines;
mod flights;
pub mod intermediary;
mod launcher;
mod links;
pub mod manners;
mod pace;
mod plan;
pub mod preview;
mod profile;
#[cfg(target_os = "linux")]
pub mod raw;
pub mod routes;
mod schedule;
pub mod search;
mod simulated;
mod tcp;

pub use crate::model::{Answer, Canaries, ProbeKind, Trace};
pub use engines::Engines;
pub use plan::{AddressList, AddressSpace, Engine, Leg, PlanError, Probe, Probes, SweepPlan};
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
    /// Sweeps a plan from a position on, until its end or until it is stopped. An engine sweeps the legs
    /// that are its own, and takes those of others for swept.
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
    /// Every probe that this address will get is settled. Sent once for each address that showed life;
    /// its sightings were sent before.
    Settled(IpAddr),
    /// Something that the operator should know at once, in one sentence: the rate was lowered.
    Notice(String),
}

/// An answer to a probe.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sighting {
    /// The position that the probe belongs to; of a further port that of the address's first sign of
    /// life.
    pub index: u64,
    /// The address that was probed.
    pub address: IpAddr,
    /// What was tried.
    pub probe: ProbeKind,
    /// The answer.
    pub answer: Answer,
    /// From the probe's first packet to the answer.
    pub round_trip: Duration,
    /// How many times it was tried, the answered time included; at least 1.
    pub tries: u8,
    /// The answer's outward form, where packets can be seen.
    pub trace: Option<Trace>,
    /// The hardware address that answered, on the own link.
    pub mac: Option<[u8; 6]>,
}

/// How a sweep ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SweepEnd {
    /// Where it can be resumed: every probe of a lower position is settled.
    pub mark: u64,
    /// Why it ended.
    pub reason: EndReason,
    /// How many probes were sent, tries counted one by one.
    pub tries: u64,
    /// How often this machine had no socket, port or buffer left, and the probe was put back.
    pub requeued: u64,
    /// What hosts that are known to live answered while the sweep went on.
    pub canaries: Canaries,
}

impl SweepEnd {
    /// Goes on to where the next part of the sweep has ended.
    fn add(&mut self, next: Self) {
        self.mark = next.mark;
        self.reason = next.reason;
        self.tries += next.tries;
        self.requeued += next.requeued;
        self.canaries.asked += next.canaries.asked;
        self.canaries.lost += next.canaries.lost;
    }
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
