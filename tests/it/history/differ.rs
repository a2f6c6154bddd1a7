//! What is different between two runs, after the tables of docs/changes.md: every machine, package, update and
//! bulletin is looked at in both.

use super::truth::{Sight, shown, sights};
use super::world::{Machine, Now, Run, World, needs_restart, package, release, update};
use std::collections::{BTreeMap, BTreeSet};

/// `(address, change, object, before, after)`: of a finding the object is its bulletin, and of a machine its name
/// or what changed about it.
pub(super) type Row = [String; 5];

/// The run that a run is compared with of itself.
pub(super) fn earlier<'a>(world: &'a World, run: &Run) -> Option<&'a Run> {
    let mut before = None;
    for one in &world.runs {
        if one.is_finished && one.site == run.site && one.started < run.started {
            before = Some(one);
        }
    }
    before
}

/// All rows between two runs of a site.
pub(super) fn rows(world: &World, before: &Run, after: &Run) -> BTreeSet<Row> {
    let (was, is) = (sights(world, before), sights(world, after));
    let mut rows = BTreeSet::new();
    for machine in &world.machines {
        if machine.site != after.site {
            continue;
        }
        let of = |all: &[Sight]| {
            let found = all.iter().find(|one| one.machine == machine.name);
            found.filter(|one| one.is_met).cloned()
        };
        let (was, is) = (of(&was), of(&is));
        let is_one = matches!((&was, &is), (Some(was), Some(is)) if was.now.life == is.now.life);
        let address = |sight: &Sight| sight.now.address.clone();
        let mut look = Look {
            world,
            machine,
            before,
            after,
            is_taken: is
                .as_ref()
                .is_some_and(|is| is.is_read && was.as_ref().map(address) == Some(address(is))),
            rows: &mut rows,
        };
        if is_one {
            look.at(was.as_ref(), is.as_ref());
        } else {
            look.at(was.as_ref(), None);
            look.at(None, is.as_ref());
        }
    }
    rows
}

struct Look<'a> {
    world: &'a World,
    machine: &'a Machine,
    before: &'a Run,
    after: &'a Run,
    /// Whether the later run read somebody at its address.
    is_taken: bool,
    rows: &'a mut BTreeSet<Row>,
}

impl Look<'_> {
    fn say(&mut self, sight: &Sight, change: &str, object: &str, values: [&str; 2]) {
        let [before, after] = values;
        let row = [sight.now.address.as_str(), change, object, before, after];
        self.rows.insert(row.map(str::to_owned));
    }

    /// One machine in one life.
    fn at(&mut self, was: Option<&Sight>, is: Option<&Sight>) {
        match (was, is) {
            (None, None) => return,
            (None, Some(is)) => {
                // Nor has one that was stopped.
                let word = match (self.was_met_before(is.now.life), self.before.is_finished) {
                    (true, _) => "machine_back",
                    (false, true) => "machine_new",
                    (false, false) => "machine_newly_swept",
                };
                self.say(is, word, "machine", ["", ""]);
            }
            (Some(was), None) => {
                // A run that was stopped has not swept its addresses to the end; but where it read another machine, this
                // one is not.
                let word = if self.after.is_finished || self.is_taken {
                    "machine_gone"
                } else {
                    "machine_not_swept"
                };
                self.say(was, word, "machine", ["", ""]);
            }
            (Some(was), Some(is)) => {
                self.traits(was, is);
                if was.is_read && is.is_read {
                    self.software(was, is);
                    self.updates(was, is);
                }
            }
        }
        self.findings(was, is);
    }

    fn was_met_before(&self, life: u32) -> bool {
        let mut met = false;
        for run in &self.world.runs {
            if run.site == self.before.site && run.started < self.before.started {
                for sight in sights(self.world, run) {
                    met |= sight.machine == self.machine.name
                        && sight.now.life == life
                        && sight.is_met;
                }
            }
        }
        met
    }

    fn traits(&mut self, was: &Sight, is: &Sight) {
        let own = self.machine;
        let of = |sight: &Sight| {
            let mut traits: BTreeMap<&str, String> = BTreeMap::new();
            let outcome = match (own.is_computer(), sight.is_read) {
                (false, _) => "network_only",
                (true, true) => "scanned_full",
                (true, false) => "failed",
            };
            traits.insert("outcome", outcome.to_owned());
            traits.insert("addresses", sight.now.address.clone());
            if sight.is_read {
                let now = &sight.now;
                traits.insert("hostname", now.name.clone());
                let newest = now.software.get("linux").or(now.software.get("windows"));
                let waits = newest.is_some_and(|newest| *newest != now.running);
                traits.insert(
                    "reboot_pending",
                    if waits { "yes" } else { "no" }.to_owned(),
                );
                if own.is_windows() {
                    traits.insert("build", now.running.clone());
                } else if now.software.contains_key("linux") {
                    traits.insert("kernel", release(&now.running).to_owned());
                }
            }
            traits
        };
        let (one, other) = (of(was), of(is));
        for (name, before) in &one {
            if let Some(after) = other.get(name)
                && before != after
            {
                self.say(is, "machine_changed", name, [before, after]);
            }
        }
    }

    fn software(&mut self, was: &Sight, is: &Sight) {
        if self.machine.is_windows() {
            return;
        }
        let system = &self.machine.system;
        let (one, other) = (packages(system, &was.now), packages(system, &is.now));
        for (name, (_, version)) in &one {
            if !other.contains_key(name) {
                self.say(is, "software_removed", name, [version, ""]);
            }
        }
        for (name, (product, after)) in &other {
            let Some((_, before)) = one.get(name) else {
                self.say(is, "software_added", name, ["", after]);
                continue;
            };
            if before != after {
                let is_later = self.world.is_before(system, product, before, after);
                let word = if is_later {
                    "software_upgraded"
                } else {
                    "software_downgraded"
                };
                self.say(is, word, name, [before, after]);
            }
        }
    }

    fn updates(&mut self, was: &Sight, is: &Sight) {
        if !self.machine.is_windows() {
            return;
        }
        let world = self.world;
        let of = |sight: &Sight| updates(world, sight);
        let (one, other) = (of(was), of(is));
        for (id, before) in &one {
            match other.get(id) {
                None => self.say(is, "update_removed", id, [before, ""]),
                Some(after) if before != after => {
                    self.say(is, "update_changed", id, [before, after]);
                }
                Some(_) => {}
            }
        }
        for (id, after) in &other {
            if !one.contains_key(id) {
                self.say(is, "update_added", id, ["", after]);
            }
        }
    }

    fn findings(&mut self, was: Option<&Sight>, is: Option<&Sight>) {
        let ids: BTreeSet<&String> = self
            .world
            .bulletins
            .iter()
            .map(|bulletin| &bulletin.id)
            .collect();
        for id in ids {
            let of = |sight: Option<&Sight>| {
                let found = sight?.findings.iter().find(|one| one.bulletin == *id)?;
                Some(found.state)
            };
            let (before, after) = (of(was), of(is));
            let Some(sight) = is.or(was) else { return };
            let word = match (before, after) {
                (None, None) => continue,
                (Some(before), Some(after)) if before == after => continue,
                (Some(_), Some(_)) => "finding_changed",
                (Some(_), None) => self.why_closed(was, is, id),
                (None, Some(_)) => self.why_open(was, sight.now.life, id),
            };
            let values = [before.unwrap_or(""), after.unwrap_or("")];
            self.say(sight, word, id, values);
        }
    }

    fn why_closed(&self, was: Option<&Sight>, is: Option<&Sight>, id: &str) -> &'static str {
        let Some(is) = is.filter(|is| is.is_read) else {
            return "finding_unobserved";
        };
        let was = was.unwrap();
        let product = was.findings.iter().find(|one| one.bulletin == id).unwrap();
        let product = &product.product;
        let is_same = was.now.software.get(product) == is.now.software.get(product)
            && (!needs_restart(product) || was.now.running == is.now.running);
        if is_same && self.before.catalogue != self.after.catalogue {
            "finding_withdrawn"
        } else {
            "finding_fixed"
        }
    }

    fn why_open(&self, was: Option<&Sight>, life: u32, id: &str) -> &'static str {
        let mut was_shown = false;
        for run in &self.world.runs {
            if run.site == self.before.site && run.started < self.before.started {
                let sights = sights(self.world, run);
                was_shown |= shown(&sights, &self.machine.name, life, id).is_some();
            }
        }
        let could_tell = was.is_some_and(|was| was.is_read);
        match (was_shown, could_tell) {
            (false, _) => "finding_new",
            (true, true) => "finding_reopened",
            (true, false) => "finding_seen_again",
        }
    }
}

/// The packages of a machine, by name, with their product and version.
pub(super) fn packages(system: &str, now: &Now) -> BTreeMap<String, (String, String)> {
    let mut all = BTreeMap::new();
    for (product, version) in &now.software {
        if product != "linux" {
            let name = package(system, product, version);
            all.insert(name, (product.clone(), version.clone()));
        }
    }
    for version in &now.kernels {
        let name = package(system, "linux", version);
        all.insert(name, ("linux".to_owned(), version.clone()));
    }
    if let Some(newest) = now.software.get("linux") {
        // What brings the newest of them.
        let name = "linux-image-amd64".to_owned();
        all.insert(name, ("linux".to_owned(), newest.clone()));
    }
    all
}

/// The updates that a Windows knows of: what runs is installed, what waits for a restart says so.
pub(super) fn updates(world: &World, sight: &Sight) -> BTreeMap<String, &'static str> {
    let now = &sight.now;
    let mut all = BTreeMap::from([(update(world, &now.running), "installed")]);
    let newest = &now.software["windows"];
    if *newest != now.running {
        all.insert(update(world, newest), "pending_reboot");
    }
    all
}
