//! A connection that is counted, can be slowed down, and ends when the lab ends.
//!
//! The SSH library runs each connection in a task of its own. That task ends when its stream does,
//! so the stream is where a stop takes effect.

use super::seen::Note;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::time::{Instant, Sleep};
use tokio_util::sync::{CancellationToken, WaitForCancellationFutureOwned};

/// The server's end of a connection.
#[derive(Debug)]
pub(super) struct Wire {
    stream: TcpStream,
    note: Note,
    stopped: Pin<Box<WaitForCancellationFutureOwned>>,
    pace: Option<Pace>,
}

/// One byte, then a pause.
#[derive(Debug)]
struct Pace {
    pause: Duration,
    next: Pin<Box<Sleep>>,
}

impl Wire {
    pub(super) fn new(stream: TcpStream, note: Note, stop: CancellationToken) -> Self {
        Self {
            stream,
            note,
            stopped: Box::pin(stop.cancelled_owned()),
            pace: None,
        }
    }

    /// From now on writes one byte at a time, with a pause after each.
    pub(super) fn trickle(mut self, pause: Duration) -> Self {
        let next = Box::pin(tokio::time::sleep(Duration::ZERO));
        self.pace = Some(Pace { pause, next });
        self
    }

    fn stopped(&mut self, context: &mut Context<'_>) -> bool {
        self.stopped.as_mut().poll(context).is_ready()
    }
}

impl Drop for Wire {
    fn drop(&mut self) {
        self.note.closed();
    }
}

impl AsyncRead for Wire {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        into: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if self.stopped(context) {
            return Poll::Ready(Ok(()));
        }
        let before = into.filled().len();
        ready!(Pin::new(&mut self.stream).poll_read(context, into))?;
        self.note.received(into.filled().len() - before);
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Wire {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        if self.stopped(context) {
            return Poll::Ready(Err(io::ErrorKind::BrokenPipe.into()));
        }
        let mut now = bytes;
        if let Some(pace) = &mut self.pace {
            ready!(pace.next.as_mut().poll(context));
            pace.next.as_mut().reset(Instant::now() + pace.pause);
            now = bytes.get(..1).unwrap_or(bytes);
        }
        let written = ready!(Pin::new(&mut self.stream).poll_write(context, now))?;
        self.note.sent(written);
        Poll::Ready(Ok(written))
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}
