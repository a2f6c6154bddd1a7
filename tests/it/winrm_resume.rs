//! Scans of Windows hosts that are killed and resumed, or recorded and read again.

use crate::cli::programs;
use crate::support::{Office, Table, logon, tables, windows};
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::net::IpAddr;
use std::thread;
use std::time::Duration;
use underdesk::collect;
use underdesk::store::RunState;

/// Eight hosts that take their time, half of them over HTTPS.
fn slow(net: u8) -> Office {
    let recordings = [
        "windows-server-2022",
        "windows-11-24h2",
        "windows-server-2016",
    ];
    let hosts = (1..=8).map(|last| {
        let ports = if last % 2 == 0 { "5985" } else { "5986" };
        let recording = recordings[last % recordings.len()];
        let at = format!("127.97.{net}.{last}");
        let more = "faults = [{ latency = 8 }]";
        windows(&format!("s{last}"), &at, (ports, recording), more)
    });
    let hosts: String = hosts.collect();
    let scope = format!("127.97.{net}.0/24");
    Office::open(&hosts, &logon("windows", &scope, "ntlm_http = true"))
}

fn timeless(office: &Office) -> Vec<Table> {
    let tables = tables(&office.desk.path("out")).into_iter();
    tables.map(Table::timeless).collect()
}

fn assert_same(found: &[Table], expected: &[Table], what: &str) {
    assert_eq!(found.len(), expected.len(), "{what}");
    for (found, expected) in found.iter().zip(expected) {
        let mine: BTreeSet<_> = found.rows.iter().collect();
        let theirs: BTreeSet<_> = expected.rows.iter().collect();
        let unlike: Vec<_> = mine.symmetric_difference(&theirs).take(4).collect();
        assert!(found == expected, "{what}: {}\n{unlike:#?}", found.name);
    }
}

/// How often each host was logged on to.
fn logons(office: &Office) -> BTreeMap<IpAddr, usize> {
    let mut counts = BTreeMap::new();
    for one in office.site.seen().logins {
        *counts.entry(one.at.ip()).or_default() += 1;
    }
    counts
}

/// Waits until so many more shells were opened than before, and kills a scan: what was asked for a
/// logon is known to be right by then, and the last host is in the middle of its questions.
fn killed_after(office: &Office, words: &str, shells: usize) {
    let before = office.site.seen().shells.len();
    let mut child = office.desk.command(words).spawn().unwrap();
    while office.site.seen().shells.len() < before + shells {
        assert!(child.try_wait().unwrap().is_none(), "it ended early");
        thread::sleep(Duration::from_millis(2));
    }
    child.kill().unwrap();
    office.desk.end(child);
}

#[test]
fn killed_in_the_middle_and_resumed_the_rows_are_the_same_and_nobody_is_visited_twice() {
    let (flags, targets) = ("--tls-ca ca.pem --hands 1 --seed 5", "127.97.1.1-8");
    let undisturbed = slow(1);
    undisturbed.scan(3, targets, flags);
    let expected = timeless(&undisturbed);
    for shells in [1, 4, 8] {
        let office = undisturbed.with_another_desk();
        killed_after(&office, &office.words(targets, flags), shells);
        let run = office.desk.latest().expect("a run");
        assert_eq!(run.summary.state, RunState::Running);
        let done = office.desk.store().finished_addresses(&run.summary.id);
        let (done, before) = (done.wait().unwrap(), logons(&office));
        assert!(done.len() < 8, "{}", done.len());
        let resume = format!("scan --resume {} --out out", run.summary.id);
        office.desk.expect(3, &resume);
        let after = logons(&office);
        for address in &done {
            let (before, after) = (before.get(address), after.get(address));
            assert_eq!(before, after, "{address} was done, and visited again");
        }
        let name = format!("killed after {shells} shells");
        assert_same(&timeless(&office), &expected, &name);
    }
}

#[test]
fn a_resumed_run_judges_by_the_rules_for_programs_that_it_began_with() {
    let office = slow(3);
    let desk = &office.desk;
    desk.write("own.csv", programs::BULLETINS);
    desk.expect(0, "catalog import own.csv");
    let rules = desk.write("own.toml", programs::RULES);
    let flags = "--tls-ca ca.pem --hands 1 --seed 5 --programs own.toml";
    killed_after(&office, &office.words("127.97.3.1-8", flags), 4);
    fs::remove_file(rules).unwrap();
    let run = desk.run_id();
    let ended = desk.expect(3, &format!("scan --resume {run} --no-merge --out out"));
    assert!(!ended.err.contains("--programs"), "{}", ended.err);
    let found = |folder: &str| {
        let findings = Table::open(&desk.path(folder).join("findings.csv"));
        findings.rows_where("bulletin_id", "CVE-2099-0002").len()
    };
    // Three hosts are such; some were judged before, some after.
    assert_eq!(found("out"), 3);
    // Whoever does not name them again is told.
    let ended = desk.expect(3, "export --all --no-merge --out all");
    assert!(
        ended
            .err
            .contains("the rules for programs (--programs) have changed")
    );
    assert_eq!(found("all"), 3);
    desk.write("own.toml", programs::RULES);
    let ended = desk.expect(3, "export --all --no-merge --programs own.toml --out all");
    assert!(!ended.err.contains("--programs"), "{}", ended.err);
    assert_eq!(found("all"), 3);
    let ended = desk.expect(3, "match --no-merge --out again");
    assert!(
        ended.err.contains("other rules for programs"),
        "{}",
        ended.err
    );
    assert_eq!(found("again"), 0);
    let ended = desk.expect(3, "match --no-merge --programs own.toml --out again");
    assert!(!ended.err.contains("rules for programs"), "{}", ended.err);
    assert_eq!(found("again"), 3);
}

#[test]
fn what_was_recorded_over_winrm_gives_the_same_inventory_again() {
    let hosts = [
        windows("http", "127.97.2.1", ("5985", "windows-server-2022"), ""),
        windows("tls", "127.97.2.2", ("5986", "windows-11-24h2"), ""),
        windows(
            "limited",
            "127.97.2.3",
            ("5985", "windows-server-2022-limited"),
            "",
        ),
    ];
    let credential = logon("windows", "127.97.2.0/24", "ntlm_http = true");
    let office = Office::open(&hosts.concat(), &credential);
    let flags = "--tls-ca ca.pem --record recorded";
    office.scan(3, "127.97.2.1-3", flags);
    for (address, live) in office.inventories() {
        let folder = office.desk.path("recorded").join(address.to_string());
        let (set, answers) = collect::load(&folder).unwrap();
        assert_eq!(collect::read(set, &answers).unwrap(), live, "{address}");
        // And through the program, as far as its files tell.
        let again = office.with_another_desk();
        let words = format!("match --recording {} --out out", folder.display());
        // The catalogue of these tests judges one of them.
        let ended = again.desk.run(&words);
        assert!(matches!(ended.code, Some(0 | 3)), "{}", ended.err);
        for name in ["software", "hotfixes"] {
            let of = |table: &Table| -> BTreeSet<Vec<String>> {
                let name = live.identity.hostname.known().unwrap();
                let rows = table.rows_where("hostname", name).into_iter();
                let places = ["name", "version", "update_id", "state", "installed_on_date"];
                let places = places
                    .iter()
                    .filter_map(|column| table.header.iter().position(|known| known == column));
                let places: Vec<usize> = places.collect();
                rows.map(|row| places.iter().map(|at| row[*at].clone()).collect())
                    .collect()
            };
            let (first, second) = (of(&office.table(name)), of(&again.table(name)));
            let is_denied = name == "hotfixes" && address.to_string().ends_with(".3");
            assert_eq!(first.is_empty(), is_denied, "{address} {name}");
            assert_eq!(first, second, "{address} {name}");
        }
    }
}
