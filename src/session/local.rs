//! This machine, asked like any other, without a network.

use super::transcript::{End, Transcript};
use super::{Answers, Limits, Nonce, QuestionSet, Session, SessionError};
use crate::os;
use async_trait::async_trait;
use std::io;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWriteExt as _};
use tokio::process::Child;

/// A session on this machine: runs `sh -s` as a child, as the user we are.
#[derive(Clone, Copy, Debug, Default)]
pub struct Local;

#[async_trait]
impl Session for Local {
    async fn ask(&mut self, set: &QuestionSet, limits: &Limits) -> Result<Answers, SessionError> {
        let nonce = Nonce::random();
        let script = set.script(&nonce);
        let mut transcript = Transcript::new(nonce, limits);
        let mut shell = Shell::start().map_err(SessionError::Local)?;
        let exchange = exchange(&mut shell.0, script, &mut transcript);
        let end = limits.timeout_at(limits.deadline, exchange).await;
        let end = match end {
            Ok(end) => end.map_err(SessionError::Local)?,
            Err(_) => End::Deadline,
        };
        drop(shell);
        transcript.conclude(end, set, limits)
    }

    async fn close(self: Box<Self>) {}
}

/// A running shell, with all that it starts.
struct Shell(Child);

impl Shell {
    /// Windows has no such shell, and is read by PowerShell over the network only.
    #[cfg(not(unix))]
    fn start() -> io::Result<Self> {
        let what = "this machine has no Unix shell to ask: scan it over SSH or WinRM";
        Err(io::Error::new(io::ErrorKind::Unsupported, what))
    }

    #[cfg(unix)]
    fn start() -> io::Result<Self> {
        use std::process::Stdio;
        use tokio::process::Command;
        // Our own environment may hold secrets; the questions need none of it.
        let child = Command::new("/bin/sh")
            .arg("-s")
            .env_clear()
            .env("PATH", "/usr/local/bin:/usr/bin:/bin")
            .env("HOME", "/")
            .current_dir("/")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .process_group(0)
            .kill_on_drop(true)
            .spawn()?;
        Ok(Self(child))
    }
}

impl Drop for Shell {
    /// A question that hangs is a child of the shell, and outlives it unless the group goes too.
    fn drop(&mut self) {
        if let Some(group) = self.0.id() {
            os::kill_group(group);
        }
    }
}

async fn exchange(
    shell: &mut Child,
    script: String,
    transcript: &mut Transcript,
) -> io::Result<End> {
    let missing = || io::Error::from(io::ErrorKind::BrokenPipe);
    let mut stdin = shell.stdin.take().ok_or_else(missing)?;
    let mut stdout = shell.stdout.take().ok_or_else(missing)?;
    let mut stderr = shell.stderr.take().ok_or_else(missing)?;
    let tell = async move {
        // A shell that does not listen shows in what it answers.
        let _ = stdin.write_all(script.as_bytes()).await;
        drop(stdin);
    };
    tokio::pin!(tell);
    let (mut out, mut err) = (vec![0; 64 << 10], vec![0; 4 << 10]);
    let (mut telling, mut err_open) = (true, true);
    // Told and heard at once: neither side waits for the other.
    loop {
        let end = tokio::select! {
            () = &mut tell, if telling => {
                telling = false;
                None
            }
            bytes = some(&mut stdout, &mut out) => match bytes? {
                [] => break,
                bytes => transcript.hear(bytes),
            },
            bytes = some(&mut stderr, &mut err), if err_open => {
                let bytes = bytes?;
                err_open = !bytes.is_empty();
                transcript.overhear(bytes)
            }
        };
        if let Some(end) = end {
            return Ok(end);
        }
    }
    let status = shell.wait().await?;
    Ok(End::Exited(
        status.code().and_then(|code| u32::try_from(code).ok()),
    ))
}

async fn some<'a>(
    from: &mut (impl AsyncRead + Unpin),
    buffer: &'a mut [u8],
) -> io::Result<&'a [u8]> {
    let count = from.read(buffer).await?;
    Ok(buffer.get(..count).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::GapCause;
    use crate::session::{Ask, Question};
    use std::time::Duration;
    use tokio::time::Instant;

    async fn ask(questions: &'static [Question], limits: &Limits) -> Answers {
        let set = QuestionSet {
            name: "test",
            prelude: "",
            questions,
        };
        Local.ask(&set, limits).await.unwrap()
    }

    #[tokio::test]
    async fn this_machine_answers() {
        const QUESTIONS: &[Question] = &[
            Question {
                id: "sum",
                ask: Ask::Sh("echo $((20 + 22))"),
                why: "",
                needs: crate::session::Needs::Login,
                loss: "",
            },
            Question {
                id: "secrets",
                ask: Ask::Sh("env | grep -c CARGO; true"),
                why: "",
                needs: crate::session::Needs::Login,
                loss: "",
            },
        ];
        let answers = ask(QUESTIONS, &Limits::default()).await;
        assert_eq!(answers.text("sum"), Ok("42\n"));
        assert_eq!(answers.text("secrets"), Ok("0\n"));
    }

    #[tokio::test]
    async fn a_question_that_hangs_costs_no_more_than_the_deadline() {
        const QUESTIONS: &[Question] = &[
            Question {
                id: "quick",
                ask: Ask::Sh("echo yes"),
                why: "",
                needs: crate::session::Needs::Login,
                loss: "",
            },
            Question {
                id: "hangs",
                ask: Ask::Sh("sleep 600"),
                why: "",
                needs: crate::session::Needs::Login,
                loss: "",
            },
        ];
        let begun = Instant::now();
        let limits = Limits::until(begun + Duration::from_millis(700));
        let answers = ask(QUESTIONS, &limits).await;
        assert!(begun.elapsed() < Duration::from_secs(3));
        assert_eq!(answers.text("quick"), Ok("yes\n"));
        let cause = answers.text("hangs").unwrap_err().cause;
        assert_eq!(cause, GapCause::TimedOut);
    }

    #[tokio::test]
    async fn endless_output_ends_at_the_cap() {
        const QUESTIONS: &[Question] = &[Question {
            id: "flood",
            ask: Ask::Sh("yes"),
            why: "",
            needs: crate::session::Needs::Login,
            loss: "",
        }];
        let limits = Limits {
            total_bytes: 1 << 20,
            ..Limits::default()
        };
        let set = QuestionSet {
            name: "test",
            prelude: "",
            questions: QUESTIONS,
        };
        let error = Local.ask(&set, &limits).await.unwrap_err();
        assert!(matches!(error, SessionError::ShellRestricted(_)));
    }
}
