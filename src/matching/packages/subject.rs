//! Packages by the source they were built from, with the versions that advisories count by.

use super::kernel;
use super::origin::{Origin, foreign};
use crate::model::{Package, PackageState, Platform, Spoken};
use crate::version::{Order, Place};
use std::cmp::Ordering;
use std::collections::BTreeMap;

/// An installed version, with its place in the order: `None` where it has none.
#[derive(Clone, Copy, Debug)]
pub(super) struct Version<'a> {
    pub(super) text: &'a str,
    pub(super) place: Option<Place<'a>>,
    pub(super) order: Order,
    /// Whether its epoch is not known, so that those of bounds do not count: rpm's `SOURCERPM` has none.
    pub(super) is_epochless: bool,
    /// Whether the epochs of bounds may have lost a digit: see [`super::verdict`].
    pub(super) mends_epochs: bool,
}

impl<'a> Version<'a> {
    pub(super) fn new(order: Order, text: &'a str) -> Self {
        Self {
            text,
            place: Place::parse(order, text),
            order,
            is_epochless: false,
            mends_epochs: false,
        }
    }

    /// Against another installed one.
    pub(super) fn cmp(&self, other: &Self) -> Ordering {
        let order = self.place.partial_cmp(&other.place);
        order.unwrap_or(Ordering::Equal)
    }
}

/// A binary package and its versions, as advisories count them.
#[derive(Clone, Copy)]
pub(super) struct Build<'a> {
    pub(super) package: &'a Package,
    own: Version<'a>,
    source: Version<'a>,
    /// Who built it, when that is not the distribution.
    pub(super) origin: Option<Origin<'a>>,
}

impl<'a> Build<'a> {
    pub(super) fn new(order: Order, package: &'a Package, platform: &Platform) -> Self {
        let source = kernel::version(package);
        let mut source = Version::new(order, source);
        if order == Order::Rpm {
            // The source's epoch is that of a binary package that has the source's version.
            if epoch_free(&package.version) == package.source.version {
                source = Version::new(order, &package.version);
            } else {
                source.is_epochless = true;
            }
            let ecosystem = platform.ecosystem.as_deref();
            source.mends_epochs = ecosystem.is_some_and(|of| of.starts_with("Rocky Linux:"));
        }
        Self {
            package,
            own: Version::new(order, &package.version),
            source,
            origin: foreign(package, platform),
        }
    }

    /// Its version, as an advisory that speaks so counts it.
    pub(super) fn version(&self, spoken: Spoken) -> Version<'a> {
        match spoken {
            Spoken::Source => self.source,
            Spoken::Binary => self.own,
        }
    }

    /// The version that is shown: where sources are spoken of, the source's.
    pub(super) fn shown(&self) -> Version<'a> {
        match self.source.order {
            Order::Rpm => self.own,
            _ => self.source,
        }
    }
}

/// An rpm version without its epoch.
pub(super) fn epoch_free(version: &str) -> &str {
    version.split_once(':').map_or(version, |(_, rest)| rest)
}

/// The binary packages of one source.
pub(super) struct Subject<'a> {
    /// The source, as advisories name it.
    pub(super) source: String,
    /// Its binary packages, lowest version first.
    pub(super) builds: Vec<Build<'a>>,
}

impl<'a> Subject<'a> {
    fn new(source: String, mut builds: Vec<Build<'a>>) -> Self {
        lend_epochs(&mut builds);
        builds.sort_by(|a, b| {
            let order = a.shown().cmp(&b.shown());
            order.then_with(|| a.package.name.cmp(&b.package.name))
        });
        Self { source, builds }
    }
}

/// Gives builds whose source's epoch is not known that of a sibling from the same source package.
fn lend_epochs(builds: &mut [Build<'_>]) {
    let known: Vec<_> = builds.iter().map(|build| build.source).collect();
    for build in builds.iter_mut().filter(|build| build.source.is_epochless) {
        let own = build.source.text;
        let mut known = known.iter().filter(|version| !version.is_epochless);
        if let Some(version) = known.find(|version| epoch_free(version.text) == own) {
            build.source = *version;
        }
    }
}

/// The installed packages by the source that advisories speak of: kernels, and the rest.
pub(super) fn subjects<'a>(
    packages: &'a [Package],
    platform: &Platform,
) -> (Vec<Subject<'a>>, Vec<Subject<'a>>) {
    let mut by_source: BTreeMap<String, Vec<Build<'a>>> = BTreeMap::new();
    for package in packages {
        // Of a removed package only configuration is left: its code cannot run.
        let Some(order) = Order::of(package.manager) else {
            continue;
        };
        if package.state != PackageState::ConfigFiles {
            let source = kernel::source(package, platform);
            let build = Build::new(order, package, platform);
            by_source.entry(source).or_default().push(build);
        }
    }
    let subjects = by_source
        .into_iter()
        .map(|(source, builds)| Subject::new(source, builds));
    subjects.partition(|subject| kernel::is_kernel(subject, platform))
}
