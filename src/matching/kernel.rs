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

use super::Context;
use super::doubt::{Doubt, Row};
use super::packages::{Build, Flaw, Judged, Subject, flaws, row};
use super::verdict::verdict;
use crate::model::{BulletinId, Confidence, Finding, FindingState, Package, Platform};

/// The source that advisories name. Debian signs its kernels in sources of their own
/// (`linux-signed-amd64`, `linux-signed-6.1-arm64`), whose advisories are those of `linux` and
/// `linux-6.1`; Ubuntu's `linux-signed-hwe-6.8` belongs to `linux-hwe-6.8`.
pub(super) fn source(name: &str, platform: &Platform) -> String {
    let ubuntu = platform
        .ecosystem
        .as_deref()
        .is_some_and(|of| of.starts_with("Ubuntu:"));
    let Some(rest) = name.strip_prefix("linux-signed") else {
        return name.to_owned();
    };
    let rest = match rest.rsplit_once('-') {
        Some((version, _arch)) if !ubuntu => version,
        _ => rest,
    };
    format!("linux{rest}")
}

/// The version that advisories speak of: of a signed kernel the binary's, as the signed source
/// counts in its own way (`6.1.123+1` for `6.1.123-1`).
pub(super) fn version(package: &Package) -> &str {
    if package.source.name.starts_with("linux-signed") {
        return &package.version;
    }
    &package.source.version
}

/// Whether a source, as advisories name it, is a kernel's.
pub(super) fn is_kernel_source(source: &str) -> bool {
    let Some(rest) = source.strip_prefix("linux") else {
        return false;
    };
    let flavours = [
        "aws",
        "azure",
        "gcp",
        "gke",
        "hwe",
        "ibm",
        "kvm",
        "lowlatency",
        "nvidia",
        "oem",
        "oracle",
        "raspi",
        "realtime",
    ];
    let first = rest
        .strip_prefix('-')
        .and_then(|rest| rest.split('-').next());
    rest.is_empty()
        || first.is_some_and(|first| {
            flavours.contains(&first) || first.starts_with(|digit: char| digit.is_ascii_digit())
        })
}

/// The release of a kernel image package: `6.1.0-29-amd64`; `None` for any other package, also for
/// the ones named after a flavour alone (`linux-image-amd64`), which hold no code.
fn release(package: &Package) -> Option<&str> {
    let rest = package.name.strip_prefix("linux-image-")?;
    let rest = rest.strip_prefix("unsigned-").unwrap_or(rest);
    rest.starts_with(|first: char| first.is_ascii_digit())
        .then_some(rest)
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
    let running = context.inventory.platform.kernel.running.as_deref();
    let is_running = |package: &&Package| release(package) == running && running.is_some();
    // Also a removed package's: its kernel runs until the next boot.
    let current = packages.iter().find(is_running);
    for subject in subjects {
        let images = images(subject);
        let own = current.filter(|current| {
            source(&current.source.name, &context.inventory.platform) == subject.source
        });
        let (judged, how) = match (own, current, running) {
            (Some(package), _, _) => (Some(Build::new(package)), Running::This),
            (None, Some(_), _) => (None, Running::Elsewhere),
            (None, None, Some(_)) => (images.last().copied(), Running::Foreign),
            (None, None, None) => (images.last().copied(), Running::Untold),
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
fn images<'a>(subject: &Subject<'a>) -> Vec<Build<'a>> {
    let has_code = |build: &&Build<'_>| release(build.package).is_some();
    subject.builds.iter().filter(has_code).copied().collect()
}

/// Whether a package is an image, or named after one flavour of them.
fn is_image(build: &Build<'_>) -> bool {
    build.package.name.starts_with("linux-image-")
}

/// The kernel packages of one source.
struct Kernel<'a> {
    subject: &'a Subject<'a>,
    images: Vec<Build<'a>>,
    judged: Option<Build<'a>>,
    how: Running,
}

impl Kernel<'_> {
    fn judge(&self, context: &Context<'_>, out: &mut Vec<Row>) {
        // Images that do not run are no matter.
        let others = self.subject.builds.iter().filter(|build| !is_image(build));
        let versions = self.judged.iter().chain(others);
        let mut versions: Vec<_> = versions.map(|build| build.version).collect();
        versions.dedup_by_key(|version| version.text);
        for flaw in flaws(context, &self.subject.source, &versions) {
            let image = self
                .judged
                .map(|build| (build, verdict(build.version, &flaw.entries)));
            match image {
                Some((build, verdict)) if verdict.is_open() => {
                    out.extend(self.image(context, &flaw, build));
                }
                _ => out.extend(self.rest(context, &flaw)),
            }
        }
    }

    /// The row about an image that is open.
    fn image(&self, context: &Context<'_>, flaw: &Flaw<'_>, build: Build<'_>) -> Option<Row> {
        let mut row = self.about(context, flaw, &[build])?;
        let finding = &mut row.finding;
        self.tell_others(finding, build);
        match self.how {
            Running::This => self.pending(flaw, build, finding),
            Running::Untold => {
                finding.confidence = finding.confidence.min(Confidence::Medium);
                let rule = &mut finding.evidence.rule;
                rule.push_str("; the host does not tell which kernel runs: newest installed");
            }
            Running::Foreign | Running::Elsewhere => return Some(row.doubted(Doubt::NotRunning)),
        }
        Some(row)
    }

    /// Whether a newer image has the fix and only waits for a boot.
    fn pending(&self, flaw: &Flaw<'_>, running: Build<'_>, finding: &mut Finding) {
        if finding.state != FindingState::Missing {
            return;
        }
        let newer = |build: &&Build<'_>| {
            let versions = build.version.place.zip(running.version.place);
            versions.is_some_and(|(new, old)| new > old)
                && verdict(build.version, &flaw.entries).state == FindingState::Fixed
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
    fn tell_others(&self, finding: &mut Finding, judged: Build<'_>) {
        let others = self
            .images
            .iter()
            .filter(|build| build.package.name != judged.package.name);
        let names: Vec<_> = others
            .map(|build| format!("{} {}", build.package.name, build.version.text))
            .take(5)
            .collect();
        if !names.is_empty() {
            let added = format!("; also installed: {}", names.join(", "));
            finding.evidence.observed.push_str(&added);
        }
    }

    /// What is to be said where no image is open: the other packages of the source.
    fn rest(&self, context: &Context<'_>, flaw: &Flaw<'_>) -> Option<Row> {
        let is_open = |build: &&Build<'_>| {
            !is_image(build) && verdict(build.version, &flaw.entries).is_open()
        };
        let open: Vec<_> = self
            .subject
            .builds
            .iter()
            .filter(is_open)
            .copied()
            .collect();
        if open.is_empty() {
            let closed = self
                .judged
                .or_else(|| self.subject.builds.first().copied())?;
            let row = self.about(context, flaw, &[closed])?;
            return row.finding.state.is_closed().then_some(row);
        }
        let row = self.about(context, flaw, &open)?;
        Some(row.doubted(Doubt::HeadersAndTools))
    }

    /// The row about some builds, by the first one's version.
    fn about(&self, context: &Context<'_>, flaw: &Flaw<'_>, builds: &[Build<'_>]) -> Option<Row> {
        let version = builds.first()?.version;
        let judged = Judged {
            source: &self.subject.source,
            version: version.text,
            builds,
            verdict: &verdict(version, &flaw.entries),
        };
        Some(row(context.slice, flaw, &judged))
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
    let mut finding = super::about_machine(
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
