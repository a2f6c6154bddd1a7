//! What was done to the updates and packages of a machine, as far as anybody ever told.
//!
//! A trail is a set: merging two keeps all that either has, in whatever order they come. An event goes only
//! where another says the same and says it better (see [`order`](self)): what merely differs between two runs
//! goes where a log tells when it came.

mod between;
#[cfg(test)]
mod oracle;
mod order;
mod told;

pub use between::{Reading, between};

use super::{Date, RunId, UtcTime};
use order::Index;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Something that was done to an update or a package.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TrailEvent {
    /// `KB5034122`, or the package.
    pub update: String,
    /// What was done.
    pub action: TrailAction,
    /// When, as far as anybody says.
    #[serde(default)]
    pub when: When,
    /// The version before; `None` where there was none or nobody says.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub before: Option<String>,
    /// The version after; `None` where there is none or nobody says.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub after: Option<String>,
    /// Who says so.
    pub source: TrailSource,
    /// What the update is called.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub title: Option<String>,
    /// The account, where somebody says.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub by: Option<String>,
    /// The command that did it, where somebody says.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub command: Option<String>,
    /// The code with which it failed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub code: Option<String>,
    /// The run that first told it.
    pub first: FirstTold,
}

/// The run that first told something.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct FirstTold {
    /// When it began.
    pub at: UtcTime,
    /// Which.
    pub run: RunId,
}

/// When something was done.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(rename_all = "snake_case")]
pub enum When {
    /// Nobody says.
    #[default]
    Unknown,
    /// On a day.
    Day(Date),
    /// At a time.
    At(UtcTime),
    /// After one reading of the machine and before another.
    Between(UtcTime, UtcTime),
}

impl When {
    /// The last day on which it can have been.
    pub fn day(self) -> Option<Date> {
        match self {
            Self::Unknown => None,
            Self::Day(day) => Some(day),
            Self::At(at) | Self::Between(_, at) => Some(at.date()),
        }
    }

    /// The day before which it cannot have been, where that is another.
    pub fn not_before(self) -> Option<Date> {
        match self {
            Self::Between(from, _) => Some(from.date()),
            _ => None,
        }
    }

    /// The time, where it is known.
    pub fn time(self) -> Option<UtcTime> {
        match self {
            Self::At(at) => Some(at),
            _ => None,
        }
    }
}

/// What was done.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum TrailAction {
    /// It was not there before, or nobody says.
    Installed,
    /// To a later version.
    Upgraded,
    /// To an earlier version.
    Downgraded,
    /// To a version of which nobody knows whether it is later.
    Changed,
    /// The same version again.
    Reinstalled,
    /// It is gone.
    Removed,
    /// It was to be installed, and is not.
    InstallFailed,
    /// It was to be removed, and is there.
    RemoveFailed,
}

impl TrailAction {
    /// The word used in exports.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Installed => "installed",
            Self::Upgraded => "upgraded",
            Self::Downgraded => "downgraded",
            Self::Changed => "changed",
            Self::Reinstalled => "reinstalled",
            Self::Removed => "removed",
            Self::InstallFailed => "install_failed",
            Self::RemoveFailed => "remove_failed",
        }
    }

    /// Whether it was tried and did not come about.
    pub fn is_failure(self) -> bool {
        matches!(self, Self::InstallFailed | Self::RemoveFailed)
    }
}

/// Who tells of an event.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum TrailSource {
    /// `Win32_QuickFixEngineering`.
    Qfe,
    /// Component Based Servicing's packages.
    Cbs,
    /// The Windows Update client's log.
    Wua,
    /// Windows Installer's patches.
    Msi,
    /// Keys of old updates.
    Registry,
    /// apt's history.
    Apt,
    /// dpkg's log.
    Dpkg,
    /// dnf's log of what rpm did.
    Dnf,
    /// yum's log.
    Yum,
    /// zypper's history.
    Zypper,
    /// apk's log.
    Apk,
    /// pacman's log.
    Pacman,
    /// FreeBSD's pkg, in the system's log.
    Pkg,
    /// The package itself: when it was last put in.
    Package,
    /// Two runs that differ.
    Runs,
}

impl TrailSource {
    /// The word used in exports.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Qfe => "qfe",
            Self::Cbs => "cbs",
            Self::Wua => "wua",
            Self::Msi => "msi",
            Self::Registry => "registry",
            Self::Apt => "apt",
            Self::Dpkg => "dpkg",
            Self::Dnf => "dnf",
            Self::Yum => "yum",
            Self::Zypper => "zypper",
            Self::Apk => "apk",
            Self::Pacman => "pacman",
            Self::Pkg => "pkg",
            Self::Package => "package",
            Self::Runs => "runs",
        }
    }

    /// Whether its times are the host's own, which it tells without their zone: the same line is read as an
    /// hour earlier or later when the clock has been put forward or back in between.
    fn is_local(self) -> bool {
        matches!(
            self,
            Self::Apt | Self::Dpkg | Self::Yum | Self::Zypper | Self::Pacman | Self::Pkg
        )
    }
}

impl TrailEvent {
    /// Two events of one key are one.
    fn key(&self) -> Key<'_> {
        (
            self.when.day(),
            self.when,
            &self.update,
            self.action,
            self.before.as_deref(),
            self.after.as_deref(),
            self.source,
        )
    }

    /// Takes in what another telling of the same adds.
    fn learn(&mut self, other: Self) -> bool {
        let mut grew = false;
        let fields = [
            (&mut self.title, other.title),
            (&mut self.by, other.by),
            (&mut self.command, other.command),
            (&mut self.code, other.code),
        ];
        // The larger of two texts: whichever is told first, the same one stays.
        for (own, other) in fields {
            if other > *own {
                *own = other;
                grew = true;
            }
        }
        if other.first < self.first {
            self.first = other.first;
            grew = true;
        }
        grew
    }
}

/// What tells events apart, oldest first; what has no day comes first of all.
type Key<'a> = (
    Option<Date>,
    When,
    &'a str,
    TrailAction,
    Option<&'a str>,
    Option<&'a str>,
    TrailSource,
);

/// All that was ever told of a machine, oldest first.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Trail {
    events: Vec<TrailEvent>,
    /// At least so many were dropped.
    dropped: u64,
    /// The newest that was dropped: nothing older is taken in again.
    #[serde(skip_serializing_if = "Option::is_none")]
    edge: Option<Box<TrailEvent>>,
}

impl Trail {
    /// The newest events that are kept.
    pub const MOST: usize = 8_000;

    /// A trail of these events.
    pub fn new(events: Vec<TrailEvent>) -> Self {
        let mut trail = Self::default();
        trail.merge(Self {
            events,
            ..Self::default()
        });
        trail
    }

    /// The same, first told by a run.
    #[must_use]
    pub fn told_by(mut self, first: &FirstTold) -> Self {
        for event in &mut self.events {
            event.first.clone_from(first);
        }
        self
    }

    /// Every event, oldest first; what has no day comes first of all.
    pub fn events(&self) -> &[TrailEvent] {
        &self.events
    }

    /// Whether nothing was ever told.
    pub fn is_empty(&self) -> bool {
        self.events.is_empty() && self.dropped == 0
    }

    /// At least how many were dropped because they were too many, and the last day of those.
    pub fn dropped(&self) -> Option<(u64, Option<Date>)> {
        let edge = self.edge.as_ref()?;
        Some((self.dropped, edge.when.day()))
    }

    /// Takes in all that another trail has; says whether that was more than this one had.
    pub fn merge(&mut self, other: Self) -> bool {
        self.merge_up_to(other, Self::MOST)
    }

    /// [`Self::merge`] that keeps no more than so many.
    fn merge_up_to(&mut self, other: Self, most: usize) -> bool {
        let mut grew = self.move_edge(other.edge, other.dropped);
        let own = std::mem::take(&mut self.events).into_iter();
        let own = own.map(|event| (event, false));
        let new = other.events.into_iter().map(|event| (event, true));
        let mut all: Vec<(TrailEvent, bool)> = own.chain(new).collect();
        // Of equal keys the one of this trail stays in front.
        all.sort_by(|(one, _), (other, _)| one.key().cmp(&other.key()));
        let mut merged: Vec<TrailEvent> = Vec::with_capacity(all.len());
        let mut fresh: Vec<bool> = Vec::with_capacity(all.len());
        let edge = self.edge.as_ref().map(|edge| edge.key());
        all.retain(|(event, _)| edge.is_none_or(|edge| event.key() > edge));
        for (event, is_new) in all {
            match merged.last_mut() {
                Some(last) if last.key() == event.key() => grew |= last.learn(event),
                _ => {
                    merged.push(event);
                    fresh.push(is_new);
                }
            }
        }
        let index = Index::of(&merged);
        let kept = merged.iter().map(|event| !index.is_said_better(event));
        let kept: Vec<bool> = kept.collect();
        // What goes is said better by something that stays.
        grew |= kept.iter().zip(&fresh).any(|(kept, fresh)| *kept && *fresh);
        let mut kept = kept.into_iter();
        merged.retain(|_| kept.next() == Some(true));
        let surplus = merged.len().saturating_sub(most);
        let last = merged.drain(..surplus).next_back();
        if let Some(last) = last {
            self.dropped += u64::try_from(surplus).unwrap_or(u64::MAX);
            self.edge = Some(Box::new(last));
            grew = true;
        }
        self.events = merged;
        grew
    }

    fn move_edge(&mut self, other: Option<Box<TrailEvent>>, dropped: u64) -> bool {
        let own = self.edge.as_ref().map(|edge| edge.key());
        let is_later = other.as_ref().map(|edge| edge.key()) > own;
        let is_more = dropped > self.dropped;
        if is_later {
            self.edge = other;
        }
        self.dropped = self.dropped.max(dropped);
        is_later || is_more
    }

    /// What was known when a run began, as people should see it: without what only seems to be told twice
    /// because a clock was put forward or back. Oldest first.
    pub fn shown(&self, run: UtcTime) -> Vec<&TrailEvent> {
        let mut last: BTreeMap<Same<'_>, &TrailEvent> = BTreeMap::new();
        let known = self.events.iter().filter(|event| event.first.at <= run);
        let shown = known.filter(|event| {
            let Some(at) = event.when.time().filter(|_| event.source.is_local()) else {
                return true;
            };
            let same = (
                event.source,
                event.update.as_str(),
                event.action,
                event.before.as_deref(),
                event.after.as_deref(),
            );
            let before = last.get(&same).and_then(|last| last.when.time());
            let is_twin = before.is_some_and(|before| at.unix() - before.unix() == 3_600);
            if !is_twin {
                last.insert(same, event);
            }
            !is_twin
        });
        shown.collect()
    }
}

/// What the twins of a changed clock share.
type Same<'a> = (
    TrailSource,
    &'a str,
    TrailAction,
    Option<&'a str>,
    Option<&'a str>,
);
