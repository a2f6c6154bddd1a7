//! The beginning of a connection to an SQL Server (MS-TDS): its version, and the first half of a login
//! with Windows' own means, which brings the NTLM challenge.

use super::Heard;
use super::bytes::{cut, short, u16_be};

const RESPONSE: u8 = 4;
const LONGEST: usize = 32 << 10;

/// A `PRELOGIN` (MS-TDS 2.2.6.5) of a client that does not encrypt.
pub fn prelogin() -> Vec<u8> {
    // VERSION, ENCRYPTION and the end; then a version of ours, and "not supported".
    let body = [0, 0, 11, 0, 6, 1, 0, 17, 0, 1, 0xff, 11, 0, 0, 0, 0, 0, 2];
    packet(0x12, &body)
}

/// A `LOGIN7` (MS-TDS 2.2.6.4) with the first token of a logon. It has no name in it: of no user, no
/// client, no database.
pub fn login(token: &[u8]) -> Vec<u8> {
    const FIXED: usize = 94;
    const TDS_7_4: u32 = 0x7400_0004;
    const LONGEST_PACKET: u32 = 4096;
    let length = u32::from(short(FIXED + token.len()));
    let mut body = length.to_le_bytes().to_vec();
    body.extend(TDS_7_4.to_le_bytes());
    body.extend(LONGEST_PACKET.to_le_bytes());
    // Version, process and connection of a client; the first flags; then: Windows' own security.
    body.extend([0; 12]);
    body.extend([0xe0, 0x83, 0, 0]);
    // Time zone and language.
    body.extend([0; 8]);
    // Nine texts, all empty, and the address of a network card.
    let empty = [short(FIXED).to_le_bytes(), [0, 0]].concat();
    for _ in 0..9 {
        body.extend(&empty);
    }
    body.extend([0; 6]);
    body.extend(short(FIXED).to_le_bytes());
    body.extend(short(token.len()).to_le_bytes());
    body.extend(&empty);
    body.extend(&empty);
    body.extend([0; 4]);
    body.extend(token);
    packet(0x10, &body)
}

/// MS-TDS 2.2.3.1: one packet, and the last one.
fn packet(kind: u8, body: &[u8]) -> Vec<u8> {
    let mut bytes = vec![kind, 1];
    bytes.extend(short(body.len() + 8).to_be_bytes());
    bytes.extend([0, 0, 1, 0]);
    bytes.extend(body);
    bytes
}

/// What a server says in its answer to a `PRELOGIN`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Prelogin {
    /// Its version: `15.0.2000`.
    pub version: String,
    /// Whether it listens to nobody who does not encrypt.
    pub wants_encryption: bool,
}

impl Prelogin {
    /// Reads the body of a packet.
    pub fn parse(body: &[u8]) -> Option<Self> {
        const NOT_SUPPORTED: u8 = 2;
        let version = option(body, 0)?;
        let (major, minor) = (version.first()?, version.get(1)?);
        let build = u16_be(version, 2)?;
        let encryption = option(body, 1).and_then(|value| value.first().copied());
        Some(Self {
            version: format!("{major}.{minor}.{build}"),
            wants_encryption: encryption.is_some_and(|answer| answer != NOT_SUPPORTED),
        })
    }
}

/// The value of an option in the list at the beginning.
fn option(body: &[u8], wanted: u8) -> Option<&[u8]> {
    let mut entries = body
        .chunks_exact(5)
        .take_while(|entry| entry.first() != Some(&0xff));
    let entry = entries.find(|entry| entry.first() == Some(&wanted))?;
    cut(
        body,
        usize::from(u16_be(entry, 1)?),
        usize::from(u16_be(entry, 3)?),
    )
}

/// The body of a server's answer, out of as many packets as it takes.
pub fn response(heard: &[u8]) -> Heard<Vec<u8>> {
    let mut body = Vec::new();
    let mut rest = heard;
    loop {
        if rest.first().is_some_and(|kind| *kind != RESPONSE) {
            return Heard::Other;
        }
        let (Some(status), Some(length)) = (rest.get(1), u16_be(rest, 2)) else {
            return Heard::Part;
        };
        let length = usize::from(length);
        if !(8..=LONGEST).contains(&length) {
            return Heard::Other;
        }
        let Some(packet) = rest.get(8..length) else {
            return Heard::Part;
        };
        body.extend(packet);
        if status & 1 != 0 {
            return Heard::Whole(body);
        }
        rest = rest.get(length..).unwrap_or_default();
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use proptest::prelude::*;

    /// A server's answer.
    pub(crate) fn answered(body: &[u8]) -> Vec<u8> {
        packet(RESPONSE, body)
    }

    /// The body of an answer to a `PRELOGIN`, after MS-TDS 2.2.6.5: SQL Server 2019.
    pub(crate) fn prelogin_body(encryption: u8) -> Vec<u8> {
        vec![
            0, 0, 11, 0, 6, 1, 0, 17, 0, 1, 0xff, 15, 0, 0x07, 0xd0, 0, 0, encryption,
        ]
    }

    #[test]
    fn a_server_says_its_version() {
        let body = match response(&answered(&prelogin_body(2))) {
            Heard::Whole(body) => body,
            other => panic!("{other:?}"),
        };
        let read = Prelogin::parse(&body).unwrap();
        assert_eq!(
            (read.version.as_str(), read.wants_encryption),
            ("15.0.2000", false)
        );
        assert!(Prelogin::parse(&prelogin_body(3)).unwrap().wants_encryption);
    }

    #[test]
    fn our_own_prelogin_reads_as_it_was_meant() {
        let read = Prelogin::parse(&prelogin()[8..]).unwrap();
        assert_eq!(
            (read.version.as_str(), read.wants_encryption),
            ("11.0.0", false)
        );
    }

    #[test]
    fn a_login_names_nobody_and_its_token_stands_where_it_says() {
        let packet = login(b"token");
        let body = &packet[8..];
        assert_eq!(body.len(), 94 + 5);
        assert_eq!(body.first(), Some(&99));
        for text in 0..9 {
            assert_eq!(body[36 + 4 * text..40 + 4 * text], [94, 0, 0, 0]);
        }
        assert_eq!(body[78..82], [94, 0, 5, 0]);
        assert_eq!(&body[94..], b"token");
    }

    #[test]
    fn an_answer_may_come_in_packets_and_in_parts() {
        let mut first = answered(b"abc");
        first[1] = 0;
        let both = [first, answered(b"def")].concat();
        assert_eq!(response(&both), Heard::Whole(b"abcdef".to_vec()));
        for length in 0..both.len() {
            assert_eq!(response(&both[..length]), Heard::Part, "{length}");
        }
        assert_eq!(response(b"HTTP"), Heard::Other);
        assert_eq!(response(&[RESPONSE, 1, 0, 0]), Heard::Other);
    }

    #[test]
    fn a_truncated_prelogin_says_no_version() {
        let body = prelogin_body(0);
        for length in 0..body.len() - 1 {
            assert_eq!(Prelogin::parse(&body[..length]), None, "{length}");
        }
    }

    proptest! {
        #[test]
        fn no_bytes_make_it_panic(body in prop::collection::vec(any::<u8>(), 0..60)) {
            let _ = Prelogin::parse(&body);
            let _ = response(&answered(&body));
            let _ = response(&[&[RESPONSE], &body[..]].concat());
        }
    }
}
