//! The key exchange: which algorithms are safe enough, and which key the host shows.

use super::greeting::Greeting;
use super::host_key_of_public;
use super::wire::Wire;
use crate::model::HostKey;
use crate::session::host_trust::changed;
use crate::session::transcript::plain;
use crate::session::{Judgement, KnownKeys, MeetError, Place};
use russh::client::{self, ChannelOpenHandle, DisconnectReason, Handle, Msg};
use russh::keys::{Algorithm, EcdsaCurve, HashAlg, PublicKeyOrCertificate};
use russh::{AlgorithmKind, Channel, Preferred, SshId, cipher, kex, mac};
use std::borrow::Cow;
use std::net::IpAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::net::TcpStream;
use tokio_util::sync::{CancellationToken, DropGuard};

/// An open connection on which nobody has logged in, or somebody has.
pub(super) struct Link {
    pub(super) handle: Handle<Listener>,
    pub(super) seen: SharedSeen,
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

/// Exchanges keys. Refuses at once where the host's key contradicts what we know.
pub(super) async fn shake_hands(
    tcp: TcpStream,
    greeting: Greeting,
    known: &Arc<KnownKeys>,
    place: &Place<'_>,
) -> Result<(Link, HostKey), MeetError> {
    let config = config(known, place);
    shake_hands_by(config, tcp, greeting, (known, place)).await
}

/// The same, with algorithms of the caller's choice.
pub(super) async fn shake_hands_by(
    config: client::Config,
    tcp: TcpStream,
    greeting: Greeting,
    (known, place): (&Arc<KnownKeys>, &Place<'_>),
) -> Result<(Link, HostKey), MeetError> {
    let cut = CancellationToken::new();
    let cut_on_drop = cut.clone().drop_guard();
    let wire = Wire::new(tcp, greeting.bytes, cut.clone());
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
        received,
        cut,
        _cut_on_drop: cut_on_drop,
    };
    Ok((link, key))
}

fn why_no_exchange(error: russh::Error, heard: &Seen) -> MeetError {
    if let (Some(key), Some(Judgement::Changed { known, revoked })) = (&heard.key, &heard.judgement)
    {
        return changed(key.clone(), known, *revoked);
    }
    match error {
        russh::Error::NoCommonAlgo { kind, theirs, .. } => MeetError::KexMismatch {
            kind: kind_name(&kind),
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

/// What we speak: nothing that needs SHA-1, CBC or DSA, and no compression.
pub(super) fn config(known: &KnownKeys, place: &Place<'_>) -> client::Config {
    let mut keys = HOST_KEYS.to_vec();
    // Ask first for a key that we can compare, as OpenSSH does.
    let algorithms = known.algorithms(place);
    keys.sort_by_key(|algorithm| !algorithms.contains(key_type(algorithm)));
    let preferred = Preferred {
        kex: Cow::Borrowed(KEY_EXCHANGES),
        key: Cow::Owned(keys),
        cipher: Cow::Borrowed(CIPHERS),
        mac: Cow::Borrowed(MACS),
        compression: Cow::Borrowed(&[russh::compression::NONE]),
        ..Preferred::DEFAULT
    };
    client::Config {
        client_id: SshId::Standard(Cow::Borrowed(concat!(
            "SSH-2.0-underdesk_",
            env!("CARGO_PKG_VERSION")
        ))),
        preferred,
        window_size: 4 << 20,
        maximum_packet_size: 32 << 10,
        channel_buffer_size: 32,
        inactivity_timeout: None,
        gex: client::GexParams::new(2048, 3072, 8192).unwrap_or_default(),
        nodelay: true,
        ..client::Config::default()
    }
}

/// The type of the keys that an algorithm signs with: `ssh-rsa` whatever the hash.
fn key_type(algorithm: &Algorithm) -> &str {
    match algorithm {
        Algorithm::Rsa { .. } => "ssh-rsa",
        other => other.as_str(),
    }
}

const HOST_KEYS: [Algorithm; 6] = [
    Algorithm::Ed25519,
    Algorithm::Ecdsa {
        curve: EcdsaCurve::NistP256,
    },
    Algorithm::Ecdsa {
        curve: EcdsaCurve::NistP384,
    },
    Algorithm::Ecdsa {
        curve: EcdsaCurve::NistP521,
    },
    Algorithm::Rsa {
        hash: Some(HashAlg::Sha512),
    },
    Algorithm::Rsa {
        hash: Some(HashAlg::Sha256),
    },
];

pub(super) const KEY_EXCHANGES: &[kex::Name] = &[
    kex::CURVE25519,
    kex::CURVE25519_PRE_RFC_8731,
    kex::MLKEM768X25519_SHA256,
    kex::ECDH_SHA2_NISTP256,
    kex::ECDH_SHA2_NISTP384,
    kex::ECDH_SHA2_NISTP521,
    kex::DH_G14_SHA256,
    kex::DH_G16_SHA512,
    kex::DH_GEX_SHA256,
    kex::DH_G15_SHA512,
    kex::DH_G17_SHA512,
    kex::DH_G18_SHA512,
    kex::EXTENSION_SUPPORT_AS_CLIENT,
    kex::EXTENSION_OPENSSH_STRICT_KEX_AS_CLIENT,
];

pub(super) const CIPHERS: &[cipher::Name] = &[
    cipher::AES_128_GCM,
    cipher::AES_256_GCM,
    cipher::CHACHA20_POLY1305,
    cipher::AES_256_CTR,
    cipher::AES_192_CTR,
    cipher::AES_128_CTR,
];

pub(super) const MACS: &[mac::Name] = &[
    mac::HMAC_SHA256_ETM,
    mac::HMAC_SHA512_ETM,
    mac::HMAC_SHA256,
    mac::HMAC_SHA512,
];

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
        key: &PublicKeyOrCertificate,
    ) -> Result<bool, russh::Error> {
        // We offer no certificate algorithm, so a certificate is a breach of protocol.
        let PublicKeyOrCertificate::PublicKey { key, .. } = key else {
            return Ok(false);
        };
        let public_key = key.to_openssh().unwrap_or_default();
        let key = host_key_of_public(key);
        let place = Place {
            name: self.name.as_deref(),
            address: self.address,
            port: self.port,
        };
        let judgement = self.known.judge(&place, &key);
        let may_go_on = !matches!(judgement, Judgement::Changed { .. });
        let mut seen = self.seen.lock();
        // A later exchange must not bring another host into the conversation.
        let is_same = seen.key.as_ref().is_none_or(|first| *first == key);
        if seen.key.is_none() {
            seen.key = Some(key);
            seen.public_key = public_key;
            seen.judgement = Some(judgement);
        }
        Ok(may_go_on && is_same)
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
