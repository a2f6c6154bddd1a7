//! Secrets in the keyring of the operating system: the Secret Service of a Linux or BSD desktop
//! (GNOME Keyring, `KWallet`, `KeePassXC`), the Keychain of macOS, the Credential Manager of Windows.
//!
//! An entry has two names, a service and a user. A keyring may ask its owner to unlock it and wait
//! for the answer: nothing here is for an async thread.

use keyring::v1::{Entry, Error};
use std::fmt;
use std::time::Duration;

/// The two names of an entry.
#[derive(Clone, PartialEq, Eq)]
pub struct EntryName {
    service: String,
    user: String,
}

impl EntryName {
    /// Reads `service/user`; a name without a slash is a user of the service `underdesk`. `None`
    /// where one of the two is empty.
    pub fn parse(text: &str) -> Option<Self> {
        let (service, user) = text.rsplit_once('/').unwrap_or((OUR_SERVICE, text));
        let name = |text: &str| (!text.trim().is_empty()).then(|| text.to_owned());
        Some(Self {
            service: name(service)?,
            user: name(user)?,
        })
    }

    /// What is stored under it.
    ///
    /// # Errors
    /// When there is no keyring, it stays locked, or has no such entry or several.
    pub(super) fn read(&self) -> Result<Vec<u8>, KeyringError> {
        self.entry()?.get_secret().map_err(|error| self.why(&error))
    }

    /// Stores a secret under it, in place of the one that was there.
    ///
    /// # Errors
    /// When there is no keyring, it stays locked, or has several such entries.
    pub(super) fn write(&self, secret: &[u8]) -> Result<(), KeyringError> {
        let done = self.entry()?.set_secret(secret);
        done.map_err(|error| self.why(&error))
    }

    fn entry(&self) -> Result<Entry, KeyringError> {
        if let Err(error) = Entry::store_status() {
            return Err(KeyringError::None(said(error)));
        }
        Entry::new(&self.service, &self.user).map_err(|error| self.why(&error))
    }

    fn why(&self, error: &Error) -> KeyringError {
        match error {
            Error::NoEntry => KeyringError::NoEntry { name: self.clone() },
            Error::Ambiguous(_) => KeyringError::Several { name: self.clone() },
            Error::NoStorageAccess(_) => KeyringError::Locked(said(error)),
            Error::NoDefaultStore => KeyringError::None(String::new()),
            other => KeyringError::Other(said(other)),
        }
    }
}

impl fmt::Display for EntryName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.service, self.user)
    }
}

impl fmt::Debug for EntryName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("EntryName")
    }
}

/// How long a keyring may take: its owner may have to type its password.
pub(super) const KEYRING_TIME: Duration = Duration::from_secs(30);

/// The service of names that say none.
const OUR_SERVICE: &str = "underdesk";

/// The keyring's own words, where they hold nothing that was stored.
fn said(error: &Error) -> String {
    match error {
        // It has the bytes with it.
        Error::BadEncoding(_) | Error::BadDataFormat(..) => "what is stored is no text".to_owned(),
        Error::NoStorageAccess(cause) | Error::PlatformFailure(cause) => cause.to_string(),
        other => other.to_string(),
    }
}

/// Why a keyring did not do.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum KeyringError {
    /// There is none that we can reach.
    #[error(
        "there is no keyring here ({0}): it is reached from inside a desktop session (the Secret Service: GNOME Keyring, KWallet, KeePassXC); elsewhere keep the secret in an age file, or fetch it with command"
    )]
    None(String),
    /// Its owner did not open it.
    #[error("the keyring is locked and was not opened ({0}); open it and run this again")]
    Locked(String),
    /// Its owner did not answer in time.
    #[error(
        "the keyring did not answer within {} s: it may be waiting for its owner to open it; open it and run this again",
        KEYRING_TIME.as_secs()
    )]
    TimedOut,
    /// Nothing is stored under the name.
    #[error(
        "the keyring has nothing under {name} (service and user); store it with underdesk credentials rotate"
    )]
    NoEntry {
        /// The name.
        name: EntryName,
    },
    /// More than one thing is stored under the name.
    #[error("the keyring has several entries under {name} (service and user); delete all but one")]
    Several {
        /// The name.
        name: EntryName,
    },
    /// Whatever else.
    #[error("the keyring failed: {0}")]
    Other(String),
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_a_service_and_a_user() {
        let name = |text| EntryName::parse(text).map(|name| name.to_string());
        assert_eq!(name("corp/audit").as_deref(), Some("corp/audit"));
        assert_eq!(name("audit").as_deref(), Some("underdesk/audit"));
        let parsed = EntryName::parse("https://vault.corp/audit").unwrap();
        assert_eq!(
            (parsed.service.as_str(), parsed.user.as_str()),
            ("https://vault.corp", "audit")
        );
        for text in ["", "/audit", "corp/", " /audit"] {
            assert_eq!(EntryName::parse(text), None, "{text}");
        }
    }

    #[test]
    fn what_was_stored_is_in_no_error() {
        let name = EntryName::parse("corp/audit").unwrap();
        let error = name.why(&Error::BadEncoding(b"Zq9-planted".to_vec()));
        let text = format!("{error} {error:?}");
        assert!(
            !text.contains("planted") && !text.contains("90, 113"),
            "{text}"
        );
    }
}
