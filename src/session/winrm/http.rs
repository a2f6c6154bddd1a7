//! HTTP/1.1 (RFC 9112) over one connection: no pool, no redirects, no proxy, one request after the
//! other, nothing ever sent twice.

use super::offers::Offers;
use super::{MOST_BODY, PATH};
use crate::session::LoginError;
use crate::session::base64;
use crate::traffic::Share;
use http_body_util::{BodyExt as _, Full, Limited};
use hyper::body::{Bytes, Incoming};
use hyper::client::conn::http1::{self, SendRequest};
use hyper::header::{
    AUTHORIZATION, CONNECTION, CONTENT_LENGTH, CONTENT_TYPE, HOST, HeaderValue, USER_AGENT,
    WWW_AUTHENTICATE,
};
use hyper::{Method, Request, Response};
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::task::JoinSet;
use tokio::time::Instant;

/// An open connection.
pub(super) struct Link {
    sender: SendRequest<Full<Bytes>>,
    /// Reads and writes for us; stops when the connection is dropped.
    _driver: JoinSet<()>,
    authority: String,
    /// The host's clock.
    share: Share,
    broken: bool,
}

/// One request.
#[derive(Default)]
pub(super) struct Post<'a> {
    pub(super) authorization: Option<HeaderValue>,
    pub(super) content_type: Option<&'a str>,
    pub(super) body: Vec<u8>,
}

/// One answer.
#[derive(Debug, Default)]
pub(super) struct Answer {
    pub(super) status: u16,
    pub(super) offers: Offers,
    pub(super) content_type: String,
    pub(super) body: Vec<u8>,
    /// Whether the host hangs up after it.
    pub(super) closes: bool,
}

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub(super) enum HttpError {
    #[error("the host did not answer in time")]
    TimedOut,
    #[error("{0}")]
    Closed(String),
    #[error("the answer is too long")]
    TooLong,
}

impl HttpError {
    /// The same, during a logon.
    pub(super) fn during_logon(self, secret_sent: bool) -> LoginError {
        match self {
            Self::TimedOut => LoginError::TimedOut { secret_sent },
            Self::Closed(why) => LoginError::Lost {
                why,
                said: String::new(),
                secret_sent,
            },
            Self::TooLong => LoginError::Lost {
                why: "the answer is longer than 2 MiB".to_owned(),
                said: String::new(),
                secret_sent,
            },
        }
    }
}

/// Headers of an answer that we are ready to read, in all.
const MOST_HEAD: usize = 128 << 10;
const MOST_HEADERS: usize = 64;
const OURS: &str = concat!("underdesk/", env!("CARGO_PKG_VERSION"));

impl Link {
    /// Takes over a connection.
    pub(super) async fn open<S>(
        stream: S,
        authority: String,
        share: Share,
    ) -> Result<Self, hyper::Error>
    where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let (sender, connection) = http1::Builder::new()
            .max_buf_size(MOST_HEAD)
            .max_headers(MOST_HEADERS)
            .handshake(TokioIo::new(stream))
            .await?;
        let mut driver = JoinSet::new();
        driver.spawn(async move {
            // Whoever waits for an answer hears of the error.
            let _ = connection.await;
        });
        Ok(Self {
            sender,
            _driver: driver,
            authority,
            share,
            broken: false,
        })
    }

    /// The host's time.
    pub(super) fn now(&self) -> Instant {
        self.share.now()
    }

    /// Whether the host has hung up.
    pub(super) fn is_closed(&self) -> bool {
        self.broken || self.sender.is_closed()
    }

    /// Sends a request, once, and waits for the whole answer.
    pub(super) async fn post(
        &mut self,
        post: Post<'_>,
        until: Instant,
    ) -> Result<Answer, HttpError> {
        if self.broken {
            return Err(HttpError::Closed(
                "the connection had broken before".to_owned(),
            ));
        }
        // A time-out that has passed already would still let the request out.
        if self.now() >= until {
            return Err(HttpError::TimedOut);
        }
        let share = self.share.clone();
        let exchange = self.exchange(post);
        let result = match share.timeout_at(until, exchange).await {
            Ok(result) => result,
            Err(_) => Err(HttpError::TimedOut),
        };
        // What comes after a failure could be the answer to this request still.
        self.broken |= result.as_ref().map_or(true, |answer| answer.closes);
        result
    }

    async fn exchange(&mut self, post: Post<'_>) -> Result<Answer, HttpError> {
        let request = self.request(post)?;
        let closed = |error: hyper::Error| HttpError::Closed(words(&error));
        self.sender.ready().await.map_err(closed)?;
        let response = self.sender.send_request(request).await.map_err(closed)?;
        read(response).await
    }

    fn request(&self, post: Post<'_>) -> Result<Request<Full<Bytes>>, HttpError> {
        let mut request = Request::builder()
            .method(Method::POST)
            .uri(PATH)
            .header(HOST, &self.authority)
            .header(CONNECTION, "Keep-Alive")
            .header(USER_AGENT, OURS)
            // HTTP.sys takes no POST without, not even an empty one.
            .header(CONTENT_LENGTH, post.body.len());
        if let Some(kind) = post.content_type {
            request = request.header(CONTENT_TYPE, kind);
        }
        if let Some(authorization) = post.authorization {
            request = request.header(AUTHORIZATION, authorization);
        }
        let request = request.body(Full::new(Bytes::from(post.body)));
        request.map_err(|error| HttpError::Closed(error.to_string()))
    }
}

/// `Authorization: scheme token`, which no log shows.
pub(super) fn authorization(scheme: &str, token: &[u8]) -> Result<HeaderValue, LoginError> {
    let value = format!("{scheme} {}", base64::encode_padded(token));
    let value = HeaderValue::try_from(value).map_err(|_| LoginError::Lost {
        why: "the token does not fit a header".to_owned(),
        said: String::new(),
        secret_sent: false,
    });
    let mut value = value?;
    value.set_sensitive(true);
    Ok(value)
}

async fn read(response: Response<Incoming>) -> Result<Answer, HttpError> {
    let (head, body) = response.into_parts();
    let values = head.headers.get_all(WWW_AUTHENTICATE).iter();
    let offers = Offers::parse(values.filter_map(|value| value.to_str().ok()));
    let content_type = head.headers.get(CONTENT_TYPE);
    let content_type = content_type.and_then(|value| value.to_str().ok());
    let content_type = content_type.unwrap_or_default().chars().take(200).collect();
    let closes = head.headers.get_all(CONNECTION).iter();
    let closes = closes.filter_map(|value| value.to_str().ok());
    let closes = closes
        .flat_map(|value| value.split(','))
        .any(|word| word.trim().eq_ignore_ascii_case("close"));
    let body = match Limited::new(body, MOST_BODY).collect().await {
        Ok(body) => body.to_bytes().to_vec(),
        Err(error) => return Err(why_unread(&*error)),
    };
    Ok(Answer {
        status: head.status.as_u16(),
        offers,
        content_type,
        body,
        closes,
    })
}

fn why_unread(error: &(dyn std::error::Error + 'static)) -> HttpError {
    if error.is::<http_body_util::LengthLimitError>() {
        return HttpError::TooLong;
    }
    let inner = error.downcast_ref::<hyper::Error>();
    HttpError::Closed(inner.map_or_else(|| error.to_string(), words))
}

fn words(error: &hyper::Error) -> String {
    use std::error::Error as _;
    match error.source() {
        Some(source) => format!("{error}: {source}"),
        None => error.to_string(),
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::session::Limits;
    use std::time::Duration;
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

    /// A connection to a host that gives each request the next of these answers, then hangs up, and
    /// at the end tells what it heard.
    pub(in crate::session::winrm) async fn scripted(
        answers: Vec<Vec<u8>>,
    ) -> (Link, JoinSet<Vec<String>>) {
        let (ours, mut theirs) = tokio::io::duplex(1 << 20);
        let mut told = JoinSet::new();
        told.spawn(async move {
            let mut heard = Vec::new();
            for answer in answers {
                let mut buffer = vec![0; 1 << 16];
                let count = theirs.read(&mut buffer).await.unwrap_or(0);
                let text = String::from_utf8_lossy(&buffer[..count]);
                heard.push(text.into_owned());
                let _ = theirs.write_all(&answer).await;
            }
            heard
        });
        let link = Link::open(ours, "web1:5985".to_owned(), Share::default())
            .await
            .unwrap();
        (link, told)
    }

    pub(in crate::session::winrm) fn answer(head: &str, body: &str) -> Vec<u8> {
        let length = body.len();
        format!("HTTP/1.1 {head}\r\nContent-Length: {length}\r\n\r\n{body}").into_bytes()
    }

    fn soon() -> Instant {
        Limits::default().within(Duration::from_millis(300))
    }

    #[tokio::test]
    async fn an_empty_post_says_that_it_is_empty() {
        let (mut link, mut told) = scripted(vec![answer("200 OK", "")]).await;
        link.post(Post::default(), soon()).await.unwrap();
        let heard = told
            .join_next()
            .await
            .unwrap()
            .unwrap()
            .concat()
            .to_lowercase();
        assert!(heard.starts_with("post /wsman http/1.1\r\n"), "{heard}");
        assert!(heard.contains("content-length: 0\r\n"), "{heard}");
        assert!(heard.contains("host: web1:5985\r\n"), "{heard}");
        assert!(heard.contains("connection: keep-alive\r\n"), "{heard}");
    }

    #[tokio::test]
    async fn offers_are_read_and_a_farewell_closes_the_connection() {
        let head = "401 \r\nWWW-Authenticate: Negotiate\r\nWWW-Authenticate: Kerberos\r\nConnection: close";
        let (mut link, _told) = scripted(vec![answer(head, "")]).await;
        let read = link.post(Post::default(), soon()).await.unwrap();
        assert_eq!(read.status, 401);
        assert_eq!(read.offers.schemes, ["Negotiate", "Kerberos"]);
        assert!(link.is_closed());
    }

    #[tokio::test]
    async fn more_than_two_mebibytes_are_not_taken() {
        let long = "x".repeat(MOST_BODY + 1);
        let (mut link, _told) = scripted(vec![answer("200 OK", &long)]).await;
        let until = Limits::default().deadline;
        let error = link.post(Post::default(), until).await.unwrap_err();
        assert!(matches!(error, HttpError::TooLong));
        assert!(link.is_closed());
    }

    #[tokio::test]
    async fn silence_ends_in_time_and_nothing_is_sent_after_it() {
        let (ours, _theirs) = tokio::io::duplex(1 << 16);
        let mut link = Link::open(ours, "web1:5985".to_owned(), Share::default())
            .await
            .unwrap();
        let error = link.post(Post::default(), soon()).await.unwrap_err();
        assert!(matches!(error, HttpError::TimedOut));
        let error = link.post(Post::default(), soon()).await.unwrap_err();
        assert!(matches!(error, HttpError::Closed(_)));
    }

    #[tokio::test]
    async fn nothing_is_sent_after_its_time() {
        let (mut link, mut told) = scripted(vec![answer("200 OK", "")]).await;
        let error = link
            .post(Post::default(), Instant::now())
            .await
            .unwrap_err();
        assert!(matches!(error, HttpError::TimedOut));
        drop(link);
        let heard = told.join_next().await.unwrap().unwrap();
        assert_eq!(heard.concat(), "");
    }

    #[tokio::test]
    async fn a_cut_answer_and_endless_headers_are_errors() {
        let cut = b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf".to_vec();
        let endless = format!("HTTP/1.1 200 OK\r\nX: {}\r\n", "y".repeat(MOST_HEAD));
        let many = format!("HTTP/1.1 200 OK\r\n{}\r\n", "X: y\r\n".repeat(1000));
        for bad in [
            cut,
            endless.into_bytes(),
            many.into_bytes(),
            b"SSH-2.0-x\r\n".to_vec(),
        ] {
            let (mut link, _told) = scripted(vec![bad]).await;
            let until = Limits::default().deadline;
            let error = link.post(Post::default(), until).await.unwrap_err();
            assert!(matches!(error, HttpError::Closed(_)), "{error}");
        }
    }
}
