//! Small readers of JSON that several feeds share.

use serde::de::{Deserialize, Deserializer, Visitor};
use serde_json::Value;
use std::fmt;

/// Reads `null` as nothing.
pub(super) fn or_default<'de, D, T>(json: D) -> Result<T, D::Error>
where
    D: Deserializer<'de>,
    T: Default + Deserialize<'de>,
{
    Ok(Option::<T>::deserialize(json)?.unwrap_or_default())
}

/// The most weaknesses that one flaw may name; nobody has ten.
const MOST_WEAKNESSES: usize = 64;

/// The weaknesses that a flaw names, in any of the shapes that publishers have for them: `"CWE-79"`,
/// `{"id": "CWE-79", "name": …}`, or a list of these. What has another shape is left out, and costs nothing else.
#[derive(Debug, Default)]
pub(super) struct Weaknesses(Vec<String>);

impl Weaknesses {
    pub(super) fn ids(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(String::as_str)
    }

    fn add(&mut self, value: &Value) {
        if self.0.len() >= MOST_WEAKNESSES {
            return;
        }
        match value {
            Value::String(text) => self.0.push(text.clone()),
            Value::Array(several) => {
                for one in several {
                    self.add(one);
                }
            }
            Value::Object(one) => {
                let id = one.get("id").or_else(|| one.get("ID"));
                let id = id.filter(|id| id.is_string());
                if let Some(id) = id {
                    self.add(id);
                }
            }
            _ => {}
        }
    }
}

impl<'de> Deserialize<'de> for Weaknesses {
    fn deserialize<D: Deserializer<'de>>(json: D) -> Result<Self, D::Error> {
        let mut found = Self::default();
        found.add(&Value::deserialize(json)?);
        Ok(found)
    }
}

/// The beginning of a long text: its first paragraph in one line, at most 160 characters, with an
/// ellipsis where it was cut. The rest is not kept.
#[derive(Debug, Default)]
pub(super) struct Opening(pub(super) String);

impl<'de> Deserialize<'de> for Opening {
    fn deserialize<D: Deserializer<'de>>(json: D) -> Result<Self, D::Error> {
        struct Text;
        impl Visitor<'_> for Text {
            type Value = Opening;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a text")
            }

            fn visit_str<E>(self, text: &str) -> Result<Opening, E> {
                Ok(Opening(opening(text)))
            }

            fn visit_unit<E>(self) -> Result<Opening, E> {
                Ok(Opening::default())
            }
        }
        json.deserialize_any(Text)
    }
}

/// See [`Opening`].
pub(super) fn opening(text: &str) -> String {
    const MOST: usize = 160;
    let mut line = String::new();
    let mut length = 0;
    let paragraph = text.trim_start().lines();
    let paragraph = paragraph.take_while(|line| !line.trim().is_empty());
    for word in paragraph.flat_map(str::split_whitespace) {
        length += word.chars().count() + 1;
        if length > MOST {
            line.push('…');
            break;
        }
        if !line.is_empty() {
            line.push(' ');
        }
        line.push_str(word);
    }
    line
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_opening_is_one_line_and_never_long() {
        assert_eq!(
            opening("\n A bug\nin two lines.\n\nMore."),
            "A bug in two lines."
        );
        let long = opening(&"word ".repeat(100));
        assert!(
            long.chars().count() <= 160 && long.ends_with("word…"),
            "{long}"
        );
        assert_eq!(opening(&"x".repeat(500)), "…");
    }
}
