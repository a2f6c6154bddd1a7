//! What goes where, and in which shape.

use super::{NEW, OLD, desk, flags, network};
use crate::support::{Site, Table, tables};
use serde_json::Value;
use std::collections::BTreeSet;
use underdesk::model::{RunState, UtcTime};

fn company(net: u8) -> Site {
    let (new, old) = (format!("127.86.{net}.1"), format!("127.86.{net}.2"));
    Site::serve(&network("output", &[(&new, NEW), (&old, OLD)]))
}

#[test]
fn standard_output_has_json_and_nothing_else() {
    let site = company(1);
    let desk = desk(&site);
    let words = format!("scan 127.86.1.1-2 -v --format jsonl -o - {}", flags(&site));
    let ended = desk.expect(0, &words);
    assert!(
        !ended.err.contains('\u{1b}'),
        "colours where there is no terminal: {}",
        ended.err
    );
    let lines: Vec<Value> = ended
        .out
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    assert_eq!(lines[0]["type"], "run");
    let types: BTreeSet<&str> = lines
        .iter()
        .map(|line| line["type"].as_str().unwrap())
        .collect();
    for kind in [
        "run",
        "coverage",
        "machine",
        "access",
        "software",
        "service",
        "finding",
        "finding_cve",
    ] {
        assert!(types.contains(kind), "{kind}: {types:?}");
    }
    assert!(ended.err.contains("Coverage"), "{}", ended.err);
    let here = std::fs::read_dir(desk.path("")).unwrap();
    let files = here.map(|entry| entry.unwrap().file_name().into_string().unwrap());
    assert!(
        files
            .into_iter()
            .all(|name| !name.starts_with("underdesk-")),
        "it wrote files, too"
    );
}

#[test]
fn events_are_one_json_object_a_line() {
    let site = company(2);
    let desk = desk(&site);
    let words = format!(
        "scan 127.86.2.1-2 --events jsonl {} --out out",
        flags(&site)
    );
    let ended = desk.expect(0, &words);
    // All of it, notices and the summary too.
    let events = ended
        .err
        .lines()
        .map(|line| serde_json::from_str(line).unwrap_or_else(|error| panic!("{line}: {error}")));
    let events: Vec<Value> = events.collect();
    let told = events.iter().filter(|event| event["event"] == "told");
    let told: Vec<&str> = told.filter_map(|event| event["text"].as_str()).collect();
    assert!(told[0].starts_with("Coverage\n"), "{told:?}");
    let count = |kind: &str| events.iter().filter(|event| event["event"] == kind).count();
    let counts = [
        count("run_started"),
        count("host_found"),
        count("host_finished"),
        count("sweep_finished"),
    ];
    assert_eq!(counts, [1, 2, 2, 1]);
    let begun = events.iter().find(|event| event["event"] == "run_started");
    assert_eq!(begun.unwrap()["run"], desk.run_id().as_str());
    let stages: BTreeSet<_> = events
        .iter()
        .filter_map(|event| event["stage"].as_str())
        .collect();
    assert_eq!(
        stages,
        BTreeSet::from(["collect", "identify", "login", "match", "meet"])
    );
}

#[test]
fn a_dialect_changes_the_marks_and_not_the_cells() {
    let site = company(3);
    let desk = desk(&site);
    desk.expect(0, &format!("scan 127.86.3.1-2 {} --out out", flags(&site)));
    for dialect in ["excel-eu", "plain"] {
        desk.expect(0, &format!("export --csv {dialect} --out {dialect}"));
    }
    let usual = tables(&desk.path("out"));
    assert_eq!(usual.len(), 16);
    for table in usual {
        let text = |folder: &str| desk.read(&format!("{folder}/{}", table.name));
        let (usual, eu, plain) = (text("out"), text("excel-eu"), text("plain"));
        assert!(usual.contains("\r\n"));
        let eu = eu.strip_prefix('\u{feff}').expect("a byte order mark");
        assert!(eu.contains("\r\n"));
        assert!(!plain.starts_with('\u{feff}') && !plain.contains('\r'));
        // To a spreadsheet that writes 1,5, a number with a point is a day or a text; a version is a text anyhow.
        let eu = Table::parse(&table.name, eu, b';');
        let mut expected = table.clone();
        for (at, name) in table.header.iter().enumerate() {
            if !["cvss", "epss"].contains(&name.as_str()) && !name.ends_with("_percent") {
                continue;
            }
            for row in &mut expected.rows {
                row[at] = row[at].replace('.', ",");
            }
        }
        assert_eq!(eu, expected);
        assert_eq!(Table::parse(&table.name, &plain, b','), table);
    }
}

#[test]
fn the_same_run_exports_to_the_same_bytes() {
    let site = company(4);
    let desk = desk(&site);
    desk.expect(0, &format!("scan 127.86.4.1-2 {} --out out", flags(&site)));
    desk.expect(0, "export --out again");
    for table in tables(&desk.path("out")) {
        let text = |folder: &str| desk.read(&format!("{folder}/{}", table.name));
        assert_eq!(text("out"), text("again"), "{}", table.name);
    }
    assert_eq!(
        desk.read("out/manifest.json"),
        desk.read("again/manifest.json")
    );
}

#[test]
fn never_scan_is_overridden_by_no_flag() {
    let site = company(5);
    let desk = desk(&site);
    desk.write("underdesk.toml", "never_scan = [\"127.86.5.2\"]\n");
    let words = "scan 127.86.5.1-2 127.86.5.2 --yes --allow-public --include-fragile";
    desk.expect(0, &format!("{words} {} --out out", flags(&site)));
    let seen = site.seen().connections;
    assert!(
        seen.iter()
            .all(|one| one.at.ip().to_string() == "127.86.5.1")
    );
    let coverage = Table::open(&desk.path("out/coverage.csv"));
    assert_eq!((coverage.sum("in_scope"), coverage.sum("excluded")), (1, 1));
    // Nor by going on with a run that was begun before it was listed.
    let run = desk.run_id();
    let store = desk.store();
    let stopped = store.finish_run(
        &run,
        RunState::Interrupted,
        UtcTime::from_unix(1_800_000_000),
    );
    stopped.wait().unwrap();
    desk.write(
        "underdesk.toml",
        "never_scan = [\"127.86.5.1\", \"127.86.5.2\"]\n",
    );
    let ended = desk.expect(1, &format!("scan --resume {run}"));
    let said = "taken out since the run began";
    assert!(ended.err.contains(said), "{}", ended.err);
    let ended = desk.expect(2, "scan 127.86.5.1 --dry-run");
    let said = "1 by 127.86.5.1 (never_scan 1 in underdesk.toml)";
    assert!(ended.err.contains(said), "{}", ended.err);
}

#[test]
fn runs_are_listed_and_shown() {
    let site = company(6);
    let desk = desk(&site);
    let words = format!(
        "scan 127.86.6.1 --seed 9 --authorised-by Ada {} --out out",
        flags(&site)
    );
    desk.expect(0, &words);
    desk.expect(
        0,
        &format!(
            "sweep 127.86.6.2 --ports {0} --ssh-port {0} --out sweep",
            site.port(22)
        ),
    );
    let list = desk.expect(0, "runs list").out;
    let lines: Vec<&str> = list.lines().collect();
    assert_eq!(lines.len(), 3, "{list}");
    assert!(
        lines[1].contains("sweep") && lines[1].contains("127.86.6.2"),
        "{list}"
    );
    assert!(
        lines[2].contains("scan") && lines[2].contains("tester"),
        "{list}"
    );
    let first = lines[2].split_whitespace().next().unwrap();
    let shown = desk.expect(0, &format!("runs show {first}")).out;
    for line in [
        "permitted by  Ada",
        "operator      tester",
        "seed          9",
    ] {
        assert!(shown.contains(line), "{shown}");
    }
    assert!(!shown.contains('{'), "{shown}");
    let shown = desk.expect(0, &format!("runs show {first} --json")).out;
    let shown: Value = serde_json::from_str(&shown).unwrap();
    assert_eq!(
        (&shown["seed"], &shown["state"]),
        (&9.into(), &"complete".into())
    );
    assert_eq!(shown["summary"]["authorised_by"], "Ada");
    let manifest: Value = serde_json::from_str(&desk.read("out/manifest.json")).unwrap();
    assert_eq!(manifest["run"]["authorised_by"], "Ada");
    assert_eq!(manifest["run"]["operator"], "tester");
    // A sweep logs in nowhere.
    assert_eq!(
        site.seen()
            .logins
            .iter()
            .filter(|one| one.at.ip().to_string() == "127.86.6.2")
            .count(),
        0
    );
}
