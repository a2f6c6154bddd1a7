//! What two readings of a machine show to have changed in between.

use super::told::Draft;
use super::{FirstTold, Trail, TrailAction, TrailSource, When};
use crate::model::{
    Hotfix, HotfixSource, HotfixState, Inventory, Package, PackageManager, PackageState, UtcTime,
};
use crate::version::{Order, Place};
use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

/// What of an inventory is compared with another reading of the machine.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Reading {
    system: String,
    /// `None` where they could not be read.
    packages: Option<Vec<Piece>>,
    /// `None` where they could not be read.
    updates: Option<Vec<Update>>,
}

/// A package at a version.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Piece {
    manager: PackageManager,
    name: String,
    arch: String,
    version: String,
}

/// An update of a Windows.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Update {
    id: String,
    build: Option<String>,
    state: HotfixState,
    is_dated: bool,
    seen_in: Vec<HotfixSource>,
}

impl Reading {
    /// What is compared.
    pub fn of(inventory: &Inventory) -> Self {
        let windows = inventory.windows.as_deref();
        let hotfixes = windows.and_then(|windows| windows.hotfixes.known());
        Self {
            system: inventory.platform.id.clone(),
            packages: inventory
                .packages
                .known()
                .map(|all| all.iter().filter_map(Piece::of).collect()),
            updates: hotfixes.map(|all| all.iter().map(Update::of).collect()),
        }
    }

    /// Whether all that another reading has is known here.
    pub fn knows_all_of(&self, other: &Self) -> bool {
        (self.packages.is_some() || other.packages.is_none())
            && (self.updates.is_some() || other.updates.is_none())
    }
}

impl Piece {
    /// `None` where only configuration files are left.
    fn of(package: &Package) -> Option<Self> {
        (package.state != PackageState::ConfigFiles).then(|| Self {
            manager: package.manager,
            name: package.name.clone(),
            arch: package.arch.clone(),
            version: package.version.clone(),
        })
    }
}

impl Update {
    fn of(hotfix: &Hotfix) -> Self {
        Self {
            id: hotfix.id.clone(),
            build: hotfix.build.clone(),
            state: hotfix.state,
            is_dated: hotfix.installed_at.is_some() || hotfix.day().is_some(),
            seen_in: hotfix.seen_in.clone(),
        }
    }

    /// What a file belies is still said to be in.
    fn is_in(&self) -> bool {
        matches!(
            self.state,
            HotfixState::Installed | HotfixState::Superseded | HotfixState::Inconsistent
        )
    }

    fn is_waiting(&self) -> bool {
        self.state == HotfixState::PendingReboot
    }

    fn is_removed(&self) -> bool {
        self.state == HotfixState::Removed
    }
}

/// The events that must have been between two readings, the earlier first. What one of the two could not read
/// is not compared; nor is another system, which is a new machine and no update.
pub fn between(
    (was, from): (&Reading, UtcTime),
    (is, to): (&Reading, UtcTime),
    first: &FirstTold,
) -> Trail {
    if was.system != is.system || from >= to {
        return Trail::default();
    }
    let mut events = Vec::new();
    let mut tell = |update: &str, action, versions: (Option<&str>, Option<&str>)| {
        let draft = Draft {
            update,
            action,
            when: When::Between(from, to),
            versions,
            source: TrailSource::Runs,
            title: None,
            by: None,
            command: None,
            code: None,
        };
        events.push(draft.event(first));
    };
    if let (Some(was), Some(is)) = (&was.packages, &is.packages) {
        packages(was, is, &mut tell);
    }
    if let (Some(was), Some(is)) = (&was.updates, &is.updates) {
        updates(was, is, &mut tell);
    }
    Trail::new(events)
}

type Tell<'t> = dyn FnMut(&str, TrailAction, (Option<&str>, Option<&str>)) + 't;

/// The versions of packages by manager, name and architecture.
type Versions<'a> = BTreeMap<(&'static str, &'a str, &'a str), BTreeSet<&'a str>>;

fn packages(was: &[Piece], is: &[Piece], tell: &mut Tell<'_>) {
    let managers =
        |all: &[Piece]| -> HashSet<PackageManager> { all.iter().map(|one| one.manager).collect() };
    // Where one reading has nothing of a manager, it may not have been asked.
    let both: HashSet<PackageManager> =
        managers(was).intersection(&managers(is)).copied().collect();
    let (was, is) = (versions(was, &both), versions(is, &both));
    let none = BTreeSet::new();
    let pieces: BTreeSet<_> = was.keys().chain(is.keys()).copied().collect();
    for piece in pieces {
        let (manager, name, _) = piece;
        let was = was.get(&piece).unwrap_or(&none);
        let is = is.get(&piece).unwrap_or(&none);
        let gone: Vec<&str> = was.difference(is).copied().collect();
        let came: Vec<&str> = is.difference(was).copied().collect();
        // Of kernels several are there at once: one that comes replaces none.
        if let (&[from], &[to], 1, 1) = (&gone[..], &came[..], was.len(), is.len()) {
            tell(name, direction(manager, from, to), (Some(from), Some(to)));
            continue;
        }
        for version in gone {
            tell(name, TrailAction::Removed, (Some(version), None));
        }
        for version in came {
            tell(name, TrailAction::Installed, (None, Some(version)));
        }
    }
}

fn versions<'a>(packages: &'a [Piece], managers: &HashSet<PackageManager>) -> Versions<'a> {
    let mut versions = Versions::new();
    for one in packages
        .iter()
        .filter(|one| managers.contains(&one.manager))
    {
        let piece = (one.manager.as_str(), one.name.as_str(), one.arch.as_str());
        versions.entry(piece).or_default().insert(&one.version);
    }
    versions
}

/// Whether a version is later, in the order of its manager.
fn direction(manager: &str, from: &str, to: &str) -> TrailAction {
    const MANAGERS: [PackageManager; 5] = [
        PackageManager::Dpkg,
        PackageManager::Rpm,
        PackageManager::Apk,
        PackageManager::Pacman,
        PackageManager::Pkg,
    ];
    let manager = MANAGERS.into_iter().find(|one| one.as_str() == manager);
    let order = manager.and_then(Order::of);
    let place = |text| order.and_then(|order| Place::parse(order, text));
    match place(from)
        .zip(place(to))
        .and_then(|(from, to)| from.partial_cmp(&to))
    {
        Some(std::cmp::Ordering::Less) => TrailAction::Upgraded,
        Some(std::cmp::Ordering::Greater) => TrailAction::Downgraded,
        _ => TrailAction::Changed,
    }
}

/// Updates that came, where one who tells of them now was heard before as well; and updates that were in and
/// are said to be gone. One that is not spoken of any more may have been cleaned up.
fn updates(was: &[Update], is: &[Update], tell: &mut Tell<'_>) {
    let heard: HashSet<HotfixSource> = was.iter().flat_map(|one| &one.seen_in).copied().collect();
    let before: HashMap<&str, &Update> = was.iter().map(|one| (one.id.as_str(), one)).collect();
    for update in is {
        let build = update.build.as_deref();
        let had = before.get(update.id.as_str());
        let was_in = had.is_some_and(|had| had.is_in());
        let is_heard = update.seen_in.iter().any(|source| heard.contains(source));
        // What waited for a restart was put in before: whoever tells the day tells all.
        let had_waited = had.is_some_and(|had| had.is_waiting()) && update.is_dated;
        if update.is_in() && !was_in && !had_waited && is_heard {
            tell(&update.id, TrailAction::Installed, (None, build));
        }
        if update.is_removed() && was_in {
            tell(&update.id, TrailAction::Removed, (build, None));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Date, RunId};

    fn reading(state: HotfixState, day: Option<&str>) -> Reading {
        let hotfix = Hotfix {
            id: "KB5032198".to_owned(),
            kb: None,
            title: None,
            kind: None,
            state,
            build: Some("20348.2113".to_owned()),
            installed_on: day.and_then(Date::parse),
            installed_at: None,
            installed_by: None,
            seen_in: vec![HotfixSource::Cbs],
        };
        Reading {
            system: "windows".to_owned(),
            packages: None,
            updates: Some(vec![Update::of(&hotfix)]),
        }
    }

    #[test]
    fn an_update_that_waited_for_a_restart_is_not_told_by_two_runs_where_its_day_is_known() {
        let at = |text: &str| UtcTime::parse(text).unwrap();
        let first = FirstTold {
            at: at("2023-11-28T05:00:00Z"),
            run: RunId::new("r-2"),
        };
        let told = |was: HotfixState, day: Option<&str>| {
            let is = reading(HotfixState::Installed, day);
            let trail = between(
                (&reading(was, day), at("2023-11-21T05:00:00Z")),
                (&is, at("2023-11-28T05:00:00Z")),
                &first,
            );
            trail.events().len()
        };
        let day = Some("2023-11-16");
        assert_eq!(told(HotfixState::PendingReboot, day), 0);
        // Where nobody says when, the two readings are all that there is.
        assert_eq!(told(HotfixState::PendingReboot, None), 1);
        assert_eq!(told(HotfixState::Staged, day), 1);
        assert_eq!(told(HotfixState::Removed, day), 1);
    }
}
