//! The stream under SSH, with what russh does not offer: bytes that were read before it came,
//! and an end that we decide.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio_util::sync::{CancellationToken, WaitForCancellationFutureOwned};

/// What SSH runs over: TCP, or a channel of another connection.
pub(super) trait Duplex: AsyncRead + AsyncWrite + Unpin + Send {}

impl<T: AsyncRead + AsyncWrite + Unpin + Send> Duplex for T {}

/// A stream that can be cut.
///
/// russh serves a connection in a task of its own, which a peer can keep waiting for ever (say, in
/// the middle of a key exchange). Cutting the wire ends that task wherever it stands.
pub(super) struct Wire {
    stream: Box<dyn Duplex>,
    /// What was read before: given out first.
    before: io::Cursor<Vec<u8>>,
    cut: CancellationToken,
    is_cut: Pin<Box<WaitForCancellationFutureOwned>>,
    received: Arc<AtomicU64>,
}

impl Wire {
    pub(super) fn new(stream: Box<dyn Duplex>, before: Vec<u8>, cut: CancellationToken) -> Self {
        Self {
            stream,
            before: io::Cursor::new(before),
            is_cut: Box::pin(cut.clone().cancelled_owned()),
            cut,
            received: Arc::default(),
        }
    }

    /// How many bytes have come so far.
    pub(super) fn received(&self) -> Arc<AtomicU64> {
        Arc::clone(&self.received)
    }

    /// Whether the wire is cut; if not, the task is woken when it is.
    fn poll_cut(&mut self, cx: &mut Context<'_>) -> io::Result<()> {
        if self.cut.is_cancelled() || self.is_cut.as_mut().poll(cx).is_ready() {
            return Err(io::ErrorKind::ConnectionAborted.into());
        }
        Ok(())
    }
}

impl AsyncRead for Wire {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        self.poll_cut(cx)?;
        let wire = &mut *self;
        let before = buffer.filled().len();
        let from_before = Pin::new(&mut wire.before).poll_read(cx, buffer);
        if buffer.filled().len() > before {
            return from_before;
        }
        let read = Pin::new(&mut wire.stream).poll_read(cx, buffer);
        let count = buffer.filled().len().saturating_sub(before);
        let count = u64::try_from(count).unwrap_or(0);
        wire.received.fetch_add(count, Ordering::Relaxed);
        read
    }
}

impl AsyncWrite for Wire {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.poll_cut(cx)?;
        Pin::new(&mut self.stream).poll_write(cx, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}
