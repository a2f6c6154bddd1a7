//! Recorded answers of hosts, and the changes that make many hosts out of few recordings.
//!
//! A recording is a folder: `answers.json` with `{"schema":1,"set":"unix","exits":{id: code}}`, and a
//! file `<id>.txt` for each answer. Recordings come as lists of files in memory, so that a program
//! can carry them with it.

use super::network::Host;
use serde::Deserialize;
use std::collections::BTreeMap;

/// Recordings by name.
#[derive(Clone, Debug, Default)]
pub struct Recordings(BTreeMap<String, Recording>);

/// What one host answered: exit code and output by question id.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Recording(BTreeMap<String, (i32, Vec<u8>)>);

#[derive(Deserialize)]
struct Index {
    schema: u32,
    exits: BTreeMap<String, i32>,
}

impl Recordings {
    /// Reads files named `<recording>/answers.json` and `<recording>/<id>.txt`. Other files are
    /// left alone, and so are folders without `answers.json`.
    ///
    /// # Errors
    ///
    /// Says which recording's `answers.json` does not read.
    pub fn read<'a>(
        files: impl IntoIterator<Item = (&'a str, &'a [u8])>,
    ) -> Result<Self, RecordingError> {
        let mut folders: BTreeMap<&str, BTreeMap<&str, &[u8]>> = BTreeMap::new();
        for (path, bytes) in files {
            if let Some((folder, file)) = path.rsplit_once('/') {
                let name = folder.rsplit('/').next().unwrap_or(folder);
                folders.entry(name).or_default().insert(file, bytes);
            }
        }
        let mut recordings = BTreeMap::new();
        for (name, files) in folders {
            let Some(index) = files.get("answers.json") else {
                continue;
            };
            recordings.insert(name.to_owned(), Recording::read(name, index, &files)?);
        }
        Ok(Self(recordings))
    }

    /// What a host of the network answers: its recording, changed as the host's entry says.
    ///
    /// # Errors
    ///
    /// Says which recording is missing, or which edit finds nothing to change.
    pub fn of(&self, host: &Host) -> Result<Recording, RecordingError> {
        let mut recording = match &host.recording {
            None => Recording::default(),
            Some(name) => self.named(name, host)?,
        };
        recording.change(host)?;
        Ok(recording)
    }

    fn named(&self, name: &str, host: &Host) -> Result<Recording, RecordingError> {
        let found = self.0.get(name).cloned();
        found.ok_or_else(|| RecordingError::Absent {
            host: host.name.clone(),
            recording: name.to_owned(),
        })
    }
}

impl Recording {
    /// The exit code and the output for a question. A question that was not recorded ends as a
    /// command that is not there: 127 and nothing.
    pub fn answer(&self, id: &str) -> (i32, &[u8]) {
        let answer = self.0.get(id);
        answer.map_or((127, &[]), |(exit, output)| (*exit, output))
    }

    fn read(
        name: &str,
        index: &[u8],
        files: &BTreeMap<&str, &[u8]>,
    ) -> Result<Self, RecordingError> {
        let index: Index =
            serde_json::from_slice(index).map_err(|source| RecordingError::Index {
                recording: name.to_owned(),
                source,
            })?;
        if index.schema != 1 {
            return Err(RecordingError::Schema {
                recording: name.to_owned(),
                found: index.schema,
            });
        }
        let output = |id: &str| {
            let file = files.get(format!("{id}.txt").as_str());
            file.map_or_else(Vec::new, |bytes| bytes.to_vec())
        };
        let answer = |(id, exit): (String, i32)| {
            let output = output(&id);
            (id, (exit, output))
        };
        Ok(Self(index.exits.into_iter().map(answer).collect()))
    }

    fn change(&mut self, host: &Host) -> Result<(), RecordingError> {
        for (id, text) in &host.set {
            self.0.insert(id.clone(), (0, text.as_bytes().to_vec()));
        }
        for edit in &host.edit {
            let answer = self.0.get_mut(&edit.question).map(|(_, output)| output);
            let output = answer.filter(|output| contains(output, edit.find.as_bytes()));
            let Some(output) = output else {
                return Err(RecordingError::Edit {
                    host: host.name.clone(),
                    question: edit.question.clone(),
                    find: edit.find.clone(),
                });
            };
            *output = replace(output, edit.find.as_bytes(), edit.with.as_bytes());
        }
        for (id, exit) in &host.exit {
            self.0.insert(id.clone(), (*exit, Vec::new()));
        }
        Ok(())
    }
}

fn contains(text: &[u8], find: &[u8]) -> bool {
    !find.is_empty() && text.windows(find.len()).any(|window| window == find)
}

/// Every `find` in `text` replaced; bytes, because a recording need not be UTF-8.
fn replace(text: &[u8], find: &[u8], with: &[u8]) -> Vec<u8> {
    let (mut out, mut rest) = (Vec::with_capacity(text.len()), text);
    while let Some((first, tail)) = rest.split_first() {
        if let Some(after) = rest.strip_prefix(find) {
            out.extend_from_slice(with);
            rest = after;
        } else {
            out.push(*first);
            rest = tail;
        }
    }
    out
}

/// Why a recording cannot be served.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RecordingError {
    /// Its `answers.json` does not read.
    #[error("answers.json of recording {recording:?} does not read")]
    Index {
        /// The recording.
        recording: String,
        /// What the parser said.
        #[source]
        source: serde_json::Error,
    },
    /// Its shape is of another version.
    #[error("recording {recording:?} has schema {found}, where 1 was expected")]
    Schema {
        /// The recording.
        recording: String,
        /// The version that it states.
        found: u32,
    },
    /// A host wants a recording that is not there.
    #[error("lab host {host:?} wants the recording {recording:?}, which is not there")]
    Absent {
        /// The host.
        host: String,
        /// The recording.
        recording: String,
    },
    /// A host changes what its recording does not hold.
    #[error("lab host {host:?}: {find:?} is not in its answer to {question:?}")]
    Edit {
        /// The host.
        host: String,
        /// The question.
        question: String,
        /// What was looked for.
        find: String,
    },
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lab::Network;

    const FILES: [(&str, &[u8]); 3] = [
        (
            "hosts/d/answers.json",
            br#"{"schema":1,"set":"unix","exits":{"a":0,"b":121}}"#,
        ),
        ("hosts/d/a.txt", b"one two one"),
        ("hosts/other/a.txt", b"no index, no recording"),
    ];

    fn of(changes: &str) -> Result<Recording, RecordingError> {
        let text = format!(
            "schema = 1\nname = \"n\"\n[[host]]\nname = \"h\"\naddresses = [\"127.9.0.1\"]\n\
             recording = \"d\"\n{changes}"
        );
        let network = Network::parse(&text).unwrap();
        Recordings::read(FILES)?.of(&network.hosts[0])
    }

    #[test]
    fn an_answer_that_was_not_recorded_is_a_missing_command() {
        let recording = of("").unwrap();
        assert_eq!(recording.answer("a"), (0, &b"one two one"[..]));
        assert_eq!(recording.answer("b"), (121, &b""[..]));
        assert_eq!(recording.answer("c"), (127, &b""[..]));
    }

    #[test]
    fn a_host_changes_its_recording() {
        let changes = "set = { c = \"new\" }\nexit = { b = 126 }\n\
                       edit = [{ question = \"a\", find = \"one\", with = \"three\" }]";
        let recording = of(changes).unwrap();
        assert_eq!(recording.answer("a"), (0, &b"three two three"[..]));
        assert_eq!(recording.answer("b"), (126, &b""[..]));
        assert_eq!(recording.answer("c"), (0, &b"new"[..]));
    }

    #[test]
    fn an_edit_that_finds_nothing_is_an_error_and_not_a_silence() {
        let changes = "edit = [{ question = \"a\", find = \"four\", with = \"\" }]";
        assert!(matches!(of(changes), Err(RecordingError::Edit { .. })));
        let network = "schema = 1\nname = \"n\"\n[[host]]\nname = \"h\"\n\
                       addresses = [\"127.9.0.1\"]\nrecording = \"gone\"";
        let network = Network::parse(network).unwrap();
        let error = Recordings::read(FILES).unwrap().of(&network.hosts[0]);
        assert!(matches!(error, Err(RecordingError::Absent { .. })));
    }
}
