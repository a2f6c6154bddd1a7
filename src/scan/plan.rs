//! Everything that makes a run what it is: kept with it, so that `--resume` comes to the same.

use crate::model::Protocol;
use crate::sweep::{AddressSpace, PlanError, Profile, SweepPlan, manners};
use crate::targets::{Lists, Permissions, Request, TargetError, TargetList, TargetSet};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::io;
use std::net::IpAddr;
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
}

impl RunKind {
    /// The word in the store and the manifest.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Scan => "scan",
            Self::Sweep => "sweep",
            Self::Local => "local",
            Self::Recorded => "recorded",
        }
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
    /// The seed of the order.
    pub seed: u64,
    /// How hard it leans on the network.
    pub pace: Pace,
    /// The most seconds that a host may take, with all of its ports and credentials; waiting for
    /// other hosts does not count.
    pub host_seconds: u64,
    /// How many hosts are worked on at once.
    pub hands: usize,
    /// Whether the keys of strangers are pinned.
    pub accept_new_host_keys: bool,
    /// Where the credentials are.
    pub credentials: Option<PathBuf>,
    /// Files of known host keys.
    pub known_hosts: Vec<PathBuf>,
    /// Files of certificate authorities that vouch for WinRM hosts, beside this machine's.
    #[serde(default)]
    pub tls_ca: Vec<PathBuf>,
    /// The operator's files of rules for programs, the first to be asked first.
    #[serde(default)]
    pub programs: Vec<RuleFile>,
    /// Where answers are recorded.
    pub record: Option<PathBuf>,
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
    pub timeout_ms: u64,
}

impl From<Profile> for Pace {
    fn from(profile: Profile) -> Self {
        Self {
            rate: profile.rate,
            host_rate: profile.host_rate,
            host_connections: profile.host_connections,
            retries: profile.retries,
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
    pub allow_public: bool,
    pub yes: bool,
    /// The text of each file, by its path.
    pub files: BTreeMap<PathBuf, String>,
    /// The text of standard input.
    pub input: Option<String>,
    /// What each name resolved to, or why it did not.
    pub names: BTreeMap<String, Result<Vec<IpAddr>, String>>,
}

impl Scope {
    /// The scope's addresses.
    ///
    /// # Errors
    /// What is wrong with the targets, and where.
    pub fn targets(&self) -> Result<TargetSet, TargetError> {
        let list = TargetList::read(&self.request(), self)?;
        let resolve = |name: &str| match self.names.get(name) {
            Some(addresses) => addresses.clone(),
            None => Err("was not looked up".to_owned()),
        };
        let allowed = Permissions {
            allow_public: self.allow_public,
            yes: self.yes,
        };
        list.into_set(&resolve, allowed)
    }

    /// The targets as they were given.
    pub fn request(&self) -> Request {
        Request {
            targets: self.targets.clone(),
            exclude: self.exclude.clone(),
            exclude_files: self.exclude_files.clone(),
            never_scan: self.never_scan.clone(),
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
    /// The ports that one can log in on, in the order of preference.
    pub(super) fn ways_in(&self) -> impl Iterator<Item = (Protocol, u16)> {
        let ssh = self.ssh_ports.iter().map(|port| (Protocol::Ssh, *port));
        let winrm = self.winrm_tls_ports.iter().chain(&self.winrm_ports);
        ssh.chain(winrm.map(|port| (Protocol::Winrm, *port)))
    }

    /// The protocol by which one can log in on a port, where one is expected there.
    pub(super) fn protocol_of(&self, port: u16) -> Option<Protocol> {
        let mut ways = self.ways_in();
        ways.find(|way| way.1 == port).map(|way| way.0)
    }

    /// The order in which the targets are probed.
    pub fn sweep(&self, targets: &Arc<TargetSet>) -> Result<SweepPlan, PlanError> {
        let space = Arc::new(Addresses(Arc::clone(targets)));
        SweepPlan::new(space, self.ports.clone(), self.seed)
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

/// The sweep's view of the targets.
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
