//! Packages that an administrator holds at their versions.

use super::{Inventory, Observed, PackageManager, PackageState, Tool};
use std::collections::BTreeSet;

/// What keeps packages of a machine at their versions.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Holds {
    /// The packages that are held.
    pub held: BTreeSet<String>,
    /// Of dpkg the packages that bring the newest kernel of a kind, sorted: `linux-image-amd64`. A kernel of Debian's
    /// family is a package of its own for each build: a newer one comes by the package that stands for the newest.
    pub kernels: Vec<String>,
    /// Whether the packages are dpkg's.
    pub is_dpkg: bool,
}

impl Holds {
    /// Those of a machine.
    pub fn of(inventory: &Inventory) -> Self {
        let packages = || Observed::known(&inventory.packages).into_iter().flatten();
        let held = packages().filter(|package| package.held);
        let installed = packages().filter(|package| package.state == PackageState::Installed);
        let newest = installed.filter(|package| {
            let kind = package.name.strip_prefix("linux-image-");
            kind.is_some_and(|kind| !kind.starts_with(|first: char| first.is_ascii_digit()))
        });
        let kernels: BTreeSet<&String> = newest
            .map(|package| &package.name)
            .filter(|name| Tool::Apt.is_package_name(name) && !name.ends_with("-dbg"))
            .collect();
        Self {
            held: held.map(|package| package.name.clone()).collect(),
            kernels: kernels.into_iter().cloned().collect(),
            is_dpkg: packages().any(|package| package.manager == PackageManager::Dpkg),
        }
    }

    /// Those of some packages that have to be released before all of them can be upgraded.
    pub fn among<'a>(&'a self, packages: impl IntoIterator<Item = &'a String>) -> Vec<&'a String> {
        let mut names = BTreeSet::new();
        for name in packages {
            if self.is_dpkg && is_kernel_build(name) {
                names.extend(&self.kernels);
            } else {
                names.insert(name);
            }
        }
        names.retain(|name| self.held.contains(*name));
        names.into_iter().collect()
    }
}

/// `linux-image-6.1.0-26-amd64`: a package for one build of the kernel, which never becomes another.
pub fn is_kernel_build(name: &str) -> bool {
    let rest = name.strip_prefix("linux-");
    rest.and_then(|rest| rest.split_once('-'))
        .is_some_and(|(_, build)| build.starts_with(|first: char| first.is_ascii_digit()))
}
