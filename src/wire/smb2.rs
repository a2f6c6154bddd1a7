//! The two messages of SMB 2 and 3 (MS-SMB2) that come before any logon: what both sides speak, and
//! the first half of a session setup, which brings the NTLM challenge.

use super::bytes::{cut, short, u16_le, u32_le, u64_le, unix_of_filetime};

/// Further messages are welcome: the answer to a session setup that is under way (MS-ERREF 2.3.1).
pub const MORE_PROCESSING_REQUIRED: u32 = 0xc000_0016;
/// How a server without NTLM answers it.
pub const NOT_SUPPORTED: u32 = 0xc000_00bb;

const HEADER: usize = 64;
const NEGOTIATE: u16 = 0;
const SESSION_SETUP: u16 = 1;
const DIALECTS: [u16; 5] = [0x0202, 0x0210, 0x0300, 0x0302, 0x0311];

/// A `NEGOTIATE` request (MS-SMB2 2.2.3) for every dialect from 2.0.2 to 3.1.1. Servers tell clients
/// apart by `client`, so two that look at the same time had better not have the same.
pub fn negotiate(client: [u8; 16]) -> Vec<u8> {
    let mut message = header(NEGOTIATE, 0);
    message.extend(36_u16.to_le_bytes());
    message.extend(short(DIALECTS.len()).to_le_bytes());
    // We could sign; no capabilities.
    message.extend([1, 0, 0, 0, 0, 0, 0, 0]);
    message.extend(client);
    // Where the contexts begin: on the next multiple of eight after the dialects.
    message.extend(112_u32.to_le_bytes());
    message.extend([2, 0, 0, 0]);
    message.extend(DIALECTS.iter().flat_map(|dialect| dialect.to_le_bytes()));
    message.extend([0; 2]);
    // 2.2.3.1.1, which 3.1.1 cannot do without: SHA-512, and a salt of 32 bytes.
    message.extend([1, 0, 38, 0, 0, 0, 0, 0, 1, 0, 32, 0, 1, 0]);
    message.extend([0x5a; 32]);
    message.extend([0; 2]);
    // 2.2.3.1.2: AES-128-GCM, AES-128-CCM.
    message.extend([2, 0, 6, 0, 0, 0, 0, 0, 2, 0, 2, 0, 1, 0]);
    message
}

/// A `SESSION_SETUP` request (MS-SMB2 2.2.5) with the first token of a logon.
pub fn session_setup(token: &[u8]) -> Vec<u8> {
    let mut message = header(SESSION_SETUP, 1);
    message.extend([25, 0, 0, 1]);
    message.extend([0; 8]);
    message.extend(88_u16.to_le_bytes());
    message.extend(short(token.len()).to_le_bytes());
    message.extend([0; 8]);
    message.extend(token);
    message
}

/// MS-SMB2 2.2.1.2.
fn header(command: u16, message_id: u64) -> Vec<u8> {
    let mut bytes = b"\xfeSMB".to_vec();
    bytes.extend([64, 0, 0, 0, 0, 0, 0, 0]);
    bytes.extend(command.to_le_bytes());
    // Credits to ask for; no flags; no next command.
    bytes.extend([1, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
    bytes.extend(message_id.to_le_bytes());
    bytes.extend([0; HEADER - 32]);
    bytes
}

/// What a server says in its `NEGOTIATE` response (MS-SMB2 2.2.4).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Negotiated {
    /// The highest dialect that both sides speak: `0x0311`.
    pub dialect: u16,
    /// Whether every message has to be signed.
    pub is_signing_required: bool,
    /// Who the server is.
    pub guid: [u8; 16],
    /// Its clock, in Unix seconds.
    pub time: Option<i64>,
    /// When it was started, in Unix seconds; many do not tell.
    pub started: Option<i64>,
}

impl Negotiated {
    /// Reads a message.
    pub fn parse(message: &[u8]) -> Option<Self> {
        let (status, body) = response(message, NEGOTIATE)?;
        if status != 0 || u16_le(body, 0)? != 65 {
            return None;
        }
        Some(Self {
            dialect: u16_le(body, 4)?,
            is_signing_required: u16_le(body, 2)? & 2 != 0,
            guid: cut(body, 8, 16)?.try_into().ok()?,
            time: unix_of_filetime(u64_le(body, 40)?),
            started: unix_of_filetime(u64_le(body, 48)?),
        })
    }
}

/// The status of a `SESSION_SETUP` response (MS-SMB2 2.2.6), and the token in it, if there is one.
pub fn session_answer(message: &[u8]) -> Option<(u32, &[u8])> {
    let (status, body) = response(message, SESSION_SETUP)?;
    let token = || {
        let offset = usize::from(u16_le(body, 4)?);
        let length = usize::from(u16_le(body, 6)?);
        cut(message, offset, length)
    };
    Some((status, token().unwrap_or_default()))
}

fn response(message: &[u8], command: u16) -> Option<(u32, &[u8])> {
    const FROM_THE_SERVER: u32 = 1;
    let is_response = message.starts_with(b"\xfeSMB")
        && u16_le(message, 12)? == command
        && u32_le(message, 16)? & FROM_THE_SERVER != 0;
    let body = message.get(HEADER..).filter(|_| is_response)?;
    Some((u32_le(message, 8)?, body))
}

/// A dialect, as people write it: `3.1.1`.
pub fn dialect_name(dialect: u16) -> String {
    match dialect {
        0x0202 => "2.0.2".to_owned(),
        0x0302 => "3.0.2".to_owned(),
        0x0311 => "3.1.1".to_owned(),
        _ => format!("{}.{}", dialect >> 8, (dialect >> 4) & 15),
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use proptest::prelude::*;

    /// A response put together after MS-SMB2 2.2.1.2.
    fn answered(command: u16, status: u32, body: &[u8]) -> Vec<u8> {
        let mut message = header(command, 0);
        message[8..12].copy_from_slice(&status.to_le_bytes());
        message[16] = 1;
        message.extend(body);
        message
    }

    /// A `NEGOTIATE` response after MS-SMB2 2.2.4.
    pub(crate) fn negotiated(dialect: u16, security: u8, times: (u64, u64)) -> Vec<u8> {
        let mut body = vec![65, 0, security, 0];
        body.extend(dialect.to_le_bytes());
        body.extend([0, 0]);
        body.extend(0_u8..16);
        body.extend([0; 16]);
        body.extend(times.0.to_le_bytes());
        body.extend(times.1.to_le_bytes());
        body.extend([128, 0, 0, 0, 0, 0, 0, 0]);
        answered(NEGOTIATE, 0, &body)
    }

    /// A `SESSION_SETUP` response after MS-SMB2 2.2.6.
    pub(crate) fn set_up(status: u32, token: &[u8]) -> Vec<u8> {
        let mut body = vec![9, 0, 0, 0, 72, 0];
        body.extend(short(token.len()).to_le_bytes());
        body.extend(token);
        answered(SESSION_SETUP, status, &body)
    }

    #[test]
    fn the_contexts_stand_where_the_request_says() {
        let message = negotiate([7; 16]);
        assert_eq!(u32_le(&message, 64 + 28), Some(112));
        assert_eq!(u16_le(&message, 112), Some(1));
        assert_eq!(u16_le(&message, 112 + 48), Some(2));
        assert_eq!(message.len(), 112 + 48 + 14);
    }

    #[test]
    fn the_token_stands_where_the_request_says() {
        let message = session_setup(b"token");
        assert_eq!(u16_le(&message, 64 + 12), Some(88));
        assert_eq!(message.get(88..), Some(&b"token"[..]));
    }

    #[test]
    fn a_server_says_what_it_speaks() {
        let second = 10_000_000;
        let moment = (1_795_910_400 + 11_644_473_600) * second;
        let message = negotiated(0x0311, 3, (moment, moment - 60 * second));
        let read = Negotiated::parse(&message).unwrap();
        assert_eq!(dialect_name(read.dialect), "3.1.1");
        assert!(read.is_signing_required);
        assert_eq!(read.time, Some(1_795_910_400));
        assert_eq!(read.started, Some(1_795_910_340));
        let read = Negotiated::parse(&negotiated(0x0210, 1, (moment, 0))).unwrap();
        assert_eq!(dialect_name(read.dialect), "2.1");
        assert!(!read.is_signing_required);
        assert_eq!(read.started, None);
    }

    #[test]
    fn a_request_is_no_response_and_neither_is_another_command() {
        assert_eq!(Negotiated::parse(&negotiate([0; 16])), None);
        assert_eq!(session_answer(&negotiated(0x0202, 0, (0, 0))), None);
        assert_eq!(
            Negotiated::parse(&answered(NEGOTIATE, 0xc000_000d, &[65, 0])),
            None
        );
    }

    #[test]
    fn a_session_setup_is_answered_with_a_status_and_perhaps_a_token() {
        let message = set_up(MORE_PROCESSING_REQUIRED, b"token");
        assert_eq!(
            session_answer(&message),
            Some((MORE_PROCESSING_REQUIRED, &b"token"[..]))
        );
        // An error response (2.2.2) has another body.
        let message = answered(SESSION_SETUP, NOT_SUPPORTED, &[9, 0, 0, 0, 0, 0, 0, 0, 0]);
        assert_eq!(session_answer(&message), Some((NOT_SUPPORTED, &[][..])));
    }

    #[test]
    fn a_truncated_answer_says_less_and_never_panics() {
        let negotiated = negotiated(0x0311, 1, (1, 1));
        for length in 0..negotiated.len() - 8 {
            assert_eq!(Negotiated::parse(&negotiated[..length]), None, "{length}");
        }
        let answer = set_up(MORE_PROCESSING_REQUIRED, b"token");
        for length in 0..answer.len() {
            let token = session_answer(&answer[..length]).map(|(_, token)| token);
            assert!(token.is_none_or(<[u8]>::is_empty), "{length}");
        }
    }

    proptest! {
        #[test]
        fn no_bytes_make_it_panic(command in 0_u16..2, body in prop::collection::vec(any::<u8>(), 0..90)) {
            let message = answered(command, 0, &body);
            let _ = Negotiated::parse(&message);
            let _ = session_answer(&message);
            let _ = Negotiated::parse(&body);
        }
    }
}
