//! How machines stand against `fixtures/history/cmdb.csv`, after docs/unmanaged.md.

use super::trail;
use super::truth::{Sight, sights};
use super::world::{Run, World, says_when};

/// `(state, reason)` of a machine or an entry; `None` where nothing is said, or where the documents leave it open.
pub(super) fn standing(
    world: &World,
    run: &Run,
    sight: &Sight,
) -> Option<(&'static str, &'static str)> {
    let machine = world.machine(&sight.machine);
    let is_listed = !matches!(machine.name.as_str(), "gate" | "desk-1" | "branch-1");
    // A machine with other hardware that has taken over the name and the address of one on the list.
    if sight.now.life > 0 {
        return None;
    }
    match (sight.is_met, is_listed) {
        (false, true) => return Some(("unseen", "")),
        (false, false) => return None,
        (true, false) if machine.is_computer() => {
            return Some(("unmanaged", "unknown_computer"));
        }
        (true, false) => return Some(("unidentified", "no_strong_identity")),
        (true, true) => {}
    }
    // A reading counts for thirty days.
    let (mut read, mut patched) = (None, sight.now.patched());
    for one in world.runs.iter().filter(|one| one.started <= run.started) {
        for earlier in sights(world, one) {
            if earlier.machine == sight.machine && earlier.is_read {
                read = Some(one.day());
                patched = earlier.now.patched();
                // What was put in and is gone again was an update too, as long as a log tells of it.
                let life = (earlier.now.life, earlier.day);
                for line in trail::logged(world, machine, life) {
                    if line.action != "removed" {
                        patched = patched.max(line.minute / 1_440);
                    }
                }
            }
        }
    }
    // What was never read shows nothing by which its row would know it.
    let read: i64 = read?;
    if run.day() - read > 30 {
        return Some(("overlooked", "no_credential_works"));
    }
    if says_when(&machine.system) && run.day() - patched > 60 {
        return Some(("overlooked", "not_patched_for_60_days"));
    }
    let has_owner = machine.tags.iter().any(|tag| tag.starts_with("owner="));
    // The list names nobody for ws-1 only.
    if !has_owner && machine.name == "ws-1" {
        return Some(("overlooked", "no_owner"));
    }
    Some(("managed", ""))
}
