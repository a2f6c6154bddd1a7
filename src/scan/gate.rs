//! Who may spend a try of an account right now, within this process.
//!
//! The breaker in the store decides whether a secret may be sent at all. The gate only orders those
//! who wait, so that nobody waits with an open connection: one canary host goes first, alone, and
//! once an account has proven right, as many hosts at once as it has tries left.

use std::collections::HashMap;
use std::hash::Hash;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// The gates of all accounts of a run. `A` names an account.
#[derive(Debug)]
pub(super) struct Gate<A> {
    accounts: Mutex<HashMap<A, Arc<Account>>>,
    /// How many may go at once after the canary: the tries an account has.
    most: usize,
}

#[derive(Debug)]
struct Account {
    turns: Arc<Semaphore>,
    proven: AtomicBool,
}

/// The right to try an account; given back when dropped.
#[derive(Debug)]
pub(super) struct Turn {
    account: Arc<Account>,
    most: usize,
    _permit: OwnedSemaphorePermit,
}

impl<A: Eq + Hash + Clone> Gate<A> {
    /// Gates through which, after the canary, `most` may go at once.
    pub(super) fn new(most: usize) -> Self {
        Self {
            accounts: Mutex::default(),
            most: most.max(1),
        }
    }

    /// Waits for a turn with an account.
    pub(super) async fn turn(&self, account: &A) -> Turn {
        let account = self.account(account);
        let permit = Arc::clone(&account.turns).acquire_owned().await;
        match permit {
            Ok(permit) => Turn {
                account,
                most: self.most,
                _permit: permit,
            },
            // Nobody ever closes a gate.
            Err(_) => std::future::pending().await,
        }
    }

    fn account(&self, account: &A) -> Arc<Account> {
        let mut accounts = self.accounts.lock().unwrap_or_else(PoisonError::into_inner);
        let fresh = || {
            Arc::new(Account {
                turns: Arc::new(Semaphore::new(1)),
                proven: AtomicBool::new(false),
            })
        };
        Arc::clone(accounts.entry(account.clone()).or_insert_with(fresh))
    }
}

impl Turn {
    /// Whether the account has proven right in this run.
    pub(super) fn is_proven(&self) -> bool {
        self.account.proven.load(Ordering::SeqCst)
    }

    /// Says that the account has proven right: others need not wait for the canary any more.
    pub(super) fn prove(&self) {
        if !self.account.proven.swap(true, Ordering::SeqCst) {
            self.account.turns.add_permits(self.most - 1);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::AtomicUsize;
    use std::time::Duration;
    use tokio::task::JoinSet;

    #[tokio::test]
    async fn the_canary_goes_alone_and_the_rest_never_more_than_there_are_tries() {
        let gate = Arc::new(Gate::new(2));
        let (inside, most) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
        let mut tasks = JoinSet::new();
        for host in 0..20 {
            let (gate, inside, most) = (Arc::clone(&gate), Arc::clone(&inside), Arc::clone(&most));
            tasks.spawn(async move {
                let turn = gate.turn(&"svc").await;
                let now = inside.fetch_add(1, Ordering::SeqCst) + 1;
                assert!(
                    now == 1 || turn.is_proven(),
                    "host {host} came beside the canary"
                );
                most.fetch_max(now, Ordering::SeqCst);
                tokio::time::sleep(Duration::from_millis(2)).await;
                inside.fetch_sub(1, Ordering::SeqCst);
                turn.prove();
            });
        }
        tasks.join_all().await;
        assert_eq!(most.load(Ordering::SeqCst), 2);
    }

    #[tokio::test]
    async fn an_account_that_never_proves_right_is_tried_one_host_at_a_time() {
        let gate = Arc::new(Gate::new(2));
        let first = gate.turn(&"svc").await;
        let second = tokio::time::timeout(Duration::from_millis(20), gate.turn(&"svc")).await;
        assert!(second.is_err());
        let other = tokio::time::timeout(Duration::from_millis(20), gate.turn(&"other")).await;
        assert!(other.is_ok());
        drop(first);
        assert!(!gate.turn(&"svc").await.is_proven());
    }
}
