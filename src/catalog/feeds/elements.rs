//! XML read element by element: what the feeds that read it share.
//!
//! Names are without their prefixes. Entities other than the predefined ones become a blank, and a document
//! type says nothing: nothing outside the document is ever read.

use super::FeedError;
use quick_xml::events::{BytesStart, Event};
use quick_xml::{Reader, XmlVersion};
use std::cell::Cell;
use std::io::{self, BufRead, Read};

/// The deepest that elements may nest. OVAL's criteria and the XHTML in VuXML reach a dozen.
const DEEPEST: usize = 64;

/// The longest text of one element that is kept. What matters here is names, versions and titles.
const MOST_TEXT: usize = 64 << 10;

/// The most bytes of one tag or text, which the parser holds in memory. Descriptions reach some hundred
/// kilobytes.
const MOST_BYTES: usize = 16 << 20;

/// Takes a document apart.
pub(super) trait Walk {
    /// An element begins inside others, of which the names are `path`.
    fn open(&mut self, path: &[String], start: &Element<'_>);

    /// An element ends. `path` ends with its name; `text` is the text in it that no element in it has.
    fn close(&mut self, path: &[String], text: &str);

    /// An entity that the document does not explain stands where text could.
    fn unexplained(&mut self, _name: &str) {}
}

/// The beginning of an element.
pub(super) struct Element<'a> {
    name: String,
    start: &'a BytesStart<'a>,
}

impl Element<'_> {
    /// The name without a prefix.
    pub(super) fn name(&self) -> &str {
        &self.name
    }

    /// The value of an attribute, without blanks around it; `None` where there is none or it does not read.
    pub(super) fn attribute(&self, name: &str) -> Option<String> {
        let found = self.start.try_get_attribute(name).ok()??;
        let value = found.normalized_value(XmlVersion::Implicit1_0).ok()?;
        Some(value.trim().to_owned())
    }
}

/// Reads a document to its end. It may have several outermost elements (a part of a larger one), and
/// must have one.
pub(super) fn each_element(
    feed: &'static str,
    doc: &mut dyn BufRead,
    walk: &mut dyn Walk,
) -> Result<(), FeedError> {
    let shape = |what: &str| FeedError::Shape {
        feed,
        what: what.to_owned(),
    };
    let left = Cell::new(MOST_BYTES);
    let mut reader = Reader::from_reader(Bounded { doc, left: &left });
    let mut buffer = Vec::new();
    let mut place = Place::default();
    loop {
        buffer.clear();
        left.set(MOST_BYTES);
        let event = reader.read_event_into(&mut buffer);
        let event = event.map_err(|source| FeedError::Xml {
            feed,
            at: reader.error_position(),
            source,
        })?;
        match event {
            Event::Start(_) if place.path.len() >= DEEPEST => {
                return Err(shape("its elements nest too deep"));
            }
            Event::Start(start) => place.open(&start, walk),
            Event::Empty(start) => {
                place.open(&start, walk);
                place.close(walk);
            }
            Event::End(_) => place.close(walk),
            Event::Text(text) => place.write(&text.xml10_content()),
            Event::CData(text) => place.write(&text.xml10_content()),
            Event::GeneralRef(name) => match (name.resolve_char_ref(), predefined(&name)) {
                (Ok(Some(char)), _) => place.write(char.encode_utf8(&mut [0; 4])),
                (_, Some(char)) => place.write(char),
                _ => {
                    place.write(" ");
                    walk.unexplained(&name);
                }
            },
            Event::DocType(_) | Event::Comment(_) | Event::Decl(_) | Event::PI(_) => {}
            Event::Eof if place.is_whole() => return Ok(()),
            Event::Eof => return Err(shape("it ends too early")),
        }
    }
}

/// A reader that fails where one tag or text has more bytes than any has.
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
            let what = format!("one element has more than {MOST_BYTES} bytes");
            return Err(io::Error::other(what));
        }
        self.doc.fill_buf()
    }

    fn consume(&mut self, amount: usize) {
        self.left.set(self.left.get().saturating_sub(amount));
        self.doc.consume(amount);
    }
}

fn predefined(name: &str) -> Option<&'static str> {
    match name {
        "amp" => Some("&"),
        "lt" => Some("<"),
        "gt" => Some(">"),
        "quot" => Some("\""),
        "apos" => Some("'"),
        _ => None,
    }
}

/// Where the reading stands.
#[derive(Default)]
struct Place {
    path: Vec<String>,
    /// The text of each element that is open.
    texts: Vec<String>,
    has_begun: bool,
}

impl Place {
    fn open(&mut self, start: &BytesStart<'_>, walk: &mut dyn Walk) {
        let name = start.local_name();
        let name = name.as_ref().to_owned();
        walk.open(
            &self.path,
            &Element {
                name: name.clone(),
                start,
            },
        );
        self.path.push(name);
        self.texts.push(String::new());
        self.has_begun = true;
    }

    fn write(&mut self, text: &str) {
        if let Some(open) = self.texts.last_mut()
            && open.len() + text.len() <= MOST_TEXT
        {
            open.push_str(text);
        }
    }

    fn close(&mut self, walk: &mut dyn Walk) {
        let text = self.texts.pop().unwrap_or_default();
        walk.close(&self.path, text.trim());
        self.path.pop();
    }

    fn is_whole(&self) -> bool {
        self.has_begun && self.path.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[derive(Default)]
    struct Log(Vec<String>);

    impl Walk for Log {
        fn open(&mut self, path: &[String], start: &Element<'_>) {
            let id = start.attribute("id").unwrap_or_default();
            self.0
                .push(format!("{}+{}{id}", path.join("/"), start.name()));
        }

        fn close(&mut self, path: &[String], text: &str) {
            self.0.push(format!("{}={text}", path.join("/")));
        }

        fn unexplained(&mut self, name: &str) {
            self.0.push(format!("&{name}"));
        }
    }

    fn log(doc: &str) -> Result<Vec<String>, FeedError> {
        let mut log = Log::default();
        each_element("test", &mut doc.as_bytes(), &mut log)?;
        Ok(log.0)
    }

    #[test]
    fn an_element_has_its_place_its_attributes_and_its_own_text() {
        let doc = "<?xml version='1.0'?><!DOCTYPE a [<!ENTITY x SYSTEM 'y'>]><p:a>1 &lt;<b id=' 7 '>2<![CDATA[ 3]]></b>&#52;</p:a>";
        let expected = ["+a", "a+b7", "a/b=2 3", "a=1 <4"];
        assert_eq!(log(doc).unwrap(), expected);
    }

    #[test]
    fn several_outermost_elements_are_a_document_and_none_is_not() {
        assert_eq!(log("<a/><b/>").unwrap().len(), 4);
        for doc in ["", "text", "<!-- <a/> -->", "<a>", "<a></b>"] {
            assert!(log(doc).is_err(), "{doc}");
        }
    }

    #[test]
    fn an_entity_that_is_not_explained_is_said() {
        assert_eq!(log("<a>&x;</a>").unwrap(), ["+a", "&x", "a="]);
    }

    #[test]
    fn what_nests_too_deep_is_refused() {
        let error = log(&"<a>".repeat(1000)).unwrap_err();
        assert!(error.to_string().ends_with("nest too deep"), "{error}");
    }

    #[test]
    fn a_text_without_end_fills_no_memory() {
        let error = log(&format!("<a>{}", "x".repeat(MOST_BYTES + (1 << 20)))).unwrap_err();
        let text = format!("{error:?}");
        assert!(text.contains("one element has more than"), "{text}");
    }

    proptest! {
        #[test]
        fn no_bytes_make_it_panic(doc in "(<|>|/|a|b|&|;|\\[|!|-|\"|=| |\\PC){0,80}") {
            let _ = log(&doc);
        }
    }
}
