//! The catalogue as a whole: documents in, slices out.

mod age;
mod folders;
mod linux;
mod products;

use super::*;
use crate::model::{FixStatus, KnownExploited, ProductKey};
use std::fs;
use std::io::Write as _;
use tempfile::TempDir;

/// A folder with documents and a catalogue.
struct Place(TempDir);

impl Place {
    fn new() -> Self {
        Self(TempDir::new().unwrap())
    }

    fn file(&self, name: &str, content: impl AsRef<[u8]>) -> PathBuf {
        let path = self.0.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, content).unwrap();
        path
    }

    fn zip(&self, name: &str, members: &[(&str, &str)]) -> PathBuf {
        let mut zip = zip::ZipWriter::new(std::io::Cursor::new(Vec::new()));
        for (name, content) in members {
            let options = zip::write::SimpleFileOptions::default();
            zip.start_file(*name, options).unwrap();
            zip.write_all(content.as_bytes()).unwrap();
        }
        self.file(name, zip.finish().unwrap().into_inner())
    }

    fn catalog(&self) -> PathBuf {
        self.0.path().join("catalog.sqlite")
    }

    fn import(&self, paths: &[PathBuf]) -> Result<ImportReport, ImportError> {
        import(paths, &self.catalog(), day(1))
    }

    fn open(&self) -> Catalog {
        Catalog::open(&self.catalog()).unwrap()
    }

    fn digest(&self) -> String {
        self.open().digest().to_owned()
    }
}

fn day(day: u8) -> UtcTime {
    UtcTime::parse(&format!("2026-11-{day:02}T00:00:00Z")).unwrap()
}

/// An OSV record: fixed in a version in Debian 12.
fn osv(id: &str, modified: &str, fixed: &str) -> String {
    format!(
        r#"{{"id":"{id}","modified":"{modified}T00:00:00Z","affected":[{{"package":{{"ecosystem":"Debian:12","name":"openssl"}},"ranges":[{{"type":"ECOSYSTEM","events":[{{"introduced":"0"}},{{"fixed":"{fixed}"}}]}}]}}]}}"#
    )
}

fn fix(catalog: &Catalog, id: &str) -> Option<String> {
    let slice = catalog.slice("Debian:12").unwrap()?;
    let mut entries = slice.affecting("openssl").iter();
    let entry = entries.find(|entry| entry.bulletin.id.as_str() == id)?;
    entry.ranges[0].fixed.clone()
}

fn fixtures(folder: &str) -> PathBuf {
    let root = concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/");
    Path::new(root).join(folder)
}

/// The documents about flaws of publishers.
fn package_feeds() -> [PathBuf; 4] {
    ["debian-tracker", "kev", "msrc-cvrf", "osv"].map(|feed| fixtures("feeds").join(feed))
}

/// An error with its causes, as the user sees it.
fn chain(error: &dyn std::error::Error) -> String {
    let causes = std::iter::successors(error.source(), |cause| cause.source());
    let texts = causes.map(ToString::to_string);
    [error.to_string()]
        .into_iter()
        .chain(texts)
        .collect::<Vec<_>>()
        .join(": ")
}

#[test]
fn a_folder_of_every_format_is_imported_and_matched_by_release() {
    let place = Place::new();
    let report = place.import(&package_feeds()).unwrap();
    let feeds: Vec<_> = report
        .feeds
        .iter()
        .map(|feed| (&*feed.feed, feed.read))
        .collect();
    assert_eq!(
        feeds,
        [
            ("debian-tracker", 7),
            ("kev", 2),
            ("msrc-cvrf", 5),
            ("osv", 11),
        ]
    );
    assert!(
        report
            .problems
            .iter()
            .any(|text| text.contains("CVE-2099-0002")),
        "{report:?}"
    );
    let catalog = place.open();
    assert_eq!(report.digest, catalog.digest());
    assert_eq!(catalog.imported(), Some(day(1)));
    // The tracker speaks of bookworm, OSV of Debian:12.
    let slice = catalog.slice("Debian:12").unwrap().unwrap();
    let statuses = slice.affecting("openssl").iter().map(|entry| entry.status);
    let expected = [
        FixStatus::Stated,
        FixStatus::Postponed,
        FixStatus::NotAffected,
        FixStatus::WontFix,
    ];
    assert_eq!(statuses.collect::<Vec<_>>(), expected);
    let known = slice
        .kev("CVE-2017-7494")
        .is_some_and(|known: &KnownExploited| known.ransomware);
    assert!(known && slice.kev("CVE-2023-5363").is_none());
    // The same id in two releases is two entries, each in its slice.
    let packages = |ecosystem| {
        let slice = catalog.slice(ecosystem).unwrap().unwrap();
        slice.affecting("openssh-server")[0].ranges[0]
            .fixed
            .clone()
            .unwrap()
    };
    assert_eq!(packages("AlmaLinux:9"), "8.7p1-38.el9_4.1");
    assert_eq!(packages("AlmaLinux:8"), "8.0p1-24.el8");
}

#[test]
fn an_ecosystem_nobody_speaks_of_is_not_an_empty_slice() {
    let place = Place::new();
    place
        .import(&[place.file("a.json", osv("CVE-1", "2024-01-01", "3"))])
        .unwrap();
    assert!(place.open().slice("Debian:99").unwrap().is_none());
}

#[test]
fn the_same_content_has_the_same_digest_in_any_order_on_any_day() {
    let (one, two) = (Place::new(), Place::new());
    let documents = |place: &Place| {
        [
            place.file("a.json", osv("CVE-1", "2024-01-01", "3")),
            place.file("b.json", osv("CVE-2", "2024-01-01", "3")),
            place.file("b2.json", osv("CVE-2", "2024-02-01", "4")),
            fixtures("feeds/kev"),
        ]
    };
    let documents = (documents(&one), documents(&two));
    import(&documents.0, &one.catalog(), day(1)).unwrap();
    for document in documents.1.iter().rev() {
        import(std::slice::from_ref(document), &two.catalog(), day(2)).unwrap();
    }
    assert_eq!(one.digest(), two.digest());
    assert_eq!(fix(&two.open(), "CVE-2").as_deref(), Some("4"));
    let report = import(&documents.0, &one.catalog(), day(3)).unwrap();
    assert_eq!(report.digest, two.digest());
    let osv = &report.feeds[1];
    assert_eq!(
        (osv.unchanged, osv.older, osv.added + osv.changed),
        (2, 1, 0)
    );
}

#[test]
fn a_changed_fix_keeps_the_earlier_one() {
    let place = Place::new();
    let old = place.file("old.json", osv("DEBIAN-CVE-2024-1", "2024-01-01", "3.0-1"));
    let new = place.file("new.json", osv("CVE-2024-1", "2024-02-01", "3.0-2"));
    import(&[old], &place.catalog(), day(1)).unwrap();
    import(&[new], &place.catalog(), day(2)).unwrap();
    let catalog = place.open();
    assert_eq!(fix(&catalog, "CVE-2024-1").as_deref(), Some("3.0-2"));
    let history = catalog.history("Debian:12", "CVE-2024-1").unwrap();
    assert_eq!(history.len(), 1);
    assert_eq!(
        (history[0].until, &*history[0].package),
        (day(2), "openssl")
    );
    assert_eq!(history[0].ranges[0].fixed.as_deref(), Some("3.0-1"));
}

#[test]
fn a_withdrawn_bulletin_is_kept_and_says_so() {
    let place = Place::new();
    let record = osv("CVE-1", "2024-01-01", "3");
    place.import(&[place.file("a.json", &record)]).unwrap();
    let withdrawn = record.replace(
        r#""modified":"2024-01-01"#,
        r#""withdrawn":"2024-03-01T00:00:00Z","modified":"2024-03-01"#,
    );
    place.import(&[place.file("a.json", withdrawn)]).unwrap();
    let catalog = place.open();
    let slice = catalog.slice("Debian:12").unwrap().unwrap();
    let [entry] = slice.affecting("openssl") else {
        panic!("{slice:?}")
    };
    assert_eq!(
        entry.bulletin.withdrawn,
        UtcTime::parse("2024-03-01T00:00:00Z")
    );
    assert_eq!(catalog.history("Debian:12", "CVE-1").unwrap().len(), 1);
}

#[test]
fn archives_are_recognised_by_content_and_not_by_name() {
    let place = Place::new();
    let record = osv("CVE-1", "2024-01-01", "3");
    let mut gz = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    gz.write_all(record.as_bytes()).unwrap();
    let options = lzma_rust2::XzOptions::with_preset(0);
    let mut xz = lzma_rust2::XzWriter::new(Vec::new(), options).unwrap();
    xz.write_all(record.as_bytes()).unwrap();
    let level = ruzstd::encoding::CompressionLevel::Fastest;
    let zst = ruzstd::encoding::compress_to_vec(record.as_bytes(), level);
    let given = [
        place.file("one", &record),
        place.file("two.txt", gz.finish().unwrap()),
        place.file("three.json", xz.finish().unwrap()),
        place.file("four.zip", zst),
        place.zip("five.gz", &[("a/CVE-1.json", &record)]),
    ];
    let mut digests: Vec<_> = given
        .iter()
        .map(|path| {
            let _ = fs::remove_file(place.catalog());
            place.import(std::slice::from_ref(path)).unwrap().digest
        })
        .collect();
    digests.dedup();
    assert_eq!(digests.len(), 1);
}

#[test]
fn the_first_import_makes_the_folder() {
    let place = Place::new();
    let file = place.file("one.json", osv("CVE-1", "2024-01-01", "3"));
    let into = place.0.path().join("share/underdesk/catalog.db");
    import(&[file], &into, UtcTime::from_unix(0)).unwrap();
    assert!(into.exists());
}

/// What fails, and what the message has to say.
fn refused(place: &Place, path: &Path, expected: &[&str]) {
    let before = fs::read(place.catalog()).ok();
    let good = place.file("good.json", osv("CVE-9", "2024-01-01", "9"));
    let error = place.import(&[good, path.to_owned()]).unwrap_err();
    let text = chain(&error);
    for word in expected {
        assert!(text.contains(word), "`{word}` is not in: {text}");
    }
    assert_eq!(fs::read(place.catalog()).ok(), before, "{text}");
    let names = fs::read_dir(place.0.path())
        .unwrap()
        .map(|entry| entry.unwrap().file_name());
    let left = names.filter(|name| name.to_string_lossy().contains("importing"));
    assert_eq!(left.count(), 0);
}

#[test]
fn whatever_is_wrong_leaves_the_old_catalogue_and_says_what_and_where() {
    for with_catalog in [false, true] {
        let place = Place::new();
        let record = osv("CVE-1", "2024-01-01", "3");
        if with_catalog {
            place.import(&[place.file("first.json", &record)]).unwrap();
        }
        let cut = record.strip_suffix("]}]}").unwrap();
        let path = place.zip("cut.zip", &[("a.json", &record), ("b.json", cut)]);
        refused(
            &place,
            &path,
            &["cut.zip!b.json", "does not read", "line 1 column"],
        );
        let path = place.file("cut.json", cut);
        refused(&place, &path, &["cut.json", "EOF", "line 1"]);
        let path = place.zip("none.zip", &[]);
        refused(&place, &path, &["none.zip is empty"]);
        let path = place.file("null", "");
        refused(&place, &path, &["null is empty"]);
        let path = place.file("text.txt", "good morning");
        refused(&place, &path, &["text.txt is no document", "osv"]);
        let whole = fs::read(place.zip("whole.zip", &[("a.json", &record)])).unwrap();
        let path = place.file("half.zip", &whole[..whole.len() / 2]);
        refused(&place, &path, &["half.zip", "damaged or cut short"]);
        let path = place.file("npm.json", record.replace("Debian:12", "npm"));
        refused(
            &place,
            &path,
            &["npm.json has nothing in it", "none of an ecosystem"],
        );
        let path = place.file("bad.json", record.replace("2024-01-01", "soon"));
        refused(&place, &path, &["bad.json", "modified is no RFC 3339 time"]);
        refused(
            &place,
            Path::new("/nonexistent/x"),
            &["cannot read /nonexistent/x"],
        );
    }
}

#[test]
fn an_archive_that_unpacks_without_end_is_refused() {
    let place = Place::new();
    let record = osv("CVE-1", "2024-01-01", "3");
    let padded = format!("{record}{}", " ".repeat(3 << 20));
    let path = place.zip("bomb.zip", &[("a.json", &record), ("b.json", &padded)]);
    let limits = Limits {
        document_bytes: 1 << 20,
        ..Limits::default()
    };
    let error = import_within(&[path], &place.catalog(), day(1), limits).unwrap_err();
    let text = chain(&error);
    assert!(
        text.contains("bomb.zip!b.json") && text.contains("more than 1048576 bytes"),
        "{text}"
    );
    assert!(!place.catalog().exists());
}

#[test]
fn one_text_without_end_is_refused_for_what_it_is() {
    let place = Place::new();
    let record = osv("CVE-1", "2024-01-01", "3");
    let (start, _) = record.split_once("\"affected\"").unwrap();
    // Longer than what is read at once.
    let endless = format!("{start}\"details\":\"{}", "a".repeat(48 << 20));
    let path = place.zip("bomb.zip", &[("a.json", &endless)]);
    let limits = Limits {
        document_bytes: 40 << 20,
        ..Limits::default()
    };
    let error = import_within(&[path], &place.catalog(), day(1), limits).unwrap_err();
    let text = chain(&error);
    assert!(text.contains("more than 41943040 bytes"), "{text}");
    assert!(!place.catalog().exists());
}

#[test]
fn what_a_killed_import_left_is_taken_over() {
    let place = Place::new();
    place
        .import(&[place.file("a.json", osv("CVE-1", "2024-01-01", "3"))])
        .unwrap();
    place.file("catalog.sqlite.importing", "half a database");
    place
        .import(&[place.file("b.json", osv("CVE-2", "2024-01-01", "3"))])
        .unwrap();
    let catalog = place.open();
    assert!(fix(&catalog, "CVE-1").is_some() && fix(&catalog, "CVE-2").is_some());
}

#[test]
fn two_imports_at_once_do_not_mix() {
    let place = Place::new();
    let path = place.file("a.json", osv("CVE-1", "2024-01-01", "3"));
    let draft = place.file("catalog.sqlite.importing", "");
    let held = fs::File::open(draft).unwrap();
    held.lock().unwrap();
    let error = place.import(std::slice::from_ref(&path)).unwrap_err();
    assert!(matches!(error, ImportError::Busy { .. }), "{error:?}");
    drop(held);
    place.import(&[path]).unwrap();
}

#[test]
fn an_open_catalogue_stays_as_it_was_during_an_import() {
    let place = Place::new();
    place
        .import(&[place.file("a.json", osv("CVE-1", "2024-01-01", "3"))])
        .unwrap();
    let open = place.open();
    place
        .import(&[place.file("a.json", osv("CVE-1", "2024-02-01", "4"))])
        .unwrap();
    assert_eq!(fix(&open, "CVE-1").as_deref(), Some("3"));
    assert_eq!(fix(&place.open(), "CVE-1").as_deref(), Some("4"));
}

#[test]
fn a_catalogue_that_somebody_made_to_be_run_is_refused() {
    let place = Place::new();
    place
        .import(&[place.file("a.json", osv("CVE-1", "2024-01-01", "3.0.11-1"))])
        .unwrap();
    let db = rusqlite::Connection::open(place.catalog()).unwrap();
    // Whoever looks for a name in it never comes to the end.
    db.execute_batch(
        "ALTER TABLE meta RENAME TO was;
         CREATE VIEW meta AS
         WITH RECURSIVE endless(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM endless)
         SELECT 'digest' || n AS name, n AS value FROM endless;",
    )
    .unwrap();
    drop(db);
    let error = Catalog::open(&place.catalog()).unwrap_err();
    assert!(matches!(error, CatalogError::Database { .. }), "{error:?}");
}

#[test]
fn a_damaged_slice_is_found_and_named() {
    let place = Place::new();
    place
        .import(&[place.file("a.json", osv("CVE-1", "2024-01-01", "3.0.11-1"))])
        .unwrap();
    let bytes = fs::read(place.catalog()).unwrap();
    let at = bytes
        .windows(8)
        .position(|window| window == b"3.0.11-1")
        .unwrap();
    let mut damaged = bytes;
    damaged[at] = b'2';
    fs::write(place.catalog(), damaged).unwrap();
    let error = place.open().slice("Debian:12").unwrap_err();
    let expected = "is damaged in the slice Debian:12";
    assert!(error.to_string().contains(expected), "{error}");
}

#[test]
fn what_is_no_catalogue_is_not_opened() {
    let place = Place::new();
    let open = |path: &Path| Catalog::open(path).unwrap_err();
    let missing = open(&place.catalog());
    assert!(
        matches!(missing, CatalogError::NotFound { .. }),
        "{missing:?}"
    );
    let text = open(&place.file("text", "good morning".repeat(100)));
    assert!(matches!(text, CatalogError::NotACatalog { .. }), "{text:?}");
    let empty = open(&place.file("empty", ""));
    assert!(
        matches!(empty, CatalogError::NotACatalog { .. }),
        "{empty:?}"
    );
    let path = place.file("a.json", osv("CVE-1", "2024-01-01", "3"));
    let text = place.file("text", "good morning".repeat(100));
    let error = import(&[path], &text, day(1)).unwrap_err();
    assert!(
        chain(&error).contains("not an underdesk catalogue"),
        "{error}"
    );
}

#[test]
fn the_starter_catalogue_has_dates_and_what_the_demo_needs() {
    let starter = Catalog::starter().unwrap();
    assert_eq!(starter.imported(), None);
    let sample = starter.slice("Debian:12").unwrap().unwrap();
    assert!(sample.is_sample());
    // Its few flaws that are known to be exploited are there, and that another is not among them says nothing.
    assert!(sample.kev("CVE-2023-4911").is_some() && !sample.lists_exploited());
    let catalog = Catalog::for_demo().unwrap();
    let whole = catalog.slice("Debian:12").unwrap().unwrap();
    assert!(whole.lists_exploited());
    assert!(catalog.imported().is_some());
    assert!(!catalog.slice("Debian:12").unwrap().unwrap().is_sample());
    let info = catalog.info().unwrap();
    assert!(info.problems.is_empty() && info.path.is_none());
    for release in ["Debian:11", "Debian:12", "Debian:13"] {
        assert!(
            catalog.slice(release).unwrap().unwrap().len() > 25,
            "{release}"
        );
    }
    let slice = catalog.slice("Debian:12").unwrap().unwrap();
    let find = |package: &str, id: &str| {
        let entry = slice
            .affecting(package)
            .iter()
            .find(|entry| entry.bulletin.id.as_str() == id);
        entry.unwrap().clone()
    };
    let race = find("openssh", "CVE-2024-6387");
    assert_eq!(race.ranges[0].fixed.as_deref(), Some("1:9.2p1-2+deb12u3"));
    assert_eq!(race.bulletin.cvss_tenths, Some(81));
    assert_eq!(find("zlib", "CVE-2023-45853").status, FixStatus::WontFix);
    assert_eq!(find("openssl", "CVE-2024-13176").ranges[0].fixed, None);
    assert!(slice.kev("CVE-2023-4911").is_some());
    for product in ["2012 R2", "2016", "2022", "2025"] {
        let key = ProductKey::of(&format!("Windows Server {product}"));
        let sample = starter.product(&key).unwrap().unwrap();
        assert!(sample.is_sample() && !sample.lists_exploited());
        let product = catalog.product(&key).unwrap().unwrap();
        assert!(!product.is_sample() && product.flaws().len() > 5, "{key}");
    }
    let eleven = catalog.slice("Debian:11").unwrap().unwrap();
    assert_eq!(eleven.affecting("xen")[0].status, FixStatus::EndOfLife);
    let end = |id, version| {
        catalog
            .lifecycle(id, version)
            .unwrap()
            .end_of_life
            .unwrap()
            .to_string()
    };
    assert_eq!(end("debian", "12"), "2028-06-30");
    assert_eq!(end("ubuntu", "22.04"), "2027-06-01");
    assert_eq!(end("almalinux", "9.6"), "2032-05-31");
    assert!(catalog.lifecycle("debian", "99").is_none());
}

#[test]
fn a_layered_catalogue_has_the_built_in_dates_and_only_its_own_bulletins() {
    let place = Place::new();
    let dates = "version,codename,series,created,release,eol,eol-lts,eol-elts\n\
        12,Bookworm,bookworm,2021-08-14,2023-06-10,2026-07-11,2028-07-31\n";
    let paths = [
        place.file("a.json", osv("CVE-1", "2024-01-01", "3")),
        place.file("debian.csv", dates),
    ];
    place.import(&paths).unwrap();
    let catalog = Catalog::layered(&place.catalog()).unwrap();
    let end = |version| {
        catalog
            .lifecycle("debian", version)
            .unwrap()
            .end_of_life
            .unwrap()
            .to_string()
    };
    assert_eq!((&*end("12"), &*end("11")), ("2028-07-31", "2026-08-31"));
    assert_eq!(catalog.digest(), place.digest());
    let slice = catalog.slice("Debian:12").unwrap().unwrap();
    assert!(slice.affecting("openssh").is_empty());
}

#[test]
fn a_layered_catalogue_adds_an_end_of_extended_support_that_the_file_leaves_out() {
    let place = Place::new();
    let page = "---\npermalink: /windows\nreleases:\n\
        \x20 - releaseCycle: \"7-sp1\"\n    eol: 2020-01-14\n\
        \x20 - releaseCycle: \"10-22h2\"\n    eol: 2026-10-14\n---\n";
    place.import(&[place.file("windows.md", page)]).unwrap();
    let catalog = Catalog::layered(&place.catalog()).unwrap();
    let extended = |version| {
        let dates = catalog.lifecycle("windows", version).unwrap();
        dates.end_of_extended.map(|day| day.to_string())
    };
    assert_eq!(extended("7-sp1").as_deref(), Some("2023-01-10"));
    // It speaks of another end of support, so that ours need not belong to it.
    assert_eq!(extended("10-22h2"), None);
}

#[test]
fn the_pages_about_office_complete_each_other_in_any_order() {
    let pages = fixtures("feeds").join("office-c2r");
    let pages = ["by-date.md", "security.md"].map(|name| pages.join(name));
    let [history, security] = pages;
    let read = |paths: &[PathBuf]| {
        let place = Place::new();
        for path in paths {
            place.import(std::slice::from_ref(path)).unwrap();
        }
        let rows = place.open().builds("office click-to-run").unwrap();
        (rows, place.digest())
    };
    let (rows, digest) = read(&[history.clone(), security.clone()]);
    assert_eq!((rows.clone(), digest), read(&[security, history]));
    let mut rows = rows.iter();
    let newest =
        rows.find(|row| row.branch == "Current Channel" && row.build == "16.0.14131.20320");
    assert_eq!(newest.unwrap().cves, ["CVE-2021-34452", "CVE-2021-34501"]);
}

#[test]
fn info_counts_by_feed_and_release() {
    let place = Place::new();
    place.import(&package_feeds()).unwrap();
    let info = place.open().info().unwrap();
    let feeds: Vec<_> = info
        .feeds
        .iter()
        .map(|feed| (&*feed.feed, feed.records))
        .collect();
    let expected = [
        ("debian-tracker", 7),
        ("kev", 2),
        ("msrc-cvrf", 5),
        ("osv", 10),
    ];
    assert_eq!(feeds, expected);
    let newest = |place: usize| {
        let feed: &FeedInfo = &info.feeds[place];
        (
            feed.newest.map(|day| day.to_string()),
            feed.document.as_deref(),
        )
    };
    assert_eq!(newest(0), (None, None));
    assert_eq!(newest(1), (Some("2023-03-30".to_owned()), None));
    assert_eq!(newest(2), (Some("2025-12-09".to_owned()), Some("2025-Dec")));
    assert_eq!(info.products.len(), 9);
    let slices: Vec<_> = info.slices.iter().map(|slice| &*slice.ecosystem).collect();
    let expected = [
        "AlmaLinux:8",
        "AlmaLinux:9",
        "Alpine:v3.13",
        "Chainguard",
        "Debian:11",
        "Debian:12",
        "Debian:13",
        "Red Hat:rhel_eus:9.2::appstream",
        "Rocky Linux:8",
        "Rocky Linux:9",
        "SUSE:Linux Enterprise Server 11 SP2-LTSS",
        "Ubuntu:22.04:LTS",
        "Wolfi",
    ];
    assert_eq!(slices, expected);
    assert!(
        info.problems
            .iter()
            .any(|line| line.contains("tracker.json")),
        "{info:?}"
    );
}

#[test]
fn a_catalogue_can_be_shared_between_threads() {
    fn shared<T: Send + Sync>() {}
    shared::<Catalog>();
    shared::<Slice>();
}

#[test]
fn a_workbook_is_read_sheet_by_sheet_and_one_of_something_else_is_left_out() {
    use crate::tabular::workbook::tests::book;
    let cell = |text: &str| format!(r#"<c t="inlineStr"><is><t>{text}</t></is></c>"#);
    let row = |cells: &[&str]| -> String {
        let cells: String = cells.iter().map(|text| cell(text)).collect();
        format!("<row>{cells}</row>")
    };
    let header = row(&[
        "Date Posted",
        "Bulletin Id",
        "Affected Product",
        "Component KB",
    ]);
    let bulletin = row(&[
        "39744",
        "MS08-067",
        "Microsoft Windows XP Service Pack 2",
        "958644",
    ]);
    let place = Place::new();
    let ours = place.file(
        "BulletinSearch.xlsx",
        book(&format!("{header}{bulletin}"), ""),
    );
    let other = place.file("Holidays.xlsx", book(&row(&["Who", "When"]), ""));
    let report = place.import(&[ours]).unwrap();
    assert_eq!(
        (&*report.feeds[0].feed, report.feeds[0].read),
        ("bulletin-search", 1)
    );
    let error = chain(&place.import(&[other]).unwrap_err());
    assert!(
        error.contains("Holidays.xlsx!Bulletins: no document of a feed we know"),
        "{error}"
    );
}

#[test]
fn a_slice_knows_how_likely_a_flaw_is_to_be_exploited() {
    let place = Place::new();
    let scores = "#model_version:v2025.03.14,score_date:2025-11-21T12:55:00Z\ncve,epss,percentile\nCVE-2024-0001,0.94321,0.99\n";
    place
        .import(&[
            place.file("scores.csv", scores),
            place.file("a.json", osv("CVE-2024-0001", "2024-01-01", "3")),
        ])
        .unwrap();
    let slice = place.open().slice("Debian:12").unwrap().unwrap();
    assert_eq!(slice.epss("CVE-2024-0001").map(|epss| epss.0), Some(94_321));
    assert_eq!(slice.epss("CVE-2024-0002"), None);
}
