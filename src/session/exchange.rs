//! What was said to a host in one go, and what came back: for whoever has to account for it.

use super::{Answers, QuestionSet, SessionError};
use std::time::Duration;
use tokio::time::Instant;

/// The word that stands for a random marker in what is told of an exchange.
pub(super) const MARKER: &str = "MARKER";

/// One command or request, and its answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Exchange {
    /// The command line that was run, or the request that was made, with what it asked for.
    pub what: String,
    /// What was fed to the command, verbatim but for the random marker of its frames, for which the word
    /// `MARKER` stands; empty where nothing was. Never a secret.
    pub fed: String,
    /// The bytes that we said in it, before they were encrypted.
    pub sent: u64,
    /// The bytes that came back, after they were decrypted, as far as we read.
    pub received: u64,
    /// When it began.
    pub began: Instant,
    /// How long it took.
    pub took: Duration,
    /// How it ended, in a few words of ours.
    pub end: String,
}

impl Exchange {
    /// One that begins now.
    pub(super) fn begin(what: impl Into<String>, fed: String, sent: usize) -> Self {
        Self {
            what: what.into(),
            fed,
            sent: count(sent),
            received: 0,
            began: Instant::now(),
            took: Duration::ZERO,
            end: String::new(),
        }
    }

    /// It has ended like this.
    pub(super) fn ended(mut self, received: usize, end: impl Into<String>) -> Self {
        self.received = count(received);
        self.took = self.began.elapsed();
        self.end = end.into();
        self
    }

    /// A set was asked in it, and answered like this; where it was not answered, nobody knows how much of
    /// `fed` was heard, and it is not told.
    pub(super) fn with_answers(
        self,
        answers: &Result<Answers, SessionError>,
        set: &QuestionSet,
        fed: String,
        word: &str,
    ) -> Self {
        let Ok(answers) = answers else {
            return self.ended(0, word);
        };
        let replies = set.questions.iter().filter_map(|one| answers.reply(one.id));
        let heard = replies.map(|reply| reply.stdout.len()).sum();
        let sent = count(fed.len());
        Self { fed, sent, ..self }.ended(heard, word)
    }
}

fn count(bytes: usize) -> u64 {
    u64::try_from(bytes).unwrap_or(u64::MAX)
}
