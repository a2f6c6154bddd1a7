//! What `catalog import` says of the machines that were last read.

use super::{NEW, OLD, desk, flags, network};
use crate::support::{Desk, Ended, Site, Table, new_osv, today};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

/// A flaw of a package that every recorded Debian 12 has, made up: never fixed, or by a version.
fn flaw(number: u32, package: &str, fixed: Option<&str>, day: &str) -> String {
    let fixed = fixed.map_or(String::new(), |version| {
        format!(",{{\"fixed\":\"{version}\"}}")
    });
    format!(
        "{{\"schema_version\":\"1.7.3\",\"id\":\"DEBIAN-CVE-2099-{number:04}\",\"modified\":\"2099-01-{day}T00:00:00Z\",\
         \"published\":\"2099-01-01T00:00:00Z\",\"upstream\":[\"CVE-2099-{number:04}\"],\
         \"summary\":\"made \u{9b}31m\u{202e}up\\u001b[2J {number}\",\"affected\":[{{\"package\":{{\"ecosystem\":\"Debian:12\",\
         \"name\":\"{package}\"}},\"ranges\":[{{\"type\":\"ECOSYSTEM\",\"events\":[{{\"introduced\":\"0\"}}{fixed}]}}]}}]}}\n"
    )
}

/// A desk that has read two machines by an older catalogue: half of what is known of Debian, a flaw without a
/// fix, and one that is not known to be exploited.
fn scanned(net: u8) -> (Site, Desk) {
    let hosts = [1, 2].map(|last| format!("127.93.{net}.{last}"));
    let site = Site::serve(&network("news", &[(&hosts[0], NEW), (&hosts[1], OLD)]));
    let desk = desk(&site);
    let osv = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/catalog/debian-osv.jsonl");
    let osv = fs::read_to_string(osv).unwrap() + &new_osv(&today());
    let half: Vec<&str> = osv.lines().step_by(2).collect();
    let half = half.join("\n") + "\n" + &new_osv(&today());
    let older = half + &flaw(2, "dpkg", None, "01") + &flaw(3, "bash", Some("99"), "01");
    desk.write("older.jsonl", &older);
    let newer = osv + &flaw(1, "dpkg", Some("99"), "01") + &flaw(2, "dpkg", Some("99"), "02");
    desk.write("newer.jsonl", &newer);
    let kev = r#"{"title":"t","catalogVersion":"2099.01.02","dateReleased":"2099-01-02T00:00:00.0000Z","count":1,
        "vulnerabilities":[{"cveID":"CVE-2099-0003","vendorProject":"v","product":"p","vulnerabilityName":"n",
        "dateAdded":"2099-01-02","shortDescription":"d","requiredAction":"Update.","dueDate":"2099-02-02",
        "knownRansomwareCampaignUse":"Unknown","notes":"","cwes":[]}]}"#;
    desk.write("kev.json", kev);
    desk.expect(0, "--catalog own.db catalog import older.jsonl");
    let scan = format!(
        "--catalog own.db scan 127.93.{net}.1-2 {} --out before",
        flags(&site)
    );
    desk.expect(0, &scan);
    (site, desk)
}

fn objects(ended: &Ended) -> Vec<Value> {
    let lines = ended.out.lines();
    lines
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

/// The addresses that each bulletin of an event hits.
fn hits(objects: &[Value], event: &str) -> BTreeMap<String, BTreeSet<String>> {
    let mut all = BTreeMap::new();
    for object in objects.iter().filter(|one| one["event"] == event) {
        let machines = object["machines"].as_array().unwrap();
        assert_eq!(object["machine_count"], machines.len());
        let machines = machines
            .iter()
            .map(|one| one["ip"].as_str().unwrap().to_owned());
        let bulletin = object["bulletin"].as_str().unwrap().to_owned();
        let own: &mut BTreeSet<String> = all.entry(bulletin).or_default();
        own.extend(machines);
    }
    all
}

fn rows(
    table: &Table,
    is_meant: impl Fn(&Vec<String>) -> bool,
    bulletin: impl Fn(&Vec<String>) -> String,
) -> BTreeMap<String, BTreeSet<String>> {
    let mut all: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for row in table.rows.iter().filter(|row| is_meant(row)) {
        let ip = table.cell(row, "ip").to_owned();
        all.entry(bulletin(row)).or_default().insert(ip);
    }
    all
}

#[test]
fn the_news_are_what_a_new_scan_would_call_new() {
    let (site, desk) = scanned(1);
    let packets = site.seen().connections.len();
    let files = fs::read(desk.path("before/findings.csv")).unwrap();
    let words = "--catalog own.db catalog import newer.jsonl kev.json --events jsonl";
    let told = desk.expect(0, words);
    assert_eq!(site.seen().connections.len(), packets, "no packet is sent");
    assert!(!told.out.contains(['\u{1b}', '\u{9b}', '\u{202e}']));
    let objects = objects(&told);
    let first = &objects[0];
    assert_eq!(first["event"], "catalog_updated");
    assert_eq!(first["digest"].as_str().unwrap().len(), 64);
    let feeds: Vec<&str> = first["feeds"]
        .as_array()
        .unwrap()
        .iter()
        .map(|feed| feed["feed"].as_str().unwrap())
        .collect();
    assert!(feeds.contains(&"kev"), "{feeds:?}");
    let new = hits(&objects, "bulletin_hits");
    assert_eq!(new["CVE-2099-0001"].len(), 2);
    let both = BTreeSet::from(["127.93.1.1".to_owned(), "127.93.1.2".to_owned()]);
    assert_eq!(
        hits(&objects, "fix_available"),
        BTreeMap::from([("CVE-2099-0002".to_owned(), both.clone())])
    );
    assert_eq!(
        hits(&objects, "now_exploited"),
        BTreeMap::from([("CVE-2099-0003".to_owned(), both)])
    );
    let done = objects.last().unwrap();
    assert_eq!((&done["event"], &done["read"]), (&"done".into(), &2.into()));
    assert_eq!(done["bulletins"], new.len());
    // Nothing is kept: the run is as it was.
    desk.expect(0, "--catalog own.db export --out again");
    assert_eq!(fs::read(desk.path("again/findings.csv")).unwrap(), files);

    // The same by other means: a second scan with the new catalogue, and what differs from the first.
    let scan = format!(
        "--catalog own.db scan 127.93.1.1-2 {} --out second",
        flags(&site)
    );
    desk.expect(0, &scan);
    let changes = Table::open(&desk.path("second/changes.csv"));
    let is_new = |row: &Vec<String>| {
        ["finding_new", "finding_reopened"].contains(&changes.cell(row, "change"))
    };
    let bulletin = |row: &Vec<String>| {
        let object = changes.cell(row, "object");
        object.split(' ').next().unwrap_or_default().to_owned()
    };
    assert_eq!(rows(&changes, is_new, bulletin), new);
    assert!(new.len() > 3, "{new:?}");
}

#[test]
fn people_are_told_whom_it_hits_and_what_to_do_next() {
    let (_site, desk) = scanned(2);
    let told = desk.expect(0, "--catalog own.db catalog import newer.jsonl kev.json");
    assert!(!told.out.contains(['\u{1b}', '\u{9b}', '\u{202e}']));
    let run = Table::open(&desk.path("before/findings.csv")).rows[0][0].clone();
    for text in [
        "hit 2 machines of 2 that were read (run ",
        &format!("(run {run}, read "),
        "CVE-2099-0001 dpkg, 99 (not rated): 2 machines: h-127-93-2-1, h-127-93-2-2",
        "1 bulletin reported before, and known to be exploited now:",
        "1 bulletin reported before without a fix, and fixed by an update now:",
        &format!("write it down with: underdesk match {run}"),
    ] {
        assert!(told.out.contains(text), "{text}: {}", told.out);
    }
    // The operator's own severities come first.
    desk.write(
        "policy.toml",
        "[[severity]]\nid = \"x\"\nreason = \"r\"\nbulletin = \"CVE-2099-0001\"\nset = \"critical\"\n",
    );
    desk.write("config.toml", "policy = \"policy.toml\"\n");
    let quiet = desk.expect(0, "--catalog own.db catalog import newer.jsonl --no-hits");
    assert!(!quiet.out.contains("machines"), "{}", quiet.out);
    desk.expect(0, "--catalog own.db match --out after");
    let told = desk.expect(0, "--catalog own.db catalog import newer.jsonl");
    assert!(
        told.out
            .contains(&format!("nothing is new for the machines of run {run}")),
        "{}",
        told.out
    );
}

#[test]
fn what_an_exception_holds_for_is_no_hit_and_the_policy_says_how_bad_one_is() {
    let (_site, desk) = scanned(3);
    let before = Table::open(&desk.path("before/findings.csv"));
    let of_dpkg = |row: &&Vec<String>| before.cell(row, "bulletin_id") == "CVE-2099-0002";
    let row = before.rows.iter().find(of_dpkg).unwrap();
    let (ip, version) = (
        before.cell(row, "ip"),
        before.cell(row, "installed_version"),
    );
    let words = "--owner ada --reason known --until 2099-12-31";
    for what in [
        &format!("CVE-2099-0001 --host {ip} --version {version}"),
        "CVE-2099-0002 --version 0.0.0",
        "CVE-2099-0003",
    ] {
        desk.expect(0, &format!("except add --bulletin {what} {words}"));
    }
    desk.write(
        "policy.toml",
        "[[severity]]\nid = \"x\"\nreason = \"r\"\nbulletin = \"CVE-2099-0001\"\nset = \"critical\"\n",
    );
    let words = "--catalog own.db catalog import newer.jsonl kev.json";
    let objects = objects(&desk.expect(0, &format!("{words} --events jsonl")));
    let both = ["127.93.3.1", "127.93.3.2"];
    let other = both.iter().find(|one| **one != ip).unwrap();
    let new = hits(&objects, "bulletin_hits");
    assert_eq!(new["CVE-2099-0001"], BTreeSet::from([(*other).to_owned()]));
    let fixed = hits(&objects, "fix_available");
    assert_eq!(fixed["CVE-2099-0002"].len(), 2, "of no such version");
    assert!(hits(&objects, "now_exploited").is_empty());
    let severities = objects.iter().filter_map(|one| {
        let severity = one["my_severity"].as_str()?;
        Some((one["bulletin"].as_str()?, severity))
    });
    let critical: Vec<&str> = severities
        .filter(|(_, severity)| *severity == "critical")
        .map(|(bulletin, _)| bulletin)
        .collect();
    assert!(critical.contains(&"CVE-2099-0001"), "{critical:?}");
    let done = objects.last().unwrap();
    assert_eq!(done["excepted"], 3);
    assert_eq!(done["bulletins"], new.len());
    let told = desk.expect(0, words).out;
    for text in [
        "), and 3 findings under exceptions, left out\n",
        "CVE-2099-0001 dpkg, 99 (critical): 1 machine: h-127-93-3-",
    ] {
        assert!(told.contains(text), "{text}: {told}");
    }
}

#[test]
fn where_nobody_was_read_one_line_says_so() {
    let desk = Desk::without_catalog();
    desk.write("own.jsonl", &flaw(1, "dpkg", None, "01"));
    let told = desk.expect(0, "catalog import own.jsonl");
    let line = "whom it hits is not known: no run is kept here yet\n";
    assert!(told.out.ends_with(line), "{}", told.out);
    let told = desk.expect(0, "catalog import own.jsonl --events jsonl");
    let words: Vec<Value> = objects(&told)
        .iter()
        .map(|one| one["event"].clone())
        .collect();
    assert_eq!(words, ["catalog_updated", "done"]);
    assert!(told.err.contains(line.trim_end()), "{}", told.err);
}
