//! Which bulletins concern a host.
//!
//! Pure: the same inventory, slice of the catalogue, lifecycle and day give the same findings. The
//! rules are those of Debian's own tracker and debsecan, whose answers ours are compared with:
//! by source package and release, in dpkg's order, and the kernel by what runs.
//!
//! What packages alone cannot decide is one row per product and reason, however many flaws it is
//! about. A host that could not be judged never looks clean: it gets one row that says which question is
//! open. So does a release whose support has ended.

mod doubt;
mod explain;
mod kernel;
mod knowledge;
mod known;
mod origin;
mod packages;
mod verdict;
pub mod windows;

pub use explain::{
    Asked, Explanation, FixRecord, FlawRecord, OnHost, PackageRecord, Reason, Step, UpdateRecord,
    explain,
};
pub use knowledge::Knowledge;
pub use known::{Known, Wanted};

use crate::catalog::Slice;
use crate::model::{
    BulletinId, Confidence, Date, Evidence, Finding, FindingState, Inventory, Lifecycle, Package,
    PackageState, Platform,
};
use packages::Subject;
use std::collections::BTreeMap;

/// What is open or undecided on a host, sorted by product and bulletin.
///
/// Where the catalogue knows nothing of its system the host gets an `unknown` row.
pub fn findings(inventory: &Inventory, known: &Known<'_>, today: Date) -> Vec<Finding> {
    let mut findings = all_of(inventory, known, today, Which::Open);
    findings.retain(|finding| !finding.state.is_closed());
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
    let base = platform.ecosystem.as_deref().and_then(|ecosystem| {
        let mut parts = ecosystem.split(':');
        Some((parts.next()?.to_ascii_lowercase(), parts.next()?.to_owned()))
    });
    base.or_else(|| Some((platform.id.clone(), platform.version.clone()?)))
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
        findings.extend(of_packages(inventory, known, which));
    }
    findings.sort_by(|a, b| (&a.product, &a.bulletin).cmp(&(&b.product, &b.bulletin)));
    findings
}

/// The verdicts on a system of packages.
fn of_packages(inventory: &Inventory, known: &Known<'_>, which: Which) -> Vec<Finding> {
    let (packages, slice) = match readable(inventory, known.slice.as_deref()) {
        Ok(readable) => readable,
        Err(row) => return vec![*row],
    };
    let context = Context {
        inventory,
        slice,
        which,
    };
    let (kernels, sources) = subjects(packages, &inventory.platform);
    let mut rows = Vec::new();
    for subject in &sources {
        packages::judge(&context, subject, &mut rows);
    }
    kernel::judge(&context, &kernels, packages, &mut rows);
    let mut findings = doubt::gathered(rows);
    if slice.is_sample() {
        findings.push(*sample(&inventory.platform, slice.ecosystem()));
    }
    findings
}

/// What every rule looks at.
struct Context<'a> {
    inventory: &'a Inventory,
    slice: &'a Slice,
    which: Which,
}

/// The packages and the slice to judge them by, or the row that says why there is no judging.
fn readable<'a>(
    inventory: &'a Inventory,
    slice: Option<&'a Slice>,
) -> Result<(&'a [Package], &'a Slice), Box<Finding>> {
    let platform = &inventory.platform;
    let packages = match &inventory.packages {
        crate::model::Observed::Known(packages) if !packages.is_empty() => packages,
        crate::model::Observed::Known(_) => {
            let why = "the package list is empty, which no installed system's is";
            return Err(unknown(platform, "packages", why));
        }
        crate::model::Observed::Unknown(gap) => {
            let why = format!("no answer to {}: {}", gap.question, gap.cause.as_str());
            return Err(unknown(platform, &gap.question, &why));
        }
    };
    let Some(ecosystem) = &platform.ecosystem else {
        let why = "no catalogue speaks of this system or release";
        return Err(unknown(platform, "os-release", why));
    };
    let Some(slice) = slice else {
        let why = format!("the catalogue holds nothing about {ecosystem}; import its feed");
        return Err(unknown(platform, "catalogue", &why));
    };
    Ok((packages, slice))
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
    let bulletin = BulletinId::new(format!("end-of-life:{}:{}", dates.product, dates.version));
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
        cves: Vec::new(),
        kev: Vec::new(),
        kev_checked: false,
        kev_due: None,
        epss: None,
        remedy: None,
        evidence,
    }
}

/// The installed packages by the source that advisories speak of; kernels apart.
fn subjects<'a>(
    packages: &'a [Package],
    platform: &Platform,
) -> (Vec<Subject<'a>>, Vec<Subject<'a>>) {
    let mut by_source: BTreeMap<String, Vec<&Package>> = BTreeMap::new();
    for package in packages {
        // Of a removed package only configuration is left: its code cannot run.
        if package.state != PackageState::ConfigFiles {
            let source = kernel::source(&package.source.name, platform);
            by_source.entry(source).or_default().push(package);
        }
    }
    let subjects = by_source
        .into_iter()
        .map(|(source, packages)| Subject::new(source, packages));
    subjects.partition(Subject::is_kernel)
}

#[cfg(test)]
mod tests;
