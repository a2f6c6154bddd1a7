//! Going on from a host that we are logged in to (`direct-tcpip`, RFC 4254 section 7.2).
//!
//! The host sees where we go and nothing else: whoever answers there is met, judged and spoken to through
//! it as through any network that is not ours.

use super::handshake::Link;
use super::wire::Duplex;
use crate::session::{Limits, MeetError, Place};
use russh::ChannelOpenFailure;
use std::fmt;
use std::io::{self, ErrorKind};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// How many connections go through one host at once. Some servers count them as sessions, of which OpenSSH
/// allows ten (`MaxSessions`).
const LANES: usize = 8;

/// A host that we are logged in to for nothing but connections to others: one login, many connections.
pub struct Bastion {
    link: Link,
    lanes: Arc<Semaphore>,
}

impl Bastion {
    pub(super) fn new(link: Link) -> Self {
        Self {
            link,
            lanes: Arc::new(Semaphore::new(LANES)),
        }
    }

    /// Whether its connection has ended.
    pub fn is_closed(&self) -> bool {
        self.link.handle.is_closed()
    }

    /// Waits for a place among the connections that go through it.
    pub async fn lane(self: &Arc<Self>) -> Lane {
        let permit = Arc::clone(&self.lanes).acquire_owned().await;
        Lane {
            bastion: Arc::clone(self),
            // Nobody closes the semaphore.
            _permit: permit.ok().map(Arc::new),
        }
    }
}

impl fmt::Debug for Bastion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Bastion")
    }
}

/// A place among the connections that go through a bastion, for one at a time.
#[derive(Clone, Debug)]
pub struct Lane {
    bastion: Arc<Bastion>,
    _permit: Option<Arc<OwnedSemaphorePermit>>,
}

impl Lane {
    /// Has the bastion connect to a place; by the operator's name where only the bastion can look it up.
    pub(super) async fn connect(
        &self,
        place: &Place<'_>,
        limits: &Limits,
    ) -> Result<Box<dyn Duplex>, MeetError> {
        let host = match place.name {
            Some(name) if place.address.is_unspecified() => name.to_owned(),
            _ => place.address.to_string(),
        };
        let until = limits.within(limits.connect);
        let handle = &self.bastion.link.handle;
        let port = u32::from(place.port);
        // Where we come from is nobody's business.
        let opening = handle.channel_open_direct_tcpip(host, port, "127.0.0.1", 0);
        let channel = match limits.timeout_at(until, opening).await {
            Ok(Ok(channel)) => channel,
            Ok(Err(error)) => return Err(why_not_on(&error)),
            Err(_) => return Err(MeetError::Filtered(ErrorKind::TimedOut.into())),
        };
        Ok(Box::new(Through {
            stream: channel.into_stream(),
            _lane: self.clone(),
        }))
    }
}

fn why_not_on(error: &russh::Error) -> MeetError {
    let why = match error {
        russh::Error::ChannelOpenFailure(ChannelOpenFailure::ConnectFailed) => {
            let why = io::Error::other("nobody answers the jump host there");
            return MeetError::Filtered(why);
        }
        russh::Error::ChannelOpenFailure(ChannelOpenFailure::AdministrativelyProhibited) => {
            "it forbids it (AllowTcpForwarding, PermitOpen)"
        }
        russh::Error::ChannelOpenFailure(ChannelOpenFailure::ResourceShortage) => {
            "it has no room for another connection"
        }
        russh::Error::ChannelOpenFailure(_) => "it refuses",
        _ => "the connection to it broke",
    };
    MeetError::NoWayOn(why.to_owned())
}

/// A connection through a bastion. It holds its lane, and the bastion, until it ends.
struct Through<S> {
    stream: S,
    _lane: Lane,
}

impl<S: AsyncRead + Unpin> AsyncRead for Through<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(cx, buffer)
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Through<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(cx, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}
