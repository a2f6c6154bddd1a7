//! The life of a command shell: Create, Command, Receive, Signal, Delete (MS-WSMV sections
//! 3.1.4.1.31 and 3.1.4.5 to 3.1.4.14).

use super::dialogue::{Dialogue, TalkError};
use super::envelope::{Request, text_of};
use super::fault::Meaning;
use super::names;
use super::soap::{Node, Ns, SoapError};
use crate::session::base64;
use crate::session::question::find;
use std::time::Duration;
use tokio::time::Instant;

/// How long a shell may idle before the host ends it by itself: the net for a scanner that died.
const IDLE: &str = "PT60S";
/// How long the farewell may take when time is up already.
const GRACE: Duration = Duration::from_secs(2);

/// A shell on the host.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Shell {
    id: String,
}

/// What a command wrote, and how it ended.
#[derive(Debug)]
pub(super) struct Output {
    /// All bytes of standard output, joined before anybody decodes them: Windows cuts characters
    /// in two between elements and between answers.
    pub(super) stdout: Vec<u8>,
    pub(super) end: End,
}

/// How a command ended.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum End {
    /// By itself, or with the last word that we waited for.
    Done,
    /// It wrote more than we read.
    TooMuch,
    /// Its time was up.
    TimedOut,
    /// The host did not go on with it.
    Failed(TalkError),
}

/// What a command may cost, and when it has said all.
#[derive(Clone, Copy, Debug)]
pub(super) struct Bounds<'a> {
    pub(super) until: Instant,
    /// When the session's time is up: then the end of the shell is the end of the command.
    pub(super) farewell: Instant,
    pub(super) bytes: usize,
    /// Its last word; the rest of that line may follow.
    pub(super) last: &'a [u8],
}

impl Shell {
    /// Opens one without a profile, and with UTF-8 as its code page if `utf8`.
    pub(super) async fn create(
        dialogue: &mut Dialogue,
        utf8: bool,
        until: Instant,
    ) -> Result<Self, TalkError> {
        let body = format!(
            "<rsp:Shell><rsp:InputStreams>stdin</rsp:InputStreams><rsp:OutputStreams>stdout stderr</rsp:OutputStreams><rsp:IdleTimeOut>{IDLE}</rsp:IdleTimeOut></rsp:Shell>"
        );
        let mut request = Request::new(names::CMD, names::CREATE)
            .option("WINRS_NOPROFILE", "TRUE")
            .body(body)
            .asking("windows/shell/cmd");
        if utf8 {
            request = request.option("WINRS_CODEPAGE", "65001");
        }
        let answer = dialogue.exchange(&request, until).await?;
        let id = shell_id(&answer).ok_or(SoapError::Lacks("name of the shell"))?;
        Ok(Self { id })
    }

    /// Runs a command and reads what it writes; ends it in any case.
    pub(super) async fn run(
        &self,
        dialogue: &mut Dialogue,
        line: &str,
        bounds: Bounds<'_>,
    ) -> Output {
        let mut stdout = Vec::new();
        let command = match self.start(dialogue, line, bounds.until).await {
            Ok(command) => command,
            Err(error) => {
                return Output {
                    stdout,
                    end: End::Failed(error),
                };
            }
        };
        let end = self.receive(dialogue, &command, bounds, &mut stdout).await;
        let gone = matches!(&end, End::Failed(error) if error.meaning() == Some(Meaning::Gone));
        if !gone {
            // Whether it can still be ended or has ended already, there is nothing more to do.
            let _ = self.signal(dialogue, &command, bounds.farewell).await;
        }
        Output { stdout, end }
    }

    /// Ends it. Has two seconds of its own where the time of the session is up.
    pub(super) async fn delete(self, dialogue: &mut Dialogue) {
        let request = self.about(names::DELETE);
        // Where the host does not hear this any more, the shell ends when it has idled enough.
        let until = dialogue.now() + GRACE;
        let _ = dialogue.exchange(&request, until).await;
    }

    async fn start(
        &self,
        dialogue: &mut Dialogue,
        line: &str,
        until: Instant,
    ) -> Result<String, TalkError> {
        let asked = line;
        let line = text_of(line);
        let request = self
            .about(names::COMMAND)
            .option("WINRS_CONSOLEMODE_STDIN", "TRUE")
            .option("WINRS_SKIP_CMD_SHELL", "FALSE")
            .body(format!(
                "<rsp:CommandLine><rsp:Command>{line}</rsp:Command></rsp:CommandLine>"
            ))
            .asking(asked);
        let answer = dialogue.exchange(&request, until).await?;
        let id = answer
            .child(Ns::Shell, "CommandResponse")
            .and_then(|response| response.child(Ns::Shell, "CommandId"));
        let id = id
            .and_then(name)
            .ok_or(SoapError::Lacks("name of the command"))?;
        Ok(id)
    }

    async fn receive(
        &self,
        dialogue: &mut Dialogue,
        command: &str,
        bounds: Bounds<'_>,
        stdout: &mut Vec<u8>,
    ) -> End {
        let request = self.about(names::RECEIVE).body(format!(
            "<rsp:Receive><rsp:DesiredStream CommandId=\"{}\">stdout stderr</rsp:DesiredStream></rsp:Receive>",
            text_of(command)
        ));
        let mut seen = 0;
        loop {
            let before = stdout.len();
            let read = match dialogue.exchange(&request, bounds.until).await {
                Ok(answer) => take(&answer, command, stdout),
                Err(TalkError::Late) => return End::TimedOut,
                // It has written nothing for a while: that is no end.
                Err(error) if error.meaning() == Some(Meaning::TimedOut) => Ok(false),
                Err(error) => Err(error),
            };
            match read {
                Err(error) => return End::Failed(error),
                Ok(_) if stdout.len() > bounds.bytes => return End::TooMuch,
                Ok(_) if !dialogue.holds(stdout.len() - before) => return End::TooMuch,
                Ok(true) => return End::Done,
                Ok(false) => {}
            }
            if said(stdout, &mut seen, bounds.last) {
                return End::Done;
            }
        }
    }

    async fn signal(
        &self,
        dialogue: &mut Dialogue,
        command: &str,
        until: Instant,
    ) -> Result<Node, TalkError> {
        let request = self
            .about(names::SIGNAL)
            .body(format!(
                "<rsp:Signal CommandId=\"{}\"><rsp:Code>{}</rsp:Code></rsp:Signal>",
                text_of(command),
                names::TERMINATE
            ))
            .asking("terminate");
        dialogue.exchange(&request, until).await
    }

    fn about(&self, action: &str) -> Request {
        Request::new(names::CMD, action).select("ShellId", self.id.as_str())
    }
}

/// Adds what an answer to Receive holds; whether the command has ended.
fn take(body: &Node, command: &str, stdout: &mut Vec<u8>) -> Result<bool, TalkError> {
    let response = body.child(Ns::Shell, "ReceiveResponse");
    let response = response.ok_or(SoapError::Lacks("output"))?;
    let ours = |node: &&Node| {
        let of = node.attribute("CommandId");
        of.is_none_or(|id| id.eq_ignore_ascii_case(command))
    };
    let mut done = false;
    for node in response.children.iter().filter(ours) {
        if node.is(Ns::Shell, "CommandState") {
            done = done || node.attribute("State") == Some(names::DONE);
        }
        if node.is(Ns::Shell, "Stream") && node.attribute("Name") == Some("stdout") {
            let digits: String = node.text.split_ascii_whitespace().collect();
            let bytes = base64::decode(&digits);
            stdout.extend(bytes.ok_or(SoapError::Lacks("base 64 in its output"))?);
        }
    }
    Ok(done)
}

/// Whether the last word has come, its line whole. Looks at no byte twice but for the word's length.
fn said(stdout: &[u8], seen: &mut usize, last: &[u8]) -> bool {
    let from = seen.saturating_sub(last.len());
    let rest = stdout.get(from..).unwrap_or_default();
    let Some(at) = find(rest, last) else {
        *seen = stdout.len();
        return false;
    };
    *seen = from + at + last.len();
    stdout.get(*seen..).unwrap_or_default().contains(&b'\n')
}

fn shell_id(body: &Node) -> Option<String> {
    let named = |node: &&Node| node.attribute("Name") == Some("ShellId");
    let created = body.child(Ns::Transfer, "ResourceCreated");
    let selectors = created.and_then(|node| node.find(Ns::Wsman, "SelectorSet"));
    let selector = selectors.and_then(|set| set.children.iter().find(named));
    selector
        .or_else(|| body.child(Ns::Shell, "Shell")?.child(Ns::Shell, "ShellId"))
        .and_then(name)
}

/// The name of a shell or a command, where it looks like one.
fn name(node: &Node) -> Option<String> {
    let name = node.text.trim();
    let fits = !name.is_empty() && name.len() <= 200;
    fits.then(|| name.to_owned())
}
