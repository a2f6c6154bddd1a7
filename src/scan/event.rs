//! What happens during a run, for whoever wants to watch.

use crate::model::{ResultCode, RunId, Stage};
use serde::Serialize;
use std::net::IpAddr;

/// Something that happened. `--events jsonl` writes these.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "event", rename_all = "snake_case")]
#[non_exhaustive]
pub enum Event {
    /// The run begins, or goes on.
    RunStarted {
        /// The run.
        run: RunId,
        /// Addresses in scope.
        addresses: u64,
        /// Addresses that an earlier part of the run was done with.
        finished: u64,
    },
    /// The sweep has passed so many of its probes.
    SweepProgress {
        /// Probes that are settled.
        passed: u64,
        /// Probes in all.
        total: u64,
    },
    /// An address answered for the first time.
    HostFound {
        /// The address.
        address: IpAddr,
    },
    /// A host entered a stage.
    StageEntered {
        /// The host.
        address: IpAddr,
        /// The stage.
        stage: Stage,
    },
    /// A host is done, well or badly, and saved.
    HostFinished {
        /// The host.
        address: IpAddr,
        /// The word of the `outcome` column.
        outcome: &'static str,
        /// How the best way in ended.
        code: Option<ResultCode>,
        /// How long it took, in milliseconds.
        elapsed_ms: u64,
    },
    /// A host showed another key than the one on record. It heard nothing.
    KeyChanged {
        /// The host.
        address: IpAddr,
        /// Its port.
        port: u16,
        /// Which key it showed, and which is on record.
        detail: String,
        /// How many hosts of this run have shown one so far.
        hosts: u64,
    },
    /// The run stops itself; no login begins any more.
    SafetyStop {
        /// Why.
        text: String,
    },
    /// Something the operator should know at once.
    Warning {
        /// One sentence.
        text: String,
    },
    /// The sweep is over.
    SweepFinished,
}
