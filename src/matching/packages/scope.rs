//! Whether what an advisory says of a name concerns a package of that name.

use super::subject::Build;
use crate::catalog::Entry;
use crate::model::{Package, PackageManager, Spoken};

/// How a record concerns a build.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Concern {
    /// It does.
    Surely,
    /// It is about a module, and does not say which stream; the builds are of the same context.
    SameContext,
    /// It is about a stream, and the build is of a module that it does not name: `AlmaLinux` has published
    /// such (bug 173 of its tracker).
    Unlabelled,
}

/// Whether a record about `name` concerns a build, and how surely; `None` where it does not.
pub(super) fn concern(entry: &Entry, name: &str, build: &Build<'_>) -> Option<Concern> {
    let package = build.package;
    let scope = &entry.scope;
    if scope.spoken == Spoken::Binary && package.name != name {
        return None;
    }
    if package.manager != PackageManager::Rpm {
        return Some(Concern::Surely);
    }
    let is_here = has_arch(&scope.arches, package)
        && has_repository(scope.repository.as_deref(), package)
        && has_flavour(entry, package);
    is_here
        .then(|| module(scope.module.as_deref(), entry, package))
        .flatten()
}

fn has_arch(arches: &[String], package: &Package) -> bool {
    let own = package.arch.as_str();
    arches.is_empty()
        || matches!(own, "noarch" | "")
        || arches.iter().any(|arch| arch == own || arch == "noarch")
}

/// The repository that Amazon Linux 2 itself is installed from: yum notes it as `installed`, and images
/// that were built in another way note nothing.
const CORE: &str = "amzn2-core";

/// Amazon's kernels and extras of one name have versions of their own in each repository. Where the host
/// does not remember the repository, it is the core one.
fn has_repository(stated: Option<&str>, package: &Package) -> bool {
    if stated == Some("sig-cloud") {
        // Rocky Linux's builds for clouds are a repository of their own.
        return package.repository.as_deref() == stated || package.version.contains(".cloud");
    }
    let Some(stated) = stated.filter(|stated| stated.starts_with("amzn2")) else {
        return true;
    };
    let own = match package.repository.as_deref() {
        None | Some("" | "installed" | "anaconda") => CORE,
        Some(own) => own.trim_start_matches('@'),
    };
    own == stated || own.strip_suffix("-debuginfo") == Some(stated)
}

/// Builds of one version for another purpose, which follow advisories of their own: Oracle's
/// user-space live patches and validated cryptography, Rocky Linux's kernels for clouds.
const FLAVOURS: &[&str] = &[".ksplice1.", ".ksplice2.", "_fips", ".cloud"];

fn flavour(version: &str) -> Option<&'static str> {
    FLAVOURS
        .iter()
        .find(|mark| version.contains(**mark))
        .copied()
}

fn has_flavour(entry: &Entry, package: &Package) -> bool {
    let own = flavour(&package.version);
    let mut fixes = entry
        .ranges
        .iter()
        .filter_map(|range| range.fixed.as_deref());
    match fixes.next() {
        None => true,
        Some(first) => flavour(first) == own || fixes.any(|fix| flavour(fix) == own),
    }
}

/// The mark of a build from a module in its release.
const MODULAR: &[&str] = &[".module+", ".module_"];

/// Whether a version is that of a build from a module.
fn is_modular(version: &str) -> bool {
    MODULAR.iter().any(|mark| version.contains(mark))
}

/// `perl:5.32` of `perl:5.32:8030020200924231437:1e4bbb35`.
fn stream(label: &str) -> Option<&str> {
    let (first, _) = label.match_indices(':').nth(1)?;
    label.get(..first)
}

/// An advisory about a stream concerns packages of that stream; one about none, packages of none.
fn module(stated: Option<&str>, entry: &Entry, package: &Package) -> Option<Concern> {
    let label = package.module.as_deref().filter(|label| !label.is_empty());
    match (stated, label) {
        (None, None) => (!is_modular(&package.version)).then_some(Concern::Surely),
        (None, Some(_)) => None,
        (Some(""), _) => same_context(entry, package).then_some(Concern::SameContext),
        (Some(stated), Some(label)) => {
            let own = stream(label).unwrap_or(label);
            (own == stated).then_some(Concern::Surely)
        }
        (Some(_), None) => is_modular(&package.version).then_some(Concern::Unlabelled),
    }
}

/// The last part of a modular release is the context: what the stream was built against.
fn same_context(entry: &Entry, package: &Package) -> bool {
    let context = |version: &str| -> Option<String> {
        let (_, module) = version.split_once(".module")?;
        // `+el8.5.0+771+a8e4ab05` of Red Hat, `_el8.6.0+3337+b45a5cf3` of AlmaLinux.
        let mut parts = module.get(1..)?.split('+').skip(2);
        let context = parts.next()?.split('.').next()?;
        (!context.is_empty()).then(|| context.to_owned())
    };
    let own = context(&package.version);
    let mut fixes = entry
        .ranges
        .iter()
        .filter_map(|range| range.fixed.as_deref());
    own.is_some() && fixes.any(|fix| context(fix) == own)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_label_names_its_stream() {
        assert_eq!(
            stream("perl:5.32:8030020200924231437:1e4bbb35"),
            Some("perl:5.32")
        );
        assert_eq!(stream("perl:5.32"), None);
    }

    #[test]
    fn a_flavour_is_in_the_release() {
        assert_eq!(flavour("2:2.28-1.0.1.ksplice1.el8"), Some(".ksplice1."));
        assert_eq!(flavour("3.6.16-4.el8_fips"), Some("_fips"));
        assert_eq!(flavour("5.14.0-427.16.1.el9_4.cloud.1.0"), Some(".cloud"));
        assert_eq!(flavour("3.6.16-4.el8"), None);
    }
}
