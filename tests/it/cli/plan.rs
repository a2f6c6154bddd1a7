//! The plan of a scan, from outside.

use super::{NEW, OLD, desk, flags, network};
use crate::support::{Desk, Site, Table};

/// Two old machines and a new one.
fn scanned(net: u8) -> (Site, Desk) {
    let at = |last: u8| format!("127.87.{net}.{last}");
    let (one, two, three) = (at(1), at(2), at(3));
    let site = Site::serve(&network("plan", &[(&one, OLD), (&two, OLD), (&three, NEW)]));
    let desk = desk(&site);
    desk.write(
        "targets.txt",
        &format!("{one} tags=pilot owner=ada\n{two}\n{three}\n"),
    );
    desk.write(
        "policy.toml",
        "[windows]\nutc_offset = \"+01:00\"\npilot = \"sat 22:00-02:00\"\n\"*\" = \"daily 01:00-03:00\"\n",
    );
    let scan = format!("scan @targets.txt {} --out files", flags(&site));
    desk.expect(0, &scan);
    (site, desk)
}

const FROM: &str = "--from 2026-11-26T10:00:00Z";

#[test]
fn a_plan_adds_up_to_the_findings_of_the_run() {
    let (_site, desk) = scanned(141);
    let page = desk.expect(0, &format!("plan {FROM}")).out;
    assert!(page.contains("Nothing is deployed"), "{page}");
    desk.expect(
        0,
        &format!("plan {FROM} --format csv,ansible,txt,powershell-wsus --out plan"),
    );
    let plan = Table::open(&desk.path("plan/plan.csv"));
    assert_eq!(plan.header[..4], ["run_id", "machine_id", "hostname", "ip"]);
    let findings = Table::open(&desk.path("files/findings.csv"));
    let all = plan.sum("closes") + plan.sum("left_open");
    assert_eq!(all, findings.rows.len() as u128);
    assert!(plan.sum("closes") > 0);
    let pilot = plan.rows_where("wave", "pilot");
    for row in &pilot {
        assert_eq!(plan.cell(row, "ip"), "127.87.141.1");
        assert_eq!(plan.cell(row, "owner"), "ada");
        assert_eq!(plan.cell(row, "window_start"), "2026-11-28T21:00:00Z");
        assert_eq!(plan.cell(row, "window_end"), "2026-11-29T01:00:00Z");
    }
    assert!(!pilot.is_empty());
    // One command for all packages of a machine.
    let steps = plan.rows_where("kind", "packages");
    assert_eq!(steps.len(), 2);
    for step in steps {
        let command = plan.cell(step, "command");
        let head = "apt-get update && apt-get install --only-upgrade -y -- '";
        assert!(command.starts_with(head), "{command}");
        let versions = plan.cell(step, "version");
        assert!(versions.contains("curl 7.88.1-"), "{versions}");
    }
    assert_eq!(desk.read("plan/plan-pilot.txt"), "127.87.141.1\n");
    assert_eq!(desk.read("plan/plan-rest.txt"), "127.87.141.2\n");
    let inventory = desk.read("plan/plan-inventory.yml");
    assert!(inventory.contains("underdesk_pilot_apt"), "{inventory}");
    let playbook = desk.read("plan/plan-rest.yml");
    assert!(playbook.contains("underdesk_rest_apt"), "{playbook}");
    // The ids are those of the remediation table.
    let remediation = Table::open(&desk.path("files/remediation.csv"));
    let known = remediation.values("fix_id");
    for ids in plan.values("fix_id") {
        for id in ids
            .split("; ")
            .filter(|id| !id.is_empty() && !id.starts_with("(+"))
        {
            assert!(known.contains(&id), "{id}");
        }
    }
}

#[test]
fn a_plan_can_be_limited_to_updates_machines_and_waves() {
    let (_site, desk) = scanned(142);
    let findings = Table::open(&desk.path("files/findings.csv"));
    let cve = findings
        .rows_where("state", "missing")
        .first()
        .map(|row| {
            findings
                .cell(row, "cves")
                .split("; ")
                .next()
                .unwrap()
                .to_owned()
        })
        .unwrap();
    let table = |words: &str| {
        let words = format!("plan {FROM} {words} --format csv --out limited");
        desk.expect(0, &words);
        Table::open(&desk.path("limited/plan.csv"))
    };
    let all = table("").sum("closes");
    let one = table(&format!("--kb {cve}"));
    assert!(one.sum("closes") < all, "{cve}");
    assert!(one.sum("closes") > 0, "{cve}");
    let hosts = table("--host 127.87.142.2");
    assert!(hosts.values("ip").iter().all(|ip| *ip == "127.87.142.2"));
    let tagged = table("--tag pilot");
    assert!(tagged.values("ip").iter().all(|ip| *ip == "127.87.142.1"));
    let txt = desk.expect(0, "plan --format txt --wave pilot -o -").out;
    assert_eq!(txt, "127.87.142.1\n");
    for (words, said) in [
        ("plan --host nobody", "--host"),
        ("plan --kb foo --format txt", "--kb foo"),
        (
            "plan --kb foo,KB4999999 -o - --format csv",
            "--kb KB4999999,foo",
        ),
        ("plan --wave third", "pilot, critical, rest"),
        ("plan --my-severity dire", "--my-severity"),
        ("plan --severity high", "--my-severity"),
        ("plan --from yesterday", "--from"),
        ("plan --format pdf", "ansible"),
        ("plan --format ansible -o -", "--out"),
        ("plan --out x", "--format"),
    ] {
        let err = desk.expect(2, words).err;
        assert!(err.contains(said), "{words}: {err}");
    }
    desk.write("policy.toml", "[windows]\n\"*\" = \"always\"\n");
    let err = desk.expect(2, "plan").err;
    assert!(err.contains("policy.toml: line 2"), "{err}");
}

/// A policy by which all is to be fixed the day after it was seen.
const STRICT: &str = "[due]\ncritical = 1\nhigh = 1\nmedium = 1\nlow = 1\nunrated = 1\n";

#[test]
fn what_is_overdue_is_listed_owner_by_owner() {
    let (_site, desk) = scanned(143);
    let err = desk.expect(2, "plan --overdue").err;
    assert!(err.contains("[due]"), "{err}");
    desk.write("policy.toml", STRICT);
    // Nothing is late on the day of the scan.
    let page = desk.expect(0, "plan").out;
    assert!(!page.contains("OVERDUE"), "{page}");
    desk.expect(0, "plan --format overdue --out none");
    assert!(Table::open(&desk.path("none/overdue.csv")).rows.is_empty());
}

/// The plan of the company that the program itself serves over WinRM and SSH.
fn planned_demo() -> (Desk, Table, Table) {
    let desk = Desk::without_catalog();
    desk.expect(0, "demo --out demo");
    desk.write("policy.toml", "[due]\nkev = \"due_date\"\n");
    let formats = "--format csv,overdue,powershell-wsus --out plan";
    desk.expect(0, &format!("plan {DEMO} {FROM} {formats}"));
    let plan = Table::open(&desk.path("plan/plan.csv"));
    let findings = Table::open(&desk.path("demo/findings.csv"));
    (desk, plan, findings)
}

const DEMO: &str = "--store demo/operator/underdesk.db --policy policy.toml";

#[test]
fn a_windows_gets_its_updates_by_name() {
    let (desk, plan, findings) = planned_demo();
    let all = plan.sum("closes") + plan.sum("left_open");
    assert_eq!(all, findings.rows.len() as u128);
    let updates = plan.rows_where("kind", "update");
    assert!(!updates.is_empty());
    // Each update of the plan is one that a finding of that machine asks for.
    for row in &updates {
        let machine = findings.rows_where("machine_id", plan.cell(row, "machine_id"));
        let what = plan.cell(row, "what");
        let kb = what
            .split([' ', ':'])
            .find(|word| word.starts_with("KB"))
            .unwrap();
        let mut fixes = machine.iter().map(|one| findings.cell(one, "fix"));
        assert!(fixes.any(|fix| fix.contains(kb)), "{what}");
    }
    let script = desk.read("plan/plan-wsus.ps1");
    assert!(
        script.contains("KB") && script.contains("underdesk-"),
        "{script}"
    );
}

#[test]
fn what_cisa_wanted_fixed_by_now_is_overdue() {
    let (desk, _, findings) = planned_demo();
    let overdue = Table::open(&desk.path("plan/overdue.csv"));
    let can_be_fixed = [
        "missing",
        "missing_needs_subscription",
        "pending_reboot",
        "inconsistent",
        "end_of_life",
    ];
    let late = findings.rows.iter().filter(|row| {
        let due = findings.cell(row, "kev_due_date");
        let state = findings.cell(row, "state");
        !due.is_empty() && due < "2026-11-01" && can_be_fixed.contains(&state)
    });
    let late = late.count();
    assert!(late > 0);
    assert_eq!(overdue.sum("overdue"), late as u128);
    let owners = overdue.values("owner");
    assert!(owners.is_sorted(), "{owners:?}");
    let page = desk.expect(0, &format!("plan {DEMO} --overdue")).out;
    assert!(page.contains("OVERDUE: OWNER"), "{page}");
}

#[test]
fn a_plan_follows_the_severities_of_the_policy_and_leaves_what_is_excepted() {
    let (_site, desk) = scanned(144);
    let table = |words: &str| {
        desk.expect(0, &format!("plan {FROM} {words} --format csv --out made"));
        Table::open(&desk.path("made/plan.csv"))
    };
    let low = "[[severity]]\nid = \"low\"\nreason = \"a lab\"\nstate = [\"missing\", \"pending_reboot\"]\nset = \"low\"\n";
    desk.write("policy.toml", low);
    let high = table("--my-severity high");
    assert!(
        high.rows_where("reason", "not_asked")
            .iter()
            .any(|row| high.cell(row, "my_severity") == "low")
    );
    assert_eq!(high.sum("closes"), 0, "all that can be closed is low here");
    let all = table("");
    assert!(all.sum("closes") > 0);
    assert!(all.values("my_severity").contains(&"low"));
    // An exception for all of one machine leaves it alone, and says so.
    desk.expect(
        0,
        "except add --bulletin * --host 127.87.144.2 --owner ada --reason lab --until 2099-01-01",
    );
    let excepted = table("");
    let other: Vec<_> = excepted
        .rows_where("ip", "127.87.144.2")
        .iter()
        .map(|row| excepted.cell(row, "reason").to_owned())
        .collect();
    assert!(other.contains(&"excepted".to_owned()), "{other:?}");
    assert!(
        excepted
            .rows_where("ip", "127.87.144.2")
            .iter()
            .all(|row| excepted.cell(row, "closes") == "0")
    );
    assert_eq!(
        excepted.sum("closes") + excepted.sum("left_open"),
        all.sum("closes") + all.sum("left_open")
    );
    let hidden = table("--no-users");
    assert!(hidden.values("owner").iter().all(|owner| owner.is_empty()));
}
