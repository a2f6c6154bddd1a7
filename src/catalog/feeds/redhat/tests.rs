//! Tests of the reader, on documents with real facts.

use super::*;
use crate::model::{Affected, Bulletin, Severity, Spoken};
use proptest::prelude::*;

fn read(doc: &[u8]) -> Result<(FeedReport, Vec<Bulletin>), FeedError> {
    let mut bulletins = Vec::new();
    let report = RedHatCsaf.read(&mut &*doc, &mut |record| match record {
        Record::Bulletin(bulletin) => bulletins.push(bulletin),
        other => panic!("{other:?}"),
    })?;
    Ok((report, bulletins))
}

fn fixture(name: &str) -> Vec<u8> {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/feeds/redhat-csaf/");
    std::fs::read(format!("{folder}{name}")).unwrap()
}

fn only(name: &str) -> Bulletin {
    let (report, mut bulletins) = read(&fixture(name)).unwrap();
    assert_eq!((report.read, report.skipped), (1, 0), "{report:?}");
    bulletins.pop().unwrap()
}

/// Ecosystem, package, fixed, architectures.
fn fixes(bulletin: &Bulletin) -> Vec<(&str, &str, Option<&str>, String)> {
    let fixed = bulletin
        .affected
        .iter()
        .filter(|one| one.scope.spoken == Spoken::Binary);
    fixed
        .filter(|one| one.status == FixStatus::Stated)
        .map(row)
        .collect()
}

fn row(one: &Affected) -> (&str, &str, Option<&str>, String) {
    let fixed = one.ranges.first().and_then(|range| range.fixed.as_deref());
    let arches = one.scope.arches.join(" ");
    (&one.ecosystem, &one.package, fixed, arches)
}

#[test]
fn a_vex_document_is_a_bulletin_of_its_cve() {
    let bulletin = only("cve-2023-38545.json");
    assert_eq!(bulletin.id.as_str(), "CVE-2023-38545");
    assert_eq!(bulletin.cves, ["CVE-2023-38545"]);
    assert_eq!(
        (bulletin.severity, bulletin.cvss_tenths),
        (Some(Severity::High), Some(81))
    );
    assert_eq!(bulletin.nature.as_str(), "CWE-119");
    let expected = [
        (
            "Red Hat:enterprise_linux:9::baseos",
            "libcurl",
            Some("7.76.1-26.el9_3.2"),
            String::new(),
        ),
        (
            "Red Hat:rhel_eus:9.0::baseos",
            "libcurl",
            Some("7.76.1-14.el9_0.9"),
            "aarch64 x86_64".to_owned(),
        ),
    ];
    assert_eq!(fixes(&bulletin), expected);
}

#[test]
fn what_is_not_affected_is_said_of_components_without_a_version() {
    let bulletin = only("cve-2023-38545.json");
    let safe = bulletin
        .affected
        .iter()
        .filter(|one| one.status == FixStatus::NotAffected);
    let safe: Vec<_> = safe
        .map(|one| (&*one.ecosystem, &*one.package, one.scope.spoken))
        .collect();
    let expected = [
        ("Red Hat:enterprise_linux:8", "curl", Spoken::Source),
        ("Red Hat:enterprise_linux:8", "libcurl", Spoken::Binary),
    ];
    assert_eq!(safe, expected);
}

#[test]
fn what_will_not_be_fixed_is_said_of_the_source_package_with_red_hats_words() {
    let bulletin = only("cve-2023-6212.json");
    let firefox = &bulletin.affected[0];
    assert_eq!(
        (&*firefox.ecosystem, &*firefox.package),
        ("Red Hat:enterprise_linux:6", "firefox")
    );
    assert_eq!(
        (firefox.status, firefox.scope.spoken),
        (FixStatus::WontFix, Spoken::Source)
    );
    assert_eq!(firefox.urgency.as_deref(), Some("Out of support scope"));
    assert_eq!(firefox.ranges.len(), 1);
    assert_eq!(firefox.ranges[0].fixed, None);
}

#[test]
fn a_module_is_named_by_the_product_above_or_by_the_purl() {
    let bulletin = only("cve-2024-7348.json");
    let found = bulletin.affected.iter();
    let found: Vec<_> = found
        .map(|one| (one.scope.module.as_deref().unwrap(), fixed(one)))
        .collect();
    let expected = [
        ("postgresql:12", "12.20-1.module+el8.6.0+22262+7cfee20c"),
        ("postgresql:13", "13.16-1.module+el8.6.0+22263+b155edfd"),
    ];
    assert_eq!(found, expected);
}

fn fixed(one: &Affected) -> &str {
    one.ranges[0].fixed.as_deref().unwrap()
}

#[test]
fn an_advisory_is_one_bulletin_for_all_its_cves() {
    let bulletin = only("rhsa-2023_7435.json");
    assert_eq!(bulletin.id.as_str(), "RHSA-2023:7435");
    assert_eq!(bulletin.cves, ["CVE-2023-37920", "CVE-2023-43804"]);
    assert_eq!(
        bulletin.references,
        ["https://access.redhat.com/errata/RHSA-2023:7435"]
    );
    let stream = "Red Hat:rhel_e4s:8.2::highavailability";
    let version = Some("4.2.1-41.el8_2.12");
    let expected = [
        (
            stream,
            "fence-agents-all",
            version,
            "ppc64le x86_64".to_owned(),
        ),
        (stream, "fence-agents-wti", version, String::new()),
    ];
    assert_eq!(fixes(&bulletin), expected);
}

/// A document about one component of RHEL 9.
fn unfixed(status: &str, remediations: &str) -> String {
    format!(
        r#"{{"document":{{"csaf_version":"2.0","publisher":{{"namespace":"https://www.redhat.com"}},"tracking":{{"id":"CVE-2024-1"}}}},
        "product_tree":{{"branches":[{{"product":{{"product_id":"r9","product_identification_helper":{{"cpe":"cpe:/o:redhat:enterprise_linux:9"}}}}}}],
        "relationships":[{{"full_product_name":{{"product_id":"r9:kernel"}},"product_reference":"kernel","relates_to_product_reference":"r9"}}]}},
        "vulnerabilities":[{{"product_status":{{"{status}":["r9:kernel"]}},"remediations":[{remediations}]}}]}}"#
    )
}

#[test]
fn every_word_of_red_hats_becomes_a_status() {
    let plan = |category: &str, details: &str| {
        format!(r#"{{"category":"{category}","details":"{details}","product_ids":["r9:kernel"]}}"#)
    };
    let cases = [
        ("known_affected", String::new(), FixStatus::Stated),
        (
            "known_affected",
            plan("none_available", "Affected"),
            FixStatus::Stated,
        ),
        (
            "known_affected",
            plan("none_available", "Fix deferred"),
            FixStatus::Postponed,
        ),
        (
            "known_affected",
            plan("no_fix_planned", "Will not fix"),
            FixStatus::WontFix,
        ),
        (
            "known_affected",
            plan("workaround", "Turn it off."),
            FixStatus::Stated,
        ),
        (
            "under_investigation",
            String::new(),
            FixStatus::Undetermined,
        ),
        ("known_not_affected", String::new(), FixStatus::NotAffected),
    ];
    for (status, plan, expected) in cases {
        let (_, bulletins) = read(unfixed(status, &plan).as_bytes()).unwrap();
        let one = &bulletins[0].affected[0];
        assert_eq!(one.status, expected, "{status} {plan}");
        assert_eq!(
            (&*one.package, one.scope.spoken),
            ("kernel", Spoken::Source)
        );
        assert_eq!(one.ranges.is_empty(), expected == FixStatus::NotAffected);
    }
}

#[test]
fn a_document_of_other_products_is_irrelevant_and_a_fix_without_a_version_is_said() {
    let doc = unfixed("known_affected", "");
    let (report, _) = read(doc.replace("enterprise_linux:9", "openshift:4").as_bytes()).unwrap();
    assert_eq!((report.read, report.irrelevant), (0, 1));
    let doc = unfixed("fixed", "").replace("\"kernel\"", "\"virt-devel\"");
    let (report, _) = read(doc.as_bytes()).unwrap();
    assert_eq!((report.read, report.irrelevant, report.skipped), (0, 1, 0));
    let doc = unfixed("fixed", "").replace(
        "\"branches\":[{",
        r#""branches":[{"product":{"product_id":"kernel","product_identification_helper":{"purl":"pkg:rpm/redhat/virt@rhel?arch=x86_64"}}},{"#,
    );
    let (report, _) = read(doc.as_bytes()).unwrap();
    assert_eq!(
        report.problems,
        ["record CVE-2024-1: the fix of virt names no version"]
    );
}

#[test]
fn a_document_cut_short_is_an_error() {
    let whole = fixture("cve-2023-6212.json");
    let whole = whole.trim_ascii_end();
    for length in (0..whole.len()).step_by(61) {
        assert!(read(&whole[..length]).is_err(), "{length}");
    }
}

proptest! {
    #[test]
    fn no_bytes_make_it_panic(at in 0usize..3000, bytes in proptest::collection::vec(any::<u8>(), 1..4)) {
        let mut doc = unfixed("fixed", "").into_bytes();
        let at = at % doc.len();
        doc.splice(at..at, bytes);
        let _ = read(&doc);
    }
}
