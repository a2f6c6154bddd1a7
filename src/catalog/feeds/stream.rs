//! JSON documents of many records, read one record at a time.

use serde::de::{Deserialize, Deserializer, SeqAccess, Visitor};
use serde_json::Value;
use std::fmt;
use std::io::BufRead;

/// Hands out each record of a document: the elements of one array, or values one after another
/// (JSON Lines, or a single object).
pub(super) fn each_value(
    mut doc: impl BufRead,
    each: &mut dyn FnMut(Value),
) -> serde_json::Result<()> {
    if first_byte(&mut doc)? != Some(b'[') {
        let values = serde_json::Deserializer::from_reader(doc).into_iter::<Value>();
        for value in values {
            each(value?);
        }
        return Ok(());
    }
    let mut json = serde_json::Deserializer::from_reader(doc);
    json.deserialize_seq(Elements(each))?;
    json.end()
}

/// The first byte that is no white space, left in place.
fn first_byte(doc: &mut impl BufRead) -> serde_json::Result<Option<u8>> {
    loop {
        let buffer = doc.fill_buf().map_err(serde_json::Error::io)?;
        if buffer.is_empty() {
            return Ok(None);
        }
        if let Some(byte) = buffer.iter().find(|byte| !byte.is_ascii_whitespace()) {
            return Ok(Some(*byte));
        }
        let blank = buffer.len();
        doc.consume(blank);
    }
}

struct Elements<'a>(&'a mut dyn FnMut(Value));

impl<'de> Visitor<'de> for Elements<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an array of records")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut elements: A) -> Result<(), A::Error> {
        while let Some(value) = elements.next_element()? {
            (self.0)(value);
        }
        Ok(())
    }
}

/// Reads `null` as nothing.
pub(super) fn or_default<'de, D, T>(json: D) -> Result<T, D::Error>
where
    D: Deserializer<'de>,
    T: Default + Deserialize<'de>,
{
    Ok(Option::<T>::deserialize(json)?.unwrap_or_default())
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

    fn count(doc: &str) -> serde_json::Result<usize> {
        let mut count = 0;
        each_value(doc.as_bytes(), &mut |_| count += 1).map(|()| count)
    }

    #[test]
    fn one_object_an_array_and_lines_are_all_streams_of_records() {
        assert_eq!(count("{}").unwrap(), 1);
        assert_eq!(count(" [{}, {} ]\n").unwrap(), 2);
        assert_eq!(count("{}\n{}\n{}\n").unwrap(), 3);
        assert_eq!(count("  ").unwrap(), 0);
    }

    #[test]
    fn a_stream_cut_short_is_an_error() {
        assert!(count("[{},").is_err());
        assert!(count("{}\n{\"a\":").is_err());
        assert!(count("[{}] x").is_err());
    }

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
