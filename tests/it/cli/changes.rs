//! What changed between runs, from outside.

use super::{NEW, OLD, desk, network};
use crate::support::{Desk, Site, Table, deaf};
use std::net::{IpAddr, TcpStream};

/// An old machine to which nobody may log in.
const SHUT: &str = "recording = \"debian-12-old\"\nlogins = []";

/// Serves some of three hosts, scans some of the addresses, and ends with this code. Where nobody is, nobody
/// answers.
fn scan(desk: &Desk, net: u8, hosts: [Option<&str>; 3], (code, more): (i32, &str)) {
    let at = |last: usize| format!("127.89.{net}.{last}");
    let there = hosts.iter().enumerate();
    let there: Vec<(String, &str)> = there
        .filter_map(|(place, host)| Some((at(place + 1), (*host)?)))
        .collect();
    let there: Vec<(&str, &str)> = there.iter().map(|(at, host)| (at.as_str(), *host)).collect();
    let site = Site::serve(&network("changes", &there));
    desk.write("known_hosts", &site.known_hosts());
    let port = site.port(22);
    let silent = (1..=3).filter(|last| hosts[last - 1].is_none());
    let silent: Vec<(_, Vec<TcpStream>)> = silent
        .map(|last| deaf(at(last).parse::<IpAddr>().unwrap(), port))
        .collect();
    desk.expect(
        code,
        &format!("scan {} --known-hosts known_hosts --ssh-port {port} --ports {port} --fast {more}", at(1) + "-3"),
    );
    drop(silent);
}

fn first(net: u8) -> Desk {
    let site = Site::serve(&network("changes", &[(&format!("127.89.{net}.1"), OLD)]));
    desk(&site)
}

/// `(ip, change)` of every row about a machine as a whole.
fn machines(table: &Table) -> Vec<(String, String)> {
    let rows = table.rows.iter().map(|row| {
        let cell = |column| table.cell(row, column).to_owned();
        (cell("ip"), cell("change"))
    });
    let is_whole = |(_, change): &(String, String)| change.starts_with("machine_") && change != "machine_changed";
    rows.filter(is_whole).collect()
}

fn pairs(net: u8, of: &[(u8, &str)]) -> Vec<(String, String)> {
    let own = |(last, word): &(u8, &str)| (format!("127.89.{net}.{last}"), (*word).to_owned());
    of.iter().map(own).collect()
}

#[test]
fn what_changed_is_told_and_nothing_that_nobody_looked_at() {
    let net = 1;
    let desk = first(net);
    scan(&desk, net, [Some(OLD), Some(NEW), None], (0, "--out first"));
    // There is none before.
    let table = Table::open(&desk.path("first/changes.csv"));
    assert_eq!(table.rows.len(), 0);
    assert_eq!(table.header[..5], ["run_id", "machine_id", "hostname", "ip", "change"]);

    scan(&desk, net, [Some(NEW), None, Some(NEW)], (0, "--out second"));
    let table = Table::open(&desk.path("second/changes.csv"));
    assert_eq!(machines(&table), pairs(net, &[(2, "machine_gone"), (3, "machine_new")]));
    let fixed = table.rows_where("change", "finding_fixed").len();
    assert!(fixed > 0, "{:?}", table.values("change"));
    assert!(!table.rows_where("change", "software_upgraded").is_empty());
    let one = table.rows_where("change", "finding_fixed")[0];
    let findings = Table::open(&desk.path("first/findings.csv"));
    assert!(findings.values("finding_id").contains(&table.cell(one, "finding_id")));
    let shown = desk.expect(0, "diff").out;
    assert!(shown.contains("machine_gone") && shown.contains(&format!("{fixed}  finding_fixed")), "{shown}");
    let only = desk.expect(0, "diff --only machine -o - --format csv").out;
    let only = Table::parse("only", &only, b',');
    assert_eq!(only.rows_where("change", "finding_fixed").len(), 0);
    assert_eq!(machines(&only), machines(&table));
    desk.expect(0, "diff --out again");
    assert_eq!(desk.read("again/changes.csv"), desk.read("second/changes.csv"));
    assert!(!desk.path("again/manifest.json").exists());
    let lines = desk.expect(0, "diff -o - --format jsonl").out;
    assert!(lines.contains("\"type\":\"change\""), "{lines}");
    desk.expect(2, "diff --only nonsense");

    // The old one is installed again; the second comes back; the third is not looked at.
    let third = format!("--exclude 127.89.{net}.3 --out third");
    scan(&desk, net, [Some(OLD), Some(NEW), Some(NEW)], (0, &third));
    let table = Table::open(&desk.path("third/changes.csv"));
    assert_eq!(machines(&table), pairs(net, &[(2, "machine_back"), (3, "machine_not_swept")]));
    assert_eq!(table.rows_where("change", "finding_reopened").len(), fixed);
    assert!(!table.rows_where("change", "software_downgraded").is_empty());

    // Nobody can log in any more: nothing is fixed.
    scan(&desk, net, [Some(SHUT), Some(NEW), Some(NEW)], (3, "--out fourth"));
    let table = Table::open(&desk.path("fourth/changes.csv"));
    assert_eq!(table.rows_where("change", "finding_fixed").len(), 0);
    let unobserved = table.rows_where("change", "finding_unobserved");
    let first = format!("127.89.{net}.1");
    assert!(unobserved.len() >= fixed && unobserved.iter().all(|row| table.cell(row, "ip") == first));
    // A run has the same files whenever they are written.
    desk.expect(0, "runs list");
    let runs = desk.store().list_runs().wait().unwrap();
    let second = &runs[1].summary.id;
    desk.run(&format!("export {second} --out later"));
    assert_eq!(desk.read("later/changes.csv"), desk.read("second/changes.csv"));
}
