//! Which of two events says the same as the other, and says it better.
//!
//! A strict order: what is said better by an event that is itself said better is said better by that one too.
//! So it does not matter in which order events are taken in. Days are compared with room for hosts whose
//! clock or zone is not UTC, and logs get a day more than the packages themselves, which keeps the order one.

use super::{TrailAction, TrailEvent, TrailSource, When};
use std::collections::HashMap;

/// What was there, or was not, after an event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Outcome<'a> {
    In(Option<&'a str>),
    /// The version that went; nothing where a log does not say which.
    Out(Option<&'a str>),
    Failed,
}

impl<'a> Outcome<'a> {
    fn of(event: &'a TrailEvent) -> Self {
        match event.action {
            TrailAction::Removed => Self::Out(event.before.as_deref()),
            action if action.is_failure() => Self::Failed,
            _ => Self::In(event.after.as_deref()),
        }
    }

    /// Whether an event with this outcome is told by one with another.
    fn is_told_by(self, other: Self) -> bool {
        match (self, other) {
            (Self::Failed, _) | (_, Self::Failed) => false,
            (Self::Out(_), Self::Out(None)) => true,
            _ => self == other,
        }
    }
}

/// Events by what they are about.
pub(super) struct Index<'a>(HashMap<&'a str, Vec<&'a TrailEvent>>);

impl<'a> Index<'a> {
    pub(super) fn of(events: &'a [TrailEvent]) -> Self {
        let mut about: HashMap<&str, Vec<&TrailEvent>> = HashMap::new();
        for event in events {
            about.entry(&event.update).or_default().push(event);
        }
        Self(about)
    }

    pub(super) fn is_said_better(&self, event: &TrailEvent) -> bool {
        let others = self.0.get(event.update.as_str());
        let mut others = others.into_iter().flatten();
        others.any(|other| is_better(other, event))
    }
}

/// Whether the first says what the second says, and more exactly.
pub(super) fn is_better(one: &TrailEvent, than: &TrailEvent) -> bool {
    if one.update != than.update {
        return false;
    }
    let same = one.source == than.source
        && one.action == than.action
        && one.before == than.before
        && one.after == than.after;
    let is_log = !matches!(one.source, TrailSource::Package | TrailSource::Runs);
    let is_by_log = || {
        than.source == TrailSource::Package
            && is_log
            && Outcome::of(than).is_told_by(Outcome::of(one))
    };
    match (than.when, one.when) {
        (When::Unknown, When::Day(_) | When::At(_)) => same || is_by_log(),
        (When::Between(from, to), when) => {
            let inside = match when {
                When::Between(lower, upper) => {
                    (lower, upper) != (from, to) && from <= lower && upper <= to
                }
                When::Day(_) | When::At(_) => when.day().is_some_and(|day| {
                    let room = room(one.source);
                    from.date().plus_days(-room) <= day && day <= to.date().plus_days(room)
                }),
                When::Unknown => false,
            };
            inside && (Outcome::of(than).is_told_by(Outcome::of(one)) || is_gone(one, than))
        }
        (When::At(_) | When::Day(_), When::At(_) | When::Day(_)) => {
            let days = than.when.day().zip(one.when.day());
            let apart = days.map(|(own, other)| other.days_until(own).abs());
            let is_exacter = matches!((than.when, one.when), (When::Day(_), When::At(_)));
            let is_said = same && is_exacter && apart == Some(0);
            is_said || (is_by_log() && apart.is_some_and(|days| days <= 1))
        }
        _ => false,
    }
}

/// Whether a log tells that a package went which two runs show to be gone: of these managers it has one version at a
/// time, which may have been a later one by then.
fn is_gone(one: &TrailEvent, than: &TrailEvent) -> bool {
    let has_one_version = matches!(
        one.source,
        TrailSource::Apt
            | TrailSource::Dpkg
            | TrailSource::Apk
            | TrailSource::Pacman
            | TrailSource::Pkg
    );
    let is_dated = matches!(one.when, When::Day(_) | When::At(_));
    has_one_version
        && is_dated
        && [one, than].map(|event| event.action) == [TrailAction::Removed; 2]
}

/// By how many days a source may be off.
fn room(source: TrailSource) -> i64 {
    match source {
        TrailSource::Package => 1,
        _ => 2,
    }
}

#[cfg(test)]
mod tests {
    use super::super::{FirstTold, RunId, Trail, UtcTime};
    use super::*;

    #[test]
    fn what_was_upgraded_and_removed_between_two_runs_is_not_removed_twice() {
        let at = |day: &str| UtcTime::parse(&format!("{day}T12:00:00Z")).unwrap();
        let event = |source, when, before: &str| TrailEvent {
            update: "p".to_owned(),
            action: TrailAction::Removed,
            when,
            before: Some(before.to_owned()),
            after: None,
            source,
            title: None,
            by: None,
            command: None,
            code: None,
            first: FirstTold {
                at: at("2026-09-08"),
                run: RunId::new("r-0"),
            },
        };
        let weeks = When::Between(at("2026-09-01"), at("2026-09-08"));
        let guess = event(TrailSource::Runs, weeks, "1");
        let left = |source, day: &str| {
            let log = event(source, When::At(at(day)), "2");
            Trail::new(vec![guess.clone(), log]).events().len()
        };
        assert_eq!(left(TrailSource::Apt, "2026-09-05"), 1);
        assert_eq!(left(TrailSource::Apt, "2026-08-05"), 2);
        // Of kernels several are there at once.
        assert_eq!(left(TrailSource::Dnf, "2026-09-05"), 2);
    }
}
