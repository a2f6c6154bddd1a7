//! What only feeds of Linux and Unix bring: archives of documents, repositories, records that take back.

use super::*;

#[test]
fn an_archive_is_imported_document_by_document() {
    let place = Place::new();
    let mut archive = tar::Builder::new(bzip2::write::BzEncoder::new(
        Vec::new(),
        bzip2::Compression::fast(),
    ));
    archive
        .append_dir_all("vex", fixtures("feeds/redhat-csaf"))
        .unwrap();
    let packed = archive.into_inner().unwrap().finish().unwrap();
    let report = place.import(&[place.file("vex.tar.bz2", packed)]).unwrap();
    assert_eq!((report.documents, report.feeds[0].read), (4, 4));
    let slice = place.open().slice("Red Hat:rhel_eus:9.0::baseos").unwrap();
    let slice = slice.unwrap();
    let [curl] = slice.affecting("libcurl") else {
        panic!("no libcurl");
    };
    assert_eq!(curl.scope.arches, ["aarch64", "x86_64"]);
}

#[test]
fn an_archive_cut_short_changes_nothing() {
    let place = Place::new();
    let mut archive = tar::Builder::new(Vec::new());
    archive
        .append_dir_all("vex", fixtures("feeds/redhat-csaf"))
        .unwrap();
    let whole = archive.into_inner().unwrap();
    let path = place.file("vex.tar", &whole[..whole.len() / 2]);
    let error = place.import(std::slice::from_ref(&path)).unwrap_err();
    assert!(chain(&error).contains("vex.tar!vex/"), "{error:?}");
    assert!(!place.catalog().exists());
}

#[test]
fn repositories_and_their_streams_are_kept() {
    let place = Place::new();
    let path = fixtures("feeds/redhat-content-sets");
    place.import(std::slice::from_ref(&path)).unwrap();
    let digest = place.digest();
    let catalog = place.open();
    let sets = catalog.content_sets().unwrap();
    assert_eq!(sets.len(), 3);
    let appstream = &sets["rhel-9-for-x86_64-appstream-rpms"];
    assert_eq!(appstream, &["Red Hat:enterprise_linux:9::appstream"]);
    let report = place.import(&[path]).unwrap();
    assert_eq!((report.feeds[0].unchanged, report.digest), (3, digest));
}

#[test]
fn a_file_of_the_format_before_repositories_opens_and_is_written_on() {
    let place = Place::new();
    place.import(&package_feeds()).unwrap();
    let digest = place.digest();
    let db = rusqlite::Connection::open(place.catalog()).unwrap();
    let old = "DROP TABLE content_set; DROP INDEX affected_redhat; \
               ALTER TABLE bulletin DROP COLUMN nature; ALTER TABLE import DROP COLUMN spoke; \
               ALTER TABLE import DROP COLUMN met; PRAGMA user_version = 2;";
    db.execute_batch(old).unwrap();
    drop(db);
    assert_eq!(place.digest(), digest);
    assert!(place.open().content_sets().unwrap().is_empty());
    let path = fixtures("feeds/redhat-content-sets");
    place.import(&[path]).unwrap();
    assert_eq!(place.open().content_sets().unwrap().len(), 3);
}

#[test]
fn a_repository_that_was_altered_is_found() {
    let place = Place::new();
    let path = fixtures("feeds/redhat-content-sets");
    place.import(&[path]).unwrap();
    let db = rusqlite::Connection::open(place.catalog()).unwrap();
    db.execute_batch("UPDATE content_set SET ecosystems = 'Debian:12'")
        .unwrap();
    let error = place.open().content_sets().unwrap_err();
    assert!(error.to_string().contains("content_set"), "{error}");
}

/// Red Hat's word on one component of RHEL.
fn vex(cpe: &str, status: &str, changed: &str) -> String {
    format!(
        r#"{{"document":{{"csaf_version":"2.0","publisher":{{"namespace":"https://www.redhat.com"}},
        "tracking":{{"id":"CVE-2024-1","current_release_date":"{changed}T00:00:00Z"}}}},
        "product_tree":{{"branches":[{{"product":{{"product_id":"r","product_identification_helper":{{"cpe":"{cpe}"}}}}}},
        {{"product":{{"product_id":"p","product_identification_helper":{{"purl":"pkg:rpm/redhat/curl@1-2?arch=x86_64"}}}}}}],
        "relationships":[{{"full_product_name":{{"product_id":"r:p"}},"product_reference":"p","relates_to_product_reference":"r"}}]}},
        "vulnerabilities":[{{"cve":"CVE-2024-1","product_status":{{"{status}":["r:p"]}}}}]}}"#
    )
}

#[test]
fn what_a_newer_record_leaves_out_is_taken_back_in_every_release() {
    const MAJOR: &str = "Red Hat:enterprise_linux:9";
    const BASE: &str = "Red Hat:enterprise_linux:9::baseos";
    let count = |place: &Place, ecosystem: &str| {
        let slice = place.open().slice(ecosystem).unwrap();
        slice.map_or(0, |slice| slice.affecting("curl").len())
    };
    let place = Place::new();
    let unfixed = vex(
        "cpe:/o:redhat:enterprise_linux:9",
        "known_affected",
        "2024-02-01",
    );
    let unfixed = place.file("a.json", unfixed);
    let fixed = vex(
        "cpe:/o:redhat:enterprise_linux:9::baseos",
        "fixed",
        "2024-02-02",
    );
    let fixed = place.file("b.json", fixed);
    place.import(std::slice::from_ref(&unfixed)).unwrap();
    assert_eq!((count(&place, MAJOR), count(&place, BASE)), (1, 0));
    place.import(std::slice::from_ref(&fixed)).unwrap();
    assert_eq!((count(&place, MAJOR), count(&place, BASE)), (0, 1));
    assert_eq!(place.open().history(MAJOR, "CVE-2024-1").unwrap().len(), 1);
    // Nor does the older document bring it back.
    let report = place.import(&[unfixed]).unwrap();
    assert_eq!(report.feeds[0].older, 1);
    assert_eq!((count(&place, MAJOR), count(&place, BASE)), (0, 1));
}

#[test]
fn a_release_whose_support_has_ended_is_not_clean_and_its_pockets_are_apart() {
    let place = Place::new();
    place.import(&[fixtures("feeds/ubuntu-tracker")]).unwrap();
    let catalog = place.open();
    let status = |ecosystem: &str| {
        let slice = catalog.slice(ecosystem).unwrap().unwrap();
        slice.affecting("linux")[0].status
    };
    assert_eq!(status("Ubuntu:16.04:LTS"), FixStatus::EndOfLife);
    assert_eq!(status("Ubuntu:14.04:LTS"), FixStatus::EndOfLife);
    assert_eq!(status("Ubuntu:Pro:16.04:LTS"), FixStatus::Stated);
    assert_eq!(status("Ubuntu:22.04:LTS"), FixStatus::Stated);
}

#[test]
fn the_built_in_dates_know_every_distribution_by_the_names_of_os_release() {
    let catalog = Catalog::starter().unwrap();
    let ends = [
        ("rhel", "6.10", "2020-11-30"),
        ("rhel", "10.1", "2035-05-31"),
        ("centos", "7", "2024-06-30"),
        ("centos-stream", "9", "2027-05-31"),
        ("almalinux", "9.6", "2032-05-31"),
        ("rocky", "8.10", "2029-05-31"),
        ("ol", "7.9", "2024-12-31"),
        ("amzn", "2018.03", "2023-12-31"),
        ("amzn", "2", "2026-06-30"),
        ("fedora", "40", "2025-05-13"),
        ("sles", "15.5", "2024-12-31"),
        ("opensuse-leap", "15.6", "2026-04-30"),
        ("alpine", "3.19.1", "2025-11-01"),
        ("freebsd", "14.1", "2025-03-31"),
        ("macos", "13.7.2", "2025-09-15"),
        ("linuxmint", "21.3", "2027-04-30"),
        ("photon", "4.0", "2027-10-11"),
        ("ubuntu", "16.04", "2021-04-30"),
        ("debian", "10", "2024-06-30"),
    ];
    for (id, version, end) in ends {
        let row = catalog.lifecycle(id, version);
        let found = row
            .and_then(|row| row.end_of_life)
            .map(|day| day.to_string());
        assert_eq!(found.as_deref(), Some(end), "{id} {version}");
    }
    assert_eq!(catalog.lifecycle("fedora", "99"), None);
}
