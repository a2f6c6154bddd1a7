//! A web site on IIS that wants a Windows account, and lets nobody in: what is left of a server that
//! everybody has forgotten.

use super::host::Host;
use super::http::{Came, Reader, Request, Response};
use super::ntlm::Challenge;
use crate::session::base64;
use std::io;
use tokio::io::{AsyncRead, AsyncWrite};

/// Its page, in our own words.
const PAGE: &str = "<!DOCTYPE html>\n<html><head><title>401 - Larkspur intranet</title></head>\
    <body><p>Sign in with your account of the domain.</p></body></html>\n";

impl Host {
    /// Serves one connection to its end.
    pub(in crate::lab) async fn serve_web<S>(&self, stream: S, tls: bool) -> io::Result<()>
    where
        S: AsyncRead + AsyncWrite + Unpin + Send,
    {
        if !tls {
            return self.refuse_all(stream).await;
        }
        let stream = self.https.acceptor.accept(stream).await?;
        self.refuse_all(stream).await
    }

    async fn refuse_all<S>(&self, stream: S) -> io::Result<()>
    where
        S: AsyncRead + AsyncWrite + Unpin + Send,
    {
        let mut reader = Reader::new(stream);
        loop {
            let response = match reader.next().await? {
                Came::Request(request) => self.refusal(&request),
                Came::Bad(status) => Response::last(status),
                Came::Nothing => return Ok(()),
            };
            if !reader.send(response).await? {
                return Ok(());
            }
        }
    }

    /// What IIS says to whoever has not signed in: which ways there are, or the next step of one.
    fn refusal(&self, request: &Request) -> Response {
        let name = |value: &str| ("WWW-Authenticate", value.to_owned());
        let step = request
            .header("Authorization")
            .and_then(|value| self.step(value));
        let headers = match step {
            Some(step) => vec![name(&step)],
            None => vec![name("Negotiate"), name("NTLM")],
        };
        Response {
            headers,
            body: PAGE.as_bytes().to_vec(),
            server: server(self.names.version),
            ..Response::status(401)
        }
    }

    /// The challenge, to whoever begins NTLM.
    fn step(&self, authorization: &str) -> Option<String> {
        let (scheme, token) = authorization.split_once(' ')?;
        let token = base64::decode(token)?;
        let challenge = Challenge::answer(&token, rand::random(), &self.names)?;
        let token = base64::encode_padded(challenge.message());
        Some(format!("{scheme} {token}"))
    }
}

/// The IIS that comes with a Windows.
fn server(version: (u8, u8, u16)) -> &'static str {
    match version {
        (6, 0, _) => "Microsoft-IIS/7.0",
        (6, 1, _) => "Microsoft-IIS/7.5",
        (6, 2, _) => "Microsoft-IIS/8.0",
        (6, 3, _) => "Microsoft-IIS/8.5",
        _ => "Microsoft-IIS/10.0",
    }
}
