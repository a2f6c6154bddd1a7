//! When a machine tends to be there, by the runs that met it.

use super::sighted::Sighted;
use crate::model::plural;
use std::collections::{BTreeMap, BTreeSet};

const DAYS: [&str; 7] = ["Thu", "Fri", "Sat", "Sun", "Mon", "Tue", "Wed"];

/// `Mon-Fri 08-10 UTC, 3 of 4 runs`; empty where fewer than two of the runs met it.
pub(super) fn usual_hours<'a>(seen: impl Iterator<Item = &'a Sighted>, runs: u32) -> String {
    // One run may have met it at several addresses.
    let mut met: BTreeMap<u32, i64> = BTreeMap::new();
    for one in seen.filter(|one| one.run < runs) {
        let place = met.entry(one.run).or_insert(i64::MIN);
        *place = (*place).max(one.seen.unix());
    }
    if met.len() < 2 {
        return String::new();
    }
    let days = met
        .values()
        .map(|time| time.div_euclid(86_400).rem_euclid(7));
    let days = days
        .filter_map(|day| usize::try_from(day).ok())
        .collect::<BTreeSet<_>>();
    let hours = met
        .values()
        .map(|time| time.rem_euclid(86_400).div_euclid(3_600));
    let hours = hours.collect::<BTreeSet<_>>();
    let weekend = |day: &usize| matches!(day, 2 | 3);
    let days = match days.first() {
        Some(day) if days.len() == 1 => DAYS.get(*day).copied().unwrap_or_default(),
        _ if !days.iter().any(weekend) => "Mon-Fri",
        _ if days.iter().all(weekend) => "Sat-Sun",
        _ => "any day",
    };
    let first = hours.first().copied().unwrap_or_default();
    let last = hours.last().copied().unwrap_or_default();
    let hours = match last - first {
        // Half a day tells nothing of anybody's habits.
        12.. => "at any hour".to_owned(),
        _ => format!("{first:02}-{:02} UTC", last + 1),
    };
    let count = met.len();
    format!(
        "{days} {hours}, {count} of {}",
        plural(u64::from(runs).max(count as u64), "run")
    )
}

#[cfg(test)]
mod tests {
    use super::super::sighted::{Care, Looks, Traits};
    use super::*;
    use crate::model::{MachineId, UtcTime};

    fn at(run: u32, time: &str) -> Sighted {
        let seen = UtcTime::parse(time).unwrap();
        Sighted {
            id: MachineId::new("m-0"),
            run,
            seen,
            first_seen: seen.date(),
            addresses: Vec::new(),
            intermediary: None,
            traits: Traits::default(),
            looks: Looks::default(),
            care: Care::default(),
        }
    }

    #[test]
    fn hours_are_those_of_the_runs_that_met_it() {
        let days = [
            at(0, "2026-11-30T08:10:00Z"),
            at(1, "2026-11-27T09:50:00Z"),
            at(3, "2026-11-26T08:00:00Z"),
        ];
        assert_eq!(
            usual_hours(days.iter(), 4),
            "Mon-Fri 08-10 UTC, 3 of 4 runs"
        );
        assert_eq!(usual_hours(days.iter().take(1), 4), "");
        // Beyond the runs that were looked at only who it is is known.
        let beyond = [at(4, "2026-11-07T23:00:00Z"), at(9, "2026-11-01T23:00:00Z")];
        assert_eq!(
            usual_hours(days.iter().chain(&beyond), 4),
            "Mon-Fri 08-10 UTC, 3 of 4 runs"
        );
        let weekend = [at(0, "2026-11-28T08:10:00Z"), at(1, "2026-11-29T23:50:00Z")];
        assert_eq!(
            usual_hours(weekend.iter(), 2),
            "Sat-Sun at any hour, 2 of 2 runs"
        );
    }

    #[test]
    fn one_run_counts_once_however_many_addresses_it_met() {
        let twice = [at(0, "2026-11-30T08:10:00Z"), at(0, "2026-11-30T08:12:00Z")];
        assert_eq!(usual_hours(twice.iter(), 4), "");
    }
}
