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
use crate::model::{Finding, FindingState, FixId, KbId, MachineRecord, Remedy, Restart};
use crate::version::DpkgVersion;
use std::cmp::{Ordering, Reverse};
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
            let version = highest(&findings);
            let step = self.0.entry(need.id(version)).or_insert_with(|| Step {
                kev_checked: true,
                ..Step::default()
            });
            step.machines += 1;
            need.describe(version, step);
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

/// What a finding asks for, on one machine.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Need<'a> {
    Install {
        update: &'a str,
    },
    Upgrade {
        product: &'a str,
        for_subscribers: bool,
    },
    Restart,
}

impl<'a> Need<'a> {
    /// `None` for what nothing that can be installed closes.
    fn of(finding: &'a Finding) -> Option<Self> {
        if finding.state == FindingState::PendingReboot {
            return Some(Self::Restart);
        }
        if !finding.state.counts_as_missing() {
            return None;
        }
        Some(match &finding.remedy {
            Some(remedy) => Self::Install {
                update: &remedy.update,
            },
            None => Self::Upgrade {
                product: &finding.product,
                for_subscribers: needs_subscription(finding),
            },
        })
    }

    fn id(self, version: &str) -> FixId {
        match self {
            Self::Install { update } => FixId::of(&["install", update]),
            Self::Upgrade {
                product,
                for_subscribers: false,
            } => FixId::of(&["upgrade", product, version]),
            Self::Upgrade { product, .. } => {
                FixId::of(&["upgrade", product, version, "subscription"])
            }
            Self::Restart => FixId::of(&["restart"]),
        }
    }

    /// Says of the step what the findings about it do not.
    fn describe(self, version: &str, step: &mut Step) {
        match self {
            Self::Install { update } => step.update = Some(update.to_owned()),
            Self::Upgrade { product, .. } if version.is_empty() => {
                step.titles.insert(format!("update {product}"));
            }
            Self::Upgrade { product, .. } => {
                step.titles
                    .insert(format!("upgrade {product} to {version}"));
            }
            Self::Restart => {
                step.restart = Some(Restart::Yes);
                step.titles.insert("restart".to_owned());
            }
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

/// The highest fixed version; empty where none is stated. In dpkg's order, which is also that of
/// dotted numbers.
fn highest<'a>(findings: &[&'a Finding]) -> &'a str {
    let versions = findings.iter().filter_map(|one| one.fixed.as_deref());
    versions.max_by(|a, b| by_version(a, b)).unwrap_or_default()
}

fn by_version(a: &str, b: &str) -> Ordering {
    let order = DpkgVersion::parse(a).cmp(&DpkgVersion::parse(b));
    // Spellings of one version: any, but always the same.
    order.then_with(|| a.cmp(b))
}
