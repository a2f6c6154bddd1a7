//! How new what machines are judged by is.

use super::*;
use crate::catalog::fetch::Document;
use crate::model::hex;
use sha2::{Digest as _, Sha256};
use std::collections::BTreeSet;

const KEV: &str =
    r#"{"catalogVersion":"1","vulnerabilities":[{"cveID":"CVE-1","dateAdded":"2025-12-10"}]}"#;

/// All that OSV says of Debian 12.
fn all() -> String {
    all_until("2026-10-30")
}

fn all_until(day: &str) -> String {
    let records = (1..=4).map(|number| osv(&format!("CVE-{number}"), day, "3"));
    records.collect::<Vec<_>>().join("\n")
}

/// A month of Microsoft's.
fn month(published: &str) -> String {
    let month = include_str!("../../../fixtures/feeds/msrc-cvrf/2025-Dec.xml");
    month.replace("2025-12-", published)
}

impl Place {
    /// The age of Debian 12.
    fn age(&self) -> (String, UtcTime) {
        let age = self.open().age_of_slice("Debian:12").unwrap().unwrap();
        (age.feed, age.met)
    }

    fn fetched(&self, source: &str, name: &str, content: &str) -> Document {
        Document {
            source: source.to_owned(),
            name: name.to_owned(),
            file: self.file(name, content),
            sha256: hex(&Sha256::digest(content)),
            is_vouched: false,
            only: &[],
        }
    }
}

fn of_osv(met: UtcTime) -> (String, UtcTime) {
    ("osv Debian:12".to_owned(), met)
}

#[test]
fn what_comes_in_later_makes_a_feed_no_younger_unless_it_is_most_of_it() {
    let place = Place::new();
    let into = place.catalog();
    let path = place.file("all.jsonl", all());
    import(std::slice::from_ref(&path), &into, day(1)).unwrap();
    assert_eq!(place.age(), of_osv(day(1)));
    let others = [
        place.file("one.json", osv("CVE-9", "2024-01-01", "3")),
        place.file("kev.json", KEV),
        place.file("own.csv", "product,fixed_version\n7-Zip,24.01\n"),
    ];
    import(&others, &into, day(20)).unwrap();
    assert_eq!(place.open().imported(), Some(day(20)));
    assert_eq!(place.age(), of_osv(day(1)));
    // Another feed about it is as old as it is, and the older of the two counts.
    import(&[fixtures("feeds/debian-tracker")], &into, day(21)).unwrap();
    assert_eq!(place.age(), of_osv(day(1)));
    import(&[path], &into, day(22)).unwrap();
    let tracker = "debian-tracker Debian:12".to_owned();
    assert_eq!(place.age(), (tracker, day(21)));
    assert_eq!(place.open().age_of_slice("Debian:99").unwrap(), None);
    assert_eq!(
        Catalog::starter()
            .unwrap()
            .age_of_slice("Debian:12")
            .unwrap(),
        None
    );
}

#[test]
fn what_was_fetched_again_is_new_though_it_is_the_same_and_what_did_not_come_is_as_old_as_it_was() {
    let place = Place::new();
    let into = place.catalog();
    let debian = place.fetched("osv-debian", "linux/osv/Debian/all.zip", &all());
    let kev = place.fetched("kev", "common/kev.json", KEV);
    let december = month("2026-10-");
    let month = place.fetched("msrc-cvrf", "windows/cvrf/2025-Dec.xml", &december);
    let fetch = |documents: &[&Document], at: u8, failed: &[&str]| {
        let documents: Vec<Document> = documents.iter().copied().cloned().collect();
        let failed: BTreeSet<String> = failed.iter().map(ToString::to_string).collect();
        let done = update(&documents, &into, day(at), false, &failed).unwrap();
        assert!(done.left_out.is_empty());
    };
    let windows = || {
        let server = ProductKey::of("Windows Server 2019");
        place.open().age_of_product(&server).unwrap().unwrap().met
    };
    fetch(&[&debian, &kev, &month], 1, &[]);
    assert_eq!((place.age(), windows()), (of_osv(day(1)), day(1)));
    fetch(&[&debian, &kev, &month], 5, &[]);
    assert_eq!((place.age(), windows()), (of_osv(day(5)), day(5)));
    // Another month of it did not come.
    fetch(&[&kev, &month], 9, &["osv-debian", "msrc-cvrf"]);
    assert_eq!(place.open().imported(), Some(day(9)));
    assert_eq!((place.age(), windows()), (of_osv(day(5)), day(5)));
    // Nor where one that came says something new.
    let other = december.replace("2026-06-28T14:14:55", "2026-07-28T14:14:55");
    let other = place.fetched("msrc-cvrf", "windows/cvrf/2025-Dec.xml", &other);
    fetch(&[&other], 10, &["msrc-cvrf"]);
    assert_eq!(windows(), day(5));
    fetch(&[&other], 11, &[]);
    assert_eq!(windows(), day(11));
}

#[test]
fn an_old_month_that_a_person_imports_makes_a_system_no_younger_and_the_newest_does() {
    let place = Place::new();
    let into = place.catalog();
    let recent = month("2026-11-");
    let month = |folder: &str, name: &str| {
        let path = format!("{folder}/{name}.xml");
        place.file(&path, recent.replace("2025-Dec", name))
    };
    let windows = || {
        let server = ProductKey::of("Windows Server 2019");
        place.open().age_of_product(&server).unwrap().unwrap().met
    };
    let (april, november) = (month("a", "2016-Apr"), month("a", "2025-Nov"));
    import(&[november.clone(), month("a", "2025-Oct")], &into, day(1)).unwrap();
    assert_eq!(windows(), day(1));
    import(std::slice::from_ref(&april), &into, day(20)).unwrap();
    import(&[april, place.file("kev.json", KEV)], &into, day(21)).unwrap();
    assert_eq!(windows(), day(1));
    import(&[november], &into, day(22)).unwrap();
    assert_eq!(windows(), day(22));
    import(&[month("a", "2025-Dec")], &into, day(23)).unwrap();
    assert_eq!(windows(), day(23));
    // All of a folder is as new as its newest month.
    let february = month("b", "2024-Feb");
    month("b", "2025-Dec");
    let folder = february.parent().unwrap().to_owned();
    import(&[folder], &into, day(24)).unwrap();
    assert_eq!(windows(), day(24));
}

#[test]
fn a_catalogue_of_the_format_before_is_as_old_as_its_imports() {
    let place = Place::new();
    let into = place.catalog();
    import(&[place.file("all.jsonl", all())], &into, day(1)).unwrap();
    let db = rusqlite::Connection::open(place.catalog()).unwrap();
    let old = "ALTER TABLE import DROP COLUMN spoke; ALTER TABLE import DROP COLUMN met; \
               PRAGMA user_version = 4;";
    db.execute_batch(old).unwrap();
    drop(db);
    assert_eq!(place.age(), of_osv(day(1)));
    let one = place.file("one.json", osv("CVE-9", "2024-01-01", "3"));
    import(&[one], &into, day(20)).unwrap();
    assert_eq!(place.age(), of_osv(day(1)));
}

#[test]
fn a_feed_that_was_out_of_date_when_it_came_is_as_old_as_its_newest_record() {
    let place = Place::new();
    let into = place.catalog();
    let add = |name: &str, content: &str| {
        import(&[place.file(name, content)], &into, day(1)).unwrap();
    };
    let time = |day: &str| UtcTime::parse(&format!("{day}T00:00:00Z")).unwrap();
    let of_record = |newest| ("newest record of osv Debian".to_owned(), time(newest));
    add("all.jsonl", &all_until("2025-02-12"));
    assert_eq!(place.age(), of_record("2025-02-12"));
    // Of a day before its end it knows all.
    let as_of = |then| {
        let catalog = place.open().as_of(time(then).date());
        let age = catalog.age_of_slice("Debian:12").unwrap().unwrap();
        (age.feed, age.met)
    };
    assert_eq!(as_of("2024-07-01"), of_osv(day(1)));
    assert_eq!(as_of("2025-03-29"), of_osv(day(1)));
    assert_eq!(as_of("2025-03-30"), of_record("2025-02-12"));
    // Another publisher makes it no younger, nor a day that is still to come.
    let alma = osv("ALSA-1", "2026-10-30", "3").replace("Debian:12", "AlmaLinux:9");
    add("alma.json", &alma);
    add("typo.json", &osv("CVE-8", "2062-01-01", "3"));
    assert_eq!(place.age(), of_record("2025-02-12"));
    // 45 days are silence that there is.
    add("all.jsonl", &all_until("2026-09-16"));
    assert_eq!(place.age(), of_record("2026-09-16"));
    add("all.jsonl", &all_until("2026-09-17"));
    assert_eq!(place.age(), of_osv(day(1)));
}

#[test]
fn a_release_that_ended_and_a_publisher_that_may_be_silent_are_not_out_of_date() {
    let place = Place::new();
    let into = place.catalog();
    let other = osv("CVE-7", "2026-10-30", "3").replace("Debian:12", "Debian:13");
    let own = all_until("2025-02-12").replace("Debian:12", "Photon OS:5.0");
    let all = [
        place.file("ended.jsonl", all_until("2025-02-12")),
        place.file("other.json", other),
        place.file("own.jsonl", own),
        fixtures("feeds/debian-tracker"),
    ];
    import(&all, &into, day(1)).unwrap();
    let tracker = "debian-tracker Debian:12".to_owned();
    assert_eq!(place.age(), (tracker, day(1)));
    let own = place.open().age_of_slice("Photon OS:5.0").unwrap().unwrap();
    assert_eq!((&*own.feed, own.met), ("osv Photon OS:5.0", day(1)));
    // What is built in is all that the demo needs.
    let built_in = Catalog::for_demo().unwrap();
    let age = built_in.age_of_slice("Debian:12").unwrap();
    assert!(age.is_none_or(|age| !age.name().1));
}

#[test]
fn months_of_microsoft_that_never_came_make_it_old_though_old_ones_are_revised() {
    let age = |published: &str| {
        let place = Place::new();
        let month = place.file("2025-Dec.xml", month(published));
        import(&[month], &place.catalog(), day(1)).unwrap();
        let server = ProductKey::of("Windows Server 2019");
        place.open().age_of_product(&server).unwrap().unwrap()
    };
    let old = age("2025-12-");
    assert_eq!(old.name(), ("msrc-cvrf", true));
    assert_eq!(old.met.date().to_string(), "2025-12-09");
    assert_eq!(age("2026-10-").met, day(1));
}
