//! Which bulletins concern a host.
//!
//! Pure: the same inventory, slice of the catalogue, lifecycle and day give the same findings. The
//! rules are those of the publishers' own tools, whose answers ours are compared with.
//!
//! What packages alone cannot decide is one row per product and reason, however many flaws it is
//! about. A host that could not be judged never looks clean: it gets one row that says which question is
//! open. So does a release whose support has ended.

mod explain;
mod knowledge;
mod known;
mod packages;
pub mod windows;

pub use explain::{
    Asked, Explanation, FixRecord, FlawRecord, OnHost, PackageRecord, Reason, Step, UpdateRecord,
    explain,
};
pub use knowledge::Knowledge;
pub use known::{Known, Wanted};
pub use packages::{Access, Pocket};

use crate::model::{
    BulletinId, Confidence, Date, Evidence, Finding, FindingState, Inventory, Lifecycle, Platform,
};

/// What is open or undecided on a host, sorted by product and bulletin.
///
/// Where the catalogue knows nothing of its system the host gets an `unknown` row.
pub fn findings(inventory: &Inventory, known: &Known<'_>, today: Date) -> Vec<Finding> {
    let mut findings = all_of(inventory, known, today, Which::Open);
    findings.retain(|finding| !finding.state.is_closed());
    findings
}

/// As [`findings`], with the ends of support that are still to come: what is remembered of a host.
pub fn remembered(inventory: &Inventory, known: &Known<'_>, today: Date) -> Vec<Finding> {
    let mut findings = all_of(inventory, known, today, Which::Open);
    findings.retain(Finding::is_kept);
    findings
}

/// As [`findings`], with what is closed (fixed, not applicable) as well.
pub fn findings_with_closed(inventory: &Inventory, known: &Known<'_>, today: Date) -> Vec<Finding> {
    all_of(inventory, known, today, Which::All)
}

/// The product and version whose lifecycle dates concern a system: those of the release whose
/// packages it installs. LMDE 6 is supported for as long as Debian 12 is. A Windows has those of its build
/// and edition.
pub fn lifecycle_of(platform: &Platform) -> Option<(String, String)> {
    if let Some(release) = &platform.windows {
        let (product, version) = windows::release_of(release)?;
        return Some((product.to_owned(), version));
    }
    // A derivative has the dates of what it derives from.
    let base = platform.ecosystem.as_deref().and_then(|ecosystem| {
        let mut parts = ecosystem.split(':');
        let name = parts
            .next()
            .filter(|name| matches!(*name, "Debian" | "Ubuntu"))?;
        Some((name.to_ascii_lowercase(), parts.next()?.to_owned()))
    });
    base.or_else(|| {
        let version = platform.version.clone()?;
        let is_stream = platform.id == "centos" && platform.ecosystem.is_none();
        Some(match platform.id.as_str() {
            "centos" if is_stream => ("centos-stream".to_owned(), version),
            // The first release of a SUSE has no service pack, and is the 0 of those that have.
            id if id.starts_with("sle") && !version.contains('.') => {
                (id.to_owned(), format!("{version}.0"))
            }
            id => (id.to_owned(), version),
        })
    })
}

/// Whether closed matters are wanted too; most bulletins of a package are closed.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Which {
    Open,
    All,
}

fn all_of(inventory: &Inventory, known: &Known<'_>, today: Date, which: Which) -> Vec<Finding> {
    let mut findings = Vec::new();
    let lifecycle = known.lifecycle;
    findings.extend(lifecycle.and_then(|dates| end_of_life(&inventory.platform, dates, today)));
    if let (Some(facts), Some(release)) = (&inventory.windows, &inventory.platform.windows) {
        findings.extend(windows::judge(&windows::Case {
            inventory,
            facts,
            release,
            known,
            today,
            which,
        }));
    } else {
        findings.extend(packages::judge(inventory, &known.pockets, which));
    }
    findings.sort_by(|a, b| (&a.product, &a.bulletin).cmp(&(&b.product, &b.bulletin)));
    findings
}

/// The one row of a machine that could not be judged.
fn unknown(platform: &Platform, question: &str, why: &str) -> Box<Finding> {
    let evidence = Evidence {
        observed: platform.name.clone(),
        question: question.to_owned(),
        rule: why.to_owned(),
        record: String::new(),
        witnesses: Vec::new(),
    };
    let bulletin = BulletinId::unjudged(question);
    let title = format!("Not judged: {why}");
    let state = FindingState::Unknown;
    Box::new(about_machine(platform, bulletin, title, state, evidence))
}

/// The question that is open where judging met a defect of ours.
const DEFECT: &str = "match";

/// The row of a machine whose judging ended in a defect of this program.
pub fn defect(platform: &Platform) -> Finding {
    let why = "a defect of this program ended the judging (stage match); what was read is kept, and is judged again by \
               underdesk match RUN; please report it";
    *unknown(platform, DEFECT, why)
}

/// Whether judging ended in a defect of this program.
pub fn is_defect(findings: &[Finding]) -> bool {
    findings
        .iter()
        .any(|finding| finding.leaves_machine_unjudged() && finding.evidence.question == DEFECT)
}

/// The row of a machine that was judged by a handful of bulletins.
fn sample(platform: &Platform, of: &str) -> Box<Finding> {
    let why =
        format!("the built-in catalogue holds only a few bulletins about {of}; import its feed");
    unknown(platform, "catalogue", &why)
}

/// The row of a release that gets no security updates any more without paying.
fn end_of_life(platform: &Platform, dates: &Lifecycle, today: Date) -> Option<Finding> {
    let end = dates.end_of_life.filter(|end| *end < today)?;
    let release = format!("{} {}", dates.product, dates.version);
    // `windows 5-sp3` is nothing to show people.
    let (shown, question) = match &platform.windows {
        Some(_) => (platform.name.clone(), "current-version"),
        None => (release.clone(), "os-release"),
    };
    let extended = match dates.end_of_extended {
        Some(extended) if extended >= today => {
            format!("; extended support for subscribers ends {extended}")
        }
        _ => String::new(),
    };
    let evidence = Evidence {
        observed: platform.name.clone(),
        question: question.to_owned(),
        rule: format!("support ended {end}, before {today}{extended}"),
        record: format!("lifecycle {release}"),
        witnesses: Vec::new(),
    };
    let bulletin = BulletinId::end_of_life(&dates.product, &dates.version);
    let title = format!("{shown} has had no security updates since {end}");
    let state = FindingState::EndOfLife;
    Some(about_machine(platform, bulletin, title, state, evidence))
}

fn about_machine(
    platform: &Platform,
    bulletin: BulletinId,
    title: String,
    state: FindingState,
    evidence: Evidence,
) -> Finding {
    Finding {
        bulletin,
        title,
        product: platform.id.clone(),
        packages: Vec::new(),
        installed: platform.version.clone().unwrap_or_default(),
        fixed: None,
        state,
        confidence: Confidence::High,
        severity: None,
        cvss_tenths: None,
        impacts: Vec::new(),
        cwes: Vec::new(),
        cves: Vec::new(),
        kev: Vec::new(),
        kev_checked: false,
        kev_due: None,
        support_ends: None,
        epss: None,
        remedy: None,
        evidence,
    }
}

#[cfg(test)]
pub(crate) mod tests;
