//! One connection to a WinRM service, request by request, as HTTP.sys and WinRM answer.

use super::config::Fault;
use super::frame::{self, FrameError};
use super::gate::{Gate, Verdict};
use super::host::Host;
use super::http::{Came, Reader, Request, Response};
use super::reply;
use super::wsman::{Caller, Manners};
use crate::lab::seen::{Cover, Note};
use std::io;
use tokio::io::{AsyncRead, AsyncWrite};

const SOAP_TYPE: &str = "application/soap+xml;charset=UTF-8";

/// A connection.
struct Conversation<'a> {
    host: &'a Host,
    note: &'a Note,
    /// Over TLS: what a logon has to be bound to.
    certificate: Option<[u8; 16]>,
    gate: Gate,
    manners: Manners,
    requests: u32,
}

impl Host {
    /// Serves one connection to its end.
    pub(in crate::lab) async fn serve<S>(&self, stream: S, note: &Note, tls: bool) -> io::Result<()>
    where
        S: AsyncRead + AsyncWrite + Unpin + Send,
    {
        if self.has(&Fault::Blackhole) {
            return swallow(stream).await;
        }
        if !tls {
            return self.converse(stream, note, (None, None)).await;
        }
        let stream = self.https.acceptor.accept(stream).await?;
        let shown = stream.get_ref().1.peer_certificates();
        let client = shown.and_then(|shown| client_name(shown.first()?));
        self.converse(stream, note, (Some(self.https.binding), client))
            .await
    }

    async fn converse<S>(
        &self,
        stream: S,
        note: &Note,
        (certificate, client): (Option<[u8; 16]>, Option<String>),
    ) -> io::Result<()>
    where
        S: AsyncRead + AsyncWrite + Unpin + Send,
    {
        let mut reader = Reader::new(stream);
        let mut conversation = Conversation {
            host: self,
            note,
            certificate,
            gate: Gate::new(client),
            manners: Manners::default(),
            requests: 0,
        };
        loop {
            let request = match reader.next().await? {
                Came::Request(request) => request,
                Came::Bad(status) => {
                    note.violation(&format!("a request that HTTP answers with {status}"));
                    reader.send(Response::last(status)).await?;
                    return Ok(());
                }
                Came::Nothing => return Ok(()),
            };
            if reader.is_ahead() {
                note.violation("a request before the answer to the one before it");
            }
            let Some(response) = conversation.answer(request).await else {
                return Ok(());
            };
            tokio::time::sleep(self.delay).await;
            if !reader.send(response).await? {
                return Ok(());
            }
        }
    }
}

/// Whom a client's certificate names.
fn client_name(certificate: &[u8]) -> Option<String> {
    let (_, certificate) = x509_parser::parse_x509_certificate(certificate).ok()?;
    let mut names = certificate.subject().iter_common_name();
    Some(names.next()?.as_str().ok()?.to_owned())
}

async fn swallow<S: AsyncRead + Unpin>(mut stream: S) -> io::Result<()> {
    tokio::io::copy(&mut stream, &mut tokio::io::sink()).await?;
    Ok(())
}

impl Conversation<'_> {
    /// The response; `None` closes without a word.
    async fn answer(&mut self, request: Request) -> Option<Response> {
        self.requests += 1;
        let dropped = self.host.config.value(|fault| match fault {
            Fault::DropAfterRequests(count) => Some(*count),
            _ => None,
        });
        if dropped.is_some_and(|count| self.requests >= count) {
            return None;
        }
        if self.host.has(&Fault::Http503) {
            return Some(Response::last(503));
        }
        if !request.path.to_ascii_lowercase().starts_with("/wsman") {
            self.note.violation(&format!("the path {}", request.path));
            return Some(Response::status(404));
        }
        if request.method != "POST" {
            return Some(Response::status(405));
        }
        let authorization = request.header("Authorization");
        if request.header("WSMANIDENTIFY").is_some() && authorization.is_none() {
            self.note.request("Identify", self.cover(false));
            return Some(soap(200, reply::identity(None)));
        }
        let mut headers = Vec::new();
        if let Some(header) = authorization {
            match self
                .gate
                .hear(self.host, self.note, self.certificate, header)
            {
                Verdict::Continues(token) => return Some(self.refusal(Some(token), false)),
                Verdict::Refused => return Some(self.refusal(None, false)),
                Verdict::In(_) if self.host.has(&Fault::ResetAfterAuth) => return None,
                Verdict::In(token) => {
                    headers.extend(token.map(|token| ("WWW-Authenticate", token)));
                }
            }
        }
        if self.gate.user.is_none() {
            if !request.body.is_empty() && self.certificate.is_none() {
                self.note.request("?", Cover::Plain);
            }
            return Some(self.refusal(None, true));
        }
        let mut response = if request.body.is_empty() {
            Response::status(200)
        } else {
            self.message(&request).await
        };
        response.headers.extend(headers);
        Some(response)
    }

    /// 401: the next token, or what is offered.
    fn refusal(&self, token: Option<String>, last: bool) -> Response {
        let headers = match token {
            Some(token) => vec![("WWW-Authenticate", token)],
            None => self.host.offers().collect(),
        };
        Response {
            headers,
            close: last,
            ..Response::status(401)
        }
    }

    async fn message(&mut self, request: &Request) -> Response {
        let media_type = request.header("Content-Type").unwrap_or_default();
        let sealed = media_type
            .to_ascii_lowercase()
            .starts_with("multipart/encrypted");
        let plain = match self.open(media_type, &request.body, sealed) {
            Ok(plain) => plain,
            Err(response) => return response,
        };
        let caller = Caller {
            note: self.note,
            user: self.gate.user.as_deref().unwrap_or_default(),
            cover: self.cover(sealed),
        };
        let handled = self.host.handle(&caller, &mut self.manners, &plain).await;
        let mut body = handled.body;
        if handled.is_poll && self.host.has(&Fault::GarbageXml) {
            body.truncate(body.len() / 2);
        }
        let mut response = soap(handled.status, body);
        if let (true, Some(session)) = (sealed, &mut self.gate.session) {
            response.body = frame::seal(response.body, session);
            response.headers = vec![("Content-Type", frame::SEALED.to_owned())];
        }
        response.half = handled.is_poll && self.host.has(&Fault::DropMidbody);
        response
    }

    /// The envelope, or what refuses it.
    fn open(&mut self, media_type: &str, body: &[u8], sealed: bool) -> Result<Vec<u8>, Response> {
        if !sealed {
            let clear = self.certificate.is_none();
            if clear {
                self.note.violation("a message in the clear");
            }
            if clear && !self.host.has(&Fault::Unencrypted) {
                self.note.request("?", Cover::Plain);
                return Err(Response::status(500));
            }
            if !media_type
                .to_ascii_lowercase()
                .starts_with("application/soap+xml")
            {
                self.note.violation(&format!("the media type {media_type}"));
                return Err(Response::status(415));
            }
            return Ok(body.to_vec());
        }
        let session = self
            .gate
            .session
            .as_mut()
            .ok_or_else(|| Response::last(400))?;
        frame::open(media_type, body, session).map_err(|error| {
            self.note
                .violation(&format!("a sealed message that is not good: {error:?}"));
            match error {
                FrameError::Protocol => Response::status(415),
                FrameError::Framing | FrameError::Signature => Response::last(400),
            }
        })
    }

    fn cover(&self, sealed: bool) -> Cover {
        match (sealed, self.certificate) {
            (true, _) => Cover::Sealed,
            (false, Some(_)) => Cover::Tls,
            (false, None) => Cover::Plain,
        }
    }
}

fn soap(status: u16, body: Vec<u8>) -> Response {
    Response {
        headers: vec![("Content-Type", SOAP_TYPE.to_owned())],
        body,
        ..Response::status(status)
    }
}
