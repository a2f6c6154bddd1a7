//! How long it takes to judge a fleet: the goal is 1,000 hosts in 3 seconds.

#![expect(
    clippy::unwrap_used,
    reason = "a benchmark that cannot run has nothing to say"
)]

use divan::Bencher;
use divan::counter::ItemsCount;
use std::sync::Arc;
use underdesk::catalog::Slice;
use underdesk::matching::{self, Known};
use underdesk::model::{
    Affected, Bulletin, BulletinId, Date, Family, FixStatus, GapCause, HostIdentity, Inventory,
    Kernel, Nature, Observed, Package, PackageManager, PackageState, Platform, Reboot,
    SourcePackage, VersionRange,
};

fn main() {
    divan::main();
}

/// The fleet, of which each host has other versions.
const HOSTS: usize = 1_000;
/// Packages of a host, and how many share a source.
const PACKAGES: usize = 440;
const PER_SOURCE: usize = 2;
/// What a release's slice comes to: most of it about packages that a host does not have.
const SOURCES: usize = 3_000;
const PER_PACKAGE: usize = 12;
const OF_THE_KERNEL: usize = 4_000;

fn bulletin(number: usize, package: &str, fixed: Option<String>) -> Bulletin {
    let cve = format!("CVE-2024-{number}");
    Bulletin {
        id: BulletinId::new(format!("DEBIAN-{cve}")),
        feed: "osv".to_owned(),
        title: "A flaw in a parser lets whoever sends a file run code".to_owned(),
        cves: vec![cve],
        severity: None,
        cvss_tenths: Some(75),
        nature: Nature::default(),
        published: None,
        modified: None,
        withdrawn: None,
        references: Vec::new(),
        affected: vec![Affected {
            ecosystem: "Debian:12".to_owned(),
            package: package.to_owned(),
            scope: underdesk::model::PackageScope::default(),
            ranges: vec![VersionRange {
                introduced: None,
                fixed,
                last_affected: None,
            }],
            status: FixStatus::Stated,
            urgency: Some("not yet assigned".to_owned()),
        }],
    }
}

/// As on a Debian 12 server of 440 packages: nearly 800 flaws open, of which most have no fix and
/// most are the kernel's.
fn slice() -> Slice {
    let fixed = |n: usize| {
        (!n.is_multiple_of(16)).then(|| format!("1:{}.{}-1+deb12u{}", n % 9, n % 7, n % 3))
    };
    let rest = (0..SOURCES * PER_PACKAGE)
        .map(|n| bulletin(n, &format!("source-{}", n % SOURCES), fixed(n)));
    let kernel = (0..OF_THE_KERNEL).map(|n| {
        let fixed = (n % 8 > 0).then(|| format!("6.1.{}-1", n % 118));
        bulletin(1_000_000 + n, "linux", fixed)
    });
    Slice::new("Debian:12", rest.chain(kernel), [])
}

fn package(name: String, version: String, source: (&str, String)) -> Package {
    Package {
        manager: PackageManager::Dpkg,
        name,
        version,
        arch: "amd64".to_owned(),
        source: SourcePackage {
            name: source.0.to_owned(),
            version: source.1,
        },
        state: PackageState::Installed,
        held: false,
        installed_at: None,
        vendor: Some("A Team <team@lists.example.org>".to_owned()),
        module: None,
        repository: None,
    }
}

fn host(number: usize) -> Inventory {
    let mut packages: Vec<Package> = (0..PACKAGES)
        .map(|n| {
            let source = format!("source-{}", n / PER_SOURCE);
            let version = format!("1:{}.{}-1+deb12u1", 8 + (n + number) % 3, number % 7);
            package(format!("package-{n}"), version.clone(), (&source, version))
        })
        .collect();
    for patch in [115, 120] {
        packages.push(package(
            format!("linux-image-6.1.0-{patch}-amd64"),
            format!("6.1.{patch}-1"),
            ("linux-signed-amd64", format!("6.1.{patch}+1")),
        ));
    }
    let headers = "6.1.120-1".to_owned();
    packages.push(package(
        "linux-libc-dev".to_owned(),
        headers.clone(),
        ("linux", headers),
    ));
    inventory(packages)
}

fn inventory(packages: Vec<Package>) -> Inventory {
    fn open<T>() -> Observed<T> {
        Observed::gap_of("q", GapCause::NotAsked)
    }
    Inventory {
        collector: "debian".to_owned(),
        platform: Platform {
            family: Family::Debian,
            id: "debian".to_owned(),
            name: "Debian GNU/Linux 12 (bookworm)".to_owned(),
            version: Some("12".to_owned()),
            codename: Some("bookworm".to_owned()),
            ecosystem: Some("Debian:12".to_owned()),
            arch: Some("x86_64".to_owned()),
            windows: None,
            kernel: Kernel {
                running: Some("6.1.0-115-amd64".to_owned()),
                ..Kernel::default()
            },
        },
        identity: HostIdentity {
            machine_guid: Observed::default(),
            machine_id: open(),
            boot_id: open(),
            product_uuid: open(),
            serial: open(),
            vendor: open(),
            interfaces: open(),
            hostname: open(),
            fqdn: open(),
        },
        packages: Observed::Known(packages),
        windows: None,
        unix: None,
        services: Observed::Known(Vec::new()),
        reboot: Observed::Known(Reboot::default()),
        gaps: Vec::new(),
    }
}

/// A thousand hosts of one release, on one core.
#[divan::bench(sample_count = 3)]
fn thousand_hosts(bencher: Bencher) {
    let (slice, today) = (
        Known::of_slice(Some(Arc::new(slice())), None),
        Date::parse("2026-11-22").unwrap(),
    );
    let fleet: Vec<Inventory> = (0..HOSTS).map(host).collect();
    let Some(first) = fleet.first() else {
        return;
    };
    let findings = matching::findings(first, &slice, today);
    assert!((700..900).contains(&findings.len()), "{}", findings.len());
    bencher.counter(ItemsCount::new(HOSTS)).bench(|| {
        let judge = |host: &Inventory| matching::findings(host, &slice, today).len();
        fleet.iter().map(judge).sum::<usize>()
    });
}

/// One host, with the closed findings too.
#[divan::bench]
fn one_host_with_closed(bencher: Bencher) {
    let (slice, today) = (
        Known::of_slice(Some(Arc::new(slice())), None),
        Date::parse("2026-11-22").unwrap(),
    );
    let host = host(1);
    bencher.bench(|| matching::findings_with_closed(&host, &slice, today));
}
