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
use underdesk::model::{ProductKey, UtcTime};

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

/// Five years of Microsoft's months, each of its usual size.
const MONTHS: usize = 60;
const FLAWS: usize = 80;
const PRODUCTS: usize = 30;

/// A folder with documents shaped like Microsoft's: every flaw in every product, one update a product and
/// month.
fn months() -> TempDir {
    let folder = TempDir::new().unwrap();
    let names = [
        "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
    ];
    for number in 0..MONTHS {
        let month = names.get(number % 12).unwrap();
        let name = format!("{}-{month}", 2016 + number / 12);
        fs::write(folder.path().join(&name), document(&name, number)).unwrap();
    }
    folder
}

fn document(name: &str, number: usize) -> String {
    let mut text = format!(
        "<cvrfdoc><DocumentTracking><Identification><ID>{name}</ID></Identification></DocumentTracking><ProductTree>"
    );
    for product in 0..PRODUCTS {
        write!(
            text,
            "<FullProductName ProductID=\"{product}\">Windows Server {product}</FullProductName>"
        )
        .unwrap();
    }
    text.push_str("</ProductTree>");
    let mut ids = String::new();
    for product in 0..PRODUCTS {
        writeln!(ids, "<ProductID>{product}</ProductID>").unwrap();
    }
    for flaw in 0..FLAWS {
        write!(text, "<Vulnerability><Title>A flaw</Title><CVE>CVE-2016-{number}{flaw:04}</CVE><ProductStatuses><Status Type=\"Known Affected\">{ids}</Status></ProductStatuses><Threats>").unwrap();
        for product in 0..PRODUCTS {
            write!(text, "<Threat Type=\"Impact\"><Description>Spoofing</Description><ProductID>{product}</ProductID></Threat><Threat Type=\"Severity\"><Description>Important</Description><ProductID>{product}</ProductID></Threat>").unwrap();
        }
        text.push_str("</Threats><Remediations>");
        for product in 0..PRODUCTS {
            let kb = 4_000_000 + number * 100 + product;
            write!(text, "<Remediation Type=\"Vendor Fix\"><Description>{kb}</Description><URL>https://catalog.test/Search.aspx?q=KB{kb}</URL><Supercedence>{}</Supercedence><ProductID>{product}</ProductID><RestartRequired>Yes</RestartRequired><SubType>Security Update</SubType><FixedBuild>10.0.{product}.{number}</FixedBuild></Remediation>", kb - 100).unwrap();
        }
        text.push_str("</Remediations></Vulnerability>");
    }
    text.push_str("</cvrfdoc>");
    text
}

/// Into a new catalogue.
#[divan::bench(sample_count = 3)]
fn import_cvrf(bencher: Bencher) {
    let months = months();
    let bencher = bencher.counter(ItemsCount::new(MONTHS * FLAWS));
    bencher
        .with_inputs(|| TempDir::new().unwrap())
        .bench_values(|folder| catalogue(&months.path().to_owned(), &folder));
}

/// To see that it is whole, and what it has: at most 50 ms.
#[divan::bench(sample_count = 20)]
fn open(bencher: Bencher) {
    let months = months();
    let folder = TempDir::new().unwrap();
    let path = catalogue(&months.path().to_owned(), &folder);
    bencher.bench(|| Catalog::open(&path).unwrap());
}

/// One product, its digest checked.
#[divan::bench(sample_count = 20)]
fn load_product(bencher: Bencher) {
    let months = months();
    let folder = TempDir::new().unwrap();
    let path = catalogue(&months.path().to_owned(), &folder);
    let key = ProductKey::of("Windows Server 7");
    let bencher = bencher.counter(ItemsCount::new(MONTHS * FLAWS));
    bencher
        .with_inputs(|| Catalog::open(&path).unwrap())
        .bench_values(|catalog| catalog.product(&key).unwrap().unwrap());
}
