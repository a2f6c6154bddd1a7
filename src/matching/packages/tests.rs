//! The rules of systems other than Debian, one by one, on inventories and slices made for each. Versions and
//! ids are the publishers'.

use super::*;
use crate::catalog::Slice;
use crate::matching::tests::inventory_of;
use crate::matching::{Known, findings, findings_with_closed};
use crate::model::{
    Affected, Bulletin, BulletinId, Confidence, Date, FixStatus, LivePatch, Nature, Observed,
    PackageManager, PackageScope, PackageState, SourcePackage, Spoken, StaleProgram, Subscription,
    UnixFacts, UpdateSource, VersionRange,
};
use std::sync::Arc;

const EL9: &str = "AlmaLinux:9";

fn rpm(name: &str, version: &str, source: (&str, &str)) -> Package {
    Package {
        manager: PackageManager::Rpm,
        name: name.to_owned(),
        version: version.to_owned(),
        arch: "x86_64".to_owned(),
        source: SourcePackage {
            name: source.0.to_owned(),
            version: source.1.to_owned(),
        },
        state: PackageState::Installed,
        held: false,
        installed_at: None,
        vendor: None,
        module: None,
        repository: None,
    }
}

fn of(manager: PackageManager, name: &str, version: &str) -> Package {
    Package {
        manager,
        ..rpm(name, version, (name, version))
    }
}

/// An rpm package named like its source.
fn plain(name: &str, version: &str) -> Package {
    rpm(name, version, (name, subject::epoch_free(version)))
}

fn host(ecosystem: &str, id: &str, version: &str, packages: Vec<Package>) -> Inventory {
    let mut host = inventory_of(ecosystem, id, version);
    host.packages = Observed::Known(packages);
    host
}

fn alma(packages: Vec<Package>) -> Inventory {
    host(EL9, "almalinux", "9.4", packages)
}

fn affected(ecosystem: &str, package: &str, fixed: Option<&str>, scope: PackageScope) -> Affected {
    Affected {
        ecosystem: ecosystem.to_owned(),
        package: package.to_owned(),
        scope,
        ranges: vec![VersionRange {
            introduced: None,
            fixed: fixed.map(str::to_owned),
            last_affected: None,
        }],
        status: FixStatus::Stated,
        urgency: None,
    }
}

fn binary() -> PackageScope {
    PackageScope {
        spoken: Spoken::Binary,
        ..PackageScope::default()
    }
}

fn advisory(id: &str, cves: &[&str], affected: Vec<Affected>) -> Bulletin {
    Bulletin {
        id: BulletinId::new(id),
        feed: "osv".to_owned(),
        title: "A flaw".to_owned(),
        cves: cves.iter().map(|cve| (*cve).to_owned()).collect(),
        severity: None,
        cvss_tenths: None,
        nature: Nature::default(),
        published: None,
        modified: None,
        withdrawn: None,
        references: Vec::new(),
        affected,
    }
}

/// An advisory about one binary package.
fn about(ecosystem: &str, id: &str, package: &str, fixed: &str, scope: PackageScope) -> Bulletin {
    let affected = affected(ecosystem, package, Some(fixed), scope);
    advisory(id, &["CVE-2024-1", "CVE-2024-2"], vec![affected])
}

fn pocketed(inventory: &Inventory, bulletins: &[Bulletin]) -> Known<'static> {
    let ecosystems = bulletins.iter().flat_map(|one| &one.affected);
    let mut ecosystems: Vec<&str> = ecosystems.map(|one| one.ecosystem.as_str()).collect();
    ecosystems.extend(inventory.platform.ecosystem.as_deref());
    ecosystems.sort_unstable();
    ecosystems.dedup();
    let sets = pockets::ContentSets::new();
    let pockets = pockets::pockets(inventory, ecosystems, &sets).into_iter();
    let pockets = pockets.map(|(ecosystem, access)| Pocket {
        slice: Arc::new(Slice::new(ecosystem, bulletins.to_vec(), [])),
        access,
        is_offered: true,
    });
    Known {
        pockets: pockets.collect(),
        ..Known::default()
    }
}

fn today() -> Date {
    Date::parse("2026-11-22").unwrap()
}

fn found(inventory: &Inventory, bulletins: &[Bulletin]) -> Vec<Finding> {
    let mut found = findings(inventory, &pocketed(inventory, bulletins), today());
    // The host's kernel is no matter of most tests.
    found.retain(|finding| finding.bulletin.as_str() != "unknown:kernel");
    found
}

/// `product bulletin state installed -> fixed [packages]`
fn lines(inventory: &Inventory, bulletins: &[Bulletin]) -> Vec<String> {
    let line = |finding: &Finding| {
        format!(
            "{} {} {} {} -> {} [{}]",
            finding.product,
            finding.bulletin,
            finding.state.as_str(),
            finding.installed,
            finding.fixed.as_deref().unwrap_or("-"),
            finding.packages.join(" "),
        )
    };
    found(inventory, bulletins).iter().map(line).collect()
}

#[test]
fn binary_packages_are_judged_by_name_and_shown_by_source() {
    let packages = vec![
        rpm("openssl", "1:3.0.7-20.el9", ("openssl", "3.0.7-20.el9")),
        rpm(
            "openssl-libs",
            "1:3.0.7-20.el9",
            ("openssl", "3.0.7-20.el9"),
        ),
        plain("bash", "5.1.8-9.el9"),
    ];
    let bulletins = [
        advisory(
            "ALSA-2024:2447",
            &["CVE-2023-2975", "CVE-2023-3446"],
            ["openssl", "openssl-libs", "openssl-devel"]
                .map(|name| affected(EL9, name, Some("1:3.0.7-27.el9"), binary()))
                .to_vec(),
        ),
        // A source of that name is not what is spoken of.
        about(
            EL9,
            "ALSA-2024:1",
            "bash",
            "5.1.8-10.el9",
            PackageScope::default(),
        ),
    ];
    assert_eq!(
        lines(&alma(packages), &bulletins),
        [
            "bash ALSA-2024:1 missing 5.1.8-9.el9 -> 5.1.8-10.el9 [bash]",
            "openssl ALSA-2024:2447 missing 1:3.0.7-20.el9 -> 1:3.0.7-27.el9 [openssl openssl-libs]",
        ]
    );
}

#[test]
fn an_epoch_decides_before_the_version() {
    let bulletins = [about(EL9, "ALSA-1", "openssl", "1:3.0.7-27.el9", binary())];
    let state = |version| lines(&alma(vec![plain("openssl", version)]), &bulletins).len();
    assert_eq!(state("1:3.0.7-27.el9"), 0);
    assert_eq!(state("1:3.0.7-26.el9"), 1);
    // Without its epoch a version far above is still before it.
    assert_eq!(state("3.5.1-3.el9"), 1);
}

#[test]
fn each_advisory_of_one_flaw_counts_by_itself() {
    let of = |id, fixed| {
        let affected = affected(EL9, "openssh", Some(fixed), binary());
        advisory(id, &["CVE-2024-6387"], vec![affected])
    };
    let bulletins = [
        of("ALSA-1", "8.7p1-38.el9_4.1"),
        of("ALSA-2", "8.7p1-38.el9_4.4"),
    ];
    let host = alma(vec![plain("openssh", "8.7p1-38.el9_4.1")]);
    assert_eq!(
        lines(&host, &bulletins),
        ["openssh ALSA-2 missing 8.7p1-38.el9_4.1 -> 8.7p1-38.el9_4.4 [openssh]"]
    );
}

#[test]
fn an_advisory_about_a_stream_concerns_packages_of_that_stream() {
    let stream = |name: &str| PackageScope {
        module: Some(name.to_owned()),
        ..binary()
    };
    let fixed = "4:5.32.1-473.module_el8.6.0+3337+b45a5cf3";
    let bulletins = [about(
        "AlmaLinux:8",
        "ALSA-1",
        "perl-Encode",
        fixed,
        stream("perl:5.32"),
    )];
    let lines_of = |version: &str, label: Option<&str>| {
        let mut package = plain("perl-Encode", version);
        package.module = label.map(str::to_owned);
        lines(
            &host("AlmaLinux:8", "almalinux", "8.9", vec![package]),
            &bulletins,
        )
    };
    assert!(lines_of("4:2.97-3.el8", None).is_empty());
    let installed = "4:3.08-461.module_el8.6.0+2766+8bf0b7ce";
    let label = "perl:5.32:8060020220516131412:9fe1d287";
    assert_eq!(lines_of(installed, Some(label)).len(), 1);
    assert!(lines_of(installed, Some("perl:5.30:8040020200923213406:466ea64f")).is_empty());
    // A build of a module that does not say of which is left undecided, and not clean.
    let undecided = lines_of(installed, None);
    assert_eq!(
        undecided,
        [format!(
            "perl-Encode unverified:unknown-module unverified {installed} -> {fixed} [perl-Encode]"
        )]
    );
}

#[test]
fn an_advisory_about_no_stream_does_not_concern_a_module() {
    let bulletins = [about(
        "AlmaLinux:8",
        "ALSA-1",
        "nodejs",
        "1:20.0-1.el8",
        binary(),
    )];
    let mut package = plain("nodejs", "1:10.24.0-1.module_el8.3.0+2047+b07ac28e");
    package.module = Some("nodejs:10:8030020210226103133:229f0a1c".to_owned());
    let host = host("AlmaLinux:8", "almalinux", "8.9", vec![package]);
    assert!(lines(&host, &bulletins).is_empty());
}

#[test]
fn an_advisory_that_names_no_stream_is_taken_by_its_context_and_is_less_sure() {
    let unnamed = PackageScope {
        module: Some(String::new()),
        ..binary()
    };
    let bulletins = [about(
        "AlmaLinux:8",
        "ALSA-1",
        "nodejs",
        "1:10.24.0-1.module_el8.3.0+2047+b07ac28e",
        unnamed,
    )];
    let judged = |version: &str| {
        let mut package = plain("nodejs", version);
        package.module = Some("nodejs:10:8030020210226103133:229f0a1c".to_owned());
        let host = host("AlmaLinux:8", "almalinux", "8.9", vec![package]);
        let found = found(&host, &bulletins);
        found.first().map(|finding| finding.confidence)
    };
    let same = judged("1:10.23.0-1.module_el8.3.0+2013+b07ac28e");
    assert_eq!(same, Some(Confidence::Low));
    assert_eq!(judged("1:10.23.0-1.module_el8.3.0+2013+9fe1d287"), None);
}

#[test]
fn amazon_kernels_and_extras_are_judged_by_their_repository() {
    let of = |repository: &str, id, fixed| {
        let scope = PackageScope {
            repository: Some(repository.to_owned()),
            ..binary()
        };
        about("Amazon Linux:2", id, "kernel", fixed, scope)
    };
    let bulletins = [
        of("amzn2-core", "ALAS2-2023-2050", "4.14.314-238.539.amzn2"),
        of(
            "amzn2extra-kernel-5.10",
            "ALAS2KERNEL-5.10-2023-33",
            "5.10.179-166.674.amzn2",
        ),
    ];
    let ids = |repository: Option<&str>| -> Vec<String> {
        let mut kernel = plain("kernel", "4.14.314-237.533.amzn2");
        kernel.repository = repository.map(str::to_owned);
        let mut host = host("Amazon Linux:2", "amzn", "2", vec![kernel]);
        host.platform.kernel.running = Some("4.14.314-237.533.amzn2.x86_64".to_owned());
        let found = found(&host, &bulletins).into_iter();
        found.map(|one| one.bulletin.as_str().to_owned()).collect()
    };
    for core in [Some("amzn2-core"), Some("installed"), None] {
        assert_eq!(ids(core), ["ALAS2-2023-2050"], "{core:?}");
    }
    assert_eq!(
        ids(Some("amzn2extra-kernel-5.10")),
        ["ALAS2KERNEL-5.10-2023-33"]
    );
}

#[test]
fn an_architecture_that_an_advisory_does_not_name_is_not_concerned() {
    let arm = PackageScope {
        arches: vec!["aarch64".to_owned()],
        ..binary()
    };
    let bulletins = [about(EL9, "ALSA-1", "bash", "6-1.el9", arm)];
    assert!(lines(&alma(vec![plain("bash", "5.1-1.el9")]), &bulletins).is_empty());
    let mut package = plain("bash", "5.1-1.el9");
    package.arch = "noarch".to_owned();
    assert_eq!(lines(&alma(vec![package]), &bulletins).len(), 1);
}

#[test]
fn flavours_follow_advisories_of_their_own() {
    let of = |version: &str, fixed: &str| {
        let bulletins = [about("Oracle Linux:8", "ELSA-1", "glibc", fixed, binary())];
        lines(
            &host("Oracle Linux:8", "ol", "8.9", vec![plain("glibc", version)]),
            &bulletins,
        )
        .len()
    };
    let plain_fix = "2.28-236.0.1.el8_9.13";
    let ksplice_fix = "2:2.28-236.0.1.ksplice1.el8_9.13";
    assert_eq!(of("2.28-236.0.1.el8.7", plain_fix), 1);
    assert_eq!(of("2.28-236.0.1.el8.7", ksplice_fix), 0);
    assert_eq!(of("2:2.28-236.0.1.ksplice1.el8.7", plain_fix), 0);
    assert_eq!(of("2:2.28-236.0.1.ksplice1.el8.7", ksplice_fix), 1);
    assert_eq!(of("10:3.6.16-4.el8_fips", "3.6.16-8.el8_9.3"), 0);
}

#[test]
fn rocky_epochs_that_lost_a_digit_are_mended() {
    let source = PackageScope::default;
    let of = |installed: &str, fixed: &str| {
        let bulletins = [about("Rocky Linux:9", "RLSA-1", "bind", fixed, source())];
        let utils = rpm(
            "bind-utils",
            installed,
            ("bind", subject::epoch_free(installed)),
        );
        lines(
            &host("Rocky Linux:9", "rocky", "9.1", vec![utils]),
            &bulletins,
        )
        .len()
    };
    assert_eq!(of("32:9.16.23-5.el9_1", "2:9.16.23-11.el9_2"), 1);
    assert_eq!(of("32:9.16.23-12.el9_2", "2:9.16.23-11.el9_2"), 0);
    assert_eq!(of("32:9.16.23-5.el9_1", "32:9.16.23-11.el9_2"), 1);
}

#[test]
fn a_source_version_without_an_epoch_is_never_compared_with_one() {
    let bulletins = [about(
        "Rocky Linux:9",
        "RLSA-1",
        "perl",
        "4:5.32.1-481.el9",
        PackageScope::default(),
    )];
    let of = |packages: Vec<Package>| {
        lines(&host("Rocky Linux:9", "rocky", "9.1", packages), &bulletins)
    };
    let errno = |release: &str| {
        rpm(
            "perl-Errno",
            &format!("1.30-{release}"),
            ("perl", &format!("5.32.1-{release}")),
        )
    };
    // By itself, it is compared without epochs; beside the main package, with that one's.
    assert!(of(vec![errno("481.el9")]).is_empty());
    assert_eq!(of(vec![errno("480.el9")]).len(), 1);
    let perl = rpm("perl-libs", "4:5.32.1-481.el9", ("perl", "5.32.1-481.el9"));
    assert!(of(vec![errno("481.el9"), perl]).is_empty());
}

fn el9_kernel(release: &str) -> Vec<Package> {
    ["kernel-core", "kernel-modules", "kernel"]
        .map(|name| {
            rpm(
                name,
                &format!("5.14.0-{release}"),
                ("kernel", &format!("5.14.0-{release}")),
            )
        })
        .to_vec()
}

fn kernel_advisories() -> Vec<Bulletin> {
    let of = |id, release: &str| {
        let names = [
            "kernel",
            "kernel-core",
            "kernel-modules",
            "kernel-tools",
            "kernel-headers",
        ];
        let fixed = format!("5.14.0-{release}");
        let affected = names.map(|name| affected(EL9, name, Some(&fixed), binary()));
        advisory(id, &["CVE-2024-1", "CVE-2024-2"], affected.to_vec())
    };
    vec![
        of("ALSA-1", "427.13.1.el9_4"),
        of("ALSA-2", "427.20.1.el9_4"),
    ]
}

#[test]
fn only_the_kernel_that_runs_is_judged_and_a_newer_one_waits_for_a_boot() {
    let mut packages = el9_kernel("362.8.1.el9_3");
    packages.extend(el9_kernel("427.13.1.el9_4"));
    let tools = "5.14.0-427.20.1.el9_4";
    packages.push(rpm(
        "kernel-tools",
        tools,
        ("kernel", "5.14.0-427.20.1.el9_4"),
    ));
    let mut host = alma(packages);
    host.platform.kernel.running = Some("5.14.0-427.13.1.el9_4.x86_64".to_owned());
    assert_eq!(
        lines(&host, &kernel_advisories()),
        [
            "kernel ALSA-2 missing 5.14.0-427.13.1.el9_4 -> 5.14.0-427.20.1.el9_4 \
            [kernel kernel-core kernel-modules]"
        ]
    );
    host.platform.kernel.running = Some("5.14.0-362.8.1.el9_3.x86_64".to_owned());
    let states: Vec<_> = found(&host, &kernel_advisories())
        .into_iter()
        .map(|one| (one.bulletin.as_str().to_owned(), one.state.as_str()))
        .collect();
    let pair = |id: &str, state| (id.to_owned(), state);
    assert_eq!(
        states,
        [pair("ALSA-1", "pending_reboot"), pair("ALSA-2", "missing")]
    );
}

#[test]
fn a_live_patch_is_said_beside_the_kernel() {
    let mut host = alma(el9_kernel("427.13.1.el9_4"));
    host.platform.kernel.running = Some("5.14.0-427.13.1.el9_4.x86_64".to_owned());
    host.unix = Some(Box::new(UnixFacts {
        live_patches: Observed::Known(vec![LivePatch {
            name: "kpatch_5_14_0_427_13_1_1_1".to_owned(),
            enabled: true,
        }]),
        ..UnixFacts::default()
    }));
    let found = found(&host, &kernel_advisories());
    assert_eq!(found[0].confidence, Confidence::Low);
    assert!(
        found[0]
            .evidence
            .rule
            .contains("live patch kpatch_5_14_0_427_13_1_1_1")
    );
}

#[test]
fn a_suse_kernel_runs_under_its_version_without_the_rebuild() {
    const SLES: &str = "SUSE:Linux Enterprise Server 15 SP3";
    let packages = vec![
        plain("kernel-default", "5.3.18-59.37.2"),
        plain("kernel-default", "5.3.18-59.27.1"),
    ];
    let mut host = host(SLES, "sles", "15.3", packages);
    host.platform.kernel.running = Some("5.3.18-59.37-default".to_owned());
    let of = |fixed| {
        let module = "SUSE:Linux Enterprise Module for Basesystem 15 SP3";
        [about(
            module,
            "SUSE-SU-1",
            "kernel-default",
            fixed,
            binary(),
        )]
    };
    assert_eq!(lines(&host, &of("5.3.18-150300.59.43.1")).len(), 1);
    assert!(lines(&host, &of("5.3.18-59.34.1")).is_empty());
}

#[test]
fn a_kernel_that_was_replaced_and_still_runs_waits_for_a_boot() {
    let kernel = of(PackageManager::Apk, "linux-lts", "6.6.41-r0");
    let mut host = host("Alpine:v3.20", "alpine", "3.20.2", vec![kernel]);
    let states = |host: &Inventory| -> Vec<_> {
        let bulletins = [about(
            "Alpine:v3.20",
            "CVE-2024-1",
            "linux-lts",
            "6.6.40-r0",
            PackageScope::default(),
        )];
        let found = findings(host, &pocketed(host, &bulletins), today());
        found.into_iter().map(|one| one.state.as_str()).collect()
    };
    host.platform.kernel.running = Some("6.6.30-0-lts".to_owned());
    assert_eq!(states(&host), ["pending_reboot"]);
    host.platform.kernel.running = Some("6.6.41-0-lts".to_owned());
    assert!(states(&host).is_empty());
}

#[test]
fn a_fix_from_extended_support_closes_the_flaw_and_an_unbought_one_is_told_apart() {
    let base = "Red Hat:enterprise_linux:9::baseos";
    let eus = "Red Hat:rhel_eus:9.2::baseos";
    let bulletins = [
        about(base, "RHSA-2024:1", "glibc", "2.34-100.el9_4.2", binary()),
        about(eus, "RHSA-2024:2", "glibc", "2.34-60.el9_2.14", binary()),
    ];
    let rhel = |version: &str| {
        host(
            "Red Hat:enterprise_linux:9",
            "rhel",
            "9.2",
            vec![plain("glibc", version)],
        )
    };
    // Installed from EUS, though the base release's fix is a later version.
    assert!(lines(&rhel("2.34-60.el9_2.14"), &bulletins).is_empty());
    // Neither is installed: without EUS the base release's is the one to take.
    let plain_host = rhel("2.34-60.el9");
    assert_eq!(
        lines(&plain_host, &bulletins),
        ["glibc RHSA-2024:1 missing 2.34-60.el9 -> 2.34-100.el9_4.2 [glibc]"]
    );
    let mut subscriber = rhel("2.34-60.el9");
    subscriber.unix = Some(Box::new(UnixFacts {
        sources: Observed::Known(vec![UpdateSource {
            manager: PackageManager::Rpm,
            id: "rhel-9-for-x86_64-baseos-eus-rpms".to_owned(),
            url: String::new(),
            enabled: true,
            dangers: Vec::new(),
        }]),
        ..UnixFacts::default()
    }));
    assert_eq!(
        lines(&subscriber, &bulletins),
        ["glibc RHSA-2024:2 missing 2.34-60.el9 -> 2.34-60.el9_2.14 [glibc]"]
    );
    let only_eus = &bulletins[1..];
    assert_eq!(
        lines(&plain_host, only_eus),
        ["glibc RHSA-2024:2 missing_needs_subscription 2.34-60.el9 -> 2.34-60.el9_2.14 [glibc]"]
    );
}

#[test]
fn an_advisory_with_a_fix_goes_before_a_flaw_without_one() {
    let base = "Red Hat:enterprise_linux:9";
    let unfixed = advisory(
        "CVE-2024-1",
        &["CVE-2024-1"],
        vec![affected(base, "glibc", None, PackageScope::default())],
    );
    let fixed = about(
        &format!("{base}::baseos"),
        "RHSA-2024:1",
        "glibc",
        "2.34-100.el9",
        binary(),
    );
    let of = |version: &str, bulletins: &[Bulletin]| {
        let host = host(base, "rhel", "9.4", vec![plain("glibc", version)]);
        lines(&host, bulletins)
    };
    let both = [unfixed.clone(), fixed];
    assert_eq!(
        of("2.34-60.el9", &both),
        ["glibc RHSA-2024:1 missing 2.34-60.el9 -> 2.34-100.el9 [glibc]"]
    );
    assert!(of("2.34-100.el9", &both).is_empty());
    assert_eq!(
        of("2.34-60.el9", &[unfixed]),
        ["glibc CVE-2024-1 no_fix_yet 2.34-60.el9 -> - [glibc]"]
    );
}

#[test]
fn a_fix_in_a_repository_that_is_not_used_is_said_to_be_there() {
    let base = "Red Hat:enterprise_linux:9";
    let bulletins = [about(
        &format!("{base}::appstream"),
        "RHSA-1",
        "vim",
        "2:9-2.el9",
        binary(),
    )];
    let rule = |is_offered: bool| {
        let mut host = host(base, "rhel", "9.4", vec![plain("vim", "2:8-1.el9")]);
        host.unix = Some(Box::new(UnixFacts {
            sources: Observed::Known(vec![UpdateSource {
                manager: PackageManager::Rpm,
                id: "rhel-9-for-x86_64-baseos-rpms".to_owned(),
                url: String::new(),
                enabled: true,
                dangers: Vec::new(),
            }]),
            ..UnixFacts::default()
        }));
        let mut known = pocketed(&host, &bulletins);
        let pockets = known.pockets.iter_mut();
        pockets.for_each(|pocket| pocket.is_offered = is_offered);
        findings(&host, &known, today())[0].evidence.rule.clone()
    };
    assert!(rule(false).contains("none of its repositories holds it"));
    assert!(!rule(true).contains("offer"));
}

#[test]
fn which_repositories_hold_what_follows_from_their_content_sets() {
    let eus = "Red Hat:rhel_eus:9.2::appstream";
    let sets = pockets::ContentSets::from([("own-mirror".to_owned(), vec![eus.to_owned()])]);
    let mut host = host(
        "Red Hat:enterprise_linux:9",
        "rhel",
        "9.2",
        vec![plain("vim", "1-1")],
    );
    let access = |host: &Inventory| pockets::pockets(host, [eus], &sets);
    assert_eq!(access(&host), [(eus, Access::NeedsSubscription)]);
    assert_eq!(pockets::offered(&host, &sets), None);
    host.unix = Some(Box::new(UnixFacts {
        sources: Observed::Known(vec![UpdateSource {
            manager: PackageManager::Rpm,
            id: "own-mirror".to_owned(),
            url: String::new(),
            enabled: true,
            dangers: Vec::new(),
        }]),
        ..UnixFacts::default()
    }));
    assert_eq!(access(&host), [(eus, Access::Subscribed)]);
    assert!(pockets::offered(&host, &sets).unwrap().contains(eus));
}

fn ubuntu(release: &str, attached: Option<&[&str]>) -> Inventory {
    let package = of(PackageManager::Dpkg, "openssl", "1.0.2g-1ubuntu4.20");
    let ecosystem = format!("Ubuntu:{release}:LTS");
    let mut host = host(&ecosystem, "ubuntu", release, vec![package]);
    host.unix = attached.map(|services| {
        Box::new(UnixFacts {
            subscription: Observed::Known(Subscription {
                attached: !services.is_empty(),
                services: services.iter().map(|name| (*name).to_owned()).collect(),
            }),
            ..UnixFacts::default()
        })
    });
    host
}

#[test]
fn a_release_past_its_support_is_never_clean_for_want_of_data_on_what_subscribers_get() {
    let source = PackageScope::default;
    let mut free = affected("Ubuntu:16.04:LTS", "openssl", None, source());
    free.status = FixStatus::EndOfLife;
    let pro = affected(
        "Ubuntu:Pro:16.04:LTS",
        "openssl",
        Some("1.0.2g-1ubuntu4.20+esm1"),
        source(),
    );
    let both = [advisory(
        "UBUNTU-CVE-2022-0778",
        &["CVE-2022-0778"],
        vec![free.clone(), pro],
    )];
    let only_free = [advisory(
        "UBUNTU-CVE-2022-0778",
        &["CVE-2022-0778"],
        vec![free],
    )];
    let state = |host: &Inventory, bulletins: &[Bulletin]| -> Vec<_> {
        found(host, bulletins)
            .into_iter()
            .map(|one| one.state.as_str())
            .collect()
    };
    assert_eq!(state(&ubuntu("16.04", None), &only_free), ["end_of_life"]);
    assert_eq!(
        state(&ubuntu("16.04", None), &both),
        ["missing_needs_subscription"]
    );
    assert_eq!(
        state(&ubuntu("16.04", Some(&[])), &both),
        ["missing_needs_subscription"]
    );
    assert_eq!(
        state(&ubuntu("16.04", Some(&["esm-infra"])), &both),
        ["missing"]
    );
    let mut fixed = ubuntu("16.04", None);
    fixed.packages = Observed::Known(vec![of(
        PackageManager::Dpkg,
        "openssl",
        "1.0.2g-1ubuntu4.20+esm1",
    )]);
    assert!(state(&fixed, &both).is_empty());
}

#[test]
fn packages_of_others_are_said_to_be_uncovered() {
    let mut own = plain("bash", "5.1-1.el9");
    own.vendor = Some("AlmaLinux".to_owned());
    let mut epel = plain("htop", "3.2-1.el9");
    epel.vendor = Some("Fedora Project".to_owned());
    let mut other = plain("docker-ce", "3:26.0-1.el9");
    other.vendor = Some("Docker".to_owned());
    let bulletins = [
        about(EL9, "ALSA-1", "bash", "5.1-2.el9", binary()),
        about(EL9, "ALSA-2", "htop", "4-1.el9", binary()),
    ];
    assert_eq!(
        lines(&alma(vec![own, epel, other]), &bulletins),
        [
            "almalinux unverified:not-covered unverified 9.4 -> - [docker-ce]",
            "bash ALSA-1 missing 5.1-1.el9 -> 5.1-2.el9 [bash]",
            "htop unverified:third-party unverified 3.2-1.el9 -> 4-1.el9 [htop]",
        ]
    );
}

#[test]
fn a_rebuild_is_judged_by_what_it_is_built_from_and_says_so() {
    let ecosystem = "Red Hat:enterprise_linux:7";
    let bulletins = [about(
        &format!("{ecosystem}::server"),
        "RHSA-1",
        "bash",
        "4.2.46-35.el7_9",
        binary(),
    )];
    let found = found(
        &host(
            ecosystem,
            "centos",
            "7",
            vec![plain("bash", "4.2.46-34.el7")],
        ),
        &bulletins,
    );
    assert_eq!(found[0].confidence, Confidence::Medium);
    assert!(found[0].evidence.rule.contains("Red Hat's advisories"));
}

#[test]
fn a_fix_that_no_source_of_the_host_offers_is_said() {
    let source = |id: &str| UpdateSource {
        manager: PackageManager::Dpkg,
        id: id.to_owned(),
        url: "http://deb.debian.org/debian".to_owned(),
        enabled: true,
        dangers: Vec::new(),
    };
    let rule = |sources: Vec<UpdateSource>| {
        let package = of(PackageManager::Dpkg, "bash", "5.2-1");
        let mut host = host("Debian:12", "debian", "12", vec![package]);
        host.platform.codename = Some("bookworm".to_owned());
        host.unix = Some(Box::new(UnixFacts {
            sources: Observed::Known(sources),
            ..UnixFacts::default()
        }));
        let bulletins = [about(
            "Debian:12",
            "DSA-1",
            "bash",
            "5.2-2",
            PackageScope::default(),
        )];
        found(&host, &bulletins)[0].evidence.rule.clone()
    };
    assert!(rule(vec![source("bookworm main")]).contains("bookworm-security"));
    let both = vec![source("bookworm main"), source("bookworm-security main")];
    assert!(!rule(both).contains("offer"));
    assert!(rule(Vec::new()).contains("none is enabled"));
}

#[test]
fn programs_that_run_replaced_code_wait_for_a_restart() {
    let mut host = alma(vec![plain("bash", "5.1-1.el9")]);
    host.unix = Some(Box::new(UnixFacts {
        stale: Observed::Known(vec![StaleProgram {
            program: "/usr/sbin/sshd".to_owned(),
            files: vec!["/usr/lib64/libcrypto.so.3.0.7".to_owned()],
        }]),
        ..UnixFacts::default()
    }));
    assert_eq!(
        lines(&host, &[]),
        ["almalinux restart:stale-programs pending_reboot 9.4 -> - [/usr/sbin/sshd]"]
    );
}

#[test]
fn arch_and_freebsd_are_judged_in_their_own_orders() {
    let arch = host(
        "Arch Linux",
        "arch",
        "",
        vec![of(PackageManager::Pacman, "openssl", "3.3.1-1")],
    );
    let bulletins = [about("Arch Linux", "AVG-1", "openssl", "1:3.0-1", binary())];
    assert_eq!(lines(&arch, &bulletins).len(), 1);
    let curl = of(PackageManager::Pkg, "curl", "8.9.0_1,1");
    let freebsd = host("FreeBSD", "freebsd", "14.1", vec![curl]);
    let of = |fixed| {
        lines(
            &freebsd,
            &[about("FreeBSD", "vuxml-1", "curl", fixed, binary())],
        )
        .len()
    };
    assert_eq!(
        (of("8.9.0_1,1"), of("8.9.0_2,1"), of("9.0"), of("1.0,2")),
        (0, 1, 0, 1)
    );
}

#[test]
fn what_is_closed_is_told_when_it_is_asked_for() {
    let bulletins = [about(EL9, "ALSA-1", "bash", "5.1-1.el9", binary())];
    let host = alma(vec![plain("bash", "5.1-1.el9")]);
    let all = findings_with_closed(&host, &pocketed(&host, &bulletins), today());
    let states: Vec<_> = all.iter().map(|one| one.state.as_str()).collect();
    assert_eq!(states, ["fixed"]);
}
