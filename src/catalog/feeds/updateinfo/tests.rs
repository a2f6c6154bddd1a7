//! What is read of updates, and what is not.

use super::*;
use crate::model::{Bulletin, Severity, Spoken};
use proptest::prelude::*;

const AL2: &[u8] = include_bytes!("../../../../fixtures/feeds/amazon-updateinfo/al2.xml");
const OTHERS: &[u8] = include_bytes!("../../../../fixtures/feeds/updateinfo/several.xml");

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
fn amazons_updates_know_their_repositories_and_architectures() {
    let (report, bulletins) = read(&AmazonUpdateinfo, AL2).unwrap();
    assert_eq!(
        (report.read, report.skipped, report.irrelevant),
        (3, 0, 1),
        "{report:?}"
    );
    let kernel = &bulletins[0];
    assert_eq!(kernel.id.as_str(), "ALAS2KERNEL-5.15-2022-001");
    assert_eq!(kernel.cves, ["CVE-2022-1263", "CVE-2022-3526"]);
    assert_eq!(kernel.severity, Some(Severity::High));
    assert_eq!(
        kernel.published.unwrap().to_string(),
        "2022-06-06T17:58:00Z"
    );
    assert_eq!(kernel.modified.unwrap().to_string(), "2022-11-17T19:23:00Z");
    let repository = Some("amzn2extra-kernel-5.15");
    let expected = [(
        "Amazon Linux:2",
        "kernel",
        "5.15.43-20.123.amzn2",
        "aarch64 x86_64".to_owned(),
        repository,
    )];
    assert_eq!(rows(kernel), expected);
    let expected = [
        (
            "Amazon Linux:1",
            "httpd-devel",
            "2.2.21-1.18.amzn1",
            "i686".to_owned(),
            Some("amzn-updates"),
        ),
        (
            "Amazon Linux:1",
            "mod_ssl",
            "1:2.2.21-1.18.amzn1",
            "x86_64".to_owned(),
            Some("amzn-updates"),
        ),
    ];
    assert_eq!(rows(&bulletins[1]), expected);
    let expected = [(
        "Amazon Linux:2023",
        "kernel-livepatch-6.1.12-19.43",
        "1.0-1.amzn2023",
        "x86_64".to_owned(),
        Some("kernel-livepatch"),
    )];
    assert_eq!(rows(&bulletins[2]), expected);
}

#[test]
fn modules_flaws_and_releases_are_found_where_each_distribution_puts_them() {
    let (report, bulletins) = read(&Updateinfo, OTHERS).unwrap();
    assert_eq!(
        (report.read, report.skipped, report.irrelevant),
        (4, 1, 2),
        "{report:?}"
    );
    let row = |place: usize| rows(&bulletins[place]);
    let evr = "4:5.32.1-472.module_el8.6.0+2804+6e1a1a01";
    assert_eq!(
        row(0),
        [(
            "AlmaLinux:8",
            "perl",
            evr,
            "x86_64".to_owned(),
            Some("perl:5.32")
        )]
    );
    assert_eq!(
        row(1),
        [(
            "Rocky Linux:9",
            "openssh",
            "8.7p1-38.el9_4.1",
            "x86_64".to_owned(),
            None
        )]
    );
    assert_eq!(
        row(2),
        [(
            "Fedora:40",
            "chromium",
            "124.0.6367.118-1.fc40",
            "x86_64".to_owned(),
            None
        )]
    );
    assert_eq!(bulletins[2].cves, ["CVE-2024-4058", "CVE-2024-4059"]);
    assert_eq!(
        row(3),
        [(
            "openSUSE:Leap 15.4",
            "dbus-1",
            "1.12.2-150400.18.5.1",
            "x86_64".to_owned(),
            None
        )]
    );
    assert_eq!(
        bulletins[3].published.unwrap().to_string(),
        "2022-10-31T19:06:40Z"
    );
    let left_out = report
        .problem_counts
        .get("`…` is no release that we match: left out");
    assert_eq!(left_out, Some(&1), "{report:?}");
}

#[test]
fn a_document_cut_short_is_an_error() {
    for (feed, doc) in [(&AmazonUpdateinfo as &dyn Feed, AL2), (&Updateinfo, OTHERS)] {
        let whole = doc.trim_ascii_end();
        for length in (1..whole.len()).step_by(3) {
            assert!(read(feed, &whole[..length]).is_err(), "{length}");
        }
    }
}

proptest! {
    #[test]
    fn no_bytes_make_it_panic(bytes in proptest::collection::vec(any::<u8>(), 0..9), at in 0..OTHERS.len()) {
        let mut doc = OTHERS.to_vec();
        doc.splice(at..(at + 3).min(OTHERS.len()), bytes);
        let _ = read(&Updateinfo, &doc);
    }
}
