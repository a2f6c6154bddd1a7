//! DCE/RPC over TCP (C706, MS-RPCE): a bind, with the first token of a logon or without one, and the
//! one call that tells a machine's addresses to whoever asks (MS-DCOM 3.1.2.5.1.6).

use super::Heard;
use super::bytes::{cut, short, u16_le, utf16};
use std::net::IpAddr;

const REQUEST: u8 = 0;
const RESPONSE: u8 = 2;
const BIND: u8 = 11;
const BIND_ACK: u8 = 12;
/// `IObjectExporter`, 99fcfec4-5260-101b-bbcb-00aa0021347a, version 0.0 (MS-DCOM 1.9).
const OBJECT_EXPORTER: [u8; 20] = [
    0xc4, 0xfe, 0xfc, 0x99, 0x60, 0x52, 0x1b, 0x10, 0xbb, 0xcb, 0x00, 0xaa, 0x00, 0x21, 0x34, 0x7a,
    0, 0, 0, 0,
];
/// NDR, 8a885d04-1ceb-11c9-9fe8-08002b104860, version 2.0 (C706 14).
const NDR: [u8; 20] = [
    0x04, 0x5d, 0x88, 0x8a, 0xeb, 0x1c, 0xc9, 0x11, 0x9f, 0xe8, 0x08, 0x00, 0x2b, 0x10, 0x48, 0x60,
    2, 0, 0, 0,
];

/// A bind to `IObjectExporter` (C706 12.6.4.3).
pub fn bind() -> Vec<u8> {
    pdu(BIND, &bind_body(), &[])
}

/// The same with the first token of a logon (MS-RPCE 2.2.2.11): NTLM, level "connect".
pub fn bind_with(token: &[u8]) -> Vec<u8> {
    pdu(BIND, &bind_body(), token)
}

fn bind_body() -> Vec<u8> {
    // Fragments of up to 5840 bytes; no group; one context with one syntax.
    let mut body = vec![0xd0, 0x16, 0xd0, 0x16, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 1, 0];
    body.extend(OBJECT_EXPORTER);
    body.extend(NDR);
    body
}

/// A call of `ServerAlive2` (opnum 5), which has no arguments.
pub fn server_alive() -> Vec<u8> {
    pdu(REQUEST, &[0, 0, 0, 0, 0, 0, 5, 0], &[])
}

fn pdu(kind: u8, body: &[u8], token: &[u8]) -> Vec<u8> {
    let trailer: &[u8] = match token {
        [] => &[],
        _ => &[10, 2, 0, 0, 0, 0, 0, 0],
    };
    let length = 16 + body.len() + trailer.len() + token.len();
    // Version 5.0; first and last fragment; little-endian, ASCII, IEEE.
    let mut bytes = vec![5, 0, kind, 3, 0x10, 0, 0, 0];
    bytes.extend(short(length).to_le_bytes());
    bytes.extend(short(token.len()).to_le_bytes());
    bytes.extend([1, 0, 0, 0]);
    bytes.extend([body, trailer, token].concat());
    bytes
}

/// A fragment from a server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fragment<'a> {
    /// The bind is accepted; what follows, with a token where one was asked for.
    Bound(&'a [u8]),
    /// What a call brought.
    Result(&'a [u8]),
    /// Something else: a refusal, a fault.
    Refused,
}

/// The first fragment of what was heard, and how long it is.
pub fn fragment(heard: &[u8]) -> Heard<(Fragment<'_>, usize)> {
    const VERSION: [u8; 2] = [5, 0];
    let overlap = heard.len().min(VERSION.len());
    if heard.get(..overlap) != VERSION.get(..overlap) {
        return Heard::Other;
    }
    let (Some(kind), Some(length)) = (heard.get(2), u16_le(heard, 8)) else {
        return Heard::Part;
    };
    let length = usize::from(length);
    // Numbers with their high byte first are of systems that are none of ours.
    if length < 16 || heard.get(4) != Some(&0x10) {
        return Heard::Other;
    }
    let Some(body) = heard.get(16..length) else {
        return Heard::Part;
    };
    let fragment = match (*kind, body.get(8..)) {
        (BIND_ACK, _) => Fragment::Bound(body),
        (RESPONSE, Some(stub)) => Fragment::Result(stub),
        _ => Fragment::Refused,
    };
    Heard::Whole((fragment, length))
}

/// Where a machine says that it can be reached.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Bindings {
    /// Its addresses.
    pub addresses: Vec<IpAddr>,
    /// Its names.
    pub names: Vec<String>,
}

impl Bindings {
    /// Reads what `ServerAlive2` brings: a version, and a `DUALSTRINGARRAY` (MS-DCOM 2.2.19.2).
    pub fn parse(stub: &[u8]) -> Option<Self> {
        const TCP: u16 = 7;
        const MOST: usize = 64;
        let units = usize::from(u16_le(stub, 12)?);
        let security = usize::from(u16_le(stub, 14)?).min(units);
        let (mut rest, _) = cut(stub, 16, 2 * security)?.as_chunks::<2>();
        let mut read = Self::default();
        for _ in 0..MOST {
            // The protocol, a text, a zero; a zero instead of a protocol ends the list.
            let Some((tower, text)) = rest.split_first().filter(|(tower, _)| **tower != [0; 2])
            else {
                break;
            };
            let length = text.iter().take_while(|unit| **unit != [0; 2]).count();
            let place = utf16(text.get(..length)?.as_flattened());
            if u16::from_le_bytes(*tower) == TCP {
                read.add(place.split('[').next().unwrap_or_default());
            }
            rest = text.get(length + 1..).unwrap_or_default();
        }
        Some(read)
    }

    fn add(&mut self, place: &str) {
        match place.parse() {
            Ok(address) => self.addresses.push(address),
            Err(_) if !place.is_empty() => self.names.push(place.to_owned()),
            Err(_) => {}
        }
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use proptest::prelude::*;

    /// What `ServerAlive2` brings, after MS-DCOM 2.2.19.2.
    pub(crate) fn alive(places: &[&str]) -> Vec<u8> {
        let mut units = Vec::new();
        for place in places {
            units.push(7);
            units.extend(place.encode_utf16().chain([0]));
        }
        units.push(0);
        let security = short(units.len());
        units.extend([0x0a, 0xffff, 0, 0]);
        let mut stub = vec![5, 0, 7, 0, 0, 0, 2, 0];
        stub.extend(u32::try_from(units.len()).unwrap().to_le_bytes());
        stub.extend(short(units.len()).to_le_bytes());
        stub.extend(security.to_le_bytes());
        stub.extend(units.into_iter().flat_map(u16::to_le_bytes));
        stub.extend([0; 8]);
        stub
    }

    /// A fragment from a server: `12` accepts a bind, `2` brings a result.
    pub(crate) fn answered(kind: u8, body: &[u8]) -> Vec<u8> {
        pdu(kind, body, &[])
    }

    #[test]
    fn lengths_are_those_of_the_parts() {
        for bytes in [bind(), bind_with(b"token"), server_alive()] {
            assert_eq!(u16_le(&bytes, 8).map(usize::from), Some(bytes.len()));
        }
        let bytes = bind_with(b"token");
        assert_eq!(u16_le(&bytes, 10), Some(5));
        assert!(bytes.ends_with(b"\x0a\x02\0\0\0\0\0\0token"));
        assert_eq!(bind().len(), 72);
    }

    #[test]
    fn a_machine_says_where_it_is() {
        let stub = alive(&["WEB1", "192.0.2.7", "2001:db8::7", "10.0.0.7[135]"]);
        let read = Bindings::parse(&stub).unwrap();
        assert_eq!(read.names, ["WEB1"]);
        let addresses = ["192.0.2.7", "2001:db8::7", "10.0.0.7"];
        assert_eq!(
            read.addresses,
            addresses.map(|text| text.parse::<IpAddr>().unwrap())
        );
    }

    #[test]
    fn a_fragment_is_read_when_it_is_whole() {
        let bytes = answered(BIND_ACK, b"twelve bytes");
        let whole = (Fragment::Bound(b"twelve bytes"), bytes.len());
        assert_eq!(fragment(&bytes), Heard::Whole(whole));
        for length in 0..bytes.len() {
            assert_eq!(fragment(&bytes[..length]), Heard::Part, "{length}");
        }
        let bytes = answered(RESPONSE, b"\0\0\0\0\0\0\0\0stub");
        assert_eq!(
            fragment(&bytes),
            Heard::Whole((Fragment::Result(b"stub"), bytes.len()))
        );
        let nak = answered(13, &[0; 4]);
        assert_eq!(fragment(&nak), Heard::Whole((Fragment::Refused, nak.len())));
        assert_eq!(fragment(b"HTTP"), Heard::Other);
    }

    #[test]
    fn truncated_bindings_are_none() {
        let stub = alive(&["WEB1", "192.0.2.7"]);
        let end = stub.len() - 8 - 8;
        for length in 0..end {
            assert_eq!(Bindings::parse(&stub[..length]), None, "{length}");
        }
    }

    proptest! {
        #[test]
        fn no_bytes_make_it_panic(body in prop::collection::vec(any::<u8>(), 0..90)) {
            let _ = Bindings::parse(&body);
            let _ = fragment(&answered(RESPONSE, &body));
            let _ = fragment(&body);
        }
    }
}
