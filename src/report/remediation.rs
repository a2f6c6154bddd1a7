//! What would have to be installed, summed over the machines of a run: one step for each update,
//! however many findings it closes on however many machines.
//!
//! An update that has a name is one step, also where several products share it, because it is
//! approved and looked up by that name. Where only a fixed version is stated, a machine needs the
//! highest one that its findings about the product name, which closes the others as well: that is a
//! step for each product and version. Fixes for subscribers are apart from those for everybody. What
//! waits for a restart is one step.
//!
//! What nothing that can be installed would close (`no_fix_yet`, `unknown`, …) is in no step.

use super::counts::waits_for_reboot;
use crate::model::{
    Finding, FindingState, FixId, KbId, MachineRecord, Need, Remedy, RemedyFile, Restart,
    highest_fixed,
};
use std::cmp::Reverse;
use std::collections::hash_map::DefaultHasher;
use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::hash::{Hash as _, Hasher as _};

/// Every step, by its id.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Remediation(BTreeMap<FixId, Step>);

/// One thing to do, and what it would close.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Step {
    /// The update's name, where it is an update to install: `KB5094123`. `None` for an upgrade to a
    /// fixed version and for the restart.
    pub update: Option<String>,
    /// One line for people each; several where products share the update.
    pub titles: BTreeSet<String>,
    /// The products that it is for.
    pub products: BTreeSet<String>,
    /// Machines that need it.
    pub machines: u64,
    /// Findings that it would close, over all machines.
    pub findings: u64,
    /// Whether a list of exploited flaws was at hand for all of these findings that name flaws.
    pub kev_checked: bool,
    /// Whether it asks for a restart, as far as known; the strictest where statements differ.
    pub restart: Option<Restart>,
    /// What must be there before.
    pub prerequisites: BTreeSet<String>,
    /// What need not be installed when it is.
    pub supersedes: BTreeSet<String>,
    /// The article that describes it.
    pub kb: Option<KbId>,
    /// Where feeds say that it is.
    pub downloads: BTreeSet<String>,
    /// What feeds say of the files there.
    pub files: BTreeSet<RemedyFile>,
    cves: Flaws,
    exploited: Flaws,
}

impl Step {
    /// Distinct CVEs that it would close.
    pub fn cves(&self) -> usize {
        self.cves.0.len()
    }

    /// Those of them that are known to be exploited.
    pub fn exploited(&self) -> usize {
        self.exploited.0.len()
    }
}

/// A set of CVEs by digest: a fleet has many, and they are only counted.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Flaws(HashSet<u64>);

impl Flaws {
    fn extend(&mut self, cves: &[String]) {
        self.0.extend(cves.iter().map(|cve| {
            let mut hasher = DefaultHasher::new();
            cve.hash(&mut hasher);
            hasher.finish()
        }));
    }
}

impl Remediation {
    /// Adds what one machine needs.
    pub(super) fn add(&mut self, machine: &MachineRecord) {
        let mut needs = BTreeMap::<Need<'_>, Vec<&Finding>>::new();
        if waits_for_reboot(machine) == Some(true) {
            needs.insert(Need::Restart, Vec::new());
        }
        for finding in machine.findings.iter() {
            if let Some(need) = Need::of(finding) {
                needs.entry(need).or_default().push(finding);
            }
        }
        for (need, findings) in needs {
            let version = highest_fixed(&findings);
            let step = self.0.entry(need.fix_id(version)).or_insert_with(|| Step {
                kev_checked: true,
                ..Step::default()
            });
            step.machines += 1;
            describe(need, version, step);
            for finding in findings {
                step.add(finding);
            }
        }
    }

    /// The steps, the most useful first: by exploited flaws, then flaws, then machines.
    pub fn steps(&self) -> Vec<(&FixId, &Step)> {
        let mut steps: Vec<_> = self.0.iter().collect();
        steps.sort_by_key(|(id, step)| {
            let gain = (step.exploited(), step.cves(), step.machines);
            (Reverse(gain), *id)
        });
        steps
    }
}

/// Says of a step what the findings about it do not.
fn describe(need: Need<'_>, version: &str, step: &mut Step) {
    match need {
        Need::Install { update } => step.update = Some(update.to_owned()),
        Need::Upgrade { product, .. } if version.is_empty() => {
            step.titles.insert(format!("update {product}"));
        }
        Need::Upgrade { product, .. } => {
            step.titles
                .insert(format!("upgrade {product} to {version}"));
        }
        Need::Restart => {
            step.restart = Some(Restart::Yes);
            step.titles.insert("restart".to_owned());
        }
    }
}

impl Step {
    fn add(&mut self, finding: &Finding) {
        self.findings += 1;
        self.cves.extend(&finding.cves);
        self.exploited.extend(&finding.kev);
        self.kev_checked &= finding.cves.is_empty() || finding.is_exploited().is_some();
        if finding.state == FindingState::PendingReboot {
            return;
        }
        insert(&mut self.products, &finding.product);
        if needs_subscription(finding) {
            insert(&mut self.prerequisites, SUBSCRIPTION);
        }
        if let Some(remedy) = &finding.remedy {
            self.add_remedy(remedy);
        }
        self.files.extend(finding.remedy_file());
    }

    fn add_remedy(&mut self, remedy: &Remedy) {
        let title = Some(&remedy.title).filter(|title| !title.is_empty());
        insert(&mut self.titles, title.unwrap_or(&remedy.update));
        self.kb = self.kb.max(remedy.kb);
        self.restart = self.restart.max(remedy.restart);
        for text in &remedy.prerequisites {
            insert(&mut self.prerequisites, text);
        }
        for text in &remedy.supersedes {
            insert(&mut self.supersedes, text);
        }
        if let Some(download) = &remedy.download {
            insert(&mut self.downloads, download);
        }
    }
}

/// What a fix for subscribers needs before it can be installed.
const SUBSCRIPTION: &str = "a subscription (ESU, Pro, EUS, LTSS)";

fn needs_subscription(finding: &Finding) -> bool {
    finding.state == FindingState::MissingNeedsSubscription
}

/// Takes a copy only of what is new: most machines say what others have said.
fn insert(set: &mut BTreeSet<String>, text: &str) {
    if !set.contains(text) {
        set.insert(text.to_owned());
    }
}
