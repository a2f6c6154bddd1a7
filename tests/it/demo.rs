//! The demo: what a newcomer sees first.

use crate::support::{Desk, Table};
use std::collections::BTreeMap;

/// A row by its columns.
type Row = BTreeMap<String, String>;

fn rows(desk: &Desk, file: &str) -> Vec<Row> {
    let table = Table::open(&desk.path(file));
    let row = |cells: &Vec<String>| {
        table
            .header
            .iter()
            .cloned()
            .zip(cells.iter().cloned())
            .collect()
    };
    table.rows.iter().map(row).collect()
}

fn at<'a>(rows: &'a [Row], name: &str) -> &'a Row {
    let found = rows
        .iter()
        .find(|row| row["hostname"].eq_ignore_ascii_case(name));
    found.unwrap_or_else(|| panic!("{name} is not there"))
}

#[test]
fn the_demo_finds_whom_no_list_knows() {
    let desk = Desk::without_catalog();
    desk.expect(0, "demo --out demo");
    let rows = rows(&desk, "demo/unmanaged.csv");
    // Nobody has a credential for it.
    let forgotten = at(&rows, "legacy-erp");
    assert_eq!(forgotten["managed_state"], "unmanaged");
    assert_eq!(forgotten["managed_reason"], "domain_member");
    assert!(
        forgotten["seems_to_be"].contains("Windows Server 2008 R2"),
        "{forgotten:?}"
    );
    assert!(forgotten["services"].contains("IIS 7.5"), "{forgotten:?}");
    assert!(
        forgotten["services"].contains("legacy-erp.larkspur.example"),
        "{forgotten:?}"
    );
    assert!(!forgotten["evidence"].is_empty() && !forgotten["suggestion"].is_empty());
    let state = |name: &str| at(&rows, name)["managed_state"].clone();
    // The one under the desk has a lease, and a lease makes nobody responsible for it.
    let desk_machine = at(&rows, "label-printing-do-not-turn-off");
    assert_eq!(desk_machine["managed_state"], "unmanaged");
    assert!(desk_machine["lists"].contains("DHCP"), "{desk_machine:?}");
    // It shows a key, and no name: the list's is not its.
    let jump = rows.iter().find(|row| row["ip"] == "127.77.0.50").unwrap();
    let said = ["hostname", "managed_state", "managed_reason", "confidence"]
        .map(|name| jump[name].as_str());
    assert_eq!(
        said,
        ["unknown", "overlooked", "no_credential_works", "guess"]
    );
    assert!(
        jump["merged"].contains("only the list calls it jump"),
        "{jump:?}"
    );
    assert_eq!(state("OPTICS-LT4"), "out_of_scope");
    let machines = self::rows(&desk, "demo/machines.csv");
    let door = machines
        .iter()
        .find(|row| row["ip"] == "127.77.1.51")
        .unwrap();
    assert_eq!(door["managed_state"], "expected");
    assert_eq!(at(&machines, "web-1")["managed_state"], "managed");
}

#[test]
fn the_demo_tells_who_is_not_as_its_baseline_says() {
    let desk = Desk::without_catalog();
    let ended = desk.expect(0, "demo --out demo");
    assert!(ended.err.contains("  drift      "), "{}", ended.err);
    let rows = rows(&desk, "demo/drift.csv");
    let state = |name: &str, rule: &str| {
        let mut rows = rows.iter();
        let row = rows.find(|row| row["hostname"] == name && row["rule"] == rule);
        row.map(|row| (row["state"].clone(), row["found"].clone()))
    };
    let drift = |found: &str| Some(("drift".to_owned(), found.to_owned()));
    assert_eq!(state("web-2", "minimum"), drift("openssl 3.0.9-1"));
    assert_eq!(
        state("label-printing-do-not-turn-off", "os_version"),
        drift("11")
    );
    // As it should be, and not told.
    assert_eq!(state("web-1", "minimum"), None);
    assert!(
        rows.iter()
            .any(|row| row["rule"] == "build" && row["state"] == "drift")
    );
}

#[test]
fn the_demo_is_on_one_day_whatever_day_it_is_and_the_next_on_the_day_after() {
    let desk = Desk::without_catalog();
    for (day, seen) in [("20261124", "1"), ("20261125", "2")] {
        desk.expect(0, "demo --out demo");
        let findings = rows(&desk, "demo/findings.csv");
        let run = &findings[0]["run_id"];
        assert!(run.starts_with(&format!("r-{day}T0900")), "{run}");
        let since = findings.iter().map(|row| row["first_seen_date"].as_str());
        assert!(since.clone().all(|since| since == "2026-11-24"));
        let times = findings.iter().map(|row| row["times_seen"].as_str());
        assert!(times.clone().all(|times| times == seen), "{seen}");
        let machines = rows(&desk, "demo/machines.csv");
        assert_eq!(at(&machines, "web-1")["managed_state"], "managed");
    }
}

#[test]
fn what_is_asked_after_the_demo_gets_the_answers_of_the_demo() {
    let desk = Desk::without_catalog();
    let ended = desk.expect(0, "demo --out demo");
    // What it prints is there, or is not printed.
    assert!(!ended.err.contains("CAP_NET_RAW"), "{}", ended.err);
    let words = ended.err.split_whitespace();
    let places = words.filter(|word| word.starts_with("demo/") && word.contains('.'));
    let places: Vec<&str> = places
        .map(|word| word.trim_end_matches([',', ';']))
        .collect();
    assert!(!places.is_empty(), "{}", ended.err);
    for place in places {
        assert!(desk.path(place).exists(), "{place}");
    }
    let config = "--config demo/operator/underdesk.toml";
    assert!(ended.out.contains(config), "{}", ended.out);
    let whole = Table::open(&desk.path("demo/findings.csv"));
    let again = desk.expect(0, &format!("findings -o - {config}")).out;
    assert_eq!(Table::parse("findings.csv", &again, b','), whole);
    let machines = desk.expect(0, &format!("machines -o - {config}")).out;
    let machines = Table::parse("machines.csv", &machines, b',');
    assert_eq!(machines, Table::open(&desk.path("demo/machines.csv")));
    let count = whole.rows_where("hostname", "web-1").len();
    let explained = desk.expect(0, &format!("explain web-1 {config}"));
    assert!(
        explained
            .out
            .contains(&format!("{count} open or undecided")),
        "{}",
        explained.out
    );
    assert!(!explained.err.contains("catalogue"), "{}", explained.err);
    let unjudged = |text: &str| {
        let line = text.lines().find(|line| line.contains("not judged"));
        let line = line.unwrap_or_else(|| panic!("{text}")).to_owned();
        line.contains("3 not judged") || line.contains("3 of these not judged")
    };
    assert!(unjudged(&ended.err), "{}", ended.err);
    let closed = desk.expect(0, &format!("findings --state closed {config}"));
    assert!(unjudged(&closed.out), "{}", closed.out);
    // A host key had changed in it.
    desk.expect(6, &format!("match --out judged {config}"));
    assert_eq!(
        Table::open(&desk.path("judged/findings.csv")).values("finding_id"),
        whole.values("finding_id")
    );
    let plan = desk
        .expect(0, &format!("plan --format csv -o - {config}"))
        .out;
    let plan = Table::parse("plan", &plan, b',');
    assert_eq!(plan.header[..4], ["run_id", "machine_id", "hostname", "ip"]);
    assert!(plan.values("hostname").contains(&"legacy-erp"), "{plan:?}");
    let lists = Table::open(&desk.path("demo/lists.csv"));
    for age in lists.values("age_days") {
        assert!(age.parse::<u32>().is_ok(), "{age}");
    }
}
