//! The breaker of a run, with a real store on the disk, against the oracle of `credentials`: servers
//! that count what they saw. Processes share the file, try many hosts at once, die between reserving a
//! try and settling it, and come back.

use super::Clock;
use super::breaker::{Breaker, Leave};
use crate::credentials::Holder;
use crate::credentials::breaker_oracle::{HOSTS, SPELLINGS, Seen, key, worst};
use crate::model::{CredentialId, ResultCode, RunId, UtcTime};
use crate::store::Store;
use proptest::prelude::*;
use std::path::Path;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::runtime::{Builder, Runtime};
use tokio::task::JoinSet;
use tokio::time::Instant;

const HOUR: i64 = 60 * 60;

/// How a server answers to a secret, and what becomes of the process.
#[derive(Clone, Copy, Debug)]
enum Answer {
    Right,
    Wrong,
    Locked,
    /// The process is killed when the secret is out: nothing is settled.
    Killed,
    /// The process is killed before the secret is out.
    KilledBefore,
    /// The task is dropped, as by a panic.
    Dropped,
}

#[derive(Clone, Debug)]
struct Login {
    process: usize,
    spelling: usize,
    host: usize,
    answer: Answer,
    /// Whether it is sudo that is told, with a password of its own.
    is_sudo: bool,
}

#[derive(Clone, Debug)]
enum Step {
    /// All at once.
    Logins(Vec<Login>),
    /// A process starts anew: a resumed or another run.
    Restart(usize),
    Pass(i64),
}

fn login() -> impl Strategy<Value = Login> {
    let answer = prop_oneof![
        4 => Just(Answer::Right),
        6 => Just(Answer::Wrong),
        1 => Just(Answer::Locked),
        2 => Just(Answer::Killed),
        1 => Just(Answer::KilledBefore),
        1 => Just(Answer::Dropped),
    ];
    let who = (0..2usize, 0..SPELLINGS.len(), 0..HOSTS.len());
    (who, answer, any::<bool>()).prop_map(|((process, spelling, host), answer, is_sudo)| Login {
        process,
        spelling,
        host,
        answer,
        is_sudo,
    })
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        6 => prop::collection::vec(login(), 1..7).prop_map(Step::Logins),
        1 => (0..2usize).prop_map(Step::Restart),
        1 => (0..2 * HOUR).prop_map(Step::Pass),
        1 => (22 * HOUR..27 * HOUR).prop_map(Step::Pass),
    ]
}

/// Two processes on one store, and what all servers saw.
struct World {
    now: Arc<AtomicI64>,
    seen: Arc<Mutex<Vec<Seen>>>,
    processes: Vec<Arc<Breaker>>,
    started: usize,
}

impl World {
    fn new(store: &Path) -> Self {
        let mut world = Self {
            now: Arc::new(AtomicI64::new(1_800_000_000)),
            seen: Arc::default(),
            processes: Vec::new(),
            started: 0,
        };
        for _ in 0..2 {
            let process = world.process(store);
            world.processes.push(process);
        }
        world
    }

    fn process(&mut self, store: &Path) -> Arc<Breaker> {
        self.started += 1;
        let now = Arc::clone(&self.now);
        let clock: Clock = Arc::new(move || UtcTime::from_unix(now.load(Ordering::SeqCst)));
        let store = Store::open(store).unwrap();
        let holder = Holder::new(format!("p{}", self.started));
        // Some go on with a run, some begin one of their own.
        let run = RunId::new(format!("r{}", self.started % 3));
        Arc::new(Breaker::new(store, run, holder, clock))
    }

    async fn go(&mut self, step: &Step, store: &Path) {
        match step {
            Step::Pass(seconds) => {
                self.now.fetch_add(*seconds, Ordering::SeqCst);
            }
            Step::Restart(which) => self.processes[*which] = self.process(store),
            Step::Logins(logins) => {
                let mut tasks = JoinSet::new();
                for login in logins {
                    let breaker = Arc::clone(&self.processes[login.process]);
                    let (now, seen) = (Arc::clone(&self.now), Arc::clone(&self.seen));
                    tasks.spawn(log_in(breaker, login.clone(), now, seen));
                }
                let killed = tasks.join_all().await;
                for which in killed.into_iter().flatten() {
                    self.processes[which] = self.process(store);
                }
            }
        }
    }
}

/// One login as a visit makes it; the number of its process, where that is dead then.
async fn log_in(
    breaker: Arc<Breaker>,
    login: Login,
    now: Arc<AtomicI64>,
    seen: Arc<Mutex<Vec<Seen>>>,
) -> Option<usize> {
    let (account, label) = key(login.spelling, login.host);
    let sudo = if login.is_sudo { "/sudo" } else { "" };
    let secret = CredentialId::new(format!("c{}{sudo}", login.spelling));
    let patience = Duration::from_millis(80);
    let turn = breaker.turn(&secret, &account);
    let Ok(turn) = tokio::time::timeout(patience, turn).await else {
        return None;
    };
    let until = Instant::now() + patience;
    let leave = breaker.reserve(account, label, turn.is_proven(), until);
    let Leave::Granted(reserved, _permit) = leave.await.unwrap() else {
        return None;
    };
    let hear = |proven| {
        let at = now.load(Ordering::SeqCst);
        let Login { spelling, host, .. } = login;
        seen.lock().unwrap().push(Seen {
            spelling,
            host,
            at,
            proven,
        });
    };
    tokio::task::yield_now().await;
    match login.answer {
        Answer::Right => {
            hear(true);
            breaker.give_back(reserved).await.unwrap();
            turn.prove();
        }
        Answer::Wrong => {
            hear(false);
            breaker
                .spend(reserved, ResultCode::AuthRejected)
                .await
                .unwrap();
        }
        Answer::Locked => {
            hear(false);
            breaker
                .spend(reserved, ResultCode::AccountLocked)
                .await
                .unwrap();
        }
        Answer::Dropped => hear(false),
        Answer::Killed => {
            hear(false);
            std::mem::forget(reserved);
            return Some(login.process);
        }
        Answer::KilledBefore => {
            std::mem::forget(reserved);
            return Some(login.process);
        }
    }
    None
}

fn runtime() -> Runtime {
    let mut builder = Builder::new_multi_thread();
    builder.worker_threads(2).enable_all().build().unwrap()
}

/// Few and rich; more with `PROPTEST_CASES`.
fn cases() -> u32 {
    let cases = std::env::var_os("PROPTEST_CASES");
    cases.map_or(12, |cases| cases.to_str().unwrap().parse().unwrap())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: cases(), max_shrink_iters: 200, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn no_account_sees_more_than_its_limit_from_processes_that_share_a_store(
        steps in prop::collection::vec(step(), 1..14),
    ) {
        let folder = tempfile::tempdir().unwrap();
        let store = folder.path().join("store.db");
        let runtime = runtime();
        let mut world = World::new(&store);
        runtime.block_on(async {
            for step in &steps {
                world.go(step, &store).await;
            }
        });
        let seen = world.seen.lock().unwrap();
        for meaning in 0..2 {
            let (on_one, in_all) = worst(&seen, meaning);
            prop_assert!(on_one <= 1, "{on_one} on one machine: {seen:?}");
            prop_assert!(in_all <= 2, "{in_all} in a day: {seen:?}");
        }
    }
}

#[test]
fn of_two_processes_that_want_the_last_try_one_gets_it() {
    let folder = tempfile::tempdir().unwrap();
    let store = folder.path().join("store.db");
    let runtime = runtime();
    let mut world = World::new(&store);
    let login = |process: usize, host: usize| Login {
        process,
        spelling: 0,
        host,
        answer: Answer::Wrong,
        is_sudo: false,
    };
    runtime.block_on(async {
        // One of two is spent; then both processes try two hosts each, at once.
        world.go(&Step::Logins(vec![login(0, 0)]), &store).await;
        let rest = vec![login(0, 2), login(1, 3), login(1, 2), login(0, 3)];
        world.go(&Step::Logins(rest), &store).await;
    });
    assert_eq!(worst(&world.seen.lock().unwrap(), 0), (1, 2));
}
