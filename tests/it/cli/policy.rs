//! The policy and exceptions, from outside.

use super::{NEW, OLD, desk, flags, network};
use crate::support::{Desk, Site, Table};

fn company(net: u8) -> Site {
    let old = format!("127.93.{net}.1");
    let new = format!("127.93.{net}.2");
    Site::serve(&network("policy", &[(&old, OLD), (&new, NEW)]))
}

/// The value of a column in the first row for which another has a value.
fn cell(table: &Table, (key, value): (&str, &str), column: &str) -> String {
    let at = |name: &str| {
        let found = table.header.iter().position(|one| one == name);
        found.unwrap_or_else(|| panic!("{name}: {:?}", table.header))
    };
    let row = table.rows.iter().find(|row| row[at(key)] == value);
    let row = row.unwrap_or_else(|| panic!("{key} {value}: {:?}", table.rows));
    row[at(column)].clone()
}

fn all(table: &Table, column: &str) -> Vec<String> {
    let at = table.header.iter().position(|one| one == column).unwrap();
    table.rows.iter().map(|row| row[at].clone()).collect()
}

fn findings(desk: &Desk, folder: &str) -> Table {
    Table::open(&desk.path(&format!("{folder}/findings.csv")))
}

const STRICT: &str = "[[severity]]\nid = 'old'\nhost = 'h-*-1'\nset = 'critical'\nreason = 'to be gone'\n\
     [[severity]]\nid = 'nobody'\nhost = 'no-such-host'\nset = 'low'\nreason = 'a slip'\n\
     [due]\ncritical = 0\n";

#[test]
fn a_policy_fills_the_columns_of_findings_and_says_which_rules_it_took() {
    let site = company(1);
    let desk = desk(&site);
    let scan = format!("scan 127.93.1.1-2 {}", flags(&site));
    // Without one: the publishers' words, and an order all the same.
    desk.expect(0, &format!("{scan} --out plain"));
    let plain = findings(&desk, "plain");
    assert!(!plain.rows.is_empty());
    let mut ranks: Vec<usize> = all(&plain, "rank")
        .iter()
        .map(|rank| rank.parse().unwrap())
        .collect();
    ranks.sort_unstable();
    assert_eq!(ranks, (1..=plain.rows.len()).collect::<Vec<_>>());
    assert!(all(&plain, "policy_rule").iter().all(String::is_empty));
    assert!(all(&plain, "due_date").iter().all(String::is_empty));
    // With one.
    desk.write("policy.toml", STRICT);
    let ended = desk.expect(0, "export --out mine");
    assert!(
        ended.err.contains("  overdue    0 on 0 machines"),
        "{}",
        ended.err
    );
    let mine = findings(&desk, "mine");
    let old = ("ip", "127.93.1.1");
    assert_eq!(cell(&mine, old, "my_severity"), "critical");
    assert_eq!(cell(&mine, old, "policy_rule"), "old");
    let run_day = desk.latest().unwrap().summary.started.date().to_string();
    let missing = ("state", "missing");
    assert_eq!(cell(&mine, missing, "due_date"), run_day);
    assert_eq!(cell(&mine, missing, "days_left"), "0");
    let machines = Table::open(&desk.path("mine/machines.csv"));
    assert_eq!(cell(&machines, old, "my_worst_severity"), "critical");
    assert_eq!(cell(&machines, old, "overdue_count"), "0");
    // The same input gives the same bytes.
    desk.expect(0, "export --out again");
    assert_eq!(
        desk.read("mine/findings.csv"),
        desk.read("again/findings.csv")
    );
    // Every rule is told of.
    let checked = desk.expect(0, "policy check").out;
    assert!(checked.contains("never fits"), "{checked}");
    let first = checked
        .lines()
        .find(|line| line.starts_with("old "))
        .unwrap();
    assert!(!first.contains("never"), "{checked}");
    let explained = desk.expect(0, "policy check --explain 127.93.1.1").out;
    assert!(
        explained.contains("rule old (line 1): set to critical"),
        "{explained}"
    );
    desk.expect(2, "policy check --explain CVE-1900-1");
    // What is misspelt is refused with its line.
    desk.write("bad.toml", "[due]\n\nurgent = 3\n");
    let refused = desk.expect(2, "policy check --policy bad.toml").err;
    assert!(
        refused.contains("line 3") && refused.contains("urgent"),
        "{refused}"
    );
}

const BY_SORT: &str = "[[severity]]\nid = 'overflow'\ncwe = ['CWE-12?', 'CWE-787']\nset = 'critical'\nreason = 'a'\n\
     [[severity]]\nid = 'code'\nimpact = 'remote_code_execution'\nset = 'high'\nreason = 'b'\n";

#[test]
fn a_rule_may_ask_for_the_weakness_or_the_impact_that_a_feed_states() {
    let site = company(4);
    let desk = desk(&site);
    // A record with the weaknesses where GitHub's have them.
    desk.write(
        "osv.json",
        r#"{"id": "CVE-2099-0007", "modified": "2026-01-01T00:00:00Z", "affected": [
            {"package": {"ecosystem": "Debian:12", "name": "openssl"},
             "ranges": [{"type": "ECOSYSTEM", "events": [{"introduced": "0"}, {"fixed": "9:9"}]}]}],
            "database_specific": {"cwe_ids": ["CWE-787", "CWE-20"]}}"#,
    );
    desk.expect(0, "catalog import osv.json");
    desk.write("policy.toml", BY_SORT);
    desk.run(&format!("scan 127.93.4.1 {} --out linux", flags(&site)));
    let table = findings(&desk, "linux");
    let own = ("bulletin_id", "CVE-2099-0007");
    assert_eq!(cell(&table, own, "cwes"), "CWE-20; CWE-787");
    assert_eq!(cell(&table, own, "impact"), "");
    assert_eq!(cell(&table, own, "policy_rule"), "overflow");
    assert_eq!(cell(&table, own, "my_severity"), "critical");
    let touched = all(&table, "policy_rule");
    let touched = touched.iter().filter(|rule| !rule.is_empty()).count();
    assert_eq!(touched, 1, "what states nothing fits no rule that asks");
    let checked = desk.expect(0, "policy check").out;
    let line = |id: &str| {
        let mut lines = checked.lines();
        lines.find(|line| line.starts_with(id)).unwrap().to_owned()
    };
    assert!(!line("overflow ").contains("never"), "{checked}");
    assert!(line("code ").contains("never fits"), "{checked}");
    let explained = desk.expect(0, "policy check --explain CVE-2099-0007").out;
    assert!(
        explained.contains("its publisher states cwe CWE-20, CWE-787"),
        "{explained}"
    );
    // A table of one's own, and a Windows.
    desk.write(
        "own.csv",
        "product,fixed_version,cve,impact,cwe\n\
         Precision Meter 2024,2024.2,CVE-2099-0002,Remote Code Execution,CWE-94\n",
    );
    desk.write("own.toml", super::programs::RULES);
    desk.expect(0, "catalog import own.csv");
    let recording = format!(
        "{}/fixtures/hosts/windows-11-24h2",
        env!("CARGO_MANIFEST_DIR")
    );
    desk.run(&format!(
        "match --recording {recording} --programs own.toml --out windows"
    ));
    let table = findings(&desk, "windows");
    let own = ("bulletin_id", "CVE-2099-0002");
    assert_eq!(cell(&table, own, "impact"), "remote_code_execution");
    assert_eq!(cell(&table, own, "cwes"), "CWE-94");
    assert_eq!(cell(&table, own, "policy_rule"), "code");
    // A word that no publisher uses would never fit.
    desk.write("bad.toml", &BY_SORT.replace("remote_code_execution", "rce"));
    let refused = desk.expect(2, "policy check --policy bad.toml").err;
    assert!(
        refused.contains("line 6") && refused.contains("elevation_of_privilege"),
        "{refused}"
    );
}

#[test]
fn an_exception_takes_a_finding_out_of_what_is_overdue_until_it_is_taken_back() {
    let site = company(2);
    let desk = desk(&site);
    desk.write("policy.toml", STRICT);
    // The other one has what nobody rates, which counts as worst.
    let scan = format!("scan 127.93.2.1 --fail-on critical {}", flags(&site));
    desk.expect(4, &format!("{scan} --out first"));
    let first = findings(&desk, "first");
    let before = (all(&first, "finding_id"), all(&first, "state"));
    // Everything on that host is left, for the versions that are there.
    let words = "--owner ada --reason replaced-in-spring --until 2999-12-31";
    let ended = desk.expect(0, &format!("except add --bulletin * --host h-*-1 {words}"));
    let id = ended.out.trim().to_owned();
    assert!(id.starts_with("e-"), "{id}");
    let ended = desk.expect(0, "export --fail-on critical --out second");
    assert!(ended.err.contains("  excepted   "), "{}", ended.err);
    let second = findings(&desk, "second");
    assert_eq!((all(&second, "finding_id"), all(&second, "state")), before);
    assert_eq!(cell(&second, ("ip", "127.93.2.1"), "exception_id"), id);
    let table = Table::open(&desk.path("second/exceptions.csv"));
    let own = ("exception_id", id.as_str());
    assert_eq!(cell(&table, own, "state"), "active");
    assert_eq!(cell(&table, own, "owner"), "ada");
    assert_ne!(cell(&table, own, "findings"), "0");
    let listed = desk.expect(0, "except list").out;
    assert!(
        listed.contains(&id) && listed.contains("active"),
        "{listed}"
    );
    // One for another version does not hold, and says so.
    let other = format!("except add --bulletin * --version 0.0.0 {words}");
    let other = desk.expect(0, &other).out.trim().to_owned();
    desk.expect(0, &format!("except expire {id}"));
    desk.expect(4, "export --fail-on critical --out third");
    let table = Table::open(&desk.path("third/exceptions.csv"));
    assert_eq!(cell(&table, own, "state"), "expired");
    let state = cell(&table, ("exception_id", other.as_str()), "state");
    assert_eq!(state, "version_changed");
    assert!(
        all(&findings(&desk, "third"), "exception_id")
            .iter()
            .all(String::is_empty)
    );
    // Another site has none.
    desk.expect(2, &format!("--site elsewhere except expire {id}"));
    // What nobody can grant.
    desk.expect(
        2,
        "except add --bulletin CVE-1 --owner a --reason b --until 2001-01-01",
    );
    desk.expect(2, &format!("except add --bulletin CVE-1900-1 {words}"));
    desk.expect(2, &format!("except add --finding x {words}"));
}

#[test]
fn that_everything_may_stay_is_asked_for_by_name_and_not_for_ever() {
    let site = company(5);
    let desk = desk(&site);
    desk.expect(0, &format!("scan 127.93.5.1 {} --out first", flags(&site)));
    let first = findings(&desk, "first");
    let today = all(&first, "first_seen_date").swap_remove(0);
    let add = "except add --owner ada --reason lab --bulletin";
    for all in ["*", "** --host *", "* --tag *", "* --host 0.0.0.0/0"] {
        let refused = desk.expect(2, &format!("{add} {all} --until {today}")).err;
        assert!(refused.contains("--everything"), "{refused}");
    }
    let refused = desk.expect(2, &format!("{add} * --everything --until 9999-12-31"));
    assert!(refused.err.contains("366 days"), "{}", refused.err);
    let granted = desk.expect(0, &format!("{add} * --everything --until {today}"));
    assert!(!granted.err.contains("version ,"), "{}", granted.err);
    desk.expect(0, "export --out second");
    let second = findings(&desk, "second");
    for row in &second.rows {
        let is_unjudged = second.cell(row, "bulletin_id").starts_with("unknown:");
        let id = second.cell(row, "exception_id");
        assert_eq!(id.is_empty(), is_unjudged, "{row:?}");
    }
}

#[test]
fn a_policy_that_does_not_read_names_the_page_that_says_how() {
    let desk = Desk::new();
    desk.write("policy.toml", "[due]\ncritical = \"soon\"\n");
    let refused = desk.expect(2, "policy check").err;
    assert!(refused.contains("see docs/policy.md"), "{refused}");
    desk.write("policy.toml", "");
    desk.write("merge.toml", "x = 1\n");
    let refused = desk.expect(2, "policy check").err;
    assert!(refused.contains("see docs/unmanaged.md"), "{refused}");
}

#[test]
fn a_site_has_a_name_of_one_line() {
    let desk = Desk::new();
    for site in ["", "a\nb", " a", "\u{1b}[2J", &"x".repeat(101)] {
        let mut command = desk.command("runs list");
        let ended = desk.end(command.args(["--site", site]).spawn().unwrap());
        assert_eq!(ended.code, Some(2), "{site:?}: {}", ended.err);
        assert!(ended.err.contains("the site"), "{}", ended.err);
        assert!(!ended.err.contains('\u{1b}'), "{}", ended.err);
    }
    let mut command = desk.command("runs list");
    let ended = desk.end(command.args(["--site", "Werk 7"]).spawn().unwrap());
    assert_eq!(ended.code, Some(0), "{}", ended.err);
}

#[test]
fn a_past_day_knows_only_what_was_published_by_then() {
    let site = company(3);
    let desk = desk(&site);
    let scan = format!("scan 127.93.3.1 {}", flags(&site));
    desk.expect(0, &format!("{scan} --out now"));
    let run = desk.run_id();
    let missing = |folder: &str| {
        let states = all(&findings(&desk, folder), "state");
        states.iter().filter(|state| *state == "missing").count()
    };
    assert!(missing("now") > 0);
    // Nobody knows what was installed before the first scan, unless somebody says so.
    let refused = desk.expect(2, "match --as-of 2001-01-01 --out then").err;
    assert!(refused.contains("no scan of site default"), "{refused}");
    let then = desk.run(&format!("match {run} --as-of 2001-01-01 --out then"));
    assert!(then.err.contains("published by then"), "{}", then.err);
    assert!(missing("then") < missing("now"));
    let today = desk.latest().unwrap().summary.started.date();
    desk.expect(0, &format!("match --as-of {today} --out today"));
    assert_eq!(missing("today"), missing("now"));
    desk.expect(2, "match --as-of 2999-01-01");
    desk.expect(2, "match --as-of yesterday");
    // Nothing of it is kept.
    assert_eq!(desk.run_id(), run);
}

#[test]
fn a_baseline_tells_who_drifts_and_of_whom_nobody_can_say() {
    let site = company(9);
    let desk = desk(&site);
    let baseline = "[[baseline]]\nid = 'tidy'\nreason = 'we said so'\nhost = 'h-*'\nbuild = '20348.1'\n\
        os_version = '>= 12'\nrequired = ['openssl', 'falcon-sensor']\nforbidden = ['telnetd']\n\
        minimum = { openssl = '3.0.15-1~deb12u1' }\n\
        [[baseline]]\nid = 'nobody'\nreason = 'a slip'\ntag = 'no-such-tag'\nforbidden = ['x']\n";
    desk.write("policy.toml", baseline);
    let ended = desk.expect(0, &format!("scan 127.93.9.1-2 {} --out out", flags(&site)));
    assert!(
        ended
            .err
            .contains("  drift      2 of 2 machines drift from 1 baseline\n"),
        "{}",
        ended.err
    );
    let table = Table::open(&desk.path("out/drift.csv"));
    let old = table.rows_where("ip", "127.93.9.1");
    let of = |row: &[String]| {
        ["rule", "object", "expected", "found", "state", "reason"]
            .map(|column| table.cell(row, column).to_owned())
    };
    let old: Vec<_> = old.iter().map(|row| of(row)).collect();
    assert_eq!(
        old,
        [
            [
                "required",
                "falcon-sensor",
                "installed",
                "not installed",
                "drift",
                "we said so"
            ],
            [
                "minimum",
                "openssl",
                ">= 3.0.15-1~deb12u1",
                "openssl 3.0.9-1",
                "drift",
                "we said so"
            ],
        ]
    );
    // With --all every rule has its row on every machine.
    desk.expect(0, "export --all --out all");
    let all = Table::open(&desk.path("all/drift.csv"));
    assert_eq!(all.rows.len(), 2 * 6);
    assert_eq!(all.rows_where("state", "ok").len(), 12 - table.rows.len());
    let checked = desk.expect(0, "policy check").out;
    assert!(checked.contains("2 [[baseline]]"), "{checked}");
    let line = |id: &str| checked.lines().find(|line| line.starts_with(id)).unwrap();
    assert!(line("nobody").contains("fits no machine"), "{checked}");
    assert!(!line("tidy").contains("fits no machine"), "{checked}");
}

#[test]
fn the_manifest_says_by_which_policy_and_a_run_that_began_with_another_is_told_of() {
    let site = company(6);
    let desk = desk(&site);
    desk.write("policy.toml", STRICT);
    desk.write("list.csv", "Name,IPAddress\nh-1,127.93.6.1\n");
    let scan = format!("scan 127.93.6.1 --known L=list.csv {}", flags(&site));
    let begun = desk.run(&format!("{scan} --out first")).err;
    assert!(!begun.contains("when it began"), "{begun}");
    let manifest = |folder: &str| -> serde_json::Value {
        serde_json::from_str(&desk.read(&format!("{folder}/manifest.json"))).unwrap()
    };
    let first = manifest("first");
    assert_eq!(first["policy"]["file"], "policy.toml");
    assert_eq!(first["policy"]["digest"].as_str().unwrap().len(), 64);
    assert_eq!(first["lists"][0]["digest"].as_str().unwrap().len(), 64);
    assert!(first["merge_rules"].is_null() && first.get("policy_of_run").is_none());
    let again = desk.run("export --out again").err;
    assert!(!again.contains("when it began"), "{again}");
    assert_eq!(manifest("again")["policy"], first["policy"]);
    assert_eq!(manifest("again")["lists"], first["lists"]);
    std::fs::remove_file(desk.path("policy.toml")).unwrap();
    let other = desk.run("export --out other").err;
    assert!(
        other.contains("weighed by policy.toml (") && other.contains("by no policy now"),
        "{other}"
    );
    let other = manifest("other");
    assert!(other["policy"].is_null());
    assert_eq!(other["policy_of_run"]["policy"], first["policy"]);
    let listed = desk.run("findings").err;
    assert!(listed.contains("by no policy now"), "{listed}");
}
