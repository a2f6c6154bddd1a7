//! Puts secrets where a credentials file says that they are: into files, into files that age encrypts,
//! into the keyring.
//!
//! The only file outside of `session` that opens a secret: to write it there and nowhere else.

use super::age_file::{self, AgeError, Lock, Openers, Recipient};
use super::file::{FileError, read_public, wipe};
use super::keyring::{EntryName, KEYRING_TIME, KeyringError};
use super::replace::{lock, replace};
use super::resolve::{LONGEST, Prompt, ResolveError, Sources, one_line, text};
use super::vault::{AGE_TIME, LONGEST_AGE, off_thread, open_age, passphrase, read_identity};
use super::{AgePlace, SecretRef};
use secrecy::{ExposeSecret as _, SecretString};
use std::io::{self, Read};
use std::path::{Path, PathBuf};

/// Stores a secret at its place, in place of the one that may be there.
///
/// What age encrypts is opened again before it replaces anything, by what the credential says opens it.
///
/// # Errors
/// When the place cannot be written by us, or what would be written would not open.
pub async fn keep(
    secret: &SecretString,
    place: &SecretRef,
    to: Encrypted,
    sources: &Sources<'_>,
) -> Result<(), KeepError> {
    match place {
        SecretRef::File(path) => {
            let path = sources.place(path);
            let _lock = lock(&path)?;
            Ok(replace(
                &path,
                secret.expose_secret().as_bytes(),
                OWNER_ONLY,
            )?)
        }
        SecretRef::Keyring(name) => keep_in_keyring(secret, name).await,
        SecretRef::Age(age) => keep_in_age(secret, age, to, sources).await,
        SecretRef::Literal(_) | SecretRef::Env(_) | SecretRef::Command(_) | SecretRef::Prompt => {
            Err(KeepError::NotOurs {
                place: place.as_str(),
            })
        }
    }
}

/// What a file is encrypted to.
#[derive(Debug, Default)]
pub enum Encrypted {
    /// What it is encrypted to already.
    #[default]
    AsBefore,
    /// These keys.
    To(Vec<Recipient>),
    /// A passphrase.
    ToPassphrase(SecretString),
}

/// Whether a secret is at a place already, as something that can be replaced. Opens nothing.
///
/// # Errors
/// When a keyring cannot be asked.
pub async fn is_there(place: &SecretRef, sources: &Sources<'_>) -> Result<bool, KeepError> {
    let exists = |path: &Path| sources.place(path).symlink_metadata().is_ok();
    match place {
        SecretRef::File(path) => Ok(exists(path)),
        SecretRef::Age(age) => Ok(exists(&age.file)),
        SecretRef::Keyring(name) => {
            let name = name.clone();
            match off_thread(KEYRING_TIME, move || name.read().map(wipe)).await {
                Some(Ok(())) => Ok(true),
                Some(Err(KeyringError::NoEntry { .. })) => Ok(false),
                Some(Err(error)) => Err(error.into()),
                None => Err(KeyringError::TimedOut.into()),
            }
        }
        _ => Ok(false),
    }
}

/// Asks for a secret twice, so that nobody stores a slip.
///
/// # Errors
/// When the two differ, nothing was typed, or nobody can be asked.
pub fn ask_twice(prompt: &Prompt<'_>, question: &str) -> Result<SecretString, KeepError> {
    let first = prompt(question).map_err(KeepError::Ask)?;
    if first.expose_secret().is_empty() {
        return Err(KeepError::Empty);
    }
    let second = prompt("Again: ").map_err(KeepError::Ask)?;
    if first.expose_secret() == second.expose_secret() {
        Ok(first)
    } else {
        Err(KeepError::NotTheSame)
    }
}

/// Reads a secret from a pipe: one line, or the text of a key.
///
/// # Errors
/// When there is nothing, too much, or what is no text.
pub fn read_from(source: &mut dyn Read, is_key: bool) -> Result<SecretString, KeepError> {
    const FROM: &str = "standard input";
    let mut bytes = Vec::new();
    let read = source.take(LONGEST + 1).read_to_end(&mut bytes);
    if let Err(error) = read {
        wipe(bytes);
        return Err(KeepError::Ask(error));
    }
    if u64::try_from(bytes.len()).is_ok_and(|length| length > LONGEST) {
        wipe(bytes);
        return Err(ResolveError::TooLong { from: FROM }.into());
    }
    if is_key {
        return Ok(text(bytes, FROM).map(SecretString::from)?);
    }
    Ok(one_line(bytes, FROM)?)
}

/// Why a secret is not stored. None quotes it.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum KeepError {
    /// The place is not one that we write.
    #[error("what is in {place} is not ours to write")]
    NotOurs {
        /// The kind of place.
        place: &'static str,
    },
    /// The file cannot be written.
    #[error(transparent)]
    File(#[from] FileError),
    /// The keyring did not do.
    #[error(transparent)]
    Keyring(#[from] KeyringError),
    /// What opens the secret could not be had.
    #[error(transparent)]
    Resolve(#[from] ResolveError),
    /// The file cannot be encrypted.
    #[error("cannot encrypt {path}")]
    Seal {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: AgeError,
    },
    /// It is encrypted to keys, of which only private halves are at hand, or none.
    #[error(
        "{path} is encrypted to {count} keys; name all that shall open it with --recipient (age1…, ssh-ed25519 …, or a .pub file)"
    )]
    NoRecipients {
        /// The file.
        path: PathBuf,
        /// How many.
        count: usize,
    },
    /// It would not open any more.
    #[error("nothing was changed: {path} would not be opened by what the credential says")]
    WouldNotOpen {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: ResolveError,
    },
    /// Nobody answered, or nothing could be read.
    #[error("cannot ask for the secret")]
    Ask(#[source] io::Error),
    /// Nothing was typed.
    #[error("nothing was typed")]
    Empty,
    /// Two things were typed.
    #[error("the two are not the same; nothing was stored")]
    NotTheSame,
}

/// Nobody else may read it.
const OWNER_ONLY: u32 = 0o600;

async fn keep_in_keyring(secret: &SecretString, name: &EntryName) -> Result<(), KeepError> {
    let (name, secret) = (name.clone(), secret.clone());
    let write = move || name.write(secret.expose_secret().as_bytes());
    let written = off_thread(KEYRING_TIME, write).await;
    Ok(written.unwrap_or(Err(KeyringError::TimedOut))?)
}

async fn keep_in_age(
    secret: &SecretString,
    place: &AgePlace,
    to: Encrypted,
    sources: &Sources<'_>,
) -> Result<(), KeepError> {
    let path = sources.place(&place.file);
    let _lock = lock(&path)?;
    let failed = |source| KeepError::Seal {
        path: path.clone(),
        source,
    };
    let to = match to {
        Encrypted::To(recipients) => Lock::Recipients(recipients),
        Encrypted::ToPassphrase(passphrase) => {
            sources.remember(&path, &passphrase);
            Lock::Passphrase(passphrase)
        }
        Encrypted::AsBefore => as_before(&path, place, sources).await?,
    };
    let secret = secret.clone();
    let seal = move || age_file::seal(secret.expose_secret().as_bytes(), &to);
    let sealed = off_thread(AGE_TIME, seal).await;
    let timed_out = || ResolveError::AgeTimedOut { path: path.clone() };
    let sealed = sealed.ok_or_else(timed_out)?.map_err(failed)?;
    match open_age(&sealed, place, sources).await {
        Ok(opened) => wipe(opened),
        Err(source) => return Err(KeepError::WouldNotOpen { path, source }),
    }
    Ok(replace(&path, &sealed, OWNER_ONLY)?)
}

/// What the file of a place is encrypted to, as far as we can tell: a passphrase that opens it, or the
/// one key of the credential.
async fn as_before(
    path: &Path,
    place: &AgePlace,
    sources: &Sources<'_>,
) -> Result<Lock, KeepError> {
    let file = read_public(path, LONGEST_AGE)?;
    let openers = age_file::openers(&file).map_err(|source| KeepError::Seal {
        path: path.into(),
        source,
    })?;
    // That it opens shows that the passphrase is no slip, and the key one of its recipients.
    wipe(open_age(&file, place, sources).await?);
    let count = match openers {
        Openers::Passphrase => {
            return Ok(Lock::Passphrase(passphrase(place, path, sources).await?));
        }
        Openers::Keys { count } => count,
    };
    let own = match &place.identity {
        Some(identity) if count == 1 => read_identity(&sources.place(identity))?.recipient(),
        _ => None,
    };
    let own = own.ok_or_else(|| KeepError::NoRecipients {
        path: path.into(),
        count,
    })?;
    Ok(Lock::Recipients(vec![own]))
}

#[cfg(test)]
mod tests {
    use super::super::age_file::tests::{cheap, native, ssh};
    use super::super::age_file::{Identity, Opener, open, seal};
    use super::super::file::tests::SECRET;
    use super::super::parse;
    use super::*;
    use std::fs::{self, Permissions};
    use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
    use tempfile::TempDir;

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

    /// Stores the secret at a place; the operator always types `open sesame`.
    async fn store(folder: &TempDir, place: &str, to: Encrypted) -> Result<(), KeepError> {
        let text = format!(
            "[[credential]]\nid = 'a'\ntype = 'ssh-password'\nuser = 'u'\npassword = {place}\nscope = ['10.0.0.0/8']\n"
        );
        let file = parse(&text).unwrap();
        let path = folder.path().join("credentials.toml");
        let env = |_: &str| None;
        let prompt = |_: &str| Ok(SecretString::from("open sesame"));
        let sources = Sources::new(&file, &path, &env, Some(&prompt));
        let place = file.credentials[0].secrets().next().unwrap();
        let stored = keep(&SECRET.into(), place, to, &sources).await;
        assert!(!format!("{stored:?}").contains(SECRET));
        stored
    }

    fn read(folder: &TempDir, name: &str) -> Vec<u8> {
        fs::read(folder.path().join(name)).unwrap()
    }

    fn with_key(file: &[u8], key: &str) -> Vec<u8> {
        let identity = Identity::parse(key.as_bytes().to_vec()).unwrap();
        open(file, Opener::Keys(identity.unlock(None).unwrap())).unwrap()
    }

    #[tokio::test]
    async fn a_secret_in_a_file_is_its_owners_alone() {
        let folder = folder(&[]);
        let as_before = Encrypted::AsBefore;
        store(&folder, "{ file = 'a' }", as_before).await.unwrap();
        assert_eq!(read(&folder, "a"), SECRET.as_bytes());
        let mode = fs::metadata(folder.path().join("a")).unwrap().mode();
        assert_eq!(mode & 0o777, 0o600);
    }

    #[tokio::test]
    async fn what_is_not_ours_is_not_written() {
        let folder = folder(&[]);
        for place in [
            "'x'",
            "{ env = 'X' }",
            "{ command = ['x'] }",
            "{ prompt = true }",
        ] {
            let refused = store(&folder, place, Encrypted::AsBefore).await;
            assert!(matches!(refused, Err(KeepError::NotOurs { .. })), "{place}");
        }
    }

    #[tokio::test]
    async fn a_file_stays_encrypted_to_its_passphrase() {
        let folder = folder(&[("a.age", &cheap(b"old", "open sesame"))]);
        let place = "{ age = 'a.age' }";
        store(&folder, place, Encrypted::AsBefore).await.unwrap();
        let opener = Opener::Passphrase("open sesame".into());
        assert_eq!(
            open(&read(&folder, "a.age"), opener).unwrap(),
            SECRET.as_bytes()
        );
        // A slip would lock the operator out.
        let other = cheap(b"old", "another phrase");
        fs::write(folder.path().join("a.age"), &other).unwrap();
        let refused = store(&folder, place, Encrypted::AsBefore).await;
        assert!(matches!(refused, Err(KeepError::Resolve(_))));
        assert_eq!(read(&folder, "a.age"), other);
    }

    #[tokio::test]
    async fn a_file_stays_encrypted_to_the_one_key_of_the_credential() {
        let (ssh_key, public) = ssh(None);
        let (native_key, native) = native();
        for (key, recipient) in [
            (ssh_key, Recipient::parse(&public).unwrap()),
            (native_key, native),
        ] {
            let sealed = seal(b"old", &Lock::Recipients(vec![recipient])).unwrap();
            let folder = folder(&[("a.age", &sealed), ("id", key.as_bytes())]);
            let place = "{ age = 'a.age', identity = 'id' }";
            store(&folder, place, Encrypted::AsBefore).await.unwrap();
            assert_eq!(with_key(&read(&folder, "a.age"), &key), SECRET.as_bytes());
        }
    }

    #[tokio::test]
    async fn a_file_that_others_can_open_too_is_not_taken_from_them() {
        let ((key, own), (other_key, other)) = (native(), native());
        let both = vec![own.clone(), other.clone()];
        let sealed = seal(b"old", &Lock::Recipients(both.clone())).unwrap();
        let folder = folder(&[("a.age", &sealed), ("id", key.as_bytes())]);
        let place = "{ age = 'a.age', identity = 'id' }";
        let refused = store(&folder, place, Encrypted::AsBefore).await;
        assert!(matches!(
            refused,
            Err(KeepError::NoRecipients { count: 2, .. })
        ));
        // Nor from the credential itself.
        let refused = store(&folder, place, Encrypted::To(vec![other])).await;
        assert!(matches!(refused, Err(KeepError::WouldNotOpen { .. })));
        assert_eq!(read(&folder, "a.age"), sealed);
        store(&folder, place, Encrypted::To(both)).await.unwrap();
        for key in [key, other_key] {
            assert_eq!(with_key(&read(&folder, "a.age"), &key), SECRET.as_bytes());
        }
    }

    #[test]
    fn a_slip_in_typing_is_not_taken() {
        let typed = |words: &[&str]| {
            let words = std::sync::Mutex::new(
                words
                    .iter()
                    .rev()
                    .map(ToString::to_string)
                    .collect::<Vec<_>>(),
            );
            let prompt = |_: &str| Ok(words.lock().unwrap().pop().unwrap().into());
            ask_twice(&prompt, "New: ")
        };
        assert_eq!(typed(&["a", "a"]).unwrap().expose_secret(), "a");
        assert!(matches!(typed(&["a", "b"]), Err(KeepError::NotTheSame)));
        assert!(matches!(typed(&[""]), Err(KeepError::Empty)));
    }

    #[test]
    fn a_pipe_gives_one_line_or_a_whole_key() {
        let read = |text: &str, is_key| {
            let taken = read_from(&mut text.as_bytes(), is_key);
            taken.map(|secret| secret.expose_secret().to_owned())
        };
        assert_eq!(read("secret\n", false).unwrap(), "secret");
        assert_eq!(read("a\nb\n", true).unwrap(), "a\nb\n");
        assert!(matches!(read("a\nb\n", false), Err(KeepError::Resolve(_))));
        assert!(matches!(read("", false), Err(KeepError::Resolve(_))));
        let flood = read_from(&mut io::repeat(b'x'), false);
        assert!(matches!(
            flood,
            Err(KeepError::Resolve(ResolveError::TooLong { .. }))
        ));
    }
}
