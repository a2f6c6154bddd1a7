//! A small tree of XML elements, with their namespaces resolved.

use quick_xml::events::{BytesStart, Event};
use quick_xml::name::ResolveResult;
use quick_xml::reader::NsReader;

const DEPTH: usize = 40;

/// An element.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Element {
    /// The namespace that its prefix stands for.
    pub(super) space: String,
    /// Its local name.
    pub(super) name: String,
    /// (local name, value); attributes of any namespace.
    attributes: Vec<(String, String)>,
    pub(super) children: Vec<Self>,
    /// The text directly inside it.
    pub(super) text: String,
}

impl Element {
    /// Reads a document; `None` for what is not well-formed, nests too deeply or brings a DTD.
    pub(super) fn parse(bytes: &[u8]) -> Option<Self> {
        let text = std::str::from_utf8(bytes).ok()?;
        let text = text.strip_prefix('\u{feff}').unwrap_or(text);
        let mut reader = NsReader::from_str(text);
        let mut open = vec![Self::default()];
        loop {
            match reader.read_event().ok()? {
                Event::Start(start) => {
                    if open.len() > DEPTH {
                        return None;
                    }
                    open.push(Self::start(&reader, &start)?);
                }
                Event::Empty(start) => {
                    let element = Self::start(&reader, &start)?;
                    open.last_mut()?.children.push(element);
                }
                Event::End(_) => {
                    let element = open.pop()?;
                    open.last_mut()?.children.push(element);
                }
                Event::Text(text) => open.last_mut()?.text.push_str(&text.xml10_content()),
                Event::CData(text) => open.last_mut()?.text.push_str(&text.xml10_content()),
                Event::GeneralRef(reference) => {
                    let char = match reference.resolve_char_ref().ok()? {
                        Some(char) => char,
                        None => named(&reference.xml10_content())?,
                    };
                    open.last_mut()?.text.push(char);
                }
                Event::DocType(_) => return None,
                Event::Eof => break,
                Event::Decl(_) | Event::PI(_) | Event::Comment(_) => {}
            }
        }
        let mut document = open.pop().filter(|_| open.is_empty())?;
        let root = document.children.pop()?;
        (document.children.is_empty() && document.text.trim().is_empty()).then_some(root)
    }

    fn start(reader: &NsReader<&[u8]>, start: &BytesStart<'_>) -> Option<Self> {
        let (space, name) = reader.resolver().resolve_element(start.name());
        let space = match space {
            ResolveResult::Bound(space) => space.into_inner().to_owned(),
            ResolveResult::Unbound => String::new(),
            ResolveResult::Unknown(_) => return None,
        };
        let mut attributes = Vec::new();
        for attribute in start.attributes() {
            let attribute = attribute.ok()?;
            let name = attribute.key.local_name().into_inner().to_owned();
            let value = quick_xml::escape::unescape(&attribute.value)
                .ok()?
                .into_owned();
            attributes.push((name, value));
        }
        Some(Self {
            space,
            name: name.into_inner().to_owned(),
            attributes,
            ..Self::default()
        })
    }

    /// Whether it has this name.
    pub(super) fn is(&self, space: &str, name: &str) -> bool {
        self.space == space && self.name == name
    }

    /// The first child of this name.
    pub(super) fn child(&self, space: &str, name: &str) -> Option<&Self> {
        self.children.iter().find(|child| child.is(space, name))
    }

    /// The text of the first child of this name, trimmed.
    pub(super) fn child_text(&self, space: &str, name: &str) -> Option<&str> {
        self.child(space, name).map(|child| child.text.trim())
    }

    /// An attribute's value, by its local name.
    pub(super) fn attribute(&self, name: &str) -> Option<&str> {
        let found = self.attributes.iter().find(|(known, _)| known == name);
        found.map(|(_, value)| value.as_str())
    }
}

fn named(name: &str) -> Option<char> {
    Some(match name {
        "lt" => '<',
        "gt" => '>',
        "amp" => '&',
        "quot" => '"',
        "apos" => '\'',
        _ => return None,
    })
}

/// Text as it stands inside an element or an attribute. What XML 1.0 cannot carry is left out.
pub(super) fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for char in text.chars() {
        match char {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\r' => out.push_str("&#13;"),
            '\t' | '\n' => out.push(char),
            '\0'..='\u{1f}' | '\u{fffe}' | '\u{ffff}' => {}
            other => out.push(other),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn elements_are_told_by_namespace_and_not_by_prefix() {
        let text = "<?xml version=\"1.0\"?><a:r xmlns:a=\"urn:x\" xmlns=\"urn:y\"><b n:k=\"1 &amp; 2\" \
                    xmlns:n=\"urn:z\">R &amp; D &#228;<![CDATA[<]]></b></a:r>";
        let root = Element::parse(text.as_bytes()).unwrap();
        assert!(root.is("urn:x", "r"));
        let child = root.child("urn:y", "b").unwrap();
        assert_eq!(
            (child.text.as_str(), child.attribute("k")),
            ("R & D ä<", Some("1 & 2"))
        );
    }

    #[test]
    fn a_dtd_a_cut_document_and_an_unbound_prefix_are_refused() {
        let bad = [
            "<!DOCTYPE a><a/>",
            "<a><b></b>",
            "<x:a/>",
            "<a/><b/>",
            "",
            "<a>&b;</a>",
        ];
        for text in bad {
            assert_eq!(Element::parse(text.as_bytes()), None, "{text}");
        }
    }

    proptest! {
        #[test]
        fn any_text_comes_back_from_an_element(text in "[^\u{0}-\u{1f}]{0,40}") {
            let document = format!("<a>{}</a>", escape(&text));
            prop_assert_eq!(Element::parse(document.as_bytes()).unwrap().text, text);
        }

        #[test]
        fn any_bytes_are_read_without_a_panic(bytes in prop::collection::vec(any::<u8>(), 0..99)) {
            Element::parse(&bytes);
        }
    }
}
