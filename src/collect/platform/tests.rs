//! Tests of the reader, on documents with real facts.

use super::super::tests::answers;
use super::super::unix::RELEASE_FILES;
use super::*;

const LINUX: &str = "Linux\nhost\n6.1.0\n#1 SMP\nx86_64\n";

fn with(os_release: &str, files: &str) -> Platform {
    platform(&answers(&[
        (UNAME, LINUX),
        (OS_RELEASE, os_release),
        (RELEASE_FILES, files),
    ]))
    .unwrap()
}

fn of(os_release: &str) -> Option<String> {
    with(os_release, "").ecosystem
}

/// `id version ecosystem` of a Linux that has release files and no os-release.
fn without(files: &str) -> String {
    let platform = platform(&answers(&[(UNAME, LINUX), (RELEASE_FILES, files)])).unwrap();
    told(&platform)
}

fn told(platform: &Platform) -> String {
    format!(
        "{} {} {}",
        platform.id,
        platform.version.as_deref().unwrap_or("-"),
        platform.ecosystem.as_deref().unwrap_or("-")
    )
}

#[test]
fn a_system_is_judged_by_its_own_catalogue() {
    let cases = [
        ("ID=debian\nVERSION_ID=\"12\"", "Debian:12"),
        (
            "ID=ubuntu\nVERSION_ID=\"22.04\"\nID_LIKE=debian",
            "Ubuntu:22.04:LTS",
        ),
        ("ID=ubuntu\nVERSION_ID=\"25.10\"", "Ubuntu:25.10"),
        (
            "ID=almalinux\nVERSION_ID=9.6\nID_LIKE=\"rhel centos fedora\"",
            "AlmaLinux:9",
        ),
        ("ID=fedora\nVERSION_ID=40", "Fedora:40"),
        (
            "ID=sles\nVERSION_ID=15.5",
            "SUSE:Linux Enterprise Server 15 SP5",
        ),
        (
            "ID=sles\nVERSION_ID=16.0",
            "SUSE:Linux Enterprise Server 16.0",
        ),
        ("ID=arch", "Arch Linux"),
        (
            "ID=opensuse-tumbleweed\nVERSION_ID=20240823",
            "openSUSE:Tumbleweed",
        ),
    ];
    for (os, expected) in cases {
        assert_eq!(of(os).as_deref(), Some(expected), "{os}");
    }
}

#[test]
fn a_preview_of_a_system_is_not_that_system() {
    let others = [
        "ID=centos\nVERSION_ID=9\nNAME=\"CentOS Stream\"",
        "ID=almalinux\nVERSION_ID=10\nPRETTY_NAME=\"AlmaLinux Kitten 10\"",
        "ID=fedora\nVERSION_ID=45\nVERSION=\"45 (Rawhide Prerelease)\"",
        "ID=rhel\nVERSION_ID=10.0\nPRETTY_NAME=\"Red Hat Enterprise Linux 10.0 Beta (Coughlan)\"",
        "ID=amzn\nVERSION_ID=2022",
    ];
    for os in others {
        assert_eq!(of(os), None, "{os}");
    }
    let upgraded = with(
        "ID=centos\nVERSION_ID=8\nNAME=\"CentOS Linux\"",
        "/etc/centos-release\tCentOS Stream release 8",
    );
    assert_eq!(upgraded.ecosystem, None);
}

#[test]
fn testing_and_unstable_have_no_catalogue() {
    let sid = "PRETTY_NAME=\"Debian GNU/Linux trixie/sid\"\nVERSION_CODENAME=trixie\nID=debian";
    assert_eq!(of(sid), None);
    assert_eq!(of("ID=debian\nVERSION_CODENAME=forky"), None);
    assert_eq!(
        of("ID=debian\nVERSION_CODENAME=bookworm").as_deref(),
        Some("Debian:12")
    );
}

#[test]
fn what_a_system_is_like_selects_nothing() {
    assert_eq!(of("ID=kali\nVERSION_ID=2025.4\nID_LIKE=debian"), None);
    assert_eq!(
        of("ID=devuan\nVERSION_ID=5\nID_LIKE=debian\nVERSION_CODENAME=daedalus"),
        None
    );
    assert_eq!(
        of("ID=xenenterprise\nVERSION_ID=8.2.0\nID_LIKE=\"centos rhel fedora\""),
        None
    );
    assert_eq!(of("ID=manjaro\nID_LIKE=arch"), None);
    assert_eq!(of("ID=archarm\nID_LIKE=arch"), None);
    assert_eq!(of("NAME=x"), None);
}

#[test]
fn a_stranger_under_a_known_name_has_no_catalogue() {
    assert_eq!(of("ID=ubuntu\nVERSION_ID=2"), None);
    assert_eq!(of("ID=debian\nVERSION_ID=12\nVERSION_CODENAME=lory"), None);
    assert_eq!(of("ID=opensuse\nVERSION_ID=13.2"), None);
    assert_eq!(of("ID=rhel\nVERSION_ID=nine"), None);
    assert_eq!(of("ID=freebsd\nVERSION_ID=14.1"), None);
}

#[test]
fn a_derivative_is_judged_by_the_base_it_names() {
    let lmde = "ID=linuxmint\nVERSION_ID=6\nVERSION_CODENAME=faye\nDEBIAN_CODENAME=bookworm";
    assert_eq!(of(lmde).as_deref(), Some("Debian:12"));
    let mint = "ID=linuxmint\nVERSION_ID=21.3\nVERSION_CODENAME=virginia\nUBUNTU_CODENAME=jammy";
    assert_eq!(of(mint).as_deref(), Some("Ubuntu:22.04:LTS"));
    let both = "ID=neon\nDEBIAN_CODENAME=trixie\nUBUNTU_CODENAME=noble";
    assert_eq!(of(both).as_deref(), Some("Ubuntu:24.04:LTS"));
    assert_eq!(
        of("ID=elementary\nVERSION_ID=5.0\nUBUNTU_CODENAME=juno"),
        None
    );
    assert_eq!(with(lmde, "").codename.as_deref(), Some("bookworm"));
}

#[test]
fn raspbian_counts_where_its_release_is_debians() {
    let release = "ID=raspbian\nVERSION_ID=\"8\"\nVERSION=\"8 (jessie)\"";
    assert_eq!(of(release).as_deref(), Some("Debian:8"));
    assert_eq!(
        of("ID=raspbian\nVERSION_ID=1.0\nVERSION=\"1.0 (knockout)\""),
        None
    );
}

#[test]
fn an_alpine_follows_the_branch_of_its_repositories() {
    let os = "ID=alpine\nVERSION_ID=3.19.1";
    let at = |lines: &[&str]| {
        let lines = lines
            .iter()
            .map(|line| format!("/etc/apk/repositories\t{line}\n"));
        with(os, &lines.collect::<String>()).ecosystem.unwrap()
    };
    let (main, tagged) = (
        "https://mirror.example/alpine/v3.19/main",
        "@edge https://mirror.example/alpine/edge/main",
    );
    assert_eq!(at(&[]), "Alpine:v3.19");
    assert_eq!(at(&[main, tagged]), "Alpine:v3.19");
    assert_eq!(
        at(&["#https://mirror.example/alpine/edge/main", main]),
        "Alpine:v3.19"
    );
    assert_eq!(
        at(&["https://mirror.example/alpine/edge/main/"]),
        "Alpine:edge"
    );
    assert_eq!(
        at(&[main, "https://mirror.example/alpine/edge/testing"]),
        "Alpine:v3.19"
    );
    assert_eq!(
        at(&["https://mirror.example/alpine/v3.20/main"]),
        "Alpine:v3.20"
    );
    assert_eq!(
        at(&["https://mirror.example/alpine/latest-stable/main"]),
        "Alpine:v3.19"
    );
    assert_eq!(
        of("ID=alpine\nVERSION_ID=3.22.0_alpha20250108").as_deref(),
        Some("Alpine:edge")
    );
}

#[test]
fn a_system_older_than_os_release_is_known_by_its_release_file() {
    let cases = [
        (
            "/etc/redhat-release\tCentOS release 6.10 (Final)",
            "centos 6.10 Red Hat:enterprise_linux:6",
        ),
        (
            "/etc/redhat-release\tRed Hat Enterprise Linux Server release 5.11 (Tikanga)",
            "rhel 5.11 Red Hat:enterprise_linux:5",
        ),
        (
            "/etc/SuSE-release\tSUSE Linux Enterprise Server 11 (x86_64)\n/etc/SuSE-release\tVERSION = 11\n/etc/SuSE-release\tPATCHLEVEL = 3",
            "sles 11.3 SUSE:Linux Enterprise Server 11 SP3",
        ),
        ("/etc/debian_version\t6.0.10", "debian 6 Debian:6"),
        (
            "/etc/debian_version\tsqueeze/sid\n/etc/lsb-release\tDISTRIB_ID=Ubuntu\n/etc/lsb-release\tDISTRIB_RELEASE=10.04",
            "ubuntu 10.04 Ubuntu:10.04:LTS",
        ),
        ("/etc/alpine-release\t2.7.9", "alpine 2.7.9 Alpine:v2.7"),
        (
            "/etc/openwrt_release\tDISTRIB_ID='OpenWrt'\n/etc/openwrt_release\tDISTRIB_RELEASE='15.05.1'",
            "openwrt 15.05.1 -",
        ),
        (
            "/etc/gentoo-release\tGentoo Base System release 2.0",
            "gentoo - -",
        ),
        // Not a system that is older than os-release: one that hides it.
        ("/etc/debian_version\t12.5", "linux - -"),
        ("/etc/redhat-release\tgarbage", "linux - -"),
        ("", "linux - -"),
    ];
    for (files, expected) in cases {
        assert_eq!(without(files), expected, "{files}");
    }
}

#[test]
fn oracle_linux_is_not_what_its_copy_of_another_file_says() {
    let files = "/etc/oracle-release\tOracle Linux Server release 6.10\n\
        /etc/redhat-release\tRed Hat Enterprise Linux Server release 6.10 (Santiago)";
    assert_eq!(without(files), "ol 6.10 Oracle Linux:6");
    let old = "/etc/enterprise-release\tEnterprise Linux Enterprise Linux Server release 5.11 (Carthage)\n\
        /etc/redhat-release\tRed Hat Enterprise Linux Server release 5.11 (Tikanga)";
    assert_eq!(without(old), "ol 5.11 Oracle Linux:5");
    let os = with(
        "ID=ol\nVERSION_ID=8.7",
        "/etc/redhat-release\tRed Hat Enterprise Linux release 8.7 (Ootpa)",
    );
    assert_eq!(os.ecosystem.as_deref(), Some("Oracle Linux:8"));
}

#[test]
fn freebsd_is_freebsd_only_on_its_own_kernel_and_in_no_appliance() {
    let at = |release: &str, files: &str| {
        let uname = format!("FreeBSD\nfw\n{release}\nFreeBSD {release} GENERIC\namd64\n");
        let os = "NAME=FreeBSD\nID=freebsd\nVERSION_ID=14.1\n";
        told(
            &platform(&answers(&[
                (UNAME, &uname),
                (OS_RELEASE, os),
                (RELEASE_FILES, files),
            ]))
            .unwrap(),
        )
    };
    assert_eq!(at("14.1-RELEASE-p5", ""), "freebsd 14.1 FreeBSD");
    assert_eq!(at("14.1-STABLE-HBSD", ""), "freebsd 14.1 -");
    assert_eq!(
        at("14.1-RELEASE-p5", "/etc/platform\tpfSense"),
        "pfsense 14.1-RELEASE-p5 -"
    );
    let old = answers(&[
        (
            UNAME,
            "FreeBSD\nold\n11.4-RELEASE\nFreeBSD 11.4-RELEASE\namd64\n",
        ),
        (RELEASE_FILES, "freebsd-version\t11.4-RELEASE-p9"),
    ]);
    assert_eq!(
        told(&platform(&old).unwrap()),
        "freebsd 11.4-RELEASE-p9 FreeBSD"
    );
}

#[test]
fn a_mac_says_its_version_elsewhere() {
    let answers = answers(&[
        (
            UNAME,
            "Darwin\nmac\n23.5.0\nDarwin Kernel Version 23.5.0\narm64\n",
        ),
        (RELEASE_FILES, "sw_vers\t14.5"),
    ]);
    let platform = platform(&answers).unwrap();
    assert_eq!(
        (platform.family, platform.name.as_str()),
        (Family::Macos, "macOS 14.5")
    );
    assert_eq!(told(&platform), "macos 14.5 -");
}

#[test]
fn every_row_of_the_tables_is_whole() {
    for line in include_str!("distributions.tsv")
        .lines()
        .filter(|line| !line.starts_with('#'))
    {
        let cells: Vec<_> = line.split('\t').collect();
        let [id, _, template, _] = cells[..] else {
            panic!("{line}");
        };
        assert!(manager_of(id).is_some(), "{line}");
        let versions = ["9", "15.5", "2", "3.20"].map(Some);
        let named = versions
            .iter()
            .any(|version| ecosystem_of(id, *version).is_some());
        assert_eq!(named, template != "-", "{line}");
    }
    for line in include_str!("codenames.tsv")
        .lines()
        .filter(|line| !line.starts_with('#'))
    {
        let cells: Vec<_> = line.split('\t').collect();
        let os = format!(
            "ID=other\n{}_CODENAME={}",
            cells[0].to_ascii_uppercase(),
            cells[1]
        );
        assert!(
            of(&os).is_some_and(|name| name.contains(cells[2])),
            "{line}"
        );
    }
}

proptest::proptest! {
    #[test]
    fn no_answers_make_it_panic(
        uname in "(Linux|FreeBSD|Darwin)\n[a-z.]{0,9}\n[ -~]{0,9}\n[ -~]{0,9}\n[a-z]{0,4}\n",
        os in "(ID=(alpine|amzn|sles|rhel|debian|[a-z]{0,9})\n)?(VERSION_ID=[0-9a-z._{}\"]{0,20}\n)?([A-Z_]{1,12}=.{0,20}\n){0,3}",
        files in "((/etc/(apk/repositories|redhat-release|SuSE-release|lsb-release|debian_version)|sw_vers)\t.{0,40}\n){0,6}",
    ) {
        let _ = platform(&answers(&[(UNAME, &uname), (OS_RELEASE, &os), (RELEASE_FILES, &files)]));
    }
}
