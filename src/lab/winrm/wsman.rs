//! What is done with a request: shells, WMI and the registry (MS-WSMV 3.1.4).

use super::commands::Console;
use super::config::Fault as Wrong;
use super::envelope::{Envelope, Message};
use super::host::Host;
use super::names::{CMD, CONFIG, ENUMERATION, SHELL, TRANSFER, WMI};
use super::reply::{self, Fault, guid};
use super::shells::Shell;
use super::xml::escape;
use crate::lab::seen::{Cover, Note};
use std::collections::BTreeSet;
use std::time::Duration;

/// Who sends a request, and how.
pub(super) struct Caller<'a> {
    pub(super) note: &'a Note,
    pub(super) user: &'a str,
    pub(super) cover: Cover,
}

/// What a client has to keep to over a connection.
#[derive(Debug, Default)]
pub(super) struct Manners {
    messages: BTreeSet<String>,
    session: Option<String>,
}

/// What comes back.
#[derive(Debug)]
pub(super) struct Handled {
    pub(super) status: u16,
    pub(super) body: Vec<u8>,
    /// Whether it answers a poll of a command.
    pub(super) is_poll: bool,
}

/// The action of a response and the inside of its body, or a fault.
pub(super) type Done = Result<(String, String), Fault>;

impl Host {
    /// Handles one message.
    pub(super) async fn handle(
        &self,
        caller: &Caller<'_>,
        manners: &mut Manners,
        bytes: &[u8],
    ) -> Handled {
        let done = |status, body, is_poll| Handled {
            status,
            body,
            is_poll,
        };
        let request = match Message::read(bytes) {
            Some(Message::Request(request)) => request,
            Some(Message::Identify) => {
                caller.note.request("Identify", caller.cover);
                return done(200, reply::identity(Some(&self.config.version)), false);
            }
            None => {
                caller.note.violation("a message that is no envelope");
                let fault = Fault::schema("The message is no SOAP 1.2 envelope.");
                return done(500, fault.envelope(None, &self.address), false);
            }
        };
        let action = request.action.rsplit('/').next().unwrap_or_default();
        caller.note.request(action, caller.cover);
        manners.judge(&request, caller.note);
        let is_poll = action == "Receive";
        match self.dispatch(caller, &request).await {
            Ok((action, body)) => done(200, reply::response(&request, &action, &body), is_poll),
            Err(fault) => done(
                500,
                fault.envelope(Some(&request.message), &self.address),
                false,
            ),
        }
    }

    async fn dispatch(&self, caller: &Caller<'_>, request: &Envelope) -> Done {
        if self.has(&Wrong::WsmanAccessDenied) {
            return Err(Fault::access_denied());
        }
        if request.message.is_empty() || request.action.is_empty() {
            return Err(Fault::bad_header("A header block is missing."));
        }
        let (resource, action) = (request.resource.as_str(), request.action.as_str());
        if resource.eq_ignore_ascii_case(CMD) {
            return self.shell(caller, request).await;
        }
        if resource.starts_with(CONFIG) && action == format!("{TRANSFER}/Get") {
            return Ok((format!("{TRANSFER}/GetResponse"), config()));
        }
        if !resource.to_ascii_lowercase().starts_with(WMI) {
            caller.note.violation(&format!("the resource {resource}"));
            return Err(Fault::no_such_resource());
        }
        if self.has(&Wrong::WmiAccessDenied) {
            return Err(Fault::wmi_access_denied());
        }
        let done = match action.strip_prefix(ENUMERATION) {
            Some("/Enumerate") => self.enumerate(caller.note, request).await,
            Some("/Pull") => self.pull(request),
            Some("/Release") => self.release(request),
            _ if action == format!("{TRANSFER}/Get") => self.get(caller.note, request),
            _ => self.invoke(caller.note, request),
        };
        done.inspect_err(|fault| {
            if *fault == Fault::no_such_action() {
                caller.note.violation(&format!("the action {action}"));
            }
        })
    }

    async fn shell(&self, caller: &Caller<'_>, request: &Envelope) -> Done {
        if request.action == format!("{TRANSFER}/Create") {
            return self.create(caller, request);
        }
        let id = request
            .selector("ShellId")
            .unwrap_or_default()
            .to_uppercase();
        {
            let state = self.state();
            let shell = state
                .shells
                .get(&id)
                .filter(|shell| shell.owner == caller.user);
            let shell = shell.ok_or_else(Fault::no_such_shell)?;
            if shell.connection != caller.note.index() {
                caller
                    .note
                    .violation("a shell over another connection than the one it came from");
            }
        }
        let done = |name: &str, body: String| Ok((format!("{SHELL}/{name}Response"), body));
        match request.action.strip_prefix(SHELL) {
            Some("/Command") => done("Command", self.command(caller, request, &id)?),
            Some("/Receive") => done("Receive", self.receive(caller, request, &id).await?),
            Some("/Signal") => done("Signal", self.signal(request, &id)?),
            _ if request.action == format!("{TRANSFER}/Delete") => {
                self.close(caller.note, &id);
                Ok((format!("{TRANSFER}/DeleteResponse"), String::new()))
            }
            _ => Err(Fault::no_such_action()),
        }
    }

    fn create(&self, caller: &Caller<'_>, request: &Envelope) -> Done {
        if self.has(&Wrong::ShellAccessDenied) {
            return Err(Fault::access_denied());
        }
        if self.has(&Wrong::QuotaShells) {
            return Err(Fault::too_many_shells());
        }
        let page = request
            .option("WINRS_CODEPAGE")
            .and_then(|page| page.parse().ok());
        let connection = caller.note.index();
        let shell = Shell::new(
            caller.user,
            connection,
            page.unwrap_or(self.config.oem_code_page),
        );
        let id = guid();
        let mut state = self.state();
        if state
            .shells
            .values()
            .any(|open| open.connection == connection)
        {
            caller.note.violation("a second shell beside the first");
        }
        state.shells.insert(id.clone(), shell);
        caller.note.shell_opened(&id);
        let owner = escape(caller.user);
        let body = format!(
            "<x:ResourceCreated><a:Address>http://{}/wsman</a:Address><a:ReferenceParameters>\
             <w:ResourceURI>{CMD}</w:ResourceURI><w:SelectorSet><w:Selector Name=\"ShellId\">{id}\
             </w:Selector></w:SelectorSet></a:ReferenceParameters></x:ResourceCreated>\
             <rsp:Shell><rsp:ShellId>{id}</rsp:ShellId><rsp:ResourceUri>{CMD}</rsp:ResourceUri>\
             <rsp:Owner>{owner}</rsp:Owner><rsp:InputStreams>stdin</rsp:InputStreams>\
             <rsp:OutputStreams>stdout stderr</rsp:OutputStreams></rsp:Shell>",
            self.address
        );
        Ok((format!("{TRANSFER}/CreateResponse"), body))
    }

    fn command(
        &self,
        caller: &Caller<'_>,
        request: &Envelope,
        shell: &str,
    ) -> Result<String, Fault> {
        let line = request.body.child(SHELL, "CommandLine");
        let command = line.and_then(|line| line.child(SHELL, "Command"));
        let (Some(line), Some(command)) = (line, command) else {
            return Err(Fault::schema("There is no command line."));
        };
        let arguments = line
            .children
            .iter()
            .filter(|child| child.is(SHELL, "Arguments"));
        let words: Vec<&str> = std::iter::once(command)
            .chain(arguments)
            .map(|word| word.text.as_str())
            .collect();
        let line = words.join(" ");
        caller.note.command(line.as_bytes());
        let denied = self.has(&Wrong::RegDenied);
        let ran = Console::run(&self.library, &line, &self.config.version, denied);
        for strange in &ran.strange {
            caller
                .note
                .violation(&format!("a command that is no question: {strange}"));
        }
        let flood = self.config.value(|fault| match fault {
            Wrong::HugeOutput(bytes) => Some(*bytes),
            _ => None,
        });
        let timeouts = self.config.value(|fault| match fault {
            Wrong::OpTimeoutReceive(polls) => Some(*polls),
            _ => None,
        });
        let mut state = self.state();
        let shell = state
            .shells
            .get_mut(shell)
            .ok_or_else(Fault::no_such_shell)?;
        let id = shell.keep(&ran, flood.unwrap_or(0), timeouts.unwrap_or(0));
        Ok(format!(
            "<rsp:CommandResponse><rsp:CommandId>{id}</rsp:CommandId></rsp:CommandResponse>"
        ))
    }

    async fn receive(
        &self,
        caller: &Caller<'_>,
        request: &Envelope,
        shell: &str,
    ) -> Result<String, Fault> {
        let receive = request.body.child(SHELL, "Receive");
        let wanted = receive.and_then(|receive| receive.child(SHELL, "DesiredStream"));
        let id = wanted
            .and_then(|wanted| wanted.attribute("CommandId"))
            .unwrap_or_default();
        if self.has(&Wrong::ReceiveKillsShell) {
            self.close(caller.note, shell);
            return Err(Fault::aborted());
        }
        let slow = {
            let mut state = self.state();
            let shell = state
                .shells
                .get_mut(shell)
                .ok_or_else(Fault::no_such_shell)?;
            let command = shell.command(id).ok_or_else(Fault::no_such_shell)?;
            let slow = command.timeouts > 0;
            command.timeouts = command.timeouts.saturating_sub(1);
            if !slow {
                let xml = command.poll(&id.to_uppercase(), request.max_size);
                return Ok(format!("<rsp:ReceiveResponse>{xml}</rsp:ReceiveResponse>"));
            }
            slow
        };
        if slow {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        Err(Fault::timed_out())
    }

    fn signal(&self, request: &Envelope, shell: &str) -> Result<String, Fault> {
        let signal = request.body.child(SHELL, "Signal");
        let id = signal
            .and_then(|signal| signal.attribute("CommandId"))
            .unwrap_or_default();
        let mut state = self.state();
        let shell = state
            .shells
            .get_mut(shell)
            .ok_or_else(Fault::no_such_shell)?;
        if shell.drop_command(id) {
            Ok("<rsp:SignalResponse/>".to_owned())
        } else {
            Err(Fault::no_such_shell())
        }
    }

    fn close(&self, note: &Note, shell: &str) {
        if self.state().shells.remove(shell).is_some() {
            note.shell_deleted(shell);
        }
    }
}

impl Manners {
    fn judge(&mut self, request: &Envelope, note: &Note) {
        for wrong in &request.wrongs {
            note.violation(wrong);
        }
        if !self.messages.insert(request.message.clone()) {
            note.violation("a MessageID twice");
        }
        let first = self
            .session
            .get_or_insert_with(|| request.session.clone().unwrap_or_default());
        if request
            .session
            .as_ref()
            .is_some_and(|session| session != first)
        {
            note.violation("another SessionId than before");
        }
    }
}

fn config() -> String {
    format!(
        "<c:Config xmlns:c=\"{CONFIG}\"><c:MaxEnvelopeSizekb>500</c:MaxEnvelopeSizekb>\
         <c:MaxTimeoutms>60000</c:MaxTimeoutms><c:MaxBatchItems>32000</c:MaxBatchItems></c:Config>"
    )
}
