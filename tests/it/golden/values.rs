//! What stands where in a document: each place in a line, with its values.

use super::masks::Masks;
use quick_xml::Reader;
use quick_xml::events::{BytesStart, Event};
use serde_json::Value;
use sha2::{Digest as _, Sha256};
use std::collections::{BTreeMap, HashMap};
use std::fmt::Write as _;
use underdesk::model::hex;

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

    /// A line for each place: all its values, or how many there are, a digest of all in their order, and each with how
    /// often it is there, or the first where they are too many.
    pub(super) fn page(&self) -> String {
        let mut page = String::new();
        for place in &self.places {
            writeln!(page, "{place}: {}", told(&self.seen[place])).unwrap();
        }
        page
    }
}

fn told(values: &[String]) -> String {
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    for value in values {
        *counts.entry(value).or_default() += 1;
    }
    let counted = counts.iter();
    let counted = counted.map(|(value, count)| format!("{count} × {}", shown(value)));
    let counted: Vec<String> = counted.collect();
    let counted = counted.join(" | ");
    match values {
        [] => return "-".to_owned(),
        [one] => return shown(one),
        _ if counts.len() == 1 => return counted,
        _ => {}
    }
    let all: Vec<String> = values.iter().map(|value| shown(value)).collect();
    let all = all.join(" | ");
    if all.chars().count() <= LISTED / 2 {
        return all;
    }
    let mut digest = Sha256::new();
    for value in values {
        digest.update(value);
        digest.update(b"\0");
    }
    let digest = hex(&digest.finalize());
    let digest = digest.get(..8).unwrap();
    let count = values.len();
    if counted.chars().count() <= LISTED {
        return format!("{count}, {digest}: {counted}");
    }
    let filled = values.iter().filter(|value| !value.is_empty()).count();
    let filled = if filled < count {
        format!("{filled} of ")
    } else {
        String::new()
    };
    let first = values.iter().find(|value| !value.is_empty()).unwrap();
    let first: String = shown(first).chars().take(LISTED).collect();
    format!(
        "{filled}{count}, {} different, {digest}, first {first}",
        counts.len()
    )
}

/// A value in one line.
fn shown(text: &str) -> String {
    match text {
        "" => "nothing".to_owned(),
        text => text.replace('\n', "⏎"),
    }
}
