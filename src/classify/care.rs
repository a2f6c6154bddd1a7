//! Why a machine that lists know needs somebody to look: nobody reads it, patches it, hears from it.

use super::context::Context;
use super::machine::Machine;
use super::sighted::UpdatesFrom;
use super::standing::Verdict;
use crate::model::{DeviceKind, KnownList, ManagedState, plural};

/// The first reason that holds; `None` where none does.
pub(super) fn overlooked(machine: &Machine<'_>, context: &Context<'_, '_>) -> Option<Verdict> {
    type Test = fn(&Machine<'_>, &Context<'_, '_>) -> Option<Reason>;
    const TESTS: &[Test] = &[unread, unpatched, silent, dead_source, ended, unowned];
    let reason = TESTS.iter().find_map(|test| test(machine, context))?;
    let mut verdict = Verdict::of(ManagedState::Overlooked, &reason.word, machine.listed());
    verdict.evidence.push(reason.ground);
    verdict.suggestion = reason.suggestion;
    Some(verdict)
}

struct Reason {
    word: String,
    ground: String,
    suggestion: String,
}

impl Reason {
    fn of(word: &str, ground: String, suggestion: String) -> Self {
        Self {
            word: word.to_owned(),
            ground,
            suggestion,
        }
    }
}

fn address(machine: &Machine<'_>) -> String {
    let address = machine.addresses().into_iter().next();
    address.map(|one| one.to_string()).unwrap_or_default()
}

fn unread(machine: &Machine<'_>, context: &Context<'_, '_>) -> Option<Reason> {
    let days = context.world.policy.assessed_days;
    let read = machine
        .latest_read()
        .and_then(|seen| seen.care.last_assessed);
    if read.is_some_and(|day| day.days_until(context.world.today) <= days) {
        return None;
    }
    let when = match read {
        Some(day) => format!("last read on {day}, more than {} ago", plural(days, "day")),
        None => "no run has read it".to_owned(),
    };
    let address = address(machine);
    let ways = machine.live.iter().flat_map(|seen| &seen.care.access);
    let tried = ways
        .clone()
        .filter(|way| way.was_tried && !way.code.is_success());
    let mut failed = tried.map(|way| {
        let credential = way.credential.as_deref().unwrap_or("a credential");
        format!("{credential}: {}", way.code.as_str())
    });
    let worked = ways
        .clone()
        .any(|way| way.was_tried && way.code.is_success());
    if let Some(first) = failed.next().filter(|_| !worked) {
        let all = std::iter::once(first)
            .chain(failed)
            .collect::<Vec<_>>()
            .join(", ");
        return Some(Reason::of(
            "no_credential_works",
            format!("{all}; {when}"),
            format!("See where the login ends: underdesk doctor {address}."),
        ));
    }
    let ruled_out = ways
        .map(|way| way.code.as_str())
        .collect::<std::collections::BTreeSet<_>>();
    let ruled_out = ruled_out.into_iter().collect::<Vec<_>>().join(", ");
    let ground = if ruled_out.is_empty() {
        format!("{when}; no login was tried")
    } else {
        format!("{when}; no login was tried: {ruled_out}")
    };
    let device = machine.live.iter().map(|seen| seen.looks.device);
    let device = device
        .max_by_key(|device| *device != DeviceKind::Unknown)
        .unwrap_or_default();
    let suggestion = match device {
        DeviceKind::Unknown | DeviceKind::Computer | DeviceKind::Hypervisor => format!(
            "See which credential would be used: underdesk credentials show-plan {address}; then scan it."
        ),
        device => format!(
            "A {} cannot be read: if it may be there, put it into policy.toml: [[expected]] address = \"{address}\", with owner and until.",
            device.as_str().replace('_', " ")
        ),
    };
    Some(Reason::of("never_assessed", ground, suggestion))
}

fn unpatched(machine: &Machine<'_>, context: &Context<'_, '_>) -> Option<Reason> {
    let days = context.world.policy.patched_days;
    let read = machine.latest_read().and_then(|seen| seen.care.last_update);
    let (day, source) = if let Some(day) = read {
        (day, "its own records".to_owned())
    } else {
        let rows = machine.vouching().filter(|(_, row)| !row.is_disabled);
        let rows = rows.filter_map(|(list, row)| Some((row.last_patched?, list.name.clone())));
        rows.max()?
    };
    let age = day.days_until(context.world.today);
    if age <= days {
        return None;
    }
    Some(Reason::of(
        &format!("not_patched_for_{days}_days"),
        format!(
            "the last update came in on {day}, {} ago, by {source}",
            plural(age, "day")
        ),
        format!(
            "See what it lacks: underdesk explain {}; then find out why it gets no updates.",
            machine.label()
        ),
    ))
}

fn silent(machine: &Machine<'_>, context: &Context<'_, '_>) -> Option<Reason> {
    let rows = machine.vouching().filter(|(_, row)| !row.is_disabled);
    let dated = rows.filter_map(|(list, row)| Some((list, row.last_seen?)));
    let dated = dated.collect::<Vec<_>>();
    let is_old = |(list, day): &(&KnownList, crate::model::Date)| {
        day.days_until(context.world.today) > context.world.policy.fresh_days_of(list.kind)
    };
    if dated.is_empty() || !dated.iter().all(is_old) {
        return None;
    }
    let text = |(list, day): &(&KnownList, crate::model::Date)| {
        let limit = context.world.policy.fresh_days_of(list.kind);
        format!(
            "{} last heard from it on {day} (limit {})",
            list.name,
            plural(limit, "day")
        )
    };
    let lists = dated.iter().map(text).collect::<Vec<_>>().join("; ");
    let names = dated
        .iter()
        .map(|(list, _)| list.name.as_str())
        .collect::<std::collections::BTreeSet<_>>();
    let names = names.into_iter().collect::<Vec<_>>().join(", ");
    Some(Reason::of(
        "agent_stale",
        format!("it answers, and {lists}"),
        format!(
            "Restart or reinstall on {} what reports to {names}.",
            machine.label()
        ),
    ))
}

fn dead_source(machine: &Machine<'_>, context: &Context<'_, '_>) -> Option<Reason> {
    let seen = machine.latest_read()?;
    let label = machine.label();
    match &seen.care.updates {
        UpdatesFrom::Repositories(0) => Some(Reason::of(
            "update_source_dead",
            format!(
                "no place that packages come from is switched on, read {}",
                seen.seen.date()
            ),
            format!("Switch on a package source on {label}."),
        )),
        UpdatesFrom::Wsus(server) if !context.wsus.is_empty() => {
            let rows = machine.rows.iter().filter(|(_, list, row)| {
                !row.is_disabled && list.kind == crate::model::ListKind::Wsus
            });
            let rows = rows.map(|(_, list, row)| (*list, *row)).collect::<Vec<_>>();
            let limit = context
                .world
                .policy
                .fresh_days_of(crate::model::ListKind::Wsus);
            let heard = rows.iter().map(|(_, row)| row.last_seen);
            // Where the list has days, a row without one is of a client that never came.
            let has_days =
                |list: &KnownList| list.records.iter().any(|row| row.last_seen.is_some());
            let is_heard = rows.iter().any(|(list, row)| match row.last_seen {
                Some(day) => day.days_until(context.world.today) <= limit,
                None => !has_days(list),
            });
            if is_heard {
                return None;
            }
            let why = match heard.flatten().max() {
                Some(day) => format!("the WSUS list last heard from it on {day}"),
                None if rows.is_empty() => "the WSUS list does not have it".to_owned(),
                None => "the WSUS list never heard from it".to_owned(),
            };
            Some(Reason::of(
                "update_source_dead",
                format!("it obeys {server}, and {why}"),
                format!(
                    "On {label}: check that {server} is the right server and can be reached, then wuauclt /reportnow or UsoClient StartScan."
                ),
            ))
        }
        _ => None,
    }
}

fn ended(machine: &Machine<'_>, context: &Context<'_, '_>) -> Option<Reason> {
    let read = machine
        .latest_read()
        .and_then(|seen| Some((seen.looks.end_of_life?, seen)));
    let seen = || {
        machine
            .live
            .iter()
            .find_map(|seen| Some((seen.looks.end_of_life?, *seen)))
    };
    let (day, seen) = read.or_else(seen)?;
    if day >= context.world.today {
        return None;
    }
    let os = seen.looks.os.as_deref().unwrap_or("its system");
    Some(Reason::of(
        "end_of_life",
        format!("support for {os} ended on {day}"),
        format!(
            "Plan a newer release for {}, or buy extended support.",
            machine.label()
        ),
    ))
}

fn unowned(machine: &Machine<'_>, context: &Context<'_, '_>) -> Option<Reason> {
    if !context.wants_owner || machine.is_owned() {
        return None;
    }
    Some(Reason::of(
        "no_owner",
        "no list and no tag says who answers for it".to_owned(),
        format!(
            "Name an owner for {} in a list, or tag it: owner=NAME.",
            machine.label()
        ),
    ))
}
