//! A host that answers as Windows does, or as a test says; and remembers what it was asked.

use super::super::super::courier::{CarryError, Courier, Delivery};
use super::super::Wsman;
use super::super::dialogue::Dialogue;
use super::super::envelope::text_of;
use super::super::soap::{Node, Ns, tree};
use crate::model::GapCause;
use crate::session::{
    Answers, Ask, Limits, Question, QuestionSet, Session as _, SessionError, View, base64,
};
use async_trait::async_trait;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};
use tokio::time::Instant;

pub(super) const SET: QuestionSet = QuestionSet {
    name: "test",
    prelude: "",
    questions: &[
        wmi(
            "os",
            "root/cimv2",
            "SELECT Caption FROM Win32_OperatingSystem",
        ),
        wmi(
            "qfe",
            "root/cimv2",
            "SELECT HotFixID FROM Win32_QuickFixEngineering",
        ),
        registry("version", r"HKLM\SOFTWARE\Version", false, View::Bits64),
        registry("programs", r"HKLM\SOFTWARE\Programs", true, View::Bits32),
        cmd("listeners", "netstat -ano"),
        cmd("piped", "reg query HKU | findstr S-1"),
        Question {
            id: "listeners-cim",
            ask: Ask::InsteadOf(
                "listeners",
                &Ask::Wmi {
                    namespace: "root/StandardCimv2",
                    query: "SELECT LocalPort FROM MSFT_NetTCPConnection",
                },
            ),
            why: "",
            needs: crate::session::Needs::Login,
            loss: "",
        },
    ],
};

const fn wmi(id: &'static str, namespace: &'static str, query: &'static str) -> Question {
    Question {
        id,
        ask: Ask::Wmi { namespace, query },
        why: "",
        needs: crate::session::Needs::Login,
        loss: "",
    }
}

const fn cmd(id: &'static str, line: &'static str) -> Question {
    Question {
        id,
        ask: Ask::Cmd(line),
        why: "",
        needs: crate::session::Needs::Login,
        loss: "",
    }
}

const fn registry(id: &'static str, key: &'static str, tree: bool, view: View) -> Question {
    Question {
        id,
        ask: Ask::Registry {
            key,
            tree,
            value: None,
            view,
        },
        why: "",
        needs: crate::session::Needs::Login,
        loss: "",
    }
}

/// What the host was asked.
#[derive(Clone, Debug)]
pub(super) struct Asked {
    /// The last part of the action: `Create`, `EnumKey`.
    pub(super) verb: String,
    pub(super) resource: String,
    pub(super) shell: Option<String>,
    pub(super) options: BTreeMap<String, String>,
    pub(super) body: Node,
    message: String,
}

impl Asked {
    fn read(envelope: &str) -> Self {
        let root = tree(envelope).unwrap();
        let names: Vec<_> = root
            .children
            .iter()
            .map(|child| child.name.as_str())
            .collect();
        assert_eq!(
            names,
            ["Header", "Body"],
            "nothing stands outside of header and body"
        );
        let header = root.child(Ns::Soap, "Header").unwrap();
        let text = |ns, name| {
            header
                .child(ns, name)
                .map(|node| node.text.clone())
                .unwrap_or_default()
        };
        let pairs = |set, item| {
            let set = header.child(Ns::Wsman, set);
            let nodes = set.map_or(&[][..], |set| &set.children);
            let named = nodes.iter().filter(move |node| node.is(Ns::Wsman, item));
            named
                .map(|node| {
                    (
                        node.attribute("Name").unwrap().to_owned(),
                        node.text.clone(),
                    )
                })
                .collect::<BTreeMap<_, _>>()
        };
        Self {
            verb: text(Ns::Addressing, "Action")
                .rsplit('/')
                .next()
                .unwrap()
                .to_owned(),
            resource: text(Ns::Wsman, "ResourceURI"),
            shell: pairs("SelectorSet", "Selector").remove("ShellId"),
            options: pairs("OptionSet", "Option"),
            body: root.child(Ns::Soap, "Body").unwrap().clone(),
            message: text(Ns::Addressing, "MessageID"),
        }
    }

    /// The text of the first element of a name.
    pub(super) fn text(&self, ns: Ns, name: &str) -> String {
        self.body
            .find(ns, name)
            .map(|node| node.text.clone())
            .unwrap_or_default()
    }

    fn command(&self) -> String {
        self.text(Ns::Shell, "Command")
    }
}

/// What the host does otherwise than usual with a request; `None` where it does as usual.
pub(super) type Quirk = Box<dyn FnMut(&Asked) -> Option<Said> + Send>;

pub(super) enum Said {
    Status(u16, Vec<u8>),
    Error(CarryError),
}

/// Says a fault.
pub(super) fn fault(number: u64, subcode: &str, provider: bool) -> Said {
    let inner = if provider {
        r#"<f:ProviderFault provider="WMI Provider"><f:WSManFault Code="5"><f:Message>No.</f:Message></f:WSManFault></f:ProviderFault>"#
    } else {
        "No, thank you."
    };
    let body = format!(
        r#"<s:Fault><s:Code><s:Value>s:Sender</s:Value><s:Subcode><s:Value>w:{subcode}</s:Value></s:Subcode></s:Code><s:Reason><s:Text>No.</s:Text></s:Reason><s:Detail><f:WSManFault xmlns:f="http://schemas.microsoft.com/wbem/wsman/1/wsmanfault" Code="{number}"><f:Message>{inner}</f:Message></f:WSManFault></s:Detail></s:Fault>"#
    );
    Said::Status(500, envelope("", &body).into_bytes())
}

pub(super) fn envelope(relates_to: &str, body: &str) -> String {
    let relates_to = match relates_to {
        "" => String::new(),
        id => format!("<a:RelatesTo>{id}</a:RelatesTo>"),
    };
    format!(
        r#"<s:Envelope xml:lang="en-US" xmlns:s="http://www.w3.org/2003/05/soap-envelope" xmlns:a="http://schemas.xmlsoap.org/ws/2004/08/addressing" xmlns:x="http://schemas.xmlsoap.org/ws/2004/09/transfer" xmlns:n="http://schemas.xmlsoap.org/ws/2004/09/enumeration" xmlns:w="http://schemas.dmtf.org/wbem/wsman/1/wsman.xsd" xmlns:rsp="http://schemas.microsoft.com/wbem/wsman/1/windows/shell"><s:Header>{relates_to}</s:Header><s:Body>{body}</s:Body></s:Envelope>"#
    )
}

/// What a question's command does: whether it succeeds, and what it writes.
pub(super) type Programs = BTreeMap<&'static str, (bool, Vec<u8>)>;

pub(super) struct Host {
    quirk: Quirk,
    pub(super) programs: Programs,
    pub(super) is_local: bool,
    /// How many bytes of output go into one answer.
    pub(super) chunk: usize,
    output: Vec<u8>,
    shells: BTreeSet<String>,
    asked: Arc<Mutex<Vec<Asked>>>,
}

impl Host {
    pub(super) fn new(quirk: impl FnMut(&Asked) -> Option<Said> + Send + 'static) -> Self {
        let version =
            "\r\nHKEY_LOCAL_MACHINE\\SOFTWARE\\Version\r\n    UBR    REG_DWORD    0x1\r\n\r\n";
        let programs = BTreeMap::from([
            (
                "oem-code-page",
                (
                    true,
                    b"\r\nHKEY_LOCAL_MACHINE\\X\r\n    OEMCP    REG_SZ    850\r\n".to_vec(),
                ),
            ),
            ("version", (true, version.into())),
            (
                "programs",
                (
                    true,
                    "\r\nHKEY_LOCAL_MACHINE\\P\r\n    DisplayName    REG_SZ    Müller 日本\r\n"
                        .into(),
                ),
            ),
            ("listeners", (true, b"TCP 0.0.0.0:80".to_vec())),
            ("piped", (true, b"HKEY_USERS\\S-1\r\n".to_vec())),
        ]);
        Self {
            quirk: Box::new(quirk),
            programs,
            is_local: false,
            chunk: 7,
            output: Vec::new(),
            shells: BTreeSet::new(),
            asked: Arc::default(),
        }
    }

    /// Asks the host the set, within some time; also what it was asked.
    pub(super) async fn ask_within(self, limits: Limits) -> (Result<Answers, SessionError>, Log) {
        let log = Log(Arc::clone(&self.asked));
        let mut session = Box::new(Wsman::new(Dialogue::new(Box::new(self)).impatient()));
        let answers = session.ask(&SET, &limits).await;
        session.close().await;
        (answers, log)
    }

    pub(super) async fn ask(self) -> (Result<Answers, SessionError>, Log) {
        self.ask_within(Limits::default()).await
    }

    fn usual(&mut self, asked: &Asked) -> String {
        match asked.verb.as_str() {
            "Enumerate" => enumerated(&asked.text(Ns::Wsman, "Filter")),
            "Pull" => r"<n:PullResponse><n:Items><w:XmlFragment><HotFixID>KB2</HotFixID></w:XmlFragment></n:Items><n:EndOfSequence/></n:PullResponse>".to_owned(),
            "Release" => String::new(),
            "Create" => {
                let id = format!("SHELL-{}", self.shells.len());
                let answer = format!(r#"<x:ResourceCreated><a:ReferenceParameters><w:SelectorSet><w:Selector Name="ShellId">{id}</w:Selector></w:SelectorSet></a:ReferenceParameters></x:ResourceCreated>"#);
                self.shells.insert(id);
                answer
            }
            "Command" => {
                self.output = self.run(&asked.command());
                "<rsp:CommandResponse><rsp:CommandId>C-1</rsp:CommandId></rsp:CommandResponse>".to_owned()
            }
            "Receive" => self.received(),
            "Signal" => "<rsp:SignalResponse/>".to_owned(),
            "Delete" => {
                assert!(self.shells.remove(asked.shell.as_ref().unwrap()));
                String::new()
            }
            method => invoked(asked, method),
        }
    }

    /// Does what a command line in frames does.
    fn run(&self, line: &str) -> Vec<u8> {
        let marker = line.split(' ').nth(1).unwrap();
        let begin = format!("echo {marker} B ");
        let mut output = Vec::new();
        for piece in line.split(&begin).skip(1) {
            let id = piece.split('&').next().unwrap();
            let (ok, stdout) = self.programs.get(id).cloned().unwrap_or_default();
            output.extend(format!("{marker} B {id}\r\n").bytes());
            output.extend(stdout);
            output.extend(format!("{marker} E {id} {}\r\n", i32::from(!ok)).bytes());
        }
        output
    }

    /// Cuts the output wherever it falls, within one answer as well.
    fn received(&mut self) -> String {
        let mut body = String::new();
        for _ in 0..3 {
            let length = self.chunk.min(self.output.len());
            let piece: Vec<u8> = self.output.drain(..length).collect();
            let piece = base64::encode(&piece);
            let stream =
                format!(r#"<rsp:Stream Name="stdout" CommandId="c-1">{piece}</rsp:Stream>"#);
            body += &stream;
        }
        body += r#"<rsp:Stream Name="stderr" CommandId="C-1">RVJST1I6IG5v</rsp:Stream>"#;
        let state = if self.output.is_empty() {
            "Done"
        } else {
            "Running"
        };
        format!(
            r#"<rsp:ReceiveResponse>{body}<rsp:CommandState CommandId="C-1" State="http://schemas.microsoft.com/wbem/wsman/1/windows/shell/CommandState/{state}"/></rsp:ReceiveResponse>"#
        )
    }
}

fn enumerated(query: &str) -> String {
    let (items, end) = match query.rsplit(' ').next().unwrap() {
        "Win32_OperatingSystem" => (
            r#"<w:XmlFragment xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance"><Caption>A &amp; B</Caption><LastBootUpTime><Datetime>2024-06-01T08:00:01Z</Datetime></LastBootUpTime><CSDVersion xsi:nil="true"/><IPAddress>10.0.0.1</IPAddress><IPAddress>fe80::1</IPAddress></w:XmlFragment>"#,
            "<n:EnumerationContext/><w:EndOfSequence/>",
        ),
        "Win32_QuickFixEngineering" => (
            r#"<p:Win32_QuickFixEngineering xmlns:p="urn:class"><p:HotFixID>KB1</p:HotFixID></p:Win32_QuickFixEngineering>"#,
            "<n:EnumerationContext>uuid:more</n:EnumerationContext>",
        ),
        _ => (
            "<w:XmlFragment><LocalPort>80</LocalPort></w:XmlFragment>",
            "<w:EndOfSequence/>",
        ),
    };
    format!("<n:EnumerateResponse><w:Items>{items}</w:Items>{end}</n:EnumerateResponse>")
}

/// The registry of the host, by way of WMI.
fn invoked(asked: &Asked, method: &str) -> String {
    assert_eq!(
        asked.resource,
        "http://schemas.microsoft.com/wbem/wsman/1/wmi/root/default/StdRegProv"
    );
    assert_eq!(asked.text(Ns::Other, "hDefKey"), "2147483650");
    let key = asked.text(Ns::Other, "sSubKeyName");
    let value = asked.text(Ns::Other, "sValueName");
    let output = match (method, key.as_str(), value.as_str()) {
        ("EnumValues", r"SOFTWARE\Version", _) => "<p:sNames>UBR</p:sNames><p:sNames>Langs</p:sNames><p:sNames>Blob</p:sNames><p:sNames></p:sNames><p:Types>4</p:Types><p:Types>7</p:Types><p:Types>3</p:Types><p:Types>1</p:Types>".to_owned(),
        ("GetDWORDValue", _, "UBR") => "<p:uValue>4351</p:uValue>".to_owned(),
        ("GetMultiStringValue", _, "Langs") => "<p:sValue>en</p:sValue><p:sValue>de</p:sValue>".to_owned(),
        ("GetBinaryValue", _, "Blob") => "<p:uValue>222</p:uValue><p:uValue>1</p:uValue>".to_owned(),
        ("GetStringValue", _, "") => "<p:sValue>default</p:sValue>".to_owned(),
        ("EnumKey", r"SOFTWARE\Version", _) => "<p:sNames>Sub</p:sNames>".to_owned(),
        ("EnumKey", r"SOFTWARE\WOW6432Node\Programs", _) => "<p:sNames>A &amp; B</p:sNames><p:sNames>C</p:sNames>".to_owned(),
        ("EnumValues", r"SOFTWARE\WOW6432Node\Programs\A & B", _) => "<p:sNames>DisplayName</p:sNames><p:Types>1</p:Types>".to_owned(),
        ("GetStringValue", r"SOFTWARE\WOW6432Node\Programs\A & B", "DisplayName") => format!("<p:sValue>{}</p:sValue>", text_of("x    REG_SZ    <y>")),
        ("EnumKey" | "EnumValues", _, _) => String::new(),
        _ => return format!(r#"<p:{method}_OUTPUT xmlns:p="urn:reg"><p:ReturnValue>2</p:ReturnValue></p:{method}_OUTPUT>"#),
    };
    format!(
        r#"<p:{method}_OUTPUT xmlns:p="urn:reg">{output}<p:ReturnValue>0</p:ReturnValue></p:{method}_OUTPUT>"#
    )
}

#[async_trait]
impl Courier for Host {
    async fn carry(&mut self, sent: &str, until: Instant) -> Result<Delivery, CarryError> {
        assert!(until > Instant::now() - std::time::Duration::from_secs(1));
        let asked = Asked::read(sent);
        self.asked.lock().unwrap().push(asked.clone());
        match (self.quirk)(&asked) {
            Some(Said::Status(status, body)) => Ok(Delivery { status, body }),
            Some(Said::Error(error)) => Err(error),
            None => {
                let body = self.usual(&asked);
                let body = envelope(&asked.message, &body).into_bytes();
                Ok(Delivery { status: 200, body })
            }
        }
    }

    fn to(&self) -> &'static str {
        "http://192.0.2.1:5985/wsman"
    }

    fn is_local_account(&self) -> bool {
        self.is_local
    }
}

/// What a host was asked, in order.
pub(super) struct Log(Arc<Mutex<Vec<Asked>>>);

impl Log {
    pub(super) fn asked(&self) -> Vec<Asked> {
        self.0.lock().unwrap().clone()
    }

    pub(super) fn verbs(&self) -> Vec<String> {
        self.asked().into_iter().map(|asked| asked.verb).collect()
    }

    pub(super) fn count(&self, verb: &str) -> usize {
        self.verbs().iter().filter(|other| *other == verb).count()
    }

    /// However it went: one shell at most, and none that was not ended.
    pub(super) fn assert_tidy(&self) {
        assert_eq!(self.count("Create"), 1, "{:?}", self.verbs());
        assert_eq!(self.count("Delete"), 1, "{:?}", self.verbs());
        assert_eq!(
            self.verbs()
                .iter()
                .rfind(|verb| *verb != "Enumerate")
                .unwrap(),
            "Delete"
        );
    }
}

pub(super) fn cause(answers: &Answers, id: &'static str) -> GapCause {
    answers.text(id).unwrap_err().cause
}
