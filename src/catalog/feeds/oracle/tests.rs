//! Tests of the reader, on documents with real facts.

use super::*;
use proptest::prelude::*;

const DOC: &str = include_str!("../../../../fixtures/feeds/oracle-oval/elsa.xml");

fn read(doc: &str) -> Result<(FeedReport, Vec<Bulletin>), FeedError> {
    let mut bulletins = Vec::new();
    let report = OracleOval.read(&mut doc.as_bytes(), &mut |record| match record {
        Record::Bulletin(bulletin) => bulletins.push(bulletin),
        other => panic!("{other:?}"),
    })?;
    Ok((report, bulletins))
}

fn row(one: &Affected) -> (&str, &str, &str, String, Option<&str>) {
    let fixed = one.ranges[0].fixed.as_deref().unwrap();
    let scope = &one.scope;
    (
        &one.ecosystem,
        &one.package,
        fixed,
        scope.arches.join(" "),
        scope.module.as_deref(),
    )
}

#[test]
fn an_advisory_has_its_packages_by_release_and_architecture() {
    let (report, bulletins) = read(DOC).unwrap();
    assert_eq!((report.read, report.skipped), (2, 1), "{report:?}");
    let bind = &bulletins[0];
    assert_eq!(bind.id.as_str(), "ELSA-2007-0057");
    assert_eq!(bind.title, "Moderate: bind security update (MODERATE)");
    assert_eq!(bind.cves, ["CVE-2007-0493", "CVE-2007-0494"]);
    assert_eq!(
        (bind.severity, bind.cvss_tenths),
        (Some(Severity::Medium), Some(55))
    );
    assert_eq!(bind.published.unwrap().to_string(), "2007-06-26T00:00:00Z");
    let (release, version) = ("Oracle Linux:5", "30:9.3.3-8.el5");
    let expected = [
        (release, "bind", version, "i386 x86_64".to_owned(), None),
        (release, "bind-chroot", version, "x86_64".to_owned(), None),
    ];
    assert_eq!(bind.affected.iter().map(row).collect::<Vec<_>>(), expected);
    assert!(
        bind.affected
            .iter()
            .all(|one| one.scope.spoken == Spoken::Binary)
    );
}

#[test]
fn a_module_that_must_be_enabled_is_that_of_the_packages_below_it() {
    let (_, bulletins) = read(DOC).unwrap();
    let hivex = (
        "Oracle Linux:8",
        "hivex",
        "1.3.18-21.module+el8.7.0+21037+8ee66348",
        "aarch64".to_owned(),
        Some("virt:kvm_utils"),
    );
    assert_eq!(row(&bulletins[1].affected[0]), hivex);
}

/// A definition with these criteria.
fn definition(criteria: &str) -> (FeedReport, Vec<Bulletin>) {
    let reference = "<reference source='elsa' ref_id='ELSA-2'/>";
    let definition = format!("<definition>{reference}<criteria>{criteria}</criteria></definition>");
    read(&format!(
        "<oval_definitions>{definition}</oval_definitions>"
    ))
    .unwrap()
}

fn criterion(comment: &str) -> String {
    format!("<criterion comment='{comment}'/>")
}

#[test]
fn a_flavour_stays_in_the_version() {
    let comments = [
        criterion("Oracle Linux 7 is installed"),
        criterion("glibc is earlier than 2:2.17-307.0.1.ksplice1.el7.1"),
    ];
    let (_, bulletins) = definition(&comments.concat());
    let found = row(&bulletins[0].affected[0]);
    assert_eq!(found.2, "2:2.17-307.0.1.ksplice1.el7.1");
}

#[test]
fn what_asks_for_something_new_or_names_no_release_is_not_used() {
    let (report, _) = read(DOC).unwrap();
    let new = "record ELSA-1: criterion `the moon is full` is new to us";
    assert_eq!(report.problems, [new]);
    let (report, bulletins) = definition(&criterion("a is earlier than 1-1"));
    assert_eq!((report.skipped, bulletins.len()), (1, 0));
    assert!(report.problems[0].ends_with("it names no release"));
    let wrong =
        criterion("Oracle Linux 8 is installed") + &criterion("a is earlier than virt:rhel");
    let (report, _) = definition(&wrong);
    assert!(
        report.problems[0].ends_with("`virt:rhel` is no version"),
        "{report:?}"
    );
}

#[test]
fn criteria_that_multiply_are_refused() {
    let mut inner = criterion("a is earlier than 1-1").repeat(100);
    for kind in [
        "Oracle Linux N is installed",
        "Oracle Linux arch is N",
        "Module a:N is enabled",
    ] {
        let all: String = (0..200)
            .map(|n| criterion(&kind.replace('N', &n.to_string())))
            .collect();
        inner = format!("<criteria>{inner}</criteria>{all}");
    }
    let (report, bulletins) = definition(&inner);
    assert_eq!((report.skipped, bulletins.len()), (1, 0), "{report:?}");
}

#[test]
fn a_document_cut_short_is_an_error_and_that_of_another_publisher_is_not_taken() {
    let end = DOC.trim_end().len();
    for length in (400..end).step_by(97) {
        assert!(read(DOC.get(..length).unwrap()).is_err(), "{length}");
    }
    let other = DOC.replace("com.oracle.elsa", "org.example");
    assert!(!OracleOval.recognises(&Outline::of(other.as_bytes())));
}

proptest! {
    #[test]
    fn no_bytes_make_it_panic(doc in "(<definition id='a'>|</definition>|<criteria>|</criteria>|<criterion comment='(Oracle Linux 8 is installed|a is earlier than 1-1|Module a:1 is enabled|\\PC)'/>|\\PC){0,30}") {
        let _ = read(&doc);
    }

    #[test]
    fn no_damage_makes_it_panic(at in 0..DOC.len(), byte in any::<u8>()) {
        let mut bytes = DOC.as_bytes().to_vec();
        bytes[at] = byte;
        let _ = OracleOval.read(&mut &bytes[..], &mut |_| {});
    }
}
