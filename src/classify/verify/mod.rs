//! What became of an open finding, told from the machine as it was met again. Pure.
//!
//! Nothing is called fixed that nobody looked at: a finding that is not shown any more is closed only where the
//! question that showed it was answered, by the machine that had it, and judged by a catalogue that would still
//! hold it against what was read then.

use crate::identify;
use crate::model::{
    ComponentKind, Evidence, Finding, FindingState, Gap, Inventory, MachineRecord, Observed,
    PackageState, ResultCode, Verdict, VerifiedState, WindowsFacts,
};

/// How a machine of the earlier run was met again.
#[derive(Debug)]
pub enum Now<'a> {
    /// It was read. Its findings are those of now, the closed ones among them.
    Read(&'a MachineRecord),
    /// Somebody answers at its address, and was not read.
    Unread(ResultCode, String),
    /// Another machine, of this name or id, answers at its address.
    Other(String),
    /// Nobody answers.
    Silent,
    /// Nobody looked, and why.
    NotVisited(String),
}

/// What the catalogue that judges makes of what the earlier run read.
#[derive(Clone, Copy, Debug)]
pub enum Catalog<'a> {
    /// It is the one that judged it then.
    Same,
    /// It is another: these are its verdicts on what was read then, and those that were made then.
    Other {
        /// By the present catalogue.
        now: &'a [Finding],
        /// By the catalogue of then.
        then: &'a [Finding],
    },
}

/// Whether a finding is verified: an open one that somebody can close, or with `all` any that is not closed.
/// What is seen from outside never is: no login asks for it.
pub fn is_to_be_verified(finding: &Finding, all: bool) -> bool {
    let state = finding.state;
    let is_usual = state.counts_as_missing() || state == FindingState::PendingReboot;
    !state.is_closed() && (is_usual || all) && !identify::is_exposure(finding)
}

/// What a finding of an earlier run is by now.
pub fn verified(was: &Finding, now: &Now<'_>, catalog: Catalog<'_>) -> Verdict {
    match now {
        Now::Read(machine) => match &machine.inventory {
            Some(inventory) => Met {
                was,
                machine,
                inventory,
            }
            .verdict(catalog),
            None => unreachable("the machine was not read".to_owned()),
        },
        Now::Unread(code, detail) => {
            let parts = [code.as_str(), detail, code.fix_hint()];
            let parts = parts.iter().filter(|part| !part.is_empty());
            unreachable(parts.copied().collect::<Vec<_>>().join("; "))
        }
        Now::Other(name) => unreachable(format!(
            "another machine answers at its address: {name}; it is looked for by a scan of the subnet"
        )),
        Now::Silent => {
            unreachable("filtered; nobody answers at its addresses: is it switched on?".to_owned())
        }
        Now::NotVisited(why) => unreachable(format!("not visited: {why}")),
    }
}

fn unreachable(detail: String) -> Verdict {
    Verdict {
        state: VerifiedState::Unreachable,
        installed: String::new(),
        fixed: None,
        detail,
        evidence: None,
    }
}

/// A finding, and its machine as it was read now.
struct Met<'a> {
    was: &'a Finding,
    machine: &'a MachineRecord,
    inventory: &'a Inventory,
}

impl Met<'_> {
    fn verdict(&self, catalog: Catalog<'_>) -> Verdict {
        let was = self.was;
        let is_same = |one: &&Finding| one.product == was.product && one.bulletin == was.bulletin;
        let findings = self.machine.findings.iter();
        let mut same: Vec<&Finding> = findings.clone().filter(is_same).collect();
        // Open before closed.
        same.sort_by_key(|one| one.state.is_closed());
        let same = same.first().copied();
        if let Some(open) = same.filter(|one| !one.state.is_closed()) {
            return told(open, undecided(open));
        }
        if let Some(verdict) = self.by_other_catalog(catalog) {
            return verdict;
        }
        if let Some(closed) = same {
            return told(closed, String::new());
        }
        if let Some(gap) = left_open(self.inventory, &was.evidence.question) {
            let detail = format!("{}: {}", gap.question, gap.cause.as_str());
            return self.own(FindingState::Unknown, detail);
        }
        if let Some(row) = findings.clone().find(|one| self.stands_for(one)) {
            let detail = format!("now told under {}", row.bulletin);
            let more = undecided(row);
            let more = Some(more).filter(|more| !more.is_empty());
            let parts: Vec<String> = [detail].into_iter().chain(more).collect();
            return told(row, parts.join("; "));
        }
        self.gone()
    }

    /// What another catalogue makes of it: whether it holds it against what was read then.
    fn by_other_catalog(&self, catalog: Catalog<'_>) -> Option<Verdict> {
        let Catalog::Other { now, then } = catalog else {
            return None;
        };
        let was = self.was;
        let is_same = |one: &Finding| one.product == was.product && one.bulletin == was.bulletin;
        if now.iter().any(|one| is_same(one) && !one.state.is_closed()) {
            return None;
        }
        let is_known = |row: &Finding| then.iter().any(|one| one.bulletin == row.bulletin);
        let blind = now
            .iter()
            .find(|one| one.leaves_machine_unjudged() && !is_known(one));
        Some(match blind {
            Some(row) => self.own(
                FindingState::Unknown,
                format!("the present catalogue cannot judge it: {}", row.title),
            ),
            // Nobody has fixed it for that: publishers take things back, and catalogues are imported by half.
            None => self.own(
                FindingState::Unverified,
                "withdrawn: the present catalogue does not hold it against what was read then, so that it cannot tell \
                 whether it is fixed"
                    .to_owned(),
            ),
        })
    }

    /// Whether a row tells of the same flaws under another name: they are not gone. So does one that says that the
    /// machine, or this product of it, could not be judged.
    fn stands_for(&self, row: &Finding) -> bool {
        let was = self.was;
        if row.state.is_closed() {
            return false;
        }
        let is_about = row.product == was.product || row.product == self.inventory.platform.id;
        let is_blind = row.leaves_machine_unjudged() && row.evidence.question != "catalogue";
        let shares =
            row.product == was.product && row.cves.iter().any(|cve| was.cves.contains(cve));
        shares || (is_about && is_blind)
    }

    /// It was asked for, and is not shown in any way.
    fn gone(&self) -> Verdict {
        let was = self.was;
        let bulletin = was.bulletin.as_str();
        let is_of_machine =
            bulletin.starts_with("restart:") || bulletin.starts_with("end-of-life:");
        let mut findings = self.machine.findings.iter();
        if was.state.counts_as_unknown() {
            return self.own(
                FindingState::NotApplicable,
                "what was open is answered".to_owned(),
            );
        }
        if is_of_machine || findings.any(|one| one.product == was.product) {
            let detail = "was asked for again, and is not there any more".to_owned();
            return self.own(FindingState::Fixed, detail);
        }
        let detail = format!("{} is not there any more", was.product);
        self.own(FindingState::NotApplicable, detail)
    }

    /// A verdict that no rule of the catalogue gave.
    fn own(&self, state: FindingState, detail: String) -> Verdict {
        let installed = self.versions();
        let evidence = Evidence {
            observed: installed.clone(),
            question: self.was.evidence.question.clone(),
            rule: detail.clone(),
            record: self.was.evidence.record.clone(),
            witnesses: Vec::new(),
        };
        Verdict {
            state: VerifiedState::Judged(state),
            installed,
            fixed: self.was.fixed.clone(),
            detail,
            evidence: Some(evidence),
        }
    }

    /// The versions that its packages have now.
    fn versions(&self) -> String {
        /// Packages of one source have one version, as a rule.
        const SHOWN: usize = 5;
        let packages = self.inventory.packages.known().into_iter().flatten();
        let own = packages.filter(|one| {
            one.state != PackageState::ConfigFiles && self.was.packages.contains(&one.name)
        });
        let mut versions: Vec<&str> = own.map(|one| one.version.as_str()).collect();
        versions.sort_unstable();
        versions.dedup();
        versions.truncate(SHOWN);
        versions.join("; ")
    }
}

fn told(finding: &Finding, detail: String) -> Verdict {
    Verdict {
        state: VerifiedState::Judged(finding.state),
        installed: finding.installed.clone(),
        fixed: finding.fixed.clone(),
        detail,
        evidence: Some(finding.evidence.clone()),
    }
}

/// The question that would settle it; empty for what is decided.
fn undecided(finding: &Finding) -> String {
    if !finding.state.counts_as_unknown() {
        return String::new();
    }
    format!("{}: {}", finding.evidence.question, finding.evidence.rule)
}

/// Why what a verdict's evidence was read from is not known by now; `None` where it is.
fn left_open<'a>(inventory: &'a Inventory, question: &str) -> Option<&'a Gap> {
    let named = inventory.gaps.iter().find(|gap| gap.question == question);
    let windows = inventory.windows.as_deref();
    let fact = match question {
        "dpkg-packages" | "rpm-packages" | "apk-packages" | "pacman-packages" | "pkg-packages"
        | "packages" => inventory.packages.gap(),
        "stale" => inventory.unix.as_deref().and_then(|unix| unix.stale.gap()),
        _ => windows.and_then(|windows| of_windows(windows, question)),
    };
    named.or(fact)
}

fn of_windows<'a>(windows: &'a WindowsFacts, question: &str) -> Option<&'a Gap> {
    let kind = match question {
        "current-version" | "hotfixes" | "qfe" | "cbs-packages" => return windows.hotfixes.gap(),
        "files" => return windows.files.gap(),
        "programs" => return windows.programs.gap(),
        "dotnet" => ComponentKind::DotNetFramework,
        "dotnet-runtimes" => ComponentKind::DotNetRuntime,
        "office-c2r" => ComponentKind::OfficeClickToRun,
        "office-files" | "msi-patches" => ComponentKind::OfficeMsi,
        "sql" => ComponentKind::SqlServer,
        "exchange" => ComponentKind::Exchange,
        "edge" => ComponentKind::Edge,
        "defender" => ComponentKind::Defender,
        _ => return None,
    };
    windows.components.get(&kind).and_then(Observed::gap)
}

#[cfg(test)]
mod tests;
