//! What was seen and done, and is not written down so far: it is written together, while the run goes on.

use crate::scan::{Context, Event, RunError, finished};
use crate::store::{HostCommit, Pending, SightingRow};
use std::sync::Arc;

/// How many sightings wait for the store at most.
const BATCH: usize = 2_000;
/// How many hosts that were only looked at wait to be saved at most.
const LOOKED: usize = 128;

/// What waits for the store.
pub(super) struct Backlog {
    cx: Arc<Context>,
    sightings: Vec<SightingRow>,
    /// Hosts that were only looked at: saved together, for a look is soon made again.
    looked: Vec<HostCommit>,
    saving: Option<Saving>,
}

/// What the store writes while the run goes on, and what is said once it has.
struct Saving {
    done: Pending<()>,
    say: Vec<Event>,
}

impl Backlog {
    pub(super) fn new(cx: Arc<Context>) -> Self {
        Self {
            cx,
            sightings: Vec::new(),
            looked: Vec::new(),
            saving: None,
        }
    }

    /// Something was seen.
    pub(super) fn saw(&mut self, rows: impl IntoIterator<Item = SightingRow>) {
        self.sightings.extend(rows);
    }

    /// Whether so much was seen that it is to be written down.
    pub(super) fn is_full(&self) -> bool {
        self.sightings.len() >= BATCH
    }

    /// A host was looked at, and is done.
    pub(super) async fn looked_at(&mut self, commit: HostCommit) -> Result<(), RunError> {
        self.looked.push(commit);
        if self.looked.len() >= LOOKED {
            self.save_looked().await?;
        }
        Ok(())
    }

    /// Has everything written down, with how far the sweep has surely come.
    pub(super) async fn flush(&mut self, mark: u64) -> Result<(), RunError> {
        let rows = std::mem::take(&mut self.sightings);
        let store = &self.cx.store;
        let done = store.record_sightings(&self.cx.run, rows, mark);
        let say = Vec::new();
        self.save(Saving { done, say }).await?;
        self.save_looked().await
    }

    async fn save_looked(&mut self) -> Result<(), RunError> {
        let looked = std::mem::take(&mut self.looked);
        if looked.is_empty() {
            return Ok(());
        }
        let say = looked.iter().map(finished).collect();
        let done = self.cx.store.commit_hosts(&self.cx.run, looked);
        self.save(Saving { done, say }).await
    }

    /// Lets the store write, and goes on as soon as it has written what it was asked before: the sweep does not
    /// wait for the disk, and not much is on its way at once.
    async fn save(&mut self, saving: Saving) -> Result<(), RunError> {
        let before = self.saving.replace(saving);
        self.say_saved(before).await
    }

    /// Waits until everything is written that was flushed.
    pub(super) async fn saved(&mut self) -> Result<(), RunError> {
        let last = self.saving.take();
        self.say_saved(last).await
    }

    async fn say_saved(&self, saving: Option<Saving>) -> Result<(), RunError> {
        let Some(Saving { done, say }) = saving else {
            return Ok(());
        };
        done.await?;
        for event in say {
            self.cx.tell(event);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Answer, LiveHost, ProbeKind, UtcTime};
    use crate::scan::bare;
    use crate::scan::runner::untouched::untouched;
    use crate::scan::tests::{again, context, plan_of};
    use std::net::IpAddr;
    use tokio::sync::mpsc;

    #[tokio::test]
    async fn what_was_seen_and_done_is_there_once_it_is_said_to_be() {
        let plan = plan_of("127.88.9.0/24", &[22]);
        let (first, _) = context(&plan).await;
        let (events, mut told) = mpsc::unbounded_channel();
        let mut cx = again(first.store.clone(), &plan);
        cx.events = events;
        let cx = Arc::new(cx);
        let mut backlog = Backlog::new(Arc::clone(&cx));
        let address = IpAddr::from([127, 88, 9, 1]);
        backlog.saw([SightingRow {
            address,
            probe: ProbeKind::Tcp(22),
            answer: Answer::Open,
            round_trip_us: None,
            tries: 1,
            seen_at: UtcTime::from_unix(0),
            trace: None,
            mac: None,
            banner: None,
        }]);
        let host = LiveHost {
            open_ports: vec![22],
            ..bare(address)
        };
        let commit = untouched(&cx, host, None);
        backlog.looked_at(commit).await.unwrap();
        assert!(cx.store.sightings(&cx.run).await.unwrap().is_empty());

        backlog.flush(7).await.unwrap();
        assert!(told.try_recv().is_err(), "nobody waited for the disk");
        backlog.saved().await.unwrap();
        let said = told.try_recv().unwrap();
        assert!(matches!(said, Event::HostFinished { address: of, .. } if of == address));
        assert_eq!(cx.store.mark(&cx.run).await.unwrap(), 7);
        assert_eq!(cx.store.sightings(&cx.run).await.unwrap().len(), 1);
        let finished = cx.store.finished_addresses(&cx.run).await.unwrap();
        assert!(finished.contains(&address));
    }
}
