//! As much of HTTP/1.1 (RFC 9112) as a WinRM service speaks.

use std::fmt::Write as _;
use std::io;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};

const HEAD_BYTES: usize = 64 << 10;
const BODY_BYTES: usize = 4 << 20;

/// A request.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Request {
    pub(super) method: String,
    pub(super) path: String,
    headers: Vec<(String, String)>,
    pub(super) body: Vec<u8>,
}

/// A response, before it is sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Response {
    pub(super) status: u16,
    pub(super) headers: Vec<(&'static str, String)>,
    pub(super) body: Vec<u8>,
    /// Whether the connection ends with it.
    pub(super) close: bool,
    /// Whether only half of the body is sent before the connection ends.
    pub(super) half: bool,
    /// What answers.
    pub(super) server: &'static str,
}

impl Request {
    /// A header's value; names count whatever their case.
    pub(super) fn header(&self, name: &str) -> Option<&str> {
        let mut headers = self.headers.iter();
        let found = headers.find(|(known, _)| known.eq_ignore_ascii_case(name));
        found.map(|(_, value)| value.as_str())
    }

    fn parse(head: &str) -> Option<Self> {
        let mut lines = head.split("\r\n");
        let mut words = lines.next()?.split(' ');
        let (method, path) = (words.next()?.to_owned(), words.next()?.to_owned());
        if words.next() != Some("HTTP/1.1") || words.next().is_some() {
            return None;
        }
        let header = |line: &str| {
            let (name, value) = line.split_once(':')?;
            Some((name.to_owned(), value.trim().to_owned()))
        };
        Some(Self {
            method,
            path,
            headers: lines
                .filter(|line| !line.is_empty())
                .map(header)
                .collect::<Option<_>>()?,
            body: Vec::new(),
        })
    }
}

impl Response {
    pub(super) fn status(status: u16) -> Self {
        Self {
            status,
            headers: Vec::new(),
            body: Vec::new(),
            close: false,
            half: false,
            server: "Microsoft-HTTPAPI/2.0",
        }
    }

    /// The last one of a connection.
    pub(super) fn last(status: u16) -> Self {
        Self {
            close: true,
            ..Self::status(status)
        }
    }

    fn head(&self) -> String {
        let reason = match self.status {
            200 => "OK",
            400 => "Bad Request",
            401 => "Unauthorized",
            404 => "Not Found",
            405 => "Method Not Allowed",
            413 => "Content Too Large",
            415 => "Unsupported Media Type",
            503 => "Service Unavailable",
            _ => "",
        };
        let mut head = format!("HTTP/1.1 {} {reason}\r\n", self.status);
        for (name, value) in &self.headers {
            // Writing to a String cannot fail.
            let _ = write!(head, "{name}: {value}\r\n");
        }
        if self.close {
            head.push_str("Connection: close\r\n");
        }
        let length = self.body.len();
        let _ = write!(
            head,
            "Server: {}\r\nContent-Length: {length}\r\n\r\n",
            self.server
        );
        head
    }
}

/// The requests of one connection, one after the other.
pub(super) struct Reader<S> {
    stream: S,
    ahead: Vec<u8>,
}

/// What came.
pub(super) enum Came {
    Request(Request),
    /// Not HTTP, or more than anybody needs: answer with this status and close.
    Bad(u16),
    /// The peer has left.
    Nothing,
}

impl<S: AsyncRead + AsyncWrite + Unpin> Reader<S> {
    pub(super) fn new(stream: S) -> Self {
        let ahead = Vec::new();
        Self { stream, ahead }
    }

    /// Whether the peer has sent something of a next request already.
    pub(super) fn is_ahead(&self) -> bool {
        !self.ahead.is_empty()
    }

    pub(super) async fn next(&mut self) -> io::Result<Came> {
        let end = loop {
            if let Some(end) = find(&self.ahead, b"\r\n\r\n") {
                break end;
            }
            if self.ahead.len() > HEAD_BYTES {
                return Ok(Came::Bad(400));
            }
            if self.more().await? == 0 {
                return Ok(Came::Nothing);
            }
        };
        let rest = self.ahead.split_off(end + 4);
        let head = std::mem::replace(&mut self.ahead, rest);
        let head = String::from_utf8_lossy(&head).into_owned();
        let Some(mut request) = Request::parse(&head) else {
            return Ok(Came::Bad(400));
        };
        if request.header("Expect").is_some() {
            self.stream
                .write_all(b"HTTP/1.1 100 Continue\r\n\r\n")
                .await?;
        }
        if request.header("Transfer-Encoding").is_some() {
            return self.chunked(request).await;
        }
        let length = request
            .header("Content-Length")
            .unwrap_or("0")
            .parse::<usize>();
        let Ok(length @ 0..=BODY_BYTES) = length else {
            return Ok(Came::Bad(413));
        };
        let Some(body) = self.exactly(length).await? else {
            return Ok(Came::Nothing);
        };
        request.body = body;
        Ok(Came::Request(request))
    }

    async fn chunked(&mut self, mut request: Request) -> io::Result<Came> {
        loop {
            let Some(line) = self.line().await? else {
                return Ok(Came::Nothing);
            };
            let size = usize::from_str_radix(line.trim(), 16);
            let Ok(size @ 0..=BODY_BYTES) = size else {
                return Ok(Came::Bad(400));
            };
            let Some(chunk) = self.exactly(size + 2).await? else {
                return Ok(Came::Nothing);
            };
            if size == 0 {
                return Ok(Came::Request(request));
            }
            request.body.extend(chunk.get(..size).unwrap_or_default());
            if request.body.len() > BODY_BYTES {
                return Ok(Came::Bad(413));
            }
        }
    }

    async fn line(&mut self) -> io::Result<Option<String>> {
        loop {
            if let Some(end) = find(&self.ahead, b"\r\n") {
                let rest = self.ahead.split_off(end + 2);
                let line = std::mem::replace(&mut self.ahead, rest);
                return Ok(Some(String::from_utf8_lossy(&line).into_owned()));
            }
            if self.more().await? == 0 || self.ahead.len() > BODY_BYTES {
                return Ok(None);
            }
        }
    }

    async fn exactly(&mut self, length: usize) -> io::Result<Option<Vec<u8>>> {
        while self.ahead.len() < length {
            if self.more().await? == 0 {
                return Ok(None);
            }
        }
        let rest = self.ahead.split_off(length);
        Ok(Some(std::mem::replace(&mut self.ahead, rest)))
    }

    async fn more(&mut self) -> io::Result<usize> {
        let mut buffer = vec![0; 16 << 10];
        let read = self.stream.read(&mut buffer).await?;
        self.ahead.extend(buffer.get(..read).unwrap_or_default());
        Ok(read)
    }

    /// Sends a response; whether the connection goes on.
    pub(super) async fn send(&mut self, response: Response) -> io::Result<bool> {
        let mut bytes = response.head().into_bytes();
        let half = response.body.len() / 2;
        if response.half {
            bytes.extend(response.body.get(..half).unwrap_or_default());
        } else {
            bytes.extend(&response.body);
        }
        self.stream.write_all(&bytes).await?;
        self.stream.flush().await?;
        let goes_on = !response.close && !response.half;
        if !goes_on {
            self.stream.shutdown().await?;
        }
        Ok(goes_on)
    }
}

fn find(hay: &[u8], needle: &[u8]) -> Option<usize> {
    hay.windows(needle.len())
        .position(|window| window == needle)
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn read(bytes: &[u8]) -> (Came, bool) {
        let (mut client, server) = tokio::io::duplex(1 << 20);
        client.write_all(bytes).await.unwrap();
        client.shutdown().await.unwrap();
        let mut reader = Reader::new(server);
        let came = reader.next().await.unwrap();
        (came, reader.is_ahead())
    }

    #[tokio::test]
    async fn a_request_comes_with_its_length_or_in_chunks() {
        let texts = [
            "POST /wsman HTTP/1.1\r\nhost: a\r\nContent-Length: 4\r\n\r\nbody",
            "POST /wsman HTTP/1.1\r\nhost: a\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nbo\r\n2\r\ndy\r\n0\r\n\r\n",
        ];
        for text in texts {
            let (Came::Request(request), ahead) = read(text.as_bytes()).await else {
                panic!("no request");
            };
            assert_eq!(
                (&request.body[..], request.header("HOST")),
                (&b"body"[..], Some("a"))
            );
            assert!(!ahead);
        }
    }

    #[tokio::test]
    async fn what_is_no_http_or_too_large_is_refused() {
        let bad = [
            "SSH-2.0-x\r\n\r\n",
            "POST / HTTP/1.1\r\nContent-Length: 99999999\r\n\r\n",
        ];
        for text in bad {
            assert!(
                matches!(read(text.as_bytes()).await.0, Came::Bad(_)),
                "{text}"
            );
        }
        let cut = "POST / HTTP/1.1\r\nContent-Length: 9\r\n\r\nhalf";
        assert!(matches!(read(cut.as_bytes()).await.0, Came::Nothing));
    }
}
