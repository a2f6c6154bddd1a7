//! Writing a request.
//!
//! Every value is escaped, and characters that XML 1.0 cannot carry are left out. Selectors and
//! options go inside `s:Header`: anywhere else Windows does not see them.

use super::names;
use quick_xml::escape::escape;
use std::fmt::Write as _;
use std::time::Duration;

/// The most that an answer may have, in bytes: what even WinRM 2 allows.
const ENVELOPE_SIZE: u32 = 153_600;

/// One request, without what belongs to the session.
#[derive(Clone, Debug)]
pub(super) struct Request {
    /// What it is about, a URI.
    pub(super) resource: String,
    /// What is to be done, a URI.
    pub(super) action: String,
    /// Which one of the resources, by name and value.
    pub(super) selectors: Vec<(&'static str, String)>,
    /// How it is to be done, by name and value.
    pub(super) options: Vec<(&'static str, &'static str)>,
    /// What is in `s:Body`: XML of our own making, its values escaped.
    pub(super) body: String,
    /// What it asks for, in words for people.
    pub(super) asks: String,
}

impl Request {
    pub(super) fn new(resource: impl Into<String>, action: impl Into<String>) -> Self {
        Self {
            resource: resource.into(),
            action: action.into(),
            selectors: Vec::new(),
            options: Vec::new(),
            body: String::new(),
            asks: String::new(),
        }
    }

    pub(super) fn select(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.selectors.push((name, value.into()));
        self
    }

    pub(super) fn option(mut self, name: &'static str, value: &'static str) -> Self {
        self.options.push((name, value));
        self
    }

    pub(super) fn body(mut self, body: impl Into<String>) -> Self {
        self.body = body.into();
        self
    }

    /// Says what it asks for: a query, a command line, a key.
    pub(super) fn asking(mut self, what: impl Into<String>) -> Self {
        self.asks = what.into();
        self
    }

    /// The request in one line: `Enumerate root/cimv2: SELECT …`.
    pub(super) fn words(&self) -> String {
        let verb = self.action.rsplit('/').next().unwrap_or_default();
        match self.asks.as_str() {
            "" => verb.to_owned(),
            asks => format!("{verb} {asks}"),
        }
    }

    /// The whole envelope (DSP0226 and MS-WSMV section 3.1.4.1).
    ///
    /// `timeout` is how long the host may take before it answers that it takes longer; whole
    /// seconds count, and at least one.
    pub(super) fn envelope(&self, about: &About<'_>, timeout: Duration) -> String {
        let Self {
            resource,
            action,
            body,
            ..
        } = self;
        let mut text = String::with_capacity(2_048 + body.len());
        // Writing to a String cannot fail.
        let _ = write!(
            text,
            concat!(
                r#"<s:Envelope xmlns:s="{soap}" xmlns:a="{addressing}" xmlns:w="{wsman}" xmlns:p="{wsman_ms}""#,
                r#" xmlns:n="{enumeration}" xmlns:rsp="{shell}"><s:Header><a:To>{to}</a:To>"#,
                r#"<w:ResourceURI s:mustUnderstand="true">{resource}</w:ResourceURI>"#,
                r#"<a:ReplyTo><a:Address s:mustUnderstand="true">{anonymous}</a:Address></a:ReplyTo>"#,
                r#"<a:Action s:mustUnderstand="true">{action}</a:Action>"#,
                r#"<w:MaxEnvelopeSize s:mustUnderstand="true">{size}</w:MaxEnvelopeSize>"#,
                r#"<a:MessageID>{id}</a:MessageID><w:Locale xml:lang="en-US" s:mustUnderstand="false"/>"#,
                r#"<p:DataLocale xml:lang="en-US" s:mustUnderstand="false"/>"#,
                r#"<p:SessionId s:mustUnderstand="false">{session}</p:SessionId>"#,
                r#"<w:OperationTimeout>PT{seconds}S</w:OperationTimeout>"#,
            ),
            soap = names::SOAP,
            addressing = names::ADDRESSING,
            wsman = names::WSMAN,
            wsman_ms = names::WSMAN_MS,
            enumeration = names::ENUMERATION,
            shell = names::SHELL,
            to = text_of(about.to),
            resource = text_of(resource),
            anonymous = names::ANONYMOUS,
            action = text_of(action),
            size = ENVELOPE_SIZE,
            id = about.message,
            session = about.session,
            seconds = timeout.as_secs().max(1),
        );
        self.write_selectors(&mut text);
        self.write_options(&mut text);
        let _ = write!(text, "</s:Header><s:Body>{body}</s:Body></s:Envelope>");
        text
    }

    fn write_selectors(&self, text: &mut String) {
        if self.selectors.is_empty() {
            return;
        }
        text.push_str("<w:SelectorSet>");
        for (name, value) in &self.selectors {
            let value = text_of(value);
            let _ = write!(text, r#"<w:Selector Name="{name}">{value}</w:Selector>"#);
        }
        text.push_str("</w:SelectorSet>");
    }

    fn write_options(&self, text: &mut String) {
        if self.options.is_empty() {
            return;
        }
        text.push_str("<w:OptionSet>");
        for (name, value) in &self.options {
            let _ = write!(text, r#"<w:Option Name="{name}">{value}</w:Option>"#);
        }
        text.push_str("</w:OptionSet>");
    }
}

/// What an envelope says of the session.
pub(super) struct About<'a> {
    /// The address of the service.
    pub(super) to: &'a str,
    /// This message, as `uuid:…`.
    pub(super) message: &'a str,
    /// The session, as `uuid:…`.
    pub(super) session: &'a str,
}

/// The one request without a header: what are you? (DSP0226 section 11)
pub(super) fn identify() -> String {
    format!(
        r#"<s:Envelope xmlns:s="{}" xmlns:i="{}"><s:Header/><s:Body><i:Identify/></s:Body></s:Envelope>"#,
        names::SOAP,
        names::IDENTITY
    )
}

/// A name of a message or a session: a random UUID (RFC 9562 section 5.4).
pub(super) fn fresh_id() -> String {
    let random: u128 = rand::random();
    let version = (random & !(0xf << 76)) | (0x4 << 76);
    let bits = (version & !(0x3 << 62)) | (0x2 << 62);
    let digits = format!("{bits:032X}");
    let mut id = "uuid:".to_owned();
    for (place, digit) in digits.chars().enumerate() {
        if matches!(place, 8 | 12 | 16 | 20) {
            id.push('-');
        }
        id.push(digit);
    }
    id
}

/// A value as text in XML.
pub(super) fn text_of(value: &str) -> String {
    let kept: String = value.chars().filter(|char| fits_xml(*char)).collect();
    escape(kept.as_str()).into_owned()
}

/// Whether XML 1.0 can carry a character at all (section 2.2).
pub(super) fn fits_xml(char: char) -> bool {
    matches!(char, '\t' | '\n' | '\r' | ' '..='\u{d7ff}' | '\u{e000}'..='\u{fffd}' | '\u{10000}'..)
}

#[cfg(test)]
mod tests {
    use super::super::soap::{Answer, Ns};
    use super::*;
    use proptest::prelude::*;

    fn about() -> About<'static> {
        About {
            to: "http://host:5985/wsman",
            message: "uuid:M",
            session: "uuid:S",
        }
    }

    #[test]
    fn selectors_and_options_are_inside_the_header() {
        let request = Request::new(names::CMD, names::CREATE)
            .select("ShellId", "a<b")
            .option("WINRS_CODEPAGE", "65001")
            .body("<x/>");
        let text = request.envelope(&about(), Duration::from_secs(20));
        let header = text.split("</s:Header>").next().unwrap();
        assert!(header.contains(r#"<w:Selector Name="ShellId">a&lt;b</w:Selector>"#));
        assert!(header.contains(r#"<w:Option Name="WINRS_CODEPAGE">65001</w:Option>"#));
        assert!(header.contains("<w:OperationTimeout>PT20S</w:OperationTimeout>"));
        assert!(text.ends_with("</s:Header><s:Body><x/></s:Body></s:Envelope>"));
        let envelope = Answer::read(text.as_bytes()).unwrap();
        assert!(envelope.body.child(Ns::None, "x").is_some());
    }

    #[test]
    fn every_message_has_a_name_of_its_own() {
        let id = fresh_id();
        assert_ne!(id, fresh_id());
        assert_eq!(id.len(), "uuid:".len() + 36);
        assert_eq!(id.as_bytes()["uuid:".len() + 14], b'4');
        assert!(b"89AB".contains(&id.as_bytes()["uuid:".len() + 19]));
    }

    proptest! {
        #[test]
        fn any_value_is_carried_as_it_is_where_xml_can(value in any::<String>()) {
            let carried: String = value.chars().filter(|char| fits_xml(*char)).collect();
            let request = Request::new("r", "a").body(format!("<v>{}</v>", text_of(&value)));
            let text = request.envelope(&about(), Duration::ZERO);
            let read = Answer::read(text.as_bytes()).unwrap();
            let node = read.body.child(Ns::None, "v").unwrap();
            // XML reads every line break as a line feed.
            prop_assert_eq!(&node.text, &carried.replace("\r\n", "\n").replace('\r', "\n"));
        }
    }
}
