//! A version of any packaging system, with its place in that system's order.

use super::DpkgVersion;
use crate::model::PackageManager;
use std::cmp::Ordering;

/// A packaging system's order of versions.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Order {
    /// dpkg's.
    Dpkg,
}

impl Order {
    /// The order in which a package manager puts versions; `None` of those whose packages we do not
    /// compare.
    pub fn of(manager: PackageManager) -> Option<Self> {
        match manager {
            PackageManager::Dpkg => Some(Self::Dpkg),
            _ => None,
        }
    }

    /// The word for people.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Dpkg => "dpkg",
        }
    }
}

/// A version, split into its parts.
#[derive(Clone, Copy, Debug)]
pub enum Place<'a> {
    /// dpkg's.
    Dpkg(DpkgVersion<'a>),
}

impl<'a> Place<'a> {
    /// Splits a version; `None` for a text that has no place in the order.
    pub fn parse(order: Order, text: &'a str) -> Option<Self> {
        match order {
            Order::Dpkg => DpkgVersion::parse(text).map(Self::Dpkg),
        }
    }

    /// Where this version, an installed one, stands against a bound that may lack a part (rpm's release,
    /// pacman's pkgrel): what the bound lacks does not count. `None` between versions of two systems.
    pub fn against(&self, bound: &Place<'_>) -> Option<Ordering> {
        match (self, bound) {
            (Self::Dpkg(own), Place::Dpkg(bound)) => Some(own.cmp(bound)),
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
        }
    }
}
