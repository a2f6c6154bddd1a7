//! One name for a domain: lists and protocols call it by its DNS or by its NetBIOS name.

use super::sighted::Sighted;
use crate::model::KnownList;
use std::collections::{BTreeMap, HashMap};

/// Which DNS domain a NetBIOS name stands for.
#[derive(Default)]
pub(super) struct Domains {
    by_short: HashMap<String, String>,
}

impl Domains {
    /// Learns from machines that state both names, and from rows that have both. Where they differ most votes
    /// win: one machine that lies renames nobody.
    pub(super) fn learn(sighted: &[Sighted], lists: &[KnownList]) -> Self {
        let mut votes: BTreeMap<(String, String), u32> = BTreeMap::new();
        let mut vote = |short: &str, full: &str| {
            let place = votes
                .entry((short.to_owned(), full.to_owned()))
                .or_default();
            *place = place.saturating_add(1);
        };
        for one in sighted {
            if one.traits.is_domain_member != Some(true) {
                continue;
            }
            let (full, short) = one
                .traits
                .domains
                .iter()
                .partition::<Vec<_>, _>(|name| name.contains('.'));
            if let ([full], [short]) = (full.as_slice(), short.as_slice()) {
                vote(short, full);
            }
        }
        for row in lists.iter().flat_map(|list| &list.records) {
            let short = row.domain.as_deref().map(lower);
            let suffix = row.fqdn.as_deref().map(lower);
            let suffix = suffix.as_deref().and_then(|fqdn| fqdn.split_once('.'));
            if let (Some(short), Some((_, suffix))) = (short, suffix)
                && !short.contains('.')
                && suffix.contains('.')
            {
                vote(&short, suffix);
            }
        }
        let mut best: HashMap<String, (u32, String)> = HashMap::new();
        for ((short, full), count) in votes {
            let place = best.entry(short).or_default();
            if count > place.0 {
                *place = (count, full);
            }
        }
        let by_short = best.into_iter().map(|(short, (_, full))| (short, full));
        Self {
            by_short: by_short.collect(),
        }
    }

    /// The name that all of a domain's names come to; `None` where there is none, or none of a domain.
    pub(super) fn one_name(&self, name: &str) -> Option<String> {
        const NONE: &[&str] = &[
            "workgroup",
            "mshome",
            "arbeitsgruppe",
            "local",
            "localdomain",
            "lan",
            "home",
        ];
        let name = lower(name);
        if name.is_empty() || NONE.contains(&name.as_str()) {
            return None;
        }
        if name.contains('.') {
            return Some(name);
        }
        Some(self.by_short.get(&name).cloned().unwrap_or(name))
    }

    /// Whether two names, as [`Self::one_name`] gives them, can be those of one domain: a NetBIOS name that nobody
    /// explained may be that of a domain whose first label it is.
    pub(super) fn can_be_one(one: &str, other: &str) -> bool {
        let first = |name: &str| name.split('.').next().unwrap_or_default().to_owned();
        one == other || (!one.contains('.') || !other.contains('.')) && first(one) == first(other)
    }
}

fn lower(text: &str) -> String {
    text.trim().trim_matches('.').to_lowercase()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::KnownRecord;

    #[test]
    fn a_netbios_name_stands_for_the_domain_that_most_give_it() {
        let row = |domain: &str, fqdn: &str| KnownRecord {
            domain: Some(domain.to_owned()),
            fqdn: Some(fqdn.to_owned()),
            ..KnownRecord::default()
        };
        let list = KnownList {
            records: vec![
                row("CORP", "a.corp.example"),
                row("CORP", "b.corp.example"),
                row("CORP", "c.evil.example"),
            ],
            ..KnownList::default()
        };
        let domains = Domains::learn(&[], &[list]);
        assert_eq!(domains.one_name("corp").as_deref(), Some("corp.example"));
        assert_eq!(domains.one_name("LAB").as_deref(), Some("lab"));
        assert_eq!(domains.one_name("WORKGROUP"), None);
        assert!(Domains::can_be_one("lab", "lab.example"));
        assert!(!Domains::can_be_one("lab.example", "lab.other"));
    }
}
