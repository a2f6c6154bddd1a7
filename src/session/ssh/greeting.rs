//! The first words of an SSH server (RFC 4253 section 4.2): perhaps some lines of text, then
//! `SSH-2.0-software comment`.

use crate::session::MeetError;
use crate::session::transcript::plain;
use tokio::io::{AsyncRead, AsyncReadExt as _};

/// An SSH server's first words.
#[derive(Debug)]
pub(super) struct Greeting {
    /// The identification line, without its line break.
    pub(super) banner: String,
    /// The bytes that were read, from the identification line on.
    pub(super) bytes: Vec<u8>,
}

/// Reads until the identification line has come. The caller sets the time limit.
pub(super) async fn read(
    stream: &mut (impl AsyncRead + Unpin + ?Sized),
) -> Result<Greeting, MeetError> {
    let mut bytes = Vec::with_capacity(512);
    let mut chunk = [0; 1024];
    loop {
        let Ok(count) = stream.read(&mut chunk).await else {
            return Err(why_ended(&bytes));
        };
        if count == 0 {
            return Err(why_ended(&bytes));
        }
        bytes.extend(chunk.iter().take(count));
        match judge(&bytes) {
            Verdict::More => {}
            Verdict::Ssh { at, length } => {
                let bytes = bytes.split_off(at);
                let line = bytes.get(..length).unwrap_or_default();
                let banner = String::from_utf8_lossy(line).into_owned();
                return Ok(Greeting { banner, bytes });
            }
            Verdict::TooOld => {
                return Err(MeetError::KexMismatch {
                    kind: "protocol version",
                    theirs: plain(&bytes),
                    legacy: String::new(),
                });
            }
            Verdict::NotSsh => return Err(MeetError::NotSsh(plain(&bytes))),
        }
    }
}

/// What a connection that closed early meant by it.
fn why_ended(bytes: &[u8]) -> MeetError {
    // sshd's words for `MaxStartups` and `PerSourcePenalties`.
    const TURNED_AWAY: [&str; 2] = ["MaxStartups", "Not allowed at this time"];
    let said = plain(bytes);
    if TURNED_AWAY.iter().any(|words| said.contains(words)) {
        return MeetError::Busy(said);
    }
    if said.is_empty() || bytes.starts_with(b"SSH-") {
        return MeetError::Closed("its greeting");
    }
    MeetError::NotSsh(said)
}

#[derive(Debug, PartialEq, Eq)]
enum Verdict {
    /// It may still become SSH.
    More,
    /// The identification line starts here and is so long.
    Ssh { at: usize, length: usize },
    /// SSH 1 only.
    TooOld,
    /// It cannot become SSH any more.
    NotSsh,
}

const LONGEST_LINE: usize = 255;
const LONGEST: usize = 8 << 10;

fn judge(bytes: &[u8]) -> Verdict {
    let mut at = 0;
    for line in bytes.split_inclusive(|byte| *byte == b'\n') {
        let Some(text) = line.strip_suffix(b"\n") else {
            let fits = line.len() <= LONGEST_LINE && bytes.len() <= LONGEST;
            let is_text = !line.iter().any(|byte| is_binary(*byte));
            return if fits && is_text {
                Verdict::More
            } else {
                Verdict::NotSsh
            };
        };
        let text = text.strip_suffix(b"\r").unwrap_or(text);
        if text.starts_with(b"SSH-") {
            return identification(text, at);
        }
        if text.len() > LONGEST_LINE || at > LONGEST || text.iter().any(|byte| is_binary(*byte)) {
            return Verdict::NotSsh;
        }
        at += line.len();
    }
    if at > LONGEST {
        Verdict::NotSsh
    } else {
        Verdict::More
    }
}

fn identification(text: &[u8], at: usize) -> Verdict {
    let length = text.len();
    if length > LONGEST_LINE - 2 || std::str::from_utf8(text).is_err() {
        return Verdict::NotSsh;
    }
    if text.starts_with(b"SSH-2.0-") || text.starts_with(b"SSH-1.99-") {
        return Verdict::Ssh { at, length };
    }
    Verdict::TooOld
}

fn is_binary(byte: u8) -> bool {
    byte.is_ascii_control() && !matches!(byte, b'\t' | b'\r' | b'\x1b')
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn an_identification_line_may_come_after_other_lines() {
        let ssh = |at, length| Verdict::Ssh { at, length };
        assert_eq!(judge(b"SSH-2.0-OpenSSH_9.2p1 Debian-2\r\n\0\0"), ssh(0, 30));
        assert_eq!(judge(b"SSH-1.99-old\n"), ssh(0, 12));
        assert_eq!(judge(b"hello\r\nthere\nSSH-2.0-x\r\n"), ssh(13, 9));
    }

    #[test]
    fn an_unfinished_line_waits_for_more() {
        for text in ["", "S", "SSH-2.0-x", "Welcome\r\n", "Welcome\r\nSSH-"] {
            assert_eq!(judge(text.as_bytes()), Verdict::More, "{text:?}");
        }
    }

    #[test]
    fn what_cannot_become_ssh_is_let_go_at_once() {
        assert_eq!(judge(b"\x16\x03\x01\0\0"), Verdict::NotSsh);
        assert_eq!(judge("x".repeat(256).as_bytes()), Verdict::NotSsh);
        assert_eq!(judge("line\n".repeat(2000).as_bytes()), Verdict::NotSsh);
        assert_eq!(judge(b"SSH-1.5-ancient\r\n"), Verdict::TooOld);
        let long = format!("SSH-2.0-{}\r\n", "x".repeat(300));
        assert_eq!(judge(long.as_bytes()), Verdict::NotSsh);
    }

    #[test]
    fn an_early_end_has_a_meaning() {
        assert!(matches!(why_ended(b""), MeetError::Closed(_)));
        assert!(matches!(why_ended(b"SSH-2.0-Op"), MeetError::Closed(_)));
        let busy = why_ended(b"Exceeded MaxStartups\r\n");
        assert!(matches!(busy, MeetError::Busy(_)));
        assert!(matches!(why_ended(b"220 mail\r\n"), MeetError::NotSsh(_)));
    }

    proptest! {
        #[test]
        fn any_bytes_are_judged_and_never_beyond_the_cap(
            bytes in prop::collection::vec(any::<u8>(), 0..600)
        ) {
            judge(&bytes);
            let mut endless = bytes;
            endless.resize(LONGEST + 300, b'x');
            prop_assert_ne!(judge(&endless), Verdict::More);
        }
    }
}
