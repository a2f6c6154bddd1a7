//! The rules, one by one, on inventories and slices made for each.

use super::*;
use crate::catalog::Slice;
use crate::model::{
    Affected, Bulletin, Family, FixStatus, Gap, GapCause, HostIdentity, Kernel, KnownExploited,
    Nature, Observed, Package, PackageManager, PackageScope, PackageState, Reboot, SourcePackage,
    UtcTime, VersionRange,
};
use std::sync::Arc;

fn package(name: &str, version: &str, source: (&str, &str)) -> Package {
    Package {
        manager: PackageManager::Dpkg,
        name: name.to_owned(),
        version: version.to_owned(),
        arch: "amd64".to_owned(),
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

fn image(release: &str, version: &str) -> Package {
    let signed = version.replace('-', "+");
    package(
        &format!("linux-image-{release}"),
        version,
        ("linux-signed-amd64", &signed),
    )
}

fn open<T>() -> Observed<T> {
    Observed::gap_of("q", GapCause::NotAsked)
}

fn inventory(packages: Vec<Package>, running: Option<&str>) -> Inventory {
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
                running: running.map(str::to_owned),
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

/// A host of a distribution, without packages.
pub(crate) fn inventory_of(ecosystem: &str, id: &str, version: &str) -> Inventory {
    let mut host = inventory(Vec::new(), None);
    let platform = &mut host.platform;
    (platform.family, platform.codename) = (Family::Linux, None);
    platform.id = id.to_owned();
    platform.name = format!("{id} {version}");
    platform.version = Some(version.to_owned());
    platform.ecosystem = Some(ecosystem.to_owned());
    host
}

fn record(feed: &str, cve: &str, package: &str, fixed: Option<&str>) -> Bulletin {
    Bulletin {
        id: BulletinId::new(cve),
        feed: feed.to_owned(),
        title: "A flaw".to_owned(),
        cves: vec![cve.to_owned()],
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
            scope: PackageScope::default(),
            ranges: vec![VersionRange {
                introduced: None,
                fixed: fixed.map(str::to_owned),
                last_affected: None,
            }],
            status: FixStatus::Stated,
            urgency: None,
        }],
    }
}

fn osv(cve: &str, package: &str, fixed: Option<&str>) -> Bulletin {
    record("osv", cve, package, fixed)
}

fn with_status(mut bulletin: Bulletin, status: FixStatus) -> Bulletin {
    bulletin.affected[0].status = status;
    bulletin
}

fn today() -> Date {
    Date::parse("2026-11-22").unwrap()
}

fn judge(inventory: &Inventory, bulletins: Vec<Bulletin>) -> Vec<Finding> {
    let slice = Arc::new(Slice::new("Debian:12", bulletins, []));
    findings(
        inventory,
        &Known::of_slice(Some(Arc::clone(&slice)), None),
        today(),
    )
}

/// `product bulletin state installed -> fixed [packages]`
fn lines(findings: &[Finding]) -> Vec<String> {
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
    findings.iter().map(line).collect()
}

fn openssl(version: &str) -> Inventory {
    let packages = ["libssl3", "openssl"].map(|name| package(name, version, ("openssl", version)));
    inventory(packages.to_vec(), None)
}

#[test]
fn the_binaries_of_a_source_make_one_finding() {
    let bulletins = vec![
        osv("CVE-1", "openssl", Some("3.0.11-1~deb12u2")),
        osv("CVE-2", "openssl", Some("3.0.8-1")),
        osv("CVE-3", "openssl", None),
        osv("CVE-4", "libssl3", None),
    ];
    let found = judge(&openssl("3.0.9-1"), bulletins);
    assert_eq!(
        lines(&found),
        [
            "openssl CVE-1 missing 3.0.9-1 -> 3.0.11-1~deb12u2 [libssl3 openssl]",
            "openssl CVE-3 no_fix_yet 3.0.9-1 -> - [libssl3 openssl]",
        ]
    );
    let evidence = &found[0].evidence;
    assert_eq!(
        evidence.observed,
        "libssl3:amd64 3.0.9-1, openssl:amd64 3.0.9-1 (source openssl 3.0.9-1)"
    );
    assert_eq!(
        evidence.rule,
        "dpkg order: installed < fixed (3.0.9-1 and 3.0.11-1~deb12u2)"
    );
    assert_eq!(evidence.record, "osv CVE-1");
}

#[test]
fn of_several_versions_the_lowest_vulnerable_is_judged() {
    let packages = vec![
        package("libssl3", "3.0.11-1", ("openssl", "3.0.11-1")),
        package("libssl3-udeb", "3.0.9-1", ("openssl", "3.0.9-1")),
        package("openssl", "3.0.10-1", ("openssl", "3.0.10-1")),
    ];
    let found = judge(
        &inventory(packages, None),
        vec![osv("CVE-1", "openssl", Some("3.0.11-1"))],
    );
    assert_eq!(
        lines(&found),
        ["openssl CVE-1 missing 3.0.9-1 -> 3.0.11-1 [libssl3-udeb openssl]"]
    );
}

#[test]
fn removed_packages_have_no_code_and_half_installed_ones_do() {
    let mut host = openssl("3.0.9-1");
    let Observed::Known(packages) = &mut host.packages else {
        unreachable!()
    };
    packages[0].state = PackageState::ConfigFiles;
    packages[1].state = PackageState::Incomplete;
    let found = judge(&host, vec![osv("CVE-1", "openssl", None)]);
    assert_eq!(
        lines(&found),
        ["openssl CVE-1 no_fix_yet 3.0.9-1 -> - [openssl]"]
    );
}

#[test]
fn the_publishers_status_refines_a_flaw_without_a_fix() {
    let state = |status| {
        let bulletin = with_status(osv("CVE-1", "openssl", None), status);
        judge(&openssl("3"), vec![bulletin])
            .first()
            .map(|finding| finding.state)
    };
    assert_eq!(state(FixStatus::Stated), Some(FindingState::NoFixYet));
    assert_eq!(state(FixStatus::Postponed), Some(FindingState::NoFixYet));
    assert_eq!(state(FixStatus::WontFix), Some(FindingState::WontFix));
    assert_eq!(state(FixStatus::EndOfLife), Some(FindingState::EndOfLife));
    assert_eq!(state(FixStatus::Undetermined), Some(FindingState::Unknown));
    assert_eq!(state(FixStatus::NotAffected), None);
}

#[test]
fn one_feed_that_says_fixed_settles_it() {
    let mut other = osv("UBUNTU-CVE-1", "openssl", Some("3.0.8-1"));
    other.cves = vec!["CVE-1".to_owned()];
    other.feed = "other".to_owned();
    let found = judge(
        &openssl("3.0.9-1"),
        vec![osv("CVE-1", "openssl", None), other],
    );
    assert!(found.is_empty(), "{found:?}");
}

#[test]
fn a_withdrawn_bulletin_matches_nothing() {
    let mut bulletin = osv("CVE-1", "openssl", None);
    bulletin.withdrawn = Some(UtcTime::from_unix(0));
    assert!(judge(&openssl("3"), vec![bulletin]).is_empty());
}

#[test]
fn a_version_without_an_order_is_never_waved_through() {
    let bulletins = || vec![osv("CVE-1", "openssl", Some("3.0.11-1"))];
    let found = judge(&openssl("x:1"), bulletins());
    assert_eq!(
        lines(&found),
        ["openssl CVE-1 unverified x:1 -> - [libssl3 openssl]"]
    );
    let bad = vec![osv("CVE-1", "openssl", Some("1:"))];
    assert_eq!(judge(&openssl("3"), bad)[0].state, FindingState::Unverified);
}

#[test]
fn every_range_counts_and_bounds_are_half_open() {
    let range = |from: &str, fixed: Option<&str>, last: Option<&str>| VersionRange {
        introduced: Some(from.to_owned()),
        fixed: fixed.map(str::to_owned),
        last_affected: last.map(str::to_owned),
    };
    let mut bulletin = osv("CVE-1", "openssl", None);
    bulletin.affected[0].ranges = vec![
        range("0", Some("2"), None),
        range("3", Some("4"), None),
        range("5", None, Some("6")),
    ];
    let open = |version: &str| !judge(&openssl(version), vec![bulletin.clone()]).is_empty();
    let vulnerable: Vec<_> = ["0~a", "1.9", "2", "3~", "3", "3.9", "4", "5", "6", "6.1"]
        .into_iter()
        .filter(|version| open(version))
        .collect();
    assert_eq!(vulnerable, ["0~a", "1.9", "3", "3.9", "5", "6"]);
}

#[test]
fn packages_from_elsewhere_are_left_undecided_in_one_row() {
    let mut host = openssl("3.0.9-1");
    let Observed::Known(packages) = &mut host.packages else {
        unreachable!()
    };
    for package in packages.iter_mut() {
        package.vendor = Some("Docker <support@docker.com>".to_owned());
    }
    let bulletins = || {
        vec![
            osv("CVE-1", "openssl", Some("9")),
            osv("CVE-2", "openssl", Some("10")),
            osv("CVE-3", "openssl", None),
            osv("CVE-4", "openssl", Some("2")),
        ]
    };
    let found = judge(&host, bulletins());
    assert_eq!(
        lines(&found),
        ["openssl unverified:third-party unverified 3.0.9-1 -> 10 [libssl3 openssl]"]
    );
    assert_eq!(found[0].confidence, Confidence::Low);
    assert_eq!(found[0].cves, ["CVE-1", "CVE-2", "CVE-3"]);
    assert_eq!(
        found[0].title,
        "3 flaws of openssl, not decided: the packages are not the distribution's own"
    );
    assert_eq!(found[0].evidence.record, "osv CVE-1; osv CVE-2; osv CVE-3");
    let own = judge(&openssl("3.0.9-1~bpo12+1"), bulletins());
    assert_eq!(own[0].state, FindingState::Unverified);
    assert!(
        own[0].evidence.rule.contains("backports"),
        "{}",
        own[0].evidence.rule
    );
    let some = judge(&openssl("3.0.9-1"), bulletins());
    assert_eq!(some[0].state, FindingState::Missing);
}

#[test]
fn the_running_kernel_decides_and_old_ones_are_no_matter() {
    let packages = || {
        vec![
            image("6.1.0-26-amd64", "6.1.112-1"),
            image("6.1.0-27-amd64", "6.1.115-1"),
            image("6.1.0-29-amd64", "6.1.123-1"),
            package(
                "linux-image-amd64",
                "6.1.123-1",
                ("linux-signed-amd64", "6.1.123+1"),
            ),
        ]
    };
    let bulletins = || {
        vec![
            osv("CVE-1", "linux", Some("6.1.113-1")),
            osv("CVE-2", "linux", Some("6.1.119-1")),
            osv("CVE-3", "linux", Some("6.1.128-1")),
            osv("CVE-4", "linux", None),
        ]
    };
    let found = judge(&inventory(packages(), Some("6.1.0-27-amd64")), bulletins());
    assert_eq!(
        lines(&found),
        [
            "linux CVE-2 pending_reboot 6.1.115-1 -> 6.1.119-1 [linux-image-6.1.0-27-amd64]",
            "linux CVE-3 missing 6.1.115-1 -> 6.1.128-1 [linux-image-6.1.0-27-amd64]",
            "linux CVE-4 no_fix_yet 6.1.115-1 -> - [linux-image-6.1.0-27-amd64]",
        ]
    );
    let unknown = judge(&inventory(packages(), None), bulletins());
    let states: Vec<_> = unknown
        .iter()
        .map(|one| (one.bulletin.as_str(), one.confidence))
        .collect();
    assert_eq!(
        states,
        [("CVE-3", Confidence::Medium), ("CVE-4", Confidence::Medium)]
    );
}

#[test]
fn a_removed_kernel_that_still_runs_decides_until_the_next_boot() {
    let mut old = image("6.1.0-27-amd64", "6.1.115-1");
    old.state = PackageState::ConfigFiles;
    let packages = vec![old, image("6.1.0-29-amd64", "6.1.123-1")];
    let host = inventory(packages, Some("6.1.0-27-amd64"));
    let found = judge(&host, vec![osv("CVE-2", "linux", Some("6.1.119-1"))]);
    assert_eq!(found[0].state, FindingState::PendingReboot);
}

#[test]
fn a_kernel_that_no_package_holds_leaves_the_images_undecided() {
    let packages = vec![image("6.1.0-29-amd64", "6.1.123-1")];
    let mut host = inventory(packages, Some("6.18.0-custom"));
    let bulletins = || {
        vec![
            osv("CVE-1", "linux", None),
            osv("CVE-2", "linux", Some("6.1.200-1")),
        ]
    };
    let found = judge(&host, bulletins());
    assert_eq!(
        lines(&found),
        [
            "linux unknown:kernel unverified 6.18.0-custom -> - []",
            "linux unverified:not-running unverified 6.1.123-1 -> 6.1.200-1 [linux-image-6.1.0-29-amd64]",
        ]
    );
    assert_eq!(found[1].cves, ["CVE-1", "CVE-2"]);
    host.identity.vendor = Observed::Known("docker container".to_owned());
    assert_eq!(judge(&host, bulletins()).len(), 1);
}

#[test]
fn headers_and_tools_of_the_kernel_make_one_row_and_only_where_no_image_is_open() {
    let userland = |version: &str| {
        ["linux-libc-dev", "linux-perf"].map(|name| package(name, version, ("linux", version)))
    };
    let bulletins = || {
        vec![
            osv("CVE-1", "linux", Some("6.1.119-1")),
            osv("CVE-2", "linux", Some("6.1.120-1")),
            osv("CVE-3", "linux", None),
        ]
    };
    let row = "linux unverified:headers-and-tools unverified 6.1.115-1 -> 6.1.120-1 [linux-libc-dev linux-perf]";
    let mut fixed = vec![image("6.1.0-29-amd64", "6.1.123-1")];
    fixed.extend(userland("6.1.115-1"));
    let found = judge(&inventory(fixed, Some("6.1.0-29-amd64")), bulletins());
    assert_eq!(
        lines(&found),
        [
            "linux CVE-3 no_fix_yet 6.1.123-1 -> - [linux-image-6.1.0-29-amd64]",
            row
        ]
    );
    assert_eq!(found[1].cves, ["CVE-1", "CVE-2"]);
    // Debian's usual state: the headers are newer than the kernel that runs.
    let mut usual = vec![image("6.1.0-27-amd64", "6.1.115-1")];
    usual.extend(userland("6.1.123-1"));
    let found = judge(&inventory(usual, Some("6.1.0-27-amd64")), bulletins());
    let states: Vec<_> = found.iter().map(|one| one.state).collect();
    assert_eq!(
        states,
        [
            FindingState::Missing,
            FindingState::Missing,
            FindingState::NoFixYet
        ]
    );
    // A container has no image at all.
    let mut container = inventory(userland("6.1.115-1").to_vec(), Some("6.12.0-host"));
    container.identity.vendor = Observed::Known("docker container".to_owned());
    let found = judge(&container, bulletins());
    assert_eq!(lines(&found), [row]);
    assert_eq!(found[0].cves, ["CVE-1", "CVE-2", "CVE-3"]);
}

#[test]
fn signed_kernels_are_judged_by_the_source_that_advisories_name() {
    let mut platform = inventory(Vec::new(), None).platform;
    let source = |name: &str, platform: &Platform| {
        packages::source(&package("linux-image-x", "1", (name, "1")), platform)
    };
    assert_eq!(source("linux-signed-amd64", &platform), "linux");
    assert_eq!(source("linux-signed-6.1-arm64", &platform), "linux-6.1");
    assert_eq!(source("linux", &platform), "linux");
    platform.ecosystem = Some("Ubuntu:22.04:LTS".to_owned());
    assert_eq!(source("linux-signed", &platform), "linux");
    assert_eq!(source("linux-signed-hwe-6.8", &platform), "linux-hwe-6.8");
    let kernels = ["linux", "linux-6.1", "linux-aws", "linux-hwe-6.8"];
    assert!(
        kernels
            .iter()
            .all(|source| packages::is_kernel_source(source))
    );
    let others = ["linux-base", "linux-atm", "linuxptp", "util-linux"];
    assert!(
        !others
            .iter()
            .any(|source| packages::is_kernel_source(source))
    );
}

#[test]
fn a_host_that_was_not_read_never_looks_clean() {
    let slice = Arc::new(Slice::new("Debian:12", [], []));
    let only = |host: &Inventory, slice: Option<&Arc<Slice>>| {
        let found = findings(host, &Known::of_slice(slice.map(Arc::clone), None), today());
        assert_eq!(found.len(), 1, "{found:?}");
        assert!(found[0].leaves_machine_unjudged());
        (found[0].bulletin.as_str().to_owned(), found[0].state)
    };
    let mut host = openssl("3");
    let row = |bulletin: &str| (bulletin.to_owned(), FindingState::Unknown);
    assert_eq!(only(&host, None), row("unknown:catalogue"));
    let sample = Arc::new(Slice::new("Debian:12", [], []).into_sample());
    assert_eq!(only(&host, Some(&sample)), row("unknown:catalogue"));
    host.platform.ecosystem = None;
    assert_eq!(only(&host, Some(&slice)), row("unknown:os-release"));
    host.packages = Observed::Unknown(Gap {
        question: "dpkg-packages".to_owned(),
        cause: GapCause::TimedOut,
    });
    assert_eq!(only(&host, Some(&slice)), row("unknown:dpkg-packages"));
    host.packages = Observed::Known(Vec::new());
    assert_eq!(only(&host, Some(&slice)), row("unknown:packages"));
}

#[test]
fn a_release_after_its_end_says_so_and_on_its_last_day_does_not() {
    let mut dates = Lifecycle {
        product: "debian".to_owned(),
        version: "12".to_owned(),
        codename: None,
        released: None,
        end_of_life: Date::parse("2026-11-21"),
        end_of_extended: Date::parse("2033-06-30"),
    };
    let slice = Arc::new(Slice::new("Debian:12", [], []));
    let host = openssl("3");
    let found = findings(
        &host,
        &Known::of_slice(Some(Arc::clone(&slice)), Some(&dates)),
        today(),
    );
    assert_eq!(
        lines(&found),
        ["debian end-of-life:debian:12 end_of_life 12 -> - []"]
    );
    dates.end_of_life = Some(today());
    assert!(
        findings(
            &host,
            &Known::of_slice(Some(Arc::clone(&slice)), Some(&dates)),
            today()
        )
        .is_empty()
    );
}

#[test]
fn a_derivative_is_supported_for_as_long_as_its_base() {
    let mut platform = openssl("3").platform;
    let of = |platform: &Platform| lifecycle_of(platform);
    let pair = |a: &str, b: &str| Some((a.to_owned(), b.to_owned()));
    platform.id = "linuxmint".to_owned();
    platform.version = Some("6".to_owned());
    assert_eq!(of(&platform), pair("debian", "12"));
    platform.ecosystem = Some("Ubuntu:22.04:LTS".to_owned());
    assert_eq!(of(&platform), pair("ubuntu", "22.04"));
    platform.ecosystem = None;
    assert_eq!(of(&platform), pair("linuxmint", "6"));
    platform.version = None;
    assert_eq!(of(&platform), None);
}

#[test]
fn releases_are_looked_up_under_the_names_that_their_dates_have() {
    let of = |ecosystem: &str, id: &str, version: &str| {
        let mut platform = inventory_of(ecosystem, id, version).platform;
        platform.ecosystem = Some(ecosystem.to_owned()).filter(|text| !text.is_empty());
        let (product, version) = lifecycle_of(&platform).unwrap();
        format!("{product} {version}")
    };
    assert_eq!(of("", "centos", "9"), "centos-stream 9");
    assert_eq!(of("Red Hat:enterprise_linux:7", "centos", "7"), "centos 7");
    assert_eq!(
        of("SUSE:Linux Enterprise Server 15", "sles", "15"),
        "sles 15.0"
    );
    assert_eq!(
        of("SUSE:Linux Enterprise Server 15 SP5", "sles", "15.5"),
        "sles 15.5"
    );
    assert_eq!(of("AlmaLinux:9", "almalinux", "9.4"), "almalinux 9.4");
}

#[test]
fn known_exploited_flaws_carry_the_earliest_due_date() {
    let known = KnownExploited {
        cve: "CVE-1".to_owned(),
        added: None,
        due: Date::parse("2024-01-31"),
        ransomware: false,
    };
    let bulletins = [osv("CVE-1", "openssl", None), osv("CVE-2", "openssl", None)];
    let slice = Arc::new(Slice::new("Debian:12", bulletins, [known]));
    let found = findings(
        &openssl("3"),
        &Known::of_slice(Some(Arc::clone(&slice)), None),
        today(),
    );
    assert_eq!(
        (found[0].kev.as_slice(), found[0].kev_due),
        (&["CVE-1".to_owned()][..], Date::parse("2024-01-31"))
    );
    assert!(found[1].kev.is_empty());
}

#[test]
fn urgency_here_goes_before_severity_in_general() {
    let mut bulletin = osv("CVE-1", "openssl", None);
    bulletin.severity = Some(crate::model::Severity::Critical);
    bulletin.affected[0].urgency = Some("unimportant".to_owned());
    let found = judge(&openssl("3"), vec![bulletin.clone()]);
    assert_eq!(found[0].severity, Some(crate::model::Severity::Negligible));
    bulletin.affected[0].urgency = Some("not yet assigned".to_owned());
    let found = judge(&openssl("3"), vec![bulletin]);
    assert_eq!(found[0].severity, Some(crate::model::Severity::Critical));
}

#[test]
fn closed_matters_come_only_when_asked_for() {
    let bulletins = || {
        [
            osv("CVE-1", "openssl", Some("2")),
            osv("CVE-2", "openssl", Some("9")),
        ]
    };
    let slice = Arc::new(Slice::new("Debian:12", bulletins(), []));
    let host = openssl("3");
    let states = |found: Vec<Finding>| -> Vec<_> { found.iter().map(|one| one.state).collect() };
    assert_eq!(
        states(findings(
            &host,
            &Known::of_slice(Some(Arc::clone(&slice)), None),
            today()
        )),
        [FindingState::Missing]
    );
    assert_eq!(
        states(findings_with_closed(
            &host,
            &Known::of_slice(Some(Arc::clone(&slice)), None),
            today()
        )),
        [FindingState::Fixed, FindingState::Missing]
    );
}
