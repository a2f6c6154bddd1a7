//! The version of what listens, from the package that brought it.
//!
//! Only where it is sure: a program of this name, and one installed package that such a program
//! comes in.

use crate::model::{Package, PackageState, Service};
use std::collections::BTreeMap;

/// Names of programs, and the packages of all distributions that they come in.
const OWNERS: &[(&str, &[&str])] = &[
    ("sshd", &["openssh-server", "openssh"]),
    ("dropbear", &["dropbear-bin", "dropbear"]),
    (
        "nginx",
        &[
            "nginx",
            "nginx-core",
            "nginx-light",
            "nginx-extras",
            "nginx-full",
        ],
    ),
    ("apache2", &["apache2-bin", "apache2"]),
    ("httpd", &["httpd-core", "httpd", "apache2", "apache24"]),
    ("named", &["bind9", "bind", "bind918", "bind920"]),
    ("unbound", &["unbound"]),
    ("dnsmasq", &["dnsmasq-base", "dnsmasq"]),
    ("chronyd", &["chrony"]),
    ("cupsd", &["cups-daemon", "cups"]),
    ("smbd", &["samba"]),
    ("rpcbind", &["rpcbind"]),
    ("redis-server", &["redis-server", "redis"]),
    ("haproxy", &["haproxy"]),
    ("squid", &["squid"]),
    ("snmpd", &["snmpd", "net-snmp"]),
    ("vsftpd", &["vsftpd"]),
    ("dovecot", &["dovecot-core", "dovecot"]),
    ("exim4", &["exim4-daemon-light", "exim4-daemon-heavy"]),
];

/// Adds product and version to what listens, where the packages tell them.
pub(in crate::collect) fn with_versions(
    mut services: Vec<Service>,
    packages: &[Package],
) -> Vec<Service> {
    let mut installed: BTreeMap<&str, &Package> = BTreeMap::new();
    for package in packages {
        if package.state != PackageState::ConfigFiles {
            installed.insert(&package.name, package);
        }
    }
    for service in &mut services {
        let program = service.program.as_str();
        let Some((_, names)) = OWNERS.iter().find(|owner| owner.0 == program) else {
            continue;
        };
        let mut found = names.iter().filter_map(|name| installed.get(name));
        let Some(first) = found.next() else { continue };
        // Parts of one source package have one version; others would make it a guess.
        if found.all(|other| other.version == first.version) && service.version.is_empty() {
            service.product.clone_from(&first.name);
            service.version.clone_from(&first.version);
        }
    }
    services
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{PackageManager, SeenBy, SourcePackage};

    fn package(name: &str, version: &str) -> Package {
        Package {
            manager: PackageManager::Dpkg,
            name: name.to_owned(),
            version: version.to_owned(),
            arch: String::new(),
            source: SourcePackage::default(),
            state: PackageState::Installed,
            held: false,
            installed_at: None,
            vendor: None,
            module: None,
            repository: None,
        }
    }

    fn told(program: &str, packages: &[Package]) -> String {
        let service = Service {
            proto: "tcp".to_owned(),
            port: 22,
            bind: String::new(),
            state: String::new(),
            service: String::new(),
            product: String::new(),
            version: String::new(),
            program: program.to_owned(),
            user: String::new(),
            banner: String::new(),
            seen_by: SeenBy::Host,
            tls: None,
            certainty: crate::model::Certainty::None,
        };
        let services = with_versions(vec![service], packages);
        format!("{} {}", services[0].product, services[0].version)
    }

    #[test]
    fn a_program_has_the_version_of_its_package() {
        let packages = [
            package("openssh-client", "1:9"),
            package("openssh-server", "1:9.2p1-2"),
        ];
        assert_eq!(told("sshd", &packages), "openssh-server 1:9.2p1-2");
        assert_eq!(told("own-daemon", &packages), " ");
        assert_eq!(told("nginx", &packages), " ");
    }

    #[test]
    fn two_packages_that_disagree_and_the_remains_of_one_tell_nothing() {
        let two = [package("nginx", "1"), package("nginx-light", "2")];
        assert_eq!(told("nginx", &two), " ");
        let mut gone = package("nginx", "1");
        gone.state = PackageState::ConfigFiles;
        assert_eq!(told("nginx", &[gone]), " ");
    }
}
