//! The traps, each with the facts of real advisories.

use super::*;
use crate::catalog::ProductSlice;
use crate::matching::Which;
use crate::matching::known::Known;
use crate::model::{
    Advisory, AffectedProduct, Arch, BuildRow, Date, Download, Family, FileHash, FileVersion, Fix,
    GapCause, HostIdentity, HotfixSource, Inventory, Kernel, Lifecycle, Nature, Platform, Program,
    ProgramScope, Severity, UpdateId, UpdateKind, UtcTime, WindowsBuild, WindowsRelease,
};
use std::collections::BTreeMap;
use std::sync::Arc;

/// A host and a catalogue in the making.
struct Scene {
    facts: WindowsFacts,
    build: WindowsBuild,
    system: &'static str,
    advisories: Vec<Advisory>,
    builds: BTreeMap<String, Arc<[BuildRow]>>,
    lifecycles: Vec<Lifecycle>,
    which: Which,
    rules: Rules,
}

fn scene() -> Scene {
    Scene {
        facts: WindowsFacts::default(),
        build: WindowsBuild {
            build: 17763,
            ubr: Some(8644),
        },
        system: "windows server 2019",
        advisories: Vec::new(),
        builds: BTreeMap::new(),
        lifecycles: Vec::new(),
        which: Which::Open,
        rules: Rules::builtin().clone(),
    }
}

impl Scene {
    fn component(mut self, kind: ComponentKind, name: &str, version: &str) -> Self {
        let component = Component {
            name: name.to_owned(),
            version: version.to_owned(),
            source: "a key".to_owned(),
            ..Component::default()
        };
        self.push(kind, component);
        self
    }

    fn push(&mut self, kind: ComponentKind, component: Component) {
        let list = self
            .facts
            .components
            .entry(kind)
            .or_insert(Observed::Known(Vec::new()));
        match list {
            Observed::Known(list) => list.push(component),
            Observed::Unknown(_) => {}
        }
    }

    fn click_to_run(mut self, version: &str, ids: &str, channel: &str) -> Self {
        let component = Component {
            name: "Office Click-to-Run".to_owned(),
            version: version.to_owned(),
            edition: Some(ids.to_owned()),
            channel: Some(channel.to_owned()),
            arch: Some("x64".to_owned()),
            ..Component::default()
        };
        self.push(ComponentKind::OfficeClickToRun, component);
        self
    }

    fn office_file(mut self, name: &str, version: &str) -> Self {
        let path = r"c:\program files\microsoft office\office16\file.exe".to_owned();
        let component = Component {
            name: name.to_owned(),
            version: version.to_owned(),
            path: Some(path.clone()),
            source: path,
            ..Component::default()
        };
        self.push(ComponentKind::OfficeMsi, component);
        self
    }

    fn hotfix(mut self, id: &str, state: HotfixState) -> Self {
        let hotfix = Hotfix {
            id: id.to_owned(),
            kb: KbId::find(id),
            title: None,
            kind: None,
            state,
            build: None,
            installed_on: None,
            installed_at: None,
            installed_by: None,
            seen_in: vec![HotfixSource::Cbs],
        };
        match &mut self.facts.hotfixes {
            Observed::Known(list) => list.push(hotfix),
            other @ Observed::Unknown(_) => *other = Observed::Known(vec![hotfix]),
        }
        self
    }

    fn file(mut self, path: &str, version: [u32; 4]) -> Self {
        let file = FileVersion {
            path: path.to_owned(),
            version,
        };
        match &mut self.facts.files {
            Observed::Known(list) => list.push(file),
            other @ Observed::Unknown(_) => *other = Observed::Known(vec![file]),
        }
        self
    }

    fn program(mut self, name: &str, publisher: Option<&str>, version: &str) -> Self {
        let program = Program {
            name: name.to_owned(),
            version: Some(version.to_owned()),
            publisher: publisher.map(str::to_owned),
            arch: Some("x64".to_owned()),
            scope: ProgramScope::Machine,
            installed_on: None,
            location: None,
            key: name.to_owned(),
        };
        match &mut self.facts.programs {
            Observed::Known(list) => list.push(program),
            other @ Observed::Unknown(_) => *other = Observed::Known(vec![program]),
        }
        self
    }

    /// `update` is an article's number or words; `build` may be empty.
    #[expect(clippy::too_many_arguments, reason = "a sentence of a record")]
    fn says(mut self, document: &str, cve: &str, product: &str, update: &str, build: &str) -> Self {
        let id = match update.parse() {
            Ok(number) => UpdateId::Kb(KbId(number)),
            Err(_) => UpdateId::Named(update.to_owned()),
        };
        let fix = Fix {
            together_with: Vec::new(),
            files: Vec::new(),
            update: id,
            kind: UpdateKind::Security,
            build: (!build.is_empty()).then(|| build.to_owned()),
            since: None,
            supersedes: Vec::new(),
            restart: None,
            url: None,
        };
        let day = Date::parse(&format!("{}-12", month_of(document))).unwrap();
        self.advisories.push(Advisory {
            id: BulletinId::new(cve),
            feed: "msrc-cvrf".to_owned(),
            document: document.to_owned(),
            title: String::new(),
            cves: vec![cve.to_owned()],
            published: UtcTime::parse(&format!("{day}T08:00:00Z")),
            modified: None,
            affected: vec![AffectedProduct {
                product: product.to_owned(),
                severity: Some(Severity::High),
                cvss_tenths: Some(78),
                nature: Nature::default(),
                fixes: vec![fix],
            }],
        });
        self
    }

    /// Of the last record: the first version that is affected.
    fn since(mut self, version: &str) -> Self {
        let last = self.advisories.last_mut().unwrap();
        last.affected[0].fixes[0].since = Some(version.to_owned());
        self
    }

    /// Of the last record: another fix, of the branch that begins with a version.
    fn or(mut self, update: &str, build: &str, since: &str) -> Self {
        let fixes = &mut self.advisories.last_mut().unwrap().affected[0].fixes;
        let mut fix = fixes[0].clone();
        fix.update = UpdateId::Named(update.to_owned());
        (fix.build, fix.since) = (Some(build.to_owned()), Some(since.to_owned()));
        fixes.push(fix);
        self
    }

    /// Of the last row of a table: it is one with fixes.
    fn with_fixes(mut self) -> Self {
        let table = self.builds.get_mut("office click-to-run").unwrap();
        let mut rows = table.to_vec();
        rows.last_mut().unwrap().is_security = Some(true);
        *table = rows.into();
        self
    }

    fn replacing(mut self, kb: u32) -> Self {
        let last = self.advisories.last_mut().unwrap();
        last.affected[0].fixes[0].supersedes.push(KbId(kb));
        self
    }

    #[expect(clippy::too_many_arguments, reason = "a line of a table")]
    fn row(mut self, product: &str, branch: &str, build: &str, kb: u32, released: &str) -> Self {
        let row = BuildRow {
            product: product.to_owned(),
            branch: branch.to_owned(),
            build: build.to_owned(),
            label: String::new(),
            kb: (kb != 0).then_some(KbId(kb)),
            released: Date::parse(released),
            supported_until: None,
            is_security: None,
            files: Vec::new(),
            cves: Vec::new(),
        };
        let mut rows = self
            .builds
            .get(product)
            .map(|rows| rows.to_vec())
            .unwrap_or_default();
        rows.push(row);
        self.builds.insert(product.to_owned(), rows.into());
        self
    }

    /// Of the last row of a table: its files.
    fn files(mut self, product: &str, files: &[(Arch, &str)]) -> Self {
        let table = self.builds.get_mut(product).unwrap();
        let mut rows = table.to_vec();
        let file = |(arch, url): &(Arch, &str)| Download {
            arch: Some(*arch),
            url: Some((*url).to_owned()),
            size: Some(7),
            hash: FileHash::parse("sha512", &"a".repeat(128)),
            silent: None,
        };
        rows.last_mut().unwrap().files = files.iter().map(file).collect();
        *table = rows.into();
        self
    }

    fn ends(mut self, product: &str, version: &str, day: &str) -> Self {
        self.lifecycles.push(Lifecycle {
            product: product.to_owned(),
            version: version.to_owned(),
            codename: None,
            released: None,
            end_of_life: Date::parse(day),
            end_of_extended: None,
        });
        self
    }

    fn findings(&self) -> Vec<Finding> {
        let names = [self.system.to_owned()];
        let (inventory, release) = host_of(self.build);
        let mut index: Vec<ProductKey> = self
            .advisories
            .iter()
            .map(|one| ProductKey::of(&one.affected[0].product))
            .collect();
        index.sort_unstable();
        index.dedup();
        let host = Host {
            facts: &self.facts,
            arch: Some("x86_64"),
            os_names: &names,
            rules: &self.rules,
        };
        let wanted = wanted(&host, &index);
        let slice = |key: ProductKey| {
            let slice = ProductSlice::new(&key, self.advisories.clone(), []);
            (key, Arc::new(slice))
        };
        let tables = wanted.builds.into_iter();
        let known = Known {
            lifecycles: &self.lifecycles,
            products: wanted.products.into_iter().map(slice).collect(),
            builds: tables
                .filter_map(|name| Some((name.clone(), self.builds.get(&name)?.clone())))
                .collect(),
            has_products: true,
            rules: &self.rules,
            ..Known::default()
        };
        let case = Case {
            inventory: &inventory,
            facts: &self.facts,
            release: &release,
            known: &known,
            today: Date::parse("2026-07-06").unwrap(),
            which: self.which,
        };
        let system = System {
            names: &names,
            has: &|_| None,
        };
        let mut out = Vec::new();
        judge(&case, &system, &mut out);
        out
    }

    /// `KB5066743 missing .NET Framework 4`, sorted.
    fn lines(&self) -> Vec<String> {
        let line =
            |one: &Finding| format!("{} {} {}", one.bulletin, one.state.as_str(), one.product);
        let mut lines: Vec<String> = self.findings().iter().map(line).collect();
        lines.sort_unstable();
        lines
    }
}

/// A host of which nothing matters but its build.
fn host_of(build: WindowsBuild) -> (Inventory, WindowsRelease) {
    let release = WindowsRelease {
        build,
        product_name: None,
        edition: None,
        installation: None,
        display_version: None,
        service_pack: None,
        role: None,
        sku: None,
        language: None,
        build_lab: None,
    };
    let inventory = Inventory {
        collector: "windows".to_owned(),
        platform: Platform {
            family: Family::Windows,
            id: "windows".to_owned(),
            name: "Windows".to_owned(),
            version: None,
            codename: None,
            ecosystem: None,
            arch: Some("x86_64".to_owned()),
            kernel: Kernel::default(),
            windows: Some(release.clone()),
        },
        identity: HostIdentity {
            machine_id: Observed::default(),
            machine_guid: Observed::default(),
            boot_id: Observed::default(),
            product_uuid: Observed::default(),
            serial: Observed::default(),
            vendor: Observed::default(),
            interfaces: Observed::default(),
            hostname: Observed::default(),
            fqdn: Observed::default(),
        },
        packages: Observed::default(),
        windows: None,
        unix: None,
        services: Observed::default(),
        reboot: Observed::default(),
        gaps: Vec::new(),
    };
    (inventory, release)
}

fn month_of(document: &str) -> String {
    let (year, month) = document.split_once('-').unwrap();
    let names = [
        "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
    ];
    let month = names.iter().position(|name| *name == month).unwrap() + 1;
    format!("{year}-{month:02}")
}

const NONE: [&str; 0] = [];
const FRAMEWORK: ComponentKind = ComponentKind::DotNetFramework;
const CLR: &str = r"c:\windows\microsoft.net\framework64\v4.0.30319\clr.dll";

/// Server 2019 with .NET Framework 4.8, and what was said of it in October 2025 and before.
fn framework() -> Scene {
    scene()
        .component(FRAMEWORK, ".NET Framework 4.8", "4.8.03761")
        .says(
            "2025-Oct",
            "CVE-2025-55248",
            "Microsoft .NET Framework 3.5 AND 4.8 on Windows Server 2019",
            "5066738",
            "4.8.4798.4",
        )
        .says(
            "2025-Oct",
            "CVE-2025-55248",
            "Microsoft .NET Framework 3.5 AND 4.7.2 on Windows Server 2019",
            "5066738",
            "4.7.4137.3",
        )
        .says(
            "2025-Oct",
            "CVE-2025-55248",
            "Microsoft .NET Framework 3.5 AND 4.8.1 on Windows Server 2022",
            "5066743",
            "4.8.1.9320.2",
        )
}

#[test]
fn only_the_framework_that_is_installed_on_this_system_is_judged() {
    let old = framework().file(CLR, [4, 8, 4775, 0]);
    assert_eq!(old.lines(), ["KB5066738 missing .NET Framework 4"]);
    let finding = &old.findings()[0];
    assert_eq!(finding.fixed.as_deref(), Some("4.8.4798.4"));
    assert_eq!(finding.cves, ["CVE-2025-55248"]);
    let nothing = scene().says(
        "2025-Oct",
        "CVE-2025-55248",
        "Microsoft .NET Framework 4.8 on Windows Server 2019",
        "5066738",
        "4.8.4798.4",
    );
    assert_eq!(nothing.lines(), NONE);
}

#[test]
fn a_framework_whose_file_is_new_lacks_no_article_however_the_host_calls_it() {
    // KB5066738 is the parent; the host lists a child, or nothing.
    let new = framework()
        .file(CLR, [4, 8, 4798, 0])
        .hotfix("KB5066187", HotfixState::Installed);
    assert_eq!(new.lines(), NONE);
}

#[test]
fn the_package_that_brought_it_says_so_too_and_a_staged_one_does_not() {
    let with = |state| framework().hotfix("DotNetRollup 10.0.4798.4", state);
    assert_eq!(with(HotfixState::Installed).lines(), NONE);
    assert_eq!(
        with(HotfixState::Staged).lines(),
        ["unverified:dotnet-file unverified .NET Framework 4"]
    );
    let older = framework().hotfix("DotNetRollup 10.0.4775.1", HotfixState::Installed);
    assert_eq!(older.lines(), ["KB5066738 missing .NET Framework 4"]);
}

#[test]
fn a_framework_of_which_nothing_is_known_is_not_verified_and_says_which_file_would_tell() {
    let findings = framework().findings();
    assert_eq!(findings[0].state, FindingState::Unverified);
    assert!(
        findings[0].title.contains("clr.dll"),
        "{}",
        findings[0].title
    );
}

#[test]
fn a_later_article_of_the_framework_closes_the_earlier_ones() {
    // Supercedence of these is blank in most records.
    let later = framework()
        .says(
            "2026-Apr",
            "CVE-2026-33116",
            "Microsoft .NET Framework 3.5 AND 4.8 on Windows Server 2019",
            "5082414",
            "",
        )
        .hotfix("KB5082414", HotfixState::Installed);
    assert_eq!(later.lines(), NONE);
    let pending = framework()
        .file(CLR, [4, 8, 4775, 0])
        .hotfix("KB5066738", HotfixState::PendingReboot);
    assert_eq!(
        pending.lines(),
        ["KB5066738 pending_reboot .NET Framework 4"]
    );
}

#[test]
fn of_several_builds_in_one_record_the_one_of_the_installed_framework_counts() {
    // As the records of May 2026 have it, for every product.
    let junk = scene()
        .component(FRAMEWORK, ".NET Framework 4.8", "4.8.03761")
        .file(CLR, [4, 8, 4802, 0])
        .says(
            "2026-May",
            "CVE-2026-32177",
            "Microsoft .NET Framework 3.5 AND 4.8 on Windows Server 2019",
            "5087066",
            "4.8.9334.0 & 4.8.4802.0",
        );
    assert_eq!(junk.lines(), NONE);
    let other = scene()
        .component(FRAMEWORK, ".NET Framework 4.7.2", "4.7.03190")
        .file(CLR, [4, 7, 4137, 0])
        .says(
            "2026-May",
            "CVE-2026-32177",
            "Microsoft .NET Framework 3.5 AND 4.7.2 on Windows Server 2019",
            "5087066",
            "4.8.9334.0 & 4.8.4802.0",
        );
    assert_eq!(
        other.lines(),
        ["unverified:dotnet-no-build unverified .NET Framework 4"]
    );
}

#[test]
fn on_server_2016_the_framework_of_the_system_is_patched_with_the_system() {
    let with = |ubr| Scene {
        build: WindowsBuild {
            build: 14393,
            ubr: Some(ubr),
        },
        system: "windows server 2016",
        ..scene()
            .component(FRAMEWORK, ".NET Framework 4.7.2", "4.7.03062")
            .says(
                "2025-Oct",
                "CVE-2025-55248",
                "Microsoft .NET Framework 3.5 AND 4.7.2 on Windows Server 2016",
                "5066836",
                "10.0.14393.8519",
            )
    };
    assert_eq!(with(8519).lines(), NONE);
    assert_eq!(with(8422).lines(), ["KB5066836 missing .NET Framework 4"]);
}

#[test]
fn an_old_framework_is_judged_by_its_own_file() {
    let three = scene()
        .component(FRAMEWORK, ".NET Framework 3.5 SP1", "3.5.30729.4926")
        .says(
            "2025-Oct",
            "CVE-2025-55248",
            "Microsoft .NET Framework 3.5 on Windows Server 2012 R2",
            "5066741",
            "2.0.50727.8981",
        );
    let three = Scene {
        system: "windows server 2012 r2",
        ..three
    };
    let file = r"c:\windows\microsoft.net\framework64\v2.0.50727\mscorwks.dll";
    let old = three.file(file, [2, 0, 50727, 8976]);
    assert_eq!(old.lines(), ["KB5066741 missing .NET Framework 3.5"]);
    let new = old.file(file, [2, 0, 50727, 8981]);
    assert_eq!(new.lines(), NONE);
}

const WORD: &str = "Microsoft Word 2016 (64-bit edition)";

#[test]
fn articles_of_the_installers_office_never_apply_to_click_to_run_nor_the_other_way_round() {
    let said = |scene: Scene| {
        scene
            .says(
                "2026-Jun",
                "CVE-2026-45456",
                WORD,
                "5002879",
                "16.0.5556.1000",
            )
            .says(
                "2026-Jun",
                "CVE-2026-45456",
                "Microsoft 365 Apps for Enterprise for 64-bit Systems",
                "Click to Run",
                "",
            )
            .row(
                "office click-to-run",
                "Current Channel",
                "16.0.20026.20140",
                0,
                "2026-06-09",
            )
    };
    // 16.0.19127 is higher than 16.0.5556, and older.
    let click =
        said(scene()).click_to_run("16.0.19127.20222", "O365ProPlusRetail", "Current Channel");
    assert_eq!(click.lines(), ["office-2026-06 missing Microsoft 365 Apps"]);
    let msi = said(scene()).office_file("Microsoft Word", "16.0.5552.1000");
    assert_eq!(msi.lines(), ["KB5002879 missing Microsoft Word 2016"]);
    let msi = said(scene()).office_file("Microsoft Word", "16.0.5556.1000");
    assert_eq!(msi.lines(), NONE);
}

#[test]
fn click_to_run_is_judged_by_the_build_of_its_channel_and_version() {
    let with = |version| {
        scene()
            .click_to_run(version, "O365ProPlusRetail", "Monthly Enterprise Channel")
            .says(
                "2021-Jul",
                "CVE-2021-34501",
                "Microsoft 365 Apps for Enterprise for 64-bit Systems",
                "Click to Run",
                "",
            )
            .row(
                "office click-to-run",
                "Monthly Enterprise Channel",
                "14026.20334",
                0,
                "2021-07-13",
            )
            .row(
                "office click-to-run",
                "Monthly Enterprise Channel",
                "13929.20524",
                0,
                "2021-07-13",
            )
            .row(
                "office click-to-run",
                "Current Channel",
                "14131.20320",
                0,
                "2021-07-13",
            )
    };
    assert_eq!(with("16.0.14026.20334").lines(), NONE);
    assert_eq!(with("16.0.13929.20524").lines(), NONE);
    assert_eq!(with("16.0.14131.20162").lines(), NONE);
    assert_eq!(
        with("16.0.14026.20302").lines(),
        ["office-2021-07 missing Microsoft 365 Apps"]
    );
    assert_eq!(
        with("16.0.13901.20462").lines(),
        ["office-2021-07 missing Microsoft 365 Apps"]
    );
}

#[test]
fn click_to_run_without_a_table_of_its_channel_is_one_row_that_names_the_table() {
    let none = scene()
        .click_to_run(
            "16.0.14332.20565",
            "ProPlus2021Volume",
            "Office LTSC 2021 Perpetual Enterprise",
        )
        .says(
            "2026-Jun",
            "CVE-2026-45456",
            "Microsoft Office LTSC 2021 for 64-bit editions",
            "Click to Run",
            "",
        )
        .says(
            "2026-May",
            "CVE-2026-40360",
            "Microsoft Office LTSC 2021 for 64-bit editions",
            "Click to Run",
            "",
        );
    assert_eq!(
        none.lines(),
        ["uncovered:office click-to-run unknown Microsoft Office LTSC 2021"]
    );
    assert!(none.findings()[0].title.contains("import"));
    // A table that ends before the advisories.
    let short = none.row(
        "office click-to-run",
        "Office LTSC 2021 Perpetual Enterprise",
        "16.0.14332.20600",
        0,
        "2026-05-12",
    );
    let expected = [
        "office-2026-05 missing Microsoft Office LTSC 2021",
        "uncovered:office click-to-run unknown Microsoft Office LTSC 2021",
    ];
    assert_eq!(short.lines(), expected);
}

#[test]
fn builds_of_click_to_run_in_records_of_the_installers_office_are_not_believed() {
    let word = scene()
        .office_file("Microsoft Word", "16.0.5556.1000")
        .office_file("Microsoft Excel", "16.0.5556.1001")
        .says(
            "2025-Mar",
            "CVE-2025-24079",
            WORD,
            "5002662",
            "16.0.18526.20080",
        )
        .says(
            "2026-Jun",
            "CVE-2026-45456",
            WORD,
            "5002879",
            "16.0.5556.1000",
        )
        .says(
            "2021-Sep",
            "CVE-2021-38655",
            "Microsoft Excel 2016 (64-bit edition)",
            "5002003",
            "5215.1000",
        );
    assert_eq!(word.lines(), NONE);
}

#[test]
fn a_patch_that_is_listed_while_the_file_misses_the_one_before_as_well_is_inconsistent() {
    let with = |file| {
        scene()
            .office_file("Microsoft Word", file)
            .says(
                "2026-Jan",
                "CVE-2026-20944",
                WORD,
                "5002829",
                "16.0.5535.1000",
            )
            .says(
                "2026-Feb",
                "CVE-2026-21260",
                WORD,
                "5002839",
                "16.0.5539.1002",
            )
            .hotfix("KB5002839", HotfixState::Installed)
    };
    // The update of February is Outlook's, and brings no new file to Word.
    assert_eq!(with("16.0.5535.1000").lines(), NONE);
    let lines = with("16.0.5513.1000").lines();
    assert!(
        lines.contains(&"KB5002839 inconsistent Microsoft Word 2016".to_owned()),
        "{lines:?}"
    );
}

#[test]
fn of_a_part_whose_file_is_not_read_the_articles_tell() {
    let office = "Microsoft Office 2016 (64-bit edition)";
    let with = |kb: &str| {
        scene()
            .office_file("Microsoft Word", "16.0.5543.1000")
            .says(
                "2025-Apr",
                "CVE-2025-26642",
                office,
                "5002623",
                "16.0.5495.1002",
            )
            .says(
                "2025-Jul",
                "CVE-2025-49695",
                office,
                "5002742",
                "16.0.5508.1001",
            )
            .replacing(5_002_623)
            .hotfix(kb, HotfixState::Installed)
    };
    assert_eq!(with("KB5002742").lines(), NONE);
    assert_eq!(
        with("KB5002623").lines(),
        ["KB5002742 missing Microsoft Office 2016"]
    );
    assert_eq!(
        with("KB1234567").lines(),
        ["unverified:office-part unverified Microsoft Office 2016"]
    );
}

const SQL: ComponentKind = ComponentKind::SqlServer;

#[test]
fn an_instance_is_judged_in_its_own_branch_of_updates() {
    let with = |version| {
        scene()
            .component(SQL, "SQL Server (MSSQLSERVER)", version)
            .says(
                "2025-Nov",
                "CVE-2025-59499",
                "Microsoft SQL Server 2019 for x64-based Systems (GDR)",
                "5068405",
                "15.0.2155.2",
            )
            .says(
                "2025-Nov",
                "CVE-2025-59499",
                "Microsoft SQL Server 2019 for x64-based Systems (CU 32)",
                "5068404",
                "15.0.4455.2",
            )
            .says(
                "2024-Nov",
                "CVE-2024-48999",
                "Microsoft SQL Server 2019 for x64-based Systems (CU 29)",
                "5046860",
                "15.0.4410.1",
            )
    };
    // 15.0.4410.1 is more than the 15.0.2155.2 of the other branch, and lacks the update of its own.
    assert_eq!(
        with("15.0.4410.1").lines(),
        ["KB5068404 missing SQL Server (MSSQLSERVER)"]
    );
    assert_eq!(
        with("15.0.2145.1").lines(),
        ["KB5068405 missing SQL Server (MSSQLSERVER)"]
    );
    assert_eq!(with("15.0.2155.2").lines(), NONE);
    // An old label of the branch belongs to it.
    assert_eq!(
        with("15.0.4382.1").lines(),
        [
            "KB5046860 missing SQL Server (MSSQLSERVER)",
            "KB5068404 missing SQL Server (MSSQLSERVER)",
        ]
    );
    let remedy = with("15.0.4382.1").findings().remove(0).remedy.unwrap();
    assert_eq!(remedy.update, "KB5068404");
    assert_eq!(remedy.supersedes, ["KB5046860"]);
}

#[test]
fn what_the_uninstall_keys_say_of_an_engine_is_not_its_version() {
    // Seen on a host: engine 15.0.2000.5, and an entry of a hotfix with 15.0.4430.1.
    let scene = scene()
        .component(SQL, "SQL Server (MSSQLSERVER)", "15.0.2000.5")
        .program(
            "Hotfix 4430 for SQL Server 2019 (KB5054833) (64-bit)",
            Some("Microsoft Corporation"),
            "15.0.4430.1",
        )
        .says(
            "2025-Nov",
            "CVE-2025-59499",
            "Microsoft SQL Server 2019 for x64-based Systems (GDR)",
            "5068405",
            "15.0.2155.2",
        );
    let findings = scene.findings();
    assert_eq!(findings.len(), 1);
    assert_eq!(findings[0].installed, "15.0.2000.5");
}

#[test]
fn builds_that_a_record_took_from_the_other_branch_make_nothing_missing() {
    let gdr = "Microsoft SQL Server 2014 Service Pack 3 for x64-based Systems (GDR)";
    let cu = "Microsoft SQL Server 2014 Service Pack 3 for x64-based Systems (CU 4)";
    let with = |version| {
        scene()
            .component(SQL, "SQL Server (OLD)", version)
            .says("2023-Feb", "CVE-2023-21528", gdr, "5021037", "12.0.6444.4")
            .says("2023-Feb", "CVE-2023-21528", cu, "5021045", "12.0.6174.8")
    };
    // What Microsoft published is 6174.8 for GDR and 6444.4 for the CU branch.
    assert_eq!(with("12.3.6174.8").lines(), NONE);
    assert_eq!(with("12.3.6444.4").lines(), NONE);
    assert_eq!(
        with("12.3.6169.19").lines(),
        ["KB5021037 missing SQL Server (OLD)"]
    );
    let by_table = with("12.3.6169.19").row(
        "sql server 2014",
        "gdr",
        "12.0.6174",
        5_021_037,
        "2023-02-14",
    );
    assert_eq!(by_table.findings()[0].fixed.as_deref(), Some("12.0.6174.8"));
}

#[test]
fn an_instance_without_its_service_pack_is_out_of_support_and_says_what_to_install() {
    let old = scene()
        .component(SQL, "SQL Server (KASSE)", "13.1.4001.0")
        .says(
            "2025-Nov",
            "CVE-2025-59499",
            "Microsoft SQL Server 2016 for x64-based Systems Service Pack 3 (GDR)",
            "5068401",
            "13.0.6475.1",
        )
        .ends("mssqlserver", "13.0-sp1", "2019-07-09");
    assert_eq!(
        old.lines(),
        [
            "end-of-life:mssqlserver:13.0-sp1 end_of_life SQL Server (KASSE)",
            "uncovered:advisories unknown SQL Server (KASSE)",
        ]
    );
}

#[test]
fn an_instance_that_does_not_tell_its_version_is_unknown() {
    let silent = scene().component(SQL, "SQL Server (ALT)", "");
    assert_eq!(silent.lines(), ["unknown:sql unknown SQL Server (ALT)"]);
}

const EXCHANGE: ComponentKind = ComponentKind::Exchange;

fn exchange(version: &str) -> Scene {
    scene()
        .component(EXCHANGE, "Exchange Server 2019", version)
        .says(
            "2024-Nov",
            "CVE-2024-49040",
            "Microsoft Exchange Server 2019 Cumulative Update 13",
            "5049233",
            "15.2.1258.39",
        )
        .says(
            "2026-May",
            "CVE-2026-42897",
            "Microsoft Exchange Server 2019 Cumulative Update 14",
            "5094142",
            "15.02.1544.041",
        )
        .says(
            "2026-May",
            "CVE-2026-42897",
            "Microsoft Exchange Server 2019 Cumulative Update 15",
            "5094140",
            "15.02.1748.046",
        )
}

#[test]
fn builds_of_exchange_are_numbers_whatever_zeros_are_in_front() {
    assert_eq!(exchange("15.2.1748.46").lines(), NONE);
    assert_eq!(
        exchange("15.2.1748.43").lines(),
        ["KB5094140 missing Exchange Server 2019"]
    );
    // More than the other cumulative update's, and still old.
    assert_eq!(
        exchange("15.2.1544.39").lines(),
        ["KB5094142 missing Exchange Server 2019"]
    );
}

#[test]
fn a_cumulative_update_that_gets_no_security_updates_is_itself_to_be_replaced() {
    let old = exchange("15.2.1258.39");
    assert_eq!(
        old.lines(),
        ["exchange-cumulative-update missing Exchange Server 2019"]
    );
    let finding = &old.findings()[0];
    assert_eq!(finding.cves, ["CVE-2026-42897"]);
    assert!(
        finding.title.contains("install Exchange Server 2019 CU15"),
        "{}",
        finding.title
    );
}

#[test]
fn an_exchange_whose_cumulative_update_nobody_knows_is_unknown_unless_a_table_does() {
    let other = exchange("15.2.986.5");
    assert_eq!(
        other.lines(),
        ["uncovered:exchange-builds unknown Exchange Server 2019"]
    );
    let known = exchange("15.2.1748.10").row(
        "exchange server 2019",
        "CU15",
        "15.2.1748.10",
        0,
        "2025-02-10",
    );
    assert_eq!(known.lines(), ["KB5094140 missing Exchange Server 2019"]);
}

fn edge(version: &str) -> Scene {
    let mut scene = scene()
        .says(
            "2025-Oct",
            "CVE-2025-11756",
            "Microsoft Edge (Chromium-based)",
            "Release Notes",
            "141.0.3537.85",
        )
        .says(
            "2025-Dec",
            "CVE-2025-13630",
            "Microsoft Edge (Chromium-based)",
            "Release Notes",
            "143.0.3650.66",
        )
        .says(
            "2025-Dec",
            "CVE-2025-13631",
            "Microsoft Edge (Chromium-based)",
            "Release Notes",
            "143.0.3650.66",
        )
        .says(
            "2020-Jul",
            "CVE-2020-1341",
            "Microsoft Edge (Chromium-based)",
            "Release Notes",
            "",
        );
    let component = Component {
        name: "Microsoft Edge".to_owned(),
        version: version.to_owned(),
        channel: Some("stable".to_owned()),
        ..Component::default()
    };
    scene.push(ComponentKind::Edge, component);
    scene
}

#[test]
fn each_release_of_edge_is_one_row_with_its_flaws() {
    let old = edge("141.0.3537.71");
    assert_eq!(
        old.lines(),
        [
            "CVE-2025-11756 missing Microsoft Edge",
            "edge-143.0.3650.66 missing Microsoft Edge",
            "unverified:no-version-stated unverified Microsoft Edge",
        ]
    );
    let row = old
        .findings()
        .into_iter()
        .find(|one| one.cves.len() == 2)
        .unwrap();
    assert_eq!(row.fixed.as_deref(), Some("143.0.3650.66"));
    // What was fixed in 2020 without a version is behind any release of 2025.
    assert_eq!(
        edge("142.0.3595.53").lines(),
        ["edge-143.0.3650.66 missing Microsoft Edge"]
    );
    assert_eq!(edge("143.0.3650.66").lines(), NONE);
}

#[test]
fn an_extended_stable_edge_has_the_fix_of_its_own_line() {
    let with = |version| {
        edge(version)
            .says(
                "2026-Jan",
                "CVE-2026-0628",
                "Microsoft Edge (Chromium-based)",
                "Release Notes",
                "145.0.3800.58",
            )
            .says(
                "2026-Jan",
                "CVE-2026-0628",
                "Microsoft Edge (Chromium-based) Extended Stable",
                "Release Notes",
                "144.0.3719.104",
            )
    };
    assert_eq!(with("144.0.3719.104").lines(), NONE);
    assert_eq!(
        with("144.0.3719.82").lines(),
        ["CVE-2026-0628 missing Microsoft Edge"]
    );
    assert_eq!(
        with("145.0.3800.10").lines(),
        ["CVE-2026-0628 missing Microsoft Edge"]
    );
}

#[test]
fn each_runtime_folder_counts_and_an_sdks_number_does_not() {
    let kind = ComponentKind::DotNetRuntime;
    let two = scene()
        .component(kind, ".NET Runtime", "8.0.21")
        .component(kind, ".NET Runtime", "8.0.28")
        .says(
            "2026-Feb",
            "CVE-2026-21218",
            ".NET 8.0 installed on Windows",
            "5077863",
            "8.0.24",
        );
    assert_eq!(two.lines(), ["KB5077863 missing .NET Runtime 8.0"]);
    assert_eq!(two.findings()[0].installed, "8.0.21");
    let sdk = scene()
        .component(kind, "ASP.NET Core Runtime", "6.0.36")
        .says(
            "2021-Dec",
            "CVE-2021-43877",
            "ASP.NET Core 6.0",
            "Release Notes",
            "6.0.101",
        )
        .says(
            "2022-Aug",
            "CVE-2022-34716",
            "ASP.NET Core 6.0",
            "5016990",
            "6.0.8",
        );
    assert_eq!(sdk.lines(), NONE);
    let ended = scene()
        .component(kind, ".NET Runtime", "6.0.36")
        .ends("dotnet", "6", "2024-11-12");
    assert_eq!(ended.lines(), ["end-of-life:dotnet:6 end_of_life .NET 6.0"]);
    // The end that is still to come is known too, and nothing is open because of it.
    let supported =
        scene()
            .component(kind, ".NET Runtime", "8.0.28")
            .ends("dotnet", "8", "2099-11-10");
    assert_eq!(
        supported.lines(),
        ["end-of-life:dotnet:8 not_applicable .NET 8.0"]
    );
    let row = &supported.findings()[0];
    assert!(row.is_kept() && row.state.is_closed());
    assert_eq!(row.support_ends, Date::parse("2099-11-10"));
}

#[test]
fn what_to_install_has_the_file_for_what_is_installed() {
    let runtime = |arch: Option<&str>| {
        let mut scene = scene()
            .says(
                "2026-Feb",
                "CVE-2026-21218",
                ".NET 8.0 installed on Windows",
                "5077863",
                "8.0.24",
            )
            .row(".net 8.0", "Microsoft.AspNetCore.App", "8.0.24", 0, "")
            .files(".net 8.0", &[(Arch::X86, "wrong")])
            .row(".net 8.0", "Microsoft.NETCore.App", "8.0.24", 0, "")
            .files(".net 8.0", &[(Arch::X64, "x64"), (Arch::X86, "x86")]);
        let component = Component {
            name: ".NET Runtime".to_owned(),
            version: "8.0.21".to_owned(),
            arch: arch.map(str::to_owned),
            ..Component::default()
        };
        scene.push(ComponentKind::DotNetRuntime, component);
        *scene.findings()[0].remedy.clone().unwrap()
    };
    let remedy = runtime(Some("x86"));
    assert_eq!(remedy.download.as_deref(), Some("x86"));
    assert_eq!(remedy.download_size, Some(7));
    let hash = remedy.download_hash.unwrap();
    assert!(hash.as_str().starts_with("sha512:aa"));
    for unknown in [None, Some("arm64"), Some("mips")] {
        let remedy = runtime(unknown);
        assert_eq!((remedy.download, remedy.download_size), (None, None));
    }
    // Of Edge, which does not say what it is built for, it is the machine's.
    let edge = |files: &[(Arch, &str)]| {
        let scene = edge("142.0.3595.53")
            .row("microsoft edge", "stable", "143.0.3650.66", 0, "")
            .files("microsoft edge", files);
        scene.findings()[0].remedy.clone().unwrap().download
    };
    let both = [(Arch::X64, "x64"), (Arch::Arm64, "arm64")];
    assert_eq!(edge(&both).as_deref(), Some("x64"));
    assert_eq!(edge(&both[1..]), None);
    assert_eq!(edge(&[(Arch::X64, "one"), (Arch::X64, "other")]), None);
    let scene = self::edge("142.0.3595.53")
        .row("microsoft edge", "stable", "143.0.3650.66", 0, "")
        .files("microsoft edge", &both)
        .row("microsoft edge", "extended stable", "143.0.3650.66", 0, "")
        .files("microsoft edge", &[(Arch::X64, "elsewhere")]);
    let remedy = scene.findings()[0].remedy.clone().unwrap();
    assert_eq!(remedy.download.as_deref(), Some("x64"));
}

#[test]
fn an_engine_of_defender_is_not_compared_with_a_platform() {
    let kind = ComponentKind::Defender;
    let scene = scene()
        .component(kind, "Microsoft Defender engine", "1.1.26040.8")
        .component(kind, "Microsoft Defender platform", "4.18.24030.9")
        .says(
            "2023-Aug",
            "CVE-2023-38175",
            "Windows Defender Antimalware Platform",
            "Release Notes",
            "1.1.23060.3001",
        )
        .says(
            "2026-Apr",
            "CVE-2026-33825",
            "Microsoft Defender Antimalware Platform",
            "Release Notes",
            "4.18.26030.3011",
        );
    assert_eq!(
        scene.lines(),
        ["CVE-2026-33825 missing Microsoft Defender platform"]
    );
}

#[test]
fn a_program_is_judged_by_its_rule_and_one_that_may_be_another_is_never_missing() {
    let with = |publisher| {
        scene()
            .program("7-Zip 23.01 (x64)", publisher, "23.01")
            .says(
                "2024-Nov",
                "CVE-2024-11477",
                "7-Zip",
                "7-Zip 24.07",
                "24.07",
            )
    };
    let sure = with(Some("Igor Pavlov")).findings();
    assert_eq!(sure[0].state, FindingState::Missing);
    assert_eq!(sure[0].confidence, Confidence::High);
    assert_eq!(sure[0].bulletin.as_str(), "CVE-2024-11477");
    assert_eq!(with(None).findings()[0].confidence, Confidence::Medium);
    let other = with(Some("Somebody else")).findings();
    assert_eq!(other[0].state, FindingState::Unverified);
    let new = scene()
        .program("7-Zip 24.08 (x64)", Some("Igor Pavlov"), "24.08")
        .says(
            "2024-Nov",
            "CVE-2024-11477",
            "7-Zip",
            "7-Zip 24.07",
            "24.07",
        );
    assert_eq!(new.lines(), NONE);
}

#[test]
fn a_program_of_a_users_own_advisories_needs_no_rule() {
    let own = scene()
        .program("Till Software 3.1 (x64)", Some("Example GmbH"), "3.1.0")
        .says(
            "2026-Jan",
            "CVE-2026-99999",
            "Till Software",
            "Till Software 3.2",
            "3.2",
        );
    assert_eq!(own.lines(), ["CVE-2026-99999 missing till software (x64)"]);
}

#[test]
fn lines_of_a_program_that_are_patched_side_by_side_are_told_apart() {
    let with = |version| {
        scene()
            .program(
                "Apache Tomcat 10.1 Tomcat10 (remove only)",
                Some("The Apache Software Foundation"),
                version,
            )
            .says(
                "2025-Mar",
                "CVE-2025-24813",
                "Apache Tomcat",
                "Apache Tomcat 9.0.99",
                "9.0.99",
            )
            .says(
                "2025-Mar",
                "CVE-2025-24813",
                "Apache Tomcat",
                "Apache Tomcat 10.1.35",
                "10.1.35",
            )
    };
    assert_eq!(with("10.1.35").lines(), NONE);
    assert_eq!(
        with("10.1.34").findings()[0].fixed.as_deref(),
        Some("10.1.35")
    );
}

#[test]
fn a_line_of_microsofts_own_is_judged_by_its_own_advisories() {
    let powershell = scene()
        .program("PowerShell 7-x64", Some("Microsoft Corporation"), "7.4.6.0")
        .says(
            "2026-Apr",
            "CVE-2026-26143",
            "PowerShell 7.4",
            "Release Notes",
            "7.4.14",
        )
        .says(
            "2026-Apr",
            "CVE-2026-26143",
            "PowerShell 7.5",
            "Release Notes",
            "7.5.5",
        );
    assert_eq!(powershell.findings()[0].fixed.as_deref(), Some("7.4.14"));
    let redistributable = scene()
        .program(
            "Microsoft Visual C++ 2015-2022 Redistributable (x64) - 14.38.33135",
            Some("Microsoft Corporation"),
            "14.38.33135.0",
        )
        .program(
            "Microsoft Visual C++ 2013 Redistributable (x64) - 12.0.40664",
            Some("Microsoft Corporation"),
            "12.0.40664.0",
        )
        .says(
            "2024-Oct",
            "CVE-2024-43590",
            "Visual C++ Redistributable Installer",
            "Release Notes",
            "14.40.33816",
        );
    assert_eq!(redistributable.lines().len(), 1);
    let studio = scene()
        .program(
            "Visual Studio Community 2022",
            Some("Microsoft Corporation"),
            "17.8.34408.163",
        )
        .says(
            "2025-Apr",
            "CVE-2025-29802",
            "Microsoft Visual Studio 2022 version 17.8",
            "Release Notes",
            "17.8.20",
        );
    assert_eq!(studio.findings()[0].state, FindingState::Unverified);
}

#[test]
fn a_users_program_counts_and_says_whose_it_is() {
    let mut scene = scene().says(
        "2024-Nov",
        "CVE-2024-11477",
        "7-Zip",
        "7-Zip 24.07",
        "24.07",
    );
    scene = scene.program("7-Zip 23.01", Some("Igor Pavlov"), "23.01");
    if let Observed::Known(list) = &mut scene.facts.programs {
        list[0].scope = ProgramScope::User("S-1-5-21-1-2-3-1001".to_owned());
    }
    let finding = scene.findings().remove(0);
    assert!(
        finding
            .evidence
            .observed
            .contains("for S-1-5-21-1-2-3-1001")
    );
}

#[test]
fn a_question_that_was_left_open_is_one_row_of_its_family() {
    let mut scene = scene();
    let gap = || Observed::gap_of("sql", GapCause::TimedOut);
    scene.facts.components.insert(SQL, gap());
    scene.facts.components.insert(EXCHANGE, Observed::default());
    scene.facts.programs = Observed::gap_of("uninstall-64", GapCause::Denied);
    assert_eq!(
        scene.lines(),
        [
            "unknown:sql unknown SQL Server",
            "unknown:uninstall-64 unknown Installed programs",
        ]
    );
}

#[test]
fn what_is_closed_is_told_where_it_is_asked_for() {
    let all = Scene {
        which: Which::All,
        ..edge("143.0.3650.66")
    };
    assert_eq!(
        all.lines(),
        [
            "CVE-2020-1341 superseded Microsoft Edge",
            "CVE-2025-11756 fixed Microsoft Edge",
            "edge-143.0.3650.66 fixed Microsoft Edge",
        ]
    );
}

#[test]
fn a_build_before_the_fixes_of_its_month_has_none_of_them() {
    let office = |build: &str| {
        scene()
            .click_to_run(build, "O365ProPlusRetail", "Current Channel")
            .says(
                "2021-Jul",
                "CVE-2021-34452",
                "Microsoft 365 Apps for Enterprise for 64-bit Systems",
                "Click to Run",
                "",
            )
            .row(
                "office click-to-run",
                "Current Channel",
                "16.0.14131.20278",
                0,
                "2021-07-01",
            )
            .row(
                "office click-to-run",
                "Current Channel",
                "16.0.14131.20320",
                0,
                "2021-07-13",
            )
            .with_fixes()
    };
    assert_eq!(
        office("16.0.14131.20278").lines(),
        ["office-2021-07 missing Microsoft 365 Apps"]
    );
    assert_eq!(office("16.0.14131.20320").lines(), NONE);
}

#[test]
fn of_several_branches_only_the_own_one_closes_a_flaw() {
    let program = |version: &str| {
        scene()
            .program("7-Zip 8.00 (x64)", Some("Igor Pavlov"), version)
            .says("2024-Nov", "CVE-2024-1", "7-Zip", "7-Zip 7.1.3", "7.1.3")
            .since("7.0")
            .or("7-Zip 8.0.1", "8.0.1", "8.0")
    };
    assert_eq!(
        program("8.0.0").lines().len(),
        1,
        "7.1.3 is no fix of 8.0.0"
    );
    assert_eq!(program("8.0.1").lines(), NONE);
    assert_eq!(program("7.1.3").lines(), NONE);
    assert_eq!(program("7.1.2").lines().len(), 1);
    assert_eq!(program("6.9").lines(), NONE, "before every branch");
}
