//! How an entry stands that lists know and the run did not meet.

use super::context::Context;
use super::machine::Machine;
use super::sighted::Sighted;
use super::standing::{Verdict, lower};
use super::{hearsay, hours};
use crate::model::{
    Certainty, DeviceKind, Entry, KnownList, KnownRecord, ManagedState, Standing, plural,
};
use std::cmp::Reverse;
use std::net::IpAddr;

/// The entry that a machine is which nobody met; `None` where no list vouches for it.
pub(super) fn entry(machine: &Machine<'_>, context: &Context<'_, '_>) -> Option<Entry> {
    machine.vouching().next()?;
    let verdict = state(machine, context);
    let first = machine
        .seen()
        .min_by_key(|seen| (seen.first_seen, Reverse(seen.run)));
    let rows = machine.rows.iter().map(|(_, _, row)| *row);
    let device = machine.seen().map(|seen| seen.looks.device);
    let device = device.chain(rows.map(hearsay::device));
    let device = device.max_by_key(|device| *device != DeviceKind::Unknown);
    Some(Entry {
        id: first.map(|seen| seen.id.clone()),
        name: machine.short_name(),
        addresses: machine.addresses(),
        seems_to_be: seems_to_be(machine),
        device: device.unwrap_or_default(),
        rows: machine.list_rows(),
        standing: Standing {
            conflicts: machine
                .group
                .conflicts
                .iter()
                .map(ToString::to_string)
                .collect(),
            ..verdict.standing(machine)
        },
        first_seen: machine.first_seen(),
        last_seen: machine.last_seen(),
        usual_hours: hours::usual_hours(machine.seen(), context.world.runs),
    })
}

fn seems_to_be(machine: &Machine<'_>) -> String {
    let seen = machine.seen().find_map(|seen| seen.looks.os.clone());
    let text = |text: &Option<String>| {
        let text = text.as_deref().map(str::trim)?;
        (!text.is_empty()).then(|| text.to_owned())
    };
    let rows = || machine.rows.iter().map(|(_, _, row)| *row);
    let of_list = || {
        rows()
            .find_map(|row| text(&row.os))
            .or_else(|| rows().find_map(|row| text(&row.model)))
    };
    seen.or_else(of_list).unwrap_or_default()
}

fn state(machine: &Machine<'_>, context: &Context<'_, '_>) -> Verdict {
    let world = context.world;
    let addresses = machine.addresses();
    // Sweeps before it was last met have not missed it.
    let since = machine
        .past
        .first()
        .map_or(world.runs, |last| last.run.min(world.runs));
    let covered = (0..since).filter(|run| {
        addresses
            .iter()
            .any(|address| (world.was_swept)(*run, *address))
    });
    let covered = covered.count();
    // Who was last read by a run before those that were compared may be in a place that nobody sweeps now.
    let was_met = machine.past.iter().any(|seen| seen.run < world.runs);
    let mut verdict = if covered == 0 && !was_met {
        out_of_scope(machine)
    } else {
        missed(machine, context, covered)
    };
    verdict.evidence.extend(
        machine
            .rows
            .iter()
            .take(12)
            .map(|(_, list, row)| row_text(list, row)),
    );
    if let Some(old) = &context.old_registers {
        verdict.evidence.push(old.clone());
        verdict.confidence = lower(verdict.confidence);
    }
    verdict
}

fn row_text(list: &KnownList, row: &KnownRecord) -> String {
    let day = row
        .last_seen
        .map_or("undated".to_owned(), |day| format!("last seen {day}"));
    let off = if row.is_disabled { ", disabled" } else { "" };
    format!("on {} row {}, {day}{off}", list.name, row.row)
}

fn out_of_scope(machine: &Machine<'_>) -> Verdict {
    let addresses = machine.addresses();
    if addresses.is_empty() {
        let mut verdict = Verdict::of(ManagedState::OutOfScope, "no_address", Certainty::Likely);
        verdict
            .evidence
            .push("no list has an address for it, and no run has met it".to_owned());
        verdict.suggestion = format!(
            "Give a list that has addresses for {} (leases, an agent's export), so that it can be looked for.",
            machine.label()
        );
        return verdict;
    }
    let text = addresses.iter().take(4).map(ToString::to_string);
    let text = text.collect::<Vec<_>>().join(", ");
    let mut verdict = Verdict::of(ManagedState::OutOfScope, "not_swept", Certainty::Sure);
    verdict.evidence.push(format!("no run has swept {text}"));
    let subnet = addresses
        .first()
        .map(super::counts::subnet_of)
        .unwrap_or_default();
    verdict.suggestion = format!("Sweep {subnet} too, if it is yours.");
    verdict
}

/// An entry whose place was swept, without meeting it.
fn missed(machine: &Machine<'_>, context: &Context<'_, '_>, covered: usize) -> Verdict {
    let policy = context.world.policy;
    let wanted = usize::try_from(policy.unseen_runs).unwrap_or(usize::MAX);
    let mut met = machine.past.iter();
    if let Some(last) = met.find(|last| last.run < policy.unseen_runs) {
        return met_before(machine, last, context);
    }
    if is_old(machine, context) {
        return old(machine, context, covered, wanted);
    }
    let label = machine.label();
    let addresses = machine.addresses();
    let answers = addresses.iter();
    let answers = answers.filter_map(|address| Some((address, context.who_answers(address)?)));
    let answers: Vec<(&IpAddr, &str)> = answers.collect();
    if let Some((address, _)) = answers.iter().find(|(_, name)| name.is_empty()) {
        return nameless(&label, address);
    }
    let count = covered.min(wanted);
    let confidence = if covered < wanted {
        Certainty::Guess
    } else {
        Certainty::Likely
    };
    if !answers.is_empty() {
        return another(&label, &answers, covered, confidence);
    }
    let word = format!("no_answer_in_{count}_sweeps");
    let mut verdict = Verdict::of(ManagedState::Unseen, &word, confidence);
    verdict.evidence.push(format!(
        "its address was swept {covered} times without an answer"
    ));
    verdict.suggestion = format!(
        "It may be off, elsewhere, or behind a firewall: underdesk scan --retry-unseen, or ask who has {label}."
    );
    verdict
}

/// An entry at whose address another machine answers.
fn another(
    label: &str,
    answers: &[(&IpAddr, &str)],
    covered: usize,
    confidence: Certainty,
) -> Verdict {
    let word = "another_at_its_address";
    let mut verdict = Verdict::of(ManagedState::Unseen, word, confidence);
    let others = answers
        .iter()
        .map(|(address, name)| format!("{address} is {name} now"));
    verdict.evidence.push(format!(
        "not met in {} of its address: {}",
        plural(covered, "sweep"),
        others.collect::<Vec<_>>().join(", ")
    ));
    let places = answers.iter().map(|(address, _)| address.to_string());
    verdict.suggestion = format!(
        "Correct the address of {label}, or find out who took it: underdesk explain {}.",
        places
            .collect::<Vec<_>>()
            .first()
            .map_or("", String::as_str)
    );
    verdict
}

/// An entry at whose address somebody answers who shows no name: it may be that machine, or another.
fn nameless(label: &str, address: &IpAddr) -> Verdict {
    let word = "nameless_at_its_address";
    let mut verdict = Verdict::of(ManagedState::Unseen, word, Certainty::Guess);
    verdict.evidence.push(format!(
        "somebody answers at {address} and shows no name: it may be {label}, or another machine"
    ));
    verdict.suggestion =
        format!("See whether it is {label}: underdesk doctor {address}; merge.toml joins the two.");
    verdict
}

/// An entry that one of the last runs met, and the one that is judged did not.
fn met_before(machine: &Machine<'_>, last: &Sighted, context: &Context<'_, '_>) -> Verdict {
    let day = last.seen.date();
    let days = day.days_until(context.world.today).max(0);
    let word = format!("last_seen_{days}_days_ago");
    let mut verdict = Verdict::of(ManagedState::Unseen, &word, Certainty::Sure);
    let at = last.addresses.first().map(ToString::to_string);
    let at = at.unwrap_or_default();
    let met = format!("an earlier run met it at {at}, last on {day}");
    verdict.evidence.push(met);
    let label = machine.label();
    verdict.suggestion =
        format!("Try again when {label} tends to be there: underdesk scan --retry-unseen.");
    verdict
}

/// An entry of which no list has heard for long: gone only where enough sweeps have missed it.
fn old(machine: &Machine<'_>, context: &Context<'_, '_>, covered: usize, wanted: usize) -> Verdict {
    let days = context.world.policy.stale_days;
    let silence = format!("no sign of life for {} on any list", plural(days, "day"));
    if covered < wanted {
        let word = "old_and_too_few_sweeps";
        let mut verdict = Verdict::of(ManagedState::Unseen, word, Certainty::Guess);
        verdict.evidence.push(format!(
            "{silence}; {covered} of the {wanted} sweeps that it takes to call it gone"
        ));
        verdict.suggestion = format!("Sweep again: {} more.", wanted.saturating_sub(covered));
        return verdict;
    }
    let word = "old_on_every_list";
    let mut verdict = Verdict::of(ManagedState::StaleEntry, word, Certainty::Likely);
    verdict.evidence.push(format!(
        "{silence}, and {covered} sweeps of its address without an answer"
    ));
    verdict.suggestion = format!(
        "Ask its owner, then take {} off: {}.",
        machine.label(),
        machine.lists().join(", ")
    );
    verdict
}

/// Whether nothing on any list says that it lives.
fn is_old(machine: &Machine<'_>, context: &Context<'_, '_>) -> bool {
    let world = context.world;
    let age = |day: crate::model::Date| day.days_until(world.today);
    machine.rows.iter().all(|(_, list, row)| {
        let day = match (row.last_seen, list.vouches_for_care()) {
            _ if row.is_disabled => return true,
            (Some(day), _) => Some(day),
            // That something exists, on no day, is no sign of life.
            (None, false) => return true,
            (None, true) => list.as_of,
        };
        day.is_some_and(|day| age(day) > world.policy.stale_days)
    })
}
