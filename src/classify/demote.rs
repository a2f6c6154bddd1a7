//! Keys that tell nobody apart: shown at once by machines that are not one, moved from one to another, or shown by a
//! crowd.

use super::keys::{Key, KeyKind, Keys, Name, Node};
use std::collections::{BTreeMap, BTreeSet, HashMap};

/// More records than one machine has on all lists and in all runs.
const CROWD: usize = 96;

/// Takes their worth from keys that are shown to be shared. Returns what is to be said of clones, sorted.
pub(super) fn demote(nodes: &[Node<'_>], keys: &mut Keys) -> Vec<String> {
    let lives = Lives::of(nodes);
    let mut warnings = BTreeSet::new();
    for key in &mut keys.all {
        let Some(why) = shared(key, nodes, &lives) else {
            continue;
        };
        if why.is_clone {
            warnings.insert(format!(
                "same {} {} at {}: clones, or one image; it tells none of them apart",
                key.kind.as_str(),
                key.value,
                why.text
            ));
        }
        key.demoted = Some(why.text);
    }
    warnings.into_iter().collect()
}

struct Why {
    text: String,
    is_clone: bool,
}

fn shared(key: &Key, nodes: &[Node<'_>], lives: &Lives<'_>) -> Option<Why> {
    use KeyKind as K;
    match key.kind {
        K::Address | K::Mention | K::LocalMac | K::OwnId => return None,
        K::ShortName | K::FullName => return cut_of_several(key, nodes),
        _ => {}
    }
    let holders = key.holders.iter().filter_map(|at| nodes.get(*at as usize));
    let holders = holders.collect::<Vec<_>>();
    if holders.len() < 2 {
        return None;
    }
    if let Some(text) = clones(&holders) {
        return Some(Why {
            text,
            is_clone: key.kind.is_copied(),
        });
    }
    let quiet = |text: String| {
        Some(Why {
            text,
            is_clone: false,
        })
    };
    if holders.len() > CROWD {
        return quiet(format!("{} records", holders.len()));
    }
    if let Some(list) = crowded_list(&holders) {
        return quiet(format!("several rows of {list} with other names"));
    }
    if key.kind == K::Mac && lives.moves(&holders) {
        return quiet("machines one after the other: a dock or an adapter".to_owned());
    }
    None
}

/// Machines that show a key in one run and are not one, in words.
fn clones(holders: &[&Node<'_>]) -> Option<String> {
    let mut runs: BTreeMap<u32, Vec<&Node<'_>>> = BTreeMap::new();
    for node in holders {
        if let Some(run) = node.run() {
            runs.entry(run).or_default().push(node);
        }
    }
    runs.values().find_map(|met| {
        let apart = |a: &Node<'_>, b: &Node<'_>| {
            let differ =
                |a: &Option<String>, b: &Option<String>| a.is_some() && b.is_some() && a != b;
            names_differ(&a.names, &b.names)
                || differ(&a.serial, &b.serial)
                || differ(&a.uuid, &b.uuid)
        };
        // Most keys have few holders; of a crowd the first few tell.
        let some = met.get(..met.len().min(64)).unwrap_or_default();
        let shows = some
            .iter()
            .enumerate()
            .any(|(at, a)| some.iter().skip(at.saturating_add(1)).any(|b| apart(a, b)));
        shows.then(|| {
            let labels = met.iter().take(4).map(|node| called(node));
            let mut text = labels.collect::<Vec<_>>().join(", ");
            if met.len() > 4 {
                text = format!("{text} (+{})", met.len().saturating_sub(4));
            }
            text
        })
    })
}

/// `10.0.0.7 (ws-1)`.
fn called(node: &Node<'_>) -> String {
    match node.names.first() {
        Some(name) => format!("{} ({})", node.label(), name.short),
        None => node.label(),
    }
}

pub(super) fn names_differ(a: &BTreeSet<Name>, b: &BTreeSet<Name>) -> bool {
    !a.is_empty() && !b.is_empty() && !a.iter().any(|one| b.iter().any(|other| one.agrees(other)))
}

/// A list three of whose rows show the key under different names.
fn crowded_list(holders: &[&Node<'_>]) -> Option<String> {
    let mut names: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for node in holders {
        if let (Some((_, list, _)), Some(name)) = (node.row(), node.names.first()) {
            names.entry(&list.name).or_default().insert(&name.short);
        }
    }
    let crowded = names.into_iter().find(|(_, names)| names.len() >= 3);
    crowded.map(|(list, _)| list.to_owned())
}

/// A name of 15 letters that may be the beginning of several.
fn cut_of_several(key: &Key, nodes: &[Node<'_>]) -> Option<Why> {
    let (short, _) = key.value.split_once('.').unwrap_or((&key.value, ""));
    if short.chars().count() != 15 || key.holders.len() < 3 {
        return None;
    }
    let mut longer = BTreeSet::new();
    for at in &key.holders {
        let names = nodes
            .get(*at as usize)
            .into_iter()
            .flat_map(|node| &node.names);
        let names = names.filter(|name| name.short.len() > short.len());
        longer.extend(
            names
                .filter(|name| name.short.starts_with(short))
                .map(|name| &name.short),
        );
    }
    (longer.len() > 1).then(|| Why {
        text: "several longer names begin so".to_owned(),
        is_clone: false,
    })
}

/// In which runs somebody was called by a name.
struct Lives<'a> {
    runs: HashMap<&'a str, BTreeSet<u32>>,
}

impl<'a> Lives<'a> {
    fn of(nodes: &'a [Node<'_>]) -> Self {
        let mut runs: HashMap<&str, BTreeSet<u32>> = HashMap::new();
        for node in nodes {
            let Some(run) = node.run() else { continue };
            for name in &node.names {
                runs.entry(&name.short).or_default().insert(run);
            }
        }
        Self { runs }
    }

    /// Whether the key moved from one machine to another: two of its holders have other names, and one run met
    /// both names.
    fn moves(&self, holders: &[&Node<'_>]) -> bool {
        let empty = BTreeSet::new();
        let runs = |node: &Node<'_>| {
            let name = node.names.first();
            let runs = name.and_then(|name| self.runs.get(name.short.as_str()));
            runs.unwrap_or(&empty).clone()
        };
        holders.iter().enumerate().any(|(at, a)| {
            let rest = holders.iter().skip(at.saturating_add(1));
            let mut others = rest.filter(|b| names_differ(&a.names, &b.names));
            others.any(|b| {
                let hardware = match (&a.serial, &b.serial) {
                    (Some(a), Some(b)) => a != b,
                    _ => false,
                };
                hardware || !runs(a).is_disjoint(&runs(b))
            })
        })
    }
}
