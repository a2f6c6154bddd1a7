//! Fetches secrets from the two kinds of stores that have to be opened first: the keyring and files
//! that age encrypted.
//!
//! Both may take their time, and a keyring may wait for its owner: nothing here waits for ever.

use super::age_file::{self, AgeError, Identity, Opener, Openers};
use super::file::{read_public, read_secret};
use super::keyring::{EntryName, KEYRING_TIME, KeyringError};
use super::resolve::{LONGEST, ResolveError, Sources, secret};
use super::{AgePlace, SecretRef};
use secrecy::SecretString;
use std::path::Path;
use std::time::Duration;

/// What the keyring holds. Its owner may have to open it first.
pub(super) async fn keyring(name: &EntryName) -> Result<Vec<u8>, ResolveError> {
    let name = name.clone();
    let read = off_thread(KEYRING_TIME, move || name.read()).await;
    Ok(read.unwrap_or(Err(KeyringError::TimedOut))?)
}

/// What is in a file that age encrypted.
pub(super) async fn age(place: &AgePlace, sources: &Sources<'_>) -> Result<Vec<u8>, ResolveError> {
    let path = sources.place(&place.file);
    let file = read_public(&path, LONGEST_AGE).map_err(ResolveError::File)?;
    let opened = open_age(&file, place, sources).await;
    if matches!(
        opened,
        Err(ResolveError::Age {
            source: AgeError::WrongPassphrase | AgeError::WrongIdentityPassphrase,
            ..
        })
    ) {
        // Not to be taken a second time.
        sources.forget();
    }
    opened
}

/// Opens the bytes of a file as a place says.
pub(super) async fn open_age(
    file: &[u8],
    place: &AgePlace,
    sources: &Sources<'_>,
) -> Result<Vec<u8>, ResolveError> {
    let path = sources.place(&place.file);
    let failed = |source| ResolveError::Age {
        path: path.clone(),
        source,
    };
    let openers = age_file::openers(file).map_err(failed)?;
    let (identity, passphrase) = match (&place.identity, openers) {
        (None, Openers::Keys { .. }) => return Err(failed(AgeError::NeedsIdentity)),
        (Some(_), Openers::Passphrase) => return Err(failed(AgeError::NeedsPassphrase)),
        (None, Openers::Passphrase) => (None, Some(passphrase(place, &path, sources).await?)),
        (Some(identity), Openers::Keys { .. }) => {
            let identity_path = sources.place(identity);
            let identity = read_identity(&identity_path)?;
            let passphrase = if identity.is_locked() {
                Some(passphrase(place, &identity_path, sources).await?)
            } else {
                None
            };
            (Some(identity), passphrase)
        }
    };
    let file = file.to_vec();
    let open = move || {
        let opener = match (identity, passphrase) {
            (Some(identity), passphrase) => Opener::Keys(identity.unlock(passphrase)?),
            (None, Some(passphrase)) => Opener::Passphrase(passphrase),
            (None, None) => return Err(AgeError::NeedsIdentity),
        };
        age_file::open(&file, opener)
    };
    let opened = off_thread(AGE_TIME, open).await;
    let opened = opened.ok_or(ResolveError::AgeTimedOut { path: path.clone() })?;
    opened.map_err(failed)
}

/// The private key that opens files, which nobody else may read.
pub(super) fn read_identity(path: &Path) -> Result<Identity, ResolveError> {
    let bytes = read_secret(path, LONGEST).map_err(ResolveError::File)?;
    Identity::parse(bytes).map_err(|source| ResolveError::Age {
        path: path.into(),
        source,
    })
}

/// What opens a file: from the place that the credential names, else from the operator.
pub(super) async fn passphrase(
    place: &AgePlace,
    of: &Path,
    sources: &Sources<'_>,
) -> Result<SecretString, ResolveError> {
    match place.passphrase.as_deref() {
        None | Some(SecretRef::Prompt) => sources.passphrase(of),
        // Its place is never another such file.
        Some(named) => Box::pin(secret(named, "", sources)).await,
    }
}

/// Does what blocks, within a limit. `None` when it takes longer or fails to end in order.
pub(super) async fn off_thread<T: Send + 'static>(
    limit: Duration,
    work: impl FnOnce() -> T + Send + 'static,
) -> Option<T> {
    let work = tokio::task::spawn_blocking(work);
    tokio::time::timeout(limit, work).await.ok()?.ok()
}

/// How long a file may take to open: with a passphrase that costs the most, some seconds.
pub(super) const AGE_TIME: Duration = Duration::from_secs(30);

/// The longest file that age encrypted, in bytes: armored, and for many recipients.
pub(super) const LONGEST_AGE: u64 = 4 * LONGEST;
