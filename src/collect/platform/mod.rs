//! Which system a Unix is, and which catalogue may judge it.
//!
//! Advisories of one distribution say nothing about another, however alike: `ID_LIKE` never selects
//! a catalogue. A system of its own is judged by its own; a derivative only where it names the base
//! whose packages it installs (`DEBIAN_CODENAME`, `UBUNTU_CODENAME`); any other system has none.

mod debian;
mod ecosystem;
mod release_files;

pub(super) use ecosystem::{ecosystem_of, manager_of};

use super::os_release::OsRelease;
use super::unix::{KERNELS, OS_RELEASE, UNAME};
use crate::model::{Family, Gap, Kernel, Platform};
use crate::session::Answers;
use release_files::ReleaseFiles;

/// What the host runs, from `uname`, os-release and release files; `None` when not even `uname` was
/// answered.
pub(super) fn platform(answers: &Answers) -> Option<Platform> {
    let uname = Uname::read(answers.text(UNAME).ok()?)?;
    let stated = answers
        .text(OS_RELEASE)
        .map(OsRelease::parse)
        .unwrap_or_default();
    let files = ReleaseFiles::read(answers);
    let os = match uname.system.as_str() {
        "Darwin" => files.macos(),
        "Linux" if stated.field("ID").is_none() => files.linux(),
        "FreeBSD" => files.appliance().unwrap_or(stated),
        _ => stated,
    };
    let id = os.lower("ID");
    let id = id.unwrap_or_else(|| uname.system.to_ascii_lowercase());
    let version = os.field("VERSION_ID").map(str::to_owned);
    let version = version.or_else(|| stated_release(&id, &files, &uname));
    let name = match (os.field("PRETTY_NAME"), &version) {
        (Some(name), _) => name.to_owned(),
        (None, Some(version)) => format!("{} {version}", uname.system),
        (None, None) => uname.system.clone(),
    };
    Some(Platform {
        family: family(&uname, &os),
        ecosystem: ecosystem::ecosystem(&id, version.as_deref(), &os, &files)
            .filter(|_| is_own_kernel(&id, &uname)),
        codename: debian::codename(&os),
        id,
        name,
        version,
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
        "Linux" if debian::is_kin(os) => Family::Debian,
        "Linux" => Family::Linux,
        "Darwin" => Family::Macos,
        system if system.ends_with("BSD") || system == "DragonFly" => Family::Bsd,
        _ => Family::Unix,
    }
}

/// Whether the kernel is of the system that the files speak of: HardenedBSD is not FreeBSD, and what
/// calls itself Debian on a kernel of FreeBSD has no advisories.
fn is_own_kernel(id: &str, uname: &Uname) -> bool {
    match uname.system.as_str() {
        "Linux" => id != "freebsd",
        "FreeBSD" => id == "freebsd" && !uname.release.contains("HBSD"),
        _ => false,
    }
}

/// The release of a system without `VERSION_ID`, by what it says elsewhere.
fn stated_release(id: &str, files: &ReleaseFiles<'_>, uname: &Uname) -> Option<String> {
    match (uname.system.as_str(), id) {
        ("Linux", "alpine") => files.line("/etc/alpine-release"),
        ("Linux" | "Darwin", _) => None,
        ("FreeBSD", "freebsd") => files.line("freebsd-version"),
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
mod tests;
