//! One host, from the first hello to the verdicts.

mod jump;
mod login;
mod look;
mod root;
mod ruled_out;
mod windows;

pub(super) use jump::Jumps;
pub(super) use look::look;

use super::desk::Seat;
use super::{Context, Event, RunError, RunKind, Step, judge, notes};
use crate::collect;
use crate::credentials::{self, Credential};
use crate::identify;
use crate::model::{
    AccessRecord, Clue, CredentialId, Date, Finding, HostFailure, HostKey, HostOutcome, HostTrust,
    Inventory, LiveHost, Protocol, ResultCode, Service, Stage,
};
use crate::session::{Answers, Connector, Limits, Loss, QuestionSet, Room, Session};
use crate::store::{HostCommit, Matched, Pin};
use crate::traffic::Share;
use root::Root;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;
use tokio::time::Instant;

/// Looks at one host, and logs in where there is a way in; `rest` is what is said of it where there is
/// none. The seat is to be kept until the host is saved.
pub(super) async fn work(
    cx: &Context,
    host: LiveHost,
    mac: Option<[u8; 6]>,
    rest: HostCommit,
) -> Result<(HostCommit, Seat), RunError> {
    let began = Instant::now();
    cx.enter(host.address, Stage::Identify);
    let (before, by_login) = look::ports(cx, &host);
    let mut clues: Vec<Clue> = mac.map(look::of_link).into_iter().collect();
    clues.extend(look(cx, &host, before).await);
    clues.extend(cx.announced(host.address).await);
    let ways = ways_in(cx, &host, &clues);
    let (mut commit, seat) = if cx.plan.kind == RunKind::Sweep || ways.is_empty() {
        (rest, Seat::default())
    } else if is_left_alone(cx, &host, &clues) {
        (leave_alone(rest), Seat::default())
    } else {
        let (commit, seat) = scan(cx, host, &ways, &rest.outcome.access).await?;
        let host = &commit.outcome.host;
        if commit.outcome.inventory.is_none() && !cx.plan.ways_met(&by_login).is_empty() {
            clues.extend(look(cx, host, cx.plan.ways_met(&by_login)).await);
        }
        clues.extend(commit.outcome.services.iter().flat_map(look::of_login));
        (commit, seat)
    };
    if cx.plan.look.every_key {
        let vouched = look::vouched(cx, &commit.outcome.host).await;
        commit.outcome.access.extend(vouched);
    }
    let outcome = &mut commit.outcome;
    outcome.host_key = outcome
        .host_key
        .take()
        .or_else(|| identify::host_key(&clues));
    outcome.clues = clues;
    outcome.elapsed_ms = millis(began);
    commit.exposures = exposures(outcome, cx.today);
    commit.finished = (cx.clock)();
    Ok((judge_it(cx, commit).await?, seat))
}

/// What is wrong with a host that was looked at, as far as it shows.
fn exposures(outcome: &HostOutcome, today: Date) -> Vec<Finding> {
    let print = identify::fingerprint(&outcome.clues, &outcome.host.open_ports, today);
    identify::exposures(&print, outcome.inventory.is_some())
}

/// The open ports that one can log in on; SSH also where nobody expected it.
fn ways_in(cx: &Context, host: &LiveHost, clues: &[Clue]) -> Vec<(Protocol, u16)> {
    let is_open = |way: &(Protocol, u16)| host.open_ports.contains(&way.1);
    let named: Vec<(Protocol, u16)> = cx.plan.ways_in().filter(is_open).collect();
    let found = identify::ssh_ports(clues).map(|port| (Protocol::Ssh, port));
    let found: Vec<(Protocol, u16)> = found.filter(|way| !named.contains(way)).collect();
    [named, found].concat()
}

/// A printer or an industrial device gets no login.
fn is_left_alone(cx: &Context, host: &LiveHost, clues: &[Clue]) -> bool {
    !cx.plan.look.include_fragile && identify::is_fragile(clues, &host.open_ports)
}

/// What is said of a host that was not begun because the run stopped itself; `--resume` comes back to it.
pub(super) fn not_begun(mut rest: HostCommit, code: ResultCode, why: &str) -> HostCommit {
    let covered = |row: &&mut AccessRecord| row.code != ResultCode::NoCredentialInScope;
    for row in rest.outcome.access.iter_mut().filter(covered) {
        row.code = code;
        why.clone_into(&mut row.detail);
    }
    rest.outcome.failure = Some(HostFailure::not_begun(code, why.to_owned()));
    rest
}

/// Says of a host that may not be asked again, for it may have heard a secret, that its silence may be ours.
pub(super) fn excuse(commit: &mut HostCommit) {
    const OURS: &str = "; this machine had no network then";
    if let Some(failure) = &mut commit.outcome.failure {
        failure.detail.push_str(OURS);
    }
    if let Some(row) = commit.outcome.access.iter_mut().rfind(|row| row.attempted) {
        row.detail.push_str(OURS);
    }
}

const LEFT_ALONE: &str = "a printer, controller, UPS or camera is left alone (--include-fragile)";

fn leave_alone(mut rest: HostCommit) -> HostCommit {
    let covered = |row: &&mut AccessRecord| row.code != ResultCode::NoCredentialInScope;
    for row in rest.outcome.access.iter_mut().filter(covered) {
        row.code = ResultCode::NotAttemptedTrust;
        LEFT_ALONE.clone_into(&mut row.detail);
    }
    rest
}

/// Scans one host on the ports that accepted a connection, until one lets us in.
async fn scan(
    cx: &Context,
    host: LiveHost,
    ways: &[(Protocol, u16)],
    closed: &[AccessRecord],
) -> Result<(HostCommit, Seat), RunError> {
    let mut visit = Visit::new(cx, host);
    let remembered = cx.remembered(visit.host.address).await?;
    let known = cx.keyring.credentials().iter();
    let worked = known.filter(|one| remembered.as_ref() == Some(&one.id));
    let first = worked.map(|one| one.kind().protocol()).next();
    // What let us in before comes first, whatever it speaks; else the operator's order holds.
    let mut in_order = ways.to_vec();
    in_order.sort_by_key(|way| Some(way.0) != first);
    for (protocol, port) in &in_order {
        (visit.protocol, visit.port) = (*protocol, *port);
        visit.log_in().await?;
        visit.sound_the_alarm();
        let is_over = visit.changed() || visit.stood_down() || visit.is_out_of_time();
        if visit.inventory.is_some() || is_over {
            break;
        }
    }
    visit.note_untried(closed, ways);
    Ok(visit.finish())
}

/// Scans one host that does not answer us, through the jump hosts that its credentials name; `None` where
/// nobody answers them either. A jump host that does not let us on is the host's failure: nobody knows
/// whether it is there.
pub(super) async fn work_behind(
    cx: &Context,
    host: LiveHost,
) -> Result<Option<(HostCommit, Seat)>, RunError> {
    let began = Instant::now();
    let mut visit = Visit::new(cx, host);
    visit.is_behind = true;
    for port in &cx.plan.ssh_ports {
        visit.port = *port;
        visit.log_in().await?;
        if visit.inventory.is_some() || visit.changed() || visit.is_out_of_time() {
            break;
        }
    }
    let nobody = visit.host_key.is_none()
        && visit.banners.is_empty()
        && visit
            .access
            .iter()
            .all(|row| row.code == ResultCode::Filtered && !row.attempted)
        && !visit.was_held_up;
    if nobody {
        return Ok(None);
    }
    let (mut commit, seat) = visit.finish();
    commit.outcome.elapsed_ms = millis(began);
    Ok(Some((judge_it(cx, commit).await?, seat)))
}

/// Adds the verdicts to a host that was read.
async fn judge_it(cx: &Context, mut commit: HostCommit) -> Result<HostCommit, RunError> {
    if cx.plan.kind.is_examination() {
        return Ok(commit);
    }
    if let Some(inventory) = commit.outcome.inventory.take() {
        let address = commit.outcome.host.address;
        cx.enter(address, Stage::Match);
        let (inventory, matched) = judge::judge(cx, address, inventory).await?;
        commit.outcome.inventory = Some(inventory);
        commit.matched = Some(matched);
    }
    Ok(commit)
}

/// Reads this machine, without a network.
pub(super) async fn scan_local(
    cx: &Context,
    host: LiveHost,
) -> Result<(HostCommit, Seat), RunError> {
    let mut visit = Visit::new(cx, host);
    let began = Instant::now();
    let local: Box<dyn Session> = Box::new(crate::session::Local);
    let mut row = visit.row(None, ResultCode::Ok, HostTrust::None);
    (row.protocol, row.port, row.attempted) = (Protocol::Local, None, true);
    visit.collect(local, &collect::UNIX, (row, None)).await?;
    let (mut commit, seat) = visit.finish();
    commit.outcome.elapsed_ms = millis(began);
    Ok((judge_it(cx, commit).await?, seat))
}

fn millis(since: Instant) -> u64 {
    u64::try_from(since.elapsed().as_millis()).unwrap_or(u64::MAX)
}

/// Says goodbye, for a moment.
async fn farewell(session: Box<dyn Session>) {
    let goodbye = Duration::from_secs(2);
    tokio::time::timeout(goodbye, session.close()).await.ok();
}

/// The code and the particulars of a host that was read: what the session went without says more
/// than the questions that it left open.
fn how_whole(inventory: &Inventory, losses: &[Loss], way: String) -> (ResultCode, String) {
    let gaps = inventory.gaps.iter();
    let gaps = gaps.map(|gap| {
        let lost = collect::lost_without(&gap.question);
        let lost = lost.map_or_else(String::new, |lost| format!(" ({lost})"));
        format!("{}: {}{lost}", gap.question, gap.cause.as_str())
    });
    let lost = losses.iter().map(|loss| loss.detail.clone());
    let way = Some(way).filter(|way| !way.is_empty());
    let parts = way.into_iter().chain(lost).chain(gaps);
    let detail = parts.collect::<Vec<_>>().join("; ");
    let code = match losses.first() {
        Some(loss) => loss.code,
        None if inventory.gaps.is_empty() => ResultCode::Ok,
        None => ResultCode::OkPartial,
    };
    (code, detail)
}

/// What is known of a host so far.
struct Visit<'a> {
    cx: &'a Context,
    host: LiveHost,
    protocol: Protocol,
    port: u16,
    /// When we are done with the host, whatever is left: one for all of its ports and credentials. A moment of
    /// its own time.
    deadline: Instant,
    /// Its share of the bandwidth, and its clock.
    share: Share,
    /// The same on the way through a jump host.
    on_the_way: Option<Share>,
    /// The memory for its answers, and the place where they are read.
    room: Room,
    seat: Seat,
    host_key: Option<HostKey>,
    /// What each port said first.
    banners: BTreeMap<u16, String>,
    /// The ports on which WinRM was spoken.
    winrm: BTreeSet<u16>,
    inventory: Option<Inventory>,
    failure: Option<HostFailure>,
    credential: Option<CredentialId>,
    access: Vec<AccessRecord>,
    pins: Vec<Pin>,
    /// How many more keys the host may be offered, on all its ports together.
    keys_left: usize,
    /// How the present credential wants the host to be met, if not as usual.
    connector: Option<Arc<dyn Connector>>,
    /// What is worth saying of the way to it.
    remarks: Vec<String>,
    /// Whether it does not answer us directly, and is only tried through others.
    is_behind: bool,
    /// Whether a jump host did not let us on.
    was_held_up: bool,
    /// The credentials that were to be tried, on all its ports together.
    planned: BTreeSet<CredentialId>,
}

impl<'a> Visit<'a> {
    fn new(cx: &'a Context, host: LiveHost) -> Self {
        let share = cx.traffic.share();
        Self {
            cx,
            host,
            protocol: Protocol::Ssh,
            port: 0,
            deadline: share.now() + cx.plan.host_timeout(),
            share,
            on_the_way: None,
            room: cx.memory.room(),
            seat: Seat::default(),
            host_key: None,
            banners: BTreeMap::new(),
            winrm: BTreeSet::new(),
            inventory: None,
            failure: None,
            credential: None,
            access: Vec::new(),
            pins: Vec::new(),
            keys_left: credentials::MAX_KEYS,
            connector: None,
            remarks: Vec::new(),
            is_behind: false,
            was_held_up: false,
            planned: BTreeSet::new(),
        }
    }

    /// What an SSH server says without being asked; nothing is written.
    async fn read_banner(&mut self) {
        let limits = self.limits();
        self.enter(Stage::Meet);
        self.note(Step::Looks(vec![("greeting", self.port)]));
        let banner = identify::grab_banner(self.host.address, self.port, &limits).await;
        if let Some(banner) = banner {
            self.banners.insert(self.port, banner);
        }
    }

    /// Asks a set of questions and reads the answers; the row says how it went.
    async fn collect(
        &mut self,
        session: Box<dyn Session>,
        set: &'static QuestionSet,
        (mut row, root): (AccessRecord, Option<Root<'_>>),
    ) -> Result<(), RunError> {
        self.enter(Stage::Collect);
        let mut session = session;
        let set = self.asked(set);
        if self.cx.plan.kind == RunKind::Login {
            self.ask_account(&mut *session, set).await;
            farewell(session).await;
            self.record(row);
            return Ok(());
        }
        self.note(Step::Asks(set));
        let mut answers = session.ask(set, &self.limits()).await;
        self.note_answers(&mut *session, set, answers.as_ref().ok());
        if let (Ok(answers), Some(root)) = (&mut answers, root)
            && set.name == collect::UNIX.name
        {
            let added = self.ask_root(&mut *session, answers, (root, row.trust));
            row.detail.extend(added.await?);
        }
        if self.cx.plan.kind == RunKind::Doctor {
            self.ask_account(&mut *session, set).await;
        }
        farewell(session).await;
        // Nobody waits for a second seat on a first one.
        self.seat = Seat::default();
        if let Ok(answers) = &answers {
            self.seat = self.cx.desk.seat(answers).await;
        }
        let inventory = match &answers {
            Ok(answers) => self.read(set, answers),
            Err(error) => Err(HostFailure::at(Stage::Collect, error)),
        };
        match inventory {
            Ok(inventory) => {
                let losses = answers.as_ref().map_or(&[][..], Answers::losses);
                (row.code, row.detail) = how_whole(&inventory, losses, row.detail);
                self.inventory = Some(inventory);
            }
            Err(failure) => {
                row.code = failure.code;
                row.detail.clone_from(&failure.detail);
                self.failure = Some(failure);
            }
        }
        self.record(row);
        Ok(())
    }

    /// What of a set this run asks here.
    fn asked(&self, set: &'static QuestionSet) -> &'static QuestionSet {
        self.cx.plan.questions_at(self.host.address, set)
    }

    /// Asks as whom we are logged in.
    async fn ask_account(&self, session: &mut dyn Session, set: &'static QuestionSet) {
        let set = collect::account_questions(set);
        self.note(Step::Asks(set));
        let answers = session.ask(set, &self.limits()).await;
        self.note_answers(session, set, answers.as_ref().ok());
        let answers = answers.unwrap_or_default();
        self.note(notes::told_account(&answers));
    }

    /// Writes down what was said for a set, and how it was answered.
    fn note_answers(
        &self,
        session: &mut dyn Session,
        set: &'static QuestionSet,
        answers: Option<&Answers>,
    ) {
        self.note(Step::Said(session.exchanges()));
        if let Some(answers) = answers {
            self.note(notes::answered(set, answers));
        }
    }

    fn note(&self, step: Step) {
        self.cx.note(self.host.address, step);
    }

    /// A way in has come to its end, or was ruled out.
    fn record(&mut self, row: AccessRecord) {
        self.note(Step::Ended(row.clone()));
        self.access.push(row);
    }

    fn read(&self, set: &'static QuestionSet, answers: &Answers) -> Result<Inventory, HostFailure> {
        for id in answers.ids() {
            let address = self.host.address;
            if let Some(reply) = answers.reply(id) {
                let bytes = reply.stdout.len();
                tracing::trace!(%address, question = id, exit = reply.exit, bytes);
            }
        }
        if let Some(folder) = &self.cx.plan.record {
            let folder = folder.join(self.host.address.to_string().replace(':', "_"));
            if let Err(error) = collect::save(&folder, set, answers) {
                let text = format!("cannot record to {}: {error}", folder.display());
                self.cx.tell(Event::Warning { text });
            }
        }
        collect::read(set, answers).ok_or_else(|| {
            let lost = answers.losses().first();
            HostFailure {
                stage: Stage::Collect,
                code: lost.map_or(ResultCode::ShellRestricted, |loss| loss.code),
                detail: lost.map_or_else(
                    || "the host answered none of the questions that tell what it is".to_owned(),
                    |loss| loss.detail.clone(),
                ),
                retryable: false,
            }
        })
    }

    fn row(
        &self,
        credential: Option<&Credential>,
        code: ResultCode,
        trust: HostTrust,
    ) -> AccessRecord {
        AccessRecord {
            protocol: self.protocol,
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

    /// Whether the run stopped itself before this host was tried.
    fn stood_down(&self) -> bool {
        let failure = self.failure.as_ref();
        failure.is_some_and(|failure| failure.stage == Stage::Wait)
    }

    /// Tells everybody of a changed key, before anything else is done.
    fn sound_the_alarm(&self) {
        let Some(failure) = self.failure.as_ref().filter(|_| self.changed()) else {
            return;
        };
        let address = self.host.address;
        let hosts = self.cx.alarm.note(address);
        self.cx.tell(Event::KeyChanged {
            address,
            port: self.port,
            detail: failure.detail.clone(),
            hosts,
        });
    }

    fn is_out_of_time(&self) -> bool {
        self.share().now() >= self.deadline
    }

    fn share(&self) -> &Share {
        self.on_the_way.as_ref().unwrap_or(&self.share)
    }

    fn limits(&self) -> Limits {
        Limits {
            share: self.share().clone(),
            room: self.room.clone(),
            ..Limits::until(self.deadline)
        }
    }

    fn enter(&self, stage: Stage) {
        self.cx.enter(self.host.address, stage);
    }

    fn finish(self) -> (HostCommit, Seat) {
        let services = self.services();
        let commit = HostCommit {
            outcome: HostOutcome {
                host: self.host,
                host_key: self.host_key,
                inventory: self.inventory,
                credential: self.credential,
                failure: self.failure,
                access: self.access,
                services,
                clues: Vec::new(),
                elapsed_ms: 0,
            },
            matched: None::<Matched>,
            exposures: Vec::new(),
            pins: self.pins,
            finished: (self.cx.clock)(),
        };
        (commit, self.seat)
    }

    fn services(&self) -> Vec<Service> {
        let banners = self.banners.iter();
        let ssh = banners.map(|(port, banner)| identify::open_service(*port, banner));
        let winrm = self.winrm.iter().map(|port| Service {
            service: Protocol::Winrm.as_str().to_owned(),
            ..identify::open_service(*port, "")
        });
        ssh.chain(winrm).collect()
    }
}
