//! A request as WS-Management wants it (DSP0226 section 5, MS-WSMV 2.2.3), and what of it is not as
//! it should be.

use super::names::{ADDRESSING, ANONYMOUS, IDENTITY, MICROSOFT, SOAP, WSMAN};
use super::xml::Element;
use std::time::Duration;

/// A parsed request.
#[derive(Clone, Debug, Default)]
pub(super) struct Envelope {
    pub(super) action: String,
    pub(super) resource: String,
    pub(super) message: String,
    pub(super) session: Option<String>,
    pub(super) max_size: usize,
    pub(super) timeout: Duration,
    options: Vec<(String, String)>,
    selectors: Vec<(String, String)>,
    pub(super) body: Element,
    /// What is against the protocol.
    pub(super) wrongs: Vec<String>,
}

/// What a message is.
pub(super) enum Message {
    /// `wsmid:Identify`.
    Identify,
    Request(Box<Envelope>),
}

/// The header blocks that every request needs, and what their `mustUnderstand` has to say.
const NEEDED: [(&str, &str, Option<&str>); 8] = [
    (ADDRESSING, "To", None),
    (WSMAN, "ResourceURI", Some("true")),
    (ADDRESSING, "ReplyTo", None),
    (ADDRESSING, "Action", Some("true")),
    (WSMAN, "MaxEnvelopeSize", Some("true")),
    (ADDRESSING, "MessageID", None),
    (WSMAN, "Locale", Some("false")),
    (WSMAN, "OperationTimeout", None),
];

/// The others that a service of Windows understands.
const KNOWN: [(&str, &str); 7] = [
    (WSMAN, "SelectorSet"),
    (WSMAN, "OptionSet"),
    (MICROSOFT, "DataLocale"),
    (MICROSOFT, "SessionId"),
    (MICROSOFT, "OperationID"),
    (MICROSOFT, "SequenceId"),
    (ADDRESSING, "From"),
];

impl Message {
    /// Reads a message; `None` for what is no SOAP 1.2 envelope.
    pub(super) fn read(bytes: &[u8]) -> Option<Self> {
        let root = Element::parse(bytes)?;
        let body = root.child(SOAP, "Body")?;
        if !root.is(SOAP, "Envelope") {
            return None;
        }
        if body.child(IDENTITY, "Identify").is_some() {
            return Some(Self::Identify);
        }
        Some(Self::Request(Box::new(Envelope::read(&root)?)))
    }
}

impl Envelope {
    fn read(root: &Element) -> Option<Self> {
        let header = root.child(SOAP, "Header")?;
        let text = |space, name| header.child_text(space, name).unwrap_or_default();
        let pairs = |set: &str, one: &str| {
            let set = header.child(WSMAN, set);
            let children = set.map_or(&[][..], |set| &set.children);
            let named = children.iter().filter(|child| child.is(WSMAN, one));
            let pair =
                |child: &Element| Some((child.attribute("Name")?.to_owned(), child.text.clone()));
            named.filter_map(pair).collect()
        };
        let mut envelope = Self {
            action: text(ADDRESSING, "Action").to_owned(),
            resource: text(WSMAN, "ResourceURI").to_owned(),
            message: text(ADDRESSING, "MessageID").to_owned(),
            session: header.child_text(MICROSOFT, "SessionId").map(str::to_owned),
            max_size: text(WSMAN, "MaxEnvelopeSize").parse().unwrap_or(153_600),
            timeout: duration(text(WSMAN, "OperationTimeout")).unwrap_or(Duration::from_mins(1)),
            options: pairs("OptionSet", "Option"),
            selectors: pairs("SelectorSet", "Selector"),
            body: root.child(SOAP, "Body")?.clone(),
            wrongs: Vec::new(),
        };
        envelope.wrongs = envelope.judge(root, header);
        Some(envelope)
    }

    /// An option; only those inside the header are seen, as on Windows.
    pub(super) fn option(&self, name: &str) -> Option<&str> {
        of(&self.options, name)
    }

    pub(super) fn selector(&self, name: &str) -> Option<&str> {
        of(&self.selectors, name)
    }

    fn judge(&self, root: &Element, header: &Element) -> Vec<String> {
        let mut wrongs = Vec::new();
        for child in &root.children {
            if !child.is(SOAP, "Header") && !child.is(SOAP, "Body") {
                wrongs.push(format!("{} is outside the header", child.name));
            }
        }
        for (space, name, must) in NEEDED {
            let Some(block) = header.child(space, name) else {
                wrongs.push(format!("no {name} in the header"));
                continue;
            };
            let said = block.attribute("mustUnderstand");
            if must.is_some_and(|must| said != Some(must)) {
                wrongs.push(format!("mustUnderstand of {name} is {said:?}"));
            }
        }
        let known = |block: &&Element| {
            let needed = NEEDED.iter().any(|(space, name, _)| block.is(space, name));
            needed || KNOWN.iter().any(|(space, name)| block.is(space, name))
        };
        for block in header.children.iter().filter(|block| !known(block)) {
            wrongs.push(format!("unknown header block {}", block.name));
        }
        let reply_to = header.child(ADDRESSING, "ReplyTo");
        let reply_to = reply_to.and_then(|to| to.child_text(ADDRESSING, "Address"));
        if reply_to != Some(ANONYMOUS) {
            wrongs.push("ReplyTo is not anonymous".to_owned());
        }
        for (name, id) in [
            ("MessageID", Some(&self.message)),
            ("SessionId", self.session.as_ref()),
        ] {
            match id {
                None => wrongs.push(format!("no {name} in the header")),
                Some(id) if !is_uuid(id) => wrongs.push(format!("{name} is no uuid")),
                Some(_) => {}
            }
        }
        if duration(
            header
                .child_text(WSMAN, "OperationTimeout")
                .unwrap_or_default(),
        )
        .is_none_or(|timeout| timeout > Duration::from_mins(1))
        {
            wrongs.push("OperationTimeout is not a duration of up to 60 s".to_owned());
        }
        wrongs
    }
}

fn of<'a>(pairs: &'a [(String, String)], name: &str) -> Option<&'a str> {
    let found = pairs
        .iter()
        .find(|(known, _)| known.eq_ignore_ascii_case(name));
    found.map(|(_, value)| value.trim())
}

/// `uuid:` and 8-4-4-4-12 hex digits.
fn is_uuid(text: &str) -> bool {
    let Some(text) = text.strip_prefix("uuid:") else {
        return false;
    };
    let groups: Vec<&str> = text.split('-').collect();
    let lengths: Vec<usize> = groups.iter().map(|group| group.len()).collect();
    lengths == [8, 4, 4, 4, 12]
        && text
            .chars()
            .all(|char| char == '-' || char.is_ascii_hexdigit())
}

/// `PT20S`, `PT60.000S`, `P0DT0H1M0S`: the part of XML Schema's durations that clients use.
fn duration(text: &str) -> Option<Duration> {
    let (days, time) = text.strip_prefix('P')?.split_once('T')?;
    let (mut seconds, mut number) = (0.0_f64, String::new());
    for char in days.chars().chain(time.chars()) {
        let unit = match char {
            'D' => 86_400.0,
            'H' => 3_600.0,
            'M' => 60.0,
            'S' => 1.0,
            digit => {
                number.push(digit);
                continue;
            }
        };
        seconds += number.parse::<f64>().ok()? * unit;
        number.clear();
    }
    if !number.is_empty() {
        return None;
    }
    Duration::try_from_secs_f64(seconds).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_read_and_what_is_none_is_not() {
        assert_eq!(duration("PT20S"), Some(Duration::from_secs(20)));
        assert_eq!(
            duration("P0DT0H1M0.500S"),
            Some(Duration::from_millis(60_500))
        );
        for text in ["", "20", "PT", "PT5", "PT-1S", "PTxS"] {
            assert!(
                duration(text).is_none_or(|read| text == "PT" && read.is_zero()),
                "{text}"
            );
        }
    }

    #[test]
    fn options_count_only_inside_the_header() {
        let options = format!(
            "<w:OptionSet xmlns:w=\"{WSMAN}\"><w:Option Name=\"WINRS_CODEPAGE\">65001</w:Option></w:OptionSet>"
        );
        let read = |inside: &str, outside: &str| {
            let text = format!(
                "<s:Envelope xmlns:s=\"{SOAP}\"><s:Header>{inside}</s:Header>{outside}<s:Body/></s:Envelope>"
            );
            let Some(Message::Request(envelope)) = Message::read(text.as_bytes()) else {
                panic!("no request");
            };
            *envelope
        };
        assert_eq!(read(&options, "").option("WINRS_CODEPAGE"), Some("65001"));
        let envelope = read("", &options);
        assert_eq!(envelope.option("WINRS_CODEPAGE"), None);
        assert_eq!(
            envelope.wrongs.first().unwrap(),
            "OptionSet is outside the header"
        );
    }

    #[test]
    fn a_message_id_is_a_uuid() {
        assert!(is_uuid("uuid:0A0B0C0D-0000-0000-0000-00000000000f"));
        assert!(!is_uuid("uuid:1") && !is_uuid("0A0B0C0D-0000-0000-0000-00000000000f"));
    }
}
