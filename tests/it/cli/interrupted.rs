//! Runs that ended before they were done: whoever answered is in every file, whatever ended them.

use super::{NEW, begun_and_interrupted, desk, flags, network, sweepable};
use crate::support::{Desk, Site, Table, signal};
use rustix::process::Signal;
use serde_json::Value;
use std::collections::BTreeSet;
use std::net::IpAddr;
use std::thread;
use std::time::{Duration, Instant};
use underdesk::model::UtcTime;
use underdesk::store::RunState;

const HOSTS: usize = 16;

/// Hosts that take some seconds each.
fn slow(net: u8) -> Site {
    let addresses: Vec<String> = (1..=HOSTS).map(|at| format!("127.85.{net}.{at}")).collect();
    let more = format!("delay_ms = 60\n{NEW}");
    let hosts: Vec<(&str, &str)> = addresses
        .iter()
        .map(|at| (at.as_str(), more.as_str()))
        .collect();
    Site::serve(&network("interrupted", &hosts))
}

/// Begins a scan, and ends it when a few more hosts were logged in to. Hands back what it wrote to standard error.
fn stop(desk: &Desk, site: &Site, words: &str, by: Signal) -> String {
    let before = site.logins("audit").len();
    let child = desk.command(words).spawn().unwrap();
    let begun = Instant::now();
    while site.logins("audit").len() < before + 3 {
        assert!(begun.elapsed() < Duration::from_mins(1), "it does nothing");
        thread::sleep(Duration::from_millis(20));
    }
    signal(child.id(), by);
    let ended = desk.end(child);
    let code = (by != Signal::KILL).then_some(130);
    assert_eq!(ended.code, code, "{}", ended.err);
    ended.err
}

fn json(desk: &Desk, name: &str) -> Value {
    serde_json::from_str(&desk.read(name)).unwrap()
}

/// What each file of a run says of the hosts that answered and were not done.
fn assert_all_are_there(desk: &Desk, folder: &str, state: &str) {
    let table = |name: &str| Table::open(&desk.path(&format!("{folder}/{name}.csv")));
    let (coverage, machines, access) = (table("coverage"), table("machines"), table("access"));
    let answered = coverage.sum("answered");
    let count = |rows: usize| u128::try_from(rows).unwrap();
    assert_eq!(count(machines.rows.len()), answered);
    let left = machines.rows_where("outcome", "not_begun");
    let read = machines.rows_where("outcome", "scanned_full").len();
    assert_eq!(left.len() + read, machines.rows.len());
    assert!(
        read > 0 && left.len() > 2,
        "{read} read, {} left",
        left.len()
    );
    let addresses: BTreeSet<&str> = access.values("ip").into_iter().collect();
    assert_eq!(addresses.len(), machines.rows.len());
    for row in left {
        let ip = machines.cell(row, "ip");
        assert_eq!(access.value(("ip", ip), "result_code"), "interrupted");
        assert_eq!(access.value(("ip", ip), "attempted"), "no");
        let hint = access.value(("ip", ip), "fix_hint");
        assert!(hint.contains("--resume"), "{hint}");
    }

    let manifest = json(desk, &format!("{folder}/manifest.json"));
    assert_eq!(manifest["run"]["state"], state);
    assert_eq!(manifest["run"]["finished_utc"], Value::Null);
    let as_number = |value: &Value| u128::from(value.as_u64().unwrap());
    assert_eq!(as_number(&manifest["addresses"]["answered"]), answered);
    assert_eq!(as_number(&manifest["counts"]["machines"]), answered);
    let not_assessed = &manifest["counts"]["not_assessed"]["interrupted"];
    assert_eq!(as_number(not_assessed), answered - count(read));
    let run = json(desk, &format!("{folder}/run.json"));
    assert_eq!(run["run"]["state"], state);
    let listed = run["machines"].as_array().unwrap().len();
    assert_eq!(count(listed), answered);
    let page = desk.read(&format!("{folder}/underdesk.html"));
    assert!(page.contains("Not complete:"), "the page does not say so");
}

fn assert_is_said(err: &str, run: &str) {
    assert!(err.contains("NOT COMPLETE: "), "{err}");
    let (_, steps) = err.split_once("What to do next").expect("steps");
    let first = steps.lines().nth(1).unwrap();
    assert!(first.starts_with("  1. Finish the run"), "{err}");
    assert!(
        first.ends_with(&format!("underdesk scan --resume {run}")),
        "{err}"
    );
}

#[test]
fn whoever_answered_before_a_run_ended_is_in_every_file_however_it_ended() {
    let site = slow(61);
    let desk = desk(&site);
    let flags = flags(&site);
    let targets = format!("127.85.61.1-{HOSTS}");
    desk.expect(
        0,
        &format!("scan {targets} --hands {HOSTS} {flags} --out whole"),
    );
    let whole = desk.run_id();
    let manifest = json(&desk, "whole/manifest.json");
    assert_eq!(manifest["run"]["state"], "complete");
    let formats = "--format csv,json,html";
    for by in [Signal::INT, Signal::TERM, Signal::KILL] {
        let words = format!("scan {targets} --hands 2 {flags} {formats} --out out");
        let mut err = stop(&desk, &site, &words, by);
        let run = desk.run_id();
        assert_ne!(run, whole);
        let state = match by {
            Signal::KILL => "running",
            _ => "interrupted",
        };
        if by == Signal::KILL {
            err = desk
                .expect(3, &format!("export {run} {formats} --out out"))
                .err;
        }
        assert_all_are_there(&desk, "out", state);
        assert_is_said(&err, run.as_str());

        // Nobody is gone, unswept or new: nobody asked them who they are.
        let changes = Table::open(&desk.path("out/changes.csv"));
        let kinds: BTreeSet<&str> = changes.values("change").into_iter().collect();
        let of_machines: Vec<&&str> = kinds
            .iter()
            .filter(|kind| kind.starts_with("machine_") && **kind != "machine_changed")
            .collect();
        assert_eq!(of_machines, [&"machine_unrecognised"], "{kinds:?}");

        // Whoever asks the latest run hears that it is not all.
        for query in ["findings", "machines", "plan", "unmanaged", "diff"] {
            let asked = desk.run(query);
            assert!(asked.err.contains("not complete"), "{query}: {}", asked.err);
        }
        // Nor in the whole run, when it is the later one.
        desk.expect(0, &format!("diff {run} {whole} --out back"));
        let back = Table::open(&desk.path("back/changes.csv"));
        for kind in [
            "machine_gone",
            "machine_new",
            "machine_newly_swept",
            "machine_back",
        ] {
            assert!(back.rows_where("change", kind).is_empty(), "{kind}");
        }
        let machines = Table::open(&desk.path("out/machines.csv"));
        assert_eq!(
            back.rows_where("change", "machine_unrecognised").len(),
            machines.rows_where("outcome", "not_begun").len()
        );
        let asked = desk.run(&format!("machines {whole}"));
        assert!(!asked.err.contains("not complete"), "{}", asked.err);
    }
}

#[test]
fn resuming_visits_exactly_those_that_the_files_call_not_begun() {
    let site = slow(62);
    let desk = desk(&site);
    let flags = flags(&site);
    let words = format!("scan 127.85.62.1-{HOSTS} --hands 2 {flags} --out out");
    stop(&desk, &site, &words, Signal::INT);
    let run = desk.run_id();
    let machines = Table::open(&desk.path("out/machines.csv"));
    let left = machines.rows_where("outcome", "not_begun");
    let left: BTreeSet<IpAddr> = left
        .iter()
        .map(|row| machines.cell(row, "ip").parse().unwrap())
        .collect();
    assert!(left.len() > 2, "{left:?}");
    let before = site.logins("audit").len();
    desk.expect(0, &format!("scan --resume {run} --out out"));
    let visited: BTreeSet<IpAddr> = site.logins("audit").split_off(before).into_iter().collect();
    assert_eq!(visited, left);
    let machines = Table::open(&desk.path("out/machines.csv"));
    assert_eq!(machines.rows_where("outcome", "scanned_full").len(), HOSTS);
    assert_eq!(json(&desk, "out/manifest.json")["run"]["state"], "complete");
}

#[test]
fn the_files_of_a_sweep_that_was_not_finished_are_not_clean() {
    let site = sweepable("127.85.63");
    let desk = desk(&site);
    let port = site.port(22);
    let words = format!("sweep 127.85.63.1-254 --ports {port} --rate 20 --seed 3 --out out");
    let ended = begun_and_interrupted(&desk, &site, &words);
    assert_eq!(ended.code, Some(130), "{}", ended.err);
    let coverage = Table::open(&desk.path("out/coverage.csv"));
    assert!(coverage.sum("not_begun") > 0);
    let ended = desk.expect(3, "export --out out");
    assert!(ended.err.contains("NOT COMPLETE: "), "{}", ended.err);
}

#[test]
fn that_all_who_were_met_were_read_makes_no_run_complete() {
    let site = Site::serve(&network("met", &[("127.85.65.1", NEW)]));
    let desk = desk(&site);
    desk.expect(0, &format!("scan 127.85.65.1 {} --out out", flags(&site)));
    let run = desk.run_id();
    let at = UtcTime::parse("2099-01-01T00:00:00Z").unwrap();
    for state in [
        RunState::Running,
        RunState::Interrupted,
        RunState::CutOff,
        RunState::SafetyStop,
    ] {
        desk.store().finish_run(&run, state, at).wait().unwrap();
        desk.expect(3, "export --out out");
        desk.expect(3, "match --out out");
    }
    let complete = RunState::Complete;
    desk.store().finish_run(&run, complete, at).wait().unwrap();
    desk.expect(0, "export --out out");
}
