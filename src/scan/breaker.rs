//! The breaker at work: rules from [`credentials`], memory in the [`store`].

use super::gate::{Gate, Turn};
use super::{Clock, RunError};
use crate::credentials::{
    AccountKey, Ask, Credential, Decision, Holder, HostLabel, Limits, Stop, StopReason, Try, decide,
};
use crate::model::{CredentialId, ResultCode, RunId};
use crate::session::Permit;
use crate::store::{Reservation, StopRow, Store, TryId, TryRequest, TryRow, TryState, Verdict};
use std::time::Duration;
use tokio::time::Instant;

/// Lets a secret out only as often as an account can bear.
pub(super) struct Breaker {
    store: Store,
    run: RunId,
    holder: Holder,
    clock: Clock,
    gate: Gate,
    limits: Limits,
}

/// A try that is written down. Dropped without a word, as by a panic, it counts as wrong: the others
/// that wait for it must not wait for ever.
pub(super) struct Reserved {
    store: Store,
    clock: Clock,
    id: TryId,
    account: AccountKey,
    host: HostLabel,
    is_settled: bool,
}

impl Drop for Reserved {
    fn drop(&mut self) {
        if !self.is_settled {
            // The job is under way with the call; nobody can wait for it here.
            drop(self.store.mark_wrong(self.id, (self.clock)()));
        }
    }
}

/// What the breaker says.
pub(super) enum Leave {
    /// The secret may be sent, once.
    Granted(Reserved, Permit),
    /// It may not, and why: the code and the particulars.
    Open(ResultCode, String),
}

impl Breaker {
    pub(super) fn new(store: Store, run: RunId, holder: Holder, clock: Clock) -> Self {
        let limits = Limits::default();
        Self {
            store,
            run,
            holder,
            clock,
            gate: Gate::new(limits.per_account),
            limits,
        }
    }

    /// Waits until it is this host's turn with an account. Nobody should wait here with a connection
    /// open: servers close those that do not log in.
    pub(super) async fn turn(&self, secret: &CredentialId, account: &AccountKey) -> Turn {
        self.gate.turn(secret, account).await
    }

    /// Why a secret would be refused whatever happens meanwhile; asked before anybody connects.
    pub(super) async fn why_open(
        &self,
        account: &AccountKey,
        host: &HostLabel,
    ) -> Result<Option<(ResultCode, String)>, RunError> {
        match self.ask(account, host, Purpose::Look).await? {
            Reservation::Refused(code, why) => Ok(Some((code, why))),
            Reservation::Granted(_) | Reservation::Wait => Ok(None),
        }
    }

    /// Reserves a try, or says why not.
    pub(super) async fn reserve(
        &self,
        account: AccountKey,
        host: HostLabel,
        proven: bool,
        deadline: Instant,
    ) -> Result<Leave, RunError> {
        loop {
            let is_last = Instant::now() + PAUSE >= deadline;
            let purpose = Purpose::Send { proven, is_last };
            match self.ask(&account, &host, purpose).await? {
                Reservation::Granted(id) => {
                    let reserved = Reserved {
                        store: self.store.clone(),
                        clock: Clock::clone(&self.clock),
                        id,
                        account,
                        host,
                        is_settled: false,
                    };
                    return Ok(Leave::Granted(reserved, Permit::for_a_reserved_try()));
                }
                Reservation::Refused(code, why) => return Ok(Leave::Open(code, why)),
                Reservation::Wait if !is_last => tokio::time::sleep(PAUSE).await,
                Reservation::Wait => {
                    let why = "another try of this account did not end in time";
                    return Ok(Leave::Open(ResultCode::BreakerOpen, why.to_owned()));
                }
            }
        }
    }

    async fn ask(
        &self,
        account: &AccountKey,
        host: &HostLabel,
        purpose: Purpose,
    ) -> Result<Reservation, RunError> {
        let now = (self.clock)();
        let (holder, limits) = (self.holder.clone(), self.limits);
        let (account, host) = (account.clone(), host.clone());
        let proven = matches!(purpose, Purpose::Send { proven: true, .. });
        let run = self.run.clone();
        let ask = Ask {
            account: &account,
            host: &host,
            holder: &holder,
            run: &run,
            proven,
            now,
        };
        let request = TryRequest {
            account: account.bucket().to_owned(),
            record: Try::reserve(&ask).record(),
            run: self.run.clone(),
            now,
            horizon: limits.horizon(now),
        };
        let rule = move |tries: &[TryRow], stops: &[StopRow]| {
            let tries: Option<Vec<Try>> = tries.iter().map(read_try).collect();
            let stops: Option<Vec<Stop>> = stops.iter().map(read_stop).collect();
            // A row that cannot be read may be this account's: better no login than a lock.
            let (Some(tries), Some(stops)) = (tries, stops) else {
                return Verdict::Refuse(ResultCode::BreakerOpen, UNREADABLE.to_owned());
            };
            let ask = Ask {
                account: &account,
                host: &host,
                holder: &holder,
                run: &run,
                proven,
                now,
            };
            match (decide(&tries, &stops, &ask, &limits), purpose) {
                (Decision::Open(why), _)
                | (Decision::Wait(Some(why)), Purpose::Send { is_last: true, .. }) => {
                    Verdict::Refuse(why.code(), why.to_string())
                }
                (Decision::Go, Purpose::Send { .. }) => Verdict::Grant,
                (Decision::Go, Purpose::Look) | (Decision::Wait(_), _) => Verdict::Wait,
            }
        };
        Ok(self.store.reserve_try(request, rule).await?)
    }

    /// The secret was proven right, or provably never sent.
    pub(super) async fn give_back(&self, mut reserved: Reserved) -> Result<(), RunError> {
        let returned = self.store.return_try(reserved.id);
        reserved.is_settled = true;
        Ok(returned.await?)
    }

    /// The secret was refused, or nobody knows. A code that speaks of the account stops it.
    pub(super) async fn spend(&self, reserved: Reserved, code: ResultCode) -> Result<(), RunError> {
        let (mut reserved, now) = (reserved, (self.clock)());
        let wrong = self.store.mark_wrong(reserved.id, now);
        reserved.is_settled = true;
        // Both are under way before either is waited for.
        let stopped = self.stop(&reserved, code);
        wrong.await?;
        stopped.await
    }

    /// No secret was sent, or it was proven right. A code that speaks of the account stops it all
    /// the same: a directory may say so before it hears any proof.
    pub(super) async fn return_after(
        &self,
        reserved: Reserved,
        code: ResultCode,
    ) -> Result<(), RunError> {
        let stopped = self.stop(&reserved, code);
        self.give_back(reserved).await?;
        stopped.await
    }

    /// Stops the account where the code speaks of it. The job is under way with the call.
    fn stop(
        &self,
        reserved: &Reserved,
        code: ResultCode,
    ) -> impl Future<Output = Result<(), RunError>> + use<> {
        let now = (self.clock)();
        let stop = StopReason::from_code(code).map(|why| Stop {
            account: reserved.account.clone(),
            host: reserved.host.clone(),
            why,
            at: now,
        });
        let stopped = stop.map(|stop| {
            self.store.stop_account(StopRow {
                account: stop.account.bucket().to_owned(),
                record: stop.record(),
                at: now,
            })
        });
        async move {
            match stopped {
                Some(stopped) => Ok(stopped.await?),
                None => Ok(()),
            }
        }
    }
}

/// All that the breaker remembers, at one moment: to see whether it is open, without asking for a try.
#[derive(Debug)]
pub struct Standing {
    /// `None` where the record cannot be read.
    rows: Option<(Vec<Try>, Vec<Stop>)>,
}

impl Standing {
    /// Reads it.
    ///
    /// # Errors
    /// Where the store fails.
    pub async fn of(store: &Store) -> Result<Self, RunError> {
        let rows = remembered(store).await?;
        Ok(Self { rows })
    }

    /// Why no secret of a credential would be sent to a host now, and until when.
    pub fn why_open(
        &self,
        credential: &Credential,
        address: std::net::IpAddr,
        now: crate::model::UtcTime,
    ) -> Option<(ResultCode, String)> {
        let Some((tries, stops)) = &self.rows else {
            return Some((ResultCode::BreakerOpen, UNREADABLE.to_owned()));
        };
        let label = HostLabel::new(address, None);
        let ask = Ask {
            account: &AccountKey::of(credential, &label),
            host: &label,
            holder: &Holder::new("nobody"),
            run: &RunId::new("none"),
            proven: true,
            now,
        };
        match decide(tries, stops, &ask, &Limits::default()) {
            Decision::Open(why) => Some((why.code(), why.to_string())),
            Decision::Go | Decision::Wait(_) => None,
        }
    }
}

const UNREADABLE: &str = "the record of earlier tries cannot be read";

/// What the breaker is asked for.
#[derive(Clone, Copy)]
enum Purpose {
    /// To send a secret of a credential that has, or has not, logged in anywhere in this run.
    /// The last time it is asked, nobody waits any longer.
    Send { proven: bool, is_last: bool },
    /// To know whether it is open.
    Look,
}

/// How long to wait for another try to end.
const PAUSE: Duration = Duration::from_millis(50);

/// The tries and stops of all runs, for the worst case; `None` where one cannot be read, and no password
/// will be told.
///
/// # Errors
/// When the store fails.
pub async fn remembered(store: &Store) -> Result<Option<(Vec<Try>, Vec<Stop>)>, RunError> {
    let (tries, stops) = store.breaker().await?;
    let tries: Option<Vec<Try>> = tries.iter().map(read_try).collect();
    let stops: Option<Vec<Stop>> = stops.iter().map(read_stop).collect();
    Ok(tries.zip(stops))
}

fn read_try(row: &TryRow) -> Option<Try> {
    let is_wrong = row.state == TryState::Wrong;
    Try::from_record(&row.record, row.run.clone(), row.at, is_wrong)
}

fn read_stop(row: &StopRow) -> Option<Stop> {
    Stop::from_record(&row.record, row.at)
}
