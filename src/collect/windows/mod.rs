//! Windows, from 7 and Server 2008 R2 on.
//!
//! Keys and tools that are missing mean that nothing of the kind is installed; a question that was
//! denied, came too late or was not asked leaves its fact unknown. Partial is a scan that does not know
//! the patch level, the updates, the programs, the services, what listens or whether a reboot is due.

mod components;
mod files;
mod given;
mod hotfixes;
mod identity;
mod offline;
mod policy;
mod programs;
mod questions;
mod reboot;
mod reg;
mod release;
mod services;
mod sites;
mod text;

pub(super) use given::complete;
pub use offline::{OfflineError, from_tools};
pub use questions::WINDOWS;
pub(super) use questions::{OF_EVERY_WINDOWS, WHO_AM_I, of_evidence};

use super::Collector;
use crate::model::{Gap, Inventory, Observed, Platform, WindowsFacts};
use crate::session::{Answers, QuestionSet};

/// Windows.
#[derive(Debug)]
pub(super) struct Windows;

impl Collector for Windows {
    fn name(&self) -> &'static str {
        "windows"
    }

    fn questions(&self) -> &'static QuestionSet {
        &WINDOWS
    }

    fn platform(&self, answers: &Answers) -> Option<Platform> {
        release::platform(answers)
    }

    fn read(&self, platform: &Platform, answers: &Answers) -> Inventory {
        let hotfixes = hotfixes::hotfixes(answers);
        let programs = programs::programs(answers, platform);
        let services = services::services(answers);
        let listeners = services::listeners(answers, services.as_deref().unwrap_or_default());
        let reboot = reboot::reboot(answers, hotfixes.as_deref().unwrap_or_default());
        let mut gaps: Vec<Gap> = [
            release::open(answers, platform),
            hotfixes.as_ref().err().cloned(),
            hotfixes::open(answers),
            programs.as_ref().err().cloned(),
            programs::open(answers),
            services.as_ref().err().cloned(),
            listeners.as_ref().err().cloned(),
            services::open(answers),
            reboot.as_ref().err().cloned(),
        ]
        .into_iter()
        .flatten()
        .collect();
        gaps.sort_unstable();
        gaps.dedup();
        let facts = WindowsFacts {
            components: components::components(
                answers,
                programs.as_deref().unwrap_or_default(),
                services.as_deref().unwrap_or_default(),
            ),
            hotfixes: hotfixes.into(),
            update_log: hotfixes::update_log(answers),
            programs: programs.into(),
            files: files::files(answers).into(),
            services: services.into(),
            sites: sites::sites(answers).into(),
            update_policy: policy::policy(answers).into(),
            membership: identity::membership(answers).into(),
            machine_sid: identity::machine_sid(answers).into(),
            last_boot: release::last_boot(answers).into(),
        };
        Inventory {
            collector: self.name().to_owned(),
            platform: platform.clone(),
            identity: identity::identity(answers),
            // Windows has no package manager that anybody could ask.
            packages: Observed::default(),
            windows: Some(Box::new(facts)),
            unix: None,
            services: listeners.into(),
            reboot: reboot.into(),
            gaps,
        }
    }
}

#[cfg(test)]
mod tests;
