//! The frame of an encrypted message, MS-WSMV 2.2.9.1, read as strictly as Windows reads it.

use super::ntlm::Session;
use super::seal::SIGNATURE;

const BOUNDARY: &[u8] = b"--Encrypted Boundary\r\n";
const END: &[u8] = b"--Encrypted Boundary--";
const PROTOCOL: &str = "application/HTTP-SPNEGO-session-encrypted";
const BINARY: &[u8] = b"\tContent-Type: application/octet-stream\r\n";

/// The media type of what [`seal`] writes.
pub(super) const SEALED: &str = "multipart/encrypted;protocol=\"application/HTTP-SPNEGO-session-encrypted\";boundary=\"Encrypted Boundary\"";

/// Why a message is not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum FrameError {
    /// HTTP 415: of another protocol.
    Protocol,
    /// HTTP 400: not framed as it should be.
    Framing,
    /// HTTP 400: its signature does not hold.
    Signature,
}

/// Opens a message.
pub(super) fn open(
    media_type: &str,
    body: &[u8],
    session: &mut Session,
) -> Result<Vec<u8>, FrameError> {
    if !media_type
        .to_ascii_lowercase()
        .contains(&PROTOCOL.to_ascii_lowercase())
    {
        return Err(FrameError::Protocol);
    }
    let (length, sealed) = parts(body).ok_or(FrameError::Framing)?;
    let (size, rest) = sealed.split_first_chunk::<4>().ok_or(FrameError::Framing)?;
    if u32::from_le_bytes(*size) as usize != SIGNATURE {
        return Err(FrameError::Framing);
    }
    let (signature, data) = rest
        .split_at_checked(SIGNATURE)
        .ok_or(FrameError::Framing)?;
    // NTLM does not pad: what is more than was announced does not belong here.
    if data.len() != length {
        return Err(FrameError::Framing);
    }
    let mut data = data.to_vec();
    if !session.incoming.unseal(&mut data, signature) {
        return Err(FrameError::Signature);
    }
    Ok(data)
}

/// The announced length, and what lies between the second part's head and the end.
fn parts(body: &[u8]) -> Option<(usize, &[u8])> {
    let rest = body.strip_prefix(BOUNDARY)?;
    let split = rest
        .windows(BOUNDARY.len())
        .position(|window| window == BOUNDARY)?;
    let (head, rest) = rest.split_at_checked(split)?;
    let sealed = rest.strip_prefix(BOUNDARY)?.strip_prefix(BINARY)?;
    let sealed = sealed
        .strip_suffix(b"\r\n")
        .unwrap_or(sealed)
        .strip_suffix(END)?;
    let mut lines = std::str::from_utf8(head)
        .ok()?
        .strip_suffix("\r\n")?
        .split("\r\n");
    let (kind, original) = (lines.next()?, lines.next()?);
    if lines.next().is_some() || kind.strip_prefix("\tContent-Type: ")? != PROTOCOL {
        return None;
    }
    let length = original
        .strip_prefix("\tOriginalContent: type=application/soap+xml;charset=UTF-8;Length=")?;
    Some((length.parse().ok()?, sealed))
}

/// Seals a message.
pub(super) fn seal(mut message: Vec<u8>, session: &mut Session) -> Vec<u8> {
    let length = message.len();
    let signature = session.outgoing.seal(&mut message);
    let mut body = BOUNDARY.to_vec();
    let head = format!(
        "\tContent-Type: {PROTOCOL}\r\n\tOriginalContent: type=application/soap+xml;charset=UTF-8;Length={length}\r\n"
    );
    body.extend(head.as_bytes());
    body.extend(BOUNDARY);
    body.extend(BINARY);
    body.extend([16, 0, 0, 0]);
    body.extend(signature);
    body.extend(message);
    body.extend(END);
    body.extend(b"\r\n");
    body
}

#[cfg(test)]
mod tests {
    use super::super::seal::{Direction, Way};
    use super::*;
    use proptest::prelude::*;

    fn session(incoming: Way, outgoing: Way) -> Session {
        let direction = |way| Direction::new(&[3; 16], 0x6000_0000, way);
        Session {
            incoming: direction(incoming),
            outgoing: direction(outgoing),
        }
    }

    fn pair() -> (Session, Session) {
        (
            session(Way::ToServer, Way::ToClient),
            session(Way::ToClient, Way::ToServer),
        )
    }

    #[test]
    fn a_message_opens_as_it_was_sealed_and_nothing_may_stand_before_the_end() {
        let (mut server, mut client) = pair();
        let body = seal(b"<s:Envelope/>".to_vec(), &mut client);
        let end = body.len() - 24;
        let mut stray = body.clone();
        stray.splice(end..end, *b"\r\n");
        let opened = open(SEALED, &stray, &mut server.clone());
        assert_eq!(opened, Err(FrameError::Framing));
        let opened = open(
            "multipart/encrypted;protocol=\"x\"",
            &body,
            &mut server.clone(),
        );
        assert_eq!(opened, Err(FrameError::Protocol));
        assert_eq!(open(SEALED, &body, &mut server).unwrap(), b"<s:Envelope/>");
        // The same bytes once more are no second message.
        assert_eq!(open(SEALED, &body, &mut server), Err(FrameError::Signature));
    }

    proptest! {
        #[test]
        fn any_message_comes_through_and_any_bytes_do_not_panic(
            message in prop::collection::vec(any::<u8>(), 0..300),
            at in 0..400_usize,
            byte in any::<u8>(),
        ) {
            let (mut server, mut client) = pair();
            let mut body = seal(message.clone(), &mut client);
            let opened = open(SEALED, &body, &mut server.clone());
            prop_assert_eq!(opened.unwrap(), message);
            let at = at % body.len();
            body[at] = byte;
            let _ = open(SEALED, &body, &mut server);
            let _ = open(SEALED, &body[..at], &mut server);
        }
    }
}
