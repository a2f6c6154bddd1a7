//! SSH (RFC 4251 to 4254), over russh.
//!
//! This file opens the connection and makes the acquaintance; `login` proves who we are, and
//! `exchange` asks; `sudo` becomes root by a password, `windows` asks a Windows; `jump` goes on from one
//! host to others.

mod algorithms;
mod exchange;
mod greeting;
mod handshake;
mod jump;
mod login;
mod look;
mod offer;
mod prompt;
mod sudo;
mod windows;
mod wire;

pub use jump::{Bastion, Lane};
pub use look::{SshFace, SshFaces, SshKey, ssh_face, ssh_faces};
pub use sudo::{ROOT_SHELL, sudo_command};

use super::certificate::Vouching;
use super::host_trust::{self, Channel, Introduction};
use super::known_hosts::host_key_of_blob;
use super::tcp::connect;
use super::{Connector, KnownKeys, Limits, MeetError, Met, Place};
use crate::model::{HostKey, HostTrust, LiveHost};
use async_trait::async_trait;
use russh::keys::PublicKey;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::sleep;
use wire::Duplex;

/// Reads a server's first words: only there when fuzzing.
#[cfg(any(fuzzing, test))]
pub(super) async fn greet(mut bytes: &[u8]) {
    let _ = greeting::read(&mut bytes).await;
}

/// Exchanges keys with whoever is there, as far as that goes: only there when fuzzing.
#[cfg(any(fuzzing, test))]
pub(super) async fn hear_out(mut stream: tokio::io::DuplexStream) -> Option<HostKey> {
    let greeting = greeting::read(&mut stream).await.ok()?;
    let place = Place {
        name: None,
        address: [192, 0, 2, 1].into(),
        port: 22,
    };
    let known = Arc::default();
    let met = handshake::shake_hands(Box::new(stream), greeting, &known, &place, true).await;
    met.ok().map(|(_, key)| key)
}

/// Meets hosts over SSH.
#[derive(Clone, Debug, Default)]
pub struct SshConnector {
    known: Arc<KnownKeys>,
    way: Way,
}

/// How a host is reached and spoken to, where a credential demands it; else directly, and safely.
#[derive(Clone, Debug, Default)]
pub struct Way {
    /// Whether old algorithms may be used: SHA-1, CBC, groups of 1024 bits.
    pub legacy: bool,
    /// Through which host, if not directly.
    pub through: Option<Lane>,
}

impl SshConnector {
    /// Takes the host keys that the operator vouches for.
    pub fn new(known: Arc<KnownKeys>) -> Self {
        let way = Way::default();
        Self { known, way }
    }
}

#[async_trait]
impl Connector for SshConnector {
    /// A connection that closes before the host has shown its key is tried again, up to four times
    /// after growing pauses: sshd drops connections at random when many come at once
    /// (`MaxStartups`), and nothing secret was sent.
    async fn meet(&self, host: &LiveHost, port: u16, limits: &Limits) -> Result<Met, MeetError> {
        let place = Place::of(host, port);
        let mut pauses = PAUSES_MS.iter();
        loop {
            let error = match self.meet_once(&place, limits).await {
                Ok(met) => return Ok(met),
                Err(error) if !is_worth_another_try(&error) => return Err(error),
                Err(error) => error,
            };
            let Some(pause) = pauses.next() else {
                return Err(error);
            };
            // Many hosts that were turned away together must not come back together.
            let pause = Duration::from_millis(rand::random_range(*pause..pause * 2));
            if limits.share.now() + pause >= limits.deadline {
                return Err(error);
            }
            sleep(pause).await;
        }
    }

    fn knows(&self, host: &LiveHost, port: u16) -> bool {
        self.known.knows(&Place::of(host, port))
    }

    fn by(&self, way: Way) -> Option<Arc<dyn Connector>> {
        let known = Arc::clone(&self.known);
        Some(Arc::new(Self { known, way }))
    }
}

const PAUSES_MS: [u64; 4] = [150, 400, 900, 2000];

fn is_worth_another_try(error: &MeetError) -> bool {
    matches!(
        error,
        MeetError::Closed(_) | MeetError::Busy(_) | MeetError::Local(_)
    )
}

impl SshConnector {
    async fn meet_once(&self, place: &Place<'_>, limits: &Limits) -> Result<Met, MeetError> {
        let mut stream = self.open(place, limits).await?;
        let until = limits.within(limits.banner);
        // Nothing is written before an SSH server has spoken: the port may be anything's.
        let greeting = limits.timeout_at(until, greeting::read(&mut *stream)).await;
        let greeting = greeting.map_err(|_| MeetError::Timeout("its greeting"))??;
        let banner = greeting.banner.clone();

        let until = limits.within(limits.login);
        let legacy = self.way.legacy;
        let meeting = handshake::shake_hands(stream, greeting, &self.known, place, legacy);
        let meeting = Box::pin(limits.timeout_at(until, meeting)).await;
        let (link, key) = meeting.map_err(|_| MeetError::Timeout("the key exchange"))??;
        let (vouching, old) = {
            let seen = link.seen.lock();
            (seen.vouching.clone(), seen.old.clone())
        };
        let certified = matches!(vouching, Some(Vouching::Good)).then_some(HostTrust::HostCa);
        let shown = Introduction {
            key,
            banner,
            channel: Channel::Ssh,
            door: Box::new(login::SshDoor::new(link)),
            remarks: remarks(vouching, &old),
        };
        host_trust::admit_by_certificate(&self.known, place, shown, certified)
    }

    async fn open(&self, place: &Place<'_>, limits: &Limits) -> Result<Box<dyn Duplex>, MeetError> {
        if let Some(lane) = &self.way.through {
            return lane.connect(place, limits).await;
        }
        let to = SocketAddr::new(place.address, place.port);
        Ok(Box::new(connect(to, limits).await?))
    }
}

/// What is worth saying of a meeting.
fn remarks(vouching: Option<Vouching>, old: &[String]) -> Vec<String> {
    let unused = match vouching {
        Some(Vouching::None(why)) => Some(format!("its certificate does not count: {why}")),
        _ => None,
    };
    let old = match old {
        [] => None,
        old => Some(format!("old algorithms: {}", old.join(", "))),
    };
    unused.into_iter().chain(old).collect()
}

/// The name of a public key.
pub(super) fn host_key_of_public(key: &PublicKey) -> HostKey {
    let named = key.to_bytes().ok().and_then(|blob| host_key_of_blob(&blob));
    named.unwrap_or_else(|| HostKey {
        algorithm: key.algorithm().as_str().to_owned(),
        fingerprint: String::new(),
    })
}
