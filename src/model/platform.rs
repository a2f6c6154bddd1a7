//! Which operating system a host runs.

use serde::{Deserialize, Serialize};
use std::fmt;

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
    #[serde(default)]
    pub id: String,
    /// The name for people: `PRETTY_NAME`, or what comes nearest.
    #[serde(default)]
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
    #[serde(default)]
    pub kernel: Kernel,
    /// What tells one Windows from another; `None` on any other system.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub windows: Option<WindowsRelease>,
}

/// Which Windows, from `HKLM\SOFTWARE\Microsoft\Windows NT\CurrentVersion` and
/// `Win32_OperatingSystem`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct WindowsRelease {
    /// The patch level.
    pub build: WindowsBuild,
    /// `ProductName` of the registry, verbatim: says "Windows 10" on Windows 11.
    pub product_name: Option<String>,
    /// `EditionID`: `ServerStandard`, `Professional`.
    pub edition: Option<String>,
    /// `InstallationType`: `Client`, `Server`, `Server Core`.
    pub installation: Option<String>,
    /// `DisplayVersion`, else `ReleaseId`: `23H2`, `1809`.
    pub display_version: Option<String>,
    /// `CSDVersion`: `Service Pack 1`.
    pub service_pack: Option<String>,
    /// What the machine is for.
    pub role: Option<WindowsRole>,
    /// `OperatingSystemSKU`.
    pub sku: Option<u32>,
    /// `OSLanguage`, a Windows language id: 1031 is German.
    pub language: Option<u32>,
    /// `BuildLabEx`.
    pub build_lab: Option<String>,
}

/// `CurrentBuild` and `UBR`: 20348.2402.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct WindowsBuild {
    /// The build.
    pub build: u32,
    /// The update build revision; before Windows 8.1 there is none in the registry.
    pub ubr: Option<u32>,
}

impl fmt::Display for WindowsBuild {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.ubr {
            Some(ubr) => write!(f, "{}.{ubr}", self.build),
            None => write!(f, "{}", self.build),
        }
    }
}

/// `ProductType` of `Win32_OperatingSystem`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum WindowsRole {
    /// 1.
    Workstation,
    /// 2.
    DomainController,
    /// 3.
    Server,
}

/// The kernel that runs, and those that could.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
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
