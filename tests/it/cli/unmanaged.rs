//! A scan against lists, from outside.

use super::{NEW, OLD, desk, flags, network};
use crate::support::{Desk, Site, Table, deaf};

fn company(net: u8) -> Site {
    let addresses: Vec<String> = (1..=3).map(|last| format!("127.87.{net}.{last}")).collect();
    let hosts: Vec<(&str, &str)> = addresses.iter().map(|at| (at.as_str(), NEW)).collect();
    Site::serve(&network("lists", &hosts))
}

/// A list that has the first two machines, and one that is not there.
fn list(net: u8) -> String {
    format!(
        "name,ip_address,os,managed_by\nh-127-87-{net}-1,127.87.{net}.1,Debian 12,ada\n\
         h-127-87-{net}-2,127.87.{net}.2,Debian 12,ada\nh-gone,127.88.{net}.9,Debian 12,ada\n"
    )
}

fn cell<'a>(table: &'a Table, row: &'a [String], column: &str) -> &'a str {
    let at = table.header.iter().position(|name| name == column);
    &row[at.unwrap_or_else(|| panic!("{column}: {:?}", table.header))]
}

/// `(ip, state)` of every row, as they stand.
fn states(desk: &Desk, file: &str) -> Vec<(String, String)> {
    let table = Table::open(&desk.path(file));
    let rows = table.rows.iter();
    let rows = rows.map(|row| {
        let state = cell(&table, row, "managed_state");
        (cell(&table, row, "ip").to_owned(), state.to_owned())
    });
    rows.collect()
}

fn pairs(of: &[(&str, &str)]) -> Vec<(String, String)> {
    let own = |(a, b): &(&str, &str)| ((*a).to_owned(), (*b).to_owned());
    of.iter().map(own).collect()
}

#[test]
fn a_scan_is_compared_with_the_lists_that_are_named_and_so_is_every_export_of_it() {
    let site = company(1);
    let desk = desk(&site);
    desk.write("cmdb.csv", &list(1));
    let scan = format!("scan 127.87.1.1-3 --known cmdb.csv {}", flags(&site));
    let ended = desk.expect(0, &format!("{scan} --out first"));
    assert!(ended.err.contains("list cmdb: "), "{}", ended.err);
    assert!(ended.err.contains("Against the lists"), "{}", ended.err);
    let expected = pairs(&[
        ("127.87.1.1", "managed"),
        ("127.87.1.2", "managed"),
        ("127.87.1.3", "unmanaged"),
    ]);
    assert_eq!(states(&desk, "first/machines.csv"), expected);
    let listed = pairs(&[("127.87.1.3", "unmanaged"), ("127.88.1.9", "out_of_scope")]);
    assert_eq!(states(&desk, "first/unmanaged.csv"), listed);
    // The list is kept with the run.
    std::fs::remove_file(desk.path("cmdb.csv")).unwrap();
    desk.expect(0, "export --out second");
    assert_eq!(
        desk.read("first/unmanaged.csv"),
        desk.read("second/unmanaged.csv")
    );
    assert_eq!(desk.read("first/lists.csv"), desk.read("second/lists.csv"));
    // Another list takes its place, for this once.
    desk.write(
        "all.txt",
        "h-127-87-1-1\nh-127-87-1-2\nh-127-87-1-3 127.87.1.3\n",
    );
    desk.expect(0, "export --known all.txt --out third");
    let third = Table::open(&desk.path("third/lists.csv"));
    assert_eq!(cell(&third, &third.rows[0], "list"), "all");
    let shown = desk.expect(0, "unmanaged").out;
    assert!(shown.contains("127.87.1.3"), "{shown}");
    assert!(!shown.contains("127.87.1.1 "), "{shown}");
    assert!(shown.contains("cmdb"), "{shown}");
    let managed = desk.expect(0, "unmanaged --state managed").out;
    assert!(managed.contains("127.87.1.1"), "{managed}");
    desk.expect(2, "unmanaged --state nonsense");
    let why = desk.expect(0, "explain 127.87.1.3").out;
    assert!(why.contains("Against the lists: unmanaged"), "{why}");
    let gone = desk.expect(0, "explain h-gone").out;
    assert!(gone.contains("out_of_scope"), "{gone}");
}

#[test]
fn the_owner_that_a_list_names_is_in_every_answer_and_in_none_without_users() {
    let hosts = [("127.87.7.1", OLD), ("127.87.7.2", OLD)];
    let site = Site::serve(&network("owners", &hosts));
    let desk = desk(&site);
    desk.write("targets.txt", "127.87.7.1 tags=owner=grace\n127.87.7.2\n");
    desk.write("cmdb.csv", &list(7));
    let scan = format!("scan @targets.txt --known cmdb.csv {}", flags(&site));
    desk.expect(0, &format!("{scan} --out first --format csv,html,jsonl"));
    let owners = |file: &str| {
        let table = Table::open(&desk.path(file));
        let rows = table.rows.iter().map(|row| {
            let owner = cell(&table, row, "owner").to_owned();
            (cell(&table, row, "ip").to_owned(), owner)
        });
        let mut owners: Vec<(String, String)> = rows.collect();
        owners.dedup();
        owners
    };
    // The tag comes before the list.
    let expected = pairs(&[("127.87.7.1", "grace"), ("127.87.7.2", "ada")]);
    assert_eq!(owners("first/machines.csv"), expected);
    let mut of_findings = owners("first/findings.csv");
    of_findings.sort();
    of_findings.dedup();
    assert_eq!(of_findings, expected);
    for file in ["first/underdesk.html", "first/run.jsonl"] {
        assert!(desk.read(file).contains("ada"), "{file}");
    }
    let hers = desk.expect(0, "findings --owner ada").out;
    assert!(
        hers.contains("h-127-87-7-2") && !hers.contains("h-127-87-7-1"),
        "{hers}"
    );
    let plan = desk.expect(0, "plan --format csv -o -").out;
    assert!(plan.contains("ada") && plan.contains("grace"), "{plan}");
    // A table that comes back as it went says nothing.
    let back = desk.expect(0, "import first/findings.csv --yes");
    assert!(back.err.contains("nothing differs"), "{}", back.err);

    desk.expect(
        0,
        "export --no-users --out second --format csv,html,jsonl,json",
    );
    let left_out = pairs(&[("127.87.7.1", "grace"), ("127.87.7.2", "…")]);
    assert_eq!(owners("second/machines.csv"), left_out);
    for entry in std::fs::read_dir(desk.path("second")).unwrap() {
        let path = entry.unwrap().path();
        let text = std::fs::read_to_string(&path).unwrap_or_default();
        let words = text.split(|one: char| !one.is_alphanumeric());
        let said = words.filter(|word| *word == "ada").count();
        assert_eq!(said, 0, "{}", path.display());
    }
    let plan = desk.expect(0, "plan --format csv --no-users -o -").out;
    assert!(!plan.contains("ada") && !plan.contains("grace"), "{plan}");
}

#[test]
fn a_list_that_cannot_be_read_stops_a_scan_before_it_begins() {
    let site = company(2);
    let desk = desk(&site);
    desk.write("empty.csv", "");
    desk.write("colours.csv", "colour,shape\nred,round\n");
    let scan = |known: &str| {
        let words = format!("scan 127.87.2.1 {known} {} --out out", flags(&site));
        desk.expect(2, &words).err
    };
    for (known, said) in [
        ("--known nowhere.csv", "nowhere.csv"),
        ("--known empty.csv", "empty"),
        ("--known colours.csv", "--map name="),
        ("--map name=x", "--known"),
        ("--known empty.csv --known x/empty.csv", "empty"),
    ] {
        let err = scan(known);
        assert!(err.contains(said), "{known}: {err}");
    }
    desk.write("policy.toml", "[classes]\nassessed_dayz = 3\n");
    let err = scan("--known colours.csv --map name=colour");
    assert!(
        err.contains("policy.toml") && err.contains("assessed_days"),
        "{err}"
    );
    assert!(desk.latest().is_none(), "a run began");
}

#[test]
fn columns_are_shown_and_what_was_not_understood_is_said_row_by_row() {
    let desk = Desk::new();
    desk.write(
        "odd.csv",
        "Rechner,Wo,IP\npc-1,attic,10.0.0.1\npc-2,cellar,10.0.0.300\n,,\npc-3,,10.0.0.3\n",
    );
    let shown = desk.expect(
        0,
        "unmanaged --known odd.csv --map name=Rechner --show-lists",
    );
    assert!(
        shown.out.contains("Rechner is name, by --map"),
        "{}",
        shown.out
    );
    assert!(shown.out.contains("row 3"), "{}", shown.out);
    assert!(shown.out.contains("10.0.0.300"), "{}", shown.out);
    assert!(shown.out.contains("Wo"), "{}", shown.out);
}

#[test]
fn who_is_on_a_list_and_was_not_met_is_tried_again() {
    let desk = Desk::new();
    // One of its own for each process, and none that a polite sweep leaves alone.
    let port = 31_000 + u16::try_from(std::process::id() % 10_000).unwrap();
    let silent = deaf([127, 87, 3, 2].into(), port);
    desk.write("cmdb.csv", &list(3));
    // Whoever answers there shows no name: it may be the machine of the list.
    let ports = format!("--ports {port} --ssh-port {port} --fast");
    desk.expect(
        0,
        &format!("sweep 127.87.3.1-2 {ports} --known cmdb.csv --out out"),
    );
    let unmanaged = states(&desk, "out/unmanaged.csv");
    assert!(
        unmanaged.contains(&("127.87.3.2".to_owned(), "unseen".to_owned())),
        "{unmanaged:?}"
    );
    let table = Table::open(&desk.path("out/unmanaged.csv"));
    let reasons = table
        .rows
        .iter()
        .map(|row| cell(&table, row, "managed_reason"));
    let reasons: Vec<&str> = reasons.collect();
    assert!(reasons.contains(&"no_answer_in_1_sweeps"), "{reasons:?}");
    assert!(reasons.contains(&"nameless_at_its_address"), "{reasons:?}");
    let ended = desk.expect(0, "scan --retry-unseen --dry-run");
    assert!(ended.out.contains("127.87.3.2"), "{}", ended.out);
    // Not who is out of scope.
    assert!(!ended.out.contains("127.88.3.9"), "{}", ended.out);
    drop(silent);
}

#[test]
fn whoever_is_expected_does_not_make_a_run_incomplete() {
    let site = Site::serve(&network(
        "expected",
        &[
            ("127.87.4.1", NEW),
            ("127.87.4.2", "opening = \"half_banner\""),
        ],
    ));
    let desk = desk(&site);
    let words = format!("scan 127.87.4.1-2 --timeout 1 {} --out out", flags(&site));
    desk.expect(3, &words);
    desk.write(
        "policy.toml",
        "[[expected]]\naddress = \"127.87.4.2\"\nowner = \"ada\"\nuntil = \"2099-01-01\"\n",
    );
    desk.expect(0, &words);
    let all = states(&desk, "out/machines.csv");
    assert_eq!(all[1].1, "expected");
    desk.write(
        "policy.toml",
        "[[expected]]\naddress = \"127.87.4.2\"\nowner = \"ada\"\nuntil = \"2001-01-01\"\n",
    );
    desk.expect(3, &words);
}

#[test]
#[expect(clippy::too_many_lines, reason = "one network, looked at in five ways")]
fn a_machine_that_nobody_logged_in_to_is_one_row_with_all_its_addresses() {
    let site = Site::serve(
        r#"
schema = 1
name = "two cards"

[[host]]
name = "two-cards"
addresses = ["127.87.5.1", "127.87.5.2"]
kind = "iis"
winrm = { domain = "CORP", dns_domain = "corp.example", version = "10.0.17763" }

[[host]]
name = "other"
addresses = ["127.87.5.3"]
kind = "iis"
winrm = { domain = "CORP", dns_domain = "corp.example", version = "10.0.17763" }
"#,
    );
    let desk = Desk::new();
    let (http, https) = (site.port(80), site.port(443));
    let words = format!(
        "sweep 127.87.5.1-3 --ports {http},{https} --http-port {http} --https-port {https} --out out"
    );
    desk.expect(0, &words);
    let table = Table::open(&desk.path("out/machines.csv"));
    let rows: Vec<(&str, &str)> = table
        .rows
        .iter()
        .map(|row| (cell(&table, row, "hostname"), cell(&table, row, "all_ips")))
        .collect();
    assert_eq!(
        rows,
        [
            ("two-cards", "127.87.5.1; 127.87.5.2"),
            ("other", "127.87.5.3")
        ]
    );
    let why = cell(&table, &table.rows[0], "merged");
    assert!(why.contains("two-cards.corp.example"), "{why}");
    // It can be found by the id of either record.
    desk.expect(0, "explain 127.87.5.2");
    desk.expect(0, "export --no-merge --out apart");
    let apart = Table::open(&desk.path("apart/machines.csv"));
    assert_eq!(apart.rows.len(), 3);
    // The operator knows better.
    desk.write(
        "merge.toml",
        "[[apart]]\nmachines = [\"127.87.5.1\", \"127.87.5.2\"]\nreason = \"a cluster\"\n",
    );
    desk.expect(0, "export --out forbidden");
    let forbidden = Table::open(&desk.path("forbidden/machines.csv"));
    assert_eq!(forbidden.rows.len(), 3);
    desk.write(
        "merge.toml",
        "[[same]]\nmachines = [\"127.87.5.1\", \"127.87.5.3\"]\nreason = \"moved\"\n",
    );
    desk.expect(0, "export --out pinned");
    let pinned = Table::open(&desk.path("pinned/machines.csv"));
    assert_eq!(pinned.rows.len(), 1, "{:?}", pinned.rows);
    desk.write("merge.toml", "[[same]]\nmachine = \"x\"\n");
    let err = desk.expect(2, "export --out wrong").err;
    assert!(
        err.contains("merge.toml") && err.contains("machines"),
        "{err}"
    );
}
