//! From what a machine lacks to steps in their order, and what no step closes.

use super::cover::{self, Choice};
use super::{MachineNeeds, PlanRules};
use crate::model::{
    Date, Decision, Finding, FindingState, FixId, KbId, Late, LeftOpen, Need, PlanStep,
    RebootAfter, RemedyFile, Restart, Severity, StepKind, Tool, Urgency, WhyLeft, Work,
    highest_fixed, is_asked, is_kernel_build, severity, without_name,
};
use std::collections::{BTreeMap, BTreeSet};
use std::ops::Deref;

/// How many packages a line for people names.
const NAMED: usize = 10;

/// A finding with what the policy makes of it.
#[derive(Clone, Copy, Debug)]
struct Open<'a> {
    finding: &'a Finding,
    decision: Option<&'a Decision>,
}

impl Deref for Open<'_> {
    type Target = Finding;

    fn deref(&self) -> &Finding {
        self.finding
    }
}

impl Open<'_> {
    /// How bad it is by the policy; where nobody asked it, by the publisher.
    fn severity(&self) -> Option<Severity> {
        severity(self.finding, self.decision)
    }

    fn due(&self) -> Option<Date> {
        self.decision?.due
    }

    fn is_excepted(&self) -> bool {
        self.decision.is_some_and(|one| one.exception.is_some())
    }

    fn is_overdue(&self) -> bool {
        self.decision.is_some_and(Decision::is_overdue)
    }
}

/// What to do on a machine.
pub(super) fn work(needs: &MachineNeeds, rules: &PlanRules) -> Work {
    let mut open: Vec<Open<'_>> = needs
        .open()
        .map(|(finding, decision)| Open { finding, decision })
        .collect();
    open.sort_by_key(|one| {
        let one = one.finding;
        (&one.product, &one.bulletin, one.state, &one.installed)
    });
    let mut desk = Desk {
        needs,
        rules,
        left: BTreeMap::new(),
    };
    let mut updates = Vec::new();
    let mut products = BTreeMap::<&str, Vec<Open<'_>>>::new();
    let mut restarts = Vec::new();
    for finding in &open {
        match Need::of(finding.finding) {
            _ if finding.state == FindingState::MissingNeedsSubscription => {
                desk.leave(WhyLeft::NeedsSubscription, *finding);
            }
            Some(Need::Install { update }) if is_nameless(update) => {
                desk.leave(WhyLeft::NoUpdateStated, *finding);
            }
            Some(Need::Install { .. }) => updates.push(*finding),
            Some(Need::Upgrade { product, .. }) => {
                products.entry(product).or_default().push(*finding);
            }
            Some(Need::Restart) => restarts.push(*finding),
            None => desk.leave(why_not(finding.state), *finding),
        }
    }
    let mut steps = desk.updates(&updates);
    let ends_with = steps
        .last_mut()
        .map(|step| std::mem::take(&mut step.reboot));
    let mut last = ends_with.unwrap_or_default();
    steps.extend(desk.products(&products, &mut last));
    let restart = desk.restart(&restarts);
    match (restart, steps.last_mut()) {
        (Some(restart), _) => steps.push(restart),
        (None, Some(step)) => step.reboot = last,
        (None, None) => {}
    }
    Work {
        steps,
        left: desk.left.into_iter().map(left_open).collect(),
        findings: count(open.len()),
    }
}

/// The matcher's word for an update that it cannot name.
fn is_nameless(update: &str) -> bool {
    update.is_empty() || update == "KB0"
}

fn why_not(state: FindingState) -> WhyLeft {
    match state {
        FindingState::NoFixYet => WhyLeft::NoFixYet,
        FindingState::WontFix => WhyLeft::WontFix,
        FindingState::EndOfLife => WhyLeft::EndOfLife,
        _ => WhyLeft::Undecided,
    }
}

fn count(length: usize) -> u64 {
    u64::try_from(length).unwrap_or(u64::MAX)
}

/// A machine while its plan is made.
struct Desk<'a> {
    needs: &'a MachineNeeds,
    rules: &'a PlanRules,
    left: BTreeMap<WhyLeft, Vec<Open<'a>>>,
}

/// An update, by all that the findings about it say.
#[derive(Default)]
struct Update<'a> {
    title: &'a str,
    version: &'a str,
    kb: Option<KbId>,
    restart: Option<Restart>,
    prerequisites: BTreeSet<&'a str>,
    supersedes: BTreeSet<&'a str>,
    downloads: BTreeSet<&'a str>,
    files: BTreeSet<RemedyFile>,
    /// Whether some finding asks for it by name.
    is_asked: bool,
}

impl<'a> Desk<'a> {
    fn leave(&mut self, why: WhyLeft, finding: Open<'a>) {
        self.left.entry(why).or_default().push(finding);
    }

    /// Whether the plan is to close a finding.
    fn is_asked(&self, finding: &Open<'_>) -> bool {
        let rules = self.rules;
        let is_late = !rules.overdue || finding.is_overdue();
        is_late
            && !finding.is_excepted()
            && is_asked(
                (finding.finding, finding.decision),
                &rules.only,
                rules.severity,
            )
    }

    fn is_limited(&self) -> bool {
        let rules = self.rules;
        !rules.only.is_empty() || rules.severity.is_some() || rules.overdue
    }

    /// The updates that have names, each behind what it needs; the last says how the stage ends.
    fn updates(&mut self, findings: &[Open<'a>]) -> Vec<PlanStep> {
        let updates = updates(findings);
        let place: BTreeMap<&str, usize> = updates.keys().copied().zip(0..).collect();
        let closing: Vec<BTreeSet<usize>> = findings
            .iter()
            .map(|finding| closed_by(finding, &updates, &place))
            .collect();
        let mut choices: Vec<Choice> = updates
            .values()
            .map(|update| choice(update, &place))
            .collect();
        for (row, (finding, closing)) in findings.iter().zip(&closing).enumerate() {
            if self.is_asked(finding) {
                for at in closing {
                    if let Some(choice) = choices.get_mut(*at) {
                        choice.closes.insert(row);
                    }
                }
            }
        }
        let set = cover::cover(&choices);
        let mut closed = BTreeMap::<usize, Vec<Open<'_>>>::new();
        for (finding, closing) in findings.iter().zip(&closing) {
            let own = update_of(finding).and_then(|name| place.get(name));
            let own = own.filter(|at| set.contains(at));
            let other = || closing.iter().find(|at| set.contains(at));
            match own.or_else(other) {
                Some(at) => closed.entry(*at).or_default().push(*finding),
                None => self.leave_unasked(&[*finding]),
            }
        }
        let names: Vec<(&str, &Update<'_>)> =
            updates.iter().map(|(name, one)| (*name, one)).collect();
        let mut steps = Vec::new();
        for stage in cover::stages(&choices, &set) {
            for at in &stage {
                let Some((name, update)) = names.get(*at) else {
                    continue;
                };
                let findings = closed.remove(at).unwrap_or_default();
                steps.push(install(name, update, &findings));
            }
            if let Some(step) = steps.last_mut() {
                step.reboot = cover::reboot_after(&choices, &stage);
            }
        }
        steps
    }

    /// Products to bring to a fixed version: those of the package manager in one step. `last` becomes what the
    /// machine's last step ends with.
    fn products(
        &mut self,
        products: &BTreeMap<&'a str, Vec<Open<'a>>>,
        last: &mut RebootAfter,
    ) -> Vec<PlanStep> {
        let mut steps = Vec::new();
        let mut packages = BTreeSet::new();
        let mut together = Vec::new();
        let mut fixes = BTreeSet::new();
        let mut versions = Vec::new();
        for (product, findings) in products {
            if !findings.iter().any(|finding| self.is_asked(finding)) {
                self.leave_unasked(findings);
                continue;
            }
            let version = highest(findings);
            match self.way(findings) {
                Way::Packages(names) => {
                    packages.extend(names);
                    together.extend(findings.iter().copied());
                    fixes.insert(fix_of(product, version));
                    versions.push((*product, version));
                }
                Way::ByHand(note) => {
                    *last = (*last).max(RebootAfter::IfAsked);
                    steps.push(by_hand(product, version, note, findings));
                }
                Way::None(why) => self.leave_all(why, findings),
            }
        }
        if let Some(tool) = self.needs.tool.filter(|_| !packages.is_empty()) {
            let is_kernel = packages.iter().any(|name| is_kernel(name));
            let reboot = if is_kernel {
                RebootAfter::Yes
            } else {
                RebootAfter::IfAsked
            };
            *last = (*last).max(reboot);
            steps.push(upgrade(
                tool,
                packages,
                (fixes, versions.as_slice()),
                &together,
            ));
        }
        steps
    }

    /// What the plan was limited to others for, or what somebody was allowed to leave.
    fn leave_unasked(&mut self, findings: &[Open<'a>]) {
        for finding in findings {
            let why = if finding.is_excepted() {
                WhyLeft::Excepted
            } else {
                WhyLeft::NotAsked
            };
            self.leave(why, *finding);
        }
    }

    fn leave_all(&mut self, why: WhyLeft, findings: &[Open<'a>]) {
        for finding in findings {
            self.leave(why, *finding);
        }
    }

    /// How a product is brought to a fixed version there.
    fn way(&self, findings: &[Open<'_>]) -> Way {
        let names: BTreeSet<&String> = findings.iter().flat_map(|one| &one.packages).collect();
        let belied = |one: &Open<'_>| one.state == FindingState::Inconsistent;
        if findings.iter().any(belied) {
            return Way::ByHand("install again, as its files are not those of its version:");
        }
        let tool = self.needs.tool.filter(|tool| tool.upgrade().is_some());
        let Some(tool) = tool.filter(|_| !names.is_empty()) else {
            return match highest(findings) {
                "" => Way::None(WhyLeft::NoUpdateStated),
                _ => Way::ByHand("upgrade"),
            };
        };
        if !names.iter().all(|name| tool.is_package_name(name)) {
            return Way::None(WhyLeft::UnsafeName);
        }
        let is_build = |name: &&&String| tool == Tool::Apt && is_kernel_build(name);
        let has_build = names.iter().any(|name| is_build(&name));
        let mut names: BTreeSet<String> = names
            .iter()
            .filter(|name| !is_build(name))
            .map(|name| (*name).clone())
            .collect();
        if has_build && self.needs.kernels.is_empty() {
            return Way::ByHand(
                "install a newer kernel, as no package that brings the newest is there:",
            );
        }
        if has_build {
            names.extend(self.needs.kernels.iter().cloned());
        }
        if names.iter().any(|name| self.needs.held.contains(name)) {
            return Way::None(WhyLeft::Held);
        }
        Way::Packages(names)
    }

    /// The restart that a machine waits for.
    fn restart(&mut self, findings: &[Open<'a>]) -> Option<PlanStep> {
        let is_asked = if self.is_limited() {
            findings.iter().any(|finding| self.is_asked(finding))
        } else {
            let is_left = !findings.is_empty() && findings.iter().all(Open::is_excepted);
            self.needs.waits && !is_left
        };
        if !is_asked {
            self.leave_unasked(findings);
            return None;
        }
        let step = PlanStep {
            fixes: vec![Need::Restart.fix_id("")],
            what: "restart".to_owned(),
            reboot: RebootAfter::Yes,
            command: match self.needs.tool {
                Some(Tool::WindowsUpdate) => "shutdown /r /t 60".to_owned(),
                _ => "shutdown -r +1".to_owned(),
            },
            ..closing(StepKind::Restart, findings)
        };
        Some(step)
    }
}

/// How a product is brought to a fixed version.
enum Way {
    Packages(BTreeSet<String>),
    /// By what no command here does; with the words that begin the line.
    ByHand(&'static str),
    None(WhyLeft),
}

fn update_of(finding: &Finding) -> Option<&str> {
    Some(finding.remedy.as_ref()?.update.as_str())
}

/// The updates that findings ask for, and those that these need, by name.
fn updates<'a>(findings: &[Open<'a>]) -> BTreeMap<&'a str, Update<'a>> {
    let mut updates = BTreeMap::<&str, Update<'_>>::new();
    for finding in findings.iter().map(|one| one.finding) {
        let Some(remedy) = &finding.remedy else {
            continue;
        };
        let update = updates.entry(&remedy.update).or_default();
        update.files.extend(finding.remedy_file());
        update.is_asked = true;
        // Where statements differ: any, but always the same.
        update.title = update.title.max(&remedy.title);
        update.version = update
            .version
            .max(remedy.build.as_deref().unwrap_or_default());
        update.kb = update.kb.max(remedy.kb);
        update.restart = update.restart.max(remedy.restart);
        let prerequisites = remedy.prerequisites.iter().map(String::as_str);
        update
            .prerequisites
            .extend(prerequisites.filter(|name| *name != remedy.update));
        let supersedes = remedy.supersedes.iter().map(String::as_str);
        update.supersedes.extend(supersedes);
        update.downloads.extend(remedy.download.as_deref());
    }
    let needed = updates.values().flat_map(|one| one.prerequisites.clone());
    for name in needed.collect::<BTreeSet<_>>() {
        let update = updates.entry(name).or_default();
        update.kb = update.kb.or_else(|| KbId::find(name));
    }
    updates
}

/// The updates that close a finding: its own, and those that replace that or the one that the bulletin is.
fn closed_by(
    finding: &Open<'_>,
    updates: &BTreeMap<&str, Update<'_>>,
    place: &BTreeMap<&str, usize>,
) -> BTreeSet<usize> {
    let own = update_of(finding).unwrap_or_default();
    let bulletin = finding.bulletin.as_str();
    let replaces = |update: &Update<'_>| {
        [own, bulletin]
            .iter()
            .any(|name| update.supersedes.contains(name))
    };
    let fits = updates
        .iter()
        .filter(|(name, update)| **name == own || replaces(update));
    fits.filter_map(|(name, _)| place.get(name).copied())
        .collect()
}

fn choice(update: &Update<'_>, place: &BTreeMap<&str, usize>) -> Choice {
    let needs = update.prerequisites.iter();
    Choice {
        closes: BTreeSet::new(),
        needs: needs.filter_map(|name| place.get(name).copied()).collect(),
        reboot: match update.restart {
            Some(Restart::No) => RebootAfter::No,
            // Who says nothing may ask for one.
            Some(Restart::Maybe) | None => RebootAfter::IfAsked,
            Some(Restart::Yes) => RebootAfter::Yes,
        },
        rank: match kind(update) {
            StepKind::ServicingStack => 0,
            StepKind::Prerequisite => 1,
            _ => 2,
        },
    }
}

fn kind(update: &Update<'_>) -> StepKind {
    if update.title.to_lowercase().contains("servicing stack") {
        StepKind::ServicingStack
    } else if !update.is_asked {
        StepKind::Prerequisite
    } else if update.kb.is_none() {
        StepKind::Upgrade
    } else {
        StepKind::Update
    }
}

fn install(name: &str, update: &Update<'_>, findings: &[Open<'_>]) -> PlanStep {
    let belied = |one: &Open<'_>| one.state == FindingState::Inconsistent;
    let again = if findings.iter().any(belied) {
        " again, as its files are not there"
    } else {
        ""
    };
    let title = match without_name(update.title, name) {
        "" => String::new(),
        title => format!(": {title}"),
    };
    let own = |set: &BTreeSet<&str>| set.iter().map(|text| (*text).to_owned()).collect();
    PlanStep {
        fixes: vec![Need::Install { update: name }.fix_id("")],
        what: format!("install {name}{again}{title}"),
        version: update.version.to_owned(),
        kb: update.kb,
        prerequisites: own(&update.prerequisites),
        downloads: own(&update.downloads),
        files: update.files.clone(),
        ..closing(kind(update), findings)
    }
}

fn highest<'a>(findings: &[Open<'a>]) -> &'a str {
    let findings: Vec<&Finding> = findings.iter().map(|one| one.finding).collect();
    highest_fixed(&findings)
}

fn fix_of(product: &str, version: &str) -> FixId {
    let need = Need::Upgrade {
        product,
        for_subscribers: false,
    };
    need.fix_id(version)
}

fn by_hand(product: &str, version: &str, note: &str, findings: &[Open<'_>]) -> PlanStep {
    PlanStep {
        fixes: vec![fix_of(product, version)],
        what: format!("{note} {product}"),
        version: version.to_owned(),
        ..closing(StepKind::Upgrade, findings)
    }
}

fn upgrade(
    tool: Tool,
    packages: BTreeSet<String>,
    (fixes, versions): (BTreeSet<FixId>, &[(&str, &str)]),
    findings: &[Open<'_>],
) -> PlanStep {
    let shown: Vec<&str> = packages.iter().take(NAMED).map(String::as_str).collect();
    let more = match packages.len().saturating_sub(NAMED) {
        0 => String::new(),
        more => format!(" and {more} more"),
    };
    // Each of them is a package's name, which a shell does not act on; the quotes say so.
    let quoted: Vec<String> = packages.iter().map(|name| format!("'{name}'")).collect();
    let verb = tool.upgrade().unwrap_or_default();
    PlanStep {
        fixes: fixes.into_iter().collect(),
        what: format!("upgrade {}{more}", shown.join(", ")),
        version: match versions {
            [(_, version)] => (*version).to_owned(),
            several => {
                let named = several.iter();
                let named = named.filter(|(_, version)| !version.is_empty());
                let named = named.map(|(product, version)| format!("{product} {version}"));
                named.collect::<Vec<_>>().join("; ")
            }
        },
        command: match tool {
            Tool::Pacman => verb.to_owned(),
            _ => format!("{verb} {}", quoted.join(" ")),
        },
        packages: packages.into_iter().collect(),
        ..closing(StepKind::Packages, findings)
    }
}

/// A step that says what it closes, and nothing else yet.
fn closing(kind: StepKind, findings: &[Open<'_>]) -> PlanStep {
    let (cves, kev) = flaws(findings);
    PlanStep {
        kind,
        fixes: Vec::new(),
        what: String::new(),
        version: String::new(),
        kb: None,
        packages: Vec::new(),
        reboot: RebootAfter::No,
        closes: count(findings.len()),
        cves,
        kev,
        urgency: urgency(findings),
        late: late(findings),
        prerequisites: Vec::new(),
        downloads: Vec::new(),
        files: BTreeSet::new(),
        command: String::new(),
    }
}

fn left_open((why, findings): (WhyLeft, Vec<Open<'_>>)) -> LeftOpen {
    let products: BTreeSet<&String> = findings.iter().map(|one| &one.product).collect();
    let (cves, kev) = flaws(&findings);
    LeftOpen {
        why,
        findings: count(findings.len()),
        products: products.into_iter().cloned().collect(),
        cves,
        kev,
        urgency: urgency(&findings),
        late: late(&findings),
    }
}

/// What is overdue, by who sees to it.
fn late(findings: &[Open<'_>]) -> Vec<Late> {
    let mut owners = BTreeMap::<Option<&str>, Vec<Open<'_>>>::new();
    for finding in findings.iter().filter(|one| one.is_overdue()) {
        let owner = finding.decision.and_then(Decision::owner);
        owners.entry(owner).or_default().push(*finding);
    }
    let late = owners.into_iter().map(|(owner, findings)| Late {
        owner: owner.map(str::to_owned),
        severity: findings.iter().filter_map(Open::severity).max(),
        due: findings.iter().filter_map(Open::due).min(),
        findings: count(findings.len()),
    });
    late.collect()
}

fn urgency(findings: &[Open<'_>]) -> Urgency {
    let late = findings.iter().filter(|one| one.is_overdue());
    let counted = findings.iter().filter(|one| !one.is_excepted());
    Urgency {
        severity: findings.iter().filter_map(Open::severity).max(),
        due: counted.filter_map(Open::due).min(),
        overdue: count(late.count()),
    }
}

fn flaws(findings: &[Open<'_>]) -> (Vec<String>, Vec<String>) {
    let sorted = |of: fn(&Finding) -> &[String]| {
        let all: BTreeSet<&String> = findings.iter().flat_map(|one| of(one.finding)).collect();
        all.into_iter().cloned().collect()
    };
    (sorted(|one| &one.cves), sorted(|one| &one.kev))
}

/// A kernel runs until the machine is restarted.
pub(in crate::classify) fn is_kernel(name: &str) -> bool {
    const KERNELS: &[&str] = &["linux-image", "linux-lts", "linux-virt", "kernel"];
    name == "linux" || KERNELS.iter().any(|start| name.starts_with(start))
}
