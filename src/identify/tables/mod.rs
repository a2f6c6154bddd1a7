//! What is known of systems and devices: tables, as files beside this one, and their one reader.
//!
//! All of it is facts from the makers' own pages and banners; the sources are named in each file.

use crate::model::{Certainty, Date, DeviceKind, Family};
use std::sync::LazyLock;

/// The rows of a table: columns between tabs, a missing last one is empty; lines that begin with `#` are
/// remarks.
pub(super) fn rows<const COLUMNS: usize>(
    text: &'static str,
) -> impl Iterator<Item = [&'static str; COLUMNS]> {
    let lines = text.lines().filter(|line| !line.starts_with('#'));
    lines.filter(|line| !line.is_empty()).map(|line| {
        let mut columns = line.split('\t');
        std::array::from_fn(|_| columns.next().unwrap_or_default())
    })
}

/// How much a row is worth, from 1 to 9, and what that means.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Weight(pub(super) u8);

impl Weight {
    fn read(text: &str) -> Self {
        Self(text.parse().unwrap_or_default())
    }

    /// 1 to 3 a guess, 4 to 6 likely, 7 and more sure.
    pub(super) fn certainty(self) -> Certainty {
        match self.0 {
            0 => Certainty::None,
            1..=3 => Certainty::Guess,
            4..=6 => Certainty::Likely,
            _ => Certainty::Sure,
        }
    }
}

/// A Windows that reports a build, in one of its edition lines.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct WindowsBuild {
    pub(super) build: u16,
    /// `Windows Server 2019`.
    pub(super) system: &'static str,
    /// `2019`; empty where the build has several.
    pub(super) version: &'static str,
    pub(super) is_server: bool,
    /// The last day of support without extended security updates, where we know it.
    pub(super) ends: Option<Date>,
}

/// Every Windows that reports a build, by build.
pub(super) static WINDOWS_BUILDS: LazyLock<Vec<WindowsBuild>> = LazyLock::new(|| {
    let rows = rows(include_str!("windows_builds.tsv"));
    rows.filter_map(|[build, system, version, role, _editions, ends]| {
        Some(WindowsBuild {
            build: build.parse().ok()?,
            system,
            version,
            is_server: role == "server",
            ends: Date::parse(ends),
        })
    })
    .collect()
});

/// A release of a system that a banner names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Release {
    /// `debian`.
    pub(super) os: &'static str,
    /// `12`; empty for the system whatever its release.
    pub(super) version: &'static str,
    /// `Debian 12`.
    pub(super) name: &'static str,
    /// What it is to a collector; `None` for the system of a device.
    pub(super) family: Option<Family>,
    /// The last day of support, where we know it.
    pub(super) ends: Option<Date>,
}

/// Every release.
pub(super) static RELEASES: LazyLock<Vec<Release>> = LazyLock::new(|| {
    let rows = rows(include_str!("releases.tsv"));
    rows.map(|[os, version, name, family, ends]| Release {
        os,
        version,
        name,
        family: family_named(family),
        ends: Date::parse(ends),
    })
    .collect()
});

/// The release of an OpenSSH by its version and by what the distribution adds to it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct OpenSsh {
    /// A word of the comment: `Debian`; empty for no comment at all.
    pub(super) added: &'static str,
    /// `9.2p1`.
    pub(super) version: &'static str,
    pub(super) os: &'static str,
    pub(super) release: &'static str,
    pub(super) weight: Weight,
}

/// Every OpenSSH that tells a release.
pub(super) static OPENSSH: LazyLock<Vec<OpenSsh>> = LazyLock::new(|| {
    let rows = rows(include_str!("openssh.tsv"));
    rows.map(|[added, version, os, release, weight]| OpenSsh {
        added,
        version,
        os,
        release,
        weight: Weight::read(weight),
    })
    .collect()
});

/// An SSH server by the beginning of its software version.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct SshServer {
    pub(super) beginning: &'static str,
    pub(super) product: &'static str,
    pub(super) os: Option<&'static str>,
    pub(super) device: DeviceKind,
    pub(super) weight: Weight,
}

/// Every SSH server; the first that fits counts.
pub(super) static SSH_SERVERS: LazyLock<Vec<SshServer>> = LazyLock::new(|| {
    let rows = rows(include_str!("ssh_servers.tsv"));
    rows.map(|[beginning, product, os, device, weight]| SshServer {
        beginning,
        product,
        os: Some(os).filter(|os| !os.is_empty()),
        device: device_named(device).unwrap_or_default(),
        weight: Weight::read(weight),
    })
    .collect()
});

/// What a text, a number or a maker's name says about a device and its system.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Sign {
    /// Which kind of fact it is looked for in: `product`, `title`, `engine`.
    pub(super) place: &'static str,
    text: Pattern,
    pub(super) device: DeviceKind,
    pub(super) weight: Weight,
    /// What the system is; empty where it is not told.
    pub(super) system: &'static str,
    pub(super) family: Option<Family>,
}

impl Sign {
    /// Whether the sign is in a fact of its kind, which is in lower case.
    pub(super) fn is_in(&self, text: &str) -> bool {
        self.text.is_in(text)
    }
}

/// Every sign.
pub(super) static SIGNS: LazyLock<Vec<Sign>> = LazyLock::new(|| {
    let rows = rows(include_str!("servers.tsv"));
    rows.map(|[place, text, device, weight, system, family]| Sign {
        place,
        text: Pattern::read(place, text),
        device: device_named(device).unwrap_or_default(),
        weight: Weight::read(weight),
        system,
        family: family_named(family),
    })
    .collect()
});

/// Where the text of a [`Sign`] has to be, in lower case.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Pattern {
    /// It is all there is: a number.
    Whole(String),
    /// At the beginning.
    Beginning(String),
    /// Anywhere, as whole words.
    Words(String),
}

impl Pattern {
    fn read(place: &str, text: &str) -> Self {
        let text = text.to_lowercase();
        if place == "engine" {
            return Self::Whole(text);
        }
        match text.strip_prefix('*') {
            Some(words) => Self::Words(words.to_owned()),
            None => Self::Beginning(text),
        }
    }

    fn is_in(&self, text: &str) -> bool {
        match self {
            Self::Whole(whole) => text == whole,
            Self::Beginning(beginning) => text.starts_with(beginning),
            Self::Words(words) => has_words(text, words),
        }
    }
}

/// Whether some words are in a text, and not only as a part of longer ones: `axis` is neither in `praxis` nor in
/// `axisymmetric`; a number may follow, as in `idrac9`. Both in lower case.
pub(super) fn has_words(text: &str, words: &str) -> bool {
    let begins_a_word = words.starts_with(char::is_alphanumeric);
    let ends_a_word = words.ends_with(char::is_alphabetic);
    text.match_indices(words).any(|(at, found)| {
        let before = text.get(..at).unwrap_or_default();
        let behind = text.get(at + found.len()..).unwrap_or_default();
        let is_part = begins_a_word && before.ends_with(char::is_alphanumeric)
            || ends_a_word && behind.starts_with(char::is_alphabetic);
        !is_part
    })
}

/// What usually listens on a port.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Port {
    /// `tcp` or `udp`.
    pub(super) proto: &'static str,
    pub(super) number: u16,
    pub(super) service: &'static str,
    /// On what device, if that is telling.
    pub(super) device: DeviceKind,
    pub(super) weight: Weight,
}

/// Every port that usually has an owner.
pub(super) static PORTS: LazyLock<Vec<Port>> = LazyLock::new(|| {
    let rows = rows(include_str!("ports.tsv"));
    rows.filter_map(|[proto, number, service, device, weight]| {
        Some(Port {
            proto,
            number: number.parse().ok()?,
            service,
            device: device_named(device).unwrap_or_default(),
            weight: Weight::read(weight),
        })
    })
    .collect()
});

fn device_named(word: &str) -> Option<DeviceKind> {
    const ALL: &[DeviceKind] = &[
        DeviceKind::Computer,
        DeviceKind::Hypervisor,
        DeviceKind::Printer,
        DeviceKind::Switch,
        DeviceKind::Router,
        DeviceKind::Firewall,
        DeviceKind::AccessPoint,
        DeviceKind::Network,
        DeviceKind::Nas,
        DeviceKind::Camera,
        DeviceKind::Phone,
        DeviceKind::Ups,
        DeviceKind::Plc,
        DeviceKind::ManagementBoard,
        DeviceKind::Embedded,
    ];
    ALL.iter().copied().find(|kind| kind.as_str() == word)
}

fn family_named(word: &str) -> Option<Family> {
    const ALL: &[Family] = &[
        Family::Debian,
        Family::Linux,
        Family::Bsd,
        Family::Macos,
        Family::Windows,
        Family::Unix,
    ];
    ALL.iter().copied().find(|family| family.as_str() == word)
}

#[cfg(test)]
mod tests;
