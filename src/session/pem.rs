//! Private keys that are encrypted as PEM alone (`Proc-Type: 4,ENCRYPTED`): what openssl and old ssh-keygen
//! write for RSA and ECDSA. Pure.
//!
//! The key is derived by OpenSSL's `EVP_BytesToKey`: MD5, once, with the first half of the IV as salt. That is
//! weak, and it is what is there.

use super::base64;
use md5::{Digest as _, Md5};
use russh::keys::ssh_key::Cipher;
use secrecy::{ExposeSecret as _, SecretSlice, SecretString};

/// Opens a key that is encrypted as PEM: the same key in PEM, in plain. `None` where it is not such a key,
/// or the passphrase is wrong.
pub(super) fn open(pem: &str, passphrase: &str) -> Option<SecretString> {
    let mut lines = pem.lines().map(str::trim);
    let begin = lines
        .by_ref()
        .find(|line| line.starts_with("-----BEGIN "))?;
    let kind = begin.strip_prefix("-----BEGIN ")?.strip_suffix("-----")?;
    let lines: Vec<&str> = lines
        .take_while(|line| !line.starts_with("-----"))
        .collect();
    let mut marks = lines.iter();
    if !marks.any(|line| line.starts_with("Proc-Type:") && line.ends_with("ENCRYPTED")) {
        return None;
    }
    let how = lines
        .iter()
        .find_map(|line| line.strip_prefix("DEK-Info:"))?;
    let (name, iv) = how.trim().split_once(',')?;
    let (cipher, length) = cipher(name)?;
    let iv = from_hex(iv)?;
    let key = SecretSlice::from(derive(passphrase.as_bytes(), iv.get(..8)?, length));
    let body: String = lines
        .iter()
        .copied()
        .filter(|line| !line.contains(':'))
        .collect();
    let mut body = base64::decode(&body)?;
    cipher
        .decrypt(key.expose_secret(), &iv, &mut body, None)
        .ok()?;
    let body = SecretSlice::from(body);
    let plain = unpad(body.expose_secret())?;
    let text = SecretString::from(base64::encode(plain));
    let text = text.expose_secret();
    let filler = "=".repeat((4 - text.len() % 4) % 4);
    let plain = format!("-----BEGIN {kind}-----\n{text}{filler}\n-----END {kind}-----\n");
    Some(SecretString::from(plain))
}

/// The cipher of a name, and the length of its key.
fn cipher(name: &str) -> Option<(Cipher, usize)> {
    match name.trim() {
        "AES-128-CBC" => Some((Cipher::Aes128Cbc, 16)),
        "AES-192-CBC" => Some((Cipher::Aes192Cbc, 24)),
        "AES-256-CBC" => Some((Cipher::Aes256Cbc, 32)),
        _ => None,
    }
}

/// `D_i = MD5(D_(i-1) || passphrase || salt)`, one after the other.
fn derive(passphrase: &[u8], salt: &[u8], length: usize) -> Vec<u8> {
    let mut key: Vec<u8> = Vec::with_capacity(length + 16);
    let mut last = Vec::new();
    while key.len() < length {
        let mut digest = Md5::new();
        digest.update(&last);
        digest.update(passphrase);
        digest.update(salt);
        last = digest.finalize().to_vec();
        key.extend(&last);
    }
    key.truncate(length);
    key
}

/// Takes the padding of PKCS#7 away; a wrong passphrase hardly ever leaves a right one.
fn unpad(bytes: &[u8]) -> Option<&[u8]> {
    let count = usize::from(*bytes.last()?);
    let plain = bytes.get(..bytes.len().checked_sub(count)?)?;
    let padding = bytes.get(plain.len()..)?;
    let is_padding =
        (1..=16).contains(&count) && padding.iter().all(|byte| usize::from(*byte) == count);
    is_padding.then_some(plain)
}

fn from_hex(text: &str) -> Option<Vec<u8>> {
    let digits: Option<Vec<u32>> = text
        .trim()
        .chars()
        .map(|digit| digit.to_digit(16))
        .collect();
    let digits = digits.filter(|digits| digits.len() == 32)?;
    let pairs = digits.chunks_exact(2);
    let bytes = pairs.map(|pair| pair.iter().fold(0, |byte, digit| byte << 4 | digit));
    bytes.map(|byte| u8::try_from(byte).ok()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::session::{Key, KeyError};

    /// Made for this test by `openssl ec -aes128` and `openssl ec -aes256`; the passphrase is `open sesame`.
    const KEYS: [&str; 2] = [KEY_128, KEY_256];
    const KEY_128: &str = "-----BEGIN EC PRIVATE KEY-----
Proc-Type: 4,ENCRYPTED
DEK-Info: AES-128-CBC,F86CBD3534D22C35D1532145E2572FE8

VmikDRHkkMJtoiwzr34Yw/1byOFXCrM4DwaYud1S80F37j8wtiw2ObeK0/0bwSar
WTo++clllNXWI4sSmzy+6TlK3MxkwA+giS1SdAJPge7w84kR1aZPKHppDGLk6hUa
B6JHKI9cVh6E5lwl3r/38sS8YcKQhh6TKF8QUDbnGFo=
-----END EC PRIVATE KEY-----
";
    const KEY_256: &str = "-----BEGIN EC PRIVATE KEY-----
Proc-Type: 4,ENCRYPTED
DEK-Info: AES-256-CBC,42D6328C541FB71EA56120CE04D52698

41lEfEu7smJXkh2M1tqLROnHD+fs497gxbFogefwV4py51EjIhYzT0dgC03EP04s
zcfVYSUGw8BJBCxvvllABHf6bRr53T/YSucBHBRMMFfFFpwq6Wi7eyP6rb3LF8Qb
Ulv4UalDHYhLFIvb1erHNiymHyjJOzIqIkUKnj8qKvo=
-----END EC PRIVATE KEY-----
";

    #[test]
    fn a_key_that_openssl_encrypted_opens_with_its_passphrase_and_with_no_other() {
        for pem in KEYS {
            let open = |passphrase: &str| Key::parse(&pem.into(), Some(&passphrase.into()));
            assert!(open("open sesame").is_ok());
            assert_eq!(open("wrong").unwrap_err(), KeyError::WrongPassphrase);
            let error = Key::parse(&pem.into(), None).unwrap_err();
            assert_eq!(error, KeyError::PassphraseNeeded);
        }
    }

    #[test]
    fn what_is_damaged_opens_nothing_and_does_no_harm() {
        let cases = [
            KEY_128.replace("AES-128-CBC", "RC4"),
            KEY_128.replace("DEK-Info: AES-128-CBC,", "DEK-Info: AES-128-CBC,00"),
            KEY_128.chars().take(120).collect(),
            KEY_128.replace("Proc-Type", "Other"),
        ];
        for pem in cases {
            assert!(open(&pem, "open sesame").is_none(), "{pem}");
        }
    }
}
