//! Everything that makes a run what it is: kept with it, so that `--resume` comes to the same.

use super::{RunError, RunLimits};
use crate::collect;
use crate::model::{FileMark, Protocol, RunId, Severity};
use crate::session::QuestionSet;
use crate::sweep::{AddressSpace, Engine, ProbeKind, Probes, Profile, SweepPlan, manners};
use crate::targets::{Found, Lists, Permissions, Request, TargetError, TargetList, TargetSet};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::net::IpAddr;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

/// What a run does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RunKind {
    /// Sweeps, logs in and collects.
    Scan,
    /// Only sweeps.
    Sweep,
    /// Reads this machine.
    Local,
    /// Judges recorded hosts.
    Recorded,
    /// Goes the whole way to one host to see where it ends. Nothing of the host is kept.
    Doctor,
    /// Logs in to one host and asks it no more than who we are. Nothing of the host is kept.
    Login,
    /// Goes back to the machines on which an earlier run found something open, and asks what decides that. What it
    /// finds is no new state of the network: the earlier run stays the latest.
    Verify,
}

impl RunKind {
    /// The word in the store and the manifest.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Scan => "scan",
            Self::Sweep => "sweep",
            Self::Local => "local",
            Self::Recorded => "recorded",
            Self::Doctor => "doctor",
            Self::Login => "login",
            Self::Verify => "verify",
        }
    }

    /// Whether credentials are used.
    pub fn logs_in(self) -> bool {
        matches!(self, Self::Scan | Self::Doctor | Self::Login | Self::Verify)
    }

    /// Whether it looks at hosts to tell how they can be read, and keeps nothing of what it reads: no
    /// inventory, no verdict, no machine.
    pub fn is_examination(self) -> bool {
        matches!(self, Self::Doctor | Self::Login)
    }
}

/// The settings of a run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RunPlan {
    /// What it does.
    pub kind: RunKind,
    /// Where it goes.
    pub scope: Scope,
    /// The ports to probe, sorted, the SSH ports among them.
    pub ports: Vec<u16>,
    /// The ports on which SSH is expected, in the order of preference.
    pub ssh_ports: Vec<u16>,
    /// The ports on which WinRM over HTTPS is expected, preferred to those without.
    #[serde(default)]
    pub winrm_tls_ports: Vec<u16>,
    /// The ports on which WinRM over plain HTTP is expected.
    #[serde(default)]
    pub winrm_ports: Vec<u16>,
    /// Those of them that every address is probed on; the others are probed where there is life. Empty:
    /// every address is probed on all.
    #[serde(default)]
    pub first_ports: Vec<u16>,
    /// Whether every address is sent an echo request, where packets can be made.
    #[serde(default)]
    pub echo: bool,
    /// Which addresses each engine sweeps, by their places in the order; what none has is connected to.
    #[serde(default)]
    pub engines: Vec<(Engine, Vec<Range<u64>>)>,
    /// The seed of the order.
    pub seed: u64,
    /// How hard it leans on the network.
    pub pace: Pace,
    /// How hosts are asked who they are.
    #[serde(default)]
    pub look: Look,
    /// The most seconds that a host may take, with all of its ports and credentials; waiting for
    /// other hosts does not count.
    pub host_seconds: u64,
    /// How many hosts are worked on at once.
    pub hands: usize,
    /// How fast it talks, and how many hosts of one place are worked on at once.
    #[serde(default)]
    pub limits: RunLimits,
    /// Whether the keys of strangers are pinned.
    pub accept_new_host_keys: bool,
    /// How many hosts may show a changed key before the run stops itself.
    #[serde(default = "usual_changed_keys")]
    pub max_changed_keys: u32,
    /// Where the credentials are.
    pub credentials: Option<PathBuf>,
    /// Files of known host keys.
    pub known_hosts: Vec<PathBuf>,
    /// Under which other names the keys of hosts are known, by the names under which they were given: ssh's
    /// `HostName` and `HostKeyAlias`.
    #[serde(default)]
    pub key_names: BTreeMap<String, String>,
    /// Files of certificate authorities that vouch for WinRM hosts, beside this machine's.
    #[serde(default)]
    pub tls_ca: Vec<PathBuf>,
    /// The operator's files of rules for programs, the first to be asked first.
    #[serde(default)]
    pub programs: Vec<RuleFile>,
    /// The policy that it began with; `None` where nobody kept it, and the default where there was none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub policy: Option<FileMark>,
    /// Where answers are recorded.
    pub record: Option<PathBuf>,
    /// Where receipts are written.
    #[serde(default)]
    pub receipts: Option<Receipts>,
    /// What is verified, in a run that does.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub verify: Option<Verify>,
    /// Whom the operator counts on, in a scan.
    #[serde(default)]
    pub awaited: Awaited,
}

/// The hosts that an operator counts on: a credential covers them, and they are no mere part of a block. One of them
/// that does not answer is one that was not assessed.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Awaited {
    /// Those that were named by themselves among the targets: for each its addresses.
    pub named: Vec<Vec<IpAddr>>,
    /// The addresses in scope that the lists of the run have.
    pub listed: BTreeSet<IpAddr>,
}

/// What a run verifies.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Verify {
    /// The run whose findings are verified.
    pub base: RunId,
    /// The catalogue and the rules that had judged it when this run began.
    pub base_judged_by: (String, String),
    /// Which of its findings.
    pub wanted: Wanted,
    /// What is asked where.
    pub asks: Vec<Asked>,
}

/// Which findings are verified.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Wanted {
    /// Only on these hosts, by id, address or name; empty for all.
    pub hosts: Vec<String>,
    /// Only on machines with one of these tags; empty for all.
    pub tags: Vec<String>,
    /// Only those about these updates, bulletins or CVEs; empty for all.
    pub only: Vec<String>,
    /// Only those of this severity or worse, or of none that anybody states.
    pub severity: Option<Severity>,
    /// Also what has no fix, and what was undecided.
    pub all: bool,
}

/// What is asked at some addresses.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Asked {
    /// The words of the findings' evidence: see [`collect::words_of`].
    pub evidence: BTreeSet<String>,
    /// Where; sorted.
    pub addresses: Vec<IpAddr>,
}

/// That each host gets a receipt of what was done with it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Receipts {
    /// The folder, a file a host.
    pub folder: PathBuf,
    /// Whether names of accounts are left out.
    pub no_users: bool,
}

/// How many hosts may show a changed key, unless the operator says otherwise: some machines are installed
/// anew between two runs, but not many at once.
pub const MAX_CHANGED_KEYS: u32 = 3;

fn usual_changed_keys() -> u32 {
    MAX_CHANGED_KEYS
}

/// How hosts are asked who they are, without a login.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
#[expect(clippy::struct_excessive_bools, reason = "each is a permission")]
pub struct Look {
    /// Also by exchanges that leave more than a line in a log: `--deep-identify`.
    pub deep: bool,
    /// The UDP ports that are asked: `--udp`.
    pub udp: Vec<u16>,
    /// The ports on which web servers are expected beside the usual ones: `--http-port`.
    pub http: Vec<u16>,
    /// The same over TLS: `--https-port`.
    pub https: Vec<u16>,
    /// Whether addresses are looked up in DNS.
    pub dns: bool,
    /// Whether printers and industrial devices are asked like others.
    pub include_fragile: bool,
    /// Whether they are not asked at all.
    pub off: bool,
    /// Whether an SSH server is asked for its keys of every kind: `trust scan`.
    pub every_key: bool,
    /// How many seconds announcements on the own links are listened to; 0 is not at all.
    pub mdns_seconds: u64,
}

/// A file of rules for programs, as it was when the run began: what changes on the disk does not change
/// a run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RuleFile {
    /// Where it was.
    pub path: PathBuf,
    /// What it said.
    pub text: String,
}

/// A [`Profile`] that can be stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[expect(missing_docs, reason = "the fields are those of `Profile`")]
pub struct Pace {
    pub rate: u32,
    pub host_rate: u32,
    pub host_connections: usize,
    pub retries: u8,
    #[serde(default)]
    pub most_retries: u8,
    #[serde(default)]
    pub half_open: Option<u32>,
    pub timeout_ms: u64,
}

impl From<Profile> for Pace {
    fn from(profile: Profile) -> Self {
        Self {
            rate: profile.rate,
            host_rate: profile.host_rate,
            host_connections: profile.host_connections,
            retries: profile.retries,
            most_retries: profile.most_retries,
            half_open: profile.half_open,
            timeout_ms: u64::try_from(profile.timeout.as_millis()).unwrap_or(u64::MAX),
        }
    }
}

impl From<Pace> for Profile {
    fn from(pace: Pace) -> Self {
        Self {
            rate: pace.rate,
            host_rate: pace.host_rate,
            host_connections: pace.host_connections,
            retries: pace.retries,
            most_retries: pace.most_retries,
            half_open: pace.half_open,
            timeout: Duration::from_millis(pace.timeout_ms),
        }
    }
}

/// The targets with the text of every list they name and the addresses of every name, as they were
/// when the run began: what changes on the disk or in DNS does not change a run.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[expect(
    missing_docs,
    reason = "the fields are those of `Request` and `Permissions`"
)]
pub struct Scope {
    pub targets: Vec<String>,
    pub exclude: Vec<String>,
    pub exclude_files: Vec<PathBuf>,
    pub never_scan: Vec<String>,
    #[serde(default)]
    pub never_scan_files: Vec<String>,
    /// What was taken out after the run had begun, by the operator or the permanent list.
    #[serde(default)]
    pub taken_out: Vec<String>,
    pub allow_public: bool,
    pub yes: bool,
    /// The text of each file, by its path.
    pub files: BTreeMap<PathBuf, String>,
    /// The text of standard input.
    pub input: Option<String>,
    /// What each name resolved to, or why it did not.
    pub names: BTreeMap<String, Result<Vec<IpAddr>, String>>,
    /// What was found in IPv6 blocks that are too large to be swept: a run that goes on searches no more.
    #[serde(default)]
    pub found: Found,
}

impl Scope {
    /// The addresses of the scope as it was when the run began.
    ///
    /// # Errors
    /// What is wrong with the targets, and where.
    pub fn targets(&self) -> Result<TargetSet, TargetError> {
        self.set(&self.request())
    }

    /// The places of the addresses that were taken out since, in the order of the scope.
    ///
    /// # Errors
    /// What is wrong with what was taken out, or that nothing is left.
    pub fn taken_out(&self, targets: &TargetSet) -> Result<Vec<Range<u64>>, TargetError> {
        if self.taken_out.is_empty() {
            return Ok(Vec::new());
        }
        let mut request = self.request();
        request.taken_out.clone_from(&self.taken_out);
        let left = self.set(&request)?;
        let place = |place| u64::try_from(place).unwrap_or(u64::MAX);
        let ranges = targets.without(&left).into_iter();
        Ok(ranges
            .map(|range| place(range.start)..place(range.end))
            .collect())
    }

    fn set(&self, request: &Request) -> Result<TargetSet, TargetError> {
        let list = TargetList::read(request, self)?;
        let resolve = |name: &str| match self.names.get(name) {
            Some(addresses) => addresses.clone(),
            None => Err("was not looked up".to_owned()),
        };
        let allowed = Permissions {
            allow_public: self.allow_public,
            yes: self.yes,
        };
        list.with_found(self.found.clone())
            .into_set(&resolve, allowed)
    }

    /// The targets as they were given.
    pub fn request(&self) -> Request {
        Request {
            targets: self.targets.clone(),
            exclude: self.exclude.clone(),
            exclude_files: self.exclude_files.clone(),
            never_scan: self.never_scan.clone(),
            never_scan_files: self.never_scan_files.clone(),
            taken_out: Vec::new(),
        }
    }
}

impl Lists for Scope {
    fn file(&self, path: &Path) -> io::Result<String> {
        let text = self.files.get(path).cloned();
        text.ok_or_else(|| io::ErrorKind::NotFound.into())
    }

    fn input(&self) -> io::Result<String> {
        self.input
            .clone()
            .ok_or_else(|| io::ErrorKind::NotFound.into())
    }
}

impl RunPlan {
    /// What of a set is asked at an address: all of it, unless the run only verifies.
    pub(super) fn questions_at(
        &self,
        address: IpAddr,
        set: &'static QuestionSet,
    ) -> &'static QuestionSet {
        let asks = self.verify.iter().flat_map(|verify| &verify.asks);
        let mut here = asks.filter(|one| one.addresses.binary_search(&address).is_ok());
        here.next()
            .map_or(set, |asked| collect::narrowed(set, &asked.evidence))
    }

    /// The ports that one can log in on, in the order of preference.
    pub fn ways_in(&self) -> impl Iterator<Item = (Protocol, u16)> {
        let ssh = self.ssh_ports.iter().map(|port| (Protocol::Ssh, *port));
        let winrm = self.winrm_tls_ports.iter().chain(&self.winrm_ports);
        ssh.chain(winrm.map(|port| (Protocol::Winrm, *port)))
    }

    /// What is expected on other ports than the usual ones: the port, and the usual one.
    pub fn expected(&self) -> Vec<(u16, u16)> {
        let lists = [
            (&self.winrm_ports, 5985),
            (&self.winrm_tls_ports, 5986),
            (&self.look.http, 80),
            (&self.look.https, 443),
        ];
        let pairs = lists
            .into_iter()
            .flat_map(|(ports, usual)| ports.iter().map(move |port| (*port, usual)));
        pairs.filter(|(port, usual)| port != usual).collect()
    }

    /// Those of some ports on which a login does not tell who the host is: all but SSH's.
    pub(super) fn ways_met(&self, ports: &[u16]) -> Vec<u16> {
        let not_ssh = |port: &&u16| !self.ssh_ports.contains(port);
        ports.iter().filter(not_ssh).copied().collect()
    }

    /// The order in which the targets are probed.
    ///
    /// # Errors
    /// What is wrong with the plan, or with what was taken out of it.
    pub fn sweep(&self, targets: &Arc<TargetSet>) -> Result<SweepPlan, RunError> {
        let mut probes = Probes::flat(self.ports.clone());
        if !self.first_ports.is_empty() {
            let is_first = |kind: &ProbeKind| {
                kind.port()
                    .is_some_and(|port| self.first_ports.contains(&port))
            };
            probes.first.retain(is_first);
            probes.further.clone_from(&self.ports);
        }
        if self.echo {
            probes.first.push(ProbeKind::Echo);
        }
        let engines = self.engines.clone();
        let plan = SweepPlan::staged(addresses(targets), probes, self.seed, engines)?;
        Ok(plan.without(self.scope.taken_out(targets)?))
    }

    /// How hard the sweep leans on the network, within the bandwidth.
    pub fn profile(&self) -> Profile {
        self.limits.sweep(self.pace.into())
    }

    pub(super) fn host_timeout(&self) -> Duration {
        Duration::from_secs(self.host_seconds)
    }
}

/// The ports that may be probed, sorted, and those that are left alone although they were named.
pub fn polite_ports(
    ports: &[u16],
    ssh_ports: &[u16],
    include_fragile: bool,
) -> (Vec<u16>, Vec<u16>) {
    let mut all: Vec<u16> = ports.iter().chain(ssh_ports).copied().collect();
    all.sort_unstable();
    all.dedup();
    all.into_iter()
        .partition(|port| manners::allowed(*port, include_fragile, ssh_ports))
}

/// The targets, as the sweep sees them.
pub fn addresses(targets: &Arc<TargetSet>) -> Arc<dyn AddressSpace> {
    Arc::new(Addresses(Arc::clone(targets)))
}

struct Addresses(Arc<TargetSet>);

impl AddressSpace for Addresses {
    fn len(&self) -> u64 {
        u64::try_from(self.0.len()).unwrap_or(u64::MAX)
    }

    fn nth(&self, index: u64) -> Option<IpAddr> {
        self.0.nth(index.into())
    }

    fn index_of(&self, address: IpAddr) -> Option<u64> {
        u64::try_from(self.0.index_of(address)?).ok()
    }
}
