//! Reading an answer: its XML as a small tree, with every name resolved to its namespace.
//!
//! Total and bounded: a document that is too deep, has too many elements or ends too early is an
//! error, as is a document type; no entity is known but the five of XML.

use super::names;
use quick_xml::XmlVersion;
use quick_xml::events::{BytesRef, BytesStart, Event};
use quick_xml::name::{Namespace, ResolveResult};
use quick_xml::reader::NsReader;

/// The deepest that elements may nest. Answers of Windows reach 12.
const DEPTH: usize = 32;
/// The most elements of one answer. A page of 75 KB holds some thousand.
const ELEMENTS: usize = 50_000;
/// The longest that the attributes of one element may be, in bytes.
const ATTRIBUTES: usize = 4_096;
/// The most namespaces that may be declared at one place.
const NAMESPACES: usize = 64;

/// Why a document is no answer.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum SoapError {
    /// It is not XML, or XML that we do not read.
    #[error("the answer is not the XML that we read: {0}")]
    Xml(String),
    /// It ends before it should.
    #[error("the answer ends in the midst of an element")]
    Truncated,
    /// It is larger than any answer has to be.
    #[error("the answer has too many or too deep elements")]
    TooLarge,
    /// It is XML, and says something else than was asked.
    #[error("the answer has no {0}")]
    Lacks(&'static str),
}

/// The namespaces that we tell apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Ns {
    Soap,
    Addressing,
    Wsman,
    WsmanMs,
    Enumeration,
    Transfer,
    Shell,
    Fault,
    WmiError,
    Identity,
    Cim,
    Xsi,
    /// Any other, such as that of a WMI class.
    Other,
    /// None at all.
    None,
}

/// An element.
#[derive(Clone, Debug)]
pub(super) struct Node {
    pub(super) ns: Ns,
    pub(super) name: String,
    attributes: Vec<(Ns, String, String)>,
    /// The text directly in it, its pieces joined.
    pub(super) text: String,
    pub(super) children: Vec<Self>,
}

impl Node {
    /// The first child of a name.
    pub(super) fn child(&self, ns: Ns, name: &str) -> Option<&Self> {
        self.children.iter().find(|child| child.is(ns, name))
    }

    /// The first element of a name, at any depth, this one included.
    pub(super) fn find(&self, ns: Ns, name: &str) -> Option<&Self> {
        if self.is(ns, name) {
            return Some(self);
        }
        self.children.iter().find_map(|child| child.find(ns, name))
    }

    /// The value of an attribute without a prefix.
    pub(super) fn attribute(&self, name: &str) -> Option<&str> {
        self.attribute_of(Ns::None, name)
    }

    /// Whether it says of itself that it is null (`xsi:nil`).
    pub(super) fn is_nil(&self) -> bool {
        matches!(self.attribute_of(Ns::Xsi, "nil"), Some("true" | "1"))
    }

    pub(super) fn is(&self, ns: Ns, name: &str) -> bool {
        self.ns == ns && self.name == name
    }

    fn attribute_of(&self, ns: Ns, name: &str) -> Option<&str> {
        let mut all = self.attributes.iter();
        let found = all.find(|attribute| attribute.0 == ns && attribute.1 == name)?;
        Some(&found.2)
    }
}

/// An answer: what is in its header, and its body.
#[derive(Clone, Debug)]
pub(super) struct Answer {
    /// The message that it answers (`a:RelatesTo`), where it says so.
    pub(super) relates_to: Option<String>,
    /// `s:Body`.
    pub(super) body: Node,
}

impl Answer {
    /// Reads one. Bytes that are not UTF-8 read as U+FFFD.
    pub(super) fn read(bytes: &[u8]) -> Result<Self, SoapError> {
        let text = String::from_utf8_lossy(bytes);
        let root = tree(text.trim_start_matches('\u{feff}'))?;
        if !root.is(Ns::Soap, "Envelope") {
            return Err(SoapError::Lacks("SOAP envelope"));
        }
        let header = root.child(Ns::Soap, "Header");
        let relates_to = header.and_then(|header| header.child(Ns::Addressing, "RelatesTo"));
        let relates_to = relates_to.map(|node| node.text.trim().to_owned());
        let mut children = root.children.into_iter();
        let body = children
            .find(|child| child.is(Ns::Soap, "Body"))
            .ok_or(SoapError::Lacks("SOAP body"))?;
        Ok(Self { relates_to, body })
    }
}

/// Reads a document of one element.
pub(super) fn tree(text: &str) -> Result<Node, SoapError> {
    let mut reader = NsReader::from_str(text);
    let resolver = reader.resolver_mut();
    resolver.set_max_namespace_bindings(NAMESPACES);
    let mut forest = Forest::default();
    loop {
        match reader.read_event().map_err(xml)? {
            Event::Start(start) => {
                let node = open(&reader, &start)?;
                forest.push(node)?;
            }
            Event::Empty(start) => {
                let node = open(&reader, &start)?;
                forest.push(node)?;
                forest.pop()?;
            }
            Event::End(_) => forest.pop()?,
            Event::Text(text) => forest.text(&text.xml10_content()),
            Event::CData(text) => forest.text(&text.xml10_content()),
            Event::GeneralRef(reference) => {
                let char = character(&reference)?;
                forest.text(char.encode_utf8(&mut [0; 4]));
            }
            Event::DocType(_) => return Err(SoapError::Xml("a document type".to_owned())),
            Event::Comment(_) | Event::Decl(_) | Event::PI(_) => {}
            Event::Eof => return forest.finish(),
        }
    }
}

/// The elements that are open, outermost first, and the root once it is closed.
#[derive(Default)]
struct Forest {
    open: Vec<Node>,
    root: Option<Node>,
    count: usize,
}

impl Forest {
    fn push(&mut self, node: Node) -> Result<(), SoapError> {
        self.count += 1;
        if self.open.len() >= DEPTH || self.count > ELEMENTS {
            return Err(SoapError::TooLarge);
        }
        if self.root.is_some() {
            return Err(SoapError::Xml("a second root".to_owned()));
        }
        self.open.push(node);
        Ok(())
    }

    fn pop(&mut self) -> Result<(), SoapError> {
        let unmatched = || SoapError::Xml("an end without a beginning".to_owned());
        let node = self.open.pop().ok_or_else(unmatched)?;
        match self.open.last_mut() {
            Some(parent) => parent.children.push(node),
            None => self.root = Some(node),
        }
        Ok(())
    }

    fn text(&mut self, text: &str) {
        if let Some(node) = self.open.last_mut() {
            node.text.push_str(text);
        }
    }

    fn finish(self) -> Result<Node, SoapError> {
        if !self.open.is_empty() {
            return Err(SoapError::Truncated);
        }
        self.root.ok_or(SoapError::Truncated)
    }
}

fn open(reader: &NsReader<&[u8]>, start: &BytesStart<'_>) -> Result<Node, SoapError> {
    if start.attributes_raw().len() > ATTRIBUTES {
        return Err(SoapError::TooLarge);
    }
    let resolver = reader.resolver();
    let (ns, local) = resolver.resolve_element(start.name());
    let mut attributes = Vec::new();
    for attribute in start.attributes().with_checks(false) {
        let attribute = attribute.map_err(xml)?;
        if attribute.key.as_namespace_binding().is_some() {
            continue;
        }
        let (ns, local) = resolver.resolve_attribute(attribute.key);
        let value = attribute.normalized_value(XmlVersion::Implicit1_0);
        let value = value.map_err(xml)?.into_owned();
        attributes.push((known(&ns)?, local.as_ref().to_owned(), value));
    }
    Ok(Node {
        ns: known(&ns)?,
        name: local.as_ref().to_owned(),
        attributes,
        text: String::new(),
        children: Vec::new(),
    })
}

fn known(ns: &ResolveResult<'_>) -> Result<Ns, SoapError> {
    let uri = match ns {
        ResolveResult::Unbound => return Ok(Ns::None),
        ResolveResult::Unknown(_) => {
            return Err(SoapError::Xml("a prefix without a namespace".to_owned()));
        }
        ResolveResult::Bound(Namespace(uri)) => *uri,
    };
    Ok(match uri {
        names::SOAP => Ns::Soap,
        names::ADDRESSING => Ns::Addressing,
        names::WSMAN => Ns::Wsman,
        names::WSMAN_MS => Ns::WsmanMs,
        names::ENUMERATION => Ns::Enumeration,
        names::TRANSFER => Ns::Transfer,
        names::SHELL => Ns::Shell,
        names::FAULT => Ns::Fault,
        names::WMI_ERROR => Ns::WmiError,
        names::IDENTITY => Ns::Identity,
        names::CIM => Ns::Cim,
        names::XSI => Ns::Xsi,
        _ => Ns::Other,
    })
}

/// One of the five entities of XML, or a character by its number.
fn character(reference: &BytesRef<'_>) -> Result<char, SoapError> {
    if let Some(char) = reference.resolve_char_ref().map_err(xml)? {
        return Ok(char);
    }
    match reference.as_ref() {
        "lt" => Ok('<'),
        "gt" => Ok('>'),
        "amp" => Ok('&'),
        "quot" => Ok('"'),
        "apos" => Ok('\''),
        _ => Err(SoapError::Xml(
            "an entity that XML does not know".to_owned(),
        )),
    }
}

/// The parser's words, which may quote the document, cut short.
fn xml(error: impl std::fmt::Display) -> SoapError {
    let line = error.to_string().replace(char::is_control, " ");
    SoapError::Xml(line.chars().take(120).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const ENVELOPE: &str = r#"<?xml version="1.0"?><s:Envelope xmlns:s="http://www.w3.org/2003/05/soap-envelope" xmlns:a="http://schemas.xmlsoap.org/ws/2004/08/addressing"><s:Header><a:RelatesTo>uuid:1</a:RelatesTo></s:Header><s:Body>BODY</s:Body></s:Envelope>"#;

    fn read(body: &str) -> Result<Answer, SoapError> {
        Answer::read(ENVELOPE.replace("BODY", body).as_bytes())
    }

    #[test]
    fn names_are_told_by_their_namespace_and_not_by_their_prefix() {
        let body = r#"<x:Stream xmlns:x="http://schemas.microsoft.com/wbem/wsman/1/windows/shell" Name="stdout">YQ==</x:Stream><Stream xmlns="urn:other">Yg==</Stream>"#;
        let answer = read(body).unwrap();
        assert_eq!(answer.relates_to.as_deref(), Some("uuid:1"));
        let stream = answer.body.child(Ns::Shell, "Stream").unwrap();
        assert_eq!(stream.text, "YQ==");
        assert_eq!(stream.attribute("Name"), Some("stdout"));
        assert_eq!(answer.body.find(Ns::Other, "Stream").unwrap().text, "Yg==");
    }

    #[test]
    fn text_is_joined_whatever_it_is_written_as() {
        let answer = read("<v>a&amp;&#x62;<![CDATA[<c>]]><!-- no -->d&quot;</v>").unwrap();
        let node = answer.body.child(Ns::None, "v").unwrap();
        assert_eq!(node.text, "a&b<c>d\"");
    }

    #[test]
    fn an_answer_that_was_cut_short_is_an_error_wherever_the_cut_is() {
        let whole = ENVELOPE.replace("BODY", "<v a='1'>text &amp; more</v>");
        assert!(Answer::read(whole.as_bytes()).is_ok());
        for length in 0..whole.len() {
            assert!(
                Answer::read(&whole.as_bytes()[..length]).is_err(),
                "{length}"
            );
        }
    }

    #[test]
    fn entities_and_document_types_are_refused() {
        assert!(read("<v>&who;</v>").is_err());
        assert!(read("<v a='&who;'/>").is_err());
        let with_type = format!(
            "<!DOCTYPE x [<!ENTITY who 'me'>]>{}",
            ENVELOPE.replace("BODY", "")
        );
        assert!(Answer::read(with_type.as_bytes()).is_err());
    }

    #[test]
    fn a_bomb_is_refused_and_not_built() {
        let deep = format!("{}{}", "<v>".repeat(500), "</v>".repeat(500));
        assert_eq!(read(&deep).unwrap_err(), SoapError::TooLarge);
        assert_eq!(
            read(&"<v/>".repeat(60_000)).unwrap_err(),
            SoapError::TooLarge
        );
        let wide = format!("<v {}/>", "a='1' ".repeat(5_000));
        assert_eq!(read(&wide).unwrap_err(), SoapError::TooLarge);
        let names: Vec<String> = (0..200).map(|n| format!("xmlns:n{n}='u'")).collect();
        let names = names.join(" ");
        assert!(read(&format!("<v {names}/>")).is_err());
    }

    #[test]
    fn a_second_root_and_a_stranger_are_refused() {
        let twice = ENVELOPE.replace("BODY", "") + "<more/>";
        assert!(Answer::read(twice.as_bytes()).is_err());
        assert!(Answer::read(b"<html><body>Not Found</body></html>").is_err());
        assert!(read("<p:v/>").is_err());
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_without_a_panic(bytes in prop::collection::vec(any::<u8>(), 0..400)) {
            let _ = Answer::read(&bytes);
        }

        #[test]
        fn any_pieces_of_xml_are_read_without_a_panic(pieces in prop::collection::vec(0..12_usize, 0..40)) {
            let words = ["<v>", "</v>", "<s:Body>", "&", "amp;", "#x", "<![CDATA[", "]]>", "<!--", "a='", "'", "<v xmlns:q='u' "];
            let body: String = pieces.iter().map(|piece| words[*piece]).collect();
            let _ = read(&body);
        }
    }
}
