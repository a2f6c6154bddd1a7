//! Answers of HTTP/1 (RFC 9112), read as leniently as the devices that send them are made.

use super::Heard;

const LONGEST_HEAD: usize = 16 << 10;
const MOST_FIELDS: usize = 100;

/// The beginning of an answer.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Head {
    /// The status code: `401`.
    pub status: u16,
    /// The fields as they came, names in lower case.
    pub fields: Vec<(String, String)>,
    /// How many bytes it takes, with the empty line.
    pub length: usize,
    is_kept_by_default: bool,
}

impl Head {
    /// The head of what was heard.
    pub fn read(heard: &[u8]) -> Heard<Self> {
        const START: &[u8] = b"HTTP/1.";
        let overlap = heard.len().min(START.len());
        if heard.get(..overlap) != START.get(..overlap) {
            return Heard::Other;
        }
        let Some(length) = end_of_head(heard) else {
            return if heard.len() > LONGEST_HEAD {
                Heard::Other
            } else {
                Heard::Part
            };
        };
        let head = heard.get(..length.min(LONGEST_HEAD)).unwrap_or_default();
        match Self::parse(&String::from_utf8_lossy(head), length) {
            Some(head) => Heard::Whole(head),
            None => Heard::Other,
        }
    }

    fn parse(head: &str, length: usize) -> Option<Self> {
        let mut lines = head.lines();
        let mut start = lines.next()?.split_ascii_whitespace();
        let is_kept_by_default = start.next()? != "HTTP/1.0";
        let status = start.next()?.parse().ok()?;
        let fields = lines.filter_map(|line| line.split_once(':'));
        let fields = fields.map(|(name, value)| {
            let name = name.trim().to_ascii_lowercase();
            (name, value.trim().to_owned())
        });
        Some(Self {
            status,
            fields: fields.take(MOST_FIELDS).collect(),
            length,
            is_kept_by_default,
        })
    }

    /// The values of a field, whose name is in lower case.
    pub fn all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        let fields = self.fields.iter().filter(move |(known, _)| known == name);
        fields.map(|(_, value)| value.as_str())
    }

    /// The first value of a field.
    pub fn first(&self, name: &str) -> Option<&str> {
        let field = self.fields.iter().find(|(known, _)| known == name);
        field.map(|(_, value)| value.as_str())
    }

    /// Whether the connection is good for another request, as far as the head tells.
    pub fn is_kept(&self) -> bool {
        let says = |word: &str| {
            let mut values = self.all("connection").flat_map(|value| value.split(','));
            values.any(|value| value.trim().eq_ignore_ascii_case(word))
        };
        (self.is_kept_by_default || says("keep-alive")) && !says("close")
    }

    /// What follows the head, as far as it was heard, and whether that is all of it. An answer that
    /// ends with its connection never is.
    pub fn body(&self, heard: &[u8]) -> (Vec<u8>, bool) {
        let rest = heard.get(self.length..).unwrap_or_default();
        if matches!(self.status, 100..=199 | 204 | 304) {
            return (Vec::new(), true);
        }
        let coding = self.first("transfer-encoding").unwrap_or_default();
        if coding.to_ascii_lowercase().contains("chunked") {
            return dechunked(rest);
        }
        let length = self.first("content-length").map(str::parse::<usize>);
        match length {
            Some(Ok(length)) => {
                let body = rest.get(..length).unwrap_or(rest);
                (body.to_vec(), body.len() == length)
            }
            _ => (rest.to_vec(), false),
        }
    }
}

/// The place behind the first empty line.
fn end_of_head(heard: &[u8]) -> Option<usize> {
    let mut line = 0;
    for (at, _) in heard.iter().enumerate().filter(|(_, byte)| **byte == b'\n') {
        if matches!(heard.get(line..at), Some([] | [b'\r'])) {
            return Some(at + 1);
        }
        line = at + 1;
    }
    None
}

/// RFC 9112 7.1, without trailers.
fn dechunked(mut rest: &[u8]) -> (Vec<u8>, bool) {
    let mut body = Vec::new();
    loop {
        let Some(end) = rest.iter().position(|byte| *byte == b'\n') else {
            return (body, false);
        };
        let size = rest.get(..end).unwrap_or_default();
        let size = size.split(|byte| *byte == b';').next().unwrap_or_default();
        let size = String::from_utf8_lossy(size);
        let Ok(size) = usize::from_str_radix(size.trim(), 16) else {
            return (body, false);
        };
        let after = rest.get(end + 1..).unwrap_or_default();
        if size == 0 {
            // The empty line at the end belongs to it.
            return (body, after.contains(&b'\n'));
        }
        let Some(chunk) = after.get(..size) else {
            body.extend(after);
            return (body, false);
        };
        body.extend(chunk);
        let after = after.get(size..).unwrap_or_default();
        rest = after.strip_prefix(b"\r\n").unwrap_or(after);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn head(text: &[u8]) -> Head {
        match Head::read(text) {
            Heard::Whole(head) => head,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_head_is_a_status_and_fields() {
        let text = b"HTTP/1.1 401 Unauthorized\r\nServer: Microsoft-IIS/10.0\r\nWWW-Authenticate: Negotiate\r\n\
            WWW-Authenticate: NTLM\r\nContent-Length: 3\r\n\r\nabcmore";
        let head = head(text);
        assert_eq!(head.status, 401);
        assert_eq!(head.first("server"), Some("Microsoft-IIS/10.0"));
        let schemes: Vec<&str> = head.all("www-authenticate").collect();
        assert_eq!(schemes, ["Negotiate", "NTLM"]);
        assert_eq!(head.body(text), (b"abc".to_vec(), true));
        assert!(head.is_kept());
    }

    #[test]
    fn lines_may_end_as_a_small_device_ends_them() {
        let text = b"HTTP/1.0 200 OK\nServer: x\n\nbody";
        let head = head(text);
        assert_eq!((head.first("server"), head.is_kept()), (Some("x"), false));
        assert_eq!(head.body(text), (b"body".to_vec(), false));
    }

    #[test]
    fn a_connection_is_kept_or_closed_as_the_head_says() {
        assert!(!head(b"HTTP/1.1 200 OK\r\nConnection: Close\r\n\r\n").is_kept());
        assert!(head(b"HTTP/1.0 200 OK\r\nConnection: keep-alive\r\n\r\n").is_kept());
    }

    #[test]
    fn chunks_are_put_together() {
        let text = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3;x=y\r\nabc\r\n2\r\nde\r\n0\r\n\r\n";
        let head = head(text);
        assert_eq!(head.body(text), (b"abcde".to_vec(), true));
        for length in head.length..text.len() {
            let (body, is_whole) = head.body(&text[..length]);
            assert!(b"abcde".starts_with(&body) && (!is_whole || length > text.len() - 2));
        }
    }

    #[test]
    fn what_is_no_answer_of_http_is_other() {
        assert_eq!(Head::read(b"SSH-2.0-x\r\n\r\n"), Heard::Other);
        assert_eq!(Head::read(b"HTTP/1.1 none\r\n\r\n"), Heard::Other);
        assert_eq!(Head::read(b"HTTP/1"), Heard::Part);
        assert_eq!(Head::read(b""), Heard::Part);
        let endless = [b"HTTP/1.1 200 ".to_vec(), vec![b'x'; LONGEST_HEAD]].concat();
        assert_eq!(Head::read(&endless), Heard::Other);
    }

    proptest! {
        #[test]
        fn no_bytes_make_it_panic(tail in prop::collection::vec(any::<u8>(), 0..200), coding: bool) {
            let mut text = b"HTTP/1.1 200 OK\r\n".to_vec();
            if coding {
                text.extend(b"transfer-encoding: chunked\r\n\r\n");
            }
            text.extend(tail);
            if let Heard::Whole(head) = Head::read(&text) {
                let _ = head.body(&text);
            }
        }
    }
}
