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

/// Every full feed of Linux: a folder of real ones that `UNDERDESK_FEEDS` names, or one of the same
/// number and shape of records. The goal for both: ten seconds.
#[divan::bench(sample_count = 1)]
fn import_whole_set(bencher: Bencher) {
    let real = std::env::var_os("UNDERDESK_FEEDS").map(PathBuf::from);
    let made = real.is_none().then(whole_set);
    let feeds = real.or_else(|| made.as_ref().map(|folder| folder.path().to_owned()));
    let feeds = feeds.unwrap();
    bencher
        .with_inputs(|| TempDir::new().unwrap())
        .bench_values(|folder| catalogue(&feeds, &folder));
}

/// Debian's 44,000 records, `AlmaLinux`'s 5,700 with a dozen packages each, SUSE's 23,000 with their lists
/// of binaries, Amazon's 5,400 updates and Alpine's 30,000 fixes.
fn whole_set() -> TempDir {
    let folder = TempDir::new().unwrap();
    for (name, text) in [
        ("debian.jsonl", debian()),
        ("alma.jsonl", alma()),
        ("suse.jsonl", suse()),
        ("amazon.xml", amazon()),
        ("secdb.json", secdb()),
    ] {
        fs::write(folder.path().join(name), text).unwrap();
    }
    folder
}

/// A record of OSV.
fn record(id: &str, affected: &[String]) -> String {
    let details = "A sentence about the flaw, of the usual length. ".repeat(10);
    let affected = affected.join(",");
    format!(
        r#"{{"id":"{id}","summary":"Important: a security update","modified":"2024-12-05T15:36:26Z","published":"2023-10-25T18:17:43Z","details":"{details}","related":["CVE-2024-1"],"affected":[{affected}]}}"#
    )
}

/// What a record affects.
fn affected(ecosystem: &str, package: &str, fixed: &str, specific: &str) -> String {
    format!(
        r#"{{"package":{{"ecosystem":"{ecosystem}","name":"{package}"}},"ranges":[{{"type":"ECOSYSTEM","events":[{{"introduced":"0"}},{{"fixed":"{fixed}"}}]}}],"ecosystem_specific":{specific}}}"#
    )
}

fn debian() -> String {
    let mut text = String::new();
    for number in 0..44_000 {
        let package = format!("package-{}", number % 3000);
        let urgency = r#"{"urgency":"not yet assigned"}"#;
        let releases = [11, 12, 13].map(|release| {
            let fixed = format!("1.{number}-{release}");
            affected(&format!("Debian:{release}"), &package, &fixed, urgency)
        });
        writeln!(text, "{}", record(&format!("CVE-2024-{number}"), &releases)).unwrap();
    }
    text
}

fn alma() -> String {
    let mut text = String::new();
    for number in 0..5_700 {
        let packages: Vec<_> = (0..12)
            .map(|part| {
                let package = format!("package-{}-{part}", number % 500);
                affected("AlmaLinux:9", &package, &format!("1.{number}-1.el9"), "{}")
            })
            .collect();
        writeln!(
            text,
            "{}",
            record(&format!("ALSA-2024:{number}"), &packages)
        )
        .unwrap();
    }
    text
}

fn suse() -> String {
    let mut text = String::new();
    for number in 0..23_000 {
        let fixed = format!("1.{number}-150500.1.1");
        let binaries: Vec<_> = (0..15)
            .map(|part| format!(r#""package-{}-{part}":"{fixed}""#, number % 900))
            .collect();
        let list = format!(r#"{{"binaries":[{{{}}}]}}"#, binaries.join(","));
        let packs = [4, 5].map(|pack| {
            let ecosystem = format!("SUSE:Linux Enterprise Server 15 SP{pack}");
            affected(&ecosystem, "package", &fixed, &list)
        });
        writeln!(
            text,
            "{}",
            record(&format!("SUSE-SU-2024:{number}-1"), &packs)
        )
        .unwrap();
    }
    text
}

fn secdb() -> String {
    let packages: Vec<_> = (0..3_000)
        .map(|package| {
            let fixes: Vec<_> = (0..10)
                .map(|fix| format!(r#""1.{fix}-r0":["CVE-2024-{package}{fix}"]"#))
                .collect();
            let fixes = fixes.join(",");
            format!(r#"{{"pkg":{{"name":"package-{package}","secfixes":{{{fixes}}}}}}}"#)
        })
        .collect();
    format!(
        r#"{{"apkurl":"","reponame":"main","urlprefix":"","distroversion":"v3.19","packages":[{}]}}"#,
        packages.join(",")
    )
}

fn amazon() -> String {
    let mut text = String::from("<updates>");
    for number in 0..5_400 {
        write!(text, r#"<update from="linux-security@amazon.com" type="security"><id>ALAS2-2024-{number}</id><title>An update</title><issued date="2024-01-01 00:00"/><severity>important</severity><description>{}</description><references><reference id="CVE-2024-{number}" href="https://cve.test/" type="cve"/></references><pkglist><collection short="amazon-linux-2">"#, "Words. ".repeat(100)).unwrap();
        for part in 0..10 {
            for arch in ["x86_64", "aarch64", "i686"] {
                let package = number % 400;
                write!(text, r#"<package name="package-{package}-{part}" version="1.{number}" release="1.amzn2" epoch="0" arch="{arch}"><filename>a.rpm</filename></package>"#).unwrap();
            }
        }
        text.push_str("</collection></pkglist></update>");
    }
    text + "</updates>"
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
