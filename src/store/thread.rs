//! The thread that owns the connection.

use super::blobs::KnownBlobs;
use super::db::Db;
use super::{Pending, StoreError};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::PathBuf;
use std::sync::{Mutex, PoisonError, mpsc};
use std::thread::JoinHandle;
use tokio::sync::oneshot;

type Job = Box<dyn FnOnce(&mut Db) + Send>;

/// A queue of jobs, and the thread that does them one after the other.
#[derive(Debug)]
pub(super) struct Thread {
    jobs: Option<mpsc::Sender<Job>>,
    handle: Mutex<Option<JoinHandle<()>>>,
    /// Blobs that are surely in the file, so that nobody compresses them again.
    pub(super) known: KnownBlobs,
}

impl Thread {
    pub(super) fn start(db: Db) -> Result<Self, StoreError> {
        let path: PathBuf = db.path().to_path_buf();
        let (jobs, queue) = mpsc::channel();
        let handle = std::thread::Builder::new()
            .name("store".to_owned())
            .spawn(move || work(db, &queue))
            .map_err(|source| StoreError::Open { path, source })?;
        Ok(Self {
            jobs: Some(jobs),
            handle: Mutex::new(Some(handle)),
            known: KnownBlobs::default(),
        })
    }

    /// Queues a job. Its answer comes even when the job panics.
    pub(super) fn ask<T: Send + 'static>(
        &self,
        job: impl FnOnce(&mut Db) -> Result<T, StoreError> + Send + 'static,
    ) -> Pending<T> {
        let (sender, receiver) = oneshot::channel();
        let job: Job = Box::new(move |db| {
            // A caller that no longer waits is no error.
            let _ = sender.send(job(db));
        });
        if let Some(jobs) = &self.jobs {
            // When the thread is gone the job is dropped here, and its sender with it: the caller
            // then reads `Stopped`.
            let _ = jobs.send(job);
        }
        Pending::new(receiver)
    }
}

fn work(mut db: Db, queue: &mpsc::Receiver<Job>) {
    while let Ok(job) = queue.recv() {
        // An open transaction rolls back as it unwinds, and caches hold only what was read whole.
        let done = catch_unwind(AssertUnwindSafe(|| job(&mut db)));
        if done.is_err() {
            tracing::error!("a job of the store panicked and was rolled back");
        }
    }
    db.close();
}

impl Drop for Thread {
    fn drop(&mut self) {
        drop(self.jobs.take());
        let handle = self
            .handle
            .get_mut()
            .unwrap_or_else(PoisonError::into_inner);
        let Some(handle) = handle.take() else {
            return;
        };
        // The last handle may go in a job of the thread itself, which cannot wait for itself.
        if handle.thread().id() != std::thread::current().id() {
            let _ = handle.join();
        }
    }
}
