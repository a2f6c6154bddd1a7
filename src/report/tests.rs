//! What holds of all formats and tables together.

use super::sample::{self, Memory, Run, day, finding, read, unread};
use super::*;
use crate::model::{
    Certainty, Comparison, Date, Decided, Decision, DeviceKind, Entry, Finding, FindingState,
    GapCause, ListCount, ListKind, MachineRecord, ManagedState, Observed, Package, Severity, Stage,
    Standing, SubnetCount, Vouch, hex,
};
use crate::model::{FeedAge, HostFailure, ResultCode, RunState, UtcTime};
use proptest::prelude::*;
use sha2::{Digest as _, Sha256};
use std::collections::BTreeSet;
use std::sync::Arc;

const HOSTILE: &[&str] = &[
    "=cmd|' /C calc'!A0",
    "line\r\nbreak\u{1b}[2J",
    "\u{202e}txt.exe",
    "＝HYPERLINK(\"http://x\",\"y\")",
    "a;=1+1",
    "-5",
    "@SUM(1)",
    "plain",
];

pub(super) fn hostile_texts() -> Vec<String> {
    HOSTILE.iter().map(|text| (*text).to_owned()).collect()
}

pub(super) fn sample_run() -> Run {
    let mut hostile = finding("=evil\nsource", "CVE-2023-5363", FindingState::Missing);
    hostile.title = "A".repeat(40_000);
    hostile.cves = (0..22).map(|n| format!("CVE-2023-{n:04}")).collect();
    hostile.kev = vec!["CVE-2023-0003".to_owned()];
    hostile.kev_due = Date::parse("2026-12-01");
    let mut unfixed = finding("zlib", "CVE-2023-45853", FindingState::WontFix);
    (unfixed.fixed, unfixed.severity, unfixed.cvss_tenths) = (None, None, None);
    let closed = finding("bash", "DSA-1", FindingState::Fixed);
    let findings = vec![hostile, unfixed, closed];
    let mut first = read("10.0.2.7", "=cmd|' /C calc'!A0\u{1b}[2J\nweb", findings);
    first.addresses.push("10.0.2.30".parse().unwrap());
    first.tags = vec!["criticality=high".to_owned(), "owner=+49 30 1".to_owned()];
    let mut failed = unread("10.0.10.1");
    "failed".clone_into(&mut failed.outcome);
    failed.target_name = Some("printer.example".to_owned());
    failed.failure = Some(HostFailure {
        stage: Stage::Meet,
        code: ResultCode::HostkeyChanged,
        detail: "x".to_owned(),
        retryable: false,
    });
    failed.access[0].1.code = ResultCode::HostkeyChanged;
    let windows = sample_windows::windows("10.0.2.9", "srv1");
    let judged = sample_windows::judged("10.0.2.11", "srv2");
    sample::run(vec![first, windows, judged, failed])
}

pub(super) fn plain() -> Options {
    Options {
        dialect: Dialect::Plain,
        ..Options::default()
    }
}

pub(super) fn exported(
    run: &dyn ReportSource,
    formats: &[&str],
    options: &Options,
) -> (Memory, Written) {
    let mut memory = Memory::default();
    let written = export(run, formats, options, &mut memory).unwrap();
    (memory, written)
}

pub(super) fn rows(text: &str, delimiter: u8) -> Vec<Vec<String>> {
    let mut reader = ::csv::ReaderBuilder::new()
        .has_headers(false)
        .delimiter(delimiter)
        .from_reader(text.trim_start_matches('\u{feff}').as_bytes());
    let rows = reader.records().map(|row| row.unwrap());
    rows.map(|row| row.iter().map(str::to_owned).collect())
        .collect()
}

/// The cell of a row by its column's name.
pub(super) fn cell(memory: &Memory, file: &str, row: usize, column: &str) -> String {
    let rows = rows(&memory.text(file), b',');
    let at = rows[0].iter().position(|name| name == column).unwrap();
    rows[row + 1][at].clone()
}

#[test]
fn every_document_of_a_run() {
    let (memory, _) = exported(&sample_run(), &["csv", "jsonl"], &plain());
    for name in memory.names() {
        let text = memory.text(&name);
        let text = text.replace(&"A".repeat(40_000), "[A x 40000]");
        let text = text.replace(&"A".repeat(29_994), "[A x 29994]");
        let text = text.replace(env!("CARGO_PKG_VERSION"), "[version]");
        insta::assert_snapshot!(name, text);
    }
}

#[test]
fn every_cell_is_of_the_sort_that_its_column_says() {
    let texts: Vec<String> = HOSTILE.iter().map(|text| (*text).to_owned()).collect();
    let mut seen = BTreeSet::<(&str, &str)>::new();
    let mut wrong = BTreeSet::<(&str, &str, column::Kind)>::new();
    for run in [sample_run(), compared(), sample::filled(&texts)] {
        let tables = tables::chosen(None, &run).unwrap();
        let options = Options {
            all_findings: true,
            ..Options::default()
        };
        let walked = tables::each_row(&run, &options, &tables, &mut |at, cells| {
            let table = tables[at];
            assert_eq!(cells.len(), table.columns.len(), "{}", table.name);
            for (column, cell) in table.columns.iter().zip(cells) {
                let kind = cell.kind().unwrap_or(column.kind);
                if kind != column.kind {
                    wrong.insert((table.name, column.name, kind));
                }
                if cell.kind().is_some() {
                    seen.insert((table.name, column.name));
                }
            }
            Ok(())
        });
        walked.unwrap();
    }
    assert!(wrong.is_empty(), "{wrong:?}");
    assert!(seen.len() > 150, "{}", seen.len());
}

#[test]
fn the_end_of_a_run_in_words() {
    let run = sample_run();
    let (_, written) = exported(&run, &["csv"], &plain());
    insta::assert_snapshot!(summary(&run, &written.counts));
}

#[test]
fn a_run_that_is_not_complete_says_so_everywhere_and_how_to_go_on_first() {
    let mut run = sample_run();
    for (state, word) in [
        (RunState::Running, "running"),
        (RunState::Interrupted, "interrupted"),
        (RunState::CutOff, "cut_off"),
        (RunState::SafetyStop, "safety_stop"),
    ] {
        run.summary.state = state;
        let (memory, written) = exported(&run, &["json", "jsonl", "nmap"], &plain());
        let text = summary(&run, &written.counts);
        assert!(text.starts_with("NOT COMPLETE: run r-2026"), "{text}");
        let (_, steps) = text.split_once("What to do next\n").unwrap();
        let resume = format!("underdesk scan --resume {}", run.summary.id);
        let first = steps.lines().next().unwrap();
        assert!(first.ends_with(&resume), "{text}");
        assert_eq!(text.matches("--resume").count(), 1, "{text}");
        for name in ["manifest.json", "run.json"] {
            let read: serde_json::Value = serde_json::from_str(&memory.text(name)).unwrap();
            assert_eq!(read["run"]["state"], word);
            assert!(read["run"]["finished_utc"].is_null());
        }
        let line = memory.text("run.jsonl");
        let line: serde_json::Value = serde_json::from_str(line.lines().next().unwrap()).unwrap();
        assert_eq!(line["state"], word);
        assert!(memory.text("nmap.xml").contains("exit=\"error\""));
    }
}

#[test]
fn a_block_that_was_searched_is_never_said_to_have_been_swept() {
    let mut run = sample_run();
    let mut block = run.coverage[0].clone();
    block.subnet = "fd00:1::/64".to_owned();
    block.in_scope = 12;
    block.searched_by = Some(vec![
        "neighbours".to_owned(),
        "multicast on eth0".to_owned(),
    ]);
    run.coverage.push(block);
    let (memory, written) = exported(&run, &["csv"], &plain());
    let said = "fd00:1::/64 was searched through neighbours and multicast on eth0: 12 addresses; others may exist";
    let words = summary(&run, &written.counts);
    assert!(words.contains(said), "{words}");
    assert!(memory.text("manifest.json").contains(said));
    assert_eq!(
        cell(&memory, "coverage.csv", 2, "searched_by"),
        "neighbours; multicast on eth0"
    );
    assert_eq!(cell(&memory, "coverage.csv", 0, "searched_by"), "");
}

#[test]
fn a_name_without_an_address_is_in_every_document() {
    let mut run = sample_run();
    let why = "the resolver knows no address";
    for name in ["nosuch.invalid", "b.invalid", "c.invalid", "d.invalid"] {
        run.coverage.push(CoverageRow::of_no_address(name, why));
    }
    let (memory, written) = exported(&run, &["csv", "html", "json"], &plain());
    let row = |column| cell(&memory, "coverage.csv", 5, column);
    let expected = [
        ("subnet", "nosuch.invalid"),
        ("no_address", why),
        ("in_scope", "0"),
        ("not_begun", "0"),
    ];
    for (column, value) in expected {
        assert_eq!(row(column), value, "{column}");
    }
    assert_eq!(cell(&memory, "coverage.csv", 0, "no_address"), "");
    let said = "4 names of the targets, nobody was looked for there: nosuch.invalid (the resolver knows no address), \
                b.invalid (the resolver knows no address), c.invalid (the resolver knows no address), and 1 more in coverage.csv";
    let words = summary(&run, &written.counts);
    assert!(words.contains(&format!("  no address {said}\n")), "{words}");
    assert!(
        words.contains("Correct the names that have no address"),
        "{words}"
    );
    assert!(memory.text("underdesk.html").contains(said));
    let manifest: serde_json::Value = serde_json::from_str(&memory.text("manifest.json")).unwrap();
    assert_eq!(manifest["without_address"].as_array().unwrap().len(), 4);
    assert_eq!(manifest["without_address"][0]["target"], "nosuch.invalid");
    assert_eq!(manifest["without_address"][0]["why"], why);
}

#[test]
fn a_run_that_read_nothing_states_nothing() {
    let run = sample::run(vec![unread("10.0.2.1")]);
    let (memory, written) = exported(&run, &["csv"], &plain());
    let text = summary(&run, &written.counts);
    assert!(
        text.contains("none can be stated: no machine was read"),
        "{text}"
    );
    for column in [
        "missing_count",
        "unknown_count",
        "worst_severity",
        "os_name",
        "serial",
    ] {
        assert_eq!(
            cell(&memory, "machines.csv", 0, column),
            "unknown",
            "{column}"
        );
    }
    assert_eq!(rows(&memory.text("findings.csv"), b',').len(), 1);
}

#[test]
fn a_machine_that_was_not_judged_has_no_zero() {
    let judged = read("10.0.2.1", "a", Vec::new());
    let count = |run: &Run| {
        let (memory, _) = exported(run, &["csv"], &plain());
        cell(&memory, "machines.csv", 0, "missing_count")
    };
    assert_eq!(count(&sample::run(vec![judged.clone()])), "0");

    let mut without_catalog = sample::run(vec![judged.clone()]);
    without_catalog.summary.catalog_digest.clear();
    assert_eq!(count(&without_catalog), "unknown");

    let mut without_packages = judged.clone();
    let mut inventory = sample::inventory("a");
    inventory.packages = Observed::<Vec<Package>>::gap_of("dpkg-packages", GapCause::TimedOut);
    without_packages.inventory = Some(Arc::new(inventory));
    assert_eq!(count(&sample::run(vec![without_packages])), "unknown");

    let mut foreign = judged;
    let mut inventory = sample::inventory("a");
    inventory.platform.ecosystem = None;
    foreign.inventory = Some(Arc::new(inventory));
    assert_eq!(count(&sample::run(vec![foreign])), "unknown");

    let with = |findings| count(&sample::run(vec![read("10.0.2.1", "a", findings)]));
    let blind = || finding("a", "unknown:os-release", FindingState::Unknown);
    let ended = finding("debian", "end-of-life:debian:9", FindingState::EndOfLife);
    assert_eq!(with(vec![blind()]), "unknown");
    assert_eq!(with(vec![blind(), ended]), "unknown");
    let half = sample::run(vec![read("10.0.2.1", "a", vec![blind()])]);
    let (_, written) = exported(&half, &["csv"], &plain());
    let words = summary(&half, &written.counts);
    assert!(
        words.contains(
            "missing    cannot be stated: 1 of 1 machine read was not judged, or not in full\n"
        ),
        "{words}"
    );
    // What was found by half a catalogue is found.
    let found = finding("b", "CVE-1", FindingState::Missing);
    assert_eq!(with(vec![blind(), found]), "1");
    // That the publisher has not decided about a flaw does not make the machine unread.
    let undetermined = finding("b", "CVE-1", FindingState::Unknown);
    assert_eq!(with(vec![undetermined]), "0");
}

#[test]
fn nothing_missing_is_said_in_words_and_what_is_open_is_shown_where_to_look() {
    let said = |run: &Run| {
        let (_, written) = exported(run, &["csv"], &plain());
        summary(run, &written.counts)
    };
    let clean = sample::run(vec![read("10.0.2.1", "a", Vec::new())]);
    let text = said(&clean);
    let none = "missing    none, on 1 machine read\n";
    assert!(text.contains(none), "{text}");
    assert!(!text.contains("underdesk findings"), "{text}");
    // There is no fix to install.
    let open = finding("a", "CVE-1", FindingState::NoFixYet);
    let mut half = read("10.0.2.1", "a", vec![open]);
    half.outcome = "scanned_partial".to_owned();
    let mut run = sample::run(vec![half, read("10.0.2.2", "b", Vec::new())]);
    let text = said(&run);
    assert!(
        text.contains("machines   2, 2 of them read, 1 in full ("),
        "{text}"
    );
    let look = format!(
        "Look at what is open (1 finding): underdesk findings {}\n",
        run.summary.id
    );
    assert!(text.contains(&look), "{text}");
    // What was judged from files is kept nowhere.
    run.summary.kind = "recorded".to_owned();
    assert!(!said(&run).contains("underdesk findings"));
}

#[test]
fn a_catalogue_that_was_out_of_date_when_it_came_is_said_before_anything_is_called_clean() {
    let mut run = sample::run(vec![read("10.0.2.1", "a", Vec::new())]);
    let age = FeedAge::of_record(
        UtcTime::parse("2025-02-12T09:00:00Z").unwrap(),
        "osv Debian",
    );
    run.summary.catalog_imported = Some(age.met);
    run.summary.catalog_feed = age.feed;
    let (memory, written) = exported(&run, &["csv", "html"], &plain());
    let text = summary(&run, &written.counts);
    let words = "osv Debian: newest record 2025-02-12, 648 days before this run: what came later is not known";
    let line = format!("Findings\n  catalogue  {words}\n  missing    none");
    assert!(text.contains(&line), "{text}");
    let step = "Renew the catalogue, the newest record of osv Debian is 648 days old: ";
    assert!(text.contains(step), "{text}");
    assert!(memory.text("underdesk.html").matches(words).count() >= 2);
    let manifest: serde_json::Value = serde_json::from_str(&memory.text("manifest.json")).unwrap();
    let run = &manifest["run"];
    assert_eq!(run["catalog_newest_record_date"], "2025-02-12");
    assert_eq!(run["catalog_imported_utc"], serde_json::Value::Null);
    assert_eq!(run["catalog_age_days"], 648);
    assert_eq!(run["catalog_feed"], "osv Debian");
}

#[test]
fn what_nobody_judged_in_full_is_not_said_to_be_in_time() {
    let dated = |days: i64, findings: Vec<Finding>| {
        let mut machine = read("10.0.2.1", "a", findings);
        let decisions = machine.findings.iter().map(|finding| Decision {
            days_left: (!finding.state.counts_as_unknown()).then_some(days),
            ..Decision::default()
        });
        machine.decided = Some(Decided {
            has_due_dates: true,
            decisions: decisions.collect(),
            drift: Vec::new(),
        });
        machine
    };
    let said = |machines: Vec<MachineRecord>| {
        let run = sample::run(machines);
        let (_, written) = exported(&run, &["csv"], &plain());
        let words = summary(&run, &written.counts);
        let line = words
            .lines()
            .find_map(|line| line.strip_prefix("  overdue    "));
        line.unwrap_or_default().to_owned()
    };
    let blind = || finding("a", "unknown:catalogue", FindingState::Unknown);
    let found = || finding("b", "CVE-1", FindingState::Missing);
    assert_eq!(said(vec![dated(2, vec![found()])]), "0 on 0 machines");
    assert_eq!(
        said(vec![dated(2, vec![blind(), found()])]),
        "cannot be stated: of 1 machine read none was judged in full"
    );
    let late = "at least 1 on 1 machine; 1 of 1 machine read not judged, or not in full";
    assert_eq!(said(vec![dated(-2, vec![blind(), found()])]), late);
}

#[test]
fn a_safety_stop_counts_also_where_another_credential_got_in() {
    let mut machine = read("10.0.2.1", "a", Vec::new());
    let counts = |machine: &_| {
        exported(
            &sample::run(vec![Clone::clone(machine)]),
            &["csv"],
            &plain(),
        )
        .1
        .counts
    };
    assert_eq!(counts(&machine).safety_stops, 0);
    let mut held = machine.access[0].clone();
    held.1.code = ResultCode::AccountInUse;
    machine.access.insert(0, held.clone());
    // Another run at work is none.
    assert_eq!(counts(&machine).safety_stops, 0);
    held.1.code = ResultCode::BreakerOpen;
    machine.access.insert(0, held);
    assert_eq!(
        (counts(&machine).safety_stops, counts(&machine).assessed),
        (1, 1)
    );
}

#[test]
fn an_empty_fact_is_empty_and_an_unread_one_is_unknown() {
    let run = sample::run(vec![read("10.0.2.1", "a", Vec::new())]);
    let (memory, _) = exported(&run, &["csv"], &plain());
    assert_eq!(cell(&memory, "machines.csv", 0, "fqdn"), "");
    assert_eq!(cell(&memory, "machines.csv", 0, "serial"), "unknown");
    assert_eq!(cell(&memory, "machines.csv", 0, "worst_severity"), "");
    assert_eq!(
        cell(&memory, "machines.csv", 0, "all_ips"),
        "10.0.2.1; 192.168.7.7"
    );
}

#[test]
fn nothing_is_said_of_exploitation_without_a_list_of_it() {
    let mut unchecked = finding("b", "CVE-1", FindingState::Missing);
    unchecked.kev_checked = false;
    let run = sample::run(vec![read("10.0.2.1", "a", vec![unchecked])]);
    let (memory, written) = exported(&run, &["csv"], &plain());
    assert_eq!(cell(&memory, "findings.csv", 0, "kev"), "unknown");
    assert_eq!(cell(&memory, "findings_cve.csv", 0, "kev"), "unknown");
    assert_eq!(cell(&memory, "machines.csv", 0, "kev_count"), "unknown");
    let words = summary(&run, &written.counts);
    assert!(words.contains("exploited  cannot be stated"), "{words}");
}

#[test]
fn closed_findings_and_user_names_are_shown_or_not() {
    let (memory, _) = exported(&sample_run(), &["csv"], &plain());
    assert_eq!(rows(&memory.text("findings.csv"), b',').len(), 8);
    assert_eq!(cell(&memory, "services.csv", 0, "user"), "root");
    let options = Options {
        all_findings: true,
        no_users: true,
        ..plain()
    };
    let (memory, _) = exported(&sample_run(), &["csv", "jsonl"], &options);
    assert_eq!(rows(&memory.text("findings.csv"), b',').len(), 9);
    for name in memory.names() {
        assert!(!memory.text(&name).contains("root,"), "{name}");
        for account in ["patcher", "S-1-5-21", "NT Service"] {
            assert!(!memory.text(&name).contains(account), "{name}: {account}");
        }
        assert!(!memory.text(&name).contains("\"root\""), "{name}");
    }
}

#[test]
fn the_manifest_counts_no_finding_that_no_table_has() {
    let mut to_come = finding(
        "mssqlserver",
        "end-of-life:mssqlserver:14.0",
        FindingState::NotApplicable,
    );
    (to_come.severity, to_come.support_ends) = (None, Date::parse("2027-10-12"));
    let own = finding("zlib", "CVE-2023-45853", FindingState::Missing);
    let machines = [("10.0.2.1", vec![to_come]), ("10.0.2.2", vec![own])];
    let run = sample::run(machines.map(|(at, findings)| read(at, at, findings)).into());
    let severe = Selection {
        severity: Some(Severity::High),
        ..Selection::default()
    };
    for (all_findings, selection, closed, shown) in [
        (false, Selection::default(), None, 2),
        (true, Selection::default(), Some(1), 2),
        // It is rated by nobody, and would be shown because of that.
        (false, severe, None, 1),
    ] {
        let options = Options {
            all_findings,
            selection,
            ..plain()
        };
        let (memory, _) = exported(&run, &["csv"], &options);
        let manifest: serde_json::Value =
            serde_json::from_slice(&memory.bytes("manifest.json")).unwrap();
        let states = &manifest["counts"]["states"];
        assert_eq!(states["missing"], 1);
        assert_eq!(
            states.get("not_applicable"),
            closed.map(Into::into).as_ref()
        );
        let found = rows(&memory.text("findings.csv"), b',').len() - 1;
        assert_eq!(found, if all_findings { 2 } else { 1 });
        assert_eq!(rows(&memory.text("machines.csv"), b',').len() - 1, shown);
    }
}

#[test]
fn the_order_of_arrival_changes_no_byte() {
    let run = sample_run();
    let mut other = run.clone();
    other.coverage.reverse();
    let machine = &mut other.machines[0];
    machine.services.reverse();
    let mut findings = machine.findings.to_vec();
    findings.reverse();
    machine.findings = Arc::new(findings);
    let (one, written) = exported(&run, &["csv", "jsonl"], &Options::default());
    let (two, again) = exported(&other, &["csv", "jsonl"], &Options::default());
    assert_eq!(written, again);
    for name in one.names() {
        assert_eq!(one.bytes(&name), two.bytes(&name), "{name}");
    }
}

#[test]
fn dialects_differ_in_mark_separator_and_line_ends_only() {
    let bytes = |dialect, destination| {
        let options = Options {
            dialect,
            destination,
            table: Some("machines".to_owned()),
            ..Options::default()
        };
        exported(&sample_run(), &["csv"], &options)
            .0
            .text("machines.csv")
    };
    let folder = bytes(Dialect::Default, Destination::Folder);
    assert!(folder.starts_with("\u{feff}run_id,machine_id,hostname,ip,fqdn,"));
    assert_eq!(folder.matches("\r\n").count(), folder.matches('\n').count());
    let european = bytes(Dialect::ExcelEu, Destination::Folder);
    assert!(european.starts_with("\u{feff}run_id;machine_id;"));
    assert_eq!(rows(&folder, b','), rows(&european, b';'));
    let plain = bytes(Dialect::Plain, Destination::Folder);
    assert!(plain.starts_with("run_id,") && !plain.contains('\r'));
    assert_eq!(bytes(Dialect::Default, Destination::Stdout), plain);
}

#[test]
fn standard_output_gets_one_table_and_no_manifest() {
    let options = Options {
        destination: Destination::Stdout,
        rows_per_file: Some(1),
        ..Options::default()
    };
    let (memory, _) = exported(&sample_run(), &["csv"], &options);
    assert_eq!(memory.names(), ["findings.csv"]);
    assert_eq!(rows(&memory.text("findings.csv"), b',').len(), 8);
}

#[test]
fn a_long_table_goes_on_in_a_next_file_with_a_header() {
    let findings = |n| (0..n).map(|n| finding("a", &format!("CVE-{n}"), FindingState::Missing));
    let run = sample::run(vec![
        read("10.0.2.1", "a", findings(3).collect()),
        read("10.0.2.2", "b", findings(2).collect()),
    ]);
    let options = Options {
        rows_per_file: Some(2),
        ..plain()
    };
    let (memory, written) = exported(&run, &["csv"], &options);
    let files = written.files.iter();
    let parts: Vec<(&str, u64)> = files
        .filter(|file| file.name.starts_with("findings") && !file.name.contains("cve"))
        .map(|file| (file.name.as_str(), file.rows))
        .collect();
    let expected = [
        ("findings-2.csv", 2),
        ("findings-3.csv", 1),
        ("findings.csv", 2),
    ];
    assert_eq!(parts, expected);
    let header = rows(&memory.text("findings.csv"), b',')[0].clone();
    for (name, count) in expected {
        let rows = rows(&memory.text(name), b',');
        assert_eq!(
            (&rows[0], rows.len() as u64),
            (&header, count + 1),
            "{name}"
        );
    }
}

#[test]
fn the_manifest_lists_what_is_there() {
    let (memory, _) = exported(&sample_run(), &["csv", "jsonl"], &Options::default());
    let manifest: serde_json::Value =
        serde_json::from_slice(&memory.bytes("manifest.json")).unwrap();
    let files = manifest["files"].as_array().unwrap();
    assert_eq!(files.len() + 1, memory.names().len());
    for file in files {
        let bytes = memory.bytes(file["name"].as_str().unwrap());
        assert_eq!(file["sha256"], hex(&Sha256::digest(&bytes)));
        assert_eq!(file["bytes"], bytes.len());
    }
    assert_eq!(manifest["run"]["catalog_age_days"], 21);
}

#[test]
fn the_manifest_counts_what_was_done_to_cells() {
    let (memory, written) = exported(&sample_run(), &["csv", "jsonl"], &Options::default());
    let of = |name: &str| written.files.iter().find(|file| file.name == name);
    let guards = of("findings.csv").and_then(|file| file.guards).unwrap();
    let shortened = memory.text("findings.csv").matches("; (+").count();
    assert_eq!(guards.cut, 1);
    assert_eq!((guards.shortened, shortened), (2, 2));
    // The name of the host, in each of its rows, and the product of one finding with what quotes it.
    assert!(guards.formula >= 2 && guards.shown >= 2, "{guards:?}");
    let plain = of("coverage.csv").and_then(|file| file.guards);
    assert_eq!(plain, Some(Guards::default()));
    // JSON has no cells, and nothing is done to what it says.
    assert_eq!(of("run.jsonl").and_then(|file| file.guards), None);
    let manifest = memory.text("manifest.json");
    assert!(manifest.contains("\"shortened\": 2"), "{manifest}");
}

#[test]
fn each_part_of_a_split_table_counts_its_own_guards() {
    let findings = ["=a", "b", "@c"].map(|name| finding(name, "CVE-1", FindingState::Missing));
    let run = sample::run(vec![read("10.0.2.1", "a", findings.to_vec())]);
    let options = Options {
        rows_per_file: Some(1),
        table: Some("findings".to_owned()),
        ..Options::default()
    };
    let (_, written) = exported(&run, &["csv"], &options);
    let guarded: Vec<bool> = written
        .files
        .iter()
        .map(|file| file.guards.unwrap().formula > 0)
        .collect();
    // `findings-2.csv` and `findings-3.csv` stand before `findings.csv`.
    assert_eq!(guarded, [true, false, true]);
}

#[test]
fn moments_are_in_columns_that_say_utc_and_days_are_not() {
    for table in tables::TABLES {
        for column in table.columns {
            let is_moment = column.kind == column::Kind::Time;
            let says_utc = column.name.ends_with("_utc");
            assert_eq!(is_moment, says_utc, "{} {}", table.name, column.name);
        }
    }
}

#[test]
fn json_lines_have_the_columns_of_the_tables() {
    let (memory, _) = exported(&sample_run(), &["csv", "jsonl"], &plain());
    let mut kinds = Vec::new();
    for line in memory.text("run.jsonl").lines() {
        let object: serde_json::Value = serde_json::from_str(line).unwrap();
        let kind = object["type"].as_str().unwrap().to_owned();
        if kinds.last() != Some(&kind) {
            kinds.push(kind);
        }
    }
    let machine = [
        "machine",
        "access",
        "software",
        "service",
        "finding",
        "finding_cve",
        "history",
    ];
    let expected = ["run", "coverage"].into_iter().chain(machine);
    let windows = [
        "machine", "access", "software", "hotfix", "service", "finding",
    ];
    let judged = windows.into_iter().chain(["finding_cve", "history"]);
    let failed = ["machine", "access", "service", "remediation"];
    let expected = expected
        .chain(windows)
        .chain(["history"])
        .chain(judged)
        .chain(failed);
    let expected: Vec<&str> = expected.collect();
    assert_eq!(kinds, expected);
}

#[test]
fn a_full_disk_names_the_document() {
    struct Full;
    impl Sink for Full {
        fn file(&mut self, name: &str) -> io::Result<Box<dyn Write>> {
            match name {
                "access.csv" => Err(io::ErrorKind::StorageFull.into()),
                _ => Ok(Box::new(Vec::new())),
            }
        }
    }
    let error = export(&sample_run(), &["csv"], &plain(), &mut Full).unwrap_err();
    assert!(
        error.to_string().starts_with("cannot write access.csv"),
        "{error}"
    );
}

#[test]
fn what_does_not_exist_is_refused_with_what_does() {
    let mut memory = Memory::default();
    let error = export(&sample_run(), &["pdf"], &plain(), &mut memory).unwrap_err();
    assert_eq!(
        error.to_string(),
        "no format is called `pdf`: choose among csv, xlsx, html, json, jsonl, facts, cyclonedx, defectdojo, nmap"
    );
    let options = Options {
        table: Some("hotfix".to_owned()),
        ..plain()
    };
    let error = export(&sample_run(), &["csv"], &options, &mut memory).unwrap_err();
    assert!(error.to_string().contains("machines, access"), "{error}");
}

/// Whether a spreadsheet would take this cell for a formula.
fn is_formula(cell: &str) -> bool {
    let begins = cell.starts_with(['=', '+', '-', '@', '\t', '\r', '\0', '＝', '＋', '－', '＠']);
    begins && cell.parse::<f64>().is_err()
}

fn check_hostile(run: &Run, dialect: Dialect) -> Result<(), TestCaseError> {
    let (own, foreign) = match dialect {
        Dialect::ExcelEu => (b';', b','),
        _ => (b',', b';'),
    };
    let options = Options {
        dialect,
        ..Options::default()
    };
    let (memory, written) = exported(run, &["csv", "jsonl"], &options);
    for file in &written.files {
        let text = memory.text(&file.name);
        if file.name == "run.jsonl" {
            prop_assert_eq!(text.lines().count() as u64, file.rows);
            continue;
        }
        // The reader refuses rows of another length than the first.
        let rows = rows(&text, own);
        prop_assert_eq!(rows.len() as u64, file.rows + 1);
        for cell in rows.iter().flatten() {
            prop_assert!(
                !is_formula(cell) && !cell.contains(char::is_control),
                "{cell:?}"
            );
            prop_assert!(cell.encode_utf16().count() <= 30_000);
        }
        let mut other = ::csv::ReaderBuilder::new();
        other.has_headers(false).flexible(true).delimiter(foreign);
        for row in other.from_reader(text.as_bytes()).records() {
            let row = row.unwrap();
            let bad = row.iter().find(|cell| is_formula(cell.trim_start()));
            prop_assert!(bad.is_none(), "{bad:?} in {row:?}");
        }
    }
    serde_json::from_slice::<serde_json::Value>(&memory.bytes("manifest.json")).unwrap();
    Ok(())
}

#[test]
fn known_tricks_do_not_work() {
    for turn in 0..HOSTILE.len() {
        let mut texts: Vec<String> = HOSTILE.iter().map(|text| (*text).to_owned()).collect();
        texts.rotate_left(turn);
        texts.push("x".repeat(31_000));
        for dialect in Dialect::ALL {
            check_hostile(&sample::filled(&texts), *dialect).unwrap();
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    #[test]
    fn no_text_breaks_a_table(
        texts in prop::collection::vec("\\PC*|.{0,40}|[-=+@;,\"'\r\n\t\0＝ 0-9e.]{0,12}", 1..40),
        european in any::<bool>(),
    ) {
        let dialect = if european { Dialect::ExcelEu } else { Dialect::Default };
        check_hostile(&sample::filled(&texts), dialect)?;
    }
}

/// A million rows; `cargo test --lib report::tests::a_million -- --ignored` says how long it takes.
#[test]
#[ignore = "a measurement"]
fn a_million_findings_are_written_in_one_pass() {
    struct Nowhere;
    impl Sink for Nowhere {
        fn file(&mut self, _: &str) -> io::Result<Box<dyn Write>> {
            Ok(Box::new(io::sink()))
        }
    }
    let findings = (0..1_700)
        .map(|n| finding("openssl", &format!("CVE-2023-{n}"), FindingState::Missing))
        .collect();
    let run = sample::run(vec![read("10.0.2.1", "web", findings); 589]);
    let written = export(&run, &["csv"], &Options::default(), &mut Nowhere).unwrap();
    let rows: u64 = written.files.iter().map(|file| file.rows).sum();
    assert!(rows > 2_000_000, "{rows}");
    assert!(
        written
            .files
            .iter()
            .any(|file| file.name == "findings-2.csv")
    );
}

/// A run that was compared with two lists.
pub(super) fn compared() -> Run {
    let mut run = sample::run(vec![unread("10.0.2.1"), unread("10.0.2.2")]);
    let standing = |state, reason: &str, suggestion: &str| Standing {
        state,
        reason: reason.to_owned(),
        confidence: Certainty::Likely,
        evidence: vec!["name legacy by smb2 445; on no list".to_owned()],
        lists: vec!["DHCP (last seen 2026-11-20)".to_owned()],
        nearest: vec!["web-1 (MAC 3 apart)".to_owned()],
        rogue_hints: vec!["name_breaks_pattern: =cmd, not WS-0000".to_owned()],
        suggestion: suggestion.to_owned(),
        merged: Vec::new(),
        conflicts: Vec::new(),
    };
    let reason = "domain_member";
    let first = standing(ManagedState::Unmanaged, reason, "find its owner");
    run.machines[0].standing = Some(first);
    run.machines[0].usual_hours = "Mon-Fri 08-10 UTC, 3 of 4 runs".to_owned();
    run.machines[1].standing = Some(standing(ManagedState::Managed, "", ""));
    let count = |name: &str, unknown_to: Vec<u64>| ListCount {
        name: name.to_owned(),
        kind: ListKind::ActiveDirectory,
        vouches: vec![Vouch::Managed],
        as_of: Some(day("2026-11-20")),
        machines: 3,
        live: 1,
        alone: 2,
        lacks: 1,
        unknown_to,
    };
    run.comparison = Some(Comparison {
        entries: vec![Entry {
            id: None,
            name: "OPTICS-LT4".to_owned(),
            addresses: vec!["10.0.2.77".parse().unwrap()],
            seems_to_be: "Windows 11 Pro".to_owned(),
            device: DeviceKind::Computer,
            rows: Vec::new(),
            standing: standing(
                ManagedState::Unseen,
                "no_answer_in_2_sweeps",
                "ask its owner",
            ),
            first_seen: None,
            last_seen: None,
            usual_hours: String::new(),
        }],
        lists: vec![count("AD", vec![0, 2]), count("DHCP", vec![1, 0])],
        subnets: vec![SubnetCount {
            subnet: "10.0.2.0/24".to_owned(),
            live: 2,
            known: 1,
            states: vec![(ManagedState::Unmanaged, 1), (ManagedState::Unseen, 1)],
        }],
        warnings: vec!["the same uuid at 10.0.2.8 and 10.0.2.9: clones".to_owned()],
        ..Comparison::default()
    });
    run
}

#[test]
fn a_run_compared_with_lists_says_who_is_on_none() {
    let run = compared();
    let (memory, written) = exported(&run, &["csv"], &plain());
    for name in ["unmanaged.csv", "lists.csv", "subnets.csv"] {
        insta::assert_snapshot!(format!("compared-{name}"), memory.text(name));
    }
    insta::assert_snapshot!("compared-summary", summary(&run, &written.counts));
    assert_eq!(
        cell(&memory, "machines.csv", 0, "managed_state"),
        "unmanaged"
    );
    assert_eq!(cell(&memory, "machines.csv", 1, "managed_state"), "managed");
    let manifest = memory.text("manifest.json");
    assert!(manifest.contains("\"unseen\": 1"), "{manifest}");
}
