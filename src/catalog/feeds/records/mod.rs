//! JSON documents of many records, cut into their records before any is parsed.
//!
//! A record is read from its own bytes: one that does not parse costs itself and nothing else, what we
//! keep of it may borrow from it, and one that is longer than any honest record is passed over without
//! being held in memory.

use serde::de::{Deserialize, Deserializer, Error as _, Visitor};
use std::borrow::Cow;
use std::fmt;
use std::io::BufRead;

/// The most bytes of a record. The longest that publishers have, of kernels, are some 10 MB.
pub(super) const MOST_RECORD: usize = 32 << 20;

/// One record of a document.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum RawRecord<'a> {
    /// Its bytes.
    Whole(&'a [u8]),
    /// It is longer than [`MOST_RECORD`]. Its beginning, to tell which one it is.
    TooLong(&'a [u8]),
}

/// Hands out the records of a document: the elements of one array, or values one after another (JSON
/// Lines, or a single object).
pub(super) fn each_record(
    doc: impl BufRead,
    each: &mut dyn FnMut(RawRecord<'_>),
) -> serde_json::Result<()> {
    Cutter::new(None, MOST_RECORD, each).run(doc)
}

/// Hands out the elements of an array that is a member of the document's one object.
pub(super) fn each_element(
    doc: impl BufRead,
    member: &str,
    each: &mut dyn FnMut(RawRecord<'_>),
) -> serde_json::Result<()> {
    Cutter::new(Some(member), MOST_RECORD, each).run(doc)
}

/// How much of a record that is too long is shown.
const SHOWN: usize = 4 << 10;

/// Where the records lie.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Place {
    /// Nothing has been read.
    Start,
    /// Between values that follow one another.
    Values,
    /// In the array whose elements are the records.
    Array,
    /// In the object that has the array, outside of it.
    Object,
    /// Behind the end.
    End,
}

struct Cutter<'a> {
    /// The member of the outer object that has the records.
    member: Option<&'a str>,
    most: usize,
    each: &'a mut dyn FnMut(RawRecord<'_>),
    place: Place,
    /// The value that is open: a record, or something that is passed over.
    open: Option<Open>,
    buffer: Vec<u8>,
    /// The last string of the outer object, and whether a colon follows it.
    last: Vec<u8>,
    is_member: bool,
    found: bool,
}

/// A value that is being read.
struct Open {
    /// How many brackets are open in it.
    depth: usize,
    string: StringState,
    is_record: bool,
    is_too_long: bool,
}

/// Where the reading stands in strings.
#[derive(Clone, Copy, PartialEq, Eq)]
enum StringState {
    Outside,
    Inside,
    /// Behind a backslash.
    Escaped,
}

/// What a byte means to the value that is open.
enum Step {
    /// It belongs to it.
    Inside,
    /// It is its last.
    Last,
    /// It is the first behind it: a number or a word has no end of its own.
    Behind,
}

impl<'a> Cutter<'a> {
    fn new(member: Option<&'a str>, most: usize, each: &'a mut dyn FnMut(RawRecord<'_>)) -> Self {
        Self {
            member,
            most,
            each,
            place: Place::Start,
            open: None,
            buffer: Vec::new(),
            last: Vec::new(),
            is_member: false,
            found: false,
        }
    }

    fn run(mut self, mut doc: impl BufRead) -> serde_json::Result<()> {
        loop {
            let chunk = doc.fill_buf().map_err(serde_json::Error::io)?;
            if chunk.is_empty() {
                return self.end();
            }
            let length = chunk.len();
            self.chunk(chunk)?;
            doc.consume(length);
        }
    }

    fn end(mut self) -> serde_json::Result<()> {
        let is_bare = |open: &Open| open.depth == 0 && open.string == StringState::Outside;
        if self.place == Place::Values && self.open.as_ref().is_some_and(is_bare) {
            self.close();
        }
        let is_whole = matches!(self.place, Place::Values | Place::End | Place::Start);
        if self.open.is_some() || !is_whole {
            return Err(wrong("the document ends in the middle of a value"));
        }
        if self.member.is_some() && !self.found {
            return Err(wrong("the document has no list of records"));
        }
        Ok(())
    }

    fn chunk(&mut self, chunk: &[u8]) -> serde_json::Result<()> {
        let mut rest = chunk;
        while let Some((byte, after)) = rest.split_first() {
            if self.open.is_some() {
                rest = self.inside(rest);
                continue;
            }
            rest = after;
            if !byte.is_ascii_whitespace() {
                self.between(*byte)?;
            }
        }
        Ok(())
    }

    /// Takes a byte that belongs to no record.
    fn between(&mut self, byte: u8) -> serde_json::Result<()> {
        match (self.place, byte) {
            (Place::Start, b'[') if self.member.is_none() => self.place = Place::Array,
            (Place::Start, b'{') | (Place::Array, b']') if self.member.is_some() => {
                self.place = Place::Object;
            }
            (Place::Start, _) if self.member.is_some() => {
                return Err(wrong("the document is no object"));
            }
            (Place::Object, b'[') if self.is_member => {
                self.found = true;
                self.is_member = false;
                self.place = Place::Array;
            }
            (Place::Object, b':') => {
                self.is_member = self.member.is_some_and(|name| self.last == name.as_bytes());
            }
            (Place::Object, b',') => self.is_member = false,
            (Place::Object, b'}') | (Place::Array, b']') => self.place = Place::End,
            (Place::Array, b',') => {}
            (Place::End, _) => return Err(wrong("something follows the end of the document")),
            (_, b'}' | b']' | b':' | b',') => {
                return Err(wrong("a bracket closes what is not open"));
            }
            (place, byte) => {
                if place == Place::Start {
                    self.place = Place::Values;
                }
                self.begin(byte);
            }
        }
        Ok(())
    }

    fn begin(&mut self, byte: u8) {
        self.buffer.clear();
        self.buffer.push(byte);
        self.open = Some(Open {
            depth: usize::from(matches!(byte, b'{' | b'[')),
            string: if byte == b'"' {
                StringState::Inside
            } else {
                StringState::Outside
            },
            is_record: self.place != Place::Object,
            is_too_long: false,
        });
    }

    /// Takes bytes of the value that is open. Returns what is behind it.
    fn inside<'b>(&mut self, bytes: &'b [u8]) -> &'b [u8] {
        let Some(open) = &mut self.open else {
            return bytes;
        };
        let mut steps = bytes.iter().enumerate();
        let end = steps.find_map(|(at, byte)| match open.step(*byte) {
            Step::Inside => None,
            Step::Last => Some(at + 1),
            Step::Behind => Some(at),
        });
        let (own, rest) = bytes.split_at(end.unwrap_or(bytes.len()));
        let most = if open.is_record { self.most } else { SHOWN };
        if self.buffer.len() + own.len() <= most && !open.is_too_long {
            self.buffer.extend_from_slice(own);
        } else if !open.is_too_long {
            open.is_too_long = true;
            self.buffer.truncate(SHOWN);
            let missing = SHOWN.saturating_sub(self.buffer.len());
            self.buffer.extend(own.iter().take(missing));
            self.buffer.shrink_to_fit();
        }
        if end.is_some() {
            self.close();
        }
        rest
    }

    /// Ends the value that is open.
    fn close(&mut self) {
        let Some(open) = self.open.take() else {
            return;
        };
        if !open.is_record {
            let string = self.buffer.strip_prefix(b"\"");
            let string = string.and_then(|text| text.strip_suffix(b"\""));
            self.last.clear();
            self.last.extend_from_slice(string.unwrap_or_default());
        } else if open.is_too_long {
            (self.each)(RawRecord::TooLong(&self.buffer));
        } else {
            (self.each)(RawRecord::Whole(&self.buffer));
        }
    }
}

impl Open {
    fn step(&mut self, byte: u8) -> Step {
        if self.string != StringState::Outside {
            self.string = match (self.string, byte) {
                (StringState::Inside, b'"') => StringState::Outside,
                (StringState::Inside, b'\\') => StringState::Escaped,
                _ => StringState::Inside,
            };
            return if self.string == StringState::Outside && self.depth == 0 {
                Step::Last
            } else {
                Step::Inside
            };
        }
        match byte {
            b'"' if self.depth > 0 => self.string = StringState::Inside,
            b'{' | b'[' if self.depth > 0 => self.depth += 1,
            b'}' | b']' if self.depth > 0 => {
                self.depth -= 1;
                if self.depth == 0 {
                    return Step::Last;
                }
            }
            // A bare number or word ends where something else begins.
            byte if self.depth == 0
                && (byte.is_ascii_whitespace() || b",]}[{\":".contains(&byte)) =>
            {
                return Step::Behind;
            }
            _ => {}
        }
        Step::Inside
    }
}

fn wrong(what: &str) -> serde_json::Error {
    serde_json::Error::custom(what)
}

/// A string that borrows from its document where it can.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct Text<'a>(pub(super) Cow<'a, str>);

impl Text<'_> {
    pub(super) fn into_owned(self) -> String {
        self.0.into_owned()
    }
}

impl std::ops::Deref for Text<'_> {
    type Target = str;

    fn deref(&self) -> &str {
        &self.0
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for Text<'a> {
    fn deserialize<D: Deserializer<'de>>(json: D) -> Result<Self, D::Error> {
        struct Words;
        impl<'de> Visitor<'de> for Words {
            type Value = Text<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a string")
            }

            fn visit_borrowed_str<E>(self, text: &'de str) -> Result<Text<'de>, E> {
                Ok(Text(Cow::Borrowed(text)))
            }

            fn visit_str<E>(self, text: &str) -> Result<Text<'de>, E> {
                Ok(Text(Cow::Owned(text.to_owned())))
            }
        }
        json.deserialize_str(Words)
    }
}

/// The id that a record states, for people: of one that does not parse, or of its beginning.
pub(super) fn stated_id(record: &[u8], keys: &[&str]) -> String {
    let text = String::from_utf8_lossy(record.get(..record.len().min(SHOWN)).unwrap_or_default());
    let value = |key: &&str| {
        let (_, rest) = text.split_once(&format!("\"{key}\""))?;
        let rest = rest.trim_start().strip_prefix(':')?.trim_start();
        let (id, _) = rest.strip_prefix('"')?.split_once('"')?;
        (!id.is_empty() && id.len() <= 100).then(|| id.to_owned())
    };
    keys.iter()
        .find_map(value)
        .unwrap_or_else(|| "without an id".to_owned())
}

#[cfg(test)]
mod tests;
