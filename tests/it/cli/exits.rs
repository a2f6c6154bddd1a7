//! The exit codes.

use super::{NEW, OLD, desk, flags, network};
use crate::support::{Desk, Site, Table, deaf, signal};
use rustix::process::Signal;
use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};
use underdesk::catalog;
use underdesk::model::UtcTime;
use underdesk::store::RunState;

const SILENT: &str = "opening = \"half_banner\"";
const SWITCH: &str = "banner = \"SSH-2.0-Cisco-1.25\"";
const CHANGED: &str = "published = \"changed\"";

fn company() -> Site {
    let hosts = [
        ("127.85.2.1", NEW),
        ("127.85.2.2", OLD),
        ("127.85.2.3", SILENT),
        ("127.85.2.4", CHANGED),
        ("127.85.2.5", SWITCH),
    ];
    Site::serve(&network("exits", &hosts))
}

#[test]
fn the_exit_code_says_how_the_run_went() {
    let site = company();
    let desk = desk(&site);
    let flags = format!("{} --out out", flags(&site));
    desk.expect(0, &format!("scan 127.85.2.1-2 {flags}"));
    desk.expect(2, &format!("scan 127.85.2 {flags}"));
    desk.expect(
        3,
        &format!("scan 127.85.2.1 127.85.2.3 --timeout 1 {flags}"),
    );
    desk.expect(4, &format!("scan 127.85.2.2 --fail-on any {flags}"));
    desk.expect(6, &format!("scan 127.85.2.1 127.85.2.4 {flags}"));
    // Of several, the gravest.
    let all = format!("scan 127.85.2.1-4 --timeout 1 --fail-on any {flags}");
    desk.expect(6, &all);
    // What cannot be written is a failure.
    std::fs::create_dir_all(desk.path("taken/findings.csv")).unwrap();
    desk.expect(
        1,
        &format!("scan 127.85.2.1 {} --out taken", super::flags(&site)),
    );
    // A catalogue that is none, and one that is named and is not there, for whoever reads it.
    let ended = desk.expect(2, &format!("scan 127.85.2.1 --catalog nowhere.db {flags}"));
    assert!(
        ended.err.contains("no catalogue at nowhere.db"),
        "{}",
        ended.err
    );
    for words in [
        "match",
        "export --all",
        "catalog info",
        "explain h-127-85-2-1",
    ] {
        desk.expect(2, &format!("{words} --catalog nowhere.db"));
    }
    desk.write("broken.db", "no database");
    desk.expect(5, &format!("scan 127.85.2.1 --catalog broken.db {flags}"));
}

#[test]
fn devices_that_no_credential_covers_do_not_make_a_run_incomplete() {
    let site = company();
    let desk = Desk::at(&site, "audit", "127.85.2.1");
    let flags = format!("{} --out out", flags(&site));
    desk.expect(0, &format!("scan 127.85.2.1 127.85.2.5 {flags}"));
    let access = Table::open(&desk.path("out/access.csv"));
    let code = access.value(("ip", "127.85.2.5"), "result_code");
    assert_eq!(code, "no_credential_in_scope");
    // A computer that nobody can log in to is another matter.
    desk.expect(3, &format!("scan 127.85.2.1 127.85.2.2 {flags}"));
}

#[test]
fn whom_the_operator_counts_on_and_nobody_meets_makes_a_run_incomplete() {
    let site = Site::serve(&network("silent", &[("127.85.8.1", NEW)]));
    let port = site.port(22);
    let silent = ["127.85.8.8", "127.85.8.9"];
    let _silent = silent.map(|address| deaf(address.parse().unwrap(), port));
    let of_all = desk(&site);
    let flags = format!(
        "--known-hosts known_hosts --ssh-port {port} --ports {port} --no-identify --out out"
    );
    let scan = |desk: &Desk, code, targets: &str| {
        desk.expect(code, &format!("scan {targets} {flags}")).err
    };
    // Nobody was read, whoever was asked for.
    let err = scan(&of_all, 3, "127.85.8.8-9");
    assert!(err.contains("no machine was read"), "{err}");
    // Named by itself, and covered; whoever is named twice is one.
    let err = scan(&of_all, 3, "127.85.8.1 127.85.8.9 127.85.8.8 127.85.8.9");
    let said = "not met, though named among the targets and covered by a credential: 127.85.8.8, 127.85.8.9\n";
    assert!(err.contains(said), "{err}");
    of_all.expect(3, "export --out again");
    // A part of a block, or covered by nobody.
    scan(&of_all, 0, "127.85.8.1 127.85.8.8-9");
    let of_one = Desk::at(&site, "audit", "127.85.8.1");
    scan(&of_one, 0, "127.85.8.1 127.85.8.8");
    // On a list.
    of_all.write("cmdb.csv", "Name,IP Address\nspare,127.85.8.9\n");
    let err = scan(&of_all, 3, "127.85.8.1 127.85.8.8-9 --known CMDB=cmdb.csv");
    let said = "named on a list and covered by a credential: spare";
    assert!(err.contains(said), "{err}");
    // Another has its address. A lease alone says who was there: nobody counts on that.
    of_all.write("moved.csv", "Name,IP Address\nmoved,127.85.8.1\n");
    let err = scan(&of_all, 3, "127.85.8.1 --known CMDB=moved.csv");
    let said = "named on a list and covered by a credential: moved";
    assert!(err.contains(said), "{err}");
    let unmanaged = Table::open(&of_all.path("out/unmanaged.csv"));
    let reason = unmanaged.value(("hostname", "moved"), "managed_reason");
    assert_eq!(reason, "another_at_its_address");
    of_all.write("leases.csv", LEASES);
    scan(&of_all, 0, "127.85.8.1 --known LEASES=leases.csv");
}

/// As Windows' DHCP server tells.
const LEASES: &str = "IPAddress,ScopeId,ClientId,HostName,AddressState,LeaseExpiryTime\n\
     127.85.8.1,127.85.8.0,aa-bb-cc-dd-ee-01,moved,Active,\n";

#[test]
fn a_name_without_an_address_is_told_and_the_end_is_not_clean() {
    let site = Site::serve(&network("names", &[("127.85.7.1", NEW)]));
    let desk = desk(&site);
    for command in ["scan", "sweep"] {
        let flags = match command {
            "scan" => flags(&site),
            _ => format!("--ports {}", site.port(22)),
        };
        let words = |names: &str| format!("{command} {names} 127.85.7.1 {flags} --out out");
        desk.expect(0, &words(""));
        let ended = desk.expect(3, &words("nobody.invalid"));
        assert!(
            ended.err.contains("nobody.invalid is left out"),
            "{command}: {}",
            ended.err
        );
        let told =
            "  no address 1 name of the targets, nobody was looked for there: nobody.invalid (";
        assert!(ended.err.contains(told), "{command}: {}", ended.err);
        let coverage = Table::open(&desk.path("out/coverage.csv"));
        assert_eq!(
            coverage.values("subnet"),
            ["127.85.7.0/24", "nobody.invalid"]
        );
        assert_eq!((coverage.sum("in_scope"), coverage.sum("answered")), (1, 1));
        let why = coverage.value(("subnet", "nobody.invalid"), "no_address");
        assert!(
            ended.err.contains(&format!("nobody.invalid ({why})")),
            "{why}"
        );
    }
}

#[test]
fn what_is_taken_out_of_an_interrupted_run_hears_nothing_more() {
    let hosts: Vec<String> = (1..=20)
        .map(|number| format!("127.85.4.{number}"))
        .collect();
    let hosts: Vec<(&str, &str)> = hosts.iter().map(|host| (host.as_str(), NEW)).collect();
    let site = Site::serve(&network("taken-out", &hosts));
    let desk = desk(&site);
    let words = format!(
        "scan 127.85.4.1-20 --seed 3 --rate 10 {} --out out",
        flags(&site)
    );
    let child = desk.command(&words).spawn().unwrap();
    let begun = Instant::now();
    while site.logins("audit").is_empty() {
        assert!(begun.elapsed() < Duration::from_secs(30), "it does nothing");
        thread::sleep(Duration::from_millis(20));
    }
    signal(child.id(), Signal::INT);
    assert_eq!(desk.end(child).code, Some(130));
    let run = desk.latest().unwrap().summary.id;
    let met = |host: u8| {
        let connections = site.seen().connections;
        let address = format!("127.85.4.{host}");
        connections
            .iter()
            .filter(|one| one.at.ip().to_string() == address)
            .count()
    };
    let before: Vec<usize> = (1..=20).map(met).collect();
    // By the operator, and by the permanent list.
    desk.write("underdesk.toml", "never_scan = [\"127.85.4.20\"]\n");
    let resume = format!("scan --resume {run} --exclude 127.85.4.11-19 --out out");
    desk.expect(0, &resume);
    let after: Vec<usize> = (1..=20).map(met).collect();
    assert_eq!(after[10..], before[10..]);
    let sum = |column| Table::open(&desk.path("out/coverage.csv")).sum(column);
    assert_eq!((sum("in_scope"), sum("excluded")), (10, 10));
    assert_eq!((sum("answered"), sum("not_begun")), (10, 0));
}

#[test]
fn an_interrupted_run_is_saved_and_goes_on() {
    let hosts: Vec<String> = (1..=20)
        .map(|number| format!("127.85.3.{number}"))
        .collect();
    let hosts: Vec<(&str, &str)> = hosts.iter().map(|host| (host.as_str(), NEW)).collect();
    let site = Site::serve(&network("interrupted", &hosts));
    let desk = desk(&site);
    let words = format!(
        "scan 127.85.3.1-20 --seed 3 --rate 10 {} --out out",
        flags(&site)
    );
    let child = desk.command(&words).spawn().unwrap();
    let begun = Instant::now();
    while site.logins("audit").len() < 3 {
        assert!(begun.elapsed() < Duration::from_secs(30), "it does nothing");
        thread::sleep(Duration::from_millis(20));
    }
    signal(child.id(), Signal::INT);
    let ended = desk.end(child);
    assert_eq!(ended.code, Some(130), "{}", ended.err);
    assert!(
        begun.elapsed() < Duration::from_secs(15),
        "{:?}",
        begun.elapsed()
    );
    let run = desk.latest().unwrap();
    assert_eq!(run.summary.state, RunState::Interrupted);
    let advice = format!("scan --resume {}", run.summary.id);
    assert!(ended.err.contains(&advice), "{}", ended.err);
    let sum = |column| Table::open(&desk.path("out/coverage.csv")).sum(column);
    assert_eq!(sum("in_scope"), 20);
    assert_eq!(sum("answered") + sum("silent") + sum("not_begun"), 20);
    let (not_begun, assessed) = (sum("not_begun"), sum("assessed"));
    assert!(not_begun > 0 && assessed >= 3, "{not_begun} {assessed}");
    let done = site.logins("audit");
    desk.expect(0, &format!("{advice} --out out"));
    assert_eq!((sum("not_begun"), sum("assessed")), (0, 20));
    let machines = Table::open(&desk.path("out/machines.csv"));
    assert_eq!(machines.rows_where("outcome", "scanned_full").len(), 20);
    // Those that were done were not visited again; those under way may have been.
    let twice = site.logins("audit").len() - 20;
    assert!(
        twice <= done.len() - 2,
        "{twice} of {} were logged in to twice",
        done.len()
    );
    let ended = desk.expect(0, "runs list");
    assert!(ended.out.contains("complete"), "{}", ended.out);
}

#[test]
fn who_insists_gets_the_program_stopped_while_it_writes() {
    let hosts: Vec<String> = (1..=12)
        .map(|number| format!("127.85.6.{number}"))
        .collect();
    let hosts: Vec<(&str, &str)> = hosts.iter().map(|host| (host.as_str(), NEW)).collect();
    let site = Site::serve(&network("insisted", &hosts));
    let desk = desk(&site);
    // Nobody reads what it writes, so that it stops there.
    let words = format!("scan 127.85.6.1-12 {} --format jsonl -o -", flags(&site));
    let mut child = desk.command(&words).spawn().unwrap();
    let begun = Instant::now();
    let finished = |run: underdesk::store::RunRecord| run.summary.state == RunState::Complete;
    while !desk.latest().is_some_and(finished) {
        assert!(begun.elapsed() < Duration::from_mins(1), "it never ends");
        thread::sleep(Duration::from_millis(50));
    }
    thread::sleep(Duration::from_millis(500));
    assert!(child.try_wait().unwrap().is_none(), "it wrote all");
    signal(child.id(), Signal::INT);
    thread::sleep(Duration::from_millis(500));
    assert!(child.try_wait().unwrap().is_none(), "once is not enough");
    signal(child.id(), Signal::INT);
    let begun = Instant::now();
    while child.try_wait().unwrap().is_none() {
        if begun.elapsed() > Duration::from_secs(5) {
            signal(child.id(), Signal::KILL);
            panic!("it goes on");
        }
        thread::sleep(Duration::from_millis(20));
    }
    let ended = desk.end(child);
    assert_eq!(ended.code, Some(130), "{}", ended.err);
    assert!(ended.err.contains("underdesk export r-"), "{}", ended.err);
}

#[test]
fn sigterm_is_an_interruption_too() {
    let hosts: Vec<String> = (1..=10)
        .map(|number| format!("127.85.4.{number}"))
        .collect();
    let hosts: Vec<(&str, &str)> = hosts.iter().map(|host| (host.as_str(), NEW)).collect();
    let site = Site::serve(&network("terminated", &hosts));
    let desk = desk(&site);
    let words = format!("scan 127.85.4.1-10 --rate 5 {} --out out", flags(&site));
    let child = desk.command(&words).spawn().unwrap();
    let begun = Instant::now();
    while site.logins("audit").is_empty() {
        assert!(begun.elapsed() < Duration::from_secs(30), "it does nothing");
        thread::sleep(Duration::from_millis(20));
    }
    signal(child.id(), Signal::TERM);
    assert_eq!(desk.end(child).code, Some(130));
}

#[test]
fn a_catalogue_that_is_too_old_is_said_with_5_however_well_the_run_went() {
    let site = company();
    let desk = desk(&site);
    let feeds = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/catalog");
    let long_ago = UtcTime::parse("2000-01-01T00:00:00Z").unwrap();
    catalog::import(&[feeds], &desk.path("old.db"), long_ago).unwrap();
    let words = format!(
        "--catalog old.db scan 127.85.2.1 {} --out out",
        flags(&site)
    );
    let ended = desk.expect(5, &words);
    assert!(ended.err.contains("days old"), "{}", ended.err);
    desk.expect(0, &format!("{words} --max-catalog-age 100000"));
    // What concerns no machine makes it no younger.
    desk.write("own.csv", "product,fixed_version\n7-Zip,24.01\n");
    desk.expect(0, "--catalog old.db catalog import own.csv --no-hits");
    for words in [&*words, "--catalog old.db match --out out"] {
        let ended = desk.expect(5, words);
        let said =
            "days old as to debian-tracker Debian:12, by which machines of this run are judged";
        assert!(ended.err.contains(said), "{}", ended.err);
        let next = "underdesk catalog update debian-tracker, then underdesk match r-";
        assert!(ended.err.contains(next), "{}", ended.err);
    }
    let manifest = desk.read("out/manifest.json");
    let said = "\"catalog_feed\": \"debian-tracker Debian:12\"";
    assert!(manifest.contains(said), "{manifest}");
    let info = desk.expect(0, "--catalog old.db catalog info").out;
    let is_told = |line: &str| line.contains("Debian:12") && line.contains("2000-01-01");
    assert!(info.lines().any(is_told), "{info}");
    // A sweep needs none.
    let port = site.port(22);
    desk.expect(
        0,
        &format!("--catalog old.db sweep 127.85.2.1 --ports {port} --out swept"),
    );
}

#[test]
fn a_document_that_was_out_of_date_when_it_was_imported_is_said_and_ends_with_5() {
    let site = company();
    let desk = desk(&site);
    let osv = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/catalog/debian-osv.jsonl");
    let import = format!("--catalog old.db catalog import {}", osv.display());
    desk.expect(0, &import);
    let words = format!(
        "--catalog old.db scan 127.85.2.1 {} --out out --format csv,html,json",
        flags(&site)
    );
    let line = "osv Debian: newest record 2025-02-11, ";
    let later = " before this run: what came later is not known";
    for words in [
        &*words,
        "--catalog old.db match --out out",
        "export --out out",
    ] {
        let ended = desk.expect(5, words);
        let summary = format!("  catalogue  {line}");
        assert!(ended.err.contains(&summary), "{}", ended.err);
        assert!(ended.err.contains(later), "{}", ended.err);
        let next = "underdesk catalog update osv-debian, or import a newer document, then underdesk match r-";
        assert!(ended.err.contains(next), "{}", ended.err);
    }
    let manifest = desk.read("out/manifest.json");
    for said in [
        "\"catalog_newest_record_date\": \"2025-02-11\"",
        "\"catalog_imported_utc\": null",
        "\"catalog_feed\": \"osv Debian\"",
    ] {
        assert!(manifest.contains(said), "{said}: {manifest}");
    }
    assert!(!manifest.contains("\"catalog_age_days\": 0"), "{manifest}");
    let page = desk.read("out/underdesk.html");
    assert!(page.contains("id=\"outdated\""));
    assert!(page.contains(line) && page.contains(later));
    let info = desk.expect(0, "--catalog old.db catalog info").out;
    assert!(info.contains("osv, newest record"), "{info}");
    desk.expect(0, &format!("{words} --max-catalog-age 100000"));
}
