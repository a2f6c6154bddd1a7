//! Tests of the reader, on documents with real facts.

use super::*;
use proptest::prelude::*;

const DOC: &str = include_str!("../../../../fixtures/feeds/freebsd-vuxml/vuln.xml");

fn read(doc: &str) -> Result<(FeedReport, Vec<Bulletin>), FeedError> {
    let mut bulletins = Vec::new();
    let report = VuXml.read(&mut doc.as_bytes(), &mut |record| match record {
        Record::Bulletin(bulletin) => bulletins.push(bulletin),
        other => panic!("{other:?}"),
    })?;
    Ok((report, bulletins))
}

/// Package, and its ranges as `introduced..fixed` or `introduced..=last`.
fn ranges(bulletin: &Bulletin) -> Vec<(&str, Vec<String>)> {
    let range = |range: &VersionRange| {
        let text = |version: &Option<String>| version.clone().unwrap_or_default();
        match &range.last_affected {
            Some(last) => format!("{}..={last}", text(&range.introduced)),
            None => format!("{}..{}", text(&range.introduced), text(&range.fixed)),
        }
    };
    let affected = bulletin.affected.iter();
    let each = affected.map(|one| (&*one.package, one.ranges.iter().map(range).collect()));
    each.collect()
}

fn texts(ranges: &[&str]) -> Vec<String> {
    ranges.iter().map(|&range| range.to_owned()).collect()
}

#[test]
fn an_entry_is_a_bulletin_with_its_days_and_cves() {
    let (report, bulletins) = read(DOC).unwrap();
    assert_eq!((report.read, report.skipped), (7, 1), "{report:?}");
    let zeek = &bulletins[0];
    assert_eq!(zeek.id.as_str(), "3110b29e-c82d-4287-9f6c-db82bb883b1e");
    assert_eq!(zeek.title, "zeek -- a packet can take it down");
    assert_eq!(zeek.published.unwrap().to_string(), "2022-08-26T00:00:00Z");
    assert_eq!(ranges(zeek), [("zeek", texts(&["..5.0.1"]))]);
    assert_eq!(zeek.affected[0].scope.spoken, Spoken::Binary);
    assert_eq!(bulletins[1].cves, ["CVE-2023-38545"]);
    let changed = bulletins[1].modified.unwrap();
    assert_eq!(changed.to_string(), "2023-10-11T00:00:00Z");
}

#[test]
fn what_is_greater_than_a_version_begins_with_its_next_revision() {
    let (_, bulletins) = read(DOC).unwrap();
    assert_eq!(
        ranges(&bulletins[1])[0],
        ("curl", texts(&["7.69.0_1..8.4.0"]))
    );
    let mysql = texts(&[
        "..=3.23.58",
        "4_1..=4.0.20",
        "4.1_1..=4.1.3",
        "5_1..=5.0.0_1",
    ]);
    assert_eq!(ranges(&bulletins[2]), [("mysql-scripts", mysql)]);
    assert_eq!(next("3.6,1"), "3.6_1,1");
    assert_eq!(next("1.20_9,2"), "1.20_10,2");
    assert_eq!(next("1_a"), "1_a_1");
    assert_eq!(next("2.*"), "2.*");
}

#[test]
fn an_epoch_before_a_revision_is_put_where_it_belongs() {
    assert_eq!(revision_first("1.1.1t,1_1").as_deref(), Some("1.1.1t_1,1"));
    for sound in ["1.1.1t_1,1", "1.1.1t,1", "1_1", "1,a_1"] {
        assert_eq!(revision_first(sound), None, "{sound}");
    }
}

#[test]
fn every_kind_of_range_has_its_place() {
    let (_, bulletins) = read(DOC).unwrap();
    let krb5 = texts(&["1.7..1.7.2", "1.8..=1.8.4", "1.9..=1.9"]);
    assert_eq!(ranges(&bulletins[3]), [("krb5", krb5)]);
    let expected = [
        ("acroread", texts(&["..7.0.0", "5.*,1..7.0.0,1"])),
        ("acroread4", texts(&[".."])),
        ("acroread5", texts(&[".."])),
    ];
    assert_eq!(ranges(&bulletins[4]), expected);
    assert_eq!(
        ranges(&bulletins[5])[0],
        (
            "FreeBSD-kernel",
            texts(&["14.1..14.1_3", "14.0..14.0_9", "13.3..13.3_5"])
        )
    );
}

#[test]
fn a_cancelled_entry_takes_back_what_it_said() {
    let (_, bulletins) = read(DOC).unwrap();
    let affected = &bulletins[6].affected;
    assert_eq!(affected[0].status, FixStatus::NotAffected);
    assert!(affected[0].ranges.is_empty());
    assert!(bulletins[6].references[1].contains("01d729ca"));
}

#[test]
fn a_year_in_another_file_is_said_and_a_year_alone_reads() {
    let (report, _) = read("<vuxml>&vuln-2026;</vuxml>").unwrap();
    assert!(
        report.problems[0].starts_with("record vuln-2026: "),
        "{report:?}"
    );
    let start = DOC.find("  <vuln vid=\"d6c1").unwrap();
    let end = DOC.find("</vuxml>").unwrap();
    let year = DOC.get(start..end).unwrap();
    assert!(VuXml.recognises(&Outline::of(year.as_bytes())));
    assert_eq!(read(year).unwrap().1.len(), 6);
}

#[test]
fn an_entry_without_packages_or_with_a_bound_that_is_new_to_us_costs_itself() {
    let doc = "<vuxml><vuln vid='a'><topic>x</topic></vuln><vuln vid='b'><affects><package><name>p</name>\
        <range><near>1</near></range></package></affects></vuln><vuln/></vuxml>";
    let (report, bulletins) = read(doc).unwrap();
    assert_eq!((report.skipped, bulletins.len()), (3, 0), "{report:?}");
}

#[test]
fn a_document_cut_short_is_an_error() {
    let end = DOC.rfind("</vuxml>").unwrap();
    for length in (700..end).step_by(97) {
        assert!(read(DOC.get(..length).unwrap()).is_err(), "{length}");
    }
}

proptest! {
    #[test]
    fn no_bytes_make_it_panic(doc in "(<vuln vid='a'>|</vuln>|<affects>|</affects>|<package>|</package>|<name>|</name>|<range>|<lt>|1|&|_|,|\\PC){0,40}") {
        let _ = read(&doc);
        let _ = next(&doc);
    }

    #[test]
    fn no_damage_makes_it_panic(at in 0..DOC.len(), byte in any::<u8>()) {
        let mut bytes = DOC.as_bytes().to_vec();
        bytes[at] = byte;
        let _ = VuXml.read(&mut &bytes[..], &mut |_| {});
    }
}
