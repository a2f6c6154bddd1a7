//! What is shown where a question is asked, against naive loops.

use super::super::sample::{self, Run, finding, read, unread};
use super::super::tests::{exported, plain, rows};
use super::*;
use crate::model::{
    Decided, Decision, Excepted, ExceptionId, Finding, FindingState, Remedy, Selection, Severity,
    WorkStatus,
};
use proptest::prelude::*;
use std::sync::Arc;

const PRODUCTS: [&str; 3] = ["openssl", "glibc", "Windows Server 2019"];
const STATES: [FindingState; 4] = [
    FindingState::Missing,
    FindingState::PendingReboot,
    FindingState::Unknown,
    FindingState::Fixed,
];
const SEVERITIES: [Option<Severity>; 3] = [None, Some(Severity::Low), Some(Severity::Critical)];

/// What of a finding a question may be about.
#[derive(Clone, Debug)]
struct Seed {
    product: usize,
    bulletin: u8,
    state: usize,
    severity: usize,
    is_exploited: bool,
    days_left: Option<i64>,
    is_excepted: bool,
    owner: Option<bool>,
}

fn seeds() -> impl Strategy<Value = Seed> {
    (
        (0..PRODUCTS.len(), 0..4_u8, 0..STATES.len()),
        (0..SEVERITIES.len(), any::<bool>()),
        (
            proptest::option::of(-2..2_i64),
            any::<bool>(),
            proptest::option::of(any::<bool>()),
        ),
    )
        .prop_map(
            |((product, bulletin, state), (severity, is_exploited), rest)| Seed {
                product,
                bulletin,
                state,
                severity,
                is_exploited,
                days_left: rest.0,
                is_excepted: rest.1,
                owner: rest.2,
            },
        )
}

fn planted(seed: &Seed) -> (Finding, Decision) {
    let name = format!("CVE-2024-000{}", seed.bulletin);
    let mut made = finding(PRODUCTS[seed.product], &name, STATES[seed.state]);
    made.kev = if seed.is_exploited {
        vec![name.clone()]
    } else {
        Vec::new()
    };
    (made.cves, made.kev_checked) = (vec![name], true);
    let mut decision = Decision {
        my_severity: SEVERITIES[seed.severity],
        days_left: seed.days_left,
        exception: seed.is_excepted.then(|| ExceptionId::new("e-1")),
        ..Decision::default()
    };
    decision.annotation = seed.owner.map(|is_ada| crate::model::Annotation {
        finding: FindingId::new("f-1"),
        owner: Some(if is_ada { "ada" } else { "bob" }.to_owned()),
        status: None,
        my_severity: None,
        written_by: String::new(),
        written: crate::model::UtcTime::from_unix(0),
    });
    (made, decision)
}

/// Machines 10.0.0.1, 10.0.1.2, …, of which every third was not read.
fn run_of(machines: &[Vec<Seed>]) -> Run {
    let machines = machines.iter().enumerate().map(|(at, seeds)| {
        let address = format!("10.0.{}.{}", at % 2, at + 1);
        let mut machine = if at % 3 == 2 {
            unread(&address)
        } else {
            let mut planted: Vec<_> = seeds.iter().map(planted).collect();
            planted.dedup_by_key(|(one, _)| (one.product.clone(), one.bulletin.clone()));
            let (findings, decisions): (Vec<_>, Vec<_>) = planted.into_iter().unzip();
            let mut machine = read(&address, &format!("h{at}"), Vec::new());
            machine.findings = Arc::new(findings);
            machine.decided = Some(Decided {
                has_due_dates: true,
                decisions,
                ..Decided::default()
            });
            machine
        };
        if at % 2 == 0 {
            machine.tags = vec!["owner=ada".to_owned(), "role=web".to_owned()];
        }
        machine
    });
    sample::run(machines.collect())
}

/// A question, each part of which may be missing.
fn questions() -> impl Strategy<Value = Selection> {
    (
        (
            proptest::collection::vec(0..5_u8, 0..3),
            0..SEVERITIES.len(),
            any::<[bool; 3]>(),
        ),
        (
            proptest::option::of(0..STATES.len()),
            proptest::option::of(0..PRODUCTS.len()),
            0..3_u8,
        ),
        (any::<[bool; 4]>(),),
    )
        .prop_map(
            |((names, severity, flags), (state, product, excepted), (place,))| Selection {
                bulletins: names.iter().map(|n| format!("cve-2024-000{n}")).collect(),
                my_severity: SEVERITIES[severity],
                states: state.map(|at| STATES[at]).into_iter().collect(),
                products: product
                    .map(|at| PRODUCTS[at].to_uppercase())
                    .into_iter()
                    .collect(),
                exploited: flags[0],
                overdue: flags[1],
                statuses: if flags[2] {
                    vec![WorkStatus::New]
                } else {
                    Vec::new()
                },
                excepted: [Excepted::Either, Excepted::Only, Excepted::Without]
                    [usize::from(excepted)],
                owners: if place[0] {
                    vec!["ADA".to_owned()]
                } else {
                    Vec::new()
                },
                hosts: if place[1] {
                    vec!["h0".to_owned(), "10.0.1.0/24".to_owned()]
                } else {
                    Vec::new()
                },
                tags: if place[2] {
                    vec!["role=web".to_owned()]
                } else {
                    Vec::new()
                },
                subnets: if place[3] {
                    vec!["10.0.0.0/24".parse().unwrap()]
                } else {
                    Vec::new()
                },
                ..Selection::default()
            },
        )
}

/// Whether a finding is meant, the long way.
fn is_meant(asked: &Selection, machine: &MachineRecord, at: usize) -> bool {
    let finding = &machine.findings[at];
    let decision = &machine.decided.as_ref().unwrap().decisions[at];
    let text = machine.addresses[0].to_string();
    let name = machine
        .inventory
        .as_ref()
        .and_then(|read| read.identity.hostname.known().cloned());
    let mut is_meant = true;
    if !asked.bulletins.is_empty() {
        is_meant &= asked
            .bulletins
            .iter()
            .any(|one| one.to_uppercase() == finding.bulletin.as_str());
    }
    if let (Some(least), Some(rating)) = (asked.my_severity, decision.my_severity) {
        is_meant &= rating >= least;
    }
    if let Some(state) = asked.states.first() {
        is_meant &= finding.state == *state;
    }
    if let Some(product) = asked.products.first() {
        is_meant &= finding.product.to_uppercase() == *product;
    }
    is_meant &= !asked.exploited || !finding.kev.is_empty();
    let is_late = decision.days_left.is_some_and(|days| days < 0) && decision.exception.is_none();
    is_meant &= !asked.overdue || is_late;
    is_meant &= match asked.excepted {
        Excepted::Either => true,
        Excepted::Only => decision.exception.is_some(),
        Excepted::Without => decision.exception.is_none(),
    };
    if !asked.owners.is_empty() {
        let own = machine
            .tags
            .iter()
            .any(|tag| tag == "owner=ada")
            .then_some("ada");
        let written = decision
            .annotation
            .as_ref()
            .and_then(|one| one.owner.as_deref());
        is_meant &= written.or(own) == Some("ada");
    }
    if !asked.hosts.is_empty() {
        is_meant &= text.starts_with("10.0.1.") || name.as_deref() == Some("h0");
    }
    is_meant &= asked.tags.is_empty() || !machine.tags.is_empty();
    is_meant & (asked.subnets.is_empty() || text.starts_with("10.0.0."))
}

fn options(selection: Selection) -> Options {
    Options {
        selection,
        ..plain()
    }
}

/// A closed finding of hers on a machine that is nobody's.
#[test]
fn a_machine_is_shown_for_a_closed_finding_as_well_where_these_are_asked_for() {
    let seed = Seed {
        product: 0,
        bulletin: 0,
        state: 3,
        severity: 0,
        is_exploited: false,
        days_left: None,
        is_excepted: false,
        owner: Some(true),
    };
    let run = run_of(&[Vec::new(), vec![seed]]);
    let hers = Selection {
        owners: vec!["ADA".to_owned()],
        ..Selection::default()
    };
    let closed = Selection {
        states: vec![FindingState::Fixed],
        ..hers.clone()
    };
    for asked in [hers, closed] {
        let all = Options {
            all_findings: true,
            ..options(asked)
        };
        let (memory, _) = exported(&run, &["csv"], &all);
        let found = rows(&memory.text("findings.csv"), b',');
        assert_eq!(found.len() - 1, 1, "{:?}", all.selection);
        assert_eq!(found[1][1], run.machines[1].id.as_str());
        let shown = rows(&memory.text("machines.csv"), b',');
        assert!(shown.iter().any(|row| row[1] == found[1][1]));
        assert_eq!(tally(&run, &all).unwrap().findings, 1);
    }
}

proptest! {
    #[test]
    fn findings_and_machines_are_those_of_a_naive_loop(
        machines in proptest::collection::vec(proptest::collection::vec(seeds(), 0..4), 1..7),
        asked in questions(),
    ) {
        let run = run_of(&machines);
        let (memory, _) = exported(&run, &["csv"], &options(asked.clone()));
        let mut expected = Vec::new();
        let mut with_findings = BTreeSet::new();
        for machine in run.machines.iter().filter(|one| one.inventory.is_some()) {
            for (at, finding) in machine.findings.iter().enumerate() {
                if !finding.state.is_closed() && is_meant(&asked, machine, at) {
                    with_findings.insert(machine.id.clone());
                    let id = FindingId::of(&machine.id, &finding.product, &finding.bulletin);
                    expected.push(id.as_str().to_owned());
                }
            }
        }
        let found = rows(&memory.text("findings.csv"), b',').into_iter().skip(1);
        let mut found: Vec<String> = found.map(|row| row[4].clone()).collect();
        found.sort();
        expected.sort();
        prop_assert_eq!(found, expected);
        // Whoever has such a finding is among the machines, and nobody who was read and has none, where findings
        // are asked for.
        let shown = rows(&memory.text("machines.csv"), b',').into_iter().skip(1);
        let shown: BTreeSet<String> = shown.map(|row| row[1].clone()).collect();
        for machine in &run.machines {
            let is_shown = shown.contains(machine.id.as_str());
            prop_assert!(is_shown || !with_findings.contains(&machine.id));
            let only_places = asked.owners.is_empty();
            if only_places && asked.limits_findings() && machine.inventory.is_some() {
                prop_assert_eq!(is_shown, with_findings.contains(&machine.id));
            }
        }
    }

    #[test]
    fn a_question_that_asks_nothing_changes_nothing(
        machines in proptest::collection::vec(proptest::collection::vec(seeds(), 0..4), 1..5),
    ) {
        let run = run_of(&machines);
        let (limited, _) = exported(&run, &["csv", "jsonl"], &options(Selection::default()));
        let (whole, _) = exported(&run, &["csv", "jsonl"], &plain());
        for name in whole.names() {
            prop_assert_eq!(limited.text(&name), whole.text(&name));
        }
    }
}

/// Two machines that lack an update which replaced another, one that does not, and two that were not read.
fn patched() -> Run {
    let mut missing = finding("Windows Server 2019", "KB5094123", FindingState::Missing);
    missing.remedy = Some(Box::new(Remedy {
        update: "KB5099999".to_owned(),
        kb: None,
        title: "2026-07".to_owned(),
        build: None,
        restart: None,
        prerequisites: Vec::new(),
        supersedes: vec!["KB5094123".to_owned(), "KB5090000".to_owned()],
        download: None,
        download_size: None,
        download_hash: None,
        silent_switch: None,
    }));
    let mut waits = missing.clone();
    waits.state = FindingState::PendingReboot;
    let other = finding("glibc", "CVE-2023-4911", FindingState::Missing);
    sample::run(vec![
        read("10.0.0.1", "a", vec![missing.clone(), other.clone()]),
        read("10.0.0.2", "b", vec![missing]),
        read("10.0.0.3", "c", vec![other]),
        read("10.0.0.4", "d", vec![waits]),
        unread("10.0.0.5"),
        unread("10.0.1.6"),
    ])
}

fn about(name: &str) -> Selection {
    Selection {
        bulletins: vec![name.to_owned()],
        ..Selection::default()
    }
}

#[test]
fn an_answer_says_on_how_many_and_of_how_many_nothing_is_known() {
    let run = patched();
    let said = |selection: Selection| asked(&tally(&run, &options(selection)).unwrap());
    for name in ["KB5094123", "kb5099999", "KB5090000"] {
        let said = said(about(name));
        let line = said.lines().next().unwrap();
        let rest = "is missing on 2 of 4 machines, pending_reboot on 1; 2 of 6 not assessed";
        assert_eq!(line, format!("{name} {rest}"));
        assert!(
            said.contains("3 findings on 3 machines; 4 machines read"),
            "{said}"
        );
    }
    let mut there = about("KB5094123");
    there.subnets = vec!["10.0.1.0/24".parse().unwrap()];
    let said_there = said(there);
    assert!(
        said_there.contains("no finding on any of 0 machines"),
        "{said_there}"
    );
    assert!(said_there.contains("1 of 1 not assessed"), "{said_there}");
    let none = said(about("KB1\u{1b}[2J"));
    assert!(
        none.contains("not in the catalogue") && !none.contains('\u{1b}'),
        "{none}"
    );
}

#[test]
fn sums_count_what_was_asked_and_the_manifest_counts_the_whole_run() {
    let run = patched();
    let (memory, written) = exported(&run, &["csv"], &options(about("KB5094123")));
    let steps = rows(&memory.text("remediation.csv"), b',');
    let ids: Vec<&str> = steps.iter().skip(1).map(|row| row[2].as_str()).collect();
    assert!(!memory.text("remediation.csv").contains("glibc"), "{ids:?}");
    let install = steps.iter().find(|row| row[4] == "2");
    assert!(install.is_some(), "{steps:?}");
    assert_eq!(written.counts.machines, 6);
    let manifest: serde_json::Value = serde_json::from_str(&memory.text("manifest.json")).unwrap();
    assert_eq!(manifest["counts"]["machines"], 6);
    let selection = &manifest["selection"];
    assert_eq!(selection["asked"][0], "--bulletin KB5094123");
    assert_eq!(selection["not_assessed"], 2);
    assert_eq!(selection["bulletins"]["KB5094123"]["missing"], 2);
    // Whoever was not read stays in sight.
    let machines = rows(&memory.text("machines.csv"), b',');
    assert_eq!(machines.len() - 1, 5);
    let (whole, _) = exported(&run, &["csv"], &plain());
    assert!(!whole.text("manifest.json").contains("\"selection\""));
}

#[test]
fn json_lines_of_a_part_say_so_first() {
    let (memory, _) = exported(&patched(), &["jsonl"], &options(about("KB5094123")));
    let text = memory.text("run.jsonl");
    let first: serde_json::Value = serde_json::from_str(text.lines().next().unwrap()).unwrap();
    assert_eq!(first["only"][0], "--bulletin KB5094123");
    let (whole, _) = exported(&patched(), &["jsonl"], &plain());
    assert!(
        !whole
            .text("run.jsonl")
            .lines()
            .next()
            .unwrap()
            .contains("\"only\"")
    );
}

#[test]
fn csv_and_json_lines_have_the_columns_that_are_asked_for() {
    let options = Options {
        table: Some("findings,machines".to_owned()),
        columns: ["rank", "hostname", "os_name"].map(str::to_owned).to_vec(),
        ..plain()
    };
    let (memory, _) = exported(&patched(), &["csv", "jsonl"], &options);
    assert_eq!(
        memory.names(),
        ["findings.csv", "machines.csv", "manifest.json", "run.jsonl"]
    );
    assert_eq!(
        rows(&memory.text("findings.csv"), b',')[0],
        ["rank", "hostname"]
    );
    assert_eq!(rows(&memory.text("machines.csv"), b',')[1][0], "a");
    let first = memory.text("run.jsonl").lines().next().unwrap().to_owned();
    assert_eq!(
        first,
        "{\"type\":\"finding\",\"rank\":null,\"hostname\":\"a\"}"
    );
}

#[test]
fn a_listing_has_what_the_file_has() {
    let run = patched();
    let wanted: [(&str, &[&str]); 2] = [
        ("findings", &["bulletin_id", "hostname"]),
        ("machines", &[]),
    ];
    let lists = listing(&run, &options(about("KB5094123")), &wanted).unwrap();
    assert_eq!(lists[0].columns, ["bulletin_id", "hostname"]);
    assert_eq!(lists[0].rows.len(), 3);
    assert_eq!(lists[0].rows[0], ["KB5094123", "a"]);
    let place = lists[1].place("missing_count").unwrap();
    assert_eq!(lists[1].rows.len(), 5);
    assert_eq!(lists[1].rows[4][place], "unknown");
}
