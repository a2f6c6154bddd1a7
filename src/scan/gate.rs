//! Who may spend a try of an account right now, within this process.
//!
//! The breaker in the store decides whether a secret may be sent at all. The gate only orders those
//! who wait, so that nobody waits with an open connection: one canary host goes first, alone, and
//! once a credential has proven right, as many hosts at once as its account has tries left.
//!
//! Hosts queue by user name, which every spelling of an account shares, but it is the credential
//! that is proven: an account's old password that works says nothing of its new one.

use crate::credentials::AccountKey;
use crate::model::CredentialId;
use std::collections::{BTreeSet, HashMap};
use std::sync::{Arc, Mutex, PoisonError};
use tokio::sync::{
    AcquireError, OwnedRwLockReadGuard, OwnedRwLockWriteGuard, OwnedSemaphorePermit, RwLock,
    Semaphore,
};

/// The gates of all accounts of a run.
#[derive(Debug)]
pub(super) struct Gate {
    lanes: Mutex<HashMap<String, Arc<Lane>>>,
    /// How many may go at once after the canary: the tries an account has.
    most: usize,
}

/// The queue of one user name.
#[derive(Debug)]
struct Lane {
    /// A canary holds it alone, the others together.
    order: Arc<RwLock<()>>,
    /// The tries that an account has on all hosts together.
    tries: Arc<Semaphore>,
    proven: Mutex<BTreeSet<CredentialId>>,
}

/// The right to try an account; given back when dropped.
#[derive(Debug)]
pub(super) struct Turn {
    lane: Arc<Lane>,
    credential: CredentialId,
    _place: Place,
}

#[derive(Debug)]
#[expect(dead_code, reason = "held for what happens when they are dropped")]
enum Place {
    Alone(OwnedRwLockWriteGuard<()>),
    Among(OwnedRwLockReadGuard<()>, Option<OwnedSemaphorePermit>),
}

impl Gate {
    /// Gates through which, after the canary, `most` hosts may go at once with one account. A local
    /// account is another one on every host, and after its canary waits for none.
    pub(super) fn new(most: usize) -> Self {
        Self {
            lanes: Mutex::default(),
            most: most.max(1),
        }
    }

    /// Waits for a turn with an account, to tell one of its secrets.
    pub(super) async fn turn(&self, secret: &CredentialId, account: &AccountKey) -> Turn {
        let lane = self.lane(account.bucket());
        let place = lane.place(secret, account.is_local()).await;
        // Nobody ever closes a gate.
        let Ok(place) = place else {
            return std::future::pending().await;
        };
        Turn {
            lane,
            credential: secret.clone(),
            _place: place,
        }
    }

    fn lane(&self, bucket: &str) -> Arc<Lane> {
        let mut lanes = self.lanes.lock().unwrap_or_else(PoisonError::into_inner);
        let fresh = || {
            Arc::new(Lane {
                order: Arc::default(),
                tries: Arc::new(Semaphore::new(self.most)),
                proven: Mutex::default(),
            })
        };
        Arc::clone(lanes.entry(bucket.to_owned()).or_insert_with(fresh))
    }
}

impl Lane {
    async fn place(&self, id: &CredentialId, is_local: bool) -> Result<Place, AcquireError> {
        if !self.has_proven(id) {
            let alone = Arc::clone(&self.order).write_owned().await;
            if !self.has_proven(id) {
                return Ok(Place::Alone(alone));
            }
            // The canary came back while we waited: make room for the others who did.
        }
        // In this order always: who holds a try is never kept waiting by a canary.
        let among = Arc::clone(&self.order).read_owned().await;
        let tried = if is_local {
            None
        } else {
            Some(Arc::clone(&self.tries).acquire_owned().await?)
        };
        Ok(Place::Among(among, tried))
    }

    fn has_proven(&self, id: &CredentialId) -> bool {
        let proven = self.proven.lock().unwrap_or_else(PoisonError::into_inner);
        proven.contains(id)
    }
}

impl Turn {
    /// Whether the credential has proven right in this run.
    pub(super) fn is_proven(&self) -> bool {
        self.lane.has_proven(&self.credential)
    }

    /// Says that the credential has proven right: its other hosts need not wait for the canary any
    /// more.
    pub(super) fn prove(&self) {
        let proven = self.lane.proven.lock();
        let mut proven = proven.unwrap_or_else(PoisonError::into_inner);
        proven.insert(self.credential.clone());
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::credentials::{self, Credential, HostLabel};
    use std::fmt::Write as _;
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::time::Duration;
    use tokio::task::JoinSet;
    use tokio::time::timeout;

    /// Password credentials by id and the lines that make their account.
    fn file(rows: &[(&str, &str)]) -> Vec<Credential> {
        let mut text = String::new();
        for (id, lines) in rows {
            writeln!(text, "[[credential]]\nid = '{id}'\ntype = 'ssh-password'\npassword = {{ prompt = true }}\nscope = ['10.0.0.0/8']\n{lines}").unwrap();
        }
        credentials::parse(&text).unwrap().credentials
    }

    async fn turn(gate: &Gate, credential: &Credential, host: u8) -> Turn {
        let host = HostLabel::new([10, 0, 0, host].into(), None);
        gate.turn(&credential.id, &AccountKey::of(credential, &host))
            .await
    }

    /// The turn, where nobody has to wait for it.
    async fn at_once(gate: &Gate, credential: &Credential, host: u8) -> Option<Turn> {
        let turn = turn(gate, credential, host);
        timeout(Duration::from_millis(20), turn).await.ok()
    }

    /// The most hosts that were inside at once, of twenty where all prove right.
    async fn most_inside(lines: &'static str) -> usize {
        let gate = Arc::new(Gate::new(2));
        let (inside, most) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
        let mut tasks = JoinSet::new();
        for host in 0..20 {
            let (gate, inside, most) = (Arc::clone(&gate), Arc::clone(&inside), Arc::clone(&most));
            tasks.spawn(async move {
                let turn = turn(&gate, &file(&[("svc", lines)])[0], host).await;
                let now = inside.fetch_add(1, Ordering::SeqCst) + 1;
                assert!(
                    now == 1 || turn.is_proven(),
                    "host {host} came beside the canary"
                );
                most.fetch_max(now, Ordering::SeqCst);
                tokio::time::sleep(Duration::from_millis(5)).await;
                inside.fetch_sub(1, Ordering::SeqCst);
                turn.prove();
            });
        }
        tasks.join_all().await;
        most.load(Ordering::SeqCst)
    }

    #[tokio::test]
    async fn the_canary_goes_alone_and_the_rest_never_more_than_there_are_tries() {
        assert_eq!(most_inside("user = 'svc'").await, 2);
    }

    #[tokio::test]
    async fn a_local_account_is_another_one_on_each_host_and_waits_for_none_after_its_canary() {
        assert_eq!(most_inside("user = 'svc'\naccount = 'local'").await, 19);
    }

    #[tokio::test]
    async fn an_account_that_never_proves_right_is_tried_one_host_at_a_time() {
        let gate = Gate::new(2);
        let file = file(&[("svc", "user = 'svc'"), ("other", "user = 'other'")]);
        let first = turn(&gate, &file[0], 1).await;
        assert!(at_once(&gate, &file[0], 2).await.is_none());
        assert!(at_once(&gate, &file[1], 2).await.is_some());
        drop(first);
        assert!(!turn(&gate, &file[0], 3).await.is_proven());
    }

    #[tokio::test]
    async fn spellings_of_one_account_queue_together() {
        let gate = Gate::new(2);
        let file = file(&[("a", r"user = 'CORP\Audit'"), ("b", "user = 'audit@corp'")]);
        let _first = turn(&gate, &file[0], 1).await;
        assert!(at_once(&gate, &file[1], 2).await.is_none());
    }

    #[tokio::test]
    async fn a_proven_password_does_not_speak_for_another_one_of_its_account() {
        let gate = Gate::new(2);
        let file = file(&[("old", "user = 'audit'"), ("new", "user = 'audit'")]);
        let old = turn(&gate, &file[0], 1).await;
        old.prove();
        drop(old);
        let old = turn(&gate, &file[0], 2).await;
        assert!(old.is_proven());
        // The new one is a canary: it waits until it is alone …
        assert!(at_once(&gate, &file[1], 3).await.is_none());
        drop(old);
        let new = turn(&gate, &file[1], 3).await;
        assert!(!new.is_proven());
        // … and others wait for it.
        assert!(at_once(&gate, &file[0], 4).await.is_none());
    }
}
