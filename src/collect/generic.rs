//! Any Unix that no other collector knows: what it is, what listens, and who it is.
//!
//! Its packages were never asked for, which is a gap and not an empty list: such a host gets an
//! `unknown` row and never looks clean.

use super::platform::platform;
use super::state::{self, Signs};
use super::unix::OS_RELEASE;
use super::{Collector, UNIX, extras, identity, services};
use crate::model::{Family, Gap, GapCause, Inventory, Observed, Platform};
use crate::session::{Answers, QuestionSet};

/// Any Unix.
#[derive(Debug)]
pub(super) struct Generic;

impl Collector for Generic {
    fn name(&self) -> &'static str {
        "unix"
    }

    fn questions(&self) -> &'static QuestionSet {
        &UNIX
    }

    fn platform(&self, answers: &Answers) -> Option<Platform> {
        platform(answers)
    }

    fn read(&self, platform: &Platform, answers: &Answers) -> Inventory {
        let packages = Gap {
            question: "packages".to_owned(),
            cause: GapCause::NotAsked,
        };
        let services = services::services(answers);
        let is_linux = matches!(platform.family, Family::Linux);
        let nameless = answers.text(OS_RELEASE).err().filter(|_| is_linux);
        let mut gaps: Vec<Gap> = [
            Some(packages.clone()),
            nameless,
            services.as_ref().err().cloned(),
        ]
        .into_iter()
        .flatten()
        .collect();
        let mut unix = state::facts(answers, platform);
        gaps.extend(extras::add(&mut unix, answers, platform));
        gaps.sort_unstable();
        Inventory {
            collector: self.name().to_owned(),
            platform: platform.clone(),
            identity: identity::identity(answers),
            packages: Observed::Unknown(packages),
            windows: None,
            unix: Some(Box::new(unix)),
            services: Observed::from(services),
            reboot: Observed::from(state::reboot(answers, &Signs::default())),
            gaps,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::answers;
    use super::*;
    use crate::collect::unix::UNAME;

    #[test]
    fn a_unix_without_a_package_reader_is_never_without_gaps() {
        let answers = answers(&[(UNAME, "OpenBSD\nfw\n7.5\nGENERIC.MP#1\namd64\n")]);
        let inventory = crate::collect::read(&UNIX, &answers).unwrap();
        assert_eq!(inventory.collector, "unix");
        assert_eq!(inventory.platform.family, Family::Bsd);
        assert_eq!(inventory.platform.ecosystem, None);
        assert_eq!(inventory.packages.gap().unwrap().cause, GapCause::NotAsked);
        assert!(!inventory.gaps.is_empty());
    }
}
