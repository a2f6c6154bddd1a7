//! OpenWrt and Gentoo: what is installed, for the inventory. No advisories of theirs are read.

use super::assemble::{self, Reading};
use super::lists::{self, finished, is_name, is_word, malformed};
use super::questions::{OPKG_PACKAGES, PORTAGE_PACKAGES};
use super::state::{self, Signs};
use super::{Collector, UNIX};
use crate::model::{Gap, Inventory, Package, PackageManager, PackageState, Platform, UtcTime};
use crate::session::{Answers, QuestionSet};

/// Systems of opkg.
#[derive(Debug)]
pub(super) struct OpenWrt;

/// Systems of Portage.
#[derive(Debug)]
pub(super) struct Gentoo;

impl Collector for OpenWrt {
    fn name(&self) -> &'static str {
        "openwrt"
    }

    fn questions(&self) -> &'static QuestionSet {
        &UNIX
    }

    fn platform(&self, answers: &Answers) -> Option<Platform> {
        lists::linux_of(answers, PackageManager::Opkg, OPKG_PACKAGES)
    }

    fn read(&self, platform: &Platform, answers: &Answers) -> Inventory {
        let reading = Reading {
            packages: opkg(answers),
            reboot: state::reboot(answers, &Signs::default()),
        };
        assemble::inventory(self.name(), platform, answers, reading)
    }
}

impl Collector for Gentoo {
    fn name(&self) -> &'static str {
        "gentoo"
    }

    fn questions(&self) -> &'static QuestionSet {
        &UNIX
    }

    fn platform(&self, answers: &Answers) -> Option<Platform> {
        lists::linux_of(answers, PackageManager::Portage, PORTAGE_PACKAGES)
    }

    fn read(&self, platform: &Platform, answers: &Answers) -> Inventory {
        let reading = Reading {
            packages: portage(answers),
            reboot: state::reboot(answers, &Signs::default()),
        };
        assemble::inventory(self.name(), platform, answers, reading)
    }
}

/// Paragraphs in dpkg's manner.
fn opkg(answers: &Answers) -> Result<Vec<Package>, Gap> {
    let text = answers.text(OPKG_PACKAGES)?;
    let paragraphs = text.split("\n\n").map(str::trim);
    let packages: Option<Vec<Package>> = paragraphs
        .filter(|paragraph| !paragraph.is_empty() && !is_gone(paragraph))
        .map(opkg_package)
        .collect();
    finished(
        packages.ok_or_else(|| malformed(OPKG_PACKAGES))?,
        OPKG_PACKAGES,
    )
}

fn field<'a>(paragraph: &'a str, name: &str) -> Option<&'a str> {
    let mut fields = paragraph.lines().filter_map(|line| line.split_once(": "));
    let (_, value) = fields.find(|(field, _)| *field == name)?;
    Some(value.trim())
}

/// Whether nothing of a package is there but the memory of it.
fn is_gone(paragraph: &str) -> bool {
    let status = field(paragraph, "Status").unwrap_or_default();
    status.ends_with(" not-installed") || status.ends_with(" config-files")
}

fn opkg_package(paragraph: &str) -> Option<Package> {
    let field = |name| field(paragraph, name);
    let (name, version) = (field("Package")?, field("Version")?);
    let mut status = field("Status")?.split(' ');
    let (want, _flags, state) = (status.next()?, status.next()?, status.next()?);
    let state = match state {
        "installed" => PackageState::Installed,
        "unpacked" | "half-installed" => PackageState::Incomplete,
        _ => return None,
    };
    let arch = field("Architecture").unwrap_or_default();
    let plausible = is_name(name) && is_word(version) && (arch.is_empty() || is_name(arch));
    let seconds = field("Installed-Time").and_then(|seconds| seconds.parse().ok());
    plausible.then(|| Package {
        arch: arch.to_owned(),
        state,
        held: want == "hold",
        installed_at: seconds.map(UtcTime::from_unix),
        ..lists::package(PackageManager::Opkg, name, version)
    })
}

/// `category/name-version` a line.
fn portage(answers: &Answers) -> Result<Vec<Package>, Gap> {
    let text = answers.text(PORTAGE_PACKAGES)?;
    let lines = text.lines().filter(|line| !line.contains("/-MERGING-"));
    let packages: Option<Vec<Package>> = lines.map(portage_package).collect();
    finished(
        packages.ok_or_else(|| malformed(PORTAGE_PACKAGES))?,
        PORTAGE_PACKAGES,
    )
}

/// The version begins behind the last `-` that a digit follows, a revision `-r1` not counted.
fn portage_package(line: &str) -> Option<Package> {
    let is_revision = |text: &str| {
        let number = text.strip_prefix('r').unwrap_or_default();
        !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit())
    };
    let stem = match line.rsplit_once('-') {
        Some((stem, last)) if is_revision(last) => stem,
        _ => line,
    };
    let (name, _) = stem.rsplit_once('-')?;
    let version = line.strip_prefix(name)?.strip_prefix('-')?;
    let starts_well = version.starts_with(|first: char| first.is_ascii_digit());
    let plausible = is_name(name) && is_word(version) && name.contains('/') && starts_well;
    plausible.then(|| lists::package(PackageManager::Portage, name, version))
}

#[cfg(test)]
mod tests {
    use super::super::tests::answers;
    use super::*;

    fn lines(packages: Result<Vec<Package>, Gap>) -> Option<Vec<String>> {
        let line = |p: &Package| {
            format!(
                "{} {} {} {:?} {}",
                p.name, p.version, p.arch, p.state, p.held
            )
        };
        Some(packages.ok()?.iter().map(line).collect())
    }

    #[test]
    fn opkg_tells_its_packages_in_paragraphs() {
        let text = "Package: busybox\nVersion: 1.36.1-r2\nStatus: install hold installed\nArchitecture: x86_64\nInstalled-Time: 1730715936\n\n\
            Package: gone\nVersion: 1\nStatus: deinstall ok not-installed\n\n\
            Package: kernel\nVersion: 6.6.73~3abc-r1\nStatus: install user unpacked\n";
        let read = |text: &str| lines(opkg(&answers(&[(OPKG_PACKAGES, text)])));
        assert_eq!(
            read(text).unwrap(),
            [
                "busybox 1.36.1-r2 x86_64 Installed false",
                "kernel 6.6.73~3abc-r1  Incomplete false"
            ]
        );
        for bad in [
            "Package: x\n\n",
            "Package: =x\nVersion: 1\nStatus: install ok installed\n",
            "nonsense",
            "",
        ] {
            assert_eq!(read(&format!("{bad}\n")), None, "{bad:?}");
        }
    }

    #[test]
    fn portage_tells_its_packages_by_folders() {
        let read = |text: &str| lines(portage(&answers(&[(PORTAGE_PACKAGES, text)])));
        let text = "dev-libs/openssl-3.0.14-r1\nsys-apps/portage-3.0.65\napp-arch/p7zip-17.05\nmedia-libs/x264-0.0.20240314\n";
        assert_eq!(
            read(text).unwrap(),
            [
                "app-arch/p7zip 17.05  Installed false",
                "dev-libs/openssl 3.0.14-r1  Installed false",
                "media-libs/x264 0.0.20240314  Installed false",
                "sys-apps/portage 3.0.65  Installed false",
            ]
        );
        for bad in ["openssl-3", "a/b", "a/b-c", "a/b-1 2", ""] {
            assert_eq!(read(&format!("{text}{bad}\n")), None, "{bad:?}");
        }
    }

    proptest::proptest! {
        #[test]
        fn no_text_makes_it_panic(a in "((Package|Version|Status): [ -~]{0,20}\n|\n){0,9}", b in "([a-z0-9/.-]{0,30}\n){0,5}") {
            let _ = opkg(&answers(&[(OPKG_PACKAGES, &a)]));
            let _ = portage(&answers(&[(PORTAGE_PACKAGES, &b)]));
        }
    }
}
