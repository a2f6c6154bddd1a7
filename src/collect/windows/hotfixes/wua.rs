//! What the Windows Update client wrote into the event log, as `wevtutil … /f:xml` prints it.
//!
//! One `<Event>` after the other, without a root. Of provider `Microsoft-Windows-WindowsUpdateClient`:
//! 19 an installation succeeded, 20 one failed, 23 an update was taken out, 24 that failed: the
//! provider's own manifest (`wevtutil gp Microsoft-Windows-WindowsUpdateClient /ge /gm`).

use super::super::text::{LONG, NAME, clip};
use crate::model::{KbId, UpdateEvent, UpdateOutcome, UtcTime};
use quick_xml::events::{BytesStart, Event as Xml};
use quick_xml::{Reader, XmlVersion};

/// More events than are asked for.
const MOST_EVENTS: usize = 5_000;

/// An event about an update.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Event {
    id: u32,
    /// When.
    pub(super) time: UtcTime,
    /// What the update is called.
    pub(super) title: String,
    /// The code with which it failed.
    code: String,
}

impl Event {
    /// The event as inventories keep it.
    pub(super) fn kept(self) -> Option<UpdateEvent> {
        let outcome = match self.id {
            19 => UpdateOutcome::Installed,
            20 => UpdateOutcome::InstallFailed,
            23 => UpdateOutcome::Removed,
            24 => UpdateOutcome::RemoveFailed,
            _ => return None,
        };
        let failed = matches!(
            outcome,
            UpdateOutcome::InstallFailed | UpdateOutcome::RemoveFailed
        );
        Some(UpdateEvent {
            at: self.time,
            kb: KbId::find(&self.title).map(|kb| kb.to_string()),
            title: clip(&self.title, LONG),
            outcome,
            code: Some(clip(self.code.trim(), NAME)).filter(|code| failed && !code.is_empty()),
        })
    }

    /// Whether the update was put in, or taken out; `None` where that failed.
    pub(super) fn is_in(&self) -> Option<bool> {
        match self.id {
            19 => Some(true),
            23 => Some(false),
            _ => None,
        }
    }
}

/// Reads an answer. Total: what is not XML ends the list.
pub(super) fn events(text: &str) -> Vec<Event> {
    let mut reader = Reader::from_str(text);
    let mut events = Vec::new();
    let mut draft = Draft::default();
    while let Ok(xml) = reader.read_event() {
        if events.len() >= MOST_EVENTS {
            break;
        }
        match xml {
            Xml::Start(tag) if tag.local_name().as_ref() == "Event" => draft = Draft::default(),
            Xml::Start(tag) => draft.open(&tag),
            Xml::Empty(tag) => draft.time(&tag),
            Xml::Text(text) => draft.write(&text.xml10_content()),
            Xml::CData(text) => draft.write(&text),
            Xml::GeneralRef(name) => draft.write(entity(&name)),
            Xml::End(tag) if tag.local_name().as_ref() == "Event" => {
                events.extend(std::mem::take(&mut draft).done());
            }
            Xml::End(_) => draft.field = Field::Other,
            Xml::Eof => break,
            _ => {}
        }
    }
    events
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

#[derive(Default)]
struct Draft {
    field: Field,
    id: String,
    title: String,
    code: String,
    time: Option<UtcTime>,
}

/// Which element the text belongs to.
#[derive(Clone, Copy, Default)]
enum Field {
    Id,
    Title,
    Code,
    #[default]
    Other,
}

impl Draft {
    fn open(&mut self, tag: &BytesStart<'_>) {
        self.time(tag);
        self.field = match tag.local_name().as_ref() {
            "EventID" => Field::Id,
            "Data" => match attribute(tag, "Name").as_deref() {
                Some("updateTitle") => Field::Title,
                Some("errorCode") => Field::Code,
                _ => Field::Other,
            },
            _ => Field::Other,
        };
    }

    fn time(&mut self, tag: &BytesStart<'_>) {
        if tag.local_name().as_ref() == "TimeCreated" {
            self.time = attribute(tag, "SystemTime").and_then(|text| UtcTime::parse(&text));
        }
    }

    fn write(&mut self, text: &str) {
        let to = match self.field {
            Field::Id => &mut self.id,
            Field::Title => &mut self.title,
            Field::Code => &mut self.code,
            Field::Other => return,
        };
        if to.len() + text.len() <= 4 * LONG {
            to.push_str(text);
        }
    }

    fn done(self) -> Option<Event> {
        Some(Event {
            id: self.id.trim().parse().ok()?,
            time: self.time?,
            title: self.title.trim().to_owned(),
            code: self.code,
        })
    }
}

fn attribute(tag: &BytesStart<'_>, name: &str) -> Option<String> {
    let found = tag.try_get_attribute(name).ok()??;
    let value = found.normalized_value(XmlVersion::Implicit1_0).ok()?;
    Some(value.into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const TWO: &str = "<Event xmlns='http://schemas.microsoft.com/win/2004/08/events/event'><System>\
        <Provider Name='Microsoft-Windows-WindowsUpdateClient'/><EventID>19</EventID>\
        <TimeCreated SystemTime='2024-06-13T07:12:33.1234567Z'/></System><EventData>\
        <Data Name='updateTitle'>Update f\u{fc}r A &amp; B (KB5039227)</Data>\
        <Data Name='updateGuid'>{0}</Data></EventData></Event>\r\n\
        <Event><System><EventID Qualifiers='0'>23</EventID><TimeCreated SystemTime='2024-06-14T00:00:00Z'></TimeCreated>\
        </System><EventData><Data Name='updateTitle'>KB1</Data></EventData></Event>";

    #[test]
    fn events_follow_each_other_without_a_root() {
        let events = events(TWO);
        assert_eq!(events.len(), 2);
        assert_eq!(events[0].title, "Update f\u{fc}r A & B (KB5039227)");
        assert_eq!(events[0].time.to_string(), "2024-06-13T07:12:33Z");
        assert_eq!(events[0].is_in(), Some(true));
        assert_eq!(events[1].is_in(), Some(false));
    }

    #[test]
    fn a_removal_that_failed_took_nothing_out() {
        let failed = events(&TWO.replace(">23<", ">24<"));
        assert_eq!(failed[1].is_in(), None);
    }

    #[test]
    fn what_is_cut_short_ends_the_list() {
        let cut = TWO.strip_suffix("Data></Event>").unwrap();
        assert_eq!(events(cut).len(), 1);
        assert!(events("").is_empty());
        assert!(events("No events were found.").is_empty());
    }

    proptest! {
        #[test]
        fn any_text_is_read_without_a_panic(text in any::<String>(), tail in "(<Event>|<EventID>|</Event>|<Data Name='updateTitle'>|&[a-z]{1,3};|.{0,4}){0,12}") {
            events(&text);
            events(&tail);
        }
    }
}
