//! What the operator says of addresses: their names and tags, found without a walk.

use super::spans::Span;
use std::sync::Arc;

/// What the operator says of an address.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Description {
    /// The name by which it was given; the first, when there are several.
    pub name: Option<Arc<str>>,
    /// The tags of all the lines that cover it, in their order, each once.
    pub tags: Arc<[String]>,
}

/// The lines that say something, as an interval tree laid out in a sorted list: the root of a
/// piece is its middle, and `reach` is the furthest end in the piece.
#[derive(Clone, Debug, Default)]
pub(super) struct Notes {
    places: Vec<Place>,
    said: Vec<Description>,
    nothing: Arc<[String]>,
}

#[derive(Clone, Copy, Debug)]
struct Place {
    span: Span,
    reach: u128,
    note: usize,
}

impl Notes {
    /// Takes notes in the order of their lines, each with the spans that it is about.
    pub(super) fn new(notes: Vec<(Vec<Span>, Description)>) -> Self {
        let mut places = Vec::new();
        let mut kept = Vec::with_capacity(notes.len());
        for (note, (spans, description)) in notes.into_iter().enumerate() {
            places.extend(spans.into_iter().map(|span| Place {
                span,
                reach: span.last,
                note,
            }));
            kept.push(description);
        }
        places.sort_unstable_by_key(|place| (place.span, place.note));
        measure(&mut places);
        Self {
            places,
            said: kept,
            nothing: Arc::default(),
        }
    }

    /// What is said of an address.
    pub(super) fn of(&self, key: u128) -> Description {
        let mut found = Vec::new();
        find(&self.places, key, &mut found);
        found.sort_unstable();
        let mut notes = found.iter().filter_map(|note| self.said.get(*note));
        let Some(first) = notes.next() else {
            return Description {
                name: None,
                tags: Arc::clone(&self.nothing),
            };
        };
        // Nearly always there is one, and then its tags are shared.
        let mut merged = first.clone();
        for note in notes {
            merged.name = merged.name.or_else(|| note.name.clone());
            let fresh = note.tags.iter().filter(|tag| !merged.tags.contains(tag));
            let fresh: Vec<&String> = fresh.collect();
            if !fresh.is_empty() {
                merged.tags = merged.tags.iter().chain(fresh).cloned().collect();
            }
        }
        merged
    }
}

/// Sets the reach of a piece's middles; the reach of the whole piece is returned.
fn measure(piece: &mut [Place]) -> u128 {
    let (left, right) = piece.split_at_mut(piece.len() / 2);
    let Some((root, right)) = right.split_first_mut() else {
        return 0;
    };
    let reach = measure(left).max(measure(right)).max(root.span.last);
    root.reach = reach;
    reach
}

fn find(piece: &[Place], key: u128, found: &mut Vec<usize>) {
    let (left, right) = piece.split_at(piece.len() / 2);
    let Some((root, right)) = right.split_first() else {
        return;
    };
    if root.reach < key {
        return;
    }
    find(left, key, found);
    if root.span.contains(key) {
        found.push(root.note);
    }
    if root.span.first <= key {
        find(right, key, found);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn note(name: Option<&str>, tags: &[&str]) -> Description {
        Description {
            name: name.map(Arc::from),
            tags: tags.iter().map(|tag| (*tag).to_owned()).collect(),
        }
    }

    #[test]
    fn tags_of_all_lines_come_together_and_the_first_name_wins() {
        let span = |first, last| Span { first, last };
        let notes = Notes::new(vec![
            (vec![span(0, 100)], note(None, &["site", "prod"])),
            (vec![span(7, 7)], note(Some("web"), &["prod", "dmz"])),
            (vec![span(7, 7)], note(Some("www"), &[])),
        ]);
        assert_eq!(notes.of(7), note(Some("web"), &["site", "prod", "dmz"]));
        assert_eq!(notes.of(8), note(None, &["site", "prod"]));
        assert_eq!(notes.of(101), note(None, &[]));
    }

    proptest! {
        #[test]
        fn every_covering_line_is_found(spans in prop::collection::vec((0_u128..60, 0_u128..30), 0..20), at in 0_u128..100) {
            let covering: Vec<String> = spans.iter().enumerate()
                .filter(|(_, (first, more))| (*first..=first + more).contains(&at))
                .map(|(line, _)| line.to_string()).collect();
            let lines = spans.iter().enumerate().map(|(line, (first, more))| {
                (vec![Span { first: *first, last: first + more }], note(None, &[&line.to_string()]))
            });
            prop_assert_eq!(&*Notes::new(lines.collect()).of(at).tags, covering);
        }
    }
}
