//! The questions for a shell: registry and tools.

use super::ask::{Named, Round};
use super::dialogue::TalkError;
use super::fault::Meaning;
use super::frames::{Batch, Frame, Frames, Marker};
use super::powershell;
use super::shell::{Bounds, End, Shell};
use crate::model::{GapCause, ResultCode};
use crate::session::windows_shell::cmd::meaning;
use crate::session::{Ask, View, codepage};
use std::time::Duration;

/// The least time that a command is given.
const LEAST: Duration = Duration::from_secs(5);

/// Asks, besides, which code page the host's console has: for output that is not UTF-8. The value
/// is there on every Windows, so that its absence tells that `reg` itself is refused.
const OEM_PAGE: Named = (
    "oem-code-page",
    Ask::Registry {
        key: r"HKLM\SYSTEM\CurrentControlSet\Control\Nls\CodePage",
        tree: false,
        value: Some("OEMCP"),
        view: View::Any,
    },
);

/// What is left of the shell's questions.
#[derive(Default)]
struct Left {
    pending: Vec<Named>,
    /// Registry questions that `reg` ended with status 1.
    failed: Vec<Named>,
    /// Whether `reg` answered any question.
    reg_works: bool,
}

impl Round<'_> {
    /// Asks what is for a shell, and elsewhere what the shell did not answer.
    pub(super) async fn ask_console(&mut self, questions: Vec<Named>) {
        if questions.is_empty() || self.dialogue.lost().is_some() {
            return;
        }
        let mut left = Left {
            pending: questions,
            ..Left::default()
        };
        if self.shell.is_none() {
            left.pending.insert(0, OEM_PAGE);
            if let Err(error) = self.open_shell().await {
                return self.go_without_shell(left, error).await;
            }
        }
        let end = self.run_batches(&mut left).await;
        if left.reg_works || left.failed.is_empty() {
            for (id, _) in std::mem::take(&mut left.failed) {
                self.record_own(id, 120, String::new());
            }
        }
        match end {
            Err(error) => self.go_without_shell(left, error).await,
            Ok(()) => self.go_without_reg(left).await,
        }
    }

    /// Opens the shell, in UTF-8 if the host knows how.
    async fn open_shell(&mut self) -> Result<(), TalkError> {
        let mut made = Shell::create(self.dialogue, true, self.until).await;
        let refused = matches!(&made, Err(error) if error.meaning() == Some(Meaning::Other));
        if refused {
            made = Shell::create(self.dialogue, false, self.until).await;
        }
        *self.shell = Some(made?);
        Ok(())
    }

    /// Runs command after command until nothing is pending; an error when the shell is of no use
    /// any more.
    async fn run_batches(&mut self, left: &mut Left) -> Result<(), TalkError> {
        let mut is_first = true;
        while !left.pending.is_empty() {
            let now = self.dialogue.now();
            let marker = Marker::random();
            let batches = marker.batches(&left.pending);
            let (Some(batch), Some(shell)) = (batches.into_iter().next(), self.shell.clone())
            else {
                return Ok(());
            };
            if now >= self.until || self.bytes == 0 {
                return Err(TalkError::Late);
            }
            let share = self.until.saturating_duration_since(now) / 2;
            let bounds = Bounds {
                until: self.until.min(now + share.max(LEAST)),
                farewell: self.until,
                bytes: self.bytes,
                last: &batch.last,
            };
            let output = shell.run(self.dialogue, &batch.line, bounds).await;
            let frames = marker.read(&batch.ids, &output.stdout);
            self.bytes = self.bytes.saturating_sub(output.stdout.len());
            if is_first && output.end == End::Done && frames == Frames::default() {
                // Old systems run nothing in a console of code page 65001.
                is_first = false;
                self.open_plain_shell(shell).await?;
                continue;
            }
            is_first = false;
            self.settle(left, &batch, frames, output.end)?;
        }
        Ok(())
    }

    async fn open_plain_shell(&mut self, old: Shell) -> Result<(), TalkError> {
        *self.shell = None;
        old.delete(self.dialogue).await;
        *self.shell = Some(Shell::create(self.dialogue, false, self.until).await?);
        Ok(())
    }

    /// Records the answers of one command, and takes from the pending questions those that are
    /// settled: at least one, or it is an error.
    fn settle(
        &mut self,
        left: &mut Left,
        batch: &Batch,
        frames: Frames,
        end: End,
    ) -> Result<(), TalkError> {
        if let Some(page) = frames.whole.iter().find(|frame| frame.id == OEM_PAGE.0) {
            let text = String::from_utf8_lossy(&page.stdout);
            self.oem_page = codepage::oem_page_in(&text).or(self.oem_page);
        }
        let mut done: Vec<&str> = Vec::new();
        for frame in frames.whole {
            done.push(frame.id);
            self.settle_frame(left, &frame);
        }
        let cause = match &end {
            End::TimedOut => GapCause::TimedOut,
            _ => GapCause::Malformed,
        };
        // The one that took the time or wrote too much is done with; those behind it are not.
        let stuck: Vec<&'static str> = match (end, frames.open) {
            (End::Failed(error), open) => {
                self.settle_all(open.as_slice(), GapCause::Malformed);
                left.pending
                    .retain(|(id, _)| !done.contains(id) && Some(*id) != open);
                return Err(error);
            }
            (End::TooMuch, Some(open)) => {
                self.cut(open);
                vec![open]
            }
            (End::TimedOut, Some(open)) => vec![open],
            (End::TooMuch | End::TimedOut | End::Done, _) => {
                let ids = batch.ids.iter().copied();
                ids.filter(|id| !done.contains(id)).collect()
            }
        };
        self.settle_all(&stuck, cause);
        left.pending
            .retain(|(id, _)| !done.contains(id) && !stuck.contains(id));
        Ok(())
    }

    fn settle_frame(&mut self, left: &mut Left, frame: &Frame) {
        let Some(named) = left.pending.iter().find(|(id, _)| *id == frame.id).copied() else {
            return;
        };
        let text = codepage::decode(&frame.stdout, self.oem_page);
        let exit = meaning(named.1, frame.status, &frame.stdout);
        // The bytes were counted when they came.
        self.bytes = self.bytes.saturating_add(text.len());
        if !matches!(named.1, Ask::Registry { .. }) {
            return self.record(frame.id, exit, text);
        }
        left.reg_works |= exit == 0;
        match exit {
            // A key that is not there; or `reg` itself is refused, as the others will show.
            120 => left.failed.push(named),
            exit => self.record_own(frame.id, exit, text),
        }
    }

    /// Without a shell: the registry by way of WMI, and no tools.
    async fn go_without_shell(&mut self, left: Left, error: TalkError) {
        let cause = match (&error, error.meaning()) {
            (TalkError::Lost(_), _) => return,
            (TalkError::Late, _) => GapCause::TimedOut,
            (_, Some(Meaning::Quota)) => {
                self.lose(ResultCode::Quota, &error);
                GapCause::Denied
            }
            _ if self.shell.is_none() => {
                self.lose(ResultCode::ShellDenied, &error);
                GapCause::Denied
            }
            _ => {
                self.lose(ResultCode::ProtocolError, &error);
                GapCause::Malformed
            }
        };
        let is_late = error == TalkError::Late;
        self.note(error);
        let questions = left.pending.into_iter().chain(left.failed);
        let (registry, tools): (Vec<Named>, Vec<Named>) = questions
            .filter(|(id, _)| *id != OEM_PAGE.0)
            .partition(|(_, ask)| matches!(ask, Ask::Registry { .. }));
        for (id, _) in tools {
            self.answers.mark(id, cause);
        }
        let refused = if is_late || !self.may_ask_wmi() {
            registry
        } else {
            self.ask_registry(registry).await
        };
        for (id, _) in refused {
            self.answers.mark(id, cause);
        }
    }

    /// With a shell in which `reg` fails always: the registry by way of WMI, else by PowerShell.
    async fn go_without_reg(&mut self, left: Left) {
        let mut failed = left.failed;
        failed.retain(|(id, _)| *id != OEM_PAGE.0);
        if failed.is_empty() {
            return;
        }
        let why = TalkError::Garbled("reg.exe fails whatever it is asked".to_owned());
        self.lose(ResultCode::ShellRestricted, &why);
        if self.may_ask_wmi() {
            failed = self.ask_registry(failed).await;
        }
        if failed.is_empty() {
            return;
        }
        let refused: Vec<&str> = failed.iter().map(|(id, _)| *id).collect();
        failed.extend(std::mem::take(&mut self.refused));
        for (id, _) in powershell::ask(self, failed).await {
            if refused.contains(&id) {
                self.record_own(id, 121, String::new());
            }
        }
    }

    fn settle_all(&mut self, ids: &[&'static str], cause: GapCause) {
        for id in ids.iter().filter(|id| **id != OEM_PAGE.0) {
            self.answers.mark(id, cause);
        }
    }

    /// Records an answer, unless the question is our own.
    fn record_own(&mut self, id: &'static str, exit: i32, text: String) {
        if id != OEM_PAGE.0 {
            self.record(id, exit, text);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::frames::Marker;
    use super::OEM_PAGE;
    use crate::session::WINRM_REQUESTS;

    #[test]
    fn what_is_asked_for_our_own_sake_is_explained_too() {
        let batches = Marker::fixed().batches(&[OEM_PAGE]);
        let line = batches[0].line.split(['(', '&']).nth(2).unwrap();
        let mut explained = WINRM_REQUESTS.iter();
        assert!(line.starts_with("reg query "), "{line}");
        assert!(
            explained.any(|request| request.name.contains(line)),
            "{line}"
        );
    }
}
