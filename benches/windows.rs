//! How long it takes to judge Windows hosts by all of MSRC's documents: the goals are 10 ms a host and 30 s for
//! 10,000 varied ones, 50 ms to open the catalogue, and 150 MB with everything loaded.
//!
//! `UNDERDESK_CATALOG` names a catalogue into which the documents were imported; without it nothing is measured.

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::print_stderr,
    reason = "a benchmark that cannot run has nothing to say, and says so"
)]

use divan::Bencher;
use divan::counter::ItemsCount;
use rand::rngs::SmallRng;
use rand::{RngExt as _, SeedableRng as _};
use std::path::PathBuf;
use underdesk::catalog::{Catalog, Update};
use underdesk::matching::{self, Knowledge, Known};
use underdesk::model::{
    Date, Family, HostIdentity, Hotfix, HotfixSource, HotfixState, Inventory, Kernel, Observed,
    Platform, ProductKey, Reboot, WindowsBuild, WindowsFacts, WindowsRelease,
};

fn main() {
    if catalog_path().is_none() {
        eprintln!("SKIPPED: UNDERDESK_CATALOG names no catalogue with MSRC's documents");
        return;
    }
    divan::main();
    let catalog = Catalog::open(&catalog_path().unwrap()).unwrap();
    let slices: Vec<_> = catalog
        .products()
        .iter()
        .map(|key| catalog.product(key).unwrap().unwrap())
        .collect();
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let memory = status.lines().find(|line| line.starts_with("VmRSS"));
    eprintln!(
        "{} products loaded, {} flaws: {}",
        slices.len(),
        slices
            .iter()
            .map(|slice| slice.flaws().len())
            .sum::<usize>(),
        memory.unwrap_or("memory unknown")
    );
}

fn catalog_path() -> Option<PathBuf> {
    std::env::var_os("UNDERDESK_CATALOG").map(PathBuf::from)
}

/// Products, with the build and the kind of installation by which a host is told to be one.
const SYSTEMS: &[(&str, u32, &str)] = &[
    (
        "windows 7 for x64-based systems service pack 1",
        7601,
        "Client",
    ),
    (
        "windows server 2008 r2 for x64-based systems service pack 1",
        7601,
        "Server",
    ),
    ("windows server 2012", 9200, "Server"),
    ("windows server 2012 r2", 9600, "Server"),
    ("windows 8.1 for x64-based systems", 9600, "Client"),
    ("windows 10 for x64-based systems", 10240, "Client"),
    (
        "windows 10 version 1607 for x64-based systems",
        14393,
        "Client",
    ),
    ("windows server 2016", 14393, "Server"),
    (
        "windows 10 version 1809 for x64-based systems",
        17763,
        "Client",
    ),
    ("windows server 2019", 17763, "Server"),
    (
        "windows server 2019 (server core installation)",
        17763,
        "Server Core",
    ),
    (
        "windows 10 version 21h2 for x64-based systems",
        19044,
        "Client",
    ),
    (
        "windows 10 version 22h2 for x64-based systems",
        19045,
        "Client",
    ),
    ("windows server 2022", 20348, "Server"),
    (
        "windows 11 version 21h2 for x64-based systems",
        22000,
        "Client",
    ),
    (
        "windows 11 version 23h2 for x64-based systems",
        22631,
        "Client",
    ),
    (
        "windows 11 version 24h2 for x64-based systems",
        26100,
        "Client",
    ),
    (
        "windows 11 version 25h2 for x64-based systems",
        26200,
        "Client",
    ),
    ("windows server 2025", 26100, "Server"),
];

/// A host at any place of its product's history, with the updates of some months in its list.
fn host(catalog: &Catalog, number: u64) -> Inventory {
    let mut random = SmallRng::seed_from_u64(number);
    let (name, build, installation) = SYSTEMS[random.random_range(0..SYSTEMS.len())];
    let slice = catalog.product(&ProductKey::of(name)).unwrap().unwrap();
    let updates = slice.updates();
    let at = random.random_range(0..updates.len());
    let listed = updates[..=at].iter().rev().step_by(7).take(12);
    let revision = |update: &Update| update.builds.first()?.rsplit('.').next()?.parse().ok();
    Inventory {
        collector: "windows".to_owned(),
        platform: Platform {
            family: Family::Windows,
            id: "windows".to_owned(),
            name: name.to_owned(),
            version: None,
            codename: None,
            ecosystem: None,
            arch: Some("x86_64".to_owned()),
            kernel: Kernel::default(),
            windows: Some(WindowsRelease {
                build: WindowsBuild {
                    build,
                    ubr: revision(&updates[at]),
                },
                product_name: None,
                edition: None,
                installation: Some(installation.to_owned()),
                display_version: None,
                service_pack: None,
                role: None,
                sku: None,
                language: None,
                build_lab: None,
            }),
        },
        identity: HostIdentity::default(),
        unix: None,
        packages: Observed::default(),
        windows: Some(Box::new(WindowsFacts {
            hotfixes: Observed::Known(listed.filter_map(hotfix).collect()),
            ..WindowsFacts::default()
        })),
        services: Observed::default(),
        reboot: Observed::Known(Reboot::default()),
        gaps: Vec::new(),
    }
}

fn hotfix(update: &Update) -> Option<Hotfix> {
    let kb = update.id.kb()?;
    Some(Hotfix {
        id: kb.to_string(),
        kb: Some(kb),
        title: None,
        kind: None,
        state: HotfixState::Installed,
        build: None,
        installed_on: None,
        installed_at: None,
        installed_by: None,
        seen_in: vec![HotfixSource::Qfe],
    })
}

#[divan::bench]
fn open_the_catalogue(bencher: Bencher) {
    let path = catalog_path().unwrap();
    bencher.bench(|| Catalog::open(&path).unwrap());
}

/// From the file to the verdict on the first host of a product.
#[divan::bench(sample_count = 10)]
fn first_host(bencher: Bencher) {
    let path = catalog_path().unwrap();
    let host = host(&Catalog::open(&path).unwrap(), 7);
    let today = Date::parse("2026-07-06").unwrap();
    bencher.bench(|| {
        let knowledge = Knowledge::from(Catalog::open(&path).unwrap());
        let known = Known::load(&knowledge, &host).unwrap();
        matching::findings(&host, &known, today).len()
    });
}

/// Ten thousand hosts of nineteen products, each at its own place, on one core.
#[divan::bench(sample_count = 3)]
fn ten_thousand_hosts(bencher: Bencher) {
    const HOSTS: usize = 10_000;
    let knowledge = Knowledge::from(Catalog::open(&catalog_path().unwrap()).unwrap());
    let today = Date::parse("2026-07-06").unwrap();
    let fleet: Vec<Inventory> = (0..HOSTS as u64)
        .map(|number| host(&knowledge.catalog, number))
        .collect();
    bencher.counter(ItemsCount::new(HOSTS)).bench(|| {
        let judge = |host: &Inventory| {
            let known = Known::load(&knowledge, host).unwrap();
            matching::findings(host, &known, today).len()
        };
        fleet.iter().map(judge).sum::<usize>()
    });
}
