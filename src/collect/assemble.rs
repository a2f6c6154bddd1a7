//! From the readings of one Unix to its inventory: the same for every collector.

use super::platform::installed_kernels;
use super::unix::{OS_RELEASE, REBOOT};
use super::{identity, lists, services, state};
use crate::model::{Family, Gap, Inventory, Observed, Package, Platform, Reboot};
use crate::session::Answers;

/// What a collector has read of a Unix.
pub(super) struct Reading {
    /// The installed packages.
    pub(super) packages: Result<Vec<Package>, Gap>,
    /// Whether it waits for a reboot.
    pub(super) reboot: Result<Reboot, Gap>,
}

/// The inventory of a host whose packages are read.
pub(super) fn inventory(
    collector: &str,
    platform: &Platform,
    answers: &Answers,
    reading: Reading,
) -> Inventory {
    let Reading { packages, reboot } = reading;
    let services = services::services(answers);
    let is_linux = matches!(platform.family, Family::Linux | Family::Debian);
    let is_nameless = platform.id == "linux" || platform.family == Family::Debian;
    let mut gaps: Vec<Gap> = [
        answers
            .text(OS_RELEASE)
            .err()
            .filter(|_| is_linux && is_nameless),
        packages.as_ref().err().cloned(),
        installed_kernels(answers).err().filter(|_| is_linux),
        reboot.as_ref().err().cloned(),
        services.as_ref().err().cloned(),
    ]
    .into_iter()
    .flatten()
    .collect();
    gaps.sort_unstable();
    gaps.dedup();
    Inventory {
        collector: collector.to_owned(),
        platform: platform.clone(),
        identity: identity::identity(answers),
        packages: Observed::from(packages),
        windows: None,
        unix: Some(Box::new(state::facts(answers, platform))),
        services: Observed::from(services),
        reboot: Observed::from(reboot),
        gaps,
    }
}

/// Whether the host waits for a reboot: by the flag that update tools leave, or because a kernel
/// newer than the running one is installed (minimal systems have no tool that leaves the flag).
pub(super) fn reboot(answers: &Answers, newer: Option<&Package>) -> Result<Reboot, Gap> {
    let text = answers.text(REBOOT)?;
    let mut required = text.lines().any(|line| line == "required");
    let asked = text
        .lines()
        .filter_map(|line| line.strip_prefix("package\t"));
    let mut names: Vec<String> = asked
        .map(str::trim)
        .filter(|name| lists::is_name(name))
        .map(str::to_owned)
        .collect();
    if let Some(newer) = newer {
        required = true;
        names.push(newer.name.clone());
    }
    names.sort_unstable();
    names.dedup();
    Ok(Reboot {
        required,
        packages: names,
    })
}
