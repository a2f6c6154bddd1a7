//! A run and its machines, as exports see them.

use super::{
    AccessRecord, BulletinId, Canaries, Clue, CredentialId, Date, Decided, Decision, Finding,
    FindingId, Fingerprint, HostFailure, HostKey, Inventory, MachineId, RunId, Service, Standing,
    UtcTime,
};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::iter;
use std::net::IpAddr;
use std::sync::Arc;

/// One machine of one run: everything that its rows are made of.
#[derive(Clone, Debug)]
pub struct MachineRecord {
    /// The machine.
    pub id: MachineId,
    /// The addresses at which this run met it, sorted; never empty, the first is its `ip`.
    pub addresses: Vec<IpAddr>,
    /// The name by which the operator gave it as a target.
    pub target_name: Option<String>,
    /// Whether it is known by nothing but its name at the address where it was last read: nobody logged in, and it
    /// showed no key.
    pub is_claimed: bool,
    /// The operator's tags.
    pub tags: Vec<String>,
    /// `scanned_full`, `scanned_partial`, `network_only`, `failed`, `not_begun`.
    pub outcome: String,
    /// Where it stopped, when it did.
    pub failure: Option<HostFailure>,
    /// The credential that worked.
    pub credential: Option<CredentialId>,
    /// The SSH host key it showed.
    pub host_key: Option<HostKey>,
    /// Where this run met the same key at what it takes for another machine: a cloned image, or one machine
    /// with many addresses. Sorted.
    pub same_key: Vec<IpAddr>,
    /// What was read from it.
    pub inventory: Option<Arc<Inventory>>,
    /// The verdicts, open, undecided and closed, sorted by product and bulletin.
    pub findings: Arc<Vec<Finding>>,
    /// What the operator's policy makes of the verdicts; `None` where nobody asked it.
    pub decided: Option<Decided>,
    /// What is remembered of its findings, of those that this run does not show as well.
    pub history: BTreeMap<FindingId, FindingHistory>,
    /// Every way in, by address.
    pub access: Vec<(IpAddr, AccessRecord)>,
    /// What the network showed, by address.
    pub services: Vec<(IpAddr, Service)>,
    /// What it showed without a login, by address.
    pub clues: Vec<(IpAddr, Clue)>,
    /// What it seems to be, by what it showed without a login.
    pub fingerprint: Fingerprint,
    /// Why it is no machine but somebody who answers for others, where it is.
    pub intermediary: Option<String>,
    /// Other ids under which the run has it: records that turned out to be this machine.
    pub also: Vec<MachineId>,
    /// The name that lists have for it; empty where they have none, or nobody compared.
    pub listed_name: String,
    /// Who answers for it by the lists; empty where none says so, or nobody compared.
    pub listed_owner: String,
    /// How it stands to the lists that the organisation has; `None` where nobody compared.
    pub standing: Option<Standing>,
    /// When it tends to be there: see [`super::Compared::usual_hours`].
    pub usual_hours: String,
    /// The last day of support of its release, where known.
    pub end_of_life: Option<Date>,
    /// The day on which any run first met it.
    pub first_seen: Date,
    /// When this run was done with it.
    pub last_seen: UtcTime,
}

impl MachineRecord {
    /// Who answers for it: as its tag `owner=…` says, else as lists do.
    pub fn owner(&self) -> Option<&str> {
        let listed = Some(self.listed_owner.as_str()).filter(|owner| !owner.is_empty());
        self.tagged_owner().or(listed)
    }

    /// Who answers for it as the operator says: its tag `owner=…`.
    pub fn tagged_owner(&self) -> Option<&str> {
        let mut tags = self.tags.iter();
        let owner = tags.find_map(|tag| tag.strip_prefix("owner="));
        owner.map(str::trim).filter(|owner| !owner.is_empty())
    }

    /// The host's own name for itself, else the one that the operator gave it, else the one that it shows without a
    /// login, else the one that lists have for it. Attacker-controlled.
    pub fn called(&self) -> Option<&str> {
        let inventory = self.inventory.as_deref();
        let own = inventory.map(|inventory| &inventory.identity.hostname);
        let own = own.and_then(|name| name.known());
        let own = own.map(String::as_str).filter(|name| !name.is_empty());
        let given = self.target_name.as_deref();
        let seen = self.fingerprint.hostname.as_ref();
        let seen = seen.map(|claim| claim.value.as_str());
        let listed = Some(self.listed_name.as_str()).filter(|name| !name.is_empty());
        own.or(given).or(seen).or(listed)
    }

    /// The verdicts, each with what the policy makes of it.
    pub fn judged(&self) -> impl Iterator<Item = (&Finding, Option<&Decision>)> + Clone {
        let decided = self.decided.iter().flat_map(|all| &all.decisions);
        let decisions = decided.map(Some).chain(iter::repeat(None));
        self.findings.iter().zip(decisions)
    }

    /// The day on which a run first saw a finding, under whichever id it had the machine then.
    pub fn finding_first_seen(&self, product: &str, bulletin: &BulletinId) -> Option<Date> {
        let ids = iter::once(&self.id).chain(&self.also);
        let ids = ids.map(|machine| FindingId::of(machine, product, bulletin));
        let seen = ids.filter_map(|id| self.history.get(&id));
        seen.map(|history| history.first_seen).min()
    }
}

/// What is remembered of a finding.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FindingHistory {
    /// The day on which a run first saw it.
    pub first_seen: Date,
    /// In how many runs it was seen.
    pub times_seen: u64,
}

/// How far a run is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum RunState {
    /// It was begun, and nobody said that it ended: it goes on, or was killed.
    #[default]
    Running,
    /// It did all that it was to do.
    Complete,
    /// The operator stopped it, or it failed. It can be resumed, as all that follow.
    Interrupted,
    /// This machine's network went, and did not come back in time.
    CutOff,
    /// It stopped itself: more hosts than the operator allows showed changed keys.
    SafetyStop,
}

impl RunState {
    /// The word for it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Running => "running",
            Self::Complete => "complete",
            Self::Interrupted => "interrupted",
            Self::CutOff => "cut_off",
            Self::SafetyStop => "safety_stop",
        }
    }
}

/// A run, as exports see it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RunSummary {
    /// The run.
    pub id: RunId,
    /// `scan` or `sweep`.
    pub kind: String,
    /// When it began.
    pub started: UtcTime,
    /// When it ended, or was stopped; `None` while it goes on.
    pub finished: Option<UtcTime>,
    /// Who ran it.
    pub operator: String,
    /// Who allowed it, as the operator says.
    pub authorised_by: Option<String>,
    /// The targets as given.
    pub targets: Vec<String>,
    /// The guards that the operator lifted: `allow_public`, `yes`.
    pub guards_lifted: Vec<String>,
    /// The site that its machines belong to.
    pub site: String,
    /// SHA-256 of the catalogue that the verdicts were made with, in hex; empty without one.
    pub catalog_digest: String,
    /// When what the machines were judged by was last met: of the feeds, that of the one that was not met for longest. Before
    /// machines were judged, when the catalogue was last imported into. [`RunSummary::catalog_age`] tells it with what it is of.
    pub catalog_imported: Option<UtcTime>,
    /// That feed, and what of it: `osv Debian:12`, `newest record of osv Debian`. Empty where none is known.
    #[serde(default)]
    pub catalog_feed: String,
    /// SHA-256 of the operator's rules for programs that the verdicts were made with, in hex; empty where
    /// there were only the built-in ones.
    pub programs_digest: String,
    /// Whether the hosts are simulated.
    pub simulated: bool,
    /// How far it is.
    #[serde(skip)]
    pub state: RunState,
    /// What hosts that are known to live answered while the sweep went on.
    #[serde(default)]
    pub canaries: Canaries,
}
