//! Frames of the NetBIOS session service (RFC 1002 4.3), in which SMB travels over TCP: on port 445
//! only the length of them is left (MS-SMB2 2.1).

use super::Heard;
use super::bytes::u24_be;

/// A frame around one message.
pub fn frame(message: &[u8]) -> Vec<u8> {
    let length = u32::try_from(message.len()).unwrap_or(u32::MAX);
    let [_, length @ ..] = length.to_be_bytes();
    let mut bytes = vec![0];
    bytes.extend(length);
    bytes.extend(message);
    bytes
}

/// Asks port 139 for a session with whoever is there (RFC 1002 4.3.2): with the name `*SMBSERVER`,
/// which every server takes for its own.
pub fn session_request() -> Vec<u8> {
    let mut bytes = vec![0x81, 0, 0, 68];
    bytes.extend(encoded(b"*SMBSERVER      "));
    bytes.extend(encoded(b"UNDERDESK       "));
    bytes
}

/// A NetBIOS name, half a byte a letter (RFC 1001 14.1).
fn encoded(name: &[u8; 16]) -> Vec<u8> {
    let mut bytes = vec![32];
    for letter in name {
        bytes.extend([b'A' + (letter >> 4), b'A' + (letter & 15)]);
    }
    bytes.push(0);
    bytes
}

/// What a server sends in a frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Frame<'a> {
    /// A message.
    Message(&'a [u8]),
    /// The session that was asked for.
    SessionGranted,
}

/// The first frame of what was heard, and how long it is. A refused session is something else.
pub fn read(heard: &[u8]) -> Heard<(Frame<'_>, usize)> {
    let (Some(kind), Some(length)) = (heard.first(), u24_be(heard, 1)) else {
        return match heard.first() {
            None | Some(0 | 0x82) => Heard::Part,
            Some(_) => Heard::Other,
        };
    };
    match (kind, heard.get(4..4 + length)) {
        (0, Some(message)) => Heard::Whole((Frame::Message(message), 4 + length)),
        (0, None) => Heard::Part,
        (0x82, _) if length == 0 => Heard::Whole((Frame::SessionGranted, 4)),
        _ => Heard::Other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_frame_reads_as_it_was_written_and_no_part_of_it_does() {
        let whole = frame(b"message");
        assert_eq!(
            read(&whole),
            Heard::Whole((Frame::Message(b"message"), whole.len()))
        );
        for length in 0..whole.len() {
            assert_eq!(read(&whole[..length]), Heard::Part, "{length}");
        }
    }

    #[test]
    fn a_session_is_granted_or_it_is_not() {
        assert_eq!(
            read(&[0x82, 0, 0, 0]),
            Heard::Whole((Frame::SessionGranted, 4))
        );
        assert_eq!(read(&[0x83, 0, 0, 1, 0x82]), Heard::Other);
        assert_eq!(read(b"HTTP"), Heard::Other);
    }

    #[test]
    fn a_session_is_asked_for_by_encoded_names() {
        let request = session_request();
        assert_eq!(request.len(), 72);
        // RFC 1001 14.1: `*` is CK, a space is CA.
        assert_eq!(request.get(4..7), Some(&b" CK"[..]));
        assert_eq!(request.get(35..38), Some(&b"CA\0"[..]));
    }
}
