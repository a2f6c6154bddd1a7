//! What a host says when it does not do what was asked (MS-WSMV section 2.2.4.43, DSP0226
//! section 14), told apart by number.

use super::soap::{Node, Ns};
use std::fmt;

/// The longest text of a fault that is kept, in characters.
const TEXT: usize = 300;

/// A fault.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(in crate::session) struct Fault {
    /// Its number: of `f:WSManFault`, else `p:error_Code` of `MSFT_WmiError`; else 0.
    pub(super) number: u64,
    /// The code by which SOAP tells it, without its prefix: `AccessDenied`, `TimedOut`.
    pub(super) subcode: String,
    /// The host's words, in one line and cut short. Hostile.
    pub(super) text: String,
    /// Whether a provider said it (WMI, a shell's plugin) and not WinRM itself.
    pub(super) by_provider: bool,
}

/// What a fault means to us.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Meaning {
    /// It takes longer than the operation's time: ask again.
    TimedOut,
    /// WinRM itself refuses the account.
    AccessDenied,
    /// A provider refuses the account, most often WMI.
    ProviderDenied,
    /// Too many shells or operations of this account.
    Quota,
    /// The shell or command is not there any more.
    Gone,
    /// There is no such class, namespace or resource.
    NoSuchClass,
    /// Anything else.
    Other,
}

impl Fault {
    /// Reads the fault in a body, where there is one.
    pub(super) fn in_body(body: &Node) -> Option<Self> {
        let fault = body.child(Ns::Soap, "Fault")?;
        let wsman = fault.find(Ns::Fault, "WSManFault");
        let provider = fault.find(Ns::Fault, "ProviderFault");
        let wmi = fault.find(Ns::WmiError, "MSFT_WmiError");
        let number = wsman
            .and_then(|node| node.attribute("Code"))
            .or_else(|| Some(&wmi?.child(Ns::WmiError, "error_Code")?.text))
            .and_then(|digits| digits.trim().parse().ok());
        Some(Self {
            number: number.unwrap_or(0),
            subcode: subcode(fault),
            text: words(fault, provider, wmi),
            by_provider: provider.is_some(),
        })
    }

    pub(super) fn meaning(&self) -> Meaning {
        match self.number {
            2_150_858_793 => Meaning::TimedOut,
            // ERROR_ACCESS_DENIED, as a Win32 code, as an HRESULT and as WMI's own.
            5 | 2_147_942_405 | 2_147_749_891 if self.by_provider => Meaning::ProviderDenied,
            2_147_749_891 => Meaning::ProviderDenied,
            5 | 2_147_942_405 => Meaning::AccessDenied,
            2_150_859_173 | 2_150_859_174 => Meaning::Quota,
            2_150_858_843 => Meaning::Gone,
            2_150_858_778 | 2_150_858_752 => Meaning::NoSuchClass,
            _ => self.by_subcode(),
        }
    }

    fn by_subcode(&self) -> Meaning {
        match self.subcode.as_str() {
            "TimedOut" => Meaning::TimedOut,
            "AccessDenied" if self.by_provider => Meaning::ProviderDenied,
            "AccessDenied" => Meaning::AccessDenied,
            "QuotaLimit" => Meaning::Quota,
            "InvalidSelectors" => Meaning::Gone,
            "DestinationUnreachable" => Meaning::NoSuchClass,
            _ => Meaning::Other,
        }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            number,
            subcode,
            text,
            ..
        } = self;
        match number {
            0 => write!(f, "fault {subcode}: {text}"),
            number => write!(f, "fault {number} {subcode}: {text}"),
        }
    }
}

fn subcode(fault: &Node) -> String {
    let code = fault.child(Ns::Soap, "Code");
    let value = code
        .and_then(|code| code.child(Ns::Soap, "Subcode"))
        .and_then(|code| code.child(Ns::Soap, "Value"))
        .or_else(|| code?.child(Ns::Soap, "Value"));
    let name = value.map_or("", |value| value.text.trim());
    one_line(name.rsplit(':').next().unwrap_or(name))
}

/// The most particular words: the provider's, else those of WMI's error, else SOAP's.
fn words(fault: &Node, provider: Option<&Node>, wmi: Option<&Node>) -> String {
    let message = provider.and_then(|node| node.find(Ns::Fault, "Message"));
    let message = message.or_else(|| wmi?.child(Ns::WmiError, "Message"));
    let message = message.or_else(|| fault.find(Ns::Fault, "Message"));
    let said = message.map(|node| one_line(&node.text));
    let said = said.filter(|text| !text.is_empty());
    let reason = || fault.child(Ns::Soap, "Reason")?.child(Ns::Soap, "Text");
    said.unwrap_or_else(|| reason().map_or(String::new(), |text| one_line(&text.text)))
}

/// A host's words in one line, cut short.
pub(super) fn one_line(text: &str) -> String {
    let words: Vec<&str> = text
        .split(|char: char| char.is_whitespace() || char.is_control())
        .filter(|word| !word.is_empty())
        .take(TEXT)
        .collect();
    words.join(" ").chars().take(TEXT).collect()
}

#[cfg(test)]
mod tests {
    use super::super::soap::Answer;
    use super::*;

    fn read(detail: &str, subcode: &str) -> Fault {
        let text = format!(
            r#"<s:Envelope xmlns:s="http://www.w3.org/2003/05/soap-envelope" xmlns:w="http://schemas.dmtf.org/wbem/wsman/1/wsman.xsd"><s:Body><s:Fault><s:Code><s:Value>s:Sender</s:Value><s:Subcode><s:Value>{subcode}</s:Value></s:Subcode></s:Code><s:Reason><s:Text xml:lang="en-US">General
            reason. </s:Text></s:Reason><s:Detail>{detail}</s:Detail></s:Fault></s:Body></s:Envelope>"#
        );
        Fault::in_body(&Answer::read(text.as_bytes()).unwrap().body).unwrap()
    }

    fn wsman(code: u64, inner: &str) -> String {
        format!(
            r#"<f:WSManFault xmlns:f="http://schemas.microsoft.com/wbem/wsman/1/wsmanfault" Code="{code}" Machine="m"><f:Message>{inner}</f:Message></f:WSManFault>"#
        )
    }

    const PROVIDER: &str = r#"<f:ProviderFault provider="WMI Provider" path="x.dll"><f:WSManFault Code="5"><f:Message>Not for you. </f:Message></f:WSManFault></f:ProviderFault>"#;

    #[test]
    fn a_refusal_by_a_provider_is_another_one_than_by_the_service() {
        let bare = read(&wsman(5, "Access is denied. "), "w:AccessDenied");
        assert_eq!(bare.meaning(), Meaning::AccessDenied);
        assert_eq!(bare.to_string(), "fault 5 AccessDenied: Access is denied.");
        let wmi = read(&wsman(5, PROVIDER), "w:AccessDenied");
        assert_eq!(wmi.meaning(), Meaning::ProviderDenied);
    }

    #[test]
    fn the_number_tells_and_where_there_is_none_the_code_does() {
        let cases = [
            (2_150_858_793, Meaning::TimedOut),
            (2_150_859_173, Meaning::Quota),
            (2_150_859_174, Meaning::Quota),
            (2_150_858_843, Meaning::Gone),
            (2_150_858_778, Meaning::NoSuchClass),
            (995, Meaning::Other),
        ];
        for (number, meaning) in cases {
            assert_eq!(
                read(&wsman(number, ""), "w:Any").meaning(),
                meaning,
                "{number}"
            );
        }
        assert_eq!(read("", "w:TimedOut").meaning(), Meaning::TimedOut);
        assert_eq!(read("", "w:AccessDenied").meaning(), Meaning::AccessDenied);
        assert_eq!(read("", "w:TimedOut").text, "General reason.");
    }

    #[test]
    fn the_error_of_wmi_has_its_number_and_words_elsewhere() {
        let detail = r#"<p:MSFT_WmiError xmlns:p="http://schemas.dmtf.org/wbem/wscim/1/cim-schema/2/MSFT_WmiError"><p:Message>At most 30
 shells. </p:Message><p:error_Code>2150859173</p:error_Code></p:MSFT_WmiError>"#;
        let fault = read(detail, "w:QuotaLimit");
        assert_eq!(fault.meaning(), Meaning::Quota);
        assert_eq!(
            fault.to_string(),
            "fault 2150859173 QuotaLimit: At most 30 shells."
        );
    }

    #[test]
    fn long_words_are_cut_short() {
        let fault = read(&wsman(1, &"word ".repeat(1_000)), "w:Any");
        assert!(fault.text.chars().count() <= TEXT);
    }
}
