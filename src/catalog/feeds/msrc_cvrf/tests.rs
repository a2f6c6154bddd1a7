//! Documents in Microsoft's format, in both forms.

use super::*;
use crate::model::{Advisory, KbId, Restart, Severity, UpdateId, UpdateKind, UtcTime};

const XML: &str = include_str!("../../../../fixtures/feeds/msrc-cvrf/2025-Dec.xml");
const JSON: &str = include_str!("../../../../fixtures/feeds/msrc-cvrf/2022-Aug.json");

fn read(doc: &[u8]) -> Result<(FeedReport, Vec<Advisory>), FeedError> {
    let mut advisories = Vec::new();
    let mut doc = doc;
    let report = MsrcCvrf.read(&mut doc, &mut |record| match record {
        Record::Advisory(advisory) => advisories.push(advisory),
        other => panic!("{other:?}"),
    })?;
    Ok((report, advisories))
}

fn time(text: &str) -> Option<UtcTime> {
    UtcTime::parse(text)
}

#[test]
fn both_forms_are_recognised_with_and_without_a_byte_order_mark() {
    for doc in [XML, JSON] {
        assert!(MsrcCvrf.recognises(&Outline::of(doc.as_bytes())));
        let marked = format!("\u{feff}{doc}");
        assert!(MsrcCvrf.recognises(&Outline::of(marked.as_bytes())));
        assert_eq!(
            read(marked.as_bytes()).unwrap().1,
            read(doc.as_bytes()).unwrap().1
        );
    }
    assert!(!MsrcCvrf.recognises(&Outline::of(b"<html><body>an error</body></html>")));
}

#[test]
fn only_vendor_fixes_are_fixes() {
    let (report, advisories) = read(XML.as_bytes()).unwrap();
    assert_eq!((report.read, report.skipped, report.irrelevant), (2, 0, 1));
    let flaw = &advisories[0];
    assert_eq!(flaw.id.as_str(), "CVE-2025-54100");
    assert_eq!(flaw.cves, ["CVE-2025-54100"]);
    assert_eq!((&*flaw.feed, &*flaw.document), ("msrc-cvrf", "2025-Dec"));
    assert_eq!(flaw.title, "PowerShell & its web requests");
    assert_eq!(flaw.published, time("2025-12-09T00:00:00Z"));
    // Rows are put right without a revision of the flaw.
    assert_eq!(flaw.modified, time("2026-06-28T14:14:55Z"));
    let found: Vec<_> = flaw
        .affected
        .iter()
        .map(|one| (&*one.product, one.fixes.len()))
        .collect();
    let expected = [
        ("Windows Server 2019", 1),
        ("Windows Server 2019 (Server Core installation)", 1),
        ("Windows Server 2012 R2", 1),
        (
            "Windows Server 2008 R2 for x64-based Systems Service Pack 1",
            2,
        ),
    ];
    assert_eq!(found, expected);
    let server = &flaw.affected[0];
    assert_eq!(
        (server.severity, server.cvss_tenths),
        (Some(Severity::High), Some(78))
    );
    assert_eq!(server.nature.as_str(), "remote_code_execution CWE-77");
    let fix = &server.fixes[0];
    assert_eq!(fix.update, UpdateId::Kb(KbId(5_071_544)));
    assert_eq!(fix.kind, UpdateKind::Security);
    assert_eq!(fix.build.as_deref(), Some("10.0.17763.8146"));
    assert_eq!(fix.supersedes, [KbId(5_068_791)]);
    assert_eq!(fix.restart, Some(Restart::Yes));
    let url = "https://catalog.update.microsoft.com/v7/site/Search.aspx?q=KB5071544";
    assert_eq!(fix.url.as_deref(), Some(url));
    let kinds: Vec<_> = flaw.affected[3].fixes.iter().map(|fix| fix.kind).collect();
    assert_eq!(kinds, [UpdateKind::MonthlyRollup, UpdateKind::SecurityOnly]);
}

#[test]
fn packages_of_linux_are_left_out_and_what_is_no_build_is_told() {
    let (report, advisories) = read(XML.as_bytes()).unwrap();
    let office = &advisories[1];
    let fixes: Vec<_> = office
        .affected
        .iter()
        .map(|one| {
            (
                &*one.product,
                one.fixes[0].update.to_string(),
                one.fixes[0].build.as_deref(),
            )
        })
        .collect();
    let expected = [
        (
            "Microsoft Office LTSC 2024 for 64-bit editions",
            "Click to Run".to_owned(),
            None,
        ),
        (
            "Microsoft Office 2016 (64-bit edition)",
            "KB5002819".to_owned(),
            Some("16.0.5530.1001"),
        ),
    ];
    assert_eq!(fixes, expected);
    assert_eq!(
        report.problems,
        ["record CVE-2025-62554: FixedBuild `https://aka.ms/OfficeSecurityReleases` is no build"]
    );
}

#[test]
fn the_json_says_the_same_in_numbers() {
    let (report, advisories) = read(JSON.as_bytes()).unwrap();
    assert_eq!((report.read, report.skipped, report.irrelevant), (3, 0, 0));
    let boot = &advisories[0];
    assert_eq!(
        (boot.id.as_str(), &*boot.document),
        ("CVE-2022-34301", "2022-Aug")
    );
    assert_eq!(boot.published, time("2022-08-09T07:00:00Z"));
    let builds: Vec<_> = boot
        .affected
        .iter()
        .map(|one| one.fixes[0].build.as_deref())
        .collect();
    // The packages for Windows 8.1 and 2012 carry numbers of their own.
    assert_eq!(builds, [Some("10.0.17763.3284"), None, None]);
    assert!(boot.affected.iter().all(|one| one.fixes.len() == 1));
    assert_eq!(boot.affected[0].cvss_tenths, Some(67));
    // Documents of that time name no weakness.
    assert_eq!(boot.affected[0].nature.as_str(), "security_feature_bypass");
    let later = JSON.replacen(
        "\"CVE\": \"CVE-2022-34301\"",
        "\"CWE\": [{\"ID\": \"CWE-693\", \"Value\": \"A lock that opens\"}], \"CVE\": \"CVE-2022-34301\"",
        1,
    );
    let (_, read_later) = read(later.as_bytes()).unwrap();
    assert_eq!(
        read_later[0].affected[0].nature.as_str(),
        "security_feature_bypass CWE-693"
    );
    let unnamed = &advisories[1].affected[0].fixes[0];
    assert_eq!(unnamed.update.to_string(), "Vendor Fix");
    assert_eq!(unnamed.build.as_deref(), Some("9.50"));
    let exchange = &advisories[2].affected[0];
    assert_eq!(exchange.fixes[0].build.as_deref(), Some("15.2.1118.15"));
    assert_eq!(
        (exchange.severity, exchange.cvss_tenths),
        (Some(Severity::Critical), Some(80))
    );
    assert_eq!(report.problems.len(), 3, "{report:?}");
}

#[test]
fn a_flaw_that_does_not_read_costs_that_flaw() {
    let junk = JSON.replace("\"CVE\": \"CVE-2022-35776\"", "\"CVE\": \"to be assigned\"");
    let (report, advisories) = read(junk.as_bytes()).unwrap();
    assert_eq!((report.read, report.skipped), (2, 1));
    assert_eq!(advisories.len(), 2);
    let expected = "record to be assigned: begins with no id of a flaw";
    assert!(
        report.problems.iter().any(|line| line == expected),
        "{report:?}"
    );
    let shape = JSON.replacen(
        "\"ProductID\": [\n      \"11571\"",
        "\"ProductID\": [\n      11571",
        1,
    );
    let (report, _) = read(shape.as_bytes()).unwrap();
    assert_eq!((report.read, report.skipped), (2, 1), "{report:?}");
}

#[test]
fn a_product_that_the_document_does_not_name_is_told() {
    let doc = XML.replace("ProductID=\"10483\"", "ProductID=\"99999\"");
    let (report, advisories) = read(doc.as_bytes()).unwrap();
    assert_eq!(advisories[0].affected.len(), 3);
    let expected = "product `10483` is not among the document's products";
    assert!(
        report.problems.iter().any(|line| line.contains(expected)),
        "{report:?}"
    );
}

#[test]
fn a_document_without_an_id_or_with_flaws_before_it_is_an_error() {
    let text = |doc: &str| read(doc.as_bytes()).unwrap_err().to_string();
    let nameless = XML.replace("2025-Dec</cvrf:", "</cvrf:");
    assert!(
        text(&nameless).contains("it has no id"),
        "{}",
        text(&nameless)
    );
    let order = "<a><Vulnerability><CVE>CVE-2025-54100</CVE></Vulnerability></a>";
    assert!(text(order).contains("before its id"));
    assert!(read(br#"{"Vulnerability": [{"CVE": "CVE-2025-54100"}]}"#).is_err());
}

#[test]
fn what_nests_too_deep_or_has_a_document_type_is_refused() {
    assert!(read("<a>".repeat(100).as_bytes()).is_err());
    assert!(read(b"<!DOCTYPE a [<!ENTITY b \"c\">]><a>&b;</a>").is_err());
}

#[test]
fn a_document_cut_short_is_an_error() {
    for doc in [XML, JSON] {
        let whole = doc.trim_end().as_bytes();
        for length in (1..whole.len()).step_by(61) {
            assert!(read(&whole[..length]).is_err(), "{length}");
        }
    }
}
