//! One host, from the first hello to the verdicts.

use super::breaker::Leave;
use super::gate::Turn;
use super::keyring::StoredProof;
use super::{Context, Event, RunError, RunKind, judge};
use crate::collect;
use crate::credentials::{self, AccountKey, Credential, HostLabel};
use crate::identify;
use crate::model::{
    AccessRecord, Failure as _, HostFailure, HostKey, HostOutcome, HostTrust, Inventory, LiveHost,
    Protocol, ResultCode, Service, Stage,
};
use crate::session::{
    Answers, FirstUse, Limits, LoggedIn, LoginError, Met, Proof, Session, Signer, StrangerPeer,
    VerifiedPeer,
};
use crate::store::{FirstPin, HostCommit, Matched, Pin};
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
        if visit.inventory.is_some() || visit.changed() {
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
    /// How long it may still be worked on. Waiting for others is not its fault and not counted.
    left: Duration,
    host_key: Option<HostKey>,
    /// What each port said first.
    banners: BTreeMap<u16, String>,
    inventory: Option<Inventory>,
    failure: Option<HostFailure>,
    credential: Option<crate::model::CredentialId>,
    access: Vec<AccessRecord>,
    pins: Vec<Pin>,
}

/// Whether another credential may still get in.
enum Next {
    Done,
    TryAnother,
}

impl<'a> Visit<'a> {
    fn new(cx: &'a Context, host: LiveHost) -> Self {
        Self {
            cx,
            host,
            port: 0,
            left: cx.plan.host_timeout(),
            host_key: None,
            banners: BTreeMap::new(),
            inventory: None,
            failure: None,
            credential: None,
            access: Vec::new(),
            pins: Vec::new(),
        }
    }

    async fn log_in(&mut self) -> Result<(), RunError> {
        let cx = self.cx;
        let remembered = cx.remembered(self.host.address).await?;
        let keyring = &cx.keyring;
        let plan = credentials::plan(&self.host, keyring.credentials(), remembered.as_ref());
        if plan.is_empty() {
            if cx.plan.kind != RunKind::Sweep {
                let row = self.row(None, ResultCode::NoCredentialInScope, HostTrust::None);
                self.access.push(row);
            }
            self.read_banner().await;
            return Ok(());
        }
        for credential in plan {
            let turn = self.turn(credential).await;
            let began = Instant::now();
            let next = self.try_credential(credential, turn).await?;
            self.left = self.left.saturating_sub(began.elapsed());
            match next {
                Next::Done => break,
                Next::TryAnother => {}
            }
        }
        Ok(())
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

    /// The turn comes before the connection: a server closes one that waits.
    async fn turn(&self, credential: &Credential) -> Option<Turn> {
        let Some(StoredProof::Password(_)) = self.cx.keyring.proof(&credential.id) else {
            return None;
        };
        let label = HostLabel::new(self.host.address, None);
        let account = AccountKey::of(credential, &label);
        Some(self.cx.breaker.turn(&account).await)
    }

    async fn try_credential(
        &mut self,
        credential: &Credential,
        turn: Option<Turn>,
    ) -> Result<Next, RunError> {
        let Some(proof) = self.cx.keyring.proof(&credential.id) else {
            return Ok(Next::TryAnother);
        };
        let began = Instant::now();
        let limits = self.limits();
        self.enter(Stage::Meet);
        let met = match self.cx.connector.meet(&self.host, self.port, &limits).await {
            Ok(met) => met,
            Err(error) => {
                let trust = match error.code() {
                    ResultCode::HostkeyChanged => HostTrust::Changed,
                    _ => HostTrust::None,
                };
                self.refuse(
                    credential,
                    HostFailure::at(Stage::Meet, &error),
                    trust,
                    began,
                );
                return Ok(Next::Done);
            }
        };
        self.host_key = Some(met.host_key().clone());
        self.banners.insert(self.port, met.banner().to_owned());
        let trust = met.trust();
        self.enter(Stage::Login);
        let entry = match (met, proof, turn) {
            (met, StoredProof::Password(password), Some(turn)) => {
                self.by_password(met, credential, (password, turn), &limits)
                    .await?
            }
            (met, StoredProof::Keys(keys), _) => {
                self.by_signature(met, &credential.user, Signer::Keys(keys), &limits)
                    .await
            }
            (
                met,
                StoredProof::Agent {
                    socket,
                    fingerprint,
                },
                _,
            ) => {
                let signer = Signer::Agent {
                    socket,
                    fingerprint: fingerprint.as_deref(),
                };
                self.by_signature(met, &credential.user, signer, &limits)
                    .await
            }
            (_, StoredProof::Password(_), None) => {
                Entry::Held(ResultCode::BreakerOpen, String::new())
            }
        };
        self.enter_session(credential, entry, (trust, began), &limits)
            .await
    }

    async fn enter_session(
        &mut self,
        credential: &Credential,
        entry: Entry,
        (trust, began): (HostTrust, Instant),
        limits: &Limits,
    ) -> Result<Next, RunError> {
        match entry {
            Entry::In(logged_in, trust) => {
                self.credential = Some(credential.id.clone());
                self.failure = None;
                let mut row = self.row(Some(credential), ResultCode::Ok, trust);
                row.attempted = true;
                self.collect(logged_in.session, row, limits).await;
                if let Some(row) = self.access.last_mut() {
                    row.elapsed_ms = millis(began);
                }
                Ok(Next::Done)
            }
            Entry::Refused(error) => {
                let trust = if self.pins.is_empty() {
                    trust
                } else {
                    HostTrust::FirstUse
                };
                self.refuse(
                    credential,
                    HostFailure::at(Stage::Login, &error),
                    trust,
                    began,
                );
                Ok(Next::TryAnother)
            }
            Entry::Held(code, detail) => {
                let mut row = self.row(Some(credential), code, trust);
                row.detail.clone_from(&detail);
                row.elapsed_ms = millis(began);
                self.access.push(row);
                // A credential that was held back is no failure of the host, a changed key is one.
                if code == ResultCode::HostkeyChanged {
                    self.failure = Some(HostFailure {
                        stage: Stage::Meet,
                        code,
                        detail,
                        retryable: false,
                    });
                    return Ok(Next::Done);
                }
                Ok(Next::TryAnother)
            }
        }
    }

    async fn by_signature(
        &mut self,
        met: Met,
        user: &str,
        signer: Signer<'_>,
        limits: &Limits,
    ) -> Entry {
        let (result, trust) = match met {
            Met::Verified(peer) => {
                let trust = peer.trust();
                let proof = Proof::Signature(signer);
                (peer.log_in(user, proof, limits).await, trust)
            }
            Met::Stranger(peer) => {
                let trust = self.pin_stranger(&peer);
                (peer.log_in_with_keys(user, signer, limits).await, trust)
            }
        };
        match result {
            Ok(logged_in) => Entry::In(logged_in, trust),
            Err(error) => Entry::Refused(error),
        }
    }

    /// With `--accept-new-host-keys` a stranger's key is pinned with the host's outcome.
    fn pin_stranger(&mut self, peer: &StrangerPeer) -> HostTrust {
        if !self.cx.plan.accept_new_host_keys || peer.is_known_otherwise() {
            return HostTrust::Unknown;
        }
        self.pins.push(self.pin(peer.host_key()));
        HostTrust::FirstUse
    }

    fn pin(&self, key: &HostKey) -> Pin {
        Pin {
            site: self.cx.site.clone(),
            host: self.host.address.to_string(),
            port: self.port,
            key: key.clone(),
            public_key: String::new(),
            source: "first_use".to_owned(),
            at: (self.cx.clock)(),
        }
    }

    async fn by_password(
        &mut self,
        met: Met,
        credential: &Credential,
        (password, turn): (&crate::session::Password, Turn),
        limits: &Limits,
    ) -> Result<Entry, RunError> {
        let peer = match met {
            Met::Verified(peer) => peer,
            Met::Stranger(peer) => match self.befriend(peer, credential).await? {
                Ok(peer) => peer,
                Err(held) => return Ok(held),
            },
        };
        let trust = peer.trust();
        let label = HostLabel::new(self.host.address, Some(peer.host_key()));
        let account = AccountKey::of(credential, &label);
        let breaker = &self.cx.breaker;
        let leave = breaker
            .reserve(account, label, turn.is_proven(), limits.deadline)
            .await?;
        let (reserved, permit) = match leave {
            Leave::Granted(reserved, permit) => (reserved, permit),
            Leave::Open(why) => return Ok(Entry::Held(ResultCode::BreakerOpen, why)),
        };
        let proof = Proof::Password(password, permit);
        match peer.log_in(&credential.user, proof, limits).await {
            Ok(logged_in) => {
                breaker.give_back(reserved).await?;
                // A host that let us in without looking at the password has proven nothing.
                if logged_in.secret_sent {
                    turn.prove();
                }
                Ok(Entry::In(logged_in, trust))
            }
            Err(error) if error.counts() => {
                breaker.spend(reserved, error.code()).await?;
                Ok(Entry::Refused(error))
            }
            Err(error) => {
                breaker.give_back(reserved).await?;
                Ok(Entry::Refused(error))
            }
        }
    }

    /// Makes a stranger a peer that may hear a password, where the operator and the credential
    /// both allow it. The pin is on the disk before anything is said.
    async fn befriend(
        &mut self,
        peer: StrangerPeer,
        credential: &Credential,
    ) -> Result<Result<VerifiedPeer, Entry>, RunError> {
        let accept = self.cx.plan.accept_new_host_keys;
        let shown = peer.host_key().clone();
        let Some(leave) = FirstUse::allowed(accept, credential.password_on_first_use()) else {
            let detail = format!("the host shows {shown}");
            return Ok(Err(Entry::Held(ResultCode::HostkeyUnknown, detail)));
        };
        let peer = match peer.trust_on_first_use(leave) {
            Ok(peer) => peer,
            Err(error) => return Ok(Err(Entry::Held(error.code(), error.to_string()))),
        };
        let pin = self.pin(&shown);
        match self.cx.store.pin_first_use(pin.clone()).await? {
            FirstPin::Pinned => self.pins.push(pin),
            FirstPin::Known(pins) if pins.iter().any(|known| known.key == shown) => {}
            FirstPin::Known(_) => {
                let detail = format!("the host shows {shown}, and was pinned with another key");
                return Ok(Err(Entry::Held(ResultCode::HostkeyChanged, detail)));
            }
        }
        Ok(Ok(peer))
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

    fn refuse(
        &mut self,
        credential: &Credential,
        failure: HostFailure,
        trust: HostTrust,
        began: Instant,
    ) {
        let mut row = self.row(Some(credential), failure.code, trust);
        row.attempted = failure.stage == Stage::Login;
        row.detail.clone_from(&failure.detail);
        row.elapsed_ms = millis(began);
        self.access.push(row);
        self.failure = Some(failure);
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

    fn limits(&self) -> Limits {
        Limits::until(Instant::now() + self.left)
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

/// How a login ended.
enum Entry {
    In(LoggedIn, HostTrust),
    Refused(LoginError),
    Held(ResultCode, String),
}
