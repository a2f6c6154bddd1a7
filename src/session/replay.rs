//! Hosts that answer from a recording: for tests, without a network.

use super::host_trust::{self, Door, Introduction, LoggedIn};
use super::known_hosts::{KnownKeys, Place};
use super::{
    Answers, Connector, Limits, LoginError, LoginRefusal, MeetError, Met, Password, Permit,
    QuestionSet, Reply, Session, SessionError, Signer,
};
use crate::model::{HostKey, LiveHost};
use async_trait::async_trait;
use std::collections::BTreeMap;
use std::io;
use std::net::IpAddr;
use std::sync::Arc;

/// A session that answers from a recording. What was not recorded is not there (exit 127).
#[derive(Clone, Debug, Default)]
pub struct Replay {
    replies: Arc<BTreeMap<String, Reply>>,
}

impl Replay {
    /// Takes the replies by question id.
    pub fn new(replies: BTreeMap<String, Reply>) -> Self {
        let replies = Arc::new(replies);
        Self { replies }
    }
}

#[async_trait]
impl Session for Replay {
    async fn ask(&mut self, set: &QuestionSet, limits: &Limits) -> Result<Answers, SessionError> {
        let not_found = Reply {
            exit: 127,
            stdout: Vec::new(),
        };
        let mut answers = Answers::default();
        for question in set.questions {
            let reply = self.replies.get(question.id).unwrap_or(&not_found);
            answers.record(question.id, reply, limits);
        }
        Ok(answers)
    }

    async fn close(self: Box<Self>) {}
}

/// A recorded host, and what it demands of a visitor.
#[derive(Clone, Debug)]
pub struct ReplayHost {
    /// Its key.
    pub key: HostKey,
    /// What it answers.
    pub answers: Replay,
    /// Whether it accepts any password.
    pub accepts_passwords: bool,
    /// Whether it accepts any key.
    pub accepts_keys: bool,
}

/// Meets recorded hosts.
#[derive(Clone, Debug, Default)]
pub struct ReplayConnector {
    /// The recorded hosts.
    pub hosts: BTreeMap<IpAddr, ReplayHost>,
    /// The host keys we remember.
    pub known: KnownKeys,
}

#[async_trait]
impl Connector for ReplayConnector {
    async fn meet(&self, host: &LiveHost, port: u16, _: &Limits) -> Result<Met, MeetError> {
        let nobody = || MeetError::PortClosed(io::ErrorKind::ConnectionRefused.into());
        let replay = self.hosts.get(&host.address).cloned().ok_or_else(nobody)?;
        let place = Place::of(host, port);
        let shown = Introduction {
            key: replay.key.clone(),
            banner: "SSH-2.0-Replay".to_owned(),
            channel: host_trust::Channel::Ssh,
            door: Box::new(replay),
            remarks: Vec::new(),
        };
        host_trust::admit(&self.known, &place, shown)
    }

    fn knows(&self, host: &LiveHost, port: u16) -> bool {
        self.known.knows(&Place::of(host, port))
    }
}

#[async_trait]
impl Door for ReplayHost {
    async fn open_with_signer(
        self: Box<Self>,
        _user: &str,
        _signer: Signer<'_>,
        _limits: &Limits,
    ) -> Result<LoggedIn, LoginError> {
        if !self.accepts_keys {
            return Err(LoginError::KeysRefused(LoginRefusal::default()));
        }
        Ok(self.logged_in("publickey"))
    }

    async fn open_with_password(
        self: Box<Self>,
        _user: &str,
        _secret: (&Password, Permit),
        _limits: &Limits,
    ) -> Result<LoggedIn, LoginError> {
        if !self.accepts_passwords {
            return Err(LoginError::PasswordRefused(LoginRefusal::default()));
        }
        Ok(self.logged_in("password"))
    }
}

impl ReplayHost {
    fn logged_in(self, method: &'static str) -> LoggedIn {
        LoggedIn {
            session: Box::new(self.answers),
            method,
            secret_sent: method == "password",
            said: String::new(),
            trust: None,
            challenge: None,
            remarks: Vec::new(),
            verified: None,
        }
    }
}
