//! An answer that is on its way from the store's thread.

use super::StoreError;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Wake, Waker};
use std::thread::{self, Thread};
use tokio::sync::oneshot;

/// An answer of the store: `.await` it in async code, [`Pending::wait`] for it elsewhere.
///
/// The question is on its way already: it is carried out even when this is dropped.
#[must_use = "the store may refuse; look at the answer"]
#[derive(Debug)]
pub struct Pending<T>(oneshot::Receiver<Result<T, StoreError>>);

impl<T> Pending<T> {
    pub(super) fn new(receiver: oneshot::Receiver<Result<T, StoreError>>) -> Self {
        Self(receiver)
    }

    /// Blocks this thread until the answer is there. Works inside an async runtime too, where it
    /// holds up the worker it is called on.
    pub fn wait(self) -> Result<T, StoreError> {
        // tokio's own blocking_recv panics inside a runtime, and there a task's used-up budget
        // would make a plain poll spin: hence unconstrained.
        let mut answer = Box::pin(tokio::task::unconstrained(self));
        let waker = Waker::from(Arc::new(Unpark(thread::current())));
        let mut context = Context::from_waker(&waker);
        loop {
            if let Poll::Ready(answer) = answer.as_mut().poll(&mut context) {
                return answer;
            }
            thread::park();
        }
    }
}

impl<T> Future for Pending<T> {
    type Output = Result<T, StoreError>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let receiver = Pin::new(&mut self.0);
        // The sender is gone without a word when the job panicked or the thread ended.
        let stopped = |_| Err(StoreError::Stopped);
        receiver
            .poll(context)
            .map(|answer| answer.unwrap_or_else(stopped))
    }
}

struct Unpark(Thread);

impl Wake for Unpark {
    fn wake(self: Arc<Self>) {
        self.0.unpark();
    }
}
