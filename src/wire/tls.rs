//! A TLS handshake as far as it goes in clear: a `ClientHello` for one version and older ones, and the
//! server's answer up to its certificate.
//!
//! A library refuses old versions and old ciphers for good reason. Here nothing is agreed on: the server
//! says what it would do, and the connection is closed.

use super::Heard;
use super::bytes::{cut, short, u16_be, u24_be};

/// A version of TLS or SSL, as on the wire.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Version(pub u16);

impl Version {
    /// SSL 3.0 (RFC 6101).
    pub const SSL_3_0: Self = Self(0x0300);
    /// TLS 1.0 (RFC 2246).
    pub const TLS_1_0: Self = Self(0x0301);
    /// TLS 1.1 (RFC 4346).
    pub const TLS_1_1: Self = Self(0x0302);
    /// TLS 1.2 (RFC 5246).
    pub const TLS_1_2: Self = Self(0x0303);

    /// As people write it; `None` for what is no version of these.
    pub fn name(self) -> Option<&'static str> {
        match self.0 {
            0x0300 => Some("SSL 3.0"),
            0x0301 => Some("TLS 1.0"),
            0x0302 => Some("TLS 1.1"),
            0x0303 => Some("TLS 1.2"),
            0x0304 => Some("TLS 1.3"),
            _ => None,
        }
    }

    /// The version before it, down to SSL 3.0.
    pub fn older(self) -> Option<Self> {
        (self.0 > Self::SSL_3_0.0).then_some(Self(self.0 - 1))
    }
}

/// Cipher suites that servers of any age know (IANA, TLS Parameters): ECDHE and DHE before RSA alone, AES
/// before 3DES and RC4. None without a certificate, none for export.
const SUITES: &[u16] = &[
    0xc02c, 0xc030, 0xc02b, 0xc02f, 0xcca9, 0xcca8, 0x009f, 0x009e, 0xc024, 0xc028, 0xc023, 0xc027,
    0xc00a, 0xc014, 0xc009, 0xc013, 0x006b, 0x0067, 0x0039, 0x0033, 0x009d, 0x009c, 0x003d, 0x003c,
    0x0035, 0x002f, 0x0038, 0x0032, 0xc012, 0x0016, 0x000a, 0xc011, 0x0005, 0x0004,
];

/// A `ClientHello` (RFC 5246 7.4.1.2) that offers `newest` and what is older.
pub fn client_hello(newest: Version) -> Vec<u8> {
    let mut hello = newest.0.to_be_bytes().to_vec();
    // The random: it has to differ only where a handshake is finished.
    hello.extend([0x5a; 32]);
    hello.push(0);
    hello.extend(counted(
        &SUITES
            .iter()
            .flat_map(|suite| suite.to_be_bytes())
            .collect::<Vec<u8>>(),
    ));
    hello.extend([1, 0]);
    if newest > Version::SSL_3_0 {
        hello.extend(counted(&extensions(newest)));
    }
    let [_, high, low] = u24(hello.len());
    let message = [&[1, 0, high, low], &hello[..]].concat();
    // A record of the oldest version that has them all.
    let outer = newest.min(Version::TLS_1_0);
    [&[22][..], &outer.0.to_be_bytes(), &counted(&message)].concat()
}

fn extensions(newest: Version) -> Vec<u8> {
    // Curves x25519, P-256, P-384 and P-521 (RFC 8422); points as they are; secure renegotiation (RFC 5746).
    let mut bytes = vec![0, 10, 0, 10, 0, 8, 0, 29, 0, 23, 0, 24, 0, 25];
    bytes.extend([0, 11, 0, 2, 1, 0]);
    bytes.extend([0xff, 0x01, 0, 1, 0]);
    if newest >= Version::TLS_1_2 {
        // RFC 5246 7.4.1.4.1, RFC 8446 4.2.3: ECDSA, RSA-PSS and RSA with SHA-2, then SHA-1.
        let schemes: [u8; 22] = [
            4, 3, 5, 3, 6, 3, 8, 4, 8, 5, 8, 6, 4, 1, 5, 1, 6, 1, 2, 3, 2, 1,
        ];
        bytes.extend([0, 13]);
        bytes.extend(counted(&counted(&schemes)));
    }
    bytes
}

fn counted(bytes: &[u8]) -> Vec<u8> {
    [&short(bytes.len()).to_be_bytes(), bytes].concat()
}

fn u24(length: usize) -> [u8; 3] {
    let [_, bytes @ ..] = u32::try_from(length).unwrap_or(u32::MAX).to_be_bytes();
    bytes
}

/// What a server answers to a `ClientHello`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Answer {
    /// The version that it chose; `None` where it refused.
    pub version: Option<Version>,
    /// Its certificate in DER, where it sends one in clear.
    pub certificate: Option<Vec<u8>>,
}

/// Reads a server's answer, up to its certificate.
pub fn answer(heard: &[u8]) -> Heard<Answer> {
    let Some((handshake, has_ended)) = handshake_of(heard) else {
        return Heard::Other;
    };
    let mut answer = Answer::default();
    let mut rest = handshake.as_slice();
    while let Some((kind, message, after)) = message(rest) {
        match kind {
            2 => answer.version = server_version(message),
            11 => {
                answer.certificate = first_certificate(message).map(<[u8]>::to_vec);
                return whole(answer);
            }
            _ => {}
        }
        // After `ServerHelloDone`, and after a `ServerHello` of TLS 1.3, no certificate comes in clear.
        if kind == 14
            || answer
                .version
                .is_some_and(|version| version > Version::TLS_1_2)
        {
            return whole(answer);
        }
        rest = after;
    }
    if has_ended {
        whole(answer)
    } else {
        Heard::Part
    }
}

fn whole(answer: Answer) -> Heard<Answer> {
    Heard::Whole(answer)
}

/// What the records carry (RFC 5246 6.2.1), up to an alert; and whether one came. `None` where this is
/// no TLS.
fn handshake_of(heard: &[u8]) -> Option<(Vec<u8>, bool)> {
    const LONGEST: usize = (1 << 14) + 2048;
    let mut bytes = Vec::new();
    let mut rest = heard;
    while let Some(kind) = rest.first() {
        let has_its_version = rest.get(1).is_none_or(|major| *major == 3);
        if !matches!(kind, 20..=23) || !has_its_version {
            return None;
        }
        let Some(length) = u16_be(rest, 3).map(usize::from) else {
            break;
        };
        if length > LONGEST {
            return None;
        }
        let body = rest.get(5..).unwrap_or_default();
        match (kind, body.get(..length)) {
            (22, Some(body)) => bytes.extend(body),
            // What has come of a record is worth reading before the rest of it comes.
            (22, None) => {
                bytes.extend(body);
                break;
            }
            (_, Some(_)) => return Some((bytes, true)),
            (_, None) => break,
        }
        rest = body.get(length..).unwrap_or_default();
    }
    Some((bytes, false))
}

/// The first message of a handshake, its kind, and what follows it.
fn message(bytes: &[u8]) -> Option<(u8, &[u8], &[u8])> {
    let length = u24_be(bytes, 1)?;
    let message = cut(bytes, 4, length)?;
    Some((*bytes.first()?, message, bytes.get(4 + length..)?))
}

/// RFC 5246 7.4.1.3, and the extension `supported_versions` of RFC 8446 4.2.1.
fn server_version(hello: &[u8]) -> Option<Version> {
    const SUPPORTED_VERSIONS: u16 = 43;
    let version = u16_be(hello, 0)?;
    let session = usize::from(*hello.get(34)?);
    // Behind the suite, the compression and the length of all extensions.
    let mut rest = hello.get(35 + session + 5..).unwrap_or_default();
    while let (Some(kind), Some(length)) = (u16_be(rest, 0), u16_be(rest, 2)) {
        let value = cut(rest, 4, usize::from(length))?;
        if kind == SUPPORTED_VERSIONS {
            return u16_be(value, 0).map(Version);
        }
        rest = rest.get(4 + usize::from(length)..)?;
    }
    Some(Version(version))
}

/// RFC 5246 7.4.2.
fn first_certificate(message: &[u8]) -> Option<&[u8]> {
    let length = u24_be(message, 3)?;
    cut(message, 6, length)
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use proptest::prelude::*;

    fn record(kind: u8, body: &[u8]) -> Vec<u8> {
        [&[kind, 3, 1][..], &counted(body)].concat()
    }

    fn handshake(kind: u8, body: &[u8]) -> Vec<u8> {
        [&[kind][..], &u24(body.len()), body].concat()
    }

    /// A server's first flight after RFC 5246 7.4, in records of `size` bytes.
    pub(crate) fn flight(version: Version, certificate: &[u8], size: usize) -> Vec<u8> {
        let mut hello = version.0.to_be_bytes().to_vec();
        hello.extend([7; 32]);
        hello.extend([4, 1, 2, 3, 4, 0, 0x2f, 0, 0, 5, 0xff, 1, 0, 1, 0]);
        let chain = [&u24(certificate.len())[..], certificate].concat();
        let chain = [&u24(chain.len())[..], &chain].concat();
        let all = [
            handshake(2, &hello),
            handshake(11, &chain),
            handshake(14, &[]),
        ]
        .concat();
        all.chunks(size).flat_map(|part| record(22, part)).collect()
    }

    #[test]
    fn a_hello_counts_its_parts() {
        for version in [Version::SSL_3_0, Version::TLS_1_0, Version::TLS_1_2] {
            let hello = client_hello(version);
            assert_eq!(hello.first(), Some(&22));
            assert_eq!(u16_be(&hello, 3).map(usize::from), Some(hello.len() - 5));
            assert_eq!(u24_be(&hello, 6), Some(hello.len() - 9));
            assert_eq!(u16_be(&hello, 9), Some(version.0));
        }
    }

    #[test]
    fn a_version_and_a_certificate_are_read_from_any_records() {
        for size in [1, 7, 60, 4000] {
            let bytes = flight(Version::TLS_1_0, b"certificate", size);
            let Heard::Whole(read) = answer(&bytes) else {
                panic!("{size}");
            };
            assert_eq!(read.version, Some(Version::TLS_1_0));
            assert_eq!(read.certificate.as_deref(), Some(&b"certificate"[..]));
        }
    }

    #[test]
    fn a_truncated_flight_is_a_part_until_the_certificate_is_there() {
        let bytes = flight(Version::TLS_1_1, b"certificate", 4000);
        for length in 0..bytes.len() - 4 {
            assert_eq!(answer(&bytes[..length]), Heard::Part, "{length}");
        }
    }

    #[test]
    fn tls_1_3_is_known_by_its_extension() {
        let mut hello = vec![3, 3];
        hello.extend([7; 32]);
        hello.extend([0, 0x13, 0x01, 0, 0, 6, 0, 43, 0, 2, 3, 4]);
        let Heard::Whole(read) = answer(&record(22, &handshake(2, &hello))) else {
            panic!();
        };
        assert_eq!(read.version.and_then(Version::name), Some("TLS 1.3"));
    }

    #[test]
    fn an_alert_is_a_refusal() {
        // RFC 5246 7.2: fatal, protocol_version.
        assert_eq!(
            answer(&record(21, &[2, 70])),
            Heard::Whole(Answer::default())
        );
    }

    #[test]
    fn what_is_no_tls_is_other() {
        assert_eq!(answer(b"HTTP/1.1 400 Bad Request"), Heard::Other);
        assert_eq!(answer(&[22, 9, 9]), Heard::Other);
        assert_eq!(answer(&[22, 3, 1, 0xff, 0xff]), Heard::Other);
        assert_eq!(answer(b""), Heard::Part);
    }

    proptest! {
        #[test]
        fn no_bytes_make_it_panic(kind in prop::sample::select(vec![2_u8, 11, 14, 22]), body in prop::collection::vec(any::<u8>(), 0..90)) {
            let _ = answer(&record(22, &handshake(kind, &body)));
            let _ = answer(&record(22, &body));
            let _ = answer(&body);
        }
    }
}
