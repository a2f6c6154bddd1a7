//! Whether a package is the distribution's own.
//!
//! A distribution's advisories speak of its own builds. A package of the same name from elsewhere
//! carries versions that follow other rules, so that neither "vulnerable" nor a fixed version means
//! anything: such a verdict is left `unverified`. Only what is stated counts: a mark in the version
//! that a known repository puts there, or a maintainer who is known to publish elsewhere. Thousands
//! of Debian's own maintainers write from addresses of their own, so that an unknown one proves
//! nothing.

use crate::model::Package;

/// Where a package is from when it is not the distribution's own, in a few words.
pub(super) fn foreign(package: &Package) -> Option<&'static str> {
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
