//! What advisories of rpm's distributions list: builds, one for each package and architecture. Gathered,
//! they are what the advisory affects.

use super::rpm;
use crate::model::{Affected, FixStatus, PackageScope, Spoken, VersionRange};
use std::collections::{BTreeMap, BTreeSet};

/// A build that has the fix.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Build {
    pub(super) ecosystem: String,
    pub(super) package: String,
    /// `[epoch:]version-release`.
    pub(super) evr: String,
    pub(super) arch: String,
    /// As the publisher states it, `perl:5.32`.
    pub(super) module: Option<String>,
    pub(super) repository: Option<String>,
}

/// The builds of one advisory.
#[derive(Debug, Default)]
pub(super) struct Builds(BTreeMap<Key, BTreeSet<String>>);

/// Ecosystem, package, version, module, repository.
type Key = (String, String, String, Option<String>, Option<String>);

impl Builds {
    /// Takes a build. Sources and packages for debuggers are left out: no host runs them. `streams` are
    /// the modules that the advisory's title names, for builds of a module that is not stated. Whether
    /// the module of the build is known, if it is one's.
    pub(super) fn add(&mut self, build: Build, streams: &[String]) -> bool {
        if !rpm::is_binary(&build.arch) || rpm::is_debug(&build.package) {
            return true;
        }
        let modules = match build.module {
            Some(module) if rpm::is_modular(&build.evr) => vec![Some(module)],
            _ => rpm::modules_of(&build.evr, streams),
        };
        let mut is_known = true;
        for module in modules {
            is_known &= module.as_deref() != Some("");
            let key = (
                build.ecosystem.clone(),
                build.package.clone(),
                build.evr.clone(),
                module,
                build.repository.clone(),
            );
            self.0.entry(key).or_default().insert(build.arch.clone());
        }
        is_known
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// What the advisory affects, sorted.
    pub(super) fn affected(self) -> Vec<Affected> {
        let builds = self.0.into_iter();
        let affected = builds.map(|((ecosystem, package, evr, module, repository), arches)| {
            // A package without an architecture belongs to every one.
            let is_everywhere = arches.contains("noarch") || arches.contains("");
            let arches = if is_everywhere {
                Vec::new()
            } else {
                arches.into_iter().collect()
            };
            Affected {
                ecosystem,
                package,
                scope: PackageScope {
                    spoken: Spoken::Binary,
                    arches,
                    module,
                    repository,
                },
                ranges: vec![VersionRange {
                    introduced: None,
                    fixed: Some(evr),
                    last_affected: None,
                }],
                status: FixStatus::Stated,
                urgency: None,
            }
        });
        affected.collect()
    }
}

/// The first two parts of a module's label: `perl:5.32` of `perl:5.32:8040020210602:229f0a1c:x86_64`.
pub(super) fn stream(label: &str) -> Option<String> {
    let mut parts = label.split(':').map(str::trim);
    let (name, stream) = (parts.next()?, parts.next()?);
    (!name.is_empty() && !stream.is_empty()).then(|| format!("{name}:{stream}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn build(package: &str, evr: &str, arch: &str) -> Build {
        Build {
            ecosystem: "AlmaLinux:8".to_owned(),
            package: package.to_owned(),
            evr: evr.to_owned(),
            arch: arch.to_owned(),
            ..Build::default()
        }
    }

    #[test]
    fn builds_of_a_package_are_one_with_its_architectures() {
        let mut builds = Builds::default();
        for arch in ["x86_64", "i686", "src", "x86_64"] {
            builds.add(build("a", "1-1.el8", arch), &[]);
        }
        builds.add(build("a-debuginfo", "1-1.el8", "x86_64"), &[]);
        builds.add(build("b", "1-1.el8", "noarch"), &[]);
        let affected = builds.affected();
        let found = affected
            .iter()
            .map(|one| (&*one.package, one.scope.arches.join(" ")));
        let expected = [("a", "i686 x86_64".to_owned()), ("b", String::new())];
        assert_eq!(found.collect::<Vec<_>>(), expected);
    }

    #[test]
    fn the_module_is_what_the_build_states_then_what_the_title_names() {
        let evr = "1-1.module_el8.5.0+1+abc";
        let streams = ["a:1".to_owned()];
        let mut builds = Builds::default();
        let stated = Build {
            module: stream("b:2:8050020220427075058:c5368500:x86_64"),
            ..build("stated", evr, "x86_64")
        };
        assert!(builds.add(stated, &streams));
        assert!(builds.add(build("titled", evr, "x86_64"), &streams));
        assert!(builds.add(build("stock", "1-1.el8", "x86_64"), &streams));
        assert!(!builds.add(build("unknown", evr, "x86_64"), &[]));
        let affected = builds.affected();
        let found = affected
            .iter()
            .map(|one| (&*one.package, one.scope.module.as_deref()));
        let expected = [
            ("stated", Some("b:2")),
            ("stock", None),
            ("titled", Some("a:1")),
            ("unknown", Some("")),
        ];
        assert_eq!(found.collect::<Vec<_>>(), expected);
    }
}
