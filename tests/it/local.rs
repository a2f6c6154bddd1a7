//! This machine, read through the same collector as any other.

use crate::support::{Desk, Table};
use std::collections::BTreeSet;
use std::process::Command;

/// What dpkg says is installed, wholly or half: name, version, architecture.
fn by_dpkg() -> Option<BTreeSet<[String; 3]>> {
    let format = "${Package}\t${Version}\t${Architecture}\t${db:Status-Status}\n";
    let mut dpkg = Command::new("dpkg-query");
    let output = dpkg.args(["-W", "-f", format]).env("LC_ALL", "C").output();
    let output = output.ok().filter(|output| output.status.success())?;
    let text = String::from_utf8(output.stdout).unwrap();
    let rows = text.lines().filter_map(|line| {
        let cells: Vec<&str> = line.split('\t').collect();
        let gone = matches!(cells[3], "not-installed" | "config-files");
        (!gone).then(|| [cells[0], cells[1], cells[2]].map(str::to_owned))
    });
    Some(rows.collect())
}

#[test]
fn this_machine_is_read_without_a_network() {
    let desk = Desk::new();
    let ended = desk.run("scan --local --out out");
    assert!(
        matches!(ended.code, Some(0 | 3)),
        "{:?}\n{}",
        ended.code,
        ended.err
    );
    let machines = Table::open(&desk.path("out/machines.csv"));
    assert_eq!(machines.rows.len(), 1);
    let row = &machines.rows[0];
    assert!(
        machines.cell(row, "outcome").starts_with("scanned_"),
        "{row:?}"
    );
    assert_ne!(machines.cell(row, "os_family"), "unknown");
    let access = Table::open(&desk.path("out/access.csv"));
    assert_eq!(access.values("protocol"), ["local"]);
    assert!(access.values("result_code")[0].starts_with("ok"));
    assert_eq!(access.values("credential_id"), [""]);
}

#[test]
fn this_machines_software_is_what_dpkg_says() {
    let Some(mut before) = by_dpkg() else {
        eprintln!("SKIPPED: there is no dpkg-query here to compare software.csv with");
        return;
    };
    // Somebody may be installing something just now.
    for _ in 0..20 {
        let found = by_us();
        let after = by_dpkg().unwrap();
        if before == after {
            let unlike: Vec<_> = found.symmetric_difference(&after).collect();
            assert!(unlike.is_empty(), "{unlike:?}");
            return;
        }
        before = after;
    }
    panic!("the software of this machine does not stand still");
}

/// What `software.csv` says is installed.
fn by_us() -> BTreeSet<[String; 3]> {
    let desk = Desk::new();
    let ended = desk.run("scan --local --out out");
    assert!(matches!(ended.code, Some(0 | 3)), "{}", ended.err);
    let software = Table::open(&desk.path("out/software.csv"));
    let unguarded = |cell: &str| cell.strip_prefix('\'').unwrap_or(cell).to_owned();
    let row = |row: &Vec<String>| {
        ["name", "version", "arch"].map(|name| unguarded(software.cell(row, name)))
    };
    let found: BTreeSet<[String; 3]> = software.rows.iter().map(row).collect();
    assert_eq!(found.len(), software.rows.len(), "a row is there twice");
    found
}
