//! Hosts whose facts are at hand: recorded, exported, or described in a file.

use super::{Context, RunEnd, RunError, bare, close, judge, save};
use crate::model::{HostOutcome, Inventory, LiveHost};
use crate::store::{HostCommit, Matched};
use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::Arc;
use std::thread;
use tokio::task::JoinSet;

/// A host whose facts are at hand.
#[derive(Clone, Debug)]
pub struct GivenHost {
    /// The address that it is listed by.
    pub address: IpAddr,
    /// What the operator calls it.
    pub name: Option<Arc<str>>,
    /// The operator's tags.
    pub tags: Arc<[String]>,
    /// What was read from it.
    pub inventory: Inventory,
}

/// Judges hosts as if each had just answered, and saves them in their order. A few are in memory at a
/// time; the first error ends it.
pub async fn run_given<E: From<RunError>>(
    cx: Arc<Context>,
    hosts: impl Iterator<Item = Result<GivenHost, E>>,
) -> Result<RunEnd, E> {
    let most = 2 * thread::available_parallelism().map_or(1, usize::from);
    let mut queue = Queue {
        cx: Arc::clone(&cx),
        tasks: JoinSet::new(),
        done: BTreeMap::new(),
        begun: 0,
        saved: 0,
    };
    for host in hosts {
        queue.begin(host?);
        while queue.waiting() >= most {
            queue.next().await?;
        }
    }
    while queue.waiting() > 0 {
        queue.next().await?;
    }
    Ok(close(&cx, Ok(RunEnd::Complete)).await?)
}

/// Hosts at work, and those that are done before an earlier one.
struct Queue {
    cx: Arc<Context>,
    tasks: JoinSet<(usize, Result<Judged, RunError>)>,
    done: BTreeMap<usize, Judged>,
    begun: usize,
    saved: usize,
}

struct Judged {
    host: LiveHost,
    inventory: Inventory,
    matched: Matched,
}

impl Queue {
    fn waiting(&self) -> usize {
        self.begun - self.saved
    }

    fn begin(&mut self, given: GivenHost) {
        let (cx, place) = (Arc::clone(&self.cx), self.begun);
        self.begun += 1;
        self.tasks.spawn(async move {
            let host = LiveHost {
                name: given.name,
                tags: given.tags,
                ..bare(given.address)
            };
            let judged = judge::judge(&cx, given.address, given.inventory).await;
            let judged = judged.map(|(inventory, matched)| Judged {
                host,
                inventory,
                matched,
            });
            (place, judged)
        });
    }

    /// Waits for one to be judged, and saves those whose turn it is.
    async fn next(&mut self) -> Result<(), RunError> {
        match self.tasks.join_next().await {
            Some(Ok((place, judged))) => drop(self.done.insert(place, judged?)),
            // A bug met here is that of this host's task, like any other.
            Some(Err(error)) => match error.try_into_panic() {
                Ok(panic) => std::panic::resume_unwind(panic),
                Err(_) => std::future::pending().await,
            },
            None => {}
        }
        while let Some(judged) = self.done.remove(&self.saved) {
            save(&self.cx, commit(&self.cx, judged)).await?;
            self.saved += 1;
        }
        Ok(())
    }
}

fn commit(cx: &Context, judged: Judged) -> HostCommit {
    HostCommit {
        outcome: HostOutcome {
            host: judged.host,
            host_key: None,
            inventory: Some(judged.inventory),
            credential: None,
            failure: None,
            access: Vec::new(),
            services: Vec::new(),
            clues: Vec::new(),
            elapsed_ms: 0,
        },
        matched: Some(judged.matched),
        exposures: Vec::new(),
        pins: Vec::new(),
        finished: (cx.clock)(),
    }
}
