//! Which algorithms we speak: nothing that needs SHA-1, CBC or DSA, unless the credential says so.

use crate::session::{KnownKeys, Place};
use russh::client::GexParams;
use russh::keys::{Algorithm, EcdsaCurve, HashAlg};
use russh::{Names, Preferred, cipher, kex, mac};
use std::borrow::Cow;

/// What we speak with a host, the best first. Old algorithms come last, and only where they are allowed.
pub(super) fn preferred(known: &KnownKeys, place: &Place<'_>, legacy: bool) -> Preferred {
    let mut keys = HOST_KEYS.to_vec();
    // Ask first for a key that we can compare, as OpenSSH does.
    let algorithms = known.algorithms(place);
    keys.sort_by_key(|algorithm| !algorithms.contains(key_type(algorithm)));
    // A host shows a certificate instead of its key: it is asked for one only where an authority is known.
    let certificates = if known.has_authority(place) {
        HOST_KEYS.to_vec()
    } else {
        Vec::new()
    };
    let (mut exchanges, mut ciphers, mut macs) =
        (KEY_EXCHANGES.to_vec(), CIPHERS.to_vec(), MACS.to_vec());
    if legacy {
        keys.push(OLD_HOST_KEY);
        exchanges.extend_from_slice(OLD_KEY_EXCHANGES);
        ciphers.extend_from_slice(OLD_CIPHERS);
        macs.extend_from_slice(OLD_MACS);
    }
    Preferred {
        kex: Cow::Owned(exchanges),
        key: Cow::Owned(keys),
        host_key_certificates: Cow::Owned(certificates),
        cipher: Cow::Owned(ciphers),
        mac: Cow::Owned(macs),
        compression: Cow::Borrowed(&[russh::compression::NONE]),
    }
}

/// The sizes of groups that a host may choose. russh takes no smaller one.
pub(super) fn groups() -> GexParams {
    GexParams::new(2048, 3072, 8192).unwrap_or_default()
}

/// Those of a host's names that only a credential with `legacy_algorithms` allows.
pub(super) fn old_among(names: &[String]) -> Vec<String> {
    let old = old_names();
    let old = names.iter().filter(|name| old.contains(&name.as_str()));
    old.cloned().collect()
}

/// The old algorithms that were agreed on.
pub(super) fn old_in(names: &Names) -> Vec<String> {
    let mut agreed = vec![
        names.kex.as_ref().to_owned(),
        names.key.as_str().to_owned(),
        names.cipher.as_ref().to_owned(),
        names.client_mac.as_ref().to_owned(),
        names.server_mac.as_ref().to_owned(),
    ];
    agreed.dedup();
    old_among(&agreed)
}

fn old_names() -> Vec<&'static str> {
    let exchanges = OLD_KEY_EXCHANGES.iter().map(AsRef::as_ref);
    let ciphers = OLD_CIPHERS.iter().map(AsRef::as_ref);
    let macs = OLD_MACS.iter().map(AsRef::as_ref);
    let names = exchanges.chain(ciphers).chain(macs);
    names.chain([SHA1_RSA]).collect()
}

/// The type of the keys that an algorithm signs with: `ssh-rsa` whatever the hash.
fn key_type(algorithm: &Algorithm) -> &str {
    match algorithm {
        Algorithm::Rsa { .. } => SHA1_RSA,
        other => other.as_str(),
    }
}

/// RSA keys, and the oldest way to sign with them.
pub(super) const SHA1_RSA: &str = "ssh-rsa";

const HOST_KEYS: [Algorithm; 6] = [
    Algorithm::Ed25519,
    Algorithm::Ecdsa {
        curve: EcdsaCurve::NistP256,
    },
    Algorithm::Ecdsa {
        curve: EcdsaCurve::NistP384,
    },
    Algorithm::Ecdsa {
        curve: EcdsaCurve::NistP521,
    },
    Algorithm::Rsa {
        hash: Some(HashAlg::Sha512),
    },
    Algorithm::Rsa {
        hash: Some(HashAlg::Sha256),
    },
];

const OLD_HOST_KEY: Algorithm = Algorithm::Rsa { hash: None };

const KEY_EXCHANGES: &[kex::Name] = &[
    kex::CURVE25519,
    kex::CURVE25519_PRE_RFC_8731,
    kex::MLKEM768X25519_SHA256,
    kex::ECDH_SHA2_NISTP256,
    kex::ECDH_SHA2_NISTP384,
    kex::ECDH_SHA2_NISTP521,
    kex::DH_G14_SHA256,
    kex::DH_G16_SHA512,
    kex::DH_GEX_SHA256,
    kex::DH_G15_SHA512,
    kex::DH_G17_SHA512,
    kex::DH_G18_SHA512,
    kex::EXTENSION_SUPPORT_AS_CLIENT,
    kex::EXTENSION_OPENSSH_STRICT_KEX_AS_CLIENT,
];

const OLD_KEY_EXCHANGES: &[kex::Name] = &[kex::DH_G14_SHA1, kex::DH_GEX_SHA1, kex::DH_G1_SHA1];

const CIPHERS: &[cipher::Name] = &[
    cipher::AES_128_GCM,
    cipher::AES_256_GCM,
    cipher::CHACHA20_POLY1305,
    cipher::AES_256_CTR,
    cipher::AES_192_CTR,
    cipher::AES_128_CTR,
];

const OLD_CIPHERS: &[cipher::Name] = &[
    cipher::AES_256_CBC,
    cipher::AES_192_CBC,
    cipher::AES_128_CBC,
];

const MACS: &[mac::Name] = &[
    mac::HMAC_SHA256_ETM,
    mac::HMAC_SHA512_ETM,
    mac::HMAC_SHA256,
    mac::HMAC_SHA512,
];

const OLD_MACS: &[mac::Name] = &[mac::HMAC_SHA1_ETM, mac::HMAC_SHA1];

#[cfg(test)]
mod tests {
    use super::*;

    const HERE: Place<'static> = Place {
        name: None,
        address: std::net::IpAddr::V4(std::net::Ipv4Addr::LOCALHOST),
        port: 22,
    };

    #[test]
    fn nothing_old_is_spoken_unless_it_is_allowed() {
        let names = |legacy| {
            let preferred = preferred(&KnownKeys::default(), &HERE, legacy);
            let kex = preferred.kex.iter().map(|name| name.as_ref().to_owned());
            let ciphers = preferred.cipher.iter().map(|name| name.as_ref().to_owned());
            let macs = preferred.mac.iter().map(|name| name.as_ref().to_owned());
            let keys = preferred.key.iter().map(|key| key.as_str().to_owned());
            kex.chain(ciphers)
                .chain(macs)
                .chain(keys)
                .collect::<Vec<_>>()
        };
        assert_eq!(old_among(&names(false)), [""; 0]);
        let mut old = old_among(&names(true));
        let mut all = old_names();
        old.sort();
        all.sort_unstable();
        assert_eq!(old, all);
        for name in names(false) {
            let weak = ["sha1", "cbc", "ssh-dss", "ssh-rsa", "md5"];
            assert!(!weak.iter().any(|weak| name.contains(weak)), "{name}");
        }
    }

    #[test]
    fn old_algorithms_are_the_last_that_are_tried() {
        let preferred = preferred(&KnownKeys::default(), &HERE, true);
        assert_eq!(preferred.cipher.first(), CIPHERS.first());
        assert_eq!(preferred.key.last(), Some(&OLD_HOST_KEY));
    }
}
