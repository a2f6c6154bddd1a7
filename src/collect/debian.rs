//! Debian, Ubuntu and their kin, by way of `dpkg-query`.

use super::assemble::{self, Reading};
use super::lists::{self, malformed};
use super::platform::{clip, platform};
use super::state::{self, Signs};
use super::unix::{DPKG_PACKAGES, DPKG_TIMES};
use super::{Collector, UNIX};
use crate::model::{
    Family, Gap, Inventory, Package, PackageManager, PackageState, Platform, SourcePackage, UtcTime,
};
use crate::session::{Answers, QuestionSet};
use crate::version::DpkgVersion;
use std::collections::BTreeMap;

/// Debian, Ubuntu, and what derives from them.
#[derive(Debug)]
pub(super) struct Debian;

impl Collector for Debian {
    fn name(&self) -> &'static str {
        "debian"
    }

    fn questions(&self) -> &'static QuestionSet {
        &UNIX
    }

    fn platform(&self, answers: &Answers) -> Option<Platform> {
        let mut platform = platform(answers)?;
        let named = platform.family == Family::Debian;
        // Without os-release the packages still tell the family, though not the release.
        let nameless = platform.id == "linux" && answers.text(DPKG_PACKAGES).is_ok();
        (named || nameless).then(|| {
            platform.family = Family::Debian;
            platform
        })
    }

    fn read(&self, platform: &Platform, answers: &Answers) -> Inventory {
        let packages = packages(answers);
        let newer = newer_kernel(platform, packages.as_deref().unwrap_or_default());
        let signs = Signs {
            newer_kernel: newer.map(|package| package.name.as_str()),
            flags_tell: true,
            ..Signs::default()
        };
        let reboot = state::reboot(answers, &signs);
        assemble::inventory(self.name(), platform, answers, Reading { packages, reboot })
    }
}

/// Every package that left something on disk. One line that does not parse makes the whole answer
/// malformed: part of a package list would pass for all of it.
fn packages(answers: &Answers) -> Result<Vec<Package>, Gap> {
    let text = answers.text(DPKG_PACKAGES)?;
    let times = times(answers);
    let mut packages = Vec::new();
    for line in text.lines() {
        match package(line, &times).ok_or_else(|| malformed(DPKG_PACKAGES))? {
            Line::Package(package) => packages.push(*package),
            Line::NotInstalled => {}
        }
    }
    // dpkg itself is a package: a list without any is no answer.
    lists::finished(packages, DPKG_PACKAGES)
}

enum Line {
    Package(Box<Package>),
    NotInstalled,
}

/// `name, version, architecture, Source, Status, seconds, Maintainer`, between tabs. `None` when
/// dpkg cannot have written it.
fn package(line: &str, times: &BTreeMap<&str, UtcTime>) -> Option<Line> {
    let mut fields = line.splitn(7, '\t');
    let mut next = || fields.next();
    let (name, version, arch) = (next()?, next()?, next()?);
    let (source, status) = (next()?, next()?);
    let (seconds, maintainer) = (next()?, next()?);
    let (state, held) = match status_of(status)? {
        Status::Gone => return Some(Line::NotInstalled),
        Status::Present { state, held } => (state, held),
    };
    let plausible = is_name(name) && is_version(version) && is_name(arch);
    let source = source_of(source, name, version).filter(|_| plausible)?;
    Some(Line::Package(Box::new(Package {
        manager: PackageManager::Dpkg,
        name: name.to_owned(),
        version: version.to_owned(),
        arch: arch.to_owned(),
        source,
        state,
        held,
        installed_at: installed_at(seconds, name, arch, times),
        vendor: (!maintainer.is_empty()).then(|| clip(maintainer, 500)),
        module: None,
        repository: None,
    })))
}

enum Status {
    Present { state: PackageState, held: bool },
    Gone,
}

/// dpkg's `Status` field: what is wanted, whether it is in error, how far it is.
fn status_of(status: &str) -> Option<Status> {
    let mut words = status.split(' ');
    let (want, _error, state) = (words.next()?, words.next()?, words.next()?);
    let state = match state {
        "installed" => PackageState::Installed,
        "config-files" => PackageState::ConfigFiles,
        "unpacked" | "half-configured" | "half-installed" | "triggers-awaited"
        | "triggers-pending" => PackageState::Incomplete,
        "not-installed" => return Some(Status::Gone),
        _ => return None,
    };
    Some(Status::Present {
        state,
        held: want == "hold",
    })
}

/// dpkg's `Source` field: empty when the source has the package's own name and version, else
/// `name` or `name (version)`.
fn source_of(field: &str, name: &str, version: &str) -> Option<SourcePackage> {
    let (source, source_version) = match field.split_once(' ') {
        _ if field.is_empty() => (name, version),
        None => (field, version),
        Some((source, rest)) => (source, rest.strip_prefix('(')?.strip_suffix(')')?),
    };
    (is_name(source) && is_version(source_version)).then(|| SourcePackage {
        name: source.to_owned(),
        version: source_version.to_owned(),
    })
}

/// What dpkg itself takes for a package name (and, the same letters, for an architecture).
fn is_name(text: &str) -> bool {
    let legal = |byte: u8| byte.is_ascii_alphanumeric() || b"-+._".contains(&byte);
    (1..=255).contains(&text.len())
        && text.bytes().all(legal)
        && text.starts_with(|first: char| first.is_ascii_alphanumeric())
}

/// dpkg keeps versions that it would no longer accept; they need only be one word here.
fn is_version(text: &str) -> bool {
    (1..=512).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_graphic())
}

/// When dpkg last wrote the package's file list: at its installation or upgrade.
fn installed_at(
    seconds: &str,
    name: &str,
    arch: &str,
    times: &BTreeMap<&str, UtcTime>,
) -> Option<UtcTime> {
    if let Ok(seconds) = seconds.trim().parse() {
        return Some(UtcTime::from_unix(seconds));
    }
    let qualified = times.get(format!("{name}:{arch}").as_str());
    qualified.or_else(|| times.get(name)).copied()
}

/// `seconds ./name.list` and `seconds ./name:arch.list`, where dpkg does not say itself.
fn times(answers: &Answers) -> BTreeMap<&str, UtcTime> {
    let text = answers.text(DPKG_TIMES).unwrap_or_default();
    let time = |line: &'_ str| -> Option<(usize, i64)> {
        let (seconds, _) = line.split_once(' ')?;
        Some((seconds.len() + 1, seconds.parse().ok()?))
    };
    let lines = text.lines().filter_map(|line| {
        let (start, seconds) = time(line)?;
        let path = line.get(start..)?;
        let name = path.strip_prefix("./").unwrap_or(path);
        Some((name.strip_suffix(".list")?, UtcTime::from_unix(seconds)))
    });
    lines.collect()
}

/// An installed kernel image newer than the one that runs, when that one is a package.
fn newer_kernel<'a>(platform: &Platform, packages: &'a [Package]) -> Option<&'a Package> {
    let running = platform.kernel.running.as_deref()?;
    let release = |package: &'a Package| {
        let release = package.name.strip_prefix("linux-image-")?;
        let release = release.strip_prefix("unsigned-").unwrap_or(release);
        // A meta package is named after a flavour alone: linux-image-amd64.
        let is_image = release.starts_with(|first: char| first.is_ascii_digit());
        (is_image && package.state != PackageState::ConfigFiles).then_some(release)
    };
    let version = |package: &'a Package| DpkgVersion::parse(&package.version);
    let mut images = packages.iter().filter(|package| release(package).is_some());
    let current = images
        .clone()
        .find(|package| release(package) == Some(running))?;
    let current_version = version(current)?;
    images.find(|package| {
        flavour(&package.name) == flavour(&current.name)
            && version(package).is_some_and(|version| version > current_version)
    })
}

/// `amd64` of `linux-image-6.1.0-29-amd64`; `rt-amd64`, `cloud-amd64`, `generic` are others.
fn flavour(name: &str) -> &str {
    let is_number = |part: &str| part.starts_with(|first: char| first.is_ascii_digit());
    let mut rest = name.strip_prefix("linux-image-").unwrap_or(name);
    while let Some((part, tail)) = rest.split_once('-') {
        if !is_number(part) && part != "unsigned" {
            break;
        }
        rest = tail;
    }
    rest
}

#[cfg(test)]
mod tests {
    use super::super::tests::answers;
    use super::super::unix::{OS_RELEASE, REBOOT};
    use super::*;
    use crate::model::GapCause;

    fn read(text: &str) -> Result<Vec<Package>, Gap> {
        packages(&answers(&[(DPKG_PACKAGES, text)]))
    }

    #[test]
    fn a_line_gives_name_source_state_hold_and_time() {
        let text = "libssl3\t3.0.9-1\tamd64\topenssl\thold ok installed\t1700000000\tDebian OpenSSL Team <a@b>\n\
            dmsetup\t2:1.02.185-2\tamd64\tlvm2 (2.03.16-2)\tinstall ok half-configured\t\t\n\
            old\t1.0\tall\t\tdeinstall ok config-files\t\tX\n\
            gone\t\tall\t\tunknown ok not-installed\t\t\n";
        let packages = read(text).unwrap();
        let line = |p: &Package| {
            format!(
                "{} {} {}={} {:?} {} {:?}",
                p.name,
                p.version,
                p.source.name,
                p.source.version,
                p.state,
                p.held,
                p.installed_at.map(|time| time.to_string()),
            )
        };
        let lines: Vec<_> = packages.iter().map(line).collect();
        assert_eq!(
            lines,
            [
                "dmsetup 2:1.02.185-2 lvm2=2.03.16-2 Incomplete false None",
                "libssl3 3.0.9-1 openssl=3.0.9-1 Installed true Some(\"2023-11-14T22:13:20Z\")",
                "old 1.0 old=1.0 ConfigFiles false None",
            ]
        );
    }

    #[test]
    fn one_bad_line_makes_the_whole_answer_malformed() {
        let good = "a1\t1\tall\t\tinstall ok installed\t1\tM\n";
        assert!(read(good).is_ok());
        for bad in [
            "half a line",
            "=cmd|' /C calc'!A0\t1\tall\t\tinstall ok installed\t1\tM",
            "b\u{1b}[31m\t1\tall\t\tinstall ok installed\t1\tM",
            "b\t1 2\tall\t\tinstall ok installed\t1\tM",
            "b\t1\tall\tsrc (1\tinstall ok installed\t1\tM",
            "b\t1\tall\t\tinstall ok\t1\tM",
            "b\t1\tall\t\tinstall ok exploded\t1\tM",
            "",
        ] {
            let gap = read(&format!("{good}{bad}\n")).unwrap_err();
            assert_eq!(gap.cause, GapCause::Malformed, "{bad:?}");
        }
        let long = format!(
            "{good}{}\t1\tall\t\tinstall ok installed\t1\tM\n",
            "x".repeat(10_000)
        );
        assert!(read(&long).is_err());
    }

    #[test]
    fn no_packages_at_all_is_no_answer() {
        assert_eq!(read("").unwrap_err().cause, GapCause::Malformed);
    }

    #[test]
    fn an_old_dpkg_is_asked_for_times_in_another_way() {
        let text = "libc6\t2.31\tamd64\tglibc\tinstall ok installed\t\tM\nbash\t5\tamd64\t\tinstall ok installed\t\tM\n";
        let times = "1700000000 ./libc6:amd64.list\n1600000000 ./bash.list\nnonsense\n";
        let packages = packages(&answers(&[(DPKG_PACKAGES, text), (DPKG_TIMES, times)])).unwrap();
        let times: Vec<_> = packages
            .iter()
            .map(|p| p.installed_at.unwrap().unix())
            .collect();
        assert_eq!(times, [1_600_000_000, 1_700_000_000]);
    }

    #[test]
    fn a_newer_kernel_that_does_not_run_means_a_reboot_without_any_flag() {
        let image = |release: &str, version: &str| {
            format!(
                "linux-image-{release}\t{version}\tamd64\tlinux-signed-amd64 ({version}+x)\tinstall ok installed\t1\tM\n"
            )
        };
        let text = image("6.1.0-29-amd64", "6.1.123-1")
            + &image("6.1.0-31-amd64", "6.1.128-1")
            + &image("6.1.0-31-rt-amd64", "6.1.129-1");
        let uname = |running: &str| format!("Linux\nweb\n{running}\n#1 SMP\nx86_64\n");
        let ask = |running: &str| {
            let uname = uname(running);
            let answers = answers(&[
                (super::super::unix::UNAME, &uname),
                (OS_RELEASE, "ID=debian\nVERSION_ID=12\n"),
                (DPKG_PACKAGES, &text),
                (REBOOT, ""),
            ]);
            let platform = Debian.platform(&answers).unwrap();
            Debian
                .read(&platform, &answers)
                .reboot
                .known()
                .cloned()
                .unwrap()
        };
        assert_eq!(
            ask("6.1.0-29-amd64").packages,
            ["linux-image-6.1.0-31-amd64"]
        );
        assert!(!ask("6.1.0-31-amd64").required);
        assert!(!ask("6.18.0-custom").required);
    }

    proptest::proptest! {
        #[test]
        fn no_text_makes_it_panic(text in "([a-z=\t \u{1b}0-9()]{0,60}\n){0,4}") {
            let _ = read(&text);
        }
    }
}
