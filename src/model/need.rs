//! What a finding asks for on its machine, and the name of it over all machines.

use super::{Finding, FindingState, FixId};
use crate::version::DpkgVersion;
use std::cmp::Ordering;

/// What a finding asks for, on one machine.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Need<'a> {
    /// An update that has a name.
    Install {
        /// Its name: `KB5094123`.
        update: &'a str,
    },
    /// A newer version of a product.
    Upgrade {
        /// The product.
        product: &'a str,
        /// Whether only subscribers get it.
        for_subscribers: bool,
    },
    /// A restart.
    Restart,
}

impl<'a> Need<'a> {
    /// `None` for what nothing that can be installed closes.
    pub fn of(finding: &'a Finding) -> Option<Self> {
        if finding.state == FindingState::PendingReboot {
            return Some(Self::Restart);
        }
        if !finding.state.counts_as_missing() {
            return None;
        }
        Some(match &finding.remedy {
            Some(remedy) => Self::Install {
                update: &remedy.update,
            },
            None => Self::Upgrade {
                product: &finding.product,
                for_subscribers: finding.state == FindingState::MissingNeedsSubscription,
            },
        })
    }

    /// Its id; `version` is the one to bring the product to, see [`highest_fixed`].
    pub fn fix_id(self, version: &str) -> FixId {
        match self {
            Self::Install { update } => FixId::of(&["install", update]),
            Self::Upgrade {
                product,
                for_subscribers: false,
            } => FixId::of(&["upgrade", product, version]),
            Self::Upgrade { product, .. } => {
                FixId::of(&["upgrade", product, version, "subscription"])
            }
            Self::Restart => FixId::of(&["restart"]),
        }
    }
}

/// The highest fixed version; empty where none is stated. In dpkg's order, which is also that of
/// dotted numbers.
pub fn highest_fixed<'a>(findings: &[&'a Finding]) -> &'a str {
    let versions = findings.iter().filter_map(|one| one.fixed.as_deref());
    versions.max_by(|a, b| by_version(a, b)).unwrap_or_default()
}

fn by_version(a: &str, b: &str) -> Ordering {
    let order = DpkgVersion::parse(a).cmp(&DpkgVersion::parse(b));
    // Spellings of one version: any, but always the same.
    order.then_with(|| a.cmp(b))
}
