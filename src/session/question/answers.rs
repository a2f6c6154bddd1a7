//! The answers of one host: each a text, or a gap with its cause.

use super::super::Limits;
use super::{QuestionSet, Reply};
use crate::model::{Gap, GapCause, ResultCode, plural};
use std::collections::BTreeMap;

/// The answers of one host, by question.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Answers {
    pub(super) by_id: BTreeMap<&'static str, Answer>,
    losses: Vec<Loss>,
    /// How many lines the answers have that are kept.
    lines: usize,
}

/// A right or a service that a session went without, so that some questions were asked another way
/// or not at all.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Loss {
    /// What was missing: `wmi_denied`, `shell_denied`, `quota`, …
    pub code: ResultCode,
    /// The particulars. Attacker-controlled in part.
    pub detail: String,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Answer {
    reply: Option<Reply>,
    read: Result<Read, GapCause>,
}

/// How a reply reads as text.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Read {
    AsIs,
    Mended(String),
}

impl Answers {
    /// Records what a host replied to a question: an answer, or a gap.
    pub fn record(&mut self, id: &'static str, reply: &Reply, limits: &Limits) {
        self.take(id, reply.clone(), limits);
    }

    pub(super) fn take(&mut self, id: &'static str, reply: Reply, limits: &Limits) {
        let bytes = reply.stdout.len();
        if bytes > limits.answer_bytes {
            let most = limits.answer_bytes;
            let why =
                format!("{id}: {bytes} bytes came, and an answer of more than {most} is not read");
            return self.cut(id, why);
        }
        let lines = reply.stdout.split(|byte| *byte == b'\n').count() - 1;
        if self.lines.saturating_add(lines) > limits.total_lines {
            let most = limits.total_lines;
            let why = format!(
                "{id}: {} came, and no more than {most} are read of a host",
                plural(lines, "line")
            );
            return self.cut(id, why);
        }
        self.lines += lines;
        let read = match reply.exit {
            0 if std::str::from_utf8(&reply.stdout).is_ok() => Ok(Read::AsIs),
            0 => Ok(Read::Mended(
                String::from_utf8_lossy(&reply.stdout).into_owned(),
            )),
            120 | 127 => Err(GapCause::Missing),
            124 => Err(GapCause::TimedOut),
            _ => Err(GapCause::Denied),
        };
        let reply = Some(reply);
        self.by_id.insert(id, Answer { reply, read });
    }

    /// An answer is longer than what is read.
    fn cut(&mut self, id: &'static str, why: String) {
        self.mark(id, GapCause::Malformed);
        self.lose(ResultCode::OkPartial, why);
    }

    /// About how many bytes of memory it takes to read them: what is made of a line and of a word is larger
    /// than they are.
    pub fn weight(&self) -> usize {
        const OF_A_BYTE: usize = 8;
        const OF_A_LINE: usize = 512;
        let replies = self
            .by_id
            .values()
            .filter_map(|answer| answer.reply.as_ref());
        let bytes: usize = replies.map(|reply| reply.stdout.len()).sum();
        bytes * OF_A_BYTE + self.lines * OF_A_LINE
    }

    /// Records that a question has no answer, and why.
    pub fn mark(&mut self, id: &'static str, cause: GapCause) {
        let read = Err(cause);
        self.by_id.insert(id, Answer { reply: None, read });
    }

    /// The text a question was answered with, or the gap it left. Bytes that are not UTF-8 read
    /// as U+FFFD.
    pub fn text(&self, id: &'static str) -> Result<&str, Gap> {
        let gap = |cause| Gap {
            question: id.to_owned(),
            cause,
        };
        let answer = self.by_id.get(id).ok_or_else(|| gap(GapCause::NotAsked))?;
        match (&answer.read, &answer.reply) {
            (Ok(Read::Mended(text)), _) => Ok(text),
            (Ok(Read::AsIs), Some(reply)) => {
                std::str::from_utf8(&reply.stdout).map_err(|_| gap(GapCause::Malformed))
            }
            (Ok(Read::AsIs), None) => Err(gap(GapCause::NotAsked)),
            (Err(cause), _) => Err(gap(*cause)),
        }
    }

    /// What exactly came back, for `--record`; `None` where nothing did, or more than we keep.
    pub fn reply(&self, id: &str) -> Option<&Reply> {
        self.by_id.get(id)?.reply.as_ref()
    }

    /// The questions that have an answer or a cause for having none, sorted.
    pub fn ids(&self) -> impl Iterator<Item = &'static str> {
        self.by_id.keys().copied()
    }

    /// Whether a question has an answer or a cause for having none.
    pub fn has(&self, id: &str) -> bool {
        self.by_id.contains_key(id)
    }

    /// Takes over what another exchange brought; it counts where both speak of a question.
    pub fn absorb(&mut self, later: Self) {
        self.lines += later.lines;
        self.by_id.extend(later.by_id);
        self.losses.extend(later.losses);
    }

    /// Takes over what a set that could see more has answered, and leaves the rest as it is.
    pub fn absorb_known(&mut self, later: Self) {
        let answered = later.by_id.into_iter();
        let answered = answered.filter(|(_, answer)| answer.read.is_ok());
        self.lines += later.lines;
        self.by_id.extend(answered);
        self.losses.extend(later.losses);
    }

    /// Marks every question of a set about which nothing is recorded.
    pub fn mark_rest(&mut self, set: &QuestionSet, cause: GapCause) {
        for question in set.questions {
            if !self.by_id.contains_key(question.id) {
                self.mark(question.id, cause);
            }
        }
    }

    /// Records that a right or a service was missing.
    pub fn lose(&mut self, code: ResultCode, detail: impl Into<String>) {
        let detail = detail.into();
        self.losses.push(Loss { code, detail });
    }

    /// What the session went without, in the order in which it showed.
    pub fn losses(&self) -> &[Loss] {
        &self.losses
    }

    /// Whether nothing at all is recorded.
    pub fn is_empty(&self) -> bool {
        self.by_id.is_empty()
    }
}
