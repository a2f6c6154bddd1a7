//! The words in which the shells of Windows are asked, and what their answers mean. Pure.
//!
//! Each shell is started by a constant command line that means the same whatever the account's
//! default shell is, and gets a script on standard input, as `sh -s` does on Unix. The answers come
//! in the same frames ([`QuestionSet::parse_frames`]).

pub(in crate::session) mod cmd;
pub(in crate::session) mod powershell;

use super::codepage;
use super::{Answers, Ask, Limits, Nonce, Question, QuestionSet, Reply};
use crate::model::GapCause;

/// A shell of Windows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WindowsShell {
    /// cmd.exe: asked what programs print, above all `reg query`.
    Cmd,
    /// PowerShell from 2.0 on: asked for WMI. Not tried on a live Windows yet.
    PowerShell,
}

/// A question as one shell is asked it: never [`Ask::Sh`] nor [`Ask::InsteadOf`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Put {
    /// The question's name.
    pub id: &'static str,
    /// How it is asked.
    pub ask: Ask,
}

impl WindowsShell {
    /// The command line that starts it and makes it read a script.
    pub fn exec(self) -> String {
        match self {
            Self::Cmd => cmd::EXEC.to_owned(),
            Self::PowerShell => powershell::exec(),
        }
    }

    /// The questions of a set that are for this shell and still open, once others were answered as
    /// given. One that is asked instead of another is open where that other has left a gap.
    pub fn questions(self, set: &QuestionSet, answered: &Answers) -> Vec<Put> {
        let open = |question: &&Question| !answered.has(question.id);
        let questions = set.questions.iter().filter(open);
        questions
            .filter_map(|question| self.put(question, answered))
            .collect()
    }

    fn put(self, question: &Question, answered: &Answers) -> Option<Put> {
        let ask = match question.ask {
            Ask::InsteadOf(other, ask) => {
                let gap = answered.has(other) && answered.text(other).is_err();
                gap.then_some(*ask)?
            }
            ask => ask,
        };
        let shell = match ask {
            Ask::Cmd(_) | Ask::Registry { .. } => Self::Cmd,
            Ask::Wmi { .. } => Self::PowerShell,
            Ask::Sh(_) | Ask::InsteadOf(..) => return None,
        };
        let id = question.id;
        (shell == self).then_some(Put { id, ask })
    }

    /// What it reads on standard input. A question in other words than its own is left out, but
    /// PowerShell can be asked for the registry too.
    pub fn script(self, puts: &[Put], nonce: &Nonce) -> String {
        match self {
            Self::Cmd => cmd::script(puts, nonce),
            Self::PowerShell => powershell::script(puts, nonce),
        }
    }

    /// What it wrote means, question by question: its statuses as those of a [`Reply`], and text in
    /// a code page as UTF-8.
    ///
    /// `heard` holds the frames as they came, `page` the code page that the host names. Questions
    /// that have no frame are left out.
    pub fn settle(
        self,
        puts: &[Put],
        heard: &Answers,
        page: Option<u16>,
        limits: &Limits,
    ) -> Answers {
        let mut answers = Answers::default();
        for put in puts {
            let Some(reply) = heard.reply(put.id) else {
                if let (true, Err(gap)) = (heard.has(put.id), heard.text(put.id)) {
                    answers.mark(put.id, gap.cause);
                }
                continue;
            };
            let exit = match self {
                Self::Cmd => cmd::meaning(put.ask, reply.exit, &reply.stdout),
                Self::PowerShell => reply.exit,
            };
            let stdout = match std::str::from_utf8(&reply.stdout) {
                Ok(_) => reply.stdout.clone(),
                Err(_) => codepage::decode(&reply.stdout, page).into_bytes(),
            };
            answers.record(put.id, &Reply { exit, stdout }, limits);
        }
        if is_barred(puts, &answers) {
            for put in registry(puts) {
                let stdout = Vec::new();
                answers.record(put.id, &Reply { exit: 121, stdout }, limits);
            }
        }
        answers
    }

    /// The code page of the host's programs by Microsoft's number, as the script for cmd asks for it
    /// besides. `frames` reads the frames of a set from what came.
    pub fn page(frames: impl Fn(&QuestionSet) -> Answers) -> Option<u16> {
        let told = frames(&cmd::PAGES);
        let named = |id| codepage::oem_page_in(told.text(id).ok()?);
        // Without a console its page is 0.
        let console = named(cmd::CONSOLE).filter(|page| *page != 0);
        console.or_else(|| named(cmd::OEM))
    }
}

/// The registry's questions among some.
pub(super) fn registry(puts: &[Put]) -> impl Iterator<Item = &Put> {
    let is_registry = |put: &&Put| matches!(put.ask, Ask::Registry { .. });
    puts.iter().filter(is_registry)
}

/// Whether not one of several keys is there, among them some that every Windows has: reg.exe is
/// barred for this account. It says neither by its status.
pub(super) fn is_barred(puts: &[Put], answers: &Answers) -> bool {
    let missing = |put: &Put| {
        let cause = answers.text(put.id).err().map(|gap| gap.cause);
        matches!(cause, Some(GapCause::Missing | GapCause::Denied))
    };
    registry(puts).count() > 1 && registry(puts).all(missing)
}

#[cfg(test)]
mod tests;
