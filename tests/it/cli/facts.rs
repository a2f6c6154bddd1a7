//! Hosts from files: what is exported is read back, and what is misspelt is refused.

use crate::support::{Desk, Table};
use std::fs;
use std::path::Path;

const TABLES: &[&str] = &[
    "findings.csv",
    "findings_cve.csv",
    "software.csv",
    "hotfixes.csv",
    "machines.csv",
    "services.csv",
];

/// Every recorded host that tells what it is, as flags.
fn recordings() -> String {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/hosts");
    let hosts = fs::read_dir(folder).unwrap();
    let mut hosts: Vec<_> = hosts.map(|host| host.unwrap().path()).collect();
    hosts.sort();
    let flags = hosts
        .iter()
        .map(|host| format!("--recording {}", host.display()));
    flags.collect::<Vec<_>>().join(" ")
}

#[test]
fn facts_that_were_exported_give_the_same_verdicts() {
    let desk = Desk::new();
    let first = desk.run(&format!(
        "match {} --format csv,facts --out first",
        recordings()
    ));
    assert_eq!(first.code, Some(3), "{}", first.err);
    let lines = desk.read("first/facts.jsonl").lines().count();
    assert_eq!(
        lines,
        Table::open(&desk.path("first/machines.csv")).rows.len()
    );
    desk.expect(
        3,
        "match --facts first/facts.jsonl --format csv,facts --out second",
    );
    for name in TABLES {
        let table = |folder: &str| Table::open(&desk.path(folder).join(name)).timeless();
        assert!(!table("first").rows.is_empty(), "{name}");
        assert_eq!(table("first"), table("second"), "{name}");
    }
    assert_eq!(
        desk.read("first/facts.jsonl"),
        desk.read("second/facts.jsonl")
    );
}

const SRV1: &str = r#"{"format":"underdesk-facts","version":1,"name":"srv1","addresses":["10.0.0.5"],"inventory":{"platform":{"family":"windows","windows":{"build":{"build":17763,"ubr":8511},"installation":"Server"}},"windows":{"hotfixes":{"known":[{"id":"KB5094123"}]}}}}"#;

#[test]
fn a_host_that_a_person_described_is_a_machine_with_its_gaps() {
    let desk = Desk::new();
    desk.write("one.json", SRV1);
    desk.write("two.json", &SRV1.replace("srv1", "srv2"));
    let ended = desk.run("match --facts one.json --facts two.json --out out");
    assert_eq!(ended.code, Some(3), "{}", ended.err);
    let machines = Table::open(&desk.path("out/machines.csv"));
    let mut hosts: Vec<_> = machines.values("hostname");
    hosts.sort_unstable();
    assert_eq!(hosts, ["srv1", "srv2"]);
    assert_eq!(machines.value(("hostname", "srv1"), "ip"), "10.0.0.5");
    assert_eq!(machines.value(("hostname", "srv2"), "ip"), "0.0.0.2");
    assert_eq!(machines.values("outcome"), ["scanned_partial"; 2]);
    assert_eq!(machines.values("build"), ["17763"; 2]);
    let facts = desk.run("match --facts one.json --format facts -o -").out;
    assert!(
        facts.contains(r#""hotfixes":{"known":[{"id":"KB5094123","kb":5094123"#),
        "{facts}"
    );
    assert!(
        facts.contains(r#"{"question":"uninstall-64","cause":"not_asked"}"#),
        "{facts}"
    );
}

#[test]
fn a_file_that_is_wrong_is_refused_with_host_and_line() {
    let desk = Desk::new();
    let good = format!("{SRV1}\n");
    desk.write(
        "key.jsonl",
        &(good.clone() + &SRV1.replace("hotfixes", "hotfixs")),
    );
    desk.write("cut.jsonl", &(good.clone() + SRV1.split_at(40).0));
    desk.write(
        "version.json",
        &SRV1.replace("\"version\":1", "\"version\":9"),
    );
    desk.write("value.json", &SRV1.replace("17763", "\"new\""));
    desk.write("empty.json", "");
    desk.write("prose.txt", "Dear Sir or Madam");
    let mut text = String::new();
    for name in [
        "key.jsonl",
        "cut.jsonl",
        "version.json",
        "value.json",
        "empty.json",
        "prose.txt",
        "nowhere.json",
    ] {
        text += &desk
            .expect(2, &format!("match --facts {name} --out out"))
            .err;
        assert!(!desk.path("out").exists(), "{name}");
    }
    insta::assert_snapshot!("facts-refused", text);
}

fn tool(name: &str) -> String {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/windows-tools");
    folder.join(name).display().to_string()
}

#[test]
fn what_tools_printed_is_a_machine_that_nobody_logged_in_to() {
    let desk = Desk::new();
    let words = format!(
        "match --systeminfo {} --systeminfo {} --qfe {} --out out",
        tool("server-2022-en.txt"),
        tool("windows-7-de-cut.txt"),
        tool("qfe-wmic-table-utf16.txt")
    );
    assert_eq!(desk.run(&words).code, Some(3));
    let machines = Table::open(&desk.path("out/machines.csv"));
    assert_eq!(machines.value(("hostname", "SRV-APP-01"), "build"), "20348");
    assert_eq!(
        machines.value(("hostname", "SRV-APP-01"), "ip"),
        "192.0.2.21"
    );
    assert_eq!(machines.value(("hostname", "WS-ALT"), "arch"), "x86");
    let hotfixes = Table::open(&desk.path("out/hotfixes.csv"));
    assert_eq!(hotfixes.rows_where("hostname", "SRV-APP-01").len(), 4);
    assert_eq!(hotfixes.rows_where("hostname", "WS-ALT").len(), 205);
}

#[test]
fn files_of_tools_that_do_not_belong_together_are_refused() {
    let desk = Desk::new();
    let (server, other) = (tool("server-2022-en.txt"), tool("windows-xp-en.txt"));
    let list = tool("qfe-wmic-list.txt");
    let mut text = String::new();
    for words in [
        format!("match --systeminfo {other} --qfe {list}"),
        format!("match --systeminfo {server} --qfe {list} --qfe {list}"),
        format!("match --systeminfo {list}"),
        format!("match --systeminfo {server} --qfe {other}"),
        "match --systeminfo nowhere.txt".to_owned(),
        format!("match --qfe {list}"),
    ] {
        text += &desk.expect(2, &words).err;
    }
    let folder = Path::new(&list).parent().unwrap().display().to_string();
    insta::assert_snapshot!("tools-refused", text.replace(&folder, "[TOOLS]"));
}
