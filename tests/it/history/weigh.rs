//! What `fixtures/history/policy.toml` comes to, in straight code after docs/policy.md.

use super::days::{self, Day};
use super::noted::{self, Notes};
use super::truth::{Found, Sight, known_since};
use super::world::{Exception, Machine, Run, World};

/// A finding as it is weighed.
#[derive(Clone, Debug)]
pub(super) struct Weighed {
    pub(super) machine: String,
    pub(super) found: Found,
    pub(super) first: Day,
    pub(super) times: usize,
    pub(super) severity: &'static str,
    /// The severity rule.
    pub(super) rule: &'static str,
    pub(super) due: Option<Day>,
    pub(super) days_left: Option<i64>,
    pub(super) exception: Option<String>,
    pub(super) exception_until: Option<Day>,
    pub(super) owner: String,
    pub(super) status: String,
    pub(super) criticality: i64,
    pub(super) exposure: i64,
}

/// Stands for the id of an exception that a cell granted.
pub(super) const SHEET: &str = "of a sheet";

const HOLIDAYS: [&str; 5] = [
    "2023-10-03",
    "2023-11-01",
    "2023-11-04",
    "2023-11-23",
    "2023-11-24",
];

const STEPS: [&str; 4] = ["low", "medium", "high", "critical"];

/// Weighs all that a run found.
pub(super) fn weigh(world: &World, run: &Run, sights: &[Sight], notes: &Notes) -> Vec<Weighed> {
    let mut all = Vec::new();
    for sight in sights {
        let machine = world.machine(&sight.machine);
        for found in &sight.findings {
            let (first, times) =
                known_since(world, run, &sight.machine, sight.now.life, &found.bulletin);
            let note = noted::about(notes, sight, found);
            // A cell that somebody wrote comes before all rules.
            let written = note.and_then(|note| note.my_severity.as_ref());
            let (severity, rule) = match written {
                Some(word) => (STEPS[step(word)], "spreadsheet"),
                None => severity(machine, found),
            };
            let due = due(severity, found, first);
            let exception = exception(world, run, sight, found).or_else(|| {
                let granted = noted::exception(notes, sight, found)?;
                Some((SHEET.to_owned(), granted.until))
            });
            all.push(Weighed {
                machine: sight.machine.clone(),
                found: found.clone(),
                first,
                times,
                severity,
                rule,
                due,
                days_left: due.map(|due| due - run.day()),
                exception: exception.as_ref().map(|(id, _)| id.clone()),
                exception_until: exception.map(|(_, until)| until),
                owner: noted::owner(machine, sight.now.life, note),
                status: note
                    .and_then(|note| note.status.clone())
                    .unwrap_or_default(),
                criticality: match () {
                    () if has(machine, "criticality=high") => 0,
                    () if has(machine, "criticality=low") => 2,
                    () => 1,
                },
                exposure: match () {
                    () if has(machine, "exposure=internet") => 0,
                    () if has(machine, "exposure=dmz") => 1,
                    () => 2,
                },
            });
        }
    }
    all
}

fn has(machine: &Machine, tag: &str) -> bool {
    machine.tags.iter().any(|one| one == tag)
}

pub(super) fn step(word: &str) -> usize {
    STEPS.iter().position(|one| *one == word).unwrap()
}

/// The publisher's word, or the rating that goes with the score; then the first rule that fits.
pub(super) fn severity(machine: &Machine, found: &Found) -> (&'static str, &'static str) {
    let stated = if found.severity.is_empty() {
        match found.cvss.unwrap() {
            90.. => 3,
            70.. => 2,
            40.. => 1,
            _ => 0,
        }
    } else {
        step(&found.severity)
    };
    if found.kev && has(machine, "exposure=internet") {
        return ("critical", "exploited-in-the-open");
    }
    if found.cvss.is_some_and(|score| score >= 90) {
        return (STEPS[(stated + 1).min(3)], "likely");
    }
    if has(machine, "criticality=low") {
        return (STEPS[stated.saturating_sub(1)], "of-little-weight");
    }
    (STEPS[stated], "")
}

fn is_business_day(day: Day) -> bool {
    days::weekday(day) < 5 && !HOLIDAYS.contains(&days::text(day).as_str())
}

/// The last day on which it is in time.
fn due(severity: &str, found: &Found, first: Day) -> Option<Day> {
    if found.state == "no_fix_yet" {
        return None;
    }
    let own = match severity {
        "critical" => {
            let (mut day, mut left) = (first, 3);
            while left > 0 {
                day += 1;
                if is_business_day(day) {
                    left -= 1;
                }
            }
            Some(day)
        }
        "high" => Some(first + 14),
        "medium" => Some(days::next_month(first)),
        _ => None,
    };
    match (own, found.kev_due) {
        (Some(own), Some(kev)) => Some(own.min(kev)),
        (own, kev) => own.or(kev),
    }
}

/// Whether an exception speaks of a finding, whatever version is installed.
fn is_about(world: &World, exception: &Exception, sight: &Sight, found: &Found) -> bool {
    let machine = world.machine(&sight.machine);
    let is_bulletin =
        found.bulletin == exception.bulletin || found.cves.contains(&exception.bulletin);
    let is_host = exception.host.is_empty() || sight.now.name == exception.host;
    let is_tagged = exception.tag.is_empty() || has(machine, &exception.tag);
    is_bulletin && is_host && is_tagged
}

fn is_over(exception: &Exception, run: &Run) -> bool {
    exception.taken_back.is_some() || run.day() > exception.until
}

/// The exception that holds, and its last day.
fn exception(world: &World, run: &Run, sight: &Sight, found: &Found) -> Option<(String, Day)> {
    let holds = |one: &&Exception| {
        run.site == "default"
            && !is_over(one, run)
            && is_about(world, one, sight, found)
            && one.version == found.installed
    };
    world
        .exceptions
        .iter()
        .find(holds)
        .map(|one| (one.id.clone(), one.until))
}

/// `(state, findings, with another version)` of an exception in a run.
pub(super) fn standing(
    world: &World,
    run: &Run,
    sights: &[Sight],
    exception: &Exception,
) -> (&'static str, usize, usize) {
    let (mut held, mut other) = (0, 0);
    for sight in sights {
        for found in &sight.findings {
            if !is_about(world, exception, sight, found) {
                continue;
            }
            if exception.version == found.installed {
                held += 1;
            } else {
                other += 1;
            }
        }
    }
    let state = if is_over(exception, run) {
        "expired"
    } else if held > 0 {
        "active"
    } else if other > 0 {
        "version_changed"
    } else {
        "unused"
    };
    (state, held, other)
}

/// What decides between two findings, the smaller first; address, product and bulletin decide the rest.
pub(super) fn order(one: &Weighed) -> [i64; 10] {
    let is_no_fix = one.found.state == "no_fix_yet";
    // What an exception holds for is left out of what is overdue.
    let is_overdue = one.exception.is_none() && one.days_left.is_some_and(|left| left < 0);
    let flag = |yes: bool| i64::from(!yes);
    [
        flag(one.exception.is_none()),
        flag(!is_no_fix),
        flag(is_overdue),
        flag(one.found.kev),
        3 - i64::try_from(step(one.severity)).unwrap(),
        one.criticality,
        one.exposure,
        0, // No estimates in this catalogue.
        one.due.unwrap_or(i64::MAX),
        -one.found.cvss.unwrap_or(0),
    ]
}
