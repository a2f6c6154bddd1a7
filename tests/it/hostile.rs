//! Hosts that misbehave, scanned by the whole program: each ends in one row with the right code,
//! delays nobody, and leaves files that open clean.

use crate::support::{Desk, Site, Table, tables};
use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

/// `fixtures/labs/hostile.toml` by host: the code of its row in `access.csv`, and its outcome.
/// Everybody is offered the key of `audit`.
const EXPECTED: &[(&str, &str, &str, &str)] = &[
    ("good", "127.78.0.1", "ok", "scanned_full"),
    ("half-banner", "127.78.0.10", "timeout", "failed"),
    ("endless-lines", "127.78.0.11", "protocol_error", "failed"),
    ("trickle", "127.78.0.12", "timeout", "failed"),
    ("closes-in-kex", "127.78.0.13", "protocol_error", "failed"),
    ("silent", "127.78.0.15", "timeout", "failed"),
    ("hangs-up", "127.78.0.16", "protocol_error", "failed"),
    ("http", "127.78.0.17", "timeout", "failed"),
    ("greets", "127.78.0.18", "protocol_error", "failed"),
    ("odd-banner", "127.78.0.19", "ok", "scanned_full"),
    ("closed", "127.78.0.20", "port_closed", "network_only"),
    ("refuses", "127.78.0.30", "auth_rejected", "failed"),
    ("trap", "127.78.0.31", "auth_rejected", "failed"),
    ("changed-key", "127.78.0.32", "hostkey_changed", "failed"),
    ("locked", "127.78.0.33", "auth_rejected", "failed"),
    ("expired", "127.78.0.34", "auth_rejected", "failed"),
    ("two-factor", "127.78.0.35", "auth_rejected", "failed"),
    ("echoes", "127.78.0.36", "auth_rejected", "failed"),
    ("interactive-only", "127.78.0.37", "auth_rejected", "failed"),
    (
        "closes-after-auth",
        "127.78.0.50",
        "protocol_error",
        "failed",
    ),
    ("hangs", "127.78.0.51", "timeout", "failed"),
    ("floods", "127.78.0.52", "shell_restricted", "failed"),
    ("no-login", "127.78.0.53", "shell_denied", "failed"),
    ("forced", "127.78.0.54", "shell_restricted", "failed"),
    ("absolute-only", "127.78.0.55", "ok", "scanned_full"),
    ("noisy", "127.78.0.56", "ok", "scanned_full"),
    ("cut-short", "127.78.0.57", "ok_partial", "scanned_partial"),
    ("no-answers", "127.78.0.58", "shell_restricted", "failed"),
    ("formula-name", "127.78.0.70", "ok", "scanned_full"),
    ("control-name", "127.78.0.71", "ok", "scanned_full"),
    ("long-name", "127.78.0.72", "ok", "scanned_full"),
    (
        "hostile-packages",
        "127.78.0.73",
        "ok_partial",
        "scanned_partial",
    ),
];
/// The hosts that do nothing wrong.
const NEIGHBOURS: &[&str] = &[
    "good",
    "odd-banner",
    "absolute-only",
    "noisy",
    "formula-name",
    "long-name",
];
/// Drops every second connection, the sweep's among them: what it ends in depends on the count.
const DROPS_HALF: &str = "127.78.0.14";

fn hostile() -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/labs/hostile.toml");
    fs::read_to_string(path).unwrap()
}

#[test]
fn each_hostile_host_ends_in_one_row_and_delays_nobody() {
    let site = Site::serve(&hostile());
    let desk = Desk::at(&site, "audit", "127.78.0.0/24");
    let (port, began) = (site.port(22), Instant::now());
    let ended = desk.expect(
        6,
        &format!(
            "scan 127.78.0.0/25 !{DROPS_HALF} --timeout 10 --ssh-port {port} --ports {port} \
             --known-hosts known_hosts --out out --record recorded"
        ),
    );
    // Ten seconds for those that hang, and some for a busy machine.
    assert!(
        began.elapsed() < Duration::from_secs(25),
        "{:?}",
        began.elapsed()
    );
    assert!(!has_control_characters(&ended.err), "{:?}", ended.err);
    let tables = tables(&desk.path("out"));
    let table = |name: &str| tables.iter().find(|table| table.name == name).unwrap();
    let (machines, access) = (table("machines.csv"), table("access.csv"));
    let found = EXPECTED.iter().map(|(name, address, ..)| {
        let code = access.value(("ip", address), "result_code");
        (
            *name,
            *address,
            code,
            machines.value(("ip", address), "outcome"),
        )
    });
    let unlike = found
        .zip(EXPECTED)
        .filter(|(found, expected)| found != *expected);
    let unlike = unlike.map(|(found, _)| (found, access.value(("ip", found.1), "detail")));
    assert_eq!(unlike.collect::<Vec<_>>(), []);
    for (name, address, _, _) in EXPECTED.iter().filter(|host| NEIGHBOURS.contains(&host.0)) {
        let ms: u64 = access.value(("ip", address), "ms").parse().unwrap();
        assert!(ms < 4_000, "{name} took {ms} ms");
    }
    let known = machines.rows.len() - machines.rows_where("outcome", "network_only").len();
    let expected = EXPECTED
        .iter()
        .filter(|host| host.3 != "network_only")
        .count();
    assert_eq!(known, expected);
    tables.iter().for_each(opens_clean);
    no_name_became_a_formula(machines);
    no_secret_reached_anybody(&site);
    let seen = site.seen().connections;
    let flood = seen
        .iter()
        .filter(|one| &*one.host == "floods")
        .map(|one| one.sent)
        .max();
    assert!(flood.unwrap() < 80 << 20, "it listened to {flood:?} bytes");
}

/// What a spreadsheet needs of a file.
fn opens_clean(table: &Table) {
    for row in &table.rows {
        assert_eq!(row.len(), table.header.len(), "{}", table.name);
        for (name, cell) in table.header.iter().zip(row) {
            let place = format!("{}: {name}: {cell:.60?}", table.name);
            let is_formula =
                cell.starts_with(['=', '+', '-', '@', '\t', '\r', '\0', '＝', '＋', '－', '＠']);
            assert!(!is_formula || cell.parse::<f64>().is_ok(), "{place}");
            assert!(!has_control_characters(cell), "{place}");
            assert!(cell.chars().count() <= 30_000, "{place}");
        }
    }
}

/// Line feeds aside: those of a text on the terminal are our own, and no cell has any.
fn has_control_characters(text: &str) -> bool {
    let turns = |c: char| matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    text.trim_end()
        .chars()
        .any(|c| (c.is_control() && c != '\n') || turns(c))
}

fn no_name_became_a_formula(machines: &Table) {
    let name = |address| machines.value(("ip", address), "hostname");
    let formula = name("127.78.0.70");
    assert!(
        formula.contains("cmd|") && !formula.starts_with('='),
        "{formula}"
    );
    let long = name("127.78.0.72");
    assert!(
        long.len() <= 30_000 && (long.starts_with("xxx") || long == "unknown"),
        "{}",
        long.len()
    );
    assert!(!name("127.78.0.71").contains('\n'));
}

/// Only a key was in the credentials: so no host has seen a secret, and the trap no login at all.
fn no_secret_reached_anybody(site: &Site) {
    let seen = site.seen();
    for (name, ..) in EXPECTED {
        assert!(seen.secrets(name).is_empty(), "{name}");
    }
}

#[test]
fn a_host_that_stalls_costs_no_more_than_the_timeout() {
    let site = Site::serve(&hostile());
    let desk = Desk::at(&site, "audit", "127.78.0.0/24");
    let (port, began) = (site.port(22), Instant::now());
    let flags = format!(
        "--timeout 2 --ssh-port {port} --ports {port} --known-hosts known_hosts --out out \
"
    );
    desk.expect(
        3,
        &format!("scan 127.78.0.10 127.78.0.12 127.78.0.51 127.78.0.15 {flags}"),
    );
    assert!(
        began.elapsed() < Duration::from_secs(6),
        "{:?}",
        began.elapsed()
    );
    let access = Table::open(&desk.path("out/access.csv"));
    assert_eq!(access.values("result_code"), ["timeout"; 4]);
    for ms in access.values("ms") {
        let ms: u64 = ms.parse().unwrap();
        assert!((1_900..3_000).contains(&ms), "{ms} ms");
    }
}

const STALLERS: &str = r#"
schema = 1
name = "stallers"
[[host]]
name = "stalls"
addresses = ["127.83.0.1"]
ports = [22, 2222, 2223, 2224]
opening = "half_banner"
"#;

#[test]
fn the_timeout_is_that_of_the_whole_host_and_not_of_each_of_its_ports() {
    let site = Site::serve(STALLERS);
    let desk = Desk::at(&site, "audit", "127.83.0.0/24");
    let (ports, began) = (site.ports(), Instant::now());
    desk.expect(
        3,
        &format!(
            "scan 127.83.0.1 --timeout 2 --ssh-port {ports} --ports {ports} \
             --known-hosts known_hosts --out out"
        ),
    );
    assert!(
        began.elapsed() < Duration::from_secs(5),
        "{:?}",
        began.elapsed()
    );
    let access = Table::open(&desk.path("out/access.csv"));
    assert!(
        access
            .values("result_code")
            .iter()
            .all(|code| *code == "timeout")
    );
}
