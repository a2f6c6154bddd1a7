//! Which system a Unix is, and which catalogue may judge it.
//!
//! Advisories of one distribution say nothing about another, however alike: `ID_LIKE` never selects
//! a catalogue. A system of its own is judged by its own; a derivative only where it names the base
//! whose packages it installs (`DEBIAN_CODENAME`, `UBUNTU_CODENAME`); any other system has none.

use super::os_release::OsRelease;
use super::unix::{KERNELS, OS_RELEASE, RELEASE_FILES, UNAME};
use crate::model::{Family, Gap, Kernel, Platform};
use crate::session::Answers;

/// What the host runs, from `uname` and os-release; `None` when not even `uname` was answered.
pub(super) fn platform(answers: &Answers) -> Option<Platform> {
    let uname = Uname::read(answers.text(UNAME).ok()?)?;
    let os = answers
        .text(OS_RELEASE)
        .map(OsRelease::parse)
        .unwrap_or_default();
    let kernel_id = uname.system.to_ascii_lowercase();
    let id = match kernel_id.as_str() {
        "darwin" => "macos".to_owned(),
        _ => os.lower("ID").unwrap_or(kernel_id),
    };
    let version = os.field("VERSION_ID").map(str::to_owned);
    let version = version.or_else(|| stated_release(answers, &uname));
    let codename = codename(&os);
    let name = match (os.field("PRETTY_NAME"), &version) {
        (Some(name), _) => name.to_owned(),
        (None, Some(version)) => format!("{} {version}", uname.system),
        (None, None) => uname.system.clone(),
    };
    Some(Platform {
        family: family(&uname, &os),
        ecosystem: ecosystem(&os),
        id,
        name,
        version,
        codename,
        arch: Some(uname.machine.clone()),
        windows: None,
        kernel: Kernel {
            name: Some(uname.system),
            running: Some(uname.release),
            build: Some(uname.version),
            installed: installed_kernels(answers).unwrap_or_default(),
        },
    })
}

/// The five lines of `uname -s -n -r -v -m`.
struct Uname {
    system: String,
    release: String,
    version: String,
    machine: String,
}

impl Uname {
    fn read(text: &str) -> Option<Self> {
        let mut lines = text.lines().map(|line| clip(line.trim(), 300));
        let system = lines.next().filter(|system| !system.is_empty())?;
        let _name = lines.next()?;
        let (release, version) = (lines.next()?, lines.next()?);
        let machine = lines.next()?;
        Some(Self {
            system,
            release,
            version,
            machine,
        })
    }
}

/// The first characters of a text that somebody else chose the length of.
pub(super) fn clip(text: &str, most: usize) -> String {
    text.chars().take(most).collect()
}

fn family(uname: &Uname, os: &OsRelease) -> Family {
    match uname.system.as_str() {
        "Linux" if is_debian_kin(os) => Family::Debian,
        "Linux" => Family::Linux,
        "Darwin" => Family::Macos,
        system if system.ends_with("BSD") || system == "DragonFly" => Family::Bsd,
        _ => Family::Unix,
    }
}

/// Whether its packages are dpkg's. Which advisories concern them is another matter.
fn is_debian_kin(os: &OsRelease) -> bool {
    let id = os.lower("ID").unwrap_or_default();
    let like = os.lower("ID_LIKE").unwrap_or_default();
    let mut names = like.split_whitespace().chain([id.as_str()]);
    names.any(|name| matches!(name, "debian" | "ubuntu" | "raspbian"))
        || os.field("DEBIAN_CODENAME").is_some()
}

/// What the release's packages are named after: a stated base first, as it selects them.
fn codename(os: &OsRelease) -> Option<String> {
    let own = matches!(
        os.lower("ID").as_deref(),
        Some("debian" | "ubuntu" | "raspbian")
    );
    let base = ["DEBIAN_CODENAME", "UBUNTU_CODENAME"]
        .iter()
        .find_map(|field| os.lower(field))
        .filter(|_| !own);
    base.or_else(|| os.lower("VERSION_CODENAME"))
        .or_else(|| codename_in_version(os))
}

/// `8 (jessie)`: how releases before 2019 wrote it.
fn codename_in_version(os: &OsRelease) -> Option<String> {
    let version = os.lower("VERSION")?;
    let (_, rest) = version.split_once('(')?;
    let name = rest.strip_suffix(')')?;
    name.bytes()
        .all(|byte| byte.is_ascii_lowercase())
        .then(|| name.to_owned())
}

/// The catalogue slice, as OSV names ecosystems.
fn ecosystem(os: &OsRelease) -> Option<String> {
    match os.lower("ID")?.as_str() {
        "debian" => debian(os),
        "raspbian" => raspbian(os),
        "ubuntu" => ubuntu(os.field("VERSION_ID")?),
        _ => base(os),
    }
}

/// The same, where all that is told are `ID` and `VERSION_ID`.
pub(super) fn ecosystem_of(id: &str, version: &str) -> Option<String> {
    match id {
        "debian" => is_number(version).then(|| format!("Debian:{version}")),
        "ubuntu" => ubuntu(version),
        _ => None,
    }
}

/// Stable releases state `VERSION_ID`. Testing and unstable have none and share a codename with the
/// next release, so a codename counts only where nothing speaks of sid.
fn debian(os: &OsRelease) -> Option<String> {
    if let Some(version) = os.field("VERSION_ID") {
        return is_number(version).then(|| format!("Debian:{version}"));
    }
    let texts = [os.lower("PRETTY_NAME"), os.lower("VERSION")];
    if texts.iter().flatten().any(|text| text.contains("sid")) {
        return None;
    }
    debian_release(&codename(os)?)
}

/// 32-bit Raspberry Pi OS: Debian's sources at Debian's versions, rebuilt, release for release. Its
/// own packages carry `+rpt` or `+rpi`, and matching leaves those undecided.
fn raspbian(os: &OsRelease) -> Option<String> {
    let release = debian_release(&codename(os)?)?;
    (release.strip_prefix("Debian:") == os.field("VERSION_ID")).then_some(release)
}

/// `22.04` is `Ubuntu:22.04:LTS`, as every April of an even year; `25.10` is `Ubuntu:25.10`. A
/// system that calls itself Ubuntu 2 is not Ubuntu.
fn ubuntu(version: &str) -> Option<String> {
    let (year, month) = version.split_once('.')?;
    let year_number: u32 = year.parse().ok()?;
    if year.len() != 2 || !matches!(month, "04" | "10") {
        return None;
    }
    let long = month == "04" && year_number.is_multiple_of(2);
    let suffix = if long { ":LTS" } else { "" };
    Some(format!("Ubuntu:{version}{suffix}"))
}

/// A derivative that says which release's packages it installs.
fn base(os: &OsRelease) -> Option<String> {
    if let Some(codename) = os.lower("DEBIAN_CODENAME") {
        return debian_release(&codename);
    }
    let codename = os.lower("UBUNTU_CODENAME")?;
    let (_, version) = UBUNTU_LTS.iter().find(|(name, _)| *name == codename)?;
    ubuntu(version)
}

fn debian_release(codename: &str) -> Option<String> {
    let (_, version) = DEBIAN.iter().find(|(name, _)| *name == codename)?;
    Some(format!("Debian:{version}"))
}

fn is_number(text: &str) -> bool {
    (1..=3).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit())
}

/// Debian's released codenames. Testing is not among them: it has no advisories of its own.
const DEBIAN: &[(&str, &str)] = &[
    ("wheezy", "7"),
    ("jessie", "8"),
    ("stretch", "9"),
    ("buster", "10"),
    ("bullseye", "11"),
    ("bookworm", "12"),
    ("trixie", "13"),
];

/// The Ubuntu releases that derivatives are built on.
const UBUNTU_LTS: &[(&str, &str)] = &[
    ("trusty", "14.04"),
    ("xenial", "16.04"),
    ("bionic", "18.04"),
    ("focal", "20.04"),
    ("jammy", "22.04"),
    ("noble", "24.04"),
    ("resolute", "26.04"),
];

/// The release of a system without `VERSION_ID`, by what it says elsewhere.
fn stated_release(answers: &Answers, uname: &Uname) -> Option<String> {
    let text = answers.text(RELEASE_FILES).unwrap_or_default();
    let line = |source: &str| {
        let mut lines = text.lines().filter_map(|line| line.split_once('\t'));
        let (_, value) = lines.find(|(name, value)| *name == source && !value.is_empty())?;
        Some(clip(value.trim(), 100))
    };
    match uname.system.as_str() {
        "Linux" => line("/etc/alpine-release"),
        "FreeBSD" => line("freebsd-version"),
        "Darwin" => line("sw_vers"),
        _ => Some(uname.release.clone()),
    }
}

/// The kernel releases on disk, sorted.
pub(super) fn installed_kernels(answers: &Answers) -> Result<Vec<String>, Gap> {
    let text = answers.text(KERNELS)?;
    let releases = text.lines().filter_map(|line| line.split_once('\t'));
    let mut releases: Vec<String> = releases
        .filter(|(kind, _)| matches!(*kind, "modules" | "boot"))
        .map(|(_, release)| clip(release.trim(), 200))
        .filter(|release| release.starts_with(|first: char| first.is_ascii_digit()))
        .take(1000)
        .collect();
    releases.sort_unstable();
    releases.dedup();
    Ok(releases)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(text: &str) -> Option<String> {
        ecosystem(&OsRelease::parse(text))
    }

    #[test]
    fn a_system_is_judged_by_its_own_catalogue() {
        assert_eq!(
            of("ID=debian\nVERSION_ID=\"12\"").as_deref(),
            Some("Debian:12")
        );
        assert_eq!(
            of("ID=ubuntu\nVERSION_ID=\"22.04\"\nID_LIKE=debian").as_deref(),
            Some("Ubuntu:22.04:LTS")
        );
        assert_eq!(
            of("ID=ubuntu\nVERSION_ID=\"25.10\"").as_deref(),
            Some("Ubuntu:25.10")
        );
    }

    #[test]
    fn testing_and_unstable_have_no_catalogue() {
        let sid = "PRETTY_NAME=\"Debian GNU/Linux trixie/sid\"\nVERSION_CODENAME=trixie\nID=debian";
        assert_eq!(of(sid), None);
        assert_eq!(of("ID=debian\nVERSION_CODENAME=forky"), None);
        assert_eq!(
            of("ID=debian\nVERSION_CODENAME=bookworm").as_deref(),
            Some("Debian:12")
        );
    }

    #[test]
    fn what_a_system_is_like_selects_nothing() {
        assert_eq!(of("ID=kali\nVERSION_ID=2025.4\nID_LIKE=debian"), None);
        assert_eq!(
            of("ID=devuan\nVERSION_ID=5\nID_LIKE=debian\nVERSION_CODENAME=daedalus"),
            None
        );
        assert_eq!(of("ID=ubuntu\nVERSION_ID=2"), None);
        assert_eq!(of("NAME=x"), None);
    }

    #[test]
    fn a_derivative_is_judged_by_the_base_it_names() {
        let lmde = "ID=linuxmint\nVERSION_ID=6\nVERSION_CODENAME=faye\nDEBIAN_CODENAME=bookworm";
        assert_eq!(of(lmde).as_deref(), Some("Debian:12"));
        let mint =
            "ID=linuxmint\nVERSION_ID=21.3\nVERSION_CODENAME=virginia\nUBUNTU_CODENAME=jammy";
        assert_eq!(of(mint).as_deref(), Some("Ubuntu:22.04:LTS"));
        assert_eq!(
            of("ID=elementary\nVERSION_ID=5.0\nUBUNTU_CODENAME=juno"),
            None
        );
        assert_eq!(
            codename(&OsRelease::parse(lmde)).as_deref(),
            Some("bookworm")
        );
    }

    #[test]
    fn raspbian_counts_where_its_release_is_debians() {
        let release = "ID=raspbian\nVERSION_ID=\"8\"\nVERSION=\"8 (jessie)\"";
        assert_eq!(of(release).as_deref(), Some("Debian:8"));
        assert_eq!(
            of("ID=raspbian\nVERSION_ID=1.0\nVERSION=\"1.0 (knockout)\""),
            None
        );
    }
}
