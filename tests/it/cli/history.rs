//! What was ever told of the updates of machines, from outside.

use super::{NEW, OLD, desk, flags, network};
use crate::support::{Site, Table};
use std::collections::BTreeSet;

#[test]
fn the_trail_of_a_machine_outlives_its_runs() {
    let host = "127.93.9.1";
    let old = Site::serve(&network("history", &[(host, OLD)]));
    let desk = desk(&old);
    desk.expect(0, &format!("scan {host} {} --out first", flags(&old)));
    let first = Table::open(&desk.path("first/history.csv"));
    assert!(!first.values("source").contains(&"runs"));
    drop(old);
    // The store keeps seconds.
    std::thread::sleep(std::time::Duration::from_millis(1_100));
    let new = Site::serve(&network("history", &[(host, NEW)]));
    desk.write("known_hosts", &new.known_hosts());
    desk.expect(0, &format!("scan {host} {} --out second", flags(&new)));
    let table = Table::open(&desk.path("second/history.csv"));
    let told = |table: &Table| -> BTreeSet<Vec<String>> {
        let row = |row: &Vec<String>| row[4..].to_vec();
        table.rows.iter().map(row).collect()
    };
    // Whatever differs and no log tells of is between the two days.
    let differ = table.rows_where("source", "runs");
    assert!(!differ.is_empty());
    for row in &differ {
        assert_eq!(table.cell(row, "when_utc"), "unknown");
        assert_eq!(table.cell(row, "installed_by"), "unknown");
        assert!(
            !table.cell(row, "date").is_empty() && !table.cell(row, "not_before_date").is_empty()
        );
    }
    let changes = Table::open(&desk.path("second/changes.csv"));
    let upgraded = changes.rows_where("change", "software_upgraded");
    assert!(!upgraded.is_empty());
    for row in upgraded {
        let name = changes.cell(row, "object").split(' ').next().unwrap();
        let to = changes.cell(row, "after");
        let is_told = |row: &&Vec<String>| {
            table.cell(row, "update") == name && table.cell(row, "version_after") == to
        };
        assert!(table.rows.iter().any(|row| is_told(&row)), "{name} {to}");
    }
    // Nothing that the first run told goes, and none of it goes with the first run.
    assert!(told(&first).is_subset(&told(&table)));
    let run = first.rows.first().map_or_else(
        || Table::open(&desk.path("first/machines.csv")).rows[0][0].clone(),
        |row| row[0].clone(),
    );
    desk.expect(0, &format!("runs delete {run} --yes"));
    desk.expect(0, "export --out third");
    let third = Table::open(&desk.path("third/history.csv"));
    assert_eq!(told(&third), told(&table));
    // Accounts are left out where names are.
    desk.expect(0, "export --no-users --out nameless");
    let nameless = Table::open(&desk.path("nameless/history.csv"));
    assert!(
        nameless
            .values("installed_by")
            .iter()
            .all(|by| by.is_empty())
    );
    assert_eq!(nameless.rows.len(), third.rows.len());
}

#[test]
fn machines_that_the_operator_joins_have_the_history_of_both() {
    let hosts = ["127.93.8.1", "127.93.8.2"];
    let lab = |recordings: [&str; 2]| {
        network(
            "joined",
            &[(hosts[0], recordings[0]), (hosts[1], recordings[1])],
        )
    };
    let site = Site::serve(&lab([OLD, NEW]));
    let desk = desk(&site);
    desk.expect(
        0,
        &format!("scan 127.93.8.1-2 {} --out first", flags(&site)),
    );
    drop(site);
    std::thread::sleep(std::time::Duration::from_millis(1_100));
    // One goes on, the other goes back.
    let site = Site::serve(&lab([NEW, OLD]));
    desk.write("known_hosts", &site.known_hosts());
    desk.expect(
        0,
        &format!("scan 127.93.8.1-2 {} --out apart", flags(&site)),
    );
    desk.write(
        "same.toml",
        "[[same]]\nmachines = [\"127.93.8.1\", \"127.93.8.2\"]\nreason = \"two cards\"\n",
    );
    desk.expect(0, "export --merge-rules same.toml --out joined");
    // Of what both were told the earlier run has told it.
    let told = |folder: &str, ip: &str| -> BTreeSet<Vec<String>> {
        let table = Table::open(&desk.path(&format!("{folder}/history.csv")));
        let rows = table.rows_where("ip", ip).into_iter();
        rows.map(|row| row[4..row.len() - 1].to_vec()).collect()
    };
    let [one, other] = hosts.map(|host| told("apart", host));
    assert!(!one.is_subset(&other) && !other.is_subset(&one));
    assert_eq!(told("joined", hosts[0]), &one | &other);
    assert!(told("joined", hosts[1]).is_empty());
}

#[test]
fn a_run_of_a_day_that_is_yet_to_come_does_not_pass_for_the_newest_in_silence() {
    let host = "127.93.7.1";
    let site = Site::serve(&network("ahead", &[(host, OLD)]));
    let desk = desk(&site);
    let scan = format!("--store s.db scan {host} {}", flags(&site));
    desk.expect(0, &format!("{scan} --out first"));
    // As if this machine's clock had been a year ahead.
    let store = rusqlite::Connection::open(desk.path("s.db")).unwrap();
    let later = "UPDATE run SET started = started + 31536000, finished = finished + 31536000";
    assert_eq!(store.execute(later, []).unwrap(), 1);
    drop(store);
    desk.expect(0, &format!("{scan} --out second"));
    let run = Table::open(&desk.path("first/machines.csv")).rows[0][0].clone();
    let ended = desk.expect(0, "--store s.db machines");
    let said = format!("underdesk runs delete {run}");
    assert!(ended.err.contains(&said), "{}", ended.err);
    desk.expect(0, &format!("--store s.db runs delete {run} --yes"));
    assert_eq!(desk.expect(0, "--store s.db machines").err, "");
}
