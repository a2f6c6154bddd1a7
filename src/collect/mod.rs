//! Reading what a host is and what is installed on it.
//!
//! A collector never talks: it lists the questions and reads the answers. A
//! [`crate::session::Session`] does the talking, for every family alike. To add a family, write one
//! file and add one line to [`COLLECTORS`].
//!
//! [`Inventory::gaps`] lists the open questions that a verdict or a required fact needs: which
//! release, which packages, which kernels, whether a reboot is due, what listens. Facts that are
//! root's alone or merely help to tell machines apart are unknown where they are missing, and do not
//! make a scan partial.

mod account;
mod alpine;
mod arch;
mod assemble;
mod debian;
mod extras;
mod facts;
mod freebsd;
mod generic;
mod identity;
mod lists;
mod macos;
mod narrowed;
mod os_release;
mod others;
mod platform;
mod privileged;
mod questions;
mod receipts;
mod record;
mod redhat;
mod rpm;
mod rpm_kernel;
mod services;
mod state;
mod suse;
mod unix;
mod windows;

pub use account::{Account, Rank, UNIX_ACCOUNT, WINDOWS_ACCOUNT, account, account_questions};
pub use facts::{FactsError, FactsFault, FactsReader};
pub use narrowed::{narrowed, words_of};
pub use privileged::{UNIX_PRIVILEGED, told_by_root};
pub use record::{RecordError, from_files, load, save};
pub use unix::UNIX;
pub use windows::{OfflineError, WINDOWS, from_tools};

use crate::model::{GapCause, Inventory, Platform};
use crate::session::{Answers, QuestionSet};

/// Every collector, in the order in which they are offered the answers to their set: the last of a
/// set takes any.
pub const COLLECTORS: &[&dyn Collector] = &[
    &debian::Debian,
    &suse::Suse,
    &redhat::RedHat,
    &alpine::Alpine,
    &arch::Arch,
    &freebsd::FreeBsd,
    &macos::MacOs,
    &others::OpenWrt,
    &others::Gentoo,
    &generic::Generic,
    &windows::Windows,
];

/// Knows how one family tells what is installed.
pub trait Collector: Send + Sync {
    /// The name in logs, fixtures and the database.
    fn name(&self) -> &'static str;

    /// The questions whose answers it reads; families that share a shell share a set.
    fn questions(&self) -> &'static QuestionSet;

    /// What the host runs, or `None` when these answers are not from this family.
    fn platform(&self, answers: &Answers) -> Option<Platform>;

    /// Reads the answers. Never fails: what cannot be read is [`crate::model::Observed::Unknown`].
    fn read(&self, platform: &Platform, answers: &Answers) -> Inventory;
}

/// What is lost where a question has no answer, in a sentence; `None` where there is no such question.
pub fn lost_without(question: &str) -> Option<&'static str> {
    let sets = [&UNIX, &WINDOWS, &UNIX_PRIVILEGED];
    let mut all = sets.into_iter().flat_map(|set| set.questions);
    all.find(|known| known.id == question)
        .map(|known| known.loss)
}

/// What a host's answers to a set amount to; `None` when they do not even tell its kernel.
pub fn read(set: &QuestionSet, answers: &Answers) -> Option<Inventory> {
    let (collector, platform) = recognise(set, answers)?;
    let mut inventory = collector.read(&platform, answers);
    // Who asks less by intent has lost nothing.
    if narrowed::is_narrowed(set) {
        let is_asked = |id: &str| set.questions.iter().any(|question| question.id == id);
        let gaps = &mut inventory.gaps;
        gaps.retain(|gap| gap.cause != GapCause::NotAsked || is_asked(&gap.question));
    }
    Some(inventory)
}

/// The collector that knows a host by its answers to a set, and what the host runs.
pub fn recognise(
    set: &QuestionSet,
    answers: &Answers,
) -> Option<(&'static dyn Collector, Platform)> {
    COLLECTORS
        .iter()
        .filter(|collector| collector.questions().name == set.name)
        .find_map(|collector| Some((*collector, collector.platform(answers)?)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::session::{Limits, Reply};

    /// Records that a question was answered with a text.
    pub(super) fn answer(answers: &mut Answers, id: &'static str, text: &str) {
        let reply = Reply {
            exit: 0,
            stdout: text.as_bytes().to_vec(),
        };
        answers.record(id, &reply, &Limits::default());
    }

    /// Answers to some questions.
    pub(super) fn answers(texts: &[(&'static str, &str)]) -> Answers {
        let mut answers = Answers::default();
        for (id, text) in texts {
            answer(&mut answers, id, text);
        }
        answers
    }

    #[test]
    fn a_host_that_does_not_tell_its_kernel_is_not_read() {
        assert!(read(&UNIX, &Answers::default()).is_none());
        assert!(read(&UNIX, &answers(&[(unix::UNAME, "\n")])).is_none());
    }

    #[test]
    fn every_question_says_what_it_needs_and_what_is_lost_without_it() {
        use crate::session::Needs;
        let sets = [
            &UNIX,
            &UNIX_PRIVILEGED,
            &WINDOWS,
            &UNIX_ACCOUNT,
            &WINDOWS_ACCOUNT,
        ];
        for set in sets {
            for question in set.questions {
                let named = format!("{} of {}", question.id, set.name);
                assert!(question.loss.ends_with('.'), "{named}");
                assert!(question.loss.len() > 20, "{named}");
                let is_unix = matches!(question.ask, crate::session::Ask::Sh(_));
                let needs_unix = matches!(question.needs, Needs::Login | Needs::Root);
                assert_eq!(is_unix, needs_unix, "{named}");
            }
        }
        let first = UNIX.questions.iter();
        assert!(first.clone().all(|question| question.needs == Needs::Login));
        let second = UNIX_PRIVILEGED.questions.iter();
        assert!(second.clone().all(|question| question.needs == Needs::Root));
    }

    #[test]
    fn question_ids_are_unique_and_serve_as_file_names() {
        let mut ids: Vec<_> = UNIX.questions.iter().map(|question| question.id).collect();
        ids.sort_unstable();
        ids.dedup();
        assert_eq!(ids.len(), UNIX.questions.len());
        let plain = |id: &&str| {
            id.bytes()
                .all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-')
        };
        assert!(ids.iter().all(plain));
    }

    #[test]
    fn nothing_that_is_asked_needs_rights_or_starts_anything() {
        let words = [
            "sudo",
            "apt-get",
            "docker ps",
            "snap list",
            "systemctl",
            "rm ",
            "mv ",
            ">>",
        ];
        for question in UNIX.questions {
            let crate::session::Ask::Sh(script) = question.ask else {
                panic!("{} is not for a shell", question.id);
            };
            for word in words {
                assert!(!script.contains(word), "{}: {word}", question.id);
            }
        }
    }
}
