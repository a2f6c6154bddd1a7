//! What is read of folders in which not everything reads.

use super::{Place, osv};
use std::fs;
use std::path::Path;

/// A record of OSV that is a hundred megabytes long.
fn endless(path: &Path) {
    use std::io::Write as _;
    let mut file = std::io::BufWriter::new(fs::File::create(path).unwrap());
    write!(
        file,
        r#"{{"id":"CVE-77","modified":"2024-01-01T00:00:00Z","details":""#
    )
    .unwrap();
    for _ in 0..100 {
        file.write_all(&vec![b'x'; 1 << 20]).unwrap();
    }
    let record = osv("CVE-77", "2024-01-01", "3");
    let rest = record.split_once("Z\",").unwrap().1;
    write!(file, "\",{rest}").unwrap();
}

#[test]
fn of_a_folder_the_rest_is_imported_and_what_is_left_out_is_said_exactly() {
    let place = Place::new();
    fs::create_dir(place.0.path().join("feeds")).unwrap();
    let record = |id: &str| osv(id, "2024-01-01", "3");
    place.file("feeds/a.json", record("CVE-1"));
    let cut = record("CVE-2").strip_suffix("]}]}").unwrap().to_owned();
    place.zip(
        "feeds/b.zip",
        &[
            ("1.json", &record("CVE-3")),
            ("2.json", &cut),
            ("3.json", &record("CVE-4")),
        ],
    );
    let whole = fs::read(place.zip("whole.zip", &[("a.json", &record("CVE-5"))])).unwrap();
    place.file("feeds/c.zip", &whole[..whole.len() / 2]);
    place.file(
        "feeds/d.jsonl",
        [
            record("CVE-6"),
            record("CVE-66").replace("2024-01-01", "soon"),
            record("CVE-7"),
        ]
        .join("\n"),
    );
    endless(&place.0.path().join("feeds/e.json"));
    place.file("feeds/f.json", "");
    place.file("feeds/g.json", record("CVE-8"));
    let report = place.import(&[place.0.path().join("feeds")]).unwrap();
    let catalog = place.open();
    let slice = catalog.slice("Debian:12").unwrap().unwrap();
    assert_eq!(slice.len(), 6, "{report:?}");
    let text = report.problems.join("\n");
    for expected in [
        "feeds/b.zip!2.json is left out: no readable osv document: EOF while parsing a list at line 1",
        "feeds/c.zip is left out: the archive is damaged or cut short",
        "feeds/f.json is left out: there is nothing in it",
        "feeds/d.jsonl: record CVE-66: modified is no RFC 3339 time: `soon",
        "feeds/e.json: record CVE-77: longer than 33554432 bytes",
    ] {
        assert!(text.contains(expected), "`{expected}` is not in:\n{text}");
    }
    assert_eq!(
        (report.documents, report.feeds[0].skipped),
        (6, 2),
        "{report:?}"
    );
}

#[test]
fn what_a_broken_document_of_a_folder_gave_is_taken_back() {
    let place = Place::new();
    fs::create_dir(place.0.path().join("feeds")).unwrap();
    place.file("feeds/a.json", osv("CVE-1", "2024-01-01", "3"));
    let many: Vec<_> = (0..5_000)
        .map(|number| osv(&format!("CVE-{number}"), "2024-01-02", "4"))
        .collect();
    place.file("feeds/b.jsonl", format!("{}\n{{", many.join("\n")));
    let report = place.import(&[place.0.path().join("feeds")]).unwrap();
    let slice = place.open().slice("Debian:12").unwrap().unwrap();
    assert_eq!(slice.len(), 1);
    assert_eq!(report.feeds[0].read, 1, "{report:?}");
    assert!(
        report.problems[0].contains("b.jsonl is left out"),
        "{report:?}"
    );
}
