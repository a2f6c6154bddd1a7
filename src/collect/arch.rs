//! Arch Linux and its kin, by pacman's list of what is installed.

use super::assemble::{self, Reading};
use super::lists::{self, finished, is_name, is_word, malformed, remark};
use super::questions::PACMAN_PACKAGES;
use super::state::{self, Signs};
use super::{Collector, UNIX};
use crate::model::{Gap, Inventory, Package, PackageManager, Platform, SourcePackage, UtcTime};
use crate::session::{Answers, QuestionSet};

/// Systems of pacman.
#[derive(Debug)]
pub(super) struct Arch;

impl Collector for Arch {
    fn name(&self) -> &'static str {
        "arch"
    }

    fn questions(&self) -> &'static QuestionSet {
        &UNIX
    }

    fn platform(&self, answers: &Answers) -> Option<Platform> {
        lists::linux_of(answers, PackageManager::Pacman, PACMAN_PACKAGES)
    }

    fn read(&self, platform: &Platform, answers: &Answers) -> Inventory {
        let packages = packages(answers);
        let known = packages.as_deref().unwrap_or_default();
        let other = other_kernel(platform, known);
        let signs = Signs {
            newer_kernel: other.map(|package| package.name.as_str()),
            // An upgrade replaces the kernel in place: one that is the running one is all there is.
            flags_tell: true,
            ..Signs::default()
        };
        let reboot = state::reboot(answers, &signs);
        assemble::inventory(self.name(), platform, answers, Reading { packages, reboot })
    }
}

/// `# count`, and as many lines. Fewer were cut short on their way.
fn packages(answers: &Answers) -> Result<Vec<Package>, Gap> {
    let text = answers.text(PACMAN_PACKAGES)?;
    let bad = || malformed(PACMAN_PACKAGES);
    let (count, lines) = text.split_once('\n').ok_or_else(bad)?;
    let count: Option<usize> = count
        .strip_prefix("# ")
        .and_then(|count| count.parse().ok());
    let packages: Option<Vec<Package>> = lines.lines().map(read).collect();
    let packages = packages.filter(|packages| Some(packages.len()) == count);
    finished(packages.ok_or_else(bad)?, PACMAN_PACKAGES)
}

/// `name, version, base, architecture, seconds, repository, packager`, between tabs.
fn read(line: &str) -> Option<Package> {
    let mut fields = line.splitn(7, '\t');
    let mut next = || fields.next();
    let (name, version, base) = (next()?, next()?, next()?);
    let (arch, seconds) = (next()?, next()?);
    let (repository, packager) = (next()?, next()?);
    let base = if base.is_empty() { name } else { base };
    let plausible = is_name(name) && is_word(version) && is_name(base) && is_name(arch);
    plausible.then(|| Package {
        arch: arch.to_owned(),
        source: SourcePackage {
            name: base.to_owned(),
            version: version.to_owned(),
        },
        installed_at: seconds.parse().ok().map(UtcTime::from_unix),
        vendor: remark(packager),
        repository: Some(repository)
            .filter(|name| is_word(name))
            .map(str::to_owned),
        ..lists::package(PackageManager::Pacman, name, version)
    })
}

/// Kernels, and how the releases that they call themselves end.
const KERNELS: &[(&str, &str)] = &[
    ("linux-lts", "-lts"),
    ("linux-zen", "-zen"),
    ("linux-hardened", "-hardened"),
    ("linux-rt", "-rt"),
    ("linux", ""),
];

/// The installed kernel of the running one's flavour, when it is another: `linux` 6.10.3.arch1-2 calls
/// itself 6.10.3-arch1-2, `linux-lts` 6.6.44-1 calls itself 6.6.44-1-lts.
fn other_kernel<'a>(platform: &Platform, packages: &'a [Package]) -> Option<&'a Package> {
    let running = platform.kernel.running.as_deref()?;
    let mut kernels = KERNELS.iter();
    let (name, end) = kernels.find(|(_, end)| running.ends_with(end))?;
    let kernel = packages.iter().find(|package| package.name == *name)?;
    // Another distribution's kernel under a container is none of these.
    if end.is_empty() && !running.contains("-arch") {
        return None;
    }
    let plain = |text: &str| text.replace('-', ".");
    (plain(&kernel.version) != plain(running.strip_suffix(end)?)).then_some(kernel)
}

#[cfg(test)]
mod tests {
    use super::super::tests::answers;
    use super::super::unix::{OS_RELEASE, REBOOT, UNAME};
    use super::*;
    use crate::model::GapCause;

    const GAWK: &str = "gawk\t5.3.1-1\tgawk\tx86_64\t1733011443\t\tA Person <a@example.org>\n";

    fn read(text: &str) -> Result<Vec<Package>, GapCause> {
        packages(&answers(&[(PACMAN_PACKAGES, text)])).map_err(|gap| gap.cause)
    }

    #[test]
    fn a_line_gives_name_version_base_and_time() {
        let libs = "openssl-docs\t1:3.3.2-1\topenssl\tany\t\tcore\t\n";
        let packages = read(&format!("# 2\n{libs}{GAWK}")).unwrap();
        let line = |p: &Package| {
            let at = p.installed_at.map(|at| at.to_string());
            format!(
                "{} {} {} {}={} {at:?} {:?}",
                p.name, p.version, p.arch, p.source.name, p.source.version, p.repository
            )
        };
        let lines: Vec<_> = packages.iter().map(line).collect();
        assert_eq!(
            lines,
            [
                "gawk 5.3.1-1 x86_64 gawk=5.3.1-1 Some(\"2024-12-01T00:04:03Z\") None",
                "openssl-docs 1:3.3.2-1 any openssl=1:3.3.2-1 None Some(\"core\")",
            ]
        );
    }

    #[test]
    fn a_list_with_a_bad_line_or_too_few_is_malformed_as_a_whole() {
        for bad in [
            format!("# 2\n{GAWK}"),
            format!("# 1\n{GAWK}{GAWK}"),
            GAWK.to_owned(),
            format!("# 2\n{GAWK}\t1\ta\tany\t1\t\t\n"),
            format!("# 2\n{GAWK}half a line\n"),
            "# 0\n".to_owned(),
            String::new(),
        ] {
            assert_eq!(read(&bad), Err(GapCause::Malformed), "{bad:?}");
        }
    }

    #[test]
    fn a_kernel_replaced_since_the_start_means_a_reboot() {
        let ask = |running: &str| {
            let uname = format!("Linux\nlap\n{running}\n#1\nx86_64\n");
            let list = "# 2\nlinux\t6.10.3.arch1-2\tlinux\tx86_64\t1\t\t\nlinux-lts\t6.6.44-1\tlinux-lts\tx86_64\t1\t\t\n";
            let answers = answers(&[
                (UNAME, &uname),
                (OS_RELEASE, "ID=arch"),
                (PACMAN_PACKAGES, list),
                (REBOOT, ""),
            ]);
            let platform = Arch.platform(&answers).unwrap();
            Arch.read(&platform, &answers)
                .reboot
                .known()
                .cloned()
                .unwrap()
                .packages
        };
        assert_eq!(ask("6.10.3-arch1-2"), [""; 0]);
        assert_eq!(ask("6.10.2-arch1-1"), ["linux"]);
        assert_eq!(ask("6.6.44-1-lts"), [""; 0]);
        assert_eq!(ask("6.6.43-1-lts"), ["linux-lts"]);
        assert_eq!(ask("6.8.0-60-generic"), [""; 0]);
    }

    proptest::proptest! {
        #[test]
        fn no_text_makes_it_panic(text in "# [0-9]{0,2}\n([a-z\t0-9:.-]{0,40}\n){0,4}") {
            let _ = read(&text);
        }
    }
}
