//! What systems say of themselves outside os-release: those that are older than it, and those whose
//! os-release is another system's.

use super::super::os_release::OsRelease;
use super::super::unix::RELEASE_FILES;
use super::clip;
use crate::session::Answers;

/// The lines of release files, in the order in which they were read.
#[derive(Clone, Debug, Default)]
pub(super) struct ReleaseFiles<'a>(Vec<(&'a str, &'a str)>);

/// The files that name a Linux in a sentence, `NAME release 6.10 (Codename)`, the most telling first:
/// Oracle Linux also ships Red Hat's file, and Amazon Linux, CentOS and others have several alike.
const SENTENCES: &[&str] = &[
    "/etc/oracle-release",
    "/etc/enterprise-release",
    "/etc/centos-release",
    "/etc/system-release",
    "/etc/redhat-release",
];

/// How those sentences begin, and the `ID` that os-release has for it.
const SENTENCE_IDS: &[(&str, &str)] = &[
    ("Oracle Linux", "ol"),
    ("Enterprise Linux Enterprise Linux", "ol"),
    ("CentOS", "centos"),
    ("Red Hat Enterprise Linux", "rhel"),
    ("Amazon Linux", "amzn"),
    ("Scientific Linux", "scientific"),
    ("Fedora", "fedora"),
    ("AlmaLinux", "almalinux"),
    ("Rocky Linux", "rocky"),
];

/// Systems on FreeBSD's kernel whose os-release is FreeBSD's, by a file of their own.
const APPLIANCES: &[(&str, &str)] = &[
    ("/usr/local/opnsense/version/core", "opnsense"),
    ("/etc/platform", "pfsense"),
    ("/etc/version", "truenas"),
];

impl<'a> ReleaseFiles<'a> {
    /// Reads `file<TAB>line`.
    pub(super) fn read(answers: &'a Answers) -> Self {
        let text = answers.text(RELEASE_FILES).unwrap_or_default();
        let lines = text.lines().filter_map(|line| line.split_once('\t'));
        Self(lines.take(1000).collect())
    }

    /// The lines of a file that are not empty.
    pub(super) fn lines(&self, file: &str) -> impl Iterator<Item = &'a str> {
        let lines = self.0.iter().filter(move |(name, _)| *name == file);
        lines
            .map(|(_, line)| line.trim())
            .filter(|line| !line.is_empty())
    }

    /// The first line of a file.
    pub(super) fn line(&self, file: &str) -> Option<String> {
        self.lines(file).next().map(|line| clip(line, 100))
    }

    /// A macOS in os-release's words.
    pub(super) fn macos(&self) -> OsRelease {
        let mut fields = vec![("ID", "macos".to_owned())];
        if let Some(version) = self.line("sw_vers") {
            fields.push(("PRETTY_NAME", format!("macOS {version}")));
            fields.push(("VERSION_ID", version));
        }
        OsRelease::from_fields(fields)
    }

    /// A firewall or file server made of FreeBSD, in os-release's words.
    pub(super) fn appliance(&self) -> Option<OsRelease> {
        let mut known = APPLIANCES.iter();
        let (_, id) = known.find(|(file, _)| self.line(file).is_some())?;
        Some(OsRelease::from_fields([("ID", (*id).to_owned())]))
    }

    /// A Linux without os-release, in its words; nothing where no file is telling.
    pub(super) fn linux(&self) -> OsRelease {
        let told = self
            .sentence()
            .or_else(|| self.suse())
            .or_else(|| self.assignments("/etc/openwrt_release"))
            .or_else(|| self.assignments("/etc/lsb-release"))
            .or_else(|| self.number("alpine", "/etc/alpine-release"))
            .or_else(|| self.number("debian", "/etc/debian_version"))
            .or_else(|| self.gentoo());
        OsRelease::from_fields(told.unwrap_or_default())
    }

    /// `CentOS release 6.10 (Final)`, `Red Hat Enterprise Linux Server release 5.11 (Tikanga)`.
    fn sentence(&self) -> Option<Fields> {
        let sentence = SENTENCES.iter().find_map(|file| self.line(file))?;
        let mut ids = SENTENCE_IDS.iter();
        let (_, id) = ids.find(|(start, _)| sentence.starts_with(start))?;
        let (_, rest) = sentence.split_once(" release ")?;
        let version = rest.split(' ').next()?.to_owned();
        Some(named(id, version, sentence))
    }

    /// `SUSE Linux Enterprise Server 11 (x86_64)`, then `VERSION = 11` and `PATCHLEVEL = 4`.
    fn suse(&self) -> Option<Fields> {
        let title = self.line("/etc/SuSE-release")?;
        let value = |name: &str| {
            let mut pairs = self
                .lines("/etc/SuSE-release")
                .filter_map(|line| line.split_once('='));
            let (_, value) = pairs.find(|(key, _)| key.trim() == name)?;
            Some(value.trim())
        };
        let id = match title.as_str() {
            title if title.starts_with("SUSE Linux Enterprise Server") => "sles",
            title if title.starts_with("SUSE Linux Enterprise Desktop") => "sled",
            title if title.starts_with("openSUSE") => "opensuse",
            _ => return None,
        };
        let version = match (value("VERSION")?, value("PATCHLEVEL")) {
            (version, Some(level)) if level != "0" => format!("{version}.{level}"),
            (version, _) => version.to_owned(),
        };
        Some(named(id, version, title))
    }

    /// `DISTRIB_ID=Ubuntu` and `DISTRIB_RELEASE=10.04`, with or without quotes.
    fn assignments(&self, file: &str) -> Option<Fields> {
        let text: String = self
            .lines(file)
            .take(50)
            .flat_map(|line| [line, "\n"])
            .collect();
        let said = OsRelease::parse(&text);
        let id = said.lower("DISTRIB_ID")?;
        let version = said.field("DISTRIB_RELEASE")?.to_owned();
        let name = said.field("DISTRIB_DESCRIPTION");
        let name = name.map_or_else(|| format!("{id} {version}"), str::to_owned);
        Some(named(&id, version, name))
    }

    /// A file that holds nothing but a release. Debian's is believed only for what is older than
    /// os-release: a later system that lacks it is not a plain Debian.
    fn number(&self, id: &str, file: &str) -> Option<Fields> {
        let version = self.line(file)?;
        let (major, _) = version.split_once('.')?;
        let major: u32 = major.parse().ok()?;
        match id {
            "debian" if major < 7 => {
                Some(named(id, major.to_string(), format!("Debian {version}")))
            }
            "debian" => None,
            _ => Some(named(id, version.clone(), format!("{id} {version}"))),
        }
    }

    fn gentoo(&self) -> Option<Fields> {
        let line = self.line("/etc/gentoo-release")?;
        Some(vec![("ID", "gentoo".to_owned()), ("PRETTY_NAME", line)])
    }
}

type Fields = Vec<(&'static str, String)>;

fn named(id: &str, version: String, name: String) -> Fields {
    vec![
        ("ID", id.to_owned()),
        ("VERSION_ID", version),
        ("PRETTY_NAME", name),
    ]
}
