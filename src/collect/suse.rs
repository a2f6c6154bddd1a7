//! SUSE Linux Enterprise and openSUSE.
//!
//! Their packages are rpm's, without module streams and, almost always, without epochs; which products
//! and modules are installed says `/etc/products.d`.

use super::redhat::RedHat;
use super::{Collector, UNIX};
use crate::model::{Inventory, Platform};
use crate::session::{Answers, QuestionSet};

/// SUSE's systems.
#[derive(Debug)]
pub(super) struct Suse;

/// How the `ID` of each of them begins.
const IDS: &[&str] = &["sle", "sl-micro", "suse", "opensuse", "leap-micro"];

impl Collector for Suse {
    fn name(&self) -> &'static str {
        "suse"
    }

    fn questions(&self) -> &'static QuestionSet {
        &UNIX
    }

    fn platform(&self, answers: &Answers) -> Option<Platform> {
        let platform = RedHat.platform(answers)?;
        let is_suse = IDS.iter().any(|start| platform.id.starts_with(start));
        is_suse.then_some(platform)
    }

    fn read(&self, platform: &Platform, answers: &Answers) -> Inventory {
        Inventory {
            collector: self.name().to_owned(),
            ..RedHat.read(platform, answers)
        }
    }
}
