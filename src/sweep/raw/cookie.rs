//! What makes an answer provably ours: a keyed hash of whom a packet went to, in the packet itself. So
//! nothing needs to be remembered of the packets that nobody answers, and nobody who did not see one can
//! forge an answer to it. Pure.

use siphasher::sip::SipHasher13;
use std::hash::Hasher as _;
use std::net::Ipv4Addr;

/// The secret of one run.
#[derive(Clone, Copy)]
pub struct Secret([u8; 16]);

impl Secret {
    /// Takes random bytes that no other run has.
    pub fn new(key: [u8; 16]) -> Self {
        Self(key)
    }

    /// The sequence number of a SYN from one of our ports to a port of an address (RFC 9293 section 3.4).
    pub fn sequence(&self, address: Ipv4Addr, port: u16, own_port: u16) -> u32 {
        self.hash(1, address, port, own_port)
    }

    /// The identifier and the sequence number of an echo to an address (RFC 792). The kind keeps echoes of
    /// different purposes apart.
    pub fn echo(&self, address: Ipv4Addr, kind: u16) -> (u16, u16) {
        let hash = self.hash(2, address, 0, kind).to_be_bytes();
        let [a, b, c, d] = hash;
        (u16::from_be_bytes([a, b]), u16::from_be_bytes([c, d]))
    }

    fn hash(&self, what: u8, address: Ipv4Addr, port: u16, own: u16) -> u32 {
        let mut hasher = SipHasher13::new_with_key(&self.0);
        let number = u64::from(u32::from(address)) << 32 | u64::from(port) << 16 | u64::from(own);
        hasher.write_u64(number);
        hasher.write_u8(what);
        // The lower half of 64 bits that all depend on all of the key.
        u32::try_from(hasher.finish() & u64::from(u32::MAX)).unwrap_or(0)
    }
}

impl std::fmt::Debug for Secret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Secret")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn every_part_of_it_counts(key: [u8; 16], address: u32, port: u16, own: u16, bit in 0_u32..16) {
            let secret = Secret::new(key);
            let at = Ipv4Addr::from(address);
            let sequence = secret.sequence(at, port, own);
            prop_assert_eq!(sequence, secret.sequence(at, port, own));
            // A chance of one in four thousand million each.
            let mut others = vec![
                secret.sequence(Ipv4Addr::from(address ^ 1 << bit), port, own),
                secret.sequence(at, port ^ 1 << bit, own),
                secret.sequence(at, port, own ^ 1 << bit),
            ];
            let mut key = key;
            key[3] ^= 1;
            others.push(Secret::new(key).sequence(at, port, own));
            prop_assert!(!others.contains(&sequence));
            prop_assert_ne!(secret.echo(at, 1), secret.echo(at, 2));
        }
    }
}
