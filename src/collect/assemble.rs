//! From the readings of one Unix to its inventory: the same for every collector.

use super::platform::installed_kernels;
use super::unix::{OS_RELEASE, UNIX};
use super::{extras, identity, services, state};
use crate::model::{Family, Gap, GapCause, Inventory, Observed, Package, Platform, Reboot};
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
    let known = packages.as_deref().unwrap_or_default();
    let services = services::services(answers);
    let services = services.map(|services| state::with_versions(services, known));
    let is_linux = matches!(platform.family, Family::Linux | Family::Debian);
    let is_nameless = platform.id == "linux";
    let mut gaps: Vec<Gap> = [
        answers
            .text(OS_RELEASE)
            .err()
            .filter(|_| is_linux && is_nameless),
        packages.as_ref().err().cloned(),
        installed_kernels(answers).err().filter(|_| is_linux),
        // Where nobody can tell, nothing was lost.
        reboot
            .as_ref()
            .err()
            .filter(|gap| gap.cause != GapCause::Missing)
            .cloned(),
        services.as_ref().err().cloned(),
    ]
    .into_iter()
    .flatten()
    .collect();
    let mut unix = state::facts(answers, platform);
    gaps.extend(extras::add(&mut unix, answers, platform));
    gaps.extend(broken_off(answers));
    gaps.sort_unstable();
    gaps.dedup();
    Inventory {
        collector: collector.to_owned(),
        platform: platform.clone(),
        identity: identity::identity(answers),
        packages: Observed::from(packages),
        windows: None,
        unix: Some(Box::new(unix)),
        services: Observed::from(services),
        reboot: Observed::from(reboot),
        gaps,
    }
}

/// The questions whose answers did not come whole: what they are about is not known, whatever it is.
pub(super) fn broken_off(answers: &Answers) -> Vec<Gap> {
    let open = UNIX.questions.iter().filter_map(|question| {
        let gap = answers.text(question.id).err()?;
        let is_marked = answers.has(question.id) && answers.reply(question.id).is_none();
        (is_marked || gap.cause == GapCause::TimedOut).then_some(gap)
    });
    open.collect()
}
