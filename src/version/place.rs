//! A version of any packaging system, with its place in that system's order.

use super::{ApkVersion, DpkgVersion, FreeBsdVersion, PacmanVersion, RpmVersion};
use crate::model::PackageManager;
use std::cmp::Ordering;

/// A packaging system's order of versions.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Order {
    /// dpkg's.
    Dpkg,
    /// rpm's.
    Rpm,
    /// apk's.
    Apk,
    /// pacman's.
    Pacman,
    /// That of FreeBSD's pkg.
    FreeBsd,
}

impl Order {
    /// The order in which a package manager puts versions; `None` of those whose packages we do not
    /// compare.
    pub fn of(manager: PackageManager) -> Option<Self> {
        match manager {
            PackageManager::Dpkg => Some(Self::Dpkg),
            PackageManager::Rpm => Some(Self::Rpm),
            PackageManager::Apk => Some(Self::Apk),
            PackageManager::Pacman => Some(Self::Pacman),
            PackageManager::Pkg => Some(Self::FreeBsd),
            PackageManager::Opkg
            | PackageManager::Portage
            | PackageManager::Brew
            | PackageManager::Snap
            | PackageManager::Flatpak
            | PackageManager::Macos => None,
        }
    }

    /// The word for people.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Dpkg => "dpkg",
            Self::Rpm => "rpm",
            Self::Apk => "apk",
            Self::Pacman => "pacman",
            Self::FreeBsd => "pkg",
        }
    }
}

/// A version, split into its parts.
#[derive(Clone, Copy, Debug)]
pub enum Place<'a> {
    /// dpkg's.
    Dpkg(DpkgVersion<'a>),
    /// rpm's.
    Rpm(RpmVersion<'a>),
    /// apk's.
    Apk(ApkVersion<'a>),
    /// pacman's.
    Pacman(PacmanVersion<'a>),
    /// That of FreeBSD's pkg.
    FreeBsd(FreeBsdVersion<'a>),
}

impl<'a> Place<'a> {
    /// Splits a version; `None` for a text that has no place in the order.
    ///
    /// apk has one for every word, and words that no version begins with before everything. As bounds they
    /// would be met by all that is installed, so here they are none.
    pub fn parse(order: Order, text: &'a str) -> Option<Self> {
        match order {
            Order::Dpkg => DpkgVersion::parse(text).map(Self::Dpkg),
            Order::Rpm => RpmVersion::parse(text).map(Self::Rpm),
            Order::Apk => ApkVersion::parse(text)
                .filter(ApkVersion::has_number)
                .map(Self::Apk),
            Order::Pacman => PacmanVersion::parse(text).map(Self::Pacman),
            Order::FreeBsd => FreeBsdVersion::parse(text).map(Self::FreeBsd),
        }
    }

    /// Where this version, an installed one, stands against a bound that may lack a part (rpm's release,
    /// pacman's pkgrel): what the bound lacks does not count. `None` between versions of two systems.
    ///
    /// Elsewhere a part that is not there has a value of its own, and this is the order: no Debian revision
    /// is revision 0, and so with pkg's; no apk revision comes before `-r0`.
    pub fn against(&self, bound: &Place<'_>) -> Option<Ordering> {
        match (self, bound) {
            (Self::Rpm(own), Place::Rpm(bound)) => Some(own.against(bound)),
            (Self::Pacman(own), Place::Pacman(bound)) => Some(own.against(bound)),
            (own, bound) => own.partial_cmp(bound),
        }
    }
}

impl PartialEq for Place<'_> {
    fn eq(&self, other: &Self) -> bool {
        self.partial_cmp(other) == Some(Ordering::Equal)
    }
}

impl PartialOrd for Place<'_> {
    /// Between complete versions of one system.
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        match (self, other) {
            (Self::Dpkg(a), Self::Dpkg(b)) => Some(a.cmp(b)),
            (Self::Rpm(a), Self::Rpm(b)) => Some(a.cmp(b)),
            (Self::Apk(a), Self::Apk(b)) => Some(a.cmp(b)),
            (Self::Pacman(a), Self::Pacman(b)) => Some(a.cmp(b)),
            (Self::FreeBsd(a), Self::FreeBsd(b)) => Some(a.cmp(b)),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place(order: Order, text: &str) -> Place<'_> {
        Place::parse(order, text).unwrap()
    }

    #[test]
    fn each_system_has_its_own_mind_of_the_same_two_versions() {
        use Order::{Apk, Dpkg, FreeBsd, Pacman, Rpm};
        use Ordering::{Equal, Greater, Less};
        let compare = |order, a, b| place(order, a).partial_cmp(&place(order, b));
        for (order, expected) in [
            (Dpkg, Greater),
            (Rpm, Greater),
            (Apk, Less),
            (Pacman, Less),
            (FreeBsd, Less),
        ] {
            let (a, b) = if order == Apk {
                ("1.0_rc1", "1.0")
            } else {
                ("1.0rc1", "1.0")
            };
            assert_eq!(compare(order, a, b), Some(expected), "{order:?}");
        }
        assert_eq!(compare(Dpkg, "1.0.01", "1.0.1"), Some(Equal));
        assert_eq!(compare(Apk, "1.0.01", "1.0.1"), Some(Less));
        assert_eq!(compare(FreeBsd, "1.0.0", "1.0"), Some(Equal));
        assert_eq!(compare(Rpm, "1.0.0", "1.0"), Some(Greater));
    }

    #[test]
    fn only_rpm_and_pacman_overlook_what_a_bound_lacks() {
        let against = |order, own, bound| place(order, own).against(&place(order, bound));
        assert_eq!(against(Order::Rpm, "1.0-2", "1.0"), Some(Ordering::Equal));
        assert_eq!(
            against(Order::Pacman, "1.0-2", "1.0"),
            Some(Ordering::Equal)
        );
        assert_eq!(
            against(Order::Dpkg, "1.0-2", "1.0"),
            Some(Ordering::Greater)
        );
        assert_eq!(
            against(Order::Apk, "1.0-r2", "1.0"),
            Some(Ordering::Greater)
        );
        assert_eq!(
            against(Order::FreeBsd, "1.0_2", "1.0"),
            Some(Ordering::Greater)
        );
    }

    #[test]
    fn a_bound_of_apks_that_everything_would_meet_is_none() {
        assert!(Place::parse(Order::Apk, "unknown").is_none());
        assert!(Place::parse(Order::Apk, "6.6.4p1-r1").is_some());
    }

    #[test]
    fn versions_of_two_systems_have_no_order() {
        let (rpm, apk) = (place(Order::Rpm, "1"), place(Order::Apk, "1"));
        assert_eq!(rpm.partial_cmp(&apk), None);
        assert_eq!(rpm.against(&apk), None);
        assert!(rpm != apk);
    }
}
