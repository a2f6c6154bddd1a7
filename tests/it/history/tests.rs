//! The truth itself is sound: what the time line is for does happen in it.

use super::asked::Asked;
use super::differ;
use super::drifting;
use super::noted::{self, Notes};
use super::standing::standing;
use super::trail;
use super::truth::sights;
use super::weigh;
use super::world::{Run, World};
use std::collections::BTreeSet;

#[test]
fn the_time_line_has_every_kind_of_change() {
    let world = World::written();
    let mut kinds = BTreeSet::new();
    for run in &world.runs {
        if let Some(before) = differ::earlier(&world, run) {
            for row in differ::rows(&world, before, run) {
                kinds.insert(row[1].clone());
            }
        }
    }
    let all = [
        "finding_changed",
        "finding_fixed",
        "finding_new",
        "finding_reopened",
        "finding_seen_again",
        "finding_unobserved",
        "finding_withdrawn",
        "machine_back",
        "machine_changed",
        "machine_gone",
        "machine_new",
        "machine_not_swept",
        "software_added",
        "software_downgraded",
        "software_removed",
        "software_upgraded",
        "update_added",
        "update_changed",
        "update_removed",
    ];
    assert_eq!(kinds, all.map(str::to_owned).into());
}

#[test]
fn everything_that_can_be_weighed_is_there() {
    let world = World::written();
    let (mut rules, mut states, mut overdue, mut exceptions) = (
        BTreeSet::new(),
        BTreeSet::new(),
        BTreeSet::new(),
        BTreeSet::new(),
    );
    let mut standings = BTreeSet::new();
    for run in &world.runs {
        let sights = sights(&world, run);
        for one in weigh::weigh(&world, run, &sights, &Notes::new()) {
            rules.insert((one.severity, one.rule));
            states.insert(one.found.state);
            overdue.insert(one.days_left.map(i64::signum));
        }
        for exception in &world.exceptions {
            exceptions.insert(weigh::standing(&world, run, &sights, exception).0);
        }
        for sight in &sights {
            standings.extend(standing(&world, run, sight));
        }
    }
    assert_eq!(
        states,
        BTreeSet::from(["missing", "no_fix_yet", "pending_reboot"])
    );
    assert_eq!(overdue, BTreeSet::from([None, Some(-1), Some(0), Some(1)]));
    assert_eq!(
        exceptions,
        BTreeSet::from(["active", "expired", "unused", "version_changed"])
    );
    for rule in ["", "exploited-in-the-open", "likely", "of-little-weight"] {
        assert!(rules.iter().any(|(_, one)| *one == rule), "{rules:?}");
    }
    let states: BTreeSet<&str> = standings.iter().map(|(state, _)| *state).collect();
    let all = [
        "managed",
        "overlooked",
        "unidentified",
        "unmanaged",
        "unseen",
    ];
    assert_eq!(states, BTreeSet::from(all));
}

#[test]
fn what_is_drifting_told_and_edited_has_every_kind() {
    let world = World::written();
    let (mut drifts, mut sources, mut actions) =
        (BTreeSet::new(), BTreeSet::new(), BTreeSet::new());
    for run in &world.runs {
        for ([_, baseline, rule, object], (state, _)) in drifting::rows(&world, run) {
            drifts.insert((format!("{baseline} {rule} {object}"), state));
        }
        for row in trail::rows(&world, run) {
            sources.insert(row[10].clone());
            actions.insert(row[5].clone());
        }
    }
    let sources: Vec<String> = sources.into_iter().collect();
    assert_eq!(sources, ["apt", "cbs", "package", "runs"]);
    let actions: Vec<String> = actions.into_iter().collect();
    assert_eq!(actions, ["downgraded", "installed", "removed", "upgraded"]);
    for rule in [
        "servers build ",
        "servers os_version ",
        "servers required curl",
        "servers forbidden LIBWEBP*",
        "debian required linux-image-6*",
        "debian minimum linux-image-6*",
        "debian minimum openssl",
        "debian minimum libc6",
        "in-the-open required nghttp2",
        "in-the-open required curl",
        "everybody forbidden cups",
        "everybody minimum cups",
        "everybody minimum libwebp",
    ] {
        assert!(drifts.contains(&(rule.to_owned(), "drift")), "{rule}");
    }
    let unknown = drifts.iter().filter(|(_, state)| *state == "unknown");
    assert!(unknown.count() > 5);
    for edit in &world.edits {
        let run = world.runs.iter().find(|run| run.id == edit.run).unwrap();
        noted::meant(&sights(&world, run), edit);
    }
}

#[test]
fn every_file_of_every_run_is_what_the_time_line_gives() {
    let world = World::written();
    let mut asked = Asked::play(&world);
    for run in &world.runs {
        asked.export(run);
        asked.edit(run);
    }
    // What was written holds for the same findings of earlier runs too.
    for run in world.runs.iter().step_by(5) {
        asked.export(run);
    }
    asked.end();
}

#[test]
fn any_two_runs_and_any_past_day_are_told_as_the_time_line_gives_them() {
    let world = World::written();
    let mut asked = Asked::play(&world);
    let runs: Vec<&Run> = world
        .runs
        .iter()
        .filter(|one| one.site == "default")
        .collect();
    for (at, after) in runs.iter().enumerate() {
        for before in runs[..at].iter().step_by(4) {
            asked.diff(before, after);
        }
    }
    // Days of runs, days on which a catalogue was not updated, and days between.
    let first = runs[0].day();
    for day in (first - 2..first + 92).step_by(7) {
        asked.as_of(day);
    }
    for run in &runs {
        asked.as_of(run.day());
    }
    asked.end();
}
