//! A stream that is held to a share of the bandwidth.

use super::Share;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Instant, Sleep, sleep_until};

/// A stream whose bytes are taken out of the bucket: before they are written, and after they were read.
#[derive(Debug)]
pub struct Metered<S> {
    stream: S,
    share: Share,
    is_v6: bool,
    reads: Gate,
    writes: Gate,
    /// How many bytes may be written by what the bucket has given.
    granted: usize,
}

/// Where one direction waits.
#[derive(Debug, Default)]
enum Gate {
    #[default]
    Open,
    /// Nobody has wanted to pass since.
    Closed(Instant),
    Waiting(Pin<Box<Sleep>>),
}

impl Gate {
    fn close_until(&mut self, at: Option<Instant>) {
        *self = at.map_or(Self::Open, Self::Closed);
    }

    fn poll_open(&mut self, cx: &mut Context<'_>, share: &Share) -> Poll<()> {
        if let Self::Closed(at) = *self {
            share.waits(at);
            *self = Self::Waiting(Box::pin(sleep_until(at)));
        }
        if let Self::Waiting(sleep) = self {
            ready!(sleep.as_mut().poll(cx));
            *self = Self::Open;
        }
        Poll::Ready(())
    }
}

impl<S> Metered<S> {
    pub(super) fn new(stream: S, share: Share, is_v6: bool) -> Self {
        Self {
            stream,
            share,
            is_v6,
            reads: Gate::default(),
            writes: Gate::default(),
            granted: 0,
        }
    }

    /// The stream itself.
    pub fn get_ref(&self) -> &S {
        &self.stream
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Metered<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = &mut *self;
        if !this.share.traffic().is_limited() {
            return Pin::new(&mut this.stream).poll_read(cx, buffer);
        }
        ready!(this.reads.poll_open(cx, &this.share));
        let room = buffer.remaining().min(this.share.traffic().piece());
        let mut piece = ReadBuf::new(buffer.initialize_unfilled_to(room));
        ready!(Pin::new(&mut this.stream).poll_read(cx, &mut piece))?;
        let count = piece.filled().len();
        buffer.advance(count);
        if count > 0 {
            let cost = Share::cost(this.is_v6, count);
            let at = this.share.traffic().take(cost);
            this.reads.close_until(at);
        }
        Poll::Ready(Ok(()))
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Metered<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let this = &mut *self;
        if !this.share.traffic().is_limited() || bytes.is_empty() {
            return Pin::new(&mut this.stream).poll_write(cx, bytes);
        }
        if this.granted == 0 {
            this.granted = bytes.len().min(this.share.traffic().piece());
            let cost = Share::cost(this.is_v6, this.granted);
            let at = this.share.traffic().take(cost);
            this.writes.close_until(at);
        }
        ready!(this.writes.poll_open(cx, &this.share));
        let piece = bytes.get(..this.granted).unwrap_or(bytes);
        let count = ready!(Pin::new(&mut this.stream).poll_write(cx, piece))?;
        this.granted = this.granted.saturating_sub(count);
        Poll::Ready(Ok(count))
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}

#[cfg(test)]
mod tests {
    use super::super::Traffic;
    use super::*;
    use std::num::NonZeroU64;
    use std::time::Duration;
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, duplex};
    use tokio::task::JoinSet;

    /// 100 kB a second.
    fn limited() -> Traffic {
        Traffic::limited(NonZeroU64::new(800_000))
    }

    /// How long it takes, by the clock of the test, until hosts have said and heard so much each.
    async fn talk(hosts: usize, bytes: usize, traffic: &Traffic) -> Duration {
        let began = Instant::now();
        let mut tasks = JoinSet::new();
        for _ in 0..hosts {
            let (ours, theirs) = duplex(1 << 20);
            tasks.spawn(async move {
                let (mut read, mut write) = tokio::io::split(theirs);
                let mut heard = vec![0; bytes];
                let said = vec![7; bytes];
                let (heard, said) =
                    tokio::join!(read.read_exact(&mut heard), write.write_all(&said));
                heard.unwrap();
                said.unwrap();
            });
            let mut ours = traffic.share().meter(ours, false);
            tasks.spawn(async move {
                ours.write_all(&vec![9; bytes]).await.unwrap();
                let mut heard = vec![0; bytes];
                ours.read_exact(&mut heard).await.unwrap();
                assert!(heard.iter().all(|byte| *byte == 7));
            });
        }
        tasks.join_all().await;
        began.elapsed()
    }

    #[tokio::test(start_paused = true)]
    async fn many_hosts_together_keep_to_one_bandwidth_in_both_directions() {
        let traffic = limited();
        let took = talk(8, 100_000, &traffic).await;
        let wanted = traffic.counted() * 8;
        let rate = f64::from(u32::try_from(wanted).unwrap()) / took.as_secs_f64();
        assert!(traffic.counted() > 8 * 200_000);
        // The last piece that each has read is not paid for before the end: one per cent of all.
        assert!(
            (780_000.0..=816_000.0).contains(&rate),
            "{rate} bits a second"
        );
    }

    #[tokio::test(start_paused = true)]
    async fn without_a_limit_it_is_the_stream_itself() {
        let traffic = Traffic::unlimited();
        assert_eq!(talk(2, 1_000_000, &traffic).await, Duration::ZERO);
    }

    #[tokio::test(start_paused = true)]
    async fn a_host_that_says_nothing_is_not_held_up_by_us() {
        let (ours, _theirs) = duplex(1 << 10);
        let share = limited().share();
        let mut ours = share.meter(ours, false);
        let until = share.now() + Duration::from_secs(3);
        let heard = share.timeout_at(until, ours.read_u8()).await;
        assert!(heard.is_err());
    }
}
