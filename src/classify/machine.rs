//! A machine as a comparison sees it: what the run met, what earlier runs met, and what lists have.

use super::merge::{Group, Merged};
use super::sighted::{NameSource, Sighted};
use super::{gather, sighted};
use crate::model::{Certainty, Date, KnownList, KnownRecord, ListRow, UtcTime};
use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

/// A machine, or an entry that only lists know.
pub(super) struct Machine<'a> {
    pub(super) group: &'a Group,
    /// As the run that is judged met it.
    pub(super) live: Vec<&'a Sighted>,
    /// As earlier runs did, the latest first.
    pub(super) past: Vec<&'a Sighted>,
    /// The list's place, the list, and the row.
    pub(super) rows: Vec<(usize, &'a KnownList, &'a KnownRecord)>,
    /// The domains that it is in, sorted.
    pub(super) domains: Vec<&'a str>,
    /// Those of the past and of the rows that only its address connects with what the run met: see [`Group::placed`].
    placed: Vec<Placed<'a>>,
}

/// A record of whoever is expected, or was met, at an address.
#[derive(Clone, Copy)]
enum Placed<'a> {
    Seen(&'a Sighted),
    Row(&'a KnownRecord),
}

/// Every machine and every entry, in the order of their first records.
pub(super) fn machines<'a>(merged: &'a Merged<'a>) -> Vec<Machine<'a>> {
    let machine = |group: &'a Group| {
        let nodes = group
            .nodes
            .iter()
            .filter_map(|at| merged.nodes.get(*at as usize));
        let nodes = nodes.collect::<Vec<_>>();
        let seen = nodes.iter().filter_map(|node| node.seen());
        let (live, mut past): (Vec<_>, Vec<_>) = seen.partition(|seen| seen.run == 0);
        past.sort_by_key(|seen| (Reverse(seen.seen), seen.run));
        let met = nodes
            .iter()
            .filter(|node| node.run() == Some(0) || live.is_empty());
        let domains = met.flat_map(|node| node.domains.iter().map(String::as_str));
        let domains: BTreeSet<&str> = domains.collect();
        let placed = group.placed.iter().filter_map(|at| {
            let node = merged.nodes.get(*at as usize)?;
            let row = node.row().map(|(_, _, row)| Placed::Row(row));
            row.or_else(|| node.seen().map(Placed::Seen))
        });
        Machine {
            placed: placed.collect(),
            group,
            live,
            past,
            rows: nodes.iter().filter_map(|node| node.row()).collect(),
            domains: domains.into_iter().collect(),
        }
    };
    merged.groups.iter().map(machine).collect()
}

impl<'a> Machine<'a> {
    /// All that any run met of it, what the run that is judged met first.
    pub(super) fn seen(&self) -> impl Iterator<Item = &'a Sighted> {
        self.live.iter().chain(&self.past).copied()
    }

    /// The rows of lists that are it, sorted.
    pub(super) fn list_rows(&self) -> Vec<ListRow> {
        let rows = self.rows.iter().map(|(_, list, row)| ListRow {
            list: list.name.clone(),
            row: row.row,
        });
        let mut rows = rows.collect::<Vec<_>>();
        rows.sort_unstable();
        rows
    }

    /// The rows of lists that vouch for more than that it exists.
    pub(super) fn vouching(&self) -> impl Iterator<Item = (&'a KnownList, &'a KnownRecord)> {
        let rows = self
            .rows
            .iter()
            .filter(|(_, list, _)| list.vouches_for_care());
        rows.map(|(_, list, row)| (*list, *row))
    }

    /// Whether somebody believes it to be looked after.
    pub(super) fn is_known(&self) -> bool {
        self.vouching().any(|(_, row)| !row.is_disabled)
    }

    /// Whether it is no machine: machines or an intermediary answer at its addresses.
    pub(super) fn is_artefact(&self) -> bool {
        self.live.iter().any(|seen| gather::is_artefact(seen))
    }

    fn is_placed(&self, row: &KnownRecord) -> bool {
        let is_it =
            |one: &Placed<'_>| matches!(one, Placed::Row(other) if std::ptr::eq(*other, row));
        self.placed.iter().any(is_it)
    }

    fn was_elsewhere(&self, seen: &Sighted) -> bool {
        let is_it =
            |one: &Placed<'_>| matches!(one, Placed::Seen(other) if std::ptr::eq(*other, seen));
        self.placed.iter().any(is_it)
    }

    /// Whether no list that vouches for it knows more of it than its address.
    pub(super) fn is_known_by_place(&self) -> bool {
        let mut rows = self.vouching();
        !self.placed.is_empty() && rows.all(|(_, row)| self.is_placed(row))
    }

    /// Every name, short or full, the most trustworthy first; lower case, without repeats. What is expected at
    /// its address is called otherwise, for all that anybody knows.
    pub(super) fn names(&self) -> Vec<String> {
        let mut names: Vec<(u8, String)> = Vec::new();
        for (age, seen) in self
            .live
            .iter()
            .map(|one| (0, one))
            .chain(self.past.iter().map(|one| (8, one)))
            .filter(|(_, one)| !self.was_elsewhere(one))
        {
            let weight = |by: NameSource| by as u8;
            names.extend(
                seen.traits
                    .names
                    .iter()
                    .map(|one| (age + weight(one.by), one.name.clone())),
            );
        }
        let rows = self.rows.iter();
        for (_, list, row) in rows.filter(|(_, _, row)| !self.is_placed(row)) {
            let weight = if list.vouches_for_care() { 6 } else { 14 };
            let texts = [row.fqdn.as_deref(), row.name.as_deref()];
            let texts = texts.into_iter().flatten();
            let texts = texts.map(|text| text.trim().trim_end_matches(['.', '$']).to_lowercase());
            let texts = texts.filter(|text| sighted::is_host_name(text));
            names.extend(texts.map(|text| (weight, text)));
        }
        names.sort();
        let mut known = BTreeSet::new();
        let names = names
            .into_iter()
            .filter(|(_, name)| known.insert(name.clone()));
        names.map(|(_, name)| name).collect()
    }

    /// Its short name; empty where it has none.
    pub(super) fn short_name(&self) -> String {
        let names = self.names();
        let first = names
            .first()
            .map(|name| name.split('.').next().unwrap_or_default());
        first.unwrap_or_default().to_owned()
    }

    /// What it is called in a text: its name, else its address.
    pub(super) fn label(&self) -> String {
        let name = self.short_name();
        let row = self
            .rows
            .first()
            .map(|(_, list, row)| format!("{} row {}", list.name, row.row));
        let address = self
            .addresses()
            .into_iter()
            .next()
            .map(|one| one.to_string());
        if name.is_empty() {
            address.or(row).unwrap_or_default()
        } else {
            name
        }
    }

    /// Where the run met it; of what it did not meet, where earlier runs and lists have it. Sorted.
    pub(super) fn addresses(&self) -> Vec<IpAddr> {
        let live = self
            .live
            .iter()
            .flat_map(|seen| seen.addresses.iter().copied());
        let mut addresses = live.collect::<Vec<_>>();
        if self.live.is_empty() {
            addresses.extend(
                self.past
                    .iter()
                    .flat_map(|seen| seen.addresses.iter().copied()),
            );
            addresses.extend(
                self.rows
                    .iter()
                    .flat_map(|(_, _, row)| row.addresses.iter().copied()),
            );
        }
        addresses.sort_unstable();
        addresses.dedup();
        addresses
    }

    /// Its hardware addresses by runs and lists, sorted.
    pub(super) fn macs(&self) -> BTreeSet<&'a str> {
        let seen = self.seen().flat_map(|seen| seen.traits.macs.iter());
        let rows = self.rows.iter().flat_map(|(_, _, row)| row.macs.iter());
        seen.chain(rows).map(String::as_str).collect()
    }

    /// The latest record in which it was read.
    pub(super) fn latest_read(&self) -> Option<&'a Sighted> {
        let read = self.seen().filter(|seen| seen.care.last_assessed.is_some());
        read.max_by_key(|seen| (seen.care.last_assessed, Reverse(seen.run)))
    }

    /// The day on which any run first met it.
    pub(super) fn first_seen(&self) -> Option<Date> {
        self.seen().map(|seen| seen.first_seen).min()
    }

    /// When any run last met it.
    pub(super) fn last_seen(&self) -> Option<UtcTime> {
        self.seen().map(|seen| seen.seen).max()
    }

    /// The lists that know it, as `name (last seen 2026-11-01)`, sorted.
    pub(super) fn lists(&self) -> Vec<String> {
        let mut lists: BTreeMap<&str, (Option<Date>, bool)> = BTreeMap::new();
        for (_, list, row) in &self.rows {
            let place = lists.entry(&list.name).or_insert((None, true));
            place.0 = place.0.max(row.last_seen);
            place.1 &= row.is_disabled;
        }
        let text = |(name, (day, is_disabled)): (&str, (Option<Date>, bool))| {
            let day = day.map(|day| format!("last seen {day}"));
            let off = is_disabled.then(|| "disabled".to_owned());
            let notes = off.into_iter().chain(day).collect::<Vec<_>>();
            if notes.is_empty() {
                name.to_owned()
            } else {
                format!("{name} ({})", notes.join(", "))
            }
        };
        lists.into_iter().map(text).collect()
    }

    /// Whether anybody says who answers for it.
    pub(super) fn is_owned(&self) -> bool {
        let tagged = self.seen().any(|seen| seen.care.owner.is_some());
        tagged || !self.listed_owner().is_empty()
    }

    /// Who answers for it, by the first list that says so; empty where none does.
    pub(super) fn listed_owner(&self) -> &'a str {
        let mut owners = self
            .rows
            .iter()
            .filter_map(|(_, _, row)| row.owner.as_deref());
        let owner = owners.find(|owner| !owner.trim().is_empty());
        owner.map(str::trim).unwrap_or_default()
    }

    /// How sure it is that lists mean this machine.
    pub(super) fn listed(&self) -> Certainty {
        if self.is_known_by_place() {
            return Certainty::Guess;
        }
        self.group.listed.max(Certainty::Guess)
    }
}
