//! Asking: one exec channel, a script in, frames out.

use super::handshake::Link;
use super::jump::Bastion;
use super::{sudo, windows};
use crate::session::exchange::MARKER;
use crate::session::transcript::{End, Transcript};
use crate::session::{
    Answers, Exchange, Limits, Nonce, QuestionSet, Session, SessionError, SudoEnd, SudoProof, Told,
};
use async_trait::async_trait;
use russh::{ChannelMsg, ChannelOpenFailure, ChannelReadHalf, Disconnect};
use std::time::Duration;
use tokio::time::timeout;

/// What is run on the host. The first works in a restricted bash, which refuses any `/`; the second
/// where the login shell finds no `sh`.
const SHELLS: [&str; 2] = ["sh -s", "/bin/sh -s"];

/// What is run on the host for a credential that may become root: it never asks, so it never waits.
const AS_ROOT: &str = "sudo -n sh -s";

/// An open session over SSH.
pub(super) struct SshSession {
    pub(super) link: Link,
    said: Vec<Exchange>,
}

impl SshSession {
    pub(super) fn new(link: Link) -> Self {
        let said = Vec::new();
        Self { link, said }
    }
}

#[async_trait]
impl Session for SshSession {
    async fn ask(&mut self, set: &QuestionSet, limits: &Limits) -> Result<Answers, SessionError> {
        if windows::is_for(set) {
            return windows::ask(self, set, limits).await;
        }
        let script = |nonce: &Nonce| set.script(nonce);
        let [first, second] = SHELLS;
        let (transcript, end) = self.run(first, script, limits).await;
        let (transcript, end) = if transcript.found_no_shell(end) {
            self.run(second, script, limits).await
        } else {
            (transcript, end)
        };
        transcript.conclude(end, set, limits)
    }

    async fn ask_as_root(
        &mut self,
        set: &QuestionSet,
        limits: &Limits,
    ) -> Result<Answers, SessionError> {
        let script = |nonce: &Nonce| set.script(nonce);
        let (transcript, end) = self.run(AS_ROOT, script, limits).await;
        let said = transcript.said();
        let answers = transcript.conclude(end, set, limits);
        answers.map_err(|error| match end {
            End::Exited(_) | End::Refused => SessionError::SudoDenied(said),
            _ => error,
        })
    }

    async fn ask_as_root_with_password(
        &mut self,
        set: &QuestionSet,
        proof: SudoProof<'_>,
        limits: &Limits,
    ) -> SudoEnd {
        // The password is in nothing that is told of it.
        let command = format!("exec {}", sudo::sudo_command(MARKER));
        let told = set.script(&Nonce::from_bytes([0; 16]));
        let told = told.replace(&Nonce::from_bytes([0; 16]).to_string(), MARKER);
        let said = Exchange::begin(command, String::new(), 0);
        let end = sudo::ask(&mut self.link, set, proof, limits).await;
        let word = match end.password {
            Told::Never => "no password was asked for, or none told",
            Told::Right => "the password was told, and was right",
            Told::Unproven => "the password was told, and not proven right",
        };
        self.said
            .push(said.with_answers(&end.answers, set, told, word));
        end
    }

    fn exchanges(&mut self) -> Vec<Exchange> {
        std::mem::take(&mut self.said)
    }

    fn into_bastion(self: Box<Self>) -> Option<Bastion> {
        Some(Bastion::new(self.link))
    }

    async fn close(self: Box<Self>) {
        const PATIENCE: Duration = Duration::from_millis(500);
        let Link { handle, .. } = &self.link;
        let goodbye = handle.disconnect(Disconnect::ByApplication, "", "");
        // Either way the connection ends here.
        let _ = timeout(PATIENCE, goodbye).await;
        let mut link = self.link;
        let _ = timeout(PATIENCE, &mut link.handle).await;
    }
}

impl SshSession {
    /// Runs a command on a channel of its own and tells it a script. Where that ends before the
    /// host does, the connection is cut.
    pub(super) async fn run(
        &mut self,
        command: &str,
        script: impl FnOnce(&Nonce) -> String,
        limits: &Limits,
    ) -> (Transcript, End) {
        let nonce = Nonce::random();
        let script = script(&nonce);
        let mut transcript = Transcript::new(nonce, limits);
        let told = transcript.without_marker(&script);
        let said = Exchange::begin(format!("exec {command}"), told, script.len());
        let exchange = self.exchange(command, script, &mut transcript);
        let end = Box::pin(limits.timeout_at(limits.deadline, exchange)).await;
        let end = end.unwrap_or(End::Deadline);
        self.said.push(said.ended(transcript.heard(), end.words()));
        if matches!(end, End::Over | End::Deadline) {
            self.link.cut();
        }
        (transcript, end)
    }

    async fn exchange(
        &mut self,
        command: &str,
        script: String,
        transcript: &mut Transcript,
    ) -> End {
        let channel = match self.link.handle.channel_open_session().await {
            Ok(channel) => channel,
            Err(russh::Error::ChannelOpenFailure(
                ChannelOpenFailure::AdministrativelyProhibited,
            )) => return End::Refused,
            Err(_) => return End::Lost,
        };
        let (mut incoming, outgoing) = channel.split();
        let tell = async {
            outgoing.exec(true, command).await?;
            outgoing.data_bytes(script).await?;
            outgoing.eof().await
        };
        let end = converse(&mut incoming, tell, transcript).await;
        let _ = outgoing.close().await;
        end
    }
}

/// Tells and hears at once: a host that talks before it listens must not block us.
pub(super) async fn converse(
    incoming: &mut ChannelReadHalf,
    tell: impl Future<Output = Result<(), russh::Error>>,
    transcript: &mut Transcript,
) -> End {
    tokio::pin!(tell);
    let mut telling = true;
    let mut exit = None;
    loop {
        let message = tokio::select! {
            message = incoming.wait() => message,
            told = &mut tell, if telling => {
                telling = false;
                if told.is_err() {
                    return End::Lost;
                }
                continue;
            }
        };
        let end = match message {
            Some(ChannelMsg::Data { data }) => transcript.hear(&data),
            Some(ChannelMsg::ExtendedData { data, .. }) => transcript.overhear(&data),
            Some(ChannelMsg::ExitStatus { exit_status }) => {
                exit = Some(exit_status);
                None
            }
            Some(ChannelMsg::Failure) => Some(End::Refused),
            None if exit.is_none() => Some(End::Lost),
            Some(ChannelMsg::Close) | None => Some(End::Exited(exit)),
            Some(_) => None,
        };
        if let Some(end) = end {
            return end;
        }
    }
}
