//! Which kernel package runs, and whether a newer one waits for a reboot, on systems of rpm.

use crate::model::{Package, PackageManager, Platform};
use crate::version::{Order, Place};
use std::cmp::Ordering;

/// Kernel images that end in no `-core`.
const IMAGES: &[&str] = &[
    "kernel",
    "kernel-PAE",
    "kernel-azure",
    "kernel-default",
    "kernel-default-base",
    "kernel-lt",
    "kernel-ml",
    "kernel-pae",
    "kernel-rt",
    "kernel-uek",
    "kernel-xen",
    "kernel6.12",
    "kernel6.18",
];

/// An installed kernel image newer than the one that runs, when that one is a package.
pub(super) fn newer<'a>(platform: &Platform, packages: &'a [Package]) -> Option<&'a Package> {
    let running = platform.kernel.running.as_deref()?;
    let current = current(running, packages)?;
    let order = Order::of(PackageManager::Rpm)?;
    let place = Place::parse(order, &current.version)?;
    packages.iter().find(|package| {
        let other = Place::parse(order, &package.version);
        let is_newer =
            other.is_some_and(|other| other.partial_cmp(&place) == Some(Ordering::Greater));
        package.name == current.name && is_newer
    })
}

/// The image that runs. Several packages of one build share its release (`kernel-core` and
/// `kernel-debug-core`): what follows the plus in the running release tells them apart, and without
/// one it is the plain kernel.
fn current<'a>(running: &str, packages: &'a [Package]) -> Option<&'a Package> {
    let images = packages.iter().filter(|package| is_image(&package.name));
    let (release, flavour) = match running.split_once('+') {
        Some((release, flavour)) => (release, Some(flavour)),
        None => (running, None),
    };
    let mut fits = images.filter(|package| runs_as(package, release));
    match flavour {
        Some(flavour) => fits.find(|package| {
            let name = package.name.strip_suffix("-core").unwrap_or(&package.name);
            name.strip_prefix("kernel-") == Some(flavour)
        }),
        None => fits.min_by_key(|package| match package.name.as_str() {
            "kernel-core" => 0,
            "kernel" => 1,
            name if name.contains("-debug") => 3,
            _ => 2,
        }),
    }
}

fn is_image(name: &str) -> bool {
    let core = name
        .strip_suffix("-core")
        .is_some_and(|name| name == "kernel" || name.starts_with("kernel-"));
    core || IMAGES.contains(&name)
}

/// Whether a package's kernel calls itself so: `5.14.0-70.13.1.el9_0.x86_64` on Red Hat's kin, before
/// EL 6 without the architecture; on SUSE `5.3.18-59.37-default` of `kernel-default` 5.3.18-59.37.2.
fn runs_as(package: &Package, release: &str) -> bool {
    let version = package.version.split_once(':');
    let version = version.map_or(package.version.as_str(), |(_, version)| version);
    if let Some(rest) = release.strip_prefix(version) {
        return rest.is_empty() || rest.strip_prefix('.') == Some(package.arch.as_str());
    }
    let Some((build, _rebuild)) = version.rsplit_once('.') else {
        return false;
    };
    let flavour = package.name.strip_prefix("kernel").unwrap_or_default();
    let flavour = flavour.strip_suffix("-base").unwrap_or(flavour);
    release.strip_prefix(build) == Some(flavour) && !flavour.is_empty()
}

#[cfg(test)]
mod tests {
    use super::super::lists;
    use super::*;

    fn packages(list: &[(&str, &str)]) -> Vec<Package> {
        let package = |(name, version): &(&str, &str)| Package {
            arch: "x86_64".to_owned(),
            ..lists::package(PackageManager::Rpm, name, version)
        };
        list.iter().map(package).collect()
    }

    fn running(release: &str, list: &[(&str, &str)]) -> Option<String> {
        let packages = packages(list);
        current(release, &packages).map(|package| format!("{} {}", package.name, package.version))
    }

    #[test]
    fn the_running_image_is_found_by_what_its_kernel_calls_itself() {
        let el9 = [
            ("kernel-debug-core", "5.14.0-70.13.1.el9_0"),
            ("kernel", "5.14.0-70.13.1.el9_0"),
            ("kernel-core", "5.14.0-70.13.1.el9_0"),
            ("kernel-core", "5.14.0-427.el9"),
            ("kernel-tools", "5.14.0-70.13.1.el9_0"),
        ];
        let expect = [
            (
                "5.14.0-70.13.1.el9_0.x86_64",
                Some("kernel-core 5.14.0-70.13.1.el9_0"),
            ),
            (
                "5.14.0-70.13.1.el9_0.x86_64+debug",
                Some("kernel-debug-core 5.14.0-70.13.1.el9_0"),
            ),
            ("5.14.0-427.el9.x86_64", Some("kernel-core 5.14.0-427.el9")),
            ("5.14.0-427.el9.aarch64", None),
            ("6.8.0-60-generic", None),
        ];
        for (release, package) in expect {
            assert_eq!(running(release, &el9).as_deref(), package, "{release}");
        }
        let sles = [
            ("kernel-default", "5.3.18-59.37.2"),
            ("kernel-default", "5.3.18-59.40.1"),
        ];
        assert_eq!(
            running("5.3.18-59.37-default", &sles).as_deref(),
            Some("kernel-default 5.3.18-59.37.2")
        );
        assert_eq!(running("5.3.18-59.37-azure", &sles), None);
        let el5 = [("kernel", "2.6.18-419.el5")];
        assert_eq!(
            running("2.6.18-419.el5", &el5).as_deref(),
            Some("kernel 2.6.18-419.el5")
        );
        let uek = [
            ("kernel-uek", "5.4.17-2136.el8uek"),
            ("kernel-core", "4.18.0-425.el8"),
        ];
        assert_eq!(
            running("5.4.17-2136.el8uek.x86_64", &uek).as_deref(),
            Some("kernel-uek 5.4.17-2136.el8uek")
        );
    }
}
