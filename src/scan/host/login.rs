//! Getting in: one credential after the other, each as its own rules demand.
//!
//! A password takes, in this order: a breaker that is not open, a turn of its account, a verified
//! host, and a reserved try.

use super::super::breaker::{Leave, Reserved};
use super::super::gate::Turn;
use super::super::keyring::StoredProof;
use super::super::{Meeting, RunError, RunKind, Step};
use super::root::Root;
use super::ruled_out::FIVE_KEYS;
use super::{Visit, millis};
use crate::collect;
use crate::credentials::{self, AccountKey, Credential, HostLabel};
use crate::identify;
use crate::model::{
    AccessRecord, CredentialId, Failure as _, HostFailure, HostKey, HostTrust, Protocol,
    ResultCode, Stage,
};
use crate::session::{
    FirstUse, Limits, LoggedIn, LoginError, MeetError, Met, Password, Permit, Proof, QuestionSet,
    Signer, StrangerPeer, VerifiedPeer, WindowsSecret,
};
use crate::store::{FirstPin, Pin};
use std::time::Duration;
use tokio::time::{Instant, timeout, timeout_at};

/// How long a host may keep others of its account waiting while it says who it is.
const TURN_PATIENCE: Duration = Duration::from_secs(1);

/// Whether another credential may still get in.
pub(super) enum Next {
    Done,
    TryAnother,
}

/// A reserved try, and the turn of its account.
pub(super) struct Ticket {
    pub(super) reserved: Reserved,
    pub(super) turn: Turn,
}

/// How a login ended.
pub(super) enum Entry {
    In(LoggedIn, HostTrust),
    Refused(LoginError),
    Held(ResultCode, String),
    /// The run has stopped itself: nothing was sent.
    StoodDown,
}

/// A credential at work on a host.
pub(super) struct Attempt<'a> {
    pub(super) credential: &'a Credential,
    began: Instant,
    pub(super) limits: Limits,
}

impl Visit<'_> {
    /// Tries the host's credentials on the present port until one gets in.
    pub(super) async fn log_in(&mut self) -> Result<(), RunError> {
        let cx = self.cx;
        let remembered = cx.remembered(self.host.address).await?;
        let all = cx.keyring.credentials();
        let mut plan = credentials::plan(&self.host, self.protocol, all, remembered.as_ref());
        plan.retain(|one| cx.keyring.offers(&one.id));
        if plan.is_empty() && cx.plan.kind != RunKind::Sweep {
            self.note_uncovered();
        }
        let agent_keys = credentials::agent_keys(&plan);
        // Where nobody answers us directly there is only the way through others.
        let on_the_way = |credential: &&Credential| !self.is_behind || credential.jump.is_some();
        let plan: Vec<&Credential> = plan.into_iter().filter(on_the_way).collect();
        self.planned.extend(plan.iter().map(|one| one.id.clone()));
        for credential in plan {
            match self.try_credential(credential, agent_keys).await? {
                Next::TryAnother if !self.is_out_of_time() => {}
                Next::Done | Next::TryAnother => return Ok(()),
            }
        }
        // Nobody speaks first over WinRM.
        if self.protocol == Protocol::Ssh
            && !self.is_behind
            && !self.banners.contains_key(&self.port)
        {
            self.read_banner().await;
        }
        Ok(())
    }

    /// No credential covers the host over this protocol: said once, however many ports there are.
    fn note_uncovered(&mut self) {
        let code = ResultCode::NoCredentialInScope;
        let mut rows = self.access.iter();
        if !rows.any(|row| row.protocol == self.protocol && row.code == code) {
            let row = self.row(None, code, HostTrust::None);
            self.record(row);
        }
    }

    async fn try_credential(
        &mut self,
        credential: &Credential,
        agent_keys: usize,
    ) -> Result<Next, RunError> {
        if let Err(closed) = self.set_out(credential).await? {
            return Ok(self.not_reached(credential, closed));
        }
        let next = self.try_proof(credential, agent_keys).await;
        // Its place on the way is another host's from here on.
        self.connector = None;
        next
    }

    async fn try_proof(
        &mut self,
        credential: &Credential,
        agent_keys: usize,
    ) -> Result<Next, RunError> {
        let cx = self.cx;
        match cx.keyring.proof(&credential.id) {
            None => Ok(Next::TryAnother),
            Some(StoredProof::Certificate(certificate)) => {
                let secret = WindowsSecret::Certificate(certificate);
                self.try_windows(credential, secret).await
            }
            Some(StoredProof::Password(password)) if self.protocol == Protocol::Winrm => {
                let secret = WindowsSecret::Password(password);
                self.try_windows(credential, secret).await
            }
            Some(StoredProof::Password(password)) => self.try_password(credential, password).await,
            Some(StoredProof::Keys(keys)) => {
                let signer = Signer::Keys(keys.get(..self.keys_left).unwrap_or(keys));
                self.try_keys(credential, signer).await
            }
            Some(StoredProof::Agent {
                socket,
                fingerprint,
            }) => {
                let signer = Signer::Agent {
                    socket,
                    only: fingerprint.as_deref(),
                    most: agent_keys.min(self.keys_left),
                };
                self.try_keys(credential, signer).await
            }
        }
    }

    async fn try_keys(
        &mut self,
        credential: &Credential,
        signer: Signer<'_>,
    ) -> Result<Next, RunError> {
        let attempt = self.attempt(credential);
        if self.keys_left == 0 {
            let held = Entry::Held(ResultCode::BreakerOpen, FIVE_KEYS.to_owned());
            return self.conclude(&attempt, held, HostTrust::None).await;
        }
        let met = match self.meet(&attempt.limits).await {
            Ok(met) => met,
            Err(error) => return Ok(self.not_met(&attempt, &error)),
        };
        let trust = self.acquaint(&met);
        let entry = self.by_signature(met, &attempt, signer).await;
        self.conclude(&attempt, entry, trust).await
    }

    async fn try_password(
        &mut self,
        credential: &Credential,
        password: &Password,
    ) -> Result<Next, RunError> {
        let (attempt, told) = self.tell(credential, password).await?;
        match told {
            Ok((entry, trust)) => self.conclude(&attempt, entry, trust).await,
            Err(error) => Ok(self.not_met(&attempt, &error)),
        }
    }

    /// Meets the host and tells it the password, if all that this takes is given.
    pub(super) async fn tell<'c>(
        &mut self,
        credential: &'c Credential,
        password: &Password,
    ) -> Result<(Attempt<'c>, Result<(Entry, HostTrust), MeetError>), RunError> {
        let cx = self.cx;
        let label = HostLabel::new(self.host.address, None);
        let account = AccountKey::of(credential, &label);
        // The turn comes before the connection: a server closes one that waits. A stranger hears no
        // password, and takes no turn.
        let turn = if self.may_hear(credential) {
            // Waiting is other hosts' time, and not of this one's.
            let asked = Instant::now();
            let turn = cx.breaker.turn(&credential.id, &account).await;
            self.deadline += asked.elapsed();
            Some(turn)
        } else {
            None
        };
        let attempt = self.attempt(credential);
        if let Some((code, why)) = cx.breaker.why_open(&account, &label).await? {
            let held = Entry::Held(code, why);
            return Ok((attempt, Ok((held, HostTrust::None))));
        }
        let (met, turn) = match self.meet_in_turn(turn, &attempt.limits).await {
            (Ok(met), turn) => (met, turn),
            (Err(error), _) => return Ok((attempt, Err(error))),
        };
        let trust = self.acquaint(&met);
        let entry = match self.trusted(met, credential).await? {
            Ok(peer) => self.by_password(peer, &attempt, (password, turn)).await?,
            Err(held) => held,
        };
        Ok((attempt, Ok((entry, trust))))
    }

    pub(super) fn attempt<'a>(&self, credential: &'a Credential) -> Attempt<'a> {
        Attempt {
            credential,
            began: Instant::now(),
            limits: self.limits(),
        }
    }

    /// Whether the host may turn out to be one that a password can be given to.
    fn may_hear(&self, credential: &Credential) -> bool {
        let accept = self.cx.plan.accept_new_host_keys;
        FirstUse::allowed(accept, credential.password_on_first_use()).is_some()
            || self.cx.connectors.ssh.knows(&self.host, self.port)
    }

    pub(super) async fn meet(&self, limits: &Limits) -> Result<Met, MeetError> {
        self.enter(Stage::Meet);
        let connectors = &self.cx.connectors;
        let connector = match (self.protocol, &self.connector) {
            (Protocol::Winrm, _) => &connectors.winrm,
            (_, Some(connector)) => connector,
            (_, None) => &connectors.ssh,
        };
        self.note(Step::Connects(self.protocol, self.port));
        let began = Instant::now();
        let met = connector.meet(&self.host, self.port, limits).await;
        self.note_meeting(&met, millis(began));
        if met.is_ok() && self.on_the_way.is_none() {
            self.cx.network.heard((self.host.address, self.port).into());
        }
        met
    }

    fn note_meeting(&self, met: &Result<Met, MeetError>, took_ms: u64) {
        self.note(match met {
            Ok(met) => Step::Met(Meeting {
                protocol: self.protocol,
                port: self.port,
                trust: met.trust(),
                key: met.host_key().clone(),
                banner: met.banner().to_owned(),
                took_ms,
            }),
            Err(error) => {
                let failure = HostFailure::at(Stage::Meet, error);
                Step::NotMet {
                    code: failure.code,
                    detail: failure.detail,
                    took_ms,
                }
            }
        });
    }

    /// Writes down that a credential is used from here on.
    pub(super) fn note_login(&self, attempt: &Attempt<'_>, proof: &'static str) {
        self.note(Step::LogsIn {
            credential: attempt.credential.id.clone(),
            user: attempt.credential.user.clone(),
            proof,
        });
    }

    /// Meets the host, and gives the turn back if that takes long: a slow host delays no other.
    pub(super) async fn meet_in_turn(
        &self,
        turn: Option<Turn>,
        limits: &Limits,
    ) -> (Result<Met, MeetError>, Option<Turn>) {
        let meeting = self.meet(limits);
        tokio::pin!(meeting);
        if let Ok(met) = timeout(TURN_PATIENCE, &mut meeting).await {
            return (met, turn);
        }
        drop(turn);
        (meeting.await, None)
    }

    /// Takes note of what the host showed.
    pub(super) fn acquaint(&mut self, met: &Met) -> HostTrust {
        self.remarks.extend_from_slice(met.remarks());
        self.host_key = Some(met.host_key().clone());
        self.banners.insert(self.port, met.banner().to_owned());
        self.enter(Stage::Login);
        met.trust()
    }

    /// What this host is asked: what it calls itself before a login chooses only the language.
    fn questions(&self) -> &'static QuestionSet {
        let banner = self.banners.get(&self.port).map(String::as_str);
        match self.protocol {
            Protocol::Winrm => &collect::WINDOWS,
            _ if banner.is_some_and(identify::is_windows_banner) => &collect::WINDOWS,
            _ => &collect::UNIX,
        }
    }

    pub(super) async fn conclude(
        &mut self,
        attempt: &Attempt<'_>,
        entry: Entry,
        trust: HostTrust,
    ) -> Result<Next, RunError> {
        Ok(match entry {
            Entry::In(logged_in, trust) => {
                self.note(Step::LoggedIn(logged_in.method));
                if self.protocol == Protocol::Winrm {
                    self.winrm.insert(self.port);
                }
                self.credential = Some(attempt.credential.id.clone());
                self.failure = None;
                let mut row = self.row(Some(attempt.credential), ResultCode::Ok, trust);
                row.attempted = true;
                if self.protocol == Protocol::Winrm {
                    row.detail = format!("by {}", logged_in.method);
                }
                self.remarks.extend(logged_in.remarks);
                self.remark(&mut row);
                let set = self.questions();
                let root = Root {
                    credential: attempt.credential,
                    verified: logged_in.verified,
                };
                self.collect(logged_in.session, set, (row, Some(root)))
                    .await?;
                if let Some(row) = self.access.last_mut() {
                    row.elapsed_ms = millis(attempt.began);
                }
                Next::Done
            }
            Entry::Refused(error) => {
                let trust = if self.pins.is_empty() {
                    trust
                } else {
                    HostTrust::FirstUse
                };
                self.refuse(attempt, HostFailure::at(Stage::Login, &error), trust);
                Next::TryAnother
            }
            Entry::Held(code, detail) => self.hold(attempt, (code, detail), trust),
            Entry::StoodDown => self.stand_down(attempt, trust),
        })
    }

    /// Whether the run has stopped itself. Asked last of all before a login begins.
    #[expect(
        clippy::result_large_err,
        reason = "it is the end of the login either way"
    )]
    fn may_begin(&self) -> Result<(), Entry> {
        if self.cx.alarm.is_raised() {
            return Err(Entry::StoodDown);
        }
        Ok(())
    }

    /// Writes down that the host counts as not begun, however far it was.
    fn stand_down(&mut self, attempt: &Attempt<'_>, trust: HostTrust) -> Next {
        let why = self.cx.alarm.why();
        self.hold(attempt, (ResultCode::NotAttemptedTrust, why.clone()), trust);
        self.failure = Some(HostFailure::not_begun(ResultCode::NotAttemptedTrust, why));
        Next::Done
    }

    /// Writes down that a credential was held back.
    fn hold(
        &mut self,
        attempt: &Attempt<'_>,
        (code, detail): (ResultCode, String),
        trust: HostTrust,
    ) -> Next {
        let mut row = self.row(Some(attempt.credential), code, trust);
        row.detail.clone_from(&detail);
        self.remark(&mut row);
        row.elapsed_ms = millis(attempt.began);
        self.record(row);
        if code != ResultCode::HostkeyChanged {
            return Next::TryAnother;
        }
        // A credential that was held back is no failure of the host, a changed key is one.
        self.failure = Some(HostFailure {
            stage: Stage::Meet,
            code,
            detail,
            retryable: false,
        });
        Next::Done
    }

    pub(super) fn not_met(&mut self, attempt: &Attempt<'_>, error: &MeetError) -> Next {
        let trust = match error.code() {
            ResultCode::HostkeyChanged => HostTrust::Changed,
            _ => HostTrust::None,
        };
        self.refuse(attempt, HostFailure::at(Stage::Meet, error), trust);
        self.was_held_up |= matches!(error, MeetError::NoWayOn(_));
        // What lies beyond a jump host says nothing of what lies here.
        if attempt.credential.jump.is_some() && error.code() != ResultCode::HostkeyChanged {
            return Next::TryAnother;
        }
        Next::Done
    }

    /// Adds to a row what is worth saying of the way.
    pub(super) fn remark(&self, row: &mut AccessRecord) {
        for remark in &self.remarks {
            if !row.detail.is_empty() {
                row.detail.push_str("; ");
            }
            row.detail.push_str(remark);
        }
    }

    fn refuse(&mut self, attempt: &Attempt<'_>, failure: HostFailure, trust: HostTrust) {
        let mut row = self.row(Some(attempt.credential), failure.code, trust);
        // What a host says of itself on the way may be why nothing of the credential was used.
        let held_back = failure.code == ResultCode::NotAttemptedTrust;
        row.attempted = failure.stage == Stage::Login && !held_back;
        row.detail.clone_from(&failure.detail);
        self.remark(&mut row);
        row.elapsed_ms = millis(attempt.began);
        self.record(row);
        self.failure = Some(failure);
    }

    pub(super) async fn by_signature(
        &mut self,
        met: Met,
        attempt: &Attempt<'_>,
        signer: Signer<'_>,
    ) -> Entry {
        if let Err(held) = self.may_begin() {
            return held;
        }
        self.note_login(attempt, "a key");
        let (user, limits) = (&attempt.credential.user, &attempt.limits);
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
            Err(error) => {
                let offered = error.keys_offered().unwrap_or(signer.most());
                self.keys_left = self.keys_left.saturating_sub(offered);
                Entry::Refused(error)
            }
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
        peer: VerifiedPeer,
        attempt: &Attempt<'_>,
        (password, turn): (&Password, Option<Turn>),
    ) -> Result<Entry, RunError> {
        let trust = peer.trust();
        let label = HostLabel::new(self.host.address, Some(peer.host_key()));
        let (ticket, permit) = match self.reserve(attempt, label, turn).await? {
            Ok(reserved) => reserved,
            Err(held) => return Ok(held),
        };
        self.note_login(attempt, "a password");
        let proof = Proof::Password(password, permit);
        let limits = self.limits();
        let login = peer.log_in(&attempt.credential.user, proof, &limits).await;
        self.settle(login, trust, ticket).await
    }

    /// Reserves a try of the account, in its turn. Waiting for others that have the account, or the
    /// same certificate, is not this host's time.
    pub(super) async fn reserve(
        &mut self,
        attempt: &Attempt<'_>,
        label: HostLabel,
        turn: Option<Turn>,
    ) -> Result<Result<(Ticket, Permit), Entry>, RunError> {
        let account = AccountKey::of(attempt.credential, &label);
        let secret = &attempt.credential.id;
        self.reserve_for(secret, account, label, turn).await
    }

    /// Reserves a try of an account for one of its secrets, or says why not.
    pub(super) async fn reserve_for(
        &mut self,
        secret: &CredentialId,
        account: AccountKey,
        label: HostLabel,
        turn: Option<Turn>,
    ) -> Result<Result<(Ticket, Permit), Entry>, RunError> {
        let breaker = &self.cx.breaker;
        let asked = Instant::now();
        let patience = asked + self.cx.plan.host_timeout();
        let turn = match turn {
            Some(turn) => Ok(turn),
            // The host was slow, and lost its turn.
            None => timeout_at(patience, breaker.turn(secret, &account)).await,
        };
        let Ok(turn) = turn else {
            let why = "other hosts tried this account until the time was up".to_owned();
            return Ok(Err(Entry::Held(ResultCode::BreakerOpen, why)));
        };
        let leave = breaker.reserve(account, label, turn.is_proven(), patience);
        let leave = leave.await?;
        self.deadline += asked.elapsed();
        let (reserved, permit) = match leave {
            Leave::Granted(reserved, permit) => (reserved, permit),
            Leave::Open(code, why) => return Ok(Err(Entry::Held(code, why))),
        };
        if let Err(held) = self.may_begin() {
            breaker.give_back(reserved).await?;
            return Ok(Err(held));
        }
        Ok(Ok((Ticket { reserved, turn }, permit)))
    }

    /// Gives a try back or spends it, by how the login ended.
    pub(super) async fn settle(
        &self,
        login: Result<LoggedIn, LoginError>,
        trust: HostTrust,
        ticket: Ticket,
    ) -> Result<Entry, RunError> {
        let breaker = &self.cx.breaker;
        let Ticket { reserved, turn } = ticket;
        match login {
            Ok(logged_in) => {
                breaker.give_back(reserved).await?;
                // A host that let us in without looking at the password has proven nothing.
                if logged_in.secret_sent {
                    turn.prove();
                }
                let trust = logged_in.trust.unwrap_or(trust);
                Ok(Entry::In(logged_in, trust))
            }
            Err(error) if error.counts() => {
                breaker.spend(reserved, error.code()).await?;
                Ok(Entry::Refused(error))
            }
            Err(error) => {
                breaker.return_after(reserved, error.code()).await?;
                Ok(Entry::Refused(error))
            }
        }
    }

    /// The peer that may hear a password, if the host is one. A stranger becomes one where the
    /// operator and the credential both allow it; the pin is on the disk before anything is said.
    pub(super) async fn trusted(
        &mut self,
        met: Met,
        credential: &Credential,
    ) -> Result<Result<VerifiedPeer, Entry>, RunError> {
        let peer = match met {
            Met::Verified(peer) => return self.vouched(peer, credential).await,
            Met::Stranger(peer) => peer,
        };
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

    /// A key that was only ever pinned at first sight is known again, but nobody has vouched for it:
    /// a password follows after `trust import`, or where the credential says so itself.
    async fn vouched(
        &self,
        peer: VerifiedPeer,
        credential: &Credential,
    ) -> Result<Result<VerifiedPeer, Entry>, RunError> {
        let (trust, shown) = (peer.trust(), peer.host_key());
        let Some(detail) = self.why_not_vouched(trust, shown, credential).await? else {
            return Ok(Ok(peer));
        };
        Ok(Err(Entry::Held(ResultCode::HostkeyUnknown, detail)))
    }

    /// Why a host that is known may not hear a password all the same; `None` where it may.
    pub(super) async fn why_not_vouched(
        &self,
        trust: HostTrust,
        shown: &HostKey,
        credential: &Credential,
    ) -> Result<Option<String>, RunError> {
        if trust != HostTrust::Pinned || credential.password_on_first_use() {
            return Ok(None);
        }
        let name = self.host.name.as_ref().map(ToString::to_string);
        let hosts = [Some(self.host.address.to_string()), name];
        let hosts = hosts.into_iter().flatten().collect();
        let pins = self
            .cx
            .store
            .pins_of(&self.cx.site, hosts, self.port)
            .await?;
        let vouches = |pin: &Pin| pin.key == *shown && pin.source != "first_use";
        let detail =
            || format!("the host shows {shown}, which was pinned at first sight and never checked");
        Ok((!pins.iter().any(vouches)).then(detail))
    }
}
