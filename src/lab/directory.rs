//! The accounts that hosts of a lab share: a directory that locks one after so many wrong tries, over
//! all hosts together and for good.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

/// What the directory knows of its accounts.
#[derive(Debug)]
pub(super) struct Directory {
    /// The wrong tries that lock an account; without one none is ever locked.
    most: Option<u32>,
    /// By account, in lower case and without its domain.
    wrong: Mutex<BTreeMap<String, u32>>,
}

impl Directory {
    pub(super) fn new(most: Option<u32>) -> Self {
        Self {
            most,
            wrong: Mutex::default(),
        }
    }

    /// Whether a try gets in: a right one does unless its account is locked, a wrong one counts.
    pub(super) fn judge(&self, user: &str, is_right: bool) -> bool {
        let mut wrong = self.wrong.lock().unwrap_or_else(PoisonError::into_inner);
        let count = wrong.entry(account(user)).or_default();
        if !is_right {
            *count += 1;
        }
        is_right && self.most.is_none_or(|most| *count < most)
    }

    /// The accounts that are locked, sorted.
    pub(super) fn locked(&self) -> Vec<String> {
        let wrong = self.wrong.lock().unwrap_or_else(PoisonError::into_inner);
        let locked = wrong.iter().filter(|(_, count)| {
            let most = self.most.unwrap_or(u32::MAX);
            **count >= most
        });
        locked.map(|(user, _)| user.clone()).collect()
    }
}

fn account(user: &str) -> String {
    let name = user.rsplit_once('\\').map_or(user, |(_, name)| name);
    let name = name.split_once('@').map_or(name, |(name, _)| name);
    name.to_lowercase()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_account_is_locked_by_the_wrong_tries_of_all_its_spellings() {
        let directory = Directory::new(Some(3));
        assert!(directory.judge("audit", true));
        for user in [r"CORP\Audit", "audit@corp"] {
            assert!(!directory.judge(user, false));
        }
        assert!(directory.judge("audit", true));
        assert_eq!(directory.locked(), [""; 0]);
        assert!(!directory.judge("AUDIT", false));
        assert_eq!(directory.locked(), ["audit"]);
        assert!(!directory.judge("audit", true));
        assert!(directory.judge("other", true));
    }

    #[test]
    fn without_a_limit_none_is_locked() {
        let directory = Directory::new(None);
        for _ in 0..9 {
            assert!(!directory.judge("audit", false));
        }
        assert!(directory.judge("audit", true));
        assert_eq!(directory.locked(), [""; 0]);
    }
}
