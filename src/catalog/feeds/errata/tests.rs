//! What is read of errata, and what is not.

use super::*;
use crate::catalog::feeds::{Feed, FeedError};
use crate::model::Spoken;
use proptest::prelude::*;

const PAGE: &[u8] = include_bytes!("../../../../fixtures/feeds/apollo/page.json");
const ONE: &[u8] = include_bytes!("../../../../fixtures/feeds/apollo/RLSA-2019_0981.json");
const FULL: &[u8] = include_bytes!("../../../../fixtures/feeds/alma-errata/errata.full.json");
const OLD: &[u8] = include_bytes!("../../../../fixtures/feeds/alma-errata/errata.json");

fn read(feed: &dyn Feed, mut doc: &[u8]) -> Result<(FeedReport, Vec<Bulletin>), FeedError> {
    let mut bulletins = Vec::new();
    let report = feed.read(&mut doc, &mut |record| match record {
        Record::Bulletin(bulletin) => bulletins.push(bulletin),
        other => panic!("{other:?}"),
    })?;
    Ok((report, bulletins))
}

/// Ecosystem, package, fix, architectures, module or repository.
fn rows(bulletin: &Bulletin) -> Vec<(&str, &str, &str, String, Option<&str>)> {
    let affected = bulletin.affected.iter();
    let rows = affected.map(|one| {
        assert_eq!(one.scope.spoken, Spoken::Binary);
        let fixed = one.ranges[0].fixed.as_deref().unwrap();
        let more = one
            .scope
            .module
            .as_deref()
            .or(one.scope.repository.as_deref());
        (
            &*one.ecosystem,
            &*one.package,
            fixed,
            one.scope.arches.join(" "),
            more,
        )
    });
    rows.collect()
}

#[test]
fn a_page_of_rocky_linux_has_builds_with_their_modules() {
    let (report, bulletins) = read(&Apollo, PAGE).unwrap();
    assert_eq!(
        (report.read, report.skipped, report.irrelevant),
        (3, 1, 1),
        "{report:?}"
    );
    let delve = &bulletins[0];
    assert_eq!(delve.id.as_str(), "RLSA-2025:21816");
    assert_eq!(
        (delve.severity, delve.cvss_tenths),
        (Some(Severity::Medium), Some(75))
    );
    assert_eq!(delve.nature.as_str(), "CWE-770");
    assert_eq!(delve.cves, ["CVE-2025-58183"]);
    assert_eq!(delve.modified.unwrap().to_string(), "2025-11-27T09:12:41Z");
    let arches = "aarch64 x86_64".to_owned();
    assert_eq!(
        rows(delve),
        [("Rocky Linux:10", "delve", "1.25.2-1.el10_1", arches, None)]
    );
    let arch = || "x86_64".to_owned();
    let evr = "4:5.32.1-471.module+el8.6.0+1232+1cb6c2a3";
    let expected = [("Rocky Linux:8", "perl", evr, arch(), Some("perl:5.32"))];
    assert_eq!(rows(&bulletins[1]), expected);
    let evr = "4.18.0-425.10.1.el8_7.cloud";
    let expected = [("Rocky Linux:8", "kernel", evr, arch(), Some("sig-cloud"))];
    assert_eq!(rows(&bulletins[2]), expected);
}

#[test]
fn an_advisory_of_the_interface_before_is_read_too() {
    let (report, bulletins) = read(&Apollo, ONE).unwrap();
    assert_eq!((report.read, report.skipped), (1, 0), "{report:?}");
    assert_eq!(
        (bulletins[0].severity, bulletins[0].cvss_tenths),
        (Some(Severity::High), Some(98))
    );
    assert!(bulletins[0].nature.is_empty());
    assert_eq!(
        bulletins[0].published.unwrap().to_string(),
        "2019-05-07T03:40:00Z"
    );
    let expected = [
        (
            "Rocky Linux:8",
            "babel",
            "2.5.1-9.module+el8.4.0+403+9ae17a31",
            String::new(),
            Some("python27:2.7"),
        ),
        (
            "Rocky Linux:8",
            "python2-psycopg2",
            "2.7.5-7.module+el8.5.0+706+735ec4b3",
            "aarch64".to_owned(),
            Some("python27:2.7"),
        ),
    ];
    assert_eq!(rows(&bulletins[0]), expected);
    assert!(
        report.problems[0].contains("`nonsense` is no name of a build"),
        "{report:?}"
    );
}

#[test]
fn errata_of_alma_linux_have_modules_architectures_and_epochs() {
    let (report, bulletins) = read(&AlmaErrata, FULL).unwrap();
    assert_eq!(
        (report.read, report.skipped, report.irrelevant),
        (1, 1, 1),
        "{report:?}"
    );
    let mariadb = &bulletins[0];
    assert_eq!(mariadb.cves, ["CVE-2019-2510"]);
    assert_eq!(
        mariadb.modified.unwrap().to_string(),
        "2022-04-28T10:40:18Z"
    );
    assert_eq!(
        mariadb.references,
        ["https://errata.almalinux.org/8/ALSA-2019-3708.html"]
    );
    let arch = || "x86_64".to_owned();
    let expected = [
        (
            "AlmaLinux:8",
            "Judy",
            "1.0.5-18.module_el8.5.0+2632+14ced695",
            arch(),
            Some("mariadb:10.3"),
        ),
        (
            "AlmaLinux:8",
            "mariadb",
            "3:10.3.17-1.module_el8.5.0+2632+14ced695",
            arch(),
            Some("mariadb:10.3"),
        ),
    ];
    assert_eq!(rows(mariadb), expected);
}

#[test]
fn the_older_errata_of_alma_linux_are_read_too() {
    let (report, bulletins) = read(&AlmaErrata, OLD).unwrap();
    assert_eq!(
        (report.read, report.skipped, report.irrelevant),
        (1, 0, 1),
        "{report:?}"
    );
    assert_eq!(
        bulletins[0].published.unwrap().to_string(),
        "2021-08-24T07:29:56Z"
    );
    let expected = [(
        "AlmaLinux:8",
        "libsndfile",
        "1.0.28-10.el8_4.1",
        "i686 x86_64".to_owned(),
        None,
    )];
    assert_eq!(rows(&bulletins[0]), expected);
}

#[test]
fn a_document_cut_short_is_an_error() {
    let documents: [(&dyn Feed, &[u8]); 4] = [
        (&Apollo, PAGE),
        (&Apollo, ONE),
        (&AlmaErrata, FULL),
        (&AlmaErrata, OLD),
    ];
    for (feed, doc) in documents {
        let whole = doc.trim_ascii_end();
        for length in (1..whole.len()).step_by(5) {
            assert!(
                read(feed, &whole[..length]).is_err(),
                "{} {length}",
                feed.name()
            );
        }
    }
}

proptest! {
    #[test]
    fn no_bytes_make_it_panic(bytes in proptest::collection::vec(any::<u8>(), 0..9), at in any::<usize>()) {
        let documents: [(&dyn Feed, &[u8]); 4] =
            [(&Apollo, PAGE), (&Apollo, ONE), (&AlmaErrata, FULL), (&AlmaErrata, OLD)];
        for (feed, doc) in documents {
            let mut doc = doc.to_vec();
            let at = at % doc.len();
            doc.splice(at..(at + 3).min(doc.len()), bytes.iter().copied());
            let _ = read(feed, &doc);
        }
    }
}
