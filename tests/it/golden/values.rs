//! What stands where in a document: each place in a line, with its values.

use super::masks::Masks;
use quick_xml::Reader;
use quick_xml::events::{BytesStart, Event};
use serde_json::Value;
use sha2::{Digest as _, Sha256};
use std::collections::{BTreeSet, HashMap};
use std::fmt::Write as _;

/// Values are listed where all of them together have no more characters than this.
const LISTED: usize = 240;

/// The values of a document by the place where they stand, in the order of the document.
#[derive(Default)]
pub(super) struct Values {
    places: Vec<String>,
    seen: HashMap<String, Vec<String>>,
}

impl Values {
    /// Takes a value.
    pub(super) fn add(&mut self, place: &str, value: &str) {
        self.expect(place);
        self.seen.get_mut(place).unwrap().push(value.to_owned());
    }

    /// Takes a place that may have no value.
    pub(super) fn expect(&mut self, place: &str) {
        if !self.seen.contains_key(place) {
            self.places.push(place.to_owned());
            self.seen.insert(place.to_owned(), Vec::new());
        }
    }

    /// Takes every value of a JSON document, the places below `place`.
    pub(super) fn json(&mut self, place: &str, value: &Value, masks: &Masks) {
        match value {
            Value::Object(fields) => {
                for (name, value) in fields {
                    let dot = if place.is_empty() { "" } else { "." };
                    self.json(&format!("{place}{dot}{name}"), value, masks);
                }
            }
            Value::Array(items) if items.is_empty() => self.expect(&format!("{place}[]")),
            Value::Array(items) => {
                for item in items {
                    self.json(&format!("{place}[]"), item, masks);
                }
            }
            one => {
                let text = match one {
                    Value::String(text) => text.clone(),
                    other => other.to_string(),
                };
                let name = place.rsplit('.').next().unwrap_or_default();
                let text = masks.named(name.trim_end_matches("[]"), &text);
                self.add(place, &text);
            }
        }
    }

    /// Takes every attribute and text of an XML document, but for what is in these elements.
    pub(super) fn xml(&mut self, text: &str, without: &[&str], masks: &Masks) {
        let mut reader = Reader::from_str(text);
        let (mut path, mut words) = (Vec::new(), String::new());
        let mut left_out = 0;
        loop {
            match reader.read_event().unwrap() {
                Event::Start(tag) => {
                    path.push(tag.name().as_ref().to_owned());
                    let name = path.last().unwrap().as_str();
                    left_out += usize::from(left_out > 0 || without.contains(&name));
                    if left_out == 0 {
                        self.attributes(&path.join("/"), &tag, masks);
                    }
                    words.clear();
                }
                Event::Empty(tag) if left_out == 0 => {
                    path.push(tag.name().as_ref().to_owned());
                    self.attributes(&path.join("/"), &tag, masks);
                    path.pop();
                }
                Event::Text(text) => words.push_str(&text),
                Event::GeneralRef(text) => {
                    write!(words, "&{};", &*text).unwrap();
                }
                Event::End(_) => {
                    if left_out == 0 && !words.trim().is_empty() {
                        self.add(&path.join("/"), &masks.text(words.trim()));
                    }
                    words.clear();
                    left_out = left_out.saturating_sub(1);
                    path.pop();
                }
                Event::Eof => break,
                _ => {}
            }
        }
    }

    fn attributes(&mut self, path: &str, tag: &BytesStart<'_>, masks: &Masks) {
        for attribute in tag.attributes() {
            let attribute = attribute.unwrap();
            let name = attribute.key.as_ref();
            if name != "xmlns" && !name.starts_with("xmlns:") {
                let value = masks.named(name, &attribute.value);
                self.add(&format!("{path}@{name}"), &value);
            }
        }
    }

    /// A line for each place: how many values there are, how many different ones, all of them or a digest of all and the
    /// first.
    pub(super) fn page(&self) -> String {
        let mut page = String::new();
        for place in &self.places {
            let values = &self.seen[place];
            let different: BTreeSet<&String> = values.iter().collect();
            let filled = values.iter().filter(|value| !value.is_empty()).count();
            let length: usize = values.iter().map(|value| value.chars().count() + 3).sum();
            write!(page, "{place}: ").unwrap();
            match (different.len(), values.len()) {
                (0, _) => page.push('-'),
                (1, 1) => page.push_str(&values[0]),
                (1, count) => write!(page, "{count} × {}", quoted(&values[0])).unwrap(),
                _ if length <= LISTED => page.push_str(&values.join(" | ")),
                (different, count) => {
                    let mut digest = Sha256::new();
                    for value in values {
                        digest.update(value);
                        digest.update(b"\0");
                    }
                    let digest = digest.finalize();
                    let first = values.iter().find(|value| !value.is_empty()).unwrap();
                    let first: String = first.chars().take(LISTED).collect();
                    if filled < count {
                        write!(page, "{filled} of ").unwrap();
                    }
                    write!(
                        page,
                        "{count}, {different} different, {:02x}{:02x}{:02x}{:02x}, first {}",
                        digest[0],
                        digest[1],
                        digest[2],
                        digest[3],
                        quoted(&first)
                    )
                    .unwrap();
                }
            }
            page.push('\n');
        }
        page
    }
}

fn quoted(text: &str) -> &str {
    if text.is_empty() { "nothing" } else { text }
}
