//! The beginning of a remote desktop connection (MS-RDPBCGR 1.3.1.1): which security both sides
//! agree on, and the first token of `CredSSP` (MS-CSSP).

use super::Heard;
use super::bytes::{u16_be, u32_le};
use super::spnego::tlv;

/// Ways to protect a connection (MS-RDPBCGR 2.2.1.1.1), as bits of a request.
pub mod security {
    /// TLS, and a login on the screen.
    pub const TLS: u32 = 1;
    /// `CredSSP`: a login before there is a screen.
    pub const HYBRID: u32 = 2;
    /// The same, with an answer of its own when it is done.
    pub const HYBRID_EX: u32 = 8;
}

/// An X.224 connection request that offers some ways of protection (MS-RDPBCGR 2.2.1.1). It has no
/// cookie, which would name a user.
pub fn connection_request(offered: u32) -> Vec<u8> {
    let mut bytes = vec![3, 0, 0, 19, 14, 0xe0, 0, 0, 0, 0, 0, 1, 0, 8, 0];
    bytes.extend(offered.to_le_bytes());
    bytes
}

/// What a server says to a request (MS-RDPBCGR 2.2.1.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Confirm {
    /// The protection that it chose; 0 is that of old, without TLS.
    Selected(u32),
    /// It wants another one, or none of these (2.2.1.2.2).
    Refused(u32),
    /// It is from before there was a choice.
    Unaware,
}

/// The failure of a server that lets nobody see a screen without a login (MS-RDPBCGR 2.2.1.2.2).
pub const HYBRID_REQUIRED: u32 = 5;

/// Reads a connection confirm.
pub fn confirm(heard: &[u8]) -> Heard<Confirm> {
    if heard.first().is_some_and(|version| *version != 3) {
        return Heard::Other;
    }
    let Some(length) = u16_be(heard, 2).map(usize::from) else {
        return Heard::Part;
    };
    // An answer of this kind is short; what claims to be long is none.
    if !(11..=512).contains(&length) {
        return Heard::Other;
    }
    let Some(packet) = heard.get(..length) else {
        return Heard::Part;
    };
    match packet.get(5) {
        Some(0xd0) => Heard::Whole(choice(packet)),
        _ => Heard::Other,
    }
}

fn choice(packet: &[u8]) -> Confirm {
    match (packet.get(11), u32_le(packet, 15)) {
        (Some(2), Some(selected)) => Confirm::Selected(selected),
        (Some(3), Some(code)) => Confirm::Refused(code),
        _ => Confirm::Unaware,
    }
}

/// A `TSRequest` (MS-CSSP 2.2.1) of version 6 with the first token of a logon.
pub fn ts_request(token: &[u8]) -> Vec<u8> {
    let version = tlv(0xa0, &tlv(0x02, &[6]));
    let tokens = tlv(0x30, &tlv(0x30, &tlv(0xa0, &tlv(0x04, token))));
    tlv(0x30, &[version, tlv(0xa1, &tokens)].concat())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_request_is_as_specified_and_names_nobody() {
        let offered = security::TLS | security::HYBRID | security::HYBRID_EX;
        let bytes = [
            3, 0, 0, 19, 14, 0xe0, 0, 0, 0, 0, 0, 1, 0, 8, 0, 11, 0, 0, 0,
        ];
        assert_eq!(connection_request(offered), bytes);
    }

    #[test]
    fn a_server_chooses() {
        // MS-RDPBCGR 4.1.2.
        let chosen = [
            3, 0, 0, 19, 14, 0xd0, 0, 0, 0x12, 0x34, 0, 2, 0, 8, 0, 0, 0, 0, 0,
        ];
        assert_eq!(confirm(&chosen), Heard::Whole(Confirm::Selected(0)));
        let refused = [
            3, 0, 0, 19, 14, 0xd0, 0, 0, 0x12, 0x34, 0, 3, 0, 8, 0, 5, 0, 0, 0,
        ];
        assert_eq!(
            confirm(&refused),
            Heard::Whole(Confirm::Refused(HYBRID_REQUIRED))
        );
        let old = [3, 0, 0, 11, 6, 0xd0, 0, 0, 0x12, 0x34, 0];
        assert_eq!(confirm(&old), Heard::Whole(Confirm::Unaware));
        for length in 0..chosen.len() {
            assert_eq!(confirm(&chosen[..length]), Heard::Part, "{length}");
        }
    }

    #[test]
    fn what_is_no_confirm_is_other() {
        assert_eq!(confirm(b"HTTP"), Heard::Other);
        assert_eq!(confirm(&[3, 0, 0xff, 0xff]), Heard::Other);
        let request = connection_request(1);
        assert_eq!(confirm(&request), Heard::Other);
    }

    #[test]
    fn a_token_is_wrapped_as_credssp_wants_it() {
        let bytes = [
            0x30, 0x12, 0xa0, 3, 2, 1, 6, 0xa1, 11, 0x30, 9, 0x30, 7, 0xa0, 5, 4, 3, b'a', b'b',
            b'c',
        ];
        assert_eq!(ts_request(b"abc"), bytes);
    }

    proptest! {
        #[test]
        fn no_bytes_make_it_panic(bytes in prop::collection::vec(any::<u8>(), 0..40)) {
            let _ = confirm(&bytes);
            let _ = confirm(&[&[3, 0, 0, 19][..], &bytes].concat());
        }
    }
}
