//! The tasks under way, and what each is about.

use crate::model::Clue;
use crate::scan::RunError;
use crate::store::HostCommit;
use std::collections::HashMap;
use std::net::IpAddr;
use tokio::task::{self, JoinSet};

/// The tasks of a run.
#[derive(Default)]
pub(super) struct Tasks {
    set: JoinSet<Result<Worked, RunError>>,
    about: HashMap<task::Id, About>,
}

/// What a task is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum About {
    /// A host is worked on.
    Host(IpAddr),
    /// A range, by its first address, is asked who it is.
    Range(IpAddr),
}

/// What a task has done.
pub(super) enum Worked {
    /// A host is saved.
    Host,
    /// A host that does not answer us was saved, having answered a jump host on some ports; or is silent
    /// there as well.
    Behind(IpAddr, Vec<u16>),
    /// A host was looked at, and is to be saved.
    Looked(Box<HostCommit>),
    /// A host was left, for our network went and did not come back.
    Left,
    /// Some addresses of a range, by its first, that may be one intermediary were asked who they are.
    Range(IpAddr, Vec<(IpAddr, Vec<Clue>)>),
}

/// A task that has come to its end.
pub(super) struct Ended {
    pub(super) about: Option<About>,
    /// What it has done; `None` where it met a defect.
    pub(super) worked: Option<Worked>,
}

impl Tasks {
    pub(super) fn spawn<W>(&mut self, about: About, work: W)
    where
        W: Future<Output = Result<Worked, RunError>> + Send + 'static,
    {
        let task = self.set.spawn(work);
        self.about.insert(task.id(), about);
    }

    /// How many are under way.
    pub(super) fn len(&self) -> usize {
        self.set.len()
    }

    /// Whether none is under way.
    pub(super) fn is_empty(&self) -> bool {
        self.set.is_empty()
    }

    /// The next that ends; `None` where none is under way. May be dropped and called again.
    ///
    /// # Errors
    /// What ends the whole run.
    pub(super) async fn next(&mut self) -> Option<Result<Ended, RunError>> {
        let (id, worked) = match self.set.join_next_with_id().await? {
            Ok((id, Ok(worked))) => (id, Some(worked)),
            Ok((_, Err(error))) => return Some(Err(error)),
            Err(error) => (error.id(), None),
        };
        let about = self.about.remove(&id);
        Some(Ok(Ended { about, worked }))
    }

    /// Breaks off all that are under way.
    pub(super) async fn shutdown(&mut self) {
        self.set.shutdown().await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn of_a_task_that_panics_it_is_known_whom_it_was_about() {
        let mut tasks = Tasks::default();
        let (good, bad) = (IpAddr::from([192, 0, 2, 1]), IpAddr::from([192, 0, 2, 2]));
        tasks.spawn(About::Host(good), async { Ok(Worked::Host) });
        tasks.spawn(About::Range(bad), async {
            std::panic::resume_unwind(Box::new("a library's unwrap"))
        });
        assert_eq!(tasks.len(), 2);
        let mut ended = Vec::new();
        while let Some(one) = tasks.next().await {
            let one = one.unwrap();
            ended.push((one.about.unwrap(), one.worked.is_some()));
        }
        ended.sort_by_key(|(_, is_done)| !is_done);
        assert_eq!(
            ended,
            [(About::Host(good), true), (About::Range(bad), false)]
        );
        assert!(tasks.is_empty());
    }
}
