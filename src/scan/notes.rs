//! What is done with each host, step by step, while it is done: for `doctor`, and for the receipt that its
//! owner may want.

use super::receipt::Writer;
use super::{Event, RunPlan};
use crate::collect::{Account, account};
use crate::model::{
    AccessRecord, Answer, CredentialId, GapCause, HostKey, HostOutcome, HostTrust, ProbeKind,
    Protocol, ResultCode, UtcTime,
};
use crate::session::{Answers, Exchange, QuestionSet};
use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// One step, and when it was taken.
#[derive(Clone, Debug)]
pub struct Note {
    /// When.
    pub at: UtcTime,
    /// What.
    pub step: Step,
}

/// Something that was done with a host, or that came of it.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Step {
    /// These ports were probed: how each answered, `None` for silence.
    Probed(Vec<(ProbeKind, Option<Answer>)>),
    /// These ports are asked who is there, by these protocols, without a login.
    Looks(Vec<(&'static str, u16)>),
    /// A connection for a login is opened.
    Connects(Protocol, u16),
    /// The host has shown who it is.
    Met(Meeting),
    /// It has not.
    NotMet {
        /// How it ended.
        code: ResultCode,
        /// The particulars. Hostile in part.
        detail: String,
        /// How long it took, in milliseconds.
        took_ms: u64,
    },
    /// A credential is used from here on.
    LogsIn {
        /// Which one.
        credential: CredentialId,
        /// The login name.
        user: String,
        /// What is shown: `a key`, `a password`.
        proof: &'static str,
    },
    /// It let us in, by this method.
    LoggedIn(&'static str),
    /// A way in has come to its end, or was ruled out.
    Ended(AccessRecord),
    /// A set of questions is asked; as root or not.
    Asks(&'static QuestionSet),
    /// What was said for it, and came back.
    Said(Vec<Exchange>),
    /// How its questions were answered: the bytes of an answer, or why there is none.
    Answered(
        &'static QuestionSet,
        Vec<(&'static str, Result<usize, GapCause>)>,
    ),
    /// As whom we are logged in.
    Account(Account),
}

/// A host that has shown who it is, before any login.
#[derive(Clone, Debug)]
pub struct Meeting {
    /// By which protocol.
    pub protocol: Protocol,
    /// On which port.
    pub port: u16,
    /// Why we know it, or that we do not.
    pub trust: HostTrust,
    /// The key that it holds.
    pub key: HostKey,
    /// What it calls itself. Hostile.
    pub banner: String,
    /// How long it took, in milliseconds.
    pub took_ms: u64,
}

/// A host that was looked at, and what came of it.
#[derive(Clone, Debug)]
pub struct Examined {
    /// The address.
    pub address: IpAddr,
    /// How it ended; `None` where nobody answered.
    pub outcome: Option<HostOutcome>,
    /// What was done, in order.
    pub notes: Vec<Note>,
}

/// Where notes go: into memory for an examination, into receipts where the operator wants them.
#[derive(Debug)]
pub(super) struct Notes {
    kept: Option<Mutex<BTreeMap<IpAddr, Examined>>>,
    receipts: Option<Writer>,
}

impl Notes {
    pub(super) fn of(plan: &RunPlan) -> Self {
        let receipts = plan.receipts.clone();
        Self {
            kept: plan.kind.is_examination().then(Mutex::default),
            receipts: receipts.map(|receipts| Writer::new(receipts, plan)),
        }
    }

    /// Whether anybody wants them.
    pub(super) fn are_wanted(&self) -> bool {
        self.kept.is_some() || self.receipts.is_some()
    }

    pub(super) fn receipts(&self) -> Option<&Writer> {
        self.receipts.as_ref()
    }

    pub(super) fn add(&self, address: IpAddr, note: Note) -> Option<Event> {
        let told = self
            .receipts
            .as_ref()
            .map(|receipts| receipts.add(address, &note));
        self.keep(address, |host| host.notes.push(note));
        let error = told?.err()?;
        Some(unwritten(address, &error))
    }

    /// How an examination of a host ended.
    pub(super) fn conclude(&self, outcome: HostOutcome) {
        self.keep(outcome.host.address, |host| host.outcome = Some(outcome));
    }

    /// All that was kept.
    pub(super) fn take(&self) -> Vec<Examined> {
        let kept = self
            .kept
            .as_ref()
            .map(|kept| std::mem::take(&mut *lock(kept)));
        kept.into_iter().flat_map(BTreeMap::into_values).collect()
    }

    fn keep(&self, address: IpAddr, change: impl FnOnce(&mut Examined)) {
        if let Some(kept) = &self.kept {
            let fresh = || Examined {
                address,
                outcome: None,
                notes: Vec::new(),
            };
            change(lock(kept).entry(address).or_insert_with(fresh));
        }
    }
}

/// A receipt that is not whole.
pub(super) fn unwritten(address: IpAddr, error: &std::io::Error) -> Event {
    let text = format!("the receipt of {address} cannot be written: {error}");
    Event::Warning { text }
}

fn lock<T>(of: &Mutex<T>) -> MutexGuard<'_, T> {
    of.lock().unwrap_or_else(PoisonError::into_inner)
}

/// How the questions of a set were answered.
pub(super) fn answered(set: &'static QuestionSet, answers: &Answers) -> Step {
    let all = set.questions.iter().map(|question| {
        let text = answers.text(question.id);
        let bytes = answers
            .reply(question.id)
            .map_or(0, |reply| reply.stdout.len());
        (question.id, text.map(|_| bytes).map_err(|gap| gap.cause))
    });
    Step::Answered(set, all.collect())
}

/// What a host says of the account.
pub(super) fn told_account(answers: &Answers) -> Step {
    Step::Account(account(answers))
}
