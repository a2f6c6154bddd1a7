//! What changed between two stored runs: their machines are read in pairs, and `classify` tells them apart.

use super::{RunError, RunKind, RunSource};
use crate::classify::changes::{self as told, Between, FindingKey, Likeness, Reach, Snapshot};
use crate::model::{Change, Changes, Date, FindingId, MachineId, MachineRecord, RunId, RunSummary};
use crate::report::ReportSource as _;
use crate::store::{ReportOptions, RunRecord, RunReport, RunState, Store};
use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::net::IpAddr;

/// How many earlier runs are asked whether they met a machine, and how many whether they are of the same scope.
const EARLIER: usize = 60;

/// Tells what changed from one run to a later one. Both should have been compared with the operator's
/// beliefs, so that machines are put together in the same way. Blocks; a pair of machines is in memory at
/// a time, and the changes.
///
/// # Errors
/// The store cannot be read.
pub fn changes(store: &Store, before: &RunSource, after: &RunSource) -> Result<Changes, RunError> {
    let past = Past::read(store, before, after.run())?;
    let places = before.places_by_id();
    let mut pairs = Pairs {
        before,
        after,
        past,
        lost: lost(before, after, &places),
        places,
        there: before.report.addresses().collect(),
        taken: BTreeSet::new(),
        met: BTreeMap::new(),
        rows: Vec::new(),
    };
    let walked = after.machines(&mut |machine| pairs.visit(machine));
    walked.and_then(|()| pairs.rest()).map_err(RunError::Read)?;
    told::sort(&mut pairs.rows);
    Ok(Changes {
        before: before.run().id.clone(),
        began: before.run().started,
        rows: pairs.rows,
    })
}

/// Where the earlier run had machines that the later one has under no id of theirs: their addresses, and places.
fn lost(
    before: &RunSource,
    after: &RunSource,
    places: &BTreeMap<MachineId, usize>,
) -> BTreeMap<IpAddr, usize> {
    let later = after.places_by_id();
    let met = places.iter().filter(|(id, _)| later.contains_key(id));
    let met: BTreeSet<usize> = met.map(|(_, place)| *place).collect();
    let whose = before.report.whose();
    let whose = whose.filter_map(|(address, id)| Some((address, *places.get(id)?)));
    whose.filter(|(_, place)| !met.contains(place)).collect()
}

/// The run that a run is compared with where nobody names one: the latest finished one before it of the same
/// site and kind whose scope overlaps.
///
/// # Errors
/// The store cannot be read.
pub fn previous(store: &Store, run: &RunId) -> Result<Option<RunId>, RunError> {
    let all = store.list_runs().wait()?;
    let Some(this) = all.iter().find(|one| one.summary.id == *run) else {
        return Ok(None);
    };
    let same = earlier(&all, &this.summary).filter(|one| {
        one.summary.state == RunState::Complete && one.summary.kind == this.summary.kind
    });
    let candidates: Vec<&RunRecord> = same.take(EARLIER).collect();
    if candidates.is_empty() {
        return Ok(None);
    }
    let own = Extent::read(store, this)?;
    for one in candidates {
        if own.overlaps(&Extent::read(store, one)?) {
            return Ok(Some(one.summary.id.clone()));
        }
    }
    Ok(None)
}

/// Whether a run that was carried from another store is one that this program can read.
///
/// # Errors
/// What is wrong with its kind or its settings.
pub fn check_carried(run: &RunRecord) -> Result<(), String> {
    const KINDS: [RunKind; 5] = [
        RunKind::Scan,
        RunKind::Sweep,
        RunKind::Local,
        RunKind::Recorded,
        RunKind::Verify,
    ];
    let kind = &run.summary.kind;
    if !KINDS.iter().any(|known| known.as_str() == kind) {
        return Err(format!("a run of kind {kind:?} has no machines"));
    }
    let plan: Option<super::RunPlan> = serde_json::from_value(run.settings.clone())
        .map_err(|error| format!("the run's settings: {error}"))?;
    let plan = plan.filter(|plan| !plan.scope.targets.is_empty());
    let targets = plan.as_ref().map(|plan| plan.scope.targets()).transpose();
    targets.map_err(|error| format!("the run's targets: {error}"))?;
    Ok(())
}

/// The runs before a run of the same network, the latest first.
pub fn earlier<'a>(
    all: &'a [RunRecord],
    this: &'a RunSummary,
) -> impl Iterator<Item = &'a RunRecord> {
    let before = all.iter().take_while(|one| one.summary.id != this.id);
    let before: Vec<&RunRecord> = before.collect();
    let looks = [RunKind::Doctor, RunKind::Login, RunKind::Verify];
    before.into_iter().rev().filter(move |one| {
        let one = &one.summary;
        one.site == this.site
            && one.simulated == this.simulated
            && looks.iter().all(|kind| kind.as_str() != one.kind)
    })
}

/// Where a run looked, and whom it met.
struct Extent {
    targets: Option<crate::targets::TargetSet>,
    addresses: BTreeSet<IpAddr>,
    machines: BTreeSet<MachineId>,
    words: Vec<String>,
}

impl Extent {
    fn read(store: &Store, run: &RunRecord) -> Result<Self, RunError> {
        let plan: Option<super::RunPlan> = serde_json::from_value(run.settings.clone()).ok();
        let plan = plan.filter(|plan| !plan.scope.targets.is_empty());
        let report = store
            .report(&run.summary.id, ReportOptions::default())
            .wait()?;
        Ok(Self {
            targets: plan.map(|plan| plan.scope.targets()).transpose()?,
            addresses: report.addresses().collect(),
            machines: report.machine_ids().cloned().collect(),
            words: run.summary.targets.clone(),
        })
    }

    fn overlaps(&self, other: &Self) -> bool {
        let covers = |one: &Self, other: &Self| {
            let targets = one.targets.as_ref();
            targets.is_some_and(|all| other.addresses.iter().any(|at| all.contains(*at)))
        };
        covers(self, other)
            || covers(other, self)
            || !self.machines.is_disjoint(&other.machines)
            || self.targets.is_some() && self.words == other.words
    }
}

/// Two runs, machine by machine.
struct Pairs<'a> {
    before: &'a RunSource,
    after: &'a RunSource,
    past: Past,
    /// Where the earlier run has each machine.
    places: BTreeMap<MachineId, usize>,
    /// Where those were that the later run does not know, by address.
    lost: BTreeMap<IpAddr, usize>,
    taken: BTreeSet<usize>,
    /// The addresses at which the earlier run met somebody.
    there: BTreeSet<IpAddr>,
    /// Whom the later run met at each address, and whether it read him.
    met: BTreeMap<IpAddr, bool>,
    rows: Vec<Change>,
}

impl Pairs<'_> {
    fn visit(&mut self, machine: &MachineRecord) -> io::Result<()> {
        if machine.intermediary.is_some() {
            return Ok(());
        }
        for address in &machine.addresses {
            *self.met.entry(*address).or_default() |= machine.inventory.is_some();
        }
        let Some(mut now) = told::snapshot(machine, self.after.asks()) else {
            return Ok(());
        };
        let place = {
            let mut known = now.ids().filter_map(|id| self.places.get(id).copied());
            known.find(|place| !self.taken.contains(place))
        };
        let was = match place {
            Some(place) => {
                self.taken.insert(place);
                self.read(place)?
            }
            None => self.like(&now)?,
        };
        // Nobody asked him who he is: he may be whoever was there before, and is not called new.
        let was_there = || machine.addresses.iter().any(|at| self.there.contains(at));
        if was.is_none() && machine.outcome == "not_begun" && was_there() {
            return Ok(());
        }
        if was.is_none() {
            now.met_before = self.past.met(&now, machine.first_seen);
        }
        now.seen_before = self.past.seen(machine, &now, was.as_ref())?;
        let was: Vec<Snapshot> = was.into_iter().collect();
        let mut rows = self.tell(&was, &[now]);
        self.rows.append(&mut rows);
        Ok(())
    }

    /// Who may be a machine that the earlier run has under no id of its.
    fn like(&mut self, now: &Snapshot) -> io::Result<Option<Snapshot>> {
        let places = now.addresses.iter().filter_map(|at| self.lost.get(at));
        let places: BTreeSet<usize> = places.copied().collect();
        let mut likest: Option<(Likeness, usize, Snapshot)> = None;
        for place in places.difference(&self.taken) {
            let Some(was) = self.read(*place)? else {
                continue;
            };
            let Some(likeness) = told::likeness(&was, now) else {
                continue;
            };
            if likest.as_ref().is_none_or(|(known, ..)| likeness < *known) {
                likest = Some((likeness, *place, was));
            }
        }
        Ok(likest.map(|(_, place, was)| {
            self.taken.insert(place);
            was
        }))
    }

    /// Those whom only the earlier run met.
    fn rest(&mut self) -> io::Result<()> {
        let places: BTreeSet<usize> = self.places.values().copied().collect();
        let places: Vec<usize> = places.difference(&self.taken).copied().collect();
        for place in places {
            if let Some(was) = self.read(place)? {
                let mut rows = self.tell(&[was], &[]);
                self.rows.append(&mut rows);
            }
        }
        Ok(())
    }

    fn read(&self, place: usize) -> io::Result<Option<Snapshot>> {
        let machine = self.before.machine_at(place)?;
        Ok(machine.and_then(|machine| told::snapshot(&machine, self.before.asks())))
    }

    fn tell(&self, was: &[Snapshot], now: &[Snapshot]) -> Vec<Change> {
        let (before, after) = (self.before.run(), self.after.run());
        let reach = |address: IpAddr| match self.met.get(&address) {
            _ if self.after.is_artefact(address) => Reach::NotSwept,
            Some(true) => Reach::Other,
            Some(false) => Reach::Nameless,
            None if self.after.has_swept(address) => Reach::Silent,
            None => Reach::NotSwept,
        };
        let is_other_catalog = before.catalog_digest != after.catalog_digest
            || before.programs_digest != after.programs_digest;
        told::changes(
            was,
            now,
            &Between {
                before: before.started.date(),
                was_swept: &|address| self.before.has_swept(address),
                reach: &reach,
                is_other_catalog,
                is_judged: after.catalog_imported.is_some() || before.catalog_imported.is_none(),
            },
        )
    }
}

/// The runs before the two that are compared.
struct Past {
    /// The day on which the earlier of the two began.
    before: Date,
    /// The latest first: its day, its machines by id.
    runs: Vec<(Date, RunReport, BTreeMap<MachineId, usize>)>,
}

impl Past {
    fn read(store: &Store, source: &RunSource, after: &RunSummary) -> Result<Self, RunError> {
        let before = source.run();
        let options = ReportOptions {
            no_merge: source.no_merge,
        };
        let all = store.list_runs().wait()?;
        let runs = earlier(&all, before).filter(|one| one.summary.id != after.id);
        let runs = runs.take(EARLIER).map(|one| {
            let report = store.report(&one.summary.id, options).wait()?;
            let ids = report.machine_ids().cloned().enumerate();
            let ids = ids.map(|(place, id)| (id, place)).collect();
            Ok((one.summary.started.date(), report, ids))
        });
        Ok(Self {
            before: before.started.date(),
            runs: runs.collect::<Result<_, RunError>>()?,
        })
    }

    /// The last day on which a machine was met before.
    fn met(&self, machine: &Snapshot, first_seen: Date) -> Option<Date> {
        let mut runs = self.runs.iter();
        let run = runs.find(|(_, _, ids)| machine.ids().any(|id| ids.contains_key(id)));
        let day = run.map(|(day, ..)| *day);
        // Runs that were deleted, or are too long ago, leave the day of the first.
        day.or_else(|| Some(first_seen).filter(|first| *first < self.before))
    }

    /// Those findings of a machine that an earlier run saw. What was first seen on the very day of the
    /// earlier run may be of a run before or behind it: those of that day are asked.
    fn seen(
        &self,
        machine: &MachineRecord,
        now: &Snapshot,
        was: Option<&Snapshot>,
    ) -> io::Result<BTreeSet<FindingKey>> {
        let mut seen = BTreeSet::new();
        let mut unsure: Vec<&FindingKey> = Vec::new();
        for (key, reported) in &now.findings {
            let is_known = was.is_some_and(|was| was.findings.contains_key(key));
            if is_known || reported.state.is_closed() {
                continue;
            }
            let first = now.ids().filter_map(|id| {
                let id = FindingId::of(id, &key.product, &key.bulletin);
                Some(machine.history.get(&id)?.first_seen)
            });
            match first.min() {
                Some(first) if first < self.before => {
                    seen.insert(key.clone());
                }
                Some(first) if first == self.before => unsure.push(key),
                _ => {}
            }
        }
        if unsure.is_empty() {
            return Ok(seen);
        }
        for (_, report, ids) in self.runs.iter().take_while(|(day, ..)| *day >= self.before) {
            let place = now.ids().find_map(|id| ids.get(id));
            let Some(record) = place
                .map(|place| report.machine(*place))
                .transpose()
                .map_err(io::Error::other)?
            else {
                continue;
            };
            let findings = record.iter().flat_map(|record| record.findings.iter());
            let open = findings.filter(|finding| !finding.state.is_closed());
            let open: BTreeSet<_> = open.map(|one| (&one.product, &one.bulletin)).collect();
            let known = unsure
                .iter()
                .filter(|key| open.contains(&(&key.product, &key.bulletin)));
            seen.extend(known.map(|key| (*key).clone()));
        }
        Ok(seen)
    }
}
