//! Plans of made-up machines.

use super::*;
use crate::model::{
    Annotation, BulletinId, Confidence, Date, Decision, Evidence, ExceptionId, Finding, FindingId,
    FindingState, KbId, MachineId, PlanStep, RebootAfter, Remedy, Restart, Severity, StepKind,
    Tool, Urgency, WhyLeft,
};
use proptest::prelude::*;
use std::collections::BTreeSet;
use std::net::IpAddr;

fn finding(bulletin: &str, product: &str, state: FindingState) -> Finding {
    Finding {
        bulletin: BulletinId::new(bulletin),
        title: String::new(),
        product: product.to_owned(),
        packages: Vec::new(),
        installed: "1".to_owned(),
        fixed: None,
        state,
        confidence: Confidence::High,
        severity: None,
        cvss_tenths: None,
        impacts: Vec::new(),
        cwes: Vec::new(),
        cves: vec![format!("CVE-2026-{bulletin}")],
        kev: Vec::new(),
        kev_checked: true,
        kev_due: None,
        support_ends: None,
        epss: None,
        remedy: None,
        evidence: Evidence {
            observed: String::new(),
            question: String::new(),
            rule: String::new(),
            record: String::new(),
            witnesses: Vec::new(),
        },
    }
}

/// A missing bulletin that an update closes.
fn lacks(bulletin: &str, update: &str, supersedes: &[&str]) -> Finding {
    let mut finding = finding(bulletin, "windows", FindingState::Missing);
    finding.remedy = Some(Box::new(Remedy {
        update: update.to_owned(),
        kb: KbId::find(update),
        title: format!("an update ({update})"),
        build: None,
        restart: Some(Restart::Yes),
        prerequisites: Vec::new(),
        supersedes: supersedes.iter().map(|name| (*name).to_owned()).collect(),
        download: None,
        download_size: None,
        download_hash: None,
        silent_switch: None,
    }));
    finding
}

fn package(bulletin: &str, product: &str, packages: &[&str], fixed: &str) -> Finding {
    let mut finding = finding(bulletin, product, FindingState::Missing);
    finding.packages = packages.iter().map(|name| (*name).to_owned()).collect();
    finding.fixed = Some(fixed.to_owned());
    finding
}

fn machine(number: u32, tool: Tool, findings: Vec<Finding>) -> MachineNeeds {
    let waits = findings
        .iter()
        .any(|one| one.state == FindingState::PendingReboot);
    MachineNeeds {
        id: MachineId::new(format!("m-{number:012x}")),
        hostname: format!("h-{number}"),
        address: IpAddr::from((0x0a00_0000 + number).to_be_bytes()),
        place: format!("h-{number}"),
        owner: String::new(),
        tags: Vec::new(),
        tool: Some(tool),
        held: BTreeSet::new(),
        kernels: Vec::new(),
        waits,
        findings: Arc::new(findings),
        decisions: Vec::new(),
    }
}

fn rules() -> PlanRules {
    PlanRules {
        schedule: Schedule::default(),
        only: Vec::new(),
        severity: None,
        overdue: false,
        now: UtcTime::from_unix(0),
    }
}

fn work(tool: Tool, findings: Vec<Finding>) -> Arc<Work> {
    let plan = plan(&[machine(1, tool, findings)], &rules());
    Arc::clone(&plan.machines[0].work)
}

fn kbs(work: &Work) -> Vec<(u32, RebootAfter)> {
    let steps = work.steps.iter();
    steps
        .map(|step| (step.kb.map_or(0, |kb| kb.0), step.reboot))
        .collect()
}

fn left(work: &Work) -> Vec<(WhyLeft, u64)> {
    work.left
        .iter()
        .map(|one| (one.why, one.findings))
        .collect()
}

#[test]
fn the_newest_cumulative_update_is_taken_alone_with_one_restart() {
    let work = work(
        Tool::WindowsUpdate,
        vec![
            lacks("KB5000001", "KB5000003", &["KB5000001", "KB5000002"]),
            lacks("KB5000002", "KB5000002", &[]),
            lacks("KB5000003", "KB5000003", &[]),
            lacks("KB5000009", "KB5000009", &[]),
        ],
    );
    assert_eq!(
        kbs(&work),
        [(5_000_003, RebootAfter::No), (5_000_009, RebootAfter::Yes)]
    );
    assert_eq!(work.steps[0].closes, 3);
}

#[test]
fn a_step_has_what_feeds_say_of_its_file() {
    let mut one = lacks("KB5000003", "KB5000003", &[]);
    let remedy = one.remedy.as_mut().unwrap();
    remedy.download = Some("https://example.org/x64.msu".to_owned());
    remedy.download_size = Some(7);
    remedy.silent_switch = Some("/quiet".to_owned());
    let work = work(Tool::WindowsUpdate, vec![one.clone(), one]);
    let step = &work.steps[0];
    assert_eq!(step.downloads, ["https://example.org/x64.msu"]);
    let files: Vec<_> = step.files.iter().collect();
    let [file] = files[..] else {
        panic!("{files:?}")
    };
    assert_eq!(
        (file.url.as_str(), file.size),
        ("https://example.org/x64.msu", Some(7))
    );
    assert_eq!(
        (&file.hash, file.silent.as_deref()),
        (&None, Some("/quiet"))
    );
}

#[test]
fn what_an_update_needs_comes_before_it_and_restarts_only_where_it_asks_for_one() {
    let mut rollup = lacks("KB5000003", "KB5000003", &[]);
    let needed = rollup.remedy.as_mut().unwrap();
    needed.prerequisites = vec!["KB4474419".to_owned(), "Service Pack 1".to_owned()];
    let mut stack = lacks("KB5000100", "KB5000100", &[]);
    let remedy = stack.remedy.as_mut().unwrap();
    remedy.title = "servicing stack update for Windows 7 (KB5000100)".to_owned();
    remedy.restart = Some(Restart::No);
    let pending = finding("KB5000000", "windows", FindingState::PendingReboot);
    let work = work(Tool::WindowsUpdate, vec![rollup, stack, pending]);
    let steps: Vec<(&str, RebootAfter)> = work
        .steps
        .iter()
        .map(|step| (step.kind.as_str(), step.reboot))
        .collect();
    assert_eq!(
        steps,
        [
            ("servicing_stack", RebootAfter::No),
            ("prerequisite", RebootAfter::No),
            // Nobody says whether these ask for a restart.
            ("prerequisite", RebootAfter::IfAsked),
            ("update", RebootAfter::No),
            ("restart", RebootAfter::Yes),
        ]
    );
    assert_eq!(kbs(&work)[1].0, 4_474_419);
}

#[test]
fn packages_are_one_command_and_what_it_cannot_do_is_said() {
    let mut needs = machine(
        1,
        Tool::Apt,
        vec![
            package("1", "openssl", &["libssl3", "openssl"], "3.0.15-1"),
            package("2", "openssl", &["libssl3"], "3.0.17-1"),
            package("3", "bash", &["bash"], "5.2-3"),
            package("4", "linux", &["linux-image-6.1.0-26-amd64"], "6.1.140-1"),
            package("5", "evil", &["x; rm -rf $HOME"], "1"),
            package("6", "evil", &["-oDebug"], "1"),
            package("7", "held", &["held"], "2"),
            finding("8", "old", FindingState::EndOfLife),
            finding("9", "paid", FindingState::MissingNeedsSubscription),
            finding("10", "odd", FindingState::Missing),
            finding("11", "shut", FindingState::Fixed),
        ],
    );
    needs.held.insert("held".to_owned());
    let bare = plan(std::slice::from_ref(&needs), &rules());
    let bare = &bare.machines[0].work;
    assert_eq!(bare.steps[0].kind, StepKind::Upgrade);
    needs.kernels = vec!["linux-image-amd64".to_owned()];
    let plan = plan(&[needs], &rules());
    let work = &plan.machines[0].work;
    let [step] = work.steps.as_slice() else {
        panic!("{work:?}")
    };
    assert_eq!(
        step.command,
        "apt-get update && apt-get install --only-upgrade -y -- 'bash' 'libssl3' 'linux-image-amd64' 'openssl'"
    );
    assert_eq!((step.closes, step.reboot), (4, RebootAfter::Yes));
    assert_eq!(
        left(work),
        [
            (WhyLeft::EndOfLife, 1),
            (WhyLeft::NeedsSubscription, 1),
            (WhyLeft::Held, 1),
            (WhyLeft::UnsafeName, 2),
            (WhyLeft::NoUpdateStated, 1),
        ]
    );
    assert_eq!(work.findings, 10);
}

#[test]
fn a_limit_closes_what_it_names_and_counts_what_closes_on_the_way() {
    let findings = vec![
        lacks("KB5000001", "KB5000003", &["KB5000001"]),
        lacks("KB5000003", "KB5000003", &["KB5000001"]),
        lacks("KB5000009", "KB5000009", &[]),
        finding("1", "windows", FindingState::PendingReboot),
    ];
    let only = PlanRules {
        only: vec!["kb5000001".to_owned()],
        ..rules()
    };
    let plan = plan(&[machine(1, Tool::WindowsUpdate, findings)], &only);
    let work = &plan.machines[0].work;
    assert_eq!(kbs(work), [(5_000_003, RebootAfter::Yes)]);
    assert_eq!(work.steps[0].closes, 2);
    assert_eq!(left(work), [(WhyLeft::NotAsked, 2)]);
}

#[test]
fn an_overtaken_update_is_not_installed_beside_the_one_that_replaces_it() {
    // Three updates, of which the last replaces both others.
    let work = work(
        Tool::WindowsUpdate,
        vec![
            lacks("KB5000001", "KB5000001", &[]),
            lacks("KB5000002", "KB5000002", &[]),
            lacks("KB5000003", "KB5000003", &["KB5000001", "KB5000002"]),
        ],
    );
    assert_eq!(kbs(&work), [(5_000_003, RebootAfter::Yes)]);
}

/// A machine with something late that grace sees to, something in time, and two that are excepted.
fn decided() -> MachineNeeds {
    let mut needs = machine(
        1,
        Tool::Apt,
        vec![
            package("1", "openssl", &["libssl3"], "3.0.15-1"),
            package("2", "bash", &["bash"], "5.2-3"),
            package("3", "curl", &["curl"], "8.0-1"),
            finding("4", "kernel", FindingState::PendingReboot),
        ],
    );
    let decision = |due: &str, left: i64, severity: Severity| Decision {
        my_severity: Some(severity),
        due: Date::parse(due),
        days_left: Some(left),
        ..Decision::default()
    };
    needs.decisions = vec![
        decision("2026-11-01", -3, Severity::Low),
        decision("2026-12-01", 27, Severity::Critical),
        decision("2026-10-01", -34, Severity::High),
        decision("2026-10-01", -34, Severity::High),
    ];
    needs.decisions[0].annotation = Some(Annotation {
        finding: FindingId::new("f-1"),
        owner: Some("grace".to_owned()),
        status: None,
        my_severity: None,
        written_by: "ada".to_owned(),
        written: UtcTime::from_unix(0),
    });
    for decision in needs.decisions.iter_mut().skip(2) {
        decision.exception = Some(ExceptionId::new("e-1"));
    }
    needs
}

#[test]
fn what_is_excepted_is_left_and_what_is_late_can_be_asked_for_alone() {
    let day = |text: &str| Date::parse(text);
    let needs = decided();
    let work =
        |rules: &PlanRules| Arc::clone(&plan(std::slice::from_ref(&needs), rules).machines[0].work);
    let all = work(&rules());
    // The machine waits for a restart that somebody was allowed to leave.
    let [step] = all.steps.as_slice() else {
        panic!("{all:?}")
    };
    assert_eq!(step.packages, ["bash", "libssl3"]);
    assert_eq!(left(&all), [(WhyLeft::Excepted, 2)]);
    let urgency = Urgency {
        severity: Some(Severity::Critical),
        due: day("2026-11-01"),
        overdue: 1,
    };
    assert_eq!(step.urgency, urgency);
    let [late] = step.late.as_slice() else {
        panic!("{:?}", step.late)
    };
    assert_eq!((late.owner.as_deref(), late.findings), (Some("grace"), 1));
    assert_eq!(
        (late.severity, late.due),
        (Some(Severity::Low), day("2026-11-01"))
    );
    assert_eq!(all.left[0].urgency.overdue, 0);
    let late = work(&PlanRules {
        overdue: true,
        ..rules()
    });
    assert_eq!(late.steps[0].packages, ["libssl3"]);
    assert_eq!(
        left(&late),
        [(WhyLeft::Excepted, 2), (WhyLeft::NotAsked, 1)]
    );
    let bad = work(&PlanRules {
        severity: Some(Severity::High),
        ..rules()
    });
    assert_eq!(bad.steps[0].packages, ["bash"]);
}

const STATES: [FindingState; 12] = [
    FindingState::Missing,
    FindingState::MissingNeedsSubscription,
    FindingState::PendingReboot,
    FindingState::Inconsistent,
    FindingState::NoFixYet,
    FindingState::WontFix,
    FindingState::EndOfLife,
    FindingState::Unknown,
    FindingState::Unverified,
    FindingState::Fixed,
    FindingState::Superseded,
    FindingState::NotApplicable,
];

/// Any finding: of any state, with or without an update, its names as hosts may give them.
fn findings() -> impl Strategy<Value = Vec<Finding>> {
    let one = (
        0_usize..12,
        proptest::option::of((0_u32..6, 0_u32..6, 0_u32..9)),
        ".{0,12}",
        proptest::collection::vec("[a-z'\"$(){};`|&\n -]{0,8}|[a-z][a-z0-9+.-]{1,8}", 0..3),
        proptest::option::of("[0-9]\\.[0-9]"),
        0_u32..20,
    );
    let one = one.prop_map(|(state, remedy, product, packages, fixed, number)| {
        let name = |number: u32| format!("KB{}", 5_000_000 + number);
        let mut found = match remedy {
            Some((update, replaced, needed)) => {
                let mut found = lacks(&name(number), &name(update), &[&name(replaced)]);
                let remedy = found.remedy.as_mut().unwrap();
                remedy.prerequisites.push(name(needed));
                remedy.restart = [None, Some(Restart::No), Some(Restart::Yes)]
                    [usize::try_from(update % 3).unwrap()];
                found
            }
            None => finding(&number.to_string(), &product, FindingState::Missing),
        };
        found.state = STATES[state];
        found.packages = packages;
        found.fixed = fixed;
        found
    });
    proptest::collection::vec(one, 0..12)
}

/// The words that a shell would see in a command: only `&&`, options, verbs and quoted names are in it.
fn is_harmless(tool: Tool, step: &PlanStep) -> bool {
    let Some(rest) = tool
        .upgrade()
        .and_then(|verb| step.command.strip_prefix(verb))
    else {
        return step.command.is_empty() || step.kind == StepKind::Restart;
    };
    rest.split_whitespace().all(|word| {
        let name = word
            .strip_prefix('\'')
            .and_then(|word| word.strip_suffix('\''));
        name.is_some_and(|name| {
            let mut bytes = name.bytes();
            let fits = |byte: u8| byte.is_ascii_alphanumeric() || b"+._-/".contains(&byte);
            bytes
                .next()
                .is_some_and(|byte| byte.is_ascii_alphanumeric())
                && bytes.all(fits)
        })
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1_000))]

    #[test]
    fn every_open_finding_is_closed_once_or_left_with_a_reason(
        findings in findings(), tool in 0_usize..4,
    ) {
        let tool = [Tool::Apt, Tool::Dnf, Tool::Pacman, Tool::WindowsUpdate][tool];
        let open = findings.iter().filter(|one| !one.state.is_closed()).count();
        let needs = machine(1, tool, findings);
        let made = plan(std::slice::from_ref(&needs), &rules());
        let empty = Arc::default();
        let work = made.machines.first().map_or(&empty, |one| &one.work);
        let closed: u64 = work.steps.iter().map(|step| step.closes).sum();
        let left: u64 = work.left.iter().map(|one| one.findings).sum();
        prop_assert_eq!(closed + left, u64::try_from(open).unwrap());
        prop_assert_eq!(work.findings, closed + left);
        for step in &work.steps {
            prop_assert!(is_harmless(tool, step), "{}", step.command);
        }
        // One restart at the end at most, and one before where something waits for it.
        let last = work.steps.len().saturating_sub(1);
        let restarts = work.steps.iter().take(last).filter(|one| one.reboot != RebootAfter::No);
        prop_assert!(restarts.count() <= work.steps.iter().filter(|one| !one.prerequisites.is_empty()).count());
    }

    #[test]
    fn the_order_in_which_things_come_decides_nothing(
        mut lists in proptest::collection::vec(findings(), 1..4),
    ) {
        let machines = |lists: &[Vec<Finding>]| {
            let lists = (1..).zip(lists.iter().cloned());
            lists.map(|(at, one)| machine(at, Tool::Apt, one)).collect::<Vec<_>>()
        };
        let first = plan(&machines(&lists), &rules());
        for list in &mut lists {
            list.reverse();
        }
        let mut turned = machines(&lists);
        turned.reverse();
        prop_assert_eq!(plan(&turned, &rules()), first);
    }
}

#[test]
fn a_thousand_machines_of_which_none_is_like_another_are_planned_in_seconds() {
    let machines = (0..1_000_u32).map(|number| {
        let mut findings: Vec<Finding> = (0..30_u32)
            .map(|at| {
                let name = format!("lib{}-{at}", number % 997);
                package(&format!("{number}-{at}"), &name, &[&name], "1.2-3")
            })
            .collect();
        findings.extend((0..4_u32).map(|at| {
            let name = format!("KB{}", 5_000_000 + at);
            lacks(&name, &name, &["KB5000000"])
        }));
        machine(number, Tool::Apt, findings)
    });
    let machines: Vec<MachineNeeds> = machines.collect();
    let begin = std::time::Instant::now();
    let plan = plan(&machines, &rules());
    let took = begin.elapsed();
    assert_eq!(plan.machines.len(), 1_000);
    // Unoptimised, and beside other tests; benches/plan.rs has ten times as many.
    assert!(took.as_secs() < 10, "{took:?}");
}
