//! Sealed messages: `multipart/encrypted` as WinRM writes it (MS-WSMV section 2.2.9.1).
//!
//! The parts are framed here; `context` seals.

/// The media type of a sealed request.
pub(super) const SEALED: &str = concat!(
    "multipart/encrypted;protocol=\"application/HTTP-SPNEGO-session-encrypted\";",
    "boundary=\"Encrypted Boundary\""
);

const HEAD: &str = concat!(
    "--Encrypted Boundary\r\n",
    "\tContent-Type: application/HTTP-SPNEGO-session-encrypted\r\n",
    "\tOriginalContent: type=application/soap+xml;charset=UTF-8;Length="
);
const MIDDLE: &str = "\r\n--Encrypted Boundary\r\n\tContent-Type: application/octet-stream\r\n";
const END: &str = "--Encrypted Boundary--\r\n";

/// What a sealed message carries.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Sealed {
    /// What proves that it is unaltered.
    pub(super) token: Vec<u8>,
    /// The contents, encrypted.
    pub(super) data: Vec<u8>,
    /// How long the contents are in plain.
    pub(super) length: usize,
}

impl Sealed {
    /// Writes the body of a request.
    pub(super) fn write(&self) -> Vec<u8> {
        let room = HEAD.len() + MIDDLE.len() + END.len() + 32;
        let mut body = Vec::with_capacity(room + self.token.len() + self.data.len());
        body.extend_from_slice(HEAD.as_bytes());
        body.extend_from_slice(self.length.to_string().as_bytes());
        body.extend_from_slice(MIDDLE.as_bytes());
        let token = u32::try_from(self.token.len()).unwrap_or(u32::MAX);
        body.extend_from_slice(&token.to_le_bytes());
        body.extend_from_slice(&self.token);
        body.extend_from_slice(&self.data);
        body.extend_from_slice(END.as_bytes());
        body
    }

    /// Reads the body of an answer; the error says what is wrong with it.
    pub(super) fn parse(body: &[u8]) -> Result<Self, &'static str> {
        const LONGEST_HEAD: usize = 1024;
        let head = body.get(..body.len().min(LONGEST_HEAD)).unwrap_or(body);
        let mark = b"application/octet-stream";
        let found = head
            .windows(mark.len())
            .position(|window| window.eq_ignore_ascii_case(mark))
            .ok_or("it has no sealed part")?;
        let head = head.get(..found).unwrap_or_default();
        let length = length_in(head).ok_or("it does not say how long it is")?;
        let rest = body.get(found + mark.len()..).unwrap_or_default();
        let rest = rest.strip_prefix(b"\r\n").ok_or("its head does not end")?;
        let rest = without_end(rest).ok_or("it is cut short")?;
        let (size, rest) = rest.split_first_chunk::<4>().ok_or("it is cut short")?;
        let size = usize::try_from(u32::from_le_bytes(*size)).unwrap_or(usize::MAX);
        let (token, data) = rest.split_at_checked(size).ok_or("it is cut short")?;
        Ok(Self {
            token: token.to_vec(),
            data: data.to_vec(),
            length,
        })
    }
}

/// Whether an answer says that it is sealed.
pub(super) fn is_sealed(content_type: &str) -> bool {
    let kind = content_type.split(';').next().unwrap_or_default();
    kind.trim().eq_ignore_ascii_case("multipart/encrypted")
}

fn length_in(head: &[u8]) -> Option<usize> {
    let mark = b"length=";
    let at = head
        .windows(mark.len())
        .position(|window| window.eq_ignore_ascii_case(mark))?;
    let digits = head.get(at + mark.len()..)?;
    let count = digits.iter().take_while(|byte| byte.is_ascii_digit());
    let count = count.count().min(9);
    std::str::from_utf8(digits.get(..count)?).ok()?.parse().ok()
}

/// Takes the closing boundary away. Some servers (Exchange) put a space after the dashes.
fn without_end(body: &[u8]) -> Option<&[u8]> {
    let body = body.strip_suffix(b"\r\n").unwrap_or(body);
    let spaced = body.strip_suffix(b"-- Encrypted Boundary--");
    spaced.or_else(|| body.strip_suffix(b"--Encrypted Boundary--"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn sample() -> Sealed {
        Sealed {
            token: vec![1, 0, 0, 0, 9, 9, 9, 9, 8, 8, 8, 8, 0, 0, 0, 0],
            data: b"--Encrypted Boundary--\r\n is just data".to_vec(),
            length: 37,
        }
    }

    /// The bytes of a request, laid out by hand after MS-WSMV.
    #[test]
    fn a_request_has_nothing_before_the_closing_boundary() {
        let sealed = Sealed {
            token: vec![0xaa; 2],
            data: vec![0xbb; 3],
            length: 3,
        };
        let mut wanted = b"--Encrypted Boundary\r\n\tContent-Type: application/HTTP-SPNEGO-session-encrypted\r\n\tOriginalContent: type=application/soap+xml;charset=UTF-8;Length=3\r\n--Encrypted Boundary\r\n\tContent-Type: application/octet-stream\r\n".to_vec();
        wanted.extend([2, 0, 0, 0, 0xaa, 0xaa, 0xbb, 0xbb, 0xbb]);
        wanted.extend(b"--Encrypted Boundary--\r\n");
        assert_eq!(sealed.write(), wanted);
    }

    #[test]
    fn what_is_written_is_read_again() {
        let sealed = sample();
        assert_eq!(Sealed::parse(&sealed.write()), Ok(sealed));
    }

    #[test]
    fn exchange_puts_a_space_before_the_boundary() {
        let sealed = sample();
        let mut body = sealed.write();
        body.truncate(body.len() - END.len());
        body.extend(b"-- Encrypted Boundary--\r\n");
        assert_eq!(Sealed::parse(&body), Ok(sealed));
    }

    #[test]
    fn a_truncated_answer_is_an_error() {
        let data = vec![0xbb; 40];
        let body = Sealed { data, ..sample() }.write();
        for length in 0..body.len() - 2 {
            let cut = &body[..length];
            assert!(Sealed::parse(cut).is_err(), "{length}");
        }
    }

    #[test]
    fn a_token_longer_than_the_answer_is_an_error() {
        let mut body = format!("{HEAD}5{MIDDLE}").into_bytes();
        body.extend([0xff, 0xff, 0xff, 0xff, 1, 2, 3]);
        body.extend(END.as_bytes());
        assert_eq!(Sealed::parse(&body), Err("it is cut short"));
    }

    #[test]
    fn only_what_says_so_is_sealed() {
        assert!(is_sealed(SEALED));
        assert!(is_sealed("Multipart/Encrypted; protocol=x"));
        assert!(!is_sealed("application/soap+xml;charset=UTF-8"));
        assert!(!is_sealed(""));
    }

    proptest! {
        #[test]
        fn anything_reads_without_a_panic(
            bytes in prop::collection::vec(any::<u8>(), 0..200),
            framed in any::<bool>(),
        ) {
            let mut body = if framed {
                format!("{HEAD}5{MIDDLE}").into_bytes()
            } else {
                Vec::new()
            };
            body.extend(bytes);
            let _ = Sealed::parse(&body);
        }
    }
}
