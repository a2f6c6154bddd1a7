//! FreeBSD: its packages, and its base system as the packages that VuXML calls `FreeBSD` and
//! `FreeBSD-kernel`.

use super::assemble::{self, Reading};
use super::lists::{self, is_name, is_word, malformed, remark};
use super::platform::platform;
use super::questions::{FREEBSD_BASE, PKG_PACKAGES};
use super::{Collector, UNIX};
use crate::model::{
    Family, Gap, Inventory, Package, PackageManager, Platform, Reboot, SourcePackage, UtcTime,
};
use crate::session::{Answers, QuestionSet};

/// FreeBSD, and what is made of it.
#[derive(Debug)]
pub(super) struct FreeBsd;

impl Collector for FreeBsd {
    fn name(&self) -> &'static str {
        "freebsd"
    }

    fn questions(&self) -> &'static QuestionSet {
        &UNIX
    }

    fn platform(&self, answers: &Answers) -> Option<Platform> {
        let mut platform = platform(answers)?;
        let is_freebsd = platform.kernel.name.as_deref() == Some("FreeBSD");
        (platform.family == Family::Bsd && is_freebsd).then(|| {
            let base = Base::read(answers);
            platform.kernel.installed =
                base.ok().and_then(|base| base.kernel).into_iter().collect();
            platform
        })
    }

    fn read(&self, platform: &Platform, answers: &Answers) -> Inventory {
        let packages = packages(answers, platform);
        let reboot = reboot(answers);
        assemble::inventory(self.name(), platform, answers, Reading { packages, reboot })
    }
}

/// The releases of the base system: `14.1-RELEASE-p5`.
#[derive(Default)]
struct Base {
    /// Of the kernel on disk; a jail has none.
    kernel: Option<String>,
    /// Of the kernel that runs.
    running: Option<String>,
    /// Of everything else.
    userland: Option<String>,
}

impl Base {
    fn read(answers: &Answers) -> Result<Self, Gap> {
        let mut base = Self::default();
        for line in answers.text(FREEBSD_BASE)?.lines() {
            let (part, release) = line
                .split_once('\t')
                .ok_or_else(|| malformed(FREEBSD_BASE))?;
            let release = is_word(release).then(|| release.to_owned());
            match part {
                "k" => base.kernel = release,
                "r" => base.running = release,
                "u" => base.userland = release,
                _ => return Err(malformed(FREEBSD_BASE)),
            }
        }
        match base.userland {
            Some(_) => Ok(base),
            None => Err(malformed(FREEBSD_BASE)),
        }
    }
}

/// A release as VuXML writes it: `14.1_5` of `14.1-RELEASE-p5`, `14.1` of `14.1-RELEASE`. Others (STABLE,
/// CURRENT, betas) have no place among releases and stay as they are.
fn vuxml(release: &str) -> String {
    match release.split_once("-RELEASE") {
        Some((version, "")) => version.to_owned(),
        Some((version, level)) => match level.strip_prefix("-p") {
            Some(level) if !level.is_empty() && level.bytes().all(|byte| byte.is_ascii_digit()) => {
                format!("{version}_{level}")
            }
            _ => release.to_owned(),
        },
        None => release.to_owned(),
    }
}

/// Everything that pkg has installed, and the base system. A system without pkg says `none`.
fn packages(answers: &Answers, platform: &Platform) -> Result<Vec<Package>, Gap> {
    let base = Base::read(answers)?;
    let text = answers.text(PKG_PACKAGES)?;
    let mut packages = Vec::new();
    if text.trim() != "none" {
        let read: Option<Vec<Package>> = text.lines().map(read).collect();
        packages = lists::finished(read.ok_or_else(|| malformed(PKG_PACKAGES))?, PKG_PACKAGES)?;
    }
    let parts = [("FreeBSD", base.userland), ("FreeBSD-kernel", base.kernel)];
    let parts = parts
        .iter()
        .filter_map(|(name, release)| Some((name, release.as_deref()?)));
    packages.extend(parts.map(|(name, release)| Package {
        arch: platform.arch.clone().unwrap_or_default(),
        ..lists::package(PackageManager::Pkg, name, &vuxml(release))
    }));
    lists::sort(&mut packages);
    Ok(packages)
}

/// `name, version, ABI, origin, seconds, locked, repository, maintainer`, between tabs.
fn read(line: &str) -> Option<Package> {
    let mut fields = line.splitn(8, '\t');
    let mut next = || fields.next();
    let (name, version, abi) = (next()?, next()?, next()?);
    let (origin, seconds, locked) = (next()?, next()?, next()?);
    let (repository, maintainer) = (next()?, next()?);
    let origin = if origin.is_empty() { name } else { origin };
    let plausible = is_name(name) && is_word(version) && is_word(abi) && is_name(origin);
    plausible.then(|| Package {
        arch: abi.to_owned(),
        source: SourcePackage {
            name: origin.to_owned(),
            version: version.to_owned(),
        },
        held: locked == "1",
        installed_at: seconds.parse().ok().map(UtcTime::from_unix),
        vendor: remark(maintainer),
        repository: Some(repository)
            .filter(|name| is_word(name) && *name != "unknown-repository")
            .map(str::to_owned),
        ..lists::package(PackageManager::Pkg, name, version)
    })
}

/// It waits for one where another kernel runs than is installed.
fn reboot(answers: &Answers) -> Result<Reboot, Gap> {
    let base = Base::read(answers)?;
    let required = match (&base.kernel, &base.running) {
        (Some(kernel), Some(running)) => kernel != running,
        _ => false,
    };
    Ok(Reboot {
        required,
        packages: required
            .then(|| "FreeBSD-kernel".to_owned())
            .into_iter()
            .collect(),
    })
}

#[cfg(test)]
mod tests {
    use super::super::tests::answers;
    use super::super::unix::UNAME;
    use super::*;

    const UNAME_TEXT: &str =
        "FreeBSD\nfw\n14.1-RELEASE-p5\nFreeBSD 14.1-RELEASE-p5 GENERIC\namd64\n";
    const BASE: &str = "k\t14.1-RELEASE-p6\nr\t14.1-RELEASE-p5\nu\t14.1-RELEASE-p6\n";
    const CURL: &str =
        "curl\t8.10.1\tFreeBSD:14:amd64\tftp/curl\t1730000000\t1\tFreeBSD\tport@example.org\n";

    fn read(base: &str, list: &str) -> Inventory {
        let answers = answers(&[
            (UNAME, UNAME_TEXT),
            (FREEBSD_BASE, base),
            (PKG_PACKAGES, list),
        ]);
        let platform = FreeBsd.platform(&answers).unwrap();
        FreeBsd.read(&platform, &answers)
    }

    fn lines(inventory: &Inventory) -> Vec<String> {
        let line = |p: &Package| {
            format!(
                "{} {} {} {} {}",
                p.name, p.version, p.arch, p.source.name, p.held
            )
        };
        inventory
            .packages
            .known()
            .unwrap()
            .iter()
            .map(line)
            .collect()
    }

    #[test]
    fn packages_and_the_base_system_are_in_one_list() {
        let inventory = read(BASE, CURL);
        assert_eq!(
            lines(&inventory),
            [
                "FreeBSD 14.1_6 amd64 FreeBSD false",
                "FreeBSD-kernel 14.1_6 amd64 FreeBSD-kernel false",
                "curl 8.10.1 FreeBSD:14:amd64 ftp/curl true",
            ]
        );
        assert_eq!(inventory.platform.kernel.installed, ["14.1-RELEASE-p6"]);
        let reboot = inventory.reboot.known().unwrap();
        assert_eq!(
            (reboot.required, reboot.packages.as_slice()),
            (true, &["FreeBSD-kernel".to_owned()][..])
        );
    }

    #[test]
    fn a_jail_without_pkg_has_its_base_system_alone() {
        let inventory = read("r\t14.1-RELEASE-p5\nu\t14.1-RELEASE\n", "none\n");
        assert_eq!(lines(&inventory), ["FreeBSD 14.1 amd64 FreeBSD false"]);
        assert!(!inventory.reboot.known().unwrap().required);
    }

    #[test]
    fn what_is_no_release_keeps_its_name() {
        assert_eq!(vuxml("14.1-STABLE"), "14.1-STABLE");
        assert_eq!(vuxml("15.0-BETA2"), "15.0-BETA2");
        assert_eq!(vuxml("14.1-RELEASE-p5-HBSD"), "14.1-RELEASE-p5-HBSD");
    }

    #[test]
    fn a_forged_list_is_malformed_as_a_whole() {
        for list in ["", "half\n", &format!("{CURL}=x\t1\ta\tb\t1\t0\t\t\n")] {
            assert!(read(BASE, list).packages.gap().is_some(), "{list:?}");
        }
        assert!(read("garbage\n", CURL).packages.gap().is_some());
        assert!(read("k\t14.1-RELEASE\n", CURL).packages.gap().is_some());
    }

    proptest::proptest! {
        #[test]
        fn no_text_makes_it_panic(base in "([kru]\t[0-9A-Zp.-]{0,20}\n){0,4}", list in "([a-z\t0-9:/.-]{0,50}\n){0,3}") {
            let _ = read(&base, &list);
        }
    }
}
