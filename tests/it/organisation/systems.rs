//! The operating systems of the organisation, as they show themselves and as lists write them.

use underdesk::model::Family;

/// One of them.
#[derive(Debug)]
pub(super) struct System {
    /// How lists write it.
    pub(super) name: &'static str,
    /// How a directory writes its version: `10.0 (26100)`.
    pub(super) version: &'static str,
    pub(super) family: Family,
    /// The version that a Windows states in NTLM.
    pub(super) stated: (u8, u8, u16),
    /// The build on the machine, and its revision.
    pub(super) build: (u32, u32),
    pub(super) is_server: bool,
    /// `ID` and `VERSION_ID` of os-release(5).
    pub(super) release: (&'static str, &'static str),
    /// What its SSH server says first.
    pub(super) banner: &'static str,
    /// The last day of support, where it is over.
    pub(super) ended: Option<&'static str>,
}

const WINDOWS: System = System {
    name: "",
    version: "",
    family: Family::Windows,
    stated: (10, 0, 0),
    build: (0, 0),
    is_server: false,
    release: ("", ""),
    banner: "",
    ended: None,
};

const UNIX: System = System {
    family: Family::Debian,
    ..WINDOWS
};

pub(super) static WINDOWS_11_24H2: System = System {
    name: "Windows 11 Enterprise",
    version: "10.0 (26100)",
    stated: (10, 0, 26100),
    build: (26100, 7171),
    ..WINDOWS
};
/// 25H2 shares the binaries of 24H2, and reports its build in NTLM.
pub(super) static WINDOWS_11_25H2: System = System {
    version: "10.0 (26200)",
    stated: (10, 0, 26100),
    build: (26200, 7171),
    ..WINDOWS_11_24H2
};
pub(super) static WINDOWS_10: System = System {
    name: "Windows 10 Enterprise",
    version: "10.0 (19045)",
    stated: (10, 0, 19041),
    build: (19045, 6456),
    ended: Some("2025-10-14"),
    ..WINDOWS
};
pub(super) static SERVER_2008_R2: System = System {
    name: "Windows Server 2008 R2 Standard",
    version: "6.1 (7601)",
    stated: (6, 1, 7601),
    build: (7601, 0),
    is_server: true,
    ended: Some("2020-01-14"),
    ..WINDOWS
};
pub(super) static SERVER_2012_R2: System = System {
    name: "Windows Server 2012 R2 Standard",
    version: "6.3 (9600)",
    stated: (6, 3, 9600),
    build: (9600, 22_869),
    is_server: true,
    ended: Some("2023-10-10"),
    ..WINDOWS
};
pub(super) static SERVER_2019: System = System {
    name: "Windows Server 2019 Standard",
    version: "10.0 (17763)",
    stated: (10, 0, 17763),
    build: (17763, 8027),
    is_server: true,
    ..WINDOWS
};
pub(super) static SERVER_2022: System = System {
    name: "Windows Server 2022 Standard",
    version: "10.0 (20348)",
    stated: (10, 0, 20348),
    build: (20348, 4405),
    is_server: true,
    ..WINDOWS
};
pub(super) static SERVER_2025: System = System {
    name: "Windows Server 2025 Standard",
    version: "10.0 (26100)",
    stated: (10, 0, 26100),
    build: (26100, 7171),
    is_server: true,
    ..WINDOWS
};
pub(super) static DEBIAN_12: System = System {
    name: "Debian GNU/Linux 12 (bookworm)",
    version: "12",
    release: ("debian", "12"),
    banner: "SSH-2.0-OpenSSH_9.2p1 Debian-2+deb12u7",
    ..UNIX
};
pub(super) static UBUNTU_24: System = System {
    name: "Ubuntu 24.04.3 LTS",
    version: "24.04",
    release: ("ubuntu", "24.04"),
    banner: "SSH-2.0-OpenSSH_9.6p1 Ubuntu-3ubuntu13.14",
    ..UNIX
};
pub(super) static ROCKY_9: System = System {
    name: "Rocky Linux 9.6 (Blue Onyx)",
    version: "9.6",
    family: Family::Linux,
    release: ("rocky", "9.6"),
    banner: "SSH-2.0-OpenSSH_8.7",
    ..UNIX
};
pub(super) static DEBIAN_10: System = System {
    name: "Debian GNU/Linux 10 (buster)",
    version: "10",
    release: ("debian", "10"),
    banner: "SSH-2.0-OpenSSH_7.9p1 Debian-10+deb10u4",
    ended: Some("2024-06-30"),
    ..UNIX
};
pub(super) static UBUNTU_18: System = System {
    name: "Ubuntu 18.04.6 LTS",
    version: "18.04",
    release: ("ubuntu", "18.04"),
    banner: "SSH-2.0-OpenSSH_7.6p1 Ubuntu-4ubuntu0.7",
    ended: Some("2023-05-31"),
    ..UNIX
};
pub(super) static RASPBERRY_PI_OS: System = System {
    name: "Raspbian GNU/Linux 12 (bookworm)",
    version: "12",
    release: ("raspbian", "12"),
    banner: "SSH-2.0-OpenSSH_9.2p1 Raspbian-2+deb12u3",
    ..UNIX
};
/// What has no system that anybody lists.
pub(super) static FIRMWARE: System = UNIX;
/// What switches and routers run.
pub(super) static IOS: System = System {
    banner: "SSH-2.0-Cisco-1.25",
    ..UNIX
};
