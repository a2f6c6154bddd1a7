//! Documents of Microsoft and of others, whole, cut short and hostile.

use super::*;
use crate::catalog::feeds::FEEDS;
use crate::model::{Advisory, KbId, ProductKey, Restart, Severity, UpdateId, UpdateKind};

const WINDOWS: &str = include_str!("../../../../fixtures/feeds/msrc-csaf/msrc_cve-2025-24035.json");
const LINUX: &str = include_str!("../../../../fixtures/feeds/msrc-vex/msrc_cve-2025-26465.json");
const OTHER: &str = include_str!("../../../../fixtures/feeds/csaf/example.json");

fn read_with(feed: &dyn Feed, doc: &str) -> Result<(FeedReport, Vec<Advisory>), FeedError> {
    let mut advisories = Vec::new();
    let report = feed.read(&mut doc.as_bytes(), &mut |record| match record {
        Record::Advisory(advisory) => advisories.push(advisory),
        other => panic!("{other:?}"),
    })?;
    Ok((report, advisories))
}

#[test]
fn each_document_is_of_one_feed() {
    let whose = |doc: &str| {
        let outline = Outline::of(doc.as_bytes());
        let feeds = FEEDS.iter().filter(|feed| feed.recognises(&outline));
        feeds.map(|feed| feed.name()).collect::<Vec<_>>()
    };
    assert_eq!(whose(WINDOWS), ["msrc-csaf"]);
    assert_eq!(whose(LINUX), ["msrc-vex"]);
    assert_eq!(whose(OTHER), ["csaf"]);
}

#[test]
fn microsofts_products_are_named_as_in_its_monthly_documents() {
    let (report, advisories) = read_with(&MsrcCsaf, WINDOWS).unwrap();
    assert_eq!((report.read, report.skipped, report.irrelevant), (1, 0, 0));
    assert_eq!(
        report.problems,
        ["record CVE-2025-24035: product `77` is not among the document's products"]
    );
    let advisory = &advisories[0];
    assert_eq!(advisory.id.as_str(), "CVE-2025-24035");
    assert_eq!(advisory.document, "2025-Mar");
    assert_eq!(
        advisory.modified.unwrap().to_string(),
        "2025-03-12T07:00:00Z"
    );
    let [old, new] = &advisory.affected[..] else {
        panic!("{advisory:?}")
    };
    assert_eq!(
        ProductKey::of(&new.product).as_str(),
        "windows server 2019 (server core installation)"
    );
    assert_eq!(
        (new.severity, new.cvss_tenths),
        (Some(Severity::Critical), Some(81))
    );
    assert_eq!(new.nature.as_str(), "remote_code_execution CWE-591");
    let fix = &new.fixes[0];
    assert_eq!(fix.update, UpdateId::Kb(KbId(5_053_596)));
    assert_eq!(fix.kind, UpdateKind::Security);
    assert_eq!(fix.build.as_deref(), Some("10.0.17763.7009"));
    assert_eq!(old.fixes[0].kind, UpdateKind::MonthlyRollup);
    assert_eq!(old.fixes[0].restart, Some(Restart::Yes));
}

#[test]
fn an_update_that_no_article_describes_is_called_as_in_the_monthly_documents() {
    let doc = WINDOWS.replace(
        "https://support.microsoft.com/help/5053596",
        "https://docs.microsoft.com/en-us/DeployEdge/microsoft-edge-relnotes-security",
    );
    let (_, advisories) = read_with(&MsrcCsaf, &doc).unwrap();
    let fix = &advisories[0].affected[1].fixes[0];
    assert_eq!(fix.update, UpdateId::Named("Release Notes".to_owned()));
    assert_eq!(fix.build.as_deref(), Some("10.0.17763.7009"));
}

#[test]
fn packages_of_azure_linux_are_counted_and_not_matched() {
    let (report, advisories) = read_with(&MsrcVex, LINUX).unwrap();
    assert_eq!((report.read, report.skipped, report.irrelevant), (0, 0, 1));
    assert_eq!(advisories, []);
}

#[test]
fn another_publishers_ranges_become_fixes_and_what_says_less_is_counted() {
    let (report, advisories) = read_with(&Csaf, OTHER).unwrap();
    assert_eq!((report.read, report.skipped, report.irrelevant), (1, 2, 1));
    assert_eq!(
        report.problems[0],
        "record CVE-2025-0411: `>=9.20|<=9.38` of 7-Zip is no range that ends before a version"
    );
    let advisory = &advisories[0];
    assert_eq!(advisory.document, "EX-2025-001");
    assert_eq!(advisory.title, "Archives leave no mark of the web");
    let [archiver, reader] = &advisory.affected[..] else {
        panic!("{advisory:?}")
    };
    assert_eq!(archiver.product, "7-Zip");
    assert_eq!(
        (archiver.severity, archiver.cvss_tenths),
        (Some(Severity::High), Some(70))
    );
    // Others call a severity an impact.
    assert_eq!(archiver.nature.as_str(), "CWE-693");
    let fix = &archiver.fixes[0];
    assert_eq!(fix.update, UpdateId::Named("7-Zip 24.9".to_owned()));
    assert_eq!((fix.build.as_deref(), &fix.since), (Some("24.9"), &None));
    assert_eq!(fix.url.as_deref(), Some("https://example.org/ex-2025-001"));
    assert_eq!(fix.restart, Some(Restart::No));
    assert_eq!(reader.product, "Example Reader SP1");
    assert_eq!(reader.fixes[0].since.as_deref(), Some("2.0"));
}

#[test]
fn a_draft_is_left_out() {
    let draft = OTHER.replace("\"final\"", "\"draft\"");
    let (report, _) = read_with(&Csaf, &draft).unwrap();
    assert_eq!(report.read, 0);
}

#[test]
fn a_document_cut_short_is_an_error() {
    for doc in [WINDOWS, LINUX, OTHER] {
        for end in (1..doc.trim_end().len()).step_by(11) {
            assert!(read_with(&Csaf, doc.get(..end).unwrap_or_default()).is_err());
        }
    }
}

#[test]
fn branches_without_end_are_refused() {
    let start =
        r#"{"document":{"csaf_version":"2.0","tracking":{"id":"X"}},"product_tree":{"branches":"#;
    let branch = r#"[{"category":"vendor","name":"a","branches":"#;
    let doc = format!("{start}{}", branch.repeat(100_000));
    assert!(read_with(&Csaf, &doc).is_err());
}
