//! When an update came to a host, who brought it, and who says so.

use crate::matching::{Asked, Explanation};
use crate::model::{Trail, TrailEvent, When};
use std::collections::BTreeSet;

/// The most events that are told of one update.
const MOST: usize = 10;

/// What a trail tells of the update that is asked for, or of the packages that a flaw concerns, the newest
/// first: a line each.
pub(super) fn lines(trail: &Trail, one: &Explanation) -> Vec<String> {
    let mut about: BTreeSet<&str> = BTreeSet::new();
    let asked = one.asked.to_string();
    about.insert(&asked);
    if let Asked::Id(_) = one.asked {
        let findings = one.findings.iter().chain(&one.related);
        about.extend(findings.flat_map(|finding| finding.packages.iter().map(String::as_str)));
        let installed = one
            .packages
            .iter()
            .filter(|record| record.installed == Ok(true));
        about.extend(installed.map(|record| record.package.as_str()));
    }
    let events = trail.events().iter().rev();
    let mut told: Vec<&TrailEvent> = events
        .filter(|event| {
            about
                .iter()
                .any(|about| event.update.eq_ignore_ascii_case(about))
        })
        .collect();
    let more = told.len().saturating_sub(MOST);
    told.truncate(MOST);
    let mut lines: Vec<String> = told.into_iter().map(line).collect();
    if more > 0 {
        lines.push(format!("(+{more}: see history.csv)"));
    }
    lines
}

/// `KB5034122 installed on 2024-06-08 by CORP\ada (cbs, first told by r-…)`
fn line(event: &TrailEvent) -> String {
    let action = event.action.as_str().replace('_', " ");
    let versions = match (&event.before, &event.after) {
        (Some(before), Some(after)) => format!(" {before} -> {after}"),
        (Some(one), None) | (None, Some(one)) => format!(" {one}"),
        (None, None) => String::new(),
    };
    let when = match event.when {
        When::Unknown => "nobody says when".to_owned(),
        When::Day(day) => format!("on {day}"),
        When::At(at) => format!("at {at}"),
        When::Between(from, to) => format!("between {} and {}", from.date(), to.date()),
    };
    let by = match &event.by {
        Some(account) => format!("by {account}"),
        None => "nobody says by whom".to_owned(),
    };
    let how = event.command.as_ref();
    let how = how.map_or(String::new(), |command| {
        format!(", by the command {command}")
    });
    let code = event.code.as_ref();
    let code = code.map_or(String::new(), |code| format!(", with the code {code}"));
    format!(
        "{}{versions}: {action} {when}{code}, {by}{how} (source {}, first told by {})",
        event.update,
        event.source.as_str(),
        event.first.run
    )
}
