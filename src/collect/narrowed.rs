//! Fewer questions: those that decide some verdicts, and those that every verdict needs.
//!
//! A set is a constant of the program. A narrowed one is made once and kept for as long as the program runs; there
//! are never more than [`MOST`], and who wants another is given the whole set.

use super::questions::{
    APK_PACKAGES, FREEBSD_BASE, OPKG_PACKAGES, PACMAN_PACKAGES, PKG_PACKAGES, PORTAGE_PACKAGES,
    RPM_PACKAGES, RPM_REPOSITORIES,
};
use super::state::questions as state;
use super::unix::{
    DPKG_PACKAGES, IDENTITY, INTERFACES, KERNELS, NAMES, OS_RELEASE, REBOOT, RELEASE_FILES, UNAME,
    VIRTUAL,
};
use super::windows::of_evidence;
use super::{UNIX_PRIVILEGED, WINDOWS};
use crate::model::Evidence;
use crate::session::{Ask, Question, QuestionSet};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::{LazyLock, Mutex, PoisonError};

/// How many narrowed sets there may be; each costs a few kilobytes.
const MOST: usize = 64;

/// What every verdict on a Unix needs: which system and release, which machine, which kernel runs and could,
/// what it is entitled to and subscribed to, which streams, and what waits for a restart.
const OF_EVERY_UNIX: &[&str] = &[
    UNAME,
    OS_RELEASE,
    RELEASE_FILES,
    KERNELS,
    REBOOT,
    IDENTITY,
    INTERFACES,
    NAMES,
    VIRTUAL,
    FREEBSD_BASE,
    state::SOURCES,
    state::SUBSCRIPTION,
    state::PRODUCTS,
    state::MODULES,
    state::LIVE_PATCHES,
    state::STALE,
];

/// The part of a set that verdicts with this evidence need: `evidence` are the questions and sources that findings
/// name. A word that nobody knows asks everything.
pub fn narrowed(set: &'static QuestionSet, evidence: &BTreeSet<String>) -> &'static QuestionSet {
    let Some(wanted) = wanted(set, evidence) else {
        return set;
    };
    let is_kept = |question: &&Question| match question.ask {
        Ask::InsteadOf(other, _) => wanted.contains(question.id) && wanted.contains(other),
        _ => wanted.contains(question.id),
    };
    let kept: Vec<Question> = set.questions.iter().filter(is_kept).copied().collect();
    if kept.len() == set.questions.len() {
        return set;
    }
    known(set, kept)
}

/// The words of a finding's evidence: its question, and where its witnesses were read.
pub fn words_of(evidence: &Evidence) -> impl Iterator<Item = &str> {
    let sources = evidence.witnesses.iter();
    let sources = sources.filter_map(|one| one.source.split([' ', '(']).next());
    // A path or a key is of the question that read it.
    let known = sources.filter(|word| of_unix(word).or_else(|| of_evidence(word)).is_some());
    [evidence.question.as_str()].into_iter().chain(known)
}

/// Ids of questions.
type Ids = &'static [&'static str];

/// The ids of the questions, also of some that the set does not have; `None` for all of them.
fn wanted(set: &QuestionSet, evidence: &BTreeSet<String>) -> Option<BTreeSet<&'static str>> {
    let (every, of): (Ids, fn(&str) -> Option<Ids>) = if set.name == WINDOWS.name {
        (super::windows::OF_EVERY_WINDOWS, of_evidence)
    } else {
        (OF_EVERY_UNIX, of_unix)
    };
    let mut wanted: BTreeSet<&'static str> = every.iter().copied().collect();
    for word in evidence {
        wanted.extend(of(word)?);
    }
    Some(wanted)
}

/// Every list of packages that verdicts are made from.
const ANY_PACKAGES: &[&str] = &[
    DPKG_PACKAGES,
    RPM_PACKAGES,
    RPM_REPOSITORIES,
    APK_PACKAGES,
    PACMAN_PACKAGES,
    PKG_PACKAGES,
    OPKG_PACKAGES,
    PORTAGE_PACKAGES,
];

/// The questions behind a word of evidence about a Unix.
fn of_unix(word: &str) -> Option<&'static [&'static str]> {
    Some(match word {
        "dpkg-packages" => &[DPKG_PACKAGES],
        "rpm-packages" => &[RPM_PACKAGES, RPM_REPOSITORIES],
        "apk-packages" => &[APK_PACKAGES],
        "pacman-packages" => &[PACMAN_PACKAGES],
        "pkg-packages" => &[PKG_PACKAGES],
        // Told beside the packages, whoever lists them: who does not is asked in vain, which costs nothing.
        "stale" | "uname" | "os-release" | "catalogue" | "packages" => ANY_PACKAGES,
        _ => return None,
    })
}

type Narrowed = BTreeMap<(&'static str, Vec<&'static str>), &'static QuestionSet>;

/// The set of these questions, made at its first use.
fn known(whole: &'static QuestionSet, questions: Vec<Question>) -> &'static QuestionSet {
    static KNOWN: LazyLock<Mutex<Narrowed>> = LazyLock::new(Mutex::default);
    let ids = questions.iter().map(|question| question.id).collect();
    let mut known = KNOWN.lock().unwrap_or_else(PoisonError::into_inner);
    let key = (whole.name, ids);
    if let Some(set) = known.get(&key) {
        return set;
    }
    if known.len() >= MOST {
        return whole;
    }
    let set: &'static QuestionSet = Box::leak(Box::new(QuestionSet {
        questions: Vec::leak(questions),
        ..*whole
    }));
    known.insert(key, set);
    set
}

/// Whether a set is one of ours, and asks less than the whole one.
pub(super) fn is_narrowed(set: &QuestionSet) -> bool {
    let wholes = [&super::UNIX, &WINDOWS, &UNIX_PRIVILEGED];
    let whole = wholes.iter().find(|whole| whole.name == set.name);
    whole.is_some_and(|whole| set.questions.len() < whole.questions.len())
}
