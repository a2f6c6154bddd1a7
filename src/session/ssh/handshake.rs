//! The key exchange: which key the host shows, and what we know of it.

use super::algorithms;
use super::greeting::Greeting;
use super::host_key_of_public;
use super::wire::{Duplex, Wire};
use crate::model::{HostKey, UtcTime};
use crate::session::certificate::{self, Vouching};
use crate::session::host_trust::changed;
use crate::session::transcript::plain;
use crate::session::{Judgement, KnownKeys, MeetError, Place};
use russh::client::{self, ChannelOpenHandle, DisconnectReason, Handle, Msg};
use russh::keys::{PublicKey, PublicKeyOrCertificate};
use russh::{AlgorithmKind, Channel, Names, SshId};
use std::borrow::Cow;
use std::net::IpAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio_rustls::rustls::pki_types::UnixTime;
use tokio_util::sync::{CancellationToken, DropGuard};

/// An open connection on which nobody has logged in, or somebody has.
pub(super) struct Link {
    pub(super) handle: Handle<Listener>,
    pub(super) seen: SharedSeen,
    /// Whether old algorithms are allowed.
    pub(super) legacy: bool,
    received: Arc<AtomicU64>,
    cut: CancellationToken,
    _cut_on_drop: DropGuard,
}

impl Link {
    /// How many bytes the host has sent.
    pub(super) fn received(&self) -> u64 {
        self.received.load(Ordering::Relaxed)
    }

    /// Ends the connection now, in the middle of whatever it does.
    pub(super) fn cut(&self) {
        self.cut.cancel();
    }
}

/// What the host has shown and said.
#[derive(Clone, Debug, Default)]
pub(super) struct Seen {
    /// Its key, which it proved to hold.
    key: Option<HostKey>,
    /// The same in full, as OpenSSH writes it: `ssh-ed25519 AAAA…`.
    pub(super) public_key: String,
    /// What we know says about that.
    judgement: Option<Judgement>,
    /// What its certificate is worth, if it showed one.
    pub(super) vouching: Option<Vouching>,
    /// The old algorithms that were agreed on.
    pub(super) old: Vec<String>,
    /// Its banners during the login. Hostile; capped.
    pub(super) said: String,
    pub(super) banners: usize,
    /// Its own words when it hung up. Hostile; capped.
    pub(super) farewell: Option<String>,
    /// It refused, and left no method to try.
    pub(super) refused_for_good: bool,
    /// How the connection broke, if it did.
    pub(super) broke: Option<String>,
}

/// [`Seen`], shared between russh's task and ours.
#[derive(Clone, Debug, Default)]
pub(super) struct SharedSeen(Arc<Mutex<Seen>>);

impl SharedSeen {
    pub(super) fn lock(&self) -> MutexGuard<'_, Seen> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Exchanges keys, with old algorithms if need be where they are allowed. Refuses at once where the host's
/// key contradicts what we know and no authority vouches for it.
pub(super) async fn shake_hands(
    stream: Box<dyn Duplex>,
    greeting: Greeting,
    known: &Arc<KnownKeys>,
    place: &Place<'_>,
    legacy: bool,
) -> Result<(Link, HostKey), MeetError> {
    let config = config(known, place, legacy);
    shake_hands_by((config, legacy), stream, greeting, (known, place)).await
}

/// The same, with algorithms of the caller's choice; `legacy` where old ones are among them.
pub(super) async fn shake_hands_by(
    (config, legacy): (client::Config, bool),
    stream: Box<dyn Duplex>,
    greeting: Greeting,
    (known, place): (&Arc<KnownKeys>, &Place<'_>),
) -> Result<(Link, HostKey), MeetError> {
    let cut = CancellationToken::new();
    let cut_on_drop = cut.clone().drop_guard();
    let wire = Wire::new(stream, greeting.bytes, cut.clone());
    let received = wire.received();
    let seen = SharedSeen::default();
    let listener = Listener {
        known: Arc::clone(known),
        name: place.name.map(str::to_owned),
        address: place.address,
        port: place.port,
        seen: seen.clone(),
    };
    let handle = client::connect_stream(Arc::new(config), wire, listener).await;
    let heard = seen.lock().clone();
    let handle = handle.map_err(|error| why_no_exchange(error, &heard))?;
    let key = heard.key.ok_or(MeetError::Closed("its key"))?;
    let link = Link {
        handle,
        seen,
        legacy,
        received,
        cut,
        _cut_on_drop: cut_on_drop,
    };
    Ok((link, key))
}

fn why_no_exchange(error: russh::Error, heard: &Seen) -> MeetError {
    if let Some(Vouching::Revoked(authority)) = &heard.vouching {
        return changed(authority.clone(), &[], true);
    }
    if let (Some(key), Some(Judgement::Changed { known, revoked })) = (&heard.key, &heard.judgement)
    {
        return changed(key.clone(), known, *revoked);
    }
    match error {
        russh::Error::NoCommonAlgo { kind, theirs, .. } => MeetError::KexMismatch {
            kind: kind_name(&kind),
            legacy: algorithms::old_among(&theirs).join(", "),
            theirs: plain(theirs.join(",").as_bytes()),
        },
        russh::Error::IO(_)
        | russh::Error::HUP
        | russh::Error::Disconnect
        | russh::Error::SendError => match &heard.farewell {
            Some(words) if !words.is_empty() => MeetError::Busy(words.clone()),
            _ => MeetError::Closed("the key exchange was done"),
        },
        error => MeetError::Protocol(Box::new(error)),
    }
}

fn kind_name(kind: &AlgorithmKind) -> &'static str {
    match kind {
        AlgorithmKind::Kex => "key exchange",
        AlgorithmKind::Key => "host key algorithm",
        AlgorithmKind::Cipher => "cipher",
        AlgorithmKind::Compression => "compression",
        AlgorithmKind::Mac => "message authentication",
    }
}

pub(super) fn config(known: &KnownKeys, place: &Place<'_>, legacy: bool) -> client::Config {
    client::Config {
        client_id: SshId::Standard(Cow::Borrowed(concat!(
            "SSH-2.0-underdesk_",
            env!("CARGO_PKG_VERSION")
        ))),
        preferred: algorithms::preferred(known, place, legacy),
        window_size: 4 << 20,
        maximum_packet_size: 32 << 10,
        channel_buffer_size: 32,
        inactivity_timeout: None,
        gex: algorithms::groups(),
        nodelay: true,
        ..client::Config::default()
    }
}

/// The time, as TLS certificates are judged by it as well.
pub(super) fn now() -> UtcTime {
    let seconds = UnixTime::now().as_secs();
    UtcTime::from_unix(i64::try_from(seconds).unwrap_or(i64::MAX))
}

/// Hears what the host says of itself. Turns away whatever it would open on our side.
pub(super) struct Listener {
    known: Arc<KnownKeys>,
    name: Option<String>,
    address: IpAddr,
    port: u16,
    seen: SharedSeen,
}

impl client::Handler for Listener {
    type Error = russh::Error;

    async fn check_server_key(
        &mut self,
        shown: &PublicKeyOrCertificate,
    ) -> Result<bool, russh::Error> {
        let place = Place {
            name: self.name.as_deref(),
            address: self.address,
            port: self.port,
        };
        let (key, vouching) = match shown {
            PublicKeyOrCertificate::PublicKey { key, .. } => (key.clone(), None),
            PublicKeyOrCertificate::Certificate(shown) => {
                let key = PublicKey::new(shown.public_key().clone(), "");
                let vouching = certificate::vouch(&self.known, &place, shown, now());
                (key, Some(vouching))
            }
        };
        let public_key = key.to_openssh().unwrap_or_default();
        let key = host_key_of_public(&key);
        let judgement = self.known.judge(&place, &key);
        let may_go_on = match (&judgement, &vouching) {
            (_, Some(Vouching::Revoked(_))) | (Judgement::Changed { revoked: true, .. }, _) => {
                false
            }
            (_, Some(Vouching::Good)) => true,
            (judgement, _) => !matches!(judgement, Judgement::Changed { .. }),
        };
        let mut seen = self.seen.lock();
        // A later exchange must not bring another host into the conversation.
        let is_same = seen.key.as_ref().is_none_or(|first| *first == key);
        if seen.key.is_none() {
            seen.key = Some(key);
            seen.public_key = public_key;
            seen.judgement = Some(judgement);
            seen.vouching = vouching;
        }
        Ok(may_go_on && is_same)
    }

    async fn kex_done(
        &mut self,
        _: Option<&[u8]>,
        names: &Names,
        _: &mut client::Session,
    ) -> Result<(), russh::Error> {
        self.seen.lock().old = algorithms::old_in(names);
        Ok(())
    }

    async fn auth_banner(
        &mut self,
        banner: &str,
        _: &mut client::Session,
    ) -> Result<(), russh::Error> {
        const KEPT: usize = 4 << 10;
        let mut seen = self.seen.lock();
        seen.banners += 1;
        let room = KEPT.saturating_sub(seen.said.len());
        seen.said.extend(banner.chars().take(room));
        Ok(())
    }

    async fn disconnected(
        &mut self,
        reason: DisconnectReason<russh::Error>,
    ) -> Result<(), russh::Error> {
        let mut seen = self.seen.lock();
        match reason {
            DisconnectReason::ReceivedDisconnect(words) => {
                seen.farewell = Some(plain(words.message.as_bytes()));
                Ok(())
            }
            DisconnectReason::Error(error) => {
                seen.refused_for_good = matches!(error, russh::Error::NoAuthMethod);
                seen.broke = Some(plain(error.to_string().as_bytes()));
                Err(error)
            }
        }
    }

    // Dropping the handle of a channel refuses it. russh's defaults would open one.

    async fn server_channel_open_forwarded_tcpip(
        &mut self,
        _: Channel<Msg>,
        _: &str,
        _: u32,
        _: &str,
        _: u32,
        _: ChannelOpenHandle,
        _: &mut client::Session,
    ) -> Result<(), russh::Error> {
        Ok(())
    }

    async fn server_channel_open_forwarded_streamlocal(
        &mut self,
        _: Channel<Msg>,
        _: &str,
        _: ChannelOpenHandle,
        _: &mut client::Session,
    ) -> Result<(), russh::Error> {
        Ok(())
    }

    async fn server_channel_open_agent_forward(
        &mut self,
        _: Channel<Msg>,
        _: ChannelOpenHandle,
        _: &mut client::Session,
    ) -> Result<(), russh::Error> {
        Ok(())
    }

    async fn server_channel_open_session(
        &mut self,
        _: Channel<Msg>,
        _: ChannelOpenHandle,
        _: &mut client::Session,
    ) -> Result<(), russh::Error> {
        Ok(())
    }

    async fn server_channel_open_direct_tcpip(
        &mut self,
        _: Channel<Msg>,
        _: &str,
        _: u32,
        _: &str,
        _: u32,
        _: ChannelOpenHandle,
        _: &mut client::Session,
    ) -> Result<(), russh::Error> {
        Ok(())
    }

    async fn server_channel_open_direct_streamlocal(
        &mut self,
        _: Channel<Msg>,
        _: &str,
        _: ChannelOpenHandle,
        _: &mut client::Session,
    ) -> Result<(), russh::Error> {
        Ok(())
    }

    async fn server_channel_open_x11(
        &mut self,
        _: Channel<Msg>,
        _: &str,
        _: u32,
        _: ChannelOpenHandle,
        _: &mut client::Session,
    ) -> Result<(), russh::Error> {
        Ok(())
    }
}
