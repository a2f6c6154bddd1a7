//! The kernel: once per host, by what runs.
//!
//! Several kernels are installed at a time and one runs. Its version decides: a newer one on disk
//! that has the fix makes the matter `pending_reboot`, an older one that does not run is no matter at
//! all. Where the running kernel is unknown the newest installed one decides.
//!
//! Other packages of the kernel's source (headers, libc's view of them, perf) hold little or none of
//! its code, and the records do not say which flaw is where: they are `unverified`, in one row, and
//! only for flaws of which no image is open. A running kernel that is no package at all (a
//! container's, a custom build) cannot be judged by packages: images beside it are `unverified`, too.

mod names;

use super::claim::{Flaw, flaws, lists};
use super::doubt::{Doubt, Row};
use super::settle::settle;
use super::subject::{Build, Subject, epoch_free};
use super::verdict::verdict;
use super::{Context, of_builds};
use crate::model::{
    BulletinId, Confidence, Finding, FindingState, Package, PackageManager, Platform,
};
use crate::version::Order;

pub(in crate::matching) use names::is_kernel_source;
pub(in crate::matching) use names::source;
pub(super) use names::version;

/// Whether a subject is a kernel.
pub(super) fn is_kernel(subject: &Subject<'_>, platform: &Platform) -> bool {
    let is_debian = subject
        .builds
        .iter()
        .any(|build| build.package.manager == PackageManager::Dpkg);
    if is_debian {
        return is_kernel_source(&subject.source);
    }
    let mut builds = subject.builds.iter();
    builds.any(|build| names::is_image(build.package, platform))
}

/// The kernel package that runs and is no longer installed: on systems that keep one of a name its name
/// and version follow from what runs.
pub(super) fn replaced(packages: &[Package], platform: &Platform) -> Option<Package> {
    let running = platform.kernel.running.as_deref()?;
    packages.iter().find_map(|package| {
        let (name, version) = names::named_by(package.manager, running)?;
        (package.name == name && package.version != version).then(|| {
            let mut old = package.clone();
            if package.source.version == package.version {
                old.source.version.clone_from(&version);
            }
            old.version = version;
            old
        })
    })
}

/// How sure we are that the judged image is the kernel that runs.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Running {
    /// It is.
    This,
    /// The host does not tell what runs.
    Untold,
    /// What runs is not from any package.
    Foreign,
    /// An image of another source runs.
    Elsewhere,
}

/// Judges the kernels of a host: `subjects` are its kernel sources, `packages` all its packages.
pub(super) fn judge(
    context: &Context<'_>,
    subjects: &[Subject<'_>],
    packages: &[Package],
    out: &mut Vec<Row>,
) {
    let platform = &context.inventory.platform;
    let running = platform.kernel.running.as_deref();
    // Also a removed package's: its kernel runs until the next boot.
    let mut all = packages.iter().chain(context.replaced_kernel.as_ref());
    let current = all.find(|package| names::runs(package, platform));
    for subject in subjects {
        let images = images(subject, platform);
        let own = current.filter(|current| source(current, platform) == subject.source);
        let (judged, how) = match (own, current, running) {
            (Some(package), _, _) => (running_parts(context, subject, package), Running::This),
            (None, Some(_), _) => (Vec::new(), Running::Elsewhere),
            (None, None, Some(_)) => (newest(&images), Running::Foreign),
            (None, None, None) => (newest(&images), Running::Untold),
        };
        let kernel = Kernel {
            subject,
            images,
            judged,
            how,
        };
        kernel.judge(context, out);
    }
    if current.is_none() && !is_container(context) {
        out.extend(running.map(|running| Row::from(unpackaged(context, running))));
    }
}

/// The images of a source, lowest version first.
fn images<'a>(subject: &Subject<'a>, platform: &Platform) -> Vec<Build<'a>> {
    let has_code = |build: &&Build<'_>| names::is_image(build.package, platform);
    subject.builds.iter().filter(has_code).copied().collect()
}

/// The image of the highest version, and others of the same version.
fn newest<'a>(images: &[Build<'a>]) -> Vec<Build<'a>> {
    let last = images.last().map(|build| build.package.version.as_str());
    let same = images.iter();
    same.filter(|build| Some(build.package.version.as_str()) == last)
        .copied()
        .collect()
}

/// The packages of the kernel that runs.
fn running_parts<'b>(
    context: &'b Context<'_>,
    subject: &Subject<'b>,
    package: &'b Package,
) -> Vec<Build<'b>> {
    let platform = &context.inventory.platform;
    let version = epoch_free(&package.version);
    let is_part = |build: &&Build<'_>| {
        package.manager == PackageManager::Rpm
            && epoch_free(&build.package.version) == version
            && names::goes_with_image(build.package, platform)
    };
    let mut parts: Vec<Build<'b>> = subject.builds.iter().filter(is_part).copied().collect();
    if parts.is_empty()
        && let Some(order) = Order::of(package.manager)
    {
        parts.push(Build::new(order, package, platform));
    }
    parts
}

/// Whether a package is an image, goes with one, or is named after one flavour of them.
fn is_of_image(build: &Build<'_>, platform: &Platform) -> bool {
    build.package.name.starts_with("linux-image-")
        || names::goes_with_image(build.package, platform)
}

/// The kernel packages of one source.
struct Kernel<'a> {
    subject: &'a Subject<'a>,
    images: Vec<Build<'a>>,
    /// The packages of the kernel that is judged.
    judged: Vec<Build<'a>>,
    how: Running,
}

impl Kernel<'_> {
    fn judge(&self, context: &Context<'_>, out: &mut Vec<Row>) {
        let platform = &context.inventory.platform;
        // Images that do not run are no matter.
        let others = self.subject.builds.iter();
        let others = others.filter(|build| !is_of_image(build, platform));
        let others: Vec<Build<'_>> = others.copied().collect();
        let builds: Vec<Build<'_>> = self.judged.iter().chain(&others).copied().collect();
        let lists = lists(context, self.subject);
        let mut rows = Vec::new();
        for flaw in flaws(context.which, &lists, &builds) {
            let image = of_builds(context, self.subject, &self.judged, &flaw);
            match image {
                Some(row) if !row.finding.state.is_closed() => {
                    rows.push(self.image(context, &flaw, row));
                }
                image => rows.extend(self.rest(context, &flaw, &others, image)),
            }
        }
        settle(context, self.subject, &lists, &mut rows);
        out.extend(rows);
    }

    /// The row about an image that is open.
    fn image(&self, context: &Context<'_>, flaw: &Flaw<'_>, mut row: Row) -> Row {
        let finding = &mut row.finding;
        self.tell_others(finding);
        match self.how {
            Running::This => {
                self.pending(flaw, finding);
                tell_live_patch(context, finding);
            }
            Running::Untold => {
                finding.confidence = finding.confidence.min(Confidence::Medium);
                let rule = &mut finding.evidence.rule;
                rule.push_str("; the host does not tell which kernel runs: newest installed");
            }
            Running::Foreign | Running::Elsewhere => return row.doubted(Doubt::NotRunning),
        }
        row
    }

    /// Whether a newer image has the fix and only waits for a boot.
    fn pending(&self, flaw: &Flaw<'_>, finding: &mut Finding) {
        let is_missing = matches!(
            finding.state,
            FindingState::Missing | FindingState::MissingNeedsSubscription
        );
        let Some(running) = self.judged.first().filter(|_| is_missing) else {
            return;
        };
        let newer = |build: &&Build<'_>| {
            build.shown().cmp(&running.shown()).is_gt()
                && verdict(build, flaw).is_some_and(|own| own.state == FindingState::Fixed)
        };
        let Some(fixed) = self.images.iter().find(newer) else {
            return;
        };
        finding.state = FindingState::PendingReboot;
        let package = fixed.package;
        let added = format!(
            "; {} {} is installed and does not run",
            package.name, package.version
        );
        finding.evidence.rule.push_str(&added);
    }

    /// Names the images that do not run, for the reader.
    fn tell_others(&self, finding: &mut Finding) {
        let is_judged = |build: &Build<'_>| {
            self.judged.iter().any(|judged| {
                judged.package.name == build.package.name
                    && judged.package.version == build.package.version
            })
        };
        let others = self.images.iter().filter(|build| !is_judged(build));
        let names: Vec<_> = others
            .map(|build| format!("{} {}", build.package.name, build.shown().text))
            .take(5)
            .collect();
        if !names.is_empty() {
            let added = format!("; also installed: {}", names.join(", "));
            finding.evidence.observed.push_str(&added);
        }
    }

    /// What is to be said where no image is open: the other packages of the source.
    fn rest(
        &self,
        context: &Context<'_>,
        flaw: &Flaw<'_>,
        others: &[Build<'_>],
        image: Option<Row>,
    ) -> Option<Row> {
        let other = of_builds(context, self.subject, others, flaw);
        match other {
            Some(row) if !row.finding.state.is_closed() => {
                Some(row.doubted(Doubt::HeadersAndTools))
            }
            other => image.or(other),
        }
    }
}

/// Says that a patch of the running kernel is in force: which flaws it closes, packages do not tell.
fn tell_live_patch(context: &Context<'_>, finding: &mut Finding) {
    let unix = context.inventory.unix.as_deref();
    let patches = unix.and_then(|unix| unix.live_patches.known());
    let mut names = patches.into_iter().flatten().filter(|patch| patch.enabled);
    if let Some(patch) = names.next() {
        finding.confidence = finding.confidence.min(Confidence::Low);
        let added = format!(
            "; live patch {} is in force and may have closed it: ask whoever made it",
            patch.name
        );
        finding.evidence.rule.push_str(&added);
    }
}

/// A container has no kernel of its own: its host's is judged where that host is read.
fn is_container(context: &Context<'_>) -> bool {
    let vendor = context.inventory.identity.vendor.known();
    vendor.is_some_and(|vendor| vendor.ends_with(" container"))
}

/// The row that says that packages cannot tell about the kernel that runs.
fn unpackaged(context: &Context<'_>, running: &str) -> Finding {
    let platform = &context.inventory.platform;
    let evidence = crate::model::Evidence {
        observed: format!("kernel {running} runs"),
        question: "uname".to_owned(),
        rule: "no installed package holds this kernel: ask whoever built it".to_owned(),
        record: String::new(),
        witnesses: Vec::new(),
    };
    let title = format!("Kernel {running} is not from a package of this system");
    let mut finding = crate::matching::about_machine(
        platform,
        BulletinId::new("unknown:kernel"),
        title,
        FindingState::Unverified,
        evidence,
    );
    "linux".clone_into(&mut finding.product);
    running.clone_into(&mut finding.installed);
    finding.confidence = Confidence::Low;
    finding
}
