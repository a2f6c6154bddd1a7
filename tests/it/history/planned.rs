//! What a plan must come to, after docs/plan.md and the waves and windows of `fixtures/history/policy.toml`.

use super::days;
use super::noted;
use super::truth::Sight;
use super::weigh::Weighed;
use super::world::{Machine, World};

/// The plan of a machine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Plan {
    pub(super) wave: &'static str,
    pub(super) owner: String,
    pub(super) window: (String, String),
    /// How many findings its steps close.
    pub(super) closes: usize,
    /// How many stay open: there is no fix, or an exception holds and nothing else is done that closes them.
    pub(super) open: usize,
    /// The one update of a Windows.
    pub(super) update: Option<String>,
    /// Whether packages are upgraded.
    pub(super) has_packages: bool,
}

/// The plan of a machine in a run, from a minute on; `None` where it has no finding
/// and waits for no restart.
pub(super) fn plan(
    world: &World,
    (sight, weighed): (&Sight, &[Weighed]),
    catalogue: i64,
    from: i64,
) -> Option<Plan> {
    let machine = world.machine(&sight.machine);
    let now = &sight.now;
    let newest = now.software.get("linux").or(now.software.get("windows"));
    let waits = sight.is_read && newest.is_some_and(|newest| *newest != now.running);
    if sight.findings.is_empty() && !waits {
        return None;
    }
    let own: Vec<&Weighed> = weighed
        .iter()
        .filter(|one| one.machine == sight.machine)
        .collect();
    let is_asked = |one: &Weighed| one.exception.is_none();
    let is_done = |one: &&&Weighed| one.found.state == "missing" && is_asked(one);
    // A Windows gets one update for all, a package is upgraded for all of its flaws.
    let closes = |one: &&&Weighed| match one.found.state {
        "no_fix_yet" => false,
        // A restart that everything it closes is excepted from is left as well.
        "pending_reboot" => own
            .iter()
            .any(|other| other.found.state == "pending_reboot" && is_asked(other)),
        _ => own
            .iter()
            .filter(is_done)
            .any(|other| machine.is_windows() || other.found.product == one.found.product),
    };
    let closed = own.iter().filter(closes).count();
    let is_missing = own.iter().any(|one| is_done(&one));
    let (wave, after) = wave(machine);
    let mut update = None;
    for bulletin in &world.bulletins {
        let is_known = bulletin.system == machine.system && bulletin.published <= catalogue;
        if machine.is_windows() && is_missing && is_known {
            // They are in the order of their days.
            update = Some(bulletin.id.clone());
        }
    }
    Some(Plan {
        wave,
        owner: noted::machines_owner(machine, sight.now.life),
        window: window(machine, from + after * 1_440),
        closes: closed,
        open: own.len() - closed,
        update,
        has_packages: !machine.is_windows() && is_missing,
    })
}

fn has(machine: &Machine, tag: &str) -> bool {
    machine.tags.iter().any(|one| one == tag)
}

fn wave(machine: &Machine) -> (&'static str, i64) {
    if has(machine, "pilot") {
        ("pilot", 0)
    } else if has(machine, "server") || has(machine, "criticality=high") {
        ("servers", 3)
    } else {
        ("rest", 7)
    }
}

/// The first window that begins from a minute on, minute by minute.
fn window(machine: &Machine, from: i64) -> (String, String) {
    let mut minute = from;
    loop {
        // At +01:00, and at +02:00.
        let (one, two) = (minute + 60, minute + 120);
        let is_at = |local: i64, weekday: i64, hour: i64| {
            days::weekday(local / 1_440) == weekday && local % 1_440 == hour * 60
        };
        let length = if has(machine, "criticality=high") {
            is_at(one, 5, 22).then_some(240)
        } else if has(machine, "server") {
            let sunday = is_at(one, 6, 2).then_some(240);
            sunday.or(is_at(two, 2, 22).then_some(120))
        } else {
            (0..5).find_map(|weekday| is_at(one, weekday, 20).then_some(180))
        };
        if let Some(length) = length {
            return (days::moment(minute), days::moment(minute + length));
        }
        minute += 1;
    }
}
