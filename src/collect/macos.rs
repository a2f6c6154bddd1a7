//! macOS: the system itself; its applications, receipts and Homebrew's packages are read as on any
//! other Unix (`extras`).

use super::assemble::{self, Reading};
use super::platform::platform;
use super::state::{self, Signs};
use super::unix::RELEASE_FILES;
use super::{Collector, UNIX, lists};
use crate::model::{Family, Gap, GapCause, Inventory, Package, PackageManager, Platform};
use crate::session::{Answers, QuestionSet};

/// macOS.
#[derive(Debug)]
pub(super) struct MacOs;

impl Collector for MacOs {
    fn name(&self) -> &'static str {
        "macos"
    }

    fn questions(&self) -> &'static QuestionSet {
        &UNIX
    }

    fn platform(&self, answers: &Answers) -> Option<Platform> {
        platform(answers).filter(|platform| platform.family == Family::Macos)
    }

    fn read(&self, platform: &Platform, answers: &Answers) -> Inventory {
        let reading = Reading {
            packages: system(platform, answers),
            reboot: state::reboot(answers, &Signs::default()),
        };
        assemble::inventory(self.name(), platform, answers, reading)
    }
}

/// What Apple updates as one: everything that is neither an application nor has a receipt.
fn system(platform: &Platform, answers: &Answers) -> Result<Vec<Package>, Gap> {
    answers.text(RELEASE_FILES)?;
    let version = platform.version.as_deref().ok_or_else(|| Gap {
        question: RELEASE_FILES.to_owned(),
        cause: GapCause::Missing,
    })?;
    let system = Package {
        arch: platform.arch.clone().unwrap_or_default(),
        vendor: Some("Apple Inc.".to_owned()),
        ..lists::package(PackageManager::Macos, "macOS", version)
    };
    Ok(vec![system])
}
