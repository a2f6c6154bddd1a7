//! One host, from the first hello to the verdicts.

mod login;

use super::{Context, Event, RunError, judge};
use crate::collect;
use crate::credentials::{self, Credential};
use crate::identify;
use crate::model::{
    AccessRecord, HostFailure, HostKey, HostOutcome, HostTrust, Inventory, LiveHost, Protocol,
    ResultCode, Service, Stage,
};
use crate::session::{Answers, Limits, Session};
use crate::store::{HostCommit, Matched, Pin};
use std::collections::BTreeMap;
use std::time::Duration;
use tokio::time::Instant;

/// Scans one host over SSH, on the ports that accepted a connection, in the operator's order, until
/// one lets us in.
pub(super) async fn scan(
    cx: &Context,
    host: LiveHost,
    ports: &[u16],
) -> Result<HostCommit, RunError> {
    let began = Instant::now();
    let mut visit = Visit::new(cx, host);
    for port in ports {
        visit.port = *port;
        visit.log_in().await?;
        if visit.inventory.is_some() || visit.changed() || visit.is_out_of_time() {
            break;
        }
    }
    let mut commit = visit.finish();
    commit.outcome.elapsed_ms = millis(began);
    judge_it(cx, commit).await
}

/// Adds the verdicts to a host that was read.
async fn judge_it(cx: &Context, mut commit: HostCommit) -> Result<HostCommit, RunError> {
    if let Some(inventory) = commit.outcome.inventory.take() {
        let address = commit.outcome.host.address;
        cx.tell(Event::StageEntered {
            address,
            stage: Stage::Match,
        });
        let (inventory, matched) = judge::judge(cx, inventory).await?;
        commit.outcome.inventory = Some(inventory);
        commit.matched = Some(matched);
    }
    Ok(commit)
}

/// Reads this machine, without a network.
pub(super) async fn scan_local(cx: &Context, host: LiveHost) -> Result<HostCommit, RunError> {
    let mut visit = Visit::new(cx, host);
    let began = Instant::now();
    let limits = Limits::until(began + cx.plan.host_timeout());
    let local: Box<dyn Session> = Box::new(crate::session::Local);
    let mut row = visit.row(None, ResultCode::Ok, HostTrust::None);
    (row.protocol, row.port, row.attempted) = (Protocol::Local, None, true);
    visit.collect(local, row, &limits).await;
    let mut commit = visit.finish();
    commit.outcome.elapsed_ms = millis(began);
    judge_it(cx, commit).await
}

fn millis(since: Instant) -> u64 {
    u64::try_from(since.elapsed().as_millis()).unwrap_or(u64::MAX)
}

/// What is known of a host so far.
struct Visit<'a> {
    cx: &'a Context,
    host: LiveHost,
    port: u16,
    /// When we are done with the host, whatever is left: one for all of its ports and credentials.
    deadline: Instant,
    host_key: Option<HostKey>,
    /// What each port said first.
    banners: BTreeMap<u16, String>,
    inventory: Option<Inventory>,
    failure: Option<HostFailure>,
    credential: Option<crate::model::CredentialId>,
    access: Vec<AccessRecord>,
    pins: Vec<Pin>,
    /// How many more keys the host may be offered, on all its ports together.
    keys_left: usize,
}

impl<'a> Visit<'a> {
    fn new(cx: &'a Context, host: LiveHost) -> Self {
        Self {
            cx,
            host,
            port: 0,
            deadline: Instant::now() + cx.plan.host_timeout(),
            host_key: None,
            banners: BTreeMap::new(),
            inventory: None,
            failure: None,
            credential: None,
            access: Vec::new(),
            pins: Vec::new(),
            keys_left: credentials::MAX_KEYS,
        }
    }

    /// What an SSH server says without being asked; nothing is written.
    async fn read_banner(&mut self) {
        let limits = self.limits();
        self.enter(Stage::Meet);
        let banner = identify::grab_banner(self.host.address, self.port, &limits).await;
        if let Some(banner) = banner {
            self.banners.insert(self.port, banner);
        }
    }

    /// Asks everything and reads the answers; the row says how it went.
    async fn collect(&mut self, session: Box<dyn Session>, mut row: AccessRecord, limits: &Limits) {
        self.enter(Stage::Collect);
        let mut session = session;
        let answers = session.ask(&collect::UNIX, limits).await;
        let goodbye = Duration::from_secs(2);
        tokio::time::timeout(goodbye, session.close()).await.ok();
        let inventory = match answers {
            Ok(answers) => self.read(&answers),
            Err(error) => Err(HostFailure::at(Stage::Collect, &error)),
        };
        match inventory {
            Ok(inventory) => {
                if !inventory.gaps.is_empty() {
                    row.code = ResultCode::OkPartial;
                    let gaps = inventory.gaps.iter();
                    let gaps = gaps.map(|gap| format!("{}: {}", gap.question, gap.cause.as_str()));
                    row.detail = gaps.collect::<Vec<_>>().join("; ");
                }
                self.inventory = Some(inventory);
            }
            Err(failure) => {
                row.code = failure.code;
                row.detail.clone_from(&failure.detail);
                self.failure = Some(failure);
            }
        }
        self.access.push(row);
    }

    fn read(&self, answers: &Answers) -> Result<Inventory, HostFailure> {
        for id in answers.ids() {
            let address = self.host.address;
            if let Some(reply) = answers.reply(id) {
                let bytes = reply.stdout.len();
                tracing::trace!(%address, question = id, exit = reply.exit, bytes);
            }
        }
        if let Some(folder) = &self.cx.plan.record {
            let folder = folder.join(self.host.address.to_string().replace(':', "_"));
            if let Err(error) = collect::save(&folder, &collect::UNIX, answers) {
                let text = format!("cannot record to {}: {error}", folder.display());
                self.cx.tell(Event::Warning { text });
            }
        }
        collect::read(&collect::UNIX, answers).ok_or_else(|| HostFailure {
            stage: Stage::Collect,
            code: ResultCode::ShellRestricted,
            detail: "the host answered none of the questions that tell what it is".to_owned(),
            retryable: false,
        })
    }

    fn row(
        &self,
        credential: Option<&Credential>,
        code: ResultCode,
        trust: HostTrust,
    ) -> AccessRecord {
        AccessRecord {
            protocol: Protocol::Ssh,
            port: Some(self.port),
            credential: credential.map(|credential| credential.id.clone()),
            attempted: false,
            code,
            detail: String::new(),
            trust,
            elapsed_ms: 0,
        }
    }

    fn changed(&self) -> bool {
        let failure = self.failure.as_ref();
        failure.is_some_and(|failure| failure.code == ResultCode::HostkeyChanged)
    }

    fn is_out_of_time(&self) -> bool {
        Instant::now() >= self.deadline
    }

    fn limits(&self) -> Limits {
        Limits::until(self.deadline)
    }

    fn enter(&self, stage: Stage) {
        let address = self.host.address;
        self.cx.tell(Event::StageEntered { address, stage });
    }

    fn finish(self) -> HostCommit {
        let services = self.services();
        HostCommit {
            outcome: HostOutcome {
                host: self.host,
                host_key: self.host_key,
                inventory: self.inventory,
                credential: self.credential,
                failure: self.failure,
                access: self.access,
                services,
                elapsed_ms: 0,
            },
            matched: None::<Matched>,
            pins: self.pins,
            finished: (self.cx.clock)(),
        }
    }

    fn services(&self) -> Vec<Service> {
        let banners = self.banners.iter();
        banners
            .map(|(port, banner)| identify::open_service(*port, banner))
            .collect()
    }
}
