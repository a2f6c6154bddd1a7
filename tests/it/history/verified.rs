//! What became of what a run found, after docs/verify.md: each finding is looked at on the day on which somebody goes back.

use super::asked::{self, Asked};
use super::days::{self, Day};
use super::play;
use super::trail;
use super::truth::{self, Sight, sights};
use super::world::{Bulletin, Run, World};
use std::collections::BTreeSet;

/// `(address, bulletin, state_before, state)`
type Row = [String; 4];

/// The findings of a run, as they are on a day for a catalogue that knows what was published by another.
fn rows(world: &World, base: &Run, (day, known): (Day, Day)) -> BTreeSet<Row> {
    let mut rows = BTreeSet::new();
    for sight in sights(world, base) {
        for found in &sight.findings {
            if found.state != "no_fix_yet" {
                let state = became(world, &sight, &found.bulletin, (day, known));
                let row = [
                    sight.now.address.as_str(),
                    &found.bulletin,
                    found.state,
                    state,
                ];
                rows.insert(row.map(str::to_owned));
            }
        }
    }
    rows
}

fn became(world: &World, sight: &Sight, bulletin: &str, (day, known): (Day, Day)) -> &'static str {
    let machine = world.machine(&sight.machine);
    let now = world.now(machine, day);
    // Nobody answers, nobody can log in, or another machine answers.
    if !now.is_on || !now.may_log_in || now.life != sight.now.life {
        return "unreachable";
    }
    let mut bulletins = world.bulletins.iter();
    let is_own = |one: &&Bulletin| one.id == bulletin && one.system == machine.system;
    let bulletin = bulletins.find(is_own).unwrap();
    // The catalogue cannot tell any more of what it has withdrawn.
    if bulletin.withdrawn.is_some_and(|gone| gone <= known) {
        return "unverified";
    }
    // The product is gone.
    if !now.software.contains_key(&bulletin.product) {
        return "not_applicable";
    }
    let mut open = truth::findings(world, machine, &now, known).into_iter();
    match open.find(|one| one.bulletin == bulletin.id) {
        Some(found) => found.state,
        // A later update has it: a Windows is told of none but its newest.
        None if machine.is_windows() && now.running != bulletin.fixed => "superseded",
        None => "fixed",
    }
}

/// A run that goes back to the machines on which a run found something.
fn back(world: &World, base: &Run, day: Day) -> Run {
    let last = world.runs.iter().map(|run| run.catalogue).max().unwrap();
    let wanted = sights(world, base).into_iter();
    let wanted = wanted.filter(|sight| {
        let mut findings = sight.findings.iter();
        findings.any(|found| found.state != "no_fix_yet")
    });
    Run {
        id: format!("v-{}", days::text(day).replace('-', "")),
        site: base.site.clone(),
        started: days::moment(day * 1_440 + 700),
        finished: days::moment(day * 1_440 + 720),
        is_finished: true,
        catalogue: last,
        meets: Some(wanted.map(|sight| sight.machine).collect()),
    }
}

#[test]
fn what_became_of_findings_is_what_the_time_line_says() {
    let world = World::written();
    let mut asked = Asked::play(&world);
    let mut all = world.clone();
    let mut states = BTreeSet::new();
    let before = scans(&asked, "before");
    for (base, day) in [
        ("r-20230912", "2023-09-18"),
        ("r-20230919", "2023-10-12"),
        ("r-20230926", "2023-10-20"),
        ("r-20231010", "2023-10-23"),
        ("r-20231031", "2023-11-18"),
        ("r-20231107", "2023-11-24"),
    ] {
        let base = world.runs.iter().find(|run| run.id == base).unwrap();
        let day = days::day(day);
        let run = back(&world, base, day);
        play::play_run(&world, &run, Some(base), &asked.desk.store());
        let words = format!("export {} --out {}", run.id, run.id);
        let ended = asked.desk.run(&words);
        assert!(
            matches!(ended.code, Some(0 | 3 | 4)),
            "{words}\n{}",
            ended.err
        );
        let table = asked.table(&run.id, "verify");
        let columns = ["ip", "bulletin_id", "state_before", "state"];
        let told = table.rows.iter();
        let told = told.map(|row| columns.map(|column| table.cell(row, column).to_owned()));
        let truth = rows(&world, base, (day, run.catalogue));
        states.extend(truth.iter().map(|row| row[3].clone()));
        asked.compare(&words, &told.collect(), &truth);
        all.runs.push(run);
    }
    let states: Vec<String> = states.into_iter().collect();
    let every = [
        "fixed",
        "missing",
        "not_applicable",
        "pending_reboot",
        "superseded",
        "unreachable",
        "unverified",
    ];
    assert_eq!(states, every);
    // It is no new state of the network: scans say what they said, but for what was told of updates.
    assert_eq!(scans(&asked, "after"), before);
    all.runs
        .sort_by(|one, other| one.started.cmp(&other.started));
    for run in world.runs.iter().rev().step_by(3) {
        let told = asked::trail(&asked.table(&format!("after-{}", run.id), "history"));
        let truth = trail::rows(&all, run);
        asked.compare(&format!("{} history.csv", run.id), &told, &truth);
    }
    asked.end();
}

/// What scans say, but for what was told of updates.
fn scans(asked: &Asked<'_>, folder: &str) -> Vec<String> {
    let mut files = Vec::new();
    for run in asked.world.runs.iter().rev().step_by(3) {
        let out = format!("{folder}-{}", run.id);
        let ended = asked.desk.run(&format!("export {} --out {out}", run.id));
        assert!(matches!(ended.code, Some(0 | 3)), "{}", ended.err);
        for name in [
            "machines",
            "findings",
            "findings_cve",
            "changes",
            "remediation",
            "drift",
            "exceptions",
            "software",
        ] {
            files.push(asked.desk.read(&format!("{out}/{name}.csv")));
        }
    }
    files
}
