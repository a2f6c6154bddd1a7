//! Whether a host waits for a reboot.
//!
//! Besides the flags that update tools leave there are the signs that dnf's `needs-restarting -r` goes
//! by. That program is not run: it loads a package manager, and leaves files behind.

use super::super::unix::{REBOOT, VIRTUAL};
use crate::model::{Gap, GapCause, Package, PackageState, Reboot};
use crate::session::Answers;

/// Packages after whose update `needs-restarting -r` wants a reboot, kernels left out.
const CORE: [&str; 7] = [
    "dbus",
    "dbus-broker",
    "dbus-daemon",
    "glibc",
    "linux-firmware",
    "microcode_ctl",
    "systemd",
];

/// What a family knows besides the flags.
#[derive(Clone, Copy, Debug, Default)]
pub(in crate::collect) struct Signs<'a> {
    /// The package of an installed kernel that a reboot would start in place of the running one.
    pub(in crate::collect) newer_kernel: Option<&'a str>,
    /// The packages, where updates of its core since the start count: where rpm installs them.
    pub(in crate::collect) core_of: Option<&'a [Package]>,
    /// Whether the family's own tools would have left a flag, so that none means no.
    pub(in crate::collect) flags_tell: bool,
}

/// Whether the host waits for a reboot, and what asks for it.
pub(in crate::collect) fn reboot(answers: &Answers, signs: &Signs<'_>) -> Result<Reboot, Gap> {
    let text = answers.text(REBOOT)?;
    let mut required = text.lines().any(|line| line == "required");
    let asked = text
        .lines()
        .filter_map(|line| line.strip_prefix("package\t"));
    let mut names: Vec<String> = asked
        .map(str::trim)
        .filter(|name| is_name(name))
        .map(str::to_owned)
        .collect();
    let started = started(answers, text);
    let core = started.zip(signs.core_of);
    let updated = core.map_or_else(Vec::new, |(boot, packages)| updated_since(boot, packages));
    required |= signs.newer_kernel.is_some() || !updated.is_empty();
    names.extend(signs.newer_kernel.map(str::to_owned));
    names.extend(updated.into_iter().map(str::to_owned));
    if !required && !signs.flags_tell && core.is_none() {
        // No flag where nobody leaves flags says nothing.
        return Err(Gap {
            question: REBOOT.to_owned(),
            cause: GapCause::Missing,
        });
    }
    names.sort_unstable();
    names.dedup();
    let packages = names;
    Ok(Reboot { required, packages })
}

/// When the system started, in seconds since 1970. A container's kernel started before the container.
fn started(answers: &Answers, text: &str) -> Option<i64> {
    let virt = answers.text(VIRTUAL).unwrap_or_default();
    if virt.lines().any(|line| line.starts_with("container\t")) {
        return None;
    }
    let boot = text.lines().find_map(|line| line.strip_prefix("boot\t"))?;
    boot.trim().parse().ok()
}

fn updated_since(boot: i64, packages: &[Package]) -> Vec<&str> {
    let is_newer = |package: &&Package| {
        let at = package.installed_at.is_some_and(|at| at.unix() > boot);
        let is_core = CORE.contains(&package.name.as_str());
        at && is_core && package.state == PackageState::Installed
    };
    let updated = packages.iter().filter(is_newer);
    updated.map(|package| package.name.as_str()).collect()
}

/// Whether a name is one that a package can have.
fn is_name(name: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"+-._:".contains(&byte);
    !name.is_empty() && name.len() < 300 && name.bytes().all(plain)
}

#[cfg(test)]
mod tests {
    use super::super::super::tests::answers;
    use super::*;
    use crate::model::{PackageManager, SourcePackage, UtcTime};

    fn package(name: &str, installed: i64) -> Package {
        Package {
            manager: PackageManager::Rpm,
            name: name.to_owned(),
            version: "1-1".to_owned(),
            arch: String::new(),
            source: SourcePackage::default(),
            state: PackageState::Installed,
            held: false,
            installed_at: Some(UtcTime::from_unix(installed)),
            vendor: None,
            module: None,
            repository: None,
        }
    }

    #[test]
    fn no_flag_says_no_only_where_flags_are_left() {
        let given = answers(&[(REBOOT, "boot\t1700000000\n")]);
        let gap = reboot(&given, &Signs::default()).unwrap_err();
        assert_eq!(gap.cause, GapCause::Missing);
        let signs = Signs {
            flags_tell: true,
            ..Signs::default()
        };
        assert!(!reboot(&given, &signs).unwrap().required);
        let flagged = answers(&[(REBOOT, "required\npackage\tdbus\npackage\t=x\nboot\t1\n")]);
        assert_eq!(
            reboot(&flagged, &Signs::default()).unwrap().packages,
            ["dbus"]
        );
    }

    #[test]
    fn an_update_of_the_core_since_the_start_needs_one() {
        let packages = [
            package("bash", 1_700_000_500),
            package("glibc", 1_700_000_500),
            package("systemd", 1_600_000_000),
        ];
        let signs = Signs {
            core_of: Some(&packages),
            ..Signs::default()
        };
        let text = [(REBOOT, "boot\t1700000000\n"), (VIRTUAL, "")];
        let told = reboot(&answers(&text), &signs).unwrap();
        assert_eq!(
            (told.required, told.packages),
            (true, vec!["glibc".to_owned()])
        );
        let later = [(REBOOT, "boot\t1700001000\n"), (VIRTUAL, "")];
        assert!(!reboot(&answers(&later), &signs).unwrap().required);
        let container = [text[0], (VIRTUAL, "container\tdocker\n")];
        assert!(reboot(&answers(&container), &signs).is_err());
    }
}
