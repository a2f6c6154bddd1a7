//! The ecosystem whose advisories speak of a system: by its own name and release, never by what it
//! is like.

use super::super::os_release::OsRelease;
use super::debian;
use super::release_files::ReleaseFiles;
use crate::model::PackageManager;

/// The ecosystem of a system, `None` where no advisories speak of it.
pub(super) fn ecosystem(
    id: &str,
    version: Option<&str>,
    os: &OsRelease,
    files: &ReleaseFiles<'_>,
) -> Option<String> {
    let Some(known) = known(id) else {
        return debian::ecosystem(os);
    };
    let names = ["NAME", "PRETTY_NAME", "VERSION", "VARIANT"];
    let names = names.iter().filter_map(|field| os.lower(field));
    let release = files.line("/etc/centos-release").unwrap_or_default();
    let said: Vec<String> = names.chain([release.to_ascii_lowercase()]).collect();
    let is_other = |word: &str| word != "-" && said.iter().any(|text| text.contains(word));
    if known.unless.split(' ').any(is_other) {
        return None;
    }
    let version = match id {
        "alpine" => alpine(version, &said, files),
        _ => version.map(str::to_owned),
    };
    filled(known.template, version.as_deref())
}

/// The same, where all that is told are `ID` and `VERSION_ID`.
pub(in crate::collect) fn ecosystem_of(id: &str, version: Option<&str>) -> Option<String> {
    match (known(id), id) {
        (Some(known), _) => filled(known.template, version),
        (None, "debian") => version
            .filter(|version| debian::is_number(version))
            .map(|version| format!("Debian:{version}")),
        (None, "ubuntu") => debian::ubuntu(version?),
        (None, _) => None,
    }
}

/// Whose packages a system of this `ID` installs, where that is known before any is seen.
pub(in crate::collect) fn manager_of(id: &str) -> Option<PackageManager> {
    let known = known(id)?;
    let mut managers = MANAGERS.iter();
    managers
        .find(|manager| manager.as_str() == known.manager)
        .copied()
}

/// The managers that the table names.
const MANAGERS: &[PackageManager] = &[
    PackageManager::Rpm,
    PackageManager::Apk,
    PackageManager::Pacman,
    PackageManager::Pkg,
    PackageManager::Portage,
];

struct Known {
    manager: &'static str,
    template: &'static str,
    unless: &'static str,
}

fn known(id: &str) -> Option<Known> {
    let mut lines = include_str!("distributions.tsv").lines();
    lines.find_map(|line| {
        let mut cells = line.split('\t');
        (cells.next()? == id).then_some(())?;
        let manager = cells.next()?;
        let (template, unless) = (cells.next()?, cells.next()?);
        Some(Known {
            manager,
            template,
            unless,
        })
    })
}

/// A template with the part of the version that it asks for in its place.
fn filled(template: &str, version: Option<&str>) -> Option<String> {
    let Some((before, rest)) = template.split_once('{') else {
        return (template != "-").then(|| template.to_owned());
    };
    let (what, after) = rest.split_once('}')?;
    let numbers = Numbers::of(version?)?;
    let part = match what {
        "major" => numbers.major.to_owned(),
        "number" => numbers.minor.is_none().then(|| numbers.major.to_owned())?,
        "major.minor" => numbers.both()?,
        "leap" => numbers.both().filter(|_| numbers.is_leap())?,
        "sp" => numbers.service_pack(),
        "alpine" if version == Some(EDGE) => EDGE.to_owned(),
        "alpine" => format!("v{}", numbers.both()?),
        "amazon" => numbers.amazon()?,
        _ => return None,
    };
    Some(format!("{before}{part}{after}"))
}

/// The first two numbers of a version.
struct Numbers<'a> {
    major: &'a str,
    minor: Option<&'a str>,
}

impl<'a> Numbers<'a> {
    fn of(version: &'a str) -> Option<Self> {
        if version == EDGE {
            return Some(Self {
                major: EDGE,
                minor: None,
            });
        }
        let mut parts = version.split('.');
        let is_number = |part: &&str| {
            (1..=8).contains(&part.len()) && part.bytes().all(|byte| byte.is_ascii_digit())
        };
        let major = parts.next().filter(is_number)?;
        let minor = match parts.next() {
            Some(minor) => Some(minor).filter(is_number).map(Some)?,
            None => None,
        };
        Some(Self { major, minor })
    }

    fn both(&self) -> Option<String> {
        Some(format!("{}.{}", self.major, self.minor?))
    }

    /// Before Leap 42 openSUSE was another system under the same name.
    fn is_leap(&self) -> bool {
        matches!(self.major, "42" | "15")
    }

    /// `15.5` is `15 SP5`, `12` and `12.0` are `12`; since 16 there are no service packs.
    fn service_pack(&self) -> String {
        let has_packs = self.major.parse().is_ok_and(|major: u32| major < 16);
        match self.minor {
            None | Some("0") if has_packs => self.major.to_owned(),
            Some(pack) if has_packs => format!("{} SP{pack}", self.major),
            _ => self.both().unwrap_or_else(|| self.major.to_owned()),
        }
    }

    /// `2`, `2023`; everything that has a month is the first.
    fn amazon(&self) -> Option<String> {
        match (self.major, self.minor) {
            ("2" | "2023", None) => Some(self.major.to_owned()),
            (major, Some(_)) if major.len() == 4 && major.starts_with("201") => {
                Some("1".to_owned())
            }
            _ => None,
        }
    }
}

const EDGE: &str = "edge";

/// The branch that Alpine's packages come from. Its repositories say, where they agree; os-release
/// does not know of a host that follows another branch since.
fn alpine(version: Option<&str>, said: &[String], files: &ReleaseFiles<'_>) -> Option<String> {
    let mut branches: Vec<&str> = files
        .lines("/etc/apk/repositories")
        .filter_map(branch)
        .collect();
    branches.dedup();
    match branches.as_slice() {
        _ if branches.contains(&EDGE) => return Some(EDGE.to_owned()),
        [one] => return one.strip_prefix('v').map(str::to_owned),
        _ => {}
    }
    let version = version?;
    let is_edge = version.contains("_alpha") || said.iter().any(|text| text.ends_with(EDGE));
    Some(if is_edge { EDGE } else { version }.to_owned())
}

/// `v3.20` or `edge` of a line like `https://…/alpine/v3.20/main`. A line with a tag (`@edge https://…`)
/// offers only what is asked for by the tag, and `latest-stable` says nothing.
fn branch(line: &str) -> Option<&str> {
    let address = line.strip_suffix('/').unwrap_or(line);
    let (address, component) = address.rsplit_once('/')?;
    let (_, branch) = address.rsplit_once('/')?;
    let is_release = branch
        .strip_prefix('v')
        .and_then(Numbers::of)
        .is_some_and(|numbers| numbers.minor.is_some());
    let counts = component == "main" && !line.starts_with(['#', '@']);
    (counts && (branch == EDGE || is_release)).then_some(branch)
}
