//! Recorded hosts: what a host answered, as a folder of files, and back.
//!
//! `answers.json` is `{"schema": 1, "set": "unix", "exits": {"uname": 0, …}}`, and `<id>.txt` beside
//! it holds what the question printed, but for product keys; `"gaps": {"os": "denied", …}` is of those
//! that printed nothing, because a protocol of its own refused them. Such a folder is a fixture as it
//! stands.

use super::{COLLECTORS, UNIX, UNIX_PRIVILEGED};
use crate::model::GapCause;
use crate::session::{Answers, Limits, Question, QuestionSet, Reply};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fs;
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};

/// The file that says which questions were answered, and with which exit status.
const INDEX: &str = "answers.json";

/// More than a session would have kept of one answer.
const MOST_BYTES: u64 = 64 << 20;

#[derive(Debug, Deserialize, Serialize)]
struct Index {
    schema: u32,
    set: String,
    exits: BTreeMap<String, i32>,
    /// Why there is nothing of the other questions, as far as anybody knows.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    gaps: BTreeMap<String, GapCause>,
}

/// Writes what a host answered to a set into a folder, which is made if need be.
///
/// # Errors
///
/// When the folder or a file cannot be written.
pub fn save(
    folder: &Path,
    set: &'static QuestionSet,
    answers: &Answers,
) -> Result<(), RecordError> {
    let failed = |path: &Path| {
        let path = path.to_owned();
        move |source| RecordError::Io { path, source }
    };
    fs::create_dir_all(folder).map_err(failed(folder))?;
    let mut index = Index {
        schema: 1,
        set: set.name.to_owned(),
        exits: BTreeMap::new(),
        gaps: BTreeMap::new(),
    };
    for question in questions(set) {
        let Some(reply) = answers.reply(question.id) else {
            if let (true, Err(gap)) = (answers.has(question.id), answers.text(question.id)) {
                index.gaps.insert(question.id.to_owned(), gap.cause);
            }
            continue;
        };
        let path = folder.join(format!("{}.txt", question.id));
        fs::write(&path, without_keys(&reply.stdout)).map_err(failed(&path))?;
        index.exits.insert(question.id.to_owned(), reply.exit);
    }
    let path = folder.join(INDEX);
    let text = serde_json::to_string_pretty(&index).map_err(|source| RecordError::Index {
        path: path.clone(),
        source,
    })?;
    fs::write(&path, text + "\n").map_err(failed(&path))
}

/// What a host may have been asked: the set, and of a Unix what root alone is asked.
fn questions(set: &'static QuestionSet) -> impl Iterator<Item = &'static Question> {
    let as_root = UNIX_PRIVILEGED.questions.iter();
    let is_new = |question: &&Question| {
        set.name == UNIX.name && set.questions.iter().all(|asked| asked.id != question.id)
    };
    set.questions.iter().chain(as_root.filter(is_new))
}

/// Windows and SQL Server keep their product keys, lightly disguised, beside the versions that are
/// read; `reg query` prints them along, and nobody needs them in a folder that is passed on.
fn without_keys(stdout: &[u8]) -> Vec<u8> {
    const NAME: &[u8] = b"    DigitalProductId";
    let is_key = |line: &&[u8]| {
        let name = line.get(..NAME.len());
        name.is_some_and(|name| name.eq_ignore_ascii_case(NAME))
    };
    let lines = stdout.split_inclusive(|byte| *byte == b'\n');
    lines
        .filter(|line| !is_key(line))
        .flatten()
        .copied()
        .collect()
}

/// Reads a recorded folder: the set that was asked, and the answers.
///
/// # Errors
///
/// When a file is missing or too long, or the index is of another schema or set.
pub fn load(folder: &Path) -> Result<(&'static QuestionSet, Answers), RecordError> {
    from_files(folder, |name| read_capped(&folder.join(name)))
}

/// Reads a recording of which `file` gives the files by name; `place` names it in errors.
///
/// # Errors
///
/// As for [`load`].
pub fn from_files(
    place: &Path,
    mut file: impl FnMut(&str) -> io::Result<Vec<u8>>,
) -> Result<(&'static QuestionSet, Answers), RecordError> {
    let mut fetch = |name: &str| {
        file(name).map_err(|source| RecordError::Io {
            path: place.join(name),
            source,
        })
    };
    let path = place.join(INDEX);
    let text = fetch(INDEX)?;
    let index: Index = serde_json::from_slice(&text).map_err(|source| RecordError::Index {
        path: path.clone(),
        source,
    })?;
    let mut sets = COLLECTORS.iter().map(|collector| collector.questions());
    let set = sets.find(|set| index.schema == 1 && set.name == index.set);
    let Some(set) = set else {
        return Err(RecordError::Schema {
            path,
            schema: index.schema,
            set: index.set,
        });
    };
    let limits = Limits::default();
    let mut answers = Answers::default();
    for question in questions(set) {
        if let Some(&exit) = index.exits.get(question.id) {
            let stdout = fetch(&format!("{}.txt", question.id))?;
            answers.record(question.id, &Reply { exit, stdout }, &limits);
        } else if let Some(&cause) = index.gaps.get(question.id) {
            answers.mark(question.id, cause);
        }
    }
    Ok((set, answers))
}

fn read_capped(path: &Path) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    let most = MOST_BYTES + 1;
    let read = fs::File::open(path)?.take(most).read_to_end(&mut bytes)?;
    if u64::try_from(read).is_ok_and(|read| read == most) {
        return Err(io::Error::new(
            io::ErrorKind::FileTooLarge,
            "longer than any answer",
        ));
    }
    Ok(bytes)
}

/// Why a recording could not be written or read.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RecordError {
    /// A file or the folder.
    #[error("recording {}: cannot be read or written; check the path and its rights", path.display())]
    Io {
        /// Which.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The index is no JSON of ours.
    #[error("recording {}: not an index of answers; expected schema, set and exits", path.display())]
    Index {
        /// Which.
        path: PathBuf,
        /// Why.
        source: serde_json::Error,
    },
    /// The index is of another version or speaks of questions that are not ours.
    #[error("recording {}: schema {schema} of set {set:?} is not known here; record it again", path.display())]
    Schema {
        /// Which.
        path: PathBuf,
        /// The schema it states.
        schema: u32,
        /// The set it states.
        set: String,
    },
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_product_key_is_not_recorded() {
        let text = b"HKEY\r\n    UBR    REG_DWORD    0x1\r\n    DigitalProductId4    REG_BINARY    A4\r\n    DigitalProductID    REG_BINARY    A4\r\n\r\n";
        let kept = b"HKEY\r\n    UBR    REG_DWORD    0x1\r\n\r\n";
        assert_eq!(without_keys(text), kept);
        assert_eq!(without_keys(b"DigitalProductId"), b"DigitalProductId");
    }

    #[test]
    fn what_is_saved_is_loaded_again_exits_and_odd_bytes_included() {
        let folder = tempfile::tempdir().unwrap();
        let mut answers = Answers::default();
        let limits = Limits::default();
        let reply = |exit, stdout: &[u8]| Reply {
            exit,
            stdout: stdout.to_vec(),
        };
        answers.record("uname", &reply(0, b"Linux\n\xff"), &limits);
        answers.record("listeners", &reply(120, b""), &limits);
        answers.mark("identity", GapCause::Denied);
        answers.mark("interfaces", GapCause::TimedOut);
        let place = folder.path().join("host");
        save(&place, &UNIX, &answers).unwrap();
        let (set, loaded) = load(&place).unwrap();
        assert_eq!((set.name, loaded), ("unix", answers));
    }

    #[test]
    fn another_schema_is_refused() {
        let text = br#"{"schema": 2, "set": "unix", "exits": {}}"#;
        let error = from_files(Path::new("x"), |_| Ok(text.to_vec())).unwrap_err();
        assert!(matches!(error, RecordError::Schema { schema: 2, .. }));
    }
}
