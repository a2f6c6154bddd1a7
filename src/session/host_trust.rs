//! Whether we know who answers, before any secret is spoken.
//!
//! This file is the only maker of [`VerifiedPeer`] and [`StrangerPeer`]; even the protocols beside
//! it must ask [`admit`]. Who may hear a password is therefore decided in one place, and the
//! compiler holds everybody to it.

use super::known_hosts::{Judgement, KnownKeys, Place, Source};
use super::winrm::Challenge;
use super::{
    Limits, LoginError, LoginRefusal, MeetError, Password, Permit, Proof, Session, Signer,
    WindowsLogon,
};
use crate::model::{HostKey, HostTrust};
use async_trait::async_trait;
use std::fmt;

/// A host that answered.
#[derive(Debug)]
pub enum Met {
    /// It is the host we knew.
    Verified(VerifiedPeer),
    /// We have never seen it: it may be anyone.
    Stranger(StrangerPeer),
}

impl Met {
    /// The key it showed, and proved to hold.
    pub fn host_key(&self) -> &HostKey {
        &self.peer().key
    }

    /// Whether we know it.
    pub fn trust(&self) -> HostTrust {
        self.peer().trust
    }

    /// What it calls itself: its identification line. Hostile; at most 255 bytes.
    pub fn banner(&self) -> &str {
        &self.peer().banner
    }

    /// What it says of itself before any logon, as far as that could be learnt without spending a
    /// connection or a logon on it. Hostile.
    pub fn challenge(&self) -> Option<&Challenge> {
        self.peer().challenge.as_ref()
    }

    /// What is worth saying of how it was met, for people: what its certificate lacks, which old algorithms
    /// were used. Partly the host's words.
    pub fn remarks(&self) -> &[String] {
        &self.peer().remarks
    }

    /// Whether its key belongs to one machine, as far as the key tells. A certificate for many names
    /// may be on as many hosts.
    pub fn is_one_host(&self) -> bool {
        self.peer().door.is_one_host()
    }

    fn peer(&self) -> &Peer {
        match self {
            Self::Verified(peer) => &peer.0,
            Self::Stranger(peer) => &peer.peer,
        }
    }
}

/// A host that has proven to be the one we knew. It may hear any secret.
///
/// ```
/// use underdesk::session::{Limits, Password, Permit, Proof, VerifiedPeer};
///
/// async fn tell(peer: VerifiedPeer, password: &Password, permit: Permit) {
///     let proof = Proof::Password(password, permit);
///     let _ = peer.log_in("scan", proof, &Limits::default()).await;
/// }
/// ```
///
/// It cannot be made by hand:
///
/// ```compile_fail,E0423
/// let peer = underdesk::session::VerifiedPeer(todo!());
/// ```
///
/// Nor does a password go anywhere without a [`Permit`] of its own:
///
/// ```compile_fail,E0382
/// use underdesk::session::{Limits, Password, Permit, Proof, VerifiedPeer};
///
/// async fn twice(one: VerifiedPeer, two: VerifiedPeer, password: &Password, permit: Permit) {
///     let _ = one.log_in("scan", Proof::Password(password, permit), &Limits::default()).await;
///     let _ = two.log_in("scan", Proof::Password(password, permit), &Limits::default()).await;
/// }
/// ```
#[derive(Debug)]
pub struct VerifiedPeer(Peer);

impl VerifiedPeer {
    /// Logs in by whatever the credential holds: once, by one method.
    pub async fn log_in(
        self,
        user: &str,
        proof: Proof<'_>,
        limits: &Limits,
    ) -> Result<LoggedIn, LoginError> {
        let verified = (self.0.channel != Channel::Http).then_some(Verified(()));
        let door = self.0.door;
        let login = match proof {
            Proof::Signature(signer) => door.open_with_signer(user, signer, limits).await,
            Proof::Password(password, permit) => {
                door.open_with_password(user, (password, permit), limits)
                    .await
            }
            Proof::Windows(logon, permit) => {
                door.open_with_windows((logon, permit), Means::Any, limits)
                    .await
            }
        };
        login.map(|logged_in| LoggedIn {
            verified,
            ..logged_in
        })
    }

    /// The key it showed, and proved to hold.
    pub fn host_key(&self) -> &HostKey {
        &self.0.key
    }

    /// Why we know it.
    pub fn trust(&self) -> HostTrust {
        self.0.trust
    }

    /// What it calls itself: its identification line. Hostile; at most 255 bytes.
    pub fn banner(&self) -> &str {
        &self.0.banner
    }
}

/// A host that we cannot tell from an impostor. It may see us sign, and learns nothing from it.
///
/// There is no way to hand it a password (the example of [`VerifiedPeer`], with a stranger):
///
/// ```compile_fail,E0599
/// use underdesk::session::{Limits, Password, Permit, Proof, StrangerPeer};
///
/// async fn tell(peer: StrangerPeer, password: &Password, permit: Permit) {
///     let proof = Proof::Password(password, permit);
///     let _ = peer.log_in("scan", proof, &Limits::default()).await;
/// }
/// ```
///
/// Nor can a password pass for a signature:
///
/// ```compile_fail,E0308
/// use underdesk::session::{Limits, Password, Permit, Proof, StrangerPeer};
///
/// async fn tell(peer: StrangerPeer, password: &Password, permit: Permit) {
///     let proof = Proof::Password(password, permit);
///     let _ = peer.log_in_with_keys("scan", proof, &Limits::default()).await;
/// }
/// ```
#[derive(Debug)]
pub struct StrangerPeer {
    peer: Peer,
    known_otherwise: bool,
}

impl StrangerPeer {
    /// Logs in by signing.
    pub async fn log_in_with_keys(
        self,
        user: &str,
        signer: Signer<'_>,
        limits: &Limits,
    ) -> Result<LoggedIn, LoginError> {
        self.peer.door.open_with_signer(user, signer, limits).await
    }

    /// Takes the host's word for who it is, as the operator and the credential both allow.
    ///
    /// Refused where keys of other algorithms are on record for this host: a machine in the middle
    /// would only have to offer an algorithm that we have never seen.
    pub fn trust_on_first_use(self, _leave: FirstUse) -> Result<VerifiedPeer, LoginError> {
        if self.known_otherwise {
            let shown = self.peer.key;
            return Err(LoginError::KnownOtherwise { shown });
        }
        // There is no key to know it by the next time.
        if self.peer.channel == Channel::Http {
            return Err(LoginError::PlainHttp);
        }
        let trust = HostTrust::FirstUse;
        Ok(VerifiedPeer(Peer { trust, ..self.peer }))
    }

    /// Logs in by Kerberos and by nothing else, whatever the logon allows: the secret goes to the
    /// key distribution centre and never to this host, which must prove itself to us.
    pub async fn log_in_with_kerberos(
        self,
        logon: WindowsLogon<'_>,
        permit: Permit,
        limits: &Limits,
    ) -> Result<LoggedIn, LoginError> {
        let door = self.peer.door;
        door.open_with_windows((logon, permit), Means::KerberosOnly, limits)
            .await
    }

    /// Lets NTLM be used over plain HTTP, as the credential explicitly allows. Nobody vouches for
    /// the host: its trust stays [`HostTrust::None`].
    ///
    /// Refused where the host speaks TLS with a certificate that nobody vouches for, or SSH.
    pub fn allow_ntlm_over_http(self, _leave: NtlmOverHttp) -> Result<VerifiedPeer, LoginError> {
        if self.peer.channel != Channel::Http {
            return Err(LoginError::TlsUntrusted);
        }
        Ok(VerifiedPeer(self.peer))
    }

    /// What the connection runs over.
    pub fn channel(&self) -> Channel {
        self.peer.channel
    }

    /// Whether keys of other algorithms are on record for this host. Such a key must not be pinned
    /// without a person looking at it.
    pub fn is_known_otherwise(&self) -> bool {
        self.known_otherwise
    }

    /// The key it showed, and proved to hold.
    pub fn host_key(&self) -> &HostKey {
        &self.peer.key
    }

    /// [`HostTrust::Unknown`]; over plain HTTP, where no key is shown, [`HostTrust::None`].
    pub fn trust(&self) -> HostTrust {
        self.peer.trust
    }

    /// What it calls itself: its identification line. Hostile; at most 255 bytes.
    pub fn banner(&self) -> &str {
        &self.peer.banner
    }
}

/// What a connection to a stranger runs over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Channel {
    /// SSH, with a key that is not on record.
    Ssh,
    /// Plain HTTP, which proves nothing.
    Http,
    /// TLS, with a certificate that nobody vouches for.
    Tls,
}

/// Leave to use NTLM over plain HTTP: whoever listens can try to guess the password from it, and
/// whoever is in the middle can pass it on.
///
/// It cannot be made by hand:
///
/// ```compile_fail,E0423
/// let leave = underdesk::session::NtlmOverHttp(());
/// ```
#[derive(Clone, Copy, Debug)]
pub struct NtlmOverHttp(());

impl NtlmOverHttp {
    /// Given only where the credential itself says so.
    pub fn allowed(credential_says_so: bool) -> Option<Self> {
        credential_says_so.then_some(Self(()))
    }
}

/// Leave to trust a host that was never seen before.
#[derive(Clone, Copy, Debug)]
pub struct FirstUse(());

impl FirstUse {
    /// Given only when the operator accepts new host keys in this run *and* the credential allows
    /// its password on first use.
    pub fn allowed(accept_new_host_keys: bool, password_on_first_use: bool) -> Option<Self> {
        (accept_new_host_keys && password_on_first_use).then_some(Self(()))
    }
}

/// A session's host is one that was verified before the login: it may hear a password later on.
///
/// It cannot be made by hand:
///
/// ```compile_fail,E0423
/// let verified = underdesk::session::Verified(());
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Verified(());

/// A session, and what it took.
pub struct LoggedIn {
    /// The open session.
    pub session: Box<dyn Session>,
    /// The method that opened it, as in RFC 4252: `publickey`, `password`, `keyboard-interactive`;
    /// `none` where the host asked for no proof. On Windows `kerberos`, `ntlm`, `basic` or
    /// `certificate`.
    pub method: &'static str,
    /// Whether the password was sent, and so proven right.
    pub secret_sent: bool,
    /// What the host said on the way: its banner and PAM's messages. Capped; hostile.
    pub said: String,
    /// A better reason to trust the host than the one it was met with: the login proved it.
    pub trust: Option<HostTrust>,
    /// That the host was verified; `None` of a stranger that saw us sign.
    pub verified: Option<Verified>,
    /// What a Windows host said of itself on the way. Hostile.
    pub challenge: Option<Challenge>,
    /// What is worth saying of how it was opened, for people.
    pub remarks: Vec<String>,
}

impl fmt::Debug for LoggedIn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "LoggedIn(by {})", self.method)
    }
}

struct Peer {
    door: Box<dyn Door>,
    key: HostKey,
    trust: HostTrust,
    banner: String,
    channel: Channel,
    challenge: Option<Challenge>,
    remarks: Vec<String>,
}

impl fmt::Debug for Peer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({})", self.key, self.trust.as_str())
    }
}

/// A connection on which nobody has logged in: what a protocol brings along. Outside `session`
/// it is out of reach, behind one of the two peers.
#[async_trait]
pub(super) trait Door: Send {
    async fn open_with_signer(
        self: Box<Self>,
        user: &str,
        signer: Signer<'_>,
        limits: &Limits,
    ) -> Result<LoggedIn, LoginError>;

    async fn open_with_password(
        self: Box<Self>,
        user: &str,
        secret: (&Password, Permit),
        limits: &Limits,
    ) -> Result<LoggedIn, LoginError>;

    /// Whether the key that was shown belongs to one machine.
    fn is_one_host(&self) -> bool {
        true
    }

    async fn open_with_windows(
        self: Box<Self>,
        _logon: (WindowsLogon<'_>, Permit),
        _means: Means,
        _limits: &Limits,
    ) -> Result<LoggedIn, LoginError> {
        Err(LoginError::NoSuchMethod {
            wanted: "Windows logon",
            refusal: LoginRefusal::default(),
        })
    }
}

/// How far a Windows host is trusted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Means {
    /// With whatever the logon allows and the channel protects.
    Any,
    /// With nothing but a ticket, and only if it proves itself in return.
    KerberosOnly,
}

/// What a host has shown of itself.
pub(super) struct Introduction {
    pub(super) key: HostKey,
    pub(super) banner: String,
    pub(super) channel: Channel,
    pub(super) door: Box<dyn Door>,
    pub(super) remarks: Vec<String>,
}

impl Introduction {
    fn peer(self, trust: HostTrust) -> Peer {
        let Self {
            key,
            banner,
            channel,
            door,
            remarks,
        } = self;
        Peer {
            door,
            key,
            trust,
            banner,
            channel,
            challenge: None,
            remarks,
        }
    }
}

/// Decides who a host is, from the key it proved to hold and the keys we remember.
pub(super) fn admit(
    known: &KnownKeys,
    place: &Place<'_>,
    shown: Introduction,
) -> Result<Met, MeetError> {
    admit_as(known.judge(place, &shown.key), shown)
}

/// Decides who a host is from its certificate: `certified` is the trust where an authority vouches for it
/// under a name of this place.
pub(super) fn admit_by_certificate(
    known: &KnownKeys,
    place: &Place<'_>,
    shown: Introduction,
    certified: Option<HostTrust>,
) -> Result<Met, MeetError> {
    match (known.judge(place, &shown.key), certified) {
        (
            Judgement::Unknown { .. } | Judgement::Changed { revoked: false, .. },
            Some(certified),
        ) => Ok(Met::Verified(VerifiedPeer(shown.peer(certified)))),
        (judgement, _) => admit_as(judgement, shown),
    }
}

/// Lets in a host that shows no key at all, as a stranger.
pub(super) fn admit_unproven(shown: Introduction) -> Met {
    Met::Stranger(StrangerPeer {
        peer: shown.peer(HostTrust::None),
        known_otherwise: false,
    })
}

fn admit_as(judgement: Judgement, shown: Introduction) -> Result<Met, MeetError> {
    let trust = match judgement {
        Judgement::Known(Source::Pin) => HostTrust::Pinned,
        Judgement::Known(Source::KnownHosts) => HostTrust::KnownHosts,
        Judgement::Unknown { known_otherwise } => {
            return Ok(Met::Stranger(StrangerPeer {
                peer: shown.peer(HostTrust::Unknown),
                known_otherwise,
            }));
        }
        Judgement::Changed { known, revoked } => return Err(changed(shown.key, &known, revoked)),
    };
    Ok(Met::Verified(VerifiedPeer(shown.peer(trust))))
}

/// The error for a key that contradicts what we know.
pub(super) fn changed(shown: HostKey, known: &[HostKey], revoked: bool) -> MeetError {
    let known: Vec<String> = known.iter().take(4).map(ToString::to_string).collect();
    MeetError::HostKeyChanged {
        shown,
        known: known.join(", "),
        revoked,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Failure as _, LiveHost, ResultCode};
    use crate::session::{Connector as _, Replay, ReplayConnector, ReplayHost};
    use std::sync::Arc;

    fn key(algorithm: &str, fingerprint: &str) -> HostKey {
        HostKey {
            algorithm: algorithm.to_owned(),
            fingerprint: fingerprint.to_owned(),
        }
    }

    /// Meets a host that shows an ed25519 key, with this key on record for it.
    async fn meet(recorded: Option<HostKey>) -> Result<Met, MeetError> {
        let host = LiveHost {
            address: [10, 0, 0, 7].into(),
            name: None,
            tags: Arc::new([]),
            open_ports: vec![22],
            round_trip: None,
        };
        let replay = ReplayHost {
            key: key("ssh-ed25519", "SHA256:one"),
            answers: Replay::default(),
            accepts_passwords: true,
            accepts_keys: true,
        };
        let mut connector = ReplayConnector::default();
        connector.hosts.insert(host.address, replay);
        if let Some(key) = recorded {
            connector.known.pin("10.0.0.7", 22, key);
        }
        connector.meet(&host, 22, &Limits::default()).await
    }

    #[tokio::test]
    async fn a_host_with_the_key_we_know_may_hear_a_password() {
        let met = meet(Some(key("ssh-ed25519", "SHA256:one"))).await.unwrap();
        assert_eq!(met.trust(), HostTrust::Pinned);
        let Met::Verified(peer) = met else {
            panic!("a known host was not verified");
        };
        let password = Password::new("secret");
        let proof = Proof::Password(&password, Permit::for_a_reserved_try());
        let login = peer.log_in("scan", proof, &Limits::default()).await;
        assert!(login.unwrap().secret_sent);
    }

    #[tokio::test]
    async fn a_host_with_another_key_is_not_even_met() {
        let met = meet(Some(key("ssh-ed25519", "SHA256:two"))).await;
        assert_eq!(met.unwrap_err().code(), ResultCode::HostkeyChanged);
    }

    #[tokio::test]
    async fn first_use_needs_both_the_operator_and_the_credential() {
        assert!(FirstUse::allowed(true, false).is_none());
        assert!(FirstUse::allowed(false, true).is_none());
        let Met::Stranger(peer) = meet(None).await.unwrap() else {
            panic!("an unknown host was verified");
        };
        let leave = FirstUse::allowed(true, true).unwrap();
        let peer = peer.trust_on_first_use(leave).unwrap();
        assert_eq!(peer.trust(), HostTrust::FirstUse);
    }

    #[tokio::test]
    async fn an_algorithm_never_seen_is_no_way_around_the_key_on_record() {
        let Met::Stranger(peer) = meet(Some(key("ssh-rsa", "SHA256:rsa"))).await.unwrap() else {
            panic!("a key that was never seen was verified");
        };
        assert!(peer.is_known_otherwise());
        let leave = FirstUse::allowed(true, true).unwrap();
        let error = peer.trust_on_first_use(leave).unwrap_err();
        assert_eq!(error.code(), ResultCode::HostkeyUnknown);
    }
}
