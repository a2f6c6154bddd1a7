//! Baselines: what is written, and what is found.

use crate::classify::{MachineFacts, Policy};
use crate::model::{
    Drift, DriftState, Family, Fingerprint, Gap, GapCause, HostIdentity, Inventory, Kernel,
    MachineId, MachineRecord, Observed, Package, PackageManager, PackageState, Platform, Program,
    ProgramScope, SourcePackage, UtcTime, WindowsBuild, WindowsFacts, WindowsRelease,
};
use proptest::prelude::*;
use std::collections::BTreeMap;
use std::sync::Arc;

fn machine(inventory: Option<Inventory>, tags: &[&str]) -> MachineRecord {
    let now = UtcTime::from_unix(1_800_000_000);
    MachineRecord {
        id: MachineId::new("m-0123456789ab"),
        addresses: vec!["10.0.0.1".parse().unwrap()],
        target_name: Some("web-1".to_owned()),
        tags: tags.iter().map(|tag| (*tag).to_owned()).collect(),
        outcome: "network_only".to_owned(),
        failure: None,
        credential: None,
        host_key: None,
        same_key: Vec::new(),
        inventory: inventory.map(Arc::new),
        findings: Arc::default(),
        decided: None,
        history: BTreeMap::new(),
        access: Vec::new(),
        services: Vec::new(),
        clues: Vec::new(),
        fingerprint: Fingerprint::default(),
        intermediary: None,
        also: Vec::new(),
        listed_name: String::new(),
        listed_owner: String::new(),
        is_claimed: false,
        standing: None,
        usual_hours: String::new(),
        end_of_life: None,
        first_seen: now.date(),
        last_seen: now,
    }
}

fn inventory(family: Family, name: &str, version: Option<&str>) -> Inventory {
    Inventory {
        collector: String::new(),
        platform: Platform {
            family,
            id: family.as_str().to_owned(),
            name: name.to_owned(),
            version: version.map(str::to_owned),
            codename: None,
            ecosystem: None,
            arch: None,
            kernel: Kernel::default(),
            windows: None,
        },
        identity: HostIdentity::default(),
        packages: Observed::default(),
        windows: None,
        unix: None,
        services: Observed::default(),
        reboot: Observed::default(),
        gaps: Vec::new(),
    }
}

fn package(manager: PackageManager, name: &str, version: &str) -> Package {
    Package {
        manager,
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

fn debian(packages: &[(&str, &str)]) -> Inventory {
    let packages = packages.iter();
    let packages = packages.map(|(name, version)| package(PackageManager::Dpkg, name, version));
    Inventory {
        packages: Observed::Known(packages.collect()),
        ..inventory(Family::Debian, "Debian GNU/Linux 12 (bookworm)", Some("12"))
    }
}

fn windows(build: (u32, Option<u32>), programs: &[(&str, Option<&str>)]) -> Inventory {
    let programs = programs.iter().map(|(name, version)| Program {
        name: (*name).to_owned(),
        version: version.map(str::to_owned),
        publisher: None,
        arch: None,
        scope: ProgramScope::Machine,
        installed_on: None,
        location: None,
        key: String::new(),
    });
    let mut read = inventory(
        Family::Windows,
        "Windows Server 2022 Standard",
        Some("21H2"),
    );
    read.platform.windows = Some(WindowsRelease {
        build: WindowsBuild {
            build: build.0,
            ubr: build.1,
        },
        product_name: None,
        edition: None,
        installation: None,
        display_version: None,
        service_pack: None,
        role: None,
        sku: None,
        language: None,
        build_lab: None,
    });
    read.windows = Some(Box::new(WindowsFacts {
        programs: Observed::Known(programs.collect()),
        ..WindowsFacts::default()
    }));
    read
}

fn drift(rules: &str, inventory: Option<Inventory>) -> Vec<Drift> {
    let text = format!("[[baseline]]\nid = 'b'\nreason = 'why'\nhost = '*'\n{rules}");
    let policy = Policy::parse(&text).unwrap();
    let machine = machine(inventory, &[]);
    let facts = MachineFacts::of(&machine);
    assert!(policy.baselines[0].fits(&facts));
    policy.baselines[0].judge(&facts)
}

/// The state of the one rule, and what was found.
fn state(rule: &str, inventory: &Inventory) -> (&'static str, String) {
    let rows = drift(rule, Some(inventory.clone()));
    let [row] = rows.as_slice() else {
        panic!("{rows:?}")
    };
    (row.state.as_str(), row.found.clone().unwrap_or_default())
}

fn found(state: &'static str, what: &str) -> (&'static str, String) {
    (state, what.to_owned())
}

#[test]
fn versions_compare_as_their_package_manager_does() {
    let read = debian(&[
        ("openssl", "3.0.15-1~deb12u1"),
        ("openssh-server", "1:9.2p1-2+deb12u3"),
    ]);
    for (rule, state_wanted) in [
        ("minimum = { openssl = '3.0.15-1~deb12u1' }", "ok"),
        ("minimum = { openssl = '3.0.15-1' }", "drift"),
        ("minimum = { openssl = '3.0.9' }", "ok"),
        ("required = ['openssl >= 3.0.14']", "ok"),
        ("required = ['openssl >= 3.0.16']", "drift"),
        ("required = ['OpenSSH-*']", "ok"),
        // An epoch is not asked for by whoever writes none, and makes nothing fine.
        ("minimum = { openssh-server = '9.2p1-2+deb12u3' }", "ok"),
        ("minimum = { openssh-server = '9.2p1-2+deb12u4' }", "drift"),
        (
            "minimum = { openssh-server = '1:9.2p1-2+deb12u4' }",
            "drift",
        ),
        ("minimum = { openssh-server = '2:1.0' }", "drift"),
        ("forbidden = ['openssh-*']", "drift"),
        ("forbidden = ['telnetd']", "ok"),
        ("required = ['telnetd']", "drift"),
        // What is not installed needs no version.
        ("minimum = { telnetd = '1.0' }", "ok"),
    ] {
        assert_eq!(state(rule, &read).0, state_wanted, "{rule}");
    }
    assert_eq!(
        state("forbidden = ['telnetd']", &read),
        found("ok", "not installed")
    );
    let old = state("minimum = { openssl = '3.0.16' }", &read);
    assert_eq!(old, found("drift", "openssl 3.0.15-1~deb12u1"));
}

#[test]
fn of_several_that_are_installed_one_is_enough_where_it_is_required_and_none_may_be_old() {
    let read = debian(&[("tool", "1.0-1"), ("tool", "2.0-1")]);
    assert_eq!(
        state("required = ['tool >= 2.0']", &read),
        found("ok", "tool 2.0-1")
    );
    assert_eq!(
        state("minimum = { tool = '2.0' }", &read),
        found("drift", "tool 1.0-1")
    );
    let mut gone = read.clone();
    let Observed::Known(packages) = &mut gone.packages else {
        panic!()
    };
    for package in packages {
        package.state = PackageState::ConfigFiles;
    }
    assert_eq!(state("forbidden = ['tool']", &gone).0, "ok");
}

#[test]
fn a_minimum_is_met_by_what_was_built_from_that_source() {
    let mut read = debian(&[("libssl3", "3.0.15-1")]);
    let Observed::Known(packages) = &mut read.packages else {
        panic!()
    };
    packages[0].source = SourcePackage {
        name: "openssl".to_owned(),
        version: "3.0.15-1".to_owned(),
    };
    assert_eq!(state("minimum = { openssl = '3.0.16' }", &read).0, "drift");
    assert_eq!(state("required = ['openssl']", &read).0, "drift");
}

#[test]
fn a_build_is_compared_by_both_of_its_numbers() {
    let rule = "build = '20348.2700'";
    for (build, wanted) in [
        ((20348, Some(2700)), "ok"),
        ((20348, Some(2402)), "drift"),
        ((17763, Some(9999)), "drift"),
        ((26100, Some(1)), "ok"),
        ((20348, None), "unknown"),
        ((7601, None), "drift"),
    ] {
        assert_eq!(state(rule, &windows(build, &[])).0, wanted, "{build:?}");
    }
    assert_eq!(state(rule, &debian(&[])), found("ok", ""));
    assert_eq!(
        state("os_version = '>= 12'", &debian(&[])),
        found("ok", "12")
    );
    assert_eq!(state("os_version = '>= 12.5'", &debian(&[])).0, "drift");
    let server = windows((20348, Some(1)), &[]);
    assert_eq!(
        state("os_version = '>= 12'", &server),
        found("unknown", "21H2")
    );
    let sid = inventory(Family::Debian, "Debian GNU/Linux trixie/sid", None);
    assert_eq!(state("os_version = '>= 12'", &sid).0, "unknown");
}

#[test]
fn programs_of_a_windows_compare_by_dotted_numbers() {
    let programs = [
        ("Falcon Sensor", Some("7.9.1")),
        ("Adobe Flash Player 32 NPAPI", None),
    ];
    let read = windows((20348, Some(1)), &programs);
    assert_eq!(
        state("required = ['Falcon Sensor >= 7.10']", &read).0,
        "drift"
    );
    assert_eq!(state("required = ['Falcon Sensor >= 7.9']", &read).0, "ok");
    let flash = state("forbidden = ['Adobe Flash*']", &read);
    assert_eq!(
        flash,
        found("drift", "Adobe Flash Player 32 NPAPI of unknown version")
    );
    assert_eq!(
        state("minimum = { 'Adobe Flash*' = '32' }", &read).0,
        "unknown"
    );
    assert_eq!(
        state("required = ['Falcon Sensor >= 7.x']", &read).0,
        "unknown"
    );
}

#[test]
fn what_was_not_read_is_neither_missing_nor_fine() {
    let gap = |question: &str| Gap {
        question: question.to_owned(),
        cause: GapCause::Denied,
    };
    let rules = "required = ['a']\nforbidden = ['b']\nminimum = { c = '1' }";
    let mut blind = debian(&[]);
    blind.packages = Observed::Unknown(gap("dpkg"));
    let mut shut = windows((20348, Some(1)), &[]);
    shut.windows.as_mut().unwrap().programs = Observed::Unknown(gap("uninstall-64"));
    let mut users = windows((20348, Some(1)), &[]);
    users.gaps = vec![gap("uninstall-users")];
    let mut bare = windows((20348, Some(1)), &[]);
    bare.windows = None;
    let other = inventory(Family::Unix, "SomeOS", None);
    for (read, why) in [
        (Some(blind), "question dpkg was not answered: denied"),
        (Some(shut), "question uninstall-64"),
        (Some(users), "question uninstall-users"),
        (Some(bare), "programs were not read"),
        (Some(other), "not asked"),
        (None, "the machine was not read: network_only"),
    ] {
        let rows = drift(rules, read);
        assert_eq!(rows.len(), 3);
        for row in rows {
            assert_eq!((row.state, row.found), (DriftState::Unknown, None), "{why}");
            assert!(row.reason.contains(why), "{}", row.reason);
        }
    }
    // What is there is there, whatever else may be.
    let mut half = windows((20348, Some(1)), &[("b", Some("1"))]);
    half.gaps = vec![gap("uninstall-users")];
    assert_eq!(state("forbidden = ['b']", &half).0, "drift");
    assert_eq!(state("required = ['b']", &half).0, "ok");
    assert_eq!(state("minimum = { b = '1' }", &half).0, "unknown");
}

#[test]
fn a_baseline_is_for_whom_it_says() {
    let fits = |who: &str, machine: &MachineRecord| {
        let text = format!("[[baseline]]\nid='b'\nreason='r'\nforbidden=['x']\n{who}");
        let policy = Policy::parse(&text).unwrap();
        policy.baselines[0].fits(&MachineFacts::of(machine))
    };
    let web = machine(Some(debian(&[])), &["role=web", "criticality=high"]);
    for who in [
        "role = 'web'",
        "role = ['db', 'w*']",
        "tag = 'criticality=high'",
        "host = 'web-*'",
        "os = 'debian'",
        "os = 'Debian GNU/Linux 12*'",
        "role = 'web'\nhost = '10.0.0.0/8'",
    ] {
        assert!(fits(who, &web), "{who}");
    }
    for who in [
        "role = 'db'",
        "os = 'windows'",
        "role = 'web'\nhost = 'db-*'",
    ] {
        assert!(!fits(who, &web), "{who}");
    }
    assert!(!fits("os = 'debian'", &machine(None, &[])));
    // Whom nobody calls anything is somebody too.
    let mut nameless = machine(None, &[]);
    nameless.target_name = None;
    assert!(fits("host = '*'", &nameless));
    assert!(!fits("host = 'w*'", &nameless) && !fits("host = '?*'", &nameless));
    let mut nobody = web.clone();
    nobody.intermediary = Some("10.0.0.0/24: a firewall".to_owned());
    assert!(!fits("host = '*'", &nobody));
}

#[test]
fn what_is_written_wrongly_is_refused_with_its_line() {
    let head = "[[baseline]]\nid = 'b'\nreason = 'r'\n";
    for (rest, line, what) in [
        ("host = '*'\n", 1, "asks for something"),
        ("build = '20348.1'\n", 1, "says whom it is for"),
        ("host = '*'\nbuilds = '20348.1'\n", 5, "builds"),
        (
            "host = '*'\nbuild = '20348'\n",
            5,
            "a build and its revision",
        ),
        ("host = '*'\nbuild = 20348.27\n", 5, "expected a string"),
        ("host = '*'\nos_version = '12'\n", 5, "\">= 12\""),
        (
            "host = '*'\nrequired = ['a',\n 'b>=1']\n",
            6,
            "NAME >= VERSION",
        ),
        ("host = '*'\nforbidden = ['a < 2']\n", 5, "minimum = "),
        ("host = '*'\nrequired = ['']\n", 5, "has a name"),
        ("host = '*'\nminimum = { a = 'new' }\n", 5, "no version"),
        (
            "host = '*'\nrequired = ['a']\nforbidden = ['A']\n",
            1,
            "`A` is required and forbidden",
        ),
        ("host = ''\nrequired = ['a']\n", 1, "leave the key out"),
    ] {
        let error = Policy::parse(&format!("{head}{rest}"))
            .unwrap_err()
            .to_string();
        assert!(
            error.starts_with(&format!("line {line}: ")),
            "{rest}: {error}"
        );
        assert!(error.contains(what), "{rest}: {error}");
    }
    let one = format!("{head}host = '*'\nrequired = ['a']\n");
    let error = Policy::parse(&format!("{one}{one}"))
        .unwrap_err()
        .to_string();
    assert!(
        error.contains("line 6: two [[baseline]] have the id `b`"),
        "{error}"
    );
    let no_reason = "[[baseline]]\nid='b'\nhost='*'\nrequired=['a']";
    assert!(
        Policy::parse(no_reason)
            .unwrap_err()
            .to_string()
            .contains("needs a reason")
    );
}

fn any_inventory() -> impl Strategy<Value = Option<Inventory>> {
    let name = || proptest::sample::select(vec!["a", "b", "c", "Adobe Flash 1"]);
    let version = || "([0-9]:)?[0-9a-z.~]{0,6}(-[0-9]{1,2})?";
    let manager = proptest::sample::select(vec![
        PackageManager::Dpkg,
        PackageManager::Rpm,
        PackageManager::Apk,
        PackageManager::Snap,
        PackageManager::Macos,
    ]);
    let packages = proptest::collection::vec((manager, name(), version()), 0..5);
    let programs = proptest::collection::vec((name(), proptest::option::of(version())), 0..5);
    (
        packages,
        programs,
        0..6_u8,
        proptest::option::of(0..3000_u32),
    )
        .prop_map(|(packages, programs, kind, ubr)| {
            let packages = packages
                .iter()
                .map(|(manager, name, version)| package(*manager, name, version));
            let packages: Vec<Package> = packages.collect();
            let programs: Vec<(&str, Option<&str>)> = programs
                .iter()
                .map(|(name, version)| (*name, version.as_deref()))
                .collect();
            match kind {
                0 => None,
                1 => Some(inventory(Family::Unix, "x", None)),
                2 | 3 => Some(windows((20348, ubr), &programs)),
                _ => Some(Inventory {
                    packages: Observed::Known(packages),
                    ..debian(&[])
                }),
            }
        })
}

proptest! {
    #[test]
    fn there_is_one_row_for_each_rule_of_whatever_machine(read in any_inventory()) {
        let rules = "build = '20348.2700'\nos_version = '>= 12'\nrequired = ['a', 'b >= 1.0']\n\
             forbidden = ['c', 'Adobe *']\nminimum = { a = '1.0-1', d = '2' }";
        let is_read = read.is_some();
        let rows = drift(rules, read);
        let asked: Vec<(&str, String)> = rows.iter().map(|row| (row.rule.as_str(), row.expected.clone())).collect();
        let wanted = [
            ("build", ">= 20348.2700"), ("os_version", ">= 12"), ("required", "installed"),
            ("required", ">= 1.0"), ("forbidden", "not installed"), ("forbidden", "not installed"),
            ("minimum", ">= 1.0-1"), ("minimum", ">= 2"),
        ];
        let wanted: Vec<(&str, String)> = wanted.iter().map(|(rule, what)| (*rule, (*what).to_owned())).collect();
        prop_assert_eq!(asked, wanted);
        for row in rows {
            prop_assert!(is_read || row.state == DriftState::Unknown);
            prop_assert!(row.state == DriftState::Unknown || row.found.is_some());
            prop_assert!(!row.reason.is_empty());
        }
    }
}
