//! What publishers say by product: documents in, product slices out.

use super::*;
use crate::catalog::feeds::{FEEDS, Feed, Record};
use crate::catalog::file::{CatalogFile, Writer};
use crate::model::{Date, Epss, ExploitPrediction, KbId, UpdateId};

const DECEMBER: &str = include_str!("../../../fixtures/feeds/msrc-cvrf/2025-Dec.xml");
const KEV: &str = r#"{"catalogVersion":"1","vulnerabilities":[{"cveID":"CVE-2025-54100","dateAdded":"2025-12-10"}]}"#;

/// The day of the document, and the build of one of its updates.
const REVISED: &str = "2026-06-28T14:14:55";
const BUILD: &str = "6.3.9600.22920";

/// A copy of the document of another day, in which Windows Server 2012 R2 is fixed by another build.
fn copy(day: &str, build: &str) -> String {
    DECEMBER.replace(REVISED, day).replace(BUILD, build)
}

/// The document without one of its flaws.
fn without(cve: &str) -> String {
    let start = "  <vuln:Vulnerability\n";
    let flaws = DECEMBER.split(start);
    let kept = flaws.filter(|flaw| !flaw.contains(&format!("<vuln:CVE>{cve}<")));
    kept.collect::<Vec<_>>().join(start)
}

fn product(catalog: &Catalog, name: &str) -> Arc<ProductSlice> {
    catalog.product(&ProductKey::of(name)).unwrap().unwrap()
}

/// What fixes a flaw in a product: updates, each with its build.
fn fixes(catalog: &Catalog, name: &str, cve: &str) -> Vec<(String, String)> {
    let slice = product(catalog, name);
    let flaw = slice.flaw(cve).unwrap();
    let fixes = flaw.fixes.iter().map(|fix| {
        let update = &slice.updates()[fix.update];
        let build = fix.build.as_deref().unwrap_or_default();
        (update.id.to_string(), build.to_owned())
    });
    fixes.collect()
}

fn feed(name: &str) -> &'static dyn Feed {
    *FEEDS.iter().find(|feed| feed.name() == name).unwrap()
}

/// A catalogue in memory of some records.
fn of_records(records: impl IntoIterator<Item = Record>) -> Catalog {
    let mut writer = Writer::in_memory(&[], day(1)).unwrap();
    for record in records {
        writer.put(feed("msrc-cvrf"), record).unwrap();
    }
    let (_, file): (_, CatalogFile) = writer.finish().unwrap();
    Catalog::load(file, None).unwrap()
}

#[test]
fn a_document_of_updates_is_kept_by_product() {
    let place = Place::new();
    let paths = [place.file("a.xml", DECEMBER), place.file("kev.json", KEV)];
    let report = place.import(&paths).unwrap();
    let cvrf = &report.feeds[1];
    assert_eq!((cvrf.read, cvrf.added, cvrf.irrelevant), (2, 2, 1));
    let catalog = place.open();
    let products: Vec<_> = catalog.products().iter().map(ProductKey::as_str).collect();
    let expected = [
        "microsoft office 2016 (64-bit edition)",
        "microsoft office ltsc 2024 for 64-bit editions",
        "windows server 2008 r2 for x64-based systems service pack 1",
        "windows server 2012 r2",
        "windows server 2019",
        "windows server 2019 (server core installation)",
    ];
    assert_eq!(products, expected);
    let slice = product(&catalog, "Windows Server 2019");
    let [update] = slice.updates() else {
        panic!("{slice:?}")
    };
    assert_eq!(update.id, UpdateId::Kb(KbId(5_071_544)));
    assert_eq!(update.released, Month::parse("2025-12"));
    assert_eq!(update.supersedes, [KbId(5_068_791)]);
    assert!(slice.kev("CVE-2025-54100").is_some() && !slice.is_sample());
    assert!(
        catalog
            .product(&ProductKey::of("Windows Server 2029"))
            .unwrap()
            .is_none()
    );
}

#[test]
fn an_update_or_a_flaw_is_found_in_its_products_and_by_its_title() {
    let place = Place::new();
    place.import(&[place.file("a.xml", DECEMBER)]).unwrap();
    let catalog = place.open();
    let of = |id: &str| {
        let products = catalog.products_of(id).unwrap().into_iter();
        products
            .map(|key| key.as_str().to_owned())
            .collect::<Vec<_>>()
    };
    let server = [
        "windows server 2019",
        "windows server 2019 (server core installation)",
    ];
    assert_eq!(of("KB5071544"), server);
    assert_eq!(of("5071544"), server);
    assert_eq!(of("cve-2025-54100").len(), 4);
    // It is superseded, and nobody says that it fixes anything.
    assert!(of("KB5068791").is_empty() && of("KB507154").is_empty() && of("").is_empty());
    let title = "PowerShell & its web requests".to_owned();
    let titles = catalog.titles_of("CVE-2025-54100").unwrap();
    assert_eq!(titles, [(title, "msrc-cvrf 2025-Dec".to_owned())]);
    assert!(catalog.titles_of("CVE-2099-1").unwrap().is_empty());
}

#[test]
fn what_a_newer_copy_leaves_out_stays_and_what_it_says_anew_replaces() {
    let place = Place::new();
    place.import(&[place.file("a.xml", DECEMBER)]).unwrap();
    // A flaw, a whole month's worth of them, and a product of a flaw are gone.
    let newer = without("CVE-2025-62554").replace(REVISED, "2026-07-05T00:00:00");
    let newer = newer.replace(BUILD, "6.3.9600.22921");
    let newer = newer.replace("<vuln:ProductID>10051<", "<vuln:ProductID>10483<");
    let report = place.import(&[place.file("b.xml", newer)]).unwrap();
    assert_eq!((report.feeds[0].read, report.feeds[0].changed), (1, 1));
    let catalog = place.open();
    let cve = "CVE-2025-54100";
    let of_2012 = fixes(&catalog, "Windows Server 2012 R2", cve);
    assert!(of_2012.contains(&("KB5071503".to_owned(), "6.3.9600.22921".to_owned())));
    let of_2008 = "Windows Server 2008 R2 for x64-based Systems Service Pack 1";
    assert_eq!(fixes(&catalog, of_2008, cve).len(), 2);
    let office = "Microsoft Office 2016 (64-bit edition)";
    assert_eq!(fixes(&catalog, office, "CVE-2025-62554").len(), 1);
    let earlier = catalog.earlier_fixes(&ProductKey::of("Windows Server 2012 R2"), cve);
    let [earlier] = &*earlier.unwrap() else {
        panic!("one change")
    };
    assert_eq!(
        (earlier.until, &*earlier.place),
        (day(1), "msrc-cvrf 2025-Dec")
    );
    assert_eq!(earlier.fixes[0].build.as_deref(), Some(BUILD));
}

#[test]
fn the_newest_copy_counts_whatever_the_order_of_imports() {
    let copies = [
        copy("2026-06-28T14:14:55", "6.3.9600.1"),
        copy("2026-07-05T00:00:00", "6.3.9600.2"),
        without("CVE-2025-62554").replace(REVISED, "2026-07-01T00:00:00"),
    ];
    let digest = |order: &[usize]| {
        let place = Place::new();
        for number in order {
            let name = format!("{number}.xml");
            place
                .import(&[place.file(&name, &copies[*number])])
                .unwrap();
        }
        let found = fixes(&place.open(), "Windows Server 2012 R2", "CVE-2025-54100");
        assert_eq!(found, [("KB5071503".to_owned(), "6.3.9600.2".to_owned())]);
        place.digest()
    };
    let first = digest(&[0, 1, 2]);
    for order in [[2, 1, 0], [1, 0, 2], [2, 0, 1]] {
        assert_eq!(digest(&order), first);
    }
    let place = Place::new();
    let path = place.file("a.xml", DECEMBER);
    place.import(std::slice::from_ref(&path)).unwrap();
    let report = place.import(&[path]).unwrap();
    assert_eq!((report.feeds[0].unchanged, report.feeds[0].changed), (2, 0));
}

#[test]
fn one_flaw_that_stands_twice_in_a_document_is_one_and_does_not_change_by_itself() {
    let place = Place::new();
    // As CVE-2023-38039 in the document of October 2023.
    let twice = DECEMBER.replace("CVE-2025-62554", "CVE-2025-54100");
    let path = place.file("a.xml", twice);
    place.import(std::slice::from_ref(&path)).unwrap();
    let digest = place.digest();
    let report = place.import(&[path]).unwrap();
    assert_eq!((report.feeds[0].unchanged, report.feeds[0].changed), (2, 0));
    assert_eq!(report.digest, digest);
    let catalog = place.open();
    assert_eq!(catalog.titles_of("CVE-2025-54100").unwrap().len(), 1);
    assert_eq!(catalog.products_of("CVE-2025-54100").unwrap().len(), 6);
}

#[test]
fn two_documents_on_one_flaw_are_kept_side_by_side() {
    let place = Place::new();
    let january = copy("2026-07-05T00:00:00", "6.3.9600.3").replace("2025-Dec<", "2026-Jan<");
    let january = january.replace("5071503", "5073696");
    let paths = [place.file("a.xml", DECEMBER), place.file("b.xml", january)];
    place.import(&paths).unwrap();
    let found = fixes(&place.open(), "Windows Server 2012 R2", "CVE-2025-54100");
    let expected = [
        ("KB5071503".to_owned(), BUILD.to_owned()),
        ("KB5073696".to_owned(), "6.3.9600.3".to_owned()),
    ];
    assert_eq!(found, expected);
}

#[test]
fn a_catalogue_of_the_first_format_opens_and_the_next_import_brings_it_up() {
    let place = Place::new();
    let bulletins = place.file("a.json", osv("CVE-1", "2024-01-01", "3"));
    place.import(&[bulletins]).unwrap();
    let first = place.digest();
    let db = rusqlite::Connection::open(place.catalog()).unwrap();
    db.execute_batch(
        "DROP TABLE advisory; DROP TABLE said; DROP TABLE said_before; DROP TABLE build; \
         DROP TABLE prediction; DROP TABLE content_set; DROP INDEX affected_redhat; \
         ALTER TABLE bulletin DROP COLUMN nature; ALTER TABLE import DROP COLUMN spoke; \
               ALTER TABLE import DROP COLUMN met; PRAGMA user_version = 1;",
    )
    .unwrap();
    drop(db);
    let old = place.open();
    assert_eq!((old.digest(), old.products()), (&*first, &[][..]));
    assert_eq!(fix(&old, "CVE-1").as_deref(), Some("3"));
    let server = ProductKey::of("Windows Server 2019");
    assert!(old.product(&server).unwrap().is_none());
    assert!(old.products_of("KB5071544").unwrap().is_empty());
    assert!(old.titles_of("CVE-1").unwrap().is_empty());
    assert!(old.builds("sql server 2019").unwrap().is_empty());
    assert!(old.earlier_fixes(&server, "CVE-1").unwrap().is_empty());
    assert_eq!(old.info().unwrap().feeds.len(), 1);
    place.import(&[place.file("b.xml", DECEMBER)]).unwrap();
    let new = place.open();
    assert_eq!(fix(&new, "CVE-1").as_deref(), Some("3"));
    assert!(new.product(&server).unwrap().is_some());
}

#[test]
fn a_catalogue_that_knows_no_sorts_of_flaws_opens_and_learns_them_from_the_same_documents() {
    let place = Place::new();
    let plain = DECEMBER.replace("CWE-77\"", "\"");
    let plain = plain.replace("Type=\"Impact\"", "Type=\"Other\"");
    let path = place.file("a.xml", plain);
    let vex = fixtures("feeds/redhat-csaf/cve-2023-38545.json");
    let vex = fs::read_to_string(vex).unwrap();
    let other = place.file("b.json", vex.replace("CWE-119", ""));
    place.import(&[path.clone(), other.clone()]).unwrap();
    let before = place.digest();
    let db = rusqlite::Connection::open(place.catalog()).unwrap();
    db.execute_batch(
        "ALTER TABLE bulletin DROP COLUMN nature; ALTER TABLE import DROP COLUMN spoke; \
               ALTER TABLE import DROP COLUMN met; PRAGMA user_version = 3;",
    )
    .unwrap();
    drop(db);
    let server = ProductKey::of("Windows Server 2019");
    let natures = || {
        let catalog = place.open();
        let slice = catalog.product(&server).unwrap().unwrap();
        let flaw = slice.flaw("CVE-2025-54100").unwrap().nature.clone();
        let slice = catalog.slice("Red Hat:enterprise_linux:9::baseos").unwrap();
        let slice = slice.unwrap();
        let bulletin = &slice.affecting("libcurl")[0].bulletin;
        (
            flaw.as_str().to_owned(),
            bulletin.nature.as_str().to_owned(),
        )
    };
    assert_eq!(place.digest(), before);
    assert_eq!(natures(), (String::new(), String::new()));
    place.file("a.xml", DECEMBER);
    place.file("b.json", vex);
    place.import(&[path, other]).unwrap();
    let expected = ("remote_code_execution CWE-77", "CWE-119");
    assert_eq!(natures(), (expected.0.to_owned(), expected.1.to_owned()));
    assert_ne!(place.digest(), before);
    // What it says of a bulletin is covered by the digest.
    let db = rusqlite::Connection::open(place.catalog()).unwrap();
    db.execute_batch("UPDATE bulletin SET nature = 'CWE-1'")
        .unwrap();
    drop(db);
    let slice = place.open().slice("Red Hat:enterprise_linux:9::baseos");
    assert!(slice.is_err());
}

#[test]
fn a_damaged_product_or_title_is_found_and_named() {
    let place = Place::new();
    place.import(&[place.file("a.xml", DECEMBER)]).unwrap();
    let db = rusqlite::Connection::open(place.catalog()).unwrap();
    db.execute_batch(
        "UPDATE said SET page = replace(page, '17763.8146', '17763.8145'); \
         UPDATE advisory SET title = 'nothing';",
    )
    .unwrap();
    drop(db);
    let catalog = place.open();
    let server = ProductKey::of("Windows Server 2019");
    let error = catalog.product(&server).unwrap_err().to_string();
    assert!(
        error.contains("is damaged in the product windows server 2019"),
        "{error}"
    );
    let error = catalog.titles_of("CVE-2025-54100").unwrap_err().to_string();
    assert!(error.contains("the titles of msrc-cvrf"), "{error}");
    assert!(
        catalog
            .product(&ProductKey::of("Windows Server 2012 R2"))
            .unwrap()
            .is_some()
    );
}

fn build(branch: &str, build: &str) -> BuildRow {
    BuildRow {
        product: "sql server 2019".to_owned(),
        branch: branch.to_owned(),
        build: build.to_owned(),
        label: String::new(),
        kb: None,
        released: Date::parse("2025-01-14"),
        supported_until: None,
        is_security: Some(true),
        files: Vec::new(),
        cves: Vec::new(),
    }
}

#[test]
fn builds_are_in_the_order_of_their_numbers_within_a_branch() {
    let rows = [
        ("gdr", "15.0.2130.3"),
        ("cu", "15.0.10000.1"),
        ("cu", "15.0.4430.1"),
    ];
    let rows = rows.map(|(branch, number)| Record::Build(build(branch, number)));
    let catalog = of_records(rows.into_iter().rev());
    let found = catalog.builds("sql server 2019").unwrap();
    let found: Vec<_> = found
        .iter()
        .map(|row| (&*row.branch, &*row.build))
        .collect();
    let expected = [
        ("cu", "15.0.4430.1"),
        ("cu", "15.0.10000.1"),
        ("gdr", "15.0.2130.3"),
    ];
    assert_eq!(found, expected);
    assert!(catalog.builds("sql server 2099").unwrap().is_empty());
    let info = catalog.info().unwrap();
    assert_eq!((info.builds.len(), info.builds[0].records), (1, 3));
    assert_eq!(info.feeds[0].newest, Date::parse("2025-01-14"));
}

#[test]
fn estimates_stand_beside_the_flaws_and_the_newest_day_counts() {
    let estimate = |cve: &str, score, day: &str| {
        Record::Prediction(ExploitPrediction {
            cve: cve.to_owned(),
            score: Epss(score),
            day: Date::parse(day),
        })
    };
    let mut records = vec![
        estimate("CVE-2025-54100", 2, "2026-07-02"),
        estimate("CVE-2025-54100", 1, "2026-07-01"),
        estimate("CVE-2017-0144", 94_000, "2026-07-01"),
        estimate("not a CVE", 5, "2026-07-09"),
    ];
    let mut doc = DECEMBER.as_bytes();
    let cvrf = feed("msrc-cvrf");
    cvrf.read(&mut doc, &mut |record| records.push(record))
        .unwrap();
    let catalog = of_records(records);
    let slice = product(&catalog, "Windows Server 2019");
    assert_eq!(slice.flaw("CVE-2025-54100").unwrap().epss, Some(Epss(2)));
    let office = product(&catalog, "Microsoft Office 2016 (64-bit edition)");
    assert_eq!(office.flaw("CVE-2025-62554").unwrap().epss, None);
    let info = catalog.info().unwrap();
    let epss = info.feeds.iter().find(|feed| feed.feed == "epss").unwrap();
    assert_eq!((epss.records, epss.newest), (2, Date::parse("2026-07-02")));
}
