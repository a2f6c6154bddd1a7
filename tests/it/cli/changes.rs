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
    let there: Vec<(&str, &str)> = there
        .iter()
        .map(|(at, host)| (at.as_str(), *host))
        .collect();
    let site = Site::serve(&network("changes", &there));
    desk.write("known_hosts", &site.known_hosts());
    let port = site.port(22);
    let silent = (1..=3).filter(|last| hosts[last - 1].is_none());
    let silent: Vec<(_, Vec<TcpStream>)> = silent
        .map(|last| deaf(at(last).parse::<IpAddr>().unwrap(), port))
        .collect();
    desk.expect(
        code,
        &format!(
            "scan {} --known-hosts known_hosts --ssh-port {port} --ports {port} --fast {more}",
            at(1) + "-3"
        ),
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
    let is_whole = |(_, change): &(String, String)| {
        change.starts_with("machine_") && change != "machine_changed"
    };
    rows.filter(is_whole).collect()
}

fn pairs(net: u8, of: &[(u8, &str)]) -> Vec<(String, String)> {
    let own = |(last, word): &(u8, &str)| (format!("127.89.{net}.{last}"), (*word).to_owned());
    of.iter().map(own).collect()
}

#[test]
#[expect(clippy::too_many_lines, reason = "a story of four scans")]
fn what_changed_is_told_and_nothing_that_nobody_looked_at() {
    let net = 1;
    let desk = first(net);
    scan(&desk, net, [Some(OLD), Some(NEW), None], (0, "--out first"));
    // There is none before.
    let table = Table::open(&desk.path("first/changes.csv"));
    assert_eq!(table.rows.len(), 0);
    assert_eq!(
        table.header[..5],
        ["run_id", "machine_id", "hostname", "ip", "change"]
    );

    scan(
        &desk,
        net,
        [Some(NEW), None, Some(NEW)],
        (0, "--out second"),
    );
    let table = Table::open(&desk.path("second/changes.csv"));
    assert_eq!(
        machines(&table),
        pairs(net, &[(2, "machine_gone"), (3, "machine_new")])
    );
    let fixed = table.rows_where("change", "finding_fixed").len();
    assert!(fixed > 0, "{:?}", table.values("change"));
    assert!(!table.rows_where("change", "software_upgraded").is_empty());
    let one = table.rows_where("change", "finding_fixed")[0];
    let findings = Table::open(&desk.path("first/findings.csv"));
    assert!(
        findings
            .values("finding_id")
            .contains(&table.cell(one, "finding_id"))
    );
    let shown = desk.expect(0, "diff").out;
    assert!(
        shown.contains("machine_gone") && shown.contains(&format!("{fixed}  finding_fixed")),
        "{shown}"
    );
    let only = desk.expect(0, "diff --only machine -o - --format csv").out;
    let only = Table::parse("only", &only, b',');
    assert_eq!(only.rows_where("change", "finding_fixed").len(), 0);
    assert_eq!(machines(&only), machines(&table));
    desk.expect(0, "diff --out again");
    assert_eq!(
        desk.read("again/changes.csv"),
        desk.read("second/changes.csv")
    );
    assert!(!desk.path("again/manifest.json").exists());
    let lines = desk.expect(0, "diff -o - --format jsonl").out;
    assert!(lines.contains("\"type\":\"change\""), "{lines}");
    desk.expect(2, "diff --only nonsense");

    // The old one is installed again; the second comes back; the third is not looked at.
    let third = format!("--exclude 127.89.{net}.3 --out third");
    scan(&desk, net, [Some(OLD), Some(NEW), Some(NEW)], (0, &third));
    let table = Table::open(&desk.path("third/changes.csv"));
    assert_eq!(
        machines(&table),
        pairs(net, &[(2, "machine_back"), (3, "machine_not_swept")])
    );
    assert_eq!(table.rows_where("change", "finding_reopened").len(), fixed);
    assert!(!table.rows_where("change", "software_downgraded").is_empty());

    // Nobody can log in any more: nothing is fixed.
    scan(
        &desk,
        net,
        [Some(SHUT), Some(NEW), Some(NEW)],
        (3, "--out fourth"),
    );
    let table = Table::open(&desk.path("fourth/changes.csv"));
    assert_eq!(table.rows_where("change", "finding_fixed").len(), 0);
    let unobserved = table.rows_where("change", "finding_unobserved");
    let first = format!("127.89.{net}.1");
    assert!(
        unobserved.len() >= fixed && unobserved.iter().all(|row| table.cell(row, "ip") == first)
    );
    // A run has the same files whenever they are written.
    desk.expect(0, "runs list");
    let runs = desk.store().list_runs().wait().unwrap();
    let second = &runs[1].summary.id;
    desk.run(&format!("export {second} --out later"));
    assert_eq!(
        desk.read("later/changes.csv"),
        desk.read("second/changes.csv")
    );
}

#[test]
#[expect(clippy::too_many_lines, reason = "a story of two desks")]
fn a_run_is_carried_to_another_desk_and_no_secret_with_it() {
    const SECRET: &str = "correct horse battery staple 7";
    let net = 2;
    let desk = first(net);
    let host = "recording = \"debian-12\"\nlogins = [{ user = \"audit\", password = \"correct horse battery staple 7\" }]";
    let mut credentials = String::from(
        "[[credential]]\nid = \"audit\"\ntype = \"ssh-password\"\nuser = \"audit\"\npassword = \"",
    );
    credentials.push_str(SECRET);
    credentials.push_str("\"\nscope = [\"127.0.0.0/8\"]\n");
    desk.write("credentials.toml", &credentials);
    for folder in ["one", "two"] {
        scan(
            &desk,
            net,
            [Some(host), None, None],
            (0, &format!("--site branch --out {folder}")),
        );
    }
    let runs = desk.store().list_runs().wait().unwrap();
    let [one, two] = [&runs[0].summary.id, &runs[1].summary.id];
    desk.expect(0, &format!("runs export {one} one.run"));
    desk.expect(0, &format!("runs export {two} two.run"));
    desk.expect(2, &format!("runs export {two} two.run"));
    let bytes = std::fs::read(desk.path("one.run")).unwrap();
    let head = bytes.iter().position(|byte| *byte == b'\n').unwrap() + 1;
    let mut text = String::new();
    let mut unpacked = flate2::read::ZlibDecoder::new(&bytes[head..]);
    std::io::Read::read_to_string(&mut unpacked, &mut text).unwrap();
    assert!(
        text.contains("machine-id") || text.contains("machine_id"),
        "{} characters",
        text.len()
    );
    let key = desk.read("demo.key");
    let key = key.lines().nth(1).unwrap();
    assert!(!text.contains(SECRET) && !text.contains(key));

    let other = Desk::new();
    for (file, run) in [("two.run", two), ("one.run", one)] {
        std::fs::copy(desk.path(file), other.path(file)).unwrap();
        let ended = other.expect(0, &format!("runs import {file}"));
        assert!(
            ended.err.contains(run.as_str()) && ended.err.contains("branch"),
            "{}",
            ended.err
        );
    }
    let again = other.expect(0, "runs import one.run").err;
    assert!(again.contains("nothing was changed"), "{again}");
    let listed = other.expect(0, "runs list").out;
    let lines: Vec<&str> = listed.lines().collect();
    assert!(
        lines[1].starts_with(two.as_str()) && lines[1].contains("branch"),
        "{listed}"
    );
    assert!(lines[1].ends_with("imported"), "{listed}");
    // It is exported, compared and matched as any other.
    other.run(&format!("export {one} --out out"));
    let ids = |desk: &Desk, folder: &str| {
        let table = Table::open(&desk.path(&format!("{folder}/machines.csv")));
        let ids: Vec<String> = table
            .values("machine_id")
            .into_iter()
            .map(str::to_owned)
            .collect();
        ids
    };
    assert_eq!(ids(&other, "out"), ids(&desk, "one"));
    let diff = |desk: &Desk| desk.expect(0, "diff").out;
    assert_eq!(diff(&other), diff(&desk));
    other.run(&format!("match {one} --out matched"));
    assert_eq!(ids(&other, "matched"), ids(&desk, "one"));
    other.expect(2, &format!("scan --resume {one}"));
    other.write("cut.run", "underdesk-run 1\nnothing");
    let cut = other.expect(2, "runs import cut.run").err;
    assert!(cut.contains("nothing was imported"), "{cut}");
    let no_file = other.expect(2, "runs import credentials.toml").err;
    assert!(no_file.contains("cannot read"), "{no_file}");
}

#[test]
fn runs_are_deleted_when_somebody_says_so_and_kept_as_the_configuration_says() {
    let net = 3;
    let desk = first(net);
    let run = |folder: &str| {
        scan(
            &desk,
            net,
            [Some(NEW), None, None],
            (0, &format!("--out {folder}")),
        );
    };
    let ids = || -> Vec<String> {
        let runs = desk.store().list_runs().wait().unwrap();
        runs.iter().map(|run| run.summary.id.to_string()).collect()
    };
    run("one");
    run("two");
    run("three");
    let all = ids();
    let asked = desk.expect(2, &format!("runs delete {}", all[0])).err;
    assert!(asked.contains("--yes"), "{asked}");
    desk.expect(2, "runs delete r-none --yes");
    desk.expect(2, "runs prune");
    let shown = desk.expect(0, "runs prune --keep 1 --dry-run").out;
    assert!(
        shown.contains(&all[0]) && shown.contains(&all[1]) && !shown.contains(&all[2]),
        "{shown}"
    );
    assert_eq!(ids(), all);
    desk.expect(0, &format!("runs delete {} --yes", all[0]));
    assert_eq!(ids(), all[1..]);
    // Since when its findings are known is remembered.
    desk.expect(0, "runs prune --keep 1 --yes");
    assert_eq!(ids(), all[2..]);
    desk.write("underdesk.toml", "keep_runs = 1\n");
    run("four");
    assert_eq!(ids().len(), 1);
    // The files were written against the run before, which is gone now.
    let table = Table::open(&desk.path("four/changes.csv"));
    assert_eq!(table.rows_where("change", "machine_new").len(), 0);
}
