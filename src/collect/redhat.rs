//! Red Hat Enterprise Linux, its rebuilds, Fedora, Amazon Linux, and any other system of rpm but
//! SUSE's.

use super::assemble::{self, Reading};
use super::questions::RPM_PACKAGES;
use super::state::{self, Signs};
use super::{Collector, UNIX, lists, rpm, rpm_kernel};
use crate::model::{Inventory, PackageManager, Platform};
use crate::session::{Answers, QuestionSet};

/// Systems of rpm.
#[derive(Debug)]
pub(super) struct RedHat;

impl Collector for RedHat {
    fn name(&self) -> &'static str {
        "redhat"
    }

    fn questions(&self) -> &'static QuestionSet {
        &UNIX
    }

    fn platform(&self, answers: &Answers) -> Option<Platform> {
        lists::linux_of(answers, PackageManager::Rpm, RPM_PACKAGES)
    }

    fn read(&self, platform: &Platform, answers: &Answers) -> Inventory {
        let packages = rpm::packages(answers);
        let newer = rpm_kernel::newer(platform, packages.as_deref().unwrap_or_default());
        let signs = Signs {
            newer_kernel: newer.map(|package| package.name.as_str()),
            core_of: packages.as_deref().ok(),
            flags_tell: false,
        };
        let reboot = state::reboot(answers, &signs);
        assemble::inventory(self.name(), platform, answers, Reading { packages, reboot })
    }
}
