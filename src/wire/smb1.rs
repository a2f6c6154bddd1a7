//! The messages of SMB 1 (MS-CIFS, MS-SMB) that come before any logon. A server that answers them
//! still speaks what should have been gone for years; and it says what it is in plain words.

use super::bytes::{cut, short, u16_le, u32_le, u64_le, unix_of_filetime, utf16_until_zero};

const HEADER: usize = 32;
const NEGOTIATE: u8 = 0x72;
const SESSION_SETUP: u8 = 0x73;

/// A `SMB_COM_NEGOTIATE` request (MS-CIFS 2.2.4.52.1) for `NT LM 0.12` and nothing else.
pub fn negotiate() -> Vec<u8> {
    let mut message = header(NEGOTIATE);
    message.extend(b"\0\x0c\0\x02NT LM 0.12\0");
    message
}

/// A `SMB_COM_SESSION_SETUP_ANDX` request (MS-SMB 2.2.4.6.1) with the first token of a logon.
pub fn session_setup(token: &[u8]) -> Vec<u8> {
    let mut message = header(SESSION_SETUP);
    // No further command; a buffer of 4356 bytes; one request at a time.
    message.extend([12, 0xff, 0, 0, 0, 0x04, 0x11, 1, 0]);
    // Virtual circuit 1: at number 0 an old server drops whatever else this address has open.
    message.extend([1, 0, 0, 0, 0, 0]);
    message.extend(short(token.len()).to_le_bytes());
    message.extend([0; 4]);
    // Unicode, NT status, extended security.
    message.extend(0x8000_0044_u32.to_le_bytes());
    // Two empty texts follow, on an even place: what we are is nobody's business.
    let padding = (message.len() + 2 + token.len()) % 2;
    message.extend(short(token.len() + padding + 4).to_le_bytes());
    message.extend(token);
    message.extend(std::iter::repeat_n(0, padding + 4));
    message
}

/// MS-CIFS 2.2.3.1.
fn header(command: u8) -> Vec<u8> {
    let mut bytes = b"\xffSMB".to_vec();
    bytes.push(command);
    // No status; paths without case; Unicode, NT status, extended security, long names.
    bytes.extend([0, 0, 0, 0, 0x18, 0x01, 0xc8]);
    bytes.extend([0; 12]);
    // No tree; a process; no user; a number for the message.
    bytes.extend([0xff, 0xff, 1, 0, 0, 0, 1, 0]);
    bytes
}

/// What a server says in its `SMB_COM_NEGOTIATE` response (MS-SMB 2.2.4.5.2).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Negotiated {
    /// Whether every message has to be signed.
    pub is_signing_required: bool,
    /// Its clock, in Unix seconds.
    pub time: Option<i64>,
    /// Whether a session is set up by tokens. Where not, it would take a password.
    pub is_extended: bool,
    /// Its domain or workgroup, where sessions are not set up by tokens.
    pub domain: Option<String>,
    /// Its name, likewise.
    pub server: Option<String>,
}

impl Negotiated {
    /// Reads a message; `None` as well where the server refuses the dialect.
    pub fn parse(message: &[u8]) -> Option<Self> {
        const EXTENDED_SECURITY: u32 = 0x8000_0000;
        let Response { words, bytes, .. } = Response::parse(message, NEGOTIATE)?;
        if words.len() < 34 || u16_le(words, 0)? != 0 {
            return None;
        }
        let mut read = Self {
            is_signing_required: words.get(2)? & 8 != 0,
            time: unix_of_filetime(u64_le(words, 23)?),
            is_extended: u32_le(words, 19)? & EXTENDED_SECURITY != 0,
            ..Self::default()
        };
        if !read.is_extended {
            let names = bytes.get(usize::from(*words.get(33)?)..);
            let names = names.unwrap_or_default();
            let (domain, length) = utf16_until_zero(names);
            let (server, _) = utf16_until_zero(names.get(length..).unwrap_or_default());
            read.domain = Some(domain).filter(|name| !name.is_empty());
            read.server = Some(server).filter(|name| !name.is_empty());
        }
        Some(read)
    }
}

/// What a server says in its `SMB_COM_SESSION_SETUP_ANDX` response (MS-SMB 2.2.4.6.2).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SessionAnswer<'a> {
    /// Its status.
    pub status: u32,
    /// The token; empty where there is none.
    pub token: &'a [u8],
    /// The operating system, in its own words: `Windows Server 2003 3790 Service Pack 2`; empty where it
    /// is not told.
    pub native_os: String,
    /// The server, in its own words: `Samba 4.17.12-Debian`.
    pub native_server: String,
}

impl<'a> SessionAnswer<'a> {
    /// Reads a message.
    pub fn parse(message: &'a [u8]) -> Option<Self> {
        let response = Response::parse(message, SESSION_SETUP)?;
        let token = u16_le(response.words, 6).map_or(0, usize::from);
        let mut texts = token;
        // Texts stand on an even place of the message.
        texts += (response.bytes_at + texts) % 2;
        let texts = response.bytes.get(texts..).unwrap_or_default();
        let (native_os, length) = utf16_until_zero(texts);
        let (native_server, _) = utf16_until_zero(texts.get(length..).unwrap_or_default());
        Some(Self {
            status: response.status,
            token: response.bytes.get(..token).unwrap_or_default(),
            native_os,
            native_server,
        })
    }
}

struct Response<'a> {
    status: u32,
    words: &'a [u8],
    bytes: &'a [u8],
    bytes_at: usize,
}

impl<'a> Response<'a> {
    fn parse(message: &'a [u8], command: u8) -> Option<Self> {
        const FROM_THE_SERVER: u8 = 0x80;
        let is_response = message.starts_with(b"\xffSMB")
            && *message.get(4)? == command
            && message.get(9)? & FROM_THE_SERVER != 0;
        let words_length = 2 * usize::from(*message.get(HEADER).filter(|_| is_response)?);
        let bytes_at = HEADER + 1 + words_length + 2;
        let length = usize::from(u16_le(message, bytes_at - 2)?);
        Some(Self {
            status: u32_le(message, 5)?,
            words: cut(message, HEADER + 1, words_length)?,
            bytes: cut(message, bytes_at, length)?,
            bytes_at,
        })
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use proptest::prelude::*;

    fn answered(command: u8, status: u32, words: &[u8], bytes: &[u8]) -> Vec<u8> {
        let mut message = header(command);
        message[5..9].copy_from_slice(&status.to_le_bytes());
        message[9] |= 0x80;
        message.push(u8::try_from(words.len() / 2).unwrap());
        message.extend(words);
        message.extend(short(bytes.len()).to_le_bytes());
        message.extend(bytes);
        message
    }

    fn units(texts: &[&str]) -> Vec<u8> {
        let units = texts.iter().flat_map(|text| text.encode_utf16().chain([0]));
        units.flat_map(u16::to_le_bytes).collect()
    }

    /// A `SMB_COM_NEGOTIATE` response after MS-SMB 2.2.4.5.2.
    pub(crate) fn negotiated(dialect: u16, security: u8, names: Option<[&str; 2]>) -> Vec<u8> {
        let mut words = dialect.to_le_bytes().to_vec();
        words.push(security);
        words.extend([0; 16]);
        let capabilities: u32 = if names.is_some() { 0xfd } else { 0x8000_00fd };
        words.extend(capabilities.to_le_bytes());
        words.extend(((1_795_910_400_u64 + 11_644_473_600) * 10_000_000).to_le_bytes());
        words.extend([0, 0, if names.is_some() { 8 } else { 0 }]);
        let mut bytes = vec![7; if names.is_some() { 8 } else { 16 }];
        bytes.extend(names.map(|names| units(&names)).unwrap_or_default());
        answered(NEGOTIATE, 0, &words, &bytes)
    }

    /// A `SMB_COM_SESSION_SETUP_ANDX` response after MS-SMB 2.2.4.6.2.
    pub(crate) fn set_up(status: u32, token: &[u8], texts: [&str; 2]) -> Vec<u8> {
        let mut words = vec![0xff, 0, 0, 0, 0, 0];
        words.extend(short(token.len()).to_le_bytes());
        let mut bytes = token.to_vec();
        // The bytes begin at 43.
        bytes.extend(std::iter::repeat_n(0, (43 + token.len()) % 2));
        bytes.extend(units(&texts));
        answered(SESSION_SETUP, status, &words, &bytes)
    }

    #[test]
    fn a_request_counts_its_bytes() {
        let message = negotiate();
        assert_eq!(message.len(), HEADER + 3 + 12);
        for token in [&b"even"[..], b"odd"] {
            let message = session_setup(token);
            let count = usize::from(u16_le(&message, HEADER + 1 + 24).unwrap());
            assert_eq!(message.len(), HEADER + 1 + 24 + 2 + count);
            assert_eq!(message.len() % 2, 0);
            // Never number 0.
            assert_eq!(u16_le(&message, HEADER + 1 + 8), Some(1));
        }
    }

    #[test]
    fn a_server_of_tokens_tells_no_names_yet() {
        let read = Negotiated::parse(&negotiated(0, 0x0f, None)).unwrap();
        assert!(read.is_extended && read.is_signing_required);
        assert_eq!(read.time, Some(1_795_910_400));
        assert_eq!((read.domain, read.server), (None, None));
    }

    #[test]
    fn an_older_server_tells_its_names_at_once() {
        let read = Negotiated::parse(&negotiated(0, 3, Some(["WORKGROUP", "OLDBOX"]))).unwrap();
        assert!(!read.is_extended && !read.is_signing_required);
        assert_eq!(read.domain.as_deref(), Some("WORKGROUP"));
        assert_eq!(read.server.as_deref(), Some("OLDBOX"));
    }

    #[test]
    fn a_refused_dialect_is_no_smb1() {
        assert_eq!(Negotiated::parse(&negotiated(0xffff, 3, None)), None);
        assert_eq!(
            Negotiated::parse(&answered(NEGOTIATE, 0, &[0xff, 0xff], &[])),
            None
        );
        assert_eq!(Negotiated::parse(&negotiate()), None);
    }

    #[test]
    fn a_server_says_what_it_is_in_plain_words() {
        for token in [&b"odd"[..], b"even"] {
            let message = set_up(0xc000_0016, token, ["Windows 6.1", "Samba 4.17.12-Debian"]);
            let read = SessionAnswer::parse(&message).unwrap();
            assert_eq!((read.status, read.token), (0xc000_0016, token));
            assert_eq!(read.native_os, "Windows 6.1");
            assert_eq!(read.native_server, "Samba 4.17.12-Debian");
        }
    }

    #[test]
    fn a_truncated_answer_is_none() {
        let answer = set_up(0xc000_0016, b"token", ["os", "server"]);
        for length in 0..answer.len() {
            assert_eq!(SessionAnswer::parse(&answer[..length]), None, "{length}");
        }
        let answer = negotiated(0, 3, Some(["A", "B"]));
        for length in 0..answer.len() {
            assert_eq!(Negotiated::parse(&answer[..length]), None, "{length}");
        }
    }

    proptest! {
        #[test]
        fn no_bytes_make_it_panic(tail in prop::collection::vec(any::<u8>(), 0..120)) {
            for command in [NEGOTIATE, SESSION_SETUP] {
                let mut message = header(command);
                message[9] |= 0x80;
                message.extend(&tail);
                let _ = Negotiated::parse(&message);
                let _ = SessionAnswer::parse(&message);
            }
        }
    }
}
