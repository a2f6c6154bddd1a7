//! Tokens of SPNEGO (RFC 4178) around the first message of NTLM.
//!
//! Only the first token is written here. What comes back is not taken apart: a challenge is known by its
//! signature ([`super::ntlmssp::Challenge::find`]), however it is wrapped.

/// 1.3.6.1.5.5.2 (RFC 4178 4.2).
const SPNEGO: &[u8] = &[0x06, 6, 0x2b, 6, 1, 5, 5, 2];
/// 1.3.6.1.4.1.311.2.2.10 (MS-SPNG 1.9).
const NTLMSSP: &[u8] = &[0x06, 10, 0x2b, 6, 1, 4, 1, 0x82, 0x37, 2, 2, 10];

/// A `NegTokenInit` (RFC 4178 4.2.1) that offers NTLM and nothing else, with its first message.
pub fn init(mechanism_token: &[u8]) -> Vec<u8> {
    let mechanisms = tlv(0xa0, &tlv(0x30, NTLMSSP));
    let token = tlv(0xa2, &tlv(0x04, mechanism_token));
    let init = tlv(0xa0, &tlv(0x30, &[mechanisms, token].concat()));
    tlv(0x60, &[SPNEGO, &init].concat())
}

/// One value of DER (X.690 8.1), of at most 64 KiB.
pub(super) fn tlv(tag: u8, value: &[u8]) -> Vec<u8> {
    let [high, low] = super::bytes::short(value.len()).to_be_bytes();
    let mut bytes = vec![tag];
    match (high, low) {
        (0, 0..0x80) => bytes.push(low),
        (0, _) => bytes.extend([0x81, low]),
        _ => bytes.extend([0x82, high, low]),
    }
    bytes.extend(value);
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::ntlmssp;

    #[test]
    fn the_token_is_as_a_windows_sends_it() {
        let token = init(&ntlmssp::negotiate());
        let head = [
            0x60, 0x48, 0x06, 0x06, 0x2b, 0x06, 0x01, 0x05, 0x05, 0x02, 0xa0, 0x3e, 0x30, 0x3c,
            0xa0, 0x0e, 0x30, 0x0c, 0x06, 0x0a, 0x2b, 0x06, 0x01, 0x04, 0x01, 0x82, 0x37, 0x02,
            0x02, 0x0a, 0xa2, 0x2a, 0x04, 0x28,
        ];
        assert_eq!(token.get(..head.len()), Some(&head[..]));
        assert_eq!(token.get(head.len()..), Some(&ntlmssp::negotiate()[..]));
    }

    #[test]
    fn long_values_have_long_lengths() {
        assert_eq!(tlv(4, &[0; 127]).get(..2), Some(&[4, 127][..]));
        assert_eq!(tlv(4, &[0; 200]).get(..3), Some(&[4, 0x81, 200][..]));
        assert_eq!(tlv(4, &[0; 258]).get(..4), Some(&[4, 0x82, 1, 2][..]));
    }
}
