//! What only Unix systems have, beside their packages.

use super::{Observed, Package, PackageManager, UtcTime};
use serde::{Deserialize, Serialize};

/// What was read of a Unix beside its packages. Each fact is unknown where it was not asked for or not
/// answered.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct UnixFacts {
    /// Where it gets packages from: each repository of its package manager's configuration, enabled or
    /// not, in the order of the files.
    pub sources: Observed<Vec<UpdateSource>>,
    /// When it last learned which updates there are.
    pub refreshed: Observed<UtcTime>,
    /// What it is entitled to beyond the base system.
    pub subscription: Observed<Subscription>,
    /// The products that SUSE says are installed (`/etc/products.d`): `sle-module-basesystem 15.5`, sorted.
    pub products: Observed<Vec<String>>,
    /// The enabled module streams, `name:stream`, sorted (`/etc/dnf/modules.d`).
    pub modules: Observed<Vec<String>>,
    /// Patches of the running kernel, sorted by name.
    pub live_patches: Observed<Vec<LivePatch>>,
    /// Programs that run code whose file has been replaced, sorted.
    pub stale: Observed<Vec<StaleProgram>>,
    /// What was installed, upgraded and removed, oldest first, as far back as the logs go.
    pub history: Observed<Vec<PackageChange>>,
    /// Containers that run, by the names on their processes and state files; what is in them is not read.
    pub containers: Observed<Vec<Container>>,
    /// Installed snaps.
    pub snaps: Observed<Vec<Package>>,
    /// Installed flatpaks.
    pub flatpaks: Observed<Vec<Package>>,
    /// Homebrew's packages, and on macOS applications and installer receipts.
    pub applications: Observed<Vec<Package>>,
}

/// One place that packages come from.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct UpdateSource {
    /// Who reads it.
    pub manager: PackageManager,
    /// What the manager calls it: `baseos`, `rhel-9-for-x86_64-appstream-rpms`; of apt the suite and
    /// components, `bookworm-security main`; of apk the path below the mirror, `v3.19/main`.
    pub id: String,
    /// Its address, verbatim: with variables, a mirror list or a meta link where that is what is
    /// configured.
    #[serde(default)]
    pub url: String,
    /// Whether it is used.
    pub enabled: bool,
    /// What makes it unsafe, sorted; empty when nothing was seen.
    #[serde(default)]
    pub dangers: Vec<SourceDanger>,
}

impl UpdateSource {
    /// Whether it is used, and anybody on the way could put packages into it. What is signed may come over
    /// plain HTTP.
    pub fn is_unsafe(&self) -> bool {
        let is_grave = |danger: &SourceDanger| *danger != SourceDanger::PlainText;
        self.enabled && self.dangers.iter().any(is_grave)
    }
}

/// What makes a place that packages come from unsafe.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum SourceDanger {
    /// Packages are taken without a signature: `gpgcheck=0`, `trusted=yes`, `--allow-untrusted`.
    Unsigned,
    /// They, or what is signed, come over a connection that anybody on the way may change: `http:`, `ftp:`.
    PlainText,
    /// Certificates are not checked: `sslverify=0`, `Verify-Peer "false"`.
    UnverifiedTls,
}

impl SourceDanger {
    /// The word used in exports.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Unsigned => "unsigned",
            Self::PlainText => "plain_text",
            Self::UnverifiedTls => "unverified_tls",
        }
    }
}

/// What a host is entitled to.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Subscription {
    /// Whether it is registered or attached at all.
    pub attached: bool,
    /// What of it is switched on, sorted: Ubuntu Pro's services (`esm-apps`, `esm-infra`, `fips`,
    /// `livepatch`), for SUSE and Red Hat the extended-support products (`ltss`, `eus`).
    #[serde(default)]
    pub services: Vec<String>,
}

/// A patch of the running kernel.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct LivePatch {
    /// Its name: `kpatch_5_14_0_70_1_1`, `livepatch_1`.
    pub name: String,
    /// Whether it is in force.
    pub enabled: bool,
}

/// A program that runs code whose file has been replaced.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct StaleProgram {
    /// The program's file.
    pub program: String,
    /// The replaced files that it has open or runs, sorted; its own among them where that was replaced.
    pub files: Vec<String>,
}

/// One change of one package, from a package manager's log.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct PackageChange {
    /// When.
    pub at: UtcTime,
    /// The package.
    pub package: String,
    /// What was done.
    pub action: PackageAction,
    /// The version before; `None` where there was none or the log does not say.
    pub from: Option<String>,
    /// The version after; `None` where there is none or the log does not say.
    pub to: Option<String>,
    /// The account that asked for it, where the log says.
    pub by: Option<String>,
    /// The command that did it, where the log says.
    pub command: Option<String>,
    /// Which log; `None` in inventories of earlier versions.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub log: Option<PackageLog>,
}

/// A log of package changes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum PackageLog {
    /// apt's history.
    Apt,
    /// dpkg's own.
    Dpkg,
    /// zypper's history.
    Zypper,
    /// yum's.
    Yum,
    /// What rpm did for dnf.
    Dnf,
    /// apk-tools 3.
    Apk,
    /// pacman's.
    Pacman,
    /// FreeBSD's pkg in the system's log.
    Pkg,
}

/// What was done to a package.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum PackageAction {
    /// It was not there before.
    Installed,
    /// To a later version.
    Upgraded,
    /// To an earlier version.
    Downgraded,
    /// The same version again.
    Reinstalled,
    /// It is gone.
    Removed,
}

/// A container that runs.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Container {
    /// What runs it: `docker`, `podman`, `containerd`, `lxc`.
    pub runtime: String,
    /// Its name, or its id where that is all that can be read.
    pub name: String,
    /// The image, where it can be read.
    #[serde(default)]
    pub image: String,
}
