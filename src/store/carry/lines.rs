//! The lines of the file. Their names and fields are its format: version 1 never changes.

use crate::model::{
    AccessRecord, Clue, CredentialId, Date, HostFailure, KnownList, MachineId, RunSummary, Service,
    UtcTime,
};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use std::net::IpAddr;

#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Line {
    Run(Box<RunLine>),
    List(Box<KnownList>),
    Machine(Box<MachineLine>),
    Sighting(SightingLine),
    Blob(BlobLine),
    Host(Box<HostLine>),
    End(EndLine),
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RunLine {
    pub(super) summary: RunSummary,
    /// `finished` or `interrupted`.
    pub(super) state: String,
    /// What stopped it: `network`, `safety`, or empty.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub(super) stopped_by: String,
    pub(super) settings: serde_json::Value,
    pub(super) seed: u64,
    pub(super) mark: u64,
}

/// A machine of the run, by the id it has there.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct MachineLine {
    pub(super) id: MachineId,
    /// What its id is made of.
    pub(super) founded_kind: String,
    pub(super) founded_value: String,
    pub(super) first_seen: UtcTime,
    pub(super) history: Vec<PastFinding>,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct PastFinding {
    pub(super) product: String,
    pub(super) bulletin: String,
    pub(super) first_seen: Date,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct SightingLine {
    pub(super) address: IpAddr,
    pub(super) probe: String,
    pub(super) port: u16,
    pub(super) answer: String,
    pub(super) round_trip_us: Option<u32>,
    pub(super) tries: u8,
    pub(super) seen_at: UtcTime,
    /// Time to live, window, options.
    pub(super) trace: Option<(u8, u16, u16)>,
    pub(super) mac: Option<[u8; 6]>,
    pub(super) banner: Option<String>,
}

/// An inventory or a list of findings, as its digest was made of it.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct BlobLine {
    pub(super) kind: String,
    /// SHA-256 of `body`, in hex.
    pub(super) digest: String,
    pub(super) body: Box<RawValue>,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct HostLine {
    pub(super) address: IpAddr,
    pub(super) machine: MachineId,
    pub(super) failure: Option<HostFailure>,
    pub(super) credential: Option<CredentialId>,
    /// Algorithm and fingerprint.
    pub(super) host_key: Option<(String, String)>,
    pub(super) inventory: Option<String>,
    pub(super) findings: Option<String>,
    pub(super) catalog_digest: Option<String>,
    pub(super) end_of_life: Option<Date>,
    pub(super) services: Vec<Service>,
    pub(super) clues: Vec<Clue>,
    pub(super) target_name: Option<String>,
    pub(super) tags: Vec<String>,
    pub(super) open_ports: Vec<u16>,
    pub(super) round_trip_us: Option<u64>,
    pub(super) elapsed_ms: u64,
    pub(super) finished: UtcTime,
    pub(super) access: Vec<AccessRecord>,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct EndLine {
    /// How many lines are before it.
    pub(super) lines: u64,
    /// SHA-256 of all of them, in hex.
    pub(super) sha256: String,
}
