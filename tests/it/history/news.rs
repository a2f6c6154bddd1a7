//! Whom a new catalogue hits, after docs/feeds.md: what the latest run read is gone through once more, by the bulletins
//! that were published by the day on which the catalogue comes.

use super::days::{self, Day};
use super::play;
use super::truth::{self, sights};
use super::weigh;
use super::world::{Run, World, folder};
use crate::support::Desk;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};

/// `(event, bulletin, address)`
type Hit = (String, String, String);

/// The hits, and the worst severity of each bulletin that is new.
#[derive(Debug, Default, PartialEq, Eq)]
struct News {
    hits: BTreeSet<Hit>,
    severities: BTreeMap<String, usize>,
    /// Of the bulletins that are new: which of their flaws are known to be exploited.
    exploited: BTreeSet<(String, String)>,
    read: usize,
}

/// What a catalogue of a day says of what a run read.
fn news(world: &World, run: &Run, day: Day) -> News {
    let mut news = News::default();
    for sight in sights(world, run) {
        if !sight.is_read {
            continue;
        }
        news.read += 1;
        let machine = world.machine(&sight.machine);
        let mut say = |event: &str, bulletin: &str| {
            let hit = [event, bulletin, &sight.now.address].map(str::to_owned);
            news.hits.insert(hit.into());
        };
        for found in truth::findings(world, machine, &sight.now, day) {
            let mut then = sight.findings.iter();
            let Some(then) = then.find(|one| one.bulletin == found.bulletin) else {
                say("bulletin_hits", &found.bulletin);
                let severity = weigh::step(weigh::severity(machine, &found).0);
                let worst = news.severities.entry(found.bulletin.clone());
                let worst = worst.or_insert(severity);
                *worst = severity.max(*worst);
                for entry in &world.exploited {
                    if entry.added <= day && found.cves.contains(&entry.cve) {
                        let one = (found.bulletin.clone(), entry.cve.clone());
                        news.exploited.insert(one);
                    }
                }
                continue;
            };
            // One of its flaws is listed since, whether or not another was before.
            let mut listed = world.exploited.iter();
            if listed.any(|entry| {
                let is_since = run.catalogue < entry.added && entry.added <= day;
                is_since && found.cves.contains(&entry.cve)
            }) {
                say("now_exploited", &found.bulletin);
            }
            if then.state == "no_fix_yet" && found.state != "no_fix_yet" {
                say("fix_available", &found.bulletin);
            }
        }
    }
    news
}

/// What the program says of it.
fn told(objects: &[Value]) -> News {
    let mut news = News::default();
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    for object in objects {
        let event = text(&object["event"]);
        if event == "done" {
            news.read = usize::try_from(object["read"].as_u64().unwrap()).unwrap();
        }
        let Some(machines) = object["machines"].as_array() else {
            continue;
        };
        // Support has ended since; no time line tells of that.
        if object["state"] == "end_of_life" {
            continue;
        }
        assert_eq!(object["machine_count"], machines.len());
        let bulletin = text(&object["bulletin"]);
        for machine in machines {
            let hit = (event.clone(), bulletin.clone(), text(&machine["ip"]));
            assert!(news.hits.insert(hit), "twice: {object}");
        }
        if event != "bulletin_hits" {
            continue;
        }
        let severity = object["my_severity"].as_str();
        let severity = weigh::step(severity.unwrap_or_else(|| panic!("{object}")));
        let worst = news.severities.entry(bulletin.clone()).or_insert(severity);
        *worst = severity.max(*worst);
        for cve in object["kev"].as_array().unwrap() {
            news.exploited.insert((bulletin.clone(), text(cve)));
        }
    }
    news
}

/// The worst first: known to be exploited, then `my_severity`, then the number of machines.
fn is_sorted(objects: &[Value]) -> bool {
    let hits = objects
        .iter()
        .filter(|object| object["event"] == "bulletin_hits" && !object["my_severity"].is_null());
    let keys: Vec<_> = hits
        .map(|object| {
            let severity = weigh::step(object["my_severity"].as_str().unwrap());
            let is_exploited = !object["kev"].as_array().unwrap().is_empty();
            (is_exploited, severity, object["machine_count"].as_u64())
        })
        .collect();
    keys.windows(2).all(|pair| pair[0] >= pair[1])
}

#[test]
fn a_catalogue_that_comes_hits_whom_the_time_line_says() {
    let written = World::written();
    let mut kinds = BTreeSet::new();
    let runs: Vec<&Run> = written
        .runs
        .iter()
        .filter(|run| run.site == "default" && run.is_finished)
        .collect();
    for pair in runs.windows(2).step_by(2) {
        let (run, day) = (pair[0], pair[1].catalogue);
        let mut world = written.clone();
        world.runs = vec![run.clone()];
        world.is_real = true;
        world.exceptions.clear();
        let desk = Desk::without_catalog();
        let then = underdesk::model::UtcTime::parse(&run.started).unwrap();
        play::import(run.catalogue, &play::shelf(&desk), then);
        std::fs::create_dir_all(desk.path("home/.local/state/underdesk")).unwrap();
        let policy = std::fs::read_to_string(folder().join("policy.toml")).unwrap();
        desk.write("policy.toml", &policy);
        play::play(&world, &desk.store());
        let documents = play::documents(day);
        let words = format!(
            "catalog import {} --events jsonl",
            documents.path().display()
        );
        let ended = desk.expect(0, &words);
        let objects: Vec<Value> = ended
            .out
            .lines()
            .map(|line| serde_json::from_str(line).unwrap())
            .collect();
        assert_eq!(objects[0]["event"], "catalog_updated");
        let (truth, told) = (news(&world, run, day), told(&objects));
        kinds.extend(truth.hits.iter().map(|hit| hit.0.clone()));
        assert_eq!(told, truth, "{} {}", run.id, days::text(day));
        assert!(is_sorted(&objects), "{}", ended.out);
        let done = objects.last().unwrap();
        assert_eq!(
            (&done["event"], &done["run"]),
            (&"done".into(), &run.id.clone().into())
        );
        let hits = objects.iter().filter(|one| one["event"] == "bulletin_hits");
        let machines = hits.filter_map(|one| one["machines"].as_array());
        let hit: BTreeSet<&str> = machines
            .flatten()
            .map(|one| one["ip"].as_str().unwrap())
            .collect();
        assert_eq!(done["machines"], hit.len(), "{done}");
    }
    let all = ["bulletin_hits", "now_exploited"];
    assert_eq!(kinds, all.map(str::to_owned).into());
}
