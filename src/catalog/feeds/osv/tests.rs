//! What is read of records, and what is not.

use super::*;
use crate::model::{Affected, FixStatus, PackageScope, Spoken, VersionRange};
use proptest::prelude::*;

fn read(doc: &str) -> Result<(FeedReport, Vec<Bulletin>), FeedError> {
    let mut bulletins = Vec::new();
    let report = Osv.read(&mut doc.as_bytes(), &mut |record| match record {
        Record::Bulletin(bulletin) => bulletins.push(bulletin),
        other => panic!("{other:?}"),
    })?;
    Ok((report, bulletins))
}

fn fixture(name: &str) -> (FeedReport, Vec<Bulletin>) {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/feeds/osv/");
    read(&std::fs::read_to_string(format!("{folder}{name}")).unwrap()).unwrap()
}

fn range(introduced: Option<&str>, fixed: Option<&str>) -> VersionRange {
    VersionRange {
        introduced: introduced.map(str::to_owned),
        fixed: fixed.map(str::to_owned),
        last_affected: None,
    }
}

#[test]
fn a_debian_record_gives_a_fix_for_each_release() {
    let (report, bulletins) = fixture("DEBIAN-CVE-2023-5363.json");
    assert_eq!((report.read, report.skipped), (1, 0));
    let bulletin = &bulletins[0];
    assert_eq!(bulletin.id.as_str(), "CVE-2023-5363");
    assert_eq!(bulletin.cves, ["CVE-2023-5363"]);
    assert_eq!(bulletin.cvss_tenths, Some(75));
    let found = bulletin.affected.iter();
    let found: Vec<_> = found.map(|one| (&*one.ecosystem, &*one.package)).collect();
    assert_eq!(found, [("Debian:12", "openssl"), ("Debian:13", "openssl")]);
    let fixed = range(None, Some("3.0.11-1~deb12u2"));
    assert_eq!(bulletin.affected[0].ranges, [fixed]);
    assert_eq!(
        bulletin.affected[0].urgency.as_deref(),
        Some("not yet assigned")
    );
}

#[test]
fn the_weaknesses_of_a_record_are_githubs_and_another_shape_of_them_costs_nothing() {
    let record = |own: &str| {
        let doc = format!(
            r#"{{"id": "GHSA-1", "modified": "2024-01-01T00:00:00Z", "aliases": ["CVE-2024-1"], "affected": [
            {{"package": {{"ecosystem": "Debian:12", "name": "x"}}, "ranges": [
            {{"type": "ECOSYSTEM", "events": [{{"introduced": "0"}}, {{"fixed": "2"}}]}}]}}],
            "database_specific": {own}}}"#
        );
        let (report, bulletins) = read(&doc).unwrap();
        assert_eq!((report.read, report.skipped), (1, 0), "{doc}");
        bulletins[0].nature.as_str().to_owned()
    };
    let own = r#"{"severity": "HIGH", "cwe_ids": ["CWE-787", "CWE-79"], "github_reviewed": true}"#;
    assert_eq!(record(own), "CWE-79 CWE-787");
    for own in [
        "null",
        "[]",
        "7",
        r#"{"cwe_ids": null}"#,
        r#"{"cwe_ids": {"a": [{}]}}"#,
        r#"{"cwe_ids": ["NVD-CWE-noinfo", 7, null]}"#,
    ] {
        assert_eq!(record(own), "", "{own}");
    }
}

#[test]
fn old_dumps_mix_ecosystems_and_source_commits() {
    let (_, bulletins) = fixture("CVE-2021-3156.json");
    let ecosystems = bulletins[0].affected.iter().map(|one| &*one.ecosystem);
    assert_eq!(
        ecosystems.collect::<Vec<_>>(),
        ["Alpine:v3.13", "Debian:11"]
    );
}

#[test]
fn an_advisory_names_its_cves_and_severity() {
    let (report, bulletins) = fixture("alma.jsonl");
    assert_eq!((report.read, report.irrelevant), (2, 1));
    assert_eq!(bulletins[0].cves, ["CVE-2024-6387"]);
    assert_eq!(bulletins[0].severity, Some(Severity::High));
    assert_eq!(bulletins[0].id, bulletins[1].id);
    assert_ne!(
        bulletins[0].affected[0].ecosystem,
        bulletins[1].affected[0].ecosystem
    );
}

fn record(affected: &str) -> String {
    format!(r#"{{"id":"X-1","modified":"2024-01-01T00:00:00Z","affected":[{affected}]}}"#)
}

fn affected(events: &str, more: &str) -> String {
    let package = r#""package":{"ecosystem":"Debian:12","name":"a"}"#;
    record(&format!(
        r#"{{{package},"ranges":[{{"type":"ECOSYSTEM","events":[{events}]}}]{more}}}"#
    ))
}

fn ranges(events: &str) -> Vec<VersionRange> {
    let (_, bulletins) = read(&affected(events, "")).unwrap();
    bulletins[0].affected[0].ranges.clone()
}

#[test]
fn several_spans_come_from_one_range() {
    let found = ranges(r#"{"introduced":"0"},{"fixed":"1"},{"introduced":"3"},{"fixed":"4"}"#);
    assert_eq!(found, [range(None, Some("1")), range(Some("3"), Some("4"))]);
    let found = ranges(r#"{"introduced":"2"}"#);
    assert_eq!(found, [range(Some("2"), None)]);
    let found = ranges(r#"{"introduced":"0"},{"fixed":"1"},{"fixed":"2"}"#);
    assert_eq!(found, [range(None, Some("1"))]);
    let found = ranges(r#"{"introduced":"0"},{"last_affected":"7"}"#);
    assert_eq!(found[0].last_affected.as_deref(), Some("7"));
}

#[test]
fn fixed_in_zero_means_never_affected() {
    let doc = affected(r#"{"introduced":"0"},{"fixed":"0"}"#, "");
    let (_, bulletins) = read(&doc).unwrap();
    assert_eq!(bulletins[0].affected[0].status, FixStatus::NotAffected);
    assert!(bulletins[0].affected[0].ranges.is_empty());
}

#[test]
fn end_of_life_without_a_fix_is_a_status() {
    let more = r#","ecosystem_specific":{"urgency":"end-of-life"}"#;
    let (_, bulletins) = read(&affected(r#"{"introduced":"0"}"#, more)).unwrap();
    assert_eq!(bulletins[0].affected[0].status, FixStatus::EndOfLife);
}

#[test]
fn a_package_that_is_not_named_costs_neither_the_record_nor_the_other_packages() {
    let source = r#"{"package":{},"ranges":[{"type":"GIT","events":[{"introduced":"0"}]}]}"#;
    let named = r#"{"package":{"ecosystem":"Wolfi","name":"a"},"ranges":[{"type":"ECOSYSTEM","events":[{"introduced":"0"}]}]}"#;
    let (report, bulletins) = read(&record(&format!("{source},{named}"))).unwrap();
    assert_eq!((report.read, report.skipped), (1, 0));
    assert_eq!(bulletins[0].affected.len(), 1);
}

#[test]
fn a_list_of_versions_without_a_range_is_reported_and_not_silently_lost() {
    let doc = r#"{"package":{"ecosystem":"Debian:12","name":"a"},"versions":["1"]}"#;
    let (report, _) = read(&record(doc)).unwrap();
    assert_eq!((report.read, report.irrelevant), (0, 1));
    assert!(report.problems[0].contains("no range"), "{report:?}");
}

#[test]
fn a_bad_record_costs_one_record() {
    let good = affected(r#"{"introduced":"0"}"#, "");
    let doc = format!(r#"[{{"id":7}},{good},{{"id":"X-2","modified":"May"}}]"#);
    let (report, bulletins) = read(&doc).unwrap();
    assert_eq!((report.read, report.skipped, bulletins.len()), (1, 2, 1));
    assert!(report.problems[1].contains("X-2"), "{report:?}");
}

#[test]
fn a_document_cut_short_is_an_error() {
    let doc = affected(r#"{"introduced":"0"}"#, "");
    for length in 1..doc.len() {
        assert!(read(doc.get(..length).unwrap()).is_err(), "{length}");
    }
}

/// The record of an id among those that show what each family of distributions does in its own way.
fn of_family(id: &str) -> Bulletin {
    let (report, bulletins) = fixture("families.jsonl");
    assert_eq!(
        (report.read, report.skipped, report.irrelevant),
        (7, 0, 1),
        "{report:?}"
    );
    let mut bulletins = bulletins.into_iter();
    bulletins.find(|one| one.id.as_str() == id).unwrap()
}

/// Name, spoken, module, repository and fix of a package.
type Row<'a> = (&'a str, Spoken, Option<&'a str>, Option<&'a str>, &'a str);

fn rows(bulletin: &Bulletin) -> Vec<Row<'_>> {
    fn row(one: &Affected) -> Row<'_> {
        let PackageScope {
            spoken,
            module,
            repository,
            ..
        } = &one.scope;
        let fixed = one.ranges[0].fixed.as_deref().unwrap();
        (
            &one.package,
            *spoken,
            module.as_deref(),
            repository.as_deref(),
            fixed,
        )
    }
    bulletin.affected.iter().map(row).collect()
}

#[test]
fn red_hat_speaks_of_binaries_and_puts_its_severity_into_an_address() {
    let bulletin = of_family("RHSA-2024:8709");
    assert_eq!(bulletin.severity, Some(Severity::High));
    assert_eq!(
        bulletin.affected[0].ecosystem,
        "Red Hat:rhel_eus:9.2::appstream"
    );
    let expected = [("podman", Spoken::Binary, None, None, "2:4.4.1-21.el9_2")];
    assert_eq!(
        rows(&bulletin),
        expected,
        "packages for debuggers are left out"
    );
}

#[test]
fn suse_lists_the_binaries_of_each_source_package() {
    let bulletin = of_family("SUSE-SU-2015:0011-2");
    let fixed = "9.6ESVR11W1-0.2.1";
    let expected = ["bind", "bind-libs"].map(|name| (name, Spoken::Binary, None, None, fixed));
    assert_eq!(rows(&bulletin), expected);
}

#[test]
fn a_source_package_of_suse_stands_for_binaries_that_are_not_listed() {
    for list in [
        "",
        r#","ecosystem_specific":{"binaries":[]}"#,
        r#","ecosystem_specific":{"binaries":[{"a":7}]}"#,
    ] {
        let doc = affected(r#"{"introduced":"0"},{"fixed":"1-1"}"#, list);
        let doc = doc.replace("Debian:12", "openSUSE:Leap 15.5");
        let (_, bulletins) = read(&doc).unwrap();
        assert_eq!(
            rows(&bulletins[0]),
            [("a", Spoken::Source, None, None, "1-1")],
            "{list}"
        );
    }
}

#[test]
fn rocky_linux_gets_its_epochs_back_and_what_was_mended_is_counted() {
    let bulletin = of_family("RLSA-2022:6763");
    let expected = [("bind", Spoken::Source, None, None, "32:9.16.23-1.el9_0.1")];
    assert_eq!(rows(&bulletin), expected);
    let (report, _) = fixture("families.jsonl");
    let kind = "the epoch of `…` has lost a digit: read as `…`";
    assert_eq!(report.problem_counts.get(kind), Some(&1), "{report:?}");
}

#[test]
fn a_kernel_of_an_interest_group_is_not_the_distributions() {
    let bulletin = of_family("RXSA-2023:0101");
    let fixed = "0:4.18.0-425.10.1.el8_7.cloud";
    let expected = [("kernel", Spoken::Source, None, Some("sig-cloud"), fixed)];
    assert_eq!(rows(&bulletin), expected);
}

#[test]
fn ubuntu_wolfi_and_chainguard_speak_of_sources() {
    let bulletin = of_family("UBUNTU-CVE-2024-51988");
    let expected = [(
        "rabbitmq-server",
        Spoken::Source,
        None,
        None,
        "3.9.27-0ubuntu0.1",
    )];
    assert_eq!(rows(&bulletin), expected);
    assert_eq!(bulletin.affected[0].urgency.as_deref(), Some("medium"));
    assert_eq!(bulletin.affected[0].scope, PackageScope::default());
    let bulletin = of_family("CGA-222c-fw64-wpxf");
    assert_eq!(bulletin.cves, ["CVE-2024-42447"]);
    let ecosystems = bulletin.affected.iter().map(|one| &*one.ecosystem);
    assert_eq!(ecosystems.collect::<Vec<_>>(), ["Chainguard", "Wolfi"]);
}

#[test]
fn a_build_of_a_module_is_of_each_stream_that_the_summary_names() {
    let bulletin = of_family("ALSA-2019:3708");
    let fixed = "1.0.5-18.module_el8.6.0+2867+72759d2f";
    let expected = [("Judy", Spoken::Binary, Some("mariadb:10.3"), None, fixed)];
    assert_eq!(rows(&bulletin), expected);
    let several = |summary: &str| {
        let doc = affected(
            r#"{"introduced":"0"},{"fixed":"1-2.module+el8.4.0+534+4680a14e"}"#,
            "",
        );
        let doc = doc.replace("Debian:12", "AlmaLinux:8");
        let (report, bulletins) =
            read(&doc.replacen('{', &format!(r#"{{"summary":"{summary}","#), 1)).unwrap();
        let scopes = bulletins[0]
            .affected
            .iter()
            .map(|one| one.scope.module.clone().unwrap());
        (scopes.collect::<Vec<_>>(), report.problems)
    };
    let (modules, problems) = several("Moderate: virt:rhel and virt-devel:rhel security update");
    assert_eq!(
        (modules, problems.len()),
        (
            vec!["virt-devel:rhel".to_owned(), "virt:rhel".to_owned()],
            0
        )
    );
    let (modules, problems) = several("Moderate: container-tools update");
    assert_eq!(modules, [""]);
    assert!(
        problems[0].contains("the module of `a` is not stated"),
        "{problems:?}"
    );
}

#[test]
fn a_version_that_is_none_costs_its_package_and_is_said() {
    let good = r#"{"package":{"ecosystem":"Red Hat:enterprise_linux:8::appstream","name":"b"},"ranges":[{"type":"ECOSYSTEM","events":[{"introduced":"0"},{"fixed":"0:1-1.el8"}]}]}"#;
    let bad = good
        .replace("0:1-1.el8", "virt-devel:rhel")
        .replace("\"b\"", "\"a\"");
    let (report, bulletins) = read(&record(&format!("{bad},{good}"))).unwrap();
    assert_eq!(
        rows(&bulletins[0]),
        [("b", Spoken::Binary, None, None, "0:1-1.el8")]
    );
    assert!(
        report.problems[0].contains("`virt-devel:rhel` is no version"),
        "{report:?}"
    );
}

#[test]
fn a_record_without_affected_packages_is_counted() {
    let (report, _) = fixture("families.jsonl");
    let kind = "it names no affected package: left out";
    assert_eq!(report.problem_counts.get(kind), Some(&1), "{report:?}");
    let index = r#"[{"id":"SUSE-SU-1","modified":"2014-01-27T18:38:10Z"}]"#;
    let (report, _) = read(index).unwrap();
    assert_eq!((report.irrelevant, report.problems.len()), (1, 0));
}

#[test]
fn ranges_of_source_commits_and_entries_without_an_ecosystem_are_counted() {
    let (report, _) = fixture("CVE-2021-3156.json");
    let kind = "an entry names no package: left out";
    assert_eq!(report.problem_counts.get(kind), Some(&1), "{report:?}");
    let doc = affected(r#"{"introduced":"0"}"#, "").replace("ECOSYSTEM", "GIT");
    let (report, _) = read(&doc).unwrap();
    assert!(report.problems[0].contains("source commits"), "{report:?}");
    let doc = affected(r#"{"introduced":"0"}"#, "").replace(r#""ecosystem":"Debian:12","#, "");
    let (report, _) = read(&doc).unwrap();
    assert!(report.problems[0].contains("no ecosystem"), "{report:?}");
}

#[test]
fn a_record_that_is_too_long_costs_one_record() {
    let good = affected(r#"{"introduced":"0"}"#, "");
    let long = good.replacen("X-1", "X-2", 1);
    let details = format!(r#"{{"id":"X-2","details":"{}","#, "x".repeat(MOST_RECORD));
    let long = long.replacen(r#"{"id":"X-2","#, &details, 1);
    let (report, bulletins) = read(&format!("{good}\n{long}\n{good}")).unwrap();
    assert_eq!((report.read, report.skipped, bulletins.len()), (2, 1, 2));
    assert!(
        report.problems[0].starts_with("record X-2: longer than"),
        "{report:?}"
    );
}

proptest! {
    #[test]
    fn no_bytes_make_it_panic(bytes in proptest::collection::vec(any::<u8>(), 0..300), at in any::<usize>()) {
        let _ = Osv.read(&mut &*bytes, &mut |_| {});
        let mut doc = std::fs::read(concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/feeds/osv/families.jsonl")).unwrap();
        let at = at % doc.len();
        doc.splice(at..(at + 3).min(doc.len()), bytes.into_iter().take(5));
        let _ = Osv.read(&mut &*doc, &mut |_| {});
    }
}
