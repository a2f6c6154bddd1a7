//! Which operating system a host runs.

use serde::{Deserialize, Serialize};

/// An operating-system family: the unit of collectors and version orders.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum Family {
    /// Debian, Ubuntu and what derives from them: packages by dpkg.
    Debian,
    /// Any other Linux.
    Linux,
    /// A BSD.
    Bsd,
    /// Apple macOS.
    Macos,
    /// Microsoft Windows.
    Windows,
    /// A Unix that no collector knows.
    Unix,
}

impl Family {
    /// The word used in exports.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Debian => "debian",
            Self::Linux => "linux",
            Self::Bsd => "bsd",
            Self::Macos => "macos",
            Self::Windows => "windows",
            Self::Unix => "unix",
        }
    }
}

/// An operating system at a release.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Platform {
    /// The family.
    pub family: Family,
    /// The `ID` of os-release(5), lower case: `debian`, `ubuntu`; else the kernel's name in lower
    /// case (`freebsd`).
    pub id: String,
    /// The name for people: `PRETTY_NAME`, or what comes nearest.
    pub name: String,
    /// `VERSION_ID`, as the vendor writes it. Debian testing and sid have none.
    pub version: Option<String>,
    /// `VERSION_CODENAME`, or what a derivative says of its base (`DEBIAN_CODENAME`,
    /// `UBUNTU_CODENAME`) when that selects its packages.
    pub codename: Option<String>,
    /// Which catalogue judges this host: `Debian:12`, `Ubuntu:22.04:LTS`. `None` for a system no
    /// catalogue speaks of: inventory only, and never clean.
    pub ecosystem: Option<String>,
    /// The machine's hardware name, `uname -m`.
    pub arch: Option<String>,
    /// The kernels.
    pub kernel: Kernel,
}

/// The kernel that runs, and those that could.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Kernel {
    /// `uname -s`.
    pub name: Option<String>,
    /// The release that runs, `uname -r`.
    pub running: Option<String>,
    /// The build that runs, `uname -v`.
    pub build: Option<String>,
    /// The releases installed on disk (by `/lib/modules` and `/boot`), sorted.
    pub installed: Vec<String>,
}
