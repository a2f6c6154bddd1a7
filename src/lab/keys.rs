//! Keys computed from names, so that a lab file alone says what `known_hosts` would hold.

use crate::model::hex;
use russh::keys::ssh_key::private::Ed25519Keypair;
use russh::keys::ssh_key::{HashAlg, LineEnding, PrivateKey, PublicKey};
use sha2::{Digest as _, Sha256};

/// The Ed25519 key of a host of a network.
pub fn host_key(network: &str, host: &str) -> PrivateKey {
    key(&["host key", network, host])
}

/// The key that a host had before: what `known_hosts` holds for one whose key has changed.
pub(super) fn former_host_key(network: &str, host: &str) -> PrivateKey {
    key(&["former host key", network, host])
}

/// One of the keys with which people log in to a network, by the name that its file gives it.
pub fn user_key(network: &str, name: &str) -> PrivateKey {
    key(&["user key", network, name])
}

/// A private key as OpenSSH writes it to a file.
pub(super) fn private_text(key: &PrivateKey) -> String {
    let text = key.to_openssh(LineEnding::LF);
    text.map(|text| text.to_string()).unwrap_or_default()
}

/// A public key as `known_hosts` and `authorized_keys` hold it: algorithm and base64, no comment.
pub(super) fn public_text(key: &PublicKey) -> String {
    let text = key.to_openssh().unwrap_or_default();
    let mut fields = text.split_whitespace().take(2);
    let (algorithm, key) = (fields.next(), fields.next());
    format!(
        "{} {}",
        algorithm.unwrap_or_default(),
        key.unwrap_or_default()
    )
}

/// `SHA256:` and base64 without padding.
pub(super) fn fingerprint(key: &PublicKey) -> String {
    key.fingerprint(HashAlg::Sha256).to_string()
}

fn key(parts: &[&str]) -> PrivateKey {
    let mut hash = Sha256::new();
    hash.update("underdesk lab\0");
    for part in parts {
        hash.update(hex(part.as_bytes()));
        hash.update("\0");
    }
    PrivateKey::from(Ed25519Keypair::from_seed(&hash.finalize().into()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_names_give_the_same_key_and_others_another() {
        let key = |host| fingerprint(host_key("n", host).public_key());
        assert_eq!(key("a"), key("a"));
        assert_ne!(key("a"), key("b"));
        assert_ne!(
            key("a"),
            fingerprint(former_host_key("n", "a").public_key())
        );
        assert_ne!(key("a"), fingerprint(user_key("n", "a").public_key()));
    }

    #[test]
    fn a_private_key_reads_back_from_its_text() {
        let key = user_key("n", "demo");
        let text = private_text(&key);
        let again = PrivateKey::from_openssh(&text).unwrap();
        assert_eq!(again.public_key().key_data(), key.public_key().key_data());
    }
}
