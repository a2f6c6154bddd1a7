//! What packages alone cannot decide: one row per product and reason.
//!
//! Five hundred rows that all say "ask somebody else" hide the ones that say "update this". So the
//! flaws that one open question leaves undecided share a row, which lists all of their CVEs.

use super::{Access, subject::Version};
use crate::model::{BulletinId, Confidence, Evidence, Finding, FindingState, Nature};
use crate::version::Order;
use std::cmp::Ordering;
use std::collections::{BTreeMap, BTreeSet};

/// Why a version that looks vulnerable decides nothing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Doubt {
    /// The packages are from somebody else, named here, whose versions follow other rules.
    ThirdParty(String),
    /// They are of a module, and do not say of which.
    UnknownModule,
    /// What runs is not the kernel of these packages.
    NotRunning,
    /// Only headers and tools of the kernel's source are that old.
    HeadersAndTools,
}

impl Doubt {
    /// Stable: it is part of the finding's id.
    fn bulletin(&self) -> &'static str {
        match self {
            Self::ThirdParty(_) => "unverified:third-party",
            Self::UnknownModule => "unverified:unknown-module",
            Self::NotRunning => "unverified:not-running",
            Self::HeadersAndTools => "unverified:headers-and-tools",
        }
    }

    /// As the end of a title.
    fn in_short(&self) -> &'static str {
        match self {
            Self::ThirdParty(_) => "the packages are not the distribution's own",
            Self::UnknownModule => "the packages do not say of which module stream they are",
            Self::NotRunning => "the kernel of these packages is not the one that runs",
            Self::HeadersAndTools => "only headers and tools of the kernel are this old",
        }
    }

    /// As a rule.
    fn at_length(&self) -> String {
        match self {
            Self::ThirdParty(origin) => format!(
                "from {origin}, of which these advisories do not speak: compare with its own"
            ),
            Self::UnknownModule => {
                "each stream of a module has versions and advisories of its own: \
                ask the host for its enabled modules (dnf module list --enabled)"
                    .to_owned()
            }
            Self::NotRunning => "the running kernel is not from a package, and the newest \
                installed image is not it: ask whoever built it"
                .to_owned(),
            Self::HeadersAndTools => "no kernel image that runs is concerned, and the records do \
                not say which of the flaws these packages hold: read them one by one"
                .to_owned(),
        }
    }
}

/// A finding, and why it may be none.
pub(super) struct Row {
    pub(super) finding: Finding,
    /// What the host may install of what decided.
    pub(super) access: Access,
    /// Whether a repository that the host uses holds the fix, as far as that is known.
    pub(super) is_offered: bool,
    doubt: Option<Doubt>,
}

impl From<Finding> for Row {
    fn from(finding: Finding) -> Self {
        Self {
            finding,
            access: Access::Open,
            is_offered: true,
            doubt: None,
        }
    }
}

impl Row {
    /// Whether it is left undecided because the packages are from somebody else.
    pub(super) fn is_third_party(&self) -> bool {
        matches!(self.doubt, Some(Doubt::ThirdParty(_)))
    }

    /// The same, left undecided.
    pub(super) fn doubted(self, doubt: Doubt) -> Self {
        let doubt = Some(doubt);
        Self { doubt, ..self }
    }
}

/// The findings: those without a doubt as they are, the others gathered.
pub(super) fn gathered(rows: Vec<Row>) -> Vec<Finding> {
    let mut findings = Vec::new();
    let mut doubted: BTreeMap<(String, &str), (Doubt, Vec<Finding>)> = BTreeMap::new();
    for Row { finding, doubt, .. } in rows {
        let Some(doubt) = doubt else {
            findings.push(finding);
            continue;
        };
        let key = (finding.product.clone(), doubt.bulletin());
        let (_, same) = doubted.entry(key).or_insert((doubt, Vec::new()));
        same.push(finding);
    }
    findings.extend(
        doubted
            .into_iter()
            .map(|((product, _), (doubt, same))| one_row(product, &doubt, &same)),
    );
    findings
}

fn one_row(product: String, doubt: &Doubt, same: &[Finding]) -> Finding {
    let strings = |of: &dyn Fn(&Finding) -> &[String]| -> Vec<String> {
        let all: BTreeSet<&String> = same.iter().flat_map(of).collect();
        all.into_iter().cloned().collect()
    };
    let order = |a: &&str, b: &&str| by_any_order(a, b).then_with(|| a.cmp(b));
    let installed = same.iter().map(|one| one.installed.as_str());
    let fixed = same.iter().filter_map(|one| one.fixed.as_deref());
    let fixed = fixed.max_by(order);
    let impacts = same.iter().flat_map(|one| &one.impacts).map(String::as_str);
    let cwes = same.iter().flat_map(|one| &one.cwes).map(String::as_str);
    let nature = Nature::of(impacts, cwes);
    let plural = if same.len() == 1 { "" } else { "s" };
    Finding {
        bulletin: BulletinId::new(doubt.bulletin()),
        title: format!(
            "{} flaw{plural} of {product}, not decided: {}",
            same.len(),
            doubt.in_short()
        ),
        packages: strings(&|one| &one.packages),
        installed: installed.min_by(order).unwrap_or_default().to_owned(),
        fixed: fixed.map(str::to_owned),
        state: FindingState::Unverified,
        confidence: Confidence::Low,
        severity: same.iter().filter_map(|one| one.severity).max(),
        cvss_tenths: same.iter().filter_map(|one| one.cvss_tenths).max(),
        impacts: nature.impacts(),
        cwes: nature.cwes(),
        cves: strings(&|one| &one.cves),
        kev: strings(&|one| &one.kev),
        kev_checked: same.iter().all(|one| one.kev_checked),
        kev_due: same.iter().filter_map(|one| one.kev_due).min(),
        support_ends: None,
        epss: same.iter().filter_map(|one| one.epss).max(),
        remedy: None,
        evidence: evidence(doubt, same),
        product,
    }
}

/// In the order of whichever system both versions have a place in.
fn by_any_order(a: &str, b: &str) -> Ordering {
    Version::new(Order::Dpkg, a).cmp(&Version::new(Order::Dpkg, b))
}

/// How many observations and records the evidence names.
const NAMED: usize = 20;

fn evidence(doubt: &Doubt, same: &[Finding]) -> Evidence {
    let list = |of: &dyn Fn(&Evidence) -> &str| {
        let all: BTreeSet<&str> = same.iter().map(|one| of(&one.evidence)).collect();
        let mut named: Vec<&str> = all.iter().copied().take(NAMED).collect();
        let more = format!("(+{})", all.len().saturating_sub(NAMED));
        if all.len() > NAMED {
            named.push(&more);
        }
        named.join("; ")
    };
    let question = same.first().map(|one| one.evidence.question.clone());
    Evidence {
        observed: list(&|evidence| &evidence.observed),
        question: question.unwrap_or_default(),
        rule: doubt.at_length(),
        record: list(&|evidence| &evidence.record),
        witnesses: Vec::new(),
    }
}
