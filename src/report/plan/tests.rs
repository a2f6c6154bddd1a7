//! The formats of a plan: as they are, and with everything hostile that a host can put into one.

use super::*;
use crate::model::{
    Canaries, Date, FixId, KbId, Late, LeftOpen, MachineId, PlanStep, RebootAfter, RunId, RunState,
    Severity, StepKind, Tool, Urgency, UtcTime, WhyLeft, Work,
};
use proptest::prelude::*;
use std::net::IpAddr;
use std::sync::Arc;

fn run() -> RunSummary {
    RunSummary {
        id: RunId::new("r-1"),
        kind: "scan".to_owned(),
        started: UtcTime::from_unix(0),
        finished: None,
        operator: "op".to_owned(),
        authorised_by: None,
        targets: Vec::new(),
        guards_lifted: Vec::new(),
        site: "default".to_owned(),
        catalog_digest: String::new(),
        catalog_imported: None,
        catalog_feed: String::new(),
        programs_digest: String::new(),
        simulated: false,
        canaries: Canaries::default(),
        state: RunState::Complete,
    }
}

fn step(kind: StepKind, what: &str, reboot: RebootAfter) -> PlanStep {
    PlanStep {
        kind,
        fixes: vec![FixId::of(&[what])],
        what: what.to_owned(),
        version: String::new(),
        kb: KbId::find(what),
        packages: Vec::new(),
        reboot,
        closes: 2,
        cves: vec!["CVE-2026-1".to_owned(), "CVE-2026-2".to_owned()],
        kev: vec!["CVE-2026-2".to_owned()],
        urgency: Urgency::default(),
        late: Vec::new(),
        prerequisites: Vec::new(),
        downloads: Vec::new(),
        files: std::collections::BTreeSet::new(),
        command: String::new(),
    }
}

fn machine(last: u8, name: &str, tool: Tool, steps: Vec<PlanStep>) -> MachinePlan {
    let address = IpAddr::from([192, 0, 2, last]);
    let findings = 1 + steps.iter().map(|step| step.closes).sum::<u64>();
    let left = LeftOpen {
        why: WhyLeft::NoFixYet,
        findings: 1,
        products: vec![name.to_owned()],
        cves: Vec::new(),
        kev: Vec::new(),
        urgency: Urgency::default(),
        late: Vec::new(),
    };
    MachinePlan {
        id: MachineId::new(format!("m-{last:012x}")),
        hostname: name.to_owned(),
        address,
        place: address.to_string(),
        owner: "ada".to_owned(),
        wave: usize::from(last > 2),
        window: Some((UtcTime::from_unix(3600), UtcTime::from_unix(7200))),
        tool: Some(tool),
        work: Arc::new(Work {
            steps,
            left: vec![left],
            findings,
        }),
    }
}

fn packages(names: &[&str]) -> PlanStep {
    PlanStep {
        packages: names.iter().map(|name| (*name).to_owned()).collect(),
        command: format!("apt-get … '{}'", names.join("' '")),
        ..step(StepKind::Packages, "upgrade", RebootAfter::IfAsked)
    }
}

/// Two waves: a Debian and a Rocky Linux first, then two Windows machines.
fn sample(name: &str) -> Plan {
    let windows = vec![
        step(
            StepKind::ServicingStack,
            "install KB5000100",
            RebootAfter::No,
        ),
        step(
            StepKind::Prerequisite,
            "install KB4474419",
            RebootAfter::IfAsked,
        ),
        step(StepKind::Update, "install KB5094123", RebootAfter::Yes),
    ];
    let restart = vec![
        step(StepKind::Update, "install KB5094123", RebootAfter::No),
        step(StepKind::Upgrade, name, RebootAfter::No),
        step(StepKind::Restart, "restart", RebootAfter::Yes),
    ];
    let mut late = packages(&["bash", "libssl3"]);
    late.urgency = Urgency {
        severity: Some(Severity::High),
        due: Date::parse("2026-11-02"),
        overdue: 2,
    };
    late.late = [None, Some("grace".to_owned())]
        .map(|owner| Late {
            owner,
            severity: Some(Severity::High),
            due: Date::parse("2026-11-02"),
            findings: 1,
        })
        .into();
    Plan {
        waves: vec!["pilot".to_owned(), "rest".to_owned()],
        machines: vec![
            machine(1, name, Tool::Apt, vec![late]),
            machine(2, name, Tool::Dnf, vec![packages(&["kernel"])]),
            machine(3, name, Tool::WindowsUpdate, windows),
            machine(4, name, Tool::WindowsUpdate, restart),
        ],
    }
}

fn files(plan: &Plan) -> Vec<(String, String)> {
    let options = Options {
        dialect: crate::report::Dialect::Plain,
        ..Options::default()
    };
    let made = PLAN_FORMATS.iter();
    let made = made.flat_map(|format| format.write(plan, &run(), &options).unwrap());
    made.map(|file| (file.name, String::from_utf8(file.bytes).unwrap()))
        .collect()
}

#[test]
fn every_format_as_it_is() {
    let plan = sample("web-1");
    for (name, text) in files(&plan) {
        assert!(is_plan_file(&name), "{name}");
        insta::assert_snapshot!(name, text.replace("\r\n", "\n"));
    }
    insta::assert_snapshot!("page", plan_page(&plan, &run(), true));
}

#[test]
fn where_no_step_is_left_there_is_no_table_without_rows() {
    let plan = Plan {
        waves: vec!["all".to_owned()],
        machines: vec![machine(1, "web-1", Tool::Apt, Vec::new())],
    };
    let page = plan_page(&plan, &run(), true);
    for head in ["WAVE", "KIND", "WHAT"] {
        assert!(!page.contains(head), "{head}: {page}");
    }
    assert!(page.contains("STAYS OPEN"), "{page}");
    let last = "1 open or undecided finding on 1 machine: the steps close 0, 1 stays open.\n";
    assert!(page.ends_with(last), "{page}");
}

fn yaml(text: &str) -> serde_json::Value {
    serde_saphyr::from_str(text).unwrap_or_else(|error| panic!("{error}\n{text}"))
}

#[test]
fn playbooks_and_the_inventory_are_yaml_for_every_tool() {
    for tool in [
        Tool::Apt,
        Tool::Dnf,
        Tool::Yum,
        Tool::Zypper,
        Tool::Apk,
        Tool::Pacman,
        Tool::Pkg,
        Tool::Opkg,
        Tool::Emerge,
        Tool::WindowsUpdate,
    ] {
        let plan = Plan {
            waves: vec!["rest".to_owned()],
            machines: vec![MachinePlan {
                wave: 0,
                ..machine(1, "x", tool, vec![packages(&["bash"])])
            }],
        };
        for (name, text) in files(&plan) {
            if name.contains(".yml") {
                let read = yaml(&text);
                // What no module does is nobody's: Ansible takes no playbook without a play.
                let is_by_hand = matches!(tool, Tool::Opkg | Tool::Emerge);
                let plays = read.as_array().into_iter().flatten();
                for play in plays {
                    let tasks = play["tasks"].as_array().unwrap();
                    assert_eq!(tasks.is_empty(), is_by_hand, "{text}");
                    let group = if is_by_hand {
                        "underdesk_rest".to_owned()
                    } else {
                        format!("underdesk_rest_{}", tool.as_str())
                    };
                    assert_eq!(play["hosts"], group);
                }
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn what_a_host_calls_itself_changes_no_file_for_a_tool(name in "(\\PC|[\n\r\t\"'`$;|&{}%\u{1b}]){0,40}") {
        let plain = files(&sample("web-1"));
        let hostile = files(&sample(&name));
        for ((file, before), (_, after)) in plain.iter().zip(&hostile) {
            if !file.contains(".csv") {
                prop_assert_eq!(before, after);
            }
        }
        // In the tables it is in its cells, escaped.
        for (_, table) in hostile.iter().filter(|(file, _)| file.contains(".csv")) {
            let mut reader = ::csv::ReaderBuilder::new().from_reader(table.as_bytes());
            for row in reader.records() {
                let row = row.unwrap();
                prop_assert_eq!(&row[0], "r-1");
                for cell in &row {
                    prop_assert!(!cell.starts_with(['=', '+', '@', '\t', '\r', '\n']), "{cell:?}");
                    prop_assert!(!cell.contains(char::is_control), "{cell:?}");
                }
            }
        }
        let page = plan_page(&sample(&name), &run(), true);
        prop_assert!(page.chars().all(|one| one == '\n' || !one.is_control()));
    }
}

#[test]
fn machines_with_one_name_or_a_colon_are_told_apart_by_their_ids() {
    let mut plan = sample("web-1");
    plan.machines[0].place = "web".to_owned();
    plan.machines[1].place = "web".to_owned();
    plan.machines[2].place = "2001:db8::1".to_owned();
    let all = files(&plan);
    let (_, inventory) = all
        .iter()
        .find(|(name, _)| name == "plan-inventory.yml")
        .unwrap();
    let read = yaml(inventory);
    let groups = &read["all"]["children"];
    let apt = &groups["underdesk_pilot"]["children"]["underdesk_pilot_apt"]["hosts"];
    assert_eq!(apt["m-000000000001"]["ansible_host"], "web");
    let windows = &groups["underdesk_rest"]["children"]["underdesk_rest_windows"]["hosts"];
    assert_eq!(windows["m-000000000003"]["ansible_host"], "2001:db8::1");
    let stages = &windows["m-000000000003"]["underdesk_stages"];
    assert_eq!(stages[0]["kbs"][0], "KB5000100");
    assert_eq!(stages[0]["reboot"], false);
    assert_eq!(stages[1]["reboot"], true);
    assert_eq!(stages[2]["kbs"][0], "KB5094123");
}
