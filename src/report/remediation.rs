//! What would have to be installed, summed over the machines of a run: one step for each update,
//! however many findings it closes on however many machines.
//!
//! An update that has a name is one step, also where several products share it, because it is
//! approved and looked up by that name. Where only a fixed version is stated, a machine needs the
//! highest one that its findings about the product name, which closes the others as well: that is a
//! step for each product and version. Fixes for subscribers are apart from those for everybody. What
//! waits for a restart is one step.
//!
//! What an update replaces that its machine needs as well is closed by that update, and asks for nothing of its own
//! there, unless that update needs a subscription and the replaced one does not: as in a plan.
//!
//! Where packages are held at their versions, or the fix is for subscribers, nothing can be installed as things are:
//! that is in a step too, says so in what it needs, and does not raise it.
//!
//! What nothing that can be installed would close (`no_fix_yet`, `unknown`, …) is in no step.

use super::counts::waits_for_reboot;
use crate::model::{
    Finding, FindingState, FixId, Holds, KbId, MachineRecord, Need, Remedy, RemedyFile, Restart,
    highest_fixed, plural,
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
    /// Whether a list of exploited flaws was at hand for all of these findings that name flaws.
    pub kev_checked: bool,
    /// Whether it asks for a restart, as far as known; the strictest where statements differ.
    pub restart: Option<Restart>,
    /// Updates that must be there before.
    pub prerequisites: BTreeSet<String>,
    /// Machines on which packages that it is about are held at their versions.
    pub held: u64,
    /// Machines on which it needs a subscription.
    pub subscribers: u64,
    /// The packages that are held on any of them.
    pub held_packages: BTreeSet<String>,
    /// What need not be installed when it is.
    pub supersedes: BTreeSet<String>,
    /// The article that describes it.
    pub kb: Option<KbId>,
    /// Where feeds say that it is.
    pub downloads: BTreeSet<String>,
    /// What feeds say of the files there.
    pub files: BTreeSet<RemedyFile>,
    /// On the machines where it can be done as things are.
    ready: Closed,
    /// On the others.
    later: Closed,
}

/// What a step would close on some machines.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Closed {
    machines: u64,
    findings: u64,
    cves: Flaws,
    exploited: Flaws,
}

impl Closed {
    fn add(&mut self, finding: &Finding) {
        self.findings += 1;
        self.cves.extend(&finding.cves);
        self.exploited.extend(&finding.kev);
    }
}

impl Step {
    /// Machines that need it.
    pub fn machines(&self) -> u64 {
        self.ready.machines + self.later.machines
    }

    /// Findings that it would close, over all machines.
    pub fn findings(&self) -> u64 {
        self.ready.findings + self.later.findings
    }

    /// Distinct CVEs that it would close.
    pub fn cves(&self) -> usize {
        self.ready.cves.0.union(&self.later.cves.0).count()
    }

    /// Those of them that are known to be exploited.
    pub fn exploited(&self) -> usize {
        let (ready, later) = (&self.ready.exploited.0, &self.later.exploited.0);
        ready.union(later).count()
    }

    /// Machines on which it can be done as things are: nothing is held there, and no subscription is needed.
    pub fn ready(&self) -> u64 {
        self.ready.machines
    }

    /// What it needs before, for people: updates, a subscription, the release of what is held.
    pub fn needs(&self) -> Vec<String> {
        let mut needs: Vec<String> = self.prerequisites.iter().cloned().collect();
        if self.subscribers > 0 {
            needs.push(SUBSCRIPTION.to_owned());
        }
        if self.held > 0 {
            let names: Vec<&str> = self.held_packages.iter().map(String::as_str).collect();
            needs.push(format!(
                "the release of {}, held on {} of {}",
                names.join(", "),
                self.held,
                plural(self.machines(), "machine")
            ));
        }
        needs
    }

    /// How much it is worth: by what it closes where it can be done, then by all that it would close.
    fn gain(&self) -> impl Ord + use<> {
        let ready = &self.ready;
        let now = (
            ready.machines > 0,
            ready.exploited.0.len(),
            ready.cves.0.len(),
            ready.machines,
        );
        (now, (self.exploited(), self.cves(), self.machines()))
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
        let moved = replaced(&mut needs);
        let holds = machine.inventory.as_deref().map(Holds::of);
        for (need, findings) in needs {
            let version = highest_fixed(&findings);
            let step = self.0.entry(need.fix_id(version)).or_insert_with(|| Step {
                kev_checked: true,
                ..Step::default()
            });
            describe(need, version, step);
            let held = match (need, &holds) {
                (Need::Upgrade { .. }, Some(holds))
                    if !findings.iter().any(|one| is_belied(one)) =>
                {
                    holds.among(findings.iter().flat_map(|one| &one.packages))
                }
                _ => Vec::new(),
            };
            let for_subscribers = findings.iter().any(|one| needs_subscription(one));
            step.held += u64::from(!held.is_empty());
            step.subscribers += u64::from(for_subscribers);
            for name in &held {
                insert(&mut step.held_packages, name);
            }
            let moved = moved.get(&need).into_iter().flatten();
            for finding in &findings {
                step.describe(finding);
            }
            let part = if held.is_empty() && !for_subscribers {
                &mut step.ready
            } else {
                &mut step.later
            };
            part.machines += 1;
            let mut is_checked = true;
            for finding in findings.iter().chain(moved) {
                part.add(finding);
                is_checked &= finding.cves.is_empty() || finding.is_exploited().is_some();
            }
            step.kev_checked &= is_checked;
        }
    }

    /// The steps, the most useful first: by exploited flaws, then flaws, then machines, of machines on which the
    /// step can be done as things are; what can be done nowhere as things are comes last, in the same order.
    pub fn steps(&self) -> Vec<(&FixId, &Step)> {
        let mut steps: Vec<_> = self.0.iter().collect();
        steps.sort_by_cached_key(|(id, step)| (Reverse(step.gain()), *id));
        steps
    }

    /// What stays open where nothing can be installed as things are: findings and machines by reason.
    pub(super) fn later(&self) -> Later {
        let mut later = Later::default();
        for step in self.0.values() {
            let part = &step.later;
            let sum = match (step.subscribers, step.held) {
                (0, 0) => continue,
                (0, _) => &mut later.held,
                _ => &mut later.subscribers,
            };
            sum.0 += part.findings;
            match &step.update {
                Some(update) => sum.1.extend([update.clone()]),
                None => sum.1.extend(step.products.iter().cloned()),
            }
        }
        later
    }
}

/// Findings that nothing can be installed for as things are, and the updates or products that they are about.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Later {
    /// Whose fix is for subscribers.
    pub(super) subscribers: (u64, BTreeSet<String>),
    /// Whose packages are held.
    pub(super) held: (u64, BTreeSet<String>),
}

/// What a machine needs, with the findings that ask for it.
type Needs<'a> = BTreeMap<Need<'a>, Vec<&'a Finding>>;

/// Takes out the updates that another one replaces which the machine needs as well; gives their findings, by that
/// other.
fn replaced<'a>(needs: &mut Needs<'a>) -> Needs<'a> {
    let mut moved = Needs::new();
    if needs.len() < 2 {
        return moved;
    }
    let is_free = |findings: &[&Finding]| !findings.iter().any(|one| needs_subscription(one));
    let supersedes = |findings: &[&Finding], name: &str| {
        let mut remedies = findings.iter().filter_map(|one| one.remedy.as_deref());
        remedies.any(|remedy| remedy.supersedes.iter().any(|old| old == name))
    };
    let mut newer = Vec::new();
    for (need, findings) in needs.iter() {
        let Need::Install { update } = *need else {
            continue;
        };
        let fits = needs.iter().find(|(other, theirs)| {
            *other != need
                && matches!(other, Need::Install { .. })
                && supersedes(theirs, update)
                && (is_free(theirs) || !is_free(findings))
        });
        newer.extend(fits.map(|(other, _)| (*need, *other)));
    }
    let newer: BTreeMap<Need<'_>, Need<'_>> = newer.into_iter().collect();
    for start in newer.keys() {
        // To the last one; updates that replace each other stay as they are.
        let mut last = *start;
        for _ in 0..newer.len() {
            last = newer.get(&last).copied().unwrap_or(last);
        }
        if newer.contains_key(&last) {
            continue;
        }
        let findings = needs.remove(start).unwrap_or_default();
        moved.entry(last).or_default().extend(findings);
    }
    moved
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
    /// Takes what a finding that asks for it says of it.
    fn describe(&mut self, finding: &Finding) {
        if finding.state == FindingState::PendingReboot {
            return;
        }
        insert(&mut self.products, &finding.product);
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

/// Whether its files are not those of its version: what installs it again is no upgrade.
fn is_belied(finding: &Finding) -> bool {
    finding.state == FindingState::Inconsistent
}

fn needs_subscription(finding: &Finding) -> bool {
    finding.state == FindingState::MissingNeedsSubscription
}

/// Takes a copy only of what is new: most machines say what others have said.
fn insert(set: &mut BTreeSet<String>, text: &str) {
    if !set.contains(text) {
        set.insert(text.to_owned());
    }
}
