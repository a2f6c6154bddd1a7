//! What proves who we are.
//!
//! Nothing here has `Serialize`, `Display` or `Clone`, and no `Debug` shows a secret. Secrets are
//! opened in this module tree and nowhere else.

use super::{Centres, KeyError, Verified, certificate};
use crate::model::UtcTime;
use russh::keys::{self, Algorithm, Certificate, PrivateKey};
use secrecy::{ExposeSecret as _, SecretString};
use std::fmt;
use std::path::Path;
use std::sync::Arc;
use tokio_rustls::rustls::pki_types::pem::PemObject as _;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};

/// A password: a secret that whoever hears it can use elsewhere.
///
/// ```compile_fail,E0599
/// fn keep(password: &underdesk::session::Password) -> underdesk::session::Password {
///     underdesk::session::Password::clone(password)
/// }
/// ```
#[derive(Debug)]
pub struct Password(SecretString);

impl Password {
    /// Takes a password.
    pub fn new(text: impl Into<SecretString>) -> Self {
        Self(text.into())
    }

    /// Takes the password out of what a host said: some repeat what they heard.
    pub(super) fn hide_in(&self, said: &mut String) {
        // Of a shorter one every other word would show that it is there.
        const SHORTEST: usize = 4;
        let secret = self.0.expose_secret();
        if secret.len() >= SHORTEST && said.contains(secret) {
            *said = said.replace(secret, "[hidden]");
        }
    }

    /// A look at it, for what is computed from it at once.
    pub(super) fn expose(&self) -> &str {
        self.0.expose_secret()
    }

    /// A copy for the wire as one line, as `sudo -S` reads it; `None` where it is more than one line.
    /// russh keeps it in a buffer of the connection, which ends with the visit.
    pub(super) fn line_for_the_wire(&self) -> Option<Vec<u8>> {
        let secret = self.0.expose_secret();
        let is_line = !secret.contains(['\n', '\r', '\0']);
        is_line.then(|| [secret.as_bytes(), b"\n"].concat())
    }

    /// A copy for the wire. russh wipes it when the login is over.
    pub(super) fn for_the_wire(&self) -> String {
        self.0.expose_secret().to_owned()
    }
}

/// A private key. It never leaves us: a host sees signatures, and learns nothing from them.
///
/// With a certificate it is the certificate that is shown, and it counts as one key.
pub struct Key {
    private: Arc<PrivateKey>,
    certificate: Option<Certificate>,
}

impl Key {
    /// Reads a private key: OpenSSH's format, PKCS#8, PKCS#1 or SEC 1, each in PEM, encrypted or
    /// not.
    ///
    /// Slow by design where there is a passphrase (bcrypt): call it once a run, off the async
    /// threads.
    pub fn parse(pem: &SecretString, passphrase: Option<&SecretString>) -> Result<Self, KeyError> {
        let passphrase = passphrase.map(SecretString::expose_secret);
        // russh opens these for RSA only.
        let opened = passphrase.and_then(|it| super::pem::open(pem.expose_secret(), it));
        let (plain, left) = match &opened {
            Some(plain) => (plain, None),
            None => (pem, passphrase),
        };
        let private = match keys::decode_secret_key(plain.expose_secret(), left) {
            Ok(private) => private,
            Err(error) => return Err(why_unreadable(&error, pem, passphrase.is_some())),
        };
        if matches!(private.algorithm(), Algorithm::Dsa) {
            return Err(KeyError::Unsupported("ssh-dss".to_owned()));
        }
        if private.is_encrypted() {
            return Err(KeyError::PassphraseNeeded);
        }
        let private = Arc::new(private);
        let certificate = None;
        Ok(Self {
            private,
            certificate,
        })
    }

    /// The key with its OpenSSH certificate, as `ssh-keygen -s` writes it.
    ///
    /// # Errors
    /// When it is not for this key, not for users, for nobody, or not valid now.
    pub fn certified(&self, text: &[u8], now: UtcTime) -> Result<Self, KeyError> {
        let certificate = certificate::read_for(&self.private, text, now)?;
        Ok(Self {
            private: Arc::clone(&self.private),
            certificate: Some(certificate),
        })
    }

    /// The public half's algorithm and fingerprint, for people.
    pub fn public(&self) -> crate::model::HostKey {
        super::ssh::host_key_of_public(self.private.public_key())
    }

    pub(super) fn private(&self) -> &Arc<PrivateKey> {
        &self.private
    }

    pub(super) fn certificate(&self) -> Option<&Certificate> {
        self.certificate.as_ref()
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Key({})", self.public())
    }
}

/// The parsers' own words may hold pieces of the key: only what kind of failure it was gets out.
fn why_unreadable(error: &keys::Error, pem: &SecretString, had_passphrase: bool) -> KeyError {
    let text = pem.expose_secret();
    let is_private = text.contains("PRIVATE KEY-----");
    let says_encrypted = text.contains("ENCRYPTED") || text.contains("OPENSSH PRIVATE");
    match error {
        _ if !is_private => KeyError::NotAKey,
        keys::Error::KeyIsEncrypted => KeyError::PassphraseNeeded,
        keys::Error::UnsupportedKeyType {
            key_type_string, ..
        } => KeyError::Unsupported(key_type_string.chars().take(40).collect()),
        _ if !had_passphrase && text.contains("ENCRYPTED") => KeyError::PassphraseNeeded,
        _ if had_passphrase && says_encrypted => KeyError::WrongPassphrase,
        _ => KeyError::Corrupt,
    }
}

/// What signs for us.
#[derive(Clone, Copy, Debug)]
pub enum Signer<'a> {
    /// These keys, of which the first five are offered.
    Keys(&'a [Arc<Key>]),
    /// Keys that an agent holds.
    Agent {
        /// Its socket (`SSH_AUTH_SOCK`).
        socket: &'a Path,
        /// The one key to offer, as `SHA256:…`; else whichever there are.
        only: Option<&'a str>,
        /// The most keys to offer. Never more than five, whatever it says.
        most: usize,
    },
}

impl Signer<'_> {
    /// The most keys that a host is offered in one login: sshd hangs up after six tries by default.
    const MOST_KEYS: usize = 5;

    /// How many keys a host may come to see.
    pub fn most(&self) -> usize {
        let most = match self {
            Self::Keys(keys) => keys.len(),
            Self::Agent {
                only: Some(_),
                most,
                ..
            } => (*most).min(1),
            Self::Agent { most, .. } => *most,
        };
        most.min(Self::MOST_KEYS)
    }
}

/// How an account is proven.
#[derive(Debug)]
pub enum Proof<'a> {
    /// By signing a challenge.
    Signature(Signer<'a>),
    /// By telling the host a secret, once.
    Password(&'a Password, Permit),
    /// By one of the ways of Windows, once.
    Windows(WindowsLogon<'a>, Permit),
}

/// What proves to `sudo` that it is the account that asks.
#[derive(Debug)]
pub struct SudoProof<'a> {
    /// The login name, as it was sent: sudo must ask for the password of that account.
    pub user: &'a str,
    /// The password.
    pub password: &'a Password,
    /// Leave to send it once.
    pub permit: Permit,
    /// That the session's host is who we meant.
    pub verified: Verified,
}

/// An account of Windows, and by which ways it may be proven.
#[derive(Clone, Copy, Debug)]
pub struct WindowsLogon<'a> {
    /// The user, without a realm or domain.
    pub user: &'a str,
    /// The domain, by either of its names. `None` for an account of the host itself, or whatever
    /// the host takes.
    pub domain: Option<&'a str>,
    /// What proves it.
    pub secret: WindowsSecret<'a>,
    /// Where Kerberos may be had; `None` where it may not be tried.
    pub kerberos: Option<KerberosWay<'a>>,
    /// Whether NTLM may be used.
    pub ntlm: bool,
    /// Whether Basic may be used, inside verified TLS.
    pub basic: bool,
}

/// What proves an account of Windows.
#[derive(Clone, Copy, Debug)]
pub enum WindowsSecret<'a> {
    /// A password.
    Password(&'a Password),
    /// A certificate that the host maps to an account.
    Certificate(&'a ClientCertificate),
}

/// Where tickets are had, and for whom.
#[derive(Clone, Copy, Debug)]
pub struct KerberosWay<'a> {
    /// The realm of the account.
    pub realm: &'a str,
    /// Key distribution centres of the realm, `host:port`, in the order to try them.
    pub kdcs: &'a [String],
    /// Which of them the run has given up.
    pub centres: &'a Centres,
    /// The host's full name as the operator, the credential or forward-confirmed DNS gives it:
    /// never one that the host claims.
    pub service_host: &'a str,
}

/// A certificate with its private key, which never leaves us: a host sees us sign, and learns
/// nothing from it.
pub struct ClientCertificate {
    chain: Vec<CertificateDer<'static>>,
    key: PrivateKeyDer<'static>,
}

impl ClientCertificate {
    /// Reads a chain of certificates, the leaf first, and the leaf's private key (PKCS#8, PKCS#1
    /// or SEC 1, not encrypted), each in PEM.
    pub fn parse(cert_pem: &[u8], key_pem: &SecretString) -> Result<Self, KeyError> {
        let chain: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(cert_pem).collect();
        let chain = chain.map_err(|_| KeyError::Corrupt)?;
        if chain.is_empty() {
            return Err(KeyError::NoCertificate);
        }
        let text = key_pem.expose_secret();
        if text.contains("ENCRYPTED") {
            return Err(KeyError::PassphraseNeeded);
        }
        let key = PrivateKeyDer::from_pem_slice(text.as_bytes()).map_err(|_| KeyError::NotAKey)?;
        let certificate = Self { chain, key };
        // A key that is not the certificate's would only be found out by the first host.
        super::winrm::is_usable(&certificate)?;
        Ok(certificate)
    }

    pub(super) fn chain(&self) -> Vec<CertificateDer<'static>> {
        self.chain.clone()
    }

    pub(super) fn private(&self) -> PrivateKeyDer<'static> {
        self.key.clone_key()
    }
}

impl fmt::Debug for ClientCertificate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ClientCertificate(a chain of {})", self.chain.len())
    }
}

/// Leave to send a password once.
///
/// Made by whoever has *reserved* a wrong try of the account at the breaker; there is no way to
/// send a password without one, and no way to use one twice.
#[derive(Debug)]
#[must_use]
pub struct Permit(());

impl Permit {
    /// To be called only after the breaker has reserved a try.
    pub fn for_a_reserved_try() -> Self {
        Self(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use russh::keys::key::safe_rng;
    use russh::keys::ssh_key::LineEnding;

    fn pem(passphrase: Option<&str>) -> SecretString {
        let mut key = PrivateKey::random(&mut safe_rng(), Algorithm::Ed25519).unwrap();
        if let Some(passphrase) = passphrase {
            key = key.encrypt(&mut safe_rng(), passphrase).unwrap();
        }
        let pem = key.to_openssh(LineEnding::LF).unwrap();
        pem.as_str().into()
    }

    fn error(pem: &SecretString, passphrase: Option<&str>) -> KeyError {
        let passphrase = passphrase.map(SecretString::from);
        Key::parse(pem, passphrase.as_ref()).unwrap_err()
    }

    #[test]
    fn a_key_opens_with_its_passphrase_and_with_no_other() {
        let pem = pem(Some("open sesame"));
        assert!(Key::parse(&pem, Some(&"open sesame".into())).is_ok());
        assert_eq!(error(&pem, Some("wrong")), KeyError::WrongPassphrase);
        assert_eq!(error(&pem, None), KeyError::PassphraseNeeded);
    }

    #[test]
    fn a_passphrase_that_is_not_needed_does_no_harm() {
        assert!(Key::parse(&pem(None), Some(&"unused".into())).is_ok());
    }

    #[test]
    fn what_is_no_key_is_said_to_be_none() {
        for text in [
            "",
            "ssh-ed25519 AAAA comment",
            "-----BEGIN CERTIFICATE-----\n",
        ] {
            assert_eq!(error(&text.into(), None), KeyError::NotAKey, "{text}");
        }
        let pem = pem(None);
        let half: String = pem.expose_secret().chars().take(120).collect();
        assert_eq!(error(&half.as_str().into(), None), KeyError::Corrupt);
    }

    #[test]
    fn windows_line_ends_and_blank_lines_around_are_taken() {
        let pem = pem(None);
        let text = format!("\n\n{}\n\n", pem.expose_secret()).replace('\n', "\r\n");
        assert!(Key::parse(&text.as_str().into(), None).is_ok());
    }

    #[test]
    fn nothing_secret_shows_when_printed() {
        let password = Password::new("hunter2");
        let proof = Proof::Password(&password, Permit::for_a_reserved_try());
        assert!(!format!("{proof:?}").contains("hunter2"));
        let pem = pem(None);
        let shown = format!("{:?}", Key::parse(&pem, None).unwrap());
        assert!(shown.starts_with("Key(ssh-ed25519 SHA256:"), "{shown}");
    }
}
