//! One set of questions, from the first request to the last, with what to do instead where a host
//! refuses.
//!
//! WMI first, for at most half of the time; then the shell; then the registry by way of WMI where
//! the shell was refused or broke; then what was left of WMI; then PowerShell, where both ways to
//! the registry were refused; at the end the questions that stand in for others.

use super::dialogue::{Dialogue, Lost, TalkError};
use super::fault::Meaning;
use super::registry::{self, Budget, Part, ReadError};
use super::shell::Shell;
use super::wmi;
use crate::model::{Failure as _, GapCause, ResultCode};
use crate::session::transcript::End;
use crate::session::{Answers, Ask, Limits, QuestionSet, Reply, SessionError, WmiRow};
use std::time::Duration;
use tokio::time::Instant;

/// How much of the time is kept for goodbye.
const FAREWELL: Duration = Duration::from_secs(2);

/// A question with its name.
pub(super) type Named = (&'static str, Ask);

/// A set of questions being asked.
pub(super) struct Round<'a> {
    pub(super) dialogue: &'a mut Dialogue,
    pub(super) shell: &'a mut Option<Shell>,
    pub(super) limits: &'a Limits,
    /// When nothing more is asked.
    pub(super) until: Instant,
    pub(super) answers: Answers,
    /// How many bytes of answers there may still be.
    pub(super) bytes: usize,
    /// The host's own code page, once known.
    pub(super) oem_page: Option<u16>,
    /// What WMI refused or gave.
    wmi: Wmi,
    calls: u32,
    /// Questions that WMI refused, for another way to ask them.
    pub(super) refused: Vec<Named>,
    /// What went wrong first, of each kind, for when there is no answer at all.
    first: Option<TalkError>,
    denied: Option<TalkError>,
    /// A refusal by WMI, which only an account hears that WinRM itself let in.
    wmi_denied: Option<TalkError>,
}

/// How far WMI lets us.
#[derive(Default)]
struct Wmi {
    answered: Vec<&'static str>,
    closed: Vec<&'static str>,
    is_closed: bool,
}

impl<'a> Round<'a> {
    pub(super) fn new(
        dialogue: &'a mut Dialogue,
        shell: &'a mut Option<Shell>,
        limits: &'a Limits,
    ) -> Self {
        let left = limits.deadline.saturating_duration_since(dialogue.now());
        dialogue.give_up_at(limits.deadline);
        dialogue.keep_in(limits.room.clone());
        Self {
            dialogue,
            shell,
            limits,
            until: limits.deadline - FAREWELL.min(left / 8),
            answers: Answers::default(),
            bytes: limits.total_bytes,
            oem_page: None,
            wmi: Wmi::default(),
            calls: registry::CALLS,
            refused: Vec::new(),
            first: None,
            denied: None,
            wmi_denied: None,
        }
    }

    /// Asks all questions of a set.
    pub(super) async fn run(&mut self, set: &QuestionSet) {
        let all = || {
            set.questions
                .iter()
                .map(|question| (question.id, question.ask))
        };
        let of_wmi: Vec<Named> = all()
            .filter(|(_, ask)| matches!(ask, Ask::Wmi { .. }))
            .collect();
        let of_shell: Vec<Named> = all().filter(|(_, ask)| is_for_shell(ask)).collect();
        let now = self.dialogue.now();
        let half = now + self.until.saturating_duration_since(now) / 2;
        let later = self.ask_wmi(of_wmi, half).await;
        self.ask_console(of_shell).await;
        self.ask_wmi(later, self.until).await;
        for (id, ask) in all() {
            let Ask::InsteadOf(other, ask) = ask else {
                continue;
            };
            if self.answers.text(other).is_err() {
                self.ask_one(id, *ask).await;
            }
        }
    }

    /// The answers, each missing one with its cause; or why there are none at all.
    pub(super) fn conclude(mut self, set: &QuestionSet) -> Result<Answers, SessionError> {
        let cause = match self.dialogue.lost() {
            Some(Lost::Silent) => GapCause::TimedOut,
            None if self.dialogue.now() >= self.until => GapCause::TimedOut,
            _ => GapCause::Malformed,
        };
        let known: Vec<_> = self.answers.ids().collect();
        let unknown = set
            .questions
            .iter()
            .filter(|question| !known.contains(&question.id));
        for question in unknown {
            match question.ask {
                Ask::InsteadOf(..) => {}
                Ask::Sh(_) => self.answers.mark(question.id, GapCause::NotAsked),
                _ => self.answers.mark(question.id, cause),
            }
        }
        if known.iter().any(|id| self.answers.text(id).is_ok()) || set.questions.is_empty() {
            if let Some(lost) = self.dialogue.lost().cloned() {
                let lost = TalkError::Lost(lost);
                let code = why(&lost, self.dialogue.is_local_account()).code();
                self.lose(code, &lost);
            }
            return Ok(self.answers);
        }
        Err(self.why_nothing())
    }

    fn why_nothing(&self) -> SessionError {
        let is_local = self.dialogue.is_local_account();
        let lost = self.dialogue.lost().cloned().map(TalkError::Lost);
        let denied = self.wmi_denied.as_ref().or(self.denied.as_ref());
        let error = lost.as_ref().or(denied).or(self.first.as_ref());
        error.map_or(SessionError::TimedOut, |error| why(error, is_local))
    }

    async fn ask_one(&mut self, id: &'static str, ask: Ask) {
        if matches!(ask, Ask::Wmi { .. }) {
            self.ask_wmi(vec![(id, ask)], self.until).await;
        } else if is_for_shell(&ask) {
            self.ask_console(vec![(id, ask)]).await;
        }
    }

    /// Asks WMI until a moment; returns what it did not come to.
    async fn ask_wmi(&mut self, questions: Vec<Named>, until: Instant) -> Vec<Named> {
        let mut later = Vec::new();
        for (id, ask) in questions {
            let Ask::Wmi { namespace, query } = ask else {
                continue;
            };
            if self.dialogue.lost().is_some() {
                return Vec::new();
            }
            if self.wmi.is_closed || self.wmi.closed.contains(&namespace) {
                self.answers.mark(id, GapCause::Denied);
                self.refused.push((id, ask));
                continue;
            }
            if self.dialogue.now() >= until {
                later.push((id, ask));
                continue;
            }
            let bytes = self.limits.answer_bytes.min(self.bytes);
            let bounds = wmi::Bounds {
                until: self.until,
                bytes,
            };
            match wmi::select(self.dialogue, namespace, query, bounds).await {
                Ok(rows) => {
                    self.wmi.answered.push(namespace);
                    self.record(id, 0, WmiRow::write(&rows));
                }
                Err(error) => {
                    let refuses = [Some(Meaning::ProviderDenied), Some(Meaning::AccessDenied)];
                    if refuses.contains(&error.meaning()) {
                        self.refused.push((id, ask));
                    }
                    self.settle_wmi(id, namespace, error);
                }
            }
        }
        later
    }

    fn settle_wmi(&mut self, id: &'static str, namespace: &'static str, error: TalkError) {
        if matches!(&error, TalkError::Garbled(why) if why == wmi::TOO_MUCH) {
            self.cut(id);
        }
        let cause = match (&error, error.meaning()) {
            (TalkError::Lost(_), _) => return,
            (_, Some(Meaning::NoSuchClass)) => return self.record(id, 120, String::new()),
            (_, Some(Meaning::ProviderDenied)) => {
                // Some classes are for administrators only, though the namespace is not.
                if !self.wmi.answered.contains(&namespace) {
                    self.wmi.closed.push(namespace);
                }
                self.lose(ResultCode::WmiDenied, &error);
                GapCause::Denied
            }
            (_, Some(Meaning::AccessDenied)) => {
                self.wmi.is_closed = self.wmi.answered.is_empty();
                self.lose(ResultCode::WmiDenied, &error);
                GapCause::Denied
            }
            (_, Some(Meaning::Quota)) => {
                self.lose(ResultCode::Quota, &error);
                GapCause::Denied
            }
            (TalkError::Late, _) | (_, Some(Meaning::TimedOut)) => GapCause::TimedOut,
            _ => GapCause::Malformed,
        };
        self.note(error);
        self.answers.mark(id, cause);
    }

    /// Reads the registry by way of WMI: keys first, trees last, as those cost most calls. Returns
    /// what it was refused.
    pub(super) async fn ask_registry(&mut self, mut questions: Vec<Named>) -> Vec<Named> {
        questions.sort_by_key(|(_, ask)| matches!(ask, Ask::Registry { tree: true, .. }));
        let mut queue = questions.into_iter();
        while let Some((id, ask)) = queue.next() {
            let Ask::Registry {
                key,
                tree,
                value,
                view,
            } = ask
            else {
                continue;
            };
            if self.dialogue.lost().is_some() {
                return Vec::new();
            }
            let bytes = self.limits.answer_bytes.min(self.bytes);
            let part = Part {
                key,
                tree,
                value,
                view,
                bytes,
            };
            let mut budget = Budget {
                until: self.until,
                calls: self.calls,
            };
            let read = registry::read(self.dialogue, part, &mut budget).await;
            self.calls = budget.calls;
            if let Some(error) = self.settle_registry(id, read) {
                self.lose(ResultCode::WmiDenied, &error);
                self.note(error);
                return std::iter::once((id, ask)).chain(queue).collect();
            }
        }
        Vec::new()
    }

    /// Records what was read; returns the error where no more can be.
    fn settle_registry(
        &mut self,
        id: &'static str,
        read: Result<String, ReadError>,
    ) -> Option<TalkError> {
        let error = match read {
            Ok(text) => {
                self.record(id, 0, text);
                return None;
            }
            Err(ReadError::Missing) => {
                self.record(id, 120, String::new());
                return None;
            }
            Err(ReadError::Denied) => {
                self.answers.mark(id, GapCause::Denied);
                return None;
            }
            Err(ReadError::TooMuch) => {
                self.cut(id);
                TalkError::Garbled("the tree is too large".to_owned())
            }
            Err(ReadError::Spent) => TalkError::Late,
            Err(ReadError::Talk(error)) => error,
        };
        let cause = match (&error, error.meaning()) {
            (TalkError::Lost(_), _) => return None,
            (_, Some(Meaning::AccessDenied | Meaning::ProviderDenied | Meaning::NoSuchClass)) => {
                return Some(error);
            }
            (TalkError::Late, _) | (_, Some(Meaning::TimedOut)) => GapCause::TimedOut,
            _ => GapCause::Malformed,
        };
        self.note(error);
        self.answers.mark(id, cause);
        None
    }

    /// Whether WMI let us in at all, as far as is known.
    pub(super) fn may_ask_wmi(&self) -> bool {
        !self.wmi.is_closed && self.dialogue.lost().is_none()
    }

    pub(super) fn record(&mut self, id: &'static str, exit: i32, text: String) {
        self.bytes = self.bytes.saturating_sub(text.len());
        let stdout = text.into_bytes();
        self.answers
            .record(id, &Reply { exit, stdout }, self.limits);
    }

    /// Says that the answer to a question was cut off, and why.
    pub(super) fn cut(&mut self, id: &'static str) {
        let why = if self.dialogue.is_full() {
            End::Full.words()
        } else {
            End::Over.words()
        };
        self.answers
            .lose(ResultCode::OkPartial, format!("{id}: {why}"));
    }

    /// Says what the session goes without, once of each.
    pub(super) fn lose(&mut self, code: ResultCode, error: &TalkError) {
        if self.answers.losses().iter().all(|loss| loss.code != code) {
            self.answers.lose(code, error.line());
        }
    }

    /// Keeps an error, for when there is no answer at all.
    pub(super) fn note(&mut self, error: TalkError) {
        let kind = match error.meaning() {
            Some(Meaning::AccessDenied) => &mut self.denied,
            Some(Meaning::ProviderDenied) => &mut self.wmi_denied,
            _ => &mut self.first,
        };
        kind.get_or_insert(error);
    }
}

/// Why a session has no answer.
pub(super) fn why(error: &TalkError, is_local: bool) -> SessionError {
    let line = error.line();
    match (error, error.meaning()) {
        (TalkError::Late | TalkError::Lost(Lost::Silent), _) => SessionError::TimedOut,
        (TalkError::Lost(Lost::Closed(why)), _) => SessionError::Closed(why.clone()),
        (TalkError::Lost(Lost::Unencrypted), _) => SessionError::UnencryptedRefused,
        (TalkError::Lost(Lost::NotSealed), _) => SessionError::NotSealed,
        (TalkError::Lost(Lost::Unauthorised), _) => SessionError::LoginForgotten,
        (_, Some(Meaning::AccessDenied)) if is_local => SessionError::UacTokenFiltered(line),
        (_, Some(Meaning::AccessDenied)) => SessionError::WinrmAccessDenied(line),
        (_, Some(Meaning::ProviderDenied)) => SessionError::WmiDenied(line),
        (_, Some(Meaning::Quota)) => SessionError::Quota(line),
        (_, Some(Meaning::TimedOut)) => SessionError::TimedOut,
        (TalkError::Fault(fault), _) => SessionError::Fault {
            number: fault.number,
            text: fault.text.clone(),
        },
        (TalkError::Garbled(why), _) => SessionError::Garbled(why.clone()),
    }
}

fn is_for_shell(ask: &Ask) -> bool {
    matches!(ask, Ask::Registry { .. } | Ask::Cmd(_))
}
