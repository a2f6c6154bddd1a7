//! What proves who we are.
//!
//! Nothing here has `Serialize`, `Display` or `Clone`, and no `Debug` shows a secret. Secrets are
//! opened in this module tree and nowhere else.

use super::KeyError;
use russh::keys::{self, Algorithm, PrivateKey};
use secrecy::{ExposeSecret as _, SecretString};
use std::fmt;
use std::path::Path;
use std::sync::Arc;

/// A password: a secret that whoever hears it can use elsewhere.
#[derive(Debug)]
pub struct Password(SecretString);

impl Password {
    /// Takes a password.
    pub fn new(text: impl Into<SecretString>) -> Self {
        Self(text.into())
    }

    /// A copy for the wire. russh wipes it when the login is over.
    pub(super) fn for_the_wire(&self) -> String {
        self.0.expose_secret().to_owned()
    }
}

/// A private key. It never leaves us: a host sees signatures, and learns nothing from them.
pub struct Key {
    private: Arc<PrivateKey>,
}

impl Key {
    /// Reads a private key: OpenSSH's format, PKCS#8, PKCS#1 or SEC 1, each in PEM, encrypted or
    /// not.
    ///
    /// Slow by design where there is a passphrase (bcrypt): call it once a run, off the async
    /// threads.
    pub fn parse(pem: &SecretString, passphrase: Option<&SecretString>) -> Result<Self, KeyError> {
        let passphrase = passphrase.map(SecretString::expose_secret);
        let private = match keys::decode_secret_key(pem.expose_secret(), passphrase) {
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
        Ok(Self { private })
    }

    /// The public half's algorithm and fingerprint, for people.
    pub fn public(&self) -> crate::model::HostKey {
        super::ssh::host_key_of_public(self.private.public_key())
    }

    pub(super) fn private(&self) -> &Arc<PrivateKey> {
        &self.private
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
        _ if had_passphrase && says_encrypted => KeyError::WrongPassphrase,
        _ => KeyError::Corrupt,
    }
}

/// What signs for us.
#[derive(Clone, Copy, Debug)]
pub enum Signer<'a> {
    /// These keys, of which the first five are offered.
    Keys(&'a [Arc<Key>]),
    /// The agent at this socket (`SSH_AUTH_SOCK`), of whose keys the first five are offered.
    Agent(&'a Path),
}

/// How an account is proven.
#[derive(Debug)]
pub enum Proof<'a> {
    /// By signing a challenge.
    Signature(Signer<'a>),
    /// By telling the host a secret, once.
    Password(&'a Password, Permit),
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
