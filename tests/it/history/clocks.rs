//! Runs whose clocks were wrong, and runs that are kept, deleted and carried: from outside.

use super::asked::{self, Asked};
use super::days;
use super::trail;
use super::world::{Run, World};
use crate::support::{Desk, Table};

/// A time line with a scan at each of these moments, and what its catalogue knew.
fn at(moments: &[(&str, &str)]) -> World {
    let mut world = World::written();
    let run = |(place, (started, finished)): (usize, &(&str, &str))| Run {
        id: format!("r-clock-{place}"),
        site: "default".to_owned(),
        started: (*started).to_owned(),
        finished: (*finished).to_owned(),
        is_finished: true,
        catalogue: days::day("2023-09-06") + 7 * i64::try_from(place).unwrap(),
        meets: None,
    };
    world.runs = moments.iter().enumerate().map(run).collect();
    world.exceptions.clear();
    world.edits.clear();
    // What happens later does not happen: a clock that is ahead sees the same machines.
    world
        .events
        .retain(|event| event.day <= days::day("2023-09-05"));
    world
}

fn exported(desk: &Desk, run: &str, name: &str) -> Table {
    let ended = desk.run(&format!("export {run} --out {run}"));
    assert!(matches!(ended.code, Some(0 | 3)), "{}", ended.err);
    Table::open(&desk.path(&format!("{run}/{name}.csv")))
}

#[test]
fn a_clock_that_was_ahead_puts_nothing_off_and_hides_no_earlier_run() {
    let world = at(&[
        ("2023-09-06T05:00:00Z", "2023-09-06T05:30:00Z"),
        ("2031-01-01T05:00:00Z", "2031-01-01T05:30:00Z"),
        ("2023-09-20T05:00:00Z", "2023-09-20T05:30:00Z"),
    ]);
    let asked = Asked::play(&world);
    let findings = exported(&asked.desk, "r-clock-2", "findings");
    // First seen by the clock that was ahead: days count from the day of the run.
    let rows = findings.rows_where("bulletin_id", "CVE-2023-4863");
    let rows: Vec<_> = rows
        .into_iter()
        .filter(|row| findings.cell(row, "ip") == "10.23.0.13")
        .collect();
    assert_eq!(rows.len(), 1);
    assert_eq!(findings.cell(rows[0], "my_severity"), "high");
    assert_eq!(findings.cell(rows[0], "due_date"), "2023-10-04");
    assert_eq!(findings.cell(rows[0], "days_left"), "14");
    // It is compared with the run before it by its own clock.
    let changes = exported(&asked.desk, "r-clock-2", "changes");
    assert!(
        changes
            .values("since_run")
            .iter()
            .all(|run| *run == "r-clock-0")
    );
    assert!(!changes.rows.is_empty());
    // And a past day is one of the runs that had begun by then.
    let then = asked.desk.run("match --as-of 2023-09-21 --out then");
    assert!(then.err.contains("r-clock-2"), "{}", then.err);
}

#[test]
fn runs_of_one_second_and_a_run_that_ends_before_it_begins_are_runs_as_any_other() {
    let world = at(&[
        ("2023-09-06T05:00:00Z", "2023-09-06T05:30:00Z"),
        ("2023-09-13T05:00:00Z", "2023-09-13T04:00:00Z"),
        ("2023-09-13T05:00:00Z", "2023-09-13T05:30:00Z"),
    ]);
    let asked = Asked::play(&world);
    let desk = &asked.desk;
    let listed = desk.expect(0, "runs list").out;
    for run in &world.runs {
        assert!(listed.contains(&run.id), "{listed}");
        exported(desk, &run.id, "changes");
        let read = |folder: &str| desk.read(&format!("{folder}/changes.csv"));
        desk.run(&format!("export {} --out again", run.id));
        assert_eq!(read(&run.id), read("again"));
    }
    // Each of the two has one before it, and they are not each other's both.
    let before = |run: &str| {
        let table = Table::open(&desk.path(&format!("{run}/changes.csv")));
        table
            .values("since_run")
            .first()
            .map(|run| (*run).to_owned())
    };
    let both = (before("r-clock-1"), before("r-clock-2"));
    assert_ne!(both, (Some("r-clock-2".into()), Some("r-clock-1".into())));
    // A finding of both was first seen on their day.
    let findings = exported(desk, "r-clock-2", "findings");
    let row = findings.rows_where("bulletin_id", "KB5030216");
    assert_eq!(findings.cell(row[0], "first_seen_date"), "2023-09-13");
    assert_eq!(findings.cell(row[0], "days_left"), "14");
}

#[test]
fn a_run_that_begins_before_midnight_somewhere_begins_on_the_day_in_utc() {
    // 23:30 at -02:00 is half past one of the next day.
    let begun = underdesk::model::UtcTime::parse("2023-09-12T23:30:00-02:00").unwrap();
    let begun = begun.to_string();
    let world = at(&[
        ("2023-09-06T05:00:00Z", "2023-09-06T05:30:00Z"),
        (&begun, "2023-09-13T02:00:00Z"),
    ]);
    let asked = Asked::play(&world);
    let findings = exported(&asked.desk, "r-clock-1", "findings");
    let row = findings.rows_where("bulletin_id", "KB5030216");
    assert_eq!(findings.cell(row[0], "first_seen_date"), "2023-09-13");
    assert_eq!(findings.cell(row[0], "due_date"), "2023-09-27");
}

#[test]
fn what_is_kept_after_pruning_is_what_it_was() {
    let world = World::written();
    let asked = Asked::play(&world);
    let desk = &asked.desk;
    let last = exported(desk, "r-20231128", "findings");
    let middle = exported(desk, "r-20231121", "changes");
    let shown = desk.expect(0, "runs prune --keep 3 --dry-run").out;
    desk.expect(0, "runs prune --keep 3 --yes");
    let listed = desk.expect(0, "runs list").out;
    for run in &world.runs {
        // The three latest of the site, the latest of the branch, and what was stopped: only finished runs go.
        let stays =
            !run.is_finished || run.site == "branch" || run.day() >= days::day("2023-11-14");
        assert_eq!(listed.contains(&run.id), stays, "{} {listed}", run.id);
        assert_eq!(shown.contains(&run.id), !stays, "{} {shown}", run.id);
    }
    // The day since when each finding is known stays, and so does what the run before it had.
    assert_eq!(exported(desk, "r-20231128", "findings"), last);
    let again = exported(desk, "r-20231121", "changes");
    let finding = |table: &Table| -> Vec<Vec<String>> {
        let rows = table.rows.iter();
        rows.filter(|row| table.cell(row, "change") == "finding_fixed")
            .cloned()
            .collect()
    };
    assert_eq!(finding(&again), finding(&middle));
    // And so does all that was ever told of updates.
    for run in ["r-20231121", "r-20231128"] {
        let own = world.runs.iter().find(|one| one.id == run).unwrap();
        let told = asked::trail(&exported(desk, run, "history"));
        assert_eq!(told, trail::rows(&world, own), "{run}");
    }
}

#[test]
fn runs_that_are_carried_in_any_order_say_the_same() {
    let world = World::written();
    let asked = Asked::play(&world);
    let desk = &asked.desk;
    let other = Desk::without_catalog();
    other.write("policy.toml", &desk.read("policy.toml"));
    let own: Vec<&Run> = world.runs.iter().filter(|run| run.is_finished).collect();
    let late = own.iter().rev().step_by(2);
    let early = own.iter().rev().skip(1).step_by(2);
    for run in late.chain(early) {
        let file = format!("{}.run", run.id);
        desk.expect(0, &format!("runs export {} {file}", run.id));
        std::fs::copy(desk.path(&file), other.path(&file)).unwrap();
        other.expect(0, &format!("runs import {file}"));
    }
    let listed = other.expect(0, "runs list").out;
    let told: Vec<&str> = listed
        .lines()
        .filter_map(|line| line.split(' ').next())
        .collect();
    let mut wanted: Vec<&str> = own.iter().map(|run| run.id.as_str()).collect();
    wanted.reverse();
    let told: Vec<&str> = told
        .into_iter()
        .filter(|word| wanted.contains(word))
        .collect();
    let mut sorted = told.clone();
    sorted.sort_unstable();
    let mut forward = sorted.clone();
    forward.reverse();
    assert!(told == sorted || told == forward, "{listed}");
    assert_eq!(told.len(), own.len());
    for run in ["r-20231010", "r-20231128"] {
        let here = exported(&other, run, "findings");
        let there = exported(desk, run, "findings");
        let of = |table: &Table| -> Vec<Vec<String>> {
            let columns = [
                "ip",
                "bulletin_id",
                "state",
                "first_seen_date",
                "my_severity",
                "due_date",
                "days_left",
            ];
            let rows = table.rows.iter();
            let mut rows: Vec<Vec<String>> = rows
                .map(|row| {
                    columns
                        .iter()
                        .map(|name| table.cell(row, name).to_owned())
                        .collect()
                })
                .collect();
            rows.sort();
            rows
        };
        assert_eq!(of(&here), of(&there), "{run}");
    }
}
