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

#[cfg(test)]
mod tests {
    use super::super::age_file::tests::{cheap, native};
    use super::super::age_file::{Lock, seal};
    use super::super::file::FileError;
    use super::super::file::tests::SECRET;
    use super::super::resolve::{Prompt, Secrets, secrets};
    use super::super::{CredentialsFile, parse};
    use super::*;
    use secrecy::ExposeSecret as _;
    use std::fs::{self, Permissions};
    use std::os::unix::fs::PermissionsExt as _;
    use std::sync::atomic::{AtomicUsize, Ordering};
    use tempfile::TempDir;

    /// A credentials file with a password at each of these places.
    fn file(places: &[&str]) -> CredentialsFile {
        let entry = |(number, place): (usize, &&str)| {
            format!(
                "[[credential]]\nid = 'c{number}'\ntype = 'ssh-password'\nuser = 'u'\npassword = {place}\nscope = ['10.0.0.0/8']\n"
            )
        };
        let text: String = places.iter().enumerate().map(entry).collect();
        parse(&text).unwrap()
    }

    /// A folder with files that only we can read.
    fn folder(files: &[(&str, &[u8])]) -> TempDir {
        let folder = tempfile::tempdir().unwrap();
        for (name, bytes) in files {
            let path = folder.path().join(name);
            fs::write(&path, bytes).unwrap();
            fs::set_permissions(&path, Permissions::from_mode(0o600)).unwrap();
        }
        folder
    }

    /// What each of the places gives.
    async fn all(
        folder: &TempDir,
        places: &[&str],
        prompt: Option<&Prompt<'_>>,
    ) -> Vec<Result<String, ResolveError>> {
        let file = file(places);
        let path = folder.path().join("credentials.toml");
        let env = |name: &str| (name == "PHRASE").then(|| "open sesame".to_owned());
        let sources = Sources::new(&file, &path, &env, prompt);
        let mut found = Vec::new();
        for credential in &file.credentials {
            let secret = secrets(credential, &sources).await;
            assert!(!format!("{secret:?}").contains(SECRET));
            found.push(secret.map(|secret| match secret {
                Secrets::Password { password } => password.expose_secret().to_owned(),
                other => panic!("{other:?}"),
            }));
        }
        found
    }

    fn why(found: &Result<String, ResolveError>) -> AgeError {
        match found {
            Err(ResolveError::Age { source, .. }) => *source,
            other => panic!("{other:?}"),
        }
    }

    #[tokio::test]
    async fn a_passphrase_is_where_the_file_says_or_is_asked_for_once() {
        let sealed = cheap(format!("{SECRET}\n").as_bytes(), "open sesame");
        let other = cheap(b"another", "another phrase");
        let folder = folder(&[("a.age", &sealed), ("b.age", &other)]);
        let named = "{ age = 'a.age', passphrase = { env = 'PHRASE' } }";
        let found = all(&folder, &[named], None).await;
        assert_eq!(found[0].as_ref().unwrap(), SECRET);
        let asked = AtomicUsize::new(0);
        let prompt = |question: &str| {
            asked.fetch_add(1, Ordering::Relaxed);
            assert!(question.starts_with("Passphrase of "), "{question}");
            let is_a = question.ends_with("a.age: ");
            Ok(if is_a {
                "open sesame"
            } else {
                "another phrase"
            }
            .into())
        };
        let places = [
            "{ age = 'a.age' }",
            "{ age = 'b.age', passphrase = { prompt = true } }",
            "{ age = 'a.age' }",
        ];
        let found = all(&folder, &places, Some(&prompt)).await;
        let found: Vec<_> = found
            .iter()
            .map(|it| it.as_ref().unwrap().as_str())
            .collect();
        assert_eq!(found, [SECRET, "another", SECRET]);
        assert_eq!(asked.load(Ordering::Relaxed), 2);
        let refused = all(&folder, &places, None).await;
        assert!(matches!(refused[0], Err(ResolveError::NoPrompt)));
    }

    #[tokio::test]
    async fn a_wrong_passphrase_is_not_taken_a_second_time() {
        let sealed = cheap(SECRET.as_bytes(), "open sesame");
        let folder = folder(&[("a.age", &sealed)]);
        let asked = AtomicUsize::new(0);
        let prompt = |_: &str| {
            let first = asked.fetch_add(1, Ordering::Relaxed) == 0;
            Ok(if first { "slip" } else { "open sesame" }.into())
        };
        let places = ["{ age = 'a.age' }", "{ age = 'a.age' }"];
        let found = all(&folder, &places, Some(&prompt)).await;
        assert_eq!(why(&found[0]), AgeError::WrongPassphrase);
        assert_eq!(found[1].as_ref().unwrap(), SECRET);
    }

    #[tokio::test]
    async fn a_key_that_others_may_read_opens_nothing() {
        let (key, recipient) = native();
        let sealed = seal(SECRET.as_bytes(), &Lock::Recipients(vec![recipient])).unwrap();
        let folder = folder(&[("a.age", &sealed), ("id", key.as_bytes())]);
        // The file itself is no secret.
        let public = folder.path().join("a.age");
        fs::set_permissions(public, Permissions::from_mode(0o644)).unwrap();
        let place = "{ age = 'a.age', identity = 'id' }";
        let found = all(&folder, &[place, "{ age = 'a.age' }"], None).await;
        assert_eq!(found[0].as_ref().unwrap(), SECRET);
        assert_eq!(why(&found[1]), AgeError::NeedsIdentity);
        let key = folder.path().join("id");
        fs::set_permissions(key, Permissions::from_mode(0o640)).unwrap();
        let refused = all(&folder, &[place], None).await;
        assert!(matches!(
            refused[0],
            Err(ResolveError::File(FileError::SecretReadable { .. }))
        ));
    }

    #[tokio::test]
    async fn a_file_that_is_none_is_named() {
        let folder = folder(&[("a.age", SECRET.as_bytes())]);
        let places = ["{ age = 'a.age' }", "{ age = 'nowhere' }"];
        let found = all(&folder, &places, None).await;
        assert_eq!(why(&found[0]), AgeError::NotAge);
        assert!(matches!(found[1], Err(ResolveError::File(_))));
    }

    #[tokio::test]
    async fn what_does_not_end_is_given_up() {
        let (keep, gone) = std::sync::mpsc::channel::<()>();
        let never = move || gone.recv().is_ok();
        assert_eq!(off_thread(Duration::from_millis(20), never).await, None);
        drop(keep);
        assert_eq!(off_thread(AGE_TIME, || 7).await, Some(7));
    }
}
