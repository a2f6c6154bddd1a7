//! What was ever told of updates and packages, after docs/history.md: every run up to one is gone through, machine by
//! machine, with what its log, its packages and its updates told, and what differs from the reading before.

use super::days;
use super::differ::{packages, updates};
use super::truth::{Sight, sights};
use super::world::{Machine, Run, World, hand, log_days, says_when, update};
use std::collections::BTreeSet;

/// `(address, when_utc, date, not_before_date, update, action, version_before, version_after, installed_by, command,
/// source, first_run_id)`
pub(super) type Row = [String; 12];

/// What people type here.
pub(super) const COMMAND: &str = "apt-get upgrade";

/// A line of a log.
#[derive(Clone, Debug)]
pub(super) struct Line {
    pub(super) minute: i64,
    pub(super) package: String,
    pub(super) action: &'static str,
    pub(super) before: String,
    pub(super) after: String,
}

/// The log of a machine in one of its lives, as it is on a day: older lines have rotated away.
pub(super) fn logged(world: &World, machine: &Machine, (life, day): (u32, i64)) -> Vec<Line> {
    let mut lines = Vec::new();
    let Some(kept) = log_days(&machine.system) else {
        return lines;
    };
    for step in world.steps(machine, day) {
        let is_kept = step.minute / 1_440 > day - kept && step.after.life == life;
        if !is_kept || step.kind == "reinstall" {
            continue;
        }
        let system = machine.system.as_str();
        let (was, is) = (
            packages(system, &step.before),
            packages(system, &step.after),
        );
        let mut say = |package: &str, action, before: &str, after: &str| {
            lines.push(Line {
                minute: step.minute,
                package: package.to_owned(),
                action,
                before: before.to_owned(),
                after: after.to_owned(),
            });
        };
        for (name, (product, after)) in &is {
            match was.get(name) {
                None => say(name, "installed", "", after),
                Some((_, before)) if before == after => {}
                Some((_, before)) if world.is_before(system, product, before, after) => {
                    say(name, "upgraded", before, after);
                }
                Some((_, before)) => say(name, "downgraded", before, after),
            }
        }
        for (name, (_, before)) in &was {
            if !is.contains_key(name) {
                say(name, "removed", before, "");
            }
        }
    }
    lines
}

/// Something that is told.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Told {
    minute: Option<i64>,
    date: i64,
    not_before: Option<i64>,
    update: String,
    action: &'static str,
    before: String,
    after: String,
    by: &'static str,
    command: &'static str,
    source: &'static str,
}

/// All rows of the `history.csv` of a run: of the machines that it met, whatever was told by then.
pub(super) fn rows(world: &World, run: &Run) -> BTreeSet<Row> {
    let mut rows = BTreeSet::new();
    for sight in sights(world, run) {
        if !sight.is_met {
            continue;
        }
        for (told, first) in of(world, run, &sight) {
            let day = |day: Option<i64>| day.map(days::text).unwrap_or_default();
            let row = [
                sight.now.address.clone(),
                told.minute
                    .map_or_else(|| "unknown".to_owned(), days::moment),
                day(Some(told.date)),
                day(told.not_before),
                told.update,
                told.action.to_owned(),
                told.before,
                told.after,
                told.by.to_owned(),
                told.command.to_owned(),
                told.source.to_owned(),
                first,
            ];
            rows.insert(row);
        }
    }
    rows
}

/// What is told of one machine in the life that it has in a run, with the run that first told it.
fn of(world: &World, run: &Run, sight: &Sight) -> Vec<(Told, String)> {
    let machine = world.machine(&sight.machine);
    let mut known: Vec<(Told, String)> = Vec::new();
    let mut before: Option<Sight> = None;
    for one in &world.runs {
        if one.site != run.site || one.started > run.started {
            continue;
        }
        let all = sights(world, one);
        let read = all.into_iter().find(|other| {
            other.machine == sight.machine && other.now.life == sight.now.life && other.is_read
        });
        let Some(read) = read else { continue };
        for told in of_logs(world, machine, &read) {
            add(&mut known, told, one);
        }
        for told in of_packages(machine, &read) {
            // Left out where a log tells it.
            let is_logged = known.iter().any(|(other, _)| {
                other.source == "apt"
                    && (&other.update, &other.after) == (&told.update, &told.after)
                    && other.minute == told.minute
            });
            if !is_logged {
                add(&mut known, told, one);
            }
        }
        for told in of_updates(world, machine, &read) {
            add(&mut known, told, one);
        }
        if let Some(before) = &before {
            for told in between(world, machine, before, &read) {
                // What no source tells of.
                let is_told = known.iter().any(|(other, _)| {
                    (&other.update, &other.after) == (&told.update, &told.after)
                        && other.date > before.day
                        && other.date <= read.day
                });
                if !is_told {
                    add(&mut known, told, one);
                }
            }
        }
        before = Some(read);
    }
    known
}

fn add(known: &mut Vec<(Told, String)>, told: Told, run: &Run) {
    if !known.iter().any(|(other, _)| *other == told) {
        known.push((told, run.id.clone()));
    }
}

fn of_logs(world: &World, machine: &Machine, read: &Sight) -> Vec<Told> {
    let lines = logged(world, machine, (read.now.life, read.day));
    let lines = lines.into_iter().map(|line| Told {
        minute: Some(line.minute),
        date: line.minute / 1_440,
        not_before: None,
        update: line.package,
        action: line.action,
        before: line.before,
        after: line.after,
        by: hand(machine).unwrap_or("unknown"),
        command: COMMAND,
        source: "apt",
    });
    lines.collect()
}

/// When each version was put in, not what was there before.
fn of_packages(machine: &Machine, read: &Sight) -> Vec<Told> {
    let mut all = Vec::new();
    if machine.is_windows() || !says_when(&machine.system) {
        return all;
    }
    for (name, (product, version)) in packages(&machine.system, &read.now) {
        let minute = read.now.since(&product, &version);
        all.push(Told {
            minute: Some(minute),
            date: minute / 1_440,
            not_before: None,
            update: name,
            action: "installed",
            before: String::new(),
            after: version,
            by: "unknown",
            command: "",
            source: "package",
        });
    }
    all
}

/// Of a Windows: a day and an account. What waits for a restart is not in yet.
fn of_updates(world: &World, machine: &Machine, read: &Sight) -> Vec<Told> {
    let mut all = Vec::new();
    if !machine.is_windows() {
        return all;
    }
    let build = &read.now.running;
    all.push(Told {
        minute: None,
        date: read.now.since("windows", build) / 1_440,
        not_before: None,
        update: update(world, build),
        action: "installed",
        before: String::new(),
        after: build.clone(),
        by: hand(machine).unwrap_or("unknown"),
        command: "",
        source: "cbs",
    });
    all
}

/// What two readings show to differ.
fn between(world: &World, machine: &Machine, was: &Sight, is: &Sight) -> Vec<Told> {
    let mut all = Vec::new();
    let mut say = |update: &str, action, before: &str, after: &str| {
        all.push(Told {
            minute: None,
            date: is.day,
            not_before: Some(was.day),
            update: update.to_owned(),
            action,
            before: before.to_owned(),
            after: after.to_owned(),
            by: "unknown",
            command: "",
            source: "runs",
        });
    };
    if machine.is_windows() {
        // One that is not listed any more is not called removed.
        let listed = updates(world, was);
        for (id, state) in updates(world, is) {
            if state == "installed" && !listed.contains_key(&id) {
                say(&id, "installed", "", &is.now.running);
            }
        }
        return all;
    }
    let system = machine.system.as_str();
    let (one, other) = (packages(system, &was.now), packages(system, &is.now));
    for (name, (product, after)) in &other {
        match one.get(name) {
            None => say(name, "installed", "", after),
            Some((_, before)) if before == after => {}
            Some((_, before)) if world.is_before(system, product, before, after) => {
                say(name, "upgraded", before, after);
            }
            Some((_, before)) => say(name, "downgraded", before, after),
        }
    }
    for (name, (_, before)) in &one {
        if !other.contains_key(name) {
            say(name, "removed", before, "");
        }
    }
    all
}
