//! Asking a Windows over SSH: what programs print from cmd, WMI from PowerShell, each on a channel of
//! its own, one after the other.
//!
//! No terminal: Windows would repaint its output. The command lines are constants that mean the same
//! in every default shell.

use super::exchange::SshSession;
use crate::model::{GapCause, ResultCode};
use crate::session::transcript::{End, Transcript};
use crate::session::windows_shell::{is_barred, registry};
use crate::session::{Answers, Ask, Limits, Put, QuestionSet, SessionError, WindowsShell};

/// Whether a set is for a Windows: it has questions, and none of them is for a POSIX shell.
pub(super) fn is_for(set: &QuestionSet) -> bool {
    let mut asks = set.questions.iter().map(|question| question.ask);
    !set.questions.is_empty() && asks.all(|ask| !matches!(ask, Ask::Sh(_)))
}

/// Asks each shell for its questions, and then for those that stand in for questions which the
/// first round has left open.
pub(super) async fn ask(
    session: &mut SshSession,
    set: &QuestionSet,
    limits: &Limits,
) -> Result<Answers, SessionError> {
    use WindowsShell::{Cmd, PowerShell};
    let mut talk = Talk {
        set,
        limits: limits.clone(),
        answers: Answers::default(),
        page: None,
    };
    for (turn, shell) in [Cmd, PowerShell, Cmd, PowerShell].into_iter().enumerate() {
        let mut puts = shell.questions(set, &talk.answers);
        if turn == 1 {
            puts.extend(last_resort(set, &talk.answers));
        }
        if puts.is_empty() {
            continue;
        }
        let end = talk.hold(session, shell, &puts).await?;
        if matches!(end, End::Over | End::Deadline | End::Lost) {
            for shell in [Cmd, PowerShell] {
                let open = shell.questions(set, &talk.answers);
                mark(&open, &mut talk.answers, end.cause());
            }
            break;
        }
    }
    talk.tell_losses();
    Ok(talk.answers)
}

/// The registry's questions for PowerShell, where reg.exe is barred.
fn last_resort(set: &QuestionSet, answers: &Answers) -> Vec<Put> {
    let asked = WindowsShell::Cmd.questions(set, &Answers::default());
    if !is_barred(&asked, answers) {
        return Vec::new();
    }
    registry(&asked).copied().collect()
}

fn mark(puts: &[Put], answers: &mut Answers, cause: GapCause) {
    for put in puts {
        if !answers.has(put.id) {
            answers.mark(put.id, cause);
        }
    }
}

/// What was said so far.
struct Talk<'a> {
    set: &'a QuestionSet,
    /// What is left of the limits: all that is heard counts towards that of all answers.
    limits: Limits,
    answers: Answers,
    /// The code page of the host's programs, once cmd has told it.
    page: Option<u16>,
}

impl Talk<'_> {
    /// Adds what a shell answers to some questions.
    async fn hold(
        &mut self,
        session: &mut SshSession,
        shell: WindowsShell,
        puts: &[Put],
    ) -> Result<End, SessionError> {
        let script = |nonce: &_| shell.script(puts, nonce);
        let (transcript, end) = session.run(&shell.exec(), script, &self.limits).await;
        let frames = |set: &QuestionSet| transcript.frames(set, &self.limits);
        let parsed = frames(self.set);
        if parsed.answers.is_empty() && !parsed.done {
            self.go_without(shell, puts, (&transcript, end))?;
            return Ok(end);
        }
        let page = WindowsShell::page(|set| frames(set).answers);
        self.page = page.or(self.page);
        let mut heard = shell.settle(puts, &parsed.answers, self.page, &self.limits);
        mark(puts, &mut heard, end.cause());
        let left = &mut self.limits.total_bytes;
        *left = left.saturating_sub(transcript.heard());
        self.answers.absorb(heard);
        Ok(end)
    }

    /// A right that is missing shows in every question that needs it.
    fn tell_losses(&mut self) {
        let none = Answers::default();
        let asked = WindowsShell::PowerShell.questions(self.set, &none);
        let answers = &self.answers;
        let denied = |put: &Put| {
            let gap = answers.text(put.id).err();
            gap.is_some_and(|gap| gap.cause == GapCause::Denied)
        };
        if !asked.is_empty() && asked.iter().all(denied) {
            let detail = "WMI denies every question";
            self.answers.lose(ResultCode::WmiDenied, detail);
        }
        let asked = WindowsShell::Cmd.questions(self.set, &none);
        if is_barred(&asked, &self.answers) {
            let detail = "the registry may not be read";
            self.answers.lose(ResultCode::ShellRestricted, detail);
        }
    }

    /// Without cmd nothing is to be had; without PowerShell there is no WMI.
    fn go_without(
        &mut self,
        shell: WindowsShell,
        puts: &[Put],
        (transcript, end): (&Transcript, End),
    ) -> Result<(), SessionError> {
        if self.answers.is_empty() {
            return Err(transcript.why_nothing(end));
        }
        let cause = match end {
            End::Exited(_) | End::Refused => GapCause::Missing,
            _ => end.cause(),
        };
        mark(puts, &mut self.answers, cause);
        if cause == GapCause::Missing && shell == WindowsShell::PowerShell {
            let detail = format!("PowerShell does not start: {}", transcript.said());
            self.answers.lose(ResultCode::ShellRestricted, detail);
        }
        Ok(())
    }
}
