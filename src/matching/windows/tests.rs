//! The traps of this trade, each with real facts: articles, builds and months as MSRC's documents state them.

use super::super::{Known, findings, findings_with_closed};
use super::{Rules, wanted};
use crate::catalog::ProductSlice;
use crate::model::{
    Advisory, AffectedProduct, BulletinId, Component, ComponentKind, Date, Family, FileVersion,
    Finding, FindingState, Fix, Gap, GapCause, HostIdentity, Hotfix, HotfixSource, HotfixState,
    Inventory, KbId, Kernel, Lifecycle, Nature, Observed, Platform, ProductKey, Reboot, UpdateId,
    UpdateKind, WindowsBuild, WindowsFacts, WindowsRelease,
};
use std::collections::BTreeMap;
use std::sync::Arc;

/// A host to be judged.
struct Desk {
    inventory: Inventory,
    advisories: Vec<Advisory>,
    lifecycle: Option<Lifecycle>,
}

impl Desk {
    fn new(build: u32, ubr: Option<u32>, installation: &str) -> Self {
        let release = WindowsRelease {
            build: WindowsBuild { build, ubr },
            product_name: None,
            edition: None,
            installation: Some(installation.to_owned()),
            display_version: None,
            service_pack: None,
            role: None,
            sku: None,
            language: None,
            build_lab: None,
        };
        let platform = Platform {
            family: Family::Windows,
            id: "windows".to_owned(),
            name: "Windows".to_owned(),
            version: None,
            codename: None,
            ecosystem: None,
            arch: Some("x86_64".to_owned()),
            kernel: Kernel::default(),
            windows: Some(release),
        };
        let facts = WindowsFacts {
            hotfixes: Observed::Known(Vec::new()),
            ..WindowsFacts::default()
        };
        Self {
            inventory: Inventory {
                collector: "windows".to_owned(),
                platform,
                identity: HostIdentity::default(),
                packages: Observed::default(),
                windows: Some(Box::new(facts)),
                unix: None,
                services: Observed::default(),
                reboot: Observed::Known(Reboot::default()),
                gaps: Vec::new(),
            },
            advisories: Vec::new(),
            lifecycle: None,
        }
    }

    fn facts(&mut self) -> &mut WindowsFacts {
        self.inventory.windows.as_mut().unwrap()
    }

    fn with(mut self, hotfixes: Vec<Hotfix>) -> Self {
        self.facts().hotfixes = Observed::Known(hotfixes);
        self
    }

    fn installed(self, kbs: &[u32]) -> Self {
        let hotfixes = kbs.iter().map(|kb| hotfix(*kb, HotfixState::Installed));
        self.with(hotfixes.collect())
    }

    fn file(mut self, path: &str, version: [u32; 4]) -> Self {
        let path = path.to_owned();
        self.facts().files = Observed::Known(vec![FileVersion { path, version }]);
        self
    }

    /// `document | product | CVE CVE … | KB kind build supersedes; KB …`
    fn says(mut self, line: &str) -> Self {
        let parts: Vec<&str> = line.split('|').map(str::trim).collect();
        let [document, product, cves, fixes] = parts[..] else {
            panic!("{line}")
        };
        let fixes: Vec<Fix> = fixes
            .split(';')
            .map(str::trim)
            .filter(|fix| !fix.is_empty())
            .map(fix)
            .collect();
        for cve in cves.split(' ') {
            self.advisories.push(Advisory {
                id: BulletinId::new(cve),
                feed: "msrc-cvrf".to_owned(),
                document: document.to_owned(),
                title: String::new(),
                cves: vec![cve.to_owned()],
                published: None,
                modified: None,
                affected: vec![AffectedProduct {
                    product: product.to_owned(),
                    severity: None,
                    cvss_tenths: None,
                    nature: Nature::default(),
                    fixes: fixes.clone(),
                }],
            });
        }
        self
    }

    fn until(mut self, end: &str, extended: Option<&str>) -> Self {
        self.lifecycle = Some(Lifecycle {
            product: "windows".to_owned(),
            version: "x".to_owned(),
            codename: None,
            released: None,
            end_of_life: Date::parse(end),
            end_of_extended: extended.and_then(Date::parse),
        });
        self
    }

    fn judged(&self, all: bool) -> Vec<Finding> {
        let keys = self.advisories.iter().flat_map(|one| &one.affected);
        let mut index: Vec<ProductKey> = keys.map(|one| ProductKey::of(&one.product)).collect();
        index.sort_unstable();
        index.dedup();
        let wanted = wanted(&self.inventory, &index, Rules::builtin()).products;
        let products: BTreeMap<_, _> = wanted
            .into_iter()
            .map(|key| {
                let slice = ProductSlice::new(&key, self.advisories.clone(), []);
                (key, Arc::new(slice))
            })
            .collect();
        let known = Known {
            lifecycle: self.lifecycle.as_ref(),
            products,
            has_products: true,
            ..Known::default()
        };
        let today = Date::parse("2026-07-06").unwrap();
        if all {
            findings_with_closed(&self.inventory, &known, today)
        } else {
            findings(&self.inventory, &known, today)
        }
    }

    /// `KB state CVE CVE …` of every open or undecided row; rows about the end of support are left out.
    fn open(&self) -> Vec<String> {
        let found = self.judged(false);
        let found = found
            .iter()
            .filter(|one| !one.bulletin.as_str().starts_with("end-of-life"));
        found.map(line).collect()
    }

    fn all(&self) -> Vec<String> {
        self.judged(true).iter().map(line).collect()
    }
}

fn line(finding: &Finding) -> String {
    let mut words = vec![
        finding.bulletin.to_string(),
        finding.state.as_str().to_owned(),
    ];
    words.extend(finding.cves.iter().cloned());
    words.join(" ")
}

fn fix(text: &str) -> Fix {
    let mut words = text.split(' ');
    let kb = words.next().unwrap().parse().unwrap();
    let kind = match words.next().unwrap() {
        "cu" => UpdateKind::Security,
        "rollup" => UpdateKind::MonthlyRollup,
        "only" => UpdateKind::SecurityOnly,
        "ie" => UpdateKind::IeCumulative,
        "hot" => UpdateKind::Hotpatch,
        "ssu" => UpdateKind::ServicingStack,
        "setup" => UpdateKind::SetupDynamic,
        other => panic!("{other}"),
    };
    let build = words.next().filter(|word| *word != "-").map(str::to_owned);
    Fix {
        together_with: Vec::new(),
        files: Vec::new(),
        update: UpdateId::Kb(KbId(kb)),
        kind,
        build,
        since: None,
        supersedes: words.map(|kb| KbId(kb.parse().unwrap())).collect(),
        restart: None,
        url: None,
    }
}

fn hotfix(kb: u32, state: HotfixState) -> Hotfix {
    Hotfix {
        id: KbId(kb).to_string(),
        kb: Some(KbId(kb)),
        title: None,
        kind: None,
        state,
        build: None,
        installed_on: None,
        installed_at: None,
        installed_by: None,
        seen_in: vec![HotfixSource::Qfe],
    }
}

fn rollup_fix(build: &str, state: HotfixState) -> Hotfix {
    Hotfix {
        id: format!("RollupFix {build}"),
        kb: None,
        kind: Some("RollupFix".to_owned()),
        build: Some(build.to_owned()),
        ..hotfix(0, state)
    }
}

const S2019: &str = "Windows Server 2019";

/// The last three months of Server 2019, whose documents name no predecessor for February 2026.
fn server_2019(ubr: Option<u32>) -> Desk {
    Desk::new(17763, ubr, "Server")
        .says(&format!("2021-Apr | {S2019} | CVE-2021-28310 | 5001342 cu - 5000822"))
        .says(&format!("2021-May | {S2019} | CVE-2021-31166 | 5003171 cu 10.0.17763.1935 5001342"))
        .says(&format!("2026-Feb | {S2019} | CVE-2026-20846 | 5075904 cu 10.0.17763.8389"))
        .says(&format!("2026-Mar | {S2019} | CVE-2026-23674 | 5078752 cu 10.0.17763.8511 5075904"))
        .says(&format!("2026-Apr | {S2019} | CVE-2026-32077 CVE-2026-32080 | 5082123 cu 10.0.17763.8644 5078752"))
}

#[test]
fn trap_1_a_patched_host_lacks_nothing_though_its_list_shows_one_update_only() {
    let desk = Desk::new(19045, Some(7417), "Client")
        .says("2025-Oct | Windows 10 Version 22H2 for x64-based Systems | CVE-2025-24990 | 5066791 cu 10.0.19045.6456 5065429")
        .says("2026-Jun | Windows 10 Version 22H2 for x64-based Systems | CVE-2026-1 | 5094127 cu 10.0.19045.7417 5087544")
        .installed(&[5_094_127]);
    assert!(desk.open().is_empty(), "{:?}", desk.open());
}

#[test]
fn trap_1_a_broken_chain_of_supersedence_breaks_nothing() {
    let desk = server_2019(Some(8511)).installed(&[5_078_752]);
    assert_eq!(
        desk.open(),
        ["KB5082123 missing CVE-2026-32077 CVE-2026-32080"]
    );
    let all = desk.all();
    assert!(
        all.contains(&"KB5078752 fixed CVE-2026-23674".to_owned()),
        "{all:?}"
    );
    assert!(
        all.contains(&"KB5001342 superseded CVE-2021-28310".to_owned()),
        "{all:?}"
    );
}

#[test]
fn trap_3_spellings_do_not_hide_a_product() {
    let desk = Desk::new(22000, Some(2600), "Client")
        .says("2023-Dec | Windows 11 for x64-based Systems | CVE-2023-1 | 5033369 cu 10.0.22000.2652 5032192")
        .says("2023-Nov | Windows 11 version 21H2 for x64-based Systems | CVE-2023-2 | 5032192 cu 10.0.22000.2600 5031358");
    assert_eq!(desk.open(), ["KB5033369 missing CVE-2023-1"]);
    let desk = Desk::new(9600, Some(20778), "Client")
        .says("2018-Jan | Windows 8.1 for x64-based systems | CVE-2018-1 | 4056895 rollup -")
        .says("2017-Jan | Windows 8.1 for x64-based Systems | CVE-2017-1 | 3212646 rollup -");
    assert_eq!(desk.open().len(), 2);
}

#[test]
fn trap_4_a_service_pack_is_part_of_the_product() {
    let desk = Desk::new(7601, None, "Server")
        .says("2020-Jan | Windows Server 2008 R2 for x64-based Systems Service Pack 1 | CVE-2020-0601 | 4534310 rollup - 4530734; 4534314 only -")
        .says("2012-Jan | Windows Server 2008 R2 for x64-based Systems | CVE-2012-1 | 2644615 cu -");
    assert_eq!(desk.open(), ["KB4534310 missing CVE-2020-0601"]);
}

#[test]
fn trap_4_without_the_last_service_pack_that_comes_first() {
    let desk = Desk::new(7600, None, "Client")
        .says("2012-Jan | Windows 7 for x64-based Systems | CVE-2012-1 | 2644615 cu -");
    assert_eq!(
        desk.open(),
        ["KB2644615 missing CVE-2012-1", "KB976932 missing"]
    );
}

#[test]
fn trap_5_the_first_windows_10_has_no_version_in_its_name() {
    let desk = Desk::new(10240, Some(20232), "Client")
        .says("2023-Nov | Windows 10 for x64-based Systems | CVE-2023-36025 | 5032199 cu 10.0.10240.20308 5031377")
        .says("2023-Nov | Windows 10 Version 1607 for x64-based Systems | CVE-2023-2 | 5032197 cu 10.0.14393.6452 5031362");
    assert_eq!(desk.open(), ["KB5032199 missing CVE-2023-36025"]);
}

#[test]
fn trap_6_no_name_is_taken_for_the_beginning_of_another() {
    let desk = Desk::new(9200, Some(24523), "Server")
        .says("2023-Oct | Windows Server 2012 | CVE-2023-1 | 5031442 rollup 6.2.9200.24523 5030278")
        .says("2023-Oct | Windows Server 2012 R2 | CVE-2023-2 | 5031419 rollup 6.3.9600.21620 5030269");
    assert!(desk.open().is_empty(), "{:?}", desk.open());
    let desk = Desk::new(20348, Some(5256), "Server")
        .says("2026-Jun | Windows Server 2022 | CVE-2026-1 | 5094128 cu 10.0.20348.5256 5087545")
        .says("2026-May | Windows Server 2022, 23H2 Edition (Server Core installation) | CVE-2026-2 | 5087541 cu 10.0.25398.2330");
    assert!(desk.open().is_empty(), "{:?}", desk.open());
}

#[test]
fn trap_7_the_client_and_the_server_of_one_build_are_never_compared() {
    let server = |ubr| {
        Desk::new(26100, Some(ubr), "Server")
            .says("2025-Nov | Windows Server 2025 | CVE-2025-1 CVE-2025-2 | 5068861 cu 10.0.26100.7171 5066835; 5068966 hot 10.0.26100.7092")
            .says("2026-Jan | Windows Server 2025 | CVE-2026-1 CVE-2026-2 | 5073379 cu 10.0.26100.32230 5072033")
            .says("2026-Jun | Windows Server 2025 | CVE-2026-3 CVE-2026-4 | 5094125 cu 10.0.26100.32995 5087539")
            // The client's update, by a slip.
            .says("2026-Jun | Windows Server 2025 | CVE-2026-50507 | 5094126 cu 10.0.26100.8655 5089549")
            .says("2026-Jun | Windows 11 Version 24H2 for x64-based Systems | CVE-2026-3 | 5094126 cu 10.0.26100.8655 5089549")
    };
    assert!(
        server(32995).open().is_empty(),
        "{:?}",
        server(32995).open()
    );
    assert_eq!(
        server(32230).open(),
        ["KB5094125 missing CVE-2026-3 CVE-2026-4 CVE-2026-50507"]
    );
    assert_eq!(server(7171).open().len(), 2);
}

#[test]
fn trap_7_server_releases_without_a_desktop_are_products_too() {
    let desk = Desk::new(19042, Some(1706), "Server Core")
        .says("2022-May | Windows Server, version 20H2 (Server Core Installation) | CVE-2022-1 | 5013942 cu 10.0.19042.1706 5012599")
        .says("2022-Jun | Windows Server, version 20H2 (Server Core Installation) | CVE-2022-2 | 5014699 cu 10.0.19042.1766 5013942");
    assert_eq!(desk.open(), ["KB5014699 missing CVE-2022-2"]);
}

#[test]
fn trap_9_internet_explorer_counts_in_the_version_that_is_installed() {
    let mut desk = Desk::new(7601, None, "Client")
        .says("2020-Jan | Windows 7 for x64-based Systems Service Pack 1 | CVE-2020-0601 | 4534310 rollup -; 4534314 only -")
        .says("2020-Jan | Internet Explorer 11 on Windows 7 for x64-based Systems Service Pack 1 | CVE-2020-0640 | 4534310 rollup -; 4534251 ie -")
        .says("2016-Apr | Internet Explorer 9 on Windows 7 for x64-based Systems Service Pack 1 | CVE-2016-0154 | 3148198 cu -");
    let component = Component {
        version: "11.0.9600.19597".to_owned(),
        ..Component::default()
    };
    desk.facts().components.insert(
        ComponentKind::InternetExplorer,
        Observed::Known(vec![component]),
    );
    assert_eq!(
        desk.open(),
        ["KB4534310 missing CVE-2020-0601 CVE-2020-0640"]
    );
    let desk = desk.installed(&[4_534_310]);
    assert!(desk.open().is_empty());
}

#[test]
fn a_security_only_update_closes_its_own_month_and_a_rollup_all_before() {
    let rollups = || {
        Desk::new(7601, None, "Client")
            .says("2019-Nov | Windows 7 for x64-based Systems Service Pack 1 | CVE-2019-1 | 4525235 rollup -; 4525233 only -")
            .says("2019-Dec | Windows 7 for x64-based Systems Service Pack 1 | CVE-2019-2 | 4530734 rollup -; 4530692 only -")
            .says("2020-Jan | Windows 7 for x64-based Systems Service Pack 1 | CVE-2020-3 | 4534310 rollup -; 4534314 only -")
    };
    let only = rollups().installed(&[4_530_692]);
    assert_eq!(
        only.open(),
        [
            "KB4525235 missing CVE-2019-1",
            "KB4534310 missing CVE-2020-3"
        ]
    );
    let rollup = rollups().installed(&[4_530_734]);
    assert_eq!(rollup.open(), ["KB4534310 missing CVE-2020-3"]);
    // The package store knows the build where the list has lost the article.
    let package = rollups()
        .says("2020-Feb | Windows 7 for x64-based Systems Service Pack 1 | CVE-2020-4 | 4537820 rollup 6.1.7601.24548 4534310")
        .with(vec![rollup_fix("7601.24548.1.6", HotfixState::Installed)]);
    assert!(package.open().is_empty(), "{:?}", package.open());
}

#[test]
fn a_rollup_is_witnessed_by_the_ubr_of_2012_and_a_security_only_update_never() {
    let server = |ubr| {
        Desk::new(9200, Some(ubr), "Server")
            .says("2023-Sep | Windows Server 2012 | CVE-2023-1 | 5030278 rollup 6.2.9200.24462 5029295; 5030279 only 6.2.9200.24462")
            .says("2023-Oct | Windows Server 2012 | CVE-2023-2 | 5031442 rollup 6.2.9200.24523 5030278; 5031427 only 6.2.9200.24521")
    };
    assert_eq!(server(24462).open(), ["KB5031442 missing CVE-2023-2"]);
    assert!(server(24523).open().is_empty());
    assert_eq!(server(24521).open(), ["KB5031442 missing CVE-2023-2"]);
}

#[test]
fn a_single_update_from_before_the_rollups_is_not_decided_under_a_rollup() {
    let name = "Windows Server 2012 R2";
    let server = || {
        Desk::new(9600, None, "Server")
            .says(&format!("2016-Jun | {name} | CVE-2016-3213 | 3161949 cu -"))
            .says(&format!("2016-Sep | {name} | CVE-2016-3345 | 3177186 cu -"))
            .says(&format!(
                "2016-Oct | {name} | CVE-2016-3266 | 3185331 rollup - 3177186; 3192392 only -"
            ))
    };
    assert_eq!(
        server().installed(&[3_185_331]).open(),
        ["unverified:under-rollup unverified CVE-2016-3213"],
        "the one that the rollup names as replaced is closed"
    );
    let states: Vec<String> = server().open();
    assert_eq!(states.len(), 3, "{states:?}");
    assert!(states.iter().all(|line| line.contains(" missing ")));
}

#[test]
fn what_came_out_after_the_end_of_support_is_told_and_not_hidden() {
    let server = |kbs: &[u32]| {
        Desk::new(9600, None, "Server")
            .says("2023-Oct | Windows Server 2012 R2 | CVE-2023-1 | 5031419 rollup 6.3.9600.21620")
            .says("2023-Nov | Windows Server 2012 R2 | CVE-2023-2 | 5032249 rollup 6.3.9600.21668 5031419")
            .says("2023-Dec | Windows Server 2012 R2 | CVE-2023-3 | 5033420 rollup 6.3.9600.21715 5032249")
            .until("2023-10-10", Some("2026-10-13"))
            .installed(kbs)
    };
    assert_eq!(
        server(&[5_031_419, 2_919_355]).open(),
        [
            "KB5032249 missing_needs_subscription CVE-2023-2",
            "KB5033420 missing_needs_subscription CVE-2023-3",
        ]
    );
    assert_eq!(
        server(&[5_032_249]).open(),
        ["KB5033420 missing CVE-2023-3"]
    );
}

#[test]
fn the_remedy_is_the_newest_update_that_is_to_be_had() {
    let found = server_2019(Some(8389)).judged(false);
    let remedies: Vec<_> = found
        .iter()
        .map(|one| {
            let remedy = one.remedy.as_ref().unwrap();
            (
                one.bulletin.to_string(),
                remedy.update.clone(),
                remedy.supersedes.join(" "),
            )
        })
        .collect();
    let newest = "KB5082123".to_owned();
    assert_eq!(
        remedies,
        [
            (
                "KB5078752".to_owned(),
                newest.clone(),
                "KB5078752".to_owned()
            ),
            ("KB5082123".to_owned(), newest, "KB5078752".to_owned()),
        ]
    );
    let desk = Desk::new(9600, None, "Server")
        .says("2023-Oct | Windows Server 2012 R2 | CVE-2023-1 | 5031419 rollup 6.3.9600.21620");
    let found = desk.judged(false);
    let remedy = found.first().unwrap().remedy.as_ref().unwrap();
    assert_eq!(remedy.prerequisites, ["KB2919355"]);
}

#[test]
fn hotpatches_count_on_hosts_that_take_them() {
    let server = |ubr| {
        Desk::new(20348, Some(ubr), "Server")
            .says("2025-Oct | Windows Server 2022 | CVE-2025-0 | 5066782 cu 10.0.20348.4294 5065432")
            .says("2025-Nov | Windows Server 2022 | CVE-2025-1 | 5068787 cu 10.0.20348.4405 5066782; 5068840 hot 10.0.20348.4346")
            .says("2025-Dec | Windows Server 2022 | CVE-2025-2 CVE-2025-3 | 5071547 cu 10.0.20348.4529 5068787; 5071413 hot 10.0.20348.4467 5068840")
            .says("2025-Dec | Windows Server 2022 | CVE-2025-54100 | 5071547 cu 10.0.20348.4529 5068787; 5074353 only 10.0.20348.4467")
    };
    assert_eq!(
        server(4294).open(),
        [
            "KB5068787 missing CVE-2025-1",
            "KB5071547 missing CVE-2025-2 CVE-2025-3 CVE-2025-54100",
        ]
    );
    assert_eq!(
        server(4346).open(),
        ["KB5071547 missing CVE-2025-2 CVE-2025-3 CVE-2025-54100"]
    );
    // The hotpatch of December fixes all but one, which has an update of its own.
    assert_eq!(server(4467).open(), ["KB5071547 missing CVE-2025-54100"]);
    assert!(
        server(4467)
            .installed(&[5_071_413, 5_074_353])
            .open()
            .is_empty()
    );
    assert!(server(4529).open().is_empty());
    // A hotpatch that is listed too early closes nothing for those who take none.
    let early = server(4294).says("2026-May | Windows Server 2022 | CVE-2026-42825 | 5087545 cu 10.0.20348.5139; 5066700 hot 10.0.20348.4200");
    assert_eq!(
        early.open().last().unwrap(),
        "KB5087545 missing CVE-2026-42825"
    );
    // What only a hotpatch fixes concerns only who takes them.
    let with = |ubr| {
        server(ubr)
            .says("2025-Nov | Windows Server 2022 | CVE-2025-9 | 5068840 hot 10.0.20348.4346")
    };
    assert_eq!(with(4294).open(), server(4294).open());
    let remedy = server(4346).judged(false)[0].remedy.clone().unwrap();
    assert_eq!(remedy.update, "KB5071413");
}

#[test]
fn what_the_list_says_and_the_registry_denies_is_open() {
    let desk = server_2019(Some(8389)).installed(&[5_082_123]);
    assert_eq!(
        desk.open(),
        [
            "KB5078752 inconsistent CVE-2026-23674",
            "KB5082123 inconsistent CVE-2026-32077 CVE-2026-32080",
        ]
    );
    let mut desk = server_2019(Some(8389)).installed(&[5_082_123]);
    desk.inventory.reboot = Observed::Known(Reboot {
        required: true,
        packages: Vec::new(),
    });
    assert!(
        desk.open()
            .iter()
            .all(|line| line.contains(" pending_reboot "))
    );
    let pending = vec![rollup_fix("17763.8644.1.8", HotfixState::PendingReboot)];
    let desk = server_2019(Some(8511)).with(pending);
    assert_eq!(
        desk.open(),
        ["KB5082123 pending_reboot CVE-2026-32077 CVE-2026-32080"]
    );
}

#[test]
fn what_waits_and_is_newer_than_the_catalogue_has_all_that_is_older() {
    let both = [
        "KB5078752 pending_reboot CVE-2026-23674",
        "KB5082123 pending_reboot CVE-2026-32077 CVE-2026-32080",
    ];
    let newer = Hotfix {
        kind: Some("Security Update".to_owned()),
        build: Some("17763.8755".to_owned()),
        ..hotfix(5_087_538, HotfixState::PendingReboot)
    };
    let waits = |hotfix: Hotfix| server_2019(Some(8389)).with(vec![hotfix]).open();
    assert_eq!(waits(newer.clone()), both);
    let package = rollup_fix("17763.8755.1.4", HotfixState::PendingReboot);
    assert_eq!(waits(package), both);
    // Neither of another part of the system, nor without a build, nor before all that is missing.
    let missing = both.map(|line| line.replace("pending_reboot", "missing"));
    let stack = Hotfix {
        kind: Some("ServicingStack".to_owned()),
        ..newer.clone()
    };
    assert_eq!(waits(stack), missing);
    let nameless = Hotfix {
        build: None,
        ..newer.clone()
    };
    assert_eq!(waits(nameless), missing);
    let between = Hotfix {
        build: Some("17763.8600".to_owned()),
        ..newer
    };
    assert_eq!(waits(between), [both[0].to_owned(), missing[1].clone()]);
}

#[test]
fn each_witness_says_what_it_alone_would() {
    let desk = server_2019(Some(8389)).with(vec![
        hotfix(5_078_752, HotfixState::Installed),
        rollup_fix("17763.8644.1.8", HotfixState::PendingReboot),
    ]);
    let found = desk.judged(false);
    let said = |bulletin: &str| -> Vec<(String, Option<bool>)> {
        let row = found.iter().find(|one| one.bulletin.as_str() == bulletin);
        let witnesses = row.unwrap().evidence.witnesses.iter();
        witnesses
            .map(|one| (one.value.clone(), one.says_fixed))
            .collect()
    };
    assert_eq!(
        said("KB5078752"),
        [
            ("8389".to_owned(), Some(false)),
            ("KB5078752 installed".to_owned(), Some(true)),
            ("8644 pending_reboot".to_owned(), Some(false)),
        ]
    );
}

#[test]
fn files_that_lag_far_behind_the_registry_are_believed() {
    let mut desk = server_2019(Some(8644))
        .says(&format!(
            "2025-Dec | {S2019} | CVE-2025-9 | 5071544 cu 10.0.17763.8146"
        ))
        .says(&format!(
            "2026-Jan | {S2019} | CVE-2026-8 | 5073723 cu 10.0.17763.8276"
        ));
    let path = r"c:\windows\system32\ntoskrnl.exe";
    desk = desk.file(path, [10, 0, 17763, 8644]);
    assert!(desk.open().is_empty());
    // A file that is one release older is what some updates leave.
    desk = desk.file(path, [10, 0, 17763, 8511]);
    assert!(desk.open().is_empty());
    desk = desk.file(path, [10, 0, 17763, 8146]);
    let open = desk.open();
    assert_eq!(open.len(), 4, "{open:?}");
    assert!(open.iter().all(|line| line.contains(" inconsistent ")));
    assert!(
        desk.judged(false)[0]
            .evidence
            .rule
            .contains("ntoskrnl.exe is of revision 8146")
    );
}

#[test]
fn a_build_that_is_stated_too_high_makes_nothing_missing() {
    let name = "Windows 11 Version 22H2 for x64-based Systems";
    let desk = |ubr| {
        Desk::new(22621, Some(ubr), "Client")
            .says(&format!(
                "2022-Nov | {name} | CVE-2022-1 | 5019980 cu 10.0.22621.819"
            ))
            .says(&format!(
                "2022-Dec | {name} | CVE-2022-2 | 5021255 cu 10.0.22621.993 5019980"
            ))
            .says(&format!(
                "2023-Jan | {name} | CVE-2023-3 | 5022303 cu 10.0.22621.1105 5021255"
            ))
    };
    assert_eq!(desk(963).open(), ["KB5022303 missing CVE-2023-3"]);
    // A slip that nobody has listed yet: the article is installed, the UBR between its neighbours.
    let desk = desk(1100).installed(&[5_022_303]);
    assert!(desk.open().is_empty(), "{:?}", desk.open());
}

#[test]
fn an_update_of_another_system_is_placed_by_its_number() {
    let name = "Windows 11 Version 24H2 for x64-based Systems";
    let desk = |ubr| {
        Desk::new(26100, Some(ubr), "Client")
            .says(&format!(
                "2024-Aug | {name} | CVE-2024-1 | 5041571 cu 10.0.26100.1457"
            ))
            .says(&format!(
                "2025-Mar | {name} | CVE-2025-1 | 5053598 cu 10.0.26100.3476"
            ))
            .says(&format!(
                "2025-Apr | {name} | CVE-2025-2 | 5055523 cu 10.0.26100.3775 5053598"
            ))
            // The article is that of 22H2 and 23H2, of April 2025.
            .says(&format!(
                "2024-Aug | {name} | CVE-2022-2601 | 5055528 cu 10.0.22621.5189 5053602"
            ))
    };
    assert_eq!(
        desk(3476).open(),
        ["KB5055523 missing CVE-2022-2601 CVE-2025-2"]
    );
    assert!(desk(3775).open().is_empty());
}

#[test]
fn a_host_that_tells_neither_build_nor_updates_is_unknown_and_not_clean() {
    let mut desk = server_2019(None);
    desk.facts().hotfixes = Observed::gap_of("qfe", GapCause::Denied);
    let found = desk.judged(false);
    assert_eq!(found.len(), 1);
    assert!(found[0].leaves_machine_unjudged());
    assert_eq!(found[0].evidence.rule, "no answer to qfe: denied");
    // A list without any cumulative update proves nothing on Windows 10 and later.
    let desk = server_2019(None).installed(&[5_012_170]);
    assert_eq!(desk.judged(false)[0].state, FindingState::Unknown);
    // The UBR alone decides.
    let mut desk = server_2019(Some(8511));
    desk.facts().hotfixes = Observed::gap_of("qfe", GapCause::Denied);
    assert_eq!(
        desk.open(),
        ["KB5082123 missing CVE-2026-32077 CVE-2026-32080"]
    );
}

#[test]
fn before_the_builds_of_the_documents_the_list_decides() {
    let at_rtm = server_2019(Some(1));
    assert_eq!(at_rtm.open().len(), 5, "{:?}", at_rtm.open());
    assert!(at_rtm.open().iter().all(|line| line.contains(" missing ")));
    let listed = server_2019(Some(1879)).installed(&[5_001_342]);
    assert_eq!(listed.open().len(), 4);
    let nothing = server_2019(Some(1879));
    assert!(
        nothing
            .open()
            .contains(&"unverified:before-builds unverified CVE-2021-28310".to_owned()),
        "{:?}",
        nothing.open()
    );
    // Without a UBR (the text of systeminfo) the newest listed update is the place.
    let offline = server_2019(None).installed(&[5_078_752]);
    assert_eq!(
        offline.open(),
        ["KB5082123 missing CVE-2026-32077 CVE-2026-32080"]
    );
}

#[test]
fn streams_of_their_own_are_not_closed_by_a_cumulative_update() {
    let desk = |kbs: &[u32], stack: Option<&str>| {
        let mut hotfixes: Vec<Hotfix> = kbs
            .iter()
            .map(|kb| hotfix(*kb, HotfixState::Installed))
            .collect();
        hotfixes.extend(stack.map(|build| Hotfix {
            kind: Some("ServicingStack".to_owned()),
            ..rollup_fix(build, HotfixState::Installed)
        }));
        server_2019(Some(8644))
            .says(&format!(
                "2022-Aug | {S2019} | CVE-2022-34301 | 5012170 cu 10.0.17763.3284 4535680"
            ))
            .says(&format!(
                "2020-Jul | {S2019} | CVE-2020-1346 | 4558997 ssu -"
            ))
            .says(&format!(
                "2019-Oct | {S2019} | CVE-2019-1344 | 4519337 setup -"
            ))
            .with(hotfixes)
    };
    assert_eq!(
        desk(&[5_082_123], None).open(),
        [
            "unverified:secure-boot unverified CVE-2022-34301",
            "unverified:servicing-stack unverified CVE-2020-1346",
        ]
    );
    let settled = desk(&[5_082_123, 5_012_170], Some("17763.8640.1.0"));
    assert!(settled.open().is_empty(), "{:?}", settled.open());
}

#[test]
fn a_servicing_stack_is_judged_by_its_own_version() {
    let name = "Windows Server 2016";
    let desk = |stack: &str| {
        let package = Hotfix {
            kind: Some("ServicingStack".to_owned()),
            ..rollup_fix(stack, HotfixState::Installed)
        };
        Desk::new(14393, Some(9234), "Server")
            .says(&format!(
                "2026-Jun | {name} | CVE-2026-1 | 5094122 cu 10.0.14393.9234"
            ))
            // The advisory is of November 2018, and names the newest one.
            .says(&format!(
                "2018-Nov | {name} | ADV990001 | 5043124 ssu 10.0.14393.7334"
            ))
            .with(vec![hotfix(5_094_122, HotfixState::Installed), package])
    };
    assert_eq!(desk("14393.7330.1.1").open(), ["KB5043124 missing"]);
    // From Windows 10 2004 on the cumulative update brings it.
    let name = "Windows 11 Version 24H2 for x64-based Systems";
    let new = |ubr| {
        Desk::new(26100, Some(ubr), "Client")
            .says(&format!(
                "2024-Sep | {name} | CVE-2024-1 | 5043080 cu 10.0.26100.1742"
            ))
            .says(&format!(
                "2024-Oct | {name} | CVE-2024-38202 | 5047621 ssu 10.0.26100.2303"
            ))
    };
    assert!(new(2314).open().is_empty());
    assert_eq!(
        new(1742).open(),
        ["unverified:servicing-stack unverified CVE-2024-38202"]
    );
    assert!(desk("14393.7334.1.1").open().is_empty());
}

#[test]
fn what_no_catalogue_lists_is_unknown() {
    let mut desk = server_2019(Some(8644));
    desk.inventory
        .platform
        .windows
        .as_mut()
        .unwrap()
        .build
        .build = 99999;
    assert_eq!(desk.open(), ["unknown:current-version unknown"]);
    let mut desk = server_2019(Some(8644));
    desk.inventory
        .platform
        .windows
        .as_mut()
        .unwrap()
        .build
        .build = 20348;
    assert_eq!(desk.open(), ["unknown:catalogue unknown"]);
}

#[test]
fn a_flaw_without_an_update_is_told_once() {
    let desk = server_2019(Some(8644)).says(&format!(
        "2022-Jan | {S2019} | CVE-2013-3900 CVE-2022-37966 | "
    ));
    assert_eq!(
        desk.open(),
        ["unverified:no-update-stated unverified CVE-2013-3900 CVE-2022-37966"]
    );
}

#[test]
fn without_any_catalogue_of_windows_nobody_is_clean() {
    let desk = server_2019(Some(8644));
    let today = Date::parse("2026-07-06").unwrap();
    let found = findings(&desk.inventory, &Known::default(), today);
    assert_eq!(found.len(), 1);
    assert!(found[0].leaves_machine_unjudged());
    assert_eq!(found[0].bulletin.as_str(), "unknown:windows-updates");
}

#[test]
fn a_list_that_was_cut_short_proves_nothing_by_what_it_lacks() {
    let name = "Windows 7 for x64-based Systems Service Pack 1";
    let mut desk = Desk::new(7601, None, "Client")
        .says(&format!(
            "2019-Dec | {name} | CVE-2019-2 | 4530734 rollup -"
        ))
        .says(&format!(
            "2020-Jan | {name} | CVE-2020-3 | 4534310 rollup -"
        ))
        .installed(&[4_530_734]);
    assert_eq!(desk.open(), ["KB4534310 missing CVE-2020-3"]);
    desk.inventory.gaps = vec![Gap {
        question: "qfe".to_owned(),
        cause: GapCause::Malformed,
    }];
    assert_eq!(desk.open(), ["unknown:hotfixes unknown CVE-2020-3"]);
}

#[test]
fn a_cumulative_update_that_is_told_of_for_internet_explorer_only_is_one() {
    let name = "Windows Server 2016";
    let desk = Desk::new(14393, None, "Server")
        .says(&format!(
            "2018-Dec | {name} | CVE-2018-8611 | 4471321 cu - 4467691"
        ))
        .says(&format!(
            "2018-Dec | Internet Explorer 11 on {name} | CVE-2018-8653 | 4483229 cu -"
        ))
        .says(&format!("2019-Jan | {name} | CVE-2019-0543 | 4480961 cu -"))
        .installed(&[4_483_229]);
    assert_eq!(desk.open(), ["KB4480961 missing CVE-2019-0543"]);
}

#[test]
fn an_update_that_is_told_of_for_an_old_flaw_only_keeps_its_place() {
    let name = "Windows 10 Version 1809 for ARM64-based Systems";
    let mut desk = Desk::new(17763, Some(5936), "Client")
        .says(&format!(
            "2024-May | {name} | CVE-2024-1 | 5037765 cu 10.0.17763.5820"
        ))
        .says(&format!(
            "2024-Jun | {name} | CVE-2024-2 | 5039217 cu 10.0.17763.5936"
        ))
        // The update of July 2024.
        .says(&format!(
            "2023-May | {name} | CVE-2023-24932 | 5040430 cu 10.0.17763.6054"
        ));
    desk.inventory.platform.arch = Some("arm64".to_owned());
    assert_eq!(desk.open(), ["KB5040430 missing CVE-2023-24932"]);
}

#[test]
fn a_slip_in_the_build_of_a_months_only_update_hides_nothing() {
    let name = "Windows 11 version 21H2 for x64-based Systems";
    let desk = |ubr| {
        Desk::new(22000, Some(ubr), "Client")
            .says(&format!(
                "2023-Jan | {name} | CVE-2023-1 | 5022287 cu 10.0.22000.1455"
            ))
            // 22621 is the build of 22H2; the UBR is right.
            .says(&format!(
                "2023-Feb | {name} | CVE-2023-21808 | 5022836 cu 10.0.22621.1574"
            ))
            .says(&format!(
                "2023-Mar | {name} | CVE-2023-3 | 5023698 cu 10.0.22000.1696"
            ))
    };
    assert_eq!(
        desk(1455).open(),
        [
            "KB5022836 missing CVE-2023-21808",
            "KB5023698 missing CVE-2023-3"
        ]
    );
    assert_eq!(desk(1574).open(), ["KB5023698 missing CVE-2023-3"]);
}
