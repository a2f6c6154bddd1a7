//! Questions of the day, from outside: `findings`, `machines`, `show`, and exports of a part.

use super::{NEW, OLD, desk, flags, network};
use crate::support::{Desk, Site, Table};
use serde_json::Value;
use std::fmt::Write as _;
use unicode_width::UnicodeWidthStr as _;

/// The run of the company that the program itself serves.
fn demo() -> Desk {
    let desk = Desk::without_catalog();
    desk.expect(0, "demo --out demo");
    desk
}

const DEMO: &str = "--store demo/operator/underdesk.db --policy demo/operator/policy.toml";

/// What is another on another day, or in another run, by a word for it.
fn settled(desk: &Desk, text: &str) -> String {
    let machines = Table::open(&desk.path("demo/machines.csv"));
    let run = machines.values("run_id")[0].to_owned();
    let day = machines.values("first_seen_date")[0].to_owned();
    let lines = text.replace(&run, "[RUN]").replace(&day, "[TODAY]");
    let lines = lines.lines().filter(|line| !line.contains("last seen utc"));
    lines.fold(String::new(), |text, line| text + line.trim_end() + "\n")
}

#[test]
fn the_three_commands_answer_as_they_are_pictured() {
    let desk = demo();
    let mut text = String::new();
    for words in [
        "findings --bulletin KB5094128,KB5087545,CVE-2024-53104",
        "findings --host FILES-1,legacy-erp --state open",
        "findings --bulletin KB4999999",
        "machines --host 127.77.1.0/24",
        "machines --bulletin CVE-2024-53104 --subnet 127.77.1.0/24",
        "show FILES-1",
        "show 127.77.0.50",
        "show OPTICS-LT4",
    ] {
        let ended = desk.expect(0, &format!("{words} {DEMO}"));
        let told = settled(&desk, &ended.out);
        let _ = writeln!(text, "$ underdesk {words}\n{told}");
    }
    // The ports of the demo are others each time.
    let is_port = |word: &str| {
        word.parse()
            .is_ok_and(|port| (21_000..31_000_u16).contains(&port))
    };
    let words = text
        .split(' ')
        .map(|word| if is_port(word) { "[PORT]" } else { word });
    let text = words.collect::<Vec<_>>().join(" ");
    insta::assert_snapshot!("asked", text);
}

#[test]
fn a_question_is_answered_with_the_numbers_of_the_files() {
    let desk = demo();
    let findings = Table::open(&desk.path("demo/findings.csv"));
    let machines = Table::open(&desk.path("demo/machines.csv"));
    let read = machines
        .rows
        .iter()
        .filter(|row| machines.cell(row, "outcome").starts_with("scanned"));
    let (all, read) = (machines.rows.len(), read.count());
    let waits = findings.rows_where("bulletin_id", "CVE-2024-53104").len();
    let page = desk
        .expect(0, &format!("findings --cve cve-2024-53104 {DEMO}"))
        .out;
    assert!(
        page.contains(&format!("{} of {all} not assessed", all - read)),
        "{page}"
    );
    assert!(page.contains(&format!("of {read} machines")), "{page}");
    assert!(
        page.contains(&format!("{waits} findings on {waits} machines")),
        "{page}"
    );
    // By rank.
    let table = page.split("\n\n").next().unwrap().lines();
    let ranks = table.filter_map(|line| line.split_whitespace().next()?.parse().ok());
    let ranks: Vec<u64> = ranks.collect();
    assert!(ranks.len() == waits && ranks.is_sorted(), "{page}");
    // By who answers for a machine, as the list says.
    let mut command = desk.command(&format!(
        "findings -o - --format csv --columns hostname {DEMO} --owner"
    ));
    let ended = desk.end(command.arg("Otto Brandt").spawn().unwrap());
    let table = Table::parse("owner", &ended.out, b',');
    assert_eq!(table.header, ["hostname"]);
    assert!(table.values("hostname").contains(&"db-2"), "{}", ended.out);
    assert!(
        !table.values("hostname").contains(&"web-2"),
        "{}",
        ended.out
    );
    assert!(ended.err.contains("not assessed"), "{}", ended.err);
    // What other programs get is the file.
    let csv = desk.expect(0, &format!("findings -o - {DEMO}")).out;
    assert_eq!(Table::parse("findings.csv", &csv, b','), findings);
}

#[test]
fn a_part_of_a_run_never_looks_like_the_whole() {
    let desk = demo();
    let words = format!("export {DEMO} --known CMDB=demo/operator/cmdb.csv");
    let whole = desk.run(&format!("{words} --out whole"));
    let part = desk.run(&format!("{words} --bulletin CVE-2024-53104 --out part"));
    assert_eq!(part.code, whole.code);
    assert!(
        part.err
            .contains("Only what was asked for was written (--bulletin CVE-2024-53104)"),
        "{}",
        part.err
    );
    assert!(
        part.err
            .contains(whole.err.split("\nFiles").next().unwrap()),
        "{}",
        part.err
    );
    let manifest = |folder: &str| -> Value {
        serde_json::from_str(&desk.read(&format!("{folder}/manifest.json"))).unwrap()
    };
    let (whole, part) = (manifest("whole"), manifest("part"));
    assert_eq!(part["counts"], whole["counts"]);
    assert!(whole.get("selection").is_none());
    assert_eq!(part["selection"]["not_assessed"], 7);
    assert_eq!(
        part["selection"]["bulletins"]["CVE-2024-53104"]["pending_reboot"],
        4
    );
    let table = |name: &str| Table::open(&desk.path(&format!("part/{name}.csv")));
    let findings = table("findings");
    assert!(
        findings
            .values("bulletin_id")
            .iter()
            .all(|one| *one == "CVE-2024-53104")
    );
    assert_eq!(table("findings_cve").rows.len(), findings.rows.len());
    // Four that wait, one that was not judged in full or more, and seven of which nothing is known.
    let machines = table("machines");
    let unread = machines
        .rows
        .iter()
        .filter(|row| !machines.cell(row, "outcome").starts_with("scanned"));
    assert_eq!(unread.count(), 7);
    assert!(machines.rows.len() < 29, "{}", machines.rows.len());
    let software = table("software");
    let software: std::collections::BTreeSet<&str> =
        software.values("hostname").into_iter().collect();
    assert!(
        software.contains("mail") && !software.contains("web-1"),
        "{software:?}"
    );
    let steps = table("remediation");
    assert_eq!(steps.rows.len(), 1, "{steps:?}");
}

#[test]
fn what_nobody_rates_is_not_lost_among_the_severe() {
    let site = Site::serve(&network("unrated", &[("127.87.153.1", OLD)]));
    let desk = desk(&site);
    desk.expect(
        0,
        &format!("scan 127.87.153.1 {} --out files", flags(&site)),
    );
    let findings = Table::open(&desk.path("files/findings.csv"));
    let of = |rating: &str| findings.rows_where("my_severity", rating).len();
    let (critical, unrated) = (of("critical"), of(""));
    assert!(critical > 0 && unrated > 1, "{critical} {unrated}");
    let page = desk.expect(0, "findings --my-severity critical").out;
    let (table, footer) = page.split_once("\n\n").unwrap();
    let ratings = table.lines().skip(1).map(|line| {
        let mut cells = line.split_whitespace();
        cells.nth(1).unwrap().to_owned()
    });
    let ratings: Vec<String> = ratings.collect();
    let count = |word: &str| ratings.iter().filter(|one| *one == word).count();
    assert_eq!(count("critical"), critical, "{page}");
    assert_eq!(count("unrated"), unrated, "{page}");
    assert_eq!(ratings.len(), critical + unrated, "{page}");
    assert!(
        footer.contains(&format!("{unrated} of these are rated by nobody")),
        "{footer}"
    );
    // Other programs get the cell as the file has it, and people beside them the same warning.
    let csv = desk.expect(0, "findings --my-severity critical -o -");
    let table = Table::parse("critical", &csv.out, b',');
    assert_eq!(table.rows_where("my_severity", "").len(), unrated);
    assert!(csv.err.contains("rated by nobody"), "{}", csv.err);
    // Where no severity is asked for, none is missing.
    let page = desk.expect(0, "findings --state missing").out;
    assert!(!page.contains("rated by nobody"), "{page}");
    let shown = desk.expect(0, "show 127.87.153.1").out;
    assert!(shown.contains("  unrated  "), "{shown}");
}

#[test]
fn a_match_writes_what_is_asked_for_and_judges_the_whole() {
    let site = Site::serve(&network(
        "matched",
        &[("127.87.154.1", NEW), ("127.87.154.2", OLD)],
    ));
    let desk = desk(&site);
    desk.expect(
        0,
        &format!("scan 127.87.154.1-2 {} --out files", flags(&site)),
    );
    let whole = Table::open(&desk.path("files/findings.csv"));
    let asked = "--state missing --product openssl";
    let ended = desk.expect(0, &format!("match {asked} --out part"));
    assert!(
        ended
            .err
            .contains(&format!("Only what was asked for was written ({asked})")),
        "{}",
        ended.err
    );
    let of_openssl = |table: &Table| {
        let rows = table.rows_where("state", "missing").into_iter();
        let rows = rows.filter(|row| table.cell(row, "product") == "openssl");
        let ids = rows.map(|row| table.cell(row, "finding_id").to_owned());
        ids.collect::<Vec<_>>()
    };
    let part = Table::open(&desk.path("part/findings.csv"));
    assert!(!part.rows.is_empty() && part.rows.len() < whole.rows.len());
    assert_eq!(part.values("finding_id"), of_openssl(&whole));
    let manifest: Value = serde_json::from_str(&desk.read("part/manifest.json")).unwrap();
    assert_eq!(manifest["selection"]["not_assessed"], 0, "{manifest}");
    // The end is that of the whole, and so is what is kept.
    desk.expect(4, &format!("match {asked} --fail-on critical --out again"));
    let kept = desk.expect(0, "findings -o -").out;
    assert_eq!(Table::parse("findings.csv", &kept, b','), whole);
    // Of hosts that are given, and of a past day, a part as well.
    desk.expect(0, "export --format facts --out facts");
    desk.expect(
        0,
        "match --facts facts/facts.jsonl --product openssl --table findings --out given",
    );
    let given = Table::open(&desk.path("given/findings.csv"));
    assert_eq!(of_openssl(&given), of_openssl(&whole));
    assert!(given.values("product").iter().all(|one| *one == "openssl"));
    assert!(!desk.path("given/machines.csv").exists());
    let day = &whole.values("first_seen_date")[0];
    desk.expect(
        0,
        &format!("match --as-of {day} --host 127.87.154.1 --out then"),
    );
    let then = Table::open(&desk.path("then/machines.csv"));
    assert_eq!(then.values("ip"), ["127.87.154.1"]);
    for (words, said) in [
        ("match --state gone", "expected one of open"),
        ("match --table machine", "expected one of coverage"),
        ("match --overdue", "[due]"),
    ] {
        let err = desk.expect(2, words).err;
        assert!(err.contains(said), "{words}: {err}");
    }
}

#[test]
fn tables_and_columns_are_chosen_by_name() {
    let site = Site::serve(&network(
        "columns",
        &[("127.87.150.1", NEW), ("127.87.150.2", OLD)],
    ));
    let desk = desk(&site);
    desk.expect(
        0,
        &format!("scan 127.87.150.1-2 {} --out files", flags(&site)),
    );
    desk.expect(
        0,
        "export --table machines,findings --columns hostname,os_name,rank --out some",
    );
    assert_eq!(
        Table::open(&desk.path("some/machines.csv")).header,
        ["hostname", "os_name"]
    );
    assert_eq!(
        Table::open(&desk.path("some/findings.csv")).header,
        ["hostname", "rank"]
    );
    assert!(!desk.path("some/access.csv").exists());
    let out = desk
        .expect(0, "export --table machines --columns ip -o -")
        .out;
    assert_eq!(out, "ip\n127.87.150.1\n127.87.150.2\n");
    let lines = desk
        .expect(
            0,
            "export --table machines --columns ip --format jsonl -o -",
        )
        .out;
    assert_eq!(
        lines.lines().next(),
        Some("{\"type\":\"machine\",\"ip\":\"127.87.150.1\"}")
    );
    let asked = desk.expect(0, "export --table machines --columns ip --format json -o -");
    assert!(
        asked.out.contains("{\"ip\":\"127.87.150.1\"}"),
        "{}",
        asked.out
    );
    assert!(!asked.err.contains("--columns"), "{}", asked.err);
    let err = desk
        .expect(
            0,
            "export --columns ip --table machines --format facts --out facts",
        )
        .err;
    assert!(err.contains("--columns does not change facts"), "{err}");
}

#[test]
#[expect(clippy::too_many_lines, reason = "one table")]
fn what_cannot_be_asked_is_refused_with_what_can() {
    let site = Site::serve(&network(
        "refused",
        &[("127.87.158.1", NEW), ("127.87.158.2", OLD)],
    ));
    let desk = desk(&site);
    let targets = "127.87.158.1 tags=role=web owner=eve\n127.87.158.2\n";
    desk.write("targets.txt", targets);
    desk.expect(
        0,
        &format!("scan @targets.txt {} --out files", flags(&site)),
    );
    for (words, said) in [
        (
            "export --table machine",
            "expected one of coverage, machines",
        ),
        (
            "export --table machines --columns hostnme",
            "perhaps `hostname`",
        ),
        ("export --columns hostname", "none of these columns"),
        ("export --table machines,findings -o -", "takes one table"),
        ("findings --columns colour", "choose among run_id"),
        (
            "findings --state gone",
            "expected one of open, undecided, closed, missing",
        ),
        ("findings --severity dire", "low, medium, high or critical"),
        ("findings --my-severity dire", "--my-severity"),
        ("findings --status lost", "in_progress"),
        ("findings --subnet here", "10.20.0.0/16"),
        ("findings --host 10.0.0.0/99", "10.20.0.0/16"),
        ("findings --bulletin ,", "a name is empty"),
        ("findings --overdue", "[due]"),
        ("export --overdue", "[due]"),
        ("machines --excepted --not-excepted", "cannot be used with"),
        ("show nobody", "no machine nobody"),
        (
            "findings --host h-127-87-158-1,nosuch",
            "answers to --host nosuch; its 2 machines: h-127-87-158-1, h-127-87-158-2",
        ),
        ("machines --host nosuch", "answers to --host nosuch"),
        (
            "export --host nosuch --out part",
            "answers to --host nosuch",
        ),
        ("match --host nosuch --out part", "answers to --host nosuch"),
        ("plan --host nosuch", "answers to --host nosuch"),
        ("verify --host nosuch", "answers to --host nosuch"),
        (
            "findings --tag owner=ada",
            "--tag owner=ada; tags in it: owner=eve, role=web",
        ),
        ("findings --owner ada", "--owner ada; owners in it: eve"),
        ("machines --owner ada --no-users", "1 others own something"),
        (
            "machines --subnet 10.9.0.0/16",
            "it met machines in 127.87.158.0/24",
        ),
        (
            "machines --host 10.9.0.0/16",
            "answers to --host 10.9.0.0/16",
        ),
        (
            "findings --tag role=web --host 127.87.158.2",
            "is all of that: --host 127.87.158.2 --tag role=web",
        ),
        ("show 127.87.158.0/24", "2 machines"),
        ("findings r-none", "r-none"),
    ] {
        let err = desk.expect(2, words).err;
        assert!(err.contains(said), "{words}: {err}");
    }
}

#[test]
fn whom_only_a_list_knows_is_no_machine_without_findings() {
    let desk = demo();
    let asked = desk.expect(2, &format!("findings --host OPTICS-LT4 {DEMO}"));
    assert!(
        asked.err.contains("underdesk show OPTICS-LT4"),
        "{}",
        asked.err
    );
    // Files tell of it.
    let export = "export --host OPTICS-LT4 --table unmanaged --columns hostname -o -";
    let told = desk.run(&format!("{export} {DEMO}"));
    let is_told = told.out.to_lowercase().contains("optics-lt4");
    assert!(is_told, "{}{}", told.out, told.err);
}

#[test]
fn a_pipe_gets_plain_lines_that_are_not_cut() {
    let site = Site::serve(&network("pipe", &[("127.87.151.1", OLD)]));
    let desk = desk(&site);
    desk.expect(
        0,
        &format!("scan 127.87.151.1 {} --out files", flags(&site)),
    );
    let page = desk.expect(0, "findings").out;
    assert!(!page.contains('\u{1b}') && !page.contains('…'), "{page}");
    assert!(page.lines().any(|line| line.width() > 100), "{page}");
    // What a sweep did not read is not clean.
    let sweep = format!(
        "sweep 127.87.151.1 --ports {0} --ssh-port {0} --out sweep",
        site.port(22)
    );
    desk.expect(0, &sweep);
    let page = desk.expect(0, "findings").out;
    assert!(
        page.contains("nothing is known of what they lack"),
        "{page}"
    );
    let page = desk.expect(0, "machines").out;
    assert!(
        page.contains("unknown") && page.contains("is a sweep"),
        "{page}"
    );
}

/// A screen of its own: the program under `script`, which gives it a terminal.
fn on_a_terminal(desk: &Desk, words: &str, columns: &str, more: &[(&str, &str)]) -> String {
    let program = env!("CARGO_BIN_EXE_underdesk");
    let mut command = desk.command("");
    let mut screen = std::process::Command::new("script");
    screen.args(["-qec", &format!("{program} {words}"), "/dev/null"]);
    screen
        .current_dir(command.get_current_dir().unwrap())
        .env_clear();
    screen.envs(
        command
            .get_envs()
            .filter_map(|(name, value)| Some((name, value?))),
    );
    screen
        .env("COLUMNS", columns)
        .env("TERM", "xterm")
        .envs(more.iter().copied());
    screen.stdin(std::process::Stdio::null());
    screen
        .stdout(std::process::Stdio::piped())
        .stderr(std::process::Stdio::piped());
    command = screen;
    let ended = desk.end(command.spawn().unwrap());
    assert_eq!(ended.code, Some(0), "{}{}", ended.out, ended.err);
    ended.out.replace('\r', "")
}

/// A text without our own colours.
fn unpainted(text: &str) -> String {
    let mut parts = text.split("\u{1b}[");
    let first = parts.next().unwrap_or_default().to_owned();
    parts.fold(first, |text, part| text + part.split_once('m').unwrap().1)
}

#[test]
fn a_screen_of_80_columns_shows_ids_addresses_and_states_whole() {
    let desk = demo();
    let mut text = String::new();
    for columns in ["80", "120"] {
        for words in [
            "findings --bulletin KB5094144,CVE-2023-4911",
            "findings --host MAIL-EX1",
            "machines",
            "unmanaged",
            "show MAIL-EX1",
        ] {
            let page = on_a_terminal(&desk, &format!("{words} {DEMO}"), columns, PLAIN);
            let told = settled(&desk, &page);
            let _ = writeln!(text, "$ underdesk {words} # {columns} columns\n{told}");
            let machines = Table::open(&desk.path("demo/machines.csv"));
            if words == "machines" {
                for column in ["ip", "outcome", "managed_state"] {
                    for cell in machines.values(column) {
                        assert!(page.contains(cell), "{columns}: {cell}\n{page}");
                    }
                }
                let wide = page
                    .lines()
                    .find(|line| line.width() > columns.parse().unwrap());
                assert_eq!(wide, None, "{page}");
            }
        }
    }
    let is_port = |word: &str| {
        word.parse()
            .is_ok_and(|port| (21_000..31_000_u16).contains(&port))
    };
    let words = text
        .split(' ')
        .map(|word| if is_port(word) { "PORT_" } else { word });
    let text = words.collect::<Vec<_>>().join(" ");
    insta::assert_snapshot!("on-a-screen", text);
}

const PLAIN: &[(&str, &str)] = &[("NO_COLOR", "1")];

#[test]
fn a_table_fits_its_terminal_and_is_painted_only_there() {
    let site = Site::serve(&network("screen", &[("127.87.152.1", OLD)]));
    let desk = desk(&site);
    desk.expect(
        0,
        &format!("scan 127.87.152.1 {} --out files", flags(&site)),
    );
    for columns in ["40", "80", "200"] {
        let page = on_a_terminal(&desk, "findings", columns, &[]);
        let plain = unpainted(&page);
        let table = plain.split("\n\n").next().unwrap();
        let width: usize = columns.parse().unwrap();
        for line in table.lines() {
            assert!(line.width() <= width, "{columns}: {line}");
        }
        assert!(page.contains('\u{1b}'), "{page:?}");
        let is_short = |text: &str| text.contains('…') || text.contains("left out on this screen");
        assert!(is_short(&plain) || width == 200, "{plain}");
    }
    let page = on_a_terminal(&desk, "findings", "80", &[("NO_COLOR", "1")]);
    assert!(!page.contains('\u{1b}'), "{page:?}");
}
