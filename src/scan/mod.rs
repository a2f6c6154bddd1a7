//! One run: which hosts, in what order, with how many hands.
//!
//! The only module that knows the order of the others. A run has no barrier: an address that
//! answers on an SSH port is logged in to while the sweep goes on, each host under a deadline of
//! its own, and each is saved when it is done. What `kill -9` loses are the hosts in flight.

mod alarm;
mod awaited;
mod awake;
mod behind;
mod breaker;
#[cfg(test)]
mod breaker_property;
mod changes;
#[cfg(test)]
mod cut_off;
#[cfg(test)]
mod defects;
mod desk;
mod event;
mod formerly;
mod gate;
mod given;
mod host;
mod judge;
mod keyring;
mod limits;
mod network;
mod news;
mod notes;
mod plan;
mod priorities;
mod queue;
mod range;
mod receipt;
mod resume;
mod runner;
mod source;
mod standings;
mod sweeping;
mod trend;
mod verify;

pub use awaited::awaited;
pub use behind::{MOST as MOST_BEHIND, behind, concerned};
pub use breaker::{Standing, remembered as remembered_tries};
pub use changes::{changes, check_carried, earlier, previous};
pub use event::Event;
pub use given::{GivenHost, run_given};
pub use judge::of as judge;
pub use keyring::{Keyring, StoredProof};
pub use limits::{LEAST_BANDWIDTH, RunLimits};
pub use news::{Hit, HitMachine, News, news};
pub use notes::{Examined, Meeting, Note, Step};
pub use plan::{
    Asked, Awaited, Look, MAX_CHANGED_KEYS, Pace, Receipts, RuleFile, RunKind, RunPlan, Scope,
    Verify, Wanted, addresses, polite_ports,
};
pub use resume::outstanding;
pub use source::{LeftOut, RunSource};
pub use standings::Beliefs;
pub use trend::trend;
pub use verify::{VerifySource, Visit, Visits, verification};

use crate::catalog::CatalogError;
use crate::credentials::Holder;
use crate::identify::{self, Announcements, ReverseNames};
use crate::matching::Knowledge;
use crate::model::{
    AccessRecord, Clue, CredentialId, Date, LiveHost, RunId, RunSummary, Stage, UtcTime,
};
use crate::session::{Centres, Connector, Memory, SshConnector};
use crate::store::{HostCommit, InventoryRef, JudgedBy, Pending, RunState, Store, StoreError};
use crate::sweep::{self, PlanError, Sweeper};
use crate::targets::TargetSet;
use crate::traffic::Traffic;
use alarm::Alarm;
use awake::Awake;
use breaker::Breaker;
use desk::Desk;
use network::Network;
use notes::Notes;
use std::collections::HashMap;
use std::fmt;
use std::net::{IpAddr, Ipv4Addr};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::Duration;
use tokio::sync::{OnceCell, Semaphore, mpsc};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

/// How many names are looked up at once, and how long one may take.
const LOOKUPS: usize = 32;
const LOOKUP: Duration = Duration::from_secs(2);

/// Where the time comes from.
pub type Clock = Arc<dyn Fn() -> UtcTime + Send + Sync>;

/// What every part of a run shares.
pub struct Context {
    store: Store,
    run: RunId,
    site: String,
    plan: RunPlan,
    knowledge: Knowledge,
    keyring: Keyring,
    connectors: Connectors,
    events: mpsc::UnboundedSender<Event>,
    clock: Clock,
    today: Date,
    breaker: Breaker,
    traffic: Traffic,
    memory: Memory,
    desk: Desk,
    /// So many hosts are judged at once.
    judges: Semaphore,
    alarm: Alarm,
    names: ReverseNames,
    notes: Notes,
    /// The run as the store has it, for receipts: read once.
    summary: OnceCell<RunSummary>,
    jumps: host::Jumps,
    /// The key distribution centres that were waited for in vain.
    centres: Centres,
    /// What hosts of the own links announce: listened to once, by whoever asks first.
    announced: OnceCell<Announcements>,
    /// The stage that each host under way is in.
    stages: Mutex<HashMap<IpAddr, Stage>>,
    /// Whether this machine was asleep.
    awake: Awake,
    /// Whether it has a network.
    network: Network,
    /// A defect that one host meets in one stage.
    #[cfg(test)]
    broken: Option<(IpAddr, Stage)>,
}

impl fmt::Debug for Context {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Context({})", self.run)
    }
}

/// How hosts are met, by protocol.
#[derive(Clone)]
#[expect(missing_debug_implementations, reason = "holds traits")]
pub struct Connectors {
    /// Over SSH.
    pub ssh: Arc<dyn Connector>,
    /// Over WinRM.
    pub winrm: Arc<dyn Connector>,
}

impl Connectors {
    /// For runs that meet nobody.
    pub fn nobody() -> Self {
        let ssh: Arc<dyn Connector> = Arc::new(SshConnector::default());
        let winrm = Arc::clone(&ssh);
        Self { ssh, winrm }
    }
}

/// What a [`Context`] is made of.
#[expect(missing_debug_implementations, reason = "holds functions and traits")]
pub struct Parts {
    /// Where results go.
    pub store: Store,
    /// The run, as the store knows it already.
    pub run: RunId,
    /// The site its machines belong to.
    pub site: String,
    /// Its settings.
    pub plan: RunPlan,
    /// What is known to be broken.
    pub knowledge: Knowledge,
    /// Who we are.
    pub keyring: Keyring,
    /// How we meet hosts.
    pub connectors: Connectors,
    /// Who is told.
    pub events: mpsc::UnboundedSender<Event>,
    /// The time.
    pub clock: Clock,
    /// A word that no other process has: whose reserved tries may still come back.
    pub holder: Holder,
}

impl Context {
    /// Puts the parts together. The day of the verdicts is today's.
    pub fn new(parts: Parts) -> Self {
        let awake = Awake::by(Arc::clone(&parts.clock));
        let clock = Arc::clone(&parts.clock);
        let breaker = Breaker::new(parts.store.clone(), parts.run.clone(), parts.holder, clock);
        let traffic = Traffic::limited(parts.plan.limits.max_bandwidth);
        Self {
            // To see where the way to a host ends is what an examination is made for.
            network: if parts.plan.kind.is_examination() {
                Network::taken_for_granted()
            } else {
                Network::of_this_machine(traffic.clone())
            },
            traffic,
            jumps: host::Jumps::of(&parts.keyring),
            centres: Centres::default(),
            today: (parts.clock)().date(),
            notes: Notes::of(&parts.plan),
            summary: OnceCell::new(),
            memory: Memory::for_hosts(parts.plan.limits.hands(parts.plan.hands)),
            desk: Desk::new(),
            judges: Semaphore::new(thread::available_parallelism().map_or(1, usize::from)),
            alarm: Alarm::new(parts.plan.max_changed_keys),
            store: parts.store,
            run: parts.run,
            site: parts.site,
            plan: parts.plan,
            knowledge: parts.knowledge,
            keyring: parts.keyring,
            connectors: parts.connectors,
            events: parts.events,
            clock: parts.clock,
            breaker,
            names: ReverseNames::new(LOOKUPS, LOOKUP),
            announced: OnceCell::new(),
            stages: Mutex::default(),
            awake,
            #[cfg(test)]
            broken: None,
        }
    }

    /// What the run sends and receives, for the sweep to keep to as well.
    pub fn traffic(&self) -> &Traffic {
        &self.traffic
    }

    /// A host enters a stage.
    fn enter(&self, address: IpAddr, stage: Stage) {
        let mut stages = self.stages.lock().unwrap_or_else(PoisonError::into_inner);
        stages.insert(address, stage);
        drop(stages);
        self.tell(Event::StageEntered { address, stage });
        // Its work is done elsewhere.
        #[cfg(test)]
        if stage != Stage::Match {
            broken_at(self.broken, (address, stage));
        }
    }

    /// A host is done with: the stage in which it was last.
    fn leave(&self, address: IpAddr) -> Stage {
        let mut stages = self.stages.lock().unwrap_or_else(PoisonError::into_inner);
        stages.remove(&address).unwrap_or(Stage::Wait)
    }

    /// Nobody listening is no reason to stop.
    fn tell(&self, event: Event) {
        tracing::debug!(?event);
        self.events.send(event).ok();
    }

    /// Writes down a step, where anybody wants to know.
    fn note(&self, address: IpAddr, step: Step) {
        if self.notes.are_wanted() {
            let at = (self.clock)();
            let trouble = self.notes.add(address, Note { at, step });
            if let Some(event) = trouble {
                self.tell(event);
            }
        }
    }

    /// Begins the receipt of a host.
    async fn begin_receipt(&self, address: IpAddr) -> Result<(), RunError> {
        if let Some(receipts) = self.notes.receipts() {
            let load = || async {
                let record = self.store.load_run(&self.run).await?;
                Ok::<_, RunError>(record.summary)
            };
            let run = self.summary.get_or_try_init(load).await?;
            self.tell_of(address, receipts.begin(address, run, (self.clock)()));
        }
        Ok(())
    }

    /// Ends the receipt of a host.
    fn end_receipt(&self, address: IpAddr, outcome: &str) {
        if let Some(receipts) = self.notes.receipts() {
            self.tell_of(address, receipts.end(address, outcome, (self.clock)()));
        }
    }

    fn tell_of(&self, address: IpAddr, written: std::io::Result<()>) {
        if let Err(error) = written {
            self.tell(notes::unwritten(address, &error));
        }
    }

    /// What a host announces of itself, where the operator wants it to be listened to.
    async fn announced(&self, address: IpAddr) -> Vec<Clue> {
        let seconds = self.plan.look.mdns_seconds;
        if seconds == 0 {
            return Vec::new();
        }
        let listen = async {
            let until = Instant::now() + Duration::from_secs(seconds);
            identify::announcements(&sweep::routes::own_addresses(), until)
                .await
                .unwrap_or_else(|error| {
                    let text = format!("announcements (mDNS) cannot be listened to: {error}");
                    self.tell(Event::Warning { text });
                    Announcements::new()
                })
        };
        let all = self.announced.get_or_init(|| listen).await;
        all.get(&address).cloned().unwrap_or_default()
    }

    async fn remembered(&self, address: IpAddr) -> Result<Option<CredentialId>, RunError> {
        Ok(self
            .store
            .remembered_credential(&self.run, address, None)
            .await?)
    }
}

/// Where a test has it that there is a defect.
#[cfg(test)]
fn broken_at(broken: Option<(IpAddr, Stage)>, here: (IpAddr, Stage)) {
    assert_ne!(broken, Some(here), "it is broken there");
}

/// How a run ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RunEnd {
    /// Everything in scope was swept and every live host is done.
    Complete,
    /// It was stopped. What is done is saved; `--resume` goes on.
    Interrupted,
    /// It stopped itself: more hosts than the operator allows showed changed keys. What is done is saved;
    /// `--resume` goes on where the keys are right by now, or the limit is higher.
    SafetyStop,
    /// This machine's network went, and did not come back in time. What is done is saved; `--resume` goes on
    /// with the others.
    CutOff,
}

/// Why a run cannot go on.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RunError {
    /// The store failed: nothing would be saved.
    #[error("the store failed")]
    Store(#[from] StoreError),
    /// The catalogue failed: verdicts would be wrong.
    #[error("the catalogue failed")]
    Catalog(#[from] CatalogError),
    /// The sweep cannot be planned.
    #[error("the sweep cannot be planned")]
    Plan(#[from] PlanError),
    /// This machine has no sockets left.
    #[error(
        "this machine has no sockets left for the sweep ({0}); close other programs, then use --resume"
    )]
    Starved(String),
    /// A stored run cannot be read.
    #[error("the run cannot be read")]
    Read(#[source] std::io::Error),
    /// The targets of a stored run cannot be read any more.
    #[error("the targets of the run cannot be read")]
    Targets(#[from] crate::targets::TargetError),
}

/// Sweeps the targets and works on every host that answers, until all is done or `stop` is
/// cancelled. What an earlier part of the run did is not done again.
///
/// # Errors
/// Only what makes the whole run worthless; what goes wrong with a host is its outcome.
pub async fn run(
    cx: Arc<Context>,
    targets: Arc<TargetSet>,
    sweeper: Arc<dyn Sweeper>,
    stop: CancellationToken,
) -> Result<RunEnd, RunError> {
    let end = runner::Runner::begin(Arc::clone(&cx), targets, stop)
        .await?
        .go(sweeper)
        .await;
    close(&cx, end).await
}

/// Looks at what a host lets be done with it, as [`run`] would do it: the same sweep, the same logins, the
/// same breaker. Nothing of the host is kept.
///
/// # Errors
/// As [`run`]'s.
pub async fn examine(
    cx: Arc<Context>,
    targets: Arc<TargetSet>,
    sweeper: Arc<dyn Sweeper>,
    stop: CancellationToken,
) -> Result<(RunEnd, Vec<Examined>), RunError> {
    let end = run(Arc::clone(&cx), targets, sweeper, stop).await?;
    Ok((end, cx.notes.take()))
}

/// Reads this machine, without a network.
pub async fn run_local(cx: Arc<Context>) -> Result<RunEnd, RunError> {
    cx.begin_receipt(this_machine().address).await?;
    let (commit, _seat) = host::scan_local(&cx, this_machine()).await?;
    cx.end_receipt(this_machine().address, commit.outcome.word());
    save(&cx, commit).await?;
    close(&cx, Ok(RunEnd::Complete)).await
}

/// Judges every stored inventory of a run again.
pub async fn rematch(
    store: &Store,
    run: &RunId,
    knowledge: &Knowledge,
    today: Date,
) -> Result<usize, RunError> {
    let inventories = store.inventories(run).await?;
    let count = inventories.len();
    // While one is judged, the verdicts on the one before are written and the one after is read: in this order, so
    // that no reading waits for a writing.
    let mut inventories = inventories.into_iter().peekable();
    let read = |entry: &InventoryRef| store.inventory(entry.digest);
    let mut next = inventories.peek().map(read);
    let mut writing: Option<Pending<()>> = None;
    while let (Some(entry), Some(reading)) = (inventories.next(), next.take()) {
        let inventory = reading.await?;
        next = inventories.peek().map(read);
        let matched = judge::sound(
            || judge::of(knowledge, &inventory, today),
            &inventory,
            knowledge,
        )?;
        let before = writing.replace(store.store_verdict(run, entry.addresses, &matched));
        if let Some(before) = before {
            before.await?;
        }
    }
    if let Some(last) = writing {
        last.await?;
    }
    let judged_by = JudgedBy {
        catalog_digest: knowledge.catalog.digest().to_owned(),
        catalog_imported: knowledge.catalog.imported(),
        programs_digest: knowledge.rules.digest().to_owned(),
    };
    store.set_judged_by(run, judged_by).await?;
    Ok(count)
}

async fn close(cx: &Context, end: Result<RunEnd, RunError>) -> Result<RunEnd, RunError> {
    let state = match &end {
        Ok(RunEnd::Complete) => RunState::Complete,
        Ok(RunEnd::Interrupted) | Err(_) => RunState::Interrupted,
        Ok(RunEnd::CutOff) => RunState::CutOff,
        Ok(RunEnd::SafetyStop) => RunState::SafetyStop,
    };
    let closed = cx.store.finish_run(&cx.run, state, (cx.clock)()).await;
    let end = end?;
    closed?;
    Ok(end)
}

/// Writes a host down and says so.
async fn save(cx: &Context, commit: HostCommit) -> Result<(), RunError> {
    let finished = finished(&commit);
    if cx.plan.kind.is_examination() {
        cx.store.add_pins(commit.pins).await?;
        cx.notes.conclude(commit.outcome);
    } else {
        cx.store.commit_host(&cx.run, commit).await?;
    }
    cx.tell(finished);
    Ok(())
}

fn finished(commit: &HostCommit) -> Event {
    Event::HostFinished {
        address: commit.outcome.host.address,
        outcome: commit.outcome.word(),
        code: AccessRecord::telling(commit.outcome.access.iter()).map(|row| row.code),
        elapsed_ms: commit.outcome.elapsed_ms,
    }
}

fn this_machine() -> LiveHost {
    bare(Ipv4Addr::LOCALHOST.into())
}

fn bare(address: IpAddr) -> LiveHost {
    LiveHost {
        address,
        name: None,
        tags: Arc::default(),
        open_ports: Vec::new(),
        round_trip: None,
    }
}

#[cfg(test)]
mod tests;
