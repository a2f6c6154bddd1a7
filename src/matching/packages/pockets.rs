//! Which parts of the catalogue speak of a host, and what it may install of what they offer.
//!
//! Most releases have one. Ubuntu has those for subscribers beside it, Red Hat one for each repository
//! and each extended support of a minor release, SUSE one for each module and LTSS. A fix in any of them
//! that is installed counts; one that only subscribers get is told apart.

use crate::catalog::Slice;
use crate::model::{Inventory, Platform, Subscription, UnixFacts, UpdateSource};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// What a host may install of what a part of the catalogue offers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Access {
    /// It is entitled to it, and switched it on.
    Subscribed,
    /// Everybody is.
    Open,
    /// It would need a subscription.
    NeedsSubscription,
}

/// A part of the catalogue that speaks of a host.
#[derive(Clone, Debug)]
pub struct Pocket {
    /// What it says.
    pub slice: Arc<Slice>,
    /// What the host may install of it.
    pub access: Access,
    /// Whether a repository that the host uses holds its fixes, as far as that is known.
    pub is_offered: bool,
}

/// Which parts of the catalogue repositories hold, by the ids of repositories.
pub(crate) type ContentSets = BTreeMap<String, Vec<String>>;

/// The ecosystems that concern a host, of those that the catalogue has, each with what the host may
/// install.
pub(crate) fn pockets<'a>(
    inventory: &Inventory,
    catalogued: impl IntoIterator<Item = &'a str>,
    sets: &ContentSets,
) -> Vec<(&'a str, Access)> {
    let platform = &inventory.platform;
    let Some(base) = platform.ecosystem.as_deref() else {
        return Vec::new();
    };
    let facts = Facts::of(inventory, sets);
    let access = |ecosystem: &str| {
        if ecosystem == base {
            return Some(Access::Open);
        }
        let (family, rest) = base.split_once(':')?;
        let other = ecosystem.strip_prefix(family)?.strip_prefix(':')?;
        match family {
            "Ubuntu" => facts.ubuntu(rest, other),
            "Red Hat" => facts.red_hat(platform, rest, other),
            "SUSE" => facts.suse(rest, other),
            _ => None,
        }
    };
    let catalogued = catalogued.into_iter();
    catalogued
        .filter_map(|ecosystem| Some((ecosystem, access(ecosystem)?)))
        .collect()
}

/// The ecosystems whose fixes the repositories hold that a host uses; `None` where that is not known.
pub(crate) fn offered(inventory: &Inventory, sets: &ContentSets) -> Option<BTreeSet<String>> {
    let sources = inventory.unix.as_deref()?.sources.known()?;
    let enabled = sources.iter().filter(|source| source.enabled);
    let offered = enabled.filter_map(|source| sets.get(&source.id)).flatten();
    let offered: BTreeSet<String> = offered.cloned().collect();
    // Repositories that nobody knows (a Satellite's) may hold anything.
    (!offered.is_empty()).then_some(offered)
}

/// What the host says of its entitlements.
struct Facts<'a> {
    sets: &'a ContentSets,
    subscription: Option<&'a Subscription>,
    sources: Option<&'a [UpdateSource]>,
    products: Option<&'a [String]>,
}

impl<'a> Facts<'a> {
    fn of(inventory: &'a Inventory, sets: &'a ContentSets) -> Self {
        let unix: Option<&UnixFacts> = inventory.unix.as_deref();
        Self {
            sets,
            subscription: unix.and_then(|unix| unix.subscription.known()),
            sources: unix.and_then(|unix| unix.sources.known().map(Vec::as_slice)),
            products: unix.and_then(|unix| unix.products.known().map(Vec::as_slice)),
        }
    }

    fn has_service(&self, names: &[&str]) -> bool {
        self.subscription.is_some_and(|subscription| {
            let mut services = subscription.services.iter();
            subscription.attached && services.any(|service| names.contains(&service.as_str()))
        })
    }

    /// Whether a repository is used that holds an ecosystem of Red Hat's, or has the mark of one in its
    /// name.
    fn uses(&self, ecosystem: &str, mark: &str) -> bool {
        let mut sources = self.sources.unwrap_or_default().iter();
        sources.any(|source| {
            let holds = self.sets.get(&source.id);
            let holds = holds.is_some_and(|sets| sets.iter().any(|set| set == ecosystem));
            source.enabled && (holds || source.id.to_ascii_lowercase().contains(mark))
        })
    }

    /// `Pro:22.04:LTS` beside `22.04:LTS`. Validated cryptography is another flavour of the same
    /// packages: it concerns those who switched it on alone.
    fn ubuntu(&self, base: &str, other: &str) -> Option<Access> {
        let pro = other.strip_prefix("Pro:")?;
        let subscribed = |is: bool| {
            if is {
                Access::Subscribed
            } else {
                Access::NeedsSubscription
            }
        };
        if pro == base {
            return Some(subscribed(self.has_service(&["esm-infra", "esm-apps"])));
        }
        let (flavour, release) = pro.split_once(':')?;
        let service = match flavour {
            "FIPS" => "fips",
            "FIPS-updates" => "fips-updates",
            "FIPS-preview" => "fips-preview",
            "Realtime" => "realtime-kernel",
            _ => return None,
        };
        (release == base && self.has_service(&[service])).then_some(Access::Subscribed)
    }

    /// `enterprise_linux:9::appstream` beside `enterprise_linux:9`; `rhel_eus:9.2::baseos` on a host of
    /// 9.2. A rebuild (CentOS) gets nothing of what subscribers get.
    fn red_hat(&self, platform: &Platform, base: &str, other: &str) -> Option<Access> {
        let (product, rest) = other.split_once(':')?;
        let release = rest.split("::").next().unwrap_or(rest);
        let major = base.strip_prefix("enterprise_linux:")?;
        if product == "enterprise_linux" {
            // RHEL 10 names its minor releases: `enterprise_linux:10.1`.
            let is_it = release == major
                || release
                    .strip_prefix(major)
                    .is_some_and(|rest| rest.starts_with('.'));
            return is_it.then_some(Access::Open);
        }
        if platform.id == "centos" {
            return None;
        }
        let (mark, is_minor) = match product {
            "rhel_eus" => ("-eus-", true),
            "rhel_eus_long_life" => ("-eus-long-life-", true),
            "rhel_aus" => ("-aus-", true),
            "rhel_tus" => ("-tus-", true),
            "rhel_e4s" => ("-e4s-", true),
            "rhel_els" => ("-els-", false),
            _ => return None,
        };
        let own = if is_minor {
            platform.version.as_deref()?
        } else {
            major
        };
        let is_used = self.uses(&format!("Red Hat:{other}"), mark);
        (release == own).then_some(if is_used {
            Access::Subscribed
        } else {
            Access::NeedsSubscription
        })
    }

    /// `Linux Enterprise Module for Basesystem 15 SP3` and `Linux Enterprise Server 15 SP3-LTSS` beside
    /// `Linux Enterprise Server 15 SP3`.
    fn suse(&self, base: &str, other: &str) -> Option<Access> {
        let release = release_of_suse(base)?;
        let (name, rest) = other.split_at_checked(other.find(release)?)?;
        let name = name.trim_end();
        let extension = rest.strip_prefix(release)?.trim_start_matches('-');
        if let Some(module) = name.strip_prefix("Linux Enterprise Module for ") {
            return (extension.is_empty() && self.has_module(module)).then_some(Access::Open);
        }
        let own = base.strip_suffix(release)?.trim_end();
        if name == "Linux Enterprise Live Patching" && extension.is_empty() {
            return self.has_module("live-patching").then_some(Access::Open);
        }
        // The server's packages are the SAP and HPC products', too.
        let is_own = name == own || name == "Linux Enterprise Server";
        match extension {
            _ if !is_own => None,
            "" => Some(Access::Open),
            "LTSS" => Some(self.long_term(&["ltss"])),
            "ESPOS" => Some(self.long_term(&["espos"])),
            _ => None,
        }
    }

    fn long_term(&self, words: &[&str]) -> Access {
        let has = |product: &String| {
            let product = product.to_ascii_lowercase();
            words.iter().any(|word| product.contains(word))
        };
        let by_product = self.products.unwrap_or_default().iter().any(has);
        if by_product || self.has_service(words) {
            Access::Subscribed
        } else {
            Access::NeedsSubscription
        }
    }

    /// Whether a module is installed. Where the products are not known all of them are taken to be: what
    /// is not installed has no packages.
    fn has_module(&self, name: &str) -> bool {
        let Some(products) = self.products else {
            return true;
        };
        let plain = |text: &str| -> String {
            let letters = text.chars().filter(char::is_ascii_alphanumeric);
            letters.collect::<String>().to_ascii_lowercase()
        };
        let wanted = plain(name);
        products.iter().any(|product| {
            let product = product.split(' ').next().unwrap_or_default();
            let product = product.strip_prefix("sle-module-").unwrap_or(product);
            let own = plain(product);
            own == wanted || wanted.starts_with(&own) && own.len() > 3
        })
    }
}

/// `15 SP3` of `Linux Enterprise Server 15 SP3`.
fn release_of_suse(base: &str) -> Option<&str> {
    let at = base.find(|letter: char| letter.is_ascii_digit())?;
    base.get(at..)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn inventory(ecosystem: &str, id: &str, version: &str) -> Inventory {
        crate::matching::tests::inventory_of(ecosystem, id, version)
    }

    fn of(inventory: &Inventory, catalogued: &[&'static str]) -> Vec<(&'static str, Access)> {
        pockets(inventory, catalogued.iter().copied(), &ContentSets::new())
    }

    #[test]
    fn a_release_has_its_own_part_and_no_other() {
        let host = inventory("Debian:12", "debian", "12");
        let all = ["Debian:11", "Debian:12", "Debian:12:x", "Ubuntu:22.04:LTS"];
        assert_eq!(of(&host, &all), [("Debian:12", Access::Open)]);
    }

    #[test]
    fn what_ubuntu_gives_to_subscribers_is_theirs() {
        let mut host = inventory("Ubuntu:18.04:LTS", "ubuntu", "18.04");
        let all = [
            "Ubuntu:18.04:LTS",
            "Ubuntu:Pro:18.04:LTS",
            "Ubuntu:Pro:20.04:LTS",
            "Ubuntu:Pro:FIPS:18.04:LTS",
        ];
        assert_eq!(
            of(&host, &all),
            [
                ("Ubuntu:18.04:LTS", Access::Open),
                ("Ubuntu:Pro:18.04:LTS", Access::NeedsSubscription),
            ]
        );
        host.unix = Some(Box::new(UnixFacts {
            subscription: crate::model::Observed::Known(Subscription {
                attached: true,
                services: vec!["esm-infra".to_owned(), "fips".to_owned()],
            }),
            ..UnixFacts::default()
        }));
        assert_eq!(
            of(&host, &all)[1..],
            [
                ("Ubuntu:Pro:18.04:LTS", Access::Subscribed),
                ("Ubuntu:Pro:FIPS:18.04:LTS", Access::Subscribed),
            ]
        );
    }

    #[test]
    fn extended_support_of_red_hat_is_that_of_the_minor_release() {
        let host = inventory("Red Hat:enterprise_linux:9", "rhel", "9.2");
        let all = [
            "Red Hat:enterprise_linux:9",
            "Red Hat:enterprise_linux:9::appstream",
            "Red Hat:enterprise_linux:8::baseos",
            "Red Hat:rhel_eus:9.2::baseos",
            "Red Hat:rhel_eus:9.4::baseos",
            "Red Hat:openshift:4.12::el9",
        ];
        assert_eq!(
            of(&host, &all),
            [
                ("Red Hat:enterprise_linux:9", Access::Open),
                ("Red Hat:enterprise_linux:9::appstream", Access::Open),
                ("Red Hat:rhel_eus:9.2::baseos", Access::NeedsSubscription),
            ]
        );
        let rebuild = inventory("Red Hat:enterprise_linux:7", "centos", "7");
        let all = ["Red Hat:enterprise_linux:7::server", "Red Hat:rhel_els:7"];
        assert_eq!(
            of(&rebuild, &all),
            [("Red Hat:enterprise_linux:7::server", Access::Open)]
        );
    }

    #[test]
    fn suse_has_a_part_for_each_module_that_is_installed() {
        let mut host = inventory("SUSE:Linux Enterprise Server 15 SP3", "sles", "15.3");
        let all = [
            "SUSE:Linux Enterprise Server 15 SP3",
            "SUSE:Linux Enterprise Server 15 SP3-LTSS",
            "SUSE:Linux Enterprise Module for Basesystem 15 SP3",
            "SUSE:Linux Enterprise Module for Containers 15 SP3",
            "SUSE:Linux Enterprise Module for Basesystem 15 SP4",
            "SUSE:Linux Enterprise Desktop 15 SP3",
        ];
        assert_eq!(of(&host, &all).len(), 4);
        host.unix = Some(Box::new(UnixFacts {
            products: crate::model::Observed::Known(vec![
                "SLES 15.3".to_owned(),
                "sle-module-basesystem 15.3".to_owned(),
            ]),
            ..UnixFacts::default()
        }));
        assert_eq!(
            of(&host, &all),
            [
                ("SUSE:Linux Enterprise Server 15 SP3", Access::Open),
                (
                    "SUSE:Linux Enterprise Server 15 SP3-LTSS",
                    Access::NeedsSubscription
                ),
                (
                    "SUSE:Linux Enterprise Module for Basesystem 15 SP3",
                    Access::Open
                ),
            ]
        );
    }
}
