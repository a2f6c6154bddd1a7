//! What is installed on a host.

use super::{
    Certainty, Date, Gap, HostIdentity, Hotfix, Observed, PackageAction, Platform, UnixFacts,
    UtcTime, WindowsFacts, hex,
};
use serde::{Deserialize, Serialize};

/// Everything that was collected from one host. It holds no time and no address, so that identical
/// hosts have identical inventories.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Inventory {
    /// The collector that read it; empty where a person wrote it.
    #[serde(default)]
    pub collector: String,
    /// What the host runs.
    pub platform: Platform,
    /// Which machine it is.
    #[serde(default)]
    pub identity: HostIdentity,
    /// Installed packages, and the remains of removed ones, sorted by name, architecture and
    /// version.
    #[serde(default)]
    pub packages: Observed<Vec<Package>>,
    /// What only Windows has; `None` on any other system.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub windows: Option<Box<WindowsFacts>>,
    /// What only Unix systems have; `None` on any other, and where nothing of it was read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unix: Option<Box<UnixFacts>>,
    /// What listens, as the host itself says.
    #[serde(default)]
    pub services: Observed<Vec<Service>>,
    /// Whether the host waits for a reboot.
    #[serde(default)]
    pub reboot: Observed<Reboot>,
    /// Every question that was asked and left open, sorted: also those whose facts are above.
    #[serde(default)]
    pub gaps: Vec<Gap>,
}

impl Inventory {
    /// The day on which the last update came in: of a Windows by its updates, of a Unix by the logs and by the
    /// packages themselves. `None` where there is none, or nobody could tell.
    pub fn last_update(&self) -> Option<Date> {
        if let Some(windows) = &self.windows {
            let hotfixes = windows.hotfixes.known().into_iter().flatten();
            let installed = hotfixes.filter(|one| one.went_in());
            return installed.filter_map(Hotfix::day).max();
        }
        let history = self.unix.as_ref().and_then(|facts| facts.history.known());
        let changes = history.into_iter().flatten();
        let came = changes.filter(|change| change.action != PackageAction::Removed);
        let packages = self.packages.known().into_iter().flatten();
        let installed = packages.filter_map(|package| package.installed_at);
        let newest = came.map(|change| change.at).chain(installed).max();
        newest.map(UtcTime::date)
    }
}

/// A package, as its package manager knows it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Package {
    /// Who manages it.
    pub manager: PackageManager,
    /// The binary package name.
    pub name: String,
    /// The version, verbatim; [`crate::version`] gives it an order.
    pub version: String,
    /// The architecture, as the manager writes it.
    #[serde(default)]
    pub arch: String,
    /// What it was built from: the name that Debian's advisories speak of. Left out, it is the package
    /// itself.
    #[serde(default)]
    pub source: SourcePackage,
    /// How far it is installed.
    #[serde(default)]
    pub state: PackageState,
    /// Whether the administrator holds it at this version.
    #[serde(default)]
    pub held: bool,
    /// When it was last installed or upgraded.
    pub installed_at: Option<UtcTime>,
    /// The maintainer or vendor, as the package says.
    pub vendor: Option<String>,
    /// The module stream it belongs to, as rpm's `MODULARITYLABEL` says: `perl:5.32:8030020200…:1e4bbb35`.
    /// `None` where it belongs to none, and where its manager knows no modules.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub module: Option<String>,
    /// The repository it was installed from, where the host remembers: `baseos`, `amzn2-core`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub repository: Option<String>,
}

impl Package {
    /// The package URL, as <https://github.com/package-url/purl-spec> writes it.
    pub fn purl(&self, platform: &Platform) -> String {
        let kind = self.manager.purl_type();
        let name = percent(&self.name);
        let version = percent(&self.version);
        let distribution = match &platform.version {
            Some(version) => format!("{}-{version}", platform.id),
            None => platform.id.clone(),
        };
        format!(
            "pkg:{kind}/{}/{name}@{version}?arch={}&distro={}",
            percent(&platform.id),
            percent(&self.arch),
            percent(&distribution)
        )
    }
}

/// Escapes what a purl component may not hold.
fn percent(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'.' | b'-' | b'_' | b'~' | b':' => {
                out.push(char::from(byte));
            }
            other => {
                out.push('%');
                out.push_str(&hex(&[other]).to_ascii_uppercase());
            }
        }
    }
    out
}

/// A package manager.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum PackageManager {
    /// Debian's.
    Dpkg,
    /// Red Hat's and SUSE's.
    Rpm,
    /// Alpine's.
    Apk,
    /// Arch's.
    Pacman,
    /// FreeBSD's.
    Pkg,
    /// OpenWrt's.
    Opkg,
    /// Gentoo's.
    Portage,
    /// Homebrew.
    Brew,
    /// Canonical's snaps.
    Snap,
    /// Flatpaks.
    Flatpak,
    /// macOS: applications and installer receipts.
    Macos,
}

impl PackageManager {
    /// The word used in exports.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Dpkg => "dpkg",
            Self::Rpm => "rpm",
            Self::Apk => "apk",
            Self::Pacman => "pacman",
            Self::Pkg => "pkg",
            Self::Opkg => "opkg",
            Self::Portage => "portage",
            Self::Brew => "brew",
            Self::Snap => "snap",
            Self::Flatpak => "flatpak",
            Self::Macos => "macos",
        }
    }

    fn purl_type(self) -> &'static str {
        match self {
            Self::Dpkg => "deb",
            Self::Rpm => "rpm",
            Self::Apk => "apk",
            Self::Pacman => "alpm",
            Self::Pkg => "freebsd",
            Self::Opkg => "opkg",
            Self::Portage => "ebuild",
            Self::Brew => "brew",
            Self::Snap => "snap",
            Self::Flatpak => "flatpak",
            Self::Macos => "generic",
        }
    }
}

/// A source package at a version.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SourcePackage {
    /// Its name.
    pub name: String,
    /// Its version, verbatim. It may differ from that of the binary package.
    pub version: String,
}

/// How far a package is installed (dpkg(1), "Package states").
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize,
)]
#[serde(rename_all = "snake_case")]
pub enum PackageState {
    /// Fully.
    #[default]
    Installed,
    /// Its files are in place, its configuration is not finished (unpacked, half-configured,
    /// half-installed, triggers pending): its code may run.
    Incomplete,
    /// Removed; only configuration files remain: its code is gone.
    ConfigFiles,
}

/// Something that listens.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Service {
    /// `tcp` or `udp`.
    pub proto: String,
    /// The port.
    pub port: u16,
    /// The address it is bound to; empty where the network saw it.
    #[serde(default)]
    pub bind: String,
    /// `open`, `closed`, `listening`.
    #[serde(default)]
    pub state: String,
    /// The protocol spoken, where known: `ssh`.
    #[serde(default)]
    pub service: String,
    /// The product, where known: `OpenSSH`.
    #[serde(default)]
    pub product: String,
    /// The product's version, where known.
    #[serde(default)]
    pub version: String,
    /// The program that listens, where the host says.
    #[serde(default)]
    pub program: String,
    /// The account it runs as, where the host says.
    #[serde(default)]
    pub user: String,
    /// What it said first.
    #[serde(default)]
    pub banner: String,
    /// Who saw it.
    #[serde(default)]
    pub seen_by: SeenBy,
    /// The certificate it shows, where the network saw one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tls: Option<ServiceTls>,
    /// How sure it is which service and product that is; nothing where the host itself says so.
    #[serde(default, skip_serializing_if = "Certainty::is_none")]
    pub certainty: Certainty,
}

/// The certificate of a service.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct ServiceTls {
    /// The subject.
    pub subject: String,
    /// The issuer.
    pub issuer: String,
    /// When it ceases to be valid.
    pub not_after: Option<UtcTime>,
}

/// Who saw a service.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize,
)]
#[serde(rename_all = "lowercase")]
pub enum SeenBy {
    /// The sweep, from outside.
    Scan,
    /// The host itself.
    #[default]
    Host,
}

/// Whether a host waits for a reboot, and why.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reboot {
    /// Whether the host says that it waits for one.
    pub required: bool,
    /// What asked for it, sorted: packages, or on Windows the names of the signs.
    #[serde(default)]
    pub packages: Vec<String>,
}
