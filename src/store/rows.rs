//! What goes into the store and comes out of it, as plain data.

use crate::model::{
    Answer, Date, FeedAge, Finding, HostKey, HostOutcome, ProbeKind, ResultCode, RunId, RunSummary,
    Trace, UtcTime, hex,
};
use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;

/// What is written down when a run begins.
#[derive(Clone, Debug, PartialEq)]
pub struct NewRun {
    /// What exports see of it. `finished` is ignored.
    pub summary: RunSummary,
    /// Everything `--resume` needs to build the same plan again; the store does not look inside.
    pub settings: serde_json::Value,
    /// A hash over the plan: a resumed run must come to the same one.
    pub plan_fingerprint: String,
    /// The seed of the sweep's order.
    pub seed: u64,
}

/// A run, as the store knows it.
#[derive(Clone, Debug, PartialEq)]
pub struct RunRecord {
    /// What exports see of it.
    pub summary: RunSummary,
    /// See [`NewRun::settings`].
    pub settings: serde_json::Value,
    /// See [`NewRun::plan_fingerprint`].
    pub plan_fingerprint: String,
    /// See [`NewRun::seed`].
    pub seed: u64,
    /// The sweep's mark: every probe with a lower index is settled.
    pub mark: u64,
}

/// One answered probe. Silence is not written down: it is what the mark has passed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SightingRow {
    /// The address.
    pub address: IpAddr,
    /// What was tried.
    pub probe: ProbeKind,
    /// What it answered.
    pub answer: Answer,
    /// The round trip, in microseconds.
    pub round_trip_us: Option<u32>,
    /// How many probes it took.
    pub tries: u8,
    /// When it answered.
    pub seen_at: UtcTime,
    /// How the answer looked on the wire, where packets could be seen.
    pub trace: Option<Trace>,
    /// The hardware address that answered, on the own link.
    pub mac: Option<[u8; 6]>,
    /// What the port said first, in a run of an earlier version. Attacker-controlled.
    pub banner: Option<String>,
}

/// A host that is done with: committed wholly or not at all.
#[derive(Clone, Debug)]
pub struct HostCommit {
    /// How it ended.
    pub outcome: HostOutcome,
    /// What the catalogue says of its inventory; `None` where nothing was matched.
    pub matched: Option<Matched>,
    /// What is seen from outside to be wrong with it: remembered as findings are, and judged again
    /// whenever the run is read.
    pub exposures: Vec<Finding>,
    /// Host keys to pin with it. A pin that is there already stays as it is.
    pub pins: Vec<Pin>,
    /// When it was done.
    pub finished: UtcTime,
}

/// What all verdicts of a run were made by; the fields are those of [`RunSummary`].
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "the fields are those of `RunSummary`")]
pub struct JudgedBy {
    pub catalog_digest: String,
    pub catalog_imported: Option<UtcTime>,
    pub programs_digest: String,
}

/// The verdicts of a catalogue on an inventory.
#[derive(Clone, Debug, PartialEq)]
pub struct Matched {
    /// The verdicts, open, undecided and closed.
    pub findings: Arc<Vec<Finding>>,
    /// The digest of the catalogue that gave them.
    pub catalog_digest: String,
    /// The last day of support of the host's release, where the catalogue knows it.
    pub end_of_life: Option<Date>,
    /// Of the feeds that the host was judged by, the one that was not met for longest.
    pub age: Option<FeedAge>,
}

/// The SHA-256 of a stored inventory or list of findings.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Digest(pub(super) [u8; 32]);

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex(&self.0))
    }
}

/// A distinct inventory of a run, and where it was read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InventoryRef {
    /// Which inventory; [`super::Store::inventory`] reads it.
    pub digest: Digest,
    /// The addresses that gave it, sorted.
    pub addresses: Vec<IpAddr>,
}

/// A host key that the operator vouches for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pin {
    /// The site.
    pub site: String,
    /// The host's name in lower case, or its address as text.
    pub host: String,
    /// The port.
    pub port: u16,
    /// The key's algorithm and fingerprint.
    pub key: HostKey,
    /// The whole public key as OpenSSH writes it (`ssh-ed25519 AAAA…`); empty where only the
    /// fingerprint is known.
    pub public_key: String,
    /// Where it comes from: `import`, `review` and the file's name, `first_use`.
    pub source: String,
    /// When it was pinned.
    pub at: UtcTime,
}

/// What an import of pins did, or would do.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PinImport {
    /// How many were not there, or were there without anybody's having checked them.
    pub added: usize,
    /// Pins that contradict one of the import, and that one.
    pub replaced: Vec<(Pin, Pin)>,
}

/// How pinning a key on first use ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FirstPin {
    /// It is pinned now.
    Pinned,
    /// The host had pins already, these; nothing was changed.
    Known(Vec<Pin>),
}

/// Names one reserved try.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct TryId(pub(super) i64);

/// One use of an account's secret against one host. Account and record are the caller's words:
/// nothing here compares them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TryRow {
    /// Which.
    pub id: TryId,
    /// The account.
    pub account: String,
    /// All the rules want to know of it.
    pub record: String,
    /// The run that reserved it.
    pub run: RunId,
    /// When it was reserved, or when it ended.
    pub at: UtcTime,
    /// What became of it.
    pub state: TryState,
}

/// What became of a try that was not given back.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum TryState {
    /// Nobody said. It is under way, or its run was killed: it counts as wrong.
    Reserved,
    /// It was refused, or nothing was proven: it counts.
    Wrong,
}

/// A reason to leave an account alone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StopRow {
    /// The account.
    pub account: String,
    /// All the rules want to know of it.
    pub record: String,
    /// Since when.
    pub at: UtcTime,
}

/// What the breaker's rules say of a try.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Go on.
    Grant,
    /// Not now: another try must end first.
    Wait,
    /// No, and why: the code and the particulars.
    Refuse(ResultCode, String),
}

/// A try, reserved or not.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reservation {
    /// It is written down and counts as wrong until [`super::Store::return_try`].
    Granted(TryId),
    /// Ask again when another try has ended.
    Wait,
    /// Nothing may be sent, and why.
    Refused(ResultCode, String),
}

/// Which try is wanted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TryRequest {
    /// The account.
    pub account: String,
    /// All the rules will want to know of it.
    pub record: String,
    /// The run.
    pub run: RunId,
    /// The time.
    pub now: UtcTime,
    /// What is older is not looked at.
    pub horizon: UtcTime,
}
