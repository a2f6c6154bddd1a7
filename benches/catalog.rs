//! How long an import takes, and how long it takes to load a slice.

#![expect(
    clippy::unwrap_used,
    reason = "a benchmark that cannot run has nothing to say"
)]

use divan::Bencher;
use divan::counter::ItemsCount;
use std::fmt::Write as _;
use std::fs;
use std::path::PathBuf;
use tempfile::TempDir;
use underdesk::catalog::{Catalog, import};
use underdesk::model::UtcTime;

fn main() {
    divan::main();
}

const RECORDS: usize = 10_000;

/// A folder with one file of OSV records, shaped like Debian's: three releases, long details.
fn records() -> (TempDir, PathBuf) {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("records.jsonl");
    let details = "A sentence about the flaw, of the usual length. ".repeat(20);
    let mut text = String::new();
    for number in 0..RECORDS {
        let package = number % 500;
        let affected: Vec<_> = (11..14).map(|release| format!(
            r#"{{"package":{{"ecosystem":"Debian:{release}","name":"package-{package}"}},"ranges":[{{"type":"ECOSYSTEM","events":[{{"introduced":"0"}},{{"fixed":"1.{number}-{release}"}}]}}],"versions":["1.0-1","1.1-1","1.2-1"],"ecosystem_specific":{{"urgency":"not yet assigned"}}}}"#
        )).collect();
        let affected = affected.join(",");
        writeln!(text, r#"{{"id":"DEBIAN-CVE-2024-{number}","modified":"2024-12-05T15:36:26.006221Z","published":"2023-10-25T18:17:43Z","details":"{details}","severity":[{{"type":"CVSS_V3","score":"CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:N/A:N"}}],"affected":[{affected}]}}"#).unwrap();
    }
    fs::write(&path, text).unwrap();
    (folder, path)
}

fn catalogue(records: &PathBuf, folder: &TempDir) -> PathBuf {
    let into = folder.path().join("catalog.sqlite");
    import(std::slice::from_ref(records), &into, UtcTime::from_unix(0)).unwrap();
    into
}

/// Into a new catalogue.
#[divan::bench(sample_count = 5)]
fn import_osv(bencher: Bencher) {
    let (_folder, records) = records();
    let bencher = bencher.counter(ItemsCount::new(RECORDS));
    bencher
        .with_inputs(|| TempDir::new().unwrap())
        .bench_values(|folder| catalogue(&records, &folder));
}

/// Into a catalogue that has all of it already.
#[divan::bench(sample_count = 5)]
fn import_osv_again(bencher: Bencher) {
    let (folder, records) = records();
    catalogue(&records, &folder);
    let bencher = bencher.counter(ItemsCount::new(RECORDS));
    bencher.bench(|| catalogue(&records, &folder));
}

/// One release, its digest checked.
#[divan::bench(sample_count = 20)]
fn load_slice(bencher: Bencher) {
    let (folder, records) = records();
    let path = catalogue(&records, &folder);
    let bencher = bencher.counter(ItemsCount::new(RECORDS));
    bencher
        .with_inputs(|| Catalog::open(&path).unwrap())
        .bench_values(|catalog| catalog.slice("Debian:12").unwrap().unwrap());
}
