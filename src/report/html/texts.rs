//! Texts that are kept once, by number.

use super::super::escape;
use std::borrow::Cow;
use std::collections::HashMap;
use std::rc::Rc;

/// The longest text of a table, in characters: what is longer is a flood and no name.
const LONGEST: usize = 400;

/// Every text that a table has, once. Number 0 is the empty one.
#[derive(Debug)]
pub(super) struct Texts {
    places: HashMap<Rc<str>, u32>,
    all: Vec<Rc<str>>,
}

impl Texts {
    pub(super) fn new() -> Self {
        let mut texts = Self {
            places: HashMap::new(),
            all: Vec::new(),
        };
        texts.place("");
        texts
    }

    /// The number of a text, in the form in which it is shown.
    pub(super) fn place(&mut self, text: &str) -> u32 {
        if let Some(place) = self.places.get(text) {
            return *place;
        }
        let shown = shown(text);
        let place = match self.places.get(shown.as_ref()) {
            Some(place) => *place,
            None => self.add(shown.as_ref()),
        };
        // What is shown as it is was just added under its own name.
        place
    }

    fn add(&mut self, text: &str) -> u32 {
        let place = u32::try_from(self.all.len()).unwrap_or(u32::MAX);
        let kept: Rc<str> = Rc::from(text);
        self.all.push(Rc::clone(&kept));
        self.places.insert(kept, place);
        place
    }

    /// The text of a number.
    pub(super) fn text(&self, place: u32) -> &str {
        let place = usize::try_from(place).unwrap_or(usize::MAX);
        self.all.get(place).map_or("", |text| text)
    }

    /// How many there are.
    pub(super) fn len(&self) -> usize {
        self.all.len()
    }
}

/// A text with everything that acts in a form that can be seen, cut where it is a flood.
pub(super) fn shown(text: &str) -> Cow<'_, str> {
    let shown = escape::for_terminal(text);
    match shown.char_indices().nth(LONGEST) {
        None => shown,
        Some((end, _)) => {
            let kept = shown.get(..end).unwrap_or_default();
            Cow::Owned(format!("{kept}…[cut]"))
        }
    }
}
