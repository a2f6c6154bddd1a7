//! Talking to a host: meeting it, logging in, asking.
//!
//! The three steps are three types, so that none can be skipped: [`Connector::meet`] tells
//! whether we know who answers, only a [`VerifiedPeer`] can be handed a password, and only a
//! login gives a [`Session`].
//!
//! What is sent to a host is a constant of the program ([`QuestionSet`]); what comes back is
//! hostile until a collector has read it, and capped here ([`Limits`]).

pub(crate) use crate::wire::base64;
mod certificate;
mod codepage;
mod error;
mod exchange;
#[cfg(any(fuzzing, test))]
pub mod fuzzing;
mod host_trust;
mod known_hosts;
mod limits;
mod local;
mod pam;
mod pem;
mod pins;
mod question;
mod replay;
mod review;
mod room;
mod secret;
mod ssh;
mod tcp;
mod transcript;
mod windows_error;
mod windows_shell;
mod winrm;
mod wmi_text;
mod wording;

pub use codepage::decode as decode_page;
pub use error::{KeyError, LoginError, LoginRefusal, MeetError, SessionError};
pub use exchange::Exchange;
pub use host_trust::{
    Channel, FirstUse, LoggedIn, Met, NtlmOverHttp, StrangerPeer, Verified, VerifiedPeer,
};
pub use known_hosts::{Judgement, KnownHostsReport, KnownKeys, Place, Source};
pub use limits::Limits;
pub use local::Local;
pub use pins::{
    ParsedPin, ParsedPins, certificate_key, parse_pins, public_key_bits, read_public_key,
};
pub use question::{Answers, Ask, Loss, Needs, Nonce, Parsed, Question, QuestionSet, Reply, View};
pub use replay::{Replay, ReplayConnector, ReplayHost};
pub use review::{Reviewed, is_review, parse_review, review_text};
pub use room::{Memory, Room};
pub use secret::{
    ClientCertificate, KerberosWay, Key, Password, Permit, Proof, Signer, SudoProof, WindowsLogon,
    WindowsSecret,
};
pub use ssh::{
    Bastion, Lane, ROOT_SHELL, SshConnector, SshFace, SshFaces, SshKey, Way, ssh_face, ssh_faces,
    sudo_command,
};
pub use windows_error::{KerberosFailure, KerberosRefusal, TrustError};
pub use windows_shell::{Put, WindowsShell};
pub use winrm::{Authorities, Centres, Challenge, Names, NoNames, WinrmConnector};
pub use wmi_text::WmiRow;
pub use wording::{ProtocolRequest, SSH_WINDOWS_REQUESTS, WINRM_REQUESTS, Wording, wordings};

use crate::model::LiveHost;
use async_trait::async_trait;
use std::sync::Arc;

/// Meets hosts over one protocol.
#[async_trait]
pub trait Connector: Send + Sync {
    /// Connects to a port and finds out whether we know who answers. Nothing secret is sent.
    async fn meet(&self, host: &LiveHost, port: u16, limits: &Limits) -> Result<Met, MeetError>;

    /// Whether any key is on record for the host: without one it can only be a stranger.
    fn knows(&self, host: &LiveHost, port: u16) -> bool;

    /// The same by another way, as a credential demands it; `None` where there is no other.
    fn by(&self, _way: Way) -> Option<Arc<dyn Connector>> {
        None
    }
}

/// An open session on one host.
#[async_trait]
pub trait Session: Send {
    /// Asks a whole set of questions in one exchange.
    ///
    /// A question that fails leaves a gap with its cause; it is an error only when there is not
    /// one answer. Never lasts longer than [`Limits::deadline`].
    async fn ask(&mut self, set: &QuestionSet, limits: &Limits) -> Result<Answers, SessionError>;

    /// Asks a set as root, by way of `sudo` where that asks for no password; only to be called where
    /// the credential says so: a host may tell its administrators of every refusal.
    async fn ask_as_root(
        &mut self,
        _set: &QuestionSet,
        _limits: &Limits,
    ) -> Result<Answers, SessionError> {
        Err(SessionError::SudoDenied(String::new()))
    }

    /// What was said and heard since this was last asked, in order: every command and request, but for the
    /// login itself.
    fn exchanges(&mut self) -> Vec<Exchange> {
        Vec::new()
    }

    /// Asks a set as root, by way of `sudo`, which is told the account's password once and only where
    /// it asks for it.
    async fn ask_as_root_with_password(
        &mut self,
        _set: &QuestionSet,
        _proof: SudoProof<'_>,
        _limits: &Limits,
    ) -> SudoEnd {
        SudoEnd {
            answers: Err(SessionError::SudoDenied(String::new())),
            password: Told::Never,
        }
    }

    /// Uses the session for nothing but connections to others; `None` where the protocol knows no such
    /// thing.
    fn into_bastion(self: Box<Self>) -> Option<Bastion> {
        None
    }

    /// Says goodbye. Dropping the session closes it as well, without a word.
    async fn close(self: Box<Self>);
}

/// How asking as root by a password ended.
#[derive(Debug)]
pub struct SudoEnd {
    /// The answers, or why there are none.
    pub answers: Result<Answers, SessionError>,
    /// What became of the password.
    pub password: Told,
}

/// What became of a password that a host may ask for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Told {
    /// It was not sent.
    Never,
    /// It was sent, and is right.
    Right,
    /// It was sent, and nobody knows, or it is wrong.
    Unproven,
}
