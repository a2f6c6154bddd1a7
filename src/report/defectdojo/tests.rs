//! Findings as `DefectDojo` imports them: mapping, and hostile texts.

use super::super::sample::{self, finding, read, unread};
use super::super::sample_verified::verified_run;
use super::super::sample_windows;
use super::super::tests::{exported, hostile_texts, plain};
use super::*;
use crate::model::{Decided, Decision, ExceptionId};
use serde_json::Value;
use std::collections::BTreeSet;

fn items(run: &dyn ReportSource, options: &Options) -> Vec<Value> {
    let (memory, written) = exported(run, &["defectdojo"], options);
    let document: Value = serde_json::from_str(&memory.text(NAME)).unwrap();
    let items = document["findings"].as_array().unwrap().clone();
    assert_eq!(items.len() as u64, written.files[0].rows);
    items
}

fn all() -> Options {
    Options {
        all_findings: true,
        ..plain()
    }
}

#[test]
fn a_run_as_the_import_takes_it() {
    let run = sample::run(vec![
        read(
            "10.0.2.1",
            "web`1",
            vec![finding("openssl", "CVE-2026-1", FindingState::Missing)],
        ),
        sample_windows::judged("10.0.2.9", "srv1"),
        unread("10.0.10.1"),
    ]);
    let (memory, _) = exported(&run, &["defectdojo"], &plain());
    insta::assert_snapshot!(memory.text(NAME));
}

#[test]
fn how_a_finding_stands() {
    let states = [
        FindingState::Missing,
        FindingState::NoFixYet,
        FindingState::Unknown,
        FindingState::Fixed,
        FindingState::NotApplicable,
    ];
    let of = |(at, state): (usize, &FindingState)| finding("a", &format!("CVE-2026-{at}"), *state);
    let findings: Vec<Finding> = states.iter().enumerate().map(of).collect();
    let mut machine = read("10.0.2.1", "web", findings);
    let mut decisions = vec![Decision::default(); states.len()];
    decisions[1].exception = Some(ExceptionId::new("e-00000000"));
    machine.decided = Some(Decided {
        decisions,
        ..Decided::default()
    });
    let run = sample::run(vec![machine]);
    let told: Vec<String> = items(&run, &all())
        .iter()
        .map(|item| {
            let flags = [
                "active",
                "verified",
                "risk_accepted",
                "is_mitigated",
                "false_p",
            ];
            let set = flags.iter().filter(|flag| item[**flag] == true).copied();
            let set: Vec<&str> = set.collect();
            format!(
                "{} {}: {}",
                item["tags"][0].as_str().unwrap(),
                item["severity"].as_str().unwrap(),
                set.join(" ")
            )
        })
        .collect();
    let expected = [
        "missing High: active verified",
        "no_fix_yet High: verified risk_accepted",
        "unknown Info: active",
        "fixed High: is_mitigated",
        "not_applicable High: false_p",
    ];
    assert_eq!(told, expected);
}

#[test]
fn what_was_verified_is_closed_where_it_is_fixed() {
    let told = items(&verified_run(), &plain());
    let told = told.iter().map(|item| {
        let flags = ["active", "verified", "is_mitigated"].map(|flag| item[flag] == true);
        (
            item["tags"][0].as_str().unwrap(),
            item["severity"].as_str().unwrap(),
            flags,
        )
    });
    let expected = [
        ("missing", "High", [true, true, false]),
        ("fixed", "High", [false, false, true]),
        ("unreachable", "Info", [true, false, false]),
    ];
    assert_eq!(told.collect::<Vec<_>>(), expected);
}

#[test]
fn what_nobody_rates_is_not_put_out_of_sight() {
    let mut unrated = finding("a", "CVE-1", FindingState::Missing);
    (unrated.severity, unrated.cvss_tenths) = (None, None);
    let run = sample::run(vec![read("10.0.2.1", "web", vec![unrated])]);
    let item = &items(&run, &plain())[0];
    assert_eq!(item["severity"], "Medium");
    assert!(
        item["severity_justification"]
            .as_str()
            .unwrap()
            .contains("nobody rates it")
    );
}

#[test]
fn hostile_text_is_no_markup_and_fits() {
    let mut texts = hostile_texts();
    texts.push("![x](http://tracker.example/`![y](z)`".to_owned());
    texts.push("n".repeat(70_000));
    for turn in 0..texts.len() {
        texts.rotate_left(1);
        for item in items(&sample::filled(&texts), &all()) {
            for field in ["description", "mitigation", "impact", "steps_to_reproduce"] {
                let Some(text) = item[field].as_str() else {
                    continue;
                };
                // Behind every label, all of it is one piece of code.
                for line in text.lines() {
                    let code = line
                        .split_once(": `")
                        .map_or(line, |(_, rest)| rest)
                        .trim_matches('`');
                    assert!(
                        !code.contains('`') && line.ends_with('`'),
                        "{turn} {field}: {line}"
                    );
                }
            }
            for (field, most) in [
                ("title", 511),
                ("component_name", 500),
                ("component_version", 100),
            ] {
                let text = item[field].as_str().unwrap_or_default();
                assert!(
                    text.chars().count() <= most && !text.contains(char::is_control),
                    "{field}"
                );
            }
        }
    }
}

#[test]
fn the_next_run_tells_the_same_finding_in_the_same_words() {
    let of = |day: &str, installed: &str| {
        let mut seen = finding("openssl", "CVE-2026-1", FindingState::Missing);
        installed.clone_into(&mut seen.installed);
        seen.evidence.observed = format!("openssl {installed}");
        let mut run = sample::run(vec![read("10.0.2.1", "web", vec![seen])]);
        run.summary.started = crate::model::UtcTime::parse(day).unwrap();
        let item = items(&run, &plain()).remove(0);
        ["title", "description", "severity", "unique_id_from_tool"].map(|field| item[field].clone())
    };
    assert_eq!(
        of("2026-11-22T18:00:00Z", "3.0.9"),
        of("2026-12-22T18:00:00Z", "3.0.10")
    );
}

#[test]
fn every_field_is_one_that_the_import_knows() {
    const KNOWN: &[&str] = &[
        "title",
        "severity",
        "description",
        "mitigation",
        "impact",
        "steps_to_reproduce",
        "severity_justification",
        "date",
        "planned_remediation_date",
        "vulnerability_ids",
        "cwe",
        "cvssv3_score",
        "component_name",
        "component_version",
        "unique_id_from_tool",
        "vuln_id_from_tool",
        "static_finding",
        "dynamic_finding",
        "active",
        "verified",
        "false_p",
        "risk_accepted",
        "is_mitigated",
        "mitigated",
        "endpoints",
        "tags",
    ];
    let mut seen = BTreeSet::new();
    let run = sample::run(vec![sample_windows::judged("10.0.2.9", "srv1")]);
    for item in items(&run, &all()) {
        seen.extend(item.as_object().unwrap().keys().cloned());
    }
    assert!(
        seen.iter().all(|field| KNOWN.contains(&&**field)),
        "{seen:?}"
    );
}
