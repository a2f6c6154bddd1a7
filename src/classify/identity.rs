//! Whether a machine shows anything that only one machine can be.

use super::gather::is_strong_mac;
use super::junk;
use super::sighted::{NameSource, Sighted};
use crate::model::Certainty;
use std::collections::{BTreeSet, HashSet};

/// What tells a machine apart.
pub(super) struct Identity {
    pub(super) is_strong: bool,
    /// How sure it is that this machine is meant.
    pub(super) certainty: Certainty,
    /// What it shows, strongest first.
    pub(super) evidence: Vec<String>,
}

/// What a machine of the run shows of itself, strongest first: all records that are it, and the values that more
/// than one machine shows. See [`crate::model::Compared::standing`].
pub(crate) fn shown(records: &[Sighted], shared: &HashSet<String>) -> Vec<String> {
    let records: Vec<&Sighted> = records.iter().collect();
    Identity::of(&records, shared).evidence
}

impl Identity {
    /// What a machine of the run shows of itself.
    pub(super) fn of(live: &[&Sighted], shared: &HashSet<String>) -> Self {
        const MOST: usize = 8;
        let mut strong: BTreeSet<(u8, String)> = BTreeSet::new();
        let mut weak: BTreeSet<String> = BTreeSet::new();
        for seen in live {
            let at = seen
                .addresses
                .first()
                .map(ToString::to_string)
                .unwrap_or_default();
            let day = seen.seen.date();
            let mut say = |weight: u8, text: String| {
                strong.insert((weight, format!("{text} ({at}, {day})")));
            };
            read(seen, &mut say);
            named(seen, &mut say);
            cards_and_keys(seen, shared, &mut say);
            for one in &seen.traits.names {
                if matches!(one.by, NameSource::Confirmed | NameSource::Reverse) {
                    weak.insert(format!("reverse DNS calls {at} {}", one.name));
                }
            }
            if let Some(os) = &seen.looks.os {
                weak.insert(format!("seems to run {os}"));
            }
        }
        let certainty = match strong.first() {
            Some((0 | 1, _)) => Certainty::Sure,
            Some(_) => Certainty::Likely,
            None => Certainty::Guess,
        };
        let is_strong = !strong.is_empty();
        let strong = strong.into_iter().map(|(_, text)| text);
        Self {
            is_strong,
            certainty,
            evidence: strong.chain(weak).take(MOST).collect(),
        }
    }
}

fn read(seen: &Sighted, say: &mut dyn FnMut(u8, String)) {
    let traits = &seen.traits;
    if seen.care.last_assessed.is_none() {
        return;
    }
    if let Some(serial) = traits
        .serial
        .as_deref()
        .filter(|text| junk::serial(text).is_some())
    {
        say(0, format!("serial number {serial}, read"));
    }
    if let Some(uuid) = traits
        .uuid
        .as_deref()
        .filter(|text| junk::uuid(text).is_some())
    {
        say(0, format!("uuid {uuid}, read"));
    }
    for id in traits
        .machine_ids
        .iter()
        .filter(|id| junk::machine_id(id).is_some())
    {
        say(0, format!("machine-id {id}, read"));
    }
    for one in traits.names.iter().filter(|one| one.by == NameSource::Read) {
        say(0, format!("called {}, read", one.name));
    }
}

fn named(seen: &Sighted, say: &mut dyn FnMut(u8, String)) {
    let traits = &seen.traits;
    for one in &traits.names {
        match one.by {
            NameSource::Stated if one.name.contains('.') => {
                say(1, format!("says that it is {}", one.name));
            }
            NameSource::Stated | NameSource::NetBios if !traits.domains.is_empty() => {
                say(
                    1,
                    format!(
                        "says that it is {} of {}",
                        one.name,
                        traits.domains.join(", ")
                    ),
                );
            }
            NameSource::Certificate => say(2, format!("its own certificate names {}", one.name)),
            _ => {}
        }
    }
}

fn cards_and_keys(seen: &Sighted, shared: &HashSet<String>, say: &mut dyn FnMut(u8, String)) {
    let traits = &seen.traits;
    for mac in &traits.macs {
        if is_strong_mac(mac) && !shared.contains(mac) {
            let vendor = seen
                .looks
                .mac_vendor
                .as_deref()
                .map(|name| format!(", {name}"));
            say(3, format!("MAC {mac}{}", vendor.unwrap_or_default()));
        }
    }
    for key in &traits.host_keys {
        let fingerprint = key.split(' ').next_back().unwrap_or_default();
        if !shared.contains(fingerprint) {
            say(4, format!("SSH host key {key}"));
        }
    }
}
