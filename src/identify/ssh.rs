//! The identification line of an SSH server: `SSH-2.0-softwareversion comments` (RFC 4253, 4.2).

use crate::model::DeviceKind;

/// What an identification line tells.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SshBanner {
    /// The protocol version: `2.0`, or `1.99` for a server that also speaks version 1.
    pub protocol: String,
    /// The product, in its maker's spelling: `OpenSSH`; the bare text where it is not known here.
    pub product: String,
    /// The product's version, where it is told: `9.2p1`.
    pub version: String,
    /// The operating system that the line names or that alone has this server: `debian`.
    pub os: Option<&'static str>,
    /// What kind of device answers like this.
    pub kind: DeviceKind,
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
    let known = PRODUCTS
        .iter()
        .find(|known| software.starts_with(known.prefix));
    let comments = software
        .split_once(' ')
        .map_or("", |(_, comments)| comments);
    let system = SYSTEMS.iter().find(|(word, _)| comments.contains(word));
    let (product, version, os, kind) = match known {
        Some(known) => {
            let version = software.strip_prefix(known.prefix).map(version);
            let version = version.unwrap_or_default();
            (known.name, version, known.os, known.kind)
        }
        None => (software, "", None, DeviceKind::Unknown),
    };
    Some(SshBanner {
        protocol: protocol.to_owned(),
        product: product.to_owned(),
        version: version.to_owned(),
        os: system.map(|(_, os)| *os).or(os),
        kind: if system.is_some() {
            DeviceKind::Computer
        } else {
            kind
        },
    })
}

/// Whether an identification line is that of a Windows: Win32-OpenSSH, or another server that says
/// so. Such a host has no POSIX shell to ask.
pub fn is_windows_banner(banner: &str) -> bool {
    ssh_banner(banner).is_some_and(|ssh| ssh.os == Some("windows"))
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

struct Product {
    prefix: &'static str,
    name: &'static str,
    os: Option<&'static str>,
    kind: DeviceKind,
}

const fn known(
    prefix: &'static str,
    name: &'static str,
    os: Option<&'static str>,
    kind: DeviceKind,
) -> Product {
    Product {
        prefix,
        name,
        os,
        kind,
    }
}

/// Servers by the beginning of their software version; longer beginnings first.
const PRODUCTS: &[Product] = &[
    known(
        "OpenSSH_for_Windows",
        "OpenSSH",
        Some("windows"),
        DeviceKind::Computer,
    ),
    known("OpenSSH", "OpenSSH", None, DeviceKind::Unknown),
    known("dropbear", "Dropbear", None, DeviceKind::Unknown),
    known("Sun_SSH", "Sun_SSH", Some("solaris"), DeviceKind::Computer),
    known("Cisco", "Cisco SSH", Some("ios"), DeviceKind::Network),
    known(
        "ROSSSH",
        "MikroTik SSH",
        Some("routeros"),
        DeviceKind::Network,
    ),
    known("HUAWEI", "Huawei SSH", None, DeviceKind::Network),
    known(
        "Comware",
        "Comware SSH",
        Some("comware"),
        DeviceKind::Network,
    ),
    known("lancom", "LANCOM SSH", None, DeviceKind::Network),
    known(
        "NetScreen",
        "NetScreen SSH",
        Some("screenos"),
        DeviceKind::Network,
    ),
    known("RomSShell", "RomSShell", None, DeviceKind::Embedded),
    known("Mocana SSH", "Mocana SSH", None, DeviceKind::Embedded),
    known("cryptlib", "cryptlib", None, DeviceKind::Embedded),
    known("mpSSH", "mpSSH", Some("ilo"), DeviceKind::Embedded),
    known("libssh", "libssh", None, DeviceKind::Unknown),
    known("Go", "Go x/crypto", None, DeviceKind::Unknown),
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
            ("SSH-2.0-ROSSSH", "MikroTik SSH||routeros|network"),
            ("SSH-2.0-Something_else 1", "Something_else 1||-|"),
        ];
        for (banner, expected) in cases {
            assert_eq!(line(banner).as_deref(), Some(expected), "{banner}");
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
