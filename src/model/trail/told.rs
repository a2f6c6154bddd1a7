//! What one reading of a machine tells.

use super::{FirstTold, Trail, TrailAction, TrailEvent, TrailSource, When};
use crate::model::{
    Hotfix, HotfixSource, HotfixState, Inventory, Package, PackageAction, PackageChange,
    PackageLog, PackageManager, PackageState, UpdateEvent, UpdateOutcome,
};
use std::collections::HashSet;

impl Trail {
    /// All that an inventory tells of what was done, and when: by its logs, by its records of updates, and by
    /// its packages. A package of which nobody knows when it was put in is no event.
    pub fn told(inventory: &Inventory, first: &FirstTold) -> Self {
        let mut events = Vec::new();
        let event = |event: Draft<'_>| event.event(first);
        if let Some(windows) = inventory.windows.as_deref() {
            let log = windows.update_log.iter();
            let logged: HashSet<&str> = log.clone().filter_map(|one| one.kb.as_deref()).collect();
            let hotfixes = windows.hotfixes.known().into_iter().flatten();
            events.extend(log.filter_map(of_log).map(event));
            events.extend(
                hotfixes
                    .filter_map(|one| of_hotfix(one, &logged))
                    .map(event),
            );
        }
        let packages = inventory.packages.known().into_iter().flatten();
        let unix = inventory.unix.as_deref();
        let history = unix.and_then(|unix| unix.history.known());
        let changes = history.into_iter().flatten();
        events.extend(changes.map(|one| of_change(one, inventory)).map(event));
        events.extend(packages.filter_map(of_package).map(event));
        Self::new(events)
    }
}

/// An event before it is known who told it.
pub(super) struct Draft<'a> {
    pub(super) update: &'a str,
    pub(super) action: TrailAction,
    pub(super) when: When,
    pub(super) versions: (Option<&'a str>, Option<&'a str>),
    pub(super) source: TrailSource,
    pub(super) title: Option<&'a str>,
    pub(super) by: Option<&'a str>,
    pub(super) command: Option<&'a str>,
    pub(super) code: Option<&'a str>,
}

impl Draft<'_> {
    pub(super) fn event(&self, first: &FirstTold) -> TrailEvent {
        let (before, after) = self.versions;
        TrailEvent {
            update: self.update.to_owned(),
            action: self.action,
            when: self.when,
            before: before.map(str::to_owned),
            after: after.map(str::to_owned),
            source: self.source,
            title: self.title.map(str::to_owned),
            by: self.by.map(str::to_owned),
            command: self.command.map(str::to_owned),
            code: self.code.map(str::to_owned),
            first: first.clone(),
        }
    }
}

fn of_log(one: &UpdateEvent) -> Option<Draft<'_>> {
    let update = one.kb.as_deref().unwrap_or(&one.title);
    let action = match one.outcome {
        UpdateOutcome::Installed => TrailAction::Installed,
        UpdateOutcome::InstallFailed => TrailAction::InstallFailed,
        UpdateOutcome::Removed => TrailAction::Removed,
        UpdateOutcome::RemoveFailed => TrailAction::RemoveFailed,
    };
    (!update.is_empty()).then_some(Draft {
        update,
        action,
        when: When::At(one.at),
        versions: (None, None),
        source: TrailSource::Wua,
        title: Some(one.title.as_str()).filter(|title| !title.is_empty()),
        by: None,
        command: None,
        code: one.code.as_deref(),
    })
}

/// What the records say of an update, unless its log says more. One that is staged, or waits for a restart, is
/// not in yet.
fn of_hotfix<'a>(hotfix: &'a Hotfix, logged: &HashSet<&str>) -> Option<Draft<'a>> {
    let source = source_of(hotfix)?;
    if source == TrailSource::Wua && logged.contains(hotfix.id.as_str()) {
        return None;
    }
    let build = hotfix.build.as_deref();
    let (action, versions) = match hotfix.state {
        HotfixState::Installed | HotfixState::Superseded | HotfixState::Inconsistent => {
            (TrailAction::Installed, (None, build))
        }
        HotfixState::Removed => (TrailAction::Removed, (build, None)),
        HotfixState::Staged | HotfixState::PendingReboot => return None,
    };
    let when = match (hotfix.state, hotfix.installed_at, hotfix.day()) {
        // What is known is when it came, not when it went.
        (HotfixState::Removed, ..) => When::Unknown,
        (_, Some(at), _) => When::At(at),
        (_, None, Some(day)) => When::Day(day),
        _ => When::Unknown,
    };
    Some(Draft {
        update: &hotfix.id,
        action,
        when,
        versions,
        source,
        title: hotfix.title.as_deref(),
        by: hotfix
            .installed_by
            .as_deref()
            .filter(|_| action == TrailAction::Installed),
        command: None,
        code: None,
    })
}

/// Who says when an update came. A build number or a file tells that it is there, and nothing of how.
fn source_of(hotfix: &Hotfix) -> Option<TrailSource> {
    if hotfix.installed_at.is_some() {
        return Some(TrailSource::Cbs);
    }
    let mut sources = hotfix.seen_in.iter();
    sources.find_map(|source| match source {
        HotfixSource::Qfe => Some(TrailSource::Qfe),
        HotfixSource::Cbs => Some(TrailSource::Cbs),
        HotfixSource::Wua => Some(TrailSource::Wua),
        HotfixSource::Msi => Some(TrailSource::Msi),
        HotfixSource::Registry => Some(TrailSource::Registry),
        HotfixSource::Build | HotfixSource::File => None,
    })
}

fn of_change<'a>(change: &'a PackageChange, inventory: &Inventory) -> Draft<'a> {
    let action = match change.action {
        PackageAction::Installed => TrailAction::Installed,
        PackageAction::Upgraded => TrailAction::Upgraded,
        PackageAction::Downgraded => TrailAction::Downgraded,
        PackageAction::Reinstalled => TrailAction::Reinstalled,
        PackageAction::Removed => TrailAction::Removed,
    };
    Draft {
        update: &change.package,
        action,
        when: When::At(change.at),
        versions: (change.from.as_deref(), change.to.as_deref()),
        source: log_of(change, inventory),
        title: None,
        by: change.by.as_deref(),
        command: change.command.as_deref(),
        code: None,
    }
}

/// The log that tells a change. Inventories of earlier versions do not say which: that of the system's own
/// package manager.
fn log_of(change: &PackageChange, inventory: &Inventory) -> TrailSource {
    let packages = inventory.packages.known().and_then(|all| all.first());
    match (change.log, packages.map(|one| one.manager)) {
        (Some(log), _) => match log {
            PackageLog::Apt => TrailSource::Apt,
            PackageLog::Dpkg => TrailSource::Dpkg,
            PackageLog::Dnf => TrailSource::Dnf,
            PackageLog::Yum => TrailSource::Yum,
            PackageLog::Zypper => TrailSource::Zypper,
            PackageLog::Apk => TrailSource::Apk,
            PackageLog::Pacman => TrailSource::Pacman,
            PackageLog::Pkg => TrailSource::Pkg,
        },
        (None, Some(PackageManager::Rpm)) if is_suse(inventory) => TrailSource::Zypper,
        (None, Some(PackageManager::Rpm)) => TrailSource::Dnf,
        (None, Some(PackageManager::Apk)) => TrailSource::Apk,
        (None, Some(PackageManager::Pacman)) => TrailSource::Pacman,
        (None, Some(PackageManager::Pkg)) => TrailSource::Pkg,
        // dpkg's own log knows no command.
        (None, _) if change.command.is_some() => TrailSource::Apt,
        (None, _) => TrailSource::Dpkg,
    }
}

fn is_suse(inventory: &Inventory) -> bool {
    let id = &inventory.platform.id;
    id.starts_with("sle") || id.starts_with("opensuse")
}

/// A package that knows when it was last put in. Whether another version was there before, it does not say.
fn of_package(package: &Package) -> Option<Draft<'_>> {
    let at = package
        .installed_at
        .filter(|_| package.state != PackageState::ConfigFiles)?;
    Some(Draft {
        update: &package.name,
        action: TrailAction::Installed,
        when: When::At(at),
        versions: (None, Some(&package.version)),
        source: TrailSource::Package,
        title: None,
        by: None,
        command: None,
        code: None,
    })
}
