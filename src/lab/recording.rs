//! Recorded answers of hosts, and the changes that make many hosts out of few recordings.
//!
//! A recording is a folder: `answers.json` with `{"schema":1,"set":"unix","exits":{id: code}}`, and a
//! file `<id>.txt` for each answer. Recordings come as lists of files in memory, so that a program
//! can carry them with it.

use super::network::{Changes, Edit, Host, Network};
use crate::model::hex;
use serde::Deserialize;
use sha2::{Digest as _, Sha256};
use std::collections::BTreeMap;
use std::sync::Arc;

/// Recordings by name.
#[derive(Clone, Debug, Default)]
pub struct Recordings(BTreeMap<String, Recorded>);

#[derive(Clone, Debug)]
struct Recorded {
    /// Which questions were asked: `unix`, `windows`.
    set: String,
    recording: Recording,
}

/// What one host answered: exit code and output by question id. Hosts of one recording share the outputs that are
/// the same for all: ten thousand of them fit into memory.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Recording(BTreeMap<String, (i32, Arc<[u8]>)>);

#[derive(Deserialize)]
struct Index {
    schema: u32,
    #[serde(default)]
    set: String,
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
            recordings.insert(name.to_owned(), Recorded::read(name, index, &files)?);
        }
        Ok(Self(recordings))
    }

    /// What a host of a network answers: its recording, changed as the network's file says.
    ///
    /// # Errors
    ///
    /// Says which recording is missing, or which edit finds nothing to change.
    pub fn of(&self, network: &Network, host: &Host) -> Result<Recording, RecordingError> {
        let Some(name) = &host.recording else {
            let mut recording = Recording::default();
            recording.change(&host.changes, network, host)?;
            return Ok(recording);
        };
        let Recorded { set, mut recording } = self.named(name, host)?;
        if set != "windows" {
            recording.change(&network.every, network, host)?;
        }
        recording.change(&host.changes, network, host)?;
        Ok(recording)
    }

    /// What root is answered, where the host lets anybody be root.
    ///
    /// # Errors
    ///
    /// As for [`Self::of`].
    pub fn of_root(
        &self,
        network: &Network,
        host: &Host,
    ) -> Result<Option<Recording>, RecordingError> {
        let Some(changes) = &host.root else {
            return Ok(None);
        };
        let mut recording = self.of(network, host)?;
        recording.change(changes, network, host)?;
        Ok(Some(recording))
    }

    fn named(&self, name: &str, host: &Host) -> Result<Recorded, RecordingError> {
        let found = self.0.get(name).cloned();
        found.ok_or_else(|| RecordingError::Absent {
            host: host.name.clone(),
            recording: name.to_owned(),
        })
    }
}

impl Recorded {
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
            file.map_or_else(Arc::default, |bytes| Arc::from(*bytes))
        };
        let answer = |(id, exit): (String, i32)| {
            let output = output(&id);
            (id, (exit, output))
        };
        let recording = Recording(index.exits.into_iter().map(answer).collect());
        let set = index.set;
        Ok(Self { set, recording })
    }
}

impl Recording {
    /// The exit code and the output for a question. A question that was not recorded ends as a
    /// command that is not there: 127 and nothing.
    pub fn answer(&self, id: &str) -> (i32, &[u8]) {
        let answer = self.0.get(id);
        answer.map_or((127, &[]), |(exit, output)| (*exit, output))
    }

    fn change(
        &mut self,
        changes: &Changes,
        network: &Network,
        host: &Host,
    ) -> Result<(), RecordingError> {
        let disguise = Disguise::of(network, host);
        for (id, text) in &changes.set {
            let text = disguise.put_on(text).into_bytes();
            self.0.insert(id.clone(), (0, text.into()));
        }
        for edit in &changes.edit {
            let (question, find, with) = match edit {
                Edit::Text(edit) => (&edit.question, edit.find.clone(), &edit.with),
                Edit::Line(edit) => (&edit.question, format!("line {}", edit.line), &edit.with),
            };
            let with = disguise.put_on(with);
            let answer = self.0.get_mut(question).map(|(_, output)| output);
            let changed = answer.and_then(|output| Some((edit.apply(output, &with)?, output)));
            let Some((changed, output)) = changed else {
                return Err(RecordingError::Edit {
                    host: host.name.clone(),
                    question: question.clone(),
                    find,
                });
            };
            *output = changed.into();
        }
        for (id, exit) in &changes.exit {
            self.0.insert(id.clone(), (*exit, Arc::default()));
        }
        Ok(())
    }
}

impl Edit {
    /// The changed answer, if what is to be changed is there.
    fn apply(&self, output: &[u8], with: &str) -> Option<Vec<u8>> {
        match self {
            Self::Text(edit) => {
                let find = edit.find.as_bytes();
                contains(output, find).then(|| replace(output, find, with.as_bytes()))
            }
            Self::Line(edit) => {
                let mut lines: Vec<&[u8]> = output.split(|byte| *byte == b'\n').collect();
                let line = lines.get_mut(edit.line.checked_sub(1)?)?;
                *line = with.as_bytes();
                Some(lines.join(&b'\n'))
            }
        }
    }
}

/// What makes a host of a recording a machine of its own.
struct Disguise([(&'static str, String); 6]);

impl Disguise {
    fn of(network: &Network, host: &Host) -> Self {
        let made_up = |what: &str| {
            let text = format!("{what}\0{}\0{}", network.name, host.name);
            hex(&Sha256::digest(text))
        };
        let cut = |text: &str, from, to| text.get(from..to).unwrap_or_default().to_owned();
        let boot = made_up("boot");
        let boot = [(0, 8), (8, 12), (12, 16), (16, 20), (20, 32)].map(|(a, b)| cut(&boot, a, b));
        let mac = made_up("mac");
        let mac = [0, 2, 4, 6].map(|at| cut(&mac, at, at + 2));
        let address = host.addresses.first().map(ToString::to_string);
        Self([
            ("{name}", host.name.clone()),
            ("{long}", "x".repeat(10_000)),
            ("{address}", address.unwrap_or_default()),
            ("{machine-id}", cut(&made_up("machine"), 0, 32)),
            ("{boot-id}", boot.join("-")),
            // 52:54 is what QEMU gives its guests.
            ("{mac}", format!("52:54:{}", mac.join(":"))),
        ])
    }

    fn put_on(&self, text: &str) -> String {
        let mut text = text.to_owned();
        for (placeholder, value) in &self.0 {
            text = text.replace(placeholder, value);
        }
        text
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
        Recordings::read(FILES)?.of(&network, &network.hosts[0])
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
        let changes = "changes.set = { c = \"new\" }\nchanges.exit = { b = 126 }\n\
                       changes.edit = [{ question = \"a\", find = \"one\", with = \"three\" }]";
        let recording = of(changes).unwrap();
        assert_eq!(recording.answer("a"), (0, &b"three two three"[..]));
        assert_eq!(recording.answer("b"), (126, &b""[..]));
        assert_eq!(recording.answer("c"), (0, &b"new"[..]));
    }

    #[test]
    fn an_edit_that_finds_nothing_is_an_error_and_not_a_silence() {
        let changes = "changes.edit = [{ question = \"a\", find = \"four\", with = \"\" }]";
        assert!(matches!(of(changes), Err(RecordingError::Edit { .. })));
        let network = "schema = 1\nname = \"n\"\n[[host]]\nname = \"h\"\n\
                       addresses = [\"127.9.0.1\"]\nrecording = \"gone\"";
        let network = Network::parse(network).unwrap();
        let error = Recordings::read(FILES)
            .unwrap()
            .of(&network, &network.hosts[0]);
        assert!(matches!(error, Err(RecordingError::Absent { .. })));
    }

    #[test]
    fn what_is_changed_everywhere_is_not_changed_in_a_windows() {
        let files: [(&str, &[u8]); 2] = [
            (
                "w/answers.json",
                br#"{"schema":1,"set":"windows","exits":{"os":0}}"#,
            ),
            ("w/os.txt", b"Caption=W\n"),
        ];
        let network = "schema = 1\nname = \"n\"\n[every]\nset.os = \"x\"\n\
            edit = [{ question = \"uname\", line = 2, with = \"x\" }]\n\
            [[host]]\nname = \"w\"\naddresses = [\"127.9.0.1\"]\nrecording = \"w\"\n";
        let network = Network::parse(network).unwrap();
        let recording = Recordings::read(files).unwrap();
        let recording = recording.of(&network, &network.hosts[0]).unwrap();
        assert_eq!(recording.answer("os"), (0, &b"Caption=W\n"[..]));
    }

    #[test]
    fn every_host_gets_an_identity_of_its_own() {
        let host = |name: &str, last: u8| {
            format!(
                "[[host]]\nname = \"{name}\"\naddresses = [\"127.9.0.{last}\"]\nrecording = \"d\"\n"
            )
        };
        let every = "[every]\nset.a = \"{name} {address} {machine-id} {boot-id} {mac}\\nx\"\n\
                     edit = [{ question = \"a\", line = 2, with = \"{name}\" }]\n";
        let text = format!(
            "schema = 1\nname = \"n\"\n{every}{}{}",
            host("one", 1),
            host("two", 2)
        );
        let network = Network::parse(&text).unwrap();
        let recordings = Recordings::read(FILES).unwrap();
        let answer = |index: usize| {
            let recording = recordings.of(&network, &network.hosts[index]).unwrap();
            String::from_utf8(recording.answer("a").1.to_vec()).unwrap()
        };
        let (one, two) = (answer(0), answer(1));
        assert!(
            one.starts_with("one 127.9.0.1 ") && one.ends_with("\none"),
            "{one}"
        );
        let lengths: Vec<usize> = one.split([' ', '\n']).map(str::len).collect();
        assert_eq!(lengths, [3, 9, 32, 36, 17, 3]);
        assert!(
            one.split(' ')
                .zip(two.split(' '))
                .all(|(one, two)| one != two)
        );
    }
}
