//! What came back from one shell, and what it amounts to. Pure.

use super::exchange::MARKER;
use super::question::find;
use super::{Answers, Limits, Nonce, Parsed, QuestionSet, Room, SessionError};
use crate::model::{GapCause, ResultCode};

/// How an exchange ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum End {
    /// The script said that it is done.
    Done,
    /// The shell is gone, with this exit status where it left one.
    Exited(Option<u32>),
    /// The host would not start it.
    Refused,
    /// The connection is gone.
    Lost,
    /// More came than we read.
    Over,
    /// There was no room for more: other hosts' answers take up the run's memory.
    Full,
    /// The deadline passed.
    Deadline,
}

impl End {
    /// How it is told in a few words.
    pub(super) fn words(self) -> String {
        match self {
            Self::Done => "answered to its end".to_owned(),
            Self::Exited(Some(status)) => format!("exit status {status}"),
            Self::Exited(None) => "ended without a status".to_owned(),
            Self::Refused => "refused".to_owned(),
            Self::Lost => "the connection broke".to_owned(),
            Self::Over => "cut off: more came than is read".to_owned(),
            Self::Full => {
                "cut off: answers of other hosts took up the memory of the run".to_owned()
            }
            Self::Deadline => "cut off: the time was up".to_owned(),
        }
    }

    /// Why a question has no answer when the exchange ended before its frame.
    pub(super) fn cause(self) -> GapCause {
        match self {
            Self::Deadline => GapCause::TimedOut,
            _ => GapCause::Malformed,
        }
    }
}

/// The bytes of one exchange, capped.
#[derive(Debug)]
pub(super) struct Transcript {
    nonce: Nonce,
    done: Vec<u8>,
    limit: usize,
    room: Room,
    stdout: Vec<u8>,
    /// Where the search for the last marker goes on.
    searched: usize,
    stderr: Vec<u8>,
    stderr_total: usize,
}

impl Transcript {
    pub(super) fn new(nonce: Nonce, limits: &Limits) -> Self {
        Self {
            done: format!("\n{nonce} DONE").into_bytes(),
            nonce,
            limit: limits.total_bytes,
            room: limits.room.clone(),
            stdout: Vec::new(),
            searched: 0,
            stderr: Vec::new(),
            stderr_total: 0,
        }
    }

    /// Takes what standard output brought. Says whether, and how, that was the last of it.
    pub(super) fn hear(&mut self, bytes: &[u8]) -> Option<End> {
        let room = self.limit.saturating_sub(self.heard());
        let fits = bytes.get(..room).unwrap_or(bytes);
        if !self.room.take(fits.len()) {
            return Some(End::Full);
        }
        self.stdout.extend_from_slice(fits);
        let unsearched = self.stdout.get(self.searched..).unwrap_or_default();
        if says_done(unsearched, &self.done) {
            return Some(End::Done);
        }
        // The marker, and the two characters that may end its line.
        self.searched = self.stdout.len().saturating_sub(self.done.len() + 1);
        (bytes.len() > room).then_some(End::Over)
    }

    /// Takes what standard error brought: only its beginning is kept.
    pub(super) fn overhear(&mut self, bytes: &[u8]) -> Option<End> {
        const KEPT: usize = 2 << 10;
        let room = KEPT.saturating_sub(self.stderr.len());
        self.stderr.extend(bytes.iter().take(room));
        self.stderr_total += bytes.len();
        (self.heard() > self.limit).then_some(End::Over)
    }

    /// A text with the random marker of this exchange taken out of it.
    pub(super) fn without_marker(&self, text: &str) -> String {
        text.replace(&self.nonce.to_string(), MARKER)
    }

    pub(super) fn heard(&self) -> usize {
        self.stdout.len() + self.stderr_total
    }

    /// Whether the login shell found no `sh`, so that another spelling is worth a try.
    pub(super) fn found_no_shell(&self, end: End) -> bool {
        let begun = format!("\n{} B ", self.nonce);
        end == End::Exited(Some(127)) && find(&self.stdout, begun.as_bytes()).is_none()
    }

    /// The answers, each missing one with its cause; or why there are none at all.
    pub(super) fn conclude(
        self,
        end: End,
        set: &QuestionSet,
        limits: &Limits,
    ) -> Result<Answers, SessionError> {
        let parsed = set.parse_frames(&self.nonce, &self.stdout, limits);
        let mut answers = parsed.answers;
        if answers.is_empty() && !parsed.done {
            return Err(self.why_nothing(end));
        }
        if !parsed.done {
            let answered = answers.ids().count();
            let all = set.questions.len();
            let place = parsed.open.map(|id| format!(" at {id}"));
            let place = place.unwrap_or_default();
            let mut detail = format!("the answers broke off{place}: {answered} of {all} came");
            if matches!(end, End::Over | End::Full) {
                detail = format!("{detail}; {}", end.words());
            }
            answers.lose(ResultCode::OkPartial, detail);
        }
        answers.mark_rest(set, end.cause());
        Ok(answers)
    }

    /// The frames as they came, for those who make something else of them than [`Self::conclude`].
    pub(super) fn frames(&self, set: &QuestionSet, limits: &Limits) -> Parsed {
        set.parse_frames(&self.nonce, &self.stdout, limits)
    }

    /// Why there are no answers at all.
    pub(super) fn why_nothing(&self, end: End) -> SessionError {
        let said = self.said();
        match end {
            End::Deadline => SessionError::TimedOut,
            End::Lost => SessionError::Closed(said),
            _ if says_change_password(&said) => SessionError::PasswordExpired(said),
            // What sshd says where it serves files and nothing else.
            _ if said.contains("sftp") => SessionError::ShellRestricted(said),
            // nologin(8) and false(1).
            End::Exited(Some(1)) => SessionError::ShellDenied(said),
            End::Exited(None) if said.is_empty() => SessionError::Closed(said),
            End::Full => SessionError::NoRoom,
            End::Exited(_) | End::Done | End::Refused | End::Over => {
                SessionError::ShellRestricted(said)
            }
        }
    }

    /// What was said in place of answers, for people.
    pub(super) fn said(&self) -> String {
        let mut bytes: Vec<u8> = self.stdout.iter().take(400).copied().collect();
        bytes.push(b' ');
        bytes.extend(self.stderr.iter().take(400));
        plain(&bytes)
    }
}

/// Whether a text holds the last marker as a whole line, which may end in CRLF.
fn says_done(text: &[u8], done: &[u8]) -> bool {
    let mut rest = text;
    while let Some(at) = find(rest, done) {
        rest = rest.get(at + done.len()..).unwrap_or_default();
        if rest.starts_with(b"\n") || rest.starts_with(b"\r\n") {
            return true;
        }
    }
    false
}

fn says_change_password(said: &str) -> bool {
    use crate::model::ResultCode;
    super::error::code_in(said) == Some(ResultCode::PasswordExpired)
}

/// A host's words on one line, without control characters, at most 400 characters.
pub(super) fn plain(bytes: &[u8]) -> String {
    let text = String::from_utf8_lossy(bytes.get(..1600).unwrap_or(bytes));
    let text: String = text
        .chars()
        .map(|c| if c.is_control() { ' ' } else { c })
        .collect();
    let words: Vec<&str> = text.split_whitespace().collect();
    words.join(" ").chars().take(400).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::session::{Ask, Question};

    const SET: QuestionSet = QuestionSet {
        name: "test",
        prelude: "",
        questions: &[
            Question {
                id: "a",
                ask: Ask::Sh(""),
                why: "",
                needs: crate::session::Needs::Login,
                loss: "",
            },
            Question {
                id: "b",
                ask: Ask::Sh(""),
                why: "",
                needs: crate::session::Needs::Login,
                loss: "",
            },
        ],
    };

    fn nonce() -> Nonce {
        Nonce::from_bytes([1; 16])
    }

    fn transcript(limit: usize) -> Transcript {
        let limits = Limits {
            total_bytes: limit,
            ..Limits::default()
        };
        Transcript::new(nonce(), &limits)
    }

    fn frame(id: &str, stdout: &str) -> String {
        let n = nonce();
        format!("\n{n} B {id}\n{stdout}\n{n} E {id} 0\n")
    }

    fn why(stdout: &str, stderr: &str, end: End) -> SessionError {
        let mut transcript = transcript(1 << 20);
        transcript.hear(stdout.as_bytes());
        transcript.overhear(stderr.as_bytes());
        let answers = transcript.conclude(end, &SET, &Limits::default());
        answers.unwrap_err()
    }

    #[test]
    fn the_end_is_seen_in_whatever_pieces_it_comes() {
        let unix = format!("{}\n{} DONE\n", frame("a", "x"), nonce());
        let windows = unix.replace('\n', "\r\n");
        let texts = [&unix, &windows];
        let sizes = texts.map(|text| (1..text.len()).map(move |size| (text, size)));
        for (text, size) in sizes.into_iter().flatten() {
            let mut transcript = transcript(1 << 20);
            let ends: Vec<_> = text
                .as_bytes()
                .chunks(size)
                .filter_map(|chunk| transcript.hear(chunk))
                .collect();
            assert_eq!(ends, [End::Done], "pieces of {size}");
        }
    }

    #[test]
    fn beyond_the_cap_nothing_is_kept_and_whole_answers_stay() {
        let mut transcript = transcript(200);
        assert_eq!(transcript.hear(frame("a", "x").as_bytes()), None);
        assert_eq!(transcript.hear(&[b'y'; 1000]), Some(End::Over));
        assert_eq!(transcript.heard(), 200);
        let answers = transcript.conclude(End::Over, &SET, &Limits::default());
        let answers = answers.unwrap();
        assert_eq!(answers.text("a"), Ok("x"));
        assert_eq!(answers.text("b").unwrap_err().cause, GapCause::Malformed);
    }

    #[test]
    fn a_flood_of_errors_ends_too() {
        let mut transcript = transcript(5000);
        assert_eq!(transcript.overhear(&[b'e'; 4000]), None);
        assert_eq!(transcript.overhear(&[b'e'; 4000]), Some(End::Over));
        assert!(transcript.stderr.len() <= 2048);
    }

    #[test]
    fn what_the_deadline_cut_off_has_timed_out() {
        let mut transcript = transcript(1 << 20);
        transcript.hear(frame("a", "x").as_bytes());
        let answers = transcript.conclude(End::Deadline, &SET, &Limits::default());
        let cause = answers.unwrap().text("b").unwrap_err().cause;
        assert_eq!(cause, GapCause::TimedOut);
    }

    #[test]
    fn no_answer_at_all_has_a_reason() {
        let nologin = "This account is currently not available.\n";
        let error = why(nologin, "", End::Exited(Some(1)));
        assert!(matches!(error, SessionError::ShellDenied(said) if said.contains("available")));
        let error = why("backup ok\n", "", End::Exited(Some(0)));
        assert!(matches!(error, SessionError::ShellRestricted(_)));
        let expired = "Password change required but no TTY available.";
        let error = why("", expired, End::Exited(Some(1)));
        assert!(matches!(error, SessionError::PasswordExpired(_)));
        assert!(matches!(why("", "", End::Lost), SessionError::Closed(_)));
        assert!(matches!(
            why("", "", End::Exited(None)),
            SessionError::Closed(_)
        ));
    }

    #[test]
    fn a_hosts_words_are_told_on_one_short_line() {
        let said = plain("a\x1b[31m\r\nb\0c".as_bytes());
        assert_eq!(said, "a [31m b c");
        assert_eq!(plain("ü".repeat(5000).as_bytes()).chars().count(), 400);
    }
}
