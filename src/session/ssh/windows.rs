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
    let mut limits = *limits;
    let mut answers = Answers::default();
    for (turn, shell) in [Cmd, PowerShell, Cmd, PowerShell].into_iter().enumerate() {
        let mut puts = shell.questions(set, &answers);
        if turn == 1 {
            puts.extend(last_resort(set, &answers));
        }
        if puts.is_empty() {
            continue;
        }
        let round = Round { shell, puts, set };
        let end = round.hold(session, &mut limits, &mut answers).await?;
        if matches!(end, End::Over | End::Deadline | End::Lost) {
            for shell in [Cmd, PowerShell] {
                mark(&shell.questions(set, &answers), &mut answers, end.cause());
            }
            break;
        }
    }
    Ok(answers)
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

/// One shell and what it is asked.
struct Round<'a> {
    shell: WindowsShell,
    puts: Vec<Put>,
    set: &'a QuestionSet,
}

impl Round<'_> {
    /// Adds what this shell answers. What it says counts towards the limit of all answers.
    async fn hold(
        &self,
        session: &mut SshSession,
        limits: &mut Limits,
        answers: &mut Answers,
    ) -> Result<End, SessionError> {
        let exec = self.shell.exec();
        let script = |nonce: &_| self.shell.script(&self.puts, nonce);
        let (transcript, end) = session.run(&exec, script, limits).await;
        let parsed = transcript.frames(self.set, limits);
        if parsed.answers.is_empty() && !parsed.done {
            self.go_without(&transcript, end, answers)?;
            return Ok(end);
        }
        let page = WindowsShell::page(|pages| transcript.frames(pages, limits).answers);
        let mut heard = self.shell.settle(&self.puts, &parsed.answers, page, limits);
        mark(&self.puts, &mut heard, end.cause());
        limits.total_bytes = limits.total_bytes.saturating_sub(transcript.heard());
        answers.absorb(heard);
        Ok(end)
    }

    /// Without cmd nothing is to be had; without PowerShell there is no WMI.
    fn go_without(
        &self,
        transcript: &Transcript,
        end: End,
        answers: &mut Answers,
    ) -> Result<(), SessionError> {
        if answers.is_empty() {
            return Err(transcript.why_nothing(end));
        }
        let cause = match end {
            End::Exited(_) | End::Refused => GapCause::Missing,
            _ => end.cause(),
        };
        mark(&self.puts, answers, cause);
        if cause == GapCause::Missing && self.shell == WindowsShell::PowerShell {
            let detail = format!("PowerShell does not start: {}", transcript.said());
            answers.lose(ResultCode::ShellRestricted, detail);
        }
        Ok(())
    }
}
