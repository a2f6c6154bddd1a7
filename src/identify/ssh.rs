//! The identification line of an SSH server: `SSH-2.0-softwareversion comments` (RFC 4253, 4.2).

use super::tables::{OPENSSH, RELEASES, SSH_SERVERS};
use crate::model::{Certainty, DeviceKind};

/// What an identification line tells.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SshBanner {
    /// The protocol version: `2.0`, or `1.99` for a server that also speaks version 1.
    pub protocol: String,
    /// The product, in its maker's spelling: `OpenSSH`; the bare text where it is not known here.
    pub product: String,
    /// The product's version, where it is told: `9.2p1`.
    pub version: String,
    /// The operating system that the line names or that alone has this server: `debian`. `None` where
    /// it is no more than a guess.
    pub os: Option<&'static str>,
    /// The system's release, as the line tells or suggests it.
    pub release: Option<SshRelease>,
    /// What kind of device answers like this.
    pub kind: DeviceKind,
    /// How sure that is, from 0 to 9: see `tables::Weight`.
    pub(super) weight: u8,
}

/// The release of an operating system, by its SSH server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SshRelease {
    /// `debian`, `ubuntu`; `el` for Red Hat's and what is built from it.
    pub os: &'static str,
    /// `12`.
    pub release: &'static str,
    /// Sure where the line names it (`deb12u3`), likely where the distribution and the version do, a guess
    /// where it is the version alone: Enterprise Linux adds nothing, and others do not either.
    pub certainty: Certainty,
}

/// Reads an identification line, with or without its line ending. `None` when it is none: the line
/// is at most 255 bytes long, and begins with `SSH-`.
pub fn ssh_banner(line: &str) -> Option<SshBanner> {
    let line = line.trim_end_matches(['\r', '\n']);
    let rest = line.strip_prefix("SSH-").filter(|_| line.len() <= 255)?;
    let (protocol, software) = rest.split_once('-')?;
    if software.is_empty() || line.chars().any(char::is_control) {
        return None;
    }
    let read = |product: &str, version: &str| SshBanner {
        protocol: protocol.to_owned(),
        product: product.to_owned(),
        version: version.to_owned(),
        os: None,
        release: None,
        kind: DeviceKind::Unknown,
        weight: 0,
    };
    // Bitvise says its own version first: `8.35 FlowSsh: Bitvise SSH Server (WinSSHD) 8.35`.
    if let Some((_, version)) = software.split_once("(WinSSHD)") {
        return Some(SshBanner {
            os: Some("windows"),
            kind: DeviceKind::Computer,
            weight: COMPUTER,
            ..read("Bitvise SSH Server", version.trim())
        });
    }
    let known = SSH_SERVERS
        .iter()
        .find(|known| software.starts_with(known.beginning));
    let Some(known) = known else {
        return Some(read(software, ""));
    };
    let version = software.strip_prefix(known.beginning).map(version);
    let version = version.unwrap_or_default();
    let comments = software
        .split_once(' ')
        .map_or("", |(_, comments)| comments);
    let system = SYSTEMS.iter().find(|(word, _)| comments.contains(word));
    let is_openssh = known.product == "OpenSSH" && known.os.is_none();
    Some(SshBanner {
        os: system.map(|(_, os)| *os).or(known.os),
        release: is_openssh
            .then(|| release(version, comments, system.copied()))
            .flatten(),
        kind: system.map_or(known.device, |_| DeviceKind::Computer),
        weight: system.map_or(known.weight.0, |_| COMPUTER),
        ..read(known.product, version)
    })
}

/// Whether an identification line is that of a Windows: Win32-OpenSSH, or another server that says
/// so. Such a host has no POSIX shell to ask.
pub fn is_windows_banner(banner: &str) -> bool {
    ssh_banner(banner).is_some_and(|ssh| ssh.os == Some("windows"))
}

/// How sure it is that a server with a distribution's name runs on a computer.
const COMPUTER: u8 = 6;

fn release(
    version: &str,
    comments: &str,
    system: Option<(&'static str, &'static str)>,
) -> Option<SshRelease> {
    let (word, os) = system.unwrap_or_default();
    if let Some(row) = RELEASES
        .iter()
        .find(|row| row.os == os && is_update_of(comments, row.version))
    {
        return Some(SshRelease {
            os: row.os,
            release: row.version,
            certainty: Certainty::Sure,
        });
    }
    // A comment that we cannot read is another system's.
    if word.is_empty() && !comments.is_empty() {
        return None;
    }
    let row = OPENSSH
        .iter()
        .find(|row| row.added == word && row.version == version)?;
    Some(SshRelease {
        os: row.os,
        release: row.release,
        certainty: row.weight.certainty(),
    })
}

/// Whether a package revision is an update of a Debian release: `2+deb12u3`.
fn is_update_of(comments: &str, release: &str) -> bool {
    !release.is_empty() && comments.contains(&format!("+deb{release}u"))
}

/// `9.2p1` of `_9.2p1 Debian-2+deb12u3`.
fn version(text: &str) -> &str {
    let text = text.trim_start_matches(['_', '-', '/']);
    let version = text.split([' ', '_', '-']).next().unwrap_or_default();
    if version.starts_with(|first: char| first.is_ascii_digit()) {
        version
    } else {
        ""
    }
}

/// What distributions add after the version.
const SYSTEMS: &[(&str, &str)] = &[
    ("Raspbian", "raspbian"),
    ("Debian", "debian"),
    ("Ubuntu", "ubuntu"),
    ("FreeBSD", "freebsd"),
    ("NetBSD", "netbsd"),
];

#[cfg(test)]
mod tests {
    use super::*;

    fn line(banner: &str) -> Option<String> {
        let read = ssh_banner(banner)?;
        let os = read.os.unwrap_or("-");
        let kind = read.kind.as_str();
        Some(format!("{}|{}|{os}|{kind}", read.product, read.version))
    }

    #[test]
    fn well_known_servers_are_told_apart() {
        let cases = [
            (
                "SSH-2.0-OpenSSH_9.2p1 Debian-2+deb12u3\r\n",
                "OpenSSH|9.2p1|debian|computer",
            ),
            (
                "SSH-2.0-OpenSSH_8.9p1 Ubuntu-3ubuntu0.7",
                "OpenSSH|8.9p1|ubuntu|computer",
            ),
            (
                "SSH-2.0-OpenSSH_8.4p1 Raspbian-5+b1",
                "OpenSSH|8.4p1|raspbian|computer",
            ),
            (
                "SSH-2.0-OpenSSH_9.6 FreeBSD-20240701",
                "OpenSSH|9.6|freebsd|computer",
            ),
            (
                "SSH-2.0-OpenSSH_for_Windows_8.1",
                "OpenSSH|8.1|windows|computer",
            ),
            ("SSH-2.0-OpenSSH_8.7", "OpenSSH|8.7|-|"),
            ("SSH-2.0-dropbear_2019.78", "Dropbear|2019.78|-|"),
            ("SSH-1.99-Cisco-1.25", "Cisco SSH|1.25|ios|network"),
            ("SSH-2.0-CISCO_WLC", "Cisco SSH||-|access_point"),
            ("SSH-2.0-ROSSSH", "MikroTik SSH||routeros|router"),
            ("SSH-2.0-mpSSH_0.2.1", "mpSSH|0.2.1|ilo|management_board"),
            (
                "SSH-2.0-8.35 FlowSsh: Bitvise SSH Server (WinSSHD) 8.35",
                "Bitvise SSH Server|8.35|windows|computer",
            ),
            ("SSH-2.0-Something_else 1", "Something_else 1||-|"),
        ];
        for (banner, expected) in cases {
            assert_eq!(line(banner).as_deref(), Some(expected), "{banner}");
        }
    }

    #[test]
    fn releases_are_told_by_the_revision_or_by_the_version() {
        let cases = [
            ("OpenSSH_9.2p1 Debian-2+deb12u3", "debian 12 sure"),
            ("OpenSSH_9.2p1 Debian-2", "debian 12 likely"),
            ("OpenSSH_10.0p2 Debian-7", "debian 13 likely"),
            ("OpenSSH_7.9p1 Raspbian-10+deb10u2", "raspbian 10 sure"),
            ("OpenSSH_8.9p1 Ubuntu-3ubuntu0.7", "ubuntu 22.04 likely"),
            ("OpenSSH_7.2p2 Ubuntu-4ubuntu2.10", "ubuntu 16.04 likely"),
            ("OpenSSH_7.4", "el 7 guess"),
            ("OpenSSH_8.0", "el 8 guess"),
            ("OpenSSH_8.7", "el 9 guess"),
            ("OpenSSH_9.9", "el 10 guess"),
            ("OpenSSH_8.7 FIPS", "-"),
            ("OpenSSH_9.6 FreeBSD-20240701", "-"),
            ("OpenSSH_for_Windows_8.0", "-"),
            ("OpenSSH_9.0p1 Ubuntu-1ubuntu7", "-"),
            ("OpenSSH_99.1p1 Debian-1+deb99u1", "-"),
            ("dropbear_8.0", "-"),
        ];
        for (software, expected) in cases {
            let read = ssh_banner(&format!("SSH-2.0-{software}")).unwrap();
            let release = read.release.map_or("-".to_owned(), |one| {
                format!("{} {} {}", one.os, one.release, one.certainty.as_str())
            });
            assert_eq!(release, expected, "{software}");
        }
    }

    #[test]
    fn a_windows_is_known_by_its_server() {
        assert!(is_windows_banner("SSH-2.0-OpenSSH_for_Windows_9.5\r\n"));
        assert!(is_windows_banner("SSH-2.0-OpenSSH_for_Windows_8.1"));
        for banner in ["SSH-2.0-OpenSSH_9.5", "OpenSSH_for_Windows_8.1", ""] {
            assert!(!is_windows_banner(banner), "{banner}");
        }
    }

    #[test]
    fn what_is_no_identification_line_is_none() {
        let long = format!("SSH-2.0-{}", "x".repeat(300));
        for banner in [
            "",
            "HTTP/1.1 400",
            "SSH-2.0",
            "SSH-2.0-",
            "SSH-2.0-a\u{1b}[2J",
            &long,
        ] {
            assert_eq!(ssh_banner(banner), None, "{banner:?}");
        }
    }

    proptest::proptest! {
        #[test]
        fn no_text_makes_it_panic(text in "(SSH-2.0-)?.{0,80}") {
            let _ = ssh_banner(&text);
        }
    }
}
