//! Looking at the key of a host, without a login.

use super::{greeting, handshake};
use crate::model::HostKey;
use crate::session::tcp::connect;
use crate::session::{KnownKeys, Limits, MeetError, Place};
use russh::Disconnect;
use russh::keys::{Algorithm, EcdsaCurve, HashAlg};
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;
use tokio::time::timeout;

/// What an SSH server shows to everybody.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SshFace {
    /// Its identification line. Attacker-controlled.
    pub banner: String,
    /// The key that it has proved to hold; `None` where no exchange of keys came about: an old device may know none that
    /// is safe.
    pub key: Option<HostKey>,
}

/// Exchanges keys with an SSH server and hangs up before it could ask who we are. Judges nobody: the key is
/// good for knowing a machine again, never for trusting it.
///
/// Tried once: an address that turns us away has other callers. The server logs a connection that was closed
/// before authentication.
pub async fn ssh_face(address: IpAddr, port: u16, limits: &Limits) -> Result<SshFace, MeetError> {
    let mut tcp = connect(SocketAddr::new(address, port), limits).await?;
    let until = limits.within(limits.banner);
    let greeting = limits.timeout_at(until, greeting::read(&mut tcp)).await;
    let greeting = greeting.map_err(|_| MeetError::Timeout("its greeting"))??;
    let banner = greeting.banner.clone();

    let known = Arc::new(KnownKeys::default());
    let place = Place {
        name: None,
        address,
        port,
    };
    let until = limits.within(limits.login);
    let meeting = handshake::shake_hands(Box::new(tcp), greeting, &known, &place, false);
    let Ok(Ok((mut link, key))) = Box::pin(limits.timeout_at(until, meeting)).await else {
        return Ok(SshFace { banner, key: None });
    };
    let goodbye = link.handle.disconnect(Disconnect::ByApplication, "", "");
    // Either way the connection ends here.
    timeout(GOODBYE, goodbye).await.ok();
    timeout(GOODBYE, &mut link.handle).await.ok();
    let key = Some(key);
    Ok(SshFace { banner, key })
}

const GOODBYE: Duration = Duration::from_millis(300);

/// A host key in full.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SshKey {
    /// Its name.
    pub key: HostKey,
    /// The whole public key, without a comment: `ssh-ed25519 AAAA…`.
    pub public_key: String,
}

/// What an SSH server shows to everybody who asks for each kind of key.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SshFaces {
    /// Its identification line. Attacker-controlled.
    pub banner: String,
    /// The keys that it has proved to hold, that which a login would meet first.
    pub keys: Vec<SshKey>,
    /// Why there are none, in a few words. Attacker-controlled in part.
    pub why_none: String,
}

/// Asks an SSH server for its key of every kind, as ssh-keyscan(1) does: Ed25519, ECDSA, RSA, one connection
/// each and none for a kind that it has said it has not. Judges nobody, and sends nothing of anybody. What
/// an old device can only show by algorithms that are not safe any more is seen, too: nothing is confided
/// to the connection, and a person compares what it showed.
pub async fn ssh_faces(address: IpAddr, port: u16, limits: &Limits) -> Result<SshFaces, MeetError> {
    let mut faces = SshFaces::default();
    // What the server says it has, once it has said so.
    let mut offered: Option<String> = None;
    for kind in KINDS {
        let is_offered = |algorithm: &Algorithm| {
            let offered = offered.as_deref();
            offered.is_none_or(|list| list.split(',').any(|one| one == algorithm.as_str()))
        };
        if !kind.iter().any(is_offered) {
            continue;
        }
        match face_of_kind(address, port, kind, limits).await {
            Ok((banner, Ok(key))) => {
                faces.banner = banner;
                faces.keys.push(key);
            }
            Ok((banner, Err(error))) => {
                faces.banner = banner;
                if let MeetError::KexMismatch { kind, theirs, .. } = &error
                    && *kind == HOST_KEY_ALGORITHM
                {
                    // A list that was cut says nothing of what came behind.
                    offered = Some(theirs.clone()).filter(|list| list.len() < WHOLE_LIST);
                } else {
                    faces.why_none = error.to_string();
                }
            }
            // It has shown something before: what it shows no more is no reason to forget that.
            Err(error) if !faces.banner.is_empty() => faces.why_none = error.to_string(),
            Err(error) => return Err(error),
        }
    }
    if faces.keys.is_empty() && faces.why_none.is_empty() {
        let offered = offered.unwrap_or_default();
        faces.why_none = format!("it has no key of a kind that is known here ({offered})");
    }
    Ok(faces)
}

/// One connection, which the server ends up showing one kind of key on, or says why not.
async fn face_of_kind(
    address: IpAddr,
    port: u16,
    kind: &'static [Algorithm],
    limits: &Limits,
) -> Result<(String, Result<SshKey, MeetError>), MeetError> {
    let mut tcp = connect(SocketAddr::new(address, port), limits).await?;
    let until = limits.within(limits.banner);
    let greeting = limits.timeout_at(until, greeting::read(&mut tcp)).await;
    let greeting = greeting.map_err(|_| MeetError::Timeout("its greeting"))??;
    let banner = greeting.banner.clone();
    let known = Arc::new(KnownKeys::default());
    let place = Place {
        name: None,
        address,
        port,
    };
    let mut config = handshake::config(&known, &place, true);
    config.preferred.key = kind.into();
    let until = limits.within(limits.login);
    let meeting =
        handshake::shake_hands_by((config, true), Box::new(tcp), greeting, (&known, &place));
    let met = Box::pin(limits.timeout_at(until, meeting)).await;
    let (mut link, key) = match met {
        Ok(Ok(met)) => met,
        Ok(Err(error)) => return Ok((banner, Err(error))),
        Err(_) => return Ok((banner, Err(MeetError::Timeout("the key exchange")))),
    };
    let public_key = link.seen.lock().public_key.clone();
    let goodbye = link.handle.disconnect(Disconnect::ByApplication, "", "");
    timeout(GOODBYE, goodbye).await.ok();
    timeout(GOODBYE, &mut link.handle).await.ok();
    Ok((banner, Ok(SshKey { key, public_key })))
}

/// What is shorter is the whole list: texts of hosts are cut at 400 letters.
const WHOLE_LIST: usize = 400;
/// What `MeetError::KexMismatch` calls it.
const HOST_KEY_ALGORITHM: &str = "host key algorithm";

/// The kinds of keys, in the order in which a login prefers them.
const KINDS: [&[Algorithm]; 3] = [
    &[Algorithm::Ed25519],
    &[
        Algorithm::Ecdsa {
            curve: EcdsaCurve::NistP256,
        },
        Algorithm::Ecdsa {
            curve: EcdsaCurve::NistP384,
        },
        Algorithm::Ecdsa {
            curve: EcdsaCurve::NistP521,
        },
    ],
    &[
        Algorithm::Rsa {
            hash: Some(HashAlg::Sha512),
        },
        Algorithm::Rsa {
            hash: Some(HashAlg::Sha256),
        },
        Algorithm::Rsa { hash: None },
    ],
];
