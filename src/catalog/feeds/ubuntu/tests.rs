//! Tests of the reader, on documents with real facts.

use super::*;
use proptest::prelude::*;

fn read(doc: &str) -> Result<(FeedReport, Vec<Bulletin>), FeedError> {
    let mut bulletins = Vec::new();
    let report = UbuntuTracker.read(&mut doc.as_bytes(), &mut |record| match record {
        Record::Bulletin(bulletin) => bulletins.push(bulletin),
        other => panic!("{other:?}"),
    })?;
    Ok((report, bulletins))
}

const KERNEL: &str = include_str!("../../../../fixtures/feeds/ubuntu-tracker/CVE-2022-36879");
const OLD: &str = include_str!("../../../../fixtures/feeds/ubuntu-tracker/CVE-1999-1572");
const JSON: &str = include_str!("../../../../fixtures/feeds/ubuntu-tracker/cves.json");

/// Ecosystem, package, status, urgency.
fn rows(bulletin: &Bulletin) -> Vec<(&str, &str, FixStatus, &str)> {
    bulletin.affected.iter().map(row).collect()
}

fn row(one: &Affected) -> (&str, &str, FixStatus, &str) {
    let urgency = one.urgency.as_deref().unwrap_or_default();
    (&one.ecosystem, &one.package, one.status, urgency)
}

#[test]
fn a_file_says_what_is_open_in_which_release_and_pocket() {
    let (report, bulletins) = read(KERNEL).unwrap();
    assert_eq!((report.read, report.skipped), (1, 0), "{report:?}");
    let bulletin = &bulletins[0];
    assert_eq!(bulletin.cves, ["CVE-2022-36879"]);
    assert_eq!(
        bulletin.title,
        "Expanding the policies of IPsec gives up one reference twice."
    );
    assert_eq!(
        (bulletin.severity, bulletin.cvss_tenths),
        (Some(Severity::Medium), Some(55))
    );
    assert_eq!(
        bulletin.published.unwrap().to_string(),
        "2022-07-27T04:15:00Z"
    );
    let superseded = "superseded by linux-riscv-5.8";
    let expected = [
        (
            "Ubuntu:trusty",
            "linux",
            FixStatus::EndOfLife,
            "out of standard support",
        ),
        ("Ubuntu:Pro:trusty", "linux", FixStatus::Stated, "medium"),
        (
            "Ubuntu:xenial",
            "linux",
            FixStatus::EndOfLife,
            "end of standard support",
        ),
        ("Ubuntu:Pro:xenial", "linux", FixStatus::Stated, "medium"),
        ("Ubuntu:bionic", "linux", FixStatus::Stated, "medium"),
        ("Ubuntu:focal", "linux", FixStatus::Stated, "medium"),
        ("Ubuntu:jammy", "linux", FixStatus::Stated, "medium"),
        (
            "Ubuntu:focal",
            "linux-riscv",
            FixStatus::WontFix,
            superseded,
        ),
        ("Ubuntu:jammy", "linux-riscv", FixStatus::Stated, "low"),
    ];
    assert_eq!(rows(bulletin), expected);
    assert!(bulletin.affected.iter().all(|one| one.ranges.len() == 1));
}

#[test]
fn a_fix_has_its_version_and_a_pocket_its_ecosystem() {
    let (_, bulletins) = read(OLD).unwrap();
    let cpio = &bulletins[0].affected[0];
    assert_eq!(cpio.ecosystem, "Ubuntu:dapper");
    assert_eq!(cpio.ranges[0].fixed.as_deref(), Some("2.6-10"));
    assert_eq!(bulletins[0].severity, None);
    let names = [
        ("", "jammy", Some("Ubuntu:jammy")),
        ("esm-apps", "jammy", Some("Ubuntu:Pro:jammy")),
        ("esm-infra-legacy", "trusty", Some("Ubuntu:Pro:trusty")),
        ("fips", "jammy", Some("Ubuntu:Pro:FIPS:jammy")),
        (
            "fips-updates",
            "jammy",
            Some("Ubuntu:Pro:FIPS-updates:jammy"),
        ),
        ("realtime", "jammy", None),
        ("", "devel", None),
        ("ros-esm", "noetic", None),
    ];
    for (pocket, release, name) in names {
        assert_eq!(
            ecosystem(pocket, release).as_deref(),
            name,
            "{pocket}/{release}"
        );
    }
}

#[test]
fn a_page_of_json_says_the_same() {
    let (report, bulletins) = read(JSON).unwrap();
    assert_eq!((report.read, report.skipped), (1, 1), "{report:?}");
    let bulletin = &bulletins[0];
    assert_eq!(bulletin.cvss_tenths, Some(55));
    assert_eq!(
        bulletin.modified.unwrap().to_string(),
        "2025-04-02T20:24:35Z"
    );
    let expected = [
        ("Ubuntu:bionic", "linux", FixStatus::NotAffected, "medium"),
        ("Ubuntu:noble", "linux", FixStatus::Stated, "medium"),
        (
            "Ubuntu:Pro:FIPS-updates:jammy",
            "linux-fips",
            FixStatus::NotAffected,
            "medium",
        ),
        (
            "Ubuntu:jammy",
            "linux-hwe-6.2",
            FixStatus::EndOfLife,
            "end of kernel support",
        ),
    ];
    assert_eq!(rows(bulletin), expected);
}

fn of(status: &str) -> (FeedReport, Vec<Bulletin>) {
    read(&format!(
        "Candidate: CVE-2024-1\nPriority: low\njammy_a: {status}\n"
    ))
    .unwrap()
}

#[test]
fn every_word_of_the_tracker_becomes_a_status() {
    let words = [
        ("needed", FixStatus::Stated, "low"),
        ("pending (1.2-3)", FixStatus::Stated, "low"),
        ("in-progress", FixStatus::Stated, "low"),
        ("deferred (2024-05-01)", FixStatus::Postponed, "2024-05-01"),
        (
            "ignored (end of life, was needed)",
            FixStatus::EndOfLife,
            "end of life, was needed",
        ),
        (
            "ignored (reached end-of-life)",
            FixStatus::EndOfLife,
            "reached end-of-life",
        ),
        ("ignored (too invasive)", FixStatus::WontFix, "too invasive"),
        ("ignored", FixStatus::WontFix, "low"),
        (
            "not-affected (code not present)",
            FixStatus::NotAffected,
            "low",
        ),
        ("perhaps", FixStatus::Undetermined, "low"),
    ];
    for (text, status, urgency) in words {
        let (report, bulletins) = of(text);
        let one = &bulletins[0].affected[0];
        assert_eq!(
            (one.status, one.urgency.as_deref()),
            (status, Some(urgency)),
            "{text}"
        );
        assert!(
            one.ranges.iter().all(|range| range.fixed.is_none()),
            "{text}"
        );
        let is_new = report.problems == ["record CVE-2024-1: status `perhaps` is new to us"];
        assert_eq!(is_new, text == "perhaps", "{report:?}");
    }
}

#[test]
fn a_fix_without_a_version_is_said_and_a_package_that_is_not_there_is_nothing() {
    let (report, _) = of("released (_)");
    assert_eq!(
        (report.read, report.irrelevant, report.problems.len()),
        (0, 1, 1)
    );
    let (report, _) = of("released");
    assert_eq!(
        (report.irrelevant, report.problems.len()),
        (1, 1),
        "{report:?}"
    );
    let (report, _) = of("DNE");
    assert_eq!((report.irrelevant, report.problems.len()), (1, 0));
    let (report, _) = read("Candidate: 7\n").unwrap();
    assert_eq!(report.skipped, 1);
}

#[test]
fn json_cut_short_is_an_error() {
    let end = JSON.trim_end().len();
    for length in (0..end).step_by(31).skip(1) {
        assert!(read(JSON.get(..length).unwrap()).is_err(), "{length}");
    }
}

proptest! {
    #[test]
    fn no_bytes_make_it_panic(doc in "(Candidate: CVE-1|\n|\\{|_|/|:|\\(|\\)|released|ignored|jammy| nvd: \\[|CVSS|\\PC){0,30}") {
        let _ = read(&doc);
    }

    #[test]
    fn no_damage_makes_it_panic(at in 0usize..2000, byte in any::<u8>()) {
        for doc in [KERNEL, JSON] {
            let mut bytes = doc.as_bytes().to_vec();
            let at = at % bytes.len();
            bytes[at] = byte;
            let _ = UbuntuTracker.read(&mut &bytes[..], &mut |_| {});
        }
    }
}
