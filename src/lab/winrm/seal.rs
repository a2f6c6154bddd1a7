//! Signing and sealing with an NTLM session's keys, MS-NLMP 3.4, for sessions with extended session
//! security.

use hmac::{Hmac, KeyInit as _, Mac as _};
use md5::{Digest as _, Md5};

/// How long a signature is.
pub(super) const SIGNATURE: usize = 16;

/// The flags of MS-NLMP 2.2.2.5 that decide about keys.
const KEY_EXCHANGE: u32 = 0x4000_0000;
const BITS_128: u32 = 0x2000_0000;
const BITS_56: u32 = 0x8000_0000;

/// HMAC with MD5 over parts that belong together.
pub(super) fn hmac_md5(key: &[u8], parts: &[&[u8]]) -> [u8; 16] {
    // HMAC takes a key of any length.
    let Ok(mut mac) = Hmac::<Md5>::new_from_slice(key) else {
        return [0; 16];
    };
    for part in parts {
        mac.update(part);
    }
    mac.finalize().into_bytes().into()
}

/// MD5 over parts that belong together.
pub(super) fn md5(parts: &[&[u8]]) -> [u8; 16] {
    let mut hash = Md5::new();
    for part in parts {
        hash.update(part);
    }
    hash.finalize().into()
}

/// The key stream of RC4.
#[derive(Clone)]
pub(super) struct Rc4 {
    state: [u8; 256],
    at: u8,
    other: u8,
}

impl Rc4 {
    /// A stream for a key, which may not be empty.
    pub(super) fn new(key: &[u8]) -> Self {
        let mut state: [u8; 256] = std::array::from_fn(|index| index.to_le_bytes()[0]);
        let mut other = 0_u8;
        for (index, letter) in (0..=255_u8).zip(key.iter().cycle()) {
            other = other
                .wrapping_add(byte(&state, index))
                .wrapping_add(*letter);
            state.swap(usize::from(index), usize::from(other));
        }
        let at = 0;
        Self {
            state,
            at,
            other: 0,
        }
    }

    /// Encrypts or decrypts in place.
    pub(super) fn apply(&mut self, bytes: &mut [u8]) {
        for one in bytes {
            self.at = self.at.wrapping_add(1);
            let left = byte(&self.state, self.at);
            self.other = self.other.wrapping_add(left);
            let right = byte(&self.state, self.other);
            self.state
                .swap(usize::from(self.at), usize::from(self.other));
            *one ^= byte(&self.state, left.wrapping_add(right));
        }
    }
}

fn byte(state: &[u8; 256], index: u8) -> u8 {
    state.get(usize::from(index)).copied().unwrap_or_default()
}

/// One direction of a session.
#[derive(Clone)]
pub(super) struct Direction {
    sign_key: [u8; 16],
    seal_key: Vec<u8>,
    stream: Rc4,
    number: u32,
    exchanged: bool,
}

/// Which way a direction goes.
#[derive(Clone, Copy)]
pub(super) enum Way {
    ToServer,
    ToClient,
}

impl Direction {
    /// The keys of MS-NLMP 3.4.5.2 and 3.4.5.3 for an exported session key.
    pub(super) fn new(session_key: &[u8; 16], flags: u32, way: Way) -> Self {
        let way = match way {
            Way::ToServer => "client-to-server",
            Way::ToClient => "server-to-client",
        };
        let derive = |key: &[u8], what: &str| {
            let magic = format!("session key to {way} {what} key magic constant\0");
            md5(&[key, magic.as_bytes()])
        };
        let strength = match flags {
            flags if flags & BITS_128 != 0 => 16,
            flags if flags & BITS_56 != 0 => 7,
            _ => 5,
        };
        let strong = session_key.get(..strength).unwrap_or(session_key);
        let seal_key = derive(strong, "sealing").to_vec();
        Self {
            sign_key: derive(session_key, "signing"),
            stream: Rc4::new(&seal_key),
            seal_key,
            number: 0,
            exchanged: flags & KEY_EXCHANGE != 0,
        }
    }

    /// Encrypts in place and signs.
    pub(super) fn seal(&mut self, message: &mut [u8]) -> [u8; SIGNATURE] {
        let number = self.number.to_le_bytes();
        let sum = hmac_md5(&self.sign_key, &[&number, message]);
        self.stream.apply(message);
        self.signature(&sum)
    }

    /// Decrypts in place; whether the signature holds.
    pub(super) fn unseal(&mut self, message: &mut [u8], signature: &[u8]) -> bool {
        self.stream.apply(message);
        self.verify(message, signature)
    }

    /// Signs without encrypting.
    pub(super) fn sign(&mut self, message: &[u8]) -> [u8; SIGNATURE] {
        let sum = hmac_md5(&self.sign_key, &[&self.number.to_le_bytes(), message]);
        self.signature(&sum)
    }

    /// Whether a signature holds for a message that was not encrypted.
    pub(super) fn verify(&mut self, message: &[u8], signature: &[u8]) -> bool {
        self.sign(message) == signature
    }

    /// Starts the key stream again, as after SPNEGO's `mechListMIC`, and goes on with the numbers
    /// (MS-SPNG 3.3.5.1).
    pub(super) fn restart(&mut self) {
        self.stream = Rc4::new(&self.seal_key);
    }

    fn signature(&mut self, sum: &[u8; 16]) -> [u8; SIGNATURE] {
        let mut check = [0; 8];
        check.iter_mut().zip(sum).for_each(|(to, from)| *to = *from);
        if self.exchanged {
            self.stream.apply(&mut check);
        }
        let number = self.number.to_le_bytes();
        self.number = self.number.wrapping_add(1);
        let parts = [1, 0, 0, 0].into_iter().chain(check).chain(number);
        let mut signature = [0; SIGNATURE];
        signature
            .iter_mut()
            .zip(parts)
            .for_each(|(to, from)| *to = from);
        signature
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn rc4_is_that_of_its_published_vectors() {
        // RFC 6229 section 2: the key of 40 bits, the stream's first bytes.
        let mut bytes = [0; 4];
        Rc4::new(&[1, 2, 3, 4, 5]).apply(&mut bytes);
        assert_eq!(bytes, [0xb2, 0x39, 0x63, 0x05]);
    }

    /// MS-NLMP 4.2.4: `NTLMv2` with a random session key of 0x55.
    #[test]
    fn a_sealed_message_is_that_of_the_specification() {
        let flags = 0xe28a_8233;
        let mut direction = Direction::new(&[0x55; 16], flags, Way::ToServer);
        assert_eq!(
            direction.seal_key,
            [
                0x59, 0xf6, 0x00, 0x97, 0x3c, 0xc4, 0x96, 0x0a, 0x25, 0x48, 0x0a, 0x7c, 0x19, 0x6e,
                0x4c, 0x58
            ]
        );
        assert_eq!(
            direction.sign_key,
            [
                0x47, 0x88, 0xdc, 0x86, 0x1b, 0x47, 0x82, 0xf3, 0x5d, 0x43, 0xfd, 0x98, 0xfe, 0x1a,
                0x2d, 0x39
            ]
        );
        let mut text: Vec<u8> = "Plaintext"
            .encode_utf16()
            .flat_map(u16::to_le_bytes)
            .collect();
        let signature = direction.seal(&mut text);
        assert_eq!(
            text,
            [
                0x54, 0xe5, 0x01, 0x65, 0xbf, 0x19, 0x36, 0xdc, 0x99, 0x60, 0x20, 0xc1, 0x81, 0x1b,
                0x0f, 0x06, 0xfb, 0x5f
            ]
        );
        assert_eq!(
            signature,
            [
                1, 0, 0, 0, 0x7f, 0xb3, 0x8e, 0xc5, 0xc5, 0x5d, 0x49, 0x76, 0, 0, 0, 0
            ]
        );
    }

    proptest! {
        #[test]
        fn what_was_sealed_opens_in_order_and_not_when_one_bit_is_changed(
            messages in prop::collection::vec(prop::collection::vec(any::<u8>(), 1..50), 1..5),
            bit in 0..8_u8,
        ) {
            let mut from = Direction::new(&[7; 16], KEY_EXCHANGE | BITS_128, Way::ToClient);
            let mut to = from.clone();
            for message in &messages {
                let mut bytes = message.clone();
                let signature = from.seal(&mut bytes);
                let mut bent = (to.clone(), bytes.clone());
                bent.1[0] ^= 1 << bit;
                prop_assert!(!bent.0.unseal(&mut bent.1, &signature));
                prop_assert!(to.unseal(&mut bytes, &signature));
                prop_assert_eq!(&bytes, message);
            }
        }
    }
}
