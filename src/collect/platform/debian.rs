//! Debian, Ubuntu and what derives from them: which release's packages they install.

use super::super::os_release::OsRelease;

/// Whether its packages are dpkg's. Which advisories concern them is another matter.
pub(super) fn is_kin(os: &OsRelease) -> bool {
    let id = os.lower("ID").unwrap_or_default();
    let like = os.lower("ID_LIKE").unwrap_or_default();
    let mut names = like.split_whitespace().chain([id.as_str()]);
    names.any(|name| matches!(name, "debian" | "ubuntu" | "raspbian"))
        || os.field("DEBIAN_CODENAME").is_some()
}

/// What the release's packages are named after: a stated base first, as it selects them.
pub(super) fn codename(os: &OsRelease) -> Option<String> {
    let own = matches!(
        os.lower("ID").as_deref(),
        Some("debian" | "ubuntu" | "raspbian")
    );
    let base = BASES.iter().find_map(|(field, _)| os.lower(field));
    base.filter(|_| !own)
        .or_else(|| os.lower("VERSION_CODENAME"))
        .or_else(|| codename_in_version(os))
}

/// Where a derivative names its base. One that names both is built on Ubuntu, and says what that was
/// built on.
const BASES: &[(&str, &str)] = &[("UBUNTU_CODENAME", "ubuntu"), ("DEBIAN_CODENAME", "debian")];

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
pub(super) fn ecosystem(os: &OsRelease) -> Option<String> {
    match os.lower("ID")?.as_str() {
        "debian" => debian(os),
        "raspbian" => raspbian(os),
        "ubuntu" => ubuntu(os.field("VERSION_ID")?),
        _ => base(os),
    }
}

/// Stable releases state `VERSION_ID`. Testing and unstable have none and share a codename with the
/// next release, so a codename counts only where nothing speaks of sid.
fn debian(os: &OsRelease) -> Option<String> {
    if let Some(version) = os.field("VERSION_ID") {
        // A derivative that calls itself Debian betrays itself by its codename.
        let codename = codename(os);
        let mut known =
            codenames().filter(|(system, _, release)| (*system, *release) == ("debian", version));
        let is_own = known
            .next()
            .is_none_or(|(_, known, _)| codename.is_none_or(|codename| codename == known));
        return (is_number(version) && is_own).then(|| format!("Debian:{version}"));
    }
    let texts = [os.lower("PRETTY_NAME"), os.lower("VERSION")];
    if texts.iter().flatten().any(|text| text.contains("sid")) {
        return None;
    }
    of_release("debian", &codename(os)?)
}

/// 32-bit Raspberry Pi OS: Debian's sources at Debian's versions, rebuilt, release for release. Its
/// own packages carry `+rpt` or `+rpi`, and matching leaves those undecided.
fn raspbian(os: &OsRelease) -> Option<String> {
    let release = of_release("debian", &codename(os)?)?;
    (release.strip_prefix("Debian:") == os.field("VERSION_ID")).then_some(release)
}

/// `22.04` is `Ubuntu:22.04:LTS`, as every April of an even year; `25.10` is `Ubuntu:25.10`. A
/// system that calls itself Ubuntu 2 is not Ubuntu.
pub(super) fn ubuntu(version: &str) -> Option<String> {
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
    let named = |(field, system): &(&str, &'static str)| Some((*system, os.lower(field)?));
    let (system, codename) = BASES.iter().find_map(named)?;
    of_release(system, &codename)
}

/// The ecosystem of a release by its codename.
fn of_release(system: &str, codename: &str) -> Option<String> {
    let mut known = codenames().filter(|(of, name, _)| (*of, *name) == (system, codename));
    let (_, _, release) = known.next()?;
    match system {
        "ubuntu" => ubuntu(release),
        _ => Some(format!("Debian:{release}")),
    }
}

pub(super) fn is_number(text: &str) -> bool {
    (1..=3).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit())
}

/// System, codename and release.
fn codenames() -> impl Iterator<Item = (&'static str, &'static str, &'static str)> {
    let lines = include_str!("codenames.tsv").lines();
    lines.filter_map(|line| {
        let mut cells = line.split('\t');
        Some((cells.next()?, cells.next()?, cells.next()?))
    })
}
