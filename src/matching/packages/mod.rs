//! Systems of packages: by name, release and version.
//!
//! The rules are those of the publishers' own trackers and tools: which names advisories speak of, in which
//! order versions stand, which module, repository and architecture a build is of, and of kernels only the one
//! that runs.

mod claim;
mod doubt;
mod kernel;
mod machine;
mod origin;
pub(super) mod pockets;
mod row;
mod scope;
mod settle;
mod subject;
mod verdict;

pub use pockets::{Access, Pocket};

use super::{Which, sample, unknown};
use crate::model::{Finding, Inventory, Observed, Package};
use claim::{Flaw, flaws, lists};
use doubt::Row;
use row::{Judged, row};
use subject::{Build, Subject, subjects};
use verdict::{Verdict, verdict};

#[cfg(test)]
pub(super) use kernel::is_kernel_source;
pub(super) use kernel::source;

/// The verdicts on a system of packages.
pub(super) fn judge(inventory: &Inventory, pockets: &[Pocket], which: Which) -> Vec<Finding> {
    let packages = match readable(inventory, pockets) {
        Ok(packages) => packages,
        Err(row) => return vec![*row],
    };
    let context = Context::of(inventory, pockets, which);
    let (kernels, sources) = subjects(packages, &inventory.platform);
    let mut rows = Vec::new();
    for subject in &sources {
        rows.extend(judged(&context, subject));
    }
    kernel::judge(&context, &kernels, packages, &mut rows);
    rows.extend(machine::rows(&context, packages, &rows));
    for row in &mut rows {
        machine::tell_offers(&context, row);
    }
    let mut findings = doubt::gathered(rows);
    if let Some(pocket) = pockets.iter().find(|pocket| pocket.slice.is_sample()) {
        findings.push(*sample(&inventory.platform, pocket.slice.ecosystem()));
    }
    findings
}

/// What every rule looks at.
struct Context<'a> {
    inventory: &'a Inventory,
    pockets: &'a [Pocket],
    which: Which,
    /// The question whose answer the packages are.
    question: &'static str,
    /// The kernel that runs, where its package has been replaced since.
    replaced_kernel: Option<Package>,
    /// Whether it is a rebuild that is judged by the advisories of what it was built from.
    is_rebuild: bool,
}

impl<'a> Context<'a> {
    fn of(inventory: &'a Inventory, pockets: &'a [Pocket], which: Which) -> Self {
        let platform = &inventory.platform;
        let ecosystem = platform.ecosystem.as_deref().unwrap_or_default();
        let packages = inventory.packages.known().map_or(&[][..], Vec::as_slice);
        Self {
            inventory,
            pockets,
            which,
            question: packages.first().map_or("packages", |one| question(one)),
            replaced_kernel: kernel::replaced(packages, platform),
            is_rebuild: platform.id == "centos" && ecosystem.starts_with("Red Hat:"),
        }
    }
}

/// The question that lists a package.
fn question(package: &Package) -> &'static str {
    use crate::model::PackageManager as Manager;
    match package.manager {
        Manager::Dpkg => "dpkg-packages",
        Manager::Rpm => "rpm-packages",
        Manager::Apk => "apk-packages",
        Manager::Pacman => "pacman-packages",
        Manager::Pkg => "pkg-packages",
        _ => "packages",
    }
}

/// The packages, or the row that says why there is no judging.
fn readable<'a>(
    inventory: &'a Inventory,
    pockets: &[Pocket],
) -> Result<&'a [Package], Box<Finding>> {
    let platform = &inventory.platform;
    let packages = match &inventory.packages {
        Observed::Known(packages) if !packages.is_empty() => packages,
        Observed::Known(_) => {
            let why = "the package list is empty, which no installed system's is";
            return Err(unknown(platform, "packages", why));
        }
        Observed::Unknown(gap) => {
            let why = format!("no answer to {}: {}", gap.question, gap.cause.as_str());
            return Err(unknown(platform, &gap.question, &why));
        }
    };
    let Some(ecosystem) = &platform.ecosystem else {
        let why = "no catalogue speaks of this system or release";
        return Err(unknown(platform, "os-release", why));
    };
    if pockets.is_empty() {
        let why = format!("the catalogue holds nothing about {ecosystem}; import its feed");
        return Err(unknown(platform, "catalogue", &why));
    }
    Ok(packages)
}

/// Judges the packages of one source against everything the catalogue says of them.
fn judged(context: &Context<'_>, subject: &Subject<'_>) -> Vec<Row> {
    let lists = lists(context, subject);
    let flaws = flaws(context.which, &lists, &subject.builds);
    let mut rows: Vec<Row> = flaws
        .iter()
        .filter_map(|flaw| of_builds(context, subject, &subject.builds, flaw))
        .collect();
    settle::settle(context, subject, &lists, &mut rows);
    rows
}

/// The row about one flaw in some builds of a subject: by the first that is open, else by the first that
/// is concerned; `None` where none is.
fn of_builds(
    context: &Context<'_>,
    subject: &Subject<'_>,
    builds: &[Build<'_>],
    flaw: &Flaw<'_>,
) -> Option<Row> {
    let verdicts = builds
        .iter()
        .filter_map(|build| Some((*build, verdict(build, flaw)?)));
    let verdicts: Vec<(Build<'_>, Verdict<'_>)> = verdicts.collect();
    // Lowest first: the first open one is the lowest vulnerable version. A subpackage may count in a way
    // of its own, so that the one which is named like the source says more.
    let open = || verdicts.iter().filter(|(_, verdict)| verdict.is_open());
    let is_main = |(build, _): &&(Build<'_>, Verdict<'_>)| build.package.name == subject.source;
    let lowest = open().next();
    let main = open().find(is_main);
    let main = main.filter(|(build, _)| build.shown().order == crate::version::Order::Rpm);
    let (_, verdict) = main.or(lowest).or(verdicts.first())?;
    let same = verdicts
        .iter()
        .filter(|(_, own)| own.is_open() == verdict.is_open());
    let builds: Vec<_> = same.map(|(build, _)| *build).collect();
    let judged = Judged {
        source: &subject.source,
        builds: &builds,
        verdict,
    };
    Some(row(context, flaw, &judged))
}

#[cfg(test)]
mod tests;
