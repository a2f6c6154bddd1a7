//! The catalogue, and verdicts apart from facts.

use super::{NEW, OLD, desk, flags, network};
use crate::support::{Desk, Site, Table, new_osv, today};
use std::fs;
use std::path::Path;

/// A flaw of a package that every recorded Debian 12 has, made up.
const NEWS: &str = r#"{"schema_version":"1.7.3","id":"DEBIAN-CVE-2099-0001","modified":"2099-01-01T00:00:00Z","published":"2099-01-01T00:00:00Z","upstream":["CVE-2099-0001"],"summary":"made up","affected":[{"package":{"ecosystem":"Debian:12","name":"dpkg"},"ranges":[{"type":"ECOSYSTEM","events":[{"introduced":"0"},{"fixed":"99"}]}]}]}"#;

fn facts(desk: &Desk, folder: &str) -> Vec<Table> {
    let names = ["software.csv", "services.csv", "access.csv", "coverage.csv"];
    let open = |name| Table::open(&desk.path(folder).join(name));
    names.into_iter().map(open).collect()
}

#[test]
fn a_newer_catalogue_changes_verdicts_and_not_facts() {
    let site = Site::serve(&network(
        "match",
        &[("127.87.1.1", NEW), ("127.87.1.2", OLD)],
    ));
    let desk = desk(&site);
    let osv = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/catalog/debian-osv.jsonl");
    let osv = fs::read_to_string(osv).unwrap() + &new_osv(&today());
    desk.write("osv.jsonl", &osv);
    desk.expect(0, "--catalog old.db catalog import osv.jsonl");
    let scan = format!("scan 127.87.1.1-2 {} --out before", flags(&site));
    desk.expect(0, &format!("--catalog old.db {scan}"));
    let packets = site.seen().connections.len();
    desk.write("news.json", NEWS);
    desk.expect(0, "--catalog new.db catalog import osv.jsonl news.json");
    desk.expect(0, "--catalog new.db match --out after");
    assert_eq!(
        site.seen().connections.len(),
        packets,
        "matching is offline"
    );
    assert_eq!(facts(&desk, "before"), facts(&desk, "after"));
    let findings = |folder: &str| Table::open(&desk.path(folder).join("findings.csv"));
    let (before, after) = (findings("before"), findings("after"));
    assert_eq!(before.rows_where("bulletin_id", "CVE-2099-0001").len(), 0);
    let new = after.rows_where("bulletin_id", "CVE-2099-0001");
    assert_eq!(new.len(), 2);
    assert!(new.iter().all(|row| after.cell(row, "state") == "missing"));
    assert_eq!(after.rows.len(), before.rows.len() + 2);
    // A format of one document a machine has no place on standard output: wrong usage.
    let ended = desk.expect(2, "export --format cyclonedx -o -");
    assert!(ended.err.contains("--out"), "{}", ended.err);
    // Again without the news: as if nothing had been.
    desk.expect(0, "--catalog old.db match --out again");
    let columns = |table: &Table| -> Vec<Vec<String>> {
        let wanted = ["finding_id", "state", "evidence", "first_seen_date"];
        let row = |row: &Vec<String>| wanted.map(|name| table.cell(row, name).to_owned()).to_vec();
        table.rows.iter().map(row).collect()
    };
    assert_eq!(columns(&findings("again")), columns(&before));
    // Where there is no catalogue, what one has judged is not judged worse.
    fs::remove_file(desk.path("home/.local/share/underdesk/catalog.db")).unwrap();
    let run = desk.run_id();
    let as_of = format!("match {run} --as-of 2020-01-01 --out without");
    for words in ["match --out without", &as_of] {
        let ended = desk.expect(5, words);
        let place = "home/.local/share/underdesk/catalog.db";
        assert!(ended.err.contains(place), "{}", ended.err);
        assert!(ended.err.contains("--catalog FILE"), "{}", ended.err);
    }
    desk.expect(0, "export --out still");
    assert_eq!(columns(&findings("still")), columns(&before));
}

#[test]
fn recorded_hosts_give_the_findings_of_the_scan_that_recorded_them() {
    let site = Site::serve(&network(
        "record",
        &[("127.87.2.1", OLD), ("127.87.2.2", OLD)],
    ));
    let desk = desk(&site);
    desk.expect(
        0,
        &format!(
            "scan 127.87.2.1-2 --record kept {} --out scanned",
            flags(&site)
        ),
    );
    let words = "match --recording kept/127.87.2.1 --recording kept/127.87.2.2 --out matched";
    desk.expect(0, words);
    for name in ["findings.csv", "findings_cve.csv", "software.csv"] {
        let rows = |folder: &str| {
            let mut table = Table::open(&desk.path(folder).join(name)).timeless();
            let ip = table.column("ip");
            table.rows.iter_mut().for_each(|row| row[ip].clear());
            table.rows.sort();
            table.rows
        };
        assert!(!rows("scanned").is_empty(), "{name}");
        assert_eq!(rows("scanned"), rows("matched"), "{name}");
    }
}

/// Container bridges have the same address everywhere.
const BRIDGED: &str = r#"
recording = "debian-12-old"
logins = [{ user = "audit", key = "demo" }]
[host.changes.set]
interfaces = """
link\tens3\tdevice\t{mac}
# ip
2: ens3    inet 172.17.0.1/16 scope global docker0
"""
"#;

#[test]
fn recorded_hosts_that_share_an_address_are_machines_of_their_own() {
    let site = Site::serve(&network(
        "bridged",
        &[("127.87.3.1", BRIDGED), ("127.87.3.2", BRIDGED)],
    ));
    let desk = desk(&site);
    desk.expect(
        0,
        &format!(
            "scan 127.87.3.1-2 --record kept {} --out scanned",
            flags(&site)
        ),
    );
    let words = "match --recording kept/127.87.3.1 --recording kept/127.87.3.2 --out matched";
    desk.expect(0, words);
    let machines = |folder: &str| {
        let table = Table::open(&desk.path(folder).join("machines.csv"));
        let mut ids: Vec<String> = table
            .values("machine_id")
            .iter()
            .map(|id| (*id).to_owned())
            .collect();
        ids.sort();
        ids
    };
    assert_eq!(machines("scanned").len(), 2);
    assert_eq!(machines("scanned"), machines("matched"));
}

#[test]
fn an_import_that_fails_leaves_the_old_catalogue() {
    let desk = Desk::without_catalog();
    desk.write("news.json", NEWS);
    desk.expect(0, "catalog import news.json");
    let before = desk.expect(0, "catalog info").out;
    desk.write("half.json", NEWS.split_at(NEWS.len() / 2).0);
    desk.write("empty.json", "");
    desk.write("prose.txt", "Dear Sir or Madam,\n");
    desk.write("wrong.zip", "PK\u{3}\u{4} no zip at all");
    let mut text = String::new();
    for name in [
        "half.json",
        "empty.json",
        "prose.txt",
        "wrong.zip",
        "nowhere.json",
    ] {
        for more in ["", "news.json "] {
            let ended = desk.expect(1, &format!("catalog import {more}{name}"));
            assert_eq!(ended.out, "");
            text.push_str(&ended.err);
        }
        assert_eq!(desk.expect(0, "catalog info").out, before, "{name}");
    }
    insta::assert_snapshot!("import-failed", text);
}

#[test]
fn the_catalogue_is_searched_by_words() {
    let desk = Desk::without_catalog();
    let osv = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/catalog/debian-osv.jsonl");
    fs::copy(osv, desk.path("osv.jsonl")).unwrap();
    desk.expect(0, "catalog import osv.jsonl");
    let search = |words: &[&str]| {
        let mut command = desk.command("catalog search");
        let ended = desk.end(command.args(words).spawn().unwrap());
        (ended.code, ended.out, ended.err)
    };
    let (code, page, _) = search(&["glibc", "CVE-2023-4911", "Debian:12"]);
    assert_eq!(code, Some(0));
    for said in [
        "ADVISORY",
        "2.36-9+deb12u3",
        "1 statements about a product or package",
        "looked through: osv",
        "the catalogue has no list of exploited flaws",
        "osv-ubuntu",
    ] {
        assert!(page.contains(said), "{said}: {page}");
    }
    assert!(!page.contains("osv-debian"), "{page}");
    let (code, csv, err) = search(&["glibc", "CVE-2023-4911", "Debian:12", "-o", "-"]);
    assert_eq!(code, Some(0));
    let table = Table::parse("advisories", &csv, b',');
    assert_eq!(table.values("product"), ["glibc"]);
    assert_eq!(table.values("release"), ["Debian:12"]);
    assert_eq!(table.values("fix"), ["2.36-9+deb12u3"]);
    assert_eq!(table.values("exploited"), ["unknown"]);
    assert!(err.contains("not in the catalogue"), "{err}");
    let (_, lines, _) = search(&["debian", "--limit", "3", "-o", "-", "--format", "jsonl"]);
    assert_eq!(lines.lines().count(), 3);
    for line in lines.lines() {
        let line: serde_json::Value = serde_json::from_str(line).unwrap();
        assert_eq!(line["type"], "advisory");
    }
    // Words are words.
    for word in [
        "%",
        "CVE_2023",
        "'; DROP TABLE bulletin; --",
        "glibc*",
        "\"glibc\" OR tar",
    ] {
        let (code, page, _) = search(&[word, "CVE-2023-4911"]);
        assert_eq!(code, Some(0), "{word}");
        assert!(
            page.starts_with("No advisory is what was asked for."),
            "{word}: {page}"
        );
    }
    let (code, _, err) = search(&[" "]);
    assert_eq!(code, Some(2));
    assert!(err.contains("a word is empty"), "{err}");
}
