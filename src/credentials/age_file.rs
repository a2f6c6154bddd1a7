//! Secrets in files that are encrypted with age: what opens such a file, and how it is made.
//!
//! A function of bytes, after <https://age-encryption.org/v1>. A file is binary or armored, and
//! encrypted either to one passphrase or to any number of keys: age's own, and SSH's of the kinds
//! ed25519 and RSA. It may come from anywhere, so it may not cost us more than it is worth: its
//! length, the memory and the time that its passphrase takes are capped, and so is what is in it.

use super::file::wipe;
use age::armor::{ArmoredReader, ArmoredWriter, Format};
use age::{DecryptError, Decryptor, Encryptor, scrypt, ssh, x25519};
use secrecy::SecretString;
use std::fmt;
use std::io::{BufRead as _, Read as _, Write as _};

/// Opens a file. Slow by design where there is a passphrase: not for an async thread.
///
/// # Errors
/// When it is no such file, when it is damaged, too long or too expensive, or opened by something else.
pub(super) fn open(file: &[u8], with: Opener) -> Result<Vec<u8>, AgeError> {
    let decryptor = decryptor(file)?;
    match with {
        Opener::Passphrase(passphrase) => {
            if !decryptor.is_scrypt() {
                return Err(AgeError::NeedsIdentity);
            }
            let mut identity = scrypt::Identity::new(passphrase);
            identity.set_max_work_factor(MOST_WORK);
            read(decryptor, &[&identity]).map_err(|error| match error {
                // Of a passphrase age cannot say more than that the file does not open.
                AgeError::Damaged => AgeError::WrongPassphrase,
                other => other,
            })
        }
        Opener::Keys(keys) => {
            if decryptor.is_scrypt() {
                return Err(AgeError::NeedsPassphrase);
            }
            read(decryptor, &keys.identities())
        }
    }
}

/// Encrypts a secret, as armored text.
///
/// # Errors
/// When there is nobody to encrypt it to, or two recipients cannot share a file.
pub(super) fn seal(secret: &[u8], to: &Lock) -> Result<Vec<u8>, AgeError> {
    let passphrase;
    let recipients: Vec<&dyn age::Recipient> = match to {
        Lock::Passphrase(secret) => {
            let mut recipient = scrypt::Recipient::new(secret.clone());
            recipient.set_work_factor(OUR_WORK);
            passphrase = recipient;
            vec![&passphrase as &dyn age::Recipient]
        }
        Lock::Recipients(recipients) => recipients.iter().map(Recipient::as_age).collect(),
    };
    // Into memory, writing does not fail.
    let impossible = |_: std::io::Error| AgeError::Recipients;
    let encryptor = Encryptor::with_recipients(recipients.into_iter());
    let encryptor = encryptor.map_err(|_| AgeError::Recipients)?;
    let armor = ArmoredWriter::wrap_output(Vec::new(), Format::AsciiArmor).map_err(impossible)?;
    let mut writer = encryptor.wrap_output(armor).map_err(impossible)?;
    writer.write_all(secret).map_err(impossible)?;
    let armor = writer.finish().map_err(impossible)?;
    armor.finish().map_err(impossible)
}

/// Who can open a file.
///
/// # Errors
/// When it is no such file.
pub(super) fn openers(file: &[u8]) -> Result<Openers, AgeError> {
    if decryptor(file)?.is_scrypt() {
        return Ok(Openers::Passphrase);
    }
    // The header is lines of text up to `---`; one line with `->` for each recipient. Grease is nobody.
    let mut count = 0;
    let mut header = std::io::BufReader::new(ArmoredReader::new(file));
    loop {
        let mut line = Vec::new();
        let length = header.read_until(b'\n', &mut line);
        if length.map_err(|_| AgeError::NotAge)? == 0 || line.starts_with(b"---") {
            return Ok(Openers::Keys { count });
        }
        let tag = line.split(|byte| *byte == b' ').nth(1).unwrap_or_default();
        count += usize::from(line.starts_with(b"-> ") && !tag.trim_ascii().ends_with(b"-grease"));
    }
}

/// Who can open a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Openers {
    /// Whoever knows its passphrase.
    Passphrase,
    /// The holders of so many keys.
    Keys {
        /// How many.
        count: usize,
    },
}

/// What opens a file.
pub(super) enum Opener {
    /// Its passphrase.
    Passphrase(SecretString),
    /// Private keys.
    Keys(Keys),
}

/// What a file is encrypted to.
pub(super) enum Lock {
    /// A passphrase.
    Passphrase(SecretString),
    /// Public keys; each of them opens it.
    Recipients(Vec<Recipient>),
}

/// A public key that a file can be encrypted to.
#[derive(Clone)]
pub struct Recipient(Public);

#[derive(Clone)]
enum Public {
    Native(x25519::Recipient),
    Ssh(ssh::Recipient),
}

impl Recipient {
    /// Reads `age1…`, or an SSH public key as a line of a `.pub` file.
    ///
    /// # Errors
    /// When it is neither, or of a kind of SSH key that cannot decrypt.
    pub fn parse(text: &str) -> Result<Self, AgeError> {
        let text = text.trim();
        if let Ok(native) = text.parse() {
            return Ok(Self(Public::Native(native)));
        }
        let ssh = text.parse::<ssh::Recipient>();
        let ssh = ssh.map_err(|_| AgeError::NotARecipient)?;
        Ok(Self(Public::Ssh(ssh)))
    }

    fn as_age(&self) -> &dyn age::Recipient {
        match &self.0 {
            Public::Native(native) => native,
            Public::Ssh(ssh) => ssh,
        }
    }
}

impl fmt::Display for Recipient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Public::Native(native) => native.fmt(f),
            Public::Ssh(ssh) => ssh.fmt(f),
        }
    }
}

impl fmt::Debug for Recipient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Recipient({self})")
    }
}

/// A file of private keys, as it is: perhaps locked.
pub(super) enum Identity {
    Open(Keys),
    /// An SSH key with a passphrase.
    LockedSsh(Box<ssh::EncryptedKey>),
    /// Age's own keys in an age file with a passphrase.
    LockedNative(Vec<u8>),
}

impl Identity {
    /// Reads an SSH private key, a file of `AGE-SECRET-KEY-1…` lines, or such a file that is itself
    /// encrypted to a passphrase. Takes the bytes, and wipes them.
    ///
    /// # Errors
    /// When it is none of these, or of a kind that cannot decrypt.
    pub(super) fn parse(bytes: Vec<u8>) -> Result<Self, AgeError> {
        if decryptor(&bytes).is_ok_and(|decryptor| decryptor.is_scrypt()) {
            return Ok(Self::LockedNative(bytes));
        }
        let read = Self::parse_open(&bytes);
        wipe(bytes);
        read
    }

    fn parse_open(bytes: &[u8]) -> Result<Self, AgeError> {
        let text = std::str::from_utf8(bytes).map_err(|_| AgeError::NotAnIdentity)?;
        if !text.trim_start().starts_with("-----BEGIN") {
            return Keys::parse_native(text).map(Self::Open);
        }
        let unix = text.trim_start().replace('\r', "").into_bytes();
        let key = ssh::Identity::from_buffer(unix.as_slice(), None);
        wipe(unix);
        match key.map_err(|_| AgeError::NotAnIdentity)? {
            ssh::Identity::Encrypted(key) => Ok(Self::LockedSsh(Box::new(key))),
            ssh::Identity::Unsupported(_) => Err(AgeError::UnsupportedIdentity),
            key @ ssh::Identity::Unencrypted(_) => Ok(Self::Open(Keys::Ssh(Box::new(key)))),
        }
    }

    /// Whether it needs a passphrase.
    pub(super) fn is_locked(&self) -> bool {
        !matches!(self, Self::Open(_))
    }

    /// The keys in it. Slow by design where there is a passphrase.
    ///
    /// # Errors
    /// When the passphrase is missing or wrong.
    pub(super) fn unlock(self, passphrase: Option<SecretString>) -> Result<Keys, AgeError> {
        match (self, passphrase) {
            (Self::Open(keys), _) => Ok(keys),
            (_, None) => Err(AgeError::IdentityLocked),
            (Self::LockedSsh(key), Some(passphrase)) => {
                let open = key.decrypt(passphrase);
                let open = open.map_err(|_| AgeError::WrongIdentityPassphrase)?;
                Ok(Keys::Ssh(Box::new(open.into())))
            }
            (Self::LockedNative(file), Some(passphrase)) => {
                let text = open(&file, Opener::Passphrase(passphrase));
                let text = text.map_err(|error| match error {
                    AgeError::WrongPassphrase => AgeError::WrongIdentityPassphrase,
                    other => other,
                })?;
                let keys = std::str::from_utf8(&text).map_err(|_| AgeError::NotAnIdentity);
                let keys = keys.and_then(Keys::parse_native);
                wipe(text);
                keys
            }
        }
    }

    /// The public half, where it can be had without a passphrase.
    pub(super) fn recipient(&self) -> Option<Recipient> {
        match self {
            Self::Open(Keys::Native(keys)) => {
                Some(Recipient(Public::Native(keys.first()?.to_public())))
            }
            Self::Open(Keys::Ssh(key)) => ssh_public(ssh::Identity::clone(key)),
            Self::LockedSsh(key) => ssh_public(ssh::Identity::Encrypted((**key).clone())),
            Self::LockedNative(_) => None,
        }
    }
}

fn ssh_public(key: ssh::Identity) -> Option<Recipient> {
    let public = ssh::Recipient::try_from(key).ok()?;
    Some(Recipient(Public::Ssh(public)))
}

/// Private keys that open files.
pub(super) enum Keys {
    Ssh(Box<ssh::Identity>),
    Native(Vec<x25519::Identity>),
}

impl Keys {
    fn parse_native(text: &str) -> Result<Self, AgeError> {
        let lines = text.lines().map(str::trim);
        let lines = lines.filter(|line| !line.is_empty() && !line.starts_with('#'));
        let keys = lines.map(|line| {
            line.parse::<x25519::Identity>()
                .map_err(|_| AgeError::NotAnIdentity)
        });
        let keys: Vec<x25519::Identity> = keys.collect::<Result<_, _>>()?;
        if keys.is_empty() {
            return Err(AgeError::NotAnIdentity);
        }
        Ok(Self::Native(keys))
    }

    fn identities(&self) -> Vec<&dyn age::Identity> {
        match self {
            Self::Ssh(key) => vec![&**key as &dyn age::Identity],
            Self::Native(keys) => keys.iter().map(|key| key as &dyn age::Identity).collect(),
        }
    }
}

/// Why a file is not opened or made. None quotes what is in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum AgeError {
    /// Something else.
    #[error("it is not a file that age encrypted")]
    NotAge,
    /// A later version's, or one for a plugin.
    #[error("it is of a kind of age file that this version does not know")]
    Unknown,
    /// Changed on its way.
    #[error("it is damaged: it is not what was encrypted")]
    Damaged,
    /// There is more in it than a secret.
    #[error("what is in it is longer than {LONGEST} bytes")]
    TooLong,
    /// A passphrase that was made to take hours.
    #[error(
        "its passphrase costs more work (2^{required}) than any file of ours should (2^{MOST_WORK}); encrypt it anew"
    )]
    TooMuchWork {
        /// The work factor, as a power of two.
        required: u8,
    },
    /// To keys, and there is none.
    #[error(
        "it is encrypted to keys; say which of yours opens it: {{ age = \"…\", identity = \"~/.ssh/id_ed25519\" }}"
    )]
    NeedsIdentity,
    /// To a passphrase, and there is a key.
    #[error("it is encrypted to a passphrase and not to a key; leave `identity` out")]
    NeedsPassphrase,
    /// Not this passphrase.
    #[error("the passphrase is wrong, or the file is damaged")]
    WrongPassphrase,
    /// Not this key.
    #[error("it is not encrypted to the key of `identity`")]
    WrongIdentity,
    /// No private key.
    #[error(
        "the identity is neither an SSH private key in OpenSSH's format nor a file of AGE-SECRET-KEY-1… lines"
    )]
    NotAnIdentity,
    /// A private key that signs only, or is encrypted in an old way.
    #[error(
        "the identity is a key that cannot decrypt: of SSH keys only ed25519 and RSA can (ssh-keygen -p rewrites old files)"
    )]
    UnsupportedIdentity,
    /// A private key with a passphrase, and none to open it.
    #[error("the identity has a passphrase of its own, and there is none for it")]
    IdentityLocked,
    /// Not the private key's passphrase.
    #[error("the passphrase of the identity is wrong")]
    WrongIdentityPassphrase,
    /// No public key.
    #[error(
        "not a recipient: expected age1…, or an SSH public key of the kind ssh-ed25519 or ssh-rsa (2048 to 4096 bits)"
    )]
    NotARecipient,
    /// No public keys at all, or of kinds that do not go together.
    #[error("these recipients cannot share a file")]
    Recipients,
}

/// The longest secret, in bytes.
const LONGEST: u64 = 64 * 1024;

/// The most work that a passphrase may cost, as a power of two: 1 GiB of memory and some seconds. Age
/// itself takes 2^18 for what it writes, or what takes a second.
const MOST_WORK: u8 = 20;

/// What a passphrase of ours costs: as much as one of age's own. Unit tests are of other things.
const OUR_WORK: u8 = if cfg!(test) { 4 } else { 18 };

fn decryptor(file: &[u8]) -> Result<Decryptor<Armored<'_>>, AgeError> {
    Decryptor::new_buffered(ArmoredReader::new(file)).map_err(|error| why(&error))
}

type Armored<'a> = ArmoredReader<std::io::BufReader<&'a [u8]>>;

fn read(
    decryptor: Decryptor<Armored<'_>>,
    identities: &[&dyn age::Identity],
) -> Result<Vec<u8>, AgeError> {
    let plain = decryptor.decrypt(identities.iter().copied());
    let plain = plain.map_err(|error| why(&error))?;
    let mut secret = Vec::with_capacity(usize::try_from(LONGEST).unwrap_or(0) + 1);
    let read = plain.take(LONGEST + 1).read_to_end(&mut secret);
    let error = match read {
        Ok(length) if u64::try_from(length).is_ok_and(|length| length <= LONGEST) => {
            return Ok(secret);
        }
        Ok(_) => AgeError::TooLong,
        Err(_) => AgeError::Damaged,
    };
    wipe(secret);
    Err(error)
}

fn why(error: &DecryptError) -> AgeError {
    match error {
        DecryptError::InvalidHeader | DecryptError::Io(_) => AgeError::NotAge,
        DecryptError::UnknownFormat => AgeError::Unknown,
        DecryptError::NoMatchingKeys => AgeError::WrongIdentity,
        DecryptError::ExcessiveWork { required, .. } => AgeError::TooMuchWork {
            required: *required,
        },
        _ => AgeError::Damaged,
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::super::file::tests::SECRET;
    use super::*;
    use proptest::prelude::*;
    use russh::keys::key::safe_rng;
    use russh::keys::ssh_key::{Algorithm, LineEnding, PrivateKey};
    use secrecy::ExposeSecret as _;

    /// A binary file to a passphrase that costs next to nothing.
    pub(crate) fn cheap(secret: &[u8], passphrase: &str) -> Vec<u8> {
        let mut recipient = scrypt::Recipient::new(passphrase.into());
        recipient.set_work_factor(2);
        binary(secret, &recipient)
    }

    fn binary(secret: &[u8], recipient: &dyn age::Recipient) -> Vec<u8> {
        let encryptor = Encryptor::with_recipients(std::iter::once(recipient)).unwrap();
        let mut writer = encryptor.wrap_output(Vec::new()).unwrap();
        writer.write_all(secret).unwrap();
        writer.finish().unwrap()
    }

    /// A private key of age's own, as a file of it.
    pub(crate) fn native() -> (String, Recipient) {
        let key = x25519::Identity::generate();
        let text = format!("# a comment\n{}\n", key.to_string().expose_secret());
        (text, Recipient(Public::Native(key.to_public())))
    }

    /// An SSH key as text, perhaps with a passphrase, and its public half as a line of a `.pub` file.
    pub(crate) fn ssh(passphrase: Option<&str>) -> (String, String) {
        let key = PrivateKey::random(&mut safe_rng(), Algorithm::Ed25519).unwrap();
        let public = key.public_key().to_openssh().unwrap();
        let key = match passphrase {
            Some(passphrase) => key.encrypt(&mut safe_rng(), passphrase).unwrap(),
            None => key,
        };
        let text = key.to_openssh(LineEnding::LF).unwrap().to_string();
        (text, format!("{public} a comment"))
    }

    fn by_passphrase(file: &[u8], passphrase: &str) -> Result<Vec<u8>, AgeError> {
        open(file, Opener::Passphrase(passphrase.into()))
    }

    fn by_key(file: &[u8], key: &str, passphrase: Option<&str>) -> Result<Vec<u8>, AgeError> {
        let identity = Identity::parse(key.as_bytes().to_vec())?;
        let keys = identity.unlock(passphrase.map(SecretString::from))?;
        open(file, Opener::Keys(keys))
    }

    #[test]
    fn a_file_opens_with_its_passphrase_and_with_no_other() {
        let file = cheap(SECRET.as_bytes(), "open sesame");
        assert_eq!(
            by_passphrase(&file, "open sesame").unwrap(),
            SECRET.as_bytes()
        );
        assert_eq!(
            by_passphrase(&file, "wrong"),
            Err(AgeError::WrongPassphrase)
        );
        let (key, _) = native();
        assert_eq!(by_key(&file, &key, None), Err(AgeError::NeedsPassphrase));
        assert_eq!(openers(&file), Ok(Openers::Passphrase));
    }

    #[test]
    fn what_is_sealed_with_a_passphrase_opens_with_it_and_shows_nothing() {
        let lock = Lock::Passphrase("open sesame".into());
        let file = seal(SECRET.as_bytes(), &lock).unwrap();
        let text = String::from_utf8(file.clone()).unwrap();
        assert!(
            text.starts_with("-----BEGIN AGE ENCRYPTED FILE-----\n"),
            "{text}"
        );
        assert!(!text.contains(SECRET));
        assert_eq!(
            by_passphrase(&file, "open sesame").unwrap(),
            SECRET.as_bytes()
        );
    }

    #[test]
    fn what_is_sealed_to_keys_opens_with_each_of_them_and_with_no_other() {
        let (native_key, native_recipient) = native();
        let (ssh_key, public) = ssh(None);
        let recipients = vec![native_recipient, Recipient::parse(&public).unwrap()];
        let file = seal(SECRET.as_bytes(), &Lock::Recipients(recipients)).unwrap();
        assert_eq!(openers(&file), Ok(Openers::Keys { count: 2 }));
        for key in [&native_key, &ssh_key, &ssh_key.replace('\n', "\r\n")] {
            assert_eq!(by_key(&file, key, None).unwrap(), SECRET.as_bytes());
        }
        for other in [native().0, ssh(None).0] {
            assert_eq!(by_key(&file, &other, None), Err(AgeError::WrongIdentity));
        }
        assert_eq!(by_passphrase(&file, "x"), Err(AgeError::NeedsIdentity));
        assert_eq!(
            seal(b"", &Lock::Recipients(vec![])),
            Err(AgeError::Recipients)
        );
    }

    #[test]
    fn a_key_with_a_passphrase_opens_with_it_and_with_no_other() {
        let (ssh_key, public) = ssh(Some("open sesame"));
        let to = Recipient::parse(&public).unwrap();
        let file = seal(SECRET.as_bytes(), &Lock::Recipients(vec![to])).unwrap();
        let (native_key, native_recipient) = native();
        let locked = cheap(native_key.as_bytes(), "open sesame");
        let lock = Lock::Recipients(vec![native_recipient]);
        let native_file = seal(SECRET.as_bytes(), &lock).unwrap();
        for (file, key) in [(file, ssh_key.into_bytes()), (native_file, locked)] {
            let with = |passphrase: Option<&str>| {
                let identity = Identity::parse(key.clone())?;
                assert!(identity.is_locked());
                let keys = identity.unlock(passphrase.map(SecretString::from))?;
                open(&file, Opener::Keys(keys))
            };
            assert_eq!(with(Some("open sesame")).unwrap(), SECRET.as_bytes());
            assert_eq!(with(Some("wrong")), Err(AgeError::WrongIdentityPassphrase));
            assert_eq!(with(None), Err(AgeError::IdentityLocked));
        }
    }

    #[test]
    fn the_public_half_of_a_key_is_known_without_its_passphrase() {
        let (key, public) = ssh(Some("x"));
        let identity = Identity::parse(key.into_bytes()).unwrap();
        let own = identity.recipient().unwrap().to_string();
        assert!(public.starts_with(&own), "{own}");
        let (key, recipient) = native();
        let identity = Identity::parse(key.into_bytes()).unwrap();
        assert_eq!(
            identity.recipient().unwrap().to_string(),
            recipient.to_string()
        );
    }

    #[test]
    fn a_passphrase_that_was_made_to_take_hours_is_refused_at_once() {
        let file = cheap(SECRET.as_bytes(), "x");
        let header = file.windows(8).position(|it| it == b"-> scryp").unwrap();
        let end = header + file[header..].iter().position(|it| *it == b'\n').unwrap();
        assert_eq!(file[end - 1], b'2');
        for required in [21u8, 63] {
            let work = required.to_string();
            let costly = [&file[..end - 1], work.as_bytes(), &file[end..]].concat();
            let refused = AgeError::TooMuchWork { required };
            assert_eq!(by_passphrase(&costly, "x"), Err(refused));
        }
    }

    #[test]
    fn what_is_no_file_or_no_key_is_said_to_be_none() {
        for file in [
            &b""[..],
            b"hello",
            b"age-encryption.org/v1\n",
            b"-----BEGIN AGE",
        ] {
            assert_eq!(by_passphrase(file, "x"), Err(AgeError::NotAge), "{file:?}");
            assert_eq!(openers(file), Err(AgeError::NotAge), "{file:?}");
        }
        let parse = |text: &str| Identity::parse(text.as_bytes().to_vec()).err();
        for text in [
            "",
            "# only a comment\n",
            "hunter2",
            "-----BEGIN OPENSSH PRIVATE KEY-----\n",
        ] {
            assert_eq!(parse(text), Some(AgeError::NotAnIdentity), "{text}");
        }
        let other = PrivateKey::random(
            &mut safe_rng(),
            Algorithm::Ecdsa {
                curve: russh::keys::ssh_key::EcdsaCurve::NistP256,
            },
        );
        let other = other.unwrap().to_openssh(LineEnding::LF).unwrap();
        assert_eq!(parse(&other), Some(AgeError::UnsupportedIdentity));
        for text in ["", "age1", "ssh-ed25519 AAAA", "ssh-dss AAAA"] {
            assert_eq!(Recipient::parse(text).err(), Some(AgeError::NotARecipient));
        }
    }

    #[test]
    fn a_file_that_holds_more_than_a_secret_or_was_changed_is_refused() {
        let long = vec![b'x'; usize::try_from(LONGEST).unwrap() + 1];
        assert_eq!(
            by_passphrase(&cheap(&long, "x"), "x"),
            Err(AgeError::TooLong)
        );
        let (key, recipient) = native();
        let mut file = binary(SECRET.as_bytes(), recipient.as_age());
        assert!(by_key(&file, &key, None).is_ok());
        *file.last_mut().unwrap() ^= 1;
        assert_eq!(by_key(&file, &key, None), Err(AgeError::Damaged));
        file.pop();
        assert_eq!(by_key(&file, &key, None), Err(AgeError::Damaged));
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]
        #[test]
        fn nothing_panics_and_no_error_shows_what_is_in_it(
            cuts in prop::collection::vec((0usize..500, 0usize..3, "[\\x00-\\x7f]{0,3}"), 1..4)
        ) {
            let (key, recipient) = native();
            let mut file = binary(SECRET.as_bytes(), recipient.as_age());
            for (at, length, insert) in &cuts {
                let at = (*at).min(file.len());
                let end = (at + length).min(file.len());
                file.splice(at..end, insert.bytes());
            }
            if let Err(error) = by_key(&file, &key, None) {
                let shown = format!("{error} {error:?}");
                prop_assert!(!shown.contains("planted"), "{}", shown);
            }
            let _ = Identity::parse(file.clone());
            let mut text = key.into_bytes();
            text.extend(file);
            let _ = Identity::parse(text);
        }
    }
}
