//! What is said over WinRM: WS-Management (DSP0226, MS-WSMV), from a set of questions to answers.
//!
//! WQL over Enumerate and Pull for what WMI knows; one command shell, always deleted, for the
//! registry and the tools; the registry by way of WMI where there is no shell; PowerShell where
//! the rest is refused. One request at a time, everything by an XML parser, everything capped.
//!
//! A future of [`Session::ask`] that is dropped midway leaves its shell to [`Session::close`], if
//! the connection is still in order; else the host ends it after a minute without us, which Create
//! asked for.

mod ask;
mod dialogue;
mod envelope;
mod fault;
mod frames;
mod names;
mod powershell;
mod registry;
mod shell;
mod shelled;
mod soap;
#[cfg(test)]
mod tests;
mod wmi;

use super::courier::Courier;
use crate::session::{Answers, Exchange, Limits, QuestionSet, Session, SessionError};
use ask::Round;
use async_trait::async_trait;
use dialogue::{Dialogue, TalkError};
use shell::Shell;
use soap::{Ns, SoapError};
use tokio::time::Instant;

/// Opens a session over a connection that is logged in. Nothing is sent yet.
pub(in crate::session) fn open_session(courier: Box<dyn Courier>) -> Box<dyn Session> {
    Box::new(Wsman::new(Dialogue::new(courier)))
}

/// What a service says of itself. Hostile, each in one line and cut short.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(in crate::session) struct Identity {
    /// `Microsoft Corporation`.
    pub vendor: String,
    /// `OS: 10.0.20348 SP: 0.0 Stack: 3.0`.
    pub version: String,
    /// The version of the protocol, a URI.
    pub protocol: String,
}

/// Asks a service what it is (DSP0226 section 11): the shortest proof that login, sealing and
/// service are in order.
#[cfg_attr(
    not(test),
    expect(dead_code, reason = "for a command that tries a login without a scan")
)]
pub(in crate::session) async fn identify(
    courier: Box<dyn Courier>,
    until: Instant,
) -> Result<Identity, SessionError> {
    let mut dialogue = Dialogue::new(courier);
    let is_local = dialogue.is_local_account();
    let answer = dialogue.identify(until).await.and_then(|body| {
        let found = body.child(Ns::Identity, "IdentifyResponse");
        let node = found.ok_or(SoapError::Lacks("identity"))?;
        let line = |name| {
            let child = node.child(Ns::Identity, name);
            child.map_or(String::new(), |child| fault::one_line(&child.text))
        };
        Ok(Identity {
            vendor: line("ProductVendor"),
            version: line("ProductVersion"),
            protocol: line("ProtocolVersion"),
        })
    });
    answer.map_err(|error: TalkError| ask::why(&error, is_local))
}

/// A session over WinRM.
struct Wsman {
    dialogue: Dialogue,
    /// The shell that is open.
    shell: Option<Shell>,
}

impl Wsman {
    fn new(dialogue: Dialogue) -> Self {
        let shell = None;
        Self { dialogue, shell }
    }

    async fn leave(&mut self) {
        if let Some(shell) = self.shell.take() {
            shell.delete(&mut self.dialogue).await;
        }
    }
}

#[async_trait]
impl Session for Wsman {
    async fn ask(&mut self, set: &QuestionSet, limits: &Limits) -> Result<Answers, SessionError> {
        self.leave().await;
        let mut round = Round::new(&mut self.dialogue, &mut self.shell, limits);
        round.run(set).await;
        let answers = round.conclude(set);
        self.leave().await;
        answers
    }

    fn exchanges(&mut self) -> Vec<Exchange> {
        self.dialogue.exchanges()
    }

    async fn close(mut self: Box<Self>) {
        self.leave().await;
    }
}
