//! The document as XML, read element by element.

use super::flaw::{RawFix, RawFlaw, Taker, Tracking};
use super::{FeedError, MSRC_CVRF, shape};
use quick_xml::events::{BytesStart, Event};
use quick_xml::{Reader, XmlVersion};
use std::io::BufRead;

/// The deepest that elements may nest. Microsoft's reach 7.
const DEEPEST: usize = 32;

/// Reads a document.
pub(super) fn read(doc: &mut dyn BufRead, taker: &mut Taker<'_>) -> Result<(), FeedError> {
    let mut reader = Reader::from_reader(doc);
    let mut buffer = Vec::new();
    let mut walk = Walk {
        taker,
        path: Vec::new(),
        text: None,
        tracking: Tracking::default(),
        product: String::new(),
        flaw: RawFlaw::default(),
        fix: None,
        ids: Vec::new(),
        word: None,
        is_wanted: false,
        is_impact: false,
    };
    let mut is_closed = false;
    loop {
        buffer.clear();
        let event = match reader.read_event_into(&mut buffer) {
            Ok(event) => event,
            Err(source) => {
                return Err(FeedError::Xml {
                    feed: MSRC_CVRF,
                    at: reader.error_position(),
                    source,
                });
            }
        };
        match event {
            Event::Start(tag) => walk.open(&tag)?,
            Event::Empty(tag) => {
                walk.open(&tag)?;
                walk.close()?;
            }
            Event::End(_) => {
                walk.close()?;
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

/// The elements that matter, by their names without a prefix.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Tag {
    Other,
    Identification,
    DocumentTracking,
    FullProductName,
    Vulnerability,
    Status,
    Threat,
    ScoreSet,
    Remediation,
    Revision,
    Weakness,
    // Those whose text matters:
    Id,
    Alias,
    InitialReleaseDate,
    CurrentReleaseDate,
    Title,
    Cve,
    ProductId,
    BaseScore,
    Description,
    Url,
    Supercedence,
    RestartRequired,
    SubType,
    FixedBuild,
    Date,
}

const TAGS: &[(&str, Tag)] = &[
    ("ProductID", Tag::ProductId),
    ("Threat", Tag::Threat),
    ("Description", Tag::Description),
    ("ScoreSet", Tag::ScoreSet),
    ("BaseScore", Tag::BaseScore),
    ("Remediation", Tag::Remediation),
    ("URL", Tag::Url),
    ("Supercedence", Tag::Supercedence),
    ("RestartRequired", Tag::RestartRequired),
    ("SubType", Tag::SubType),
    ("FixedBuild", Tag::FixedBuild),
    ("FullProductName", Tag::FullProductName),
    ("Revision", Tag::Revision),
    ("Date", Tag::Date),
    ("Vulnerability", Tag::Vulnerability),
    ("Title", Tag::Title),
    ("CVE", Tag::Cve),
    ("CWE", Tag::Weakness),
    ("Status", Tag::Status),
    ("DocumentTracking", Tag::DocumentTracking),
    ("Identification", Tag::Identification),
    ("ID", Tag::Id),
    ("Alias", Tag::Alias),
    ("InitialReleaseDate", Tag::InitialReleaseDate),
    ("CurrentReleaseDate", Tag::CurrentReleaseDate),
];

/// Where the reading stands.
struct Walk<'t, 'a> {
    taker: &'t mut Taker<'a>,
    path: Vec<Tag>,
    /// The text of the element that is open, where it matters.
    text: Option<String>,
    tracking: Tracking,
    /// The id of the product that is open.
    product: String,
    flaw: RawFlaw,
    /// The fix that is open.
    fix: Option<RawFix>,
    /// The products of the status, threat or score that is open.
    ids: Vec<String>,
    /// Its severity or score.
    word: Option<String>,
    /// Whether it says anything that matters here.
    is_wanted: bool,
    /// Whether the threat that is open is an impact, not a severity.
    is_impact: bool,
}

impl Walk<'_, '_> {
    fn open(&mut self, start: &BytesStart<'_>) -> Result<(), FeedError> {
        let name = start.local_name();
        let found = TAGS.iter().find(|(known, _)| *known == name.as_ref());
        let tag = found.map_or(Tag::Other, |(_, tag)| *tag);
        if self.path.len() >= DEEPEST {
            return Err(shape("its elements nest too deep"));
        }
        self.path.push(tag);
        self.text = None;
        match tag {
            Tag::Other | Tag::Identification | Tag::DocumentTracking | Tag::Revision => {}
            Tag::Vulnerability => self.flaw = RawFlaw::default(),
            Tag::Status | Tag::ScoreSet | Tag::Threat => {
                self.ids.clear();
                self.word = None;
                self.is_wanted = match (tag, attribute(start, "Type")) {
                    (Tag::Status, kind) => kind.is_some_and(|kind| is_affected(&kind)),
                    (Tag::Threat, kind) => {
                        self.is_impact = kind.as_deref() == Some("Impact");
                        self.is_impact || kind.as_deref() == Some("Severity")
                    }
                    _ => true,
                };
            }
            Tag::Remediation => {
                let is_fix = attribute(start, "Type").as_deref() == Some("Vendor Fix");
                self.fix = is_fix.then(RawFix::default);
            }
            Tag::Weakness => self.flaw.cwes.extend(attribute(start, "ID")),
            Tag::FullProductName => {
                self.product = attribute(start, "ProductID").unwrap_or_default();
                self.text = Some(String::new());
            }
            _ => self.text = Some(String::new()),
        }
        Ok(())
    }

    fn write(&mut self, text: &str) {
        if let Some(open) = &mut self.text {
            open.push_str(text);
        }
    }

    fn close(&mut self) -> Result<(), FeedError> {
        let tag = self.path.pop().unwrap_or(Tag::Other);
        let parent = self.path.last().copied().unwrap_or(Tag::Other);
        if let Some(text) = self.text.take() {
            self.field(tag, parent, text);
            return Ok(());
        }
        match tag {
            Tag::DocumentTracking => self.taker.tracking(&self.tracking).map_err(shape)?,
            Tag::Status | Tag::Threat | Tag::ScoreSet if self.is_wanted => {
                let ids = std::mem::take(&mut self.ids);
                let word = self.word.take().map(|word| (word, ids.clone()));
                match tag {
                    Tag::Status => self.flaw.affected.extend(ids),
                    Tag::Threat if self.is_impact => self.flaw.impacts.extend(word),
                    Tag::Threat => self.flaw.severities.extend(word),
                    _ => self.flaw.scores.extend(word),
                }
            }
            Tag::Remediation => self.flaw.fixes.extend(self.fix.take()),
            Tag::Vulnerability => {
                let flaw = std::mem::take(&mut self.flaw);
                self.taker.flaw(&flaw).map_err(shape)?;
            }
            _ => {}
        }
        Ok(())
    }

    /// Takes the text of an element.
    fn field(&mut self, tag: Tag, parent: Tag, text: String) {
        match (parent, tag) {
            (Tag::Identification, Tag::Id) => self.tracking.id = text,
            (Tag::Identification, Tag::Alias) => self.tracking.alias = text,
            (Tag::DocumentTracking, Tag::InitialReleaseDate) => self.tracking.released = text,
            (Tag::DocumentTracking, Tag::CurrentReleaseDate) => self.tracking.revised = text,
            (_, Tag::FullProductName) => {
                let id = std::mem::take(&mut self.product);
                self.taker.product(id, &text);
            }
            (Tag::Vulnerability, Tag::Title) => self.flaw.title = text,
            (Tag::Vulnerability, Tag::Cve) => self.flaw.cve = text,
            (Tag::Revision, Tag::Date) => self.flaw.revisions.push(text),
            (Tag::Threat, Tag::Description) | (Tag::ScoreSet, Tag::BaseScore) => {
                self.word = Some(text);
            }
            (Tag::Status | Tag::Threat | Tag::ScoreSet, Tag::ProductId) => self.ids.push(text),
            (Tag::Remediation, _) => {
                if let Some(fix) = &mut self.fix {
                    fix_field(fix, tag, text);
                }
            }
            _ => {}
        }
    }
}

fn fix_field(fix: &mut RawFix, tag: Tag, text: String) {
    match tag {
        Tag::Description => fix.description = text,
        Tag::Url => fix.url = text,
        Tag::Supercedence => fix.supercedence = text,
        Tag::RestartRequired => fix.restart = text,
        Tag::SubType => fix.sub_type = text,
        Tag::FixedBuild => fix.fixed_build = text,
        Tag::ProductId => fix.products.push(text),
        _ => {}
    }
}

fn is_affected(status: &str) -> bool {
    ["Known Affected", "First Affected", "Last Affected"].contains(&status)
}

fn attribute(start: &BytesStart<'_>, name: &str) -> Option<String> {
    let found = start.try_get_attribute(name).ok()??;
    let value = found.normalized_value(XmlVersion::Implicit1_0).ok()?;
    Some(value.trim().to_owned())
}
