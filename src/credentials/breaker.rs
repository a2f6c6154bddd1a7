//! The breaker: no account is locked by us.
//!
//! A lockout policy counts wrong passwords, and three can be enough. So a try is *reserved* before the
//! secret is sent, and only a proven success takes it back. A refusal, a lost connection, a crash: all
//! stay counted, over all runs, for 24 hours. At most one per account and host, two per account.
//!
//! Plain data and pure rules. The keeper of the tries (a database) does, in **one** exclusive
//! transaction: load the tries and stops of the account's bucket ([`AccountKey::bucket`]; [`decide`] finds
//! those that matter, since an account has many spellings), call [`decide`], on [`Decision::Go`] insert [`Try::reserve`]. After
//! the login: on proven success delete that try; else, whatever happened, replace it by
//! [`Try::spent`] (or others wait for it for ever), and add a [`Stop`] where the host says that the
//! account is locked or the like.
//!
//! Times come from the clock of this machine. If it goes back, tries lie in the future, and count: the
//! breaker stays open for longer. If it leaps ahead by a day, tries are forgotten early; nothing that
//! survives a crash could tell.

use super::{AccountKey, Holder, HostLabel, Stop, StopReason, Try, TryState};
use crate::model::{ResultCode, RunId, UtcTime, plural};
use std::fmt;
use std::time::Duration;

/// Whether a secret may be sent now.
pub fn decide(tries: &[Try], stops: &[Stop], ask: &Ask<'_>, limits: &Limits) -> Decision {
    if let Some(why) = stopped(stops, ask, limits) {
        return Decision::Open(why);
    }
    // What is still on its way counts however old it is: a laptop may have slept over it.
    let counted = tries.iter().filter(|it| {
        (limits.counts(it.at, ask.now) || it.is_held_by(ask.holder))
            && ask.account.may_be(ask.host, &it.account, &it.host)
    });
    let (in_flight, others): (Vec<&Try>, Vec<&Try>) =
        counted.partition(|it| it.is_held_by(ask.holder));
    let (open, lasting): (Vec<&Try>, Vec<&Try>) = others
        .into_iter()
        .partition(|it| may_come_back(it, ask, limits));

    let here = |tries: &[&Try]| -> Vec<UtcTime> {
        let here = tries.iter().filter(|it| it.host.is_same(ask.host));
        here.map(|it| it.at).collect()
    };
    let everywhere: Vec<UtcTime> = lasting.iter().map(|it| it.at).collect();
    let lasting_here = here(&lasting);
    if lasting_here.len() >= limits.per_account_and_host {
        let until = limits.closes(lasting_here, limits.per_account_and_host);
        return Decision::Open(Why::HostSpent { until });
    }
    if lasting.len() >= limits.per_account {
        let (tries, until) = (lasting.len(), limits.closes(everywhere, limits.per_account));
        return Decision::Open(Why::AccountSpent { tries, until });
    }

    let (settled_here, settled) = (lasting_here.len(), lasting.len());
    if let Some(decision) = in_use(&open, (settled_here, settled), ask, limits) {
        return decision;
    }
    let full = settled_here + here(&open).len() + here(&in_flight).len()
        >= limits.per_account_and_host
        || settled + open.len() + in_flight.len() >= limits.per_account;
    let canary_is_out = || {
        let held = tries.iter().filter(|it| it.is_held_by(ask.holder));
        held.into_iter()
            .any(|it| ask.account.shares_canary(&it.account))
    };
    if full || (!ask.proven && canary_is_out()) {
        return Decision::Wait(None);
    }
    Decision::Go
}

/// Whether another run may still say how its try ended. Where the run is ours, the process is not: it was killed, and
/// we go on with its run.
fn may_come_back(it: &Try, ask: &Ask<'_>, limits: &Limits) -> bool {
    let age = ask.now.unix().saturating_sub(it.at.unix());
    let is_reserved = matches!(it.state, TryState::Reserved { .. });
    is_reserved
        && it.run != *ask.run
        && (-seconds(limits.patience)..=seconds(limits.slack)).contains(&age)
}

/// What is to be done where nothing but tries of other runs that have not ended stands in the way.
fn in_use(
    open: &[&Try],
    (settled_here, settled): (usize, usize),
    ask: &Ask<'_>,
    limits: &Limits,
) -> Option<Decision> {
    let here: Vec<&Try> = open
        .iter()
        .copied()
        .filter(|it| it.host.is_same(ask.host))
        .collect();
    let on_this_host = settled_here + here.len() >= limits.per_account_and_host;
    if !on_this_host && settled + open.len() < limits.per_account {
        return None;
    }
    let in_the_way = if on_this_host { &*here } else { open };
    let first = in_the_way.iter().min_by_key(|it| it.at)?;
    let why = Why::InUse {
        run: first.run.clone(),
        since: first.at,
        on_this_host,
    };
    let is_new = |it: &&Try| ask.now.unix().saturating_sub(it.at.unix()) < seconds(limits.patience);
    if in_the_way.iter().any(is_new) {
        return Some(Decision::Wait(Some(why)));
    }
    Some(Decision::Open(why))
}

fn seconds(time: Duration) -> i64 {
    i64::try_from(time.as_secs()).unwrap_or(i64::MAX)
}

/// What is asked of the breaker.
#[derive(Clone, Copy, Debug)]
pub struct Ask<'a> {
    /// The account whose secret would be sent.
    pub account: &'a AccountKey,
    /// The host that would get it.
    pub host: &'a HostLabel,
    /// Who asks.
    pub holder: &'a Holder,
    /// For which run.
    pub run: &'a RunId,
    /// Whether this credential has logged in anywhere in this run. Until it has, one host at a time
    /// is the canary.
    pub proven: bool,
    /// The present.
    pub now: UtcTime,
}

/// The breaker's answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Decision {
    /// Reserve a try, then send.
    Go,
    /// A try is on its way, and may come back: ask again when one has ended. It is this process's own, or another
    /// run's, in the words for those who cannot wait any longer.
    Wait(Option<Why>),
    /// Do not send; the code of the host's row is [`Why::code`].
    Open(Why),
}

/// Why the breaker is open. As text: a lower-case fragment.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Why {
    /// A host said that the account cannot log in.
    Stopped {
        /// What it said.
        reason: StopReason,
        /// When it may be tried again.
        until: UtcTime,
    },
    /// The account was tried on this host, without proven success.
    HostSpent {
        /// When it may be tried again.
        until: UtcTime,
    },
    /// The account was tried as often as it may be, over all hosts.
    AccountSpent {
        /// How often.
        tries: usize,
        /// When it may be tried again.
        until: UtcTime,
    },
    /// Another run tries the account and has not said how that ended. It counts until it has.
    InUse {
        /// That run.
        run: RunId,
        /// When it began.
        since: UtcTime,
        /// Whether it tries it on this host.
        on_this_host: bool,
    },
}

impl Why {
    /// The result code of a host where nothing is sent for this.
    pub fn code(&self) -> ResultCode {
        match self {
            Self::InUse { .. } => ResultCode::AccountInUse,
            _ => ResultCode::BreakerOpen,
        }
    }
}

impl fmt::Display for Why {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Stopped { reason, until } => {
                let sentence = reason.code().as_str();
                write!(f, "a host answered {sentence}; not used until {until}")
            }
            Self::HostSpent { until } => {
                write!(
                    f,
                    "a try on this host did not succeed; no other until {until}"
                )
            }
            Self::AccountSpent { tries, until } => write!(
                f,
                "{} of this account did not succeed; no other until {until}",
                plural(*tries, "try")
            ),
            Self::InUse {
                run,
                since,
                on_this_host,
            } => {
                let place = if *on_this_host { " on this host" } else { "" };
                write!(
                    f,
                    "run {run} began to use this account{place} at {since} and has not ended that: scan again when that run \
                     has ended (where it was killed, its try counts as a wrong one)"
                )
            }
        }
    }
}

/// How many tries may fail.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// On one host.
    pub per_account_and_host: usize,
    /// Over all hosts.
    pub per_account: usize,
    /// Within this time.
    pub window: Duration,
    /// The longest time between a reservation and the host's having seen the secret: no host's
    /// deadline may be later. It is added to the window, since a crash leaves only the first.
    pub slack: Duration,
    /// How long another run's try is waited for, from its beginning.
    pub patience: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            per_account_and_host: 1,
            per_account: 2,
            window: Duration::from_hours(24),
            slack: Duration::from_hours(1),
            patience: Duration::from_secs(20),
        }
    }
}

impl Limits {
    /// The oldest moment that still counts at `now`: stops and [`TryState::Wrong`] tries that are
    /// older may be forgotten. (A reserved one counts for its holder for as long as it flies.)
    ///
    /// [`TryState::Wrong`]: super::TryState::Wrong
    pub fn horizon(&self, now: UtcTime) -> UtcTime {
        UtcTime::from_unix(now.unix().saturating_sub(self.span()))
    }

    /// Also what lies in the future counts: the clock went back.
    fn counts(&self, at: UtcTime, now: UtcTime) -> bool {
        at >= self.horizon(now)
    }

    /// When a moment counts no more.
    pub(super) fn forgets(&self, at: UtcTime) -> UtcTime {
        UtcTime::from_unix(at.unix().saturating_add(self.span()).saturating_add(1))
    }

    /// When fewer than `limit` of these moments count.
    fn closes(&self, mut moments: Vec<UtcTime>, limit: usize) -> UtcTime {
        moments.sort_unstable();
        let last = moments.len().saturating_sub(limit.max(1));
        let at = moments.get(last).map_or(0, |at| at.unix());
        UtcTime::from_unix(at.saturating_add(self.span()).saturating_add(1))
    }

    fn span(&self) -> i64 {
        let span = self.window.saturating_add(self.slack).as_secs();
        i64::try_from(span).unwrap_or(i64::MAX)
    }
}

fn stopped(stops: &[Stop], ask: &Ask<'_>, limits: &Limits) -> Option<Why> {
    let hits = stops.iter().filter(|stop| {
        limits.counts(stop.at, ask.now) && ask.account.may_be(ask.host, &stop.account, &stop.host)
    });
    let last = hits.max_by_key(|stop| stop.at)?;
    Some(Why::Stopped {
        reason: last.why,
        until: limits.closes(vec![last.at], 1),
    })
}

#[cfg(test)]
mod tests {
    use super::super::account::tests::{account, label};
    use super::*;

    const DAY: i64 = 24 * 60 * 60;

    fn at(seconds: i64) -> UtcTime {
        UtcTime::from_unix(1_800_000_000 + seconds)
    }

    /// A process that tries `CORP\audit`.
    struct Process {
        holder: Holder,
        run: RunId,
        proven: bool,
    }

    impl Process {
        fn new(proven: bool) -> Self {
            let (holder, run) = (Holder::new("me"), RunId::new("r-1"));
            Self {
                holder,
                run,
                proven,
            }
        }

        fn decide(&self, tries: &[Try], stops: &[Stop], host: u8, now: i64) -> Decision {
            let host = label(host, &format!("k{host}"));
            let account = account(r"user = 'CORP\audit'", &host);
            let ask = Ask {
                account: &account,
                host: &host,
                holder: &self.holder,
                run: &self.run,
                proven: self.proven,
                now: at(now),
            };
            decide(tries, stops, &ask, &Limits::default())
        }
    }

    fn reserved(host: u8, when: i64, holder: &str) -> Try {
        let host = label(host, &format!("k{host}"));
        Try {
            account: account("user = 'audit@corp'", &host),
            host,
            run: RunId::new("r-1"),
            at: at(when),
            state: TryState::Reserved {
                holder: Holder::new(holder),
            },
        }
    }

    fn wrong(host: u8, when: i64) -> Try {
        reserved(host, when, "it").spent(at(when))
    }

    #[test]
    fn the_first_host_is_tried_alone_until_it_has_proven_the_secret() {
        let canary = [reserved(1, 0, "me")];
        assert_eq!(Process::new(false).decide(&[], &[], 1, 0), Decision::Go);
        assert_eq!(
            Process::new(false).decide(&canary, &[], 2, 0),
            Decision::Wait(None)
        );
        assert_eq!(Process::new(true).decide(&canary, &[], 2, 0), Decision::Go);
    }

    #[test]
    fn reservations_count_like_failures_so_that_concurrency_cannot_beat_the_limit() {
        let two = [reserved(1, 0, "me"), reserved(2, 0, "me")];
        assert_eq!(
            Process::new(true).decide(&two, &[], 3, 0),
            Decision::Wait(None)
        );
        let one_spent = [wrong(1, 0), reserved(2, 0, "me")];
        assert_eq!(
            Process::new(true).decide(&one_spent, &[], 3, 0),
            Decision::Wait(None)
        );
    }

    #[test]
    fn the_tries_of_a_crashed_process_never_come_back() {
        let two = [reserved(1, 0, "dead"), reserved(2, 5, "dead")];
        let decision = Process::new(true).decide(&two, &[], 3, 60);
        let until = at(DAY + 3600 + 1);
        assert_eq!(
            decision,
            Decision::Open(Why::AccountSpent { tries: 2, until })
        );
        let here = Process::new(true).decide(&two[..1], &[], 1, 60);
        assert_eq!(here, Decision::Open(Why::HostSpent { until }));
    }

    #[test]
    fn a_try_of_another_run_that_has_not_ended_accuses_nobody_and_holds_all_the_same() {
        let other = Try {
            run: RunId::new("r-2"),
            ..reserved(1, 0, "other")
        };
        let me = Process::new(true);
        let why = Why::InUse {
            run: RunId::new("r-2"),
            since: at(0),
            on_this_host: true,
        };
        assert_eq!(why.code(), ResultCode::AccountInUse);
        // Most logins take a moment.
        let first = me.decide(std::slice::from_ref(&other), &[], 1, 5);
        assert_eq!(first, Decision::Wait(Some(why.clone())));
        let later = me.decide(std::slice::from_ref(&other), &[], 1, 600);
        assert_eq!(later, Decision::Open(why));
        // Elsewhere the account has a try left, and no third.
        assert_eq!(
            me.decide(std::slice::from_ref(&other), &[], 2, 5),
            Decision::Go
        );
        let with_a_wrong_one = [other.clone(), wrong(2, 0)];
        let Decision::Open(why) = me.decide(&with_a_wrong_one, &[], 3, 600) else {
            panic!("open");
        };
        assert_eq!(why.code(), ResultCode::AccountInUse);
        assert!(
            why.to_string()
                .starts_with("run r-2 began to use this account at "),
            "{why}"
        );
        // It gave its try back, or spent it.
        assert_eq!(me.decide(&[], &[], 1, 6), Decision::Go);
        let spent = [other.clone().spent(at(6))];
        let decision = me.decide(&spent, &[], 1, 7);
        assert!(matches!(decision, Decision::Open(Why::HostSpent { .. })));
        // No host takes longer than an hour: its process is gone, and what it sent is unknown.
        let decision = me.decide(&[other], &[], 1, 3601);
        assert!(matches!(decision, Decision::Open(Why::HostSpent { .. })));
    }

    #[test]
    fn the_breaker_closes_when_it_says() {
        let two = [wrong(1, 0), wrong(2, 5)];
        let me = Process::new(true);
        let Decision::Open(Why::AccountSpent { until, .. }) = me.decide(&two, &[], 3, 60) else {
            panic!("open");
        };
        let until = until.unix() - at(0).unix();
        assert!(matches!(
            me.decide(&two, &[], 3, until - 1),
            Decision::Open(_)
        ));
        assert_eq!(me.decide(&two, &[], 3, until), Decision::Go);
    }

    #[test]
    fn a_try_that_slept_with_the_laptop_still_counts() {
        let asleep = [reserved(1, -3 * DAY, "me"), reserved(2, -3 * DAY, "me")];
        let me = Process::new(true);
        assert_eq!(me.decide(&asleep, &[], 3, 0), Decision::Wait(None));
        // Of another process, it crashed long ago.
        let crashed = [reserved(1, -3 * DAY, "dead"), wrong(2, 0)];
        assert_eq!(me.decide(&crashed, &[], 3, 0), Decision::Go);
    }

    #[test]
    fn a_try_counts_from_its_end() {
        let spent = reserved(1, 0, "me").spent(at(7200));
        assert_eq!((spent.at, &spent.state), (at(7200), &TryState::Wrong));
        // Unless the clock went back meanwhile.
        assert_eq!(reserved(1, 0, "me").spent(at(-60)).at, at(0));
    }

    #[test]
    fn a_clock_that_goes_back_does_not_close_it() {
        let two = [wrong(1, 0), wrong(2, 5)];
        assert!(matches!(
            Process::new(true).decide(&two, &[], 3, -9 * DAY),
            Decision::Open(_)
        ));
    }

    #[test]
    fn a_locked_account_is_stopped_everywhere_even_if_a_secret_was_proven() {
        let host = label(1, "k1");
        let stop = Stop {
            account: account("user = 'audit'\nrealm = 'corp.example'", &host),
            host,
            why: StopReason::Locked,
            at: at(0),
        };
        let decision = Process::new(true).decide(&[], &[stop], 2, 60);
        let Decision::Open(why) = decision else {
            panic!("open");
        };
        assert!(why.to_string().contains("account_locked"));
    }

    #[test]
    fn only_results_that_outlast_the_hour_stop_an_account() {
        assert_eq!(
            StopReason::from_code(ResultCode::PasswordExpired),
            Some(StopReason::PasswordExpired)
        );
        for code in [ResultCode::AuthRejected, ResultCode::LogonTimeDenied] {
            assert_eq!(StopReason::from_code(code), None);
        }
    }
}
