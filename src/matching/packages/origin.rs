//! Whether a package is the distribution's own.
//!
//! A distribution's advisories speak of its own builds. A package of the same name from elsewhere
//! carries versions that follow other rules, so that neither "vulnerable" nor a fixed version means
//! anything: such a verdict is left `unverified`. Only what is stated counts: a mark in the version
//! that a known repository puts there, a maintainer who is known to publish elsewhere, or on rpm systems
//! a vendor that is not the distribution's. Thousands of Debian's own maintainers write from addresses of
//! their own, so that there an unknown one proves nothing.

use crate::model::{Package, PackageManager, Platform};
use std::fmt;

/// Who made a package, when that is not the distribution.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Origin<'a> {
    /// Somebody known.
    Known(&'static str),
    /// Whom the package names.
    Vendor(&'a str),
}

impl fmt::Display for Origin<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Known(name) => f.write_str(name),
            // Somebody else chose how long it is.
            Self::Vendor(name) => write!(f, "{name:.60}"),
        }
    }
}

/// Where a package is from when it is not the distribution's own, in a few words.
pub(super) fn foreign<'a>(package: &'a Package, platform: &Platform) -> Option<Origin<'a>> {
    match package.manager {
        PackageManager::Dpkg => debian(package).map(Origin::Known),
        PackageManager::Rpm => rpm(package, platform),
        _ => None,
    }
}

fn debian(package: &Package) -> Option<&'static str> {
    let marked = VERSION_MARKS
        .iter()
        .find(|(mark, _)| package.version.contains(mark));
    if let Some((_, origin)) = marked {
        return Some(origin);
    }
    let vendor = package.vendor.as_deref()?.to_ascii_lowercase();
    let known = VENDORS.iter().find(|(word, _)| vendor.contains(word))?;
    Some(known.1)
}

/// By the vendor that is in the package. One that has none was built by hand or by an old tool, and is
/// taken for the distribution's.
fn rpm<'a>(package: &'a Package, platform: &Platform) -> Option<Origin<'a>> {
    let vendor = package.vendor.as_deref()?.trim();
    let (_, own) = OWN_VENDORS.iter().find(|(id, _)| *id == platform.id)?;
    let word = vendor.to_ascii_lowercase();
    if word.is_empty() || word == "(none)" || own.iter().any(|own| word.contains(own)) {
        return None;
    }
    if word.contains("fedora project") {
        Some(Origin::Known("EPEL"))
    } else {
        Some(Origin::Vendor(vendor))
    }
}

/// By the `ID` of os-release, what the vendors of a distribution's own packages hold, in lower case.
const OWN_VENDORS: &[(&str, &[&str])] = &[
    ("almalinux", &["almalinux"]),
    ("amzn", &["amazon"]),
    ("centos", &["centos"]),
    ("fedora", &["fedora project"]),
    ("ol", &["oracle"]),
    ("opensuse-leap", &["opensuse", "suse"]),
    ("opensuse-tumbleweed", &["opensuse", "suse"]),
    ("rhel", &["red hat"]),
    ("rocky", &["rocky", "resf"]),
    ("sled", &["suse"]),
    ("sles", &["suse"]),
    ("sles_sap", &["suse"]),
];

const VERSION_MARKS: &[(&str, &str)] = &[
    ("~bpo", "backports"),
    ("+rpt", "Raspberry Pi"),
    ("+rpi", "Raspbian"),
    (".pgdg", "the PostgreSQL repository"),
    ("+deb.sury.org", "the Sury repository"),
    ("nodesource", "NodeSource"),
    ("~ppa", "a PPA"),
];

/// Lower-case parts of the Maintainer field.
const VENDORS: &[(&str, &str)] = &[
    ("nodesource", "NodeSource"),
    ("@docker.com", "Docker"),
    ("@microsoft.com", "Microsoft"),
    ("@google.com", "Google"),
    ("@chromium.org", "Google"),
    ("@hashicorp.com", "HashiCorp"),
    ("@mongodb.com", "MongoDB"),
    ("@elastic.co", "Elastic"),
    ("@percona.com", "Percona"),
    ("@mariadb.org", "MariaDB"),
    ("@mariadb.com", "MariaDB"),
    ("@oracle.com", "Oracle"),
    ("@nginx.com", "nginx.org"),
    ("@f5.com", "nginx.org"),
    ("@grafana.com", "Grafana"),
    ("@gitlab.com", "GitLab"),
    ("@proxmox.com", "Proxmox"),
    ("@gitea.io", "Gitea"),
    ("@nvidia.com", "NVIDIA"),
    ("@zabbix.com", "Zabbix"),
];
