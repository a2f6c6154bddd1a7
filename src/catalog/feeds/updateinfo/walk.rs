//! The document as XML, read element by element: one update is in memory at a time.

use super::update::{Build, Reference, Update};
use crate::catalog::feeds::FeedError;
use quick_xml::events::{BytesStart, Event};
use quick_xml::{Reader, XmlVersion};
use std::cell::Cell;
use std::io::{self, BufRead, Read};

/// The deepest that elements may nest: theirs reach 6.
const DEEPEST: usize = 32;
/// The most bytes of one element's tag or text. A description has some kilobytes.
const MOST_TEXT: usize = 8 << 20;
/// The most builds of one update. A kernel for all architectures has some thousand.
const MOST_BUILDS: usize = 200_000;

/// Hands out each update of a document.
pub(super) fn each_update(
    feed: &'static str,
    doc: &mut dyn BufRead,
    each: &mut dyn FnMut(Update),
) -> Result<(), FeedError> {
    let left = Cell::new(MOST_TEXT);
    let mut reader = Reader::from_reader(Bounded { doc, left: &left });
    let mut buffer = Vec::new();
    let mut walk = Walk {
        each,
        path: Vec::new(),
        text: None,
        update: Update::default(),
        collection: String::new(),
        module: None,
    };
    let mut is_closed = false;
    let shape = |what: &str| FeedError::Shape {
        feed,
        what: what.to_owned(),
    };
    loop {
        buffer.clear();
        left.set(MOST_TEXT);
        let event = reader.read_event_into(&mut buffer);
        let event = event.map_err(|source| FeedError::Xml {
            feed,
            at: reader.error_position(),
            source,
        })?;
        match event {
            Event::Start(tag) => walk.open(&tag),
            Event::Empty(tag) => {
                walk.open(&tag);
                walk.close();
            }
            Event::End(_) => {
                walk.close();
                is_closed |= walk.path.is_empty();
            }
            Event::Text(text) => walk.write(&text.xml10_content()),
            Event::CData(text) => walk.write(&text.xml10_content()),
            Event::GeneralRef(name) => match name.resolve_char_ref() {
                Ok(Some(char)) => walk.write(char.encode_utf8(&mut [0; 4])),
                _ => walk.write(entity(&name)),
            },
            Event::DocType(_) => return Err(shape("it has a document type")),
            Event::Comment(_) | Event::Decl(_) | Event::PI(_) => {}
            Event::Eof if is_closed && walk.path.is_empty() => return Ok(()),
            Event::Eof => return Err(shape("it ends too early")),
        }
        if walk.path.len() > DEEPEST {
            return Err(shape("its elements nest too deep"));
        }
    }
}

/// The predefined entities; nothing else is worth a character.
fn entity(name: &str) -> &'static str {
    match name {
        "amp" => "&",
        "lt" => "<",
        "gt" => ">",
        "quot" => "\"",
        "apos" => "'",
        _ => " ",
    }
}

/// A reader that fails where one element has more bytes than any has: the parser keeps a whole one.
struct Bounded<'a> {
    doc: &'a mut dyn BufRead,
    left: &'a Cell<usize>,
}

impl Read for Bounded<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.doc.read(buffer)
    }
}

impl BufRead for Bounded<'_> {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        if self.left.get() == 0 {
            let what = format!("one element has more than {MOST_TEXT} bytes");
            return Err(io::Error::other(what));
        }
        self.doc.fill_buf()
    }

    fn consume(&mut self, amount: usize) {
        self.left.set(self.left.get().saturating_sub(amount));
        self.doc.consume(amount);
    }
}

/// The elements that matter.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Tag {
    Other,
    Update,
    Issued,
    Updated,
    Reference,
    Collection,
    Module,
    Package,
    // Those whose text matters:
    Id,
    Title,
    Release,
    Severity,
    Name,
}

const TAGS: &[(&str, Tag)] = &[
    ("package", Tag::Package),
    ("reference", Tag::Reference),
    ("update", Tag::Update),
    ("issued", Tag::Issued),
    ("updated", Tag::Updated),
    ("collection", Tag::Collection),
    ("module", Tag::Module),
    ("id", Tag::Id),
    ("title", Tag::Title),
    ("release", Tag::Release),
    ("severity", Tag::Severity),
    ("name", Tag::Name),
];

/// Where the reading stands.
struct Walk<'a> {
    each: &'a mut dyn FnMut(Update),
    path: Vec<Tag>,
    /// The text of the element that is open, where it matters.
    text: Option<String>,
    update: Update,
    /// The short name of the collection that is open.
    collection: String,
    /// Its module.
    module: Option<String>,
}

impl Walk<'_> {
    fn open(&mut self, start: &BytesStart<'_>) {
        let name = start.local_name();
        let found = TAGS.iter().find(|(known, _)| *known == name.as_ref());
        let tag = found.map_or(Tag::Other, |(_, tag)| *tag);
        let parent = self.path.last().copied();
        self.path.push(tag);
        self.text = None;
        let value = |name| attribute(start, name);
        match tag {
            Tag::Update => {
                self.update = Update {
                    kind: value("type").unwrap_or_default(),
                    ..Update::default()
                };
            }
            Tag::Issued => self.update.issued = value("date").unwrap_or_default(),
            Tag::Updated => self.update.updated = value("date").unwrap_or_default(),
            Tag::Reference => self.update.references.push(Reference {
                id: value("id").unwrap_or_default(),
                title: value("title").unwrap_or_default(),
                address: value("href").unwrap_or_default(),
            }),
            Tag::Collection => {
                self.collection = value("short").unwrap_or_default();
                self.module = None;
                self.update.collections.push(self.collection.clone());
            }
            Tag::Module => {
                let stream = value("name").zip(value("stream"));
                self.module = stream.map(|(name, stream)| format!("{name}:{stream}"));
            }
            Tag::Package => self.package(start),
            Tag::Id | Tag::Title | Tag::Release | Tag::Severity if parent == Some(Tag::Update) => {
                self.text = Some(String::new());
            }
            Tag::Name if parent == Some(Tag::Collection) => self.text = Some(String::new()),
            _ => {}
        }
    }

    fn package(&mut self, start: &BytesStart<'_>) {
        if self.update.builds.len() >= MOST_BUILDS {
            self.update.has_too_many = true;
            return;
        }
        let mut build = Build {
            collection: self.collection.clone(),
            module: self.module.clone(),
            ..Build::default()
        };
        for found in start.attributes().flatten() {
            let field = match found.key.as_ref() {
                "name" => &mut build.name,
                "epoch" => &mut build.epoch,
                "version" => &mut build.version,
                "release" => &mut build.release,
                "arch" => &mut build.arch,
                _ => continue,
            };
            if let Ok(value) = found.normalized_value(XmlVersion::Implicit1_0) {
                value.trim().clone_into(field);
            }
        }
        self.update.builds.push(build);
    }

    fn write(&mut self, text: &str) {
        if let Some(open) = &mut self.text {
            open.push_str(text);
        }
    }

    fn close(&mut self) {
        let tag = self.path.pop().unwrap_or(Tag::Other);
        if let Some(text) = self.text.take() {
            let text = text.trim().to_owned();
            match tag {
                Tag::Id => self.update.id = text,
                Tag::Title => self.update.title = text,
                Tag::Release => self.update.release = text,
                Tag::Severity => self.update.severity = text,
                Tag::Name => self.update.collections.push(text),
                _ => {}
            }
        } else if tag == Tag::Update {
            (self.each)(std::mem::take(&mut self.update));
        }
    }
}

fn attribute(start: &BytesStart<'_>, name: &str) -> Option<String> {
    let found = start.try_get_attribute(name).ok()??;
    let value = found.normalized_value(XmlVersion::Implicit1_0).ok()?;
    Some(value.trim().to_owned())
}
